//! Hours that came after the fit: a file of predictions for each file of rows, and none made twice.
//!
//! A file is `<name of the rows>_<lake>_<content>_<model>.parquet`: the name of the file of rows without its ending, and
//! three numbers that are others when the lake that it lies in, its content, or the model is another. So one listing
//! tells what is there already, however the rows are named; predictions of an hour that was combined again take the place
//! of the older ones, and those of another model are left alone. What is cut off goes on where it stopped: older ones that
//! were not taken away then are when their hour is come to again.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::TopicsError;
use super::input::{RowFile, read_file};
use super::model::Model;
use super::predict::Predictor;
use super::predictions::{predictions, with_words};
use super::text::{Post, TextSteps};
use crate::lake::place::{Depth, Entry};
use crate::lake::{LakeError, Place, outputs};

/// A model that tells the topics of posts that it has not seen.
#[derive(Debug)]
pub struct Teller {
    /// The model.
    pub model: Model,
    /// The steps that posts go through, as they did for the fit.
    pub steps: TextSteps,
    /// What tells it from other models: see [`Shelf::print`](super::Shelf::print).
    pub print: u32,
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Told {
    /// Posts that were read.
    pub posts: usize,
    /// Those of them that have topics: of the others, the model's steps dropped some, and it knows no word of some.
    pub predicted: usize,
    /// Those that the steps keep, and of which the model knows no word.
    pub unknown: usize,
    /// Files that were written.
    pub files: Vec<String>,
    /// Files of rows that had their predictions already.
    pub skipped: usize,
    /// Predictions that were taken away, since their hours were combined again.
    pub replaced: usize,
}

/// A file of predictions, and what is in it.
#[derive(Debug)]
pub struct Telling {
    /// The file, as Parquet.
    pub file: Vec<u8>,
    /// Posts that have topics.
    pub predicted: usize,
    /// Posts that the steps keep, and of which the model knows no word: they have none.
    pub unknown: usize,
}

impl Teller {
    /// The topics of posts.
    pub fn tell(&self, posts: &[Post]) -> Result<Telling, TopicsError> {
        let kept = self.steps.kept(posts)?;
        let predictor = Predictor::new(&self.model);
        let corpus = predictor.corpus(kept.iter().flatten().map(|tokens| tokens.iter().map(String::as_str)));
        let mut documents = Vec::with_capacity(posts.len());
        let mut next = 0;
        for tokens in &kept {
            documents.push(tokens.is_some().then_some(next));
            next += u32::from(tokens.is_some());
        }
        let documents = with_words(&documents, &corpus);
        let predicted = documents.iter().flatten().count();
        let file = predictions(posts, &documents, &predictor.shares(&corpus))?;
        Ok(Telling { file, predicted, unknown: corpus.len() - predicted })
    }
}

/// What tells a file of predictions from others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    rows: String,
    lake: u32,
    content: u32,
    model: u32,
}

impl Name {
    fn of(file: &RowFile, entry: &Entry, model: u32) -> Self {
        let name = file.key.rsplit('/').next().unwrap_or_default();
        let rows = name.split_once('.').map_or(name, |(rows, _)| rows).to_owned();
        let lake = crc32fast::hash(lake_of(file).as_bytes());
        let content = crc32fast::hash(format!("{} {}", entry.etag, entry.bytes).as_bytes());
        Self { rows, lake, content, model }
    }

    fn key(&self) -> String {
        format!("{}_{:08x}_{:08x}_{:08x}.parquet", self.rows, self.lake, self.content, self.model)
    }

    fn read(key: &str) -> Option<Self> {
        let mut parts = key.strip_suffix(".parquet")?.rsplitn(4, '_');
        let mut number = || u32::from_str_radix(parts.next()?, 16).ok();
        let (model, content, lake) = (number()?, number()?, number()?);
        Some(Self { rows: parts.next()?.to_owned(), lake, content, model })
    }

    /// Whether this one takes the other's place: both are of the same hour, or file, of the same lake.
    fn replaces(&self, other: &Self) -> bool {
        self != other
            && (self.model, self.lake) == (other.model, other.lake)
            && (self.rows == other.rows
                || (hour(&self.rows).is_some() && hour(&self.rows) == hour(&other.rows)))
    }
}

