//! A lake of some days at once: the records of past hours, put as Firehose would have put them.

use jiff::tz::TimeZone;

use super::posts::{Feed, busy, mix, moment};
use super::record;
use crate::sandbox::s3::{self, Delivery, PutRefused};
use crate::sandbox::world::World;

const HOUR_US: i64 = 3_600_000_000;
/// How many objects an hour has: one a quarter of it.
const OBJECTS: u32 = 4;

/// Which lake is made.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backfill {
    pub(crate) bucket: String,
    /// What keys begin with, its slash included: `datasets/`.
    pub(crate) prefix: String,
    /// The delivery stream that objects are named after.
    pub(crate) stream: String,
    /// How many full hours before now.
    pub(crate) hours: u32,
    /// How many posts an hour has on average.
    #[serde(default = "usual_posts")]
    pub(crate) posts: u32,
}

/// How many posts an hour has unless something else is asked for.
pub(crate) const USUAL_POSTS: u32 = 200;

const fn usual_posts() -> u32 {
    USUAL_POSTS
}

/// A full hour of the past.
#[derive(Debug)]
pub(crate) struct PastHour {
    /// Counted from 1970.
    pub(crate) hour: u32,
    /// One line each, in the order of time: when it was written, in microseconds since 1970, and its record.
    pub(crate) records: Vec<(i64, String)>,
}

/// What was put.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) objects: u64,
    pub(crate) records: u64,
}

impl Backfill {
    /// The hours of the lake, the oldest first.
    pub(crate) fn past(&self, feed: &Feed, now: jiff::Timestamp) -> impl Iterator<Item = PastHour> {
        let this_hour = u32::try_from(now.as_microsecond().div_euclid(HOUR_US)).unwrap_or_default();
        (this_hour.saturating_sub(self.hours)..this_hour).map(move |hour| past_hour(feed, hour, self.posts))
    }

    /// Puts an hour's objects. Stops at what S3 refuses; an hour that is there already is put again, byte for byte.
    pub(super) fn put(
        &self,
        world: &mut World,
        hour: &PastHour,
        now: jiff::Timestamp,
    ) -> Result<Filled, PutRefused> {
        let mut filled =
            Filled { objects: 0, records: u64::try_from(hour.records.len()).unwrap_or_default() };
        for (key, body) in self.objects(hour) {
            let object = Delivery {
                bucket: &self.bucket,
                key: &key,
                content_type: "application/octet-stream",
                content_encoding: None,
            };
            s3::put(world, &object, |_| Ok(body.into_bytes()), now)?;
            filled.objects += 1;
        }
        Ok(filled)
    }

    /// An hour's objects: their keys and bodies.
    pub(crate) fn objects(&self, hour: &PastHour) -> Vec<(String, String)> {
        (0..OBJECTS).filter_map(|quarter| self.object(hour, quarter)).collect()
    }

    fn object(&self, hour: &PastHour, quarter: u32) -> Option<(String, String)> {
        let begins = i64::from(hour.hour) * HOUR_US + HOUR_US / i64::from(OBJECTS) * i64::from(quarter);
        let ends = begins + HOUR_US / i64::from(OBJECTS);
        let mut body = String::new();
        let mut first = None;
        for (at, record) in hour.records.iter().filter(|(at, _)| (begins..ends).contains(at)) {
            first = first.or(Some(*at));
            body.push_str(record);
        }
        let at = moment(first?).to_zoned(TimeZone::UTC);
        let uuid = record::uuid(u64::from(hour.hour), u64::from(quarter));
        let key = format!(
            "{}{}{}-1-{}-{uuid}",
            self.prefix,
            at.strftime("%Y/%m/%d/%H/"),
            self.stream,
            at.strftime("%Y-%m-%d-%H-%M-%S")
        );
        Some((key, body))
    }
}

/// A past hour of about `average` posts, more or fewer by the hour and the weekday.
fn past_hour(feed: &Feed, hour: u32, average: u32) -> PastHour {
    let noise = u32::try_from(mix(u64::from(hour), 51) % 21).unwrap_or_default();
    let count = average.saturating_mul(busy(i64::from(hour))).saturating_mul(90 + noise) / 10_000;
    let count = count.min(Feed::FULLEST_HOUR);
    let records = (0..count)
        .map(|index| {
            let post = feed.post_of_hour(hour, index, count);
            (post.at, record::record(feed, &post))
        })
        .collect();
    PastHour { hour, records }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake(hours: u32) -> Backfill {
        Backfill {
            bucket: "lake".to_owned(),
            prefix: "datasets/".to_owned(),
            stream: "posts".to_owned(),
            hours,
            posts: USUAL_POSTS,
        }
    }

    fn now() -> jiff::Timestamp {
        "2026-11-20T14:03:01Z".parse().expect("a time")
    }

    #[test]
    fn a_lake_lies_as_firehose_leaves_it() {
        let feed = Feed::new(7, 20);
        let lake = lake(2);
        let hours: Vec<PastHour> = lake.past(&feed, now()).collect();
        let keys: Vec<String> =
            hours.iter().flat_map(|hour| lake.objects(hour)).map(|(key, _)| key).collect();
        assert_eq!(keys.len(), 8);
        assert!(
            keys.iter().take(4).all(|key| key.starts_with("datasets/2026/11/20/12/posts-1-2026-11-20-12-"))
        );
        assert!(
            keys.iter().skip(4).all(|key| key.starts_with("datasets/2026/11/20/13/posts-1-2026-11-20-13-"))
        );
        let records: usize = hours.iter().map(|hour| hour.records.len()).sum();
        let lines: usize =
            hours.iter().flat_map(|hour| lake.objects(hour)).map(|(_, body)| body.lines().count()).sum();
        // A carriage return or the like is no line end, and line ends are never within a record.
        assert_eq!(records, lines);
    }

    #[test]
    fn a_lake_is_the_same_whenever_it_is_made() {
        let feed = Feed::new(7, 20);
        let first: Vec<_> = lake(1).past(&feed, now()).flat_map(|hour| lake(1).objects(&hour)).collect();
        let later = now() + jiff::SignedDuration::from_hours(3);
        let again: Vec<_> =
            lake(4).past(&feed, later).take(1).flat_map(|hour| lake(4).objects(&hour)).collect();
        assert_eq!(first, again);
    }

    #[test]
    fn hours_are_busy_as_people_are() {
        let feed = Feed::new(7, 20);
        let counts: Vec<usize> = lake(24).past(&feed, now()).map(|hour| hour.records.len()).collect();
        let (night, evening) = (counts[12], counts[5]);
        assert!(evening > 2 * night, "{counts:?}");
        let average = counts.iter().sum::<usize>() / 24;
        assert!((150..250).contains(&average), "{average}");
    }
}
