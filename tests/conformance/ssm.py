"""SSM: the public parameters that name the newest images."""

import re

from conformance.checks import DIFFERS, check
from conformance.context import OTHER_REGION
from conformance.given import NEWEST_ARM_IMAGE, NEWEST_IMAGE

PUBLIC = "Systems Manager User Guide, Calling AMI public parameters"


@check(
    "ssm",
    "the newest Amazon Linux image has a parameter",
    aws=f"{PUBLIC}: {NEWEST_IMAGE} is a String with the id of an AMI",
)
def _(c):
    found = c.ssm.get_parameter(Name=NEWEST_IMAGE)["Parameter"]
    c.same((found["Name"], found["Type"]), (NEWEST_IMAGE, "String"))
    c.holds(re.fullmatch(r"ami-[0-9a-f]{8,17}", found["Value"]), f"the value is {found['Value']}")
    c.holds(found["Version"] >= 1, "no Version")
    c.holds(found["LastModifiedDate"].tzinfo, "no LastModifiedDate")


@check(
    "ssm",
    "a public parameter's ARN has no account",
    moto=DIFFERS,
    aws=f"{PUBLIC}: arn:aws:ssm:region::parameter/aws/service/…",
)
def _(c):
    c.same(
        c.ssm.get_parameter(Name=NEWEST_IMAGE)["Parameter"]["ARN"],
        f"arn:aws:ssm:us-east-1::parameter{NEWEST_IMAGE}",
    )


@check("ssm", "each architecture has its image", aws=f"{PUBLIC}: one parameter for x86_64 and one for arm64")
def _(c):
    arm = c.ssm.get_parameter(Name=NEWEST_ARM_IMAGE)["Parameter"]["Value"]
    intel = c.ssm.get_parameter(Name=NEWEST_IMAGE)["Parameter"]["Value"]
    found = {one["ImageId"]: one["Architecture"] for one in c.ec2.describe_images(ImageIds=[arm, intel])["Images"]}
    c.same(found, {arm: "arm64", intel: "x86_64"})


@check(
    "ssm", "each region has its image", aws=f"{PUBLIC}: AMI ids are of a Region, and so are the parameters' values"
)
def _(c):
    found = c.client("ssm", region=OTHER_REGION).get_parameter(Name=NEWEST_IMAGE)["Parameter"]["Value"]
    images = c.client("ec2", region=OTHER_REGION).describe_images(ImageIds=[found])["Images"]
    c.same([one["ImageId"] for one in images], [found])


@check(
    "ssm",
    "a parameter that is not there is ParameterNotFound",
    aws="SSM API Reference, GetParameter: ParameterNotFound (400)",
)
def _(c):
    c.refused("ParameterNotFound", c.ssm.get_parameter, status=400, Name=f"/{c.name('none')}")
    c.refused(
        "ParameterNotFound", c.ssm.get_parameter, status=400, Name="/aws/service/ami-amazon-linux-latest/none"
    )


@check(
    "ssm",
    "asking for decryption changes nothing for plain text",
    aws="SSM API Reference, GetParameter: WithDecryption is ignored for String and StringList parameters",
)
def _(c):
    plain = c.ssm.get_parameter(Name=NEWEST_IMAGE)["Parameter"]["Value"]
    c.same(c.ssm.get_parameter(Name=NEWEST_IMAGE, WithDecryption=True)["Parameter"]["Value"], plain)
