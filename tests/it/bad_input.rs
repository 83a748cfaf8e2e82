//! What a newcomer mistypes and what a machine lacks: one clear sentence, the right exit code, nothing lost.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::support::run::{Ran, command, run};

/// A home with what somebody might mistake for something else.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(home.path().join(name), content).unwrap();
    write("empty", b"");
    write("binary", &[0xff, 0xfe, 0, 7, b'\n'].repeat(40));
    write("tokens", "alpha beta gamma delta epsilon zeta\n".repeat(20).as_bytes());
    write("rows.csv", b"id,text\n1,short\n2,also short\n");
    write("binary.toml", b"region = \"us-\xff\"\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for number in 0..200 {
        writeln!(packed, "{{\"data\":{{\"id\":\"{number}\",\"text\":\"post {number}\"}}}}").unwrap();
    }
    let packed = packed.finish().unwrap();
    write("torn.gz", &packed[..packed.len() / 2]);
    home
}

async fn hydrant(home: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(home);
    command.args(arguments).stdin(Stdio::null());
    run(command).await
}

#[tokio::test]
async fn every_mistake_is_one_sentence_that_says_what_and_why() {
    let home = home();
    let table: &[(&[&str], i32, &str)] = &[
        (&["topics", "show", "nowhere"], 1, "nowhere is not a topic model: there is no model.json"),
        (
            &["topics", "fit", "--tokens", "nowhere", "--k", "3", "--out", "m"],
            1,
            "cannot read nowhere: No such file or directory",
        ),
        (
            &["topics", "fit", "--input", "nowhere.csv", "--k", "3", "--out", "m"],
            1,
            "there is no file ./nowhere.csv",
        ),
        (&["topics", "fit", "--input", "nowhere", "--k", "3", "--out", "m"], 1, "there is no folder nowhere"),
        (
            &["topics", "fit", "--input", "tokens", "--k", "3", "--out", "m"],
            1,
            "tokens holds no combined hours: give a .csv or .parquet file",
        ),
        (
            &["topics", "fit", "--engine", "spark", "--plan", "--input", "nowhere.csv", "--out", "m"],
            1,
            "there is no file ./nowhere.csv",
        ),
        (
            &["topics", "fit", "--tokens", "tokens", "--k", "3", "--out", "empty"],
            1,
            "cannot make the folder empty: File exists",
        ),
        (&["combine", "--from", "nowhere", "--to", "there"], 1, "there is no folder nowhere"),
        (
            &["combine", "--from", ".", "--to", "there", "--unwanted", "nowhere"],
            1,
            "cannot read the unwanted words in nowhere (No such file or directory)",
        ),
        (&["lake", "ls", "./nowhere"], 1, "there is no folder ./nowhere"),
        (&["lake", "hours", "--from", "nowhere"], 1, "there is no folder nowhere"),
        (&["jobs", "follow", "nowhere"], 1, "`hydrant jobs` lists them"),
        (&["stream", "start"], 1, "the stream did not start: no region is set"),
        (
            &["config", "--config", "binary.toml"],
            2,
            "cannot read binary.toml (it is not UTF-8: save it as text in UTF-8)",
        ),
        (
            &["stream", "check", "--csv", "nowhere/o.csv", "--source", "replay:empty"],
            1,
            "cannot open nowhere/o.csv (No such file or directory)",
        ),
    ];
    for (arguments, code, says) in table {
        let ran = hydrant(home.path(), arguments).await.expect(*code);
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
        let sentences = ran.err.lines().filter(|line| line.starts_with("hydrant: ")).count();
        assert_eq!((sentences, ran.err.matches("because").count()), (1, 0), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains("os error") && !ran.err.contains("panicked"), "{arguments:?}: {}", ran.err);
    }
    assert!(!home.path().join("there").exists() && !home.path().join("m").exists(), "nothing was made");
}

