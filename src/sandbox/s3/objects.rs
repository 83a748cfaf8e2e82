//! Objects: put, read, deleted.

use std::ops::Range;

use hyper::header::{HeaderMap, HeaderValue, LAST_MODIFIED};
use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Error, S3Result, dto, s3_error};

use super::about::{About, read_about, refuse_what_is_not_carried};
use super::buckets::bucket;
use super::checksum::{self, Algorithm, claimed_sum, show_sum};
use super::conditions::{Conditions, Unmet, check_write, http_date, not_modified};
use super::content::{self, Arrived, Outgoing};
use super::door::{Door, shown};
use super::refused::{not_carried, refuse};
use super::versions::{self, Found};
use super::{Object, gate};
use crate::sandbox::world::World;

/// In bytes.
pub(super) const LONGEST_KEY: usize = 1024;
/// What objects are whose type nobody said.
const USUAL_TYPE: &str = "binary/octet-stream";
/// The most keys of one request.
const MOST_KEYS: usize = 1000;

/// What a client claims of the bytes that it sends.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) algorithm: Option<Algorithm>,
    sum: Option<String>,
    md5: Option<String>,
}

impl Claim {
    pub(super) fn new(
        sum: Option<(Algorithm, String)>,
        named: Option<&dto::ChecksumAlgorithm>,
        md5: Option<String>,
    ) -> S3Result<Self> {
        let named = named.map(|name| Algorithm::named(name.as_str())).transpose()?;
        let (algorithm, sum) = match sum {
            Some((algorithm, sum)) => (Some(algorithm), Some(sum)),
            None => (named, None),
        };
        Ok(Self { algorithm, sum, md5 })
    }

    /// Whether what arrived is what was claimed.
    pub(super) fn check(&self, door: &Door, arrived: &Arrived) -> S3Result<()> {
        if let Some(md5) = &self.md5 {
            check_md5(md5, arrived)?;
        }
        let Some(algorithm) = self.algorithm else { return Ok(()) };
        let trailer = || door.trailer(&algorithm.header());
        let Some(claimed) = self.sum.clone().or_else(trailer) else { return Ok(()) };
        let computed = checksum::of(&arrived.sums, algorithm);
        if computed == Some(claimed.as_str()) {
            return Ok(());
        }
        // A sum of another length is none of this algorithm, whatever the bytes are.
        if computed.is_some_and(|computed| computed.len() != claimed.len()) {
            let header = algorithm.header();
            return Err(s3_error!(InvalidRequest, "Value for {header} header is invalid."));
        }
        let name = algorithm.name();
        Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."))
    }
}

fn check_md5(claimed: &str, arrived: &Arrived) -> S3Result<()> {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    let claimed: Option<[u8; 16]> =
        BASE64_STANDARD.decode(claimed).ok().and_then(|bytes| bytes.try_into().ok());
    match claimed {
        None => Err(s3_error!(InvalidDigest)),
        Some(claimed) if claimed != arrived.md5 => Err(s3_error!(BadDigest)),
        Some(_) => Ok(()),
    }
}

pub(super) async fn put(door: &Door, mut input: dto::PutObjectInput) -> S3Result<dto::PutObjectOutput> {
    refuse_what_is_not_carried!(input);
    if input.write_offset_bytes.is_some() {
        return Err(not_carried("x-amz-write-offset-bytes"));
    }
    let claim =
        Claim::new(claimed_sum!(input)?, input.checksum_algorithm.as_ref(), input.content_md5.take())?;
    let algorithm = claim.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let about = read_about!(input);
    let folder = door.folder().await?;
    let arrived = content::take(&folder, input.body.take(), &[algorithm]).await?;
    claim.check(door, &arrived)?;
    let now = door.now;
    door.change(move |world| {
        let about = with_usual_encryption(world, &input.bucket, about)?;
        let (encryption, kms_key) = About::encryption(Some(&about));
        check_write(world, &input.bucket, &input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let object = arrived.into_object(algorithm, about.kept());
        let mut output = dto::PutObjectOutput {
            e_tag: Some(ETag::Strong(object.etag.to_string())),
            checksum_type: Some(object.checksum.kind()),
            server_side_encryption: Some(encryption),
            ssekms_key_id: kms_key,
            ..Default::default()
        };
        show_sum!(output, algorithm, &*object.checksum.value);
        output.version_id = versions::put(world, &input.bucket, &input.key, object, now);
        Ok(output)
    })
    .await
}

/// What is said of an object, and the bucket's encryption where nothing is said of that.
pub(super) fn with_usual_encryption(world: &World, name: &str, mut about: About) -> S3Result<About> {
    about.kms_key = about.kms_key.or(bucket(world, name)?.kms_key());
    Ok(about)
}

/// An object that was found.
#[derive(Debug)]
pub(super) struct Readable<'a> {
    pub(super) object: &'a Object,
    /// Seconds since 1970.
    pub(super) modified: i64,
    /// The version id as it is shown: not in a bucket that never had versions.
    pub(super) version: Option<String>,
}

