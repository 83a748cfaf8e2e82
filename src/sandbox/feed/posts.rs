//! The posts: pure and seeded. The n-th post of a seed and a rate is always the same, whoever asks and when; so
//! retweets find their originals, and a stream can be replayed from any moment without being kept.
//!
//! A post's number is its place in time: at `rate` posts a second from [`BEGINNING`] on. Posts of a lake's past are
//! numbered by their hour instead (see [`Feed::post_of_hour`]).

mod phrases;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::people::{PEOPLE, People, Person, pick, pick_from};
use super::text::{Link, Piece};
use super::words::{self, SUBJECTS, Subject};
use super::{hostile, places, tongues};
use phrases::{code, fill, one_word_changed, sentences, sentences_of, weighted};

/// 2020-01-01: when post 0 was written, in microseconds since 1970.
const BEGINNING: i64 = 1_577_836_800_000_000;
/// Numbers of posts of an hour have this bit, then the hour, then the place within it.
const OF_HOUR: u64 = 1 << 63;
const HOUR_SHIFT: u32 = 24;
const HOUR_US: i64 = 3_600_000_000;

/// The feed of a seed.
#[derive(Debug)]
pub(crate) struct Feed {
    rate: u64,
    key: <ChaCha8Rng as SeedableRng>::Seed,
    seed: u64,
    people: People,
    /// A mention of each of the people, for texts that are put together without the piece being kept.
    mentions: Vec<Piece>,
}

/// How a post refers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Retweeted,
    Quoted,
    RepliedTo,
}

impl Relation {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Retweeted => "retweeted",
            Self::Quoted => "quoted",
            Self::RepliedTo => "replied_to",
        }
    }
}

/// Another post that a post refers to.
#[derive(Debug)]
pub(super) enum Target {
    Whole(Box<Post>),
    /// Only its id is known here: it stands beyond the one that is included.
    Bare {
        id: u64,
    },
    /// It was deleted.
    Gone {
        id: u64,
    },
}

impl Target {
    pub(super) fn id(&self) -> u64 {
        match self {
            Self::Whole(post) => post.id,
            Self::Bare { id } | Self::Gone { id } => *id,
        }
    }

    pub(super) fn whole(&self) -> Option<&Post> {
        match self {
            Self::Whole(post) => Some(post),
            Self::Bare { .. } | Self::Gone { .. } => None,
        }
    }
}

/// A post.
#[derive(Debug)]
pub(crate) struct Post {
    pub(super) id: u64,
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) author: usize,
    /// What it is about, for tests that ask whether the subjects can be found again.
    pub(super) subject: usize,
    pub(super) lang: &'static str,
    /// Empty in a retweet, whose text is the original's.
    pub(super) pieces: Vec<Piece>,
    pub(super) references: Vec<(Relation, Target)>,
    /// The first post of the thread.
    pub(super) conversation: u64,
    pub(super) reply_to: Option<usize>,
    pub(super) place: Option<&'static places::Place>,
    /// Longitude and latitude.
    pub(super) point: Option<(f64, f64)>,
    /// A number that only this post has: for what must be decided without drawing.
    pub(super) salt: u64,
}

impl Post {
    pub(super) fn refers(&self, how: Relation) -> Option<&Target> {
        self.references.iter().find(|(relation, _)| *relation == how).map(|(_, target)| target)
    }

    /// The post whose words these are: of a retweet, the original.
    pub(super) fn worded(&self) -> &Self {
        self.refers(Relation::Retweeted).and_then(Target::whole).unwrap_or(self)
    }

    pub(super) fn at_ms(&self) -> i64 {
        self.at.div_euclid(1000)
    }

