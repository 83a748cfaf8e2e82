//! Jobs on Spark: planned, handed over, found, gone along with and ended from the console. A job goes on when the
//! console does not: the next one finds it in the book.

use std::path::Path;

use super::topics::{cloud_for, free_folder, inputs};
use super::{Line, Rooms, lake, remedy, topics as models};
use crate::console::effect::topics::{OnSpark, Outcome, Planned, SparkWork, Wish, key};
use crate::console::effect::{Remedy, Trouble};
use crate::lake::LakeError;
use crate::lake::hours::Span;
use crate::settings::EngineName;
use crate::spark::combine::{self, out_of, wind_up};
use crate::spark::plan::{Kind, Machine, Plan, Size};
use crate::spark::topics::{
    Documents, ITERATIONS, K, Optimizer, Order, SEED, Weights, wind_up as wind_up_fit,
};
use crate::spark::{
    Book, Desk, Engine, Entry, Job, Log, LogLines, OnStop, SparkError, Work, must_reach, see_through,
};
use crate::topics::{self, Method};

/// The jobs that may be running.
pub(super) fn open(rooms: &Rooms) -> Result<Outcome, Trouble> {
    let mut entries = Book::of(&rooms.folders).list().map_err(|error| trouble(&error))?;
    entries.retain(|entry| entry.end.is_none());
    let jobs = entries.into_iter().map(|entry| (key(&entry.job.out), entry.id, entry.engine)).collect();
    Ok(Outcome::Jobs(jobs))
}

/// Goes along with a job that was begun before.
pub(super) async fn follow(id: &str, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let entry = Book::of(&rooms.folders).find(id).map_err(|error| trouble(&error))?;
    go_along(entry, rooms, line).await
}

/// Says what a job would read, take and cost. What would keep it from running is found here, as far as that can be.
pub(super) async fn plan(job: OnSpark, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let (kind, size, key) = match &job.work {
        SparkWork::Fit { wish, name } => {
            weights(wish)?;
            let folder = free_folder(Path::new(rooms.settings.models.as_str()), name)?;
            let (_, size) = documents(wish, job.engine, rooms, line).await?;
            (Kind::Fit, size, key(&whole(&folder)))
        }
        SparkWork::Combine(span) => {
            let lake = lake::open(rooms, line).await?;
            let results = lake.results();
            must_reach(job.engine, [lake.place.url(""), results.url("")]).map_err(|error| trouble(&error))?;
            let (_, plan) =
                lake::due(&lake, *span, rooms, line).await.map_err(|error| Trouble::of_lake(&error))?;
            (Kind::Combine, Size::of_due(&plan.due), key(&out_of(&rooms.folders.state, &results)))
        }
    };
    let plan = Plan::of(kind, job.engine, size, &rooms.settings, Machine::this());
    let advice = plan.advice_to("choose hydrant as the engine");
    let plan = plan.about().to_string().lines().map(str::to_owned).collect();
    let hindrance = ready(job.engine, rooms).await.err().map(|trouble| trouble.sentence);
    Ok(Outcome::Planned(Box::new(Planned { job, key, plan, advice, hindrance })))
}

/// Hands a job over, and goes along with it.
pub(super) async fn submit(job: OnSpark, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let ready = match &job.work {
        SparkWork::Fit { wish, name } => {
            let folder = free_folder(Path::new(rooms.settings.models.as_str()), name)?;
            let (documents, _) = documents(wish, job.engine, rooms, line).await?;
            let order = Order {
                documents,
                k: wish.order.k.unwrap_or(K),
                iterations: wish.order.iterations.unwrap_or(ITERATIONS),
                seed: wish.order.seed.unwrap_or(SEED),
                optimizer: Optimizer::Online,
                weights: weights(wish)?,
            };
            order.job(&folder).map_err(|error| trouble(&error))?
        }
        SparkWork::Combine(span) => hours(*span, rooms, line).await?,
    };
    if let Some(outcome) = combine::all_left(&ready) {
        let results = lake::open(rooms, line).await?.results();
        let ran = lake::ran(outcome, 0, &results).await.map_err(|error| Trouble::of_lake(&error))?;
        return Ok(Outcome::JobCombined(ran));
    }
    let begun = Book::of(&rooms.folders).begin(job.engine, ready).map_err(|error| trouble(&error))?;
    go_along(begun, rooms, line).await
}

