//! The bucket: the lake. Nobody but the account reaches it, it is encrypted, and uploads that were never finished
//! are cleaned away. It is the one resource that holds what cannot be made again, so it is only deleted empty, or
//! emptied on purpose.

use async_trait::async_trait;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, Delete, EncodingType, Error as S3Error, ExpirationStatus, LifecycleRule,
    LifecycleRuleFilter, ObjectIdentifier, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
};

use super::{Resource, differs};
use crate::cloud::{Operation, listed_key};
use crate::progress::Phase;
use crate::stack::graph::Kind;
use crate::stack::patience::pauses;
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};
use crate::text::{bytes, counted};

pub(super) struct Bucket;

const PUBLIC_ACCESS: &str = "public access";
const ENCRYPTION: &str = "encryption";
const UNFINISHED: &str = "unfinished uploads";
const KIND: Kind = Kind::Bucket;

/// Days after which an upload that was never finished is removed.
const UNFINISHED_DAYS: i32 = 7;
/// The id of hydrant's own lifecycle rule; others in the bucket are left alone.
const RULE_ID: &str = "hydrant-unfinished-uploads";
/// How often objects that S3 itself failed to delete are asked for again without one more of them going: with growing
/// pauses, a quarter of a minute.
const FAILED_ROUNDS: usize = 10;
/// What S3 answers, depending on where it is asked, about a bucket of another region.
const ELSEWHERE: [&str; 3] =
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];
/// `us-east-1` is the one region that must not be named when a bucket is made there.
const UNNAMED_REGION: &str = "us-east-1";

/// What a bucket holds, as far as one look tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::stack) struct Holding {
    /// Object versions and delete markers seen.
    pub(in crate::stack) versions: usize,
    /// Their bytes.
    pub(in crate::stack) bytes: u64,
    /// Uploads that were begun and not finished.
    pub(in crate::stack) uploads: usize,
    /// Whether there is more than was looked at.
    pub(in crate::stack) more: bool,
}

impl Holding {
    pub(in crate::stack) fn is_empty(&self) -> bool {
        self.versions == 0 && self.uploads == 0
    }
}

impl std::fmt::Display for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let versions = counted(self.versions, "object version", "object versions");
        let at_least = if self.more { "at least " } else { "" };
        write!(f, "{at_least}{versions}, {}", bytes(self.bytes))?;
        if self.uploads > 0 {
            write!(f, ", {}", counted(self.uploads, "unfinished upload", "unfinished uploads"))?;
        }
        Ok(())
    }
}

impl Stack {
    /// Looks at the first page of what the bucket holds; an absent bucket holds nothing.
    pub(in crate::stack) async fn bucket_holding(&self) -> Result<Holding, StackError> {
        let bucket = self.names.of(KIND);
        let versions = self.cloud.s3.list_object_versions().bucket(bucket).encoding_type(EncodingType::Url);
        let uploads = self.cloud.s3.list_multipart_uploads().bucket(bucket).encoding_type(EncodingType::Url);
        let (versions, uploads) = tokio::join!(
            self.call(KIND, Operation::ListObjectVersions, versions.send()),
            self.call(KIND, Operation::ListMultipartUploads, uploads.send())
        );
        let (Some(versions), Some(uploads)) = (if_there(versions)?, if_there(uploads)?) else {
            return Ok(Holding::default());
        };
        let bytes = versions
            .versions()
            .iter()
            .filter_map(|version| version.size())
            .filter_map(|size| u64::try_from(size).ok());
        Ok(Holding {
            versions: versions.versions().len() + versions.delete_markers().len(),
            bytes: bytes.sum(),
            uploads: uploads.uploads().len(),
            more: versions.is_truncated() == Some(true),
        })
    }

