//! Managed policies and their versions: those of the account, and AWS's own, which nobody can change.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::Policy;
use super::{account_and_name, aws_managed, checks, key, roles};
use crate::sandbox::call::Call;
use crate::sandbox::clock::iso;
use crate::sandbox::ids;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{Tag, Tags};
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// A managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ManagedPolicy {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) tags: Tags,
    pub(super) versions: BTreeMap<u32, Version>,
    /// The version that counts.
    pub(super) default: u32,
    /// The number of the last version that was made. Numbers are not used again.
    pub(super) newest: u32,
}

/// A version of a policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) document: String,
    pub(super) created: Timestamp,
}

impl ManagedPolicy {
    /// The document that counts.
    pub(super) fn document(&self) -> Option<&str> {
        self.versions.get(&self.default).map(|version| version.document.as_str())
    }

    /// Lists leave out the description and the tags.
    fn shown(&self, world: &World, account: &str) -> Value {
        let uses = |is_use: &dyn Fn(&roles::Role) -> bool| {
            roles::of_account(world, account).filter(|role| is_use(role)).count()
        };
        json!({
            "PolicyName": self.name,
            "PolicyId": self.id,
            "Arn": self.arn,
            "Path": self.path,
            "DefaultVersionId": version_id(self.default),
            "AttachmentCount": uses(&|role| role.attached.contains(&self.arn)),
            "PermissionsBoundaryUsageCount": uses(&|role| role.boundary.as_ref() == Some(&self.arn)),
            "IsAttachable": true,
            "CreateDate": iso(self.created),
            "UpdateDate": iso(self.updated),
        })
    }

    fn shown_version(&self, number: u32, version: &Version) -> Value {
        json!({
            "VersionId": version_id(number),
            "IsDefaultVersion": number == self.default,
            "CreateDate": iso(version.created),
        })
    }
}

fn version_id(number: u32) -> String {
    format!("v{number}")
}

fn read_version_id(text: &str) -> Result<u32, Refusal> {
    let number = text.strip_prefix('v').and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| {
        let rule = "Member must satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?";
        checks::constraint("versionId", text, rule)
    })
}

const LARGEST_POLICY: usize = 6144;
const MOST_VERSIONS: usize = 5;

/// The ARN of the policy that a call is about.
pub(super) fn resource(call: &Call, input: &Value) -> String {
    let named = || {
        let name = input["PolicyName"].as_str().unwrap_or("*");
        arn(call.caller.account(), input["Path"].as_str().unwrap_or("/"), name)
    };
    input["PolicyArn"].as_str().map_or_else(named, ToOwned::to_owned)
}

fn arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:policy{path}{name}")
}

/// The policy of an ARN, as an account sees it.
pub(super) fn by_arn<'a>(world: &'a World, account: &str, arn: &str) -> Option<Cow<'a, ManagedPolicy>> {
    let (of, name) = account_and_name(arn)?;
    if of == "aws" {
        return aws_managed::by_arn(arn).map(Cow::Owned);
    }
    let policy = world.iam.policies.get(&key(account, name))?;
    (policy.arn == arn).then_some(Cow::Borrowed(policy))
}

fn find<'a>(world: &'a World, call: &Call, arn: &str) -> Result<Cow<'a, ManagedPolicy>, Refusal> {
    checks::policy_arn(arn)?;
    by_arn(world, call.caller.account(), arn).ok_or_else(|| no_policy(arn))
}

fn no_policy(arn: &str) -> Refusal {
    checks::no_such(format!("Policy {arn} was not found."))
}

fn no_version(arn: &str, version: &str) -> Refusal {
    checks::no_such(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

/// A policy of the account itself, to be changed.
fn find_mut<'a>(world: &'a mut World, call: &Call, arn: &str) -> Result<&'a mut ManagedPolicy, Refusal> {
    checks::policy_arn(arn)?;
    let account = call.caller.account();
    if super::account_of(arn) != Some(account) {
        return Err(Refusal::new("AccessDenied", "Policy is outside your own account.").status(403));
    }
    find(world, call, arn)?;
    let (_, name) = account_and_name(arn).ok_or_else(|| no_policy(arn))?;
    world.iam.policies.get_mut(&key(account, name)).ok_or_else(|| no_policy(arn))
}

