"""EC2: machine images, key pairs and tags."""

import re

from conformance.checks import DIFFERS, check
from conformance.given import image, instance, security_group

IMAGES = "EC2 API Reference, DescribeImages"
FINGERPRINT = "EC2 User Guide, Verify the fingerprint of your key pair"
TAGS = "EC2 API Reference, CreateTags"
ERRORS = "EC2 Developer Guide, Error codes"

ED25519 = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIvcr8wWfUjVRXIjvJFZl9f4sLdOONMpJPsRCDYVwLA/ check@conformance"
ED25519_DIGEST = "OrBze+Y0lt00CT7fuP6cCUmDpJco9u8VZS+4JaM8kyU"
RSA = (
    b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDDNgAcaV3y7zgfeVDDvKxXD6jtJl8Y3TOPYUrgmbitQhX575/03ECcq8eUFq+aroFhZuWhJnsS"
    b"VZRWKSpH3lUKnoI0ex0xVsyWWOTIJGfqivAFWP4wzKfrOtkLFqQnIv+3tB/IXnFGaaLrH5dKmsyIL6VxCst9OLR3ob/DQf28tTq0xJp2pOXDZx6f"
    b"DKAtI14BYJ3hWsO0qsJW6fDQXYutqf1UHEwf7UPsVICxjpyiSYZNB54zaozeaZ5ww+/AzL/nh7TkhVtDBv0vKVGQjmyyAzOxtPmeHu9ORmiROBUp"
    b"5jACyiER9ZE0I14QWx1Rs2XlPa7t9269fpUwYYeJeysT check@conformance"
)
RSA_DIGEST = "15:13:cd:68:f6:a7:ff:6a:ee:68:b3:8b:fc:69:44:06"


def import_key(c, material=ED25519, **more):
    name = c.name("key")
    answer = c.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=material, **more)
    c.later(c.ec2.delete_key_pair, KeyName=name)
    return name, answer


@check(
    "ec2",
    "an image is described",
    aws="EC2 API Reference, Image: State, Architecture, RootDeviceName, RootDeviceType, VirtualizationType, Public",
)
def _(c):
    [found] = c.ec2.describe_images(ImageIds=[image(c)])["Images"]
    c.same(
        (
            found["State"],
            found["Architecture"],
            found["RootDeviceType"],
            found["VirtualizationType"],
            found["Public"],
        ),
        ("available", "x86_64", "ebs", "hvm", True),
    )
    c.same((found["RootDeviceName"], found["ImageOwnerAlias"]), ("/dev/xvda", "amazon"))
    c.holds(found["Name"].startswith("al2023-ami-"), f"the name is {found['Name']}")
    c.holds(re.match(r"\d{4}-\d\d-\d\dT", found["CreationDate"]), "no CreationDate")


@check(
    "ec2",
    "the newest image wants tokens for its metadata",
    moto=DIFFERS,
    aws="Amazon Linux 2023 User Guide, IMDS: AL2023 AMIs have ImdsSupport v2.0",
)
def _(c):
    c.same(c.ec2.describe_images(ImageIds=[image(c)])["Images"][0].get("ImdsSupport"), "v2.0")


@check(
    "ec2",
    "images are found by owner, name and architecture",
    aws=f"{IMAGES}: Owners, and Filters with wildcards in their values",
)
def _(c):
    found = c.ec2.describe_images(
        Owners=["amazon"],
        Filters=[
            {"Name": "name", "Values": ["al2023-ami-2023*"]},
            {"Name": "architecture", "Values": ["x86_64"]},
            {"Name": "state", "Values": ["available"]},
        ],
    )["Images"]
    c.holds(image(c) in [one["ImageId"] for one in found], "the newest is not among them")
    c.same({one["Architecture"] for one in found}, {"x86_64"}, "the architectures")


