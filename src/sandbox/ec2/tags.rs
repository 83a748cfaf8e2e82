//! Tags of everything that EC2 has, in one table: whatever has an id can carry them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::{self, Filter, Searchable};
use super::{dry_run, images, instances, invalid, missing, network, security_groups};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{Tag, Tags, merge};
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// What a resource may carry.
const MOST_TAGS: usize = 50;

/// The kinds of things that can be tagged, by what their ids begin with.
const KINDS: [(&str, &str); 9] = [
    ("i-", "instance"),
    ("sg-", "security-group"),
    ("sgr-", "security-group-rule"),
    ("key-", "key-pair"),
    ("vol-", "volume"),
    ("eni-", "network-interface"),
    ("vpc-", "vpc"),
    ("subnet-", "subnet"),
    ("ami-", "image"),
];

/// What kind of thing an id is of.
pub(super) fn resource_type(id: &str) -> Option<&'static str> {
    KINDS.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, kind)| *kind)
}

/// Ids of a place and their tags.
pub(super) fn of_place<'a>(world: &'a World, place: &Place) -> impl Iterator<Item = (&'a str, &'a Tags)> {
    let prefix = place.prefix();
    let length = prefix.len();
    let rows: Vec<_> = world.ec2.tags.under(&prefix).collect();
    rows.into_iter().filter_map(move |(key, tags)| Some((key.get(length..)?, tags)))
}

/// The tags of a thing, as answers show them.
pub(super) fn shown(world: &World, place: &Place, id: &str) -> Value {
    world.ec2.tags.get(&place.key(id)).map_or_else(|| json!([]), list)
}

fn list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// Gives a thing that was made a moment ago its first tags.
pub(super) fn give(world: &mut World, place: &Place, id: &str, tags: Option<&Tags>) {
    if let Some(tags) = tags.filter(|tags| !tags.is_empty()) {
        world.ec2.tags.insert(place.key(id), tags.clone());
    }
}

/// A tag of a request: EC2 tells one without a value from one whose value is empty.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GivenTag {
    key: Option<String>,
    value: Option<String>,
}

/// The tags of a request on top of those that are there.
fn merged(there: &Tags, given: &[GivenTag]) -> Result<Tags, Refusal> {
    let mut new = Vec::new();
    let mut keys = BTreeSet::new();
    for tag in given {
        let key = tag.key.clone().ok_or_else(|| invalid("Tag key cannot be null"))?;
        let value = tag.value.clone();
        let value = value.ok_or_else(|| invalid("Tag value cannot be null. Use empty string instead."))?;
        if !keys.insert(key.clone()) {
            return Err(invalid(format!("Duplicate tag key '{key}' specified.")));
        }
        new.push(Tag { key, value });
    }
    if there.keys().chain(&keys).collect::<BTreeSet<_>>().len() > MOST_TAGS {
        let message = "The maximum number of Tags for a resource has been reached.";
        return Err(Refusal::new("TagLimitExceeded", message));
    }
    merge(there, &new, "InvalidParameterValue")
}

/// Tags for what a call makes, by kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagSpecification {
    resource_type: Option<String>,
    #[serde(default)]
    tag: Vec<GivenTag>,
}

/// The tags for each kind of thing that a call makes; `makes` are the kinds that it does.
pub(super) fn specified(
    specifications: &[TagSpecification],
    makes: &[&'static str],
) -> Result<BTreeMap<&'static str, Tags>, Refusal> {
    let mut by_kind = BTreeMap::new();
    for specification in specifications {
        let named = specification.resource_type.as_deref();
        let named = named.ok_or_else(|| invalid("Tag specification resource type must have a value"))?;
        let kind = makes.iter().find(|kind| **kind == named).ok_or_else(|| {
            invalid(format!("'{named}' is not a valid taggable resource type for this operation."))
        })?;
        if specification.tag.is_empty() {
            return Err(invalid("Tag specification must have at least one tag"));
        }
        let tags = merged(&Tags::new(), &specification.tag)?;
        if by_kind.insert(*kind, tags).is_some() {
            let message = "The same resource type may not be specified more than once in tag specifications";
            return Err(invalid(message));
        }
    }
    Ok(by_kind)
}

/// Refuses ids of nothing.
fn check_there(world: &World, call: &Call, ids: &[String]) -> Result<(), Refusal> {
    if ids.is_empty() {
        return Err(missing("resourceIdSet"));
    }
    ids.iter().try_for_each(|id| check_one(world, &call.place, id))
}

