//! Where posts come from. A source is a task that hands over whole lines, and says how it is.

pub mod jetstream;
pub mod replay;
pub mod x;

use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::StreamError;
use super::live::Live;

/// A source, as the operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// X's filtered stream.
    X,
    /// Bluesky's Jetstream.
    Jetstream,
    /// Files of posts; `-` is standard input.
    Replay(Vec<PathBuf>),
}

impl FromStr for SourceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "x" => Ok(Self::X),
            None if text == "jetstream" => Ok(Self::Jetstream),
            Some(("replay", file)) if !file.is_empty() => Ok(Self::Replay(vec![file.into()])),
            _ => Err(format!("`{text}` is no source: there are x, jetstream and replay:FILE")),
        }
    }
}

impl std::fmt::Display for SourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::X => f.write_str("x"),
            Self::Jetstream => f.write_str("jetstream"),
            Self::Replay(files) => {
                f.write_str("replay:")?;
                let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
                f.write_str(&files.join(","))
            }
        }
    }
}

/// A source, ready to begin.
#[derive(Debug)]
pub enum Source {
    /// X's filtered stream.
    X(Box<x::FilteredStream>),
    /// Bluesky's Jetstream.
    Jetstream(jetstream::Jetstream),
    /// Files.
    Replay {
        /// Which, in order.
        files: Vec<PathBuf>,
        /// How fast.
        speed: replay::Speed,
    },
}

impl Source {
    /// Hands over lines until there are no more, or it is asked to stop.
    pub async fn run(self, to: Arrivals, live: Live, stop: CancellationToken) -> Result<(), StreamError> {
        match self {
            Self::X(stream) => stream.run(to, live, stop).await,
            Self::Jetstream(stream) => stream.run(to, live, stop).await,
            Self::Replay { files, speed } => {
                tokio::task::spawn_blocking(move || replay::play(&files, speed, &to, &stop))
                    .await
                    .map_err(|error| StreamError::Broken(error.to_string()))?
                    .map_err(StreamError::Unreadable)
            }
        }
    }
}

/// What a source hands over.
#[derive(Debug)]
pub enum Arrival {
    /// Whole lines, each with its line end.
    Lines {
        /// The lines.
        lines: Vec<u8>,
        /// When they came.
        received: Timestamp,
        /// Where the source goes on after them, in its own words.
        mark: Option<String>,
    },
    /// A line that was cut, or is too long to be one: what there is of it.
    Broken {
        /// Its beginning.
        line: Vec<u8>,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Arrivals on their way: few and large, so that what waits is bounded.
pub const ARRIVALS: usize = 4;

/// The source's end of the way.
pub type Arrivals = mpsc::Sender<Arrival>;
