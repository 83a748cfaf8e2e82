//! What a run did: how each resource ended up, and for a teardown what is there after it.

use std::collections::BTreeMap;

use super::audit::Audit;
use super::graph::Kind;
use super::plan::{Found, Stays};
use super::{StackError, Survey};

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
    Left(Stays),
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

    pub(super) fn words(&self) -> &'static str {
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
    /// What was left for the data that it holds, and why.
    pub fn kept(&self) -> Option<(Kind, &Stays)> {
        self.outcome.endings.iter().find_map(|(kind, ending)| match ending {
            Ending::Left(stays) if kind.holds_data() => Some((*kind, stays)),
            _ => None,
        })
    }

    /// What is left and was not meant to be.
    pub fn unmeant(&self) -> impl Iterator<Item = &String> {
        let kept = self.kept().and_then(|(kind, _)| self.survey.plan.step(kind)?.found.as_ref());
        let kept = kept.map(|found| &found.arn);
        self.audit.left.iter().filter(move |arn| Some(*arn) != kept)
    }

    /// Whether everything was done, the audit could look everywhere, and it found nothing but what was left on
    /// purpose.
    pub fn is_proven(&self) -> bool {
        self.outcome.is_complete() && self.audit.blind.is_empty() && self.unmeant().next().is_none()
    }
}
