//! A run in the background: one for a stack on a machine, reached through a socket.
//!
//! Its folder holds, each for its owner only:
//!
//! ```text
//! lock         locked as long as a run lives, however it ends
//! state.json   how it was when it last said so, replaced as a whole; what is left of one that died
//! log          what a run in the background says on standard output and error
//! socket       where it answers
//! ```
//!
//! On the socket, a client sends one line of JSON ([`Ask`]) and reads lines of JSON ([`Answer`]): for a status one, for
//! a stop how it goes and a last one, for a tail posts and a status a second until either side ends. The protocol is the
//! same through a socket that ssh forwards. A client that reads slowly misses posts, is told how many, and slows nobody.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

use super::live::{Arrived, Live, State, Status};
use super::record::Format;
use crate::settings::{Folders, Settings};

/// A client that takes nothing for so long is dropped.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// An answer takes at most this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long it is between two tries to reach a run that begins or ends.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How often a status is written down and sent to watchers.
const TELLS: Duration = Duration::from_secs(1);
/// A service begins to answer within this time.
const START_LIMIT: Duration = Duration::from_secs(30);
const LOOKS: Duration = Duration::from_millis(50);
/// The exit codes of a run that came to its end: everything is delivered, or some waits for the next start.
const ENDS_WELL: [i32; 2] = [0, 3];
/// A socket's path has at most 108 bytes, its end included.
const LONGEST_PATH: usize = 100;
/// No question is longer.
const LONGEST_ASK: u64 = 4096;

/// What can go wrong around a service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// One runs already.
    #[error(
        "the stream of this stack runs already{}: `hydrant stream stop` ends it",
        .0.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Running(Option<u32>),
    /// None runs.
    #[error("the stream of this stack does not run: `hydrant stream start` starts it")]
    NotRunning,
    /// It did not start.
    #[error("the stream did not start: {0}")]
    NotStarted(String),
    /// It does not answer.
    #[error("the stream runs, but does not answer ({0}): look at {1}")]
    Silent(String, PathBuf),
    /// A file of its folder.
    #[error("cannot {what}: {source}")]
    Disk {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// How it is.
    Status,
    /// That it takes no more posts, delivers what it has, and ends.
    Stop,
    /// Posts as they come.
    Tail,
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// How it is.
    Status(Box<Status>),
    /// A post's record, as JSON.
    Post(serde_json::Map<String, serde_json::Value>),
    /// So many posts were left out, since the reader was slow.
    Skipped(u64),
}

