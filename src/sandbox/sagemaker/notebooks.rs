//! The operations on notebook instances.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::constraints::{Constraints, check_name};
use super::lifecycle::{self, ScriptLog};
use super::listing::{By, Entry, List};
use super::notebook::{Change, Notebook, STATUSES, Status};
use super::notebook_orders::{CreateNotebookInstance, UpdateNotebookInstance};
use super::{Kind, check_role, invalid, key, place_of, present};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::epoch_seconds;
use crate::sandbox::fault;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tags};
use crate::sandbox::world::World;
use crate::sandbox::{ids, logs};

/// Where lifecycle scripts log.
const LOG_GROUP: &str = "/aws/sagemaker/NotebookInstances";

/// What stands in a Jupyter server's address: on this machine, and at a port where nothing listens. There is no
/// server, and a link that someone opens must not lead to AWS.
const NOWHERE: &str = "127.0.0.1:1";

pub(super) fn create(world: &mut World, call: &Call, input: CreateNotebookInstance) -> Answer {
    input.check()?;
    let key = key(&call.place, &input.notebook_instance_name);
    let arn = Kind::Notebook.arn(&call.place, &input.notebook_instance_name);
    if world.sagemaker.notebooks.get(&key).is_some_and(|there| there.status(call.now).is_some()) {
        return Err(invalid(format!("Cannot create a duplicate Notebook Instance ({arn})")));
    }
    check_role(world, call, &input.role_arn)?;
    if let Some(config) = &input.lifecycle_config_name {
        lifecycle::find(world, &call.place, config, "describe")?;
    }
    let tags = tags::merge(&Tags::new(), &input.tags, "ValidationException")?;
    let mut notebook = input.into_notebook(tags, Change::start(world.pace, call.now, None), call.now);
    begin_start(world, call, &mut notebook, true);
    world.sagemaker.notebooks.insert(key, notebook);
    Ok(json!({ "NotebookInstanceArn": arn }).into())
}

/// Begins a start. How it ends is settled now, by the scripts as they are now.
fn begin_start(world: &World, call: &Call, notebook: &mut Notebook, first: bool) {
    let config = notebook
        .lifecycle_config_name
        .as_deref()
        .and_then(|name| world.sagemaker.lifecycle_configs.get(&key(&call.place, name)));
    let logs = config.map(|config| config.run(first)).unwrap_or_default();
    let failure = config.zip(logs.iter().find(|log| log.failed)).map(|(config, log)| {
        format!(
            "Notebook Instance Lifecycle Config '{}' for Notebook Instance '{}' failed. Please check the log stream \
             {} in the CloudWatch log group {LOG_GROUP}.",
            config.arn(&call.place),
            notebook.arn(&call.place),
            stream(notebook, log),
        )
    });
    notebook.start(world.pace, call.now, failure, logs);
}

fn stream(notebook: &Notebook, log: &ScriptLog) -> String {
    format!("{}/{}", notebook.name, log.stream)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct NotebookName {
    notebook_instance_name: String,
}

fn find<'a>(world: &'a World, call: &Call, name: &str) -> Result<(&'a Notebook, Status), Refusal> {
    check_name("notebookInstanceName", name)?;
    let there = world.sagemaker.notebooks.get(&key(&call.place, name));
    there
        .and_then(|notebook| Some((notebook, notebook.status(call.now)?)))
        .ok_or_else(|| invalid("RecordNotFound"))
}

