//! The jobs that were begun, on disk: a file each in the user's state folder, written before a job is handed over and
//! again whenever something is known of it.
//!
//! An entry without an end is a job that may be running: whoever comes next goes along with it by its handle, or, if a
//! crash came before the handle was known, hands it over again under the same token, by which no engine elsewhere takes
//! it twice. A file is replaced whole or not at all; a handle or an end that is written stays, whatever a slower process
//! writes after it. Entries that ended are forgotten after 90 days.
//!
//! Several processes may go along with one job. What only one may do at a time is done under a lock of the operating
//! system's, on a file that stays: `book.lock`, for a moment, to look what is there and write; and one for each folder of
//! results, to hand a job over, to bring and finish its results, and to send its model ([`Book::alone_with`]).

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Job, SparkError, Stage};
use crate::progress::{Phase, Progress};
use crate::settings::{EngineName, Folders};
use crate::topics::DESCRIPTION;

/// How long a job that ended is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How often it is tried to have a job to oneself.
const TRY_EVERY: Duration = Duration::from_millis(200);

/// A job of the book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// By which it is named: its work and the beginning of its token.
    pub id: String,
    /// Where it runs.
    pub engine: EngineName,
    /// What makes handing it over twice harmless.
    pub token: String,
    /// When it was begun.
    pub begun: Timestamp,
    /// What it is.
    pub job: Job,
    /// How the engine calls it, once it has said so.
    pub handle: Option<String>,
    /// How it stood last, in words.
    pub words: String,
    /// The stage that it had come to.
    pub stage: Option<Stage>,
    /// What it had cost by then, in dollars.
    pub cost: Option<f64>,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// The end of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// When it was known.
    pub at: Timestamp,
    /// How.
    pub how: How,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Well; its results are here.
    Done,
    /// It was cancelled.
    Cancelled,
    /// Badly, for this reason.
    Failed(String),
}

impl Entry {
    /// How it stands, in a word: `begun`, `running`, `done`, `failed` or `cancelled`.
    pub fn state(&self) -> &'static str {
        match (&self.end, &self.handle) {
            (Some(End { how: How::Done, .. }), _) => "done",
            (Some(End { how: How::Failed(_), .. }), _) => "failed",
            (Some(End { how: How::Cancelled, .. }), _) => "cancelled",
            (None, Some(_)) => "running",
            (None, None) => "begun",
        }
    }

    /// Whether it is done, and its model is still on this machine although it belongs elsewhere.
    pub fn is_unsent(&self) -> bool {
        let is_done = matches!(&self.end, Some(End { how: How::Done, .. }));
        is_done && self.job.model.is_some() && self.job.out.join(DESCRIPTION).exists()
    }

    /// The error that its end is, if it ended badly.
    pub fn bad_end(&self) -> Option<SparkError> {
        match &self.end.as_ref()?.how {
            How::Done => None,
            How::Cancelled => Some(SparkError::Cancelled(format!("{} was ended before its end", self.id))),
            How::Failed(why) => {
                let log = format!("shown by `hydrant jobs logs {}`", self.id);
                Some(SparkError::Failed { why: why.clone(), log })
            }
        }
    }

    /// Takes over what another process knows beyond it: the handle, and the end. Whoever cancels a job knows better than
    /// those who only see that it is gone.
    fn catch_up(&mut self, there: Self) {
        let cancelled = matches!(&self.end, Some(End { how: How::Cancelled, .. }));
        match &there.end {
            None => self.handle = self.handle.take().or(there.handle),
            Some(End { how: How::Failed(_), .. }) if cancelled => {}
            Some(_) => *self = there,
        }
    }

    /// What is to be known of it beside that: the stage, or why it failed.
    pub fn about(&self) -> String {
        match (&self.end, &self.stage) {
            (Some(End { how: How::Failed(why), .. }), _) => why.clone(),
            (Some(_), _) => String::new(),
            (None, Some(stage)) => stage.to_string(),
            (None, None) => self.words.clone(),
        }
    }
}

/// Held as long as it lives: no other process is at what comes of a job.
#[derive(Debug)]
pub struct Alone {
    _file: File,
}

/// The jobs of this user on this machine.
#[derive(Debug, Clone)]
pub struct Book {
    folder: PathBuf,
}