@check(
    "ec2",
    "images that nobody has are not found by filters",
    aws=f"{IMAGES}: Filters that nothing matches give an empty list",
)
def _(c):
    c.same(c.ec2.describe_images(Filters=[{"Name": "name", "Values": [c.name("none")]}])["Images"], [])


@check("ec2", "an image that is not there is not found", aws=f"{ERRORS}: InvalidAMIID.NotFound")
def _(c):
    c.refused("InvalidAMIID.NotFound", c.ec2.describe_images, status=400, ImageIds=["ami-0123456789abcdef0"])


@check("ec2", "an image id that is none is malformed", aws=f"{ERRORS}: InvalidAMIID.Malformed")
def _(c):
    c.refused("InvalidAMIID.Malformed", c.ec2.describe_images, status=400, ImageIds=["image-1"])


@check(
    "ec2",
    "an ED25519 key is imported",
    moto=DIFFERS,
    aws=f"{FINGERPRINT}: for ED25519 the base64-encoded SHA-256 digest, as OpenSSH's",
)
def _(c):
    name, answer = import_key(c)
    c.same((answer["KeyName"], answer["KeyFingerprint"].rstrip("=")), (name, ED25519_DIGEST))
    c.holds(re.fullmatch(r"key-[0-9a-f]{8,17}", answer["KeyPairId"]), "the id has another form")


@check(
    "ec2",
    "an RSA key is imported",
    aws=f"{FINGERPRINT}: for imported RSA keys the MD5 digest of the public key in DER form",
)
def _(c):
    c.same(import_key(c, RSA)[1]["KeyFingerprint"], RSA_DIGEST)


@check(
    "ec2",
    "a key is described",
    aws="EC2 API Reference, KeyPairInfo: KeyName, KeyPairId, KeyFingerprint, KeyType, CreateTime, Tags",
)
def _(c):
    tags = [{"Key": "Owner", "Value": "me"}]
    name, answer = import_key(c, TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags}])
    [found] = c.ec2.describe_key_pairs(KeyNames=[name])["KeyPairs"]
    c.same(
        (found["KeyPairId"], found["KeyFingerprint"], found["KeyType"]),
        (answer["KeyPairId"], answer["KeyFingerprint"], "ed25519"),
    )
    c.same(found["Tags"], tags, "the tags")
    c.holds(found["CreateTime"], "no CreateTime")


@check("ec2", "a key's name is its own", aws=f"{ERRORS}: InvalidKeyPair.Duplicate")
def _(c):
    name, _ = import_key(c)
    c.refused(
        "InvalidKeyPair.Duplicate", c.ec2.import_key_pair, status=400, KeyName=name, PublicKeyMaterial=ED25519
    )


@check(
    "ec2",
    "what is no key is not imported",
    moto=DIFFERS,
    aws=f"{ERRORS}: InvalidKey.Format, the key is not valid OpenSSH public key format",
)
def _(c):
    for wrong in (b"not a key", b"ssh-rsa !!!!", b"ssh-ed25519"):
        c.refused(
            "InvalidKey.Format", c.ec2.import_key_pair, status=400, KeyName=c.name("key"), PublicKeyMaterial=wrong
        )


@check("ec2", "a key that is not there is not found", moto=DIFFERS, aws=f"{ERRORS}: InvalidKeyPair.NotFound")
def _(c):
    name = c.name("none")
    c.refused(
        "InvalidKeyPair.NotFound",
        c.ec2.describe_key_pairs,
        status=400,
        KeyNames=[name],
        message=f"The key pair '{name}' does not exist",
    )


@check(
    "ec2",
    "a deleted key is gone, and deleting it again is no error",
    aws="EC2 API Reference, DeleteKeyPair: succeeds if the key pair does not exist",
)
def _(c):
    name, _ = import_key(c)
    c.ec2.delete_key_pair(KeyName=name)
    c.refused("InvalidKeyPair.NotFound", c.ec2.describe_key_pairs, KeyNames=[name])
    c.ec2.delete_key_pair(KeyName=name)


