//! Bodies in the encoding `aws-chunked`: chunks with their length (and a signature, which is not verified), and after
//! the last of them trailers, which carry the checksum.
//!
//! ```text
//! 5;chunk-signature=…\r\n hello\r\n 0\r\n x-amz-checksum-crc32:NhCmhg==\r\n \r\n
//! ```

use bytes::{Buf, Bytes, BytesMut};

/// No line of chunk lengths, signatures and trailers is longer.
const LONGEST_LINE: usize = 8 << 10;

/// Reads such a body as it comes in, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    /// The line that is not whole yet.
    line: BytesMut,
    trailers: Vec<(String, String)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Length,
    Data {
        left: u64,
    },
    /// The line end after a chunk.
    DataEnd,
    Trailers,
    Over,
}

/// The body is not in this encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not in the encoding aws-chunked")]
pub(super) struct Malformed;

impl Chunked {
    /// Takes the next piece, and gives what it holds of the body to `out`.
    pub(super) fn feed(&mut self, mut piece: Bytes, out: &mut Vec<Bytes>) -> Result<(), Malformed> {
        while !piece.is_empty() {
            match self.state {
                State::Data { left } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                    out.push(piece.split_to(here));
                    let left = left - here as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                }
                State::Over => return Err(Malformed),
                State::Length | State::DataEnd | State::Trailers => {
                    if let Some(line) = self.whole_line(&mut piece)? {
                        self.read_line(&line)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether all of the body was there. Some clients leave out the empty line after the trailers.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over || self.state == State::Trailers && self.line.is_empty()
    }

    /// What came after the body, names in small letters.
    pub(super) fn into_trailers(self) -> Vec<(String, String)> {
        self.trailers
    }

    fn whole_line(&mut self, piece: &mut Bytes) -> Result<Option<String>, Malformed> {
        let end = piece.iter().position(|byte| *byte == b'\n');
        self.line.extend_from_slice(&piece.split_to(end.unwrap_or(piece.len())));
        if self.line.len() > LONGEST_LINE {
            return Err(Malformed);
        }
        if end.is_none() {
            return Ok(None);
        }
        piece.advance(1);
        let line = std::str::from_utf8(&self.line).map_err(|_| Malformed)?.trim().to_owned();
        self.line.clear();
        Ok(Some(line))
    }

    fn read_line(&mut self, line: &str) -> Result<(), Malformed> {
        self.state = match self.state {
            State::Length => {
                let length = line.split(';').next().unwrap_or_default();
                match u64::from_str_radix(length, 16).map_err(|_| Malformed)? {
                    0 => State::Trailers,
                    left => State::Data { left },
                }
            }
            State::DataEnd if line.is_empty() => State::Length,
            State::Trailers if line.is_empty() => State::Over,
            State::Trailers => {
                let (name, value) = line.split_once(':').ok_or(Malformed)?;
                self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                State::Trailers
            }
            _ => return Err(Malformed),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &[u8] = b"5;chunk-signature=ab01\r\nhello\r\n6;chunk-signature=cd\r\n \r\nyou\r\n\
        0;chunk-signature=ef\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:00\r\n\r\n";

    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), Malformed> {
        let (mut body, mut out) = (Chunked::default(), Vec::new());
        for piece in pieces {
            body.feed(Bytes::copy_from_slice(piece), &mut out)?;
        }
        let over = body.is_over();
        Ok((out.concat(), over, body.into_trailers().len()))
    }

    #[test]
    fn a_body_is_the_same_wherever_it_is_split() {
        let whole = (b"hello \r\nyou".to_vec(), true, 2);
        for at in 0..=SIGNED.len() {
            let (left, right) = SIGNED.split_at(at);
            assert_eq!(read(&[left, right]), Ok(whole.clone()), "split at {at}");
        }
        let bytes: Vec<&[u8]> = SIGNED.chunks(1).collect();
        assert_eq!(read(&bytes), Ok(whole));
    }

    #[test]
    fn a_body_that_was_cut_is_not_over() {
        for at in 0..SIGNED.len() - 90 {
            assert!(!read(&[&SIGNED[..at]]).expect("good so far").1, "cut at {at}");
        }
        assert!(read(&[b"0\r\n\r\n"]).expect("an empty body").1);
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        let long = vec![b'1'; LONGEST_LINE + 1];
        for wrong in
            [b"hello\r\n".as_slice(), b"3\r\nabcd\r\n", b"-1\r\n", b"0\r\n\r\nmore", b"0\r\nno\r\n", &long]
        {
            assert_eq!(read(&[wrong]), Err(Malformed));
        }
        assert_eq!(read(&[b"fffffffffffffffff\r\n"]), Err(Malformed));
    }
}
