//! One pass of collapsed Gibbs sampling over a part: each token draws its topic anew, given all others.
//!
//! Topic t of a token of term w in document d weighs (nₜ + αₜ) φₜ, where nₜ counts the document's other tokens in t
//! and φₜ is w's cell in the table. A post has seven tokens and there may be a thousand topics, so the sum is taken
//! apart: Σₜ nₜ φₜ is a sum over the *other tokens* of φ at their topics, and Σₜ αₜ φₜ belongs to the term alone and
//! lies ready in the table. The draw falls on one of the other tokens (whose topic is taken) or beyond them (and a
//! running sum says which topic). That is exact for any number of topics, and costs as many reads as the document has
//! tokens.
//!
//! The token itself must not weigh in: in its old topic t its own share is 1 / (N + Vβ) of every φₜ, and is taken off
//! wherever t stands. In the prior's running sums it cannot be taken off, so there that share is the last piece of t's
//! stretch; a draw that falls on it (seldom) falls on the piece at the end of all instead, which is as long.
//!
//! Sixteen documents go side by side, in vectors of eight numbers that are said rather than hoped for: their sums do
//! not wait for one another, and the rows of the next tokens are on their way while these are added. What happens
//! seldom is put off to the end of a row, so that branches can be foreseen. Vectors of `wide` are the same bits on
//! every machine, two halves of four where there are no eight.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "topics are counted in 16 bits; what is counted up is not below 0"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "documents of a group are walked by number, several arrays at once"
)]
#![allow(clippy::inline_always, reason = "these are the innermost loops")]

use wide::bytemuck::cast;
use wide::{f32x4, f32x8, i16x8, i32x8, u16x8, u32x8};

use super::arrangement::{Group, LANES, LONGEST, Part};
use super::table::{Frozen, STEP, TOPICS, pack, packed_word, widen};
use crate::topics::random::Draws;

/// A number for each of a group's documents.
type Floats = [f32x8; LANES / 8];

/// Room for a group's rows, and one more; a power of two, so that no number of a row needs a check.
const ROWS: usize = 128;
const _: () = assert!(LONGEST < ROWS);

