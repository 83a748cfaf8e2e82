//! Topics: from the text of hours to words that tell what it is about.
//!
//! ```text
//! input        posts out of combined hours
//! text         posts become documents, step by step, with counts
//! near_duplicates, vocabulary   two of the steps
//! corpus       documents as numbers
//! lda          latent Dirichlet allocation by collapsed Gibbs sampling: several topics a document
//!              (by counts; by TF-IDF or any other weights of tokens too)
//! gsdmm        a Dirichlet multinomial mixture: one topic a document, for short posts
//! nmf          non-negative factors of TF-IDF
//! coherence    how good a model's words are
//! model        what a fit leaves: words, priors, names; saved and loaded
//! kept         models in their folders: written whole, named, asked for their posts
//! writer       one at a time writes into a model's folder
//! shelf        models wherever they lie, in folders or buckets: listed, brought, sent
//! predict      topics of documents, seen or not
//! later        hours that came after the fit, predicted one by one and none twice
//! browse       relevance, typical documents, a map of topics
//! outputs, predictions   a model as CSV files; every post with its topics
//! questions    what is asked of posts that have topics: tables, heat maps, shares per hour
//! report       a model as one HTML file
//! ```
//!
//! Every method is parameters → checked parameters → fit → model, behind [linfa]'s traits. The same seed gives the same
//! model, byte for byte, on any number of threads.

pub mod browse;
mod coherence;
pub mod corpus;
mod fit;
pub mod gsdmm;
mod input;
pub mod kept;
mod lanes;
pub mod later;
pub mod lda;
pub mod model;
pub mod near_duplicates;
pub mod nmf;
mod order;
mod outputs;
pub mod predict;
mod predictions;
pub mod questions;
pub mod random;
pub mod report;
mod shelf;
mod store;
pub mod sweep;
pub mod text;
pub mod vocabulary;
mod writer;

pub use coherence::judge;
pub use corpus::Corpus;
pub use fit::{Frame, Framed, Seconds, Step, Watch};
pub use input::{RowFile, find_rows, read_posts};
pub use kept::{Documents, Kept, TypicalPost, fit_into};
pub use model::{Fitted, Method, Model, Quality};
pub use order::{Found, Order};
pub use outputs::{write_outputs, write_words};
pub use predictions::{predictions, write_posts};
pub use shelf::{Shelf, find_models};
pub(crate) use store::DESCRIPTION;
pub use store::{DescribedTopic, Description, Text, describe, load, make_room, read_text, save, write_text};
pub use text::{Post, Prepared, TextCounts, TextSteps};
pub use vocabulary::VocabularyRule;
pub use writer::Writer;

use std::path::PathBuf;

use crate::text::counted;

#[cfg(test)]
mod tests;

/// Why topics could not be found, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// There is nothing to learn from.
    #[error("there are no documents: give a file with at least one line, or hours with posts in them")]
    NoDocuments,
    /// Nothing is left of the documents.
    #[error(
        "of {}, none has a word left: the texts are empty, or the steps before dropped every word", counted(.0, "document", "documents")
    )]
    NoTokens(usize),
    /// One term cannot be parted into topics.
    #[error(
        "the vocabulary is the one word “{0}”, and topics need at least two: loosen the steps before, or give more text"
    )]
    OneTerm(String),
    /// One topic is no model.
    #[error("{0} topics cannot be told apart: ask for 2 to {MOST_TOPICS}")]
    BadNumberOfTopics(usize),
    /// There are fewer terms than topics.
    #[error("{k} topics cannot be made of a vocabulary of {}: ask for at most {terms}", counted(.terms, "word", "words"))]
    MoreTopicsThanTerms {
        /// How many topics were asked for.
        k: usize,
        /// How many terms there are.
        terms: usize,
    },
    /// Every document is the same.
    #[error("no two of the {0} documents hold different words: there is nothing to tell topics apart by")]
    AllTheSame(usize),
    /// A number that makes no sense.
    #[error("{what} is {value}: {wanted}")]
    BadParameter {
        /// What it is called.
        what: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        wanted: &'static str,
    },
    /// More than the counters hold.
    #[error("{0} tokens are more than one fit can count: fit fewer hours at once")]
    TooMuch(usize),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process writes there.
    #[error("another hydrant{} writes a model in {}: wait for it{or_else}", numbered(*.process), folder.display())]
    BeingWritten {
        /// Where.
        folder: PathBuf,
        /// Its number, if it said so.
        process: Option<u32>,
        /// What else can be done.
        or_else: &'static str,
    },
    /// A model could not be sent to where it was to lie.
    #[error(
        "the model could not be sent to {place}: {source}; it is kept in {}: copy its files there, model.json last", folder.display()
    )]
    NotSent {
        /// Where it was to lie.
        place: String,
        /// Where it is, on this machine.
        folder: PathBuf,
        /// Why.
        source: Box<TopicsError>,
    },
    /// Another model has taken the place of one that was opened.
    #[error("{0} was made anew since the model was opened: open it again, and name its topics then")]
    MadeAnew(String),
    /// A file is not what it should be.
    #[error("{path} is not a topic model: {why}")]
    NotAModel {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file of rows is not of posts.
    #[error("{file} does not hold posts: {why}")]
    NotPosts {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file is not what a prediction writes.
    #[error("{file} does not hold predictions of this model: {why}")]
    NotPredictions {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A model without predictions.
    #[error(
        "{0} has no predictions: make them with `hydrant topics predict`, or give files of them with --predictions"
    )]
    NoPredictions(String),
    /// No post of the hours was predicted.
    #[error(
        "of {}, none has a topic: predict these hours first with `hydrant topics predict`, or give their predictions", counted(.0, "post", "posts")
    )]
    NonePredicted(u64),
    /// A list of places that cannot be read.
    #[error("the list of places cannot be read: {0}")]
    BadPlaces(String),
    /// There is nothing to read.
    #[error("{0} holds no combined hours: give a .csv or .parquet file, or a folder with some in it")]
    NoInput(String),
    /// The steps dropped every post.
    #[error(
        "of {}, none is left: retweets {}, too few words {}, no word that counts {}; keep more with --retweets, --longer-than or --letters",
        counted(.0.posts, "post", "posts"), .0.retweets, .0.short, .0.empty
    )]
    NothingLeft(Box<TextCounts>),
    /// There is no such language among the stop words.
    #[error("there are no stop words for the language `{0}`: give a two-letter code such as en, de or es")]
    NoLanguage(String),
    /// There is no such topic.
    #[error("there is no topic {topic}: the model has topics 0 to {last}")]
    NoTopic {
        /// Which was meant.
        topic: usize,
        /// The last one.
        last: usize,
    },
    /// The lake's.
    #[error(transparent)]
    Lake(#[from] crate::lake::LakeError),
    /// linfa's own.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

fn numbered(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" (process {process})"))
}

impl TopicsError {
    /// Whether the operator asked for the end of it.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Lake(error) if error.is_interruption())
    }
}

/// The most topics that a model may have.
pub const MOST_TOPICS: usize = 1_000;
