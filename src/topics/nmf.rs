//! Non-negative matrix factorisation of TF-IDF: documents ≈ shares × topics, no number below zero, by hierarchical
//! alternating least squares (Cichocki and Phan 2009).
//!
//! With the k × k Gram matrix of one factor at hand, each row of the other is solved by itself, topic by topic. So a
//! pass costs what the words in the documents cost, plus k² a document and a word; rows are independent, and go on
//! all threads with the same outcome.

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "counts become weights")]

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array2;
use rayon::prelude::*;

use super::TopicsError;
use super::corpus::Corpus;
use super::fit::{Frame, Framed, Passes, Step};
use super::lanes::dot;
use super::model::{Fitted, Method, Model};
use super::random::Draws;

/// Rows whose products are added up together: their sums are added in order.
const ROWS: usize = 4_096;
/// Rounds over the topics of a row in a pass of the fit.
const ROUNDS: usize = 2;
/// A topic begins as the mean of so many documents that are alike.
const BEGINNING: usize = 20;
/// A pass that mends less than this part of the error is the last.
const STILL: f64 = 1e-5;

/// The parameters, unchecked.
#[derive(Debug, Clone)]
pub struct NmfParams(NmfValidParams);

/// The parameters, checked.
#[derive(Debug, Clone)]
pub struct NmfValidParams(Frame);

impl NmfParams {
    /// So many topics, and at most 200 passes.
    pub fn new(k: usize) -> Self {
        Self(NmfValidParams(Frame::new(k, 200)))
    }
}

impl Framed for NmfParams {
    fn frame_mut(&mut self) -> &mut Frame {
        &mut self.0.0
    }
}

impl ParamGuard for NmfParams {
    type Checked = NmfValidParams;
    type Error = TopicsError;

    fn check_ref(&self) -> Result<&NmfValidParams, TopicsError> {
        self.0.0.check()?;
        Ok(&self.0)
    }

    fn check(self) -> Result<NmfValidParams, TopicsError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<T> Fit<Corpus, T, TopicsError> for NmfValidParams {
    type Object = Model;

    fn fit(&self, dataset: &DatasetBase<Corpus, T>) -> Result<Model, TopicsError> {
        let corpus = dataset.records();
        self.0.check_terms(corpus)?;
        Ok(self.0.run(
            corpus,
            || Factors::new(self.0.k, corpus),
            |factors| self.alternate(factors),
            |mut factors, fitted| {
                let weights = factors.balance();
                factors.model(corpus, &weights, fitted)
            },
        ))
    }
}

/// A sparse matrix by rows.
struct Sparse {
    ends: Vec<usize>,
    cells: Vec<(u32, f32)>,
}

impl Sparse {
    fn row(&self, index: usize) -> &[(u32, f32)] {
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[from..self.ends[index]]
    }

    /// The same by columns, of which there are so many.
    fn turned(&self, columns: usize) -> Self {
        let mut next = vec![0; columns + 1];
        for (column, _) in &self.cells {
            next[*column as usize + 1] += 1;
        }
        for column in 0..columns {
            next[column + 1] += next[column];
        }
        let ends = next[1..].to_vec();
        let mut cells = vec![(0, 0.0); self.cells.len()];
        for row in 0..self.ends.len() {
            for (column, weight) in self.row(row) {
                let place = &mut next[*column as usize];
                cells[*place] = (row as u32, *weight);
                *place += 1;
            }
        }
        Self { ends, cells }
    }
}

/// A fit under way: documents and words, and the two factors, a row for each of them.
struct Factors {
    k: usize,
    documents: Sparse,
    words: Sparse,
    shares: Vec<f32>,
    topics: Vec<f32>,
}

impl NmfValidParams {
    /// Passes until the error stays.
    fn alternate(&self, factors: &mut Factors) -> Passes {
        let Frame { k, iterations, seed, ref watch, .. } = self.0;
        let mut errors = Vec::new();
        factors.begin(Draws::new(seed, 0));
        let Factors { documents, words, shares, topics, .. } = factors;
        let whole: f64 = documents.cells.iter().map(|(_, weight)| f64::from(*weight).powi(2)).sum();
        let mut last = f64::INFINITY;
        for pass in 1..=iterations {
            if watch.is_stopped() {
                return (pass - 1, errors);
            }
            improve(shares, documents, topics, k);
            let met = improve(topics, words, shares, k);
            // ‖X − WH‖² = ‖X‖² − 2 Σ (WᵀX) ∘ H + Σ (WᵀW) ∘ (HHᵀ)
            let both = gram_of(shares, k)
                .iter()
                .zip(gram_of(topics, k))
                .map(|(a, b)| f64::from(*a) * f64::from(b))
                .sum::<f64>();
            let error = ((whole - 2.0 * met + both) / whole.max(f64::MIN_POSITIVE)).max(0.0).sqrt();
            errors.push((pass, -error));
            watch.tell(Step { iteration: pass, of: iterations, likelihood: Some(-error) });
            if last - error < STILL * error {
                return (pass, errors);
            }
            last = error;
        }
        (iterations, errors)
    }
}

impl Factors {
    fn new(k: usize, corpus: &Corpus) -> Self {
        let inverse = inverses(&corpus.document_frequencies(), corpus.len());
        let mut documents = Sparse { ends: Vec::with_capacity(corpus.len()), cells: Vec::new() };
        for document in corpus.documents() {
            documents.cells.extend(weigh(document, &inverse));
            documents.ends.push(documents.cells.len());
        }
        let words = documents.turned(corpus.terms().len());
        let (shares, topics) = (vec![0.0; corpus.len() * k], vec![0.0; corpus.terms().len() * k]);
        Self { k, documents, words, shares, topics }
    }

