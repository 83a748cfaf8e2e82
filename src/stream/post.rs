//! A post, whatever its source: what every network says of one, in one shape, borrowed from the line it came in.
//!
//! Sources fill it ([`wire`](super::wire)), the filter looks at it, and [`Post::write`] makes its record. Nothing in it
//! is guaranteed but the id: every network leaves fields out.

use std::borrow::Cow;
use std::io::Write;

use jiff::Timestamp;

use super::record::{Format, Line};
use super::wording::{Style, Wording, without_retweet_mark};

/// A post.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Post<'a> {
    /// Its id in its network: digits at X, an `at://` address at Bluesky.
    pub id: Cow<'a, str>,
    /// When it was written, by the network's word.
    pub created_at: Option<Timestamp>,
    /// Its language, as the network takes it: `en`.
    pub lang: Option<Cow<'a, str>>,
    /// Its full text as it came; of a repost, the original's where that came too.
    pub text: Cow<'a, str>,
    /// How the text is written.
    pub style: Style,
    /// Whether it repeats another post.
    pub is_retweet: bool,
    /// Whether it quotes another post.
    pub is_quote: bool,
    /// Whom it answers, by id.
    pub reply_to_id: Option<Cow<'a, str>>,
    /// Whom it answers, by name.
    pub reply_to_name: Option<Cow<'a, str>>,
    /// The client it was written with: a name, or an HTML anchor around one.
    pub source: Option<Cow<'a, str>>,
    /// How often others reacted so far.
    pub counts: Counts,
    /// Who wrote it.
    pub author: Option<Author<'a>>,
    /// The place it names.
    pub place: Option<Place<'a>>,
    /// Where it was written.
    pub point: Option<Point>,
}

/// How often others reacted to a post; mostly 0 at the time of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Quotes.
    pub quotes: u64,
    /// Replies.
    pub replies: u64,
    /// Reposts.
    pub retweets: u64,
    /// Likes.
    pub favorites: u64,
}

/// Who wrote a post.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Author<'a> {
    /// The name that is shown.
    pub name: Option<Cow<'a, str>>,
    /// The name that it is found by.
    pub screen_name: Option<Cow<'a, str>>,
    /// Where they say that they are.
    pub location: Option<Cow<'a, str>>,
    /// Followers.
    pub followers: Option<u64>,
    /// Whom they follow.
    pub friends: Option<u64>,
    /// Lists that they are on.
    pub listed: Option<u64>,
    /// What they liked.
    pub favourites: Option<u64>,
    /// What they posted.
    pub statuses: Option<u64>,
    /// Whether only followers may read them.
    pub protected: Option<bool>,
    /// Whether they carry a badge.
    pub verified: Option<bool>,
    /// Since when they are there.
    pub joined: Option<Timestamp>,
}

/// A place that a post names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// `city`, `country` …
    pub kind: Cow<'a, str>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its name with what it lies in.
    pub full_name: Cow<'a, str>,
    /// Two letters.
    pub country_code: Cow<'a, str>,
    /// The country's name.
    pub country: Cow<'a, str>,
    /// Where it lies: west, south, east, north.
    pub bounds: Option<[f64; 4]>,
}

/// A point on the earth, in degrees.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Longitude.
    pub lon: f64,
    /// Latitude.
    pub lat: f64,
}

/// What a post is known by: equal for equal posts of one network, whatever they were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PostKey(pub u64);

impl PostKey {
    /// The key of an id. X's ids are numbers and their own keys; others are hashed (FNV-1a, 64 bits: two posts of a
    /// window of two million share one with a chance of 1 in 10 million).
    pub fn of(id: &str) -> Self {
        if let Ok(number) = id.parse::<u64>() {
            return Self(number);
        }
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash)
    }
}

