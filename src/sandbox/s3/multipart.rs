//! Uploads in parts. Completing one moves no bytes: the object is made of its parts' files.

use s3s::dto::ETag;
use s3s::{S3Result, dto, s3_error};

use super::about::{About, read_about, refuse_what_is_not_carried};
use super::checksum::{self, Algorithm, Checksum, claimed_sum, show_sum};
use super::conditions::check_write;
use super::content::{self, Arrived};
use super::copies::{Source, read_copied};
use super::door::{Door, shown};
use super::objects::{self, Claim};
use super::refused::not_carried;
use super::walk::row_key;
use super::{Object, Part, State, Upload, listing, versions};
use crate::sandbox::world::World;

/// No part but the last may be smaller.
const SMALLEST_PART: u64 = 5 << 20;
const MOST_PARTS: i32 = 10_000;
/// What a page of parts holds if nothing is said, and at most.
const PAGE: i32 = 1000;

pub(super) async fn create(
    door: &Door,
    mut input: dto::CreateMultipartUploadInput,
) -> S3Result<dto::CreateMultipartUploadOutput> {
    refuse_what_is_not_carried!(input);
    let chosen = input.checksum_algorithm.take();
    let algorithm = match &chosen {
        Some(name) => Algorithm::named(name.as_str())?,
        None => Algorithm::Crc64Nvme,
    };
    let composite = algorithm.is_composite(input.checksum_type.as_ref().map(dto::ChecksumType::as_str))?;
    let about = read_about!(input);
    let now = door.now;
    door.change(move |world| {
        let about = objects::with_usual_encryption(world, &input.bucket, about)?;
        let (encryption, kms_key) = About::encryption(Some(&about));
        // Uploads of a key are listed in the order in which they began.
        let id = format!("{:016x}{}", now.as_microsecond(), uuid::Uuid::new_v4().simple());
        let upload = Upload {
            initiated: now.as_second(),
            about: about.kept(),
            algorithm,
            chosen: chosen.is_some(),
            composite,
        };
        world.s3.uploads.insert(row_key(&input.bucket, &input.key, &id), upload);
        Ok(dto::CreateMultipartUploadOutput {
            checksum_type: chosen.as_ref().map(|_| kind(composite)),
            checksum_algorithm: chosen,
            server_side_encryption: Some(encryption),
            ssekms_key_id: kms_key,
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        })
    })
    .await
}

pub(super) fn kind(composite: bool) -> dto::ChecksumType {
    dto::ChecksumType::from_static(if composite {
        dto::ChecksumType::COMPOSITE
    } else {
        dto::ChecksumType::FULL_OBJECT
    })
}

/// Which part of which upload.
#[derive(Debug, Clone)]
struct Place {
    bucket: String,
    key: String,
    upload: String,
    number: i32,
}

impl Place {
    fn upload<'a>(&self, world: &'a World) -> S3Result<&'a Upload> {
        find(world, &self.bucket, &self.key, &self.upload)
    }

    fn check(self) -> S3Result<Self> {
        if (1..=MOST_PARTS).contains(&self.number) {
            return Ok(self);
        }
        Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
    }

    /// Keeps what arrived as this part, in the place of one that was there.
    fn keep(&self, world: &mut World, arrived: Arrived, now: jiff::Timestamp) -> S3Result<()> {
        let algorithm = self.upload(world)?.algorithm;
        let part = Part {
            modified: now.as_second(),
            etag: arrived.etag(),
            checksum: checksum::of(&arrived.sums, algorithm).unwrap_or_default().into(),
            piece: arrived.into_piece(),
        };
        if let Some(before) = world.s3.parts.insert(part_key(&self.upload, self.number), part) {
            world.s3.rubbish.push(before.piece.file);
        }
        Ok(())
    }
}

fn find<'a>(world: &'a World, bucket: &str, key: &str, upload: &str) -> S3Result<&'a Upload> {
    world.s3.uploads.get(&row_key(bucket, key, upload)).ok_or_else(|| s3_error!(NoSuchUpload))
}

fn part_key(upload: &str, number: i32) -> String {
    format!("{upload}/{number:05}")
}

