"""Whether the values of a profile can be used: what a type does not say, and a request would trip over.

It knows no registry's habits: any value that can be sent is right.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from ghcr_sim.oci import Refusal
from ghcr_sim.route import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.profiles.model import Profile

__all__ = ["mistakes"]

_ERRORS = range(400, 600)
_NAME, _ID, _DIGEST = "acme/app", "0a1b2c3d-0a1b-2c3d-0a1b-2c3d4e5f6071", f"sha256:{'0' * 64}"


def mistakes(profile: Profile) -> Iterator[tuple[str, str]]:
    """What is wrong.

    Returns:
        The field, with dots, and what it must be; nothing where all is well.
    """
    yield from _templates(profile)
    yield from _addresses(profile)
    yield from _statuses(profile)
    yield from _quoted(profile)


def _filled(template: str, **values: object) -> str | None:
    """A template with values in it, or None where it asks for others."""
    try:
        return template.format(**values)
    except (LookupError, ValueError, AttributeError):
        return None


def _templates(profile: Profile) -> Iterator[tuple[str, str]]:
    if _filled(profile.manifests.accept_message, kind="index", plural="indexes") is None:
        yield "manifests.accept_message", "it must be a text with {kind} and {plural}, and no other braces"
    if _filled(profile.limits.message, wait="1s", allowed=1) is None:
        yield "limits.message", "it must be a text with {wait} and {allowed}, and no other braces"


def _addresses(profile: Profile) -> Iterator[tuple[str, str]]:
    """Addresses that are sent to clients have to lead back here."""
    location = _filled(profile.uploads.location, repository=_NAME, id=_ID)
    if location is None or _leads(location) != ("upload.get", _NAME, _ID):
        yield (
            "uploads.location",
            "it must be like /v2/{repository}/blobs/uploads/{id}, with upload or uploads",
        )
    if not profile.storage.shards:
        yield "storage.shards", "it must name one at least"
    for shard in profile.storage.shards:
        if _leads(f"/{shard}/blobs/{_DIGEST}") != ("storage.get", shard, _DIGEST):
            yield "storage.shards", f"{shard!r} must be letters and digits that begin with ghcr"


def _leads(target: str) -> tuple[str, str, str] | None:
    """Where a request for an address arrives."""
    try:
        operation = parse("GET", target)
    except Refusal:
        return None
    return operation.name, operation.repository, operation.reference


def _statuses(profile: Profile) -> Iterator[tuple[str, str]]:
    """A refusal is an error, whatever its code is called."""
    answers = ((each.name, getattr(profile.refusals, each.name)) for each in fields(profile.refusals))
    statuses = {f"refusals.{name}": answer.status for name, answer in answers} | {
        "storage.bearer_status": profile.storage.bearer_status,
        "uploads.broken_status": profile.uploads.broken_status,
    }
    for field, status in statuses.items():
        if status not in _ERRORS:
            yield field, f"a refusal's status must be 400 to 599, got {status}"


def _quoted(profile: Profile) -> Iterator[tuple[str, str]]:
    """What stands in quotes in the header field of a challenge."""
    texts = {
        "ping.placeholder_scope": profile.ping.placeholder_scope,
        "auth.challenge_push_scope": profile.auth.challenge_push_scope,
        "token.service": profile.token.service,
    }
    for field, text in texts.items():
        if not text.isascii() or not text.isprintable() or {'"', "\\"} & {*text}:
            yield field, "it must be printable ASCII without quotes and backslashes"
