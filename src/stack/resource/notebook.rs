//! The notebook instance. What is on its disk cannot be made again, so whatever can be mended without losing it is:
//! its type, disk, platform, role and scripts are changed while it is stopped, and one that failed is started again.

use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_notebook_instance::DescribeNotebookInstanceOutput;
use aws_sdk_sagemaker::types::{
    DirectInternetAccess, InstanceMetadataServiceConfiguration, InstanceType, NotebookInstanceStatus,
};

use super::{Resource, differs, filter, owner_in_sagemaker, sagemaker_tags, tag_in_sagemaker};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::plan::{Difference, Found, Life, OWNER, STATE, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};
use crate::text::sanitise;

pub(super) struct Notebook;

const KIND: Kind = Kind::Notebook;
const TYPE: &str = "type";
const DISK: &str = "disk";
const PLATFORM: &str = "platform";
const ROLE: &str = "role";
const CONFIG: &str = "lifecycle configuration";
const METADATA: &str = "metadata service";
const GROUP: &str = "security group";
const SUBNET: &str = "subnet";
const POWER: &str = "power";
/// What can be mended, but only while it is stopped.
const STOPPED_ONLY: [&str; 6] = [TYPE, DISK, PLATFORM, ROLE, CONFIG, METADATA];
/// The version of the instance metadata service that asks for a token.
const METADATA_VERSION: &str = "2";

/// Where the notebook's network interface is.
#[derive(Debug)]
pub(super) struct Subnet {
    id: String,
    pub(super) vpc: String,
}

/// The subnet that was named, or the first of the default VPC: the same at every look.
pub(super) async fn subnet(stack: &Stack) -> Result<Subnet, StackError> {
    let request = stack.cloud.ec2.describe_subnets();
    let request = match stack.settings.notebook_subnet.as_ref() {
        Some(id) => request.filters(filter("subnet-id", id.as_str())),
        None => request.filters(filter("default-for-az", "true")),
    };
    let answer = stack.call(KIND, Operation::DescribeSubnets, request.send()).await?;
    let mut subnets = answer.subnets.unwrap_or_default();
    subnets.sort_by(|a, b| a.availability_zone.cmp(&b.availability_zone).then(a.subnet_id.cmp(&b.subnet_id)));
    let found =
        subnets.into_iter().find_map(|subnet| Some(Subnet { id: subnet.subnet_id?, vpc: subnet.vpc_id? }));
    found.ok_or_else(|| StackError::NoSubnet {
        named: stack.settings.notebook_subnet.as_ref().map(ToString::to_string),
        region: stack.names.region.to_string(),
    })
}

fn gigabytes(gigabytes: i32) -> String {
    format!("{gigabytes} GB")
}

/// Where it is in its life, in the operator's words.
fn life(status: &NotebookInstanceStatus, failure: Option<&str>) -> Life {
    use NotebookInstanceStatus as Status;
    match status {
        Status::Pending => Life::Working("starting: SageMaker prepares the instance and runs its scripts"),
        Status::Stopping => Life::Working("stopping"),
        Status::Updating => Life::Working("being changed"),
        Status::PendingMaintenance => Life::Working("about to be patched by SageMaker"),
        Status::InMaintenance => Life::Working("being patched by SageMaker"),
        Status::Deleting => Life::Deleting,
        Status::Failed => Life::Failed(sanitise(failure.unwrap_or("SageMaker gives no reason"))),
        Status::InService | Status::Stopped => Life::Ready,
        // One that is newer than hydrant: to wait is the one thing that can do no harm.
        _ => Life::Working("in a state that hydrant does not know"),
    }
}

async fn describe(stack: &Stack) -> Result<Option<DescribeNotebookInstanceOutput>, StackError> {
    let request =
        stack.cloud.sagemaker.describe_notebook_instance().notebook_instance_name(stack.names.of(KIND));
    if_there(stack.call(KIND, Operation::DescribeNotebookInstance, request.send()).await)
}

async fn group(stack: &Stack) -> Result<Option<Found>, StackError> {
    super::of(Kind::NotebookSecurityGroup).read(stack).await
}

