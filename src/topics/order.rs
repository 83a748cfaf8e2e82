//! A fit as it is asked for, by whichever door: method, number of topics, and the rest as it proved best.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use ndarray::Array2;

use super::TopicsError;
use super::coherence;
use super::corpus::Corpus;
use super::fit::{self, Watch};
use super::gsdmm::GsdmmParams;
use super::lda::{Alpha, LdaParams};
use super::model::{Method, Model};
use super::nmf::NmfParams;

/// Documents of at most so many words on average are short: one topic each says more about them than several.
const SHORT: usize = 12;

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

    /// Fits, judges, and tells the documents' topics.
    pub fn fit(&self, corpus: Corpus) -> Result<Found, TopicsError> {
        let method = self.method_for(&corpus);
        let dataset = DatasetBase::new(corpus, ());
        let mut model = match method {
            Method::Lda => self.lda().fit(&dataset),
            Method::Gsdmm => self.gsdmm().fit(&dataset),
            Method::Nmf => self.nmf().fit(&dataset),
        }?;
        let mut seconds = std::mem::take(&mut model.fitted.seconds);
        model.quality = seconds.measure("judge", || coherence::judge(&model, &dataset.records));
        let shares = seconds.measure("predict", || {
            fit::on_threads(self.threads, || -> Array2<f32> { model.predict(&dataset) })
        });
        model.fitted.seconds = seconds;
        Ok(Found { model, shares, corpus: dataset.records })
    }

    fn lda(&self) -> LdaParams {
        let params = LdaParams::new(self.k.unwrap_or(20))
            .threads(self.threads)
            .ends_early(self.iterations.is_none())
            .iterations(self.iterations.unwrap_or(500))
            .seed(self.seed.unwrap_or(88))
            .watch(self.watch.clone());
        let alpha = self.alpha.unwrap_or(0.1);
        let params = params.alpha(if self.learn_alpha { Alpha::Learned(alpha) } else { Alpha::Fixed(alpha) });
        self.beta.into_iter().fold(params, LdaParams::beta)
    }

    fn gsdmm(&self) -> GsdmmParams {
        let params =
            GsdmmParams::new(self.k.unwrap_or(100)).seed(self.seed.unwrap_or(88)).watch(self.watch.clone());
        let params = self.iterations.into_iter().fold(params, GsdmmParams::iterations);
        let params = self.alpha.into_iter().fold(params, GsdmmParams::alpha);
        self.beta.into_iter().fold(params, GsdmmParams::beta)
    }

    fn nmf(&self) -> NmfParams {
        let params = NmfParams::new(self.k.unwrap_or(20))
            .threads(self.threads)
            .seed(self.seed.unwrap_or(88))
            .watch(self.watch.clone());
        self.iterations.into_iter().fold(params, NmfParams::iterations)
    }
}
