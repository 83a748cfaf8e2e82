//! When to draw: at once after input, at most sixty times a second, and never when nothing happened. What a feed brings
//! is drawn less often: nobody reads faster, and keys stay instant.

use std::time::{Duration, Instant};

/// The shortest time between two frames.
const SHORTEST: Duration = Duration::from_micros(16_667);
/// The same when nothing but a feed asks for one.
const FEED: Duration = Duration::from_micros(33_333);

/// Says when the next frame is due.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Instant>,
    wanted: bool,
    fed: bool,
}

impl Frames {
    /// Something changed that is seen.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A feed has brought something.
    pub fn want_for_feed(&mut self) {
        self.fed = true;
    }

    /// Whether a frame will be drawn for a feed: more of it changes nothing.
    pub fn is_fed(&self) -> bool {
        self.fed
    }

    /// When to draw, if anything changed: now, or as soon as the last frame is old enough.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let age = if self.wanted { SHORTEST } else { FEED };
        (self.wanted || self.fed).then(|| self.last.map_or(now, |last| now.max(last + age)))
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Instant) {
        self.last = Some(now);
        (self.wanted, self.fed) = (false, false);
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
        frames.drawn(start);
        frames.want_for_feed();
        assert_eq!(frames.due(start), Some(start + FEED));
        frames.want();
        assert_eq!(frames.due(start), Some(start + SHORTEST));
        let later = start + Duration::from_secs(1);
        assert_eq!(frames.due(later), Some(later));
    }

    /// Plays a second in which a feed brings five thousand items and so many keys are pressed; gives back how many
    /// frames were drawn, and the longest that a key waited for its frame.
    fn a_second_of(keys: u32) -> (u32, Duration) {
        let start = Instant::now();
        let mut frames = Frames::default();
        let (mut drawn, mut longest, mut pressed) = (0, Duration::ZERO, None);
        for step in 0..5_000_u32 {
            let now = start + Duration::from_micros(200) * step;
            frames.want_for_feed();
            if keys > 0 && step % (5_000 / keys) == 0 {
                frames.want();
                pressed.get_or_insert(now);
            }
            if frames.due(now).is_some_and(|due| due <= now) {
                frames.drawn(now);
                drawn += 1;
                longest = pressed.take().map_or(longest, |pressed| longest.max(now - pressed));
            }
        }
        (drawn, longest)
    }

    #[test]
    fn five_thousand_items_a_second_are_thirty_frames_and_keys_stay_instant() {
        assert!(a_second_of(0).0 <= 30);
        let (drawn, longest) = a_second_of(100);
        assert!(drawn <= 60, "{drawn}");
        assert!(longest <= SHORTEST + Duration::from_micros(200), "{longest:?}");
    }
}
