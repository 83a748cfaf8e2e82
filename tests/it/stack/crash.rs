//! Killed or interrupted anywhere, the same command reaches the same end, with nothing doubled and nothing orphaned.

use super::up_and_down::whole_stack;
use crate::support::World;
use crate::support::proxy::Verdict;

/// Kills the command at its `nth` changing call (counted from 0), before or after the call had its effect.
async fn kill_at(world: &World, arguments: &[&str], nth: usize, after: bool) {
    let mut seen = 0;
    world.proxy.rule(move |call| {
        if !call.changes() {
            return Verdict::Forward;
        }
        seen += 1;
        match (seen - 1 == nth, after) {
            (false, _) => Verdict::Forward,
            (true, true) => Verdict::SwallowAfter,
            (true, false) => Verdict::SwallowBefore,
        }
    });
    let running = world.start(arguments);
    world.proxy.swallowed().await;
    running.kill().await;
    world.proxy.no_rule();
}

/// Twenty points over all changing calls of a command, each other one after the call had its effect.
async fn points(world: &World, arguments: &[&str]) -> Vec<(usize, bool)> {
    world.proxy.take_calls();
    world.hydrant(arguments).await.expect(0);
    let changes = world.proxy.take_calls().iter().filter(|call| call.changes()).count();
    assert!(changes >= 10, "{changes} changing calls");
    (0..20).map(|point| (point * changes / 20, point % 2 == 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_up_that_was_killed_anywhere_is_finished_by_the_next() {
    let world = World::new().await;
    // moto keeps the tags of a deleted bucket, so only the second making is like those that follow.
    world.hydrant(&["up"]).await.expect(0);
    world.hydrant(&["down", "--yes"]).await.expect(0);
    let points = points(&world, &["up"]).await;
    world.hydrant(&["down", "--yes"]).await.expect(0);
    for (nth, after) in points {
        kill_at(&world, &["up"], nth, after).await;
        world.hydrant(&["up"]).await.expect(0);
        assert_eq!(world.aws().everything().await, whole_stack(&world), "killed at {nth}, after: {after}");
        world.hydrant(&["down", "--yes"]).await.expect(0);
        assert_eq!(world.aws().everything().await, Vec::<String>::new(), "killed at {nth}, after: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_that_was_killed_anywhere_is_finished_by_the_next() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let points = points(&world, &["down", "--yes"]).await;
    for (nth, after) in points {
        world.hydrant(&["up"]).await.expect(0);
        kill_at(&world, &["down", "--yes"], nth, after).await;
        world.hydrant(&["down", "--yes"]).await.expect(0);
        assert_eq!(world.aws().everything().await, Vec::<String>::new(), "killed at {nth}, after: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_up_that_was_killed_is_taken_down_whole() {
    let world = World::new().await;
    for (nth, after) in [(0, true), (3, true), (7, false), (11, true)] {
        kill_at(&world, &["up"], nth, after).await;
        world.hydrant(&["down", "--yes"]).await.expect(0);
        assert_eq!(world.aws().everything().await, Vec::<String>::new(), "killed at {nth}, after: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_at_a_safe_point_and_the_same_command_goes_on() {
    let world = World::new().await;
    // The stream is never active, so that the command is caught while it waits.
    world.proxy.rule(|call| {
        if call.is("DescribeDeliveryStream") && call.service == "firehose" {
            let creating = r#"{"DeliveryStreamDescription":{"DeliveryStreamName":"s","DeliveryStreamARN":"arn:s","DeliveryStreamStatus":"CREATING","DeliveryStreamType":"DirectPut","VersionId":"1","Destinations":[],"HasMoreDestinations":false}}"#;
            return Verdict::Answer(200, "application/x-amz-json-1.1", creating.to_owned());
        }
        if call.is("ListTagsForDeliveryStream") {
            let ours = r#"{"Tags":[{"Key":"hydrant:stack","Value":"default"}],"HasMoreTags":false}"#;
            return Verdict::Answer(200, "application/x-amz-json-1.1", ours.to_owned());
        }
        if call.is("RunInstances") { Verdict::SwallowBefore } else { Verdict::Forward }
    });
    let running = world.start(&["up"]);
    world.proxy.swallowed().await;
    world.proxy.no_rule();
    running.interrupt();
    let stopped = running.end().await;
    assert_eq!(stopped.code, Some(130), "{}", stopped.err);
    assert!(stopped.err.contains("the same command goes on from here"), "{}", stopped.err);
    world.hydrant(&["up"]).await.expect(0);
    assert_eq!(world.aws().everything().await, whole_stack(&world));
}
