//! A Spark job on Databricks, by its wire: a server of the test's answers as the reference of the Jobs, Workspace and
//! Files APIs has it. Nothing of it runs; what a run would leave is put into the volume by the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    Desk, LEFT, asks_for_the_hour, combine_on, documents, is_combined, leave_combined, put_an_hour, until,
};
use crate::support::World;
use crate::support::run::{Ran, Running};
#[cfg(feature = "sandbox")]
use crate::support::terminal::Terminal;

const TOKEN: &str = "dapi-hunter2-is-the-secret-token";
const FIT: [&str; 10] =
    ["topics", "fit", "--engine", "spark", "--on", "databricks", "--tokens", "tokens.txt", "--out", "model"];

const VOLUME: &str = "/Volumes/main/default/hydrant";

/// What the workspace holds.
#[derive(Default)]
struct Workspace {
    /// Files of the volume and of the workspace.
    files: BTreeMap<String, Vec<u8>>,
    /// The runs by their idempotency tokens.
    runs: BTreeMap<String, Value>,
    /// What `runs/get` says of how it stands, and how often it was asked.
    stands: Value,
    looks: u32,
    /// What `runs/get-output` says beside that, once the run is over.
    output: Value,
    /// So many calls are refused first, to be made again after so many seconds.
    throttled: u32,
    broken: u32,
    cancelled: bool,
}

type Shared = Arc<Mutex<Workspace>>;

