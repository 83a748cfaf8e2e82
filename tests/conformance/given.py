"""What checks begin with: a bucket, a role, a stream, an instance. Each is taken away again after the check."""

import json
import time

from botocore.exceptions import ClientError

from conformance.context import REGION

NEWEST_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
NEWEST_ARM_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trust(service=None, *, account=None, **more):
    """A trust policy for a service, or for everyone in an account."""
    principal = {"Service": service} if service else {"AWS": f"arn:aws:iam::{account}:root"}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def account(c):
    return c.sts.get_caller_identity()["Account"]


# S3


def bucket(c, region=REGION, s3=None):
    """An empty bucket's name."""
    s3 = s3 or c.client("s3", region=region)
    name = c.name("bucket")
    where = {} if region == REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    c.later(remove_bucket, s3=s3, name=name)
    return name


def versioned_bucket(c):
    name = bucket(c)
    c.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def remove_bucket(s3, name):
    """Deletes a bucket with everything in it."""
    for _ in range(5):
        empty_bucket(s3, name)
        try:
            s3.delete_bucket(Bucket=name)
            return
        except ClientError as error:
            # Something was delivered in between.
            if error.response["Error"]["Code"] != "BucketNotEmpty":
                raise
        time.sleep(0.2)
    s3.delete_bucket(Bucket=name)


def empty_bucket(s3, name):
    for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    while True:
        page = s3.list_object_versions(Bucket=name)
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        if not found:
            return
        versions = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        for start in range(0, len(versions), 1000):
            s3.delete_objects(Bucket=name, Delete={"Objects": versions[start : start + 1000], "Quiet": True})


def put(c, name, *keys, body=b"x"):
    for key in keys:
        c.s3.put_object(Bucket=name, Key=key, Body=body)


def keys_of(c, name, **arguments):
    return [one["Key"] for one in c.s3.list_objects_v2(Bucket=name, **arguments).get("Contents", [])]


def body_of(c, name, key, **arguments):
    return c.s3.get_object(Bucket=name, Key=key, **arguments)["Body"].read()


# IAM


def role(c, trusted=None, policy=None, **more):
    """A role, as CreateRole gives it back. `policy` is written into it as an inline policy."""
    name = c.name("role")
    made = c.iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trusted or trust("ec2.amazonaws.com"), **more
    )["Role"]
    c.later(remove_role, c=c, name=name)
    if policy:
        c.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy)
    return made


def remove_role(c, name):
    for policy in c.iam.list_role_policies(RoleName=name)["PolicyNames"]:
        c.iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy in c.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        c.iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for profile in c.iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        c.iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    c.iam.delete_role(RoleName=name)


def managed_policy(c, policy=None, **more):
    """A managed policy, as CreatePolicy gives it back."""
    made = c.iam.create_policy(
        PolicyName=c.name("policy"), PolicyDocument=policy or document(allow("logs:PutLogEvents")), **more
    )["Policy"]
    c.later(remove_policy, c=c, arn=made["Arn"])
    return made


def remove_policy(c, arn):
    for version in c.iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            c.iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    c.iam.delete_policy(PolicyArn=arn)


def profile(c, with_role=None, **more):
    """An instance profile, as CreateInstanceProfile gives it back."""
    name = c.name("profile")
    made = c.iam.create_instance_profile(InstanceProfileName=name, **more)["InstanceProfile"]
    c.later(remove_profile, c=c, name=name)
    if with_role:
        c.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=with_role)
    return made


def remove_profile(c, name):
    for one in c.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        c.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=one["RoleName"])
    c.iam.delete_instance_profile(InstanceProfileName=name)


# CloudWatch Logs


def log_group(c, *streams, **more):
    """A log group's name; it has these streams."""
    name = c.name("group")
    c.logs.create_log_group(logGroupName=name, **more)
    c.later(c.logs.delete_log_group, logGroupName=name)
    for stream in streams:
        c.logs.create_log_stream(logGroupName=name, logStreamName=stream)
    return name


def now():
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def write(c, group, stream, *messages, at=None, step=1):
    """Writes events, each `step` milliseconds after the one before."""
    at = now() - len(messages) * step if at is None else at
    events = [{"timestamp": at + index * step, "message": message} for index, message in enumerate(messages)]
    return c.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


# EC2


def default_vpc(c, ec2=None):
    vpcs = (ec2 or c.ec2).describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return vpcs[0]["VpcId"]


def security_group(c, **more):
    """A security group's id."""
    name = c.name("sg")
    made = c.ec2.create_security_group(GroupName=name, Description="of a check", **more)["GroupId"]
    c.later(remove_security_group, c=c, group=made)
    return made


def remove_security_group(c, group):
    c.while_refused("DependencyViolation", c.ec2.delete_security_group, GroupId=group)


def image(c):
    return c.ssm.get_parameter(Name=NEWEST_IMAGE)["Parameter"]["Value"]


def run_instances(c, **more):
    """RunInstances with what it always needs; the instances are terminated after the check."""
    arguments = {"ImageId": image(c), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **more}
    answer = c.ec2.run_instances(**arguments)
    c.later(c.ec2.terminate_instances, InstanceIds=[one["InstanceId"] for one in answer["Instances"]])
    return answer


def instance(c, **more):
    """The id of an instance that runs."""
    made = run_instances(c, **more)["Instances"][0]["InstanceId"]
    until_state(c, made, "running")
    return made


def describe_instance(c, which):
    return c.ec2.describe_instances(InstanceIds=[which])["Reservations"][0]["Instances"][0]


def until_state(c, which, state, timeout=30):
    def is_so():
        try:
            found = describe_instance(c, which)
        except ClientError as error:
            # A new instance may not be visible at once.
            if error.response["Error"]["Code"] == "InvalidInstanceID.NotFound":
                return None
            raise
        return found if found["State"]["Name"] == state else None

    return c.until(is_so, timeout, f"the state {state}")


