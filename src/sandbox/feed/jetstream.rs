//! Bluesky's Jetstream, versions 1 and 2, on a websocket of its own: the feed's events from a cursor or from now on.
//!
//! Nothing is kept: an event is made when it is sent, so a replay of hours costs no memory, and a slow reader only
//! holds up itself, until it is dropped.
//!
//! In version 1, `compress=true` brings zstd frames that need no dictionary: a client that has Jetstream's reads them as
//! well. Version 2 compresses with a dictionary of this server's, which clients get by
//! `/xrpc/network.bsky.jetstream.getZstdDictionary`.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_util::sync::CancellationToken;

use super::bluesky;
use super::dictionary;
use super::fault::{FeedFault, Switches, What};
use super::jetstream_asked::{Asked, Compressed, Query, Start, Version};
use super::posts::Feed;
use super::sent::{Completes, Sent};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A reader that takes nothing for so long is dropped.
const SEND_LIMIT: Duration = Duration::from_secs(30);
/// A client hears at least a ping so often.
const PINGS: Duration = Duration::from_secs(30);
const LOOKS: Duration = Duration::from_millis(50);
/// Posts between two looks at what the client says.
const AT_ONCE: u64 = 64;

/// Bluesky's side of the feed.
#[derive(Debug)]
pub(super) struct Server {
    feed: Arc<Feed>,
    switches: Arc<Switches>,
    pub(super) sent: Sent,
}

impl Server {
    pub(super) fn new(feed: Arc<Feed>, switches: Arc<Switches>) -> Self {
        Self { feed, switches, sent: Sent::default() }
    }
}

/// Serves until asked to stop. Every connection ends with it.
pub(super) async fn serve(listener: TcpListener, server: Arc<Server>, stop: CancellationToken) {
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
        let (server, stop) = (Arc::clone(&server), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A client that goes away in the middle is its own affair.
                ended = converse(&server, stream) => drop(ended),
                () = stop.cancelled() => {}
            }
        });
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn converse(server: &Server, stream: TcpStream) -> Result<(), Error> {
    if server.switches.strike(|fault| (fault.what == What::JetSilent).then_some(())).is_some() {
        // Nothing is read either: the client goes away, or the server.
        std::future::pending::<()>().await;
    }
    if dictionary::is_asked_for(&stream).await? {
        return Ok(dictionary::answer(stream).await?);
    }
    let mut asked = None;
    let door = Door { server, asked: &mut asked };
    let accepting = tokio_tungstenite::accept_hdr_async(stream, door);
    let Ok(accepted) = tokio::time::timeout(HANDSHAKE_LIMIT, accepting).await else { return Ok(()) };
    let mut socket = accepted?;
    let Some((asked, from)) = asked else { return Ok(()) };
    server.sent.connected();
    if let Some(notice) = from.notice {
        let payload = json!({ "$type": "network.bsky.jetstream.subscribeEvents#info", "name": notice });
        let frame = json!({ "$type": "message", "payload": payload });
        let message = packed(asked.compressed, frame.to_string());
        send(&mut socket, message).await?;
    }
    Giving::new(server, socket, asked, from).run().await
}

/// A message, compressed if that was asked for.
fn packed(compressed: Option<Compressed>, text: String) -> Message {
    let frame = match compressed {
        None => return Message::text(text),
        Some(Compressed::Plainly) => zstd::bulk::compress(text.as_bytes(), 1),
        Some(Compressed::With(_)) => dictionary::compress(text.as_bytes()),
    };
    Message::binary(frame.expect("memory takes what is compressed"))
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

/// One client that gets events from a cursor on: as fast as they are taken up to now, then as they happen.
struct Giving<'a> {
    server: &'a Server,
    socket: Socket,
    asked: Asked,
    from: Start,
    next: u64,
    /// How many events were sent.
    events: u64,
    /// How many useless messages were sent.
    rubbish: usize,
    last_sent: Instant,
    last_event: Instant,
    /// Fallen silent for good.
    silent: bool,
    /// The event that comes after the next three.
    disordered: Option<(Message, u64, u8)>,
}

