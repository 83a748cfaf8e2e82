//! How X says no, and how what stands in front of it does.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::{Reset, What};
use super::x_account::Allowance;
use super::x_api::Body;

/// What X tells of a limit in the heads of its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitTold {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Seconds since 1970, if nothing is wrong.
    pub(super) reset: Option<String>,
}

impl From<Allowance> for LimitTold {
    fn from(allowance: Allowance) -> Self {
        let Allowance { limit, remaining, reset, .. } = allowance;
        Self { limit, remaining, reset: Some(reset.to_string()) }
    }
}

/// A refusal: a status and X's document.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) document: Value,
    pub(super) limit: Option<LimitTold>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, document: Value) -> Self {
        Self { status, document, limit: None }
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

    pub(super) fn invalid_token() -> Self {
        let error = json!({ "code": 89, "message": "Invalid or expired token." });
        Self::new(StatusCode::UNAUTHORIZED, json!({ "errors": [error] }))
    }

    pub(super) fn connection(status: StatusCode, issue: &str, detail: &str) -> Self {
        let document = json!({
            "title": "ConnectionException",
            "detail": detail,
            "connection_issue": issue,
            "type": "https://api.twitter.com/2/problems/streaming-connection",
        });
        Self::new(status, document)
    }
}

const ACCOUNT: u64 = 1_650_000_000_000_000_001;
/// As far off as a clock may be said to be.
const FAR: i64 = 30 * 86_400;

/// How X refuses a call because of a fault that says so.
pub(super) fn trouble(what: &What, now: Timestamp) -> Refused {
    match what {
        What::Auth { v1: true } => Refused::invalid_token(),
        What::Credits => Refused::new(
            StatusCode::PAYMENT_REQUIRED,
            json!({
                "account_id": ACCOUNT,
                "title": "CreditsDepleted",
                "detail": "Your enrolled account does not have any credits to fulfill this request.",
                "type": "https://api.twitter.com/2/problems/credits",
            }),
        ),
        What::Cap => {
            let next_month = now.to_zoned(jiff::tz::TimeZone::UTC).date().last_of_month().tomorrow();
            Refused::new(
                StatusCode::FORBIDDEN,
                json!({
                    "account_id": ACCOUNT,
                    "title": "SpendCapReached",
                    "detail": "Your enrolled account has reached its billing cycle spend cap.",
                    "reset_date": next_month.map_or_else(|_| String::new(), |date| date.to_string()),
                    "type": "https://api.twitter.com/2/problems/credits",
                }),
            )
        }
        What::Forbidden(reason) => forbidden(reason),
        What::Usage => Refused::new(
            StatusCode::TOO_MANY_REQUESTS,
            json!({
                "account_id": ACCOUNT,
                "product_name": "pay-per-use",
                "title": "UsageCapExceeded",
                "period": "Monthly",
                "scope": "Product",
                "detail": "Usage cap exceeded: Monthly product cap",
                "type": "https://api.twitter.com/2/problems/usage-capped",
            }),
        ),
        What::Limit(reset) => {
            let now = now.as_second();
            let reset = match reset {
                Reset::In(time) => {
                    // Rounded up: what is told is never too early.
                    let seconds = time.as_millis().div_ceil(1000);
                    Some((now + i64::try_from(seconds).unwrap_or(FAR)).to_string())
                }
                Reset::Past => Some((now - FAR).to_string()),
                Reset::Far => Some((now + FAR).to_string()),
                Reset::Nonsense => Some("soon".to_owned()),
                Reset::Missing => None,
            };
            let limit = Some(LimitTold { limit: 50, remaining: 0, reset });
            Refused { limit, ..Refused::plain(StatusCode::TOO_MANY_REQUESTS) }
        }
        _ => Refused::plain(StatusCode::UNAUTHORIZED),
    }
}

fn forbidden(reason: &str) -> Refused {
    let detail = if reason == "official-client-forbidden" {
        "This endpoint is not open to the client that asked for it."
    } else {
        "When authenticating requests to the X API v2 endpoints, you must use keys and tokens from a developer App \
         that is attached to a Project."
    };
    Refused::new(
        StatusCode::FORBIDDEN,
        json!({
            "client_id": super::x_account::APP,
            "detail": detail,
            "registration_url": "https://developer.x.com/en/docs/projects/overview",
            "title": "Client Forbidden",
            "required_enrollment": "Appropriate Level of API Access",
            "reason": reason,
            "type": "https://api.twitter.com/2/problems/client-forbidden",
        }),
    )
}

/// The same place under another name of this machine.
pub(super) fn elsewhere<B>(request: &Request<B>) -> Option<HeaderValue> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
    format!("http://localhost:{port}{asked}").parse().ok()
}

/// What stands in front of X answers, or nobody does. `elsewhere` is where it may lead to.
pub(super) async fn hidden(what: &What, elsewhere: Option<HeaderValue>) -> Response<Body> {
    match what {
        What::Empty(status) => bare(*status, ""),
        What::Page => bare(200, PAGE),
        What::Unavailable(status) => bare(*status, PAGE),
        What::Redirect => {
            let mut response = bare(307, "");
            if let Some(elsewhere) = elsewhere {
                response.headers_mut().insert(LOCATION, elsewhere);
            }
            response
        }
        // The client goes away, or the server.
        _ => std::future::pending().await,
    }
}

const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Service Unavailable</title></head><body>Try again.</body></html>\n";

fn bare(status: u16, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
