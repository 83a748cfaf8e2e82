//! The way of a stream's lines to its reader: bounded, compressed if that was agreed, and counted once they are handed
//! to the connection.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::fault::Split;
use super::sent::{Completes, Sent};
use super::x_api::Body;

/// Odd lengths, so that every place of a line is cut sooner or later: within letters, between CR and LF.
const CUT_LENGTHS: [usize; 7] = [1, 3, 7, 31, 5, 127, 53];
/// Of a compressed stream that is held back, so many posts come together.
const HELD: usize = 20;

/// How many bytes may wait for a reader: five seconds of posts of 4 KiB, within bounds.
fn most_waiting(rate: u64) -> usize {
    usize::try_from(rate * 4096 * 5).unwrap_or(usize::MAX).clamp(256 << 10, 16 << 20)
}

/// What is complete with the first so many bytes of something, in order.
pub(super) type Marks = Vec<(usize, Completes)>;

/// A piece of a body, and what is complete with it.
type Piece = (Bytes, Completes);

/// The sending end of a body.
pub(super) struct Lines {
    to: mpsc::UnboundedSender<io::Result<Piece>>,
    waiting: Arc<AtomicUsize>,
    most: usize,
    gzip: Option<Gzip>,
    /// How many cuts were made into lines.
    cuts: usize,
}

/// A compressed stream.
struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
    /// Whether it is flushed only now and then.
    held: bool,
    /// What is complete as soon as it is flushed.
    pending: Completes,
}

impl Lines {
    /// Both ends. `held` says that the stream is compressed, and whether it is held back.
    pub(super) fn new(rate: u64, held: Option<bool>, sent: Arc<Sent>) -> (Self, Body) {
        let (to, from) = mpsc::unbounded_channel::<io::Result<Piece>>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&waiting);
        let frames = futures_util::stream::unfold(from, move |mut from| {
            let (counted, sent) = (Arc::clone(&counted), Arc::clone(&sent));
            async move {
                let next = from.recv().await?;
                if let Ok((bytes, completes)) = &next {
                    counted.fetch_sub(bytes.len(), Ordering::Relaxed);
                    sent.add(completes);
                }
                Some((next.map(|(bytes, _)| Frame::data(bytes)), from))
            }
        });
        let gzip = held.map(|held| Gzip {
            encoder: GzEncoder::new(Vec::new(), Compression::fast()),
            held,
            pending: Completes::default(),
        });
        let lines = Self { to, waiting, most: most_waiting(rate), gzip, cuts: 0 };
        (lines, BodyExt::boxed(StreamBody::new(frames)))
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.most
    }

    /// Whether everything is handed to the connection.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    pub(super) async fn reader_gone(&self) {
        self.to.closed().await;
    }

    pub(super) fn is_reader_gone(&self) -> bool {
        self.to.is_closed()
    }

    /// Sends whole lines. The bound is [`Lines::is_full`], which is asked before something is made.
    pub(super) fn send(&mut self, bytes: Vec<u8>, marks: Marks, split: Option<Split>) {
        if bytes.is_empty() {
            return;
        }
        let Some(gzip) = &mut self.gzip else {
            self.pieces(Bytes::from(bytes), marks, split);
            return;
        };
        for (_, completes) in marks {
            gzip.pending.add(completes);
        }
        // Writing to memory does not fail.
        drop(gzip.encoder.write_all(&bytes));
        if !gzip.held || gzip.pending.posts.len() >= HELD || gzip.pending.keep_alives > 0 {
            drop(gzip.encoder.flush());
            let completes = std::mem::take(&mut gzip.pending);
            let ready = std::mem::take(gzip.encoder.get_mut());
            let all = vec![(ready.len(), completes)];
            self.pieces(Bytes::from(ready), all, split);
        }
    }

    fn pieces(&mut self, mut rest: Bytes, marks: Marks, split: Option<Split>) {
        let (mut out, mut marks) = (0, marks.into_iter().peekable());
        let mut complete_with = |length: usize| {
            out += length;
            let mut all = Completes::default();
            while let Some((_, completes)) = marks.next_if(|(end, _)| *end <= out) {
                all.add(completes);
            }
            all
        };
        while let Some(split) = split.filter(|split| *split != Split::BareLineFeed) {
            let length = match split {
                Split::Bytes => 1,
                _ => CUT_LENGTHS.get(self.cuts % CUT_LENGTHS.len()).copied().unwrap_or(1),
            };
            self.cuts += 1;
            if length >= rest.len() {
                break;
            }
            self.piece(rest.split_to(length), complete_with(length));
        }
        let completes = complete_with(rest.len());
        self.piece(rest, completes);
    }

    fn piece(&self, bytes: Bytes, completes: Completes) {
        if !bytes.is_empty() {
            self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
            // A reader that is gone is noticed by its closed channel.
            drop(self.to.send(Ok((bytes, completes))));
        }
    }

    /// Ends the body in good order: what still waits goes out.
    pub(super) fn finish(mut self) -> Leaving {
        if let Some(Gzip { encoder, pending, .. }) = self.gzip.take()
            && let Ok(rest) = encoder.finish()
        {
            self.piece(Bytes::from(rest), pending);
        }
        Leaving { to: self.to, waiting: self.waiting }
    }

    /// Ends the body in the middle, without its last chunk.
    pub(super) fn break_off(&self) {
        drop(self.to.send(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose"))));
    }
}

/// What is on its way out after the end. The body ends when this is dropped.
pub(super) struct Leaving {
    to: mpsc::UnboundedSender<io::Result<Piece>>,
    waiting: Arc<AtomicUsize>,
}

impl Leaving {
    /// Whether the reader took all of it, or is gone.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0 || self.to.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_counts_as_sent_with_the_piece_that_has_its_end() {
        let (to, mut from) = mpsc::unbounded_channel();
        let mut lines = Lines { to, waiting: Arc::default(), most: 0, gzip: None, cuts: 0 };
        let post = |end, id| (end, Completes { posts: vec![id], ..Completes::default() });
        lines.send(b"aaaa\nbbbb\n".to_vec(), vec![post(5, 7), post(10, 8)], Some(Split::Odd));
        let mut pieces = Vec::new();
        while let Ok(Ok((bytes, completes))) = from.try_recv() {
            pieces.push((bytes.len(), completes.posts));
        }
        assert_eq!(pieces, [(1, vec![]), (3, vec![]), (6, vec![7, 8])]);
        lines.send(b"aaaa\nbbbb\n".to_vec(), vec![post(5, 7), post(10, 8)], Some(Split::Bytes));
        let mut counted = Vec::new();
        for at in 1.. {
            let Ok(Ok((_, completes))) = from.try_recv() else { break };
            counted.extend(completes.posts.into_iter().map(|id| (at, id)));
        }
        assert_eq!(counted, [(5, 7), (10, 8)]);
    }

    #[test]
    fn what_waits_for_a_reader_is_bounded() {
        assert_eq!(most_waiting(1), 256 << 10);
        assert_eq!(most_waiting(10_000), 16 << 20);
    }
}
