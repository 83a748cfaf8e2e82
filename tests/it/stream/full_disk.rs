//! A spool whose disk is full: a real one, of one mebibyte, that only the stream sees.
//!
//! It is mounted in a namespace of the process's own, which needs no rights where the system lets people have one;
//! where it does not, the test says so and shows nothing.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::process::Command;

use super::{balances, exactly, in_s3, posts, replay};
use crate::support::World;
use crate::support::proxy::Verdict;
use crate::support::run::Running;

const LIMIT: Duration = Duration::from_mins(2);
/// Several times what the disk holds.
const POSTS: u64 = 8000;

/// What runs a program with a disk of its own at a folder.
fn on_a_small_disk(folder: &Path, size: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs -o size={size},mode=700 none \"$0\" && exec \"$@\"")).arg(folder);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_the_stream_and_when_posts_are_delivered_it_goes_on() {
    let world = World::new().await;
    let spools = world.home.path().join(".local/share/hydrant/stream/default");
    std::fs::create_dir_all(&spools).expect("a folder");
    let tried = on_a_small_disk(&spools, "64k").arg("true").stderr(Stdio::null()).status().await;
    if !tried.is_ok_and(|tried| tried.success()) {
        println!("not shown: this system does not let the test mount a disk of its own");
        return;
    }
    world.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    world.proxy.rule(move |call| {
        if call.is("PutRecordBatch") && !opened.load(Ordering::Relaxed) {
            let text =
                serde_json::json!({ "__type": "ServiceUnavailableException", "message": "Slow down." });
            return Verdict::Answer(503, "application/x-amz-json-1.1", text.to_string());
        }
        Verdict::Forward
    });
    let source = replay(&posts(world.home.path(), 0..POSTS));
    let arguments = ["stream", "run", "--json", "--source", &source, "--set", "aggregate_kb=8"];
    let inner = world.command(world.home.path(), &arguments);
    let inner = inner.as_std();
    let mut outer = on_a_small_disk(&spools, "1m");
    outer.arg(inner.get_program()).args(inner.get_args()).env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.current_dir(world.home.path()).stdin(Stdio::null()).kill_on_drop(true);
    let run = Running::of(outer.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"));
    let full = async {
        loop {
            let status = world.hydrant(&["stream", "status", "--json"]).await.json();
            balances(&status);
            if status["held"].as_str().is_some_and(|why| why.contains("its disk is full")) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let status = tokio::time::timeout(LIMIT, full).await.expect("it says that the disk is full");
    let received = status["received"].as_u64();
    assert!(received > Some(0) && received < Some(POSTS) && status["delivered"] == 0, "{status}");
    is_open.store(true, Ordering::Relaxed);
    let status = run.end().await.expect(0).json();
    balances(&status);
    assert_eq!((status["received"].as_u64(), status["pending"].as_u64()), (Some(POSTS), Some(0)), "{status}");
    assert!(status["held"].is_null(), "{status}");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0);
}
