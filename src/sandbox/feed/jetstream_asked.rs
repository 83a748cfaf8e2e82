//! What a client of Jetstream subscribes to: from the address, and in version 1 from what it says later.

use std::collections::HashMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::bluesky::{self, Event};
use super::posts::Feed;

/// How far back a cursor can lead: 36 hours.
const LOOKBACK_US: i64 = 36 * 3600 * 1_000_000;
const MOST_COLLECTIONS: usize = 100;
const MOST_DIDS: usize = 10_000;
/// From here on, version 2 takes a cursor for microseconds since 1970.
const CURSOR_IS_TIME: u64 = 1_000_000_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) number: u64,
    seq: u64,
    time_us: i64,
    /// What version 2 tells first.
    pub(super) notice: Option<&'static str>,
}

impl Start {
    pub(super) const fn reaches(&self, event: &Event) -> bool {
        event.seq >= self.seq && event.time_us >= self.time_us
    }

    /// At a moment.
    fn at(feed: &Feed, us: i64) -> Self {
        // An event is some microseconds younger than its post.
        Self { number: feed.number_at_us(us.saturating_sub(4)), seq: 0, time_us: us, notice: None }
    }
}

/// A cursor that is too old: only version 2 says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CursorTooOld {
    /// The first that is not.
    pub(super) earliest: u64,
}

/// How messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compressed {
    /// Without a dictionary.
    Plainly,
    /// With the dictionary of this number.
    With(u64),
}

/// What a client subscribed to.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    collections: Vec<String>,
    dids: Vec<String>,
    /// Of version 2: `commit`, `identity`, `account`; empty means all.
    kinds: Vec<String>,
    /// 0 means no limit.
    largest: usize,
    cursor: Option<u64>,
    pub(super) waits_for_hello: bool,
    /// Whether messages are zstd frames.
    pub(super) compressed: Option<Compressed>,
}

impl Asked {
    pub(super) fn v1(query: &Query) -> Result<Self, String> {
        query.only(&[
            "wantedCollections",
            "wantedDids",
            "cursor",
            "maxMessageSizeBytes",
            "compress",
            "requireHello",
        ])?;
        let asked = Self {
            version: Version::One,
            collections: query.all("wantedCollections"),
            dids: query.all("wantedDids"),
            kinds: Vec::new(),
            largest: query.largest()?,
            cursor: query.number("cursor")?,
            waits_for_hello: query.one("requireHello") == Some("true"),
            compressed: (query.one("compress") == Some("true")).then_some(Compressed::Plainly),
        };
        asked.checked()
    }

    pub(super) fn v2(query: &Query) -> Result<Self, String> {
        query.only(&["collections", "dids", "kinds", "cursor", "maxMessageSizeBytes", "zstdDictionary"])?;
        let kinds = query.all("kinds");
        if let Some(kind) =
            kinds.iter().find(|kind| !["commit", "identity", "account", "sync"].contains(&kind.as_str()))
        {
            return Err(format!("invalid kind: {kind}"));
        }
        let collections = query.all("collections");
        if !collections.is_empty() && !kinds.is_empty() && !kinds.iter().any(|kind| kind == "commit") {
            return Err("collections without the kind commit could never apply".to_owned());
        }
        let asked = Self {
            version: Version::Two,
            collections,
            dids: query.all("dids"),
            kinds,
            largest: query.largest()?,
            cursor: query.number("cursor")?,
            waits_for_hello: false,
            compressed: query.number("zstdDictionary")?.map(Compressed::With),
        };
        asked.checked()
    }

    fn checked(self) -> Result<Self, String> {
        check_filters(&self.collections, &self.dids)?;
        Ok(self)
    }

    /// Where to begin. Version 1 takes any cursor, and so does version 2 if it is a time: what is too old begins as
    /// early as can be. What is ahead begins now.
    pub(super) fn begin(&self, feed: &Feed, now: Timestamp) -> Result<Start, CursorTooOld> {
        let now_us = now.as_microsecond();
        let earliest = now_us - LOOKBACK_US;
        let Some(cursor) = self.cursor else { return Ok(Start::at(feed, now_us)) };
        if self.version == Version::One || cursor >= CURSOR_IS_TIME {
            let us = i64::try_from(cursor).unwrap_or(i64::MAX);
            let is_old = self.version == Version::Two && us < earliest;
            let start = Start::at(feed, us.clamp(earliest, now_us));
            return Ok(Start { notice: is_old.then_some("OutdatedCursor"), ..start });
        }
        let number = bluesky::number_of(cursor);
        if number > feed.number_at(now) {
            return Ok(Start { notice: Some("FutureCursor"), ..Start::at(feed, now_us) });
        }
        let first = feed.number_at_us(earliest);
        if number < first {
            return Err(CursorTooOld { earliest: bluesky::first_of(first) });
        }
        Ok(Start { number, seq: cursor, time_us: i64::MIN, notice: None })
    }

