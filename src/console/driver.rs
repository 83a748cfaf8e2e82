//! Runs what the console asks for: each job as a task of its own in its slot, with a generation, a stop and an
//! outcome. A new task in a slot takes the place of the old one, and what the old one still says is dropped here and
//! nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::effect::{Identity, Job, Outcome, Proof, Property, Ran, Remedy, Slot, Surveyed, Trouble};
use super::event::Event;
use crate::cloud::{Cloud, CloudError, Failure, Terms};
use crate::progress::{Progress, Report};
use crate::settings::{Folders, Settings};
use crate::stack::audit::Audit;
use crate::stack::outcome::{Outcome as StackOutcome, Teardown};
use crate::stack::plan::Step;
use crate::stack::{LockError, Stack, StackError, Survey};

/// Control messages are few, and none may be lost: a task that tells waits while the screen catches up.
const WAITING: usize = 256;

/// What the rooms are reached with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// The settings of this run.
    pub settings: Settings,
    /// The user's folders.
    pub folders: Folders,
    /// Refuse every change.
    pub readonly: bool,
}

#[derive(Debug)]
enum Said {
    Told(Report),
    Ended(Box<Result<Outcome, Trouble>>),
}

#[derive(Debug)]
struct Running {
    generation: u64,
    stop: CancellationToken,
}

/// The driver.
#[derive(Debug)]
pub struct Driver {
    rooms: Rooms,
    running: BTreeMap<Slot, Running>,
    next_generation: u64,
    sender: mpsc::Sender<(Slot, u64, Said)>,
    receiver: mpsc::Receiver<(Slot, u64, Said)>,
}