/// An object by its key and perhaps its version's id.
pub(super) fn find<'a>(
    world: &'a World,
    door: &Door,
    name: &str,
    key: &str,
    version: Option<&str>,
) -> S3Result<Readable<'a>> {
    let has_versions = bucket(world, name)?.versioning.is_some();
    let found = versions::find(&world.s3, name, key, version)?;
    match (found, version) {
        (Some(Found { row, tail }), _) if row.object.is_some() => Ok(Readable {
            object: row.object.as_deref().expect("the arm's condition"),
            modified: row.modified,
            version: has_versions.then(|| versions::id(tail).to_owned()),
        }),
        (Some(marker), Some(_)) => Err(marked(s3_error!(MethodNotAllowed), &marker)),
        (None, Some(_)) => Err(s3_error!(NoSuchVersion)),
        (marker, None) => {
            // Who may not list a bucket does not learn what is not in it.
            gate::may(world, door, "s3:ListBucket", name, None)?;
            let missing = s3_error!(NoSuchKey);
            Err(match marker {
                Some(marker) => marked(missing, &marker),
                None => missing,
            })
        }
    }
}

/// The headers that say that it is a delete marker which was found.
fn marked(mut error: S3Error, marker: &Found<'_>) -> S3Error {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::from_str(marker.id()) {
        headers.insert("x-amz-version-id", id);
    }
    if let Ok(modified) = HeaderValue::from_str(&http_date(marker.row.modified)) {
        headers.insert(LAST_MODIFIED, modified);
    }
    error.set_headers(headers);
    error
}

/// Which bytes of an object are wanted.
fn wanted(object: &Object, range: Option<dto::Range>, part: Option<i32>) -> S3Result<Option<Range<u64>>> {
    match (range, part) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (Some(range), None) => range.check(object.size).map(Some).map_err(|_| s3_error!(InvalidRange)),
        (None, Some(part)) => {
            let missing = || refuse("InvalidPartNumber", 416, "The requested partnumber is not satisfiable");
            let index = usize::try_from(part).ok().and_then(|part| part.checked_sub(1)).ok_or_else(|| {
                s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
            })?;
            let piece = object.pieces.get(index).ok_or_else(missing)?;
            let begin = object.pieces.iter().take(index).map(|piece| piece.size).sum::<u64>();
            Ok(Some(begin..begin + piece.size))
        }
    }
}

pub(super) async fn get(door: &Door, input: dto::GetObjectInput) -> S3Result<dto::GetObjectOutput> {
    let asking = door.clone();
    let (mut output, bytes) = door.look(move |world| answer(world, &asking, input)).await?;
    output.body = Some(bytes.into_body());
    Ok(output)
}

/// All that is said of an object, and its bytes.
fn answer(
    world: &World,
    door: &Door,
    input: dto::GetObjectInput,
) -> S3Result<(dto::GetObjectOutput, Outgoing)> {
    if input.sse_customer_key.is_some() {
        return Err(not_carried("x-amz-server-side-encryption-customer-key"));
    }
    let found = find(world, door, &input.bucket, &input.key, input.version_id.as_deref())?;
    if found.object.about.as_ref().is_some_and(|about| about.is_archived()) {
        return Err(s3_error!(InvalidObjectState));
    }
    let (output, range) = describe(&found, input)?;
    let bytes = Outgoing::open(&world.folder, found.object, &range)?;
    Ok((output, bytes))
}

