//! `hydrant logs`, as it is typed.

use super::*;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

#[tokio::test(flavor = "multi_thread")]
async fn tails_and_listings_are_lines_and_json() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    let aws = sandbox.aws();
    let (group, stream) = ("kinesisfirehose_twitter_delivery_stream", "twitter_delivery_stream");
    put(
        &aws,
        group,
        stream,
        &[
            (30, r#"{"errorCode":"S3.AccessDenied","errorMessage":"no access","attempts":3}"#),
            (20, "plain INFO words"),
            (10, "a\u{1b}[31m steering line"),
        ],
    )
    .await;

    // The stack's own group is meant if none is named: Firehose's errors are in it.
    let text = sandbox.hydrant(&["logs", "tail", "--color", "never"]).await.expect(0).out;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].ends_with("twitter_delivery_stream no access  attempts=3  errorCode=S3.AccessDenied"),
        "{text}"
    );
    assert!(lines[1].ends_with("plain INFO words"), "{text}");
    assert!(lines[2].contains('␛') && !text.contains('\u{1b}'), "{text}");

    let json = sandbox.hydrant(&["logs", "tail", group, "--json", "--match", "^plain"]).await.expect(0);
    assert_eq!(json.out.lines().count(), 1, "{}", json.out);
    let line = json.json();
    assert_eq!((&line["level"], &line["message"]), (&"info".into(), &"plain INFO words".into()));
    assert_eq!((&line["group"], &line["late"]), (&group.into(), &false.into()));

    let filtered = sandbox.hydrant(&["logs", "tail", "--filter", "AccessDenied", "--json"]).await.expect(0);
    assert_eq!(filtered.out.lines().count(), 1, "{}", filtered.out);
    let none = sandbox.hydrant(&["logs", "tail", "--since", "1s"]).await.expect(0);
    assert_eq!(none.out, "");

    let groups = sandbox.hydrant(&["logs", "groups", "--json"]).await.expect(0).json();
    assert_eq!(groups[0]["name"], group);
    assert_eq!(groups[0]["retention_days"], 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_a_sentence() {
    let sandbox = Sandbox::new(&[]).await;
    make(&sandbox.aws(), "g", &[]).await;
    let missing = sandbox.hydrant(&["logs", "tail", "nowhere"]).await.expect(1);
    assert!(missing.err.contains("there is no log group nowhere in this region"), "{}", missing.err);
    let pattern = sandbox.hydrant(&["logs", "tail", "g", "--filter", "{ $.a = "]).await.expect(1);
    assert!(
        pattern.err.contains("CloudWatch does not take the filter pattern `{ $.a = `"),
        "{}",
        pattern.err
    );
    sandbox.hydrant(&["logs", "tail", "g", "--since", "soon"]).await.expect(2);
    sandbox.hydrant(&["logs", "tail", "g", "--match", "("]).await.expect(2);
    let both = sandbox.hydrant(&["logs", "tail", "g", "local:hydrant"]).await.expect(2);
    assert!(both.err.contains("is tailed alone"), "{}", both.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn hydrants_own_log_is_a_group_too() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["config"]).await.expect(0);
    let own =
        sandbox.hydrant(&["logs", "tail", "local:hydrant", "--json", "--match", "started"]).await.expect(0);
    let line: serde_json::Value =
        serde_json::from_str(own.out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["group"], "local:hydrant");
    assert_eq!(line["level"], "info");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_is_said_that_a_live_tail_costs() {
    let sandbox = Sandbox::new(&[]).await;
    make(&sandbox.aws(), "g", &["s"]).await;
    let variables: Vec<(&str, &str)> = sandbox.serving.line["env"]
        .as_object()
        .expect("variables")
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
        .collect();
    let tail = ["logs", "tail", "g", "-f"];
    let terminal = Terminal::run(sandbox.home.path(), (120, 20), &tail, &variables);
    terminal.until("which costs a cent a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_in_a_pipe_follows_until_it_is_interrupted() {
    let sandbox = Sandbox::new(&[]).await;
    let aws = sandbox.aws();
    make(&aws, "g", &["s"]).await;
    let mut command = sandbox.command(&["logs", "tail", "g", "-f"]);
    let mut child = command.spawn().expect("the binary starts");
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stdout));
    for message in ["one", "two"] {
        put(&aws, "g", "s", &[(0, message)]).await;
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("in time");
        assert!(line.expect("readable").expect("a line").ends_with(message));
    }
    let running = crate::support::run::Running::of(child);
    running.interrupt();
    drop(lines);
    running.kill().await;
}
