//! A notebook instance: what it was made as, and where it is in its life.
//!
//! ```text
//! Pending ──> InService ──> Stopping ──> Stopped ──> Deleting ──> gone
//!    │            ^                       │    ^
//!    └──> Failed  └───────── Pending <────┤    └── Updating <──┐
//!           └──> Pending, Deleting        └────────────────────┘
//! ```

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Kind;
use super::lifecycle::ScriptLog;
use crate::sandbox::call::Place;
use crate::sandbox::clock::Pace;
use crate::sandbox::tags::Tags;

/// What AWS takes for each change of a notebook instance.
const START_TIME: Duration = Duration::from_mins(3);
const STOP_TIME: Duration = Duration::from_mins(1);
const UPDATE_TIME: Duration = Duration::from_secs(30);
const DELETE_TIME: Duration = Duration::from_mins(1);

/// A notebook instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Notebook {
    pub(super) name: String,
    pub(super) instance_type: String,
    pub(super) role_arn: String,
    pub(super) subnet_id: Option<String>,
    pub(super) security_group_ids: Vec<String>,
    /// In the operator's own network; there is one only with a subnet.
    pub(super) network_interface_id: Option<String>,
    pub(super) ip_address_type: String,
    pub(super) kms_key_id: Option<String>,
    pub(super) lifecycle_config_name: Option<String>,
    pub(super) direct_internet_access: String,
    pub(super) volume_size_in_gb: i64,
    pub(super) default_code_repository: Option<String>,
    pub(super) additional_code_repositories: Vec<String>,
    pub(super) root_access: String,
    pub(super) platform_identifier: String,
    pub(super) minimum_metadata_version: String,
    pub(super) tags: Tags,
    pub(super) created: Timestamp,
    pub(super) change: Change,
    /// What the scripts of the last start leave behind, until it is written.
    pub(super) unwritten: Option<Unwritten>,
}

/// Logs that are written when a start is over, whatever has become of the notebook instance since.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Unwritten {
    pub(super) at: Timestamp,
    pub(super) logs: Vec<ScriptLog>,
}

/// The last change of a notebook instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    what: What,
    since: Timestamp,
    /// When it is over; while it is stuck, that is not known.
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum What {
    Start { failure: Option<String> },
    Stop,
    Update,
    Delete,
}

impl Change {
    /// A start, which ends well unless a script fails.
    pub(super) fn start(pace: Pace, now: Timestamp, failure: Option<String>) -> Self {
        Self { what: What::Start { failure }, since: now, until: Some(pace.after(now, START_TIME)) }
    }

    pub(super) fn stop(pace: Pace, now: Timestamp, stuck: bool) -> Self {
        Self { what: What::Stop, since: now, until: (!stuck).then(|| pace.after(now, STOP_TIME)) }
    }

    pub(super) fn update(pace: Pace, now: Timestamp) -> Self {
        Self { what: What::Update, since: now, until: Some(pace.after(now, UPDATE_TIME)) }
    }

    pub(super) fn delete(pace: Pace, now: Timestamp, stuck: bool) -> Self {
        Self { what: What::Delete, since: now, until: (!stuck).then(|| pace.after(now, DELETE_TIME)) }
    }

    /// Whether it is stuck.
    pub(super) fn is_stuck(&self) -> bool {
        self.until.is_none()
    }

    /// Lets it come to its end, if it is stuck.
    pub(super) fn unstick(&mut self, pace: Pace, now: Timestamp) {
        let time = if matches!(self.what, What::Delete) { DELETE_TIME } else { STOP_TIME };
        self.until.get_or_insert_with(|| pace.after(now, time));
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// What a notebook instance shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    InService,
    Stopping,
    Stopped,
    Failed,
    Updating,
    Deleting,
}

/// Every status of AWS's, for filters: maintenance does not happen here.
pub(super) const STATUSES: [&str; 9] = [
    "Pending",
    "InService",
    "Stopping",
    "Stopped",
    "Failed",
    "Deleting",
    "Updating",
    "PendingMaintenance",
    "InMaintenance",
];

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InService => "InService",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }
}

impl Notebook {
    pub(super) fn arn(&self, place: &Place) -> String {
        Kind::Notebook.arn(place, &self.name)
    }

    /// Starts, which ends with what its scripts leave behind.
    pub(super) fn start(
        &mut self,
        pace: Pace,
        now: Timestamp,
        failure: Option<String>,
        logs: Vec<ScriptLog>,
    ) {
        self.change = Change::start(pace, now, failure);
        let at = pace.after(now, START_TIME);
        self.unwritten = (!logs.is_empty()).then_some(Unwritten { at, logs });
    }

    /// Its status; `None` when it is gone.
    pub(super) fn status(&self, now: Timestamp) -> Option<Status> {
        Some(match (&self.change.what, self.change.is_over(now)) {
            (What::Start { .. }, false) => Status::Pending,
            (What::Start { failure: None }, true) => Status::InService,
            (What::Start { failure: Some(_) }, true) => Status::Failed,
            (What::Stop, false) => Status::Stopping,
            (What::Update, false) => Status::Updating,
            (What::Stop | What::Update, true) => Status::Stopped,
            (What::Delete, false) => Status::Deleting,
            (What::Delete, true) => return None,
        })
    }

    /// Why it failed, if it did.
    pub(super) fn failure(&self, now: Timestamp) -> Option<&str> {
        match &self.change.what {
            What::Start { failure } if self.change.is_over(now) => failure.as_deref(),
            _ => None,
        }
    }

    /// When its status last changed.
    pub(super) fn modified(&self, now: Timestamp) -> Timestamp {
        self.change.until.filter(|until| *until <= now).unwrap_or(self.change.since)
    }
}
