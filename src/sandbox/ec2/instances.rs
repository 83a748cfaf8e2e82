//! Instances: what one is, the states that it goes through, and how it is shown.
//!
//! A state follows from stored times and the present moment, so it survives a restart. What must happen once
//! (disks that go with their instance, an instance that is forgotten) is done when it is due.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attributes::Metadata;
use super::lists::{self, Filter, NOTHING, Searchable};
use super::{check_id, dry_run, images, interfaces, network, security_groups, tags, types, volumes};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::iso;
use crate::sandbox::fault::Kind;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// How long an instance is on its way up, down and out.
pub(super) const STARTING: Duration = Duration::from_secs(15);
pub(super) const STOPPING: Duration = Duration::from_secs(30);
pub(super) const SHUTTING_DOWN: Duration = Duration::from_secs(30);
/// How long a terminated instance is still shown.
const SHOWN_TERMINATED: Duration = Duration::from_hours(1);
/// How long after an instance is up its checks have passed.
const CHECKING: Duration = Duration::from_mins(2);

/// The only address that any instance has.
pub(super) const ADDRESS: &str = "127.0.0.1";
pub(super) const HOST_NAME: &str = "localhost";

/// An instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has as many switches on an instance")]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) reservation: String,
    pub(super) launch_index: u32,
    pub(super) client_token: String,
    pub(super) image: String,
    pub(super) kind: String,
    pub(super) key_name: Option<String>,
    /// The key pair's public half as it was at launch: the pair itself may be gone.
    pub(super) authorized_key: Option<String>,
    pub(super) profile: Option<AttachedProfile>,
    /// In base64.
    pub(super) user_data: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) subnet: String,
    pub(super) public_address: bool,
    pub(super) interface: String,
    pub(super) interface_description: String,
    pub(super) metadata: Metadata,
    pub(super) monitored: bool,
    pub(super) ebs_optimized: bool,
    pub(super) source_dest_check: bool,
    pub(super) termination_protected: bool,
    pub(super) stop_protected: bool,
    pub(super) shutdown_behavior: String,
    pub(super) created: Timestamp,
    /// When it was last started.
    pub(super) launched: Timestamp,
    pub(super) life: Life,
}

/// The profile that an instance was launched with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AttachedProfile {
    pub(super) arn: String,
    pub(super) id: String,
}

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Life {
    Starting {
        up: Timestamp,
    },
    Stopping {
        since: Timestamp,
        down: Timestamp,
    },
    /// Without an end while a fault holds it.
    ShuttingDown {
        since: Timestamp,
        gone: Option<Timestamp>,
    },
    Terminated {
        since: Timestamp,
        gone: Timestamp,
    },
}

/// The states that clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PowerState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl PowerState {
    pub(super) fn document(self) -> Value {
        let (code, name) = match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        };
        json!({ "code": code, "name": name })
    }
}