fn check_one(world: &World, place: &Place, id: &str) -> Result<(), Refusal> {
    let ec2 = &world.ec2;
    let key = place.key(id);
    let found = |is_there: bool, code: &'static str, what: &str| {
        if is_there { Ok(()) } else { Err(Refusal::new(code, format!("The {what} '{id}' does not exist"))) }
    };
    match resource_type(id) {
        Some("instance") => instances::find(world, place, std::slice::from_ref(&id.to_owned())).map(drop),
        Some("security-group") => security_groups::check(world, place, id),
        Some("security-group-rule") => {
            let is_there = security_groups::has_rule(world, place, id);
            found(is_there, "InvalidSecurityGroupRuleId.NotFound", "security group rule ID")
        }
        Some("key-pair") => {
            let is_there = ec2.key_pairs.under(&place.prefix()).any(|(_, pair)| pair.id == id);
            found(is_there, "InvalidKeyPair.NotFound", "key pair ID")
        }
        Some("volume") => found(ec2.volumes.contains(&key), "InvalidVolume.NotFound", "volume"),
        Some("network-interface") => {
            let is_there = ec2.instances.under(&place.prefix()).any(|(_, instance)| instance.interface == id);
            found(is_there, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID")
        }
        Some("vpc") => found(network::vpc_id(place) == id, "InvalidVpcID.NotFound", "vpc ID"),
        Some("subnet") => {
            found(network::subnet(place, id).is_some(), "InvalidSubnetID.NotFound", "subnet ID")
        }
        Some("image") => images::find(id).map(drop),
        _ => Err(Refusal::new("InvalidID", format!("The ID '{id}' is not valid"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateTags {
    resource_id: Vec<String>,
    tag: Vec<GivenTag>,
    dry_run: Option<Flag>,
}

pub(super) fn create_tags(world: &mut World, call: &Call, input: CreateTags) -> Answer {
    check_there(world, call, &input.resource_id)?;
    let none = Tags::new();
    let mut all = Vec::new();
    for id in &input.resource_id {
        let key = call.place.key(id);
        let tags = merged(world.ec2.tags.get(&key).unwrap_or(&none), &input.tag)?;
        all.push((key, tags));
    }
    dry_run(input.dry_run)?;
    for (key, tags) in all {
        world.ec2.tags.insert(key, tags);
    }
    Ok(json!({ "return": true }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteTags {
    resource_id: Vec<String>,
    #[serde(default)]
    tag: Vec<GivenTag>,
    dry_run: Option<Flag>,
}

/// A tag that is named with a value goes only if it has that value; without any named, all go.
pub(super) fn delete_tags(world: &mut World, call: &Call, input: DeleteTags) -> Answer {
    check_there(world, call, &input.resource_id)?;
    dry_run(input.dry_run)?;
    let goes = |key: &str, value: &str| {
        input.tag.is_empty()
            || input.tag.iter().any(|tag| {
                tag.key.as_deref() == Some(key) && tag.value.as_deref().is_none_or(|given| given == value)
            })
    };
    for id in &input.resource_id {
        let row = call.place.key(id);
        if let Some(tags) = world.ec2.tags.get_mut(&row) {
            tags.retain(|key, value| !goes(key, value));
            if tags.is_empty() {
                world.ec2.tags.remove(&row);
            }
        }
    }
    Ok(json!({ "return": true }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeTags {
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: "self",
    by: &[
        ("key", "key"),
        ("value", "value"),
        ("resource-id", "resourceId"),
        ("resource-type", "resourceType"),
    ],
};

pub(super) fn describe_tags(world: &mut World, call: &Call, input: DescribeTags) -> Answer {
    dry_run(input.dry_run)?;
    instances::settle(world, call.now);
    let mut items = Vec::new();
    for (id, tags) in of_place(world, &call.place) {
        for (key, value) in tags {
            // `tag:Name` filters look for a list of tags: here each item is one itself.
            let item = json!({
                "key": key,
                "value": value,
                "resourceId": id,
                "resourceType": resource_type(id),
                "self": { "key": key, "value": value },
            });
            items.push((format!("{id}/{key}"), item));
        }
    }
    let picked = SEARCHABLE.pick(&input.filter, items)?;
    let mut page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    for item in page.items.iter_mut().filter_map(Value::as_object_mut) {
        item.remove("self");
    }
    Ok(Reply::Document(json!({ "tagSet": page.items, "nextToken": page.next })))
}
