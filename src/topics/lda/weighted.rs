//! Latent Dirichlet allocation of tokens that weigh: by TF-IDF, as the predecessor had it, or by any real weights.
//!
//! A token counts as much as it weighs (Wilson and Chew 2010, *Term weighting schemes for latent Dirichlet
//! allocation*): where the sampler of counts adds one to a document and to a topic, this adds the token's weight. Weights
//! are whole numbers of 1/256, so that sums come out the same in any order and the model is the same on any number of
//! threads. A draw looks at every topic in turn: plainer than the sampler of counts, and slower where there are many.
//!
//! Counts are the default all the same: they are what the model says that words are, their likelihood means something,
//! and common words, which weights are to hold back, are dropped before by document frequency.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts become weights; topics are counted in 16 bits"
)]

use linfa::dataset::Records;
use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array2;
use rayon::prelude::*;

use super::{Sampled, passes};
use crate::topics::TopicsError;
use crate::topics::corpus::Corpus;
use crate::topics::fit::{self, Frame, Framed};
use crate::topics::model::{Fitted, Method, Model};
use crate::topics::random::Draws;
use crate::topics::vocabulary::inverse_document_frequency;

/// A weight of one, in the units that weights are counted in.
const ONE: f32 = 256.0;
/// Documents that a thread takes at a time, and parts of a pass between which the table is renewed.
const AT_ONCE: usize = 256;
const BLOCKS: usize = 4;
/// Every so many chunks of documents are looked at for the likelihood.
const LOOKED_AT: usize = 16;

/// Documents whose tokens weigh.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    corpus: Corpus,
    units: Vec<u32>,
}

impl Weighted {
    /// Documents with a weight for each token, in reading order. What is below 0, above a million or no number is
    /// refused, and so are weights that are all 0.
    pub fn new(corpus: Corpus, weights: &[f32]) -> Result<Self, TopicsError> {
        let bad =
            |value: String, wanted| TopicsError::BadParameter { what: "a token’s weight", value, wanted };
        if weights.len() != corpus.tokens() {
            return Err(bad(format!("one of {}", weights.len()), "there must be one for each token"));
        }
        if let Some(wrong) = weights.iter().find(|weight| !(0.0..=1e6).contains(*weight)) {
            return Err(bad(wrong.to_string(), "it must be 0 to 1,000,000"));
        }
        let units: Vec<u32> = weights.iter().map(|weight| (weight * ONE).round() as u32).collect();
        if corpus.tokens() > 0 && units.iter().all(|units| *units == 0) {
            return Err(bad("0 for all of them".to_owned(), "some must be above"));
        }
        Ok(Self { corpus, units })
    }

    /// Documents whose words weigh by Spark's inverse document frequency, so that a word that occurs twice weighs
    /// TF-IDF. Weights are scaled to a mean of 1, so that priors mean as much as with counts.
    pub fn tf_idf(corpus: Corpus) -> Result<Self, TopicsError> {
        let weights = word_weights(&corpus.document_frequencies(), corpus.len());
        let of_tokens: Vec<f32> = corpus.words().iter().map(|word| weights[*word as usize]).collect();
        Self::new(corpus, &of_tokens)
    }

    /// The documents alone.
    pub fn into_corpus(self) -> Corpus {
        self.corpus
    }
}

/// What each word weighs: its inverse document frequency, scaled so that the mean over all documents' words is 1.
pub(in crate::topics) fn word_weights(frequencies: &[u32], documents: usize) -> Vec<f32> {
    let inverse: Vec<f64> =
        frequencies.iter().map(|frequency| inverse_document_frequency(documents, *frequency)).collect();
    let sum: f64 = inverse.iter().zip(frequencies).map(|(weight, times)| weight * f64::from(*times)).sum();
    let times: f64 = frequencies.iter().map(|times| f64::from(*times)).sum();
    let scale = if sum > 0.0 { times / sum } else { 0.0 };
    inverse.into_iter().map(|weight| (weight * scale) as f32).collect()
}

/// So that linfa's traits take weighted documents: a sample is a document, a feature is a term.
impl Records for Weighted {
    type Elem = f32;

    fn nsamples(&self) -> usize {
        self.corpus.len()
    }

    fn nfeatures(&self) -> usize {
        self.corpus.terms().len()
    }
}

/// The parameters, unchecked.
#[derive(Debug, Clone)]
pub struct WeightedLdaParams(WeightedLdaValidParams);

