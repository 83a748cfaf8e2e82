"""The list of all checks, and the decorator that puts one on it."""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Callable

DIFFERS = "differs"
"""For `moto=` and `sandbox=`: that server is known not to answer as AWS does."""


@dataclass(frozen=True)
class Check:
    service: str
    title: str
    aws: str
    moto: str | None
    sandbox: str | None
    function: Callable

    @property
    def identity(self):
        return f"{self.service}: {self.title}"

    def differs_on(self, name):
        return DIFFERS == {"moto": self.moto, "sandbox": self.sandbox}.get(name)


ALL: list[Check] = []


def check(service, title, *, aws, moto=None, sandbox=None):
    """Registers a check. `title` is what holds when it passes; `aws` is what AWS does, and which document says so."""

    def register(function):
        ALL.append(Check(service, title, aws, moto, sandbox, function))
        return function

    return register


def load():
    """Imports every module of checks, and gives the list back. Two checks must not have one title."""
    import conformance

    for module in pkgutil.iter_modules(conformance.__path__):
        if module.name != "__main__":
            importlib.import_module(f"conformance.{module.name}")
    identities = [check.identity for check in ALL]
    twice = {identity for identity in identities if identities.count(identity) > 1}
    if twice:
        raise SystemExit(f"two checks have one title: {sorted(twice)}")
    return ALL
