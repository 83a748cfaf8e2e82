//! The Topics pane with real fits, by keys only.

use std::fmt::Write as _;

use crate::support::run::{command, run};
use crate::support::terminal::Terminal;

/// Posts about three subjects, no two of them alike.
fn posts() -> String {
    let subjects = ["rocket launch booster", "galaxy telescope nebula", "weather thunder lightning"];
    let words = ["alpha", "bravo", "delta", "gamma", "theta", "kappa", "sigma", "omega"];
    let mut csv = String::from("id,created_at,retweeted_tweet,text\n");
    for post in 0..240 {
        let word = |step: usize| words[post / step % words.len()];
        writeln!(
            csv,
            "{post},2026-11-22 18:00:00+00:00,no,\"{} about {} {} \u{1b}[31mnumber {} {}\"",
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
    terminal.until("3 topics, ");
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
    terminal.press("\u{1b}[Z\u{15}long\r");
    terminal.until("give the model another name");
    terminal.press("q");
    assert!(terminal.end().0.success());
}