/// The places of one stack's service.
#[derive(Debug, Clone)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// The service of a stack, in the user's state folder.
    pub fn of(folders: &Folders, stack: &str) -> Self {
        Self { folder: folders.state.join("stream").join(stack) }
    }

    /// A service whose socket is in this folder, wherever it runs: another machine's, forwarded by ssh.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Posts of a stack that wait on disk, whichever sinks they are for.
    pub fn pending(folders: &Folders, stack: &str) -> u64 {
        let spools = std::fs::read_dir(Self::spools(folders, stack)).into_iter().flatten().flatten();
        spools.filter_map(|spool| super::spool::pending_in(&spool.path()).ok()).sum()
    }

    /// Where a stack's streams keep what must not be lost: a folder for each set of sinks.
    pub fn spools(folders: &Folders, stack: &str) -> PathBuf {
        folders.data.join("stream").join(stack)
    }

    /// Where its log is.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Its folder, which is made.
    pub fn make(&self) -> Result<&Path, ServiceError> {
        Folders::make_private(&self.folder).map_err(|source| self.disk("make", source))?;
        Ok(&self.folder)
    }

    /// The socket. Where the folder's path is too long for one, it is in the system's folder for such things.
    pub fn socket(&self) -> PathBuf {
        let socket = self.folder.join("socket");
        if socket.as_os_str().len() <= LONGEST_PATH {
            return socket;
        }
        let name = super::post::PostKey::of(&self.folder.to_string_lossy()).0;
        std::env::temp_dir()
            .join(format!("hydrant-{}-{name:016x}", rustix::process::getuid().as_raw()))
            .join("socket")
    }

    fn disk(&self, verb: &str, source: io::Error) -> ServiceError {
        ServiceError::Disk { what: format!("{verb} {}", self.folder.display()), source }
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// Takes the lock, for as long as what is given back lives.
    pub fn lock(&self) -> Result<Lock, ServiceError> {
        self.make()?;
        let open = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(self.folder.join("lock"));
        let mut file = open.map_err(|source| self.disk("lock", source))?;
        let began = std::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(self.disk("lock", source)),
                // Whoever looks whether a run lives has a share of the lock for a moment; beside a run nobody gets one.
                Err(TryLockError::WouldBlock)
                    if file.try_lock_shared().is_ok() && began.elapsed() < ANSWER_LIMIT =>
                {
                    file.unlock().map_err(|source| self.disk("lock", source))?;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => return Err(self.runs()),
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|source| self.disk("lock", source))?;
        Ok(Lock { _file: file })
    }

    /// Whether a run holds the lock. Where a file system has no locks, none does.
    pub fn is_running(&self) -> bool {
        let tried = File::open(self.folder.join("lock")).map(|file| file.try_lock_shared());
        matches!(tried, Ok(Err(TryLockError::WouldBlock)))
    }

    /// That one runs, by its number. It takes the lock before it writes that: for a moment there is none.
    fn runs(&self) -> ServiceError {
        let text = std::fs::read_to_string(self.folder.join("lock")).unwrap_or_default();
        ServiceError::Running(text.trim().parse().ok())
    }

    /// Writes down how a run is.
    fn remember(&self, status: &Status) {
        let beside = self.folder.join("state.new");
        let text = serde_json::to_vec(status).expect("a status is JSON");
        let written =
            std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, self.state_file()));
        if let Err(error) = written {
            tracing::warn!(%error, "the state of the stream could not be written down");
        }
    }

    /// What the last run wrote down last.
    fn remembered(&self) -> Option<Status> {
        serde_json::from_slice(&std::fs::read(self.state_file()).ok()?).ok()
    }

    /// The last lines of its log, made safe to show.
    pub fn last_words(&self, lines: usize) -> Vec<String> {
        self.last_words_behind(0, lines)
    }

    /// The same of what stands behind so many bytes.
    fn last_words_behind(&self, from: u64, lines: usize) -> Vec<String> {
        let tail = || -> io::Result<String> {
            let mut file = File::open(self.log())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(16 << 10).max(from)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = tail().unwrap_or_default();
        let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        all.iter().skip(all.len().saturating_sub(lines)).map(|line| crate::text::sanitise(line)).collect()
    }

    /// How the service is: asked of it if it runs, else what is left of the last one.
    pub async fn status(&self, pending_on_disk: u64) -> Result<Status, ServiceError> {
        let began = tokio::time::Instant::now();
        while self.is_running() {
            match self.asked().await {
                // It may be ending: for a moment it holds its lock and answers no more. What it leaves says how.
                Err(_) if began.elapsed() < ANSWER_LIMIT => tokio::time::sleep(LOOK_AGAIN).await,
                answered => return answered,
            }
        }
        let mut status =
            self.remembered().unwrap_or_else(|| Status { on: "local".to_owned(), ..Status::default() });
        // Whoever ended as it should said so last.
        if !matches!(status.state, State::Stopped | State::Failed) {
            let words = self.last_words(5).join(" / ");
            let died = "it ended without a word";
            status.last_error = Some(if words.is_empty() {
                died.to_owned()
            } else {
                format!("{died}; its log ends: {words}")
            });
            status.state = State::Failed;
            // What it counted last may be older than what it did last: what is on disk is what waits.
            let counters = &mut status.counters;
            *counters = super::counters::Counters {
                received: pending_on_disk,
                pending: pending_on_disk,
                ..Default::default()
            };
        }
        Ok(ended(status))
    }

    async fn asked(&self) -> Result<Status, ServiceError> {
        let mut client = Client::connect(self).await?;
        client.ask(Ask::Status).await?;
        match client.next().await? {
            Some(Answer::Status(status)) => Ok(*status),
            _ => Err(self.silent("it ended the connection")),
        }
    }

    fn silent(&self, why: impl std::fmt::Display) -> ServiceError {
        ServiceError::Silent(why.to_string(), self.log())
    }

    /// Starts a run with these settings in the background; its output goes to the log. When this returns, it answers, or has
    /// come to its end already, as a short replay does: then no process is named.
    pub async fn start(&self, settings: &Settings) -> Result<Status, ServiceError> {
        self.make()?;
        if self.is_running() {
            return Err(self.runs());
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(self.log());
        let log = log.map_err(|source| self.disk("write the log in", source))?;
        let before = log.metadata().map_or(0, |log| log.len());
        let again = log.try_clone().map_err(|source| self.disk("write the log in", source))?;
        let program = std::env::current_exe().map_err(|error| ServiceError::NotStarted(error.to_string()))?;
        let mut command = std::process::Command::new(program);
        command.args(["stream", "run"]).envs(settings.variables());
        if settings.profile_beats_keys() {
            // A stronger layer decided for the profile; in an environment both would be equally strong.
            for key in ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"] {
                command.env_remove(format!("AWS_{key}")).env_remove(format!("HYDRANT_AWS_{key}"));
            }
        }
        // A group of its own: what the terminal sends to us is not meant for it.
        let child =
            command.stdin(std::process::Stdio::null()).stdout(log).stderr(again).process_group(0).spawn();
        let mut child = child.map_err(|error| ServiceError::NotStarted(error.to_string()))?;
        let begun = std::time::Instant::now();
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                let is_done = status.code().is_some_and(|code| ENDS_WELL.contains(&code));
                return match self.remembered().filter(|_| is_done) {
                    Some(status) => Ok(ended(status)),
                    None => Err(ServiceError::NotStarted(why_ended(&self.last_words_behind(before, 3)))),
                };
            }
            if self.is_running()
                && let Ok(mut client) = Client::connect(self).await
                && client.ask(Ask::Status).await.is_ok()
                && let Ok(Some(Answer::Status(status))) = client.next().await
                && status.pid == Some(child.id())
            {
                return Ok(*status);
            }
            if begun.elapsed() > START_LIMIT {
                let log = self.log().display().to_string();
                return Err(ServiceError::NotStarted(format!("it does not answer: look at {log}")));
            }
            tokio::time::sleep(LOOKS).await;
        }
    }
}

