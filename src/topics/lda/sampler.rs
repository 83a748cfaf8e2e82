//! One pass of collapsed Gibbs sampling over a part: each token draws its topic anew, given all others.
//!
//! Topic t of a token of term w in document d weighs (nₜ + αₜ) φₜ, where nₜ counts the document's other tokens in t
//! and φₜ is w's cell in the table. A post has seven tokens and there may be a thousand topics, so the sum is taken
//! apart: Σₜ nₜ φₜ is a sum over the *other tokens* of φ at their topics, and Σₜ αₜ φₜ belongs to the term alone and
//! lies ready in the table. The draw falls on one of the other tokens (whose topic is taken) or beyond them (and a
//! running sum says which topic). That is exact for any number of topics, and costs as many reads as the document has
//! tokens.
//!
//! The token itself must not weigh in: in its old topic t its own share is 1 / (N + Vβ) of every φₜ. That share is the
//! last piece of each stretch that stands for t; a draw that falls there (seldom) is drawn again without it.
//!
//! Sixteen documents go side by side: their sums do not wait for one another, and what is read for one is on its way
//! while the others are added. What happens seldom is put off to the end of a row, so that branches can be foreseen.
//! Measured: one document at a time is 1.3 to 1.6 times slower. Wider registers than those of every x86-64 gained
//! nothing at sixteen lanes: the loop waits for memory.

#![allow(
    clippy::cast_possible_truncation,
    reason = "topics are counted in 16 bits, and held in 32 while they are sampled"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "lanes are walked by number, several arrays at once: that is what compiles to vector instructions"
)]
#![allow(clippy::inline_always, reason = "these are the innermost loops")]

use super::arrangement::{Group, LANES, LONGEST, Part};
use super::table::{Frozen, STEP, pack, packed_word, widen};
use crate::topics::random::Draws;

