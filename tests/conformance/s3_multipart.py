"""S3: uploads in parts."""

import base64
import hashlib

from conformance.checks import DIFFERS, check
from conformance.given import body_of, bucket, keys_of, put

LARGE = b"L" * (5 << 20)
UPLOAD = "S3 User Guide, Uploading and copying objects using multipart upload"
COMPLETE = "S3 API Reference, CompleteMultipartUpload"
PARTS = "S3 API Reference, ListParts"
UPLOADS = "S3 API Reference, ListMultipartUploads"
UNKNOWN = "S3 error codes: NoSuchUpload (404), the upload id is not valid, or the upload was aborted or completed"


class Upload:
    """A multipart upload that was begun."""

    def __init__(self, c, name=None, key="key", **more):
        self.c, self.parts = c, []
        name = name or bucket(c)
        self.id = c.s3.create_multipart_upload(Bucket=name, Key=key, **more)["UploadId"]
        self.where = {"Bucket": name, "Key": key, "UploadId": self.id}

    def part(self, number, body, **more):
        etag = self.c.s3.upload_part(**self.where, PartNumber=number, Body=body, **more)["ETag"]
        self.parts.append({"PartNumber": number, "ETag": etag})
        return etag

    def complete(self, parts=None, **more):
        return self.c.s3.complete_multipart_upload(**self.finish(parts), **more)

    def finish(self, parts=None):
        return {**self.where, "MultipartUpload": {"Parts": self.parts if parts is None else parts}}

    @property
    def bucket(self):
        return self.where["Bucket"]


@check("s3", "parts become one object", aws=f"{COMPLETE}: the parts are joined in the order of their numbers")
def _(c):
    upload = Upload(c, Metadata={"a": "1"}, ContentType="text/plain")
    upload.part(1, LARGE)
    upload.part(2, b"end")
    answer = upload.complete()
    c.same((answer["Bucket"], answer["Key"]), (upload.bucket, "key"), "Bucket and Key")
    found = c.s3.get_object(Bucket=upload.bucket, Key="key")
    c.holds(found["Body"].read() == LARGE + b"end", "the body is another")
    c.same((found["ContentType"], found["Metadata"]), ("text/plain", {"a": "1"}), "type and metadata")
    c.same(found["ETag"], answer["ETag"], "ETag")


@check(
    "s3",
    "the ETag of parts counts them",
    aws="S3 User Guide, Checking object integrity: the MD5 digest of the parts' digests, a hyphen, and the number of parts",
)
def _(c):
    upload = Upload(c)
    upload.part(1, LARGE)
    upload.part(2, b"end")
    digests = hashlib.md5(LARGE).digest() + hashlib.md5(b"end").digest()
    c.same(upload.complete()["ETag"], f'"{hashlib.md5(digests).hexdigest()}-2"')


@check("s3", "one small part is enough", aws=f"{UPLOAD}: there is no minimum size on the last part of an upload")
def _(c):
    upload = Upload(c)
    upload.part(1, b"small")
    upload.complete()
    c.same(body_of(c, upload.bucket, "key"), b"small")


@check(
    "s3",
    "part numbers may have gaps and come in any order",
    aws=f"{UPLOAD}: part numbers need not be consecutive; parts may be uploaded in any order",
)
def _(c):
    upload = Upload(c)
    upload.part(9, b"end")
    upload.part(3, LARGE)
    upload.complete(sorted(upload.parts, key=lambda part: part["PartNumber"]))
    c.holds(body_of(c, upload.bucket, "key") == LARGE + b"end", "the body is another")


@check(
    "s3",
    "a part uploaded again replaces the first",
    aws="S3 API Reference, UploadPart: a part of the same number is overwritten",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"first")
    upload.part(1, b"second")
    upload.complete(upload.parts[-1:])
    c.same(body_of(c, upload.bucket, "key"), b"second")


@check(
    "s3",
    "parts that are not named are left out",
    aws=f"{COMPLETE}: the list of parts that the request names is what is assembled",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"one")
    upload.part(2, b"two")
    upload.complete(upload.parts[1:])
    c.same(body_of(c, upload.bucket, "key"), b"two")


@check(
    "s3",
    "an upload is no object before it is completed",
    aws=f"{UPLOAD}: the object appears when the upload is completed",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"one")
    c.same(keys_of(c, upload.bucket), [], "the keys")
    c.refused("NoSuchKey", c.s3.get_object, Bucket=upload.bucket, Key="key")


