//! The stack in the sandbox: up and down, on every game day, and through a crash of the cloud itself.

use crate::support::sandbox::Sandbox;

/// What the independent witness sees of a whole stack.
fn whole() -> Vec<String> {
    let mut whole: Vec<String> = [
        "bucket hydrant-123456789012-us-east-1",
        "delivery stream twitter_delivery_stream",
        "instance t3.micro",
        "key pair ec2-key-pair",
        "log group kinesisfirehose_twitter_delivery_stream",
        "log stream kinesisfirehose_twitter_delivery_stream:twitter_delivery_stream",
        "profile hydrant-streamer-profile",
        "role hydrant-streamer-role",
        "role kinesis-firehose-role",
        "security group allow-inbound-ssh",
        "volume",
    ]
    .map(str::to_owned)
    .into();
    whole.sort();
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_goes_up_and_down_as_at_aws() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up", "--plan"]).await.expect(3);
    let up = sandbox.hydrant(&["up", "--json"]).await.expect(0);
    assert_eq!(up.json()["state"], "ready", "{}", up.out);
    assert_eq!(sandbox.aws().everything().await, whole());
    let again = sandbox.hydrant(&["up"]).await.expect(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    sandbox.hydrant(&["status"]).await.expect(0);
    sandbox.hydrant(&["doctor"]).await.expect(0);
    sandbox.hydrant(&["down", "--yes"]).await.expect(0);
    assert_eq!(sandbox.aws().everything().await, Vec::<String>::new());
}

/// Each fault that passes is waited out.
#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_only_make_it_slower() {
    for faults in [&["throttle=40%"][..], &["error=20%"], &["slow=30ms"]] {
        let sandbox = Sandbox::new(&[]).await;
        sandbox.faults(faults).await;
        sandbox.hydrant(&["up"]).await.expect(0);
        sandbox.faults(&[]).await;
        assert_eq!(sandbox.aws().everything().await, whole(), "{faults:?}");
        sandbox.faults(faults).await;
        sandbox.hydrant(&["down", "--yes"]).await.expect(0);
        sandbox.faults(&[]).await;
        assert_eq!(sandbox.aws().everything().await, Vec::<String>::new(), "{faults:?}");
    }
}

/// A clock that is off is no matter of credentials, and is said to be none.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_named() {
    let sandbox = Sandbox::new(&["--fault", "skew=30m"]).await;
    let up = sandbox.hydrant(&["up"]).await.expect(1);
    assert!(up.err.contains("clock is too far from AWS's"), "{}", up.err);
    let doctor = sandbox.hydrant(&["doctor"]).await;
    assert!(doctor.out.contains("clock"), "{}", doctor.out);
    sandbox.faults(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_says_what_is_stuck_and_goes_on_when_it_is_not() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.faults(&["stuck-delete:firehose"]).await;
    let down = sandbox.start(&["down", "--yes"]);
    // Everything else goes meanwhile; the one that is stuck is waited for until the operator has had enough.
    for _ in 0..200 {
        let instances = sandbox.aws().ec2.describe_key_pairs().send().await.expect("a listing");
        if instances.key_pairs().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    down.interrupt();
    let stopped = down.end().await.expect(130);
    assert!(stopped.err.contains("goes on from here"), "{}", stopped.err);
    let left = sandbox.aws().everything().await;
    assert!(left.contains(&"delivery stream twitter_delivery_stream".to_owned()), "{left:?}");
    assert!(!left.contains(&"key pair ec2-key-pair".to_owned()), "{left:?}");
    sandbox.faults(&[]).await;
    sandbox.hydrant(&["down", "--yes"]).await.expect(0);
    assert_eq!(sandbox.aws().everything().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_is_named_and_mended_when_it_is_allowed_again() {
    let sandbox = Sandbox::new(&["--fault", "deny:firehose.CreateDeliveryStream"]).await;
    let up = sandbox.hydrant(&["up", "--json"]).await.expect(3);
    assert!(up.err.contains("firehose:CreateDeliveryStream"), "{}", up.err);
    assert_eq!(up.state("instance"), "ready");
    sandbox.faults(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    assert_eq!(sandbox.aws().everything().await, whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_bucket_is_drift_and_is_made_again() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.faults(&["lost-bucket"]).await;
    let status = sandbox.hydrant(&["status", "--json"]).await.expect(3);
    assert_eq!(status.state("bucket"), "absent");
    assert!(status.detail("bucket").contains("hydrant made it and it is gone"), "{}", status.out);
    // The fault is still on: what it lost stays lost, and what is made instead is another bucket.
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.hydrant(&["status"]).await.expect(0);
    assert_eq!(sandbox.aws().everything().await, whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cloud_is_killed_at_random_moments_and_the_end_is_the_same() {
    let mut sandbox = Sandbox::new(&[]).await;
    // Early moments are many: there, one call more or less makes the difference.
    let moment = || std::time::Duration::from_secs_f64(1.2 * rand::random::<f64>().powi(2));
    for round in 0..6 {
        let (in_up, in_down) = (moment(), moment());
        let round = format!("round {round}, killed after {in_up:?} of up and {in_down:?} of down");
        let up = sandbox.start(&["up"]);
        tokio::time::sleep(in_up).await;
        sandbox.kill_and_restart().await;
        // Calls that met the dead cloud are made again; should the command have given up, the next goes on.
        drop(up.end().await);
        sandbox.hydrant(&["up"]).await.expect(0);
        assert_eq!(sandbox.aws().everything().await, whole(), "{round}");
        let down = sandbox.start(&["down", "--yes"]);
        tokio::time::sleep(in_down).await;
        sandbox.kill_and_restart().await;
        drop(down.end().await);
        sandbox.hydrant(&["down", "--yes"]).await.expect(0);
        assert_eq!(sandbox.aws().everything().await, Vec::<String>::new(), "{round}");
    }
}
