//! What a term weighs in every topic, frozen while a block is sampled.
//!
//! A cell is (n + β) / (N + Vβ): n tokens of the term in the topic, N tokens of the topic, V terms. It is kept as the
//! upper half of an `f32` (eight bits of precision: it steers a draw, and half the bytes are twice the rows in the
//! cache); beside it stand running sums of α times the cells, eight topics a step, from which a topic is drawn by its
//! prior. The counts themselves are whole numbers and exact: what threads add to them comes out
//! the same in any order.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "weights are rounded on purpose; topics are counted in 16 bits"
)]

use prefetch_index::prefetch_index;

use crate::topics::lanes::{LANES, together};

/// Topics that one running sum covers.
pub(super) const STEP: usize = LANES;

/// A slice whose first element begins a cache line, so that a row is no more lines than it must be.
#[derive(Debug)]
struct Lines<T> {
    room: Vec<T>,
    from: usize,
    len: usize,
}

impl<T: Copy> Lines<T> {
    fn new(len: usize, value: T) -> Self {
        let room = vec![value; len + 64 / size_of::<T>()];
        let from = room.as_ptr().align_offset(64).min(64 / size_of::<T>());
        Self { room, from, len }
    }

    #[allow(clippy::inline_always, reason = "it is read once a token")]
    #[inline(always)]
    fn get(&self) -> &[T] {
        &self.room[self.from..self.from + self.len]
    }

    fn get_mut(&mut self) -> &mut [T] {
        &mut self.room[self.from..self.from + self.len]
    }
}

/// The table: a row a term, and one more that weighs nothing.
#[derive(Debug)]
pub(super) struct Table {
    k: usize,
    stride: usize,
    steps: usize,
    terms: usize,
    beta: f32,
    weights: Lines<u16>,
    ends: Lines<f32>,
    counts: Vec<u32>,
    topic_tokens: Vec<u64>,
    inverse: Box<ByTopic>,
    alpha: Box<ByTopic>,
}

/// A number for each topic, and for those that there are not: as many as there can be, so that none is beyond.
pub(super) type ByTopic = [f32; TOPICS];

/// A power of two that every topic lies below.
pub(super) const TOPICS: usize = 1024;
const _: () = assert!(TOPICS > crate::topics::MOST_TOPICS);

/// What the sampler reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frozen<'a> {
    /// Topics.
    pub(super) k: usize,
    /// Cells of a row: the topics, at least one that there is not, and what fills it up.
    pub(super) stride: usize,
    /// Room for running sums in a row, a power of two.
    pub(super) steps: usize,
    /// The cells.
    pub(super) weights: &'a [u16],
    /// α times the cells, summed up to the end of each step but the last; then infinite, until in the last place stands
    /// the sum of all.
    ends: &'a [f32],
    /// What one token weighs in each topic: 1 / (N + Vβ).
    pub(super) inverse: &'a ByTopic,
    /// The prior of each topic in a document.
    pub(super) alpha: &'a ByTopic,
}

impl<'a> Frozen<'a> {
    /// Has a term's row on its way to the processor, for a draw that is to come.
    #[allow(clippy::inline_always, reason = "it is done once a token")]
    #[inline(always)]
    pub(super) fn fetch<const STEPS: usize>(&self, word: u32) {
        const LINE: usize = 64 / size_of::<u16>();
        let row = word as usize * self.stride;
        // Of wider rows, a document asks for a few lines alone.
        for line in 0..(STEPS * STEP / LINE).clamp(1, 4) {
            prefetch_index(self.weights, row + line * LINE);
        }
        prefetch_index(self.ends, word as usize * STEPS);
    }

    /// A term's cells, and what follows them: as many as topics in 16 bits, so that none needs a check.
    #[allow(clippy::inline_always, reason = "it is read once a token")]
    #[inline(always)]
    pub(super) fn cells(&self, word: u32) -> &'a [u16; BEYOND] {
        self.weights[word as usize * self.stride..].first_chunk().expect("a row for each term")
    }

    /// The sums of a term's cells up to the end of each step.
    #[allow(clippy::inline_always, reason = "it is read for every draw from the prior")]
    #[inline(always)]
    pub(super) fn ends<const STEPS: usize>(&self, word: u32) -> &'a [f32; STEPS] {
        self.ends[word as usize * STEPS..].first_chunk().expect("a row for each term")
    }
}

