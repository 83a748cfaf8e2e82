//! The stream in the background: start, status, tail, stop, and what a crash leaves.

use std::io::Write;
use std::time::Duration;

use hydrant::stream::post::PostKey;
use hydrant::stream::record::{COUNT, Format, Line};
use hydrant::stream::sink::csv::name_of;
use hydrant::stream::spool::{Batch, Spool};
use serde_json::Value;
use tokio::process::Command;

use super::{balances, pipe, post, posts, replay};
use crate::support::run::{EndsStream, Ran, command, run};

const LIMIT: Duration = Duration::from_mins(1);

/// A home whose stream is stopped when the test ends, however it ends.
struct Home(tempfile::TempDir, EndsStream);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let ends = EndsStream(home.path().to_owned());
        Self(home, ends)
    }

    fn stream(&self, arguments: &[&str]) -> Command {
        let mut hydrant = command(self.0.path());
        hydrant.arg("stream").args(arguments);
        hydrant
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        run(self.stream(arguments)).await
    }

    async fn status(&self) -> Value {
        let ran = self.run(&["status", "--json"]).await;
        let status = ran.json();
        balances(&status);
        status
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let status = self.status().await;
            if holds(&status) {
                return status;
            }
            assert!(begun.elapsed() < LIMIT, "never {what}: {status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_tells_how_it_is_and_stops_when_everything_is_delivered() {
    let home = Home::new();
    assert_eq!(home.status().await["state"], "stopped");
    let source = pipe(home.0.path());
    // Opened for both, so that neither side waits for the other.
    let mut feed = std::fs::OpenOptions::new().read(true).write(true).open(&source).unwrap();
    for number in 0..20 {
        writeln!(feed, "{}", post(number)).unwrap();
    }
    let csv = home.0.path().join("out.csv");
    let to = format!("csv:{}", csv.display());
    let source = replay(&source);
    let started = home.run(&["start", "--json", "--source", &source, "--to", &to]).await.expect(0).json();
    assert!(started["pid"].as_u64() > Some(0), "{started}");
    let again = home.run(&["start", "--source", &source, "--to", &to]).await.expect(1);
    assert!(again.err.contains("runs already"), "{}", again.err);
    let status = home.until("delivered", |status| status["delivered"] == 20).await;
    assert_eq!((status["state"].as_str(), status["on"].as_str()), (Some("running"), Some("local")));
    drop(feed);
    home.until("ended", |status| status["state"] == "stopped").await;
    assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 21);
    home.run(&["stop"]).await.expect(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_over_at_once_was_started_all_the_same() {
    let home = Home::new();
    let folder = home.0.path().join(".local/state/hydrant/stream/default");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("log"), "hydrant: a failure of yesterday\n").unwrap();
    let csv = home.0.path().join("out.csv");
    let to = format!("csv:{}", csv.display());
    home.run(&["start", "--source", "replay:/dev/null", "--to", &to]).await.expect(0);
    home.until("ended", |status| status["state"] == "stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_shows_posts_and_ends_with_the_stream() {
    let home = Home::new();
    let source = pipe(home.0.path());
    let mut feed = std::fs::OpenOptions::new().read(true).write(true).open(&source).unwrap();
    home.run(&["start", "--source", &replay(&source), "--to", "none"]).await.expect(0);
    let watching = home.stream(&["tail", "--json"]).spawn().unwrap();
    let watching = tokio::spawn(watching.wait_with_output());
    // Posts before the watcher is there are not shown: put some in until it has seen one.
    let mut number = 0;
    while !watching.is_finished() && number < 40 {
        for _ in 0..10 {
            writeln!(feed, "{}", post(number)).unwrap();
            number += 1;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    home.run(&["stop"]).await.expect(0);
    let seen = tokio::time::timeout(LIMIT, watching).await.unwrap().unwrap().unwrap();
    let lines: Vec<Value> = String::from_utf8(seen.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines.iter().any(|line| line["post"]["text"].as_str().is_some_and(|text| text.starts_with("post ")))
    );
    assert_eq!(lines.last().unwrap()["status"]["state"], "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_seen_and_what_waits_is_delivered_by_the_next_start() {
    let home = Home::new();
    let source = pipe(home.0.path());
    let mut feed = std::fs::OpenOptions::new().read(true).write(true).open(&source).unwrap();
    let csv = home.0.path().join("out.csv");
    let to = format!("csv:{}", csv.display());
    home.run(&["start", "--source", &replay(&source), "--to", &to]).await.expect(0);
    for number in 0..30 {
        writeln!(feed, "{}", post(number)).unwrap();
    }
    home.until("received", |status| status["received"].as_u64() >= Some(1)).await;
    rustix::process::kill_process(home.1.pid().unwrap(), rustix::process::Signal::KILL).unwrap();
    let failed = home.until("failed", |status| status["state"] == "failed").await;
    assert!(
        failed["last_error"].as_str().is_some_and(|why| why.contains("ended without a word")),
        "{failed}"
    );
    let rest = posts(home.0.path(), 0..30);
    let status = home.run(&["run", "--json", "--source", &replay(&rest), "--to", &to]).await.expect(0).json();
    balances(&status);
    assert_eq!(status["pending"], 0);
    let mut reader = csv::Reader::from_path(&csv).unwrap();
    let ids: std::collections::BTreeSet<String> =
        reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(ids.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_says_so_and_leaves_nothing_half_done() {
    let home = Home::new();
    let source = pipe(home.0.path());
    let feed = std::fs::OpenOptions::new().read(true).write(true).open(&source).unwrap();
    let run = home.stream(&["run", "--json", "--source", &replay(&source), "--to", "none"]).spawn().unwrap();
    let run = crate::support::run::Running::of(run);
    home.until("running", |status| status["state"] == "running").await;
    run.interrupt();
    // Whoever waits for a pipe is woken by its end.
    drop(feed);
    let ran = run.end().await.expect(130);
    balances(&ran.json());
    assert_eq!(home.status().await["state"], "stopped");
}

#[tokio::test]
async fn its_files_are_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let file = posts(home.0.path(), 0..5);
    let to = format!("csv:{}", home.0.path().join("out.csv").display());
    home.run(&["run", "--source", &replay(&file), "--to", &to]).await.expect(0);
    let mut looked_at = 0;
    for top in [".local/state/hydrant/stream", ".local/share/hydrant/stream"] {
        let mut folders = vec![home.0.path().join(top)];
        while let Some(folder) = folders.pop() {
            assert_eq!(
                std::fs::metadata(&folder).unwrap().permissions().mode() & 0o077,
                0,
                "{}",
                folder.display()
            );
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                looked_at += 1;
                if entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
    }
    assert!(looked_at >= 5, "{looked_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waits_for_x_ends_when_it_is_interrupted() {
    let home = Home::new();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut list = home.stream(&["rules", "list"]);
    list.env("X_API_URL", format!("http://{}", silent.local_addr().unwrap()));
    list.env("TWITTER_API_KEY", "key").env("TWITTER_API_KEY_SECRET", "secret");
    let list = crate::support::run::Running::of(list.spawn().unwrap());
    let _asked = tokio::time::timeout(LIMIT, silent.accept()).await.expect("it asks").unwrap();
    list.interrupt();
    list.end().await.expect(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_a_damaged_spool_lost_are_received_and_malformed_and_the_rest_is_delivered() {
    let home = Home::new();
    let csv = home.0.path().join("out.csv");
    let spool = home.0.path().join(".local/share/hydrant/stream/default").join(name_of(&csv));
    for first in [0, 10, 20] {
        let mut batch = Batch::default();
        for number in first..first + 10 {
            batch.push(PostKey(number), jiff::Timestamp::UNIX_EPOCH, |out| {
                let mut line = Line::begin(Format::Tsv, out);
                line.number(number);
                (1..COUNT).for_each(|_| line.absent());
                line.end();
            });
        }
        Spool::open(&spool, 1 << 20).unwrap().0.append(&mut batch, None).unwrap();
    }
    std::fs::remove_file(spool.join("00000000000000000010.spool")).unwrap();
    let to = format!("csv:{}", csv.display());
    let run = home.run(&["run", "--json", "--source", "replay:/dev/null", "--to", &to]).await;
    let status = run.expect(0).json();
    balances(&status);
    let counts = ["received", "delivered", "malformed", "pending"].map(|name| status[name].as_u64());
    assert_eq!(counts, [Some(30), Some(20), Some(10), Some(0)], "{status}");
}