impl Workspace {
    fn answer(&mut self, method: &str, path: &str, query: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let input: Value = serde_json::from_slice(body).unwrap_or_default();
        let missing = || (404, br#"{"error_code": "NOT_FOUND", "message": "no such file"}"#.to_vec());
        let well = |value: Value| (200, value.to_string().into_bytes());
        match (method, path) {
            ("PUT", path) if path.starts_with("/api/2.0/fs/files/") => {
                assert_eq!(query, "overwrite=true");
                self.files.insert(path["/api/2.0/fs/files".len()..].to_owned(), body.to_vec());
                (204, Vec::new())
            }
            ("GET", path) if path.starts_with("/api/2.0/fs/files/") => self
                .files
                .get(&path["/api/2.0/fs/files".len()..])
                .map_or_else(missing, |file| (200, file.clone())),
            ("GET", path) if path.starts_with("/api/2.0/fs/directories/") => {
                if !path.contains(VOLUME) {
                    return missing();
                }
                let folder = format!("{}/", &path["/api/2.0/fs/directories".len()..]);
                let names: Vec<&str> =
                    self.files.keys().filter_map(|file| file.strip_prefix(&folder)).collect();
                // In pages of two.
                let from: usize = query.strip_prefix("page_token=").map_or(0, |token| token.parse().unwrap());
                let page: Vec<Value> = names.iter().skip(from).take(2).map(|name| {
                    json!({ "path": format!("{folder}{name}"), "name": name, "is_directory": false, "file_size": 1 })
                }).collect();
                let next = (from + 2 < names.len()).then(|| (from + 2).to_string());
                well(json!({ "contents": page, "next_page_token": next }))
            }
            ("POST", "/api/2.0/workspace/mkdirs") => well(json!({})),
            ("POST", "/api/2.0/workspace/import") => {
                assert_eq!((&input["format"], &input["overwrite"]), (&"AUTO".into(), &true.into()));
                let content =
                    base64::prelude::BASE64_STANDARD.decode(input["content"].as_str().unwrap()).unwrap();
                self.files.insert(input["path"].as_str().unwrap().to_owned(), content);
                well(json!({}))
            }
            ("POST", "/api/2.2/jobs/runs/submit") => {
                let token = input["idempotency_token"].as_str().unwrap().to_owned();
                assert!(token.len() <= 64);
                let id = 4711 + self.runs.len();
                let run = self.runs.entry(token).or_insert_with(|| json!({ "id": id, "order": input }));
                well(json!({ "run_id": run["id"] }))
            }
            ("GET", "/api/2.2/jobs/runs/get") => {
                assert_eq!(query, "run_id=4711");
                self.looks += 1;
                let mut run = self.stands.clone();
                if self.cancelled {
                    run = json!({ "status": { "state": "TERMINATED", "termination_details": { "code": "USER_CANCELED", "message": "Run cancelled." } } });
                }
                run["run_id"] = json!(4711);
                run["tasks"] = json!([{ "run_id": 4712, "task_key": "hydrant" }]);
                run["run_page_url"] = json!("https://workspace.example/?o=1#job/2/run/4711");
                well(run)
            }
            ("GET", "/api/2.2/jobs/runs/get-output") => {
                assert_eq!(query, "run_id=4712", "the task's, not the run's");
                // What it says of one that is not is documented nowhere.
                assert_ne!(self.stands["status"]["state"], "RUNNING", "asked of a run that is not over");
                let mut output = self.output.clone();
                output["metadata"] = self.stands.clone();
                well(output)
            }
            ("POST", "/api/2.2/jobs/runs/cancel") => {
                assert_eq!(input["run_id"], 4711);
                self.cancelled = true;
                well(json!({}))
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn serve(workspace: Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let workspace = Arc::clone(&workspace);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&workspace), request));
                drop(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    host
}

async fn answer(
    workspace: Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let reply = |status: u16, body: Vec<u8>| {
        Response::builder().status(status).body(Full::from(Bytes::from(body))).unwrap()
    };
    if parts.headers.get("authorization").and_then(|value| value.to_str().ok())
        != Some(&format!("Bearer {TOKEN}"))
    {
        return Ok(reply(
            401,
            br#"{"error_code": "UNAUTHENTICATED", "message": "Credential was not sent"}"#.to_vec(),
        ));
    }
    let mut held = workspace.lock().unwrap();
    if held.throttled > 0 {
        held.throttled -= 1;
        let mut refused =
            reply(429, br#"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}"#.to_vec());
        refused.headers_mut().insert("retry-after", "1".parse().unwrap());
        return Ok(refused);
    }
    if held.broken > 0 {
        held.broken -= 1;
        return Ok(reply(503, b"<html>upstream</html>".to_vec()));
    }
    let (status, body) =
        held.answer(parts.method.as_str(), parts.uri.path(), parts.uri.query().unwrap_or_default(), &body);
    Ok(reply(status, body))
}

struct There {
    desk: Desk,
    workspace: Shared,
    host: String,
    /// The AWS account of the lake, if there is one.
    world: Option<World>,
}

impl There {
    async fn new(stands: Value) -> Self {
        let desk = Desk::new("none");
        std::fs::write(desk.path("tokens.txt"), documents(9)).unwrap();
        let workspace = Shared::default();
        workspace.lock().unwrap().stands = stands;
        let host = serve(Arc::clone(&workspace)).await;
        Self { desk, workspace, host, world: None }
    }

    /// With a bucket, which the clusters read.
    async fn with_a_bucket(self) -> Self {
        let world = World::new().await;
        world.aws().s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
        Self { world: Some(world), ..self }
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = match &self.world {
            Some(world) => world.command(self.desk.home.path(), arguments),
            None => self.desk.command(arguments),
        };
        command.env("DATABRICKS_HOST", &self.host).env("DATABRICKS_TOKEN", TOKEN);
        command.env("HYDRANT_DATABRICKS_VOLUME", VOLUME);
        command
    }

    fn start(&self) -> Running {
        self.begin(&FIT)
    }

    fn begin(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments).spawn().unwrap())
    }

    async fn hydrant(&self, arguments: &[&str]) -> Ran {
        let ran = self.begin(arguments).end().await;
        assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "the token is shown");
        ran
    }

    async fn jobs(&self) -> Value {
        self.hydrant(&["jobs", "--json"]).await.expect(0).json()
    }

    /// The id of the only job, once it is handed over.
    async fn id(&self) -> String {
        until("its handle", async || !self.jobs().await[0]["handle"].is_null()).await;
        self.jobs().await[0]["id"].as_str().unwrap().to_owned()
    }

    async fn order(&self) -> Value {
        let mut order = Value::Null;
        until("a run", async || {
            let held = self.workspace.lock().unwrap();
            held.runs.values().next().map(|run| order = run["order"].clone()).is_some()
        })
        .await;
        order
    }

    /// Puts a file where the run leaves its results.
    fn leave(&self, order: &Value, name: &str, text: &str) {
        let out = order["tasks"][0]["spark_python_task"]["parameters"][2].as_str().unwrap();
        self.workspace.lock().unwrap().files.insert(format!("{out}/{name}"), text.into());
    }

    fn is(&self, stands: Value) {
        self.workspace.lock().unwrap().stands = stands;
    }
}

fn state(state: &str) -> Value {
    json!({ "status": { "state": state }, "start_time": 0 })
}

fn ended(code: &str, message: &str) -> Value {
    json!({
        "status": { "state": "TERMINATED", "termination_details": { "code": code, "type": "X", "message": message } },
        "start_time": 1_000_000, "end_time": 4_600_000,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_submitted_as_documented_and_its_results_are_a_model_here() {
    let there = There::new(state("PENDING")).await;
    there.workspace.lock().unwrap().throttled = 2;
    let fit = there.start();
    let order = there.order().await;
    let task = &order["tasks"][0];
    let cluster = &task["new_cluster"];
    assert_eq!((&cluster["num_workers"], &cluster["node_type_id"]), (&2.into(), &"m5d.xlarge".into()));
    assert_eq!(cluster["aws_attributes"]["availability"], "SPOT_WITH_FALLBACK");
    assert!(cluster["spark_version"].as_str().unwrap().contains("scala"));
    assert_eq!(order["timeout_seconds"], 240 * 60);
    let python = &task["spark_python_task"];
    assert_eq!(
        (&python["python_file"], &python["source"]),
        (&"/Shared/hydrant/elsewhere.py".into(), &"WORKSPACE".into())
    );
    {
        let held = there.workspace.lock().unwrap();
        assert!(
            String::from_utf8_lossy(&held.files["/Shared/hydrant/elsewhere.py"]).contains("def run(script")
        );
        let within = |at: usize| &held.files[python["parameters"][at].as_str().unwrap()];
        assert!(String::from_utf8_lossy(within(0)).contains("def run(settings)"));
        let settings: Value = serde_json::from_slice(within(1)).unwrap();
        let tokens = settings["tokens"].as_str().unwrap();
        assert!(tokens.starts_with("/Volumes/main/default/hydrant/hydrant-topics-"), "{tokens}");
        assert_eq!(held.files[tokens], documents(9).as_bytes());
    }
    there.is(state("RUNNING"));
    there.leave(&order, "progress.json", r#"{"stage": 2, "of": 6, "text": "9 posts"}"#);
    until("its stage", async || there.jobs().await[0]["stage"]["stage"] == 2).await;
    there.workspace.lock().unwrap().broken = 2;
    for (file, text) in LEFT {
        there.leave(&order, file, text);
    }
    there.is(ended("SUCCESS", ""));
    let done = fit.end().await.expect(0);
    assert!(done.err.contains("stage 2 of 6: 9 posts"), "{}", done.err);
    // An hour of three machines.
    assert!(done.err.contains("it has cost about $0.99"), "{}", done.err);
    assert!(there.desk.path("model/model.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_end_is_told_in_databrickss_words() {
    for (stands, said) in [
        (ended("CLUSTER_ERROR", "no capacity in the zone"), "CLUSTER_ERROR: no capacity in the zone"),
        (
            json!({ "state": { "life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT", "state_message": "too long" } }),
            "TIMEDOUT: too long",
        ),
        (
            json!({ "state": { "life_cycle_state": "INTERNAL_ERROR", "state_message": "unexpected" } }),
            "INTERNAL_ERROR: unexpected",
        ),
        (
            json!({ "state": { "life_cycle_state": "SKIPPED", "state_message": "another runs" } }),
            "SKIPPED: another runs",
        ),
        (ended("USER_CANCELED", "Run cancelled."), "cancelled: USER_CANCELED"),
    ] {
        let there = There::new(stands).await;
        there.workspace.lock().unwrap().output = json!({ "error": "ValueError: a word of the task" });
        let failed = there.hydrant(&FIT).await.expect(1);
        assert!(failed.err.contains(said), "{said}: {}", failed.err);
        if !said.starts_with("cancelled") {
            assert!(failed.err.contains("a word of the task"), "{}", failed.err);
            assert!(failed.err.contains("https://workspace.example/"), "where its log is: {}", failed.err);
        }
        assert!(!there.desk.path("model/model.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_found_again_and_cancelled_and_never_submitted_twice() {
    let there = There::new(state("RUNNING")).await;
    let first = there.start();
    let id = there.id().await;
    first.kill().await;
    let before = there.workspace.lock().unwrap().looks;
    let second = there.start();
    until("a look of the second", async || there.workspace.lock().unwrap().looks > before).await;
    there.hydrant(&["jobs", "cancel", &id]).await.expect(0);
    let told = second.end().await.expect(1);
    assert!(told.err.contains("cancelled"), "{}", told.err);
    assert_eq!(there.workspace.lock().unwrap().runs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_a_wrong_token_is_said_to_be_one() {
    let there = There::new(state("RUNNING")).await;
    let unset = there.desk.hydrant(&[&FIT[..], &["--plan"]].concat()).await.expect(2);
    assert!(unset.out.contains("1 file") && unset.out.contains("m5d.xlarge"), "{}", unset.out);
    assert!(unset.err.contains("databricks_host"), "{}", unset.err);
    assert_eq!(there.desk.hydrant(&FIT).await.expect(2).err.lines().last(), unset.err.lines().last());
    let elsewhere = ["--set", "databricks_volume=/Volumes/main/default/none", "--plan"];
    let no_volume = there.hydrant(&[&FIT[..], &elsewhere].concat()).await.expect(1);
    assert!(
        no_volume.err.contains("there is no /Volumes/main/default/none: make it there"),
        "{}",
        no_volume.err
    );
    let mut command = there.command(&FIT);
    command.env("DATABRICKS_TOKEN", "wrong");
    let refused = Running::of(command.spawn().unwrap()).end().await.expect(1);
    assert!(
        refused.err.contains("UNAUTHENTICATED") && refused.err.contains("databricks_token"),
        "{}",
        refused.err
    );
    let volume = there.hydrant(&[&FIT[..], &["--set", "databricks_volume=/tmp"]].concat()).await.expect(2);
    assert!(volume.err.contains("/Volumes/CATALOG"), "{}", volume.err);
    assert!(there.workspace.lock().unwrap().runs.is_empty());
    let doctor = there.hydrant(&["doctor", "--json"]).await;
    let rows = doctor.json();
    let row = rows.as_array().unwrap().iter().find(|row| row["check"] == "databricks").unwrap().clone();
    assert!(row["found"].as_str().unwrap().contains("/Volumes/main/default/hydrant"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_a_job_costs_and_begins_nothing() {
    let there = There::new(state("RUNNING")).await;
    let plan = there.hydrant(&[&FIT[..], &["--plan"]].concat()).await.expect(0);
    assert!(plan.out.contains("1 file") && plan.out.contains("2 × m5d.xlarge and a driver"), "{}", plan.out);
    assert!(plan.out.contains("$3.95 at most"), "{}", plan.out);
    let json = there.hydrant(&[&FIT[..], &["--plan", "--json"]].concat()).await.expect(0).json();
    assert_eq!((&json["engine"], &json["size"]["files"]), (&"databricks".into(), &1.into()));
    assert!(there.workspace.lock().unwrap().runs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_combined_on_databricks_as_ordered_and_read_as_hydrants_own() {
    let there = There::new(state("RUNNING")).await.with_a_bucket().await;
    let aws = there.world.as_ref().unwrap().aws();
    let lake = put_an_hour(&aws).await;
    let combine = there.begin(&combine_on("databricks"));
    let order = there.order().await;
    let python = &order["tasks"][0]["spark_python_task"];
    let within = |at: usize| {
        let held = there.workspace.lock().unwrap();
        String::from_utf8(held.files[python["parameters"][at].as_str().unwrap()].clone()).unwrap()
    };
    assert!(within(0).contains(r#"settings["passing"]"#), "the script that combines");
    let settings: Value = serde_json::from_str(&within(1)).unwrap();
    asks_for_the_hour(&settings, &lake);
    let hydrant = async |words: &[&str]| there.hydrant(words).await;
    let answer = leave_combined(&aws, there.desk.home.path(), &settings, hydrant).await;
    there.leave(&order, "spark.json", &answer);
    there.is(ended("SUCCESS", ""));
    is_combined(&combine.end().await.expect(0), hydrant).await;
    assert_eq!(there.jobs().await[0]["state"], "done");
}

/// What a run has printed: its stages among the rest.
const PRINTED: &str = "INFO begins\n{\"stage\": 1, \"of\": 6, \"text\": \"reading\"}\n{\"stage\": 2, \"of\": 6, \"text\": \"9 posts\"}\nWARN last\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_told_when_its_run_is_over_and_what_is_not_in_it_is_said() {
    let there = There::new(state("RUNNING")).await;
    let fit = there.start();
    let (order, id) = (there.order().await, there.id().await);
    fit.kill().await;
    let none = there.hydrant(&["jobs", "logs", &id]).await.expect(0);
    assert_eq!(none.out, "");
    assert!(none.err.contains("once it is over") && none.err.contains("https://workspace.example/"));
    there.leave(&order, "progress.json", r#"{"stage": 2, "of": 6, "text": "9 posts"}"#);
    let before = there.workspace.lock().unwrap().looks;
    let follow = there.begin(&["jobs", "logs", &id, "--follow"]);
    // It looks twice in a round: whether the run is over, and what there is to tell.
    until("a whole round", async || there.workspace.lock().unwrap().looks > before + 2).await;
    there.workspace.lock().unwrap().output = json!({ "logs": PRINTED, "logs_truncated": true });
    there.is(ended("SUCCESS", ""));
    let followed = follow.end().await.expect(0);
    assert_eq!(followed.out, "stage 2 of 6: 9 posts\nINFO begins\nstage 1 of 6: reading\nWARN last\n");
    assert!(followed.err.contains("once it is over") && followed.err.contains("the last 5 MB"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_run_that_failed_ends_with_its_trace() {
    let there = There::new(ended("RUN_EXECUTION_ERROR", "task failed")).await;
    let (error, trace) = ("ValueError: no hours", "Traceback\n\u{1b}[31mValueError\u{1b}[0m: no hours");
    there.workspace.lock().unwrap().output =
        json!({ "logs": PRINTED, "logs_truncated": false, "error": error, "error_trace": trace });
    there.hydrant(&FIT).await.expect(1);
    let shown = there.hydrant(&["jobs", "logs", &there.id().await]).await.expect(0);
    assert!(
        shown.out.contains("WARN last") && shown.out.ends_with("ValueError: no hours\n"),
        "{}",
        shown.out
    );
    assert!(!shown.out.contains('\u{1b}'), "{}", shown.out);
    let json = there.hydrant(&["jobs", "logs", &there.id().await, "--json"]).await.expect(0);
    assert!(json.out.contains(r#"{"message":"WARN last","stream":"logs"}"#), "{}", json.out);
    assert!(json.out.contains(r#""stream":"error_trace""#), "{}", json.out);
}

#[cfg(feature = "sandbox")]
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_run_is_a_group_of_the_logs_pane() {
    let there = There::new(ended("RUN_EXECUTION_ERROR", "task failed")).await;
    there.workspace.lock().unwrap().output = json!({ "logs": PRINTED, "logs_truncated": true });
    there.hydrant(&FIT).await.expect(1);
    let home = there.desk.home.path();
    let variables = [
        ("DATABRICKS_HOST", there.host.as_str()),
        ("DATABRICKS_TOKEN", TOKEN),
        ("HYDRANT_DATABRICKS_VOLUME", VOLUME),
    ];
    let mut terminal =
        Terminal::run(home, (120, 36), &["sandbox", "--pace", "100", "--dir", "cloud"], &variables);
    terminal.until("nothing of the stack is there");
    terminal.press("6");
    terminal.until("s:topics-");
    terminal.press("G\r");
    terminal.until("WARN last");
    terminal.until("the last 5 MB");
    assert!(terminal.screen().contains("following"), "{}", terminal.screen());
    terminal.press("q");
    let (status, shown) = terminal.end();
    assert!(status.success() && !shown.contains(TOKEN), "{status:?}");
}
