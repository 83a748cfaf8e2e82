"""Firehose: delivery streams themselves."""

import datetime

from conformance.checks import DIFFERS, check
from conformance.context import OTHER_REGION
from conformance.given import (
    WHILE_ROLES_SPREAD,
    account,
    bucket,
    delivery_role,
    destination,
    remove_stream,
    role,
    stream,
    trust,
    unfinished_stream,
)

CREATE = "Firehose API Reference, CreateDeliveryStream"
DESCRIBE = "Firehose API Reference, DescribeDeliveryStream"
HINTS = "Firehose API Reference, BufferingHints"
PREFIXES = "Firehose Developer Guide, Custom prefixes for Amazon S3 objects"
UPDATE = "Firehose API Reference, UpdateDestination"
LIST = "Firehose API Reference, ListDeliveryStreams"
TAGS = "Firehose API Reference, TagDeliveryStream, UntagDeliveryStream and ListTagsForDeliveryStream"
DELETE = "Firehose API Reference, DeleteDeliveryStream"

# What breaks a member's stated bounds is a ValidationException, what Firehose itself checks an InvalidArgumentException.
INVALID = ("ValidationException", "InvalidArgumentException")


def asked(c, **to):
    """CreateDeliveryStream's arguments, with a role that has spread: only what the check is about can be wrong."""
    to_bucket = bucket(c)
    role_arn = delivery_role(c, to_bucket)["Arn"]
    probe = c.name("probe")
    arguments = {
        "DeliveryStreamType": "DirectPut",
        "ExtendedS3DestinationConfiguration": destination(role_arn, to_bucket),
    }
    c.while_refused(
        WHILE_ROLES_SPREAD, c.firehose.create_delivery_stream, timeout=60, DeliveryStreamName=probe, **arguments
    )
    c.later(remove_stream, c=c, name=probe)
    arguments["ExtendedS3DestinationConfiguration"] = destination(role_arn, to_bucket, **to)
    return {"DeliveryStreamName": c.name("stream"), **arguments}


def refuse(c, code, arguments, **more):
    """The stream is refused, and if it is not, it is taken away again."""

    def create(**given):
        answer = c.unchecked("firehose").create_delivery_stream(**given)
        c.later(remove_stream, c=c, name=given["DeliveryStreamName"])
        return answer

    c.refused(code, create, status=400, **more, **arguments)


@check(
    "firehose",
    "a new stream is CREATING, then ACTIVE",
    moto=DIFFERS,
    aws=f"{CREATE}: the initial status is CREATING; after the stream is created it is ACTIVE and accepts data",
)
def _(c):
    made = unfinished_stream(c)
    c.same(made.describe()["DeliveryStreamStatus"], "CREATING")
    made.until_active()


@check(
    "firehose",
    "a stream is described as it was made",
    aws=f"{DESCRIBE}: DeliveryStreamARN, DeliveryStreamType, VersionId 1, CreateTimestamp, one destination",
)
def _(c):
    made = stream(
        c, Prefix="raw/", BufferingHints={"SizeInMBs": 7, "IntervalInSeconds": 120}, CompressionFormat="GZIP"
    )
    found = made.describe()
    c.same(
        found["DeliveryStreamARN"], f"arn:aws:firehose:us-east-1:{account(c)}:deliverystream/{made.name}", "ARN"
    )
    c.same(
        (
            found["DeliveryStreamName"],
            found["DeliveryStreamType"],
            found["VersionId"],
            found["HasMoreDestinations"],
        ),
        (made.name, "DirectPut", "1", False),
    )
    age = datetime.datetime.now(datetime.timezone.utc) - found["CreateTimestamp"]
    c.holds(abs(age.total_seconds()) < 300, "CreateTimestamp is not now")
    to = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    c.same((to["BucketARN"], to["RoleARN"]), (f"arn:aws:s3:::{made.bucket}", made.role_arn), "bucket and role")
    c.same(
        (to["Prefix"], to["BufferingHints"], to["CompressionFormat"]),
        ("raw/", {"SizeInMBs": 7, "IntervalInSeconds": 120}, "GZIP"),
    )


