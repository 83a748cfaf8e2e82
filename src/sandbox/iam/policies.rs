//! Managed policies: those of the account, and AWS's own, which nobody can change.

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
}

/// As AWS names a version: `v1`.
pub(super) fn version_id(number: u32) -> String {
    format!("v{number}")
}

const LARGEST_POLICY: usize = 6144;

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

/// The policy of an ARN, or the refusal of those who ask for it.
pub(super) fn find<'a>(world: &'a World, call: &Call, arn: &str) -> Result<Cow<'a, ManagedPolicy>, Refusal> {
    checks::policy_arn(arn)?;
    by_arn(world, call.caller.account(), arn).ok_or_else(|| no_policy(arn))
}

fn no_policy(arn: &str) -> Refusal {
    checks::no_such(format!("Policy {arn} was not found."))
}

/// A policy of the account itself, to be changed.
pub(super) fn find_mut<'a>(
    world: &'a mut World,
    call: &Call,
    arn: &str,
) -> Result<&'a mut ManagedPolicy, Refusal> {
    checks::policy_arn(arn)?;
    let account = call.caller.account();
    if super::account_of(arn) != Some(account) {
        return Err(Refusal::new("AccessDenied", "Policy is outside your own account.").status(403));
    }
    find(world, call, arn)?;
    let (_, name) = account_and_name(arn).ok_or_else(|| no_policy(arn))?;
    world.iam.policies.get_mut(&key(account, name)).ok_or_else(|| no_policy(arn))
}

/// Whether a managed policy may have this document.
pub(super) fn check_document(document: &str) -> Result<(), Refusal> {
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
pub(super) struct ListOfPolicy {
    pub(super) policy_arn: String,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<Number<u32>>,
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
    use serde_json::json;

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
