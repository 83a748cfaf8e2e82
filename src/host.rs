//! The remote host over ssh.
//!
//! ```text
//! way       where the host is, and with which key: from the settings or from the stack's instance
//! session   one connection that many commands share, kept alive and taken up again
//! output    a command on the host and what came of it
//! facts     what the host is: its system, its room, its clock
//! task      check, apply, verify: a step that runs only when it is needed
//! recipe    the tasks that make a host ready
//! upload    a file put there whole or not at all
//! service   the stream service on the host: started, drained, asked
//! ```
//!
//! Host keys are strict, always; the user's own ssh settings take no part. Secrets travel by standard input only.

pub mod facts;
pub mod output;
pub mod recipe;
pub mod service;
pub mod session;
pub mod task;
mod upload;
pub mod way;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, CloudError, Terms};
use crate::progress::{Phase, Progress};
use crate::settings::{Folders, Settings, SettingsError};
use crate::stack::graph::Part;
use crate::stack::{Stack, StackError};
use crate::text::counted;

pub use session::Host;
use way::Found;
pub use way::Way;

/// How long a host that boots is waited for.
pub const BOOTING: Duration = Duration::from_mins(5);
/// How long one that should be up is waited for.
pub const UP: Duration = Duration::from_secs(5);
/// How often it is asked whether an instance has come up.
const LOOK: Duration = Duration::from_secs(3);

/// Finds the way to the host: the settings', or the stack's instance, which is waited for as long as `patience`.
pub async fn find(
    settings: &Settings,
    folders: &Folders,
    patience: Duration,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Way, HostError> {
    let began = Instant::now();
    let mut said = String::new();
    loop {
        let stack = async || -> Result<Stack, HostError> {
            let cloud = Cloud::connect(settings, Terms { readonly: true, changes: None }).await?;
            let (settings, stop) = (settings.clone(), stop.clone());
            Ok(Stack::open(Part::Pipeline, cloud, settings, folders, Progress::silent(), stop).await?)
        };
        let found = tokio::select! {
            found = Way::find(settings, stack) => found?,
            () = stop.cancelled() => return Err(HostError::Interrupted),
        };
        let why = match found {
            Found::Way(way) => return Ok(way),
            Found::NotYet(why) => why,
        };
        if began.elapsed() >= patience {
            let what = "the host is not there".to_owned();
            return Err(HostError::TooLong { what, limit: patience, last: why });
        }
        if said != why {
            progress.tell("host", "instance", Phase::Waiting, why.clone());
            said = why;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return Err(HostError::Interrupted),
        }
    }
}

/// Finds the host and connects to it, waiting as long as `patience` for one that boots.
pub async fn connect(
    settings: &Settings,
    folders: &Folders,
    patience: Duration,
    progress: Progress,
    stop: CancellationToken,
) -> Result<Host, HostError> {
    let way = find(settings, folders, patience, &progress, &stop).await?;
    Host::connect(way, patience, progress, stop).await
}

/// What can go wrong with the host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A call to AWS failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The stack cannot be read.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// What is wanted of the host is not written as it must be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// With a custom endpoint, addresses of instances are made up.
    #[error(
        "where the host is, a custom endpoint cannot say: give `host_address` (the sandbox's own line has it)"
    )]
    NoAddress,
    /// There is no host.
    #[error("the stack has no instance: `hydrant up` makes it, or `host_address` names another host")]
    NoInstance,
    /// The setting is no address.
    #[error("`host_address` must be an address with a port, such as 203.0.113.7:22, not `{0}`")]
    BadAddress(String),
    /// The key is not on this machine.
    #[error("the key {0} is not there: the host was made elsewhere, or `host_key_file` is wrong")]
    NoKey(PathBuf),
    /// The host was provisioned with other limits on what a stream may cost.
    #[error(
        "the stream was not started, for the host would spend by other limits: {0}; `hydrant host provision` brings these there, or say the limit for this start with `--set`"
    )]
    OtherLimits(String),
    /// What waits on the host is not all delivered.
    #[error(
        "{} still on the host, so nothing was torn down: `hydrant stream status --on host` says why", counted(*.0, "post waits", "posts wait")
    )]
    NotDrained(u64),
    /// It could not be had delivered what waits on the host.
    #[error("what waits on the host could not be delivered, so nothing was torn down: {0}")]
    NotDelivered(Box<HostError>),
    /// Others can read the key; ssh would not use it.
    #[error("the key {path} can be read by others (mode {mode:o}): `chmod 600` it")]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The host shows a key that is not the one it should have.
    #[error(
        "the host at {address} shows another key than the one that {alias} is known by in {known_hosts}: it is not the host that was made, or somebody is in between; nothing was sent to it"
    )]
    WrongHostKey {
        /// Where.
        address: String,
        /// The name it is known under.
        alias: String,
        /// Where keys are known.
        known_hosts: PathBuf,
    },
    /// Nobody said which key the host has.
    #[error(
        "the key of the host at {address} is not known: {known_hosts} has none for {alias}, so the host was made elsewhere; nothing was sent to it"
    )]
    UnknownHostKey {
        /// Where.
        address: String,
        /// The name it would be known under.
        alias: String,
        /// Where keys are known.
        known_hosts: PathBuf,
    },
    /// The host does not let the operator in.
    #[error("the host at {address} does not let {user} in with {key_file}")]
    Denied {
        /// Where.
        address: String,
        /// As whom.
        user: String,
        /// With which key.
        key_file: PathBuf,
    },
    /// Nobody answers.
    #[error("the host at {address} does not answer: {why}")]
    Unreachable {
        /// Where.
        address: String,
        /// ssh's own words.
        why: String,
    },
    /// A wait took too long.
    #[error("{what} after {} s: {last}", .limit.as_secs())]
    TooLong {
        /// What did not come about.
        what: String,
        /// How long it was waited for.
        limit: Duration,
        /// What was seen last.
        last: String,
    },
    /// The connection is gone, and could not be taken up again.
    #[error("the connection to the host was lost")]
    Lost,
    /// There is no ssh here.
    #[error("there is no ssh program here: install openssh-client")]
    NoSsh(#[source] std::io::Error),
    /// A command ran and said no.
    #[error("{what} failed on the host (exit {code}): {said}")]
    Command {
        /// What it was for.
        what: String,
        /// Its exit code.
        code: i32,
        /// The last lines that it wrote.
        said: String,
    },
    /// A command did not end.
    #[error("{what} did not end on the host within {} s", .limit.as_secs())]
    Slow {
        /// What it was for.
        what: String,
        /// How long it had.
        limit: Duration,
    },
    /// A file of this machine.
    #[error("cannot {what} {path}")]
    File {
        /// Read, write, make.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operator asked to stop.
    #[error("stopped as asked")]
    Interrupted,
}

impl HostError {
    /// Whether the operator asked for the end of it.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Stack(StackError::Interrupted))
    }

    /// Whether it may be different in a moment: the host boots, or the network is back.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost)
    }

    fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
