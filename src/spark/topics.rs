//! A fit by MLlib's LDA, online or EM: the same text steps, stop words and vocabulary rules, and in the end the same
//! files. The script leaves plain tables; the model, its words and its description are written from them by the code
//! that writes every other model.
//!
//! What differs from hydrant's own LDA, beside the sampler: posts that differ by a word or two are not folded into one,
//! and there is no list of which post went into which document.

use std::io::Read;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::plan::Size;
use super::{Book, Entry, Job, LAST, Results, SparkError, Work};
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::progress::{Phase, Progress};
use crate::topics::{
    Description, Fitted, Method, Model, Quality, RowFile, Seconds, Shelf, TextCounts, TextSteps, Writer,
    describe, make_room, save, write_text, write_words,
};

pub(super) const SCRIPT: &str = include_str!("../../assets/spark/topics.py");

/// How many topics, how many passes and where chance begins if nobody says: as the predecessor had them, but for the
/// number of topics.
pub const K: usize = 20;
/// See [`K`].
pub const ITERATIONS: usize = 85;
/// See [`K`].
pub const SEED: u64 = 88;

/// How MLlib looks for topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Variational, batch by batch (Hoffman, Blei and Bach 2010).
    Online,
    /// Expectation and maximisation over the graph of words and documents (Asuncion et al. 2009).
    Em,
}

/// What a word in a document counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// How often it is there.
    Counts,
    /// That times its inverse document frequency, as the predecessor had it.
    Tfidf,
}

/// What a model is made from.
#[derive(Debug, Clone)]
pub enum Documents {
    /// Documents that are tokens already, one a line.
    Tokens(PathBuf),
    /// Files of combined hours, and what becomes of their posts.
    Hours(Vec<String>, Box<TextSteps>),
}

impl Documents {
    /// Those of files of combined hours, and how much there is to read.
    pub async fn of_hours(files: &[RowFile], steps: TextSteps) -> Result<(Self, Size), SparkError> {
        let size = Size::of(files.iter().map(|file| (&file.place, file.key.as_str()))).await?;
        let files = files.iter().map(RowFile::url).collect();
        Ok((Self::Hours(files, Box::new(steps)), size))
    }
}

/// A fit as it is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// From what.
    pub documents: Documents,
    /// How many topics.
    pub k: usize,
    /// How many passes.
    pub iterations: usize,
    /// Where chance begins.
    pub seed: u64,
    /// How.
    pub optimizer: Optimizer,
    /// With what.
    pub weights: Weights,
}

/// A path as a process with another working folder finds it; an address as it is.
fn whole(path: &Path) -> Result<String, SparkError> {
    if let Some(address) = path.to_str().filter(|path| path.contains("://")) {
        return Ok(address.to_owned());
    }
    let whole = std::path::absolute(path).map_err(SparkError::file("find", path))?;
    Ok(whole.to_string_lossy().into_owned())
}

impl Order {
    /// The job of it, whose results go to a folder.
    pub fn job(&self, out: &Path) -> Result<Job, SparkError> {
        let mut settings = json!({
            "k": self.k, "iterations": self.iterations, "seed": self.seed, "optimizer": self.optimizer,
            "weights": self.weights, "out": whole(out)?,
        });
        match &self.documents {
            Documents::Tokens(path) => settings["tokens"] = json!(whole(path)?),
            Documents::Hours(files, steps) => {
                let mut stop_words: Vec<String> = steps.all_stop_words()?.into_iter().collect();
                stop_words.sort();
                let files: Result<Vec<String>, SparkError> =
                    files.iter().map(|file| whole(Path::new(file))).collect();
                settings["input"] = json!(files?);
                settings["steps"] = json!(steps);
                settings["stop_words"] = json!(stop_words);
            }
        }
        let steps = match &self.documents {
            Documents::Tokens(_) => None,
            Documents::Hours(_, steps) => Some(steps.clone()),
        };
        Ok(Job {
            name: "topics".to_owned(),
            work: Work::Topics { steps },
            settings,
            out: whole(out)?.into(),
            model: None,
        })
    }