impl Instance {
    pub(super) fn state(&self, now: Timestamp) -> PowerState {
        match self.life {
            Life::Starting { up } if now < up => PowerState::Pending,
            Life::Starting { .. } => PowerState::Running,
            Life::Stopping { down, .. } if now < down => PowerState::Stopping,
            Life::Stopping { .. } => PowerState::Stopped,
            Life::ShuttingDown { gone: Some(gone), .. } if now >= gone => PowerState::Terminated,
            Life::ShuttingDown { .. } => PowerState::ShuttingDown,
            Life::Terminated { .. } => PowerState::Terminated,
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        matches!(self.life, Life::Terminated { .. })
    }

    /// When it came up, if it runs.
    pub(super) fn up_since(&self, now: Timestamp) -> Option<Timestamp> {
        match self.life {
            Life::Starting { up } if up <= now => Some(up),
            _ => None,
        }
    }

    /// Its user data without base64.
    pub(super) fn user_data_bytes(&self) -> Vec<u8> {
        let text = self.user_data.as_deref().unwrap_or_default();
        BASE64_STANDARD.decode(text).expect("user data is kept only if it is base64")
    }

    /// Why it is in its state: a sentence, and a code with another.
    fn reasons(&self, now: Timestamp) -> (String, Value) {
        let by_user = |since: Timestamp| {
            (
                format!("User initiated ({})", since.strftime("%Y-%m-%d %H:%M:%S GMT")),
                json!({
                    "code": "Client.UserInitiatedShutdown",
                    "message": "Client.UserInitiatedShutdown: User initiated shutdown",
                }),
            )
        };
        match self.life {
            Life::Starting { up } if now < up => {
                (String::new(), json!({ "code": "pending", "message": "pending" }))
            }
            Life::Starting { .. } => (String::new(), Value::Null),
            Life::Stopping { since, .. }
            | Life::ShuttingDown { since, .. }
            | Life::Terminated { since, .. } => by_user(since),
        }
    }

    /// As `DescribeInstances` shows it.
    pub(super) fn document(&self, world: &World, place: &Place, now: Timestamp) -> Value {
        let state = self.state(now);
        let (reason, state_reason) = self.reasons(now);
        let mut document = json!({
            "instanceId": self.id,
            "imageId": self.image,
            "instanceState": state.document(),
            "reason": reason,
            "stateReason": state_reason,
            "keyName": self.key_name,
            "amiLaunchIndex": self.launch_index,
            "productCodes": [],
            "instanceType": self.kind,
            "launchTime": iso(self.launched),
            "monitoring": { "state": if self.monitored { "enabled" } else { "disabled" } },
            "clientToken": self.client_token,
            "ebsOptimized": self.ebs_optimized,
            "sourceDestCheck": self.source_dest_check,
            "iamInstanceProfile":
                self.profile.as_ref().map(|profile| json!({ "arn": profile.arn, "id": profile.id })),
            "tagSet": tags::shown(world, place, &self.id),
        });
        for part in [self.machine(), self.network(world, place, now), self.disks(world, place)] {
            for (name, value) in part.as_object().into_iter().flatten() {
                document[name] = value.clone();
            }
        }
        document
    }

    /// What follows from its image and its type.
    fn machine(&self) -> Value {
        let kind = types::find(&self.kind);
        let cpu = kind.as_ref().map(|kind| {
            json!({
                "coreCount": kind.vcpus / kind.threads_per_core,
                "threadsPerCore": kind.threads_per_core,
            })
        });
        let arm = kind.as_ref().is_some_and(|kind| kind.architecture == "arm64");
        json!({
            "architecture": kind.map(|kind| kind.architecture),
            "cpuOptions": cpu,
            "hypervisor": "xen",
            "virtualizationType": "hvm",
            "enaSupport": true,
            "platformDetails": "Linux/UNIX",
            "usageOperation": "RunInstances",
            "usageOperationUpdateTime": iso(self.created),
            "bootMode": if arm { "uefi" } else { "uefi-preferred" },
            "currentInstanceBootMode": if arm { "uefi" } else { "legacy-bios" },
            "capacityReservationSpecification": { "capacityReservationPreference": "open" },
            "hibernationOptions": { "configured": false },
            "enclaveOptions": { "enabled": false },
            "maintenanceOptions": { "autoRecovery": "default" },
            "metadataOptions": self.metadata.document("applied"),
        })
    }

    fn network(&self, world: &World, place: &Place, now: Timestamp) -> Value {
        let subnet = network::subnet(place, &self.subnet);
        let placement = json!({
            "availabilityZone": subnet.as_ref().map(|subnet| &subnet.zone),
            "availabilityZoneId": subnet.as_ref().map(|subnet| &subnet.zone_id),
            "groupName": "",
            "tenancy": "default",
        });
        if self.state(now) == PowerState::Terminated {
            return json!({
                "placement": placement,
                "dnsName": "",
                "privateDnsName": "",
                "groupSet": [],
                "networkInterfaceSet": [],
            });
        }
        let public = self.has_public_address(now);
        json!({
            "placement": placement,
            "vpcId": network::vpc_id(place),
            "subnetId": self.subnet,
            "privateIpAddress": ADDRESS,
            "privateDnsName": HOST_NAME,
            "ipAddress": public.then_some(ADDRESS),
            "dnsName": if public { HOST_NAME } else { "" },
            "groupSet": self.named_groups(world, place),
            "networkInterfaceSet": [interfaces::of_instance(world, place, self, now)],
            "privateDnsNameOptions": {
                "hostnameType": "ip-name",
                "enableResourceNameDnsARecord": false,
                "enableResourceNameDnsAAAARecord": false,
            },
        })
    }

    /// Public addresses are only lent to what runs.
    pub(super) fn has_public_address(&self, now: Timestamp) -> bool {
        self.public_address && self.state(now) == PowerState::Running
    }

    pub(super) fn named_groups(&self, world: &World, place: &Place) -> Value {
        self.groups.iter().map(|id| security_groups::named(world, place, id)).collect()
    }

    fn disks(&self, world: &World, place: &Place) -> Value {
        json!({
            "rootDeviceName": images::ROOT_DEVICE,
            "rootDeviceType": "ebs",
            "blockDeviceMapping": volumes::mappings(world, place, &self.id),
        })
    }
}

/// The instances of some ids, in their order; refuses if any is not there.
pub(super) fn find<'a>(
    world: &'a World,
    place: &Place,
    ids: &[String],
) -> Result<Vec<&'a Instance>, Refusal> {
    ids.iter().try_for_each(|id| check_id("i", id, "InvalidInstanceID.Malformed"))?;
    let of_id = |id: &String| world.ec2.instances.get(&place.key(id));
    let unknown: Vec<&str> = ids.iter().filter(|id| of_id(id).is_none()).map(String::as_str).collect();
    let message = match unknown.as_slice() {
        [] => return Ok(ids.iter().filter_map(of_id).collect()),
        [one] => format!("The instance ID '{one}' does not exist"),
        several => format!("The instance IDs '{}' do not exist", several.join(", ")),
    };
    Err(Refusal::new("InvalidInstanceID.NotFound", message))
}

