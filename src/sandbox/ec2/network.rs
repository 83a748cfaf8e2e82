//! Regions, availability zones, the default VPC and its subnets. An account has them in every region from the
//! beginning and cannot change them here, so they are made up from its number and the region's name.

use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::{self, Filter, NOTHING, Searchable};
use super::{dry_run, fixed_id, invalid, tags};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// Every account has these.
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Accounts must ask for these.
const ASKED_FOR: [&str; 17] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

const VPC_BLOCK: &str = "172.31.0.0/16";
const SUBNET_BLOCKS: [(&str, &str); 3] =
    [("a", "172.31.0.0/20"), ("b", "172.31.16.0/20"), ("c", "172.31.32.0/20")];

/// A subnet of the default VPC.
#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) id: String,
    pub(super) zone: String,
    pub(super) zone_id: String,
    block: &'static str,
}

/// The id of a place's default VPC.
pub(super) fn vpc_id(place: &Place) -> String {
    fixed_id(place, "vpc", "default")
}

/// Its default subnets, one in each zone.
pub(super) fn subnets(place: &Place) -> [Subnet; 3] {
    SUBNET_BLOCKS.map(|(letter, block)| Subnet {
        id: fixed_id(place, "subnet", letter),
        zone: format!("{}{letter}", place.region),
        zone_id: zone_id(&place.region, letter),
        block,
    })
}

/// The subnet of an id.
pub(super) fn subnet(place: &Place, id: &str) -> Option<Subnet> {
    subnets(place).into_iter().find(|subnet| subnet.id == id)
}

