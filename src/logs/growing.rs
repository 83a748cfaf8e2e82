//! What [`own`](super::own) and [`file`](super::file) have in common: files of this machine, read as they grow.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Ending, LogEvent, LogsError, Marks, Note, Told};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(500);
/// So much is read at a time.
pub(super) const PIECE: u64 = 1 << 20;
/// A line that has no end in so many bytes is shown in pieces.
const LONGEST_LINE: usize = 1 << 20;

/// Files as a reader gives them.
pub(super) trait Growing {
    /// The events of the next piece; `None` where there is no more yet.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<LogEvent>>, LogsError>> + Send;

    /// How far they are read, where that is not known by the times of their lines.
    fn marks(&self) -> Marks {
        Marks::new()
    }
}

/// Tells what there is, and then, if that is wanted, what comes, until it is stopped.
pub(super) async fn tell(
    files: &mut impl Growing,
    follow: bool,
    stop: &CancellationToken,
    mut told: impl FnMut(Told) + Send,
) -> Result<Ending, LogsError> {
    let mut caught_up = false;
    loop {
        while let Some(events) = files.next().await? {
            if !events.is_empty() {
                told(Told::Events(events));
                let marks = files.marks();
                if !marks.is_empty() {
                    told(Told::Read(marks));
                }
            }
            if stop.is_cancelled() {
                return Ok(Ending::Stopped);
            }
        }
        if !follow {
            return Ok(Ending::Whole);
        }
        if !std::mem::replace(&mut caught_up, true) {
            told(Told::Note(Note::CaughtUp));
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return Ok(Ending::Stopped),
        }
    }
}

/// What was read of a file beyond the end of its last line.
#[derive(Debug, Default)]
pub(super) struct Rest(Vec<u8>);

impl Rest {
    /// The lines that are whole with this piece; the rest is kept for the next.
    pub(super) fn lines(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(piece);
        let end = match memchr::memrchr(b'\n', &self.0) {
            Some(end) => end + 1,
            None if self.0.len() > LONGEST_LINE => self.0.len(),
            None => return Vec::new(),
        };
        let after = self.0.split_off(end);
        std::mem::replace(&mut self.0, after)
    }

    /// How many bytes wait for the end of their line.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Another file begins.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_waits_for_its_end_unless_it_is_too_long() {
        let mut rest = Rest::default();
        assert_eq!(rest.lines(b"one\ntw"), b"one\n");
        assert_eq!(rest.lines(b""), b"");
        assert_eq!(rest.lines(b"o\nthree\n"), b"two\nthree\n");
        assert_eq!(rest.lines(&vec![b'x'; LONGEST_LINE]), b"");
        assert_eq!(rest.lines(b"x").len(), LONGEST_LINE + 1, "it is bounded");
        assert_eq!(rest.lines(b"y\n"), b"y\n");
    }
}
