//! The lines that a tail showed, in the order of their times. Bounded: what is old goes out at one end as new lines
//! come in at the other, and how many went is known.

use std::collections::VecDeque;

use crate::logs::LogEvent;

/// So many lines are kept.
pub const MOST: usize = 200_000;

/// The lines, the oldest first.
#[derive(Debug)]
pub struct Lines {
    list: VecDeque<LogEvent>,
    most: usize,
    /// How many made room for newer ones.
    gone: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self::with_room(MOST)
    }
}

impl Lines {
    pub(super) fn with_room(most: usize) -> Self {
        Self { list: VecDeque::new(), most, gone: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many made room for newer ones.
    pub fn gone(&self) -> u64 {
        self.gone
    }

    /// The line so many after the oldest.
    pub fn get(&self, index: usize) -> Option<&LogEvent> {
        self.list.get(index)
    }

    /// The lines, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &LogEvent> {
        self.list.iter()
    }

    /// Takes a line in where it belongs: most belong at the end. Gives back where that is.
    pub fn insert(&mut self, event: LogEvent) -> usize {
        let order = |event: &LogEvent| (event.at, event.ingested);
        let after = self.list.iter().rev().take_while(|other| order(other) > order(&event)).count();
        let at = self.list.len() - after;
        if after == 0 {
            self.list.push_back(event);
        } else {
            self.list.insert(at, event);
        }
        at
    }

    /// Lets the oldest go that there is no room for; how many.
    pub fn trim(&mut self) -> usize {
        let surplus = self.list.len().saturating_sub(self.most);
        self.list.drain(..surplus);
        self.gone += surplus as u64;
        surplus
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn event(at: i64, message: &str) -> LogEvent {
        LogEvent {
            group: "g".into(),
            stream: "s".into(),
            at: Timestamp::from_millisecond(at).expect("in range"),
            ingested: None,
            message: message.to_owned(),
            is_late: false,
        }
    }

    #[test]
    fn a_late_line_stands_where_it_belongs_and_the_oldest_make_room() {
        let mut lines = Lines::with_room(3);
        for (at, message) in [(10, "a"), (30, "c"), (10, "a2"), (20, "b")] {
            lines.insert(event(at, message));
        }
        assert_eq!(lines.trim(), 1);
        let all: Vec<&str> = lines.iter().map(|event| event.message.as_str()).collect();
        assert_eq!((all, lines.gone()), (vec!["a2", "b", "c"], 1));
    }
}
