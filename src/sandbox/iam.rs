//! IAM: roles, their policies, instance profiles; and whether a call is allowed.

use jiff::Timestamp;

use super::call::{Call, Caller, Service};
use super::operation::operations;
use super::refusal::Refusal;
use super::store::Kept;
use super::wire::Protocol;
use super::world::World;

/// What IAM holds.
#[derive(Debug, Default)]
pub(crate) struct State {}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        Vec::new()
    }
}

operations! {}

/// The account of callers who do not say.
const DEFAULT_ACCOUNT: &str = "123456789012";

/// Who signs with this key: a session of a role that was opened here, or the operator of an account. An access key of
/// twelve digits is its account's; every other is of the one default account.
pub(crate) fn caller(_: &World, access_key: &str, _now: Timestamp) -> Caller {
    let account = if access_key.len() == 12 && access_key.bytes().all(|digit| digit.is_ascii_digit()) {
        access_key
    } else {
        DEFAULT_ACCOUNT
    };
    Caller::Operator { account: account.to_owned() }
}

/// The caller's policies do not allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied;

/// Whether the caller's policies allow an action on a resource. Operators may do everything.
pub(crate) fn authorize(
    _: &World,
    _: &Caller,
    _action: &str,
    _resource: &str,
    _now: Timestamp,
) -> Result<(), Denied> {
    Ok(())
}

/// Whether a role's policies allow an action on a resource: for services that act as the role.
pub(crate) fn role_allows(
    _: &World,
    _role_arn: &str,
    _action: &str,
    _resource: &str,
    _now: Timestamp,
) -> bool {
    true
}

/// How a service words that a call is denied.
pub(crate) fn denial(call: &Call, permission: &str, resource: &str) -> Refusal {
    let message = format!(
        "User: {} is not authorized to perform: {permission} on resource: {resource} because no identity-based policy allows the {permission} action",
        call.caller.arn()
    );
    match (call.service, call.service.protocol()) {
        (Service::Ec2, _) => Refusal::new(
            "UnauthorizedOperation",
            format!("You are not authorized to perform this operation. {message}"),
        )
        .status(403),
        (_, Protocol::Query { .. }) => Refusal::new("AccessDenied", message).status(403),
        _ => Refusal::new("AccessDeniedException", message),
    }
}

/// Who wants to act as a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Assumer {
    /// A service, `firehose.amazonaws.com`, for an account and from a resource of it.
    Service { name: &'static str, account: String },
    /// A caller of STS.
    Caller { arn: String, external_id: Option<String> },
}

/// Why a role cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAssumable {
    /// There is none of that ARN, or it has not reached every part of AWS yet.
    Unknown,
    /// Its trust policy does not name the one who asks.
    NotTrusted,
}

/// Whether a role may be taken by someone now. A role that was made a moment ago may not yet.
pub(crate) fn may_assume(
    _: &World,
    _role_arn: &str,
    _who: &Assumer,
    _now: Timestamp,
) -> Result<(), NotAssumable> {
    Ok(())
}

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expires: Timestamp,
    pub(crate) caller: Caller,
}

/// Opens a session of a role; `None` when there is no such role.
pub(crate) fn open_session(
    _: &mut World,
    _role_arn: &str,
    _name: &str,
    _now: Timestamp,
    _seconds: u32,
) -> Option<Session> {
    None
}

/// An instance profile, as EC2 needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) role_arn: Option<String>,
}

/// The profile of an account by its name or ARN; `None` when there is none, or it has not reached EC2 yet.
pub(crate) fn profile(_: &World, _account: &str, _name_or_arn: &str, _now: Timestamp) -> Option<Profile> {
    None
}
