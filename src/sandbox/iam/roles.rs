//! Roles: their names, who may take them, their tags, and when they may go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{self, Policy, Principal};
use super::{account_of, checks, key};
use crate::sandbox::call::Call;
use crate::sandbox::clock::iso;
use crate::sandbox::fault::Kind;
use crate::sandbox::ids;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{Tag, Tags};
use crate::sandbox::wire::Number;
use crate::sandbox::world::World;

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    /// Who may take it, as written.
    pub(super) trust: String,
    description: Option<String>,
    /// The longest that a session of it may last, in seconds.
    pub(super) longest_session: u32,
    /// The ARN of the policy that bounds what it may do.
    pub(super) boundary: Option<String>,
    pub(super) tags: Tags,
    /// Its own policies as written, by name.
    pub(super) inline: BTreeMap<String, String>,
    /// The ARNs of the managed policies that are attached.
    pub(super) attached: BTreeSet<String>,
}

impl Role {
    /// As lists show it.
    pub(super) fn shown(&self) -> Value {
        json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn,
            "CreateDate": iso(self.created),
            "AssumeRolePolicyDocument": checks::encoded(&self.trust),
            "Description": self.description,
            "MaxSessionDuration": self.longest_session,
        })
    }

    /// As it shows when it is asked for by name.
    fn shown_whole(&self) -> Value {
        let mut role = self.shown();
        role["Tags"] = json!(checks::shown_tags(&self.tags));
        role["PermissionsBoundary"] = json!(self.boundary.as_ref().map(
            |arn| json!({ "PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn })
        ));
        role
    }
}

/// How long a session may last if nothing is said, in seconds.
const AN_HOUR: u32 = 3600;
const TWELVE_HOURS: u32 = 43_200;
const LARGEST_TRUST: usize = 2048;
const MOST_ROLES: usize = 1000;

/// The ARN of the role that a call is about, by its name and the path if it says one.
pub(super) fn resource(call: &Call, input: &Value) -> String {
    let name = input["RoleName"].as_str().unwrap_or("*");
    arn(call.caller.account(), input["Path"].as_str().unwrap_or("/"), name)
}

fn arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role{path}{name}")
}

fn no_role(name: &str) -> Refusal {
    checks::no_such(format!("The role with name {name} cannot be found."))
}

/// The role of that name in the caller's account.
pub(super) fn find<'a>(world: &'a World, call: &Call, name: &str) -> Result<&'a Role, Refusal> {
    checks::name("roleName", name, 64)?;
    world.iam.role(call.caller.account(), name).ok_or_else(|| no_role(name))
}

/// The same, to be changed.
pub(super) fn find_mut<'a>(world: &'a mut World, call: &Call, name: &str) -> Result<&'a mut Role, Refusal> {
    find(world, call, name)?;
    world.iam.roles.get_mut(&key(call.caller.account(), name)).ok_or_else(|| no_role(name))
}

