//! What every fit has in common: how it is watched and stopped, what it refuses, and its threads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::corpus::Corpus;
use super::{MOST_TOPICS, TopicsError};

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
        *self.0.entry(phase.to_owned()).or_default() += seconds;
    }

    /// How long a phase took; zero if it did not happen.
    pub fn of(&self, phase: &str) -> f64 {
        self.0.get(phase).copied().unwrap_or_default()
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

/// Whether a number of topics makes sense at all.
pub(super) fn check_topics(k: usize) -> Result<(), TopicsError> {
    if (2..=MOST_TOPICS).contains(&k) { Ok(()) } else { Err(TopicsError::BadNumberOfTopics(k)) }
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

/// Does something on so many threads; on as many as there are cores if that is not said.
pub(super) fn on_threads<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build() {
        Ok(pool) => pool.install(work),
        // Without threads of its own, the work is done on those that there are.
        Err(_) => work(),
    }
}

/// Whether a number of passes makes sense.
pub(super) fn check_iterations(iterations: usize) -> Result<(), TopicsError> {
    if (1..=100_000).contains(&iterations) {
        return Ok(());
    }
    let value = iterations.to_string();
    Err(TopicsError::BadParameter {
        what: "the number of iterations",
        value,
        wanted: "it must be 1 to 100,000",
    })
}

/// Whether a prior makes sense.
pub(super) fn check_prior(what: &'static str, value: f32) -> Result<(), TopicsError> {
    if value.is_finite() && value > 0.0 && value <= 1_000.0 {
        return Ok(());
    }
    let wanted = "it must be above 0 and at most 1,000";
    Err(TopicsError::BadParameter { what, value: value.to_string(), wanted })
}
