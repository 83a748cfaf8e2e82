//! Security groups of the default VPC. One named `default` is there from the beginning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lists::{self, Filter, NOTHING, Searchable};
use super::rules::{self, GroupPair, IpPermission, IpRange, Peer, Rule};
use super::tags::{self, TagSpecification};
use super::{check_id, dry_run, fixed_id, instances, invalid, missing, network};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::fault::Kind;
use crate::sandbox::ids;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::sagemaker;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// A security group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SecurityGroup {
    pub(super) id: String,
    pub(super) name: String,
    description: String,
    pub(super) vpc: String,
    rules: Vec<Rule>,
    /// A fault keeps it from ever being deleted.
    pub(super) stuck: bool,
}

/// The group that every VPC has.
const DEFAULT: &str = "default";
/// A group has at most so many rules of each direction.
const MOST_RULES: usize = 60;

/// Makes sure that the default VPC has its default group.
pub(super) fn ensure_default(world: &mut World, place: &Place) -> String {
    let id = fixed_id(place, "sg", DEFAULT);
    if !world.ec2.groups.contains(&place.key(&id)) {
        let group = SecurityGroup {
            id: id.clone(),
            name: DEFAULT.to_owned(),
            description: "default VPC security group".to_owned(),
            vpc: network::vpc_id(place),
            rules: vec![
                Rule::for_everything(false, Peer::Group(id.clone())),
                Rule::for_everything(true, Peer::V4("0.0.0.0/0".to_owned())),
            ],
            stuck: false,
        };
        world.ec2.groups.insert(place.key(&id), group);
    }
    id
}

/// The group of an id, or the refusal.
pub(super) fn by_id<'a>(world: &'a World, place: &Place, id: &str) -> Result<&'a SecurityGroup, Refusal> {
    check_id("sg", id, "InvalidGroupId.Malformed")?;
    world.ec2.groups.get(&place.key(id)).ok_or_else(|| {
        Refusal::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
    })
}

/// The group of a name in the default VPC, or the refusal.
pub(super) fn by_name<'a>(world: &'a World, place: &Place, name: &str) -> Result<&'a SecurityGroup, Refusal> {
    let named = |group: &&SecurityGroup| group.name == name;
    of_place(world, place).find(named).ok_or_else(|| {
        let vpc = network::vpc_id(place);
        let message = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
        Refusal::new("InvalidGroup.NotFound", message)
    })
}

/// The group of an id or a name.
pub(super) fn find<'a>(
    world: &'a World,
    place: &Place,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'a SecurityGroup, Refusal> {
    match (id, name) {
        (Some(id), _) => by_id(world, place, id),
        (None, Some(name)) => by_name(world, place, name),
        (None, None) => Err(missing("groupName or groupId")),
    }
}

/// Refuses an id of no group.
pub(super) fn check(world: &World, place: &Place, id: &str) -> Result<(), Refusal> {
    by_id(world, place, id).map(drop)
}

/// Whether any group has a rule of this id.
pub(super) fn has_rule(world: &World, place: &Place, id: &str) -> bool {
    of_place(world, place).any(|group| group.rules.iter().any(|rule| rule.id == id))
}

/// A group as instances and interfaces name it.
pub(super) fn named(world: &World, place: &Place, id: &str) -> Value {
    let name = world.ec2.groups.get(&place.key(id)).map(|group| group.name.as_str());
    json!({ "groupId": id, "groupName": name })
}

fn of_place<'a>(world: &'a World, place: &Place) -> impl Iterator<Item = &'a SecurityGroup> {
    world.ec2.groups.under(&place.prefix()).map(|(_, group)| group).collect::<Vec<_>>().into_iter()
}

/// Whether a text may stand in a group's name, its description or a rule's.
pub(super) fn is_describing(text: &str) -> bool {
    text.len() <= 255
        && text.chars().all(|character| {
            character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character)
        })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateSecurityGroup {
    group_name: String,
    group_description: String,
    vpc_id: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    dry_run: Option<Flag>,
}

