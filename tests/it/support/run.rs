//! Runs the real binary in a home of its own and with nothing of this machine's environment.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::World;

/// No command against a loopback emulator takes as long, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(180);

/// A secret that must never be seen anywhere.
pub const SECRET: &str = "hunter2-is-the-secret-key";

#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The last line of standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        let last = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {last:?}\n{}", self.err))
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.out, self.err);
        self
    }

    /// The state of one resource in the last line's status.
    pub fn state(&self, kind: &str) -> String {
        let status = self.json();
        let resources = status["resources"].as_array().cloned().unwrap_or_default();
        let resource = resources.iter().find(|resource| resource["kind"] == kind);
        resource.map_or_else(
            || "not listed".to_owned(),
            |resource| resource["state"].as_str().unwrap_or_default().to_owned(),
        )
    }

    pub fn detail(&self, kind: &str) -> String {
        let status = self.json();
        let resources = status["resources"].as_array().cloned().unwrap_or_default();
        let resource = resources.iter().find(|resource| resource["kind"] == kind);
        resource.and_then(|resource| resource["detail"].as_str()).unwrap_or_default().to_owned()
    }
}

/// Ends the stream of a home, if one runs there, however a test ends.
pub struct EndsStream(pub std::path::PathBuf);

impl EndsStream {
    /// The process of its stream, running or not.
    pub fn pid(&self) -> Option<rustix::process::Pid> {
        let text = std::fs::read_to_string(self.lock()).ok()?;
        rustix::process::Pid::from_raw(text.trim().parse().ok()?)
    }

    fn lock(&self) -> std::path::PathBuf {
        self.0.join(".local/state/hydrant/stream/default/lock")
    }
}

impl Drop for EndsStream {
    fn drop(&mut self) {
        let running = std::fs::File::open(self.lock()).is_ok_and(|file| file.try_lock_shared().is_err());
        if let (true, Some(pid)) = (running, self.pid()) {
            // It may have ended meanwhile.
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
}

/// A command that is under way.
pub struct Running {
    child: Child,
}

impl Running {
    pub fn of(child: Child) -> Self {
        Self { child }
    }

    /// As `kill -9` does it.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it is ours to kill");
    }

    pub fn interrupt(&self) {
        let id =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("it runs"), rustix::process::Signal::INT)
            .expect("it is ours");
    }

    pub async fn end(mut self) -> Ran {
        let (mut out, mut err) = (String::new(), String::new());
        let mut stdout = self.child.stdout.take().expect("it is piped");
        let mut stderr = self.child.stderr.take().expect("it is piped");
        let all = async {
            let (_, _, status) = tokio::join!(
                stdout.read_to_string(&mut out),
                stderr.read_to_string(&mut err),
                self.child.wait()
            );
            status.expect("it ends")
        };
        let status: ExitStatus = tokio::time::timeout(LIMIT, all).await.expect("the command ends in time");
        Ran { code: status.code(), out, err }
    }
}

/// The binary in a given home, with nothing set but what a process needs.
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hydrant"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("USER", "tester")
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub async fn run(mut command: Command) -> Ran {
    Running { child: command.spawn().expect("the binary starts") }.end().await
}

impl World {
    /// `hydrant` with these arguments, in a home, for this account.
    pub fn command(&self, home: &Path, arguments: &[&str]) -> Command {
        let mut command = command(home);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", &self.region)
            .env("AWS_ENDPOINT_URL", self.proxy.endpoint())
            .args(arguments);
        command
    }

    /// Starts `hydrant` with these arguments.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let child = self.command(self.home.path(), arguments).spawn();
        Running { child: child.expect("the binary starts") }
    }

    /// Runs `hydrant` with these arguments to its end.
    pub async fn hydrant(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).end().await
    }

    /// The same as another operator, from another home.
    pub async fn hydrant_from(&self, home: &Path, arguments: &[&str]) -> Ran {
        run(self.command(home, arguments)).await
    }
}
