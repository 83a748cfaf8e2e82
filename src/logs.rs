//! CloudWatch logs, tailed: history first, then what comes in, each event once, late ones where they belong.
//!
//! ```text
//! groups   what log groups there are
//! line     an event as it is shown: its level, its JSON folded into columns
//! moment   `10m`, `2h` or a time: where a tail begins
//! window   the overlap in which late events are looked for, and what was shown of it
//! merge    the histories of several groups in one order of time
//! live     Live Tail: events as they come in, at once but without ids, and sampled when there are many
//! tail     all of it together
//! growing  files of this machine, read as they grow
//! file     those of other programs, tailed as a group is
//! own      hydrant's own, tailed as a group is
//! ```
//!
//! Nothing here keeps what it read: a listener is handed every event, and what it does with them is its own affair.

pub mod file;
pub mod groups;
mod growing;
pub mod line;
mod live;
mod merge;
pub mod moment;
pub mod own;
pub mod tail;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cloud::{CloudError, Failure};

pub use groups::{Group, groups};
pub use tail::{Ending, Follow, Note, PATIENCE, Request, Told, tail};
pub(crate) use window::Unmatched;

/// One event of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// The group's name.
    pub group: Arc<str>,
    /// The stream's name in it.
    pub stream: Arc<str>,
    /// When it happened, as whoever wrote it says; to the millisecond.
    pub at: Timestamp,
    /// When CloudWatch took it in.
    pub ingested: Option<Timestamp>,
    /// What it says, as it was written.
    pub message: String,
    /// Whether it came after events that are newer had been shown.
    pub is_late: bool,
}

/// How far streams are read whose lines bear no times by which one could go on: by group and stream, in bytes or in lines
/// as whoever reads them counts.
pub type Marks = BTreeMap<(Arc<str>, Arc<str>), u64>;

/// Why logs cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogsError {
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// There is no such group.
    #[error("there is no log group {0} in this region: `hydrant logs groups` lists them")]
    NoGroup(String),
    /// CloudWatch cannot read the pattern.
    #[error("CloudWatch does not take the filter pattern `{pattern}`: {why}")]
    BadPattern {
        /// As it was given.
        pattern: String,
        /// CloudWatch's own words.
        why: String,
    },
    /// A log file of hydrant's own cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl LogsError {
    /// What a failed call about a group means.
    fn of(error: CloudError, group: &str, pattern: Option<&str>) -> Self {
        match (&error, pattern) {
            (error, _) if error.is_missing() => Self::NoGroup(group.to_owned()),
            (CloudError::Call(call), Some(pattern))
                if call.failure == Failure::Refused
                    && call.code.as_deref() == Some("InvalidParameterException") =>
            {
                Self::BadPattern { pattern: pattern.to_owned(), why: call.message.clone() }
            }
            _ => Self::Cloud(error),
        }
    }
}
