//! The lists of S3: objects, versions, uploads.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::ETag;
use s3s::{S3Result, dto, s3_error};

use super::door::{Door, shown};
use super::multipart;
use super::walk::{Entry, Listing, Page};
use super::{Object, Version, buckets, versions};
use crate::sandbox::paging;
use crate::sandbox::world::World;

/// What a page holds if nothing is said, and at most.
const PAGE: i32 = 1000;

/// What stays as it is in keys that are encoded for an answer.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// A key as it is written in URLs.
pub(super) fn encoded(key: &str) -> String {
    utf8_percent_encode(key, ENCODED).to_string()
}

/// How keys are written in an answer: not all of them can be in XML.
#[derive(Debug, Clone, Copy)]
struct Written {
    encoded: bool,
}

impl Written {
    fn asked(encoding: Option<&dto::EncodingType>) -> S3Result<Self> {
        match encoding.map(dto::EncodingType::as_str) {
            None => Ok(Self { encoded: false }),
            Some(dto::EncodingType::URL) => Ok(Self { encoded: true }),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    fn key(self, key: &str) -> String {
        if self.encoded { encoded(key) } else { key.to_owned() }
    }

    fn optional(self, key: Option<&str>) -> Option<String> {
        key.map(|key| self.key(key))
    }

    fn encoding(self) -> Option<dto::EncodingType> {
        self.encoded.then(|| dto::EncodingType::from_static(dto::EncodingType::URL))
    }

    fn prefixes<T>(self, page: &Page<'_, T>) -> Vec<dto::CommonPrefix> {
        let prefixes = page.entries.iter().filter_map(|entry| match entry {
            Entry::Prefix(prefix) => Some(dto::CommonPrefix { prefix: Some(self.key(prefix)) }),
            Entry::Row { .. } => None,
        });
        prefixes.collect()
    }
}

fn limit(asked: Option<i32>, name: &str) -> S3Result<usize> {
    usize::try_from(asked.unwrap_or(PAGE).min(PAGE)).map_err(|_| {
        s3_error!(InvalidArgument, "Argument {name} must be an integer between 0 and 2147483647")
    })
}

fn listing<'q>(
    bucket: &'q str,
    prefix: Option<&'q str>,
    delimiter: Option<&'q str>,
    limit: usize,
) -> Listing<'q> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
    Listing { bucket, prefix: prefix.unwrap_or_default(), delimiter, limit }
}

fn class(object: &Object) -> String {
    let class = object.about.as_ref().and_then(|about| about.storage_class.as_deref());
    class.unwrap_or(dto::StorageClass::STANDARD).to_owned()
}

fn contents(page: &Page<'_, Version>, written: Written, owner: Option<&dto::Owner>) -> Vec<dto::Object> {
    let line = |entry: &Entry<'_, Version>| {
        let Entry::Row { key, row, .. } = entry else { return None };
        let object = row.object.as_deref()?;
        Some(dto::Object {
            key: Some(written.key(key)),
            e_tag: Some(ETag::Strong(object.etag.to_string())),
            last_modified: Some(shown(row.modified)),
            owner: owner.cloned(),
            size: i64::try_from(object.size).ok(),
            storage_class: Some(class(object).into()),
            checksum_algorithm: Some(vec![object.checksum.algorithm.name().to_owned().into()]),
            checksum_type: Some(object.checksum.kind()),
            ..Default::default()
        })
    };
    page.entries.iter().filter_map(line).collect()
}

