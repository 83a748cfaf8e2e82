"""IAM: instance profiles."""

import re

from conformance.checks import DIFFERS, check
from conformance.given import account, profile, role

ADD = "IAM API Reference, AddRoleToInstanceProfile"


@check(
    "iam",
    "an instance profile is described as it was made",
    moto=DIFFERS,
    aws="IAM API Reference, CreateInstanceProfile: InstanceProfileName, InstanceProfileId (AIPA…), Arn, Path, no roles",
)
def _(c):
    made = profile(c)
    name = made["InstanceProfileName"]
    found = c.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    c.same(found["Arn"], f"arn:aws:iam::{account(c)}:instance-profile/{name}", "Arn")
    c.same((found["Path"], found["Roles"]), ("/", []))
    c.holds(re.fullmatch(r"AIPA[A-Z0-9]{12,}", found["InstanceProfileId"]), "the id has another form")
    c.holds(found["CreateDate"], "no CreateDate")


@check(
    "iam",
    "an instance profile's name is its own",
    aws="IAM API Reference, CreateInstanceProfile: EntityAlreadyExists (409)",
)
def _(c):
    name = profile(c)["InstanceProfileName"]
    c.refused(
        "EntityAlreadyExists",
        c.iam.create_instance_profile,
        status=409,
        InstanceProfileName=name,
        message=f"Instance Profile {name} already exists.",
    )


@check(
    "iam",
    "a missing instance profile is NoSuchEntity",
    moto=DIFFERS,
    aws="IAM API Reference, GetInstanceProfile: NoSuchEntity (404)",
)
def _(c):
    name = c.name("none")
    c.refused(
        "NoSuchEntity",
        c.iam.get_instance_profile,
        status=404,
        InstanceProfileName=name,
        message=f"Instance Profile {name} cannot be found.",
    )
    c.refused("NoSuchEntity", c.iam.delete_instance_profile, status=404, InstanceProfileName=name)
    c.refused(
        "NoSuchEntity",
        c.iam.add_role_to_instance_profile,
        status=404,
        InstanceProfileName=name,
        RoleName=role(c)["RoleName"],
    )


@check(
    "iam",
    "an instance profile shows its role",
    aws="IAM API Reference, GetInstanceProfile: Roles, with the role's details",
)
def _(c):
    made = role(c)
    name = profile(c, made["RoleName"])["InstanceProfileName"]
    [found] = c.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    c.same((found["RoleName"], found["Arn"], found["RoleId"]), (made["RoleName"], made["Arn"], made["RoleId"]))
    c.same(found["AssumeRolePolicyDocument"], made["AssumeRolePolicyDocument"], "the trust policy")


@check(
    "iam",
    "an instance profile has one role",
    aws=f"{ADD}: a profile can contain only one role; LimitExceeded (409)",
)
def _(c):
    name = profile(c, role(c)["RoleName"])["InstanceProfileName"]
    c.refused(
        "LimitExceeded",
        c.iam.add_role_to_instance_profile,
        status=409,
        InstanceProfileName=name,
        RoleName=role(c)["RoleName"],
    )


@check("iam", "a missing role is not added to a profile", aws=f"{ADD}: NoSuchEntity (404)")
def _(c):
    c.refused(
        "NoSuchEntity",
        c.iam.add_role_to_instance_profile,
        status=404,
        RoleName=c.name("none"),
        InstanceProfileName=profile(c)["InstanceProfileName"],
    )


@check(
    "iam",
    "an instance profile with a role is not deleted",
    aws="IAM API Reference, DeleteInstanceProfile: the role must be removed first; DeleteConflict (409)",
)
def _(c):
    made = role(c)["RoleName"]
    name = profile(c, made)["InstanceProfileName"]
    c.refused(
        "DeleteConflict",
        c.iam.delete_instance_profile,
        status=409,
        InstanceProfileName=name,
        message="Cannot delete entity, must remove roles from instance profile first.",
    )
    c.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=made)
    c.iam.delete_instance_profile(InstanceProfileName=name)
    c.until_refused("NoSuchEntity", c.iam.get_instance_profile, InstanceProfileName=name)


@check(
    "iam",
    "a role that is not in the profile is not removed from it",
    moto=DIFFERS,
    aws="IAM API Reference, RemoveRoleFromInstanceProfile: NoSuchEntity (404)",
)
def _(c):
    c.refused(
        "NoSuchEntity",
        c.iam.remove_role_from_instance_profile,
        status=404,
        RoleName=role(c)["RoleName"],
        InstanceProfileName=profile(c)["InstanceProfileName"],
    )


@check("iam", "a role knows its instance profiles", aws="IAM API Reference, ListInstanceProfilesForRole")
def _(c):
    made = role(c)["RoleName"]
    name = profile(c, made)["InstanceProfileName"]
    found = c.iam.list_instance_profiles_for_role(RoleName=made)["InstanceProfiles"]
    c.same([one["InstanceProfileName"] for one in found], [name])


@check(
    "iam",
    "instance profiles are listed by path and in pages",
    moto=DIFFERS,
    aws="IAM API Reference, ListInstanceProfiles: PathPrefix, MaxItems, Marker, IsTruncated",
)
def _(c):
    path = f"/{c.name('path')}/"
    made = {profile(c, Path=path)["InstanceProfileName"] for _ in range(3)}
    first = c.iam.list_instance_profiles(PathPrefix=path, MaxItems=2)
    c.same((len(first["InstanceProfiles"]), first["IsTruncated"]), (2, True), "the first page")
    second = c.iam.list_instance_profiles(PathPrefix=path, MaxItems=2, Marker=first["Marker"])
    c.same(second["IsTruncated"], False, "IsTruncated of the second page")
    seen = {one["InstanceProfileName"] for one in first["InstanceProfiles"] + second["InstanceProfiles"]}
    c.same(seen, made)


@check(
    "iam",
    "an instance profile has tags",
    aws="IAM API Reference, CreateInstanceProfile, TagInstanceProfile and UntagInstanceProfile",
)
def _(c):
    name = profile(c, Tags=[{"Key": "a", "Value": "1"}])["InstanceProfileName"]
    c.iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "b", "Value": "2"}])
    found = c.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Tags"]
    c.same({tag["Key"]: tag["Value"] for tag in found}, {"a": "1", "b": "2"}, "the tags")
    c.iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["a"])
    found = c.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Tags"]
    c.same(found, [{"Key": "b", "Value": "2"}], "the tags left")


@check(
    "iam",
    "an instance profile's name has only certain characters",
    moto=DIFFERS,
    aws="IAM API Reference, CreateInstanceProfile: the name matches [\\w+=,.@-]+; ValidationError (400)",
)
def _(c):
    c.refused("ValidationError", c.iam.create_instance_profile, status=400, InstanceProfileName="a profile")
