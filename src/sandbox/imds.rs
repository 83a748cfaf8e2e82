//! The instance metadata service, version 2 only: how a program on the host gets the credentials of its profile.
//!
//! AWS serves it to each instance under an address of its own; here every instance has a path of its own:
//! `/_imds/i-0123456789abcdef0/latest/meta-data/…`. As at AWS, a token must be fetched first, by a `PUT` that says how
//! long it is to be good.

use std::sync::Arc;

use hyper::http::HeaderMap;
use hyper::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::ec2::{self, Host};
use super::iam::{self, Assumer, MetadataToken};
use super::ids;
use super::inflow::Inflow;
use super::server::{Body, plain};
use super::world::{Shared, World};

/// Where the paths of this door begin; the instance's id follows.
pub(crate) const PREFIX: &str = "/_imds/";

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// The longest that a token is good: six hours, in seconds.
const LONGEST_TTL: i64 = 21_600;

pub(crate) async fn answer(shared: &Arc<Shared>, request: Request<Inflow>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let header = |name: &str| header(&parts.headers, name);
    let asked = Asked {
        method: parts.method.clone(),
        path: parts.uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned(),
        token: header(TOKEN),
        ttl: header(TOKEN_TTL),
        is_forwarded: parts.headers.contains_key("x-forwarded-for"),
    };
    let doing = Arc::clone(shared);
    // A session that is opened is written before it is told: that is disk, and disk blocks.
    let done =
        tokio::task::spawn_blocking(move || doing.with(|world| asked.answer(world, world.now()))).await;
    match done {
        Ok(Ok(Ok(Told { text, ttl }))) => {
            let mut response = plain(StatusCode::OK, text);
            if let Some(ttl) = ttl {
                response.headers_mut().insert(TOKEN_TTL, ttl.into());
            }
            response
        }
        Ok(Ok(Err(status))) => plain(status, ""),
        Ok(Err(error)) => {
            tracing::error!(%error, "the sandbox's state is not written");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
        Err(panic) => {
            tracing::error!(%panic, "a fault of the sandbox itself");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

/// A request for metadata.
#[derive(Debug)]
struct Asked {
    method: Method,
    /// The instance's id and what is asked of it.
    path: String,
    token: Option<String>,
    ttl: Option<String>,
    is_forwarded: bool,
}

/// An answer; to a token belongs how long it is good, in seconds.
#[derive(Debug)]
struct Told {
    text: String,
    ttl: Option<i64>,
}

impl Asked {
    fn answer(&self, world: &mut World, now: Timestamp) -> Result<Told, StatusCode> {
        let (id, what) = self.path.split_once("/latest/").ok_or(StatusCode::NOT_FOUND)?;
        let host = ec2::running_hosts(world, now).into_iter().find(|host| host.instance_id == id);
        let host = host.ok_or(StatusCode::NOT_FOUND)?;
        match (&self.method, what) {
            (&Method::PUT, "api/token") => self.token(world, &host, now),
            (&Method::GET, what) => {
                self.check_token(world, &host, now)?;
                let text = metadata(world, &host, what, now).ok_or(StatusCode::NOT_FOUND)?;
                Ok(Told { text, ttl: None })
            }
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn token(&self, world: &mut World, host: &Host, now: Timestamp) -> Result<Told, StatusCode> {
        if self.is_forwarded {
            // Whoever asks through a proxy may not be on the instance.
            return Err(StatusCode::FORBIDDEN);
        }
        let ttl = self.ttl.as_deref().and_then(|ttl| ttl.parse().ok());
        let ttl = ttl.filter(|ttl| (1..=LONGEST_TTL).contains(ttl)).ok_or(StatusCode::BAD_REQUEST)?;
        world.iam.metadata_tokens.remove_where(|_, token| token.expires <= now);
        let expires = now.checked_add(SignedDuration::from_secs(ttl)).unwrap_or(Timestamp::MAX);
        let token = ids::iam("", 56);
        let row = MetadataToken { instance_id: host.instance_id.clone(), expires };
        world.iam.metadata_tokens.insert(token.clone(), row);
        Ok(Told { text: token, ttl: Some(ttl) })
    }

    fn check_token(&self, world: &World, host: &Host, now: Timestamp) -> Result<(), StatusCode> {
        let token = self.token.as_ref().and_then(|token| world.iam.metadata_tokens.get(token));
        let is_good = token.is_some_and(|token| token.instance_id == host.instance_id && token.expires > now);
        if is_good { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
    }
}

const CREDENTIALS: &str = "meta-data/iam/security-credentials";

fn metadata(world: &mut World, host: &Host, what: &str, now: Timestamp) -> Option<String> {
    let region = &host.place.region;
    let zone = format!("{region}a");
    match what.trim_end_matches('/') {
        "meta-data/instance-id" => Some(host.instance_id.clone()),
        "meta-data/placement/region" => Some(region.clone()),
        "meta-data/placement/availability-zone" => Some(zone),
        "dynamic/instance-identity/document" => Some(
            json!({
                "accountId": host.place.account,
                "availabilityZone": zone,
                "instanceId": host.instance_id,
                "region": region,
                "version": "2017-09-30",
            })
            .to_string(),
        ),
        CREDENTIALS => role_name(host).map(ToOwned::to_owned),
        what => {
            let role = what.strip_prefix(CREDENTIALS)?.strip_prefix('/')?;
            if role_name(host) == Some(role) { credentials(world, host, now) } else { None }
        }
    }
}

fn role_name(host: &Host) -> Option<&str> {
    host.role_arn.as_deref()?.rsplit('/').next()
}

/// The credentials with which the instance acts as its role.
fn credentials(world: &mut World, host: &Host, now: Timestamp) -> Option<String> {
    let role_arn = host.role_arn.as_deref()?;
    let seconds = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ec2 = Assumer::Service { name: "ec2.amazonaws.com", account: host.place.account.clone() };
    if iam::may_assume(world, role_arn, &ec2, now).is_err() {
        let refused = json!({
            "Code": "AssumeRoleUnauthorizedAccess",
            "Message": format!("EC2 cannot assume the role {}.", role_name(host)?),
            "LastUpdated": seconds(now),
        });
        return Some(refused.to_string());
    }
    let session = iam::session_of_instance(world, role_arn, &host.instance_id, now)?;
    let document = json!({
        "Code": "Success",
        "LastUpdated": seconds(session.opened),
        "Type": "AWS-HMAC",
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "Expiration": seconds(session.expires),
    });
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::sandbox::call::Place;
    use crate::sandbox::trial::Trial;

    fn host(trial: &mut Trial, service: &str) -> Host {
        let trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                           "Principal": { "Service": service } } });
        let role =
            json!({ "RoleName": "host", "Path": "/hydrant/", "AssumeRolePolicyDocument": trust.to_string() });
        let role = trial.ask("iam", "CreateRole", role).expect("a new role");
        trial.wait(Duration::from_secs(10));
        Host {
            instance_id: "i-0123456789abcdef0".to_owned(),
            place: Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() },
            user_data: Vec::new(),
            authorized_key: None,
            role_arn: role["Role"]["Arn"].as_str().map(ToOwned::to_owned),
        }
    }

    fn asked(token: Option<&str>, ttl: Option<&str>) -> Asked {
        Asked {
            method: Method::GET,
            path: String::new(),
            token: token.map(ToOwned::to_owned),
            ttl: ttl.map(ToOwned::to_owned),
            is_forwarded: false,
        }
    }

    #[test]
    fn only_a_token_of_the_instance_opens_its_metadata_and_only_for_a_time() {
        let mut trial = Trial::new();
        let host = host(&mut trial, "ec2.amazonaws.com");
        let now = trial.now;
        for ttl in [None, Some("0"), Some("21601"), Some("x")] {
            let told = asked(None, ttl).token(&mut trial.world, &host, now);
            assert_eq!(told.expect_err("no token"), StatusCode::BAD_REQUEST, "{ttl:?}");
        }
        let token = asked(None, Some("60")).token(&mut trial.world, &host, now).expect("a token").text;
        let check = |world: &World, token: &str, host: &Host, now| {
            asked(Some(token), None).check_token(world, host, now)
        };
        assert_eq!(check(&trial.world, &token, &host, now), Ok(()));
        assert_eq!(check(&trial.world, "x", &host, now), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(asked(None, None).check_token(&trial.world, &host, now), Err(StatusCode::UNAUTHORIZED));
        let other = Host { instance_id: "i-1".to_owned(), ..host.clone() };
        assert_eq!(check(&trial.world, &token, &other, now), Err(StatusCode::UNAUTHORIZED));
        trial.wait(Duration::from_mins(1));
        assert_eq!(check(&trial.world, &token, &host, trial.now), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn a_program_on_the_host_acts_as_the_role_of_its_profile() {
        let mut trial = Trial::new();
        let host = host(&mut trial, "ec2.amazonaws.com");
        let now = trial.now;
        let mut get = |what: &str| metadata(&mut trial.world, &host, what, now);
        assert_eq!(get("meta-data/instance-id").as_deref(), Some("i-0123456789abcdef0"));
        assert_eq!(get("meta-data/placement/availability-zone").as_deref(), Some("us-east-1a"));
        assert_eq!(get("meta-data/iam/security-credentials/").as_deref(), Some("host"));
        assert_eq!(get("meta-data/iam/security-credentials/other"), None);
        assert_eq!(get("meta-data/ami-id"), None);
        let text = get("meta-data/iam/security-credentials/host").expect("credentials");
        assert_eq!(
            get("meta-data/iam/security-credentials/host"),
            Some(text.clone()),
            "the same until they end"
        );
        let credentials: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(credentials["Code"], "Success");
        let caller = iam::caller(&trial.world, credentials["AccessKeyId"].as_str().expect("a key"), now);
        assert_eq!(caller.arn(), "arn:aws:sts::123456789012:assumed-role/host/i-0123456789abcdef0");
    }

    #[test]
    fn a_role_that_does_not_trust_ec2_gives_no_credentials() {
        let mut trial = Trial::new();
        let host = host(&mut trial, "firehose.amazonaws.com");
        let now = trial.now;
        let text = metadata(&mut trial.world, &host, "meta-data/iam/security-credentials/host", now);
        assert!(text.expect("an answer").contains("AssumeRoleUnauthorizedAccess"));
    }
}
