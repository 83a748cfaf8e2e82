//! A job: a script that ships with hydrant, its settings, and what is made of what the script leaves.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::{SparkError, Stage, combine, topics};
use crate::cloud::{Cloud, Failure, Operation};
use crate::lake::combine::elsewhere::Answer;
use crate::lake::place::Depth;
use crate::lake::{Address, Place};
use crate::settings::EngineName;
use crate::stack::Names;
use crate::stack::graph::Kind;
use crate::topics::{Description, TextSteps};

/// The file that a script writes last: without it there is no result.
pub const LAST: &str = "spark.json";

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A fit, with the steps that its posts go through if it has any.
    Topics {
        /// The steps.
        steps: Option<Box<TextSteps>>,
    },
    /// Hours that are combined; the script itself puts their files where they belong.
    Combine,
}

/// A job as it is asked for. Two that are equal are the same work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What it is called in lists and logs: a word.
    pub name: String,
    /// What it is for.
    pub work: Work,
    /// The script's settings, as the script documents them.
    pub settings: serde_json::Value,
    /// The folder on this machine that its results go to.
    pub out: PathBuf,
    /// The address in a bucket that its model goes to from there, if it does not stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What a job came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Results {
    /// A model.
    Topics(Description),
    /// A model that another process has seen to: it is described where it lies.
    There,
    /// What was said of the hours.
    Combined(Answer),
}

impl Job {
    /// The script's text.
    pub fn script(&self) -> &'static str {
        match self.work {
            Work::Topics { .. } => topics::SCRIPT,
            Work::Combine => combine::SCRIPT,
        }
    }

    /// Makes of what the script left in the job's folder what hydrant itself would have left.
    pub fn finish(&self) -> Result<Results, SparkError> {
        match &self.work {
            Work::Topics { steps } => topics::finish(&self.out, steps.as_deref()).map(Results::Topics),
            Work::Combine => combine::finish(&self.out).map(Results::Combined),
        }
    }

    /// Where what comes of it is found in the end.
    pub fn place(&self) -> String {
        self.model.clone().unwrap_or_else(|| self.out.display().to_string())
    }

    /// What an engine elsewhere calls it: unlike any other job.
    pub(super) fn remote_name(&self, token: &str) -> String {
        format!("hydrant-{}-{token}", self.name)
    }

    /// Refuses a job that the engine does not reach the files of. (A file of tokens is sent to where one elsewhere does.)
    pub(super) fn must_be_reached(&self, engine: EngineName) -> Result<(), SparkError> {
        let inputs = self.settings.get("input").and_then(serde_json::Value::as_array).into_iter().flatten();
        let tokens = self.tokens().filter(|_| engine == EngineName::Local);
        must_reach(engine, inputs.filter_map(serde_json::Value::as_str).chain(tokens))
    }

    /// The file of tokens, if it is of those.
    pub(super) fn tokens(&self) -> Option<&str> {
        self.settings.get("tokens").and_then(serde_json::Value::as_str)
    }
}

