"""EC2: the default VPC, its subnets, security groups and their rules."""

import re

from conformance.checks import DIFFERS, check
from conformance.context import OTHER_REGION
from conformance.given import account, default_vpc, instance, run_instances, security_group, until_state

GROUP = "EC2 API Reference, CreateSecurityGroup"
INGRESS = "EC2 API Reference, AuthorizeSecurityGroupIngress"
REVOKE = "EC2 API Reference, RevokeSecurityGroupIngress"
GROUPS = "EC2 API Reference, DescribeSecurityGroups"
DELETE = "EC2 API Reference, DeleteSecurityGroup"
ERRORS = "EC2 Developer Guide, Error codes"
DEFAULT = "VPC User Guide, Default VPCs"


def rule(port=22, cidr="203.0.113.7/32", **more):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr, **more}]}


def described(c, group):
    return c.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]


@check(
    "ec2", "there is a default VPC", aws=f"{DEFAULT}: one in each Region, with the IPv4 CIDR block 172.31.0.0/16"
)
def _(c):
    found = c.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    c.same(
        [(one["CidrBlock"], one["IsDefault"], one["State"]) for one in found],
        [("172.31.0.0/16", True, "available")],
    )
    c.holds(re.fullmatch(r"vpc-[0-9a-f]{8,17}", found[0]["VpcId"]), "the id has another form")


@check("ec2", "every region has a default VPC of its own", aws=f"{DEFAULT}: one in each Region")
def _(c):
    here, there = default_vpc(c), default_vpc(c, c.client("ec2", region=OTHER_REGION))
    c.holds(here != there, "both have one id")


@check(
    "ec2",
    "the default VPC has a default subnet in each zone",
    aws=f"{DEFAULT}: a /20 default subnet in each Availability Zone; instances there get a public address",
)
def _(c):
    found = c.ec2.describe_subnets(
        Filters=[{"Name": "vpc-id", "Values": [default_vpc(c)]}, {"Name": "default-for-az", "Values": ["true"]}]
    )["Subnets"]
    c.holds(len(found) >= 2, f"there are {len(found)} default subnets")
    c.holds(
        all(one["CidrBlock"].endswith("/20") and one["MapPublicIpOnLaunch"] for one in found),
        "not all are as said",
    )
    zones = [one["AvailabilityZone"] for one in found]
    c.holds(all(zone.startswith("us-east-1") for zone in zones), f"the zones are {zones}")
    c.same(len(set(zones)), len(zones), "the number of different zones")


@check("ec2", "a VPC that is not there is not found", aws=f"{ERRORS}: InvalidVpcID.NotFound")
def _(c):
    c.refused("InvalidVpcID.NotFound", c.ec2.describe_vpcs, status=400, VpcIds=["vpc-0123456789abcdef0"])


@check(
    "ec2",
    "a VPC has a default security group that stays",
    moto=DIFFERS,
    aws=f"{DELETE}; {ERRORS}: CannotDelete, you cannot delete the default security group",
)
def _(c):
    found = c.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [default_vpc(c)]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    c.same(len(found), 1, "the number of default groups")
    c.refused("CannotDelete", c.ec2.delete_security_group, status=400, GroupId=found[0]["GroupId"])


@check(
    "ec2",
    "a group lets nothing in and everything out",
    aws="VPC User Guide, Security groups: a new one has no inbound rules and one outbound rule that allows all traffic",
)
def _(c):
    found = described(c, security_group(c))
    c.same(found["IpPermissions"], [], "what comes in")
    [out] = found["IpPermissionsEgress"]
    c.same((out["IpProtocol"], [one["CidrIp"] for one in out["IpRanges"]]), ("-1", ["0.0.0.0/0"]), "what goes out")


@check(
    "ec2",
    "a group is described as it was made",
    aws=f"{GROUPS}: GroupId, GroupName, Description, VpcId, OwnerId, Tags; in the default VPC unless it is said",
)
def _(c):
    tags = [{"Key": "Owner", "Value": "me & you"}]
    group = security_group(c, TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}])
    found = described(c, group)
    c.holds(re.fullmatch(r"sg-[0-9a-f]{8,17}", group), f"the id is {group}")
    c.same(
        (found["Description"], found["VpcId"], found["OwnerId"], found["Tags"]),
        ("of a check", default_vpc(c), account(c), tags),
    )


