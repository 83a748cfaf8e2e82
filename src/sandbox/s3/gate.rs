//! What happens before any operation: faults strike, the bucket must be there and within reach, and the caller must
//! be allowed.

use hyper::header::{HeaderMap, HeaderValue};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3Result, s3_error};

use super::door::Door;
use super::refused::not_carried;
use crate::sandbox::call::Caller;
use crate::sandbox::fault::Kind;
use crate::sandbox::iam;
use crate::sandbox::world::World;

/// What IAM calls an operation.
fn action(operation: &str, of_a_version: bool) -> Option<&'static str> {
    Some(match operation {
        "ListBuckets" => "s3:ListAllMyBuckets",
        "CreateBucket" => "s3:CreateBucket",
        "DeleteBucket" => "s3:DeleteBucket",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "s3:ListBucket",
        "ListObjectVersions" => "s3:ListBucketVersions",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "GetBucketLocation" => "s3:GetBucketLocation",
        "GetBucketTagging" => "s3:GetBucketTagging",
        "PutBucketTagging" | "DeleteBucketTagging" => "s3:PutBucketTagging",
        "GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "s3:PutBucketPublicAccessBlock",
        "GetBucketEncryption" => "s3:GetEncryptionConfiguration",
        "PutBucketEncryption" | "DeleteBucketEncryption" => "s3:PutEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration",
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => "s3:PutLifecycleConfiguration",
        "GetBucketVersioning" => "s3:GetBucketVersioning",
        "PutBucketVersioning" => "s3:PutBucketVersioning",
        "GetBucketPolicy" => "s3:GetBucketPolicy",
        "PutBucketPolicy" => "s3:PutBucketPolicy",
        "DeleteBucketPolicy" => "s3:DeleteBucketPolicy",
        "GetBucketOwnershipControls" => "s3:GetBucketOwnershipControls",
        "PutBucketOwnershipControls" | "DeleteBucketOwnershipControls" => "s3:PutBucketOwnershipControls",
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => "s3:PutObject",
        "GetObject" | "HeadObject" if of_a_version => "s3:GetObjectVersion",
        "GetObject" | "HeadObject" => "s3:GetObject",
        "GetObjectAttributes" if of_a_version => "s3:GetObjectVersionAttributes",
        "GetObjectAttributes" => "s3:GetObjectAttributes",
        "DeleteObject" if of_a_version => "s3:DeleteObjectVersion",
        "DeleteObject" => "s3:DeleteObject",
        "GetObjectTagging" if of_a_version => "s3:GetObjectVersionTagging",
        "GetObjectTagging" => "s3:GetObjectTagging",
        "PutObjectTagging" if of_a_version => "s3:PutObjectVersionTagging",
        "PutObjectTagging" => "s3:PutObjectTagging",
        "DeleteObjectTagging" if of_a_version => "s3:DeleteObjectVersionTagging",
        "DeleteObjectTagging" => "s3:DeleteObjectTagging",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        "ListParts" => "s3:ListMultipartUploadParts",
        // It asks for each key: see `may`.
        "DeleteObjects" => "",
        _ => return None,
    })
}

/// Whether there is such an operation here.
pub(crate) fn carries(operation: &str) -> bool {
    action(operation, false).is_some()
}

/// Who calls what.
#[derive(Debug)]
struct Asked {
    operation: String,
    bucket: Option<String>,
    key: Option<String>,
    of_a_version: bool,
    /// The account that the caller takes for the bucket's owner.
    expected_owner: Option<String>,
}

