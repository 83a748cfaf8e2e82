//! SIGKILL at random moments: whatever the moment, every post is delivered in the end, as it should be.

use std::time::Duration;

use rand::{RngExt, SeedableRng};

use super::{balances, exactly, in_s3, posts, replay};
use crate::support::World;
use crate::support::proxy::Verdict;
use crate::support::run::{Running, command, run};

/// Killed so often; spread over two homes, so that they run side by side.
const KILLS: u32 = 25;
const POSTS: u64 = 4000;

async fn killed_again_and_again(seed: u64) {
    let world = World::new().await;
    world.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    let source = replay(&posts(world.home.path(), 0..POSTS));
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    // Some puts fail, so that there is something under way at every moment.
    let mut puts = 0_u64;
    world.proxy.rule(move |call| {
        puts += u64::from(call.is("PutRecordBatch"));
        if call.is("PutRecordBatch") && puts.is_multiple_of(3) {
            let text =
                serde_json::json!({ "__type": "ServiceUnavailableException", "message": "Slow down." });
            return Verdict::Answer(503, "application/x-amz-json-1.1", text.to_string());
        }
        Verdict::Forward
    });
    let arguments =
        ["stream", "run", "--json", "--source", &source, "--set", "aggregate_kb=8", "--set", "spool_mb=1"];
    for _ in 0..KILLS {
        let run = world.start(&arguments);
        // The moment is the point here: from before the first line is read to after the last one is sent.
        tokio::time::sleep(Duration::from_millis(random.random_range(5..900))).await;
        run.kill().await;
    }
    let status = world.hydrant(&arguments).await.expect(0).json();
    balances(&status);
    assert_eq!(status["pending"], 0, "{status}");
    let twice = exactly(&in_s3(&world.aws(), &world.bucket()).await, 0..POSTS);
    println!("after {KILLS} kills, {twice} of {POSTS} posts are in S3 more than once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_kills() {
    killed_again_and_again(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_other_kills() {
    killed_again_and_again(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_of_a_file_is_lost_or_doubled_by_kills() {
    let home = tempfile::tempdir().unwrap();
    let csv = home.path().join("out.csv");
    let (source, to) = (replay(&posts(home.path(), 0..POSTS)), format!("csv:{}", csv.display()));
    let stream = || {
        let mut stream = command(home.path());
        stream.args(["stream", "run", "--json", "--source", &source, "--to", &to]);
        stream
    };
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    for _ in 0..KILLS {
        let killed = Running::of(stream().spawn().unwrap());
        tokio::time::sleep(Duration::from_millis(random.random_range(5..600))).await;
        killed.kill().await;
    }
    let status = run(stream()).await.expect(0).json();
    balances(&status);
    assert_eq!(status["pending"], 0, "{status}");
    let mut reader = csv::Reader::from_path(&csv).unwrap();
    let mut ids: Vec<String> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(ids.len() as u64, POSTS, "each once");
    ids.sort_unstable();
    assert_eq!(ids, (0..POSTS).map(super::id).collect::<Vec<_>>());
}
