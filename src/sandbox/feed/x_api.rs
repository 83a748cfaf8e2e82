//! X's API v2, as far as the filtered stream needs it: tokens, the stream, its rules, its connections, usage.
//!
//! Any key and secret get a token, unless one of them begins with `wrong`: so that a refusal can be tried.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
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
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::posts::Feed;
use super::x_account::{APP, Account, Allowance, BadToken, Limit, MONTHLY_CAP, PROJECT};
use super::x_fault::XFault;
use super::x_rules::{MOST, TooMany, Wanted};
use super::x_wire::Asked;
use super::{Dialect, x_stream};
use crate::sandbox::clock::{Pace, iso};

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
struct Refused {
    status: StatusCode,
    document: Value,
    allowance: Option<Allowance>,
}

impl Refused {
    fn new(status: StatusCode, document: Value) -> Self {
        Self { status, document, allowance: None }
    }

    fn plain(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        Self::new(
            status,
            json!({ "title": title, "detail": title, "type": "about:blank", "status": status.as_u16() }),
        )
    }

    /// X's 400: a parameter is wrong.
    fn parameter(name: &str, value: &str, message: &str) -> Self {
        let parameters = json!({ name: [value] });
        Self::invalid(&json!([{ "parameters": parameters, "message": message }]))
    }

    fn invalid(errors: &Value) -> Self {
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

type Answer = Result<(StatusCode, Value), Refused>;

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
    let call = match Call::of(api, parts, &path, body) {
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

/// `POST /oauth2/token` and `/oauth2/invalidate_token`: a key and a secret for a bearer token.
fn oauth2(api: &Api, parts: &Parts, path: &str, body: &[u8]) -> Answer {
    if parts.method != Method::POST {
        return Err(Refused::plain(StatusCode::NOT_FOUND));
    }
    let (key, secret) = basic(parts)
        .filter(|(key, secret)| !api.faults().contains(&XFault::Auth) && is_good(key) && is_good(secret))
        .ok_or_else(|| {
            let error = json!({
                "code": 99,
                "message": "Unable to verify your credentials",
                "label": "authenticity_token_error",
            });
            Refused::new(StatusCode::FORBIDDEN, json!({ "errors": [error] }))
        })?;
    let form = pairs(std::str::from_utf8(body).unwrap_or_default());
    let missing = |name: &str| {
        let error = json!({
            "code": 170,
            "message": format!("Missing required parameter: {name}"),
            "label": "forbidden_missing_parameter",
        });
        Refused::new(StatusCode::FORBIDDEN, json!({ "errors": [error] }))
    };
    let mut account = api.account();
    let token = account.tokens.of(&key, &secret);
    match path {
        "/oauth2/token" => match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => {
                Ok((StatusCode::OK, json!({ "token_type": "bearer", "access_token": token })))
            }
            Some(_) => {
                let error = json!({
                    "code": 214,
                    "message": "grant_type must be client_credentials",
                    "label": "bad_request",
                });
                Err(Refused::new(StatusCode::BAD_REQUEST, json!({ "errors": [error] })))
            }
            None => Err(missing("grant_type")),
        },
        "/oauth2/invalidate_token" => {
            let given = form.get("access_token").ok_or_else(|| missing("access_token"))?;
            // Put into the form as it is, its own escapes are read as the form's.
            if *given != token && *given != unescaped(&token) {
                let error = json!({ "code": 348, "message": "Client application is not permitted to to invalidate this token." });
                return Err(Refused::new(StatusCode::FORBIDDEN, json!({ "errors": [error] })));
            }
            account.tokens.invalidate(&key, &secret);
            Ok((StatusCode::OK, json!({ "access_token": token })))
        }
        _ => Err(Refused::plain(StatusCode::NOT_FOUND)),
    }
}

fn is_good(part: &str) -> bool {
    !part.is_empty() && !part.to_ascii_lowercase().starts_with("wrong")
}

/// The key and the secret of an `Authorization: Basic` header, each of them escaped once more inside.
fn basic(parts: &Parts) -> Option<(String, String)> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (key, secret) = decoded.split_once(':')?;
    Some((unescaped(key), unescaped(secret)))
}

fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query or a form; of a name that comes twice, the last.
fn pairs(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (unescaped(&name.replace('+', " ")), unescaped(&value.replace('+', " "))))
        .collect()
}

