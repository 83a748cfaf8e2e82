"""Requests made by hand: what no SDK would send, signed as AWS wants it (Signature Version 4)."""

import datetime
import hashlib
import hmac
import http.client
import urllib.parse
from dataclasses import dataclass

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
OF_THE_BODY = object()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()


def send(endpoint, method, target, headers, body=b""):
    """Sends exactly these headers (and Host), and no body's length unless it is among them or there is a body."""
    address = urllib.parse.urlsplit(endpoint)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        names = {name.lower() for name in headers}
        if "host" not in names:
            connection.putheader("Host", address.netloc)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "content-length" not in names and "transfer-encoding" not in names:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def signed(endpoint, keys, service, region, method, target, headers, body=b"", *, content=OF_THE_BODY, at=None):
    """The headers, with those of a signature.

    `content` is what `x-amz-content-sha256` says, if not the body's digest; `at` is the time of signing, if not now.
    """
    at = at or datetime.datetime.now(datetime.timezone.utc)
    stamp, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    address = urllib.parse.urlsplit(endpoint)
    path, _, query = target.partition("?")
    digest = hashlib.sha256(body).hexdigest() if content is OF_THE_BODY else content
    full = {"Host": address.netloc, **headers, "X-Amz-Date": stamp}
    if service == "s3":
        full["X-Amz-Content-SHA256"] = digest
    if keys.token:
        full["X-Amz-Security-Token"] = keys.token
    lower = {name.lower(): " ".join(value.split()) for name, value in full.items()}
    names = ";".join(sorted(lower))
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    canonical_query = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-_.~")
    canonical = "\n".join(
        [method, path, canonical_query, *(f"{name}:{lower[name]}" for name in sorted(lower)), "", names, digest]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    string = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, string.encode(), hashlib.sha256).hexdigest()
    full["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return full
