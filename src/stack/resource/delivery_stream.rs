//! The delivery stream: from records to files in the bucket's hourly folders.

use async_trait::async_trait;
use aws_sdk_firehose::types::{
    BufferingHints, CloudWatchLoggingOptions, CompressionFormat, DeliveryStreamDescription,
    DeliveryStreamStatus, DeliveryStreamType, ExtendedS3DestinationConfiguration,
    ExtendedS3DestinationDescription, ExtendedS3DestinationUpdate, Tag,
};

use super::{Resource, differs};
use crate::cloud::Operation;
use crate::settings::Compression;
use crate::stack::graph::Kind;
use crate::stack::plan::{BUFFER_SECONDS, Difference, Found, Life, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct DeliveryStream;

const SOURCE: &str = "source";
const BUCKET: &str = "bucket";
const ROLE: &str = "role";
const PREFIX: &str = "prefix";
const ERROR_PREFIX: &str = "error prefix";
const BUFFER_MB: &str = "buffer MB";
const COMPRESSION: &str = "compression";
const LOGGING: &str = "logging";
const KIND: Kind = Kind::DeliveryStream;

fn compression(stack: &Stack) -> CompressionFormat {
    match *stack.settings.compression {
        Compression::None => CompressionFormat::Uncompressed,
        Compression::Gzip => CompressionFormat::Gzip,
    }
}

fn buffering(stack: &Stack) -> BufferingHints {
    BufferingHints::builder()
        .size_in_mbs(stack.settings.buffer_mb.as_i32())
        .interval_in_seconds(stack.settings.buffer_seconds.as_i32())
        .build()
}

fn logging(stack: &Stack) -> CloudWatchLoggingOptions {
    CloudWatchLoggingOptions::builder()
        .enabled(true)
        .log_group_name(stack.names.of(Kind::LogGroup))
        .log_stream_name(stack.names.of(Kind::LogStream))
        .build()
}

/// Where log lines go, as text.
fn logged_to(options: &CloudWatchLoggingOptions) -> String {
    if options.enabled() == Some(true) {
        format!(
            "{}:{}",
            options.log_group_name().unwrap_or_default(),
            options.log_stream_name().unwrap_or_default()
        )
    } else {
        "off".to_owned()
    }
}

fn tags(stack: &Stack) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().expect("a key is given");
    stack.names.tags().map(tag).into()
}

async fn describe(stack: &Stack) -> Result<Option<DeliveryStreamDescription>, StackError> {
    let request = stack.cloud.firehose.describe_delivery_stream().delivery_stream_name(stack.names.of(KIND));
    let answer = if_there(stack.call(KIND, Operation::DescribeDeliveryStream, request.send()).await)?;
    Ok(answer.and_then(|answer| answer.delivery_stream_description))
}

fn destination(stream: &DeliveryStreamDescription) -> Option<&ExtendedS3DestinationDescription> {
    stream.destinations().first()?.extended_s3_destination_description()
}

fn life(stream: &DeliveryStreamDescription) -> Life {
    let failure = || {
        let details = stream.failure_description();
        let words = details.map(|failure| failure.details().to_owned());
        Life::Failed(crate::text::sanitise(
            &words.unwrap_or_else(|| stream.delivery_stream_status().to_string()),
        ))
    };
    match stream.delivery_stream_status() {
        DeliveryStreamStatus::Active => Life::Ready,
        DeliveryStreamStatus::Creating => Life::Creating,
        DeliveryStreamStatus::Deleting => Life::Deleting,
        _ => failure(),
    }
}

