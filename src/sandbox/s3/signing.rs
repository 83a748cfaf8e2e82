//! Who signed a request, when, and for which region. Signatures are not verified, and are taken off before the
//! request is read: in headers or in a presigned URL, of the fourth version or of the second, which clients still use
//! to presign.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, DATE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Uri};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// How far a caller's clock may be off.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(15);
/// A URL can be presigned for a week.
const LONGEST: u64 = 7 * 24 * 3600;

/// The parameters of a URL that are its signature.
const OF_SIGNATURES: [&str; 11] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "awsaccesskeyid",
    "signature",
    "expires",
];

/// The headers that are a request's signature.
const HEADERS: [&str; 3] = ["authorization", "x-amz-security-token", "x-amz-date"];

/// What a signature says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) access_key: String,
    pub(super) region: String,
    when: When,
}

#[derive(Debug, PartialEq, Eq)]
enum When {
    /// Signed at this moment, for now.
    At(Timestamp),
    /// Presigned, until this moment.
    Until(Timestamp),
}

impl Signed {
    /// Reads the signature of a request; `None` when it has none.
    pub(super) fn read(parts: &Parts) -> S3Result<Option<Self>> {
        let query: Vec<(String, String)> = pairs(parts.uri.query().unwrap_or_default())
            .map(|(name, value)| (name.to_ascii_lowercase(), decoded(value)))
            .collect();
        let parameter =
            |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if let Some(header) = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()) {
            return Self::of_header(header, &parts.headers).map(Some);
        }
        if let Some(scope) = parameter("x-amz-credential") {
            let malformed = || {
                s3_error!(
                    AuthorizationQueryParametersError,
                    "X-Amz-Expires must be a number of seconds from 1 to 604800, X-Amz-Date a time"
                )
            };
            let (access_key, region) = credential(scope).ok_or_else(malformed)?;
            let date = parameter("x-amz-date").and_then(time).ok_or_else(malformed)?;
            let seconds = parameter("x-amz-expires").and_then(|seconds| seconds.parse().ok());
            let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds)).ok_or_else(malformed)?;
            let until = date.checked_add(Duration::from_secs(seconds)).map_err(|_| malformed())?;
            return Ok(Some(Self { access_key, region, when: When::Until(until) }));
        }
        if let (Some(access_key), Some(_)) = (parameter("awsaccesskeyid"), parameter("signature")) {
            let until = parameter("expires")
                .and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok())
                .ok_or_else(|| s3_error!(AccessDenied, "Invalid date (should be seconds since epoch)"))?;
            return Ok(Some(Self {
                access_key: access_key.to_owned(),
                region: String::new(),
                when: When::Until(until),
            }));
        }
        Ok(None)
    }

    fn of_header(header: &str, headers: &HeaderMap) -> S3Result<Self> {
        let header_time = |name: &str| headers.get(name).and_then(|date| date.to_str().ok());
        let at = header_time("x-amz-date").or_else(|| header_time(DATE.as_str())).and_then(|date| {
            time(date).or_else(|| {
                let date = jiff::fmt::rfc2822::parse(date).ok()?;
                Some(date.timestamp())
            })
        });
        let at = at.ok_or_else(|| {
            s3_error!(AccessDenied, "AWS authentication requires a valid Date or x-amz-date header")
        })?;
        let read = match header.strip_prefix("AWS ") {
            Some(second) => {
                second.rsplit_once(':').map(|(access_key, _)| (access_key.to_owned(), String::new()))
            }
            None => header
                .split_once("Credential=")
                .and_then(|(_, scope)| credential(scope.split([',', ' ']).next()?)),
        };
        let (access_key, region) = read.ok_or_else(|| {
            s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header that you provided is not valid."
            )
        })?;
        Ok(Self { access_key, region, when: When::At(at) })
    }

    /// Whether the signature holds at this moment of the cloud's clock.
    pub(super) fn check(&self, now: Timestamp) -> S3Result<()> {
        match self.when {
            When::At(at) if at.duration_since(now).abs() > LARGEST_SKEW => {
                Err(s3_error!(RequestTimeTooSkewed))
            }
            When::Until(until) if until < now => Err(s3_error!(AccessDenied, "Request has expired")),
            _ => Ok(()),
        }
    }
}

