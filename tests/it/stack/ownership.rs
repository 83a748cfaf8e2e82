//! What somebody else made is not touched.

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_name_taken_by_something_that_hydrant_did_not_make_is_refused_before_anything_is_done() {
    let world = World::new().await;
    world.aws().s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
    let refused = world.hydrant(&["up"]).await.expect(1);
    assert!(
        refused.err.contains("hydrant did not make it") && refused.err.contains("--adopt"),
        "{}",
        refused.err
    );
    assert_eq!(world.aws().everything().await, [format!("bucket {}", world.bucket())]);
    assert!(world.hydrant(&["up", "--plan"]).await.expect(3).out.contains("1 to refuse"));
    let down = world.hydrant(&["down", "--yes"]).await.expect(0);
    assert!(down.out.contains("hydrant did not make the bucket"), "{}", down.out);
    assert_eq!(world.aws().everything().await, [format!("bucket {}", world.bucket())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_things_are_mended_and_from_then_on_ours() {
    let world = World::new().await;
    let aws = world.aws();
    aws.s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"firehose.amazonaws.com"}}]}"#;
    let role = aws.iam.create_role().role_name("kinesis-firehose-role").assume_role_policy_document(trust);
    role.send().await.unwrap();
    let up = world.hydrant(&["up", "--adopt", "--json"]).await.expect(0);
    assert_eq!(up.json()["state"], "ready", "{}", up.out);
    world.hydrant(&["up", "--plan"]).await.expect(0);
    world.hydrant(&["down", "--yes"]).await.expect(0);
    assert_eq!(aws.everything().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_stacks_things_are_refused_even_when_adopting() {
    let world = World::new().await;
    world.hydrant(&["up", "--stack", "first", "--set", "bucket=shared-lake"]).await.expect(0);
    let arguments = ["up", "--adopt", "--set", "bucket=shared-lake"];
    let refused = world.hydrant(&arguments).await.expect(1);
    assert!(refused.err.contains("belongs to the stack `first`"), "{}", refused.err);
}

/// moto lets anybody read anybody's bucket, so the proxy answers as AWS does for a bucket of another account.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_name_that_another_account_has_is_said_plainly() {
    let world = World::new().await;
    world.proxy.rule(|call| {
        let taken = "<Error><Code>BucketAlreadyExists</Code><Message>The requested bucket name is not available.</Message></Error>";
        if call.is("CreateBucket") {
            crate::support::proxy::Verdict::Answer(409, "application/xml", taken.to_owned())
        } else {
            crate::support::proxy::Verdict::Forward
        }
    });
    let failed = world.hydrant(&["up"]).await.expect(3);
    assert!(
        failed.err.contains("is taken by another account: choose another with `bucket`"),
        "{}",
        failed.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_operator_sees_a_good_stack_and_replaces_nothing() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let other = world.other_home();
    let status = world.hydrant_from(other.path(), &["status", "--json"]).await.expect(0);
    assert!(status.detail("key-pair").contains("private half is not on this machine"), "{}", status.out);
    world.hydrant_from(other.path(), &["up", "--plan"]).await.expect(0);
    world.hydrant_from(other.path(), &["down", "--yes"]).await.expect(0);
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_the_second_is_told_who_is_at_it() {
    let world = World::new().await;
    world.proxy.rule(|call| {
        if call.is("CreateRole") {
            crate::support::proxy::Verdict::SwallowBefore
        } else {
            crate::support::proxy::Verdict::Forward
        }
    });
    let first = world.start(&["up"]);
    world.proxy.swallowed().await;
    let second = world.hydrant(&["up"]).await.expect(1);
    assert!(second.err.contains("being worked on by `hydrant up` (process "), "{}", second.err);
    world.hydrant(&["down", "--yes"]).await.expect(1);
    first.kill().await;
    world.proxy.no_rule();
    world.hydrant(&["up"]).await.expect(0);
}
