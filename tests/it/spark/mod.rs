//! Topics by Spark. What hydrant does around a job is shown with programs of the tests in its place; the real one (`pip
//! install pyspark`, Java 17) takes minutes and half a gigabyte, and is asked by `cargo test --test it spark:: --
//! --ignored`: the `spark-submit` that `HYDRANT_TEST_SPARK_SUBMIT` names, or the one on the path.

mod combine;
mod databricks;
mod emr_serverless;
mod jobs;
#[cfg(feature = "sandbox")]
mod sagemaker;
mod weights;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::lake::given::record;
use crate::support::aws::Aws;
use crate::support::run::{Ran, Running, command, run};

/// What a script leaves of a fit of two topics.
const LEFT: [(&str, &str); 4] = [
    ("doc_topics.csv", "document,topic_0,topic_1\n0,1,0\n"),
    ("terms.csv", "term,document_frequency\nrocket,3\nlens,2\n"),
    ("topics.csv", "0.9,0.1\n0.25,0.75\n"),
    (
        "spark.json",
        r#"{"k": 2, "seed": 88, "iterations": 5, "documents": 1, "tokens": 9, "shares": [0.6, 0.4], "prior": [0.5, 0.5], "npmi": [0.1, 0.2], "diversity": 1.0, "likelihood": null, "seconds": {}}"#,
    ),
];

/// Waits for a state.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
    panic!("it did not come to {what}");
}

fn combine_on(engine: &str) -> [&str; 6] {
    ["combine", "--engine", "spark", "--on", engine, "--json"]
}

fn in_bucket(address: &str) -> (&str, &str) {
    address.strip_prefix("s3://").unwrap().split_once('/').unwrap()
}

async fn put(aws: &Aws, address: &str, content: impl Into<Vec<u8>>) {
    let (bucket, key) = in_bucket(address);
    aws.s3.put_object().bucket(bucket).key(key).body(content.into().into()).send().await.unwrap();
}

async fn get(aws: &Aws, address: &str) -> Vec<u8> {
    let (bucket, key) = in_bucket(address);
    let object = aws.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

/// Puts an hour that is not combined into the lake of the only bucket, and gives the lake's address.
async fn put_an_hour(aws: &Aws) -> String {
    let buckets = aws.s3.list_buckets().send().await.unwrap();
    let lake = format!("s3://{}/datasets/twitter/kinesis-demo/", buckets.buckets()[0].name().unwrap());
    put(aws, &format!("{lake}2021/12/30/17/stream-1"), record(1, "one")).await;
    lake
}

/// Leaves in the lake what a job that combines its hour would, which is what hydrant itself makes of it; and gives what
/// the script says last.
async fn leave_combined(
    aws: &Aws,
    home: &Path,
    settings: &Value,
    hydrant: impl AsyncFn(&[&str]) -> Ran,
) -> String {
    let results = settings["results"].as_str().unwrap();
    // In a folder that is called as the results' is in the bucket, so that its files are.
    let folder = in_bucket(results).1;
    let done = hydrant(&["combine", "--to", folder, "--json"]).await.expect(0).json();
    for kind in std::fs::read_dir(home.join(folder)).unwrap() {
        for file in std::fs::read_dir(kind.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let key = file.strip_prefix(home.join(folder)).unwrap().to_str().unwrap();
            put(aws, &format!("{results}{key}"), std::fs::read(&file).unwrap()).await;
        }
    }
    let hour = json!({
        "hour": settings["hours"][0]["name"], "counts": done, "outputs": done["outputs"], "beside": done["beside"],
        "vanished": 0, "damaged": [],
    });
    json!({ "spark": "3.5.3", "hours": [hour] }).to_string()
}

/// Whether the settings that a job was given are those of the hour, where it lies.
fn asks_for_the_hour(settings: &Value, lake: &str) {
    assert_eq!(settings["results"], lake);
    assert_eq!(settings["hours"][0]["files"][0]["url"], format!("{lake}2021/12/30/17/stream-1"));
    assert!(settings["reader"].is_null(), "hydrant itself is not there to read lines of JSON");
}

/// Whether the command has said what the job came to, and the hour is combined like any that hydrant itself combines.
async fn is_combined(done: &Ran, hydrant: impl AsyncFn(&[&str]) -> Ran) {
    let done = done.json();
    assert_eq!((&done["hours"], &done["rows_out"]), (&1.into(), &1.into()), "{done}");
    let due = hydrant(&["combine", "--dry-run", "--json"]).await.expect(0).json();
    assert_eq!(due, json!({ "due": [], "left": [], "replaced": 0, "skipped_hours": 1 }));
    let hours = hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    assert_eq!((&hours[0]["rows"], &hours[0]["stale"]), (&1.into(), &false.into()), "{hours}");
    assert!(done["outputs"].as_array().unwrap().contains(&hours[0]["combined"]), "{hours} and {done}");
}

/// A role that a service may take.
async fn make_role(aws: &Aws, name: &str, service: &str) {
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    });
    let role = aws.iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
    role.send().await.unwrap();
}