/// `use1-az1` for the first zone of `us-east-1`.
fn zone_id(region: &str, letter: &str) -> String {
    let mut short = String::new();
    for (position, word) in region.split('-').enumerate() {
        short.push_str(match word {
            "northeast" => "ne",
            "southeast" => "se",
            "northwest" => "nw",
            "southwest" => "sw",
            _ if position == 1 => word.get(..1).unwrap_or(word),
            _ => word,
        });
    }
    let number = SUBNET_BLOCKS.iter().position(|(known, _)| *known == letter).unwrap_or_default() + 1;
    format!("{short}-az{number}")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeRegions {
    #[serde(default)]
    region_name: Vec<String>,
    all_regions: Option<Flag>,
    #[serde(default)]
    filter: Vec<Filter>,
    dry_run: Option<Flag>,
}

const SEARCHABLE_REGIONS: Searchable = Searchable {
    tags: NOTHING,
    by: &[("endpoint", "regionEndpoint"), ("opt-in-status", "optInStatus"), ("region-name", "regionName")],
};

pub(super) fn describe_regions(_: &mut World, call: &Call, input: DescribeRegions) -> Answer {
    dry_run(input.dry_run)?;
    let region = |name: &str, opt_in: &str| {
        let document = json!({
            "regionName": name,
            "regionEndpoint": format!("ec2.{name}.amazonaws.com"),
            "optInStatus": opt_in,
        });
        (name.to_owned(), document)
    };
    let mut all: Vec<_> = REGIONS.iter().map(|name| region(name, "opt-in-not-required")).collect();
    let own = call.place.region.as_str();
    if !REGIONS.contains(&own) {
        // Whoever works in a region that must be asked for has asked for it.
        all.push(region(own, "opted-in"));
    }
    let named = &input.region_name;
    if input.all_regions == Some(Flag(true)) || !named.is_empty() {
        let others = ASKED_FOR.iter().filter(|name| **name != own);
        all.extend(others.map(|name| region(name, "not-opted-in")));
    }
    if let Some(unknown) = named.iter().find(|name| !all.iter().any(|(known, _)| known == *name)) {
        return Err(invalid(format!("Invalid region name: {unknown}")));
    }
    all.retain(|(name, _)| named.is_empty() || named.contains(name));
    let page = lists::page(SEARCHABLE_REGIONS.pick(&input.filter, all)?, None, None)?;
    Ok(json!({ "regionInfo": page.items }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeAvailabilityZones {
    #[serde(default)]
    zone_name: Vec<String>,
    #[serde(default)]
    zone_id: Vec<String>,
    /// There are no zones here that an account has not.
    #[serde(rename = "AllAvailabilityZones")]
    _all_availability_zones: Option<Flag>,
    #[serde(default)]
    filter: Vec<Filter>,
    dry_run: Option<Flag>,
}

const SEARCHABLE_ZONES: Searchable = Searchable {
    tags: NOTHING,
    by: &[
        ("group-long-name", "groupLongName"),
        ("group-name", "groupName"),
        ("message", "messageSet.message"),
        ("opt-in-status", "optInStatus"),
        ("parent-zone-id", NOTHING),
        ("parent-zone-name", NOTHING),
        ("region-name", "regionName"),
        ("state", "zoneState"),
        ("zone-id", "zoneId"),
        ("zone-name", "zoneName"),
        ("zone-type", "zoneType"),
    ],
};

pub(super) fn describe_availability_zones(
    _: &mut World,
    call: &Call,
    input: DescribeAvailabilityZones,
) -> Answer {
    dry_run(input.dry_run)?;
    let region = &call.place.region;
    let all = subnets(&call.place);
    let unknown_name = input.zone_name.iter().find(|name| !all.iter().any(|zone| zone.zone == **name));
    let unknown_id = input.zone_id.iter().find(|id| !all.iter().any(|zone| zone.zone_id == **id));
    if let Some(unknown) = unknown_name.or(unknown_id) {
        return Err(invalid(format!("Invalid availability zone: [{unknown}]")));
    }
    let wanted = |zone: &Subnet| {
        (input.zone_name.is_empty() && input.zone_id.is_empty())
            || input.zone_name.contains(&zone.zone)
            || input.zone_id.contains(&zone.zone_id)
    };
    let zones = all.into_iter().filter(wanted).map(|zone| {
        let document = json!({
            "zoneName": zone.zone,
            "zoneId": zone.zone_id,
            "zoneState": "available",
            "zoneType": "availability-zone",
            "regionName": region,
            "groupName": format!("{region}-zg-1"),
            "networkBorderGroup": region,
            "optInStatus": "opt-in-not-required",
            "messageSet": [],
        });
        (zone.zone, document)
    });
    let page = lists::page(SEARCHABLE_ZONES.pick(&input.filter, zones.collect())?, None, None)?;
    Ok(json!({ "availabilityZoneInfo": page.items }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeVpcs {
    #[serde(default)]
    vpc_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE_VPCS: Searchable = Searchable {
    tags: "tagSet",
    by: &[
        ("cidr", "cidrBlock"),
        ("cidr-block", "cidrBlock"),
        ("cidr-block-association.cidr-block", "cidrBlockAssociationSet.cidrBlock"),
        ("cidr-block-association.association-id", "cidrBlockAssociationSet.associationId"),
        ("cidr-block-association.state", "cidrBlockAssociationSet.cidrBlockState.state"),
        ("dhcp-options-id", "dhcpOptionsId"),
        ("ipv6-cidr-block-association.association-id", NOTHING),
        ("ipv6-cidr-block-association.ipv6-cidr-block", NOTHING),
        ("ipv6-cidr-block-association.ipv6-pool", NOTHING),
        ("ipv6-cidr-block-association.state", NOTHING),
        ("is-default", "isDefault"),
        ("isDefault", "isDefault"),
        ("owner-id", "ownerId"),
        ("state", "state"),
        ("vpc-id", "vpcId"),
    ],
};

/// Refuses any VPC but the default one.
pub(super) fn check_vpc(place: &Place, id: &str) -> Result<(), Refusal> {
    if id == vpc_id(place) {
        return Ok(());
    }
    Err(Refusal::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")))
}

pub(super) fn describe_vpcs(world: &mut World, call: &Call, input: DescribeVpcs) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.vpc_id, "vpcIds", input.max_results)?;
    let place = &call.place;
    input.vpc_id.iter().try_for_each(|id| check_vpc(place, id))?;
    let id = vpc_id(place);
    let document = json!({
        "vpcId": id,
        "ownerId": place.account,
        "state": "available",
        "cidrBlock": VPC_BLOCK,
        "dhcpOptionsId": fixed_id(place, "dopt", "default"),
        "instanceTenancy": "default",
        "isDefault": true,
        "cidrBlockAssociationSet": [{
            "associationId": fixed_id(place, "vpc-cidr-assoc", "default"),
            "cidrBlock": VPC_BLOCK,
            "cidrBlockState": { "state": "associated" },
        }],
        "tagSet": tags::shown(world, place, &id),
    });
    let picked = SEARCHABLE_VPCS.pick(&input.filter, vec![(id, document)])?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "vpcSet": page.items, "nextToken": page.next }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSubnets {
    #[serde(default)]
    subnet_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE_SUBNETS: Searchable = Searchable {
    tags: "tagSet",
    by: &[
        ("availability-zone", "availabilityZone"),
        ("availabilityZone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("available-ip-address-count", "availableIpAddressCount"),
        ("cidr", "cidrBlock"),
        ("cidrBlock", "cidrBlock"),
        ("cidr-block", "cidrBlock"),
        ("default-for-az", "defaultForAz"),
        ("defaultForAz", "defaultForAz"),
        ("ipv6-cidr-block-association.association-id", NOTHING),
        ("ipv6-cidr-block-association.ipv6-cidr-block", NOTHING),
        ("ipv6-cidr-block-association.state", NOTHING),
        ("ipv6-native", "ipv6Native"),
        ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
        ("outpost-arn", NOTHING),
        ("owner-id", "ownerId"),
        ("state", "state"),
        ("subnet-arn", "subnetArn"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
    ],
};

/// Addresses of a /20 that are not AWS's own.
const FREE_ADDRESSES: u32 = 4091;

/// The subnet of an id, or the refusal.
pub(super) fn find_subnet(place: &Place, id: &str) -> Result<Subnet, Refusal> {
    let unknown = || Refusal::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
    subnet(place, id).ok_or_else(unknown)
}

pub(super) fn describe_subnets(world: &mut World, call: &Call, input: DescribeSubnets) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.subnet_id, "subnetIds", input.max_results)?;
    let place = &call.place;
    input.subnet_id.iter().try_for_each(|id| find_subnet(place, id).map(drop))?;
    let wanted = |subnet: &Subnet| input.subnet_id.is_empty() || input.subnet_id.contains(&subnet.id);
    let all = subnets(place).into_iter().filter(wanted);
    let all = all.map(|subnet| (subnet.zone.clone(), document(world, place, &subnet))).collect();
    let picked = SEARCHABLE_SUBNETS.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "subnetSet": page.items, "nextToken": page.next }).into())
}

fn document(world: &World, place: &Place, subnet: &Subnet) -> Value {
    json!({
        "subnetId": subnet.id,
        "subnetArn": place.arn("ec2", &format!("subnet/{}", subnet.id)),
        "vpcId": vpc_id(place),
        "ownerId": place.account,
        "state": "available",
        "cidrBlock": subnet.block,
        "availabilityZone": subnet.zone,
        "availabilityZoneId": subnet.zone_id,
        "availableIpAddressCount": FREE_ADDRESSES,
        "defaultForAz": true,
        "mapPublicIpOnLaunch": true,
        "mapCustomerOwnedIpOnLaunch": false,
        "assignIpv6AddressOnCreation": false,
        "enableDns64": false,
        "ipv6Native": false,
        "ipv6CidrBlockAssociationSet": [],
        "privateDnsNameOptionsOnLaunch": {
            "hostnameType": "ip-name",
            "enableResourceNameDnsARecord": false,
            "enableResourceNameDnsAAAARecord": false,
        },
        "tagSet": tags::shown(world, place, &subnet.id),
    })
}
