//! X's API v2, as far as the filtered stream needs it: who may call, and where calls go.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::fault::{Switches, What};
use super::posts::Feed;
use super::sent::Sent;
use super::x_account::{Account, BadToken, Limit};
use super::x_calls::Call;
use super::x_oauth::oauth2;
use super::x_refused::{LimitTold, Refused, elsewhere, hidden, trouble};
use super::x_stream::Granted;
use super::x_wire::Asked;
use super::{Dialect, x_stream};
use crate::sandbox::clock::Pace;

/// A body on its way out. It fails where a stream is cut on purpose.
pub(super) type Body = BoxBody<Bytes, io::Error>;

const HEAD_LIMIT: Duration = Duration::from_secs(30);
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// A thousand rules of the greatest length, with room.
const LARGEST_REQUEST: usize = 8 << 20;

/// X's side of the feed.
#[derive(Debug)]
pub(crate) struct Api {
    pub(super) feed: Arc<Feed>,
    pub(super) dialect: Dialect,
    pub(super) pace: Pace,
    pub(super) switches: Arc<Switches>,
    pub(super) sent: Arc<Sent>,
    account: Mutex<Account>,
}

impl Api {
    pub(super) fn new(feed: Arc<Feed>, dialect: Dialect, pace: Pace, switches: Arc<Switches>) -> Self {
        Self { feed, dialect, pace, switches, sent: Arc::default(), account: Mutex::default() }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account as it is to be there again after a restart.
    pub(super) fn kept(&self) -> Value {
        serde_json::to_value(&*self.account()).expect("it is plain data with text as keys")
    }

    /// Goes on with an account that was kept.
    pub(super) fn take_up(&self, kept: Value) -> Result<(), serde_json::Error> {
        *self.account() = serde_json::from_value(kept)?;
        Ok(())
    }

    pub(super) fn reset(&self) {
        let mut account = self.account();
        account.connections.kill(|_| true, Timestamp::now());
        *account = Account::default();
        self.sent.reset();
    }
}

/// A connection of a client's, to be ended otherwise than in good order.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    close: CancellationToken,
    reset: Arc<AtomicBool>,
}

impl Socket {
    /// Drops it.
    pub(super) fn close(&self) {
        self.close.cancel();
    }

    /// Drops it so that the client's next read fails.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.close.cancel();
    }
}

/// Serves until asked to stop. Every connection ends with it.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, client)) = accepted else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        drop(stream.set_nodelay(true));
        let api = Arc::clone(&api);
        let socket = Socket { close: stop.child_token(), reset: Arc::default() };
        tokio::spawn(converse(api, stream, client, socket));
    }
}

