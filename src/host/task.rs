//! Tasks: steps that make the host what it should be, each run only when it is needed.
//!
//! A task checks, and when something is missing applies and checks again: what was applied and is still missing has
//! failed, whatever its commands said. Tasks run as soon as those that they need are done, independent ones together.
//! With [`Mode::Check`] nothing is applied, and what would be is said.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{Host, HostError};
use crate::progress::Phase;

/// What a check finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is as it should be; in words.
    Good(String),
    /// It is not; in words what would be done.
    Needed(String),
    /// It does not concern this host; in words why.
    NotHere(String),
}

/// A step.
#[async_trait]
pub trait Task: Send + Sync {
    /// Its name, by which others need it.
    fn name(&self) -> &'static str;

    /// The names of tasks that must have gone well before.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether anything is to be done. Changes nothing.
    async fn check(&self, host: &Host) -> Result<Checked, HostError>;

    /// Does it; gives back what there is to read about it.
    async fn apply(&self, host: &Host) -> Result<String, HostError>;
}

/// Whether what is needed is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is only said.
    Check,
    /// It is done.
    Apply,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was as it should be.
    Ok,
    /// It was made so.
    Changed,
    /// It would be changed.
    WouldChange,
    /// It could not be made so.
    Failed,
    /// It was not tried.
    Skipped,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Done {
    /// The task's name.
    pub task: &'static str,
    /// How it ended.
    pub state: State,
    /// In words.
    pub text: String,
    /// What its commands wrote.
    pub output: String,
    /// How long it took.
    pub seconds: f64,
}

/// Runs tasks in the order of their needs. Everything that can be done is, whatever else fails.
pub async fn run(host: &Host, tasks: &[Box<dyn Task>], mode: Mode) -> Vec<Done> {
    let mut waiting: Vec<&dyn Task> = tasks.iter().map(AsRef::as_ref).collect();
    let mut done: BTreeMap<&'static str, Done> = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        let mut still = Vec::new();
        for task in waiting {
            match need(task, &done) {
                Need::Met => {
                    host.progress().tell("task", task.name(), Phase::Acting, "looking");
                    running.push(one(host, task, mode));
                }
                Need::Unmet(why) => still.push((task, Some(why))),
                Need::Open => still.push((task, None)),
            }
        }
        let (failed, open): (Vec<_>, Vec<_>) = still.into_iter().partition(|(_, why)| why.is_some());
        waiting = open.into_iter().map(|(task, _)| task).collect();
        let skipped = !failed.is_empty();
        for (task, why) in failed {
            let text = why.unwrap_or_default();
            tell(
                host,
                &Done { task: task.name(), state: State::Skipped, text, output: String::new(), seconds: 0.0 },
                &mut done,
            );
        }
        if skipped {
            continue;
        }
        match running.next().await {
            Some(ended) => tell(host, &ended, &mut done),
            None => break,
        }
    }
    tasks.iter().filter_map(|task| done.remove(task.name())).collect()
}

enum Need {
    Met,
    Open,
    Unmet(String),
}

fn need(task: &dyn Task, done: &BTreeMap<&'static str, Done>) -> Need {
    let mut all = Need::Met;
    for name in task.needs() {
        match done.get(name).map(|done| done.state) {
            None => all = Need::Open,
            Some(State::Failed) => return Need::Unmet(format!("it needs {name}, which failed")),
            Some(State::Skipped) => return Need::Unmet(format!("it needs {name}, which was not tried")),
            Some(State::Ok | State::Changed | State::WouldChange) => {}
        }
    }
    all
}

fn tell(host: &Host, ended: &Done, done: &mut BTreeMap<&'static str, Done>) {
    let phase = match ended.state {
        State::Ok | State::Changed => Phase::Done,
        State::Failed => Phase::Failed,
        State::Skipped | State::WouldChange => Phase::Skipped,
    };
    let word = match ended.state {
        State::Ok => "ok",
        State::Changed => "changed",
        State::WouldChange => "would change",
        State::Failed => "failed",
        State::Skipped => "skipped",
    };
    host.progress().tell("task", ended.task, phase, format!("{word}: {}", ended.text));
    done.insert(ended.task, ended.clone());
}

async fn one(host: &Host, task: &dyn Task, mode: Mode) -> Done {
    let began = Instant::now();
    let (state, text, output) = match attempt(host, task, mode).await {
        Ok(ended) => ended,
        Err(HostError::Interrupted) => (State::Skipped, HostError::Interrupted.to_string(), String::new()),
        Err(error) => (State::Failed, error.to_string(), String::new()),
    };
    Done { task: task.name(), state, text, output, seconds: round(began.elapsed()) }
}

fn round(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

async fn attempt(host: &Host, task: &dyn Task, mode: Mode) -> Result<(State, String, String), HostError> {
    let needed = match task.check(host).await? {
        Checked::Good(text) => return Ok((State::Ok, text, String::new())),
        Checked::NotHere(why) => return Ok((State::Ok, why, String::new())),
        Checked::Needed(what) => what,
    };
    if mode == Mode::Check {
        return Ok((State::WouldChange, needed, String::new()));
    }
    host.progress().tell("task", task.name(), Phase::Acting, needed.clone());
    let output = task.apply(host).await?;
    Ok(match task.check(host).await? {
        Checked::Good(_) | Checked::NotHere(_) => (State::Changed, needed, output),
        Checked::Needed(still) => (State::Failed, format!("it was done, and still: {still}"), output),
    })
}
