//! A model in files: `model.json` says what it is, `model.parquet` holds a row a word with its document frequency and
//! its weight in every topic. Together they load again to the same model.
//!
//! Where a model was, another may be written: [`make_room`] takes the old one away first, and what makes a folder a model
//! before all else, so that whatever happens on the way no folder holds parts of two. Whoever writes holds the
//! [`Writer`](super::Writer) of the folder all the while.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use polars::prelude::{
    Column, DataFrame, DataType, ParquetCompression, ParquetReader, ParquetWriter, PolarsError, SerReader,
};
use serde::{Deserialize, Serialize};

use super::TopicsError;
use super::fit::Seconds;
use super::model::{Fitted, Method, Model, Quality};
use super::outputs::write;
use super::text::{TextCounts, TextSteps};

/// What a model is, as `model.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// How it was made.
    pub method: Method,
    /// Topics.
    pub k: usize,
    /// Where chance began.
    pub seed: u64,
    /// Passes over the documents.
    pub iterations: usize,
    /// Documents, empty ones among them.
    pub documents: usize,
    /// Tokens of the documents.
    pub tokens: usize,
    /// Words.
    pub vocabulary: usize,
    /// How long each phase took.
    pub seconds: Seconds,
    /// Tokens that were sampled a second.
    pub tokens_per_second: f64,
    /// Mean coherence of the topics' words.
    pub coherence_npmi: f64,
    /// How many of all leading words are different ones.
    pub diversity: f64,
    /// The likelihood as it rose: pass, and nats a token.
    pub log_likelihood: Vec<(usize, f64)>,
    /// Whether somebody stopped it.
    pub stopped: bool,
    /// The topics.
    pub topics: Vec<DescribedTopic>,
}

/// A topic, as `model.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedTopic {
    /// Its number.
    pub topic: usize,
    /// What the operator calls it.
    pub name: String,
    /// How much of all text belongs to it.
    pub share: f32,
    /// What is expected of a document before it is read.
    pub prior: f32,
    /// Coherence of its words.
    pub npmi: f64,
    /// Its leading words.
    pub words: Vec<String>,
}

/// Words of a topic in `model.json`.
const WORDS: usize = 10;

impl From<&Model> for Description {
    fn from(model: &Model) -> Self {
        let fitted = &model.fitted;
        #[allow(clippy::cast_precision_loss, reason = "a rate to read")]
        let sampled = fitted.tokens as f64 * fitted.iterations as f64;
        let topics = (0..model.k()).map(|topic| DescribedTopic {
            topic,
            name: model.names[topic].clone(),
            share: model.shares[topic],
            prior: model.prior[topic],
            npmi: model.quality.npmi.get(topic).copied().unwrap_or_default(),
            words: model
                .top_terms(topic, WORDS)
                .into_iter()
                .map(|(term, _)| model.terms[term].clone())
                .collect(),
        });
        Self {
            method: model.method,
            k: model.k(),
            seed: fitted.seed,
            iterations: fitted.iterations,
            documents: fitted.documents,
            tokens: fitted.tokens,
            vocabulary: model.terms.len(),
            seconds: fitted.seconds.clone(),
            tokens_per_second: (sampled / fitted.seconds.of("sample").max(1e-9)).round(),
            coherence_npmi: model.quality.mean_npmi(),
            diversity: model.quality.diversity,
            log_likelihood: fitted.likelihood.clone(),
            stopped: fitted.stopped,
            topics: topics.collect(),
        }
    }
}

impl Description {
    /// Whether it describes the same model as another one, whatever its topics are called.
    pub(super) fn is_of_the_model_of(&self, other: &Self) -> bool {
        let words = |of: &Self| of.topics.iter().map(|topic| topic.words.clone()).collect::<Vec<_>>();
        (self.method, self.k, self.vocabulary) == (other.method, other.k, other.vocabulary)
            && words(self) == words(other)
    }
}

/// What describes a model: the file that makes a folder one.
pub(crate) const DESCRIPTION: &str = "model.json";
/// What else is of one model alone, and may be missing of another.
pub(super) const COMPANIONS: [&str; 4] = ["model.parquet", "text.json", "predictions.parquet", "folded.csv"];

/// The names that somebody gave to topics of the model in a folder, as a file to be kept when the model goes: its name,
/// which is another for other names, and its content. None, if no topic was named or there is no model.
pub(super) fn given_names(model_json: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut described: Description = serde_json::from_slice(model_json).ok()?;
    described.topics.retain(|topic| !topic.name.is_empty());
    if described.topics.is_empty() {
        return None;
    }
    let mut json = serde_json::to_vec_pretty(&described.topics).expect("numbers and text are JSON");
    json.push(b'\n');
    Some((format!("names_{:08x}.json", crc32fast::hash(&json)), json))
}

