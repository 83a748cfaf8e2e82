//! Models in their folders. A model is one once all of it is written, its topics are named in place, and its posts are
//! read back for the topics that they are most of.
//!
//! Whichever door a fit came by, [`fit_into`] makes it and writes it down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use polars::prelude::{DataFrame, DataType, ParquetReader, PolarsError, SerReader};

use super::TopicsError;
use super::corpus::Corpus;
use super::fit::Seconds;
use super::order::Order;
use super::outputs::write_outputs;
use super::predictions::write_posts;
use super::store::{Description, describe, make_room, save, write_described, write_text};
use super::text::{Post, Prepared, TextCounts, TextSteps};
use super::writer::Writer;
use crate::lake::LakeError;

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

/// Fits documents and writes everything into the writer's folder: the model, its tables, and every post with its
/// topics. A model that is there stays until the new one is to be written, and then goes; what is stopped before its
/// first pass is no model, and takes no other's place. `read` is how many seconds it took to come by the documents.
pub fn fit_into(
    writer: &Writer,
    order: &Order,
    documents: Documents,
    read: f64,
) -> Result<Description, TopicsError> {
    let folder = writer.folder();
    let mut seconds = Seconds::default();
    seconds.note("read", read);
    let mut found = order.fit(documents.corpus)?;
    if found.model.fitted.stopped && found.model.fitted.iterations == 0 {
        return Err(LakeError::Interrupted.into());
    }
    seconds.measure("write", || -> Result<(), TopicsError> {
        make_room(folder)?;
        write_outputs(folder, &found.model, &found.shares)?;
        if let Some((posts, steps, prepared)) = &documents.posts {
            write_text(folder, steps, &prepared.counts)?;
            write_posts(folder, posts, prepared, &found)?;
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
    /// Its folder, or its address in a bucket.
    pub folder: PathBuf,
    /// When it was made, as far as its place knows.
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

/// Names a topic of the model in a folder; an empty name takes the name away. Another who writes there is waited for a
/// little: what he writes is not to be written over.
pub fn rename(folder: &Path, topic: usize, name: &str) -> Result<Description, TopicsError> {
    if !folder.is_dir() {
        // No folder is made where no model is.
        describe(folder)?;
    }
    let _writer = Writer::in_turn(folder)?;
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

/// A topic whose posts are asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its number.
    pub topic: usize,
    /// Words that its posts should have.
    pub words: Vec<String>,
}

/// For each topic that is asked for, the posts that are most of it, those that say the same folded into one; none if the
/// model was made of tokens, whose texts nobody kept. Many a post is of one topic alone: of those, the ones with the
/// most of the words come first. However many topics are asked for, the posts are read once.
pub fn typical_posts(
    folder: &Path,
    asked: &[Asked],
    steps: &TextSteps,
    most: usize,
) -> Result<Option<Vec<Vec<TypicalPost>>>, TopicsError> {
    let path = folder.join("predictions.parquet");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TopicsError::File { action: "read", path, source }),
    };
    let read = || -> Result<Vec<Vec<TypicalPost>>, PolarsError> {
        let shares = asked.iter().map(|asked| format!("topic_{}", asked.topic));
        let columns = ["id", "created_at", "text", "document"].map(str::to_owned).into_iter().chain(shares);
        let frame = ParquetReader::new(file).with_columns(Some(columns.collect())).finish()?;
        let documents = frame.column("document")?.cast(&DataType::UInt32)?;
        // The first row of each document stands for it.
        let mut first: HashMap<u32, (usize, usize)> = HashMap::new();
        for (row, document) in documents.u32()?.iter().enumerate() {
            first.entry(document.unwrap_or_default()).or_insert((row, 0)).1 += 1;
        }
        let rows: Vec<(usize, usize)> = first.into_values().collect();
        asked.iter().map(|asked| most_of(asked, &frame, &rows, steps, most)).collect()
    };
    read().map(Some).map_err(|error| TopicsError::File {
        action: "read",
        path: path.clone(),
        source: std::io::Error::other(error),
    })
}

/// Of these rows, and how many posts each stands for, those that are most of a topic.
fn most_of(
    asked: &Asked,
    frame: &DataFrame,
    rows: &[(usize, usize)],
    steps: &TextSteps,
    most: usize,
) -> Result<Vec<TypicalPost>, PolarsError> {
    let shares = frame.column(&format!("topic_{}", asked.topic))?.cast(&DataType::Float32)?;
    let shares = shares.f32()?;
    let share_of = |row: usize| shares.get(row).unwrap_or_default();
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| share_of(b.0).total_cmp(&share_of(a.0)).then(a.0.cmp(&b.0)));
    // What rounds to the same share is of the topic as much.
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
            words: asked.words.iter().filter(|word| tokens.contains(word)).count(),
            text: said,
        });
    }
    let step = |post: &TypicalPost| (post.share / SAME).round();
    posts.sort_by(|a, b| step(b).total_cmp(&step(a)).then(b.words.cmp(&a.words)));
    posts.truncate(most);
    Ok(posts)
}

