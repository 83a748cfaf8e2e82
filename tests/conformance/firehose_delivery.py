"""Firehose: records in, objects out."""

import datetime
import gzip
import itertools
import json
import re
import time
import zoneinfo

from conformance.checks import DIFFERS, check
from conformance.given import (
    allow,
    body_of,
    document,
    keys_of,
    log_group,
    remove_bucket,
    stream,
    unfinished_stream,
)

PUT = "Firehose API Reference, PutRecord"
BATCH = "Firehose API Reference, PutRecordBatch"
DELIVERY = "Firehose Developer Guide, Configure Amazon S3 object name format / Understand data delivery"
PREFIXES = "Firehose Developer Guide, Custom prefixes for Amazon S3 objects"
BUFFERING = "Firehose Developer Guide, Configure buffering hints"
ERRORS = "Firehose Developer Guide, Monitor with CloudWatch Logs, Amazon S3 data delivery errors"
INVALID = ("ValidationException", "InvalidArgumentException")
STAMP = r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NO_ERRORS = {"ErrorOutputPrefix": "errors/!{firehose:error-output-type}/"}


def records(*data):
    return [{"Data": one} for one in data]


def object_name(made, version=1):
    """What the last part of a delivered object's key looks like, without an extension."""
    return rf"{re.escape(made.name)}-{version}-{STAMP}-{UUID}"


def matches(c, pattern, key):
    c.holds(re.fullmatch(pattern, key), f"the key is {key!r}, which is not {pattern}")


@check(
    "firehose",
    "a stream that is being made takes no records",
    moto=DIFFERS,
    aws="Firehose API Reference, CreateDeliveryStream: sending data to a stream that is not ACTIVE causes an exception",
)
def _(c):
    made = unfinished_stream(c)
    c.refused(
        "ResourceNotFoundException",
        c.firehose.put_record,
        status=400,
        DeliveryStreamName=made.name,
        Record={"Data": b"x"},
    )


@check(
    "firehose",
    "each record gets an id",
    aws=f"{BATCH}: RequestResponses correspond to Records, each with a RecordId; FailedPutCount",
)
def _(c):
    answer = stream(c).put(b"one", b"two", b"three")
    c.same((answer["FailedPutCount"], len(answer["RequestResponses"])), (0, 3))
    ids = {one.get("RecordId") for one in answer["RequestResponses"]}
    c.holds(None not in ids and len(ids) == 3, f"the ids are {ids}")


@check("firehose", "a single record gets an id", aws=f"{PUT}: RecordId")
def _(c):
    c.holds(
        c.firehose.put_record(DeliveryStreamName=stream(c).name, Record={"Data": b"x"})["RecordId"], "no RecordId"
    )


@check("firehose", "a batch of 500 records is accepted", aws=f"{BATCH}: each request supports up to 500 records")
def _(c):
    answer = stream(c).put(*[b"x"] * 500)
    c.same((answer["FailedPutCount"], len(answer["RequestResponses"])), (0, 500))


@check(
    "firehose",
    "a batch of 501 records is refused",
    moto=DIFFERS,
    aws=f"{BATCH}: each request supports up to 500 records",
)
def _(c):
    c.refused(
        INVALID,
        c.firehose.put_record_batch,
        status=400,
        DeliveryStreamName=stream(c).name,
        Records=records(*[b"x"] * 501),
    )


@check("firehose", "a batch of no records is refused", moto=DIFFERS, aws=f"{BATCH}: Records has 1 to 500 items")
def _(c):
    c.refused(
        INVALID,
        c.unchecked("firehose").put_record_batch,
        status=400,
        DeliveryStreamName=stream(c).name,
        Records=[],
    )


@check(
    "firehose",
    "a record of 1,024,000 bytes is accepted",
    aws="Firehose API Reference, Record: Data is at most 1,024,000 bytes before base64",
)
def _(c):
    c.same(stream(c).put(b"x" * 1_024_000)["FailedPutCount"], 0)


@check(
    "firehose",
    "a record of 1,024,001 bytes is refused",
    moto=DIFFERS,
    aws="Firehose API Reference, Record: Data is at most 1,024,000 bytes before base64",
)
def _(c):
    name = stream(c).name
    large = b"x" * 1_024_001
    c.refused(INVALID, c.firehose.put_record, status=400, DeliveryStreamName=name, Record={"Data": large})
    c.refused(
        INVALID, c.firehose.put_record_batch, status=400, DeliveryStreamName=name, Records=records(b"small", large)
    )


@check(
    "firehose",
    "a batch of more than 4 MiB is refused",
    moto=DIFFERS,
    aws=f"{BATCH}: up to a limit of 4 MiB for the entire request",
)
def _(c):
    c.refused(
        INVALID,
        c.firehose.put_record_batch,
        status=400,
        DeliveryStreamName=stream(c).name,
        Records=records(*[b"x" * 1_000_000] * 5),
    )