pub(super) fn objects(
    world: &World,
    door: &Door,
    input: dto::ListObjectsInput,
) -> S3Result<dto::ListObjectsOutput> {
    buckets::bucket(world, &input.bucket)?;
    let written = Written::asked(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "maxKeys")?;
    let listing = listing(&input.bucket, input.prefix.as_deref(), input.delimiter.as_deref(), limit);
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let page = listing.objects(&world.s3.versions, marker);
    // Without a delimiter, the last key is known to begin the next page.
    let next = page.last().filter(|_| page.truncated && listing.delimiter.is_some()).map(|(key, _)| key);
    Ok(dto::ListObjectsOutput {
        contents: Some(contents(&page, written, Some(&door.owner()))),
        common_prefixes: Some(written.prefixes(&page)),
        is_truncated: Some(page.truncated),
        next_marker: written.optional(next),
        prefix: Some(written.key(listing.prefix)),
        marker: Some(written.key(marker.unwrap_or_default())),
        delimiter: written.optional(listing.delimiter),
        max_keys: i32::try_from(limit).ok(),
        encoding_type: written.encoding(),
        name: Some(input.bucket),
        ..Default::default()
    })
}

pub(super) fn objects_v2(
    world: &World,
    door: &Door,
    input: dto::ListObjectsV2Input,
) -> S3Result<dto::ListObjectsV2Output> {
    buckets::bucket(world, &input.bucket)?;
    let written = Written::asked(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "maxKeys")?;
    let listing = listing(&input.bucket, input.prefix.as_deref(), input.delimiter.as_deref(), limit);
    let after = match input.continuation_token.as_deref() {
        Some(token) => Some(
            paging::read_token(token)
                .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?,
        ),
        None => input.start_after.clone().filter(|after| !after.is_empty()),
    };
    let page = listing.objects(&world.s3.versions, after.as_deref());
    let owner = (input.fetch_owner == Some(true)).then(|| door.owner());
    Ok(dto::ListObjectsV2Output {
        contents: Some(contents(&page, written, owner.as_ref())),
        common_prefixes: Some(written.prefixes(&page)),
        is_truncated: Some(page.truncated),
        next_continuation_token: page.last().filter(|_| page.truncated).map(|(key, _)| paging::token(key)),
        key_count: i32::try_from(page.entries.len()).ok(),
        prefix: Some(written.key(listing.prefix)),
        start_after: written.optional(input.start_after.as_deref()),
        continuation_token: input.continuation_token.clone(),
        delimiter: written.optional(listing.delimiter),
        max_keys: i32::try_from(limit).ok(),
        encoding_type: written.encoding(),
        name: Some(input.bucket),
        ..Default::default()
    })
}

pub(super) fn object_versions(
    world: &World,
    door: &Door,
    input: &dto::ListObjectVersionsInput,
) -> S3Result<dto::ListObjectVersionsOutput> {
    buckets::bucket(world, &input.bucket)?;
    let written = Written::asked(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "max-keys")?;
    let listing = listing(&input.bucket, input.prefix.as_deref(), input.delimiter.as_deref(), limit);
    let key = input.key_marker.as_deref().filter(|key| !key.is_empty());
    let version = input.version_id_marker.as_deref().filter(|version| !version.is_empty());
    let tail = match (key, version) {
        (None, Some(_)) => {
            return Err(s3_error!(
                InvalidArgument,
                "A version-id marker cannot be specified without a key marker."
            ));
        }
        (Some(key), Some(versions::NULL)) => {
            versions::find(&world.s3, &input.bucket, key, version)?.map(|found| found.tail)
        }
        (_, Some(version)) => {
            versions::find(&world.s3, &input.bucket, key.unwrap_or_default(), Some(version))?;
            Some(version)
        }
        (_, None) => None,
    };
    let page = listing.rows(&world.s3.versions, key.map(|key| (key, tail)));
    let owner = door.owner();
    let (mut shown_versions, mut markers) = (Vec::new(), Vec::new());
    for entry in &page.entries {
        let Entry::Row { key, tail, row, first } = entry else { continue };
        match row.object.as_deref() {
            Some(object) => shown_versions.push(dto::ObjectVersion {
                key: Some(written.key(key)),
                version_id: Some(versions::id(tail).to_owned()),
                is_latest: Some(*first),
                e_tag: Some(ETag::Strong(object.etag.to_string())),
                last_modified: Some(shown(row.modified)),
                owner: Some(owner.clone()),
                size: i64::try_from(object.size).ok(),
                storage_class: Some(class(object).into()),
                checksum_algorithm: Some(vec![object.checksum.algorithm.name().to_owned().into()]),
                checksum_type: Some(object.checksum.kind()),
                ..Default::default()
            }),
            None => markers.push(dto::DeleteMarkerEntry {
                key: Some(written.key(key)),
                version_id: Some(versions::id(tail).to_owned()),
                is_latest: Some(*first),
                last_modified: Some(shown(row.modified)),
                owner: Some(owner.clone()),
            }),
        }
    }
    let next = page.last().filter(|_| page.truncated);
    Ok(dto::ListObjectVersionsOutput {
        versions: Some(shown_versions),
        delete_markers: Some(markers),
        common_prefixes: Some(written.prefixes(&page)),
        is_truncated: Some(page.truncated),
        next_key_marker: next.map(|(key, _)| written.key(key)),
        next_version_id_marker: next.and_then(|(_, tail)| Some(versions::id(tail?).to_owned())),
        key_marker: Some(written.key(key.unwrap_or_default())),
        version_id_marker: Some(version.unwrap_or_default().to_owned()),
        prefix: Some(written.key(listing.prefix)),
        delimiter: written.optional(listing.delimiter),
        max_keys: i32::try_from(limit).ok(),
        encoding_type: written.encoding(),
        name: Some(input.bucket.clone()),
        ..Default::default()
    })
}

