//! A processing job of Amazon SageMaker with AWS's own Spark image.
//!
//! The script and its settings lie in the bucket beside the lake's models (`models/jobs/JOB/code/`) and are inputs of
//! the job; what the script leaves is its output (`models/jobs/JOB/out/`) and is brought from there. Posts are read from
//! the bucket by Spark itself. The job's name, which SageMaker takes once and never again, is made of the token: handing
//! over twice is one job. It runs by a role that is limited to the one bucket, the notebook's unless another is named.
//!
//! SageMaker tells a job's status, and little more. Which stage it has come to stands in its log, as the script's lines;
//! of a failure, `FailureReason` names the exit code at most, so that what the log says last is added.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_processing_job::DescribeProcessingJobOutput;
use aws_sdk_sagemaker::types::{
    AppSpecification, ProcessingClusterConfig, ProcessingInput, ProcessingInstanceType, ProcessingJobStatus,
    ProcessingOutput, ProcessingOutputConfig, ProcessingResources, ProcessingS3DataType, ProcessingS3Input,
    ProcessingS3InputMode, ProcessingS3Output, ProcessingS3UploadMode, ProcessingStoppingCondition, Tag,
};
use backon::BackoffBuilder;
use jiff::Timestamp;

use super::follow::pauses;
use super::job::{bring, bucket_is_there, folder, role, tokens_to};
use super::local::why;
use super::prices::{cost, prices};
use super::{Engine, Job, Log, Run, Seen, SparkError, Stage, State};
use crate::cloud::{Cloud, CloudError, Failure, Operation};
use crate::lake::Place;
use crate::settings::{Dollars, EngineName, Settings};
use crate::stack::graph::{Kind, Part};
use crate::stack::{Names, SPARK_LOGS};

/// Where the script and its settings are in a job's container, and where it leaves its results.
const CODE: &str = "/opt/ml/processing/input/code";
const OUT: &str = "/opt/ml/processing/output";
/// A role that was just made is not known everywhere at once: so long it is waited for, with pauses from the first to
/// the longest.
const ROLE_LIMIT: Duration = Duration::from_mins(2);
const ROLE_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// A look reads so many pages of a log at most; the next goes on.
const PAGES: usize = 20;

/// The images that are known.
#[derive(Debug, serde::Deserialize)]
struct Images {
    repository: String,
    tag: String,
    accounts: BTreeMap<String, String>,
}

/// AWS's Spark image in a region.
pub fn image(region: &str) -> Result<String, SparkError> {
    let images: Images = toml::from_str(include_str!("../../assets/spark/images.toml"))
        .expect("the table of images is part of the program");
    let account = images.accounts.get(region).ok_or_else(|| SparkError::NoImage(region.to_owned()))?;
    let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("{account}.dkr.ecr.{region}.{end}/{}:{}", images.repository, images.tag))
}

/// SageMaker, as the settings want its jobs.
#[derive(Debug)]
pub struct SageMaker {
    cloud: Cloud,
    names: Names,
    /// Where jobs lie in the bucket.
    jobs: Place,
    order: Machines,
}

#[derive(Debug, Clone)]
struct Machines {
    instance_type: String,
    count: i32,
    volume_gb: i32,
    limit_s: i32,
    image: Option<String>,
}

impl SageMaker {
    /// Asks who is asking; nothing else yet.
    pub async fn open(cloud: Cloud, settings: &Settings) -> Result<Self, SparkError> {
        let identity = cloud.identity().await?;
        let names = Names::new(settings, &identity, cloud.region()).of_part(Part::Notebook);
        let order = Machines {
            instance_type: settings.sagemaker_instance_type.to_string(),
            count: settings.spark_instances.as_i32(),
            volume_gb: settings.sagemaker_volume_gb.as_i32(),
            limit_s: settings.spark_limit_minutes.as_i32() * 60,
            image: (*settings.sagemaker_image).clone(),
        };
        Ok(Self { jobs: folder(&names, &cloud)?, cloud, names, order })
    }

