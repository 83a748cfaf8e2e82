//! What every fit has in common: its frame (parameters, phases that are measured, what is put together of them), how it
//! is watched and stopped, what it refuses, and its threads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::corpus::Corpus;
use super::model::{Fitted, Model, kept};
use super::{MOST_TOPICS, TopicsError};

/// Passes that were made, and the likelihood as it rose: pass, and nats a token.
pub(super) type Passes = (usize, Vec<(usize, f64)>);

/// The parameters that every method has.
#[derive(Debug, Clone)]
pub struct Frame {
    pub(super) k: usize,
    pub(super) iterations: usize,
    pub(super) seed: u64,
    pub(super) threads: Option<usize>,
    pub(super) watch: Watch,
}

impl Frame {
    /// So many topics in so many passes, from seed 88.
    pub(super) fn new(k: usize, iterations: usize) -> Self {
        Self { k, iterations, seed: 88, threads: None, watch: Watch::default() }
    }

    /// Whether the parameters make sense.
    pub(super) fn check(&self) -> Result<(), TopicsError> {
        if !(2..=MOST_TOPICS).contains(&self.k) {
            return Err(TopicsError::BadNumberOfTopics(self.k));
        }
        if (1..=100_000).contains(&self.iterations) {
            return Ok(());
        }
        let value = self.iterations.to_string();
        let wanted = "it must be 1 to 100,000";
        Err(TopicsError::BadParameter { what: "the number of iterations", value, wanted })
    }

    /// Whether so many topics can be made of these documents, each of its own words.
    pub(super) fn check_terms(&self, corpus: &Corpus) -> Result<(), TopicsError> {
        check_terms(self.k, corpus)
    }

    /// A fit from beginning to end, on the frame's threads: documents are arranged, sampled, and made a model of. Each
    /// is a phase that is measured.
    pub(super) fn run<S>(
        &self,
        corpus: &Corpus,
        arrange: impl FnOnce() -> S + Send,
        sample: impl FnOnce(&mut S) -> Passes + Send,
        model: impl FnOnce(S, Fitted) -> Model + Send,
    ) -> Model {
        on_threads(self.threads, || {
            let mut seconds = Seconds::default();
            let mut state = seconds.measure("arrange", arrange);
            let (iterations, likelihood) = seconds.measure("sample", || sample(&mut state));
            let fitted = Fitted {
                seed: self.seed,
                iterations,
                documents: corpus.len(),
                tokens: corpus.tokens(),
                seconds: Seconds::default(),
                likelihood: likelihood.into_iter().map(|(pass, nats)| (pass, kept(nats))).collect(),
                stopped: self.watch.is_stopped(),
            };
            let mut model = seconds.measure("average", || model(state, fitted));
            model.fitted.seconds = seconds;
            model
        })
    }
}

/// How the parameters that every method has are set.
pub trait Framed: Sized {
    /// The parameters that every method has.
    fn frame_mut(&mut self) -> &mut Frame;

    /// So many passes over the documents; where a method can tell that it is done, at most so many.
    #[must_use]
    fn iterations(mut self, iterations: usize) -> Self {
        self.frame_mut().iterations = iterations;
        self
    }

    /// Where chance begins.
    #[must_use]
    fn seed(mut self, seed: u64) -> Self {
        self.frame_mut().seed = seed;
        self
    }

    /// On so many threads; on as many as there are cores if it is not said. The outcome does not depend on it.
    #[must_use]
    fn threads(mut self, threads: Option<usize>) -> Self {
        self.frame_mut().threads = threads;
        self
    }

    /// Who watches, and can stop it.
    #[must_use]
    fn watch(mut self, watch: Watch) -> Self {
        self.frame_mut().watch = watch;
        self
    }
}

/// Where a fit stands.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Step {
    /// Passes over all documents so far.
    pub iteration: usize,
    /// Passes there are to be.
    pub of: usize,
    /// Mean log-likelihood of a token (of a sample of documents), in nats; for NMF, how far off the factors are, from
    /// 0 to −1. Not measured at every pass.
    pub likelihood: Option<f64>,
}

/// Who watches a fit, and can stop it: a fit that is stopped keeps the model as it is then.
#[derive(Clone, Default)]
pub struct Watch {
    listener: Option<Arc<dyn Fn(Step) + Send + Sync>>,
    stop: CancellationToken,
}

impl Watch {
    /// Tells `listener`, which must not block, of every pass, and ends early when `stop` is cancelled.
    pub fn new(stop: CancellationToken, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)), stop }
    }

    pub(super) fn tell(&self, step: Step) {
        if let Some(listener) = &self.listener {
            listener(step);
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// How long each phase took, in seconds.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seconds(BTreeMap<String, f64>);

impl Seconds {
    /// Does something as a phase.
    pub fn measure<T>(&mut self, phase: &str, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.note(phase, begun.elapsed().as_secs_f64());
        done
    }

    /// Adds so much to a phase.
    pub fn note(&mut self, phase: &str, seconds: f64) {
        let all = self.0.entry(phase.to_owned()).or_default();
        *all = kept(*all + seconds);
    }

    /// How long a phase took; zero if it did not happen.
    pub fn of(&self, phase: &str) -> f64 {
        self.0.get(phase).copied().unwrap_or_default()
    }

    /// Every phase, by name.
    pub fn phases(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(phase, seconds)| (phase.as_str(), *seconds))
    }

    /// How long all of it took.
    pub fn all(&self) -> f64 {
        self.0.values().sum()
    }

    /// Adds what was measured elsewhere.
    pub fn add(&mut self, other: Self) {
        for (phase, seconds) in other.0 {
            self.note(&phase, seconds);
        }
    }
}

/// Refuses documents that nothing can be learned from.
pub(super) fn check_corpus(corpus: &Corpus) -> Result<(), TopicsError> {
    if corpus.is_empty() {
        return Err(TopicsError::NoDocuments);
    }
    if corpus.tokens() == 0 {
        return Err(TopicsError::NoTokens(corpus.len()));
    }
    if let [only] = corpus.terms() {
        return Err(TopicsError::OneTerm(only.clone()));
    }
    if corpus.tokens() >= i32::MAX as usize {
        return Err(TopicsError::TooMuch(corpus.tokens()));
    }
    let mut filled = corpus.documents().filter(|document| !document.is_empty());
    let sorted = |document: &[u32]| {
        let mut words = document.to_vec();
        words.sort_unstable();
        words
    };
    let first = filled.next().map(sorted).unwrap_or_default();
    if filled.all(|document| document.len() == first.len() && sorted(document) == first) {
        return Err(TopicsError::AllTheSame(corpus.len()));
    }
    Ok(())
}

/// Whether so many topics can be made of these documents, each of its own words.
pub(super) fn check_terms(k: usize, corpus: &Corpus) -> Result<(), TopicsError> {
    check_corpus(corpus)?;
    let terms = corpus.terms().len();
    if k > terms { Err(TopicsError::MoreTopicsThanTerms { k, terms }) } else { Ok(()) }
}

/// Does something on so many threads; on as many as there are cores if that is not said.
pub(super) fn on_threads<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build() {
        Ok(pool) => pool.install(work),
        // Without threads of its own, the work is done on those that there are.
        Err(_) => work(),
    }
}

/// Whether a prior makes sense.
pub(super) fn check_prior(what: &'static str, value: f32) -> Result<(), TopicsError> {
    if value.is_finite() && value > 0.0 && value <= 1_000.0 {
        return Ok(());
    }
    let wanted = "it must be above 0 and at most 1,000";
    Err(TopicsError::BadParameter { what, value: value.to_string(), wanted })
}
