//! The versions of managed policies: five at most, of which one counts.

use serde::Deserialize;
use serde_json::{Value, json};

use super::checks;
use super::policies::{ListOfPolicy, ManagedPolicy, Version, check_document, find, find_mut, version_id};
use crate::sandbox::call::Call;
use crate::sandbox::clock::iso;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::Flag;
use crate::sandbox::world::World;

const MOST_VERSIONS: usize = 5;

fn shown(policy: &ManagedPolicy, number: u32, version: &Version) -> Value {
    json!({
        "VersionId": version_id(number),
        "IsDefaultVersion": number == policy.default,
        "CreateDate": iso(version.created),
    })
}

fn read_version_id(text: &str) -> Result<u32, Refusal> {
    let number = text.strip_prefix('v').and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| {
        let rule = "Member must satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?";
        checks::constraint("versionId", text, rule)
    })
}

fn no_version(arn: &str, version: &str) -> Refusal {
    checks::no_such(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfVersion {
    policy_arn: String,
    version_id: String,
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
    let made = shown(policy, policy.newest, &version);
    policy.versions.insert(policy.newest, version);
    Ok(json!({ "PolicyVersion": made }).into())
}

pub(super) fn get_policy_version(world: &mut World, call: &Call, input: OfVersion) -> Answer {
    let number = read_version_id(&input.version_id)?;
    let policy = find(world, call, &input.policy_arn)?;
    let version =
        policy.versions.get(&number).ok_or_else(|| no_version(&input.policy_arn, &input.version_id))?;
    let mut found = shown(&policy, number, version);
    found["Document"] = json!(checks::encoded(&version.document));
    Ok(json!({ "PolicyVersion": found }).into())
}

pub(super) fn list_policy_versions(world: &mut World, call: &Call, input: ListOfPolicy) -> Answer {
    let policy = find(world, call, &input.policy_arn)?;
    // The newest come first: the keys of the pages count backwards.
    let versions =
        policy.versions.iter().rev().map(|(number, version)| {
            (format!("{:010}", u32::MAX - number), shown(&policy, *number, version))
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
}
