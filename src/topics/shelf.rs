//! A model wherever it lies: in a folder on this machine, or in a bucket under a prefix, as the same files.
//!
//! A model in a bucket is brought into a passing folder of this machine to be read, and written there before it is
//! sent: everything else works on folders. What makes it a model to others, `model.json`, is sent last.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::TopicsError;
use super::input::RowFile;
use super::kept::Kept;
use super::store::{COMPANIONS, DESCRIPTION, describe, described, given_names};
use crate::cloud::Cloud;
use crate::lake::place::Depth;
use crate::lake::{Address, LakeError, Place};

/// What a loaded model is made of; the last may be missing.
const PARTS: [&str; 3] = [DESCRIPTION, "model.parquet", "text.json"];
/// Where predictions of a fit's own posts are, and of hours that came later.
const PREDICTIONS: &str = "predictions.parquet";
const LATER: &str = "predictions/";

/// Where a model lies.
#[derive(Debug)]
pub struct Shelf {
    place: Place,
    /// Where its files are on this machine.
    folder: PathBuf,
    /// Takes that folder away again, if the model is in a bucket.
    passing: Option<tempfile::TempDir>,
}

impl Shelf {
    /// A place for a model, that is there or is to be made.
    pub fn at(address: &str, cloud: Option<&Cloud>) -> Result<Self, TopicsError> {
        let place = Place::at(Address::parse(address)?, cloud)?;
        if let Place::Folder(folder) = &place {
            return Ok(Self { folder: folder.clone(), place, passing: None });
        }
        let made = tempfile::Builder::new().prefix("hydrant-model-").tempdir();
        let passing = made.map_err(|source| TopicsError::File {
            action: "make a folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        Ok(Self { folder: passing.path().to_owned(), place, passing: Some(passing) })
    }

    /// The same, whose files are made in a folder of this machine that is the caller's.
    pub fn over(address: &str, folder: &Path, cloud: Option<&Cloud>) -> Result<Self, TopicsError> {
        let place = Place::at(Address::parse(address)?, cloud)?;
        Ok(Self { place, folder: folder.to_owned(), passing: None })
    }

    /// The same, with the model's files brought here.
    pub async fn open(address: &str, cloud: Option<&Cloud>) -> Result<Self, TopicsError> {
        let shelf = Self::at(address, cloud)?;
        if shelf.passing.is_some() {
            for part in PARTS {
                match shelf.place.get(part).await {
                    Ok(content) => shelf.keep(part, &content)?,
                    Err(error) if error.is_missing() && part != DESCRIPTION => {}
                    Err(error) if error.is_missing() => {
                        return Err(TopicsError::NotAModel {
                            path: shelf.place.url("").into(),
                            why: format!("there is no {DESCRIPTION}"),
                        });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(shelf)
    }

    fn keep(&self, name: &str, content: &[u8]) -> Result<(), TopicsError> {
        let path = self.folder.join(name);
        std::fs::write(&path, content).map_err(|source| TopicsError::File { action: "write", path, source })
    }

    /// The model's files on this machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where a file of it lies, for others to find.
    pub fn url(&self, name: &str) -> String {
        self.place.url(name)
    }

    /// Brings another of the model's files here, if it is there.
    pub async fn bring(&self, name: &str) -> Result<(), TopicsError> {
        if self.passing.is_none() || self.folder.join(name).exists() {
            return Ok(());
        }
        match self.place.get(name).await {
            Ok(content) => self.keep(name, &content),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings what describes the model here once more, before it is written anew: names may have been given since it was
    /// opened. Refused, if it is another model by now.
    pub async fn renew_description(&self) -> Result<(), TopicsError> {
        if self.passing.is_none() {
            return Ok(());
        }
        let content = self.place.get(DESCRIPTION).await?;
        let url = self.url(DESCRIPTION);
        if !described(&content, url.clone().into())?.is_of_the_model_of(&describe(&self.folder)?) {
            return Err(TopicsError::MadeAnew(url));
        }
        self.keep(DESCRIPTION, &content)
    }

    /// Sends what describes the model to where it lies, after its topics were named; nothing if that is here.
    pub async fn send_description(&self) -> Result<(), TopicsError> {
        if self.passing.is_none() {
            return Ok(());
        }
        self.send_file(DESCRIPTION).await
    }

    /// The file in which names are kept that somebody gave to topics of the model that lies there now, when another takes
    /// its place; none, if there are no such names.
    pub async fn names_to_keep(&self) -> Result<Option<String>, TopicsError> {
        Ok(self.given_names().await?.map(|(name, _)| name))
    }

    async fn given_names(&self) -> Result<Option<(String, Vec<u8>)>, TopicsError> {
        match self.place.get(DESCRIPTION).await {
            Ok(json) => Ok(given_names(&json)),
            Err(error) if error.is_missing() => Ok(None),
            // What is no folder has no model in it; that it cannot become one is told when it is to.
            Err(LakeError::Io { source, .. }) if source.kind() == ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same as [`make_room`](super::make_room) does in a folder.
    async fn make_room(&self) -> Result<(), TopicsError> {
        if let Some((name, names)) = self.given_names().await? {
            self.place.put(&name, &names).await?;
        }
        self.place.delete(&[DESCRIPTION.to_owned()]).await?;
        Ok(self.place.delete(&COMPANIONS.map(str::to_owned)).await?)
    }

    /// Sends every file that is in the folder here to where the model lies, in the place of what lies there; nothing if
    /// that is here. What cannot be sent is not lost: the folder stays, and the error says which it is.
    pub async fn send(mut self) -> Result<(), TopicsError> {
        match (self.send_files().await, self.passing.take()) {
            (Err(error), Some(passing)) => {
                let (place, folder) = (self.url(""), passing.keep());
                Err(TopicsError::NotSent { place, folder, source: Box::new(error) })
            }
            (sent, _) => sent,
        }
    }

    /// In this order, so that nobody is given parts of two models: tables, of which no model is read; then the old one
    /// goes; then what a model is read of. Nothing goes before every file here is known to be readable.
    async fn send_files(&self) -> Result<(), TopicsError> {
        if self.passing.is_none() && self.place.is_local() {
            return Ok(());
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TopicsError::File { action: "read", path, source }
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed(&self.folder))? {
            let entry = entry.map_err(failed(&self.folder))?;
            // What is hidden is a lock, or was never finished.
            let Some(name) = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))
            else {
                continue;
            };
            let path = entry.path();
            if std::fs::metadata(&path).map_err(failed(&path))?.is_file() {
                std::fs::File::open(&path).map_err(failed(&path))?;
                names.push(name);
            }
        }
        let (mut parts, tables): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| name == DESCRIPTION || COMPANIONS.contains(&name.as_str()));
        parts.sort_by_key(|name| name == DESCRIPTION);
        for name in tables {
            self.send_file(&name).await?;
        }
        self.make_room().await?;
        for name in parts {
            self.send_file(&name).await?;
        }
        Ok(())
    }

    async fn send_file(&self, name: &str) -> Result<(), TopicsError> {
        let path = self.folder.join(name);
        let read = tokio::fs::read(&path).await;
        let content = read.map_err(|source| TopicsError::File { action: "read", path, source })?;
        Ok(self.place.put(name, &content).await?)
    }

    /// A number that is another for another model, whatever its topics are called: of the words and weights, and of
    /// the steps that texts go through.
    pub fn print(&self) -> Result<u32, TopicsError> {
        let mut hash = crc32fast::Hasher::new();
        for part in [PARTS[1], PARTS[2]] {
            let path = self.folder.join(part);
            match std::fs::read(&path) {
                Ok(content) => hash.update(&content),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && part == PARTS[2] => {}
                Err(source) => return Err(TopicsError::File { action: "read", path, source }),
            }
        }
        Ok(hash.finalize())
    }

    /// The predictions of this model that are kept with it: of its own posts, and of hours that came later.
    pub async fn predictions(&self) -> Result<Vec<RowFile>, TopicsError> {
        let file = |key: &str| RowFile { place: self.place.clone(), key: key.to_owned() };
        let mut files = Vec::new();
        if self.place.stat(PREDICTIONS).await?.is_some() {
            files.push(file(PREDICTIONS));
        }
        let ending = format!("_{:08x}.parquet", self.print()?);
        let mut pages = self.place.list(LATER, Depth::Folder);
        while let Some(page) = pages.next().await? {
            files.extend(
                page.files.iter().filter(|entry| entry.key.ends_with(&ending)).map(|entry| file(&entry.key)),
            );
        }
        Ok(files)
    }
}

/// The models in a place: its own, if it is one, and that of each folder in it; the newest first, and of equals in the
/// order of names. In what is not there, there are none. One that cannot be read is among them, and says why.
pub async fn find_models(address: &str, cloud: Option<&Cloud>) -> Result<Vec<Kept>, TopicsError> {
    let place = Place::at(Address::parse(address)?, cloud)?;
    let mut folders = vec![String::new()];
    let mut pages = place.list("", Depth::Folder);
    while let Some(page) = pages.next().await? {
        folders.extend(page.folders);
    }
    let mut models = Vec::new();
    for folder in folders {
        let key = format!("{folder}{DESCRIPTION}");
        if place.stat(&key).await?.is_some() {
            let about = match place.get(&key).await {
                Ok(json) => described(&json, place.url(&key).into()).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            // The words' weights are written once; what describes them is written again with every name.
            let weights = place.stat(&format!("{folder}{}", PARTS[1])).await?;
            let address = if folder.is_empty() { address.to_owned() } else { place.url(&folder) };
            models.push(Kept {
                folder: address.trim_end_matches('/').into(),
                made: weights.map(|weights| weights.modified),
                about,
            });
        }
    }
    models.sort_by(|a, b| b.made.cmp(&a.made).then_with(|| a.folder.cmp(&b.folder)));
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{Corpus, Method, Order, kept, save};

    /// A model that is to go to a place on this machine, as one goes to a bucket.
    fn shelf(place: &Path) -> Shelf {
        let passing = tempfile::tempdir().expect("a folder");
        for name in ["topic_terms.csv", "model.parquet", "predictions.parquet", DESCRIPTION] {
            std::fs::write(passing.path().join(name), format!("new {name}")).expect("written");
        }
        // What whoever made it left besides is none of it.
        std::fs::create_dir(passing.path().join(".left")).expect("made");
        let folder = passing.path().to_owned();
        Shelf { place: Place::Folder(place.to_owned()), folder, passing: Some(passing) }
    }

    fn read(folder: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(folder.join(name)).ok()
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_kept_here_and_no_model_there_is_half_another() {
        let place = tempfile::tempdir().expect("a folder");
        let old = |name: &str| std::fs::write(place.path().join(name), format!("old {name}"));
        for name in [DESCRIPTION, "model.parquet", "folded.csv"] {
            old(name).expect("written");
        }
        for (in_the_way, left) in [
            // Before anything of the old model went.
            ("topic_terms.csv", Some("old model.json")),
            ("predictions.parquet", None),
        ] {
            std::fs::create_dir(place.path().join(in_the_way)).expect("made");
            let error = shelf(place.path()).send().await.expect_err("it cannot be written");
            std::fs::remove_dir(place.path().join(in_the_way)).expect("removed");
            assert_eq!(read(place.path(), DESCRIPTION).as_deref(), left, "{in_the_way}");
            let TopicsError::NotSent { folder, .. } = &error else { panic!("{error}") };
            assert!(error.to_string().contains(&*folder.to_string_lossy()), "{error}");
            assert_eq!(read(folder, DESCRIPTION).as_deref(), Some("new model.json"));
            std::fs::remove_dir_all(folder).expect("removed");
        }
        let sent = shelf(place.path());
        let passing = sent.folder().to_owned();
        sent.send().await.expect("sent");
        assert_eq!(read(place.path(), DESCRIPTION).as_deref(), Some("new model.json"));
        assert!(!passing.exists() && !place.path().join("folded.csv").exists());
        assert!(!place.path().join(".left").exists());
    }

    #[tokio::test]
    async fn nothing_of_the_old_model_goes_before_every_file_of_the_new_one_can_be_read() {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::write(place.path().join(DESCRIPTION), "old model.json").expect("written");
        let shelf = shelf(place.path());
        let table = shelf.folder().join("predictions.parquet");
        std::fs::remove_file(&table).expect("removed");
        std::os::unix::fs::symlink("nowhere", &table).expect("made");
        std::fs::write(shelf.folder().join(".model.json.5.unfinished"), "left").expect("written");
        let error = shelf.send().await.expect_err("it cannot be read");
        let TopicsError::NotSent { folder, .. } = &error else { panic!("{error}") };
        assert_eq!(read(place.path(), DESCRIPTION).as_deref(), Some("old model.json"));
        assert!(!place.path().join("topic_terms.csv").exists(), "nothing was sent either");
        std::fs::remove_file(folder.join("predictions.parquet")).expect("removed");
        let again = Shelf {
            place: Place::Folder(place.path().to_owned()),
            folder: folder.clone(),
            passing: Some(tempfile::tempdir().expect("a folder")),
        };
        again.send().await.expect("sent");
        assert_eq!(read(place.path(), DESCRIPTION).as_deref(), Some("new model.json"));
        assert!(!place.path().join(".model.json.5.unfinished").exists());
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[tokio::test]
    async fn a_topic_is_named_in_the_model_that_lies_there_now() {
        let place = tempfile::tempdir().expect("a folder");
        let fit = |text: &str| {
            let order = Order { method: Some(Method::Lda), k: Some(2), ..Order::default() };
            order.fit(Corpus::from_lines(text)).expect("a model").model
        };
        let model = fit("a b\nb c\nc d\n");
        let shelf = shelf(place.path());
        for folder in [shelf.folder(), place.path()] {
            save(folder, &model).expect("saved");
        }
        // Somebody has named another topic since.
        kept::rename(place.path(), 0, "theirs").expect("named");
        shelf.renew_description().await.expect("the same model");
        kept::rename(shelf.folder(), 1, "ours").expect("named");
        shelf.send_description().await.expect("sent");
        let names = || describe(place.path()).expect("read").topics.into_iter().map(|topic| topic.name);
        assert_eq!(names().collect::<Vec<_>>(), ["theirs", "ours"]);

        save(place.path(), &fit("e f\nf g\ng h\n")).expect("saved");
        let refused = shelf.renew_description().await.expect_err("another model").to_string();
        assert!(refused.contains("was made anew since the model was opened"), "{refused}");
    }
}
