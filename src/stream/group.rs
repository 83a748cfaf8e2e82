//! What was taken and is not safe yet: the group commit.
//!
//! The promise: what comes together is flushed together, by one flush; nothing counts as received before its flush; and
//! nothing waits for it longer than [`LONGEST`], however steadily more comes. A flush that fails changes nothing: the
//! group stays whole, and is tried again.
//!
//! It has no clock: whoever takes posts says when they came, and asks whether a flush is due.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::counters::Tally;
use super::live::Live;
use super::spool::{Batch, Spool, SpoolError};

/// What came is flushed at the latest so long after it. A flush itself takes some milliseconds on a disk of today, and
/// both together are to stay under 50.
pub const LONGEST: Duration = Duration::from_millis(40);
/// So many bytes are flushed without waiting for more.
pub const ENOUGH: usize = 512 << 10;

/// What was taken since the last flush.
#[derive(Debug, Default)]
pub struct Group {
    /// Its posts.
    pub batch: Batch,
    /// What else became of lines.
    pub tally: Tally,
    /// Where the source goes on after all of it; it stays when the rest is flushed.
    pub mark: Option<String>,
    /// When the first of it came, by the clock and by the calendar.
    since: Option<(Instant, Timestamp)>,
}

impl Group {
    /// Something came, and will be in it.
    pub fn came(&mut self, now: Instant, received: Timestamp) {
        self.since.get_or_insert((now, received));
    }

    /// Whether nothing came since the last flush.
    pub fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// How many posts and broken lines it holds, whatever became of them.
    pub fn taken(&self) -> u64 {
        self.batch.posts() + self.tally.total()
    }

