"""STS: who calls, and what a session of a role may do."""

import datetime

from conformance.checks import DIFFERS, check
from conformance.context import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, Keys
from conformance.given import account, allow, bucket, deny, document, log_group, put, remove_profile, role, trust

ASSUME = "STS API Reference, AssumeRole"
EVALUATION = "IAM User Guide, Policy evaluation logic"


def assume(c, made, **more):
    """A session of a role; it is refused for a while after the role is made."""
    arguments = {"RoleArn": made["Arn"], "RoleSessionName": "a-session", **more}
    return c.while_refused("AccessDenied", c.sts.assume_role, **arguments)


def own_role(c, *statements, **more):
    """A role that everyone of the account may assume."""
    return role(c, trust(account=account(c)), document(*statements) if statements else None, **more)


def session(c, *statements):
    """The keys of a session that may do this much."""
    return Keys.of_session(assume(c, own_role(c, *statements))["Credentials"])


@check(
    "sts",
    "the caller's identity has an account, an ARN and an id",
    aws="STS API Reference, GetCallerIdentity: Account (12 digits), Arn, UserId",
)
def _(c):
    found = c.sts.get_caller_identity()
    c.holds(found["Account"].isdigit() and len(found["Account"]) == 12, "the account has another form")
    c.holds(f"::{found['Account']}:" in found["Arn"], "the account is not in the ARN")
    c.holds(found["UserId"], "no UserId")


@check(
    "sts",
    "the caller is the same in every region",
    aws="STS API Reference, GetCallerIdentity; accounts span all Regions",
)
def _(c):
    c.same(c.client("sts", region=OTHER_REGION).get_caller_identity()["Account"], account(c))


@check(
    "sts",
    "other keys are another account",
    moto=DIFFERS,
    aws="IAM User Guide, Access keys: a key belongs to one user of one account; GetCallerIdentity names it",
)
def _(c):
    c.same(c.client("sts", account=OTHER_ACCOUNT).get_caller_identity()["Account"], OTHER_ACCOUNT)
    c.same(account(c), ACCOUNT)


@check(
    "sts",
    "a role is assumed",
    aws=f"{ASSUME}: Credentials, and AssumedRoleUser with an ARN of assumed-role/role/session",
)
def _(c):
    made = own_role(c)
    answer = assume(c, made)
    user = answer["AssumedRoleUser"]
    c.same(user["Arn"], f"arn:aws:sts::{account(c)}:assumed-role/{made['RoleName']}/a-session", "Arn")
    c.same(user["AssumedRoleId"], f"{made['RoleId']}:a-session", "AssumedRoleId")
    c.holds(answer["Credentials"]["SessionToken"] and answer["Credentials"]["SecretAccessKey"], "no credentials")


@check(
    "sts",
    "a session's key begins with ASIA",
    aws="IAM User Guide, IAM identifiers: temporary access key IDs have the prefix ASIA",
)
def _(c):
    c.holds(assume(c, own_role(c))["Credentials"]["AccessKeyId"].startswith("ASIA"), "another prefix")


