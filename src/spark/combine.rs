//! Hours combined by Spark: the same rows, values and order, the same quarantine and lists, in the same places. The
//! script writes every file, the manifests last; here the work is handed over, and what the script says of it is read.
//! It runs where hours and results both are: on this machine for folders, at an engine elsewhere for buckets.
//!
//! Lines of JSON are read by hydrant itself, as a program that Spark's executors run. What only some executors could
//! have told apart by name: a file that is packed badly is called damaged in Python's words.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Entry, Job, LAST, Results, SparkError, Work};
use crate::cloud::Cloud;
use crate::lake::combine::elsewhere::{self, Answer};
use crate::lake::combine::{Left, Outcome, Plan, Wish};
use crate::lake::{Address, Lake, LakeError, Place};

pub(super) const SCRIPT: &str = include_str!("../../assets/spark/combine.py");
/// Where what is not done yet lies, beside the results; the job takes it away when it ends.
const PASSING: &str = "spark-passing";

/// What is asked for.
#[derive(Debug)]
pub struct Order<'a> {
    /// Where the hours are.
    pub lake: &'a Lake,
    /// Where the results go.
    pub results: &'a Place,
    /// Which hours.
    pub plan: &'a Plan,
    /// How.
    pub wish: &'a Wish,
    /// The program that reads lines of JSON where the executors are: this one, if they are here.
    pub reader: Option<PathBuf>,
}

impl Order<'_> {
    /// The job of it; its answer and its log go to a folder of this machine.
    pub async fn job(&self, out: &Path, stop: &CancellationToken) -> Result<Job, LakeError> {
        let mut settings = elsewhere::hand_over(self.lake, self.results, self.plan, self.wish, stop).await?;
        let passing = format!("{PASSING}/{}", uuid::Uuid::new_v4().simple());
        settings["out"] = json!(out);
        settings["passing"] = json!(elsewhere::address(self.results, &passing));
        settings["reader"] = json!(self.reader);
        // Not the script's business: what an engine must be able to read, and what the results take the place of.
        settings["input"] = json!([self.lake.place.url(""), self.results.url("")]);
        settings["replaced"] = json!(self.plan.replaced);
        Ok(Job {
            name: "combine".to_owned(),
            work: Work::Combine,
            settings,
            out: out.to_owned(),
            model: None,
        })
    }
}

/// The folder of this machine that the answer of a job elsewhere goes to, of those for such answers: no two jobs for the
/// same results run at once.
pub fn out_of(folder: &Path, results: &Place) -> PathBuf {
    let name = results.url("");
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    folder.join("combined").join(name.trim_matches('-'))
}

/// The address of where the results of a job lie, by its settings.
pub fn address_of(job: &Job) -> &str {
    job.settings["results"].as_str().unwrap_or_default()
}

/// Where the results of a job lie.
pub fn results_of(job: &Job, cloud: Option<&Cloud>) -> Result<Place, SparkError> {
    Ok(Place::at(Address::parse(address_of(job))?, cloud)?)
}

/// The hours that a job leaves as they are.
fn left_of(job: &Job) -> Vec<Left> {
    serde_json::from_value(job.settings["left"].clone()).unwrap_or_default()
}

/// What comes of a job without hours, which need not be begun: all that was due is left.
pub fn all_left(job: &Job) -> Option<Outcome> {
    let is_empty = job.settings["hours"].as_array().is_some_and(Vec::is_empty);
    is_empty.then(|| Outcome { left: left_of(job), ..Outcome::default() })
}

/// What is left to do when a job has ended or was left, whoever was there: the results take the place of what was there
/// before, and what a job leaves that was ended before it could clear up itself is taken away.
pub async fn wind_up(
    entry: &Entry,
    came: Result<Results, SparkError>,
    results: &Place,
) -> Result<Outcome, SparkError> {
    match came {
        Ok(Results::Topics(_) | Results::There) => Err(SparkError::NoJob(entry.id.clone())),
        Ok(Results::Combined(answer)) => {
            let replaced: Vec<String> =
                serde_json::from_value(entry.job.settings["replaced"].clone()).unwrap_or_default();
            let took = jiff::Timestamp::now().duration_since(entry.begun).as_secs_f64();
            let outcome = elsewhere::take_over(results, &replaced, answer, took).await;
            Ok(Outcome { left: left_of(&entry.job), ..outcome })
        }
        Err(error) => {
            if entry.end.is_some() {
                clear(&entry.job, results).await?;
            }
            Err(error)
        }
    }
}

/// Takes away what a job left that was ended before it could do so itself.
pub async fn clear(job: &Job, results: &Place) -> Result<(), LakeError> {
    if let Place::Folder(results) = results {
        let folder = results.join(PASSING);
        return match tokio::fs::remove_dir_all(&folder).await {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(LakeError::Io { what: "remove", path: folder.display().to_string(), source })
            }
            _ => Ok(()),
        };
    }
    let Some(own) = job.settings["passing"].as_str().and_then(|passing| passing.rsplit('/').next()) else {
        return Ok(());
    };
    let left = results.list_all(&format!("{PASSING}/{own}/")).await?;
    let keys: Vec<String> = left.into_iter().map(|entry| entry.key).collect();
    results.delete(&keys).await
}

/// What the script says that it did.
pub(super) fn finish(out: &Path) -> Result<Answer, SparkError> {
    let path = out.join(LAST);
    let text = std::fs::read_to_string(&path).map_err(SparkError::file("read", &path))?;
    serde_json::from_str(&text).map_err(|error| SparkError::OddResult { path, why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_two_lakes_have_folders_of_their_own_and_none_leads_elsewhere() {
        let folder = Path::new("state");
        let place = |name: &str| Place::Folder(name.into());
        let one = out_of(folder, &place("/lake/a"));
        assert_eq!(one, out_of(folder, &place("/lake/a")));
        assert_ne!(one, out_of(folder, &place("/lake/b")));
        let odd = out_of(folder, &place("/lake/../../etc"));
        assert!(odd.starts_with("state/combined") && !odd.to_string_lossy().contains(".."), "{odd:?}");
    }

    #[tokio::test]
    async fn what_a_job_left_is_taken_away_and_the_results_beside_it_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let results = Place::Folder(folder.path().to_owned());
        for key in ["spark-passing/1/csv/part-0", "parquet/kept.parquet"] {
            results.put(key, b"x").await.expect("written");
        }
        let settings = json!({ "passing": "spark-passing/1", "results": folder.path() });
        let job =
            Job { name: "combine".to_owned(), work: Work::Combine, settings, out: "out".into(), model: None };
        clear(&job, &results).await.expect("cleared");
        clear(&job, &results).await.expect("once more, there is nothing");
        let left = results.list_all("").await.expect("listed");
        assert_eq!(left.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["parquet/kept.parquet"]);
        assert_eq!(results_of(&job, None).expect("a place").url(""), results.url(""));
    }
}