    /// The event as a message, if the client wants it.
    pub(super) fn written(&self, event: &Event) -> Option<String> {
        let in_list =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|wanted| wanted == name);
        // Whatever the collections, accounts and identities are told of.
        let wanted = in_list(&self.dids, &event.did)
            && in_list(&self.kinds, event.what.kind())
            && event.what.collection().is_none_or(|collection| self.wants(collection));
        if !wanted {
            return None;
        }
        let text = match self.version {
            Version::One => event.v1(),
            Version::Two => event.v2(),
        }
        .to_string();
        (self.largest == 0 || text.len() <= self.largest).then_some(text)
    }

    pub(super) fn wants(&self, collection: &str) -> bool {
        self.collections.is_empty()
            || self.collections.iter().any(|wanted| match wanted.strip_suffix(".*") {
                Some(prefix) => collection.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')),
                None => wanted == collection,
            })
    }

    /// Takes what a client says: in version 1, it may change what it subscribed to.
    pub(super) fn hear(&mut self, said: &Message) -> ControlFlow<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Options {
            #[serde(default)]
            wanted_collections: Vec<String>,
            #[serde(default)]
            wanted_dids: Vec<String>,
            #[serde(default)]
            max_message_size_bytes: usize,
        }
        #[derive(Deserialize)]
        #[serde(tag = "type", content = "payload", rename_all = "snake_case")]
        enum Said {
            OptionsUpdate(Options),
        }
        let Message::Text(text) = said else { return ControlFlow::Continue(()) };
        if self.version == Version::Two {
            return ControlFlow::Break("this endpoint takes no messages".to_owned());
        }
        match serde_json::from_str(text.as_str()) {
            Ok(Said::OptionsUpdate(options)) => {
                if let Err(reason) = check_filters(&options.wanted_collections, &options.wanted_dids) {
                    return ControlFlow::Break(reason);
                }
                self.collections = options.wanted_collections;
                self.dids = options.wanted_dids;
                self.largest = options.max_message_size_bytes;
                self.waits_for_hello = false;
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break("the message is no options_update".to_owned()),
        }
    }
}

fn check_filters(collections: &[String], dids: &[String]) -> Result<(), String> {
    if collections.len() > MOST_COLLECTIONS {
        return Err(format!("too many wanted collections: {} > {MOST_COLLECTIONS}", collections.len()));
    }
    if dids.len() > MOST_DIDS {
        return Err(format!("too many wanted DIDs: {} > {MOST_DIDS}", dids.len()));
    }
    let is_name = |name: &str| {
        name.split('.').count() >= 2
            && name.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            })
    };
    if let Some(bad) = collections.iter().find(|name| !is_name(name.strip_suffix(".*").unwrap_or(name))) {
        return Err(format!("invalid collection: {bad}"));
    }
    if let Some(bad) = dids.iter().find(|did| !did.starts_with("did:")) {
        return Err(format!("invalid DID: {bad}"));
    }
    Ok(())
}

/// A query whose names may come more than once.
pub(super) struct Query(HashMap<String, Vec<String>>);

impl Query {
    pub(super) fn of(text: &str) -> Self {
        let mut pairs: HashMap<String, Vec<String>> = HashMap::new();
        let read = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.entry(read(name)).or_default().push(read(value));
        }
        Self(pairs)
    }

    fn only(&self, known: &[&str]) -> Result<(), String> {
        let unknown = self.0.keys().filter(|name| !known.contains(&name.as_str())).min();
        unknown.map_or(Ok(()), |name| {
            tracing::warn!(parameter = name, "unknown to the sandbox's Jetstream");
            Err(format!("unknown parameter: {name}"))
        })
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.get(name).into_iter().flatten().filter(|value| !value.is_empty()).cloned().collect()
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    fn largest(&self) -> Result<usize, String> {
        let largest = self.number("maxMessageSizeBytes")?.unwrap_or(0);
        Ok(usize::try_from(largest).unwrap_or(usize::MAX))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.one(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| format!("invalid {name}: {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        for query in [
            "wantedCollections=nonsense",
            "wantedDids=me",
            "cursor=yesterday",
            "collections=app.bsky.feed.post",
        ] {
            assert!(Asked::v1(&Query::of(query)).is_err(), "{query}");
        }
        for query in [
            "wantedCollections=app.bsky.feed.post",
            "kinds=like",
            "kinds=account&collections=app.bsky.feed.post",
        ] {
            assert!(Asked::v2(&Query::of(query)).is_err(), "{query}");
        }
        let asked = Asked::v1(&Query::of("wantedCollections=app.bsky.*")).expect("a prefix");
        assert!(asked.wants("app.bsky.feed.post") && !asked.wants("app.bskyx.feed"));
    }
}
