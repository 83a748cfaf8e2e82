//! A Spark job at EMR Serverless, by its wire: the emulator holds the bucket and says who asks, and the test answers for
//! EMR Serverless as its API Reference and service model have it. Nothing of it runs; what a run would leave is put into
//! the bucket by the test.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    LEFT, asks_for_the_hour, combine_on, documents, get, is_combined, leave_combined, make_role, put,
    put_an_hour, until,
};
use crate::support::World;
use crate::support::proxy::{Call, Verdict};
use crate::support::run::{Ran, Running};

const FIT: [&str; 10] = [
    "topics",
    "fit",
    "--engine",
    "spark",
    "--on",
    "emr-serverless",
    "--tokens",
    "tokens.txt",
    "--out",
    "model",
];

/// What EMR Serverless holds.
#[derive(Default)]
struct Emr {
    applications: Vec<Value>,
    /// The runs by their client tokens.
    runs: BTreeMap<String, Value>,
    state: &'static str,
    details: &'static str,
    /// So many calls are throttled first.
    throttled: u32,
    used: Value,
}

type Shared = Arc<Mutex<Emr>>;

impl Emr {
    fn answer(&mut self, call: &Call) -> (u16, Value) {
        if self.throttled > 0 {
            self.throttled -= 1;
            return (429, json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }));
        }
        let path: Vec<&str> = call.target.trim_matches('/').split('/').collect();
        let input: Value = serde_json::from_str(&call.input).unwrap_or_default();
        match (call.operation.as_str(), path.as_slice()) {
            ("GET", ["applications"]) => (200, json!({ "applications": self.applications })),
            ("POST", ["applications"]) => {
                assert_eq!(input["type"], "SPARK");
                assert!(input["releaseLabel"].as_str().unwrap().starts_with("emr-7"));
                assert!(!input["clientToken"].as_str().unwrap().is_empty());
                let arn = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/00app";
                self.applications.push(json!({
                    "id": "00app", "name": input["name"], "arn": arn, "releaseLabel": input["releaseLabel"],
                    "type": "SPARK", "state": "CREATED", "createdAt": 1.0, "updatedAt": 1.0,
                }));
                (200, json!({ "applicationId": "00app", "name": input["name"], "arn": arn }))
            }
            ("POST", ["applications", application, "jobruns"]) => {
                let token = input["clientToken"].as_str().unwrap().to_owned();
                let id = format!("00run{}", self.runs.len());
                let run = self.runs.entry(token).or_insert_with(|| json!({ "id": id, "order": input }));
                let arn = format!(
                    "arn:aws:emr-serverless:us-east-1:123456789012:/applications/{application}/jobruns/x"
                );
                (200, json!({ "applicationId": application, "jobRunId": run["id"], "arn": arn }))
            }
            ("GET", ["applications", application, "jobruns", id]) => {
                let run = self.runs.values().find(|run| run["id"] == *id).unwrap();
                let shown = json!({
                    "applicationId": application, "jobRunId": id, "name": run["order"]["name"],
                    "arn": "arn:aws:emr-serverless:us-east-1:123456789012:/applications/a/jobruns/r",
                    "createdBy": "arn:aws:iam::123456789012:user/operator", "createdAt": 1.0, "updatedAt": 2.0,
                    "executionRole": run["order"]["executionRoleArn"], "state": self.state,
                    "stateDetails": self.details, "releaseLabel": "emr-7.5.0", "jobDriver": run["order"]["jobDriver"],
                    "totalResourceUtilization": self.used,
                });
                (200, json!({ "jobRun": shown }))
            }
            ("DELETE", ["applications", application, "jobruns", id]) => {
                self.state = "CANCELLED";
                (200, json!({ "applicationId": application, "jobRunId": id }))
            }
            other => panic!("{other:?}"),
        }
    }
}

