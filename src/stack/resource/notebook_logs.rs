//! What the notebook logged: its streams in the log group that SageMaker makes for every notebook of the account. They
//! are kept by a teardown unless it is told to take them; the group goes with them when nothing else is in it.

use async_trait::async_trait;

use super::Resource;
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::plan::{Difference, Found, Wanted};
use crate::stack::{Made, Stack, StackError, if_there};

pub(super) struct NotebookLogs;

const KIND: Kind = Kind::NotebookLogs;

/// The names of the streams in the group that begin so, and no more than a page of them if only one is asked for.
async fn streams(stack: &Stack, prefix: Option<&str>) -> Result<Option<Vec<String>>, StackError> {
    let mut names = Vec::new();
    let mut pages = stack
        .cloud
        .logs
        .describe_log_streams()
        .log_group_name(stack.names.of(KIND))
        .set_log_stream_name_prefix(prefix.map(ToOwned::to_owned));
    loop {
        let answer = stack.call(KIND, Operation::DescribeLogStreams, pages.clone().send()).await;
        let Some(page) = if_there(answer)? else { return Ok(None) };
        names.extend(
            page.log_streams.unwrap_or_default().into_iter().filter_map(|stream| stream.log_stream_name),
        );
        match page.next_token {
            Some(next) if prefix.is_some() => pages = pages.next_token(next),
            _ => return Ok(Some(names)),
        }
    }
}

/// SageMaker names a stream `<notebook>/<what it is of>`.
fn prefix(stack: &Stack) -> String {
    format!("{}/", stack.names.of(Kind::Notebook))
}

#[async_trait]
impl Resource for NotebookLogs {
    async fn wanted(&self, _stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default())
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let ours = streams(stack, Some(&prefix(stack))).await?.unwrap_or_default();
        if ours.is_empty() {
            return Ok(None);
        }
        let mut found = Found::ready(stack.names.of(KIND), stack.names.arn(KIND));
        found.detail =
            crate::text::counted(ours.len(), "log stream of the notebook", "log streams of the notebook");
        Ok(Some(found))
    }

    async fn create(&self, _stack: &Stack) -> Result<Made, StackError> {
        Ok(Made::Before)
    }

    async fn change(
        &self,
        _stack: &Stack,
        _found: &Found,
        _differences: &[Difference],
    ) -> Result<(), StackError> {
        Ok(())
    }

    async fn delete(&self, stack: &Stack, _found: &Found) -> Result<(), StackError> {
        let logs = &stack.cloud.logs;
        let group = stack.names.of(KIND);
        for stream in streams(stack, Some(&prefix(stack))).await?.unwrap_or_default() {
            let request = logs.delete_log_stream().log_group_name(group).log_stream_name(stream);
            if_there(stack.call(KIND, Operation::DeleteLogStream, request.send()).await)?;
        }
        // What other notebooks of the account logged is not ours to take.
        if streams(stack, None).await?.is_some_and(|left| left.is_empty()) {
            let request = logs.delete_log_group().log_group_name(group);
            stack.call(KIND, Operation::DeleteLogGroup, request.send()).await?;
        }
        Ok(())
    }
}
