//! What hydrant owns in AWS: the stack, made, watched and torn down.
//!
//! ```text
//! graph       the kinds, what each needs, the walk along those needs
//! names       what each resource is called
//! plan        wanted against there -> the next thing to do, decided without I/O
//! resource/   one file per kind: wanted, read, create, change, delete
//! apply       runs a plan along the graph, in parallel, up and down
//! outcome     what a run did
//! converge    brings one resource to where it should be: act, look, decide; patience waits
//! journal     what was begun and done, on disk
//! audit       finds by tag and by name whatever is left
//! reach       how ssh gets to the instance
//! status      present state and drift, as a table and as JSON
//! stream_here this machine's stream, which a teardown leaves with nowhere to deliver
//! ```
//!
//! There are two stacks of each name, the [parts](graph::Part): the pipeline, and the notebook that reads its lake. A
//! [`Stack`] is one of them, opened by a door; it makes a [`Plan`], shows it, and applies it. Nothing here knows which
//! door.

mod apply;
pub mod audit;
mod converge;
mod cost;
pub mod graph;
mod journal;
mod keys;
mod lock;
mod names;
mod notebook;
pub mod outcome;
mod own_address;
mod patience;
pub mod permissions;
pub mod plan;
mod reach;
mod resource;
pub mod status;
mod stream_here;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, CloudError, Failure, Identity, Operation, Place};
use crate::progress::{Phase, Progress};
use crate::settings::{Cidr, Folders, Settings};
pub use cost::{Estimate, Had};
use graph::{Kind, Part};
use journal::Journal;
use keys::Keys;
pub use lock::{Lock, LockError};
pub use names::{Names, SPARK_LOGS, STACK_TAG};
pub use notebook::LINK_LIFE;
use plan::{Claim, Found, HOLDS, Next, OWNER, Plan, Stays, Step, Wanted, decide, decide_down};
pub use reach::Reach;
pub use stream_here::StreamHere;

