"""S3: objects one by one."""

import base64
import datetime
import hashlib
import zlib

from conformance.checks import DIFFERS, check
from conformance.given import body_of, bucket, keys_of, put, versioned_bucket

PUT = "S3 API Reference, PutObject"
GET = "S3 API Reference, GetObject"
RANGE = f"{GET}, and RFC 9110 section 14"
CONDITIONS = "S3 User Guide, Conditional requests, Retrieving or copying objects based on metadata"
WRITES = "S3 User Guide, Conditional writes"
INTEGRITY = "S3 User Guide, Checking object integrity"
ERRORS = "S3 error codes"

TEN = b"0123456789"


def ten(c):
    name = bucket(c)
    put(c, name, "key", body=TEN)
    return {"Bucket": name, "Key": "key"}


def quoted_md5(data):
    return f'"{hashlib.md5(data).hexdigest()}"'


def base64_of(data):
    return base64.b64encode(data).decode()


@check(
    "s3",
    "an object is read as it was written",
    aws=f"{PUT} and {GET}: the body, its length, ETag, Last-Modified, and Accept-Ranges: bytes",
)
def _(c):
    where = ten(c)
    answer = c.s3.get_object(**where)
    c.same(answer["Body"].read(), TEN, "the body")
    c.same(answer["ContentLength"], 10, "ContentLength")
    c.same(answer["ETag"], quoted_md5(TEN), "ETag")
    c.same(answer["AcceptRanges"], "bytes", "AcceptRanges")
    age = datetime.datetime.now(datetime.timezone.utc) - answer["LastModified"]
    c.holds(abs(age.total_seconds()) < 120, "LastModified is not now")


@check(
    "s3",
    "PutObject answers with the ETag in quotes",
    aws=f"{PUT}: ETag is the entity tag; for one-part uploads with SSE-S3 it is the MD5 digest of the data",
)
def _(c):
    c.same(c.s3.put_object(Bucket=bucket(c), Key="key", Body=TEN)["ETag"], quoted_md5(TEN))


@check(
    "s3",
    "an empty object is an object",
    aws=f"{PUT}: an object may have 0 bytes; its ETag is the MD5 digest of nothing",
)
def _(c):
    name = bucket(c)
    put(c, name, "empty", body=b"")
    answer = c.s3.get_object(Bucket=name, Key="empty")
    c.same((answer["Body"].read(), answer["ContentLength"], answer["ETag"]), (b"", 0, quoted_md5(b"")))


@check(
    "s3",
    "an object without a content type is binary",
    aws=f"{PUT}: the default Content-Type is binary/octet-stream",
)
def _(c):
    c.same(c.s3.head_object(**ten(c))["ContentType"], "binary/octet-stream")


@check(
    "s3",
    "the headers of an object are kept",
    aws=f"{PUT}: Cache-Control, Content-Disposition, Content-Encoding, Content-Language, Content-Type and Expires are stored",
)
def _(c):
    name = bucket(c)
    wanted = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="a b.gz"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "application/json; charset=utf-8",
    }
    c.s3.put_object(Bucket=name, Key="key", Body=b"x", **wanted)
    found = c.s3.head_object(Bucket=name, Key="key")
    c.same({header: found.get(header) for header in wanted}, wanted)


@check(
    "s3",
    "metadata of one's own is kept with small names",
    aws="S3 User Guide, Working with object metadata: user-defined metadata names are stored in lowercase",
)
def _(c):
    name = bucket(c)
    c.s3.put_object(Bucket=name, Key="key", Body=b"x", Metadata={"Camel-Case": "Value", "b": "2"})
    c.same(c.s3.get_object(Bucket=name, Key="key")["Metadata"], {"camel-case": "Value", "b": "2"})


