//! Jobs on Spark: found, gone along with and ended from the console. A job goes on when the console does not: the next
//! one finds it in the book.

use super::{Line, Rooms, remedy};
use crate::console::effect::topics::{Outcome, key};
use crate::console::effect::{Remedy, Trouble};
use crate::lake::LakeError;
use crate::settings::EngineName;
use crate::spark::{Book, Desk, Engine, Entry, OnStop, Results, SparkError, see_through};

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

async fn go_along(mut entry: Entry, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let engine = engine(entry.engine, rooms).await?;
    let (book, progress) = (Book::of(&rooms.folders), line.progress());
    // Nobody but the operator stops the task of a job, and means the job: a console that is closed drops it.
    let stop = (line.stop(), OnStop::Cancel);
    match see_through(&book, engine.as_ref(), &mut entry, &progress, stop).await {
        Ok(Results::Topics(about)) => Ok(Outcome::JobDone { folder: entry.job.out, about }),
        // Not of the book: whoever has it combined hears of it.
        Ok(Results::Combined(_)) => Err(Trouble::cancelled()),
        Err(error) => Err(trouble(&error)),
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

fn trouble(error: &SparkError) -> Trouble {
    match error {
        SparkError::Interrupted | SparkError::Cancelled(_) | SparkError::Lake(LakeError::Interrupted) => {
            Trouble::cancelled()
        }
        SparkError::Cloud(cloud) | SparkError::Lake(LakeError::Cloud(cloud)) => {
            Trouble::of(error, remedy(cloud))
        }
        SparkError::NotSet { .. } | SparkError::NoRole { .. } | SparkError::NoImage(_) => {
            Trouble::of(error, Remedy::Settings)
        }
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
    use crate::console::effect::topics::{Job, Slot};
    use crate::console::event::Event;
    use crate::spark::topics::{Documents, Optimizer, Order, Weights};

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
            book.write(&entry).expect("written");
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
}
