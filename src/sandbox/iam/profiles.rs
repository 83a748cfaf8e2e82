//! Instance profiles: each holds at most one role, which the instances that have the profile act as.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::authorize;
use super::roles::{self, ListOfRole, Role};
use super::{access, account_and_name, checks, has_arrived, key};
use crate::sandbox::call::Call;
use crate::sandbox::clock::iso;
use crate::sandbox::fault::Kind;
use crate::sandbox::ids;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{Tag, Tags};
use crate::sandbox::wire::Number;
use crate::sandbox::world::World;

/// An instance profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InstanceProfile {
    name: String,
    path: String,
    id: String,
    arn: String,
    created: Timestamp,
    /// When it was made, or was given its role.
    changed: Timestamp,
    /// The name of its role, which is of the same account.
    role: Option<String>,
    tags: Tags,
}

impl InstanceProfile {
    fn shown(&self, world: &World, account: &str) -> Value {
        let role = self.role.as_ref().and_then(|name| world.iam.role(account, name));
        let roles: Vec<Value> = role.into_iter().map(Role::shown).collect();
        json!({
            "Path": self.path,
            "InstanceProfileName": self.name,
            "InstanceProfileId": self.id,
            "Arn": self.arn,
            "CreateDate": iso(self.created),
            "Roles": roles,
        })
    }
}

/// An instance profile, as EC2 needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) role_arn: Option<String>,
}

/// The profile of an account by its name or ARN; `None` when there is none, or it has not reached EC2 yet.
pub(crate) fn profile(world: &World, account: &str, name_or_arn: &str, now: Timestamp) -> Option<Profile> {
    let by_arn = account_and_name(name_or_arn).filter(|_| name_or_arn.starts_with("arn:"));
    let name = by_arn.map_or(name_or_arn, |(_, name)| name);
    let profile = world.iam.profiles.get(&key(account, name))?;
    if (by_arn.is_some() && profile.arn != name_or_arn) || !has_arrived(world.pace, profile.changed, now) {
        return None;
    }
    let role = profile.role.as_ref().and_then(|role| world.iam.role(account, role));
    let role_arn = role.map(|role| role.arn.clone());
    Some(Profile { arn: profile.arn.clone(), id: profile.id.clone(), role_arn })
}

/// The profiles that hold a role.
pub(super) fn of_role<'a>(world: &'a World, role: &'a Role) -> impl Iterator<Item = &'a InstanceProfile> {
    let account = super::account_of(&role.arn).unwrap_or_default();
    let profiles: Vec<_> = world.iam.profiles.under(&key(account, "")).map(|(_, profile)| profile).collect();
    profiles.into_iter().filter(|profile| profile.role.as_ref() == Some(&role.name))
}

/// The ARN of the profile that a call is about, by its name and the path if it says one.
pub(super) fn resource(call: &Call, input: &Value) -> String {
    let name = input["InstanceProfileName"].as_str().unwrap_or("*");
    arn(call.caller.account(), input["Path"].as_str().unwrap_or("/"), name)
}

fn arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:instance-profile{path}{name}")
}

fn no_profile(name: &str) -> Refusal {
    checks::no_such(format!("Instance Profile {name} cannot be found."))
}

fn find<'a>(world: &'a World, call: &Call, name: &str) -> Result<&'a InstanceProfile, Refusal> {
    checks::name("instanceProfileName", name, 128)?;
    world.iam.profiles.get(&key(call.caller.account(), name)).ok_or_else(|| no_profile(name))
}

