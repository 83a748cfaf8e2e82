//! What is going on, and what has ended: the list behind the header's count.

use std::cmp::Reverse;

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
    /// A task begins; one in the same place is over with it. What only looks is remembered by the last time alone: it
    /// may look every other second.
    pub(super) fn begin(&mut self, job: &Job, now: Timestamp) {
        let (slot, words) = (job.slot(), job.words());
        self.end(slot, State::Cancelled, now);
        if matches!(slot.manner(), Manner::Loads | Manner::Watches) {
            self.list.retain(|task| task.slot != slot || task.words != words);
        }
        let task = Task { slot, words, last: String::new(), began: now, ended: None, state: State::Running };
        self.list.insert(0, task);
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
        self.forget();
    }

    /// Of what has ended, that which ended first is forgotten; what runs never is, however old.
    fn forget(&mut self) {
        let ended = || self.list.iter().zip(0..).filter_map(|(task, at)| Some((task.ended?, Reverse(at))));
        if ended().count() > REMEMBERED
            && let Some((_, Reverse(at))) = ended().min()
        {
            self.list.remove(at);
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::effect::{logs, stream};
    use super::*;

    fn saving(number: usize) -> Job {
        logs::Job::Save { path: format!("{number}.log").into(), text: String::new() }.into()
    }

    #[test]
    fn what_ended_first_is_forgotten_and_what_runs_never_is() {
        let (mut tasks, now) = (Tasks::default(), Timestamp::UNIX_EPOCH);
        let later = |seconds: usize| now + SignedDuration::from_secs(i64::try_from(seconds).expect("few"));
        let long = Job::from(stream::Job::Stop(stream::On::Local));
        tasks.begin(&long, now);
        for number in 0..3 * REMEMBERED {
            tasks.begin(&saving(number), later(number));
            tasks.end(logs::Slot::Save.into(), State::Done, later(number));
        }
        assert!(tasks.runs(long.slot()));
        assert_eq!(tasks.all().len(), REMEMBERED + 1);
        tasks.end(long.slot(), State::Done, later(3 * REMEMBERED));
        assert_eq!(tasks.all().len(), REMEMBERED);
        assert!(tasks.all().iter().any(|task| task.slot == long.slot()), "it began first and ended last");
    }

    #[test]
    fn what_looks_again_and_again_is_listed_once() {
        let (mut tasks, now) = (Tasks::default(), Timestamp::UNIX_EPOCH);
        let watch = Job::from(stream::Job::Watch(stream::On::Local));
        for _ in 0..9 {
            tasks.begin(&watch, now);
            tasks.end(watch.slot(), State::Done, now);
        }
        tasks.begin(&watch, now);
        assert_eq!(tasks.all().len(), 1);
        assert!(tasks.runs(watch.slot()));
    }
}
