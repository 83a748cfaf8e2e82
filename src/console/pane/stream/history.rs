//! The posts that the pane remembers, which of them match a filter, and what they talk about.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::{MOST_BYTES, MOST_POSTS};
use crate::stream::record::{Column, Fields};

/// A ring of posts. Each has a number that it keeps.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<Box<str>>,
    /// The number of the first.
    first: u64,
    bytes: usize,
    /// Lower-cased.
    filter: String,
    /// Numbers of those that match, while there is a filter.
    matching: VecDeque<u64>,
    tags: HashMap<Box<str>, u32>,
}

impl History {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The number after the last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) fn get(&self, number: u64) -> Option<&str> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.lines.get(place).map(AsRef::as_ref)
    }

    pub(super) fn push(&mut self, line: Box<str>) {
        self.bytes += line.len();
        count_tags(&line, |tag| *self.tags.entry(tag.into()).or_default() += 1);
        if !self.filter.is_empty() && matches(&line, &self.filter) {
            self.matching.push_back(self.end());
        }
        self.lines.push_back(line);
        while self.lines.len() > MOST_POSTS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len();
            self.first += 1;
            count_tags(&oldest, |tag| {
                if let Some(count) = self.tags.get_mut(tag) {
                    *count -= 1;
                    if *count == 0 {
                        self.tags.remove(tag);
                    }
                }
            });
        }
        while self.matching.front().is_some_and(|number| *number < self.first) {
            self.matching.pop_front();
        }
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        self.filter = text.to_lowercase();
        self.matching.clear();
        if !self.filter.is_empty() {
            let numbers = (self.first..).zip(&self.lines).filter(|(_, line)| matches(line, &self.filter));
            self.matching = numbers.map(|(number, _)| number).collect();
        }
    }

    /// How many are shown in all.
    pub(super) fn shown(&self) -> usize {
        if self.filter.is_empty() { self.lines.len() } else { self.matching.len() }
    }

    /// The last one that is shown before a number.
    pub(super) fn last_before(&self, end: u64) -> Option<u64> {
        self.upto(end, 1).first().copied()
    }

    /// The last so many that are shown before a number, in order.
    pub(super) fn upto(&self, end: u64, count: usize) -> Vec<u64> {
        let end = end.min(self.end());
        if self.filter.is_empty() {
            return (end.saturating_sub(count as u64).max(self.first)..end).collect();
        }
        let upto = self.matching.partition_point(|number| *number < end);
        self.matching.range(upto.saturating_sub(count)..upto).copied().collect()
    }

    /// The one that is shown so many steps from another.
    pub(super) fn step(&self, from: u64, by: isize, end: u64) -> u64 {
        let end = end.min(self.end());
        if self.filter.is_empty() {
            let to = from.saturating_add_signed(i64::try_from(by).unwrap_or(i64::MIN));
            return to.clamp(self.first, end.saturating_sub(1).max(self.first));
        }
        let here = self.matching.partition_point(|number| *number < from);
        let last = self.matching.partition_point(|number| *number < end).saturating_sub(1);
        let to = here.saturating_add_signed(by).min(last);
        self.matching.get(to).copied().unwrap_or(from)
    }

    /// The hashtags that come most, with how often.
    pub(super) fn top_tags(&self, count: usize) -> Vec<(&str, u32)> {
        let mut tags: Vec<(&str, u32)> =
            self.tags.iter().map(|(tag, count)| (tag.as_ref(), *count)).collect();
        tags.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        tags.truncate(count);
        tags
    }
}

fn count_tags(line: &str, mut count: impl FnMut(&str)) {
    let Ok(fields) = Fields::split(line.as_bytes()) else { return };
    let tags = fields.text(Column::TweetTextHashtags);
    for tag in tags.split('|').filter(|tag| !tag.is_empty()) {
        count(&tag.to_lowercase());
    }
}