/// What can go wrong with a stack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// A call failed.
    #[error("{}", cloud_sentence(.0))]
    Cloud(#[from] CloudError),
    /// Something there is not ours to touch.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    /// What was made a moment ago is not to be seen yet.
    #[error("the {0} was made and is not to be seen: run the same command again")]
    NotSeenYet(Kind),
    /// A resource came out other than it was asked for, or would have to be replaced without having been agreed to.
    #[error("the {kind} {name} is not as it should be ({why}): run the same command again to see what to do")]
    NotAsMade {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// What differs.
        why: String,
    },
    /// It was not read again, since there was no time to.
    #[error("not read after the run, for want of time: `status` reads it")]
    NotRead,
    /// The operator asked to stop.
    #[error("stopped as asked")]
    Interrupted,
    /// A wait took too long.
    #[error("the {kind} {name} is not ready after {}: {waiting_for}; run the same command again to go on waiting", minutes(*.limit))]
    TooLong {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// What did not happen.
        waiting_for: String,
        /// How long hydrant waited.
        limit: Duration,
    },
    /// A file of the stack's own cannot be read or written.
    #[error("cannot {what} {path}")]
    File {
        /// Read, write, remove.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key that hydrant keeps is not one.
    #[error("the key {path} is not a usable ed25519 key: move it away to have a new one made")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ssh_key::Error,
    },
    /// There is no network to put a host into.
    #[error(
        "there is no default VPC in {0} to put the host into: make one with `aws ec2 create-default-vpc --region {0}`, or do without a host (`instance = false`)"
    )]
    NoNetwork(String),
    /// There is no subnet to put the notebook into.
    #[error(
        "there is no {} in {region} to put the notebook into: name a subnet with `notebook_subnet`",
        named.as_ref().map_or_else(|| "default VPC with a subnet".to_owned(), |id| format!("subnet {id}"))
    )]
    NoSubnet {
        /// The one that was named, if one was.
        named: Option<String>,
        /// Where.
        region: String,
    },
    /// Nobody can be let into the notebook as it is.
    #[error("the notebook {name} cannot be opened: {why}")]
    NotebookClosed {
        /// Its name.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// There is no lake for the notebook to read.
    #[error(
        "there is no bucket {0} for the notebook to read: `hydrant up` makes it, or name another with `bucket`"
    )]
    NoLake(String),
    /// What the notebook's start would run is too long.
    #[error(
        "what the notebook runs when it starts is {length} bytes long and SageMaker takes {most}: shorten the file that `notebook_script` names"
    )]
    ScriptTooLong {
        /// In base64, as SageMaker counts.
        length: usize,
        /// Its limit.
        most: usize,
    },
    /// There is no image to start a host from.
    #[error(
        "there is no Amazon Linux 2023 image for {architecture} in {region}: name one with `instance_image`"
    )]
    NoImage {
        /// As EC2 writes it.
        architecture: &'static str,
        /// Where.
        region: String,
    },
    /// The operator's address is not known.
    #[error("your own address could not be learned from {service}: give it with --set ssh_from=ADDRESS/32")]
    NoAddress {
        /// Who was asked.
        service: String,
        /// Why it gave no answer.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The delivery stream cannot write what it took.
    #[error("the delivery stream cannot write what it took, so nothing was torn down: {0}")]
    NotWritten(String),
    /// This machine's stream runs into what goes, and does not end.
    #[error("this machine's stream could not be stopped, so nothing was torn down: {0}")]
    StreamNotStopped(String),
    /// This machine's stream ended, and some posts are not delivered.
    #[error("{} on this machine, so nothing was torn down: `hydrant stream status` says why", crate::text::counted(*.0, "post still waits", "posts still wait"))]
    StreamNotDelivered(u64),
    /// AWS's answer lacks what it always has.
    #[error("AWS's answer about {0} lacks what it needs: {1}")]
    OddAnswer(String, &'static str),
}

fn minutes(limit: Duration) -> String {
    let minutes = limit.as_secs().div_ceil(60);
    if minutes == 1 { "a minute".to_owned() } else { format!("{minutes} minutes") }
}

/// A call's own sentence, and for the two cases that look like something else, what they most often are.
fn cloud_sentence(error: &CloudError) -> String {
    let is_bucket_call = |call: &str| call.starts_with("s3:");
    match (error, error.code()) {
        (CloudError::Call(call), Some("BucketAlreadyExists")) => {
            format!(
                "the bucket name {} is taken by another account: choose another with `bucket`",
                call.target
            )
        }
        (CloudError::Call(call), _)
            if call.failure == Failure::Denied && is_bucket_call(call.operation.permission()) =>
        {
            format!(
                "{error} (or the bucket {} belongs to another account: choose another with `bucket`)",
                call.target
            )
        }
        _ => error.to_string(),
    }
}

impl StackError {
    fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}

/// What a delivery stream is given beyond its buffer's age to write it.
const WRITING: Duration = Duration::from_secs(5);

/// One stack in one account and region, opened.
#[derive(Debug)]
pub struct Stack {
    cloud: Cloud,
    settings: Settings,
    identity: Identity,
    names: Names,
    keys: Keys,
    journal: Journal,
    lock_file: PathBuf,
    progress: Progress,
    stop: CancellationToken,
    ssh_from: tokio::sync::OnceCell<Cidr>,
}

/// A plan as far as the world could be read.
#[derive(Debug, Default)]
pub struct Survey {
    /// What could be read, and what would be done about it.
    pub plan: Plan,
    /// What could not.
    pub unreadable: BTreeMap<Kind, StackError>,
}

/// What is there of each kind, or why it could not be read.
type World = BTreeMap<Kind, Result<Option<Found>, StackError>>;

impl Stack {
    /// Learns whose account it is and reads the stack's own files. Changes nothing.
    pub async fn open(
        part: Part,
        cloud: Cloud,
        settings: Settings,
        folders: &Folders,
        progress: Progress,
        stop: CancellationToken,
    ) -> Result<Self, StackError> {
        let identity = cloud.identity().await?;
        let names = Names::new(&settings, &identity, cloud.region()).of_part(part);
        let place = match cloud.place() {
            Place::Aws => "aws".to_owned(),
            Place::Endpoint(url) => url.authority().replace([':', '[', ']'], "-"),
        };
        // A folder's name has no `/` in it, and a stack's no `.`.
        let own = names.stack.replace('/', ".");
        let slug = format!("{place}_{}_{}_{own}", identity.account, names.region);
        let folder = folders.data.join("stacks").join(&slug);
        let journal_file = folder.join("journal.jsonl");
        let journal = Journal::open(journal_file.clone()).map_err(StackError::file("read", journal_file))?;
        let keys = Keys::open(folder)?;
        let lock_file = folders.state.join("locks").join(format!("{slug}.lock"));
        let ssh_from = tokio::sync::OnceCell::new();
        Ok(Self { cloud, settings, identity, names, keys, journal, lock_file, progress, stop, ssh_from })
    }

    /// The names of its resources.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whose account it is in.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The clients it is reached by.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Takes the stack for this process, as long as the lock lives; a second process is told who has it.
    pub fn lock(&self, command: &str) -> Result<Lock, LockError> {
        let lock = Lock::take(&self.lock_file, command)?;
        let path = self.lock_file.clone();
        self.journal.reload().map_err(|source| LockError::File { path, source })?;
        Ok(lock)
    }

    /// What has to be done to bring everything up. Reads the world and changes nothing.
    pub async fn plan_up(&self, adopt: bool) -> Result<Plan, StackError> {
        if self.names.part == Part::Notebook && self.read(Kind::Bucket).await?.is_none() {
            return Err(StackError::NoLake(self.names.of(Kind::Bucket).to_owned()));
        }
        let survey = self.survey(adopt).await;
        match survey.unreadable.into_values().next() {
            Some(error) => Err(error),
            None => Ok(survey.plan),
        }
    }

    /// What is there and how it differs from what is wanted, as far as it can be read.
    pub async fn survey(&self, adopt: bool) -> Survey {
        let mut survey = Survey::default();
        for (kind, found) in self.read_all().await {
            let step = match found {
                Ok(found) => self
                    .wanted(kind, found.as_ref())
                    .await
                    .map(|wanted| self.step(kind, wanted.as_ref(), found, adopt)),
                Err(error) => Err(error),
            };
            match step {
                Ok(step) => survey.plan.steps.push(step),
                Err(error) => drop(survey.unreadable.insert(kind, error)),
            }
        }
        survey.plan.refuse_inside_refused();
        survey
    }

    /// A survey of a stack that was not looked at: nothing is known of anything.
    pub fn unread(&self) -> Survey {
        let unreadable = self.names.part.kinds().map(|kind| (kind, StackError::NotRead));
        Survey { unreadable: unreadable.collect(), ..Survey::default() }
    }

    /// What is there, whatever is wanted.
    async fn survey_leftovers(&self) -> Survey {
        let mut survey = Survey::default();
        for (kind, found) in self.read_all().await {
            let name = self.names.of(kind).to_owned();
            match found {
                Ok(found) => {
                    let next = match decide_down(kind, &name, found.as_ref(), None, self.claim(kind, false)) {
                        Next::Delete => Next::Rest,
                        next => next,
                    };
                    survey.plan.steps.push(Step { kind, name, found, wanted: true, next });
                }
                Err(error) => drop(survey.unreadable.insert(kind, error)),
            }
        }
        survey
    }

    /// What has to be done to take everything down. What [holds data](Kind::holds_data) stays while it does, unless
    /// `delete_data`. What cannot be read is planned to be deleted, so that a run reports it and goes on past it.
    pub async fn plan_down(&self, delete_data: bool) -> Plan {
        let mut plan = Plan::default();
        for (kind, found) in self.read_all().await {
            let name = self.names.of(kind).to_owned();
            let (found, next) = match found {
                Ok(found) => {
                    let (found, kept) = match found {
                        Some(found) if kind.holds_data() && delete_data => {
                            let holds = self.holds(kind, &found).await;
                            (Some(found.with(HOLDS, holds)), None)
                        }
                        Some(found) if kind.holds_data() => {
                            let kept = self.why_kept(kind, &found).await;
                            (Some(found), kept)
                        }
                        found => (found, None),
                    };
                    let next = decide_down(kind, &name, found.as_ref(), kept, self.claim(kind, false));
                    (found, next)
                }
                Err(_) => (None, Next::Delete),
            };
            plan.steps.push(Step { kind, name, found, wanted: false, next });
        }
        plan
    }

    /// Waits, if the plan takes the delivery stream, until what it took is written: AWS deletes it with its buffer.
    pub async fn let_it_write(&self, plan: &Plan) -> Result<(), StackError> {
        let Some(buffered) = plan.unwritten() else { return Ok(()) };
        let kind = Kind::DeliveryStream;
        let text = format!("{} s, as long as it takes to write what it took", (buffered + WRITING).as_secs());
        let asked = jiff::Timestamp::now();
        self.progress.tell(kind.name(), self.names.of(kind), Phase::Waiting, text);
        tokio::select! {
            () = tokio::time::sleep(buffered + WRITING) => {}
            () = self.stop.cancelled() => return Err(StackError::Interrupted),
        }
        self.check_written(asked).await
    }

    /// Whether the delivery stream has told of no failure since: AWS tries again for a day, if it is left that day.
    async fn check_written(&self, since: jiff::Timestamp) -> Result<(), StackError> {
        let (group, stream) = (self.names.of(Kind::LogGroup), self.names.of(Kind::LogStream));
        let told = self.cloud.logs.filter_log_events().log_group_name(group).log_stream_names(stream);
        let told = told.start_time(since.as_millisecond()).limit(1).send();
        let Some(answer) = if_there(self.call(Kind::LogStream, Operation::FilterLogEvents, told).await)?
        else {
            return Ok(());
        };
        match answer.events().first().and_then(|event| event.message()) {
            Some(why) => Err(StackError::NotWritten(crate::text::sanitise(why))),
            None => Ok(()),
        }
    }

    /// What goes with a resource that holds data, in words; `None` if it is empty.
    async fn holds(&self, kind: Kind, found: &Found) -> Option<String> {
        if kind == Kind::NotebookLogs {
            return Some(found.detail.clone());
        }
        match self.bucket_holding().await {
            Ok(holding) if holding.is_empty() => None,
            Ok(holding) => Some(holding.to_string()),
            Err(error) => Some(format!("whatever it holds, which could not be read: {error}")),
        }
    }

    async fn why_kept(&self, kind: Kind, found: &Found) -> Option<Stays> {
        if kind == Kind::NotebookLogs {
            return Some(Stays { why: found.detail.clone(), unless: Some("--delete-logs") });
        }
        // A bucket that cannot be looked into is not known to be empty, and so it stays.
        match self.bucket_holding().await {
            Ok(holding) if holding.is_empty() => None,
            Ok(holding) => Some(Stays { why: format!("it holds {holding}"), unless: Some("--delete-data") }),
            Err(error) => Some(format!("what it holds could not be read: {error}").into()),
        }
    }

    fn step(&self, kind: Kind, wanted: Option<&Wanted>, found: Option<Found>, adopt: bool) -> Step {
        let name = self.names.of(kind).to_owned();
        let next = decide(kind, &name, wanted, found.as_ref(), self.claim(kind, adopt));
        Step { kind, name, found, wanted: wanted.is_some(), next }
    }

    fn claim(&self, kind: Kind, adopt: bool) -> Claim<'_> {
        Claim {
            stack: &self.names.stack,
            begun: self.journal.begun_untagged(kind, self.names.of(kind)),
            adopt,
        }
    }

    /// The resource as it should be; `None` if it should not be there. What is there decides only what cannot be
    /// known without it: a key pair whose private half is not on this machine is good as it is.
    async fn wanted(&self, kind: Kind, found: Option<&Found>) -> Result<Option<Wanted>, StackError> {
        if kind.is_of_host() && !*self.settings.instance {
            return Ok(None);
        }
        // SageMaker makes them by itself, once there is something to log; what another's notebook logged is no matter.
        let ours = |found: &Found| self.not_ours(kind, found).is_none();
        if kind == Kind::NotebookLogs && !found.is_some_and(ours) {
            return Ok(None);
        }
        resource::of(kind).wanted(self, found).await.map(Some)
    }

    fn check_stop(&self) -> Result<(), StackError> {
        if self.stop.is_cancelled() { Err(StackError::Interrupted) } else { Ok(()) }
    }

    async fn read(&self, kind: Kind) -> Result<Option<Found>, StackError> {
        match (resource::of(kind).read(self).await?, kind.lies_in()) {
            (Some(found), Some(home)) => {
                let owner = self.owner_by_home(home, resource::of(home).read(self).await?.as_ref());
                Ok(Some(found.with(OWNER, owner)))
            }
            (found, _) => Ok(found),
        }
    }

    async fn read_all(&self) -> World {
        let reads =
            self.names.part.kinds().map(|kind| async move { (kind, resource::of(kind).read(self).await) });
        let mut world: World = futures_util::future::join_all(reads).await.into_iter().collect();
        for kind in self.names.part.kinds() {
            // What lies in something that could not be read is nobody's, as far as is known, and so it stays.
            let Some((home, Ok(there))) = kind.lies_in().and_then(|home| Some((home, world.get(&home)?)))
            else {
                continue;
            };
            let owner = self.owner_by_home(home, there.as_ref());
            if let Some(Ok(Some(found))) = world.get_mut(&kind) {
                *found = found.clone().with(OWNER, owner);
            }
        }
        world
    }

    /// Whose a thing is that has no tag of its own: whoever's that is which it lies in. If it outlived that, this
    /// machine's journal alone knows whether it was ours.
    fn owner_by_home(&self, home: Kind, there: Option<&Found>) -> Option<String> {
        let Some(there) = there else {
            let was_ours = self.journal.was_ours(home, self.names.of(home));
            return was_ours.then(|| self.names.stack.clone());
        };
        there.properties.get(OWNER).cloned()
    }

    /// Makes one call about the resource of that kind. A call that changes anything is in the journal, synced,
    /// before it is made.
    async fn call<T, E>(
        &self,
        kind: Kind,
        operation: Operation,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, StackError>
    where
        T: RequestId,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.call_with_token(kind, operation, None, request).await
    }

    /// As [`Stack::call`], with the client token that makes repeating the call safe.
    async fn call_with_token<T, E>(
        &self,
        kind: Kind,
        operation: Operation,
        token: Option<&str>,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, StackError>
    where
        T: RequestId,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let name = self.names.of(kind);
        if !operation.changes() {
            return Ok(self.cloud.call(operation, name, request).await?);
        }
        let journalled =
            |result: std::io::Result<()>| result.map_err(StackError::file("write", self.keys.folder()));
        Folders::make_private(self.keys.folder()).map_err(StackError::file("make", self.keys.folder()))?;
        journalled(self.journal.begin(operation, kind, name, token))?;
        let answer = self.cloud.call(operation, name, request).await;
        journalled(self.journal.end(operation, kind, name, answer.as_ref().err()))?;
        Ok(answer?)
    }
}

/// A call's answer, with "it is not there" as an absent one.
fn if_there<T>(answer: Result<T, StackError>) -> Result<Option<T>, StackError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(StackError::Cloud(error)) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a call that makes something made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// By this call.
    Now,
    /// It was there already; the next read tells what it is like and whose.
    Before,
}

/// A making's answer, with "it is there already" as no failure.
fn or_there<T>(answer: Result<T, StackError>) -> Result<Made, StackError> {
    match answer {
        Err(StackError::Cloud(error))
            if error.failure() == Failure::Exists && error.code() != Some("BucketAlreadyExists") =>
        {
            Ok(Made::Before)
        }
        answer => answer.map(|_| Made::Now),
    }
}
