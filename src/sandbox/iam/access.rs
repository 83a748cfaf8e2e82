//! Whether a caller may do something, and who may take a role.

use std::borrow::Cow;

use jiff::Timestamp;

use super::document::{Policy, Principal, Principals};
use super::evaluate::{self, Decision, Question};
use super::pattern::Context;
use super::roles::Role;
use super::{account_of, has_arrived, policies};
use crate::sandbox::call::{Call, Caller, Service};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::Protocol;
use crate::sandbox::world::World;

/// The caller's policies do not allow it, or the caller's session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied;

/// Whoever has a session may ask whose it is.
const ALWAYS_ALLOWED: &str = "sts:GetCallerIdentity";
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// Whether the caller's policies allow an action on a resource. Operators may do everything.
pub(crate) fn authorize(
    world: &World,
    caller: &Caller,
    action: &str,
    resource: &str,
    now: Timestamp,
) -> Result<(), Denied> {
    let (account, name, id) = match caller {
        Caller::Operator { .. } => return Ok(()),
        Caller::Expired(_) => return Err(Denied),
        Caller::Role { account, role, role_id, .. } => (account, role, role_id),
    };
    if action == ALWAYS_ALLOWED {
        return Ok(());
    }
    // A role that was made anew under the same name is another role.
    let role = world.iam.role(account, name).filter(|role| role.id == *id).ok_or(Denied)?;
    let context = context_of(role, resource, now).with("aws:userid", caller.user_id());
    match decide(world, role, Question { action, resource, context: &context }) {
        Decision::Allowed => Ok(()),
        // A role of the same account may be open to the caller by its trust policy alone: `may_assume` decides.
        Decision::ImplicitDeny if action == ASSUME_ROLE => Ok(()),
        Decision::ImplicitDeny | Decision::ExplicitDeny => Err(Denied),
    }
}

/// Whether a role's policies allow an action on a resource: for services that act as the role.
pub(crate) fn role_allows(
    world: &World,
    role_arn: &str,
    action: &str,
    resource: &str,
    now: Timestamp,
) -> bool {
    world.iam.role_by_arn(role_arn).is_some_and(|role| {
        let context = context_of(role, resource, now);
        decide(world, role, Question { action, resource, context: &context }) == Decision::Allowed
    })
}

/// What a role's policies decide, within its boundary.
fn decide(world: &World, role: &Role, question: Question<'_>) -> Decision {
    let policies: Vec<Policy> = sources(world, role).into_iter().map(|source| source.policy).collect();
    let boundary = boundary(world, role).map(|policy| evaluate::decide([&policy], question));
    evaluate::decide(&policies, question).within(boundary)
}

/// A policy and where it stands.
#[derive(Debug)]
pub(super) struct Source {
    /// As simulations name it.
    pub(super) id: String,
    pub(super) policy: Policy,
}

/// What a role may do: its own policies and the attached ones. Every document was read before it was kept.
pub(super) fn sources(world: &World, role: &Role) -> Vec<Source> {
    let account = account_of(&role.arn).unwrap_or_default();
    let inline = role
        .inline
        .iter()
        .map(|(name, document)| (format!("role_{}_{name}", role.name), Cow::Borrowed(document.as_str())));
    let attached = role.attached.iter().filter_map(|arn| {
        let policy = policies::by_arn(world, account, arn)?;
        Some((policy.name.clone(), Cow::Owned(policy.document()?.to_owned())))
    });
    inline
        .chain(attached)
        .filter_map(|(id, document)| Some(Source { id, policy: Policy::identity(&document).ok()? }))
        .collect()
}

/// What a role may do at most. A boundary that is gone allows nothing.
pub(super) fn boundary(world: &World, role: &Role) -> Option<Policy> {
    let arn = role.boundary.as_ref()?;
    let policy = policies::by_arn(world, account_of(&role.arn)?, arn);
    let document = policy.as_ref().and_then(|policy| policy.document());
    let policy = document.and_then(|document| Policy::identity(document).ok());
    Some(policy.unwrap_or(Policy { statements: Vec::new() }))
}

/// What is known of every request.
pub(super) fn context_of_anyone(resource: &str, now: Timestamp) -> Context {
    let mut context = Context::default()
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", now.as_second().to_string())
        // The loopback stands for the network, on which AWS takes no plain text.
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "127.0.0.1");
    let mut parts = resource.split(':').skip(3);
    for key in ["aws:RequestedRegion", "aws:ResourceAccount"] {
        if let Some(part) = parts.next().filter(|part| !part.is_empty() && !part.contains('*')) {
            context.set(key, vec![part.to_owned()]);
        }
    }
    context
}