/// The instance of an id, or the refusal.
pub(super) fn find_one<'a>(world: &'a World, place: &Place, id: &str) -> Result<&'a Instance, Refusal> {
    let found = find(world, place, std::slice::from_ref(&id.to_owned()))?;
    Ok(found.into_iter().next().expect("one id finds one instance or is refused"))
}

/// Does what is due: disks go with their instances, and what was terminated long ago is forgotten.
pub(super) fn settle(world: &mut World, now: Timestamp) {
    let_go(world, now);
    let ended = |instance: &Instance| match instance.life {
        Life::ShuttingDown { since, gone: Some(gone) } if gone <= now => Some((since, gone)),
        _ => None,
    };
    let due: Vec<_> = world
        .ec2
        .instances
        .iter()
        .filter_map(|(key, instance)| Some((key.to_owned(), ended(instance)?)))
        .collect();
    for (key, (since, gone)) in due {
        let Some(instance) = world.ec2.instances.get_mut(&key) else { continue };
        instance.life = Life::Terminated { since, gone };
        let (id, interface) = (instance.id.clone(), instance.interface.clone());
        let prefix = key.strip_suffix(id.as_str()).unwrap_or_default().to_owned();
        world.ec2.tags.remove(&format!("{prefix}{interface}"));
        volumes::release(world, &prefix, &id);
    }
    forget(world, now);
}

/// Lets go of what could not be terminated or deleted, once the fault is taken away.
fn let_go(world: &mut World, now: Timestamp) {
    if !world.faults.is_on(Kind::StuckDelete, "ec2", "TerminateInstances") {
        let over = world.pace.after(now, SHUTTING_DOWN);
        let is_stuck = |instance: &Instance| matches!(instance.life, Life::ShuttingDown { gone: None, .. });
        world.ec2.instances.change_where(is_stuck, |instance| {
            if let Life::ShuttingDown { gone, .. } = &mut instance.life {
                *gone = Some(over);
            }
        });
    }
    if !world.faults.is_on(Kind::StuckDelete, "ec2", "DeleteSecurityGroup") {
        world.ec2.groups.change_where(|group| group.stuck, |group| group.stuck = false);
    }
}

