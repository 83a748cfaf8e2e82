//! Brings one resource to where it should be: read, decide, act, and again, until nothing is left to do.
//!
//! What AWS answers while a role is not yet known or a thing is not yet to be seen is waited out in the same loop, so
//! there is no second way for a resource to come about than the one that also mends it.

use std::time::{Duration, Instant};

use super::graph::Kind;
use super::outcome::Ending;
use super::patience::Patience;
use super::plan::{Claim, Difference, Found, Next, STATE, Stays, Step, decide};
use super::{Made, Stack, StackError, if_there, resource};
use crate::progress::Phase;

/// A change that is not to be seen is made again after this time.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// What was done to a resource.
struct Done {
    next: Next,
    /// AWS may not show it yet.
    at: Instant,
    /// Whether AWS was seen at work on it since then: what it shows now is what came of it.
    worked: bool,
}

/// One resource on its way to where it should be.
pub(super) struct Convergence<'a> {
    stack: &'a Stack,
    kind: Kind,
    adopt: bool,
    /// The differences that were shown to be mended: nothing is terminated that was not among them.
    agreed: &'a [Difference],
    /// The one that was shown to be replaced, if one was: no other may be.
    to_replace: Option<&'a str>,
    patience: Patience<'a>,
    ending: Ending,
    /// What was done last.
    done: Option<Done>,
    /// Whether this run made it: then it is ours, even while its tags are not to be seen yet.
    made: bool,
}

impl<'a> Convergence<'a> {
    pub(super) fn new(stack: &'a Stack, step: &'a Step, adopt: bool) -> Self {
        let replaced = step.found.as_ref().filter(|_| matches!(step.next, Next::Replace(_)));
        Self {
            stack,
            kind: step.kind,
            adopt,
            agreed: step.differences(),
            to_replace: replaced.map(|found| found.id.as_str()),
            patience: Patience::new(stack, step.kind),
            ending: Ending::Unchanged,
            done: None,
            made: false,
        }
    }

    /// Acts, looks, decides, until there is nothing left to do.
    pub(super) async fn run(mut self, step: &Step) -> Result<(Ending, Option<Found>), StackError> {
        let (mut next, mut found) = (step.next.clone(), step.found.clone());
        while next != Next::Rest {
            self.stack.check_stop()?;
            if let Err(error) = self.act(&next, found.as_ref()).await {
                self.patience.wait_out(error).await?;
            }
            match self.look().await {
                Ok(looked) => (next, found) = looked,
                Err(error) => self.patience.wait_out(error).await?,
            }
        }
        if let Some(found) = &found {
            resource::of(self.kind).settle(self.stack, found).await?;
        }
        Ok((self.ending, found))
    }

    async fn look(&self) -> Result<(Next, Option<Found>), StackError> {
        let Self { stack, kind, .. } = *self;
        let found = stack.read(kind).await?;
        let wanted = stack.wanted(kind, found.as_ref()).await?;
        let claim = stack.claim(kind, self.adopt);
        let claim = Claim { begun: claim.begun || self.made, ..claim };
        Ok((decide(kind, stack.names.of(kind), wanted.as_ref(), found.as_ref(), claim), found))
    }

    async fn act(&mut self, next: &Next, found: Option<&Found>) -> Result<(), StackError> {
        let resource = resource::of(self.kind);
        let since = self.done.as_ref().filter(|done| done.next == *next).map(|done| done.at.elapsed());
        match (next, found) {
            (Next::Wait(what), _) => {
                if let Some(done) = &mut self.done {
                    done.worked = true;
                }
                self.patience.wait(what).await
            }
            (Next::Create, _) if since.is_some() => self.patience.wait("made, and not to be seen yet").await,
            (Next::Create, _) => {
                self.tell("creating");
                self.made = resource.create(self.stack).await? == Made::Now;
                self.did(next);
                Ok(())
            }
            // What failed after all that this run did to it would fail again: its reason is the answer.
            (Next::Change(differences), _)
                if has_failed(differences) && self.done.as_ref().is_some_and(|done| done.worked) =>
            {
                Err(self.not_as_made(differences))
            }
            (Next::Adopt(differences) | Next::Change(differences), _) if self.takes_more(differences) => {
                Err(self.not_as_made(differences))
            }
            (Next::Adopt(_) | Next::Change(_), _) if since.is_some_and(|since| since < SHOWN_WITHIN) => {
                self.patience.wait("changed, and not to be seen yet").await
            }
            (Next::Adopt(differences) | Next::Change(differences), Some(found)) => {
                self.tell("configuring");
                resource.change(self.stack, found, differences).await?;
                self.did(next);
                Ok(())
            }
            (Next::Replace(_), _) if since.is_some_and(|since| since < SHOWN_WITHIN) => {
                self.patience.wait("being deleted to be made anew").await
            }
            (Next::Replace(differences), Some(found))
                if self.to_replace == Some(&found.id) && !self.made && !self.takes_more(differences) =>
            {
                self.tell("deleting it to make it anew");
                if_there(resource.delete(self.stack, found).await)?;
                self.did(next);
                Ok(())
            }
            (Next::Replace(differences), _) => Err(self.not_as_made(differences)),
            (Next::Refuse(why) | Next::Leave(Stays { why, .. }), _) => {
                Err(StackError::Refused(vec![why.clone()]))
            }
            (Next::Rest | Next::Delete | Next::Adopt(_) | Next::Change(_), _) => Ok(()),
        }
    }

    /// Notes what was done, and what that makes of the whole. A repetition gives no new patience.
    fn did(&mut self, next: &Next) {
        if self.done.as_ref().is_none_or(|done| done.next != *next) {
            self.patience.renew();
        }
        self.done = Some(Done { next: next.clone(), at: Instant::now(), worked: false });
        self.ending = match (std::mem::replace(&mut self.ending, Ending::Unchanged), next) {
            (Ending::Replaced, _) | (_, Next::Replace(_)) => Ending::Replaced,
            (Ending::Created, _) | (_, Next::Create) => Ending::Created,
            (Ending::Adopted, _) | (_, Next::Adopt(_)) => Ending::Adopted,
            _ => Ending::Changed,
        };
    }

    fn takes_more(&self, differences: &[Difference]) -> bool {
        differences.iter().any(|difference| difference.takes_more_than(self.agreed))
    }

    fn not_as_made(&self, differences: &[Difference]) -> StackError {
        let why: Vec<String> = differences.iter().map(Difference::whole).collect();
        StackError::NotAsMade { kind: self.kind, name: self.name().to_owned(), why: why.join(", ") }
    }

    fn name(&self) -> &'a str {
        self.stack.names.of(self.kind)
    }

    fn tell(&self, what: &str) {
        self.stack.progress.tell(self.kind.name(), self.name(), Phase::Acting, what);
    }
}

fn has_failed(differences: &[Difference]) -> bool {
    differences.iter().any(|difference| difference.property == STATE)
}
