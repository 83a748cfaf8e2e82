//! Bluesky's Jetstream, both versions: posts that were written and deleted, and what happened to accounts.

use std::borrow::Cow;

use serde::Deserialize;

use super::lenient::Text;
use super::{Incoming, Notice};
use crate::stream::post::{Author, Post, PostKey};
use crate::stream::wording::Style;

const POSTS: &str = "app.bsky.feed.post";

/// Version 1, and what version 2 wraps.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    did: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(default)]
    time_us: Option<i64>,
    #[serde(borrow, default)]
    commit: Option<Commit<'a>>,
    /// Version 2's.
    #[serde(borrow, default)]
    payload: Option<Payload<'a>>,
    #[serde(borrow, default)]
    error: Option<Text<'a>>,
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(borrow, default)]
    operation: Option<Text<'a>>,
    #[serde(borrow, default)]
    collection: Option<Text<'a>>,
    #[serde(borrow, default)]
    rkey: Option<Text<'a>>,
    #[serde(borrow, default)]
    record: Option<Record<'a>>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "$type", default)]
    r#type: Option<Text<'a>>,
    #[serde(borrow, default)]
    did: Option<Text<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
    #[serde(borrow, flatten)]
    commit: Commit<'a>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default, rename = "createdAt")]
    created_at: Option<Text<'a>>,
    #[serde(borrow, default)]
    langs: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    reply: Option<Reply<'a>>,
    #[serde(borrow, default)]
    embed: Option<Embed<'a>>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    parent: Option<Link<'a>>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow, default)]
    uri: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Embed<'a> {
    #[serde(borrow, rename = "$type", default)]
    r#type: Option<Text<'a>>,
}

/// An event of the Jetstream.
pub(super) fn read(line: &[u8]) -> Result<Option<Incoming<'_>>, serde_json::Error> {
    let event: Event<'_> = serde_json::from_slice(line)?;
    if let Some(error) = event.error {
        let detail = event.message.map(String::from).unwrap_or_default();
        return Ok(Some(Incoming::Notice(Notice { kind: error.into(), detail, ends: true })));
    }
    let (did, commit, seen) = if let Some(payload) = event.payload {
        let kind = payload.r#type.as_ref().map(|kind| kind.0.as_ref()).unwrap_or_default();
        if !kind.ends_with("#commit") {
            let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
            return Ok(Some(Incoming::Notice(Notice { kind, ..Notice::default() })));
        }
        (payload.did, payload.commit, payload.time.and_then(|time| time.0.parse().ok()))
    } else {
        let Some(kind) = event.kind else { return Ok(None) };
        let Some(commit) = event.commit else {
            return Ok(Some(Incoming::Notice(Notice { kind: kind.into(), ..Notice::default() })));
        };
        let seen = event.time_us.and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
        (event.did, commit, seen)
    };
    let (Some(did), Some(collection), Some(rkey)) = (did, commit.collection, commit.rkey) else {
        return Ok(None);
    };
    if collection.0 != POSTS {
        return Ok(Some(Incoming::Notice(Notice { kind: collection.into(), ..Notice::default() })));
    }
    let id = format!("at://{}/{POSTS}/{}", did.0, rkey.0);
    if commit.operation.as_ref().is_some_and(|operation| operation.0 == "delete") {
        return Ok(Some(Incoming::Delete(PostKey::of(&id), id)));
    }
    let Some(record) = commit.record else { return Ok(None) };
    Ok(Some(Incoming::Posts(vec![post(id, did.0, record, seen)])))
}

fn post<'a>(id: String, did: Cow<'a, str>, record: Record<'a>, seen: Option<jiff::Timestamp>) -> Post<'a> {
    let parent = record.reply.and_then(|reply| reply.parent?.uri);
    // The client's claim may be years off or no time at all; the network's own time is not.
    let claimed: Option<jiff::Timestamp> = record.created_at.and_then(|at| at.0.parse().ok());
    let believable = claimed.filter(|claimed| {
        seen.is_none_or(|seen| claimed.duration_since(seen).abs() <= jiff::SignedDuration::from_hours(24))
    });
    Post {
        id: Cow::Owned(id),
        created_at: believable.or(seen),
        lang: record.langs.and_then(|langs| langs.into_iter().next()).map(|lang| lang.0),
        text: record.text.map(|text| text.0).unwrap_or_default(),
        style: Style::Bluesky,
        is_quote: record.embed.and_then(|embed| embed.r#type).is_some_and(|kind| {
            kind.0 == "app.bsky.embed.record" || kind.0 == "app.bsky.embed.recordWithMedia"
        }),
        // Of an address, the second part is whose it is.
        reply_to_id: parent.and_then(|uri| {
            uri.0.strip_prefix("at://")?.split('/').next().map(|did| Cow::Owned(did.to_owned()))
        }),
        author: Some(Author { screen_name: Some(did), ..Author::default() }),
        ..Post::default()
    }
}
