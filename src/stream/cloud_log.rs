//! What the stream does, as lines in the stack's log group: so that it can be read from anywhere.
//!
//! A line when it begins, a line a minute with its counters, one for each new error, and one when it ends. Logging never
//! stops posts: what cannot be sent is dropped after a while, and the next line is tried again.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::live::{Live, Status};
use crate::cloud::{Cloud, Failure, Operation};

/// How often it is looked for something to say.
const LOOKS: Duration = Duration::from_secs(2);
/// How often the counters are written although nothing happened.
const COUNTS: Duration = Duration::from_mins(1);
/// Lines that could not be sent and are still tried.
const MOST_WAITING: usize = 100;
/// The last line is waited for so long.
const LAST_LIMIT: Duration = Duration::from_secs(5);

/// The log of a run.
#[derive(Debug)]
pub struct CloudLog {
    ending: CancellationToken,
    task: JoinHandle<()>,
}

impl CloudLog {
    /// Begins to log what `live` tells.
    pub fn begin(cloud: Cloud, group: String, stream: String, live: Live) -> Self {
        let ending = CancellationToken::new();
        let writer = Writer { cloud, group, stream, made: false, waiting: Vec::new() };
        Self { task: tokio::spawn(run(writer, live, ending.clone())), ending }
    }

    /// Writes the last line; gives it up after a while.
    pub async fn end(self) {
        self.ending.cancel();
        drop(tokio::time::timeout(LAST_LIMIT, self.task).await);
    }
}

async fn run(mut writer: Writer, live: Live, ending: CancellationToken) {
    let mut looks = tokio::time::interval(LOOKS);
    let mut last = live.status();
    let mut counted = tokio::time::Instant::now();
    writer.say("INFO", "the stream begins", &last);
    loop {
        writer.send().await;
        tokio::select! {
            _ = looks.tick() => {}
            () = ending.cancelled() => break,
        }
        let now = live.status();
        if now.last_error != last.last_error
            && let Some(error) = &now.last_error
        {
            writer.say("ERROR", error, &now);
        } else if now.state != last.state || now.held != last.held || counted.elapsed() >= COUNTS {
            counted = tokio::time::Instant::now();
            writer.say("INFO", now.held.as_deref().unwrap_or("the stream goes on"), &now);
        }
        last = now;
    }
    writer.say("INFO", "the stream ends", &live.status());
    writer.send().await;
}

struct Writer {
    cloud: Cloud,
    group: String,
    stream: String,
    made: bool,
    waiting: Vec<InputLogEvent>,
}

impl Writer {
    fn say(&mut self, level: &str, message: &str, status: &Status) {
        let line = json!({ "level": level, "message": message, "state": status.state, "source": status.source,
            "rate": status.rate, "lag_s": status.lag_s, "counters": status.counters });
        let event = InputLogEvent::builder()
            .timestamp(Timestamp::now().as_millisecond())
            .message(line.to_string())
            .build()
            .expect("an event has its time and its message");
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.remove(0);
        }
        self.waiting.push(event);
    }

    async fn send(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (group, stream) = (&self.group, &self.stream);
        if !self.made {
            let request =
                self.cloud.logs.create_log_stream().log_group_name(group).log_stream_name(stream).send();
            let made = self.cloud.call(Operation::CreateLogStream, stream, request).await;
            if let Err(error) = made
                && error.failure() != Failure::Exists
            {
                tracing::warn!(%error, "the stream's log stream could not be made");
                return;
            }
            self.made = true;
        }
        let request = self
            .cloud
            .logs
            .put_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .set_log_events(Some(self.waiting.clone()))
            .send();
        match self.cloud.call(Operation::PutLogEvents, stream, request).await {
            Ok(_) => self.waiting.clear(),
            Err(error) => {
                tracing::warn!(%error, "the stream's log could not be sent");
                // It may have been torn down and made anew.
                self.made = !error.is_missing();
            }
        }
    }
}