pub(super) async fn upload_part(
    door: &Door,
    mut input: dto::UploadPartInput,
) -> S3Result<dto::UploadPartOutput> {
    if input.sse_customer_key.is_some() {
        return Err(not_carried("x-amz-server-side-encryption-customer-key"));
    }
    let claim =
        Claim::new(claimed_sum!(input)?, input.checksum_algorithm.as_ref(), input.content_md5.take())?;
    let place =
        Place { bucket: input.bucket, key: input.key, upload: input.upload_id, number: input.part_number }
            .check()?;
    let asked = place.clone();
    let (own, chosen, encryption) = door
        .look(move |world| {
            let upload = asked.upload(world)?;
            Ok((upload.algorithm, upload.chosen, About::encryption(upload.about.as_deref())))
        })
        .await?;
    let shown_sum = claim.algorithm.unwrap_or(own);
    if chosen && shown_sum != own {
        return Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            own.name().to_ascii_lowercase(),
            shown_sum.name().to_ascii_lowercase()
        ));
    }
    let folder = door.folder().await?;
    let arrived = content::take(&folder, input.body.take(), &[own, shown_sum]).await?;
    claim.check(door, &arrived)?;
    let mut output = dto::UploadPartOutput {
        e_tag: Some(ETag::Strong(arrived.etag().into())),
        server_side_encryption: Some(encryption.0),
        ssekms_key_id: encryption.1,
        ..Default::default()
    };
    show_sum!(output, shown_sum, checksum::of(&arrived.sums, shown_sum).unwrap_or_default());
    let now = door.now;
    door.change(move |world| place.keep(world, arrived, now)).await?;
    Ok(output)
}

pub(super) async fn upload_part_copy(
    door: &Door,
    mut input: dto::UploadPartCopyInput,
) -> S3Result<dto::UploadPartCopyOutput> {
    if input.sse_customer_key.is_some() || input.copy_source_sse_customer_key.is_some() {
        return Err(not_carried("x-amz-copy-source-server-side-encryption-customer-key"));
    }
    let range = input.copy_source_range.take();
    let copied = read_copied!(input, range);
    let place =
        Place { bucket: input.bucket, key: input.key, upload: input.upload_id, number: input.part_number }
            .check()?;
    let asked = place.clone();
    let own = door.look(move |world| Ok(asked.upload(world)?.algorithm)).await?;
    let source = Source::open(door, copied).await?;
    let folder = door.folder().await?;
    let arrived = content::take(&folder, Some(source.body), &[own]).await?;
    let now = door.now;
    let mut result = dto::CopyPartResult {
        e_tag: Some(ETag::Strong(arrived.etag().into())),
        last_modified: Some(shown(now.as_second())),
        ..Default::default()
    };
    show_sum!(result, own, checksum::of(&arrived.sums, own).unwrap_or_default());
    door.change(move |world| place.keep(world, arrived, now)).await?;
    Ok(dto::UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: source.version,
        ..Default::default()
    })
}

pub(super) fn complete(
    world: &mut World,
    door: &Door,
    input: &dto::CompleteMultipartUploadInput,
) -> S3Result<dto::CompleteMultipartUploadOutput> {
    let (bucket, key, id) = (&input.bucket, &input.key, &input.upload_id);
    let upload = find(world, bucket, key, id)?;
    let listed = input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref());
    let parts = chosen_parts(&world.s3, id, listed.unwrap_or_default())?;
    let object = assemble(upload, &parts);
    check_whole(input, &object)?;
    check_write(world, bucket, key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let (encryption, kms_key) = About::encryption(object.about.as_deref());
    let mut output = dto::CompleteMultipartUploadOutput {
        bucket: Some(bucket.clone()),
        key: Some(key.clone()),
        location: Some(format!(
            "https://{bucket}.s3.{}.amazonaws.com/{}",
            door.region,
            listing::encoded(key)
        )),
        e_tag: Some(ETag::Strong(object.etag.to_string())),
        checksum_type: Some(object.checksum.kind()),
        server_side_encryption: Some(encryption),
        ssekms_key_id: kms_key,
        ..Default::default()
    };
    show_sum!(output, object.checksum.algorithm, &*object.checksum.value);
    let used = object.pieces.clone();
    forget(&mut world.s3, &row_key(bucket, key, id));
    world.s3.rubbish.retain(|file| !used.iter().any(|piece| piece.file == *file));
    output.version_id = versions::put(world, bucket, key, object, door.now);
    Ok(output)
}

/// The parts that a client lists, if they are there, in order, and large enough.
fn chosen_parts<'a>(
    state: &'a State,
    upload: &str,
    listed: &[dto::CompletedPart],
) -> S3Result<Vec<&'a Part>> {
    if listed.is_empty() {
        return Err(s3_error!(MalformedXML));
    }
    let numbers: Vec<i32> = listed.iter().filter_map(|part| part.part_number).collect();
    if numbers.len() < listed.len() {
        return Err(s3_error!(MalformedXML));
    }
    if !numbers.is_sorted_by(|one, next| one < next) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let mut parts = Vec::with_capacity(listed.len());
    for (claimed, number) in listed.iter().zip(numbers) {
        let part = state.parts.get(&part_key(upload, number)).ok_or_else(|| s3_error!(InvalidPart))?;
        if claimed.e_tag.as_ref().is_none_or(|etag| etag.value() != &*part.etag) {
            return Err(s3_error!(InvalidPart));
        }
        parts.push(part);
    }
    let small = parts.iter().rev().skip(1).any(|part| part.piece.size < SMALLEST_PART);
    if small { Err(s3_error!(EntityTooSmall)) } else { Ok(parts) }
}

