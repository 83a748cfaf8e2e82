//! Rules of security groups: read from permissions, one for each source, and folded into permissions again.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{invalid, missing, security_groups, tags};
use crate::sandbox::call::Place;
use crate::sandbox::ids;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::Number;
use crate::sandbox::world::World;

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) egress: bool,
    /// A name where EC2 has one, else a number; `-1` is every protocol.
    protocol: String,
    from_port: Option<i32>,
    to_port: Option<i32>,
    pub(super) peer: Peer,
    description: Option<String>,
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Peer {
    V4(String),
    V6(String),
    Group(String),
}

impl Peer {
    fn text(&self) -> &str {
        match self {
            Self::V4(text) | Self::V6(text) | Self::Group(text) => text,
        }
    }
}

impl Rule {
    /// A rule for everything, as new groups have it.
    pub(super) fn for_everything(egress: bool, peer: Peer) -> Self {
        Self {
            id: ids::ec2("sgr"),
            egress,
            protocol: EVERY_PROTOCOL.to_owned(),
            from_port: None,
            to_port: None,
            peer,
            description: None,
        }
    }

    /// Whether two rules let through the same. What they are described by makes no difference.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.peer == other.peer && self.has_ports_of(other)
    }

    fn has_ports_of(&self, other: &Self) -> bool {
        let ports = |rule: &Self| (rule.egress, rule.protocol.clone(), rule.from_port, rule.to_port);
        ports(self) == ports(other)
    }

    /// As the refusal of a duplicate words it.
    pub(super) fn sentence(&self) -> String {
        let protocol = if self.protocol == EVERY_PROTOCOL { "ALL" } else { &self.protocol.to_uppercase() };
        let ports = match (self.from_port, self.to_port) {
            (Some(from), Some(to)) => format!(", from port: {from}, to port: {to}"),
            _ => String::new(),
        };
        format!("peer: {}, {protocol}{ports}, ALLOW", self.peer.text())
    }

    /// As `DescribeSecurityGroupRules` shows it.
    pub(super) fn document(&self, world: &World, place: &Place, group: &str) -> Value {
        let referenced = match &self.peer {
            Peer::Group(id) => json!({ "groupId": id, "userId": place.account }),
            _ => Value::Null,
        };
        let mut document = self.plain(group);
        document["groupOwnerId"] = json!(place.account);
        document["referencedGroupInfo"] = referenced;
        document["securityGroupRuleArn"] =
            json!(place.arn("ec2", &format!("security-group-rule/{}", self.id)));
        document["tagSet"] = tags::shown(world, place, &self.id);
        document
    }

    /// As a revoked rule is shown.
    pub(super) fn revoked(&self, group: &str) -> Value {
        let mut document = self.plain(group);
        if let Peer::Group(id) = &self.peer {
            document["referencedGroupId"] = json!(id);
        }
        document
    }

    fn plain(&self, group: &str) -> Value {
        let (v4, v6) = match &self.peer {
            Peer::V4(block) => (Some(block), None),
            Peer::V6(block) => (None, Some(block)),
            Peer::Group(_) => (None, None),
        };
        json!({
            "securityGroupRuleId": self.id,
            "groupId": group,
            "isEgress": self.egress,
            "ipProtocol": self.protocol,
            "fromPort": self.from_port.unwrap_or(-1),
            "toPort": self.to_port.unwrap_or(-1),
            "cidrIpv4": v4,
            "cidrIpv6": v6,
            "description": self.description,
        })
    }
}

/// Rules folded into permissions, as groups show them: one for each protocol and ports, with all its peers.
pub(super) fn permissions(place: &Place, rules: &[&Rule]) -> Vec<Value> {
    let mut heads: Vec<&Rule> = Vec::new();
    for rule in rules {
        if !heads.iter().any(|head| head.has_ports_of(rule)) {
            heads.push(rule);
        }
    }
    heads.iter().map(|head| permission(place, head, rules)).collect()
}