/// Takes the model in a folder away, if there is one, for another to be written there. Names that somebody gave to its
/// topics are kept in a file beside.
pub fn make_room(folder: &Path) -> Result<(), TopicsError> {
    if let Some((name, names)) = read_if_there(&folder.join(DESCRIPTION))?.as_deref().and_then(given_names) {
        write(&folder.join(name), &[names])?;
    }
    for name in [&[DESCRIPTION][..], &COMPANIONS].concat() {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(TopicsError::File { action: "remove", path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// A file's content; none if it is not there.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, TopicsError> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(TopicsError::File { action: "read", path: path.to_owned(), source }),
    }
}

/// Writes `model.json` and `model.parquet` into a folder that is there.
pub fn save(folder: &Path, model: &Model) -> Result<(), TopicsError> {
    let path = folder.join("model.parquet");
    let rows = frame(model).and_then(|mut frame| {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Snappy).finish(&mut frame)?;
        Ok(bytes)
    });
    let rows = rows.map_err(|error| TopicsError::File {
        action: "write",
        path: path.clone(),
        source: std::io::Error::other(error),
    })?;
    write(&path, &[rows])?;
    write_described(folder, &Description::from(model))
}

/// Writes `model.json` anew.
pub(super) fn write_described(folder: &Path, described: &Description) -> Result<(), TopicsError> {
    let mut text = serde_json::to_vec_pretty(described).expect("numbers and text are JSON");
    text.push(b'\n');
    write(&folder.join(DESCRIPTION), &[text])
}

fn frame(model: &Model) -> Result<DataFrame, PolarsError> {
    let mut columns = vec![
        Column::new("term".into(), &model.terms),
        Column::new("document_frequency".into(), &model.document_frequencies),
    ];
    for (topic, row) in model.topics.rows().into_iter().enumerate() {
        columns.push(Column::new(format!("topic_{topic}").into(), row.to_vec()));
    }
    DataFrame::new(model.terms.len(), columns)
}

/// What became of posts before they were fitted, as `text.json` has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Text {
    /// The steps.
    pub steps: TextSteps,
    /// What they dropped.
    pub counts: TextCounts,
}

/// Writes `text.json`: so that posts that come later go through the same steps.
pub fn write_text(folder: &Path, steps: &TextSteps, counts: &TextCounts) -> Result<(), TopicsError> {
    let text = Text { steps: steps.clone(), counts: counts.clone() };
    let mut json = serde_json::to_vec_pretty(&text).expect("numbers and text are JSON");
    json.push(b'\n');
    write(&folder.join("text.json"), &[json])
}

/// Reads the steps that a model's posts went through; the usual ones if it came from tokens.
pub fn read_text(folder: &Path) -> Result<Text, TopicsError> {
    let path = folder.join("text.json");
    let Some(json) = read_if_there(&path)? else { return Ok(Text::default()) };
    serde_json::from_slice(&json).map_err(|error| TopicsError::NotAModel { path, why: error.to_string() })
}

/// Reads what a model is, without its words' weights.
pub fn describe(folder: &Path) -> Result<Description, TopicsError> {
    let path = folder.join(DESCRIPTION);
    match read_if_there(&path)? {
        Some(text) => described(&text, path),
        None => Err(TopicsError::NotAModel {
            path: folder.to_owned(),
            why: "there is no model.json; `hydrant topics list` lists the models of a folder".to_owned(),
        }),
    }
}

/// What a model is, from the content of its `model.json`.
pub(super) fn described(json: &[u8], path: PathBuf) -> Result<Description, TopicsError> {
    serde_json::from_slice(json).map_err(|error| TopicsError::NotAModel { path, why: error.to_string() })
}

/// Reads a model.
pub fn load(folder: &Path) -> Result<Model, TopicsError> {
    let described = describe(folder)?;
    let path = folder.join("model.parquet");
    let file = File::open(&path).map_err(|source| TopicsError::File {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let wrong = |why: String| TopicsError::NotAModel { path: path.clone(), why };
    let frame = ParquetReader::new(file).finish().map_err(|error| wrong(error.to_string()))?;
    let column = |name: &str, of: &DataType| {
        let column = frame.column(name).and_then(|column| column.cast(of));
        column.map_err(|error| wrong(error.to_string()))
    };
    let gap = || wrong("it has empty cells".to_owned());
    let terms = column("term", &DataType::String)?;
    let terms = terms.str().map_err(|error| wrong(error.to_string()))?;
    let terms: Option<Vec<String>> = terms.iter().map(|term| term.map(str::to_owned)).collect();
    let frequencies = column("document_frequency", &DataType::UInt32)?;
    let frequencies = frequencies.u32().map_err(|error| wrong(error.to_string()))?;
    let frequencies: Option<Vec<u32>> = frequencies.iter().collect();
    let mut topics = Array2::zeros((described.k, frame.height()));
    for (topic, mut row) in topics.rows_mut().into_iter().enumerate() {
        let weights = column(&format!("topic_{topic}"), &DataType::Float32)?;
        let weights = weights.f32().map_err(|error| wrong(error.to_string()))?;
        for (cell, weight) in row.iter_mut().zip(weights.iter()) {
            *cell = weight.filter(|weight| weight.is_finite()).ok_or_else(gap)?;
        }
    }
    if described.topics.len() != described.k {
        return Err(wrong(format!(
            "model.json describes {} of {} topics",
            described.topics.len(),
            described.k
        )));
    }
    Ok(Model {
        method: described.method,
        terms: terms.ok_or_else(gap)?,
        document_frequencies: frequencies.ok_or_else(gap)?,
        topics,
        shares: described.topics.iter().map(|topic| topic.share).collect(),
        prior: described.topics.iter().map(|topic| topic.prior).collect(),
        names: described.topics.iter().map(|topic| topic.name.clone()).collect(),
        quality: Quality {
            npmi: described.topics.iter().map(|topic| topic.npmi).collect(),
            diversity: described.diversity,
        },
        fitted: Fitted {
            seed: described.seed,
            iterations: described.iterations,
            documents: described.documents,
            tokens: described.tokens,
            seconds: described.seconds,
            likelihood: described.log_likelihood,
            stopped: described.stopped,
        },
    })
}
