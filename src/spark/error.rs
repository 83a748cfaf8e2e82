//! What can go wrong with Spark.

use std::path::{Path, PathBuf};

use crate::cloud::CloudError;
use crate::lake::LakeError;
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
        /// In Spark's words, the script's or the engine's.
        why: String,
        /// Where the rest is.
        log: String,
    },
    /// A job was ended by somebody.
    #[error("the Spark job was cancelled: {0}")]
    Cancelled(String),
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
    /// An engine says that a job is done, and its last file is not there.
    #[error("{engine} says that the job is done, and there are no results at {place}{}", words.as_ref().map(|words| format!(" (it says: {words})")).unwrap_or_default())]
    NoResults {
        /// Which engine.
        engine: &'static str,
        /// Where they should be.
        place: String,
        /// What else it said.
        words: Option<String>,
    },
    /// The local Spark reads no buckets.
    #[error(
        "Spark on this machine reads files, and {0} is none: bring it here with `hydrant lake get`, run the job elsewhere with `--on`, or leave `--engine spark` out"
    )]
    NotAFile(String),
    /// A Spark elsewhere reads no files of this machine.
    #[error(
        "{engine} reads buckets, and {path} is a file of this machine: name it as s3://…, or run the job here with `--on local`"
    )]
    NotInABucket {
        /// Which engine.
        engine: &'static str,
        /// The file.
        path: String,
    },
    /// A setting is missing that an engine needs.
    #[error("{engine} needs the setting {key}: `hydrant config --init` explains it")]
    NotSet {
        /// Which engine.
        engine: &'static str,
        /// Which setting.
        key: &'static str,
    },
    /// A call to Databricks failed.
    #[error("Databricks does not {what}: {why}")]
    Databricks {
        /// What was asked of it.
        what: String,
        /// Its words, made safe to show.
        why: String,
        /// Whether it may do it a little later.
        passes: bool,
    },
    /// AWS has no Spark image there, or hydrant does not know of it.
    #[error("no Spark image of SageMaker's is known for the region {0}: name one with `sagemaker_image`")]
    NoImage(String),
    /// The role that a job should work by is not there.
    #[error("there is no role {role} for the Spark job: {remedy}, or name one with `spark_role`")]
    NoRole {
        /// Its name.
        role: String,
        /// What to do.
        remedy: String,
    },
    /// The role that a job should work by is not for the service that runs it.
    #[error(
        "the role {role} does not let {service} take it, so that no Spark job can run by it there: let it in the role's trust policy, or name another role with `spark_role`"
    )]
    NoTrust {
        /// Its name.
        role: String,
        /// Who would take it.
        service: String,
    },
    /// The bucket that a job's files lie in is not there.
    #[error(
        "there is no bucket for the Spark job's files, which go to {0}: `hydrant up` makes it, or name yours with `bucket`"
    )]
    NoBucket(String),
    /// The application that was named is not there.
    #[error(
        "EMR Serverless has no application {0}: name another with `emr_application`, or leave it out, and one is made"
    )]
    NoApplication(String),
    /// There is no such job in the book.
    #[error("there is no Spark job {0} here: `hydrant jobs` lists them")]
    NoJob(String),
    /// A job that was not handed over has no log.
    #[error(
        "the Spark job {0} was not handed over yet, so that it has no log: `hydrant jobs follow {0}` does"
    )]
    NoLog(String),
    /// Several jobs are meant.
    #[error("{0} means several Spark jobs: `hydrant jobs` lists them")]
    SeveralJobs(String),
    /// Another job writes there.
    #[error(
        "the Spark job {id} is still at work for {out}: `hydrant jobs follow {id}` goes along with it, `hydrant jobs cancel {id}` ends it"
    )]
    OutInUse {
        /// The job.
        id: String,
        /// Where.
        out: String,
    },
    /// A model was made, and could not be sent to its place.
    #[error("the model is made and was not sent to {place}: {source}; `hydrant jobs follow {id}` sends it")]
    NotSent {
        /// The job.
        id: String,
        /// The address.
        place: String,
        /// Why.
        source: Box<TopicsError>,
    },
    /// The operator asked to stop, and the job goes on elsewhere.
    #[error(
        "left as asked: the Spark job {id} goes on {engine} and costs money there; the same command again or `hydrant jobs follow {id}` goes along with it, `hydrant jobs cancel {id}` ends it"
    )]
    Left {
        /// The job.
        id: String,
        /// Which engine.
        engine: &'static str,
    },
    /// The operator asked to stop while another process is at what comes of a job.
    #[error("left as asked: {who} is at the Spark job {id}, and `hydrant jobs list` shows how it stands")]
    LeftTo {
        /// The job.
        id: String,
        /// Who is.
        who: String,
    },
    /// A job elsewhere could not be followed to its end, and may go on.
    #[error(
        "{source}; the Spark job {id} is not given up by that: it may go on {engine} and cost money there; the same command again or `hydrant jobs follow {id}` goes along with it, `hydrant jobs cancel {id}` ends it"
    )]
    GoesOn {
        /// The job.
        id: String,
        /// Which engine.
        engine: &'static str,
        /// What stands in the way.
        source: Box<SparkError>,
    },
    /// A job was to be cancelled that has come to its end.
    #[error(
        "the Spark job {0} was done already, and nothing of it was cancelled: `hydrant jobs follow {0}` brings its results"
    )]
    DoneAlready(String),
    /// A job was told to end, and has not.
    #[error(
        "the Spark job was told to end {0} min ago and has not yet: `hydrant jobs` shows how it stands; cancel it once more, or end it where it runs"
    )]
    StillEnding(u64),
    /// The operator asked to stop.
    #[error("stopped as asked; nothing was written")]
    Interrupted,
    /// A call to AWS failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A file in a bucket cannot be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A model cannot be made of the results.
    #[error(transparent)]
    Topics(#[from] TopicsError),
}

impl SparkError {
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    /// Whether the same may well succeed a little later.
    pub fn passes(&self) -> bool {
        match self {
            Self::Cloud(CloudError::Call(call)) | Self::Lake(LakeError::Cloud(CloudError::Call(call))) => {
                call.failure.passes()
            }
            Self::Databricks { passes, .. } => *passes,
            Self::GoesOn { source, .. } => source.passes(),
            _ => false,
        }
    }

    /// Whether the operator asked for the end of it.
    pub fn is_interruption(&self) -> bool {
        match self {
            Self::Interrupted | Self::Left { .. } | Self::LeftTo { .. } => true,
            Self::Lake(error) => error.is_interruption(),
            Self::Topics(error) => error.is_interruption(),
            _ => false,
        }
    }
}
