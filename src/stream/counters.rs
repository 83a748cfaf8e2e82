//! How many posts went where, always balanced: `received = filtered + duplicates + malformed + delivered + pending`.
//!
//! A post counts as received when it is safe: on disk, or, where there is no spool, with the sink. The counters are
//! those of one run; what the spool held at its start counts as received by it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// The counters of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// All of them.
    pub received: u64,
    /// Left out by the filter, or taken back by their authors before they were delivered.
    pub filtered: u64,
    /// What every sink has.
    pub delivered: u64,
    /// What waits.
    pub pending: u64,
    /// Records that were sent to Firehose once more.
    pub retried: u64,
    /// Left out because they were there before.
    pub duplicates: u64,
    /// Lines that no post could be read from, and records that no sink takes; both are kept in a file.
    pub malformed: u64,
}

/// What became of lines, before it is safe to count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Left out by the filter.
    pub filtered: u64,
    /// Left out because they were there before.
    pub duplicates: u64,
    /// Not readable.
    pub malformed: u64,
}

impl Tally {
    /// All of them.
    pub fn total(self) -> u64 {
        self.filtered + self.duplicates + self.malformed
    }
}

impl Counters {
    /// Posts that are safe now, and what else became of lines.
    pub fn take(&mut self, kept: u64, tally: Tally) {
        self.received += kept + tally.total();
        self.pending += kept;
        self.filtered += tally.filtered;
        self.duplicates += tally.duplicates;
        self.malformed += tally.malformed;
    }

    /// Posts left the spool: `delivered` are with every sink, `quarantined` no sink takes, `withdrawn` were deleted.
    pub fn settle(&mut self, delivered: u64, quarantined: u64, withdrawn: u64) {
        self.pending = self.pending.saturating_sub(delivered + quarantined + withdrawn);
        self.delivered += delivered;
        self.malformed += quarantined;
        self.filtered += withdrawn;
    }

    /// Whether every post is accounted for.
    pub fn balance(&self) -> bool {
        self.received == self.filtered + self.duplicates + self.malformed + self.delivered + self.pending
    }
}

/// How many posts came in each of the last seconds: for a rate, and for a picture of it.
#[derive(Debug, Default)]
pub struct Rate {
    /// Second since 1970 and count, oldest first.
    seconds: VecDeque<(i64, u64)>,
}

/// How far back the picture goes: 15 minutes.
const REMEMBERED: i64 = 900;

impl Rate {
    /// So many came.
    pub fn add(&mut self, count: u64, now: Timestamp) {
        let second = now.as_second();
        match self.seconds.back_mut() {
            Some((last, sum)) if *last >= second => *sum += count,
            _ => self.seconds.push_back((second, count)),
        }
        while self.seconds.front().is_some_and(|(oldest, _)| *oldest < second - REMEMBERED) {
            self.seconds.pop_front();
        }
    }

    /// Posts a second, over so much time up to now.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with a digit or two")]
    pub fn over(&self, window: Duration, now: Timestamp) -> f64 {
        let length = i64::try_from(window.as_secs().max(1)).unwrap_or(REMEMBERED);
        let since = now.as_second() - length;
        let recent = self.seconds.iter().rev().take_while(|(second, _)| *second > since);
        let count: u64 = recent.map(|(_, count)| count).sum();
        // Of a run that is younger than the window, only what there was of it counts.
        let age = self.seconds.front().map_or(length, |(first, _)| now.as_second() - first + 1);
        count as f64 / age.clamp(1, length) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_happens_they_balance() {
        let mut counters = Counters::default();
        counters.take(10, Tally { filtered: 1, duplicates: 2, malformed: 3 });
        assert_eq!((counters.received, counters.pending), (16, 10));
        counters.settle(5, 1, 2);
        assert_eq!(
            (counters.delivered, counters.malformed, counters.filtered, counters.pending),
            (5, 4, 3, 2)
        );
        assert!(counters.balance());
    }

    #[test]
    fn a_rate_is_of_its_window_and_of_a_young_run_what_there_is() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut rate = Rate::default();
        rate.add(100, at(1000));
        assert!((rate.over(Duration::from_mins(1), at(1001)) - 50.0).abs() < 0.01);
        rate.add(100, at(1900));
        assert!((rate.over(Duration::from_secs(10), at(1900)) - 10.0).abs() < 0.01);
        rate.add(1, at(1901));
        assert_eq!(rate.seconds.len(), 2);
    }
}