def expires_in(c, made, seconds, **more):
    expires = assume(c, made, **more)["Credentials"]["Expiration"]
    left = (expires - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    c.holds(abs(left - seconds) < 60, f"it expires in {left:.0f} s, not {seconds} s")


@check("sts", "a session lasts an hour unless it is said", aws=f"{ASSUME}: DurationSeconds is 3,600 by default")
def _(c):
    expires_in(c, own_role(c), 3600)


@check(
    "sts",
    "a session lasts as long as asked for",
    aws=f"{ASSUME}: DurationSeconds from 900 up to the role's maximum",
)
def _(c):
    expires_in(c, own_role(c, MaxSessionDuration=7200), 7200, DurationSeconds=7200)
    expires_in(c, own_role(c), 900, DurationSeconds=900)


@check(
    "sts",
    "a session lasts no longer than its role allows",
    moto=DIFFERS,
    aws=f"{ASSUME}: fails if DurationSeconds is higher than the role's maximum session duration; ValidationError (400)",
)
def _(c):
    made = own_role(c)
    assume(c, made)
    c.refused(
        "ValidationError",
        c.sts.assume_role,
        status=400,
        RoleArn=made["Arn"],
        RoleSessionName="a-session",
        DurationSeconds=3601,
    )


@check(
    "sts",
    "a session lasts from 15 minutes to 12 hours",
    moto=DIFFERS,
    aws=f"{ASSUME}: DurationSeconds has a minimum of 900 and a maximum of 43,200; ValidationError (400)",
)
def _(c):
    made = own_role(c)
    assume(c, made)
    for seconds in (899, 43_201):
        c.refused(
            "ValidationError",
            c.unchecked("sts").assume_role,
            status=400,
            RoleArn=made["Arn"],
            RoleSessionName="a-session",
            DurationSeconds=seconds,
        )


@check(
    "sts",
    "a session's name has only certain characters",
    moto=DIFFERS,
    aws=f"{ASSUME}: RoleSessionName is 2 to 64 characters of [\\w+=,.@-]; ValidationError (400)",
)
def _(c):
    made = own_role(c)
    assume(c, made)
    for name in ("a session", "a/b", "s" * 65, "s"):
        c.refused(
            "ValidationError",
            c.unchecked("sts").assume_role,
            status=400,
            RoleArn=made["Arn"],
            RoleSessionName=name,
        )


@check(
    "sts",
    "a role that is not there cannot be assumed",
    moto=DIFFERS,
    aws=f"{ASSUME}: AccessDenied (403); it is not said whether the role exists",
)
def _(c):
    arn = f"arn:aws:iam::{account(c)}:role/{c.name('none')}"
    c.refused(
        "AccessDenied",
        c.sts.assume_role,
        status=403,
        RoleArn=arn,
        RoleSessionName="a-session",
        message=f"is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )


@check(
    "sts",
    "a role that trusts only a service cannot be assumed",
    moto=DIFFERS,
    aws=f"{ASSUME}: the role's trust policy must name the caller; AccessDenied (403)",
)
def _(c):
    made = role(c, trust("firehose.amazonaws.com"))
    c.refused("AccessDenied", c.sts.assume_role, status=403, RoleArn=made["Arn"], RoleSessionName="a-session")


@check(
    "sts",
    "a role's path is not in its sessions' ARNs",
    aws="IAM User Guide, IAM identifiers: arn:aws:sts::account:assumed-role/role-name/session-name, without the path",
)
def _(c):
    made = own_role(c, Path=f"/{c.name('path')}/")
    arn = assume(c, made)["AssumedRoleUser"]["Arn"]
    c.same(arn, f"arn:aws:sts::{account(c)}:assumed-role/{made['RoleName']}/a-session")


@check(
    "sts",
    "an external id is held to",
    moto=DIFFERS,
    aws="IAM User Guide, Access to accounts owned by third parties: the condition sts:ExternalId in the trust policy",
)
def _(c):
    made = role(c, trust(account=account(c), Condition={"StringEquals": {"sts:ExternalId": "agreed"}}))
    assume(c, made, ExternalId="agreed")
    c.refused("AccessDenied", c.sts.assume_role, status=403, RoleArn=made["Arn"], RoleSessionName="a-session")
    c.refused(
        "AccessDenied",
        c.sts.assume_role,
        status=403,
        RoleArn=made["Arn"],
        RoleSessionName="a-session",
        ExternalId="guessed",
    )


@check(
    "sts",
    "a trust in the account's number is a trust in its root",
    aws="IAM JSON policy elements, Principal: the account id alone is the same as arn:aws:iam::account:root",
)
def _(c):
    trusted = document({"Effect": "Allow", "Principal": {"AWS": account(c)}, "Action": "sts:AssumeRole"})
    assume(c, role(c, trusted))


@check(
    "sts",
    "another account is not trusted",
    moto=DIFFERS,
    aws=f"{ASSUME}: the trust policy must name the other account; AccessDenied (403)",
)
def _(c):
    made = own_role(c)
    assume(c, made)
    c.refused(
        "AccessDenied",
        c.client("sts", account=OTHER_ACCOUNT).assume_role,
        status=403,
        RoleArn=made["Arn"],
        RoleSessionName="a-session",
    )


@check(
    "sts",
    "a session knows who it is, whatever it may do",
    aws="STS API Reference, GetCallerIdentity: no permissions are required",
)
def _(c):
    made = own_role(c)
    answer = assume(c, made)
    found = c.client("sts", keys=Keys.of_session(answer["Credentials"])).get_caller_identity()
    c.same(
        (found["Arn"], found["UserId"]),
        (answer["AssumedRoleUser"]["Arn"], answer["AssumedRoleUser"]["AssumedRoleId"]),
    )
    c.same(found["Account"], account(c), "Account")


@check(
    "sts",
    "a session without permissions may do nothing",
    moto=DIFFERS,
    aws=f"{EVALUATION}: by default all requests are denied; each service's AccessDenied, EC2's UnauthorizedOperation (Common errors)",
)
def _(c):
    keys = session(c)
    name = bucket(c)
    group = log_group(c)
    own = {
        service: c.client(service, keys=keys)
        for service in ("s3", "iam", "ec2", "firehose", "logs", "sagemaker", "ssm")
    }
    c.refused("AccessDenied", own["s3"].list_objects_v2, status=403, Bucket=name)
    c.refused("AccessDenied", own["iam"].list_roles, status=403)
    c.refused("UnauthorizedOperation", own["ec2"].describe_instances, status=403)
    c.refused("AccessDeniedException", own["firehose"].list_delivery_streams)
    c.refused("AccessDeniedException", own["logs"].describe_log_streams, logGroupName=group)
    c.refused("AccessDeniedException", own["sagemaker"].list_notebook_instances)
    c.refused("AccessDeniedException", own["ssm"].get_parameter, Name="/aws/service/none")


@check(
    "sts",
    "a denial says who may not do what",
    moto=DIFFERS,
    aws="IAM User Guide, Troubleshoot access denied error messages: User: … is not authorized to perform: … on resource: …",
)
def _(c):
    made = own_role(c)
    keys = Keys.of_session(assume(c, made)["Credentials"])
    error = c.refused("AccessDenied", c.client("iam", keys=keys).get_role, status=403, RoleName=made["RoleName"])
    said = error["Error"]["Message"]
    c.holds(f"assumed-role/{made['RoleName']}/a-session is not authorized to perform: iam:GetRole" in said, said)
    c.holds(made["Arn"] in said, f"the resource is not named: {said}")


@check(
    "sts",
    "a session may put into one stream and not into another",
    moto=DIFFERS,
    aws=f"{EVALUATION}; Service Authorization Reference, Firehose: PutRecordBatch is limited to deliverystream ARNs",
)
def _(c):
    arn = f"arn:aws:firehose:us-east-1:{account(c)}:deliverystream"
    firehose = c.client("firehose", keys=session(c, allow("firehose:PutRecordBatch", f"{arn}/allowed-stream")))
    records = [{"Data": b"x"}]
    # What may be done is found not to be there; what may not be done is not even looked for.
    allowed = {"DeliveryStreamName": "allowed-stream", "Records": records}
    c.until(
        lambda: c.code_of(firehose.put_record_batch, **allowed) == "ResourceNotFoundException",
        what="not finding the stream",
    )
    c.refused(
        "AccessDeniedException", firehose.put_record_batch, DeliveryStreamName="other-stream", Records=records
    )
    c.refused("AccessDeniedException", firehose.put_record, DeliveryStreamName="allowed-stream", Record=records[0])


@check(
    "sts",
    "a session may read one bucket and not write into it",
    moto=DIFFERS,
    aws=f"{EVALUATION}; Service Authorization Reference, S3: ListBucket on the bucket, GetObject and PutObject on its objects",
)
def _(c):
    name, other = bucket(c), bucket(c)
    put(c, name, "key", body=b"mine")
    s3 = c.client(
        "s3",
        keys=session(
            c, allow("s3:ListBucket", f"arn:aws:s3:::{name}"), allow("s3:GetObject", f"arn:aws:s3:::{name}/*")
        ),
    )
    found = c.while_refused("AccessDenied", s3.get_object, Bucket=name, Key="key")
    c.same(found["Body"].read(), b"mine")
    c.same(s3.list_objects_v2(Bucket=name)["KeyCount"], 1, "KeyCount")
    c.refused("AccessDenied", s3.put_object, status=403, Bucket=name, Key="key", Body=b"x")
    c.refused("AccessDenied", s3.delete_object, status=403, Bucket=name, Key="key")
    c.refused("AccessDenied", s3.list_objects_v2, status=403, Bucket=other)


@check(
    "sts",
    "a session that may not list a bucket is not told what is missing",
    moto=DIFFERS,
    aws="S3 API Reference, GetObject: without s3:ListBucket a missing key is 403 Access Denied instead of 404",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    blind = c.client("s3", keys=session(c, allow("s3:GetObject", f"arn:aws:s3:::{name}/*")))
    seeing = c.client(
        "s3",
        keys=session(
            c, allow("s3:GetObject", f"arn:aws:s3:::{name}/*"), allow("s3:ListBucket", f"arn:aws:s3:::{name}")
        ),
    )
    c.while_refused("AccessDenied", blind.get_object, Bucket=name, Key="key")
    c.while_refused("AccessDenied", seeing.list_objects_v2, Bucket=name)
    c.refused("AccessDenied", blind.get_object, status=403, Bucket=name, Key="none")
    c.refused("NoSuchKey", seeing.get_object, status=404, Bucket=name, Key="none")


@check(
    "sts",
    "what is denied is denied, whatever allows it",
    moto=DIFFERS,
    aws=f"{EVALUATION}: an explicit deny in any policy overrides every allow",
)
def _(c):
    name = bucket(c)
    put(c, name, "open", "closed/key")
    s3 = c.client("s3", keys=session(c, allow("s3:*"), deny("s3:GetObject", f"arn:aws:s3:::{name}/closed/*")))
    c.while_refused("AccessDenied", s3.get_object, Bucket=name, Key="open")
    c.refused("AccessDenied", s3.get_object, status=403, Bucket=name, Key="closed/key")


@check(
    "sts",
    "actions and resources may have wildcards",
    moto=DIFFERS,
    aws="IAM JSON policy elements, Action and Resource: * is any number of characters, ? is one",
)
def _(c):
    arn = f"arn:aws:logs:us-east-1:{account(c)}:log-group"
    group = log_group(c, "stream")
    logs = c.client("logs", keys=session(c, allow("logs:*LogEvents", f"{arn}:{group[:-1]}?:*")))
    event = c.while_refused(
        "AccessDeniedException", logs.get_log_events, logGroupName=group, logStreamName="stream"
    )
    c.same(event["events"], [])
    c.refused("AccessDeniedException", logs.create_log_stream, logGroupName=group, logStreamName="new")
    c.refused("AccessDeniedException", logs.get_log_events, logGroupName=f"else-{group}", logStreamName="stream")


@check(
    "sts",
    "a session may do what its role may do now",
    moto=DIFFERS,
    aws="IAM User Guide, Modifying a role: a changed permissions policy also holds for sessions that are there, soon",
)
def _(c):
    made = own_role(c)
    logs = c.client("logs", keys=Keys.of_session(assume(c, made)["Credentials"]))
    c.refused("AccessDeniedException", logs.describe_log_groups)
    c.iam.put_role_policy(
        RoleName=made["RoleName"], PolicyName="more", PolicyDocument=document(allow("logs:DescribeLogGroups"))
    )
    c.while_refused("AccessDeniedException", logs.describe_log_groups)
    c.iam.delete_role_policy(RoleName=made["RoleName"], PolicyName="more")
    c.until_refused("AccessDeniedException", logs.describe_log_groups)


@check(
    "sts",
    "a session may pass only the roles that it may pass",
    moto=DIFFERS,
    aws="IAM User Guide, Granting permissions to pass a role to a service: iam:PassRole on the role's ARN; AccessDenied",
)
def _(c):
    passed = role(c)
    profile_name = c.name("profile")
    iam = c.client("iam", keys=session(c, allow(["iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"])))
    c.while_refused("AccessDenied", iam.create_instance_profile, InstanceProfileName=profile_name)
    c.later(remove_profile, c=c, name=profile_name)
    c.refused(
        "AccessDenied",
        iam.add_role_to_instance_profile,
        status=403,
        InstanceProfileName=profile_name,
        RoleName=passed["RoleName"],
        message="iam:PassRole",
    )