@check(
    "s3",
    "metadata of more than 2 KB is refused",
    moto=DIFFERS,
    aws=f"{ERRORS}: MetadataTooLarge (400), your metadata headers exceed the maximum allowed size (2 KB)",
)
def _(c):
    c.refused(
        "MetadataTooLarge",
        c.s3.put_object,
        status=400,
        Bucket=bucket(c),
        Key="key",
        Body=b"x",
        Metadata={"a": "x" * 2100},
    )


@check(
    "s3",
    "writing again replaces the object with its headers",
    aws=f"{PUT}: S3 never adds partial objects; the whole object is overwritten",
)
def _(c):
    where = ten(c)
    c.s3.put_object(**where, Body=b"new", ContentType="text/plain", Metadata={"a": "1"})
    c.s3.put_object(**where, Body=b"newer")
    answer = c.s3.get_object(**where)
    c.same(
        (answer["Body"].read(), answer["ContentType"], answer["Metadata"]), (b"newer", "binary/octet-stream", {})
    )


@check("s3", "a missing key is NoSuchKey", aws=f"{ERRORS}: NoSuchKey (404), the specified key does not exist")
def _(c):
    error = c.refused(
        "NoSuchKey",
        c.s3.get_object,
        status=404,
        message="The specified key does not exist.",
        Bucket=bucket(c),
        Key="none",
    )
    named = error["Error"].get("Key") or error["Error"].get("Resource", "")
    c.holds(named.endswith("none"), "the error does not name the key")


@check(
    "s3",
    "HeadObject of a missing key is a bare 404",
    aws="S3 API Reference, HeadObject: a generic 404, since HEAD has no body",
)
def _(c):
    c.refused("404", c.s3.head_object, status=404, Bucket=bucket(c), Key="none")


@check("s3", "objects of a missing bucket are NoSuchBucket", aws=f"{ERRORS}: NoSuchBucket (404)")
def _(c):
    name = c.name("none")
    c.refused("NoSuchBucket", c.s3.get_object, status=404, Bucket=name, Key="key")
    c.refused("NoSuchBucket", c.s3.put_object, status=404, Bucket=name, Key="key", Body=b"x")


def ranged(title, asked, part, says, aws=f"{RANGE}: 206 Partial Content with Content-Range"):
    @check("s3", f"a range {title}", aws=aws)
    def _(c):
        answer = c.s3.get_object(**ten(c), Range=asked)
        c.same(answer["ResponseMetadata"]["HTTPStatusCode"], 206, "the status")
        c.same(answer["Body"].read(), part, "the body")
        c.same(answer["ContentRange"], says, "ContentRange")
        c.same(answer["ContentLength"], len(part), "ContentLength")


ranged("from the beginning", "bytes=0-3", b"0123", "bytes 0-3/10")
ranged("in the middle", "bytes=4-6", b"456", "bytes 4-6/10")
ranged("without an end", "bytes=7-", b"789", "bytes 7-9/10")
ranged("of the last bytes", "bytes=-3", b"789", "bytes 7-9/10")
ranged("past the end is cut", "bytes=8-100", b"89", "bytes 8-9/10")
ranged("of more last bytes than there are is the whole", "bytes=-100", TEN, "bytes 0-9/10")


@check(
    "s3",
    "a range that begins past the end is refused",
    aws=f"{ERRORS}: InvalidRange (416), the requested range is not valid for the request",
)
def _(c):
    c.refused("InvalidRange", c.s3.get_object, status=416, **ten(c), Range="bytes=10-12")


@check(
    "s3",
    "a range that cannot be read is ignored",
    moto=DIFFERS,
    aws="RFC 9110 section 14.2: a server ignores a Range header that it does not understand; S3 answers with the whole",
)
def _(c):
    answer = c.s3.get_object(**ten(c), Range="lines=1-2")
    c.same((answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()), (200, TEN))


@check(
    "s3",
    "HeadObject takes a range too",
    aws="S3 API Reference, HeadObject: Range; the answer has the length of the part",
)
def _(c):
    answer = c.s3.head_object(**ten(c), Range="bytes=2-4")
    c.same((answer["ResponseMetadata"]["HTTPStatusCode"], answer["ContentLength"]), (206, 3))