/// The address of the role as it is: one that was adopted stands at another path than hydrant's own.
async fn role_arn(stack: &Stack) -> Result<String, StackError> {
    let role = super::of(Kind::NotebookRole).read(stack).await?;
    role.map(|role| role.arn).ok_or(StackError::NotSeenYet(Kind::NotebookRole))
}

fn metadata_service() -> InstanceMetadataServiceConfiguration {
    InstanceMetadataServiceConfiguration::builder()
        .minimum_instance_metadata_service_version(METADATA_VERSION)
        .build()
}

async fn start(stack: &Stack) -> Result<(), StackError> {
    let request =
        stack.cloud.sagemaker.start_notebook_instance().notebook_instance_name(stack.names.of(KIND));
    stack.call(KIND, Operation::StartNotebookInstance, request.send()).await.map(drop)
}

async fn stop(stack: &Stack) -> Result<(), StackError> {
    let request = stack.cloud.sagemaker.stop_notebook_instance().notebook_instance_name(stack.names.of(KIND));
    stack.call(KIND, Operation::StopNotebookInstance, request.send()).await.map(drop)
}

/// Asks for what differs and can be changed in one go; the disk is one that is at least as large as wanted.
async fn update(stack: &Stack, differences: &[Difference]) -> Result<(), StackError> {
    let settings = &stack.settings;
    let mut request =
        stack.cloud.sagemaker.update_notebook_instance().notebook_instance_name(stack.names.of(KIND));
    if differs(differences, TYPE) {
        request = request.instance_type(InstanceType::from(settings.notebook_type.as_str()));
    }
    if differs(differences, DISK) {
        request = request.volume_size_in_gb(settings.notebook_volume_gb.as_i32());
    }
    if differs(differences, PLATFORM) {
        request = request.platform_identifier(settings.notebook_platform.as_str());
    }
    if differs(differences, ROLE) {
        request = request.role_arn(role_arn(stack).await?);
    }
    if differs(differences, CONFIG) {
        request = request.lifecycle_config_name(stack.names.of(Kind::NotebookConfig));
    }
    if differs(differences, METADATA) {
        request = request.instance_metadata_service_configuration(metadata_service());
    }
    stack.call(KIND, Operation::UpdateNotebookInstance, request.send()).await.map(drop)
}

