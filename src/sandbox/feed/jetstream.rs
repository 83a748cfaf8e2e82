//! Bluesky's Jetstream, versions 1 and 2, on a websocket of its own: the feed's events from a cursor or from now on.
//!
//! Nothing is kept: an event is made when it is sent, so a replay of hours costs no memory, and a slow reader only
//! holds up itself, until it is dropped.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::bluesky::{self, Event};
use super::posts::Feed;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A reader that takes nothing for so long is dropped.
const SEND_LIMIT: Duration = Duration::from_secs(30);
const LOOKS: Duration = Duration::from_millis(50);
/// Posts between two looks at what the client says.
const AT_ONCE: u64 = 64;
/// How far back a cursor can lead: 36 hours.
const LOOKBACK_US: i64 = 36 * 3600 * 1_000_000;
const MOST_COLLECTIONS: usize = 100;
const MOST_DIDS: usize = 10_000;
/// From here on, version 2 takes a cursor for microseconds since 1970.
const CURSOR_IS_TIME: u64 = 1_000_000_000_000_000;

/// Serves until asked to stop. Every connection ends with it.
pub(crate) async fn serve(listener: TcpListener, feed: Arc<Feed>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (feed, stop) = (Arc::clone(&feed), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A client that goes away in the middle is its own affair.
                ended = converse(&feed, stream) => drop(ended),
                () = stop.cancelled() => {}
            }
        });
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn converse(feed: &Feed, stream: TcpStream) -> Result<(), Error> {
    let mut asked = None;
    let door = Door { asked: &mut asked };
    let accepting = tokio_tungstenite::accept_hdr_async(stream, door);
    let Ok(accepted) = tokio::time::timeout(HANDSHAKE_LIMIT, accepting).await else { return Ok(()) };
    let mut socket = accepted?;
    let Some(asked) = asked else { return Ok(()) };
    if let Some(refusal) = &asked.refusal {
        return close(&mut socket, CloseCode::Unsupported, refusal).await;
    }
    let now = Timestamp::now();
    match asked.begin(feed, now) {
        Ok(from) => give(feed, &mut socket, asked, from).await,
        Err(error) => {
            let frame = json!({ "$type": "error", "error": error, "message": error.message() });
            send(&mut socket, Message::text(frame.to_string())).await?;
            close(&mut socket, CloseCode::Policy, error.message()).await
        }
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), Error> {
    tokio::time::timeout(SEND_LIMIT, socket.send(message)).await.unwrap_or(Err(Error::ConnectionClosed))
}

async fn close(socket: &mut Socket, code: CloseCode, reason: &str) -> Result<(), Error> {
    tokio::time::timeout(SEND_LIMIT, socket.close(Some(CloseFrame { code, reason: reason.into() })))
        .await
        .unwrap_or(Err(Error::ConnectionClosed))?;
    // The handshake of closing is the client's turn now.
    while let Ok(Some(Ok(_))) = tokio::time::timeout(HANDSHAKE_LIMIT, socket.next()).await {}
    Ok(())
}

/// Gives events from a cursor on: as fast as they are taken up to now, then as they happen.
async fn give(feed: &Feed, socket: &mut Socket, mut asked: Asked, from: Start) -> Result<(), Error> {
    let mut next = from.number;
    let mut looks = tokio::time::interval(LOOKS);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            said = socket.next() => {
                match said.transpose()? {
                    None | Some(Message::Close(_)) => return Ok(()),
                    Some(said) => if let ControlFlow::Break(reason) = asked.hear(&said) {
                        return close(socket, CloseCode::Policy, &reason).await;
                    }
                }
                continue;
            }
        }
        if asked.waits_for_hello {
            continue;
        }
        let due = feed.number_at(Timestamp::now());
        let upto = due.min(next + AT_ONCE);
        let behind = upto < due;
        for number in next..upto {
            for event in bluesky::events(feed, number).iter().filter(|event| from.reaches(event)) {
                if let Some(text) = asked.written(event) {
                    let message = Message::text(text);
                    tokio::time::timeout(SEND_LIMIT, socket.feed(message))
                        .await
                        .unwrap_or(Err(Error::ConnectionClosed))?;
                }
            }
        }
        next = next.max(upto);
        tokio::time::timeout(SEND_LIMIT, socket.flush()).await.unwrap_or(Err(Error::ConnectionClosed))?;
        if behind {
            looks.reset_immediately();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    number: u64,
    seq: u64,
    time_us: i64,
}

impl Start {
    const fn reaches(&self, event: &Event) -> bool {
        event.seq >= self.seq && event.time_us >= self.time_us
    }

    /// At a moment.
    fn at(feed: &Feed, us: i64) -> Self {
        // An event is some microseconds younger than its post.
        Self { number: feed.number_at_us(us.saturating_sub(4)), seq: 0, time_us: us }
    }
}

/// What is wrong with a cursor; only version 2 says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
enum BadCursor {
    FutureCursor,
    CursorTooOld,
}

impl BadCursor {
    const fn message(self) -> &'static str {
        match self {
            Self::FutureCursor => "the cursor is ahead of the newest event",
            Self::CursorTooOld => "the cursor is older than the lookback window",
        }
    }
}

