//! The operations on processing jobs.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::constraints::{Constraints, check_name};
use super::job::{Course, Job, Logged, Status};
use super::job_order::{App, Order};
use super::listing::{By, Entry, List};
use super::{Kind, check_role, invalid, key, place_of, present};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::epoch_seconds;
use crate::sandbox::fault;
use crate::sandbox::logs;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tags};
use crate::sandbox::world::World;

/// Where jobs log.
const LOG_GROUP: &str = "/aws/sagemaker/ProcessingJobs";

/// Takes an order. The container is not run, and nothing is written: the job completes after its time, fails if the
/// image's name (what comes after the last slash of its URI) has `fail` in it or the fault `fail-job` is on, or goes on
/// until the fault `hold-job` is taken away.
pub(super) fn create(world: &mut World, call: &Call, mut order: Order) -> Answer {
    order.check()?;
    let key = key(&call.place, &order.processing_job_name);
    let arn = Kind::Job.arn(&call.place, &order.processing_job_name);
    if world.sagemaker.jobs.contains(&key) {
        return Err(Refusal::new(
            "ResourceInUse",
            format!(
                "Job name must be unique within an AWS account and region, and a job with this name already exists \
                 ({arn})"
            ),
        ));
    }
    check_role(world, call, &order.role_arn)?;
    let tags = tags::merge(&Tags::new(), &std::mem::take(&mut order.tags), "ValidationException")?;
    let struck = |world: &mut World, kind| world.faults.strikes(kind, "sagemaker", "CreateProcessingJob");
    let course = if struck(world, fault::Kind::HoldJob) {
        Course::Held
    } else if struck(world, fault::Kind::FailJob) || order.app_specification.fails() {
        Course::Fails
    } else {
        Course::Completes
    };
    world.sagemaker.jobs.insert(key, Job::begin(order, tags, course, world.pace, call.now));
    Ok(json!({ "ProcessingJobArn": arn }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct JobName {
    processing_job_name: String,
}

fn find<'a>(world: &'a World, call: &Call, name: &str) -> Result<&'a Job, Refusal> {
    check_name("processingJobName", name)?;
    world.sagemaker.jobs.get(&key(&call.place, name)).ok_or_else(|| {
        // The model promises `ResourceNotFound`; what AWS answers, and what its own waiters wait for, is this.
        Refusal::new("ValidationException", format!("Could not find requested job with name: {name}"))
    })
}

pub(super) fn describe(world: &mut World, call: &Call, input: JobName) -> Answer {
    let job = find(world, call, &input.processing_job_name)?;
    let mut shown = summary(job, &call.place, call.now);
    let order = serde_json::to_value(&job.order).expect("an order is plain data with text as keys");
    if let (Value::Object(shown), Value::Object(order)) = (&mut shown, order) {
        shown.extend(order);
    }
    shown["ProcessingStartTime"] = json!(job.started(call.now).map(epoch_seconds));
    Ok(present(shown).into())
}

fn summary(job: &Job, place: &Place, now: Timestamp) -> Value {
    let name = &job.order.processing_job_name;
    present(json!({
        "ProcessingJobName": name,
        "ProcessingJobArn": Kind::Job.arn(place, name),
        "CreationTime": epoch_seconds(job.created),
        "ProcessingEndTime": job.ended(now).map(epoch_seconds),
        "LastModifiedTime": epoch_seconds(job.modified(now)),
        "ProcessingJobStatus": job.status(now).name(),
        "FailureReason": job.failure(now),
        "ExitMessage": job.exit_message(now),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct JobFilters {
    status_equals: Option<String>,
}

pub(super) fn list(world: &mut World, call: &Call, input: List<JobFilters>) -> Answer {
    let wanted = input.own.status_equals.as_deref();
    if let Some(status) = wanted {
        let mut constraints = Constraints::default();
        constraints.one_of("statusEquals", status, &Status::ALL.map(Status::name));
        constraints.hold()?;
    }
    let prefix = call.place.prefix();
    let entries = world
        .sagemaker
        .jobs
        .under(&prefix)
        .map(|(_, job)| Entry {
            name: job.order.processing_job_name.clone(),
            created: job.created,
            modified: job.modified(call.now),
            status: job.status(call.now).name(),
            summary: summary(job, &call.place, call.now),
        })
        .filter(|entry| wanted.is_none_or(|wanted| wanted == entry.status));
    let page = input.page(entries, &[By::CreationTime, By::Name, By::Status])?;
    Ok(present(json!({ "ProcessingJobSummaries": page.items, "NextToken": page.next })).into())
}

/// Asking again while it stops changes nothing.
pub(super) fn stop(world: &mut World, call: &Call, input: JobName) -> Answer {
    let job = find(world, call, &input.processing_job_name)?;
    match job.status(call.now) {
        Status::InProgress => {}
        Status::Stopping => return Ok(Reply::empty()),
        over @ (Status::Completed | Status::Failed | Status::Stopped) => {
            return Err(invalid(format!(
                "The request was rejected because the processing job is in status {}.",
                over.name()
            )));
        }
    }
    let stuck = world.faults.strikes(fault::Kind::StuckDelete, "sagemaker", "StopProcessingJob");
    let pace = world.pace;
    let job = world.sagemaker.jobs.get_mut(&key(&call.place, &input.processing_job_name));
    job.expect("it was found").stop(pace, call.now, stuck);
    Ok(Reply::empty())
}

/// Writes what jobs that have started or ended since would have logged.
pub(super) fn tick(world: &mut World, now: Timestamp) {
    let_go(world, now);
    let due: Vec<String> = world
        .sagemaker
        .jobs
        .iter()
        .filter(|(_, job)| job.logged < due_log(job, now))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in due {
        let Some(job) = world.sagemaker.jobs.get_mut(&key) else { continue };
        let before = job.logged;
        job.logged = due_log(job, now);
        let (stream, mut lines) = (job.log_stream(), Vec::new());
        if before == Logged::Nothing {
            let App { image_uri, container_arguments, .. } = &job.order.app_specification;
            lines.push(format!("hydrant sandbox: {image_uri} would run now"));
            lines.push(format!("arguments: {}", container_arguments.join(" ")));
        }
        if job.logged == Logged::Whole {
            lines.push(format!("hydrant sandbox: the job is {}", job.status(now).name()));
        }
        logs::write(world, &place_of(&key), LOG_GROUP, &stream, true, &lines, now);
    }
}

/// Lets go of the jobs that were held, or whose stop was stuck, once the fault is taken away.
fn let_go(world: &mut World, now: Timestamp) {
    let pace = world.pace;
    if !world.faults.is_on(fault::Kind::StuckDelete, "sagemaker", "StopProcessingJob") {
        world.sagemaker.jobs.change_where(Job::is_stuck, |job| job.unstick(pace, now));
    }
    if world.faults.is_on(fault::Kind::HoldJob, "sagemaker", "CreateProcessingJob") {
        return;
    }
    let fails = world.faults.is_on(fault::Kind::FailJob, "sagemaker", "CreateProcessingJob");
    let held: Vec<String> =
        world.sagemaker.jobs.iter().filter(|(_, job)| job.is_held()).map(|(key, _)| key.to_owned()).collect();
    for key in held {
        let Some(job) = world.sagemaker.jobs.get_mut(&key) else { continue };
        let fails = fails || job.order.app_specification.fails();
        job.let_go(if fails { Course::Fails } else { Course::Completes }, now);
    }
}

/// How much of a job's log must be written by now: nothing of one that never started.
fn due_log(job: &Job, now: Timestamp) -> Logged {
    match (job.started(now), job.is_over(now)) {
        (None, _) => Logged::Nothing,
        (Some(_), false) => Logged::Start,
        (Some(_), true) => Logged::Whole,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::sagemaker::trials::with_role;
    use crate::sandbox::trial::Trial;

    const IMAGE: &str = "173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3.5";

    fn order(image: &str) -> Value {
        json!({
            "ProcessingJobName": "Topics-1",
            "RoleArn": "arn:aws:iam::123456789012:role/jobs",
            "AppSpecification": { "ImageUri": image, "ContainerArguments": ["--day", "2026-11-20"] },
            "ProcessingResources": {
                "ClusterConfig": { "InstanceCount": 2, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30 },
            },
            "ProcessingInputs": [{
                "InputName": "code",
                "S3Input": {
                    "S3Uri": "s3://posts/code", "S3DataType": "S3Prefix",
                    "LocalPath": "/opt/ml/processing/input/code",
                },
            }],
            "Environment": { "DAY": "1" },
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut order = order(IMAGE);
        *order.pointer_mut(pointer).expect(pointer) = value;
        order
    }

    fn describe(trial: &mut Trial) -> Value {
        let name = json!({ "ProcessingJobName": "Topics-1" });
        trial.ask("sagemaker", "DescribeProcessingJob", name).expect("there")
    }

    fn stop(trial: &mut Trial) -> Result<Value, Refusal> {
        trial.ask("sagemaker", "StopProcessingJob", json!({ "ProcessingJobName": "Topics-1" }))
    }

    #[test]
    fn a_job_completes_and_shows_what_was_ordered() {
        let mut trial = with_role("jobs");
        trial.ask("sagemaker", "CreateProcessingJob", order(IMAGE)).expect("taken");
        let early = describe(&mut trial);
        assert_eq!(early["ProcessingJobStatus"], "InProgress");
        assert!(early.get("ProcessingStartTime").is_none());
        trial.wait(Duration::from_secs(100));
        assert!(describe(&mut trial)["ProcessingStartTime"].is_number());
        trial.wait(Duration::from_secs(140));
        let done = describe(&mut trial);
        assert_eq!(done["ProcessingJobStatus"], "Completed");
        assert!(done["ProcessingEndTime"].is_number() && done["ExitMessage"].is_string());
        for member in
            ["ProcessingInputs", "ProcessingResources", "AppSpecification", "Environment", "RoleArn"]
        {
            let (given, shown) = (&order(IMAGE)[member], &done[member]);
            let kept = given == shown || member == "ProcessingInputs" && shown[0]["InputName"] == "code";
            assert!(kept, "{member}: {shown}");
        }
    }

    #[test]
    fn an_image_whose_name_says_so_fails() {
        let mut trial = with_role("jobs");
        trial.ask("sagemaker", "CreateProcessingJob", order("failing.example/spark-fail:1")).expect("taken");
        trial.wait(Duration::from_mins(4));
        let done = describe(&mut trial);
        assert_eq!(done["ProcessingJobStatus"], "Failed");
        assert!(done["FailureReason"].as_str().expect("a reason").contains("exit code: 1"));
    }

    #[test]
    fn a_job_that_is_held_goes_on_until_it_is_let_go_and_a_stop_that_is_stuck_for_ever() {
        let mut trial = with_role("jobs");
        trial.world.faults.set(["hold-job".parse().expect("a fault")]);
        trial.ask("sagemaker", "CreateProcessingJob", order(IMAGE)).expect("taken");
        trial.wait(Duration::from_hours(1));
        assert_eq!(describe(&mut trial)["ProcessingJobStatus"], "InProgress");
        let faults = ["fail-job", "stuck-delete:sagemaker.StopProcessingJob"];
        trial.world.faults.set(faults.map(|fault| fault.parse().expect("a fault")));
        trial.wait(Duration::from_secs(1));
        assert_eq!(describe(&mut trial)["ProcessingJobStatus"], "Failed");
        let mut second = order(IMAGE);
        second["ProcessingJobName"] = json!("Topics-2");
        trial.ask("sagemaker", "CreateProcessingJob", second).expect("taken");
        let name = json!({ "ProcessingJobName": "Topics-2" });
        trial.ask("sagemaker", "StopProcessingJob", name.clone()).expect("stopping");
        trial.wait(Duration::from_hours(1));
        let stuck = trial.ask("sagemaker", "DescribeProcessingJob", name).expect("there");
        assert_eq!(stuck["ProcessingJobStatus"], "Stopping");
    }

    #[test]
    fn a_name_is_taken_for_ever() {
        let mut trial = with_role("jobs");
        trial.ask("sagemaker", "CreateProcessingJob", order(IMAGE)).expect("taken");
        trial.wait(Duration::from_hours(1));
        assert_eq!(trial.refused("sagemaker", "CreateProcessingJob", order(IMAGE)), "ResourceInUse");
    }

    #[test]
    fn a_job_is_stopped_in_its_time_and_a_finished_one_not_at_all() {
        let mut trial = with_role("jobs");
        trial.ask("sagemaker", "CreateProcessingJob", order(IMAGE)).expect("taken");
        stop(&mut trial).expect("stopping");
        stop(&mut trial).expect("asked again");
        assert_eq!(describe(&mut trial)["ProcessingJobStatus"], "Stopping");
        trial.wait(Duration::from_secs(30));
        let stopped = describe(&mut trial);
        assert_eq!(stopped["ProcessingJobStatus"], "Stopped");
        assert!(stopped["ProcessingEndTime"].is_number() && stopped.get("ProcessingStartTime").is_none());
        assert_eq!(stop(&mut trial).expect_err("over").code, "ValidationException");
        let name = json!({ "ProcessingJobName": "none" });
        assert_eq!(trial.refused("sagemaker", "StopProcessingJob", name), "ValidationException");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut trial = with_role("jobs");
        let input = order(IMAGE)["ProcessingInputs"][0].clone();
        let long = "x".repeat(257);
        for wrong in [
            with("/ProcessingJobName", json!("-topics")),
            with("/ProcessingInputs", json!(vec![input.clone(); 11])),
            with("/ProcessingInputs", json!(vec![input; 2])),
            with("/ProcessingInputs/0/S3Input/S3Uri", json!("posts/code")),
            with("/ProcessingInputs/0/S3Input/LocalPath", json!("/tmp")),
            with("/ProcessingInputs/0/S3Input/S3DataType", json!("File")),
            with("/AppSpecification/ContainerArguments", json!(vec!["x"; 101])),
            with("/AppSpecification/ContainerArguments", json!([long])),
            with("/Environment", json!({ "1DAY": "x" })),
            with("/ProcessingResources/ClusterConfig/InstanceCount", json!(101)),
            with("/ProcessingResources/ClusterConfig/InstanceType", json!("m5.xlarge")),
            with("/ProcessingResources/ClusterConfig/VolumeSizeInGB", json!(0)),
        ] {
            let code = trial.refused("sagemaker", "CreateProcessingJob", wrong.clone());
            assert_eq!(code, "ValidationException", "{wrong}");
        }
    }

    #[test]
    fn lists_are_filtered_by_status() {
        let mut trial = with_role("jobs");
        trial.ask("sagemaker", "CreateProcessingJob", order(IMAGE)).expect("taken");
        let count = |trial: &mut Trial, status: &str| {
            let listed = trial.ask("sagemaker", "ListProcessingJobs", json!({ "StatusEquals": status }));
            listed.expect("a list")["ProcessingJobSummaries"].as_array().expect("a list").len()
        };
        assert_eq!((count(&mut trial, "InProgress"), count(&mut trial, "Completed")), (1, 0));
        trial.wait(Duration::from_mins(4));
        assert_eq!((count(&mut trial, "InProgress"), count(&mut trial, "Completed")), (0, 1));
    }
}
