//! Where files lie: a local folder, or a prefix in a bucket. One small interface over both, so that everything above
//! works on either.
//!
//! Keys are written as S3 writes them, with slashes, relative to the place. A listing comes page by page. A file
//! that is written appears whole or not at all: a folder's under a passing name until it is complete, a bucket's as an
//! upload that nobody sees until it is completed.

mod bucket;
mod folder;
mod upload;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;

use super::LakeError;
use crate::cloud::Cloud;
use bucket::{BucketBody, BucketPages};
use folder::{FolderBody, FolderPages};
pub use upload::Upload;

/// What is written where a place is meant: a folder, or `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A bucket, and what its keys begin with: empty, or ending with a slash.
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// What the keys begin with.
        prefix: String,
    },
}

impl Address {
    /// From how it is written.
    pub fn parse(written: &str) -> Result<Self, LakeError> {
        let Some(rest) = written.strip_prefix("s3://") else {
            if written.is_empty() || written.contains("://") {
                return Err(LakeError::NotAnAddress(written.to_owned()));
            }
            return Ok(Self::Folder(PathBuf::from(written)));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(LakeError::NotAnAddress(written.to_owned()));
        }
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: format!("{prefix}{slash}") })
    }

    /// The address of one file, parted into the place that holds it and its key there.
    pub fn parse_file(written: &str) -> Result<(Self, String), LakeError> {
        let address = Self::parse(written.trim_end_matches('/'))?;
        let nameless = || LakeError::NotAnAddress(written.to_owned());
        match address {
            Self::Folder(path) => {
                let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(nameless)?.to_owned();
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                Ok((Self::Folder(parent.unwrap_or(Path::new(".")).to_owned()), name))
            }
            Self::Bucket { bucket, prefix } => {
                let key = prefix.trim_end_matches('/').to_owned();
                if key.is_empty() {
                    return Err(nameless());
                }
                Ok((Self::Bucket { bucket, prefix: String::new() }, key))
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// A file as a listing gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the place.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// What changes when the content does: S3's `ETag`, or a local file's size and time.
    pub etag: String,
    /// When it was last written.
    pub modified: Timestamp,
}

impl Entry {
    /// The key's last part.
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What lies deeper, if the listing stops at slashes: keys that end with one.
    pub folders: Vec<String>,
    /// Files, in the order of their keys.
    pub files: Vec<Entry>,
}

/// How deep a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// To the next slash.
    Folder,
    /// All the way.
    All,
}

/// A place that can be read and, by whoever may, written.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A prefix in a bucket.
    Bucket(Box<Bucket>),
}

/// A prefix in a bucket, with the clients to reach it.
#[derive(Debug, Clone)]
pub struct Bucket {
    cloud: Cloud,
    name: String,
    prefix: String,
}

impl Place {
    /// The place at that address. A bucket needs the clients; a folder does not.
    pub fn at(address: Address, cloud: Option<&Cloud>) -> Result<Self, LakeError> {
        match address {
            Address::Folder(path) => Ok(Self::Folder(path)),
            Address::Bucket { bucket, prefix } => {
                let cloud = cloud.ok_or_else(|| LakeError::NeedsCloud(bucket.clone()))?.clone();
                Ok(Self::Bucket(Box::new(Bucket { cloud, name: bucket, prefix })))
            }
        }
    }

    /// The place that lies deeper, under a prefix that is empty or ends with a slash.
    #[must_use]
    pub fn within(&self, prefix: &str) -> Self {
        match self {
            Self::Folder(path) if prefix.is_empty() => Self::Folder(path.clone()),
            Self::Folder(path) => Self::Folder(path.join(prefix.trim_end_matches('/'))),
            Self::Bucket(bucket) => {
                let prefix = format!("{}{prefix}", bucket.prefix);
                Self::Bucket(Box::new(Bucket { prefix, ..(**bucket).clone() }))
            }
        }
    }

    /// Where the place is.
    pub fn address(&self) -> Address {
        match self {
            Self::Folder(path) => Address::Folder(path.clone()),
            Self::Bucket(bucket) => {
                Address::Bucket { bucket: bucket.name.clone(), prefix: bucket.prefix.clone() }
            }
        }
    }

    /// A key as others know it: the whole key in the bucket, or the path of the file.
    pub fn full_key(&self, key: &str) -> String {
        match self {
            Self::Folder(path) => path.join(key).to_string_lossy().into_owned(),
            Self::Bucket(bucket) => format!("{}{key}", bucket.prefix),
        }
    }

