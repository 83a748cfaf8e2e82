//! S3: buckets, objects and their versions.
//!
//! What S3 knows of an object is a row; its bytes are files under the folder's `objects`, on disk before the row is
//! committed and removed after the row is gone. A crash in between leaves a file that no row names, never a row
//! without its file; [`sweep_leftovers`] removes such files. The world is held for rows only: bytes come and go
//! without it.
//!
//! ```text
//! wire           the door: takes a request in, makes an answer complete
//! signing        who signed, when, for where; takes the signature off
//! chunked        bodies in the encoding `aws-chunked`
//! gate           before any operation: faults, whose bucket it is, permissions
//! operations     S3's operations by their names; `s3s` reads their parameters and writes their answers
//! buckets        buckets themselves
//! configuration  what is set on buckets
//! objects        objects: put, read, deleted
//! copies         objects and parts copied from others
//! conditions     reading and writing on conditions
//! tagging        tags of objects
//! multipart      uploads in parts
//! listing        the lists, in pages
//! walk           pages of rows, with common prefixes
//! versions       how versions of a key take each other's place
//! about          what clients say of an object
//! checksum       checksums: computed, compared, put together
//! content        the files
//! ```

mod about;
mod buckets;
mod checksum;
mod chunked;
mod conditions;
mod configuration;
mod content;
mod copies;
mod door;
mod gate;
mod listing;
mod multipart;
mod objects;
mod operations;
mod refused;
mod signing;
mod tagging;
mod versions;
mod walk;
pub(crate) mod wire;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use s3s::dto;
use serde::{Deserialize, Serialize};

use super::call::Place;
use super::store::{Kept, Table};
use super::tags::{Tagged, Tags};
use super::world::{Shared, World};
use about::About;
use checksum::{Algorithm, Checksum};
pub(crate) use gate::carries;

/// What S3 holds.
#[derive(Debug)]
pub(crate) struct State {
    /// By name: names are of the whole cloud, not of an account.
    buckets: Table<Bucket>,
    /// By bucket, key and order, newest first; see [`versions`].
    versions: Table<Version>,
    /// By bucket, key and upload id.
    uploads: Table<Upload>,
    /// By upload id and number.
    parts: Table<Part>,
    /// Files that no row names any more. They are removed when that is on disk.
    rubbish: Vec<Box<str>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            buckets: Table::new("s3-buckets"),
            versions: Table::new("s3-versions"),
            uploads: Table::new("s3-uploads"),
            parts: Table::new("s3-parts"),
            rubbish: Vec::new(),
        }
    }
}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        vec![&mut self.buckets, &mut self.versions, &mut self.uploads, &mut self.parts]
    }
}

/// A bucket. What is not set is what AWS gives new buckets.
#[derive(Debug, Serialize, Deserialize)]
struct Bucket {
    account: String,
    region: String,
    /// Seconds since 1970.
    created: i64,
    tags: Tags,
    /// `None`: it never had versions.
    versioning: Option<Versioning>,
    public_access: Option<dto::PublicAccessBlockConfiguration>,
    /// `None`: keys of S3's own.
    encryption: Option<dto::ServerSideEncryptionConfiguration>,
    lifecycle: Option<configuration::Lifecycle>,
    policy: Option<String>,
    /// Who owns what others put: `BucketOwnerEnforced`.
    ownership: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Versioning {
    Enabled,
    Suspended,
}

/// A version of a key: an object or, without one, a delete marker. There are many of these: they are kept lean.
#[derive(Debug, Serialize, Deserialize)]
struct Version {
    /// Seconds since 1970.
    modified: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Box<Object>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Object {
    size: u64,
    /// Without its quotes.
    etag: Box<str>,
    /// One, or as many as the upload had parts.
    pieces: Box<[Piece]>,
    checksum: Checksum,
    /// `None` where nobody said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Box<About>>,
}

/// A file with bytes of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Piece {
    file: Box<str>,
    size: u64,
}

/// An upload in parts that is not completed.
#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    /// Seconds since 1970.
    initiated: i64,
    about: Option<Box<About>>,
    algorithm: Algorithm,
    /// Whether the client chose the algorithm. If not, its parts may come with any.
    chosen: bool,
    composite: bool,
}

/// A part of an upload.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    /// Seconds since 1970.
    modified: i64,
    piece: Piece,
    etag: Box<str>,
    /// By the upload's algorithm.
    checksum: Box<str>,
}