#[async_trait]
impl Resource for Notebook {
    async fn wanted(&self, stack: &Stack, found: Option<&Found>) -> Result<Wanted, StackError> {
        let settings = &stack.settings;
        let there =
            found.and_then(|found| found.properties.get(DISK)).and_then(|disk| disk.strip_suffix(" GB"));
        let there = there.and_then(|disk| disk.parse().ok()).unwrap_or(0);
        let wanted = Wanted::default()
            .with(OWNER, &stack.names.stack)
            .with(TYPE, settings.notebook_type.as_str())
            // A disk never shrinks, and a new one would be an empty one: a larger one is good as it is.
            .with(DISK, gigabytes(settings.notebook_volume_gb.as_i32().max(there)))
            .with(PLATFORM, settings.notebook_platform.as_str())
            .with(ROLE, stack.names.of(Kind::NotebookRole))
            .with(CONFIG, stack.names.of(Kind::NotebookConfig))
            .with(METADATA, METADATA_VERSION)
            .with(POWER, "on")
            .fixed(GROUP, stack.names.of(Kind::NotebookSecurityGroup));
        Ok(match settings.notebook_subnet.as_ref() {
            Some(subnet) => wanted.fixed(SUBNET, subnet.as_str()),
            None => wanted,
        })
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let Some(there) = describe(stack).await? else { return Ok(None) };
        let arn = there.notebook_instance_arn().unwrap_or_default();
        let (owner, group) = tokio::join!(owner_in_sagemaker(stack, KIND, arn), group(stack));
        let (Some(owner), group) = (if_there(owner)?, group?) else { return Ok(None) };
        let status = there.notebook_instance_status();
        let status =
            status.ok_or_else(|| StackError::OddAnswer(stack.names.of(KIND).to_owned(), "its status"))?;
        let ours = group.filter(|group| there.security_groups() == [group.id.as_str()]);
        let groups = match ours {
            Some(_) => stack.names.of(Kind::NotebookSecurityGroup).to_owned(),
            None => there.security_groups().join(", "),
        };
        let role = there.role_arn().and_then(|arn| arn.rsplit('/').next()).map(ToOwned::to_owned);
        let metadata = there
            .instance_metadata_service_configuration()
            .and_then(|service| service.minimum_instance_metadata_service_version())
            .map(ToOwned::to_owned);
        let power = if *status == NotebookInstanceStatus::Stopped { "off" } else { "on" };
        let mut found = Found::ready(stack.names.of(KIND), arn)
            .with(OWNER, owner)
            .with(TYPE, there.instance_type().map(|kind| kind.as_str().to_owned()))
            .with(DISK, there.volume_size_in_gb().map(gigabytes))
            .with(PLATFORM, there.platform_identifier().map(ToOwned::to_owned))
            .with(ROLE, role)
            .with(CONFIG, there.notebook_instance_lifecycle_config_name().map(ToOwned::to_owned))
            .with(METADATA, metadata)
            .with(GROUP, groups)
            .with(SUBNET, there.subnet_id().map(ToOwned::to_owned))
            .with(POWER, power.to_owned());
        found.life = life(status, there.failure_reason());
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let settings = &stack.settings;
        let group = group(stack).await?.ok_or(StackError::NotSeenYet(Kind::NotebookSecurityGroup))?;
        let request = stack
            .cloud
            .sagemaker
            .create_notebook_instance()
            .notebook_instance_name(stack.names.of(KIND))
            .instance_type(InstanceType::from(settings.notebook_type.as_str()))
            .volume_size_in_gb(settings.notebook_volume_gb.as_i32())
            .platform_identifier(settings.notebook_platform.as_str())
            .role_arn(role_arn(stack).await?)
            .subnet_id(subnet(stack).await?.id)
            .security_group_ids(group.id)
            .lifecycle_config_name(stack.names.of(Kind::NotebookConfig))
            // Packages come from the internet; nothing of the internet gets in.
            .direct_internet_access(DirectInternetAccess::Enabled)
            .instance_metadata_service_configuration(metadata_service())
            .set_tags(Some(sagemaker_tags(stack)));
        or_there(stack.call(KIND, Operation::CreateNotebookInstance, request.send()).await)
    }

    /// One thing at a time, as SageMaker has it: stopped, changed, started. The next look tells what comes next.
    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        if differs(differences, OWNER) {
            tag_in_sagemaker(stack, KIND, &found.arn).await?;
        }
        let is_off = found.properties.get(POWER).is_some_and(|power| power == "off");
        let for_later = STOPPED_ONLY.iter().any(|property| differs(differences, property));
        match (for_later, is_off) {
            (true, true) => update(stack, differences).await,
            (true, false) => stop(stack).await,
            (false, _) if differs(differences, POWER) || differs(differences, STATE) => start(stack).await,
            (false, _) => Ok(()),
        }
    }

    /// What runs has to be stopped before it can be deleted.
    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        let is_off = found.properties.get(POWER).is_some_and(|power| power == "off");
        if !is_off && !matches!(found.life, Life::Failed(_)) {
            return stop(stack).await;
        }
        let request =
            stack.cloud.sagemaker.delete_notebook_instance().notebook_instance_name(stack.names.of(KIND));
        stack.call(KIND, Operation::DeleteNotebookInstance, request.send()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_sagemaker_has_its_place_in_a_life() {
        use NotebookInstanceStatus as Status;
        for status in Status::values() {
            let life = life(&Status::from(*status), Some("no capacity"));
            let expected = match *status {
                "InService" | "Stopped" => matches!(life, Life::Ready),
                "Deleting" => matches!(life, Life::Deleting),
                "Failed" => life == Life::Failed("no capacity".to_owned()),
                _ => matches!(life, Life::Working(words) if !words.contains("not know")),
            };
            assert!(expected, "{status}: {life:?}");
        }
        assert!(
            matches!(life(&Status::from("Hibernating"), None), Life::Working(_)),
            "a new one is waited out"
        );
    }
}
