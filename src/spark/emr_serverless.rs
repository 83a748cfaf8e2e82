//! A job run of Amazon EMR Serverless.
//!
//! An application is where job runs are: hydrant makes one of its stack's name when there is none and uses it from then
//! on; it stops by itself when nothing runs, and costs nothing then. A run is started under the token of the job, by
//! which EMR Serverless takes it once. The script goes through `elsewhere.py`, since the driver's folders are gone with
//! it: results, progress and the reason of a failure lie in the bucket beside the lake's models
//! (`models/jobs/JOB/out/`), the logs of Spark in `models/jobs/JOB/logs/`.

use std::path::PathBuf;

use async_trait::async_trait;
use aws_sdk_emrserverless::types::{
    ApplicationState, ConfigurationOverrides, JobDriver, JobRun, JobRunState, MonitoringConfiguration,
    S3MonitoringConfiguration, SparkSubmit,
};

use super::job::{bring, bucket_is_there, folder, role, tokens_to, told};
use super::prices::prices;
use super::{ELSEWHERE, Engine, Job, Log, LogFiles, Run, Seen, SparkError, Stage, State};
use crate::cloud::{Cloud, Operation};
use crate::lake::Place;
use crate::settings::{Dollars, EngineName, Settings};
use crate::stack::Names;

/// EMR Serverless, as the settings want its runs.
#[derive(Debug)]
pub struct EmrServerless {
    cloud: Cloud,
    names: Names,
    jobs: Place,
    application: Option<String>,
    release: String,
    executors: u32,
    limit_minutes: u32,
}

impl EmrServerless {
    /// Asks who is asking; nothing else yet.
    pub async fn open(cloud: Cloud, settings: &Settings) -> Result<Self, SparkError> {
        let identity = cloud.identity().await?;
        let names = Names::new(settings, &identity, cloud.region());
        Ok(Self {
            jobs: folder(&names, &cloud)?,
            cloud,
            names,
            application: (*settings.emr_application).clone(),
            release: settings.emr_release.to_string(),
            executors: settings.spark_instances.get(),
            limit_minutes: settings.spark_limit_minutes.get(),
        })
    }

    /// What a run needs: the role that it runs by, which must trust EMR Serverless, so that none is hydrant's own, the
    /// bucket that its files lie in, and the application, which is made if there is none.
    async fn needed(&self) -> Result<(String, Option<String>), SparkError> {
        let role = role(&self.cloud, &self.names, "emr-serverless", None).await?;
        bucket_is_there(&self.jobs).await?;
        Ok((role, self.application().await?))
    }

    /// What hydrant calls the application of its stack.
    fn own_application(&self) -> String {
        format!("hydrant-{}", self.names.base())
    }

    /// The application that runs are started in: the one that was named, or the stack's if it is there.
    async fn application(&self) -> Result<Option<String>, SparkError> {
        let (name, mut next) = (self.own_application(), None);
        loop {
            let request = self.cloud.emr_serverless.list_applications().set_next_token(next).send();
            let page = self.cloud.call(Operation::ListApplications, &name, request).await?;
            let wanted = page.applications.into_iter().find(|application| {
                let is_wanted = match &self.application {
                    Some(id) => application.id == *id,
                    None => application.name.as_deref() == Some(&name),
                };
                is_wanted && application.state != ApplicationState::Terminated
            });
            next = page.next_token;
            match (wanted, &self.application) {
                (Some(wanted), _) => return Ok(Some(wanted.id)),
                (None, _) if next.is_some() => {}
                (None, Some(id)) => return Err(SparkError::NoApplication(id.clone())),
                (None, None) => return Ok(None),
            }
        }
    }

    /// Makes the application of the stack.
    async fn make_application(&self, token: &str) -> Result<String, SparkError> {
        let name = self.own_application();
        let request = self
            .cloud
            .emr_serverless
            .create_application()
            .name(&name)
            .release_label(&self.release)
            .r#type("SPARK")
            .client_token(token)
            .set_tags(Some(self.tags()))
            .send();
        Ok(self.cloud.call(Operation::CreateApplication, &name, request).await?.application_id)
    }