    /// Whether something that happens to one post of `of` happens to this one.
    pub(super) fn one_of(&self, of: u64, salt: u64) -> bool {
        mix(self.salt, salt).is_multiple_of(of)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Original,
    /// The words of another, but for one.
    NearDuplicate,
    Retweet,
    Quote,
    Reply,
    QuotingReply,
}

/// What is known of a post before its words are drawn.
struct Outline {
    number: u64,
    at: i64,
    kind: Kind,
    /// The post that it repeats, answers or quotes.
    target: Option<u64>,
    subject: usize,
    author: usize,
    rng: ChaCha8Rng,
}

impl Feed {
    /// The feed of a seed at a rate of posts a second.
    pub(crate) fn new(seed: u64, rate: u32) -> Self {
        Self {
            rate: u64::from(rate.max(1)),
            key: key(seed),
            seed,
            people: People::new(seed),
            mentions: (0..PEOPLE).map(Piece::Mention).collect(),
        }
    }

    pub(super) fn mention(&self, whom: usize) -> &Piece {
        self.mentions.get(whom).expect("there is one for each of the people")
    }

    pub(super) fn person(&self, index: usize) -> &Person {
        self.people.get(index)
    }

    pub(super) const fn people(&self) -> &People {
        &self.people
    }

    pub(super) const fn rate(&self) -> u64 {
        self.rate
    }

    /// How many posts are written before a moment: the number of the first that is not.
    pub(crate) fn number_at(&self, moment: Timestamp) -> u64 {
        self.number_at_us(moment.as_microsecond())
    }

    pub(super) fn number_at_us(&self, moment: i64) -> u64 {
        let since = u128::from(moment.saturating_sub(BEGINNING).max(0).unsigned_abs());
        let number = (since * u128::from(self.rate)).div_ceil(1_000_000);
        // A rate of ten thousand reaches this bound in tens of millions of years.
        u64::try_from(number).unwrap_or(u64::MAX).min(OF_HOUR - 1)
    }

    /// The n-th post.
    pub(crate) fn post(&self, number: u64) -> Post {
        self.write(self.outline(number), true)
    }

    /// The n-th post of an hour, counted from 1970, that holds `count` posts.
    pub(super) fn post_of_hour(&self, hour: u32, index: u32, count: u32) -> Post {
        let count = u64::from(count.max(1));
        // The count is part of the number, so that a reference within the hour finds its post again.
        self.post(OF_HOUR | u64::from(hour) << HOUR_SHIFT | (count & 0xfff) << 12 | u64::from(index) & 0xfff)
    }

    /// The most posts that an hour of [`Feed::post_of_hour`] can hold.
    pub(super) const FULLEST_HOUR: u32 = 0xfff;

    /// When a post was written, in microseconds since 1970.
    pub(super) fn at(&self, number: u64) -> i64 {
        if number & OF_HOUR == 0 {
            let since = u128::from(number) * 1_000_000 / u128::from(self.rate);
            return BEGINNING.saturating_add(i64::try_from(since).unwrap_or(i64::MAX));
        }
        let hour = i64::try_from((number & !OF_HOUR) >> HOUR_SHIFT).unwrap_or_default();
        let (count, index) = (number >> 12 & 0xfff, number & 0xfff);
        let within = HOUR_US.unsigned_abs() * index / count.max(1);
        // Not on the dot: a part of the distance to the next.
        let jitter = mix(self.seed, number) % (HOUR_US.unsigned_abs() / (count.max(1) * 2));
        hour * HOUR_US + i64::try_from(within + jitter).unwrap_or_default()
    }

    pub(super) fn id(&self, number: u64) -> u64 {
        snowflake(self.at(number).div_euclid(1000), number)
    }

    fn outline(&self, number: u64) -> Outline {
        let mut drawn = self.drawn(number);
        if drawn.kind != Kind::Original {
            drawn.target = self.target(&mut drawn);
            if drawn.target.is_none() {
                drawn.kind = Kind::Original;
            }
        }
        drawn
    }

    /// The outline before its target is looked for.
    fn drawn(&self, number: u64) -> Outline {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(number);
        let at = self.at(number);
        let kind = match rng.random_range(0..100_u32) {
            0..=44 => Kind::Original,
            45..=50 => Kind::NearDuplicate,
            51..=79 => Kind::Retweet,
            80..=86 => Kind::Quote,
            87..=98 => Kind::Reply,
            _ => Kind::QuotingReply,
        };
        let subject = subject_at(at, &mut rng);
        let author = self.people.draw(&mut rng, subject);
        Outline { number, at, kind, target: None, subject, author, rng }
    }

