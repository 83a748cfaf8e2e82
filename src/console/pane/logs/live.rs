//! Whether events are to come live. Live Tail costs a cent a minute, so it is for who looks on: it ends when the terminal
//! has not been looked at for a while, and a session that ended (they last three hours at most) is followed by another
//! only if somebody did something since. Sessions that end soon, or cannot be begun, are tried ever more seldom.

use jiff::{SignedDuration, Timestamp};

use crate::console::app::Desk;
use crate::logs::Note;

/// Who does not look for so long has turned to something else.
const AWAY: SignedDuration = SignedDuration::from_mins(1);
/// How long it is waited before a session is begun in the place of another: the first pause, and the longest.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// A session that lasted so long ended in good order.
const LASTS: SignedDuration = SignedDuration::from_mins(5);

/// The session there is, or was.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Live {
    since: Option<Timestamp>,
    over: Option<Over>,
}

/// When the last session ended, and how long it is waited before another is begun.
#[derive(Debug, Clone, Copy)]
struct Over {
    at: Timestamp,
    pause: SignedDuration,
}

impl Live {
    pub(super) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Takes what is told of the reading.
    pub(super) fn told(&mut self, note: &Note, now: Timestamp) {
        match note {
            Note::Live => self.since = Some(now),
            Note::Polling(_) => self.broke_off(now),
            _ => {}
        }
    }

    /// The tail was ended, and the session with it.
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    fn broke_off(&mut self, now: Timestamp) {
        let lasted = self.since.take().map(|since| now.duration_since(since));
        let pause = match (lasted, self.over) {
            // Where there was none at all there is none to be had.
            (None, None) => return,
            (Some(lasted), _) if lasted >= LASTS => FIRST_PAUSE,
            (Some(_), None) => FIRST_PAUSE,
            (_, Some(over)) => (over.pause * 2).min(LONGEST_PAUSE),
        };
        self.over = Some(Over { at: now, pause });
    }

    /// When a session is to end, or another to begin.
    pub(super) fn due(&self, desk: &Desk) -> Option<Timestamp> {
        if self.is_on() {
            return if desk.focused { None } else { desk.focus_changed.checked_add(AWAY).ok() };
        }
        let Over { at, pause } = self.over?;
        if desk.focused && desk.touched > at { at.checked_add(pause).ok() } else { None }
    }

    /// It is due: whether the tail, which goes on, is to be live from now on.
    pub(super) fn turn(&mut self, now: Timestamp) -> bool {
        let ends = self.is_on();
        self.end();
        let pause = if ends { FIRST_PAUSE } else { self.over.map_or(FIRST_PAUSE, |over| over.pause) };
        // Until it is told how that went, nothing is due.
        self.over = Some(Over { at: now, pause });
        !ends
    }
}
