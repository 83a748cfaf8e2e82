//! What the Lake pane asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Manner;
use crate::lake::combine::Wish;
use crate::lake::hours::Span;
use crate::lake::listing::Totals;
use crate::lake::outputs::Combined;
use crate::lake::place::Entry;
use crate::lake::preview::Preview;
use crate::lake::{Hour, Layout};

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Listing hours.
    Hours,
    /// Listing the files of one.
    Files,
    /// Opening a file.
    Preview,
    /// Bringing a file here.
    Download,
    /// Combining.
    Combine,
}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {
            Self::Hours | Self::Files | Self::Preview => Manner::Loads,
            Self::Download => Manner::Runs { on_quit: "it stops, and goes on from there the next time" },
            Self::Combine => {
                Manner::Runs { on_quit: "it stops without half results; the same action goes on from there" }
            }
        }
    }
}

/// Its work.
#[derive(Debug, Clone)]
pub enum Job {
    /// List the hours of a span.
    Hours(Span),
    /// List the files of an hour.
    Files(Hour),
    /// Open a file's beginning: its key.
    Open(String),
    /// Bring a file into the folder that hydrant was started in: its key.
    Download(String),
    /// Combine what is due of a span.
    Combine(Span),
}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Hours(_) => Slot::Hours,
            Self::Files(_) => Slot::Files,
            Self::Open(_) => Slot::Preview,
            Self::Download(_) => Slot::Download,
            Self::Combine(_) => Slot::Combine,
        }
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        match self {
            Self::Hours(_) => "listing the lake's hours".to_owned(),
            Self::Files(hour) => format!("listing the files of {hour}"),
            Self::Open(key) => format!("opening {}", name(key)),
            Self::Download(key) => format!("downloading {}", name(key)),
            Self::Combine(Span { since: Some(since), until: Some(until) }) if since == until => {
                format!("combining {since}")
            }
            Self::Combine(_) => "combining hours".to_owned(),
        }
    }

    /// Whether a read-only run may do it. A download writes on this machine only.
    pub const fn is_allowed_readonly(&self) -> bool {
        !matches!(self, Self::Combine(_))
    }
}

/// What a task came to, or came to in part.
#[derive(Debug)]
pub enum Outcome {
    /// Where the lake is: its address, and which folder is which hour.
    Found {
        /// `s3://bucket/`.
        address: String,
        /// Its layout.
        layout: Layout,
    },
    /// How hours are combined from here.
    Wished(Box<Wish>),
    /// There is no bucket that could hold a lake: the stack is not there yet, or no longer.
    NoBucket,
    /// What an hour holds, as far as it is listed.
    Totals(Totals),
    /// Every hour that is combined.
    Combined(BTreeMap<Hour, Combined>),
    /// The hours of the span are listed to the end.
    Listed,
    /// More files of an hour.
    Files {
        /// The hour.
        hour: Hour,
        /// The files.
        files: Vec<Entry>,
    },
    /// The files of an hour are listed to the end.
    FilesListed(Hour),
    /// A file's beginning.
    Opened {
        /// Its key.
        key: String,
        /// What is in it.
        preview: Preview,
    },
    /// A file is here.
    Downloaded {
        /// Where it is.
        file: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Hours were combined, or not.
    Ran(Ran),
}

/// What combining came to.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Hours that were combined.
    pub hours: usize,
    /// Hours that were as they should be.
    pub skipped: u64,
    /// Rows that were kept.
    pub rows: u64,
    /// Rows that are malformed.
    pub malformed: u64,
    /// What failed or is damaged, each in a sentence.
    pub failures: Vec<String>,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// What is combined now.
    pub combined: BTreeMap<Hour, Combined>,
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
