//! A job taken to its end: handed over if it was not yet, gone along with, its results brought and made into what
//! hydrant itself would have left. Whatever is learned on the way is written into the book, so that another process can
//! go on from there.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Book, End, Engine, Entry, How, Results, Run, Seen, SparkError, State};
use crate::progress::{Phase, Progress};
use crate::text::sanitise;

/// How long looks at a job may fail in ways that pass before it is given up to look: the job itself goes on.
const PATIENCE: Duration = Duration::from_mins(10);

/// What becomes of a job when the operator asks to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// It is ended: it has this machine to itself.
    Cancel,
    /// It goes on where it runs.
    Leave,
}

/// Takes a job to its end.
pub async fn see_through(
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
    progress: &Progress,
    (stop, on_stop): (&CancellationToken, OnStop),
) -> Result<Results, SparkError> {
    let result = all_the_way(book, engine, entry, progress, (stop, on_stop)).await;
    let how = match &result {
        Ok(_) => How::Done,
        Err(SparkError::Interrupted | SparkError::Cancelled(_)) => How::Cancelled,
        // It may be running, or have been handed over without our hearing of it.
        Err(error) if matches!(error, SparkError::Left { .. }) || error.passes() => {
            book.write(entry)?;
            return result;
        }
        Err(SparkError::Failed { why, .. }) => How::Failed(why.clone()),
        // What was refused never began; what runs goes on, whatever stands in the way of looking at it.
        Err(error) if entry.handle.is_none() || is_final(error) => How::Failed(error.to_string()),
        Err(_) => return result,
    };
    entry.end = Some(End { at: Timestamp::now(), how });
    book.write(entry)?;
    result
}

/// Whether the job is over with it: nothing that is tried again would help.
fn is_final(error: &SparkError) -> bool {
    matches!(error, SparkError::NoResults { .. } | SparkError::OddResult { .. } | SparkError::Topics(_))
}

async fn all_the_way(
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
    progress: &Progress,
    (stop, on_stop): (&CancellationToken, OnStop),
) -> Result<Results, SparkError> {
    let handle = if let Some(handle) = &entry.handle {
        let since = entry.begun.strftime("%F %H:%M UTC");
        let words = format!("{} was begun at {since}: going along with it", entry.id);
        progress.tell("spark", &entry.id, Phase::Acting, words);
        handle.clone()
    } else {
        progress.tell("spark", &entry.id, Phase::Acting, format!("{} is being handed over", entry.id));
        // Not given up half way: the handle would be lost with it.
        let handle = engine.submit(&entry.job, &entry.token).await?;
        entry.handle = Some(handle.clone());
        book.write(entry)?;
        handle
    };
    let mut run = engine.attach(&entry.job, &handle).await?;
    let pauses = pauses(run.pace());
    let (mut pace, mut failing) = (pauses.build(), None);
    loop {
        let looked = tokio::select! {
            looked = run.look() => looked,
            () = stop.cancelled() => return Err(stopped(run.as_mut(), engine, entry, on_stop).await),
        };
        match looked {
            Ok(seen) => {
                failing = None;
                if note(entry, seen, progress, run.as_ref())? {
                    break;
                }
                book.write(entry)?;
            }
            Err(error) if error.passes() => {
                if failing.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error);
                }
                progress.tell("spark", &entry.id, Phase::Waiting, format!("{error}; looking again"));
            }
            Err(error) => return Err(error),
        }
        // The longest pause stays for ever.
        let pause = pace.next().unwrap_or(run.pace().1);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Err(stopped(run.as_mut(), engine, entry, on_stop).await),
        }
    }
    progress.tell("spark", &entry.id, Phase::Acting, "bringing the results");
    run.bring().await?;
    let job = entry.job.clone();
    let results = tokio::task::spawn_blocking(move || job.finish()).await;
    let results = results.map_err(|error| SparkError::File {
        what: "make a model in",
        path: entry.job.out.clone(),
        source: std::io::Error::other(error),
    })??;
    progress.tell("spark", &entry.id, Phase::Done, "its results are there");
    Ok(results)
}

