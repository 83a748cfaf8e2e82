//! Hours combined by Spark: the same rows, values and order, the same quarantine and lists, in the same places. The
//! script writes every file, the manifests last; here the work is handed over, and what the script says of it is read.
//!
//! Lines of JSON are read by hydrant itself, as a program that Spark's executors run. What only some executors could
//! have told apart by name: a file that is packed badly is called damaged in Python's words.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Job, LAST, SparkError, Work};
use crate::lake::combine::elsewhere::{self, Answer};
use crate::lake::combine::{Plan, Wish};
use crate::lake::{Lake, LakeError, Place};

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
        settings["out"] = json!(out);
        settings["passing"] = json!(elsewhere::address(self.results, &passing()));
        settings["reader"] = json!(self.reader);
        Ok(Job { name: "combine".to_owned(), work: Work::Combine, settings, out: out.to_owned() })
    }

    /// Takes away what a job left that was ended before it could do so itself.
    pub async fn clear(&self) -> Result<(), LakeError> {
        if let Place::Folder(results) = self.results {
            let folder = results.join(PASSING);
            return match tokio::fs::remove_dir_all(&folder).await {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(LakeError::Io { what: "remove", path: folder.display().to_string(), source })
                }
                _ => Ok(()),
            };
        }
        let left = self.results.list_all(&format!("{}/", passing())).await?;
        let keys: Vec<String> = left.into_iter().map(|entry| entry.key).collect();
        self.results.delete(&keys).await
    }
}

fn passing() -> String {
    format!("{PASSING}/{}", std::process::id())
}

/// What the script says that it did.
pub(super) fn finish(out: &Path) -> Result<Answer, SparkError> {
    let path = out.join(LAST);
    let text = std::fs::read_to_string(&path).map_err(SparkError::file("read", &path))?;
    serde_json::from_str(&text).map_err(|error| SparkError::OddResult { path, why: error.to_string() })
}
