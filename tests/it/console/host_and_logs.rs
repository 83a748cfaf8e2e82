//! The Host and Logs panes over a sandbox, by keys only.

use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use super::console;
use crate::support::sandbox::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_looked_at_provisioned_and_gives_a_shell() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.hydrant(&["host", "provision"]).await.expect(0);
    let mut terminal = console(&sandbox);
    terminal.press("7");
    terminal.until("reachable");
    terminal.press("p");
    terminal.until("nothing to change");
    terminal.press("!");
    terminal.until("brings the console back");
    // A shell that answers is one that is there; what is typed before would be lost.
    terminal.press("echo here-$((6 * 7))\n");
    terminal.until("here-42");
    terminal.press("exit\n");
    terminal.until("reachable");
    terminal.press("q");
    let (status, _) = terminal.end();
    assert!(status.success(), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_up_as_they_are_written() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    let mut terminal = console(&sandbox);
    terminal.press("6");
    terminal.until("local:hydrant");
    terminal.until("live");
    let event = InputLogEvent::builder()
        .timestamp(jiff::Timestamp::now().as_millisecond())
        .message("ERROR a line of right now")
        .build()
        .expect("an event");
    sandbox
        .aws()
        .logs
        .put_log_events()
        .log_group_name("kinesisfirehose_twitter_delivery_stream")
        .log_stream_name("twitter_delivery_stream")
        .log_events(event)
        .send()
        .await
        .expect("put");
    terminal.until("a line of right now");
    terminal.press("l\r");
    terminal.until("taken in");
    terminal.escape("taken in");
    terminal.press("q");
    let (status, _) = terminal.end();
    assert!(status.success(), "{status:?}");
}