@check(
    "s3",
    "parts out of order are refused",
    moto=DIFFERS,
    aws=f"{COMPLETE}: InvalidPartOrder (400), the list of parts was not in ascending order",
)
def _(c):
    upload = Upload(c)
    upload.part(1, LARGE)
    upload.part(2, LARGE)
    c.refused("InvalidPartOrder", c.s3.complete_multipart_upload, status=400, **upload.finish(upload.parts[::-1]))


@check(
    "s3",
    "a part that was never uploaded is refused",
    aws=f"{COMPLETE}: InvalidPart (400), one or more of the parts could not be found",
)
def _(c):
    upload = Upload(c)
    etag = upload.part(1, b"one")
    c.refused(
        "InvalidPart",
        c.s3.complete_multipart_upload,
        status=400,
        **upload.finish([{"PartNumber": 2, "ETag": etag}]),
    )


@check(
    "s3",
    "a part with another ETag is refused",
    aws=f"{COMPLETE}: InvalidPart (400), the entity tag might not have matched the part's",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"one")
    other = f'"{hashlib.md5(b"other").hexdigest()}"'
    c.refused(
        "InvalidPart",
        c.s3.complete_multipart_upload,
        status=400,
        **upload.finish([{"PartNumber": 1, "ETag": other}]),
    )


@check(
    "s3",
    "a small part before the last is refused",
    aws=f"{COMPLETE}: EntityTooSmall (400), each part must be at least 5 MB, except the last",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"small")
    upload.part(2, b"end")
    c.refused("EntityTooSmall", c.s3.complete_multipart_upload, status=400, **upload.finish())


@check(
    "s3",
    "an upload of no parts cannot be completed",
    aws=f"{COMPLETE}: the request names at least one part; MalformedXML (400)",
)
def _(c):
    c.refused("MalformedXML", c.s3.complete_multipart_upload, status=400, **Upload(c).finish([]))


@check("s3", "an unknown upload is NoSuchUpload", moto=DIFFERS, aws=UNKNOWN)
def _(c):
    where = {"Bucket": bucket(c), "Key": "key", "UploadId": "nonsense"}
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}]}
    c.refused("NoSuchUpload", c.s3.upload_part, status=404, **where, PartNumber=1, Body=b"x")
    c.refused("NoSuchUpload", c.s3.list_parts, status=404, **where)
    c.refused("NoSuchUpload", c.s3.abort_multipart_upload, status=404, **where)
    c.refused("NoSuchUpload", c.s3.complete_multipart_upload, status=404, **where, MultipartUpload=parts)


@check(
    "s3",
    "an aborted upload is gone",
    aws="S3 API Reference, AbortMultipartUpload: 204; the id can then not be used",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"one")
    answer = c.s3.abort_multipart_upload(**upload.where)
    c.same(answer["ResponseMetadata"]["HTTPStatusCode"], 204, "the status")
    c.refused("NoSuchUpload", c.s3.list_parts, status=404, **upload.where)
    c.holds("Uploads" not in c.s3.list_multipart_uploads(Bucket=upload.bucket), "it is still listed")


@check(
    "s3",
    "a completed upload is listed no more",
    aws=f"{UPLOADS}: lists uploads begun and not yet completed or aborted",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"one")
    upload.complete()
    c.holds("Uploads" not in c.s3.list_multipart_uploads(Bucket=upload.bucket), "it is still listed")


@check(
    "s3",
    "part numbers are from 1 to 10,000",
    moto=DIFFERS,
    aws="S3 API Reference, UploadPart: part numbers can be any number from 1 to 10,000; InvalidArgument (400)",
)
def _(c):
    upload = Upload(c)
    for number in (0, 10_001):
        c.refused("InvalidArgument", c.s3.upload_part, status=400, **upload.where, PartNumber=number, Body=b"x")
    upload.part(10_000, b"x")


@check(
    "s3",
    "a part is checked by its Content-MD5",
    moto=DIFFERS,
    aws="S3 API Reference, UploadPart: Content-MD5; S3 error codes: BadDigest (400)",
)
def _(c):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    upload = Upload(c)
    c.refused(
        "BadDigest", c.s3.upload_part, status=400, **upload.where, PartNumber=1, Body=b"one", ContentMD5=wrong
    )


