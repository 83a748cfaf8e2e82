//! Present state and drift, in the shape that other programs read.

use jiff::Timestamp;

use super::audit::Audit;
use super::cost::{Estimate, Had};
use super::graph::Kind;
use super::plan::{Difference, Life, Next, Stays, Step};
use super::{Stack, Survey};

/// The state of the whole stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackState {
    /// Nothing of it is there.
    Absent,
    /// Some of it is there, or is on its way.
    Partial,
    /// All of it is there and as it should be.
    Ready,
    /// Something is not as hydrant left it.
    Drifted,
}

/// The state of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceState {
    /// Not there.
    Absent,
    /// AWS is making it.
    Creating,
    /// There and as it should be.
    Ready,
    /// There and not as it should be.
    Drifted,
    /// AWS is removing it.
    Deleting,
    /// Broken, unreadable or somebody else's.
    Failed,
}

impl ResourceState {
    /// The sign that the console and the command line show; never told by colour alone.
    pub const fn sign(self) -> char {
        match self {
            Self::Ready => '●',
            Self::Creating | Self::Deleting => '◐',
            Self::Absent => '○',
            Self::Drifted => '◌',
            Self::Failed => '✗',
        }
    }
}

/// One resource.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ResourceStatus {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// AWS's id of it.
    pub id: Option<String>,
    /// Its address in AWS.
    pub arn: Option<String>,
    /// Where it stands.
    pub state: ResourceState,
    /// In words: the differences, an address, a reason.
    pub detail: String,
    /// When it was made, as far as AWS or the journal says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// What differs from what is wanted.
    pub differences: Vec<Difference>,
}

/// The whole stack.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    /// Its name.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Its account.
    pub account: String,
    /// Its state.
    pub state: StackState,
    /// Every resource, in the order of their needs.
    pub resources: Vec<ResourceStatus>,
    /// The ARNs of what a teardown left.
    pub left: Vec<String>,
    /// What it costs, estimated.
    pub estimate: Estimate,
}

impl Stack {
    /// The status that a survey gives, with what an audit found left.
    pub fn status(&self, survey: &Survey, audit: &Audit) -> Status {
        let mut resources: Vec<ResourceStatus> = survey
            .plan
            .steps
            .iter()
            .filter(|step| step.wanted || step.found.is_some())
            .map(|step| self.resource_status(step))
            .collect();
        resources.extend(survey.unreadable.iter().map(|(kind, error)| ResourceStatus {
            kind: *kind,
            name: self.names.of(*kind).to_owned(),
            id: None,
            arn: None,
            state: ResourceState::Failed,
            detail: error.to_string(),
            made: None,
            differences: Vec::new(),
        }));
        resources.sort_by_key(|resource| resource.kind);
        Status {
            stack: self.names.stack.clone(),
            region: self.names.region.to_string(),
            account: self.names.account.clone(),
            state: self.whole(&resources),
            left: audit.left.clone(),
            estimate: self.estimate(survey),
            resources,
        }
    }

    /// What of the survey is ours, and what of it may be.
    fn estimate(&self, survey: &Survey) -> Estimate {
        let there = survey.plan.steps.iter().filter_map(|step| Some((step.kind, step.found.as_ref()?)));
        let ours = there.filter(|(kind, found)| self.not_ours(*kind, found).is_none());
        let unread = survey.unreadable.keys().map(|kind| (*kind, Had::Unread));
        let had = ours.map(|(kind, found)| (kind, Had::Ours(found))).chain(unread);
        Estimate::of(&had.collect(), &self.settings)
    }

    fn resource_status(&self, step: &Step) -> ResourceStatus {
        let (state, words) = match (&step.found, &step.next) {
            (None, _) if self.journal.made(step.kind, &step.name) => {
                (ResourceState::Absent, "hydrant made it and it is gone".to_owned())
            }
            (None, _) => (ResourceState::Absent, String::new()),
            (Some(_), Next::Refuse(why) | Next::Leave(Stays { why, .. })) => {
                (ResourceState::Failed, why.clone())
            }
            (Some(_), Next::Delete) => (ResourceState::Drifted, "there, and not wanted".to_owned()),
            (Some(found), _) => match &found.life {
                Life::Creating => (ResourceState::Creating, String::new()),
                Life::Working(what) => (ResourceState::Creating, (*what).to_owned()),
                Life::Deleting => (ResourceState::Deleting, String::new()),
                Life::Failed(why) => (ResourceState::Failed, why.clone()),
                Life::Ready if step.differences().is_empty() => (ResourceState::Ready, String::new()),
                Life::Ready => {
                    let differences: Vec<String> =
                        step.differences().iter().map(ToString::to_string).collect();
                    (ResourceState::Drifted, differences.join("; "))
                }
            },
        };
        let found_detail = step.found.as_ref().map(|found| found.detail.clone()).unwrap_or_default();
        let detail: Vec<String> = [words, found_detail].into_iter().filter(|text| !text.is_empty()).collect();
        ResourceStatus {
            kind: step.kind,
            name: step.name.clone(),
            id: step.found.as_ref().map(|found| found.id.clone()),
            arn: step.found.as_ref().map(|found| found.arn.clone()),
            state,
            detail: detail.join("; "),
            made: step
                .found
                .as_ref()
                .and_then(|found| found.made.or_else(|| self.journal.made_at(step.kind, &step.name))),
            differences: step.differences().to_vec(),
        }
    }

    fn whole(&self, resources: &[ResourceStatus]) -> StackState {
        let is = |state: ResourceState| move |resource: &&ResourceStatus| resource.state == state;
        let lost = |resource: &ResourceStatus| {
            resource.state == ResourceState::Absent && self.journal.made(resource.kind, &resource.name)
        };
        if resources.iter().any(|resource| resource.state == ResourceState::Drifted || lost(resource)) {
            StackState::Drifted
        } else if resources.iter().filter(is(ResourceState::Absent)).count() == resources.len() {
            StackState::Absent
        } else if resources.iter().filter(is(ResourceState::Ready)).count() == resources.len() {
            StackState::Ready
        } else {
            StackState::Partial
        }
    }
}
