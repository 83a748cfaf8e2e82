//! Runs what the console asks for: each job as a task of its own in its slot, with a generation, a stop and an
//! outcome. A new task in a slot takes the place of the old one, and what the old one still says is dropped here and
//! nowhere else.
//!
//! Two lanes lead back. Control (progress, parts of an outcome, the end) goes through a bounded channel in which a
//! task waits for room. Data (posts, log lines) goes through a byte-bounded ring for each task, which never waits and
//! counts what it drops; the console empties the rings once a frame.
//!
//! What a room's jobs do is in that room's file below this one.

mod host;
mod jobs;
mod lake;
mod logs;
mod stack;
mod stream;
mod topics;

pub use topics::LastShelf;

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::effect::{Identity, Item, Job, Manner, Outcome, Remedy, Slot, Trouble};
use super::event::Event;
use crate::cloud::{Cloud, CloudError, Failure, Terms};
use crate::progress::{Progress, Report};
use crate::ring::{Drained, Ring};
use crate::settings::{Folders, Settings};
use crate::stack::graph::Part;
use crate::stack::{LockError, Stack, StackError};

/// Control messages are few, and none may be lost: a task that tells waits while the screen catches up.
const WAITING: usize = 256;
/// Bytes of items that wait for a frame, for each task.
const FEED: usize = 8 << 20;

/// What the rooms are reached with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// The settings of this run.
    pub settings: Settings,
    /// The user's folders.
    pub folders: Folders,
    /// Refuse every change.
    pub readonly: bool,
    /// The connections that the jobs share, once one has needed them.
    pub connections: Connections,
    /// The topic model that was opened last.
    pub shelf: LastShelf,
}

/// Connections and credentials, made once and forgotten when they are not good: who signs in anew is asked anew.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<tokio::sync::Mutex<Option<Cloud>>>);

#[derive(Debug)]
enum Said {
    Told(Report),
    Came(Box<Outcome>),
    Ended(Box<Result<Outcome, Trouble>>),
}

/// What a task has fed and no frame has taken yet. The ring is made with its first item: most tasks feed nothing.
#[derive(Debug)]
struct Feed<T> {
    ring: Arc<Mutex<Option<Ring<T>>>>,
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self { ring: Arc::clone(&self.ring) }
    }
}

impl<T> Feed<T> {
    fn new() -> Self {
        Self { ring: Arc::default() }
    }

    fn ring(&self) -> MutexGuard<'_, Option<Ring<T>>> {
        // Nothing is done under the lock that could leave the ring half changed.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: usize, item: T) {
        self.ring().get_or_insert_with(|| Ring::new(FEED)).push(bytes, item);
    }

    fn drain(&self) -> Option<Drained<T>> {
        self.ring().as_mut().filter(|ring| !ring.is_empty()).map(Ring::drain)
    }
}

fn arrived(slot: Slot, drained: Drained<Item>) -> Event {
    Event::Arrived { slot, items: drained.items, dropped: drained.dropped }
}

/// The line that a job tells the console by.
#[derive(Debug, Clone)]
pub struct Line {
    slot: Slot,
    generation: u64,
    sender: mpsc::Sender<(Slot, u64, Said)>,
    feed: Feed<Item>,
    fed: Arc<Notify>,
    stop: CancellationToken,
    live: watch::Receiver<bool>,
}

impl Line {
    /// Whether what costs by the minute is wanted now.
    pub fn live(&self) -> watch::Receiver<bool> {
        self.live.clone()
    }

    /// Where a job's progress goes.
    pub fn progress(&self) -> Progress {
        let (sender, slot, generation) = (self.sender.clone(), self.slot, self.generation);
        // Progress must not block the work: a report that finds no room is one that the next one replaces.
        Progress::to(move |report| drop(sender.try_send((slot, generation, Said::Told(report)))))
    }

    /// Brings a part of the outcome while the job goes on. Waits while the screen catches up; nothing is lost.
    pub async fn came(&self, outcome: impl Into<Outcome>) {
        let said = Said::Came(Box::new(outcome.into()));
        // Nobody is there to hear it only when the console ends.
        drop(self.sender.send((self.slot, self.generation, said)).await);
    }

    /// Feeds an item to the screen. Never waits: if the screen does not keep up, the oldest items are dropped and
    /// counted.
    #[allow(unreachable_code, reason = "until a room feeds something, there is nothing that is an item")]
    pub fn feed(&self, item: impl Into<Item>) {
        let item = item.into();
        self.feed.push(item.bytes(), item);
        self.fed.notify_one();
    }

