//! Runs a plan along the graph, in parallel.
//!
//! Each resource is brought to where it should be by the same loop: read, decide, act, and again, until nothing is
//! left to do. Waits are for the state itself, with growing pauses and a limit; what AWS answers while a role is not
//! yet known or a group is still in use is waited out in the same way. So a run that is cut off anywhere, by Ctrl+C
//! or by a crash, is finished by the same command: it reads and goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backon::BackoffBuilder;

use super::audit::Audit;
use super::graph::{Kind, Walked, walk};
use super::plan::{Found, Life, Next, Owner, Plan, Step, decide};
use super::{Stack, StackError, Survey, if_there, resource};
use crate::cloud::Failure;
use crate::progress::Phase;

/// The first pause of a wait, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What was made a moment ago is known everywhere within this time; what is still missing then is missing.
const SEEN_LIMIT: Duration = Duration::from_secs(90);
/// Listings stop naming what is gone within this time.
const LISTINGS_LAG: Duration = Duration::from_secs(30);
/// A change that is not to be seen is made again after this time.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// How a resource ended up.
#[derive(Debug)]
pub enum Ending {
    /// It was as it should be.
    Unchanged,
    /// It was made.
    Created,
    /// It was taken over.
    Adopted,
    /// Its differences were mended.
    Changed,
    /// It was deleted and made anew.
    Replaced,
    /// It is gone, and was there before.
    Deleted,
    /// It was not there.
    Absent,
    /// It was left as it is, for this reason.
    Left(String),
    /// It failed.
    Failed(StackError),
    /// It was not tried, because this one before it was not done.
    Skipped(Kind),
}

impl Ending {
    /// Whether anything is different now.
    pub fn is_work_done(&self) -> bool {
        matches!(self, Self::Created | Self::Adopted | Self::Changed | Self::Replaced | Self::Deleted)
    }

    /// Whether it did not come to where it should be.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Skipped(_))
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::Changed => "changed",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
            Self::Absent => "not there",
            Self::Left(_) => "left as it is",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "not tried",
        }
    }
}

/// What a run did, by kind.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How each resource of the plan ended up.
    pub endings: BTreeMap<Kind, Ending>,
    /// Resources as they were last read, where the run read them.
    pub found: BTreeMap<Kind, Found>,
}

impl Outcome {
    /// Whether everything came to where it should be.
    pub fn is_complete(&self) -> bool {
        !self.endings.values().any(Ending::is_failure)
    }

    /// Whether it stopped because the operator asked.
    pub fn is_interrupted(&self) -> bool {
        self.endings.values().any(|ending| matches!(ending, Ending::Failed(StackError::Interrupted)))
    }

    /// The failures, with the kind that each is of.
    pub fn failures(&self) -> impl Iterator<Item = (Kind, &StackError)> {
        self.endings.iter().filter_map(|(kind, ending)| match ending {
            Ending::Failed(error) => Some((*kind, error)),
            _ => None,
        })
    }
}

/// What a teardown did, and what is there after it.
#[derive(Debug, Default)]
pub struct Teardown {
    /// How each resource ended up.
    pub outcome: Outcome,
    /// What is there by name; empty if the teardown was interrupted.
    pub survey: Survey,
    /// What is there by tag, name and path; empty if the teardown was interrupted.
    pub audit: Audit,
}

impl Teardown {
    /// Why the bucket was left, if it was.
    pub fn bucket_kept(&self) -> Option<&str> {
        match self.outcome.endings.get(&Kind::Bucket) {
            Some(Ending::Left(why)) => Some(why),
            _ => None,
        }
    }

    /// What is left and was not meant to be.
    pub fn unmeant(&self) -> impl Iterator<Item = &String> {
        let bucket = self.survey.plan.step(Kind::Bucket).and_then(|step| step.found.as_ref());
        let kept = self.bucket_kept().and(bucket).map(|bucket| &bucket.arn);
        self.audit.left.iter().filter(move |arn| Some(*arn) != kept)
    }

    /// Whether everything was done, the audit could look everywhere, and it found nothing but what was left on
    /// purpose.
    pub fn is_proven(&self) -> bool {
        self.outcome.is_complete() && self.audit.blind.is_empty() && self.unmeant().next().is_none()
    }
}

/// How long hydrant waits for one resource of a kind before it gives up and says so.
fn limit(kind: Kind) -> Duration {
    Duration::from_secs(
        60 * match kind {
            Kind::Instance | Kind::SecurityGroup => 10,
            Kind::Bucket | Kind::DeliveryStream => 6,
            _ => 4,
        },
    )
}

/// Growing pauses up to a limit, which end early when the operator asks to stop. The limit counts from the first
/// wait: work that takes long, as emptying a bucket does, is not waiting.
struct Patience<'a> {
    stack: &'a Stack,
    kind: Kind,
    since: Option<Instant>,
    pauses: backon::ExponentialBackoff,
    said: String,
}

