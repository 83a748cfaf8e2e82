//! Bluesky's Jetstream: every post of the network, free and without an account.
//!
//! A websocket of JSON messages, version 1's wire or version 2's, compressed where that is wanted: `packed`. Where it
//! goes on after each message is handed over with the lines, and kept with their posts: a restart goes on there, and what
//! comes twice around that place is known by its address. Version 1 forgets what is too old without a word; version 2
//! says so, and then it goes on from now.

mod packed;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use super::x::verdict::Pause;
use super::{Arrival, Arrivals};
use crate::stream::StreamError;
use crate::stream::live::Live;
use packed::{Dictionary, Unpacker};

const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// The network is never silent for so long.
const STALL: Duration = Duration::from_mins(1);
/// Messages that come together are handed over together.
const GATHER: Duration = Duration::from_millis(20);
const PIECE: usize = 128 << 10;
/// No message is longer.
const LONGEST_MESSAGE: usize = 2 << 20;
/// A cursor goes back a little, since events with the same time may be cut apart.
const OVERLAP_US: u64 = 1_000_000;
/// Version 1's kinds of events.
const EVENTS: [&str; 3] = ["commit", "identity", "account"];

/// The wire's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A cursor is a time in microseconds.
    One,
    /// A cursor is a sequence number of one server.
    Two,
}

/// The stream, ready to connect.
#[derive(Debug)]
pub struct Jetstream {
    /// `wss://host`.
    pub url: String,
    /// How it is spoken to.
    pub version: Version,
    /// Where it goes on, as it was handed over.
    pub mark: Option<String>,
    /// Whether messages are to come compressed.
    pub compressed: bool,
    /// How many times faster than it should everything is waited for.
    pub haste: u32,
    /// Where gaps are written down.
    pub gaps: Option<PathBuf>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a connection ended.
enum Ended {
    Stopped,
    /// Why, and whether the cursor is to blame.
    Lost(String, bool),
}

impl Jetstream {
    /// Hands over lines until it is asked to stop.
    pub async fn run(mut self, to: Arrivals, live: Live, stop: CancellationToken) -> Result<(), StreamError> {
        let mut tries = 0;
        let mut dictionary = None;
        live.change(|status| status.gaps.begin(Timestamp::now()));
        while !stop.is_cancelled() {
            live.change(|status| status.connection = Some("connecting".to_owned()));
            let connecting = async {
                if self.compressed && dictionary.is_none() {
                    dictionary = self.dictionary().await;
                }
                self.connect(dictionary.as_ref()).await
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                () = stop.cancelled() => break,
            };
            let ended = match connected {
                Ok(socket) => {
                    live.change(|status| status.connection = Some("connected".to_owned()));
                    let unpacker = dictionary.as_ref().and_then(|dictionary| Unpacker::new(dictionary).ok());
                    self.listen((socket, unpacker), &to, &live, &stop, &mut tries).await
                }
                Err(why) => {
                    // The server has another one by now.
                    if why.contains("UnknownZstdDictionary") {
                        dictionary = None;
                    }
                    let bad_cursor = why.contains("CursorTooOld");
                    Ended::Lost(why, bad_cursor)
                }
            };
            let Ended::Lost(why, bad_cursor) = ended else { break };
            if bad_cursor {
                self.mark = None;
            }
            tries += 1;
            live.failed(format!("Jetstream at {}: {why}", self.url));
            live.change(|status| {
                status.connection = Some("waiting".to_owned());
                status.gaps.begin(Timestamp::now());
            });
            tokio::select! {
                () = tokio::time::sleep(Pause::Network.after(tries) / self.haste) => {}
                () = stop.cancelled() => break,
            }
        }
        Ok(())
    }

    /// The dictionary of this version. Without it, messages come as they are: that is no reason to have none.
    async fn dictionary(&self) -> Option<Dictionary> {
        match self.version {
            Version::One => Some(Dictionary::version_1()),
            Version::Two => {
                let given = Dictionary::of_server(&self.url).await;
                given.inspect_err(|why| tracing::warn!(%why, "Jetstream gives no dictionary")).ok()
            }
        }
    }

    async fn connect(&self, dictionary: Option<&Dictionary>) -> Result<Socket, String> {
        let config = WebSocketConfig::default().max_message_size(Some(LONGEST_MESSAGE));
        let address = self.address(dictionary);
        let connecting = tokio_tungstenite::connect_async_with_config(address, Some(config), true);
        match tokio::time::timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(Error::Http(answer))) => {
                let words = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                Err(crate::text::sanitise(&format!(
                    "it refused the connection (HTTP {}) {words}",
                    answer.status()
                )))
            }
            Ok(Err(error)) => Err(crate::text::sanitise(&error.to_string())),
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }

