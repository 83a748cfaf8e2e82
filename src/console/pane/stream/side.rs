//! The stream of one machine, as the pane shows it: what it said of itself last, its posts, and where the operator is
//! among them.

use jiff::Timestamp;

use super::history::{History, Rates};
use crate::console::effect::Trouble;
use crate::stream::live::{State, Status};
use crate::stream::record::COUNT;

/// One side of the pane.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// How the stream is, as it said last.
    pub(super) status: Option<Status>,
    /// Why it could not be asked.
    pub(super) trouble: Option<Trouble>,
    /// When it was last looked for.
    pub(super) asked: Option<Timestamp>,
    pub(super) history: History,
    pub(super) rates: Rates,
    /// The number of the post at the bottom, while the picture is held still.
    held: Option<u64>,
    /// The post that is chosen; none while the newest is followed.
    pub(super) chosen: Option<u64>,
    /// The post that is open, and the first of its rows that is seen.
    pub(super) open: Option<(u64, usize)>,
    /// Posts that could not be shown because they came too fast.
    pub(super) skipped: u64,
}

impl Side {
    pub(super) fn runs(&self) -> bool {
        self.status
            .as_ref()
            .is_some_and(|status| matches!(status.state, State::Starting | State::Running | State::Draining))
    }

    /// How many posts wait to be delivered.
    pub(super) fn pending(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.counters.pending)
    }

    /// The number after the last post that may be seen.
    pub(super) fn end(&self) -> u64 {
        self.held.unwrap_or_else(|| self.history.end())
    }

    /// The last post that may be seen.
    pub(super) fn last(&self) -> Option<u64> {
        self.history.last_before(self.end())
    }

    /// The post that a key is about.
    pub(super) fn meant(&self) -> Option<u64> {
        self.chosen.or_else(|| self.last())
    }

    /// Posts that came since the picture is held still.
    pub(super) fn waiting(&self) -> u64 {
        self.history.end() - self.end()
    }

    /// Holds the picture still, or lets it go on.
    pub(super) fn hold(&mut self, still: bool) {
        self.held = still.then(|| self.history.end());
        if !still {
            self.chosen = None;
        }
    }

    pub(super) fn filter(&mut self, text: &str) {
        self.history.set_filter(text);
        self.chosen = None;
    }

    /// Moves by so many of the posts that match.
    pub(super) fn step(&mut self, by: isize) {
        if let Some((number, top)) = self.open {
            self.open = Some((number, top.saturating_add_signed(by).min(COUNT)));
            return;
        }
        let Some(from) = self.meant() else { return };
        let to = self.history.step(from, by, self.end());
        self.chosen = Some(to);
        // At the bottom the newest is followed again.
        if by > 0 && self.last() == Some(to) && self.held.is_none() {
            self.chosen = None;
        }
    }

    pub(super) fn put(&mut self, status: Status, now: Timestamp) {
        self.rates.add(now, status.counters.received, status.since);
        self.trouble = None;
        self.status = Some(status);
    }
}
