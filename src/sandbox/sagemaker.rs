//! SageMaker: notebook instances, their lifecycle configurations, and processing jobs.
//!
//! Nothing of them runs. What they show is derived from when their last change began and when it is over, so that it
//! goes on through a restart. Two rules are the sandbox's own, for practising what goes wrong: a lifecycle script that
//! has the line `exit 1` makes a start fail, and so does an image with `fail` in its name make a processing job fail.
//! The fault `hold-job` keeps processing jobs running until it is taken away, and `fail-job` makes them fail.

mod constraints;
mod instance_types;
mod job;
mod job_order;
mod jobs;
mod lifecycle;
mod listing;
mod notebook;
mod notebook_orders;
mod notebooks;
mod tags;
#[cfg(test)]
mod trials;

use jiff::Timestamp;
use serde_json::Value;

use super::call::{Call, Place};
use super::iam;
use super::operation::operations;
use super::refusal::Refusal;
use super::store::{Kept, Table};
use super::tags::{Tagged, Tags};
use super::world::World;
use job::Job;
use lifecycle::LifecycleConfig;
use notebook::Notebook;

/// What SageMaker holds.
#[derive(Debug)]
pub(crate) struct State {
    notebooks: Table<Notebook>,
    lifecycle_configs: Table<LifecycleConfig>,
    jobs: Table<Job>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            notebooks: Table::new("sagemaker/notebook-instances"),
            lifecycle_configs: Table::new("sagemaker/lifecycle-configs"),
            jobs: Table::new("sagemaker/processing-jobs"),
        }
    }
}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        vec![&mut self.notebooks, &mut self.lifecycle_configs, &mut self.jobs]
    }
}

operations! {
    CreateNotebookInstance => notebooks::create, on on_notebook;
    DescribeNotebookInstance => notebooks::describe, on on_notebook;
    ListNotebookInstances => notebooks::list;
    StartNotebookInstance => notebooks::start, on on_notebook;
    StopNotebookInstance => notebooks::stop, on on_notebook;
    UpdateNotebookInstance => notebooks::update, on on_notebook;
    DeleteNotebookInstance => notebooks::delete, on on_notebook;
    CreatePresignedNotebookInstanceUrl => notebooks::create_presigned_url, on on_notebook;
    CreateNotebookInstanceLifecycleConfig => lifecycle::create, on on_lifecycle_config;
    DescribeNotebookInstanceLifecycleConfig => lifecycle::describe, on on_lifecycle_config;
    ListNotebookInstanceLifecycleConfigs => lifecycle::list;
    UpdateNotebookInstanceLifecycleConfig => lifecycle::update, on on_lifecycle_config;
    DeleteNotebookInstanceLifecycleConfig => lifecycle::delete, on on_lifecycle_config;
    CreateProcessingJob => jobs::create, on on_job;
    DescribeProcessingJob => jobs::describe, on on_job;
    ListProcessingJobs => jobs::list;
    StopProcessingJob => jobs::stop, on on_job;
    AddTags => tags::add, on on_resource;
    ListTags => tags::list, on on_resource;
    DeleteTags => tags::delete, on on_resource;
}

fn on_notebook(call: &Call, input: &Value) -> String {
    Kind::Notebook.arn_in(call, input, "NotebookInstanceName")
}

fn on_lifecycle_config(call: &Call, input: &Value) -> String {
    Kind::LifecycleConfig.arn_in(call, input, "NotebookInstanceLifecycleConfigName")
}

fn on_job(call: &Call, input: &Value) -> String {
    Kind::Job.arn_in(call, input, "ProcessingJobName")
}

fn on_resource(_: &Call, input: &Value) -> String {
    input.get("ResourceArn").and_then(Value::as_str).unwrap_or("*").to_owned()
}