fn forget(world: &mut World, now: Timestamp) {
    let pace = world.pace;
    let is_old = |instance: &Instance| match instance.life {
        Life::Terminated { gone, .. } => pace.after(gone, SHOWN_TERMINATED) <= now,
        _ => false,
    };
    let ec2 = &mut world.ec2;
    let old: Vec<String> = ec2
        .instances
        .iter()
        .filter(|(_, instance)| is_old(instance))
        .map(|(key, _)| key.to_owned())
        .collect();
    if old.is_empty() {
        return;
    }
    for key in &old {
        ec2.instances.remove(key);
        ec2.tags.remove(key);
    }
    let instances = &ec2.instances;
    ec2.launches.remove_where(|_, launch| launch.instances.iter().all(|key| !instances.contains(key)));
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstances {
    #[serde(default)]
    instance_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    /// No service manages instances here.
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<Flag>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

/// Filters look at a reservation that holds the one instance.
const SEARCHABLE: Searchable = Searchable {
    tags: "instancesSet.tagSet",
    by: &[
        ("affinity", NOTHING),
        ("architecture", "instancesSet.architecture"),
        ("availability-zone", "instancesSet.placement.availabilityZone"),
        ("availability-zone-id", "instancesSet.placement.availabilityZoneId"),
        ("block-device-mapping.attach-time", "instancesSet.blockDeviceMapping.ebs.attachTime"),
        (
            "block-device-mapping.delete-on-termination",
            "instancesSet.blockDeviceMapping.ebs.deleteOnTermination",
        ),
        ("block-device-mapping.device-name", "instancesSet.blockDeviceMapping.deviceName"),
        ("block-device-mapping.status", "instancesSet.blockDeviceMapping.ebs.status"),
        ("block-device-mapping.volume-id", "instancesSet.blockDeviceMapping.ebs.volumeId"),
        ("boot-mode", "instancesSet.bootMode"),
        ("client-token", "instancesSet.clientToken"),
        ("current-instance-boot-mode", "instancesSet.currentInstanceBootMode"),
        ("dns-name", "instancesSet.dnsName"),
        ("ebs-optimized", "instancesSet.ebsOptimized"),
        ("ena-support", "instancesSet.enaSupport"),
        ("enclave-options.enabled", "instancesSet.enclaveOptions.enabled"),
        ("group-id", "groupSet.groupId"),
        ("group-name", "groupSet.groupName"),
        ("hibernation-options.configured", "instancesSet.hibernationOptions.configured"),
        ("host-id", NOTHING),
        ("hypervisor", "instancesSet.hypervisor"),
        ("iam-instance-profile.arn", "instancesSet.iamInstanceProfile.arn"),
        ("iam-instance-profile.id", "instancesSet.iamInstanceProfile.id"),
        ("image-id", "instancesSet.imageId"),
        ("instance-id", "instancesSet.instanceId"),
        ("instance-lifecycle", NOTHING),
        ("instance-state-code", "instancesSet.instanceState.code"),
        ("instance-state-name", "instancesSet.instanceState.name"),
        ("instance-type", "instancesSet.instanceType"),
        ("instance.group-id", "instancesSet.groupSet.groupId"),
        ("instance.group-name", "instancesSet.groupSet.groupName"),
        ("ip-address", "instancesSet.ipAddress"),
        ("ipv6-address", NOTHING),
        ("kernel-id", NOTHING),
        ("key-name", "instancesSet.keyName"),
        ("launch-index", "instancesSet.amiLaunchIndex"),
        ("launch-time", "instancesSet.launchTime"),
        ("maintenance-options.auto-recovery", "instancesSet.maintenanceOptions.autoRecovery"),
        ("metadata-options.http-endpoint", "instancesSet.metadataOptions.httpEndpoint"),
        ("metadata-options.http-protocol-ipv6", "instancesSet.metadataOptions.httpProtocolIpv6"),
        (
            "metadata-options.http-put-response-hop-limit",
            "instancesSet.metadataOptions.httpPutResponseHopLimit",
        ),
        ("metadata-options.http-tokens", "instancesSet.metadataOptions.httpTokens"),
        ("metadata-options.instance-metadata-tags", "instancesSet.metadataOptions.instanceMetadataTags"),
        ("metadata-options.state", "instancesSet.metadataOptions.state"),
        ("monitoring-state", "instancesSet.monitoring.state"),
        ("network-interface.association.public-ip", "instancesSet.networkInterfaceSet.association.publicIp"),
        ("network-interface.availability-zone", "instancesSet.placement.availabilityZone"),
        ("network-interface.description", "instancesSet.networkInterfaceSet.description"),
        ("network-interface.group-id", "instancesSet.networkInterfaceSet.groupSet.groupId"),
        ("network-interface.group-name", "instancesSet.networkInterfaceSet.groupSet.groupName"),
        ("network-interface.mac-address", "instancesSet.networkInterfaceSet.macAddress"),
        ("network-interface.network-interface-id", "instancesSet.networkInterfaceSet.networkInterfaceId"),
        ("network-interface.owner-id", "instancesSet.networkInterfaceSet.ownerId"),
        ("network-interface.private-ip-address", "instancesSet.networkInterfaceSet.privateIpAddress"),
        ("network-interface.status", "instancesSet.networkInterfaceSet.status"),
        ("network-interface.subnet-id", "instancesSet.networkInterfaceSet.subnetId"),
        ("network-interface.vpc-id", "instancesSet.networkInterfaceSet.vpcId"),
        ("owner-id", "ownerId"),
        ("placement-group-name", NOTHING),
        ("platform", NOTHING),
        ("platform-details", "instancesSet.platformDetails"),
        ("private-dns-name", "instancesSet.privateDnsName"),
        ("private-ip-address", "instancesSet.privateIpAddress"),
        ("product-code", NOTHING),
        ("product-code.type", NOTHING),
        ("ramdisk-id", NOTHING),
        ("reason", "instancesSet.reason"),
        ("requester-id", NOTHING),
        ("reservation-id", "reservationId"),
        ("root-device-name", "instancesSet.rootDeviceName"),
        ("root-device-type", "instancesSet.rootDeviceType"),
        ("source-dest-check", "instancesSet.sourceDestCheck"),
        ("spot-instance-request-id", NOTHING),
        ("state-reason-code", "instancesSet.stateReason.code"),
        ("state-reason-message", "instancesSet.stateReason.message"),
        ("subnet-id", "instancesSet.subnetId"),
        ("tenancy", "instancesSet.placement.tenancy"),
        ("usage-operation", "instancesSet.usageOperation"),
        ("virtualization-type", "instancesSet.virtualizationType"),
        ("vpc-id", "instancesSet.vpcId"),
    ],
};

/// A reservation with these instances.
pub(super) fn reservation(place: &Place, id: &str, instances: &[Value]) -> Value {
    json!({
        "reservationId": id,
        "ownerId": place.account,
        "groupSet": [],
        "instancesSet": instances,
    })
}

pub(super) fn describe_instances(world: &mut World, call: &Call, input: DescribeInstances) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.instance_id, "instancesSet", input.max_results)?;
    settle(world, call.now);
    let place = &call.place;
    find(world, place, &input.instance_id)?;
    let wanted =
        |instance: &&Instance| input.instance_id.is_empty() || input.instance_id.contains(&instance.id);
    let all = of_place(world, place).filter(wanted).map(|instance| {
        let document = instance.document(world, place, call.now);
        (order(instance), reservation(place, &instance.reservation, &[document]))
    });
    let picked = SEARCHABLE.pick(&input.filter, all.collect())?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "reservationSet": joined(page.items), "nextToken": page.next }).into())
}

