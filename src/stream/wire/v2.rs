//! X's API v2: a post in its envelope (`data`, `includes`), a page of them, or flattened by twarc; with the names of
//! before and after August 2026, when X renamed tweets to posts.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor, value};

use super::lenient::{Count, Text, either};
use super::{Incoming, Notice};
use crate::stream::post::{Author, Counts, Place, Point, Post};
use crate::stream::wording::Style;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(borrow, default)]
    includes: Option<Includes<'a>>,
}

/// One post, or a page of them.
enum Data<'a> {
    One(Box<Tweet<'a>>),
    Page(Vec<Tweet<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Data<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a post or a list of posts")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Tweet::deserialize(value::MapAccessDeserializer::new(map))
                    .map(|tweet| Data::One(Box::new(tweet)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(list)).map(Data::Page)
            }
        }

        from.deserialize_any(Reads)
    }
}

#[derive(Deserialize, Default)]
struct Includes<'a> {
    #[serde(borrow, default)]
    users: Option<Vec<User<'a>>>,
    #[serde(borrow, default)]
    tweets: Option<Vec<Tweet<'a>>>,
    #[serde(borrow, default)]
    posts: Option<Vec<Tweet<'a>>>,
    #[serde(borrow, default)]
    places: Option<Vec<Geo<'a>>>,
}

#[derive(Deserialize, Default)]
#[allow(clippy::struct_field_names, reason = "X's names")]
struct Tweet<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    created_at: Option<Text<'a>>,
    #[serde(borrow, default)]
    author_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    lang: Option<Text<'a>>,
    #[serde(borrow, default)]
    in_reply_to_user_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    source: Option<Text<'a>>,
    #[serde(default)]
    public_metrics: Option<Metrics>,
    #[serde(borrow, default)]
    referenced_tweets: Option<Vec<Reference<'a>>>,
    #[serde(borrow, default)]
    referenced_posts: Option<Vec<Reference<'a>>>,
    #[serde(borrow, default)]
    note_tweet: Option<Note<'a>>,
    #[serde(borrow, default)]
    note_post: Option<Note<'a>>,
    #[serde(borrow, default)]
    geo: Option<Geo<'a>>,
    /// Flattened: who wrote it, in place.
    #[serde(borrow, default)]
    author: Option<User<'a>>,
    /// Flattened: whom it answers, in place.
    #[serde(borrow, default)]
    in_reply_to_user: Option<User<'a>>,
}

#[derive(Deserialize)]
struct Note<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
}

/// A post that another refers to; flattened, with its own parts.
#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, default)]
    r#type: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    note_tweet: Option<Note<'a>>,
    #[serde(borrow, default)]
    note_post: Option<Note<'a>>,
}

#[derive(Deserialize, Default)]
#[allow(clippy::struct_field_names, reason = "X's names")]
struct Metrics {
    #[serde(default)]
    retweet_count: Option<Count>,
    #[serde(default)]
    repost_count: Option<Count>,
    #[serde(default)]
    reply_count: Option<Count>,
    #[serde(default)]
    like_count: Option<Count>,
    #[serde(default)]
    quote_count: Option<Count>,
}

#[derive(Deserialize, Default)]
struct User<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    username: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    created_at: Option<Text<'a>>,
    #[serde(borrow, default)]
    location: Option<Text<'a>>,
    #[serde(default)]
    protected: Option<bool>,
    #[serde(default)]
    verified: Option<bool>,
    #[serde(default)]
    public_metrics: Option<UserMetrics>,
}

#[derive(Deserialize, Default)]
#[allow(clippy::struct_field_names, reason = "X's names")]
struct UserMetrics {
    #[serde(default)]
    followers_count: Option<Count>,
    #[serde(default)]
    following_count: Option<Count>,
    #[serde(default)]
    tweet_count: Option<Count>,
    #[serde(default)]
    post_count: Option<Count>,
    #[serde(default)]
    listed_count: Option<Count>,
    #[serde(default)]
    like_count: Option<Count>,
}

/// A place in `includes`, a post's `geo`, or, flattened, both in one.
#[derive(Deserialize, Default)]
struct Geo<'a> {
    #[serde(borrow, default)]
    place_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    full_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    country: Option<Text<'a>>,
    #[serde(borrow, default)]
    country_code: Option<Text<'a>>,
    #[serde(borrow, default)]
    place_type: Option<Text<'a>>,
    #[serde(default, rename = "geo")]
    outline: Option<Feature>,
    #[serde(default)]
    coordinates: Option<GeoPoint>,
}

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    bbox: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct GeoPoint {
    #[serde(default)]
    coordinates: Option<Vec<f64>>,
}

