//! A job taken to its end: handed over if it was not yet, gone along with, its results brought and made into what
//! hydrant itself would have left. Whatever is learned on the way is written into the book, so that another process can
//! go on from there, and several may go along with one job: one of them hands it over, and one brings its results.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Alone, Book, End, Engine, Entry, How, Results, Run, Seen, SparkError, State, Work, topics};
use crate::progress::{Phase, Progress};
use crate::settings::EngineName;
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
        Ok(_) => Some(How::Done),
        Err(error) => end_by(error, entry),
    };
    entry.end = how.map(|how| End { at: Timestamp::now(), how });
    book.write(entry)?;
    let error = match result {
        Ok((results, _alone)) => return Ok(results),
        Err(error) => error,
    };
    match come_to(entry) {
        // What looked like a bad end is that another process was faster.
        Some(Ok(results)) => Ok(results),
        Some(Err(_)) => Err(error),
        None => Err(goes_on(error, engine, entry)),
    }
}

/// The end of a job that an error is, if it is one.
fn end_by(error: &SparkError, entry: &Entry) -> Option<How> {
    match error {
        // It is the other's.
        SparkError::LeftTo { .. } => None,
        SparkError::Interrupted | SparkError::Cancelled(_) => Some(How::Cancelled),
        SparkError::Failed { why, .. } => Some(How::Failed(why.clone())),
        error if is_final(error) => Some(How::Failed(error.to_string())),
        // What was refused never began, but for what may have been handed over without our hearing of it.
        error if entry.handle.is_none() && !error.passes() => Some(How::Failed(error.to_string())),
        // What runs goes on, whatever stands in the way of looking at it.
        _ => None,
    }
}

/// What a job has come to by the book, if it has ended.
fn come_to(entry: &Entry) -> Option<Result<Results, SparkError>> {
    entry.end.as_ref()?;
    Some(match (entry.bad_end(), &entry.job.work) {
        (Some(error), _) => Err(error),
        (None, Work::Combine) => entry.job.finish(),
        (None, Work::Topics { .. }) => Ok(Results::There),
    })
}

/// The error with the job that it is no end of, if that is known to be elsewhere.
fn goes_on(error: SparkError, engine: &dyn Engine, entry: &Entry) -> SparkError {
    let says_so =
        matches!(error, SparkError::Left { .. } | SparkError::LeftTo { .. } | SparkError::StillEnding(_));
    if says_so || entry.handle.is_none() || engine.name() == EngineName::Local {
        return error;
    }
    SparkError::GoesOn { id: entry.id.clone(), engine: engine.name().at(), source: Box::new(error) }
}

/// Whether the job is over with it: nothing that is tried again would help.
fn is_final(error: &SparkError) -> bool {
    matches!(error, SparkError::NoResults { .. } | SparkError::OddResult { .. } | SparkError::Topics(_))
}

/// Hands a job over that one is alone with, unless another process has done so, or has seen its end, before.
async fn hand_over(
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
    progress: &Progress,
) -> Result<(), SparkError> {
    if entry.handle.is_some() || entry.end.is_some() {
        return Ok(());
    }
    progress.tell("spark", &entry.id, Phase::Acting, format!("{} is being handed over", entry.id));
    topics::make_way(&entry.job)?;
    // Not given up half way: the handle would be lost with it.
    entry.handle = Some(engine.submit(&entry.job, &entry.token).await?);
    book.write(entry)
}