    /// What tells the job to stop. Only runs have to look at it: whatever else is dropped where it is.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

#[derive(Debug)]
struct Running {
    generation: u64,
    stop: CancellationToken,
    feed: Feed<Item>,
}

/// The driver.
#[derive(Debug)]
pub struct Driver {
    rooms: Rooms,
    running: BTreeMap<Slot, Running>,
    next_generation: u64,
    sender: mpsc::Sender<(Slot, u64, Said)>,
    receiver: mpsc::Receiver<(Slot, u64, Said)>,
    /// What has to be heard before anything else is received.
    held: VecDeque<Event>,
    fed: Arc<Notify>,
    live: watch::Sender<bool>,
}

impl Driver {
    /// A driver that runs nothing yet.
    pub fn new(rooms: Rooms) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self {
            rooms,
            running: BTreeMap::new(),
            next_generation: 0,
            sender,
            receiver,
            held: VecDeque::new(),
            fed: Arc::default(),
            live: watch::Sender::default(),
        }
    }

    /// Says whether what costs by the minute is wanted from now on; said again, it is tried again.
    pub fn live(&self, wanted: bool) {
        self.live.send_replace(wanted);
    }

    /// Starts a job; what runs in its slot is told to stop, and not listened to any more.
    pub fn start(&mut self, job: Job) {
        let slot = job.slot();
        if self.rooms.readonly && !job.is_allowed_readonly() {
            self.held.push_back(Event::Ended(slot, Box::new(Err(Trouble::readonly(&job)))));
            return;
        }
        self.cancel(slot);
        self.next_generation += 1;
        let (generation, stop, feed) = (self.next_generation, CancellationToken::new(), Feed::new());
        self.running.insert(slot, Running { generation, stop: stop.clone(), feed: feed.clone() });
        let (rooms, sender, fed) = (self.rooms.clone(), self.sender.clone(), Arc::clone(&self.fed));
        let live = self.live.subscribe();
        let line = Line { slot, generation, sender: sender.clone(), feed, fed, stop: stop.clone(), live };
        // In the heap: what a room's work holds between its steps is more than a thread's stack has room for in copies.
        let work = to_its_end(async move { rooms.run(job, line).await }.boxed());
        tokio::spawn(async move {
            let result = match slot.manner() {
                Manner::Runs { .. } | Manner::Follows { .. } => work.await,
                Manner::Loads | Manner::Watches => tokio::select! {
                    result = work => result,
                    () = stop.cancelled() => Err(Trouble::cancelled()),
                },
            };
            drop(sender.send((slot, generation, Said::Ended(Box::new(result)))).await);
        });
    }

    /// Asks what runs in a slot to stop.
    pub fn cancel(&mut self, slot: Slot) {
        if let Some(running) = self.running.get(&slot) {
            running.stop.cancel();
        }
    }

    /// Whether anything runs in a slot.
    pub fn runs(&self, slot: Slot) -> bool {
        self.running.contains_key(&slot)
    }

    /// What runs and must come to a safe point before the console is left.
    pub fn must_end(&self) -> Vec<Slot> {
        self.running.keys().copied().filter(|slot| matches!(slot.manner(), Manner::Runs { .. })).collect()
    }

    /// The next event of a task that is still listened to.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.held.pop_front() {
                return event;
            }
            let (slot, generation, said) =
                self.receiver.recv().await.expect("the driver has a sender itself");
            if self.running.get(&slot).is_none_or(|running| running.generation != generation) {
                continue;
            }
            match said {
                Said::Told(report) => return Event::Told(slot, report),
                Said::Came(outcome) => return Event::Came(outcome),
                Said::Ended(result) => {
                    // What it fed last is heard before its end.
                    let running = self.running.remove(&slot);
                    let last = running.and_then(|running| running.feed.drain());
                    self.held.extend(last.map(|drained| arrived(slot, drained)));
                    self.held.push_back(Event::Ended(slot, result));
                }
            }
        }
    }

    /// What tells that a task has fed something.
    pub fn fed(&self) -> Arc<Notify> {
        Arc::clone(&self.fed)
    }

    /// What the tasks fed since the last time.
    pub fn drain(&mut self) -> Vec<Event> {
        let fed = |(slot, running): (&Slot, &Running)| Some(arrived(*slot, running.feed.drain()?));
        self.running.iter().filter_map(fed).collect()
    }
}

/// Work that meets a fault of its own comes to an end too: whoever waits for it, as who leaves the console does, hears of
/// it. What it held is not used again: the console ends ([`super::terminal::report_panics`]).
async fn to_its_end(work: BoxFuture<'static, Result<Outcome, Trouble>>) -> Result<Outcome, Trouble> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(Trouble::fault()))
}

impl Rooms {
    async fn run(&self, job: Job, line: Line) -> Result<Outcome, Trouble> {
        let result = self.run_with(job, line).await;
        if result.as_ref().is_err_and(|trouble| trouble.remedy == Remedy::SignIn) {
            self.forget_connections().await;
        }
        result
    }

