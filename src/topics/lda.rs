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

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array2;
use rayon::prelude::*;

use super::TopicsError;
use super::corpus::Corpus;
use super::fit::{self, Seconds, Step, Watch};
use super::model::{Fitted, Method, Model, Quality};
use super::random::Draws;
use arrangement::{Arrangement, Part};
use sampler::Scratch;
use table::Table;

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
    k: usize,
    iterations: usize,
    seed: u64,
    alpha: Alpha,
    beta: f32,
    threads: Option<usize>,
    ends_early: bool,
    watch: Watch,
}

impl LdaParams {
    /// So many topics, and everything else as it proved best: 200 passes, α 0.1, β 0.01.
    pub fn new(k: usize) -> Self {
        Self(LdaValidParams {
            k,
            iterations: 200,
            seed: 88,
            alpha: Alpha::Fixed(0.1),
            beta: 0.01,
            threads: None,
            ends_early: false,
            watch: Watch::default(),
        })
    }

    /// So many passes over the documents.
    #[must_use]
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.0.iterations = iterations;
        self
    }

    /// Where chance begins.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
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

    /// On so many threads; on as many as there are cores if it is not said.
    #[must_use]
    pub fn threads(mut self, threads: Option<usize>) -> Self {
        self.0.threads = threads;
        self
    }

    /// Whether it ends when the likelihood no longer rises.
    #[must_use]
    pub fn ends_early(mut self, ends_early: bool) -> Self {
        self.0.ends_early = ends_early;
        self
    }

    /// Who watches, and can stop it.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.0.watch = watch;
        self
    }
}

impl ParamGuard for LdaParams {
    type Checked = LdaValidParams;
    type Error = TopicsError;

    fn check_ref(&self) -> Result<&LdaValidParams, TopicsError> {
        fit::check_topics(self.0.k)?;
        fit::check_iterations(self.0.iterations)?;
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
        fit::check_corpus(corpus)?;
        let terms = corpus.terms().len();
        if self.k > terms {
            return Err(TopicsError::MoreTopicsThanTerms { k: self.k, terms });
        }
        Ok(fit::on_threads(self.threads, || self.run(corpus)))
    }
}

impl LdaValidParams {
    fn run(&self, corpus: &Corpus) -> Model {
        let mut seconds = Seconds::default();
        let mut state = seconds.measure("arrange", || State::new(self, corpus));
        let (iterations, likelihood) = seconds.measure("sample", || self.sample(&mut state));
        let fitted = Fitted {
            seed: self.seed,
            iterations,
            documents: corpus.len(),
            tokens: corpus.tokens(),
            seconds: Seconds::default(),
            likelihood,
            stopped: self.watch.is_stopped(),
        };
        let mut model = seconds.measure("average", || state.model(corpus, fitted));
        model.fitted.seconds = seconds;
        model
    }

    /// Passes until it is enough; gives back how many, and the likelihood as it rose.
    fn sample(&self, state: &mut State) -> (usize, Vec<(usize, f64)>) {
        let mut of = self.iterations;
        let mut likelihoods = Vec::new();
        for pass in 1..=self.iterations {
            if pass > of || self.watch.is_stopped() {
                return (pass - 1, likelihoods);
            }
            state.pass(Draws::new(self.seed, pass as u64), pass <= SHAPING);
            if matches!(self.alpha, Alpha::Learned(_)) && pass >= LOOK && pass % LOOK == 0 {
                state.learn_alpha();
            }
            let samples = (of / SAMPLED).clamp(1, SAMPLES);
            if of - pass < samples {
                state.pool();
            }
            let likelihood = (pass % LOOK == 0 || pass == of).then(|| state.likelihood());
            if let Some(likelihood) = likelihood {
                likelihoods.push((pass, likelihood));
                if self.ends_early && of == self.iterations && !likelihood::is_rising(&likelihoods) {
                    of = (pass + samples).min(of);
                }
            }
            self.watch.tell(Step { iteration: pass, of, likelihood });
        }
        (self.iterations, likelihoods)
    }
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
        let arrangement = Arrangement::new(corpus, params.k, BLOCKS, Draws::new(params.seed, 0));
        let mut table = Table::new(corpus.terms().len(), &vec![alpha; params.k], params.beta);
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

    fn likelihood(&self) -> f64 {
        likelihood::of_a_sample(&self.arrangement, self.table.frozen())
    }

    /// Adds the counts as they are to those that the model is made of.
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
        Model {
            method: Method::Lda,
            terms: corpus.terms().to_vec(),
            document_frequencies: corpus.document_frequencies(),
            topics,
            shares: order.iter().map(|topic| (tokens[*topic] as f64 / all as f64) as f32).collect(),
            prior: order.iter().map(|topic| self.table.alpha()[*topic]).collect(),
            names: vec![String::new(); k],
            fitted,
            quality: Quality::default(),
        }
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
