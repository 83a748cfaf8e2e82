//! How a file's bytes are packed, told by how they begin and not by the name, and how they are unpacked piece by
//! piece: however much a piece unpacks to, only a little of it is held at once.

use std::io::Write;

use zstd::stream::raw::{self, InBuffer, Operation, OutBuffer};

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// It is not.
    Plain,
    /// Gzip, of one or more members, as Firehose writes it.
    Gzip,
    /// Zstandard.
    Zstd,
    /// Bzip2.
    Bzip2,
}

impl Encoding {
    /// By the first bytes of a file.
    pub fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// About as much as is unpacked before it is given on: a few bytes may unpack to gigabytes.
const STEP: usize = 64 << 10;

/// Unpacks a file, piece by piece.
pub struct Decoder(State);

enum State {
    /// The first piece says how.
    Undecided,
    Plain,
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<Zstd>),
    Bzip2(Box<Bzip2>),
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.encoding().name())
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self(State::Undecided)
    }
}

impl Decoder {
    /// How the file turned out to be packed.
    pub fn encoding(&self) -> Encoding {
        match self.0 {
            State::Undecided | State::Plain => Encoding::Plain,
            State::Gzip(_) => Encoding::Gzip,
            State::Zstd(_) => Encoding::Zstd,
            State::Bzip2(_) => Encoding::Bzip2,
        }
    }

    /// Unpacks one piece; what comes of it is given to `each` in order. The first piece must hold the file's first
    /// bytes. The error is what is wrong with the packing; what came before it was given.
    pub fn feed<E>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), std::io::Error>, E> {
        if let State::Undecided = self.0 {
            match begin(piece) {
                Ok(state) => self.0 = state,
                Err(error) => return Ok(Err(error)),
            }
        }
        if let State::Undecided | State::Plain = self.0 {
            return each(piece).map(Ok);
        }
        let mut rest = piece;
        loop {
            let taken = match &mut self.0 {
                State::Gzip(decoder) => take_gzip(decoder, rest),
                State::Zstd(decoder) => decoder.take(rest),
                State::Bzip2(decoder) => decoder.take(rest),
                State::Undecided | State::Plain => Ok(Taken { bytes: rest.len(), held_back: false }),
            };
            // What was unpacked before the fault is as good as any.
            self.give(&mut each)?;
            match taken {
                Ok(Taken { bytes, held_back }) => {
                    rest = rest.get(bytes..).unwrap_or_default();
                    if rest.is_empty() && !held_back {
                        return Ok(Ok(()));
                    }
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Ends it: gives what was still held back, and the error if the file is cut off.
    pub fn finish<E>(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), std::io::Error>, E> {
        let ended = match &mut self.0 {
            State::Undecided | State::Plain => Ok(()),
            State::Gzip(decoder) => decoder.try_finish(),
            State::Zstd(decoder) => decoder.finish(),
            State::Bzip2(decoder) => decoder.finish(),
        };
        self.give(&mut each)?;
        Ok(ended.map_err(|_| cut_off()))
    }

    fn give<E>(&mut self, each: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let unpacked = match &mut self.0 {
            State::Undecided | State::Plain => return Ok(()),
            State::Gzip(decoder) => decoder.get_mut(),
            State::Zstd(decoder) => &mut decoder.unpacked,
            State::Bzip2(decoder) => &mut decoder.unpacked,
        };
        if !unpacked.is_empty() {
            each(unpacked)?;
            unpacked.clear();
        }
        Ok(())
    }
}

fn begin(piece: &[u8]) -> Result<State, std::io::Error> {
    Ok(match Encoding::of(piece) {
        Encoding::Plain => State::Plain,
        Encoding::Gzip => State::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new()))),
        Encoding::Zstd => State::Zstd(Box::new(Zstd::new()?)),
        Encoding::Bzip2 => State::Bzip2(Box::new(Bzip2::new())),
    })
}

fn cut_off() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is cut off")
}

/// What one step of unpacking took in.
struct Taken {
    bytes: usize,
    /// Whether more comes out although nothing more is put in.
    held_back: bool,
}

/// Of what is put in, a writer takes as much as fills its own buffer.
fn take_gzip(decoder: &mut flate2::write::MultiGzDecoder<Vec<u8>>, packed: &[u8]) -> std::io::Result<Taken> {
    match decoder.write(packed)? {
        0 if !packed.is_empty() => Err(std::io::ErrorKind::WriteZero.into()),
        bytes => Ok(Taken { bytes, held_back: false }),
    }
}

/// Unpacks frames of zstd, one behind another. The crate's own writer does not tell whether the last frame ended.
struct Zstd {
    decoder: raw::Decoder<'static>,
    unpacked: Vec<u8>,
    frame_ended: bool,
}

impl Zstd {
    fn new() -> std::io::Result<Self> {
        Ok(Self { decoder: raw::Decoder::new()?, unpacked: Vec::new(), frame_ended: true })
    }

    fn take(&mut self, packed: &[u8]) -> std::io::Result<Taken> {
        if self.frame_ended && !packed.is_empty() {
            self.decoder.reinit()?;
        }
        let mut input = InBuffer::around(packed);
        self.unpacked.reserve(STEP);
        let unpacked = self.unpacked.len();
        let mut output = OutBuffer::around_pos(&mut self.unpacked, unpacked);
        self.frame_ended = self.decoder.run(&mut input, &mut output)? == 0;
        // Where the room is used up, there may be more for which nothing more has to be read.
        let held_back = !self.frame_ended && output.pos() == output.capacity();
        Ok(Taken { bytes: input.pos(), held_back })
    }