pub(super) fn describe(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let (notebook, status) = find(world, call, &input.notebook_instance_name)?;
    let mut shown = summary(notebook, status, &call.place, call.now);
    let more = json!({
        "FailureReason": notebook.failure(call.now),
        "IpAddressType": notebook.ip_address_type,
        "SubnetId": notebook.subnet_id,
        "SecurityGroups": notebook.security_group_ids,
        "RoleArn": notebook.role_arn,
        "KmsKeyId": notebook.kms_key_id,
        "NetworkInterfaceId": notebook.network_interface_id,
        "DirectInternetAccess": notebook.direct_internet_access,
        "VolumeSizeInGB": notebook.volume_size_in_gb,
        "RootAccess": notebook.root_access,
        "PlatformIdentifier": notebook.platform_identifier,
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": notebook.minimum_metadata_version,
        },
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    Ok(present(shown).into())
}

fn summary(notebook: &Notebook, status: Status, place: &Place, now: Timestamp) -> Value {
    present(json!({
        "NotebookInstanceName": notebook.name,
        "NotebookInstanceArn": notebook.arn(place),
        "NotebookInstanceStatus": status.name(),
        "Url": format!("{NOWHERE}/{}", notebook.name),
        "InstanceType": notebook.instance_type,
        "CreationTime": epoch_seconds(notebook.created),
        "LastModifiedTime": epoch_seconds(notebook.modified(now)),
        "NotebookInstanceLifecycleConfigName": notebook.lifecycle_config_name,
        "DefaultCodeRepository": notebook.default_code_repository,
        "AdditionalCodeRepositories": notebook.additional_code_repositories,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct NotebookFilters {
    status_equals: Option<String>,
    notebook_instance_lifecycle_config_name_contains: Option<String>,
    default_code_repository_contains: Option<String>,
    additional_code_repository_equals: Option<String>,
}

impl NotebookFilters {
    fn want(&self, notebook: &Notebook, status: Status) -> bool {
        let holds = |part: &Option<String>, whole: &Option<String>| {
            part.as_deref().is_none_or(|part| whole.as_deref().is_some_and(|whole| whole.contains(part)))
        };
        self.status_equals.as_deref().is_none_or(|wanted| wanted == status.name())
            && holds(&self.notebook_instance_lifecycle_config_name_contains, &notebook.lifecycle_config_name)
            && holds(&self.default_code_repository_contains, &notebook.default_code_repository)
            && self
                .additional_code_repository_equals
                .as_ref()
                .is_none_or(|wanted| notebook.additional_code_repositories.contains(wanted))
    }
}

pub(super) fn list(world: &mut World, call: &Call, input: List<NotebookFilters>) -> Answer {
    if let Some(status) = &input.own.status_equals {
        let mut constraints = Constraints::default();
        constraints.one_of("statusEquals", status, &STATUSES);
        constraints.hold()?;
    }
    let prefix = call.place.prefix();
    let entries = world
        .sagemaker
        .notebooks
        .under(&prefix)
        .filter_map(|(_, notebook)| Some((notebook, notebook.status(call.now)?)))
        .filter(|(notebook, status)| input.own.want(notebook, *status))
        .map(|(notebook, status)| Entry {
            name: notebook.name.clone(),
            created: notebook.created,
            modified: notebook.modified(call.now),
            status: status.name(),
            summary: summary(notebook, status, &call.place, call.now),
        });
    let page = input.page(entries, &[By::Name, By::CreationTime, By::Status])?;
    Ok(present(json!({ "NotebookInstances": page.items, "NextToken": page.next })).into())
}

/// The notebook instance, to be changed to `to`: it must have one of the statuses `from`.
fn claim(world: &World, call: &Call, name: &str, from: &[Status], to: Status) -> Result<Notebook, Refusal> {
    let (notebook, status) = find(world, call, name)?;
    if from.contains(&status) {
        return Ok(notebook.clone());
    }
    let from: Vec<_> = from.iter().map(|status| status.name()).collect();
    Err(invalid(format!(
        "Status ({}) not in ([{}]). Unable to transition to ({}) for Notebook Instance ({})",
        status.name(),
        from.join(", "),
        to.name(),
        notebook.arn(&call.place),
    )))
}

/// The notebook instance is from now on like this.
fn put(world: &mut World, call: &Call, notebook: Notebook) {
    world.sagemaker.notebooks.insert(key(&call.place, &notebook.name), notebook);
}

pub(super) fn start(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let from = [Status::Stopped, Status::Failed];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Pending)?;
    begin_start(world, call, &mut notebook, false);
    put(world, call, notebook);
    Ok(Reply::empty())
}

pub(super) fn stop(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let from = [Status::InService];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Stopping)?;
    let stuck = world.faults.strikes(fault::Kind::StuckDelete, "sagemaker", "StopNotebookInstance");
    notebook.change = Change::stop(world.pace, call.now, stuck);
    put(world, call, notebook);
    Ok(Reply::empty())
}

pub(super) fn delete(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let from = [Status::Stopped, Status::Failed];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Deleting)?;
    let stuck = world.faults.strikes(fault::Kind::StuckDelete, "sagemaker", "DeleteNotebookInstance");
    notebook.change = Change::delete(world.pace, call.now, stuck);
    put(world, call, notebook);
    Ok(Reply::empty())
}

pub(super) fn update(world: &mut World, call: &Call, input: UpdateNotebookInstance) -> Answer {
    input.check()?;
    let from = [Status::Stopped];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Updating)?;
    if let Some(smaller) = input.volume_size_in_gb.filter(|size| *size < notebook.volume_size_in_gb) {
        return Err(invalid(format!(
            "The volume size of a Notebook Instance cannot be decreased: it is {} GB, {smaller} GB was requested.",
            notebook.volume_size_in_gb
        )));
    }
    if let Some(role_arn) = &input.role_arn {
        check_role(world, call, role_arn)?;
    }
    if let Some(config) = &input.lifecycle_config_name {
        lifecycle::find(world, &call.place, config, "describe")?;
    }
    input.apply(&mut notebook);
    notebook.change = Change::update(world.pace, call.now);
    put(world, call, notebook);
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreatePresignedUrl {
    notebook_instance_name: String,
    session_expiration_duration_in_seconds: Option<i64>,
}

/// How long a session lasts that does not say: half a day.
const USUAL_SESSION: i64 = 43_200;

pub(super) fn create_presigned_url(world: &mut World, call: &Call, input: CreatePresignedUrl) -> Answer {
    let session = input.session_expiration_duration_in_seconds.unwrap_or(USUAL_SESSION);
    let mut constraints = Constraints::default();
    constraints.within("sessionExpirationDurationInSeconds", session, &(1800..=43_200));
    constraints.hold()?;
    let (notebook, status) = find(world, call, &input.notebook_instance_name)?;
    if status != Status::InService {
        return Err(invalid(format!(
            "Status ({}) not in ([InService]). Unable to create a presigned URL for Notebook Instance ({})",
            status.name(),
            notebook.arn(&call.place),
        )));
    }
    let url = format!("http://{NOWHERE}/{}?authToken={}", notebook.name, ids::uuid());
    Ok(json!({ "AuthorizedUrl": url }).into())
}

/// Writes the logs of starts that are over, once; forgets the notebook instances that are gone.
pub(super) fn tick(world: &mut World, now: Timestamp) {
    let pace = world.pace;
    let can_end = ["StopNotebookInstance", "DeleteNotebookInstance"]
        .map(|operation| !world.faults.is_on(fault::Kind::StuckDelete, "sagemaker", operation));
    if can_end == [true, true] {
        let is_stuck = |notebook: &Notebook| notebook.change.is_stuck();
        world.sagemaker.notebooks.change_where(is_stuck, |notebook| notebook.change.unstick(pace, now));
    }
    world.sagemaker.notebooks.remove_where(|_, notebook| notebook.status(now).is_none());
    let due: Vec<String> = world
        .sagemaker
        .notebooks
        .iter()
        .filter(|(_, notebook)| notebook.unwritten.as_ref().is_some_and(|unwritten| unwritten.at <= now))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in due {
        let Some(notebook) = world.sagemaker.notebooks.get_mut(&key) else { continue };
        let Some(unwritten) = notebook.unwritten.take() else { continue };
        let streams: Vec<_> =
            unwritten.logs.into_iter().map(|log| (stream(notebook, &log), log.lines)).collect();
        for (stream, lines) in streams {
            logs::write(world, &place_of(&key), LOG_GROUP, &stream, true, &lines, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::refusal::Refusal;
    use crate::sandbox::sagemaker::trials::{encoded, with_role};
    use crate::sandbox::trial::Trial;

    const ROLE: &str = "arn:aws:iam::123456789012:role/notebooks";

    fn create(trial: &mut Trial, more: Value) -> Result<Value, Refusal> {
        let mut input =
            json!({ "NotebookInstanceName": "Topics", "InstanceType": "ml.t3.medium", "RoleArn": ROLE });
        if let (Value::Object(input), Value::Object(more)) = (&mut input, more) {
            input.extend(more);
        }
        trial.ask("sagemaker", "CreateNotebookInstance", input)
    }

    fn on(trial: &mut Trial, operation: &str) -> Result<Value, Refusal> {
        trial.ask("sagemaker", operation, json!({ "NotebookInstanceName": "Topics" }))
    }

    fn status(trial: &mut Trial) -> String {
        let shown = on(trial, "DescribeNotebookInstance").expect("it is there");
        shown["NotebookInstanceStatus"].as_str().expect("a status").to_owned()
    }

    fn wait(trial: &mut Trial, seconds: u64) {
        trial.wait(Duration::from_secs(seconds));
    }

    #[test]
    fn a_notebook_goes_through_its_life_at_its_own_pace() {
        let mut trial = with_role("notebooks");
        let made = create(&mut trial, json!({})).expect("made");
        let arn = "arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/topics";
        assert_eq!(made["NotebookInstanceArn"], arn);
        let mut seen = vec![status(&mut trial)];
        wait(&mut trial, 179);
        seen.push(status(&mut trial));
        wait(&mut trial, 1);
        seen.push(status(&mut trial));
        for (operation, takes) in
            [("StopNotebookInstance", 60), ("StartNotebookInstance", 180), ("StopNotebookInstance", 60)]
        {
            on(&mut trial, operation).expect(operation);
            seen.push(status(&mut trial));
            wait(&mut trial, takes);
            seen.push(status(&mut trial));
        }
        on(&mut trial, "DeleteNotebookInstance").expect("deleted");
        seen.push(status(&mut trial));
        let whole = "Pending Pending InService Stopping Stopped Pending InService Stopping Stopped Deleting";
        assert_eq!(seen.join(" "), whole);
        wait(&mut trial, 60);
        let gone = on(&mut trial, "DescribeNotebookInstance").expect_err("gone");
        assert_eq!((gone.code.as_ref(), gone.message.as_str()), ("ValidationException", "RecordNotFound"));
        assert!(create(&mut trial, json!({})).is_ok(), "its name is free again");
    }

    #[test]
    fn what_is_in_service_cannot_be_deleted_and_what_is_stopped_not_be_stopped() {
        let mut trial = with_role("notebooks");
        create(&mut trial, json!({})).expect("made");
        wait(&mut trial, 180);
        let refusal = on(&mut trial, "DeleteNotebookInstance").expect_err("in service");
        assert!(refusal.message.starts_with("Status (InService) not in ([Stopped, Failed])."), "{refusal:?}");
        on(&mut trial, "StopNotebookInstance").expect("stopping");
        let refusal = on(&mut trial, "StopNotebookInstance").expect_err("stopping already");
        assert!(refusal.message.starts_with("Status (Stopping) not in ([InService])."), "{refusal:?}");
        assert!(on(&mut trial, "StartNotebookInstance").is_err());
    }

    #[test]
    fn a_name_is_taken_until_its_notebook_is_gone_whatever_its_case() {
        let mut trial = with_role("notebooks");
        create(&mut trial, json!({})).expect("made");
        let refusal = create(&mut trial, json!({ "NotebookInstanceName": "tOPICS" })).expect_err("taken");
        assert!(
            refusal.message.starts_with("Cannot create a duplicate Notebook Instance (arn:"),
            "{refusal:?}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_is_made() {
        let mut trial = with_role("notebooks");
        for wrong in [
            json!({ "NotebookInstanceName": "under_score" }),
            json!({ "InstanceType": "t3.medium" }),
            json!({ "InstanceType": "ml.t3.huge" }),
            json!({ "VolumeSizeInGB": 4 }),
            json!({ "VolumeSizeInGB": 16_385 }),
            json!({ "PlatformIdentifier": "notebook-al3-v1" }),
            json!({ "RoleArn": "notebooks" }),
            json!({ "DirectInternetAccess": "Disabled" }),
            json!({ "SecurityGroupIds": ["sg-1"] }),
            json!({ "LifecycleConfigName": "none" }),
            json!({ "DefaultCodeRepository": "stored" }),
            json!({ "InstanceMetadataServiceConfiguration": { "MinimumInstanceMetadataServiceVersion": "3" } }),
            json!({ "AcceleratorTypes": ["ml.eia1.medium"] }),
            json!({ "Tags": [{ "Key": "aws:mine", "Value": "" }] }),
        ] {
            let refusal = create(&mut trial, wrong.clone()).expect_err(&wrong.to_string());
            assert_eq!(refusal.code, "ValidationException", "{wrong}");
        }
        let listed = trial.ask("sagemaker", "ListNotebookInstances", json!({})).expect("a list");
        assert_eq!(listed, json!({ "NotebookInstances": [] }));
    }

    #[test]
    fn only_a_stopped_notebook_is_updated_and_its_volume_never_shrinks() {
        let mut trial = with_role("notebooks");
        create(&mut trial, json!({ "VolumeSizeInGB": 20 })).expect("made");
        wait(&mut trial, 180);
        let update = |trial: &mut Trial, size: i64| {
            let input = json!({ "NotebookInstanceName": "Topics", "VolumeSizeInGB": size });
            trial.ask("sagemaker", "UpdateNotebookInstance", input)
        };
        assert!(update(&mut trial, 30).is_err(), "in service");
        on(&mut trial, "StopNotebookInstance").expect("stopping");
        wait(&mut trial, 60);
        assert!(update(&mut trial, 10).is_err(), "smaller");
        update(&mut trial, 30).expect("updating");
        assert_eq!(status(&mut trial), "Updating");
        wait(&mut trial, 30);
        let shown = on(&mut trial, "DescribeNotebookInstance").expect("there");
        assert_eq!(
            (&shown["VolumeSizeInGB"], &shown["NotebookInstanceStatus"]),
            (&json!(30), &json!("Stopped"))
        );
    }

    #[test]
    fn a_script_that_fails_makes_the_start_fail_until_it_is_mended() {
        let mut trial = with_role("notebooks");
        let config = |script: &str| {
            let hook = json!([{ "Content": encoded(script) }]);
            json!({ "NotebookInstanceLifecycleConfigName": "setup", "OnStart": hook })
        };
        let broken = config("#!/bin/bash\necho begin\nexit 1\n");
        trial.ask("sagemaker", "CreateNotebookInstanceLifecycleConfig", broken).expect("made");
        create(&mut trial, json!({ "LifecycleConfigName": "setup" })).expect("made");
        assert_eq!(status(&mut trial), "Pending");
        wait(&mut trial, 180);
        let shown = on(&mut trial, "DescribeNotebookInstance").expect("there");
        assert_eq!(shown["NotebookInstanceStatus"], "Failed");
        let reason = shown["FailureReason"].as_str().expect("a reason");
        assert!(
            reason.contains("lifecycle-config/setup") && reason.contains("Topics/LifecycleConfigOnStart")
        );
        trial
            .ask("sagemaker", "UpdateNotebookInstanceLifecycleConfig", config("echo fine\n"))
            .expect("mended");
        on(&mut trial, "StartNotebookInstance").expect("started again");
        wait(&mut trial, 180);
        let shown = on(&mut trial, "DescribeNotebookInstance").expect("there");
        assert_eq!(shown["NotebookInstanceStatus"], "InService");
        assert!(shown.get("FailureReason").is_none());
    }

    #[test]
    fn a_log_is_due_once_when_a_start_is_over() {
        let mut trial = with_role("notebooks");
        let config = json!({
            "NotebookInstanceLifecycleConfigName": "setup", "OnStart": [{ "Content": encoded("echo fine") }],
        });
        trial.ask("sagemaker", "CreateNotebookInstanceLifecycleConfig", config).expect("made");
        create(&mut trial, json!({ "LifecycleConfigName": "setup" })).expect("made");
        let due = |trial: &Trial| {
            let mut rows = trial.world.sagemaker.notebooks.iter();
            rows.next().expect("a notebook").1.unwritten.is_some()
        };
        wait(&mut trial, 179);
        assert!(due(&trial));
        wait(&mut trial, 1);
        assert!(!due(&trial));
    }

    #[test]
    fn a_link_is_given_only_in_service_and_leads_nowhere_else() {
        let mut trial = with_role("notebooks");
        create(&mut trial, json!({})).expect("made");
        assert!(on(&mut trial, "CreatePresignedNotebookInstanceUrl").is_err());
        wait(&mut trial, 180);
        let link = |trial: &mut Trial| on(trial, "CreatePresignedNotebookInstanceUrl").expect("a link");
        let (first, second) = (link(&mut trial), link(&mut trial));
        let url = first["AuthorizedUrl"].as_str().expect("a URL");
        assert!(url.starts_with("http://127.0.0.1:") && url.contains("authToken="), "{url}");
        assert_ne!(first, second);
    }

    #[test]
    fn a_security_group_is_used_until_its_notebook_is_gone() {
        let mut trial = with_role("notebooks");
        create(&mut trial, json!({ "SubnetId": "subnet-1", "SecurityGroupIds": ["sg-1"] })).expect("made");
        let shown = on(&mut trial, "DescribeNotebookInstance").expect("there");
        assert!(shown["NetworkInterfaceId"].as_str().expect("an interface").starts_with("eni-"));
        let place = Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        let used = |trial: &Trial| {
            crate::sandbox::sagemaker::uses_security_group(&trial.world, &place, "sg-1", trial.now)
        };
        wait(&mut trial, 180);
        on(&mut trial, "StopNotebookInstance").expect("stopping");
        wait(&mut trial, 60);
        on(&mut trial, "DeleteNotebookInstance").expect("deleting");
        assert!(used(&trial));
        wait(&mut trial, 60);
        assert!(!used(&trial));
    }

    #[test]
    fn a_stuck_deletion_never_ends() {
        let mut trial = with_role("notebooks");
        create(&mut trial, json!({})).expect("made");
        wait(&mut trial, 180);
        on(&mut trial, "StopNotebookInstance").expect("stopping");
        wait(&mut trial, 60);
        trial.world.faults.set(["stuck-delete:sagemaker".parse().expect("a fault")]);
        on(&mut trial, "DeleteNotebookInstance").expect("deleting");
        wait(&mut trial, 86_400);
        assert_eq!(status(&mut trial), "Deleting");
    }

    #[test]
    fn a_role_of_another_account_cannot_be_passed() {
        let mut trial = with_role("notebooks");
        let foreign = json!({ "RoleArn": "arn:aws:iam::999999999999:role/notebooks" });
        assert_eq!(create(&mut trial, foreign).expect_err("foreign").code, "AccessDeniedException");
    }
}
