//! Runs the jobs of the Topics pane.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::{Line, Rooms, jobs, lake, remedy};
use crate::cloud::{Cloud, Failure};
use crate::console::effect::topics::{From, Item, Job, Outcome, Wish};
use crate::console::effect::{Remedy, Trouble};
use crate::lake::{LakeError, outputs};
use crate::progress::Phase;
use crate::settings::Folders;
use crate::text::counted;
use crate::topics::browse::{self, Relevance, Word};
use crate::topics::kept::{self, Asked};
use crate::topics::questions::{self, Countries, Predicted};
use crate::topics::report::Report;
use crate::topics::sweep::{Tried, sweep};
use crate::topics::{self, Documents, Kept, Model, Order, Shelf, TopicsError, Watch, Writer};

/// Words of a topic that are brought to be read.
const WORDS: usize = 60;
/// What holds models in a bucket.
const FOLDER: &str = "models/";
/// Posts of a topic that are brought to be read.
const POSTS: usize = 50;
/// Where the predictions of a model's own posts are.
const PREDICTIONS: &str = "predictions.parquet";
/// What a report is called, beside its model.
const REPORT: &str = "report.html";

/// The model that was opened last: what of it lies in a bucket is brought here once, and goes with it.
#[derive(Debug, Clone, Default)]
pub struct LastShelf(Arc<tokio::sync::Mutex<Option<Opened>>>);

#[derive(Debug, Clone)]
struct Opened {
    folder: PathBuf,
    shelf: Arc<Shelf>,
}

impl Rooms {
    /// A model that is opened, as it is now.
    async fn open_shelf(&self, folder: &Path) -> Result<Arc<Shelf>, Trouble> {
        let mut last = self.shelf.0.lock().await;
        let address = folder.display().to_string();
        let cloud = if is_far(&address) { Some(self.cloud().await?) } else { None };
        let shelf = Shelf::open(&address, cloud.as_ref()).await.map_err(|error| trouble(&error))?;
        let shelf = Arc::new(shelf);
        *last = Some(Opened { folder: folder.to_owned(), shelf: Arc::clone(&shelf) });
        Ok(shelf)
    }

    /// The same for what is read of it later.
    async fn shelf(&self, folder: &Path) -> Result<Arc<Shelf>, Trouble> {
        let last = self.shelf.0.lock().await.clone();
        match last.filter(|last| last.folder == folder) {
            Some(last) => Ok(last.shelf),
            None => self.open_shelf(folder).await,
        }
    }
}

fn is_far(address: &str) -> bool {
    address.starts_with("s3://")
}

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    match job {
        Job::Models => {
            let folder = PathBuf::from(rooms.settings.models.as_str());
            let found = topics::find_models(rooms.settings.models.as_str(), None).await;
            Ok(Outcome::Models { models: found.map_err(|error| trouble(&error))?, folder })
        }
        Job::FarModels => far_models(rooms, line).await.map(Outcome::FarModels),
        Job::Open(folder) => {
            let shelf = rooms.open_shelf(&folder).await?;
            aside(move || Ok(Outcome::Opened { model: Arc::new(topics::load(shelf.folder())?), folder }))
                .await
        }
        Job::Rank { folder, model, lambda } => {
            aside(move || Ok(Outcome::Ranked { folder, lambda, words: rank(&model, lambda) })).await
        }
        Job::Place { folder, model } => {
            aside(move || Ok(Outcome::Placed { folder, places: browse::map(&model) })).await
        }
        Job::Hours { folder, topics } => {
            let shelf = rooms.shelf(&folder).await?;
            let read = async { Predicted::read(&shelf.predictions().await?, topics).await };
            let predicted = read.await.map_err(|error| trouble(&error))?;
            Ok(Outcome::Hours { folder, hours: predicted.shares_per_hour() })
        }
        Job::Documents { folder, topic, words } => {
            let shelf = rooms.shelf(&folder).await?;
            shelf.bring(PREDICTIONS).await.map_err(|error| trouble(&error))?;
            aside(move || {
                let steps = topics::read_text(shelf.folder())?.steps;
                let posts = kept::typical_posts(shelf.folder(), &[Asked { topic, words }], &steps, POSTS)?;
                let posts = posts.and_then(|mut posts| posts.pop());
                Ok(Outcome::Documents { folder, topic, posts })
            })
            .await
        }
        Job::Answer { folder, from } => answer(folder, &from, rooms, line).await,
        Job::Report { folder, answers, lambda } => {
            let shelf = rooms.shelf(&folder).await?;
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let write = async {
                let model = Arc::new(topics::load(shelf.folder())?);
                let answers = answers.map(Arc::unwrap_or_clone);
                let page = Report::gather(&shelf, model, name, answers, lambda * 10).await?;
                page.write(shelf.place(), REPORT).await
            };
            write.await.map_err(|error| trouble(&error))?;
            let address = shelf.url(REPORT);
            // What cannot be opened is there all the same, and is told of by its address.
            let shown = !is_far(&address) && crate::browser::show(Path::new(&address)).await.unwrap_or(false);
            Ok(Outcome::Reported { address, shown })
        }
        Job::Name { folder, topic, name } => {
            let shelf = rooms.shelf(&folder).await?;
            shelf.renew_description().await.map_err(|error| trouble(&error))?;
            let kept_by = Arc::clone(&shelf);
            let named = aside(move || {
                Ok(Outcome::Named { about: kept::rename(shelf.folder(), topic, &name)?, folder })
            });
            let named = named.await?;
            kept_by.send_description().await.map_err(|error| trouble(&error))?;
            Ok(named)
        }
        Job::Fit { wish, name } => fit(&wish, &name, rooms, line).await,
        Job::Jobs => jobs::open(rooms),
        Job::Follow { id, .. } => jobs::follow(&id, rooms, line).await,
        Job::Plan(job) => jobs::plan(job, rooms, line).await,
        Job::Submit { job, .. } => jobs::submit(job, rooms, line).await,
        Job::Sweep { wish, sizes, seeds } => {
            let (documents, _) = documents(&wish, rooms, line).await?;
            let order = watched(&wish.order, line);
            let teller = line.clone();
            let runtime = tokio::runtime::Handle::current();
            aside(move || {
                let tell = |one: &Tried| runtime.block_on(teller.came(Outcome::Tried(one.clone())));
                sweep(&documents.corpus, &order, &sizes, &seeds, tell).map(Outcome::Swept)
            })
            .await
        }
    }
}

