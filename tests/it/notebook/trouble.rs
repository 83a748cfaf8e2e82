//! What goes wrong on the way, and being cut off anywhere.

use std::time::Duration;

use super::{Behind, whole, without_logs};
use crate::support::proxy::Verdict;

/// Waits until the notebook has this status.
async fn has_status(world: &Behind, status: &str) {
    let sagemaker = world.sandbox.aws().sagemaker;
    for _ in 0..1200 {
        let there = sagemaker.describe_notebook_instance().notebook_instance_name("mydemo").send().await;
        if there.is_ok_and(|there| there.notebook_instance_status().is_some_and(|now| now.as_str() == status))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never was {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_why_and_is_made_good_by_the_next() {
    let world = Behind::new().await;
    let own = world.sandbox.home.path().join("own.sh");
    std::fs::write(&own, "echo mine\nexit 1\n").unwrap();
    let setting = format!("notebook_script={}", own.display());
    let up = world.hydrant(&["notebook", "up", "--json", "--set", &setting]).await.expect(3);
    assert!(up.err.contains("failed: Notebook Instance Lifecycle Config"), "{}", up.err);
    assert!(up.err.contains("LifecycleConfigOnStart"), "the whole reason is said: {}", up.err);
    assert_eq!(up.state("notebook"), "failed");
    let status = world.hydrant(&["notebook", "status", "--json", "--set", &setting]).await.expect(3);
    assert!(status.detail("notebook").contains("Notebook Instance Lifecycle Config"), "{}", status.out);
    let open = world.hydrant(&["notebook", "open", "--print"]).await.expect(1);
    assert!(open.err.contains("it failed"), "{}", open.err);
    std::fs::write(&own, "echo mine\n").unwrap();
    let up = world.hydrant(&["notebook", "up", "--json", "--set", &setting]).await.expect(0);
    assert_eq!(up.state("notebook"), "ready", "{}", up.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_failed_is_taken_down_like_any_other() {
    let world = Behind::new().await;
    let own = world.sandbox.home.path().join("own.sh");
    std::fs::write(&own, "exit 1\n").unwrap();
    let setting = format!("notebook_script={}", own.display());
    world.hydrant(&["notebook", "up", "--set", &setting]).await.expect(3);
    world.hydrant(&["notebook", "down", "--yes", "--delete-logs"]).await.expect(0);
    assert_eq!(world.notebook().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_that_never_stops_holds_what_it_needs_and_is_said_to() {
    let world = Behind::new().await;
    world.hydrant(&["notebook", "up"]).await.expect(0);
    world.sandbox.faults(&["stuck-delete:sagemaker.StopNotebookInstance"]).await;
    let down = world.start(&["notebook", "down", "--yes"]);
    has_status(&world, "Stopping").await;
    down.interrupt();
    let stopped = down.end().await.expect(130);
    assert!(stopped.err.contains("the same command goes on from here"), "{}", stopped.err);
    assert_eq!(
        without_logs(world.notebook().await),
        whole(),
        "nothing that it needs was taken from under it"
    );
    let status = world.hydrant(&["notebook", "status"]).await.expect(3);
    assert!(status.out.contains("creating") && status.out.contains("stopping"), "{}", status.out);
}

/// SageMaker's network interface outlives the notebook for a while, and EC2 refuses to delete the group until it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_an_interface_still_holds_is_waited_for() {
    let world = Behind::new().await;
    world.hydrant(&["notebook", "up"]).await.expect(0);
    let mut left = 4;
    world.proxy.rule(move |call| {
        if call.is("DeleteSecurityGroup") && left > 0 {
            left -= 1;
            let text = "<Response><Errors><Error><Code>DependencyViolation</Code><Message>resource sg-1 has a dependent object</Message></Error></Errors><RequestID>r</RequestID></Response>";
            return Verdict::Answer(400, "application/xml", text.to_owned());
        }
        Verdict::Forward
    });
    let down = world.hydrant(&["notebook", "down", "--yes", "--delete-logs"]).await.expect(0);
    assert!(
        down.err.contains("waiting until nothing uses it any more (DependencyViolation)"),
        "{}",
        down.err
    );
    assert_eq!(world.notebook().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_and_states_that_nobody_knows_yet_are_waited_out() {
    let world = Behind::new().await;
    world.hydrant(&["notebook", "up"]).await.expect(0);
    let mut states = ["PendingMaintenance", "InMaintenance", "Hibernating"].into_iter();
    world.proxy.rule(move |call| {
        let state = if call.is("DescribeNotebookInstance") { states.next() } else { None };
        let Some(state) = state else { return Verdict::Forward };
        let answer = serde_json::json!({
            "NotebookInstanceName": "mydemo", "NotebookInstanceStatus": state,
            "NotebookInstanceArn": "arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/mydemo",
        });
        Verdict::Answer(200, "application/x-amz-json-1.1", answer.to_string())
    });
    let up = world.hydrant(&["notebook", "up"]).await.expect(0);
    for words in [
        "about to be patched by SageMaker",
        "being patched by SageMaker",
        "in a state that hydrant does not know",
    ] {
        assert!(up.err.contains(words), "{words}: {}", up.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_may_not_be_deleted_says_so_at_once() {
    let world = Behind::new().await;
    world.hydrant(&["notebook", "up"]).await.expect(0);
    world.proxy.rule(|call| {
        let text = "<DeleteResult><Error><Key>hydrant.ipynb</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>";
        if call.is("DeleteObjects") {
            Verdict::Answer(200, "application/xml", text.to_owned())
        } else {
            Verdict::Forward
        }
    });
    let down = world.hydrant(&["notebook", "down", "--yes", "--delete-logs"]).await.expect(3);
    assert!(down.err.contains("could not be deleted: Access Denied"), "{}", down.err);
    assert!(!down.err.contains("nothing is left"), "{}", down.err);
    world.proxy.no_rule();
    world.hydrant(&["notebook", "down", "--yes"]).await.expect(0);
    assert_eq!(world.notebook().await, Vec::<String>::new());
}

const UP: [&str; 6] = [
    "CreateRole",
    "PutRolePolicy",
    "CreateSecurityGroup",
    "PutObject",
    "CreateNotebookInstanceLifecycleConfig",
    "CreateNotebookInstance",
];
const DOWN: [&str; 7] = [
    "StopNotebookInstance",
    "DeleteNotebookInstance",
    "DeleteNotebookInstanceLifecycleConfig",
    "DeleteObjects",
    "DeleteSecurityGroup",
    "DeleteRolePolicy",
    "DeleteRole",
];

/// Kills the command at its first call of that name, before or after the call had its effect.
async fn kill_at(world: &Behind, arguments: &[&str], operation: &'static str, after: bool) {
    world.proxy.rule(move |call| match (call.is(operation), after) {
        (false, _) => Verdict::Forward,
        (true, true) => Verdict::SwallowAfter,
        (true, false) => Verdict::SwallowBefore,
    });
    let running = world.start(arguments);
    world.proxy.swallowed().await;
    running.kill().await;
    world.proxy.no_rule();
}

async fn is_finished_by_the_same_command(after: bool) {
    let world = Behind::new().await;
    let (up, down) = (["notebook", "up"], ["notebook", "down", "--yes"]);
    for (place, took_down) in DOWN.into_iter().enumerate() {
        if let Some(made) = UP.get(place) {
            kill_at(&world, &up, made, after).await;
        }
        world.hydrant(&up).await.expect(0);
        assert_eq!(without_logs(world.notebook().await), whole(), "up killed at {:?}", UP.get(place));
        kill_at(&world, &down, took_down, after).await;
        world.hydrant(&down).await.expect(0);
        assert_eq!(without_logs(world.notebook().await), Vec::<String>::new(), "down killed at {took_down}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_call_the_same_command_reaches_the_end() {
    is_finished_by_the_same_command(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_call_the_same_command_reaches_the_end() {
    is_finished_by_the_same_command(true).await;
}
