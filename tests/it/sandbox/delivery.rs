//! What is put into a delivery stream lies in the bucket, whatever happens in between.

use std::time::Duration;

use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use crate::support::sandbox::Sandbox;

const STREAM: &str = "twitter_delivery_stream";
const BUCKET: &str = "hydrant-123456789012-us-east-1";

/// Puts numbered records, resending those that were not taken, and gives back how many were acknowledged.
async fn put(sandbox: &Sandbox, numbers: std::ops::Range<u32>) -> usize {
    let mut waiting: Vec<u32> = numbers.collect();
    let mut taken = 0;
    for _ in 0..100 {
        if waiting.is_empty() {
            break;
        }
        let batch: Vec<u32> = waiting.iter().copied().take(400).collect();
        let records = batch.iter().map(|number| {
            Record::builder().data(Blob::new(format!("{number}\n"))).build().expect("a record")
        });
        let firehose = sandbox.aws().firehose;
        let answer = firehose
            .put_record_batch()
            .delivery_stream_name(STREAM)
            .set_records(Some(records.collect()))
            .send();
        // No answer: whether it was taken is not known, and it is sent again.
        let Ok(answer) = answer.await else { continue };
        let failed: Vec<u32> = batch
            .iter()
            .zip(answer.request_responses())
            .filter(|(_, response)| response.record_id().is_none())
            .map(|(number, _)| *number)
            .collect();
        taken += batch.len() - failed.len();
        waiting = failed.into_iter().chain(waiting.into_iter().skip(batch.len())).collect();
    }
    taken
}

/// Every record that lies in the bucket, once the buffers are empty.
async fn delivered(sandbox: &Sandbox, at_least: usize) -> Vec<u32> {
    let s3 = sandbox.aws().s3;
    for _ in 0..200 {
        let mut numbers = Vec::new();
        let mut pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
        while let Some(page) = pages.next().await {
            for object in page.expect("a page").contents() {
                let key = object.key().expect("a key");
                let body = s3.get_object().bucket(BUCKET).key(key).send().await.expect("an object").body;
                let text = String::from_utf8(body.collect().await.expect("read").to_vec()).expect("text");
                numbers.extend(text.lines().map(|line| line.parse::<u32>().expect("a number")));
            }
        }
        if numbers.len() >= at_least {
            numbers.sort_unstable();
            return numbers;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("fewer than {at_least} records were delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_delivered_once_and_in_folders_by_the_hour() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    assert_eq!(put(&sandbox, 0..1000).await, 1000);
    assert_eq!(delivered(&sandbox, 1000).await, (0..1000).collect::<Vec<_>>());
    let listed = sandbox.aws().s3.list_objects_v2().bucket(BUCKET).send().await.expect("a listing");
    for object in listed.contents() {
        let key = object.key().expect("a key");
        let shape = key.strip_prefix("datasets/twitter/kinesis-demo/").expect("under the prefix");
        let parts: Vec<&str> = shape.split('/').collect();
        assert_eq!(parts.len(), 5, "{key}");
        assert!(
            parts[4].starts_with(&format!("{STREAM}-1-{}-{}-{}-{}-", parts[0], parts[1], parts[2], parts[3])),
            "{key}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cloud_loses_nothing_that_it_took() {
    let mut sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let mut acknowledged = 0;
    for round in 0..4 {
        acknowledged += put(&sandbox, round * 100..(round + 1) * 100).await;
        sandbox.kill_and_restart().await;
    }
    assert_eq!(acknowledged, 400);
    let mut numbers = delivered(&sandbox, 400).await;
    // A delivery that was cut off between the object and the note of it is made again.
    numbers.dedup();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_failures_are_named_record_by_record() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.faults(&["partial=30%"]).await;
    assert_eq!(put(&sandbox, 0..500).await, 500);
    assert_eq!(delivered(&sandbox, 500).await, (0..500).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_in_the_log_and_comes_when_it_can() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.faults(&["lost-bucket"]).await;
    assert_eq!(put(&sandbox, 0..10).await, 10);
    let group = "kinesisfirehose_twitter_delivery_stream";
    let mut said = String::new();
    for _ in 0..200 {
        let events =
            sandbox.aws().logs.filter_log_events().log_group_name(group).send().await.expect("events");
        said = events.events().iter().filter_map(|event| event.message()).collect();
        if !said.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(said.contains("S3.NoSuchBucket"), "{said}");
    sandbox.faults(&[]).await;
    assert_eq!(delivered(&sandbox, 10).await, (0..10).collect::<Vec<_>>());
}

/// The host's role may put records to this stream and nothing else: its policies are evaluated.
#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_role_may_put_records_and_nothing_else() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let instances = sandbox.aws().ec2.describe_instances().send().await.expect("a listing");
    let instance = instances.reservations()[0].instances()[0].instance_id().expect("an id").to_owned();
    let metadata = format!("{}/_imds/{instance}/latest", sandbox.serving.endpoint());
    let client = reqwest::Client::new();
    let token = client
        .put(format!("{metadata}/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "60")
        .send()
        .await
        .expect("a token")
        .text()
        .await
        .expect("text");
    let get = |path: String| client.get(path).header("x-aws-ec2-metadata-token", token.clone()).send();
    let roles = format!("{metadata}/meta-data/iam/security-credentials/");
    let role = get(roles.clone()).await.expect("a role").text().await.expect("text");
    let keys = get(format!("{roles}{role}")).await.expect("keys").text().await.expect("text");
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
    let text = |name: &str| keys[name].as_str().expect("text").to_owned();
    let credentials = aws_credential_types::Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("Token")),
        None,
        "host",
    );
    let host = crate::support::aws::Aws::with(&sandbox.serving.endpoint(), "us-east-1", credentials);
    let record = || Record::builder().data(Blob::new("x")).build().expect("a record");
    host.firehose
        .put_record_batch()
        .delivery_stream_name(STREAM)
        .records(record())
        .send()
        .await
        .expect("allowed");
    let elsewhere =
        host.firehose.put_record_batch().delivery_stream_name("another").records(record()).send().await;
    let elsewhere = elsewhere.expect_err("denied").into_service_error();
    assert_eq!(elsewhere.meta().code(), Some("AccessDeniedException"));
    assert!(host.s3.list_objects_v2().bucket(BUCKET).send().await.is_err());
    assert!(host.ec2.describe_instances().send().await.is_err());
    assert!(host.iam.list_roles().send().await.is_err());
}
