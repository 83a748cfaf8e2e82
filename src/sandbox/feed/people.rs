//! Who writes: a few thousand invented accounts, some of whom write most of what there is.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::places;
use super::snowflake;
use super::words::SUBJECTS;

/// How many accounts there are. A multiple of the subjects: each is at home in one.
pub(super) const PEOPLE: usize = 3600;

const FIRST: &[&str] = &[
    "Copper", "Quiet", "Paper", "Harbour", "Velvet", "Lunar", "Salty", "Mossy", "Amber", "Tin", "Northern",
    "Pocket", "Brisk", "Hollow", "Maple", "Granite", "Electric", "Sleepy", "Crimson", "Dusty", "Rainy",
    "Golden", "Lucky", "Wooden", "Foggy", "Silver", "Humble", "Rapid", "Curious", "Midnight",
];
const SECOND: &[&str] = &[
    "Kettle",
    "Otter",
    "Lantern",
    "Compass",
    "Fiddle",
    "Orbit",
    "Bicycle",
    "Pepper",
    "Sparrow",
    "Teapot",
    "Anchor",
    "Marble",
    "Walrus",
    "Signal",
    "Radish",
    "Comet",
    "Button",
    "Badger",
    "Lighthouse",
    "Biscuit",
    "Pebble",
    "Tram",
    "Fern",
    "Almanac",
    "Pigeon",
    "Desk",
    "Watcher",
    "Notebook",
    "Turnip",
    "Drummer",
];
/// What some put behind or instead of their names.
const ORNAMENTS: &[&str] =
    &["🌙", "🚀", "| on tour", "⚽🏆", "(they/them)", "☕", "🎧 NEW ALBUM", "🇫🇮", "\u{200d}", "…"];
const FOREIGN: &[&str] = &[
    "Тихий Фонарь",
    "静かな灯台",
    "Ήσυχο Φανάρι",
    "الفانوس الهادئ",
    "פנס שקט",
    "조용한 등대",
    "शांत दीपक",
    "โคมไฟเงียบ",
    "Señor Ñandú",
    "Żółta Gęś",
];

/// An account. Everything about it stays as it is.
#[derive(Debug)]
pub(crate) struct Person {
    pub(super) id: u64,
    pub(super) name: String,
    /// Without the `@`.
    pub(super) handle: String,
    /// Milliseconds since 1970.
    pub(super) joined: i64,
    pub(super) location: Option<&'static str>,
    pub(super) protected: bool,
    pub(super) verified: Badge,
    pub(super) followers: u32,
    pub(super) following: u32,
    pub(super) posts: u32,
    pub(super) listed: u32,
    pub(super) likes: u32,
    pub(super) media: u32,
    /// Who it is on Bluesky.
    pub(super) did: String,
}

/// The sign beside a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Badge {
    None,
    Blue,
    Business,
    Government,
}

impl Badge {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Blue => "blue",
            Self::Business => "business",
            Self::Government => "government",
        }
    }
}

/// All accounts, and how much each writes.
#[derive(Debug)]
pub(super) struct People {
    all: Vec<Person>,
    /// For each rank, the shares of all ranks up to it.
    up_to: Vec<u32>,
}

/// 2012-01-01 and 2025-06-01: when accounts were made.
const FIRST_JOINED: i64 = 1_325_376_000_000;
const LAST_JOINED: i64 = 1_748_736_000_000;

/// The letters of an identifier in base 32.
const BASE_32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";

impl People {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // No post has this number: posts are drawn from the streams of their numbers.
        rng.set_stream(u64::MAX);
        let ranks = PEOPLE / SUBJECTS;
        let mut sum = 0;
        let up_to = (0_u32..)
            .take(ranks)
            .map(|rank| {
                // Zipf, a little flattened at its head.
                sum += 1_000_000 / (rank + 6);
                sum
            })
            .collect();
        let all = (0_u32..).take(PEOPLE).map(|number| person(number, &mut rng)).collect();
        Self { all, up_to }
    }

    pub(super) fn get(&self, index: usize) -> &Person {
        self.all.get(index).expect("people are only ever drawn from those that there are")
    }

    /// Somebody who writes on a subject, the busy ones more often.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng, subject: usize) -> usize {
        // Most stay with their subject.
        let home = if rng.random_range(0..10_u32) < 8 { subject } else { rng.random_range(0..SUBJECTS) };
        let all = self.up_to.last().copied().unwrap_or(1);
        let drawn = rng.random_range(0..all);
        let rank = self.up_to.partition_point(|up_to| *up_to <= drawn);
        rank * SUBJECTS + home
    }

    pub(super) fn any(rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(0..PEOPLE)
    }
}

fn person(number: u32, rng: &mut ChaCha8Rng) -> Person {
    let rank = number / u32::try_from(SUBJECTS).expect("a handful");
    let first = pick(rng, FIRST);
    let second = pick(rng, SECOND);
    let joined = rng.random_range(FIRST_JOINED..LAST_JOINED);
    let name = match rng.random_range(0..20_u32) {
        0..=2 => format!("{first} {second} {}", pick(rng, ORNAMENTS)),
        3 | 4 => pick(rng, FOREIGN).to_owned(),
        5 => second.to_lowercase(),
        _ => format!("{first} {second}"),
    };
    // The number keeps handles apart; X allows fifteen characters.
    let handle: String = match number % 3 {
        0 => format!("{}_{number}", second.to_lowercase()),
        1 => format!("{first}{number}"),
        _ => format!("{}{number}", second.to_lowercase()),
    };
    let followers =
        (3_000_000 / (rank + 2)).saturating_add(rng.random_range(0..900)) / rng.random_range(1..40_u32);
    let verified = match rng.random_range(0..100_u32) {
        0..=11 => Badge::Blue,
        12 => Badge::Business,
        13 => Badge::Government,
        _ => Badge::None,
    };
    let location = (rng.random_range(0..10_u32) < 7).then(|| pick(rng, places::LOCATIONS));
    let did = (0..24).map(|_| char::from(*pick_from(rng, BASE_32))).collect::<String>();
    Person {
        id: snowflake(joined, u64::from(number)),
        name,
        handle,
        joined: joined / 1000 * 1000,
        location,
        protected: rng.random_range(0..200_u32) == 0,
        verified,
        followers,
        following: rng.random_range(0..3000),
        posts: 60_000 / (rank + 1) + rng.random_range(1..4000),
        listed: followers / 120,
        likes: rng.random_range(0..40_000),
        media: rng.random_range(0..900),
        did: format!("did:plc:{did}"),
    }
}

/// One of a list, each as likely as the others.
pub(super) fn pick(rng: &mut ChaCha8Rng, from: &[&'static str]) -> &'static str {
    pick_from::<&'static str>(rng, from)
}

/// One of a list of anything.
pub(super) fn pick_from<'a, T>(rng: &mut ChaCha8Rng, from: &'a [T]) -> &'a T {
    from.get(rng.random_range(0..from.len().max(1))).expect("lists to pick from are not empty")
}
