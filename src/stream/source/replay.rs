//! Posts from files: what people have kept, played again.
//!
//! Takes JSON lines of every shape that [`wire`](crate::stream::wire) knows, hydrant's and the predecessor's records, and
//! CSV with a header; plain or compressed (gzip, Zstandard, bzip2: told by their first bytes, not by their names);
//! files or standard input. Plays as fast as it is taken, or at so many times the pace at which the posts were written.

mod table;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Arrival, Arrivals};
use crate::stream::lines::{Lines, Piece};
use crate::stream::record::{Column, read_time};
use crate::stream::wire::{Incoming, Reader};

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as it is taken.
    Max,
    /// So many times as fast as the posts were written.
    Times(f64),
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times: Option<f64> = text.parse().ok().filter(|times: &f64| times.is_finite() && *times > 0.0);
        times
            .map(Self::Times)
            .ok_or_else(|| format!("`{text}` is no speed: it is `max` or a number such as 10"))
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Times(times) => times.fmt(f),
        }
    }
}

/// A file that cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {file}: {source}")]
pub struct Unreadable {
    file: String,
    source: io::Error,
}

/// Lines are handed over in pieces of about this size.
const PIECE: usize = 128 << 10;
/// Files have search pages of hundreds of posts in one line.
const LONGEST_LINE: usize = 32 << 20;
/// A stop is felt within this time.
const LOOKS: Duration = Duration::from_millis(50);

/// Plays files one after another, until they end or it is asked to stop. Blocks.
pub fn play(
    files: &[PathBuf],
    speed: Speed,
    to: &Arrivals,
    stop: &CancellationToken,
) -> Result<(), Unreadable> {
    let mut player = Player { to, stop, pace: Pace::new(speed), lines: Vec::with_capacity(PIECE * 2) };
    for file in files {
        let played = open(file).and_then(|reader| player.play(reader));
        match played {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(source) => return Err(Unreadable { file: file.display().to_string(), source }),
        }
    }
    Ok(())
}

/// Opens a file, and what it is compressed with.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut raw = BufReader::with_capacity(PIECE, raw);
    let begins = raw.fill_buf()?;
    let plain: Box<dyn Read> = if begins.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(raw))
    } else if begins.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)
    } else if begins.starts_with(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(raw))
    } else {
        return Ok(Box::new(raw));
    };
    Ok(Box::new(BufReader::with_capacity(PIECE, plain)))
}

struct Player<'a> {
    to: &'a Arrivals,
    stop: &'a CancellationToken,
    pace: Pace,
    lines: Vec<u8>,
}

impl Player<'_> {
    fn play(&mut self, mut from: Box<dyn BufRead>) -> io::Result<()> {
        if table::is_table(from.fill_buf()?) {
            let mut rows = table::Rows::new(from)?;
            let mut line = Vec::new();
            while rows.next(&mut line)? {
                self.line(&line)?;
                line.clear();
            }
            return self.hand_over();
        }
        let mut lines = Lines::new(LONGEST_LINE);
        loop {
            let bytes = from.fill_buf()?;
            let length = bytes.len();
            if length == 0 {
                break;
            }
            let mut said = Ok(());
            lines.push(bytes, |piece| {
                if said.is_ok() {
                    said = match piece {
                        Piece::Line(line) => self.line(line),
                        Piece::TooLong(line) => self.broken(line, "the line is longer than 32 MiB"),
                    };
                }
            });
            said?;
            from.consume(length);
            // A pipe gives what it has: what waits for more may wait for ever.
            self.hand_over()?;
        }
        let mut said = Ok(());
        lines.end(|rest| said = self.line(rest));
        said?;
        self.hand_over()
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(due) = self.pace.due(line) {
            self.hand_over()?;
            self.wait_until(due)?;
        }
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        if self.lines.len() >= PIECE { self.hand_over() } else { Ok(()) }
    }

    fn broken(&mut self, line: &[u8], why: &'static str) -> io::Result<()> {
        self.hand_over()?;
        self.send(Arrival::Broken { line: line.get(..4096).unwrap_or(line).to_vec(), why })
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(PIECE * 2));
        self.send(Arrival::Lines { lines, received: Timestamp::now(), mark: None })
    }

    /// An interruption is how a stop, or a pipeline that ended, makes its way out.
    fn send(&self, arrival: Arrival) -> io::Result<()> {
        let interrupted = || io::Error::from(io::ErrorKind::Interrupted);
        if self.stop.is_cancelled() {
            return Err(interrupted());
        }
        self.to.blocking_send(arrival).map_err(|_| interrupted())
    }

    fn wait_until(&self, due: Instant) -> io::Result<()> {
        loop {
            let rest = due.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            if self.stop.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            std::thread::sleep(rest.min(LOOKS));
        }
    }
}

