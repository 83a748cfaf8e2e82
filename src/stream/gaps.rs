//! Times in which a source was not connected: what it said then is lost unless somebody fetches it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;

/// The gaps of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gaps {
    /// How many ended.
    pub count: u64,
    /// How long they were together, in seconds.
    pub seconds: u64,
    /// Since when there is one now.
    pub since: Option<Timestamp>,
    /// The last one.
    pub last: Option<Gap>,
}

/// One gap.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// When the last byte came before it.
    pub start: Timestamp,
    /// When the first byte came after it.
    pub end: Timestamp,
    /// Why there was one.
    pub why: String,
}

impl Gaps {
    /// The source is not connected from now on.
    pub fn begin(&mut self, at: Timestamp) {
        self.since.get_or_insert(at);
    }

    /// The source is connected again; the gap, if there was one.
    pub fn end(&mut self, at: Timestamp, why: &str) -> Option<Gap> {
        let start = self.since.take()?;
        let gap = Gap { start, end: at, why: why.to_owned() };
        self.count += 1;
        self.seconds += u64::try_from(at.duration_since(start).as_secs()).unwrap_or_default();
        self.last = Some(gap.clone());
        Some(gap)
    }
}

impl Gap {
    /// Appends it to a file of JSON lines.
    pub fn record(&self, file: &Path) {
        let line = serde_json::to_string(self).expect("a gap is JSON") + "\n";
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
        if let Err(error) = opened.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::error!(%error, gap = line, "a gap could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_goes_from_the_last_byte_before_to_the_first_after() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut gaps = Gaps::default();
        assert_eq!(gaps.end(at(1), "never begun"), None);
        gaps.begin(at(10));
        gaps.begin(at(20));
        let gap = gaps.end(at(40), "reset").expect("a gap");
        assert_eq!((gap.start, gap.end, gaps.count, gaps.seconds), (at(10), at(40), 1, 30));
    }
}
