//! What the Host pane asks for.

use super::{Manner, Program};
use crate::host::facts::Facts;
use crate::host::task::Done;

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Looking at the host.
    Look,
    /// Provisioning it.
    Provision,
    /// Finding the way for a shell.
    Shell,
}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {
            Self::Look | Self::Shell => Manner::Loads,
            Self::Provision => {
                Manner::Runs { on_quit: "the task that runs is stopped; the same action goes on from there" }
            }
        }
    }
}

/// Its work.
#[derive(Debug, Clone)]
pub enum Job {
    /// Look at the host: what it is, and its service.
    Look,
    /// Make it what it should be.
    Provision {
        /// Only say what would be changed.
        check: bool,
    },
    /// Find the way for a shell.
    Shell,
}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Look => Slot::Look,
            Self::Provision { .. } => Slot::Provision,
            Self::Shell => Slot::Shell,
        }
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        match self {
            Self::Look => "looking at the host",
            Self::Provision { check: true } => "checking what the host lacks",
            Self::Provision { check: false } => "provisioning the host",
            Self::Shell => "opening a shell on the host",
        }
        .to_owned()
    }

    /// Whether a read-only run may do it.
    pub const fn is_allowed_readonly(&self) -> bool {
        matches!(self, Self::Look | Self::Provision { check: true })
    }
}

/// What a task came to.
#[derive(Debug)]
pub enum Outcome {
    /// The host as it is.
    Looked(Box<Look>),
    /// There is none, for this reason: nothing is wrong.
    NoHost(String),
    /// What would be changed.
    Checked(Vec<Done>),
    /// What was.
    Provisioned(Vec<Done>),
    /// The way for a shell.
    Shell(Program),
}

/// The host as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Who signs in, and where.
    pub address: String,
    /// The stack's instance, if it is that.
    pub instance: Option<String>,
    /// What it is.
    pub facts: Facts,
    /// Its service, as the service itself says it; `None` if hydrant is not there yet.
    pub service: Option<Service>,
    /// The last lines of its journal, the oldest first.
    pub journal: Vec<String>,
}

/// The service on the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Its state in a word.
    pub state: String,
    /// Posts received and delivered since it started.
    pub received: u64,
    /// Delivered of them.
    pub delivered: u64,
    /// Waiting on the host.
    pub pending: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
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