/// When a line is due.
struct Pace {
    times: Option<f64>,
    reader: Reader,
    /// When the first post was played, and when it was written.
    begun: Option<(Instant, Timestamp)>,
}

impl Pace {
    fn new(speed: Speed) -> Self {
        let times = match speed {
            Speed::Max => None,
            Speed::Times(times) => Some(times),
        };
        Self { times, reader: Reader::default(), begun: None }
    }

    /// `None` if it need not wait: at full speed, or because it does not say when it was written.
    fn due(&mut self, line: &[u8]) -> Option<Instant> {
        let times = self.times?;
        let written = match self.reader.read(line) {
            Incoming::Posts(posts) => posts.first()?.created_at?,
            Incoming::Record(fields) => read_time(&fields.text(Column::CreatedAt))?,
            _ => return None,
        };
        let (begun, first) = *self.begun.get_or_insert((Instant::now(), written));
        let since = written.duration_since(first).as_secs_f64() / times;
        let due = begun.checked_add(Duration::try_from_secs_f64(since.max(0.0)).ok()?)?;
        (due > Instant::now()).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What a file gives, as text.
    fn played(bytes: &[u8]) -> String {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        let (to, mut from) = tokio::sync::mpsc::channel(1024);
        play(&[file.path().to_owned()], Speed::Max, &to, &CancellationToken::new()).expect("played");
        drop(to);
        let mut text = String::new();
        while let Some(arrival) = from.blocking_recv() {
            match arrival {
                Arrival::Lines { lines, .. } => text.push_str(&String::from_utf8_lossy(&lines)),
                Arrival::Broken { why, .. } => text.push_str(why),
            }
        }
        text
    }

    #[test]
    fn every_compression_gives_the_same_lines() {
        let plain = b"{\"a\":1}\r\n\n{\"b\":2}";
        let expected = "{\"a\":1}\n{\"b\":2}\n";
        assert_eq!(played(plain), expected);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(plain).expect("packed");
        assert_eq!(played(&gz.finish().expect("packed")), expected);
        assert_eq!(played(&zstd::encode_all(plain.as_slice(), 1).expect("packed")), expected);
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(plain).expect("packed");
        assert_eq!(played(&bz.finish().expect("packed")), expected);
    }

    #[test]
    fn a_file_that_breaks_off_gives_what_it_has_and_says_so() {
        let plain: Vec<u8> =
            (0..20_000).flat_map(|number| format!("{{\"id\":{number}}}\n").into_bytes()).collect();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&plain).expect("packed");
        let packed = gz.finish().expect("packed");
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&packed[..packed.len() / 2]).expect("written");
        let (to, mut from) = tokio::sync::mpsc::channel(1024);
        let failed = play(&[file.path().to_owned()], Speed::Max, &to, &CancellationToken::new());
        assert!(failed.expect_err("it breaks off").to_string().starts_with("cannot read "));
        drop(to);
        assert!(from.blocking_recv().is_some());
    }

    #[test]
    fn posts_come_at_the_pace_they_were_written() {
        let at = |second: u32| {
            format!(
                "{{\"data\":{{\"id\":\"1\",\"text\":\"t\",\"created_at\":\"2026-11-20T14:03:{second:02}.000Z\"}}}}"
            )
        };
        let mut pace = Pace::new(Speed::Times(10.0));
        assert_eq!(pace.due(at(0).as_bytes()), None);
        let begun = pace.begun.expect("begun").0;
        assert_eq!(pace.due(at(50).as_bytes()), Some(begun + Duration::from_secs(5)));
        assert_eq!(pace.due(b"{}"), None);
        assert_eq!(Pace::new(Speed::Max).due(at(50).as_bytes()), None);
    }
}
