//! Where records go.

pub mod csv;
pub mod firehose;

use std::path::PathBuf;
use std::str::FromStr;

/// A sink, as the operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// The stack's delivery stream.
    Firehose,
    /// A CSV file on this machine.
    Csv(PathBuf),
    /// Nowhere: posts are read, filtered, written as records, and dropped.
    None,
}

impl FromStr for SinkKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "firehose" => Ok(Self::Firehose),
            None if text == "none" => Ok(Self::None),
            Some(("csv", path)) if !path.is_empty() => Ok(Self::Csv(path.into())),
            _ => Err(format!("`{text}` is no sink: there are firehose, csv:FILE and none")),
        }
    }
}

impl std::fmt::Display for SinkKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Firehose => f.write_str("firehose"),
            Self::Csv(path) => write!(f, "csv:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}