fn check_document(document: &str) -> Result<(), Refusal> {
    Policy::identity(document)?;
    if checks::weight(document) > LARGEST_POLICY {
        return Err(checks::limit(format!("Cannot exceed quota for PolicySize: {LARGEST_POLICY}")));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfPolicy {
    policy_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfVersion {
    policy_arn: String,
    version_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListOfPolicy {
    policy_arn: String,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreatePolicy {
    policy_name: String,
    path: Option<String>,
    policy_document: String,
    description: Option<String>,
    #[serde(default, deserialize_with = "checks::list")]
    tags: Vec<Tag>,
}

pub(super) fn create_policy(world: &mut World, call: &Call, input: CreatePolicy) -> Answer {
    let account = call.caller.account();
    let name = input.policy_name;
    checks::name("policyName", &name, 128)?;
    let path = checks::path(input.path)?;
    checks::length("description", input.description.as_deref().unwrap_or_default(), 0, 1000)?;
    let tags = checks::tag(&Tags::new(), &input.tags)?;
    check_document(&input.policy_document)?;
    let is_taken = |policy: &ManagedPolicy| policy.name.eq_ignore_ascii_case(&name);
    if world.iam.policies.under(&key(account, "")).any(|(_, policy)| is_taken(policy)) {
        return Err(checks::exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let first = Version { document: input.policy_document, created: call.now };
    let policy = ManagedPolicy {
        arn: arn(account, &path, &name),
        id: ids::iam("ANPA", 21),
        description: input.description,
        created: call.now,
        updated: call.now,
        tags,
        versions: BTreeMap::from([(1, first)]),
        default: 1,
        newest: 1,
        path,
        name,
    };
    let mut shown = policy.shown(world, account);
    shown["Description"] = json!(policy.description);
    shown["Tags"] = json!(checks::shown_tags(&policy.tags));
    world.iam.policies.insert(key(account, &policy.name), policy);
    Ok(json!({ "Policy": shown }).into())
}

pub(super) fn get_policy(world: &mut World, call: &Call, input: OfPolicy) -> Answer {
    let policy = find(world, call, &input.policy_arn)?;
    let mut shown = policy.shown(world, call.caller.account());
    shown["Description"] = json!(policy.description);
    shown["Tags"] = crate::sandbox::tags::list(&policy.tags);
    Ok(json!({ "Policy": shown }).into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Scope {
    #[default]
    All,
    #[serde(rename = "AWS")]
    Aws,
    Local,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListPolicies {
    #[serde(default)]
    scope: Scope,
    only_attached: Option<Flag>,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_policies(world: &mut World, call: &Call, input: ListPolicies) -> Answer {
    let account = call.caller.account();
    let prefix = checks::path_prefix(input.path_prefix)?;
    let of_account = key(account, "");
    let own = world.iam.policies.under(&of_account).map(|(_, policy)| Cow::Borrowed(policy));
    let mut policies: Vec<Cow<'_, ManagedPolicy>> = Vec::new();
    if input.scope != Scope::Aws {
        policies.extend(own);
    }
    if input.scope != Scope::Local {
        policies.extend(aws_managed::all().map(Cow::Owned));
    }
    policies.sort_by(|one, other| one.arn.cmp(&other.arn));
    let is_attached = |policy: &ManagedPolicy| {
        roles::of_account(world, account).any(|role| role.attached.contains(&policy.arn))
    };
    let only_attached = input.only_attached.is_some_and(|flag| flag.0);
    let shown = policies
        .iter()
        .filter(|policy| policy.path.starts_with(&prefix))
        .filter(|policy| !only_attached || is_attached(policy))
        .map(|policy| (policy.arn.clone(), policy.shown(world, account)));
    let page = checks::page(shown, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("Policies", page).into())
}

pub(super) fn delete_policy(world: &mut World, call: &Call, input: OfPolicy) -> Answer {
    let account = call.caller.account();
    let policy = find_mut(world, call, &input.policy_arn)?;
    let (name, versions) = (policy.name.clone(), policy.versions.len());
    let in_use = roles::of_account(world, account).any(|role| {
        role.attached.contains(&input.policy_arn) || role.boundary.as_ref() == Some(&input.policy_arn)
    });
    if in_use {
        return Err(checks::conflict("Cannot delete a policy attached to entities."));
    }
    if versions > 1 {
        return Err(checks::conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's \
             versions. The default version is deleted with the policy.",
        ));
    }
    world.iam.policies.remove(&key(account, &name));
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreatePolicyVersion {
    policy_arn: String,
    policy_document: String,
    set_as_default: Option<Flag>,
}

pub(super) fn create_policy_version(world: &mut World, call: &Call, input: CreatePolicyVersion) -> Answer {
    let policy = find_mut(world, call, &input.policy_arn)?;
    check_document(&input.policy_document)?;
    if policy.versions.len() >= MOST_VERSIONS {
        return Err(checks::limit(format!(
            "A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must \
             delete an existing version."
        )));
    }
    let version = Version { document: input.policy_document, created: call.now };
    policy.newest += 1;
    policy.updated = call.now;
    if input.set_as_default.is_some_and(|flag| flag.0) {
        policy.default = policy.newest;
    }
    let shown = policy.shown_version(policy.newest, &version);
    policy.versions.insert(policy.newest, version);
    Ok(json!({ "PolicyVersion": shown }).into())
}

pub(super) fn get_policy_version(world: &mut World, call: &Call, input: OfVersion) -> Answer {
    let number = read_version_id(&input.version_id)?;
    let policy = find(world, call, &input.policy_arn)?;
    let version =
        policy.versions.get(&number).ok_or_else(|| no_version(&input.policy_arn, &input.version_id))?;
    let mut shown = policy.shown_version(number, version);
    shown["Document"] = json!(checks::encoded(&version.document));
    Ok(json!({ "PolicyVersion": shown }).into())
}

pub(super) fn list_policy_versions(world: &mut World, call: &Call, input: ListOfPolicy) -> Answer {
    let policy = find(world, call, &input.policy_arn)?;
    // The newest come first: the keys of the pages count backwards.
    let versions = policy.versions.iter().rev().map(|(number, version)| {
        (format!("{:010}", u32::MAX - number), policy.shown_version(*number, version))
    });
    let page = checks::page(versions, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("Versions", page).into())
}

pub(super) fn set_default_policy_version(world: &mut World, call: &Call, input: OfVersion) -> Answer {
    let number = read_version_id(&input.version_id)?;
    let policy = find_mut(world, call, &input.policy_arn)?;
    if !policy.versions.contains_key(&number) {
        return Err(no_version(&input.policy_arn, &input.version_id));
    }
    policy.default = number;
    policy.updated = call.now;
    Ok(Reply::empty())
}

pub(super) fn delete_policy_version(world: &mut World, call: &Call, input: OfVersion) -> Answer {
    let number = read_version_id(&input.version_id)?;
    let policy = find_mut(world, call, &input.policy_arn)?;
    if !policy.versions.contains_key(&number) {
        return Err(no_version(&input.policy_arn, &input.version_id));
    }
    if policy.default == number {
        return Err(checks::conflict("Cannot delete the default version of a policy."));
    }
    policy.versions.remove(&number);
    policy.updated = call.now;
    Ok(Reply::empty())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Entity {
    User,
    Role,
    Group,
    LocalManagedPolicy,
    #[serde(rename = "AWSManagedPolicy")]
    AwsManagedPolicy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Usage {
    PermissionsPolicy,
    PermissionsBoundary,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListEntitiesForPolicy {
    policy_arn: String,
    entity_filter: Option<Entity>,
    path_prefix: Option<String>,
    policy_usage_filter: Option<Usage>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_entities_for_policy(
    world: &mut World,
    call: &Call,
    input: ListEntitiesForPolicy,
) -> Answer {
    let arn = find(world, call, &input.policy_arn)?.arn.clone();
    let prefix = checks::path_prefix(input.path_prefix)?;
    let wants_roles = input.entity_filter.is_none_or(|entity| entity == Entity::Role);
    let uses = |role: &roles::Role| {
        let permits = role.attached.contains(&arn);
        let bounds = role.boundary.as_ref() == Some(&arn);
        match input.policy_usage_filter {
            None => permits || bounds,
            Some(Usage::PermissionsPolicy) => permits,
            Some(Usage::PermissionsBoundary) => bounds,
        }
    };
    let found = roles::of_account(world, call.caller.account())
        .filter(|role| wants_roles && role.path.starts_with(&prefix) && uses(role))
        .map(|role| (role.name.clone(), json!({ "RoleName": role.name, "RoleId": role.id })));
    let page = checks::page(found, input.marker.as_deref(), input.max_items)?;
    let mut answer = checks::listed("PolicyRoles", page);
    answer["PolicyGroups"] = json!([]);
    answer["PolicyUsers"] = json!([]);
    Ok(answer.into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagPolicy {
    policy_arn: String,
    #[serde(deserialize_with = "checks::list")]
    tags: Vec<Tag>,
}

pub(super) fn tag_policy(world: &mut World, call: &Call, input: TagPolicy) -> Answer {
    let policy = find_mut(world, call, &input.policy_arn)?;
    policy.tags = checks::tag(&policy.tags, &input.tags)?;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagPolicy {
    policy_arn: String,
    #[serde(deserialize_with = "checks::list")]
    tag_keys: Vec<String>,
}

pub(super) fn untag_policy(world: &mut World, call: &Call, input: UntagPolicy) -> Answer {
    checks::untag(&mut find_mut(world, call, &input.policy_arn)?.tags, &input.tag_keys);
    Ok(Reply::empty())
}

pub(super) fn list_policy_tags(world: &mut World, call: &Call, input: ListOfPolicy) -> Answer {
    let policy = find(world, call, &input.policy_arn)?;
    Ok(checks::listed_tags(&policy.tags, input.marker.as_deref(), input.max_items)?.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::trial::Trial;

    const ARN: &str = "arn:aws:iam::123456789012:policy/read";

    fn document(action: &str) -> String {
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": action, "Resource": "*" } })
            .to_string()
    }

    fn with_policy() -> Trial {
        let mut trial = Trial::new();
        let input = json!({ "PolicyName": "read", "PolicyDocument": document("s3:GetObject") });
        let made = trial.ask("iam", "CreatePolicy", input).expect("a new policy");
        assert_eq!(made["Policy"]["Arn"], ARN);
        assert_eq!(made["Policy"]["PolicyId"].as_str().map(str::len), Some(21));
        trial
    }

    #[test]
    fn an_attached_policy_cannot_be_deleted() {
        let mut trial = with_policy();
        let trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                           "Principal": { "Service": "ec2.amazonaws.com" } } });
        let role = json!({ "RoleName": "host", "AssumeRolePolicyDocument": trust.to_string() });
        trial.ask("iam", "CreateRole", role).expect("a new role");
        let attached = json!({ "RoleName": "host", "PolicyArn": ARN });
        for _ in 0..2 {
            trial.ask("iam", "AttachRolePolicy", attached.clone()).expect("attached, and once more");
        }
        let policy = trial.ask("iam", "GetPolicy", json!({ "PolicyArn": ARN })).expect("the policy");
        assert_eq!(policy["Policy"]["AttachmentCount"], 1);
        let entities =
            trial.ask("iam", "ListEntitiesForPolicy", json!({ "PolicyArn": ARN })).expect("a list");
        assert_eq!(entities["PolicyRoles"][0]["RoleName"], "host");
        assert_eq!(trial.refused("iam", "DeletePolicy", json!({ "PolicyArn": ARN })), "DeleteConflict");
        assert_eq!(trial.refused("iam", "DeleteRole", json!({ "RoleName": "host" })), "DeleteConflict");
        trial.ask("iam", "DetachRolePolicy", attached.clone()).expect("detached");
        assert_eq!(trial.refused("iam", "DetachRolePolicy", attached), "NoSuchEntity");
        trial.ask("iam", "DeletePolicy", json!({ "PolicyArn": ARN })).expect("deleted");
        assert_eq!(trial.refused("iam", "GetPolicy", json!({ "PolicyArn": ARN })), "NoSuchEntity");
    }

    #[test]
    fn there_are_five_versions_at_most_and_their_numbers_are_not_used_again() {
        let mut trial = with_policy();
        let new =
            json!({ "PolicyArn": ARN, "PolicyDocument": document("s3:PutObject"), "SetAsDefault": "true" });
        for number in 2..=5 {
            let made = trial.ask("iam", "CreatePolicyVersion", new.clone()).expect("a version");
            assert_eq!(made["PolicyVersion"]["VersionId"], format!("v{number}"));
        }
        assert_eq!(trial.refused("iam", "CreatePolicyVersion", new.clone()), "LimitExceeded");
        let version = |number: &str| json!({ "PolicyArn": ARN, "VersionId": number });
        assert_eq!(trial.refused("iam", "DeletePolicyVersion", version("v5")), "DeleteConflict");
        assert_eq!(trial.refused("iam", "DeletePolicy", json!({ "PolicyArn": ARN })), "DeleteConflict");
        trial.ask("iam", "SetDefaultPolicyVersion", version("v1")).expect("set");
        trial.ask("iam", "DeletePolicyVersion", version("v5")).expect("deleted");
        assert_eq!(trial.refused("iam", "GetPolicyVersion", version("v5")), "NoSuchEntity");
        let made = trial.ask("iam", "CreatePolicyVersion", new).expect("a version");
        assert_eq!(made["PolicyVersion"]["VersionId"], "v6");
        let listed = trial.ask("iam", "ListPolicyVersions", json!({ "PolicyArn": ARN })).expect("a list");
        let ids: Vec<&Value> =
            listed["Versions"].as_array().expect("a list").iter().map(|v| &v["VersionId"]).collect();
        assert_eq!(ids, ["v6", "v4", "v3", "v2", "v1"]);
    }

    #[test]
    fn documents_come_back_percent_encoded() {
        let mut trial = with_policy();
        let version = json!({ "PolicyArn": ARN, "VersionId": "v1" });
        let answer = trial.ask("iam", "GetPolicyVersion", version).expect("the version");
        let document = answer["PolicyVersion"]["Document"].as_str().expect("a text");
        assert!(
            document.starts_with("%7B%22Statement%22%3A%7B%22Action%22%3A%22s3%3AGetObject%22"),
            "{document}"
        );
    }

    #[test]
    fn awss_own_policies_are_there_and_cannot_be_changed() {
        let mut trial = with_policy();
        let aws = json!({ "PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" });
        assert_eq!(trial.ask("iam", "GetPolicy", aws.clone()).expect("it is there")["Policy"]["Path"], "/");
        assert_eq!(trial.refused("iam", "DeletePolicy", aws), "AccessDenied");
        let mut count = |scope: &str| {
            let listed = trial.ask("iam", "ListPolicies", json!({ "Scope": scope })).expect("a list");
            listed["Policies"].as_array().map_or(0, Vec::len)
        };
        assert_eq!(count("Local"), 1);
        assert_eq!(count("All"), count("AWS") + 1);
    }
}
