"""The wire: what no SDK sends, and what every answer carries."""

import base64
import datetime
import email.utils
import json
import re
import urllib.parse
import xml.etree.ElementTree as ET
import zlib

from conformance import wire
from conformance.checks import DIFFERS, check
from conformance.given import body_of, bucket, keys_of, put

JSON_PROTOCOL = "Smithy, AWS JSON 1.1 protocol"
QUERY_PROTOCOL = "Smithy, AWS Query protocol"
EC2_PROTOCOL = "Smithy, EC2 Query protocol; EC2 Developer Guide, Error codes"
S3_ERRORS = "S3 API Reference, Error responses"
STREAMING = "S3 API Reference, Signature calculations with trailing headers"
TARGETS = {
    "firehose": "Firehose_20150804",
    "logs": "Logs_20140328",
    "sagemaker": "SageMaker",
    "ssm": "AmazonSSM",
    "tagging": "ResourceGroupsTaggingAPI_20170126",
}
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15", "ec2": "2016-11-15"}
LONG_AGO = datetime.timedelta(hours=1)


def call_json(c, service, operation, body=b"{}", **signing):
    headers = {"Content-Type": wire.JSON, "X-Amz-Target": f"{TARGETS[service]}.{operation}"}
    return c.send_signed(service, "POST", "/", headers, body, **signing)


def call_form(c, service, action, version=None, signing=None, **parameters):
    fields = {"Action": action, "Version": version or VERSIONS[service], **parameters}
    body = urllib.parse.urlencode(fields).encode()
    return c.send_signed(service, "POST", "/", {"Content-Type": wire.FORM}, body, **(signing or {}))


def code_of(reply):
    """The code in a JSON error: after `#`, before `:`."""
    said = json.loads(reply.body).get("__type") or reply.headers.get("x-amzn-errortype", "")
    return said.rsplit("#", 1)[-1].split(":")[0]


def xml(reply):
    """The document without its namespaces; an empty one if it is no XML."""
    try:
        return ET.fromstring(re.sub(r'\sxmlns="[^"]*"', "", reply.text))
    except ET.ParseError:
        return ET.Element("NoXml")


def an_hour_ago():
    return datetime.datetime.now(datetime.timezone.utc) - LONG_AGO


def unknown_operation(service, moto=None):
    @check(
        "protocol",
        f"{service} does not know every operation",
        moto=moto,
        aws=f"{JSON_PROTOCOL}: an operation that is none gives UnknownOperationException (400)",
    )
    def _(c):
        reply = call_json(c, service, "MakeCoffee")
        c.same((reply.status, code_of(reply)), (400, "UnknownOperationException"))


for name in TARGETS:
    unknown_operation(name, DIFFERS)


def unknown_action(service, moto=None):
    @check(
        "protocol",
        f"{service} does not know every action",
        moto=moto,
        aws=f"{QUERY_PROTOCOL}; common errors: InvalidAction (400), the action or operation requested is invalid",
    )
    def _(c):
        reply = call_form(c, service, "MakeCoffee")
        c.same((reply.status, xml(reply).findtext("./Error/Code")), (400, "InvalidAction"))
        c.same(xml(reply).findtext("./Error/Type"), "Sender", "Type")
        c.holds(xml(reply).findtext("./RequestId"), "no RequestId")


unknown_action("iam", DIFFERS)
unknown_action("sts", DIFFERS)


@check(
    "protocol",
    "ec2 does not know every action",
    moto=DIFFERS,
    aws=f"{EC2_PROTOCOL}: InvalidAction (400), the action is not valid for this web service",
)
def _(c):
    reply = call_form(c, "ec2", "MakeCoffee")
    c.same((reply.status, xml(reply).findtext("./Errors/Error/Code")), (400, "InvalidAction"))


@check(
    "protocol",
    "an action of another version is not known",
    moto=DIFFERS,
    aws="IAM API Reference, Common errors: InvalidAction (400); an action is of the version that the request names",
)
def _(c):
    reply = call_form(c, "sts", "GetCallerIdentity", version="2001-01-01")
    c.same((reply.status, xml(reply).findtext("./Error/Code")), (400, "InvalidAction"))


@check(
    "protocol",
    "a query may come as a GET",
    aws="IAM User Guide, Making HTTP query requests: query APIs take GET or POST",
)
def _(c):
    reply = c.send_signed("sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15")
    c.same(reply.status, 200, "the status")
    c.holds(xml(reply).findtext("./GetCallerIdentityResult/Account"), "no Account")