#[tokio::test]
async fn a_torn_file_gives_what_is_whole_and_says_where_it_ends() {
    let home = home();
    let torn = ["stream", "check", "--csv", "torn.csv", "--source", "replay:torn.gz"];
    let ran = hydrant(home.path(), &torn).await.expect(1);
    assert!(ran.err.contains("cannot read torn.gz") && ran.err.lines().count() == 1, "{}", ran.err);
    let rows = std::fs::read_to_string(home.path().join("torn.csv")).unwrap().lines().count() - 1;
    assert!(
        rows > 0
            && ran.out.starts_with(&format!(
                "{} received, {} delivered",
                hydrant::text::counted(rows, "post", "posts"),
                hydrant::text::count(rows)
            )),
        "{}",
        ran.out
    );
    let binary = ["stream", "check", "--csv", "binary.csv", "--source", "replay:binary"];
    let ran = hydrant(home.path(), &binary).await.expect(0);
    assert!(ran.out.contains(" malformed"), "{}", ran.out);
    let kept = ran.err.split("is kept in ").nth(1).and_then(|rest| rest.split(", ").next()).unwrap();
    assert!(std::fs::metadata(kept).unwrap().len() > 0, "{}", ran.err);
}

#[tokio::test]
async fn posts_that_a_model_leaves_out_are_explained() {
    let home = home();
    hydrant(
        home.path(),
        &["topics", "fit", "--tokens", "tokens", "--k", "2", "--iterations", "5", "--out", "m"],
    )
    .await
    .expect(1);
    let words: String =
        (0..40).map(|line| format!("word{} other{} third{}\n", line % 5, line % 7, line % 3)).collect();
    std::fs::write(home.path().join("tokens"), words).unwrap();
    hydrant(
        home.path(),
        &["topics", "fit", "--tokens", "tokens", "--k", "2", "--iterations", "5", "--out", "m"],
    )
    .await
    .expect(0);
    let ran = hydrant(home.path(), &["topics", "predict", "m", "--input", "rows.csv"]).await.expect(0);
    assert!(
        ran.out.contains("(2 are retweets or too short, as the model's own text steps have it)"),
        "{}",
        ran.out
    );
    std::fs::write(home.path().join("m/model.parquet"), [7; 900]).unwrap();
    let ran = hydrant(home.path(), &["topics", "predict", "m", "--input", "rows.csv"]).await.expect(1);
    assert!(ran.err.contains("m/model.parquet is not a topic model"), "{}", ran.err);
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_a_failure() {
    let home = home();
    for arguments in [&["config"][..], &["man"], &["completions", "bash"], &["--help"], &["jobs", "--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = command(home.path());
        command.args(arguments).stdout(full).stderr(Stdio::piped());
        let ran = command.spawn().unwrap().wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said, "hydrant: cannot write the answer (No space left on device)\n", "{arguments:?}");
    }
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_failure() {
    let home = home();
    let mut command = command(home.path());
    command.arg("man").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ran = child.wait_with_output().await.unwrap();
    assert_eq!((ran.status.code(), ran.stderr.as_slice()), (Some(0), &[][..]));
}

#[tokio::test]
async fn arguments_that_are_not_taken_are_shown_as_harmless_text() {
    let home = home();
    let long = "x".repeat(100_000);
    for argument in ["up\u{1b}[31m\u{202e}pu\nhydrant: all is well", long.as_str()] {
        for arguments in
            [vec![argument], vec!["combine", "--memory", argument], vec!["logs", "tail", "--since", argument]]
        {
            let ran = hydrant(home.path(), &arguments).await.expect(2);
            let shown = ran.out + &ran.err;
            assert!(
                !shown.contains('\u{1b}') && !shown.contains('\u{202e}') && shown.len() < 4000,
                "{shown}"
            );
            assert!(!shown.lines().any(|line| line.starts_with("hydrant: all")), "{shown}");
        }
    }
}
