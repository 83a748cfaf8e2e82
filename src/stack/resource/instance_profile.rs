//! The instance profile: gives the host its role, so that no key is ever put on it.

use async_trait::async_trait;

use super::{Resource, differs, iam_tags, owner_in_iam};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct InstanceProfile;

const ROLE: &str = "role";
const KIND: Kind = Kind::InstanceProfile;

async fn remove_role(stack: &Stack, found: &Found) -> Result<(), StackError> {
    let Some(role) = found.properties.get(ROLE) else { return Ok(()) };
    let request =
        stack.cloud.iam.remove_role_from_instance_profile().instance_profile_name(&found.id).role_name(role);
    if_there(stack.call(KIND, Operation::RemoveRoleFromInstanceProfile, request.send()).await).map(drop)
}

#[async_trait]
impl Resource for InstanceProfile {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default().with(OWNER, &stack.names.stack).with(ROLE, stack.names.of(Kind::InstanceRole)))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(KIND);
        let request = stack.cloud.iam.get_instance_profile().instance_profile_name(name);
        let answer = if_there(stack.call(KIND, Operation::GetInstanceProfile, request.send()).await)?;
        let Some(profile) = answer.and_then(|answer| answer.instance_profile) else { return Ok(None) };
        let owner = owner_in_iam(stack, profile.tags());
        let role = profile.roles().first().map(|role| role.role_name().to_owned());
        let found = Found::ready(name, profile.arn()).made_at(Some(profile.create_date()));
        Ok(Some(found.with(OWNER, owner).with(ROLE, role)))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let request = stack
            .cloud
            .iam
            .create_instance_profile()
            .instance_profile_name(stack.names.of(KIND))
            .path(stack.names.iam_path())
            .set_tags(Some(iam_tags(stack)));
        or_there(stack.call(KIND, Operation::CreateInstanceProfile, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        let iam = &stack.cloud.iam;
        if differs(differences, OWNER) {
            let request =
                iam.tag_instance_profile().instance_profile_name(&found.id).set_tags(Some(iam_tags(stack)));
            stack.call(KIND, Operation::TagInstanceProfile, request.send()).await?;
        }
        if differs(differences, ROLE) {
            // A profile holds one role at most.
            remove_role(stack, found).await?;
            let role = stack.names.of(Kind::InstanceRole);
            let request = iam.add_role_to_instance_profile().instance_profile_name(&found.id).role_name(role);
            or_there(stack.call(KIND, Operation::AddRoleToInstanceProfile, request.send()).await)?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, found: &Found) -> Result<(), StackError> {
        remove_role(stack, found).await?;
        let request = stack.cloud.iam.delete_instance_profile().instance_profile_name(&found.id);
        stack.call(KIND, Operation::DeleteInstanceProfile, request.send()).await.map(drop)
    }
}
