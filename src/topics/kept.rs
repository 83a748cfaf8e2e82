//! Models where they are kept: a folder with a folder for each. A model is listed once all of it is written, its topics
//! are named in place, and its posts are read back for the topics that they are most of.
//!
//! Whichever door a fit came by, [`fit_into`] makes it and writes it down.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use polars::prelude::{DataType, ParquetReader, PolarsError, SerReader};

use super::TopicsError;
use super::corpus::Corpus;
use super::fit::Seconds;
use super::order::Order;
use super::outputs::write_outputs;
use super::predictions::write_posts;
use super::store::{Description, describe, save, write_described, write_text};
use super::text::{Post, Prepared, TextCounts, TextSteps};

/// Documents to be fitted, and where they came from.
#[derive(Debug)]
pub struct Documents {
    /// The documents.
    pub corpus: Corpus,
    /// The posts that they were made of, and how; none if they came as tokens.
    pub posts: Option<(Vec<Post>, TextSteps, Prepared)>,
}

impl Documents {
    /// Takes posts through the steps.
    pub fn of_posts(posts: Vec<Post>, steps: TextSteps) -> Result<Self, TopicsError> {
        let mut prepared = steps.prepare(&posts)?;
        let corpus = std::mem::take(&mut prepared.corpus);
        Ok(Self { corpus, posts: Some((posts, steps, prepared)) })
    }

    /// Reads a file of tokens: a document a line.
    pub fn of_tokens(path: &Path) -> Result<Self, TopicsError> {
        let failed = |source| TopicsError::File { action: "read", path: path.to_owned(), source };
        let bytes = std::fs::read(path).map_err(failed)?;
        Ok(Self { corpus: Corpus::from_lines(&String::from_utf8_lossy(&bytes)), posts: None })
    }

    /// What the steps dropped; none if they came as tokens.
    pub fn counts(&self) -> Option<&TextCounts> {
        self.posts.as_ref().map(|(_, _, prepared)| &prepared.counts)
    }
}

/// Fits documents and writes everything into a folder, which is made: the model, its tables, and every post with its
/// topics. `read` is how many seconds it took to come by the documents.
pub fn fit_into(
    folder: &Path,
    order: &Order,
    documents: Documents,
    read: f64,
) -> Result<Description, TopicsError> {
    let mut seconds = Seconds::default();
    seconds.note("read", read);
    std::fs::create_dir_all(folder).map_err(|source| TopicsError::File {
        action: "make the folder",
        path: folder.to_owned(),
        source,
    })?;
    let mut found = order.fit(documents.corpus)?;
    seconds.measure("write", || -> Result<(), TopicsError> {
        write_outputs(folder, &found.model, &found.shares)?;
        if let Some((posts, steps, prepared)) = &documents.posts {
            write_text(folder, steps, &prepared.counts)?;
            write_posts(folder, posts, prepared, &found.shares)?;
        }
        Ok(())
    })?;
    found.model.fitted.seconds.add(seconds);
    // What makes it a model to others comes last.
    save(folder, &found.model)?;
    Ok(Description::from(&found.model))
}

/// A model that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its folder.
    pub folder: PathBuf,
    /// When it was made, as far as the disk knows.
    pub made: Option<Timestamp>,
    /// What it is, or in a sentence why that cannot be read.
    pub about: Result<Description, String>,
}

impl Kept {
    /// The name of its folder.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or(self.folder.as_os_str()).to_string_lossy().into_owned()
    }
}

