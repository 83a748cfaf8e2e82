//! Posts in, records out, nothing lost.
//!
//! ```text
//! service     a run in the background: start, status, tail, drain, stop
//!   │
//! pipeline    the way in, and the whole          deliver   the way out
//!   │
//! source      where posts come from: x, jetstream, replay
//! rules       X's rules, made from search terms
//! lines       bytes into lines
//! wire        lines of a source, read: what each is, and the posts in it
//! post        a post, whatever its source
//! wording     a post's text taken apart
//! words       lists of words, and where a text has one of them
//! filter      which posts are kept
//! dedup       which posts were seen already
//! record      the 53 columns, to and from bytes
//! intake      what becomes of a line
//! group       what was taken and is not safe yet: flushed together
//! spool       what is not delivered yet, on disk
//! deletes     posts that their authors took back
//! quarantine  what could not be used, kept to be looked at
//! sink        where records go: firehose, csv
//! counters    how many posts went where, always balanced
//! money, gaps what a paid source costs; when a source was away
//! live        what a run tells of itself while it goes on
//! cloud_log   the same as lines in the stack's log group
//! ```

pub mod cloud_log;
pub mod counters;
pub mod dedup;
pub mod deletes;
pub mod deliver;
pub mod filter;
pub mod gaps;
pub mod group;
pub mod intake;
pub mod lines;
pub mod live;
pub mod money;
pub mod pipeline;
pub mod post;
pub mod quarantine;
pub mod record;
pub mod rules;
pub mod service;
pub mod sink;
pub mod source;
pub mod spool;
pub mod wire;
pub mod wording;
pub mod words;

/// What can go wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A file of a replay cannot be read.
    #[error(transparent)]
    Unreadable(source::replay::Unreadable),
    /// The source refuses, and only a person can help.
    #[error("{0}")]
    Refused(String),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] spool::SpoolError),
    /// A file.
    #[error("cannot {what}: {source}")]
    Disk {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Posts that were read could not be kept.
    #[error("{} not kept: {why}", crate::text::counted(.posts, "post that was read is", "posts that were read are"))]
    NotKept {
        /// How many.
        posts: u64,
        /// Why.
        why: String,
    },
    /// A run in the background ended, and not as it should have.
    #[error("the stream ended with a failure: {0}")]
    Failed(String),
    /// Words that make no filter.
    #[error(transparent)]
    Filter(#[from] words::TooManyWords),
    /// Terms that make no rules.
    #[error(transparent)]
    Terms(#[from] rules::TermsError),
    /// X's API.
    #[error(transparent)]
    Api(#[from] source::x::api::ApiError),
    /// The service's own side.
    #[error(transparent)]
    Service(#[from] service::ServiceError),
    /// A task of hydrant ended as none should.
    #[error("a part of the stream ended unexpectedly: {0}")]
    Broken(String),
}