    fn tags(&self) -> std::collections::HashMap<String, String> {
        self.names.tags().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

#[async_trait]
impl Engine for EmrServerless {
    fn name(&self) -> EngineName {
        EngineName::EmrServerless
    }

    async fn ready(&self) -> Result<String, SparkError> {
        let (role, application) = self.needed().await?;
        let application = application.unwrap_or_else(|| "that it makes".to_owned());
        Ok(format!("runs by the role {role}, in an application: {application}"))
    }

    async fn submit(&self, job: &Job, token: &str) -> Result<String, SparkError> {
        job.must_be_reached(EngineName::EmrServerless)?;
        let (role, application) = self.needed().await?;
        let application = match application {
            Some(application) => application,
            None => self.make_application(token).await?,
        };
        let name = job.remote_name(token);
        let within = |folder: &str| self.jobs.within(&format!("{name}/{folder}/"));
        let (code, out, logs) = (within("code"), within("out"), within("logs"));
        let mut settings = job.settings.clone();
        if tokens_to(job, &code).await? {
            settings["tokens"] = code.url("tokens.txt").into();
        }
        code.put("elsewhere.py", ELSEWHERE.as_bytes()).await?;
        code.put("job.py", job.script().as_bytes()).await?;
        code.put("settings.json", settings.to_string().as_bytes()).await?;
        let submit = SparkSubmit::builder()
            .entry_point(code.url("elsewhere.py"))
            .entry_point_arguments(code.url("job.py"))
            .entry_point_arguments(code.url("settings.json"))
            .entry_point_arguments(out.url(""))
            .spark_submit_parameters(format!(
                "--conf spark.dynamicAllocation.maxExecutors={} --conf spark.executor.instances={}",
                self.executors, self.executors
            ))
            .build()
            .expect("its entry point was given");
        let monitoring = MonitoringConfiguration::builder()
            .s3_monitoring_configuration(S3MonitoringConfiguration::builder().log_uri(logs.url("")).build());
        let request = self
            .cloud
            .emr_serverless
            .start_job_run()
            .application_id(&application)
            .client_token(token)
            .execution_role_arn(role)
            .name(&name)
            .job_driver(JobDriver::SparkSubmit(submit))
            .configuration_overrides(
                ConfigurationOverrides::builder().monitoring_configuration(monitoring.build()).build(),
            )
            .execution_timeout_minutes(self.limit_minutes.into())
            .set_tags(Some(self.tags()))
            .send();
        let started = self.cloud.call(Operation::StartJobRun, &name, request).await?;
        Ok(format!("{}/{}/{name}", started.application_id, started.job_run_id))
    }

    async fn attach(&self, job: &Job, handle: &str) -> Result<Box<dyn Run>, SparkError> {
        let mut parts = handle.splitn(3, '/').map(ToOwned::to_owned);
        let (Some(application), Some(id), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SparkError::NoJob(handle.to_owned()));
        };
        Ok(Box::new(Running {
            cloud: self.cloud.clone(),
            results: self.jobs.within(&format!("{name}/out/")),
            logs: self
                .jobs
                .within(&format!("{name}/logs/applications/{application}/jobs/{id}/SPARK_DRIVER/")),
            application,
            id,
            out: job.out.clone(),
            last: None,
            cost: None,
        }))
    }
}

/// A run that EMR Serverless has.
#[derive(Debug)]
struct Running {
    cloud: Cloud,
    application: String,
    id: String,
    results: Place,
    logs: Place,
    out: PathBuf,
    last: Option<Stage>,
    cost: Option<Dollars>,
}

/// What a run has cost: what was billed, or what it has used so far.
fn cost_of(run: &JobRun) -> Option<Dollars> {
    let billed = run.billed_resource_utilization.as_ref().map(|used| (used.v_cpu_hour, used.memory_gb_hour));
    let total = run.total_resource_utilization.as_ref().map(|used| (used.v_cpu_hour, used.memory_gb_hour));
    let Some((cpu, memory)) = billed.or(total) else { return Some(Dollars::ZERO) };
    prices().emr_serverless(cpu.unwrap_or(0.0), memory.unwrap_or(0.0))
}

#[async_trait]
impl Run for Running {
    async fn look(&mut self) -> Result<Seen, SparkError> {
        let request = self
            .cloud
            .emr_serverless
            .get_job_run()
            .application_id(&self.application)
            .job_run_id(&self.id)
            .send();
        let answer = self.cloud.call(Operation::GetJobRun, &self.id, request).await?;
        let Some(run) = answer.job_run else {
            return Ok(Seen {
                stages: Vec::new(),
                state: State::Waiting("EMR Serverless does not say".into()),
            });
        };
        self.cost = cost_of(&run);
        let has_begun = !matches!(
            run.state,
            JobRunState::Submitted | JobRunState::Pending | JobRunState::Scheduled | JobRunState::Queued
        );
        let stages = if has_begun { told(&self.results, &mut self.last).await } else { Vec::new() };
        let details = run.state_details;
        let state = match run.state {
            JobRunState::Submitted | JobRunState::Pending | JobRunState::Scheduled => {
                State::Waiting("EMR Serverless starts the application and its workers".to_owned())
            }
            JobRunState::Queued => State::Waiting("EMR Serverless has it in the queue".to_owned()),
            JobRunState::Running => State::Running,
            JobRunState::Cancelling => State::Waiting("EMR Serverless ends the job".to_owned()),
            JobRunState::Success => State::Done,
            JobRunState::Cancelled => State::Cancelled(details),
            JobRunState::Failed => match self.results.get("failure.txt").await {
                Ok(why) => State::Failed(format!("{}; {details}", String::from_utf8_lossy(&why).trim())),
                Err(_) => State::Failed(details),
            },
            other => State::Waiting(format!(
                "EMR Serverless's state of it is {}, which hydrant does not know",
                other.as_str()
            )),
        };
        Ok(Seen { stages, state })
    }

    async fn cancel(&mut self) -> Result<State, SparkError> {
        let request = self
            .cloud
            .emr_serverless
            .cancel_job_run()
            .application_id(&self.application)
            .job_run_id(&self.id)
            .send();
        match self.cloud.call(Operation::CancelJobRun, &self.id, request).await {
            Ok(_) => {}
            // It has ended by itself meanwhile, which the look that follows shows.
            Err(error) if error.code() == Some("ValidationException") => {}
            Err(error) => return Err(error.into()),
        }
        super::follow::until_over(self).await
    }

    async fn bring(&mut self) -> Result<(), SparkError> {
        bring(EngineName::EmrServerless, &self.results, &self.out, None).await
    }

    fn log(&self) -> Log {
        let at = format!("in the files of {}", self.logs.url(""));
        Log::Lines { at, lines: Box::new(LogFiles::of(self.logs.clone())) }
    }

    fn cost(&self) -> Option<Dollars> {
        self.cost
    }
}