@check("s3", "a read goes through if the ETag matches", aws=f"{CONDITIONS}: If-Match, 200 if the ETag is the same")
def _(c):
    c.same(c.s3.get_object(**ten(c), IfMatch=quoted_md5(TEN))["Body"].read(), TEN)


@check(
    "s3",
    "a read stops if the ETag does not match",
    aws=f"{CONDITIONS}: If-Match, otherwise 412 PreconditionFailed",
)
def _(c):
    c.refused("PreconditionFailed", c.s3.get_object, status=412, **ten(c), IfMatch='"other"')


@check(
    "s3",
    "a read of what one has gives nothing",
    aws=f"{CONDITIONS}: If-None-Match, 304 Not Modified if the ETag is the same",
)
def _(c):
    c.refused("304", c.s3.get_object, status=304, **ten(c), IfNoneMatch=quoted_md5(TEN))


@check(
    "s3",
    "a read of what is older gives nothing",
    aws=f"{CONDITIONS}: If-Modified-Since, 304 if not modified since",
)
def _(c):
    where = ten(c)
    modified = c.s3.head_object(**where)["LastModified"]
    c.refused("304", c.s3.head_object, status=304, **where, IfModifiedSince=modified)


@check("s3", "a read of what has changed stops", aws=f"{CONDITIONS}: If-Unmodified-Since, 412 if modified since")
def _(c):
    before = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    c.refused("PreconditionFailed", c.s3.get_object, status=412, **ten(c), IfUnmodifiedSince=before)


@check(
    "s3",
    "a matching ETag outweighs the date",
    moto=DIFFERS,
    aws=f"{GET}: If-Match true and If-Unmodified-Since false together: 200 OK and the data",
)
def _(c):
    before = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    answer = c.s3.get_object(**ten(c), IfMatch=quoted_md5(TEN), IfUnmodifiedSince=before)
    c.same(answer["Body"].read(), TEN)


@check(
    "s3",
    "an ETag that one has outweighs the date",
    aws=f"{GET}: If-None-Match false and If-Modified-Since true together: 304 Not Modified",
)
def _(c):
    before = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    c.refused("304", c.s3.get_object, status=304, **ten(c), IfNoneMatch=quoted_md5(TEN), IfModifiedSince=before)


@check(
    "s3",
    "a write can be made to happen only once",
    aws=f"{WRITES}: PutObject with If-None-Match: * fails with 412 Precondition Failed if the key exists",
)
def _(c):
    where = {"Bucket": bucket(c), "Key": "key"}
    c.s3.put_object(**where, Body=b"first", IfNoneMatch="*")
    c.refused("PreconditionFailed", c.s3.put_object, status=412, **where, Body=b"second", IfNoneMatch="*")
    c.same(body_of(c, where["Bucket"], "key"), b"first")


@check(
    "s3",
    "a write that must be the first may follow a delete marker",
    aws=f"{WRITES}: in a versioned bucket If-None-Match succeeds if the current version is a delete marker",
)
def _(c):
    where = {"Bucket": versioned_bucket(c), "Key": "key"}
    c.s3.put_object(**where, Body=b"first")
    c.s3.delete_object(**where)
    c.s3.put_object(**where, Body=b"second", IfNoneMatch="*")


@check(
    "s3",
    "a write goes through if the ETag matches",
    aws=f"{WRITES}: PutObject with If-Match writes if the ETag is the same",
)
def _(c):
    where = ten(c)
    c.s3.put_object(**where, Body=b"new", IfMatch=quoted_md5(TEN))
    c.same(body_of(c, where["Bucket"], "key"), b"new")


@check("s3", "a write stops if the ETag does not match", aws=f"{WRITES}: otherwise 412 Precondition Failed")
def _(c):
    where = ten(c)
    c.refused(
        "PreconditionFailed", c.s3.put_object, status=412, **where, Body=b"new", IfMatch=quoted_md5(b"other")
    )
    c.same(body_of(c, where["Bucket"], "key"), TEN)


