//! What somebody else made is not touched.

use crate::support::World;
use crate::support::proxy::Verdict;

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
            Verdict::Answer(409, "application/xml", taken.to_owned())
        } else {
            Verdict::Forward
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
    world.proxy.rule(|call| if call.is("CreateRole") { Verdict::SwallowBefore } else { Verdict::Forward });
    let first = world.start(&["up"]);
    world.proxy.swallowed().await;
    let second = world.hydrant(&["up"]).await.expect(1);
    assert!(second.err.contains("being worked on by `hydrant up` (process "), "{}", second.err);
    world.hydrant(&["down", "--yes"]).await.expect(1);
    first.kill().await;
    world.proxy.no_rule();
    world.hydrant(&["up"]).await.expect(0);
}

/// IAM knows no regions: a second stack of the same names in another region must not take the first one's roles.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_stack_in_another_region_does_not_touch_the_first_ones_roles() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let refused = world.hydrant(&["up", "--region", "eu-west-1", "--adopt"]).await.expect(1);
    assert!(refused.err.contains("belongs to the stack `default in us-east-1`"), "{}", refused.err);
    // moto's index of tags lists the buckets of every region; AWS's lists those of its own.
    world.proxy.rule(|call| {
        let none = r#"{"PaginationToken":"","ResourceTagMappingList":[]}"#;
        if call.is("GetResources") {
            Verdict::Answer(200, "application/x-amz-json-1.1", none.to_owned())
        } else {
            Verdict::Forward
        }
    });
    world.hydrant(&["down", "--region", "eu-west-1", "--yes"]).await.expect(0);
    world.hydrant(&["status"]).await.expect(0);
    world.hydrant(&["up", "--region", "eu-west-1", "--stack", "europe"]).await.expect(0);
    world.hydrant(&["down", "--region", "eu-west-1", "--stack", "europe", "--yes"]).await.expect(0);
    world.hydrant(&["status"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_by_hand_and_made_again_by_somebody_is_not_ours() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let ec2 = world.aws().ec2;
    ec2.delete_key_pair().key_name("ec2-key-pair").send().await.unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl theirs";
    let request = ec2.import_key_pair().key_name("ec2-key-pair");
    request.public_key_material(aws_sdk_ec2::primitives::Blob::new(key)).send().await.unwrap();
    let refused = world.hydrant(&["up", "--yes"]).await.expect(1);
    assert!(
        refused.err.contains("the key-pair ec2-key-pair is there already and hydrant did not make it"),
        "{}",
        refused.err
    );
    world.hydrant(&["down", "--yes"]).await.expect(0);
    assert_eq!(world.aws().everything().await, ["key pair ec2-key-pair"]);
}

/// A log stream has no tags: it is its group's.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_stream_in_somebody_elses_group_is_neither_made_nor_deleted() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let group = "log_group=kinesisfirehose_twitter_delivery_stream";
    let theirs = ["--stack", "b", "--set", group, "--set", "log_stream=twitter_delivery_stream"];
    let down = world.hydrant(&[&["down", "--yes"], &theirs[..]].concat()).await.expect(0);
    assert!(!down.err.contains("deleted"), "{}", down.err);
    assert_eq!(world.aws().everything().await, super::up_and_down::whole_stack(&world));
    let ours = ["up", "--only", "log-stream", "--stack", "b", "--set", group, "--set", "log_stream=mine"];
    let refused = world.hydrant(&ours).await.expect(1);
    assert!(
        refused.err.contains("would be made in the log-group") && refused.err.contains("`log_group`"),
        "{}",
        refused.err
    );
    assert_eq!(world.aws().everything().await, super::up_and_down::whole_stack(&world));
}

/// A tag is foreign text: whoever can tag a bucket must not steer the operator's terminal.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_owner_tag_is_shown_as_symbols() {
    let world = World::new().await;
    let aws = world.aws();
    aws.s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
    let tag =
        aws_sdk_s3::types::Tag::builder().key("hydrant:stack").value("x\u{202e}y\u{9b}31m").build().unwrap();
    let tags = aws_sdk_s3::types::Tagging::builder().tag_set(tag).build().unwrap();
    aws.s3.put_bucket_tagging().bucket(world.bucket()).tagging(tags).send().await.unwrap();
    for arguments in [&["up"][..], &["up", "--plan"], &["status"], &["down", "--plan"]] {
        let ran = world.hydrant(arguments).await;
        let shown = ran.out + &ran.err;
        assert!(shown.contains("x<U+202E>y<U+009B>31m"), "{shown}");
        assert!(!shown.contains('\u{202e}') && !shown.contains('\u{9b}'), "{shown:?}");
    }
}
