//! What a paid source costs: posts and dollars of this run, this day and this month, kept on disk, and the limits on
//! them.
//!
//! X bills each post that it delivers. The book is one small JSON file, replaced as a whole; a crash loses at most what
//! came since the last second. Days and months are UTC's, as X's are. What a post cost is written down with it: a price
//! that changes is for what comes. A source that is free has no book.
//!
//! Several runs may have one book open, a check beside the service. Each adds what it spent itself to what the file says
//! by then, under a lock, and looks again every second for what the others spent: together they go beyond a day's budget
//! by what comes within a second at most.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};

use crate::settings::Dollars;
use crate::text::counted;

/// Another run has the book for itself no longer than this.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

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

impl Page {
    /// What a file says; `None` if there is none. What posts cost that were written down alone is by this price.
    fn read(file: &Path, price: Dollars) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut page: Self = serde_json::from_slice(&bytes).map_err(|error| {
            io::Error::other(format!(
                "{} is no book of posts ({error}): move it away to begin a new one",
                file.display()
            ))
        })?;
        page.cost_of_day.get_or_insert(price.times(page.posts_of_day));
        page.cost_of_month.get_or_insert(price.times(page.posts_of_month));
        Ok(Some(page))
    }

    /// Begins anew for a day and a month that it is not of.
    fn turn(&mut self, [day, month]: &[String; 2]) {
        if self.month != *month {
            self.month.clone_from(month);
            self.posts_of_month = 0;
            self.cost_of_month = None;
        }
        if self.day != *day {
            self.day.clone_from(day);
            self.posts_of_day = 0;
            self.cost_of_day = None;
        }
    }

    /// Adds what another one has of the same day and month.
    fn add(&mut self, other: &Self) {
        let plus = |sum: &mut Option<Dollars>, cost: Option<Dollars>| {
            *sum = Some(sum.unwrap_or_default().plus(cost.unwrap_or_default()));
        };
        self.posts_of_day += other.posts_of_day;
        self.posts_of_month += other.posts_of_month;
        plus(&mut self.cost_of_day, other.cost_of_day);
        plus(&mut self.cost_of_month, other.cost_of_month);
    }
}

/// The book.
#[derive(Debug)]
pub struct Book {
    file: Option<PathBuf>,
    /// What the file said last, with what was spent here since.
    page: Page,
    /// What was spent here and is not in the file yet.
    own: Page,
    price: Dollars,
    run: u64,
    limits: Limits,
    looked: Option<Timestamp>,
    written: Option<Timestamp>,
}

impl Book {
    /// Opens the book of a source whose posts have this price; without a file, of this run alone. What posts of before
    /// cost, if that was not written down yet, is what they would cost now.
    pub fn open(file: Option<PathBuf>, price: Dollars, limits: Limits) -> io::Result<Self> {
        let file = file.filter(|_| price != Dollars::ZERO);
        let page = file.as_deref().map(|file| Page::read(file, price)).transpose()?.flatten();
        let (page, own) = (page.unwrap_or_default(), Page::default());
        Ok(Self { file, page, own, price, run: 0, limits, looked: None, written: None })
    }

    /// How many more posts may be taken; the reason once there are none.
    pub fn room(&mut self, now: Timestamp) -> Result<u64, Reached> {
        self.turn(now);
        if is_due(self.looked, now) {
            // What cannot be read cannot be written either, and then that is said.
            drop(self.look(now));
        }
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
        let cost = Some(self.price.times(posts));
        let spent = Page {
            posts_of_day: posts,
            cost_of_day: cost,
            posts_of_month: posts,
            cost_of_month: cost,
            ..Page::default()
        };
        self.page.add(&spent);
        self.own.add(&spent);
        if is_due(self.written, now) {
            self.save(now);
        }
    }

