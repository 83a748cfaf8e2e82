//! The shares of topics over time, in as many pieces as there is room for: by hour, by several hours where the hours are
//! more than that, or by day. A piece without posts is there and empty, so that time runs evenly.

use jiff::Timestamp;

use crate::topics::questions::SharesPerHour;

const HOUR: i64 = 3_600;
/// How long a piece may be, in hours: what parts a day evenly.
const HOURS: [i64; 5] = [1, 3, 6, 12, DAY];
const DAY: i64 = 24;

/// Pieces of time, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Periods {
    /// When each begins, in two digits: the hour, or the day of the month.
    pub(super) heads: Vec<String>,
    /// The same whole.
    pub(super) names: Vec<String>,
    /// Where a day begins, or with days a month, its name; and at the first.
    pub(super) days: Vec<(usize, String)>,
    /// The topics' shares of the posts of each; `None` where there are no posts.
    pub(super) shares: Vec<Option<Vec<f64>>>,
    /// How long each is, in hours.
    pub(super) hours: i64,
    /// Whether there were more before the first.
    pub(super) cut: bool,
}

impl Periods {
    /// Brings hours into so many pieces at most, each as short as may be: what does not fit as days begins later.
    pub(super) fn of(hours: &SharesPerHour, most: usize) -> Self {
        let (Some(first), Some(last)) = (hours.hours.first(), hours.hours.last()) else {
            return Self::default();
        };
        let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
        let (first, last) = (first.begins().as_second(), last.begins().as_second());
        let pieces = |hours: i64| last.div_euclid(hours * HOUR) - first.div_euclid(hours * HOUR) + 1;
        let length = HOURS.into_iter().find(|hours| pieces(*hours) <= most).unwrap_or(DAY);
        let (unit, days) = (length * HOUR, length == DAY);
        let place = |second: i64| second.div_euclid(unit);
        let begin = place(first).max(place(last) - most + 1);
        let count = usize::try_from(place(last) - begin + 1).unwrap_or(0);
        let mut sums: Vec<Option<(f64, Vec<f64>)>> = vec![None; count];
        for ((hour, posts), shares) in hours.hours.iter().zip(&hours.posts).zip(&hours.shares) {
            let at = usize::try_from(place(hour.begins().as_second()) - begin).ok();
            let Some(sum) = at.and_then(|at| sums.get_mut(at)) else { continue };
            let posts = number(*posts);
            let (all, topics) = sum.get_or_insert_with(|| (0.0, vec![0.0; shares.len()]));
            *all += posts;
            for (topic, share) in topics.iter_mut().zip(shares) {
                *topic += share * posts;
            }
        }
        let mean = |(all, topics): (f64, Vec<f64>)| topics.iter().map(|sum| sum / all.max(1.0)).collect();
        let named = |format: &str| -> Vec<String> {
            let name = |place: i64| Timestamp::from_second(place * unit).unwrap_or_default();
            (begin..=place(last)).map(|place| name(place).strftime(format).to_string()).collect()
        };
        let each = named(if days { "%b" } else { "%b %-d" });
        let begins = each.iter().enumerate().filter(|(at, day)| *at == 0 || each.get(at - 1) != Some(day));
        Self {
            days: begins.map(|(at, day)| (at, day.clone())).collect(),
            heads: named(if days { "%d" } else { "%H" }),
            names: named(if days { "%Y-%m-%d" } else { "%Y-%m-%d %H:00" }),
            shares: sums.into_iter().map(|sum| sum.map(mean)).collect(),
            hours: length,
            cut: begin > place(first),
        }
    }

    /// How long each is, in words.
    pub(super) fn by(&self) -> String {
        match self.hours {
            1 => "by hour".to_owned(),
            DAY => "by day".to_owned(),
            hours => format!("by {hours} h"),
        }
    }

    /// One topic's shares.
    pub(super) fn of_topic(&self, topic: usize) -> Vec<Option<f64>> {
        self.shares.iter().map(|shares| shares.as_ref()?.get(topic).copied()).collect()
    }
}

/// The least and the greatest of shares, and where the greatest is; `None` if there are none.
pub(super) fn ends(shares: &[Option<f64>]) -> Option<(f64, f64, usize)> {
    let known = || shares.iter().enumerate().filter_map(|(at, share)| Some((at, (*share)?)));
    let least = known().map(|(_, share)| share).fold(f64::INFINITY, f64::min);
    let (at, greatest) = known().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some((least, greatest, at))
}

#[expect(clippy::cast_precision_loss, reason = "posts of an hour are fewer than 2⁵²")]
fn number(posts: u64) -> f64 {
    posts as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours() -> SharesPerHour {
        SharesPerHour {
            hours: ["2026-11-20T22", "2026-11-21T00", "2026-11-21T01"]
                .map(|hour| hour.parse().expect("an hour"))
                .into(),
            posts: vec![10, 30, 10],
            shares: vec![vec![0.5, 0.5], vec![1.0, 0.0], vec![0.2, 0.8]],
        }
    }

    #[test]
    fn hours_run_evenly_and_an_hour_without_posts_is_empty() {
        let periods = Periods::of(&hours(), 4);
        assert_eq!(periods.heads, ["22", "23", "00", "01"]);
        assert_eq!(periods.days, [(0, "Nov 20".to_owned()), (2, "Nov 21".to_owned())]);
        assert_eq!(periods.of_topic(1), [Some(0.5), None, Some(0.0), Some(0.8)]);
        assert_eq!(periods.names[3], "2026-11-21 01:00");
        assert!(periods.by() == "by hour" && !periods.cut);
        assert_eq!(ends(&periods.of_topic(1)), Some((0.0, 0.8, 3)));
    }

    #[test]
    fn where_hours_do_not_fit_longer_pieces_have_the_means_of_their_posts() {
        let periods = Periods::of(&hours(), 3);
        assert_eq!((periods.heads.join(" "), periods.by()), ("21 00".to_owned(), "by 3 h".to_owned()));
        assert_eq!(periods.of_topic(0), [Some(0.5), Some(0.8)]);
        let last = Periods::of(&hours(), 1);
        assert_eq!((last.names.join(" "), last.by()), ("2026-11-21".to_owned(), "by day".to_owned()));
        assert!(last.cut);
        assert_eq!(last.days, [(0, "Nov".to_owned())]);
    }

    #[test]
    fn no_hours_are_no_periods() {
        assert_eq!(Periods::of(&SharesPerHour::default(), 10), Periods::default());
        assert_eq!(ends(&[None, None]), None);
    }
}
