//! What is set on buckets: kept, checked as AWS checks it, and given back.

use std::collections::BTreeSet;

use s3s::{S3Result, dto, s3_error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Versioning;
use super::buckets::{bucket, bucket_mut};
use super::refused::{not_carried, refuse};
use super::tagging;
use crate::sandbox::tags::Tags;
use crate::sandbox::world::World;

/// The most rules of a lifecycle.
const MOST_RULES: usize = 1000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lifecycle {
    rules: Vec<dto::LifecycleRule>,
    smallest: Option<String>,
}

pub(super) fn put_tagging(world: &mut World, input: &dto::PutBucketTaggingInput) -> S3Result<()> {
    let tags = tagging::read(&input.tagging.tag_set, tagging::MOST_OF_A_BUCKET)?;
    bucket_mut(world, &input.bucket)?.tags = tags;
    Ok(())
}

pub(super) fn get_tagging(world: &World, name: &str) -> S3Result<dto::GetBucketTaggingOutput> {
    match &bucket(world, name)?.tags {
        tags if tags.is_empty() => Err(s3_error!(NoSuchTagSet)),
        tags => Ok(dto::GetBucketTaggingOutput { tag_set: tagging::list(tags) }),
    }
}

pub(super) fn delete_tagging(world: &mut World, name: &str) -> S3Result<()> {
    bucket_mut(world, name)?.tags = Tags::new();
    Ok(())
}

pub(super) fn put_public_access_block(
    world: &mut World,
    input: dto::PutPublicAccessBlockInput,
) -> S3Result<()> {
    let asked = input.public_access_block_configuration;
    bucket_mut(world, &input.bucket)?.public_access = Some(dto::PublicAccessBlockConfiguration {
        block_public_acls: asked.block_public_acls.or(Some(false)),
        block_public_policy: asked.block_public_policy.or(Some(false)),
        ignore_public_acls: asked.ignore_public_acls.or(Some(false)),
        restrict_public_buckets: asked.restrict_public_buckets.or(Some(false)),
    });
    Ok(())
}

pub(super) fn get_public_access_block(
    world: &World,
    name: &str,
) -> S3Result<dto::GetPublicAccessBlockOutput> {
    let there = bucket(world, name)?.public_access.clone().ok_or_else(|| {
        refuse(
            "NoSuchPublicAccessBlockConfiguration",
            404,
            "The public access block configuration was not found",
        )
    })?;
    Ok(dto::GetPublicAccessBlockOutput { public_access_block_configuration: Some(there) })
}

pub(super) fn delete_public_access_block(world: &mut World, name: &str) -> S3Result<()> {
    bucket_mut(world, name)?.public_access = None;
    Ok(())
}

pub(super) fn put_encryption(world: &mut World, input: dto::PutBucketEncryptionInput) -> S3Result<()> {
    let asked = input.server_side_encryption_configuration;
    let [rule] = asked.rules.as_slice() else { return Err(s3_error!(MalformedXML)) };
    let usual =
        rule.apply_server_side_encryption_by_default.as_ref().ok_or_else(|| s3_error!(MalformedXML))?;
    match (usual.sse_algorithm.as_str(), &usual.kms_master_key_id) {
        (dto::ServerSideEncryption::AES256, None) | (dto::ServerSideEncryption::AWS_KMS, _) => {}
        (dto::ServerSideEncryption::AES256, Some(_)) => {
            return Err(s3_error!(
                InvalidArgument,
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
            ));
        }
        (dto::ServerSideEncryption::AWS_KMS_DSSE, _) => return Err(not_carried("aws:kms:dsse")),
        _ => return Err(s3_error!(MalformedXML)),
    }
    bucket_mut(world, &input.bucket)?.encryption = Some(asked);
    Ok(())
}

pub(super) fn get_encryption(world: &World, name: &str) -> S3Result<dto::GetBucketEncryptionOutput> {
    let usual = || dto::ServerSideEncryptionConfiguration {
        rules: vec![dto::ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(dto::ServerSideEncryptionByDefault {
                kms_master_key_id: None,
                sse_algorithm: dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AES256),
            }),
            bucket_key_enabled: Some(false),
        }],
    };
    let mut there = bucket(world, name)?.encryption.clone().unwrap_or_else(usual);
    for rule in &mut there.rules {
        rule.bucket_key_enabled.get_or_insert(false);
    }
    Ok(dto::GetBucketEncryptionOutput { server_side_encryption_configuration: Some(there) })
}

