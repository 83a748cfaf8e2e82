//! EC2: key pairs, security groups, images and instances, in a default VPC that is always there.
//!
//! ```text
//! lists            filters and pages, the same for every Describe operation
//! tags             tags of everything, in one table
//! network          regions, zones, the default VPC and its subnets: made up from the account and the region
//! images           the images that there are, and types the types of instances
//! key_pairs        keys that sign operators in
//! security_groups  groups, and rules their rules
//! launch           RunInstances
//! instances        what an instance is, the states it goes through, and how it is shown
//! power            starting, stopping, rebooting, terminating
//! attributes       what can be changed on an instance
//! console          what an instance said while it booted
//! volumes          disks; interfaces the network interfaces
//! ```
//!
//! An instance has no address but the loopback's, so that nothing that is told one connects anywhere else.

mod attributes;
mod console;
pub(crate) mod images;
mod instances;
mod interfaces;
mod key_pairs;
mod launch;
mod lists;
mod network;
mod power;
mod rules;
mod security_groups;
mod tags;
mod types;
mod volumes;

use jiff::Timestamp;
use md5::{Digest, Md5};

use super::call::Place;
use super::iam;
use super::operation::operations;
use super::refusal::Refusal;
use super::store::{Kept, Table};
use super::tags::{Tagged, Tags};
use super::wire::Flag;
use super::world::World;
use instances::{Instance, PowerState};

/// What EC2 holds.
#[derive(Debug)]
pub(crate) struct State {
    /// By name.
    key_pairs: Table<key_pairs::KeyPair>,
    groups: Table<security_groups::SecurityGroup>,
    instances: Table<Instance>,
    volumes: Table<volumes::Volume>,
    /// By client token.
    launches: Table<launch::Launch>,
    /// By the id of what carries them.
    tags: Table<Tags>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            key_pairs: Table::new("ec2.key_pairs"),
            groups: Table::new("ec2.security_groups"),
            instances: Table::new("ec2.instances"),
            volumes: Table::new("ec2.volumes"),
            launches: Table::new("ec2.launches"),
            tags: Table::new("ec2.tags"),
        }
    }
}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        vec![
            &mut self.key_pairs,
            &mut self.groups,
            &mut self.instances,
            &mut self.volumes,
            &mut self.launches,
            &mut self.tags,
        ]
    }
}

operations! {
    DescribeRegions => network::describe_regions;
    DescribeAvailabilityZones => network::describe_availability_zones;
    DescribeVpcs => network::describe_vpcs;
    DescribeSubnets => network::describe_subnets;
    DescribeImages => images::describe_images;
    DescribeInstanceTypes => types::describe_instance_types;
    ImportKeyPair => key_pairs::import_key_pair;
    CreateKeyPair => key_pairs::create_key_pair;
    DescribeKeyPairs => key_pairs::describe_key_pairs;
    DeleteKeyPair => key_pairs::delete_key_pair;
    CreateSecurityGroup => security_groups::create_security_group;
    DescribeSecurityGroups => security_groups::describe_security_groups;
    DescribeSecurityGroupRules => security_groups::describe_security_group_rules;
    AuthorizeSecurityGroupIngress => security_groups::authorize_ingress;
    AuthorizeSecurityGroupEgress => security_groups::authorize_egress;
    RevokeSecurityGroupIngress => security_groups::revoke_ingress;
    RevokeSecurityGroupEgress => security_groups::revoke_egress;
    DeleteSecurityGroup => security_groups::delete_security_group;
    RunInstances => launch::run_instances;
    DescribeInstances => instances::describe_instances;
    DescribeInstanceStatus => instances::describe_instance_status;
    StartInstances => power::start_instances;
    StopInstances => power::stop_instances;
    RebootInstances => power::reboot_instances;
    TerminateInstances => power::terminate_instances;
    DescribeInstanceAttribute => attributes::describe_instance_attribute;
    ModifyInstanceAttribute => attributes::modify_instance_attribute;
    ModifyInstanceMetadataOptions => attributes::modify_instance_metadata_options;
    GetConsoleOutput => console::get_console_output;
    DescribeVolumes => volumes::describe_volumes;
    DescribeNetworkInterfaces => interfaces::describe_network_interfaces;
    CreateTags => tags::create_tags;
    DeleteTags => tags::delete_tags;
    DescribeTags => tags::describe_tags;
}