/// Cells that a row is followed by, other rows' or none.
const BEYOND: usize = 1 << 16;

/// Some terms' rows, for one thread to change.
pub(super) struct Rows<'a> {
    first: usize,
    counts: &'a mut [u32],
    weights: &'a mut [u16],
    ends: &'a mut [f32],
}

/// A cell's weight.
#[allow(clippy::inline_always, reason = "it is what the innermost loop does")]
#[inline(always)]
pub(super) const fn widen(cell: u16) -> f32 {
    f32::from_bits((cell as u32) << 16)
}

/// The nearest cell to a weight.
#[allow(clippy::inline_always, reason = "it is what the innermost loop does")]
#[inline(always)]
const fn narrow(weight: f32) -> u16 {
    ((weight.to_bits() + 0x8000) >> 16) as u16
}

/// A token that changes its topic, in a word.
#[allow(clippy::inline_always, reason = "it is written once a token")]
#[inline(always)]
pub(super) const fn pack(word: u32, old: u16, new: u16) -> u64 {
    (word as u64) << 32 | (old as u64) << 16 | new as u64
}

/// The term of a packed change.
pub(super) const fn packed_word(moved: u64) -> usize {
    (moved >> 32) as usize
}

/// The topics of a packed change: which it leaves, and which it goes to.
const fn topics(moved: u64) -> (usize, usize) {
    ((moved >> 16) as u16 as usize, moved as u16 as usize)
}

impl Table {
    /// A table of nothing yet: to be filled by [`add`](Self::add), [`shift`](Self::shift) and a renewal of its rows.
    pub(super) fn new(terms: usize, alpha: &[f32], beta: f32) -> Self {
        let k = alpha.len();
        let stride = (k + 1).next_multiple_of(STEP);
        let steps = (stride / STEP).next_power_of_two();
        let mut padded = Box::new([0.0; TOPICS]);
        padded[..k].copy_from_slice(alpha);
        let mut ends = Lines::new((terms + 1) * steps, f32::INFINITY);
        // The one more.
        ends.get_mut()[(terms + 1) * steps - 1] = 0.0;
        Self {
            k,
            stride,
            steps,
            terms,
            beta,
            weights: Lines::new(terms * stride + BEYOND, 0),
            ends,
            counts: vec![0; terms * stride],
            topic_tokens: vec![0; k],
            inverse: Box::new([0.0; TOPICS]),
            alpha: padded,
        }
    }

    /// Counts one token.
    pub(super) fn add(&mut self, word: u32, topic: u16) {
        self.counts[word as usize * self.stride + usize::from(topic)] += 1;
        self.topic_tokens[usize::from(topic)] += 1;
    }

