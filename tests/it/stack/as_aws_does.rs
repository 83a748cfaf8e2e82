//! Where moto does not do as AWS does, the proxy in front of it answers as AWS would for that call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::up_and_down::whole_stack;
use crate::support::World;
use crate::support::proxy::{Call, Verdict};

/// Answers the first `times` calls of an operation with `verdict`, then hands on.
fn at_first(
    operation: &'static str,
    times: usize,
    verdict: fn() -> Verdict,
) -> impl FnMut(&Call) -> Verdict + Send {
    let mut left = times;
    move |call| {
        if call.is(operation) && left > 0 {
            left -= 1;
            verdict()
        } else {
            Verdict::Forward
        }
    }
}

fn json_error(code: &str, message: &str) -> Verdict {
    Verdict::Answer(
        400,
        "application/x-amz-json-1.1",
        serde_json::json!({ "__type": code, "message": message }).to_string(),
    )
}

fn ec2_error(code: &str, message: &str) -> Verdict {
    let text = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>r</RequestID></Response>"
    );
    Verdict::Answer(400, "application/xml", text)
}

fn iam_error(status: u16, code: &str, message: &str) -> Verdict {
    let text = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    Verdict::Answer(status, "application/xml", text)
}

/// moto knows every role at once. AWS takes some seconds, and Firehose answers so until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_firehose_does_not_know_yet_is_waited_for() {
    let world = World::new().await;
    world.proxy.rule(at_first("CreateDeliveryStream", 3, || {
        json_error(
            "InvalidArgumentException",
            "Firehose is unable to assume role arn:aws:iam::1:role/x. Please check the role provided.",
        )
    }));
    let up = world.hydrant(&["up"]).await.expect(0);
    assert!(up.err.contains("waiting until AWS knows the role everywhere"), "{}", up.err);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

/// The same lag for instance profiles.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_ec2_does_not_know_yet_is_waited_for() {
    let world = World::new().await;
    world.proxy.rule(at_first("RunInstances", 3, || {
        ec2_error(
            "InvalidParameterValue",
            "Value (p) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        )
    }));
    world.hydrant(&["up"]).await.expect(0);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

/// A mistake in the request looks much the same, and must not be waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_not_taken_for_a_lag() {
    let world = World::new().await;
    world.proxy.rule(at_first("CreateDeliveryStream", usize::MAX, || {
        json_error("InvalidArgumentException", "BufferingHints are out of range")
    }));
    let up = world.hydrant(&["up"]).await.expect(3);
    assert!(up.err.contains("BufferingHints are out of range"), "{}", up.err);
}

/// moto's streams are active at once; AWS's are made for up to a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_being_made_is_waited_for() {
    let world = World::new().await;
    let described = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&described);
    let mut created = false;
    world.proxy.rule(move |call| {
        created |= call.is("CreateDeliveryStream");
        if created && call.is("DescribeDeliveryStream") && seen.fetch_add(1, Ordering::Relaxed) < 4 {
            let creating = r#"{"DeliveryStreamDescription":{"DeliveryStreamName":"s","DeliveryStreamARN":"arn:s","DeliveryStreamStatus":"CREATING","DeliveryStreamType":"DirectPut","VersionId":"1","Destinations":[],"HasMoreDestinations":false}}"#;
            return Verdict::Answer(200, "application/x-amz-json-1.1", creating.to_owned());
        }
        Verdict::Forward
    });
    let up = world.hydrant(&["up"]).await.expect(0);
    assert!(up.err.contains("being created"), "{}", up.err);
    assert!(described.load(Ordering::Relaxed) > 4);
}

/// A stream whose making failed can only be deleted; hydrant says so and does not go round in circles.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_making_failed_is_said_and_made_anew_only_when_agreed() {
    let world = World::new().await;
    let mut created = false;
    world.proxy.rule(move |call| {
        created |= call.is("CreateDeliveryStream");
        if created && call.is("DescribeDeliveryStream") {
            let failed = r#"{"DeliveryStreamDescription":{"DeliveryStreamName":"s","DeliveryStreamARN":"arn:s","DeliveryStreamStatus":"CREATING_FAILED","FailureDescription":{"Type":"UNKNOWN_ERROR","Details":"no such key"},"DeliveryStreamType":"DirectPut","VersionId":"1","Destinations":[],"HasMoreDestinations":false}}"#;
            return Verdict::Answer(200, "application/x-amz-json-1.1", failed.to_owned());
        }
        Verdict::Forward
    });
    let up = world.hydrant(&["up", "--json"]).await.expect(3);
    assert!(up.err.contains("no such key"), "{}", up.err);
    assert_eq!(up.state("delivery-stream"), "failed");
    world.proxy.no_rule();
}

/// moto deletes a group that is in use.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_still_in_use_is_waited_for() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.rule(at_first("DeleteSecurityGroup", 4, || {
        ec2_error("DependencyViolation", "resource sg-1 has a dependent object")
    }));
    let down = world.hydrant(&["down", "--yes"]).await.expect(0);
    assert!(
        down.err.contains("waiting until nothing uses it any more (DependencyViolation)"),
        "{}",
        down.err
    );
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}