    /// Deletes every version, every delete marker and every unfinished upload: pages of 1,000, one call a page.
    /// Stops between pages when asked to.
    pub(in crate::stack) async fn empty_bucket(&self) -> Result<(), StackError> {
        let bucket = self.names.of(KIND);
        let mut deleted = 0_usize;
        loop {
            // Always the first page: what was on it is gone by the next look, so no marker can go stale.
            let request = self.cloud.s3.list_object_versions().bucket(bucket);
            let request = request.encoding_type(EncodingType::Url);
            let page = self.call(KIND, Operation::ListObjectVersions, request.send()).await?;
            let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
            let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
            let keys: Vec<ObjectIdentifier> = versions
                .chain(markers)
                .filter_map(|(key, id)| {
                    ObjectIdentifier::builder()
                        .key(listed_key(key?.to_owned(), page.encoding_type()))
                        .set_version_id(id.map(ToOwned::to_owned))
                        .build()
                        .ok()
                })
                .collect();
            if keys.is_empty() {
                break;
            }
            deleted += keys.len();
            delete_objects(self, KIND, keys).await?;
            self.progress.tell(
                KIND.name(),
                bucket,
                Phase::Acting,
                format!("{} deleted", counted(deleted, "object version", "object versions")),
            );
            self.check_stop()?;
        }
        self.abort_uploads(bucket).await
    }

    async fn abort_uploads(&self, bucket: &str) -> Result<(), StackError> {
        loop {
            let request = self.cloud.s3.list_multipart_uploads().bucket(bucket);
            let request = request.encoding_type(EncodingType::Url);
            let page = self.call(KIND, Operation::ListMultipartUploads, request.send()).await?;
            for upload in page.uploads() {
                let key = upload.key.clone().map(|key| listed_key(key, page.encoding_type()));
                let request = self
                    .cloud
                    .s3
                    .abort_multipart_upload()
                    .bucket(bucket)
                    .set_key(key)
                    .set_upload_id(upload.upload_id.clone());
                if_there(self.call(KIND, Operation::AbortMultipartUpload, request.send()).await)?;
                self.check_stop()?;
            }
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
        }
    }
}

/// Deletes these objects of the bucket. Those that S3 failed to delete for reasons of its own are asked for again, as long
/// as that gets any further.
pub(super) async fn delete_objects(
    stack: &Stack,
    kind: Kind,
    mut objects: Vec<ObjectIdentifier>,
) -> Result<(), StackError> {
    let bucket = stack.names.of(KIND);
    let mut rounds = pauses().take(FAILED_ROUNDS);
    loop {
        let asked = objects.len();
        let batch =
            Delete::builder().set_objects(Some(objects)).quiet(true).build().expect("there are objects");
        let request = stack.cloud.s3.delete_objects().bucket(bucket).delete(batch);
        let answer = stack.call(kind, Operation::DeleteObjects, request.send()).await?;
        let passes = |error: &&S3Error| matches!(error.code(), Some("InternalError" | "SlowDown"));
        if let Some(error) = answer.errors().iter().find(|error| !passes(error)) {
            return Err(not_deleted(bucket, error));
        }
        let Some(error) = answer.errors().first() else { return Ok(()) };
        objects = answer.errors().iter().filter_map(failed_object).collect();
        if objects.len() < asked {
            rounds = pauses().take(FAILED_ROUNDS);
        }
        let Some(pause) = rounds.next().filter(|_| !objects.is_empty()) else {
            return Err(not_deleted(bucket, error));
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stack.stop.cancelled() => return Err(StackError::Interrupted),
        }
    }
}

fn failed_object(error: &S3Error) -> Option<ObjectIdentifier> {
    ObjectIdentifier::builder().key(error.key()?).set_version_id(error.version_id.clone()).build().ok()
}

fn not_deleted(bucket: &str, error: &S3Error) -> StackError {
    let key = crate::text::sanitise(error.key().unwrap_or_default());
    let why = crate::text::sanitise(error.message().or(error.code()).unwrap_or("no reason given"));
    StackError::Refused(vec![format!("the object {key} in {bucket} could not be deleted: {why}")])
}

fn blocked() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build()
}

