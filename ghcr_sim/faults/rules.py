"""What a planned failure is, and which ones were recorded."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ghcr_sim.errors import FaultError
from ghcr_sim.exchange import Response, Wire
from ghcr_sim.oci.names import is_repository
from ghcr_sim.oci.refusals import CODES, error_body
from ghcr_sim.route import OPERATIONS, READS, WRITES, Operation, near_operations

__all__ = ["Rule", "make_rule", "recorded_names"]

_CODE_OF = {
    400: "UNSUPPORTED", 401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN",
    405: "UNSUPPORTED", 416: "REQUESTED_RANGE_NOT_SATISFIABLE", 429: "TOOMANYREQUESTS",
}  # fmt: skip


@dataclass(slots=True)
class Rule:
    """One planned failure.

    Attributes:
        operation: Which operation fails.
        answer: What goes out instead; `{path}` in a location is what was asked for.
        times: How often; None is always.
        repository: Only there, or everywhere.
        met: How often it happened.
    """

    operation: str
    answer: Response
    times: int | None = 1
    repository: str | None = None
    met: int = 0

    def matches(self, operation: Operation) -> bool:
        """Whether it happens to this operation now."""
        return (
            operation.name == self.operation
            and (self.times is None or self.met < self.times)
            and (self.repository is None or operation.repository == self.repository)
        )

    def covers(self, other: Rule) -> bool:
        """Whether it takes every operation that another rule waits for, so that the other's turn never comes."""
        everywhere = self.repository is None or self.repository == other.repository
        return self.times is None and everywhere and self.operation == other.operation

    def owed(self) -> str | None:
        """What has not happened of it, in words; None where all of it has."""
        if self.met and (self.times is None or self.met >= self.times):
            return None
        wanted = "at all" if self.times is None else f"{self.times} times" if self.times > 1 else "once"
        where = f" in {self.repository}" if self.repository else ""
        wire = self.answer.wire or Wire()
        how = "by hanging" if wire.hang else "by a reset" if wire.reset else f"with {self.answer.status}"
        return f"{self.operation}{where} was to fail {wanted} {how}, and did {self.met} times"


@lru_cache(maxsize=1)
def _recorded() -> dict[str, dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "recorded.toml").read_text("utf-8"))


def recorded_names() -> list[str]:
    """The recorded failures that can be planned by name."""
    return list(_recorded())


def make_rule(
    operation: str, recorded: str | None, status: int | None, times: int | None, repository: str | None
) -> Rule:
    """Check a plan, and make a rule of it.

    Raises:
        FaultError: It could never happen, or says too little or too much.
    """
    if operation not in OPERATIONS:
        raise FaultError(
            f"there is no operation {operation!r}, so it can never fail; did you mean "
            f"{near_operations(operation)}?"
        )
    if repository is not None:
        _check_repository_of(operation, repository)
    if times is not None and times < 1:
        raise FaultError(f"times must be at least 1 (or None for always), got {times}")
    if (recorded is None) == (status is None):
        raise FaultError("say what goes out: either status=503, or the name of a recorded failure")
    answer = _by_status(status) if status is not None else _by_name(str(recorded), operation)
    return Rule(operation, answer, times, repository)


def _check_repository_of(operation: str, repository: str) -> None:
    """Refuse a repository in which the operation never happens."""
    if operation not in READS | WRITES:
        raise FaultError(
            f"{operation} belongs to no repository, so it never fails in one: leave repository out"
        )
    if not isinstance(repository, str):
        raise FaultError(f"{repository!r} is not a repository's name: give a text, such as 'acme/app'")
    registry, slash, name = repository.partition("/")
    if slash and set(".:") & set(registry) and is_repository(name):
        raise FaultError(
            f"{repository!r} names the registry {registry}, and a repository has none: give {name!r}"
        )
    if not is_repository(repository):
        raise FaultError(f"{repository!r} is not a repository's name, so nothing ever happens in it")


def _by_status(status: int) -> Response:
    if not 400 <= status <= 599:  # noqa: PLR2004 - the failures of HTTP
        raise FaultError(f"a failure's status is 400 to 599, got {status}")
    code = _CODE_OF.get(status)
    return _answer(status, {"code": code, "message": CODES[code][1]} if code else {})


def _by_name(name: str, operation: str) -> Response:
    recipe = _recorded().get(name)
    if recipe is None:
        raise FaultError(f"no recorded failure is called {name!r}; there are {', '.join(_recorded())}")
    where = recipe["operations"]
    if where != ["*"] and operation not in where:
        raise FaultError(f"{name!r} never happens to {operation}; it happens to {', '.join(where)}")
    return _answer(recipe["status"], recipe)


def _answer(status: int, recipe: dict[str, Any]) -> Response:
    body = str(recipe.get("body", "")).encode()
    media_type = recipe.get("media_type", "application/json")
    if recipe.get("code"):
        body = error_body(recipe["code"], recipe["message"])
    headers = [("content-length", str(len(body)))]
    if body:
        headers.append(("content-type", media_type))
    if "location" in recipe:
        headers.append(("location", recipe["location"]))
    hang, reset = bool(recipe.get("hang")), bool(recipe.get("reset"))
    wire = Wire(hang=hang, reset=reset) if hang or reset else None
    return Response(status, tuple(headers), body, wire, by="fault")