    async fn run_with(&self, job: Job, line: Line) -> Result<Outcome, Trouble> {
        match job {
            Job::Connect => self.connect(&line).await.map(Outcome::Connected),
            Job::WriteSettings(path) => write_settings(&path).map(|()| Outcome::Wrote(path)),
            Job::Stack(job) => stack::run(job, self, &line).await.map(Outcome::Stack),
            Job::Stream(job) => stream::run(job, self, &line).await.map(Outcome::Stream),
            Job::Lake(job) => lake::run(job, self, &line).await.map(Outcome::Lake),
            Job::Topics(job) => topics::run(job, self, &line).await.map(Outcome::Topics),
            Job::Logs(job) => logs::run(job, self, &line).await.map(Outcome::Logs),
            Job::Host(job) => host::run(job, self, &line).await.map(Outcome::Host),
        }
    }

    async fn connect(&self, line: &Line) -> Result<Identity, Trouble> {
        self.forget_connections().await;
        let stack = self.stack(Part::Pipeline, line).await?;
        Ok(Identity {
            stack: stack.names().stack.clone(),
            region: stack.names().region.to_string(),
            account: stack.identity().masked_account(),
        })
    }

    /// The clients, on this run's terms.
    async fn cloud(&self) -> Result<Cloud, Trouble> {
        let mut kept = self.connections.0.lock().await;
        if let Some(cloud) = &*kept {
            return Ok(cloud.for_another());
        }
        let changes = self.folders.state.join("changes.jsonl");
        let terms = Terms { readonly: self.readonly, changes: Some(changes) };
        let cloud = Cloud::connect(&self.settings, terms).await.map_err(|error| Trouble::of_cloud(&error))?;
        *kept = Some(cloud.clone());
        Ok(cloud)
    }

    /// Looks for credentials again when they are needed next.
    async fn forget_connections(&self) {
        *self.connections.0.lock().await = None;
    }

    /// The stack: its names, the account, and what can be done with it.
    async fn stack(&self, part: Part, line: &Line) -> Result<Stack, Trouble> {
        let (progress, stop) = (line.progress(), line.stop().clone());
        let cloud = self.cloud().await?;
        cloud.tell_when_slowed(line.progress());
        Stack::open(part, cloud, self.settings.clone(), &self.folders, progress, stop)
            .await
            .map_err(|error| Trouble::of_stack(&error))
    }
}

fn write_settings(path: &Path) -> Result<(), Trouble> {
    use std::io::Write;
    let trouble = |what: &str, source: std::io::Error| Trouble {
        sentence: format!("cannot {what} {}", path.display()),
        causes: vec![source.to_string()],
        remedy: Remedy::Retry,
    };
    if let Some(folder) = path.parent() {
        Folders::make_private(folder).map_err(|source| trouble("make the folder of", source))?;
    }
    // A file that is there is somebody's: it is never overwritten.
    let mut file = std::fs::File::create_new(path).map_err(|source| trouble("make", source))?;
    file.write_all(Settings::template().as_bytes()).map_err(|source| trouble("write", source))
}

impl Trouble {
    fn readonly(job: &Job) -> Self {
        let sentence = format!("{}: this run is read-only, and it would change something", job.words());
        Self { sentence, causes: Vec::new(), remedy: Remedy::Retry }
    }

    fn cancelled() -> Self {
        Self { sentence: "cancelled".to_owned(), causes: Vec::new(), remedy: Remedy::Cancelled }
    }

    fn fault() -> Self {
        let sentence = "hydrant met a fault of its own: the console ends, and says where the report is";
        Self { sentence: sentence.to_owned(), causes: Vec::new(), remedy: Remedy::Retry }
    }

    fn of(error: &(dyn std::error::Error + 'static), remedy: Remedy) -> Self {
        let sentence = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if text != sentence && causes.last() != Some(&text) {
                causes.push(text);
            }
            cause = error.source();
        }
        Self { sentence, causes, remedy }
    }

    fn of_cloud(error: &CloudError) -> Self {
        Self::of(error, remedy(error))
    }

    fn of_stack(error: &StackError) -> Self {
        match error {
            StackError::Interrupted => Self::cancelled(),
            StackError::Cloud(cloud) => Self::of(error, remedy(cloud)),
            _ => Self::of(error, Remedy::Retry),
        }
    }

    fn of_lock(error: &LockError) -> Self {
        Self::of(error, Remedy::Retry)
    }
}

fn remedy(error: &CloudError) -> Remedy {
    match error {
        CloudError::NoRegion | CloudError::BadEndpoint(_) => Remedy::Settings,
        error => match error.failure() {
            Failure::NoCredentials | Failure::Expired | Failure::BadCredentials => Remedy::SignIn,
            _ => Remedy::Retry,
        },
    }
}