@check(
    "ec2",
    "keys are found by filters",
    aws="EC2 API Reference, DescribeKeyPairs: Filters key-name, key-pair-id, fingerprint, tag:key",
)
def _(c):
    name, answer = import_key(c)
    for which, value in (("key-name", name), ("key-pair-id", answer["KeyPairId"])):
        found = c.ec2.describe_key_pairs(Filters=[{"Name": which, "Values": [value]}])["KeyPairs"]
        c.same([one["KeyName"] for one in found], [name], f"by {which}")


@check("ec2", "tags are added and replaced", aws=f"{TAGS}: adds or overwrites tags; keys are unique per resource")
def _(c):
    group = security_group(c)
    c.ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
    c.ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "2 & <ü>"}])
    found = c.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"]
    c.same({tag["Key"]: tag["Value"] for tag in found}, {"a": "2 & <ü>", "b": "1"})


@check(
    "ec2", "several things are tagged at once", aws=f"{TAGS}: Resources are the ids of the resources, up to 1,000"
)
def _(c):
    group, made = security_group(c), instance(c)
    _, key = import_key(c)
    c.ec2.create_tags(Resources=[group, made, key["KeyPairId"]], Tags=[{"Key": "a", "Value": "1"}])
    found = c.ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]["Tags"]
    c.same(found, [{"Key": "a", "Value": "1"}], "the instance's")
    c.same(c.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"], found, "the group's")
    c.same(c.ec2.describe_key_pairs(KeyPairIds=[key["KeyPairId"]])["KeyPairs"][0]["Tags"], found, "the key's")


@check("ec2", "a thing that is not there is not tagged", moto=DIFFERS, aws=f"{ERRORS}: InvalidInstanceID.NotFound")
def _(c):
    c.refused(
        "InvalidInstanceID.NotFound",
        c.ec2.create_tags,
        status=400,
        Resources=["i-0123456789abcdef0"],
        Tags=[{"Key": "a", "Value": "1"}],
    )


@check("ec2", "a thing has at most 50 tags", aws=f"{ERRORS}: TagLimitExceeded, more than 50 tags for a resource")
def _(c):
    group = security_group(c)
    many = [{"Key": f"key-{number}", "Value": "1"} for number in range(51)]
    c.refused("TagLimitExceeded", c.ec2.create_tags, status=400, Resources=[group], Tags=many)
    c.ec2.create_tags(Resources=[group], Tags=many[:50])


@check(
    "ec2",
    "tags of AWS's own prefix are refused",
    moto=DIFFERS,
    aws="EC2 User Guide, Tag restrictions: the prefix aws: is reserved; InvalidParameterValue",
)
def _(c):
    c.refused(
        "InvalidParameterValue",
        c.ec2.create_tags,
        status=400,
        Resources=[security_group(c)],
        Tags=[{"Key": "aws:mine", "Value": "1"}],
    )


@check(
    "ec2",
    "tags are removed",
    aws="EC2 API Reference, DeleteTags: by key, or by key and value if the value is the tag's",
)
def _(c):
    group = security_group(c)
    c.ec2.create_tags(Resources=[group], Tags=[{"Key": key, "Value": "1"} for key in "abc"])
    c.ec2.delete_tags(
        Resources=[group], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}, {"Key": "c", "Value": "1"}]
    )
    found = c.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"]
    c.same(found, [{"Key": "b", "Value": "1"}])


@check(
    "ec2",
    "tags can be asked for",
    aws="EC2 API Reference, DescribeTags: ResourceId, ResourceType, Key and Value, by filters",
)
def _(c):
    group = security_group(c)
    c.ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "1"}])
    found = c.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [group]}])["Tags"]
    c.same(found, [{"ResourceId": group, "ResourceType": "security-group", "Key": "a", "Value": "1"}])
