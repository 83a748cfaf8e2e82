//! Lines out of pieces, wherever the pieces are cut; a line within a piece is not copied.
//!
//! A line that never ends does not fill the memory: what is over the limit is counted and let go.

/// As much of one line as is held, in bytes. Firehose takes no record over 1,024,000 bytes, so no line that holds one
/// is longer.
pub(super) const LONGEST: usize = 1 << 20;

/// A line without its line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The line, or its beginning if it is longer than [`LONGEST`].
    pub(super) bytes: &'a [u8],
    /// How long it is.
    pub(super) length: u64,
}

impl Line<'_> {
    /// Whether there is more of it than is held.
    pub(super) fn is_cut(&self) -> bool {
        self.length > self.bytes.len() as u64
    }
}

/// Parts pieces into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// The whole length of the line that `partial` is the beginning of.
    length: u64,
}

impl Lines {
    /// Gives every line that ends in this piece.
    pub(super) fn feed<E>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = piece;
        if self.length > 0 {
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.hold(rest);
                return Ok(());
            };
            let (last, after) = rest.split_at(end);
            self.hold(last);
            each(Line { bytes: &self.partial, length: self.length })?;
            self.partial.clear();
            self.length = 0;
            rest = after.get(1..).unwrap_or_default();
        }
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            each(Line { bytes: line.get(..LONGEST).unwrap_or(line), length: line.len() as u64 })?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.hold(rest);
        Ok(())
    }

    /// Gives the last line, if it does not end with a line feed.
    pub(super) fn finish<E>(&mut self, mut each: impl FnMut(Line<'_>) -> Result<(), E>) -> Result<(), E> {
        let length = std::mem::take(&mut self.length);
        if length > 0 {
            each(Line { bytes: &self.partial, length })?;
        }
        self.partial.clear();
        Ok(())
    }

    fn hold(&mut self, part: &[u8]) {
        let room = LONGEST - self.partial.len().min(LONGEST);
        self.partial.extend_from_slice(part.get(..room).unwrap_or(part));
        self.length += part.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn lines(text: &[u8], pieces: usize) -> Vec<(Vec<u8>, u64)> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        let mut each = |line: Line<'_>| {
            all.push((line.bytes.to_vec(), line.length));
            Ok::<_, Infallible>(())
        };
        for piece in text.chunks(pieces.max(1)) {
            let Ok(()) = lines.feed(piece, &mut each);
        }
        let Ok(()) = lines.finish(&mut each);
        all
    }

    #[test]
    fn a_line_over_the_limit_is_counted_and_not_held() {
        let mut text = vec![b'x'; LONGEST * 3];
        text.extend_from_slice(b"\nnext");
        for pieces in [1000, usize::MAX] {
            let all = lines(&text, pieces);
            let shape: Vec<_> = all.iter().map(|(held, length)| (held.len(), *length)).collect();
            assert_eq!(shape, [(LONGEST, LONGEST as u64 * 3), (4, 4)]);
        }
    }

    proptest::proptest! {
        #[test]
        fn lines_are_those_between_line_feeds_wherever_pieces_are_cut(
            text in proptest::collection::vec(proptest::prop_oneof![proptest::strategy::Just(b'\n'), proptest::prelude::any::<u8>()], 0..300),
            pieces in 1_usize..40,
        ) {
            let mut expected: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            let all: Vec<Vec<u8>> = lines(&text, pieces).into_iter().map(|(line, _)| line).collect();
            proptest::prop_assert_eq!(all, expected);
        }
    }
}
