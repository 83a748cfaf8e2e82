//! Somebody changed something by hand: it is seen, named, and mended by `up`.

use aws_sdk_ec2::types::{HttpTokensState, IpPermission, IpRange};
use aws_sdk_firehose::types::{BufferingHints, ExtendedS3DestinationUpdate};

use crate::support::World;
use crate::support::aws::Aws;

const GROUP: &str = "kinesisfirehose_twitter_delivery_stream";
const STREAM: &str = "twitter_delivery_stream";

/// Makes one kind of drift on a stack that is up, sees that `status` names it with exit code 3, that `up` mends it,
/// and that then there is nothing left to do.
async fn seen_and_mended(kind: &str, says: &str, drift: impl AsyncFnOnce(&Aws, &World)) {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    drift(&world.aws(), &world).await;
    let status = world.hydrant(&["status", "--json"]).await.expect(3);
    assert_eq!(status.json()["state"], "drifted", "{}", status.out);
    let seen = format!("{} {}", status.state(kind), status.detail(kind));
    assert!(seen.contains(says), "{seen:?} does not say {says:?}");
    world.hydrant(&["up", "--plan"]).await.expect(3);
    world.hydrant(&["up", "--yes"]).await.expect(0);
    let mended = world.hydrant(&["status", "--json"]).await.expect(0);
    assert_eq!(mended.json()["state"], "ready", "{}", mended.out);
    world.hydrant(&["up", "--plan"]).await.expect(0);
}

async fn group_id(aws: &Aws) -> String {
    let groups = aws.ec2.describe_security_groups().group_names("allow-inbound-ssh").send().await.unwrap();
    groups.security_groups()[0].group_id().unwrap().to_owned()
}

async fn instance_id(aws: &Aws) -> String {
    let all = aws.ec2.describe_instances().send().await.unwrap();
    all.reservations()[0].instances()[0].instance_id().unwrap().to_owned()
}