/// Room for one group.
#[derive(Debug)]
pub(super) struct Scratch {
    topics: Vec<[u32; LANES]>,
    reached: Vec<[f32; LANES]>,
    counts: Vec<u32>,
    present: Vec<u16>,
    ends: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(k: usize) -> Self {
        Self {
            topics: vec![[0; LANES]; LONGEST],
            reached: vec![[0.0; LANES]; LONGEST],
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
        self.moved.clear();
        for index in 0..self.groups.len() {
            let group = self.groups[index];
            self.sweep_group(group, table, draws, scratch);
        }
        let mut from = 0;
        for index in 0..self.long_ends.len() {
            let to = self.long_ends[index];
            self.sweep_long(from, to, table, draws, scratch);
            from = to;
        }
        self.sort_moved(ends);
    }

    /// What has changed among the terms of range number `range`.
    pub(super) fn moved_in(&self, range: usize) -> &[u64] {
        match self.starts.get(range..range + 2) {
            Some(&[from, to]) => self.sorted.get(from..to).unwrap_or_default(),
            _ => &self.moved,
        }
    }

    fn sort_moved(&mut self, ends: &[usize]) {
        self.starts.clear();
        if ends.len() < 2 {
            return;
        }
        let range = |moved: u64| ends.partition_point(|end| *end <= packed_word(moved));
        let mut starts = vec![0; ends.len() + 1];
        for moved in &self.moved {
            starts[range(*moved) + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut next = starts.clone();
        self.sorted.clear();
        self.sorted.resize(self.moved.len(), 0);
        for moved in &self.moved {
            let place = &mut next[range(*moved)];
            self.sorted[*place] = *moved;
            *place += 1;
        }
        self.starts = starts;
    }

    fn sweep_group(&mut self, group: Group, table: Frozen<'_>, draws: Draws, scratch: &mut Scratch) {
        let rows = group.rows;
        let first = self.first + group.start as u64;
        let words = &self.words[group.start..].as_chunks::<LANES>().0[..rows];
        let stored = &mut self.topics[group.start..].as_chunks_mut::<LANES>().0[..rows];
        let topics = &mut scratch.topics[..rows];
        let reached = &mut scratch.reached[..rows];
        for (topics, stored) in topics.iter_mut().zip(&*stored) {
            *topics = stored.map(u32::from);
        }
        let mut end_of_moved = self.moved.len();
        self.moved.resize(end_of_moved + rows * LANES, 0);
        for row in 0..rows {
            let word = words[row];
            let old = topics[row];
            // No topic, which weighs nothing: the token does not stand for its own.
            topics[row] = [table.k as u32; LANES];
            let base = word.map(|word| word as usize * table.stride);
            let mut sum = [0.0; LANES];
            for (reached, topic) in reached.iter_mut().zip(&*topics) {
                let mut cell = [0; LANES];
                for lane in 0..LANES {
                    cell[lane] = table.weights[base[lane] + topic[lane] as usize];
                }
                for lane in 0..LANES {
                    sum[lane] += widen(cell[lane]);
                }
                *reached = sum;
            }
            let mut aim = [0.0; LANES];
            for lane in 0..LANES {
                let chance = draws.unit(first + (row * LANES + lane) as u64);
                aim[lane] = (sum[lane] + table.totals[word[lane] as usize]) * chance;
            }
            let mut hit = [0_u32; LANES];
            for reached in &*reached {
                for lane in 0..LANES {
                    hit[lane] += u32::from(reached[lane] <= aim[lane]);
                }
            }
            let mut new = [0_u32; LANES];
            let mut end = [0.0; LANES];
            let mut share = [0.0; LANES];
            let mut beyond = 0_u32;
            for lane in 0..LANES {
                beyond |= u32::from(hit[lane] as usize >= rows) << lane;
                let token = (hit[lane] as usize).min(rows - 1);
                new[lane] = topics[token][lane];
                end[lane] = reached[token][lane];
                share[lane] = table.inverse[old[lane] as usize];
            }
            while beyond != 0 {
                let lane = beyond.trailing_zeros() as usize % LANES;
                beyond &= beyond - 1;
                aim[lane] -= sum[lane];
                (new[lane], end[lane]) = draw_from_prior(table, word[lane], old[lane], aim[lane]);
                share[lane] *= table.alpha[old[lane] as usize];
            }
            let mut own = 0_u32;
            for lane in 0..LANES {
                own |= u32::from(new[lane] == old[lane] && end[lane] - aim[lane] < share[lane]) << lane;
            }
            while own != 0 {
                let lane = own.trailing_zeros() as usize % LANES;
                own &= own - 1;
                let others = topics.iter().map(|topics| topics[lane]);
                let chance = draws.second(first + (row * LANES + lane) as u64);
                new[lane] = draw_again(table, word[lane], old[lane], others, chance);
            }
            topics[row] = new;
            for lane in 0..LANES {
                stored[row][lane] = new[lane] as u16;
                self.moved[end_of_moved] = pack(word[lane], old[lane], new[lane]);
                end_of_moved += usize::from(new[lane] != old[lane]);
            }
        }
        self.moved.truncate(end_of_moved);
    }

    /// A document with many tokens: its topics are counted, and those that it has are walked.
    fn sweep_long(&mut self, from: usize, to: usize, table: Frozen<'_>, draws: Draws, scratch: &mut Scratch) {
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
            let old = u32::from(*topic);
            counts[old as usize] -= 1;
            let row = *word as usize * table.stride;
            ends.clear();
            let mut sum = 0.0;
            for topic in &*present {
                let weight = widen(table.weights[row + usize::from(*topic)]);
                let weight = own_out(table, weight, u32::from(*topic), old);
                #[allow(clippy::cast_precision_loss, reason = "a document has fewer than 2²⁴ tokens")]
                let count = counts[usize::from(*topic)] as f32;
                sum += count * weight;
                ends.push(sum);
            }
            let own_share = table.inverse[old as usize] * table.alpha[old as usize];
            let aim = (sum + (table.totals[*word as usize] - own_share)) * draws.unit(index);
            let hit = ends.iter().filter(|end| **end <= aim).count();
            let new = match present.get(hit) {
                Some(topic) => u32::from(*topic),
                None => draw_from_prior_without_own(table, *word, old, aim - sum),
            };
            if new != old {
                self.moved.push(pack(*word, old, new));
                *topic = new as u16;
                if counts[old as usize] == 0 {
                    present.retain(|topic| u32::from(*topic) != old);
                }
                if counts[new as usize] == 0 {
                    present.push(new as u16);
                }
            }
            counts[new as usize] += 1;
        }
        for topic in &*present {
            counts[usize::from(*topic)] = 0;
        }
    }
}

/// A cell's weight without the token's own share, if it is that of the token's topic.
#[inline(always)]
fn own_out(table: Frozen<'_>, weight: f32, topic: u32, old: u32) -> f32 {
    // Rounded to a cell, a count of one may weigh a little less than one.
    if topic == old { (weight - table.inverse[old as usize]).max(0.0) } else { weight }
}

/// The topic that the prior's part of the draw falls on, and where its stretch ends.
#[inline(always)]
fn draw_from_prior(table: Frozen<'_>, word: u32, old: u32, aim: f32) -> (u32, f32) {
    if old as usize == table.k {
        return (old, f32::INFINITY);
    }
    let sums = &table.sums[word as usize * table.steps..][..table.steps];
    let mut step = 0_u32;
    for sum in sums {
        step += u32::from(*sum <= aim);
    }
    let step = (step as usize).min(table.steps - 1);
    let begin = if step == 0 { 0.0 } else { sums[step - 1] };
    let cells = table.weights[word as usize * table.stride + step * STEP..].first_chunk::<STEP>();
    let alpha = table.alpha[step * STEP..].first_chunk::<STEP>();
    let (Some(cells), Some(alpha)) = (cells, alpha) else { return (old, f32::INFINITY) };
    let mut ends = [0.0; STEP];
    let mut sum = begin;
    let mut hit = 0;
    for index in 0..STEP {
        sum += widen(cells[index]) * alpha[index];
        ends[index] = sum;
        hit += usize::from(sum <= aim);
    }
    // What rounding leaves beyond the last topic is the last topic's.
    let topic = (step * STEP + hit.min(STEP - 1)).min(table.k - 1);
    (topic as u32, ends[topic % STEP])
}

/// The same for an aim below the prior's weight without the token's own share: where the own share would be, the piece
/// at the end stands for it.
fn draw_from_prior_without_own(table: Frozen<'_>, word: u32, old: u32, aim: f32) -> u32 {
    let share = table.inverse[old as usize] * table.alpha[old as usize];
    let (topic, end) = draw_from_prior(table, word, old, aim);
    if topic == old && end - aim < share {
        draw_from_prior(table, word, old, aim + (table.totals[word as usize] - end)).0
    } else {
        topic
    }
}

/// A draw in which the token's own share is not.
#[cold]
#[inline(never)]
fn draw_again(
    table: Frozen<'_>,
    word: u32,
    old: u32,
    others: impl Iterator<Item = u32> + Clone,
    chance: f32,
) -> u32 {
    let row = word as usize * table.stride;
    let weigh = |topic: u32| own_out(table, widen(table.weights[row + topic as usize]), topic, old);
    let sum: f32 = others.clone().map(weigh).sum();
    let prior = table.totals[word as usize] - table.inverse[old as usize] * table.alpha[old as usize];
    let mut aim = (sum + prior) * chance;
    for topic in others {
        let weight = weigh(topic);
        if aim < weight {
            return topic;
        }
        aim -= weight;
    }
    draw_from_prior_without_own(table, word, old, aim)
}