fn of_place<'a>(world: &'a World, place: &Place) -> impl Iterator<Item = &'a Instance> {
    world.ec2.instances.under(&place.prefix()).map(|(_, instance)| instance).collect::<Vec<_>>().into_iter()
}

/// The oldest first, and reservations together.
fn order(instance: &Instance) -> String {
    let created = instance.created.as_microsecond();
    format!("{created:020}/{}/{:06}", instance.reservation, instance.launch_index)
}

/// Neighbours of the same reservation as one.
fn joined(singles: Vec<Value>) -> Vec<Value> {
    let mut reservations: Vec<Value> = Vec::new();
    for mut single in singles {
        match reservations.last_mut() {
            Some(last) if last["reservationId"] == single["reservationId"] => {
                if let (Some(into), Some(from)) =
                    (last["instancesSet"].as_array_mut(), single["instancesSet"].as_array_mut())
                {
                    into.append(from);
                }
            }
            _ => reservations.push(single),
        }
    }
    reservations
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstanceStatus {
    #[serde(default)]
    instance_id: Vec<String>,
    include_all_instances: Option<Flag>,
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<Flag>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE_STATUS: Searchable = Searchable {
    tags: NOTHING,
    by: &[
        ("application-status.status", NOTHING),
        ("attached-ebs-status.status", "attachedEbsStatus.status"),
        ("availability-zone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("event.code", NOTHING),
        ("event.description", NOTHING),
        ("event.instance-event-id", NOTHING),
        ("event.not-after", NOTHING),
        ("event.not-before", NOTHING),
        ("event.not-before-deadline", NOTHING),
        ("instance-state-code", "instanceState.code"),
        ("instance-state-name", "instanceState.name"),
        ("instance-status.reachability", "instanceStatus.details.status"),
        ("instance-status.status", "instanceStatus.status"),
        ("operator.managed", NOTHING),
        ("operator.principal", NOTHING),
        ("system-status.reachability", "systemStatus.details.status"),
        ("system-status.status", "systemStatus.status"),
    ],
};

pub(super) fn describe_instance_status(
    world: &mut World,
    call: &Call,
    input: DescribeInstanceStatus,
) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.instance_id, "instancesSet", input.max_results)?;
    settle(world, call.now);
    let place = &call.place;
    find(world, place, &input.instance_id)?;
    let every = input.include_all_instances == Some(Flag(true));
    let wanted = |instance: &&Instance| {
        (every || instance.state(call.now) == PowerState::Running)
            && (input.instance_id.is_empty() || input.instance_id.contains(&instance.id))
    };
    let all = of_place(world, place).filter(wanted);
    let all = all.map(|instance| (order(instance), status(world, call, instance))).collect();
    let picked = SEARCHABLE_STATUS.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "instanceStatusSet": page.items, "nextToken": page.next }).into())
}

fn status(world: &World, call: &Call, instance: &Instance) -> Value {
    let (status, detail) = match instance.up_since(call.now) {
        Some(up) if world.pace.after(up, CHECKING) <= call.now => ("ok", "passed"),
        Some(_) => ("initializing", "initializing"),
        None if instance.state(call.now) == PowerState::Pending => ("initializing", "initializing"),
        None => ("not-applicable", ""),
    };
    let details =
        if detail.is_empty() { json!([]) } else { json!([{ "name": "reachability", "status": detail }]) };
    let check = json!({ "status": status, "details": details });
    let subnet = network::subnet(&call.place, &instance.subnet);
    json!({
        "instanceId": instance.id,
        "availabilityZone": subnet.as_ref().map(|subnet| &subnet.zone),
        "availabilityZoneId": subnet.as_ref().map(|subnet| &subnet.zone_id),
        "instanceState": instance.state(call.now).document(),
        "instanceStatus": check,
        "systemStatus": check,
        "attachedEbsStatus": check,
    })
}
