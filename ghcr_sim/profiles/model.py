"""The switches in which registries differ. A profile file sets every one of them and says on what it rests.

There are no defaults here: a profile that leaves a switch out is an error, so that nobody behaves by
accident. Rows are those of `docs/fidelity.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from annotated_types import Ge, Gt

__all__ = ["Answer", "Profile"]


class Answer(NamedTuple):
    """A refusal as data: status, code, text."""

    status: int
    code: str
    message: str


class _Section:
    """What pydantic shall do with a section, when a file of yours is read: unknown keys are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}


Count = Annotated[int, Ge(0)]
Some = Annotated[int, Gt(0)]


@dataclass(frozen=True, slots=True)
class Headers(_Section):
    """Header fields that the specification does not ask for."""

    api_version: Annotated[bool, "send `docker-distribution-api-version: registry/2.0`"]
    api_version_on_challenge: Annotated[bool, "send it on the registry's 401 answers too"]
    request_id: Annotated[bool, "send `x-github-request-id`"]
    etag: Annotated[bool, "send the quoted digest as `etag` with a manifest"]


@dataclass(frozen=True, slots=True)
class Errors(_Section):
    """The form of error bodies."""

    newline: Annotated[bool, "end the JSON with a newline"]


@dataclass(frozen=True, slots=True)
class Ping(_Section):
    """`GET /v2/` and everything that is not a repository's."""

    body: Annotated[str, "the body of the 200"]
    placeholder_scope: Annotated[str, "the scope of the challenge there; empty: none"]
    landing: Annotated[bool, "`GET /` answers with a page for people"]


@dataclass(frozen=True, slots=True)
class Auth(_Section):
    """Who is who on a repository's path."""

    challenge_push_scope: Annotated[str, "the actions in the challenge for a write"]
    undecodable_bearer: Annotated[Literal["denied", "challenge"], "what a bearer gets that is not base64"]
    basic: Annotated[Literal["denied", "accepted"], "what Basic gets on a repository's path"]
    guests: Annotated[bool, "any base64 bearer counts as an anonymous token"]
    secret_bearer: Annotated[bool, "base64 of a secret, or of user:secret, counts as that secret"]
    dead_bearer_reads: Annotated[bool, "a dead secret still reads what is public"]


@dataclass(frozen=True, slots=True)
class Token(_Section):
    """The token realm."""

    service: Annotated[str, "the `service` of challenges; empty: the name that was dialled"]
    form: Annotated[Literal["ghcr", "opaque"], "ghcr: the secret or repository in base64; opaque: signed"]
    extra_fields: Annotated[bool, "send `access_token`, `expires_in` and `issued_at` too"]
    lifetime: Annotated[Count, "seconds until an anonymous or opaque token is too old; 0: never"]
    post: Annotated[bool, "`POST /token`, the OAuth2 form, is served"]


@dataclass(frozen=True, slots=True)
class Refusals(_Section):
    """Status, code and text of each refusal of auth."""

    no_token: Annotated[Answer, "no `Authorization`"]
    empty_token: Annotated[Answer, "`Bearer` and nothing after it"]
    undecodable: Annotated[Answer, "a bearer that is not base64"]
    basic: Annotated[Answer, "Basic on a repository's path"]
    dead_secret: Annotated[Answer, "an expired, revoked or fine-grained secret on a repository's path"]
    no_scope: Annotated[Answer, "a secret without the scope"]
    no_read: Annotated[Answer, "no right to read the package"]
    no_write: Annotated[Answer, "a workflow's token that the package has not been opened to"]
    no_create: Annotated[Answer, "the owner lets no workflow create packages"]
    no_workflow_write: Annotated[Answer, "the owner lets no workflow write packages"]
    not_owner: Annotated[Answer, "no right to write in this namespace"]
    token_dead: Annotated[Answer, "`/token`: wrong, expired, revoked or empty credentials"]
    token_bearer: Annotated[Answer, "`/token`: a bearer instead of Basic"]
    token_private: Annotated[Answer, "`/token`: anonymous, the package is private"]
    token_absent: Annotated[Answer, "`/token`: anonymous, there is no such package"]
    token_push: Annotated[Answer, "`/token`: anonymous, more than pull is asked for"]
    token_catalog: Annotated[Answer, "`/token`: anonymous, the catalogue is asked for"]


