//! The lake: hourly folders of records, browsed, opened, and combined into one file an hour.
//!
//! A [`Place`] is where files lie, a local folder or a bucket. A [`Lake`] is a place with a [`Layout`]: which folder
//! belongs to which [`Hour`], and where the combined hours are. [`listing`] finds the hours and what they hold,
//! [`combine`] makes one file of each, [`preview`] opens any file's beginning, [`combined`] reads results as columns.
//!
//! What lies in an hour's folder is never changed or deleted here: what is wrong with a record is written down beside
//! the results, and the record with it.

pub mod columns;
pub mod combine;
pub mod combined;
mod csv_rows;
pub mod download;
pub mod encoding;
pub mod hours;
mod ids;
mod lines;
pub mod listing;
pub mod manifest;
pub mod outputs;
mod parquet_pages;
mod parquet_rows;
pub mod place;
pub mod preview;
mod raw_rows;
mod rows;
mod times;

use std::path::Path;

use crate::cloud::CloudError;
use crate::text::counted;
pub use hours::{Hour, Layout};
pub use place::{Address, Entry, Place};
pub use rows::as_json as lines_as_json;

/// A place with hours in it.
#[derive(Debug, Clone)]
pub struct Lake {
    /// Where the hours are. Keys are relative to it.
    pub place: Place,
    /// Which folder is which hour.
    pub layout: Layout,
}

impl Lake {
    /// The lake of the settings' own bucket and prefix.
    pub fn new(place: Place, layout: Layout) -> Self {
        Self { place, layout }
    }

    /// The lake at an address that somebody gave: its hours begin right there, or where the layout says that they do
    /// in the lake of the settings.
    pub async fn find(place: Place, layout: &Layout) -> Result<Self, LakeError> {
        place.must_be_there()?;
        let here = layout.without_root();
        let mut pages = place.list("", place::Depth::Folder);
        while let Some(page) = pages.next().await? {
            if page.folders.iter().any(|folder| here.may_lead_to_hours(folder)) {
                return Ok(Self::new(place, here));
            }
        }
        let mut pages = place.list(layout.root(), place::Depth::Folder);
        while let Some(page) = pages.next().await? {
            if page.folders.iter().any(|folder| layout.may_lead_to_hours(folder)) {
                return Ok(Self::new(place, layout.clone()));
            }
        }
        Ok(Self::new(place, here))
    }

    /// The folder beside the hours where combined hours are.
    pub fn results(&self) -> Place {
        self.place.within(self.layout.root())
    }
}

/// What can go wrong in the lake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// Neither a folder nor a bucket.
    #[error("`{0}` is neither a folder nor an address such as s3://bucket/prefix")]
    NotAnAddress(String),
    /// A bucket without clients.
    #[error("the bucket {0} cannot be reached without AWS settings")]
    NeedsCloud(String),
    /// A key that cannot be one.
    #[error("`{0}` cannot be a file's key here")]
    BadKey(String),
    /// A prefix whose folders are not hours.
    #[error("the prefix `{prefix}` does not lead to hours: {why}")]
    BadLayout {
        /// As it was given.
        prefix: String,
        /// What is wrong with it.
        why: String,
    },
    /// A text that is not an hour.
    #[error("`{0}` is not an hour: write it as 2026-11-22T18, or a day as 2026-11-22")]
    NotAnHour(String),
    /// A span that ends before it begins.
    #[error("the span begins at {since}, after its end at {until}")]
    Reversed {
        /// The first hour.
        since: Hour,
        /// The last.
        until: Hour,
    },
    /// AWS would not, or could not.
    #[error(transparent)]
    Cloud(CloudError),
    /// The disk would not.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The ids of a large hour lie on disk, and there is no room for them.
    #[error(
        "the ids of a large hour do not fit on this disk: {0}; say where there is room with TMPDIR, or give more --memory"
    )]
    NoRoomForIds(#[source] std::io::Error),
    /// Whoever was to combine an hour did not.
    #[error("{0}")]
    Elsewhere(String),
    /// A result that is left, for there would be less in a new one.
    #[error(
        "{} that it was combined of went meanwhile: the result is left as it is; {}",
        counted(*.gone, "file", "files"),
        combine::again(*.hour)
    )]
    Fuller {
        /// The hour.
        hour: Hour,
        /// How many files went.
        gone: u64,
    },
    /// Reading broke off, again and again.
    #[error(
        "reading {0} broke off, and did so again each time: check the network and run the same command again"
    )]
    BrokenOff(String),
    /// S3 kept an object.
    #[error("{key} could not be deleted: {why}")]
    NotDeleted {
        /// The object.
        key: String,
        /// S3's reason.
        why: String,
    },
    /// A file that is not what its name says.
    #[error("{file} cannot be read as {kind}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A file that is not there.
    #[error("there is no file {0}")]
    Missing(String),
    /// Another download writes to the same file.
    #[error("{0} is being brought already: wait until that is done, or name another file by --to")]
    ComesAlready(String),
    /// A file of somebody's where one is to be written.
    #[error("{0} is there already, and is not overwritten: move it away first")]
    IsThere(String),
    /// A folder that is not there.
    #[error("there is no folder {0}")]
    NoFolder(String),
    /// A result that could not be written.
    #[error("{file} could not be written: {why}")]
    NotWritten {
        /// The file.
        file: String,
        /// The reason.
        why: String,
    },
    /// A column that there is not.
    #[error("there is no column `{0}`")]
    NoColumn(String),
    /// Unwanted words that cannot be looked for.
    #[error(transparent)]
    Words(#[from] crate::stream::words::TooManyWords),
    /// The operator asked to stop.
    #[error("stopped")]
    Interrupted,
}

impl LakeError {
    pub(crate) fn io(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { what, path: path.display().to_string(), source }
    }

    /// Whether it is about what was written on the command line or in the settings.
    pub fn is_of_usage(&self) -> bool {
        matches!(
            self,
            Self::NotAnAddress(_)
                | Self::NotAnHour(_)
                | Self::Reversed { .. }
                | Self::BadLayout { .. }
                | Self::NoColumn(_)
        )
    }

    /// Whether the operator asked for the end of it.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// Whether the thing that was asked for is not there.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Cloud(error) => error.is_missing(),
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            Self::Missing(_) | Self::NoFolder(_) => true,
            _ => false,
        }
    }
}