struct Desk {
    world: World,
    emr: Shared,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        std::fs::write(world.home.path().join("tokens.txt"), documents(9)).unwrap();
        world.aws().s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
        make_role(&world.aws(), "spark", "emr-serverless.amazonaws.com").await;
        let emr = Shared::default();
        emr.lock().unwrap().state = "SUBMITTED";
        let answering = Arc::clone(&emr);
        world.proxy.rule(move |call| {
            if call.service != "emr-serverless" {
                return Verdict::Forward;
            }
            let (status, answer) = answering.lock().unwrap().answer(call);
            Verdict::Answer(status, "application/json", answer.to_string())
        });
        Self { world, emr }
    }

    fn with_role(&self, words: &[&str]) -> Vec<String> {
        let role = format!("spark_role=arn:aws:iam::{}:role/spark", self.world.account());
        words.iter().map(|word| (*word).to_owned()).chain(["--set".to_owned(), role]).collect()
    }

    fn arguments(&self) -> Vec<String> {
        self.with_role(&FIT)
    }

    fn start(&self) -> Running {
        self.start_with(&self.arguments())
    }

    fn start_with(&self, arguments: &[String]) -> Running {
        self.world.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// With an hour in the lake that is not combined.
    async fn with_an_hour(self) -> Self {
        put_an_hour(&self.world.aws()).await;
        self
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.world.aws().s3.list_objects_v2().bucket(self.world.bucket()).prefix(prefix).send();
        let listed = listed.await.unwrap();
        listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    /// The settings that a run was given, and where its results go.
    async fn given(&self) -> (Value, String) {
        let order = self.order().await;
        let arguments = &order["jobDriver"]["sparkSubmit"]["entryPointArguments"];
        let (settings, out) = (arguments[1].as_str().unwrap(), arguments[2].as_str().unwrap().to_owned());
        (serde_json::from_slice(&get(&self.world.aws(), settings).await).unwrap(), out)
    }

    async fn hydrant(&self, arguments: &[&str]) -> Ran {
        self.world.hydrant(arguments).await
    }

    async fn jobs(&self) -> Value {
        self.hydrant(&["jobs", "--json"]).await.expect(0).json()
    }

    /// The only run's order, once it is there.
    async fn order(&self) -> Value {
        let mut order = Value::Null;
        until("a run", async || {
            let emr = self.emr.lock().unwrap();
            emr.runs.values().next().map(|run| order = run["order"].clone()).is_some()
        })
        .await;
        order
    }

    async fn put(&self, address: &str, file: &str, text: &str) {
        put(&self.world.aws(), &format!("{address}{file}"), text).await;
    }

    async fn put_packed(&self, address: &str, file: &str, text: &str) {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        put(&self.world.aws(), &format!("{address}{file}"), packed.finish().unwrap()).await;
    }

    fn is(&self, state: &'static str, details: &'static str) {
        let mut emr = self.emr.lock().unwrap();
        (emr.state, emr.details) = (state, details);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_through_its_states_and_its_results_are_a_model_here() {
    let desk = Desk::new().await;
    desk.emr.lock().unwrap().throttled = 3;
    let fit = desk.start();
    let order = desk.order().await;
    let submit = &order["jobDriver"]["sparkSubmit"];
    assert!(submit["entryPoint"].as_str().unwrap().ends_with("/code/elsewhere.py"), "{submit}");
    let out = submit["entryPointArguments"][2].as_str().unwrap().to_owned();
    let logs =
        &order["configurationOverrides"]["monitoringConfiguration"]["s3MonitoringConfiguration"]["logUri"];
    assert!(logs.as_str().unwrap().contains("/models/jobs/hydrant-topics-"), "{logs}");
    assert_eq!(order["executionTimeoutMinutes"], 240);
    assert_eq!(order["tags"]["hydrant:stack"], "default");
    desk.put(&out, "progress.json", r#"{"stage": 4, "of": 6, "text": "18 words"}"#).await;
    desk.emr.lock().unwrap().used = json!({ "vCPUHour": 2.0, "memoryGBHour": 8.0, "storageGBHour": 0.0 });
    for state in ["PENDING", "SCHEDULED", "QUEUED", "RUNNING"] {
        desk.is(state, "");
        until("a look", async || {
            desk.world.proxy.take_calls().iter().any(|call| call.service == "emr-serverless")
        })
        .await;
    }
    until("its stage", async || desk.jobs().await[0]["stage"]["stage"] == 4).await;
    for (file, text) in LEFT {
        desk.put(&out, file, text).await;
    }
    desk.is("SUCCESS", "");
    let done = fit.end().await.expect(0);
    assert!(
        done.err.contains("stage 4 of 6: 18 words") && done.err.contains("it has cost about $0.15"),
        "{}",
        done.err
    );
    assert!(desk.world.home.path().join("model/model.json").exists());
    assert_eq!(desk.emr.lock().unwrap().applications.len(), 1);
    // The application is made once.
    let arguments = desk.arguments();
    let mut again: Vec<&str> = arguments.iter().map(String::as_str).collect();
    again[9] = "second";
    desk.is("FAILED", "Job failed, please check complete logs in configured logging destination.");
    let failed = desk.hydrant(&again).await.expect(1);
    assert!(
        failed.err.contains("Job failed, please check") && failed.err.contains("SPARK_DRIVER"),
        "{}",
        failed.err
    );
    assert_eq!(desk.emr.lock().unwrap().applications.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_in_the_scripts_words_too() {
    let desk = Desk::new().await;
    let fit = desk.start();
    let order = desk.order().await;
    let out = order["jobDriver"]["sparkSubmit"]["entryPointArguments"][2].as_str().unwrap().to_owned();
    desk.put(&out, "failure.txt", "1 words count in 2 documents: nothing can be learned from that\n").await;
    desk.is("FAILED", "exit code 1");
    let failed = fit.end().await.expect(1);
    assert!(
        failed.err.contains("1 words count in 2 documents") && failed.err.contains("exit code 1"),
        "{}",
        failed.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_found_again_and_cancelled_and_never_begun_twice() {
    let desk = Desk::new().await;
    desk.is("RUNNING", "");
    let first = desk.start();
    desk.order().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    first.kill().await;
    let second = desk.start();
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    desk.hydrant(&["jobs", "cancel", &id]).await.expect(0);
    let told = second.end().await.expect(1);
    assert!(told.err.contains("cancelled"), "{}", told.err);
    assert_eq!(desk.emr.lock().unwrap().runs.len(), 1);
    assert_eq!(desk.jobs().await[0]["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_with_the_plan_and_nothing_is_begun() {
    let desk = Desk::new().await;
    let fit = async |more: &[&str]| desk.hydrant(&[&FIT[..], more].concat()).await;
    let arguments = desk.with_role(&[]);
    let role: Vec<&str> = arguments.iter().map(String::as_str).collect();
    make_role(&desk.world.aws(), "notebooks", "sagemaker.amazonaws.com").await;
    for (set, why, remedy) in [
        (vec![], "`spark_role` is not set", "emr-serverless.amazonaws.com"),
        (vec!["--set", "spark_role=nobody"], "no role nobody", "make it in IAM"),
        (vec!["--set", "spark_role=notebooks"], "does not let emr-serverless.amazonaws.com", "trust policy"),
        ([&role[..], &["--set", "emr_application=00none"]].concat(), "no application 00none", "leave it out"),
        ([&role[..], &["--set", "bucket=hydrant-nowhere"]].concat(), "no bucket", "`hydrant up` makes it"),
    ] {
        let plan = fit(&[&set[..], &["--plan"]].concat()).await.expect(1);
        assert!(plan.out.contains("1 file") && plan.out.contains("executors"), "{}", plan.out);
        assert!(plan.err.contains(why) && plan.err.contains(remedy), "{}", plan.err);
        let refused = fit(&set).await.expect(1);
        assert!(refused.err.ends_with(&plan.err), "handing over says {} and not {}", refused.err, plan.err);
    }
    fit(&[&role[..], &["--plan"]].concat()).await.expect(0);
    let emr = desk.emr.lock().unwrap();
    assert!(emr.applications.is_empty() && emr.runs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_of_a_bucket_are_combined_where_they_are_and_whoever_left_finds_the_job_again() {
    let desk = Desk::new().await.with_an_hour().await;
    desk.is("RUNNING", "");
    let arguments = desk.with_role(&combine_on("emr-serverless"));
    let first = desk.start_with(&arguments);
    let (settings, out) = desk.given().await;
    asks_for_the_hour(&settings, &format!("s3://{}/datasets/twitter/kinesis-demo/", desk.world.bucket()));
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    first.kill().await;
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let refused = desk.hydrant(&words).await.expect(1);
    assert!(refused.err.contains(&format!("hydrant jobs follow {id}")), "{}", refused.err);
    let follow = desk.world.start(&["jobs", "follow", &id, "--json"]);
    let (aws, home) = (desk.world.aws(), desk.world.home.path());
    let hydrant = async |words: &[&str]| desk.hydrant(words).await;
    desk.put(&out, "spark.json", &leave_combined(&aws, home, &settings, hydrant).await).await;
    desk.is("SUCCESS", "");
    is_combined(&follow.end().await.expect(0), hydrant).await;
    assert_eq!(desk.jobs().await[0]["state"], "done");
    assert_eq!(desk.emr.lock().unwrap().runs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_left_half_done_is_taken_away_with_its_failure() {
    let desk = Desk::new().await.with_an_hour().await;
    let combine = desk.start_with(&desk.with_role(&combine_on("emr-serverless")));
    let (settings, _) = desk.given().await;
    let passing = settings["passing"].as_str().unwrap();
    desk.put(&format!("{passing}/"), "csv/at=0/part-0", "half").await;
    let results = settings["results"].as_str().unwrap();
    desk.put(results, "spark-passing/another/part-0", "not its own").await;
    desk.is("FAILED", "exit code 1");
    let failed = combine.end().await.expect(1);
    assert!(failed.err.contains("exit code 1"), "{}", failed.err);
    let left = desk.keys("").await.into_iter().filter(|key| key.contains("spark-passing"));
    let left: Vec<String> = left.collect();
    assert!(matches!(left.as_slice(), [key] if key.ends_with("another/part-0")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_combine_says_what_is_due_and_which_engine_it_is_for() {
    let desk = Desk::new().await.with_an_hour().await;
    let arguments = desk.with_role(&[&combine_on("emr-serverless")[..], &["--plan"]].concat());
    let plan = desk.start_with(&arguments).end().await.expect(0).json();
    assert_eq!((&plan["size"]["files"], &plan["engine"]), (&1.into(), &"emr-serverless".into()));
    assert!(plan["times"]["there_s"].as_f64() > plan["times"]["here_s"].as_f64(), "{plan}");
    assert!(plan["advice"].as_str().unwrap().contains("leave `--engine spark` out"), "{plan}");
    assert!(plan["usd_at_most"].as_f64() > Some(0.0), "{plan}");
    assert!(desk.emr.lock().unwrap().applications.is_empty() && desk.jobs().await == json!([]));
    let here = desk.hydrant(&["combine", "--engine", "spark", "--on", "local", "--plan"]).await.expect(1);
    assert!(here.err.contains("Spark on this machine reads files"), "{}", here.err);
    desk.hydrant(&["combine", "--plan"]).await.expect(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_run_is_read_from_the_bucket_as_it_comes_there() {
    let desk = Desk::new().await;
    desk.is("RUNNING", "");
    let fit = desk.start();
    let order = desk.order().await;
    let logs =
        order["configurationOverrides"]["monitoringConfiguration"]["s3MonitoringConfiguration"]["logUri"]
            .as_str();
    let driver = format!("{}applications/00app/jobs/00run0/SPARK_DRIVER/", logs.unwrap());
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let none = desk.hydrant(&["jobs", "logs", &id]).await.expect(0);
    assert_eq!(none.out, "", "EMR Serverless has written none yet");
    desk.put_packed(&driver, "stderr.gz", "INFO one\nINFO ha").await;
    let follow = desk.world.start(&["jobs", "logs", &id, "--follow"]);
    until("a look at the log", async || {
        desk.world.proxy.take_calls().iter().any(|call| call.target.contains("SPARK_DRIVER/stderr.gz"))
    })
    .await;
    desk.put_packed(&driver, "stderr.gz", "INFO one\nINFO half no more\nWARN last").await;
    desk.is("CANCELLED", "");
    let followed = follow.end().await.expect(0);
    assert_eq!(followed.out, "INFO one\nINFO half no more\nWARN last\n");
    fit.end().await.expect(1);
}
