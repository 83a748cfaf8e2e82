//! Security Token Service: who calls, and sessions of roles.

use serde::Deserialize;
use serde_json::json;

use super::call::Call;
use super::clock::iso;
use super::iam;
use super::operation::{Answer, operations};
use super::refusal::Refusal;
use super::world::World;

operations! {
    GetCallerIdentity => get_caller_identity;
    AssumeRole => assume_role;
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetCallerIdentity {}

fn get_caller_identity(_: &mut World, call: &Call, _: GetCallerIdentity) -> Answer {
    Ok(json!({ "Account": call.caller.account(), "Arn": call.caller.arn(), "UserId": call.caller.user_id() })
        .into())
}

/// How long a session lasts that does not say.
const AN_HOUR: u32 = 3600;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AssumeRole {
    role_arn: String,
    role_session_name: String,
    #[serde(default)]
    duration_seconds: Option<super::wire::Number<u32>>,
    external_id: Option<String>,
}

fn assume_role(world: &mut World, call: &Call, input: AssumeRole) -> Answer {
    let lasts = input.duration_seconds.map_or(AN_HOUR, |seconds| seconds.0);
    if !(900..=43_200).contains(&lasts) {
        return Err(Refusal::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value '{lasts}' at 'durationSeconds' failed to satisfy constraint: \
                 Member must have value between 900 and 43200"
            ),
        ));
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
    let session = iam::open_session(world, &input.role_arn, &input.role_session_name, call.now, lasts)
        .ok_or_else(denied)?;
    Ok(json!({
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": iso(session.expires),
        },
        "AssumedRoleUser": {
            "Arn": session.caller.arn(),
            "AssumedRoleId": session.caller.user_id(),
        },
    })
    .into())
}
