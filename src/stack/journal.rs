//! What was begun and done, on disk, so that a crash at any moment leaves something that can be taken up.
//!
//! A file of JSON lines, only ever appended to. Before a call that changes anything, a `begun` line is written and
//! synced; after it a `done` or `failed` line follows. What a crash leaves is read like this:
//!
//! - A bucket whose making is `begun` is ours even without its tag, until its tagging is `done`: it is the one
//!   resource that is not tagged by the call that makes it. From then on only tags tell whose a thing is.
//! - A client token of a `begun` that has no end is used again, so that AWS gives the same instance and not a second.
//! - A last line that is torn was never acted upon (the act comes after the sync): it is cut off.
//!
//! The file is removed after a teardown that left nothing that it alone knows to be ours.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::graph::Kind;
use crate::cloud::{CloudError, Failure, Operation};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Event {
    Begun,
    Done,
    Failed,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Line {
    at: jiff::Timestamp,
    event: Event,
    call: String,
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What the journal knows of one resource.
#[derive(Debug, Clone, Default)]
struct Entry {
    begun: bool,
    /// Whether one of that name was ever this stack's.
    ours: bool,
    /// Since when it is there.
    made: Option<jiff::Timestamp>,
    token: Option<String>,
}

type Entries = BTreeMap<(String, String), Entry>;

/// The journal of one stack. Appending is serialised; each append is synced before it returns.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    inner: Mutex<(Option<std::fs::File>, Entries)>,
}

impl Journal {
    /// Reads the journal at `path`; one that is not there is empty, and is made by the first append.
    pub(super) fn open(path: PathBuf) -> std::io::Result<Self> {
        let journal = Self { path, inner: Mutex::default() };
        journal.reload()?;
        Ok(journal)
    }

    /// Reads it again: whoever takes the stack over must know what the one before did to the end.
    pub(super) fn reload(&self) -> std::io::Result<()> {
        let text = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut entries = Entries::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Line>(line) {
                Ok(line) => note(&mut entries, &line),
                Err(error) => tracing::warn!(%error, "a torn line of the journal was left out"),
            }
        }
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = (None, entries);
        Ok(())
    }

    /// Whether this stack began to make a resource of that name, and its tag may not be on it yet.
    pub(super) fn begun_untagged(&self, kind: Kind, name: &str) -> bool {
        kind == Kind::Bucket && self.entry(kind, name).begun
    }

    /// Whether this stack made a resource of that name, to its knowledge, and has not deleted it since.
    pub(super) fn made(&self, kind: Kind, name: &str) -> bool {
        self.made_at(kind, name).is_some()
    }

    /// Whether a resource of that name was this stack's at any time: it made one, or set about deleting one, which it
    /// does with nobody else's.
    pub(super) fn was_ours(&self, kind: Kind, name: &str) -> bool {
        self.entry(kind, name).ours
    }

    /// When this stack made it.
    pub(super) fn made_at(&self, kind: Kind, name: &str) -> Option<jiff::Timestamp> {
        self.entry(kind, name).made
    }

    /// The client token of a making that has no known end.
    pub(super) fn open_token(&self, kind: Kind, name: &str) -> Option<String> {
        self.entry(kind, name).token
    }

    fn entry(&self, kind: Kind, name: &str) -> Entry {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.get(&(kind.name().to_owned(), name.to_owned())).cloned().unwrap_or_default()
    }

    /// Notes that a call is about to be made. The call must not be made if this fails.
    pub(super) fn begin(
        &self,
        operation: Operation,
        kind: Kind,
        name: &str,
        token: Option<&str>,
    ) -> std::io::Result<()> {
        self.append(operation, kind, name, Event::Begun, token, None)
    }

    /// Notes how a call ended. A call whose fate is not known (no answer, a broken one) stays begun.
    pub(super) fn end(
        &self,
        operation: Operation,
        kind: Kind,
        name: &str,
        error: Option<&CloudError>,
    ) -> std::io::Result<()> {
        let unknown = |error: &CloudError| {
            matches!(error.failure(), Failure::TimedOut | Failure::Unreachable | Failure::Broken)
        };
        match error {
            None => self.append(operation, kind, name, Event::Done, None, None),
            Some(error) if unknown(error) => Ok(()),
            Some(error) => self.append(operation, kind, name, Event::Failed, None, Some(error.to_string())),
        }
    }

    fn append(
        &self,
        operation: Operation,
        kind: Kind,
        name: &str,
        event: Event,
        token: Option<&str>,
        why: Option<String>,
    ) -> std::io::Result<()> {
        let line = Line {
            at: jiff::Timestamp::now(),
            event,
            call: operation.permission().to_owned(),
            kind: kind.name().to_owned(),
            name: name.to_owned(),
            token: token.map(ToOwned::to_owned),
            why,
        };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, entries) = &mut *inner;
        let file = match file {
            Some(file) => file,
            None => file.insert(open_whole_lines(&self.path)?),
        };
        let before = file.metadata()?.len();
        let text = format!("{}\n", serde_json::to_string(&line)?);
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            // Half a line must not swallow the next one; if that fails too, the next opening cuts it.
            drop(file.set_len(before));
            return Err(error);
        }
        note(entries, &line);
        Ok(())
    }

    /// Forgets everything: the teardown left nothing.
    pub(super) fn remove(&self) -> std::io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *inner = (None, Entries::new());
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens for appending, with a torn last line cut off so that the next line begins where a line begins.
fn open_whole_lines(path: &Path) -> std::io::Result<std::fs::File> {
    let is_new = !path.exists();
    let mut file = std::fs::OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if whole < text.len() {
        file.set_len(whole as u64)?;
        file.seek(std::io::SeekFrom::End(0))?;
    }
    if is_new && let Some(folder) = path.parent() {
        // The name itself must survive a power cut, not only what the file holds.
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

fn note(entries: &mut Entries, line: &Line) {
    let Some(kind) = Kind::named(&line.kind) else { return };
    let entry = entries.entry((line.kind.clone(), line.name.clone())).or_default();
    if line.call == kind.maker().permission() {
        match line.event {
            Event::Begun => {
                entry.begun = true;
                entry.token.clone_from(&line.token);
            }
            Event::Done => {
                entry.ours = true;
                entry.made = Some(line.at);
                entry.token = None;
            }
            Event::Failed => {
                entry.begun = false;
                entry.token = None;
            }
        }
    } else if line.call == Operation::PutBucketTagging.permission() && line.event == Event::Done {
        entry.begun = false;
    } else if line.call == kind.remover().permission() {
        entry.ours = true;
        if line.event == Event::Done {
            *entry = Entry { ours: true, ..Entry::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{CreateBucket, DeleteBucket, PutBucketTagging, RunInstances};

    fn journal() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal.jsonl");
        (folder, path)
    }

    #[test]
    fn what_was_begun_is_claimed_until_its_tag_can_tell() {
        let (_folder, path) = journal();
        let claims = |path: &Path| {
            let journal = Journal::open(path.to_owned()).expect("a journal");
            (journal.begun_untagged(Kind::Bucket, "b"), journal.made(Kind::Bucket, "b"))
        };
        assert_eq!(claims(&path), (false, false));
        let journal = Journal::open(path.clone()).expect("a journal");
        journal.begin(CreateBucket, Kind::Bucket, "b", None).expect("written");
        assert_eq!(claims(&path), (true, false));
        journal.end(CreateBucket, Kind::Bucket, "b", None).expect("written");
        assert_eq!(claims(&path), (true, true));
        journal.begin(PutBucketTagging, Kind::Bucket, "b", None).expect("written");
        assert_eq!(claims(&path), (true, true), "the tagging may not have happened");
        journal.end(PutBucketTagging, Kind::Bucket, "b", None).expect("written");
        assert_eq!(claims(&path), (false, true), "from here on the tag tells");
        journal.begin(DeleteBucket, Kind::Bucket, "b", None).expect("written");
        assert_eq!(claims(&path), (false, true), "a deletion that was only begun may not have happened");
        journal.end(DeleteBucket, Kind::Bucket, "b", None).expect("written");
        assert_eq!(claims(&path), (false, false));
    }

    #[test]
    fn what_was_ours_is_known_when_it_is_gone() {
        use Operation::{CreateNotebookInstance, DeleteNotebookInstance};
        let ours = |lines: &[(Operation, bool)]| {
            let (_folder, path) = journal();
            let journal = Journal::open(path.clone()).expect("a journal");
            for (operation, ended) in lines {
                journal.begin(*operation, Kind::Notebook, "n", None).expect("written");
                if *ended {
                    journal.end(*operation, Kind::Notebook, "n", None).expect("written");
                }
            }
            Journal::open(path).expect("a journal").was_ours(Kind::Notebook, "n")
        };
        assert!(!ours(&[]) && !ours(&[(CreateNotebookInstance, false)]), "it may be somebody else's");
        assert!(ours(&[(CreateNotebookInstance, true)]));
        assert!(ours(&[(CreateNotebookInstance, true), (DeleteNotebookInstance, true)]));
        assert!(ours(&[(DeleteNotebookInstance, false)]), "only what is ours is deleted");
    }

    #[test]
    fn an_open_token_is_used_again_and_a_closed_one_is_not() {
        let (_folder, path) = journal();
        let journal = Journal::open(path.clone()).expect("a journal");
        journal.begin(RunInstances, Kind::Instance, "i", Some("token")).expect("written");
        let reopened = Journal::open(path).expect("a journal");
        assert_eq!(reopened.open_token(Kind::Instance, "i").as_deref(), Some("token"));
        journal.end(RunInstances, Kind::Instance, "i", None).expect("written");
        assert_eq!(journal.open_token(Kind::Instance, "i"), None);
    }

    #[test]
    fn a_torn_tail_is_cut_and_what_follows_is_whole() {
        let (_folder, path) = journal();
        let journal = Journal::open(path.clone()).expect("a journal");
        journal.begin(CreateBucket, Kind::Bucket, "b", None).expect("written");
        let whole = std::fs::read(&path).expect("read");
        for torn in 1..whole.len() - 1 {
            let mut text = whole.clone();
            text.extend(&whole[..torn]);
            std::fs::write(&path, text).expect("written");
            let reopened = Journal::open(path.clone()).expect("a journal");
            assert!(reopened.begun_untagged(Kind::Bucket, "b"));
            reopened.begin(RunInstances, Kind::Instance, "i", Some("t")).expect("written");
            let again = Journal::open(path.clone()).expect("a journal");
            assert!(
                again.begun_untagged(Kind::Bucket, "b") && again.open_token(Kind::Instance, "i").is_some(),
                "torn at {torn}"
            );
        }
    }
}
