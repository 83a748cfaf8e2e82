//! The same work on a Spark that exists, for data beyond one machine.
//!
//! ```text
//! combine    hours that are handed over, and what is said of them: the files of any other combined hour
//! topics     what a fit is asked for, and what comes of it: the files of any other model
//! local      spark-submit on this machine
//! ```
//!
//! A [`Job`] is a script that ships with hydrant and its settings. An [`Engine`] is a place where Spark runs; it submits
//! a job and gives back a [`Run`], which tells what is new, is cancelled, and knows what it has cost. [`follow`] goes
//! along with one to its end. No run is done before its script has said so by its last file.

pub mod combine;
pub mod local;
pub mod topics;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::progress::{Phase, Progress};
use crate::settings::Dollars;
use crate::text::sanitise;
use crate::topics::TopicsError;

/// What can go wrong with Spark.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SparkError {
    /// There is no Spark here.
    #[error(
        "there is no Spark on this machine: `{program}` cannot be run; install it (`pip install pyspark` and Java 17), or say where it is with `spark_submit`"
    )]
    NoSpark {
        /// What was tried.
        program: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A job came to a bad end.
    #[error("the Spark job failed: {why}; its whole log is {log}")]
    Failed {
        /// In Spark's words or the script's.
        why: String,
        /// Where the rest is.
        log: PathBuf,
    },
    /// A file of a job cannot be read or written.
    #[error("cannot {what} {path}")]
    File {
        /// Read, write, make.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What a job left is not what its script leaves.
    #[error("{path} is not what the Spark job leaves: {why}")]
    OddResult {
        /// The file.
        path: PathBuf,
        /// What is odd about it.
        why: String,
    },
    /// The local Spark reads no buckets.
    #[error(
        "Spark on this machine reads files, and {0} is none: bring it here with `hydrant lake get`, or fit without `--engine spark`"
    )]
    NotAFile(String),
    /// The operator asked to stop.
    #[error("stopped as asked; nothing was written")]
    Interrupted,
    /// A model cannot be made of the results.
    #[error(transparent)]
    Topics(#[from] TopicsError),
}

impl SparkError {
    fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}

/// A script that ships with hydrant, and its settings.
#[derive(Debug, Clone)]
pub struct Job {
    /// What it is called in lists and logs.
    pub name: String,
    /// The script's text.
    pub script: &'static str,
    /// Its settings, as the script documents them.
    pub settings: serde_json::Value,
    /// The folder that its results and its log go to.
    pub out: PathBuf,
}

/// What is new of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It has come to this stage.
    Stage {
        /// Counted from 1.
        stage: u32,
        /// How many there are.
        of: u32,
        /// What it is about.
        text: String,
    },
    /// It is over, and its results are there.
    Done,
}

/// A place where Spark runs.
#[async_trait]
pub trait Engine: Send + Sync {
    /// As `--on` names it.
    fn name(&self) -> &'static str;

    /// Hands a job over.
    async fn submit(&self, job: &Job) -> Result<Box<dyn Run>, SparkError>;
}

/// A job that was submitted.
#[async_trait]
pub trait Run: Send {
    /// Waits for what is new. After [`News::Done`] or an error there is nothing more. May be dropped while it waits.
    async fn next(&mut self) -> Result<News, SparkError>;

    /// Ends it where it is, and sees that it is gone.
    async fn cancel(&mut self) -> Result<(), SparkError>;

    /// Where its log is.
    fn log(&self) -> &Path;

    /// What it has cost so far; nothing where nobody is paid.
    fn cost(&self) -> Dollars;
}

/// Goes along with a run to its end, and cancels it when the operator asks to stop.
pub async fn follow(
    run: &mut dyn Run,
    job: &Job,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<(), SparkError> {
    loop {
        let news = tokio::select! {
            news = run.next() => news,
            () = stop.cancelled() => {
                run.cancel().await?;
                return Err(SparkError::Interrupted);
            }
        };
        match news? {
            News::Stage { stage, of, text } => {
                let text = format!("stage {stage} of {of}: {}", sanitise(&text));
                progress.tell("spark", &job.name, Phase::Acting, text);
            }
            News::Done => {
                progress.tell("spark", &job.name, Phase::Done, "its results are there");
                return Ok(());
            }
        }
    }
}
