//! IAM: roles, their policies, instance profiles; and whether a call is allowed.
//!
//! IAM is global: its rows belong to an account alone, and their keys are `account/name`. There is one user, the
//! account's operator, who may do everything; whoever else calls is a session of a role and may do what the role's
//! policies allow. IAM itself sees a change at once; the other services see a new role or profile only after a while.
//!
//! ```text
//! roles, role_policies, policies, policy_versions, profiles, users
//!                 the operations
//! simulate        evaluation, for those who want to know beforehand
//! document        a policy as it is written, and what AWS takes
//! pattern         wildcards and policy variables
//! condition       the conditions of a statement
//! evaluate        what policies decide
//! access          whether a caller may do something, and who may take a role
//! sessions        credentials of roles, for a time
//! checks          what names, paths, tags and pages must be like
//! ```

mod access;
mod aws_managed;
mod checks;
mod condition;
mod document;
mod evaluate;
mod pattern;
mod policies;
mod policy_versions;
mod profiles;
mod role_policies;
mod roles;
mod sessions;
mod simulate;
mod users;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock::Pace;
use super::operation::operations;
use super::store::{Kept, Table};

pub(crate) use access::{Assumer, authorize, denial, longest_session, may_assume, role_allows};
pub(crate) use profiles::profile;
pub(crate) use sessions::{
    Session, account_of_key, caller, open_operator_session, open_session, session_of_instance,
};

/// What IAM holds.
#[derive(Debug)]
pub(crate) struct State {
    roles: Table<roles::Role>,
    policies: Table<policies::ManagedPolicy>,
    profiles: Table<profiles::InstanceProfile>,
    /// By their access key.
    sessions: Table<sessions::Row>,
    /// The tokens of the instance metadata service.
    pub(crate) metadata_tokens: Table<MetadataToken>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            roles: Table::new("iam_roles"),
            policies: Table::new("iam_policies"),
            profiles: Table::new("iam_instance_profiles"),
            sessions: Table::new("iam_sessions"),
            metadata_tokens: Table::new("imds_tokens"),
        }
    }
}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        vec![
            &mut self.roles,
            &mut self.policies,
            &mut self.profiles,
            &mut self.sessions,
            &mut self.metadata_tokens,
        ]
    }

    fn role(&self, account: &str, name: &str) -> Option<&roles::Role> {
        self.roles.get(&key(account, name))
    }

    fn role_by_arn(&self, arn: &str) -> Option<&roles::Role> {
        let (account, name) = account_and_name(arn)?;
        self.role(account, name).filter(|role| role.arn == arn)
    }
}

/// A token with which an instance's metadata may be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MetadataToken {
    pub(crate) instance_id: String,
    pub(crate) expires: Timestamp,
}

operations! {
    CreateRole => roles::create_role, on roles::resource;
    GetRole => roles::get_role, on roles::resource;
    ListRoles => roles::list_roles;
    UpdateRole => roles::update_role, on roles::resource;
    UpdateRoleDescription => roles::update_role_description, on roles::resource;
    UpdateAssumeRolePolicy => roles::update_assume_role_policy, on roles::resource;
    PutRolePermissionsBoundary => roles::put_role_permissions_boundary, on roles::resource;
    DeleteRolePermissionsBoundary => roles::delete_role_permissions_boundary, on roles::resource;
    DeleteRole => roles::delete_role, on roles::resource;
    TagRole => roles::tag_role, on roles::resource;
    UntagRole => roles::untag_role, on roles::resource;
    ListRoleTags => roles::list_role_tags, on roles::resource;
    PutRolePolicy => role_policies::put_role_policy, on roles::resource;
    GetRolePolicy => role_policies::get_role_policy, on roles::resource;
    ListRolePolicies => role_policies::list_role_policies, on roles::resource;
    DeleteRolePolicy => role_policies::delete_role_policy, on roles::resource;
    AttachRolePolicy => role_policies::attach_role_policy, on roles::resource;
    DetachRolePolicy => role_policies::detach_role_policy, on roles::resource;
    ListAttachedRolePolicies => role_policies::list_attached_role_policies, on roles::resource;
    CreatePolicy => policies::create_policy, on policies::resource;
    GetPolicy => policies::get_policy, on policies::resource;
    ListPolicies => policies::list_policies;
    DeletePolicy => policies::delete_policy, on policies::resource;
    CreatePolicyVersion => policy_versions::create_policy_version, on policies::resource;
    GetPolicyVersion => policy_versions::get_policy_version, on policies::resource;
    ListPolicyVersions => policy_versions::list_policy_versions, on policies::resource;
    SetDefaultPolicyVersion => policy_versions::set_default_policy_version, on policies::resource;
    DeletePolicyVersion => policy_versions::delete_policy_version, on policies::resource;
    ListEntitiesForPolicy => policies::list_entities_for_policy, on policies::resource;
    TagPolicy => policies::tag_policy, on policies::resource;
    UntagPolicy => policies::untag_policy, on policies::resource;
    ListPolicyTags => policies::list_policy_tags, on policies::resource;
    CreateInstanceProfile => profiles::create_instance_profile, on profiles::resource;
    GetInstanceProfile => profiles::get_instance_profile, on profiles::resource;
    ListInstanceProfiles => profiles::list_instance_profiles;
    ListInstanceProfilesForRole => profiles::list_instance_profiles_for_role, on roles::resource;
    AddRoleToInstanceProfile => profiles::add_role_to_instance_profile, on profiles::resource;
    RemoveRoleFromInstanceProfile => profiles::remove_role_from_instance_profile, on profiles::resource;
    DeleteInstanceProfile => profiles::delete_instance_profile, on profiles::resource;
    TagInstanceProfile => profiles::tag_instance_profile, on profiles::resource;
    UntagInstanceProfile => profiles::untag_instance_profile, on profiles::resource;
    ListInstanceProfileTags => profiles::list_instance_profile_tags, on profiles::resource;
    SimulatePrincipalPolicy => simulate::simulate_principal_policy;
    SimulateCustomPolicy => simulate::simulate_custom_policy;
    GetUser => users::get_user;
    ListAccountAliases => users::list_account_aliases;
}

/// The account of callers who do not say.
const DEFAULT_ACCOUNT: &str = "123456789012";

/// How long a new role or profile takes to reach the services that are to use it.
const REACHES_SERVICES: std::time::Duration = std::time::Duration::from_secs(10);

/// Whether what was made or changed at `since` has reached the other services.
fn has_arrived(pace: Pace, since: Timestamp, now: Timestamp) -> bool {
    pace.after(since, REACHES_SERVICES) <= now
}

fn key(account: &str, name: &str) -> String {
    format!("{account}/{name}")
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

/// The account in an ARN, and the name behind whatever path.
fn account_and_name(arn: &str) -> Option<(&str, &str)> {
    let (_, name) = arn.rsplit_once('/')?;
    Some((account_of(arn)?, name))
}
