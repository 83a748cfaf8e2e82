//! Posts that their authors took back: written down for whoever keeps the lake, and not delivered if they still wait.
//!
//! The file holds a line of JSON for each, `{"at": when it was heard, "id": the post's}`. When it is `LARGEST`, it becomes
//! `deletes.old.jsonl` in the place of the one before it: the newest are always there, and the disk is not filled.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::post::PostKey;

/// How large the file may become.
const LARGEST: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Note<'a> {
    at: Timestamp,
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
}

/// The file. It is made when there is something to put into it.
#[derive(Debug)]
pub struct Deletes {
    path: PathBuf,
    file: Option<(File, u64)>,
    largest: u64,
}

impl Deletes {
    /// The file at this path.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, largest: LARGEST }
    }

    /// Writes down that a post was taken back. What cannot be written down is said in the log.
    pub fn keep(&mut self, id: &str) {
        if let Err(error) = self.write(id) {
            tracing::error!(%error, id, "a deletion could not be written down");
        }
    }

    fn write(&mut self, id: &str) -> io::Result<()> {
        if self.file.as_ref().is_some_and(|(_, size)| *size >= self.largest) {
            std::fs::rename(&self.path, self.old())?;
            self.file = None;
        }
        let (file, size) = if let Some(open) = &mut self.file {
            open
        } else {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
            let size = file.metadata()?.len();
            self.file.insert((file, size))
        };
        let mut line = serde_json::to_vec(&Note { at: Timestamp::now(), id: id.into() })?;
        line.push(b'\n');
        *size += line.len() as u64;
        file.write_all(&line)
    }

    /// The posts in it and in the one before it.
    pub fn keys(&self) -> io::Result<Vec<PostKey>> {
        let mut keys = Vec::new();
        for path in [self.old(), self.path.clone()] {
            let file = match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            for line in BufReader::new(file).split(b'\n') {
                // A line that a crash tore says nothing.
                if let Ok(note) = serde_json::from_slice::<Note<'_>>(&line?) {
                    keys.push(PostKey::of(&note.id));
                }
            }
        }
        Ok(keys)
    }

    fn old(&self) -> PathBuf {
        self.path.with_extension("old.jsonl")
    }
}

/// Posts that were taken back while they were waiting here. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Deleted {
    /// Each with the number before which it may wait.
    waiting: Arc<Mutex<HashMap<PostKey, u64>>>,
}

impl Deleted {
    fn waiting(&self) -> MutexGuard<'_, HashMap<PostKey, u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is not delivered; only posts before this number can be it.
    pub fn add(&self, key: PostKey, before: u64) {
        self.waiting().insert(key, before);
    }

    /// Whether it was taken back.
    pub fn holds(&self, key: PostKey) -> bool {
        let waiting = self.waiting();
        !waiting.is_empty() && waiting.contains_key(&key)
    }

    /// No post before this number waits any more.
    pub fn passed(&self, number: u64) {
        self.waiting().retain(|_, before| *before > number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_always_there_and_the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut deletes = Deletes { largest: 1000, ..Deletes::new(folder.path().join("deletes.jsonl")) };
        assert!(deletes.keys().expect("none yet").is_empty());
        for id in 0..1000 {
            deletes.keep(&id.to_string());
        }
        let size: u64 = std::fs::read_dir(folder.path())
            .expect("listed")
            .map(|file| file.expect("a file").metadata().expect("one").len())
            .sum();
        assert!(size < 2200, "{size}");
        let keys = deletes.keys().expect("read");
        assert!(keys.len() > 10 && keys.last() == Some(&PostKey(999)), "{keys:?}");
        let again = Deletes::new(folder.path().join("deletes.jsonl"));
        assert_eq!(again.keys().expect("read"), keys);
    }

    #[test]
    fn a_post_that_was_taken_back_is_known_until_no_post_of_its_time_waits() {
        let deleted = Deleted::default();
        deleted.add(PostKey(7), 3);
        deleted.add(PostKey(8), 5);
        deleted.passed(2);
        assert!(deleted.holds(PostKey(7)) && deleted.holds(PostKey(8)));
        deleted.passed(3);
        assert!(!deleted.holds(PostKey(7)) && deleted.holds(PostKey(8)));
    }
}