    /// As the sampler reads it.
    pub(super) fn frozen(&self) -> Frozen<'_> {
        Frozen {
            k: self.k,
            stride: self.stride,
            steps: self.steps,
            weights: self.weights.get(),
            ends: self.ends.get(),
            inverse: &self.inverse,
            alpha: &self.alpha,
        }
    }

    /// The counts of every term, a row each of as many cells as are said.
    pub(super) fn counts(&self) -> (&[u32], usize) {
        (&self.counts, self.stride)
    }

    /// The priors of the topics in a document.
    pub(super) fn alpha(&self) -> &[f32] {
        &self.alpha[..self.k]
    }

    /// The prior of a term in a topic.
    pub(super) fn beta(&self) -> f32 {
        self.beta
    }

    /// From here on, topics are expected in documents like this. The rows must be renewed.
    pub(super) fn set_alpha(&mut self, alpha: &[f32]) {
        self.alpha[..self.k].copy_from_slice(alpha);
    }

    /// Adds to the tokens of each topic what has come and gone, and works out anew what one token weighs.
    pub(super) fn shift(&mut self, changes: impl IntoIterator<Item = Vec<i64>>) {
        for change in changes {
            for (tokens, change) in self.topic_tokens.iter_mut().zip(change) {
                *tokens = tokens.saturating_add_signed(change);
            }
        }
        let terms = self.terms as f32 * self.beta;
        for (inverse, tokens) in self.inverse.iter_mut().zip(&self.topic_tokens) {
            *inverse = 1.0 / (*tokens as f32 + terms);
        }
    }

    /// The rows in ranges that end at `ends`, with what is needed to renew them.
    pub(super) fn rows<'a>(&'a mut self, ends: &[usize]) -> (Vec<Rows<'a>>, Renewal<'a>) {
        const AS_MANY: &str = "as many rows as terms";
        let (stride, steps) = (self.stride, self.steps);
        let mut rows = Vec::with_capacity(ends.len());
        let (mut counts, mut weights) = (&mut self.counts[..], self.weights.get_mut());
        let mut sums = self.ends.get_mut();
        let mut first = 0;
        for end in ends {
            let terms = end - first;
            rows.push(Rows {
                first,
                counts: counts.split_off_mut(..terms * stride).expect(AS_MANY),
                weights: weights.split_off_mut(..terms * stride).expect(AS_MANY),
                ends: sums.split_off_mut(..terms * steps).expect(AS_MANY),
            });
            first = *end;
        }
        let renewal = Renewal { stride, steps, beta: self.beta, inverse: &self.inverse, alpha: &self.alpha };
        (rows, renewal)
    }
}

/// What turns counts into weights.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renewal<'a> {
    stride: usize,
    steps: usize,
    beta: f32,
    inverse: &'a ByTopic,
    alpha: &'a ByTopic,
}

impl Rows<'_> {
    /// Counts what has moved, and gives back what came to each topic.
    pub(super) fn count<'m>(&mut self, by: Renewal<'_>, moved: impl Iterator<Item = &'m [u64]>) -> Vec<i64> {
        // Changes that the memory is told of before they are made.
        const AHEAD: usize = 16;
        let mut change = vec![0; by.stride];
        for moved in moved {
            for (index, one) in moved.iter().enumerate() {
                if let Some(next) = moved.get(index + AHEAD) {
                    for cell in self.cells(by, *next) {
                        prefetch_index(&*self.counts, cell);
                    }
                }
                let [old, new] = self.cells(by, *one);
                self.counts[old] -= 1;
                self.counts[new] += 1;
                let (old, new) = topics(*one);
                change[old] -= 1;
                change[new] += 1;
            }
        }
        change
    }

    /// The cells that a change takes from and adds to.
    #[allow(clippy::inline_always, reason = "it is done once a change")]
    #[inline(always)]
    fn cells(&self, by: Renewal<'_>, moved: u64) -> [usize; 2] {
        let row = (packed_word(moved) - self.first) * by.stride;
        let (old, new) = topics(moved);
        [row + old, row + new]
    }

    /// Works the weights out from the counts.
    pub(super) fn renew(&mut self, by: Renewal<'_>) {
        let rows = self.weights.chunks_exact_mut(by.stride).zip(self.counts.chunks_exact(by.stride));
        for ((weights, counts), ends) in rows.zip(self.ends.chunks_exact_mut(by.steps)) {
            // Below 2³¹ a count is a signed number too, and those turn into `f32` several at a time.
            for ((weight, count), inverse) in weights.iter_mut().zip(counts).zip(by.inverse) {
                *weight = narrow((count.cast_signed() as f32 + by.beta) * inverse);
            }
            let mut sum = 0.0;
            let steps = weights.as_chunks::<STEP>().0.iter().zip(by.alpha.as_chunks::<STEP>().0);
            for (end, (weights, alpha)) in ends.iter_mut().zip(steps) {
                let mut part = [0.0; STEP];
                for index in 0..STEP {
                    part[index] = widen(weights[index]) * alpha[index];
                }
                sum += together(part);
                *end = sum;
            }
            ends[by.stride / STEP - 1] = f32::INFINITY;
            ends[by.steps - 1] = sum;
        }
    }
}
