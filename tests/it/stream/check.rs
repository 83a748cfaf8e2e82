//! `stream check`: posts to a CSV file on this machine.

use std::io::Write;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use super::{balances, id, post, posts, read, replay};
use crate::support::run::{command, run};

fn rows(file: &std::path::Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_path(file).unwrap().records().map(|row| row.unwrap()).collect()
}

#[tokio::test]
async fn posts_become_rows_under_one_header_and_are_appended() {
    let home = tempfile::tempdir().unwrap();
    let file = posts(home.path(), 0..2500);
    let csv = home.path().join("out.csv");
    let mut check = command(home.path());
    check.args(["stream", "check", "--json", "--source", &replay(&file), "--csv"]).arg(&csv);
    let status = run(check).await.expect(0).json();
    balances(&status);
    assert_eq!((status["received"].as_u64(), status["delivered"].as_u64()), (Some(2500), Some(2500)));
    let first = rows(&csv);
    assert_eq!(first.len(), 2500);
    for (number, row) in first.iter().enumerate() {
        assert_eq!(
            (row.len(), &row[0], &row[52]),
            (53, id(number as u64).as_str(), read(number as u64).as_str())
        );
    }
    let mut again = command(home.path());
    again.args(["stream", "check", "--max", "7", "--source", &replay(&file), "--csv"]).arg(&csv);
    run(again).await.expect(0);
    assert_eq!(rows(&csv).len(), 2507);
}

#[tokio::test]
async fn every_line_is_counted_and_what_cannot_be_read_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mixed.jsonl");
    let lines = [
        post(1).to_string(),
        "<html>".into(),
        post(2).to_string(),
        post(1).to_string(),
        String::new(),
        "{\"data\":{\"id\":\"3\"".into(),
        "{\"delete\":{\"status\":{\"id_str\":\"9\"}}}".into(),
        "{\"limit\":{\"track\":5}}".into(),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let csv = home.path().join("out.csv");
    let mut check = command(home.path());
    check.args(["stream", "check", "--json", "--source", &replay(&file), "--csv"]).arg(&csv);
    let status = run(check).await.expect(0).json();
    balances(&status);
    let counts =
        ["received", "delivered", "duplicates", "malformed"].map(|name| status[name].as_u64().unwrap());
    assert_eq!(counts, [5, 2, 1, 2]);
    let kept = home.path().join(".local/state/hydrant/stream/default/quarantine.jsonl");
    assert_eq!(std::fs::read_to_string(kept).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn standard_input_is_a_file_like_any_other_and_may_be_packed() {
    let home = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for number in 0..50 {
        writeln!(packed, "{}", post(number)).unwrap();
    }
    let csv = home.path().join("out.csv");
    let mut check = command(home.path());
    check.args(["stream", "check", "--source", "replay:-", "--csv"]).arg(&csv).stdin(Stdio::piped());
    let mut child = check.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&packed.finish().unwrap()).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert_eq!(rows(&csv).len(), 50);
}

#[tokio::test]
async fn our_own_csv_and_records_are_played_again_to_the_same_rows() {
    let home = tempfile::tempdir().unwrap();
    let file = posts(home.path(), 0..40);
    let (first, second) = (home.path().join("first.csv"), home.path().join("second.csv"));
    for (source, csv) in [(&file, &first), (&first, &second)] {
        let mut check = command(home.path());
        check.args(["stream", "check", "--source", &replay(source), "--csv"]).arg(csv);
        run(check).await.expect(0);
    }
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, code, says) in [
        (
            &["check", "--csv", "x.csv", "--source", "replay:nowhere.jsonl"][..],
            1,
            "cannot read nowhere.jsonl",
        ),
        (&["check", "--csv", "x.csv", "--source", "mastodon"], 2, "is no source"),
        (&["run", "--to", "kafka", "--source", "replay:x"], 2, "is no sink"),
        (&["run", "--to", "none", "--source", "replay:x", "--speed", "fast"], 2, "is no speed"),
        (&["start", "--on", "host"], 2, "no region is set"),
        (&["stop"], 1, "does not run"),
        (&["check", "--csv", "x.csv", "--source", "x"], 1, "no X credentials"),
    ] {
        let mut hydrant = command(home.path());
        hydrant.arg("stream").args(arguments);
        let ran = run(hydrant).await.expect(code);
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn a_filter_keeps_what_is_wanted() {
    let home = tempfile::tempdir().unwrap();
    let file = posts(home.path(), 0..100);
    std::fs::write(home.path().join("terms.txt"), "# some\npost 7\nsays 8\n").unwrap();
    std::fs::write(home.path().join("unwanted.txt"), "8\n").unwrap();
    let csv = home.path().join("out.csv");
    let mut check = command(home.path());
    check.args(["stream", "check", "--json", "--terms-file", "terms.txt", "--unwanted", "unwanted.txt"]);
    check.args(["--source", &replay(&file), "--csv"]).arg(&csv);
    let status = run(check).await.expect(0).json();
    balances(&status);
    assert_eq!((status["delivered"].as_u64(), status["filtered"].as_u64()), (Some(1), Some(99)));
    assert_eq!(&rows(&csv)[0][0], id(7));
}
