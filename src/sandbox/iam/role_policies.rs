//! What a role may do: its own policies, and the managed policies that are attached to it.

use serde::Deserialize;
use serde_json::json;

use super::checks;
use super::document::Policy;
use super::policies;
use super::roles::{ListOfRole, find, find_mut};
use crate::sandbox::call::Call;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::wire::Number;
use crate::sandbox::world::World;

/// All of a role's own policies together, in characters.
const LARGEST_INLINE: usize = 10_240;
const MOST_ATTACHED: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

pub(super) fn put_role_policy(world: &mut World, call: &Call, input: PutRolePolicy) -> Answer {
    let PutRolePolicy { role_name, policy_name, policy_document } = input;
    checks::name("policyName", &policy_name, 128)?;
    let role = find(world, call, &role_name)?;
    Policy::identity(&policy_document)?;
    let others = role.inline.iter().filter(|(name, _)| **name != policy_name);
    let whole = others.map(|(_, document)| checks::weight(document)).sum::<usize>();
    if whole + checks::weight(&policy_document) > LARGEST_INLINE {
        return Err(checks::limit(format!(
            "Maximum policy size of {LARGEST_INLINE} bytes exceeded for role {role_name}"
        )));
    }
    find_mut(world, call, &role_name)?.inline.insert(policy_name, policy_document);
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfRolePolicy {
    role_name: String,
    policy_name: String,
}

pub(super) fn get_role_policy(world: &mut World, call: &Call, input: OfRolePolicy) -> Answer {
    checks::name("policyName", &input.policy_name, 128)?;
    let role = find(world, call, &input.role_name)?;
    let document = role.inline.get(&input.policy_name).ok_or_else(|| no_policy(&input.policy_name))?;
    Ok(json!({
        "RoleName": input.role_name,
        "PolicyName": input.policy_name,
        "PolicyDocument": checks::encoded(document),
    })
    .into())
}

fn no_policy(name: &str) -> crate::sandbox::refusal::Refusal {
    checks::no_such(format!("The role policy with name {name} cannot be found."))
}

pub(super) fn list_role_policies(world: &mut World, call: &Call, input: ListOfRole) -> Answer {
    let names = find(world, call, &input.role_name)?.inline.keys().map(|name| (name.clone(), name));
    let page = checks::page(names, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("PolicyNames", page).into())
}

pub(super) fn delete_role_policy(world: &mut World, call: &Call, input: OfRolePolicy) -> Answer {
    checks::name("policyName", &input.policy_name, 128)?;
    let role = find_mut(world, call, &input.role_name)?;
    role.inline.remove(&input.policy_name).ok_or_else(|| no_policy(&input.policy_name))?;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AttachedPolicy {
    role_name: String,
    policy_arn: String,
}

pub(super) fn attach_role_policy(world: &mut World, call: &Call, input: AttachedPolicy) -> Answer {
    let AttachedPolicy { role_name, policy_arn } = input;
    checks::policy_arn(&policy_arn)?;
    let role = find(world, call, &role_name)?;
    if policies::by_arn(world, call.caller.account(), &policy_arn).is_none() {
        return Err(checks::no_such(format!("Policy {policy_arn} does not exist or is not attachable.")));
    }
    if role.attached.len() >= MOST_ATTACHED && !role.attached.contains(&policy_arn) {
        return Err(checks::limit(format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")));
    }
    find_mut(world, call, &role_name)?.attached.insert(policy_arn);
    Ok(Reply::empty())
}

pub(super) fn detach_role_policy(world: &mut World, call: &Call, input: AttachedPolicy) -> Answer {
    checks::policy_arn(&input.policy_arn)?;
    let role = find_mut(world, call, &input.role_name)?;
    if !role.attached.remove(&input.policy_arn) {
        return Err(checks::no_such(format!("Policy {} was not found.", input.policy_arn)));
    }
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListAttachedRolePolicies {
    role_name: String,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_attached_role_policies(
    world: &mut World,
    call: &Call,
    input: ListAttachedRolePolicies,
) -> Answer {
    let prefix = checks::path_prefix(input.path_prefix)?;
    let role = find(world, call, &input.role_name)?;
    let attached = role
        .attached
        .iter()
        .filter_map(|arn| policies::by_arn(world, call.caller.account(), arn))
        .filter(|policy| policy.path.starts_with(&prefix))
        .map(|policy| (policy.arn.clone(), json!({ "PolicyName": policy.name, "PolicyArn": policy.arn })));
    let page = checks::page(attached, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("AttachedPolicies", page).into())
}
