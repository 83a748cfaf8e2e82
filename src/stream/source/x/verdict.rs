//! What X's answers mean, and what to do about each: the table, pure.

use std::time::Duration;

use jiff::Timestamp;

/// What to do after an answer that is no stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after a pause that grows with every try.
    Again(Pause),
    /// Try again at a time that X named.
    After(Duration),
    /// The bearer is not accepted: derive it once more.
    Bearer,
    /// There are no rules: set them.
    Rules,
    /// Another connection is open: wait for it to go.
    Ghost,
    /// Nothing helps but a person or time: look again seldom.
    Park(String),
    /// Nothing helps but a person.
    Stop(String),
}

/// How pauses grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// By 250 ms up to 16 s: the network.
    Network,
    /// From 5 s, doubling up to 320 s: X itself.
    Http,
    /// From 60 s, doubling up to 15 minutes: too many calls.
    Rate,
}

impl Pause {
    /// How long to wait before the next try, after so many in a row that failed.
    pub fn after(self, tries: u32) -> Duration {
        let doubled = |first: u64, longest: u64| {
            Duration::from_secs(
                first.saturating_mul(2_u64.saturating_pow(tries.saturating_sub(1))).min(longest),
            )
        };
        match self {
            // The first one goes at once.
            Self::Network => {
                (Duration::from_millis(250) * tries.saturating_sub(1)).min(Duration::from_secs(16))
            }
            Self::Http => doubled(5, 320),
            Self::Rate => doubled(60, 900),
        }
    }
}

/// What an answer's headers say of limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls that are left.
    pub remaining: Option<u64>,
    /// When there are more, in seconds since 1970.
    pub reset: Option<i64>,
}

/// X counts in windows of 15 minutes: a reset further away comes from a clock that is off.
const WINDOW: i64 = 15 * 60;

/// The parts of X's problem documents that decide.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    r#type: Option<String>,
    reason: Option<String>,
    connection_issue: Option<String>,
    reset_date: Option<String>,
    errors: Option<Vec<Error>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Error {
    message: Option<String>,
    detail: Option<String>,
}

impl Problem {
    fn words(&self) -> String {
        let inner =
            self.errors.iter().flatten().find_map(|error| error.message.clone().or(error.detail.clone()));
        let said = inner.or_else(|| self.detail.clone()).or_else(|| self.title.clone()).unwrap_or_default();
        crate::text::sanitise(&said)
    }

    /// Addresses of problems are on two hosts; only their ends tell.
    fn is(&self, problem: &str) -> bool {
        self.r#type.as_deref().is_some_and(|kind| kind.ends_with(problem))
    }
}

