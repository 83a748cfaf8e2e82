//! A post as X's API v2 writes it, in both of its dialects, with the fields that were asked for and no others.
//!
//! X silently leaves out what it does not know of: a misspelt field is not an error, the field is not there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::json;

use super::people::Badge;
use super::posts::{Feed, Post, Relation, Target, mix, moment};
use super::text::{self, Composed, Piece};
use super::{Dialect, places};
use crate::sandbox::clock::iso;

const TWEET_FIELDS: [&str; 16] = [
    "attachments",
    "author_id",
    "conversation_id",
    "created_at",
    "edit_controls",
    "entities",
    "geo",
    "in_reply_to_user_id",
    "lang",
    "note_tweet",
    "possibly_sensitive",
    "public_metrics",
    "referenced_tweets",
    "reply_settings",
    "withheld",
    "text",
];
const USER_FIELDS: [&str; 7] =
    ["created_at", "location", "protected", "verified", "verified_type", "public_metrics", "withheld"];
const PLACE_FIELDS: [&str; 6] = ["contained_within", "country", "country_code", "geo", "name", "place_type"];
const MEDIA_FIELDS: [&str; 4] = ["url", "width", "height", "alt_text"];
const EXPANSIONS: [&str; 8] = [
    "author_id",
    "in_reply_to_user_id",
    "referenced_tweets.id",
    "referenced_tweets.id.author_id",
    "geo.place_id",
    "entities.mentions.username",
    "attachments.media_keys",
    "edit_history_tweet_ids",
];

/// What a client asked to be told of each post.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    tweet: Vec<&'static str>,
    user: Vec<&'static str>,
    place: Vec<&'static str>,
    media: Vec<&'static str>,
    expansions: Vec<&'static str>,
}

impl Asked {
    /// Reads `tweet.fields`, `expansions` and their like.
    pub(super) fn of(query: &HashMap<String, String>) -> Self {
        let list = |name: &str, known: &[&'static str]| {
            let asked = query.get(name).map_or("", String::as_str);
            known
                .iter()
                .copied()
                .filter(|known| asked.split(',').any(|asked| asked.trim() == *known))
                .collect()
        };
        Self {
            tweet: list("tweet.fields", &TWEET_FIELDS),
            user: list("user.fields", &USER_FIELDS),
            place: list("place.fields", &PLACE_FIELDS),
            media: list("media.fields", &MEDIA_FIELDS),
            expansions: list("expansions", &EXPANSIONS),
        }
    }

    fn expands(&self, what: &str) -> bool {
        self.expansions.contains(&what)
    }

    /// Whether a field of posts is wanted, by its name or because something is expanded through it.
    fn tells(&self, field: &str) -> bool {
        self.tweet.contains(&field)
            || self.expansions.iter().any(|expansion| {
                expansion.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }
}

/// A rule that a post matched.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Matched {
    pub(super) id: String,
    pub(super) tag: String,
}

/// One line of the stream, without its end.
pub(super) fn line(feed: &Feed, post: &Post, asked: &Asked, dialect: Dialect, matched: &[Matched]) -> String {
    let writer = Writer { feed, asked, dialect };
    let line = Line {
        data: writer.tweet(post),
        includes: writer.includes(post),
        matching_rules: matched,
        errors: writer.missing(post),
    };
    let text = serde_json::to_string(&line).expect("a line is plain data with text as keys");
    // X has written both at times; a reader must take both.
    if post.one_of(8, 17) { in_ascii(&text) } else { text }
}

/// The same document with everything beyond ASCII as escapes.
fn in_ascii(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() * 2);
    for character in line.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a String takes every text");
            }
        }
    }
    escaped
}

#[derive(Serialize)]
struct Line<'a> {
    data: Tweet<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    includes: Option<Includes<'a>>,
    matching_rules: &'a [Matched],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<serde_json::Value>,
}

/// Of each pair of names, one is there: the dialect's.
#[derive(Serialize)]
struct Tweet<'a> {
    id: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_history_tweet_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_history_post_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    possibly_sensitive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_settings: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<Attachments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_controls: Option<EditControls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_metrics: Option<Metrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<Entities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<Geo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_tweets: Option<Vec<Referenced>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_posts: Option<Vec<Referenced>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note_tweet: Option<Note<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note_post: Option<Note<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
}