    /// What a job needs: the image that it runs, the role that it runs by, and the bucket that its files lie in.
    async fn needed(&self) -> Result<(String, String), SparkError> {
        let image = self.order.image.clone().map_or_else(|| image(self.cloud.region().as_str()), Ok)?;
        let role =
            role(&self.cloud, &self.names, "sagemaker", Some(self.names.of(Kind::NotebookRole))).await?;
        bucket_is_there(&self.jobs).await?;
        Ok((image, role))
    }

    /// What an hour costs; `None` if the type is in no table.
    pub fn hourly(&self) -> Option<f64> {
        let Machines { instance_type, count, volume_gb, .. } = &self.order;
        prices().sagemaker_hour(instance_type, count.unsigned_abs(), volume_gb.unsigned_abs())
    }
}

fn input(name: &str, from: &Place, to: &str) -> ProcessingInput {
    let files = ProcessingS3Input::builder()
        .s3_uri(from.url(""))
        .local_path(to)
        .s3_data_type(ProcessingS3DataType::S3Prefix)
        .s3_input_mode(ProcessingS3InputMode::File)
        .build();
    ProcessingInput::builder().input_name(name).s3_input(files).build()
}

fn output(name: &str, from: &str, to: &Place) -> ProcessingOutput {
    let files = ProcessingS3Output::builder()
        .s3_uri(to.url(""))
        .local_path(from)
        .s3_upload_mode(ProcessingS3UploadMode::EndOfJob)
        .build();
    ProcessingOutput::builder().output_name(name).s3_output(files).build()
}

#[async_trait]
impl Engine for SageMaker {
    fn name(&self) -> EngineName {
        EngineName::Sagemaker
    }

    async fn ready(&self) -> Result<String, SparkError> {
        let (image, role) = self.needed().await?;
        Ok(format!("runs {image} by the role {role}"))
    }

    async fn submit(&self, job: &Job, token: &str) -> Result<String, SparkError> {
        // Whatever would be refused is found before anything is written.
        job.must_be_reached(EngineName::Sagemaker)?;
        let (image, role) = self.needed().await?;
        let name = job.remote_name(token);
        let (code, out) =
            (self.jobs.within(&format!("{name}/code/")), self.jobs.within(&format!("{name}/out/")));
        let mut settings = job.settings.clone();
        settings["out"] = OUT.into();
        if tokens_to(job, &code).await? {
            settings["tokens"] = format!("file://{CODE}/tokens.txt").into();
        }
        code.put("job.py", job.script().as_bytes()).await?;
        code.put("settings.json", settings.to_string().as_bytes()).await?;
        let tag = |(key, value): (&str, &str)| Tag::builder().key(key).value(value).build();
        let cluster = ProcessingClusterConfig::builder()
            .instance_type(ProcessingInstanceType::from(self.order.instance_type.as_str()))
            .instance_count(self.order.count)
            .volume_size_in_gb(self.order.volume_gb)
            .build();
        let request = self
            .cloud
            .sagemaker
            .create_processing_job()
            .processing_job_name(&name)
            .role_arn(role)
            .app_specification(
                AppSpecification::builder()
                    .image_uri(image)
                    .container_entrypoint("smspark-submit")
                    .container_arguments(format!("{CODE}/job.py"))
                    .container_arguments(format!("{CODE}/settings.json"))
                    .build(),
            )
            .processing_inputs(input("code", &code, CODE))
            .processing_output_config(
                ProcessingOutputConfig::builder().outputs(output("out", OUT, &out)).build(),
            )
            .processing_resources(ProcessingResources::builder().cluster_config(cluster).build())
            .stopping_condition(
                ProcessingStoppingCondition::builder().max_runtime_in_seconds(self.order.limit_s).build(),
            )
            .set_tags(Some(self.names.tags().into_iter().map(tag).collect()));
        let (asked, mut pace) = (Instant::now(), pauses(ROLE_PAUSES).build());
        loop {
            match self.cloud.call(Operation::CreateProcessingJob, &name, request.clone().send()).await {
                // It was handed over before, and the answer was not heard.
                Err(error) if error.code() == Some("ResourceInUse") => return Ok(name),
                Err(error) if error.failure() == Failure::NotYetUsable && asked.elapsed() < ROLE_LIMIT => {
                    tokio::time::sleep(pace.next().unwrap_or(ROLE_PAUSES.1)).await;
                }
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(name),
            }
        }
    }