/// The end of a subscription.
enum End {
    Cut,
    Close,
    Error(String),
}

impl<'a> Giving<'a> {
    fn new(server: &'a Server, socket: Socket, asked: Asked, from: Start) -> Self {
        let now = Instant::now();
        Self {
            server,
            socket,
            asked,
            next: from.number,
            from,
            events: 0,
            rubbish: 0,
            last_sent: now,
            last_event: now,
            silent: false,
            disordered: None,
        }
    }

    async fn run(mut self) -> Result<(), Error> {
        let mut looks = tokio::time::interval(LOOKS);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ready = VecDeque::new();
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                said = self.socket.next() => {
                    match said.transpose()? {
                        None | Some(Message::Close(_)) => return Ok(()),
                        Some(said) => if let ControlFlow::Break(reason) = self.asked.hear(&said) {
                            return close(&mut self.socket, CloseCode::Policy, &reason).await;
                        }
                    }
                    continue;
                }
            }
            if self.asked.waits_for_hello {
                continue;
            }
            let faults = self.server.switches.list();
            if self.is_silent(&faults) {
                continue;
            }
            let behind = self.make(&mut ready);
            if let Some(end) = self.give(&mut ready, &faults).await? {
                return self.end(end).await;
            }
            if self.last_sent.elapsed() >= PINGS {
                self.message(Message::Ping(Bytes::new())).await?;
            }
            let sending = self.socket.flush();
            tokio::time::timeout(SEND_LIMIT, sending).await.unwrap_or(Err(Error::ConnectionClosed))?;
            if behind && ready.is_empty() {
                looks.reset_immediately();
            }
        }
    }

    /// A silence that lasts as long as its fault is on, or for good.
    fn is_silent(&self, faults: &[FeedFault]) -> bool {
        let stalls = |fault: &FeedFault| {
            fault.what == What::JetStall && fault.times.is_none() && self.events >= fault.after
        };
        self.silent || faults.iter().any(stalls)
    }

    /// Makes the events that are due, unless some wait yet. Whether there are more.
    fn make(&mut self, ready: &mut VecDeque<(Message, u64)>) -> bool {
        let feed = &self.server.feed;
        let due = feed.number_at(Timestamp::now());
        if !ready.is_empty() || self.next >= due {
            return self.next < due;
        }
        let upto = due.min(self.next + AT_ONCE);
        for number in self.next..upto {
            for event in bluesky::events(feed, number).iter().filter(|event| self.from.reaches(event)) {
                if let Some(text) = self.asked.written(event) {
                    ready.push_back((packed(self.asked.compressed, text), event.seq));
                }
            }
        }
        self.next = upto;
        upto < due
    }

    /// Sends what is ready, as faults let it.
    async fn give(
        &mut self,
        ready: &mut VecDeque<(Message, u64)>,
        faults: &[FeedFault],
    ) -> Result<Option<End>, Error> {
        let has = |what: &What| faults.iter().any(|fault| fault.what == *what);
        let pause = faults.iter().find_map(|fault| match fault.what {
            What::JetSlow(pause) => Some(pause),
            _ => None,
        });
        loop {
            if let Some(end) = self.struck() {
                return Ok(Some(end));
            }
            if self.is_silent(faults) || pause.is_some_and(|pause| self.last_event.elapsed() < pause) {
                return Ok(None);
            }
            let Some((message, seq)) = ready.pop_front() else { return Ok(None) };
            self.last_event = Instant::now();
            if has(&What::JetDisorder) && self.disordered.is_none() {
                self.disordered = Some((message, seq, 3));
                continue;
            }
            if has(&What::JetRepeat) {
                self.event(message.clone(), seq).await?;
            }
            self.event(message, seq).await?;
            if let Some((message, seq, left)) = self.disordered.take() {
                if left > 1 {
                    self.disordered = Some((message, seq, left - 1));
                } else {
                    self.event(message, seq).await?;
                }
            }
            if has(&What::JetGarbage) && self.events.is_multiple_of(3) {
                let message = rubbish(self.rubbish);
                self.rubbish += 1;
                self.message(message).await?;
                self.server.sent.add(&Completes { useless: 1, ..Completes::default() });
            }
        }
    }

    /// Lets a fault strike that ends the subscription, or its events.
    fn struck(&mut self) -> Option<End> {
        let events = self.events;
        let what = self.server.switches.strike(|fault| {
            let lasts = fault.what == What::JetStall && fault.times.is_none();
            let strikes = fault.what.ends_jetstream() && !lasts && events >= fault.after;
            strikes.then(|| fault.what.clone())
        })?;
        match what {
            What::JetStall => {
                self.silent = true;
                None
            }
            What::JetCut => Some(End::Cut),
            What::JetError(name) => Some(End::Error(name)),
            _ => Some(End::Close),
        }
    }

    async fn end(mut self, end: End) -> Result<(), Error> {
        let sending = self.socket.flush();
        tokio::time::timeout(SEND_LIMIT, sending).await.unwrap_or(Err(Error::ConnectionClosed))?;
        match end {
            End::Cut => Ok(()),
            End::Close => close(&mut self.socket, CloseCode::Away, "the server restarts").await,
            End::Error(name) => {
                // Version 1 knows no error messages: it only closes.
                if self.asked.version == Version::Two {
                    let frame = json!({ "$type": "error", "error": name, "message": "on purpose" });
                    send(&mut self.socket, Message::text(frame.to_string())).await?;
                }
                close(&mut self.socket, CloseCode::Policy, &name).await
            }
        }
    }

    async fn event(&mut self, message: Message, seq: u64) -> Result<(), Error> {
        self.message(message).await?;
        self.events += 1;
        self.server.sent.add(&Completes { posts: vec![seq], ..Completes::default() });
        Ok(())
    }

    async fn message(&mut self, message: Message) -> Result<(), Error> {
        self.last_sent = Instant::now();
        tokio::time::timeout(SEND_LIMIT, self.socket.feed(message))
            .await
            .unwrap_or(Err(Error::ConnectionClosed))
    }
}