/// `KEY/DATE/REGION/SERVICE/aws4_request`; the key itself may hold slashes.
fn credential(scope: &str) -> Option<(String, String)> {
    let mut backwards = scope.rsplitn(5, '/');
    let (_, _, region, _, access_key) =
        (backwards.next()?, backwards.next()?, backwards.next()?, backwards.next()?, backwards.next()?);
    Some((access_key.to_owned(), region.to_owned()))
}

fn time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Takes the signature off a request. What a presigned URL carries for headers becomes headers.
pub(super) fn strip(parts: &mut Parts) {
    let is_presigned = parts.headers.remove(AUTHORIZATION).is_none();
    for header in HEADERS {
        parts.headers.remove(header);
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let mut rest = Vec::new();
    for (name, value) in pairs(&query) {
        let lower = decoded(name).to_ascii_lowercase();
        if OF_SIGNATURES.contains(&lower.as_str()) {
            continue;
        }
        let is_header = lower.starts_with("x-amz-") || lower == "content-type" || lower == "content-md5";
        if is_presigned && is_header {
            let header = (HeaderName::from_bytes(lower.as_bytes()), HeaderValue::from_str(&decoded(value)));
            if let (Ok(name), Ok(value)) = header {
                parts.headers.entry(name).or_insert(value);
            }
            continue;
        }
        rest.push(if value.is_empty() { name.to_owned() } else { format!("{name}={value}") });
    }
    let path = parts.uri.path();
    let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    if let Ok(uri) = target.parse::<Uri>() {
        parts.uri = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::s3::tests::code;

    fn parts(target: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = hyper::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a good request").into_parts().0
    }

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    #[test]
    fn a_clock_may_be_off_by_a_quarter_of_an_hour() {
        let header =
            "AWS4-HMAC-SHA256 Credential=some/key/20261120/eu-west-1/s3/aws4_request, SignedHeaders=host";
        let parts = parts("/bucket", &[("authorization", header), ("x-amz-date", "20261120T140000Z")]);
        let signed = Signed::read(&parts).expect("good").expect("signed");
        assert_eq!((signed.access_key.as_str(), signed.region.as_str()), ("some/key", "eu-west-1"));
        assert!(signed.check(at("2026-11-20T14:15:00Z")).is_ok());
        assert_eq!(code(signed.check(at("2026-11-20T14:15:01Z"))), "RequestTimeTooSkewed");
        assert_eq!(code(signed.check(at("2026-11-20T13:44:59Z"))), "RequestTimeTooSkewed");
    }

    #[test]
    fn a_presigned_url_holds_until_it_expires() {
        let fourth = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20261120%2Fus-east-1%2Fs3%2Faws4_request\
            &X-Amz-Date=20261120T140000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
        let second = "/b/k?AWSAccessKeyId=key&Signature=00&Expires=1795183260";
        for url in [fourth, second] {
            let signed = Signed::read(&parts(url, &[])).expect("good").expect("signed");
            assert_eq!(signed.access_key, "key");
            assert!(signed.check(at("2026-11-20T14:01:00Z")).is_ok());
            assert_eq!(code(signed.check(at("2026-11-20T14:01:01Z"))), "AccessDenied");
        }
        assert!(Signed::read(&parts(&fourth.replace("=60", "=604801"), &[])).is_err());
        assert_eq!(Signed::read(&parts("/b/k?Signature=00", &[])).expect("good"), None);
    }

    #[test]
    fn what_a_presigned_url_carries_for_headers_becomes_headers() {
        let mut parts = parts(
            "/b/k?versionId=1&AWSAccessKeyId=key&Signature=00&Expires=1&content-type=text%2Fplain&x-amz-meta-a=b&tagging",
            &[],
        );
        strip(&mut parts);
        assert_eq!(parts.uri.to_string(), "/b/k?versionId=1&tagging");
        assert_eq!(parts.headers["content-type"], "text/plain");
        assert_eq!(parts.headers["x-amz-meta-a"], "b");
    }
}