struct Desk {
    home: tempfile::TempDir,
    submit: String,
    /// The Python that has PySpark, if it is not the one on the path.
    python: Option<PathBuf>,
}

impl Desk {
    fn new(submit: impl Into<String>) -> Self {
        let submit = submit.into();
        // It lies beside the program.
        let python = Some(Path::new(&submit).with_file_name("python")).filter(|python| python.exists());
        Self { home: tempfile::tempdir().unwrap(), submit, python }
    }

    /// With the real Spark.
    fn real() -> Self {
        Self::new(std::env::var("HYDRANT_TEST_SPARK_SUBMIT").unwrap_or_else(|_| "spark-submit".to_owned()))
    }

    /// With a program of the test's own in the place of `spark-submit`.
    fn with_program(text: &str) -> Self {
        let desk = Self::new("");
        let program = desk.path("submit");
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { submit: program.to_string_lossy().into_owned(), ..desk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = command(self.home.path());
        command.args(arguments).env("HYDRANT_SPARK_SUBMIT", &self.submit);
        if let Some(python) = &self.python {
            command.env("PYSPARK_PYTHON", python);
        }
        command
    }

    async fn hydrant(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments)).await
    }

    /// What `hydrant jobs` lists.
    async fn jobs(&self) -> serde_json::Value {
        self.hydrant(&["jobs", "--json"]).await.expect(0).json()
    }
}