    /// An earlier post, recent ones and a few much repeated ones more often. None is a retweet, and what is nearly
    /// repeated is an original.
    fn target(&self, of: &mut Outline) -> Option<u64> {
        let reach = 1_u64 << of.rng.random_range(1..12_u32);
        let back = of.rng.random_range(1..=reach);
        let popular = of.rng.random_range(0..2_u32) == 0;
        let first = if of.number & OF_HOUR == 0 { 0 } else { of.number & !0xfff };
        let mut candidate = of.number.checked_sub(back).filter(|candidate| *candidate >= first)?;
        if popular {
            candidate = (candidate - candidate % 64).max(first);
        }
        loop {
            let kind = self.drawn(candidate).kind;
            if kind == Kind::Original || (kind != Kind::Retweet && of.kind != Kind::NearDuplicate) {
                return Some(candidate);
            }
            candidate = candidate.checked_sub(1).filter(|candidate| *candidate >= first)?;
        }
    }

    fn write(&self, outline: Outline, with_targets: bool) -> Post {
        let Outline { number, at, kind, target, subject, author, mut rng } = outline;
        let salt = mix(self.seed, number);
        let mut post = Post {
            id: self.id(number),
            at,
            author,
            subject,
            lang: "en",
            pieces: Vec::new(),
            references: Vec::new(),
            conversation: 0,
            reply_to: None,
            place: None,
            point: None,
            salt,
        };
        let first = self.first_of_thread(number, kind, target);
        post.conversation = self.id(first);
        let target = target.map(|target| self.outline(target));
        match (kind, target) {
            (Kind::NearDuplicate, Some(target)) => {
                let original = self.write(target, false);
                post.subject = original.subject;
                post.lang = original.lang;
                post.pieces = one_word_changed(original.pieces, &mut rng, original.subject);
            }
            (Kind::Retweet, Some(target)) => {
                let retweeted = if with_targets && !mix(salt, 1).is_multiple_of(400) {
                    Target::Whole(Box::new(self.write(target, false)))
                } else {
                    Target::Gone { id: self.id(target.number) }
                };
                if let Some(original) = retweeted.whole() {
                    post.subject = original.subject;
                    post.lang = original.lang;
                }
                post.references.push((Relation::Retweeted, retweeted));
            }
            (Kind::Quote | Kind::Reply | Kind::QuotingReply, Some(target)) => {
                post.subject = target.subject;
                let (id, to) = (self.id(target.number), target.author);
                let other = if with_targets {
                    Target::Whole(Box::new(self.write(target, false)))
                } else {
                    Target::Bare { id }
                };
                let relation = if kind == Kind::Quote { Relation::Quoted } else { Relation::RepliedTo };
                post.references.push((relation, other));
                if kind == Kind::QuotingReply {
                    let quoted = self.outline(first);
                    let quoted = if with_targets {
                        Target::Whole(Box::new(self.write(quoted, false)))
                    } else {
                        Target::Bare { id: self.id(first) }
                    };
                    // X gives references in no fixed order.
                    post.references.insert(0, (Relation::Quoted, quoted));
                }
                self.answer(&mut post, &mut rng, kind, id, to);
            }
            _ => self.write_words(&mut post, &mut rng),
        }
        if kind != Kind::Retweet {
            tag_place(&mut post, &mut rng);
        }
        post
    }

    /// The words of a reply or a quote.
    fn answer(&self, post: &mut Post, rng: &mut ChaCha8Rng, kind: Kind, id: u64, to: usize) {
        if kind != Kind::Quote {
            post.reply_to = Some(to);
            post.pieces.push(Piece::Mention(to));
        }
        if rng.random_range(0..3_u32) == 0 {
            post.pieces.push(Piece::Words(pick(rng, words::REMARKS).to_owned()));
        } else {
            let subject = subject_of(post.subject);
            let text = sentences(rng, subject, 1);
            post.pieces.push(Piece::Words(text));
        }
        if kind == Kind::Quote {
            let page = format!("https://x.com/{}/status/{id}", self.person(to).handle);
            post.pieces.push(Piece::Link(Link { code: code(rng), page, picture: false }));
        }
    }

