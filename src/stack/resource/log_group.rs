//! The log group: where Firehose and the streamer log.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_smithy_types::DateTime;

use super::{Resource, differs};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct LogGroup;

const RETENTION: &str = "retention";

fn days(days: i32) -> String {
    if days == 0 { "for ever".to_owned() } else { crate::text::counted(days, "day", "days") }
}

fn tags(stack: &Stack) -> HashMap<String, String> {
    stack.names.tags().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[async_trait]
impl Resource for LogGroup {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default()
            .with(OWNER, &stack.names.stack)
            .with(RETENTION, days(stack.settings.log_retention_days.get())))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(Kind::LogGroup);
        let mut pages = stack.cloud.logs.describe_log_groups().log_group_name_prefix(name);
        let group = loop {
            let page = stack.call(Kind::LogGroup, Operation::DescribeLogGroups, pages.clone().send()).await?;
            let next = page.next_token().map(ToOwned::to_owned);
            let found = page
                .log_groups
                .unwrap_or_default()
                .into_iter()
                .find(|group| group.log_group_name() == Some(name));
            match (found, next) {
                (Some(group), _) => break group,
                (None, Some(next)) => pages = pages.next_token(next),
                (None, None) => return Ok(None),
            }
        };
        let arn = stack.names.arn(Kind::LogGroup);
        let request = stack.cloud.logs.list_tags_for_resource().resource_arn(&arn);
        let answer = stack.call(Kind::LogGroup, Operation::ListTagsForResource, request.send()).await;
        let Some(tags) = if_there(answer)? else { return Ok(None) };
        let owner = tags.tags.and_then(|mut tags| tags.remove(OWNER));
        let made = group.creation_time().map(DateTime::from_millis);
        let found = Found::ready(name, arn)
            .made_at(made.as_ref())
            .with(OWNER, owner)
            .with(RETENTION, days(group.retention_in_days.unwrap_or(0)));
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let request = stack
            .cloud
            .logs
            .create_log_group()
            .log_group_name(stack.names.of(Kind::LogGroup))
            .set_tags(Some(tags(stack)));
        or_there(stack.call(Kind::LogGroup, Operation::CreateLogGroup, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        let logs = &stack.cloud.logs;
        if differs(differences, OWNER) {
            let request = logs.tag_resource().resource_arn(&found.arn).set_tags(Some(tags(stack)));
            stack.call(Kind::LogGroup, Operation::TagResource, request.send()).await?;
        }
        if differs(differences, RETENTION) {
            let name = stack.names.of(Kind::LogGroup);
            let days = stack.settings.log_retention_days.get();
            if days == 0 {
                let request = logs.delete_retention_policy().log_group_name(name);
                stack.call(Kind::LogGroup, Operation::DeleteRetentionPolicy, request.send()).await?;
            } else {
                let request = logs.put_retention_policy().log_group_name(name).retention_in_days(days);
                stack.call(Kind::LogGroup, Operation::PutRetentionPolicy, request.send()).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, _found: &Found) -> Result<(), StackError> {
        let request = stack.cloud.logs.delete_log_group().log_group_name(stack.names.of(Kind::LogGroup));
        stack.call(Kind::LogGroup, Operation::DeleteLogGroup, request.send()).await.map(drop)
    }
}