impl Book {
    /// The book in these folders; it need not be there yet.
    pub fn of(folders: &Folders) -> Self {
        Self { folder: folders.state.join("jobs") }
    }

    /// A book of a run's own, for a job that is nobody else's business.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Every job, the newest first. What cannot be read is no job.
    pub fn list(&self) -> Result<Vec<Entry>, SparkError> {
        let files = match std::fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SparkError::file("read", &self.folder)(error)),
        };
        let mut entries = Vec::new();
        for file in files {
            let path = file.map_err(SparkError::file("read", &self.folder))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                match read(&path) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => tracing::warn!(%error, path = %path.display(), "no job"),
                }
            }
        }
        entries.sort_by(|one: &Entry, other| (other.begun, &other.id).cmp(&(one.begun, &one.id)));
        Ok(entries)
    }

    /// The one job whose id has this in it.
    pub fn find(&self, id: &str) -> Result<Entry, SparkError> {
        let mut found: Vec<Entry> =
            self.list()?.into_iter().filter(|entry| !id.is_empty() && entry.id.contains(id)).collect();
        match (found.pop(), found.is_empty()) {
            (Some(entry), true) => Ok(entry),
            (Some(_), false) => Err(SparkError::SeveralJobs(id.to_owned())),
            (None, _) => Err(SparkError::NoJob(id.to_owned())),
        }
    }

    /// The entry of a job that is to run: the one that is open for the same work there; or the one that is done, wherever
    /// that was, and whose model was not sent to where it belongs; or a new one.
    pub fn begin(&self, engine: EngineName, job: Job) -> Result<Entry, SparkError> {
        // Of two that are begun at once, the second finds the first.
        let _lock = self.lock()?;
        let now = Timestamp::now();
        let entries = self.list()?;
        let same =
            entries.iter().find(|entry| entry.job == job && (entry.end.is_none() || entry.is_unsent()));
        if let Some(entry) = same.filter(|entry| entry.end.is_some() || entry.engine == engine) {
            return Ok(entry.clone());
        }
        for entry in entries {
            match &entry.end {
                None if entry.job.place() == job.place() => {
                    return Err(SparkError::OutInUse { id: entry.id, out: job.place() });
                }
                Some(end) if now.duration_since(end.at) > REMEMBERED => {
                    // What stays is forgotten the next time.
                    drop(std::fs::remove_file(self.path(&entry.id)));
                }
                _ => {}
            }
        }
        let token = uuid::Uuid::new_v4().simple().to_string();
        let entry = Entry {
            id: format!("{}-{}", job.name, &token[..12]),
            engine,
            token,
            begun: now,
            job,
            handle: None,
            words: "it is being handed over".to_owned(),
            stage: None,
            cost: None,
            end: None,
        };
        self.put(&entry)?;
        Ok(entry)
    }

    /// Writes what is known of a job now. What another process has written of its handle and its end stays, and is in the
    /// entry then.
    pub fn write(&self, entry: &mut Entry) -> Result<(), SparkError> {
        let _lock = self.lock()?;
        if let Ok(there) = read(&self.path(&entry.id)) {
            entry.catch_up(there);
        }
        self.put(entry)
    }

    /// Waits until no other process is at what comes of a job: hands it over, brings its results or sends its model. What
    /// it has come to by then is in the entry.
    pub async fn alone_with(
        &self,
        entry: &mut Entry,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> Result<Alone, SparkError> {
        // By the folder and not by the job: another for the same work has the same.
        let name = crc32fast::hash(entry.job.out.as_os_str().as_encoded_bytes());
        let path = self.folder.join(format!("{name:08x}.lock"));
        let file = self.lock_file(&path)?;
        let mut said = false;
        // Where the file system knows no locks, it is as it was without.
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            let process = std::fs::read_to_string(&path).ok().and_then(|text| text.parse::<u32>().ok());
            let who = process.map_or_else(
                || "another hydrant".to_owned(),
                |process| format!("another hydrant (process {process})"),
            );
            if !said {
                let words = format!("{who} is at {}, as `hydrant jobs list` shows: waiting for it", entry.id);
                progress.tell("spark", &entry.id, Phase::Waiting, words);
                said = true;
            }
            tokio::select! {
                () = tokio::time::sleep(TRY_EVERY) => {}
                () = stop.cancelled() => return Err(SparkError::LeftTo { id: entry.id.clone(), who }),
            }
        }
        let number = std::process::id().to_string();
        file.set_len(0)
            .and_then(|()| file.write_all_at(number.as_bytes(), 0))
            .map_err(SparkError::file("write", &path))?;
        self.write(entry)?;
        Ok(Alone { _file: file })
    }

    /// The book to oneself, for as long as it takes to look and write.
    fn lock(&self) -> Result<File, SparkError> {
        let path = self.folder.join("book.lock");
        let file = self.lock_file(&path)?;
        if let Err(error) = file.lock() {
            tracing::warn!(%error, path = %path.display(), "the file system knows no locks");
        }
        Ok(file)
    }

    fn lock_file(&self, path: &Path) -> Result<File, SparkError> {
        Folders::make_private(&self.folder).map_err(SparkError::file("make", &self.folder))?;
        let options = &mut std::fs::OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        file.map_err(SparkError::file("lock", path))
    }

    /// Writes an entry whole, as it is.
    fn put(&self, entry: &Entry) -> Result<(), SparkError> {
        let path = self.path(&entry.id);
        let text = serde_json::to_vec_pretty(entry).expect("an entry is plain data with text as keys");
        let passing = path.with_extension(format!("{}.part", std::process::id()));
        let write = || -> std::io::Result<()> {
            let options = &mut std::fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&passing)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&passing, &path)?;
            std::fs::File::open(&self.folder)?.sync_all()
        };
        write().map_err(SparkError::file("write", &path))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