impl<'a> Patience<'a> {
    fn new(stack: &'a Stack, kind: Kind) -> Self {
        Self { stack, kind, since: None, pauses: pauses(), said: String::new() }
    }

    /// Something was achieved: what comes next has all the time again.
    fn renew(&mut self) {
        (self.since, self.pauses) = (None, pauses());
    }

    /// Says what is waited for, once, and waits a little.
    async fn wait(&mut self, waiting_for: &str) -> Result<(), StackError> {
        self.wait_within(limit(self.kind), waiting_for).await
    }

    async fn wait_within(&mut self, limit: Duration, waiting_for: &str) -> Result<(), StackError> {
        let name = self.stack.names.of(self.kind);
        if self.since.get_or_insert_with(Instant::now).elapsed() > limit {
            let (kind, name, waiting_for) = (self.kind, name.to_owned(), waiting_for.to_owned());
            return Err(StackError::TooLong { kind, name, waiting_for, limit });
        }
        if self.said != waiting_for {
            self.stack.progress.tell(self.kind.name(), name, Phase::Waiting, waiting_for);
            waiting_for.clone_into(&mut self.said);
        }
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.stack.stop.cancelled() => Err(StackError::Interrupted),
        }
    }

    /// Waits if the error is one that passes; hands it back if it is not, or if it has not passed in time.
    async fn wait_out(&mut self, error: StackError) -> Result<(), StackError> {
        let failure = match &error {
            StackError::Cloud(cloud) => cloud.failure(),
            StackError::NotSeenYet(_) => Failure::Missing,
            _ => return Err(error),
        };
        let (limit, why) = match failure {
            Failure::NotYetUsable => (limit(self.kind), "waiting until AWS knows the role everywhere"),
            Failure::InUse => (limit(self.kind), "waiting until nothing uses it any more"),
            Failure::Throttled => (limit(self.kind), "throttled; trying again"),
            Failure::Missing | Failure::TokenReused => (SEEN_LIMIT, "waiting until AWS shows what was made"),
            failure if failure.passes() => (limit(self.kind), "no good answer; trying again"),
            _ => return Err(error),
        };
        let code = match &error {
            StackError::Cloud(cloud) => cloud.code().map(|code| format!(" ({code})")).unwrap_or_default(),
            _ => String::new(),
        };
        match self.wait_within(limit, &format!("{why}{code}")).await {
            // The reason that AWS gave is worth more than that it took long.
            Err(StackError::TooLong { .. }) => Err(error),
            waited => waited,
        }
    }
}

fn pauses() -> backon::ExponentialBackoff {
    backon::ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(1.6)
        .with_jitter()
        .without_max_times()
        .build()
}

/// One resource on its way to where it should be.
struct Convergence<'a> {
    stack: &'a Stack,
    kind: Kind,
    adopt: bool,
    /// Whether the plan that was agreed to says that it is replaced.
    may_replace: bool,
    patience: Patience<'a>,
    ending: Ending,
    /// What was done last, and when: AWS may not show it yet.
    done: Option<(Next, Instant)>,
}

impl<'a> Convergence<'a> {
    fn new(stack: &'a Stack, step: &Step, adopt: bool) -> Self {
        Self {
            stack,
            kind: step.kind,
            adopt,
            may_replace: matches!(step.next, Next::Replace(_)),
            patience: Patience::new(stack, step.kind),
            ending: Ending::Unchanged,
            done: None,
        }
    }

    /// Acts, looks, decides, until there is nothing left to do.
    async fn run(mut self, step: &Step) -> Result<(Ending, Option<Found>), StackError> {
        let (mut next, mut found) = (step.next.clone(), step.found.clone());
        while next != Next::Rest {
            self.stack.check_stop()?;
            if let Err(error) = self.act(&next, found.as_ref()).await {
                self.patience.wait_out(error).await?;
            }
            match self.stack.look(self.kind, self.adopt).await {
                Ok(looked) => (next, found) = looked,
                Err(error) => self.patience.wait_out(error).await?,
            }
        }
        if let Some(found) = &found {
            resource::of(self.kind).settle(self.stack, found).await?;
        }
        Ok((self.ending, found))
    }