/// The parameters, checked.
#[derive(Debug, Clone)]
pub struct WeightedLdaValidParams {
    frame: Frame,
    alpha: f32,
    beta: f32,
    ends_early: bool,
}

impl WeightedLdaParams {
    /// So many topics, 200 passes, α 0.1, β 0.01.
    pub fn new(k: usize) -> Self {
        Self(WeightedLdaValidParams { frame: Frame::new(k, 200), alpha: 0.1, beta: 0.01, ends_early: false })
    }

    /// What is expected of the topics of a document, in weight.
    #[must_use]
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.0.alpha = alpha;
        self
    }

    /// What is expected of every word in every topic, in weight.
    #[must_use]
    pub fn beta(mut self, beta: f32) -> Self {
        self.0.beta = beta;
        self
    }

    /// Whether it ends when the likelihood no longer rises.
    #[must_use]
    pub fn ends_early(mut self, ends_early: bool) -> Self {
        self.0.ends_early = ends_early;
        self
    }
}

impl Framed for WeightedLdaParams {
    fn frame_mut(&mut self) -> &mut Frame {
        &mut self.0.frame
    }
}

impl ParamGuard for WeightedLdaParams {
    type Checked = WeightedLdaValidParams;
    type Error = TopicsError;

    fn check_ref(&self) -> Result<&WeightedLdaValidParams, TopicsError> {
        self.0.frame.check()?;
        fit::check_prior("alpha", self.0.alpha)?;
        fit::check_prior("beta", self.0.beta)?;
        Ok(&self.0)
    }

    fn check(self) -> Result<WeightedLdaValidParams, TopicsError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<T> Fit<Weighted, T, TopicsError> for WeightedLdaValidParams {
    type Object = Model;

    fn fit(&self, dataset: &DatasetBase<Weighted, T>) -> Result<Model, TopicsError> {
        let documents = dataset.records();
        self.frame.check_terms(&documents.corpus)?;
        let pass = |state: &mut State, pass: usize| state.pass(Draws::new(self.frame.seed, pass as u64));
        Ok(self.frame.run(
            &documents.corpus,
            || State::new(self, documents),
            |state| passes(&self.frame, self.ends_early, state, pass),
            |state, fitted| state.model(documents, fitted),
        ))
    }
}

/// Documents that one thread takes at a time, with their tokens one after another.
#[derive(Debug)]
struct Chunk {
    /// The number of its first token among all.
    first: u64,
    words: Vec<u32>,
    units: Vec<u32>,
    topics: Vec<u16>,
    ends: Vec<usize>,
    moved: Vec<Moved>,
}

/// A token that changes its topic.
#[derive(Debug, Clone, Copy)]
struct Moved {
    word: u32,
    units: u32,
    old: u16,
    new: u16,
}

/// The table while a block is sampled.
#[derive(Debug, Clone, Copy)]
struct Frozen<'a> {
    k: usize,
    alpha: f32,
    /// A row a word: how probable it is in each topic.
    weights: &'a [f32],
    /// What a weight of one is in each topic: 1 / (N + Vβ).
    inverse: &'a [f32],
}

/// A fit under way. Counts are in units of weight.
struct State {
    k: usize,
    alpha: f32,
    beta: f32,
    chunks: Vec<Chunk>,
    counts: Vec<u64>,
    totals: Vec<u64>,
    weights: Vec<f32>,
    inverse: Vec<f32>,
    pooled: Vec<u64>,
    samples: u32,
}

impl State {
    fn new(params: &WeightedLdaValidParams, documents: &Weighted) -> Self {
        let (k, corpus) = (params.frame.k, &documents.corpus);
        let draws = Draws::new(params.frame.seed, 0);
        let mut chunks = Vec::new();
        let mut first = 0;
        for from in (0..corpus.len()).step_by(AT_ONCE) {
            let mut words = Vec::new();
            let mut ends = Vec::new();
            for document in from..corpus.len().min(from + AT_ONCE) {
                words.extend_from_slice(corpus.document(document));
                ends.push(words.len());
            }
            let units = documents.units[first..first + words.len()].to_vec();
            let topics = (first as u64..).take(words.len()).map(|token| draws.below(token, k as u32) as u16);
            let topics = topics.collect();
            chunks.push(Chunk { first: first as u64, topics, units, ends, moved: Vec::new(), words });
            first += chunks.last().map_or(0, |chunk| chunk.words.len());
        }
        let terms = corpus.terms().len();
        let mut state = Self {
            k,
            alpha: params.alpha,
            beta: params.beta,
            counts: vec![0; terms * k],
            totals: vec![0; k],
            weights: vec![0.0; terms * k],
            inverse: vec![0.0; k],
            pooled: vec![0; terms * k],
            samples: 0,
            chunks,
        };
        for chunk in &state.chunks {
            for ((word, units), topic) in chunk.words.iter().zip(&chunk.units).zip(&chunk.topics) {
                state.counts[*word as usize * k + usize::from(*topic)] += u64::from(*units);
                state.totals[usize::from(*topic)] += u64::from(*units);
            }
        }
        state.renew();
        state
    }