/// The last status of a run, without what only one that lives has.
fn ended(status: Status) -> Status {
    Status { pid: None, socket: None, rate: 0.0, held: None, connection: None, ..status }
}

/// Why a run ended at once, by the last lines of its log: a run that ends by itself says why in one sentence, behind
/// the program's name.
fn why_ended(words: &[String]) -> String {
    let sentence = words.iter().rev().find_map(|line| line.strip_prefix("hydrant: "));
    match sentence {
        Some(sentence) => sentence.to_owned(),
        None if words.is_empty() => "it ended at once".to_owned(),
        None => words.join(" / "),
    }
}

/// Held by a run as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Answers on the socket and writes the state down, until the run has ended. The last state is the caller's to say with
/// [`Server::end`].
#[derive(Debug)]
pub struct Server {
    place: Place,
    live: Live,
    ended: CancellationToken,
    answering: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Begins to answer. `stop` is cancelled when a client asks for a stop.
    pub fn begin(place: Place, live: Live, stop: CancellationToken) -> Result<Self, ServiceError> {
        let socket = place.socket();
        if let Some(folder) = socket.parent() {
            Folders::make_private(folder).map_err(|source| place.disk("make the socket of", source))?;
        }
        // One that is left of a run that died; a living one would hold the lock.
        drop(std::fs::remove_file(&socket));
        let listener =
            UnixListener::bind(&socket).map_err(|source| place.disk("make the socket of", source))?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&socket, private)
            .map_err(|source| place.disk("make the socket of", source))?;
        live.change(|status| status.socket = Some(socket));
        place.remember(&live.status());
        let ended = CancellationToken::new();
        let answering = tokio::spawn(answer_all(listener, place.clone(), live.clone(), stop, ended.clone()));
        Ok(Self { place, live, ended, answering })
    }

    /// The run has ended, in this state: it is written down, and everybody who listens is told.
    pub async fn end(self, state: State, error: Option<String>) {
        self.live.change(|status| {
            status.state = state;
            status.connection = None;
            if error.is_some() {
                status.last_error = error;
            }
        });
        // Written down by whoever answers, behind everything that is written there before: never by two at once.
        self.ended.cancel();
        drop(tokio::time::timeout(WRITE_LIMIT, self.answering).await);
        drop(std::fs::remove_file(self.place.socket()));
    }
}