/// All that is said of an object, and which of its bytes are wanted.
fn describe(
    found: &Readable<'_>,
    input: dto::GetObjectInput,
) -> S3Result<(dto::GetObjectOutput, Range<u64>)> {
    let Readable { object, modified, version } = found;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(&object.etag, *modified).map_err(|unmet| match unmet {
        Unmet::Failed => s3_error!(PreconditionFailed),
        Unmet::NotModified => not_modified(&object.etag, *modified),
    })?;
    let wanted = wanted(object, input.range, input.part_number)?;
    let range = wanted.clone().unwrap_or(0..object.size);
    let about = object.about.as_deref();
    let (encryption, kms_key) = About::encryption(about);
    let mut output = dto::GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(range.end - range.start).ok(),
        content_range: wanted
            .filter(|range| !range.is_empty())
            .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size)),
        content_type: Some(USUAL_TYPE.to_owned()),
        e_tag: Some(ETag::Strong(object.etag.to_string())),
        last_modified: Some(shown(*modified)),
        metadata: Some(dto::Metadata::default()),
        parts_count: input
            .part_number
            .filter(|_| object.etag.contains('-'))
            .and_then(|_| i32::try_from(object.pieces.len()).ok()),
        server_side_encryption: Some(encryption),
        ssekms_key_id: kms_key,
        version_id: version.clone(),
        ..Default::default()
    };
    // The sum is of all bytes: clients would compare it with the range.
    if input.checksum_mode.is_some() && output.content_range.is_none() {
        output.checksum_type = Some(object.checksum.kind());
        show_sum!(output, object.checksum.algorithm, &*object.checksum.value);
    }
    if let Some(about) = about {
        show_about(&mut output, about);
    }
    Ok((output, range))
}

fn show_about(output: &mut dto::GetObjectOutput, about: &About) {
    let text = |text: &Option<Box<str>>| text.as_deref().map(ToOwned::to_owned);
    if let Some(content_type) = &about.content_type {
        output.content_type = Some(content_type.to_string());
    }
    output.content_encoding = text(&about.content_encoding);
    output.content_disposition = text(&about.content_disposition);
    output.content_language = text(&about.content_language);
    output.cache_control = text(&about.cache_control);
    output.expires.clone_from(&about.expires);
    output.metadata =
        Some(about.metadata.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect());
    output.storage_class = text(&about.storage_class).map(Into::into);
    output.tag_count = i32::try_from(about.tags.len()).ok().filter(|count| *count > 0);
}

pub(super) fn head(
    world: &World,
    door: &Door,
    input: dto::HeadObjectInput,
) -> S3Result<dto::HeadObjectOutput> {
    let found = find(world, door, &input.bucket, &input.key, input.version_id.as_deref())?;
    let input = dto::GetObjectInput {
        bucket: input.bucket,
        key: input.key,
        checksum_mode: input.checksum_mode,
        if_match: input.if_match,
        if_modified_since: input.if_modified_since,
        if_none_match: input.if_none_match,
        if_unmodified_since: input.if_unmodified_since,
        part_number: input.part_number,
        range: input.range,
        ..Default::default()
    };
    let (said, _) = describe(&found, input)?;
    Ok(dto::HeadObjectOutput {
        accept_ranges: said.accept_ranges,
        cache_control: said.cache_control,
        checksum_crc32: said.checksum_crc32,
        checksum_crc32c: said.checksum_crc32c,
        checksum_crc64nvme: said.checksum_crc64nvme,
        checksum_sha1: said.checksum_sha1,
        checksum_sha256: said.checksum_sha256,
        checksum_type: said.checksum_type,
        content_disposition: said.content_disposition,
        content_encoding: said.content_encoding,
        content_language: said.content_language,
        content_length: said.content_length,
        content_range: said.content_range,
        content_type: said.content_type,
        e_tag: said.e_tag,
        expires: said.expires,
        last_modified: said.last_modified,
        metadata: said.metadata,
        parts_count: said.parts_count,
        server_side_encryption: said.server_side_encryption,
        ssekms_key_id: said.ssekms_key_id,
        storage_class: said.storage_class,
        version_id: said.version_id,
        ..Default::default()
    })
}

pub(super) fn attributes(
    world: &World,
    door: &Door,
    input: &dto::GetObjectAttributesInput,
) -> S3Result<dto::GetObjectAttributesOutput> {
    let found = find(world, door, &input.bucket, &input.key, input.version_id.as_deref())?;
    // The header may hold several, parted by commas.
    let asked: Vec<&str> =
        input.object_attributes.iter().flat_map(|names| names.as_str().split(',')).map(str::trim).collect();
    let wants = |name: &str| asked.contains(&name);
    let object = found.object;
    let in_parts = object.etag.contains('-');
    let class = object.about.as_ref().and_then(|about| about.storage_class.as_deref());
    let sum = || {
        let mut sum = dto::Checksum { checksum_type: Some(object.checksum.kind()), ..Default::default() };
        show_sum!(sum, object.checksum.algorithm, &*object.checksum.value);
        sum
    };
    Ok(dto::GetObjectAttributesOutput {
        checksum: wants(dto::ObjectAttributes::CHECKSUM).then(sum),
        e_tag: wants(dto::ObjectAttributes::ETAG).then(|| ETag::Strong(object.etag.to_string())),
        last_modified: Some(shown(found.modified)),
        object_parts: (wants(dto::ObjectAttributes::OBJECT_PARTS) && in_parts).then(|| {
            dto::GetObjectAttributesParts {
                total_parts_count: i32::try_from(object.pieces.len()).ok(),
                ..Default::default()
            }
        }),
        object_size: i64::try_from(object.size).ok().filter(|_| wants(dto::ObjectAttributes::OBJECT_SIZE)),
        storage_class: wants(dto::ObjectAttributes::STORAGE_CLASS)
            .then(|| class.unwrap_or(dto::StorageClass::STANDARD).to_owned().into()),
        version_id: found.version,
        ..Default::default()
    })
}

