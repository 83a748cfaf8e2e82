"""EC2: instances, their states, attributes and volumes."""

import base64
import datetime
import ipaddress
import re

from conformance.checks import DIFFERS, check
from conformance.given import (
    NEWEST_ARM_IMAGE,
    NEWEST_IMAGE,
    account,
    describe_instance,
    image,
    instance,
    profile,
    role,
    run_instances,
    until_state,
)

RUN = "EC2 API Reference, RunInstances"
DESCRIBE = "EC2 API Reference, DescribeInstances"
STATES = "EC2 User Guide, Instance state changes"
MODIFY = "EC2 API Reference, ModifyInstanceAttribute"
ERRORS = "EC2 Developer Guide, Error codes"
IDEMPOTENCY = "EC2 Developer Guide, Ensuring idempotency"
NONE = "i-0123456789abcdef0"


def asked(c, **more):
    """RunInstances' arguments."""
    return {"ImageId": image(c), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **more}


def refuse(c, code, status=400, message=None, **more):
    def run(**arguments):
        answer = c.ec2.run_instances(**arguments)
        c.later(c.ec2.terminate_instances, InstanceIds=[one["InstanceId"] for one in answer["Instances"]])
        return answer

    c.refused(code, run, status=status, message=message, **asked(c, **more))


@check("ec2", "a new instance is pending, then running", aws=f"{STATES}: pending (0), then running (16)")
def _(c):
    [made] = run_instances(c)["Instances"]
    c.same(made["State"], {"Code": 0, "Name": "pending"})
    c.same(until_state(c, made["InstanceId"], "running")["State"], {"Code": 16, "Name": "running"})


@check("ec2", "a run is a reservation", aws=f"{RUN}: ReservationId, OwnerId and Instances")
def _(c):
    answer = run_instances(c)
    c.holds(re.fullmatch(r"r-[0-9a-f]{8,17}", answer["ReservationId"]), "the id has another form")
    c.same(answer["OwnerId"], account(c))
    made = answer["Instances"][0]["InstanceId"]
    c.holds(re.fullmatch(r"i-[0-9a-f]{8,17}", made), f"the instance's id is {made}")
    found = c.ec2.describe_instances(InstanceIds=[made])["Reservations"]
    c.same([one["ReservationId"] for one in found], [answer["ReservationId"]])


@check(
    "ec2",
    "an instance is described as it was asked for",
    aws="EC2 API Reference, Instance: ImageId, InstanceType, Architecture, VpcId, SubnetId, Placement, PrivateIpAddress, RootDeviceName …",
)
def _(c):
    made = instance(c)
    found = describe_instance(c, made)
    c.same((found["ImageId"], found["InstanceType"], found["Architecture"]), (image(c), "t3.micro", "x86_64"))
    c.same(
        (found["RootDeviceName"], found["RootDeviceType"], found["VirtualizationType"]),
        ("/dev/xvda", "ebs", "hvm"),
    )
    [subnet] = c.ec2.describe_subnets(SubnetIds=[found["SubnetId"]])["Subnets"]
    c.same((found["VpcId"], found["Placement"]["AvailabilityZone"]), (subnet["VpcId"], subnet["AvailabilityZone"]))
    age = datetime.datetime.now(datetime.timezone.utc) - found["LaunchTime"]
    c.holds(abs(age.total_seconds()) < 300, "LaunchTime is not now")


@check(
    "ec2",
    "an instance's private address is of its subnet",
    moto=DIFFERS,
    sandbox=DIFFERS,
    aws="EC2 API Reference, Instance: PrivateIpAddress is the IPv4 address assigned from the subnet's range",
)
def _(c):
    # The sandbox gives out no address but the loopback's, so that nothing connects off the machine.
    found = describe_instance(c, instance(c))
    [subnet] = c.ec2.describe_subnets(SubnetIds=[found["SubnetId"]])["Subnets"]
    inside = ipaddress.ip_address(found["PrivateIpAddress"]) in ipaddress.ip_network(subnet["CidrBlock"])
    c.holds(inside, f"{found['PrivateIpAddress']} is not in {subnet['CidrBlock']}")