@check(
    "protocol",
    "a query's answer has its form",
    aws=f"{QUERY_PROTOCOL}: ActionResponse with ActionResult and ResponseMetadata/RequestId, in the service's namespace",
)
def _(c):
    reply = call_form(c, "sts", "GetCallerIdentity")
    c.holds('xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in reply.text, "another namespace")
    answer = xml(reply)
    c.same(answer.tag, "GetCallerIdentityResponse", "the answer's element")
    c.holds(answer.findtext("./ResponseMetadata/RequestId"), "no RequestId")


@check(
    "protocol",
    "a query's refusal has its form",
    aws=f"{QUERY_PROTOCOL}: ErrorResponse with Error (Type, Code, Message) and RequestId",
)
def _(c):
    reply = call_form(c, "iam", "GetRole", RoleName=c.name("none"))
    answer = xml(reply)
    c.same((reply.status, answer.tag), (404, "ErrorResponse"))
    c.same((answer.findtext("./Error/Type"), answer.findtext("./Error/Code")), ("Sender", "NoSuchEntity"))
    c.holds(answer.findtext("./Error/Message") and answer.findtext("./RequestId"), "no Message or RequestId")


@check(
    "protocol",
    "EC2's answer has its form",
    aws="Smithy, EC2 Query protocol: ActionResponse with requestId beside the result",
)
def _(c):
    reply = call_form(c, "ec2", "DescribeVpcs")
    answer = xml(reply)
    c.same((reply.status, answer.tag), (200, "DescribeVpcsResponse"))
    c.holds(answer.findtext("./requestId"), "no requestId")
    c.holds(answer.find("./vpcSet/item/vpcId") is not None, "no vpcSet/item/vpcId")


@check(
    "protocol",
    "EC2's refusal has its form",
    aws=f"{EC2_PROTOCOL}: Response with Errors/Error (Code, Message) and RequestID",
)
def _(c):
    reply = call_form(c, "ec2", "DescribeKeyPairs", **{"KeyName.1": c.name("none")})
    answer = xml(reply)
    c.same((reply.status, answer.tag), (400, "Response"))
    c.same(answer.findtext("./Errors/Error/Code"), "InvalidKeyPair.NotFound")
    c.holds(answer.findtext("./RequestID"), "no RequestID")


@check(
    "protocol",
    "a JSON refusal has its form",
    aws=f"{JSON_PROTOCOL}: the body's __type or the header x-amzn-errortype names the error; message is its text",
)
def _(c):
    body = json.dumps({"DeliveryStreamName": c.name("none")}).encode()
    reply = call_json(c, "firehose", "DescribeDeliveryStream", body)
    c.same((reply.status, code_of(reply)), (400, "ResourceNotFoundException"))
    said = json.loads(reply.body)
    c.holds(said.get("message") or said.get("Message"), "no message")


def content_type(service, kind, send, moto=None):
    @check(
        "protocol",
        f"{service} answers as {kind}",
        moto=moto,
        aws=f"{JSON_PROTOCOL} / {QUERY_PROTOCOL}: the Content-Type of answers",
    )
    def _(c):
        reply = send(c)
        c.same(reply.status, 200, "the status")
        c.same(reply.headers["Content-Type"].split(";")[0].strip(), kind)


content_type("firehose", wire.JSON, lambda c: call_json(c, "firehose", "ListDeliveryStreams"))
content_type("logs", wire.JSON, lambda c: call_json(c, "logs", "DescribeLogGroups"), DIFFERS)
content_type("iam", "text/xml", lambda c: call_form(c, "iam", "ListRoles"))
content_type("ec2", "text/xml", lambda c: call_form(c, "ec2", "DescribeVpcs"))
content_type("s3", "application/xml", lambda c: c.send_signed("s3", "GET", "/"))


@check(
    "protocol",
    "a body that is no JSON is refused",
    aws=f"{JSON_PROTOCOL}: SerializationException (400) for a body that cannot be parsed",
    moto=DIFFERS,
)
def _(c):
    for service, operation in (("firehose", "ListDeliveryStreams"), ("logs", "DescribeLogGroups")):
        reply = call_json(c, service, operation, b"{ not json")
        c.same((reply.status, code_of(reply)), (400, "SerializationException"), f"{service}'s answer")


@check(
    "protocol",
    "a member of the wrong type is refused",
    moto=DIFFERS,
    aws=f"{JSON_PROTOCOL}: SerializationException (400) for a member that cannot be parsed",
)
def _(c):
    body = json.dumps({"DeliveryStreamName": ["a", "list"]}).encode()
    reply = call_json(c, "firehose", "DescribeDeliveryStream", body)
    c.same((reply.status, code_of(reply)), (400, "SerializationException"))


def missing_member(service, code, call, moto=None, **arguments):
    @check(
        "protocol",
        f"{service} says what is missing",
        moto=moto,
        aws=f"The API reference's required parameters; {code} (400) without one",
    )
    def _(c):
        c.refused(code, getattr(c.unchecked(service), call), status=400, **arguments)


missing_member("firehose", "ValidationException", "describe_delivery_stream", DIFFERS)
missing_member("sagemaker", "ValidationException", "describe_notebook_instance")
missing_member("logs", "InvalidParameterException", "create_log_group", DIFFERS)
missing_member("iam", "ValidationError", "create_role", DIFFERS, RoleName="without-a-trust-policy")
missing_member("sts", "ValidationError", "assume_role", DIFFERS, RoleSessionName="without-a-role")
missing_member("ec2", "MissingParameter", "create_security_group", GroupName="without-a-description")


def unsigned(service, send, moto=None):
    @check(
        "protocol",
        f"{service} wants to know who calls",
        moto=moto,
        aws="Common errors of the API references: MissingAuthenticationToken (or …Exception) without a signature, 400 or 403",
    )
    def _(c):
        reply = send(c)
        code = code_of(reply) if reply.body.startswith(b"{") else xml(reply).findtext("./Error/Code")
        c.holds(reply.status in (400, 403), f"the status is {reply.status}")
        c.holds(
            code in ("MissingAuthenticationToken", "MissingAuthenticationTokenException"), f"the code is {code}"
        )


def without_signature(service, operation):
    headers = {"Content-Type": wire.JSON, "X-Amz-Target": f"{TARGETS[service]}.{operation}"}
    return lambda c: c.send("POST", "/", headers, b"{}")


unsigned("firehose", without_signature("firehose", "ListDeliveryStreams"), DIFFERS)
unsigned("logs", without_signature("logs", "DescribeLogGroups"), DIFFERS)
unsigned(
    "sts",
    lambda c: c.send("POST", "/", {"Content-Type": wire.FORM}, b"Action=GetCallerIdentity&Version=2011-06-15"),
    DIFFERS,
)


@check(
    "protocol",
    "nobody may read a private object",
    moto=DIFFERS,
    aws="S3 User Guide, Blocking public access: requests without a signature are refused, AccessDenied (403)",
)
def _(c):
    name = bucket(c)
    put(c, name, "key")
    reply = c.send("GET", f"/{name}/key")
    c.same((reply.status, xml(reply).findtext("./Code")), (403, "AccessDenied"))


@check(
    "protocol",
    "S3 takes no request from long ago",
    moto=DIFFERS,
    aws="S3 error codes: RequestTimeTooSkewed (403), the difference to the server's time is too large (15 minutes)",
)
def _(c):
    reply = c.send_signed("s3", "GET", "/", at=an_hour_ago())
    c.same((reply.status, xml(reply).findtext("./Code")), (403, "RequestTimeTooSkewed"))


@check(
    "protocol",
    "STS takes no request from long ago",
    moto=DIFFERS,
    aws="IAM User Guide, Troubleshoot Signature Version 4: Signature expired, SignatureDoesNotMatch (403), beyond 15 minutes",
)
def _(c):
    reply = call_form(c, "sts", "GetCallerIdentity", signing={"at": an_hour_ago()})
    c.same((reply.status, xml(reply).findtext("./Error/Code")), (403, "SignatureDoesNotMatch"))
    c.holds(
        "Signature expired" in xml(reply).findtext("./Error/Message"), "it does not say that the signature expired"
    )


@check(
    "protocol",
    "EC2 takes no request from long ago",
    moto=DIFFERS,
    aws="EC2 Developer Guide, Error codes: RequestExpired (400)",
)
def _(c):
    reply = call_form(c, "ec2", "DescribeVpcs", signing={"at": an_hour_ago()})
    c.same((reply.status, xml(reply).findtext("./Errors/Error/Code")), (400, "RequestExpired"))


@check(
    "protocol",
    "every answer has a request id of its own",
    aws="AWS General Reference, request ids: x-amzn-RequestId of JSON and query services, in the body for EC2",
)
def _(c):
    answers = [
        call()
        for call in (
            c.firehose.list_delivery_streams,
            c.logs.describe_log_groups,
            c.iam.list_roles,
            c.sts.get_caller_identity,
            c.ec2.describe_vpcs,
            c.sagemaker.list_notebook_instances,
            c.s3.list_buckets,
            c.tagging.get_resources,
        )
    ]
    ids = [answer["ResponseMetadata"].get("RequestId") for answer in answers]
    c.holds(all(ids), f"one has none: {ids}")
    c.same(len(set(ids)), len(ids), "the number of different ids")


@check(
    "protocol",
    "S3's answers have two ids",
    moto=DIFFERS,
    aws="S3 User Guide, Getting request IDs: x-amz-request-id and x-amz-id-2 in every response",
)
def _(c):
    reply = c.send_signed("s3", "GET", "/")
    c.holds(reply.headers["x-amz-request-id"], "no x-amz-request-id")
    c.holds(reply.headers["x-amz-id-2"], "no x-amz-id-2")


@check("protocol", "a refusal has a request id too", aws=f"{S3_ERRORS}; ResponseMetadata of every error")
def _(c):
    for code, call, arguments in (
        ("NoSuchBucket", c.s3.get_bucket_location, {"Bucket": c.name("none")}),
        ("NoSuchEntity", c.iam.get_role, {"RoleName": c.name("none")}),
        ("ResourceNotFoundException", c.firehose.describe_delivery_stream, {"DeliveryStreamName": c.name("none")}),
    ):
        c.holds(c.refused(code, call, **arguments)["ResponseMetadata"].get("RequestId"), f"{code} has none")


@check(
    "protocol",
    "every answer says the time",
    aws="RFC 9110 section 6.6.1: the Date header; AWS's servers send it, SDKs correct their clocks by it",
)
def _(c):
    for reply in (
        call_json(c, "firehose", "ListDeliveryStreams"),
        call_form(c, "iam", "ListRoles"),
        c.send_signed("s3", "GET", "/"),
    ):
        said = email.utils.parsedate_to_datetime(reply.headers["Date"])
        age = datetime.datetime.now(datetime.timezone.utc) - said
        c.holds(abs(age.total_seconds()) < 300, f"the Date is {reply.headers['Date']}")


@check(
    "protocol",
    "S3's refusal has its form",
    aws=f"{S3_ERRORS}: Error with Code, Message, Resource or Key, RequestId; application/xml",
)
def _(c):
    name = bucket(c)
    reply = c.send_signed("s3", "GET", f"/{name}/none")
    answer = xml(reply)
    c.same((reply.status, answer.tag), (404, "Error"))
    c.same(answer.findtext("Code"), "NoSuchKey", "Code")
    named = answer.findtext("Key") or answer.findtext("Resource") or ""
    c.holds(named.endswith("none"), "neither Key nor Resource names the object")
    c.holds(answer.findtext("Message") and answer.findtext("RequestId"), "no Message or RequestId")
    c.same(reply.headers["Content-Type"].split(";")[0], "application/xml", "Content-Type")


@check(
    "protocol", "XML that S3 cannot read is MalformedXML", moto=DIFFERS, aws="S3 error codes: MalformedXML (400)"
)
def _(c):
    name = bucket(c)
    body = b"<Tagging><TagSet>"
    digest = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    reply = c.send_signed("s3", "PUT", f"/{name}?tagging=", {"x-amz-checksum-crc32": digest}, body)
    c.same((reply.status, xml(reply).findtext("./Code")), (400, "MalformedXML"))


@check(
    "protocol",
    "several deletions at once must be checked by a digest",
    moto=DIFFERS,
    aws="S3 API Reference, DeleteObjects: Content-MD5 or a checksum header is required; InvalidRequest (400)",
)
def _(c):
    name = bucket(c)
    body = b"<Delete><Object><Key>key</Key></Object></Delete>"
    reply = c.send_signed("s3", "POST", f"/{name}?delete=", {"Content-Type": "application/xml"}, body)
    c.same((reply.status, xml(reply).findtext("./Code")), (400, "InvalidRequest"))


@check(
    "protocol",
    "a body must be the one that was signed",
    moto=DIFFERS,
    aws="S3 error codes: XAmzContentSHA256Mismatch (400), x-amz-content-sha256 is not what was computed",
)
def _(c):
    name = bucket(c)
    reply = c.send_signed("s3", "PUT", f"/{name}/key", {}, b"other", content="0" * 64)
    c.same((reply.status, xml(reply).findtext("./Code")), (400, "XAmzContentSHA256Mismatch"))
    c.same(keys_of(c, name), [], "the keys")


@check(
    "protocol",
    "a body need not be signed",
    aws="S3 API Reference, Authenticating requests: x-amz-content-sha256: UNSIGNED-PAYLOAD",
)
def _(c):
    name = bucket(c)
    c.same(
        c.send_signed("s3", "PUT", f"/{name}/key", {}, b"body", content="UNSIGNED-PAYLOAD").status,
        200,
        "the status",
    )
    c.same(body_of(c, name, "key"), b"body")


@check(
    "protocol",
    "an object must say its length",
    moto=DIFFERS,
    aws="S3 error codes: MissingContentLength (411) without Content-Length; NotImplemented (501) for Transfer-Encoding",
)
def _(c):
    name = bucket(c)
    reply = c.send_signed(
        "s3",
        "PUT",
        f"/{name}/key",
        {"Transfer-Encoding": "chunked"},
        b"4\r\nbody\r\n0\r\n\r\n",
        content="UNSIGNED-PAYLOAD",
    )
    found = (reply.status, xml(reply).findtext("./Code"))
    c.holds(found in [(411, "MissingContentLength"), (501, "NotImplemented")], f"the answer is {found}")


def in_chunks(body, checksum, size=8192):
    """A body as `aws-chunked` writes it, with a checksum behind it. Only the last chunk may be below 8 KiB."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return chunks + b"0\r\nx-amz-checksum-crc32:" + checksum.encode() + b"\r\n\r\n"


def put_in_chunks(c, name, body, checksum):
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    return c.send_signed(
        "s3",
        "PUT",
        f"/{name}/key",
        headers,
        in_chunks(body, checksum),
        content="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    )


@check(
    "protocol",
    "a body in chunks is put together",
    moto=DIFFERS,
    aws=f"{STREAMING}: STREAMING-UNSIGNED-PAYLOAD-TRAILER with Content-Encoding aws-chunked, which is not stored",
)
def _(c):
    name = bucket(c)
    body = b"in pieces " * 2000
    digest = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    c.same(put_in_chunks(c, name, body, digest).status, 200, "the status")
    found = c.s3.get_object(Bucket=name, Key="key", ChecksumMode="ENABLED")
    c.same(found["Body"].read(), body)
    c.holds(not found.get("ContentEncoding"), f"ContentEncoding is {found.get('ContentEncoding')}")
    c.same(found.get("ChecksumCRC32"), digest, "the checksum")


@check(
    "protocol",
    "a body in chunks is checked by what follows it",
    moto=DIFFERS,
    aws=f"{STREAMING}: the checksum in the trailing header must be the body's; BadDigest (400)",
)
def _(c):
    name = bucket(c)
    reply = put_in_chunks(c, name, b"in pieces " * 2000, "AAAAAA==")
    c.same((reply.status, xml(reply).findtext("./Code")), (400, "BadDigest"))
    c.same(keys_of(c, name), [], "the keys")


@check(
    "protocol",
    "a HEAD answer has no body",
    aws="RFC 9110 section 9.3.2; S3 API Reference, HeadObject: Content-Length is the object's",
)
def _(c):
    name = bucket(c)
    put(c, name, "key", body=b"0123456789")
    reply = c.send_signed("s3", "HEAD", f"/{name}/key")
    c.same((reply.status, reply.headers["Content-Length"], reply.body), (200, "10", b""))


@check(
    "protocol",
    "a checksum is computed where none is sent",
    moto=DIFFERS,
    aws="S3 User Guide, Checking object integrity: without a checksum S3 computes CRC64NVME and stores it",
)
def _(c):
    name = bucket(c)
    c.send_signed("s3", "PUT", f"/{name}/key", {}, b"123456789")
    found = c.s3.head_object(Bucket=name, Key="key", ChecksumMode="ENABLED")
    # The check value of CRC-64/NVME over these nine digits.
    c.same(found.get("ChecksumCRC64NVME"), base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode())
