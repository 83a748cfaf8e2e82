//! A one-time run on Databricks, by its REST API (Jobs 2.2, Workspace 2.0, Files 2.0).
//!
//! The launcher `elsewhere.py` is imported into the workspace, where a Python task finds it; the script, its settings and
//! what it leaves lie in a folder of a Unity Catalog volume, which the cluster mounts and the Files API reads. A run is
//! submitted under the token of the job, by which Databricks takes it once. Its cluster is its own, on spot machines
//! where there are some, and gone with it.

mod client;
mod log;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use self::client::{Client, Sent};
use self::log::Printed;
use super::job::is_result;
use super::prices::{cost, prices};
use super::{ELSEWHERE, Engine, Job, LAST, Log, Run, Seen, SparkError, Stage, State};
use crate::lake::Place;
use crate::settings::{Dollars, EngineName, Settings};

/// How long a workspace has to say whether it would take a run.
const READY_LIMIT: Duration = Duration::from_secs(15);

/// A workspace, as the settings want its runs.
#[derive(Debug, Clone)]
pub struct Databricks {
    client: Client,
    folder: String,
    volume: String,
    runtime: String,
    node_type: String,
    workers: u32,
    limit_s: u32,
    instance_profile: Option<String>,
}

impl Databricks {
    /// A workspace by its host and token; asks nothing of it yet.
    pub fn open(settings: &Settings) -> Result<Self, SparkError> {
        let needed = |key| SparkError::NotSet { engine: EngineName::Databricks.title(), key };
        let host = settings.databricks_host.as_ref().ok_or(needed("databricks_host"))?;
        let token = settings.databricks_token.as_ref().ok_or(needed("databricks_token"))?;
        let volume = settings.databricks_volume.as_ref().ok_or(needed("databricks_volume"))?;
        if !volume.starts_with("/Volumes/") {
            return Err(needed("databricks_volume (as /Volumes/CATALOG/SCHEMA/VOLUME)"));
        }
        Ok(Self {
            client: Client::of(host.as_str(), token.clone())?,
            folder: settings.databricks_folder.trim_end_matches('/').to_owned(),
            volume: volume.trim_end_matches('/').to_owned(),
            runtime: settings.databricks_runtime.to_string(),
            node_type: settings.databricks_node_type.to_string(),
            workers: settings.spark_instances.get(),
            limit_s: settings.spark_limit_minutes.get() * 60,
            instance_profile: (*settings.databricks_instance_profile).clone(),
        })
    }

    /// Whether the workspace lets the token in, and the volume is there.
    async fn volume_is_there(&self) -> Result<(), SparkError> {
        let path = format!("/api/2.0/fs/directories{}", self.volume);
        let what = "let the token look into the volume";
        let found = self.client.call(Method::GET, &path, Sent::Nothing, what).await?;
        found.map(drop).ok_or_else(|| SparkError::Databricks {
            what: "have the volume".to_owned(),
            why: format!(
                "there is no {}: make it there, or name another with `databricks_volume`",
                self.volume
            ),
            passes: false,
        })
    }

    fn cluster(&self) -> Value {
        let mut aws = json!({ "availability": "SPOT_WITH_FALLBACK", "first_on_demand": 1 });
        if let Some(profile) = &self.instance_profile {
            aws["instance_profile_arn"] = json!(profile);
        }
        json!({
            "spark_version": self.runtime, "node_type_id": self.node_type, "num_workers": self.workers,
            // A classic driver of one's own, which the script needs, that can open volumes.
            "data_security_mode": "SINGLE_USER", "aws_attributes": aws, "custom_tags": { "hydrant": "spark" },
        })
    }
}

#[async_trait]
impl Engine for Databricks {
    fn name(&self) -> EngineName {
        EngineName::Databricks
    }

    async fn ready(&self) -> Result<String, SparkError> {
        // A workspace that does not answer is asked again and again otherwise.
        match tokio::time::timeout(READY_LIMIT, self.volume_is_there()).await {
            Ok(there) => there.map(|()| format!("{} with the volume {}", self.client.host(), self.volume)),
            Err(_) => Err(SparkError::Databricks {
                what: "answer".to_owned(),
                why: format!("nothing came within {} s; look at `databricks_host`", READY_LIMIT.as_secs()),
                passes: true,
            }),
        }
    }