@check(
    "s3",
    "a write that must match finds no object",
    aws=f"{WRITES}: If-Match when there is no current version of that key: 404 Not Found",
)
def _(c):
    c.refused(
        "NoSuchKey", c.s3.put_object, status=404, Bucket=bucket(c), Key="none", Body=b"x", IfMatch=quoted_md5(TEN)
    )


@check(
    "s3",
    "a delete stops if the ETag does not match",
    aws="S3 User Guide, Conditional deletes: DeleteObject with If-Match and another ETag: 412 Precondition Failed",
)
def _(c):
    where = ten(c)
    c.refused("PreconditionFailed", c.s3.delete_object, status=412, **where, IfMatch=quoted_md5(b"other"))
    c.same(body_of(c, where["Bucket"], "key"), TEN)


@check(
    "s3",
    "a delete goes through if the ETag matches",
    aws="S3 User Guide, Conditional deletes: DeleteObject with If-Match deletes if the ETag is the same",
)
def _(c):
    where = ten(c)
    c.s3.delete_object(**where, IfMatch=quoted_md5(TEN))
    c.same(keys_of(c, where["Bucket"]), [])


@check("s3", "a right Content-MD5 is accepted", aws=f"{PUT}: Content-MD5 is checked against the body")
def _(c):
    c.s3.put_object(Bucket=bucket(c), Key="key", Body=TEN, ContentMD5=base64_of(hashlib.md5(TEN).digest()))


@check(
    "s3",
    "a wrong Content-MD5 is BadDigest",
    moto=DIFFERS,
    aws=f"{ERRORS}: BadDigest (400), the Content-MD5 you specified did not match what we received",
)
def _(c):
    name = bucket(c)
    c.refused(
        "BadDigest",
        c.s3.put_object,
        status=400,
        Bucket=name,
        Key="key",
        Body=TEN,
        ContentMD5=base64_of(hashlib.md5(b"other").digest()),
    )
    c.same(keys_of(c, name), [], "the keys")


@check(
    "s3",
    "a Content-MD5 that is none is InvalidDigest",
    moto=DIFFERS,
    aws=f"{ERRORS}: InvalidDigest (400), the Content-MD5 you specified is not valid",
)
def _(c):
    c.refused(
        "InvalidDigest", c.s3.put_object, status=400, Bucket=bucket(c), Key="key", Body=TEN, ContentMD5="nonsense"
    )


@check(
    "s3",
    "a right checksum is kept and given back when asked for",
    moto=DIFFERS,
    aws=f"{INTEGRITY}: HeadObject and GetObject give the checksum back with x-amz-checksum-mode: ENABLED",
)
def _(c):
    where = {"Bucket": bucket(c), "Key": "key"}
    digest = base64_of(hashlib.sha256(TEN).digest())
    c.same(c.s3.put_object(**where, Body=TEN, ChecksumSHA256=digest)["ChecksumSHA256"], digest, "PutObject's")
    c.same(c.s3.head_object(**where, ChecksumMode="ENABLED").get("ChecksumSHA256"), digest, "HeadObject's")
    c.holds("ChecksumSHA256" not in c.s3.head_object(**where), "a checksum that was not asked for")


@check(
    "s3",
    "a wrong checksum is BadDigest",
    moto=DIFFERS,
    aws=f"{INTEGRITY} and {ERRORS}: BadDigest (400), the checksum specified did not match the calculated one",
)
def _(c):
    name = bucket(c)
    c.refused(
        "BadDigest",
        c.s3.put_object,
        status=400,
        Bucket=name,
        Key="key",
        Body=TEN,
        ChecksumSHA256=base64_of(hashlib.sha256(b"other").digest()),
    )
    c.same(keys_of(c, name), [], "the keys")


