//! The Topics pane with real fits, by keys only.

use std::fmt::Write as _;

use crate::support::run::{command, run};
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// Posts about three subjects, no two of them alike, of two hours, as a combined hour has them.
fn posts() -> String {
    let subjects = ["rocket launch booster", "galaxy telescope nebula", "weather thunder lightning"];
    let authors = ["Web,\"Austin, TX\"", "Phone,Lagos", "Tablet,Tokyo"];
    let words = ["alpha", "bravo", "delta", "gamma", "theta", "kappa", "sigma", "omega"];
    let mut csv = String::from("id,created_at,source_text,user_location,retweeted_tweet,text\n");
    for post in 0..240 {
        let word = |step: usize| words[post / step % words.len()];
        writeln!(
            csv,
            "{post},2026-11-22 {}:00:00+00:00,{},no,\"{} about {} {} \u{1b}[31mnumber {} {}\"",
            18 + post / 200,
            authors[post % 3],
            subjects[post % 3],
            word(3),
            word(24),
            word(1),
            subjects[post % 3],
        )
        .expect("a String takes every text");
    }
    csv
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_fitted_read_and_named_by_keys_alone() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join("hour.csv"), posts()).expect("written");
    let mut terminal =
        Terminal::run(home.path(), (120, 36), &["sandbox", "--pace", "100", "--dir", "cloud"], &[]);
    terminal.until("nothing of the stack is there");
    terminal.press("5");
    terminal.until("There is no topic model yet");
    terminal.press("f");
    terminal.until("Fit a model");
    // Files, more than three words, words of two posts, and three topics by LDA.
    terminal.press("\t\t\thour.csv\t\u{15}3\t\t\u{15}2\t \t3\t\t\t\u{15}first\r");
    terminal.until("3 topics are kept in models/first");
    terminal.press("\r");
    terminal.until("elsewhere");
    terminal.press("[");
    terminal.until("λ 0.5");
    terminal.press("n");
    terminal.press("storms of autumn\r");
    terminal.until("storms of autumn");
    terminal.press("m");
    terminal.until("near: alike");
    terminal.press("\r");
    terminal.until("of all text");
    terminal.until("␛[31mnumber");
    terminal.press("\r");
    terminal.until("id      ");
    terminal.escape("id      ");
    terminal.press("1");
    terminal.until("3 topics");
    terminal.press("q");
    assert!(terminal.end().0.success());

    // The commands see the same model under the same name.
    let mut shown = command(home.path());
    shown.args(["topics", "show", "models/first", "--json"]);
    let shown = run(shown).await.expect(0).json();
    assert_eq!(shown["topics"][0]["name"], "storms of autumn");
    assert_eq!((&shown["method"], &shown["k"]), (&"lda".into(), &3.into()));
}

#[test]
fn a_fit_that_is_stopped_by_a_key_keeps_its_model() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join("hour.csv"), posts()).expect("written");
    let mut terminal =
        Terminal::run(home.path(), (120, 36), &["sandbox", "--pace", "100", "--dir", "cloud"], &[]);
    terminal.until("nothing of the stack is there");
    terminal.press("5f");
    terminal.until("Fit a model");
    // So many passes that it is stopped before they are over.
    terminal.press("\t\t\thour.csv\t\u{15}3\t\t\u{15}2\t \t3\t100000\t\t\u{15}long\r");
    terminal.until("likelihood by passes");
    terminal.press("c");
    terminal.until("stopped and kept as it was then");
    assert!(home.path().join("models/long/model.parquet").is_file());
    // What is there already is not fitted over.
    terminal.press("f");
    terminal.until("Fit a model");
    // The name is the last but one of the fields.
    terminal.press("\u{1b}[Z\u{1b}[Z\u{15}long\r");
    terminal.until("give the model another name");
    terminal.press("q");
    assert!(terminal.end().0.success());
}

