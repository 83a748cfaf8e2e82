//! What the Stream pane asks for: nothing yet.

use super::Manner;

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {}
    }
}

/// Its work.
#[derive(Debug, Clone)]
pub enum Job {}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match *self {}
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        match *self {}
    }

    /// Whether a read-only run may do it.
    pub const fn is_allowed_readonly(&self) -> bool {
        match *self {}
    }
}

/// What a task came to, or came to in part.
#[derive(Debug)]
pub enum Outcome {}

/// What a task feeds.
#[derive(Debug)]
pub enum Item {}

impl Item {
    /// How many bytes it counts in its ring.
    pub fn bytes(&self) -> usize {
        match *self {}
    }
}