/// Shares that differ by less say the same.
const SAME: f32 = 0.01;

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::topics::{Method, VocabularyRule, Watch, find_models};

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

    fn writer(folder: &Path) -> Writer {
        Writer::of(folder).expect("nobody else writes")
    }

    fn fit(folder: &Path) -> Description {
        let documents = Documents::of_posts(posts(), steps()).expect("documents");
        let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
        fit_into(&writer(folder), &order, documents, 0.5).expect("a model")
    }

    async fn list(folder: &Path) -> Vec<Kept> {
        find_models(&folder.to_string_lossy(), None).await.expect("listed")
    }

    #[tokio::test]
    async fn what_is_fitted_is_listed_and_what_is_broken_says_why() {
        let home = tempfile::tempdir().expect("a folder");
        let models = home.path().join("models");
        assert_eq!(list(&models).await, [], "nobody has made one yet");
        // Of two that were made in the same moment, the broken one comes first: it must not hide the other.
        let described = fit(&models.join("b"));
        std::fs::create_dir(models.join("half")).expect("made");
        std::fs::create_dir(models.join("a")).expect("made");
        std::fs::write(models.join("a/model.json"), "{").expect("written");
        std::fs::copy(models.join("b/model.parquet"), models.join("a/model.parquet")).expect("copied");
        let listed = list(&models).await;
        assert_eq!(listed.iter().map(Kept::name).collect::<Vec<_>>(), ["a", "b"]);
        assert!(
            listed[0].about.as_ref().is_err_and(|why| why.contains("is not a topic model")),
            "{listed:?}"
        );
        assert_eq!(listed[1].about.as_ref().map(|about| &about.topics), Ok(&described.topics));
        assert!(listed[0].made >= listed[1].made && listed[1].made.is_some());
    }

    #[tokio::test]
    async fn a_name_is_kept_with_the_model_and_changes_nothing_else() {
        let home = tempfile::tempdir().expect("a folder");
        fit(home.path());
        let made = list(home.path()).await[0].made;
        let json = || std::fs::read_to_string(home.path().join("model.json")).expect("read");
        let before = json();
        let named = rename(home.path(), 1, "  space  ").expect("named");
        assert_eq!(named.topics[1].name, "space");
        assert_eq!(describe(home.path()).expect("read").topics, named.topics);
        assert_eq!(crate::topics::load(home.path()).expect("loaded").names, ["", "space"]);
        rename(home.path(), 1, "").expect("taken away");
        // To the last digit of every number.
        assert_eq!(json(), before);
        assert_eq!(list(home.path()).await[0].made, made);
        assert!(matches!(rename(home.path(), 2, "x"), Err(TopicsError::NoTopic { topic: 2, last: 1 })));
    }

    #[test]
    fn names_that_are_given_at_once_are_all_kept_and_nobody_writes_over_a_fit() {
        let home = tempfile::tempdir().expect("a folder");
        let mut described = fit(home.path());
        let other = writer(home.path());
        std::thread::scope(|scope| {
            let naming = scope.spawn(|| rename(home.path(), 1, "ours"));
            // As long as another writes, nothing is read that he may change.
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!naming.is_finished());
            described.topics[0].name = "theirs".to_owned();
            write_described(other.folder(), &described).expect("written");
            drop(other);
            naming.join().expect("it ended").expect("named");
        });
        let names = describe(home.path()).expect("read").topics.into_iter().map(|topic| topic.name);
        assert_eq!(names.collect::<Vec<_>>(), ["theirs", "ours"]);
    }

    #[test]
    fn where_no_model_is_nothing_is_named_and_nothing_made() {
        let home = tempfile::tempdir().expect("a folder");
        let none = home.path().join("none");
        assert!(matches!(rename(&none, 0, "x"), Err(TopicsError::NotAModel { .. })));
        assert!(!none.exists());
    }

    fn fit_tokens(folder: &Path) -> Result<Description, TopicsError> {
        let tokens = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(tokens.path(), "a b\nb c\nc d\n").expect("written");
        let documents = Documents::of_tokens(tokens.path()).expect("read");
        let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
        fit_into(&writer(folder), &order, documents, 0.0)
    }

    #[test]
    fn a_model_takes_the_place_of_another_whole_and_given_names_are_kept_beside() {
        let home = tempfile::tempdir().expect("a folder");
        let old = fit(home.path());
        rename(home.path(), 1, "space").expect("named");
        let new = fit_tokens(home.path()).expect("a model");
        assert_ne!(new.vocabulary, old.vocabulary);
        assert_eq!(describe(home.path()).expect("read"), new);
        assert!(new.topics.iter().all(|topic| topic.name.is_empty()));
        let mut files: Vec<String> = std::fs::read_dir(home.path())
            .expect("read")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        files.sort();
        let names = files.iter().position(|file| file.starts_with("names_")).expect("names are kept");
        let names = std::fs::read(home.path().join(files.remove(names))).expect("read");
        assert_eq!(
            files,
            ["doc_topics.csv", "model.json", "model.parquet", "topic_term_matrix.csv", "topic_terms.csv"]
        );
        let names: Vec<crate::topics::store::DescribedTopic> =
            serde_json::from_slice(&names).expect("topics");
        assert_eq!(names.len(), 1);
        assert_eq!((&*names[0].name, &names[0].words), ("space", &old.topics[1].words));
    }

    #[test]
    fn a_post_whose_words_are_all_too_rare_has_its_row_of_documents_and_no_topic() {
        let home = tempfile::tempdir().expect("a folder");
        let mut posts = posts();
        let text = "quinoa llama andes condor".to_owned();
        posts.push(Post { id: "rare".to_owned(), text, ..Post::default() });
        let steps = TextSteps { vocabulary: VocabularyRule { least: 2, ..steps().vocabulary }, ..steps() };
        let documents = Documents::of_posts(posts, steps.clone()).expect("documents");
        let (all, unknown) = (documents.corpus.len(), documents.counts().and_then(|counts| counts.unknown));
        assert_eq!(unknown, Some(1));
        let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
        let described = fit_into(&writer(home.path()), &order, documents, 0.0).expect("a model");
        let rows = std::fs::read_to_string(home.path().join("doc_topics.csv")).expect("read");
        assert_eq!(rows.lines().count(), all + 1);
        let asked: Vec<Asked> =
            described.topics.iter().map(|of| Asked { topic: of.topic, words: Vec::new() }).collect();
        let typical =
            typical_posts(home.path(), &asked, &steps, 100).expect("read").expect("posts were kept");
        assert!(typical.iter().flatten().all(|post| post.id != "rare"), "{typical:?}");
    }

    #[test]
    fn a_fit_that_is_stopped_before_its_first_pass_leaves_the_model_that_is_there() {
        let home = tempfile::tempdir().expect("a folder");
        let old = fit(home.path());
        let stop = CancellationToken::new();
        stop.cancel();
        for method in [Method::Lda, Method::LdaTfIdf, Method::Gsdmm, Method::Nmf] {
            let documents = Documents::of_posts(posts(), steps()).expect("documents");
            let watch = Watch::new(stop.clone(), |_| ());
            let order = Order { method: Some(method), k: Some(2), watch, ..Order::default() };
            let stopped = fit_into(&writer(home.path()), &order, documents, 0.0);
            let stopped = stopped.expect_err("there is nothing to keep");
            assert!(matches!(stopped, TopicsError::Lake(LakeError::Interrupted)), "{method:?}: {stopped}");
        }
        assert_eq!(describe(home.path()).expect("read"), old);
        assert!(home.path().join("predictions.parquet").exists());
    }

    #[test]
    fn a_fit_that_breaks_off_while_it_writes_leaves_no_model_that_is_half_another() {
        let home = tempfile::tempdir().expect("a folder");
        fit(home.path());
        // Nothing can be written under this name.
        std::fs::remove_file(home.path().join("doc_topics.csv")).expect("removed");
        std::fs::create_dir(home.path().join("doc_topics.csv")).expect("made");
        fit_tokens(home.path()).expect_err("it cannot be written");
        assert!(matches!(describe(home.path()), Err(TopicsError::NotAModel { .. })));
    }

    #[test]
    fn typical_posts_are_of_their_topic_and_folded() {
        let home = tempfile::tempdir().expect("a folder");
        let described = fit(home.path());
        let asked = described.topics.iter().map(|of| Asked { topic: of.topic, words: of.words.clone() });
        let asked: Vec<Asked> = asked.collect();
        let all = typical_posts(home.path(), &asked, &steps(), 4).expect("read").expect("posts were kept");
        assert_eq!(all.len(), 2);
        for (Asked { topic, words }, typical) in asked.iter().zip(all) {
            let alone = [Asked { topic: *topic, words: words.clone() }];
            let alone = typical_posts(home.path(), &alone, &steps(), 4).expect("read");
            assert_eq!(alone.as_deref(), Some(&[typical.clone()][..]));
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
        fit_tokens(home.path()).expect("a model");
        assert_eq!(
            typical_posts(home.path(), &[Asked { topic: 0, words: Vec::new() }], &steps(), 4).expect("read"),
            None
        );
    }
}
