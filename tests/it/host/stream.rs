//! The stream on the host, from here.

use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::*;
use crate::support::sandbox::Sandbox;

/// A stack whose delivery stream need not be waited for before it goes.
const QUICK: [&str; 3] = ["up", "--set", "buffer_seconds=0"];

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_started_asked_and_drained_on_the_host() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let early = sandbox.hydrant(&["stream", "status", "--on", "host"]).await.expect(1);
    assert!(early.err.contains("`hydrant host provision` puts it there"), "{}", early.err);
    sandbox.hydrant(&["host", "provision"]).await.expect(0);
    let start = ["stream", "start", "--on", "host", "--source", "jetstream", "--to", "firehose", "--json"];
    let started = sandbox.hydrant(&start).await.expect(0).json();
    assert_eq!(started["on"], "host", "{started}");
    let flowing = async {
        loop {
            let status = sandbox.hydrant(&["stream", "status", "--on", "host", "--json"]).await.json();
            assert_ne!(status["state"], "failed", "{status}");
            if status["delivered"].as_u64() > Some(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(LIMIT, flowing).await.expect("posts are delivered by the host's own role");
    let stopped = sandbox.hydrant(&["stream", "stop", "--on", "host", "--json"]).await.expect(0).json();
    assert_eq!((&stopped["on"], &stopped["pending"]), (&"host".into(), &0.into()), "{stopped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_for_a_start_reaches_the_host_and_other_limits_there_start_nothing() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let then = ["--set", "daily_budget=0.05", "--set", "sample_percent=50"];
    sandbox.hydrant(&[&["host", "provision"], &then[..]].concat()).await.expect(0);
    let start = ["stream", "start", "--on", "host", "--json", "--set", "to=none"];
    let refused = sandbox.hydrant(&[&start[..], &["--source", "jetstream"]].concat()).await.expect(2);
    assert!(refused.err.contains("`daily_budget` is 0.05 there and not set here"), "{}", refused.err);
    let said = ["--set", "daily_budget=0.09", "--set", "source=jetstream", "--set", "theme=light"];
    let started = sandbox.hydrant(&[&start[..], &said[..]].concat()).await.expect(0);
    assert!(started.err.contains("`sample_percent` is 50 there and 100 here"), "{}", started.err);
    let started = started.json();
    assert_eq!(
        (&started["source"], &started["sinks"][0]),
        (&"jetstream".into(), &"none".into()),
        "{started}"
    );
    sandbox.hydrant(&["stream", "stop", "--on", "host"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hydrant_was_never_put_on_keeps_nothing() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&QUICK).await.expect(0);
    // An instance that runs may not answer yet, and what does not answer is unknown.
    sandbox.hydrant(&["host", "run", "--", "true"]).await.expect(0);
    let down = sandbox.hydrant(&["down", "--yes", "--drain"]).await.expect(0);
    for words in ["for the host to deliver first", "could not be asked"] {
        assert!(!down.err.contains(words), "nothing waits, and nothing is unknown: {}", down.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_service_left_on_the_host_is_named_and_delivered_before_a_teardown() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&QUICK).await.expect(0);
    sandbox.hydrant(&["host", "provision"]).await.expect(0);
    sandbox.faults(&["throttle:firehose.PutRecordBatch=100%"]).await;
    let start = ["stream", "start", "--on", "host", "--source", "jetstream", "--to", "firehose"];
    sandbox.hydrant(&start).await.expect(0);
    let ask = ["stream", "status", "--on", "host", "--json"];
    let until = async |holds: &dyn Fn(&serde_json::Value) -> bool| {
        let waiting = async {
            loop {
                let status = sandbox.hydrant(&ask).await.json();
                if holds(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("it comes about")
    };
    let waits = until(&|status| status["pending"].as_u64() > Some(0)).await;
    let pid = waits["pid"].as_u64().expect("it runs").to_string();
    sandbox.hydrant(&["host", "run", "--", "kill", "-9", &pid]).await.expect(0);
    until(&|status| status["state"] == "failed" && status["pending"].as_u64() > Some(0)).await;
    sandbox.faults(&[]).await;
    let down = sandbox.hydrant(&["down", "--yes", "--drain", "--delete-data"]).await.expect(0);
    assert!(down.err.contains("for the host to deliver first"), "{}", down.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_stream_that_cannot_write_what_it_took_is_not_torn_down_when_that_is_to_come_first() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&QUICK).await.expect(0);
    sandbox.faults(&["lost-bucket"]).await;
    let record = Record::builder().data(Blob::new("taken\n")).build().expect("a record");
    let put = sandbox.aws().firehose.put_record().delivery_stream_name("twitter_delivery_stream");
    put.record(record).send().await.expect("it is taken");
    let down = sandbox.hydrant(&["down", "--yes", "--drain"]).await.expect(1);
    assert!(down.err.contains("cannot write what it took, so nothing was torn down"), "{}", down.err);
    let streams = sandbox.aws().firehose.list_delivery_streams().send().await.expect("a listing");
    assert_eq!(streams.delivery_stream_names(), ["twitter_delivery_stream"]);
}
