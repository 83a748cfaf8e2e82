//! The kinds of resource, one file each. All five functions may be called at any moment and any number of times:
//! making what is there and deleting what is gone are no failures, and each leaves something that the next read
//! understands.

mod bucket;
mod delivery_stream;
mod instance;
mod instance_profile;
mod key_pair;
mod log_group;
mod log_stream;
mod notebook;
mod notebook_config;
mod notebook_file;
mod notebook_logs;
mod role;
mod security_group;

use async_trait::async_trait;

use super::graph::Kind;
use super::names::REGION_TAG;
use super::plan::{Difference, Found, Wanted};
use super::{Made, Stack, StackError};

/// What hydrant can do with one kind of resource.
#[async_trait]
pub(super) trait Resource: Sync {
    /// As it should be.
    async fn wanted(&self, stack: &Stack, found: Option<&Found>) -> Result<Wanted, StackError>;

    /// As it is; `None` if it is not there. Must not cost more calls than it has properties to ask for.
    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError>;

    /// Makes it, with its tags where the call can take them. Properties that take calls of their own are left to
    /// [`Resource::change`], which is asked for next.
    async fn create(&self, stack: &Stack) -> Result<Made, StackError>;

    /// Mends these differences in place.
    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError>;

    /// Asks for it to be gone; the next reads tell when it is.
    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError>;

    /// Does on this machine what has to be done once it is ready.
    async fn settle(&self, _stack: &Stack, _found: &Found) -> Result<(), StackError> {
        Ok(())
    }
}

/// The one that knows about that kind.
pub(super) fn of(kind: Kind) -> &'static dyn Resource {
    match kind {
        Kind::Bucket => &bucket::Bucket,
        Kind::LogGroup => &log_group::LogGroup,
        Kind::LogStream => &log_stream::LogStream,
        Kind::FirehoseRole => &role::Role(Kind::FirehoseRole),
        Kind::DeliveryStream => &delivery_stream::DeliveryStream,
        Kind::KeyPair => &key_pair::KeyPair,
        Kind::SecurityGroup => &security_group::SecurityGroup(Kind::SecurityGroup),
        Kind::InstanceRole => &role::Role(Kind::InstanceRole),
        Kind::InstanceProfile => &instance_profile::InstanceProfile,
        Kind::Instance => &instance::Instance,
        Kind::NotebookRole => &role::Role(Kind::NotebookRole),
        Kind::NotebookSecurityGroup => &security_group::SecurityGroup(Kind::NotebookSecurityGroup),
        Kind::NotebookFile => &notebook_file::NotebookFile,
        Kind::NotebookConfig => &notebook_config::NotebookConfig,
        Kind::NotebookLogs => &notebook_logs::NotebookLogs,
        Kind::Notebook => &notebook::Notebook,
    }
}

/// Whether one of the differences is of that property.
fn differs(differences: &[Difference], property: &str) -> bool {
    differences.iter().any(|difference| difference.property == property)
}

/// The tags of IAM things. IAM knows no regions, so theirs is a tag too.
fn iam_tags(stack: &Stack) -> Vec<aws_sdk_iam::types::Tag> {
    let region = (REGION_TAG, stack.names.region.as_str());
    let tag = |(key, value)| aws_sdk_iam::types::Tag::builder().key(key).value(value).build();
    let tags = stack.names.tags().into_iter().chain([region]);
    tags.map(|pair| tag(pair).expect("key and value are given")).collect()
}

/// Whose an IAM thing is: the same stack in another region is another owner.
fn owner_in_iam(stack: &Stack, tags: &[aws_sdk_iam::types::Tag]) -> Option<String> {
    let tag = |key: &str| tags.iter().find(|tag| tag.key() == key).map(|tag| tag.value());
    let owner = tag(super::STACK_TAG)?;
    match tag(REGION_TAG) {
        Some(region) if region != stack.names.region.as_str() => Some(format!("{owner} in {region}")),
        _ => Some(owner.to_owned()),
    }
}

/// The tags of EC2 things, given with the call that makes them.
fn ec2_tags(
    stack: &Stack,
    what: aws_sdk_ec2::types::ResourceType,
    others: &[(&str, &str)],
) -> aws_sdk_ec2::types::TagSpecification {
    let tags = stack.names.tags().into_iter().chain(others.iter().copied());
    let tag = |(key, value)| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    aws_sdk_ec2::types::TagSpecification::builder()
        .resource_type(what)
        .set_tags(Some(tags.map(tag).collect()))
        .build()
}

/// Puts the stack's tags on something in EC2 that is there already.
async fn tag_in_ec2(stack: &Stack, kind: Kind, id: &str) -> Result<(), StackError> {
    let tags = stack
        .names
        .tags()
        .map(|(key, value)| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build());
    let request = stack.cloud.ec2.create_tags().resources(id).set_tags(Some(tags.into()));
    stack.call(kind, crate::cloud::Operation::CreateTags, request.send()).await.map(drop)
}

/// The stack that something in EC2 is tagged with.
fn owner_in_ec2(tags: &[aws_sdk_ec2::types::Tag]) -> Option<String> {
    tags.iter()
        .find(|tag| tag.key() == Some(super::STACK_TAG))
        .and_then(|tag| tag.value().map(ToOwned::to_owned))
}

/// The tags of SageMaker things.
fn sagemaker_tags(stack: &Stack) -> Vec<aws_sdk_sagemaker::types::Tag> {
    let tag = |(key, value)| aws_sdk_sagemaker::types::Tag::builder().key(key).value(value).build();
    stack.names.tags().map(tag).into()
}

/// Puts the stack's tags on something in SageMaker that is there already.
async fn tag_in_sagemaker(stack: &Stack, kind: Kind, arn: &str) -> Result<(), StackError> {
    let request = stack.cloud.sagemaker.add_tags().resource_arn(arn).set_tags(Some(sagemaker_tags(stack)));
    stack.call(kind, crate::cloud::Operation::AddTags, request.send()).await.map(drop)
}

/// The stack that something in SageMaker is tagged with. It has at most fifty tags, which is one page.
async fn owner_in_sagemaker(stack: &Stack, kind: Kind, arn: &str) -> Result<Option<String>, StackError> {
    let request = stack.cloud.sagemaker.list_tags().resource_arn(arn).max_results(50);
    let answer = stack.call(kind, crate::cloud::Operation::ListTags, request.send()).await?;
    let ours = answer.tags().iter().find(|tag| tag.key() == Some(super::STACK_TAG));
    Ok(ours.and_then(|tag| tag.value().map(ToOwned::to_owned)))
}

/// A filter of EC2's `Describe…` calls.
pub(super) fn filter(name: &str, value: &str) -> aws_sdk_ec2::types::Filter {
    aws_sdk_ec2::types::Filter::builder().name(name).values(value).build()
}