/// The roles of an account, by name.
pub(super) fn of_account<'a>(world: &'a World, account: &str) -> impl Iterator<Item = &'a Role> + use<'a> {
    let prefix = key(account, "");
    let rows: Vec<&Role> = world.iam.roles.under(&prefix).map(|(_, role)| role).collect();
    rows.into_iter()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfRole {
    pub(super) role_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListOfRole {
    pub(super) role_name: String,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<Number<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateRole {
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<Number<u32>>,
    permissions_boundary: Option<String>,
    #[serde(default, deserialize_with = "checks::list")]
    tags: Vec<Tag>,
}

pub(super) fn create_role(world: &mut World, call: &Call, input: CreateRole) -> Answer {
    let account = call.caller.account();
    let name = input.role_name;
    checks::name("roleName", &name, 64)?;
    let path = checks::path(input.path)?;
    check_description(input.description.as_deref())?;
    let longest_session = input.max_session_duration.map_or(AN_HOUR, |seconds| seconds.0);
    checks::range("maxSessionDuration", longest_session, AN_HOUR, TWELVE_HOURS)?;
    let tags = checks::tag(&Tags::new(), &input.tags)?;
    check_trust(world, account, &input.assume_role_policy_document)?;
    check_boundary(world, account, input.permissions_boundary.as_deref())?;
    if of_account(world, account).any(|role| role.name.eq_ignore_ascii_case(&name)) {
        return Err(checks::exists(format!("Role with name {name} already exists.")));
    }
    if of_account(world, account).count() >= MOST_ROLES {
        return Err(checks::limit(format!("Cannot exceed quota for RolesPerAccount: {MOST_ROLES}")));
    }
    let role = Role {
        arn: arn(account, &path, &name),
        id: ids::iam("AROA", 21),
        created: call.now,
        trust: input.assume_role_policy_document,
        description: input.description,
        longest_session,
        boundary: input.permissions_boundary,
        tags,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        path,
        name,
    };
    let answer = json!({ "Role": role.shown_whole() });
    world.iam.roles.insert(key(account, &role.name), role);
    Ok(answer.into())
}

fn check_description(description: Option<&str>) -> Result<(), Refusal> {
    description.map_or(Ok(()), |description| checks::length("description", description, 0, 1000))
}

/// Whoever a trust policy names must be there, as far as that can be known: in the account itself.
fn check_trust(world: &World, account: &str, document: &str) -> Result<(), Refusal> {
    let policy = Policy::trust(document)?;
    let principals = policy.statements.iter().filter_map(|statement| statement.principals.as_ref());
    for principal in principals.flat_map(|principals| &principals.named) {
        let Principal::Aws(arn) = principal else { continue };
        let is_missing_role = arn.contains(":role/") && world.iam.role_by_arn(arn).is_none();
        let is_missing_user = arn.contains(":user/") && !arn.ends_with(":user/operator");
        if account_of(arn) == Some(account) && (is_missing_role || is_missing_user) {
            return Err(document::invalid_principal("AWS", arn));
        }
    }
    if checks::weight(document) > LARGEST_TRUST {
        return Err(checks::limit(format!("Cannot exceed quota for ACLSizePerRole: {LARGEST_TRUST}")));
    }
    Ok(())
}

fn check_boundary(world: &World, account: &str, boundary: Option<&str>) -> Result<(), Refusal> {
    let Some(arn) = boundary else { return Ok(()) };
    checks::policy_arn(arn)?;
    match super::policies::by_arn(world, account, arn) {
        Some(_) => Ok(()),
        None => Err(checks::no_such(format!("Scope ARN: {arn} does not exist or is not attachable."))),
    }
}

pub(super) fn get_role(world: &mut World, call: &Call, input: OfRole) -> Answer {
    let mut role = find(world, call, &input.role_name)?.shown_whole();
    // When it was last used is not kept: AWS itself gives nothing back for roles that were not.
    role["RoleLastUsed"] = json!({});
    Ok(json!({ "Role": role }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListRoles {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_roles(world: &mut World, call: &Call, input: ListRoles) -> Answer {
    let prefix = checks::path_prefix(input.path_prefix)?;
    let roles = of_account(world, call.caller.account())
        .filter(|role| role.path.starts_with(&prefix))
        .map(|role| (role.name.clone(), role.shown()));
    let page = checks::page(roles, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("Roles", page).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateRole {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<Number<u32>>,
}

pub(super) fn update_role(world: &mut World, call: &Call, input: UpdateRole) -> Answer {
    check_description(input.description.as_deref())?;
    let longest_session = input.max_session_duration.map(|seconds| seconds.0);
    if let Some(seconds) = longest_session {
        checks::range("maxSessionDuration", seconds, AN_HOUR, TWELVE_HOURS)?;
    }
    let role = find_mut(world, call, &input.role_name)?;
    role.longest_session = longest_session.unwrap_or(role.longest_session);
    role.description = input.description.or(role.description.take());
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateRoleDescription {
    role_name: String,
    description: String,
}

pub(super) fn update_role_description(
    world: &mut World,
    call: &Call,
    input: UpdateRoleDescription,
) -> Answer {
    check_description(Some(&input.description))?;
    let role = find_mut(world, call, &input.role_name)?;
    role.description = Some(input.description);
    Ok(json!({ "Role": role.shown() }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateAssumeRolePolicy {
    role_name: String,
    policy_document: String,
}

pub(super) fn update_assume_role_policy(
    world: &mut World,
    call: &Call,
    input: UpdateAssumeRolePolicy,
) -> Answer {
    find(world, call, &input.role_name)?;
    check_trust(world, call.caller.account(), &input.policy_document)?;
    find_mut(world, call, &input.role_name)?.trust = input.policy_document;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRolePermissionsBoundary {
    role_name: String,
    permissions_boundary: String,
}

pub(super) fn put_role_permissions_boundary(
    world: &mut World,
    call: &Call,
    input: PutRolePermissionsBoundary,
) -> Answer {
    find(world, call, &input.role_name)?;
    check_boundary(world, call.caller.account(), Some(&input.permissions_boundary))?;
    find_mut(world, call, &input.role_name)?.boundary = Some(input.permissions_boundary);
    Ok(Reply::empty())
}

pub(super) fn delete_role_permissions_boundary(world: &mut World, call: &Call, input: OfRole) -> Answer {
    find_mut(world, call, &input.role_name)?.boundary = None;
    Ok(Reply::empty())
}

pub(super) fn delete_role(world: &mut World, call: &Call, input: OfRole) -> Answer {
    let role = find(world, call, &input.role_name)?;
    if super::profiles::of_role(world, role).next().is_some() {
        return Err(checks::conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    if !role.attached.is_empty() {
        return Err(checks::conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(checks::conflict("Cannot delete entity, must delete policies first."));
    }
    if !world.faults.strikes(Kind::StuckDelete, "iam", "DeleteRole") {
        world.iam.roles.remove(&key(call.caller.account(), &input.role_name));
    }
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagRole {
    role_name: String,
    #[serde(deserialize_with = "checks::list")]
    tags: Vec<Tag>,
}

pub(super) fn tag_role(world: &mut World, call: &Call, input: TagRole) -> Answer {
    let tags = checks::tag(&find(world, call, &input.role_name)?.tags, &input.tags)?;
    find_mut(world, call, &input.role_name)?.tags = tags;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagRole {
    role_name: String,
    #[serde(deserialize_with = "checks::list")]
    tag_keys: Vec<String>,
}

pub(super) fn untag_role(world: &mut World, call: &Call, input: UntagRole) -> Answer {
    checks::untag(&mut find_mut(world, call, &input.role_name)?.tags, &input.tag_keys);
    Ok(Reply::empty())
}

pub(super) fn list_role_tags(world: &mut World, call: &Call, input: ListOfRole) -> Answer {
    let tags = &find(world, call, &input.role_name)?.tags;
    Ok(checks::listed_tags(tags, input.marker.as_deref(), input.max_items)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    fn trust() -> String {
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "firehose.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] })
        .to_string()
    }

    fn role(name: &str) -> Value {
        json!({ "RoleName": name, "AssumeRolePolicyDocument": trust() })
    }

    fn policy(action: &str) -> String {
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": action, "Resource": "*" } })
            .to_string()
    }

    #[test]
    fn a_role_is_found_by_its_name_alone_and_shows_its_tags_only_then() {
        let mut trial = Trial::new();
        let mut input = role("delivery");
        input["Path"] = json!("/hydrant/main/");
        input["Tags"] = json!([{ "Key": "stack", "Value": "main" }]);
        trial.ask("iam", "CreateRole", input).expect("a new role");
        let found = trial.ask("iam", "GetRole", json!({ "RoleName": "delivery" })).expect("the role");
        assert_eq!(found["Role"]["Arn"], "arn:aws:iam::123456789012:role/hydrant/main/delivery");
        assert_eq!(found["Role"]["MaxSessionDuration"], 3600);
        assert_eq!(found["Role"]["Tags"], json!([{ "Key": "stack", "Value": "main" }]));
        let id = found["Role"]["RoleId"].as_str().expect("a text");
        assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
        let prefix = json!({ "PathPrefix": "/hydrant/" });
        let listed = trial.ask("iam", "ListRoles", prefix).expect("a list");
        assert_eq!(listed["Roles"][0]["RoleName"], "delivery");
        assert!(listed["Roles"][0].get("Tags").is_none());
        assert_eq!(
            trial.ask("iam", "GetRole", json!({ "RoleName": "other" })).expect_err("none").message,
            "The role with name other cannot be found."
        );
    }

    #[test]
    fn names_are_taken_whatever_their_case() {
        let mut trial = Trial::new();
        trial.ask("iam", "CreateRole", role("delivery")).expect("a new role");
        let taken = trial.ask("iam", "CreateRole", role("Delivery")).expect_err("taken");
        assert_eq!((taken.code.as_ref(), taken.status), ("EntityAlreadyExists", 409));
        for name in ["", "a b", "a/b", &"a".repeat(65)] {
            assert_eq!(trial.refused("iam", "CreateRole", role(name)), "ValidationError", "{name}");
        }
        let mut input = role("other");
        input["Path"] = json!("hydrant/");
        assert_eq!(trial.refused("iam", "CreateRole", input), "ValidationError");
    }

    #[test]
    fn a_policy_of_the_other_kind_is_no_trust_policy_and_too_long_a_one_neither() {
        let mut trial = Trial::new();
        let mut input = role("delivery");
        input["AssumeRolePolicyDocument"] = json!(policy("s3:GetObject"));
        assert_eq!(trial.refused("iam", "CreateRole", input.clone()), "MalformedPolicyDocument");
        let statement = |account: u64| json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": account.to_string() } });
        let statements: Vec<Value> = (0..40).map(|count| statement(100_000_000_000 + count)).collect();
        input["AssumeRolePolicyDocument"] = json!(json!({ "Statement": statements }).to_string());
        assert_eq!(trial.refused("iam", "CreateRole", input.clone()), "LimitExceeded");
        let nobody = "arn:aws:iam::123456789012:role/nobody";
        let statement =
            json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": nobody } });
        input["AssumeRolePolicyDocument"] = json!(json!({ "Statement": statement }).to_string());
        let refusal = trial.ask("iam", "CreateRole", input).expect_err("there is nobody of that name");
        assert_eq!(refusal.message, format!("Invalid principal in policy: \"AWS\":\"{nobody}\""));
    }

    #[test]
    fn a_role_with_policies_cannot_be_deleted() {
        let mut trial = Trial::new();
        trial.ask("iam", "CreateRole", role("delivery")).expect("a new role");
        let inline = json!({ "RoleName": "delivery", "PolicyName": "own", "PolicyDocument": policy("s3:*") });
        trial.ask("iam", "PutRolePolicy", inline).expect("put");
        let name = json!({ "RoleName": "delivery" });
        let refusal = trial.ask("iam", "DeleteRole", name.clone()).expect_err("in use");
        assert_eq!((refusal.code.as_ref(), refusal.status), ("DeleteConflict", 409));
        let own = json!({ "RoleName": "delivery", "PolicyName": "own" });
        trial.ask("iam", "DeleteRolePolicy", own.clone()).expect("deleted");
        assert_eq!(trial.refused("iam", "GetRolePolicy", own), "NoSuchEntity");
        trial.ask("iam", "DeleteRole", name.clone()).expect("deleted");
        assert_eq!(trial.refused("iam", "GetRole", name), "NoSuchEntity");
    }

    #[test]
    fn a_roles_own_policies_have_one_limit_together() {
        let mut trial = Trial::new();
        trial.ask("iam", "CreateRole", role("delivery")).expect("a new role");
        let large = policy(&format!("s3:{}", "x".repeat(6000)));
        let put = |name: &str| json!({ "RoleName": "delivery", "PolicyName": name, "PolicyDocument": large });
        trial.ask("iam", "PutRolePolicy", put("one")).expect("put");
        trial.ask("iam", "PutRolePolicy", put("one")).expect("put in its place");
        assert_eq!(trial.refused("iam", "PutRolePolicy", put("two")), "LimitExceeded");
    }

    #[test]
    fn tags_do_not_differ_by_case_alone() {
        let mut trial = Trial::new();
        trial.ask("iam", "CreateRole", role("delivery")).expect("a new role");
        let tag = |tags: Value| json!({ "RoleName": "delivery", "Tags": tags });
        trial.ask("iam", "TagRole", tag(json!([{ "Key": "team", "Value": "a" }]))).expect("tagged");
        trial.ask("iam", "TagRole", tag(json!([{ "Key": "Team", "Value": "b" }]))).expect("tagged");
        let tags = trial.ask("iam", "ListRoleTags", json!({ "RoleName": "delivery" })).expect("tags");
        assert_eq!(tags["Tags"], json!([{ "Key": "Team", "Value": "b" }]));
        let twice = json!([{ "Key": "a", "Value": "" }, { "Key": "A", "Value": "" }]);
        assert_eq!(trial.refused("iam", "TagRole", tag(twice)), "InvalidInput");
        let many: Value = (0..50).map(|count| json!({ "Key": format!("k{count}"), "Value": "" })).collect();
        assert_eq!(trial.refused("iam", "TagRole", tag(many)), "LimitExceeded");
        trial
            .ask("iam", "UntagRole", json!({ "RoleName": "delivery", "TagKeys": ["TEAM"] }))
            .expect("untagged");
        let tags = trial.ask("iam", "ListRoleTags", json!({ "RoleName": "delivery" })).expect("tags");
        assert_eq!(tags["Tags"], json!([]));
    }

    #[test]
    fn pages_of_roles_join_to_all_of_the_account() {
        let mut trial = Trial::new();
        for number in 0..5 {
            trial.ask("iam", "CreateRole", role(&format!("role-{number}"))).expect("a new role");
        }
        let (mut names, mut input) = (Vec::new(), json!({ "MaxItems": "2" }));
        loop {
            let page = trial.ask("iam", "ListRoles", input.clone()).expect("a page");
            names.extend(
                page["Roles"].as_array().expect("a list").iter().map(|role| role["RoleName"].clone()),
            );
            if page["IsTruncated"] == false {
                break;
            }
            input["Marker"] = page["Marker"].clone();
        }
        assert_eq!(names, ["role-0", "role-1", "role-2", "role-3", "role-4"]);
        assert_eq!(trial.refused("iam", "ListRoles", json!({ "MaxItems": "0" })), "ValidationError");
        assert_eq!(trial.refused("iam", "ListRoles", json!({ "Marker": "?" })), "ValidationError");
        trial.access_key = "210987654321".to_owned();
        assert_eq!(trial.ask("iam", "ListRoles", json!({})).expect("a list")["Roles"], json!([]));
    }
}
