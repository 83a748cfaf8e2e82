//! The log stream: where Firehose writes what it could not deliver. It has no tags: whose the group is, it is too.

use async_trait::async_trait;
use aws_smithy_types::DateTime;

use super::Resource;
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::plan::{Difference, Found, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct LogStream;

#[async_trait]
impl Resource for LogStream {
    async fn wanted(&self, _stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default())
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(Kind::LogStream);
        let mut pages = stack
            .cloud
            .logs
            .describe_log_streams()
            .log_group_name(stack.names.of(Kind::LogGroup))
            .log_stream_name_prefix(name);
        loop {
            let answer =
                stack.call(Kind::LogStream, Operation::DescribeLogStreams, pages.clone().send()).await;
            let Some(page) = if_there(answer)? else { return Ok(None) };
            let mut streams = page.log_streams().iter();
            if let Some(stream) = streams.find(|stream| stream.log_stream_name() == Some(name)) {
                let made = stream.creation_time().map(DateTime::from_millis);
                let found = Found::ready(name, stack.names.arn(Kind::LogStream));
                return Ok(Some(found.made_at(made.as_ref())));
            }
            match page.next_token {
                Some(next) => pages = pages.next_token(next),
                None => return Ok(None),
            }
        }
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let request = stack
            .cloud
            .logs
            .create_log_stream()
            .log_group_name(stack.names.of(Kind::LogGroup))
            .log_stream_name(stack.names.of(Kind::LogStream));
        or_there(stack.call(Kind::LogStream, Operation::CreateLogStream, request.send()).await)
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
        let request = stack
            .cloud
            .logs
            .delete_log_stream()
            .log_group_name(stack.names.of(Kind::LogGroup))
            .log_stream_name(stack.names.of(Kind::LogStream));
        stack.call(Kind::LogStream, Operation::DeleteLogStream, request.send()).await.map(drop)
    }
}