fn ssh_from(range: &str) -> IpPermission {
    let range = IpRange::builder().cidr_ip(range).build();
    IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(range).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_was_opened_to_everybody() {
    seen_and_mended(
        "security-group",
        "drifted open to: tcp 22 from 0.0.0.0/0, tcp 22 from 127.0.0.1/32",
        async |aws, _| {
            let request = aws.ec2.authorize_security_group_ingress().group_id(group_id(aws).await);
            request.ip_permissions(ssh_from("0.0.0.0/0")).send().await.unwrap();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_was_shut() {
    seen_and_mended("security-group", "open to: nobody", async |aws, _| {
        let request = aws.ec2.revoke_security_group_ingress().group_id(group_id(aws).await);
        request.ip_permissions(ssh_from("127.0.0.1/32")).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buffering_was_changed() {
    seen_and_mended("delivery-stream", "buffer seconds: 300 → 60", async |aws, _| {
        let stream =
            aws.firehose.describe_delivery_stream().delivery_stream_name(STREAM).send().await.unwrap();
        let stream = stream.delivery_stream_description().unwrap();
        let hints = BufferingHints::builder().size_in_mbs(64).interval_in_seconds(300).build();
        let there = stream.destinations()[0].extended_s3_destination_description().unwrap();
        // moto forgets what an update does not repeat.
        let update = ExtendedS3DestinationUpdate::builder()
            .bucket_arn(there.bucket_arn())
            .role_arn(there.role_arn())
            .set_prefix(there.prefix.clone())
            .set_error_output_prefix(there.error_output_prefix.clone())
            .compression_format(there.compression_format().clone())
            .set_cloud_watch_logging_options(there.cloud_watch_logging_options.clone())
            .buffering_hints(hints)
            .build();
        let request = aws.firehose.update_destination().delivery_stream_name(STREAM);
        let request = request.current_delivery_stream_version_id(stream.version_id());
        let request = request.destination_id(stream.destinations()[0].destination_id());
        request.extended_s3_destination_update(update).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_group_was_deleted() {
    seen_and_mended("log-group", "absent hydrant made it and it is gone", async |aws, _| {
        aws.logs.delete_log_group().log_group_name(GROUP).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_retention_was_changed() {
    seen_and_mended("log-group", "retention: 7 days → 30 days", async |aws, _| {
        aws.logs.put_retention_policy().log_group_name(GROUP).retention_in_days(7).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delivery_stream_was_deleted() {
    seen_and_mended("delivery-stream", "absent", async |aws, _| {
        aws.firehose.delete_delivery_stream().delivery_stream_name(STREAM).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_was_opened_and_its_rules_were_taken_away() {
    seen_and_mended("bucket", "public access: possible → blocked", async |aws, world| {
        aws.s3.delete_public_access_block().bucket(world.bucket()).send().await.unwrap();
        aws.s3.delete_bucket_lifecycle().bucket(world.bucket()).send().await.unwrap();
        aws.s3.delete_bucket_encryption().bucket(world.bucket()).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_was_given_more_than_it_needs() {
    seen_and_mended("instance-role", "other policies: too-much, also-too-much → none", async |aws, _| {
        let everything =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let policy =
            aws.iam.create_policy().policy_name("too-much").policy_document(everything).send().await.unwrap();
        let arn = policy.policy().unwrap().arn().unwrap();
        let request =
            aws.iam.put_role_policy().role_name("hydrant-streamer-role").policy_name("also-too-much");
        request.policy_document(everything).send().await.unwrap();
        aws.iam.attach_role_policy().role_name("hydrant-streamer-role").policy_arn(arn).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_was_edited_and_a_trust_widened() {
    seen_and_mended("firehose-role", "trust policy: differs (`status --json` has both); policy: differs", async |aws, _| {
        let edited = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}"#;
        let request = aws.iam.put_role_policy().role_name("kinesis-firehose-role").policy_name("hydrant");
        request.policy_document(edited).send().await.unwrap();
        let anyone = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"firehose.amazonaws.com"}}]}"#;
        let request = aws.iam.update_assume_role_policy().role_name("kinesis-firehose-role");
        request.policy_document(anyone).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_lost_its_role() {
    seen_and_mended("instance-profile", "role: not set → hydrant-streamer-role", async |aws, _| {
        let request =
            aws.iam.remove_role_from_instance_profile().instance_profile_name("hydrant-streamer-profile");
        request.role_name("hydrant-streamer-role").send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_was_stopped() {
    seen_and_mended("instance", "power: off → on", async |aws, _| {
        aws.ec2.stop_instances().instance_ids(instance_id(aws).await).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_was_terminated() {
    seen_and_mended("instance", "absent", async |aws, _| {
        aws.ec2.terminate_instances().instance_ids(instance_id(aws).await).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_answers_without_metadata_tokens() {
    seen_and_mended("instance", "metadata tokens: optional → required", async |aws, _| {
        let request = aws.ec2.modify_instance_metadata_options().instance_id(instance_id(aws).await);
        request.http_tokens(HttpTokensState::Optional).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_pair_was_deleted_and_another_put_in_its_place() {
    seen_and_mended("key-pair", "public key: differs", async |aws, _| {
        aws.ec2.delete_key_pair().key_name("ec2-key-pair").send().await.unwrap();
        let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl other";
        let tag = aws_sdk_ec2::types::Tag::builder().key("hydrant:stack").value("default").build();
        let tags = aws_sdk_ec2::types::TagSpecification::builder();
        let tags = tags.resource_type(aws_sdk_ec2::types::ResourceType::KeyPair).tags(tag).build();
        let request = aws.ec2.import_key_pair().key_name("ec2-key-pair").tag_specifications(tags);
        request.public_key_material(aws_sdk_ec2::primitives::Blob::new(other)).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_address_changed_only_the_group_is_opened_to_the_new_one() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.take_calls();
    world.hydrant(&["up", "--only", "security-group", "--set", "ssh_from=203.0.113.7/32"]).await.expect(0);
    let changes: Vec<_> = world
        .proxy
        .take_calls()
        .into_iter()
        .filter(|call| call.changes())
        .map(|call| call.operation)
        .collect();
    assert_eq!(changes, ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_was_renamed_and_is_still_the_host() {
    seen_and_mended("instance", "Name: mine → hydrant-streamer", async |aws, _| {
        let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("mine").build();
        aws.ec2.create_tags().resources(instance_id(aws).await).tags(tag).send().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_rule_for_unfinished_uploads_is_no_drift() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let rule = aws_sdk_s3::types::LifecycleRule::builder()
        .id("mine")
        .status(aws_sdk_s3::types::ExpirationStatus::Enabled)
        .filter(aws_sdk_s3::types::LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(
            aws_sdk_s3::types::AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build(),
        )
        .build()
        .unwrap();
    let rules = aws_sdk_s3::types::BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let request = world.aws().s3.put_bucket_lifecycle_configuration().bucket(world.bucket());
    request.lifecycle_configuration(rules).send().await.unwrap();
    world.hydrant(&["status"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_stack_is_not_called_all_of_it() {
    let world = World::new().await;
    let up = world.hydrant(&["up", "--only", "bucket,log-group", "--json"]).await.expect(0);
    assert_eq!((up.json()["state"].as_str(), up.state("bucket").as_str()), (Some("partial"), "ready"));
    assert_eq!(up.state("instance"), "absent");
}