@check(
    "ec2",
    "a running instance of the default VPC has a public address",
    aws="VPC User Guide, Default VPCs: instances in a default subnet get a public IPv4 address and DNS name",
)
def _(c):
    made = instance(c)
    found = c.until(
        lambda: found if (found := describe_instance(c, made)).get("PublicIpAddress") else None,
        what="a public address",
    )
    c.holds(ipaddress.ip_address(found["PublicIpAddress"]), "the address is none")
    c.holds(found["PublicDnsName"], "no PublicDnsName")


@check(
    "ec2",
    "an image may be named by its parameter",
    moto=DIFFERS,
    aws=f"{RUN}: ImageId resolve:ssm:parameter-name is resolved to the AMI id (EC2 User Guide, Use a Systems Manager parameter)",
)
def _(c):
    [made] = run_instances(c, ImageId=f"resolve:ssm:{NEWEST_IMAGE}")["Instances"]
    c.same(made["ImageId"], image(c))


@check("ec2", "an image that is not there is not run", moto=DIFFERS, aws=f"{ERRORS}: InvalidAMIID.NotFound")
def _(c):
    refuse(c, "InvalidAMIID.NotFound", ImageId="ami-0123456789abcdef0")


@check("ec2", "an image id that is none is not run", moto=DIFFERS, aws=f"{ERRORS}: InvalidAMIID.Malformed")
def _(c):
    refuse(c, "InvalidAMIID.Malformed", ImageId="image-1")


@check("ec2", "a key that is not there is not put in", moto=DIFFERS, aws=f"{ERRORS}: InvalidKeyPair.NotFound")
def _(c):
    name = c.name("none")
    refuse(c, "InvalidKeyPair.NotFound", KeyName=name, message=f"The key pair '{name}' does not exist")


@check("ec2", "a group that is not there is not put on", aws=f"{ERRORS}: InvalidGroup.NotFound")
def _(c):
    refuse(c, "InvalidGroup.NotFound", SecurityGroupIds=["sg-0123456789abcdef0"])


@check("ec2", "a subnet that is not there is not run in", aws=f"{ERRORS}: InvalidSubnetID.NotFound")
def _(c):
    refuse(c, "InvalidSubnetID.NotFound", SubnetId="subnet-0123456789abcdef0")


@check(
    "ec2",
    "an instance type that is none is refused",
    moto=DIFFERS,
    aws=f"{ERRORS}: InvalidParameterValue, a value that is not valid",
)
def _(c):
    refuse(c, "InvalidParameterValue", InstanceType="t3.gigantic")


@check(
    "ec2",
    "an image and a type must be of one architecture",
    moto=DIFFERS,
    aws=f"{ERRORS}: InvalidParameterValue, the architecture of the instance type does not match the AMI's",
)
def _(c):
    refuse(c, "InvalidParameterValue", ImageId=c.ssm.get_parameter(Name=NEWEST_ARM_IMAGE)["Parameter"]["Value"])


@check(
    "ec2",
    "a profile that is not there is refused",
    moto=DIFFERS,
    aws="IAM User Guide, Troubleshoot IAM and EC2: InvalidParameterValue, Invalid IAM Instance Profile name",
)
def _(c):
    refuse(
        c,
        "InvalidParameterValue",
        IamInstanceProfile={"Name": c.name("none")},
        message="Invalid IAM Instance Profile name",
    )


