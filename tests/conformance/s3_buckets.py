"""S3: buckets themselves."""

from conformance.checks import DIFFERS, check
from conformance.context import OTHER_ACCOUNT, OTHER_REGION
from conformance.given import account, bucket, put, versioned_bucket

NAMES = "S3 User Guide, General purpose bucket naming rules"
CREATE = "S3 API Reference, CreateBucket"
DELETE = "S3 API Reference, DeleteBucket"


@check(
    "s3",
    "creating a bucket of one's own again in us-east-1 succeeds",
    aws=f"{CREATE}: in us-east-1, for compatibility, re-creating a bucket that one owns returns 200 OK",
)
def _(c):
    name = bucket(c)
    c.s3.create_bucket(Bucket=name)


@check(
    "s3",
    "creating a bucket of one's own again elsewhere is a conflict",
    aws=f"{CREATE}: outside us-east-1, BucketAlreadyOwnedByYou (409) for a bucket that one owns",
)
def _(c):
    s3 = c.client("s3", region=OTHER_REGION)
    name = bucket(c, OTHER_REGION)
    c.refused(
        "BucketAlreadyOwnedByYou",
        s3.create_bucket,
        status=409,
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": OTHER_REGION},
    )


@check(
    "s3",
    "a bucket name that another account has is taken",
    moto=DIFFERS,
    aws=f"{CREATE}: BucketAlreadyExists (409) when another account owns the name, since the namespace is shared",
)
def _(c):
    name = bucket(c)
    c.refused("BucketAlreadyExists", c.client("s3", account=OTHER_ACCOUNT).create_bucket, status=409, Bucket=name)