/// Nothing is ever unencrypted: this goes back to keys of S3's own.
pub(super) fn delete_encryption(world: &mut World, name: &str) -> S3Result<()> {
    bucket_mut(world, name)?.encryption = None;
    Ok(())
}

pub(super) fn put_versioning(world: &mut World, input: &dto::PutBucketVersioningInput) -> S3Result<()> {
    let asked = &input.versioning_configuration;
    if asked.mfa_delete.as_ref().is_some_and(|mfa| mfa.as_str() == dto::MFADelete::ENABLED) {
        return Err(not_carried("MfaDelete"));
    }
    let versioning = match asked.status.as_ref().map(dto::BucketVersioningStatus::as_str) {
        Some(dto::BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(dto::BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        None => {
            return Err(s3_error!(
                IllegalVersioningConfigurationException,
                "The Versioning element must be specified"
            ));
        }
        Some(_) => return Err(s3_error!(MalformedXML)),
    };
    bucket_mut(world, &input.bucket)?.versioning = Some(versioning);
    Ok(())
}

pub(super) fn get_versioning(world: &World, name: &str) -> S3Result<dto::GetBucketVersioningOutput> {
    let status = bucket(world, name)?.versioning.map(|versioning| {
        dto::BucketVersioningStatus::from_static(match versioning {
            Versioning::Enabled => dto::BucketVersioningStatus::ENABLED,
            Versioning::Suspended => dto::BucketVersioningStatus::SUSPENDED,
        })
    });
    Ok(dto::GetBucketVersioningOutput { status, ..Default::default() })
}

pub(super) fn put_ownership(world: &mut World, input: &dto::PutBucketOwnershipControlsInput) -> S3Result<()> {
    let known = [
        dto::ObjectOwnership::BUCKET_OWNER_ENFORCED,
        dto::ObjectOwnership::BUCKET_OWNER_PREFERRED,
        dto::ObjectOwnership::OBJECT_WRITER,
    ];
    let [rule] = input.ownership_controls.rules.as_slice() else { return Err(s3_error!(MalformedXML)) };
    if !known.contains(&rule.object_ownership.as_str()) {
        return Err(s3_error!(MalformedXML));
    }
    bucket_mut(world, &input.bucket)?.ownership = Some(rule.object_ownership.as_str().to_owned());
    Ok(())
}

pub(super) fn get_ownership(world: &World, name: &str) -> S3Result<dto::GetBucketOwnershipControlsOutput> {
    let there = bucket(world, name)?.ownership.clone();
    let there = there.ok_or_else(|| s3_error!(OwnershipControlsNotFoundError))?;
    let rules = vec![dto::OwnershipControlsRule { object_ownership: there.into() }];
    Ok(dto::GetBucketOwnershipControlsOutput { ownership_controls: Some(dto::OwnershipControls { rules }) })
}

pub(super) fn delete_ownership(world: &mut World, name: &str) -> S3Result<()> {
    bucket_mut(world, name)?.ownership = None;
    Ok(())
}

pub(super) fn put_policy(world: &mut World, input: dto::PutBucketPolicyInput) -> S3Result<()> {
    let is_public = check_policy(&input.policy, &input.bucket)?;
    let bucket = bucket_mut(world, &input.bucket)?;
    let blocked = bucket.public_access.as_ref().and_then(|block| block.block_public_policy);
    if is_public && blocked == Some(true) {
        return Err(s3_error!(
            AccessDenied,
            "User is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::{}\" because public \
             policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            input.bucket
        ));
    }
    bucket.policy = Some(input.policy);
    Ok(())
}

pub(super) fn get_policy(world: &World, name: &str) -> S3Result<dto::GetBucketPolicyOutput> {
    let there = bucket(world, name)?.policy.clone().ok_or_else(|| s3_error!(NoSuchBucketPolicy))?;
    Ok(dto::GetBucketPolicyOutput { policy: Some(there) })
}

pub(super) fn delete_policy(world: &mut World, name: &str) -> S3Result<()> {
    bucket_mut(world, name)?.policy = None;
    Ok(())
}

/// Whether a policy that will do for a bucket lets everybody in.
fn check_policy(policy: &str, bucket: &str) -> S3Result<bool> {
    let malformed = |message: &'static str| s3_error!(MalformedPolicy, "{message}");
    let policy: Value = serde_json::from_str(policy)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
    let statements = one_or_more(policy.get("Statement"));
    if statements.is_empty() {
        return Err(malformed("Missing required field Statement"));
    }
    let own = format!("arn:aws:s3:::{bucket}");
    let mut is_public = false;
    for statement in statements {
        let effect = statement.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny")) {
            return Err(malformed("Invalid effect"));
        }
        let principal = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
        let principal = principal.ok_or_else(|| malformed("Missing required field Principal"))?;
        if statement.get("Action").or_else(|| statement.get("NotAction")).is_none() {
            return Err(malformed("Missing required field Action"));
        }
        let resources = one_or_more(statement.get("Resource").or_else(|| statement.get("NotResource")));
        if resources.is_empty() {
            return Err(malformed("Missing required field Resource"));
        }
        let is_own = |resource: &&Value| {
            resource
                .as_str()
                .and_then(|arn| arn.strip_prefix(&own))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('*'))
        };
        if !resources.iter().all(is_own) {
            return Err(malformed("Policy has invalid resource"));
        }
        let everybody =
            principal == "*" || one_or_more(principal.get("AWS")).into_iter().any(|who| who == "*");
        is_public |= everybody && effect == Some("Allow") && statement.get("Condition").is_none();
    }
    Ok(is_public)
}