@check(
    "firehose",
    "a destination has its usual values",
    moto=DIFFERS,
    aws="Firehose API Reference, ExtendedS3DestinationConfiguration: 5 MiB and 300 s, UNCOMPRESSED, no encryption, no backup",
)
def _(c):
    arguments = asked(c)
    del arguments["ExtendedS3DestinationConfiguration"]["BufferingHints"]
    del arguments["DeliveryStreamType"]
    c.firehose.create_delivery_stream(**arguments)
    name = arguments["DeliveryStreamName"]
    c.later(remove_stream, c=c, name=name)
    found = c.firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    c.same(found["DeliveryStreamType"], "DirectPut")
    to = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    c.same(
        (to["BufferingHints"], to["CompressionFormat"]),
        ({"SizeInMBs": 5, "IntervalInSeconds": 300}, "UNCOMPRESSED"),
    )
    c.same(to["EncryptionConfiguration"], {"NoEncryptionConfig": "NoEncryption"}, "EncryptionConfiguration")
    c.same(to["S3BackupMode"], "Disabled", "S3BackupMode")


@check("firehose", "a stream's name is its own", aws=f"{CREATE}: ResourceInUseException (400)")
def _(c):
    made = unfinished_stream(c)
    c.refused(
        "ResourceInUseException",
        c.firehose.create_delivery_stream,
        status=400,
        DeliveryStreamName=made.name,
        ExtendedS3DestinationConfiguration=destination(made.role_arn, made.bucket),
    )


@check(
    "firehose",
    "a stream's name has only certain characters",
    moto=DIFFERS,
    aws=f"{CREATE}: DeliveryStreamName matches [a-zA-Z0-9_.-]+",
)
def _(c):
    arguments = asked(c)
    for name in ("a stream", "a/stream", "größe"):
        refuse(c, INVALID, {**arguments, "DeliveryStreamName": name})


@check(
    "firehose",
    "a stream's name has at most 64 characters",
    moto=DIFFERS,
    aws=f"{CREATE}: DeliveryStreamName of 1 to 64 characters",
)
def _(c):
    refuse(c, INVALID, {**asked(c), "DeliveryStreamName": "s" * 65})


def bounded(title, hints, moto=None):
    @check(
        "firehose",
        f"a buffer of {title} is refused",
        moto=moto,
        aws=f"{HINTS}: SizeInMBs is from 1 to 128, IntervalInSeconds from 0 to 900",
    )
    def _(c):
        refuse(c, INVALID, asked(c, BufferingHints=hints))


bounded("more than 900 seconds", {"SizeInMBs": 5, "IntervalInSeconds": 901}, DIFFERS)
bounded("less than no time", {"SizeInMBs": 5, "IntervalInSeconds": -1}, DIFFERS)
bounded("more than 128 MiB", {"SizeInMBs": 129, "IntervalInSeconds": 300}, DIFFERS)
bounded("less than 1 MiB", {"SizeInMBs": 0, "IntervalInSeconds": 300}, DIFFERS)


@check(
    "firehose",
    "a buffer's bounds are accepted",
    aws=f"{HINTS}: SizeInMBs is from 1 to 128, IntervalInSeconds from 0 to 900",
)
def _(c):
    for hints in ({"SizeInMBs": 128, "IntervalInSeconds": 900}, {"SizeInMBs": 1, "IntervalInSeconds": 0}):
        found = unfinished_stream(c, BufferingHints=hints).describe()
        c.same(found["Destinations"][0]["ExtendedS3DestinationDescription"]["BufferingHints"], hints)


@check(
    "firehose",
    "a prefix with expressions wants an error prefix",
    moto=DIFFERS,
    aws=f"{PREFIXES}: ErrorOutputPrefix is required when Prefix contains expressions",
)
def _(c):
    refuse(c, "InvalidArgumentException", asked(c, Prefix="raw/!{timestamp:yyyy}/"))