    /// The whole address of a file, to give to other programs.
    pub fn url(&self, key: &str) -> String {
        match self {
            Self::Folder(_) => self.full_key(key),
            Self::Bucket(bucket) => format!("s3://{}/{}{key}", bucket.name, bucket.prefix),
        }
    }

    /// A folder that somebody named to read from must be one. (A prefix of a bucket is never there or not.)
    pub fn must_be_there(&self) -> Result<(), LakeError> {
        match self {
            Self::Folder(path) if !path.is_dir() => Err(LakeError::NoFolder(path.display().to_string())),
            _ => Ok(()),
        }
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// Begins a listing of what begins with `prefix`. What is not there lists as empty.
    pub fn list(&self, prefix: &str, depth: Depth) -> Pages {
        self.list_after(prefix, depth, None)
    }

    /// The same, of keys after this one.
    pub fn list_after(&self, prefix: &str, depth: Depth, after: Option<&str>) -> Pages {
        match self {
            Self::Folder(path) => Pages::Folder(FolderPages::new(path, prefix, depth, after)),
            Self::Bucket(bucket) => {
                Pages::Bucket(Box::new(BucketPages::new((**bucket).clone(), prefix, depth, after)))
            }
        }
    }

    /// Every file that begins with `prefix`, as deep as they lie. For prefixes that are known to hold few.
    pub async fn list_all(&self, prefix: &str) -> Result<Vec<Entry>, LakeError> {
        let mut pages = self.list(prefix, Depth::All);
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page.files);
        }
        Ok(all)
    }

    /// What is known about one file; `None` if it is not there.
    pub async fn stat(&self, key: &str) -> Result<Option<Entry>, LakeError> {
        match self {
            Self::Folder(path) => folder::stat(path, key).await,
            Self::Bucket(bucket) => bucket.stat(key).await,
        }
    }

    /// The whole file.
    pub async fn get(&self, key: &str) -> Result<Bytes, LakeError> {
        let mut body = self.read(key, 0).await?;
        let Some(first) = body.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = body.next().await? else { return Ok(first) };
        let mut all = Vec::with_capacity(first.len() + second.len());
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(more) = body.next().await? {
            all.extend_from_slice(&more);
        }
        Ok(all.into())
    }

    /// As much of that range as the file has.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, LakeError> {
        match self {
            Self::Folder(path) => folder::get_range(path, key, range).await,
            Self::Bucket(bucket) => bucket.get_range(key, range).await,
        }
    }

    /// Begins to read a file from an offset on. A connection that breaks in the middle is taken up where it broke.
    pub async fn read(&self, key: &str, from: u64) -> Result<Body, LakeError> {
        match self {
            Self::Folder(path) => Ok(Body::Folder(FolderBody::open(path, key, from).await?)),
            Self::Bucket(bucket) => {
                Ok(Body::Bucket(Box::new(BucketBody::open((**bucket).clone(), key, from).await?)))
            }
        }
    }

    /// Begins to write a file. Nothing is seen of it until [`Upload::finish`].
    pub async fn create(&self, key: &str) -> Result<Upload, LakeError> {
        Upload::begin(self, key).await
    }

    /// Writes a small file at once.
    pub async fn put(&self, key: &str, content: &[u8]) -> Result<(), LakeError> {
        let mut upload = self.create(key).await?;
        match upload.write(content).await {
            Ok(()) => upload.finish().await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Makes an empty file if there is none of this name, and says whether it did: of several at once, one does.
    pub async fn put_new(&self, key: &str) -> Result<bool, LakeError> {
        match self {
            Self::Folder(path) => folder::put_new(path, key).await,
            Self::Bucket(bucket) => bucket.put_new(key).await,
        }
    }

    /// Deletes files; those that are not there are gone already.
    pub async fn delete(&self, keys: &[String]) -> Result<(), LakeError> {
        match self {
            Self::Folder(path) => folder::delete(path, keys).await,
            Self::Bucket(bucket) => bucket.delete(keys).await,
        }
    }
}

/// A listing that is under way.
#[derive(Debug)]
pub enum Pages {
    /// Of a folder.
    Folder(FolderPages),
    /// Of a bucket.
    Bucket(Box<BucketPages>),
}

impl Pages {
    /// The next page; `None` after the last. There may be empty ones in between.
    pub async fn next(&mut self) -> Result<Option<Page>, LakeError> {
        match self {
            Self::Folder(pages) => pages.next().await,
            Self::Bucket(pages) => pages.next().await,
        }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub enum Body {
    /// From a folder.
    Folder(FolderBody),
    /// From a bucket.
    Bucket(Box<BucketBody>),
}

impl Body {
    /// The next piece, never empty; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LakeError> {
        match self {
            Self::Folder(body) => body.next().await,
            Self::Bucket(body) => body.next().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_folder_or_a_bucket() {
        let bucket =
            |bucket: &str, prefix: &str| Address::Bucket { bucket: bucket.into(), prefix: prefix.into() };
        for (written, address) in [
            ("lake", Address::Folder("lake".into())),
            ("/data/lake/", Address::Folder("/data/lake/".into())),
            ("s3://b", bucket("b", "")),
            ("s3://b/", bucket("b", "")),
            ("s3://b/a/b", bucket("b", "a/b/")),
            ("s3://b/a/b/", bucket("b", "a/b/")),
        ] {
            assert_eq!(Address::parse(written).expect("an address"), address, "{written}");
        }
        for written in ["", "s3://", "gs://b/a"] {
            assert!(Address::parse(written).is_err(), "{written}");
        }
    }

    #[test]
    fn the_address_of_a_file_is_a_place_and_a_key() {
        for (written, place, key) in [
            ("a.csv", Address::Folder(".".into()), "a.csv"),
            ("/data/a.csv", Address::Folder("/data".into()), "a.csv"),
            ("s3://b/p/a.csv", Address::Bucket { bucket: "b".into(), prefix: String::new() }, "p/a.csv"),
        ] {
            assert_eq!(Address::parse_file(written).expect("a file"), (place, key.to_owned()), "{written}");
        }
        assert!(Address::parse_file("s3://b").is_err());
    }

    #[tokio::test]
    async fn a_folder_lists_as_a_bucket_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().to_owned());
        for key in ["a/1", "a/2", "a/b/3", "ab/4", "c"] {
            place.put(key, key.as_bytes()).await.expect("written");
        }
        let names = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
        assert_eq!(names(place.list_all("").await.expect("a listing")), ["a/1", "a/2", "a/b/3", "ab/4", "c"]);
        assert_eq!(names(place.list_all("a").await.expect("a listing")), ["a/1", "a/2", "a/b/3", "ab/4"]);
        assert_eq!(names(place.list_all("a/").await.expect("a listing")), ["a/1", "a/2", "a/b/3"]);
        assert_eq!(names(place.list_all("nothing/").await.expect("a listing")), Vec::<String>::new());
        let mut pages = place.list("a/", Depth::Folder);
        let page = pages.next().await.expect("a listing").expect("a page");
        assert_eq!(
            (page.folders, names(page.files)),
            (vec!["a/b/".to_owned()], vec!["a/1".into(), "a/2".into()])
        );
        let mut pages = place.list_after("", Depth::All, Some("a/b/3"));
        assert_eq!(names(pages.next().await.expect("a listing").expect("a page").files), ["ab/4", "c"]);
        assert_eq!(place.get("a/b/3").await.expect("read"), "a/b/3");
        assert_eq!(place.get_range("a/b/3", 2..9).await.expect("read"), "b/3");
        place.delete(&["a/1".into(), "not-there".into()]).await.expect("deleted");
        assert!(place.stat("a/1").await.expect("a look").is_none());
    }

    #[tokio::test]
    async fn what_was_not_finished_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().to_owned());
        let mut upload = place.create("x/y").await.expect("begun");
        upload.write(b"half").await.expect("written");
        assert!(place.list_all("").await.expect("a listing").is_empty());
        upload.abort().await;
        assert_eq!(std::fs::read_dir(folder.path().join("x")).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn a_name_is_given_to_one_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().to_owned());
        assert!(place.put_new("x/y").await.expect("made"));
        assert!(!place.put_new("x/y").await.expect("a look"));
        place.delete(&["x/y".to_owned()]).await.expect("deleted");
        assert!(place.put_new("x/y").await.expect("made again"));
        assert!(place.put_new("x/y/z").await.is_err(), "there is a file in the folder's place");
    }

    #[tokio::test]
    async fn a_key_never_leads_out_of_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().join("inner"));
        for key in ["../x", "/etc/passwd", "a/../../x"] {
            assert!(place.put(key, b"x").await.is_err(), "{key}");
            assert!(place.get(key).await.is_err(), "{key}");
        }
    }
}
