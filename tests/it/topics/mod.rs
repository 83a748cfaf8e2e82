//! `hydrant topics`, as scripts use it: files in, files out, the same bytes on any number of threads.

mod answers;
mod places;

use std::fmt::Write as _;
use std::path::Path;

use crate::support::run::{Ran, command, run};

async fn hydrant(home: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(home);
    command.args(arguments);
    run(command).await
}

/// Lines about three subjects, each with words of its own.
fn lines() -> String {
    let mut text = String::new();
    for line in 0..120 {
        for word in 0..6 {
            write!(text, "subject{}word{} ", line % 3, (line * 7 + word * 3) % 9).unwrap();
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn read(home: &Path, file: &str) -> String {
    std::fs::read_to_string(home.join(file)).unwrap()
}

#[tokio::test]
async fn a_fit_writes_every_table_and_the_same_bytes_on_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("tokens.txt"), lines()).unwrap();
    for method in ["lda", "gsdmm", "nmf"] {
        for threads in ["1", "3"] {
            let out = format!("{method}{threads}");
            let arguments = [
                "topics",
                "fit",
                "--tokens",
                "tokens.txt",
                "--model",
                method,
                "--k",
                "3",
                "--iterations",
                "20",
                "--seed",
                "5",
                "--threads",
                threads,
                "--out",
                &out,
                "--json",
            ];
            let described = hydrant(home, &arguments).await.expect(0).json();
            assert_eq!(described["method"], method);
            assert_eq!(described["documents"], 121);
            assert_eq!(described["tokens"], 720);
        }
        for file in ["topic_terms.csv", "topic_term_matrix.csv", "doc_topics.csv", "model.parquet"] {
            let bytes = |threads: u8| std::fs::read(home.join(format!("{method}{threads}/{file}"))).unwrap();
            assert!(bytes(1) == bytes(3), "{method}: {file} depends on threads");
        }
        let documents = read(home, &format!("{method}1/doc_topics.csv"));
        assert!(documents.starts_with("document,topic_0,topic_1"), "{documents}");
        assert_eq!(documents.lines().count(), 122);
        assert!(
            read(home, &format!("{method}1/topic_terms.csv"))
                .starts_with("topic,rank,term,weight\n0,1,subject")
        );
        let matrix = read(home, &format!("{method}1/topic_term_matrix.csv"));
        for row in matrix.lines().skip(1) {
            let sum: f64 = row.split(',').map(|weight| weight.parse::<f64>().unwrap()).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{method}: a row sums to {sum}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_fitted_is_said_in_a_sentence_with_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (text, k, code, sentence) in [
        ("", "2", 1, "there are no documents"),
        ("\n\n", "2", 1, "of 2 documents, none has a word left"),
        ("one\none one\n", "2", 1, "the vocabulary is the one word"),
        ("a b\na b\n", "2", 1, "no two of the 2 documents hold different words"),
        ("a b\nb c\n", "9", 1, "9 topics cannot be made of a vocabulary of 3 words"),
        ("a b\nb c\n", "0", 2, "0 topics cannot be told apart"),
    ] {
        std::fs::write(home.join("tokens.txt"), text).unwrap();
        let arguments = ["topics", "fit", "--tokens", "tokens.txt", "--model", "lda", "--k", k, "--out", "o"];
        let ran = hydrant(home, &arguments).await.expect(code);
        assert!(ran.err.contains(sentence), "{}", ran.err);
        assert!(!home.join("o").exists(), "a folder is left of `{sentence}`");
    }
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_read() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (command, sentence) in [
        ("topics fit --tokens nowhere --k 0 --out o", "0 topics cannot be told apart"),
        ("topics fit --tokens nowhere --iterations 0 --out o", "the number of iterations is 0"),
        ("topics fit --input nowhere.csv --language xx --out o", "no stop words for the language `xx`"),
        ("topics sweep --tokens nowhere --sizes 5,0", "0 topics cannot be told apart"),
        // What a sweep varies is not to be set.
        ("topics sweep --tokens nowhere --k 5", "'--k'"),
        ("topics sweep --tokens nowhere --seed 5", "'--seed'"),
    ] {
        let ran = hydrant(home, &command.split(' ').collect::<Vec<_>>()).await.expect(2);
        assert!(ran.err.contains(sentence), "{command}: {}", ran.err);
    }
    assert!(!home.join("o").exists(), "nothing was made");
}

#[tokio::test]
async fn where_another_writes_a_model_no_fit_begins() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("tokens.txt"), lines()).unwrap();
    let fit = "topics fit --tokens tokens.txt --model lda --k 3 --out model";
    let fit: Vec<&str> = fit.split(' ').collect();
    let other = hydrant::topics::Writer::of(&home.join("model")).unwrap();
    let refused = hydrant(home, &fit).await.expect(1);
    let says = format!(
        "another hydrant (process {}) writes a model in model: wait for it, or give another --out",
        std::process::id()
    );
    assert!(refused.err.contains(&says), "{}", refused.err);
    drop(other);
    assert!(!home.join("model").exists());
    hydrant(home, &fit).await.expect(0);
    let files = std::fs::read_dir(home.join("model")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(files.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "a lock is left");
}

#[tokio::test]
async fn before_the_first_fit_there_are_no_models_and_a_hint() {
    let home = tempfile::tempdir().unwrap();
    let listed = hydrant(home.path(), &["topics", "list", "models"]).await.expect(0);
    assert_eq!(listed.out.trim(), "no models in models: make one with `hydrant topics fit`");
    let listed = hydrant(home.path(), &["topics", "list", "models", "--json"]).await.expect(0);
    assert_eq!(listed.json(), serde_json::json!([]));
}

#[tokio::test]
async fn posts_are_fitted_named_shown_and_new_ones_predicted() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let mut csv = String::from("id,created_at,retweeted_tweet,text\n");
    for post in 0..90 {
        let subject = ["rocket launch", "galaxy telescope", "weather thunder"][post % 3];
        let words = ["alpha", "bravo", "delta", "gamma", "theta"];
        let other = words[post / 3 % 5];
        let retweet = if post % 10 == 9 { "yes" } else { "no" };
        writeln!(
            csv,
            "{post},2026-11-22 18:00:{:02}+00:00,{retweet},\"{subject} {other} {subject} number{}\"",
            post % 60,
            words[post % 5]
        )
        .unwrap();
    }
    std::fs::write(home.join("hour.csv"), csv).unwrap();
    let fit = "topics fit --input hour.csv --model gsdmm --k 12 --longer-than 3 --alike 2 --min-df 2 --out model --json";
    let fit: Vec<&str> = fit.split(' ').collect();
    let described = hydrant(home, &fit).await.expect(0).json();
    assert!(described["documents"].as_u64().unwrap() > 10, "{described}");
    let text: serde_json::Value = serde_json::from_str(&read(home, "model/text.json")).unwrap();
    assert_eq!(text["counts"]["retweets"], 9);
    assert!(home.join("model/predictions.parquet").is_file() && home.join("model/folded.csv").is_file());

    let named = hydrant(home, &["topics", "name", "model", "0", "space", "--json"]).await.expect(0).json();
    assert_eq!(named["topics"][0]["name"], "space");
    let shown =
        hydrant(home, &["topics", "show", "model", "--lambda", "0.6", "--json"]).await.expect(0).json();
    assert_eq!(shown["topics"][0]["name"], "space");
    let listed = hydrant(home, &["topics", "list", "--json"]).await.expect(0).json();
    assert_eq!(listed[0]["method"], "gsdmm");
    // One that cannot be read hides no other, and says why.
    std::fs::create_dir(home.join("a")).unwrap();
    std::fs::write(home.join("a/model.json"), "{}").unwrap();
    let listed = hydrant(home, &["topics", "list", "--json"]).await.expect(3).json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["method"]), (2, &"gsdmm".into()));
    assert!(listed[1]["error"].as_str().unwrap().contains("is not a topic model"), "{listed}");
    let predict = ["topics", "predict", "model", "--input", "hour.csv", "--out", "new.parquet", "--json"];
    let told = hydrant(home, &predict).await.expect(0).json();
    assert_eq!(told["predicted"], 81);
    assert!(
        hydrant(home, &["topics", "name", "model", "99", "x"])
            .await
            .expect(1)
            .err
            .contains("there is no topic 99")
    );
}