/// Policies leave out the list around a single value.
fn one_or_more(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
    }
}

pub(super) fn put_lifecycle(
    world: &mut World,
    input: dto::PutBucketLifecycleConfigurationInput,
) -> S3Result<dto::PutBucketLifecycleConfigurationOutput> {
    let mut rules = input.lifecycle_configuration.ok_or_else(|| s3_error!(MalformedXML))?.rules;
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(s3_error!(MalformedXML));
    }
    let mut ids = BTreeSet::new();
    for rule in &mut rules {
        check_rule(rule)?;
        let id = rule.id.get_or_insert_with(|| uuid::Uuid::new_v4().simple().to_string());
        if !ids.insert(id.clone()) {
            return Err(s3_error!(
                InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule"
            ));
        }
    }
    let smallest = input.transition_default_minimum_object_size.map(|size| size.as_str().to_owned());
    let output = dto::PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(shown(smallest.clone())),
    };
    bucket_mut(world, &input.bucket)?.lifecycle = Some(Lifecycle { rules, smallest });
    Ok(output)
}

/// From which size on objects change their storage class; AWS says what counts if nothing was said.
fn shown(smallest: Option<String>) -> dto::TransitionDefaultMinimumObjectSize {
    let usual = dto::TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K;
    smallest.unwrap_or_else(|| usual.to_owned()).into()
}