fn matches(line: &str, filter: &str) -> bool {
    let Ok(fields) = Fields::split(line.as_bytes()) else { return false };
    let columns =
        [Column::Text, Column::UserScreenName, Column::TweetTextHashtags, Column::TweetTextUsernames];
    columns.iter().any(|column| fields.text(*column).to_lowercase().contains(filter))
}

/// How many posts came in each of the last 15 minutes' parts.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// What was received, as it was told each time, the newest last.
    told: VecDeque<(Timestamp, u64)>,
    since: Option<Timestamp>,
}

/// A sparkline has so many values.
const PARTS: i64 = 60;
/// Seconds of each: 15 minutes together.
const PART: i64 = 15;

impl Rates {
    pub(super) fn add(&mut self, now: Timestamp, received: u64, since: Option<Timestamp>) {
        if self.since != since {
            self.since = since;
            self.told.clear();
        }
        self.told.push_back((now, received));
        let oldest = now.as_second() - PARTS * PART;
        while self.told.front().is_some_and(|(at, _)| at.as_second() < oldest) {
            self.told.pop_front();
        }
    }

    /// Posts a second in each part, the newest last.
    #[expect(clippy::cast_precision_loss, reason = "for a picture")]
    pub(super) fn trend(&self) -> Vec<Option<f64>> {
        let Some((now, _)) = self.told.back() else { return Vec::new() };
        let newest = now.as_second() / PART;
        (newest - PARTS + 1..=newest)
            .map(|part| {
                let mut within = self.told.iter().filter(|(at, _)| at.as_second() / PART == part);
                let first = within.next()?;
                let last = within.next_back().unwrap_or(first);
                let seconds = last.0.duration_since(first.0).as_secs_f64();
                (seconds > 0.0).then(|| last.1.saturating_sub(first.1) as f64 / seconds)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, tag: &str) -> Box<str> {
        let mut fields = vec![""; 53];
        let (id, text) = (number.to_string(), format!("Post {number}"));
        fields[0] = &id;
        fields[47] = tag;
        fields[52] = &text;
        (fields.join("\t") + "\t\n").into()
    }

    #[test]
    fn the_ring_is_bounded_and_numbers_stay() {
        let mut history = History::default();
        for number in 0..MOST_POSTS + 10 {
            history.push(line(number, if number < 10 { "#Old" } else { "#new" }));
        }
        assert_eq!((history.lines.len(), history.first, history.get(5)), (MOST_POSTS, 10, None));
        assert!(history.get(10).is_some_and(|line| line.starts_with("10\t")));
        assert_eq!(history.top_tags(3), [("#new", u32::try_from(MOST_POSTS).expect("small"))]);
    }

    #[test]
    fn a_filter_shows_what_matches_and_goes_on_with_what_comes() {
        let mut history = History::default();
        (0..20).for_each(|number| history.push(line(number, "")));
        history.set_filter("POST 1");
        assert_eq!(history.upto(20, 3), [17, 18, 19]);
        assert_eq!(history.step(19, -100, 20), 1);
        assert_eq!(history.step(1, 1, 20), 10);
        history.push(line(100, ""));
        assert_eq!((history.shown(), history.last_before(21)), (12, Some(20)));
        history.set_filter("");
        assert_eq!(history.upto(5, 2), [3, 4]);
    }

    #[test]
    fn a_rate_begins_anew_with_a_new_run() {
        let at = |second| Timestamp::from_second(1_795_000_000 + second).expect("a time");
        let mut rates = Rates::default();
        for second in 0..30_i64 {
            rates.add(at(second), u64::try_from(second).expect("positive") * 50, None);
        }
        let trend = rates.trend();
        assert_eq!(trend.len(), 60);
        assert!(trend.last().copied().flatten().is_some_and(|rate| (rate - 50.0).abs() < 0.1));
        rates.add(at(31), 0, Some(at(31)));
        assert!(rates.trend().iter().all(Option::is_none));
    }
}
