//! X's filtered stream and Bluesky's Jetstream, as the sandbox plays them, with everything going wrong on purpose.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::balances;
use crate::support::run::EndsStream;
use crate::support::sandbox::Sandbox;

async fn sandbox(faults: &[&str]) -> Sandbox {
    let mut arguments = vec!["--feed-rate", "300"];
    for fault in faults {
        arguments.extend(["--fault", fault]);
    }
    Sandbox::new(&arguments).await
}

/// Runs a source until so many posts were read; the status, and the ids in the file.
async fn run(sandbox: &Sandbox, source: &str, posts: u32, more: &[&str]) -> (Value, Vec<String>) {
    let csv: PathBuf = sandbox.home.path().join("out.csv");
    let (to, most) = (format!("csv:{}", csv.display()), posts.to_string());
    let mut arguments =
        vec!["stream", "run", "--json", "--source", source, "--to", &to, "--max-posts", &most];
    arguments.extend(more);
    let status = sandbox.hydrant(&arguments).await.expect(0).json();
    balances(&status);
    assert_eq!(status["pending"], 0);
    let mut reader = csv::Reader::from_path(&csv).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert!(rows.iter().all(|row| row.len() == 53));
    (status, rows.iter().map(|row| row[0].to_owned()).collect())
}

/// Asks how the stream is until it is as it should be.
async fn until(sandbox: &Sandbox, holds: impl Fn(&Value) -> bool) {
    let mut last = Value::Null;
    let asked = async {
        while !holds(&last) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            last = sandbox.hydrant(&["stream", "status", "--json"]).await.json();
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_mins(1), asked).await;
    in_time.unwrap_or_else(|_| panic!("the stream is never so: {last}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_come_through_every_fault_of_xs_side_and_each_once() {
    for fault in [
        "x-split",
        "x-repeat",
        "x-garbage",
        "x-cut",
        "x-disconnect",
        "x-disconnect:InvalidRules",
        "x-disconnect:SlowReader",
    ] {
        let sandbox = sandbox(&[fault]).await;
        // The ones that end the stream after a post or some let few through at a time.
        let posts = if fault.contains("disconnect") || fault == "x-cut" { 12 } else { 400 };
        let (status, ids) = run(&sandbox, "x", posts, &[]).await;
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{fault}: each once");
        assert_eq!(status["delivered"].as_u64(), Some(ids.len() as u64), "{fault}");
        assert!(!ids.is_empty(), "{fault}: {status}");
        match fault {
            "x-repeat" => assert!(status["duplicates"].as_u64() > Some(0), "{status}"),
            "x-garbage" => assert!(status["malformed"].as_u64() > Some(0), "{status}"),
            "x-split" => assert_eq!(status["malformed"], 0, "{status}"),
            _ => assert!(status["gaps"]["count"].as_u64() > Some(1), "{fault}: {status}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_dialects_fill_the_columns() {
    for dialect in ["tweet", "post"] {
        let sandbox = Sandbox::new(&["--feed-rate", "300", "--dialect", dialect]).await;
        let (status, _) = run(&sandbox, "x", 300, &[]).await;
        let text = std::fs::read_to_string(sandbox.home.path().join("out.csv")).unwrap();
        let rows: Vec<csv::StringRecord> =
            csv::Reader::from_reader(text.as_bytes()).records().map(|row| row.unwrap()).collect();
        let some = |column: usize, value: &str| rows.iter().any(|row| &row[column] == value);
        assert!(
            some(45, "yes") && some(45, "no") && some(5, "True"),
            "{dialect}: reposts and quotes: {status}"
        );
        let told =
            |column: usize| rows.iter().filter(|row| &row[column] != "None").count() * 10 > rows.len() * 8;
        assert!([12, 33, 34, 35, 39, 43].into_iter().all(told), "{dialect}: times, names, counts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_noticed_and_keep_alives_are_not_taken_for_one() {
    let sandbox = sandbox(&["x-stall"]).await;
    let csv = sandbox.home.path().join("out.csv");
    let to = format!("csv:{}", csv.display());
    let run = sandbox.start(&[
        "stream",
        "run",
        "--json",
        "--source",
        "x",
        "--to",
        &to,
        "--max-posts",
        "50",
        "--set",
        "x_stall_seconds=1",
    ]);
    until(&sandbox, |status| {
        status["last_error"].as_str().is_some_and(|why| why.contains("not a byte for 1 s"))
    })
    .await;
    sandbox.faults(&[]).await;
    let status = run.end().await.expect(0).json();
    assert!(status["delivered"].as_u64() > Some(0), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_person_can_mend_parks_or_stops_and_says_what_to_do() {
    let sandbox = sandbox(&["x-auth"]).await;
    let refused = sandbox.hydrant(&["stream", "run", "--source", "x", "--to", "none"]).await.expect(1);
    assert!(refused.err.contains("regenerate them in the developer console"), "{}", refused.err);
    for (fault, says) in [("x-credits", "buy some"), ("x-cap", "spending limit is reached")] {
        sandbox.faults(&[fault]).await;
        let run = sandbox.start(&["stream", "run", "--json", "--source", "x", "--to", "none"]);
        until(&sandbox, |status| status["held"].as_str().is_some_and(|why| why.contains(says))).await;
        run.interrupt();
        run.end().await.expect(130);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_made_compared_and_cleared_and_others_stay() {
    let sandbox = sandbox(&[]).await;
    let planned = sandbox.hydrant(&["stream", "rules", "sync", "--dry-run", "--json"]).await.expect(3).json();
    assert_eq!(planned["added"].as_array().map(Vec::len), Some(1), "{planned}");
    assert_eq!(
        sandbox.hydrant(&["stream", "rules", "list", "--json"]).await.expect(0).json(),
        serde_json::json!([])
    );
    sandbox.hydrant(&["stream", "rules", "sync"]).await.expect(0);
    // X takes a rule of the same words only once: the other stack looks for other words.
    let terms = sandbox.home.path().join("other-terms.txt");
    std::fs::write(&terms, "volcano\n").expect("a file of terms");
    let terms = format!("terms_file={}", terms.display());
    sandbox.hydrant(&["stream", "rules", "sync", "--stack", "other", "--set", &terms]).await.expect(0);
    let again = sandbox.hydrant(&["stream", "rules", "sync", "--json"]).await.expect(0).json();
    let counts = ["added", "deleted", "kept"].map(|what| again[what].as_array().map(Vec::len));
    assert_eq!((counts, again["others"].as_u64()), ([Some(0), Some(0), Some(1)], Some(1)), "{again}");
    sandbox.hydrant(&["stream", "rules", "clear"]).await.expect(0);
    let left = sandbox.hydrant(&["stream", "rules", "list", "--json"]).await.expect(0).json();
    assert_eq!((left.as_array().map(Vec::len), left[0]["tag"].as_str()), (Some(1), Some("hydrant:other")));
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_delivery_stream_that_is_not_there_nothing_is_read() {
    let sandbox = sandbox(&[]).await;
    let _ends = EndsStream(sandbox.home.path().to_owned());
    let start = ["stream", "start", "--source", "x", "--to", "firehose"];
    let refused = sandbox.hydrant(&start).await.expect(1);
    let says = "there is no delivery stream twitter_delivery_stream in ";
    assert!(refused.err.contains(says) && refused.err.contains("`hydrant up` makes it"), "{}", refused.err);
    let rules = sandbox.hydrant(&["stream", "rules", "list", "--json"]).await.expect(0).json();
    assert_eq!(rules, serde_json::json!([]), "X was not asked for anything");
    let status = sandbox.hydrant(&["stream", "status", "--json"]).await.expect(0).json();
    assert_eq!((&status["state"], &status["received"]), (&"stopped".into(), &0.into()), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_counted_and_never_overspent() {
    let sandbox = sandbox(&[]).await;
    let csv = format!("csv:{}", sandbox.home.path().join("out.csv").display());
    let spend = ["stream", "run", "--json", "--source", "x", "--to", &csv, "--max-spend", "0.25"];
    for run in 1..=2 {
        let status = sandbox.hydrant(&spend).await.expect(0).json();
        let spent = &status["spent"];
        assert_eq!(
            (spent["run_posts"].as_u64(), spent["today_posts"].as_u64()),
            (Some(50), Some(50 * run)),
            "{status}"
        );
        assert!(status["notice"].as_str().is_some_and(|why| why.contains("max_spend")), "{status}");
    }
    let broke = sandbox
        .hydrant(&["stream", "run", "--json", "--source", "x", "--to", &csv, "--set", "daily_budget=0.5"])
        .await;
    assert_eq!(broke.expect(0).json()["received"].as_u64(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_goes_on_where_it_was_in_both_versions_compressed_or_not() {
    for (version, zstd) in [("1", "true"), ("2", "true"), ("2", "false")] {
        let sandbox = Sandbox::new(&["--feed-rate", "100"]).await;
        let (version, zstd) = (format!("jetstream_version={version}"), format!("jetstream_zstd={zstd}"));
        std::fs::write(sandbox.home.path().join("all.txt"), "the\na\nand\nof\nto\nin\nis\nwe\n").unwrap();
        let more = ["--set", version.as_str(), "--set", zstd.as_str(), "--terms-file", "all.txt"];
        let (first, ids) = run(&sandbox, "jetstream", 200, &more).await;
        assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("at://did:")), "{first}");
        // What was missed in between is fetched: the second run begins where the first ended, not at its own start.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let (second, ids) = run(&sandbox, "jetstream", 200, &more).await;
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "each once: {second}");
        assert!(second["rate"].as_f64() > Some(0.0), "{second}");
    }
}
