//! Credentials for a time: sessions of roles, and the operator's own. The access key names the session.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DEFAULT_ACCOUNT, account_of, checks};
use crate::sandbox::call::Caller;
use crate::sandbox::ids;
use crate::sandbox::world::World;

/// A session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    account: String,
    /// Whose it is: the operator's where it is no role's.
    role: Option<OfRole>,
    secret_access_key: String,
    session_token: String,
    opened: Timestamp,
    expires: Timestamp,
}

/// The role of a session, and the session's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OfRole {
    role: String,
    role_id: String,
    name: String,
}

impl Row {
    fn caller(&self) -> Caller {
        let account = self.account.clone();
        match &self.role {
            None => Caller::Operator { account },
            Some(OfRole { role, role_id, name }) => {
                Caller::Role { account, role: role.clone(), role_id: role_id.clone(), session: name.clone() }
            }
        }
    }

    fn session(&self, access_key_id: &str) -> Session {
        Session {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: self.session_token.clone(),
            opened: self.opened,
            expires: self.expires,
            caller: self.caller(),
        }
    }
}

/// A session's credentials.
#[expect(clippy::struct_field_names, reason = "AWS's own names of what credentials are made of")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) opened: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) caller: Caller,
}

/// Who signs with this key: a session that was opened here, or the operator of an account. An access key of twelve
/// digits is its account's; every other is of the one default account.
pub(crate) fn caller(world: &World, access_key: &str, now: Timestamp) -> Caller {
    match world.iam.sessions.get(access_key) {
        Some(session) if session.expires <= now => Caller::Expired(Box::new(session.caller())),
        Some(session) => session.caller(),
        None => Caller::Operator { account: account_of_key(world, access_key) },
    }
}

/// The account that a key belongs to.
pub(crate) fn account_of_key(world: &World, access_key: &str) -> String {
    let account = match world.iam.sessions.get(access_key) {
        Some(session) => session.account.as_str(),
        None if checks::is_account(access_key) => access_key,
        None => DEFAULT_ACCOUNT,
    };
    account.to_owned()
}

/// Opens a session of a role; `None` when there is no such role.
pub(crate) fn open_session(
    world: &mut World,
    role_arn: &str,
    name: &str,
    now: Timestamp,
    seconds: u32,
) -> Option<Session> {
    let role = world.iam.role_by_arn(role_arn)?;
    let of = OfRole { role: role.name.clone(), role_id: role.id.clone(), name: name.to_owned() };
    let account = account_of(role_arn)?.to_owned();
    Some(open(world, account, Some(of), now, seconds))
}

/// Opens a session of an account's operator.
pub(crate) fn open_operator_session(
    world: &mut World,
    account: &str,
    now: Timestamp,
    seconds: u32,
) -> Session {
    open(world, account.to_owned(), None, now, seconds)
}

/// Keys of sessions that are over this long are forgotten: until then their holders are told why they are refused.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

fn open(world: &mut World, account: String, role: Option<OfRole>, now: Timestamp, seconds: u32) -> Session {
    let forgotten = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    world.iam.sessions.remove_where(|_, session| session.expires < forgotten);
    let row = Row {
        account,
        role,
        secret_access_key: ids::iam("", 40),
        session_token: ids::iam("IQoJb3JpZ2luX2Vj", 160),
        opened: now,
        expires: now.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX),
    };
    let access_key_id = ids::iam("ASIA", 20);
    let session = row.session(&access_key_id);
    world.iam.sessions.insert(access_key_id, row);
    session
}

/// The metadata service gives the same credentials until they have only this long to go.
const RENEWED: SignedDuration = SignedDuration::from_mins(5);
/// For how long it gives credentials: six hours, in seconds.
const OF_INSTANCES: u32 = 21_600;