    fn address(&self, dictionary: Option<&Dictionary>) -> String {
        let cursor = self.cursor().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let url = &self.url;
        let (subscribe, packed) = match self.version {
            Version::One => ("subscribe?wantedCollections=app.bsky.feed.post", "&compress=true".to_owned()),
            Version::Two => (
                "xrpc/network.bsky.jetstream.subscribeEvents?kinds=commit&collections=app.bsky.feed.post",
                format!("&zstdDictionary={}", dictionary.map_or(0, |dictionary| dictionary.id)),
            ),
        };
        let packed = if dictionary.is_some() { packed } else { String::new() };
        format!("{url}/{subscribe}{packed}{cursor}")
    }

    /// Where to go on.
    fn cursor(&self) -> Option<u64> {
        let reached = self.reached()?;
        Some(if self.version == Version::One { reached.saturating_sub(OVERLAP_US) } else { reached })
    }

    /// The place of a mark of this version; those of the other mean something else.
    fn reached(&self) -> Option<u64> {
        let (version, place) = self.mark.as_deref()?.split_once(' ')?;
        let is_ours = matches!((self.version, version), (Version::One, "v1") | (Version::Two, "v2"));
        place.parse().ok().filter(|_| is_ours)
    }

    async fn listen(
        &mut self,
        (mut socket, mut unpacker): (Socket, Option<Unpacker>),
        to: &Arrivals,
        live: &Live,
        stop: &CancellationToken,
        tries: &mut u32,
    ) -> Ended {
        let mut lines: Vec<u8> = Vec::new();
        loop {
            let patience = if lines.is_empty() { STALL } else { GATHER };
            let next = tokio::select! {
                next = tokio::time::timeout(patience, socket.next()) => next,
                () = stop.cancelled() => {
                    // A clean end; whether the server answers does not matter any more.
                    drop(tokio::time::timeout(GATHER, socket.close(None)).await);
                    return Ended::Stopped;
                }
            };
            let text = match (&next, &mut unpacker) {
                (Ok(Some(Ok(Message::Text(text)))), _) => Some(Cow::from(text.as_str())),
                (Ok(Some(Ok(Message::Binary(frame)))), Some(unpacker)) => Some(unpacker.unpack(frame)),
                _ => None,
            };
            let lost = match (text, &next) {
                (Some(text), _) => match self.hear(&text) {
                    Ok(()) => {
                        lines.extend(text.bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
                        lines.push(b'\n');
                        if lines.len() < PIECE {
                            continue;
                        }
                        None
                    }
                    Err(last) => Some(last),
                },
                (None, Err(_)) if lines.is_empty() => {
                    Some((format!("silent for {} s", STALL.as_secs()), false))
                }
                (None, Err(_)) => None,
                (None, Ok(Some(Ok(Message::Close(frame))))) => {
                    let why = frame.as_ref().map(|frame| frame.reason.to_string()).unwrap_or_default();
                    Some((crate::text::sanitise(&format!("it closed the connection {why}")), false))
                }
                (None, Ok(Some(Ok(_)))) => continue,
                (None, Ok(Some(Err(error)))) => Some((crate::text::sanitise(&error.to_string()), false)),
                (None, Ok(None)) => Some(("the connection was closed".to_owned(), false)),
            };
            if !lines.is_empty() {
                *tries = 0;
                live.end_gap(Timestamp::now(), self.gaps.as_deref());
                let arrival = Arrival::Lines {
                    lines: std::mem::take(&mut lines),
                    received: Timestamp::now(),
                    mark: self.mark.clone(),
                };
                if to.send(arrival).await.is_err() {
                    return Ended::Stopped;
                }
            }
            if let Some((why, bad_cursor)) = lost {
                return Ended::Lost(why, bad_cursor);
            }
        }
    }

    /// Takes note of where a message stands; an error if it is the last one. Only events say where the stream is, and
    /// it only goes on: a message of some other kind with a time of its own, or one that comes out of order, must not
    /// lead a restart back by hours.
    fn hear(&mut self, text: &str) -> Result<(), (String, bool)> {
        #[derive(Deserialize)]
        struct Place {
            #[serde(default)]
            kind: Option<String>,
            #[serde(default)]
            time_us: Option<u64>,
            #[serde(default)]
            payload: Option<Payload>,
            #[serde(default)]
            error: Option<String>,
            #[serde(default)]
            message: Option<String>,
        }
        #[derive(Deserialize)]
        struct Payload {
            #[serde(default)]
            seq: Option<u64>,
        }
        // What cannot be read is handed over, counted and kept like any other line.
        let Ok(place) = serde_json::from_str::<Place>(text) else { return Ok(()) };
        if let Some(error) = place.error {
            let bad_cursor = error.contains("Cursor");
            return Err((
                crate::text::sanitise(&format!("{error} {}", place.message.unwrap_or_default())),
                bad_cursor,
            ));
        }
        let is_event = place.kind.is_some_and(|kind| EVENTS.contains(&kind.as_str()));
        let (version, at) = match self.version {
            Version::One => ("v1", place.time_us.filter(|_| is_event)),
            Version::Two => ("v2", place.payload.and_then(|payload| payload.seq)),
        };
        if let Some(at) = at.filter(|at| Some(*at) > self.reached()) {
            self.mark = Some(format!("{version} {at}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(version: Version, texts: &[&str]) -> Option<String> {
        let mut stream =
            Jetstream { url: String::new(), version, mark: None, compressed: true, haste: 1, gaps: None };
        for text in texts {
            stream.hear(text).expect("it goes on");
        }
        stream.mark
    }

    #[test]
    fn the_place_to_go_on_only_moves_on_and_only_with_events() {
        let event = r#"{"did":"did:plc:a","time_us":1795183410000123,"kind":"commit"}"#;
        let earlier = r#"{"did":"did:plc:a","time_us":1795183409000123,"kind":"commit"}"#;
        let other = r#"{"did":"did:plc:a","time_us":1,"kind":"something-new"}"#;
        let mark = Some("v1 1795183410000123".to_owned());
        assert_eq!(heard(Version::One, &[other, event, earlier, other, "null"]), mark);
        assert_eq!(heard(Version::One, &[other]), None);
        let numbered = |seq: u64| format!(r#"{{"$type":"message","payload":{{"seq":{seq}}}}}"#);
        assert_eq!(heard(Version::Two, &[&numbered(8), &numbered(7)]), Some("v2 8".to_owned()));
    }

    /// What a server is asked for, one request after another, when it answers them like this: a status and a body.
    async fn asked(mark: &str, answers: &[(&str, &[u8])]) -> Vec<String> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
        let (mark, version) = (Some(mark.to_owned()), Version::Two);
        let stream = Jetstream { url, version, mark, compressed: true, haste: 1_000, gaps: None };
        let (to, _arrivals) = tokio::sync::mpsc::channel(1);
        let stop = CancellationToken::new();
        let running = tokio::spawn(stream.run(to, Live::new("jetstream".into(), vec![]), stop.clone()));
        let mut asked = Vec::new();
        for (status, body) in answers {
            let accepted = tokio::time::timeout(Duration::from_mins(1), listener.accept()).await;
            let (mut client, _) = accepted.expect("it asks in time").expect("a connection");
            let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"\r\n\r\n") {
                let read = client.read(&mut buffer).await.expect("a request");
                request.extend_from_slice(&buffer[..read]);
            }
            let request = String::from_utf8(request).expect("text");
            asked.push(request.split(' ').nth(1).expect("a path").to_owned());
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            client.write_all(&[head.as_bytes(), body].concat()).await.expect("answered");
        }
        stop.cancel();
        running.await.expect("no panic").expect("it ends");
        asked
    }

    #[tokio::test]
    async fn a_place_that_the_server_has_forgotten_is_given_up_and_it_goes_on_from_now() {
        let refused =
            ("400 Bad Request", br#"{"error":"CursorTooOld","message":"the earliest is 9"}"#.as_slice());
        let asked =
            asked("v2 7", &[("404 Not Found", b""), refused, ("404 Not Found", b""), ("503 Busy", b"")])
                .await;
        assert!(
            asked[1].ends_with("&cursor=7") && asked[3].ends_with("collections=app.bsky.feed.post"),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn a_dictionary_that_the_server_no_longer_has_is_asked_for_again() {
        let dictionary = |id: u8| [[0x37, 0xa4, 0x30, 0xec], [id, 0, 0, 0]].concat();
        let (seven, eight) = (dictionary(7), dictionary(8));
        let unknown = ("400 Bad Request", br#"{"error":"UnknownZstdDictionary"}"#.as_slice());
        let answers =
            [("200 OK", seven.as_slice()), unknown, ("200 OK", eight.as_slice()), ("503 Busy", b"")];
        let asked = asked("v2 7", &answers).await;
        assert!(asked[1].ends_with("&zstdDictionary=7&cursor=7"), "{asked:?}");
        assert!(
            asked[2].contains("getZstdDictionary") && asked[3].ends_with("&zstdDictionary=8&cursor=7"),
            "{asked:?}"
        );
    }
}