/// What a client subscribed to.
#[derive(Debug)]
struct Asked {
    version: Version,
    collections: Vec<String>,
    dids: Vec<String>,
    /// Of version 2: `commit`, `identity`, `account`; empty means all.
    kinds: Vec<String>,
    /// 0 means no limit.
    largest: usize,
    cursor: Option<u64>,
    waits_for_hello: bool,
    /// Why the subscription ends before it begins.
    refusal: Option<String>,
}

impl Asked {
    fn v1(query: &Query) -> Result<Self, String> {
        query.only(&[
            "wantedCollections",
            "wantedDids",
            "cursor",
            "maxMessageSizeBytes",
            "compress",
            "requireHello",
        ])?;
        let compress = query.one("compress") == Some("true");
        let asked = Self {
            version: Version::One,
            collections: query.all("wantedCollections"),
            dids: query.all("wantedDids"),
            kinds: Vec::new(),
            largest: query
                .number("maxMessageSizeBytes")?
                .and_then(|largest| usize::try_from(largest).ok())
                .unwrap_or(0),
            cursor: query.number("cursor")?,
            waits_for_hello: query.one("requireHello") == Some("true"),
            refusal: compress.then(|| "compress=true is not carried here: subscribe without it".to_owned()),
        };
        asked.checked()
    }

    fn v2(query: &Query) -> Result<Self, String> {
        query.only(&["collections", "dids", "kinds", "cursor"])?;
        let kinds = query.all("kinds");
        if let Some(kind) =
            kinds.iter().find(|kind| !["commit", "identity", "account"].contains(&kind.as_str()))
        {
            return Err(format!("invalid kind: {kind}"));
        }
        let asked = Self {
            version: Version::Two,
            collections: query.all("collections"),
            dids: query.all("dids"),
            kinds,
            largest: 0,
            cursor: query.number("cursor")?,
            waits_for_hello: false,
            refusal: None,
        };
        asked.checked()
    }

    fn checked(self) -> Result<Self, String> {
        check_filters(&self.collections, &self.dids)?;
        Ok(self)
    }

    /// Where to begin. Version 1 takes any cursor; what is too old begins as early as can be.
    fn begin(&self, feed: &Feed, now: Timestamp) -> Result<Start, BadCursor> {
        let now_us = now.as_microsecond();
        let earliest = now_us - LOOKBACK_US;
        let Some(cursor) = self.cursor else { return Ok(Start::at(feed, now_us)) };
        if self.version == Version::One || cursor >= CURSOR_IS_TIME {
            let us = i64::try_from(cursor).unwrap_or(i64::MAX);
            return match self.version {
                Version::One => Ok(Start::at(feed, us.clamp(earliest, now_us))),
                Version::Two if us > now_us => Err(BadCursor::FutureCursor),
                Version::Two if us < earliest => Err(BadCursor::CursorTooOld),
                Version::Two => Ok(Start::at(feed, us)),
            };
        }
        let number = bluesky::number_of(cursor);
        if number > feed.number_at(now) {
            return Err(BadCursor::FutureCursor);
        }
        if number < feed.number_at_us(earliest) {
            return Err(BadCursor::CursorTooOld);
        }
        Ok(Start { number, seq: cursor, time_us: i64::MIN })
    }

    /// The event as a message, if the client wants it.
    fn written(&self, event: &Event) -> Option<String> {
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

    fn wants(&self, collection: &str) -> bool {
        self.collections.is_empty()
            || self.collections.iter().any(|wanted| match wanted.strip_suffix(".*") {
                Some(prefix) => collection.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')),
                None => wanted == collection,
            })
    }

    /// Takes what a client says: in version 1, it may change what it subscribed to.
    fn hear(&mut self, said: &Message) -> ControlFlow<String> {
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
struct Query(HashMap<String, Vec<String>>);

impl Query {
    fn of(text: &str) -> Self {
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

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.one(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| format!("invalid {name}: {value}"))
    }
}

/// Reads what is asked for while the websocket opens; what cannot be is answered over HTTP.
struct Door<'a> {
    asked: &'a mut Option<Asked>,
}

impl Callback for Door<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let query = Query::of(request.uri().query().unwrap_or_default());
        let asked = match request.uri().path() {
            "/subscribe" => Asked::v1(&query),
            "/xrpc/network.bsky.jetstream.subscribeEvents" => Asked::v2(&query),
            _ => return Err(refused(StatusCode::NOT_FOUND, "NotFound", "there is no such thing here")),
        };
        *self.asked =
            Some(asked.map_err(|message| refused(StatusCode::BAD_REQUEST, "InvalidRequest", &message))?);
        Ok(response)
    }
}