async fn answer_all(
    listener: UnixListener,
    place: Place,
    live: Live,
    stop: CancellationToken,
    ended: CancellationToken,
) {
    let mut clients = tokio::task::JoinSet::new();
    let mut tells = tokio::time::interval(TELLS);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (live, stop, ended) = (live.clone(), stop.clone(), ended.clone());
                    clients.spawn(async move {
                        // A client that goes away is its own affair.
                        drop(serve(stream, &live, &stop, &ended).await);
                    });
                }
                // Out of file descriptors, most likely: others must end first.
                Err(_) => tokio::time::sleep(LOOKS).await,
            },
            _ = tells.tick() => place.remember(&live.status()),
            () = ended.cancelled() => break,
        }
        while clients.try_join_next().is_some() {}
    }
    place.remember(&live.status());
    while clients.join_next().await.is_some() {}
}

async fn serve(
    stream: UnixStream,
    live: &Live,
    stop: &CancellationToken,
    ended: &CancellationToken,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(tokio::io::AsyncReadExt::take(read, LONGEST_ASK));
    tokio::time::timeout(ANSWER_LIMIT, read.read_line(&mut line)).await??;
    let ask: Ask = serde_json::from_str(&line)?;
    match ask {
        Ask::Status => tell(&mut write, live).await,
        Ask::Stop => {
            stop.cancel();
            let mut tells = tokio::time::interval(Duration::from_millis(250));
            loop {
                tokio::select! {
                    _ = tells.tick() => tell(&mut write, live).await?,
                    () = ended.cancelled() => return tell(&mut write, live).await,
                }
            }
        }
        Ask::Tail => tail(&mut write, live, ended).await,
    }
}

type Out = tokio::net::unix::OwnedWriteHalf;

async fn tell(write: &mut Out, live: &Live) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Answer::Status(Box::new(live.status())))?;
    line.push(b'\n');
    send(write, &line).await
}

async fn send(write: &mut Out, bytes: &[u8]) -> io::Result<()> {
    tokio::time::timeout(WRITE_LIMIT, write.write_all(bytes)).await?
}

