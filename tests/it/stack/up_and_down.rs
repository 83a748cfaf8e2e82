//! The plain way up and down.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};

use crate::support::World;

/// Everything that one stack is made of, as the independent listing names it.
pub fn whole_stack(world: &World) -> Vec<String> {
    let mut all = vec![
        format!("bucket {}", world.bucket()),
        "delivery stream twitter_delivery_stream".to_owned(),
        "instance t3.micro".to_owned(),
        "key pair ec2-key-pair".to_owned(),
        "log group kinesisfirehose_twitter_delivery_stream".to_owned(),
        "log stream kinesisfirehose_twitter_delivery_stream:twitter_delivery_stream".to_owned(),
        "profile hydrant-streamer-profile".to_owned(),
        "role hydrant-streamer-role".to_owned(),
        "role kinesis-firehose-role".to_owned(),
        "security group allow-inbound-ssh".to_owned(),
        "volume".to_owned(),
    ];
    all.sort();
    all
}

const NOTHING: &[String] = &[];

#[tokio::test(flavor = "multi_thread")]
async fn up_from_nothing_makes_everything_and_down_leaves_nothing() {
    let world = World::new().await;
    assert_eq!(world.hydrant(&["status", "--json"]).await.expect(0).json()["state"], "absent");
    let up = world.hydrant(&["up", "--json"]).await.expect(0);
    assert_eq!(up.json()["state"], "ready", "{}", up.out);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
    world.hydrant(&["status"]).await.expect(0);

    let key = find(world.home.path(), "id_ed25519").expect("the private half is kept here");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let known = std::fs::read_to_string(find(world.home.path(), "known_hosts").unwrap()).unwrap();
    assert!(known.starts_with("hydrant-i-") && known.contains(" ssh-ed25519 "), "{known}");
    assert!(find(world.home.path(), "host_ed25519").is_none(), "the host's private half is not kept");

    let aws = world.aws();
    let all = aws.ec2.describe_instances().send().await.unwrap();
    let instance = &all.reservations()[0].instances()[0];
    let attribute = aws.ec2.describe_instance_attribute().instance_id(instance.instance_id().unwrap());
    let attribute =
        attribute.attribute(aws_sdk_ec2::types::InstanceAttributeName::UserData).send().await.unwrap();
    let data = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        attribute.user_data().unwrap().value().unwrap(),
    );
    let data = String::from_utf8(data.unwrap()).unwrap();
    let trusted = known.split_once(' ').unwrap().1.trim();
    assert!(
        data.starts_with("#cloud-config\n") && data.contains(trusted),
        "the host is given the key that is trusted here"
    );
    assert!(known.starts_with(&format!("hydrant-{} ", instance.instance_id().unwrap())), "{known}");

    let down = world.hydrant(&["down", "--yes", "--json"]).await.expect(0);
    assert_eq!(down.json()["state"], "absent", "{}", down.out);
    assert_eq!(down.json()["left"], serde_json::json!([]));
    assert!(down.err.contains("nothing is left"), "{}", down.err);
    assert_eq!(world.aws().everything().await, NOTHING);
    assert!(find(world.home.path(), "id_ed25519").is_none(), "the key goes last");
    assert!(find(world.home.path(), "journal.jsonl").is_none(), "and the journal");
    world.hydrant(&["down", "--yes"]).await.expect(0);
}

fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if entry.file_name() == name {
            return Some(path);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn up_again_changes_nothing_and_reads_at_most_twice_a_resource() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.proxy.take_calls();
    let again = world.hydrant(&["up"]).await.expect(0);
    let calls = world.proxy.take_calls();
    let changing: Vec<_> = calls.iter().filter(|call| call.changes()).collect();
    assert!(changing.is_empty(), "{changing:?}");
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    world.hydrant(&["up", "--plan"]).await.expect(0);
    let plan = world.proxy.take_calls();
    assert!(plan.len() <= 2 * 10, "{} calls for ten resources", plan.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_changes_nothing_and_says_that_there_is_something_to_do() {
    let world = World::new().await;
    let plan = world.hydrant(&["up", "--plan"]).await.expect(3);
    assert!(plan.out.contains("10 to create"), "{}", plan.out);
    assert!(world.proxy.take_calls().iter().all(|call| !call.changes()));
    assert_eq!(world.aws().everything().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_region_is_named_to_s3_and_the_first_is_not() {
    for region in ["us-east-1", "eu-central-1"] {
        let world = World::in_region(region).await;
        world.hydrant(&["up", "--yes"]).await.expect(0);
        let location = world.aws().s3.get_bucket_location().bucket(world.bucket()).send().await.unwrap();
        let constraint = location
            .location_constraint()
            .map(|place| place.as_str().to_owned())
            .filter(|place| !place.is_empty());
        assert_eq!(constraint.as_deref(), (region != "us-east-1").then_some(region));
        world.hydrant(&["down", "--yes"]).await.expect(0);
        assert_eq!(world.aws().everything().await, NOTHING);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stacks_stand_side_by_side() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    world.hydrant(&["up", "--stack", "second"]).await.expect(0);
    assert_eq!(world.aws().everything().await.len(), 2 * whole_stack(&world).len());
    world.hydrant(&["down", "--yes", "--stack", "second"]).await.expect(0);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
    world.hydrant(&["status"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_host_nothing_of_it_is_made_and_what_is_there_goes_after_asking() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let refused = world.hydrant(&["up", "--set", "instance=false"]).await.expect(2);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    world.hydrant(&["up", "--set", "instance=false", "--yes"]).await.expect(0);
    let left = world.aws().everything().await;
    let host = |line: &String| {
        ["instance", "key pair", "profile", "security group", "volume"]
            .iter()
            .any(|kind| line.starts_with(kind))
    };
    assert!(!left.iter().any(host) && left.len() == 5, "{left:?}");
    assert_eq!(
        world.hydrant(&["status", "--json", "--set", "instance=false"]).await.expect(0).json()["state"],
        "ready"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_holds_something_is_kept_unless_its_data_is_to_go() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let s3 = world.aws().s3;
    let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning()
        .bucket(world.bucket())
        .versioning_configuration(versioned)
        .send()
        .await
        .unwrap();
    let objects = 1_800;
    let put = |index: usize| {
        let request = s3.put_object().bucket(world.bucket()).key(format!("hour/{}", index % objects));
        async move { request.body(b"post\n".to_vec().into()).send().await.map(drop) }
    };
    // 1,800 keys with two versions each, one delete marker, and an upload that nobody finished.
    for batch in (0..2 * objects).collect::<Vec<_>>().chunks(64) {
        futures_util::future::try_join_all(batch.iter().map(|index| put(*index))).await.expect("stored");
    }
    s3.delete_object().bucket(world.bucket()).key("hour/0").send().await.unwrap();
    s3.create_multipart_upload().bucket(world.bucket()).key("unfinished").send().await.unwrap();

    let kept = world.hydrant(&["down", "--yes", "--json"]).await.expect(0);
    assert_eq!(kept.json()["left"], serde_json::json!([format!("arn:aws:s3:::{}", world.bucket())]));
    assert!(kept.err.contains("everything is gone but the bucket"), "{}", kept.err);
    assert_eq!(world.aws().everything().await, [format!("bucket {}", world.bucket())]);

    // What it looks at to say so is one page.
    let planned = world.hydrant(&["down", "--plan", "--delete-data"]).await.expect(3);
    assert!(planned.out.contains("and with it at least 1,000 object versions"), "{}", planned.out);

    world.proxy.take_calls();
    world.hydrant(&["down", "--yes", "--delete-data"]).await.expect(0);
    let deletions = world.proxy.take_calls().iter().filter(|call| call.is("DeleteObjects")).count();
    assert_eq!(deletions, 4, "3,601 versions at 1,000 a call");
    assert_eq!(world.aws().everything().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_yes_and_without_a_terminal_nothing_is_deleted() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let refused = world.hydrant(&["down"]).await.expect(2);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    let planned = world.hydrant(&["down", "--plan"]).await.expect(3);
    assert!(planned.out.contains("10 to delete"), "{}", planned.out);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arm_host_gets_an_arm_image() {
    let world = World::new().await;
    world.hydrant(&["up", "--set", "instance_type=t4g.micro"]).await.expect(0);
    let aws = world.aws();
    let all = aws.ec2.describe_instances().send().await.unwrap();
    let instance = &all.reservations()[0].instances()[0];
    let images = aws.ec2.describe_images().image_ids(instance.image_id().unwrap()).send().await.unwrap();
    assert_eq!(images.images()[0].architecture().unwrap().as_str(), "arm64");
    assert!(
        images.images()[0].name().unwrap().starts_with("al2023-ami-2023"),
        "{:?}",
        images.images()[0].name()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_and_other_settings_reach_the_stream() {
    let world = World::new().await;
    let arguments = ["up", "--set", "compression=gzip", "--set", "buffer_mb=64", "--set", "prefix=raw/"];
    world.hydrant(&arguments).await.expect(0);
    let stream =
        world.aws().firehose.describe_delivery_stream().delivery_stream_name("twitter_delivery_stream");
    let stream = stream.send().await.unwrap();
    let stream = stream.delivery_stream_description().unwrap();
    let destination = stream.destinations()[0].extended_s3_destination_description().unwrap();
    assert_eq!(destination.compression_format().as_str(), "GZIP");
    assert_eq!(
        (destination.prefix(), destination.buffering_hints().unwrap().size_in_mbs()),
        (Some("raw/"), Some(64))
    );
    let status = world.hydrant(&["status", "--json"]).await.expect(3);
    assert!(
        status.detail("delivery-stream").contains("prefix: raw/ → datasets/twitter/kinesis-demo/"),
        "{}",
        status.out
    );
}
