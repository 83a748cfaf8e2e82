//! A spool whose disk is full: a real one, of one mebibyte, that only the stream sees.
//!
//! It is mounted in a namespace of the process's own, which needs no rights where the system lets people have one;
//! where it does not, these tests say so and show nothing. What the spool does then is shown everywhere by its own
//! tests, with files that take nothing.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hydrant::stream::post::PostKey;
use hydrant::stream::spool::{Batch, Spool, SpoolError};
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

/// Whether this system lets the test mount a disk of its own.
async fn may_mount(folder: &Path) -> bool {
    let tried = on_a_small_disk(folder, "64k").arg("true").stderr(Stdio::null()).status().await;
    let may = tried.is_ok_and(|tried| tried.success());
    if !may {
        println!("not shown: this system does not let the test mount a disk of its own");
    }
    may
}

/// Fills the disk under a folder to its last byte.
fn fill(folder: &Path) {
    let mut filler =
        std::fs::OpenOptions::new().create(true).append(true).open(folder.join("filler")).unwrap();
    for size in [4096, 1] {
        while filler.write_all(&[0; 4096][..size]).is_ok() {}
    }
}

fn post_batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        let line = super::post(number).to_string() + "\n";
        batch
            .push(PostKey(number), jiff::Timestamp::UNIX_EPOCH, |out| out.extend_from_slice(line.as_bytes()));
    }
    batch
}

/// What `each_reserve_is_what_lets_a_full_disk_be_left_again` runs on a disk of its own: this program again. By itself
/// it is nothing.
#[test]
fn fills_a_disk_when_it_is_asked_to() {
    let Some(folder) = std::env::var_os("HYDRANT_TEST_FILLS") else { return };
    let folder = Path::new(&folder);
    let open = || Spool::open(folder, 1 << 20).expect("a spool").0;
    let room = |name: &str| folder.join(name);
    let mut spool = open();
    spool.append(&mut post_batch(0..10), None).expect("there is room");

    // The position cannot move without its reserve, and can with it.
    std::fs::remove_file(room("reserve-1")).expect("it is kept");
    fill(folder);
    assert!(matches!(spool.delivered(5), Err(SpoolError::Disk { .. })), "no room for a position");
    assert!(matches!(spool.append(&mut post_batch(10..200), None), Err(SpoolError::Full)));
    std::fs::remove_file(room("filler")).expect("there");
    drop(spool);
    let mut spool = open();
    assert!(room("reserve-1").exists(), "it is kept again where there is room");
    fill(folder);
    spool.delivered(10).expect("the reserve has room for a position");
    assert_eq!(spool.pending(), 0);

    // No new segment, behind which the old one may go, without the other reserve.
    drop(spool);
    std::fs::remove_file(room("reserve-2")).expect("it is kept");
    fill(folder);
    let mut spool = open();
    fill(folder);
    assert!(
        matches!(spool.append(&mut post_batch(10..11), None), Err(SpoolError::Full)),
        "no room for a segment"
    );
    drop(spool);
    std::fs::remove_file(room("filler")).expect("there");
    let mut spool = open();
    fill(folder);
    spool.append(&mut post_batch(10..11), None).expect("the reserve has room for a segment");
    let segments = std::fs::read_dir(folder).expect("a folder").flatten();
    let segments = segments.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "spool"));
    assert_eq!(segments.count(), 1, "the old segment is gone, and its room is there");
    println!("a full disk was left again");
}

#[tokio::test]
async fn each_reserve_is_what_lets_a_full_disk_be_left_again() {
    let folder = tempfile::tempdir().expect("a folder");
    if !may_mount(folder.path()).await {
        return;
    }
    let mut command = on_a_small_disk(folder.path(), "256k");
    command.arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", "stream::full_disk::fills_a_disk_when_it_is_asked_to", "--nocapture"]);
    let ran = command.env("HYDRANT_TEST_FILLS", folder.path()).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("a full disk was left again"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_the_stream_and_when_posts_are_delivered_it_goes_on() {
    let world = World::new().await;
    let spools = world.home.path().join(".local/share/hydrant/stream/default");
    std::fs::create_dir_all(&spools).expect("a folder");
    if !may_mount(&spools).await {
        return;
    }
    held_and_then_delivered(&world, |arguments| {
        let inner = world.command(world.home.path(), arguments);
        let inner = inner.as_std();
        let mut outer = on_a_small_disk(&spools, "1m");
        outer.arg(inner.get_program()).args(inner.get_args()).env_clear();
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        outer.current_dir(world.home.path()).stdin(Stdio::null()).kill_on_drop(true);
        Running::of(outer.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_holds_the_stream_and_when_posts_are_delivered_it_goes_on() {
    let world = World::new().await;
    held_and_then_delivered(&world, |arguments| world.start(&[arguments, &["--set", "spool_mb=1"]].concat()))
        .await;
}

/// While nothing is delivered, a run with less room than posts takes some, says that it is full, and reads no more;
/// then it delivers every post once.
async fn held_and_then_delivered(world: &World, start: impl FnOnce(&[&str]) -> Running) {
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
    let run = start(&["stream", "run", "--json", "--source", &source, "--set", "aggregate_kb=8"]);
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
    let status = tokio::time::timeout(LIMIT, full).await.expect("it says that there is no room");
    let received = status["received"].as_u64();
    assert!(received > Some(0) && received < Some(POSTS) && status["delivered"] == 0, "{status}");
    is_open.store(true, Ordering::Relaxed);
    let status = run.end().await.expect(0).json();
    balances(&status);
    assert_eq!((status["received"].as_u64(), status["pending"].as_u64()), (Some(POSTS), Some(0)), "{status}");
    assert!(status["held"].is_null(), "{status}");
    assert_eq!(exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS), 0);
}
