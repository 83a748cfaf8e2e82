//! How versions of a key take each other's place.
//!
//! A version's row ends in sixteen digits that put the newest first, and sixteen more if it was made while its bucket
//! had versions: these are its version id then. Without them it is the one version of its key whose id is `null`.

use std::ops::Bound;

use jiff::Timestamp;
use s3s::{S3Result, s3_error};

use super::walk::row_key;
use super::{Object, State, Version, Versioning};
use crate::sandbox::world::World;

/// The id of what was put while its bucket had no versions.
pub(super) const NULL: &str = "null";

const ORDER: usize = 16;
const ID: usize = 2 * ORDER;

/// A version that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) tail: &'a str,
    pub(super) row: &'a Version,
}

impl<'a> Found<'a> {
    pub(super) fn id(&self) -> &'a str {
        id(self.tail)
    }
}

/// The version id in a row's tail.
pub(super) fn id(tail: &str) -> &str {
    if tail.len() == ID { tail } else { NULL }
}

/// The first version of a key that will do, newest first.
fn first<'a>(state: &'a State, bucket: &str, key: &str, will_do: impl Fn(&str) -> bool) -> Option<Found<'a>> {
    let prefix = row_key(bucket, key, "");
    state
        .versions
        .from(Bound::Included(&prefix))
        .map_while(|(row_key, row)| Some(Found { tail: row_key.strip_prefix(&prefix)?, row }))
        .find(|found| will_do(found.tail))
}

/// The current version of a key, which may be a delete marker.
pub(super) fn newest<'a>(state: &'a State, bucket: &str, key: &str) -> Option<Found<'a>> {
    first(state, bucket, key, |_| true)
}

/// The object that is current for a key, if there is one.
pub(super) fn current<'a>(state: &'a State, bucket: &str, key: &str) -> Option<&'a Object> {
    newest(state, bucket, key)?.row.object.as_deref()
}

/// A version by its id, or the current one.
pub(super) fn find<'a>(
    state: &'a State,
    bucket: &str,
    key: &str,
    id: Option<&str>,
) -> S3Result<Option<Found<'a>>> {
    match id {
        None => Ok(newest(state, bucket, key)),
        Some(NULL) => Ok(first(state, bucket, key, |tail| tail.len() == ORDER)),
        Some(id) if id.len() == ID && id.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            Ok(first(state, bucket, key, |tail| tail == id))
        }
        Some(_) => Err(s3_error!(InvalidArgument, "Invalid version id specified")),
    }
}

/// The object of a version, to be changed.
pub(super) fn object_mut<'a>(
    state: &'a mut State,
    bucket: &str,
    key: &str,
    id: Option<&str>,
) -> S3Result<Option<&'a mut Object>> {
    let Some(row_key) = find(state, bucket, key, id)?.map(|found| row_key(bucket, key, found.tail)) else {
        return Ok(None);
    };
    Ok(state.versions.get_mut(&row_key).and_then(|version| version.object.as_deref_mut()))
}

/// Makes an object the current version of its key. Gives back its version id in a bucket that has versions.
pub(super) fn put(
    world: &mut World,
    bucket: &str,
    key: &str,
    object: Object,
    now: Timestamp,
) -> Option<String> {
    let row = Version { modified: now.as_second(), object: Some(Box::new(object)) };
    insert(&mut world.s3, bucket, key, row, now)
}

fn insert(state: &mut State, bucket: &str, key: &str, row: Version, now: Timestamp) -> Option<String> {
    let versioning = state.buckets.get(bucket).and_then(|bucket| bucket.versioning);
    let tail = next_tail(state, bucket, key, versioning, now);
    if versioning != Some(Versioning::Enabled) {
        remove_null(state, bucket, key);
    }
    state.versions.insert(row_key(bucket, key, &tail), row);
    versioning.map(|_| id(&tail).to_owned())
}

/// A tail that sorts before those of all versions that are there, even if the clock went back.
fn next_tail(
    state: &State,
    bucket: &str,
    key: &str,
    versioning: Option<Versioning>,
    now: Timestamp,
) -> String {
    let microseconds = u64::try_from(now.as_microsecond()).unwrap_or_default();
    let before = newest(state, bucket, key)
        .and_then(|newest| u64::from_str_radix(newest.tail.get(..ORDER)?, 16).ok())
        .map_or(u64::MAX, |order| order.saturating_sub(1));
    let order = (u64::MAX - microseconds).min(before);
    match versioning {
        Some(Versioning::Enabled) => {
            let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
            format!("{order:016x}{random:016x}")
        }
        _ => format!("{order:016x}"),
    }
}

/// What became of a key that was deleted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Deleted {
    /// Whether a delete marker was made, or was what was deleted.
    pub(super) marker: bool,
    /// The id of the marker that was made, or of the version that is gone.
    pub(super) id: Option<String>,
}

