//! A model to read: words by relevance, a map of topics, the documents that are most of a topic.

use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;

use super::model::Model;

/// How relevant words are: λ ln p(w | t) + (1 − λ) ln (p(w | t) / p(w)) (Sievert and Shirley 2014). At λ = 1 the most
/// probable words come first; towards 0 those that other topics do not have.
#[derive(Debug, Clone)]
pub struct Relevance<'a> {
    model: &'a Model,
    /// How probable each word is in all text.
    everywhere: Vec<f32>,
}

/// A word of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The word.
    pub term: String,
    /// How probable it is in the topic.
    pub weight: f32,
    /// How probable it is in all text.
    pub everywhere: f32,
    /// Of all its occurrences, how many are in this topic, from 0 to 1.
    pub here: f32,
}

impl<'a> Relevance<'a> {
    /// Of the words of a model.
    pub fn of(model: &'a Model) -> Self {
        let mut everywhere = vec![0.0_f32; model.terms.len()];
        for (row, share) in model.topics.rows().into_iter().zip(&model.shares) {
            for (word, weight) in everywhere.iter_mut().zip(row) {
                *word += share * weight;
            }
        }
        Self { model, everywhere }
    }

    /// A topic's most relevant terms by their numbers, with their relevance.
    pub fn terms(&self, topic: usize, lambda: f32, most: usize) -> Vec<(usize, f32)> {
        let relevance = |(term, weight): (usize, &f32)| {
            let lift = weight / self.everywhere[term];
            (term, lambda * weight.ln() + (1.0 - lambda) * lift.ln())
        };
        let row = self.model.topics.row(topic);
        let mut terms: Vec<(usize, f32)> =
            row.iter().enumerate().filter(|(_, weight)| **weight > 0.0).map(relevance).collect();
        let by_relevance = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        // A vocabulary is long, and few of its words are read.
        if most < terms.len() {
            terms.select_nth_unstable_by(most, by_relevance);
            terms.truncate(most);
        }
        terms.sort_by(by_relevance);
        terms
    }

    /// A topic's most relevant words.
    pub fn words(&self, topic: usize, lambda: f32, most: usize) -> Vec<Word> {
        let share = self.model.shares[topic];
        let word = |(term, _): (usize, f32)| {
            let (weight, everywhere) = (self.model.topics[[topic, term]], self.everywhere[term]);
            let here = (share * weight / everywhere).min(1.0);
            Word { term: self.model.terms[term].clone(), weight, everywhere, here }
        };
        self.terms(topic, lambda, most).into_iter().map(word).collect()
    }
}

/// A topic's most relevant terms by their numbers, with their [`Relevance`].
pub fn relevant_terms(model: &Model, topic: usize, lambda: f32, most: usize) -> Vec<(usize, f32)> {
    Relevance::of(model).terms(topic, lambda, most)
}

/// The documents that are most of a topic, the most typical first.
pub fn typical_documents(shares: &Array2<f32>, topic: usize, most: usize) -> Vec<(usize, f32)> {
    let mut documents: Vec<(usize, f32)> = shares.column(topic).iter().copied().enumerate().collect();
    documents.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    documents.truncate(most);
    documents
}

/// How far apart topics are: the root of the Jensen–Shannon divergence of their words, from 0 to 1.
///
/// Of many topics over many words, each pair is told by the words that lead in either; all others count as one. That is
/// a little less than the whole distance (what is put together cannot be told apart), and takes seconds, not minutes.
pub fn distances(model: &Model) -> Array2<f64> {
    /// Words of pairs that are looked at, in all: about a second of work.
    const WORDS: usize = 60_000_000;
    let k = model.k();
    distances_by(model, (WORDS / (k * k).max(1)).max(50))
}

/// The same by so many leading words of each topic.
fn distances_by(model: &Model, words: usize) -> Array2<f64> {
    let k = model.k();
    let leading: Vec<Vec<usize>> = (0..k)
        .into_par_iter()
        .map(|topic| {
            let mut terms: Vec<usize> =
                model.top_terms(topic, words).into_iter().map(|(term, _)| term).collect();
            terms.sort_unstable();
            terms
        })
        .collect();
    let rows: Vec<Vec<f64>> = (0..k)
        .into_par_iter()
        .map(|one| {
            let to = |other: usize| {
                let terms = either(&leading[one], &leading[other]);
                jensen_shannon(terms, model.topics.row(one), model.topics.row(other))
            };
            (one + 1..k).map(to).collect()
        })
        .collect();
    let mut distances = Array2::zeros((k, k));
    for (one, row) in rows.into_iter().enumerate() {
        for (other, distance) in (one + 1..).zip(row) {
            distances[[one, other]] = distance;
            distances[[other, one]] = distance;
        }
    }
    distances
}

