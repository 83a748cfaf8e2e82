//! A prefix in a bucket, through the clients of [`Cloud`](crate::cloud::Cloud).

use std::ops::Range;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::{Bucket, Depth, Entry, Page};
use crate::cloud::{CloudError, Operation, listed_key};
use crate::lake::LakeError;

/// How often in a row a body that breaks is taken up again.
const RESUMES: u32 = 5;
/// The pause before that, each time longer.
const RESUME_PAUSE: Duration = Duration::from_millis(200);
/// A body that brings nothing for so long is broken.
const SILENCE: Duration = Duration::from_secs(30);
/// Small pieces, as they come from the network, are put together to this size.
const PIECE: usize = 1 << 20;
/// The most that one call deletes.
const DELETED_AT_ONCE: usize = 1000;

impl Bucket {
    pub(super) fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The object as it is named in an error.
    pub(super) fn target(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.name, self.prefix)
    }

    pub(super) fn cloud(&self) -> &crate::cloud::Cloud {
        &self.cloud
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn stat(&self, key: &str) -> Result<Option<Entry>, LakeError> {
        let request = self.cloud.s3.head_object().bucket(&self.name).key(self.full(key));
        match self.cloud.call(Operation::HeadObject, &self.target(key), request.send()).await {
            Ok(about) => Ok(Some(Entry {
                key: key.to_owned(),
                bytes: size(about.content_length()),
                etag: bare(about.e_tag()),
                modified: time(about.last_modified()),
            })),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, LakeError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let request = self.getting(key).range(format!("bytes={}-{}", range.start, range.end - 1));
        let answer = match self.cloud.call(Operation::GetObject, &self.target(key), request.send()).await {
            // The file is shorter than where the range begins.
            Err(error) if error.code() == Some("InvalidRange") => return Ok(Bytes::new()),
            answer => answer?,
        };
        let whole = tokio::time::timeout(SILENCE, answer.body.collect()).await;
        let broken = || LakeError::BrokenOff(self.target(key));
        Ok(whole.map_err(|_| broken())?.map_err(|_| broken())?.into_bytes())
    }

    pub(super) async fn put_new(&self, key: &str) -> Result<bool, LakeError> {
        let request = self.cloud.s3.put_object().bucket(&self.name).key(self.full(key)).if_none_match("*");
        match self.cloud.call(Operation::PutObject, &self.target(key), request.send()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.code() {
                // A conflict: another is about to make it, or to take it away.
                Some("PreconditionFailed" | "ConditionalRequestConflict") => Ok(false),
                // Where the store knows no conditions, it is as it was without.
                Some("NotImplemented") => Ok(true),
                _ => Err(error.into()),
            },
        }
    }

    fn getting(&self, key: &str) -> GetObjectFluentBuilder {
        self.cloud.s3.get_object().bucket(&self.name).key(self.full(key))
    }

    pub(super) async fn delete(&self, keys: &[String]) -> Result<(), LakeError> {
        for some in keys.chunks(DELETED_AT_ONCE) {
            let named =
                some.iter().filter_map(|key| ObjectIdentifier::builder().key(self.full(key)).build().ok());
            let batch = Delete::builder().set_objects(Some(named.collect())).quiet(true).build();
            let batch = batch.map_err(|_| LakeError::BadKey(some.join(", ")))?;
            let request = self.cloud.s3.delete_objects().bucket(&self.name).delete(batch);
            let target = self.target(some.first().map_or("", String::as_str));
            let answer = self.cloud.call(Operation::DeleteObjects, &target, request.send()).await?;
            if let Some(error) = answer.errors().first() {
                let why = error.message().or(error.code()).unwrap_or("no reason given");
                let key = error.key().unwrap_or_default();
                return Err(LakeError::NotDeleted { key: key.to_owned(), why: crate::text::sanitise(why) });
            }
        }
        Ok(())
    }
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

/// Without the quotes that `ETags` are written in.
fn bare(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn time(time: Option<&aws_smithy_types::DateTime>) -> Timestamp {
    time.and_then(|time| Timestamp::from_nanosecond(time.as_nanos()).ok()).unwrap_or_default()
}

/// A listing of a bucket, page by page.
#[derive(Debug)]
pub struct BucketPages {
    bucket: Bucket,
    prefix: String,
    depth: Depth,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First { after: Option<String> },
    Token(String),
    Nothing,
}

impl BucketPages {
    pub(super) fn new(bucket: Bucket, prefix: &str, depth: Depth, after: Option<&str>) -> Self {
        let after = after.map(|after| bucket.full(after));
        Self { prefix: bucket.full(prefix), bucket, depth, next: Next::First { after } }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Page>, LakeError> {
        let request = self.bucket.cloud.s3.list_objects_v2().bucket(&self.bucket.name).prefix(&self.prefix);
        let request = request.encoding_type(EncodingType::Url);
        let request = request.set_delimiter((self.depth == Depth::Folder).then(|| "/".to_owned()));
        let request = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::First { after } => request.set_start_after(after),
            Next::Token(token) => request.continuation_token(token),
            Next::Nothing => return Ok(None),
        };
        let target = format!("s3://{}/{}", self.bucket.name, self.prefix);
        let answer = self.bucket.cloud.call(Operation::ListObjectsV2, &target, request.send()).await?;
        if answer.is_truncated() == Some(true)
            && let Some(token) = answer.next_continuation_token
        {
            self.next = Next::Token(token);
        }
        let skipped = self.bucket.prefix.len();
        let relative = |written: String| {
            let mut key = listed_key(written, answer.encoding_type.as_ref());
            // Cut by what is its own beginning alone: another one may end within a letter.
            key.starts_with(&self.bucket.prefix).then(|| key.split_off(skipped))
        };
        let folders = answer.common_prefixes.into_iter().flatten().filter_map(|folder| folder.prefix);
        let files = answer.contents.into_iter().flatten().filter_map(|object| {
            let entry = Entry {
                bytes: size(object.size),
                etag: bare(object.e_tag.as_deref()),
                modified: time(object.last_modified.as_ref()),
                key: relative(object.key?)?,
            };
            // A folder that a console made shows as an empty object of the folder's name.
            (!entry.key.ends_with('/') && !entry.key.is_empty()).then_some(entry)
        });
        Ok(Some(Page { folders: folders.filter_map(relative).collect(), files: files.collect() }))
    }
}

/// An object that is being read.
#[derive(Debug)]
pub struct BucketBody {
    bucket: Bucket,
    key: String,
    /// Of the object that the reading began with: another one is not read on with.
    etag: Option<String>,
    at: u64,
    stream: ByteStream,
    resumes: u32,
    ended: bool,
}

impl BucketBody {
    pub(super) async fn open(bucket: Bucket, key: &str, from: u64) -> Result<Self, LakeError> {
        let mut body = Self {
            bucket,
            key: key.to_owned(),
            etag: None,
            at: from,
            stream: ByteStream::default(),
            resumes: 0,
            ended: false,
        };
        match body.reopen().await {
            // There is nothing from here on.
            Err(LakeError::Cloud(error)) if error.code() == Some("InvalidRange") => body.ended = true,
            opened => opened?,
        }
        Ok(body)
    }

    async fn reopen(&mut self) -> Result<(), LakeError> {
        let range = (self.at > 0).then(|| format!("bytes={}-", self.at));
        let request = self.bucket.getting(&self.key).set_range(range).set_if_match(self.etag.clone());
        let target = self.bucket.target(&self.key);
        let answer = self.bucket.cloud.call(Operation::GetObject, &target, request.send()).await?;
        self.etag = answer.e_tag;
        self.stream = answer.body;
        Ok(())
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, LakeError> {
        let mut piece = BytesMut::new();
        while !self.ended && piece.len() < PIECE {
            match tokio::time::timeout(SILENCE, self.stream.next()).await {
                Ok(Some(Ok(more))) => {
                    self.at += more.len() as u64;
                    self.resumes = 0;
                    if piece.is_empty() && more.len() >= PIECE {
                        return Ok(Some(more));
                    }
                    piece.extend_from_slice(&more);
                }
                Ok(None) => self.ended = true,
                Ok(Some(Err(_))) | Err(_) => self.resume().await?,
            }
        }
        Ok((!piece.is_empty()).then(|| piece.freeze()))
    }

    async fn resume(&mut self) -> Result<(), LakeError> {
        self.resumes += 1;
        if self.resumes > RESUMES {
            return Err(LakeError::BrokenOff(self.bucket.target(&self.key)));
        }
        tokio::time::sleep(RESUME_PAUSE * self.resumes).await;
        match self.reopen().await {
            Err(LakeError::Cloud(error)) if error.code() == Some("InvalidRange") => {
                self.ended = true;
                Ok(())
            }
            reopened => reopened,
        }
    }
}

impl From<CloudError> for LakeError {
    fn from(error: CloudError) -> Self {
        Self::Cloud(error)
    }
}
