//! hydrant: a console for a social-stream-to-topics pipeline on AWS.
//!
//! Two doors over the same rooms; the rooms do not know which door one came by. Arrows run downward only.
//!
//! ```text
//! cli        the command line: parses, asks, prints text or JSON, gives exit codes
//! console    the terminal console: state is data, effects are data, one driver
//!   │
//! host       the remote host over ssh: reached, provisioned, run on
//! spark      the same combine and fit on a Spark that exists: a job, where it runs, and what is made of what it leaves
//! topics     from hours to words: topic models, fitted, kept, read
//!   │
//! lake       hourly folders of records: browsed, opened, combined into one file an hour
//!   │
//! stack      what hydrant owns in AWS, the pipeline and the notebook: planned, applied, watched, torn down, audited
//! stream     posts in, records out, nothing lost
//! logs       CloudWatch logs, tailed: history, then what comes in
//!   │
//! sandbox    an embedded cloud, feed and host on this machine: a server like any other
//!
//! cloud      the AWS clients, made once from the settings; the table of what may be called
//! settings   flags, environment, .env, hydrant.toml, defaults; each value with its origin
//! progress   how long work tells what it does
//! text       the one gate for foreign text
//! ring       a byte-bounded ring that counts what it dropped
//! browser    opens a secret link in the operator's browser, and keeps it out of every list of processes
//! ```
//!
//! What changes the world is a plan first. Every call goes through [`cloud::Cloud::call`], which checks it against
//! the table of operations; every change is journalled before it is made and recorded after it.

pub mod browser;
pub mod cli;
pub mod cloud;
pub mod console;
pub mod host;
pub mod lake;
pub mod logs;
pub mod progress;
pub mod ring;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod settings;
pub mod spark;
pub mod stack;
pub mod stream;
pub mod text;
pub mod topics;