@check(
    "ec2",
    "a dry run says that it would work and does nothing",
    aws=f"{RUN}: DryRun with the permission gives DryRunOperation (412)",
)
def _(c):
    key = c.name("key")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": "1"}]}]
    refuse(
        c,
        "DryRunOperation",
        status=412,
        DryRun=True,
        TagSpecifications=tags,
        message="Request would have succeeded, but DryRun flag is set.",
    )
    found = c.ec2.describe_instances(Filters=[{"Name": "tag-key", "Values": [key]}])["Reservations"]
    c.same(found, [])


@check(
    "ec2",
    "the same request with the same token runs one instance",
    moto=DIFFERS,
    aws=f"{IDEMPOTENCY}: a retry with the same client token and parameters succeeds without doing anything more",
)
def _(c):
    token = c.name("token")
    first, second = (run_instances(c, ClientToken=token) for _ in range(2))
    c.same(second["Instances"][0]["InstanceId"], first["Instances"][0]["InstanceId"])
    c.same(second["ReservationId"], first["ReservationId"], "ReservationId")
    found = c.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])["Reservations"]
    c.same(len(found), 1, "the number of reservations")


@check(
    "ec2",
    "another request with the same token is refused",
    moto=DIFFERS,
    aws=f"{IDEMPOTENCY}: IdempotentParameterMismatch",
)
def _(c):
    token = c.name("token")
    run_instances(c, ClientToken=token)
    refuse(c, "IdempotentParameterMismatch", ClientToken=token, InstanceType="t3.small")


@check(
    "ec2",
    "several instances are run at once",
    moto=DIFFERS,
    aws=f"{RUN}: MaxCount instances in one reservation, AmiLaunchIndex counts them from 0",
)
def _(c):
    answer = run_instances(c, MinCount=2, MaxCount=3)
    c.same(sorted(one["AmiLaunchIndex"] for one in answer["Instances"]), [0, 1, 2])
    found = c.ec2.describe_instances(Filters=[{"Name": "reservation-id", "Values": [answer["ReservationId"]]}])
    c.same(len(found["Reservations"][0]["Instances"]), 3, "the number of instances")


@check(
    "ec2",
    "an instance and its volume are tagged as they are made",
    aws=f"{RUN}: TagSpecifications for instance and volume",
)
def _(c):
    key = c.name("key")
    made = instance(
        c,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": "instance"}]},
            {"ResourceType": "volume", "Tags": [{"Key": key, "Value": "volume"}]},
        ],
    )
    c.same(describe_instance(c, made)["Tags"], [{"Key": key, "Value": "instance"}], "the instance's tags")
    found = c.until(
        lambda: c.ec2.describe_volumes(Filters=[{"Name": "tag-key", "Values": [key]}])["Volumes"],
        what="the volume",
    )
    c.same(found[0]["Tags"], [{"Key": key, "Value": "volume"}], "the volume's tags")


@check(
    "ec2",
    "an instance has its profile",
    moto=DIFFERS,
    aws="EC2 API Reference, Instance: IamInstanceProfile with Arn and Id",
)
def _(c):
    made = profile(c, role(c)["RoleName"])
    chosen = {"Name": made["InstanceProfileName"]}
    answer = c.while_refused("InvalidParameterValue", run_instances, c=c, IamInstanceProfile=chosen)
    found = describe_instance(c, answer["Instances"][0]["InstanceId"])["IamInstanceProfile"]
    c.same((found["Arn"], found["Id"]), (made["Arn"], made["InstanceProfileId"]))


@check("ec2", "user data is kept", aws="EC2 API Reference, DescribeInstanceAttribute: userData, base64-encoded")
def _(c):
    script = "#!/bin/sh\necho größer"
    made = run_instances(c, UserData=script)["Instances"][0]["InstanceId"]
    found = c.ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"]["Value"]
    c.same(base64.b64decode(found).decode(), script)


@check(
    "ec2",
    "user data is at most 16 KB",
    moto=DIFFERS,
    aws="EC2 User Guide, user data: limited to 16 KB in raw form; InvalidParameterValue",
)
def _(c):
    refuse(c, "InvalidParameterValue", UserData="x" * 16_385)