@check("ec2", "a group's name is its own in its VPC", aws=f"{ERRORS}: InvalidGroup.Duplicate")
def _(c):
    name = described(c, security_group(c))["GroupName"]
    c.refused(
        "InvalidGroup.Duplicate", c.ec2.create_security_group, status=400, GroupName=name, Description="again"
    )


@check(
    "ec2",
    "a group's name does not look like an id",
    aws=f"{GROUP}: the name cannot start with sg-; InvalidParameterValue",
    moto=DIFFERS,
)
def _(c):
    c.refused(
        "InvalidParameterValue",
        c.ec2.create_security_group,
        status=400,
        GroupName=f"sg-{c.name('x')}",
        Description="d",
    )


@check(
    "ec2",
    "a group's name has at most 255 characters",
    aws=f"{GROUP}: up to 255 characters in length; InvalidParameterValue",
    moto=DIFFERS,
)
def _(c):
    c.refused(
        "InvalidParameterValue", c.ec2.create_security_group, status=400, GroupName="g" * 256, Description="d"
    )


@check("ec2", "a group of no VPC is not made", moto=DIFFERS, aws=f"{ERRORS}: InvalidVpcID.NotFound")
def _(c):
    c.refused(
        "InvalidVpcID.NotFound",
        c.ec2.create_security_group,
        status=400,
        GroupName=c.name("sg"),
        Description="d",
        VpcId="vpc-0123456789abcdef0",
    )


@check(
    "ec2",
    "a rule is shown as it was put",
    aws=f"{INGRESS}: SecurityGroupRules with an id, and the group's IpPermissions with the description",
)
def _(c):
    group = security_group(c)
    answer = c.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule(Description="from home")])
    c.same(answer["Return"], True, "Return")
    [made] = answer["SecurityGroupRules"]
    c.holds(made["SecurityGroupRuleId"].startswith("sgr-"), "the rule's id has another form")
    c.same(
        (made["IpProtocol"], made["FromPort"], made["ToPort"], made["CidrIpv4"], made["IsEgress"]),
        ("tcp", 22, 22, "203.0.113.7/32", False),
    )
    [found] = described(c, group)["IpPermissions"]
    c.same(
        (found["IpProtocol"], found["FromPort"], found["ToPort"], found["IpRanges"]),
        ("tcp", 22, 22, [{"CidrIp": "203.0.113.7/32", "Description": "from home"}]),
    )


@check(
    "ec2",
    "a rule may be given without a list",
    aws=f"{INGRESS}: IpProtocol, FromPort, ToPort and CidrIp as parameters",
)
def _(c):
    group = security_group(c)
    c.ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=81, CidrIp="10.0.0.0/8"
    )
    [found] = described(c, group)["IpPermissions"]
    c.same((found["FromPort"], found["ToPort"], found["IpRanges"]), (80, 81, [{"CidrIp": "10.0.0.0/8"}]))


@check(
    "ec2",
    "a rule may be for all traffic, IPv6 and groups",
    aws="EC2 API Reference, IpPermission: -1 is all protocols; Ipv6Ranges, UserIdGroupPairs",
)
def _(c):
    group, other = security_group(c), security_group(c)
    c.ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]},
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        ],
    )
    found = {one["IpProtocol"]: one for one in described(c, group)["IpPermissions"]}
    c.same([one["GroupId"] for one in found["-1"]["UserIdGroupPairs"]], [other], "the group")
    c.same(found["tcp"]["Ipv6Ranges"], [{"CidrIpv6": "::/0"}], "the range")
    c.ec2.revoke_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}]
    )


@check("ec2", "a rule stands once", aws=f"{ERRORS}: InvalidPermission.Duplicate")
def _(c):
    group = security_group(c)
    c.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule()])
    c.refused(
        "InvalidPermission.Duplicate",
        c.ec2.authorize_security_group_ingress,
        status=400,
        GroupId=group,
        IpPermissions=[rule()],
    )
    c.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule(cidr="203.0.113.8/32")])
    ranges = [one["CidrIp"] for found in described(c, group)["IpPermissions"] for one in found["IpRanges"]]
    c.same(sorted(ranges), ["203.0.113.7/32", "203.0.113.8/32"], "the ranges")


@check("ec2", "a rule can be revoked", aws=f"{REVOKE}: removes the specified inbound rules")
def _(c):
    group = security_group(c)
    c.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule(), rule(443)])
    c.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule()])
    c.same([one["FromPort"] for one in described(c, group)["IpPermissions"]], [443])