/// The models in the stack's bucket, where hydrant and the predecessor put them.
async fn far_models(rooms: &Rooms, line: &Line) -> Result<Vec<Kept>, Trouble> {
    let lake = lake::open(rooms, line).await?;
    let mut places = vec![lake.results().url(FOLDER), lake.place.url(FOLDER)];
    places.dedup();
    let cloud = rooms.cloud().await?;
    let mut models = Vec::new();
    for place in places {
        match topics::find_models(&place, Some(&cloud)).await {
            Ok(found) => models.extend(found),
            // Before `up` there is no bucket, and no model in it.
            Err(TopicsError::Lake(LakeError::Cloud(error))) if error.failure() == Failure::Missing => {}
            Err(error) => return Err(trouble(&error)),
        }
    }
    Ok(models)
}

/// Does what takes long on a thread of its own.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TopicsError> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| trouble(&error)),
        Err(error) => Err(Trouble::of(&error, Remedy::Retry)),
    }
}

fn rank(model: &Model, lambda: u8) -> Vec<Vec<Word>> {
    let relevance = Relevance::of(model);
    let lambda = f32::from(lambda) / 10.0;
    (0..model.k()).into_par_iter().map(|topic| relevance.words(topic, lambda, WORDS)).collect()
}

/// The order, told of and stopped by the console.
fn watched(order: &Order, line: &Line) -> Order {
    let feed = line.clone();
    let watch = Watch::new(line.stop().clone(), move |step| feed.feed(Item::Pass(step)));
    Order { watch, ..order.clone() }
}

async fn fit(wish: &Wish, name: &str, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let folder = make_folder(Path::new(rooms.settings.models.as_str()), name)?;
    let fitted = fit_in(wish, &folder, rooms, line).await;
    if fitted.is_err() {
        // Nothing but an empty folder is taken away.
        drop(std::fs::remove_dir(&folder));
    }
    fitted
}

async fn fit_in(wish: &Wish, folder: &Path, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let writer = Writer::of(folder).map_err(|error| trouble(&error))?;
    let (documents, seconds) = documents(wish, rooms, line).await?;
    let order = watched(&wish.order, line);
    aside(move || {
        let about = topics::fit_into(&writer, &order, documents, seconds)?;
        Ok(Outcome::Fitted { folder: writer.folder().to_owned(), about })
    })
    .await
}

/// Where a new model would be: what is there already is somebody's.
pub(super) fn free_folder(models: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let folder = models.join(name);
    if folder.exists() {
        let sentence = format!("{} is there already: give the model another name", folder.display());
        return Err(Trouble { sentence, causes: Vec::new(), remedy: Remedy::Retry });
    }
    Ok(folder)
}

