use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::buffer::Buffer;
use crate::sandbox::trial::Trial;

const ROLE: &str = "arn:aws:iam::123456789012:role/delivery";

fn with_role() -> Trial {
    let mut trial = Trial::new();
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "firehose.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    });
    let role = json!({ "RoleName": "delivery", "AssumeRolePolicyDocument": trust.to_string() });
    trial.ask("iam", "CreateRole", role).expect("a role");
    trial
}

fn destination(more: &Value) -> Value {
    let mut destination = json!({ "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake" });
    if let (Value::Object(fields), Value::Object(more)) = (&mut destination, more) {
        fields.extend(more.clone());
    }
    destination
}

fn named(more: &Value) -> Value {
    json!({ "DeliveryStreamName": "posts", "ExtendedS3DestinationConfiguration": destination(more) })
}

/// A world with an active stream.
fn with_stream(more: &Value) -> Trial {
    let mut trial = with_role();
    trial.wait(Duration::from_mins(1));
    trial.ask("firehose", "CreateDeliveryStream", named(more)).expect("a stream");
    trial.wait(Duration::from_mins(1));
    trial
}

fn put(trial: &mut Trial, records: &[&[u8]]) -> Result<Value, String> {
    let records: Vec<Value> =
        records.iter().map(|record| json!({ "Data": BASE64_STANDARD.encode(record) })).collect();
    let batch = json!({ "DeliveryStreamName": "posts", "Records": records });
    trial.ask("firehose", "PutRecordBatch", batch).map_err(|refusal| refusal.code.into_owned())
}

fn waiting(trial: &Trial) -> Vec<Buffer> {
    trial.world.firehose.streams.iter().flat_map(|(_, stream)| stream.waiting.clone()).collect()
}

#[test]
fn a_role_that_was_just_made_cannot_be_taken() {
    let mut trial = with_role();
    assert_eq!(
        trial.refused("firehose", "CreateDeliveryStream", named(&json!({}))),
        "InvalidArgumentException"
    );
    trial.wait(Duration::from_mins(1));
    trial.ask("firehose", "CreateDeliveryStream", named(&json!({}))).expect("now it can");
}

#[test]
fn a_stream_is_being_made_before_it_is_active_and_deleted_before_it_is_gone() {
    let mut trial = with_role();
    trial.wait(Duration::from_mins(1));
    trial.ask("firehose", "CreateDeliveryStream", named(&json!({}))).expect("a stream");
    let status = |trial: &mut Trial| {
        let described =
            trial.ask("firehose", "DescribeDeliveryStream", json!({ "DeliveryStreamName": "posts" }));
        described.map(|document| document["DeliveryStreamDescription"]["DeliveryStreamStatus"].to_string())
    };
    let this = || json!({ "DeliveryStreamName": "posts" });
    assert_eq!(status(&mut trial).expect("there"), "\"CREATING\"");
    assert_eq!(put(&mut trial, &[b"early"]).expect_err("not active"), "ResourceNotFoundException");
    assert_eq!(trial.refused("firehose", "DeleteDeliveryStream", this()), "ResourceInUseException");
    assert_eq!(
        trial.refused("firehose", "CreateDeliveryStream", named(&json!({}))),
        "ResourceInUseException"
    );
    trial.wait(Duration::from_mins(1));
    assert_eq!(status(&mut trial).expect("there"), "\"ACTIVE\"");
    trial.ask("firehose", "DeleteDeliveryStream", this()).expect("deleted");
    assert_eq!(status(&mut trial).expect("there"), "\"DELETING\"");
    trial.wait(Duration::from_mins(1));
    assert_eq!(status(&mut trial).expect_err("gone").code, "ResourceNotFoundException");
}

#[test]
fn what_is_not_delivered_when_its_stream_is_deleted_is_gone() {
    let mut trial = with_stream(&json!({}));
    put(&mut trial, &[b"too late"]).expect("taken");
    trial.ask("firehose", "DeleteDeliveryStream", json!({ "DeliveryStreamName": "posts" })).expect("deleted");
    put(&mut trial, &[b"later still"]).expect("AWS may take it, and promises nothing");
    assert_eq!(waiting(&trial), []);
    let kept = trial.world.firehose.streams.iter().filter(|(_, stream)| stream.open.is_some()).count();
    assert_eq!(kept, 0);
}