fn unfinished_rule() -> LifecycleRule {
    LifecycleRule::builder()
        .id(RULE_ID)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder().days_after_initiation(UNFINISHED_DAYS).build(),
        )
        .build()
        .expect("a status is given")
}

/// After how many days unfinished uploads of the whole bucket are removed, by the soonest rule that is on for all of
/// it. A rule that is stricter than ours is as good as ours.
fn unfinished_days(rules: &[LifecycleRule]) -> Option<i32> {
    rules
        .iter()
        .filter(|rule| rule.status() == &ExpirationStatus::Enabled && is_for_all(rule))
        .filter_map(|rule| rule.abort_incomplete_multipart_upload()?.days_after_initiation())
        .min()
        .map(|days| if days <= UNFINISHED_DAYS { UNFINISHED_DAYS } else { days })
}

fn is_for_all(rule: &LifecycleRule) -> bool {
    #[expect(deprecated, reason = "rules of older tools still have their prefix there")]
    let legacy = rule.prefix().unwrap_or_default();
    let filter_is_open = rule.filter().is_none_or(|filter| {
        let narrows = filter.tag().is_some()
            || filter.and().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some();
        !narrows && filter.prefix().unwrap_or_default().is_empty()
    });
    legacy.is_empty() && filter_is_open
}

/// A rule in today's form: S3 refuses a configuration that mixes it with the older one.
fn modernised(mut rule: LifecycleRule) -> LifecycleRule {
    #[expect(deprecated, reason = "rules of older tools still have their prefix there")]
    if let Some(prefix) = rule.prefix.take() {
        rule.filter.get_or_insert_with(|| LifecycleRuleFilter::builder().prefix(prefix).build());
    }
    rule
}

fn aborted_after(days: i32) -> String {
    format!("aborted after {}", counted(days, "day", "days"))
}

