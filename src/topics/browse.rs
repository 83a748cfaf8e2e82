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
pub fn distances(model: &Model) -> Array2<f64> {
    let k = model.k();
    let rows: Vec<Vec<f64>> = (0..k)
        .into_par_iter()
        .map(|one| {
            let to = |other| jensen_shannon(model.topics.row(one), model.topics.row(other));
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

fn jensen_shannon(one: ArrayView1<'_, f32>, other: ArrayView1<'_, f32>) -> f64 {
    let part = |weight: f64, mean: f64| if weight > 0.0 { weight * (weight / mean).log2() } else { 0.0 };
    let divergence = one.iter().zip(other).map(|(one, other)| {
        let (one, other) = (f64::from(*one), f64::from(*other));
        let mean = f64::midpoint(one, other);
        f64::midpoint(part(one, mean), part(other, mean))
    });
    divergence.sum::<f64>().clamp(0.0, 1.0).sqrt()
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
