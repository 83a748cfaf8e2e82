//! The sandbox's own door: what it is, which faults are on, and starting anew.
//!
//! ```text
//! GET    /_hydrant/            what this is
//! GET    /_hydrant/faults      the faults that are on, as a JSON list of texts
//! PUT    /_hydrant/faults      from now on there are these
//! GET    /_hydrant/feed/sent   what X and Jetstream gave out
//! POST   /_hydrant/lake        fill a bucket with the records of past hours
//! POST   /_hydrant/reset       forget everything; the faults that are on stay on
//! ```
//!
//! What was given out is a document for either server: `{"x": {"connects", "refused": {STATUS: TIMES}, "sent", "useless",
//! "broken", "keep_alives", "first", "posts": […]}, "jetstream": {…}}`. `posts` names those whose whole line or message
//! was handed to a connection, in order and as often as it was: X's by their ids, Jetstream's events as `{"seq",
//! "time_us", "operation", "record": "DID/COLLECTION/RKEY"}`. They begin with the `first`-th of all `sent`; at most 20,000
//! come at once, and `?from=N` brings the N-th and later ones. A million of each server's are remembered.
//!
//! What changes something must carry the header `x-hydrant-control`, which no page in a browser can send here.

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::fault::AnyFault;
use super::feed::Backfill as Lake;
use super::inflow::Inflow;
use super::s3;
use super::server::{Body, Rooms, plain};
use super::store::StoreError;

/// Where the paths of this door begin.
pub(crate) const PREFIX: &str = "/_hydrant/";

const HEADER: &str = "x-hydrant-control";
const LARGEST_REQUEST: usize = 64 << 10;

pub(crate) async fn answer(rooms: &Rooms, request: Request<Inflow>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.method != Method::GET && !parts.headers.contains_key(HEADER) {
        return plain(StatusCode::FORBIDDEN, format!("this needs the header {HEADER}\n"));
    }
    let body = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let what = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let done = match (parts.method, what) {
        (Method::GET, "") => Ok(json!({ "sandbox": env!("CARGO_PKG_VERSION") })),
        (Method::GET, "faults") => Ok(faults(rooms)),
        (Method::PUT, "faults") => set_faults(rooms, &body),
        (Method::GET, "feed/sent") => sent(rooms, parts.uri.query().unwrap_or_default()).await,
        (Method::POST, "lake") => fill_lake(rooms, &body),
        (Method::POST, "reset") => reset(rooms),
        _ => return plain(StatusCode::NOT_FOUND, "there is no such thing here\n"),
    };
    match done {
        Ok(document) => plain(StatusCode::OK, format!("{document}\n")),
        Err(Wrong::Request(why)) => plain(StatusCode::BAD_REQUEST, why + "\n"),
        Err(Wrong::State(why)) => plain(StatusCode::INTERNAL_SERVER_ERROR, why + "\n"),
    }
}

/// Why something was not done.
enum Wrong {
    Request(String),
    State(String),
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::State(error.to_string())
    }
}

fn faults(rooms: &Rooms) -> Value {
    let cloud: Vec<String> =
        rooms.shared.look(|world| world.faults.list().map(ToString::to_string).collect());
    json!(cloud.into_iter().chain(rooms.feed.faults().iter().map(ToString::to_string)).collect::<Vec<_>>())
}

fn set_faults(rooms: &Rooms, body: &[u8]) -> Result<Value, Wrong> {
    let texts: Vec<String> =
        serde_json::from_slice(body).map_err(|error| Wrong::Request(error.to_string()))?;
    let new: Vec<AnyFault> =
        texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(Wrong::Request)?;
    let (cloud, feed) = AnyFault::part(new);
    rooms.feed.set_faults(feed);
    rooms.shared.with(|world| world.faults.set(cloud))?;
    Ok(faults(rooms))
}

async fn sent(rooms: &Rooms, query: &str) -> Result<Value, Wrong> {
    let from = match query.split_once('=') {
        None if query.is_empty() => 0,
        Some(("from", from)) => from.parse().map_err(|_| Wrong::Request(format!("{from} is no number")))?,
        _ => return Err(Wrong::Request("the only parameter is from=NUMBER".to_owned())),
    };
    let feed = rooms.feed.clone();
    tokio::task::spawn_blocking(move || feed.sent(from))
        .await
        .map_err(|panic| Wrong::State(panic.to_string()))
}

fn fill_lake(rooms: &Rooms, body: &[u8]) -> Result<Value, Wrong> {
    let lake: Lake = serde_json::from_slice(body).map_err(|error| Wrong::Request(error.to_string()))?;
    let (objects, records) =
        rooms.feed.fill(&rooms.shared, &lake, rooms.shared.now())?.map_err(Wrong::Request)?;
    Ok(json!({ "objects": objects, "records": records }))
}

fn reset(rooms: &Rooms) -> Result<Value, Wrong> {
    rooms.feed.reset();
    rooms.shared.reset()?;
    s3::sweep_leftovers(&rooms.shared);
    Ok(json!({}))
}
