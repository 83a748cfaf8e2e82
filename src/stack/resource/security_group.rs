//! The security groups. The host's opens port 22 to the operator's address and nobody else; the notebook's lets nobody
//! in, as SageMaker's own door leads into it.

use async_trait::async_trait;
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, ResourceType};

use super::{Resource, differs, ec2_tags, filter, owner_in_ec2, tag_in_ec2};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, STACK_TAG, Stack, StackError, if_there, or_there};

pub(super) struct SecurityGroup(pub(super) Kind);

const OPEN_TO: &str = "open to";
const NOBODY: &str = "nobody";

/// One source of a rule: its text (`tcp 22 from 203.0.113.7/32`) and the rule that opens or shuts just that one.
/// EC2 folds the sources of one port into one rule, so that to shut one is not to shut all.
fn sources(rule: &IpPermission) -> Vec<(String, IpPermission)> {
    let ports = match (rule.from_port, rule.to_port) {
        (Some(from), Some(to)) if from == to => from.to_string(),
        (Some(from), Some(to)) => format!("{from}-{to}"),
        _ => "all ports".to_owned(),
    };
    let protocol = match rule.ip_protocol() {
        Some("-1") | None => "anything",
        Some(protocol) => protocol,
    };
    let text = |source: Option<&str>| format!("{protocol} {ports} from {}", source.unwrap_or("somewhere"));
    let only = || {
        IpPermission::builder()
            .set_ip_protocol(rule.ip_protocol.clone())
            .set_from_port(rule.from_port)
            .set_to_port(rule.to_port)
    };
    let v4 = rule.ip_ranges().iter().map(|range| (text(range.cidr_ip()), only().ip_ranges(range.clone())));
    let v6 =
        rule.ipv6_ranges().iter().map(|range| (text(range.cidr_ipv6()), only().ipv6_ranges(range.clone())));
    let groups = rule
        .user_id_group_pairs()
        .iter()
        .map(|pair| (text(pair.group_id()), only().user_id_group_pairs(pair.clone())));
    let lists = rule
        .prefix_list_ids()
        .iter()
        .map(|list| (text(list.prefix_list_id()), only().prefix_list_ids(list.clone())));
    v4.chain(v6).chain(groups).chain(lists).map(|(text, rule)| (text, rule.build())).collect()
}

/// The texts of all sources of some rules, in a fixed order.
fn open_to(rules: &[IpPermission]) -> Vec<String> {
    let mut texts: Vec<String> = rules.iter().flat_map(sources).map(|(text, _)| text).collect();
    texts.sort();
    texts
}

fn lets_in_one_address(found: &Found) -> bool {
    let open = found.properties.get(OPEN_TO).map(String::as_str).unwrap_or_default();
    let one = |address: &str| address.ends_with("/32") || address.ends_with("/128");
    open.strip_prefix("tcp 22 from ").is_some_and(|source| !source.contains(", ") && one(source))
}

/// What the group is to let in; `None` if that is nobody.
async fn wanted_rule(kind: Kind, stack: &Stack) -> Result<Option<IpPermission>, StackError> {
    if kind == Kind::NotebookSecurityGroup {
        return Ok(None);
    }
    let from = stack.ssh_from().await?;
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22);
    let rule = if from.is_ipv4() {
        rule.ip_ranges(IpRange::builder().cidr_ip(from.to_string()).description("hydrant operator").build())
    } else {
        rule.ipv6_ranges(
            Ipv6Range::builder().cidr_ipv6(from.to_string()).description("hydrant operator").build(),
        )
    };
    Ok(Some(rule.build()))
}

/// The group of our name: ours wherever it is; else the one in the VPC where it would be made, as names are unique
/// only within a VPC and a stranger's in another is none of our business.
async fn describe(
    kind: Kind,
    stack: &Stack,
) -> Result<Option<aws_sdk_ec2::types::SecurityGroup>, StackError> {
    let request =
        stack.cloud.ec2.describe_security_groups().filters(filter("group-name", stack.names.of(kind)));
    let answer = stack.call(kind, Operation::DescribeSecurityGroups, request.send()).await?;
    let groups = answer.security_groups.unwrap_or_default();
    let is_ours = |group: &&aws_sdk_ec2::types::SecurityGroup| {
        owner_in_ec2(group.tags()).as_deref() == Some(&stack.names.stack)
    };
    if let Some(ours) = groups.iter().find(is_ours) {
        return Ok(Some(ours.clone()));
    }
    if groups.is_empty() {
        return Ok(None);
    }
    let vpc = vpc(kind, stack).await?;
    Ok(groups.into_iter().find(|group| group.vpc_id() == Some(&vpc)))
}