/// The object that parts make.
fn assemble(upload: &Upload, parts: &[&Part]) -> Object {
    let algorithm = upload.algorithm;
    let sums: Vec<_> = parts.iter().map(|part| &*part.checksum).collect();
    let sized: Vec<_> = parts.iter().map(|part| (&*part.checksum, part.piece.size)).collect();
    let whole = if upload.composite { None } else { checksum::whole(algorithm, &sized) };
    Object {
        size: parts.iter().map(|part| part.piece.size).sum(),
        etag: etag(parts),
        pieces: parts.iter().map(|part| part.piece.clone()).collect(),
        checksum: Checksum {
            algorithm,
            value: whole.unwrap_or_else(|| checksum::composite(algorithm, &sums)),
        },
        about: upload.about.clone(),
    }
}

/// The MD5 of the parts' MD5s, and how many they were.
fn etag(parts: &[&Part]) -> Box<str> {
    use s3s::crypto::{Checksum as _, Md5};
    let mut md5 = Md5::new();
    for part in parts {
        let sum = u128::from_str_radix(&part.etag, 16).expect("a part's ETag is its MD5");
        md5.update(&sum.to_be_bytes());
    }
    format!("{:032x}-{}", u128::from_be_bytes(md5.finalize()), parts.len()).into()
}

/// Whether the object is what the client takes it for.
fn check_whole(input: &dto::CompleteMultipartUploadInput, object: &Object) -> S3Result<()> {
    if let Some(size) = input.mpu_object_size
        && u64::try_from(size) != Ok(object.size)
    {
        return Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {}",
            object.size
        ));
    }
    let Some((algorithm, claimed)) = claimed_sum!(input)? else { return Ok(()) };
    let own = &object.checksum;
    // A composite sum may come without the number of parts.
    let same = *claimed == *own.value || own.value.split('-').next() == Some(claimed.as_str());
    if algorithm == own.algorithm && same {
        return Ok(());
    }
    let name = algorithm.name();
    Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."))
}

pub(super) fn abort(world: &mut World, input: &dto::AbortMultipartUploadInput) -> S3Result<()> {
    let (bucket, key, id) = (&input.bucket, &input.key, &input.upload_id);
    let upload = find(world, bucket, key, id)?;
    if let Some(initiated) = &input.if_match_initiated_time
        && *initiated != shown(upload.initiated)
    {
        return Err(s3_error!(PreconditionFailed));
    }
    forget(&mut world.s3, &row_key(bucket, key, id));
    Ok(())
}

/// Forgets the uploads whose rows begin with a text: those of a bucket that goes.
pub(super) fn forget_all(state: &mut State, rows: &str) {
    let uploads: Vec<String> = state.uploads.under(rows).map(|(key, _)| key.to_owned()).collect();
    for upload in uploads {
        forget(state, &upload);
    }
}

/// Forgets an upload and its parts.
fn forget(state: &mut State, row_key: &str) {
    state.uploads.remove(row_key);
    let Some((_, id)) = row_key.rsplit_once('\0') else { return };
    let parts: Vec<String> = state.parts.under(&format!("{id}/")).map(|(key, _)| key.to_owned()).collect();
    for part in parts {
        if let Some(part) = state.parts.remove(&part) {
            state.rubbish.push(part.piece.file);
        }
    }
}

