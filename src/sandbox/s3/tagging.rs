//! Tags of objects and buckets, as S3 reads them.

use percent_encoding::percent_decode_str;
use s3s::{S3Result, dto, s3_error};

use super::door::Door;
use super::refused::refuse;
use super::versions;
use super::{Object, objects};
use crate::sandbox::tags::Tags;
use crate::sandbox::world::World;

const MOST_OF_AN_OBJECT: usize = 10;
pub(super) const MOST_OF_A_BUCKET: usize = 50;

/// The tags of a request.
pub(super) fn read(list: &[dto::Tag], most: usize) -> S3Result<Tags> {
    let mut tags = Tags::new();
    for tag in list {
        let (Some(key), Some(value)) = (&tag.key, &tag.value) else { return Err(s3_error!(MalformedXML)) };
        if key.is_empty() || key.chars().count() > 128 {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(s3_error!(InvalidTag, "System tags cannot be added/updated by requester"));
        }
        if tags.insert(key.clone(), value.clone()).is_some() {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    if tags.len() > most {
        return Err(if most == MOST_OF_AN_OBJECT {
            refuse("BadRequest", 400, "Object tags cannot be greater than 10")
        } else {
            refuse("BadRequest", 400, "Bucket tag count cannot be greater than 50")
        });
    }
    Ok(tags)
}

/// The tags of the header `x-amz-tagging`, written as a query.
pub(super) fn read_header(header: Option<&str>) -> S3Result<Tags> {
    let decoded = |text: &str| {
        percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let mut list = Vec::new();
    for pair in header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(value)) = (decoded(key), decoded(value)) else {
            return Err(s3_error!(
                InvalidArgument,
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without \
                 tag name duplicates."
            ));
        };
        list.push(dto::Tag { key: Some(key), value: Some(value) });
    }
    read(&list, MOST_OF_AN_OBJECT)
}

/// Tags as answers show them.
pub(super) fn list(tags: &Tags) -> Vec<dto::Tag> {
    tags.iter().map(|(key, value)| dto::Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

pub(super) fn get_of_object(
    world: &World,
    door: &Door,
    input: &dto::GetObjectTaggingInput,
) -> S3Result<dto::GetObjectTaggingOutput> {
    let found = objects::find(world, door, &input.bucket, &input.key, input.version_id.as_deref())?;
    let tags = found.object.about.as_ref().map(|about| list(&about.tags));
    Ok(dto::GetObjectTaggingOutput { tag_set: tags.unwrap_or_default(), version_id: found.version })
}

pub(super) fn put_of_object(
    world: &mut World,
    door: &Door,
    input: &dto::PutObjectTaggingInput,
) -> S3Result<dto::PutObjectTaggingOutput> {
    let tags = read(&input.tagging.tag_set, MOST_OF_AN_OBJECT)?;
    let version_id = set(world, door, &input.bucket, &input.key, input.version_id.as_deref(), tags)?;
    Ok(dto::PutObjectTaggingOutput { version_id })
}

pub(super) fn delete_of_object(
    world: &mut World,
    door: &Door,
    input: &dto::DeleteObjectTaggingInput,
) -> S3Result<dto::DeleteObjectTaggingOutput> {
    let version_id = set(world, door, &input.bucket, &input.key, input.version_id.as_deref(), Tags::new())?;
    Ok(dto::DeleteObjectTaggingOutput { version_id })
}

fn set(
    world: &mut World,
    door: &Door,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    tags: Tags,
) -> S3Result<Option<String>> {
    let shown = objects::find(world, door, bucket, key, version)?.version;
    let object: &mut Object =
        versions::object_mut(&mut world.s3, bucket, key, version)?.ok_or_else(|| s3_error!(NoSuchKey))?;
    let mut about = object.about.take().unwrap_or_default();
    about.tags = tags;
    object.about = about.kept();
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::super::tests::code;
    use super::*;

    #[test]
    fn the_header_is_read_as_a_query() {
        let tags = read_header(Some("a=1&b%20c=d+e&f=")).expect("good tags");
        let shown: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(shown, [("a", "1"), ("b c", "d e"), ("f", "")]);
        assert_eq!(code(read_header(Some("a=1&a=2"))), "InvalidTag");
        assert_eq!(code(read_header(Some("aws:a=1"))), "InvalidTag");
        let many: Vec<String> = (0..11).map(|number| format!("{number}=")).collect();
        assert_eq!(code(read_header(Some(&many.join("&")))), "BadRequest");
    }
}
