//! On what conditions a client wants to read or to write: that an object is still the one that it knows, or none.

use hyper::header::{HeaderMap, HeaderValue, LAST_MODIFIED};
use s3s::dto::ETagCondition;
use s3s::{S3Error, S3Result, dto, s3_error};

use super::door::shown;
use super::refused::not_carried;
use super::versions;
use crate::sandbox::world::World;

/// Whether an object may be written on the conditions of a request.
pub(super) fn check_write(
    world: &World,
    bucket: &str,
    key: &str,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let current = versions::current(&world.s3, bucket, key);
    match (if_none_match, current) {
        (Some(ETagCondition::Any), Some(_)) => return Err(s3_error!(PreconditionFailed)),
        (Some(ETagCondition::ETag(_)), _) => return Err(not_carried("If-None-Match with an ETag")),
        _ => {}
    }
    match (if_match, current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(s3_error!(NoSuchKey)),
        (Some(condition), Some(object)) if matches(condition, &object.etag) => Ok(()),
        (Some(_), Some(_)) => Err(s3_error!(PreconditionFailed)),
    }
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

/// On what conditions a client wants an object.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "they are the names of their headers")]
pub(super) struct Conditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<dto::Timestamp>,
    pub(super) if_unmodified_since: Option<dto::Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    NotModified,
    Failed,
}

impl Conditions {
    /// A condition on the `ETag` decides before one on the time, in both directions.
    pub(super) fn check(&self, etag: &str, modified: i64) -> Result<(), Unmet> {
        let modified = shown(modified);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, etag) => return Err(Unmet::Failed),
            (None, Some(since)) if modified > *since => return Err(Unmet::Failed),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, etag) => Err(Unmet::NotModified),
            (None, Some(since)) if modified <= *since => Err(Unmet::NotModified),
            _ => Ok(()),
        }
    }
}

pub(super) fn not_modified(etag: &str, modified: i64) -> S3Error {
    let mut error = s3_error!(NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        headers.insert(hyper::header::ETAG, etag);
    }
    if let Ok(modified) = HeaderValue::from_str(&http_date(modified)) {
        headers.insert(LAST_MODIFIED, modified);
    }
    error.set_headers(headers);
    error
}

/// A time as headers show it.
pub(super) fn http_date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use s3s::dto::ETag;

    use super::*;

    #[test]
    fn a_condition_on_the_etag_decides_before_one_on_the_time() {
        let (etag, modified) = ("abc", 1000);
        let tag = |value: &str| Some(ETagCondition::ETag(ETag::Strong(value.to_owned())));
        let check = |conditions: Conditions| conditions.check(etag, modified);
        let none = Conditions::default;
        assert_eq!(check(none()), Ok(()));
        assert_eq!(check(Conditions { if_match: tag("other"), ..none() }), Err(Unmet::Failed));
        assert_eq!(
            check(Conditions { if_match: tag(etag), if_unmodified_since: Some(shown(0)), ..none() }),
            Ok(())
        );
        assert_eq!(check(Conditions { if_unmodified_since: Some(shown(999)), ..none() }), Err(Unmet::Failed));
        assert_eq!(check(Conditions { if_none_match: tag(etag), ..none() }), Err(Unmet::NotModified));
        assert_eq!(
            check(Conditions { if_none_match: tag("other"), if_modified_since: Some(shown(2000)), ..none() }),
            Ok(())
        );
        assert_eq!(
            check(Conditions { if_modified_since: Some(shown(1000)), ..none() }),
            Err(Unmet::NotModified)
        );
    }
}