/// A line with `data`, or one of X's notices.
pub(super) fn enveloped(line: &[u8]) -> Result<Option<Incoming<'_>>, serde_json::Error> {
    let Envelope { data, includes } = serde_json::from_slice(line)?;
    let mut includes = includes.unwrap_or_default();
    let posts: Vec<Post<'_>> = match data {
        Some(Data::One(tweet)) => tweet.into_post(&mut includes).into_iter().collect(),
        Some(Data::Page(tweets)) => {
            tweets.into_iter().filter_map(|tweet| tweet.into_post(&mut includes)).collect()
        }
        None => return Ok(notice(line).map(Incoming::Notice)),
    };
    Ok((!posts.is_empty()).then_some(Incoming::Posts(posts)))
}

/// Whether a key is there, whatever it says: a record in JSON has all of its columns, and many are `null`.
#[derive(Default)]
struct There(bool);

impl<'de> Deserialize<'de> for There {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(|_| Self(true))
    }
}

/// A post that stands alone, with its author and references in place.
pub(super) fn flat(line: &[u8]) -> Result<Option<Incoming<'_>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Marks {
        #[serde(default)]
        id_str: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        user: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        is_quote_status: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        tweet_text_urls: There,
    }
    let marks: Marks = serde_json::from_slice(line)?;
    let is_v1 = marks.id_str.is_some() || marks.user.is_some() || marks.is_quote_status.is_some();
    if is_v1 || marks.tweet_text_urls.0 {
        return Ok(None);
    }
    let tweet: Tweet<'_> = serde_json::from_slice(line)?;
    if tweet.text.is_none() {
        return Ok(None);
    }
    Ok(tweet.into_post(&mut Includes::default()).map(|post| Incoming::Posts(vec![post])))
}

impl<'a> Tweet<'a> {
    /// The post; `None` without an id or a text.
    fn into_post(mut self, includes: &mut Includes<'a>) -> Option<Post<'a>> {
        let id = self.id.take()?.0;
        let own_text = self.full_text()?;
        let references =
            either(self.referenced_tweets.take(), self.referenced_posts.take()).unwrap_or_default();
        let of_type = |names: &[&str]| {
            references.iter().find(|reference| {
                reference.r#type.as_ref().is_some_and(|kind| names.contains(&kind.0.as_ref()))
            })
        };
        let repeated = of_type(&["retweeted", "reposted"]);
        let is_quote = of_type(&["quoted"]).is_some();
        let original = repeated.and_then(|repeated| {
            repeated.full_text().or_else(|| {
                let id = repeated.id.as_ref()?;
                let included = [&includes.tweets, &includes.posts].into_iter().flatten().flatten();
                included.into_iter().find(|tweet| tweet.id.as_ref() == Some(id))?.shown_text()
            })
        });
        let named = |user: &User<'a>| user.username.as_ref().map(|name| name.0.clone());
        let reply_to_name = match &self.in_reply_to_user {
            Some(user) => named(user),
            None => self.in_reply_to_user_id.as_ref().and_then(|id| includes.user(id).and_then(named)),
        };
        let author = match self.author.take() {
            Some(user) => Some(user.author()),
            None => self.author_id.as_ref().and_then(|id| includes.user(id)).map(User::author),
        };
        let geo = self.geo.take().unwrap_or_default();
        let metrics = self.public_metrics.unwrap_or_default();
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        Some(Post {
            id,
            created_at: self.created_at.and_then(|at| at.0.parse().ok()),
            lang: self.lang.map(|lang| lang.0),
            text: original.unwrap_or(own_text),
            style: Style::X,
            is_retweet: repeated.is_some(),
            is_quote,
            reply_to_id: self.in_reply_to_user_id.map(|id| id.0),
            reply_to_name,
            source: self.source.map(|source| source.0),
            counts: Counts {
                quotes: count(metrics.quote_count),
                replies: count(metrics.reply_count),
                retweets: count(either(metrics.retweet_count, metrics.repost_count)),
                favorites: count(metrics.like_count),
            },
            author,
            point: geo.point(),
            place: geo.place(includes),
        })
    }

    fn full_text(&mut self) -> Option<Cow<'a, str>> {
        let note = either(self.note_tweet.take(), self.note_post.take()).and_then(|note| note.text);
        note.or_else(|| self.text.take()).map(|text| text.0)
    }