    fn finish(&self) -> std::io::Result<()> {
        if self.frame_ended { Ok(()) } else { Err(cut_off()) }
    }
}

/// Unpacks streams of bzip2, one behind another, as packers that work in parallel leave them. The crate's own writer
/// unpacks a block whole, which may be a thousand times what it is packed.
struct Bzip2 {
    decoder: bzip2::Decompress,
    unpacked: Vec<u8>,
    stream_ended: bool,
}

impl Bzip2 {
    fn new() -> Self {
        Self { decoder: bzip2::Decompress::new(false), unpacked: Vec::new(), stream_ended: false }
    }

    fn take(&mut self, packed: &[u8]) -> std::io::Result<Taken> {
        if self.stream_ended && !packed.is_empty() {
            (self.decoder, self.stream_ended) = (bzip2::Decompress::new(false), false);
        }
        self.unpacked.reserve(STEP);
        let before = self.decoder.total_in();
        let status = self.decoder.decompress_vec(packed, &mut self.unpacked)?;
        let bytes = usize::try_from(self.decoder.total_in() - before).unwrap_or(packed.len());
        self.stream_ended |= status == bzip2::Status::StreamEnd;
        let held_back = !self.stream_ended && self.unpacked.len() == self.unpacked.capacity();
        if bytes == 0 && !held_back && !self.stream_ended && !packed.is_empty() {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        Ok(Taken { bytes, held_back })
    }

    fn finish(&self) -> std::io::Result<()> {
        if self.stream_ended { Ok(()) } else { Err(cut_off()) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn unpack(packed: &[u8], pieces: usize) -> (Vec<u8>, bool) {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        let mut good = true;
        let mut each = |some: &[u8]| {
            all.extend_from_slice(some);
            Ok::<_, Infallible>(())
        };
        for piece in packed.chunks(pieces) {
            let Ok(fed) = decoder.feed(piece, &mut each);
            if fed.is_err() {
                good = false;
                break;
            }
        }
        let Ok(ended) = decoder.finish(&mut each);
        (all, good && ended.is_ok())
    }

    fn packings(text: &[u8]) -> [Vec<u8>; 4] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).expect("packed");
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text).expect("packed");
        [
            text.to_vec(),
            gzip.finish().expect("packed"),
            zstd::encode_all(text, 1).expect("packed"),
            bzip2.finish().expect("packed"),
        ]
    }

    fn text() -> Vec<u8> {
        // More than one block of any packing.
        (0..40_000_u32).flat_map(|number| format!("{number} orbit\n").into_bytes()).collect()
    }

    #[test]
    fn every_packing_comes_back_whole_however_it_is_cut_into_pieces() {
        for packed in packings(&text()) {
            for pieces in [7, 1000, usize::MAX] {
                let (all, good) = unpack(&packed, pieces);
                assert!(good && all == text(), "{:?} in pieces of {pieces}", Encoding::of(&packed));
            }
        }
    }

    #[test]
    fn members_that_follow_one_another_are_one_file() {
        let [_, gzip, zstd, bzip2] = packings(&text());
        for packed in [gzip, zstd, bzip2].map(|packed| [packed.clone(), packed].concat()) {
            let (all, good) = unpack(&packed, 1000);
            assert!(good && all == [text(), text()].concat(), "{:?}", Encoding::of(&packed));
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_gives_what_there_is_and_says_so() {
        for packed in packings(&text()).into_iter().skip(1) {
            for length in (5..packed.len()).step_by(packed.len() / 97) {
                let (all, good) = unpack(packed.get(..length).expect("a part"), 1000);
                assert!(!good && text().starts_with(&all), "{:?} of {length} bytes", Encoding::of(&packed));
            }
            let (all, _) = unpack(packed.get(..packed.len() * 9 / 10).expect("most"), 1000);
            assert!(!all.is_empty(), "{:?}", Encoding::of(&packed));
        }
    }

    #[test]
    fn what_unpacks_to_very_much_comes_back_whole_and_little_of_it_is_held_at_once() {
        let text = vec![b'x'; 20 << 20];
        for packed in packings(&text).into_iter().skip(1) {
            let encoding = Encoding::of(&packed);
            let (mut decoder, mut all, mut most) = (Decoder::default(), 0, 0);
            let mut each = |some: &[u8]| {
                assert!(some.iter().all(|byte| *byte == b'x'));
                all += some.len();
                most = some.len().max(most);
                Ok::<_, Infallible>(())
            };
            let Ok(fed) = decoder.feed(&packed, &mut each);
            let Ok(ended) = decoder.finish(&mut each);
            assert!(fed.is_ok() && ended.is_ok() && all == text.len(), "{encoding:?}");
            assert!(most <= 2 * STEP, "{encoding:?} holds {most} bytes");
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        for packed in packings(&text()).into_iter().skip(1) {
            let mut rotten = packed.clone();
            let middle = rotten.len() / 2;
            if let Some(byte) = rotten.get_mut(middle) {
                *byte ^= 0x10;
            }
            let (all, good) = unpack(&rotten, 1000);
            assert!(!good || all != text(), "{:?}", Encoding::of(&packed));
        }
    }
}