pub(super) fn create_security_group(world: &mut World, call: &Call, input: CreateSecurityGroup) -> Answer {
    let place = &call.place;
    ensure_default(world, place);
    let name = input.group_name.trim();
    check_new_name(name)?;
    check_text("GroupDescription", &input.group_description)?;
    let vpc = input.vpc_id.unwrap_or_else(|| network::vpc_id(place));
    network::check_vpc(place, &vpc)?;
    if of_place(world, place).any(|group| group.name.eq_ignore_ascii_case(name)) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(Refusal::new("InvalidGroup.Duplicate", message));
    }
    let tags = tags::specified(&input.tag_specification, &["security-group"])?;
    dry_run(input.dry_run)?;
    let id = ids::ec2("sg");
    let group = SecurityGroup {
        id: id.clone(),
        name: name.to_owned(),
        description: input.group_description,
        vpc,
        rules: vec![Rule::for_everything(true, Peer::V4("0.0.0.0/0".to_owned()))],
        stuck: false,
    };
    world.ec2.groups.insert(place.key(&id), group);
    tags::give(world, place, &id, tags.get("security-group"));
    Ok(json!({
        "return": true,
        "groupId": id,
        "securityGroupArn": arn(place, &id),
        "tagSet": tags::shown(world, place, &id),
    })
    .into())
}

fn arn(place: &Place, id: &str) -> String {
    place.arn("ec2", &format!("security-group/{id}"))
}

fn check_new_name(name: &str) -> Result<(), Refusal> {
    if name.eq_ignore_ascii_case(DEFAULT) {
        let message = format!("The security group '{name}' is reserved");
        return Err(Refusal::new("InvalidGroup.Reserved", message));
    }
    if name.to_lowercase().starts_with("sg-") {
        return Err(invalid(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        )));
    }
    check_text("GroupName", name)
}

fn check_text(parameter: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(missing(parameter));
    }
    if !text.is_ascii() {
        let message = format!(
            "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        );
        return Err(invalid(message));
    }
    if !is_describing(text) {
        return Err(invalid(format!(
            "Value ({text}) for parameter {parameter} is invalid. Valid are strings less than 256 characters from \
             the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
        )));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSecurityGroups {
    #[serde(default)]
    group_id: Vec<String>,
    #[serde(default)]
    group_name: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: "tagSet",
    by: &[
        ("description", "groupDescription"),
        ("egress.ip-permission.cidr", "ipPermissionsEgress.ipRanges.cidrIp"),
        ("egress.ip-permission.from-port", "ipPermissionsEgress.fromPort"),
        ("egress.ip-permission.group-id", "ipPermissionsEgress.groups.groupId"),
        ("egress.ip-permission.group-name", "ipPermissionsEgress.groups.groupName"),
        ("egress.ip-permission.ipv6-cidr", "ipPermissionsEgress.ipv6Ranges.cidrIpv6"),
        ("egress.ip-permission.prefix-list-id", NOTHING),
        ("egress.ip-permission.protocol", "ipPermissionsEgress.ipProtocol"),
        ("egress.ip-permission.to-port", "ipPermissionsEgress.toPort"),
        ("egress.ip-permission.user-id", "ipPermissionsEgress.groups.userId"),
        ("group-id", "groupId"),
        ("group-name", "groupName"),
        ("ip-permission.cidr", "ipPermissions.ipRanges.cidrIp"),
        ("ip-permission.from-port", "ipPermissions.fromPort"),
        ("ip-permission.group-id", "ipPermissions.groups.groupId"),
        ("ip-permission.group-name", "ipPermissions.groups.groupName"),
        ("ip-permission.ipv6-cidr", "ipPermissions.ipv6Ranges.cidrIpv6"),
        ("ip-permission.prefix-list-id", NOTHING),
        ("ip-permission.protocol", "ipPermissions.ipProtocol"),
        ("ip-permission.to-port", "ipPermissions.toPort"),
        ("ip-permission.user-id", "ipPermissions.groups.userId"),
        ("owner-id", "ownerId"),
        ("vpc-id", "vpcId"),
    ],
};

pub(super) fn describe_security_groups(
    world: &mut World,
    call: &Call,
    input: DescribeSecurityGroups,
) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.group_id, "groupIds", input.max_results)?;
    let place = &call.place;
    ensure_default(world, place);
    input.group_id.iter().try_for_each(|id| check(world, place, id))?;
    input.group_name.iter().try_for_each(|name| by_name(world, place, name).map(drop))?;
    let wanted = |group: &&SecurityGroup| {
        (input.group_id.is_empty() && input.group_name.is_empty())
            || input.group_id.contains(&group.id)
            || input.group_name.contains(&group.name)
    };
    let all = of_place(world, place).filter(wanted);
    let all = all.map(|group| (group.id.clone(), document(world, place, group))).collect();
    let picked = SEARCHABLE.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "securityGroupInfo": page.items, "nextToken": page.next }).into())
}

