//! Latent Dirichlet allocation by collapsed Gibbs sampling.
//!
//! In a pass each token draws its topic anew from a table of counts that stays as it is while a block of documents is
//! sampled; then the changes are counted and the table is renewed. That makes documents independent of one another, so
//! that they can be sampled on any number of threads: chance is counted, not drawn ([`Draws`]), changes are whole
//! numbers, and the outcome is the same to the last bit. In the first passes, while topics take shape, the table is
//! renewed several times a pass. The model is the mean of the last passes, not the last one alone.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts become weights; topics are counted in 16 bits"
)]

mod arrangement;
mod likelihood;
mod priors;
mod sampler;
mod table;
mod weighted;

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array2;
use rayon::prelude::*;

use super::TopicsError;
use super::corpus::Corpus;
use super::fit::{self, Frame, Framed, Passes, Step};
use super::model::{Fitted, Method, Model};
use super::random::Draws;
use arrangement::{Arrangement, Part};
use sampler::Scratch;
use table::Table;
pub(super) use weighted::word_weights;
pub use weighted::{Weighted, WeightedLdaParams, WeightedLdaValidParams};

/// Blocks of a pass while topics take shape, and how many passes that is.
const BLOCKS: usize = 4;
const SHAPING: usize = 16;
/// The model is the mean of at most so many of the last passes, and of no more than this part of all.
const SAMPLES: usize = 20;
const SAMPLED: usize = 5;
/// Passes from one look at the likelihood to the next.
const LOOK: usize = 10;

/// What is expected of the topics of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Alpha {
    /// The same of every topic, from beginning to end.
    Fixed(f32),
    /// Learned, each topic's own: see `priors`.
    Learned(f32),
}

/// The parameters, unchecked.
#[derive(Debug, Clone)]
pub struct LdaParams(LdaValidParams);

/// The parameters, checked.
#[derive(Debug, Clone)]
pub struct LdaValidParams {
    frame: Frame,
    alpha: Alpha,
    beta: f32,
    ends_early: bool,
}

impl LdaParams {
    /// So many topics, and everything else as it proved best: 200 passes, α 0.1, β 0.01.
    pub fn new(k: usize) -> Self {
        Self(LdaValidParams {
            frame: Frame::new(k, 200),
            alpha: Alpha::Fixed(0.1),
            beta: 0.01,
            ends_early: false,
        })
    }

    /// What is expected of the topics of a document, in tokens.
    #[must_use]
    pub fn alpha(mut self, alpha: Alpha) -> Self {
        self.0.alpha = alpha;
        self
    }

    /// What is expected of every word in every topic, in tokens.
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

impl Framed for LdaParams {
    fn frame_mut(&mut self) -> &mut Frame {
        &mut self.0.frame
    }
}

impl ParamGuard for LdaParams {
    type Checked = LdaValidParams;
    type Error = TopicsError;

    fn check_ref(&self) -> Result<&LdaValidParams, TopicsError> {
        self.0.frame.check()?;
        let (Alpha::Fixed(alpha) | Alpha::Learned(alpha)) = self.0.alpha;
        fit::check_prior("alpha", alpha)?;
        fit::check_prior("beta", self.0.beta)?;
        Ok(&self.0)
    }

    fn check(self) -> Result<LdaValidParams, TopicsError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<T> Fit<Corpus, T, TopicsError> for LdaValidParams {
    type Object = Model;

    fn fit(&self, dataset: &DatasetBase<Corpus, T>) -> Result<Model, TopicsError> {
        let corpus = dataset.records();
        self.frame.check_terms(corpus)?;
        let pass = |state: &mut State, pass: usize| {
            state.pass(Draws::new(self.frame.seed, pass as u64), pass <= SHAPING);
            if matches!(self.alpha, Alpha::Learned(_)) && pass.is_multiple_of(LOOK) {
                state.learn_alpha();
            }
        };
        Ok(self.frame.run(
            corpus,
            || State::new(self, corpus),
            |state| passes(&self.frame, self.ends_early, state, pass),
            |state, fitted| state.model(corpus, fitted),
        ))
    }
}

/// What is sampled pass by pass.
trait Sampled {
    /// Adds the counts as they are to those that the model is made of.
    fn pool(&mut self);