    /// Each topic begins as the mean of a document and those most like it; the less a document is like the topics that
    /// there are, the likelier it begins the next (as in k-means++, Arthur and Vassilvitskii 2007).
    fn begin(&mut self, draws: Draws) {
        let Self { k, documents, words, topics, .. } = self;
        // What is not told of each document yet.
        let weighs = |index| documents.row(index).iter().any(|(_, weight)| *weight > 0.0);
        let mut untold: Vec<f32> =
            (0..documents.ends.len()).map(|index| if weighs(index) { 1.0 } else { 0.0 }).collect();
        for topic in 0..*k {
            let chance = topic as u64;
            let first = weighted(&untold, draws.unit(chance));
            let first = first.unwrap_or_else(|| draws.below(chance, untold.len() as u32) as usize);
            let mut alike = likeness(words, documents.row(first).iter().copied(), untold.len());
            if alike.len() > BEGINNING {
                let likest = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
                alike.select_nth_unstable_by(BEGINNING, likest);
                alike.truncate(BEGINNING);
                alike.sort_unstable_by(likest);
            }
            let part = 1.0 / alike.len().max(1) as f32;
            for (document, _) in &alike {
                for (word, weight) in documents.row(*document as usize) {
                    topics[*word as usize * *k + topic] += weight * part;
                }
            }
            let mean = topics.iter().skip(topic).step_by(*k).copied();
            let length =
                mean.clone().map(|weight| weight * weight).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            let mean = (0..)
                .zip(mean)
                .filter(|(_, weight)| *weight > 0.0)
                .map(|(word, weight)| (word, weight / length));
            for (document, like) in likeness(words, mean, untold.len()) {
                let untold = &mut untold[document as usize];
                *untold = untold.min((1.0 - like * like).max(0.0));
            }
        }
    }

    /// Makes each topic's words add up to 1, and gives back what each topic weighs in all documents.
    fn balance(&mut self) -> Vec<f64> {
        let Self { k, shares, topics, .. } = self;
        let k = *k;
        let mut sums = vec![0.0_f64; k];
        for row in topics.chunks_exact(k) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += f64::from(*weight);
            }
        }
        for row in topics.chunks_exact_mut(k) {
            for (weight, sum) in row.iter_mut().zip(&sums) {
                *weight = if *sum > 0.0 { (f64::from(*weight) / sum) as f32 } else { 0.0 };
            }
        }
        let mut weights = vec![0.0; k];
        for row in shares.chunks_exact_mut(k) {
            let mut all = 0.0;
            for (share, sum) in row.iter_mut().zip(&sums) {
                *share *= *sum as f32;
                all += f64::from(*share);
            }
            if all > 0.0 {
                for (weight, share) in weights.iter_mut().zip(&*row) {
                    *weight += f64::from(*share) / all;
                }
            }
        }
        weights
    }

    fn model(&self, corpus: &Corpus, weights: &[f64], fitted: Fitted) -> Model {
        let k = self.k;
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
        let all: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let terms = corpus.terms().len();
        let mut topics = Array2::zeros((k, terms));
        for (mut row, topic) in topics.rows_mut().into_iter().zip(&order) {
            let column = self.topics.iter().skip(*topic).step_by(k);
            row.iter_mut().zip(column).for_each(|(cell, weight)| *cell = *weight);
            if row.iter().all(|weight| *weight == 0.0) {
                // A topic that no document wanted is of no word more than of another.
                row.fill(1.0 / terms as f32);
            }
        }
        // Words that are in every document weigh nothing: then no topic has more of the text than another.
        let nothing = weights.iter().all(|weight| *weight == 0.0);
        let share = |topic: &usize| if nothing { 1.0 / k as f64 } else { weights[*topic] / all };
        let shares = order.iter().map(|topic| share(topic) as f32).collect();
        Model::made(Method::Nmf, corpus, topics, shares, fitted)
    }
}

/// The place that a draw falls on among weights; none, if none is above 0.
fn weighted(weights: &[f32], chance: f32) -> Option<usize> {
    let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let mut aim = f64::from(chance) * all;
    weights.iter().position(|weight| {
        aim -= f64::from(*weight);
        aim < 0.0
    })
}