    fn renew(&mut self) {
        let (k, beta) = (self.k, self.beta);
        let smoothing = (self.counts.len() / k) as f32 * beta;
        for (inverse, total) in self.inverse.iter_mut().zip(&self.totals) {
            *inverse = 1.0 / (*total as f32 / ONE + smoothing);
        }
        let inverse = &self.inverse;
        self.weights.par_chunks_mut(k).zip(self.counts.par_chunks(k)).for_each(|(weights, counts)| {
            for ((weight, count), inverse) in weights.iter_mut().zip(counts).zip(inverse) {
                *weight = (*count as f32 / ONE + beta) * inverse;
            }
        });
    }

    fn pass(&mut self, draws: Draws) {
        for block in 0..BLOCKS {
            let table =
                Frozen { k: self.k, alpha: self.alpha, weights: &self.weights, inverse: &self.inverse };
            let mut chunks: Vec<&mut Chunk> = self.chunks.iter_mut().skip(block).step_by(BLOCKS).collect();
            chunks
                .par_iter_mut()
                .for_each_init(|| Room::new(table.k), |room, chunk| chunk.sweep(table, draws, room));
            for chunk in chunks {
                for moved in chunk.moved.drain(..) {
                    let row = moved.word as usize * self.k;
                    let (old, new, units) =
                        (usize::from(moved.old), usize::from(moved.new), u64::from(moved.units));
                    self.counts[row + old] -= units;
                    self.counts[row + new] += units;
                    self.totals[old] -= units;
                    self.totals[new] += units;
                }
            }
            self.renew();
        }
    }

    fn model(mut self, documents: &Weighted, fitted: Fitted) -> Model {
        if self.samples == 0 {
            self.pool();
        }
        let (k, unit) = (self.k, f64::from(self.samples) * f64::from(ONE));
        let mut totals = vec![0_u64; k];
        for row in self.pooled.chunks_exact(k) {
            for (total, count) in totals.iter_mut().zip(row) {
                *total += count;
            }
        }
        let all: u64 = totals.iter().sum();
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by_key(|topic| std::cmp::Reverse(totals[*topic]));
        let terms = documents.corpus.terms().len();
        let beta = f64::from(self.beta);
        let mut topics = Array2::zeros((k, terms));
        for (mut row, topic) in topics.rows_mut().into_iter().zip(&order) {
            let weight = totals[*topic] as f64 / unit + terms as f64 * beta;
            for (cell, count) in row.iter_mut().zip(self.pooled.iter().skip(*topic).step_by(k)) {
                *cell = ((*count as f64 / unit + beta) / weight) as f32;
            }
        }
        let shares = order.iter().map(|topic| (totals[*topic] as f64 / all.max(1) as f64) as f32).collect();
        Model::made(Method::LdaTfIdf, &documents.corpus, topics, shares, fitted)
            .with_prior(vec![self.alpha; k])
    }
}

impl Sampled for State {
    fn pool(&mut self) {
        for (pooled, count) in self.pooled.iter_mut().zip(&self.counts) {
            *pooled += count;
        }
        self.samples += 1;
    }

    /// Mean log-likelihood of a weight of one, in nats, in a part of the documents.
    fn likelihood(&self) -> f64 {
        let every = (self.chunks.len() / LOOKED_AT).max(1);
        let (mut sum, mut weight) = (0.0, 0.0);
        let mut held = vec![0_u32; self.k];
        for chunk in self.chunks.iter().step_by(every) {
            for document in chunk.documents() {
                held.fill(0);
                let mut all = 0_u32;
                for (units, topic) in
                    chunk.units[document.clone()].iter().zip(&chunk.topics[document.clone()])
                {
                    held[usize::from(*topic)] += units;
                    all += units;
                }
                let whole = all as f32 / ONE + self.alpha * self.k as f32;
                for (word, units) in chunk.words[document.clone()].iter().zip(&chunk.units[document]) {
                    let row = &self.weights[*word as usize * self.k..][..self.k];
                    let of_topic = |(held, weight): (&u32, &f32)| (*held as f32 / ONE + self.alpha) * weight;
                    let likely: f32 = held.iter().zip(row).map(of_topic).sum();
                    sum += f64::from((likely / whole).max(f32::MIN_POSITIVE).ln()) * f64::from(*units);
                    weight += f64::from(*units);
                }
            }
        }
        if weight > 0.0 { sum / weight } else { 0.0 }
    }
}

