//! What was shown of a group, as far back as events may still come in late.
//!
//! CloudWatch sorts by the time that is written on an event and takes events in whenever they come, so a reader that
//! goes on from the newest time it saw loses every late one. A window goes on from some time *before* that, and
//! remembers the ids of what was shown of the overlap. Live Tail gives events without ids: what came that way and what
//! was polled is matched by time, stream and words, each one event with one event, whichever comes first.
//!
//! Memory is bounded, however long the history is: what is too old to be asked for again is forgotten as newer events
//! come. Of a group so busy that the overlap does not fit, the oldest part is given up, and never asked for again, so that
//! nothing is shown twice.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use super::LogEvent;

/// How far back a poll looks. Looking far is dear in a busy group, and late events are few: so it is done now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What a stream or two may be behind the others.
    Near,
    /// As far back as late events are looked for.
    Far,
}

impl Reach {
    const fn milliseconds(self) -> i64 {
        match self {
            Self::Near => 5_000,
            Self::Far => 120_000,
        }
    }
}

/// Ids are remembered for somewhat longer than the overlap is, so that clocks may jump a little.
const REMEMBERED: i64 = Reach::Far.milliseconds() + 30_000;
/// So many ids are remembered at most: some ten megabytes.
const MOST: usize = 100_000;
/// Of a history that is read once, as many as stand on one page: none comes again but, perhaps, where two pages meet.
const MOST_ONCE: usize = 10_000;
/// Streams of a group are a little apart: an event so far behind the newest one is not yet late.
const APART: i64 = 2_000;

/// The events of one group that were shown.
#[derive(Debug)]
pub(super) struct Window {
    /// The newest time that was shown, and never one that is still to come: some clocks are ahead.
    newest: i64,
    /// The newest time that had been shown when this round began; `None` in the first.
    before: Option<i64>,
    /// Nothing older than this is asked for.
    floor: i64,
    /// The ids of what is older than this may be forgotten. In the first round nothing of that was shown before, so it is
    /// taken in all the same.
    forgotten: i64,
    most: usize,
    ids: HashSet<Box<str>>,
    by_time: BTreeMap<i64, Vec<Box<str>>>,
    count: usize,
    live: Unmatched,
    polled: Unmatched,
}

/// How many events of each time and words came one way and not yet the other.
#[derive(Debug, Default)]
pub(crate) struct Unmatched(BTreeMap<(i64, u64), u32>);

impl Unmatched {
    pub(crate) fn add(&mut self, event: &LogEvent) {
        *self.0.entry(key(event)).or_default() += 1;
    }

    /// Takes one away; `false` if there is none.
    pub(crate) fn take(&mut self, event: &LogEvent) -> bool {
        let key = key(event);
        match self.0.get_mut(&key) {
            Some(1) => self.0.remove(&key).is_some(),
            Some(more) => {
                *more -= 1;
                true
            }
            None => false,
        }
    }

    fn forget_before(&mut self, time: i64) {
        while self.0.first_key_value().is_some_and(|((at, _), _)| *at < time) {
            self.0.pop_first();
        }
    }
}

fn key(event: &LogEvent) -> (i64, u64) {
    let mut hasher = DefaultHasher::new();
    (&event.group, &event.stream, &event.message).hash(&mut hasher);
    (event.at.as_millisecond(), hasher.finish())
}

impl Window {
    /// A window onto everything since then.
    pub(super) fn since(time: Timestamp) -> Self {
        Self::with_room(time, MOST)
    }

    /// The same for one round alone.
    pub(super) fn once(time: Timestamp) -> Self {
        Self::with_room(time, MOST_ONCE)
    }

    fn with_room(time: Timestamp, most: usize) -> Self {
        let since = time.as_millisecond();
        Self {
            newest: since,
            before: None,
            floor: since,
            forgotten: since,
            most,
            ids: HashSet::new(),
            by_time: BTreeMap::new(),
            count: 0,
            live: Unmatched::default(),
            polled: Unmatched::default(),
        }
    }

    /// Whether a round came to its end: the group was there.
    pub(super) fn is_followed(&self) -> bool {
        self.before.is_some()
    }

    /// The time from which on to ask, in milliseconds.
    pub(super) fn from(&self, reach: Reach) -> i64 {
        self.newest.saturating_sub(reach.milliseconds()).max(self.floor)
    }

    /// Takes an event that was polled; whether it is to be shown. `live` says that it may come by Live Tail too.
    pub(super) fn polled(&mut self, id: &str, event: &mut LogEvent, now: Timestamp, live: bool) -> bool {
        let at = event.at.as_millisecond();
        if at < self.floor || self.ids.contains(id) {
            return false;
        }
        self.ids.insert(id.into());
        self.by_time.entry(at).or_default().push(id.into());
        self.count += 1;
        let is_new = !self.live.take(event);
        if is_new {
            if live {
                self.polled.add(event);
            }
            self.show(event, now);
        }
        self.forget();
        is_new
    }

    /// Takes an event that came live; whether it is to be shown.
    pub(super) fn came_live(&mut self, event: &mut LogEvent, now: Timestamp) -> bool {
        if event.at.as_millisecond() < self.floor || self.polled.take(event) {
            return false;
        }
        self.live.add(event);
        self.show(event, now);
        true
    }

    fn show(&mut self, event: &mut LogEvent, now: Timestamp) {
        let at = event.at.as_millisecond();
        event.is_late = self.before.is_some_and(|before| at < before.saturating_sub(APART));
        self.newest = self.newest.max(at.min(now.as_millisecond()));
    }