@check(
    "s3",
    "a checksum of the wrong length is refused",
    moto=DIFFERS,
    aws=f"{ERRORS}: InvalidRequest (400), the value for the x-amz-checksum-sha256 header is invalid",
)
def _(c):
    c.refused(
        "InvalidRequest",
        c.s3.put_object,
        status=400,
        Bucket=bucket(c),
        Key="key",
        Body=TEN,
        ChecksumSHA256=base64_of(b"short"),
    )


@check(
    "s3",
    "a CRC32 is computed and checked",
    aws=f"{INTEGRITY}: CRC32 is one of the algorithms, big-endian in base64",
)
def _(c):
    where = {"Bucket": bucket(c), "Key": "key"}
    digest = base64_of(zlib.crc32(TEN).to_bytes(4, "big"))
    c.same(c.s3.put_object(**where, Body=TEN, ChecksumAlgorithm="CRC32")["ChecksumCRC32"], digest)
    c.same(c.s3.get_object(**where, ChecksumMode="ENABLED")["ChecksumCRC32"], digest)


@check("s3", "a wrong CRC32 is BadDigest", moto=DIFFERS, aws=f"{INTEGRITY} and {ERRORS}: BadDigest (400)")
def _(c):
    c.refused(
        "BadDigest",
        c.s3.put_object,
        status=400,
        Bucket=bucket(c),
        Key="key",
        Body=TEN,
        ChecksumCRC32=base64_of(zlib.crc32(b"other").to_bytes(4, "big")),
    )


def awkward(title, *keys):
    @check(
        "s3",
        f"keys {title} are kept to the letter",
        aws="S3 User Guide, Naming objects: a key is any sequence of Unicode characters of up to 1,024 bytes in UTF-8",
    )
    def _(c):
        name = bucket(c)
        for key in keys:
            put(c, name, key, body=key.encode())
        c.same(sorted(keys_of(c, name)), sorted(keys), "the listed keys")
        for key in keys:
            c.same(body_of(c, name, key), key.encode(), f"the object {key!r}")
        c.s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key} for key in keys]})
        c.same(keys_of(c, name), [], "the keys left")


awkward("with spaces and plus signs", "a b", "a+b", " a", "a ", "a  b")
awkward("with percent signs", "a%20b", "%2F", "100%", "%zz")
awkward("that are not ASCII", "grüße/été", "日本語/キー", "🌊/1")
awkward("with slashes", "/leading", "a//b", "trailing/", "a/")
awkward("with marks", "!-_.*'()", "&$@=;:,?", "a#b", "a?b=c&d", "~[]{}^`|\\")
awkward("with XML's own marks", "<a>&\"b\"'c'", "]]>", "&amp;")


@check(
    "s3",
    "a key of 1,024 bytes is as long as keys are",
    moto=DIFFERS,
    aws=f"{ERRORS}: KeyTooLongError (400), your key is too long; the limit is 1,024 bytes",
)
def _(c):
    name = bucket(c)
    put(c, name, "k" * 1024)
    c.refused("KeyTooLongError", c.s3.put_object, status=400, Bucket=name, Key="k" * 1025, Body=b"x")


@check(
    "s3",
    "deleting what is not there succeeds",
    aws="S3 API Reference, DeleteObject: 204, also if there is no such object",
)
def _(c):
    answer = c.s3.delete_object(Bucket=bucket(c), Key="none")
    c.same(answer["ResponseMetadata"]["HTTPStatusCode"], 204, "the status")


@check(
    "s3",
    "a deleted object is gone at once",
    aws="S3 User Guide, Data consistency model: strong read-after-write consistency for PUT and DELETE",
)
def _(c):
    where = ten(c)
    c.s3.delete_object(**where)
    c.refused("NoSuchKey", c.s3.get_object, **where)
    c.same(keys_of(c, where["Bucket"]), [])