    async fn act(&mut self, next: &Next, found: Option<&Found>) -> Result<(), StackError> {
        let resource = resource::of(self.kind);
        let since = self.done.as_ref().filter(|(done, _)| done == next).map(|(_, when)| when.elapsed());
        match (next, found) {
            (Next::Wait(what), _) => self.patience.wait(what).await,
            (Next::Create, _) if since.is_some() => self.patience.wait("made, and not to be seen yet").await,
            (Next::Create, _) => {
                self.tell("creating");
                resource.create(self.stack).await?;
                self.did(next);
                Ok(())
            }
            (Next::Adopt(_) | Next::Change(_), _) if since.is_some_and(|since| since < SHOWN_WITHIN) => {
                self.patience.wait("changed, and not to be seen yet").await
            }
            (Next::Adopt(differences) | Next::Change(differences), Some(found)) => {
                self.tell("setting its properties");
                resource.change(self.stack, found, differences).await?;
                self.did(next);
                Ok(())
            }
            (Next::Replace(_), _) if self.may_replace && since.is_some_and(|since| since < SHOWN_WITHIN) => {
                self.patience.wait("being deleted to be made anew").await
            }
            (Next::Replace(_), Some(found)) if self.may_replace && !self.has_made() => {
                self.tell("deleting it to make it anew");
                if_there(resource.delete(self.stack, found).await)?;
                self.did(next);
                Ok(())
            }
            (Next::Replace(differences), _) => {
                let why: Vec<String> = differences.iter().map(ToString::to_string).collect();
                Err(StackError::NotAsMade {
                    kind: self.kind,
                    name: self.name().to_owned(),
                    why: why.join(", "),
                })
            }
            (Next::Refuse(why) | Next::Leave(why), _) => Err(StackError::Refused(vec![why.clone()])),
            (Next::Rest | Next::Delete | Next::Adopt(_) | Next::Change(_), _) => Ok(()),
        }
    }

    fn has_made(&self) -> bool {
        matches!(self.done, Some((Next::Create, _)))
    }

    /// Notes what was done, and what that makes of the whole. A repetition gives no new patience.
    fn did(&mut self, next: &Next) {
        if self.done.as_ref().is_none_or(|(done, _)| done != next) {
            self.patience.renew();
        }
        self.done = Some((next.clone(), Instant::now()));
        self.ending = match (std::mem::replace(&mut self.ending, Ending::Unchanged), next) {
            (Ending::Replaced, _) | (_, Next::Replace(_)) => Ending::Replaced,
            (Ending::Created, _) | (_, Next::Create) => Ending::Created,
            (Ending::Adopted, _) | (_, Next::Adopt(_)) => Ending::Adopted,
            _ => Ending::Changed,
        };
    }

    fn name(&self) -> &'a str {
        self.stack.names.of(self.kind)
    }

    fn tell(&self, what: &str) {
        self.stack.progress.tell(self.kind.name(), self.name(), Phase::Acting, what);
    }
}

impl Stack {
    /// Brings everything up that the plan says, the unwanted down first. The plan must have no refusals. Only what
    /// the plan says is to be replaced or deleted is: whoever calls has shown it.
    pub async fn up(&self, plan: &Plan, adopt: bool) -> Outcome {
        let unwanted: Vec<&Step> = plan.steps.iter().filter(|step| step.next == Next::Delete).collect();
        let mut outcome = self.take_down(&unwanted, false).await;
        let wanted: Vec<Kind> = plan.steps.iter().filter(|step| step.wanted).map(|step| step.kind).collect();
        let walked = walk(
            &wanted,
            |kind| kind.needs().to_vec(),
            |kind| async move {
                let step = plan.step(kind).expect("every kind walked is in the plan");
                let ended = Convergence::new(self, step, adopt).run(step).await;
                self.tell_ending(kind, ended.as_ref().map(|(ending, _)| ending));
                ended
            },
        )
        .await;
        for (kind, walked) in walked {
            let ending = match walked {
                Walked::Done((ending, found)) => {
                    outcome.found.extend(found.map(|found| (kind, found)));
                    ending
                }
                Walked::Failed(error) => Ending::Failed(error),
                Walked::Skipped(before) => self.skipped(kind, before),
            };
            outcome.endings.insert(kind, ending);
        }
        outcome
    }

    /// Takes everything down that the plan says, going on past a failure, and then looks everywhere for what is left.
    /// The stack's own files go last, when nothing but what was left on purpose is there: until then, the same
    /// command could need them again.
    pub async fn down(&self, plan: &Plan, delete_data: bool) -> Teardown {
        let steps: Vec<&Step> = plan.steps.iter().collect();
        let outcome = self.take_down(&steps, delete_data).await;
        if outcome.is_interrupted() {
            return Teardown { outcome, ..Teardown::default() };
        }
        let (survey, audit) = self.look_for_leftovers(outcome.is_complete()).await;
        let teardown = Teardown { outcome, survey, audit };
        if teardown.is_proven()
            && let Err(error) = self.keys.remove_with(|| self.journal.remove())
        {
            tracing::warn!(%error, "the stack's own files could not be removed");
        }
        teardown
    }