pub(super) fn list_parts(
    world: &World,
    door: &Door,
    input: &dto::ListPartsInput,
) -> S3Result<dto::ListPartsOutput> {
    let upload = find(world, &input.bucket, &input.key, &input.upload_id)?;
    let limit = input.max_parts.unwrap_or(PAGE).min(PAGE);
    let after = input.part_number_marker.unwrap_or(0);
    let (Ok(limit), 0..) = (usize::try_from(limit), after) else {
        return Err(s3_error!(
            InvalidArgument,
            "Argument max-parts must be an integer between 0 and 2147483647"
        ));
    };
    let prefix = format!("{}/", input.upload_id);
    let mut rest = world
        .s3
        .parts
        .under(&prefix)
        .filter_map(|(key, part)| Some((key.strip_prefix(&prefix)?.parse::<i32>().ok()?, part)))
        .skip_while(|(number, _)| *number <= after);
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let last = page.last().map(|(number, _)| *number);
    let class = upload.about.as_ref().and_then(|about| about.storage_class.as_deref());
    let algorithm = upload.chosen.then_some(upload.algorithm);
    let parts = page.into_iter().map(|(number, part)| {
        let mut line = dto::Part {
            e_tag: Some(ETag::Strong(part.etag.to_string())),
            last_modified: Some(shown(part.modified)),
            part_number: Some(number),
            size: i64::try_from(part.piece.size).ok(),
            ..Default::default()
        };
        if let Some(algorithm) = algorithm {
            show_sum!(line, algorithm, &*part.checksum);
        }
        line
    });
    Ok(dto::ListPartsOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(input.upload_id.clone()),
        checksum_algorithm: algorithm.map(|algorithm| algorithm.name().to_owned().into()),
        checksum_type: algorithm.map(|_| kind(upload.composite)),
        initiator: Some(initiator(door)),
        max_parts: i32::try_from(limit).ok(),
        next_part_number_marker: last,
        owner: Some(door.owner()),
        part_number_marker: Some(after),
        parts: Some(parts.collect()),
        is_truncated: Some(limit > 0 && rest.next().is_some()),
        storage_class: Some(class.unwrap_or(dto::StorageClass::STANDARD).to_owned().into()),
        ..Default::default()
    })
}

pub(super) fn initiator(door: &Door) -> dto::Initiator {
    let owner = door.owner();
    dto::Initiator { display_name: owner.display_name, id: owner.id }
}

#[cfg(test)]
mod tests {
    use super::super::Piece;
    use super::super::tests::{code, door, world_with_bucket};
    use super::*;
    use crate::sandbox::trial::Trial;

    fn trial_with_parts(sizes: &[u64]) -> Trial {
        let mut trial = world_with_bucket();
        let upload = Upload {
            initiated: 0,
            about: None,
            algorithm: Algorithm::Crc64Nvme,
            chosen: false,
            composite: false,
        };
        trial.world.s3.uploads.insert(row_key("posts", "key", "up"), upload);
        for (number, size) in (1..).zip(sizes) {
            let part = Part {
                modified: 0,
                piece: Piece { file: format!("file{number}").into(), size: *size },
                etag: format!("{number:032x}").into(),
                checksum: "AAAAAAAAAAA=".into(),
            };
            trial.world.s3.parts.insert(part_key("up", number), part);
        }
        trial
    }

    fn completed(trial: &mut Trial, parts: &[i32]) -> S3Result<dto::CompleteMultipartUploadOutput> {
        let parts = parts.iter().map(|number| dto::CompletedPart {
            part_number: Some(*number),
            e_tag: Some(ETag::Strong(format!("{number:032x}"))),
            ..Default::default()
        });
        let input = dto::CompleteMultipartUploadInput {
            bucket: "posts".to_owned(),
            key: "key".to_owned(),
            upload_id: "up".to_owned(),
            multipart_upload: Some(dto::CompletedMultipartUpload { parts: Some(parts.collect()) }),
            ..Default::default()
        };
        let door = door(trial);
        complete(&mut trial.world, &door, &input)
    }

    #[test]
    fn an_object_is_made_of_the_listed_parts_and_the_others_go() {
        let mut trial = trial_with_parts(&[SMALLEST_PART, SMALLEST_PART, 3]);
        let output = completed(&mut trial, &[1, 3]).expect("completed");
        assert!(output.e_tag.is_some_and(|etag| etag.value().ends_with("-2")));
        let object = versions::current(&trial.world.s3, "posts", "key").expect("it is there");
        assert_eq!(object.size, SMALLEST_PART + 3);
        assert_eq!(trial.world.s3.rubbish, [Box::from("file2")]);
        assert_eq!((trial.world.s3.uploads.len(), trial.world.s3.parts.len()), (0, 0));
    }

    #[test]
    fn parts_must_be_there_in_order_and_large_enough() {
        let mut trial = trial_with_parts(&[SMALLEST_PART, 3, 3]);
        assert_eq!(code(completed(&mut trial, &[3, 1])), "InvalidPartOrder");
        assert_eq!(code(completed(&mut trial, &[1, 1])), "InvalidPartOrder");
        assert_eq!(code(completed(&mut trial, &[1, 4])), "InvalidPart");
        assert_eq!(code(completed(&mut trial, &[1, 2, 3])), "EntityTooSmall");
        assert_eq!(code(completed(&mut trial, &[])), "MalformedXML");
        assert!(completed(&mut trial, &[1, 2]).is_ok(), "a refusal leaves the upload as it was");
        assert_eq!(code(completed(&mut trial, &[1, 2])), "NoSuchUpload");
    }
}
