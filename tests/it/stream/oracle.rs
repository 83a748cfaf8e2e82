//! The oracle: what the sandbox's own servers say that they gave out whole, against what is in S3 in the end.
//!
//! Whatever went wrong between (on X's or Jetstream's side, on Firehose's, or with the service itself, which is killed
//! again and again), each of those posts is in S3, byte for byte as a quiet second reading of the same minutes makes
//! its record, and there is nothing else. What Firehose's at-least-once leaves there twice is counted.
//!
//! X gives nothing again that a killed client had not read: that is the one loss which no client can mend. So the
//! sandbox's X begins each connection with all that it gave before, as `backfill_minutes` does for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use hydrant::stream::lines::{Lines, Piece};
use hydrant::stream::record::Format;
use hydrant::stream::service::Place;
use hydrant::stream::source::x::api::Api;
use hydrant::stream::wire::{Incoming, Reader};
use hydrant::stream::wording::Wording;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::balances;
use crate::support::run::Running;
use crate::support::sandbox::Sandbox;

/// However busy the machine is, a state that is waited for comes within this time.
const LIMIT: Duration = Duration::from_mins(2);
const LOOKS: Duration = Duration::from_millis(200);
/// What a connection to X begins with.
const OVERLAP: &str = "x-overlap:60m";

/// Waits until something is there.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(LOOKS).await;
    }
}

/// A sandbox with a stack whose delivery stream takes records.
struct Trial {
    sandbox: Sandbox,
    bucket: String,
    s3: aws_sdk_s3::Client,
    /// Arguments of every run.
    run: Vec<String>,
    /// What each server gave out, as far as it was asked.
    told: Mutex<BTreeMap<String, Vec<Value>>>,
}

/// What is in S3: every record by its id, and how often it is there.
#[derive(Default)]
struct InS3 {
    keys: BTreeSet<String>,
    found: BTreeMap<String, (u64, String)>,
}

impl Trial {
    async fn new(rate: &str, source: &[&str]) -> Self {
        let sandbox = Sandbox::new(&["--feed-rate", rate]).await;
        let up = sandbox.hydrant(&["up", "--set", "instance=false", "--json"]).await.expect(0).json();
        let resources = up["resources"].as_array().expect("a list");
        let bucket = resources.iter().find(|resource| resource["kind"] == "bucket").expect("a bucket");
        let bucket = bucket["name"].as_str().expect("a name").to_owned();
        let run = ["stream", "run", "--json", "--set", "aggregate_kb=8"];
        let run = run.iter().chain(source).map(|argument| (*argument).to_owned()).collect();
        let s3 = sandbox.aws().s3;
        Self { sandbox, bucket, s3, run, told: Mutex::default() }
    }