impl Driver {
    /// A driver that runs nothing yet.
    pub fn new(rooms: Rooms) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { rooms, running: BTreeMap::new(), next_generation: 0, sender, receiver }
    }

    /// Starts a job; what runs in its slot is told to stop, and not listened to any more.
    pub fn start(&mut self, job: Job) {
        let slot = job.slot();
        self.cancel(slot);
        self.next_generation += 1;
        let (generation, stop) = (self.next_generation, CancellationToken::new());
        self.running.insert(slot, Running { generation, stop: stop.clone() });
        let (rooms, sender) = (self.rooms.clone(), self.sender.clone());
        tokio::spawn(async move {
            let reports = sender.clone();
            // Progress must not block the work: a report that finds no room is one that the next one replaces.
            let progress =
                Progress::to(move |report| drop(reports.try_send((slot, generation, Said::Told(report)))));
            let result = rooms.run(job, progress, stop).await;
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

    /// The next event of a task that is still listened to.
    pub async fn next(&mut self) -> Event {
        loop {
            let (slot, generation, said) =
                self.receiver.recv().await.expect("the driver has a sender itself");
            if self.running.get(&slot).is_none_or(|running| running.generation != generation) {
                continue;
            }
            return match said {
                Said::Told(report) => Event::Told(slot, report),
                Said::Ended(result) => {
                    self.running.remove(&slot);
                    Event::Ended(slot, result)
                }
            };
        }
    }
}

impl Rooms {
    async fn run(self, job: Job, progress: Progress, stop: CancellationToken) -> Result<Outcome, Trouble> {
        match job {
            // A run stops by itself at a safe point; everything else only looks, and can be dropped where it is.
            Job::Up(_) | Job::Down { .. } => self.change(job, progress, stop).await,
            _ => tokio::select! {
                result = self.look(job, progress, stop.clone()) => result,
                () = stop.cancelled() => Err(Trouble::cancelled()),
            },
        }
    }

    async fn open(&self, progress: Progress, stop: CancellationToken) -> Result<Stack, Trouble> {
        let changes = self.folders.state.join("changes.jsonl");
        let terms = Terms { readonly: self.readonly, changes: Some(changes) };
        let cloud = Cloud::connect(&self.settings, terms).await.map_err(|error| Trouble::of_cloud(&error))?;
        Stack::open(cloud, self.settings.clone(), &self.folders, progress, stop)
            .await
            .map_err(|error| Trouble::of_stack(&error))
    }

    async fn look(&self, job: Job, progress: Progress, stop: CancellationToken) -> Result<Outcome, Trouble> {
        if let Job::WriteSettings(path) = job {
            return write_settings(&path).map(|()| Outcome::Wrote(path));
        }
        let stack = self.open(progress, stop).await?;
        match job {
            Job::Connect => Ok(Outcome::Connected(Identity {
                stack: stack.names().stack.clone(),
                region: stack.names().region.to_string(),
                account: stack.identity().masked_account(),
            })),
            Job::PlanUp => match stack.plan_up(false).await {
                Ok(plan) => Ok(Outcome::PlannedUp(plan)),
                Err(error) => Err(Trouble::of_stack(&error)),
            },
            Job::PlanDown { delete_data } => {
                Ok(Outcome::PlannedDown { plan: stack.plan_down(delete_data).await, delete_data })
            }
            _ => Ok(Outcome::Surveyed(surveyed(&stack, &stack.survey(false).await, &Audit::default()))),
        }
    }

    async fn change(
        &self,
        job: Job,
        progress: Progress,
        stop: CancellationToken,
    ) -> Result<Outcome, Trouble> {
        let stack = self.open(progress, stop).await?;
        let _lock = stack.lock("console").map_err(|error| Trouble::of_lock(&error))?;
        match job {
            Job::Up(plan) => {
                let outcome = stack.up(&plan, false).await;
                let after = stack.survey(false).await;
                Ok(Outcome::Ran(Ran {
                    after: Some(surveyed(&stack, &after, &Audit::default())),
                    failures: failures(&outcome),
                    interrupted: outcome.is_interrupted(),
                    proof: None,
                }))
            }
            Job::Down { plan, delete_data } => {
                let teardown = stack.down(&plan, delete_data).await;
                let interrupted = teardown.outcome.is_interrupted();
                Ok(Outcome::Ran(Ran {
                    after: (!interrupted).then(|| surveyed(&stack, &teardown.survey, &teardown.audit)),
                    failures: failures(&teardown.outcome),
                    interrupted,
                    proof: (!interrupted && teardown.outcome.is_complete()).then(|| proof(&teardown)),
                }))
            }
            _ => Err(Trouble::cancelled()),
        }
    }
}

fn failures(outcome: &StackOutcome) -> Vec<String> {
    outcome
        .failures()
        .filter(|(_, error)| !matches!(error, StackError::Interrupted))
        .map(|(kind, error)| format!("{kind}: {error}"))
        .collect()
}

fn proof(teardown: &Teardown) -> Proof {
    if !teardown.is_proven() {
        let left = teardown.unmeant().cloned().collect();
        return Proof::Left { left, blind: teardown.audit.blind.clone() };
    }
    match teardown.bucket_kept() {
        Some(why) => Proof::Kept(why.to_owned()),
        None => Proof::Gone,
    }
}

fn surveyed(stack: &Stack, survey: &Survey, audit: &Audit) -> Surveyed {
    let properties = survey.plan.steps.iter().map(|step| (step.kind, properties(step))).collect();
    Surveyed { status: stack.status(survey, audit), properties }
}

fn properties(step: &Step) -> Vec<Property> {
    let differences = step.differences();
    let there = step.found.iter().flat_map(|found| &found.properties);
    let mut list: Vec<Property> = there
        .map(|(name, value)| Property {
            name: (*name).to_owned(),
            there: Some(value.clone()),
            wanted: differences
                .iter()
                .find(|difference| difference.property == *name)
                .map(|difference| difference.wanted.clone()),
        })
        .collect();
    let unset = differences.iter().filter(|difference| difference.there.is_none());
    list.extend(unset.map(|difference| Property {
        name: difference.property.to_owned(),
        there: None,
        wanted: Some(difference.wanted.clone()),
    }));
    list
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
    fn cancelled() -> Self {
        Self { sentence: "cancelled".to_owned(), causes: Vec::new(), remedy: Remedy::Cancelled }
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
        let flags = [
            ("region", "us-east-1"),
            // A port that is taken by nobody: the call fails at once.
            ("endpoint_url", "http://127.0.0.1:1"),
            ("aws_access_key_id", "a"),
            ("aws_secret_access_key", "b"),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
        let folders =
            Folders { data: folder.to_owned(), state: folder.to_owned(), config: folder.to_owned() };
        Driver::new(Rooms { settings, folders, readonly: false })
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
