//! A post as X's API v2 writes it, in both of its dialects, with the fields that were asked for and no others.
//!
//! X silently leaves out what it does not know of: a misspelt field is not an error, the field is not there.

mod shapes;

use std::collections::HashMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::json;

use super::people::Badge;
use super::posts::{Feed, Post, Relation, Target, mix, moment};
use super::text::{self, Composed, Piece};
use super::{Dialect, places};
use crate::sandbox::clock::iso;
use shapes::{
    Attachments, EditControls, Entities, Feature, Geo, Includes, Line, Media, Mention, Metrics, Note,
    PlaceOut, Point, Referenced, Tagged, Tweet, Url, User, UserMetrics, Withheld,
};

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
            referenced_tweets: references.clone().filter(|_| old),
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
            for other in others {
                add(other.author);
            }
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
            place_type: wants("place_type").then_some(place.kind),
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
mod tests;
