//! Live Tail: events a second after they come in, for whoever looks on.
//!
//! It begins with what comes in from now on, gives no ids, shows a sample when more than 500 events a second come in,
//! costs a cent a minute, and ends after three hours. So it is an addition to polling and never in its place.

use std::sync::Arc;

use aws_sdk_cloudwatchlogs::types::{LiveTailSessionLogEvent, StartLiveTailResponseStream};
use aws_smithy_types::retry::RetryConfig;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::{LogEvent, LogsError};
use crate::cloud::{Cloud, CloudError, Operation};

/// A session takes so many groups.
pub(super) const MOST_GROUPS: usize = 10;
/// Updates that wait for the listener: a minute's.
const WAITING: usize = 60;
/// So long after the last sample, looks far back have brought what it left out.
const REST_FOLLOWS: SignedDuration = SignedDuration::from_secs(20);

/// What a session says.
#[derive(Debug)]
pub(super) enum Update {
    /// Events; `sampled` says that there were more.
    Events { events: Vec<LogEvent>, sampled: bool },
    /// It is over: its three hours, or the connection.
    Over(String),
}

/// A session that goes on. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) began: Timestamp,
    pub(super) sampling: Sampling,
    updates: mpsc::Receiver<Update>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether a session shows a sample, or did a moment ago: when it last did.
#[derive(Debug, Default)]
pub(super) struct Sampling(Option<Timestamp>);

impl Sampling {
    /// It showed one; whether that is new.
    pub(super) fn was_shown(&mut self, now: Timestamp) -> bool {
        self.0.replace(now).is_none()
    }

    /// Whether something that it left out may be still to come.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// After a look far back: whether that is over with it.
    pub(super) fn is_over(&mut self, now: Timestamp) -> bool {
        self.0.take_if(|last| now.duration_since(*last) > REST_FOLLOWS).is_some()
    }
}

/// A group as it is known by its name and by its ARN.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: Arc<str>,
    pub(super) arn: String,
}

impl Live {
    /// Begins a session. An endpoint that has none says so at once.
    pub(super) async fn start(
        cloud: &Cloud,
        groups: Vec<Named>,
        pattern: Option<&str>,
    ) -> Result<Self, LogsError> {
        let target = groups.iter().map(|group| group.name.as_ref()).collect::<Vec<_>>().join(", ");
        let request = cloud
            .logs
            .start_live_tail()
            .set_log_group_identifiers(Some(groups.iter().map(|group| group.arn.clone()).collect()))
            .set_log_event_filter_pattern(pattern.map(ToOwned::to_owned))
            .customize()
            // An emulator that lacks it fails in all its tries, and polling is as good meanwhile.
            .config_override(
                aws_sdk_cloudwatchlogs::config::Builder::new().retry_config(RetryConfig::disabled()),
            )
            .send();
        let began = Timestamp::now();
        let answer: Result<_, CloudError> = cloud.call(Operation::StartLiveTail, &target, request).await;
        let mut stream = answer.map_err(|error| LogsError::of(error, &target, pattern))?.response_stream;
        let (sender, updates) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move {
            loop {
                let update = match stream.recv().await {
                    Ok(Some(StartLiveTailResponseStream::SessionUpdate(update))) => Update::Events {
                        sampled: update.session_metadata.is_some_and(|about| about.sampled),
                        events: update
                            .session_results
                            .unwrap_or_default()
                            .into_iter()
                            .filter_map(|event| self::event(&groups, event))
                            .collect(),
                    },
                    Ok(Some(_)) => continue,
                    Ok(None) => Update::Over("the session ended".to_owned()),
                    Err(error) => Update::Over(crate::text::sanitise(
                        &aws_smithy_types::error::display::DisplayErrorContext(error).to_string(),
                    )),
                };
                let is_over = matches!(update, Update::Over(_));
                if sender.send(update).await.is_err() || is_over {
                    return;
                }
            }
        });
        Ok(Self { began, sampling: Sampling::default(), updates, task })
    }

    /// The next update.
    pub(super) async fn next(&mut self) -> Update {
        self.updates.recv().await.unwrap_or_else(|| Update::Over("the session ended".to_owned()))
    }
}

/// An event of one of our groups; an emulator's canned ones are of others.
fn event(groups: &[Named], event: LiveTailSessionLogEvent) -> Option<LogEvent> {
    let identifier = event.log_group_identifier()?;
    // An ARN, or `account:name`.
    let is_it = |group: &&Named| {
        identifier == group.arn || identifier.rsplit(':').next() == Some(group.name.as_ref())
    };
    Some(LogEvent {
        group: Arc::clone(&groups.iter().find(is_it)?.name),
        stream: event.log_stream_name.as_deref().unwrap_or_default().into(),
        at: Timestamp::from_millisecond(event.timestamp?).ok()?,
        ingested: event.ingestion_time.and_then(|at| Timestamp::from_millisecond(at).ok()),
        message: event.message.unwrap_or_default(),
        is_late: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_said_once_and_is_over_when_its_rest_has_come() {
        let mut sampling = Sampling::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        assert!(!sampling.is_over(at(0)), "there was none");
        assert!(sampling.was_shown(at(100)));
        assert!((101..150).all(|second| !sampling.was_shown(at(second))), "it goes on");
        assert!(!sampling.is_over(at(160)) && sampling.is_on());
        assert!(sampling.is_over(at(170)) && !sampling.is_on());
        assert!(!sampling.is_over(at(180)), "that is said once");
        assert!(sampling.was_shown(at(190)), "the next is another");
    }
}
