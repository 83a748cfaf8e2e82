//! Records into Firehose, with everything going wrong that can: moto delivers to its S3, and a proxy before it
//! interferes.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{balances, exactly, in_s3, pipe, post, posts, replay};
use crate::support::World;
use crate::support::proxy::{Call, Verdict};
use crate::support::run::EndsStream;

/// However busy the machine is, a state that is waited for comes within this time.
const LIMIT: Duration = Duration::from_mins(1);
const POSTS: u64 = 3000;

/// A world with a stack, and a file of posts.
async fn world() -> (World, String) {
    let world = World::new().await;
    world.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    world.proxy.take_calls();
    let file = posts(world.home.path(), 0..POSTS);
    (world, replay(&file))
}

async fn run(world: &World, source: &str, more: &[&str]) -> Value {
    let mut arguments = vec!["stream", "run", "--json", "--source", source, "--set", "aggregate_kb=1"];
    arguments.extend(more);
    let status = world.hydrant(&arguments).await.expect(0).json();
    balances(&status);
    assert_eq!((status["received"].as_u64(), status["pending"].as_u64()), (Some(POSTS), Some(0)), "{status}");
    status
}

fn refused(code: &str, message: &str) -> Verdict {
    let text = json!({ "__type": code, "message": message }).to_string();
    Verdict::Answer(
        if code.ends_with("UnavailableException") { 503 } else { 400 },
        "application/x-amz-json-1.1",
        text,
    )
}

