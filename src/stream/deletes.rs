//! Posts that their authors took back: written down for whoever keeps the lake, and not delivered if they still wait.
//!
//! The file holds a line of JSON for each, `{"at": when it was heard, "id": the post's}`. When it is `LARGEST`, it becomes
//! `deletes.old.jsonl` in the place of the one before it: the newest are always there, and the disk is not filled. Whoever
//! moves it away has what it held until then; what comes goes into a new one.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
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
    file: Option<File>,
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
        let mut line = serde_json::to_vec(&Note { at: Timestamp::now(), id: id.into() })?;
        line.push(b'\n');
        let mut file = match self.file.take() {
            Some(file) if self.goes_on(&file)? => file,
            _ => self.open()?,
        };
        // After an error it is opened anew, which ends a line that was torn.
        file.write_all(&line)?;
        self.file = Some(file);
        Ok(())
    }

    /// Whether this is still the file at the path, with room for more. A full one is moved out of the way.
    fn goes_on(&self, file: &File) -> io::Result<bool> {
        let Some(there) = if_there(std::fs::metadata(&self.path))? else { return Ok(false) };
        if there.len() >= self.largest {
            if_there(std::fs::rename(&self.path, self.old()))?;
            return Ok(false);
        }
        let place = |of: &Metadata| (of.dev(), of.ino());
        Ok(place(&there) == place(&file.metadata()?))
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).read(true).append(true).mode(0o600).open(&self.path)?;
        if let Some(last) = file.metadata()?.len().checked_sub(1) {
            let mut end = [0];
            file.read_exact_at(&mut end, last)?;
            if end != [b'\n'] {
                file.write_all(b"\n")?;
            }
        }
        Ok(file)
    }

    /// The posts in it and in the one before it.
    pub fn keys(&self) -> io::Result<Vec<PostKey>> {
        let mut keys = Vec::new();
        for path in [self.old(), self.path.clone()] {
            let Some(file) = if_there(File::open(path))? else { continue };
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

/// `None` for what is not there.
fn if_there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Posts that were taken back while they were waiting here. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Deleted {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Each with the number before which it may wait.
    before: HashMap<PostKey, u64>,
    /// The same in the order in which they came, in which the numbers grow: what is past is at its front.
    order: VecDeque<(u64, PostKey)>,
}

impl Deleted {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is not delivered; only posts before this number can be it.
    pub fn add(&self, key: PostKey, before: u64) {
        let mut waiting = self.waiting();
        waiting.before.insert(key, before);
        waiting.order.push_back((before, key));
    }

    /// Whether the post of this number was taken back.
    pub fn holds(&self, key: PostKey, number: u64) -> bool {
        self.waiting().before.get(&key).is_some_and(|before| *before > number)
    }

    /// No post before this number waits any more.
    pub fn passed(&self, number: u64) {
        let mut waiting = self.waiting();
        while let Some((before, key)) = waiting.order.pop_front_if(|(before, _)| *before <= number) {
            // It may have been taken back once more since.
            if waiting.before.get(&key) == Some(&before) {
                waiting.before.remove(&key);
            }
        }
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
        assert!(deleted.holds(PostKey(7), 2) && deleted.holds(PostKey(8), 2));
        assert!(!deleted.holds(PostKey(7), 3), "a post that came after it is another");
        deleted.passed(3);
        assert!(!deleted.holds(PostKey(7), 2) && deleted.holds(PostKey(8), 4));
        deleted.add(PostKey(8), 9);
        deleted.passed(5);
        assert!(deleted.holds(PostKey(8), 8), "it was taken back once more");
        deleted.passed(9);
        assert!(!deleted.holds(PostKey(8), 8));
        assert!(deleted.waiting().before.is_empty() && deleted.waiting().order.is_empty());
    }

    #[test]
    fn what_waits_costs_nothing_where_nothing_is_past() {
        let deleted = Deleted::default();
        (0..200_000).for_each(|key| deleted.add(PostKey(key), 1_000_000 + key));
        let begun = std::time::Instant::now();
        (0..20_000).for_each(|number| deleted.passed(number));
        // To look at each would be four thousand million looks; this is some milliseconds.
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_file_that_is_moved_or_removed_takes_no_deletion_with_it_that_comes_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deletes.jsonl");
        let mut deletes = Deletes::new(path.clone());
        deletes.keep("1");
        std::fs::rename(&path, folder.path().join("taken.jsonl")).expect("moved");
        deletes.keep("2");
        assert_eq!(deletes.keys().expect("read"), [PostKey(2)]);
        std::fs::remove_file(&path).expect("there");
        deletes.keep("3");
        assert_eq!(deletes.keys().expect("read"), [PostKey(3)]);
        std::fs::remove_file(&path).expect("there");
        deletes.largest = 0;
        deletes.keep("4");
        assert_eq!(deletes.keys().expect("read"), [PostKey(4)]);
    }

    #[test]
    fn a_line_that_a_crash_tore_does_not_take_the_next_one_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deletes.jsonl");
        std::fs::write(&path, "{\"at\":\"2026-").expect("written");
        let mut deletes = Deletes::new(path);
        deletes.keep("1");
        deletes.keep("2");
        assert_eq!(deletes.keys().expect("read"), [PostKey(1), PostKey(2)]);
    }
}
