//! What is destroyed was shown and agreed to, and what waits on a host that goes is not forgotten.

use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};

use super::up_and_down::whole_stack;
use crate::support::World;

/// An address of this machine where nobody listens.
const NOBODY: [&str; 2] = ["--set", "host_address=127.0.0.1:1"];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_be_asked_is_not_torn_down_when_it_is_to_deliver_first() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let changed = ["up", "--yes", "--set", "instance_type=t3.small"];
    let unwanted = ["up", "--yes", "--set", "instance=false"];
    for arguments in [&["down", "--yes"][..], &changed, &unwanted] {
        let refused = world.hydrant(&with(&with(arguments, &["--drain"]), &NOBODY)).await.expect(1);
        assert!(
            refused.err.contains("the host could not be asked what waits there: the host at 127.0.0.1:1"),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("could not be delivered, so nothing was torn down"), "{}", refused.err);
        assert_eq!(world.aws().everything().await, whole_stack(&world), "{arguments:?}");
    }
    let replaced = world.hydrant(&with(&changed, &NOBODY)).await.expect(0);
    assert!(
        replaced.err.contains("the host could not be asked what waits there")
            && replaced.err.contains("whatever does goes with it"),
        "{}",
        replaced.err
    );
    let down = world.hydrant(&with(&["down", "--yes"], &NOBODY)).await.expect(0);
    assert!(down.err.contains("whatever does goes with it"), "{}", down.err);
    assert_eq!(world.aws().everything().await, Vec::<String>::new());
    let nothing = world.hydrant(&with(&["down", "--yes", "--drain"], &NOBODY)).await.expect(0);
    assert!(!nothing.err.contains("the host"), "where there is no host, none is asked: {}", nothing.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_of_the_stack_is_terminated_only_when_that_was_agreed_to() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let ec2 = world.aws().ec2;
    let all = ec2.describe_instances().send().await.unwrap();
    let image = all.reservations()[0].instances()[0].image_id().unwrap().to_owned();
    let tag = Tag::builder().key("hydrant:stack").value("default").build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build();
    let request = ec2.run_instances().min_count(1).max_count(1).image_id(image);
    let second = request.instance_type(InstanceType::T3Nano).tag_specifications(tags).send().await.unwrap();
    let id = second.instances()[0].instance_id().unwrap();
    let nano = || async { world.aws().everything().await.contains(&"instance t3.nano".to_owned()) };

    let planned = world.hydrant(&["up", "--plan"]).await.expect(3);
    let named = format!("other instances of this stack: {id} → none (to be terminated)");
    assert!(planned.out.contains(&named), "{}", planned.out);
    let refused = world.hydrant(&["up"]).await.expect(2);
    assert!(refused.err.contains("say --yes"), "{}", refused.err);
    assert!(nano().await, "nothing was agreed to");
    world.hydrant(&["up", "--yes"]).await.expect(0);
    assert!(!nano().await);
    world.hydrant(&["up", "--plan"]).await.expect(0);
}
