//! A file that is being written. It is seen when it is finished, whole, and not before.
//!
//! In a folder it has a passing, hidden name until its content is on the disk; then it takes its own in one step. In a
//! bucket it is put at once if it is small, and else sent in parts, of which nothing is seen until the last call. A
//! process that dies leaves a hidden file, or parts that the bucket's own rule clears away after some days.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::task::JoinSet;

use super::{Bucket, Place, folder};
use crate::cloud::Operation;
use crate::lake::LakeError;

/// What is sent at once; S3 takes at least 5 MiB, and 10,000 of them.
const PART: usize = 8 << 20;
/// Parts under way at once.
const UNDER_WAY: usize = 2;

/// A file that is being written.
#[derive(Debug)]
pub struct Upload(Target);

#[derive(Debug)]
enum Target {
    Folder { file: File, passing: PathBuf, path: PathBuf },
    Bucket(Box<Parts>),
}

#[derive(Debug)]
struct Parts {
    bucket: Bucket,
    key: String,
    waiting: Vec<u8>,
    upload_id: Option<String>,
    number: i32,
    under_way: JoinSet<Result<CompletedPart, LakeError>>,
    done: Vec<CompletedPart>,
}

impl Upload {
    pub(super) async fn begin(place: &Place, key: &str) -> Result<Self, LakeError> {
        match place {
            Place::Folder(folder) => {
                let path = folder::path_of(folder, key)?;
                let made = tokio::task::spawn_blocking(move || {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let passing =
                        path.with_file_name(format!(".{name}.{}.part", uuid::Uuid::new_v4().simple()));
                    let make = || {
                        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
                        File::create_new(&passing)
                    };
                    let file = make().map_err(|source| LakeError::io("write", &path, source))?;
                    Ok(Self(Target::Folder { file, passing, path }))
                });
                made.await.map_err(|_| LakeError::Interrupted)?
            }
            Place::Bucket(bucket) => Ok(Self(Target::Bucket(Box::new(Parts {
                bucket: (**bucket).clone(),
                key: key.to_owned(),
                waiting: Vec::new(),
                upload_id: None,
                number: 0,
                under_way: JoinSet::new(),
                done: Vec::new(),
            })))),
        }
    }

    /// Writes on. To a folder this blocks for as long as the disk takes the bytes into its cache.
    pub async fn write(&mut self, content: &[u8]) -> Result<(), LakeError> {
        match &mut self.0 {
            Target::Folder { file, path, .. } => {
                file.write_all(content).map_err(|source| LakeError::io("write", path, source))
            }
            Target::Bucket(parts) => parts.write(content).await,
        }
    }

    /// Makes the file seen, and its content safe. If that fails, there is nothing to see.
    pub async fn finish(self) -> Result<(), LakeError> {
        match self.0 {
            Target::Folder { file, passing, path } => {
                let finished = tokio::task::spawn_blocking(move || {
                    let finish = || {
                        file.sync_data()?;
                        std::fs::rename(&passing, &path)
                    };
                    finish().map_err(|source| {
                        drop(std::fs::remove_file(&passing));
                        LakeError::io("write", &path, source)
                    })
                });
                finished.await.map_err(|_| LakeError::Interrupted)?
            }
            Target::Bucket(mut parts) => match parts.complete().await {
                Ok(()) => Ok(()),
                Err(error) => {
                    parts.abort().await;
                    Err(error)
                }
            },
        }
    }

    /// Gives it up: nothing of it is left.
    pub async fn abort(self) {
        match self.0 {
            Target::Folder { passing, .. } => drop(std::fs::remove_file(passing)),
            Target::Bucket(mut parts) => parts.abort().await,
        }
    }
}

impl Parts {
    async fn write(&mut self, mut content: &[u8]) -> Result<(), LakeError> {
        while self.waiting.len() + content.len() > PART {
            let (now, later) = content.split_at(PART - self.waiting.len());
            self.waiting.extend_from_slice(now);
            content = later;
            self.send_part().await?;
        }
        self.waiting.extend_from_slice(content);
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), LakeError> {
        let upload_id = match &self.upload_id {
            Some(id) => id.clone(),
            None => self.announce().await?,
        };
        while self.under_way.len() >= UNDER_WAY {
            self.take_done().await?;
        }
        self.number += 1;
        let (bucket, number) = (self.bucket.clone(), self.number);
        let (key, target) = (bucket.full(&self.key), bucket.target(&self.key));
        let content = ByteStream::from(std::mem::take(&mut self.waiting));
        self.under_way.spawn(async move {
            let request = bucket.cloud().s3.upload_part().bucket(bucket.name()).key(key).upload_id(upload_id);
            let request = request.part_number(number).body(content).send();
            let answer = bucket.cloud().call(Operation::UploadPart, &target, request).await?;
            let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
            // Whatever sums the client sent along, the last call must name again.
            let part =
                part.set_checksum_crc32(answer.checksum_crc32).set_checksum_crc32_c(answer.checksum_crc32_c);
            Ok(part.set_checksum_crc64_nvme(answer.checksum_crc64_nvme).build())
        });
        Ok(())
    }

    async fn announce(&mut self) -> Result<String, LakeError> {
        let target = self.bucket.target(&self.key);
        let request = self.bucket.cloud().s3.create_multipart_upload().bucket(self.bucket.name());
        let request = request.key(self.bucket.full(&self.key)).send();
        let answer = self.bucket.cloud().call(Operation::CreateMultipartUpload, &target, request).await?;
        let id = answer.upload_id.ok_or(LakeError::BrokenOff(target))?;
        self.upload_id = Some(id.clone());
        Ok(id)
    }

    async fn take_done(&mut self) -> Result<(), LakeError> {
        if let Some(part) = self.under_way.join_next().await {
            self.done.push(part.map_err(|_| LakeError::Interrupted)??);
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), LakeError> {
        let (target, key) = (self.bucket.target(&self.key), self.bucket.full(&self.key));
        if self.upload_id.is_none() {
            let content = ByteStream::from(std::mem::take(&mut self.waiting));
            let request =
                self.bucket.cloud().s3.put_object().bucket(self.bucket.name()).key(key).body(content);
            self.bucket.cloud().call(Operation::PutObject, &target, request.send()).await?;
            return Ok(());
        }
        if !self.waiting.is_empty() {
            self.send_part().await?;
        }
        while !self.under_way.is_empty() {
            self.take_done().await?;
        }
        self.done.sort_by_key(CompletedPart::part_number);
        let parts =
            CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.done))).build();
        let request = self.bucket.cloud().s3.complete_multipart_upload().bucket(self.bucket.name()).key(key);
        let request = request.set_upload_id(self.upload_id.clone()).multipart_upload(parts);
        self.bucket.cloud().call(Operation::CompleteMultipartUpload, &target, request.send()).await?;
        self.upload_id = None;
        Ok(())
    }

    async fn abort(&mut self) {
        self.under_way.shutdown().await;
        let Some(id) = self.upload_id.take() else { return };
        let request = self.bucket.cloud().s3.abort_multipart_upload().bucket(self.bucket.name());
        let request = request.key(self.bucket.full(&self.key)).upload_id(id).send();
        let target = self.bucket.target(&self.key);
        // What cannot be taken back now, the bucket's own rule removes.
        drop(self.bucket.cloud().call(Operation::AbortMultipartUpload, &target, request).await);
    }
}
