//! Network interfaces: each instance has one, which comes and goes with it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::instances::{self, ADDRESS, HOST_NAME, Instance, PowerState};
use super::lists::{self, Filter, NOTHING, Searchable};
use super::{dry_run, hex, network, tags};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::iso;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// An instance's interface, as the instance shows it.
pub(super) fn of_instance(world: &World, place: &Place, instance: &Instance, now: Timestamp) -> Value {
    let public = instance.has_public_address(now);
    let association =
        public.then(|| json!({ "ipOwnerId": "amazon", "publicDnsName": HOST_NAME, "publicIp": ADDRESS }));
    json!({
        "networkInterfaceId": instance.interface,
        "ownerId": place.account,
        "status": "in-use",
        "interfaceType": "interface",
        "description": instance.interface_description,
        "macAddress": mac(&instance.interface),
        "sourceDestCheck": instance.source_dest_check,
        "subnetId": instance.subnet,
        "vpcId": network::vpc_id(place),
        "privateIpAddress": ADDRESS,
        "privateDnsName": HOST_NAME,
        "association": association,
        "privateIpAddressesSet": [{
            "primary": true,
            "privateIpAddress": ADDRESS,
            "privateDnsName": HOST_NAME,
            "association": association,
        }],
        "ipv6AddressesSet": [],
        "groupSet": instance.named_groups(world, place),
        "attachment": attachment(instance),
    })
}

fn attachment(instance: &Instance) -> Value {
    json!({
        "attachmentId": format!("eni-attach-0{}", &hex(instance.interface.as_bytes())[..16]),
        "deviceIndex": 0,
        "networkCardIndex": 0,
        "status": "attached",
        "attachTime": iso(instance.created),
        "deleteOnTermination": true,
    })
}

/// A made-up address of the kind that is given out locally.
fn mac(interface: &str) -> String {
    let digits = hex(interface.as_bytes());
    let pairs = (0..10).step_by(2).map(|at| &digits[at..at + 2]);
    format!("0e:{}", pairs.collect::<Vec<_>>().join(":"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeNetworkInterfaces {
    #[serde(default)]
    network_interface_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    /// No service manages interfaces here.
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<Flag>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: "tagSet",
    by: &[
        ("addresses.primary", "privateIpAddressesSet.primary"),
        ("addresses.private-ip-address", "privateIpAddressesSet.privateIpAddress"),
        ("addresses.association.public-ip", "privateIpAddressesSet.association.publicIp"),
        ("association.ip-owner-id", "association.ipOwnerId"),
        ("association.public-dns-name", "association.publicDnsName"),
        ("association.public-ip", "association.publicIp"),
        ("attachment.attach-time", "attachment.attachTime"),
        ("attachment.attachment-id", "attachment.attachmentId"),
        ("attachment.delete-on-termination", "attachment.deleteOnTermination"),
        ("attachment.device-index", "attachment.deviceIndex"),
        ("attachment.instance-id", "attachment.instanceId"),
        ("attachment.instance-owner-id", "attachment.instanceOwnerId"),
        ("attachment.status", "attachment.status"),
        ("availability-zone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("description", "description"),
        ("group-id", "groupSet.groupId"),
        ("group-name", "groupSet.groupName"),
        ("interface-type", "interfaceType"),
        ("ipv6-addresses.ipv6-address", NOTHING),
        ("mac-address", "macAddress"),
        ("network-interface-id", "networkInterfaceId"),
        ("owner-id", "ownerId"),
        ("private-dns-name", "privateDnsName"),
        ("private-ip-address", "privateIpAddress"),
        ("requester-id", NOTHING),
        ("requester-managed", "requesterManaged"),
        ("source-dest-check", "sourceDestCheck"),
        ("status", "status"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
    ],
};

pub(super) fn describe_network_interfaces(
    world: &mut World,
    call: &Call,
    input: DescribeNetworkInterfaces,
) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.network_interface_id, "networkInterfaceIds", input.max_results)?;
    instances::settle(world, call.now);
    let place = &call.place;
    let all: Vec<&Instance> = world
        .ec2
        .instances
        .under(&place.prefix())
        .map(|(_, instance)| instance)
        .filter(|instance| instance.state(call.now) != PowerState::Terminated)
        .collect();
    let ids = &input.network_interface_id;
    if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|instance| instance.interface == **id)) {
        let message = format!("The networkInterface ID '{unknown}' does not exist");
        return Err(Refusal::new("InvalidNetworkInterfaceID.NotFound", message));
    }
    let wanted = |instance: &&Instance| ids.is_empty() || ids.contains(&instance.interface);
    let shown = all.into_iter().filter(wanted);
    let shown = shown.map(|instance| (instance.interface.clone(), document(world, call, instance)));
    let picked = SEARCHABLE.pick(&input.filter, shown.collect())?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "networkInterfaceSet": page.items, "nextToken": page.next }).into())
}

fn document(world: &World, call: &Call, instance: &Instance) -> Value {
    let place = &call.place;
    let subnet = network::subnet(place, &instance.subnet);
    let mut document = of_instance(world, place, instance, call.now);
    document["availabilityZone"] = json!(subnet.as_ref().map(|subnet| &subnet.zone));
    document["availabilityZoneId"] = json!(subnet.as_ref().map(|subnet| &subnet.zone_id));
    document["requesterManaged"] = json!(false);
    document["attachment"]["instanceId"] = json!(instance.id);
    document["attachment"]["instanceOwnerId"] = json!(place.account);
    document["tagSet"] = tags::shown(world, place, &instance.interface);
    document
}