# Firehose

WHILE_ROLES_SPREAD = ("InvalidArgumentException",)


def delivery_role(c, bucket_name, group=None, **more):
    """A role that Firehose may assume, to write into a bucket and a log group."""
    own, objects = f"arn:aws:s3:::{bucket_name}", f"arn:aws:s3:::{bucket_name}/*"
    statements = [
        allow(["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], own),
        allow(["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"], objects),
    ]
    if group:
        statements.append(allow("logs:PutLogEvents", f"arn:aws:logs:*:*:log-group:{group}:log-stream:*"))
    return role(c, trust("firehose.amazonaws.com"), document(*statements), **more)


def destination(role_arn, bucket_name, **more):
    return {
        "RoleARN": role_arn,
        "BucketARN": f"arn:aws:s3:::{bucket_name}",
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        **more,
    }


class Stream:
    """A delivery stream, its bucket and its role."""

    def __init__(self, c, name, bucket_name, role_arn):
        self.c, self.name, self.bucket, self.role_arn = c, name, bucket_name, role_arn

    def put(self, *records):
        records = [{"Data": data} for data in records]
        return self.c.firehose.put_record_batch(DeliveryStreamName=self.name, Records=records)

    def describe(self):
        return self.c.firehose.describe_delivery_stream(DeliveryStreamName=self.name)["DeliveryStreamDescription"]

    def until_active(self):
        self.c.until(lambda: self.describe()["DeliveryStreamStatus"] == "ACTIVE", 90, "the state ACTIVE")

    def update(self, version=None, **changes):
        seen = self.describe()
        return self.c.firehose.update_destination(
            DeliveryStreamName=self.name,
            CurrentDeliveryStreamVersionId=version or seen["VersionId"],
            DestinationId=seen["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate=changes,
        )

    def delivered(self, prefix="", least=1):
        """The keys under a prefix, once there are so many."""

        def enough():
            keys = keys_of(self.c, self.bucket, Prefix=prefix)
            return keys if len(keys) >= least else None

        return self.c.until(enough, 90, f"{least} object(s) under {prefix!r}")

    def delivered_bytes(self, size, prefix=""):
        """All that is under a prefix, oldest first, once it is so many bytes."""

        def enough():
            found = self.c.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
            if sum(one["Size"] for one in found) < size:
                return None
            ordered = sorted(found, key=lambda one: (one["LastModified"], one["Key"]))
            return b"".join(body_of(self.c, self.bucket, one["Key"]) for one in ordered)

        return self.c.until(enough, 90, f"{size} bytes under {prefix!r}")


def unfinished_stream(c, *, tags=None, name=None, **to):
    """A delivery stream that has been asked for."""
    to_bucket = bucket(c)
    role_arn = delivery_role(c, to_bucket)["Arn"]
    name = name or c.name("stream")
    more = {"Tags": tags} if tags else {}
    c.while_refused(
        WHILE_ROLES_SPREAD,
        c.firehose.create_delivery_stream,
        timeout=60,
        DeliveryStreamName=name,
        DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration=destination(role_arn, to_bucket, **to),
        **more,
    )
    c.later(remove_stream, c=c, name=name)
    return Stream(c, name, to_bucket, role_arn)


def stream(c, **more):
    """A delivery stream that takes records."""
    made = unfinished_stream(c, **more)
    made.until_active()
    return made


def remove_stream(c, name):
    c.while_refused("ResourceInUseException", c.firehose.delete_delivery_stream, DeliveryStreamName=name)

    def is_gone():
        try:
            c.firehose.describe_delivery_stream(DeliveryStreamName=name)
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"
        return False

    c.until(is_gone, 60, "the end of the delivery stream")


# SageMaker


def notebook_role(c):
    return role(c, trust("sagemaker.amazonaws.com"))["Arn"]


def unfinished_notebook(c, role_arn=None, **more):
    """The name of a notebook instance that has been asked for."""
    name = c.name("notebook")
    arguments = {"InstanceType": "ml.t3.medium", "RoleArn": role_arn or notebook_role(c), **more}
    c.while_refused(
        "ValidationException", c.sagemaker.create_notebook_instance, NotebookInstanceName=name, **arguments
    )
    c.later(remove_notebook, c=c, name=name)
    return name


def notebook(c, **more):
    """The name of a notebook instance that is in service."""
    name = unfinished_notebook(c, **more)
    until_notebook(c, name, "InService")
    return name


def describe_notebook(c, name):
    return c.sagemaker.describe_notebook_instance(NotebookInstanceName=name)


def until_notebook(c, name, status, timeout=60):
    def is_so():
        found = describe_notebook(c, name)
        return found if found["NotebookInstanceStatus"] == status else None

    return c.until(is_so, timeout, f"the status {status}")


def remove_notebook(c, name):
    """Waits for it to settle, stops it, deletes it, and waits for its end."""
    settled = ("InService", "Stopped", "Failed", "Deleting")

    def status():
        try:
            return describe_notebook(c, name)["NotebookInstanceStatus"]
        except ClientError as error:
            if "RecordNotFound" in error.response["Error"]["Message"]:
                return "Deleted"
            raise

    if status() == "Deleted":
        return
    c.until(lambda: status() in settled, 60, "a notebook that settles")
    if status() == "InService":
        c.sagemaker.stop_notebook_instance(NotebookInstanceName=name)
        c.until(lambda: status() == "Stopped", 60, "the status Stopped")
    if status() not in ("Deleting", "Deleted"):
        c.sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    c.until(lambda: status() == "Deleted", 60, "the end of the notebook instance")
