//! The host: a small instance that runs the streamer. It is found by the stack's tag, not by a name, since names of
//! instances are not unique; what is terminated is gone.

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    ArchitectureValues, BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    Image, Instance as Ec2Instance, InstanceMetadataOptionsRequest, InstanceStateName, InstanceType,
    ResourceType, VolumeType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh_key::LineEnding;

use super::{Resource, differs, ec2_tags, filter};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::keys::fingerprint;
use crate::stack::plan::{Difference, Found, Life, NONE, OTHERS, OWNER, Wanted};
use crate::stack::{Made, STACK_TAG, Stack, StackError};

pub(super) struct Instance;

const NAME: &str = "Name";
const TYPE: &str = "type";
const KEY: &str = "key pair";
const PROFILE: &str = "profile";
const GROUP: &str = "security group";
/// The tag that says which host key the instance was given, so that another operator's host is not trusted for ours.
const HOST_KEY_TAG: &str = "hydrant:host-key";
const TOKENS: &str = "metadata tokens";
const POWER: &str = "power";
const KIND: Kind = Kind::Instance;

/// Amazon's own account is named so in image searches.
const AMAZON: &str = "amazon";
const IMAGE_NAME: &str = "al2023-ami-2023.*-kernel-*";

/// The architecture of an instance type: Graviton families have a `g` right after the generation (`t4g`, `c7gn`).
fn architecture(instance_type: &str) -> &'static str {
    let family = instance_type.split('.').next().unwrap_or_default();
    let after_generation = family
        .trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .trim_start_matches(|c: char| c.is_ascii_digit());
    if after_generation.starts_with('g') || family == "a1" { "arm64" } else { "x86_64" }
}

fn newest(images: Vec<Image>) -> Option<Image> {
    // ISO 8601 in one zone sorts as text.
    images
        .into_iter()
        .filter(|image| image.image_id().is_some())
        .max_by(|a, b| a.creation_date().cmp(&b.creation_date()))
}

async fn image(stack: &Stack) -> Result<Image, StackError> {
    let architecture = architecture(stack.settings.instance_type.as_str());
    let mut request = stack.cloud.ec2.describe_images();
    request = match stack.settings.instance_image.as_ref() {
        Some(id) => request.image_ids(id.as_str()),
        None => request
            .owners(AMAZON)
            .filters(filter("name", &format!("{IMAGE_NAME}-{architecture}")))
            .filters(filter("architecture", ArchitectureValues::from(architecture).as_str()))
            .filters(filter("state", "available")),
    };
    let answer = stack.call(KIND, Operation::DescribeImages, request.send()).await?;
    let none = || StackError::NoImage { architecture, region: stack.names.region.to_string() };
    newest(answer.images.unwrap_or_default()).ok_or_else(none)
}

/// Gives the host the key that was made for it, so that ssh can be strict from the first connection, and leaves
/// everything else to provisioning.
fn user_data(private: &str, public: &str) -> String {
    let indented = private.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
    format!(
        "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{indented}\n  ed25519_public: {public}\n"
    )
}

/// Every instance of this stack that is not gone, oldest first.
async fn describe(stack: &Stack) -> Result<Vec<Ec2Instance>, StackError> {
    let mut instances = Vec::new();
    let mut pages =
        stack.cloud.ec2.describe_instances().filters(filter(&format!("tag:{STACK_TAG}"), &stack.names.stack));
    loop {
        let page = stack.call(KIND, Operation::DescribeInstances, pages.clone().send()).await?;
        let all = page
            .reservations
            .unwrap_or_default()
            .into_iter()
            .flat_map(|group| group.instances.unwrap_or_default());
        instances.extend(all.filter(|instance| state(instance) != Some(&InstanceStateName::Terminated)));
        match page.next_token.filter(|token| !token.is_empty()) {
            Some(token) => pages = pages.next_token(token),
            None => break,
        }
    }
    // One that is on its way out is "the" instance only when there is no other.
    let shutting_down = |instance: &Ec2Instance| state(instance) == Some(&InstanceStateName::ShuttingDown);
    instances.sort_by_key(|instance| {
        (shutting_down(instance), instance.launch_time().map(|time| time.as_nanos()))
    });
    Ok(instances)
}

