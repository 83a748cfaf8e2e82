//! One connection to the host that many commands share.
//!
//! It is OpenSSH's own, multiplexed: a master that is kept alive and says within seconds that the other side is gone,
//! and ends by itself a minute after the last command. A lost connection is taken up again by the next command; what
//! runs on the host goes on meanwhile. At most eight commands run at once, since a host allows ten by default.
//!
//! ssh is told everything by a settings file of its own in a private folder, where the control socket is too: its path
//! must be short.

use std::num::NonZeroUsize;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use openssh::{ControlPersist, ForwardType, KnownHosts, Session, SessionBuilder, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::output::{Order, Output};
use super::{HostError, Way};
use crate::progress::{Phase, Progress};

/// sshd takes ten sessions on a connection by default; the console's own shell and a forward are among them.
const AT_ONCE: usize = 8;
/// A master without commands ends after this time, so that none outlives a killed console for long.
const IDLE: NonZeroUsize = NonZeroUsize::new(60).expect("it is not zero");
/// ssh itself gives up on a connection after ten seconds, and on its keys after as many more.
const CONNECT_LIMIT: Duration = Duration::from_secs(25);
/// A host whose key was put there by its first boot may not know it yet.
const NOT_YET_LET_IN: Duration = Duration::from_secs(15);
/// How long a lost connection is tried to be taken up again.
const TAKE_UP: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_secs(1);
/// So much of a command's output is kept.
const MOST_OUTPUT: u64 = 1 << 20;

/// A host, and the connection to it.
#[derive(Debug)]
pub struct Host {
    way: Way,
    /// It goes before the folder: what nobody closed is ended through the control socket in there.
    connection: Mutex<Option<Arc<Session>>>,
    folder: Private,
    slots: Semaphore,
    forwards: AtomicU64,
    progress: Progress,
    stop: CancellationToken,
}

impl Host {
    /// Connects, and waits as long as `patience` for a host that boots.
    pub async fn connect(
        way: Way,
        patience: Duration,
        progress: Progress,
        stop: CancellationToken,
    ) -> Result<Self, HostError> {
        way.check_key()?;
        let folder = Private::make()?;
        let config = folder.path().join("config");
        write_private(&config, &way.config()).map_err(HostError::file("write", &config))?;
        let host = Self {
            way,
            connection: Mutex::new(None),
            folder,
            slots: Semaphore::new(AT_ONCE),
            forwards: AtomicU64::new(0),
            progress,
            stop,
        };
        let session = host.connect_within(patience).await?;
        *host.connection.lock().await = Some(Arc::new(session));
        Ok(host)
    }

    /// How it is reached.
    pub fn way(&self) -> &Way {
        &self.way
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Runs a command to its end. A connection that is lost is taken up again and the command run once more, so it
    /// must be one that may.
    pub async fn run(&self, order: &Order) -> Result<Output, HostError> {
        let mut tries = 0;
        loop {
            match self.run_once(order).await {
                Err(HostError::Lost) if tries < 3 => tries += 1,
                result => return result,
            }
        }
    }

    /// Runs a command to its end, once.
    pub async fn run_once(&self, order: &Order) -> Result<Output, HostError> {
        let _slot = self.slots.acquire().await.map_err(|_| HostError::Lost)?;
        let session = self.session().await?;
        tracing::debug!(what = order.what, "on the host");
        let running = tokio::time::timeout(order.limit, perform(&session, order));
        let result = tokio::select! {
            result = running => result.map_err(|_| HostError::Slow { what: order.what.clone(), limit: order.limit })?,
            () = self.stop.cancelled() => return Err(HostError::Interrupted),
        };
        match result {
            Ok(output) => Ok(output),
            // ssh's own exit code may be the command's too: the master knows.
            Err(_) if session.check().await.is_err() => {
                self.lose(&session).await;
                Err(HostError::Lost)
            }
            Err(Ended::Terminated) => {
                Ok(Output { code: 255, out: String::new(), err: "it was ended by a signal".to_owned() })
            }
            Err(Ended::Here(error)) => Err(HostError::NoSsh(error)),
        }
    }

    /// Runs a command with this process's own standard streams, and gives its exit code.
    pub async fn run_here(&self, script: &str) -> Result<i32, HostError> {
        let session = self.session().await?;
        let mut command = session.command("sh");
        command.arg("-c").arg(script);
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let child = command.spawn().await.map_err(|_| HostError::Lost)?;
        let ended = tokio::select! {
            ended = child.wait() => ended,
            () = self.stop.cancelled() => return Err(HostError::Interrupted),
        };
        match ended {
            Ok(status) => Ok(status.code().unwrap_or(255)),
            Err(_) if session.check().await.is_err() => {
                self.lose(&session).await;
                Err(HostError::Lost)
            }
            Err(openssh::Error::Remote(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(127),
            Err(_) => Ok(255),
        }
    }

    /// A folder of this machine with a `socket` that leads to a Unix socket on the host, as long as the connection
    /// lasts.
    pub async fn forward(&self, remote: &Path) -> Result<PathBuf, HostError> {
        let session = self.session().await?;
        let number = self.forwards.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(format!("f{number}"));
        std::fs::create_dir(&folder).map_err(HostError::file("make", &folder))?;
        let local = folder.join("socket");
        let asked = session.request_port_forward(ForwardType::Local, local.as_path(), remote);
        let limit = Duration::from_secs(10);
        let what = "forwarding the service's socket";
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(())) => Ok(folder),
            Ok(Err(_)) if session.check().await.is_err() => {
                self.lose(&session).await;
                Err(HostError::Lost)
            }
            Ok(Err(error)) => {
                Err(HostError::Command { what: what.to_owned(), code: 255, said: chain(&error) })
            }
            Err(_) => Err(HostError::Slow { what: what.to_owned(), limit }),
        }
    }

    /// Ends the connection.
    pub async fn close(self) {
        let session = self.connection.lock().await.take();
        if let Some(session) = session.and_then(|session| Arc::try_unwrap(session).ok()) {
            // A master that is gone already needs no end.
            drop(tokio::time::timeout(Duration::from_secs(5), session.close()).await);
        }
    }

    /// The connection, taken up again if it was lost.
    async fn session(&self) -> Result<Arc<Session>, HostError> {
        let mut connection = self.connection.lock().await;
        if let Some(session) = &*connection {
            return Ok(Arc::clone(session));
        }
        self.tell(Phase::Waiting, "the connection was lost: taking it up again");
        let session = Arc::new(self.connect_within(TAKE_UP).await?);
        self.tell(Phase::Done, "connected again");
        *connection = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn lose(&self, lost: &Arc<Session>) {
        let mut connection = self.connection.lock().await;
        if connection.as_ref().is_some_and(|session| Arc::ptr_eq(session, lost)) {
            *connection = None;
        }
    }

    fn tell(&self, phase: Phase, text: impl Into<String>) {
        self.progress.tell("host", &self.way.address(), phase, text);
    }

    async fn connect_within(&self, patience: Duration) -> Result<Session, HostError> {
        let began = Instant::now();
        let mut said = String::new();
        loop {
            let error = match self.connect_once().await {
                Ok(session) => return Ok(session),
                Err(error) => error,
            };
            let may_pass = match &error {
                HostError::Denied { .. } => began.elapsed() < NOT_YET_LET_IN.min(patience),
                error => error.passes(),
            };
            if !may_pass || began.elapsed() >= patience {
                return Err(error);
            }
            let waiting = match &error {
                HostError::Unreachable { why, .. } => {
                    format!("port {} does not answer yet: {why}", self.way.port)
                }
                _ => "it does not let us in yet".to_owned(),
            };
            if waiting != said {
                self.tell(Phase::Waiting, waiting.clone());
                said = waiting;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.stop.cancelled() => return Err(HostError::Interrupted),
            }
        }
    }

    async fn connect_once(&self) -> Result<Session, HostError> {
        let way = &self.way;
        let mut builder = SessionBuilder::default();
        builder
            .user(way.user.clone())
            .port(way.port)
            .keyfile(&way.key_file)
            .known_hosts_check(KnownHosts::Strict)
            .config_file(self.folder.path().join("config"))
            .control_directory(self.folder.path())
            .control_persist(ControlPersist::IdleFor(IDLE));
        let connecting = tokio::time::timeout(CONNECT_LIMIT, builder.connect(&way.host));
        let result = tokio::select! {
            result = connecting => result,
            () = self.stop.cancelled() => return Err(HostError::Interrupted),
        };
        match result {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(self.why(error)),
            Err(_) => Err(HostError::Unreachable {
                address: way.address(),
                why: format!("no answer within {} s", CONNECT_LIMIT.as_secs()),
            }),
        }
    }

    /// What ssh's words mean.
    fn why(&self, error: openssh::Error) -> HostError {
        let way = &self.way;
        let said = chain(&error);
        if let openssh::Error::Connect(source) = error
            && source.kind() == std::io::ErrorKind::NotFound
        {
            return HostError::NoSsh(source);
        }
        let says = |text: &str| said.contains(text);
        let (address, known_hosts) = (way.address(), way.known_hosts.clone());
        let alias = way.known_as();
        if says("REMOTE HOST IDENTIFICATION HAS CHANGED") || says("Host key for ") {
            HostError::WrongHostKey { address, alias, known_hosts }
        } else if says("host key is known for") || says("Host key verification failed") {
            HostError::UnknownHostKey { address, alias, known_hosts }
        } else if says("Permission denied") {
            HostError::Denied { address, user: way.user.clone(), key_file: way.key_file.clone() }
        } else {
            HostError::Unreachable { address, why: said }
        }
    }
}

/// Why a command has no exit code.
enum Ended {
    /// ssh ended with its own code: the connection is gone, or the command was ended by a signal.
    Terminated,
    /// ssh could not be started here.
    Here(std::io::Error),
}

async fn perform(session: &Session, order: &Order) -> Result<Output, Ended> {
    let mut command = session.command("sh");
    command.arg("-c").arg(&order.script);
    command.stdin(if order.input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().await.map_err(|error| match error {
        openssh::Error::Ssh(error) => Ended::Here(error),
        _ => Ended::Terminated,
    })?;
    let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    let input = async {
        if let (Some(mut stdin), Some(input)) = (stdin, &order.input) {
            // A command that reads no further says why in its exit code.
            drop(stdin.write_all(input).await);
            drop(stdin.shutdown().await);
        }
    };
    let ((), out, err) = tokio::join!(input, keep(stdout), keep(stderr));
    match child.wait().await {
        Ok(status) => Ok(Output { code: status.code().unwrap_or(255), out, err }),
        Err(openssh::Error::Remote(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Output { code: 127, out, err })
        }
        Err(_) => Err(Ended::Terminated),
    }
}

/// Reads to the end and keeps the beginning.
async fn keep(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept = Vec::new();
    if (&mut stream).take(MOST_OUTPUT).read_to_end(&mut kept).await.is_ok() {
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// An error with its causes, in one line: the crate keeps ssh's own words in the last of them.
fn chain(error: &openssh::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    let text = if text.is_empty() { error.to_string() } else { text };
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // A fence of at-signs says nothing.
    lines.retain(|line| !line.starts_with("@@@"));
    crate::text::sanitise(&lines.join("; "))
}

/// A folder that only its owner may enter, with a short path, gone with this value.
#[derive(Debug)]
struct Private(PathBuf);

impl Private {
    fn make() -> Result<Self, HostError> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        // A socket's path has at most 107 bytes, and ssh adds some fifty to this one.
        let short = |path: &PathBuf| path.is_absolute() && path.as_os_str().len() <= 32 && path.is_dir();
        let parent = match runtime.filter(short) {
            Some(runtime) => runtime.join("hydrant"),
            None => PathBuf::from(format!("/tmp/hydrant-{}", rustix::process::geteuid().as_raw())),
        };
        let made = std::fs::DirBuilder::new().mode(0o700).create(&parent);
        if let Err(error) = made
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(HostError::file("make", parent)(error));
        }
        // In /tmp somebody else may have made it first.
        let there = std::fs::symlink_metadata(&parent).map_err(HostError::file("read", &parent))?;
        let owner = there.uid() == rustix::process::geteuid().as_raw();
        let is_ours = there.is_dir() && owner && there.mode() & 0o777 == 0o700;
        if !is_ours {
            let why = "it is not a folder that only you can enter: remove it";
            return Err(HostError::file("use", parent)(std::io::Error::other(why)));
        }
        let name = uuid::Uuid::new_v4().simple().to_string();
        let folder = parent.join(name.get(..8).unwrap_or("x"));
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(HostError::file("make", &folder))?;
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