fn document(world: &World, place: &Place, group: &SecurityGroup) -> Value {
    let of_direction =
        |egress: bool| -> Vec<&Rule> { group.rules.iter().filter(|rule| rule.egress == egress).collect() };
    json!({
        "groupId": group.id,
        "groupName": group.name,
        "groupDescription": group.description,
        "vpcId": group.vpc,
        "ownerId": place.account,
        "securityGroupArn": arn(place, &group.id),
        "ipPermissions": rules::permissions(place, &of_direction(false)),
        "ipPermissionsEgress": rules::permissions(place, &of_direction(true)),
        "tagSet": tags::shown(world, place, &group.id),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeSecurityGroupRules {
    #[serde(default)]
    security_group_rule_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE_RULES: Searchable = Searchable {
    tags: "tagSet",
    by: &[("group-id", "groupId"), ("security-group-rule-id", "securityGroupRuleId")],
};

pub(super) fn describe_security_group_rules(
    world: &mut World,
    call: &Call,
    input: DescribeSecurityGroupRules,
) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.security_group_rule_id, "securityGroupRuleIds", input.max_results)?;
    let place = &call.place;
    ensure_default(world, place);
    input.security_group_rule_id.iter().try_for_each(|id| check_rule(has_rule(world, place, id), id))?;
    let ids = &input.security_group_rule_id;
    let of_group = |group: &SecurityGroup| -> Vec<(String, Value)> {
        let wanted = group.rules.iter().filter(|rule| ids.is_empty() || ids.contains(&rule.id));
        wanted.map(|rule| (rule.id.clone(), rule.document(world, place, &group.id))).collect()
    };
    let all = of_place(world, place).flat_map(of_group).collect();
    let picked = SEARCHABLE_RULES.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "securityGroupRuleSet": page.items, "nextToken": page.next }).into())
}

fn check_rule(is_there: bool, id: &str) -> Result<(), Refusal> {
    if is_there {
        return Ok(());
    }
    let message = format!("The security group rule ID '{id}' does not exist");
    Err(Refusal::new("InvalidSecurityGroupRuleId.NotFound", message))
}

/// The parameters by which inbound rules can be named without permissions.
#[derive(Debug, Default, Clone)]
struct OldStyle {
    ip_protocol: Option<String>,
    from_port: Option<Number<i32>>,
    to_port: Option<Number<i32>>,
    cidr_ip: Option<String>,
    group_name: Option<String>,
    group_owner: Option<String>,
}

