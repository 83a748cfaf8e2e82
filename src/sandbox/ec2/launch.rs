//! `RunInstances`: everything is checked first, then as many instances are made as asked for.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::attributes::{Metadata, MetadataOptions, decoded, one_of, padded};
use super::images::{self, Image};
use super::instances::{self, AttachedProfile, Instance, Life, PowerState, STARTING};
use super::network::{self, Subnet};
use super::tags::{self, TagSpecification};
use super::types::{self, InstanceType};
use super::volumes::{self, BlockDeviceMapping, Disk};
use super::{dry_run, hex, invalid, missing, security_groups};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::Tags;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;
use crate::sandbox::{iam, ids};

/// What a client token was used for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Launch {
    /// What its parameters were, as a digest: they may hold secrets.
    parameters: String,
    reservation: String,
    /// The keys of the instances.
    pub(super) instances: Vec<String>,
}

/// The type of instances whose launch names none.
const DEFAULT_TYPE: &str = "m1.small";
/// All running instances of a place have at most so many virtual processors.
const MOST_VCPUS: u32 = 256;
/// User data is at most so long, without base64.
const LONGEST_USER_DATA: usize = 16_384;
/// An interface has at most so many security groups.
const MOST_GROUPS: usize = 5;
const LONGEST_TOKEN: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RunInstances {
    image_id: Option<String>,
    instance_type: Option<String>,
    min_count: Number<u32>,
    max_count: Number<u32>,
    key_name: Option<String>,
    #[serde(default)]
    security_group_id: Vec<String>,
    #[serde(default)]
    security_group: Vec<String>,
    subnet_id: Option<String>,
    #[serde(default)]
    network_interface: Vec<NetworkInterface>,
    placement: Option<Placement>,
    iam_instance_profile: Option<ProfileName>,
    user_data: Option<String>,
    #[serde(default)]
    block_device_mapping: Vec<BlockDeviceMapping>,
    #[serde(default)]
    metadata_options: MetadataOptions,
    monitoring: Option<Monitoring>,
    ebs_optimized: Option<Flag>,
    disable_api_termination: Option<Flag>,
    disable_api_stop: Option<Flag>,
    instance_initiated_shutdown_behavior: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    client_token: Option<String>,
    dry_run: Option<Flag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NetworkInterface {
    device_index: Option<Number<u32>>,
    associate_public_ip_address: Option<Flag>,
    delete_on_termination: Option<Flag>,
    description: Option<String>,
    #[serde(default)]
    security_group_id: Vec<String>,
    subnet_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Placement {
    availability_zone: Option<String>,
    tenancy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProfileName {
    arn: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Monitoring {
    enabled: Flag,
}

/// A launch's parameters, and a digest of them: a client token must come with the same ones again.
#[derive(Debug)]
pub(super) struct Asked {
    digest: String,
    input: RunInstances,
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Value::deserialize(deserializer)?;
        let digest = hex(form.to_string().as_bytes());
        let input = RunInstances::deserialize(form).map_err(D::Error::custom)?;
        Ok(Self { digest, input })
    }
}

/// A launch whose parameters are good.
struct Checked {
    image: &'static Image,
    kind: InstanceType,
    count: u32,
    authorized_key: Option<String>,
    profile: Option<AttachedProfile>,
    user_data: Option<String>,
    network: Network,
    disks: Vec<Disk>,
    metadata: Metadata,
    shutdown_behavior: String,
    tags: BTreeMap<&'static str, Tags>,
}

/// Where an instance is in the network.
struct Network {
    subnet: Subnet,
    groups: Vec<String>,
    public_address: bool,
    description: String,
}

pub(super) fn run_instances(world: &mut World, call: &Call, asked: Asked) -> Answer {
    security_groups::ensure_default(world, &call.place);
    instances::settle(world, call.now);
    let Asked { digest, input } = asked;
    if let Some(answer) = repeated(world, call, &input, &digest)? {
        return Ok(answer.into());
    }
    let checked = check(world, call, &input)?;
    dry_run(input.dry_run)?;
    Ok(make(world, call, &input, &checked, digest).into())
}

/// The answer to a launch whose client token was used before.
fn repeated(
    world: &World,
    call: &Call,
    input: &RunInstances,
    digest: &str,
) -> Result<Option<Value>, Refusal> {
    let Some(token) = input.client_token.as_deref().filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    if token.len() > LONGEST_TOKEN || !token.is_ascii() {
        return Err(invalid(format!("Value ({token}) for parameter clientToken is invalid.")));
    }
    let Some(launch) = world.ec2.launches.get(&call.place.key(token)) else { return Ok(None) };
    if launch.parameters != digest {
        let message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
        return Err(Refusal::new("IdempotentParameterMismatch", message));
    }
    let there: Vec<&Instance> =
        launch.instances.iter().filter_map(|key| world.ec2.instances.get(key)).collect();
    let is_over = |instance: &&Instance| {
        matches!(instance.state(call.now), PowerState::ShuttingDown | PowerState::Terminated)
    };
    if there.len() < launch.instances.len() || there.iter().any(is_over) {
        let message = "The request to launch an instance uses the same client token as a previous request for which \
                       the instance has been terminated.";
        return Err(Refusal::new("IdempotentInstanceTerminated", message));
    }
    let shown: Vec<Value> =
        there.iter().map(|instance| instance.document(world, &call.place, call.now)).collect();
    Ok(Some(instances::reservation(&call.place, &launch.reservation, &shown)))
}

fn check(world: &World, call: &Call, input: &RunInstances) -> Result<Checked, Refusal> {
    let image = images::named(input.image_id.as_deref().ok_or_else(|| missing("ImageId"))?)?;
    let name = input.instance_type.as_deref().unwrap_or(DEFAULT_TYPE);
    let kind =
        types::find(name).ok_or_else(|| invalid(format!("Invalid value '{name}' for InstanceType.")))?;
    check_architecture(&kind, image)?;
    let authorized_key =
        input.key_name.as_deref().map(|name| authorized_key(world, call, name)).transpose()?;
    let network = network(world, call, input)?;
    let profile = input.iam_instance_profile.as_ref().map(|named| profile(world, call, named)).transpose()?;
    let user_data = input.user_data.as_deref().filter(|text| !text.is_empty());
    user_data.map_or(Ok(()), check_user_data)?;
    let disks = volumes::read(image, &input.block_device_mapping)?;
    let behavior = input.instance_initiated_shutdown_behavior.as_ref();
    let shutdown_behavior =
        one_of("InstanceInitiatedShutdownBehavior", behavior, ["stop", "terminate"], "stop")?;
    let makes = ["instance", "volume", "network-interface"];
    Ok(Checked {
        count: count(world, call, input, &kind)?,
        metadata: Metadata::default().with(&input.metadata_options)?,
        tags: tags::specified(&input.tag_specification, &makes)?,
        user_data: user_data.map(padded),
        image,
        kind,
        authorized_key,
        profile,
        network,
        disks,
        shutdown_behavior,
    })
}

/// Refuses a type that cannot run an image.
pub(super) fn check_architecture(kind: &InstanceType, image: &Image) -> Result<(), Refusal> {
    let (of_type, of_image) = (kind.architecture, image.architecture);
    if of_type == of_image {
        return Ok(());
    }
    Err(invalid(format!(
        "The architecture '{of_type}' of the specified instance type does not match the architecture '{of_image}' of \
         the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You \
         can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or \
         AMI."
    )))
}

/// Refuses user data that is not base64 or too long.
pub(super) fn check_user_data(text: &str) -> Result<(), Refusal> {
    let malformed = || Refusal::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
    if decoded(text).ok_or_else(malformed)?.len() > LONGEST_USER_DATA {
        return Err(invalid("User data is limited to 16384 bytes"));
    }
    Ok(())
}

/// Refuses groups that are not there, or too many.
pub(super) fn check_groups(world: &World, place: &Place, ids: &[String]) -> Result<(), Refusal> {
    if ids.len() > MOST_GROUPS {
        let message = "The maximum number of security groups per interface has been reached.";
        return Err(Refusal::new("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    ids.iter().try_for_each(|id| security_groups::check(world, place, id))
}

fn authorized_key(world: &World, call: &Call, name: &str) -> Result<String, Refusal> {
    let pair = world.ec2.key_pairs.get(&call.place.key(name));
    pair.map(|pair| pair.public_key.clone()).ok_or_else(|| {
        Refusal::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"))
    })
}

fn profile(world: &World, call: &Call, named: &ProfileName) -> Result<AttachedProfile, Refusal> {
    let (value, parameter, what) = match (&named.name, &named.arn) {
        (Some(_), Some(_)) => {
            let message = "The parameter 'iamInstanceProfile.name' may not be used in combination with \
                           'iamInstanceProfile.arn'";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        (Some(name), None) => (name, "name", "name"),
        (None, Some(arn)) => (arn, "arn", "ARN"),
        (None, None) => return Err(missing("iamInstanceProfile.name")),
    };
    let found = iam::profile(world, &call.place.account, value, call.now);
    let found = found.ok_or_else(|| {
        invalid(format!(
            "Value ({value}) for parameter iamInstanceProfile.{parameter} is invalid. Invalid IAM Instance Profile \
             {what}"
        ))
    })?;
    Ok(AttachedProfile { arn: found.arn, id: found.id })
}

fn network(world: &World, call: &Call, input: &RunInstances) -> Result<Network, Refusal> {
    let place = &call.place;
    let own = match input.network_interface.as_slice() {
        [] => None,
        [one] => Some(interface(input, one)?),
        _ => {
            return Err(Refusal::new(
                "UnsupportedOperation",
                "The sandbox gives an instance one network interface only",
            ));
        }
    };
    let named = own.map_or(&input.subnet_id, |own| &own.subnet_id);
    let subnet = subnet(place, named.as_deref(), input.placement.as_ref())?;
    if input.subnet_id.is_some() && !input.security_group.is_empty() {
        let message = "The parameter groupName cannot be used with the parameter subnet";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    let mut groups = own.map_or(&input.security_group_id, |own| &own.security_group_id).clone();
    for name in &input.security_group {
        groups.push(security_groups::by_name(world, place, name)?.id.clone());
    }
    groups.dedup();
    check_groups(world, place, &groups)?;
    if groups.is_empty() {
        groups.push(security_groups::by_name(world, place, "default")?.id.clone());
    }
    Ok(Network {
        subnet,
        groups,
        public_address: own.and_then(|own| own.associate_public_ip_address).is_none_or(|flag| flag.0),
        description: own.and_then(|own| own.description.clone()).unwrap_or_default(),
    })
}

/// The one interface that a launch describes, which then says all that is said about the network.
fn interface<'a>(input: &RunInstances, own: &'a NetworkInterface) -> Result<&'a NetworkInterface, Refusal> {
    let beside = |what: &str| {
        let message = format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        );
        Err(Refusal::new("InvalidParameterCombination", message))
    };
    if input.subnet_id.is_some() {
        return beside("subnet ID");
    }
    if !input.security_group_id.is_empty() || !input.security_group.is_empty() {
        return beside("security groups");
    }
    match own.device_index {
        None => return Err(invalid("Each network interface requires a device index.")),
        Some(Number(0)) => {}
        Some(_) => return Err(invalid("The first network interface must have the device index 0.")),
    }
    if own.delete_on_termination == Some(Flag(false)) {
        let message = "The sandbox deletes a network interface with its instance";
        return Err(Refusal::new("UnsupportedOperation", message));
    }
    Ok(own)
}

fn subnet(place: &Place, id: Option<&str>, placement: Option<&Placement>) -> Result<Subnet, Refusal> {
    if let Some(tenancy) = placement.and_then(|placement| placement.tenancy.as_deref())
        && tenancy != "default"
    {
        let message = format!("The sandbox has no instances of the tenancy {tenancy}");
        return Err(Refusal::new("UnsupportedOperation", message));
    }
    let zone = placement.and_then(|placement| placement.availability_zone.as_deref());
    if let Some(id) = id {
        let subnet = network::find_subnet(place, id)?;
        if zone.is_some_and(|zone| zone != subnet.zone) {
            let message = format!(
                "The availability zone '{}' of the subnet '{id}' is not that of the placement",
                subnet.zone
            );
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        return Ok(subnet);
    }
    let [first, ..] = network::subnets(place);
    let Some(zone) = zone else { return Ok(first) };
    let in_zone = network::subnets(place).into_iter().find(|subnet| subnet.zone == zone);
    in_zone.ok_or_else(|| invalid(format!("Invalid availability zone: [{zone}]")))
}

/// How many instances there will be: the most that there is room for, if that is enough.
fn count(world: &World, call: &Call, input: &RunInstances, kind: &InstanceType) -> Result<u32, Refusal> {
    let (least, most) = (input.min_count.0, input.max_count.0);
    for (name, value) in [("minCount", least), ("maxCount", most)] {
        if value == 0 {
            return Err(invalid(format!(
                "Value ({value}) for parameter {name} is invalid. Expecting a value greater than 0."
            )));
        }
    }
    if least > most {
        return Err(invalid(format!(
            "Value ({most}) for parameter maxCount is invalid. It must not be smaller than minCount ({least})."
        )));
    }
    let busy = |instance: &Instance| {
        matches!(instance.state(call.now), PowerState::Pending | PowerState::Running | PowerState::Stopping)
    };
    let used: u32 = world
        .ec2
        .instances
        .under(&call.place.prefix())
        .filter(|(_, instance)| busy(instance))
        .filter_map(|(_, instance)| types::find(&instance.kind))
        .map(|kind| kind.vcpus)
        .sum();
    let room = MOST_VCPUS.saturating_sub(used) / kind.vcpus;
    if least > room {
        let message = format!(
            "You have requested more vCPU capacity than your current vCPU limit of {MOST_VCPUS} allows for the \
             instance bucket that the specified instance type belongs to."
        );
        return Err(Refusal::new("VcpuLimitExceeded", message));
    }
    Ok(most.min(room))
}

fn make(world: &mut World, call: &Call, input: &RunInstances, checked: &Checked, digest: String) -> Value {
    let place = &call.place;
    let reservation = ids::ec2("r");
    let token = input.client_token.clone().filter(|token| !token.is_empty()).unwrap_or_else(ids::uuid);
    let mut made = Vec::new();
    for launch_index in 0..checked.count {
        let mut instance = instance(world, call, input, checked);
        instance.reservation.clone_from(&reservation);
        instance.client_token.clone_from(&token);
        instance.launch_index = launch_index;
        let (id, subnet) = (&instance.id, &checked.network.subnet);
        tags::give(world, place, id, checked.tags.get("instance"));
        tags::give(world, place, &instance.interface, checked.tags.get("network-interface"));
        volumes::make(world, call, id, subnet, &checked.disks, checked.tags.get("volume"));
        world.ec2.instances.insert(place.key(id), instance.clone());
        made.push(instance);
    }
    let instances = made.iter().map(|instance| place.key(&instance.id)).collect();
    let launch = Launch { parameters: digest, reservation: reservation.clone(), instances };
    world.ec2.launches.insert(place.key(&token), launch);
    let shown: Vec<Value> = made.iter().map(|instance| instance.document(world, place, call.now)).collect();
    instances::reservation(place, &reservation, &shown)
}

fn instance(world: &World, call: &Call, input: &RunInstances, checked: &Checked) -> Instance {
    let is_set = |flag: Option<Flag>| flag == Some(Flag(true));
    let network = &checked.network;
    Instance {
        id: ids::ec2("i"),
        reservation: String::new(),
        launch_index: 0,
        client_token: String::new(),
        image: checked.image.id.to_owned(),
        kind: checked.kind.name.clone(),
        key_name: input.key_name.clone(),
        authorized_key: checked.authorized_key.clone(),
        profile: checked.profile.clone(),
        user_data: checked.user_data.clone(),
        groups: network.groups.clone(),
        subnet: network.subnet.id.clone(),
        public_address: network.public_address,
        interface: ids::ec2("eni"),
        interface_description: network.description.clone(),
        metadata: checked.metadata.clone(),
        monitored: input.monitoring.as_ref().is_some_and(|monitoring| monitoring.enabled.0),
        ebs_optimized: is_set(input.ebs_optimized),
        source_dest_check: true,
        termination_protected: is_set(input.disable_api_termination),
        stop_protected: is_set(input.disable_api_stop),
        shutdown_behavior: checked.shutdown_behavior.clone(),
        created: call.now,
        launched: call.now,
        life: Life::Starting { up: world.pace.after(call.now, STARTING) },
    }
}