    /// Looks again for a while if something is listed after a teardown that removed everything: the listings of AWS
    /// are behind the world by seconds.
    async fn look_for_leftovers(&self, expect_nothing: bool) -> (Survey, Audit) {
        let mut pauses = pauses();
        let since = Instant::now();
        loop {
            let survey = self.survey_leftovers().await;
            let audit = self.audit(&survey).await;
            let kept = survey.plan.steps.iter().filter(|step| step.found.is_some()).count();
            let lag = expect_nothing && audit.left.len() > kept && since.elapsed() < LISTINGS_LAG;
            if !lag || self.stop.is_cancelled() {
                return (survey, audit);
            }
            tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    async fn take_down(&self, steps: &[&Step], delete_data: bool) -> Outcome {
        let kinds: Vec<Kind> = steps.iter().map(|step| step.kind).collect();
        let walked = walk(&kinds, Kind::needed_by, |kind| async move {
            let step = steps.iter().find(|step| step.kind == kind).expect("every kind walked is in the plan");
            let ended = self.remove(step, delete_data).await;
            self.tell_ending(kind, ended.as_ref());
            ended
        })
        .await;
        let mut outcome = Outcome::default();
        for (kind, walked) in walked {
            let ending = match walked {
                Walked::Done(ending) => ending,
                Walked::Failed(error) => Ending::Failed(error),
                Walked::Skipped(before) => self.skipped(kind, before),
            };
            outcome.endings.insert(kind, ending);
        }
        outcome
    }

    fn skipped(&self, kind: Kind, before: Kind) -> Ending {
        self.progress.tell(
            kind.name(),
            self.names.of(kind),
            Phase::Skipped,
            format!("the {before} comes before it"),
        );
        Ending::Skipped(before)
    }

    fn tell_ending(&self, kind: Kind, ended: Result<&Ending, &StackError>) {
        let (phase, text) = match ended {
            Ok(Ending::Absent) => return,
            Ok(Ending::Left(why)) => (Phase::Skipped, format!("left: {why}")),
            Ok(ending) => (Phase::Done, ending.words().to_owned()),
            Err(StackError::Interrupted) => (Phase::Skipped, StackError::Interrupted.to_string()),
            Err(error) => (Phase::Failed, error.to_string()),
        };
        self.progress.tell(kind.name(), self.names.of(kind), phase, text);
    }

    async fn look(&self, kind: Kind, adopt: bool) -> Result<(Next, Option<Found>), StackError> {
        let found = self.read(kind).await?;
        let wanted = self.wanted(kind, found.as_ref()).await?;
        let next =
            decide(kind, self.names.of(kind), wanted.as_ref(), found.as_ref(), self.claim(kind, adopt));
        Ok((next, found))
    }

    /// Takes one resource down and sees that it is gone.
    async fn remove(&self, step: &Step, delete_data: bool) -> Result<Ending, StackError> {
        let kind = step.kind;
        match &step.next {
            Next::Rest => return Ok(Ending::Absent),
            Next::Leave(why) => return Ok(Ending::Left(why.clone())),
            _ => {}
        }
        let mut patience = Patience::new(self, kind);
        let mut known = step.found.clone();
        let mut asked = false;
        loop {
            self.check_stop()?;
            // What the plan has just read need not be read again; after every act it is.
            let read = match known.take() {
                Some(found) => Ok(Some(found)),
                None => self.read(kind).await,
            };
            let found = match read {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(if asked { Ending::Deleted } else { Ending::Absent }),
                Err(error) => {
                    patience.wait_out(error).await?;
                    continue;
                }
            };
            if let Some(left) = self.not_ours(kind, &found) {
                return Ok(left);
            }
            if found.life == Life::Deleting || asked {
                patience.wait("waiting until it is gone").await?;
            }
            if found.life != Life::Deleting {
                self.progress.tell(kind.name(), self.names.of(kind), Phase::Acting, "deleting");
                match self.delete_once(kind, &found, delete_data).await {
                    Ok(()) => {}
                    Err(StackError::Cloud(error))
                        if error.code() == Some("BucketNotEmpty") && !delete_data =>
                    {
                        return Ok(Ending::Left("something was put into it meanwhile".to_owned()));
                    }
                    Err(error) => patience.wait_out(error).await?,
                }
            }
            asked = true;
        }
    }

    async fn delete_once(&self, kind: Kind, found: &Found, delete_data: bool) -> Result<(), StackError> {
        if kind == Kind::Bucket && delete_data {
            if_there(self.empty_bucket().await)?;
        }
        if_there(resource::of(kind).delete(self, found).await).map(drop)
    }

    pub(super) fn not_ours(&self, kind: Kind, found: &Found) -> Option<Ending> {
        match self.claim(kind, false).owner(kind, found) {
            Owner::Us => None,
            _ => Some(Ending::Left(format!("hydrant did not make the {kind} {}", self.names.of(kind)))),
        }
    }
}