/// Room for one group.
#[derive(Debug)]
pub(super) struct Scratch {
    topics: Box<[[u16; LANES]; ROWS]>,
    reached: Box<[Floats; ROWS]>,
    counts: Vec<u32>,
    present: Vec<u16>,
    ends: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(k: usize) -> Self {
        Self {
            topics: Box::new([[0; LANES]; ROWS]),
            reached: Box::new([Floats::default(); ROWS]),
            counts: vec![0; k],
            present: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl Part {
    /// Draws every token's topic anew, and notes those that have changed, parted by the ranges of terms that end at
    /// `ends`.
    pub(super) fn sweep(&mut self, table: Frozen<'_>, draws: Draws, scratch: &mut Scratch, ends: &[usize]) {
        match table.steps {
            1 => self.sweep_rows::<1>(table, draws, scratch),
            2 => self.sweep_rows::<2>(table, draws, scratch),
            4 => self.sweep_rows::<4>(table, draws, scratch),
            8 => self.sweep_rows::<8>(table, draws, scratch),
            16 => self.sweep_rows::<16>(table, draws, scratch),
            32 => self.sweep_rows::<32>(table, draws, scratch),
            64 => self.sweep_rows::<64>(table, draws, scratch),
            _ => self.sweep_rows::<128>(table, draws, scratch),
        }
        self.part_moved(ends);
    }

    fn sweep_rows<const STEPS: usize>(&mut self, table: Frozen<'_>, draws: Draws, scratch: &mut Scratch) {
        // Whether it moves or not, a token is written down: there is room for one more than all.
        self.moved.resize(self.words.len() + self.long_words.len() + 1, 0);
        self.moves = 0;
        for index in 0..self.groups.len() {
            let group = self.groups[index];
            self.sweep_group::<STEPS>(group, table, draws, scratch);
        }
        let mut from = 0;
        for index in 0..self.long_ends.len() {
            let to = self.long_ends[index];
            self.sweep_long::<STEPS>(from, to, table, draws, scratch);
            from = to;
        }
    }

    /// What has changed among the terms of range number `range`.
    pub(super) fn moved_in(&self, range: usize) -> &[u64] {
        &self.moved[self.starts[range]..self.starts[range + 1]]
    }

    /// Parts what has changed by the ranges of terms that end at `ends`.
    fn part_moved(&mut self, ends: &[usize]) {
        self.starts.clear();
        self.starts.push(0);
        part_by(&mut self.moved[..self.moves], ends, &mut self.starts);
    }

    fn sweep_group<const STEPS: usize>(
        &mut self,
        group: Group,
        table: Frozen<'_>,
        draws: Draws,
        scratch: &mut Scratch,
    ) {
        let rows = group.rows;
        let first = self.first + group.start as u64;
        let words = self.words[group.start..].as_chunks::<LANES>().0;
        let stored = &mut self.topics[group.start..].as_chunks_mut::<LANES>().0[..rows];
        let Scratch { topics, reached, .. } = scratch;
        topics[..rows].copy_from_slice(stored);
        let mut chances = Chances::new(draws, first);
        let mut moves = self.moves;
        for row in 0..rows {
            let word = words[row];
            if let Some(next) = words.get(row + 1) {
                for word in next {
                    table.fetch::<STEPS>(*word);
                }
            }
            let old = topics[row];
            // No topic, which weighs nothing: the token does not stand for its own.
            topics[row] = [table.k as u16; LANES];
            let mut cells = [table.cells(0); LANES];
            let mut share = [0.0; LANES];
            let mut prior = [0.0; LANES];
            for lane in 0..LANES {
                cells[lane] = table.cells(word[lane]);
                let old = usize::from(old[lane]) % TOPICS;
                share[lane] = table.inverse[old];
                prior[lane] =
                    table.ends::<STEPS>(word[lane])[STEPS - 1] - table.inverse[old] * table.alpha[old];
            }
            let share = floats(share);
            let mut sum = Floats::default();
            for (reached, topic) in reached[..rows].iter_mut().zip(&topics[..rows]) {
                let mut cell = [0; LANES];
                for lane in 0..LANES {
                    cell[lane] = cells[lane][usize::from(topic[lane])];
                }
                for (half, sum) in sum.iter_mut().enumerate() {
                    let own = alike(eight(topic, half), eight(&old, half)) & share[half];
                    // Rounded to a cell, a count of one may weigh a little less than one.
                    *sum += (widen_eight(eight(&cell, half)) - own).fast_max(f32x8::ZERO);
                }
                *reached = sum;
            }
            let prior = floats(prior);
            let mut aim = chances.next();
            for half in 0..aim.len() {
                aim[half] *= sum[half] + prior[half];
            }
            let mut hit = [i32x8::ZERO; LANES / 8];
            for reached in &reached[..rows] {
                for half in 0..aim.len() {
                    hit[half] -= cast::<f32x8, i32x8>(reached[half].simd_le(aim[half]));
                }
            }
            let hit: [i32; LANES] = cast(hit);
            let mut new = [0; LANES];
            for lane in 0..LANES {
                new[lane] = topics[hit[lane] as usize % ROWS][lane];
            }
            let mut beyond = 0;
            for half in 0..aim.len() {
                beyond |= aim[half].simd_ge(sum[half]).to_bitmask() << (8 * half);
                aim[half] -= sum[half];
            }
            let aim: [f32; LANES] = cast(aim);
            while beyond != 0 {
                let lane = beyond.trailing_zeros() as usize % LANES;
                beyond &= beyond - 1;
                new[lane] = draw_from_prior_without_own::<STEPS>(table, word[lane], old[lane], aim[lane]);
            }
            topics[row] = new;
            stored[row] = new;
            for lane in 0..LANES {
                self.moved[moves] = pack(word[lane], old[lane], new[lane]);
                moves += usize::from(new[lane] != old[lane]);
            }
        }
        self.moves = moves;
    }

    /// A document with many tokens: its topics are counted, and those that it has are walked.
    fn sweep_long<const STEPS: usize>(
        &mut self,
        from: usize,
        to: usize,
        table: Frozen<'_>,
        draws: Draws,
        scratch: &mut Scratch,
    ) {
        let first = self.first + from as u64;
        let words = &self.long_words[from..to];
        let topics = &mut self.long_topics[from..to];
        let Scratch { counts, present, ends, .. } = scratch;
        present.clear();
        for topic in &*topics {
            let count = &mut counts[usize::from(*topic)];
            if *count == 0 {
                present.push(*topic);
            }
            *count += 1;
        }
        for ((index, word), topic) in (first..).zip(words).zip(&mut *topics) {
            let old = *topic;
            counts[usize::from(old)] -= 1;
            let cells = table.cells(*word);
            let share = table.inverse[usize::from(old) % TOPICS];
            ends.clear();
            let mut sum = 0.0;
            for topic in &*present {
                let own = if *topic == old { share } else { 0.0 };
                let weight = (widen(cells[usize::from(*topic)]) - own).max(0.0);
                #[allow(clippy::cast_precision_loss, reason = "a document has fewer than 2²⁴ tokens")]
                let count = counts[usize::from(*topic)] as f32;
                sum += count * weight;
                ends.push(sum);
            }
            let prior =
                table.ends::<STEPS>(*word)[STEPS - 1] - share * table.alpha[usize::from(old) % TOPICS];
            let aim = (sum + prior) * draws.unit(index);
            let hit = ends.iter().filter(|end| **end <= aim).count();
            let new = match present.get(hit) {
                Some(topic) => *topic,
                None => draw_from_prior_without_own::<STEPS>(table, *word, old, aim - sum),
            };
            if new != old {
                self.moved[self.moves] = pack(*word, old, new);
                self.moves += 1;
                *topic = new;
                if counts[usize::from(old)] == 0 {
                    present.retain(|topic| *topic != old);
                }
                if counts[usize::from(new)] == 0 {
                    present.push(new);
                }
            }
            counts[usize::from(new)] += 1;
        }
        for topic in &*present {
            counts[usize::from(*topic)] = 0;
        }
    }
}

/// Parts changes by ranges of terms in place, and notes where each range's changes end.
fn part_by(moved: &mut [u64], ends: &[usize], starts: &mut Vec<usize>) {
    if ends.len() < 2 {
        starts.extend(starts.last().map(|start| start + moved.len()));
        return;
    }
    let (lower, upper) = ends.split_at(ends.len() / 2);
    let mut below = 0;
    for index in 0..moved.len() {
        // Whether it goes to the front is a coin's throw, which no processor foresees: both are always exchanged.
        moved.swap(index, below);
        below += usize::from(packed_word(moved[below]) < lower[lower.len() - 1]);
    }
    let (below, above) = moved.split_at_mut(below);
    part_by(below, lower, starts);
    part_by(above, upper, starts);
}

/// Numbers from [0, 1) for a group, row by row: a small generator for each document (Marsaglia 2003, *Xorshift RNGs*),
/// begun by counting.
struct Chances([u32x8; LANES / 8]);

impl Chances {
    #[inline(always)]
    fn new(draws: Draws, first: u64) -> Self {
        let mut begin = [0; LANES / 2];
        for (begin, index) in begin.iter_mut().zip(first..) {
            // None of them may be 0.
            *begin = draws.bits(index) | 1 << 32 | 1;
        }
        Self(cast(begin))
    }

    #[inline(always)]
    fn next(&mut self) -> Floats {
        self.0.each_mut().map(|state| {
            *state ^= *state << 13;
            *state ^= *state >> 17;
            *state ^= *state << 5;
            f32x8::from_i32x8(cast(*state >> 8)) * f32x8::splat(1.0 / 16_777_216.0)
        })
    }
}

#[inline(always)]
fn floats(numbers: [f32; LANES]) -> Floats {
    cast(numbers)
}

/// One half of a row.
#[inline(always)]
fn eight(numbers: &[u16; LANES], half: usize) -> u16x8 {
    u16x8::from(numbers.as_chunks().0[half])
}

/// All bits, where two are the same.
#[inline(always)]
fn alike(one: u16x8, other: u16x8) -> f32x8 {
    let same: i16x8 = cast(one.simd_eq(other));
    cast(i32x8::from(same))
}

/// Eight cells' weights.
#[inline(always)]
fn widen_eight(cells: u16x8) -> f32x8 {
    cast(u32x8::from(cells) << 16)
}

/// Sums of eight numbers up to each of them, the halves side by side.
#[inline(always)]
fn running(numbers: f32x8) -> f32x8 {
    let halves: [f32x4; 2] = cast(numbers);
    let [low, high] = halves.map(|half| {
        let [a, b, c, _] = half.to_array();
        let pairs = half + f32x4::new([0.0, a, b, c]);
        let [a, b, _, _] = pairs.to_array();
        pairs + f32x4::new([0.0, 0.0, a, b])
    });
    let [.., all] = low.to_array();
    cast([low, high + f32x4::splat(all)])
}

/// The topic that the prior's part of the draw falls on, and where its stretch ends.
#[inline(always)]
fn draw_from_prior<const STEPS: usize>(table: Frozen<'_>, word: u32, aim: f32) -> (u16, f32) {
    let ends = table.ends::<STEPS>(word);
    let (eights, rest) = ends.as_chunks::<8>();
    let mut step: usize = rest.iter().map(|end| usize::from(*end <= aim)).sum();
    if !eights.is_empty() {
        let mut below = i32x8::ZERO;
        for ends in eights {
            below -= cast::<f32x8, i32x8>(f32x8::from(*ends).simd_le(f32x8::splat(aim)));
        }
        step += below.reduce_add() as usize;
    }
    // What rounding leaves beyond the last topic is the last topic's.
    let step = step.min(table.stride / STEP - 1);
    let begin = if step == 0 { 0.0 } else { ends[(step - 1) % STEPS] };
    let cells = table.cells(word).as_chunks::<STEP>().0[step];
    let alpha = table.alpha.as_chunks::<STEP>().0[step % (TOPICS / STEP)];
    let ends = running(widen_eight(u16x8::from(cells)) * f32x8::from(alpha)) + f32x8::splat(begin);
    let above = ends.simd_gt(f32x8::splat(aim)).to_bitmask();
    let hit = (above | 1 << (STEP - 1)).trailing_zeros() as usize % STEP;
    let topic = (step * STEP + hit).min(table.k - 1);
    (topic as u16, ends.to_array()[topic % STEP])
}

/// The same for an aim below the prior's weight without the token's own share: where the own share would be, the piece
/// at the end stands for it.
#[inline(always)]
fn draw_from_prior_without_own<const STEPS: usize>(table: Frozen<'_>, word: u32, old: u16, aim: f32) -> u16 {
    let topic = usize::from(old) % TOPICS;
    if topic == table.k {
        return old;
    }
    let share = table.inverse[topic] * table.alpha[topic];
    let (new, end) = draw_from_prior::<STEPS>(table, word, aim);
    if new == old && end - aim < share {
        draw_from_prior::<STEPS>(table, word, aim + (table.ends::<STEPS>(word)[STEPS - 1] - end)).0
    } else {
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "small whole numbers are exact")]
    fn running_sums_leave_nothing_out() {
        let sums = running(f32x8::from([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]));
        assert_eq!(sums.to_array(), [1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0]);
    }

    #[test]
    fn changes_are_parted_by_ranges_and_none_is_lost() {
        for ends in [vec![9], vec![4, 9], vec![2, 2, 9], vec![1, 3, 5, 7, 9]] {
            let mut moved: Vec<u64> =
                (0..200_u32).map(|number| pack(number * 7 % 9, number as u16, 3)).collect();
            let mut sorted = moved.clone();
            let mut starts = vec![0];
            part_by(&mut moved, &ends, &mut starts);
            let mut first = 0;
            for (range, end) in starts.windows(2).zip(&ends) {
                assert!(
                    moved[range[0]..range[1]].iter().all(|one| (first..*end).contains(&packed_word(*one)))
                );
                first = *end;
            }
            assert_eq!(starts.len(), ends.len() + 1);
            moved.sort_unstable();
            sorted.sort_unstable();
            assert_eq!(moved, sorted);
        }
    }

    #[test]
    fn chances_are_even_and_those_of_documents_differ() {
        let (mut tenths, mut rows) = ([0_u32; 10], 0_u16);
        let mut met = [0.0; LANES];
        for group in 0..500 {
            let mut chances = Chances::new(Draws::new(3, 9), group * 128);
            for _ in 0..8 {
                let row: [f32; LANES] = cast(chances.next());
                for chance in row {
                    assert!((0.0..1.0).contains(&chance));
                    tenths[(chance * 10.0) as usize] += 1;
                }
                for (met, other) in met.iter_mut().zip(row.iter().cycle().skip(1)) {
                    *met += (row[0] - 0.5) * (other - 0.5);
                }
                rows += 1;
            }
        }
        // 6,400 are expected in each tenth, give or take 76.
        assert!(tenths.iter().all(|count| (6_000..6_800).contains(count)), "{tenths:?}");
        // By chance alone these means are within 0.0013 of 0; the last is the first document's own variance, 1/12.
        let correlated = met.map(|sum| sum / f32::from(rows));
        assert!(correlated[..LANES - 1].iter().all(|mean| mean.abs() < 0.007), "{correlated:?}");
        assert!((correlated[LANES - 1] - 1.0 / 12.0).abs() < 0.007, "{correlated:?}");
    }
}