#[derive(Serialize)]
struct Attachments {
    media_keys: [String; 1],
}

#[derive(Serialize)]
struct EditControls {
    edits_remaining: u8,
    is_edit_eligible: bool,
    editable_until: String,
}

#[derive(Serialize)]
struct Metrics {
    #[serde(skip_serializing_if = "Option::is_none")]
    retweet_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repost_count: Option<u64>,
    reply_count: u64,
    like_count: u64,
    quote_count: u64,
    bookmark_count: u64,
    impression_count: u64,
}

#[derive(Serialize)]
struct Referenced {
    r#type: &'static str,
    id: String,
}

#[derive(Serialize)]
struct Note<'a> {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<Entities<'a>>,
}

#[derive(Serialize)]
struct Withheld {
    copyright: bool,
    country_codes: [&'static str; 2],
    scope: &'static str,
}

#[derive(Serialize, Default)]
struct Entities<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashtags: Vec<Tagged>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cashtags: Vec<Tagged>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<Mention<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<Url<'a>>,
}

#[derive(Serialize)]
struct Tagged {
    start: usize,
    end: usize,
    tag: &'static str,
}

#[derive(Serialize)]
struct Mention<'a> {
    start: usize,
    end: usize,
    username: &'a str,
    id: String,
}

#[derive(Serialize)]
struct Url<'a> {
    start: usize,
    end: usize,
    url: String,
    expanded_url: &'a str,
    display_url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_key: Option<String>,
}

#[derive(Serialize)]
struct Geo {
    place_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinates: Option<Point>,
}

#[derive(Serialize)]
struct Point {
    r#type: &'static str,
    coordinates: [f64; 2],
}

#[derive(Serialize, Default)]
struct Includes<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<User<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tweets: Vec<Tweet<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    posts: Vec<Tweet<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<PlaceOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    media: Vec<Media>,
}

#[derive(Serialize)]
struct User<'a> {
    id: String,
    name: &'a str,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_metrics: Option<UserMetrics>,
}

#[derive(Serialize)]
struct UserMetrics {
    followers_count: u32,
    following_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tweet_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_count: Option<u32>,
    listed_count: u32,
    like_count: u32,
    media_count: u32,
}

#[derive(Serialize)]
struct PlaceOut {
    id: &'static str,
    full_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<Feature>,
}

#[derive(Serialize)]
struct Feature {
    r#type: &'static str,
    bbox: [f64; 4],
    properties: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Media {
    media_key: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_text: Option<&'static str>,
}

struct Writer<'a> {
    feed: &'a Feed,
    asked: &'a Asked,
    dialect: Dialect,
}

