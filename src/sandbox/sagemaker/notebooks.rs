//! The operations on notebook instances.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::constraints::{Constraints, check_name};
use super::lifecycle::{self, ScriptLog};
use super::listing::{By, Entry, List};
use super::notebook::{Change, Notebook, STATUSES, Status, Unwritten};
use super::{Kind, check_role, instance_types, invalid, key, place_of, present};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::epoch_seconds;
use crate::sandbox::fault;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tag, Tags};
use crate::sandbox::world::World;
use crate::sandbox::{ids, logs};

/// Where lifecycle scripts log.
const LOG_GROUP: &str = "/aws/sagemaker/NotebookInstances";

/// What stands in a Jupyter server's address: on this machine, and at a port where nothing listens. There is no
/// server, and a link that someone opens must not lead to AWS.
const NOWHERE: &str = "127.0.0.1:1";

const SWITCH: [&str; 2] = ["Enabled", "Disabled"];
const IP_ADDRESS_TYPES: [&str; 2] = ["ipv4", "dualstack"];
const PLATFORMS: [&str; 6] = [
    "notebook-al1-v1",
    "notebook-al2-v1",
    "notebook-al2-v2",
    "notebook-al2-v3",
    "notebook-al2023-v1",
    "notebook-al2023-v2",
];
const USUAL_PLATFORM: &str = "notebook-al2023-v1";
/// In gigabytes.
const USUAL_VOLUME: i64 = 5;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetadataService {
    minimum_instance_metadata_service_version: String,
}

/// What both making and updating a notebook instance may say.
#[derive(Debug, Default)]
struct Said<'a> {
    instance_type: Option<&'a str>,
    role_arn: Option<&'a str>,
    ip_address_type: Option<&'a str>,
    volume_size_in_gb: Option<i64>,
    default_code_repository: Option<&'a str>,
    additional_code_repositories: &'a [String],
    root_access: Option<&'a str>,
    platform_identifier: Option<&'a str>,
    metadata_service: Option<&'a MetadataService>,
}