fn find_mut<'a>(world: &'a mut World, call: &Call, name: &str) -> Result<&'a mut InstanceProfile, Refusal> {
    find(world, call, name)?;
    world.iam.profiles.get_mut(&key(call.caller.account(), name)).ok_or_else(|| no_profile(name))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfProfile {
    instance_profile_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateInstanceProfile {
    instance_profile_name: String,
    path: Option<String>,
    #[serde(default, deserialize_with = "checks::list")]
    tags: Vec<Tag>,
}

pub(super) fn create_instance_profile(
    world: &mut World,
    call: &Call,
    input: CreateInstanceProfile,
) -> Answer {
    let account = call.caller.account();
    let name = input.instance_profile_name;
    checks::name("instanceProfileName", &name, 128)?;
    let path = checks::path(input.path)?;
    let tags = checks::tag(&Tags::new(), &input.tags)?;
    let is_taken = |profile: &InstanceProfile| profile.name.eq_ignore_ascii_case(&name);
    if world.iam.profiles.under(&key(account, "")).any(|(_, profile)| is_taken(profile)) {
        return Err(checks::exists(format!("Instance Profile {name} already exists.")));
    }
    let profile = InstanceProfile {
        arn: arn(account, &path, &name),
        id: ids::iam("AIPA", 21),
        created: call.now,
        changed: call.now,
        role: None,
        tags,
        path,
        name,
    };
    let mut shown = profile.shown(world, account);
    shown["Tags"] = json!(checks::shown_tags(&profile.tags));
    world.iam.profiles.insert(key(account, &profile.name), profile);
    Ok(json!({ "InstanceProfile": shown }).into())
}

pub(super) fn get_instance_profile(world: &mut World, call: &Call, input: OfProfile) -> Answer {
    let profile = find(world, call, &input.instance_profile_name)?;
    let mut shown = profile.shown(world, call.caller.account());
    shown["Tags"] = crate::sandbox::tags::list(&profile.tags);
    Ok(json!({ "InstanceProfile": shown }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListInstanceProfiles {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_instance_profiles(world: &mut World, call: &Call, input: ListInstanceProfiles) -> Answer {
    let account = call.caller.account();
    let prefix = checks::path_prefix(input.path_prefix)?;
    let of_account = key(account, "");
    let profiles = world
        .iam
        .profiles
        .under(&of_account)
        .filter(|(_, profile)| profile.path.starts_with(&prefix))
        .map(|(_, profile)| (profile.name.clone(), profile.shown(world, account)));
    let page = checks::page(profiles, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("InstanceProfiles", page).into())
}

pub(super) fn list_instance_profiles_for_role(world: &mut World, call: &Call, input: ListOfRole) -> Answer {
    let role = roles::find(world, call, &input.role_name)?;
    let profiles = of_role(world, role)
        .map(|profile| (profile.name.clone(), profile.shown(world, call.caller.account())));
    let page = checks::page(profiles, input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("InstanceProfiles", page).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RoleOfProfile {
    instance_profile_name: String,
    role_name: String,
}

pub(super) fn add_role_to_instance_profile(world: &mut World, call: &Call, input: RoleOfProfile) -> Answer {
    let profile = find(world, call, &input.instance_profile_name)?;
    let role = roles::find(world, call, &input.role_name)?;
    authorize(world, &call.caller, "iam:PassRole", &role.arn, call.now)
        .map_err(|_| access::denial(call, "iam:PassRole", &role.arn))?;
    if profile.role.is_some() {
        return Err(checks::limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
    }
    let profile = find_mut(world, call, &input.instance_profile_name)?;
    profile.role = Some(input.role_name);
    profile.changed = call.now;
    Ok(Reply::empty())
}

pub(super) fn remove_role_from_instance_profile(
    world: &mut World,
    call: &Call,
    input: RoleOfProfile,
) -> Answer {
    checks::name("roleName", &input.role_name, 64)?;
    let profile = find_mut(world, call, &input.instance_profile_name)?;
    if profile.role.as_ref() != Some(&input.role_name) {
        return Err(checks::no_such(format!(
            "The role with name {} cannot be found in instance profile {}.",
            input.role_name, input.instance_profile_name
        )));
    }
    profile.role = None;
    Ok(Reply::empty())
}

pub(super) fn delete_instance_profile(world: &mut World, call: &Call, input: OfProfile) -> Answer {
    if find(world, call, &input.instance_profile_name)?.role.is_some() {
        return Err(checks::conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    if !world.faults.strikes(Kind::StuckDelete, "iam", "DeleteInstanceProfile") {
        world.iam.profiles.remove(&key(call.caller.account(), &input.instance_profile_name));
    }
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagInstanceProfile {
    instance_profile_name: String,
    #[serde(deserialize_with = "checks::list")]
    tags: Vec<Tag>,
}

pub(super) fn tag_instance_profile(world: &mut World, call: &Call, input: TagInstanceProfile) -> Answer {
    let tags = checks::tag(&find(world, call, &input.instance_profile_name)?.tags, &input.tags)?;
    find_mut(world, call, &input.instance_profile_name)?.tags = tags;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagInstanceProfile {
    instance_profile_name: String,
    #[serde(deserialize_with = "checks::list")]
    tag_keys: Vec<String>,
}

pub(super) fn untag_instance_profile(world: &mut World, call: &Call, input: UntagInstanceProfile) -> Answer {
    checks::untag(&mut find_mut(world, call, &input.instance_profile_name)?.tags, &input.tag_keys);
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListInstanceProfileTags {
    instance_profile_name: String,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_instance_profile_tags(
    world: &mut World,
    call: &Call,
    input: ListInstanceProfileTags,
) -> Answer {
    let tags = &find(world, call, &input.instance_profile_name)?.tags;
    Ok(checks::listed_tags(tags, input.marker.as_deref(), input.max_items)?.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::trial::Trial;

    fn with_role(names: &[&str]) -> Trial {
        let mut trial = Trial::new();
        let trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                           "Principal": { "Service": "ec2.amazonaws.com" } } });
        for name in names {
            let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
            trial.ask("iam", "CreateRole", role).expect("a new role");
        }
        trial
    }

    fn both(role: &str) -> Value {
        json!({ "InstanceProfileName": "host", "RoleName": role })
    }

    #[test]
    fn a_profile_holds_one_role_and_stays_while_it_does() {
        let mut trial = with_role(&["one", "two"]);
        let name = json!({ "InstanceProfileName": "host" });
        trial.ask("iam", "CreateInstanceProfile", name.clone()).expect("a new profile");
        assert_eq!(trial.refused("iam", "CreateInstanceProfile", name.clone()), "EntityAlreadyExists");
        trial.ask("iam", "AddRoleToInstanceProfile", both("one")).expect("added");
        assert_eq!(trial.refused("iam", "AddRoleToInstanceProfile", both("two")), "LimitExceeded");
        assert_eq!(trial.refused("iam", "DeleteInstanceProfile", name.clone()), "DeleteConflict");
        assert_eq!(trial.refused("iam", "DeleteRole", json!({ "RoleName": "one" })), "DeleteConflict");
        let found = trial.ask("iam", "GetInstanceProfile", name.clone()).expect("the profile");
        assert_eq!(found["InstanceProfile"]["Roles"][0]["RoleName"], "one");
        let of_role = json!({ "RoleName": "one" });
        let listed = trial.ask("iam", "ListInstanceProfilesForRole", of_role).expect("a list");
        assert_eq!(listed["InstanceProfiles"][0]["InstanceProfileName"], "host");
        assert_eq!(trial.refused("iam", "RemoveRoleFromInstanceProfile", both("two")), "NoSuchEntity");
        trial.ask("iam", "RemoveRoleFromInstanceProfile", both("one")).expect("removed");
        trial.ask("iam", "DeleteInstanceProfile", name.clone()).expect("deleted");
        assert_eq!(trial.refused("iam", "GetInstanceProfile", name), "NoSuchEntity");
    }

    #[test]
    fn a_new_profile_and_a_new_role_in_it_reach_ec2_late() {
        let mut trial = with_role(&["one"]);
        let input = json!({ "InstanceProfileName": "host", "Path": "/hydrant/main/" });
        trial.ask("iam", "CreateInstanceProfile", input).expect("a new profile");
        let seen = |trial: &Trial, name: &str| profile(&trial.world, "123456789012", name, trial.now);
        trial.wait(Duration::from_secs(9));
        assert_eq!(seen(&trial, "host"), None);
        trial.wait(Duration::from_secs(1));
        let arrived = seen(&trial, "host").expect("it has arrived");
        assert_eq!(arrived.role_arn, None);
        trial.ask("iam", "AddRoleToInstanceProfile", both("one")).expect("added");
        assert_eq!(seen(&trial, "host"), None);
        trial.wait(Duration::from_secs(10));
        let arn = "arn:aws:iam::123456789012:instance-profile/hydrant/main/host";
        let arrived = seen(&trial, arn).expect("it has arrived");
        assert_eq!(arrived.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/one"));
        assert_eq!(seen(&trial, "arn:aws:iam::123456789012:instance-profile/host"), None, "another path");
    }
}