/// Whether a process is there, and no more than waiting to be waited for.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Documents of three subjects in turn, whose words hardly mix.
fn documents(count: usize) -> String {
    let subjects = [
        ["rocket", "launch", "orbit", "booster", "engine", "stage"],
        ["galaxy", "telescope", "hubble", "nebula", "star", "lens"],
        ["rover", "mars", "crater", "sample", "soil", "jezero"],
    ];
    let mut text = String::new();
    for document in 0..count {
        let words = subjects[document % 3];
        let line: Vec<&str> = (0..12).map(|place| words[(document / 3 * 7 + place * place) % 6]).collect();
        text.push_str(&line.join(" "));
        text.push('\n');
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spark"]
async fn spark_finds_the_subjects_and_leaves_a_model_like_any_other() {
    let desk = Desk::real();
    std::fs::write(desk.path("tokens.txt"), format!("{}\n", documents(600))).unwrap();
    for optimizer in ["online", "em"] {
        let arguments =
            ["topics", "fit", "--engine", "spark", "--optimizer", optimizer, "--tokens", "tokens.txt"];
        let rest = ["--k", "3", "--iterations", "30", "--threads", "2", "--out", optimizer, "--json"];
        let fitted = desk.hydrant(&[&arguments[..], &rest].concat()).await.expect(0);
        assert_eq!((&fitted.json()["documents"], &fitted.json()["vocabulary"]), (&601.into(), &18.into()));
        let table = std::fs::read_to_string(desk.path(optimizer).join("doc_topics.csv")).unwrap();
        let shares: Vec<Vec<f64>> = table
            .lines()
            .skip(1)
            .map(|line| line.split(',').skip(1).map(|share| share.parse().unwrap()).collect())
            .collect();
        assert_eq!(shares.len(), 601, "a row for every line, the empty one too");
        assert!(shares.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
        let leading = |row: &[f64]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let right =
            (3..600).filter(|document| leading(&shares[*document]) == leading(&shares[document % 3])).count();
        // By chance it is 199. EM, whose priors are strong, has not come as far after so few passes.
        let least = if optimizer == "em" { 350 } else { 560 };
        assert!(right > least, "{optimizer}: {right} of 597 beside their like");
        let shown = desk.hydrant(&["topics", "show", optimizer]).await.expect(0);
        assert!(shown.out.contains("telescope") && shown.out.contains("rover"), "{}", shown.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spark"]
async fn the_text_steps_on_spark_are_those_of_hydrant() {
    let desk = Desk::real();
    let long =
        "while engineers watched their telescope near Größe harbour, élève sailors cheered वैज्ञानिक loudly";
    let mut csv = "id,created_at,retweeted_tweet,text\n".to_owned();
    for (number, (retweet, text)) in [
        ("no", format!("{long}, again and again, \"\"quoted\"\" 12345 times")),
        ("yes", long.to_owned()),
        ("no", "too short".to_owned()),
        // The same, written with marks of their own.
        (
            "no",
            format!("{long}, again and again, QUOTED times!")
                .replace('é', "e\u{301}")
                .replace('è', "e\u{300}"),
        ),
        ("no", "about their 1 2 3 4 5 6 7 8 9 10 11 12".to_owned()),
        (
            "no",
            "the rover Perseverance drills another sample while İSTANBUL watched, and jezero sleeps"
                .to_owned(),
        ),
    ]
    .into_iter()
    .cycle()
    .take(60)
    .enumerate()
    {
        csv.push_str(&format!(
            "{number},2026-11-22 18:00:00+00:00,{retweet},\"{text} subject{}\"\n",
            ["alpha", "beta", "gamma"][number % 3]
        ));
    }
    std::fs::write(desk.path("hours.csv"), csv).unwrap();
    let common = ["topics", "fit", "--input", "hours.csv", "--k", "2", "--iterations", "5", "--json"];
    let steps = ["--longer-than", "8", "--min-df", "1", "--max-df", "1", "--alike", "2"];
    let ours =
        desk.hydrant(&[&common[..], &steps, &["--model", "lda", "--out", "ours"]].concat()).await.expect(0);
    let theirs = desk
        .hydrant(&[&common[..], &steps, &["--engine", "spark", "--out", "theirs"]].concat())
        .await
        .expect(0);
    for key in ["documents", "tokens", "vocabulary"] {
        assert_eq!(ours.json()[key], theirs.json()[key], "{key}");
    }
    let words = |folder: &str| {
        let table = std::fs::read_to_string(desk.path(folder).join("topic_term_matrix.csv")).unwrap();
        table.lines().next().unwrap().to_owned()
    };
    assert_eq!(words("ours"), words("theirs"), "the same words in the same order");
    let counts = |folder: &str| {
        let mut text: serde_json::Value =
            serde_json::from_slice(&std::fs::read(desk.path(folder).join("text.json")).unwrap()).unwrap();
        // Nobody counts it on Spark.
        text["counts"].as_object_mut().unwrap().remove("unknown");
        text["counts"].clone()
    };
    assert_eq!(counts("ours"), counts("theirs"), "each step dropped the same");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spark"]
async fn what_nothing_can_be_learned_from_is_said_in_the_scripts_words() {
    let desk = Desk::real();
    std::fs::write(desk.path("tokens.txt"), "only only\nonly\n").unwrap();
    let arguments =
        ["topics", "fit", "--engine", "spark", "--tokens", "tokens.txt", "--k", "2", "--out", "model"];
    let failed = desk.hydrant(&arguments).await.expect(1);
    assert!(failed.err.contains("1 words count in 2 documents"), "{}", failed.err);
    assert!(!desk.path("model/model.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_spark_it_is_said_how_to_get_one() {
    let desk = Desk::new("no-such-spark-submit");
    std::fs::write(desk.path("tokens.txt"), documents(9)).unwrap();
    let fit = ["topics", "fit", "--engine", "spark", "--tokens", "tokens.txt", "--out", "model"];
    let failed = desk.hydrant(&fit).await.expect(1);
    assert!(
        failed.err.contains("there is no Spark on this machine") && failed.err.contains("spark_submit"),
        "{}",
        failed.err
    );
    let remote = ["topics", "fit", "--engine", "spark", "--input", "s3://bucket/prefix/", "--out", "model"];
    let failed = desk.hydrant(&remote).await.expect(1);
    assert!(failed.err.contains("hydrant lake get"), "{}", failed.err);
    desk.hydrant(&[&fit[..], &["--model", "nmf"]].concat()).await.expect(2);
    desk.hydrant(&[&fit[..], &["--k", "1"]].concat()).await.expect(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_is_explained_by_its_log_and_leaves_no_model() {
    let desk = Desk::with_program(
        "#!/bin/sh\necho '{\"stage\": 1, \"of\": 6, \"text\": \"reading\"}'\necho 'java.io.IOException: No space left on device' >&2\necho '\tat org.apache.spark' >&2\nexit 1\n",
    );
    std::fs::write(desk.path("tokens.txt"), documents(9)).unwrap();
    let failed = desk
        .hydrant(&["topics", "fit", "--engine", "spark", "--tokens", "tokens.txt", "--out", "model"])
        .await
        .expect(1);
    assert!(failed.err.contains("stage 1 of 6: reading"), "{}", failed.err);
    assert!(
        failed.err.contains("the Spark job failed: java.io.IOException: No space left on device"),
        "{}",
        failed.err
    );
    assert!(failed.err.contains("spark.log") && !desk.path("model/model.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_all_of_a_job() {
    // As Spark does, it leaves the work to a child of its own.
    let desk = Desk::with_program(
        "#!/bin/sh\nsleep 600 &\necho $! > child\necho '{\"stage\": 1, \"of\": 6, \"text\": \"reading\"}'\nwait\n",
    );
    std::fs::write(desk.path("tokens.txt"), documents(9)).unwrap();
    let fit = ["topics", "fit", "--engine", "spark", "--tokens", "tokens.txt", "--out", "model"];
    let running = Running::of(desk.command(&fit).spawn().unwrap());
    let child = loop {
        match std::fs::read_to_string(desk.path("child"))
            .ok()
            .and_then(|text| text.trim().parse::<i32>().ok())
        {
            Some(child) => break child,
            None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    running.interrupt();
    let stopped = running.end().await.expect(130);
    assert!(stopped.err.contains("stopped as asked; nothing was written"), "{}", stopped.err);
    for _ in 0..500 {
        if !runs(child) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("its child goes on");
}