@check(
    "firehose",
    "an error prefix with expressions names the kind of error",
    moto=DIFFERS,
    aws=f"{PREFIXES}: ErrorOutputPrefix with expressions must contain !{{firehose:error-output-type}}",
)
def _(c):
    refuse(
        c,
        "InvalidArgumentException",
        asked(c, Prefix="raw/!{timestamp:yyyy}/", ErrorOutputPrefix="errors/!{timestamp:yyyy}/"),
    )


@check(
    "firehose",
    "a prefix does not name a kind of error",
    moto=DIFFERS,
    aws=f"{PREFIXES}: !{{firehose:error-output-type}} can be used only in ErrorOutputPrefix",
)
def _(c):
    refuse(
        c,
        "InvalidArgumentException",
        asked(
            c,
            Prefix="raw/!{firehose:error-output-type}/",
            ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        ),
    )


@check(
    "firehose",
    "a prefix has only known expressions",
    moto=DIFFERS,
    aws=f"{PREFIXES}: expressions are !{{namespace:value}}, with the namespaces firehose, timestamp, partitionKeyFrom…",
)
def _(c):
    refuse(
        c,
        "InvalidArgumentException",
        asked(c, Prefix="raw/!{weather:today}/", ErrorOutputPrefix="errors/!{firehose:error-output-type}/"),
    )


@check(
    "firehose",
    "a compression that is none is refused",
    moto=DIFFERS,
    aws="Firehose API Reference, ExtendedS3DestinationConfiguration: CompressionFormat is UNCOMPRESSED, GZIP, ZIP, Snappy or HADOOP_SNAPPY",
)
def _(c):
    refuse(c, INVALID, asked(c, CompressionFormat="PKZIP"))


@check(
    "firehose",
    "a role that Firehose may not assume is refused",
    moto=DIFFERS,
    aws=f"{CREATE}; Controlling access: Firehose must be able to assume the role; InvalidArgumentException, unable to assume role",
)
def _(c):
    to_bucket = bucket(c)
    other = role(c, trust("ec2.amazonaws.com"))["Arn"]
    refuse(
        c,
        "InvalidArgumentException",
        {
            "DeliveryStreamName": c.name("stream"),
            "ExtendedS3DestinationConfiguration": destination(other, to_bucket),
        },
        message="unable to assume role",
    )


@check(
    "firehose",
    "a role that is not there is refused",
    moto=DIFFERS,
    aws=f"{CREATE}; Controlling access: Firehose must be able to assume the role; InvalidArgumentException",
)
def _(c):
    arn = f"arn:aws:iam::{account(c)}:role/{c.name('none')}"
    refuse(
        c,
        "InvalidArgumentException",
        {
            "DeliveryStreamName": c.name("stream"),
            "ExtendedS3DestinationConfiguration": destination(arn, bucket(c)),
        },
    )


@check("firehose", "a stream has a destination", aws=f"{CREATE}: exactly one destination must be specified")
def _(c):
    refuse(c, "InvalidArgumentException", {"DeliveryStreamName": c.name("stream")})


@check(
    "firehose",
    "a missing stream is ResourceNotFoundException",
    aws="Firehose API Reference: ResourceNotFoundException (400), the specified resource could not be found",
)
def _(c):
    name = c.name("none")
    for call, more in [
        (c.firehose.describe_delivery_stream, {}),
        (c.firehose.delete_delivery_stream, {}),
        (c.firehose.put_record, {"Record": {"Data": b"x"}}),
        (c.firehose.put_record_batch, {"Records": [{"Data": b"x"}]}),
        (c.firehose.list_tags_for_delivery_stream, {}),
        (c.firehose.tag_delivery_stream, {"Tags": [{"Key": "a", "Value": "1"}]}),
        (c.firehose.untag_delivery_stream, {"TagKeys": ["a"]}),
        (
            c.firehose.update_destination,
            {
                "CurrentDeliveryStreamVersionId": "1",
                "DestinationId": "destinationId-000000000001",
                "ExtendedS3DestinationUpdate": {"Prefix": "a/"},
            },
        ),
    ]:
        c.refused("ResourceNotFoundException", call, status=400, DeliveryStreamName=name, **more)