    fn write_words(&self, post: &mut Post, rng: &mut ChaCha8Rng) {
        let subject = subject_of(post.subject);
        let about: &'static str;
        if rng.random_range(0..100_u32) < 72 {
            let count = match rng.random_range(0..100_u32) {
                0..=39 => 1,
                40..=74 => 2,
                75..=95 => 3,
                _ => rng.random_range(7..14),
            };
            let theme = pick_from(rng, subject.themes);
            about = pick(rng, theme.tags);
            post.pieces.push(Piece::Words(sentences_of(rng, subject, theme, count)));
        } else {
            let tongue = weighted(rng, tongues::ALL, |tongue| tongue.weight);
            post.lang = tongue.code;
            about = tongue.tag;
            let nouns = tongue.nouns.get(post.subject).copied().unwrap_or_default();
            let count = rng.random_range(1..4_u32);
            let text = (0..count)
                .map(|_| fill(pick(rng, tongue.sentences), |_| pick(rng, nouns)))
                .collect::<Vec<_>>()
                .join(" ");
            post.pieces.push(Piece::Words(text));
        }
        self.decorate(post, rng, subject, about);
    }

    /// Hashtags, mentions, cashtags, links, pictures, emoji; and, rarely, what is hostile or unwanted.
    fn decorate(
        &self,
        post: &mut Post,
        rng: &mut ChaCha8Rng,
        subject: &'static Subject,
        about: &'static str,
    ) {
        if rng.random_range(0..100_u32) < 12 {
            post.pieces.insert(0, Piece::Words(pick(rng, words::ASIDES).to_owned()));
        }
        if rng.random_range(0..100_u32) < 20 {
            post.pieces.push(Piece::Words(pick(rng, subject.emoji).to_owned()));
        }
        if rng.random_range(0..1000_u32) < 12 {
            post.pieces.push(Piece::Words(pick(rng, hostile::BITS).to_owned()));
        }
        if rng.random_range(0..1000_u32) < 15 {
            post.pieces.push(Piece::Words(pick(rng, words::UNWANTED).to_owned()));
        }
        if rng.random_range(0..100_u32) < 32 {
            post.pieces.push(Piece::Tag(about));
            if rng.random_range(0..3_u32) == 0 {
                let theme = pick_from(rng, subject.themes);
                post.pieces.push(Piece::Tag(pick(rng, theme.tags)));
            }
        }
        if rng.random_range(0..100_u32) < 3 {
            post.pieces.push(Piece::Cash(pick(rng, words::CASHTAGS)));
        }
        if rng.random_range(0..100_u32) < 10 {
            // Not at the very beginning: there it would look like a reply.
            let whom = if rng.random_range(0..2_u32) == 0 {
                self.people.draw(rng, post.subject)
            } else {
                People::any(rng)
            };
            post.pieces.push(Piece::Mention(whom));
        }
        if rng.random_range(0..100_u32) < 24 {
            let page = format!(
                "https://{}/{}?p={}&from=feed",
                pick(rng, words::SITES),
                about,
                rng.random_range(1..9999_u32)
            );
            post.pieces.push(Piece::Link(Link { code: code(rng), page, picture: false }));
        }
        if rng.random_range(0..100_u32) < 8 {
            let page =
                format!("https://x.com/{}/status/{}/photo/1", self.person(post.author).handle, post.id);
            post.pieces.push(Piece::Link(Link { code: code(rng), page, picture: true }));
        }
    }

    /// The number of the first post of the thread that a post belongs to.
    fn first_of_thread(&self, number: u64, kind: Kind, target: Option<u64>) -> u64 {
        let mut first = number;
        let mut reply = matches!(kind, Kind::Reply | Kind::QuotingReply).then_some(target).flatten();
        while let Some(parent) = reply {
            first = parent;
            let above = self.outline(parent);
            reply = matches!(above.kind, Kind::Reply | Kind::QuotingReply).then_some(above.target).flatten();
        }
        first
    }
}

/// The generator's key: the seed, spread over its length.
fn key(seed: u64) -> [u8; 32] {
    let mut key = [0; 32];
    for (part, salt) in key.chunks_exact_mut(8).zip(0_u64..) {
        part.copy_from_slice(&mix(seed, salt).to_le_bytes());
    }
    key
}

fn subject_of(index: usize) -> &'static Subject {
    words::ALL.get(index).expect("subjects are only ever drawn from those that there are")
}

