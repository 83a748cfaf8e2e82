"""IAM: inline and managed policies."""

import json
import re

from conformance.checks import DIFFERS, check
from conformance.given import account, allow, document, managed_policy, role

PUT = "IAM API Reference, PutRolePolicy"
GRAMMAR = "IAM User Guide, IAM JSON policy element reference"
QUOTAS = "IAM User Guide, IAM and AWS STS quotas"
READ = document(allow("s3:GetObject", "arn:aws:s3:::a-bucket/*"))
WRITE = document(allow(["s3:PutObject"], ["arn:aws:s3:::a-bucket/*"]))
MANAGED_BY_AWS = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


@check(
    "iam",
    "an inline policy is given back as it was put",
    aws="IAM API Reference, GetRolePolicy: RoleName, PolicyName and PolicyDocument, URL-encoded (RFC 3986)",
)
def _(c):
    name = role(c)["RoleName"]
    wanted = document(
        allow("s3:GetObject", "arn:aws:s3:::b/ü+ %2F*", Condition={"Bool": {"aws:SecureTransport": "true"}})
    )
    c.iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=wanted)
    found = c.iam.get_role_policy(RoleName=name, PolicyName="one")
    c.same((found["RoleName"], found["PolicyName"], found["PolicyDocument"]), (name, "one", json.loads(wanted)))


@check("iam", "an inline policy is replaced by its name", aws=f"{PUT}: adds or updates an inline policy")
def _(c):
    name = role(c)["RoleName"]
    c.iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=READ)
    c.iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=WRITE)
    c.same(c.iam.get_role_policy(RoleName=name, PolicyName="one")["PolicyDocument"], json.loads(WRITE))
    c.same(c.iam.list_role_policies(RoleName=name)["PolicyNames"], ["one"])


@check(
    "iam",
    "inline policies are listed in pages",
    moto=DIFFERS,
    aws="IAM API Reference, ListRolePolicies: MaxItems, Marker, IsTruncated",
)
def _(c):
    name = role(c)["RoleName"]
    for policy in ("a", "b", "c"):
        c.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=READ)
    first = c.iam.list_role_policies(RoleName=name, MaxItems=2)
    c.same((len(first["PolicyNames"]), first["IsTruncated"]), (2, True), "the first page")
    second = c.iam.list_role_policies(RoleName=name, MaxItems=2, Marker=first["Marker"])
    c.same(sorted(first["PolicyNames"] + second["PolicyNames"]), ["a", "b", "c"])


@check(
    "iam",
    "a missing inline policy is NoSuchEntity",
    moto=DIFFERS,
    aws="IAM API Reference, GetRolePolicy and DeleteRolePolicy: NoSuchEntity (404)",
)
def _(c):
    name = role(c)["RoleName"]
    c.refused(
        "NoSuchEntity",
        c.iam.get_role_policy,
        status=404,
        RoleName=name,
        PolicyName="none",
        message="The role policy with name none cannot be found.",
    )
    c.refused("NoSuchEntity", c.iam.delete_role_policy, status=404, RoleName=name, PolicyName="none")


@check("iam", "a deleted inline policy is gone", aws="IAM API Reference, DeleteRolePolicy")
def _(c):
    name = role(c, policy=READ)["RoleName"]
    c.iam.delete_role_policy(RoleName=name, PolicyName="inline")
    c.same(c.iam.list_role_policies(RoleName=name)["PolicyNames"], [])


def malformed(title, text, moto=None):
    @check(
        "iam", f"a policy {title} is malformed", moto=moto, aws=f"{PUT}: MalformedPolicyDocument (400); {GRAMMAR}"
    )
    def _(c):
        c.refused(
            "MalformedPolicyDocument",
            c.iam.put_role_policy,
            status=400,
            RoleName=role(c)["RoleName"],
            PolicyName="one",
            PolicyDocument=text,
        )


