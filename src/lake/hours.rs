//! Hours, and the layout by which folders are hours.
//!
//! Firehose writes to `<prefix>YYYY/MM/DD/HH/`, in UTC, unless the prefix says otherwise: in `!{timestamp:…}` it takes
//! a pattern as Java's formatter does (`yyyy`, `MM`, `dd`, `HH`, text in single quotes), and other expressions stand
//! for anything. A prefix without a timestamp gets the usual folders behind it.

use std::fmt::{self, Write};
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};

use super::LakeError;

const HOUR: i64 = 3600;

/// An hour in UTC, written `2026-11-22T18`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour that a moment falls in.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.as_second().div_euclid(HOUR))
    }

    fn at(year: i16, month: i8, day: i8, hour: i8) -> Option<Self> {
        let date = Date::new(year, month, day).ok()?;
        let time = Time::new(hour, 0, 0, 0).ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok().map(Self::of)
    }

    /// When it begins.
    pub fn begins(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(HOUR)).unwrap_or(Timestamp::MAX)
    }

    /// When it is over.
    pub fn ends(self) -> Timestamp {
        self.next().begins()
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The day that it belongs to.
    pub fn day(self) -> Date {
        self.civil().date()
    }

    /// 0 to 23.
    pub fn of_day(self) -> i8 {
        self.civil().hour()
    }

    fn civil(self) -> jiff::civil::DateTime {
        self.begins().to_zoned(jiff::tz::TimeZone::UTC).datetime()
    }

    /// As file names write it: `2026112218`.
    pub fn compact(self) -> String {
        let at = self.civil();
        format!("{:04}{:02}{:02}{:02}", at.year(), at.month(), at.day(), at.hour())
    }

    /// From how file names write it.
    pub fn from_compact(digits: &str) -> Option<Self> {
        if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part =
            |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse::<i16>().ok());
        let small = |range| part(range).and_then(|part| i8::try_from(part).ok());
        Self::at(part(0..4)?, small(4..6)?, small(6..8)?, small(8..10)?)
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.day(), self.of_day())
    }
}

impl fmt::Debug for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Hour {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hour {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written: String = serde::Deserialize::deserialize(deserializer)?;
        written.parse().map_err(serde::de::Error::custom)
    }
}

/// `2026-11-22T18` or `2026112218`.
impl FromStr for Hour {
    type Err = LakeError;

    fn from_str(written: &str) -> Result<Self, LakeError> {
        let digits: String = written.chars().filter(|c| !matches!(c, '-' | 'T' | 't' | ' ')).collect();
        Self::from_compact(&digits).ok_or_else(|| LakeError::NotAnHour(written.to_owned()))
    }
}

/// The hours from one to another, both included; an open end is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub since: Option<Hour>,
    /// The last.
    pub until: Option<Hour>,
}

impl Span {
    /// From how the ends are written: hours, or days, which are meant whole.
    pub fn parse(since: Option<&str>, until: Option<&str>) -> Result<Self, LakeError> {
        let end = |written: Option<&str>, hour: &str| {
            let Some(written) = written else { return Ok(None) };
            let is_day =
                written.parse::<Date>().is_ok() && !written.contains(['T', 't', ' ']) && written.len() != 13;
            let whole = if is_day { format!("{written}T{hour}") } else { written.to_owned() };
            whole.parse().map(Some).map_err(|_| LakeError::NotAnHour(written.to_owned()))
        };
        match (end(since, "00")?, end(until, "23")?) {
            (Some(since), Some(until)) if since > until => Err(LakeError::Reversed { since, until }),
            (since, until) => Ok(Self { since, until }),
        }
    }

    /// Just one.
    pub fn only(hour: Hour) -> Self {
        Self { since: Some(hour), until: Some(hour) }
    }

    /// Whether an hour is one of them.
    pub fn holds(&self, hour: Hour) -> bool {
        self.since.is_none_or(|since| since <= hour) && self.until.is_none_or(|until| hour <= until)
    }

    /// In words that follow "hours"; none where no end is named.
    pub fn words(&self) -> String {
        match (self.since, self.until) {
            (None, None) => String::new(),
            (Some(since), None) => format!(" since {since}"),
            (None, Some(until)) => format!(" until {until}"),
            (Some(since), Some(until)) => format!(" from {since} to {until}"),
        }
    }

