//! The topics of documents, whether the model has seen them or not: the model stays as it is, and each document is
//! looked at alone. So what a fit writes about its own documents is what a loaded model says of them.

#![allow(
    clippy::cast_precision_loss,
    reason = "weights are f32; documents and tokens are fewer than 2²⁴ where precision matters"
)]

use std::collections::HashMap;

use linfa::traits::PredictInplace;
use ndarray::Array2;
use rayon::prelude::*;

use super::corpus::Corpus;
use super::lanes::{LANES, together};
use super::model::{Method, Model};

/// Passes over a document at most, and the change of a share below which no more are needed.
const PASSES: usize = 20;
const STILL: f32 = 4e-3;

/// A model turned so that a word's weights in all topics lie together.
#[derive(Debug)]
pub struct Predictor<'a> {
    model: &'a Model,
    stride: usize,
    /// LDA and NMF: a word's weight in each topic. GSDMM: its logarithm.
    weights: Vec<f32>,
    prior: Vec<f32>,
    /// NMF and weighted LDA: what each word counts for. NMF: how alike topics are.
    word_weights: Vec<f32>,
    gram: Vec<f32>,
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Predictor<'a> {
    /// Prepares a model.
    pub fn new(model: &'a Model) -> Self {
        let k = model.k();
        let stride = k.next_multiple_of(LANES);
        let mut weights = vec![0.0; model.terms.len() * stride];
        for (topic, row) in model.topics.rows().into_iter().enumerate() {
            for (weight, place) in row.iter().zip(weights.iter_mut().skip(topic).step_by(stride)) {
                *place = if model.method == Method::Gsdmm { weight.ln() } else { *weight };
            }
        }
        let mut prior = vec![0.0; stride];
        prior[..k].copy_from_slice(&model.prior);
        let (word_weights, gram) = match model.method {
            Method::Nmf => (super::nmf::inverse_frequencies(model), super::nmf::gram(model)),
            Method::LdaTfIdf => {
                let weights = super::lda::word_weights(&model.document_frequencies, model.fitted.documents);
                (weights, Vec::new())
            }
            Method::Lda | Method::Gsdmm => (Vec::new(), Vec::new()),
        };
        let numbers = (0..).zip(&model.terms).map(|(number, term)| (term.as_str(), number)).collect();
        Self { model, stride, weights, prior, word_weights, gram, numbers }
    }

    /// A corpus in which these texts' words have the model's numbers; words that the model does not know are left out.
    pub fn corpus<'t, W: IntoIterator<Item = &'t str>>(
        &self,
        documents: impl IntoIterator<Item = W>,
    ) -> Corpus {
        let mut corpus = Corpus::over(self.model.terms.clone());
        for words in documents {
            corpus.push(words.into_iter().filter_map(|word| self.numbers.get(word).copied()));
        }
        corpus
    }

    /// The shares of topics in each document; together 1. A document without a known word gets what is expected of
    /// any.
    pub fn shares(&self, corpus: &Corpus) -> Array2<f32> {
        let mut shares = Array2::zeros((corpus.len(), self.model.k()));
        self.fill(corpus, &mut shares);
        shares
    }

    fn fill(&self, corpus: &Corpus, shares: &mut Array2<f32>) {
        const AT_ONCE: usize = 1_024;
        let k = self.model.k();
        let rows = shares.as_slice_mut().expect("rows that lie one after another");
        rows.par_chunks_mut(AT_ONCE * k).enumerate().for_each(|(chunk, rows)| {
            let mut room = Room { now: vec![0.0; self.stride], next: vec![0.0; self.stride] };
            for (index, row) in rows.chunks_exact_mut(k).enumerate() {
                self.fill_one(corpus.document(chunk * AT_ONCE + index), row, &mut room);
            }
        });
    }

    fn fill_one(&self, document: &[u32], shares: &mut [f32], room: &mut Room) {
        match self.model.method {
            Method::Lda | Method::LdaTfIdf => self.fold_in(document, room),
            Method::Gsdmm => self.choose(document, &mut room.now),
            Method::Nmf => self.factor(document, room),
        }
        let k = self.model.k();
        let all: f32 = room.now[..k].iter().sum();
        if all > 0.0 && all.is_finite() {
            shares.iter_mut().zip(&room.now).for_each(|(share, weight)| *share = weight / all);
        } else {
            let all: f32 = self.prior.iter().sum();
            shares.iter_mut().zip(&self.prior).for_each(|(share, prior)| *share = prior / all);
        }
    }

    fn row(&self, word: u32) -> &[[f32; LANES]] {
        self.weights[word as usize * self.stride..][..self.stride].as_chunks::<LANES>().0
    }

    /// Expectation-maximisation with the words' weights held fast.
    fn fold_in(&self, document: &[u32], room: &mut Room) {
        let Room { now, next } = room;
        now.copy_from_slice(&self.prior);
        scale(now);
        for _ in 0..PASSES {
            next.copy_from_slice(&self.prior);
            for word in document {
                let row = self.row(*word);
                let mut sums = [0.0; LANES];
                for (now, row) in now.as_chunks::<LANES>().0.iter().zip(row) {
                    for lane in 0..LANES {
                        sums[lane] += now[lane] * row[lane];
                    }
                }
                let counts_for = self.word_weights.get(*word as usize).copied().unwrap_or(1.0);
                let weight = counts_for / together(sums).max(f32::MIN_POSITIVE);
                let places = next.as_chunks_mut::<LANES>().0.iter_mut();
                for ((next, now), row) in places.zip(now.as_chunks::<LANES>().0).zip(row) {
                    for lane in 0..LANES {
                        next[lane] += now[lane] * row[lane] * weight;
                    }
                }
            }
            scale(next);
            let change = now.iter().zip(&*next).map(|(now, next)| (now - next).abs()).fold(0.0, f32::max);
            std::mem::swap(now, next);
            if change < STILL {
                break;
            }
        }
    }

    /// How likely it is that all of the document is of each topic.
    fn choose(&self, document: &[u32], now: &mut [f32]) {
        for (now, prior) in now.iter_mut().zip(&self.prior) {
            *now = prior.max(f32::MIN_POSITIVE).ln();
        }
        for word in document {
            for (now, row) in now.as_chunks_mut::<LANES>().0.iter_mut().zip(self.row(*word)) {
                for lane in 0..LANES {
                    now[lane] += row[lane];
                }
            }
        }
        let k = self.model.k();
        let most = now[..k].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for now in &mut now[..k] {
            *now = (*now - most).exp();
        }
    }

    /// Non-negative least squares on the topics, topic by topic until nothing moves.
    fn factor(&self, document: &[u32], room: &mut Room) {
        let Room { now, next } = room;
        now.fill(0.0);
        next.fill(0.0);
        let weights = super::nmf::weigh(document, &self.word_weights);
        for (word, weight) in &weights {
            for (next, row) in next.as_chunks_mut::<LANES>().0.iter_mut().zip(self.row(*word)) {
                for lane in 0..LANES {
                    next[lane] += weight * row[lane];
                }
            }
        }
        super::nmf::solve(&self.gram, &next[..self.model.k()], &mut now[..self.model.k()]);
    }
}

struct Room {
    now: Vec<f32>,
    next: Vec<f32>,
}

fn scale(weights: &mut [f32]) {
    let mut sums = [0.0; LANES];
    for weights in weights.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sums[lane] += weights[lane];
        }
    }
    let by = 1.0 / together(sums).max(f32::MIN_POSITIVE);
    for weight in weights {
        *weight *= by;
    }
}

impl PredictInplace<Corpus, Array2<f32>> for Model {
    fn predict_inplace<'a>(&'a self, x: &'a Corpus, y: &mut Array2<f32>) {
        Predictor::new(self).fill(x, y);
    }

    fn default_target(&self, x: &Corpus) -> Array2<f32> {
        Array2::zeros((x.len(), self.k()))
    }
}