/// The VPC of the notebook's subnet, or the one that a host without a subnet of its own lands in.
async fn vpc(kind: Kind, stack: &Stack) -> Result<String, StackError> {
    if kind == Kind::NotebookSecurityGroup {
        return Ok(super::notebook::subnet(stack).await?.vpc);
    }
    let request = stack.cloud.ec2.describe_vpcs().filters(filter("is-default", "true"));
    let answer = stack.call(kind, Operation::DescribeVpcs, request.send()).await?;
    let vpc = answer.vpcs.unwrap_or_default().into_iter().find_map(|vpc| vpc.vpc_id);
    vpc.ok_or_else(|| StackError::NoNetwork(stack.names.region.to_string()))
}

#[async_trait]
impl Resource for SecurityGroup {
    /// Without knowing the operator's address, a group that lets in one address by ssh is left as it is, and any other
    /// is still wanted to be that of the operator.
    async fn wanted(&self, stack: &Stack, found: Option<&Found>) -> Result<Wanted, StackError> {
        let wanted = Wanted::default().with(OWNER, &stack.names.stack);
        match wanted_rule(self.0, stack).await {
            Ok(None) => Ok(wanted.with(OPEN_TO, NOBODY)),
            Ok(Some(rule)) => Ok(wanted.with(OPEN_TO, open_to(&[rule]).join(", "))),
            Err(StackError::NoAddress { .. }) if found.is_some_and(lets_in_one_address) => Ok(wanted),
            Err(StackError::NoAddress { .. }) if found.is_some() => {
                Ok(wanted.with(OPEN_TO, "your address only"))
            }
            Err(error) => Err(error),
        }
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let Some(group) = describe(self.0, stack).await? else { return Ok(None) };
        let id = group.group_id().ok_or_else(|| StackError::OddAnswer(STACK_TAG.to_owned(), "GroupId"))?;
        let open = open_to(group.ip_permissions());
        let open = if open.is_empty() { NOBODY.to_owned() } else { open.join(", ") };
        let found = Found::ready(id, stack.names.ec2_arn("security-group", id))
            .with(OWNER, owner_in_ec2(group.tags()))
            .with(OPEN_TO, open);
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let request = stack
            .cloud
            .ec2
            .create_security_group()
            .group_name(stack.names.of(self.0))
            .description(if self.0 == Kind::NotebookSecurityGroup {
                "lets nobody into the hydrant notebook"
            } else {
                "ssh to the hydrant host from its operator"
            })
            .vpc_id(vpc(self.0, stack).await?)
            .tag_specifications(ec2_tags(stack, ResourceType::SecurityGroup, &[]));
        or_there(stack.call(self.0, Operation::CreateSecurityGroup, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        if differs(differences, OWNER) {
            tag_in_ec2(stack, self.0, &found.id).await?;
        }
        if !differs(differences, OPEN_TO) {
            return Ok(());
        }
        let ec2 = &stack.cloud.ec2;
        let rule = wanted_rule(self.0, stack).await?;
        let there = describe(self.0, stack)
            .await?
            .map(|group| group.ip_permissions.unwrap_or_default())
            .unwrap_or_default();
        let wanted = open_to(rule.as_slice());
        // The operator's door is opened before the others are shut, so that nobody is locked out in between.
        if let Some(rule) = rule.filter(|_| !open_to(&there).iter().any(|source| wanted.contains(source))) {
            let request = ec2.authorize_security_group_ingress().group_id(&found.id).ip_permissions(rule);
            or_there(stack.call(self.0, Operation::AuthorizeSecurityGroupIngress, request.send()).await)?;
        }
        let others: Vec<IpPermission> = there
            .iter()
            .flat_map(sources)
            .filter(|(text, _)| !wanted.contains(text))
            .map(|(_, rule)| rule)
            .collect();
        if !others.is_empty() {
            let request =
                ec2.revoke_security_group_ingress().group_id(&found.id).set_ip_permissions(Some(others));
            if_there(stack.call(self.0, Operation::RevokeSecurityGroupIngress, request.send()).await)?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        let request = stack.cloud.ec2.delete_security_group().group_id(&found.id);
        stack.call(self.0, Operation::DeleteSecurityGroup, request.send()).await.map(drop)
    }
}
