//! The streams of this machine and of the host in one pane, and what waits on the host before a teardown: by keys only.

use super::console;
use crate::support::run::EndsStream;
use crate::support::sandbox::Sandbox;

/// A sandbox with a stack and a host that is made ready.
async fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(&[]).await;
    // A delivery stream that need not be waited for before it goes.
    std::fs::write(sandbox.home.path().join("hydrant.toml"), "buffer_seconds = 0\n").expect("written");
    sandbox.hydrant(&["up"]).await.expect(0);
    sandbox.hydrant(&["host", "provision", "--set", "drain_seconds=5"]).await.expect(0);
    sandbox
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_started_watched_and_stopped_on_both_machines_by_keys() {
    let sandbox = sandbox().await;
    let _ends = EndsStream(sandbox.home.path().to_owned());
    let mut terminal = console(&sandbox);
    terminal.press("3");
    terminal.until("The stream does not run");
    // X would take one connection only; Jetstream takes both.
    terminal.press("S");
    terminal.until("Source and terms");
    terminal.press("\t\u{15}jetstream\r");
    terminal.until("the next start asks for this");
    terminal.press("s");
    terminal.until("start on the host");
    terminal.press("\t \r");
    terminal.until("the host ● running");
    // Posts come through the socket that ssh forwards.
    terminal.until("#");
    terminal.press("s");
    terminal.until("start on this machine");
    terminal.press("\t \r");
    terminal.until("this machine ● running");
    terminal.until("the host ● running");
    terminal.press("s");
    terminal.until("stop on the host");
    terminal.press("\t \r");
    terminal.until("the stream on the host is stopped; everything is delivered");
    terminal.until("this machine ● running");
    terminal.press("s");
    terminal.until("stop on this machine");
    terminal.press("\r");
    terminal.until("the stream is stopped; everything is delivered");
    terminal.press("q");
    let (status, _) = terminal.end();
    assert!(status.success(), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_the_host_is_delivered_before_the_stack_is_torn_down() {
    let sandbox = sandbox().await;
    sandbox.faults(&["throttle:firehose.PutRecordBatch=100%"]).await;
    let start = ["stream", "start", "--on", "host", "--source", "jetstream", "--to", "firehose"];
    sandbox.hydrant(&start).await.expect(0);
    let mut terminal = console(&sandbox);
    terminal.press("2");
    terminal.until("everything is as it should be");
    // Until something waits, there is nothing to be asked.
    loop {
        terminal.press("D");
        terminal.until("Type default to go on");
        if terminal.screen().contains("posts wait on the host and would go with it") {
            break;
        }
        terminal.escape("Type default to go on");
    }
    terminal.press("default\r");
    terminal.until("◐ waiting");
    // They cannot be delivered: nothing goes.
    terminal.until("so nothing was torn down");
    let status = sandbox.hydrant(&["status", "--json"]).await.expect(0).json();
    assert_eq!(status["state"], "ready", "{status}");
    sandbox.faults(&[]).await;
    // The service there has ended by then: what it left is delivered by a run of its own.
    terminal.press("D");
    terminal.until("posts wait on the host and would go with it");
    terminal.press("default\r");
    terminal.until("Everything is gone but the bucket");
    terminal.escape("Everything is gone but the bucket");
    terminal.press("q");
    assert!(terminal.end().0.success());
}