    fn start(&self) -> Running {
        self.sandbox.start(&self.run.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts it and kills it, again and again, at moments that the seed makes: each time with `some` of the faults,
    /// and those that are always on.
    async fn killed(&self, seed: u64, kills: u32, (some, faults): (usize, &[&str]), always: &[&str]) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut before_each = Vec::new();
        for kill in 0..kills {
            let mut on: Vec<&str> = faults.sample(&mut random, some).copied().collect();
            before_each.push(on.join(" "));
            on.extend(always);
            self.sandbox.faults(&on).await;
            let run = self.start();
            // Some live long enough to have something under way, however slow the machine is; and before the first
            // post is kept, Jetstream has no place to go on from.
            if kill % 5 == 0 {
                self.until_received(1).await;
            }
            // The moment is the point here: from before the first connection to after the first deliveries.
            tokio::time::sleep(Duration::from_millis(random.random_range(5..1000))).await;
            run.kill().await;
        }
        println!("seed {seed}: killed {kills} times, with {before_each:?}");
    }

    /// What the service says of itself, asked as the command asks it, without a process for each question. One that
    /// is killed or begins at this moment has nothing to say.
    async fn status(&self) -> Option<Value> {
        let place = Place::at(self.sandbox.home.path().join(".local/state/hydrant/stream/default"));
        let status = place.status(0).await.ok().filter(|status| status.pid.is_some())?;
        let status = serde_json::to_value(status).expect("a status is JSON");
        balances(&status);
        Some(status)
    }

    async fn until_received(&self, least: u64) {
        until("posts are received", async || {
            (self.status().await?["received"].as_u64() >= Some(least)).then_some(())
        })
        .await;
    }

    /// What a server says of itself, and everything that it gave out.
    async fn told(&self, server: &str) -> (Value, Vec<Value>) {
        let mut kept = self.told.lock().await;
        let all = kept.entry(server.to_owned()).or_default();
        loop {
            let url = format!("{}/_hydrant/feed/sent?from={}", self.sandbox.serving.endpoint(), all.len());
            let answer = reqwest::get(url).await.expect("an answer").text().await.expect("text");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let told = &answer[server];
            let posts = told["posts"].as_array().expect("a list");
            all.extend(posts.iter().cloned());
            if told["sent"].as_u64() == Some(all.len() as u64) {
                return (told.clone(), all.clone());
            }
        }
    }

    /// The ids of X's posts that were sent, each as often as it was.
    async fn sent_by_x(&self) -> (Value, Vec<String>) {
        let (told, posts) = self.told("x").await;
        (told, posts.iter().map(|id| id.as_str().expect("an id").to_owned()).collect())
    }

    /// Adds what is in S3 and was not read yet: what is there does not change any more.
    async fn read_s3(&self, read: &mut InS3) {
        let s3 = &self.s3;
        let mut pages = s3.list_objects_v2().bucket(&self.bucket).into_paginator().send();
        while let Some(page) = pages.next().await {
            for key in page.expect("a listing").contents().iter().filter_map(|object| object.key()) {
                if !read.keys.insert(key.to_owned()) {
                    continue;
                }
                let get = s3.get_object().bucket(&self.bucket).key(key);
                let body = get.send().await.expect("there").body.collect().await.expect("read");
                let text = String::from_utf8(body.to_vec()).expect("text");
                for line in text.split_inclusive('\n') {
                    let id = line.split('\t').next().unwrap_or_default().to_owned();
                    let record = read.found.entry(id).or_insert_with(|| (0, line.to_owned()));
                    assert_eq!(record.1, line, "the same post is the same record");
                    record.0 += 1;
                }
            }
        }
    }

    /// Waits until all of these are in S3, and gives what is there; the record of what is missing is not made up.
    async fn until_in_s3(&self, wanted: &BTreeSet<String>) -> BTreeMap<String, (u64, String)> {
        let begun = Instant::now();
        let mut read = InS3::default();
        loop {
            self.read_s3(&mut read).await;
            let found = &read.found;
            let lost: Vec<&String> = wanted.iter().filter(|id| !found.contains_key(*id)).collect();
            if lost.is_empty() {
                return read.found;
            }
            assert!(begun.elapsed() < LIMIT, "{} of {} are not in S3: {lost:?}", lost.len(), wanted.len());
            tokio::time::sleep(LOOKS).await;
        }
    }

    /// Ends a run in good order: it has delivered everything.
    async fn end(&self, run: Running) -> Value {
        run.interrupt();
        let status = run.end().await.expect(130).json();
        balances(&status);
        assert_eq!(status["pending"], 0, "{status}");
        status
    }

    fn variable(&self, name: &str) -> String {
        self.sandbox.serving.line["env"][name].as_str().expect("a variable").to_owned()
    }

    /// The records of posts that X gave out, from a second reading without faults.
    async fn records_from_x(&self, wanted: &BTreeSet<String>) -> BTreeMap<String, String> {
        self.sandbox.faults(&[OVERLAP]).await;
        let keys = ["HYDRANT_X_API_KEY", "HYDRANT_X_API_KEY_SECRET"].map(|name| self.variable(name).into());
        let [key, secret] = keys;
        let api = Api::new(&self.variable("X_API_URL"), Some((key, secret))).expect("a client");
        // X may not have noticed yet that the last connection is gone.
        let mut answer = until("X takes the second reader", async || api.connect().await.ok()).await;
        let mut records = BTreeMap::new();
        let (mut lines, mut reader) = (Lines::new(1 << 20), Reader::default());
        let reading = async {
            while !wanted.iter().all(|id| records.contains_key(id)) {
                let chunk = answer.chunk().await.expect("a chunk").expect("it does not end");
                lines.push(&chunk, |piece| {
                    let Piece::Line(line) = piece else { panic!("a line is too long") };
                    records.extend(record(&mut reader, line));
                });
            }
        };
        let in_time = tokio::time::timeout(LIMIT, reading).await;
        assert!(in_time.is_ok(), "the second reading has {} of {}", records.len(), wanted.len());
        records
    }

    /// The same of Jetstream, from a moment on, in microseconds since 1970.
    async fn records_from_jetstream(&self, from: i64, wanted: &BTreeSet<String>) -> BTreeMap<String, String> {
        self.sandbox.faults(&[]).await;
        let url = self.variable("JETSTREAM_URL");
        let url = format!("{url}/subscribe?wantedCollections=app.bsky.feed.post&cursor={from}");
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a connection");
        let mut records = BTreeMap::new();
        let mut reader = Reader::default();
        let reading = async {
            while !wanted.iter().all(|id| records.contains_key(id)) {
                let message = socket.next().await.expect("it does not end").expect("a message");
                if let Ok(text) = message.to_text() {
                    records.extend(record(&mut reader, text.as_bytes()));
                }
            }
        };
        let in_time = tokio::time::timeout(LIMIT, reading).await;
        assert!(in_time.is_ok(), "the second reading has {} of {}", records.len(), wanted.len());
        records
    }
}

/// The record of a line with a post, by its id.
fn record(reader: &mut Reader, line: &[u8]) -> Option<(String, String)> {
    let Incoming::Posts(posts) = reader.read(line) else { return None };
    let post = posts.into_iter().next()?;
    let (mut wording, mut out) = (Wording::default(), Vec::new());
    post.part(&mut wording);
    post.write(&wording, Format::Tsv, &mut out);
    Some((post.id.to_string(), String::from_utf8(out).expect("text")))
}

/// What is in S3 is what was sent, whole and as it was; how many are there more than once.
#[track_caller]
fn exactly(
    found: &BTreeMap<String, (u64, String)>,
    sent: &BTreeSet<String>,
    records: &BTreeMap<String, String>,
) -> usize {
    let never_sent: Vec<&String> = found.keys().filter(|id| !sent.contains(*id)).collect();
    assert!(never_sent.is_empty(), "never sent: {never_sent:?}");
    for (id, (_, line)) in found {
        assert_eq!(Some(line), records.get(id), "{id}");
    }
    found.values().filter(|(times, _)| *times > 1).count()
}

/// Faults of Firehose that are on all the time.
const FIREHOSE: [&str; 3] = [
    "partial:firehose.PutRecordBatch=30%",
    "throttle:firehose.PutRecordBatch=20%",
    "error:firehose.PutRecordBatch=10%",
];

/// As long as every connection is read to its end, every single line is accounted for: delivered, counted as a
/// repetition or as malformed, or X's last word on a connection (it ends one that falls behind its long lines).
#[tokio::test(flavor = "multi_thread")]
async fn every_line_that_x_sent_is_counted_once() {
    let trial = Trial::new("100", &["--source", "x", "--set", "x_stall_seconds=300"]).await;
    let faults = ["x-split", "x-garbage", "x-repeat", "x-late:300ms", "x-dialect:mixed"];
    trial.sandbox.faults(&[&faults[..], &FIREHOSE].concat()).await;
    let run = trial.start();
    trial.until_received(200).await;
    trial.sandbox.faults(&["x-stall"]).await;
    let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or_default();
    let (told, status) = until("everything that was sent is accounted for", async || {
        let (mut told, status) = (trial.told("x").await.0, trial.status().await?);
        // They would fill the screen.
        told["posts"] = Value::Null;
        let taken = ["delivered", "duplicates", "filtered"].map(|name| count(&status, name));
        let all = taken.iter().sum::<u64>() >= count(&told, "sent");
        (all && status["pending"] == 0).then_some((told, status))
    })
    .await;
    let taken = ["delivered", "duplicates", "filtered"].map(|name| count(&status, name));
    assert_eq!(taken.iter().sum::<u64>(), count(&told, "sent"), "{told} {status}");
    let last_words = count(&told, "connects") - 1;
    assert_eq!(count(&status, "malformed") + last_words, count(&told, "useless"), "{told} {status}");
    let sent: BTreeSet<String> = trial.sent_by_x().await.1.into_iter().collect();
    assert_eq!((taken[0], taken[2]), (sent.len() as u64, 0), "{told} {status}");
    assert!(taken[1] > 0 && count(&status, "retried") > 0, "{told} {status}");
    let found = trial.until_in_s3(&sent).await;
    trial.end(run).await;
    let records = trial.records_from_x(&sent).await;
    assert_eq!(exactly(&found, &sent, &records), 0, "nothing came twice");
}

/// Every way in which a connection ends, one after another.
#[tokio::test(flavor = "multi_thread")]
async fn what_x_sent_is_in_s3_after_every_way_to_end_a_connection() {
    let trial = Trial::new("40", &["--source", "x", "--set", "x_stall_seconds=2"]).await;
    let ends = [
        "x-cut@9=1",
        "x-close@9=1",
        "x-truncate@9=1",
        "x-reset@9=1",
        "x-disconnect@9=1",
        "x-disconnect:InvalidRules@9=1",
        "x-stall@9=1",
        "x-hang@9=1",
    ];
    let around = ["x-split", "x-garbage", "x-repeat", OVERLAP];
    trial.sandbox.faults(&[&ends[..], &around, &FIREHOSE].concat()).await;
    let run = trial.start();
    // Each strikes once, and is off then.
    let faults = format!("{}/_hydrant/faults", trial.sandbox.serving.endpoint());
    until("every end has come", async || {
        let on = reqwest::get(&faults).await.expect("an answer").text().await.expect("text");
        (!on.contains("=1\"")).then_some(())
    })
    .await;
    let status = settle_and_compare(&trial, run).await;
    assert!(status["gaps"]["count"].as_u64() >= Some(ends.len() as u64), "{status}");
}

/// What a service does while it is killed again and again.
async fn killed_again_and_again(seed: u64, kills: u32) {
    let trial = Trial::new("30", &["--source", "x", "--set", "x_stall_seconds=5"]).await;
    let faults = [
        "x-split",
        "x-garbage",
        "x-repeat",
        "x-late:200ms",
        "x-dialect:mixed",
        "x-cut@7=1",
        "x-reset@7=1",
        "x-truncate@7=1",
        "x-disconnect@7=1",
        "x-close@7=1",
    ];
    trial.killed(seed, kills, (4, &faults), &[&FIREHOSE[..], &[OVERLAP]].concat()).await;
    trial.sandbox.faults(&[OVERLAP]).await;
    let run = trial.start();
    trial.until_received(1).await;
    settle_and_compare(&trial, run).await;
}

/// Waits until X has given what it gives again and something new, then lets it fall silent, and compares.
async fn settle_and_compare(trial: &Trial, run: Running) -> Value {
    let unique = async || trial.sent_by_x().await.1.into_iter().collect::<BTreeSet<String>>();
    trial.sandbox.faults(&[OVERLAP]).await;
    let before = unique().await;
    until("X sends something new", async || (unique().await.len() >= before.len() + 10).then_some(())).await;
    trial.sandbox.faults(&["x-stall"]).await;
    let mut sent = unique().await;
    until("X is silent", async || {
        let now = unique().await;
        let silent = now.len() == sent.len();
        sent = now;
        silent.then_some(())
    })
    .await;
    trial.until_in_s3(&sent).await;
    let status = trial.end(run).await;
    // Only now it is certain that nothing more is sent.
    let sent = unique().await;
    let found = trial.until_in_s3(&sent).await;
    let records = trial.records_from_x(&sent).await;
    let twice = exactly(&found, &sent, &records);
    println!("{} posts were sent, and all are in S3; {twice} of them more than once", sent.len());
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_x_sent_is_in_s3_whenever_the_service_is_killed() {
    killed_again_and_again(11, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_x_sent_is_in_s3_at_whatever_other_moments_it_is_killed() {
    killed_again_and_again(12, 20).await;
}

/// Jetstream keeps what was sent, and a cursor leads back to it: nothing needs to be given twice on purpose.
#[tokio::test(flavor = "multi_thread")]
async fn what_jetstream_sent_is_in_s3_whenever_the_service_is_killed() {
    let everything = ["--source", "jetstream", "--terms-file", "none.txt", "--set", "languages="];
    let trial = Trial::new("30", &everything).await;
    std::fs::write(trial.sandbox.home.path().join("none.txt"), "").expect("a file");
    let from = jiff::Timestamp::now().as_microsecond() - 1_000_000;
    let faults =
        ["jet-repeat", "jet-disorder", "jet-garbage", "jet-cut@9=1", "jet-close@9=1", "jet-error@9=1"];
    trial.killed(13, 10, (3, &faults), &FIREHOSE).await;
    trial.sandbox.faults(&[]).await;
    let run = trial.start();
    let events = async |operation: &str| -> BTreeSet<String> {
        let events = trial.told("jetstream").await.1;
        let of_kind = events.iter().filter(|event| event["operation"] == operation);
        of_kind.map(|event| format!("at://{}", event["record"].as_str().expect("a record"))).collect()
    };
    let before = events("create").await.len();
    until("Jetstream sends something new", async || {
        (events("create").await.len() >= before + 20).then_some(())
    })
    .await;
    trial.sandbox.faults(&["jet-stall"]).await;
    let mut created = events("create").await;
    until("Jetstream is silent", async || {
        let now = events("create").await;
        let silent = now.len() == created.len();
        created = now;
        silent.then_some(())
    })
    .await;
    // What its author took back while it waited is not delivered; what was delivered before is.
    let deleted = events("delete").await;
    let kept: BTreeSet<String> = created.difference(&deleted).cloned().collect();
    trial.until_in_s3(&kept).await;
    trial.end(run).await;
    // Only now it is certain that nothing more is sent.
    let (created, deleted) = (events("create").await, events("delete").await);
    let kept = created.difference(&deleted).cloned().collect();
    let found = trial.until_in_s3(&kept).await;
    let records = trial.records_from_jetstream(from, &created).await;
    let twice = exactly(&found, &created, &records);
    println!("{} posts were sent, and all are in S3; {twice} of them more than once", created.len());
}
