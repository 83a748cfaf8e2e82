//! What the Stack pane asks for.

use std::collections::BTreeMap;

use super::Manner;
use crate::host::service::Waits;
use crate::settings::Secret;
use crate::stack::StreamHere;
use crate::stack::graph::{Kind, Part};
use crate::stack::plan::Plan;
use crate::stack::status::Status;

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Reading the stack.
    Survey,
    /// Working out what would be done.
    Plan,
    /// Doing it.
    Run,
}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {
            Self::Survey | Self::Plan => Manner::Loads,
            Self::Run => {
                Manner::Runs { on_quit: "it stops at a safe point; the same action goes on from there" }
            }
        }
    }
}

/// Its work.
#[derive(Debug, Clone)]
pub enum Job {
    /// Read one of the two stacks.
    Survey(Part),
    /// Work out what creating would do.
    PlanUp(Part),
    /// Work out what tearing down would do.
    PlanDown {
        /// Of which stack.
        part: Part,
        /// With the data that it holds.
        delete_data: bool,
        /// And ask the host what waits there, and this machine's stream.
        ask_host: bool,
    },
    /// Make a link into the notebook.
    Link,
    /// Create and mend, as planned.
    Up {
        /// The plan that was shown.
        plan: Plan,
        /// With everything delivered first that waits on a host that goes.
        drain: bool,
    },
    /// Tear down, as planned.
    Down {
        /// The plan that was shown.
        plan: Plan,
        /// With the data that it holds.
        delete_data: bool,
        /// With everything delivered first that waits on the host.
        drain: bool,
    },
}

impl Job {
    /// The stack that it is about.
    pub fn part(&self) -> Part {
        match self {
            Self::Survey(part) | Self::PlanUp(part) | Self::PlanDown { part, .. } => *part,
            Self::Link => Part::Notebook,
            Self::Up { plan, .. } | Self::Down { plan, .. } => plan.part(),
        }
    }

    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Survey(_) => Slot::Survey,
            Self::PlanUp(_) | Self::PlanDown { .. } | Self::Link => Slot::Plan,
            Self::Up { .. } | Self::Down { .. } => Slot::Run,
        }
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        match self {
            Self::Survey(Part::Pipeline) => "reading the stack",
            Self::Survey(Part::Notebook) => "reading the notebook's stack",
            Self::PlanUp(_) => "planning what to create",
            Self::PlanDown { .. } => "planning the teardown",
            Self::Link => "making a link into the notebook",
            Self::Up { plan, .. } => match plan.part() {
                Part::Pipeline => "creating the stack",
                Part::Notebook => "creating the notebook's stack",
            },
            Self::Down { plan, .. } => match plan.part() {
                Part::Pipeline => "tearing the stack down",
                Part::Notebook => "tearing the notebook's stack down",
            },
        }
        .to_owned()
    }

    /// Whether a read-only run may do it.
    pub const fn is_allowed_readonly(&self) -> bool {
        matches!(self, Self::Survey(_) | Self::PlanUp(_) | Self::PlanDown { .. })
    }
}

/// What a task came to.
#[derive(Debug)]
pub enum Outcome {
    /// The stack as it is.
    Surveyed(Surveyed),
    /// What creating would do.
    PlannedUp {
        /// The plan.
        plan: Plan,
        /// Why it is shown.
        shown: Shown,
    },
    /// What waits on the host that the plan which is shown next takes away.
    HostWaits(Waits),
    /// How this machine's stream stands to the delivery stream that the plan which is shown next takes away.
    StreamHere(StreamHere),
    /// What tearing down would do.
    PlannedDown {
        /// The plan.
        plan: Plan,
        /// With the data that it holds.
        delete_data: bool,
        /// Why it is shown.
        shown: Shown,
    },
    /// A link into the notebook.
    Link(Secret),
    /// A run came to its end, good or bad.
    Ran(Ran),
}

/// Why a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It was asked for.
    First,
    /// It was to be carried out, and would do more by now than was agreed to. Nothing was done.
    Anew,
}

/// It feeds nothing.
#[derive(Debug)]
pub enum Item {}

impl Item {
    /// How many bytes it counts in its ring.
    pub fn bytes(&self) -> usize {
        match *self {}
    }
}

/// The stack as it is.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Which of the two it is.
    pub part: Part,
    /// Its state and that of its resources.
    pub status: Status,
    /// What each resource is like.
    pub properties: BTreeMap<Kind, Vec<Property>>,
}

/// A property of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// In the operator's words.
    pub name: String,
    /// As it is; `None` if it is not set.
    pub there: Option<String>,
    /// As it should be, where it is not so.
    pub wanted: Option<String>,
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The stack as it is after it, if that could be read.
    pub after: Option<Surveyed>,
    /// Each failure in a sentence.
    pub failures: Vec<String>,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// Of a teardown: what the audit says.
    pub proof: Option<Proof>,
}

/// What the audit after a teardown found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing is left.
    Gone,
    /// Everything is gone but what was kept for the data that it holds, and why.
    Kept(Kind, String),
    /// These are left, and were not meant to be; or the audit could not look everywhere, which it says.
    Left {
        /// ARNs.
        left: Vec<String>,
        /// Where it could not look.
        blind: Vec<String>,
    },
}