/// Refuses what an engine does not reach: Spark on this machine reads and writes files, elsewhere it does buckets.
pub fn must_reach(
    engine: EngineName,
    inputs: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<(), SparkError> {
    let here = engine == EngineName::Local;
    let is_reached = |input: &str| if here { !input.contains("://") } else { input.starts_with("s3://") };
    let Some(beyond) = inputs.into_iter().find(|input| !is_reached(input.as_ref())) else { return Ok(()) };
    let path = beyond.as_ref().to_owned();
    Err(if here {
        SparkError::NotAFile(path)
    } else {
        SparkError::NotInABucket { engine: engine.title(), path }
    })
}

/// Where jobs elsewhere lie: beside the models of the stack's lake.
pub(super) fn folder(names: &Names, cloud: &Cloud) -> Result<Place, SparkError> {
    let bucket = names.of(Kind::Bucket).to_owned();
    Ok(Place::at(Address::Bucket { bucket, prefix: format!("{}models/jobs/", names.lake()) }, Some(cloud))?)
}

/// Whether the bucket that jobs elsewhere lie in is there, and lets itself be listed.
pub(super) async fn bucket_is_there(jobs: &Place) -> Result<(), SparkError> {
    match jobs.list("", Depth::Folder).next().await {
        Ok(_) => Ok(()),
        Err(error) if error.is_missing() => Err(SparkError::NoBucket(jobs.url(""))),
        Err(error) => Err(error.into()),
    }
}

/// The ARN of the role that a service's jobs run by, as it is: one that was adopted, or is named without its path, lies
/// elsewhere than hydrant's own. `own` is what is taken where none is named.
pub(super) async fn role(
    cloud: &Cloud,
    names: &Names,
    service: &str,
    own: Option<&str>,
) -> Result<String, SparkError> {
    let (given, service) = (names.spark_role(), Names::service(service));
    let (role, remedy) = match (&given, own) {
        (Some(arn), _) => (arn.rsplit('/').next().unwrap_or(arn), "make it in IAM".to_owned()),
        (None, Some(own)) => (own, "`hydrant notebook up` makes it".to_owned()),
        (None, None) => {
            return Err(SparkError::NoRole {
                role: "(`spark_role` is not set)".to_owned(),
                remedy: format!(
                    "make one in IAM that {service} may take and that reads and writes the bucket"
                ),
            });
        }
    };
    let request = cloud.iam.get_role().role_name(role).send();
    let there = match (cloud.call(Operation::GetRole, role, request).await, &given) {
        (Ok(answer), _) => answer.role,
        (Err(error), _) if error.is_missing() => {
            return Err(SparkError::NoRole { role: role.to_owned(), remedy });
        }
        // Whoever may not look at it may well pass it on.
        (Err(error), Some(arn)) if error.failure() == Failure::Denied => return Ok(arn.clone()),
        (Err(error), _) => return Err(error.into()),
    };
    let trust = there.as_ref().and_then(|role| role.assume_role_policy_document()).unwrap_or_default();
    if !percent_decode_str(trust).decode_utf8_lossy().contains(&service) {
        return Err(SparkError::NoTrust { role: role.to_owned(), service });
    }
    Ok(there.map(|role| role.arn).unwrap_or_default())
}

/// Sends a job's file of tokens, if it is of those and of this machine, to where a Spark elsewhere finds it.
pub(super) async fn tokens_to(job: &Job, code: &Place) -> Result<bool, SparkError> {
    let Some(tokens) = job.tokens().filter(|tokens| !tokens.contains("://")) else { return Ok(false) };
    let path = Path::new(tokens);
    let content = tokio::fs::read(path).await.map_err(SparkError::file("read", path))?;
    code.put("tokens.txt", &content).await?;
    Ok(true)
}

/// Whether a file beside the results is one of them: what is told on the way is none, and a name that is none of a file's
/// would lead elsewhere.
pub(super) fn is_result(name: &str) -> bool {
    !name.contains('/') && !["..", "progress.json", "failure.txt"].contains(&name)
}

/// Brings what a script left in a bucket to a folder of this machine, its last file last.
pub(super) async fn bring(
    engine: EngineName,
    from: &Place,
    out: &Path,
    words: Option<String>,
) -> Result<(), SparkError> {
    let mut names: Vec<String> = from.list_all("").await?.into_iter().map(|entry| entry.key).collect();
    if !names.iter().any(|name| name == LAST) {
        let place = from.url("");
        let words = words.as_deref().map(crate::text::sanitise);
        return Err(SparkError::NoResults { engine: engine.title(), place, words });
    }
    names.retain(|name| is_result(name));
    names.sort_by_key(|name| name == LAST);
    let here = Place::Folder(out.to_owned());
    for name in names {
        let mut body = from.read(&name, 0).await?;
        let mut file = here.create(&name).await?;
        while let Some(piece) = body.next().await? {
            file.write(&piece).await?;
        }
        file.finish().await?;
    }
    Ok(())
}

/// The stage that a job elsewhere told of last, if it is another than before. It is not worth a look that fails.
pub(super) async fn told(from: &Place, last: &mut Option<Stage>) -> Vec<Stage> {
    let told = match from.get("progress.json").await {
        Ok(told) => told,
        Err(error) => {
            if !error.is_missing() {
                tracing::info!(%error, "stages were not read");
            }
            return Vec::new();
        }
    };
    let stage = Stage::of_line(&String::from_utf8_lossy(&told)).filter(|stage| last.as_ref() != Some(stage));
    *last = stage.clone().or(last.take());
    stage.into_iter().collect()
}