/// The models in a folder: its own, if it is one, and that of each folder in it; the newest first, and of equals in the
/// order of names. A folder that is not there holds none.
pub fn list(folder: &Path) -> Result<Vec<Kept>, TopicsError> {
    let failed = |source| TopicsError::File { action: "read", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut folders = vec![folder.to_owned()];
    for entry in entries {
        folders.push(entry.map_err(failed)?.path());
    }
    let mut models: Vec<Kept> = folders
        .into_iter()
        .filter(|folder| folder.join("model.json").is_file())
        .map(|folder| Kept {
            made: made(&folder),
            about: describe(&folder).map_err(|error| error.to_string()),
            folder,
        })
        .collect();
    models.sort_by(|a, b| b.made.cmp(&a.made).then_with(|| a.folder.cmp(&b.folder)));
    Ok(models)
}

/// The words' weights are written once; what describes them is written again with every name.
fn made(folder: &Path) -> Option<Timestamp> {
    let written = std::fs::metadata(folder.join("model.parquet")).ok()?.modified().ok()?;
    Timestamp::try_from(written).ok()
}

/// Names a topic of the model in a folder; an empty name takes the name away.
pub fn rename(folder: &Path, topic: usize, name: &str) -> Result<Description, TopicsError> {
    let mut described = describe(folder)?;
    let last = described.topics.len().saturating_sub(1);
    let place = described.topics.get_mut(topic).ok_or(TopicsError::NoTopic { topic, last })?;
    name.trim().clone_into(&mut place.name);
    write_described(folder, &described)?;
    Ok(described)
}

/// A post that is most of a topic, and how many were folded into it.
#[derive(Debug, Clone, PartialEq)]
pub struct TypicalPost {
    /// Its id.
    pub id: String,
    /// When it was written.
    pub created_at: String,
    /// What it says.
    pub text: String,
    /// How much of it is of the topic.
    pub share: f32,
    /// How many posts have this text, or all but this; itself among them.
    pub posts: usize,
    /// How many of the words that were asked about are in it.
    pub words: usize,
}

/// The posts that are most of a topic, those that say the same folded into one; none if the model was made of tokens,
/// whose texts nobody kept. Many a post is of one topic alone: of those, the ones with the most of `words` come first.
pub fn typical_posts(
    folder: &Path,
    topic: usize,
    words: &[String],
    steps: &TextSteps,
    most: usize,
) -> Result<Option<Vec<TypicalPost>>, TopicsError> {
    let path = folder.join("predictions.parquet");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TopicsError::File { action: "read", path, source }),
    };
    let read = || -> Result<Vec<TypicalPost>, PolarsError> {
        let share = format!("topic_{topic}");
        let columns = ["id", "created_at", "text", "document", share.as_str()];
        let columns = columns.map(str::to_owned).to_vec();
        let frame = ParquetReader::new(file).with_columns(Some(columns)).finish()?;
        let shares = frame.column(&share)?.cast(&DataType::Float32)?;
        let documents = frame.column("document")?.cast(&DataType::UInt32)?;
        let (shares, documents) = (shares.f32()?, documents.u32()?);
        // The first row of each document stands for it.
        let mut first: std::collections::HashMap<u32, (usize, usize)> = std::collections::HashMap::new();
        for (row, document) in documents.iter().enumerate() {
            first.entry(document.unwrap_or_default()).or_insert((row, 0)).1 += 1;
        }
        // What rounds to the same share is of the topic as much.
        let share_of = |row: usize| shares.get(row).unwrap_or_default();
        let mut rows: Vec<(usize, usize)> = first.into_values().collect();
        rows.sort_by(|a, b| share_of(b.0).total_cmp(&share_of(a.0)).then(a.0.cmp(&b.0)));
        let least = rows.get(most.saturating_sub(1)).map_or(0.0, |row| share_of(row.0)) - SAME;
        rows.retain(|row| share_of(row.0) >= least);
        let text = |name: &str, row: usize| -> Result<String, PolarsError> {
            Ok(frame.column(name)?.str()?.get(row).unwrap_or_default().to_owned())
        };
        let mut posts = Vec::with_capacity(rows.len());
        for (row, posts_alike) in rows {
            let said = text("text", row)?;
            let tokens = steps.tokens(&said);
            posts.push(TypicalPost {
                id: text("id", row)?,
                created_at: text("created_at", row)?,
                share: share_of(row),
                posts: posts_alike,
                words: words.iter().filter(|word| tokens.contains(word)).count(),
                text: said,
            });
        }
        let step = |post: &TypicalPost| (post.share / SAME).round();
        posts.sort_by(|a, b| step(b).total_cmp(&step(a)).then(b.words.cmp(&a.words)));
        posts.truncate(most);
        Ok(posts)
    };
    read().map(Some).map_err(|error| TopicsError::File {
        action: "read",
        path: path.clone(),
        source: std::io::Error::other(error),
    })
}

