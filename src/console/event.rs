//! What can happen to the console.

use super::effect::{Item, Outcome, Slot, Trouble};
use super::key::Key;
use crate::progress::Report;

/// The terminal's size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// The button went down at a cell.
    Click {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// The wheel turned over a cell.
    Wheel {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
        /// So many steps, down being positive.
        by: i8,
    },
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The console starts: the first thing that happens.
    Started,
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal has another size.
    Resized(Size),
    /// The terminal is looked at, or is not.
    Focus(bool),
    /// Time went by. Comes only when something on the screen moves or something is due.
    Tick,
    /// A task reports. Stale ones were dropped before.
    Told(Slot, Report),
    /// A task came to a part of its outcome, and goes on.
    Came(Box<Outcome>),
    /// A task fed items since the last frame, and so many before them were dropped.
    Arrived {
        /// Whose they are.
        slot: Slot,
        /// The oldest first.
        items: Vec<Item>,
        /// How many were dropped before them.
        dropped: u64,
    },
    /// A task ended.
    Ended(Slot, Box<Result<Outcome, Trouble>>),
}
