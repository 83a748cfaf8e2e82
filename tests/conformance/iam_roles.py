"""IAM: roles and their trust policies."""

import datetime
import json
import re

from conformance.checks import DIFFERS, check
from conformance.given import account, allow, document, managed_policy, profile, role, trust

CREATE = "IAM API Reference, CreateRole"
TRUST = trust("ec2.amazonaws.com")


@check(
    "iam",
    "a role is described as it was made",
    aws=f"{CREATE}: Role with RoleName, Arn, RoleId, Path, CreateDate and the trust policy",
)
def _(c):
    made = role(c, Description="for a check")
    found = c.iam.get_role(RoleName=made["RoleName"])["Role"]
    c.same(found["Arn"], f"arn:aws:iam::{account(c)}:role/{made['RoleName']}", "Arn")
    c.same((found["Path"], found["Description"], found["MaxSessionDuration"]), ("/", "for a check", 3600))
    c.same(found["RoleId"], made["RoleId"], "RoleId")
    age = datetime.datetime.now(datetime.timezone.utc) - found["CreateDate"]
    c.holds(abs(age.total_seconds()) < 120, "CreateDate is not now")


@check(
    "iam",
    "a role's unique id begins with AROA",
    aws="IAM User Guide, IAM identifiers: unique IDs of roles have the prefix AROA",
)
def _(c):
    c.holds(re.fullmatch(r"AROA[A-Z0-9]{12,}", role(c)["RoleId"]), "the RoleId has another form")


@check(
    "iam",
    "a trust policy is given back as it was put",
    aws="IAM API Reference, GetRole: policies are returned URL-encoded (RFC 3986), as JSON after decoding",
)
def _(c):
    wanted = trust("firehose.amazonaws.com", Condition={"StringEquals": {"sts:ExternalId": "a+b %20 ü"}})
    made = role(c, wanted)
    found = c.iam.get_role(RoleName=made["RoleName"])["Role"]["AssumeRolePolicyDocument"]
    c.same(found, json.loads(wanted))
    c.same(made["AssumeRolePolicyDocument"], json.loads(wanted), "CreateRole's")


@check("iam", "a role's name is its own", aws=f"{CREATE}: EntityAlreadyExists (409)")
def _(c):
    name = role(c)["RoleName"]
    c.refused(
        "EntityAlreadyExists",
        c.iam.create_role,
        status=409,
        RoleName=name,
        AssumeRolePolicyDocument=TRUST,
        message=f"Role with name {name} already exists.",
    )


@check(
    "iam",
    "names of roles differ in more than their case",
    moto=DIFFERS,
    aws=f"{CREATE}: names are not distinguished by case; MyRole and MYROLE cannot both be",
)
def _(c):
    name = role(c)["RoleName"]
    c.refused(
        "EntityAlreadyExists", c.iam.create_role, status=409, RoleName=name.upper(), AssumeRolePolicyDocument=TRUST
    )


@check("iam", "a missing role is NoSuchEntity", moto=DIFFERS, aws="IAM API Reference, GetRole: NoSuchEntity (404)")
def _(c):
    name = c.name("none")
    c.refused(
        "NoSuchEntity",
        c.iam.get_role,
        status=404,
        RoleName=name,
        message=f"The role with name {name} cannot be found.",
    )


@check(
    "iam",
    "everything on a missing role is NoSuchEntity",
    moto=DIFFERS,
    aws="IAM API Reference, each operation on roles: NoSuchEntity (404)",
)
def _(c):
    name = c.name("none")
    arn = managed_policy(c)["Arn"]
    for call, more in [
        (c.iam.delete_role, {}),
        (c.iam.list_role_policies, {}),
        (c.iam.list_attached_role_policies, {}),
        (c.iam.get_role_policy, {"PolicyName": "p"}),
        (c.iam.put_role_policy, {"PolicyName": "p", "PolicyDocument": document(allow("s3:GetObject"))}),
        (c.iam.attach_role_policy, {"PolicyArn": arn}),
        (c.iam.update_assume_role_policy, {"PolicyDocument": TRUST}),
        (c.iam.tag_role, {"Tags": [{"Key": "a", "Value": "1"}]}),
        (c.iam.list_instance_profiles_for_role, {}),
    ]:
        c.refused("NoSuchEntity", call, status=404, RoleName=name, **more)


@check(
    "iam",
    "a role's name has only certain characters",
    moto=DIFFERS,
    aws=f"{CREATE}: RoleName matches [\\w+=,.@-]+; otherwise ValidationError (400)",
)
def _(c):
    c.refused("ValidationError", c.iam.create_role, status=400, RoleName="a role", AssumeRolePolicyDocument=TRUST)
    c.refused("ValidationError", c.iam.create_role, status=400, RoleName="a/role", AssumeRolePolicyDocument=TRUST)


