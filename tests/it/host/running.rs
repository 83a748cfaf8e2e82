//! `hydrant host`, as it is typed.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_there_with_its_own_exit_code() {
    let sshd = Sshd::start(None, &[]).await;
    let home = tempfile::tempdir().expect("a home");
    let ran = hydrant(
        home.path(),
        &sshd,
        sshd.port,
        &["host", "run", "--", "sh", "-c", "echo \"$HOME\"; echo x >&2; exit 7"],
    );
    let ran = ran.await.expect(7);
    assert_eq!(ran.out.trim(), sshd.home().display().to_string());
    assert!(ran.err.contains('x'));
    let words = hydrant(
        home.path(),
        &sshd,
        sshd.port,
        &["host", "run", "--", "printf", "%s|", "two words", "$(id)", "-n"],
    );
    assert_eq!(words.await.expect(0).out, "two words|$(id)|-n|");
    hydrant(home.path(), &sshd, sshd.port, &["host", "run", "--", "no-such-program"]).await.expect(127);
    let readonly = hydrant(home.path(), &sshd, sshd.port, &["host", "run", "--readonly", "--", "true"]).await;
    assert_eq!(readonly.code, Some(1), "{}", readonly.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_what_the_host_is() {
    let sshd = Sshd::start(None, &[]).await;
    let home = tempfile::tempdir().expect("a home");
    let status = hydrant(home.path(), &sshd, sshd.port, &["host", "status", "--json"]).await.expect(0).json();
    assert_eq!(status["reachable"], true);
    assert_eq!(status["facts"]["architecture"], std::env::consts::ARCH);
    assert_eq!(status["service"], serde_json::Value::Null, "hydrant is not there");
    let shown = hydrant(home.path(), &sshd, sshd.port, &["host", "status"]).await.expect(0).out;
    assert!(shown.contains("hydrant is not there yet: `hydrant host provision` puts it there"), "{shown}");
    let down =
        hydrant(home.path(), &sshd, crate::support::sshd::free_port().await, &["host", "status"]).await;
    let down = down.expect(1);
    assert!(down.err.contains("does not answer"), "{}", down.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_custom_endpoint_the_address_must_be_given() {
    let world = crate::support::World::new().await;
    let refused = world.hydrant(&["host", "status"]).await.expect(2);
    assert!(refused.err.contains("give `host_address`"), "{}", refused.err);
    assert!(world.proxy.take_calls().iter().all(|call| !call.changes() || call.is("GetCallerIdentity")));
}

#[cfg(feature = "sandbox")]
#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_own_host_is_made_ready_with_this_very_program() {
    let sandbox = crate::support::sandbox::Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let first = sandbox.hydrant(&["host", "provision", "--json"]).await.expect(0).json();
    let state = |answer: &serde_json::Value, task: &str| {
        let tasks = answer["tasks"].as_array().cloned().unwrap_or_default();
        let found = tasks.iter().find(|done| done["task"] == task).cloned();
        found.unwrap_or_else(|| panic!("{task} in {answer}"))["state"].as_str().expect("text").to_owned()
    };
    for task in ["binary", "settings", "credentials"] {
        assert_eq!(state(&first, task), "changed", "{first}");
    }
    let again = sandbox.hydrant(&["host", "provision", "--check", "--json"]).await.expect(0).json();
    assert_eq!(again["changed"], 0);
    let version = sandbox.hydrant(&["host", "run", "--", "hydrant/bin/hydrant", "--version"]).await.expect(0);
    assert!(version.out.starts_with("hydrant "), "{}", version.out);
    // The host has a role of its own, and its calls go by it.
    let config =
        sandbox.hydrant(&["host", "run", "--", "sh", "-c", "cd hydrant && bin/hydrant config --json"]);
    let config = config.await.expect(0);
    assert!(config.out.contains("us-east-1"), "{}", config.out);
}
