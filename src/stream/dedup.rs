//! Which posts were seen already: a window of keys in memory, kept on disk so that a restart knows them too.
//!
//! Keys are kept in two generations. When the present one is as old as the window is long, or full, it becomes the
//! previous one and the one before it is forgotten: a key is remembered for at least one window, unless there are more
//! posts than `MOST_A_GENERATION` in it.
//!
//! On disk a generation is a file, `seen-<seconds since 1970>`, of keys as 8 bytes each, little-endian, only appended
//! to. The order that crash safety needs: the spool holds a post before its key is written here, else a post that was
//! never kept would be taken for a repetition. What lies between, the spool tells at start ([`Window::know`]). A torn
//! last key is cut off.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::post::PostKey;

/// Keys of a generation: 900,000 fill a hash table of 2^20 places of 9 bytes each to where it would grow.
const MOST_A_GENERATION: usize = 900_000;
const KEY_BYTES: usize = 8;

#[derive(Debug, Default)]
struct Generation {
    keys: HashSet<PostKey>,
    /// Seconds since 1970.
    begun: i64,
}

/// The window.
#[derive(Debug)]
pub struct Window {
    present: Generation,
    previous: Generation,
    length: Duration,
    disk: Option<Disk>,
}

#[derive(Debug)]
struct Disk {
    folder: PathBuf,
    file: File,
    /// Keys that are known and not yet written.
    unwritten: Vec<u8>,
}

impl Window {
    /// A window in memory alone.
    pub fn in_memory(length: Duration, now: Timestamp) -> Self {
        let present = Generation { begun: now.as_second(), ..Generation::default() };
        Self { present, previous: Generation::default(), length, disk: None }
    }

    /// A window that is kept in a folder, with what is there of it.
    pub fn open(folder: &Path, length: Duration, now: Timestamp) -> io::Result<Self> {
        let mut window = Self::in_memory(length, now);
        let mut generations: Vec<i64> = std::fs::read_dir(folder)?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("seen-")?.parse().ok())
            .filter(|begun| *begun <= now.as_second())
            .collect();
        generations.sort_unstable_by(|one, other| other.cmp(one));
        let mut generations = generations.into_iter();
        if let Some(begun) = generations.next() {
            window.present = Generation::read(folder, begun)?;
        }
        if let Some(begun) = generations.next() {
            window.previous = Generation::read(folder, begun)?;
        }
        for begun in generations {
            std::fs::remove_file(file_of(folder, begun))?;
        }
        let file = append_to(&file_of(folder, window.present.begun))?;
        window.disk = Some(Disk { folder: folder.to_owned(), file, unwritten: Vec::new() });
        Ok(window)
    }

    /// Takes note of a post; `false` if it was there already.
    pub fn is_new(&mut self, key: PostKey) -> bool {
        let is_new = !self.previous.keys.contains(&key) && self.present.keys.insert(key);
        if is_new && let Some(disk) = &mut self.disk {
            disk.unwritten.extend_from_slice(&key.0.to_le_bytes());
        }
        is_new
    }

    /// Takes note of posts that are kept elsewhere.
    pub fn know(&mut self, keys: impl IntoIterator<Item = PostKey>) {
        for key in keys {
            self.is_new(key);
        }
    }

    /// Writes what is new, and begins a new generation when it is time. To be called when the spool holds the posts.
    pub fn keep(&mut self, now: Timestamp) -> io::Result<()> {
        if let Some(disk) = &mut self.disk
            && !disk.unwritten.is_empty()
        {
            let before = disk.file.metadata()?.len();
            let written = disk.file.write_all(&disk.unwritten).and_then(|()| disk.file.sync_data());
            if let Err(error) = written {
                // They stay unwritten and are tried again with the next ones.
                drop(disk.file.set_len(before));
                return Err(error);
            }
            disk.unwritten.clear();
        }
        let age = now.as_second() - self.present.begun;
        let is_old = age >= i64::try_from(self.length.as_secs()).unwrap_or(i64::MAX);
        // Two generations never have one name.
        if age > 0 && (is_old || self.present.keys.len() >= MOST_A_GENERATION) {
            self.turn(now)?;
        }
        Ok(())
    }

    fn turn(&mut self, now: Timestamp) -> io::Result<()> {
        if let Some(disk) = &mut self.disk {
            disk.file = append_to(&file_of(&disk.folder, now.as_second()))?;
            let forgotten = file_of(&disk.folder, self.previous.begun);
            if forgotten.exists() {
                std::fs::remove_file(forgotten)?;
            }
        }
        let next = Generation { begun: now.as_second(), ..Generation::default() };
        self.previous = std::mem::replace(&mut self.present, next);
        Ok(())
    }
}

impl Generation {
    fn read(folder: &Path, begun: i64) -> io::Result<Self> {
        let path = file_of(folder, begun);
        let mut bytes = Vec::new();
        File::open(&path)?.read_to_end(&mut bytes)?;
        let whole = bytes.len() - bytes.len() % KEY_BYTES;
        if whole < bytes.len() {
            OpenOptions::new().write(true).open(&path)?.set_len(whole as u64)?;
        }
        let key = |bytes: &[u8]| bytes.try_into().ok().map(|bytes| PostKey(u64::from_le_bytes(bytes)));
        Ok(Self { keys: bytes.chunks_exact(KEY_BYTES).filter_map(key).collect(), begun })
    }
}

fn file_of(folder: &Path, begun: i64) -> PathBuf {
    folder.join(format!("seen-{begun}"))
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_post_is_new_once_also_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut window = Window::open(folder.path(), HOUR, at(0)).expect("a window");
        assert!(window.is_new(PostKey(1)) && !window.is_new(PostKey(1)) && window.is_new(PostKey(2)));
        window.keep(at(1)).expect("kept");
        assert!(window.is_new(PostKey(3)), "it is not kept: the spool did not hold it when the process died");
        drop(window);
        let mut window = Window::open(folder.path(), HOUR, at(2)).expect("a window");
        assert!(!window.is_new(PostKey(1)) && !window.is_new(PostKey(2)) && window.is_new(PostKey(3)));
    }

    #[test]
    fn a_key_is_remembered_for_a_window_and_then_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut window = Window::open(folder.path(), HOUR, at(0)).expect("a window");
        assert!(window.is_new(PostKey(1)));
        window.keep(at(3600)).expect("kept");
        assert!(!window.is_new(PostKey(1)), "the previous generation is known");
        window.keep(at(7200)).expect("kept");
        let mut again = Window::open(folder.path(), HOUR, at(7201)).expect("a window");
        assert!(window.is_new(PostKey(1)) && again.is_new(PostKey(1)));
        let files = std::fs::read_dir(folder.path()).expect("there").count();
        assert_eq!(files, 2);
    }

    #[test]
    fn a_torn_key_is_cut_off_and_the_next_ones_are_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut window = Window::open(folder.path(), HOUR, at(0)).expect("a window");
        window.know([PostKey(1), PostKey(2)]);
        window.keep(at(1)).expect("kept");
        let path = file_of(folder.path(), at(0).as_second());
        append_to(&path).expect("there").write_all(&[7; 5]).expect("written");
        let mut window = Window::open(folder.path(), HOUR, at(2)).expect("a window");
        assert!(window.is_new(PostKey(3)));
        window.keep(at(3)).expect("kept");
        let mut window = Window::open(folder.path(), HOUR, at(4)).expect("a window");
        assert!([1, 2, 3].into_iter().all(|key| !window.is_new(PostKey(key))));
    }
}
