//! The log of a job: where it is, and its lines as they come.
//!
//! Where it lies in files, these are read: in the folder of its results while it runs here, in the bucket once EMR
//! Serverless has put it there, which it does every now and then and at the end. What was told once is not told again,
//! whoever has moved it to another file or has written its file anew.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::Read;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::{SparkError, Stage};
use crate::lake::Place;

/// What a job on this machine says: Spark in the one, its script in the other until it has ended.
pub(super) const HERE: [&str; 2] = ["spark.log", "spark.out"];
/// So much of a packed file is unpacked at most.
const LARGEST: u64 = 256 << 20;

/// The log of a job.
pub enum Log {
    /// It is read from where it is.
    Lines {
        /// Where that is, in words.
        at: String,
        /// What reads it.
        lines: Box<dyn LogLines>,
    },
    /// It is in a log group at CloudWatch, in the streams that begin so.
    Group {
        /// The group.
        group: String,
        /// What the streams' names begin with.
        streams: String,
    },
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines { at, .. } => f.write_str(at),
            Self::Group { group, streams } => write!(f, "in the log group {group}, streams {streams}…"),
        }
    }
}

/// What reads a log.
#[async_trait]
pub trait LogLines: Send {
    /// What has come since the last time; at the end of a job a line that is not whole, too.
    async fn news(&mut self, is_end: bool) -> Result<Vec<LogLine>, SparkError>;
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLine {
    /// The job said it.
    Said {
        /// The file or the stream that it is in.
        file: String,
        /// What it says.
        text: String,
    },
    /// hydrant says what there is to know of the log: what is not in it, or not yet.
    Note(String),
}

/// The files of a job's log, and how far they were read.
#[derive(Debug)]
pub struct LogFiles {
    place: Place,
    read: BTreeMap<String, Known>,
    /// What the script was heard to say that will be found once more behind what Spark said.
    again: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Known {
    etag: String,
    bytes: u64,
    /// How much of its content was told.
    told: usize,
}

impl LogFiles {
    /// The files in a place: a folder of results on this machine, or a folder of logs in a bucket.
    pub fn of(place: Place) -> Self {
        Self { place, read: BTreeMap::new(), again: VecDeque::new() }
    }

    fn heard(&mut self, file: &str, line: &str) -> Option<LogLine> {
        let said = |text: String| Some(LogLine::Said { file: file.to_owned(), text });
        if file == HERE[1] {
            if let Some(stage) = Stage::of_line(line) {
                return said(stage.to_string());
            }
            self.again.push_back(line.to_owned());
        } else if file == HERE[0] && self.again.front().is_some_and(|told| told == line) {
            self.again.pop_front();
            return None;
        }
        said(line.to_owned())
    }
}

#[async_trait]
impl LogLines for LogFiles {
    async fn news(&mut self, is_end: bool) -> Result<Vec<LogLine>, SparkError> {
        let here = self.place.is_local();
        let mut files = self.place.list_all("").await?;
        let packed = |key: &str| key.rsplit('.').next() == Some("gz");
        files.retain(|file| if here { HERE.contains(&file.key.as_str()) } else { packed(&file.key) });
        // What the script says comes first: it may be behind what Spark says already.
        files.sort_by_key(|file| file.key != HERE[1]);
        let mut lines = Vec::new();
        for file in files {
            let known = self.read.entry(file.key.clone()).or_default();
            let is_same = known.etag == file.etag && known.bytes == file.bytes;
            if is_same && !is_end {
                continue;
            }
            let content = match self.place.get(&file.key).await {
                Ok(content) => content,
                // It was moved between the two looks.
                Err(error) if error.is_missing() => continue,
                Err(error) => return Err(error.into()),
            };
            (known.etag, known.bytes) = (file.etag, file.bytes);
            let content = if here { content } else { unpacked(&content) };
            // A file that is shorter than what was told of it was begun anew.
            let from = if known.told <= content.len() { known.told } else { 0 };
            let news = content.get(from..).unwrap_or_default();
            let whole =
                if is_end { news.len() } else { memchr::memrchr(b'\n', news).map_or(0, |end| end + 1) };
            known.told = from + whole;
            let text = String::from_utf8_lossy(news.get(..whole).unwrap_or_default());
            for line in text.lines().filter(|line| !line.is_empty()) {
                lines.extend(self.heard(&file.key, line));
            }
        }
        Ok(lines)
    }
}

/// What can be unpacked of a file that may be cut off.
fn unpacked(content: &[u8]) -> Bytes {
    let mut all = Vec::new();
    if let Err(error) = MultiGzDecoder::new(content).take(LARGEST).read_to_end(&mut all) {
        tracing::info!(%error, "a log was unpacked in part");
    }
    all.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        let mut texts = Vec::new();
        for line in lines {
            let LogLine::Said { text, .. } = line else { panic!("{line:?}") };
            texts.push(text.as_str());
        }
        texts
    }

    #[tokio::test]
    async fn what_a_job_here_says_is_told_once_though_it_is_moved_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let mut log = LogFiles::of(Place::Folder(folder.path().to_owned()));
        assert!(log.news(false).await.expect("no file yet").is_empty());
        std::fs::write(file("spark.log"), "INFO begins\nINFO ha").expect("written");
        std::fs::write(file("spark.out"), "{\"stage\": 1, \"of\": 6, \"text\": \"reading\"}\na word\n")
            .expect("written");
        std::fs::write(file("topics.csv"), "0.5,0.5\n").expect("written");
        let first = log.news(false).await.expect("lines");
        assert_eq!(texts(&first), ["stage 1 of 6: reading", "a word", "INFO begins"]);
        assert!(log.news(false).await.expect("nothing new").is_empty());
        std::fs::write(file("spark.log"), "INFO begins\nINFO half no more\na word\nthe last one")
            .expect("written");
        std::fs::remove_file(file("spark.out")).expect("removed");
        let rest = log.news(false).await.expect("lines");
        assert_eq!(texts(&rest), ["INFO half no more"]);
        assert_eq!(texts(&log.news(true).await.expect("lines")), ["the last one"]);
    }

    #[test]
    fn a_packed_log_that_is_cut_off_is_read_as_far_as_it_goes() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        packed.write_all(b"one\ntwo\nthree\n").expect("packed");
        let packed = packed.finish().expect("packed");
        assert_eq!(&unpacked(&packed)[..], b"one\ntwo\nthree\n");
        let torn = packed.get(..packed.len() - 12).expect("a part");
        assert!(unpacked(torn).starts_with(b"one\ntwo\n"));
        assert!(unpacked(b"no gzip at all").is_empty());
    }
}