/// The results, and that nobody else is at them until their end is written.
async fn all_the_way(
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
    progress: &Progress,
    (stop, on_stop): (&CancellationToken, OnStop),
) -> Result<(Results, Option<Alone>), SparkError> {
    if entry.handle.is_some() {
        let since = entry.begun.strftime("%F %H:%M UTC");
        let words = format!("{} was begun at {since}: going along with it", entry.id);
        progress.tell("spark", &entry.id, Phase::Acting, words);
    } else {
        let _alone = book.alone_with(entry, progress, stop).await?;
        if let Err(error) = hand_over(book, engine, entry, progress).await {
            // Written before another may try: its handle would be lost by this end.
            entry.end = end_by(&error, entry).map(|how| End { at: Timestamp::now(), how });
            book.write(entry)?;
            return Err(error);
        }
    }
    if let Some(came) = come_to(entry) {
        return Ok((came?, None));
    }
    let handle = entry.handle.clone().expect("what was handed over has a handle");
    let mut run = engine.attach(&entry.job, &handle).await?;
    let pauses = pauses(run.pace());
    let (mut pace, mut failing) = (pauses.build(), None);
    loop {
        let looked = tokio::select! {
            looked = run.look() => looked,
            () = stop.cancelled() => {
                stopped(run.as_mut(), engine, entry, on_stop).await?;
                break;
            }
        };
        match looked {
            Ok(seen) => {
                failing = None;
                if note(entry, seen, progress, run.as_ref())? {
                    break;
                }
                book.write(entry)?;
                if entry.end.is_some() {
                    break;
                }
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
            () = stop.cancelled() => {
                stopped(run.as_mut(), engine, entry, on_stop).await?;
                break;
            }
        }
    }
    let alone = book.alone_with(entry, progress, stop).await?;
    if let Some(came) = come_to(entry) {
        return Ok((came?, Some(alone)));
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
    Ok((results, Some(alone)))
}

/// Does what is to be done when the operator asks to stop. All is well only if the job was done by then: what was paid
/// for is brought.
async fn stopped(
    run: &mut dyn Run,
    engine: &dyn Engine,
    entry: &mut Entry,
    on_stop: OnStop,
) -> Result<(), SparkError> {
    if on_stop == OnStop::Leave {
        return Err(SparkError::Left { id: entry.id.clone(), engine: engine.name().at() });
    }
    let state = run.cancel().await?;
    match note(entry, Seen { stages: Vec::new(), state }, &Progress::silent(), run) {
        Err(SparkError::Cancelled(_)) => Err(SparkError::Interrupted),
        ended => ended.map(drop),
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
    match write_down(book, entry, seen, run.as_ref()) {
        Err(SparkError::Cancelled(_) | SparkError::Failed { .. }) => Ok(()),
        looked => looked.map(drop),
    }
}

/// Ends a job that was begun, and waits until it is gone. One that has come to its own end before is not cancelled, which
/// is the error: it was done, and its results wait for whoever follows it, or it had failed.
pub async fn cancel(
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<(), SparkError> {
    if entry.handle.is_none() {
        // One whose handle was lost is found by handing it over once more: it is the same job.
        let _alone = book.alone_with(entry, progress, stop).await?;
        hand_over(book, engine, entry, progress).await?;
    }
    match come_to(entry) {
        None => {}
        Some(Ok(_)) => return Err(SparkError::DoneAlready(entry.id.clone())),
        Some(Err(SparkError::Cancelled(_))) => return Ok(()),
        Some(Err(error)) => return Err(error),
    }
    let handle = entry.handle.clone().expect("what was handed over has a handle");
    let mut run = engine.attach(&entry.job, &handle).await?;
    let state = run.cancel().await?;
    match write_down(book, entry, Seen { stages: Vec::new(), state }, run.as_ref()) {
        Ok(_) => Err(SparkError::DoneAlready(entry.id.clone())),
        Err(SparkError::Cancelled(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes down what was seen of a job that nobody follows, with its end, and writes it into the book. Whether it is done:
/// whoever follows it brings its results, and writes that end.
fn write_down(book: &Book, entry: &mut Entry, seen: Seen, run: &dyn Run) -> Result<bool, SparkError> {
    let noted = note(entry, seen, &Progress::silent(), run);
    let how = match &noted {
        Ok(false) => None,
        Ok(true) => {
            "it is done; `hydrant jobs follow` brings its results".clone_into(&mut entry.words);
            None
        }
        Err(SparkError::Failed { why, .. }) => Some(How::Failed(why.clone())),
        Err(_) => Some(How::Cancelled),
    };
    entry.end = how.map(|how| End { at: Timestamp::now(), how });
    book.write(entry)?;
    noted
}

/// Waits until a job that was told to end is over, and says how it stands then.
pub(super) async fn until_over(run: &mut dyn Run) -> Result<State, SparkError> {
    let since = Instant::now();
    let mut pace = pauses(run.pace()).build();
    loop {
        match run.look().await {
            Ok(Seen { state: State::Waiting(_) | State::Running, .. }) => {}
            Ok(seen) => return Ok(seen.state),
            Err(error) if error.passes() => {}
            Err(error) => return Err(error),
        }
        if since.elapsed() > PATIENCE {
            return Err(SparkError::StillEnding(PATIENCE.as_secs() / 60));
        }
        tokio::time::sleep(pace.next().unwrap_or(run.pace().1)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::lake::Place;
    use crate::settings::Dollars;
    use crate::spark::{Job, LAST, Log, LogFiles, Work};

    /// An engine whose one job runs until it is told to end, and stands so then.
    struct Fake {
        name: EngineName,
        then: State,
        /// Whether nothing that is asked of it is answered.
        mute: bool,
    }

    struct FakeRun {
        state: State,
        then: State,
        mute: bool,
    }

    #[async_trait]
    impl Engine for Fake {
        fn name(&self) -> EngineName {
            self.name
        }

        async fn ready(&self) -> Result<String, SparkError> {
            Ok(String::new())
        }

        async fn submit(&self, _job: &Job, token: &str) -> Result<String, SparkError> {
            Ok(token.to_owned())
        }

        async fn attach(&self, _job: &Job, _handle: &str) -> Result<Box<dyn Run>, SparkError> {
            let state = State::Running;
            Ok(Box::new(FakeRun { state, then: self.then.clone(), mute: self.mute }))
        }
    }

    #[async_trait]
    impl Run for FakeRun {
        async fn look(&mut self) -> Result<Seen, SparkError> {
            if self.mute {
                return Err(SparkError::NoJob("it".to_owned()));
            }
            Ok(Seen { stages: Vec::new(), state: self.state.clone() })
        }

        async fn cancel(&mut self) -> Result<State, SparkError> {
            self.state = self.then.clone();
            until_over(self).await
        }

        async fn bring(&mut self) -> Result<(), SparkError> {
            Ok(())
        }

        fn log(&self) -> Log {
            let lines = LogFiles::of(Place::Folder("nowhere".into()));
            Log::Lines { at: "nowhere".to_owned(), lines: Box::new(lines) }
        }

        fn cost(&self) -> Option<Dollars> {
            Some(Dollars::ZERO)
        }
    }

    fn engine(name: EngineName, then: State) -> Fake {
        Fake { name, then, mute: false }
    }

    /// A book with a job that was handed over, and what a done one has left.
    fn begun(folder: &Path) -> (Book, Entry) {
        let out = folder.join("out");
        std::fs::create_dir_all(&out).expect("made");
        for (name, text) in [
            ("terms.csv", "term,document_frequency\nrocket,3\nlens,2\n"),
            ("topics.csv", "0.9,0.1\n0.25,0.75\n"),
            (
                LAST,
                r#"{"k": 2, "seed": 88, "iterations": 5, "documents": 1, "tokens": 9, "shares": [0.6, 0.4], "prior": [0.5, 0.5], "npmi": [0.1, 0.2], "diversity": 1.0, "likelihood": null, "seconds": {}}"#,
            ),
        ] {
            std::fs::write(out.join(name), text).expect("written");
        }
        let book = Book::at(folder.join("jobs"));
        let work = Work::Topics { steps: None };
        let job = Job { name: "topics".to_owned(), work, settings: json!({}), out, model: None };
        let mut entry = book.begin(EngineName::Sagemaker, job).expect("begun");
        entry.handle = Some("it".to_owned());
        book.write(&mut entry).expect("written");
        (book, entry)
    }

    #[tokio::test]
    async fn a_job_that_was_done_when_it_is_cancelled_keeps_its_results_and_stays_open() {
        let failed = State::Failed("no space".to_owned());
        for (then, state, said) in [
            (State::Done, "running", Some("was done already")),
            (failed, "failed", Some("no space")),
            (State::Cancelled("stopped".to_owned()), "cancelled", None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (book, mut entry) = begun(folder.path());
            let (engine, stop) = (engine(EngineName::Sagemaker, then), CancellationToken::new());
            let error = cancel(&book, &engine, &mut entry, &Progress::silent(), &stop).await.err();
            assert_eq!(
                error.as_ref().map(|error| error.to_string().contains(said.unwrap_or("?"))),
                said.map(|_| true)
            );
            let kept = book.find(&entry.id).expect("there");
            assert_eq!((kept.state(), &kept), (state, &entry), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_stop_that_comes_when_a_job_is_done_brings_its_results() {
        for (then, state) in [(State::Done, "done"), (State::Cancelled("stopped".to_owned()), "cancelled")] {
            let folder = tempfile::tempdir().expect("a folder");
            let (book, mut entry) = begun(folder.path());
            let (stop, silent) = (CancellationToken::new(), Progress::silent());
            stop.cancel();
            let engine = engine(EngineName::Sagemaker, then);
            let came = see_through(&book, &engine, &mut entry, &silent, (&stop, OnStop::Cancel)).await;
            assert_eq!(book.find(&entry.id).expect("there").state(), state);
            assert_eq!(came.is_ok(), state == "done", "{came:?}");
        }
    }

    #[tokio::test]
    async fn of_two_that_see_a_job_done_one_makes_its_model_and_the_other_finds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (book, entry) = begun(folder.path());
        let stop = CancellationToken::new();
        stop.cancel();
        let engine = engine(EngineName::Sagemaker, State::Done);
        for (mut entry, is_first) in [(entry.clone(), true), (entry, false)] {
            let silent = &Progress::silent();
            let came = see_through(&book, &engine, &mut entry, silent, (&stop, OnStop::Cancel)).await;
            let results = came.expect("it is done for both");
            assert_eq!(matches!(results, Results::Topics(_)), is_first, "{results:?}");
            let about = topics::wind_up((&book, &mut entry), results, None, silent, &stop).await;
            assert_eq!(about.expect("a model").k, 2);
            assert_eq!(book.find(&entry.id).expect("there").state(), "done");
        }
    }

    #[tokio::test]
    async fn a_failure_that_is_seen_after_another_has_brought_the_results_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let (book, entry) = begun(folder.path());
        let mut done = entry.clone();
        done.end = Some(End { at: Timestamp::now(), how: How::Done });
        book.write(&mut done).expect("written");
        let stop = CancellationToken::new();
        stop.cancel();
        let engine = engine(EngineName::Sagemaker, State::Failed("it has ended without results".to_owned()));
        let mut slow = entry;
        let came = see_through(&book, &engine, &mut slow, &Progress::silent(), (&stop, OnStop::Cancel)).await;
        assert!(matches!(came, Ok(Results::There)), "{came:?}");
        assert_eq!(slow, done);
    }

    #[tokio::test]
    async fn what_another_process_has_handed_over_is_not_handed_over_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (book, entry) = begun(folder.path());
        let stop = CancellationToken::new();
        let engine = engine(EngineName::Sagemaker, State::Cancelled("stopped".to_owned()));
        let mut slow = Entry { handle: None, ..entry.clone() };
        cancel(&book, &engine, &mut slow, &Progress::silent(), &stop).await.expect("cancelled");
        assert_eq!(slow.handle, entry.handle, "and not the token, which a second one would have");
    }

    #[tokio::test]
    async fn what_stands_in_the_way_of_following_is_told_with_the_job_that_goes_on_elsewhere() {
        for (name, goes_on) in [(EngineName::Sagemaker, true), (EngineName::Local, false)] {
            let folder = tempfile::tempdir().expect("a folder");
            let (book, mut entry) = begun(folder.path());
            let engine = Fake { mute: true, ..engine(name, State::Running) };
            let stop = (&CancellationToken::new(), OnStop::Leave);
            let came = see_through(&book, &engine, &mut entry, &Progress::silent(), stop).await;
            let error = came.expect_err("nothing is answered").to_string();
            assert!(error.starts_with("there is no Spark job it here"), "{error}");
            assert_eq!(error.contains("cost money there"), goes_on, "{error}");
            assert_eq!(error.contains(&format!("`hydrant jobs cancel {}`", entry.id)), goes_on, "{error}");
            assert_eq!(book.find(&entry.id).expect("there").end, None);
        }
    }
}