/// Of a batch, only some records reach moto; the answer says which did not.
fn partly(call: &Call, share: u64, counter: &AtomicU64) -> Verdict {
    let input: Value = serde_json::from_str(&call.input).expect("JSON");
    let records = input["Records"].as_array().expect("records").clone();
    let fails: Vec<bool> =
        records.iter().map(|_| counter.fetch_add(1, Ordering::Relaxed).is_multiple_of(share)).collect();
    let taken: Vec<Value> =
        records.iter().zip(&fails).filter(|(_, fails)| !**fails).map(|(record, _)| record.clone()).collect();
    let failed = fails.iter().filter(|fails| **fails).count();
    let answers: Vec<Value> = fails
        .iter()
        .map(|fails| match fails {
            true => json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." }),
            false => json!({ "RecordId": "r" }),
        })
        .collect();
    let answer = json!({ "FailedPutCount": failed, "RequestResponses": answers }).to_string();
    if taken.is_empty() {
        return Verdict::Answer(200, "application/x-amz-json-1.1", answer);
    }
    let mut body = input;
    body["Records"] = taken.into();
    Verdict::ForwardInstead(body.to_string(), 200, "application/x-amz-json-1.1", answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_post_arrives_once_when_nothing_goes_wrong() {
    let (world, source) = world().await;
    let status = run(&world, &source, &[]).await;
    assert_eq!((status["delivered"].as_u64(), status["retried"].as_u64()), (Some(POSTS), Some(0)));
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0);
    let puts: Vec<Call> =
        world.proxy.take_calls().into_iter().filter(|call| call.is("PutRecordBatch")).collect();
    for put in puts {
        let input: Value = serde_json::from_str(&put.input).expect("JSON");
        assert!(input["Records"].as_array().expect("records").len() <= 500 && put.input.len() <= 4 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_in_three_fails_and_only_those_are_sent_again() {
    let (world, source) = world().await;
    let counter = AtomicU64::new(0);
    world.proxy.rule(
        move |call| if call.is("PutRecordBatch") { partly(call, 3, &counter) } else { Verdict::Forward },
    );
    let status = run(&world, &source, &[]).await;
    assert!(status["retried"].as_u64() > Some(0), "{status}");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0, "nothing came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn throttles_and_failures_are_waited_out() {
    let (world, source) = world().await;
    let mut puts = 0;
    world.proxy.rule(move |call| {
        if !call.is("PutRecordBatch") {
            return Verdict::Forward;
        }
        puts += 1;
        match puts % 4 {
            1 => refused("ServiceUnavailableException", "Slow down."),
            2 => refused("ThrottlingException", "Rate exceeded"),
            3 => Verdict::Answer(
                500,
                "application/x-amz-json-1.1",
                json!({ "__type": "InternalFailure" }).to_string(),
            ),
            _ => Verdict::Forward,
        }
    });
    let status = run(&world, &source, &[]).await;
    assert!(status["retried"].as_u64() > Some(0) && status["last_error"].is_string(), "{status}");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_or_a_lost_answer_nothing_is_lost() {
    let (world, source) = world().await;
    let mut puts = 0;
    world.proxy.rule(move |call| {
        if !call.is("PutRecordBatch") {
            return Verdict::Forward;
        }
        puts += 1;
        match puts {
            1 => Verdict::ResetBefore,
            2 => Verdict::ResetAfter,
            _ => Verdict::Forward,
        }
    });
    run(&world, &source, &[]).await;
    // What was written before its answer was lost is there twice: at least once is what Firehose can do.
    exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_permission_or_a_missing_stream_holds_everything_and_says_so() {
    let (world, source) = world().await;
    let mended = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&mended);
    world.proxy.rule(move |call| {
        if !call.is("PutRecordBatch") || seen.fetch_add(1, Ordering::Relaxed) >= 3 {
            return Verdict::Forward;
        }
        match seen.load(Ordering::Relaxed) {
            1 => refused("AccessDeniedException", "not authorized to perform: firehose:PutRecordBatch"),
            _ => refused("ResourceNotFoundException", "Firehose not found"),
        }
    });
    let status = run(&world, &source, &[]).await;
    let error = status["last_error"].as_str().expect("it was said");
    assert!(error.contains("what was received waits"), "{error}");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_ask_for_the_delivery_stream_delivers_all_the_same() {
    let (world, source) = world().await;
    world.proxy.rule(|call| match call.is("DescribeDeliveryStream") {
        true => {
            refused("AccessDeniedException", "not authorized to perform: firehose:DescribeDeliveryStream")
        }
        false => Verdict::Forward,
    });
    run(&world, &source, &[]).await;
    let calls = world.proxy.take_calls();
    assert_eq!(calls.iter().filter(|call| call.is("DescribeDeliveryStream")).count(), 1);
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_alone_goes_to_the_quarantine() {
    let (world, source) = world().await;
    world.proxy.rule(|call| {
        use base64::Engine as _;
        if !call.is("PutRecordBatch") {
            return Verdict::Forward;
        }
        let input: Value = serde_json::from_str(&call.input).expect("JSON");
        let is_poison = |record: &Value| {
            let data = base64::prelude::BASE64_STANDARD
                .decode(record["Data"].as_str().expect("data"))
                .expect("base64");
            String::from_utf8_lossy(&data).contains(&super::id(1234))
        };
        if input["Records"].as_array().expect("records").iter().any(is_poison) {
            refused("InvalidArgumentException", "a record is poison")
        } else {
            Verdict::Forward
        }
    });
    let status = run(&world, &source, &["--set", "aggregate_kb=0"]).await;
    assert_eq!((status["malformed"].as_u64(), status["delivered"].as_u64()), (Some(1), Some(POSTS - 1)));
    let kept = world.home.path().join(".local/state/hydrant/stream/default/quarantine.jsonl");
    let kept = std::fs::read_to_string(kept).expect("there");
    assert!(
        kept.contains(&super::id(1234)) && kept.contains("poison") && kept.lines().count() == 1,
        "{kept}"
    );
    let found = in_s3(&world.aws(), &world.bucket()).await;
    assert!(found.len() as u64 == POSTS - 1 && !found.contains_key(&super::id(1234)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_read_only_does_nothing() {
    let (world, source) = world().await;
    let refused = world.hydrant(&["stream", "run", "--readonly", "--source", &source]).await.expect(1);
    assert!(refused.err.contains("read-only"), "{}", refused.err);
    assert!(!world.proxy.take_calls().iter().any(Call::changes));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_log_is_in_the_stacks_log_group_and_its_failure_stops_nothing() {
    let (world, source) = world().await;
    run(&world, &source, &[]).await;
    let logs = world.aws().logs;
    let events = logs
        .get_log_events()
        .log_group_name("kinesisfirehose_twitter_delivery_stream")
        .log_stream_name("hydrant-streamer")
        .send()
        .await
        .expect("the streamer's log");
    let first = events.events().first().and_then(|event| event.message()).expect("a line");
    let first: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(first["message"], "the stream begins");
    world.proxy.rule(|call| {
        if call.service == "logs" { refused("AccessDeniedException", "no") } else { Verdict::Forward }
    });
    let more = posts(world.home.path(), POSTS..POSTS * 2);
    run(&world, &replay(&more), &[]).await;
    exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS * 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_delivers_for_its_time_says_what_waits_and_the_next_start_delivers_that() {
    let (world, _) = world().await;
    let _ends = EndsStream(world.home.path().to_owned());
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    world.proxy.rule(move |call| {
        let holds = call.is("PutRecordBatch") && !opened.load(Ordering::Relaxed);
        if holds { refused("ServiceUnavailableException", "Slow down.") } else { Verdict::Forward }
    });
    let source = pipe(world.home.path());
    let mut feed = std::fs::OpenOptions::new().read(true).write(true).open(&source).unwrap();
    let start = ["stream", "start", "--source", &replay(&source), "--set", "drain_seconds=1"];
    world.hydrant(&start).await.expect(0);
    for number in 0..40 {
        writeln!(feed, "{}", post(number)).unwrap();
    }
    let received = async {
        while world.hydrant(&["stream", "status", "--json"]).await.json()["received"] != 40 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LIMIT, received).await.expect("they are received");
    let stopped = world.hydrant(&["stream", "stop", "--json"]).await.expect(3).json();
    balances(&stopped);
    assert_eq!((&stopped["state"], &stopped["pending"]), (&"stopped".into(), &40.into()), "{stopped}");
    is_open.store(true, Ordering::Relaxed);
    let next = ["stream", "run", "--json", "--source", "replay:/dev/null"];
    let next = world.hydrant(&next).await.expect(0).json();
    balances(&next);
    assert_eq!((&next["delivered"], &next["pending"]), (&40.into(), &0.into()), "{next}");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..40), 0);
}

/// A world whose delivery stream takes nothing until it is opened.
async fn closed_world() -> (World, Arc<AtomicBool>) {
    let (world, _) = world().await;
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    world.proxy.rule(move |call| {
        let holds = call.is("PutRecordBatch") && !opened.load(Ordering::Relaxed);
        if holds { refused("ServiceUnavailableException", "Slow down.") } else { Verdict::Forward }
    });
    (world, is_open)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_with_posts_that_wait_is_done_in_part() {
    let (world, _) = closed_world().await;
    let source = replay(&posts(world.home.path(), 0..40));
    let run = ["stream", "run", "--json", "--source", &source, "--set", "drain_seconds=1"];
    let status = world.hydrant(&run).await.expect(3).json();
    balances(&status);
    assert_eq!((&status["state"], &status["pending"]), (&"stopped".into(), &40.into()), "{status}");
}

/// Starts a stream of more posts than its spool holds, and waits until that is full.
async fn with_a_full_spool(world: &World, drain: &str) {
    let source = replay(&posts(world.home.path(), 0..8000));
    let start = ["stream", "start", "--source", &source, "--set", "spool_mb=1", "--set", drain];
    world.hydrant(&[&start[..], &["--set", "aggregate_kb=8"]].concat()).await.expect(0);
    until(world, |status| status["held"].as_str().is_some_and(|why| why.contains("is full"))).await;
}

async fn until(world: &World, holds: impl Fn(&Value) -> bool) {
    let seen = async {
        while !holds(&world.hydrant(&["stream", "status", "--json"]).await.json()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LIMIT, seen).await.expect("it comes to that");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_spool_is_full_keeps_and_delivers_what_was_read() {
    let (world, is_open) = closed_world().await;
    let _ends = EndsStream(world.home.path().to_owned());
    with_a_full_spool(&world, "drain_seconds=100").await;
    let stop = world.start(&["stream", "stop", "--json"]);
    until(&world, |status| status["state"] == "draining").await;
    is_open.store(true, Ordering::Relaxed);
    let stopped = stop.end().await.expect(0).json();
    balances(&stopped);
    assert_eq!((&stopped["state"], &stopped["pending"]), (&"stopped".into(), &0.into()), "{stopped}");
    let received = stopped["received"].as_u64().expect("a count");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..received), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_could_not_keep_what_was_read_is_a_failure_and_says_how_much() {
    let (world, _) = closed_world().await;
    let _ends = EndsStream(world.home.path().to_owned());
    with_a_full_spool(&world, "drain_seconds=1").await;
    let stopped = world.hydrant(&["stream", "stop"]).await.expect(1);
    assert!(stopped.err.contains("posts that were read are not kept"), "{}", stopped.err);
    assert!(stopped.err.contains("wait for the next start"), "{}", stopped.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_long_for_firehose_is_kept_aside_also_when_it_is_alone() {
    let (world, _) = world().await;
    let file = world.home.path().join("long.jsonl");
    let post = json!({ "data": { "id": "7", "text": "long ".repeat(300_000) } });
    std::fs::write(&file, post.to_string()).unwrap();
    let run = ["stream", "run", "--json", "--source", &replay(&file)];
    let status = world.hydrant(&run).await.expect(0).json();
    balances(&status);
    assert_eq!((status["malformed"].as_u64(), status["delivered"].as_u64()), (Some(1), Some(0)));
    let kept = world.home.path().join(".local/state/hydrant/stream/default/quarantine.jsonl");
    let kept = std::fs::read_to_string(kept).expect("there");
    assert!(kept.contains("longer than 1024000 bytes, Firehose's limit"), "{:.200}", kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_while_it_waited_is_not_delivered_by_the_next_start_either() {
    let (world, is_open) = closed_world().await;
    let file = posts(world.home.path(), 0..40);
    let mut lines = std::fs::read_to_string(&file).unwrap();
    lines += &json!({ "delete": { "status": { "id_str": super::id(39) } } }).to_string();
    std::fs::write(&file, lines).unwrap();
    let run = ["stream", "run", "--json", "--source", &replay(&file), "--set", "drain_seconds=1"];
    world.hydrant(&run).await.expect(3);
    is_open.store(true, Ordering::Relaxed);
    let next = ["stream", "run", "--json", "--source", "replay:/dev/null"];
    let next = world.hydrant(&next).await.expect(0).json();
    balances(&next);
    assert_eq!((&next["delivered"], &next["filtered"]), (&39.into(), &1.into()), "{next}");
    exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..39);
}
