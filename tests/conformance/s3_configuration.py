"""S3: what is set on a bucket."""

from conformance.checks import DIFFERS, check
from conformance.given import bucket, put, versioned_bucket

BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
LIFECYCLE = "S3 API Reference, PutBucketLifecycleConfiguration"


def rule(**more):
    return {"ID": "one", "Filter": {"Prefix": "raw/"}, "Status": "Enabled", "Expiration": {"Days": 30}, **more}


def put_rules(c, name, *rules):
    return {"Bucket": name, "LifecycleConfiguration": {"Rules": list(rules)}}


@check(
    "s3",
    "a new bucket blocks all public access",
    moto=DIFFERS,
    aws="S3 User Guide, Blocking public access: since April 2023 all four settings are on for new buckets",
)
def _(c):
    found = c.s3.get_public_access_block(Bucket=bucket(c))["PublicAccessBlockConfiguration"]
    c.same(found, BLOCK)


@check(
    "s3",
    "a public access block is kept as put",
    aws="S3 API Reference, PutPublicAccessBlock and GetPublicAccessBlock",
)
def _(c):
    name = bucket(c)
    wanted = {**BLOCK, "BlockPublicAcls": False}
    c.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=wanted)
    c.same(c.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"], wanted)


@check(
    "s3",
    "without a public access block there is none to get",
    aws="S3 API Reference, GetPublicAccessBlock and S3 error codes: NoSuchPublicAccessBlockConfiguration (404)",
)
def _(c):
    name = bucket(c)
    answer = c.s3.delete_public_access_block(Bucket=name)
    c.same(answer["ResponseMetadata"]["HTTPStatusCode"], 204, "the status")
    c.refused("NoSuchPublicAccessBlockConfiguration", c.s3.get_public_access_block, status=404, Bucket=name)


@check(
    "s3",
    "a new bucket encrypts with SSE-S3",
    moto=DIFFERS,
    aws="S3 User Guide, Default encryption: since January 2023 every bucket has SSE-S3 (AES256) as its default",
)
def _(c):
    rules = c.s3.get_bucket_encryption(Bucket=bucket(c))["ServerSideEncryptionConfiguration"]["Rules"]
    c.same(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")
    c.same(rules[0].get("BucketKeyEnabled"), False, "BucketKeyEnabled")


@check(
    "s3",
    "an encryption default is kept as put",
    aws="S3 API Reference, PutBucketEncryption and GetBucketEncryption",
)
def _(c):
    name = bucket(c)
    wanted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    c.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [wanted]})
    found = c.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    c.same(found[0]["ApplyServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"})
    c.same(found[0]["BucketKeyEnabled"], True, "BucketKeyEnabled")


@check(
    "s3",
    "deleting the encryption default sets SSE-S3 again",
    moto=DIFFERS,
    aws="S3 API Reference, DeleteBucketEncryption: resets the default encryption to SSE-S3",
)
def _(c):
    name = bucket(c)
    c.s3.delete_bucket_encryption(Bucket=name)
    rules = c.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    c.same(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")


@check(
    "s3",
    "an object says how it is encrypted",
    moto=DIFFERS,
    aws="S3 User Guide, Default encryption: PutObject and HeadObject answer with x-amz-server-side-encryption",
)
def _(c):
    name = bucket(c)
    c.same(c.s3.put_object(Bucket=name, Key="key", Body=b"x").get("ServerSideEncryption"), "AES256", "PutObject's")
    c.same(c.s3.head_object(Bucket=name, Key="key").get("ServerSideEncryption"), "AES256", "HeadObject's")


@check(
    "s3",
    "a bucket without tags has no tag set",
    aws="S3 API Reference, GetBucketTagging: NoSuchTagSet, there is no tag set associated with the bucket",
)
def _(c):
    c.refused("NoSuchTagSet", c.s3.get_bucket_tagging, status=404, Bucket=bucket(c))


@check(
    "s3",
    "bucket tags replace those before",
    aws="S3 API Reference, PutBucketTagging: sets the tags; the new set overwrites any that was there",
)
def _(c):
    name = bucket(c)
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "b", "Value": "ü & <2>"}]})
    c.same(c.s3.get_bucket_tagging(Bucket=name)["TagSet"], [{"Key": "b", "Value": "ü & <2>"}])