@dataclass(frozen=True, slots=True)
class Manifests(_Section):
    """Manifests."""

    accept: Annotated[Literal["oci", "any"], "oci: an OCI type is 404 unless `Accept` names it"]
    accept_wildcard: Annotated[bool, "`*/*`, or no `Accept`, names it"]
    accept_message: Annotated[str, "the text of that 404, with {kind} and {plural}"]
    max_bytes: Annotated[Some, "the largest manifest"]
    sparse_index: Annotated[bool, "an index may name manifests that are not there"]
    subject_header: Annotated[bool, "send `OCI-Subject`"]
    tag_param: Annotated[bool, "a push by digest may name tags as `?tag=`"]
    not_modified: Annotated[bool, "`If-None-Match` that names the manifest gets 304"]
    delete: Annotated[bool, "DELETE works"]


@dataclass(frozen=True, slots=True)
class Blobs(_Section):
    """Blobs."""

    redirect: Annotated[bool, "GET redirects to the storage host"]
    digest_on_head: Annotated[bool, "HEAD sends `docker-content-digest`"]
    delete: Annotated[bool, "DELETE works"]


@dataclass(frozen=True, slots=True)
class Storage(_Section):
    """The host that blob GETs are redirected to."""

    form: Annotated[Literal["sas-2019", "sas-2025"], "which query the signed address has"]
    shards: Annotated[tuple[str, ...], "first path components; the digest picks one"]
    round_to: Annotated[Some, "expiry lies on a multiple of so many seconds"]
    ahead: Annotated[Some, "at most so many seconds ahead"]
    bearer_status: Annotated[int, "what a request with `Authorization` gets"]


@dataclass(frozen=True, slots=True)
class Uploads(_Section):
    """Upload sessions."""

    location: Annotated[str, "the session's address, with {repository} and {id}"]
    single_post: Annotated[bool, "`POST ?digest=` with a body makes the blob"]
    ranged_patch_limit: Annotated[Count, "the largest body of a PATCH with `Content-Range`; 0: any"]
    ranged_patch_message: Annotated[str, "the text of that 416"]
    broken_stays_broken: Annotated[bool, "after a refused chunk the session cannot be finished"]
    broken_status: Annotated[int, "the status of BLOB_UPLOAD_INVALID then"]
    cancel: Annotated[bool, "DELETE of a session works"]
    status: Annotated[bool, "GET of a session works"]
    anonymous_mount: Annotated[bool, "`mount` without `from` looks in all repositories"]
    lifetime: Annotated[Some, "seconds until a session is forgotten"]
    max_blob_bytes: Annotated[Count, "the largest blob; 0: any"]
    max_seconds: Annotated[Count, "a session's age at which its upload ends; 0: none"]
    slow_body_seconds: Annotated[
        Annotated[float, Ge(0)], "real seconds after which one body is cut; 0: never"
    ]


@dataclass(frozen=True, slots=True)
class Tags(_Section):
    """Tag lists and the catalogue, which page alike."""

    page: Annotated[Count, "tags a page without `n`; 0: all"]
    order: Annotated[Literal["created", "lexical"], "created: oldest first"]
    link_default_n: Annotated[str, "the `n` in `Link` where the request had none"]
    empty: Annotated[Literal["null", "list"], "how no tags are written"]
    last_unknown: Annotated[Literal["lexical", "start"], "where a page after an unknown `last` begins"]


@dataclass(frozen=True, slots=True)
class Referrers(_Section):
    """The referrers API."""

    answer: Annotated[Literal["api", "not_found", "see_other"], "what it answers"]
    page: Annotated[Count, "descriptors a page; 0: all"]


@dataclass(frozen=True, slots=True)
class Limits(_Section):
    """How often a caller may ask."""

    enforce: Annotated[bool, "count, and refuse"]
    reads_per_minute: Annotated[Some, "in a window of a minute"]
    writes_per_minute: Annotated[Some, "in a window of a minute"]
    message: Annotated[str, "the text of the 429, with {wait} and {allowed}"]


@dataclass(frozen=True, slots=True)
class Profile(_Section):
    """All switches of one registry."""

    name: Annotated[str, "the profile's name"]
    headers: Headers
    errors: Errors
    ping: Ping
    auth: Auth
    token: Token
    refusals: Refusals
    manifests: Manifests
    blobs: Blobs
    storage: Storage
    uploads: Uploads
    tags: Tags
    referrers: Referrers
    limits: Limits
