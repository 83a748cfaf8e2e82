//! X's API v2, as far as the filtered stream needs it: who may call, what is refused and how, and where calls go.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::posts::Feed;
use super::x_account::{Account, Allowance, BadToken, Limit, Opened};
use super::x_calls::Call;
use super::x_fault::XFault;
use super::x_oauth::oauth2;
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
    account: Mutex<Account>,
    faults: watch::Sender<Vec<XFault>>,
}

impl Api {
    pub(super) fn new(feed: Arc<Feed>, dialect: Dialect, pace: Pace, faults: Vec<XFault>) -> Self {
        Self { feed, dialect, pace, account: Mutex::default(), faults: watch::Sender::new(faults) }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_faults(&self, faults: Vec<XFault>) {
        self.faults.send_replace(faults);
    }

    pub(super) fn faults(&self) -> Vec<XFault> {
        self.faults.borrow().clone()
    }

    pub(super) fn watch_faults(&self) -> watch::Receiver<Vec<XFault>> {
        self.faults.subscribe()
    }

    pub(super) fn reset(&self) {
        let mut account = self.account();
        account.connections.kill(|_| true, Timestamp::now());
        *account = Account::default();
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
        // Cancelled when this one connection is to be dropped.
        let socket = stop.child_token();
        tokio::spawn(async move {
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
                () = socket.cancelled() => {}
            }
        });
    }
}

/// A refusal: a status and X's document.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) document: Value,
    pub(super) allowance: Option<Allowance>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, document: Value) -> Self {
        Self { status, document, allowance: None }
    }

    pub(super) fn plain(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        Self::new(
            status,
            json!({ "title": title, "detail": title, "type": "about:blank", "status": status.as_u16() }),
        )
    }

    /// X's 400: a parameter is wrong.
    pub(super) fn parameter(name: &str, value: &str, message: &str) -> Self {
        let parameters = json!({ name: [value] });
        Self::invalid(&json!([{ "parameters": parameters, "message": message }]))
    }

    pub(super) fn invalid(errors: &Value) -> Self {
        let document = json!({
            "errors": errors,
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.twitter.com/2/problems/invalid-request",
        });
        Self::new(StatusCode::BAD_REQUEST, document)
    }

    fn connection(status: StatusCode, issue: &str, detail: &str) -> Self {
        let document = json!({
            "title": "ConnectionException",
            "detail": detail,
            "connection_issue": issue,
            "type": "https://api.twitter.com/2/problems/streaming-connection",
        });
        Self::new(status, document)
    }
}

/// A good answer's status and document, or a refusal.
pub(super) type Answer = Result<(StatusCode, Value), Refused>;