@check(
    "s3",
    "deleted bucket tags are gone",
    aws="S3 API Reference, DeleteBucketTagging: 204; GetBucketTagging then gives NoSuchTagSet",
)
def _(c):
    name = bucket(c)
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    c.same(c.s3.delete_bucket_tagging(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"], 204, "the status")
    c.refused("NoSuchTagSet", c.s3.get_bucket_tagging, Bucket=name)


@check(
    "s3",
    "a bucket's tag key stands once",
    aws="S3 API Reference, PutBucketTagging: InvalidTag, the tag did not pass input validation, as with duplicate keys",
)
def _(c):
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    c.refused("InvalidTag", c.s3.put_bucket_tagging, status=400, Bucket=bucket(c), Tagging={"TagSet": twice})


@check(
    "s3",
    "bucket tags of AWS's own prefix are refused",
    aws="S3 API Reference, PutBucketTagging: InvalidTag; the prefix aws: is reserved (Cost allocation tags)",
)
def _(c):
    c.refused(
        "InvalidTag",
        c.s3.put_bucket_tagging,
        status=400,
        Bucket=bucket(c),
        Tagging={"TagSet": [{"Key": "aws:mine", "Value": "1"}]},
    )


@check(
    "s3",
    "a bucket without lifecycle rules has none to get",
    aws="S3 API Reference, GetBucketLifecycleConfiguration: NoSuchLifecycleConfiguration (404)",
)
def _(c):
    c.refused(
        "NoSuchLifecycleConfiguration", c.s3.get_bucket_lifecycle_configuration, status=404, Bucket=bucket(c)
    )


@check(
    "s3",
    "lifecycle rules are kept as put",
    aws="S3 API Reference, PutBucketLifecycleConfiguration and GetBucketLifecycleConfiguration",
)
def _(c):
    name = bucket(c)
    rules = [
        rule(),
        {
            "ID": "two",
            "Filter": {"Prefix": ""},
            "Status": "Disabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
        },
    ]
    c.s3.put_bucket_lifecycle_configuration(**put_rules(c, name, *rules))
    c.same(c.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"], rules)


@check(
    "s3",
    "lifecycle rules replace those before",
    aws=f"{LIFECYCLE}: creates a new lifecycle configuration or replaces the one that is there",
)
def _(c):
    name = bucket(c)
    c.s3.put_bucket_lifecycle_configuration(**put_rules(c, name, rule()))
    c.s3.put_bucket_lifecycle_configuration(**put_rules(c, name, rule(ID="other")))
    c.same([one["ID"] for one in c.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]], ["other"])


@check("s3", "a lifecycle transition is kept", aws=f"{LIFECYCLE}: Transitions with Days and StorageClass")
def _(c):
    name = bucket(c)
    wanted = rule(Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}], Expiration={"Days": 60})
    c.s3.put_bucket_lifecycle_configuration(**put_rules(c, name, wanted))
    found = c.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    c.same(found["Transitions"], wanted["Transitions"])
    c.same(found["Expiration"], wanted["Expiration"])


@check(
    "s3",
    "a lifecycle rule without an id is given one",
    moto=DIFFERS,
    aws=f"{LIFECYCLE}: ID is a unique identifier; S3 assigns one when it is empty (User Guide, Lifecycle configuration elements)",
)
def _(c):
    name = bucket(c)
    unnamed = rule()
    del unnamed["ID"]
    c.s3.put_bucket_lifecycle_configuration(**put_rules(c, name, unnamed))
    c.holds(c.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0].get("ID"), "the rule has no id")


@check(
    "s3",
    "two lifecycle rules of one id are refused",
    moto=DIFFERS,
    aws="S3 User Guide, Lifecycle configuration elements: each rule's ID must be unique; InvalidArgument (400)",
)
def _(c):
    c.refused(
        "InvalidArgument",
        c.s3.put_bucket_lifecycle_configuration,
        status=400,
        **put_rules(c, bucket(c), rule(), rule(Filter={"Prefix": "b/"})),
    )


@check(
    "s3",
    "a lifecycle rule that does nothing is refused",
    moto=DIFFERS,
    aws="S3 User Guide, Lifecycle configuration elements: each rule needs at least one action; InvalidRequest (400)",
)
def _(c):
    idle = rule()
    del idle["Expiration"]
    c.refused(
        ("InvalidRequest", "MalformedXML"),
        c.s3.put_bucket_lifecycle_configuration,
        status=400,
        **put_rules(c, bucket(c), idle),
    )


@check(
    "s3",
    "objects cannot expire after no days",
    moto=DIFFERS,
    aws=f"{LIFECYCLE}: Days of an expiration must be a non-zero positive integer; InvalidArgument (400)",
)
def _(c):
    c.refused(
        "InvalidArgument",
        c.s3.put_bucket_lifecycle_configuration,
        status=400,
        **put_rules(c, bucket(c), rule(Expiration={"Days": 0})),
    )


@check(
    "s3",
    "a lifecycle rule is enabled or disabled and nothing else",
    moto=DIFFERS,
    aws="S3 error codes: MalformedXML (400), the XML did not validate against the published schema (Status: Enabled | Disabled)",
)
def _(c):
    c.refused(
        "MalformedXML",
        c.s3.put_bucket_lifecycle_configuration,
        status=400,
        **put_rules(c, bucket(c), rule(Status="Perhaps")),
    )


@check(
    "s3",
    "deleted lifecycle rules are gone",
    aws="S3 API Reference, DeleteBucketLifecycle: 204; S3 then never deletes objects by itself",
)
def _(c):
    name = bucket(c)
    c.s3.put_bucket_lifecycle_configuration(**put_rules(c, name, rule()))
    c.same(c.s3.delete_bucket_lifecycle(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"], 204, "the status")
    c.refused("NoSuchLifecycleConfiguration", c.s3.get_bucket_lifecycle_configuration, Bucket=name)


@check(
    "s3",
    "a new bucket was never versioned",
    aws="S3 API Reference, GetBucketVersioning: no Status when versioning was never set",
)
def _(c):
    c.holds("Status" not in c.s3.get_bucket_versioning(Bucket=bucket(c)), "there is a Status")


@check(
    "s3",
    "versioning can be enabled and suspended",
    aws="S3 API Reference, PutBucketVersioning: Status is Enabled or Suspended",
)
def _(c):
    name = versioned_bucket(c)
    c.same(c.s3.get_bucket_versioning(Bucket=name)["Status"], "Enabled")
    c.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    c.same(c.s3.get_bucket_versioning(Bucket=name)["Status"], "Suspended")


@check(
    "s3",
    "a bucket's settings go with it",
    moto=DIFFERS,
    aws="S3 API Reference, DeleteBucket: a bucket of the same name made later is a new bucket",
)
def _(c):
    name = bucket(c)
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    put(c, name, "key")
    c.s3.delete_object(Bucket=name, Key="key")
    c.s3.delete_bucket(Bucket=name)
    c.while_refused(("OperationAborted",), c.s3.create_bucket, Bucket=name)
    c.refused("NoSuchTagSet", c.s3.get_bucket_tagging, Bucket=name)
    c.holds("Contents" not in c.s3.list_objects_v2(Bucket=name), "the new bucket is not empty")