@check(
    "ec2",
    "metadata options are kept",
    aws="EC2 API Reference, InstanceMetadataOptionsRequest: HttpTokens, HttpPutResponseHopLimit, HttpEndpoint",
)
def _(c):
    wanted = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
    found = describe_instance(c, instance(c, MetadataOptions=wanted))["MetadataOptions"]
    c.same({name: found.get(name) for name in wanted}, wanted)


@check(
    "ec2",
    "instances of the newest image want tokens",
    moto=DIFFERS,
    aws="Amazon Linux 2023 User Guide, IMDS: instances of AL2023 require IMDSv2 unless the launch says otherwise",
)
def _(c):
    c.same(describe_instance(c, instance(c)).get("MetadataOptions", {}).get("HttpTokens"), "required")


@check(
    "ec2",
    "metadata options can be changed while it runs",
    aws="EC2 API Reference, ModifyInstanceMetadataOptions: on a running or stopped instance; State pending, then applied",
)
def _(c):
    made = instance(c)
    c.ec2.modify_instance_metadata_options(InstanceId=made, HttpTokens="optional", HttpPutResponseHopLimit=3)

    def changed():
        found = describe_instance(c, made)["MetadataOptions"]
        return (found["HttpTokens"], found["HttpPutResponseHopLimit"]) == ("optional", 3)

    c.until(changed, what="the new options")


@check(
    "ec2",
    "stopping says what was and what is",
    aws="EC2 API Reference, StopInstances: PreviousState and CurrentState stopping (64)",
)
def _(c):
    made = instance(c)
    [change] = c.ec2.stop_instances(InstanceIds=[made])["StoppingInstances"]
    c.same(
        (change["InstanceId"], change["PreviousState"], change["CurrentState"]),
        (made, {"Code": 16, "Name": "running"}, {"Code": 64, "Name": "stopping"}),
    )
    c.same(until_state(c, made, "stopped")["State"], {"Code": 80, "Name": "stopped"})


@check(
    "ec2",
    "a stopped instance has no public address and keeps its private one",
    aws="EC2 User Guide, Stop and start: the public IPv4 address is released, the private one retained",
)
def _(c):
    made = instance(c)
    private = describe_instance(c, made)["PrivateIpAddress"]
    c.ec2.stop_instances(InstanceIds=[made])
    found = until_state(c, made, "stopped")
    c.holds(not found.get("PublicIpAddress"), "it has a public address")
    c.same(found["PrivateIpAddress"], private)


@check(
    "ec2", "a stopped instance starts again", aws="EC2 API Reference, StartInstances: pending (0), then running"
)
def _(c):
    made = instance(c)
    c.ec2.stop_instances(InstanceIds=[made])
    until_state(c, made, "stopped")
    [change] = c.ec2.start_instances(InstanceIds=[made])["StartingInstances"]
    c.same((change["PreviousState"]["Name"], change["CurrentState"]), ("stopped", {"Code": 0, "Name": "pending"}))
    until_state(c, made, "running")


@check(
    "ec2",
    "starting what runs and stopping what stands changes nothing",
    moto=DIFFERS,
    aws="EC2 API Reference, StartInstances and StopInstances: idempotent for an instance in that state",
)
def _(c):
    made = instance(c)
    [change] = c.ec2.start_instances(InstanceIds=[made])["StartingInstances"]
    c.same(change["CurrentState"]["Name"], "running", "the state after starting")
    c.ec2.stop_instances(InstanceIds=[made])
    until_state(c, made, "stopped")
    [change] = c.ec2.stop_instances(InstanceIds=[made])["StoppingInstances"]
    c.same(change["CurrentState"]["Name"], "stopped", "the state after stopping")