    async fn attach(&self, job: &Job, handle: &str) -> Result<Box<dyn Run>, SparkError> {
        Ok(Box::new(Running {
            cloud: self.cloud.clone(),
            name: handle.to_owned(),
            results: self.jobs.within(&format!("{handle}/out/")),
            out: job.out.clone(),
            read_to: None,
            last: None,
            cost: None,
            exit_message: None,
        }))
    }
}

/// A job that SageMaker has.
#[derive(Debug)]
struct Running {
    cloud: Cloud,
    name: String,
    results: Place,
    out: std::path::PathBuf,
    /// Until when its log was read for stages, in milliseconds.
    read_to: Option<i64>,
    last: Option<Stage>,
    cost: Option<Dollars>,
    exit_message: Option<String>,
}

fn moment(at: Option<&aws_smithy_types::DateTime>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::from_second(at.secs()).ok())
}

/// What a job has cost: its machines are paid for from their start to its end.
fn cost_so_far(job: &DescribeProcessingJobOutput, now: Timestamp) -> Option<Dollars> {
    let Some(from) = moment(job.processing_start_time.as_ref()) else { return Some(Dollars::ZERO) };
    let to = moment(job.processing_end_time.as_ref()).unwrap_or(now);
    let cluster = job.processing_resources.as_ref()?.cluster_config.as_ref()?;
    let hourly = prices().sagemaker_hour(
        cluster.instance_type.as_ref()?.as_str(),
        cluster.instance_count?.unsigned_abs(),
        cluster.volume_size_in_gb?.unsigned_abs(),
    )?;
    cost(hourly, from, to)
}

impl Running {
    async fn describe(&self) -> Result<DescribeProcessingJobOutput, SparkError> {
        let request = self.cloud.sagemaker.describe_processing_job().processing_job_name(&self.name).send();
        Ok(self.cloud.call(Operation::DescribeProcessingJob, &self.name, request).await?)
    }

    /// What its log says that fits a pattern, from a time on. A log that is not there yet says nothing.
    async fn logged(&self, pattern: &str, from: Option<i64>) -> Result<Vec<(i64, String)>, SparkError> {
        let (mut events, mut token) = (Vec::new(), None);
        for _ in 0..PAGES {
            let request = self
                .cloud
                .logs
                .filter_log_events()
                .log_group_name(SPARK_LOGS)
                .log_stream_name_prefix(&self.name)
                .filter_pattern(pattern)
                .set_start_time(from)
                .set_next_token(token)
                .send();
            let page = match self.cloud.call(Operation::FilterLogEvents, SPARK_LOGS, request).await {
                Ok(page) => page,
                Err(error) if error.is_missing() => break,
                Err(error) => return Err(error.into()),
            };
            let event = |event: aws_sdk_cloudwatchlogs::types::FilteredLogEvent| {
                Some((event.timestamp?, event.message?))
            };
            events.extend(page.events.unwrap_or_default().into_iter().filter_map(event));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(events)
    }

    /// The stages that its log tells of since the last time. The log is not worth a look that fails.
    async fn stages(&mut self) -> Vec<Stage> {
        let logged = match self.logged("\"stage\"", self.read_to).await {
            Ok(logged) => logged,
            Err(error) => {
                tracing::info!(%error, "stages were not read");
                return Vec::new();
            }
        };
        let mut stages = Vec::new();
        for (at, message) in logged {
            self.read_to = self.read_to.max(Some(at));
            let Some(stage) = Stage::of_line(&message) else { continue };
            // The last millisecond is read again, since it may not have been over.
            if self.last.as_ref().is_none_or(|last| last.stage < stage.stage) {
                self.last = Some(stage.clone());
                stages.push(stage);
            }
        }
        stages
    }

    /// Why it failed: in SageMaker's words, and in those that its log says last.
    async fn failure(&self, reason: Option<String>) -> String {
        let reason = reason.unwrap_or_else(|| "SageMaker gives no reason".to_owned());
        let logged =
            self.logged("?Exception ?Error ?SystemExit ?\"nothing\"", None).await.unwrap_or_default();
        let text: Vec<&str> = logged.iter().map(|(_, message)| message.as_str()).collect();
        match why(&text.join("\n")) {
            Some(last) if !reason.contains(&last) => format!("{reason}; its log says: {last}"),
            _ => reason,
        }
    }
}

#[async_trait]
impl Run for Running {
    async fn look(&mut self) -> Result<Seen, SparkError> {
        let job = self.describe().await?;
        self.cost = cost_so_far(&job, Timestamp::now());
        self.exit_message.clone_from(&job.exit_message);
        let has_started = job.processing_start_time.is_some();
        let stages = if has_started { self.stages().await } else { Vec::new() };
        let state = match job.processing_job_status {
            Some(ProcessingJobStatus::InProgress) if has_started => State::Running,
            Some(ProcessingJobStatus::InProgress) => {
                State::Waiting("SageMaker prepares the machines, which takes some minutes".to_owned())
            }
            Some(ProcessingJobStatus::Stopping) => State::Waiting("SageMaker ends the job".to_owned()),
            Some(ProcessingJobStatus::Completed) => State::Done,
            Some(ProcessingJobStatus::Stopped) => {
                let words = job.exit_message.or(job.failure_reason);
                State::Cancelled(words.unwrap_or_else(|| "SageMaker has stopped it".to_owned()))
            }
            Some(ProcessingJobStatus::Failed) => State::Failed(self.failure(job.failure_reason).await),
            other => {
                let status = other.map_or("none".to_owned(), |status| status.as_str().to_owned());
                State::Waiting(format!("SageMaker's status of it is {status}, which hydrant does not know"))
            }
        };
        Ok(Seen { stages, state })
    }

