//! What a notebook instance is made as, what it is changed to, and what must hold of both.

use jiff::Timestamp;
use serde::Deserialize;

use super::constraints::Constraints;
use super::notebook::{Change, Notebook};
use super::{instance_types, invalid};
use crate::sandbox::ids;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{Tag, Tags};

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
    pub(super) notebook_instance_name: String,
    instance_type: String,
    pub(super) role_arn: String,
    subnet_id: Option<String>,
    #[serde(default)]
    security_group_ids: Vec<String>,
    ip_address_type: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    pub(super) lifecycle_config_name: Option<String>,
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
    pub(super) fn check(&self) -> Result<(), Refusal> {
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

    /// The notebook instance, with what is usual where nothing is said.
    pub(super) fn into_notebook(self, tags: Tags, change: Change, now: Timestamp) -> Notebook {
        let network_interface_id = self.subnet_id.is_some().then(|| ids::ec2("eni"));
        let enabled = || "Enabled".to_owned();
        Notebook {
            name: self.notebook_instance_name,
            instance_type: self.instance_type,
            role_arn: self.role_arn,
            subnet_id: self.subnet_id,
            security_group_ids: self.security_group_ids,
            network_interface_id,
            ip_address_type: self.ip_address_type.unwrap_or_else(|| "ipv4".to_owned()),
            kms_key_id: self.kms_key_id,
            lifecycle_config_name: self.lifecycle_config_name,
            direct_internet_access: self.direct_internet_access.unwrap_or_else(enabled),
            volume_size_in_gb: self.volume_size_in_gb.unwrap_or(USUAL_VOLUME),
            default_code_repository: self.default_code_repository,
            additional_code_repositories: self.additional_code_repositories,
            root_access: self.root_access.unwrap_or_else(enabled),
            platform_identifier: self.platform_identifier.unwrap_or_else(|| USUAL_PLATFORM.to_owned()),
            minimum_metadata_version: self
                .instance_metadata_service_configuration
                .map_or_else(|| "1".to_owned(), |service| service.minimum_instance_metadata_service_version),
            tags,
            created: now,
            change,
            unwritten: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateNotebookInstance {
    pub(super) notebook_instance_name: String,
    instance_type: Option<String>,
    ip_address_type: Option<String>,
    platform_identifier: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) lifecycle_config_name: Option<String>,
    #[serde(default)]
    disassociate_lifecycle_config: bool,
    #[serde(rename = "VolumeSizeInGB")]
    pub(super) volume_size_in_gb: Option<i64>,
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
    pub(super) fn check(&self) -> Result<(), Refusal> {
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
    pub(super) fn apply(self, notebook: &mut Notebook) {
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
