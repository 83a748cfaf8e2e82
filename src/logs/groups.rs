//! What log groups there are.

use jiff::Timestamp;

use super::LogsError;
use crate::cloud::{Cloud, Operation};

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its ARN, without the `:*` that stands for its streams.
    pub arn: String,
    /// What it holds, in bytes as CloudWatch bills them; some hours behind.
    pub bytes: u64,
    /// Days after which events are dropped; `None` is never.
    pub retention_days: Option<i32>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// Every group whose name begins so, in the order of names; `None` is all of them.
pub async fn groups(cloud: &Cloud, prefix: Option<&str>) -> Result<Vec<Group>, LogsError> {
    let mut groups = Vec::new();
    let mut request =
        cloud.logs.describe_log_groups().set_log_group_name_prefix(prefix.map(ToOwned::to_owned));
    loop {
        let target = prefix.unwrap_or("log groups");
        let page = cloud.call(Operation::DescribeLogGroups, target, request.clone().send()).await?;
        groups.extend(page.log_groups.unwrap_or_default().into_iter().filter_map(group));
        match page.next_token {
            Some(token) => request = request.next_token(token),
            None => break,
        }
    }
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(groups)
}

/// The group of exactly this name.
pub(super) async fn named(cloud: &Cloud, name: &str) -> Result<Group, LogsError> {
    let like_it = groups(cloud, Some(name)).await?;
    like_it.into_iter().find(|group| group.name == name).ok_or_else(|| LogsError::NoGroup(name.to_owned()))
}

fn group(group: aws_sdk_cloudwatchlogs::types::LogGroup) -> Option<Group> {
    let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
    Some(Group {
        arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
        bytes: group.stored_bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
        retention_days: group.retention_in_days,
        created: group.creation_time.and_then(|at| Timestamp::from_millisecond(at).ok()),
        name: group.log_group_name?,
    })
}
