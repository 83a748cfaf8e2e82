//! The record of changes: one JSON line for everything that hydrant changed or tried to, kept for the operator.
//!
//! It answers "who did that, and when" after the fact; nothing reads it back. What a crash needs is in the stack's
//! journal.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{CloudError, Operation};
use crate::settings::StackName;

#[derive(Debug)]
pub(super) struct ChangeRecord {
    path: Option<PathBuf>,
    stack: String,
    who: String,
}

#[derive(serde::Serialize)]
struct Line<'a> {
    at: jiff::Timestamp,
    who: &'a str,
    stack: &'a str,
    operation: &'static str,
    target: &'a str,
    request_id: Option<&'a str>,
    outcome: String,
}

impl ChangeRecord {
    pub(super) fn new(path: Option<PathBuf>, stack: &StackName) -> Self {
        let host = rustix::system::uname();
        let user = std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| "unknown".to_owned());
        let who = format!("{user}@{}", host.nodename().to_string_lossy());
        Self { path, stack: stack.to_string(), who }
    }

    /// A record that cannot be written is said in the log and does not stop the work: the change has happened.
    pub(super) fn append(
        &self,
        operation: Operation,
        target: &str,
        request_id: Option<&str>,
        error: Option<&CloudError>,
    ) {
        let Some(path) = &self.path else { return };
        let outcome = error.map_or_else(|| "done".to_owned(), ToString::to_string);
        let line = Line {
            at: jiff::Timestamp::now(),
            who: &self.who,
            stack: &self.stack,
            operation: operation.permission(),
            target,
            request_id,
            outcome,
        };
        let written = serde_json::to_string(&line).map_err(std::io::Error::from).and_then(|json| {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
            // One write, so that lines of processes that run side by side do not mix.
            file.write_all(format!("{json}\n").as_bytes())
        });
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "the record of changes could not be written");
        }
    }
}
