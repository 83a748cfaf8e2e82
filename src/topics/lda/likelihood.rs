//! How well a model tells the words of its documents, while it is fitted: on a sample, since only the trend matters.

#![allow(clippy::cast_precision_loss, reason = "means are of fewer than 2²⁴ things")]

use super::arrangement::{Arrangement, LANES};
use super::table::{Frozen, widen};

/// Documents of the sample.
const SAMPLE: usize = 1_024;
/// A likelihood that gains less than this over half of what was seen does not rise any more.
const RISE: f64 = 0.002;

/// Mean log-likelihood of a token, in nats.
pub(super) fn of_a_sample(arrangement: &Arrangement, table: Frozen<'_>) -> f64 {
    let groups: usize = arrangement.blocks.iter().flatten().map(|part| part.groups.len()).sum();
    let every = (groups * LANES / SAMPLE).max(1);
    let mut sum = 0.0;
    let mut tokens = 0_u32;
    let mut document = Document::new(table.k);
    let mut seen = 0;
    for part in arrangement.blocks.iter().flatten() {
        for group in &part.groups {
            seen += 1;
            if seen % every != 0 {
                continue;
            }
            let places = group.start..group.start + group.rows * LANES;
            for lane in 0..LANES {
                let places = places.clone().skip(lane).step_by(LANES);
                let held = places
                    .map(|place| (part.words[place], part.topics[place]))
                    .filter(|(_, topic)| usize::from(*topic) < table.k);
                sum += document.likelihood(table, held, &mut tokens);
            }
        }
        let mut from = 0;
        for to in part.long_ends.iter().take(SAMPLE / 64) {
            let held =
                part.long_words[from..*to].iter().copied().zip(part.long_topics[from..*to].iter().copied());
            sum += document.likelihood(table, held, &mut tokens);
            from = *to;
        }
    }
    if tokens == 0 { 0.0 } else { sum / f64::from(tokens) }
}

struct Document {
    topics: Vec<f32>,
}

impl Document {
    fn new(k: usize) -> Self {
        Self { topics: vec![0.0; k] }
    }

    fn likelihood(
        &mut self,
        table: Frozen<'_>,
        held: impl Iterator<Item = (u32, u16)> + Clone,
        tokens: &mut u32,
    ) -> f64 {
        self.topics.copy_from_slice(&table.alpha[..table.k]);
        for (_, topic) in held.clone() {
            self.topics[usize::from(topic)] += 1.0;
        }
        let all: f32 = self.topics.iter().sum();
        let mut sum = 0.0;
        for (word, _) in held {
            let row = &table.weights[word as usize * table.stride..][..table.k];
            let weight: f32 = row.iter().zip(&self.topics).map(|(cell, topic)| widen(*cell) * topic).sum();
            sum += f64::from((weight / all).ln());
            *tokens += 1;
        }
        sum
    }
}

/// Whether the second half of what was seen is still above the first.
pub(super) fn is_rising(likelihoods: &[(usize, f64)]) -> bool {
    const SEEN: usize = 10;
    let Some(last) = likelihoods.len().checked_sub(SEEN).and_then(|from| likelihoods.get(from..)) else {
        return true;
    };
    let mean = |part: &[(usize, f64)]| part.iter().map(|(_, nats)| nats).sum::<f64>() / part.len() as f64;
    let (before, after) = last.split_at(SEEN / 2);
    mean(after) - mean(before) > RISE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_levels_off_rises_no_more() {
        let steep: Vec<(usize, f64)> = (0..20).map(|step| (step, step as f64 * 0.1)).collect();
        let level: Vec<(usize, f64)> = (0..20).map(|step| (step, -8.0 + (step % 2) as f64 * 0.001)).collect();
        assert!(is_rising(&steep));
        assert!(!is_rising(&level));
        assert!(is_rising(&level[..9]), "it is too early to tell");
    }
}