@check(
    "s3", "parts are listed with size and ETag", aws=f"{PARTS}: PartNumber, LastModified, ETag and Size of each"
)
def _(c):
    upload = Upload(c)
    etag = upload.part(2, b"12345")
    [found] = c.s3.list_parts(**upload.where)["Parts"]
    c.same((found["PartNumber"], found["Size"], found["ETag"]), (2, 5, etag))


@check(
    "s3",
    "parts are listed in pages",
    moto=DIFFERS,
    aws=f"{PARTS}: MaxParts, PartNumberMarker, IsTruncated, NextPartNumberMarker",
)
def _(c):
    upload = Upload(c)
    for number in (1, 2, 3, 7, 9):
        upload.part(number, b"x")
    seen, marker = [], {}
    while True:
        page = c.s3.list_parts(**upload.where, MaxParts=2, **marker)
        seen.append([part["PartNumber"] for part in page["Parts"]])
        if not page["IsTruncated"]:
            break
        marker = {"PartNumberMarker": page["NextPartNumberMarker"]}
    c.same(seen, [[1, 2], [3, 7], [9]])


@check(
    "s3",
    "uploads are listed by key",
    moto=DIFFERS,
    aws=f"{UPLOADS}: in the order of keys, with UploadId and Initiated; Prefix limits them",
)
def _(c):
    name = bucket(c)
    ids = {key: Upload(c, name, key).id for key in ("b", "a/2", "a/1")}
    found = c.s3.list_multipart_uploads(Bucket=name)["Uploads"]
    c.same([(one["Key"], one["UploadId"]) for one in found], sorted(ids.items()))
    c.holds(found[0]["Initiated"], "no Initiated")
    found = c.s3.list_multipart_uploads(Bucket=name, Prefix="a/")["Uploads"]
    c.same([one["Key"] for one in found], ["a/1", "a/2"], "the keys of a prefix")


@check(
    "s3", "uploads are listed in pages", aws=f"{UPLOADS}: MaxUploads, KeyMarker, UploadIdMarker and their Next…"
)
def _(c):
    name = bucket(c)
    wanted = {(key, Upload(c, name, key).id) for key in ("a", "a", "b", "c")}
    seen, markers = [], {}
    while True:
        page = c.s3.list_multipart_uploads(Bucket=name, MaxUploads=1, **markers)
        seen += [(one["Key"], one["UploadId"]) for one in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    c.same((len(seen), set(seen)), (4, wanted))


@check(
    "s3",
    "a part can be copied out of an object",
    aws="S3 API Reference, UploadPartCopy: x-amz-copy-source and x-amz-copy-source-range",
)
def _(c):
    upload = Upload(c)
    put(c, upload.bucket, "source", body=b"0123456789")
    answer = c.s3.upload_part_copy(
        **upload.where,
        PartNumber=1,
        CopySourceRange="bytes=2-5",
        CopySource={"Bucket": upload.bucket, "Key": "source"},
    )
    upload.complete([{"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}])
    c.same(body_of(c, upload.bucket, "key"), b"2345")


@check(
    "s3",
    "an upload can be made to happen only once",
    aws="S3 User Guide, Conditional writes: CompleteMultipartUpload with If-None-Match: * gives 412 if the key exists",
)
def _(c):
    upload = Upload(c)
    upload.part(1, b"one")
    put(c, upload.bucket, "key", body=b"other")
    c.refused("PreconditionFailed", c.s3.complete_multipart_upload, status=412, **upload.finish(), IfNoneMatch="*")
    c.same(body_of(c, upload.bucket, "key"), b"other")


@check(
    "s3",
    "one part of an object can be read",
    moto=DIFFERS,
    aws="S3 API Reference, GetObject: PartNumber reads that part; PartsCount says how many there are",
)
def _(c):
    upload = Upload(c)
    upload.part(1, LARGE)
    upload.part(2, b"end")
    upload.complete()
    answer = c.s3.get_object(Bucket=upload.bucket, Key="key", PartNumber=2)
    c.same((answer["Body"].read(), answer.get("PartsCount")), (b"end", 2))


@check(
    "s3",
    "an upload replaces the object that was there",
    aws=f"{COMPLETE}: the upload becomes the object of that key",
)
def _(c):
    name = bucket(c)
    put(c, name, "key", body=b"old")
    upload = Upload(c, name)
    upload.part(1, b"new")
    c.same(body_of(c, name, "key"), b"old", "before")
    upload.complete()
    c.same(body_of(c, name, "key"), b"new", "after")
