//! What a run tells of itself while it goes on: counters, state, and the posts as they come.
//!
//! One lock holds everything that must agree, so whoever looks sees counters that balance. Posts go to watchers through
//! a ring of batches: a watcher that is slow misses some and is told how many; the run never waits for one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::counters::{Counters, Rate, Tally};
use super::gaps::Gaps;
use super::money::Spent;
use super::record::Fields;
use super::spool::{Batch, Entry};

/// The states of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing runs.
    #[default]
    Stopped,
    /// It is on its way.
    Starting,
    /// Posts come, or would if there were any.
    Running,
    /// It takes no more posts and delivers what it has.
    Draining,
    /// It ended otherwise than it should have.
    Failed,
}

impl State {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Failed => "failed",
        }
    }
}

/// How a service is. What others read; names stay.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Status {
    /// Where it runs: `local` or `host`.
    pub on: String,
    /// How it is.
    pub state: State,
    /// When it began.
    pub since: Option<Timestamp>,
    /// Where posts come from.
    pub source: String,
    /// Where records go.
    #[serde(default)]
    pub sinks: Vec<String>,
    /// How many went where.
    #[serde(flatten)]
    pub counters: Counters,
    /// Posts a second over the last minute.
    pub rate: f64,
    /// How long the oldest post that waits has waited, in seconds.
    pub lag_s: f64,
    /// What went wrong last, whether or not it still does.
    pub last_error: Option<String>,
    /// What it waits for now: credentials, a delivery stream, credits, room on the disk.
    #[serde(default)]
    pub held: Option<String>,
    /// How the source is connected.
    #[serde(default)]
    pub connection: Option<String>,
    /// Times in which the source was not connected.
    #[serde(default)]
    pub gaps: Gaps,
    /// What the posts of a paid source cost.
    #[serde(default)]
    pub spent: Option<Spent>,
    /// What the source said of itself last.
    #[serde(default)]
    pub notice: Option<String>,
    /// Its process.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Where it answers.
    #[serde(default)]
    pub socket: Option<std::path::PathBuf>,
    /// Bytes of the spool.
    #[serde(default)]
    pub spool_bytes: u64,
    /// The words that were searched for, lower-cased: for whoever shows posts.
    #[serde(default)]
    pub terms: Vec<String>,
}

/// Posts that came together, for watchers.
#[derive(Debug)]
pub struct Arrived {
    /// The number of the first post; the next batch begins where this one ends.
    pub first: u64,
    batch: Batch,
}

impl Arrived {
    /// The number of the post after the last.
    pub fn end(&self) -> u64 {
        self.first + self.batch.posts()
    }

    /// The posts.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.batch.iter()
    }

    /// Their records.
    pub fn records(&self) -> impl Iterator<Item = Fields<'_>> {
        self.batch.iter().filter_map(|entry| Fields::split(entry.line).ok())
    }
}

/// Batches that wait for watchers.
const RING: usize = 64;

/// Who may have to wait, each for reasons of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The source: for credits, for another connection to end.
    Source,
    /// The way in: for room, for a disk that can be written.
    WayIn,
    /// The way out: for a disk that can be read.
    WayOut,
    /// A local file: for its disk.
    File(PathBuf),
    /// Firehose: for credentials, for a delivery stream.
    Firehose,
}

/// The state of a run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    inner: Arc<Mutex<Inner>>,
    arrived: broadcast::Sender<Arc<Arrived>>,
}

#[derive(Debug, Default)]
struct Inner {
    status: Status,
    /// What each side waits for.
    held: BTreeMap<Side, String>,
    rate: Rate,
    /// When the oldest post that waits was received.
    oldest: Option<Timestamp>,
    /// Posts that watchers were given.
    shown: u64,
}