fn state(instance: &Ec2Instance) -> Option<&InstanceStateName> {
    instance.state()?.name()
}

fn found(stack: &Stack, instance: &Ec2Instance, others: &[Ec2Instance]) -> Option<Found> {
    let id = instance.instance_id()?;
    let state = state(instance)?;
    let others: Vec<&str> = others
        .iter()
        .filter(|other| self::state(other) != Some(&InstanceStateName::ShuttingDown))
        .filter_map(|other| other.instance_id())
        .collect();
    let power = match state {
        InstanceStateName::Stopped | InstanceStateName::Stopping => "off",
        _ => "on",
    };
    let tokens = instance
        .metadata_options()
        .and_then(|options| options.http_tokens())
        .map(|tokens| tokens.as_str().to_owned());
    let profile = instance.iam_instance_profile().and_then(|profile| profile.arn());
    let mut groups: Vec<&str> =
        instance.security_groups().iter().filter_map(|group| group.group_name()).collect();
    groups.sort_unstable();
    let tag = |key: &str| {
        let tag = instance.tags().iter().find(|tag| tag.key() == Some(key));
        tag.and_then(|tag| tag.value()).map(ToOwned::to_owned)
    };
    let mut found = Found::ready(id, stack.names.ec2_arn("instance", id))
        .made_at(instance.launch_time())
        .with(OWNER, stack.names.stack.clone())
        .with(TYPE, instance.instance_type().map(|kind| kind.as_str().to_owned()))
        .with(KEY, instance.key_name().map(ToOwned::to_owned))
        .with(PROFILE, profile.and_then(|arn| arn.rsplit('/').next()).map(ToOwned::to_owned))
        .with(NAME, tag(NAME))
        .with(HOST_KEY_TAG, tag(HOST_KEY_TAG))
        .with(GROUP, groups.join(", "))
        .with(TOKENS, tokens)
        .with(POWER, power.to_owned())
        .with(OTHERS, if others.is_empty() { NONE.to_owned() } else { others.join(", ") });
    found.life = match state {
        InstanceStateName::Pending | InstanceStateName::Stopping => Life::Creating,
        InstanceStateName::ShuttingDown => Life::Deleting,
        _ => Life::Ready,
    };
    found.detail = instance
        .public_ip_address()
        .map(|address| format!("at {}", crate::text::sanitise(address)))
        .unwrap_or_default();
    Some(found)
}

