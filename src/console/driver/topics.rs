//! Runs the jobs of the Topics pane.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::{Line, Rooms, lake, remedy};
use crate::console::effect::topics::{From, Item, Job, Outcome, Wish};
use crate::console::effect::{Remedy, Trouble};
use crate::lake::{LakeError, outputs};
use crate::progress::Phase;
use crate::settings::Folders;
use crate::topics::browse::{self, Relevance, Word};
use crate::topics::sweep::{Tried, sweep};
use crate::topics::{self, Documents, Model, Order, Post, TopicsError, Watch, kept};

/// Words of a topic that are brought to be read.
const WORDS: usize = 60;
/// Posts of a topic that are brought to be read.
const POSTS: usize = 50;

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    match job {
        Job::Models => {
            let folder = PathBuf::from(rooms.settings.models.as_str());
            aside(move || Ok(Outcome::Models { models: kept::list(&folder)?, folder })).await
        }
        Job::Open(folder) => {
            aside(move || Ok(Outcome::Opened { model: Arc::new(topics::load(&folder)?), folder })).await
        }
        Job::Rank { folder, model, lambda } => {
            aside(move || Ok(Outcome::Ranked { folder, lambda, words: rank(&model, lambda) })).await
        }
        Job::Place { folder, model } => {
            aside(move || Ok(Outcome::Placed { folder, places: browse::map(&model) })).await
        }
        Job::Documents { folder, topic, words } => {
            aside(move || {
                let steps = topics::read_text(&folder)?.steps;
                let posts = kept::typical_posts(&folder, topic, &words, &steps, POSTS)?;
                Ok(Outcome::Documents { folder, topic, posts })
            })
            .await
        }
        Job::Name { folder, topic, name } => {
            aside(move || Ok(Outcome::Named { about: kept::rename(&folder, topic, &name)?, folder })).await
        }
        Job::Fit { wish, name } => fit(&wish, &name, rooms, line).await,
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
    let (documents, seconds) = documents(wish, rooms, line).await?;
    let (order, folder) = (watched(&wish.order, line), folder.to_owned());
    aside(move || {
        let about = topics::fit_into(&folder, &order, documents, seconds)?;
        Ok(Outcome::Fitted { folder, about })
    })
    .await
}

/// A folder for a new model: what is there already is somebody's.
fn make_folder(models: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let folder = models.join(name);
    let failed = |source| {
        let error = TopicsError::File { action: "make the folder", path: folder.clone(), source };
        trouble(&error)
    };
    Folders::make_private(models).map_err(failed)?;
    if folder.exists() {
        let sentence = format!("{} is there already: give the model another name", folder.display());
        return Err(Trouble { sentence, causes: Vec::new(), remedy: Remedy::Retry });
    }
    Folders::make_private(&folder).map_err(failed)?;
    Ok(folder)
}

/// Reads posts and makes documents of them, and tells of both; with how many seconds that took.
async fn documents(wish: &Wish, rooms: &Rooms, line: &Line) -> Result<(Documents, f64), Trouble> {
    let begun = Instant::now();
    let posts = tokio::select! {
        posts = posts(&wish.from, rooms, line) => posts?,
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

async fn posts(from: &From, rooms: &Rooms, line: &Line) -> Result<Vec<Post>, Trouble> {
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
    progress.tell("posts", "", Phase::Acting, format!("reading {} files", inputs.len()));
    let remote = inputs.iter().any(|input| input.starts_with("s3://"));
    let cloud = if remote { Some(rooms.cloud().await?) } else { None };
    topics::read_posts(&inputs, cloud.as_ref()).await.map_err(|error| trouble(&error))
}

fn nothing_combined(elsewhere: bool) -> Trouble {
    let sentence = if elsewhere {
        "none of the combined hours lies within the hours that were given: widen them, or combine more in the Lake pane"
    } else {
        "the lake has no combined hours yet: combine some in the Lake pane, or give files"
    };
    Trouble { sentence: sentence.to_owned(), causes: Vec::new(), remedy: Remedy::Retry }
}

fn trouble(error: &TopicsError) -> Trouble {
    match error {
        TopicsError::Lake(LakeError::Interrupted) => Trouble::cancelled(),
        TopicsError::Lake(LakeError::Cloud(cloud)) => Trouble::of(error, remedy(cloud)),
        _ => Trouble::of(error, Remedy::Retry),
    }
}