@check("firehose", "a batch of 3 MB is accepted", aws=f"{BATCH}: up to a limit of 4 MiB for the entire request")
def _(c):
    c.same(stream(c).put(*[b"x" * 1_000_000] * 3)["FailedPutCount"], 0)


@check(
    "firehose",
    "records are joined without anything between",
    aws=f"{DELIVERY}: records are concatenated; delimiters are the producer's",
)
def _(c):
    made = stream(c)
    parts = (b"one\n", b"two", b"three\n")
    made.put(*parts)
    # The order of records is not promised.
    joined = [b"".join(order) for order in itertools.permutations(parts)]
    found = made.delivered_bytes(13)
    c.holds(found in joined, f"the delivered bytes are {found}")


@check("firehose", "bytes are delivered as they are", aws=f"{BATCH}: any kind of data; {DELIVERY}")
def _(c):
    made = stream(c)
    data = bytes(range(256))
    made.put(data)
    c.same(made.delivered_bytes(256), data)


@check(
    "firehose",
    "an object's key has the hour, the stream, the version, the time and an id",
    aws=f"{DELIVERY}: YYYY/MM/dd/HH/DeliveryStreamName-DeliveryStreamVersion-YYYY-MM-dd-HH-MM-SS-RandomString in UTC",
)
def _(c):
    made = stream(c)
    made.put(b"x")
    [key] = made.delivered()
    matches(c, rf"\d{{4}}/\d\d/\d\d/\d\d/{object_name(made)}", key)
    hours = [datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=ago) for ago in (0, 1)]
    c.holds(key[:13] in [hour.strftime("%Y/%m/%d/%H") for hour in hours], f"the hour of {key} is not now's")


@check(
    "firehose",
    "a prefix stands before the hour",
    moto=DIFFERS,
    aws=f"{DELIVERY}: a prefix without expressions is followed by YYYY/MM/dd/HH/",
)
def _(c):
    made = stream(c, Prefix="raw/a-")
    made.put(b"x")
    [key] = made.delivered("raw/")
    matches(c, rf"raw/a-\d{{4}}/\d\d/\d\d/\d\d/{object_name(made)}", key)


@check(
    "firehose",
    "a prefix with expressions is evaluated and has no hour after it",
    moto=DIFFERS,
    aws=f"{PREFIXES}: !{{timestamp:…}} takes Java's DateTimeFormatter patterns; then YYYY/MM/dd/HH/ is not added",
)
def _(c):
    made = stream(c, Prefix="raw/year=!{timestamp:yyyy}/day=!{timestamp:MM-dd}/hour=!{timestamp:HH}/", **NO_ERRORS)
    made.put(b"x")
    [key] = made.delivered("raw/")
    matches(c, rf"raw/year=\d{{4}}/day=\d\d-\d\d/hour=\d\d/{object_name(made)}", key)


@check(
    "firehose",
    "a prefix with expressions need not end with a slash",
    moto=DIFFERS,
    aws=f"{PREFIXES}: the evaluated prefix is followed by the object's name, whatever it ends with",
)
def _(c):
    made = stream(c, Prefix="raw/!{timestamp:yyyy}-", **NO_ERRORS)
    made.put(b"x")
    [key] = made.delivered("raw/")
    matches(c, rf"raw/\d{{4}}-{object_name(made)}", key)


@check(
    "firehose",
    "a prefix may have a random part",
    moto=DIFFERS,
    aws=f"{PREFIXES}: !{{firehose:random-string}} is a string of 11 random letters and digits; a prefix without a "
    "timestamp expression gets the hour",
)
def _(c):
    made = stream(c, Prefix="raw/!{firehose:random-string}/", **NO_ERRORS)
    made.put(b"x")
    [key] = made.delivered("raw/")
    matches(c, rf"raw/[A-Za-z0-9_-]{{11}}/\d{{4}}/\d\d/\d\d/\d\d/{object_name(made)}", key)


@check(
    "firehose",
    "an object's extension can be chosen",
    moto=DIFFERS,
    aws="Firehose API Reference, ExtendedS3DestinationConfiguration: FileExtension overrides the default extension",
)
def _(c):
    made = stream(c, FileExtension=".json")
    made.put(b"{}")
    [key] = made.delivered()
    matches(c, rf"\d{{4}}/\d\d/\d\d/\d\d/{object_name(made)}\.json", key)


@check(
    "firehose",
    "the hour can be of another time zone",
    moto=DIFFERS,
    aws="Firehose API Reference, ExtendedS3DestinationConfiguration: CustomTimeZone, UTC by default, for the prefix",
)
def _(c):
    made = stream(c, CustomTimeZone="Asia/Tokyo")
    made.put(b"x")
    [key] = made.delivered()
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Tokyo"))
    hours = [(now - datetime.timedelta(hours=ago)).strftime("%Y/%m/%d/%H") for ago in (0, 1)]
    c.holds(key[:13] in hours, f"the hour of {key} is not Tokyo's")