    /// Writes down what was spent, if anything was: what others wrote stays.
    pub fn save(&mut self, now: Timestamp) {
        self.turn(now);
        if self.own.posts_of_month == 0 {
            return;
        }
        self.written = Some(now);
        let Some(file) = self.file.clone() else { return };
        if let Err(error) = self.add_to(&file, now) {
            tracing::error!(%error, file = %file.display(), "the posts of today could not be written down");
        }
    }

    fn add_to(&mut self, file: &Path, now: Timestamp) -> io::Result<()> {
        let lock =
            File::options().create(true).truncate(false).write(true).open(file.with_extension("lock"))?;
        // It is held for a moment only. Where it cannot be had, as on a file system without locks, what was paid for is
        // better written down without.
        let began = Instant::now();
        while matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) && began.elapsed() < LOCK_LIMIT {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.look(now)?;
        let beside = file.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec(&self.page).expect("a page is JSON"))?;
        std::fs::rename(&beside, file)?;
        self.own = Page::default();
        Ok(())
    }

    /// Reads again what others have spent. A file that is gone says nothing: what is known of it still holds.
    fn look(&mut self, now: Timestamp) -> io::Result<()> {
        self.looked = Some(now);
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(mut page) = Page::read(file, self.price)? {
            page.turn(&day_and_month(now));
            page.add(&self.own);
            self.page = page;
        }
        Ok(())
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
        let names = day_and_month(now);
        self.page.turn(&names);
        self.own.turn(&names);
    }
}

/// As a page names them.
fn day_and_month(now: Timestamp) -> [String; 2] {
    let date = now.to_zoned(TimeZone::UTC).date();
    [date.to_string(), date.strftime("%Y-%m").to_string()]
}

/// Whether what was done last then is to be done again.
fn is_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.duration_since(last).as_secs() >= 1)
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
        let page = r#"{"day":"2026-11-22","posts_of_day":99,"month":"2026-11","posts_of_month":199}"#;
        std::fs::write(&file, page).expect("written");
        let mut book = open("0.005");
        assert_eq!(book.room(now), Ok(101));
        book.spend(1, now);
        let mut dearer = open("0.05");
        assert_eq!(dearer.room(now), Ok(10), "half of the dollar is spent, whatever a post costs now");
        dearer.spend(10, now);
        let spent = dearer.spent().expect("it costs");
        assert!((spent.today - 1.0).abs() < 1e-9 && (spent.month - 1.5).abs() < 1e-9, "{spent:?}");
        assert!(matches!(dearer.room(now), Err(Reached::Day(_))));
    }

    #[test]
    fn what_another_run_spends_counts_and_is_not_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spent.json");
        let limits = Limits { daily_budget: Some(dollars("0.20")), ..Limits::default() };
        let open = || Book::open(Some(file.clone()), dollars("0.005"), limits).expect("a book");
        let today = |book: &Book| book.spent().expect("it costs").today_posts;
        let (mut check, mut service, mut idle) = (open(), open(), open());
        let now = at("2026-11-22T12:00:00Z");
        assert_eq!(check.room(now), Ok(40));
        check.spend(20, now);
        // Within the same second it is not written down yet.
        check.spend(10, now);
        check.save(now);
        assert_eq!(service.room(now), Ok(10));
        service.spend(10, now);
        let later = at("2026-11-22T12:00:01Z");
        assert!(matches!(check.room(later), Err(Reached::Day(_))), "the other's posts count");
        assert_eq!(today(&check), 40);
        idle.save(later);
        check.save(later);
        assert_eq!(today(&open()), 40, "whoever spends nothing sets nothing back");
    }

    #[test]
    fn runs_that_write_at_once_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || {
            let file = folder.path().join("spent.json");
            Book::open(Some(file), dollars("0.005"), Limits::default()).expect("a book")
        };
        let now = at("2026-11-22T12:00:00Z");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut book = open();
                    for _ in 0..50 {
                        book.spend(1, now);
                        book.save(now);
                    }
                });
            }
        });
        let spent = open().spent().expect("it costs");
        assert_eq!((spent.today_posts, spent.month_posts), (200, 200));
    }
}