fn read(path: &Path) -> std::io::Result<Entry> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Work;
    use super::*;

    fn book() -> (tempfile::TempDir, Book) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let book = Book { folder: folder.path().join("jobs") };
        (folder, book)
    }

    fn job(k: u32, out: &str) -> Job {
        let work = Work::Topics { steps: None };
        Job { name: "topics".to_owned(), work, settings: json!({ "k": k }), out: out.into(), model: None }
    }

    fn end(how: How) -> End {
        End { at: Timestamp::now(), how }
    }

    #[test]
    fn the_same_work_is_one_job_until_it_has_ended() {
        let (_folder, book) = book();
        let mut first = book.begin(EngineName::Sagemaker, job(2, "a")).expect("begun");
        assert_eq!(book.begin(EngineName::Sagemaker, job(2, "a")).expect("the same"), first);
        let other = book.begin(EngineName::Sagemaker, job(2, "b")).expect("another folder, another job");
        assert_ne!(other.token, first.token);
        let refused = book.begin(EngineName::Sagemaker, job(3, "a")).expect_err("the folder is taken");
        assert!(refused.to_string().contains(&first.id), "{refused}");
        first.end = Some(end(How::Failed("no space".to_owned())));
        book.write(&mut first).expect("written");
        let second = book.begin(EngineName::Sagemaker, job(2, "a")).expect("begun");
        assert_ne!(second.token, first.token, "what has ended is not taken up");
        assert_eq!(book.list().expect("a list").len(), 3);
    }

    #[test]
    fn of_two_fits_for_one_place_in_a_bucket_neither_is_sent_as_the_other_or_takes_it_away() {
        let (folder, book) = book();
        let to_a_bucket = |k: u32| {
            let out = folder.path().join(format!("models/{k}"));
            Job { model: Some("s3://lake/mine/".to_owned()), ..job(k, &out.to_string_lossy()) }
        };
        let mut first = book.begin(EngineName::Sagemaker, to_a_bucket(10)).expect("begun");
        let refused = book.begin(EngineName::Sagemaker, to_a_bucket(20)).expect_err("the place is taken");
        assert!(refused.to_string().contains(&first.id), "{refused}");
        std::fs::create_dir_all(&first.job.out).expect("made");
        std::fs::write(first.job.out.join(DESCRIPTION), "{}").expect("written");
        first.end = Some(end(How::Done));
        book.write(&mut first).expect("written");
        let second = book.begin(EngineName::Sagemaker, to_a_bucket(20)).expect("begun");
        crate::spark::topics::make_way(&second.job).expect("nothing is there");
        // Each is found again: the one to be sent, wherever it was made, and the other to be gone along with.
        let again = |engine, job: &Job| book.begin(engine, job.clone()).expect("found").id;
        assert_eq!(again(EngineName::Local, &first.job), first.id);
        assert_eq!(again(EngineName::Sagemaker, &second.job), second.id);
    }

    #[test]
    fn an_end_stays_whatever_a_slower_process_writes() {
        let (_folder, book) = book();
        let slow = book.begin(EngineName::Local, job(2, "a")).expect("begun");
        let fast = &mut Entry { end: Some(end(How::Done)), ..slow.clone() };
        book.write(fast).expect("written");
        let failed = Some(end(How::Failed("its results are gone".to_owned())));
        for end in [None, failed, Some(end(How::Cancelled))] {
            let slow = &mut Entry { words: "it runs".to_owned(), end, ..slow.clone() };
            book.write(slow).expect("written");
            assert_eq!(&book.find(&fast.id).expect("there"), fast);
            assert_eq!(slow, fast, "the slower one knows it then");
        }
    }

    #[test]
    fn who_cancels_a_job_knows_better_than_who_sees_that_it_is_gone() {
        let (_folder, book) = book();
        let seen = book.begin(EngineName::Local, job(2, "a")).expect("begun");
        let cancelled = &mut Entry { end: Some(end(How::Cancelled)), ..seen.clone() };
        let failed = &mut Entry { end: Some(end(How::Failed("it was killed".to_owned()))), ..seen };
        book.write(failed).expect("written");
        book.write(cancelled).expect("written");
        book.write(failed).expect("written");
        assert_eq!(
            (book.find(&failed.id).expect("there").state(), failed.state()),
            ("cancelled", "cancelled")
        );
    }

    #[test]
    fn what_is_begun_while_another_begins_finds_it() {
        let (_folder, book) = book();
        let lock = book.lock().expect("nobody has it");
        let (said, heard) = std::sync::mpsc::channel();
        let second = std::thread::spawn({
            let book = book.clone();
            move || said.send(book.begin(EngineName::Local, job(3, "a"))).expect("it is heard")
        });
        heard.recv_timeout(Duration::from_millis(50)).expect_err("it waits for the first");
        let (_other, first) = self::book();
        let first = first.begin(EngineName::Local, job(2, "a")).expect("begun");
        book.put(&first).expect("written");
        drop(lock);
        let refused = heard.recv().expect("an answer").expect_err("the folder is taken");
        assert!(refused.to_string().contains(&first.id), "{refused}");
        second.join().expect("it ended");
    }

    #[tokio::test]
    async fn who_waits_for_a_job_that_another_is_at_is_told_so_and_may_leave() {
        let (_folder, book) = book();
        let (silent, stop) = (Progress::silent(), CancellationToken::new());
        let mut first = book.begin(EngineName::Sagemaker, job(2, "a")).expect("begun");
        let mut second = first.clone();
        let alone = book.alone_with(&mut first, &silent, &stop).await.expect("nobody else is");
        first.handle = Some("it".to_owned());
        book.write(&mut first).expect("written");
        let (said, heard) = std::sync::mpsc::channel();
        let progress = Progress::to(move |report| said.send(report.text).expect("it is heard"));
        stop.cancel();
        let left = book.alone_with(&mut second, &progress, &stop).await.expect_err("the other is at it");
        let who = format!("another hydrant (process {})", std::process::id());
        let words = heard.recv().expect("a word");
        assert!(words.contains(&who) && words.contains(&second.id), "{words}");
        assert!(left.is_interruption() && left.to_string().contains(&who), "{left}");
        drop(alone);
        book.alone_with(&mut second, &silent, &stop).await.expect("it is free again");
        assert_eq!(second, first, "what the other did is known then");
    }

    #[test]
    fn a_job_is_found_by_a_part_of_its_id_that_no_other_has() {
        let (_folder, book) = book();
        let one = book.begin(EngineName::Local, job(2, "a")).expect("begun");
        assert_eq!(book.find(&one.id[7..]).expect("there"), one);
        book.begin(EngineName::Local, job(2, "b")).expect("begun");
        for (id, why) in [("topics", "several"), ("nothing", "no Spark job"), ("", "no Spark job")] {
            let error = book.find(id).expect_err("not one").to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_is_no_entry_is_left_out() {
        let (_folder, book) = book();
        let one = book.begin(EngineName::Local, job(2, "a")).expect("begun");
        std::fs::write(book.folder.join("torn.json"), "{\"id\":").expect("written");
        std::fs::write(book.folder.join("x.part"), "").expect("written");
        assert_eq!(book.list().expect("a list"), [one]);
    }
}