@check(
    "ec2",
    "a terminated instance stays to be seen for a while",
    aws=f"{STATES}: shutting-down (32), then terminated (48); it remains visible for a short while",
)
def _(c):
    made = instance(c)
    [change] = c.ec2.terminate_instances(InstanceIds=[made])["TerminatingInstances"]
    c.same(
        (change["PreviousState"]["Name"], change["CurrentState"]),
        ("running", {"Code": 32, "Name": "shutting-down"}),
    )
    found = until_state(c, made, "terminated")
    c.same(found["State"], {"Code": 48, "Name": "terminated"})
    c.holds(found.get("StateTransitionReason"), "no StateTransitionReason")


@check(
    "ec2",
    "terminating twice is no error",
    moto=DIFFERS,
    aws="EC2 API Reference, TerminateInstances: idempotent; each call succeeds",
)
def _(c):
    made = instance(c)
    c.ec2.terminate_instances(InstanceIds=[made])
    until_state(c, made, "terminated")
    [change] = c.ec2.terminate_instances(InstanceIds=[made])["TerminatingInstances"]
    c.same(change["CurrentState"]["Name"], "terminated")


@check(
    "ec2",
    "a terminated instance is not started",
    moto=DIFFERS,
    aws=f"{ERRORS}: IncorrectInstanceState, not in a state from which it can be started",
)
def _(c):
    made = instance(c)
    c.ec2.terminate_instances(InstanceIds=[made])
    until_state(c, made, "terminated")
    c.refused("IncorrectInstanceState", c.ec2.start_instances, status=400, InstanceIds=[made])


@check("ec2", "instances that are not there are not found", aws=f"{ERRORS}: InvalidInstanceID.NotFound")
def _(c):
    for call in (c.ec2.describe_instances, c.ec2.start_instances, c.ec2.stop_instances, c.ec2.terminate_instances):
        c.refused("InvalidInstanceID.NotFound", call, status=400, InstanceIds=[NONE])


@check(
    "ec2", "an instance id that is none is malformed", moto=DIFFERS, aws=f"{ERRORS}: InvalidInstanceID.Malformed"
)
def _(c):
    for call in (c.ec2.describe_instances, c.ec2.terminate_instances):
        c.refused("InvalidInstanceID.Malformed", call, status=400, InstanceIds=["instance-1"])


@check(
    "ec2",
    "one instance that is not there keeps the rest from being terminated",
    aws="EC2 API Reference, TerminateInstances: if one id is not valid, the request fails and none is terminated",
)
def _(c):
    made = instance(c)
    c.refused("InvalidInstanceID.NotFound", c.ec2.terminate_instances, status=400, InstanceIds=[made, NONE])
    c.same(describe_instance(c, made)["State"]["Name"], "running")


@check(
    "ec2",
    "a protected instance is not terminated",
    moto=DIFFERS,
    aws="EC2 API Reference, TerminateInstances: with DisableApiTermination OperationNotPermitted",
)
def _(c):
    made = instance(c, DisableApiTermination=True)
    c.later(c.ec2.modify_instance_attribute, InstanceId=made, DisableApiTermination={"Value": False})
    c.refused("OperationNotPermitted", c.ec2.terminate_instances, status=400, InstanceIds=[made])
    c.same(describe_instance(c, made)["State"]["Name"], "running")
    c.ec2.modify_instance_attribute(InstanceId=made, DisableApiTermination={"Value": False})
    c.ec2.terminate_instances(InstanceIds=[made])


@check(
    "ec2",
    "a running instance keeps its type",
    moto=DIFFERS,
    aws=f"{MODIFY}: the instance must be stopped to change its type; IncorrectInstanceState",
)
def _(c):
    made = instance(c)
    c.refused(
        "IncorrectInstanceState",
        c.ec2.modify_instance_attribute,
        status=400,
        InstanceId=made,
        InstanceType={"Value": "t3.small"},
    )