fn refused(status: StatusCode, error: &str, message: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(json!({ "error": error, "message": message }).to_string()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sandbox::clock::Pace;
    use crate::sandbox::feed::{Options, start};

    /// A feed, and the first messages of a subscription.
    async fn subscribe(path: &str, count: usize) -> Vec<Value> {
        let stop = CancellationToken::new();
        let options = Options { rate: 500, ..Options::default() };
        let feed = start(options, Pace::default(), stop.clone()).expect("a feed");
        let url = format!("{}{path}", feed.jetstream_url);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a subscription");
        let mut messages = Vec::new();
        while messages.len() < count {
            match socket.next().await.expect("more").expect("a message") {
                Message::Text(text) => messages.push(serde_json::from_str(text.as_str()).expect("JSON")),
                Message::Close(frame) => {
                    let frame = frame.expect("a reason");
                    messages.push(json!({ "code": u16::from(frame.code), "reason": frame.reason.as_str() }));
                    break;
                }
                _ => {}
            }
        }
        stop.cancel();
        messages
    }

    #[tokio::test]
    async fn a_cursor_brings_the_same_events_again() {
        let an_hour_ago = Timestamp::now().as_microsecond() - 3_600_000_000;
        let path = format!("/subscribe?wantedCollections=app.bsky.feed.post&cursor={an_hour_ago}");
        let first = subscribe(&path, 500).await;
        assert_eq!(first, subscribe(&path, 500).await);
        assert!(first.iter().all(|event| event["time_us"].as_i64().expect("a time") >= an_hour_ago));
        let third = first[2]["time_us"].as_i64().expect("a time");
        let path = format!("/subscribe?wantedCollections=app.bsky.feed.post&cursor={third}");
        assert_eq!(subscribe(&path, 1).await[0], first[2]);
    }

    #[tokio::test]
    async fn only_what_is_wanted_comes() {
        let some_time_ago = Timestamp::now().as_microsecond() - 60_000_000;
        let all = subscribe(&format!("/subscribe?cursor={some_time_ago}"), 2000).await;
        let collections: std::collections::BTreeSet<_> =
            all.iter().filter_map(|event| event["commit"]["collection"].as_str()).collect();
        assert_eq!(
            collections.into_iter().collect::<Vec<_>>(),
            ["app.bsky.feed.post", "app.bsky.feed.repost"]
        );
        let did = all[0]["did"].as_str().expect("a DID");
        let path = format!("/subscribe?cursor={some_time_ago}&wantedDids={did}&maxMessageSizeBytes=3000");
        assert!(subscribe(&path, 3).await.iter().all(|event| event["did"] == did));
    }

    #[tokio::test]
    async fn version_two_goes_on_after_a_sequence_number() {
        let some_time_ago = Timestamp::now().as_microsecond() - 60_000_000;
        let path = "/xrpc/network.bsky.jetstream.subscribeEvents?kinds=commit&collections=app.bsky.feed.post";
        let first = subscribe(&format!("{path}&cursor={some_time_ago}"), 5).await;
        let seq = first[3]["payload"]["seq"].as_u64().expect("a number");
        assert_eq!(subscribe(&format!("{path}&cursor={seq}"), 1).await[0], first[3]);
        assert_eq!(subscribe(&format!("{path}&cursor=1"), 1).await[0]["error"], "CursorTooOld");
        assert_eq!(subscribe(&format!("{path}&cursor=999999999999999"), 1).await[0]["error"], "FutureCursor");
    }

    #[tokio::test]
    async fn compression_is_refused_with_a_reason() {
        let closed = subscribe("/subscribe?compress=true", 1).await;
        assert_eq!(closed[0]["code"], 1003);
        assert!(closed[0]["reason"].as_str().expect("a reason").contains("compress"));
    }

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
        for query in ["wantedCollections=app.bsky.feed.post", "kinds=like", "zstdDictionary=1"] {
            assert!(Asked::v2(&Query::of(query)).is_err(), "{query}");
        }
        let asked = Asked::v1(&Query::of("wantedCollections=app.bsky.*")).expect("a prefix");
        assert!(asked.wants("app.bsky.feed.post") && !asked.wants("app.bskyx.feed"));
    }
}