    /// Whether any of them falls between these two, both included.
    fn touches(&self, first: Hour, last: Hour) -> bool {
        self.since.is_none_or(|since| since <= last) && self.until.is_none_or(|until| first <= until)
    }
}

/// A part of a folder's name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Year,
    Month,
    Day,
    Hour,
    /// Digits that do not matter, such as minutes.
    Digits,
    /// Whatever an expression that is not a time stands for.
    Anything,
}

/// What folders say of a time, so far.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: Option<i8>,
}

impl Known {
    fn hour(self) -> Option<Hour> {
        Hour::at(self.year?, self.month?, self.day?, self.hour?)
    }

    /// The first and the last hour that it may turn out to be.
    fn bounds(self) -> Option<(Hour, Hour)> {
        let year = self.year?;
        let first = Hour::at(year, self.month.unwrap_or(1), self.day.unwrap_or(1), self.hour.unwrap_or(0))?;
        let month = self.month.unwrap_or(12);
        let last_day = Date::new(year, month, 1).ok()?.last_of_month().day();
        let day = if self.month.is_some() { self.day.unwrap_or(last_day) } else { last_day };
        Some((first, Hour::at(year, month, day, self.hour.unwrap_or(23))?))
    }
}

/// Which folders are hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The folders before anything that varies; empty, or ending with a slash.
    root: String,
    /// Folder names below the root, down to the hour.
    levels: Vec<Vec<Piece>>,
}

/// What a folder is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// It leads to hours of the span, by more than one level.
    Above,
    /// Its folders, or what lies in them, are hours of one day.
    Day,
    /// It is this hour's.
    Hour(Hour),
    /// No hour of the span is in it.
    Other,
}