async fn hours(span: Span, rooms: &Rooms, line: &Line) -> Result<Job, Trouble> {
    let lake = lake::open(rooms, line).await?;
    let results = lake.results();
    let ready = async {
        let (wish, plan) = lake::due(&lake, span, rooms, line).await?;
        let order = combine::Order { lake: &lake, results: &results, plan: &plan, wish: &wish, reader: None };
        order.job(&out_of(&rooms.folders.state, &results), line.stop()).await
    };
    ready.await.map_err(|error: LakeError| Trouble::of_lake(&error))
}

/// What a fit reads, and how much that is.
async fn documents(
    wish: &Wish,
    engine: EngineName,
    rooms: &Rooms,
    line: &Line,
) -> Result<(Documents, Size), Trouble> {
    let inputs = inputs(&wish.from, rooms, line).await?;
    must_reach(engine, &inputs).map_err(|error| trouble(&error))?;
    let cloud = cloud_for(&inputs, rooms).await?;
    let files = topics::find_rows(&inputs, cloud.as_ref()).await.map_err(|error| models::trouble(&error))?;
    Documents::of_hours(&files, wish.steps.clone()).await.map_err(|error| trouble(&error))
}

/// What words count for, if it is a fit that Spark can do.
fn weights(wish: &Wish) -> Result<Weights, Trouble> {
    match wish.order.method {
        None | Some(Method::Lda) => Ok(Weights::Counts),
        Some(Method::LdaTfIdf) => Ok(Weights::Tfidf),
        Some(method) => {
            let sentence =
                format!("Spark fits by LDA alone, not by {}: choose lda or lda-tfidf", method.name());
            Err(Trouble { sentence, causes: Vec::new(), remedy: Remedy::Retry })
        }
    }
}

/// A folder as jobs name it.
fn whole(folder: &Path) -> std::path::PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

async fn go_along(mut entry: Entry, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let engine = engine(entry.engine, rooms).await?;
    let (book, progress) = (Book::of(&rooms.folders), line.progress());
    // Asked for before the job: who cannot sign in could not bring its results to their bucket.
    let cloud = match entry.job.work {
        Work::Combine => cloud_for(&[combine::address_of(&entry.job).to_owned()], rooms).await?,
        // A model that belongs into a bucket was begun by the command; it is sent there whoever sees its end.
        Work::Topics { .. } => cloud_for(entry.job.model.as_slice(), rooms).await?,
    };
    // Nobody but the operator stops the task of a job, and means the job: a console that is closed drops it.
    let stop = (line.stop(), OnStop::Cancel);
    let came = see_through(&book, engine.as_ref(), &mut entry, &progress, stop).await;
    if entry.job.work == Work::Combine {
        let results = combine::results_of(&entry.job, cloud.as_ref()).map_err(|error| trouble(&error))?;
        let outcome = wind_up(&entry, came, &results).await.map_err(|error| trouble(&error))?;
        let ran = lake::ran(outcome, 0, &results).await.map_err(|error| Trouble::of_lake(&error))?;
        return Ok(Outcome::JobCombined(ran));
    }
    let results = came.map_err(|error| trouble(&error))?;
    match wind_up_fit((&book, &mut entry), results, cloud.as_ref(), &progress, line.stop()).await {
        Ok(about) => Ok(Outcome::JobDone { folder: entry.job.place().into(), about }),
        Err(error) => Err(trouble(&error)),
    }
}

/// What reads the log of a job that is not one of CloudWatch's groups.
pub(super) async fn log_of(id: &str, rooms: &Rooms) -> Result<Box<dyn LogLines>, Trouble> {
    let entry = Book::of(&rooms.folders).find(id).map_err(|error| trouble(&error))?;
    let handle = entry.handle.clone().ok_or_else(|| trouble(&SparkError::NoLog(entry.id.clone())))?;
    let run = engine(entry.engine, rooms).await?.attach(&entry.job, &handle).await;
    match run.map_err(|error| trouble(&error))?.log() {
        Log::Lines { lines, .. } => Ok(lines),
        Log::Group { .. } => Err(trouble(&SparkError::NoLog(entry.id))),
    }
}

async fn engine(name: EngineName, rooms: &Rooms) -> Result<Box<dyn Engine>, Trouble> {
    let desk = Desk { settings: &rooms.settings, threads: None };
    let mut missing = None;
    let engine = desk.engine(name, async || match rooms.cloud().await {
        Ok(cloud) => Ok(cloud),
        Err(why) => {
            missing = Some(why);
            Err(SparkError::Interrupted)
        }
    });
    let engine = engine.await;
    engine.map_err(|error| missing.unwrap_or_else(|| trouble(&error)))
}

