"""What a check is given: clients, unique names, ways to compare and to wait, and a list of what to undo."""

import itertools
import secrets
import threading
import time
from dataclasses import dataclass

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from conformance import wire

REGION = "us-east-1"
OTHER_REGION = "eu-west-1"
ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"

SERVICES = {
    "s3": "s3",
    "iam": "iam",
    "sts": "sts",
    "ec2": "ec2",
    "firehose": "firehose",
    "logs": "logs",
    "sagemaker": "sagemaker",
    "ssm": "ssm",
    "tagging": "resourcegroupstaggingapi",
}


class Failed(AssertionError):
    """The endpoint does not do what AWS does."""


@dataclass(frozen=True)
class Keys:
    """Credentials of a caller."""

    key: str
    secret: str = "a-secret-that-nobody-checks"
    token: str | None = None

    @classmethod
    def of_session(cls, credentials):
        return cls(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


class Cloud:
    """An endpoint, and one client per service, region and caller for all checks together."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.keys = Keys(ACCOUNT)
        self._session = boto3.Session(botocore_session=botocore.session.get_session())
        self._clients = {}
        self._lock = threading.Lock()
        self._run = secrets.token_hex(3)
        self._numbers = itertools.count(1)

    def client(self, service, region, keys, *, unchecked=False):
        """A client. An unchecked one sends what its own rules would refuse."""
        which = (service, region, keys, unchecked)
        with self._lock:
            if which not in self._clients:
                self._clients[which] = self._make(*which)
            return self._clients[which]

    def _make(self, service, region, keys, unchecked):
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=60,
            inject_host_prefix=False,
            max_pool_connections=32,
            parameter_validation=not unchecked,
            # boto3 presigns with the second version of signatures unless it is told.
            signature_version="s3v4" if service == "s3" else None,
            s3={"addressing_style": "path"},
        )
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=keys.key,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            config=config,
        )

    def name(self, kind):
        # No name may be the beginning of another: prefixes are asked for.
        return f"conf-{kind}-{self._run}-{next(self._numbers):05}"


class Context:
    """One check's view of a cloud. `c.s3`, `c.iam`, … are clients of the usual region and caller."""

    def __init__(self, cloud):
        self._cloud = cloud
        self._undo = []
        self.endpoint = cloud.endpoint

    def __getattr__(self, name):
        if name not in SERVICES:
            raise AttributeError(name)
        return self.client(name)

    def client(self, name, *, region=REGION, account=None, keys=None, unchecked=False):
        """Another client: of another region, another account, a session's keys, or without the SDK's own checks."""
        keys = keys or (Keys(account) if account else self._cloud.keys)
        return self._cloud.client(SERVICES[name], region, keys, unchecked=unchecked)

    def unchecked(self, name, **options):
        return self.client(name, unchecked=True, **options)

    def name(self, kind):
        """A name that nothing else has: small letters, digits and hyphens, good for every service."""
        return self._cloud.name(kind)

    # Comparing.

    def same(self, actual, expected, what="the answer"):
        if actual != expected:
            raise Failed(f"{what} is {shorten(actual)}, not {shorten(expected)}")

    def holds(self, condition, what):
        if not condition:
            raise Failed(what)

    def refused(self, code, call, *, status=None, message=None, **arguments):
        """The call is refused with this code (or one of these), and the error is given back."""
        codes = (code,) if isinstance(code, str) else code
        try:
            answer = call(**arguments)
        except ClientError as error:
            found = error.response["Error"]
            where = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if found["Code"] not in codes:
                raise Failed(
                    f"refused with {found['Code']} ({shorten(found.get('Message'))}), not with {' or '.join(codes)}"
                ) from None
            if status and where != status:
                raise Failed(f"{found['Code']} has status {where}, not {status}") from None
            if message and message not in found.get("Message", ""):
                raise Failed(f"{found['Code']} says {shorten(found.get('Message'))}, not {message!r}") from None
            return error.response
        answer.pop("ResponseMetadata", None)
        raise Failed(f"accepted instead of being refused with {' or '.join(codes)}: {shorten(answer)}")

    def code_of(self, call, **arguments):
        """The code that the call is refused with; None if it is accepted."""
        try:
            call(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    # Waiting.

    def until(self, condition, timeout=20, what="what was waited for"):
        """What `condition` gives once it is true; it is asked every 50 ms."""
        end = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"{what} did not come within {timeout} s; last was {shorten(value)}")
            time.sleep(0.05)

    def while_refused(self, codes, call, timeout=20, **arguments):
        """The answer, once the call is no longer refused with one of these codes."""
        codes = (codes,) if isinstance(codes, str) else codes
        end = time.monotonic() + timeout
        while True:
            try:
                return call(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] not in codes or time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def until_refused(self, code, call, timeout=20, **arguments):
        """Waits until the call is refused with this code: a thing is gone, a right taken away."""

        def is_refused():
            try:
                call(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] == code:
                    return error.response
                raise
            return None

        return self.until(is_refused, timeout, f"being refused with {code}")

    # By hand.

    def send(self, method, target, headers=None, body=b""):
        """A request without a signature."""
        return wire.send(self.endpoint, method, target, headers or {}, body)

    def send_signed(self, service, method, target, headers=None, body=b"", *, region=REGION, **signing):
        headers = wire.signed(
            self.endpoint, self._cloud.keys, service, region, method, target, headers or {}, body, **signing
        )
        return wire.send(self.endpoint, method, target, headers, body)

    # Undoing.

    def later(self, call, **arguments):
        """To be done after the check, the last first, however the check ends."""
        self._undo.append((call, arguments))

    def undo(self):
        """Does what was left for later; gives back what could not be done though the thing is there."""
        troubles = []
        for call, arguments in reversed(self._undo):
            try:
                call(**arguments)
            except ClientError as error:
                if not is_gone(error.response["Error"]):
                    troubles.append(str(error))
            except Exception as error:  # noqa: BLE001 one trouble must not keep the rest from being undone
                troubles.append(f"{type(error).__name__}: {error}")
        self._undo.clear()
        return troubles


def is_gone(error):
    code, message = error["Code"], error.get("Message", "")
    says_so = "RecordNotFound" in message or "does not exist" in message
    return "NotFound" in code or "NoSuch" in code or code == "404" or says_so


def shorten(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