malformed("that is no JSON", "{ not json")
malformed("that is not an object", "[]")
malformed("without statements", json.dumps({"Version": "2012-10-17"}))
malformed("without a resource", document({"Effect": "Allow", "Action": "s3:GetObject"}))
malformed("without an action", document({"Effect": "Allow", "Resource": "*"}))
malformed(
    "that neither allows nor denies", document({"Effect": "Perhaps", "Action": "s3:GetObject", "Resource": "*"})
)
malformed("without an effect", document({"Action": "s3:GetObject", "Resource": "*"}))
malformed("with a principal", document(allow("s3:GetObject", Principal="*")), DIFFERS)
malformed("whose action names no service", document(allow("GetObject")))
malformed("whose resource is no ARN", document(allow("s3:GetObject", "a-bucket")))
malformed(
    "with a version that is none", json.dumps({"Version": "2020-01-01", "Statement": [allow("s3:GetObject")]})
)
malformed("with both Action and NotAction", document(allow("s3:GetObject", NotAction="s3:PutObject")))


@check(
    "iam",
    "a role's inline policies have 10,240 characters together",
    moto=DIFFERS,
    aws=f"{QUOTAS}: the total of all inline policies of a role is 10,240 characters without white space; LimitExceeded (409)",
)
def _(c):
    large = document(allow("s3:GetObject", [f"arn:aws:s3:::bucket-{number:04}/*" for number in range(400)]))
    c.refused(
        "LimitExceeded",
        c.iam.put_role_policy,
        status=409,
        RoleName=role(c)["RoleName"],
        PolicyName="one",
        PolicyDocument=large,
    )


@check(
    "iam",
    "a managed policy is described as it was made",
    aws="IAM API Reference, CreatePolicy: PolicyName, PolicyId, Arn, Path, DefaultVersionId, AttachmentCount, IsAttachable",
)
def _(c):
    made = managed_policy(c, READ, Description="for a check")
    found = c.iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    c.same(found["Arn"], f"arn:aws:iam::{account(c)}:policy/{made['PolicyName']}", "Arn")
    c.same(
        (found["DefaultVersionId"], found["AttachmentCount"], found["IsAttachable"], found["Path"]),
        ("v1", 0, True, "/"),
    )
    c.same(found["Description"], "for a check", "Description")


@check(
    "iam",
    "a managed policy's unique id begins with ANPA",
    moto=DIFFERS,
    aws="IAM User Guide, IAM identifiers: unique IDs of managed policies have the prefix ANPA",
)
def _(c):
    c.holds(re.fullmatch(r"ANPA[A-Z0-9]{12,}", managed_policy(c)["PolicyId"]), "the PolicyId has another form")


@check(
    "iam", "a managed policy's name is its own", aws="IAM API Reference, CreatePolicy: EntityAlreadyExists (409)"
)
def _(c):
    name = managed_policy(c)["PolicyName"]
    c.refused("EntityAlreadyExists", c.iam.create_policy, status=409, PolicyName=name, PolicyDocument=READ)


@check("iam", "a missing managed policy is NoSuchEntity", aws="IAM API Reference, GetPolicy: NoSuchEntity (404)")
def _(c):
    arn = f"arn:aws:iam::{account(c)}:policy/{c.name('none')}"
    c.refused("NoSuchEntity", c.iam.get_policy, status=404, PolicyArn=arn)
    c.refused("NoSuchEntity", c.iam.delete_policy, status=404, PolicyArn=arn)
    c.refused("NoSuchEntity", c.iam.attach_role_policy, status=404, PolicyArn=arn, RoleName=role(c)["RoleName"])


@check(
    "iam",
    "a malformed managed policy is refused",
    aws="IAM API Reference, CreatePolicy: MalformedPolicyDocument (400)",
)
def _(c):
    c.refused(
        "MalformedPolicyDocument",
        c.iam.create_policy,
        status=400,
        PolicyName=c.name("policy"),
        PolicyDocument=document({"Effect": "Allow", "Action": "s3:GetObject"}),
    )


