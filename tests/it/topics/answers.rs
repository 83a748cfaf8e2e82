//! The questions and the report, from a fit to the files.

use std::fmt::Write as _;
use std::path::Path;

use super::hydrant;

/// Posts of two hours, as a combined hour has them; each subject has a client and a place of its own.
pub fn combined() -> String {
    let mut csv = String::from(
        "id,created_at,in_reply_to_screen_name,source_text,user_followers,user_verified,user_protected,user_location,retweeted_tweet,text\n",
    );
    for post in 0..90 {
        let subject = post % 3;
        let words = ["rocket booster launch", "galaxy telescope nebula", "weather thunder storms"][subject];
        let (client, place) =
            [("Web <App>", "\"Austin, TX\""), ("Phone", "Lagos"), ("Phone", "None")][subject];
        let other = ["alpha", "bravo", "delta", "gamma", "theta", "omega"][post / 3 % 6];
        writeln!(
            csv,
            "{post},2026-11-22 {}:00:{:02}+00:00,{},{client},{},True,False,{place},no,\"{words} {other} {words} item{}\"",
            18 + post / 60,
            post % 60,
            ["nasa", "None"][post % 2],
            post * 10,
            ["one", "two", "three", "four", "five"][post % 5],
        )
        .unwrap();
    }
    csv
}

async fn fit(home: &Path) {
    std::fs::write(home.join("hours.csv"), combined()).unwrap();
    let fit = "topics fit --input hours.csv --model lda --k 3 --alpha 0.05 --longer-than 3 --alike 2 --min-df 2 --out model --json";
    hydrant(home, &fit.split(' ').collect::<Vec<_>>()).await.expect(0);
}

#[tokio::test]
async fn questions_are_answered_as_json_csv_and_parquet_and_the_report_is_one_file() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fit(home).await;
    hydrant(home, &["topics", "name", "model", "0", "<b>first</b>"]).await.expect(0);
    let arguments = [
        "topics",
        "answer",
        "model",
        "--input",
        "hours.csv",
        "--out",
        "answers",
        "--format",
        "csv,parquet",
        "--json",
    ];
    let answers = hydrant(home, &arguments).await.expect(0).json();
    assert_eq!((answers["posts"].as_u64(), answers["with_topic"].as_u64()), (Some(90), Some(90)));
    assert_eq!(answers["answers"].as_array().unwrap().len(), 11);
    assert_eq!(answers["unanswered"].as_array().unwrap().len(), 0);
    assert_eq!(answers["outputs"].as_array().unwrap().len(), 24);
    let of = |name: &str| {
        let all = answers["answers"].as_array().unwrap();
        all.iter().find(|answer| answer["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    assert_eq!(of("replied_to")["rows"], serde_json::json!([["nasa", 45, 0.5]]));
    assert_eq!(of("clients")["columns"], serde_json::json!(["client", "posts", "share"]));
    let map = &of("countries_by_topic")["heat_map"];
    assert_eq!(map["rows"], serde_json::json!(["Nigeria", "United States"]));
    assert_eq!(map["columns"][0], "<b>first</b>");
    // Each country writes about one subject.
    for cells in map["cells"].as_array().unwrap() {
        let most = cells.as_array().unwrap().iter().filter_map(|cell| cell.as_u64()).max();
        assert!(most >= Some(27), "{map}");
    }
    assert_eq!(answers["shares_per_hour"]["hours"], serde_json::json!(["2026-11-22T18", "2026-11-22T19"]));
    assert_eq!(answers["shares_per_hour"]["posts"], serde_json::json!([60, 30]));
    for shares in answers["shares_per_hour"]["shares"].as_array().unwrap() {
        let sum: f64 = shares.as_array().unwrap().iter().filter_map(|share| share.as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{shares}");
    }
    let csv = std::fs::read_to_string(home.join("answers/countries.csv")).unwrap();
    assert!(
        csv.starts_with("code,country,posts,share\nNG,Nigeria,30,0.333333\nUS,United States,30,"),
        "{csv}"
    );
    assert!(std::fs::read(home.join("answers/clients_by_topic.parquet")).unwrap().starts_with(b"PAR1"));

    let report = ["topics", "report", "model", "--input", "hours.csv", "--title", "Space", "--json"];
    let told = hydrant(home, &report).await.expect(0).json();
    assert_eq!(told["output"], "model/report.html");
    let html = std::fs::read_to_string(home.join("model/report.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"));
    assert!(
        html.contains("&lt;b&gt;first") && !html.contains("<b>first") && html.contains("Web &lt;App&gt;")
    );
    assert!(html.matches("<svg ").count() >= 6 && !html.contains("<script"), "{}", html.len());
}

#[tokio::test]
async fn questions_without_an_answer_say_why() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fit(home).await;
    let none = hydrant(home, &["topics", "answer", "model"]).await.expect(2);
    assert!(none.err.contains("give combined hours with --input"), "{}", none.err);
    let unknown = ["topics", "answer", "model", "--input", "hours.csv", "--question", "weather"];
    hydrant(home, &unknown).await.expect(2);
    std::fs::write(home.join("other.csv"), "id,source_text\n9999,Web\n").unwrap();
    let other = hydrant(home, &["topics", "answer", "model", "--input", "other.csv"]).await.expect(1);
    assert!(other.err.contains("of 1 post, none has a topic: predict these hours first"), "{}", other.err);
    std::fs::write(home.join("places.toml"), "[XX]\ncities = 1\n").unwrap();
    let places = ["topics", "answer", "model", "--input", "hours.csv", "--places", "places.toml"];
    let places = hydrant(home, &places).await.expect(1);
    assert!(places.err.contains("the list of places cannot be read"), "{}", places.err);
    std::fs::write(home.join("tokens.txt"), super::lines()).unwrap();
    let tokens = ["topics", "fit", "--tokens", "tokens.txt", "--model", "lda", "--k", "3", "--out", "tokens"];
    hydrant(home, &tokens).await.expect(0);
    let without = hydrant(home, &["topics", "answer", "tokens", "--input", "hours.csv"]).await.expect(1);
    assert!(without.err.contains("has no predictions: make them with"), "{}", without.err);
    hydrant(home, &["topics", "report", "tokens", "--out", "tokens.html"]).await.expect(0);
    assert!(std::fs::read_to_string(home.join("tokens.html")).unwrap().contains("<h1>tokens</h1>"));
    let shown =
        hydrant(home, &["topics", "answer", "model", "--input", "hours.csv", "--question", "clients"]).await;
    let shown = shown.expect(0);
    assert!(shown.out.contains("Which clients are posts written with?") && !shown.out.contains("followers"));
}
