//! What words weigh in the Spark job: as hydrant itself has it.

use std::path::Path;

use hydrant::spark::topics::{Documents, Optimizer, Order, Weights};
use hydrant::topics::vocabulary::tf_idf;
use hydrant::topics::{TextSteps, VocabularyRule, read_posts};

use super::Desk;

/// Posts of many words in uneven numbers, some of them equal.
fn posts(count: usize) -> String {
    let words = [
        "rocket",
        "launch",
        "orbit",
        "booster",
        "telescope",
        "nebula",
        "galaxy",
        "crater",
        "jezero",
        "sample",
        "engine",
        "while",
        "their",
    ];
    let mut csv = "id,created_at,retweeted_tweet,text\n".to_owned();
    for number in 0..count {
        let text: Vec<String> = (0..9 + number % 7)
            .map(|place| match (number * 31 + place * place * 7) % 29 {
                rare if rare > 26 => {
                    format!("rareword{}", ["a", "b", "c", "d", "e"][(number / 9 + place) % 5])
                }
                common => words[common % (1 + number % words.len())].to_owned(),
            })
            .collect();
        csv.push_str(&format!("{number},2026-11-22 18:00:00+00:00,no,\"{}\"\n", text.join(" ")));
    }
    csv
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spark"]
async fn words_weigh_in_the_job_what_they_weigh_here() {
    let desk = Desk::real();
    std::fs::write(desk.path("hours.csv"), posts(400)).unwrap();
    let input = desk.path("hours.csv").to_string_lossy().into_owned();
    let steps = TextSteps {
        longer_than: 5,
        // Nothing is as alike as this: posts that differ are not folded, which Spark does not do.
        alike: 2.0,
        vocabulary: VocabularyRule { least: 2, most: 0.75, size: 1000 },
        ..TextSteps::default()
    };
    let prepared = steps.prepare(&read_posts(std::slice::from_ref(&input), None).await.unwrap()).unwrap();
    let order = Order {
        documents: Documents::Hours(vec![input], Box::new(steps)),
        k: 2,
        iterations: 1,
        seed: 88,
        optimizer: Optimizer::Online,
        weights: Weights::Tfidf,
    };
    let job = order.job(&desk.path("out")).unwrap();
    std::fs::write(desk.path("settings.json"), job.settings.to_string()).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = tokio::process::Command::new(&desk.submit);
    let python = Path::new(&desk.submit).with_file_name("python");
    if python.exists() {
        command.env("PYSPARK_PYTHON", &python);
    }
    let ran = command
        .args(["--master", "local[2]", "--conf", "spark.ui.enabled=false"])
        .args(["--conf", "spark.driver.bindAddress=127.0.0.1", "--conf", "spark.driver.host=127.0.0.1"])
        .arg(here.join("tests/it/support/spark_weights.py"))
        .arg(here.join("assets/spark/topics.py"))
        .args([desk.path("settings.json"), desk.path("weights.txt")])
        .current_dir(desk.home.path())
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut ours: Vec<(usize, String, f64)> = tf_idf(&prepared.corpus)
        .into_iter()
        .enumerate()
        .flat_map(|(document, words)| {
            let named = |(word, weight): (u32, f64)| {
                (document, prepared.corpus.terms()[word as usize].clone(), weight)
            };
            words.into_iter().map(named).collect::<Vec<_>>()
        })
        .collect();
    let text = std::fs::read_to_string(desk.path("weights.txt")).unwrap();
    let mut theirs: Vec<(usize, String, f64)> = text
        .lines()
        .map(|line| {
            let [document, word, weight] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            (document.parse().unwrap(), word.to_owned(), weight.parse().unwrap())
        })
        .collect();
    let by_place =
        |one: &(usize, String, f64), other: &(usize, String, f64)| (one.0, &one.1).cmp(&(other.0, &other.1));
    ours.sort_by(by_place);
    theirs.sort_by(by_place);
    assert!(ours.len() > 1000 && ours.len() == theirs.len(), "{} and {}", ours.len(), theirs.len());
    for (one, other) in ours.iter().zip(&theirs) {
        assert_eq!((one.0, &one.1), (other.0, &other.1));
        assert!((one.2 - other.2).abs() < 1e-9, "{one:?} and {other:?}");
    }
}