/// A client must bring a good bearer token, and nothing may be wrong with its account.
fn admit(api: &Api, parts: &Parts) -> Result<(), Refused> {
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
fn count(api: &Api, limit: Limit) -> Result<Allowance, Refused> {
    let allowance = api.account().limits.take(limit, Timestamp::now(), api.pace);
    if allowance.allowed {
        return Ok(allowance);
    }
    Err(Refused { allowance: Some(allowance), ..Refused::plain(StatusCode::TOO_MANY_REQUESTS) })
}

/// Refuses parameters that the call does not have.
fn only(query: &HashMap<String, String>, known: &[&str]) -> Result<(), Refused> {
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
fn connect(
    api: &Api,
    parts: &Parts,
    client: SocketAddr,
) -> Result<(super::x_account::Opened, Asked, Allowance), Refused> {
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

/// A call that is answered with a document.
struct Call {
    what: What,
    query: HashMap<String, String>,
    body: Bytes,
    allowance: Allowance,
}

enum What {
    Rules,
    ChangeRules,
    CountRules,
    Connections,
    KillAll,
    KillSome,
    /// An endpoint's name, or one connection's id.
    Kill(String),
    Usage,
}

impl Call {
    fn of(api: &Api, parts: Parts, path: &str, body: Bytes) -> Result<Self, Refused> {
        let (what, limit, known): (_, _, &[&str]) = match (&parts.method, path) {
            (&Method::GET, "/2/tweets/search/stream/rules") => {
                (What::Rules, Limit::ReadRules, &["ids", "max_results", "pagination_token"])
            }
            (&Method::POST, "/2/tweets/search/stream/rules") => {
                (What::ChangeRules, Limit::ChangeRules, &["dry_run", "delete_all"])
            }
            (&Method::GET, "/2/tweets/search/stream/rules/counts") => {
                (What::CountRules, Limit::ReadRules, &["rules_count.fields"])
            }
            (&Method::GET, "/2/connections") => (
                What::Connections,
                Limit::Connections,
                &["status", "endpoints", "max_results", "pagination_token", "connection.fields"],
            ),
            (&Method::DELETE, "/2/connections") => (What::KillSome, Limit::KillConnections, &[]),
            (&Method::DELETE, "/2/connections/all") => (What::KillAll, Limit::KillConnections, &[]),
            (&Method::GET, "/2/usage/tweets") => (What::Usage, Limit::Usage, &["days", "usage.fields"]),
            (&Method::DELETE, _) if path.starts_with("/2/connections/") => {
                let id = path.trim_start_matches("/2/connections/").to_owned();
                (What::Kill(id), Limit::KillConnections, &[])
            }
            _ => {
                tracing::warn!(method = %parts.method, path, "unknown to the sandbox's X API");
                return Err(Refused::plain(StatusCode::NOT_FOUND));
            }
        };
        admit(api, &parts)?;
        let allowance = count(api, limit)?;
        let query = pairs(parts.uri.query().unwrap_or_default());
        only(&query, known).map_err(|refused| Refused { allowance: Some(allowance), ..refused })?;
        Ok(Self { what, query, body, allowance })
    }

    fn run(&self, api: &Api) -> Answer {
        let now = Timestamp::now();
        match &self.what {
            What::Rules => self.list_rules(api, now),
            What::ChangeRules => self.change_rules(api, now),
            What::CountRules => {
                let count = api.account().rules.len();
                Ok((
                    StatusCode::OK,
                    json!({ "data": {
                        "client_app_rules_count": { "client_app_id": APP, "rule_count": count },
                        "project_rules_count": count.to_string(),
                        "cap_per_client_app": MOST.to_string(),
                        "cap_per_project": MOST.to_string(),
                        "all_project_client_apps": [{ "client_app_id": APP, "rule_count": count }],
                    } }),
                ))
            }
            What::Connections => self.list_connections(api, now),
            What::KillAll => Ok(killed(&api.account().connections.kill(|_| true, now), &[])),
            What::Kill(name) if name == "filtered_stream" => {
                Ok(killed(&api.account().connections.kill(|_| true, now), &[]))
            }
            What::Kill(name) => {
                let gone = api.account().connections.kill(|id| id == name, now);
                if gone.is_empty() {
                    Err(Refused::plain(StatusCode::NOT_FOUND))
                } else {
                    Ok(killed(&gone, &[]))
                }
            }
            What::KillSome => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Uuids {
                    uuids: Vec<String>,
                }
                let Uuids { uuids } = read(&self.body)?;
                let gone = api.account().connections.kill(|id| uuids.iter().any(|uuid| uuid == id), now);
                let missed: Vec<String> = uuids.into_iter().filter(|uuid| !gone.contains(uuid)).collect();
                Ok(killed(&gone, &missed))
            }
            What::Usage => self.usage(api, now),
        }
    }

    fn is_set(&self, flag: &str) -> bool {
        self.query.get(flag).is_some_and(|value| value == "true")
    }

    /// A number of the query within bounds.
    fn number(
        &self,
        name: &str,
        usual: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Refused> {
        let Some(value) = self.query.get(name) else { return Ok(usual) };
        value.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(|| {
            let message = format!(
                "The `{name}` query parameter value [{value}] is not between {} and {}",
                bounds.start(),
                bounds.end()
            );
            Refused::parameter(name, value, &message)
        })
    }

    fn list_rules(&self, api: &Api, now: Timestamp) -> Answer {
        let most = self.number("max_results", 1000, 1..=1000)?;
        let from = match self.query.get("pagination_token") {
            None => 0,
            Some(token) => {
                usize::from_str_radix(token, 16).ok().filter(|_| token.len() == 16).ok_or_else(|| {
                    Refused::parameter(
                        "pagination_token",
                        token,
                        "Invalid 'pagination_token'. The token is not valid.",
                    )
                })?
            }
        };
        let ids = self.query.get("ids").map(|ids| ids.split(',').map(str::trim).collect::<Vec<_>>());
        let rules: Vec<Value> = api
            .account()
            .rules
            .list()
            .filter(|rule| {
                ids.as_ref().is_none_or(|ids| rule["id"].as_str().is_some_and(|id| ids.contains(&id)))
            })
            .collect();
        let page: Vec<&Value> = rules.iter().skip(from).take(most).collect();
        let mut meta = json!({ "sent": iso(now), "result_count": page.len() });
        let next = from.saturating_add(page.len());
        if next < rules.len() {
            meta["next_token"] = json!(format!("{next:016x}"));
        }
        // Without rules, X leaves `data` out.
        let answered =
            if page.is_empty() { json!({ "meta": meta }) } else { json!({ "data": page, "meta": meta }) };
        Ok((StatusCode::OK, answered))
    }

    fn change_rules(&self, api: &Api, now: Timestamp) -> Answer {
        let delete_all = self.is_set("delete_all");
        let change = if delete_all && self.body.trim_ascii().is_empty() {
            Change::default()
        } else {
            read::<Change>(&self.body)?
        };
        match (change.add, change.delete) {
            (None, _) if delete_all => {
                let deleted = api.account().rules.delete(|_, _| true, self.is_set("dry_run"), now, api.pace);
                Ok((
                    StatusCode::OK,
                    json!({ "meta": { "sent": iso(now), "summary": { "deleted": deleted, "not_deleted": 0 } } }),
                ))
            }
            (Some(wanted), None) if !wanted.is_empty() => self.add_rules(api, &wanted, now),
            (None, Some(delete)) if !(delete.ids.is_empty() && delete.values.is_empty()) => {
                Ok(self.delete_rules(api, &delete, now))
            }
            _ => Err(Refused::invalid(&json!([{
                "parameters": {},
                "message": "The request must have exactly one of `add` and `delete`, and it must not be empty",
            }]))),
        }
    }

    fn add_rules(&self, api: &Api, wanted: &[Wanted], now: Timestamp) -> Answer {
        let added =
            api.account().rules.add(wanted, self.is_set("dry_run"), now, api.pace).map_err(|TooMany| {
                let document = json!({
                    "title": "RulesCapExceeded",
                    "detail": format!("Your client app may have at most {MOST} rules."),
                    "type": "https://api.twitter.com/2/problems/rule-cap",
                });
                Refused::new(StatusCode::UNPROCESSABLE_ENTITY, document)
            })?;
        let (created, failed) = (added.created.len(), added.errors.len());
        let status = match (created, added.invalid) {
            (0, 0) => StatusCode::OK,
            (0, _) => StatusCode::BAD_REQUEST,
            _ => StatusCode::CREATED,
        };
        let summary =
            json!({ "created": created, "not_created": failed, "valid": created, "invalid": failed });
        let mut answered = json!({ "meta": { "sent": iso(now), "summary": summary } });
        if created > 0 {
            answered["data"] = added.created.into();
        }
        if failed > 0 {
            answered["errors"] = added.errors.into();
        }
        Ok((status, answered))
    }

    fn delete_rules(&self, api: &Api, delete: &Delete, now: Timestamp) -> (StatusCode, Value) {
        let named = |id: &str, value: &str| {
            delete.ids.iter().any(|wanted| wanted == id) || delete.values.iter().any(|wanted| wanted == value)
        };
        let deleted = api.account().rules.delete(named, self.is_set("dry_run"), now, api.pace);
        let missed = (delete.ids.len() + delete.values.len()).saturating_sub(deleted);
        let summary = json!({ "deleted": deleted, "not_deleted": missed });
        let mut answered = json!({ "meta": { "sent": iso(now), "summary": summary } });
        if missed > 0 {
            answered["errors"] = json!([{
                "errors": [{ "message": "Rule does not exist", "parameters": {} }],
                "title": "Invalid Request",
                "detail": "One or more parameters to your request was invalid.",
                "type": "https://api.twitter.com/2/problems/invalid-request",
            }]);
        }
        (StatusCode::OK, answered)
    }

    fn list_connections(&self, api: &Api, now: Timestamp) -> Answer {
        let most = self.number("max_results", 10, 1..=100)?;
        let active = match self.query.get("status").map(String::as_str) {
            None | Some("active") => Some(true),
            Some("inactive") => Some(false),
            Some("all") => None,
            Some(other) => {
                let message = format!(
                    "The `status` query parameter value [{other}] is not one of [active,inactive,all]"
                );
                return Err(Refused::parameter("status", other, &message));
            }
        };
        let others = self
            .query
            .get("endpoints")
            .is_some_and(|names| !names.split(',').any(|name| name == "filtered_stream"));
        let mut connections = if others { Vec::new() } else { api.account().connections.list(active, now) };
        connections.truncate(most);
        let meta = json!({ "result_count": connections.len() });
        let answered = if connections.is_empty() {
            json!({ "meta": meta })
        } else {
            json!({ "data": connections, "meta": meta })
        };
        Ok((StatusCode::OK, answered))
    }

    fn usage(&self, api: &Api, now: Timestamp) -> Answer {
        let days = self.number("days", 7, 1..=90)?;
        let usual = "cap_reset_day,project_cap,project_id,project_usage";
        let fields = self.query.get("usage.fields").map_or(usual, String::as_str);
        let account = api.account();
        let daily = account.usage.daily(u8::try_from(days).unwrap_or(u8::MAX), now);
        let all = json!({
            "cap_reset_day": 1,
            "project_cap": MONTHLY_CAP.to_string(),
            "project_id": PROJECT,
            "project_usage": account.usage.month(now).to_string(),
            "daily_project_usage": { "project_id": PROJECT, "usage": daily },
            "daily_client_app_usage":
                [{ "client_app_id": APP, "usage_result_count": daily.len(), "usage": daily }],
        });
        let wanted = |name: &str| fields.split(',').any(|field| field.trim() == name);
        let shown: serde_json::Map<String, Value> = all
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Ok((StatusCode::OK, json!({ "data": shown })))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    add: Option<Vec<Wanted>>,
    delete: Option<Delete>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    values: Vec<String>,
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|error| Refused::invalid(&json!([{ "parameters": {}, "message": error.to_string() }])))
}

fn killed(gone: &[String], missed: &[String]) -> (StatusCode, Value) {
    let good = gone.iter().map(|uuid| json!({ "uuid": uuid, "success": true }));
    let bad = missed
        .iter()
        .map(|uuid| json!({ "uuid": uuid, "success": false, "error_message": "Connection not found" }));
    let answered = json!({ "data": {
        "successful_kills": gone.len(),
        "failed_kills": missed.len(),
        "results": good.chain(bad).collect::<Vec<_>>(),
    } });
    (StatusCode::OK, answered)
}