impl Live {
    /// A run that begins now.
    pub fn new(source: String, sinks: Vec<String>) -> Self {
        let status = Status {
            on: "local".to_owned(),
            state: State::Starting,
            since: Some(Timestamp::now()),
            source,
            sinks,
            pid: Some(std::process::id()),
            ..Status::default()
        };
        let inner = Arc::new(Mutex::new(Inner { status, ..Inner::default() }));
        Self { inner, arrived: broadcast::Sender::new(RING) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is waited for, as soon as something is.
    #[cfg(test)]
    pub(super) async fn until_held(&self) -> String {
        let held = async {
            loop {
                if let Some(why) = self.status().held {
                    return why;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), held).await.expect("it says why it waits")
    }

    /// How it is now.
    pub fn status(&self) -> Status {
        let now = Timestamp::now();
        let inner = self.inner();
        let mut status = inner.status.clone();
        // A figure for people: a tenth of a post a second is enough.
        status.rate = (inner.rate.over(Duration::from_mins(1), now) * 10.0).round() / 10.0;
        status.lag_s = match inner.oldest {
            Some(oldest) if status.counters.pending > 0 => {
                (now.duration_since(oldest).as_secs_f64().max(0.0) * 10.0).round() / 10.0
            }
            _ => 0.0,
        };
        status
    }

    /// Changes the status.
    pub fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.inner().status);
    }

    /// Something went wrong: it is said in the log and remembered.
    pub fn failed(&self, why: impl std::fmt::Display) {
        let why = why.to_string();
        tracing::warn!(%why, "the stream");
        self.change(|status| status.last_error = Some(why));
    }

    /// A side waits for something, or no longer does; what the others wait for stays.
    pub fn hold(&self, side: Side, why: Option<String>) {
        let mut inner = self.inner();
        let Inner { status, held, .. } = &mut *inner;
        let before = match &why {
            Some(why) => held.insert(side, why.clone()),
            None => held.remove(&side),
        };
        if before == why {
            return;
        }
        if let Some(why) = why {
            tracing::warn!(%why, "the stream waits");
            status.last_error = Some(why);
        }
        let all: Vec<&str> = held.values().map(String::as_str).collect();
        status.held = (!all.is_empty()).then(|| all.join("; "));
    }

    /// The source is there again: if it was away, that is over, and is written down.
    pub fn end_gap(&self, now: Timestamp, file: Option<&Path>) {
        let mut ended = None;
        self.change(|status| {
            if status.gaps.since.is_some() {
                let why = status.last_error.clone().unwrap_or_else(|| "the start".to_owned());
                ended = status.gaps.end(now, &why);
            }
        });
        if let (Some(gap), Some(file)) = (ended, file) {
            gap.record(file);
        }
    }

    /// So many posts wait from before.
    pub fn carried(&self, pending: u64) {
        self.inner().status.counters.take(pending, Tally::default());
    }

    /// Posts are safe now, and what else became of lines.
    pub fn took(&self, kept: u64, tally: Tally, oldest: Timestamp) {
        let mut inner = self.inner();
        inner.status.counters.take(kept, tally);
        inner.rate.add(kept + tally.total(), Timestamp::now());
        if kept > 0 && inner.oldest.is_none() {
            inner.oldest = Some(oldest);
        }
    }

    /// Posts left; the oldest that stays was received then.
    pub fn settled(&self, settled: Settled, oldest: Option<Timestamp>) {
        let mut inner = self.inner();
        inner.status.counters.settle(settled.delivered, settled.quarantined, settled.withdrawn);
        inner.oldest = oldest;
    }

    /// Records are sent once more.
    pub fn retried(&self, records: u64) {
        self.inner().status.counters.retried += records;
    }

    /// Watches posts from now on; with the number of the first of them.
    pub fn watch(&self) -> (broadcast::Receiver<Arc<Arrived>>, u64) {
        let inner = self.inner();
        (self.arrived.subscribe(), inner.shown)
    }

    /// Hands a batch to watchers, if there are any, and takes it back empty otherwise.
    pub fn show(&self, mut batch: Batch) -> Batch {
        let posts = batch.posts();
        let mut inner = self.inner();
        let first = inner.shown;
        inner.shown += posts;
        // Handed over before the next number is told: whoever watches from a number on gets all from there.
        if posts > 0 && self.arrived.receiver_count() > 0 {
            // Nobody there any more is as good as somebody who saw it.
            drop(self.arrived.send(Arc::new(Arrived { first, batch })));
            return Batch::default();
        }
        drop(inner);
        batch.clear();
        batch
    }
}

/// Posts that left the spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Every sink has them.
    pub delivered: u64,
    /// No sink takes them; they are in the quarantine.
    pub quarantined: u64,
    /// Their authors took them back.
    pub withdrawn: u64,
}

impl std::ops::AddAssign for Settled {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.quarantined += other.quarantined;
        self.withdrawn += other.withdrawn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::post::PostKey;

    fn batch(posts: u64) -> Batch {
        let mut batch = Batch::default();
        for number in 0..posts {
            batch.push(PostKey(number), Timestamp::UNIX_EPOCH, |out| out.extend_from_slice(b"x\n"));
        }
        batch
    }

    #[tokio::test]
    async fn a_slow_watcher_misses_posts_and_the_numbers_say_how_many() {
        let live = Live::new("x".into(), vec![]);
        live.show(batch(5));
        let (mut watcher, first) = live.watch();
        assert_eq!(first, 5);
        for _ in 0..RING + 10 {
            live.show(batch(3));
        }
        assert!(matches!(watcher.recv().await, Err(broadcast::error::RecvError::Lagged(10))));
        let next = watcher.recv().await.expect("a batch");
        assert_eq!((next.first, next.end()), (5 + 30, 5 + 33));
    }

    #[test]
    fn what_a_side_waits_for_stays_until_that_side_says_otherwise() {
        let live = Live::new("x".into(), vec![]);
        let held = || live.status().held;
        live.hold(Side::Source, Some("no credits".into()));
        live.hold(Side::Firehose, None);
        assert_eq!(held().as_deref(), Some("no credits"));
        live.hold(Side::Firehose, Some("no such stream".into()));
        assert_eq!(held().as_deref(), Some("no credits; no such stream"));
        assert_eq!(live.status().last_error.as_deref(), Some("no such stream"));
        live.hold(Side::Source, None);
        assert_eq!(held().as_deref(), Some("no such stream"));
        live.hold(Side::Firehose, None);
        assert_eq!(held(), None);
    }

    #[test]
    fn the_status_is_what_others_read() {
        let live = Live::new("replay:x".into(), vec!["none".into()]);
        live.took(10, Tally { filtered: 2, ..Tally::default() }, Timestamp::now());
        live.settled(Settled { delivered: 4, ..Settled::default() }, None);
        let status = serde_json::to_value(live.status()).expect("JSON");
        for key in [
            "on",
            "state",
            "since",
            "source",
            "received",
            "filtered",
            "delivered",
            "pending",
            "retried",
            "duplicates",
            "malformed",
            "rate",
            "lag_s",
            "last_error",
        ] {
            assert!(status.get(key).is_some(), "{key}: {status}");
        }
        assert_eq!(
            (status["received"].as_u64(), status["pending"].as_u64(), status["state"].as_str()),
            (Some(12), Some(6), Some("starting"))
        );
        assert_eq!(serde_json::from_value::<Status>(status).expect("a status").counters.delivered, 4);
    }
}
