//! What a term weighs in every topic, frozen while a block is sampled.
//!
//! A cell is (n + β) / (N + Vβ): n tokens of the term in the topic, N tokens of the topic, V terms. It is kept as the
//! upper half of an `f32` (eight bits of precision: it steers a draw, and half the bytes are twice the rows in the
//! cache); beside it stand running sums of α times the cells, eight topics a step, from which a topic is drawn that
//! is not in the document yet. The counts themselves are whole numbers and exact: what threads add to them comes out
//! the same in any order.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "weights are rounded on purpose; topics are counted in 16 bits"
)]

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

impl<T: Copy + Default> Lines<T> {
    fn new(len: usize) -> Self {
        let room = vec![T::default(); len + 64 / size_of::<T>()];
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
    sums: Lines<f32>,
    totals: Vec<f32>,
    counts: Vec<u32>,
    topic_tokens: Vec<u64>,
    inverse: Vec<f32>,
    alpha: Vec<f32>,
}

/// What the sampler reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frozen<'a> {
    /// Topics.
    pub(super) k: usize,
    /// Cells of a row: the topics, at least one that there is not, and what fills it up.
    pub(super) stride: usize,
    /// Running sums of a row.
    pub(super) steps: usize,
    /// The cells.
    pub(super) weights: &'a [u16],
    /// α times the cells, summed up to the end of each step.
    pub(super) sums: &'a [f32],
    /// The last running sum of each row.
    pub(super) totals: &'a [f32],
    /// What one token weighs in each topic: 1 / (N + Vβ).
    pub(super) inverse: &'a [f32],
    /// The prior of each topic in a document.
    pub(super) alpha: &'a [f32],
}

/// Some terms' rows, for one thread to change.
pub(super) struct Rows<'a> {
    first: usize,
    counts: &'a mut [u32],
    weights: &'a mut [u16],
    sums: &'a mut [f32],
    totals: &'a mut [f32],
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
pub(super) const fn pack(word: u32, old: u32, new: u32) -> u64 {
    (word as u64) << 32 | (old as u64) << 16 | new as u64
}

/// The term of a packed change.
pub(super) const fn packed_word(moved: u64) -> usize {
    (moved >> 32) as usize
}

impl Table {
    /// A table of nothing yet: to be filled by [`add`](Self::add), [`shift`](Self::shift) and a renewal of its rows.
    pub(super) fn new(terms: usize, alpha: &[f32], beta: f32) -> Self {
        let k = alpha.len();
        let stride = (k + 1).next_multiple_of(STEP);
        let steps = stride / STEP;
        let mut padded = vec![0.0; stride];
        padded[..k].copy_from_slice(alpha);
        Self {
            k,
            stride,
            steps,
            terms,
            beta,
            weights: Lines::new((terms + 1) * stride),
            sums: Lines::new((terms + 1) * steps),
            totals: vec![0.0; terms + 1],
            counts: vec![0; terms * stride],
            topic_tokens: vec![0; k],
            inverse: vec![0.0; stride],
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
            sums: self.sums.get(),
            totals: &self.totals,
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
        let (mut sums, mut totals) = (self.sums.get_mut(), &mut self.totals[..]);
        let mut first = 0;
        for end in ends {
            let terms = end - first;
            rows.push(Rows {
                first,
                counts: counts.split_off_mut(..terms * stride).expect(AS_MANY),
                weights: weights.split_off_mut(..terms * stride).expect(AS_MANY),
                sums: sums.split_off_mut(..terms * steps).expect(AS_MANY),
                totals: totals.split_off_mut(..terms).expect(AS_MANY),
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
    inverse: &'a [f32],
    alpha: &'a [f32],
}

impl Rows<'_> {
    /// Counts what has moved, and gives back what came to each topic.
    pub(super) fn count<'m>(&mut self, by: Renewal<'_>, moved: impl Iterator<Item = &'m [u64]>) -> Vec<i64> {
        let mut change = vec![0; by.stride];
        for moved in moved.flatten() {
            let row = (packed_word(*moved) - self.first) * by.stride;
            let (old, new) = (usize::from((*moved >> 16) as u16), usize::from(*moved as u16));
            self.counts[row + old] -= 1;
            self.counts[row + new] += 1;
            change[old] -= 1;
            change[new] += 1;
        }
        change
    }

    /// Works the weights out from the counts.
    pub(super) fn renew(&mut self, by: Renewal<'_>) {
        let rows = self.weights.chunks_exact_mut(by.stride).zip(self.counts.chunks_exact(by.stride));
        let sums = self.sums.chunks_exact_mut(by.steps).zip(&mut *self.totals);
        for ((weights, counts), (sums, total)) in rows.zip(sums) {
            // Below 2³¹ a count is a signed number too, and those turn into `f32` several at a time.
            for ((weight, count), inverse) in weights.iter_mut().zip(counts).zip(by.inverse) {
                *weight = narrow((count.cast_signed() as f32 + by.beta) * inverse);
            }
            let mut sum = 0.0;
            let steps = weights.as_chunks::<STEP>().0.iter().zip(by.alpha.as_chunks::<STEP>().0);
            for (running, (weights, alpha)) in sums.iter_mut().zip(steps) {
                let mut part = [0.0; STEP];
                for index in 0..STEP {
                    part[index] = widen(weights[index]) * alpha[index];
                }
                sum += together(part);
                *running = sum;
            }
            *total = sum;
        }
    }
}
