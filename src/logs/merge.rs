//! Several groups in one order of time, as far as it is known: a group that has more to come and shows nothing of it
//! holds the others back.

use std::collections::VecDeque;

use super::LogEvent;

/// What was read of a group and not handed on yet.
#[derive(Debug, Default)]
pub(super) struct Lane {
    events: VecDeque<LogEvent>,
    /// Nothing more comes.
    pub(super) is_over: bool,
}

impl Lane {
    /// Takes the next page. Within a page, emulators do not keep to the order.
    pub(super) fn add(&mut self, mut page: Vec<LogEvent>) {
        page.sort_by_key(|event| (event.at, event.ingested));
        self.events.extend(page);
    }

    /// Whether the next page has to be read before anything can go on.
    pub(super) fn waits(&self) -> bool {
        self.events.is_empty() && !self.is_over
    }
}

/// The events that nothing older can come before any more.
pub(super) fn ready(lanes: &mut [Lane]) -> Vec<LogEvent> {
    let mut ready = Vec::new();
    while !lanes.iter().any(Lane::waits) {
        let oldest = lanes
            .iter_mut()
            .filter(|lane| !lane.events.is_empty())
            .min_by_key(|lane| lane.events.front().map(|event| (event.at, event.ingested)));
        match oldest.and_then(|lane| lane.events.pop_front()) {
            Some(event) => ready.push(event),
            None => break,
        }
    }
    ready
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn page(group: &str, times: &[i64]) -> Vec<LogEvent> {
        let event = |time: &i64| LogEvent {
            group: group.into(),
            stream: "s".into(),
            at: Timestamp::from_millisecond(*time).expect("in range"),
            ingested: None,
            message: String::new(),
            is_late: false,
        };
        times.iter().map(event).collect()
    }

    fn times(events: &[LogEvent]) -> Vec<i64> {
        events.iter().map(|event| event.at.as_millisecond()).collect()
    }

    #[test]
    fn pages_of_several_groups_come_in_one_order() {
        let mut lanes = [Lane::default(), Lane::default()];
        lanes[0].add(page("a", &[4, 1, 9]));
        assert!(ready(&mut lanes).is_empty(), "the other may have something older");
        lanes[1].add(page("b", &[2, 3]));
        assert_eq!(times(&ready(&mut lanes)), [1, 2, 3], "what comes next of b may be older than 4");
        lanes[1].is_over = true;
        assert_eq!(times(&ready(&mut lanes)), [4, 9]);
        lanes[0].is_over = true;
        assert!(ready(&mut lanes).is_empty());
    }
}