/// What is written about at an hour of a weekday.
fn subject_at(at: i64, rng: &mut ChaCha8Rng) -> usize {
    let (hour, weekend) = hour_of_week(at);
    let mut weights = [0_u16; SUBJECTS];
    for (weight, subject) in weights.iter_mut().zip(&words::ALL) {
        let hours = if weekend { &subject.on_weekends } else { &subject.on_weekdays };
        *weight = hours.get(hour).copied().unwrap_or(1);
    }
    let all: u16 = weights.iter().sum();
    let mut drawn = rng.random_range(0..all.max(1));
    for (index, weight) in weights.into_iter().enumerate() {
        match drawn.checked_sub(weight) {
            None => return index,
            Some(rest) => drawn = rest,
        }
    }
    0
}

/// The hour of the day, and whether the day is a Saturday or a Sunday.
pub(super) fn hour_of_week(at: i64) -> (usize, bool) {
    let hours = at.div_euclid(HOUR_US);
    let hour = usize::try_from(hours.rem_euclid(24)).unwrap_or_default();
    // 1970-01-01 was a Thursday.
    let day = (hours.div_euclid(24) + 3).rem_euclid(7);
    (hour, day >= 5)
}

fn tag_place(post: &mut Post, rng: &mut ChaCha8Rng) {
    if rng.random_range(0..100_u32) >= 4 {
        return;
    }
    let place = pick_from(rng, places::ALL);
    post.place = Some(place);
    if rng.random_range(0..4_u32) == 0 {
        let [west, south, east, north] = place.bbox;
        let (across, up) = (rng.random_range(0..=10_u8), rng.random_range(0..=10_u8));
        // Where the box crosses the antimeridian, its east is a turn further.
        let width = if east < west { east + 360.0 - west } else { east - west };
        let between = |from: f64, length: f64, tenths: u8| {
            ((from + length * f64::from(tenths) / 10.0) * 10_000.0).round() / 10_000.0
        };
        let longitude = between(west, width, across);
        let longitude = if longitude > 180.0 { longitude - 360.0 } else { longitude };
        post.point = Some((longitude, between(south, north - south, up)));
    }
}

/// X's epoch, in milliseconds since 1970.
const SNOWFLAKE_EPOCH: i64 = 1_288_834_974_657;

/// An id as X makes them: the millisecond, then 22 bits that keep those of one millisecond apart.
pub(super) fn snowflake(at_ms: i64, number: u64) -> u64 {
    let since = at_ms.saturating_sub(SNOWFLAKE_EPOCH).max(0).unsigned_abs();
    since << 22 | (0x2a << 12) | (number & 0xfff)
}

/// A number that looks drawn from two others (the finaliser of `SplitMix64`).
pub(super) fn mix(one: u64, other: u64) -> u64 {
    let mut mixed =
        one.wrapping_add(other.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// A moment of the feed.
pub(super) fn moment(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}

/// How busy an hour is, in per cent of the average.
pub(super) fn busy(hour: i64) -> u32 {
    const BY_HOUR: [u32; 24] = [
        70, 56, 48, 44, 46, 58, 78, 96, 104, 102, 100, 104, 110, 108, 106, 112, 120, 128, 136, 146, 150, 140,
        118, 90,
    ];
    let at = moment(hour.saturating_mul(HOUR_US)).to_zoned(TimeZone::UTC);
    let of_day = usize::try_from(at.hour()).ok().and_then(|hour| BY_HOUR.get(hour)).copied().unwrap_or(100);
    let of_week = match at.weekday() {
        Weekday::Saturday => 112,
        Weekday::Sunday => 118,
        Weekday::Monday => 94,
        _ => 97,
    };
    of_day * of_week / 100
}

#[cfg(test)]
mod tests;