/// The tagged buckets of a place.
pub(crate) fn tagged(world: &World, place: &Place) -> Vec<Tagged> {
    world
        .s3
        .buckets
        .iter()
        .filter(|(_, bucket)| bucket.account == place.account && bucket.region == place.region)
        .filter(|(_, bucket)| !bucket.tags.is_empty())
        .map(|(name, bucket)| Tagged { arn: format!("arn:aws:s3:::{name}"), tags: bucket.tags.clone() })
        .collect()
}

/// Changes the tags of a bucket of a place.
pub(crate) fn change_tags(
    world: &mut World,
    place: &Place,
    bucket: &str,
    change: impl FnOnce(&mut Tags),
) -> Result<(), &'static str> {
    let is_of_place = |row: &&mut Bucket| row.account == place.account && row.region == place.region;
    let row = world.s3.buckets.get_mut(bucket).filter(is_of_place);
    let row = row.ok_or("The bucket does not exist in this Region")?;
    let mut tags = row.tags.clone();
    change(&mut tags);
    if tags.len() > tagging::MOST_OF_A_BUCKET {
        return Err("A bucket can have at most 50 tags");
    }
    row.tags = tags;
    Ok(())
}

/// Whether there is a bucket of that name.
pub(crate) fn is_there(world: &World, bucket: &str) -> bool {
    world.s3.buckets.contains(bucket)
}

/// Why an object could not be put by a service: S3's code and sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutRefused {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// An object that a service of this sandbox puts.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) content_encoding: Option<&'a str>,
}

/// Puts an object for a service, as Firehose delivers. Its bytes are asked for only if the bucket takes them.
pub(crate) fn put(
    world: &mut World,
    delivery: &Delivery<'_>,
    body: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    now: jiff::Timestamp,
) -> Result<(), PutRefused> {
    let refuse = |code, message: &str| PutRefused { code, message: message.to_owned() };
    let &Delivery { bucket, key, .. } = delivery;
    let lost = world.faults.loses(bucket);
    let Some(encryption) = world.s3.buckets.get(bucket).filter(|_| !lost).map(Bucket::kms_key) else {
        return Err(refuse("NoSuchBucket", "The specified bucket does not exist"));
    };
    if key.len() > objects::LONGEST_KEY || key.contains('\0') {
        return Err(refuse("KeyTooLongError", "Your key is too long"));
    }
    let about = About {
        content_type: Some(delivery.content_type.into()),
        content_encoding: delivery.content_encoding.map(Into::into),
        kms_key: encryption,
        ..About::default()
    };
    let written = body(&world.folder).and_then(|body| content::write(&world.folder, &body));
    let arrived = written.map_err(|error| {
        tracing::error!(%error, bucket, key, "an object cannot be written");
        refuse("InternalError", "We encountered an internal error. Please try again.")
    })?;
    let object = arrived.into_object(Algorithm::Crc64Nvme, about.kept());
    versions::put(world, bucket, key, object, now);
    Ok(())
}

/// Removes the files whose rows are gone, which is on disk.
pub(crate) fn remove_files(world: &mut World) {
    for file in std::mem::take(&mut world.s3.rubbish) {
        content::remove(&world.folder, &file);
    }
}

/// Keeps the files whose rows did not go after all.
pub(crate) fn keep_files(world: &mut World) {
    world.s3.rubbish.clear();
}

