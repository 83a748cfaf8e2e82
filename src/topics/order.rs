//! A fit as it is asked for, by whichever door: method, number of topics, and the rest as it proved best.

use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array2;

use super::TopicsError;
use super::coherence;
use super::corpus::Corpus;
use super::fit::{self, Framed, Watch};
use super::gsdmm::GsdmmParams;
use super::lda::{Alpha, LdaParams, Weighted, WeightedLdaParams};
use super::model::{Method, Model};
use super::nmf::NmfParams;

/// Documents of at most so many words on average are short: one topic each says more about them than several.
const SHORT: usize = 12;
/// How many topics, but for a method that finds that itself.
const K: usize = 20;
/// Passes of LDA at most, where it ends when it no longer gains.
const MOST_PASSES: usize = 500;

/// A fit as it is asked for; what is not said is as it proved best.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// How; by the length of the documents if it is not said.
    pub method: Option<Method>,
    /// How many topics.
    pub k: Option<usize>,
    /// How many passes; if it is not said, until it no longer gains.
    pub iterations: Option<usize>,
    /// Where chance begins.
    pub seed: Option<u64>,
    /// On how many threads.
    pub threads: Option<usize>,
    /// LDA, GSDMM: the prior of a topic.
    pub alpha: Option<f32>,
    /// LDA: whether α is learned.
    pub learn_alpha: bool,
    /// LDA, GSDMM: the prior of a word.
    pub beta: Option<f32>,
    /// Who watches.
    pub watch: Watch,
}

/// A fitted model, and what it says of its own documents.
#[derive(Debug)]
pub struct Found {
    /// The model, judged.
    pub model: Model,
    /// The documents' topics, a row a document.
    pub shares: Array2<f32>,
    /// The documents.
    pub corpus: Corpus,
}

impl Order {
    /// The method for these documents.
    pub fn method_for(&self, corpus: &Corpus) -> Method {
        let short = corpus.tokens() <= SHORT * corpus.len();
        self.method.unwrap_or(if short { Method::Gsdmm } else { Method::Lda })
    }

    /// Whether its numbers make sense, whatever the documents are.
    pub fn check_numbers(&self) -> Result<(), TopicsError> {
        // Methods that are chosen by the documents take the same numbers.
        match self.method.unwrap_or(Method::Lda) {
            Method::Lda => self.lda().check_ref().map(drop),
            Method::LdaTfIdf => self.weighted_lda().check_ref().map(drop),
            Method::Nmf => self.nmf().check_ref().map(drop),
            Method::Gsdmm => self.gsdmm().check_ref().map(drop),
        }
    }

    /// Whether so many topics can be made of these documents.
    pub(super) fn check(&self, corpus: &Corpus) -> Result<(), TopicsError> {
        self.check_numbers()?;
        match self.method_for(corpus) {
            // Surplus topics empty themselves.
            Method::Gsdmm => fit::check_corpus(corpus),
            _ => fit::check_terms(self.k.unwrap_or(K), corpus),
        }
    }

    /// Fits, judges, and tells the documents' topics.
    pub fn fit(&self, corpus: Corpus) -> Result<Found, TopicsError> {
        let method = self.method_for(&corpus);
        let (mut model, corpus) = match method {
            Method::Lda => fit_with(&self.lda(), corpus),
            Method::LdaTfIdf => {
                fit::check_corpus(&corpus)?;
                let dataset = DatasetBase::new(Weighted::tf_idf(corpus)?, ());
                Ok((self.weighted_lda().fit(&dataset)?, dataset.records.into_corpus()))
            }
            Method::Gsdmm => fit_with(&self.gsdmm(), corpus),
            Method::Nmf => fit_with(&self.nmf(), corpus),
        }?;
        let mut seconds = std::mem::take(&mut model.fitted.seconds);
        model.quality = seconds.measure("judge", || coherence::judge(&model, &corpus));
        let dataset = DatasetBase::new(corpus, ());
        let shares = seconds.measure("predict", || {
            fit::on_threads(self.threads, || -> Array2<f32> { model.predict(&dataset) })
        });
        model.fitted.seconds = seconds;
        Ok(Found { model, shares, corpus: dataset.records })
    }

    /// What every method takes.
    fn framed<P: Framed>(&self, params: P) -> P {
        let params = params.seed(self.seed.unwrap_or(88)).threads(self.threads).watch(self.watch.clone());
        self.iterations.into_iter().fold(params, P::iterations)
    }

    fn lda(&self) -> LdaParams {
        let params = LdaParams::new(self.k.unwrap_or(K)).iterations(MOST_PASSES);
        let params = self.framed(params).ends_early(self.iterations.is_none());
        let alpha = self.alpha.unwrap_or(0.1);
        let params = params.alpha(if self.learn_alpha { Alpha::Learned(alpha) } else { Alpha::Fixed(alpha) });
        self.beta.into_iter().fold(params, LdaParams::beta)
    }

    fn weighted_lda(&self) -> WeightedLdaParams {
        let params = WeightedLdaParams::new(self.k.unwrap_or(K)).iterations(MOST_PASSES);
        let params = self.framed(params).ends_early(self.iterations.is_none());
        let params = self.alpha.into_iter().fold(params, WeightedLdaParams::alpha);
        self.beta.into_iter().fold(params, WeightedLdaParams::beta)
    }

    fn gsdmm(&self) -> GsdmmParams {
        let params = self.framed(GsdmmParams::new(self.k.unwrap_or(100)));
        let params = self.alpha.into_iter().fold(params, GsdmmParams::alpha);
        self.beta.into_iter().fold(params, GsdmmParams::beta)
    }

    fn nmf(&self) -> NmfParams {
        self.framed(NmfParams::new(self.k.unwrap_or(K)))
    }
}

/// Fits, and gives the documents back.
fn fit_with<P>(params: &P, corpus: Corpus) -> Result<(Model, Corpus), TopicsError>
where
    P: Fit<Corpus, (), TopicsError, Object = Model>,
{
    let dataset = DatasetBase::new(corpus, ());
    Ok((params.fit(&dataset)?, dataset.records))
}
