//! Bytes into lines, as streams and files have them.
//!
//! A line ends at the byte 0x0A and nowhere else (what Unicode calls line ends may stand inside), and one 0x0D before it
//! goes with it. Where the pieces that the network gives begin and end means nothing. Empty lines are keep-alives, and
//! are not given. A line longer than the limit is given cut, as [`Piece::TooLong`], and the rest of it is skipped: what
//! waits here is bounded.

/// A line, or what is kept of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Without its end.
    Line(&'a [u8]),
    /// Its first bytes.
    TooLong(&'a [u8]),
}

/// Parts bytes into lines.
#[derive(Debug)]
pub struct Lines {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    longest: usize,
    /// Whether the present line was too long, and its end has not come.
    skips: bool,
}

impl Lines {
    /// For lines of up to `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self { begun: Vec::new(), longest, skips: false }
    }

    /// Takes bytes and gives the lines that end in them.
    pub fn push(&mut self, mut bytes: &[u8], mut give: impl FnMut(Piece<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            if self.skips {
                self.skips = false;
            } else if self.begun.is_empty() {
                self.give(line, &mut give);
            } else {
                self.begun.extend_from_slice(line);
                let whole = std::mem::take(&mut self.begun);
                self.give(&whole, &mut give);
                self.begun = whole;
                self.begun.clear();
            }
        }
        if self.skips {
            return;
        }
        self.begun.extend_from_slice(bytes);
        // The last byte may be half of the line's end.
        if self.begun.strip_suffix(b"\r").unwrap_or(&self.begun).len() > self.longest {
            give(Piece::TooLong(self.begun.get(..self.longest).unwrap_or_default()));
            self.begun = Vec::new();
            self.skips = true;
        }
    }

    /// The stream ended: what is left of it, if anything.
    pub fn end(&mut self, give: impl FnOnce(&[u8])) {
        let rest = std::mem::take(&mut self.begun);
        self.skips = false;
        if !rest.trim_ascii().is_empty() {
            give(rest.strip_suffix(b"\r").unwrap_or(&rest));
        }
    }

    fn give(&self, line: &[u8], give: &mut impl FnMut(Piece<'_>)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.longest {
            give(Piece::TooLong(line.get(..self.longest).unwrap_or_default()));
        } else if !line.is_empty() {
            give(Piece::Line(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(chunks: &[&[u8]], longest: usize) -> Vec<(bool, Vec<u8>)> {
        let mut lines = Lines::new(longest);
        let mut given = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |piece| {
                given.push(match piece {
                    Piece::Line(line) => (true, line.to_vec()),
                    Piece::TooLong(line) => (false, line.to_vec()),
                });
            });
        }
        lines.end(|rest| given.push((true, rest.to_vec())));
        given
    }

    #[test]
    fn lines_end_at_one_byte_only() {
        let text = "a\u{2028}b\u{85}\r\n\r\n\n\r\n{\"c\"}\nlast".as_bytes();
        let expected: Vec<_> =
            ["a\u{2028}b\u{85}", "{\"c\"}", "last"].map(|line| (true, line.as_bytes().to_vec())).into();
        assert_eq!(lines(&[text], 100), expected);
        for cut in 0..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]], 100), expected, "{cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&bytes, 100), expected);
    }

    #[test]
    fn what_is_too_long_is_cut_and_what_follows_is_whole() {
        let long = [b"x".repeat(5000), b"\nnext\n".to_vec()].concat();
        for size in [1, 7, 10_000] {
            let chunks: Vec<&[u8]> = long.chunks(size).collect();
            assert_eq!(lines(&chunks, 100), [(false, b"x".repeat(100)), (true, b"next".to_vec())], "{size}");
        }
    }

    #[test]
    fn a_line_as_long_as_it_may_be_is_whole_wherever_its_end_is_cut() {
        for chunks in [&[b"abcde\r\n".as_slice()][..], &[b"abcde\r", b"\n"], &[b"abcde", b"\r", b"\n"]] {
            assert_eq!(lines(chunks, 5), [(true, b"abcde".to_vec())], "{chunks:?}");
        }
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_means_nothing(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(lines(&pieces, 40), lines(&[&text], 40));
            let expected: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).filter(|line| !line.is_empty() && !line.trim_ascii().is_empty()).collect();
            let all = lines(&pieces, 1000);
            prop_assert_eq!(all.into_iter().map(|(_, line)| line).filter(|line| !line.trim_ascii().is_empty()).collect::<Vec<_>>(), expected);
        }
    }
}
