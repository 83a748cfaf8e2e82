//! Runs the jobs of the Logs pane.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Line, Rooms, remedy};
use crate::console::effect::logs::{Item, Job, Outcome};
use crate::console::effect::{Remedy, Trouble};
use crate::logs::{
    Ending, Follow, Group, LogEvent, LogsError, Note, PATIENCE, Request, Told, file, groups, own, tail,
};
use crate::settings::EngineName;
use crate::spark::{Book, LogLine};
use crate::stack::graph::{Kind, Part};

/// How often it is looked for more of a job's log elsewhere: EMR Serverless puts it into the bucket every now and then,
/// Databricks gives it at the end.
const FAR_EVERY: Duration = Duration::from_secs(15);

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    match job {
        Job::Groups => {
            let stack = rooms.stack(Part::Pipeline, line).await?;
            let groups = groups(stack.cloud(), None).await.map_err(|error| trouble(&error))?;
            let jobs = job_logs(rooms).into_keys().chain(far_logs(rooms).into_keys());
            let jobs = jobs.map(|name| Group {
                name,
                arn: String::new(),
                bytes: 0,
                retention_days: None,
                created: None,
            });
            let groups = jobs.chain(groups).collect();
            Ok(Outcome::Groups { own: stack.names().of(Kind::LogGroup).to_owned(), groups })
        }
        Job::Tail { groups, since, pattern } => {
            let since = since.before(Timestamp::now());
            let (mut jobs, groups) = (job_logs(rooms), groups);
            let (of_jobs, groups): (Vec<String>, Vec<String>) =
                groups.into_iter().partition(|group| jobs.contains_key(group));
            let far = far_logs(rooms);
            let (of_far, groups): (Vec<String>, Vec<String>) =
                groups.into_iter().partition(|group| far.contains_key(group));
            let (ours, theirs): (Vec<String>, Vec<String>) =
                groups.into_iter().partition(|group| group == own::NAME);
            let (folder, stop) = (&rooms.folders.state, line.stop());
            let ours = async {
                if ours.is_empty() {
                    return Ok(Ending::Whole);
                }
                own::tail(folder, since, true, stop, |told| feed(line, told)).await
            };
            let theirs = async {
                if theirs.is_empty() {
                    return Ok(Ending::Whole);
                }
                let cloud = rooms.cloud().await?;
                let follow = Follow::Watch(line.live());
                let request = Request { groups: theirs, since, pattern, follow, patience: PATIENCE };
                let ending = tail(&cloud, &request, stop, |told| feed(line, told)).await;
                ending.map_err(|error| trouble(&error))
            };
            let ours = async { ours.await.map_err(|error| trouble(&error)) };
            let of_jobs = of_jobs.into_iter().filter_map(|name| Some((jobs.remove(&name)?, name)));
            let of_jobs = of_jobs.map(|(files, name)| async move {
                let ending = file::tail(&name, files, stop, |told| feed(line, told)).await;
                ending.map_err(|error| trouble(&error))
            });
            let of_jobs = futures_util::future::try_join_all(of_jobs);
            let of_far = of_far.iter().filter_map(|name| Some(follow_far(name, far.get(name)?, rooms, line)));
            let of_far = futures_util::future::try_join_all(of_far);
            let (_, _, _, ending) = tokio::try_join!(ours, of_jobs, of_far, theirs)?;
            Ok(Outcome::Ended(ending))
        }
        Job::Save { path, text } => save(&path, &text).map(|()| Outcome::Saved(path)),
    }
}

/// The logs of jobs on this machine's Spark, under the names by which they are groups, that are still there.
fn job_logs(rooms: &Rooms) -> BTreeMap<String, Vec<PathBuf>> {
    let entries = Book::of(&rooms.folders).list().unwrap_or_default();
    let local = entries.into_iter().filter(|entry| entry.engine == EngineName::Local);
    let logs = local.map(|entry| {
        let files = ["spark.log", "spark.out"].map(|name| entry.job.out.join(name));
        (format!("local:{}", entry.id), files.to_vec())
    });
    logs.filter(|(_, files)| files.iter().any(|file| file.exists())).collect()
}

/// The jobs elsewhere whose logs are no groups of CloudWatch's, by the names under which they are groups here.
fn far_logs(rooms: &Rooms) -> BTreeMap<String, String> {
    let entries = Book::of(&rooms.folders).list().unwrap_or_default();
    let far = entries
        .into_iter()
        .filter(|entry| [EngineName::EmrServerless, EngineName::Databricks].contains(&entry.engine))
        .filter(|entry| entry.handle.is_some());
    far.map(|entry| (format!("{}:{}", entry.engine.name(), entry.id), entry.id)).collect()
}

/// Looks again and again for more of the log of a job elsewhere. Its lines bear no times of their own that could be
/// relied on.
async fn follow_far(name: &str, id: &str, rooms: &Rooms, line: &Line) -> Result<Ending, Trouble> {
    let (mut log, group) = (super::jobs::log_of(id, rooms).await?, Arc::<str>::from(name));
    let mut caught_up = false;
    loop {
        let news = log.news(false).await.map_err(|error| super::jobs::trouble(&error))?;
        let now = Timestamp::now();
        let event = |news| {
            let (stream, message) = match news {
                LogLine::Said { file, text } => (file, text),
                LogLine::Note(note) => ("hydrant".to_owned(), note),
            };
            let (group, stream) = (Arc::clone(&group), stream.into());
            LogEvent { group, stream, at: now, ingested: None, message, is_late: false }
        };
        feed(line, Told::Events(news.into_iter().map(event).collect()));
        if !std::mem::replace(&mut caught_up, true) {
            feed(line, Told::Note(Note::CaughtUp));
        }
        tokio::select! {
            () = tokio::time::sleep(FAR_EVERY) => {}
            () = line.stop().cancelled() => return Ok(Ending::Stopped),
        }
    }
}

fn feed(line: &Line, told: Told) {
    match told {
        Told::Events(events) => events.into_iter().for_each(|event| line.feed(Item::Event(event))),
        Told::Note(note) => line.feed(Item::Note(note)),
    }
}

/// A file that is there is somebody's: it is never overwritten. Logs are for their reader's eyes.
fn save(path: &Path, text: &str) -> Result<(), Trouble> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| Trouble {
        sentence: format!("cannot write {}", path.display()),
        causes: vec![error.to_string()],
        remedy: Remedy::Retry,
    })
}

fn trouble(error: &LogsError) -> Trouble {
    match error {
        LogsError::Cloud(cloud) => Trouble::of(error, remedy(cloud)),
        _ => Trouble::of(error, Remedy::Retry),
    }
}
