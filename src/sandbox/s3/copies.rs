//! Copies: read from one object and written to another without the client.

use std::ops::Range;

use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Result, dto, s3_error};

use super::about::{About, read_about, refuse_what_is_not_carried};
use super::checksum::{Algorithm, show_sum};
use super::conditions::Conditions;
use super::content::{self, Outgoing};
use super::door::{Door, shown};
use super::objects::{find, with_usual_encryption};
use super::refused::not_carried;
use super::{gate, versions};
use crate::sandbox::world::World;

/// Where a copy comes from.
pub(super) struct Source {
    pub(super) body: dto::StreamingBlob,
    pub(super) version: Option<String>,
    about: About,
    algorithm: Algorithm,
}

/// What a request says of where a copy comes from.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) source: dto::CopySource,
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<dto::Timestamp>,
    pub(super) if_unmodified_since: Option<dto::Timestamp>,
    /// `bytes=0-9`; all when not given.
    pub(super) range: Option<String>,
}

/// Takes what a request says of where its copy comes from out of it.
macro_rules! read_copied {
    ($input:expr, $range:expr) => {
        $crate::sandbox::s3::copies::Copied {
            source: $input.copy_source.clone(),
            if_match: $input.copy_source_if_match.take(),
            if_none_match: $input.copy_source_if_none_match.take(),
            if_modified_since: $input.copy_source_if_modified_since.take(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.take(),
            range: $range,
        }
    };
}
pub(super) use read_copied;

impl Source {
    pub(super) async fn open(door: &Door, copied: Copied) -> S3Result<Self> {
        let asking = door.clone();
        door.look(move |world| Self::find(world, &asking, copied)).await
    }

    fn find(world: &World, door: &Door, copied: Copied) -> S3Result<Self> {
        let dto::CopySource::Bucket { bucket, key, version_id } = &copied.source else {
            return Err(not_carried("x-amz-copy-source of an access point"));
        };
        gate::may_read(world, door, bucket, key, version_id.is_some())?;
        let found = find(world, door, bucket, key, version_id.as_deref())?;
        let object = found.object;
        if object.about.as_ref().is_some_and(|about| about.is_archived()) {
            return Err(s3_error!(InvalidObjectState));
        }
        let conditions = Conditions {
            if_match: copied.if_match,
            if_none_match: copied.if_none_match,
            if_modified_since: copied.if_modified_since,
            if_unmodified_since: copied.if_unmodified_since,
        };
        conditions.check(&object.etag, found.modified).map_err(|_| s3_error!(PreconditionFailed))?;
        let range = match copied.range.as_deref() {
            None => 0..object.size,
            Some(range) => exact_range(range, object.size)?,
        };
        Ok(Self {
            body: Outgoing::open(&world.folder, object, &range)?.into_body(),
            version: found.version,
            about: object.about.as_deref().cloned().unwrap_or_default(),
            algorithm: object.checksum.algorithm,
        })
    }
}

/// A range of a copy must have both ends, within the object.
fn exact_range(range: &str, size: u64) -> S3Result<Range<u64>> {
    let parts = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let parts = parts.and_then(|(first, last)| Some((first.parse().ok()?, last.parse::<u64>().ok()?)));
    match parts {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        Some((first, last)) if first <= last => {
            Err(s3_error!(InvalidArgument, "Range specified is not valid for source object of size: {size}"))
        }
        _ => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy"
        )),
    }
}

pub(super) async fn copy(door: &Door, mut input: dto::CopyObjectInput) -> S3Result<dto::CopyObjectOutput> {
    refuse_what_is_not_carried!(input);
    if input.copy_source_sse_customer_key.is_some() {
        return Err(not_carried("x-amz-copy-source-server-side-encryption-customer-key"));
    }
    let replaces = |directive: Option<&str>| match directive {
        None | Some(dto::MetadataDirective::COPY) => Ok(false),
        Some(dto::MetadataDirective::REPLACE) => Ok(true),
        Some(_) => Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
    };
    let new_metadata = replaces(input.metadata_directive.as_ref().map(dto::MetadataDirective::as_str))?;
    let new_tags = replaces(input.tagging_directive.as_ref().map(dto::TaggingDirective::as_str))?;
    let asked = input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
    let said = read_about!(input);
    let changes_nothing =
        !new_metadata && said.storage_class.is_none() && said.kms_key.is_none() && asked.is_none();
    let source = Source::open(door, read_copied!(input, None)).await?;
    if changes_nothing && is_itself(&input.copy_source, &input.bucket, &input.key) {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let algorithm = asked.unwrap_or(source.algorithm);
    let about = copied_about(said, source.about, new_metadata, new_tags);
    let folder = door.folder().await?;
    let arrived = content::take(&folder, Some(source.body), &[algorithm]).await?;
    let now = door.now;
    door.change(move |world| {
        let about = with_usual_encryption(world, &input.bucket, about)?;
        let (encryption, kms_key) = About::encryption(Some(&about));
        let object = arrived.into_object(algorithm, about.kept());
        let mut result = dto::CopyObjectResult {
            e_tag: Some(ETag::Strong(object.etag.to_string())),
            last_modified: Some(shown(now.as_second())),
            checksum_type: Some(object.checksum.kind()),
            ..Default::default()
        };
        show_sum!(result, algorithm, &*object.checksum.value);
        Ok(dto::CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: source.version,
            server_side_encryption: Some(encryption),
            ssekms_key_id: kms_key,
            version_id: versions::put(world, &input.bucket, &input.key, object, now),
            ..Default::default()
        })
    })
    .await
}

/// What is said of a copy: storage class and encryption never come from the source.
fn copied_about(said: About, source: About, new_metadata: bool, new_tags: bool) -> About {
    let tags = if new_tags { said.tags.clone() } else { source.tags.clone() };
    let about = if new_metadata { said.clone() } else { source };
    About { tags, storage_class: said.storage_class, kms_key: said.kms_key, ..about }
}

/// A copy of an older version onto its key is no copy onto itself.
fn is_itself(source: &dto::CopySource, bucket: &str, key: &str) -> bool {
    matches!(source, dto::CopySource::Bucket { bucket: from, key: name, version_id: None }
        if **from == *bucket && **name == *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_metadata_along_but_never_the_storage_class() {
        let class = |class: &str| About { storage_class: Some(class.into()), ..About::default() };
        let source = About { content_type: Some("text/plain".into()), ..class("STANDARD_IA") };
        let kept = copied_about(About::default(), source.clone(), false, false);
        assert_eq!((kept.content_type.as_deref(), kept.storage_class), (Some("text/plain"), None));
        let replaced = copied_about(class("GLACIER_IR"), source, true, false);
        assert_eq!((replaced.content_type, replaced.storage_class.as_deref()), (None, Some("GLACIER_IR")));
    }

    #[test]
    fn a_range_of_a_copy_lies_within_the_object() {
        assert_eq!(exact_range("bytes=2-9", 10).ok(), Some(2..10));
        for wrong in ["bytes=2-10", "bytes=-3", "bytes=5-", "bytes=4-2", "2-9"] {
            assert!(exact_range(wrong, 10).is_err(), "{wrong}");
        }
    }
}