impl OldStyle {
    /// The permissions that they stand for. A source group without a protocol means all TCP, UDP and ICMP.
    fn permissions(self) -> Result<Vec<IpPermission>, Refusal> {
        let Some(group_name) = self.group_name else {
            if self.ip_protocol.is_none() && self.cidr_ip.is_none() {
                return Ok(Vec::new());
            }
            let range =
                IpRange { cidr_ip: self.cidr_ip.ok_or_else(|| missing("CidrIp"))?, description: None };
            return Ok(vec![IpPermission {
                ip_protocol: self.ip_protocol,
                from_port: self.from_port,
                to_port: self.to_port,
                ip_ranges: vec![range],
                ..IpPermission::default()
            }]);
        };
        if self.cidr_ip.is_some() {
            let message = "The parameter CidrIp cannot be used with the parameter SourceSecurityGroupName";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        let pair =
            GroupPair { group_name: Some(group_name), user_id: self.group_owner, ..GroupPair::default() };
        let everything = [("tcp", 0, 65_535), ("udp", 0, 65_535), ("icmp", -1, -1)];
        let everything = everything
            .map(|(protocol, from, to)| (Some(protocol.to_owned()), Some(Number(from)), Some(Number(to))));
        let ports = match self.ip_protocol {
            Some(protocol) => vec![(Some(protocol), self.from_port, self.to_port)],
            None => everything.to_vec(),
        };
        let permission = |(ip_protocol, from_port, to_port)| IpPermission {
            ip_protocol,
            from_port,
            to_port,
            groups: vec![pair.clone()],
            ..IpPermission::default()
        };
        Ok(ports.into_iter().map(permission).collect())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AuthorizeSecurityGroupIngress {
    group_id: Option<String>,
    group_name: Option<String>,
    #[serde(default)]
    ip_permissions: Vec<IpPermission>,
    ip_protocol: Option<String>,
    from_port: Option<Number<i32>>,
    to_port: Option<Number<i32>>,
    cidr_ip: Option<String>,
    source_security_group_name: Option<String>,
    source_security_group_owner_id: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    dry_run: Option<Flag>,
}

pub(super) fn authorize_ingress(
    world: &mut World,
    call: &Call,
    input: AuthorizeSecurityGroupIngress,
) -> Answer {
    ensure_default(world, &call.place);
    let group = find(world, &call.place, input.group_id.as_deref(), input.group_name.as_deref())?;
    let group = group.id.clone();
    let old_style = OldStyle {
        ip_protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr_ip: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let permissions = [input.ip_permissions, old_style.permissions()?].concat();
    let new = New { egress: false, permissions, tags: input.tag_specification, dry_run: input.dry_run };
    authorize(world, call, &group, &new)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AuthorizeSecurityGroupEgress {
    group_id: String,
    #[serde(default)]
    ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    dry_run: Option<Flag>,
}

pub(super) fn authorize_egress(
    world: &mut World,
    call: &Call,
    input: AuthorizeSecurityGroupEgress,
) -> Answer {
    ensure_default(world, &call.place);
    let group = by_id(world, &call.place, &input.group_id)?.id.clone();
    let new = New {
        egress: true,
        permissions: input.ip_permissions,
        tags: input.tag_specification,
        dry_run: input.dry_run,
    };
    authorize(world, call, &group, &new)
}

/// Rules to be added to a group.
struct New {
    egress: bool,
    permissions: Vec<IpPermission>,
    tags: Vec<TagSpecification>,
    dry_run: Option<Flag>,
}

/// Adds all rules or none.
fn authorize(world: &mut World, call: &Call, group: &str, new: &New) -> Answer {
    let place = &call.place;
    let rules = rules::read(world, place, new.egress, &new.permissions)?;
    let there = &by_id(world, place, group)?.rules;
    if let Some(known) = rules.iter().find(|rule| there.iter().any(|known| known.is_same(rule))) {
        let message = format!("the specified rule \"{}\" already exists", known.sentence());
        return Err(Refusal::new("InvalidPermission.Duplicate", message));
    }
    if there.iter().filter(|rule| rule.egress == new.egress).count() + rules.len() > MOST_RULES {
        let message = "The maximum number of rules per security group has been reached.";
        return Err(Refusal::new("RulesPerSecurityGroupLimitExceeded", message));
    }
    let tags = tags::specified(&new.tags, &["security-group-rule"])?;
    dry_run(new.dry_run)?;
    for rule in &rules {
        tags::give(world, place, &rule.id, tags.get("security-group-rule"));
    }
    let shown: Vec<Value> = rules.iter().map(|rule| rule.document(world, place, group)).collect();
    if let Some(group) = world.ec2.groups.get_mut(&place.key(group)) {
        group.rules.extend(rules);
    }
    Ok(json!({ "return": true, "securityGroupRuleSet": shown }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RevokeSecurityGroupIngress {
    group_id: Option<String>,
    group_name: Option<String>,
    #[serde(default)]
    ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    security_group_rule_id: Vec<String>,
    ip_protocol: Option<String>,
    from_port: Option<Number<i32>>,
    to_port: Option<Number<i32>>,
    cidr_ip: Option<String>,
    source_security_group_name: Option<String>,
    source_security_group_owner_id: Option<String>,
    dry_run: Option<Flag>,
}

pub(super) fn revoke_ingress(world: &mut World, call: &Call, input: RevokeSecurityGroupIngress) -> Answer {
    ensure_default(world, &call.place);
    let group = find(world, &call.place, input.group_id.as_deref(), input.group_name.as_deref())?;
    let group = group.id.clone();
    let old_style = OldStyle {
        ip_protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr_ip: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let permissions = [input.ip_permissions, old_style.permissions()?].concat();
    let old = Old { egress: false, permissions, ids: input.security_group_rule_id, dry_run: input.dry_run };
    revoke(world, call, &group, &old)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RevokeSecurityGroupEgress {
    group_id: String,
    #[serde(default)]
    ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    security_group_rule_id: Vec<String>,
    dry_run: Option<Flag>,
}

pub(super) fn revoke_egress(world: &mut World, call: &Call, input: RevokeSecurityGroupEgress) -> Answer {
    ensure_default(world, &call.place);
    let group = by_id(world, &call.place, &input.group_id)?.id.clone();
    let old = Old {
        egress: true,
        permissions: input.ip_permissions,
        ids: input.security_group_rule_id,
        dry_run: input.dry_run,
    };
    revoke(world, call, &group, &old)
}

/// Rules to be taken from a group, by what they let through or by their ids.
struct Old {
    egress: bool,
    permissions: Vec<IpPermission>,
    ids: Vec<String>,
    dry_run: Option<Flag>,
}

/// Takes all rules or none.
fn revoke(world: &mut World, call: &Call, group: &str, old: &Old) -> Answer {
    let place = &call.place;
    let there = &by_id(world, place, group)?.rules;
    let doomed = if old.ids.is_empty() {
        rules_like(there, &rules::read(world, place, old.egress, &old.permissions)?)?
    } else {
        if !old.permissions.is_empty() {
            let message =
                "Security group rule IDs and IP permissions cannot be specified in the same request";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        rules_of_ids(there, old)?
    };
    dry_run(old.dry_run)?;
    let is_doomed = |rule: &Rule| doomed.iter().any(|doomed| doomed.id == rule.id);
    if let Some(group) = world.ec2.groups.get_mut(&place.key(group)) {
        group.rules.retain(|rule| !is_doomed(rule));
    }
    for rule in &doomed {
        world.ec2.tags.remove(&place.key(&rule.id));
    }
    let shown: Vec<Value> = doomed.iter().map(|rule| rule.revoked(group)).collect();
    Ok(json!({ "return": true, "revokedSecurityGroupRuleSet": shown, "unknownIpPermissionSet": [] }).into())
}

fn rules_like(there: &[Rule], meant: &[Rule]) -> Result<Vec<Rule>, Refusal> {
    let unknown = || {
        let message = "The specified rule does not exist in this security group.";
        Refusal::new("InvalidPermission.NotFound", message)
    };
    let like = |meant: &Rule| there.iter().find(|rule| rule.is_same(meant)).cloned().ok_or_else(unknown);
    meant.iter().map(like).collect()
}

fn rules_of_ids(there: &[Rule], old: &Old) -> Result<Vec<Rule>, Refusal> {
    let of_id = |id: &String| {
        let rule = there.iter().find(|rule| rule.id == *id && rule.egress == old.egress);
        check_rule(rule.is_some(), id)?;
        Ok(rule.cloned())
    };
    let found: Vec<Option<Rule>> = old.ids.iter().map(of_id).collect::<Result<_, Refusal>>()?;
    Ok(found.into_iter().flatten().collect())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteSecurityGroup {
    group_id: Option<String>,
    group_name: Option<String>,
    dry_run: Option<Flag>,
}

pub(super) fn delete_security_group(world: &mut World, call: &Call, input: DeleteSecurityGroup) -> Answer {
    let place = &call.place;
    ensure_default(world, place);
    instances::settle(world, call.now);
    let group = find(world, place, input.group_id.as_deref(), input.group_name.as_deref())?;
    let id = group.id.clone();
    if group.name == DEFAULT {
        let message =
            format!("the specified group: \"{id}\" name: \"{DEFAULT}\" cannot be deleted by a user");
        return Err(Refusal::new("CannotDelete", message));
    }
    let in_use = || Refusal::new("DependencyViolation", format!("resource {id} has a dependent object"));
    if group.stuck || is_used(world, place, &id, call.now) {
        return Err(in_use());
    }
    dry_run(input.dry_run)?;
    let row = place.key(&id);
    if world.faults.strikes(Kind::StuckDelete, "ec2", "DeleteSecurityGroup") {
        if let Some(group) = world.ec2.groups.get_mut(&row) {
            group.stuck = true;
        }
        return Err(in_use());
    }
    if let Some(group) = world.ec2.groups.remove(&row) {
        for rule in group.rules {
            world.ec2.tags.remove(&place.key(&rule.id));
        }
    }
    world.ec2.tags.remove(&row);
    Ok(json!({ "return": true, "groupId": id }).into())
}

/// Whether an instance that is not terminated has the group, a notebook has it, or another group's rule names it.
fn is_used(world: &World, place: &Place, id: &str, now: Timestamp) -> bool {
    let by_group = of_place(world, place).any(|group| {
        group.id != id && group.rules.iter().any(|rule| matches!(&rule.peer, Peer::Group(peer) if peer == id))
    });
    let mut instances = world.ec2.instances.under(&place.prefix());
    by_group
        || sagemaker::uses_security_group(world, place, id, now)
        || instances
            .any(|(_, instance)| !instance.is_terminated() && instance.groups.iter().any(|group| group == id))
}