/// The folder that a file of rows lies in, from the root, by whatever address it was named; of combined hours that of the
/// lake, whatever format they have.
fn lake_of(file: &RowFile) -> String {
    let url = match &file.place {
        Place::Folder(folder) => {
            let whole = folder.canonicalize().or_else(|_| std::path::absolute(folder));
            let folder = whole.unwrap_or_else(|_| folder.clone());
            folder.join(&file.key).to_string_lossy().into_owned()
        }
        Place::Bucket(_) => file.url(),
    };
    let folder = url.rfind('/').map_or("", |slash| &url[..=slash]);
    let lake = outputs::FOLDERS.iter().find_map(|format| folder.strip_suffix(format));
    lake.filter(|lake| lake.ends_with('/')).unwrap_or(folder).to_owned()
}

/// The hour that a combined file's name says.
fn hour(rows: &str) -> Option<&str> {
    let hour = rows.split('_').find_map(|part| part.strip_prefix("hc"))?;
    (hour.len() == 10 && hour.bytes().all(|digit| digit.is_ascii_digit())).then_some(hour)
}

/// Predicts each file of rows into `into`, unless that was done before, and tells `listener` of each file with how
/// many posts it had.
pub async fn predict_into(
    into: &Place,
    teller: &Arc<Teller>,
    files: &[RowFile],
    stop: &CancellationToken,
    mut listener: impl FnMut(&RowFile, usize),
) -> Result<Told, TopicsError> {
    let mut there: BTreeMap<String, Name> = BTreeMap::new();
    let mut pages = into.list("", Depth::Folder);
    while let Some(page) = pages.next().await? {
        for entry in page.files {
            if let Some(name) = Name::read(&entry.key) {
                there.insert(entry.key, name);
            }
        }
    }
    let mut told = Told::default();
    for file in files {
        if stop.is_cancelled() {
            return Err(LakeError::Interrupted.into());
        }
        let entry = file.place.stat(&file.key).await?.ok_or_else(|| LakeError::Missing(file.url()))?;
        let name = Name::of(file, &entry, teller.print);
        let key = name.key();
        // Also where the new ones are there already: who made them may not have come to this.
        let old: Vec<String> =
            there.iter().filter(|(_, old)| name.replaces(old)).map(|(key, _)| key.clone()).collect();
        let is_there = there.contains_key(&key);
        if is_there {
            told.skipped += 1;
        } else {
            let posts = read_file(file).await?;
            let (read, telling) = (posts.len(), Arc::clone(teller));
            let telling = tokio::task::spawn_blocking(move || telling.tell(&posts))
                .await
                .map_err(|_| LakeError::Interrupted)??;
            into.put(&key, &telling.file).await?;
            told.posts += read;
            told.predicted += telling.predicted;
            told.unknown += telling.unknown;
            told.files.push(into.url(&key));
            there.insert(key, name);
            listener(file, read);
        }
        if !old.is_empty() {
            into.delete(&old).await?;
            there.retain(|key, _| !old.contains(key));
            told.replaced += old.len();
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use polars::prelude::{ParquetReader, SerReader};

    use super::*;
    use crate::topics::{Method, Order, VocabularyRule};

    fn posts() -> Vec<Post> {
        let text = |post: usize| {
            let subject = ["rocket booster launch", "galaxy telescope nebula"][post % 2];
            format!("{subject} {} {subject}", ["alpha", "bravo", "delta"][post / 2 % 3])
        };
        (0..30).map(|post| Post { id: post.to_string(), text: text(post), ..Post::default() }).collect()
    }

    fn teller() -> Teller {
        let vocabulary = VocabularyRule { least: 1, most: 1.0, size: 100 };
        let steps = TextSteps { longer_than: 2, vocabulary, ..TextSteps::default() };
        let corpus = steps.prepare(&posts()).expect("documents").corpus;
        let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
        Teller { model: order.fit(corpus).expect("a model").model, steps, print: 7 }
    }

    fn write(folder: &std::path::Path, name: &str, from: usize) {
        let mut csv = String::from("id,text\n");
        for post in posts().iter().skip(from) {
            writeln!(csv, "{},{}", post.id, post.text).expect("a String takes every text");
        }
        std::fs::write(folder.join(name), csv).expect("written");
    }

    #[tokio::test]
    async fn an_hour_is_predicted_once_and_again_when_it_was_combined_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let hours = Place::Folder(folder.path().join("hours"));
        let into = Place::Folder(folder.path().join("predictions"));
        std::fs::create_dir(folder.path().join("hours")).expect("made");
        let rows = |name: &str| RowFile { place: hours.clone(), key: name.to_owned() };
        let first = "tweets_58_hc2021123017_s20211231180018.csv";
        let second = "tweets_58_hc2021123018_s20211231180018.csv";
        for name in [first, second] {
            write(&folder.path().join("hours"), name, 0);
        }
        let (stop, teller) = (CancellationToken::new(), Arc::new(teller()));
        let predict = async |names: &[&str]| {
            let files: Vec<RowFile> = names.iter().map(|name| rows(name)).collect();
            predict_into(&into, &teller, &files, &stop, |_, _| ()).await
        };
        let told = predict(&[first]).await.expect("told");
        assert_eq!((told.posts, told.predicted, told.files.len(), told.skipped), (30, 30, 1, 0));
        let told = predict(&[first, second]).await.expect("told");
        assert_eq!((told.posts, told.files.len(), told.skipped, told.replaced), (30, 1, 1, 0));

        let again = "tweets_60_hc2021123017_s20220101000000.csv";
        write(&folder.path().join("hours"), again, 10);
        let told = predict(&[again, second]).await.expect("told");
        assert_eq!((told.posts, told.files.len(), told.skipped, told.replaced), (20, 1, 1, 1));
        assert_eq!(into.list_all("").await.expect("a listing").len(), 2);

        // As a crash leaves it between the new ones and the deleting of the older.
        let made =
            told.files.iter().find_map(|url| Name::read(url.rsplit('/').next()?)).expect("it was made");
        let left = Name { rows: first.trim_end_matches(".csv").to_owned(), ..made };
        into.put(&left.key(), b"older").await.expect("written");
        let told = predict(&[again, second]).await.expect("told");
        assert_eq!((told.files.len(), told.skipped, told.replaced), (0, 2, 1));
        assert_eq!(into.list_all("").await.expect("a listing").len(), 2);

        stop.cancel();
        let stopped = predict(&[first]).await.expect_err("stopped");
        assert!(matches!(stopped, TopicsError::Lake(LakeError::Interrupted)), "{stopped}");
    }

    #[test]
    fn a_post_of_no_word_that_the_model_knows_has_no_topic() {
        let mut posts = posts();
        let text = "quinoa llama andes condor".to_owned();
        posts.push(Post { id: "foreign".to_owned(), text, ..Post::default() });
        let telling = teller().tell(&posts).expect("told");
        assert_eq!((telling.predicted, telling.unknown), (30, 1));
        let frame = ParquetReader::new(std::io::Cursor::new(telling.file)).finish().expect("Parquet");
        let ids = frame.column("id").expect("ids").str().expect("text").iter().flatten();
        assert_eq!((frame.height(), ids.filter(|id| *id == "foreign").count()), (30, 0));
    }

    #[test]
    fn rows_are_of_one_lake_by_whatever_address_they_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = folder.path().canonicalize().expect("it is there").join("lake");
        std::fs::create_dir_all(lake.join("csvs")).expect("made");
        let of = |place: std::path::PathBuf, key: &str| {
            lake_of(&RowFile { place: Place::Folder(place), key: key.to_owned() })
        };
        let whole = format!("{}/", lake.display());
        for (place, key) in [
            (lake.clone(), "csvs/hour.csv"),
            (lake.join("csvs"), "hour.csv"),
            (lake.join("csvs/../csvs"), "hour.csv"),
            (lake.clone(), "parquet/hour.parquet"),
            (lake.clone(), "hour.csv"),
        ] {
            assert_eq!(of(place, key), whole, "{key}");
        }
        assert_eq!(of(lake.clone(), "day/hour.csv"), format!("{whole}day/"));
        assert_eq!(of(lake, "mycsvs/hour.csv"), format!("{whole}mycsvs/"));
        let here = std::env::current_dir().expect("a folder").canonicalize().expect("it is there");
        assert_eq!(of(".".into(), "hour.csv"), format!("{}/", here.display()));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = Name { rows: "tweets_5_hc2021123017_s1".into(), lake: 1, content: 0xdead_beef, model: 3 };
        assert_eq!(Name::read(&name.key()), Some(name.clone()));
        let other_model = Name { model: 4, ..name.clone() };
        let other_lake = Name { lake: 2, ..name.clone() };
        let newer = Name { rows: "tweets_6_hc2021123017_s2".into(), ..name.clone() };
        let next = Name { rows: "tweets_6_hc2021123018_s2".into(), ..name.clone() };
        assert!(newer.replaces(&name) && !next.replaces(&name) && !name.replaces(&name));
        assert!(!other_model.replaces(&name) && !other_lake.replaces(&name));
        assert_eq!(Name::read("notes.parquet"), None);
    }
}
