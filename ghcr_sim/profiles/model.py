"""The switches in which registries differ. A profile file sets every one of them and says on what it rests.

There are no defaults here: a profile that leaves a switch out is an error, so that nobody behaves by
accident. Rows are those of `docs/fidelity.md`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

__all__ = ["Answer", "Profile"]


class Answer(NamedTuple):
    """A refusal as data: status, code, text."""

    status: int
    code: str
    message: str


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Headers(_Section):
    """Header fields that the specification does not ask for."""

    api_version: bool = Field(description="send `docker-distribution-api-version: registry/2.0`")
    api_version_on_challenge: bool = Field(description="send it on 401 answers too")
    request_id: bool = Field(description="send `x-github-request-id`")
    etag: bool = Field(description="send the quoted digest as `etag` with a manifest")


class Errors(_Section):
    """The form of error bodies."""

    newline: bool = Field(description="end the JSON with a newline")


class Ping(_Section):
    """`GET /v2/` and everything that is not a repository's."""

    body: str = Field(description="the body of the 200")
    placeholder_scope: str = Field(description="the scope of the challenge there; empty: none")
    landing: bool = Field(description="`GET /` answers with a page for people")


class Auth(_Section):
    """Who is who on a repository's path."""

    challenge_push_scope: str = Field(description="the actions in the challenge for a write")
    undecodable_bearer: Literal["denied", "challenge"] = Field(
        description="what a bearer gets that is not base64"
    )
    basic: Literal["denied", "accepted"] = Field(description="what Basic gets on a repository's path")
    guests: bool = Field(description="any base64 bearer counts as an anonymous token")
    secret_bearer: bool = Field(description="base64 of a secret, or of user:secret, counts as that secret")
    dead_bearer_reads: bool = Field(description="a dead secret still reads what is public")


class Token(_Section):
    """The token realm."""

    service: str = Field(description="the `service` of challenges; empty: the name that was dialled")
    form: Literal["ghcr", "opaque"] = Field(
        description="ghcr: the secret or repository in base64; opaque: signed"
    )
    extra_fields: bool = Field(description="send `access_token`, `expires_in` and `issued_at` too")
    lifetime: NonNegativeInt = Field(
        description="seconds until an anonymous or opaque token is too old; 0: never"
    )
    post: bool = Field(description="`POST /token`, the OAuth2 form, is served")
    checks_scope: bool = Field(
        description="a token that asks for more than the credential may is refused here"
    )


class Refusals(_Section):
    """Status, code and text of each refusal of auth."""

    no_token: Answer = Field(description="no `Authorization`")
    empty_token: Answer = Field(description="`Bearer` and nothing after it")
    undecodable: Answer = Field(description="a bearer that is not base64")
    basic: Answer = Field(description="Basic on a repository's path")
    dead_secret: Answer = Field(
        description="an expired, revoked or fine-grained secret on a repository's path"
    )
    no_scope: Answer = Field(description="a secret without the scope")
    no_read: Answer = Field(description="no right to read the package")
    no_write: Answer = Field(description="a workflow's token that the package has not been opened to")
    no_create: Answer = Field(description="the owner lets no workflow create packages")
    no_workflow_write: Answer = Field(description="the owner lets no workflow write packages")
    not_owner: Answer = Field(description="no right to write in this namespace")
    token_dead: Answer = Field(description="`/token`: wrong, expired, revoked or empty credentials")
    token_bearer: Answer = Field(description="`/token`: a bearer instead of Basic")
    token_private: Answer = Field(description="`/token`: anonymous, the package is private")
    token_absent: Answer = Field(description="`/token`: anonymous, there is no such package")
    token_push: Answer = Field(description="`/token`: anonymous, more than pull is asked for")
    token_catalog: Answer = Field(description="`/token`: anonymous, the catalogue is asked for")


class Manifests(_Section):
    """Manifests."""

    accept: Literal["oci", "any"] = Field(description="oci: an OCI type is 404 unless `Accept` names it")
    accept_wildcard: bool = Field(description="`*/*`, or no `Accept`, names it")
    accept_message: str = Field(description="the text of that 404, with {kind} and {plural}")
    max_bytes: PositiveInt = Field(description="the largest manifest")
    sparse_index: bool = Field(description="an index may name manifests that are not there")
    subject_header: bool = Field(description="send `OCI-Subject`")
    tag_param: bool = Field(description="a push by digest may name tags as `?tag=`")
    delete: bool = Field(description="DELETE works")


class Blobs(_Section):
    """Blobs."""

    redirect: bool = Field(description="GET redirects to the storage host")
    digest_on_head: bool = Field(description="HEAD sends `docker-content-digest`")
    delete: bool = Field(description="DELETE works")


class Storage(_Section):
    """The host that blob GETs are redirected to."""

    form: Literal["sas-2019", "sas-2025"] = Field(description="which query the signed address has")
    shards: tuple[str, ...] = Field(description="first path components; the digest picks one")
    round_to: PositiveInt = Field(description="expiry lies on a multiple of so many seconds")
    ahead: PositiveInt = Field(description="at most so many seconds ahead")
    bearer_status: int = Field(description="what a request with `Authorization` gets")


class Uploads(_Section):
    """Upload sessions."""

    location: str = Field(description="the session's address, with {repository} and {id}")
    single_post: bool = Field(description="`POST ?digest=` with a body makes the blob")
    ranged_patch_limit: NonNegativeInt = Field(
        description="the largest body of a PATCH with `Content-Range`; 0: any"
    )
    ranged_patch_message: str = Field(description="the text of that 416")
    broken_stays_broken: bool = Field(description="after a refused chunk the session cannot be finished")
    broken_status: int = Field(description="the status of BLOB_UPLOAD_INVALID then")
    cancel: bool = Field(description="DELETE of a session works")
    status: bool = Field(description="GET of a session works")
    anonymous_mount: bool = Field(description="`mount` without `from` looks in all repositories")
    lifetime: PositiveInt = Field(description="seconds until a session is forgotten")
    max_blob_bytes: NonNegativeInt = Field(description="the largest blob; 0: any")
    max_seconds: NonNegativeInt = Field(description="a session's age at which its upload ends; 0: none")
    slow_body_seconds: NonNegativeFloat = Field(
        description="real seconds after which one body is cut; 0: never"
    )


class Tags(_Section):
    """Tag lists and the catalogue, which page alike."""

    page: NonNegativeInt = Field(description="tags a page without `n`; 0: all")
    order: Literal["created", "lexical"] = Field(description="created: oldest first")
    link_default_n: str = Field(description="the `n` in `Link` where the request had none")
    empty: Literal["null", "list"] = Field(description="how no tags are written")
    last_unknown: Literal["lexical", "start"] = Field(
        description="where a page after an unknown `last` begins"
    )


class Referrers(_Section):
    """The referrers API."""

    answer: Literal["api", "not_found", "see_other"] = Field(description="what it answers")
    page: NonNegativeInt = Field(description="descriptors a page; 0: all")


class Limits(_Section):
    """How often a caller may ask."""

    enforce: bool = Field(description="count, and refuse")
    reads_per_minute: PositiveInt = Field(description="in a window of a minute")
    writes_per_minute: PositiveInt = Field(description="in a window of a minute")
    message: str = Field(description="the text of the 429, with {wait} and {allowed}")


class Profile(_Section):
    """All switches of one registry."""

    name: str = Field(description="the profile's name")
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
