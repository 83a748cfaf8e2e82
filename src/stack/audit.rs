//! Finds whatever is left of a stack: by tag over every service at once, by path in IAM (which the search by tag
//! does not cover), and by name for everything that a stack is made of.
//!
//! The index of tags is behind the world: for minutes it lists what is gone. What it names and hydrant knows how to
//! look up is looked up; the rest is listed, as a leftover that is paid for is worse than one line too many.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::graph::Kind;
use super::resource;
use super::{STACK_TAG, Stack, StackError, Survey, if_there};
use crate::cloud::Operation;

/// What an audit found.
#[derive(Debug, Default)]
pub struct Audit {
    /// The ARNs of what is left, sorted.
    pub left: Vec<String>,
    /// What could not be looked at, as sentences: where there are any, `left` may be too short.
    pub blind: Vec<String>,
}

impl Audit {
    /// What a look gave; where it failed, that is noted, and everything else is looked at all the same.
    fn unless_blind<T>(&mut self, looked: Result<T, StackError>) -> Option<T> {
        looked.map_err(|error| self.blind.push(error.to_string())).ok()
    }
}

impl Stack {
    /// Looks everywhere. What is there by name, `survey` has just read.
    pub async fn audit(&self, survey: &Survey) -> Audit {
        let (by_tag, by_role, by_profile) =
            tokio::join!(self.left_by_tag(), self.roles_left(), self.profiles_left());
        let mut left: BTreeSet<String> = self.left_by_name(survey).collect();
        let mut blind: BTreeSet<String> = survey.unreadable.values().map(ToString::to_string).collect();
        for found in [by_tag, by_role, by_profile] {
            left.extend(found.left);
            blind.extend(found.blind);
        }
        Audit { left: left.into_iter().collect(), blind: blind.into_iter().collect() }
    }

    /// The ARNs of what is there by name and ours.
    pub(super) fn left_by_name<'a>(&'a self, survey: &'a Survey) -> impl Iterator<Item = String> + 'a {
        let there = survey.plan.steps.iter().filter_map(|step| Some((step.kind, step.found.as_ref()?)));
        there
            .filter(|(kind, found)| self.not_ours(*kind, found).is_none())
            .map(|(_, found)| found.arn.clone())
    }

    async fn left_by_tag(&self) -> Audit {
        let tag = TagFilter::builder().key(STACK_TAG).values(&self.names.stack).build();
        let mut pages = self.cloud.tagging.get_resources().tag_filters(tag);
        let mut found = Audit::default();
        loop {
            let request = pages.clone().send();
            let page =
                self.cloud.call(Operation::GetResources, "everything with the stack's tag", request).await;
            let Some(page) = found.unless_blind(page.map_err(StackError::from)) else { return found };
            let listed = page.resource_tag_mapping_list.unwrap_or_default();
            for arn in listed.into_iter().filter_map(|entry| entry.resource_arn) {
                // What could not be looked up is listed, and that it could not be is said.
                let is_gone = self.is_gone(&arn).await;
                if !found.unless_blind(is_gone).unwrap_or(false) {
                    found.left.push(arn);
                }
            }
            match page.pagination_token.filter(|token| !token.is_empty()) {
                Some(token) => pages = pages.pagination_token(token),
                None => return found,
            }
        }
    }

    /// Whether the thing is known to be gone although the index still lists it.
    async fn is_gone(&self, arn: &str) -> Result<bool, StackError> {
        let named = self.names.part.kinds().find(|kind| self.names.arn(*kind) == arn);
        if named.is_some() {
            // By name it is looked up anyway, and that look is the truth.
            return Ok(true);
        }
        let ec2 = &self.cloud.ec2;
        let Some((what, id)) = arn.rsplit(':').next().and_then(|tail| tail.split_once('/')) else {
            return Ok(false);
        };
        match what {
            "instance" => {
                let request = ec2.describe_instances().instance_ids(id);
                let answer =
                    if_there(self.call(Kind::Instance, Operation::DescribeInstances, request.send()).await)?;
                let mut instances = answer
                    .iter()
                    .flat_map(|answer| answer.reservations())
                    .flat_map(|group| group.instances());
                Ok(instances.all(|instance| {
                    let name = instance.state().and_then(|state| state.name());
                    name == Some(&aws_sdk_ec2::types::InstanceStateName::Terminated)
                }))
            }
            "volume" => {
                let request = ec2.describe_volumes().filters(resource::filter("volume-id", id));
                let answer = self.call(Kind::Instance, Operation::DescribeVolumes, request.send()).await?;
                Ok(answer.volumes().is_empty())
            }
            "security-group" => {
                let request = ec2.describe_security_groups().filters(resource::filter("group-id", id));
                let answer =
                    self.call(Kind::SecurityGroup, Operation::DescribeSecurityGroups, request.send()).await?;
                Ok(answer.security_groups().is_empty())
            }
            "key-pair" => {
                let request = ec2.describe_key_pairs().filters(resource::filter("key-pair-id", id));
                let answer = self.call(Kind::KeyPair, Operation::DescribeKeyPairs, request.send()).await?;
                Ok(answer.key_pairs().is_empty())
            }
            _ => Ok(false),
        }
    }

    async fn roles_left(&self) -> Audit {
        let path = self.names.iam_path();
        let mut roles = self.cloud.iam.list_roles().path_prefix(&path);
        let mut found = Audit::default();
        loop {
            let page = self.call(Kind::InstanceRole, Operation::ListRoles, roles.clone().send()).await;
            let Some(page) = found.unless_blind(page) else { return found };
            let arns = page.roles.into_iter().map(|role| role.arn);
            found.left.extend(arns.filter(|arn| arn.contains(&path)));
            match page.marker {
                Some(marker) if page.is_truncated => roles = roles.marker(marker),
                _ => return found,
            }
        }
    }

    async fn profiles_left(&self) -> Audit {
        let path = self.names.iam_path();
        let mut profiles = self.cloud.iam.list_instance_profiles().path_prefix(&path);
        let mut found = Audit::default();
        loop {
            let request = profiles.clone().send();
            let page = self.call(Kind::InstanceProfile, Operation::ListInstanceProfiles, request).await;
            let Some(page) = found.unless_blind(page) else { return found };
            let arns = page.instance_profiles.into_iter().map(|profile| profile.arn);
            found.left.extend(arns.filter(|arn| arn.contains(&path)));
            match page.marker {
                Some(marker) if page.is_truncated => profiles = profiles.marker(marker),
                _ => return found,
            }
        }
    }
}