impl Asked {
    fn of(context: &S3AccessContext<'_>) -> Self {
        let path = context.s3_path();
        let query = context.uri().query().unwrap_or_default();
        let expected = context.headers().get("x-amz-expected-bucket-owner");
        Self {
            operation: context.s3_op().name().to_owned(),
            bucket: path.get_bucket_name().map(ToOwned::to_owned),
            key: path.get_object_key().map(ToOwned::to_owned),
            of_a_version: query.split('&').any(|pair| pair.starts_with("versionId=")),
            expected_owner: expected.and_then(|owner| owner.to_str().ok()).map(ToOwned::to_owned),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Door {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let asked = Asked::of(context);
        let operation = asked.operation.clone();
        let late = self.look(move |world| Ok(world.faults.late("s3", &operation))).await?;
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        let door = self.clone();
        self.change(move |world| admit(world, &door, &asked)).await
    }
}

/// `s3s` asks for permissions only when it could verify signatures. It is never asked for a key: signatures are taken
/// off before.
pub(super) struct NoKeys;

#[async_trait::async_trait]
impl S3Auth for NoKeys {
    async fn get_secret_key(&self, _: &str) -> S3Result<SecretKey> {
        Err(s3_error!(AccessDenied))
    }
}

fn admit(world: &mut World, door: &Door, asked: &Asked) -> S3Result<()> {
    let operation = asked.operation.as_str();
    if world.faults.strikes(Kind::Throttle, "s3", operation) {
        return Err(s3_error!(SlowDown));
    }
    if world.faults.strikes(Kind::Error, "s3", operation) {
        return Err(s3_error!(InternalError));
    }
    let Some(action) = action(operation, asked.of_a_version) else { return Err(not_carried(operation)) };
    let resource = resource(asked.bucket.as_deref(), asked.key.as_deref());
    if world.faults.strikes(Kind::Deny, "s3", operation) {
        return Err(denial(&door.caller, action, &resource));
    }
    if asked.key.as_ref().is_some_and(|key| key.contains('\0')) {
        return Err(s3_error!(InvalidArgument, "The sandbox keeps no keys that hold a NUL"));
    }
    if let Some(bucket) = &asked.bucket
        && operation != "CreateBucket"
    {
        reach(world, door, operation, bucket, asked.expected_owner.as_deref())?;
    }
    if action.is_empty() {
        return Ok(());
    }
    iam::authorize(world, &door.caller, action, &resource, door.now)
        .map_err(|_| denial(&door.caller, action, &resource))
}

/// Whether a bucket is there, the caller's, and in the region that was called.
fn reach(
    world: &mut World,
    door: &Door,
    operation: &str,
    name: &str,
    expected_owner: Option<&str>,
) -> S3Result<()> {
    let lost = world.faults.loses(name);
    let bucket = world.s3.buckets.get(name).filter(|_| !lost).ok_or_else(|| s3_error!(NoSuchBucket))?;
    if bucket.account != door.caller.account() || expected_owner.is_some_and(|owner| owner != bucket.account)
    {
        return Err(s3_error!(AccessDenied));
    }
    // Where a bucket is may be asked everywhere: that is what the question is for.
    if bucket.region != door.region && operation != "GetBucketLocation" {
        return Err(elsewhere(&bucket.region));
    }
    Ok(())
}

fn elsewhere(region: &str) -> S3Error {
    let mut error = s3_error!(PermanentRedirect);
    if let Ok(region) = HeaderValue::from_str(region) {
        error.set_headers(HeaderMap::from_iter([(
            hyper::header::HeaderName::from_static("x-amz-bucket-region"),
            region,
        )]));
    }
    error
}

/// The ARN of a bucket or an object, as policies see it.
fn resource(bucket: Option<&str>, key: Option<&str>) -> String {
    match (bucket, key) {
        (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
        (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
        _ => "*".to_owned(),
    }
}

/// Whether the caller may do something with an object or, without a key, a bucket.
pub(super) fn may(world: &World, door: &Door, action: &str, bucket: &str, key: Option<&str>) -> S3Result<()> {
    let resource = resource(Some(bucket), key);
    iam::authorize(world, &door.caller, action, &resource, door.now)
        .map_err(|_| denial(&door.caller, action, &resource))
}

/// Whether the caller may read an object of any bucket, to copy it.
pub(super) fn may_read(world: &World, door: &Door, bucket: &str, key: &str, version: bool) -> S3Result<()> {
    let source = world.s3.buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
    if source.account != door.caller.account() {
        return Err(s3_error!(AccessDenied));
    }
    let action = if version { "s3:GetObjectVersion" } else { "s3:GetObject" };
    may(world, door, action, bucket, Some(key))
}

fn denial(caller: &Caller, action: &str, resource: &str) -> S3Error {
    s3_error!(
        AccessDenied,
        "User: {} is not authorized to perform: {action} on resource: \"{resource}\" because no identity-based policy \
         allows the {action} action",
        caller.arn()
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, door, world_with_bucket};
    use super::*;
    use crate::sandbox::trial::Trial;

    fn asked(operation: &str) -> Asked {
        Asked {
            operation: operation.to_owned(),
            bucket: Some("posts".to_owned()),
            key: Some("key".to_owned()),
            of_a_version: false,
            expected_owner: None,
        }
    }

    fn refused(trial: &mut Trial, door: &Door, asked: &Asked) -> String {
        code(admit(&mut trial.world, door, asked))
    }

    #[test]
    fn a_bucket_is_within_reach_of_its_account_in_its_region() {
        let mut trial = world_with_bucket();
        let own = door(&trial);
        assert!(admit(&mut trial.world, &own, &asked("GetObject")).is_ok());
        let stranger =
            Door { caller: Caller::Operator { account: "999999999999".to_owned() }, ..own.clone() };
        assert_eq!(refused(&mut trial, &stranger, &asked("GetObject")), "AccessDenied");
        let wrong = Asked { expected_owner: Some("999999999999".to_owned()), ..asked("GetObject") };
        assert_eq!(refused(&mut trial, &own, &wrong), "AccessDenied");
        let elsewhere = Door { region: "eu-west-1".to_owned(), ..own };
        assert_eq!(refused(&mut trial, &elsewhere, &asked("GetObject")), "PermanentRedirect");
        assert!(admit(&mut trial.world, &elsewhere, &asked("GetBucketLocation")).is_ok());
    }

    #[test]
    fn faults_strike_before_anything_else() {
        let mut trial = world_with_bucket();
        let own = door(&trial);
        for (fault, expected) in [
            ("throttle:s3.GetObject=100%", "SlowDown"),
            ("error:s3=100%", "InternalError"),
            ("deny:s3.GetObject", "AccessDenied"),
            ("lost-bucket:posts", "NoSuchBucket"),
        ] {
            trial.world.faults.set([fault.parse().expect("a fault")]);
            assert_eq!(refused(&mut trial, &own, &asked("GetObject")), expected);
        }
    }

    #[test]
    fn an_operation_that_is_not_carried_is_refused() {
        let mut trial = world_with_bucket();
        let own = door(&trial);
        assert_eq!(refused(&mut trial, &own, &asked("PutBucketWebsite")), "NotImplemented");
    }
}
