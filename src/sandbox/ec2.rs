//! EC2: key pairs, security groups, images and instances.

pub(crate) mod images;

use jiff::Timestamp;

use super::call::Place;
use super::operation::operations;
use super::store::Kept;
use super::tags::Tagged;
use super::world::World;

/// What EC2 holds.
#[derive(Debug, Default)]
pub(crate) struct State {}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        Vec::new()
    }
}

operations! {}

/// Moves on what takes time.
pub(crate) fn tick(_: &mut World, _: Timestamp) {}

/// The tagged things of a place.
pub(crate) fn tagged(_: &World, _: &Place) -> Vec<Tagged> {
    Vec::new()
}

/// An instance that runs, as the host behind it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) instance_id: String,
    pub(crate) place: Place,
    /// The instance's user data, as given (base64 removed).
    pub(crate) user_data: Vec<u8>,
    /// The public half of its key pair, in OpenSSH's form.
    pub(crate) authorized_key: Option<String>,
    /// The role of its profile.
    pub(crate) role_arn: Option<String>,
}

/// The instances that run, the oldest first.
pub(crate) fn running_hosts(_: &World, _: Timestamp) -> Vec<Host> {
    Vec::new()
}

/// Whether there is no instance of this name (any more), so that nothing of it need be kept.
pub(crate) fn is_gone(_: &World, _: &str, _: Timestamp) -> bool {
    false
}