impl Said<'_> {
    fn check(&self, constraints: &mut Constraints) {
        if let Some(instance_type) = self.instance_type {
            let known: Vec<String> = instance_types::names(instance_types::NOTEBOOK).collect();
            constraints.one_of("instanceType", instance_type, &known);
        }
        if let Some(role_arn) = self.role_arn {
            constraints.role(role_arn);
        }
        if let Some(ip_address_type) = self.ip_address_type {
            constraints.one_of("ipAddressType", ip_address_type, &IP_ADDRESS_TYPES);
        }
        if let Some(size) = self.volume_size_in_gb {
            constraints.within("volumeSizeInGB", size, &(USUAL_VOLUME..=16_384));
        }
        if let Some(root_access) = self.root_access {
            constraints.one_of("rootAccess", root_access, &SWITCH);
        }
        if let Some(platform) = self.platform_identifier {
            let pattern = format!("^({})$", PLATFORMS.join("|"));
            constraints.pattern(PLATFORMS.contains(&platform), "platformIdentifier", platform, &pattern);
        }
        if let Some(service) = self.metadata_service {
            let version = service.minimum_instance_metadata_service_version.as_str();
            let member = "instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion";
            constraints.pattern(["1", "2"].contains(&version), member, version, "1|2");
        }
        constraints.at_most("additionalCodeRepositories", self.additional_code_repositories.len(), 3);
    }

    /// A code repository is given by its address, or by the name of one that the account has stored: none is.
    fn check_repositories(&self) -> Result<(), Refusal> {
        let additional = self.additional_code_repositories.iter().map(String::as_str);
        match self
            .default_code_repository
            .into_iter()
            .chain(additional)
            .find(|it| !it.starts_with("https://"))
        {
            None => Ok(()),
            Some(name) => Err(invalid(format!("Could not find code repository '{name}'."))),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateNotebookInstance {
    notebook_instance_name: String,
    instance_type: String,
    role_arn: String,
    subnet_id: Option<String>,
    #[serde(default)]
    security_group_ids: Vec<String>,
    ip_address_type: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    lifecycle_config_name: Option<String>,
    direct_internet_access: Option<String>,
    #[serde(rename = "VolumeSizeInGB")]
    volume_size_in_gb: Option<i64>,
    default_code_repository: Option<String>,
    #[serde(default)]
    additional_code_repositories: Vec<String>,
    root_access: Option<String>,
    platform_identifier: Option<String>,
    instance_metadata_service_configuration: Option<MetadataService>,
}

impl CreateNotebookInstance {
    fn check(&self) -> Result<(), Refusal> {
        let mut constraints = Constraints::default();
        constraints.name("notebookInstanceName", &self.notebook_instance_name);
        let said = self.said();
        said.check(&mut constraints);
        if let Some(subnet_id) = &self.subnet_id {
            constraints.id("subnetId", subnet_id);
        }
        constraints.at_most("securityGroupIds", self.security_group_ids.len(), 5);
        for (index, id) in self.security_group_ids.iter().enumerate() {
            constraints.id(&format!("securityGroupIds.{}.member", index + 1), id);
        }
        if let Some(access) = &self.direct_internet_access {
            constraints.one_of("directInternetAccess", access, &SWITCH);
        }
        constraints.hold()?;
        said.check_repositories()?;
        if self.subnet_id.is_none() && !self.security_group_ids.is_empty() {
            return Err(invalid("Security groups can be specified only together with a subnet."));
        }
        if self.subnet_id.is_none() && self.direct_internet_access.as_deref() == Some("Disabled") {
            return Err(invalid("Direct internet access can be disabled only if a subnet is specified."));
        }
        Ok(())
    }

    fn said(&self) -> Said<'_> {
        Said {
            instance_type: Some(&self.instance_type),
            role_arn: Some(&self.role_arn),
            ip_address_type: self.ip_address_type.as_deref(),
            volume_size_in_gb: self.volume_size_in_gb,
            default_code_repository: self.default_code_repository.as_deref(),
            additional_code_repositories: &self.additional_code_repositories,
            root_access: self.root_access.as_deref(),
            platform_identifier: self.platform_identifier.as_deref(),
            metadata_service: self.instance_metadata_service_configuration.as_ref(),
        }
    }
}

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
    let network_interface_id = input.subnet_id.is_some().then(|| ids::ec2("eni"));
    let enabled = || "Enabled".to_owned();
    let mut notebook = Notebook {
        name: input.notebook_instance_name,
        instance_type: input.instance_type,
        role_arn: input.role_arn,
        subnet_id: input.subnet_id,
        security_group_ids: input.security_group_ids,
        network_interface_id,
        ip_address_type: input.ip_address_type.unwrap_or_else(|| "ipv4".to_owned()),
        kms_key_id: input.kms_key_id,
        lifecycle_config_name: input.lifecycle_config_name,
        direct_internet_access: input.direct_internet_access.unwrap_or_else(enabled),
        volume_size_in_gb: input.volume_size_in_gb.unwrap_or(USUAL_VOLUME),
        default_code_repository: input.default_code_repository,
        additional_code_repositories: input.additional_code_repositories,
        root_access: input.root_access.unwrap_or_else(enabled),
        platform_identifier: input.platform_identifier.unwrap_or_else(|| USUAL_PLATFORM.to_owned()),
        minimum_metadata_version: input
            .instance_metadata_service_configuration
            .map_or_else(|| "1".to_owned(), |service| service.minimum_instance_metadata_service_version),
        tags,
        created: call.now,
        change: Change::start(world.pace, call.now, None),
        unwritten: None,
    };
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
    notebook.change = Change::start(world.pace, call.now, failure);
    let at = world.pace.after(call.now, super::notebook::START_TIME);
    notebook.unwritten = (!logs.is_empty()).then_some(Unwritten { at, logs });
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
fn put(world: &mut World, call: &Call, notebook: Notebook) -> Answer {
    world.sagemaker.notebooks.insert(key(&call.place, &notebook.name), notebook);
    Ok(Reply::empty())
}

pub(super) fn start(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let from = [Status::Stopped, Status::Failed];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Pending)?;
    begin_start(world, call, &mut notebook, false);
    put(world, call, notebook)
}