async fn tail(write: &mut Out, live: &Live, ended: &CancellationToken) -> io::Result<()> {
    let (mut arrived, mut next) = live.watch();
    let mut tells = tokio::time::interval(TELLS);
    loop {
        tokio::select! {
            batch = arrived.recv() => match batch {
                Ok(batch) => hand_over(write, &batch, &mut next).await?,
                // The next batch's number says how many posts that were.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = tells.tick() => tell(write, live).await?,
            () = ended.cancelled() => break,
        }
    }
    // What came before the end still waits in the ring, and is told before it.
    loop {
        match arrived.try_recv() {
            Ok(batch) => hand_over(write, &batch, &mut next).await?,
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return tell(write, live).await,
        }
    }
}

/// Sends a batch, and before it how many posts were missed since the one of this number was due.
async fn hand_over(write: &mut Out, batch: &Arrived, next: &mut u64) -> io::Result<()> {
    let mut out = Vec::new();
    let skipped = batch.first.saturating_sub(*next);
    if skipped > 0 {
        writeln!(out, "{{\"skipped\":{skipped}}}")?;
    }
    *next = batch.end();
    for fields in batch.records() {
        out.extend_from_slice(b"{\"post\":");
        fields.write(Format::Json, &mut out);
        out.pop();
        out.extend_from_slice(b"}\n");
    }
    send(write, &out).await
}

/// The other end of the socket.
#[derive(Debug)]
pub struct Client {
    place: Place,
    lines: tokio::io::Lines<BufReader<tokio::net::unix::OwnedReadHalf>>,
    write: Out,
}

impl Client {
    /// Connects to the service of a place.
    pub async fn connect(place: &Place) -> Result<Self, ServiceError> {
        let began = tokio::time::Instant::now();
        let stream = loop {
            let connecting = tokio::time::timeout(ANSWER_LIMIT, UnixStream::connect(place.socket()));
            match connecting.await {
                Ok(Ok(stream)) => break stream,
                Ok(Err(_)) if !place.is_running() => return Err(ServiceError::NotRunning),
                // A run takes its lock before it listens, and gives it back after: at both ends it holds the lock
                // and has no socket for a moment.
                Ok(Err(_)) if began.elapsed() < ANSWER_LIMIT => tokio::time::sleep(LOOK_AGAIN).await,
                Ok(Err(error)) => return Err(place.silent(error)),
                Err(_) => return Err(place.silent("no answer in time")),
            }
        };
        let (read, write) = stream.into_split();
        Ok(Self { place: place.clone(), lines: BufReader::new(read).lines(), write })
    }

    /// Asks; the answers come with [`Client::next`].
    pub async fn ask(&mut self, ask: Ask) -> Result<(), ServiceError> {
        let line = serde_json::to_string(&ask).expect("a question is JSON") + "\n";
        send(&mut self.write, line.as_bytes()).await.map_err(|error| self.place.silent(error))
    }

    /// The next answer; `None` when the service ended the connection.
    pub async fn next(&mut self) -> Result<Option<Answer>, ServiceError> {
        // Watchers get a status every second, so silence means that it hangs.
        let line = match tokio::time::timeout(ANSWER_LIMIT, self.lines.next_line()).await {
            Ok(line) => line.map_err(|error| self.place.silent(error))?,
            Err(_) => return Err(self.place.silent("no answer in time")),
        };
        match line {
            None => Ok(None),
            Some(line) => serde_json::from_str(&line).map(Some).map_err(|error| self.place.silent(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::stream::counters::Tally;
    use crate::stream::post::PostKey;
    use crate::stream::record::Line;
    use crate::stream::spool::Batch;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place { folder: folder.path().join("stream") };
        (folder, place)
    }

    fn batch(posts: u64) -> Batch {
        let mut batch = Batch::default();
        for number in 0..posts {
            batch.push(PostKey(number), Timestamp::now(), |out| {
                let mut line = Line::begin(Format::Tsv, out);
                line.text(&number.to_string());
                (1..53).for_each(|_| line.absent());
                line.end();
            });
        }
        batch
    }

    #[tokio::test]
    async fn a_second_run_is_refused_while_the_first_lives() {
        let (_folder, place) = place();
        let lock = place.lock().expect("locked");
        assert!(place.is_running());
        assert!(matches!(place.lock(), Err(ServiceError::Running(pid)) if pid == Some(std::process::id())));
        drop(lock);
        assert!(!place.is_running());
        place.lock().expect("free again");
    }

    #[test]
    fn one_that_begins_while_somebody_looks_whether_it_runs_is_not_refused() {
        let (_folder, place) = place();
        drop(place.lock().expect("locked"));
        let looking = File::open(place.folder.join("lock")).expect("the file of the lock");
        looking.try_lock_shared().expect("a share of it");
        std::thread::scope(|scope| {
            let begins = scope.spawn(|| place.lock());
            std::thread::sleep(LOOKS);
            drop(looking);
            begins.join().expect("no panic").expect("locked once nobody looks");
        });
    }

    #[test]
    fn one_that_has_not_said_its_number_yet_is_refused_without_one() {
        let (_folder, place) = place();
        drop(place.lock().expect("locked"));
        let begins = File::create(place.folder.join("lock")).expect("the file of the lock");
        begins.lock().expect("locked");
        assert_eq!(
            place.lock().expect_err("one runs").to_string(),
            "the stream of this stack runs already: `hydrant stream stop` ends it"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_left_of_a_run_is_its_last_state_however_short_it_was() {
        let (_folder, place) = place();
        let _lock = place.lock().expect("locked");
        for _ in 0..300 {
            let live = Live::new("x".into(), vec![]);
            live.change(|status| status.notice = Some("longer than what comes last".repeat(100)));
            let stop = CancellationToken::new();
            let server = Server::begin(place.clone(), live.clone(), stop).expect("it answers");
            live.change(|status| status.notice = None);
            server.end(State::Stopped, None).await;
            assert_eq!(place.remembered().expect("whole").state, State::Stopped);
        }
    }

    #[tokio::test]
    async fn a_tail_has_every_post_or_is_told_of_it_before_the_last_status() {
        let (_folder, place) = place();
        let _lock = place.lock().expect("locked");
        let live = Live::new("x".into(), vec![]);
        let server =
            Server::begin(place.clone(), live.clone(), CancellationToken::new()).expect("it answers");
        let mut watcher = Client::connect(&place).await.expect("connected");
        watcher.ask(Ask::Tail).await.expect("asked");
        assert!(matches!(watcher.next().await, Ok(Some(Answer::Status(_)))));
        // More at once than wait for a watcher, and then the end: nobody else runs on this thread meanwhile.
        for _ in 0..74 {
            live.show(batch(3));
        }
        let watching = async {
            let (mut seen, mut skipped, mut last) = (0, 0, None);
            while let Some(answer) = watcher.next().await.expect("an answer") {
                match answer {
                    Answer::Post(_) => seen += 1,
                    Answer::Skipped(count) => skipped += count,
                    Answer::Status(status) => last = Some((seen, skipped, status.state)),
                }
            }
            last
        };
        let ((), last) = tokio::join!(server.end(State::Stopped, None), watching);
        assert_eq!(last, Some((64 * 3, 10 * 3, State::Stopped)));
    }

    #[tokio::test]
    async fn it_answers_tails_and_stops() {
        let (_folder, place) = place();
        let _lock = place.lock().expect("locked");
        let live = Live::new("x".into(), vec![]);
        let stop = CancellationToken::new();
        let server = Server::begin(place.clone(), live.clone(), stop.clone()).expect("it answers");
        live.took(2, Tally::default(), Timestamp::now());
        assert_eq!(place.status(0).await.expect("a status").counters.received, 2);
        let mut watcher = Client::connect(&place).await.expect("connected");
        watcher.ask(Ask::Tail).await.expect("asked");
        assert!(matches!(watcher.next().await, Ok(Some(Answer::Status(_)))));
        live.show(batch(3));
        let mut posts = Vec::new();
        while posts.len() < 3 {
            if let Some(Answer::Post(post)) = watcher.next().await.expect("an answer") {
                posts.push(post["id"].as_str().expect("an id").to_owned());
            }
        }
        assert_eq!(posts, ["0", "1", "2"]);
        let mut stopper = Client::connect(&place).await.expect("connected");
        stopper.ask(Ask::Stop).await.expect("asked");
        tokio::time::timeout(Duration::from_mins(1), stop.cancelled()).await.expect("the stop arrives");
        server.end(State::Stopped, None).await;
        let mut last = None;
        while let Some(Answer::Status(status)) = stopper.next().await.expect("an answer") {
            last = Some(status.state);
        }
        assert_eq!(last, Some(State::Stopped));
        assert!(!place.socket().exists());
    }

    #[tokio::test]
    async fn one_that_ends_while_it_is_asked_has_ended() {
        let (_folder, place) = place();
        let lock = place.lock().expect("locked");
        let live = Live::new("x".into(), vec![]);
        live.change(|status| status.state = State::Stopped);
        place.remember(&live.status());
        // The last moments of a process: it takes no more questions, ends the connections that it never looked at, and
        // holds its lock.
        let socket = std::os::unix::net::UnixListener::bind(place.socket()).expect("a socket");
        let asking = tokio::spawn({
            let place = place.clone();
            async move { place.status(0).await }
        });
        tokio::time::sleep(LOOK_AGAIN * 2).await;
        drop(socket);
        tokio::time::sleep(LOOK_AGAIN * 2).await;
        drop(lock);
        assert_eq!(asking.await.expect("no panic").expect("a status").state, State::Stopped);
    }

    #[test]
    fn one_that_ends_at_once_says_why_in_its_own_sentence() {
        let lines = |lines: &[&str]| why_ended(&lines.iter().copied().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            lines(&["0 posts received, 0 delivered", "hydrant: no region is set"]),
            "no region is set"
        );
        assert_eq!(lines(&["one", "two"]), "one / two");
        assert_eq!(lines(&[]), "it ended at once");
    }

    #[test]
    fn of_a_log_only_what_this_run_said_is_quoted() {
        let (_folder, place) = place();
        place.make().expect("made");
        let before = "hydrant: a failure of yesterday\n";
        std::fs::write(place.log(), format!("{before}one\n")).expect("written");
        assert_eq!(place.last_words_behind(before.len() as u64, 3), ["one"]);
        assert_eq!(place.last_words(3).len(), 2);
    }

    #[tokio::test]
    async fn one_that_died_is_seen_with_the_last_lines_of_its_log() {
        let (_folder, place) = place();
        let lock = place.lock().expect("locked");
        let live = Live::new("x".into(), vec![]);
        live.change(|status| status.state = State::Running);
        place.remember(&live.status());
        std::fs::write(place.log(), "one\n\u{1b}[31mthe disk burns\n").expect("written");
        drop(lock);
        let status = place.status(7).await.expect("a status");
        assert_eq!((status.state, status.counters.pending, status.counters.received), (State::Failed, 7, 7));
        assert!(status.last_error.expect("why").ends_with("its log ends: one / ␛[31mthe disk burns"));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_left_behind_and_told() {
        let (_folder, place) = place();
        let _lock = place.lock().expect("locked");
        let live = Live::new("x".into(), vec![]);
        let server =
            Server::begin(place.clone(), live.clone(), CancellationToken::new()).expect("it answers");
        let mut watcher = Client::connect(&place).await.expect("connected");
        watcher.ask(Ask::Tail).await.expect("asked");
        assert!(matches!(watcher.next().await, Ok(Some(Answer::Status(_)))));
        let shown = 500 * 100;
        for _ in 0..500 {
            live.show(batch(100));
            tokio::task::yield_now().await;
        }
        let (mut seen, mut skipped) = (0, 0);
        while seen + skipped < shown {
            match watcher.next().await.expect("an answer").expect("it goes on") {
                Answer::Post(_) => seen += 1,
                Answer::Skipped(count) => skipped += count,
                // The last ones may be those that were left out: the next batch tells.
                Answer::Status(_) => drop(live.show(batch(0))),
            }
            if seen + skipped + 64 * 100 >= shown {
                break;
            }
        }
        assert!(seen > 0 && skipped > 0, "{seen} seen, {skipped} skipped");
        server.end(State::Stopped, None).await;
    }
}
