"""S3: URLs that carry their signature."""

import urllib.parse
import xml.etree.ElementTree as ET

from conformance.checks import DIFFERS, check
from conformance.given import body_of, bucket, put

PRESIGNED = "S3 User Guide, Download and upload objects with presigned URLs"
QUERY = "S3 API Reference, Authenticating requests: using query parameters"


def presigned(c, method, name, key, expires=300, **more):
    """The path and query of a presigned URL."""
    url = c.s3.generate_presigned_url(method, Params={"Bucket": name, "Key": key, **more}, ExpiresIn=expires)
    parts = urllib.parse.urlsplit(url)
    return f"{parts.path}?{parts.query}"


def code_of(reply):
    """The code of a refusal; None if it is none."""
    try:
        return ET.fromstring(reply.body).findtext("Code")
    except ET.ParseError:
        return None


@check(
    "s3",
    "a presigned URL reads without further keys",
    aws=f"{PRESIGNED}: whoever has the URL may do what its maker may",
)
def _(c):
    name = bucket(c)
    put(c, name, "a b+ü", body=b"body")
    reply = c.send("GET", presigned(c, "get_object", name, "a b+ü"))
    c.same((reply.status, reply.body), (200, b"body"))


@check("s3", "a presigned URL writes", aws=f"{PRESIGNED}: uploads with PUT")
def _(c):
    name = bucket(c)
    c.same(c.send("PUT", presigned(c, "put_object", name, "key"), {}, b"body").status, 200, "the status")
    c.same(body_of(c, name, "key"), b"body")


@check(
    "s3",
    "a presigned URL names the headers of its answer",
    aws="S3 API Reference, GetObject: response-content-disposition in a signed URL",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    wanted = 'attachment; filename="posts.json"'
    reply = c.send("GET", presigned(c, "get_object", name, "key", ResponseContentDisposition=wanted))
    c.same(reply.headers["Content-Disposition"], wanted)


@check(
    "s3",
    "a presigned URL expires",
    moto=DIFFERS,
    aws=f"{QUERY}: after X-Amz-Expires seconds, AccessDenied (403): Request has expired",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    target = presigned(c, "get_object", name, "key", expires=1)
    reply = c.until(lambda: answer if (answer := c.send("GET", target)).status != 200 else None, 10, "its end")
    c.same((reply.status, code_of(reply)), (403, "AccessDenied"))


@check(
    "s3",
    "a presigned URL lasts at most a week",
    moto=DIFFERS,
    aws=f"{QUERY}: X-Amz-Expires is at most 604,800; AuthorizationQueryParametersError (400)",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    reply = c.send("GET", presigned(c, "get_object", name, "key", expires=604_801))
    c.same((reply.status, code_of(reply)), (400, "AuthorizationQueryParametersError"))


@check("s3", "a presigned URL of nothing says so", aws=f"{PRESIGNED}; S3 error codes: NoSuchKey (404)")
def _(c):
    reply = c.send("GET", presigned(c, "get_object", bucket(c), "none"))
    c.same((reply.status, code_of(reply)), (404, "NoSuchKey"))
