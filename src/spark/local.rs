//! `spark-submit` on this machine, for trying and for tests.
//!
//! The job runs in a process group of its own, so that cancelling ends the Java machine and every Python of it. What it
//! says beside its progress goes into `spark.log` in the folder of the results; the last of it is what a failure is
//! explained by. (`spark-submit` puts all that a script says, complaints too, on its standard output.)

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{Engine, Job, News, Run, SparkError};
use crate::settings::Dollars;

/// How long a job that is told to end has for it.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How much of the end of a log is looked at for why a job failed.
const TAIL: usize = 16 << 10;
/// How many of the lines that a script says are looked at for the same.
const SAID: usize = 100;

/// Spark on this machine.
#[derive(Debug, Clone)]
pub struct Local {
    /// The program that submits.
    pub program: String,
    /// How many of Spark's threads; all cores if none is said.
    pub threads: Option<usize>,
}

/// A job that runs here.
#[derive(Debug)]
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The last of what it said that is no progress.
    said: VecDeque<String>,
    log_file: File,
    log: PathBuf,
    /// All that belongs to it.
    group: Option<Pid>,
    /// The script and its settings, gone when the run is.
    _files: tempfile::TempDir,
}

fn write(path: &Path, text: &str) -> Result<(), SparkError> {
    std::fs::write(path, text).map_err(SparkError::file("write", path))
}

#[async_trait]
impl Engine for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn submit(&self, job: &Job) -> Result<Box<dyn Run>, SparkError> {
        std::fs::create_dir_all(&job.out).map_err(SparkError::file("make", &job.out))?;
        let files = tempfile::tempdir().map_err(SparkError::file("make", &std::env::temp_dir()))?;
        let (script, settings) = (files.path().join("job.py"), files.path().join("settings.json"));
        write(&script, job.script)?;
        write(&settings, &job.settings.to_string())?;
        let log = job.out.join("spark.log");
        let options = &mut std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&log);
        let log_file = file.map_err(SparkError::file("write", &log))?;
        // One and the same open file: what is written by either goes behind the other's.
        let stderr = log_file.try_clone().map_err(SparkError::file("write", &log))?;
        let threads = self.threads.map_or_else(|| "*".to_owned(), |threads| threads.to_string());
        let child = Command::new(&self.program)
            .args(["--master", &format!("local[{threads}]"), "--name", &job.name])
            // Nobody looks at its web page, and a machine may be where nobody else should either.
            .args(["--conf", "spark.ui.enabled=false", "--conf", "spark.driver.bindAddress=127.0.0.1"])
            .args(["--conf", "spark.driver.host=127.0.0.1"])
            .arg(&script)
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child =
            child.map_err(|source| SparkError::NoSpark { program: self.program.clone(), source })?;
        let stdout = child.stdout.take().expect("it is piped");
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (lines, said) = (BufReader::new(stdout).lines(), VecDeque::new());
        Ok(Box::new(Running { child, lines, said, log_file, log, group, _files: files }))
    }
}

impl Drop for Running {
    /// Whatever ends the one who follows it, nothing of it goes on.
    fn drop(&mut self) {
        // One that was waited for is gone, and its number may be somebody else's.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
        {
            tracing::debug!(%error, "the job has ended by itself");
        }
    }
}

#[async_trait]
impl Run for Running {
    async fn next(&mut self) -> Result<News, SparkError> {
        while let Some(line) =
            self.lines.next_line().await.map_err(SparkError::file("read the progress of", &self.log))?
        {
            if let Some(news) = stage(&line) {
                return Ok(news);
            }
            writeln!(self.log_file, "{line}").map_err(SparkError::file("write", &self.log))?;
            if self.said.len() == SAID {
                self.said.pop_front();
            }
            self.said.push_back(line);
        }
        let status = self.child.wait().await.map_err(SparkError::file("wait for the job of", &self.log))?;
        if status.success() {
            return Ok(News::Done);
        }
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or_default();
        let said: Vec<&str> = self.said.iter().map(String::as_str).collect();
        let why = why(&said.join("\n")).or_else(|| why(&String::from_utf8_lossy(tail)));
        let why = why.unwrap_or_else(|| status.to_string());
        Err(SparkError::Failed { why, log: self.log.clone() })
    }

    async fn cancel(&mut self) -> Result<(), SparkError> {
        self.signal(Signal::TERM);
        let ended = tokio::time::timeout(END_WITHIN, self.child.wait()).await;
        // Also when it has ended: what it started may not have.
        self.signal(Signal::KILL);
        if ended.is_err() {
            self.child.wait().await.map_err(SparkError::file("end the job of", &self.log))?;
        }
        Ok(())
    }

    fn log(&self) -> &Path {
        &self.log
    }

    fn cost(&self) -> Dollars {
        Dollars::default()
    }
}

/// A line of the script's progress.
fn stage(line: &str) -> Option<News> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let number = |key: &str| line.get(key)?.as_u64().and_then(|number| u32::try_from(number).ok());
    let text = line.get("text")?.as_str()?.to_owned();
    Some(News::Stage { stage: number("stage")?, of: number("of")?, text })
}

/// Why a job failed: the last exception or the last word of the script, out of all that Spark and Java say around it.
fn why(log: &str) -> Option<String> {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_noise = |line: &str| {
        line.starts_with("at ")
            || line.starts_with("...")
            || line.starts_with("File \"")
            || [" INFO ", " WARN ", " DEBUG "].iter().any(|level| line.contains(level))
    };
    let exception = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        line.contains(": ") && (name.ends_with("Exception") || name.ends_with("Error"))
    };
    let last = lines().rfind(exception).or_else(|| lines().rfind(|line| !is_noise(line)));
    last.map(crate::text::sanitise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_apart_from_what_else_is_printed() {
        let line = r#"{"stage": 3, "of": 6, "text": "3001 documents"}"#;
        let expected = News::Stage { stage: 3, of: 6, text: "3001 documents".to_owned() };
        assert_eq!(stage(line), Some(expected));
        for other in ["", "WARNING: all illegal access", "{}", r#"{"stage": -1, "of": 6, "text": ""}"#] {
            assert_eq!(stage(other), None, "{other}");
        }
    }

    #[test]
    fn a_failure_is_explained_by_what_was_said_last_and_not_by_where() {
        let java = "26/11/26 INFO X: y\njava.io.IOException: No space left on device\n\tat org.apache.Spark\n\t... 3 more\n26/11/26 INFO ShutdownHookManager: bye\n";
        assert_eq!(why(java).as_deref(), Some("java.io.IOException: No space left on device"));
        let script = "26/11/26 WARN X: y\n1 words count in 2 documents: nothing can be learned from that\n26/11/26 05:24:48 INFO Hook: bye\n";
        assert_eq!(
            why(script).as_deref(),
            Some("1 words count in 2 documents: nothing can be learned from that")
        );
        assert_eq!(why(""), None);
    }
}