    async fn submit(&self, job: &Job, token: &str) -> Result<String, SparkError> {
        job.must_be_reached(EngineName::Databricks)?;
        self.volume_is_there().await?;
        let name = job.remote_name(token);
        let within = format!("{}/{name}", self.volume);
        let mut settings = job.settings.clone();
        if let Some(tokens) = job.tokens().filter(|tokens| !tokens.contains("://")) {
            let path = std::path::Path::new(tokens);
            let content = tokio::fs::read(path).await.map_err(SparkError::file("read", path))?;
            self.client.put(&format!("{within}/tokens.txt"), content).await?;
            settings["tokens"] = format!("{within}/tokens.txt").into();
        }
        self.client.put(&format!("{within}/job.py"), job.script().into()).await?;
        self.client.put(&format!("{within}/settings.json"), settings.to_string().into()).await?;
        let mkdirs = Sent::Json(json!({ "path": self.folder }));
        let what = format!("make {}", self.folder);
        self.client.json(Method::POST, "/api/2.0/workspace/mkdirs", mkdirs, &what).await?;
        let launcher = format!("{}/elsewhere.py", self.folder);
        let import = json!({
            "path": launcher, "format": "AUTO", "overwrite": true, "content": BASE64_STANDARD.encode(ELSEWHERE),
        });
        let what = format!("import {launcher}");
        self.client.json(Method::POST, "/api/2.0/workspace/import", Sent::Json(import), &what).await?;
        let submit = json!({
            "run_name": name, "idempotency_token": token, "timeout_seconds": self.limit_s,
            "tasks": [{
                "task_key": "hydrant", "new_cluster": self.cluster(),
                "spark_python_task": {
                    "python_file": launcher, "source": "WORKSPACE",
                    "parameters": [
                        format!("{within}/job.py"), format!("{within}/settings.json"), format!("{within}/out"),
                    ],
                },
            }],
        });
        let what = format!("submit {name}");
        let answer =
            self.client.json(Method::POST, "/api/2.2/jobs/runs/submit", Sent::Json(submit), &what).await?;
        let run = answer["run_id"].as_u64().ok_or_else(|| SparkError::Databricks {
            what,
            why: "its answer names no run".to_owned(),
            passes: false,
        })?;
        Ok(format!("{run}/{name}"))
    }

    async fn attach(&self, job: &Job, handle: &str) -> Result<Box<dyn Run>, SparkError> {
        let (id, name) = handle.split_once('/').ok_or_else(|| SparkError::NoJob(handle.to_owned()))?;
        let hourly = prices().databricks_hour(&self.node_type, self.workers + 1);
        let results = format!("{}/{name}/out", self.volume);
        let client = self.client.clone();
        let page = format!("{}/#job/runs/{id}", client.host());
        let (id, out) = (id.to_owned(), job.out.clone());
        Ok(Box::new(Running { client, id, results, out, hourly, page, last: None, cost: None }))
    }
}

/// A run that Databricks has.
#[derive(Debug, Clone)]
struct Running {
    client: Client,
    id: String,
    /// Its folder in the volume.
    results: String,
    out: PathBuf,
    hourly: Option<f64>,
    /// Where a browser sees it.
    page: String,
    last: Option<Stage>,
    cost: Option<Dollars>,
}

/// How a run stands: as the newer part of the answer says it, or else the older.
fn state_of(run: &Value) -> State {
    let text = |path: &str| run.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (state, code) = (text("/status/state"), text("/status/termination_details/code"));
    let (life, result) = (text("/state/life_cycle_state"), text("/state/result_state"));
    let message = [text("/status/termination_details/message"), text("/state/state_message")];
    let message = message.into_iter().find(|message| !message.is_empty()).unwrap_or_default();
    let with = |code: &str| if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
    let state = if state.is_empty() { life.clone() } else { state };
    match state.as_str() {
        "PENDING" | "BLOCKED" => State::Waiting("Databricks starts the cluster".to_owned()),
        "QUEUED" => State::Waiting("Databricks has the run in its queue".to_owned()),
        "WAITING" | "WAITING_FOR_RETRY" => State::Waiting("Databricks waits to run it again".to_owned()),
        "RUNNING" => State::Running,
        "TERMINATING" => State::Waiting("Databricks ends the run".to_owned()),
        "TERMINATED" | "SKIPPED" | "INTERNAL_ERROR" => {
            let ended = [code, result].into_iter().find(|word| !word.is_empty()).unwrap_or(life);
            match ended.as_str() {
                "SUCCESS" => State::Done,
                "CANCELED" | "USER_CANCELED" => State::Cancelled(with(&ended)),
                _ => State::Failed(with(&ended)),
            }
        }
        other => State::Waiting(format!("Databricks's state of it is {other}, which hydrant does not know")),
    }
}

/// A time as Databricks writes it; 0 is none.
fn moment(value: &Value) -> Option<Timestamp> {
    value.as_i64().filter(|at| *at > 0).and_then(|at| Timestamp::from_millisecond(at).ok())
}

impl Running {
    /// All that Databricks says of it now.
    async fn ask(&mut self) -> Result<Value, SparkError> {
        let call = format!("/api/2.2/jobs/runs/get?run_id={}", self.id);
        let run = self.client.json(Method::GET, &call, Sent::Nothing, "ask how the run stands").await?;
        if let Some(page) = run["run_page_url"].as_str() {
            page.clone_into(&mut self.page);
        }
        Ok(run)
    }