@check(
    "ec2",
    "a running instance keeps its user data",
    moto=DIFFERS,
    aws=f"{MODIFY}: the instance must be stopped to change its user data; IncorrectInstanceState",
)
def _(c):
    made = instance(c)
    c.refused(
        "IncorrectInstanceState",
        c.ec2.modify_instance_attribute,
        status=400,
        InstanceId=made,
        UserData={"Value": b"new"},
    )


@check(
    "ec2",
    "a stopped instance changes its type and its user data",
    moto=DIFFERS,
    aws=f"{MODIFY}: InstanceType and UserData of a stopped instance",
)
def _(c):
    made = instance(c)
    c.ec2.stop_instances(InstanceIds=[made])
    until_state(c, made, "stopped")
    c.ec2.modify_instance_attribute(InstanceId=made, InstanceType={"Value": "t3.small"})
    c.ec2.modify_instance_attribute(InstanceId=made, UserData={"Value": b"new"})
    c.same(describe_instance(c, made)["InstanceType"], "t3.small")
    found = c.ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"]["Value"]
    c.same(base64.b64decode(found), b"new")


@check(
    "ec2",
    "what is done on shutting down is kept",
    moto=DIFFERS,
    aws=f"{MODIFY}: InstanceInitiatedShutdownBehavior, stop by default",
)
def _(c):
    made = instance(c)
    where = {"InstanceId": made, "Attribute": "instanceInitiatedShutdownBehavior"}
    c.same(c.ec2.describe_instance_attribute(**where)["InstanceInitiatedShutdownBehavior"]["Value"], "stop")
    c.ec2.modify_instance_attribute(InstanceId=made, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    c.same(c.ec2.describe_instance_attribute(**where)["InstanceInitiatedShutdownBehavior"]["Value"], "terminate")


@check(
    "ec2",
    "instances are found by filters",
    aws=f"{DESCRIBE}: Filters instance-id, instance-state-name, instance-type, tag:key, tag-key; all must match, any value may",
)
def _(c):
    key = c.name("key")

    def tagged(value):
        return instance(
            c, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value}]}]
        )

    one, two = tagged("one"), tagged("two")

    def found(**filters):
        given = [{"Name": name.replace("_", "-"), "Values": values} for name, values in filters.items()]
        given.append({"Name": "tag-key", "Values": [key]})
        return {
            made["InstanceId"]
            for page in c.ec2.describe_instances(Filters=given)["Reservations"]
            for made in page["Instances"]
        }

    c.same(found(), {one, two}, "by key")
    c.same(found(**{f"tag:{key}": ["one"]}), {one}, "by tag")
    c.same(found(**{f"tag:{key}": ["t*"]}), {two}, "by a wildcard")
    c.same(found(**{f"tag:{key}": ["one", "two"]}), {one, two}, "by two values")
    c.same(found(instance_state_name=["running"]), {one, two}, "by state")
    c.same(found(instance_state_name=["stopped", "terminated"]), set(), "by other states")
    c.same(found(instance_id=[two]), {two}, "by id")
    c.same(found(instance_type=["t3.large"]), set(), "by another type")


@check(
    "ec2",
    "a filter that is none is refused",
    moto=DIFFERS,
    aws=f"{ERRORS}: InvalidParameterValue, The filter is invalid",
)
def _(c):
    c.refused(
        "InvalidParameterValue",
        c.ec2.describe_instances,
        status=400,
        Filters=[{"Name": "colour", "Values": ["red"]}],
    )


@check("ec2", "instances are described in pages", aws=f"{DESCRIBE}: MaxResults from 5 to 1,000, and NextToken")
def _(c):
    key = c.name("key")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": "1"}]}]
    made = {run_instances(c, TagSpecifications=tags)["Instances"][0]["InstanceId"] for _ in range(6)}
    where = {"Filters": [{"Name": "tag-key", "Values": [key]}], "MaxResults": 5}
    seen, token, pages = [], {}, 0
    while True:
        page = c.ec2.describe_instances(**where, **token)
        seen += [one["InstanceId"] for reservation in page["Reservations"] for one in reservation["Instances"]]
        pages += 1
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    c.same((sorted(seen), pages >= 2), (sorted(made), True))