/// What to do about an answer that is no stream.
pub fn verdict(status: u16, limits: Limits, body: &[u8], now: Timestamp) -> Verdict {
    // What stands in front of X answers with pages.
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let words = problem.words();
    let credits =
        |why: &str| Verdict::Park(format!("X: {why} ({words}); posts come again when that is mended"));
    match status {
        400 => Verdict::Stop(format!("X does not accept the request ({words})")),
        401 => Verdict::Bearer,
        402 => credits("the account has no credits left: buy some in X's developer console"),
        403 if problem.is("/problems/credits") => {
            let until =
                problem.reset_date.as_deref().map(|date| format!(" until {}", crate::text::sanitise(date)));
            credits(&format!("the account's own spending limit is reached{}", until.unwrap_or_default()))
        }
        403 if problem.reason.is_some() || problem.is("/problems/client-forbidden") => {
            Verdict::Stop(format!(
                "X does not let this app use the stream ({words}): in the developer console, put it into a project with pay-per-use access and the production environment"
            ))
        }
        403 => Verdict::Stop(format!("X refuses access to the stream ({words})")),
        409 => Verdict::Rules,
        429 if problem.is("/problems/usage-capped")
            || problem.title.as_deref() == Some("UsageCapExceeded") =>
        {
            credits("the month's cap of posts is reached")
        }
        429 if problem.connection_issue.is_some() => Verdict::Ghost,
        429 => match (limits.remaining, limits.reset) {
            (Some(1..), _) | (_, None) => Verdict::Again(Pause::Rate),
            (_, Some(reset)) => {
                let wait = reset - now.as_second();
                match u64::try_from(wait) {
                    Ok(wait @ 1..) if i64::try_from(wait).is_ok_and(|wait| wait <= WINDOW + 60) => {
                        Verdict::After(Duration::from_secs(wait))
                    }
                    _ => Verdict::Again(Pause::Rate),
                }
            }
        },
        404 => {
            Verdict::Stop(format!("there is no filtered stream at this address ({words}): check `x_api_url`"))
        }
        _ => Verdict::Again(Pause::Http),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T14:03:01Z".parse().expect("a time")
    }

    fn of(status: u16, body: &Value, limits: Limits) -> Verdict {
        verdict(status, limits, body.to_string().as_bytes(), now())
    }

    fn problem(title: &str, kind: &str) -> Value {
        json!({ "title": title, "detail": "d", "type": format!("https://api.twitter.com/2/problems/{kind}") })
    }

    #[test]
    fn every_answer_has_its_remedy() {
        let none = Limits::default();
        let ghost = json!({ "title": "ConnectionException", "connection_issue": "TooManyConnections" });
        assert!(matches!(of(400, &problem("Invalid Request", "invalid-request"), none), Verdict::Stop(_)));
        assert_eq!(of(401, &json!({ "title": "Unauthorized" }), none), Verdict::Bearer);
        assert_eq!(
            of(401, &json!({ "errors": [{ "code": 89, "message": "Invalid or expired token." }] }), none),
            Verdict::Bearer
        );
        assert!(matches!(of(402, &problem("CreditsDepleted", "credits"), none), Verdict::Park(_)));
        assert!(matches!(of(403, &problem("SpendCapReached", "credits"), none), Verdict::Park(_)));
        let enrolled = json!({ "title": "Client Forbidden", "reason": "client-not-enrolled", "type": "x/problems/client-forbidden" });
        assert!(matches!(of(403, &enrolled, none), Verdict::Stop(why) if why.contains("pay-per-use")));
        assert_eq!(of(409, &ghost, none), Verdict::Rules);
        assert_eq!(of(429, &ghost, Limits { remaining: Some(40), reset: None }), Verdict::Ghost);
        assert!(matches!(of(429, &problem("UsageCapExceeded", "usage-capped"), none), Verdict::Park(_)));
        for status in [500, 502, 503, 520, 301, 418] {
            let page = verdict(status, none, b"<!DOCTYPE html><html>", now());
            assert_eq!(page, Verdict::Again(Pause::Http), "{status}");
        }
    }

    #[test]
    fn a_reset_is_believed_when_it_can_be_true() {
        let too_many = json!({ "title": "Too Many Requests", "status": 429 });
        let limits = |remaining, reset: Option<i64>| Limits {
            remaining,
            reset: reset.map(|reset| now().as_second() + reset),
        };
        for (limits, expected) in [
            (limits(Some(0), Some(3)), Verdict::After(Duration::from_secs(3))),
            (limits(None, Some(3)), Verdict::After(Duration::from_secs(3))),
            (limits(Some(0), Some(-5)), Verdict::Again(Pause::Rate)),
            (limits(Some(0), None), Verdict::Again(Pause::Rate)),
            (limits(Some(0), Some(30 * 86_400)), Verdict::Again(Pause::Rate)),
            (limits(Some(7), Some(3)), Verdict::Again(Pause::Rate)),
        ] {
            assert_eq!(of(429, &too_many, limits), expected, "{limits:?}");
        }
    }

    #[test]
    fn pauses_grow_as_x_asks() {
        let millis = |pause: Pause, tries| pause.after(tries).as_millis();
        assert_eq!([1, 2, 3, 100].map(|tries| millis(Pause::Network, tries)), [0, 250, 500, 16_000]);
        assert_eq!([1, 2, 7, 100].map(|tries| millis(Pause::Http, tries)), [5_000, 10_000, 320_000, 320_000]);
        assert_eq!([1, 2, 100].map(|tries| millis(Pause::Rate, tries)), [60_000, 120_000, 900_000]);
    }
}