    fn shown_text(&self) -> Option<Cow<'a, str>> {
        shown([self.note_tweet.as_ref(), self.note_post.as_ref()], self.text.as_ref())
    }
}

impl<'a> Reference<'a> {
    fn full_text(&self) -> Option<Cow<'a, str>> {
        shown([self.note_tweet.as_ref(), self.note_post.as_ref()], self.text.as_ref())
    }
}

/// The long form where there is one.
fn shown<'a>(notes: [Option<&Note<'a>>; 2], text: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    let note = notes.into_iter().find_map(|note| note?.text.as_ref());
    note.or(text).map(|text| text.0.clone())
}

impl<'a> Includes<'a> {
    fn user(&self, id: &Text<'a>) -> Option<&User<'a>> {
        self.users.as_ref()?.iter().find(|user| user.id.as_ref() == Some(id))
    }
}

impl<'a> User<'a> {
    fn author(&self) -> Author<'a> {
        let text = |text: &Option<Text<'a>>| text.as_ref().map(|text| text.0.clone());
        let metrics = self.public_metrics.as_ref();
        let count = |of: fn(&UserMetrics) -> Option<Count>| metrics.and_then(of).map(|count| count.0);
        Author {
            name: text(&self.name),
            screen_name: text(&self.username),
            location: text(&self.location),
            followers: count(|metrics| metrics.followers_count),
            friends: count(|metrics| metrics.following_count),
            listed: count(|metrics| metrics.listed_count),
            favourites: count(|metrics| metrics.like_count),
            statuses: count(|metrics| either(metrics.tweet_count, metrics.post_count)),
            protected: self.protected,
            verified: self.verified,
            joined: self.created_at.as_ref().and_then(|at| at.0.parse().ok()),
        }
    }
}

impl<'a> Geo<'a> {
    fn point(&self) -> Option<Point> {
        match self.coordinates.as_ref()?.coordinates.as_deref()? {
            [lon, lat] => Some(Point { lon: *lon, lat: *lat }),
            _ => None,
        }
    }

    /// The place, from `includes` or in place; of one that did not come, the id.
    fn place(&self, includes: &Includes<'a>) -> Option<Place<'a>> {
        let id = self.place_id.as_ref().or(self.id.as_ref())?;
        let included = includes
            .places
            .as_ref()
            .and_then(|places| places.iter().find(|place| place.id.as_ref() == Some(id)));
        let from = included.unwrap_or(self);
        let text = |text: &Option<Text<'a>>| text.as_ref().map(|text| text.0.clone()).unwrap_or_default();
        let bounds = from.outline.as_ref().and_then(|outline| outline.bbox.as_deref()?.try_into().ok());
        Some(Place {
            id: id.0.clone(),
            kind: text(&from.place_type),
            name: text(&from.name),
            full_name: text(&from.full_name),
            country_code: text(&from.country_code),
            country: text(&from.country),
            bounds,
        })
    }
}

/// One of X's in-band messages, wrapped in `errors` or bare.
pub(super) fn notice(line: &[u8]) -> Option<Notice> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
        message: Option<String>,
        disconnect_type: Option<String>,
        connection_issue: Option<String>,
        r#type: Option<String>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Bare {
        errors: Option<Vec<Problem>>,
        #[serde(flatten)]
        own: Problem,
    }
    let Bare { errors, own } = serde_json::from_slice(line).ok()?;
    let (problem, is_listed) = match errors {
        Some(errors) => (errors.into_iter().next()?, true),
        None => (own, false),
    };
    // A bare message is only one if it says what it is.
    let says = problem.disconnect_type.is_some()
        || problem.connection_issue.is_some()
        || (problem.title.is_some() && problem.r#type.is_some())
        || (is_listed && problem.message.is_some());
    if !says {
        return None;
    }
    let kind = problem.disconnect_type.or(problem.connection_issue).or(problem.title).unwrap_or_default();
    Some(Notice { kind, detail: problem.detail.or(problem.message).unwrap_or_default(), ends: true })
}