/// What is known of a request of a role.
pub(super) fn context_of(role: &Role, resource: &str, now: Timestamp) -> Context {
    let mut context = context_of_anyone(resource, now)
        .with("aws:PrincipalArn", role.arn.clone())
        .with("aws:PrincipalType", "AssumedRole")
        .with("aws:PrincipalAccount", account_of(&role.arn).unwrap_or_default());
    for (key, value) in &role.tags {
        context.set(&format!("aws:PrincipalTag/{key}"), vec![value.clone()]);
    }
    context
}

/// How a service words that a call is denied, or that the caller's session is over.
pub(crate) fn denial(call: &Call, permission: &str, resource: &str) -> Refusal {
    if matches!(call.caller, Caller::Expired(_)) {
        return expired(call.service);
    }
    let message = format!(
        "User: {} is not authorized to perform: {permission} on resource: {resource} because no identity-based policy \
         allows the {permission} action",
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

fn expired(service: Service) -> Refusal {
    let message = "The security token included in the request is expired";
    match service.protocol() {
        Protocol::Ec2 { .. } => Refusal::new("RequestExpired", "Request has expired."),
        Protocol::Query { .. } => Refusal::new("ExpiredToken", message).status(403),
        Protocol::Json { .. } => Refusal::new("ExpiredTokenException", message),
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

/// Whether a role may be taken by someone now. A role that was made a moment ago may not yet be by a service; callers
/// of STS are not made to wait.
pub(crate) fn may_assume(
    world: &World,
    role_arn: &str,
    who: &Assumer,
    now: Timestamp,
) -> Result<(), NotAssumable> {
    let role = world.iam.role_by_arn(role_arn).ok_or(NotAssumable::Unknown)?;
    let may = match who {
        Assumer::Service { name, account } => {
            if !has_arrived(world.pace, role.created, now) {
                return Err(NotAssumable::Unknown);
            }
            service_may(role, name, account, now)
        }
        Assumer::Caller { arn, external_id } => caller_may(world, role, arn, external_id.as_deref(), now),
    };
    if may { Ok(()) } else { Err(NotAssumable::NotTrusted) }
}

/// The longest that a session of a role may last, in seconds.
pub(crate) fn longest_session(world: &World, role_arn: &str) -> Option<u32> {
    world.iam.role_by_arn(role_arn).map(|role| role.longest_session)
}

/// Services say for which account they act, and Firehose says it as the external id too.
fn service_may(role: &Role, service: &str, account: &str, now: Timestamp) -> bool {
    let context = context_of_anyone(&role.arn, now)
        .with("aws:SourceAccount", account)
        .with("sts:ExternalId", account)
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:PrincipalServiceName", service);
    trusts(role, &Asker::Service(service), &context).is_some()
}

fn caller_may(world: &World, role: &Role, arn: &str, external_id: Option<&str>, now: Timestamp) -> bool {
    let account = account_of(arn).unwrap_or_default();
    let own_role = role_of_session(world, arn);
    let mut context = match own_role {
        Some(own) => context_of(own, &role.arn, now),
        None => context_of_anyone(&role.arn, now)
            .with("aws:PrincipalArn", arn)
            .with("aws:PrincipalType", "User")
            .with("aws:username", super::users::OPERATOR)
            .with("aws:PrincipalAccount", account),
    };
    if let Some(id) = external_id {
        context.set("sts:ExternalId", vec![id.to_owned()]);
    }
    let asker = Asker::Aws { arn, role: own_role.map(|own| own.arn.as_str()), account };
    let Some(trust) = trusts(role, &asker, &context) else { return false };
    let Some(own) = own_role else { return true };
    let allowed =
        decide(world, own, Question { action: ASSUME_ROLE, resource: &role.arn, context: &context });
    match allowed {
        Decision::Allowed => true,
        Decision::ExplicitDeny => false,
        Decision::ImplicitDeny => trust == Trust::ByName && account_of(&role.arn) == Some(account),
    }
}

fn role_of_session<'a>(world: &'a World, arn: &str) -> Option<&'a Role> {
    let (_, session) = arn.split_once(":assumed-role/")?;
    let (name, _) = session.split_once('/')?;
    world.iam.role(account_of(arn)?, name)
}

/// Who asks for a role, as trust policies name them.
enum Asker<'a> {
    Service(&'a str),
    Aws { arn: &'a str, role: Option<&'a str>, account: &'a str },
}

/// How a trust policy lets someone take its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// As one of an account, which decides by its own policies who of it.
    ByAccount,
    /// By name.
    ByName,
}

fn trusts(role: &Role, asker: &Asker<'_>, context: &Context) -> Option<Trust> {
    let policy = Policy::trust(&role.trust).ok()?;
    let question = Question { action: ASSUME_ROLE, resource: &role.arn, context };
    let named: Vec<_> = policy
        .statements
        .iter()
        .filter(|statement| statement.applies(question))
        .filter_map(|statement| Some((statement.effect, statement.principals.as_ref()?.name(asker)?)))
        .collect();
    let decision = evaluate::decide_by(named.iter().map(|(effect, _)| *effect));
    if decision == Decision::Allowed { named.into_iter().map(|(_, trust)| trust).max() } else { None }
}

impl Principals {
    fn name(&self, asker: &Asker<'_>) -> Option<Trust> {
        let named = self.named.iter().filter_map(|principal| principal.names(asker)).max();
        if self.is_except { named.is_none().then_some(Trust::ByAccount) } else { named }
    }
}

impl Principal {
    fn names(&self, asker: &Asker<'_>) -> Option<Trust> {
        match (self, asker) {
            (Self::Everyone, _) => Some(Trust::ByAccount),
            (Self::Service(service), Asker::Service(name)) => (service == name).then_some(Trust::ByName),
            (Self::Aws(principal), Asker::Aws { arn, role, account }) => {
                if principal == arn || role.is_some_and(|role| role == principal) {
                    return Some(Trust::ByName);
                }
                let is_account = principal == account
                    || (principal.ends_with(":root") && account_of(principal) == Some(account));
                is_account.then_some(Trust::ByAccount)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::sandbox::trial::Trial;

    const ACCOUNT: &str = "123456789012";

    fn arn(name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    fn make(trial: &mut Trial, name: &str, principal: &Value, condition: &Value) {
        let mut statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal });
        if !condition.is_null() {
            statement["Condition"] = condition.clone();
        }
        let trust = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust });
        trial.ask("iam", "CreateRole", role).expect("a new role");
    }

    fn permit(trial: &mut Trial, role: &str, effect: &str, action: &str, resource: &str) {
        let statement = json!({ "Effect": effect, "Action": action, "Resource": resource });
        let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let policy = json!({ "RoleName": role, "PolicyName": effect, "PolicyDocument": document });
        trial.ask("iam", "PutRolePolicy", policy).expect("put");
    }

    fn firehose(account: &str) -> Assumer {
        Assumer::Service { name: "firehose.amazonaws.com", account: account.to_owned() }
    }

    #[test]
    fn a_new_role_reaches_services_late() {
        let mut trial = Trial::new();
        make(&mut trial, "delivery", &json!({ "Service": "firehose.amazonaws.com" }), &Value::Null);
        let ask = |trial: &Trial| may_assume(&trial.world, &arn("delivery"), &firehose(ACCOUNT), trial.now);
        assert_eq!(ask(&trial), Err(NotAssumable::Unknown));
        trial.wait(Duration::from_secs(10));
        assert_eq!(ask(&trial), Ok(()));
        let none = may_assume(&trial.world, &arn("nobody"), &firehose(ACCOUNT), trial.now);
        assert_eq!(none, Err(NotAssumable::Unknown));
    }

    #[test]
    fn trust_policies_say_who_and_under_which_conditions() {
        let firehose_alone = json!({ "Service": "firehose.amazonaws.com" });
        let of = |key: &str, value: &str| json!({ "StringEquals": { key: value } });
        for (principal, condition, expected) in [
            (firehose_alone.clone(), Value::Null, true),
            (firehose_alone.clone(), of("aws:SourceAccount", ACCOUNT), true),
            (firehose_alone.clone(), of("aws:SourceAccount", "210987654321"), false),
            (firehose_alone.clone(), of("sts:ExternalId", ACCOUNT), true),
            (firehose_alone, of("aws:PrincipalTag/team", "x"), false),
            (json!({ "Service": ["ec2.amazonaws.com", "firehose.amazonaws.com"] }), Value::Null, true),
            (json!({ "Service": "ec2.amazonaws.com" }), Value::Null, false),
            (json!({ "AWS": ACCOUNT }), Value::Null, false),
            (json!("*"), Value::Null, true),
        ] {
            let mut trial = Trial::new();
            make(&mut trial, "delivery", &principal, &condition);
            trial.wait(Duration::from_secs(10));
            let asked = may_assume(&trial.world, &arn("delivery"), &firehose(ACCOUNT), trial.now);
            let wanted = if expected { Ok(()) } else { Err(NotAssumable::NotTrusted) };
            assert_eq!(asked, wanted, "{principal} {condition}");
        }
    }

    #[test]
    fn callers_take_a_role_by_their_account_their_role_or_their_external_id() {
        let mut trial = Trial::new();
        make(&mut trial, "own", &json!({ "AWS": ACCOUNT }), &Value::Null);
        make(&mut trial, "by-root", &json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }), &Value::Null);
        make(&mut trial, "by-name", &json!({ "AWS": arn("own") }), &Value::Null);
        make(
            &mut trial,
            "by-id",
            &json!({ "AWS": ACCOUNT }),
            &json!({ "StringEquals": { "sts:ExternalId": "x" } }),
        );
        make(&mut trial, "of-ec2", &json!({ "Service": "ec2.amazonaws.com" }), &Value::Null);
        let operator = format!("arn:aws:iam::{ACCOUNT}:user/operator");
        let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/own/me");
        let may = |trial: &Trial, arn_of: &str, role: &str, id: Option<&str>| {
            let who = Assumer::Caller { arn: arn_of.to_owned(), external_id: id.map(ToOwned::to_owned) };
            may_assume(&trial.world, &arn(role), &who, trial.now).is_ok()
        };
        assert!(may(&trial, &operator, "by-root", None));
        assert!(!may(&trial, &operator, "by-name", None));
        assert!(!may(&trial, &operator, "of-ec2", None));
        assert!(!may(&trial, &operator, "by-id", None));
        assert!(may(&trial, &operator, "by-id", Some("x")));
        assert!(!may(&trial, "arn:aws:iam::210987654321:user/operator", "by-root", None));
        assert!(may(&trial, &session, "by-name", None));
        assert!(!may(&trial, &session, "by-root", None), "its own policies do not allow it");
        permit(&mut trial, "own", "Allow", "sts:AssumeRole", &arn("by-root"));
        assert!(may(&trial, &session, "by-root", None));
        permit(&mut trial, "own", "Deny", "sts:*", "*");
        assert!(!may(&trial, &session, "by-name", None));
    }

    #[test]
    fn a_session_may_do_what_its_role_may() {
        let mut trial = Trial::new();
        make(&mut trial, "reader", &json!({ "AWS": ACCOUNT }), &Value::Null);
        permit(&mut trial, "reader", "Allow", "iam:GetRole", &arn("reader"));
        let session = json!({ "RoleArn": arn("reader"), "RoleSessionName": "me" });
        let session = trial.ask("sts", "AssumeRole", session).expect("a session");
        trial.access_key = session["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
        trial.ask("iam", "GetRole", json!({ "RoleName": "reader" })).expect("allowed");
        let refusal = trial.ask("iam", "ListRoles", json!({})).expect_err("not allowed");
        assert_eq!((refusal.code.as_ref(), refusal.status), ("AccessDenied", 403));
        assert!(
            refusal.message.contains(":assumed-role/reader/me is not authorized to perform: iam:ListRoles")
        );
        let caller = trial.ask("sts", "GetCallerIdentity", json!({})).expect("always allowed");
        assert_eq!(caller["Arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/me"));
        trial.wait(Duration::from_hours(1));
        assert_eq!(trial.refused("sts", "GetCallerIdentity", json!({})), "ExpiredToken");
        assert_eq!(trial.refused("ssm", "GetParameter", json!({})), "ExpiredTokenException");
    }

    #[test]
    fn a_boundary_is_the_most_that_a_role_may() {
        let mut trial = Trial::new();
        make(&mut trial, "bounded", &json!({ "AWS": ACCOUNT }), &Value::Null);
        permit(&mut trial, "bounded", "Allow", "*", "*");
        let may = |trial: &Trial, action: &str| {
            role_allows(&trial.world, &arn("bounded"), action, "arn:aws:s3:::tweets/x", trial.now)
        };
        assert!(may(&trial, "s3:PutObject"));
        let boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
        let input = json!({ "RoleName": "bounded", "PermissionsBoundary": boundary });
        trial.ask("iam", "PutRolePermissionsBoundary", input).expect("bounded");
        assert!(!may(&trial, "s3:PutObject"));
        assert!(may(&trial, "s3:GetObject"));
        assert!(!role_allows(&trial.world, &arn("nobody"), "s3:GetObject", "*", trial.now));
    }
}