@check(
    "ec2",
    "named instances have no pages",
    aws=f"{DESCRIBE}: MaxResults and InstanceIds cannot be in the same request; InvalidParameterCombination",
)
def _(c):
    made = run_instances(c)["Instances"][0]["InstanceId"]
    c.refused(
        "InvalidParameterCombination", c.ec2.describe_instances, status=400, InstanceIds=[made], MaxResults=5
    )


@check(
    "ec2",
    "an instance has a root volume",
    moto=DIFFERS,
    aws="EC2 API Reference, DescribeVolumes: in-use, attached to the instance, deleted with it",
)
def _(c):
    made = instance(c)
    found = c.until(
        lambda: c.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [made]}])["Volumes"],
        what="the volume",
    )
    c.same((len(found), found[0]["State"]), (1, "in-use"))
    [attached] = found[0]["Attachments"]
    c.same(
        (attached["InstanceId"], attached["Device"], attached["DeleteOnTermination"]), (made, "/dev/xvda", True)
    )
    c.holds(
        found[0]["Size"] >= 1 and re.fullmatch(r"vol-[0-9a-f]{8,17}", found[0]["VolumeId"]), "size or id is wrong"
    )
    mapped = c.until(lambda: describe_instance(c, made)["BlockDeviceMappings"], what="the block device")
    c.same((mapped[0]["DeviceName"], mapped[0]["Ebs"]["VolumeId"]), ("/dev/xvda", found[0]["VolumeId"]))


@check(
    "ec2",
    "a root volume can be larger",
    aws=f"{RUN}: BlockDeviceMappings with VolumeSize and VolumeType for the root device",
)
def _(c):
    made = instance(
        c,
        BlockDeviceMappings=[
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "DeleteOnTermination": True},
            }
        ],
    )
    found = c.until(
        lambda: c.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [made]}])["Volumes"],
        what="the volume",
    )
    c.same([(one["Size"], one["VolumeType"]) for one in found], [(30, "gp3")])


@check(
    "ec2",
    "a root volume goes with its instance",
    aws="EC2 User Guide, Terminate: volumes with DeleteOnTermination are deleted; InvalidVolume.NotFound",
)
def _(c):
    made = instance(c)
    mapped = c.until(lambda: describe_instance(c, made)["BlockDeviceMappings"], what="the block device")
    c.ec2.terminate_instances(InstanceIds=[made])
    until_state(c, made, "terminated")
    c.until_refused("InvalidVolume.NotFound", c.ec2.describe_volumes, VolumeIds=[mapped[0]["Ebs"]["VolumeId"]])


@check("ec2", "a volume that is not there is not found", aws=f"{ERRORS}: InvalidVolume.NotFound")
def _(c):
    c.refused("InvalidVolume.NotFound", c.ec2.describe_volumes, status=400, VolumeIds=["vol-0123456789abcdef0"])


@check(
    "ec2",
    "the status of running instances is told",
    aws="EC2 API Reference, DescribeInstanceStatus: only running instances unless IncludeAllInstances",
)
def _(c):
    made = instance(c)
    [found] = c.ec2.describe_instance_status(InstanceIds=[made])["InstanceStatuses"]
    c.same((found["InstanceId"], found["InstanceState"]["Name"]), (made, "running"))
    c.ec2.stop_instances(InstanceIds=[made])
    until_state(c, made, "stopped")
    c.same(c.ec2.describe_instance_status(InstanceIds=[made])["InstanceStatuses"], [], "of a stopped one")
    [found] = c.ec2.describe_instance_status(InstanceIds=[made], IncludeAllInstances=True)["InstanceStatuses"]
    c.same(found["InstanceState"]["Name"], "stopped")