/// Deletes a version for good, or the key: in a bucket with versions this only makes a delete marker.
pub(super) fn delete(
    state: &mut State,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    now: Timestamp,
) -> S3Result<Deleted> {
    if let Some(version) = version {
        let found = find(state, bucket, key, Some(version))?.map(|found| (found.tail.to_owned(), found.row));
        let marker = found.as_ref().is_some_and(|(_, row)| row.object.is_none());
        if let Some((tail, _)) = found {
            remove(state, &row_key(bucket, key, &tail));
        }
        return Ok(Deleted { marker, id: Some(version.to_owned()) });
    }
    if state.buckets.get(bucket).is_some_and(|bucket| bucket.versioning.is_some()) {
        let marker = Version { modified: now.as_second(), object: None };
        let id = insert(state, bucket, key, marker, now);
        return Ok(Deleted { marker: true, id });
    }
    remove_null(state, bucket, key);
    Ok(Deleted { marker: false, id: None })
}

/// Forgets all versions whose rows begin with a text: those of a bucket that goes.
pub(super) fn forget_all(state: &mut State, rows: &str) {
    let keys: Vec<String> = state.versions.under(rows).map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        remove(state, &key);
    }
}

fn remove_null(state: &mut State, bucket: &str, key: &str) {
    if let Some(null) = first(state, bucket, key, |tail| tail.len() == ORDER) {
        let row_key = row_key(bucket, key, null.tail);
        remove(state, &row_key);
    }
}

fn remove(state: &mut State, row_key: &str) {
    let object = state.versions.remove(row_key).and_then(|version| version.object);
    if let Some(object) = object {
        state.rubbish.extend(object.pieces.into_iter().map(|piece| piece.file));
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::object;
    use super::super::tests::world_with_bucket;
    use super::*;
    use crate::sandbox::trial::Trial;

    fn set(trial: &mut Trial, versioning: Versioning) {
        trial.world.s3.buckets.get_mut("posts").expect("it is there").versioning = Some(versioning);
    }

    fn put_one(trial: &mut Trial) -> Option<String> {
        put(&mut trial.world, "posts", "key", object(), trial.now)
    }

    fn ids(trial: &Trial) -> Vec<String> {
        let rows = trial.world.s3.versions.under("posts\0key\0");
        rows.map(|(key, _)| id(key.rsplit('\0').next().expect("a tail")).to_owned()).collect()
    }

    #[test]
    fn without_versions_an_object_takes_the_place_of_the_last() {
        let mut trial = world_with_bucket();
        assert_eq!(put_one(&mut trial), None);
        assert_eq!(put_one(&mut trial), None);
        assert_eq!(ids(&trial), [NULL]);
        assert_eq!(trial.world.s3.rubbish.len(), 1, "the bytes of the first go");
    }

    #[test]
    fn versions_are_listed_newest_first_even_within_one_moment_and_after_the_clock_went_back() {
        let mut trial = world_with_bucket();
        set(&mut trial, Versioning::Enabled);
        let mut made: Vec<_> = (0..3).filter_map(|_| put_one(&mut trial)).collect();
        trial.now = "2020-01-01T00:00:00Z".parse().expect("a time");
        made.extend(put_one(&mut trial));
        made.reverse();
        assert_eq!(ids(&trial), made);
    }

    #[test]
    fn while_versions_are_suspended_only_the_null_version_is_replaced() {
        let mut trial = world_with_bucket();
        put_one(&mut trial);
        set(&mut trial, Versioning::Enabled);
        let kept = put_one(&mut trial).expect("an id");
        set(&mut trial, Versioning::Suspended);
        assert_eq!(put_one(&mut trial).as_deref(), Some(NULL));
        assert_eq!(ids(&trial), [NULL, &kept]);
        let deleted = delete(&mut trial.world.s3, "posts", "key", None, trial.now).expect("deleted");
        assert_eq!(deleted, Deleted { marker: true, id: Some(NULL.to_owned()) });
        assert_eq!(ids(&trial), [NULL, &kept]);
        assert!(current(&trial.world.s3, "posts", "key").is_none());
    }

    #[test]
    fn removing_the_delete_marker_brings_the_object_back() {
        let mut trial = world_with_bucket();
        set(&mut trial, Versioning::Enabled);
        put_one(&mut trial);
        let marker = delete(&mut trial.world.s3, "posts", "key", None, trial.now).expect("marked");
        assert!(current(&trial.world.s3, "posts", "key").is_none());
        let gone = delete(&mut trial.world.s3, "posts", "key", marker.id.as_deref(), trial.now);
        assert_eq!(gone.expect("gone"), Deleted { marker: true, id: marker.id });
        assert!(current(&trial.world.s3, "posts", "key").is_some());
    }

    #[test]
    fn an_id_that_cannot_be_one_is_not_the_same_as_one_that_is_gone() {
        let trial = world_with_bucket();
        let find = |id| find(&trial.world.s3, "posts", "key", Some(id)).map(|found| found.is_some());
        assert!(find("nonsense").is_err());
        assert_eq!(find(&"0".repeat(ID)).ok(), Some(false));
    }
}
