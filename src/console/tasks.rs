//! What is going on, and what has ended: the list behind the header's count.

use jiff::Timestamp;

use super::effect::{Job, Manner, Slot};
use crate::progress::Report;

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It was asked to stop and has not yet.
    Stopping,
    /// It is done.
    Done,
    /// It failed, for this reason.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Where it runs.
    pub slot: Slot,
    /// What it does.
    pub words: String,
    /// What it told last.
    pub last: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub state: State,
}

/// Tasks, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tasks {
    list: Vec<Task>,
}

/// How many ended tasks are remembered.
const REMEMBERED: usize = 50;

impl Tasks {
    /// A task begins; one in the same place is over with it.
    pub(super) fn begin(&mut self, job: &Job, now: Timestamp) {
        self.end(job.slot(), State::Cancelled, now);
        let task = Task {
            slot: job.slot(),
            words: job.words(),
            last: String::new(),
            began: now,
            ended: None,
            state: State::Running,
        };
        self.list.insert(0, task);
        self.list.truncate(REMEMBERED);
    }

    /// A task was asked to stop.
    pub(super) fn stop(&mut self, slot: Slot) {
        if let Some(task) = self.running_mut(slot) {
            task.state = State::Stopping;
        }
    }

    /// A task told something.
    pub(super) fn told(&mut self, slot: Slot, report: &Report) {
        if let Some(task) = self.running_mut(slot) {
            task.last = format!("{}: {}", report.kind, report.text);
        }
    }

    /// A task ended.
    pub(super) fn end(&mut self, slot: Slot, state: State, now: Timestamp) {
        if let Some(task) = self.running_mut(slot) {
            (task.state, task.ended) = (state, Some(now));
        }
    }

    /// Every task, the newest first.
    pub fn all(&self) -> &[Task] {
        &self.list
    }

    /// Those that run and come to an end: what is being watched is no work.
    pub fn work(&self) -> impl Iterator<Item = &Task> {
        self.running().filter(|task| task.slot.manner() != Manner::Watches)
    }

    /// Those that run.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.list.iter().filter(|task| task.ended.is_none())
    }

    /// Whether one runs there.
    pub fn runs(&self, slot: impl Into<Slot>) -> bool {
        let slot = slot.into();
        self.running().any(|task| task.slot == slot)
    }

    fn running_mut(&mut self, slot: Slot) -> Option<&mut Task> {
        self.list.iter_mut().find(|task| task.slot == slot && task.ended.is_none())
    }
}
