//! The same work on a Spark that exists, for data beyond one machine.
//!
//! ```text
//! job        a script that ships with hydrant, its settings, and what is made of what it leaves
//! combine    hours that are handed over, and what is said of them: the files of any other combined hour
//! topics     what a fit is asked for, and what comes of it: the files of any other model
//! book       the jobs that were begun, on disk: a closed console or command finds them again
//! follow     a job to its end: handed over once, gone along with, its results brought
//! log        what a job says, as it comes
//! local      spark-submit on this machine
//! sagemaker  a processing job of Amazon SageMaker
//! emr        a job run of Amazon EMR Serverless
//! databricks a one-time run on Databricks
//! plan       how much there is to read, what it costs, how long it takes, and whether hydrant itself would do
//! prices     what machines cost by the hour, from a dated table
//! ```
//!
//! An [`Engine`] is a place where Spark runs. It says whether a job can be handed over to it, which a plan asks and the
//! handing over asks again, from the same piece. It takes a [`Job`] under a token, by which no engine elsewhere takes it
//! twice, and gives a handle that finds it again from any process; a [`Run`] looks at it, ends it, says where its log
//! is and what it has cost, and brings its results. No job is done before its script has said so by its last file.

mod book;
pub mod combine;
pub mod databricks;
pub mod emr_serverless;
mod error;
pub mod follow;
mod job;
pub mod local;
mod log;
pub mod plan;
pub mod prices;
pub mod sagemaker;
pub mod topics;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use book::{Alone, Book, End, Entry, How};
pub use error::SparkError;
pub use follow::{OnStop, see_through};
pub use job::{Job, LAST, Results, Work, must_reach};
pub use log::{Log, LogFiles, LogLine, LogLines};

use crate::cloud::Cloud;
use crate::settings::{Dollars, EngineName, Settings};

/// What runs a job's script where the driver's folders are gone with it.
const ELSEWHERE: &str = include_str!("../assets/spark/elsewhere.py");

/// How far a script is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stage {
    /// Counted from 1.
    pub stage: u32,
    /// How many there are.
    pub of: u32,
    /// What it is about.
    pub text: String,
}

impl Stage {
    /// From a line that a script prints, whatever stands before it there.
    fn of_line(line: &str) -> Option<Self> {
        let start = line.find("{\"stage\"")?;
        let stage: Self = serde_json::from_str(line.get(start..)?.trim_end()).ok()?;
        Some(Self { text: crate::text::sanitise(&stage.text), ..stage })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage {} of {}: {}", self.stage, self.of, self.text)
    }
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It does not run yet, or not any more; in words.
    Waiting(String),
    /// Its script runs.
    Running,
    /// It is over, and its results are there.
    Done,
    /// It was ended before its end, in the engine's words.
    Cancelled(String),
    /// It came to a bad end, for this reason.
    Failed(String),
}

/// What a look at a job shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The stages that it has come to since the last look.
    pub stages: Vec<Stage>,
    /// How it stands.
    pub state: State,
}

/// A place where Spark runs.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Which.
    fn name(&self) -> EngineName;

    /// Says by what a job would run. What keeps it from being handed over is the error: handing over asks the same.
    async fn ready(&self) -> Result<String, SparkError>;

    /// Hands a job over, and gives the handle by which it is found again. Asked once more with the same token, it gives
    /// the job that is there. (Spark on this machine knows no tokens: for it the handle is what is there.)
    async fn submit(&self, job: &Job, token: &str) -> Result<String, SparkError>;

    /// The job with that handle.
    async fn attach(&self, job: &Job, handle: &str) -> Result<Box<dyn Run>, SparkError>;
}

/// A job that was handed over.
#[async_trait]
pub trait Run: Send {
    /// Looks how it stands.
    async fn look(&mut self) -> Result<Seen, SparkError>;

    /// Ends it where it is, sees that it is gone, and says how it stands then: it may have come to its own end before.
    async fn cancel(&mut self) -> Result<State, SparkError>;

    /// Brings its results to the folder of the job; the script's last file comes last.
    async fn bring(&mut self) -> Result<(), SparkError>;

    /// Whether it is over, well or badly.
    async fn is_over(&mut self) -> Result<bool, SparkError> {
        Ok(!matches!(self.look().await?.state, State::Waiting(_) | State::Running))
    }

    /// Its log.
    fn log(&self) -> Log;

    /// What it has cost so far; `None` where that is not known, nothing where nobody is paid.
    fn cost(&self) -> Option<Dollars>;

    /// The first and the longest pause between two looks.
    fn pace(&self) -> (Duration, Duration) {
        (Duration::from_secs(1), Duration::from_secs(15))
    }
}

/// What engines are reached with.
#[derive(Debug, Clone)]
pub struct Desk<'a> {
    /// The settings of this run.
    pub settings: &'a Settings,
    /// How many of Spark's threads on this machine; all cores if none is said.
    pub threads: Option<usize>,
}

impl Desk<'_> {
    /// The engine of that name. `cloud` is asked for only where it is in AWS.
    pub async fn engine<E: From<SparkError>>(
        &self,
        name: EngineName,
        cloud: impl AsyncFnOnce() -> Result<Cloud, E>,
    ) -> Result<Box<dyn Engine>, E> {
        Ok(match name {
            EngineName::Local => {
                Box::new(local::Local::new(self.settings.spark_submit.to_string(), self.threads))
            }
            EngineName::Sagemaker => {
                Box::new(sagemaker::SageMaker::open(cloud().await?, self.settings).await?)
            }
            EngineName::EmrServerless => {
                Box::new(emr_serverless::EmrServerless::open(cloud().await?, self.settings).await?)
            }
            EngineName::Databricks => Box::new(databricks::Databricks::open(self.settings)?),
        })
    }

    /// The same, if a job can be handed over to it: what a plan asks.
    pub async fn ready<E: From<SparkError>>(
        &self,
        name: EngineName,
        cloud: impl AsyncFnOnce() -> Result<Cloud, E>,
    ) -> Result<Box<dyn Engine>, E> {
        let engine = self.engine(name, cloud).await?;
        engine.ready().await?;
        Ok(engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_apart_from_what_else_is_printed() {
        let line = r#"{"stage": 3, "of": 6, "text": "3001 documents"}"#;
        let expected = Stage { stage: 3, of: 6, text: "3001 documents".to_owned() };
        assert_eq!(Stage::of_line(line), Some(expected.clone()));
        assert_eq!(Stage::of_line(&format!("11-26 05:24 smspark INFO {line}\n")), Some(expected));
        for other in ["", "WARNING: all illegal access", "{}", r#"{"stage": -1, "of": 6, "text": ""}"#] {
            assert_eq!(Stage::of_line(other), None, "{other}");
        }
    }
}