@check(
    "s3",
    "deleting several names each",
    aws="S3 API Reference, DeleteObjects: Deleted has an entry per key, also for those that were not there",
)
def _(c):
    name = bucket(c)
    put(c, name, "a", "b", "c")
    answer = c.s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "none"}]})
    c.same(sorted(one["Key"] for one in answer["Deleted"]), ["a", "b", "none"])
    c.same(keys_of(c, name), ["c"], "what is left")


@check(
    "s3",
    "a quiet delete of several names none",
    moto=DIFFERS,
    aws="S3 API Reference, DeleteObjects: in quiet mode only errors are in the answer",
)
def _(c):
    name = bucket(c)
    put(c, name, "a")
    answer = c.s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    c.holds("Deleted" not in answer, "there is a Deleted")
    c.same(keys_of(c, name), [], "what is left")


@check(
    "s3",
    "1,000 keys are deleted at once",
    aws="S3 API Reference, DeleteObjects: the request can contain up to 1,000 keys",
)
def _(c):
    wanted = [{"Key": f"key-{number}"} for number in range(1000)]
    answer = c.s3.delete_objects(Bucket=bucket(c), Delete={"Objects": wanted})
    c.same(len(answer["Deleted"]), 1000, "the number of deleted")


@check(
    "s3",
    "1,001 keys are too many to delete at once",
    moto=DIFFERS,
    aws="S3 API Reference, DeleteObjects: up to 1,000 keys; more is MalformedXML (400)",
)
def _(c):
    wanted = [{"Key": f"key-{number}"} for number in range(1001)]
    c.refused("MalformedXML", c.s3.delete_objects, status=400, Bucket=bucket(c), Delete={"Objects": wanted})


@check(
    "s3",
    "deleting no keys at all is refused",
    aws="S3 API Reference, DeleteObjects: Delete holds at least one Object; MalformedXML (400)",
)
def _(c):
    c.refused("MalformedXML", c.s3.delete_objects, status=400, Bucket=bucket(c), Delete={"Objects": []})


@check(
    "s3",
    "a copy has the body, type and metadata of its source",
    aws="S3 API Reference, CopyObject: by default metadata is copied (MetadataDirective COPY)",
)
def _(c):
    name = bucket(c)
    c.s3.put_object(Bucket=name, Key="a", Body=TEN, ContentType="text/plain", Metadata={"a": "1"})
    answer = c.s3.copy_object(Bucket=name, Key="b", CopySource={"Bucket": name, "Key": "a"})
    c.same(answer["CopyObjectResult"]["ETag"], quoted_md5(TEN), "ETag")
    c.holds(answer["CopyObjectResult"]["LastModified"], "no LastModified")
    found = c.s3.get_object(Bucket=name, Key="b")
    c.same((found["Body"].read(), found["ContentType"], found["Metadata"]), (TEN, "text/plain", {"a": "1"}))


@check(
    "s3",
    "a copy can replace the metadata",
    aws="S3 API Reference, CopyObject: MetadataDirective REPLACE takes the metadata of the request",
)
def _(c):
    name = bucket(c)
    c.s3.put_object(Bucket=name, Key="a", Body=TEN, ContentType="text/plain", Metadata={"a": "1"})
    c.s3.copy_object(
        Bucket=name,
        Key="b",
        CopySource={"Bucket": name, "Key": "a"},
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="text/csv",
    )
    found = c.s3.head_object(Bucket=name, Key="b")
    c.same((found["ContentType"], found["Metadata"]), ("text/csv", {"b": "2"}))


@check(
    "s3",
    "a copy onto itself must change something",
    aws=f"{ERRORS}: InvalidRequest (400), copying an object to itself without changing metadata, class or encryption is illegal",
)
def _(c):
    where = ten(c)
    c.refused("InvalidRequest", c.s3.copy_object, status=400, **where, CopySource=where)


