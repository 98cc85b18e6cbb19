"""What a cassette says: a header, and one exchange a line. Frozen, strict, unknown keys are errors.

An exchange is written in the words of the protocol: operation, repository, reference; never a token, a signature, a
session's id or a time. What stands for those is a numbered placeholder such as `<token:1>`. Lines have one canonical
form: the order of the fields here, defaults left out, no blanks. Source: `reference/record-replay.md` section 5.1.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.oci.refusals import Refusal
from ghcr_sim.route import OPERATIONS

__all__ = ["SCHEMA", "Auth", "Body", "Exchange", "Header", "Host", "HostClass", "Received", "Rules", "Sent"]

SCHEMA = 1
"""The version of the form that is written; a newer one is not read."""

_API = re.compile(r"api\.[a-z]{1,20}")

Host = Literal["registry", "storage", "api"]
"""Who answered: the registry with its token realm, the storage host, or GitHub's REST API."""

HostClass = Literal["api", "realm", "registry", "storage"]
"""What a host is; one may be several: ghcr.io is its own token realm."""

AuthKind = Literal["none", "empty", "basic", "bearer"]
"""What kind of credential came; `empty` is `Bearer` and nothing after it."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def line(self) -> str:
        """The canonical form."""
        return self.model_dump_json(exclude_defaults=True, by_alias=True)


Pairs = Annotated[tuple[tuple[str, str], ...], Field(strict=False)]
Numbers = Annotated[tuple[int, ...], Field(strict=False)]
Words = Annotated[tuple[str, ...], Field(strict=False)]
HostClasses = Annotated[tuple[HostClass, ...], Field(strict=False)]


def _digest(text: str) -> str:
    """A digest, which is a file's name in the pool: nothing else may be one."""
    try:
        parse_digest(text)
    except Refusal:
        raise ValueError(
            f"{text[:80]!r} is no digest: sha256 or sha512, a colon, hexadecimal digits"
        ) from None
    return text


class Body(_Model):
    """A body: in the pool, in the line, or known by digest and size only.

    Attributes:
        digest: The digest of these bytes; they are in the pool if `pooled`.
        size: How many bytes there are.
        pooled: Whether the pool has them.
        text: The bytes themselves, where they are short text that no digest names.
        part: First and last offset, where they are a part of something larger.
        withheld: Why the bytes were not kept, such as `secret`, or None.
        truncated: Whether the other side went away before their end.
    """

    digest: str | None = None
    size: int = Field(default=0, ge=0)
    pooled: bool = False
    text: str | None = None
    part: Annotated[tuple[int, int], Field(strict=False)] | None = None
    withheld: str | None = None
    truncated: bool = False

    def model_post_init(self, context: Any, /) -> None:  # noqa: ARG002 - pydantic's signature
        """Refuse a digest that is none: it becomes a file's name."""
        if self.digest is not None:
            _digest(self.digest)


class Auth(_Model):
    """Who asked, as far as it matters.

    Attributes:
        kind: The kind of credential.
        scopes: What a bearer that was fetched in this recording is for; empty where nobody knows.
    """

    kind: AuthKind = "none"
    scopes: Words = ()


class Sent(_Model):
    """What a client sent, beside the operation.

    Attributes:
        headers: The header fields that decide an answer, names in lower case.
        body: Its body.
    """

    headers: Pairs = ()
    body: Body | None = None


class Received(_Model):
    """An answer.

    Attributes:
        status: The HTTP status; 0 where the connection ended without one.
        headers: The header fields that may be kept, in order and spelling, with placeholders.
        body: Its body.
    """

    status: int = Field(ge=0, le=999)
    headers: Pairs = ()
    body: Body | None = None


class Exchange(_Model):
    """One request and its answer.

    Attributes:
        id: Its number; later exchanges of one cause have larger ones.
        operation: One of `ghcr_sim.route.OPERATIONS`, or `api.get` and the like.
        host: Who answered.
        repository: The repository, or "".
        reference: A tag or a digest; of an upload, the placeholder of its session.
        query: The keys of the query that may be kept, sorted.
        auth: Who asked.
        after: The writes that were done before it and that it depends on.
        request: What else was sent.
        response: The answer.
    """

    id: int = Field(ge=1)
    operation: str
    host: Host = "registry"
    repository: str = ""
    reference: str = ""
    query: Pairs = ()
    auth: Auth = Auth()
    after: Numbers = ()
    request: Sent = Sent()
    response: Received

    def model_post_init(self, context: Any, /) -> None:  # noqa: ARG002 - pydantic's signature
        """Refuse an operation that nobody knows, and content under a name that is no digest."""
        if self.operation not in OPERATIONS and not _API.fullmatch(self.operation):
            raise ValueError(f"{self.operation[:40]!r} is no operation")
        if self.operation.startswith(("blob.", "storage.")):
            _digest(self.reference)


class Rules(_Model):
    """By what a cassette was made: what was kept, what stands for the rest, and what makes two requests the same.

    All but the first three are empty in cassettes of versions that did not write them down.

    Attributes:
        request_headers: Names of request header fields that were kept.
        response_headers: Names of response header fields that were kept.
        query: Keys of queries that were kept.
        api_query: The same of GitHub's API.
        matched: What is compared of a request.
        matched_accept: Operations of which the media types of `Accept` are compared.
        matched_range: Operations of which `Range` is compared.
        unmatched_query: Keys of queries that were kept and are not compared.
        placeholders: What stands for what may not be written → the header fields, query keys and JSON fields there.
        secrets: The shapes that were searched for in what was written, beside the secrets that passed.
    """

    request_headers: Words
    response_headers: Words
    query: Words
    api_query: Words = ()
    matched: Words = ()
    matched_accept: Words = ()
    matched_range: Words = ()
    unmatched_query: Words = ()
    placeholders: dict[str, Words] = {}
    secrets: Words = ()


class Header(_Model):
    """The first line.

    Attributes:
        cassette: The version of the form.
        tool: Who wrote it.
        recorded_at: When, in UTC; the only time in the file. Empty where it was written by hand.
        upstream: The registry's origin, such as `https://ghcr.io`.
        storage: The storage host's origin, or "".
        hosts: Each origin that it speaks of → what it is, sorted; empty where an older version wrote it.
        rules: By what it was made.
        exemplars: Operation and status → the first exchange that shows how this registry answers so.
        by_hand: Where a cassette that nobody recorded comes from.
        seal: The digest of all lines, this one without it; None while it is being recorded.
    """

    cassette: int = Field(ge=1)
    tool: str = ""
    recorded_at: str = ""
    upstream: str = "https://ghcr.io"
    storage: str = ""
    hosts: dict[str, HostClasses] = {}
    rules: Rules | None = None
    exemplars: dict[str, int] = {}
    by_hand: str | None = None
    seal: str | None = None

    def line(self) -> str:
        """The canonical form; the version stands there always."""
        return self.model_dump_json(exclude_defaults=True)
