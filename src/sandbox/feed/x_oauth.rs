//! Bearer tokens: a key and a secret for one, and its end.
//!
//! Any key and secret get a token, unless one of them begins with `wrong`: so that a refusal can be tried.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::json;

use super::x_api::{Answer, Api, pairs, unescaped};
use super::x_refused::Refused;

/// `POST /oauth2/token` and `/oauth2/invalidate_token`: a key and a secret for a bearer token.
pub(super) fn oauth2(api: &Api, parts: &Parts, path: &str, body: &[u8]) -> Answer {
    if parts.method != Method::POST {
        return Err(Refused::plain(StatusCode::NOT_FOUND));
    }
    let (key, secret) =
        basic(parts).filter(|(key, secret)| is_good(key) && is_good(secret)).ok_or_else(|| {
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