impl Post<'_> {
    /// What it is known by.
    pub fn key(&self) -> PostKey {
        PostKey::of(&self.id)
    }

    /// Takes its text apart: without a retweet's mark.
    pub fn part(&self, wording: &mut Wording) {
        let text = if self.is_retweet { without_retweet_mark(&self.text) } else { &self.text };
        wording.part(text, self.style);
    }

    /// Appends its record; `wording` is its own text in parts.
    pub fn write(&self, wording: &Wording, format: Format, out: &mut Vec<u8>) {
        let mut line = Line::begin(format, out);
        line.text(&self.id);
        line.text_or_none(self.point.map(|point| dictionary(point.lat, point.lon)).as_deref());
        line.text_or_none(self.point.map(|point| dictionary(point.lon, point.lat)).as_deref());
        line.text_or_none(self.place.as_ref().map(Place::in_a_line).as_deref());
        line.absent();
        line.flag(self.is_quote);
        line.number(self.counts.quotes);
        line.number(self.counts.replies);
        line.number(self.counts.retweets);
        line.number(self.counts.favorites);
        line.flag(false);
        line.flag(false);
        line.time(self.created_at);
        line.text_or_none(self.source.as_deref());
        line.text_or_none(self.reply_to_id.as_deref());
        line.text_or_none(self.reply_to_name.as_deref());
        line.text_or_none(self.source.as_deref().map(anchor_text));
        self.write_place(&mut line);
        for _ in ["coords", "geo"] {
            match self.point {
                Some(point) => {
                    line.text("Point");
                    line.coordinate(point.lon);
                    line.coordinate(point.lat);
                }
                None => (0..3).for_each(|_| line.absent()),
            }
        }
        self.write_author(&mut line);
        line.text(if self.is_retweet { "yes" } else { "no" });
        line.text(&wording.urls.joined);
        line.text(&wording.hashtags.joined);
        line.text(&wording.users.joined);
        line.number(wording.urls.count);
        line.number(wording.users.count);
        line.number(wording.hashtags.count);
        line.text(&wording.text);
        line.end();
    }

    fn write_place(&self, line: &mut Line<'_>) {
        let Some(place) = &self.place else {
            (0..10).for_each(|_| line.absent());
            return;
        };
        line.text(&place.id);
        line.text(&format!("https://api.twitter.com/1.1/geo/id/{}.json", place.id));
        line.text(&place.kind);
        line.text(&place.name);
        line.text(&place.full_name);
        line.text(&place.country_code);
        line.text(&place.country);
        if let Some([west, south, east, north]) = place.bounds {
            line.text("Polygon");
            line.text(&format!(
                "[[[{west}, {south}], [{east}, {south}], [{east}, {north}], [{west}, {north}]]]"
            ));
        } else {
            line.absent();
            line.absent();
        }
        line.absent();
    }

    fn write_author(&self, line: &mut Line<'_>) {
        let nobody = Author::default();
        let author = self.author.as_ref().unwrap_or(&nobody);
        line.text_or_none(author.name.as_deref());
        line.text_or_none(author.screen_name.as_deref());
        line.number_or_none(author.followers);
        line.number_or_none(author.friends);
        line.number_or_none(author.listed);
        line.number_or_none(author.favourites);
        line.number_or_none(author.statuses);
        for flag in [author.protected, author.verified, Some(false)] {
            match flag {
                Some(flag) => line.flag(flag),
                None => line.absent(),
            }
        }
        line.time(author.joined);
        line.text_or_none(author.location.as_deref());
    }
}

impl Place<'_> {
    fn in_a_line(&self) -> String {
        let Self { id, full_name, country_code, .. } = self;
        format!("Place(id='{id}', full_name='{full_name}', country_code='{country_code}')")
    }
}

/// As Python shows a point of API v1.1.
fn dictionary(one: f64, other: f64) -> String {
    let mut text = Vec::with_capacity(64);
    write!(text, "{{'type': 'Point', 'coordinates': [{one}, {other}]}}").expect("a Vec takes every byte");
    String::from_utf8_lossy(&text).into_owned()
}

/// The text of `<a href="…">text</a>`, or the text itself.
fn anchor_text(source: &str) -> &str {
    let inner = || source.strip_prefix("<a ")?.split_once('>')?.1.strip_suffix("</a>");
    inner().unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::record::{Column, Fields};

    fn record(post: &Post<'_>) -> Vec<u8> {
        let (mut wording, mut out) = (Wording::default(), Vec::new());
        post.part(&mut wording);
        post.write(&wording, Format::Tsv, &mut out);
        out
    }

    #[test]
    fn a_post_of_nothing_but_an_id_is_a_record() {
        let line = record(&Post { id: "1".into(), ..Post::default() });
        let fields = Fields::split(&line).expect("a record");
        let none = [Column::Geo, Column::Place, Column::CreatedAt, Column::UserName, Column::UserFollowers];
        assert!(none.into_iter().all(|column| fields.get(column) == b"None"));
        let nothing =
            [Column::PlaceId, Column::PlaceCountry, Column::CoordsType, Column::GeoLat, Column::Text];
        assert!(nothing.into_iter().all(|column| fields.get(column).is_empty()));
        assert_eq!(fields.get(Column::PlaceBoundingBoxCoordinates), b"[[]]");
        assert_eq!(fields.get(Column::PlaceAttributes), b"{}");
        assert_eq!(fields.get(Column::RetweetedTweet), b"no");
    }

    #[test]
    fn points_are_longitude_first_but_in_the_old_geo() {
        let point = Some(Point { lon: 22.2666, lat: 60.4518 });
        let line = record(&Post { id: "1".into(), point, ..Post::default() });
        let fields = Fields::split(&line).expect("a record");
        assert_eq!(fields.text(Column::Geo), "{'type': 'Point', 'coordinates': [60.4518, 22.2666]}");
        assert_eq!(fields.text(Column::Coordinates), "{'type': 'Point', 'coordinates': [22.2666, 60.4518]}");
        let written = [Column::CoordsLon, Column::CoordsLat, Column::GeoLon, Column::GeoLat];
        assert_eq!(
            written.map(|column| fields.text(column).into_owned()),
            ["22.2666", "60.4518", "22.2666", "60.4518"]
        );
    }

    #[test]
    fn a_client_is_an_anchor_and_its_text() {
        let source = "<a href=\"https://example.org\" rel=\"nofollow\">Example App</a>";
        assert_eq!((anchor_text(source), anchor_text("Example App")), ("Example App", "Example App"));
    }

    #[test]
    fn ids_beyond_what_floats_hold_are_their_own_keys() {
        assert_eq!(PostKey::of("2123779146118725632"), PostKey(2_123_779_146_118_725_632));
        assert_ne!(PostKey::of("at://a/b/1"), PostKey::of("at://a/b/2"));
    }
}
