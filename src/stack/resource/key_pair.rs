//! The key pair: the public half of a key that is made and kept on this machine.

use async_trait::async_trait;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::ResourceType;

use super::{Resource, differs, ec2_tags, owner_in_ec2, tag_in_ec2};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::keys::{openssh, without_comment};
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct KeyPair;

const PUBLIC_KEY: &str = "public key";
const KIND: Kind = Kind::KeyPair;

#[async_trait]
impl Resource for KeyPair {
    /// A key pair whose private half is on another machine is good as it is: only a key that is here and differs
    /// is worth replacing what is there.
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        let wanted = Wanted::default().with(OWNER, &stack.names.stack);
        Ok(match stack.keys.operator()? {
            Some(key) => wanted.fixed(PUBLIC_KEY, openssh(&key, stack.keys.folder())?),
            None => wanted,
        })
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(KIND);
        let request = stack.cloud.ec2.describe_key_pairs().key_names(name).include_public_key(true);
        let answer = if_there(stack.call(KIND, Operation::DescribeKeyPairs, request.send()).await)?;
        let Some(pair) = answer.and_then(|answer| answer.key_pairs.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let id = pair.key_pair_id().unwrap_or(name);
        let mut found = Found::ready(id, stack.names.ec2_arn("key-pair", id))
            .made_at(pair.create_time())
            .with(OWNER, owner_in_ec2(pair.tags()))
            .with(PUBLIC_KEY, pair.public_key().map(without_comment));
        if stack.keys.operator()?.is_none() {
            "its private half is not on this machine".clone_into(&mut found.detail);
        }
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let name = stack.names.of(KIND);
        let key = openssh(&stack.keys.make_operator(name)?, stack.keys.folder())?;
        let request = stack
            .cloud
            .ec2
            .import_key_pair()
            .key_name(name)
            .public_key_material(Blob::new(format!("{key} {name}")))
            .tag_specifications(ec2_tags(stack, ResourceType::KeyPair, &[]));
        or_there(stack.call(KIND, Operation::ImportKeyPair, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        if differs(differences, OWNER) { tag_in_ec2(stack, KIND, &found.id).await } else { Ok(()) }
    }

    async fn delete(&self, stack: &Stack, _found: &Found) -> Result<(), StackError> {
        let request = stack.cloud.ec2.delete_key_pair().key_name(stack.names.of(KIND));
        stack.call(KIND, Operation::DeleteKeyPair, request.send()).await.map(drop)
    }
}