/// A sandbox whose bucket holds a combined hour, and a model that was made of it; and the console over it.
async fn with_a_lake() -> (Sandbox, Terminal) {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    let s3 = sandbox.aws().s3;
    let bucket = bucket(&sandbox).await;
    let key = "datasets/twitter/kinesis-demo/csvs/tweets_2_hc2026112218_s20261122235900.csv";
    s3.put_object().bucket(&bucket).key(key).body(posts().into_bytes().into()).send().await.expect("put");
    let lake = format!("s3://{bucket}/datasets/twitter/kinesis-demo/");
    let fit = format!(
        "topics fit --input {lake} --model lda --k 3 --longer-than 3 --min-df 2 --out {lake}models/far"
    );
    sandbox.hydrant(&fit.split(' ').collect::<Vec<_>>()).await.expect(0);
    let variables = sandbox.serving.line["env"].as_object().expect("an object of variables");
    // What opens pages here writes down what it was given.
    let opener = sandbox.home.path().join("opener");
    std::fs::write(&opener, "#!/bin/sh\necho \"$1\" > \"$HOME/opened\"\n").expect("written");
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&opener, runs).expect("it is ours");
    let opener = opener.to_str().expect("text").to_owned();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect();
    variables.push(("BROWSER", &opener));
    let terminal = Terminal::run(sandbox.home.path(), (120, 36), &[], &variables);
    (sandbox, terminal)
}

async fn bucket(sandbox: &Sandbox) -> String {
    let buckets = sandbox.aws().s3.list_buckets().send().await.expect("a listing");
    buckets.buckets().first().and_then(|bucket| bucket.name()).expect("a bucket").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_in_the_bucket_is_listed_opened_named_asked_and_reported() {
    let (sandbox, mut terminal) = with_a_lake().await;
    // The Flow pane knows of it before anybody has gone to the Topics pane.
    terminal.until("3 topics");
    terminal.press("5");
    terminal.until("1 in the bucket");
    terminal.press("\r");
    terminal.until("elsewhere");
    terminal.press("n");
    terminal.press("far away\r");
    terminal.until("far away");
    terminal.press("v");
    terminal.until("2026-11-22 18:00 to 2026-11-22 19:00 UTC");
    terminal.press("v\r");
    terminal.until("␛[31mnumber");
    terminal.escape("␛[31mnumber");
    terminal.press("a");
    terminal.until("What do its posts say?");
    terminal.press("\r");
    // These hours do not say whom posts reply to.
    terminal.until("in_reply_to_screen_name");
    terminal.press("j");
    terminal.until("About all of 240 posts");
    terminal.press("G\r");
    terminal.until("Which countries write about which topic?");
    terminal.until("Japan about far away");
    terminal.until("of its 80");
    terminal.press("x");
    terminal.until("the report is in s3://");
    terminal.press("q");
    assert!(terminal.end().0.success());

    let model = format!("s3://{}/datasets/twitter/kinesis-demo/models/far", bucket(&sandbox).await);
    let shown = sandbox.hydrant(&["topics", "show", &model, "--json"]).await.expect(0).json();
    assert_eq!(shown["topics"][0]["name"], "far away");
    let report = "datasets/twitter/kinesis-demo/models/far/report.html";
    let page = sandbox.aws().s3.get_object().bucket(bucket(&sandbox).await).key(report).send().await;
    let page = page.expect("it was written").body.collect().await.expect("its content").into_bytes();
    let page = String::from_utf8(page.to_vec()).expect("text");
    assert!(page.contains("far away") && page.contains("Which countries write about which topic?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_and_a_sweep_of_the_lakes_hours_and_a_report_that_is_opened() {
    let (sandbox, mut terminal) = with_a_lake().await;
    // The Flow pane knows of it before anybody has gone to the Topics pane.
    terminal.until("3 topics");
    terminal.press("5");
    terminal.until("1 in the bucket");
    // Weighted LDA of the lake's hours: the last of the methods.
    terminal.press("f");
    terminal.until("Fit a model");
    terminal.press("\t\t\t\t\u{15}3\t\t\u{15}2\t    \t3\t\t\t\u{15}near\r");
    terminal.until("3 topics are kept in models/near");
    terminal.until("lda-tfidf");
    terminal.press("x");
    terminal.until("the report is opened: models/near/report.html");
    let opened = std::fs::read_to_string(sandbox.home.path().join("opened")).expect("it was opened");
    assert_eq!(opened.trim(), "models/near/report.html");
    let page = std::fs::read_to_string(sandbox.home.path().join("models/near/report.html")).expect("written");
    assert!(page.contains("telescope") && page.contains("TF-IDF"));
    // The form begins with what was filled in; of hours that hold nothing, it says so.
    terminal.press("w");
    terminal.until("How many topics?");
    terminal.press("\t\t2020-01-01\r");
    terminal.until("none of the combined hours lies within");
    terminal.press("w");
    terminal.until("How many topics?");
    terminal.press("\t\t\u{15}\t\t\t\t\t\t\u{15}2, 3\t\u{15}1, 2\r");
    terminal.until("Take ");
    terminal.press("q");
    assert!(terminal.end().0.success());
}
