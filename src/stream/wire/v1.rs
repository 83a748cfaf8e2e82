//! X's API v1.1, as archives keep it: whole posts with their users inside, and notices between them.

use std::borrow::Cow;

use serde::Deserialize;

use super::lenient::{Count, Text};
use super::{Incoming, Notice};
use crate::stream::post::{Author, Counts, Place, Point, Post, PostKey};
use crate::stream::record::read_time;
use crate::stream::wording::Style;

#[derive(Deserialize)]
#[allow(clippy::struct_field_names, reason = "X's names")]
struct Status<'a> {
    #[serde(borrow, default)]
    id_str: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    created_at: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    full_text: Option<Text<'a>>,
    #[serde(borrow, default)]
    extended_tweet: Option<Extended<'a>>,
    #[serde(borrow, default)]
    retweeted_status: Option<Box<Status<'a>>>,
    #[serde(default)]
    is_quote_status: Option<bool>,
    #[serde(borrow, default)]
    in_reply_to_user_id_str: Option<Text<'a>>,
    #[serde(borrow, default)]
    in_reply_to_screen_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    source: Option<Text<'a>>,
    #[serde(borrow, default)]
    lang: Option<Text<'a>>,
    #[serde(default)]
    quote_count: Option<Count>,
    #[serde(default)]
    reply_count: Option<Count>,
    #[serde(default)]
    retweet_count: Option<Count>,
    #[serde(default)]
    favorite_count: Option<Count>,
    #[serde(borrow, default)]
    user: Option<User<'a>>,
    #[serde(borrow, default)]
    place: Option<PlaceIn<'a>>,
    /// Longitude first; the older `geo` had latitude first.
    #[serde(default)]
    coordinates: Option<Coordinates>,
}

#[derive(Deserialize)]
struct Extended<'a> {
    #[serde(borrow, default)]
    full_text: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    screen_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    location: Option<Text<'a>>,
    #[serde(borrow, default)]
    created_at: Option<Text<'a>>,
    #[serde(default)]
    followers_count: Option<Count>,
    #[serde(default)]
    friends_count: Option<Count>,
    #[serde(default)]
    listed_count: Option<Count>,
    #[serde(default)]
    favourites_count: Option<Count>,
    #[serde(default)]
    statuses_count: Option<Count>,
    #[serde(default)]
    protected: Option<bool>,
    #[serde(default)]
    verified: Option<bool>,
}

#[derive(Deserialize)]
struct PlaceIn<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    place_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    full_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    country_code: Option<Text<'a>>,
    #[serde(borrow, default)]
    country: Option<Text<'a>>,
    #[serde(default)]
    bounding_box: Option<Outline>,
}

#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    coordinates: Option<Vec<Vec<Vec<f64>>>>,
}

#[derive(Deserialize)]
struct Coordinates {
    #[serde(default)]
    coordinates: Option<Vec<f64>>,
}

/// A post, or a notice.
pub(super) fn read(line: &[u8]) -> Result<Option<Incoming<'_>>, serde_json::Error> {
    let status: Status<'_> = serde_json::from_slice(line)?;
    if status.user.is_some() || status.id_str.is_some() {
        return Ok(status.into_post().map(|post| Incoming::Posts(vec![post])));
    }
    Ok(notice(line))
}