@check("s3", "a copy of nothing is NoSuchKey", aws="S3 API Reference, CopyObject; S3 error codes: NoSuchKey (404)")
def _(c):
    name = bucket(c)
    c.refused(
        "NoSuchKey", c.s3.copy_object, status=404, Bucket=name, Key="b", CopySource={"Bucket": name, "Key": "a"}
    )


@check(
    "s3",
    "a copy out of no bucket is NoSuchBucket",
    aws="S3 API Reference, CopyObject; S3 error codes: NoSuchBucket (404)",
)
def _(c):
    c.refused(
        "NoSuchBucket",
        c.s3.copy_object,
        status=404,
        Bucket=bucket(c),
        Key="b",
        CopySource={"Bucket": c.name("none"), "Key": "a"},
    )


@check(
    "s3",
    "a copy stops if the source's ETag does not match",
    moto=DIFFERS,
    aws="S3 API Reference, CopyObject: x-amz-copy-source-if-match, otherwise 412 Precondition Failed",
)
def _(c):
    where = ten(c)
    c.refused(
        "PreconditionFailed",
        c.s3.copy_object,
        status=412,
        Bucket=where["Bucket"],
        Key="b",
        CopySource=where,
        CopySourceIfMatch='"other"',
    )


@check(
    "s3",
    "a copy goes between buckets and takes odd keys",
    aws="S3 API Reference, CopyObject: x-amz-copy-source is bucket/key, URL-encoded",
)
def _(c):
    one, two = bucket(c), bucket(c)
    put(c, one, "a b+c/ü", body=TEN)
    c.s3.copy_object(Bucket=two, Key="d e%20", CopySource={"Bucket": one, "Key": "a b+c/ü"})
    c.same(body_of(c, two, "d e%20"), TEN)


@check(
    "s3",
    "a storage class is kept and shown",
    aws="S3 API Reference, HeadObject: x-amz-storage-class, for all but STANDARD; ListObjectsV2: StorageClass",
)
def _(c):
    name = bucket(c)
    c.s3.put_object(Bucket=name, Key="ia", Body=b"x", StorageClass="STANDARD_IA")
    put(c, name, "standard")
    c.same(c.s3.head_object(Bucket=name, Key="ia").get("StorageClass"), "STANDARD_IA")
    c.holds("StorageClass" not in c.s3.head_object(Bucket=name, Key="standard"), "STANDARD is named by HeadObject")
    listed = {one["Key"]: one["StorageClass"] for one in c.s3.list_objects_v2(Bucket=name)["Contents"]}
    c.same(listed, {"ia": "STANDARD_IA", "standard": "STANDARD"})


@check(
    "s3",
    "a storage class that is none is refused",
    aws=f"{ERRORS}: InvalidStorageClass (400), the storage class you specified is not valid",
)
def _(c):
    c.refused(
        "InvalidStorageClass",
        c.s3.put_object,
        status=400,
        Bucket=bucket(c),
        Key="key",
        Body=b"x",
        StorageClass="ATTIC",
    )


@check(
    "s3",
    "a read can name the headers of its answer",
    aws=f"{GET}: response-content-type, response-content-disposition, … override the answer's headers",
)
def _(c):
    answer = c.s3.get_object(
        **ten(c),
        ResponseContentType="text/x-mine",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-store",
    )
    c.same(
        (answer["ContentType"], answer["ContentDisposition"], answer["CacheControl"]),
        ("text/x-mine", "inline", "no-store"),
    )


@check(
    "s3",
    "an object's tags are put, got and deleted",
    aws="S3 API Reference, PutObjectTagging, GetObjectTagging, DeleteObjectTagging",
)
def _(c):
    where = ten(c)
    c.same(c.s3.get_object_tagging(**where)["TagSet"], [], "the tags of a new object")
    c.s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    c.same(c.s3.get_object_tagging(**where)["TagSet"], [{"Key": "a", "Value": "1"}])
    c.s3.delete_object_tagging(**where)
    c.same(c.s3.get_object_tagging(**where)["TagSet"], [], "the tags after deletion")
