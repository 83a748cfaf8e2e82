//! CloudWatch Logs.

use jiff::Timestamp;

use super::call::Place;
use super::operation::operations;
use super::store::Kept;
use super::tags::Tagged;
use super::world::World;

/// What CloudWatch Logs holds.
#[derive(Debug, Default)]
pub(crate) struct State {}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        Vec::new()
    }
}

operations! {}

/// The tagged things of a place.
pub(crate) fn tagged(_: &World, _: &Place) -> Vec<Tagged> {
    Vec::new()
}

/// Writes events of a service itself (Firehose's errors, a notebook's log) to a stream, which is made if `make` says
/// so; `false` when the group or the stream is not there.
pub(crate) fn write(
    _: &mut World,
    _: &Place,
    _group: &str,
    _stream: &str,
    _make: bool,
    _messages: &[String],
    _now: Timestamp,
) -> bool {
    false
}