async fn answer(
    api: &Arc<Api>,
    request: Request<Incoming>,
    client: SocketAddr,
    socket: CancellationToken,
) -> Response<Body> {
    if api.faults().contains(&XFault::Unavailable) {
        return page();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    if path == "/2/tweets/search/stream" && parts.method == Method::GET {
        return match connect(api, &parts, client) {
            Ok((opened, asked, allowance)) => {
                let mut response = Response::new(x_stream::begin(api, opened, asked, socket));
                finish(&mut response, Some(allowance));
                response
            }
            Err(refused) => document(refused.status, &refused.document, refused.allowance),
        };
    }
    let collected = tokio::time::timeout(BODY_LIMIT, Limited::new(body, LARGEST_REQUEST).collect()).await;
    let Ok(Ok(body)) = collected.map(|body| body.map(http_body_util::Collected::to_bytes)) else {
        return document(
            StatusCode::PAYLOAD_TOO_LARGE,
            &Refused::plain(StatusCode::PAYLOAD_TOO_LARGE).document,
            None,
        );
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
        Err(refused) => return document(refused.status, &refused.document, refused.allowance),
    };
    match call.run(api) {
        Ok((status, answered)) => document(status, &answered, Some(call.allowance)),
        Err(refused) => {
            document(refused.status, &refused.document, refused.allowance.or(Some(call.allowance)))
        }
    }
}

fn document(status: StatusCode, document: &Value, allowance: Option<Allowance>) -> Response<Body> {
    let body = Full::new(Bytes::from(document.to_string())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    finish(&mut response, allowance);
    response
}

fn finish(response: &mut Response<Body>, allowance: Option<Allowance>) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(allowance) = allowance {
        headers.insert("x-rate-limit-limit", allowance.limit.into());
        headers.insert("x-rate-limit-remaining", allowance.remaining.into());
        headers.insert("x-rate-limit-reset", allowance.reset.into());
    }
}

/// What stands in front of X answers with a page when X does not.
fn page() -> Response<Body> {
    let page = "<!DOCTYPE html>\n<html><head><title>Service Unavailable</title></head><body>Try again.</body></html>\n";
    let mut response = Response::new(Full::new(Bytes::from(page)).map_err(|never| match never {}).boxed());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
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
    let faults = api.faults();
    if faults.contains(&XFault::Auth) {
        return Err(unauthorized());
    }
    let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthorized());
    }
    api.account().tokens.check(token.trim()).map_err(|bad| match bad {
        BadToken::Unknown => unauthorized(),
        BadToken::Invalidated => {
            let error = json!({ "code": 89, "message": "Invalid or expired token." });
            Refused::new(StatusCode::UNAUTHORIZED, json!({ "errors": [error] }))
        }
    })?;
    if faults.contains(&XFault::Credits) {
        let document = json!({
            "account_id": 1_650_000_000_000_000_001_u64,
            "title": "CreditsDepleted",
            "detail": "Your enrolled account does not have any credits to fulfill this request.",
            "type": "https://api.twitter.com/2/problems/credits",
        });
        return Err(Refused::new(StatusCode::PAYMENT_REQUIRED, document));
    }
    if faults.contains(&XFault::Cap) {
        let next_month = Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
            .last_of_month()
            .tomorrow()
            .map_or_else(|_| String::new(), |date| date.to_string());
        let document = json!({
            "account_id": 1_650_000_000_000_000_001_u64,
            "title": "SpendCapReached",
            "detail": "Your enrolled account has reached its billing cycle spend cap.",
            "reset_date": next_month,
            "type": "https://api.twitter.com/2/problems/credits",
        });
        return Err(Refused::new(StatusCode::FORBIDDEN, document));
    }
    Ok(())
}

/// Counts a call, or refuses it because there were too many.
pub(super) fn count(api: &Api, limit: Limit) -> Result<Allowance, Refused> {
    let allowance = api.account().limits.take(limit, Timestamp::now(), api.pace);
    if allowance.allowed {
        return Ok(allowance);
    }
    Err(Refused { allowance: Some(allowance), ..Refused::plain(StatusCode::TOO_MANY_REQUESTS) })
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
fn connect(api: &Api, parts: &Parts, client: SocketAddr) -> Result<(Opened, Asked, Allowance), Refused> {
    admit(api, parts)?;
    let allowance = count(api, Limit::Connect)?;
    let with = |refused: Refused| Refused { allowance: Some(allowance), ..refused };
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
    )
    .map_err(with)?;
    for name in ["backfill_minutes", "start_time", "end_time"] {
        if let Some(value) = query.get(name).filter(|value| *value != "0") {
            let message = format!("The `{name}` query parameter is not available to your access level");
            return Err(with(Refused::parameter(name, value, &message)));
        }
    }
    let now = Timestamp::now();
    let mut account = api.account();
    if account.rules.len() == 0 {
        let detail = "Your client app is not configured with the appropriate stream rules for this request.";
        return Err(with(Refused::connection(StatusCode::CONFLICT, "RuleConfigurationIssue", detail)));
    }
    let Some(opened) = account.connections.open(client.ip().to_string(), now) else {
        let detail = "This stream is currently at the maximum allowed connection limit.";
        return Err(with(Refused::connection(StatusCode::TOO_MANY_REQUESTS, "TooManyConnections", detail)));
    };
    Ok((opened, Asked::of(&query), allowance))
}

#[cfg(test)]
mod tests;
