//! What the Stream pane asks for.

use super::Manner;
use crate::stream::live::Status;

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Watching the stream of one of the two machines.
    Watch(On),
    /// Starting or stopping it.
    Switch,
    /// Reading what it is asked for.
    Wishes,
}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {
            Self::Watch(_) => Manner::Watches,
            Self::Wishes => Manner::Loads,
            Self::Switch => Manner::Runs { on_quit: "the stream goes on starting or stopping by itself" },
        }
    }
}

/// What a stream is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// Where posts come from, as the setting `source` is written.
    pub source: String,
    /// The languages, parted by commas.
    pub languages: String,
    /// The search terms, parted by commas.
    pub terms: String,
}

/// On which machine a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// This one.
    Local,
    /// The remote host.
    Host,
}

impl On {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Local, Self::Host];

    /// In the operator's words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "this machine",
            Self::Host => "the host",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Host,
            Self::Host => Self::Local,
        }
    }
}

/// Its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Watch the stream as long as it runs; what is left of it if it does not.
    Watch(On),
    /// Start it in the background.
    Start {
        /// Where.
        on: On,
        /// What the operator asked for in the pane, in place of the settings; no more than was changed.
        wishes: Option<Box<Wishes>>,
    },
    /// Let it deliver what it has, and end.
    Stop(On),
    /// Read the source, the sinks and the rules.
    Wishes,
}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Watch(on) => Slot::Watch(*on),
            Self::Start { .. } | Self::Stop(_) => Slot::Switch,
            Self::Wishes => Slot::Wishes,
        }
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        match self {
            Self::Watch(On::Local) => "watching the stream",
            Self::Watch(On::Host) => "watching the stream on the host",
            Self::Start { on: On::Local, .. } => "starting the stream",
            Self::Start { on: On::Host, .. } => "starting the stream on the host",
            Self::Stop(On::Local) => "stopping the stream",
            Self::Stop(On::Host) => "stopping the stream on the host",
            Self::Wishes => "reading what the stream is asked for",
        }
        .to_owned()
    }

    /// Whether a read-only run may do it.
    pub const fn is_allowed_readonly(&self) -> bool {
        matches!(self, Self::Watch(_) | Self::Wishes)
    }
}

/// What a task came to, or came to in part.
#[derive(Debug)]
pub enum Outcome {
    /// How the stream is on a machine.
    Status(On, Box<Status>),
    /// There is no stream on the host, for this reason: nothing is wrong.
    NoHost(String),
    /// It was started.
    Started(On, Box<Status>),
    /// It was stopped.
    Stopped(On, Box<Status>),
    /// What the settings ask for, and what more there is to know of it, in lines.
    Wishes(Box<Wishes>, Vec<String>),
}

/// What the watch feeds.
#[derive(Debug)]
pub enum Item {
    /// A post's record: its 53 columns as one line.
    Post(Box<str>),
    /// So many posts came faster than they could be told.
    Skipped(u64),
}

impl Item {
    /// How many bytes it counts in its ring.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Post(line) => line.len() + size_of::<Self>(),
            Self::Skipped(_) => size_of::<Self>(),
        }
    }
}