/// Where a settings file is written if nobody says otherwise.
pub fn settings_file(folders: &Folders) -> PathBuf {
    folders.config.join("hydrant.toml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    fn driver(folder: &Path) -> Driver {
        Driver::new(rooms(folder))
    }

    fn rooms(folder: &Path) -> Rooms {
        let flags = [
            ("region", "us-east-1"),
            // A port that is taken by nobody: the call fails at once.
            ("endpoint_url", "http://127.0.0.1:1"),
            ("aws_access_key_id", "a"),
            ("aws_secret_access_key", "b"),
        ];
        rooms_with(folder, &flags)
    }

    /// Rooms that keep everything in a folder, with these settings.
    pub(super) fn rooms_with(folder: &Path, flags: &[(&str, &str)]) -> Rooms {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
        let folders =
            Folders { data: folder.to_owned(), state: folder.to_owned(), config: folder.to_owned() };
        Rooms {
            settings,
            folders,
            readonly: false,
            connections: Connections::default(),
            shelf: LastShelf::default(),
        }
    }

    #[test]
    fn what_is_fed_waits_for_a_frame_within_its_bound_and_what_is_dropped_is_counted() {
        let feed = Feed::new();
        let task = feed.clone();
        assert!(feed.drain().is_none());
        // Ten times what the ring holds, each item as large as a long post.
        let items = 10 * FEED / 4096;
        for item in 0..items {
            task.push(4096, item);
        }
        let drained = feed.drain().expect("it was fed");
        assert_eq!(drained.items.len(), FEED / 4096);
        assert_eq!(drained.dropped, (items - FEED / 4096) as u64);
        assert_eq!(drained.items.last(), Some(&(items - 1)));
        assert!(feed.drain().is_none());
    }

    #[tokio::test]
    async fn what_an_older_task_says_is_not_heard() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut driver = driver(folder.path());
        let file = |name: &str| folder.path().join(name);
        driver.start(Job::WriteSettings(file("old.toml")));
        driver.start(Job::WriteSettings(file("new.toml")));
        let Event::Ended(Slot::Settings, result) = driver.next().await else { panic!("the new one ends") };
        assert!(matches!(*result, Ok(Outcome::Wrote(path)) if path == file("new.toml")));
        assert!(!driver.runs(Slot::Settings));
        let silence = tokio::time::timeout(std::time::Duration::from_millis(50), driver.next()).await;
        assert!(silence.is_err(), "{silence:?}");
    }

    #[tokio::test]
    async fn a_read_only_run_does_only_what_is_on_its_list() {
        use crate::console::effect::stack::{Job as StackJob, Slot as StackSlot};
        use crate::stack::plan::Plan;
        let folder = tempfile::tempdir().expect("a folder");
        let mut driver = Driver::new(Rooms { readonly: true, ..rooms(folder.path()) });
        let plan = Plan { steps: Vec::new() };
        let changes = [
            StackJob::Up { plan: plan.clone(), drain: false },
            StackJob::Down { plan, delete_data: true, drain: false },
        ];
        for job in changes {
            driver.start(job.into());
            assert!(driver.must_end().is_empty(), "it was started");
            let Event::Ended(Slot::Stack(StackSlot::Run), result) = driver.next().await else {
                panic!("it is refused")
            };
            let trouble = result.expect_err("it is refused");
            assert!(trouble.sentence.contains("read-only"), "{trouble:?}");
        }
        driver.start(StackJob::Survey(Part::Pipeline).into());
        assert!(driver.runs(StackSlot::Survey.into()));
    }

    #[tokio::test]
    async fn what_loads_is_dropped_where_it_is_when_it_is_cancelled() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut driver = driver(folder.path());
        driver.start(Job::Connect);
        driver.cancel(Slot::Connect);
        let ended = tokio::time::timeout(std::time::Duration::from_mins(1), driver.next()).await;
        let Ok(Event::Ended(Slot::Connect, result)) = ended else { panic!("it ends: {ended:?}") };
        assert_eq!(result.expect_err("it was cancelled").remedy, Remedy::Cancelled);
    }

    #[tokio::test]
    async fn work_that_meets_a_fault_ends_and_says_so() {
        let ended = to_its_end(async { panic!("a fault that was asked for") }.boxed()).await;
        assert_eq!(ended.map(drop), Err(Trouble::fault()));
    }

    #[tokio::test]
    async fn a_settings_file_that_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hydrant.toml");
        std::fs::write(&path, "mine").expect("written");
        let mut driver = driver(folder.path());
        driver.start(Job::WriteSettings(path.clone()));
        let Event::Ended(_, result) = driver.next().await else { panic!("it ends") };
        assert!(result.is_err());
        assert_eq!(std::fs::read_to_string(path).expect("read"), "mine");
    }
}
