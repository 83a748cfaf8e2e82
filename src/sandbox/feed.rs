//! The synthetic feed: invented posts, and the servers that give them as X and Bluesky give theirs.
//!
//! ```text
//! posts                the feed itself: pure and seeded, any post by its number
//! words, tongues, …    what posts are made of: words, languages, people, places, hostile bits
//! text                 a text from its pieces, with the places of its entities
//! x_wire               a post as X's API v2 writes it, in both of its dialects
//! rules                the rule language of the filtered stream
//! x_account, x_rules   what X keeps of an app: tokens, rules, connections, limits, usage
//! x_api, x_oauth,      X's server: who may call, tokens, calls that are answered with a document,
//! x_calls, x_stream    and its one stream
//! x_fault              what goes wrong on X's side on purpose
//! bluesky, jetstream   what happens on Bluesky, and its server
//! record, backfill     posts in a lake's records, and a lake of some days made at once
//! ```
//!
//! Every post, person and page in it is made up.

mod backfill;
mod bluesky;
mod hostile;
mod jetstream;
mod people;
mod places;
mod posts;
mod record;
mod rules;
mod text;
mod tongues;
mod words;
mod x_account;
mod x_api;
mod x_calls;
mod x_fault;
mod x_oauth;
mod x_rules;
mod x_stream;
mod x_wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

pub(crate) use backfill::{Backfill, USUAL_POSTS};
pub(crate) use posts::Feed;
use posts::snowflake;
pub use x_fault::XFault;

use super::clock::Pace;
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
    /// What goes wrong on X's side from the beginning.
    pub(crate) faults: Vec<XFault>,
}

/// The most posts a second.
pub(crate) const FASTEST: u32 = 10_000;

impl Default for Options {
    fn default() -> Self {
        Self { rate: 20, dialect: Dialect::default(), seed: 1, faults: Vec::new() }
    }
}

/// A feed whose servers answer.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where X's API is: `http://127.0.0.1:PORT`.
    pub(crate) x_api_url: String,
    /// Where Jetstream is: `ws://127.0.0.1:PORT`, with `/subscribe` and `/xrpc/…` below it.
    pub(crate) jetstream_url: String,
    x: Arc<x_api::Api>,
    feed: Arc<Feed>,
}

impl Running {
    /// From now on there are these faults, for streams that are open too.
    pub(crate) fn set_faults(&self, faults: Vec<XFault>) {
        self.x.set_faults(faults);
    }

    /// The faults that are on.
    pub(crate) fn faults(&self) -> Vec<XFault> {
        self.x.faults()
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

    /// X's side forgets its rules, connections, limits and usage. Open streams end.
    pub(crate) fn reset(&self) {
        self.x.reset();
    }
}

/// Starts the servers on free ports of the loopback, as tasks of the runtime that this is called in. When this
/// returns, they answer, until `stop`.
pub(crate) fn start(options: Options, pace: Pace, stop: CancellationToken) -> io::Result<Running> {
    if !(1..=FASTEST).contains(&options.rate) {
        let message = format!("a feed gives from 1 to {FASTEST} posts a second");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let feed = Arc::new(Feed::new(options.seed, options.rate));
    let x_listener = listen()?;
    let jetstream_listener = listen()?;
    let x = Arc::new(x_api::Api::new(Arc::clone(&feed), options.dialect, pace, options.faults));
    let running = Running {
        x_api_url: format!("http://{}", x_listener.local_addr()?),
        jetstream_url: format!("ws://{}", jetstream_listener.local_addr()?),
        x: Arc::clone(&x),
        feed: Arc::clone(&feed),
    };
    tokio::spawn(x_api::serve(x_listener, x, stop.clone()));
    tokio::spawn(jetstream::serve(jetstream_listener, feed, stop));
    Ok(running)
}

/// A slow reader must be felt soon: left alone, the system would hold megabytes for it.
const SEND_BUFFER: u32 = 256 << 10;
const BACKLOG: u32 = 64;

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    socket.listen(BACKLOG)
}
