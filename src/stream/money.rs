//! What a paid source costs: posts and dollars of this run, this day and this month, kept on disk, and the limits on
//! them.
//!
//! X bills each post that it delivers. The book is one small JSON file, replaced as a whole; a crash loses at most what
//! came since the last second. Days and months are UTC's, as X's are. What a post cost is written down with it: a price
//! that changes is for what comes. A source that is free has no book.

use std::io;
use std::path::PathBuf;

use jiff::{Timestamp, tz::TimeZone};

use crate::settings::Dollars;
use crate::text::counted;

/// Posts and dollars.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spent {
    /// Posts of this run.
    pub run_posts: u64,
    /// Dollars of this run.
    pub run: f64,
    /// Posts of this day.
    pub today_posts: u64,
    /// Dollars of this day.
    pub today: f64,
    /// Posts of this month.
    pub month_posts: u64,
    /// Dollars of this month.
    pub month: f64,
}

/// What may be spent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Posts of a run.
    pub max_posts: Option<u64>,
    /// Dollars of a run.
    pub max_spend: Option<Dollars>,
    /// Dollars of a day.
    pub daily_budget: Option<Dollars>,
}

/// Why no more posts are taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reached {
    /// As many posts as were asked for.
    #[error("{} read, as many as `max_posts` allows", counted(.0, "post was", "posts were"))]
    Posts(u64),
    /// As many dollars as a run may cost.
    #[error("this run cost ${0}, and another post would go beyond `max_spend`")]
    Spend(Dollars),
    /// As many dollars as a day may cost.
    #[error(
        "this day cost ${0}, and another post would go beyond `daily_budget`; it begins anew at 00:00 UTC"
    )]
    Day(Dollars),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Page {
    /// `2026-11-22`.
    day: String,
    posts_of_day: u64,
    /// Older pages have posts alone.
    #[serde(default, rename = "micros_of_day")]
    cost_of_day: Option<Dollars>,
    /// `2026-11`.
    month: String,
    posts_of_month: u64,
    #[serde(default, rename = "micros_of_month")]
    cost_of_month: Option<Dollars>,
}

/// The book.
#[derive(Debug)]
pub struct Book {
    file: Option<PathBuf>,
    page: Page,
    price: Dollars,
    run: u64,
    limits: Limits,
    written: Option<Timestamp>,
}

impl Book {
    /// Opens the book of a source whose posts have this price; without a file, of this run alone. What posts of before
    /// cost, if that was not written down yet, is what they would cost now.
    pub fn open(file: Option<PathBuf>, price: Dollars, limits: Limits) -> io::Result<Self> {
        let file = file.filter(|_| price != Dollars::ZERO);
        let mut page: Page = match file.as_ref().map(std::fs::read) {
            None => Page::default(),
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(|error| {
                let file = file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
                io::Error::other(format!(
                    "{file} is no book of posts ({error}): move it away to begin a new one"
                ))
            })?,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Page::default(),
            Some(Err(error)) => return Err(error),
        };
        page.cost_of_day.get_or_insert(price.times(page.posts_of_day));
        page.cost_of_month.get_or_insert(price.times(page.posts_of_month));
        Ok(Self { file, page, price, run: 0, limits, written: None })
    }

    /// How many more posts may be taken; the reason once there are none.
    pub fn room(&mut self, now: Timestamp) -> Result<u64, Reached> {
        self.turn(now);
        let mut room = u64::MAX;
        if let Some(most) = self.limits.max_posts {
            room = room.min(most.saturating_sub(self.run));
            if room == 0 {
                return Err(Reached::Posts(self.run));
            }
        }
        let within = |limit: Dollars, spent: Dollars| limit.less(spent).buys(self.price);
        if let Some(limit) = self.limits.max_spend {
            let spent = self.price.times(self.run);
            room = room.min(within(limit, spent));
            if room == 0 {
                return Err(Reached::Spend(spent));
            }
        }
        if let Some(limit) = self.limits.daily_budget {
            let spent = self.page.cost_of_day.unwrap_or_default();
            room = room.min(within(limit, spent));
            if room == 0 {
                return Err(Reached::Day(spent));
            }
        }
        Ok(room)
    }

    /// So many posts were delivered to us.
    pub fn spend(&mut self, posts: u64, now: Timestamp) {
        self.turn(now);
        self.run += posts;
        self.page.posts_of_day += posts;
        self.page.posts_of_month += posts;
        let cost = self.price.times(posts);
        for sum in [&mut self.page.cost_of_day, &mut self.page.cost_of_month] {
            *sum = Some(sum.unwrap_or_default().plus(cost));
        }
        let is_due = self.written.is_none_or(|written| now.duration_since(written).as_secs() >= 1);
        if posts > 0 && is_due {
            self.save(now);
        }
    }