pub(super) fn uploads(
    world: &World,
    door: &Door,
    input: dto::ListMultipartUploadsInput,
) -> S3Result<dto::ListMultipartUploadsOutput> {
    buckets::bucket(world, &input.bucket)?;
    let written = Written::asked(input.encoding_type.as_ref())?;
    let limit = limit(input.max_uploads, "max-uploads")?;
    let listing = listing(&input.bucket, input.prefix.as_deref(), input.delimiter.as_deref(), limit);
    let key = input.key_marker.as_deref().filter(|key| !key.is_empty());
    let id = input.upload_id_marker.as_deref().filter(|id| !id.is_empty());
    let page = listing.rows(&world.s3.uploads, key.map(|key| (key, id)));
    let line = |entry: &Entry<'_, super::Upload>| {
        let Entry::Row { key, tail, row, .. } = entry else { return None };
        let class = row.about.as_ref().and_then(|about| about.storage_class.as_deref());
        Some(dto::MultipartUpload {
            key: Some(written.key(key)),
            upload_id: Some((*tail).to_owned()),
            initiated: Some(shown(row.initiated)),
            initiator: Some(multipart::initiator(door)),
            owner: Some(door.owner()),
            storage_class: Some(class.unwrap_or(dto::StorageClass::STANDARD).to_owned().into()),
            checksum_algorithm: row.chosen.then(|| row.algorithm.name().to_owned().into()),
            checksum_type: row.chosen.then(|| multipart::kind(row.composite)),
        })
    };
    let next = page.last().filter(|_| page.truncated);
    Ok(dto::ListMultipartUploadsOutput {
        uploads: Some(page.entries.iter().filter_map(line).collect()),
        common_prefixes: Some(written.prefixes(&page)),
        is_truncated: Some(page.truncated),
        next_key_marker: next.map(|(key, _)| written.key(key)),
        next_upload_id_marker: next.and_then(|(_, id)| id.map(ToOwned::to_owned)),
        key_marker: Some(written.key(key.unwrap_or_default())),
        upload_id_marker: Some(id.unwrap_or_default().to_owned()),
        prefix: Some(written.key(listing.prefix)),
        delimiter: written.optional(listing.delimiter),
        max_uploads: i32::try_from(limit).ok(),
        encoding_type: written.encoding(),
        bucket: Some(input.bucket),
        ..Default::default()
    })
}