impl<'a> Writer<'a> {
    fn tweet(&self, post: &'a Post) -> Tweet<'a> {
        let wants = |field| self.asked.tells(field);
        let composed = match (post.refers(Relation::Retweeted), post.worded()) {
            (Some(Target::Whole(original)), _) => {
                text::retweet_for_x(self.feed.mention(original.author), &original.pieces, self.feed.people())
            }
            (Some(_), _) => {
                Composed { text: "RT @gone_user: this was deleted".to_owned(), spans: Vec::new() }
            }
            _ => text::for_x(&post.pieces, self.feed.people()),
        };
        let (shown, whole) = if composed.text.chars().count() > text::SHORT {
            (text::shortened(&composed), Some(composed))
        } else {
            (composed, None)
        };
        let note = whole
            .filter(|_| wants("note_tweet"))
            .map(|whole| Note { entities: self.entities(post, &whole.spans), text: whole.text });
        let history = edit_history(post);
        let references = (wants("referenced_tweets") && !post.references.is_empty()).then(|| {
            let named = |(relation, target): &(Relation, Target)| Referenced {
                r#type: relation.name(),
                id: target.id().to_string(),
            };
            post.references.iter().map(named).collect::<Vec<_>>()
        });
        let controls = wants("edit_controls").then(|| edit_controls(post, history.len()));
        let (old, new) = (self.dialect == Dialect::Tweet, self.dialect == Dialect::Post);
        let (note_tweet, note_post) = if old { (note, None) } else { (None, note) };
        Tweet {
            id: post.id.to_string(),
            entities: self.entities(post, &shown.spans).filter(|_| wants("entities")),
            text: shown.text,
            edit_history_tweet_ids: old.then(|| history.clone()),
            edit_history_post_ids: new.then_some(history),
            created_at: wants("created_at").then(|| iso(moment(post.at))),
            author_id: wants("author_id").then(|| self.feed.person(post.author).id.to_string()),
            conversation_id: wants("conversation_id").then(|| post.conversation.to_string()),
            in_reply_to_user_id: post
                .reply_to
                .filter(|_| wants("in_reply_to_user_id"))
                .map(|to| self.feed.person(to).id.to_string()),
            lang: wants("lang").then_some(post.lang),
            possibly_sensitive: wants("possibly_sensitive").then(|| post.one_of(90, 2)),
            reply_settings: wants("reply_settings").then_some("everyone"),
            attachments: (has_picture(post) && wants("attachments"))
                .then(|| Attachments { media_keys: [media_key(post)] }),
            edit_controls: controls,
            public_metrics: wants("public_metrics").then(|| self.metrics(post)),
            geo: post.place.filter(|_| wants("geo")).map(|place| Geo {
                place_id: place.id,
                coordinates: post.point.map(|(lon, lat)| Point { r#type: "Point", coordinates: [lon, lat] }),
            }),
            referenced_tweets: references
                .as_ref()
                .filter(|_| old)
                .map(|all| all.iter().map(Referenced::copy).collect()),
            referenced_posts: references.filter(|_| new),
            note_tweet,
            note_post,
            withheld: (wants("withheld") && post.one_of(700, 3)).then_some(Withheld {
                copyright: false,
                country_codes: ["DE", "TR"],
                scope: if old { "tweet" } else { "post" },
            }),
        }
    }

    fn entities(&self, post: &Post, spans: &[text::Span<'a>]) -> Option<Entities<'a>> {
        if spans.is_empty() {
            return None;
        }
        let mut entities = Entities::default();
        for text::Span { start, end, piece } in spans.iter().copied() {
            match piece {
                Piece::Words(_) => {}
                Piece::Tag(tag) => entities.hashtags.push(Tagged { start, end, tag }),
                Piece::Cash(tag) => entities.cashtags.push(Tagged { start, end, tag }),
                Piece::Mention(whom) => {
                    let person = self.feed.person(*whom);
                    entities.mentions.push(Mention {
                        start,
                        end,
                        username: &person.handle,
                        id: person.id.to_string(),
                    });
                }
                Piece::Link(link) => entities.urls.push(Url {
                    start,
                    end,
                    url: link.short(),
                    expanded_url: &link.page,
                    display_url: if link.picture {
                        format!("pic.x.com/{}", link.code).into()
                    } else {
                        link.display().into()
                    },
                    media_key: link.picture.then(|| media_key(post.worded())),
                }),
            }
        }
        Some(entities)
    }

    /// At the time of the stream a post has hardly been seen; what it repeats has.
    fn metrics(&self, post: &Post) -> Metrics {
        let original = post.worded();
        let seen = popularity(self.feed, original);
        let fresh = std::ptr::eq(original, post);
        let retweets = seen / 40;
        let of = |share: u64| if fresh { 0 } else { share };
        Metrics {
            retweet_count: (self.dialect == Dialect::Tweet).then_some(of(retweets)),
            repost_count: (self.dialect == Dialect::Post).then_some(of(retweets)),
            reply_count: 0,
            like_count: 0,
            quote_count: 0,
            bookmark_count: 0,
            impression_count: 0,
        }
    }

    fn included_tweet(&self, post: &'a Post) -> Tweet<'a> {
        let mut tweet = self.tweet(post);
        if let Some(metrics) = &mut tweet.public_metrics {
            let seen = popularity(self.feed, post);
            *metrics = Metrics {
                retweet_count: metrics.retweet_count.map(|_| seen / 40),
                repost_count: metrics.repost_count.map(|_| seen / 40),
                reply_count: seen / 90,
                like_count: seen / 12,
                quote_count: seen / 400,
                bookmark_count: seen / 300,
                impression_count: seen,
            };
        }
        tweet
    }

    fn includes(&self, post: &'a Post) -> Option<Includes<'a>> {
        let mut includes = Includes::default();
        let others: Vec<&Post> = post.references.iter().filter_map(|(_, target)| target.whole()).collect();
        includes.users = self.people(post, &others).into_iter().map(|whom| self.user(whom)).collect();
        if self.asked.expands("referenced_tweets.id") || self.asked.expands("referenced_tweets.id.author_id")
        {
            let mut tweets: Vec<Tweet<'_>> = Vec::new();
            for other in others {
                if !tweets.iter().any(|included| included.id == other.id.to_string()) {
                    tweets.push(self.included_tweet(other));
                }
            }
            match self.dialect {
                Dialect::Tweet => includes.tweets = tweets,
                Dialect::Post => includes.posts = tweets,
            }
        }
        if self.asked.expands("geo.place_id") {
            // Now and then X does not give the place.
            includes.places = post
                .place
                .filter(|_| !post.one_of(30, 5))
                .map(|place| self.place(place))
                .into_iter()
                .collect();
        }
        if self.asked.expands("attachments.media_keys") && has_picture(post) {
            includes.media = vec![self.media(post)];
        }
        let nothing = includes.users.is_empty()
            && includes.tweets.is_empty()
            && includes.posts.is_empty()
            && includes.places.is_empty()
            && includes.media.is_empty();
        (!nothing).then_some(includes)
    }

    /// Who is included, each once.
    fn people(&self, post: &Post, others: &[&Post]) -> Vec<usize> {
        let mut people = Vec::new();
        let mut add = |whom: usize| {
            if !people.contains(&whom) {
                people.push(whom);
            }
        };
        // The author of one post in some hundreds is missing: accounts are suspended between two moments.
        if self.asked.expands("author_id") && !post.one_of(500, 6) {
            add(post.author);
        }
        if self.asked.expands("in_reply_to_user_id")
            && let Some(to) = post.reply_to
        {
            add(to);
        }
        if self.asked.expands("referenced_tweets.id.author_id") {
            others.iter().for_each(|other| add(other.author));
        }
        if self.asked.expands("entities.mentions.username") {
            for piece in &post.pieces {
                if let Piece::Mention(whom) = piece {
                    add(*whom);
                }
            }
            if let Some(original) = post.refers(Relation::Retweeted).and_then(Target::whole) {
                add(original.author);
            }
        }
        people
    }

    fn user(&self, whom: usize) -> User<'a> {
        let person = self.feed.person(whom);
        let wants = |field| self.asked.user.contains(&field);
        User {
            id: person.id.to_string(),
            name: &person.name,
            username: &person.handle,
            created_at: wants("created_at").then(|| iso(moment(person.joined * 1000))),
            location: person.location.filter(|_| wants("location")),
            protected: wants("protected").then_some(person.protected),
            verified: wants("verified").then_some(person.verified != Badge::None),
            verified_type: wants("verified_type").then_some(person.verified.name()),
            public_metrics: wants("public_metrics").then_some(UserMetrics {
                followers_count: person.followers,
                following_count: person.following,
                tweet_count: (self.dialect == Dialect::Tweet).then_some(person.posts),
                post_count: (self.dialect == Dialect::Post).then_some(person.posts),
                listed_count: person.listed,
                like_count: person.likes,
                media_count: person.media,
            }),
        }
    }

    fn place(&self, place: &'static places::Place) -> PlaceOut {
        let wants = |field| self.asked.place.contains(&field);
        PlaceOut {
            id: place.id,
            full_name: place.full_name,
            name: wants("name").then_some(place.name),
            country: wants("country").then_some(place.country),
            country_code: wants("country_code").then_some(place.country_code),
            place_type: wants("place_type").then_some(place.place_type),
            geo: wants("geo").then(|| Feature {
                r#type: "Feature",
                bbox: place.bbox,
                properties: serde_json::Map::new(),
            }),
        }
    }

    fn media(&self, post: &Post) -> Media {
        let wants = |field| self.asked.media.contains(&field);
        Media {
            media_key: media_key(post),
            r#type: "photo",
            url: wants("url").then(|| format!("https://media.example.org/{:x}.jpg", post.salt)),
            width: wants("width").then_some(1200),
            height: wants("height").then_some(800),
            alt_text: wants("alt_text").then_some("a picture"),
        }
    }

    /// What was expanded but is not there, told beside the post.
    fn missing(&self, post: &Post) -> Vec<serde_json::Value> {
        let mut errors = Vec::new();
        if self.asked.expands("referenced_tweets.id") {
            for (_, target) in &post.references {
                if let Target::Gone { id } = target {
                    errors.push(not_found("tweet", "referenced_tweets.id", &id.to_string()));
                }
            }
        }
        if self.asked.expands("author_id") && post.one_of(500, 6) {
            errors.push(not_found("user", "author_id", &self.feed.person(post.author).id.to_string()));
        }
        errors
    }
}

impl Referenced {
    fn copy(&self) -> Self {
        Self { r#type: self.r#type, id: self.id.clone() }
    }
}

fn not_found(kind: &str, parameter: &str, id: &str) -> serde_json::Value {
    json!({
        "value": id,
        "detail": format!("Could not find {kind} with {parameter}: [{id}]."),
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": id,
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    })
}

pub(super) fn has_picture(post: &Post) -> bool {
    post.worded().pieces.iter().any(|piece| matches!(piece, Piece::Link(link) if link.picture))
}

fn media_key(post: &Post) -> String {
    format!("3_{}", post.id)
}

/// How often a post that has been out for a while has been seen.
pub(super) fn popularity(feed: &Feed, post: &Post) -> u64 {
    u64::from(feed.person(post.author).followers) / (1 + mix(post.salt, 7) % 40)
}

const HALF_AN_HOUR_US: i64 = 30 * 60 * 1_000_000;
const TWO_MINUTES_MS: i64 = 120_000;

/// The ids that a post had before it was edited, and its own. Few are edited.
fn edit_history(post: &Post) -> Vec<String> {
    if !edited(post) {
        return vec![post.id.to_string()];
    }
    let earlier = super::posts::snowflake(post.at_ms() - TWO_MINUTES_MS, post.salt & 0xfff);
    vec![earlier.to_string(), post.id.to_string()]
}

fn edited(post: &Post) -> bool {
    post.references.is_empty() && post.one_of(250, 8)
}

fn edit_controls(post: &Post, versions: usize) -> EditControls {
    let first = if versions > 1 { post.at - TWO_MINUTES_MS * 1000 } else { post.at };
    EditControls {
        edits_remaining: if versions > 1 { 4 } else { 5 },
        is_edit_eligible: post.references.is_empty(),
        editable_until: iso(moment(first + HALF_AN_HOUR_US)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What hydrant asks for, to rebuild its records.
    pub(in super::super) fn everything() -> Asked {
        let query = [
            (
                "tweet.fields",
                "created_at,lang,public_metrics,referenced_tweets,in_reply_to_user_id,entities,geo,note_tweet,source,\
                 possibly_sensitive,withheld,edit_history_tweet_ids,edit_controls,conversation_id,author_id",
            ),
            (
                "expansions",
                "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,geo.place_id,\
                 entities.mentions.username",
            ),
            (
                "user.fields",
                "created_at,location,protected,verified,verified_type,public_metrics,name,username,withheld",
            ),
            ("place.fields", "contained_within,country,country_code,full_name,geo,id,name,place_type"),
        ];
        Asked::of(&query.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect())
    }

    fn lines(asked: &Asked, dialect: Dialect, count: u64) -> Vec<Value> {
        let feed = Feed::new(7, 20);
        let first = feed.number_at("2026-11-20T14:03:01Z".parse().expect("a time"));
        let matched = [Matched { id: "1991000000000000101".to_owned(), tag: "space-1".to_owned() }];
        (first..first + count)
            .map(|number| {
                let text = line(&feed, &feed.post(number), asked, dialect, &matched);
                assert!(!text.contains(['\n', '\r']), "a record is one line: {text}");
                serde_json::from_str(&text).expect("a line is JSON")
            })
            .collect()
    }

    #[test]
    fn what_was_not_asked_for_is_not_there() {
        for line in lines(&Asked::default(), Dialect::Tweet, 200) {
            let data = line["data"].as_object().expect("a post");
            let fields: Vec<&str> = data.keys().map(String::as_str).collect();
            assert_eq!(fields, ["edit_history_tweet_ids", "id", "text"]);
            assert!(line.get("includes").is_none());
        }
    }

    #[test]
    fn the_dialects_differ_in_names_only() {
        let (old, new) =
            (lines(&everything(), Dialect::Tweet, 400), lines(&everything(), Dialect::Post, 400));
        let renamed = |line: &Value| {
            line.to_string()
                .replace("referenced_posts", "referenced_tweets")
                .replace("note_post", "note_tweet")
                .replace("edit_history_post_ids", "edit_history_tweet_ids")
                .replace("\"posts\":", "\"tweets\":")
                .replace("repost_count", "retweet_count")
                .replace("post_count", "tweet_count")
                .replace("\"scope\":\"post\"", "\"scope\":\"tweet\"")
        };
        for (old, new) in old.iter().zip(&new) {
            let new: Value = serde_json::from_str(&renamed(new)).expect("still JSON");
            assert_eq!(*old, new);
        }
    }

    #[test]
    fn every_entity_stands_where_it_says() {
        let mut met = 0;
        for line in lines(&everything(), Dialect::Tweet, 1500) {
            let mut texts = vec![(&line["data"]["text"], &line["data"]["entities"])];
            let note = &line["data"]["note_tweet"];
            texts.push((&note["text"], &note["entities"]));
            for (text, entities) in texts {
                let Some(text) = text.as_str() else { continue };
                let letters: Vec<char> = text.chars().collect();
                for (kind, entity) in entities.as_object().into_iter().flatten().flat_map(|(kind, all)| {
                    all.as_array().expect("a list").iter().map(move |entity| (kind, entity))
                }) {
                    let (start, end) =
                        (entity["start"].as_u64().expect("a number"), entity["end"].as_u64().expect("one"));
                    let range = usize::try_from(start).expect("small")..usize::try_from(end).expect("small");
                    let slice: String = letters.get(range).expect("within the text").iter().collect();
                    let said = match kind.as_str() {
                        "hashtags" => format!("#{}", entity["tag"].as_str().expect("a tag")),
                        "cashtags" => format!("${}", entity["tag"].as_str().expect("a tag")),
                        "mentions" => format!("@{}", entity["username"].as_str().expect("a handle")),
                        _ => entity["url"].as_str().expect("a link").to_owned(),
                    };
                    assert_eq!(slice, said);
                    met += 1;
                }
            }
        }
        assert!(met > 1000);
    }

    #[test]
    fn long_posts_retweets_quotes_and_places_come_as_x_sends_them() {
        let mut met = std::collections::BTreeSet::new();
        for line in lines(&everything(), Dialect::Tweet, 4000) {
            let data = &line["data"];
            let text = data["text"].as_str().expect("a text");
            assert!(text.chars().count() <= text::SHORT, "{text}");
            if let Some(note) = data["note_tweet"]["text"].as_str() {
                met.insert("long");
                assert!(text.ends_with('…') && note.chars().count() > text::SHORT);
            }
            for reference in data["referenced_tweets"].as_array().into_iter().flatten() {
                let included = line["includes"]["tweets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|tweet| tweet["id"] == reference["id"]);
                match (reference["type"].as_str().expect("a type"), included) {
                    ("retweeted", Some(original)) => {
                        met.insert("retweeted");
                        assert!(text.starts_with("RT @"));
                        assert!(original["public_metrics"]["impression_count"].is_u64());
                    }
                    ("retweeted", None) => {
                        met.insert("gone");
                        assert_eq!(line["errors"][0]["resource_id"], reference["id"]);
                    }
                    ("quoted", Some(_)) => {
                        met.insert("quoted");
                    }
                    ("replied_to", Some(parent)) => {
                        met.insert("replied_to");
                        assert_eq!(data["in_reply_to_user_id"], parent["author_id"]);
                        assert!(text.starts_with('@'));
                    }
                    other => panic!("{other:?}"),
                }
            }
            if data["geo"]["place_id"].is_string() {
                met.insert("place");
            }
            if data["geo"]["coordinates"].is_object() {
                met.insert("point");
            }
            if data["edit_history_tweet_ids"].as_array().expect("a history").len() > 1 {
                met.insert("edited");
            }
        }
        let all = ["edited", "gone", "long", "place", "point", "quoted", "replied_to", "retweeted"];
        assert_eq!(met.into_iter().collect::<Vec<_>>(), all);
    }
}