    /// Mean log-likelihood of a token, of a sample of documents.
    fn likelihood(&self) -> f64;
}

/// Passes until it is enough, or the likelihood no longer rises.
fn passes<S: Sampled>(frame: &Frame, ends_early: bool, state: &mut S, one: impl Fn(&mut S, usize)) -> Passes {
    let mut of = frame.iterations;
    let mut likelihoods = Vec::new();
    for pass in 1..=frame.iterations {
        if pass > of || frame.watch.is_stopped() {
            return (pass - 1, likelihoods);
        }
        one(state, pass);
        let samples = (of / SAMPLED).clamp(1, SAMPLES);
        if of - pass < samples {
            state.pool();
        }
        let likelihood = (pass.is_multiple_of(LOOK) || pass == of).then(|| state.likelihood());
        if let Some(likelihood) = likelihood {
            likelihoods.push((pass, likelihood));
            if ends_early && of == frame.iterations && !likelihood::is_rising(&likelihoods) {
                of = (pass + samples).min(of);
            }
        }
        frame.watch.tell(Step { iteration: pass, of, likelihood });
    }
    (frame.iterations, likelihoods)
}

/// A fit under way.
struct State {
    arrangement: Arrangement,
    table: Table,
    /// Where the ranges of terms end, of which each thread counts one.
    ends: Vec<usize>,
    /// The counts of the last passes, added up, and how many passes that is.
    pooled: Vec<u32>,
    samples: u32,
}

impl State {
    fn new(params: &LdaValidParams, corpus: &Corpus) -> Self {
        let (Alpha::Fixed(alpha) | Alpha::Learned(alpha)) = params.alpha;
        let arrangement = Arrangement::new(corpus, params.frame.k, BLOCKS, Draws::new(params.frame.seed, 0));
        let mut table = Table::new(corpus.terms().len(), &vec![alpha; params.frame.k], params.beta);
        for (word, topic) in arrangement.tokens() {
            table.add(word, topic);
        }
        let ends = ranges(&arrangement.frequencies, rayon::current_num_threads());
        let mut state = Self { arrangement, table, ends, pooled: Vec::new(), samples: 0 };
        state.table.shift([]);
        state.renew();
        state
    }

    /// One pass over all documents.
    fn pass(&mut self, draws: Draws, shaping: bool) {
        let at_once = if shaping { 1 } else { BLOCKS };
        for blocks in self.arrangement.blocks.chunks_mut(at_once) {
            let mut parts: Vec<&mut Part> = blocks.iter_mut().flatten().collect();
            let frozen = self.table.frozen();
            let ends = &self.ends;
            parts.par_iter_mut().for_each_init(
                || Scratch::new(frozen.k),
                |scratch, part| part.sweep(frozen, draws, scratch, ends),
            );
            let (mut rows, renewal) = self.table.rows(&self.ends);
            let changes: Vec<Vec<i64>> = rows
                .par_iter_mut()
                .enumerate()
                .map(|(range, rows)| rows.count(renewal, parts.iter().map(|part| part.moved_in(range))))
                .collect();
            self.table.shift(changes);
            let (mut rows, renewal) = self.table.rows(&self.ends);
            rows.par_iter_mut().for_each(|rows| rows.renew(renewal));
        }
    }

    fn renew(&mut self) {
        let (mut rows, renewal) = self.table.rows(&self.ends);
        rows.par_iter_mut().for_each(|rows| rows.renew(renewal));
    }

    fn learn_alpha(&mut self) {
        let alpha = priors::learn(&self.arrangement, self.table.alpha());
        self.table.set_alpha(&alpha);
        self.renew();
    }

    fn model(mut self, corpus: &Corpus, fitted: Fitted) -> Model {
        if self.samples == 0 {
            self.pool();
        }
        let k = self.table.alpha().len();
        let (_, stride) = self.table.counts();
        let samples = f64::from(self.samples);
        let mut tokens = vec![0_u64; k];
        for row in self.pooled.chunks_exact(stride) {
            for (tokens, count) in tokens.iter_mut().zip(row) {
                *tokens += u64::from(*count);
            }
        }
        let all: u64 = tokens.iter().sum();
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by_key(|topic| std::cmp::Reverse(tokens[*topic]));
        let beta = f64::from(self.table.beta());
        let terms = self.arrangement.terms.len();
        let weights: Vec<f64> =
            tokens.iter().map(|tokens| *tokens as f64 / samples + terms as f64 * beta).collect();
        let mut topics = Array2::zeros((k, terms));
        for (mut row, topic) in topics.rows_mut().into_iter().zip(&order) {
            let counts = self.pooled.iter().skip(*topic).step_by(stride);
            for (term, count) in self.arrangement.terms.iter().zip(counts) {
                row[*term as usize] = ((f64::from(*count) / samples + beta) / weights[*topic]) as f32;
            }
        }
        let shares = order.iter().map(|topic| (tokens[*topic] as f64 / all as f64) as f32).collect();
        let prior = order.iter().map(|topic| self.table.alpha()[*topic]).collect();
        Model::made(Method::Lda, corpus, topics, shares, fitted).with_prior(prior)
    }
}

impl Sampled for State {
    fn pool(&mut self) {
        let (counts, _) = self.table.counts();
        self.pooled.resize(counts.len(), 0);
        self.pooled.par_chunks_mut(1 << 16).zip(counts.par_chunks(1 << 16)).for_each(|(pooled, counts)| {
            for (pooled, count) in pooled.iter_mut().zip(counts) {
                *pooled += count;
            }
        });
        self.samples += 1;
    }

    fn likelihood(&self) -> f64 {
        likelihood::of_a_sample(&self.arrangement, self.table.frozen())
    }
}

/// Where so many ranges of terms end, each with about as much to count.
fn ranges(frequencies: &[u32], ranges: usize) -> Vec<usize> {
    // Renewing a row costs about as much as counting a few tokens.
    let work = |frequency: &u32| u64::from(*frequency) + 4;
    let all: u64 = frequencies.iter().map(work).sum();
    let mut ends = Vec::with_capacity(ranges);
    let mut done = 0;
    for (term, frequency) in frequencies.iter().enumerate() {
        if done >= all * (ends.len() as u64 + 1) / ranges as u64 && ends.len() + 1 < ranges {
            ends.push(term);
        }
        done += work(frequency);
    }
    ends.push(frequencies.len());
    ends
}