    async fn cancel(&mut self) -> Result<State, SparkError> {
        let request = self.cloud.sagemaker.stop_processing_job().processing_job_name(&self.name).send();
        match self.cloud.call(Operation::StopProcessingJob, &self.name, request).await {
            Ok(_) => {}
            // It has ended by itself meanwhile, which the look that follows shows.
            Err(error) if has_ended(&error) => {}
            Err(error) => return Err(error.into()),
        }
        super::follow::until_over(self).await
    }

    async fn bring(&mut self) -> Result<(), SparkError> {
        bring(EngineName::Sagemaker, &self.results, Path::new(&self.out), self.exit_message.clone()).await
    }

    fn log(&self) -> Log {
        Log::Group { group: SPARK_LOGS.to_owned(), streams: self.name.clone() }
    }

    fn cost(&self) -> Option<Dollars> {
        self.cost
    }
}

fn has_ended(error: &CloudError) -> bool {
    error.failure() == Failure::Refused && error.code() == Some("ValidationException")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_its_own_account_and_an_unknown_one_says_what_to_do() {
        let there =
            "906073651304.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py312";
        assert!(image("eu-central-1").expect("known").starts_with(there));
        assert!(image("cn-north-1").expect("known").contains(".amazonaws.com.cn/"));
        let error = image("mars-north-1").expect_err("unknown").to_string();
        assert!(error.contains("mars-north-1") && error.contains("`sagemaker_image`"), "{error}");
    }

    #[test]
    fn a_job_costs_what_its_machines_do_from_their_start_to_its_end() {
        let at = aws_smithy_types::DateTime::from_secs;
        let cluster = ProcessingClusterConfig::builder()
            .instance_type(ProcessingInstanceType::from("ml.m5.xlarge"))
            .instance_count(2)
            .volume_size_in_gb(50);
        let resources = ProcessingResources::builder().cluster_config(cluster.build()).build();
        let job = DescribeProcessingJobOutput::builder().processing_resources(resources);
        let now = Timestamp::from_second(7200).expect("a time");
        assert_eq!(cost_so_far(&job.clone().build(), now), Some(Dollars::ZERO), "it has not started");
        let started = job.processing_start_time(at(3600));
        assert_eq!(cost_so_far(&started.clone().build(), now).expect("known").to_string(), "0.4792");
        let ended = started.processing_end_time(at(5400));
        assert_eq!(cost_so_far(&ended.build(), now).expect("known").to_string(), "0.2396");
    }
}
