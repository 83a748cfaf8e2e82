//! Runs the jobs of the Topics pane.

use super::{Line, Rooms};
use crate::console::effect::Trouble;
use crate::console::effect::topics::{Job, Outcome};

#[expect(clippy::unused_async, reason = "there is no job yet")]
pub(super) async fn run(job: Job, _rooms: &Rooms, _line: &Line) -> Result<Outcome, Trouble> {
    match job {}
}