/// What is in either of two rising lists, once.
fn either<'a>(mut one: &'a [usize], mut other: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    std::iter::from_fn(move || {
        let next = match (one.first(), other.first()) {
            (Some(a), Some(b)) => *a.min(b),
            (Some(next), None) | (None, Some(next)) => *next,
            (None, None) => return None,
        };
        for list in [&mut one, &mut other] {
            if list.first() == Some(&next) {
                *list = &list[1..];
            }
        }
        Some(next)
    })
}

fn jensen_shannon(
    terms: impl Iterator<Item = usize>,
    one: ArrayView1<'_, f32>,
    other: ArrayView1<'_, f32>,
) -> f64 {
    let part = |weight: f64, mean: f64| if weight > 0.0 { weight * (weight / mean).log2() } else { 0.0 };
    let both = |one: f64, other: f64| {
        let mean = f64::midpoint(one, other);
        f64::midpoint(part(one, mean), part(other, mean))
    };
    let mut divergence = 0.0;
    let (mut rest, mut other_rest) = (1.0, 1.0);
    for term in terms {
        let (one, other) = (f64::from(one[term]), f64::from(other[term]));
        divergence += both(one, other);
        rest -= one;
        other_rest -= other;
    }
    divergence += both(rest.max(0.0), other_rest.max(0.0));
    divergence.clamp(0.0, 1.0).sqrt()
}

/// Topics as points in a plane, as far apart as they can be drawn: classical scaling (Torgerson 1952) of their
/// distances.
pub fn map(model: &Model) -> Vec<(f64, f64)> {
    let k = model.k();
    let distances = distances(model);
    let squared = distances.mapv(|distance| distance * distance);
    let rows = squared.mean_axis(ndarray::Axis(0)).unwrap_or_default();
    let all = rows.mean().unwrap_or_default();
    let mut inner =
        Array2::from_shape_fn((k, k), |(a, b)| -0.5 * (squared[[a, b]] - rows[a] - rows[b] + all));
    let x = axis(&inner);
    for a in 0..k {
        for b in 0..k {
            inner[[a, b]] -= x[a] * x[b];
        }
    }
    let y = axis(&inner);
    x.into_iter().zip(y).collect()
}

/// The direction of the greatest spread, each topic's place on it: the leading eigenvector times the root of its value.
fn axis(inner: &Array2<f64>) -> Vec<f64> {
    #[allow(clippy::cast_precision_loss, reason = "a beginning that is like no eigenvector")]
    let mut direction: Vec<f64> = (0..inner.nrows()).map(|index| 1.0 + (index as f64 * 0.7).sin()).collect();
    let mut value = 0.0;
    for _ in 0..300 {
        let next: Vec<f64> = inner
            .rows()
            .into_iter()
            .map(|row| row.iter().zip(&direction).map(|(a, b)| a * b).sum())
            .collect();
        let length = next.iter().map(|place| place * place).sum::<f64>().sqrt();
        if length < 1e-12 {
            return vec![0.0; inner.nrows()];
        }
        direction = next.into_iter().map(|place| place / length).collect();
        let done = (length - value).abs() < 1e-12;
        value = length;
        if done {
            break;
        }
    }
    direction.into_iter().map(|place| place * value.sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{Corpus, Method, Order};

    #[test]
    fn leading_words_tell_how_far_apart_topics_are() {
        let posts = (0..400).map(|post| {
            let subject = post % 8;
            let words = (0..9).map(|word| format!("s{subject}w{} ", (post * 7 + word * word) % 30));
            words.collect::<String>() + "common other\n"
        });
        let corpus = Corpus::from_lines(&posts.collect::<String>());
        let order = Order { method: Some(Method::Lda), k: Some(8), ..Order::default() };
        let model = order.fit(corpus).expect("a model").model;
        let (all, some) = (distances_by(&model, model.terms.len()), distances_by(&model, 40));
        for (all, some) in all.iter().zip(&some) {
            assert!(*some <= all + 1e-4 && all - some < 0.1, "{some} instead of {all}");
        }
        assert!(all[[0, 1]] > 0.8 && all[[1, 1]] < 1e-9, "{all}");
    }

    #[test]
    fn what_is_in_either_comes_once() {
        assert_eq!(either(&[1, 3, 4], &[2, 3, 9]).collect::<Vec<_>>(), [1, 2, 3, 4, 9]);
        assert_eq!(either(&[], &[5]).collect::<Vec<_>>(), [5]);
    }
}