/// Messages that are no events, one after another.
fn rubbish(which: usize) -> Message {
    const TEXTS: [&str; 6] = [
        "{}",
        "null",
        "{\"kind\":\"commit\"",
        "{\"did\":\"did:plc:nobody\",\"time_us\":1,\"kind\":\"something-new\",\"something-new\":{}}",
        "{\"did\":7,\"time_us\":\"late\",\"kind\":\"commit\",\"commit\":{\"operation\":\"create\"}}",
        "<html>",
    ];
    TEXTS
        .get(which % (TEXTS.len() + 1))
        .map_or_else(|| Message::binary(vec![0xff, 0, 0x28, 0xb5]), |text| Message::text(*text))
}

/// Reads what is asked for while the websocket opens; what cannot be is answered over HTTP.
struct Door<'a> {
    server: &'a Server,
    asked: &'a mut Option<(Asked, Start)>,
}

impl Callback for Door<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let refusing = self.server.switches.strike(|fault| match fault.what {
            What::JetRefuse(status) => StatusCode::from_u16(status).ok(),
            _ => None,
        });
        if let Some(status) = refusing {
            self.server.sent.refused(status.as_u16());
            return Err(refused(status, "Unavailable", "on purpose"));
        }
        let query = Query::of(request.uri().query().unwrap_or_default());
        let asked = match request.uri().path() {
            "/subscribe" => Asked::v1(&query),
            "/xrpc/network.bsky.jetstream.subscribeEvents" => Asked::v2(&query),
            _ => return Err(refused(StatusCode::NOT_FOUND, "NotFound", "there is no such thing here")),
        };
        let bad = |error: &str, message: &str| refused(StatusCode::BAD_REQUEST, error, message);
        let asked = asked.map_err(|message| bad("InvalidRequest", &message))?;
        let current = dictionary::id();
        if matches!(asked.compressed, Some(Compressed::With(id)) if id != current) {
            return Err(bad("UnknownZstdDictionary", &format!("the current dictionary is {current}")));
        }
        let from = asked.begin(&self.server.feed, Timestamp::now()).map_err(|old| {
            bad("CursorTooOld", &format!("the earliest sequence number is {}", old.earliest))
        })?;
        *self.asked = Some((asked, from));
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
    use crate::sandbox::ports::Ports;

    /// A feed, and the first messages of a subscription.
    async fn subscribe(path: &str, count: usize) -> Vec<Value> {
        let stop = CancellationToken::new();
        let options = Options { rate: 500, ..Options::default() };
        let feed = start(options, Pace::default(), &mut Ports::default(), stop.clone()).expect("a feed");
        let url = format!("{}{path}", feed.jetstream_url);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a subscription");
        let mut messages = Vec::new();
        while messages.len() < count {
            match socket.next().await.expect("more").expect("a message") {
                Message::Text(text) => messages.push(serde_json::from_str(text.as_str()).expect("JSON")),
                Message::Binary(frame) => {
                    let mut reader =
                        zstd::bulk::Decompressor::with_dictionary(dictionary::BYTES).expect("a dictionary");
                    let text = reader.decompress(&frame, 1 << 20).expect("a zstd frame");
                    messages.push(serde_json::from_slice(&text).expect("JSON"));
                }
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
        let ahead = subscribe(&format!("{path}&cursor=999999999999999"), 2).await;
        assert_eq!(ahead[0]["payload"]["name"], "FutureCursor");
        assert!(ahead[1]["payload"]["commit"].is_null() && ahead[1]["payload"]["record"].is_object());
        let long_ago = subscribe(&format!("{path}&cursor=1600000000000000"), 1).await;
        assert_eq!(long_ago[0]["payload"]["name"], "OutdatedCursor");
    }

    /// The messages of a subscription under a fault up to its end, or to so many; and what was sent.
    async fn under(fault: &str, most: usize) -> (Vec<Message>, Value) {
        let stop = CancellationToken::new();
        let faults = vec![fault.parse().expect("a fault")];
        let feed = start(
            Options { rate: 500, faults, ..Options::default() },
            Pace::default(),
            &mut Ports::default(),
            stop.clone(),
        )
        .expect("a feed");
        let some_time_ago = Timestamp::now().as_microsecond() - 60_000_000;
        let url = format!("{}/subscribe?cursor={some_time_ago}", feed.jetstream_url);
        let mut messages = Vec::new();
        if let Ok((mut socket, _)) = tokio_tungstenite::connect_async(url).await {
            while messages.len() < most
                && let Ok(Some(Ok(message))) =
                    tokio::time::timeout(Duration::from_secs(2), socket.next()).await
            {
                messages.push(message);
            }
        }
        let sent = feed.sent(0)["jetstream"].clone();
        stop.cancel();
        (messages, sent)
    }

    fn seqs(messages: &[Message]) -> Vec<i64> {
        let time = |message: &Message| {
            let event: Value = serde_json::from_str(message.to_text().ok()?).ok()?;
            event["time_us"].as_i64().filter(|_| event["did"].is_string())
        };
        messages.iter().filter_map(time).filter(|time| *time > 1).collect()
    }

    #[tokio::test]
    async fn a_subscription_ends_as_it_is_told_to() {
        let (messages, sent) = under("jet-cut@7", 1000).await;
        assert_eq!((messages.len(), &sent["sent"]), (7, &json!(7)));
        let (messages, _) = under("jet-close@5", 1000).await;
        assert_eq!(messages.len(), 6);
        assert!(
            matches!(messages.last(), Some(Message::Close(Some(frame))) if frame.code == CloseCode::Away)
        );
        let (messages, _) = under("jet-error", 1000).await;
        assert!(
            matches!(messages.last(), Some(Message::Close(Some(frame))) if frame.reason == "ConsumerTooSlow")
        );
        let (messages, sent) = under("jet-stall@9=1", 1000).await;
        assert_eq!((messages.len(), &sent["connects"]), (9, &json!(1)));
        let (messages, sent) = under("jet-refuse:502", 1000).await;
        assert_eq!((messages.len(), &sent["refused"]["502"]), (0, &json!(1)));
    }

    #[tokio::test]
    async fn events_come_as_faults_bring_them_and_are_listed_as_they_came() {
        let (messages, sent) = under("jet-repeat", 40).await;
        let times = seqs(&messages);
        assert!(times.chunks(2).all(|pair| pair.first() == pair.last()));
        let listed = sent["posts"].as_array().expect("a list");
        let listed: Vec<i64> = listed.iter().filter_map(|event| event["time_us"].as_i64()).collect();
        assert!(listed.starts_with(&times) && listed.len() >= 40);
        let times = seqs(&under("jet-disorder", 40).await.0);
        assert!(!times.is_sorted());
        let (messages, sent) = under("jet-garbage", 60).await;
        assert!(seqs(&messages).len() < 50 && sent["useless"].as_u64() >= Some(10));
        let (messages, _) = under("jet-slow:300ms", 3).await;
        assert_eq!(messages.len(), 3);
    }

    #[tokio::test]
    async fn what_is_asked_for_compressed_comes_compressed() {
        let an_hour_ago = Timestamp::now().as_microsecond() - 3_600_000_000;
        let path = format!("/subscribe?wantedCollections=app.bsky.feed.post&cursor={an_hour_ago}");
        let plain = subscribe(&path, 20).await;
        assert_eq!(plain, subscribe(&format!("{path}&compress=true"), 20).await);
        let path = format!("/xrpc/network.bsky.jetstream.subscribeEvents?kinds=commit&cursor={an_hour_ago}");
        let plain = subscribe(&path, 20).await;
        let id = dictionary::id();
        assert_eq!(plain, subscribe(&format!("{path}&zstdDictionary={id}"), 20).await);
    }

    #[tokio::test]
    async fn the_dictionary_is_there_to_fetch_and_others_are_unknown() {
        let stop = CancellationToken::new();
        let feed =
            start(Options::default(), Pace::default(), &mut Ports::default(), stop.clone()).expect("a feed");
        let base = feed.jetstream_url.replace("ws://", "http://");
        let get = async |path: &str| {
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let answer = client.get(format!("{base}{path}")).send().await.expect("an answer");
            (answer.status().as_u16(), answer.bytes().await.expect("a body"))
        };
        let path = "/xrpc/network.bsky.jetstream.getZstdDictionary";
        let (status, dictionary) = get(path).await;
        assert_eq!(
            (status, &dictionary[4..8]),
            (200, &u32::try_from(dictionary::id()).expect("32 bits").to_le_bytes()[..])
        );
        assert_eq!(get(&format!("{path}?id={}", dictionary::id())).await, (200, dictionary));
        let (status, refused) = get(&format!("{path}?id=7")).await;
        assert!(status == 404 && String::from_utf8_lossy(&refused).contains("DictionaryNotFound"));
        let subscription = "/xrpc/network.bsky.jetstream.subscribeEvents";
        for (query, error) in [("zstdDictionary=7", "UnknownZstdDictionary"), ("cursor=1", "CursorTooOld")] {
            let url = format!("{}{subscription}?{query}", feed.jetstream_url);
            let Err(Error::Http(refused)) = tokio_tungstenite::connect_async(url).await else {
                panic!("{query} is refused")
            };
            let body = refused.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            assert!(refused.status() == 400 && body.contains(error), "{body}");
        }
        stop.cancel();
    }
}