impl<'a> Status<'a> {
    fn into_post(mut self) -> Option<Post<'a>> {
        let original = self.retweeted_status.take();
        let is_retweet = original.is_some();
        let text = match original {
            Some(original) => original.whole_text().or_else(|| self.whole_text()),
            None => self.whole_text(),
        }?;
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let text_of = |text: Option<Text<'a>>| text.map(|text| text.0);
        Some(Post {
            id: text_of(self.id_str.or(self.id))?,
            created_at: self.created_at.and_then(|at| read_time(&at.0)),
            lang: text_of(self.lang),
            text,
            style: Style::X,
            is_retweet,
            is_quote: self.is_quote_status.unwrap_or_default(),
            reply_to_id: text_of(self.in_reply_to_user_id_str),
            reply_to_name: text_of(self.in_reply_to_screen_name),
            source: text_of(self.source),
            counts: Counts {
                quotes: count(self.quote_count),
                replies: count(self.reply_count),
                retweets: count(self.retweet_count),
                favorites: count(self.favorite_count),
            },
            author: self.user.map(User::author),
            place: self.place.and_then(PlaceIn::place),
            point: self.coordinates.and_then(|at| match at.coordinates?.as_slice() {
                [lon, lat] => Some(Point { lon: *lon, lat: *lat }),
                _ => None,
            }),
        })
    }

    /// The long form wins.
    fn whole_text(&self) -> Option<Cow<'a, str>> {
        let extended = self.extended_tweet.as_ref().and_then(|extended| extended.full_text.as_ref());
        extended.or(self.full_text.as_ref()).or(self.text.as_ref()).map(|text| text.0.clone())
    }
}

impl<'a> User<'a> {
    fn author(self) -> Author<'a> {
        let text = |text: Option<Text<'a>>| text.map(|text| text.0);
        let count = |count: Option<Count>| count.map(|count| count.0);
        Author {
            name: text(self.name),
            screen_name: text(self.screen_name),
            location: text(self.location),
            followers: count(self.followers_count),
            friends: count(self.friends_count),
            listed: count(self.listed_count),
            favourites: count(self.favourites_count),
            statuses: count(self.statuses_count),
            protected: self.protected,
            verified: self.verified,
            joined: self.created_at.and_then(|at| read_time(&at.0)),
        }
    }
}

impl<'a> PlaceIn<'a> {
    fn place(self) -> Option<Place<'a>> {
        let text = |text: Option<Text<'a>>| text.map(|text| text.0).unwrap_or_default();
        let corners = self.bounding_box.and_then(|outline| outline.coordinates);
        Some(Place {
            id: self.id?.0,
            kind: text(self.place_type),
            name: text(self.name),
            full_name: text(self.full_name),
            country_code: text(self.country_code),
            country: text(self.country),
            bounds: corners.and_then(|rings| bounds(rings.first()?)),
        })
    }
}

/// The box around corners: west, south, east, north.
fn bounds(corners: &[Vec<f64>]) -> Option<[f64; 4]> {
    let along = |axis: usize| corners.iter().filter_map(move |corner| corner.get(axis).copied());
    let least = |axis| along(axis).reduce(f64::min);
    let most = |axis| along(axis).reduce(f64::max);
    Some([least(0)?, least(1)?, most(0)?, most(1)?])
}

/// What v1.1 says between posts: `{"delete":{"status":{…}}}`, `{"limit":{"track":14}}`, `warning`, `disconnect` …
fn notice<'a>(line: &[u8]) -> Option<Incoming<'a>> {
    #[derive(Deserialize)]
    struct Deleted<'a> {
        #[serde(borrow)]
        status: DeletedStatus<'a>,
    }
    #[derive(Deserialize)]
    struct DeletedStatus<'a> {
        #[serde(borrow, default)]
        id_str: Option<Text<'a>>,
        #[serde(borrow, default)]
        id: Option<Text<'a>>,
    }
    #[derive(Deserialize)]
    struct Said<'a> {
        #[serde(borrow, default)]
        delete: Option<Deleted<'a>>,
    }
    if let Ok(Said { delete: Some(Deleted { status }) }) = serde_json::from_slice(line) {
        let id = status.id_str.or(status.id)?.0;
        return Some(Incoming::Delete(PostKey::of(&id), id.into_owned()));
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
    let kinds = ["limit", "scrub_geo", "status_withheld", "user_withheld", "disconnect", "warning"];
    let kind = kinds.into_iter().find(|kind| object.contains_key(*kind))?;
    let detail = object.get(kind).map(ToString::to_string).unwrap_or_default();
    Some(Incoming::Notice(Notice { kind: kind.to_owned(), detail, ends: false }))
}