#[test]
fn a_stuck_deletion_does_not_end_before_the_fault_is_taken_away() {
    let mut trial = with_stream(&json!({}));
    trial.world.faults.set(["stuck-delete:firehose".parse().expect("a fault")]);
    let this = json!({ "DeliveryStreamName": "posts" });
    trial.ask("firehose", "DeleteDeliveryStream", this.clone()).expect("it begins");
    trial.wait(Duration::from_hours(9));
    trial.ask("firehose", "DescribeDeliveryStream", this.clone()).expect("it is still there");
    // Another service's is none of this one's.
    trial.world.faults.set(["stuck-delete:ec2".parse().expect("a fault")]);
    trial.wait(Duration::ZERO);
    trial.ask("firehose", "DescribeDeliveryStream", this.clone()).expect("it takes its time");
    trial.wait(Duration::from_mins(1));
    assert_eq!(trial.refused("firehose", "DescribeDeliveryStream", this), "ResourceNotFoundException");
}

#[test]
fn of_many_buffers_that_cannot_be_delivered_one_is_tried_and_logged_at_a_time() {
    let logging = json!({ "Enabled": true, "LogGroupName": "errors", "LogStreamName": "delivery" });
    let mut trial = with_role();
    let allowed = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": ["logs:PutLogEvents", "s3:PutObject"], "Resource": "*" }],
    });
    let policy =
        json!({ "RoleName": "delivery", "PolicyName": "all", "PolicyDocument": allowed.to_string() });
    trial.ask("iam", "PutRolePolicy", policy).expect("a policy");
    trial.ask("logs", "CreateLogGroup", json!({ "logGroupName": "errors" })).expect("a group");
    let stream = json!({ "logGroupName": "errors", "logStreamName": "delivery" });
    trial.ask("logs", "CreateLogStream", stream).expect("a stream");
    trial.wait(Duration::from_mins(1));
    let hints = json!({ "SizeInMBs": 1, "IntervalInSeconds": 60 });
    let more = json!({ "BufferingHints": hints, "CloudWatchLoggingOptions": logging });
    trial.ask("firehose", "CreateDeliveryStream", named(&more)).expect("a stream");
    trial.wait(Duration::from_mins(1));
    for _ in 0..5 {
        put(&mut trial, &[&vec![b'x'; 1_000_000], &vec![b'x'; 100_000]]).expect("a full buffer");
    }
    let lines = |trial: &mut Trial| {
        let events = trial.ask("logs", "FilterLogEvents", json!({ "logGroupName": "errors" }));
        events.expect("events")["events"].as_array().map(Vec::len)
    };
    // There is no bucket.
    trial.wait(Duration::from_secs(1));
    assert_eq!((waiting(&trial).len(), lines(&mut trial)), (5, Some(1)));
    trial.wait(Duration::from_secs(30));
    assert_eq!(lines(&mut trial), Some(1), "they all wait");
    let first = waiting(&trial)[0].file().to_owned();
    trial.wait(Duration::from_mins(1));
    assert_eq!(lines(&mut trial), Some(2));
    assert_ne!(waiting(&trial)[0].file(), first, "another is tried first next time");
    trial.wait(Duration::from_hours(25));
    assert!(waiting(&trial).is_empty(), "after a day they are dropped");
}

#[test]
fn batches_over_a_limit_are_refused_whole() {
    let mut trial = with_stream(&json!({}));
    assert_eq!(put(&mut trial, &[]).expect_err("empty"), "ValidationException");
    assert_eq!(put(&mut trial, &[&b"x"[..]; 501]).expect_err("too many"), "ValidationException");
    assert_eq!(put(&mut trial, &[&vec![0; 1_024_001]]).expect_err("too large"), "ValidationException");
    assert_eq!(
        put(&mut trial, &[&vec![0; 1_024_000][..]; 5]).expect_err("too much"),
        "InvalidArgumentException"
    );
    put(&mut trial, &[&vec![0; 1_024_000][..]; 4]).expect("just enough");
    put(&mut trial, &[&b"x"[..]; 500]).expect("just enough");
}

