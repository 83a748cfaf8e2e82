//! S3: buckets, objects and their versions.

pub(crate) mod wire;

use super::call::Place;
use super::store::Kept;
use super::tags::Tagged;
use super::world::World;

/// What S3 holds.
#[derive(Debug, Default)]
pub(crate) struct State {}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        Vec::new()
    }
}

/// The tagged buckets of a place.
pub(crate) fn tagged(_: &World, _: &Place) -> Vec<Tagged> {
    Vec::new()
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
    pub(crate) body: &'a [u8],
    pub(crate) content_type: &'a str,
    pub(crate) content_encoding: Option<&'a str>,
}

/// Puts an object for a service, as Firehose delivers.
pub(crate) fn put(_: &mut World, _: &Delivery<'_>, _: jiff::Timestamp) -> Result<(), PutRefused> {
    Err(PutRefused { code: "NoSuchBucket", message: "The specified bucket does not exist".to_owned() })
}