async fn stopped(run: &mut dyn Run, engine: &dyn Engine, entry: &Entry, on_stop: OnStop) -> SparkError {
    match on_stop {
        OnStop::Leave => SparkError::Left { id: entry.id.clone(), engine: engine.name().at() },
        OnStop::Cancel => run.cancel().await.err().unwrap_or(SparkError::Interrupted),
    }
}

/// Takes down what a look has shown, and tells of what is new. Whether the job is done.
fn note(entry: &mut Entry, seen: Seen, progress: &Progress, run: &dyn Run) -> Result<bool, SparkError> {
    entry.cost = run.cost().map(crate::settings::Dollars::as_f64);
    for stage in seen.stages {
        if entry.stage.as_ref() != Some(&stage) {
            progress.tell("spark", &entry.id, Phase::Acting, stage.to_string());
            entry.stage = Some(stage);
        }
    }
    match seen.state {
        State::Waiting(words) => {
            let words = sanitise(&words);
            if words != entry.words {
                progress.tell("spark", &entry.id, Phase::Waiting, words.clone());
                entry.words = words;
            }
            Ok(false)
        }
        State::Running => {
            let words = "it runs";
            if entry.words != words {
                words.clone_into(&mut entry.words);
            }
            Ok(false)
        }
        State::Done => Ok(true),
        State::Cancelled(words) => Err(SparkError::Cancelled(sanitise(&words))),
        State::Failed(why) => Err(SparkError::Failed { why: sanitise(&why), log: run.log().to_string() }),
    }
}

/// Pauses that grow from the first to the longest.
pub(super) fn pauses((first, longest): (Duration, Duration)) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_factor(1.5)
        .with_jitter()
        .without_max_times()
}

/// Looks at a job that was handed over, and writes down what it shows. Results are not brought.
pub async fn glance(book: &Book, engine: &dyn Engine, entry: &mut Entry) -> Result<(), SparkError> {
    let Some(handle) = entry.handle.clone() else { return Ok(()) };
    let mut run = engine.attach(&entry.job, &handle).await?;
    let seen = run.look().await?;
    let end = |how| Some(End { at: Timestamp::now(), how });
    match note(entry, seen, &Progress::silent(), run.as_ref()) {
        Ok(false) => {}
        // Whoever follows it brings its results.
        Ok(true) => "it is done; `hydrant jobs follow` brings its results".clone_into(&mut entry.words),
        Err(SparkError::Cancelled(_)) => entry.end = end(How::Cancelled),
        Err(SparkError::Failed { why, .. }) => entry.end = end(How::Failed(why)),
        Err(error) => return Err(error),
    }
    book.write(entry)
}

/// Ends a job that was begun, and waits until it is gone.
pub async fn cancel(book: &Book, engine: &dyn Engine, entry: &mut Entry) -> Result<(), SparkError> {
    // One whose handle was lost is found by handing it over once more: it is the same job.
    let handle = match &entry.handle {
        Some(handle) => handle.clone(),
        None => engine.submit(&entry.job, &entry.token).await?,
    };
    entry.handle = Some(handle.clone());
    let mut run = engine.attach(&entry.job, &handle).await?;
    run.cancel().await?;
    entry.cost = run.cost().map(crate::settings::Dollars::as_f64);
    entry.end = Some(End { at: Timestamp::now(), how: How::Cancelled });
    book.write(entry)
}

/// Waits until a job that was told to end is over.
pub(super) async fn until_over(run: &mut dyn Run) -> Result<(), SparkError> {
    let since = Instant::now();
    let mut pace = pauses(run.pace()).build();
    loop {
        match run.look().await {
            Ok(Seen { state: State::Waiting(_) | State::Running, .. }) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.passes() => {}
            Err(error) => return Err(error),
        }
        if since.elapsed() > PATIENCE {
            return Err(SparkError::StillEnding(PATIENCE.as_secs() / 60));
        }
        tokio::time::sleep(pace.next().unwrap_or(run.pace().1)).await;
    }
}