    /// A round is over: what comes from now on and is older than what was shown is late; what may be forgotten is not
    /// asked for again.
    pub(super) fn end_round(&mut self) {
        self.before = Some(self.newest);
        self.forget();
    }

    fn forget(&mut self) {
        let oldest = self.newest.saturating_sub(REMEMBERED);
        while let Some(entry) = self.by_time.first_entry()
            && (*entry.key() < oldest || self.count > self.most)
        {
            let (time, ids) = entry.remove_entry();
            for id in ids {
                self.ids.remove(&id);
                self.count -= 1;
            }
            self.forgotten = self.forgotten.max(time.saturating_add(1));
        }
        self.live.forget_before(oldest.max(self.forgotten));
        self.polled.forget_before(oldest.max(self.forgotten));
        if self.is_followed() {
            self.floor = self.floor.max(self.forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn time(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("in range")
    }

    fn event(at: i64, message: &str) -> LogEvent {
        LogEvent {
            group: "g".into(),
            stream: "s".into(),
            at: time(at),
            ingested: None,
            message: message.to_owned(),
            is_late: false,
        }
    }

    const NOW: i64 = 1_000_000_000;

    fn poll(window: &mut Window, id: &str, at: i64) -> Option<bool> {
        let mut event = event(at, id);
        window.polled(id, &mut event, time(NOW), true).then_some(event.is_late)
    }

    #[test]
    fn what_was_shown_is_not_shown_again_and_what_comes_late_is_and_says_so() {
        let mut window = Window::since(time(0));
        assert_eq!(poll(&mut window, "a", 100_000), Some(false));
        assert_eq!(poll(&mut window, "b", 50_000), Some(false), "history is in whatever order it is");
        window.end_round();
        assert_eq!(window.from(Reach::Near), 95_000);
        assert_eq!(window.from(Reach::Far), 0, "never before the beginning");
        assert_eq!(poll(&mut window, "a", 100_000), None);
        assert_eq!(poll(&mut window, "late", 60_000), Some(true));
        assert_eq!(poll(&mut window, "a little apart", 98_500), Some(false));
        assert_eq!(poll(&mut window, "new", 100_001), Some(false));
    }

    #[test]
    fn a_clock_that_is_ahead_does_not_hide_the_present() {
        let mut window = Window::since(time(NOW - 60_000));
        poll(&mut window, "ahead", NOW + 3_600_000);
        window.end_round();
        assert_eq!(window.from(Reach::Near), NOW - 5_000);
        assert_eq!(poll(&mut window, "ahead", NOW + 3_600_000), None);
    }

    #[test]
    fn a_group_that_is_too_busy_loses_overlap_and_shows_nothing_twice() {
        let mut window = Window::with_room(time(0), 10);
        for number in 0..100 {
            poll(&mut window, &number.to_string(), 1000 + number);
        }
        window.end_round();
        let from = window.from(Reach::Far);
        assert_eq!(from, 1090);
        for number in from - 1000..100 {
            assert_eq!(poll(&mut window, &number.to_string(), 1000 + number), None);
        }
        assert_eq!(poll(&mut window, "before the floor", 1050), None);
    }

    #[test]
    fn a_long_history_is_shown_whole_and_not_remembered_whole() {
        for step in [1, 1_000] {
            let mut window = Window::with_room(time(0), 200);
            for number in 0..10_000 {
                // Pages are in no order among themselves.
                let at = (number ^ 7) * step;
                assert_eq!(poll(&mut window, &number.to_string(), at), Some(false), "{number}");
                assert!(window.ids.len() <= 200 && window.by_time.len() <= 200, "{} ids", window.ids.len());
                assert!(window.polled.0.len() <= 200, "{} by words", window.polled.0.len());
            }
            window.end_round();
            let from = window.from(Reach::Far);
            for number in (0..10_000).filter(|number| (number ^ 7) * step >= from) {
                assert_eq!(poll(&mut window, &number.to_string(), (number ^ 7) * step), None, "{number}");
            }
        }
    }

    #[test]
    fn live_and_polled_are_matched_one_to_one() {
        let mut window = Window::since(time(0));
        let live = |window: &mut Window| window.came_live(&mut event(500, "same"), time(NOW));
        let polled =
            |window: &mut Window, id: &str| window.polled(id, &mut event(500, "same"), time(NOW), true);
        assert!(live(&mut window) && live(&mut window), "two equal events are two");
        assert!(!polled(&mut window, "1") && !polled(&mut window, "2"), "and come once each");
        assert!(polled(&mut window, "3"), "a third was left out by sampling");
        assert!(!live(&mut window), "or was polled first");
    }

    proptest! {
        /// However late events come and whichever rounds see them, each is shown exactly once while it is in reach.
        #[test]
        fn everything_in_reach_is_shown_once(
            arrivals in proptest::collection::vec((0_i64..100_000, 0_usize..10), 1..200)
        ) {
            let mut window = Window::since(time(0));
            let mut shown: HashMap<String, usize> = HashMap::new();
            for round in 0..=10 {
                let from = window.from(Reach::Far);
                for (number, (at, arrives)) in arrivals.iter().enumerate() {
                    if *arrives <= round && *at >= from && poll(&mut window, &number.to_string(), *at).is_some() {
                        *shown.entry(number.to_string()).or_default() += 1;
                    }
                }
                window.end_round();
            }
            prop_assert_eq!(shown.len(), arrivals.len());
            prop_assert!(shown.values().all(|times| *times == 1));
        }
    }
}