@check(
    "ec2",
    "an address that is none is refused",
    aws=f"{ERRORS}: InvalidParameterValue, the CIDR block is malformed",
)
def _(c):
    group = security_group(c)
    for wrong in ("203.0.113.7", "203.0.113.300/32", "home"):
        c.refused(
            "InvalidParameterValue",
            c.ec2.authorize_security_group_ingress,
            status=400,
            GroupId=group,
            IpPermissions=[rule(cidr=wrong)],
        )


@check("ec2", "rules of a group that is not there are refused", aws=f"{ERRORS}: InvalidGroup.NotFound")
def _(c):
    c.refused(
        "InvalidGroup.NotFound",
        c.ec2.authorize_security_group_ingress,
        status=400,
        GroupId="sg-0123456789abcdef0",
        IpPermissions=[rule()],
    )


@check("ec2", "a group that is not there is not found", aws=f"{ERRORS}: InvalidGroup.NotFound")
def _(c):
    none = "sg-0123456789abcdef0"
    c.refused("InvalidGroup.NotFound", c.ec2.describe_security_groups, status=400, GroupIds=[none])
    c.refused("InvalidGroup.NotFound", c.ec2.delete_security_group, status=400, GroupId=none)


@check(
    "ec2",
    "groups are found by filters",
    aws=f"{GROUPS}: Filters group-name, group-id, vpc-id, tag:key, tag-key; values may have wildcards",
)
def _(c):
    key = c.name("key")
    group = security_group(
        c, TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": key, "Value": "v"}]}]
    )
    security_group(c)
    name = described(c, group)["GroupName"]
    for which, value in (
        ("group-name", name),
        ("group-id", group),
        (f"tag:{key}", "v"),
        ("tag-key", key),
        ("group-name", f"?{name[1:]}"),
    ):
        found = c.ec2.describe_security_groups(Filters=[{"Name": which, "Values": [value]}])["SecurityGroups"]
        c.same([one["GroupId"] for one in found], [group], f"by {which}")
    none = [{"Name": f"tag:{key}", "Values": ["other"]}]
    c.same(c.ec2.describe_security_groups(Filters=none)["SecurityGroups"], [], "by another value")


@check(
    "ec2",
    "a group in use is not deleted",
    moto=DIFFERS,
    aws=f"{DELETE}: a group that is associated with an instance: DependencyViolation",
)
def _(c):
    group = security_group(c)
    made = instance(c, SecurityGroupIds=[group])
    c.refused("DependencyViolation", c.ec2.delete_security_group, status=400, GroupId=group)
    c.ec2.terminate_instances(InstanceIds=[made])
    until_state(c, made, "terminated")
    c.while_refused("DependencyViolation", c.ec2.delete_security_group, GroupId=group)


@check(
    "ec2",
    "a group that another names is not deleted",
    moto=DIFFERS,
    aws=f"{DELETE}: a group that another references: DependencyViolation",
)
def _(c):
    group, other = security_group(c), security_group(c)
    named = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": other}]}]
    c.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=named)
    c.refused("DependencyViolation", c.ec2.delete_security_group, status=400, GroupId=other)
    c.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=named)
    c.ec2.delete_security_group(GroupId=other)


@check("ec2", "a deleted group is gone", aws=f"{DELETE}; DescribeSecurityGroups then gives InvalidGroup.NotFound")
def _(c):
    group = security_group(c)
    c.ec2.delete_security_group(GroupId=group)
    c.refused("InvalidGroup.NotFound", c.ec2.describe_security_groups, GroupIds=[group])


@check(
    "ec2",
    "an instance's groups can be changed while it runs",
    aws="EC2 API Reference, ModifyInstanceAttribute: Groups replaces the security groups of the instance",
)
def _(c):
    first, second = security_group(c), security_group(c)
    made = instance(c, SecurityGroupIds=[first])
    c.ec2.modify_instance_attribute(InstanceId=made, Groups=[second])
    found = c.ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    c.same([one["GroupId"] for one in found["SecurityGroups"]], [second])


@check(
    "ec2",
    "an instance without groups has the default one",
    moto=DIFFERS,
    aws="EC2 API Reference, RunInstances: without a security group, the default security group of the VPC",
)
def _(c):
    found = run_instances(c)["Instances"][0]["SecurityGroups"]
    c.same([one["GroupName"] for one in found], ["default"])
