//! What a delivery stream has taken and not delivered yet: a file of records joined to one another, as they will lie
//! in the object.
//!
//! The file is written and synced before the row that counts its bytes; so what the row counts is there, and what is
//! behind it was never acknowledged and is cut off by the next write.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sandbox::ids;

/// A buffer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buffer {
    /// The file's name: a random one.
    file: String,
    /// When its first record came.
    pub(super) opened: Timestamp,
    pub(super) bytes: u64,
    /// The stream's version then, which the object's name carries.
    pub(super) version: u32,
}

impl Buffer {
    pub(super) fn new(opened: Timestamp, version: u32) -> Self {
        Self { file: ids::uuid(), opened, bytes: 0, version }
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join("firehose").join(&self.file)
    }

    /// Adds records; they are on disk when this returns.
    pub(super) fn append(&mut self, folder: &Path, records: &[Vec<u8>]) -> std::io::Result<()> {
        let path = self.path(folder);
        if self.bytes == 0
            && let Some(parent) = path.parent()
        {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.set_len(self.bytes)?;
        file.seek(SeekFrom::Start(self.bytes))?;
        let joined = records.concat();
        file.write_all(&joined)?;
        file.sync_data()?;
        self.bytes += u64::try_from(joined.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// What was acknowledged.
    pub(super) fn read(&self, folder: &Path) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(self.path(folder))?.take(self.bytes).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Removes the file, which no row on disk may name any more. One that is left behind by a crash is swept at the
    /// next start.
    pub(super) fn discard(&self, folder: &Path) {
        drop(std::fs::remove_file(self.path(folder)));
    }
}

/// Removes all files but those that are named.
pub(super) fn sweep(folder: &Path, named: &HashSet<&str>) {
    let Ok(files) = folder.join("firehose").read_dir() else { return };
    for file in files.flatten() {
        if !file.file_name().to_str().is_some_and(|name| named.contains(name)) {
            drop(std::fs::remove_file(file.path()));
        }
    }
}