@check(
    "firehose",
    "objects are compressed with gzip",
    moto=DIFFERS,
    aws="Firehose Developer Guide, S3 compression: GZIP; the object's key ends with .gz",
)
def _(c):
    made = stream(c, CompressionFormat="GZIP")
    made.put(b"one\n", b"two\n")
    keys = made.delivered()
    matches(c, rf"\d{{4}}/\d\d/\d\d/\d\d/{object_name(made)}\.gz", keys[0])

    def lines():
        return sorted(
            b"".join(gzip.decompress(body_of(c, made.bucket, key)) for key in made.delivered()).splitlines()
        )

    c.until(lambda: lines() == [b"one", b"two"], 90, "both records")


@check(
    "firehose",
    "few records wait in the buffer",
    moto=DIFFERS,
    aws=f"{BUFFERING}: data is delivered when the size or the interval is reached, whichever is first",
)
def _(c):
    made = stream(c, BufferingHints={"SizeInMBs": 128, "IntervalInSeconds": 900})
    made.put(b"x")
    # At the sandbox's fastest pace, a second here is 100 seconds there.
    time.sleep(1)
    c.same(keys_of(c, made.bucket), [], "what was delivered")


@check(
    "firehose",
    "a buffer that is full is delivered",
    aws=f"{BUFFERING}: SizeInMBs is reached before IntervalInSeconds",
)
def _(c):
    made = stream(c, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    made.put(b"x" * 1_000_000, b"y" * 1_000_000)
    c.holds(len(made.delivered_bytes(1_000_000)) >= 1_000_000, "less than a record was delivered")


@check(
    "firehose",
    "a buffer whose time is over is delivered",
    aws=f"{BUFFERING}: IntervalInSeconds is reached before SizeInMBs",
)
def _(c):
    made = stream(c, BufferingHints={"SizeInMBs": 128, "IntervalInSeconds": 60})
    made.put(b"one\n", b"two\n")
    c.same(sorted(made.delivered_bytes(8).splitlines()), [b"one", b"two"])


@check(
    "firehose",
    "records are gathered, not delivered one by one",
    aws=f"{BUFFERING}: what is in the buffer is delivered together",
)
def _(c):
    made = stream(c, BufferingHints={"SizeInMBs": 128, "IntervalInSeconds": 60})
    made.put(*[b"x"] * 500)
    c.same(made.delivered_bytes(500), b"x" * 500)
    c.holds(len(made.delivered()) < 100, f"there are {len(made.delivered())} objects")


@check(
    "firehose",
    "an object's name tells the stream's version",
    aws=f"{DELIVERY}: DeliveryStreamVersion begins with 1 and grows with each change of the configuration",
)
def _(c):
    made = stream(c)
    made.update(Prefix="second/")
    c.until(lambda: made.describe()["VersionId"] == "2", what="VersionId 2")

    def put_again():
        made.put(b"x")
        return keys_of(c, made.bucket, Prefix="second/")

    # An update may take a while before it is in force.
    keys = c.until(put_again, 90, "an object under the new prefix")
    matches(c, rf"second/\d{{4}}/\d\d/\d\d/\d\d/{object_name(made, 2)}", keys[0])


def logged(c, group):
    """What Firehose wrote into its log."""
    events = c.logs.filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events]


def logging(group):
    return {"CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": group, "LogStreamName": "S3Delivery"}}


@check(
    "firehose",
    "a bucket that is gone is told in the log",
    moto=DIFFERS,
    aws=f"{ERRORS}: S3.NoSuchBucket, the specified bucket does not exist; with deliveryStreamARN, destination, errorCode and message",
)
def _(c):
    group = log_group(c, "S3Delivery")
    made = stream(c, **logging(group))
    delivery = document(allow("s3:*"), allow("logs:PutLogEvents"))
    c.iam.put_role_policy(RoleName=made.role_arn.rsplit("/", 1)[1], PolicyName="inline", PolicyDocument=delivery)
    remove_bucket(c.s3, made.bucket)
    made.put(b"x")
    found = c.until(lambda: logged(c, group), 90, "an error in the log")
    c.same(found[0]["errorCode"], "S3.NoSuchBucket", "errorCode")
    c.same(found[0]["deliveryStreamARN"], made.describe()["DeliveryStreamARN"], "deliveryStreamARN")
    c.holds(made.bucket in found[0]["destination"], "the destination is another")
    c.holds(found[0]["message"], "no message")


@check(
    "firehose",
    "a role that may not write is told in the log",
    moto=DIFFERS,
    aws=f"{ERRORS}: S3.AccessDenied, access was denied; the role's policy must allow Firehose to access the bucket",
)
def _(c):
    group = log_group(c, "S3Delivery")
    made = stream(c, **logging(group))
    c.iam.put_role_policy(
        RoleName=made.role_arn.rsplit("/", 1)[1],
        PolicyName="inline",
        PolicyDocument=document(allow("logs:PutLogEvents")),
    )

    def put_until_told():
        made.put(b"x")
        return logged(c, group)

    # A policy that was taken away may hold for a while.
    c.same(c.until(put_until_told, 90, "an error in the log")[0]["errorCode"], "S3.AccessDenied")