/// The session in which an instance acts as its role; `None` when there is no such role.
pub(crate) fn session_of_instance(
    world: &mut World,
    role_arn: &str,
    instance_id: &str,
    now: Timestamp,
) -> Option<Session> {
    let id = &world.iam.role_by_arn(role_arn)?.id;
    let enough = now.checked_add(RENEWED).unwrap_or(Timestamp::MAX);
    let is_its_own = |row: &Row| {
        row.role.as_ref().is_some_and(|of| of.role_id == *id && of.name == instance_id)
            && row.expires > enough
    };
    let open = world.iam.sessions.iter().find(|(_, row)| is_its_own(row));
    match open.map(|(access_key_id, row)| row.session(access_key_id)) {
        Some(session) => Some(session),
        None => open_session(world, role_arn, instance_id, now, OF_INSTANCES),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::sandbox::trial::Trial;

    const ROLE: &str = "arn:aws:iam::210987654321:role/host";

    fn with_role() -> Trial {
        let mut trial = Trial::new();
        trial.access_key = "210987654321".to_owned();
        let trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                           "Principal": { "Service": "ec2.amazonaws.com" } } });
        let role = json!({ "RoleName": "host", "AssumeRolePolicyDocument": trust.to_string() });
        trial.ask("iam", "CreateRole", role).expect("a new role");
        trial
    }

    #[test]
    fn a_key_leads_back_to_its_session_until_it_is_over() {
        let mut trial = with_role();
        let session = open_session(&mut trial.world, ROLE, "me", trial.now, 900).expect("a session");
        assert!(session.access_key_id.starts_with("ASIA") && session.access_key_id.len() == 20);
        let now = caller(&trial.world, &session.access_key_id, trial.now);
        assert_eq!(now, session.caller);
        assert_eq!(now.arn(), "arn:aws:sts::210987654321:assumed-role/host/me");
        trial.wait(Duration::from_mins(15));
        let later = caller(&trial.world, &session.access_key_id, trial.now);
        assert_eq!(later, Caller::Expired(Box::new(now)));
        assert_eq!(later.account(), "210987654321");
        trial.wait(Duration::from_hours(25));
        open_session(&mut trial.world, ROLE, "me", trial.now, 900).expect("a session");
        assert_eq!(trial.world.iam.sessions.len(), 1, "what was over long ago is forgotten");
    }

    #[test]
    fn keys_of_nobody_are_an_operators() {
        let trial = Trial::new();
        for (key, account) in [("operator", DEFAULT_ACCOUNT), ("210987654321", "210987654321")] {
            let expected = Caller::Operator { account: account.to_owned() };
            assert_eq!(caller(&trial.world, key, trial.now), expected);
        }
    }

    #[test]
    fn a_role_made_anew_is_not_the_role_of_old_sessions() {
        let mut trial = with_role();
        let session = open_session(&mut trial.world, ROLE, "me", trial.now, 900).expect("a session");
        let role = trial.world.iam.role_by_arn(ROLE).expect("the role").clone();
        trial.ask("iam", "DeleteRole", json!({ "RoleName": "host" })).expect("deleted");
        let role = json!({ "RoleName": "host", "AssumeRolePolicyDocument": role.trust });
        trial.ask("iam", "CreateRole", role).expect("a new role");
        let all = json!({ "RoleName": "host", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" });
        trial.ask("iam", "AttachRolePolicy", all).expect("attached");
        trial.access_key = session.access_key_id;
        assert_eq!(trial.refused("iam", "ListRoles", json!({})), "AccessDenied");
    }

    #[test]
    fn an_instance_keeps_its_session_until_it_is_nearly_over() {
        let mut trial = with_role();
        let key = |trial: &mut Trial| {
            let session = session_of_instance(&mut trial.world, ROLE, "i-1", trial.now);
            session.expect("a session").access_key_id
        };
        let first = key(&mut trial);
        trial.wait(Duration::from_mins(354));
        assert_eq!(key(&mut trial), first);
        trial.wait(Duration::from_mins(1));
        assert_ne!(key(&mut trial), first);
    }
}