/// Shares that differ by less say the same.
const SAME: f32 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{Method, VocabularyRule};

    /// Posts about two subjects, some of them twice.
    fn posts() -> Vec<Post> {
        let mut posts = Vec::new();
        for number in 0..60 {
            let subject = ["rocket booster launch landing", "galaxy telescope spectrum nebula"][number % 2];
            let other = ["morning", "tonight", "weather", "picture", "station"][number / 2 % 5];
            let text = format!("{subject} {other} {subject}");
            posts.push(Post { id: number.to_string(), text, ..Post::default() });
        }
        posts
    }

    fn steps() -> TextSteps {
        let vocabulary = VocabularyRule { least: 1, most: 1.0, size: 100 };
        TextSteps { longer_than: 2, vocabulary, ..TextSteps::default() }
    }

    fn fit(folder: &Path) -> Description {
        let documents = Documents::of_posts(posts(), steps()).expect("documents");
        let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
        fit_into(folder, &order, documents, 0.5).expect("a model")
    }

    #[test]
    fn what_is_fitted_is_listed_and_what_is_broken_says_why() {
        let home = tempfile::tempdir().expect("a folder");
        let models = home.path().join("models");
        assert_eq!(list(&models).expect("none"), []);
        let described = fit(&models.join("a"));
        std::fs::create_dir(models.join("half")).expect("made");
        std::fs::create_dir(models.join("torn")).expect("made");
        std::fs::write(models.join("torn/model.json"), "{").expect("written");
        let listed = list(&models).expect("listed");
        assert_eq!(listed.iter().map(Kept::name).collect::<Vec<_>>(), ["a", "torn"]);
        assert_eq!(listed[0].about.as_ref().map(|about| &about.topics), Ok(&described.topics));
        assert!(listed[0].made.is_some());
        assert!(
            listed[1].about.as_ref().is_err_and(|why| why.contains("is not a topic model")),
            "{listed:?}"
        );
    }

    #[test]
    fn a_name_is_kept_with_the_model_and_changes_nothing_else() {
        let home = tempfile::tempdir().expect("a folder");
        fit(home.path());
        let before = describe(home.path()).expect("read");
        let made = made(home.path());
        let named = rename(home.path(), 1, "  space  ").expect("named");
        assert_eq!(named.topics[1].name, "space");
        assert_eq!(describe(home.path()).expect("read").topics, named.topics);
        assert_eq!(crate::topics::load(home.path()).expect("loaded").names, ["", "space"]);
        assert_eq!(rename(home.path(), 1, "").expect("taken away").topics, before.topics);
        assert_eq!(list(home.path()).expect("listed")[0].made, made);
        assert!(matches!(rename(home.path(), 2, "x"), Err(TopicsError::NoTopic { topic: 2, last: 1 })));
    }

    #[test]
    fn typical_posts_are_of_their_topic_and_folded() {
        let home = tempfile::tempdir().expect("a folder");
        let described = fit(home.path());
        for topic in 0..2 {
            let words = &described.topics[topic].words;
            let typical = typical_posts(home.path(), topic, words, &steps(), 4).expect("read");
            let typical = typical.expect("posts were kept");
            assert_eq!(typical.len(), 4);
            assert!(typical.is_sorted_by(|a, b| a.share + SAME >= b.share), "{typical:?}");
            for post in &typical {
                assert!(post.text.contains(&words[0]) && post.share > 0.5 && post.posts > 1, "{post:?}");
                assert_eq!(typical.iter().filter(|other| other.text == post.text).count(), 1);
            }
        }
    }

    #[test]
    fn a_model_of_tokens_keeps_no_texts() {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join("tokens"), "a b\nb c\nc d\n").expect("written");
        let documents = Documents::of_tokens(&home.path().join("tokens")).expect("read");
        assert!(documents.counts().is_none());
        let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
        fit_into(home.path(), &order, documents, 0.0).expect("a model");
        assert_eq!(typical_posts(home.path(), 0, &[], &steps(), 4).expect("read"), None);
    }
}