fn check_rule(rule: &dto::LifecycleRule) -> S3Result<()> {
    if rule.id.as_ref().is_some_and(|id| id.len() > 255) {
        return Err(s3_error!(InvalidArgument, "ID length should not exceed allowed limit of 255"));
    }
    let statuses = [dto::ExpirationStatus::ENABLED, dto::ExpirationStatus::DISABLED];
    if !statuses.contains(&rule.status.as_str()) || rule.filter.is_some() == rule.prefix.is_some() {
        return Err(s3_error!(MalformedXML));
    }
    let expiration = rule.expiration.as_ref();
    if let Some(expiration) = expiration {
        let ways = [
            expiration.date.is_some(),
            expiration.days.is_some(),
            expiration.expired_object_delete_marker.is_some(),
        ];
        if ways.into_iter().filter(|given| *given).count() != 1 {
            return Err(s3_error!(MalformedXML));
        }
    }
    let transitions = rule.transitions.as_deref().unwrap_or_default();
    let older = rule.noncurrent_version_transitions.as_deref().unwrap_or_default();
    let older_expiration = rule.noncurrent_version_expiration.as_ref();
    let abort = rule.abort_incomplete_multipart_upload.as_ref();
    if expiration.is_none()
        && transitions.is_empty()
        && older.is_empty()
        && older_expiration.is_none()
        && abort.is_none()
    {
        return Err(s3_error!(InvalidRequest, "At least one action needs to be specified in a rule"));
    }
    if transitions.iter().any(|transition| transition.storage_class.is_none()) {
        return Err(s3_error!(MalformedXML));
    }
    let positive = [
        ("Expiration", expiration.and_then(|expiration| expiration.days)),
        ("NoncurrentVersionExpiration", older_expiration.and_then(|expiration| expiration.noncurrent_days)),
        ("AbortIncompleteMultipartUpload", abort.and_then(|abort| abort.days_after_initiation)),
    ];
    for (action, days) in positive {
        if days.is_some_and(|days| days < 1) {
            return Err(s3_error!(InvalidArgument, "'Days' for {action} action must be a positive integer"));
        }
    }
    if transitions.iter().any(|transition| transition.days.is_some_and(|days| days < 0)) {
        return Err(s3_error!(InvalidArgument, "'Days' in Transition action must be nonnegative"));
    }
    let last = transitions.iter().filter_map(|transition| transition.days).max();
    if let (Some(gone), Some(last)) = (expiration.and_then(|expiration| expiration.days), last)
        && gone <= last
    {
        return Err(s3_error!(
            InvalidArgument,
            "'Days' in the Expiration action for filter must be greater than 'Days' in the Transition action"
        ));
    }
    Ok(())
}

pub(super) fn get_lifecycle(
    world: &World,
    name: &str,
) -> S3Result<dto::GetBucketLifecycleConfigurationOutput> {
    let there = bucket(world, name)?.lifecycle.clone();
    let there = there.ok_or_else(|| s3_error!(NoSuchLifecycleConfiguration))?;
    Ok(dto::GetBucketLifecycleConfigurationOutput {
        rules: Some(there.rules),
        transition_default_minimum_object_size: Some(shown(there.smallest)),
    })
}

pub(super) fn delete_lifecycle(world: &mut World, name: &str) -> S3Result<()> {
    bucket_mut(world, name)?.lifecycle = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::code;
    use super::*;

    #[test]
    fn a_policy_must_be_about_its_bucket() {
        let policy = |resource: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"{resource}"}}}}"#
            )
        };
        assert_eq!(check_policy(&policy("arn:aws:s3:::posts/*"), "posts").ok(), Some(true));
        assert_eq!(code(check_policy(&policy("arn:aws:s3:::posts2/*"), "posts")), "MalformedPolicy");
        assert_eq!(code(check_policy("no", "posts")), "MalformedPolicy");
        assert_eq!(code(check_policy("{}", "posts")), "MalformedPolicy");
    }

    #[test]
    fn a_rule_of_a_lifecycle_must_do_something_for_some_objects() {
        let rule = |change: fn(&mut dto::LifecycleRule)| {
            let mut rule = dto::LifecycleRule {
                abort_incomplete_multipart_upload: None,
                expiration: Some(dto::LifecycleExpiration { days: Some(30), ..Default::default() }),
                filter: Some(dto::LifecycleRuleFilter::default()),
                id: None,
                noncurrent_version_expiration: None,
                noncurrent_version_transitions: None,
                prefix: None,
                status: dto::ExpirationStatus::from_static(dto::ExpirationStatus::ENABLED),
                transitions: None,
            };
            change(&mut rule);
            check_rule(&rule)
        };
        assert!(rule(|_| ()).is_ok());
        assert_eq!(code(rule(|rule| rule.filter = None)), "MalformedXML");
        assert_eq!(code(rule(|rule| rule.expiration = None)), "InvalidRequest");
        assert_eq!(code(rule(|rule| rule.status = "on".to_owned().into())), "MalformedXML");
        assert_eq!(
            code(rule(|rule| {
                rule.expiration = Some(dto::LifecycleExpiration { days: Some(0), ..Default::default() });
            })),
            "InvalidArgument"
        );
    }
}