/// Moves on what takes time.
pub(crate) fn tick(world: &mut World, now: Timestamp) {
    instances::settle(world, now);
}

/// The tagged things of a place.
pub(crate) fn tagged(world: &World, place: &Place) -> Vec<Tagged> {
    let own = ["instance", "security-group", "key-pair", "volume"];
    let is_gone = |id: &str| world.ec2.instances.get(&place.key(id)).is_some_and(Instance::is_terminated);
    tags::of_place(world, place)
        .filter(|(id, _)| !is_gone(id))
        .filter_map(|(id, tags)| {
            let kind = tags::resource_type(id).filter(|kind| own.contains(kind))?;
            Some(Tagged { arn: place.arn("ec2", &format!("{kind}/{id}")), tags: tags.clone() })
        })
        .collect()
}

/// An instance that runs, as the host behind it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) instance_id: String,
    pub(crate) place: Place,
    /// The instance's user data, as given (base64 removed).
    pub(crate) user_data: Vec<u8>,
    /// The public half of its key pair, in OpenSSH's form.
    pub(crate) authorized_key: Option<String>,
    /// The role of its profile.
    pub(crate) role_arn: Option<String>,
}

/// The instances that run, the oldest first.
pub(crate) fn running_hosts(world: &World, now: Timestamp) -> Vec<Host> {
    let mut running: Vec<(Place, &Instance)> = world
        .ec2
        .instances
        .iter()
        .filter(|(_, instance)| instance.state(now) == PowerState::Running)
        .filter_map(|(key, instance)| Some((place_of(key)?, instance)))
        .collect();
    running.sort_by(|(_, a), (_, b)| (a.launched, &a.id).cmp(&(b.launched, &b.id)));
    let host = |(place, instance): (Place, &Instance)| {
        let profile = instance.profile.as_ref();
        let profile = profile.and_then(|profile| iam::profile(world, &place.account, &profile.arn, now));
        Host {
            instance_id: instance.id.clone(),
            user_data: instance.user_data_bytes(),
            authorized_key: instance.authorized_key.clone(),
            role_arn: profile.and_then(|profile| profile.role_arn),
            place,
        }
    };
    running.into_iter().map(host).collect()
}

/// Whether there is no instance of this name (any more), so that nothing of it need be kept.
pub(crate) fn is_gone(world: &World, instance_id: &str, now: Timestamp) -> bool {
    !world
        .ec2
        .instances
        .iter()
        .any(|(_, instance)| instance.id == instance_id && instance.state(now) != PowerState::Terminated)
}

/// The place that a row's key begins with.
fn place_of(key: &str) -> Option<Place> {
    let mut parts = key.splitn(3, '/');
    Some(Place { account: parts.next()?.to_owned(), region: parts.next()?.to_owned() })
}

/// How long the digits of an id are.
const DIGITS: usize = 17;

/// An id that is the same whenever it is asked for: what a place always has needs no row.
fn fixed_id(place: &Place, prefix: &str, what: &str) -> String {
    let digits = hex(format!("{}/{}/{what}", place.account, place.region).as_bytes());
    format!("{prefix}-{}", &digits[..DIGITS])
}

/// 32 hexadecimal digits of some bytes.
fn hex(bytes: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::digest(bytes).into()))
}

/// Whether an id is a prefix, a dash and 8 or 17 hexadecimal digits.
fn is_id(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).is_some_and(|digits| {
        [8, DIGITS].contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// Refuses what cannot be an id: `Invalid id: "x" (expecting "i-...")`.
fn check_id(prefix: &str, id: &str, code: &'static str) -> Result<(), Refusal> {
    if is_id(prefix, id) {
        return Ok(());
    }
    let has_prefix = id.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
    let hint = if has_prefix { String::new() } else { format!(" (expecting \"{prefix}-...\")") };
    Err(Refusal::new(code, format!("Invalid id: \"{id}\"{hint}")))
}

/// A trial run ends here: everything would have gone well.
fn dry_run(asked: Option<Flag>) -> Result<(), Refusal> {
    match asked {
        Some(Flag(true)) => {
            Err(Refusal::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
                .status(412))
        }
        _ => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}

fn missing(parameter: &str) -> Refusal {
    Refusal::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
}

#[cfg(test)]
mod tests;
