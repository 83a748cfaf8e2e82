//! The synthetic feed: invented posts, and the servers that give them as X and Bluesky give theirs.
//!
//! ```text
//! posts                the feed itself: pure and seeded, any post by its number
//! words, tongues, …    what posts are made of: words, languages, people, places, hostile bits
//! text                 a text from its pieces, with the places of its entities
//! x_wire               a post as X's API v2 writes it, in both of its dialects
//! rules                the rule language of the filtered stream
//! x_account, x_rules   what X keeps of an app: tokens, rules, connections, limits, usage
//! x_api, x_oauth,      X's server: who may call, tokens, calls that are answered with a document, how it says no,
//! x_calls, x_refused,  and its one stream with the way of its lines to the reader
//! x_stream, x_lines
//! x_mangle             lines that are not as they should be
//! bluesky, jetstream,  what happens on Bluesky, and its server: what a client asked for, and one connection
//! jetstream_asked,     and the dictionary that its messages are compressed with
//! dictionary
//! fault                what goes wrong on purpose, on either side: every switch, with what it does
//! sent                 what was given out, for tests that compare it with what arrived
//! record, backfill     posts in a lake's records, and a lake of some days made at once
//! ```
//!
//! What was sent is asked of the control door: `GET /_hydrant/feed/sent` (see `control`).
//!
//! Every post, person and page in it is made up.

mod backfill;
mod bluesky;
mod dictionary;
mod fault;
mod hostile;
mod jetstream;
mod jetstream_asked;
mod people;
mod places;
mod posts;
mod record;
mod rules;
mod sent;
mod text;
mod tongues;
mod words;
mod x_account;
mod x_api;
mod x_calls;
mod x_lines;
mod x_mangle;
mod x_oauth;
mod x_refused;
mod x_rules;
mod x_stream;
mod x_wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use fault::Switches;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

pub(crate) use backfill::{Backfill, USUAL_POSTS};
pub use fault::FeedFault;
pub(crate) use posts::Feed;
use posts::snowflake;

use super::clock::Pace;
use super::ports::Ports;
use super::store::StoreError;
use super::world::Shared;

/// The names that a post's parts have on X's wire: X renamed them in 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// `referenced_tweets`, `note_tweet`, `retweet_count`.
    #[default]
    Tweet,
    /// `referenced_posts`, `note_post`, `repost_count`.
    Post,
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tweet" => Ok(Self::Tweet),
            "post" => Ok(Self::Post),
            _ => Err(format!("{text} is no dialect: there are tweet and post")),
        }
    }
}

/// How a feed is started.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Posts a second, from 1 to [`FASTEST`].
    pub(crate) rate: u32,
    pub(crate) dialect: Dialect,
    pub(crate) seed: u64,
    /// What goes wrong from the beginning.
    pub(crate) faults: Vec<FeedFault>,
}

/// The most posts a second.
pub(crate) const FASTEST: u32 = 10_000;

impl Default for Options {
    fn default() -> Self {
        Self { rate: 20, dialect: Dialect::default(), seed: 1, faults: Vec::new() }
    }
}

/// A feed whose servers answer.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Where X's API is: `http://127.0.0.1:PORT`.
    pub(crate) x_api_url: String,
    /// Where Jetstream is: `ws://127.0.0.1:PORT`, with `/subscribe` and `/xrpc/…` below it.
    pub(crate) jetstream_url: String,
    x: Arc<x_api::Api>,
    jetstream: Arc<jetstream::Server>,
    switches: Arc<Switches>,
    feed: Arc<Feed>,
}

impl Running {
    /// From now on there are these faults, for streams that are open too.
    pub(crate) fn set_faults(&self, faults: Vec<FeedFault>) {
        self.switches.set(faults);
    }

    /// The faults that are on.
    pub(crate) fn faults(&self) -> Vec<FeedFault> {
        self.switches.list()
    }

    /// What either server gave out, the posts from the `from`-th on. Jetstream's are made again to be named: that takes
    /// its time.
    pub(crate) fn sent(&self, from: u64) -> Value {
        json!({
            "x": self.x.sent.told(from, |id| json!(id.to_string())),
            "jetstream": self.jetstream.sent.told(from, |seq| bluesky::name(&self.feed, seq)),
        })
    }

    /// Fills a bucket with the records of past hours, an hour at a time so that nobody waits long; gives back how many
    /// objects and records it put, or what S3 refused.
    pub(crate) fn fill(
        &self,
        shared: &Shared,
        lake: &Backfill,
        now: Timestamp,
    ) -> Result<Result<(u64, u64), String>, StoreError> {
        let (mut objects, mut records) = (0, 0);
        for hour in lake.past(&self.feed, now) {
            match shared.with(|world| lake.put(world, &hour, now))? {
                Ok(put) => (objects, records) = (objects + put.objects, records + put.records),
                Err(refused) => return Ok(Err(format!("{}: {}", refused.code, refused.message))),
            }
        }
        Ok(Ok((objects, records)))
    }

    /// What X's side keeps of its app, as it is on disk.
    pub(crate) fn kept(&self) -> Value {
        self.x.kept()
    }

    /// X's side goes on with what it kept.
    pub(crate) fn take_up(&self, kept: Value) -> Result<(), serde_json::Error> {
        self.x.take_up(kept)
    }

    /// X's side forgets its rules, connections, limits and usage; both forget what they sent. X's open streams end.
    pub(crate) fn reset(&self) {
        self.x.reset();
        self.jetstream.sent.reset();
    }
}

/// Starts the servers on ports of the loopback, as tasks of the runtime that this is called in. When this
/// returns, they answer, until `stop`.
pub(super) fn start(
    options: Options,
    pace: Pace,
    ports: &mut Ports,
    stop: CancellationToken,
) -> io::Result<Running> {
    if !(1..=FASTEST).contains(&options.rate) {
        let message = format!("a feed gives from 1 to {FASTEST} posts a second");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let feed = Arc::new(Feed::new(options.seed, options.rate));
    let mut open = |name| ports.bind(name, 0, listen, |bound| Ok(bound.local_addr()?.port()));
    let (x_listener, jetstream_listener) = (open("x")?, open("jetstream")?);
    let switches = Arc::new(Switches::new(options.faults));
    let x = Arc::new(x_api::Api::new(Arc::clone(&feed), options.dialect, pace, Arc::clone(&switches)));
    let jetstream = Arc::new(jetstream::Server::new(Arc::clone(&feed), Arc::clone(&switches)));
    let running = Running {
        x_api_url: format!("http://{}", x_listener.local_addr()?),
        jetstream_url: format!("ws://{}", jetstream_listener.local_addr()?),
        x: Arc::clone(&x),
        jetstream: Arc::clone(&jetstream),
        switches,
        feed,
    };
    tokio::spawn(x_api::serve(x_listener, x, stop.clone()));
    tokio::spawn(jetstream::serve(jetstream_listener, jetstream, stop));
    Ok(running)
}

/// A slow reader must be felt soon: left alone, the system would hold megabytes for it.
const SEND_BUFFER: u32 = 256 << 10;
const BACKLOG: u32 = 64;

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the sandbox before this one may hold the port for a minute after their end.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}