fn permission(place: &Place, head: &Rule, rules: &[&Rule]) -> Value {
    let (mut v4, mut v6, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules.iter().filter(|rule| rule.has_ports_of(head)) {
        let description = &rule.description;
        match &rule.peer {
            Peer::V4(block) => v4.push(json!({ "cidrIp": block, "description": description })),
            Peer::V6(block) => v6.push(json!({ "cidrIpv6": block, "description": description })),
            Peer::Group(id) => {
                groups.push(json!({ "groupId": id, "userId": place.account, "description": description }));
            }
        }
    }
    json!({
        "ipProtocol": head.protocol,
        "fromPort": head.from_port,
        "toPort": head.to_port,
        "ipRanges": v4,
        "ipv6Ranges": v6,
        "groups": groups,
        "prefixListIds": [],
    })
}

/// A permission of a request: a protocol, ports and any number of peers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct IpPermission {
    pub(super) ip_protocol: Option<String>,
    pub(super) from_port: Option<Number<i32>>,
    pub(super) to_port: Option<Number<i32>>,
    pub(super) ip_ranges: Vec<IpRange>,
    pub(super) ipv6_ranges: Vec<Ipv6Range>,
    pub(super) groups: Vec<GroupPair>,
    pub(super) prefix_list_ids: Vec<PrefixList>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct IpRange {
    pub(super) cidr_ip: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Ipv6Range {
    cidr_ipv6: String,
    description: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GroupPair {
    pub(super) group_id: Option<String>,
    pub(super) group_name: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) vpc_id: Option<String>,
    pub(super) description: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PrefixList {
    prefix_list_id: String,
    #[serde(rename = "Description")]
    _description: Option<String>,
}

/// The protocol that stands for all.
const EVERY_PROTOCOL: &str = "-1";
/// Protocols that EC2 names instead of numbering them.
const NAMED: [(&str, &str); 4] = [("tcp", "6"), ("udp", "17"), ("icmp", "1"), ("icmpv6", "58")];

/// The rules that some permissions stand for.
pub(super) fn read(
    world: &World,
    place: &Place,
    egress: bool,
    permissions: &[IpPermission],
) -> Result<Vec<Rule>, Refusal> {
    if permissions.is_empty() {
        return Err(missing("ipPermissions"));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for permission in permissions {
        for rule in of_permission(world, place, egress, permission)? {
            if rules.iter().any(|known| known.is_same(&rule)) {
                return Err(invalid("The same permission must not appear multiple times"));
            }
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn of_permission(
    world: &World,
    place: &Place,
    egress: bool,
    permission: &IpPermission,
) -> Result<Vec<Rule>, Refusal> {
    let protocol = protocol(permission.ip_protocol.as_deref())?;
    let (from_port, to_port) = ports(&protocol, permission)?;
    let mut peers = Vec::new();
    for range in &permission.ip_ranges {
        peers.push((Peer::V4(canonical_v4(&range.cidr_ip)?), &range.description));
    }
    for range in &permission.ipv6_ranges {
        peers.push((Peer::V6(canonical_v6(&range.cidr_ipv6)?), &range.description));
    }
    for pair in &permission.groups {
        peers.push((Peer::Group(referenced(world, place, pair)?), &pair.description));
    }
    if let Some(list) = permission.prefix_list_ids.first() {
        let message = format!("The prefix list ID '{}' does not exist", list.prefix_list_id);
        return Err(Refusal::new("InvalidPrefixListID.NotFound", message));
    }
    if peers.is_empty() {
        return Err(missing("CidrIp"));
    }
    let rule = |(peer, description): (Peer, &Option<String>)| {
        check_description(description.as_deref())?;
        Ok(Rule {
            id: ids::ec2("sgr"),
            egress,
            protocol: protocol.clone(),
            from_port,
            to_port,
            peer,
            description: description.clone().filter(|text| !text.is_empty()),
        })
    };
    peers.into_iter().map(rule).collect()
}

fn protocol(given: Option<&str>) -> Result<String, Refusal> {
    let given = given.ok_or_else(|| missing("ipProtocol"))?.to_lowercase();
    if given == EVERY_PROTOCOL || given == "all" {
        return Ok(EVERY_PROTOCOL.to_owned());
    }
    if let Some((name, _)) = NAMED.iter().find(|(name, number)| given == *name || given == *number) {
        return Ok((*name).to_owned());
    }
    match given.parse::<u8>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Err(invalid(format!("Invalid value '{given}' for IP protocol. Unknown protocol."))),
    }
}

/// The ports of TCP and UDP, type and code of ICMP; other protocols have neither.
fn ports(protocol: &str, permission: &IpPermission) -> Result<(Option<i32>, Option<i32>), Refusal> {
    let (from, to) = (permission.from_port.map(|port| port.0), permission.to_port.map(|port| port.0));
    match protocol {
        "tcp" | "udp" => {
            let (Some(from), Some(to)) = (from, to) else {
                let message =
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
                return Err(invalid(message));
            };
            if let Some(port) = [from, to].into_iter().find(|port| !(0..=65_535).contains(port)) {
                return Err(invalid(format!("TCP/UDP port ({port}) out of range")));
            }
            if from > to {
                return Err(invalid(format!("Invalid TCP/UDP port range ({from}:{to})")));
            }
            Ok((Some(from), Some(to)))
        }
        "icmp" | "icmpv6" => {
            let (kind, code) = (from.unwrap_or(-1), to.unwrap_or(-1));
            if let Some(value) = [kind, code].into_iter().find(|value| !(-1..=255).contains(value)) {
                return Err(invalid(format!("ICMP type/code ({value}) out of range")));
            }
            Ok((Some(kind), Some(code)))
        }
        _ => Ok((None, None)),
    }
}

fn malformed(block: &str) -> Refusal {
    invalid(format!("CIDR block {block} is malformed"))
}

/// A block with the bits behind its prefix cleared, which is how EC2 keeps it whatever it is given.
fn canonical_v4(block: &str) -> Result<String, Refusal> {
    let (address, bits) = split(block, 32)?;
    let address: Ipv4Addr = address.parse().map_err(|_| malformed(block))?;
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Ok(format!("{}/{bits}", Ipv4Addr::from_bits(address.to_bits() & mask)))
}

fn canonical_v6(block: &str) -> Result<String, Refusal> {
    let (address, bits) = split(block, 128)?;
    let address: Ipv6Addr = address.parse().map_err(|_| malformed(block))?;
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Ok(format!("{}/{bits}", Ipv6Addr::from_bits(address.to_bits() & mask)))
}

fn split(block: &str, most_bits: u32) -> Result<(&str, u32), Refusal> {
    let (address, bits) = block.split_once('/').ok_or_else(|| malformed(block))?;
    let digits = bits.bytes().all(|digit| digit.is_ascii_digit());
    let bits = bits.parse().ok().filter(|bits| digits && *bits <= most_bits);
    Ok((address, bits.ok_or_else(|| malformed(block))?))
}

fn referenced(world: &World, place: &Place, pair: &GroupPair) -> Result<String, Refusal> {
    let known = security_groups::find(world, place, pair.group_id.as_deref(), pair.group_name.as_deref())?;
    let foreign_owner = pair.user_id.as_ref().is_some_and(|owner| *owner != place.account);
    let foreign_vpc = pair.vpc_id.as_ref().is_some_and(|vpc| *vpc != known.vpc);
    if foreign_owner || foreign_vpc {
        let message = format!("The security group '{}' does not exist", known.id);
        return Err(Refusal::new("InvalidGroup.NotFound", message));
    }
    Ok(known.id.clone())
}

fn check_description(description: Option<&str>) -> Result<(), Refusal> {
    if description.is_none_or(security_groups::is_describing) {
        return Ok(());
    }
    Err(invalid(
        "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: \
         a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_kept_without_the_bits_behind_their_prefix() {
        for (given, kept) in [
            ("100.68.0.18/18", Some("100.68.0.0/18")),
            ("203.0.113.7/32", Some("203.0.113.7/32")),
            ("1.2.3.4/0", Some("0.0.0.0/0")),
            ("1.2.3.4", None),
            ("1.2.3.4/33", None),
            ("1.2.3.4/+8", None),
            ("1.2.3/8", None),
            ("1.2.3.4/99999999999", None),
        ] {
            assert_eq!(canonical_v4(given).ok().as_deref(), kept, "{given}");
        }
        assert_eq!(canonical_v6("2001:DB8::7/32").ok().as_deref(), Some("2001:db8::/32"));
        assert_eq!(canonical_v6("::1/0").ok().as_deref(), Some("::/0"));
    }

    #[test]
    fn protocols_are_named_where_they_have_a_name() {
        for (given, kept) in
            [("6", Some("tcp")), ("TCP", Some("tcp")), ("-1", Some("-1")), ("50", Some("50")), ("ssh", None)]
        {
            assert_eq!(protocol(Some(given)).ok().as_deref(), kept, "{given}");
        }
    }
}
