//! One hydrant at a time writes a model into a folder: two at once would make a third one of both, or lose a name that
//! somebody gave.
//!
//! The lock is the operating system's on a hidden file in the folder, so it ends with the process however that ends; what
//! the file holds is only for the sentence that the second process shows. Whoever is done takes the file away: in the
//! folder there is nothing then but the model.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::TopicsError;
use super::outputs::UNFINISHED;

/// What is locked.
const LOCK: &str = ".lock";
/// Whoever is done lets go within this time.
const JUST_DONE: Duration = Duration::from_millis(50);
/// A name is given within this time, and a model that is made already is written.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The one who writes into a model's folder, as long as this lives.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    /// The folders that were made for the model, the innermost first.
    made: Vec<PathBuf>,
    _lock: File,
}

impl Writer {
    /// Who makes a model in a folder, which is made too; it goes again if nothing was written. Refused if another writes
    /// there.
    pub fn of(folder: &Path) -> Result<Self, TopicsError> {
        Self::take(folder, JUST_DONE, ", or give another --out")
    }

    /// The same for who is done in a moment, and waits for another a little.
    pub fn in_turn(folder: &Path) -> Result<Self, TopicsError> {
        Self::take(folder, PATIENCE, "")
    }

    fn take(folder: &Path, patience: Duration, or_else: &'static str) -> Result<Self, TopicsError> {
        let path = folder.join(LOCK);
        let until = Instant::now() + patience;
        let mut made = Vec::new();
        loop {
            made.extend(make(folder)?);
            let is_late = Instant::now() >= until;
            match lock(folder, &path) {
                Ok(Some(lock)) => return Ok(Self { folder: folder.to_owned(), made, _lock: lock }),
                Ok(None) if is_late => {
                    let process = std::fs::read_to_string(&path).ok().and_then(|text| text.parse().ok());
                    return Err(TopicsError::BeingWritten { folder: folder.to_owned(), process, or_else });
                }
                // Who was done took the folder away that had been made.
                Err(source) if is_late || source.kind() != ErrorKind::NotFound => {
                    return Err(TopicsError::File { action: "write", path, source });
                }
                _ => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // While it is locked: afterwards it may be another's.
        drop(std::fs::remove_file(self.folder.join(LOCK)));
        for folder in &self.made {
            // Nothing but empty folders are taken away.
            drop(std::fs::remove_dir(folder));
        }
    }
}

/// Makes a folder, and gives those that were not there.
fn make(folder: &Path) -> Result<Vec<PathBuf>, TopicsError> {
    let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let made = folder.ancestors().take_while(is_new).map(Path::to_owned).collect();
    let failed = |source| TopicsError::File { action: "make the folder", path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    Ok(made)
}

/// The lock, if nobody has it.
fn lock(folder: &Path, path: &Path) -> std::io::Result<Option<File>> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        // Where the file system knows no locks, it is as it was without.
        Err(TryLockError::Error(_)) => return Ok(Some(file)),
    }
    // Who had it took the file away in this moment, and a third may have made the next one.
    let number = |about: std::fs::Metadata| (about.dev(), about.ino());
    if std::fs::metadata(path).ok().map(number) != Some(number(file.metadata()?)) {
        return Ok(None);
    }
    // A full disk is told of by what is written next.
    drop(file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())));
    clear(folder);
    Ok(Some(file))
}

/// Takes away what processes left that died while they wrote: nobody writes now.
fn clear(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(UNFINISHED)) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let names =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_second_is_told_who_writes_and_nothing_is_left_of_either() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("models/new");
        let first = Writer::of(&folder).expect("the first writes");
        let refused = Writer::of(&folder).expect_err("the second does not").to_string();
        let says = format!("another hydrant (process {}) writes a model in", std::process::id());
        assert!(refused.starts_with(&says), "{refused}");
        assert!(refused.ends_with("models/new: wait for it, or give another --out"), "{refused}");
        drop(first);
        assert!(files(home.path()).is_empty(), "what was made for no model goes again");
        drop(Writer::of(&folder).expect("free again"));
        std::fs::create_dir_all(&folder).expect("made");
        drop(Writer::of(&folder).expect("free"));
        assert!(folder.exists(), "what was there stays");
    }

    #[test]
    fn who_is_in_turn_waits_and_gets_it() {
        let home = tempfile::tempdir().expect("a folder");
        let first = Writer::of(home.path()).expect("the first writes");
        let (begun, begins) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                begun.send(()).expect("somebody listens");
                Writer::in_turn(home.path()).map(drop)
            });
            begins.recv().expect("it has begun");
            drop(first);
            second.join().expect("it ended").expect("it had its turn");
        });
        assert!(files(home.path()).is_empty());
    }

    #[test]
    fn what_the_dead_left_is_in_nobodys_way_and_goes() {
        let home = tempfile::tempdir().expect("a folder");
        for name in [LOCK, ".model.json.5.unfinished", "model.json", ".other"] {
            std::fs::write(home.path().join(name), "left").expect("written");
        }
        drop(Writer::of(home.path()).expect("nobody has it"));
        let mut left = files(home.path());
        left.sort();
        assert_eq!(left, [".other", "model.json"]);
    }
}