/// The kinds of things that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Notebook,
    LifecycleConfig,
    Job,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Notebook, Self::LifecycleConfig, Self::Job];

    /// As ARNs name it.
    const fn name(self) -> &'static str {
        match self {
            Self::Notebook => "notebook-instance",
            Self::LifecycleConfig => "notebook-instance-lifecycle-config",
            Self::Job => "processing-job",
        }
    }

    /// ARNs have names in lower case, whatever case they were given in.
    fn arn(self, place: &Place, name: &str) -> String {
        place.arn("sagemaker", &format!("{}/{}", self.name(), name.to_lowercase()))
    }

    fn arn_in(self, call: &Call, input: &Value, member: &str) -> String {
        self.arn(&call.place, input.get(member).and_then(Value::as_str).unwrap_or("*"))
    }
}

/// The key of a row. Two names that differ only in case have one ARN, so they are one thing.
fn key(place: &Place, name: &str) -> String {
    place.key(&name.to_lowercase())
}

/// The place in a row's key.
fn place_of(key: &str) -> Place {
    let mut parts = key.splitn(3, '/').map(ToOwned::to_owned);
    Place { account: parts.next().unwrap_or_default(), region: parts.next().unwrap_or_default() }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// A document without the members that have no value: AWS leaves them out.
fn present(mut document: Value) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    document
}

/// The account and the name in a role's ARN.
fn role_parts(arn: &str) -> Option<(&str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, name) = rest.split_once(":role/")?;
    partition.starts_with("aws").then_some((account, name))
}

/// Whether the caller may hand the role to SageMaker, and SageMaker may take it.
fn check_role(world: &World, call: &Call, role_arn: &str) -> Result<(), Refusal> {
    if role_parts(role_arn).is_none_or(|(account, _)| account != call.place.account) {
        return Err(Refusal::new("AccessDeniedException", "Cross-account pass role is not allowed."));
    }
    iam::authorize(world, &call.caller, "iam:PassRole", role_arn, call.now)
        .map_err(|_| iam::denial(call, "iam:PassRole", role_arn))?;
    let who = iam::Assumer::Service { name: "sagemaker.amazonaws.com", account: call.place.account.clone() };
    iam::may_assume(world, role_arn, &who, call.now).map_err(|_| {
        invalid(format!(
            "Could not assume role {role_arn}. Please ensure that the role exists and allows principal \
             'sagemaker.amazonaws.com' to assume the role."
        ))
    })
}

/// Writes the logs that are due, and forgets the notebooks that are gone.
pub(crate) fn tick(world: &mut World, now: Timestamp) {
    notebooks::tick(world, now);
    jobs::tick(world, now);
}

/// The tagged things of a place.
pub(crate) fn tagged(world: &World, place: &Place) -> Vec<Tagged> {
    let (state, prefix) = (&world.sagemaker, place.prefix());
    let notebooks = state.notebooks.under(&prefix).map(|(_, row)| (Kind::Notebook, &row.name, &row.tags));
    let configs =
        state.lifecycle_configs.under(&prefix).map(|(_, row)| (Kind::LifecycleConfig, &row.name, &row.tags));
    let jobs =
        state.jobs.under(&prefix).map(|(_, row)| (Kind::Job, &row.order.processing_job_name, &row.tags));
    let of = |(kind, name, tags): (Kind, &String, &Tags)| Tagged {
        arn: kind.arn(place, name),
        tags: tags.clone(),
    };
    notebooks.chain(configs).chain(jobs).filter(|(_, _, tags)| !tags.is_empty()).map(of).collect()
}

/// Whether a network interface of SageMaker's uses a security group: such a group cannot be deleted.
pub(crate) fn uses_security_group(world: &World, place: &Place, group_id: &str, now: Timestamp) -> bool {
    let (state, prefix) = (&world.sagemaker, place.prefix());
    let mut notebooks = state.notebooks.under(&prefix);
    let mut jobs = state.jobs.under(&prefix);
    notebooks.any(|(_, notebook)| {
        notebook.status(now).is_some() && notebook.security_group_ids.iter().any(|id| id == group_id)
    }) || jobs
        .any(|(_, job)| !job.is_over(now) && job.order.security_group_ids().iter().any(|id| id == group_id))
}
