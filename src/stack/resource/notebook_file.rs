//! The ready notebook document in the lake's bucket, from where each start of the notebook fetches it. Its owner and
//! what it holds are in the object's own metadata, which the one call that writes it sets.

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ObjectIdentifier;

use super::bucket::delete_objects;
use super::{Resource, differs};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::names::{STACK_TAG, VERSION, VERSION_TAG};
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there};

pub(super) struct NotebookFile;

const KIND: Kind = Kind::NotebookFile;
const CONTENT: &str = "content";
/// The document itself.
const DOCUMENT: &str = include_str!("../../../assets/notebook/hydrant.ipynb");

/// A key of an object's metadata: S3 takes no colons in them.
fn key(tag: &str) -> String {
    tag.replace(':', "-")
}

fn checksum() -> String {
    format!("{:08x}, {} bytes", crc32fast::hash(DOCUMENT.as_bytes()), DOCUMENT.len())
}

async fn put(stack: &Stack) -> Result<(), StackError> {
    let request = stack
        .cloud
        .s3
        .put_object()
        .bucket(stack.names.of(Kind::Bucket))
        .key(stack.names.of(KIND))
        .content_type("application/x-ipynb+json")
        .metadata(key(STACK_TAG), &stack.names.stack)
        .metadata(key(VERSION_TAG), VERSION)
        .metadata(CONTENT, checksum())
        .body(ByteStream::from_static(DOCUMENT.as_bytes()));
    stack.call(KIND, Operation::PutObject, request.send()).await.map(drop)
}

#[async_trait]
impl Resource for NotebookFile {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default().with(OWNER, &stack.names.stack).with(CONTENT, checksum()))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let request =
            stack.cloud.s3.head_object().bucket(stack.names.of(Kind::Bucket)).key(stack.names.of(KIND));
        let answer = if_there(stack.call(KIND, Operation::HeadObject, request.send()).await)?;
        let Some(there) = answer else { return Ok(None) };
        let said = |key: &str| there.metadata().and_then(|metadata| metadata.get(key)).cloned();
        let found = Found::ready(stack.names.of(KIND), stack.names.arn(KIND))
            .with(OWNER, said(&key(STACK_TAG)))
            .with(CONTENT, said(CONTENT));
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        put(stack).await.map(|()| Made::Now)
    }

    async fn change(
        &self,
        stack: &Stack,
        _found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        if differs(differences, OWNER) || differs(differences, CONTENT) {
            put(stack).await?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, _found: &Found) -> Result<(), StackError> {
        let object = ObjectIdentifier::builder().key(stack.names.of(KIND)).build().expect("it has a key");
        delete_objects(stack, KIND, vec![object]).await
    }
}