/// Whether a job can be handed over.
async fn ready(name: EngineName, rooms: &Rooms) -> Result<(), Trouble> {
    engine(name, rooms).await?.ready().await.map(drop).map_err(|error| trouble(&error))
}

pub(super) fn trouble(error: &SparkError) -> Trouble {
    match error {
        SparkError::Interrupted | SparkError::Cancelled(_) | SparkError::Lake(LakeError::Interrupted) => {
            Trouble::cancelled()
        }
        SparkError::Cloud(cloud) | SparkError::Lake(LakeError::Cloud(cloud)) => {
            Trouble::of(error, remedy(cloud))
        }
        SparkError::GoesOn { source, .. } => Trouble::of(error, trouble(source).remedy),
        SparkError::NotSet { .. }
        | SparkError::NoRole { .. }
        | SparkError::NoTrust { .. }
        | SparkError::NoApplication(_)
        | SparkError::NoImage(_) => Trouble::of(error, Remedy::Settings),
        _ => Trouble::of(error, Remedy::Retry),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::console::driver::Driver;
    use crate::console::driver::tests::rooms_with;
    use crate::console::effect::Outcome as AnyOutcome;
    use crate::console::effect::topics::{From, Job, Slot};
    use crate::console::event::Event;
    use crate::topics::TextSteps;

    /// A Spark that waits for a file, and then leaves a model of two topics.
    const WAITS: &str = r#"#!/bin/sh
echo '{"stage": 1, "of": 6, "text": "reading"}'
while [ ! -e FOLDER/go ]; do sleep 0.1; done
cd FOLDER/models/mine
printf 'document,topic_0,topic_1\n0,1,0\n' > doc_topics.csv
printf 'term,document_frequency\nrocket,3\nlens,2\n' > terms.csv
printf '0.9,0.1\n0.25,0.75\n' > topics.csv
echo '{"k": 2, "seed": 88, "iterations": 5, "documents": 1, "tokens": 9, "shares": [0.6, 0.4], "prior": [0.5, 0.5], "npmi": [0.1, 0.2], "diversity": 1.0, "likelihood": null, "seconds": {}}' > spark.json
"#;

    fn rooms(folder: &Path) -> Rooms {
        let program = folder.join("spark-submit");
        std::fs::write(&program, WAITS.replace("FOLDER", &folder.to_string_lossy())).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
        let models = folder.join("models");
        let [program, models] = [&program, &models].map(|path| path.to_string_lossy());
        rooms_with(folder, &[("spark_submit", &*program), ("models", &*models)])
    }

    async fn until(driver: &mut Driver, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = tokio::time::timeout(std::time::Duration::from_mins(1), driver.next()).await;
            let event = event.expect("in time");
            if wanted(&event) {
                return event;
            }
        }
    }

    #[test]
    fn a_job_outlives_who_began_it_and_the_console_finds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let rooms = rooms(folder.path());
        let tokens = folder.path().join("tokens.txt");
        std::fs::write(&tokens, "rocket lens\n").expect("written");
        let order = Order {
            documents: Documents::Tokens(tokens),
            k: 2,
            iterations: 5,
            seed: 88,
            optimizer: Optimizer::Online,
            weights: Weights::Counts,
        };
        let job = order.job(&folder.path().join("models/mine")).expect("a job");
        let process = || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let first = process();
        first.block_on(async {
            let book = Book::of(&rooms.folders);
            let local = engine(EngineName::Local, &rooms).await.expect("it is always there");
            let mut entry = book.begin(EngineName::Local, job).expect("begun");
            let handle = local.submit(&entry.job, &entry.token).await.expect("submitted");
            entry.handle = Some(handle);
            book.write(&mut entry).expect("written");
        });
        first.shutdown_background();
        let second = process();
        second.block_on(async {
            let mut driver = Driver::new(rooms);
            driver.start(Job::Jobs.into());
            let Event::Ended(_, found) = until(&mut driver, |event| matches!(event, Event::Ended(..))).await
            else {
                unreachable!("it was waited for");
            };
            let Ok(AnyOutcome::Topics(Outcome::Jobs(jobs))) = *found else { panic!("{found:?}") };
            let [(key, id, engine)] = jobs.as_slice() else { panic!("{jobs:?}") };
            driver.start(Job::Follow { key: *key, id: id.clone(), engine: *engine }.into());
            let stage =
                |event: &Event| matches!(event, Event::Told(_, report) if report.text.contains("stage 1"));
            until(&mut driver, stage).await;
            assert!(driver.must_end().is_empty(), "it holds nobody up who leaves");
            std::fs::write(folder.path().join("go"), "").expect("written");
            let slot = Slot::Job(*key).into();
            let ended = |event: &Event| matches!(event, Event::Ended(of, _) if *of == slot);
            let Event::Ended(_, done) = until(&mut driver, ended).await else {
                unreachable!("it was waited for");
            };
            let done = done.expect("a model");
            assert!(matches!(done, AnyOutcome::Topics(Outcome::JobDone { about, .. }) if about.k == 2));
        });
    }

    fn fit(folder: &Path, name: &str, method: Option<Method>) -> OnSpark {
        let from = From::Paths(vec![folder.join("hours.csv").to_string_lossy().into_owned()]);
        let order = topics::Order { method, k: Some(2), ..topics::Order::default() };
        let wish = Box::new(Wish { from, steps: TextSteps::default(), order });
        OnSpark { engine: EngineName::Local, work: SparkWork::Fit { wish, name: name.to_owned() } }
    }

    async fn ended(driver: &mut Driver, slot: Slot) -> Result<AnyOutcome, Trouble> {
        let ended = |event: &Event| matches!(event, Event::Ended(of, _) if *of == slot.into());
        let Event::Ended(_, result) = until(driver, ended).await else { unreachable!("it was waited for") };
        *result
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_fit_of_the_form_is_planned_handed_over_and_its_model_is_where_the_form_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let rooms = rooms(folder.path());
        std::fs::write(folder.path().join("hours.csv"), "id,text\n1,rocket lens\n").expect("written");
        std::fs::write(folder.path().join("go"), "").expect("written");
        let mut driver = Driver::new(rooms.clone());
        driver.start(Job::Plan(fit(folder.path(), "mine", None)).into());
        let Ok(AnyOutcome::Topics(Outcome::Planned(planned))) = ended(&mut driver, Slot::Plan).await else {
            panic!("no plan")
        };
        assert!(
            planned.plan.iter().any(|line| line.contains("1 file, 22 B, on this machine")),
            "{planned:?}"
        );
        let Planned { job, key, plan, advice, hindrance } = *planned;
        assert_eq!(hindrance, None);
        let said = format!("{plan:?} {advice:?}");
        assert!(said.contains("choose hydrant as the engine") && !said.contains("--engine"), "{said}");
        driver.start(Job::Submit { job, key }.into());
        let done = ended(&mut driver, Slot::Job(key)).await.expect("a model");
        let AnyOutcome::Topics(Outcome::JobDone { folder: out, about }) = done else { panic!("{done:?}") };
        assert_eq!((out, about.k), (folder.path().join("models/mine"), 2));
        let entries = Book::of(&rooms.folders).list().expect("a list");
        assert_eq!(entries.iter().map(Entry::state).collect::<Vec<_>>(), ["done"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_spark_cannot_fit_is_said_with_the_plan() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("hours.csv"), "id,text\n1,rocket lens\n").expect("written");
        std::fs::create_dir_all(folder.path().join("models/taken")).expect("made");
        let mut driver = Driver::new(rooms(folder.path()));
        let far = OnSpark { engine: EngineName::Databricks, ..fit(folder.path(), "mine", None) };
        for (job, why) in [
            (fit(folder.path(), "mine", Some(Method::Nmf)), "Spark fits by LDA alone"),
            (fit(folder.path(), "taken", None), "is there already"),
            (far, "reads buckets"),
        ] {
            driver.start(Job::Plan(job).into());
            let trouble = ended(&mut driver, Slot::Plan).await.expect_err("no plan");
            assert!(trouble.sentence.contains(why), "{trouble:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_handing_over_would_come_to_is_said_with_the_plan() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("hours.csv"), "id,text\n1,rocket lens\n").expect("written");
        let mut driver = Driver::new(rooms_with(folder.path(), &[("spark_submit", "/no/spark-submit")]));
        driver.start(Job::Plan(fit(folder.path(), "mine", None)).into());
        let Ok(AnyOutcome::Topics(Outcome::Planned(planned))) = ended(&mut driver, Slot::Plan).await else {
            panic!("no plan")
        };
        assert!(planned.plan.iter().any(|line| line.contains("1 file, 22 B")), "{planned:?}");
        let why = planned.hindrance.clone().expect("it is not there");
        assert!(why.contains("`/no/spark-submit` cannot be run") && why.contains("`spark_submit`"), "{why}");
        let Planned { job, key, .. } = *planned;
        driver.start(Job::Submit { job, key }.into());
        let trouble = ended(&mut driver, Slot::Job(key)).await.expect_err("no Spark");
        assert_eq!(why, trouble.sentence);
    }
}
