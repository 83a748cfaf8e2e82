//! The sentences of S3's errors, and the answer's last members, which `s3s` leaves out.

use hyper::Uri;
use percent_encoding::percent_decode_str;
use s3s::{S3Error, s3_error};

use crate::sandbox::wire::xml;

/// A code that S3 has and `s3s` has no name for.
pub(super) fn refuse(code: &'static str, status: u16, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(s3s::S3ErrorCode::Custom(code.into()), message);
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        error.set_status_code(status);
    }
    error
}

/// What S3 can and the sandbox does not carry. It is never silently left out.
pub(super) fn not_carried(what: &str) -> S3Error {
    tracing::warn!(service = "s3", parameter = what, "unknown to the sandbox");
    s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented: {what}")
}

/// What S3 says with a code if nothing more is known.
fn sentence(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "BadDigest" => "The Content-MD5 you specified did not match what we received.",
        "BucketAlreadyExists" => {
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
             Please select a different name and try again."
        }
        "BucketAlreadyOwnedByYou" => {
            "Your previous request to create the named bucket succeeded and you already own it."
        }
        "BucketNotEmpty" => "The bucket you tried to delete is not empty",
        "EntityTooLarge" => "Your proposed upload exceeds the maximum allowed size",
        "EntityTooSmall" => "Your proposed upload is smaller than the minimum allowed size",
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidArgument" => "Invalid Argument",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidDigest" => "The Content-MD5 you specified was invalid.",
        "InvalidLocationConstraint" => "The specified location-constraint is not valid",
        "InvalidObjectState" => "The operation is not valid for the object's storage class",
        "InvalidPart" => {
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
             specified entity tag may not match the part's entity tag."
        }
        "InvalidPartOrder" => {
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        }
        "InvalidRange" => "The requested range is not satisfiable",
        "InvalidStorageClass" => "The storage class you specified is not valid",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MetadataTooLarge" => "Your metadata headers exceed the maximum allowed metadata size",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "MissingRequestBodyError" => "Request Body is empty",
        "NoSuchBucket" => "The specified bucket does not exist",
        "NoSuchBucketPolicy" => "The bucket policy does not exist",
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchLifecycleConfiguration" => "The lifecycle configuration does not exist",
        "NoSuchPublicAccessBlockConfiguration" => "The public access block configuration was not found",
        "NoSuchTagSet" => "The TagSet does not exist",
        "NoSuchUpload" => {
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
             or completed."
        }
        "NoSuchVersion" => "The specified version does not exist.",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        "OwnershipControlsNotFoundError" => "The bucket ownership controls were not found",
        "PermanentRedirect" => {
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
             future requests to this endpoint."
        }
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold",
        "RequestTimeout" => {
            "Your socket connection to the server was not read from or written to within the timeout period. Idle \
             connections will be closed."
        }
        "RequestTimeTooSkewed" => {
            "The difference between the request time and the current time is too large."
        }
        "SlowDown" => "Please reduce your request rate.",
        _ => "",
    }
}

/// What S3 calls the machine that answered.
pub(super) const HOST_ID: &str = "hydrant-sandbox";

/// What a request is about, as its address says: errors name it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    bucket: String,
    key: String,
    upload: String,
}

impl About {
    /// Reads an address. A bucket that the host names is not seen.
    pub(super) fn of(address: &Uri) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let path = address.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = address.query().unwrap_or_default();
        let upload = query.split('&').find_map(|pair| pair.strip_prefix("uploadId=")).unwrap_or_default();
        Self { bucket: decoded(bucket), key: decoded(key), upload: decoded(upload) }
    }

    /// The member that goes with a code.
    fn member(&self, code: &str) -> String {
        let (name, value) = match code {
            "NoSuchKey" | "NoSuchVersion" | "InvalidObjectState" => ("Key", self.key.clone()),
            "NoSuchUpload" => ("UploadId", self.upload.clone()),
            "NoSuchBucket"
            | "BucketNotEmpty"
            | "BucketAlreadyExists"
            | "BucketAlreadyOwnedByYou"
            | "NoSuchTagSet"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchPublicAccessBlockConfiguration"
            | "NoSuchBucketPolicy" => ("BucketName", self.bucket.clone()),
            _ if self.key.is_empty() => ("Resource", format!("/{}", self.bucket)),
            _ => ("Resource", format!("/{}/{}", self.bucket, self.key)),
        };
        format!("<{name}>{}</{name}>", xml::text(&value))
    }
}

/// An error's document with the members that S3 always gives: a sentence, what it is about, the request's id and the
/// host's.
pub(super) fn complete(document: &str, about: &About, request_id: &str) -> String {
    let Some(inside) = document.strip_suffix("</Error>") else { return document.to_owned() };
    let code = between(inside, "<Code>", "</Code>").unwrap_or_default();
    let message = if inside.contains("<Message>") {
        String::new()
    } else {
        format!("<Message>{}</Message>", sentence(code))
    };
    let about = about.member(code);
    format!("{inside}{message}{about}<RequestId>{request_id}</RequestId><HostId>{HOST_ID}</HostId></Error>")
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    text.split_once(begin)?.1.split_once(end).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_sentence_gets_s3_s_own() {
        let about = About::of(&"/lake/a%3C/b?uploadId=u".parse().expect("an address"));
        assert_eq!(
            complete("<Error><Code>NoSuchKey</Code></Error>", &about, "1"),
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;/b</Key>\
             <RequestId>1</RequestId><HostId>hydrant-sandbox</HostId></Error>"
        );
        assert!(
            complete("<Error><Message>so</Message></Error>", &about, "1")
                .contains("<Message>so</Message><Res")
        );
    }
}
