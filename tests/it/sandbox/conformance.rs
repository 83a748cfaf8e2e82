//! The suite of checks against what AWS answers, run on the sandbox; and on moto, which nobody here wrote, so that the
//! checks are held to something else than our own server.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::moto;
use crate::support::sandbox::Sandbox;

const LIMIT: Duration = Duration::from_secs(600);

async fn run(name: &str, endpoint: &str) {
    // The emulator's own environment holds boto3 too.
    moto::port().await;
    let mut suite = Command::new(moto::python());
    suite
        .args(["-m", "conformance", "--endpoint", endpoint, "--name", name])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(LIMIT, suite.output()).await.expect("it ends in time").expect("it runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
    let passed: usize = said
        .lines()
        .last()
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("it counts what passed: {said}"));
    assert!(passed > 200, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_answers_as_aws_does() {
    let sandbox = Sandbox::new(&[]).await;
    run("sandbox", &sandbox.serving.endpoint()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_agrees_but_where_it_is_known_not_to() {
    let port = moto::port_of_its_own().await;
    run("moto", &format!("http://127.0.0.1:{port}")).await;
}