@check(
    "iam",
    "a role's name has at most 64 characters",
    moto=DIFFERS,
    aws=f"{CREATE}: RoleName of 1 to 64 characters; ValidationError (400)",
)
def _(c):
    c.refused("ValidationError", c.iam.create_role, status=400, RoleName="r" * 65, AssumeRolePolicyDocument=TRUST)


def malformed_trust(title, text, moto=None):
    @check(
        "iam",
        f"a trust policy {title} is malformed",
        moto=moto,
        aws=f"{CREATE}: MalformedPolicyDocument (400); IAM JSON policy reference: what a trust policy must hold",
    )
    def _(c):
        c.refused(
            "MalformedPolicyDocument",
            c.iam.create_role,
            status=400,
            RoleName=c.name("role"),
            AssumeRolePolicyDocument=text,
        )


malformed_trust("that is no JSON", "{ not json", DIFFERS)
malformed_trust("without a principal", document({"Effect": "Allow", "Action": "sts:AssumeRole"}), DIFFERS)
malformed_trust(
    "with a resource",
    document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Resource": "*",
        }
    ),
    DIFFERS,
)
malformed_trust(
    "without an action", document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}), DIFFERS
)
malformed_trust(
    "that neither allows nor denies",
    document({"Effect": "Perhaps", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
    DIFFERS,
)
malformed_trust(
    "with a version that is none",
    json.dumps(
        {
            "Version": "2020-01-01",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
    DIFFERS,
)


@check(
    "iam",
    "a role may have a path",
    aws=f"{CREATE}: Path begins and ends with / and is a part of the ARN; ListRoles takes PathPrefix",
)
def _(c):
    path = f"/{c.name('path')}/"
    made = role(c, Path=path)
    role(c)
    c.same(made["Arn"], f"arn:aws:iam::{account(c)}:role{path}{made['RoleName']}", "Arn")
    found = c.iam.list_roles(PathPrefix=path)["Roles"]
    c.same([one["RoleName"] for one in found], [made["RoleName"]], "the roles of the path")


@check(
    "iam",
    "a session's longest duration is from one to twelve hours",
    moto=DIFFERS,
    aws=f"{CREATE}: MaxSessionDuration is from 3,600 to 43,200 seconds; ValidationError (400)",
)
def _(c):
    made = role(c, MaxSessionDuration=43_200)
    c.same(c.iam.get_role(RoleName=made["RoleName"])["Role"]["MaxSessionDuration"], 43_200)
    for wrong in (3599, 43_201):
        c.refused(
            "ValidationError",
            c.unchecked("iam").create_role,
            status=400,
            RoleName=c.name("role"),
            AssumeRolePolicyDocument=TRUST,
            MaxSessionDuration=wrong,
        )


@check(
    "iam",
    "a trust policy can be replaced",
    aws="IAM API Reference, UpdateAssumeRolePolicy: replaces the trust policy",
)
def _(c):
    name = role(c)["RoleName"]
    wanted = trust("firehose.amazonaws.com")
    c.iam.update_assume_role_policy(RoleName=name, PolicyDocument=wanted)
    c.same(c.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"], json.loads(wanted))


@check(
    "iam",
    "a trust policy is not replaced by a malformed one",
    aws="IAM API Reference, UpdateAssumeRolePolicy: MalformedPolicyDocument (400)",
)
def _(c):
    name = role(c)["RoleName"]
    c.refused(
        "MalformedPolicyDocument",
        c.iam.update_assume_role_policy,
        status=400,
        RoleName=name,
        PolicyDocument="{ not json",
    )
    c.same(c.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"], json.loads(TRUST))


@check("iam", "a role can be updated", aws="IAM API Reference, UpdateRole: Description and MaxSessionDuration")
def _(c):
    name = role(c)["RoleName"]
    c.iam.update_role(RoleName=name, Description="new", MaxSessionDuration=7200)
    found = c.iam.get_role(RoleName=name)["Role"]
    c.same((found["Description"], found["MaxSessionDuration"]), ("new", 7200))


@check(
    "iam",
    "a role with an inline policy is not deleted",
    aws="IAM API Reference, DeleteRole: DeleteConflict (409); inline policies must be deleted first",
)
def _(c):
    name = role(c, policy=document(allow("s3:GetObject")))["RoleName"]
    c.refused(
        "DeleteConflict",
        c.iam.delete_role,
        status=409,
        RoleName=name,
        message="Cannot delete entity, must delete policies first.",
    )


@check(
    "iam",
    "a role with an attached policy is not deleted",
    aws="IAM API Reference, DeleteRole: DeleteConflict (409); managed policies must be detached first",
)
def _(c):
    name = role(c)["RoleName"]
    arn = managed_policy(c)["Arn"]
    c.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    c.later(c.iam.detach_role_policy, RoleName=name, PolicyArn=arn)
    c.refused(
        "DeleteConflict",
        c.iam.delete_role,
        status=409,
        RoleName=name,
        message="Cannot delete entity, must detach all policies first.",
    )


@check(
    "iam",
    "a role in an instance profile is not deleted",
    aws="IAM API Reference, DeleteRole: DeleteConflict (409); the role must be removed from instance profiles first",
)
def _(c):
    name = role(c)["RoleName"]
    profile(c, name)
    c.refused(
        "DeleteConflict",
        c.iam.delete_role,
        status=409,
        RoleName=name,
        message="Cannot delete entity, must remove roles from instance profile first.",
    )


@check("iam", "a deleted role is gone", aws="IAM API Reference, DeleteRole; GetRole then gives NoSuchEntity")
def _(c):
    name = role(c)["RoleName"]
    c.iam.delete_role(RoleName=name)
    c.until_refused("NoSuchEntity", c.iam.get_role, RoleName=name)
    c.refused("NoSuchEntity", c.iam.delete_role, status=404, RoleName=name)


@check(
    "iam",
    "a role made again is another role",
    aws="IAM User Guide, IAM identifiers: a new role of the same name has another unique ID",
)
def _(c):
    made = role(c)
    c.iam.delete_role(RoleName=made["RoleName"])
    again = c.while_refused(
        "EntityAlreadyExists", c.iam.create_role, RoleName=made["RoleName"], AssumeRolePolicyDocument=TRUST
    )["Role"]
    c.holds(again["RoleId"] != made["RoleId"], "both have one RoleId")


@check("iam", "roles are listed in pages", aws="IAM API Reference, ListRoles: MaxItems, Marker and IsTruncated")
def _(c):
    path = f"/{c.name('path')}/"
    made = {role(c, Path=path)["RoleName"] for _ in range(3)}
    first = c.iam.list_roles(PathPrefix=path, MaxItems=2)
    c.same((len(first["Roles"]), first["IsTruncated"]), (2, True), "the first page")
    second = c.iam.list_roles(PathPrefix=path, MaxItems=2, Marker=first["Marker"])
    c.same((len(second["Roles"]), second["IsTruncated"]), (1, False), "the second page")
    c.same({one["RoleName"] for one in first["Roles"] + second["Roles"]}, made, "the roles")


@check("iam", "a role is made with tags", aws=f"{CREATE}: Tags; GetRole gives them back")
def _(c):
    wanted = [{"Key": "Owner", "Value": "me + you"}]
    name = role(c, Tags=wanted)["RoleName"]
    c.same(c.iam.get_role(RoleName=name)["Role"]["Tags"], wanted)
    c.same(c.iam.list_role_tags(RoleName=name)["Tags"], wanted, "ListRoleTags'")


@check(
    "iam",
    "a list of roles does not show their tags",
    aws="IAM API Reference, ListRoles: does not return tags, even though they are attributes of the role",
)
def _(c):
    path = f"/{c.name('path')}/"
    role(c, Path=path, Tags=[{"Key": "a", "Value": "1"}])
    c.holds("Tags" not in c.iam.list_roles(PathPrefix=path)["Roles"][0], "there are tags")


@check(
    "iam",
    "a role's tags are added, replaced and removed",
    aws="IAM API Reference, TagRole: a tag of the same key is overwritten; UntagRole removes keys",
)
def _(c):
    name = role(c, Tags=[{"Key": "a", "Value": "1"}])["RoleName"]
    c.iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    found = {tag["Key"]: tag["Value"] for tag in c.iam.list_role_tags(RoleName=name)["Tags"]}
    c.same(found, {"a": "2", "b": ""}, "the tags")
    c.iam.untag_role(RoleName=name, TagKeys=["a", "none"])
    c.same(c.iam.list_role_tags(RoleName=name)["Tags"], [{"Key": "b", "Value": ""}], "the tags left")


@check(
    "iam",
    "a role's tag key stands once",
    aws="IAM API Reference, TagRole: InvalidInput (400); Tagging IAM resources: keys are unique and not case-sensitive",
)
def _(c):
    c.refused(
        "InvalidInput",
        c.iam.tag_role,
        status=400,
        RoleName=role(c)["RoleName"],
        Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}],
    )
