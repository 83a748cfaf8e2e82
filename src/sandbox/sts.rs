//! Security Token Service: who calls, and sessions of roles.

#![expect(clippy::unnecessary_wraps, reason = "operations of a table have one shape: they may refuse")]

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, Caller};
use super::clock::iso;
use super::iam::{self, Session};
use super::operation::{Answer, operations};
use super::refusal::Refusal;
use super::wire::Number;
use super::world::World;

operations! {
    GetCallerIdentity => get_caller_identity;
    AssumeRole => assume_role, on role;
    GetSessionToken => get_session_token;
    GetAccessKeyInfo => get_access_key_info;
}

fn role(_: &Call, input: &Value) -> String {
    input["RoleArn"].as_str().unwrap_or("*").to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetCallerIdentity {}

fn get_caller_identity(_: &mut World, call: &Call, _: GetCallerIdentity) -> Answer {
    Ok(json!({ "Account": call.caller.account(), "Arn": call.caller.arn(), "UserId": call.caller.user_id() })
        .into())
}

/// How long a session lasts that does not say, in seconds.
const AN_HOUR: u32 = 3600;
const QUARTER_OF_AN_HOUR: u32 = 900;
const TWELVE_HOURS: u32 = 43_200;
const THIRTY_SIX_HOURS: u32 = 129_600;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AssumeRole {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<Number<u32>>,
    external_id: Option<String>,
}

fn assume_role(world: &mut World, call: &Call, input: AssumeRole) -> Answer {
    let lasts = duration(input.duration_seconds, AN_HOUR, TWELVE_HOURS)?;
    check_session_name(&input.role_session_name)?;
    if !input.role_arn.starts_with("arn:aws:iam::") || !input.role_arn.contains(":role/") {
        return Err(validation(format!("{} is invalid", input.role_arn)));
    }
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            call.caller.arn(),
            input.role_arn
        );
        Refusal::new("AccessDenied", message).status(403)
    };
    let who = iam::Assumer::Caller { arn: call.caller.arn(), external_id: input.external_id.clone() };
    iam::may_assume(world, &input.role_arn, &who, call.now).map_err(|_| denied())?;
    if matches!(call.caller, Caller::Role { .. }) && lasts > AN_HOUR {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if iam::longest_session(world, &input.role_arn).is_some_and(|longest| lasts > longest) {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let session = iam::open_session(world, &input.role_arn, &input.role_session_name, call.now, lasts)
        .ok_or_else(denied)?;
    Ok(json!({
        "Credentials": credentials(&session),
        "AssumedRoleUser": {
            "Arn": session.caller.arn(),
            "AssumedRoleId": session.caller.user_id(),
        },
    })
    .into())
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

fn constraint(member: &str, value: &str, rule: &str) -> Refusal {
    validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

/// How long a session is to last, in seconds.
fn duration(asked: Option<Number<u32>>, usual: u32, longest: u32) -> Result<u32, Refusal> {
    let lasts = asked.map_or(usual, |seconds| seconds.0);
    let text = lasts.to_string();
    if lasts < QUARTER_OF_AN_HOUR {
        let rule = format!("Member must have value greater than or equal to {QUARTER_OF_AN_HOUR}");
        return Err(constraint("durationSeconds", &text, &rule));
    }
    if lasts > longest {
        let rule = format!("Member must have value less than or equal to {longest}");
        return Err(constraint("durationSeconds", &text, &rule));
    }
    Ok(lasts)
}

fn check_session_name(name: &str) -> Result<(), Refusal> {
    let refuse = |rule: &str| Err(constraint("roleSessionName", name, rule));
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)) {
        return refuse("Member must satisfy regular expression pattern: [\\w+=,.@-]*");
    }
    match name.len() {
        0 | 1 => refuse("Member must have length greater than or equal to 2"),
        2..=64 => Ok(()),
        _ => refuse("Member must have length less than or equal to 64"),
    }
}

fn credentials(session: &Session) -> Value {
    json!({
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": iso(whole_second(session.expires)),
    })
}

/// STS gives whole seconds.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSessionToken {
    duration_seconds: Option<Number<u32>>,
}

