//! SageMaker: notebook instances, their lifecycle configurations, and processing jobs.

use jiff::Timestamp;

use super::call::Place;
use super::operation::operations;
use super::store::Kept;
use super::tags::Tagged;
use super::world::World;

/// What SageMaker holds.
#[derive(Debug, Default)]
pub(crate) struct State {}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        Vec::new()
    }
}

operations! {}

pub(crate) fn tick(_: &mut World, _: Timestamp) {}

/// The tagged things of a place.
pub(crate) fn tagged(_: &World, _: &Place) -> Vec<Tagged> {
    Vec::new()
}