@check("firehose", "streams are of a region", aws=f"{CREATE}: names are unique per account and Region")
def _(c):
    made = unfinished_stream(c)
    other = c.client("firehose", region=OTHER_REGION)
    c.refused("ResourceNotFoundException", other.describe_delivery_stream, DeliveryStreamName=made.name)


@check(
    "firehose",
    "an update changes what it names and keeps the rest",
    aws=f"{UPDATE}: merges with the destination that is there; parameters that are not specified are retained",
)
def _(c):
    made = stream(
        c, Prefix="one/", CompressionFormat="GZIP", BufferingHints={"SizeInMBs": 3, "IntervalInSeconds": 60}
    )
    made.update(Prefix="two/")

    def changed():
        to = made.describe()["Destinations"][0]["ExtendedS3DestinationDescription"]
        return to if to["Prefix"] == "two/" else None

    found = c.until(changed, what="the new prefix")
    c.same(
        (found["CompressionFormat"], found["BufferingHints"]), ("GZIP", {"SizeInMBs": 3, "IntervalInSeconds": 60})
    )
    c.same(
        (found["BucketARN"], found["RoleARN"]), (f"arn:aws:s3:::{made.bucket}", made.role_arn), "bucket and role"
    )


@check(
    "firehose",
    "each update is a new version",
    aws=f"{UPDATE} and {DESCRIBE}: VersionId grows each time the destination is updated",
)
def _(c):
    made = stream(c)
    made.update(Prefix="two/")
    c.until(lambda: made.describe()["VersionId"] == "2", what="VersionId 2")
    made.update(Prefix="three/")
    c.until(lambda: made.describe()["VersionId"] == "3", what="VersionId 3")


@check(
    "firehose",
    "an update says when it was",
    aws="Firehose API Reference, DeliveryStreamDescription: LastUpdateTimestamp",
)
def _(c):
    made = stream(c)
    made.update(Prefix="two/")
    found = c.until(lambda: made.describe().get("LastUpdateTimestamp"), what="a LastUpdateTimestamp")
    c.holds(found >= made.describe()["CreateTimestamp"], "it was updated before it was created")


@check(
    "firehose",
    "an update of an older version is refused",
    aws=f"{UPDATE}: ConcurrentModificationException (400), another modification has already happened; fetch VersionId again",
)
def _(c):
    made = stream(c)
    made.update(Prefix="two/")
    c.until(lambda: made.describe()["VersionId"] == "2", what="VersionId 2")
    c.refused("ConcurrentModificationException", made.update, status=400, version="1", Prefix="three/")


@check(
    "firehose",
    "an update of another destination is refused",
    aws=f"{UPDATE}: InvalidArgumentException (400) for a DestinationId that is none",
)
def _(c):
    made = stream(c)
    c.refused(
        "InvalidArgumentException",
        c.firehose.update_destination,
        status=400,
        DeliveryStreamName=made.name,
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000009",
        ExtendedS3DestinationUpdate={"Prefix": "a/"},
    )


