//! What the console can ask for. Effects are data: `update` makes them, the driver runs them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::stack::graph::Kind;
use crate::stack::plan::Plan;
use crate::stack::status::Status;

/// A place where one task can be at a time. A new one in the same place cancels the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Signing in, and learning whose account it is.
    Connect,
    /// Reading the stack.
    Survey,
    /// Working out what would be done.
    Plan,
    /// Doing it.
    Run,
    /// Writing a settings file.
    Settings,
}

impl Slot {
    /// Every place.
    pub const ALL: [Self; 5] = [Self::Connect, Self::Survey, Self::Plan, Self::Run, Self::Settings];

    /// What happens to the task if the console is left: said before it is.
    pub const fn on_quit(self) -> Option<&'static str> {
        match self {
            Self::Run => Some("it stops at a safe point; the same action goes on from there"),
            Self::Connect | Self::Survey | Self::Plan | Self::Settings => None,
        }
    }
}

/// Work for a task.
#[derive(Debug, Clone)]
pub enum Job {
    /// Sign in.
    Connect,
    /// Read the stack.
    Survey,
    /// Work out what creating would do.
    PlanUp,
    /// Work out what tearing down would do.
    PlanDown {
        /// With the data in the bucket.
        delete_data: bool,
    },
    /// Create and mend, as planned.
    Up(Plan),
    /// Tear down, as planned.
    Down {
        /// The plan that was shown.
        plan: Plan,
        /// With the data in the bucket.
        delete_data: bool,
    },
    /// Write a commented settings file.
    WriteSettings(PathBuf),
}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Connect => Slot::Connect,
            Self::Survey => Slot::Survey,
            Self::PlanUp | Self::PlanDown { .. } => Slot::Plan,
            Self::Up(_) | Self::Down { .. } => Slot::Run,
            Self::WriteSettings(_) => Slot::Settings,
        }
    }

    /// What it does, for the list of tasks.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Connect => "signing in",
            Self::Survey => "reading the stack",
            Self::PlanUp => "planning what to create",
            Self::PlanDown { .. } => "planning the teardown",
            Self::Up(_) => "creating the stack",
            Self::Down { .. } => "tearing the stack down",
            Self::WriteSettings(_) => "writing hydrant.toml",
        }
    }
}

/// Whose stack it is and where, once that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The stack's name.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// The account, masked.
    pub account: String,
}

/// What a task came to.
#[derive(Debug)]
pub enum Outcome {
    /// Signed in.
    Connected(Identity),
    /// The stack as it is.
    Surveyed(Surveyed),
    /// What creating would do.
    PlannedUp(Plan),
    /// What tearing down would do.
    PlannedDown {
        /// The plan.
        plan: Plan,
        /// With the data in the bucket.
        delete_data: bool,
    },
    /// A run came to its end, good or bad.
    Ran(Ran),
    /// The settings file is written.
    Wrote(PathBuf),
}

/// The stack as it is.
#[derive(Debug, Clone)]
pub struct Surveyed {
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
    /// Everything is gone but what was kept, for this reason.
    Kept(String),
    /// These are left, and were not meant to be; or the audit could not look everywhere, which it says.
    Left {
        /// ARNs.
        left: Vec<String>,
        /// Where it could not look.
        blind: Vec<String>,
    },
}

/// A failure, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What failed, on which thing, why, what to do: one sentence.
    pub sentence: String,
    /// The causes under it.
    pub causes: Vec<String>,
    /// What kind of remedy it needs.
    pub remedy: Remedy,
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again, or nothing that hydrant knows.
    Retry,
    /// Signing in.
    SignIn,
    /// Settings.
    Settings,
    /// It was cancelled by the operator: nothing is wrong.
    Cancelled,
}

/// Something that the console asks for.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Run this, in the place of what runs there.
    Start(Job),
    /// Stop what runs there; a run that changes things stops at a safe point.
    Cancel(Slot),
    /// Put text on the clipboard.
    Copy(String),
    /// Step aside until the shell brings the console back.
    Suspend,
    /// End.
    Quit,
}