/// A folder for a new model.
fn make_folder(models: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let folder = free_folder(models, name)?;
    let failed = |source| {
        let error = TopicsError::File { action: "make the folder", path: folder.clone(), source };
        trouble(&error)
    };
    Folders::make_private(models).map_err(failed)?;
    Folders::make_private(&folder).map_err(failed)?;
    Ok(folder)
}

/// Reads posts and makes documents of them, and tells of both; with how many seconds that took.
async fn documents(wish: &Wish, rooms: &Rooms, line: &Line) -> Result<(Documents, f64), Trouble> {
    let begun = Instant::now();
    let read = async {
        let inputs = inputs(&wish.from, rooms, line).await?;
        let cloud = cloud_for(&inputs, rooms).await?;
        topics::read_posts(&inputs, cloud.as_ref()).await.map_err(|error| trouble(&error))
    };
    let posts = tokio::select! {
        posts = read => posts?,
        () = line.stop().cancelled() => return Err(Trouble::cancelled()),
    };
    line.came(Outcome::Read(posts.len())).await;
    let steps = wish.steps.clone();
    let documents = aside(move || Documents::of_posts(posts, steps)).await?;
    if let Some(counts) = documents.counts() {
        line.came(Outcome::Prepared(counts.clone())).await;
    }
    // Nothing is fitted yet that could be kept.
    if line.stop().is_cancelled() {
        return Err(Trouble::cancelled());
    }
    Ok((documents, begun.elapsed().as_secs_f64()))
}

/// Asks the questions about posts that have a topic.
async fn answer(folder: PathBuf, from: &From, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let shelf = rooms.shelf(&folder).await?;
    let inputs = inputs(from, rooms, line).await?;
    let cloud = cloud_for(&inputs, rooms).await?;
    let ask = async {
        let kept = shelf.predictions().await?;
        if kept.is_empty() {
            return Err(TopicsError::NoPredictions(shelf.url("")));
        }
        // Names may be newer than what the pane was given.
        let model = topics::load(shelf.folder())?;
        let predicted = Predicted::read(&kept, model.k()).await?;
        let hours = topics::find_rows(&inputs, cloud.as_ref()).await?;
        questions::answer(&model, &predicted, &hours, Countries::shipped(), questions::TOP).await
    };
    let answers = Arc::new(ask.await.map_err(|error| trouble(&error))?);
    Ok(Outcome::Answered { folder, answers })
}

pub(super) async fn cloud_for(inputs: &[String], rooms: &Rooms) -> Result<Option<Cloud>, Trouble> {
    if inputs.iter().any(|input| is_far(input)) { rooms.cloud().await.map(Some) } else { Ok(None) }
}

/// The files of posts that are meant.
pub(super) async fn inputs(from: &From, rooms: &Rooms, line: &Line) -> Result<Vec<String>, Trouble> {
    let progress = line.progress();
    let inputs = match from {
        From::Paths(paths) => paths.clone(),
        From::Lake(span) => {
            let lake = lake::open(rooms, line).await?;
            let results = lake.results();
            progress.tell("lake", &results.url(""), Phase::Acting, "looking for combined hours");
            let combined = outputs::find(&results).await.map_err(|error| Trouble::of_lake(&error))?;
            let within = combined.iter().filter(|(hour, _)| span.holds(**hour));
            let keys = within.filter_map(|(_, hour)| hour.newest()?.1.rows_key());
            let urls: Vec<String> = keys.map(|key| results.url(key)).collect();
            if urls.is_empty() {
                return Err(nothing_combined(!combined.is_empty()));
            }
            urls
        }
    };
    progress.tell("posts", "", Phase::Acting, format!("reading {}", counted(inputs.len(), "file", "files")));
    Ok(inputs)
}

fn nothing_combined(elsewhere: bool) -> Trouble {
    let sentence = if elsewhere {
        "none of the combined hours lies within the hours that were given: widen them, or combine more in the Lake pane"
    } else {
        "the lake has no combined hours yet: combine some in the Lake pane, or give files"
    };
    Trouble { sentence: sentence.to_owned(), causes: Vec::new(), remedy: Remedy::Retry }
}

pub(super) fn trouble(error: &TopicsError) -> Trouble {
    match error {
        TopicsError::Lake(LakeError::Interrupted) => Trouble::cancelled(),
        TopicsError::Lake(LakeError::Cloud(cloud)) => Trouble::of(error, remedy(cloud)),
        _ => Trouble::of(error, Remedy::Retry),
    }
}
