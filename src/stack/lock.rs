//! One `up` or `down` of a stack at a time on this machine.
//!
//! The lock is the operating system's on a file that stays, so it ends with the process however that ends; what the
//! file holds is only for the sentence that the second process shows.

use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::settings::Folders;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("this stack is being worked on by {0}: wait for it, or stop it")]
    Held(Holder),
    /// The lock file cannot be used.
    #[error("cannot lock {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Who has the lock.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Holder {
    command: String,
    process: u32,
    user: String,
    since: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.process == 0 {
            return f.write_str("another process");
        }
        write!(
            f,
            "`hydrant {}` (process {}, {}, since {})",
            self.command, self.process, self.user, self.since
        )
    }
}

impl Lock {
    pub(super) fn take(path: &Path, command: &str) -> Result<Self, LockError> {
        let failed = |source| LockError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            Folders::make_private(folder).map_err(failed)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                return Err(LockError::Held(serde_json::from_str(&text).unwrap_or_default()));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        let holder = Holder {
            command: command.to_owned(),
            process: std::process::id(),
            user: std::env::var("USER").unwrap_or_else(|_| "unknown user".to_owned()),
            since: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        };
        let text = serde_json::to_string(&holder).map_err(|error| failed(error.into()))?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_when_the_first_is_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("locks/stack.lock");
        let first = Lock::take(&path, "up").expect("the first gets it");
        let error = Lock::take(&path, "down").expect_err("the second does not").to_string();
        assert!(error.contains("`hydrant up`") && error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        Lock::take(&path, "down").expect("free again");
    }
}
