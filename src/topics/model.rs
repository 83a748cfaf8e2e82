//! What a fit leaves: how probable each word is in each topic, and what is needed to tell the topics of documents that
//! were not seen.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::fit::Seconds;

/// How a model was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Latent Dirichlet allocation: several topics a document.
    Lda,
    /// The same of tokens that weigh by TF-IDF.
    #[serde(rename = "lda-tfidf")]
    LdaTfIdf,
    /// A Dirichlet multinomial mixture: one topic a document.
    Gsdmm,
    /// Non-negative factors of TF-IDF.
    Nmf,
}

impl Method {
    /// As commands and files name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lda => "lda",
            Self::LdaTfIdf => "lda-tfidf",
            Self::Gsdmm => "gsdmm",
            Self::Nmf => "nmf",
        }
    }
}

/// What was fitted, and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Where chance began.
    pub seed: u64,
    /// Passes over the documents.
    pub iterations: usize,
    /// Documents, empty ones among them.
    pub documents: usize,
    /// Tokens of those documents.
    pub tokens: usize,
    /// How long each phase took.
    pub seconds: Seconds,
    /// The likelihood as it rose: pass, and nats a token.
    pub likelihood: Vec<(usize, f64)>,
    /// Whether somebody stopped it.
    pub stopped: bool,
}

/// How good a model's words are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Normalised pointwise mutual information of each topic's leading words.
    pub npmi: Vec<f64>,
    /// How many of all leading words are different ones, from 0 to 1.
    pub diversity: f64,
}

impl Quality {
    /// The mean coherence over topics.
    pub fn mean_npmi(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "there are at most a thousand topics")]
        let topics = self.npmi.len().max(1) as f64;
        kept(self.npmi.iter().sum::<f64>() / topics)
    }
}

/// A number as files keep it: to nine places, so that it is read back as it was (below nine million, its digits are a
/// whole number that an `f64` holds).
pub(super) fn kept(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

/// A topic model. Topics are in order of their shares, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// How it was made.
    pub method: Method,
    /// The words.
    pub terms: Vec<String>,
    /// In how many of the documents each word was.
    pub document_frequencies: Vec<u32>,
    /// A row a topic: how probable each word is in it.
    pub topics: Array2<f32>,
    /// How much of all text belongs to each topic; together 1.
    pub shares: Vec<f32>,
    /// What is expected of a document before it is read: LDA's α; the others' shares.
    pub prior: Vec<f32>,
    /// What the operator calls the topics; empty where there is no name.
    pub names: Vec<String>,
    /// How the fit went.
    pub fitted: Fitted,
    /// How good its words are; empty before they were judged.
    pub quality: Quality,
}

impl Model {
    /// A model that was made of these documents, without names and not judged yet. What is expected of a document are
    /// the topics' shares.
    pub(super) fn made(
        method: Method,
        corpus: &Corpus,
        topics: Array2<f32>,
        shares: Vec<f32>,
        fitted: Fitted,
    ) -> Self {
        Self {
            method,
            terms: corpus.terms().to_vec(),
            document_frequencies: corpus.document_frequencies(),
            names: vec![String::new(); shares.len()],
            prior: shares.clone(),
            topics,
            shares,
            fitted,
            quality: Quality::default(),
        }
    }

    /// The same with another expectation.
    pub(super) fn with_prior(self, prior: Vec<f32>) -> Self {
        Self { prior, ..self }
    }

    /// How many topics there are.
    pub fn k(&self) -> usize {
        self.topics.nrows()
    }

    /// A topic's most probable words, the most probable first; of equals, the one that was there first.
    pub fn top_terms(&self, topic: usize, most: usize) -> Vec<(usize, f32)> {
        let row = self.topics.row(topic);
        let mut terms: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        let by_weight = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if most < terms.len() {
            terms.select_nth_unstable_by(most, by_weight);
            terms.truncate(most);
        }
        terms.sort_by(by_weight);
        terms
    }

    /// How a topic is called: its name, or its number.
    pub fn title(&self, topic: usize) -> String {
        match self.names.get(topic) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("topic {topic}"),
        }
    }
}