impl Layout {
    /// The layout of a Firehose prefix.
    pub fn new(prefix: &str) -> Result<Self, LakeError> {
        let bad = |why: &str| LakeError::BadLayout { prefix: prefix.to_owned(), why: why.to_owned() };
        let mut pieces = Vec::new();
        let mut rest = prefix;
        let mut has_time = false;
        while let Some((text, after)) = rest.split_once("!{") {
            let (expression, after) =
                after.split_once('}').ok_or_else(|| bad("a `!{` is not closed by `}`"))?;
            pieces.push(Piece::Text(text.to_owned()));
            match expression.split_once(':') {
                Some(("timestamp", pattern)) => {
                    has_time = true;
                    pieces.extend(
                        timestamp(pattern)
                            .ok_or_else(|| bad("its timestamp is not one that hydrant reads"))?,
                    );
                }
                _ => pieces.push(Piece::Anything),
            }
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if !has_time {
            let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
            pieces.push(Piece::Text(slash.to_owned()));
            pieces.extend(timestamp("yyyy/MM/dd/HH/").expect("the usual folders are a timestamp"));
        }
        let layout = Self::of(pieces);
        let names = |piece: &Piece| layout.levels.iter().flatten().any(|one| one == piece);
        if [Piece::Year, Piece::Month, Piece::Day, Piece::Hour].iter().all(names) {
            Ok(layout)
        } else {
            Err(bad("it must name year, month, day and hour"))
        }
    }

    fn of(pieces: Vec<Piece>) -> Self {
        let mut levels = vec![Vec::new()];
        for piece in pieces {
            let Piece::Text(text) = piece else {
                levels.last_mut().expect("there is a first level").push(piece);
                continue;
            };
            for (number, part) in text.split('/').enumerate() {
                if number > 0 {
                    levels.push(Vec::new());
                }
                if !part.is_empty() {
                    levels.last_mut().expect("there is a first level").push(Piece::Text(part.to_owned()));
                }
            }
        }
        // What stands behind the last slash begins the files' own names.
        levels.pop();
        let mut root = String::new();
        while let Some([Piece::Text(_)] | []) = levels.first().map(Vec::as_slice) {
            if let [Piece::Text(name)] = levels.remove(0).as_slice() {
                root.push_str(name);
            }
            root.push('/');
        }
        Self { root, levels }
    }

    /// The folders before anything that varies; empty, or ending with a slash.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The same layout at the very beginning of a place.
    #[must_use]
    pub fn without_root(&self) -> Self {
        Self { root: String::new(), levels: self.levels.clone() }
    }

    /// Whether this folder, or one in it, may be an hour's.
    pub fn may_lead_to_hours(&self, folder: &str) -> bool {
        self.folder(folder, &Span::default()) != Folder::Other
    }

    /// What a folder is; its key ends with a slash.
    pub fn folder(&self, key: &str, span: &Span) -> Folder {
        let Some(below) = key.strip_prefix(&self.root) else { return Folder::Other };
        let mut known = Known::default();
        let mut levels = self.levels.iter();
        for name in below.split_terminator('/') {
            let Some(level) = levels.next() else { return Folder::Other };
            if !read(level, name, &mut known) {
                return Folder::Other;
            }
        }
        if known.bounds().is_some_and(|(first, last)| !span.touches(first, last)) {
            return Folder::Other;
        }
        let lacks = |piece: &Piece| levels.clone().flatten().any(|one| one == piece);
        match known.hour() {
            Some(hour) if levels.len() == 0 => Folder::Hour(hour),
            _ if levels.len() == 0 => Folder::Other,
            _ if known.day.is_some()
                && !lacks(&Piece::Day)
                && !levels.clone().flatten().any(|p| *p == Piece::Anything) =>
            {
                Folder::Day
            }
            _ => Folder::Above,
        }
    }

    /// The hour that a file belongs to, and how much of its key is the hour's folder.
    pub fn hour_of(&self, key: &str) -> Option<(Hour, usize)> {
        let below = key.strip_prefix(&self.root)?;
        let mut known = Known::default();
        let mut used = self.root.len();
        let mut names = below.split('/');
        for level in &self.levels {
            let name = names.next()?;
            if !read(level, name, &mut known) {
                return None;
            }
            used += name.len() + 1;
        }
        // Something must be left: the file itself.
        (key.len() > used).then_some(())?;
        Some((known.hour()?, used))
    }

    /// The folder of an hour, where the layout leaves no doubt.
    pub fn folder_of(&self, hour: Hour) -> Option<String> {
        let at = hour.civil();
        let mut folder = self.root.clone();
        for piece in self.levels.iter().flat_map(|level| level.iter().map(Some).chain(std::iter::once(None)))
        {
            match piece {
                None => folder.push('/'),
                Some(Piece::Text(text)) => folder.push_str(text),
                Some(Piece::Year) => write!(folder, "{:04}", at.year()).ok()?,
                Some(Piece::Month) => write!(folder, "{:02}", at.month()).ok()?,
                Some(Piece::Day) => write!(folder, "{:02}", at.day()).ok()?,
                Some(Piece::Hour) => write!(folder, "{:02}", at.hour()).ok()?,
                Some(Piece::Digits | Piece::Anything) => return None,
            }
        }
        Some(folder)
    }
}

/// The pieces of a pattern of Java's formatter, or nothing if it has letters that say something else.
fn timestamp(pattern: &str) -> Option<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut text = String::new();
    let mut left = pattern;
    while let Some(first) = left.chars().next() {
        if let Some(quoted) = left.strip_prefix('\'') {
            let (inside, after) = quoted.split_once('\'')?;
            // Two quotes are one.
            text.push_str(if inside.is_empty() { "'" } else { inside });
            left = after;
        } else if first.is_ascii_alphabetic() {
            let same = left.chars().take_while(|letter| *letter == first).count();
            let piece = match (first, same) {
                ('y' | 'Y' | 'u', 4) => Piece::Year,
                ('M' | 'L', 2) => Piece::Month,
                ('d', 2) => Piece::Day,
                ('H', 2) => Piece::Hour,
                ('m' | 's' | 'S' | 'n', _) => Piece::Digits,
                _ => return None,
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
            left = left.get(same..)?;
        } else {
            text.push(first);
            left = left.get(first.len_utf8()..)?;
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Some(pieces)
}

/// Whether a folder's name is what a level says, and what it says of the time.
fn read(level: &[Piece], name: &str, known: &mut Known) -> bool {
    let Some((piece, later)) = level.split_first() else { return name.is_empty() };
    let digits = |count: usize| {
        let digits = name.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some((digits.parse::<i16>().ok()?, name.get(count..)?))
    };
    let small = || digits(2).and_then(|(number, rest)| Some((i8::try_from(number).ok()?, rest)));
    match piece {
        Piece::Text(text) => name.strip_prefix(text.as_str()).is_some_and(|rest| read(later, rest, known)),
        Piece::Year => digits(4).is_some_and(|(year, rest)| {
            known.year = Some(year);
            read(later, rest, known)
        }),
        Piece::Month => small().filter(|(month, _)| (1..=12).contains(month)).is_some_and(|(month, rest)| {
            known.month = Some(month);
            read(later, rest, known)
        }),
        Piece::Day => small().filter(|(day, _)| (1..=31).contains(day)).is_some_and(|(day, rest)| {
            known.day = Some(day);
            read(later, rest, known)
        }),
        Piece::Hour => small().filter(|(hour, _)| (0..24).contains(hour)).is_some_and(|(hour, rest)| {
            known.hour = Some(hour);
            read(later, rest, known)
        }),
        Piece::Digits => {
            let count = name.bytes().take_while(u8::is_ascii_digit).count();
            count > 0 && read(later, name.get(count..).unwrap_or_default(), known)
        }
        // The least that makes the rest fit.
        Piece::Anything => name
            .char_indices()
            .map(|(at, _)| at)
            .chain(std::iter::once(name.len()))
            .any(|at| read(later, name.get(at..).unwrap_or_default(), known)),
    }
}

/// Whether an hour can still get files: Firehose names a file after its oldest record, and holds it back for as long
/// as its buffer does.
pub fn is_open(hour: Hour, now: Timestamp, buffer: SignedDuration) -> bool {
    // Half as long again is what Firehose takes at times, and a minute is for the delivery.
    let late = buffer.saturating_add(SignedDuration::from_millis_i128(buffer.as_millis() / 2));
    now < hour.ends().saturating_add(late + SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(written: &str) -> Hour {
        written.parse().expect("an hour")
    }

    #[test]
    fn an_hour_is_read_as_it_is_written() {
        for written in ["2026-11-22T18", "1999-12-31T00", "2024-02-29T23"] {
            assert_eq!(hour(written).to_string(), written);
            assert_eq!(Hour::from_compact(&hour(written).compact()), Some(hour(written)));
        }
        assert_eq!(hour("2026112218"), hour("2026-11-22T18"));
        assert_eq!(hour("2026-12-31T23").next(), hour("2027-01-01T00"));
        for written in ["", "2026-11-22", "2026-11-22T24", "2026-02-30T00", "2026-11-22T18:30", "x"] {
            assert!(written.parse::<Hour>().is_err(), "{written}");
        }
    }

    #[test]
    fn a_span_of_days_is_whole_days() {
        let span = Span::parse(Some("2026-11-22"), Some("2026-11-23")).expect("a span");
        assert_eq!(span, Span { since: Some(hour("2026-11-22T00")), until: Some(hour("2026-11-23T23")) });
        let span = Span::parse(Some("2026-11-22T05"), None).expect("a span");
        assert!(span.holds(hour("2026-11-22T05")) && !span.holds(hour("2026-11-22T04")));
        assert!(Span::parse(Some("yesterday"), None).is_err());
        let reversed = Span::parse(Some("2026-11-23"), Some("2026-11-22")).expect_err("no span");
        assert!(reversed.is_of_usage(), "{reversed}");
    }

    #[test]
    fn every_prefix_that_firehose_takes_leads_to_its_hours() {
        let file = "/stream-1-2026-11-22-18-05-00-uuid";
        for (prefix, root, folder) in [
            (
                "datasets/twitter/kinesis-demo/",
                "datasets/twitter/kinesis-demo/",
                "datasets/twitter/kinesis-demo/2026/11/22/18",
            ),
            ("", "", "2026/11/22/18"),
            ("lake/!{timestamp:yyyy/MM/dd/HH}/", "lake/", "lake/2026/11/22/18"),
            (
                "lake/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/",
                "lake/",
                "lake/year=2026/month=11/day=22/hour=18",
            ),
            ("lake/!{timestamp:'dt='yyyy-MM-dd'/h='HH}/", "lake/", "lake/dt=2026-11-22/h=18"),
            ("flat-!{timestamp:yyyyMMddHH}/", "", "flat-2026112218"),
            ("a/!{firehose:random-string}/!{timestamp:yyyy/MM/dd/HH}/", "a/", "a/x7Yz/2026/11/22/18"),
            ("a/!{timestamp:yyyy/MM/dd/HH/mm}/", "a/", "a/2026/11/22/18/05"),
        ] {
            let layout = Layout::new(prefix).expect(prefix);
            assert_eq!(layout.root(), root, "{prefix}");
            assert_eq!(
                layout.hour_of(&format!("{folder}{file}")),
                Some((hour("2026-11-22T18"), folder.len() + 1)),
                "{prefix}"
            );
            assert_eq!(
                layout.folder(&format!("{folder}/"), &Span::default()),
                Folder::Hour(hour("2026-11-22T18"))
            );
        }
    }

    #[test]
    fn what_lies_beside_the_years_is_no_hour() {
        let layout = Layout::new("p/").expect("a layout");
        for key in [
            "p/csvs/tweets_1.csv",
            "p/2026/11/22/18",
            "p/2026/11/22/18/",
            "p/2026/13/01/00/x",
            "q/2026/11/22/18/x",
            "p/2026/02/30/00/x",
        ] {
            assert_eq!(layout.hour_of(key), None, "{key}");
        }
        for folder in ["p/csvs/", "p/models/", "p/20266/", "p/2026/00/", "q/"] {
            assert_eq!(layout.folder(folder, &Span::default()), Folder::Other, "{folder}");
        }
    }

    #[test]
    fn folders_outside_the_span_are_not_looked_into() {
        let layout = Layout::new("p/").expect("a layout");
        let span = Span::parse(Some("2026-02-27"), Some("2026-03-01T04")).expect("a span");
        for (folder, expected) in [
            ("p/", Folder::Above),
            ("p/2026/", Folder::Above),
            ("p/2025/", Folder::Other),
            ("p/2026/01/", Folder::Other),
            ("p/2026/02/", Folder::Above),
            ("p/2026/02/26/", Folder::Other),
            ("p/2026/02/28/", Folder::Day),
            ("p/2026/03/01/", Folder::Day),
            ("p/2026/03/01/04/", Folder::Hour(hour("2026-03-01T04"))),
            ("p/2026/03/01/05/", Folder::Other),
        ] {
            assert_eq!(layout.folder(folder, &span), expected, "{folder}");
        }
    }

    #[test]
    fn a_prefix_that_does_not_name_the_hour_is_refused_with_the_reason() {
        for (prefix, why) in [
            ("a/!{timestamp:yyyy/MM/dd}/", "it must name year, month, day and hour"),
            ("a/!{timestamp:yyyy/", "is not closed"),
            ("a/!{timestamp:EEEE}/", "not one that hydrant reads"),
        ] {
            let error = Layout::new(prefix).expect_err(prefix).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn an_hour_is_open_until_its_last_file_can_be_there() {
        let buffer = SignedDuration::from_secs(60);
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert!(is_open(hour("2026-11-22T18"), at("2026-11-22T18:30:00Z"), buffer));
        assert!(is_open(hour("2026-11-22T18"), at("2026-11-22T19:02:00Z"), buffer));
        assert!(!is_open(hour("2026-11-22T18"), at("2026-11-22T19:02:31Z"), buffer));
    }

    proptest::proptest! {
        #[test]
        fn no_key_makes_a_layout_panic(key: String, prefix: String) {
            drop(Layout::new(&prefix).map(|layout| (layout.hour_of(&key), layout.folder(&key, &Span::default()))));
        }

        #[test]
        fn every_hour_is_found_in_its_folder(seconds in 0_i64..4_000_000_000) {
            let hour = Hour::of(Timestamp::from_second(seconds).expect("a time"));
            let layout = Layout::new("p/!{timestamp:yyyy/MM/dd/HH}/").expect("a layout");
            let folder = layout.folder_of(hour).expect("a folder");
            proptest::prop_assert_eq!(layout.hour_of(&format!("{folder}x")), Some((hour, folder.len())));
        }
    }
}
