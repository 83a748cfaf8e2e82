//! The plain way up and down.

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

#[tokio::test(flavor = "multi_thread")]
async fn up_from_nothing_makes_everything_and_down_leaves_nothing() {
    let world = World::new().await;
    let up = world.hydrant(&["up", "--json"]).await.expect(0);
    assert_eq!(up.json()["state"], "ready", "{}", up.out);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
    world.hydrant(&["status"]).await.expect(0);
    let down = world.hydrant(&["down", "--yes", "--json"]).await.expect(0);
    assert_eq!(down.json()["state"], "absent", "{}", down.out);
    assert_eq!(down.json()["left"], serde_json::json!([]));
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
}