@check(
    "s3",
    "another account may not read a private bucket",
    moto=DIFFERS,
    aws="S3 User Guide, Access control: buckets and objects are private to the owner's account unless shared",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    other = c.client("s3", account=OTHER_ACCOUNT)
    c.refused("AccessDenied", other.get_object, status=403, Bucket=name, Key="key")


@check(
    "s3",
    "a new bucket in us-east-1 has no location constraint",
    aws="S3 API Reference, GetBucketLocation: buckets in us-east-1 have a LocationConstraint of null",
)
def _(c):
    c.same(c.s3.get_bucket_location(Bucket=bucket(c))["LocationConstraint"], None)


@check(
    "s3",
    "a bucket elsewhere says where it is",
    aws="S3 API Reference, GetBucketLocation: LocationConstraint is the bucket's Region",
)
def _(c):
    name = bucket(c, OTHER_REGION)
    s3 = c.client("s3", region=OTHER_REGION)
    c.same(s3.get_bucket_location(Bucket=name)["LocationConstraint"], OTHER_REGION)


@check(
    "s3",
    "HeadBucket says the region",
    aws="S3 API Reference, HeadBucket: the x-amz-bucket-region header is the Region where the bucket is",
)
def _(c):
    name = bucket(c, OTHER_REGION)
    answer = c.client("s3", region=OTHER_REGION).head_bucket(Bucket=name)
    c.same(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region"), OTHER_REGION)


@check(
    "s3",
    "HeadBucket of us-east-1 says the region too",
    aws="S3 API Reference, HeadBucket: the x-amz-bucket-region header is the Region where the bucket is",
)
def _(c):
    answer = c.s3.head_bucket(Bucket=bucket(c))
    c.same(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region"), "us-east-1")


@check(
    "s3",
    "HeadBucket of a missing bucket is a bare 404",
    aws="S3 API Reference, HeadBucket: 404 when there is no such bucket; a HEAD answer has no body to say more",
)
def _(c):
    c.refused("404", c.s3.head_bucket, status=404, Bucket=c.name("none"))


@check(
    "s3",
    "a region's endpoint makes no bucket without its constraint",
    aws=f"{CREATE} and S3 error codes: IllegalLocationConstraintException when the request went to another Region's endpoint",
)
def _(c):
    c.refused(
        "IllegalLocationConstraintException",
        c.client("s3", region=OTHER_REGION).create_bucket,
        status=400,
        Bucket=c.name("bucket"),
    )


@check(
    "s3",
    "a region's endpoint makes no bucket of another region",
    aws="S3 error codes: IllegalLocationConstraintException (400) when the bucket is asked for at another Region's endpoint",
)
def _(c):
    c.refused(
        "IllegalLocationConstraintException",
        c.client("s3", region="us-west-2").create_bucket,
        status=400,
        Bucket=c.name("bucket"),
        CreateBucketConfiguration={"LocationConstraint": OTHER_REGION},
    )


@check(
    "s3",
    "a location that is none is refused",
    moto=DIFFERS,
    aws="S3 error codes: InvalidLocationConstraint (400), the specified location constraint is not valid",
)
def _(c):
    c.refused(
        "InvalidLocationConstraint",
        c.s3.create_bucket,
        status=400,
        Bucket=c.name("bucket"),
        CreateBucketConfiguration={"LocationConstraint": "moon-south-7"},
    )


def refused_name(title, name, rule, moto=None):
    @check("s3", f"a bucket name {title} is refused", moto=moto, aws=f"{NAMES}: {rule}; InvalidBucketName (400)")
    def _(c):
        chosen = name(c)
        c.refused("InvalidBucketName", c.s3.create_bucket, status=400, Bucket=chosen)


refused_name("of two letters", lambda c: "ab", "names are 3 to 63 characters long")
refused_name("of 64 letters", lambda c: c.name("long").ljust(64, "x"), "names are 3 to 63 characters long")
refused_name(
    "with capital letters",
    lambda c: c.name("Capital"),
    "only lowercase letters, numbers, periods and hyphens",
    DIFFERS,
)
refused_name(
    "with an underscore",
    lambda c: c.name("under_score"),
    "only lowercase letters, numbers, periods and hyphens",
    DIFFERS,
)
refused_name(
    "that ends with a hyphen",
    lambda c: c.name("hyphen") + "-",
    "names begin and end with a letter or number",
    DIFFERS,
)


@check(
    "s3",
    "ListBuckets names a bucket and when it was made",
    aws="S3 API Reference, ListBuckets: Buckets with Name and CreationDate, and the Owner",
)
def _(c):
    name = bucket(c)
    answer = c.s3.list_buckets()
    found = [one for one in answer["Buckets"] if one["Name"] == name]
    c.same(len(found), 1, "the number of buckets of that name")
    c.holds(found[0]["CreationDate"].tzinfo, "no creation date")
    c.holds(answer["Owner"]["ID"], "no owner")


@check(
    "s3",
    "ListBuckets keeps to a prefix",
    aws="S3 API Reference, ListBuckets: Prefix limits the response to bucket names that begin with it",
)
def _(c):
    name = bucket(c)
    bucket(c)
    c.same([one["Name"] for one in c.s3.list_buckets(Prefix=name)["Buckets"]], [name])


@check(
    "s3",
    "ListBuckets comes in pages",
    moto=DIFFERS,
    aws="S3 API Reference, ListBuckets: MaxBuckets limits a page, ContinuationToken goes on with the next",
)
def _(c):
    made = {bucket(c), bucket(c), bucket(c)}
    prefix = min(made)[: len("conf-bucket-xxxxxx")]
    seen, token, pages = [], {}, 0
    while True:
        page = c.s3.list_buckets(Prefix=prefix, MaxBuckets=2, **token)
        c.holds(len(page["Buckets"]) <= 2, "a page has more than MaxBuckets")
        seen += [one["Name"] for one in page["Buckets"]]
        pages += 1
        if "ContinuationToken" not in page:
            break
        token = {"ContinuationToken": page["ContinuationToken"]}
    c.holds(pages >= 2, "all came on one page")
    c.holds(made <= set(seen), "a bucket is missing from the pages")
    c.same(len(seen), len(set(seen)), "the number of distinct buckets")


@check(
    "s3",
    "a bucket with an object cannot be deleted",
    aws=f"{DELETE}: all objects must be deleted before; BucketNotEmpty (409)",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    c.refused("BucketNotEmpty", c.s3.delete_bucket, status=409, Bucket=name)


@check(
    "s3",
    "a bucket with only old versions cannot be deleted",
    aws=f"{DELETE}: all object versions must be deleted before; BucketNotEmpty (409)",
)
def _(c):
    name = versioned_bucket(c)
    put(c, name, "key")
    marker = c.s3.delete_object(Bucket=name, Key="key")["VersionId"]
    c.refused("BucketNotEmpty", c.s3.delete_bucket, status=409, Bucket=name)
    c.holds(marker, "no version id of the delete marker")


@check(
    "s3",
    "a bucket with only a delete marker cannot be deleted",
    aws=f"{DELETE}: all delete markers must be deleted before; BucketNotEmpty (409)",
)
def _(c):
    name = versioned_bucket(c)
    version = c.s3.put_object(Bucket=name, Key="key", Body=b"x")["VersionId"]
    c.s3.delete_object(Bucket=name, Key="key")
    c.s3.delete_object(Bucket=name, Key="key", VersionId=version)
    c.refused("BucketNotEmpty", c.s3.delete_bucket, status=409, Bucket=name)


@check("s3", "a deleted bucket is gone", aws=f"{DELETE}: 204 with no body; HeadBucket then gives 404")
def _(c):
    name = bucket(c)
    answer = c.s3.delete_bucket(Bucket=name)
    c.same(answer["ResponseMetadata"]["HTTPStatusCode"], 204, "the status")
    c.until_refused("404", c.s3.head_bucket, Bucket=name)


@check(
    "s3",
    "deleting a missing bucket is refused",
    aws="S3 error codes: NoSuchBucket (404), the specified bucket does not exist",
)
def _(c):
    c.refused(
        "NoSuchBucket",
        c.s3.delete_bucket,
        status=404,
        Bucket=c.name("none"),
        message="The specified bucket does not exist",
    )


@check(
    "s3",
    "every operation on a missing bucket says NoSuchBucket",
    aws="S3 error codes: NoSuchBucket (404), the specified bucket does not exist",
)
def _(c):
    name = c.name("none")
    for call in (
        c.s3.list_objects_v2,
        c.s3.list_object_versions,
        c.s3.list_multipart_uploads,
        c.s3.get_bucket_location,
        c.s3.get_bucket_tagging,
        c.s3.get_bucket_versioning,
        c.s3.get_public_access_block,
        c.s3.get_bucket_encryption,
        c.s3.get_bucket_lifecycle_configuration,
    ):
        c.refused("NoSuchBucket", call, status=404, Bucket=name)


@check(
    "s3",
    "the expected owner is held to",
    moto=DIFFERS,
    aws="S3 User Guide, Verifying bucket ownership: with another account's id as ExpectedBucketOwner, 403 AccessDenied",
)
def _(c):
    name = bucket(c)
    c.s3.get_bucket_location(Bucket=name, ExpectedBucketOwner=account(c))
    c.refused(
        "AccessDenied", c.s3.get_bucket_versioning, status=403, Bucket=name, ExpectedBucketOwner=OTHER_ACCOUNT
    )
