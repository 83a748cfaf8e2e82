//! CloudWatch logs, tailed: against moto, and against the sandbox where moto does not do as AWS does.

#[cfg(feature = "sandbox")]
mod by_command;
#[cfg(feature = "sandbox")]
mod following;
mod on_moto;

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use hydrant::cloud::{Cloud, Terms};
use hydrant::logs::{Ending, Follow, LogEvent, LogsError, Note, Request, Told, tail};
use hydrant::settings::{Settings, Sources};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::aws::Aws;

/// Whatever is waited for comes within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(1);

async fn cloud(endpoint: &str) -> Cloud {
    let settings = [
        ("region", "us-east-1"),
        ("endpoint_url", endpoint),
        ("aws_access_key_id", "AKIAWITNESS"),
        ("aws_secret_access_key", "witness"),
    ];
    let flags = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
    Cloud::connect(&settings, Terms::default()).await.expect("clients")
}

/// A tail that runs, and what it told.
struct Tailed {
    told: mpsc::UnboundedReceiver<Told>,
    events: Vec<LogEvent>,
    notes: Vec<Note>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<Ending, LogsError>>,
}

impl Tailed {
    async fn start(endpoint: &str, groups: &[&str], pattern: Option<&str>, follow: Follow) -> Self {
        Self::with(endpoint, groups, pattern, follow, LIMIT).await
    }

    async fn with(
        endpoint: &str,
        groups: &[&str],
        pattern: Option<&str>,
        follow: Follow,
        patience: Duration,
    ) -> Self {
        let cloud = cloud(endpoint).await;
        let request = Request {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            since: Timestamp::now() - jiff::SignedDuration::from_mins(30),
            pattern: pattern.map(ToOwned::to_owned),
            follow,
            patience,
        };
        let (sender, told) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task =
            tokio::spawn(
                async move { tail(&cloud, &request, &stopping, |told| drop(sender.send(told))).await },
            );
        Self { told, events: Vec::new(), notes: Vec::new(), stop, task }
    }

    /// Listens until it is so.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let listen = async {
            while !is_so(self) {
                match self.told.recv().await {
                    Some(Told::Events(events)) => self.events.extend(events),
                    Some(Told::Note(note)) => self.notes.push(note),
                    Some(Told::Read(_)) => {}
                    None => return,
                }
            }
        };
        let in_time = tokio::time::timeout(LIMIT, listen).await;
        assert!(in_time.is_ok() && is_so(self), "{what}: {:?} {:?}", self.messages(), self.notes);
    }

    async fn until_shown(&mut self, message: &str) {
        self.until(message, |tailed| tailed.shown(message) > 0).await;
    }

    fn shown(&self, message: &str) -> usize {
        self.events.iter().filter(|event| event.message == message).count()
    }

    fn messages(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.message.as_str()).take(100).collect()
    }

    fn has(&self, is_it: impl Fn(&Note) -> bool) -> bool {
        self.notes.iter().any(is_it)
    }

    /// Listens to its end.
    async fn end(mut self) -> (Result<Ending, LogsError>, Self) {
        let task = &mut self.task;
        let ending = tokio::time::timeout(LIMIT, task).await.expect("it ends").expect("no panic");
        while let Some(told) = self.told.recv().await {
            match told {
                Told::Events(events) => self.events.extend(events),
                Told::Note(note) => self.notes.push(note),
                Told::Read(_) => {}
            }
        }
        (ending, self)
    }

    async fn stop(self) -> Self {
        self.stop.cancel();
        let (ending, tailed) = self.end().await;
        assert!(matches!(ending, Ok(Ending::Stopped)), "{ending:?}");
        tailed
    }
}

async fn make(aws: &Aws, group: &str, streams: &[&str]) {
    aws.logs.create_log_group().log_group_name(group).send().await.expect("made");
    for stream in streams {
        aws.logs
            .create_log_stream()
            .log_group_name(group)
            .log_stream_name(*stream)
            .send()
            .await
            .expect("made");
    }
}

/// Puts events of so many seconds ago.
async fn put(aws: &Aws, group: &str, stream: &str, events: &[(i64, &str)]) {
    let now = Timestamp::now().as_millisecond();
    let event = |(ago, message): &(i64, &str)| {
        InputLogEvent::builder().timestamp(now - ago * 1000).message(*message).build().expect("an event")
    };
    aws.logs
        .put_log_events()
        .log_group_name(group)
        .log_stream_name(stream)
        .set_log_events(Some(events.iter().map(event).collect()))
        .send()
        .await
        .expect("put");
}