/// Room for one document.
struct Room {
    held: Vec<u32>,
    sums: Vec<f32>,
}

impl Room {
    fn new(k: usize) -> Self {
        Self { held: vec![0; k], sums: vec![0.0; k] }
    }
}

impl Chunk {
    fn documents(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        std::iter::once(0).chain(self.ends.iter().copied()).zip(&self.ends).map(|(from, to)| from..*to)
    }

    /// Draws every token's topic anew.
    fn sweep(&mut self, table: Frozen<'_>, draws: Draws, room: &mut Room) {
        let documents: Vec<_> = self.documents().collect();
        for document in documents {
            room.held.fill(0);
            for (units, topic) in self.units[document.clone()].iter().zip(&self.topics[document.clone()]) {
                room.held[usize::from(*topic)] += units;
            }
            for token in document {
                let (word, units, old) = (self.words[token], self.units[token], self.topics[token]);
                room.held[usize::from(old)] -= units;
                let chance = draws.unit(self.first + token as u64);
                let new = room.draw(table, word, units, old, chance);
                room.held[usize::from(new)] += units;
                if new != old {
                    self.topics[token] = new;
                    self.moved.push(Moved { word, units, old, new });
                }
            }
        }
    }
}

impl Room {
    /// A token's topic, given all others: its own weight is in neither the document nor the table.
    fn draw(&mut self, table: Frozen<'_>, word: u32, units: u32, old: u16, chance: f32) -> u16 {
        let row = &table.weights[word as usize * table.k..][..table.k];
        let old = usize::from(old);
        let own = units as f32 / ONE * table.inverse[old];
        let mut sum = 0.0;
        for (topic, ((place, held), weight)) in self.sums.iter_mut().zip(&self.held).zip(row).enumerate() {
            let weight = if topic == old { (weight - own).max(0.0) } else { *weight };
            sum += (*held as f32 / ONE + table.alpha) * weight;
            *place = sum;
        }
        let aim = chance * sum;
        // What rounding leaves beyond the last topic is the last topic's.
        self.sums.partition_point(|end| *end <= aim).min(table.k - 1) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_idf_with_a_mean_of_one() {
        let corpus = Corpus::from_lines("a b b\na c\na d\na");
        let weighted = Weighted::tf_idf(corpus).expect("weights");
        let weight = |token: usize| weighted.units[token] as f32 / ONE;
        // ln(5/5), and ln(5/2) over the mean of the seven words of the documents.
        assert_eq!(weighted.units[0], 0);
        assert!((weight(1) - 7.0 / 3.0).abs() < 0.01, "{}", weight(1));
        assert_eq!(weighted.units[1], weighted.units[2]);
    }

    #[test]
    fn weights_that_cannot_be_are_refused() {
        let said = |weights: &[f32]| {
            let refused = Weighted::new(Corpus::from_lines("a b"), weights).err();
            refused.map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(said(&[1.0]).contains("one for each token"));
        assert!(said(&[1.0, -1.0]).contains("-1: it must be 0 to 1,000,000"));
        assert!(said(&[1.0, f32::NAN]).contains("NaN"));
        assert!(said(&[0.0, 0.0]).contains("some must be above"));
        assert_eq!(said(&[0.0, 2.5]), "");
    }

    #[test]
    fn a_token_counts_as_much_as_it_weighs() {
        let corpus = Corpus::from_lines("a b\nc b\na b\nc b\n");
        let weighted = Weighted::new(corpus, &[9.0, 1.0].repeat(4)).expect("weights");
        let model =
            WeightedLdaParams::new(2).iterations(60).fit(&DatasetBase::new(weighted, ())).expect("a model");
        let everywhere = |term: &str| {
            let column = model.terms.iter().position(|other| other == term).expect("a term");
            let weights = model.topics.column(column).into_iter().zip(&model.shares);
            weights.map(|(weight, share)| weight * share).sum::<f32>()
        };
        for (term, wanted) in [("a", 0.45), ("b", 0.1), ("c", 0.45)] {
            assert!((everywhere(term) - wanted).abs() < 0.01, "{term} is {}", everywhere(term));
        }
    }
}