@check(
    "iam",
    "a managed policy has versions",
    aws="IAM API Reference, CreatePolicyVersion: a new version, which SetAsDefault makes the one in force",
)
def _(c):
    arn = managed_policy(c, READ)["Arn"]
    made = c.iam.create_policy_version(PolicyArn=arn, PolicyDocument=WRITE, SetAsDefault=True)["PolicyVersion"]
    c.same((made["VersionId"], made["IsDefaultVersion"]), ("v2", True), "the new version")
    c.same(c.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v2", "DefaultVersionId")
    found = c.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    c.same((found["Document"], found["IsDefaultVersion"]), (json.loads(READ), False), "the first version")
    c.same(sorted(one["VersionId"] for one in c.iam.list_policy_versions(PolicyArn=arn)["Versions"]), ["v1", "v2"])


@check(
    "iam",
    "a managed policy has at most five versions",
    aws=f"{QUOTAS}: 5 versions of a managed policy; LimitExceeded (409)",
)
def _(c):
    arn = managed_policy(c)["Arn"]
    for _ in range(4):
        c.iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    c.refused("LimitExceeded", c.iam.create_policy_version, status=409, PolicyArn=arn, PolicyDocument=READ)


@check(
    "iam",
    "a version's number is never used again",
    aws="IAM User Guide, Versioning IAM policies: version identifiers grow by one with each version made",
)
def _(c):
    arn = managed_policy(c)["Arn"]
    c.iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    c.iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    made = c.iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)["PolicyVersion"]
    c.same(made["VersionId"], "v3")


@check(
    "iam",
    "the version in force is not deleted",
    aws="IAM API Reference, DeletePolicyVersion: DeleteConflict (409) for the default version",
)
def _(c):
    c.refused(
        "DeleteConflict",
        c.iam.delete_policy_version,
        status=409,
        PolicyArn=managed_policy(c)["Arn"],
        VersionId="v1",
    )


@check(
    "iam",
    "a policy with older versions is not deleted",
    moto=DIFFERS,
    aws="IAM API Reference, DeletePolicy: all versions but the default must be deleted first; DeleteConflict (409)",
)
def _(c):
    arn = managed_policy(c)["Arn"]
    c.iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    c.refused("DeleteConflict", c.iam.delete_policy, status=409, PolicyArn=arn)


@check(
    "iam",
    "an attached policy is listed and counted",
    aws="IAM API Reference, ListAttachedRolePolicies; Policy: AttachmentCount is the number of entities it is attached to",
)
def _(c):
    policy = managed_policy(c)
    name = role(c)["RoleName"]
    c.iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
    found = c.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    c.same(found, [{"PolicyName": policy["PolicyName"], "PolicyArn": policy["Arn"]}])
    c.same(c.iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["AttachmentCount"], 1, "AttachmentCount")


@check(
    "iam",
    "attaching twice is attaching once",
    aws="IAM API Reference, AttachRolePolicy: attaching a policy that is attached succeeds and changes nothing",
)
def _(c):
    arn = managed_policy(c)["Arn"]
    name = role(c)["RoleName"]
    c.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    c.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    c.same(len(c.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]), 1, "the number attached")


@check(
    "iam",
    "detaching what is not attached is NoSuchEntity",
    aws="IAM API Reference, DetachRolePolicy: NoSuchEntity (404)",
)
def _(c):
    c.refused(
        "NoSuchEntity",
        c.iam.detach_role_policy,
        status=404,
        RoleName=role(c)["RoleName"],
        PolicyArn=managed_policy(c)["Arn"],
    )


@check(
    "iam",
    "an attached policy is not deleted",
    moto=DIFFERS,
    aws="IAM API Reference, DeletePolicy: it must be detached from everything first; DeleteConflict (409)",
)
def _(c):
    arn = managed_policy(c)["Arn"]
    name = role(c)["RoleName"]
    c.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    c.refused("DeleteConflict", c.iam.delete_policy, status=409, PolicyArn=arn)
    c.iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    c.iam.delete_policy(PolicyArn=arn)
    c.refused("NoSuchEntity", c.iam.get_policy, PolicyArn=arn)


@check(
    "iam",
    "AWS's own policies are there to attach",
    moto=DIFFERS,
    aws="AWS Managed Policy Reference, AmazonS3ReadOnlyAccess: arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
)
def _(c):
    name = role(c)["RoleName"]
    c.iam.attach_role_policy(RoleName=name, PolicyArn=MANAGED_BY_AWS)
    found = c.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    c.same(found, [{"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": MANAGED_BY_AWS}])


@check("iam", "a policy knows what it is attached to", aws="IAM API Reference, ListEntitiesForPolicy: PolicyRoles")
def _(c):
    arn = managed_policy(c)["Arn"]
    name = role(c)["RoleName"]
    c.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    found = c.iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
    c.same([one["RoleName"] for one in found], [name])
