//! A sandbox of a test's own: the real binary, serving on a free port, with its state in a folder that can outlive it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::aws::Aws;
use super::run::{Ran, Running, command, run};

/// A sandbox starts in a tenth of a second; a busy machine takes longer.
const START_LIMIT: Duration = Duration::from_mins(1);

pub struct Sandbox {
    pub folder: tempfile::TempDir,
    pub home: tempfile::TempDir,
    pub serving: Serving,
}

/// The process that serves.
pub struct Serving {
    child: Child,
    /// The line that it printed.
    pub line: Value,
}

impl Serving {
    pub async fn start(home: &Path, folder: &Path, more: &[&str]) -> Self {
        let mut command = command(home);
        command.args(["sandbox", "--serve", "--dir"]).arg(folder).args(more).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await.expect("it starts in time");
        let line = line.expect("its output can be read").expect("it prints a line");
        let line = serde_json::from_str(&line).expect("the line is JSON");
        Self { child, line }
    }

    pub fn endpoint(&self) -> String {
        self.line["endpoint_url"].as_str().expect("it says where it is").to_owned()
    }

    pub fn port(&self) -> u16 {
        self.endpoint().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it is ours to kill");
    }
}

impl Sandbox {
    /// As fast as it can be.
    pub async fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("sandbox");
        let mut arguments = vec!["--pace", "100"];
        arguments.extend(more);
        let serving = Serving::start(home.path(), &dir, &arguments).await;
        Self { folder, home, serving }
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("sandbox")
    }

    /// Kills it and starts it again on the same port and the same folder.
    pub async fn kill_and_restart(&mut self) {
        let port = self.serving.port().to_string();
        self.serving.kill().await;
        self.serving =
            Serving::start(self.home.path(), &self.dir(), &["--pace", "100", "--port", &port]).await;
    }

    /// `hydrant` as the sandbox's own line says that commands should be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.home.path());
        for (name, value) in self.serving.line["env"].as_object().expect("an object of variables") {
            command.env(name, value.as_str().expect("text"));
        }
        command.args(arguments);
        command
    }

    pub async fn hydrant(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments)).await
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments).spawn().expect("the binary starts"))
    }

    pub fn aws(&self) -> Aws {
        Aws::new(&self.serving.endpoint(), "us-east-1")
    }

    /// From now on these faults are on.
    pub async fn faults(&self, faults: &[&str]) {
        let answer = reqwest::Client::new()
            .put(format!("{}/_hydrant/faults", self.serving.endpoint()))
            .header("x-hydrant-control", "1")
            .body(serde_json::json!(faults).to_string())
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }
}