    /// The job of it, whose model is to lie in a place. To a bucket it goes by way of a folder of this machine, of those
    /// for such models: always the same one, by which the same work is known again, and another for other work.
    pub fn job_to(&self, place: &Place, folder: &Path) -> Result<Job, SparkError> {
        match place {
            Place::Folder(out) => self.job(out),
            Place::Bucket(_) => {
                let (model, passing) = (place.url(""), folder.join("models"));
                let work = format!("{model}\n{}", self.job(&passing)?.settings);
                let name = format!("{:08x}", crc32fast::hash(work.as_bytes()));
                Ok(Job { model: Some(model), ..self.job(&passing.join(name))? })
            }
        }
    }
}

/// What is left to do when a fit is done, whoever was there: a model that belongs into a bucket is sent there.
pub async fn wind_up(
    (book, entry): (&Book, &mut Entry),
    results: Results,
    cloud: Option<&Cloud>,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Description, SparkError> {
    match results {
        Results::Combined(_) => Err(SparkError::NoJob(entry.id.clone())),
        Results::Topics(_) | Results::There if entry.job.model.is_some() => {
            send((book, entry), cloud, progress, stop).await
        }
        Results::Topics(about) => Ok(about),
        Results::There => Ok(describe(&entry.job.out)?),
    }
}

/// Sends a model that a job left on this machine to where it belongs, lets go of it here, and describes it. One that
/// another process has sent meanwhile is described where it is: what is here is sent by one, and once.
pub async fn send(
    (book, entry): (&Book, &mut Entry),
    cloud: Option<&Cloud>,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Description, SparkError> {
    let _alone = book.alone_with(entry, progress, stop).await?;
    let place = entry.job.place();
    if !entry.is_unsent() {
        let words = format!("the model of {} was sent to {place} by another hydrant", entry.id);
        progress.tell("spark", &entry.id, Phase::Done, words);
        return Ok(describe(Shelf::open(&place, cloud).await?.folder())?);
    }
    let about = describe(&entry.job.out)?;
    let sent = async { Shelf::over(&place, &entry.job.out, cloud)?.send().await };
    sent.await.map_err(|source| SparkError::NotSent {
        id: entry.id.clone(),
        place,
        source: Box::new(source),
    })?;
    make_way(&entry.job)?;
    Ok(about)
}

/// Takes away what is left in the folder by way of which a model goes to a bucket.
pub fn make_way(job: &Job) -> Result<(), SparkError> {
    match job.model.as_ref().map(|_| std::fs::remove_dir_all(&job.out)) {
        Some(Err(source)) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(SparkError::file("remove", &job.out)(source))
        }
        _ => Ok(()),
    }
}

/// Makes the model of what the script left in a folder, and writes its files.
pub(super) fn finish(out: &Path, steps: Option<&TextSteps>) -> Result<Description, SparkError> {
    let _writer = Writer::in_turn(out)?;
    let left: Left =
        serde_json::from_str(&read(out, LAST)?).map_err(|error| odd(out, LAST, error.to_string()))?;
    let model = left.model(out)?;
    make_room(out)?;
    write_words(out, &model)?;
    if let Some(steps) = steps {
        write_text(out, steps, &left.counts)?;
    }
    save(out, &model)?;
    for name in ["terms.csv", "topics.csv"] {
        let path = out.join(name);
        std::fs::remove_file(&path).map_err(SparkError::file("remove", &path))?;
    }
    Ok(Description::from(&model))
}

/// What the script says of its fit.
#[derive(Debug, Deserialize)]
struct Left {
    k: usize,
    seed: u64,
    iterations: usize,
    documents: usize,
    tokens: usize,
    #[serde(default)]
    counts: TextCounts,
    shares: Vec<f32>,
    prior: Vec<f32>,
    npmi: Vec<f64>,
    diversity: f64,
    likelihood: Option<f64>,
    seconds: Seconds,
}

fn read(out: &Path, name: &str) -> Result<String, SparkError> {
    let path = out.join(name);
    let mut text = String::new();
    let file = std::fs::File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
    file.map_err(SparkError::file("read", &path))?;
    Ok(text)
}

fn odd(out: &Path, name: &str, why: impl Into<String>) -> SparkError {
    SparkError::OddResult { path: out.join(name), why: why.into() }
}

impl Left {
    fn model(&self, out: &Path) -> Result<Model, SparkError> {
        let (terms, document_frequencies) = terms(out)?;
        let topics = weights(out, self.k, terms.len())?;
        let lengths = [self.shares.len(), self.prior.len(), self.npmi.len()];
        if lengths.iter().any(|length| *length != self.k) {
            return Err(odd(out, LAST, format!("it is not about {} topics", self.k)));
        }
        Ok(Model {
            method: Method::Lda,
            terms,
            document_frequencies,
            topics,
            shares: self.shares.clone(),
            prior: self.prior.clone(),
            names: vec![String::new(); self.k],
            fitted: Fitted {
                seed: self.seed,
                iterations: self.iterations,
                documents: self.documents,
                tokens: self.tokens,
                seconds: self.seconds.clone(),
                likelihood: self.likelihood.map(|value| (self.iterations, value)).into_iter().collect(),
                stopped: false,
            },
            quality: Quality { npmi: self.npmi.clone(), diversity: self.diversity },
        })
    }
}

/// The words, and in how many documents each is.
fn terms(out: &Path) -> Result<(Vec<String>, Vec<u32>), SparkError> {
    let name = "terms.csv";
    let text = read(out, name)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<Vec<(String, u32)>, csv::Error> = reader.deserialize().collect();
    Ok(rows.map_err(|error| odd(out, name, error.to_string()))?.into_iter().unzip())
}

/// How probable each word is in each topic.
fn weights(out: &Path, k: usize, terms: usize) -> Result<Array2<f32>, SparkError> {
    let name = "topics.csv";
    let text = read(out, name)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut all = Vec::with_capacity(k * terms);
    for row in reader.deserialize::<Vec<f32>>() {
        all.extend(row.map_err(|error| odd(out, name, error.to_string()))?);
    }
    if let Some(weight) = all.iter().find(|weight| !weight.is_finite()) {
        return Err(odd(out, name, format!("it holds {weight}")));
    }
    Array2::from_shape_vec((k, terms), all)
        .map_err(|_| odd(out, name, format!("it does not have {k} rows of {terms} weights")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Terms;
    use crate::lake::Address;
    use crate::settings::{EngineName, Settings, Sources};
    use crate::spark::{End, How};

    fn left(folder: &Path, topics: &str) {
        let spark = json!({
            "k": 2, "seed": 88, "iterations": 5, "documents": 3, "tokens": 9, "shares": [0.6, 0.4],
            "prior": [0.5, 0.5], "npmi": [0.1, 0.2], "diversity": 1.0, "likelihood": -2.5, "seconds": { "fit": 1.5 },
        });
        std::fs::write(folder.join("spark.json"), spark.to_string()).expect("written");
        std::fs::write(folder.join("terms.csv"), "term,document_frequency\nrocket,3\n\"a,b\",2\n")
            .expect("written");
        std::fs::write(folder.join("topics.csv"), topics).expect("written");
    }

    fn order() -> Order {
        Order {
            documents: Documents::Tokens("tokens.txt".into()),
            k: 2,
            iterations: 5,
            seed: 88,
            optimizer: Optimizer::Em,
            weights: Weights::Tfidf,
        }
    }

    #[test]
    fn what_the_script_leaves_becomes_a_model_like_any_other() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        left(folder.path(), "0.9,0.1\n0.25,0.75\n");
        // What another model left here is none of this one's.
        std::fs::write(folder.path().join("predictions.parquet"), "another's").expect("written");
        let described = finish(folder.path(), None).expect("a model");
        assert_eq!((described.k, described.documents, described.vocabulary), (2, 3, 2));
        let model = crate::topics::load(folder.path()).expect("it loads again");
        assert_eq!(model.terms, ["rocket", "a,b"]);
        assert_eq!(model.topics.row(1).to_vec(), [0.25, 0.75]);
        let words = std::fs::read_to_string(folder.path().join("topic_terms.csv")).expect("words");
        assert!(words.starts_with("topic,rank,term,weight\n0,1,rocket,0.9\n"), "{words}");
        assert!(!folder.path().join("predictions.parquet").exists());
        assert!(!folder.path().join("topics.csv").exists(), "what only leads to a model goes");
    }

    #[tokio::test]
    async fn a_model_is_sent_by_one_and_described_where_it_is_by_who_comes_later() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (out, place) = (folder.path().join("passing"), folder.path().join("place"));
        // As if it had been sent: a place that is a folder needs nothing to be.
        for folder in [&out, &place] {
            std::fs::create_dir(folder).expect("made");
            left(folder, "0.9,0.1\n0.25,0.75\n");
            finish(folder, None).expect("a model");
        }
        let book = Book::at(folder.path().join("jobs"));
        let job =
            Job { model: Some(place.to_string_lossy().into_owned()), ..order().job(&out).expect("a job") };
        let mut first = book.begin(EngineName::Sagemaker, job).expect("begun");
        first.end = Some(End { at: jiff::Timestamp::now(), how: How::Done });
        book.write(&mut first).expect("written");
        let (mut second, silent, stop) = (first.clone(), Progress::silent(), CancellationToken::new());
        stop.cancel();
        let alone = book.alone_with(&mut first, &silent, &stop).await.expect("nobody else is");
        let left = send((&book, &mut second), None, &silent, &stop).await.expect_err("another is at it");
        assert!(matches!(left, SparkError::LeftTo { .. }), "{left}");
        assert!(out.join("model.json").exists(), "it is the other's");
        drop(alone);
        for entry in [&mut first, &mut second] {
            let about = send((&book, entry), None, &silent, &stop).await.expect("it is where it belongs");
            assert_eq!(about.k, 2);
            assert!(!out.exists() && place.join("model.json").exists());
        }
    }

    #[test]
    fn what_is_no_result_is_said_to_be_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (topics, why) in [
            ("0.9,0.1\n", "2 rows of 2 weights"),
            ("0.9,NaN\n0.1,0.9\n", "NaN"),
            ("0.9,x\n0.1,0.9\n", "invalid"),
        ] {
            left(folder.path(), topics);
            let error = finish(folder.path(), None).expect_err("no model").to_string();
            assert!(error.contains("topics.csv") && error.contains(why), "{error}");
        }
        std::fs::remove_file(folder.path().join("spark.json")).expect("removed");
        assert!(finish(folder.path(), None).is_err(), "without its last file there is no result");
    }

    #[tokio::test]
    async fn a_model_goes_to_a_bucket_by_way_of_a_folder_that_is_its_works_alone() {
        let flags = [
            ("region", "us-east-1"),
            ("endpoint_url", "http://127.0.0.1:1"),
            ("aws_access_key_id", "a"),
            ("aws_secret_access_key", "b"),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("settings");
        let cloud = Cloud::connect(&settings, Terms::default()).await.expect("clients");
        let job = |k: usize, prefix: &str| {
            let address = Address::Bucket { bucket: "lake".to_owned(), prefix: prefix.to_owned() };
            let place = Place::at(address, Some(&cloud)).expect("a place");
            Order { k, ..order() }.job_to(&place, Path::new("/state")).expect("a job")
        };
        assert_eq!(job(10, "mine/"), job(10, "mine/"), "the same work is known again");
        let outs = [job(10, "mine/"), job(20, "mine/"), job(10, "other/")].map(|job| job.out);
        assert!(outs[0] != outs[1] && outs[0] != outs[2], "{outs:?}");
    }

    #[test]
    fn a_job_says_what_its_script_documents() {
        let steps = Box::new(TextSteps { stop_words: vec!["Launch".to_owned()], ..TextSteps::default() });
        let documents = Documents::Hours(vec!["hours.parquet".to_owned()], steps);
        let job = Order { documents, ..order() }.job(Path::new("model")).expect("a job");
        assert_eq!((&job.settings["optimizer"], &job.settings["weights"]), (&json!("em"), &json!("tfidf")));
        assert_eq!(job.settings["steps"]["vocabulary"]["least"], 5);
        let stop_words = job.settings["stop_words"].as_array().expect("a list");
        assert!(stop_words.contains(&json!("launch")) && stop_words.contains(&json!("their")));
        assert!(job.settings["input"][0].as_str().is_some_and(|file| file.starts_with('/')));
    }
}
