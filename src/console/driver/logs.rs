//! Runs the jobs of the Logs pane.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::{Line, Rooms, remedy};
use crate::console::effect::logs::{Item, Job, Outcome};
use crate::console::effect::{Remedy, Trouble};
use crate::logs::{
    Ending, Follow, Group, LogEvent, LogsError, Marks, Note, PATIENCE, Request, Told, file, groups, own, tail,
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
        Job::Tail { groups, since, marks, pattern } => {
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
            let together = Together::of(|told| feed(line, told));
            let told = (!ours.is_empty()).then(|| together.part());
            let ours = async {
                let Some(told) = told else { return Ok(Ending::Whole) };
                own::tail(folder, since, true, stop, told).await
            };
            let told = (!theirs.is_empty()).then(|| together.part());
            let theirs = async {
                let Some(told) = told else { return Ok(Ending::Whole) };
                let cloud = rooms.cloud().await?;
                let follow = Follow::Watch(line.live());
                let request = Request { groups: theirs, since, pattern, follow, patience: PATIENCE };
                let ending = tail(&cloud, &request, stop, told).await;
                ending.map_err(|error| trouble(&error))
            };
            let ours = async { ours.await.map_err(|error| trouble(&error)) };
            let of_jobs = of_jobs.into_iter().filter_map(|name| Some((jobs.remove(&name)?, name)));
            let of_jobs = of_jobs.map(|(files, name)| {
                let (marks, told) = (&marks, together.part());
                async move {
                    let ending = file::tail(&name, files, marks, stop, told).await;
                    ending.map_err(|error| trouble(&error))
                }
            });
            let of_jobs = futures_util::future::try_join_all(of_jobs);
            let of_far = of_far.iter().filter_map(|name| {
                let untold = Untold::of(name, &marks);
                Some(follow_far(untold, far.get(name)?, rooms, line, together.part()))
            });
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
async fn follow_far(
    mut untold: Untold,
    id: &str,
    rooms: &Rooms,
    line: &Line,
    mut told: impl FnMut(Told) + Send,
) -> Result<Ending, Trouble> {
    let mut log = super::jobs::log_of(id, rooms).await?;
    let mut caught_up = false;
    loop {
        let news = log.news(false).await.map_err(|error| super::jobs::trouble(&error))?;
        if !news.is_empty() {
            told(Told::Events(untold.of_these(news, Timestamp::now())));
            told(Told::Read(untold.marks.clone()));
        }
        if !std::mem::replace(&mut caught_up, true) {
            told(Told::Note(Note::CaughtUp));
        }
        tokio::select! {
            () = tokio::time::sleep(FAR_EVERY) => {}
            () = line.stop().cancelled() => return Ok(Ending::Stopped),
        }
    }
}

/// The lines of a log that is read from its beginning by everybody who begins: those that were not told yet.
struct Untold {
    group: Arc<str>,
    /// How many lines of each stream were told.
    marks: Marks,
    /// How many are read.
    read: Marks,
}

impl Untold {
    fn of(group: &str, marks: &Marks) -> Self {
        let own = marks.iter().filter(|((of, _), _)| of.as_ref() == group);
        let marks = own.map(|(stream, count)| (stream.clone(), *count)).collect();
        Self { group: group.into(), marks, read: Marks::new() }
    }

    fn of_these(&mut self, news: Vec<LogLine>, now: Timestamp) -> Vec<LogEvent> {
        let event = |stream: &Arc<str>, message| {
            let (group, stream) = (Arc::clone(&self.group), Arc::clone(stream));
            LogEvent { group, stream, at: now, ingested: None, message, is_late: false }
        };
        let fresh = |news| match news {
            // What hydrant says of a log is of the moment, and no line of it.
            LogLine::Note(note) => Some(event(&"hydrant".into(), note)),
            LogLine::Said { file, text } => {
                let stream: Arc<str> = file.into();
                let key = (Arc::clone(&self.group), Arc::clone(&stream));
                let read = self.read.entry(key.clone()).or_default();
                *read += 1;
                let told = self.marks.entry(key).or_default();
                let is_fresh = *read > *told;
                *told = (*told).max(*read);
                is_fresh.then(|| event(&stream, text))
            }
        };
        news.into_iter().filter_map(fresh).collect()
    }
}

/// Tails that run beside one another and tell as one: it is caught up when all of them are.
struct Together<F> {
    told: F,
    behind: AtomicUsize,
}

impl<F: Fn(Told) + Sync> Together<F> {
    fn of(told: F) -> Self {
        Self { told, behind: AtomicUsize::new(0) }
    }

    /// What one of them tells to. All are made before the first of them begins.
    fn part(&self) -> impl FnMut(Told) + Send {
        self.behind.fetch_add(1, Ordering::SeqCst);
        let mut caught_up = false;
        move |told| {
            if told == Told::Note(Note::CaughtUp) {
                if !std::mem::replace(&mut caught_up, true) {
                    self.behind.fetch_sub(1, Ordering::SeqCst);
                }
                if self.behind.load(Ordering::SeqCst) > 0 {
                    return;
                }
            }
            (self.told)(told);
        }
    }
}

fn feed(line: &Line, told: Told) {
    match told {
        Told::Events(events) => events.into_iter().for_each(|event| line.feed(Item::Event(event))),
        Told::Read(marks) => line.feed(Item::Read(marks)),
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn tails_beside_one_another_are_caught_up_when_all_of_them_are() {
        let heard = Mutex::new(Vec::new());
        let together = Together::of(|told| heard.lock().expect("no panic").push(told));
        let (mut one, mut other) = (together.part(), together.part());
        let caught_up = || Told::Note(Note::CaughtUp);
        one(caught_up());
        one(Told::Note(Note::Live));
        one(caught_up());
        let heard_so_far = || std::mem::take(&mut *heard.lock().expect("no panic"));
        assert_eq!(heard_so_far(), [Told::Note(Note::Live)], "the other still shows again what is there");
        other(caught_up());
        assert_eq!(heard_so_far(), [caught_up()]);
        one(caught_up());
        assert_eq!(heard_so_far(), [caught_up()], "a burst is over");
    }

    #[test]
    fn of_a_log_that_is_read_from_its_beginning_again_the_rest_alone_is_told() {
        let said = |file: &str, text: &str| LogLine::Said { file: file.to_owned(), text: text.to_owned() };
        let told = |untold: &mut Untold, news| -> Vec<String> {
            untold.of_these(news, Timestamp::UNIX_EPOCH).into_iter().map(|event| event.message).collect()
        };
        let mut first = Untold::of("databricks:1", &Marks::new());
        assert_eq!(told(&mut first, vec![said("a", "same"), said("b", "x")]), ["same", "x"]);
        assert_eq!(told(&mut first, vec![said("a", "same")]), ["same"]);
        let mut marks = first.marks.clone();
        marks.insert(("databricks:2".into(), "a".into()), 100);
        let mut again = Untold::of("databricks:1", &marks);
        let all = ["a", "a", "b", "a"].map(|file| said(file, "same"));
        assert_eq!(told(&mut again, all.to_vec()), ["same"], "the third of a");
        assert_eq!(again.marks.values().copied().collect::<Vec<_>>(), [3, 1]);
        assert_eq!(
            told(&mut again, vec![LogLine::Note("there is no more".to_owned())]),
            ["there is no more"]
        );
    }
}
