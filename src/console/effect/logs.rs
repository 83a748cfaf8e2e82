//! What the Logs pane asks for.

use std::path::PathBuf;

use super::Manner;
use crate::logs::moment::Moment;
use crate::logs::{Ending, Group, LogEvent, Marks, Note};

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Listing the groups.
    Groups,
    /// Following some of them.
    Tail,
    /// Writing lines to a file.
    Save,
}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {
            Self::Groups | Self::Save => Manner::Loads,
            Self::Tail => Manner::Watches,
        }
    }
}

/// Its work.
#[derive(Debug, Clone)]
pub enum Job {
    /// List the groups.
    Groups,
    /// Follow groups, hydrant's own log among them if it is named.
    Tail {
        /// Their names.
        groups: Vec<String>,
        /// Where to begin.
        since: Moment,
        /// How far streams are read already whose lines bear no times.
        marks: Marks,
        /// CloudWatch's filter pattern.
        pattern: Option<String>,
    },
    /// Write text to a file that is not there yet.
    Save {
        /// The file.
        path: PathBuf,
        /// The text.
        text: String,
    },
}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Groups => Slot::Groups,
            Self::Tail { .. } => Slot::Tail,
            Self::Save { .. } => Slot::Save,
        }
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        match self {
            Self::Groups => "listing log groups".to_owned(),
            Self::Tail { groups, .. } => format!("following {}", groups.join(", ")),
            Self::Save { path, .. } => format!("writing {}", path.display()),
        }
    }

    /// Whether a read-only run may do it.
    pub const fn is_allowed_readonly(&self) -> bool {
        true
    }
}

/// What a task came to, or came to in part.
#[derive(Debug)]
pub enum Outcome {
    /// The groups of the region, and which is the stack's own.
    Groups {
        /// The stack's own.
        own: String,
        /// All of them.
        groups: Vec<Group>,
    },
    /// There is nothing more to follow.
    Ended(Ending),
    /// The file is written.
    Saved(PathBuf),
}

/// What a tail feeds.
#[derive(Debug)]
pub enum Item {
    /// An event.
    Event(LogEvent),
    /// How far streams are read.
    Read(Marks),
    /// How the reading goes.
    Note(Note),
}

impl Item {
    /// How many bytes it counts in its ring.
    pub fn bytes(&self) -> usize {
        // What a struct of pointers and times takes beside its text.
        const FIXED: usize = 128;
        match self {
            Self::Event(event) => FIXED + event.message.len(),
            Self::Read(_) | Self::Note(_) => FIXED,
        }
    }
}
