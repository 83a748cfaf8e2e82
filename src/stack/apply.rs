//! Runs a plan along the graph, in parallel: up along the needs, down against them.
//!
//! A run that is cut off anywhere, by Ctrl+C or by a crash, is finished by the same command: it reads and goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::audit::Audit;
use super::converge::Convergence;
use super::graph::{Kind, Walked, walk};
use super::outcome::{Ending, Outcome, Teardown};
use super::patience::{LONGEST_PAUSE, Patience, pauses};
use super::plan::{Found, Life, Next, Owner, Plan, Step, not_made};
use super::{Stack, StackError, Survey, if_there, resource};
use crate::progress::Phase;

/// Listings stop naming what is gone within this time.
const LISTINGS_LAG: Duration = Duration::from_secs(30);

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
        let brought_up = self.outcome(walked);
        outcome.endings.extend(brought_up.endings);
        outcome.found.extend(brought_up.found);
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
            && !self.only_the_journal_knows(&teardown.survey)
            && let Err(error) = self.keys.remove_with(|| self.journal.remove())
        {
            tracing::warn!(%error, "the stack's own files could not be removed");
        }
        teardown
    }

    /// Whether something of ours was left that has no tag of its own.
    fn only_the_journal_knows(&self, left: &Survey) -> bool {
        left.plan.steps.iter().any(|step| {
            let found = step.found.as_ref().filter(|_| step.kind.lies_in().is_some());
            found.is_some_and(|found| self.not_ours(step.kind, found).is_none())
        })
    }

    /// Looks again for a while if something is listed after a teardown that removed everything: the listings of AWS
    /// are behind the world by seconds.
    async fn look_for_leftovers(&self, expect_nothing: bool) -> (Survey, Audit) {
        let mut pauses = pauses();
        let since = Instant::now();
        loop {
            let survey = self.survey_leftovers().await;
            let audit = self.audit(&survey).await;
            let lag = expect_nothing
                && audit.left.len() > self.left_by_name(&survey).count()
                && since.elapsed() < LISTINGS_LAG;
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
            ended.map(|ending| (ending, None))
        })
        .await;
        self.outcome(walked)
    }

    fn outcome(&self, walked: BTreeMap<Kind, Walked<(Ending, Option<Found>), StackError>>) -> Outcome {
        let mut outcome = Outcome::default();
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
            Ok(Ending::Left(stays)) => (Phase::Skipped, format!("left: {stays}")),
            Ok(ending) => (Phase::Done, ending.words().to_owned()),
            Err(StackError::Interrupted) => (Phase::Skipped, StackError::Interrupted.to_string()),
            Err(error) => (Phase::Failed, error.to_string()),
        };
        self.progress.tell(kind.name(), self.names.of(kind), phase, text);
    }

    /// Takes one resource down and sees that it is gone.
    async fn remove(&self, step: &Step, delete_data: bool) -> Result<Ending, StackError> {
        let kind = step.kind;
        match &step.next {
            Next::Rest => return Ok(Ending::Absent),
            Next::Leave(stays) => return Ok(Ending::Left(stays.clone())),
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
            if let Life::Working(what) = found.life {
                patience.wait(what).await?;
                continue;
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
                        return Ok(Ending::Left("something was put into it meanwhile".to_owned().into()));
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
        match self.claim(kind, false).owner(found) {
            Owner::Us => None,
            _ => Some(Ending::Left(not_made(kind, self.names.of(kind)).into())),
        }
    }
}
