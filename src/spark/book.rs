//! The jobs that were begun, on disk: a file each in the user's state folder, written before a job is handed over and
//! again whenever something is known of it.
//!
//! An entry without an end is a job that may be running: whoever comes next goes along with it by its handle, or, if a
//! crash came before the handle was known, hands it over again under the same token, by which no engine takes it twice.
//! A file is replaced whole or not at all; an end that is written stays, whatever a slower process writes after it.
//! Entries that ended are forgotten after 90 days.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Job, SparkError, Stage};
use crate::settings::{EngineName, Folders};
use crate::topics::DESCRIPTION;

/// How long a job that ended is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

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

    /// The entry of a job that is to run: the one that is open for the same work there, or a new one.
    pub fn begin(&self, engine: EngineName, job: Job) -> Result<Entry, SparkError> {
        let now = Timestamp::now();
        for entry in self.list()? {
            match &entry.end {
                None if entry.engine == engine && entry.job == job => return Ok(entry),
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
        self.write(&entry)?;
        Ok(entry)
    }

    /// The same work, if it is done, wherever that was, and its model was not sent to where it belongs.
    pub fn unsent(&self, job: &Job) -> Result<Option<Entry>, SparkError> {
        Ok(self.list()?.into_iter().find(|entry| entry.job == *job && entry.is_unsent()))
    }

    /// Writes what is known of a job now.
    pub fn write(&self, entry: &Entry) -> Result<(), SparkError> {
        let path = self.path(&entry.id);
        if entry.end.is_none() && read(&path).is_ok_and(|there| there.end.is_some()) {
            return Ok(());
        }
        Folders::make_private(&self.folder).map_err(SparkError::file("make", &self.folder))?;
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
        book.write(&first).expect("written");
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
        book.write(&first).expect("written");
        let second = book.begin(EngineName::Sagemaker, to_a_bucket(20)).expect("begun");
        crate::spark::topics::make_way(&second.job).expect("nothing is there");
        let unsent = |job: &Job| book.unsent(job).expect("a look").map(|entry| entry.id);
        assert_eq!((unsent(&first.job), unsent(&second.job)), (Some(first.id), None));
    }

    #[test]
    fn an_end_stays_whatever_a_slower_process_writes() {
        let (_folder, book) = book();
        let slow = book.begin(EngineName::Local, job(2, "a")).expect("begun");
        let fast = Entry { end: Some(end(How::Done)), ..slow.clone() };
        book.write(&fast).expect("written");
        book.write(&Entry { words: "it runs".to_owned(), ..slow }).expect("written");
        assert_eq!(book.find(&fast.id).expect("there"), fast);
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