    /// When it must be flushed, if anything came.
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|(since, _)| since + LONGEST)
    }

    /// Whether it must be flushed now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.batch.bytes() >= ENOUGH || self.due().is_some_and(|due| due <= now)
    }

    /// Puts its posts on disk, and counts them only then. Gives the number that the next post gets.
    pub fn flush(&mut self, spool: &mut Spool, live: &Live) -> Result<u64, SpoolError> {
        spool.append(&mut self.batch, self.mark.as_deref())?;
        self.count(live);
        live.change(|status| status.spool_bytes = spool.bytes());
        Ok(spool.next())
    }

    /// Its posts are safe: they count as received.
    pub fn count(&self, live: &Live) {
        if let Some((_, received)) = self.since {
            live.took(self.batch.posts(), self.tally, received);
        }
    }

    /// Begins anew, and gives its posts away: watchers may see them now.
    pub fn begin_anew(&mut self) -> Batch {
        self.tally = Tally::default();
        self.since = None;
        std::mem::take(&mut self.batch)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::stream::post::PostKey;

    /// The limit and the flush itself together.
    const PROMISED: Duration = Duration::from_millis(50);

    fn spool(folder: &Path) -> Spool {
        Spool::open(folder, 16 << 20).expect("a spool").0
    }

    /// A post of so many bytes comes.
    fn take(group: &mut Group, number: u64, bytes: usize, now: Instant) {
        group.came(now, Timestamp::UNIX_EPOCH);
        group.batch.push(PostKey(number), Timestamp::UNIX_EPOCH, |out| {
            out.resize(out.len() + bytes, b'x');
            out.push(b'\n');
        });
    }

    /// The numbers of all posts that a spool holds.
    fn held(spool: &Spool) -> Vec<u64> {
        let mut keys = Vec::new();
        let read = spool.reader().read(spool.next(), |_, entry| {
            keys.push(entry.key.0);
            true
        });
        assert_eq!(read.expect("read"), 0);
        keys
    }

    #[test]
    fn posts_that_wait_together_are_flushed_by_one_flush() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut spool, live, mut group) =
            (spool(folder.path()), Live::new("x".into(), vec![]), Group::default());
        let now = Instant::now();
        for number in 0..1000 {
            take(&mut group, number, 100, now);
            assert!(!group.is_due(now), "{number}");
        }
        group.tally.duplicates = 7;
        assert_eq!(group.flush(&mut spool, &live).expect("kept"), 1000);
        assert_eq!((group.begin_anew().posts(), spool.flushes()), (1000, 1));
        assert_eq!(held(&spool), (0..1000).collect::<Vec<_>>());
        assert_eq!((live.status().counters.received, live.status().counters.pending), (1007, 1000));
        assert!(group.is_empty() && !group.is_due(now + 2 * LONGEST), "what was flushed is not due again");
    }

    #[test]
    fn nothing_counts_as_received_before_it_is_flushed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut spool, live, mut group) =
            (spool(folder.path()), Live::new("x".into(), vec![]), Group::default());
        let now = Instant::now();
        for number in 0..10 {
            take(&mut group, number, 10, now);
            group.tally.filtered += 1;
            assert_eq!((live.status().counters.received, spool.next(), spool.flushes()), (0, 0, 0));
        }
        group.flush(&mut spool, &live).expect("kept");
        assert_eq!((live.status().counters.received, spool.next(), spool.flushes()), (20, 10, 1));
    }

    #[test]
    fn a_flush_that_fails_counts_nothing_and_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut spool, live, mut group) =
            (spool(folder.path()), Live::new("x".into(), vec![]), Group::default());
        let now = Instant::now();
        take(&mut group, 0, 10, now);
        group.flush(&mut spool, &live).expect("kept");
        group.begin_anew();
        for failures in 1..=3 {
            spool.fail_next_flush();
            take(&mut group, failures, 10, now);
            let error = group.flush(&mut spool, &live).expect_err("the flush fails");
            assert!(matches!(error, SpoolError::Disk { .. }), "{error}");
            assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
            assert_eq!((live.status().counters.received, spool.next(), group.taken()), (1, 1, failures));
            assert!(group.is_due(now + LONGEST), "it is still to be flushed");
        }
        assert_eq!(group.flush(&mut spool, &live).expect("the disk is well again"), 4);
        assert_eq!(live.status().counters.received, 4);
        assert_eq!(held(&spool), [0, 1, 2, 3]);
        drop(spool);
        let (spool, found) = Spool::open(folder.path(), 16 << 20).expect("a spool");
        assert_eq!((found.pending, found.lost), (4, 0));
        assert_eq!(held(&spool), [0, 1, 2, 3], "once each, after a restart too");
    }

    #[test]
    fn much_is_flushed_without_waiting_for_more() {
        let (mut group, now) = (Group::default(), Instant::now());
        take(&mut group, 0, ENOUGH - 100, now);
        assert!(!group.is_due(now));
        take(&mut group, 1, 100, now);
        assert!(group.is_due(now));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        /// However posts come, each is flushed in time, and few flushes do for many of them.
        #[test]
        fn no_post_waits_longer_than_the_limit(gaps in prop::collection::vec(0..60_u64, 1..200)) {
            let folder = tempfile::tempdir().expect("a folder");
            let (mut spool, live, mut group) = (spool(folder.path()), Live::new("x".into(), vec![]), Group::default());
            let begin = Instant::now();
            let mut now = begin;
            let mut waiting: Vec<Instant> = Vec::new();
            let mut flushed = 0;
            // As the way in does: it sleeps until the group is due or something comes, whichever is first.
            let coming = gaps.iter().map(|gap| Some(Duration::from_millis(*gap))).chain([None]);
            for (number, gap) in coming.enumerate() {
                let next = gap.map(|gap| now + gap);
                if let Some(due) = group.due().filter(|due| next.is_none_or(|next| *due <= next)) {
                    prop_assert!(group.is_due(due));
                    flushed = group.flush(&mut spool, &live).expect("kept");
                    group.begin_anew();
                    for came in waiting.drain(..) {
                        prop_assert!(due - came <= LONGEST && LONGEST < PROMISED);
                    }
                }
                prop_assert_eq!(live.status().counters.received, flushed);
                if let Some(next) = next {
                    now = next;
                    take(&mut group, number as u64, 20, now);
                    prop_assert!(!group.is_due(now));
                    waiting.push(now);
                }
            }
            prop_assert!(waiting.is_empty() && group.is_empty());
            prop_assert_eq!(flushed, gaps.len() as u64);
            let most = (now - begin).as_millis() / LONGEST.as_millis() + 1;
            prop_assert!(u128::from(spool.flushes()) <= most, "{} flushes", spool.flushes());
        }
    }
}