    /// Writes it down.
    pub fn save(&mut self, now: Timestamp) {
        self.written = Some(now);
        let Some(file) = &self.file else { return };
        let beside = file.with_extension("new");
        let written = std::fs::write(&beside, serde_json::to_vec(&self.page).expect("a page is JSON"))
            .and_then(|()| std::fs::rename(&beside, file));
        if let Err(error) = written {
            tracing::error!(%error, file = %file.display(), "the posts of today could not be written down");
        }
    }

    /// What it says; nothing where posts are free.
    pub fn spent(&self) -> Option<Spent> {
        let dollars = |cost: Option<Dollars>| cost.unwrap_or_default().as_f64();
        (self.price != Dollars::ZERO).then(|| Spent {
            run_posts: self.run,
            run: self.price.times(self.run).as_f64(),
            today_posts: self.page.posts_of_day,
            today: dollars(self.page.cost_of_day),
            month_posts: self.page.posts_of_month,
            month: dollars(self.page.cost_of_month),
        })
    }

    fn turn(&mut self, now: Timestamp) {
        let date = now.to_zoned(TimeZone::UTC).date();
        let (day, month) = (date.to_string(), date.strftime("%Y-%m").to_string());
        if self.page.month != month {
            self.page.month = month;
            self.page.posts_of_month = 0;
            self.page.cost_of_month = None;
        }
        if self.page.day != day {
            self.page.day = day;
            self.page.posts_of_day = 0;
            self.page.cost_of_day = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingValue;

    fn dollars(text: &str) -> Dollars {
        Dollars::parse(text).expect("dollars")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_limit_is_never_passed_and_says_which_it_was() {
        let now = at("2026-11-22T12:00:00Z");
        for (limits, room, why) in [
            (
                Limits { max_posts: Some(3), ..Limits::default() },
                3,
                "3 posts were read, as many as `max_posts` allows",
            ),
            (
                Limits { max_spend: Some(dollars("0.012")), ..Limits::default() },
                2,
                "this run cost $0.01, and another post would go beyond `max_spend`",
            ),
            (
                Limits { daily_budget: Some(dollars("0.02")), ..Limits::default() },
                4,
                "this day cost $0.02, and another post would go beyond `daily_budget`; it begins anew at 00:00 UTC",
            ),
        ] {
            let mut book = Book::open(None, dollars("0.005"), limits).expect("a book");
            assert_eq!(book.room(now), Ok(room));
            book.spend(room, now);
            assert_eq!(book.room(now).expect_err("reached").to_string(), why);
        }
    }

    #[test]
    fn days_and_months_are_kept_over_restarts_and_begin_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || {
            Book::open(Some(folder.path().join("spent.json")), dollars("0.005"), Limits::default())
                .expect("a book")
        };
        let mut book = open();
        book.spend(100, at("2026-11-29T23:59:59Z"));
        let mut book = open();
        book.spend(10, at("2026-11-30T00:00:00Z"));
        let spent = book.spent().expect("it costs");
        assert_eq!((spent.run_posts, spent.today_posts, spent.month_posts), (10, 10, 110));
        assert!((spent.month - 0.55).abs() < 1e-9);
        book.spend(1, at("2026-12-01T00:00:00Z"));
        assert_eq!(book.spent().expect("it costs").month_posts, 1);
    }

    #[test]
    fn what_is_free_has_no_price_and_may_still_be_counted() {
        let limits = Limits { max_posts: Some(5), max_spend: Some(dollars("1")), ..Limits::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spent.json");
        let mut book = Book::open(Some(file.clone()), Dollars::ZERO, limits).expect("a book");
        assert_eq!(book.room(Timestamp::UNIX_EPOCH), Ok(5));
        book.spend(4, Timestamp::UNIX_EPOCH);
        book.save(Timestamp::UNIX_EPOCH);
        assert_eq!(book.spent(), None);
        assert!(!file.exists(), "they are nothing that a paid source would have to answer for");
    }

    #[test]
    fn a_new_price_is_for_what_comes_and_an_old_page_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spent.json");
        let limits = Limits { daily_budget: Some(dollars("1")), ..Limits::default() };
        let open = |price: &str| Book::open(Some(file.clone()), dollars(price), limits).expect("a book");
        let now = at("2026-11-22T12:00:00Z");
        // As a hydrant wrote it that counted posts alone.
        let page = r#"{"day":"2026-11-22","posts_of_day":100,"month":"2026-11","posts_of_month":200}"#;
        std::fs::write(&file, page).expect("written");
        let mut book = open("0.005");
        assert_eq!(book.room(now), Ok(100));
        book.save(now);
        let mut dearer = open("0.05");
        assert_eq!(dearer.room(now), Ok(10), "half of the dollar is spent, whatever a post costs now");
        dearer.spend(10, now);
        let spent = dearer.spent().expect("it costs");
        assert!((spent.today - 1.0).abs() < 1e-9 && (spent.month - 1.5).abs() < 1e-9, "{spent:?}");
        assert!(matches!(dearer.room(now), Err(Reached::Day(_))));
    }
}
