//! The calls of X's API that are answered with a document: rules, connections, usage.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::What as Fault;
use super::x_account::{APP, Limit, MONTHLY_CAP, PROJECT};
use super::x_api::{Answer, Api, admit, count, only, pairs};
use super::x_refused::{LimitTold, Refused};
use super::x_rules::{MOST, TooMany, Wanted};
use crate::sandbox::clock::iso;

/// A call that is answered with a document.
pub(super) struct Call {
    what: What,
    query: HashMap<String, String>,
    body: Bytes,
    pub(super) limit: LimitTold,
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
    /// Finds out what is called, and whether it may be.
    pub(super) fn of(api: &Api, parts: &Parts, path: &str, body: Bytes) -> Result<Self, Refused> {
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
        admit(api, parts)?;
        let limit = count(api, limit)?;
        let query = pairs(parts.uri.query().unwrap_or_default());
        only(&query, known).map_err(|refused| Refused { limit: Some(limit.clone()), ..refused })?;
        Ok(Self { what, query, body, limit })
    }

    /// Does it.
    pub(super) fn run(&self, api: &Api) -> Answer {
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
        let half = api.switches.strike(|fault| (fault.what == Fault::RulesHalf).then_some(())).is_some();
        let is_left = |index: usize| half && index % 2 == 1;
        let taken: Vec<Wanted> = wanted
            .iter()
            .enumerate()
            .filter(|(index, _)| !is_left(*index))
            .map(|(_, rule)| rule.clone())
            .collect();
        let left = wanted.iter().enumerate().filter(|(index, _)| is_left(*index)).map(|(_, rule)| rule);
        let mut added =
            api.account().rules.add(&taken, self.is_set("dry_run"), now, api.pace).map_err(|TooMany| {
                let document = json!({
                    "title": "RulesCapExceeded",
                    "detail": format!("Your client app may have at most {MOST} rules."),
                    "type": "https://api.twitter.com/2/problems/rule-cap",
                });
                Refused::new(StatusCode::UNPROCESSABLE_ENTITY, document)
            })?;
        added.errors.extend(left.map(|rule| {
            json!({
                "value": rule.value,
                "title": "Internal Error",
                "detail": "Something went wrong with this rule.",
                "type": "about:blank",
            })
        }));
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