/// Removes the files that no row names: what a crash left, or what was forgotten with the rows. Files that are being
/// written are younger than the call and stay.
pub(crate) fn sweep_leftovers(shared: &Shared) {
    let before = std::time::SystemTime::now();
    let looked = shared.look_whole(|world| {
        let objects = world.s3.versions.iter().filter_map(|(_, version)| version.object.as_ref());
        let pieces = objects.flat_map(|object| object.pieces.iter());
        let parts = world.s3.parts.iter().map(|(_, part)| &part.piece);
        let named: HashSet<Box<str>> = pieces.chain(parts).map(|piece| piece.file.clone()).collect();
        (world.folder.clone(), named)
    });
    // Without the rows nobody knows what is left over: the next start does.
    if let Ok((folder, named)) = looked {
        content::sweep(&folder, &named, before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::call::Caller;
    use crate::sandbox::trial::Trial;

    /// A world with the bucket `posts`.
    pub(super) fn world_with_bucket() -> Trial {
        let mut trial = Trial::new();
        let bucket = Bucket::new("123456789012", "us-east-1", trial.now);
        trial.world.s3.buckets.insert("posts", bucket);
        trial
    }

    /// The operator in us-east-1. The world behind it is another: operations here are called with theirs.
    pub(super) fn door(trial: &Trial) -> door::Door {
        let folder = trial.world.folder.join("behind");
        std::fs::create_dir_all(&folder).expect("a folder");
        let shared = Shared::open(&folder, trial.world.pace).expect("a world");
        door::Door {
            shared: Arc::new(shared),
            caller: Caller::Operator { account: "123456789012".to_owned() },
            region: "us-east-1".to_owned(),
            now: trial.now,
            trailers: door::Trailers::default(),
        }
    }

    /// The code that something is refused with.
    pub(super) fn code<T>(refused: s3s::S3Result<T>) -> String {
        refused.err().expect("it is refused").code().as_str().to_owned()
    }

    fn delivery(bucket: &str) -> Delivery<'_> {
        Delivery { bucket, key: "2026/11/20/14/posts", content_type: "text/plain", content_encoding: None }
    }

    #[test]
    fn a_service_puts_bytes_and_row_while_it_has_the_world() {
        let mut trial = world_with_bucket();
        put(&mut trial.world, &delivery("posts"), |_| Ok(b"hello".to_vec()), trial.now).expect("put");
        let object = versions::current(&trial.world.s3, "posts", "2026/11/20/14/posts").expect("there");
        assert_eq!((object.size, &*object.etag), (5, "5d41402abc4b2a76b9719d911017c592"));
        assert!(content::Outgoing::open(&trial.world.folder, object, &(0..5)).is_ok());
    }

    #[test]
    fn what_could_not_be_written_did_not_happen_and_is_done_when_it_can_be() {
        let trial = Trial::new();
        let (folder, key) = (tempfile::tempdir().expect("a folder"), delivery("posts").key.to_owned());
        let shared = Shared::open(folder.path(), trial.world.pace).expect("a world");
        let put = shared.with(|world| {
            world.s3.buckets.insert("posts", Bucket::new("123456789012", "us-east-1", trial.now));
            put(world, &delivery("posts"), |_| Ok(b"hello".to_vec()), trial.now)
        });
        put.expect("written").expect("put");
        let trouble = shared.trouble();
        let is_whole = |shared: &Shared| {
            shared.look_whole(|world| {
                let object = versions::current(&world.s3, "posts", &key)?;
                Some(content::Outgoing::open(&world.folder, object, &(0..5)).is_ok())
            })
        };
        let delete =
            || shared.with(|world| versions::delete(&mut world.s3, "posts", &key, None, trial.now).is_ok());
        shared.fill_disk();
        let why = delete().expect_err("the disk is full").to_string();
        assert!(why.starts_with("the sandbox cannot write to ") && why.contains("no storage space"), "{why}");
        assert_eq!(trouble.borrow().as_deref(), Some(why.as_str()));
        assert_eq!(is_whole(&shared).expect("read"), Some(true), "row and bytes are there");
        // The file cannot even be opened again: nothing is done before it can.
        shared.fill_disk();
        let state = crate::sandbox::state_file(folder.path());
        let aside = folder.path().join("aside");
        std::fs::rename(&state, &aside).expect("moved");
        std::fs::create_dir(&state).expect("in its way");
        delete().expect_err("the disk is full");
        let why = is_whole(&shared).expect_err("it does not show what did not happen").to_string();
        assert!(why.starts_with("the sandbox cannot write to "), "{why}");
        shared.with(|_| panic!("the world is not as the disk holds it")).expect_err("it is not tried");
        std::fs::remove_dir(&state).expect("out of its way");
        std::fs::rename(&aside, &state).expect("moved back");
        assert!(delete().expect("it can be written again"));
        assert_eq!((is_whole(&shared).expect("read"), trouble.borrow().as_deref()), (None, None));
        let files = folder.path().join("objects").read_dir().expect("there").flatten();
        assert_eq!(
            files.flat_map(|folder| folder.path().read_dir()).flatten().count(),
            0,
            "its bytes are gone"
        );
        drop(shared);
        let again = Shared::open(folder.path(), trial.world.pace).expect("the same world");
        assert_eq!(is_whole(&again).expect("read"), None);
    }

    #[test]
    fn a_lost_bucket_is_not_there_for_services_either() {
        let mut trial = world_with_bucket();
        let code = |trial: &mut Trial, bucket: &str| {
            put(&mut trial.world, &delivery(bucket), |_| Ok(Vec::new()), trial.now)
                .map_err(|refused| refused.code)
        };
        assert_eq!(code(&mut trial, "other"), Err("NoSuchBucket"));
        trial.world.faults.set(["lost-bucket:posts".parse().expect("a fault")]);
        assert_eq!(code(&mut trial, "posts"), Err("NoSuchBucket"));
        trial.world.faults.set(["lost-bucket:other".parse().expect("a fault")]);
        assert_eq!(code(&mut trial, "posts"), Ok(()));
    }
}
