//! A processing job, and how far it is.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::job_order::Order;
use crate::sandbox::clock::Pace;
use crate::sandbox::tags::Tags;

/// What AWS takes until the container runs, until a short one is over, and to stop one.
const START_TIME: Duration = Duration::from_secs(90);
const RUN_TIME: Duration = Duration::from_mins(4);
const STOP_TIME: Duration = Duration::from_secs(30);

/// A processing job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) order: Order,
    pub(super) tags: Tags,
    pub(super) created: Timestamp,
    starts: Timestamp,
    ends: Timestamp,
    #[serde(default)]
    course: Course,
    stop: Option<Stop>,
    /// How much of its log is written.
    pub(super) logged: Logged,
}

/// How it goes if nobody stops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Course {
    /// It completes.
    #[default]
    Completes,
    /// It fails.
    Fails,
    /// It goes on until it is let go.
    Held,
}

/// When it was asked to stop, and when it has; while it is stuck, that is not known.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Stop {
    asked: Timestamp,
    done: Option<Timestamp>,
}

/// How much of a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Logged {
    Nothing,
    Start,
    Whole,
}

/// What a processing job shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Failed,
    Stopping,
    Stopped,
}

impl Status {
    pub(super) const ALL: [Self; 5] =
        [Self::InProgress, Self::Completed, Self::Failed, Self::Stopping, Self::Stopped];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
        }
    }
}

impl Job {
    pub(super) fn begin(order: Order, tags: Tags, course: Course, pace: Pace, now: Timestamp) -> Self {
        Self {
            order,
            tags,
            created: now,
            starts: pace.after(now, START_TIME),
            ends: pace.after(now, RUN_TIME),
            course,
            stop: None,
            logged: Logged::Nothing,
        }
    }

    pub(super) fn stop(&mut self, pace: Pace, now: Timestamp, stuck: bool) {
        self.stop = Some(Stop { asked: now, done: (!stuck).then(|| pace.after(now, STOP_TIME)) });
    }

    /// Whether its stop is stuck.
    pub(super) fn is_stuck(&self) -> bool {
        self.stop.is_some_and(|stop| stop.done.is_none())
    }

    /// Lets a stop that was stuck come to its end.
    pub(super) fn unstick(&mut self, pace: Pace, now: Timestamp) {
        if let Some(stop) = &mut self.stop {
            stop.done.get_or_insert_with(|| pace.after(now, STOP_TIME));
        }
    }

    /// Whether it waits to be let go.
    pub(super) fn is_held(&self) -> bool {
        self.course == Course::Held
    }

    /// Lets it come to its end, which is now if its time is over.
    pub(super) fn let_go(&mut self, course: Course, now: Timestamp) {
        (self.course, self.ends) = (course, self.ends.max(now));
    }

    pub(super) fn status(&self, now: Timestamp) -> Status {
        match self.stop {
            Some(stop) if stop.done.is_some_and(|done| done <= now) => Status::Stopped,
            Some(_) => Status::Stopping,
            None if now < self.ends || self.course == Course::Held => Status::InProgress,
            None if self.course == Course::Fails => Status::Failed,
            None => Status::Completed,
        }
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ended(now).is_some()
    }

    /// When its container began to run, if it has. One that was stopped before never does.
    pub(super) fn started(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.stop.map_or(now, |stop| stop.asked.min(now));
        (self.starts <= until).then_some(self.starts)
    }

    /// When it was over, if it is.
    pub(super) fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        let end = match self.stop {
            Some(stop) => stop.done,
            None => (self.course != Course::Held).then_some(self.ends),
        };
        end.filter(|end| *end <= now)
    }

    /// When its status last changed.
    pub(super) fn modified(&self, now: Timestamp) -> Timestamp {
        let asked = self.stop.map(|stop| stop.asked);
        self.ended(now).or(asked).or(self.started(now)).unwrap_or(self.created)
    }

    pub(super) fn failure(&self, now: Timestamp) -> Option<&'static str> {
        (self.status(now) == Status::Failed)
            .then_some("AlgorithmError: See job logs for more information, exit code: 1")
    }

    pub(super) fn exit_message(&self, now: Timestamp) -> Option<&'static str> {
        match self.status(now) {
            Status::Completed => Some("hydrant sandbox: completed; the container was not run"),
            Status::Failed => Some("hydrant sandbox: failed, as the image's name or a fault says"),
            Status::InProgress | Status::Stopping | Status::Stopped => None,
        }
    }

    /// The log stream of its one container that logs.
    pub(super) fn log_stream(&self) -> String {
        format!("{}/algo-1-{}", self.order.processing_job_name, self.starts.as_second())
    }
}
