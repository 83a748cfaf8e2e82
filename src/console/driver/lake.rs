//! Runs the jobs of the Lake pane.

use std::collections::BTreeMap;

use super::{Line, Rooms};
use crate::cloud::Failure;
use crate::console::effect::lake::{Job, Outcome, Ran};
use crate::console::effect::{Remedy, Trouble};
use crate::lake::combine::{self, Plan, Wish};
use crate::lake::hours::Span;
use crate::lake::listing::{self, Listed, Totals};
use crate::lake::{Address, Hour, Lake, LakeError, Layout, Place, download, outputs, preview};
use crate::progress::Phase;
use crate::stack::graph::{Kind, Part};
use crate::stream::words::Unwanted;
use crate::text::counted;

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let lake = open(rooms, line).await?;
    let done = match job {
        Job::Hours(span) => match hours(&lake, span, rooms, line).await {
            Err(LakeError::Cloud(error)) if error.failure() == Failure::Missing => Ok(Outcome::NoBucket),
            done => done,
        },
        Job::Files(hour) => files(&lake, hour, line).await,
        Job::Open(key) => {
            preview::open(&lake.place, &key).await.map(|preview| Outcome::Opened { key, preview })
        }
        Job::Download(key) => bring(&lake, &key, line).await,
        Job::Combine(span) => combine_span(&lake, span, rooms, line).await.map(Outcome::Ran),
    };
    done.map_err(|error| Trouble::of_lake(&error))
}

pub(super) async fn open(rooms: &Rooms, line: &Line) -> Result<Lake, Trouble> {
    let layout = Layout::new(rooms.settings.prefix.as_str()).map_err(|error| Trouble::of_lake(&error))?;
    let (cloud, bucket) = if let Some(name) = rooms.settings.bucket.as_ref() {
        (rooms.cloud().await?, name.to_string())
    } else {
        let stack = rooms.stack(Part::Pipeline, line).await?;
        (stack.cloud().clone(), stack.names().of(Kind::Bucket).to_owned())
    };
    let address = Address::Bucket { bucket, prefix: String::new() };
    let place = Place::at(address, Some(&cloud)).map_err(|error| Trouble::of_lake(&error))?;
    Ok(Lake::new(place, layout))
}

/// Brings what is known of the hours as it comes: each of them anew with every page that holds files of it.
async fn hours(lake: &Lake, span: Span, rooms: &Rooms, line: &Line) -> Result<Outcome, LakeError> {
    line.came(Outcome::Found { address: lake.place.address().to_string(), layout: lake.layout.clone() })
        .await;
    // Words that cannot be read are told where hours are combined.
    if let Ok(wish) = wish(rooms).await {
        line.came(Outcome::Wished(Box::new(wish))).await;
    }
    let results = lake.results();
    let combined = async {
        let combined = outputs::find(&results).await?;
        line.came(Outcome::Combined(combined)).await;
        Ok::<_, LakeError>(())
    };
    let listed = async {
        let mut all: BTreeMap<Hour, Totals> = BTreeMap::new();
        let mut listing = listing::begin(lake, span, line.stop());
        while let Some(listed) = listing.recv().await {
            if let Listed::Files { hour, folder, files } = listed? {
                let totals = all.entry(hour).or_insert_with(|| Totals::empty(hour, folder));
                for file in &files {
                    totals.add(file);
                }
                line.came(Outcome::Totals(totals.clone())).await;
            }
        }
        Ok::<_, LakeError>(())
    };
    tokio::try_join!(combined, listed)?;
    Ok(Outcome::Listed)
}

async fn files(lake: &Lake, hour: Hour, line: &Line) -> Result<Outcome, LakeError> {
    let mut listing = listing::begin_hour(lake, hour, line.stop());
    while let Some(listed) = listing.recv().await {
        if let Listed::Files { files, .. } = listed? {
            line.came(Outcome::Files { hour, files }).await;
        }
    }
    Ok(Outcome::FilesListed(hour))
}

async fn bring(lake: &Lake, key: &str, line: &Line) -> Result<Outcome, LakeError> {
    let file = download::target(None, key);
    // A file that is there is somebody's: it is never overwritten.
    if file.exists() {
        return Err(LakeError::IsThere(file.display().to_string()));
    }
    let progress = line.progress();
    let mut told = std::time::Instant::now();
    let tell = |done: u64, all: u64| {
        if told.elapsed().as_millis() > 200 {
            told = std::time::Instant::now();
            progress.tell("download", key, Phase::Acting, format!("{done} of {all} bytes"));
        }
    };
    let done = download::download(&lake.place, key, &file, tell, line.stop()).await?;
    let file = std::path::absolute(&file).unwrap_or(file);
    Ok(Outcome::Downloaded { file, bytes: done.bytes })
}

/// How hours are combined by the settings.
async fn wish(rooms: &Rooms) -> Result<Wish, LakeError> {
    let unwanted = match rooms.settings.unwanted_words.as_ref() {
        Some(path) => {
            let text = tokio::fs::read_to_string(path).await;
            let text = text.map_err(|source| LakeError::io("read", path.as_ref(), source))?;
            Unwanted::read(&text, *rooms.settings.unwanted_match)?
        }
        None => Unwanted::nothing(),
    };
    Ok(Wish { unwanted, ..Wish::default() })
}

/// How hours are combined by the settings, and what is due of a span.
pub(super) async fn due(
    lake: &Lake,
    span: Span,
    rooms: &Rooms,
    line: &Line,
) -> Result<(Wish, Plan), LakeError> {
    let wish = wish(rooms).await?;
    let plan = combine::plan(lake, &lake.results(), span, &wish, |_| false, line.stop()).await?;
    Ok((wish, plan))
}

async fn combine_span(lake: &Lake, span: Span, rooms: &Rooms, line: &Line) -> Result<Ran, LakeError> {
    let results = lake.results();
    let (wish, plan) = due(lake, span, rooms, line).await?;
    let skipped = plan.skipped;
    let outcome = combine::run(lake, &results, plan, &wish, &line.progress(), line.stop()).await;
    ran(outcome, skipped, &results).await
}

/// What the pane is told of an outcome.
pub(super) async fn ran(outcome: combine::Outcome, skipped: u64, results: &Place) -> Result<Ran, LakeError> {
    let failures = outcome.failures.iter().map(|(hour, error)| format!("{hour}: {error}"));
    let damaged = outcome.damaged.iter().map(|file| format!("damaged: {file}"));
    let left = outcome.left.iter().map(|left| format!("{}: {}", left.hour, left.words()));
    let vanished = (outcome.vanished > 0).then(|| {
        format!("{} listed and gone when read", counted(outcome.vanished, "file was", "files were"))
    });
    Ok(Ran {
        hours: outcome.hours.len(),
        skipped,
        rows: outcome.counts.rows_out,
        malformed: outcome.counts.malformed,
        failures: failures.chain(damaged).chain(left).chain(vanished).collect(),
        interrupted: outcome.interrupted,
        combined: outputs::find(results).await?,
    })
}

impl Trouble {
    pub(super) fn of_lake(error: &LakeError) -> Self {
        match error {
            LakeError::Interrupted => Self::cancelled(),
            LakeError::Cloud(cloud) => Self::of_cloud(cloud),
            LakeError::BadLayout { .. } => Self::of(error, Remedy::Settings),
            _ => Self::of(error, Remedy::Retry),
        }
    }
}
