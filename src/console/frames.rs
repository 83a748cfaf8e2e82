//! When to draw: at once after input, at most sixty times a second, and never when nothing happened.

use std::time::{Duration, Instant};

/// The shortest time between two frames.
const SHORTEST: Duration = Duration::from_micros(16_667);

/// Says when the next frame is due.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Instant>,
    wanted: bool,
}

impl Frames {
    /// Something changed that is seen.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// When to draw, if anything changed: now, or as soon as the last frame is old enough.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.wanted.then(|| self.last.map_or(now, |last| now.max(last + SHORTEST)))
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Instant) {
        self.last = Some(now);
        self.wanted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_coalesced_and_none_is_drawn_for_nothing() {
        let start = Instant::now();
        let mut frames = Frames::default();
        assert_eq!(frames.due(start), None);
        frames.want();
        assert_eq!(frames.due(start), Some(start));
        frames.drawn(start);
        assert_eq!(frames.due(start), None);
        frames.want();
        frames.want();
        assert_eq!(frames.due(start), Some(start + SHORTEST));
        let later = start + Duration::from_secs(1);
        assert_eq!(frames.due(later), Some(later));
    }
}