/// moto deletes a role that still has a profile.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_still_in_a_profile_is_waited_for() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.rule(at_first("DeleteRole", 4, || {
        iam_error(
            409,
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.",
        )
    }));
    world.hydrant(&["down", "--yes"]).await.expect(0);
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}

/// moto ignores client tokens. Here the first making has an effect that is not seen yet, as on AWS after a lost
/// answer: the second run must ask with the same token.
#[tokio::test(flavor = "multi_thread")]
async fn a_making_that_lost_its_answer_is_asked_for_again_under_the_same_token() {
    let world = World::new().await;
    let tokens = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    let note = move |call: &Call| {
        if call.is("RunInstances") {
            let token =
                call.input.split('&').find_map(|pair| pair.strip_prefix("ClientToken=")).unwrap().to_owned();
            seen.lock().unwrap().push(token);
        }
    };
    let first = note.clone();
    world.proxy.rule(move |call| {
        first(call);
        if call.is("RunInstances") { Verdict::SwallowBefore } else { Verdict::Forward }
    });
    let running = world.start(&["up"]);
    world.proxy.swallowed().await;
    running.kill().await;
    world.proxy.rule(move |call| {
        note(call);
        Verdict::Forward
    });
    world.hydrant(&["up"]).await.expect(0);
    let tokens = tokens.lock().unwrap().clone();
    assert!(tokens.len() == 2 && tokens[0] == tokens[1], "{tokens:?}");
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

/// AWS's index of tags lists terminated instances for an hour; moto's does not at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_index_of_tags_still_lists_is_looked_up_before_it_is_called_left() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let account = world.account().to_owned();
    world.proxy.rule(move |call| {
        if call.is("GetResources") {
            let arn = |what: &str| format!("arn:aws:ec2:us-east-1:{account}:{what}");
            let list = ["instance/i-0123456789abcdef0", "volume/vol-0123456789abcdef0", "natgateway/nat-1"]
                .map(|what| serde_json::json!({ "ResourceARN": arn(what), "Tags": [] }));
            return Verdict::Answer(
                200,
                "application/x-amz-json-1.1",
                serde_json::json!({ "PaginationToken": "", "ResourceTagMappingList": list }).to_string(),
            );
        }
        Verdict::Forward
    });
    let down = world.hydrant(&["down", "--yes", "--json"]).await.expect(3);
    let left = down.json()["left"].to_string();
    assert!(
        left.contains("natgateway/nat-1") && !left.contains("instance/") && !left.contains("volume/"),
        "{left}"
    );
}

/// On AWS the next call after a making may reach a replica that does not know the thing yet; moto knows it at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_a_moment_ago_and_is_said_to_be_missing_is_waited_for() {
    let world = World::new().await;
    let mut left = std::collections::BTreeMap::from([
        ("PutRolePolicy", 2),
        ("AddRoleToInstanceProfile", 2),
        ("AuthorizeSecurityGroupIngress", 2),
        ("PutPublicAccessBlock", 2),
        ("RunInstances", 2),
    ]);
    world.proxy.rule(move |call| {
        let Some(times) = left.get_mut(call.operation.as_str()).filter(|times| **times > 0) else {
            return Verdict::Forward;
        };
        *times -= 1;
        match call.service.as_str() {
            "iam" => iam_error(404, "NoSuchEntity", "The role with name x cannot be found."),
            "s3" => Verdict::Answer(404, "application/xml", "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>".to_owned()),
            _ => ec2_error("InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
        }
    });
    let up = world.hydrant(&["up"]).await.expect(0);
    assert!(up.err.contains("waiting until AWS shows what was made (NoSuchEntity)"), "{}", up.err);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

/// moto knows no client tokens. AWS refuses one that was used for another request, or whose instance is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_used_up_is_replaced_by_a_new_one() {
    let world = World::new().await;
    let tokens = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    world.proxy.rule(move |call| {
        if !call.is("RunInstances") {
            return Verdict::Forward;
        }
        let mut seen = seen.lock().unwrap();
        seen.push(
            call.input.split('&').find_map(|pair| pair.strip_prefix("ClientToken=")).unwrap().to_owned(),
        );
        if seen.len() == 1 {
            return ec2_error("IdempotentParameterMismatch", "The request uses the same client token");
        }
        Verdict::Forward
    });
    world.hydrant(&["up"]).await.expect(0);
    let tokens = tokens.lock().unwrap().clone();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "{tokens:?}");
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

/// AWS's listings name what was deleted for some seconds; moto's do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_behind_is_looked_at_again_before_anything_is_called_left() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.rule(at_first("ListRoles", 2, || {
        let text = "<ListRolesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListRolesResult><IsTruncated>false</IsTruncated><Roles><member><Path>/hydrant/default/us-east-1/</Path><RoleName>hydrant-streamer-role</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::1:role/hydrant/default/us-east-1/hydrant-streamer-role</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles></ListRolesResult></ListRolesResponse>";
        Verdict::Answer(200, "text/xml", text.to_owned())
    }));
    let down = world.hydrant(&["down", "--yes", "--json"]).await.expect(0);
    assert_eq!(down.json()["left"], serde_json::json!([]));
}
