//! Denied calls, throttling, no answers, and terms that forbid changes.

use super::up_and_down::whole_stack;
use crate::support::World;
use crate::support::proxy::Verdict;

fn denied() -> Verdict {
    let text = r#"{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::1:user/op is not authorized to perform: logs:CreateLogGroup"}"#;
    Verdict::Answer(400, "application/x-amz-json-1.1", text.to_owned())
}

/// The proxy answers AccessDenied for one call, as AWS does for a user without that permission.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_is_named_and_all_that_does_not_need_it_is_done() {
    let world = World::new().await;
    world.proxy.rule(|call| if call.is("CreateLogGroup") { denied() } else { Verdict::Forward });
    let up = world.hydrant(&["up", "--json"]).await.expect(3);
    assert!(
        up.err.contains("logs:CreateLogGroup on kinesisfirehose_twitter_delivery_stream was denied"),
        "{}",
        up.err
    );
    assert!(up.err.contains("hydrant doctor --policy"), "{}", up.err);
    assert_eq!((up.state("log-group"), up.state("delivery-stream")), ("absent".into(), "absent".into()));
    assert_eq!((up.state("instance"), up.state("bucket")), ("ready".into(), "ready".into()));
    world.proxy.no_rule();
    world.hydrant(&["up"]).await.expect(0);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_goes_on_past_a_failure_and_says_what_is_left() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.rule(|call| if call.is("DeleteDeliveryStream") { denied() } else { Verdict::Forward });
    let down = world.hydrant(&["down", "--yes", "--json"]).await.expect(3);
    assert_eq!((down.state("instance"), down.state("delivery-stream")), ("absent".into(), "ready".into()));
    let left = down.json()["left"].to_string();
    assert!(
        left.contains("deliverystream/twitter_delivery_stream") && left.contains("kinesis-firehose-role"),
        "{left}"
    );
    world.proxy.no_rule();
    world.hydrant(&["down", "--yes"]).await.expect(0);
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_and_not_taken_for_absent() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.rule(|call| if call.is("DescribeLogGroups") { denied() } else { Verdict::Forward });
    let status = world.hydrant(&["status", "--json"]).await.expect(1);
    assert_eq!(status.state("log-group"), "failed");
    assert!(status.detail("log-group").contains("was denied"), "{}", status.out);
    world.hydrant(&["up"]).await.expect(1);
    world.proxy.no_rule();
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_costs_that_cannot_be_read_is_not_said_to_be_nothing() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.rule(|call| {
        let text = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation.</Message></Error></Errors><RequestID>r</RequestID></Response>";
        if call.is("DescribeInstances") {
            Verdict::Answer(403, "application/xml", text.to_owned())
        } else {
            Verdict::Forward
        }
    });
    let status = world.hydrant(&["status", "--json"]).await.expect(1).json();
    assert_eq!(status["estimate"]["usd_per_hour"], serde_json::Value::Null, "{status}");
    let shown = world.hydrant(&["status"]).await.expect(1);
    assert!(shown.out.contains("the instance, which could not be read, unknown"), "{}", shown.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leftover_that_cannot_be_looked_up_is_listed_and_hides_no_other() {
    let world = World::new().await;
    let account = world.account().to_owned();
    world.proxy.rule(move |call| {
        if call.is("DescribeVolumes") {
            let text = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation.</Message></Error></Errors><RequestID>r</RequestID></Response>";
            return Verdict::Answer(403, "application/xml", text.to_owned());
        }
        if !call.is("GetResources") {
            return Verdict::Forward;
        }
        // Three pages: what cannot be looked up is on the first one.
        let (token, what) = match () {
            () if call.input.contains("\"second\"") => ("third", "natgateway/nat-2"),
            () if call.input.contains("\"third\"") => ("", "natgateway/nat-3"),
            () => ("second", "volume/vol-0123456789abcdef0"),
        };
        let list = [serde_json::json!({ "ResourceARN": format!("arn:aws:ec2:us-east-1:{account}:{what}"), "Tags": [] })];
        let page = serde_json::json!({ "PaginationToken": token, "ResourceTagMappingList": list });
        Verdict::Answer(200, "application/x-amz-json-1.1", page.to_string())
    });
    let down = world.hydrant(&["down", "--yes", "--json"]).await.expect(3);
    let left = down.json()["left"].to_string();
    for what in ["volume/vol-0123456789abcdef0", "natgateway/nat-2", "natgateway/nat-3"] {
        assert!(left.contains(what), "{what}: {left}");
    }
    assert!(down.err.contains("the audit could not look everywhere: ec2:DescribeVolumes"), "{}", down.err);
}

/// S3 answers a batch of deletions with what became of each object.
fn failing_deletions(code: &'static str) -> impl FnMut(&crate::support::proxy::Call) -> Verdict + Send {
    move |call| {
        if !call.is("DeleteObjects") {
            return Verdict::Forward;
        }
        let text = format!(
            "<DeleteResult><Error><Key>post</Key><Code>{code}</Code><Message>it is {code}</Message></Error></DeleteResult>"
        );
        Verdict::Answer(200, "application/xml", text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_s3_does_not_empty_is_given_up_with_its_reason_and_nothing_is_claimed() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let put = world.aws().s3.put_object().bucket(world.bucket()).key("post");
    put.body(b"post".to_vec().into()).send().await.unwrap();
    for code in ["InternalError", "AccessDenied"] {
        world.proxy.rule(failing_deletions(code));
        let down = world.hydrant(&["down", "--yes", "--delete-data"]).await;
        assert!(matches!(down.code, Some(1 | 3)), "{}", down.err);
        let why = format!("the object post in {} could not be deleted: it is {code}", world.bucket());
        assert!(down.err.contains(&why) && !down.err.contains("nothing is left"), "{}", down.err);
        assert_eq!(world.aws().everything().await, [format!("bucket {}", world.bucket())]);
    }
    world.proxy.no_rule();
    world.hydrant(&["down", "--yes", "--delete-data"]).await.expect(0);
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}

/// Every other call is answered as S3 and the others answer when there are too many.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_on_every_other_call_only_makes_it_slower() {
    let world = World::new().await;
    let throttle = || {
        let mut calls = 0_usize;
        move |call: &crate::support::proxy::Call| {
            calls += 1;
            if calls.is_multiple_of(2) {
                return Verdict::Forward;
            }
            match call.service.as_str() {
                "s3" => Verdict::Answer(503, "application/xml", "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>".into()),
                "ec2" => Verdict::Answer(503, "application/xml", "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors></Response>".into()),
                "iam" | "sts" => Verdict::Answer(400, "application/xml", "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>".into()),
                _ => Verdict::throttled(),
            }
        }
    };
    world.proxy.rule(throttle());
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.no_rule();
    assert_eq!(world.aws().everything().await, whole_stack(&world));
    world.proxy.rule(throttle());
    world.hydrant(&["down", "--yes"]).await.expect(0);
    world.proxy.no_rule();
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_refuses_every_change_and_lets_every_look_pass() {
    let world = World::new().await;
    let up = world.hydrant(&["up", "--readonly"]).await.expect(1);
    assert!(up.err.contains("this run is read-only"), "{}", up.err);
    assert!(world.proxy.take_calls().iter().all(|call| !call.changes()));
    assert!(!world.home.path().join(".local/share/hydrant/stacks").exists(), "nor is anything written here");
    world.hydrant(&["up"]).await.expect(0);
    world.hydrant(&["status", "--readonly"]).await.expect(0);
    world.hydrant(&["down", "--yes", "--readonly"]).await.expect(1);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}
