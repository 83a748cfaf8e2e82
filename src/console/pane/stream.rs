//! The Stream pane.

use super::{Ask, Employs, PaneState, to_come};
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::Trouble;
use crate::console::effect::stream::{Item, Outcome, Slot};
use crate::progress::Report;

/// What the pane holds.
#[derive(Debug, Default)]
pub struct StreamPane {}

impl PaneState for StreamPane {
    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        to_come::draw(app.desk.pane, canvas);
    }
}

impl Employs for StreamPane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, _desk: &Desk) -> Vec<Ask> {
        match outcome {}
    }

    fn failed(&mut self, slot: Slot, _trouble: &Trouble, _desk: &Desk) -> Vec<Ask> {
        match slot {}
    }

    fn told(&mut self, slot: Slot, _report: Report, _desk: &Desk) {
        match slot {}
    }

    fn arrived(&mut self, slot: Slot, _items: Vec<Item>, _dropped: u64, _desk: &Desk) {
        match slot {}
    }
}