#[async_trait]
impl Resource for Bucket {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default()
            .with(OWNER, &stack.names.stack)
            .with(PUBLIC_ACCESS, "blocked")
            .with(ENCRYPTION, "AES256")
            .with(UNFINISHED, aborted_after(UNFINISHED_DAYS)))
    }

    /// S3 answers each property by a call of its own, so this is the one resource that costs four reads.
    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(KIND);
        let s3 = &stack.cloud.s3;
        let (tags, access, encryption, lifecycle) = (
            s3.get_bucket_tagging().bucket(name),
            s3.get_public_access_block().bucket(name),
            s3.get_bucket_encryption().bucket(name),
            s3.get_bucket_lifecycle_configuration().bucket(name),
        );
        let tags = match stack.call(KIND, Operation::GetBucketTagging, tags.send()).await {
            Ok(answer) => answer.tag_set,
            Err(StackError::Cloud(error)) if error.code() == Some("NoSuchTagSet") => Vec::new(),
            Err(StackError::Cloud(error)) if error.is_missing() => return Ok(None),
            Err(StackError::Cloud(error)) if error.code().is_some_and(|code| ELSEWHERE.contains(&code)) => {
                let why = format!(
                    "the bucket {name} is there already, in another region: choose another with `bucket`"
                );
                return Err(StackError::Refused(vec![why]));
            }
            Err(error) => return Err(error),
        };
        let (access, encryption, lifecycle) = tokio::join!(
            stack.call(KIND, Operation::GetPublicAccessBlock, access.send()),
            stack.call(KIND, Operation::GetBucketEncryption, encryption.send()),
            stack.call(KIND, Operation::GetBucketLifecycleConfiguration, lifecycle.send())
        );
        let access = if_there(access)?.and_then(|answer| answer.public_access_block_configuration);
        let encryption = if_there(encryption)?.and_then(|answer| answer.server_side_encryption_configuration);
        let algorithm = encryption.and_then(|configuration| {
            let default = configuration.rules.into_iter().next()?.apply_server_side_encryption_by_default?;
            Some(default.sse_algorithm.as_str().to_owned())
        });
        let rules = if_there(lifecycle)?.and_then(|answer| answer.rules).unwrap_or_default();
        let owner = tags.iter().find(|tag| tag.key() == OWNER).map(|tag| tag.value().to_owned());
        let found = Found::ready(name, stack.names.arn(KIND))
            .with(OWNER, owner)
            .with(PUBLIC_ACCESS, if access == Some(blocked()) { "blocked" } else { "possible" }.to_owned())
            .with(ENCRYPTION, algorithm)
            .with(UNFINISHED, unfinished_days(&rules).map(aborted_after));
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let region = stack.names.region.as_str();
        let place = (region != UNNAMED_REGION).then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        let request = stack
            .cloud
            .s3
            .create_bucket()
            .bucket(stack.names.of(KIND))
            .set_create_bucket_configuration(place);
        or_there(stack.call(KIND, Operation::CreateBucket, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        let name = &found.id;
        let s3 = &stack.cloud.s3;
        if differs(differences, OWNER) {
            tag(stack, name).await?;
        }
        if differs(differences, PUBLIC_ACCESS) {
            let request =
                s3.put_public_access_block().bucket(name).public_access_block_configuration(blocked());
            stack.call(KIND, Operation::PutPublicAccessBlock, request.send()).await?;
        }
        if differs(differences, ENCRYPTION) {
            let default =
                ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build();
            let rule = ServerSideEncryptionRule::builder()
                .apply_server_side_encryption_by_default(default.expect("an algorithm is given"))
                .build();
            let rules =
                ServerSideEncryptionConfiguration::builder().rules(rule).build().expect("a rule is given");
            let request = s3.put_bucket_encryption().bucket(name).server_side_encryption_configuration(rules);
            stack.call(KIND, Operation::PutBucketEncryption, request.send()).await?;
        }
        if differs(differences, UNFINISHED) {
            // The call replaces every rule, so those that are not ours are read and put back.
            let request = s3.get_bucket_lifecycle_configuration().bucket(name);
            let there =
                if_there(stack.call(KIND, Operation::GetBucketLifecycleConfiguration, request.send()).await)?;
            let smallest =
                there.as_ref().and_then(|there| there.transition_default_minimum_object_size.clone());
            let mut rules = there.and_then(|answer| answer.rules).unwrap_or_default();
            rules.retain(|rule| rule.id() != Some(RULE_ID));
            let mut rules: Vec<LifecycleRule> = rules.into_iter().map(modernised).collect();
            rules.push(unfinished_rule());
            let all = BucketLifecycleConfiguration::builder()
                .set_rules(Some(rules))
                .build()
                .expect("there are rules");
            let request = s3
                .put_bucket_lifecycle_configuration()
                .bucket(name)
                .lifecycle_configuration(all)
                .set_transition_default_minimum_object_size(smallest);
            stack.call(KIND, Operation::PutBucketLifecycleConfiguration, request.send()).await?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        let request = stack.cloud.s3.delete_bucket().bucket(&found.id);
        stack.call(KIND, Operation::DeleteBucket, request.send()).await.map(drop)
    }
}

/// Puts our tags beside those that are there: the call replaces every tag.
async fn tag(stack: &Stack, bucket: &str) -> Result<(), StackError> {
    let s3 = &stack.cloud.s3;
    let request = s3.get_bucket_tagging().bucket(bucket);
    let there = if_there(stack.call(KIND, Operation::GetBucketTagging, request.send()).await)?;
    let mut tags = there.map(|answer| answer.tag_set).unwrap_or_default();
    let own = stack.names.tags();
    tags.retain(|tag| own.iter().all(|(key, _)| *key != tag.key()));
    tags.extend(
        own.map(|(key, value)| {
            Tag::builder().key(key).value(value).build().expect("key and value are given")
        }),
    );
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build().expect("there are tags");
    let request = s3.put_bucket_tagging().bucket(bucket).tagging(tagging);
    stack.call(KIND, Operation::PutBucketTagging, request.send()).await.map(drop)
}
