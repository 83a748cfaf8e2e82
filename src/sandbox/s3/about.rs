//! What clients say of an object: its type, their own metadata, tags, storage class.

use std::collections::BTreeMap;

use s3s::{S3Result, dto, s3_error};
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::sandbox::tags::Tags;

/// All bytes of names and values together.
const MOST_METADATA: usize = 2048;

const STORAGE_CLASSES: [&str; 8] = [
    dto::StorageClass::STANDARD,
    dto::StorageClass::REDUCED_REDUNDANCY,
    dto::StorageClass::STANDARD_IA,
    dto::StorageClass::ONEZONE_IA,
    dto::StorageClass::INTELLIGENT_TIERING,
    dto::StorageClass::GLACIER_IR,
    dto::StorageClass::GLACIER,
    dto::StorageClass::DEEP_ARCHIVE,
];

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) content_type: Option<Box<str>>,
    pub(super) content_encoding: Option<Box<str>>,
    pub(super) content_disposition: Option<Box<str>>,
    pub(super) content_language: Option<Box<str>>,
    pub(super) cache_control: Option<Box<str>>,
    pub(super) expires: Option<dto::Timestamp>,
    pub(super) metadata: BTreeMap<Box<str>, Box<str>>,
    pub(super) tags: Tags,
    /// `None`: the standard one.
    pub(super) storage_class: Option<Box<str>>,
    /// The key of KMS that it is encrypted with; `None`: one of S3's own.
    pub(super) kms_key: Option<Box<str>>,
}

impl About {
    /// As it is kept: not at all when nothing was said.
    pub(super) fn kept(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// Whether it must be restored before it can be read.
    pub(super) fn is_archived(&self) -> bool {
        matches!(
            self.storage_class.as_deref(),
            Some(dto::StorageClass::GLACIER | dto::StorageClass::DEEP_ARCHIVE)
        )
    }

    /// How the object is encrypted, as answers show it.
    pub(super) fn encryption(about: Option<&Self>) -> (dto::ServerSideEncryption, Option<String>) {
        match about.and_then(|about| about.kms_key.as_deref()) {
            Some(key) => (
                dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AWS_KMS),
                Some(key.to_owned()),
            ),
            None => (dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AES256), None),
        }
    }
}

/// Refuses what S3 can and the sandbox does not carry, of those requests that put objects.
macro_rules! refuse_what_is_not_carried {
    ($input:expr) => {{
        let input = &$input;
        let mut unknown = [
            ("x-amz-server-side-encryption-customer-key", input.sse_customer_key.is_some()),
            ("x-amz-object-lock-mode", input.object_lock_mode.is_some()),
            ("x-amz-object-lock-legal-hold", input.object_lock_legal_hold_status.is_some()),
            ("x-amz-object-lock-retain-until-date", input.object_lock_retain_until_date.is_some()),
            ("x-amz-website-redirect-location", input.website_redirect_location.is_some()),
        ]
        .into_iter()
        .filter(|(_, given)| *given);
        if let Some((header, _)) = unknown.next() {
            return Err($crate::sandbox::s3::refused::not_carried(header));
        }
        let grants =
            [&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp];
        $crate::sandbox::s3::about::check_acl(
            input.acl.as_ref(),
            grants.into_iter().any(|grant| grant.is_some()),
        )?;
    }};
}
pub(super) use refuse_what_is_not_carried;

/// Buckets are their owner's alone, as new ones are at AWS.
pub(super) fn check_acl(acl: Option<&dto::ObjectCannedACL>, grants: bool) -> S3Result<()> {
    let is_the_owners = acl.is_none_or(|acl| {
        [dto::ObjectCannedACL::PRIVATE, dto::ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL]
            .contains(&acl.as_str())
    });
    if is_the_owners && !grants {
        return Ok(());
    }
    Err(s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs"))
}

/// Takes what a request says of an object out of it.
macro_rules! read_about {
    ($input:expr) => {
        $crate::sandbox::s3::about::Said {
            content_type: $input.content_type.take(),
            content_encoding: $input.content_encoding.take(),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            cache_control: $input.cache_control.take(),
            expires: $input.expires.take(),
            metadata: $input.metadata.take(),
            tagging: $input.tagging.take(),
            storage_class: $input.storage_class.take(),
            encryption: $input.server_side_encryption.take(),
            kms_key: $input.ssekms_key_id.take(),
        }
        .read()?
    };
}
pub(super) use read_about;

/// What a request says of an object, unchecked.
pub(super) struct Said {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) expires: Option<dto::Timestamp>,
    pub(super) metadata: Option<dto::Metadata>,
    pub(super) tagging: Option<String>,
    pub(super) storage_class: Option<dto::StorageClass>,
    pub(super) encryption: Option<dto::ServerSideEncryption>,
    pub(super) kms_key: Option<String>,
}

/// The key that KMS has for S3 in every account.
const DEFAULT_KMS_KEY: &str = "alias/aws/s3";

/// The key of KMS that an encryption asks for.
pub(super) fn kms_key(algorithm: &str, key: Option<&str>) -> S3Result<Option<Box<str>>> {
    match (algorithm, key) {
        (dto::ServerSideEncryption::AES256, None) => Ok(None),
        (dto::ServerSideEncryption::AWS_KMS, key) => Ok(Some(key.unwrap_or(DEFAULT_KMS_KEY).into())),
        (dto::ServerSideEncryption::AES256, Some(_)) => Err(s3_error!(
            InvalidArgument,
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : \
             aws:kms"
        )),
        _ => Err(s3_error!(InvalidArgument, "The encryption method specified is not supported")),
    }
}

impl Said {
    pub(super) fn read(self) -> S3Result<About> {
        let metadata = self.metadata.unwrap_or_default();
        if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MOST_METADATA {
            return Err(s3_error!(MetadataTooLarge));
        }
        let storage_class = self.storage_class.as_ref().map(dto::StorageClass::as_str);
        if storage_class.is_some_and(|class| !STORAGE_CLASSES.contains(&class)) {
            return Err(s3_error!(InvalidStorageClass));
        }
        let algorithm = self.encryption.as_ref().map(dto::ServerSideEncryption::as_str);
        let kms_key = match (algorithm, self.kms_key.as_deref()) {
            (None, None) => None,
            (algorithm, key) => kms_key(algorithm.unwrap_or(dto::ServerSideEncryption::AES256), key)?,
        };
        let shared = |text: Option<String>| text.map(Into::into);
        Ok(About {
            content_type: shared(self.content_type),
            content_encoding: shared(self.content_encoding),
            content_disposition: shared(self.content_disposition),
            content_language: shared(self.content_language),
            cache_control: shared(self.cache_control),
            expires: self.expires,
            metadata: metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            tags: tagging::read_header(self.tagging.as_deref())?,
            storage_class: storage_class
                .filter(|class| *class != dto::StorageClass::STANDARD)
                .map(Into::into),
            kms_key,
        })
    }
}