#[async_trait]
impl Resource for Instance {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default()
            .with(OWNER, &stack.names.stack)
            .with(NAME, stack.names.of(KIND))
            .fixed(TYPE, stack.settings.instance_type.as_str())
            .fixed(KEY, stack.names.of(Kind::KeyPair))
            .fixed(PROFILE, stack.names.of(Kind::InstanceProfile))
            .with(GROUP, stack.names.of(Kind::SecurityGroup))
            .with(TOKENS, HttpTokensState::Required.as_str())
            .with(POWER, "on")
            .without(OTHERS))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let instances = describe(stack).await?;
        Ok(instances.split_first().and_then(|(first, others)| found(stack, first, others)))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let name = stack.names.of(KIND);
        let image = image(stack).await?;
        let host_key = stack.keys.make_host(name)?;
        let bad = |source| StackError::Key { path: stack.keys.folder().to_owned(), source };
        let private = host_key.to_openssh(LineEnding::LF).map_err(bad)?;
        let public = host_key.public_key().to_openssh().map_err(bad)?;
        let fingerprint = fingerprint(host_key.public_key());
        // A making whose end is not known is asked for again under the same token: AWS then gives the same instance.
        let token = stack.journal.open_token(KIND, name).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let disk = EbsBlockDevice::builder()
            .volume_type(VolumeType::Gp3)
            .volume_size(stack.settings.instance_volume_gb.as_i32())
            .encrypted(true)
            .delete_on_termination(true)
            .build();
        let root = image.root_device_name().unwrap_or("/dev/xvda");
        let request = stack
            .cloud
            .ec2
            .run_instances()
            .min_count(1)
            .max_count(1)
            .client_token(&token)
            .set_image_id(image.image_id.clone())
            .instance_type(InstanceType::from(stack.settings.instance_type.as_str()))
            .key_name(stack.names.of(Kind::KeyPair))
            .security_group_ids(group_id(stack).await?)
            .iam_instance_profile(
                IamInstanceProfileSpecification::builder()
                    .name(stack.names.of(Kind::InstanceProfile))
                    .build(),
            )
            .metadata_options(
                InstanceMetadataOptionsRequest::builder()
                    .http_tokens(HttpTokensState::Required)
                    .http_put_response_hop_limit(1)
                    .build(),
            )
            .block_device_mappings(BlockDeviceMapping::builder().device_name(root).ebs(disk).build())
            .user_data(STANDARD.encode(user_data(&private, &public)))
            .tag_specifications(ec2_tags(
                stack,
                ResourceType::Instance,
                &[(NAME, name), (HOST_KEY_TAG, &fingerprint)],
            ))
            .tag_specifications(ec2_tags(stack, ResourceType::Volume, &[(NAME, name)]));
        // A token that was used for a request that differs (a newer image came out, a setting changed) or for an
        // instance that is gone fails, which closes it: the next making has a new one.
        stack
            .call_with_token(KIND, Operation::RunInstances, Some(&token), request.send())
            .await
            .map(|_| Made::Now)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        let ec2 = &stack.cloud.ec2;
        if differs(differences, NAME) {
            let own = stack.names.tags().into_iter().chain([(NAME, stack.names.of(KIND))]);
            let tag = |(key, value)| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
            let request = ec2.create_tags().resources(&found.id).set_tags(Some(own.map(tag).collect()));
            stack.call(KIND, Operation::CreateTags, request.send()).await?;
        }
        if differs(differences, GROUP) {
            let request =
                ec2.modify_instance_attribute().instance_id(&found.id).groups(group_id(stack).await?);
            stack.call(KIND, Operation::ModifyInstanceAttribute, request.send()).await?;
        }
        if differs(differences, TOKENS) {
            let request = ec2
                .modify_instance_metadata_options()
                .instance_id(&found.id)
                .http_tokens(HttpTokensState::Required);
            stack.call(KIND, Operation::ModifyInstanceMetadataOptions, request.send()).await?;
        }
        if differs(differences, POWER) {
            let request = ec2.start_instances().instance_ids(&found.id);
            stack.call(KIND, Operation::StartInstances, request.send()).await?;
        }
        if differs(differences, OTHERS) {
            terminate(stack, found.properties.get(OTHERS).into_iter().flat_map(|ids| ids.split(", ")))
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        let others = found.properties.get(OTHERS).filter(|others| *others != NONE);
        let others = others.into_iter().flat_map(|ids| ids.split(", "));
        terminate(stack, std::iter::once(found.id.as_str()).chain(others)).await
    }

    async fn settle(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        match found.properties.get(HOST_KEY_TAG) {
            Some(given) => stack.keys.trust_host(&found.id, given),
            None => Ok(()),
        }
    }
}

async fn terminate<'a>(stack: &Stack, ids: impl Iterator<Item = &'a str>) -> Result<(), StackError> {
    let request =
        stack.cloud.ec2.terminate_instances().set_instance_ids(Some(ids.map(ToOwned::to_owned).collect()));
    stack.call(KIND, Operation::TerminateInstances, request.send()).await.map(drop)
}

async fn group_id(stack: &Stack) -> Result<String, StackError> {
    let group = super::of(Kind::SecurityGroup).read(stack).await?;
    group.map(|group| group.id).ok_or(StackError::NotSeenYet(Kind::SecurityGroup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_is_read_off_the_type() {
        for (instance_type, expected) in [
            ("t3.micro", "x86_64"),
            ("t4g.micro", "arm64"),
            ("c7gn.large", "arm64"),
            ("g4dn.xlarge", "x86_64"),
            ("a1.medium", "arm64"),
            ("g5g.xlarge", "arm64"),
        ] {
            assert_eq!(architecture(instance_type), expected, "{instance_type}");
        }
    }

    #[test]
    fn the_host_key_goes_into_the_user_data_whole() {
        let data = user_data("-----BEGIN\nabc\n-----END\n", "ssh-ed25519 AAAA host");
        assert_eq!(
            data,
            "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n    -----BEGIN\n    abc\n    -----END\n  ed25519_public: ssh-ed25519 AAAA host\n"
        );
    }
}