async fn converse(api: Arc<Api>, stream: TcpStream, client: SocketAddr, socket: Socket) {
    // What is kept here is closed last, so that how it is closed can be said when the connection is over.
    let twin = stream.as_fd().try_clone_to_owned();
    let own = socket.clone();
    let service = service_fn(move |request| {
        let (api, socket) = (Arc::clone(&api), own.clone());
        async move { Ok::<_, Infallible>(answer(&api, request, client, socket).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => drop(ended),
        () = socket.close.cancelled() => {}
    }
    if socket.reset.load(Ordering::Relaxed)
        && let Ok(twin) = twin.and_then(|twin| TcpStream::from_std(twin.into()))
    {
        drop(twin.set_zero_linger());
    }
}

/// A good answer's status and document, or a refusal.
pub(super) type Answer = Result<(StatusCode, Value), Refused>;

async fn answer(
    api: &Arc<Api>,
    request: Request<Incoming>,
    client: SocketAddr,
    socket: Socket,
) -> Response<Body> {
    let late = api.switches.strike(|fault| match fault.what {
        What::Slow(late) => Some(late),
        _ => None,
    });
    if let Some(late) = late {
        tokio::time::sleep(late).await;
    }
    let hides = api.switches.strike(|fault| fault.what.hides_x().then(|| fault.what.clone()));
    let response = match hides {
        Some(what) => {
            let elsewhere = elsewhere(&request);
            hidden(&what, elsewhere).await
        }
        None => answer_as_x(api, request, client, socket).await,
    };
    if !response.status().is_success() {
        api.sent.refused(response.status().as_u16());
    }
    response
}

async fn answer_as_x(
    api: &Arc<Api>,
    request: Request<Incoming>,
    client: SocketAddr,
    socket: Socket,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    if path == "/2/tweets/search/stream" && parts.method == Method::GET {
        return match connect(api, &parts, client) {
            Ok((granted, limit)) => {
                let compressed = granted.gzip.is_some();
                let mut response = Response::new(x_stream::begin(api, granted, socket));
                finish(&mut response, Some(limit));
                if compressed {
                    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                response
            }
            Err(refused) => document(refused.status, &refused.document, refused.limit),
        };
    }
    let collected = tokio::time::timeout(BODY_LIMIT, Limited::new(body, LARGEST_REQUEST).collect()).await;
    let Ok(Ok(body)) = collected.map(|body| body.map(http_body_util::Collected::to_bytes)) else {
        let refused = Refused::plain(StatusCode::PAYLOAD_TOO_LARGE);
        return document(refused.status, &refused.document, None);
    };
    if path.starts_with("/oauth2/") {
        let (status, answered) = match oauth2(api, &parts, &path, &body) {
            Ok(answered) => answered,
            Err(refused) => (refused.status, refused.document),
        };
        return document(status, &answered, None);
    }
    let call = match Call::of(api, &parts, &path, body) {
        Ok(call) => call,
        Err(refused) => return document(refused.status, &refused.document, refused.limit),
    };
    match call.run(api) {
        Ok((status, answered)) => document(status, &answered, Some(call.limit)),
        Err(refused) => document(refused.status, &refused.document, refused.limit.or(Some(call.limit))),
    }
}

fn document(status: StatusCode, document: &Value, limit: Option<LimitTold>) -> Response<Body> {
    let body = Full::new(Bytes::from(document.to_string())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    finish(&mut response, limit);
    response
}

fn finish(response: &mut Response<Body>, limit: Option<LimitTold>) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(LimitTold { limit, remaining, reset }) = limit {
        headers.insert("x-rate-limit-limit", limit.into());
        headers.insert("x-rate-limit-remaining", remaining.into());
        if let Some(reset) = reset.and_then(|reset| reset.parse().ok()) {
            headers.insert("x-rate-limit-reset", reset);
        }
    }
}

pub(super) fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query or a form; of a name that comes twice, the last.
pub(super) fn pairs(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (unescaped(&name.replace('+', " ")), unescaped(&value.replace('+', " "))))
        .collect()
}

/// A client must bring a good bearer token, and nothing may be wrong with its account.
pub(super) fn admit(api: &Api, parts: &Parts) -> Result<(), Refused> {
    let unauthorized = || Refused::plain(StatusCode::UNAUTHORIZED);
    let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthorized());
    }
    api.account().tokens.check(token.trim()).map_err(|bad| match bad {
        BadToken::Unknown => unauthorized(),
        BadToken::Invalidated => Refused::invalid_token(),
    })?;
    let refusing = api.switches.strike(|fault| fault.what.refuses().then(|| fault.what.clone()));
    refusing.map_or(Ok(()), |what| Err(trouble(&what, Timestamp::now())))
}

/// Counts a call, or refuses it because there were too many.
pub(super) fn count(api: &Api, limit: Limit) -> Result<LimitTold, Refused> {
    let allowance = api.account().limits.take(limit, Timestamp::now(), api.pace);
    let told = LimitTold::from(allowance);
    if allowance.allowed {
        return Ok(told);
    }
    Err(Refused { limit: Some(told), ..Refused::plain(StatusCode::TOO_MANY_REQUESTS) })
}

/// Refuses parameters that the call does not have.
pub(super) fn only(query: &HashMap<String, String>, known: &[&str]) -> Result<(), Refused> {
    let mut unknown: Vec<_> = query.iter().filter(|(name, _)| !known.contains(&name.as_str())).collect();
    unknown.sort();
    match unknown.first() {
        None => Ok(()),
        Some((name, value)) => {
            tracing::warn!(parameter = name, "unknown to the sandbox's X API");
            let message = format!("The query parameter [{name}] is not one of [{}]", known.join(","));
            Err(Refused::parameter(name, value, &message))
        }
    }
}

/// `GET /2/tweets/search/stream`, up to where the stream begins.
fn connect(api: &Api, parts: &Parts, client: SocketAddr) -> Result<(Granted, LimitTold), Refused> {
    admit(api, parts)?;
    let limit = count(api, Limit::Connect)?;
    match grant(api, parts, client) {
        Ok(granted) => Ok((granted, limit)),
        Err(refused) => Err(Refused { limit: Some(limit), ..refused }),
    }
}

fn grant(api: &Api, parts: &Parts, client: SocketAddr) -> Result<Granted, Refused> {
    let query = pairs(parts.uri.query().unwrap_or_default());
    only(
        &query,
        &[
            "backfill_minutes",
            "start_time",
            "end_time",
            "tweet.fields",
            "expansions",
            "user.fields",
            "place.fields",
            "media.fields",
            "poll.fields",
        ],
    )?;
    let faults = api.switches.list();
    let has_backfill = faults.iter().any(|fault| fault.what == What::Backfill);
    for name in ["backfill_minutes", "start_time", "end_time"] {
        let granted = has_backfill && name == "backfill_minutes";
        if let Some(value) = query.get(name).filter(|value| *value != "0" && !granted) {
            let message = format!("The `{name}` query parameter is not available to your access level");
            return Err(Refused::parameter(name, value, &message));
        }
    }
    let backfill = match query.get("backfill_minutes") {
        None => 0,
        Some(minutes) => minutes.parse().ok().filter(|minutes| *minutes <= 5).ok_or_else(|| {
            let message =
                format!("The `backfill_minutes` query parameter value [{minutes}] is not between 0 and 5");
            Refused::parameter("backfill_minutes", minutes, &message)
        })?,
    };
    let mut account = api.account();
    if account.rules.len() == 0 {
        let detail = "Your client app is not configured with the appropriate stream rules for this request.";
        return Err(Refused::connection(StatusCode::CONFLICT, "RuleConfigurationIssue", detail));
    }
    let is_first = account.connections.is_empty();
    let Some(opened) = account.connections.open(client.ip().to_string(), Timestamp::now()) else {
        let detail = "This stream is currently at the maximum allowed connection limit.";
        return Err(Refused::connection(StatusCode::TOO_MANY_REQUESTS, "TooManyConnections", detail));
    };
    drop(account);
    let overlap = api
        .switches
        .strike(|fault| match fault.what {
            What::Overlap(past) if !is_first => Some(past),
            _ => None,
        })
        .unwrap_or_default();
    let past = Duration::from_mins(backfill);
    let takes_gzip = parts
        .headers
        .get(ACCEPT_ENCODING)
        .and_then(|accepted| accepted.to_str().ok())
        .is_some_and(|accepted| accepted.to_ascii_lowercase().contains("gzip"));
    let gzip = faults.iter().find_map(|fault| match fault.what {
        What::Gzip { held } if takes_gzip => Some(held),
        _ => None,
    });
    Ok(Granted { opened, asked: Asked::of(&query), past, overlap, gzip })
}

#[cfg(test)]
mod tests;