#[async_trait]
impl Resource for DeliveryStream {
    async fn wanted(&self, stack: &Stack, found: Option<&Found>) -> Result<Wanted, StackError> {
        let settings = &stack.settings;
        // An adopted role may stand under another path than the one that hydrant gives.
        let role = stack.names.arn(Kind::FirehoseRole);
        let same_role = |there: &&String| there.rsplit('/').next() == role.rsplit('/').next();
        let role = found.and_then(|found| found.properties.get(ROLE)).filter(same_role).unwrap_or(&role);
        Ok(Wanted::default()
            .with(OWNER, &stack.names.stack)
            .fixed(SOURCE, DeliveryStreamType::DirectPut.as_str())
            .with(BUCKET, stack.names.arn(Kind::Bucket))
            .with(ROLE, role)
            .with(PREFIX, settings.prefix.as_str())
            .with(ERROR_PREFIX, settings.error_prefix.as_str())
            .with(BUFFER_MB, settings.buffer_mb.get().to_string())
            .with(BUFFER_SECONDS, settings.buffer_seconds.get().to_string())
            .with(COMPRESSION, compression(stack).as_str())
            .with(LOGGING, logged_to(&logging(stack))))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(KIND);
        let Some(stream) = describe(stack).await? else { return Ok(None) };
        let request = stack.cloud.firehose.list_tags_for_delivery_stream().delivery_stream_name(name);
        let answer = stack.call(KIND, Operation::ListTagsForDeliveryStream, request.send()).await;
        let Some(tags) = if_there(answer)? else { return Ok(None) };
        let owner = tags
            .tags()
            .iter()
            .find(|tag| tag.key() == OWNER)
            .and_then(|tag| tag.value().map(ToOwned::to_owned));
        let mut found = Found::ready(name, stream.delivery_stream_arn())
            .made_at(stream.create_timestamp())
            .with(OWNER, owner)
            .with(SOURCE, stream.delivery_stream_type().as_str().to_owned());
        found.life = life(&stream);
        let Some(destination) = destination(&stream) else { return Ok(Some(found)) };
        let hints = destination.buffering_hints();
        let number = |number: Option<i32>| number.map(|number| number.to_string());
        Ok(Some(
            found
                .with(BUCKET, destination.bucket_arn().to_owned())
                .with(ROLE, destination.role_arn().to_owned())
                .with(PREFIX, destination.prefix().map(ToOwned::to_owned))
                .with(ERROR_PREFIX, destination.error_output_prefix().map(ToOwned::to_owned))
                .with(BUFFER_MB, number(hints.and_then(BufferingHints::size_in_mbs)))
                .with(BUFFER_SECONDS, number(hints.and_then(BufferingHints::interval_in_seconds)))
                .with(COMPRESSION, destination.compression_format().as_str().to_owned())
                .with(LOGGING, destination.cloud_watch_logging_options().map(logged_to)),
        ))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let destination = ExtendedS3DestinationConfiguration::builder()
            .bucket_arn(stack.names.arn(Kind::Bucket))
            .role_arn(role_arn(stack).await?)
            .prefix(stack.settings.prefix.as_str())
            .error_output_prefix(stack.settings.error_prefix.as_str())
            .buffering_hints(buffering(stack))
            .compression_format(compression(stack))
            .cloud_watch_logging_options(logging(stack))
            .build()
            .expect("role and bucket are given");
        let request = stack
            .cloud
            .firehose
            .create_delivery_stream()
            .delivery_stream_name(stack.names.of(KIND))
            .delivery_stream_type(DeliveryStreamType::DirectPut)
            .extended_s3_destination_configuration(destination)
            .set_tags(Some(tags(stack)));
        or_there(stack.call(KIND, Operation::CreateDeliveryStream, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        let firehose = &stack.cloud.firehose;
        if differs(differences, OWNER) {
            let request =
                firehose.tag_delivery_stream().delivery_stream_name(&found.id).set_tags(Some(tags(stack)));
            stack.call(KIND, Operation::TagDeliveryStream, request.send()).await?;
        }
        if differences.iter().all(|difference| difference.property == OWNER) {
            return Ok(());
        }
        // The update names the version that it is an update of, so that two at once cannot overwrite one another.
        let Some(stream) = describe(stack).await? else { return Ok(()) };
        let lacks = |what| StackError::OddAnswer(found.id.clone(), what);
        let id = stream.destinations().first().map(|destination| destination.destination_id().to_owned());
        let update = ExtendedS3DestinationUpdate::builder()
            .bucket_arn(stack.names.arn(Kind::Bucket))
            .role_arn(role_arn(stack).await?)
            .prefix(stack.settings.prefix.as_str())
            .error_output_prefix(stack.settings.error_prefix.as_str())
            .buffering_hints(buffering(stack))
            .compression_format(compression(stack))
            .cloud_watch_logging_options(logging(stack))
            .build();
        let request = firehose
            .update_destination()
            .delivery_stream_name(&found.id)
            .current_delivery_stream_version_id(stream.version_id())
            .destination_id(id.ok_or_else(|| lacks("a destination"))?)
            .extended_s3_destination_update(update);
        stack.call(KIND, Operation::UpdateDestination, request.send()).await.map(drop)
    }

    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        let request = stack.cloud.firehose.delete_delivery_stream().delivery_stream_name(&found.id);
        stack.call(KIND, Operation::DeleteDeliveryStream, request.send()).await.map(drop)
    }
}

/// The role's own ARN, asked of IAM: an adopted role may stand under another path than the one that hydrant gives.
async fn role_arn(stack: &Stack) -> Result<String, StackError> {
    let request = stack.cloud.iam.get_role().role_name(stack.names.of(Kind::FirehoseRole));
    let answer = stack.call(Kind::FirehoseRole, Operation::GetRole, request.send()).await?;
    let lacks = || StackError::OddAnswer(stack.names.of(Kind::FirehoseRole).to_owned(), "the role");
    answer.role.map(|role| role.arn).ok_or_else(lacks)
}
