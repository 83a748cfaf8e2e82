//! α as the documents have it: one fixed-point step of Minka's (*Estimating a Dirichlet distribution*, 2000, equation
//! 55), from how many documents have how many tokens of each topic.
//!
//! The digamma differences are sums of 1 / (α + j), so only histograms are needed, and those are whole numbers: the
//! outcome does not depend on the order in which documents are counted.

#![allow(clippy::cast_possible_truncation, reason = "α is an f32 where it is used")]

use super::arrangement::{Arrangement, LANES};

/// α is kept within these.
const LEAST: f64 = 1e-3;
const MOST: f64 = 100.0;

/// The next α.
pub(super) fn learn(arrangement: &Arrangement, alpha: &[f32]) -> Vec<f32> {
    let k = alpha.len();
    let mut topics = vec![Histogram::default(); k];
    let mut lengths = Histogram::default();
    let mut counts = vec![0_usize; k];
    let mut count = |held: &mut dyn Iterator<Item = u16>| {
        let mut present: Vec<u16> = Vec::new();
        let mut length = 0;
        for topic in held.filter(|topic| usize::from(*topic) < k) {
            let count = &mut counts[usize::from(topic)];
            if *count == 0 {
                present.push(topic);
            }
            *count += 1;
            length += 1;
        }
        lengths.add(length);
        for topic in present {
            topics[usize::from(topic)].add(std::mem::take(&mut counts[usize::from(topic)]));
        }
    };
    for part in arrangement.blocks.iter().flatten() {
        for group in &part.groups {
            let places = &part.topics[group.start..group.start + group.rows * LANES];
            for lane in 0..LANES {
                count(&mut places.iter().skip(lane).step_by(LANES).copied());
            }
        }
        let mut from = 0;
        for to in &part.long_ends {
            count(&mut part.long_topics[from..*to].iter().copied());
            from = *to;
        }
    }
    let together: f64 = alpha.iter().map(|alpha| f64::from(*alpha)).sum();
    let below = lengths.digammas(together);
    let next = |(alpha, topic): (&f32, &Histogram)| {
        let alpha = f64::from(*alpha);
        (alpha * topic.digammas(alpha) / below).clamp(LEAST, MOST) as f32
    };
    alpha.iter().zip(&topics).map(next).collect()
}

/// How many documents have how many.
#[derive(Debug, Clone, Default)]
struct Histogram(Vec<u64>);

impl Histogram {
    fn add(&mut self, tokens: usize) {
        if self.0.len() <= tokens {
            self.0.resize(tokens + 1, 0);
        }
        self.0[tokens] += 1;
    }

    /// The sum over documents of ψ(n + α) − ψ(α).
    #[allow(clippy::cast_precision_loss, reason = "there are fewer than 2⁵² documents")]
    fn digammas(&self, alpha: f64) -> f64 {
        let mut difference = 0.0;
        let mut sum = 0.0;
        for (tokens, documents) in self.0.iter().enumerate() {
            sum += *documents as f64 * difference;
            difference += 1.0 / (alpha + tokens as f64);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_digammas_are_sums() {
        let mut histogram = Histogram::default();
        histogram.add(0);
        histogram.add(3);
        let wanted = 1.0 / 0.5 + 1.0 / 1.5 + 1.0 / 2.5;
        assert!((histogram.digammas(0.5) - wanted).abs() < 1e-12);
    }
}