fn get_session_token(world: &mut World, call: &Call, input: GetSessionToken) -> Answer {
    let Caller::Operator { account } = &call.caller else {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(Refusal::new("AccessDenied", message).status(403));
    };
    let lasts = duration(input.duration_seconds, TWELVE_HOURS, THIRTY_SIX_HOURS)?;
    let session = iam::open_operator_session(world, account, call.now, lasts);
    Ok(json!({ "Credentials": credentials(&session) }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetAccessKeyInfo {
    access_key_id: String,
}

fn get_access_key_info(world: &mut World, _: &Call, input: GetAccessKeyInfo) -> Answer {
    let key = &input.access_key_id;
    // An account's number is an access key here, and shorter than AWS's.
    let is_key = (12..=128).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_key {
        return Err(constraint("accessKeyId", key, "Member must satisfy regular expression pattern: [\\w]*"));
    }
    Ok(json!({ "Account": iam::account_of_key(world, key) }).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    const ROLE: &str = "arn:aws:iam::123456789012:role/admin";

    fn with_role() -> Trial {
        let mut trial = Trial::new();
        let trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                           "Principal": { "AWS": "123456789012" } } });
        let role = json!({ "RoleName": "admin", "AssumeRolePolicyDocument": trust.to_string() });
        trial.ask("iam", "CreateRole", role).expect("a new role");
        trial
    }

    #[test]
    fn a_session_lasts_no_longer_than_its_role_lets_it() {
        let mut trial = with_role();
        let mut input = json!({ "RoleArn": ROLE, "RoleSessionName": "me", "DurationSeconds": "900" });
        let answer = trial.ask("sts", "AssumeRole", input.clone()).expect("a session");
        assert_eq!(answer["Credentials"]["Expiration"], "2026-11-20T14:18:01.000Z");
        assert_eq!(answer["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/admin/me");
        for seconds in ["899", "3601", "43201"] {
            input["DurationSeconds"] = json!(seconds);
            assert_eq!(trial.refused("sts", "AssumeRole", input.clone()), "ValidationError", "{seconds}");
        }
        let longer = json!({ "RoleName": "admin", "MaxSessionDuration": "7200" });
        trial.ask("iam", "UpdateRole", longer).expect("updated");
        input["DurationSeconds"] = json!("7200");
        trial.ask("sts", "AssumeRole", input).expect("a session");
    }

    #[test]
    fn a_role_that_is_not_there_is_denied_and_a_bad_name_is_invalid() {
        let mut trial = with_role();
        let input = |arn: &str, name: &str| json!({ "RoleArn": arn, "RoleSessionName": name });
        let nobody = "arn:aws:iam::123456789012:role/nobody";
        assert_eq!(trial.refused("sts", "AssumeRole", input(nobody, "me")), "AccessDenied");
        assert_eq!(trial.refused("sts", "AssumeRole", input(ROLE, "a b")), "ValidationError");
        assert_eq!(trial.refused("sts", "AssumeRole", input(ROLE, "a")), "ValidationError");
        assert_eq!(trial.refused("sts", "AssumeRole", input("admin", "me")), "ValidationError");
    }

    #[test]
    fn the_operators_sessions_are_the_operators_and_roles_have_none() {
        let mut trial = with_role();
        let answer = trial.ask("sts", "GetSessionToken", json!({})).expect("a session");
        let session = json!({ "RoleArn": ROLE, "RoleSessionName": "me" });
        let of_role = trial.ask("sts", "AssumeRole", session).expect("a session");
        let key = |answer: &Value| answer["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
        trial.access_key = key(&answer);
        let caller = trial.ask("sts", "GetCallerIdentity", json!({})).expect("an identity");
        assert_eq!(caller["Arn"], "arn:aws:iam::123456789012:user/operator");
        trial.access_key = key(&of_role);
        assert_eq!(trial.refused("sts", "GetSessionToken", json!({})), "AccessDenied");
    }
}