/// Which documents share a word with these weights, and how much of their direction.
fn likeness(words: &Sparse, weights: impl Iterator<Item = (u32, f32)>, documents: usize) -> Vec<(u32, f32)> {
    let mut alike = vec![0.0; documents];
    for (word, weight) in weights {
        for (document, other) in words.row(word as usize) {
            alike[*document as usize] += weight * other;
        }
    }
    (0..).zip(alike).filter(|(_, like)| *like > 0.0).collect()
}

/// One pass over the rows of a factor, the other standing still. Gives back Σ (what is) ∘ (what was asked for), which
/// is a part of the error.
fn improve(rows: &mut [f32], cells: &Sparse, other: &[f32], k: usize) -> f64 {
    let gram = gram_of(other, k);
    let sums: Vec<f64> = rows
        .par_chunks_mut(ROWS * k)
        .enumerate()
        .map(|(chunk, rows)| {
            let mut wanted = vec![0.0; k];
            let mut sum = 0.0;
            for (index, row) in rows.chunks_exact_mut(k).enumerate() {
                wanted.fill(0.0);
                for (column, weight) in cells.row(chunk * ROWS + index) {
                    let other = &other[*column as usize * k..][..k];
                    for (wanted, other) in wanted.iter_mut().zip(other) {
                        *wanted += weight * other;
                    }
                }
                for _ in 0..ROUNDS {
                    round(&gram, &wanted, row);
                }
                sum += f64::from(dot(&wanted, row));
            }
            sum
        })
        .collect();
    sums.iter().sum()
}

/// How alike the columns of a factor are: its transpose times itself.
fn gram_of(rows: &[f32], k: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = rows
        .par_chunks(ROWS * k)
        .map(|rows| {
            let mut gram = vec![0.0; k * k];
            for row in rows.chunks_exact(k) {
                for (weight, line) in row.iter().zip(gram.chunks_exact_mut(k)) {
                    if *weight != 0.0 {
                        for (cell, other) in line.iter_mut().zip(row) {
                            *cell += weight * other;
                        }
                    }
                }
            }
            gram
        })
        .collect();
    let mut gram = vec![0.0; k * k];
    for part in parts {
        for (cell, part) in gram.iter_mut().zip(part) {
            *cell += part;
        }
    }
    gram
}

/// One round over the topics of a row: each is set to what is best while the others stay. Gives back the largest
/// change.
fn round(gram: &[f32], wanted: &[f32], row: &mut [f32]) -> f32 {
    let k = row.len();
    let mut change = 0.0_f32;
    for topic in 0..k {
        let line = &gram[topic * k..][..k];
        let own = line[topic];
        if own > 0.0 {
            let better = (row[topic] + (wanted[topic] - dot(line, row)) / own).max(0.0);
            change = change.max((better - row[topic]).abs());
            row[topic] = better;
        }
    }
    change
}

/// Rounds until a row stays.
pub(super) fn solve(gram: &[f32], wanted: &[f32], row: &mut [f32]) {
    const ROUNDS: usize = 50;
    for _ in 0..ROUNDS {
        let change = round(gram, wanted, row);
        let most = row.iter().copied().fold(0.0, f32::max);
        if change <= 1e-3 * most {
            break;
        }
    }
}

/// What rarer words count for: ln((documents + 1) / (document frequency + 1)), as Spark has it.
fn inverses(frequencies: &[u32], documents: usize) -> Vec<f32> {
    let inverse =
        |frequency: &u32| libm::log((documents as f64 + 1.0) / (f64::from(*frequency) + 1.0)) as f32;
    frequencies.iter().map(inverse).collect()
}

/// The same of a model.
pub(super) fn inverse_frequencies(model: &Model) -> Vec<f32> {
    inverses(&model.document_frequencies, model.fitted.documents)
}

/// How alike a model's topics are.
pub(super) fn gram(model: &Model) -> Vec<f32> {
    let k = model.k();
    let mut gram = vec![0.0; k * k];
    for (a, line) in model.topics.rows().into_iter().zip(gram.chunks_exact_mut(k)) {
        for (b, cell) in model.topics.rows().into_iter().zip(line) {
            *cell = dot(a.as_slice().unwrap_or_default(), b.as_slice().unwrap_or_default());
        }
    }
    gram
}

/// A document's words with their TF-IDF, its length made 1.
pub(super) fn weigh(document: &[u32], inverse: &[f32]) -> Vec<(u32, f32)> {
    let mut words = document.to_vec();
    words.sort_unstable();
    let mut weights: Vec<(u32, f32)> = words
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as f32 * inverse[same[0] as usize]))
        .collect();
    let length = weights.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    if length > 0.0 {
        for (_, weight) in &mut weights {
            *weight /= length;
        }
    }
    weights
}