pub(super) fn stop(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let from = [Status::InService];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Stopping)?;
    notebook.change = Change::stop(world.pace, call.now);
    put(world, call, notebook)
}

pub(super) fn delete(world: &mut World, call: &Call, input: NotebookName) -> Answer {
    let from = [Status::Stopped, Status::Failed];
    let mut notebook = claim(world, call, &input.notebook_instance_name, &from, Status::Deleting)?;
    let stuck = world.faults.strikes(fault::Kind::StuckDelete, "sagemaker", "DeleteNotebookInstance");
    notebook.change = Change::delete(world.pace, call.now, stuck);
    put(world, call, notebook)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateNotebookInstance {
    notebook_instance_name: String,
    instance_type: Option<String>,
    ip_address_type: Option<String>,
    platform_identifier: Option<String>,
    role_arn: Option<String>,
    lifecycle_config_name: Option<String>,
    #[serde(default)]
    disassociate_lifecycle_config: bool,
    #[serde(rename = "VolumeSizeInGB")]
    volume_size_in_gb: Option<i64>,
    default_code_repository: Option<String>,
    #[serde(default)]
    disassociate_default_code_repository: bool,
    additional_code_repositories: Option<Vec<String>>,
    #[serde(default)]
    disassociate_additional_code_repositories: bool,
    root_access: Option<String>,
    instance_metadata_service_configuration: Option<MetadataService>,
}

impl UpdateNotebookInstance {
    fn check(&self) -> Result<(), Refusal> {
        let said = Said {
            instance_type: self.instance_type.as_deref(),
            role_arn: self.role_arn.as_deref(),
            ip_address_type: self.ip_address_type.as_deref(),
            volume_size_in_gb: self.volume_size_in_gb,
            default_code_repository: self.default_code_repository.as_deref(),
            additional_code_repositories: self.additional_code_repositories.as_deref().unwrap_or_default(),
            root_access: self.root_access.as_deref(),
            platform_identifier: self.platform_identifier.as_deref(),
            metadata_service: self.instance_metadata_service_configuration.as_ref(),
        };
        let mut constraints = Constraints::default();
        said.check(&mut constraints);
        constraints.hold()?;
        said.check_repositories()?;
        if self.lifecycle_config_name.is_some() && self.disassociate_lifecycle_config {
            return Err(invalid(
                "LifecycleConfigName and DisassociateLifecycleConfig cannot be specified at the same time.",
            ));
        }
        Ok(())
    }

    /// What is not said stays as it is.
    fn apply(self, notebook: &mut Notebook) {
        let say = |there: &mut String, said: Option<String>| {
            if let Some(said) = said {
                *there = said;
            }
        };
        say(&mut notebook.instance_type, self.instance_type);
        say(&mut notebook.ip_address_type, self.ip_address_type);
        say(&mut notebook.platform_identifier, self.platform_identifier);
        say(&mut notebook.role_arn, self.role_arn);
        say(&mut notebook.root_access, self.root_access);
        let version = self
            .instance_metadata_service_configuration
            .map(|service| service.minimum_instance_metadata_service_version);
        say(&mut notebook.minimum_metadata_version, version);
        notebook.volume_size_in_gb = self.volume_size_in_gb.unwrap_or(notebook.volume_size_in_gb);
        if self.disassociate_lifecycle_config || self.lifecycle_config_name.is_some() {
            notebook.lifecycle_config_name = self.lifecycle_config_name;
        }
        if self.disassociate_default_code_repository || self.default_code_repository.is_some() {
            notebook.default_code_repository = self.default_code_repository;
        }
        if self.disassociate_additional_code_repositories || self.additional_code_repositories.is_some() {
            notebook.additional_code_repositories = self.additional_code_repositories.unwrap_or_default();
        }
    }
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
    put(world, call, notebook)
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