    /// What its task has put out; it is the task's, for a run of tasks has none of its own.
    async fn output(&self, run: &Value) -> Result<Option<Value>, SparkError> {
        let Some(task) = run.pointer("/tasks/0/run_id").and_then(Value::as_u64) else { return Ok(None) };
        let call = format!("/api/2.2/jobs/runs/get-output?run_id={task}");
        self.client.json(Method::GET, &call, Sent::Nothing, "give what the run has put out").await.map(Some)
    }

    async fn stages(&mut self) -> Vec<Stage> {
        let told = match self.client.get(&format!("{}/progress.json", self.results)).await {
            Ok(told) => told.unwrap_or_default(),
            Err(error) => {
                tracing::info!(%error, "stages were not read");
                return Vec::new();
            }
        };
        let stage = Stage::of_line(&String::from_utf8_lossy(&told));
        let stage = stage.filter(|stage| self.last.as_ref() != Some(stage));
        self.last = stage.clone().or(self.last.take());
        stage.into_iter().collect()
    }

    /// What the script said of its end, or Databricks of the task.
    async fn failure(&self, run: &Value, why: String) -> String {
        let said = self.client.get(&format!("{}/failure.txt", self.results)).await.ok().flatten();
        if let Some(said) = said {
            return format!("{}; {why}", String::from_utf8_lossy(&said).trim());
        }
        let output = self.output(run).await.ok().flatten().unwrap_or_default();
        match output["error"].as_str() {
            Some(error) if !why.contains(error) => format!("{why}; {error}"),
            _ => why,
        }
    }
}

#[async_trait]
impl Run for Running {
    async fn look(&mut self) -> Result<Seen, SparkError> {
        let run = self.ask().await?;
        if let (Some(hourly), Some(from)) = (self.hourly, moment(&run["start_time"])) {
            self.cost = cost(hourly, from, moment(&run["end_time"]).unwrap_or_else(Timestamp::now));
        }
        let state = state_of(&run);
        let stages = if matches!(state, State::Waiting(_)) { Vec::new() } else { self.stages().await };
        let state = match state {
            State::Failed(why) => State::Failed(self.failure(&run, why).await),
            state => state,
        };
        Ok(Seen { stages, state })
    }

    async fn cancel(&mut self) -> Result<State, SparkError> {
        let run: u64 = self.id.parse().map_err(|_| SparkError::NoJob(self.id.clone()))?;
        let sent = Sent::Json(json!({ "run_id": run }));
        self.client.json(Method::POST, "/api/2.2/jobs/runs/cancel", sent, "cancel the run").await?;
        super::follow::until_over(self).await
    }

    async fn bring(&mut self) -> Result<(), SparkError> {
        let mut names = self.client.list(&self.results).await?;
        if !names.iter().any(|name| name == LAST) {
            let (engine, place) = (EngineName::Databricks.title(), self.results.clone());
            return Err(SparkError::NoResults { engine, place, words: None });
        }
        names.retain(|name| is_result(name));
        names.sort_by_key(|name| name == LAST);
        let here = Place::Folder(self.out.clone());
        for name in names {
            let content = self.client.get(&format!("{}/{name}", self.results)).await?.unwrap_or_default();
            here.put(&name, &content).await?;
        }
        Ok(())
    }

    fn log(&self) -> Log {
        Log::Lines { at: self.page.clone(), lines: Box::new(Printed::of(self.clone())) }
    }

    fn cost(&self) -> Option<Dollars> {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_run_is_told_in_words() {
        let new = |code: &str, message: &str| json!({ "status": { "state": "TERMINATED", "termination_details": { "code": code, "message": message } } });
        let old = |life: &str, result: &str| json!({ "state": { "life_cycle_state": life, "result_state": result, "state_message": "m" } });
        for (run, state) in [
            (new("SUCCESS", ""), State::Done),
            (new("USER_CANCELED", "by me"), State::Cancelled("USER_CANCELED: by me".to_owned())),
            (new("CLOUD_FAILURE", "no capacity"), State::Failed("CLOUD_FAILURE: no capacity".to_owned())),
            (old("TERMINATED", "SUCCESS"), State::Done),
            (old("TERMINATED", "CANCELED"), State::Cancelled("CANCELED: m".to_owned())),
            (old("TERMINATED", "TIMEDOUT"), State::Failed("TIMEDOUT: m".to_owned())),
            (old("INTERNAL_ERROR", ""), State::Failed("INTERNAL_ERROR: m".to_owned())),
            (old("SKIPPED", ""), State::Failed("SKIPPED: m".to_owned())),
            (json!({ "status": { "state": "RUNNING" } }), State::Running),
        ] {
            assert_eq!(state_of(&run), state, "{run}");
        }
        for waiting in ["QUEUED", "PENDING", "BLOCKED", "TERMINATING", "NEW_IN_2027"] {
            let run = json!({ "status": { "state": waiting } });
            assert!(matches!(state_of(&run), State::Waiting(_)), "{waiting}");
        }
    }
}