#[test]
fn a_buffer_is_sealed_by_size_or_by_age_and_never_before() {
    let mut trial = with_stream(&json!({ "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 60 } }));
    put(&mut trial, &[&[b'x'; 1000]]).expect("taken");
    trial.wait(Duration::from_secs(59));
    assert!(waiting(&trial).is_empty());
    trial.wait(Duration::from_secs(1));
    // There is no bucket: it waits for another try.
    assert_eq!(waiting(&trial).iter().map(|buffer| buffer.bytes).collect::<Vec<_>>(), [1000]);
    put(&mut trial, &[&vec![b'x'; 900 << 10], &vec![b'x'; 200 << 10]]).expect("taken");
    assert_eq!(waiting(&trial).len(), 2);
}

#[test]
fn what_is_not_acknowledged_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut buffer = Buffer::new("2026-11-20T14:03:01Z".parse().expect("a time"), 1);
    buffer.append(folder.path(), &[b"one,".to_vec()]).expect("written");
    let before = buffer.clone();
    buffer.append(folder.path(), &[b"lost with the answer,".to_vec()]).expect("written");
    let mut buffer = before;
    assert_eq!(buffer.read(folder.path()).expect("read"), b"one,");
    buffer.append(folder.path(), &[b"two".to_vec()]).expect("written");
    assert_eq!(buffer.read(folder.path()).expect("read"), b"one,two");
}

#[test]
fn what_delivery_needs_is_checked_before_a_stream_is_made() {
    let mut trial = with_role();
    trial.wait(Duration::from_mins(1));
    for (more, code) in [
        (json!({ "BufferingHints": { "SizeInMBs": 129, "IntervalInSeconds": 60 } }), "ValidationException"),
        (json!({ "BufferingHints": { "SizeInMBs": 5, "IntervalInSeconds": 901 } }), "ValidationException"),
        (json!({ "BufferingHints": { "SizeInMBs": 5 } }), "InvalidArgumentException"),
        (json!({ "Prefix": "!{timestamp:yyyy}/" }), "InvalidArgumentException"),
        (
            json!({ "Prefix": "!{timestamp:yyyy}/", "ErrorOutputPrefix": "errors/" }),
            "InvalidArgumentException",
        ),
        (json!({ "Prefix": "!{nonsense}/" }), "InvalidArgumentException"),
        (json!({ "CompressionFormat": "RAR" }), "ValidationException"),
        (json!({ "FileExtension": "gz" }), "ValidationException"),
        (json!({ "CloudWatchLoggingOptions": { "Enabled": true } }), "InvalidArgumentException"),
        (json!({ "DynamicPartitioningConfiguration": { "Enabled": true } }), "InvalidArgumentException"),
        (json!({ "Snow": 1 }), "ValidationException"),
    ] {
        assert_eq!(trial.refused("firehose", "CreateDeliveryStream", named(&more)), code, "{more}");
    }
    let good =
        json!({ "Prefix": "!{timestamp:yyyy}/", "ErrorOutputPrefix": "!{firehose:error-output-type}/" });
    trial.ask("firehose", "CreateDeliveryStream", named(&good)).expect("a stream");
}

#[test]
fn an_update_keeps_what_it_does_not_name_and_needs_the_version() {
    let mut trial = with_stream(&json!({ "Prefix": "raw/", "CompressionFormat": "GZIP" }));
    let update = |version: &str| {
        json!({
            "DeliveryStreamName": "posts",
            "CurrentDeliveryStreamVersionId": version,
            "DestinationId": "destinationId-000000000001",
            "ExtendedS3DestinationUpdate": { "Prefix": "other/" },
        })
    };
    assert_eq!(
        trial.refused("firehose", "UpdateDestination", update("9")),
        "ConcurrentModificationException"
    );
    trial.ask("firehose", "UpdateDestination", update("1")).expect("updated");
    let described = trial.ask("firehose", "DescribeDeliveryStream", json!({ "DeliveryStreamName": "posts" }));
    let described = &described.expect("there")["DeliveryStreamDescription"];
    assert_eq!(described["VersionId"], "2");
    let s3 = &described["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!((&s3["Prefix"], &s3["CompressionFormat"]), (&json!("other/"), &json!("GZIP")));
}

#[test]
fn a_partial_failure_takes_the_rest() {
    let mut trial = with_stream(&json!({}));
    trial.world.faults.set(["partial=30%".parse().expect("a fault")]);
    let answer = put(&mut trial, &[&b"x"[..]; 10]).expect("taken in part");
    assert_eq!(answer["FailedPutCount"], 3);
    let failed = answer["RequestResponses"].as_array().expect("one for each").iter();
    assert_eq!(failed.filter(|response| response.get("ErrorCode").is_some()).count(), 3);
    let held: u64 = trial
        .world
        .firehose
        .streams
        .iter()
        .filter_map(|(_, stream)| stream.open.as_ref())
        .map(|buffer| buffer.bytes)
        .sum();
    assert_eq!(held, 7);
}