@check(
    "firehose",
    "an update is held to the same bounds",
    moto=DIFFERS,
    aws=f"{UPDATE} and {HINTS}: IntervalInSeconds from 0 to 900",
)
def _(c):
    made = stream(c)
    seen = made.describe()
    c.refused(
        INVALID,
        c.unchecked("firehose").update_destination,
        status=400,
        DeliveryStreamName=made.name,
        CurrentDeliveryStreamVersionId=seen["VersionId"],
        DestinationId=seen["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 901}},
    )
    c.same(made.describe()["VersionId"], "1", "VersionId")


@check(
    "firehose",
    "streams are listed by name and in pages",
    aws=f"{LIST}: alphabetical order; Limit, HasMoreDeliveryStreams, ExclusiveStartDeliveryStreamName",
)
def _(c):
    prefix = c.name("listed")
    made = [unfinished_stream(c, name=f"{prefix}-{end}").name for end in ("b", "c", "a")]
    page = c.firehose.list_delivery_streams(ExclusiveStartDeliveryStreamName=prefix, Limit=2)
    c.same(page["DeliveryStreamNames"], sorted(made)[:2], "the first page")
    c.same(page["HasMoreDeliveryStreams"], True, "HasMoreDeliveryStreams")
    page = c.firehose.list_delivery_streams(
        ExclusiveStartDeliveryStreamName=page["DeliveryStreamNames"][-1], Limit=1
    )
    c.same(page["DeliveryStreamNames"], sorted(made)[2:], "the second page")


@check("firehose", "streams are listed by type", aws=f"{LIST}: DeliveryStreamType limits the list")
def _(c):
    made = unfinished_stream(c)
    start = made.name[:-1]
    found = c.firehose.list_delivery_streams(
        ExclusiveStartDeliveryStreamName=start, DeliveryStreamType="DirectPut", Limit=100
    )
    c.holds(made.name in found["DeliveryStreamNames"], "it is not among those of its type")
    found = c.firehose.list_delivery_streams(
        ExclusiveStartDeliveryStreamName=start, DeliveryStreamType="KinesisStreamAsSource", Limit=100
    )
    c.holds(made.name not in found["DeliveryStreamNames"], "it is among those of another type")


@check("firehose", "a stream's tags are made with it, added, replaced and removed", aws=TAGS)
def _(c):
    made = stream(c, tags=[{"Key": "a", "Value": "1"}])
    where = {"DeliveryStreamName": made.name}
    c.firehose.tag_delivery_stream(**where, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "ü"}])
    found = c.firehose.list_tags_for_delivery_stream(**where)
    c.same({tag["Key"]: tag["Value"] for tag in found["Tags"]}, {"a": "2", "b": "ü"}, "the tags")
    c.same(found["HasMoreTags"], False, "HasMoreTags")
    c.firehose.untag_delivery_stream(**where, TagKeys=["a", "none"])
    c.same(
        c.firehose.list_tags_for_delivery_stream(**where)["Tags"], [{"Key": "b", "Value": "ü"}], "the tags left"
    )


@check("firehose", "a stream's tags are listed in pages", aws=f"{TAGS}: Limit, HasMoreTags, ExclusiveStartTagKey")
def _(c):
    made = stream(c, tags=[{"Key": key, "Value": ""} for key in ("a", "b", "c")])
    first = c.firehose.list_tags_for_delivery_stream(DeliveryStreamName=made.name, Limit=2)
    c.same((len(first["Tags"]), first["HasMoreTags"]), (2, True), "the first page")
    second = c.firehose.list_tags_for_delivery_stream(
        DeliveryStreamName=made.name, ExclusiveStartTagKey=first["Tags"][-1]["Key"]
    )
    c.same(second["HasMoreTags"], False, "HasMoreTags")
    c.same(sorted(tag["Key"] for tag in first["Tags"] + second["Tags"]), ["a", "b", "c"])


@check(
    "firehose",
    "a stream that is deleted is DELETING, then gone",
    moto=DIFFERS,
    aws=f"{DELETE}: it goes into the DELETING state; DescribeDeliveryStream then says that it is not found",
)
def _(c):
    made = stream(c)
    c.firehose.delete_delivery_stream(DeliveryStreamName=made.name)
    c.same(made.describe()["DeliveryStreamStatus"], "DELETING")
    c.until_refused(
        "ResourceNotFoundException", c.firehose.describe_delivery_stream, 90, DeliveryStreamName=made.name
    )


@check(
    "firehose",
    "a stream that is being made is not deleted",
    moto=DIFFERS,
    aws=f"{DELETE}: a stream in the CREATING state cannot be deleted; ResourceInUseException (400)",
)
def _(c):
    made = unfinished_stream(c)
    c.refused(
        "ResourceInUseException", c.firehose.delete_delivery_stream, status=400, DeliveryStreamName=made.name
    )
    made.until_active()


@check(
    "firehose",
    "a deleted stream's name can be used again",
    aws=f"{CREATE}: names are unique among the streams that there are",
)
def _(c):
    made = stream(c)
    remove_stream(c, made.name)
    c.while_refused(
        "ResourceInUseException",
        c.firehose.create_delivery_stream,
        DeliveryStreamName=made.name,
        ExtendedS3DestinationConfiguration=destination(made.role_arn, made.bucket),
    )
    c.same(made.describe()["VersionId"], "1", "VersionId")