pub(super) fn delete(
    world: &mut World,
    door: &Door,
    input: &dto::DeleteObjectInput,
) -> S3Result<dto::DeleteObjectOutput> {
    if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
        return Err(not_carried("x-amz-if-match-size"));
    }
    if input.if_match.is_some() {
        check_write(world, &input.bucket, &input.key, input.if_match.as_ref(), None)?;
    }
    let version = input.version_id.as_deref();
    let deleted = versions::delete(&mut world.s3, &input.bucket, &input.key, version, door.now)?;
    Ok(dto::DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.id,
        ..Default::default()
    })
}

pub(super) fn delete_many(
    world: &mut World,
    door: &Door,
    input: &dto::DeleteObjectsInput,
) -> S3Result<dto::DeleteObjectsOutput> {
    if input.delete.objects.len() > MOST_KEYS || input.delete.objects.is_empty() {
        return Err(s3_error!(MalformedXML));
    }
    let quiet = input.delete.quiet == Some(true);
    let (mut gone, mut errors) = (Vec::new(), Vec::new());
    for object in &input.delete.objects {
        match delete_one(world, door, &input.bucket, object) {
            Ok(deleted) if !quiet => gone.push(deleted),
            Ok(_) => {}
            Err(error) => errors.push(dto::Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key.clone()),
                message: Some(error.message().unwrap_or("Access Denied").to_owned()),
                version_id: object.version_id.clone(),
            }),
        }
    }
    Ok(dto::DeleteObjectsOutput {
        deleted: (!gone.is_empty()).then_some(gone),
        errors: (!errors.is_empty()).then_some(errors),
        ..Default::default()
    })
}

fn delete_one(
    world: &mut World,
    door: &Door,
    bucket: &str,
    object: &dto::ObjectIdentifier,
) -> S3Result<dto::DeletedObject> {
    let (key, version) = (&object.key, object.version_id.as_deref());
    let action = if version.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
    gate::may(world, door, action, bucket, Some(key))?;
    if key.is_empty() || key.len() > LONGEST_KEY || key.contains('\0') {
        return Err(s3_error!(InvalidArgument, "The key is not valid"));
    }
    if object.e_tag.is_some() {
        let wanted = object.e_tag.clone().map(ETagCondition::ETag);
        check_write(world, bucket, key, wanted.as_ref(), None)?;
    }
    let deleted = versions::delete(&mut world.s3, bucket, key, version, door.now)?;
    Ok(dto::DeletedObject {
        delete_marker: deleted.marker.then_some(true),
        delete_marker_version_id: deleted.id.filter(|_| deleted.marker),
        key: Some(key.clone()),
        version_id: object.version_id.clone(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Checksum, Piece};
    use super::*;

    /// An object whose bytes are nowhere.
    pub(in super::super) fn object() -> Object {
        Object {
            size: 10,
            etag: "781e5e245d69b566979b86e28d23f2c7".into(),
            pieces: Box::new([Piece { file: "00".into(), size: 10 }]),
            checksum: Checksum { algorithm: Algorithm::Crc32, value: "poTEig==".into() },
            about: None,
        }
    }

    #[test]
    fn a_part_of_an_object_is_the_range_that_it_was_uploaded_as() {
        let mut object = object();
        object.pieces = [5, 3, 2].into_iter().map(|size| Piece { file: "00".into(), size }).collect();
        let part = |number| wanted(&object, None, Some(number)).ok().flatten();
        assert_eq!(
            (part(1), part(2), part(3), part(4), part(0)),
            (Some(0..5), Some(5..8), Some(8..10), None, None)
        );
        let last = wanted(&object, Some(dto::Range::Suffix { length: 4 }), None);
        assert_eq!(last.ok().flatten(), Some(6..10));
        let beyond = wanted(&object, Some(dto::Range::Int { first: 10, last: None }), None);
        assert_eq!(beyond.map_err(|error| error.code().as_str().to_owned()), Err("InvalidRange".to_owned()));
    }
}
