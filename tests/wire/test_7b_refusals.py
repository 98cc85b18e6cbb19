"""Section 7b: who is refused on a push, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from raw import Raw, bearer, refused
from wire.pushing import image, put_manifest

from ghcr_sim.auth import Accounts, Credential
from ghcr_sim.auth.accounts import Owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from raw import Reply

    from pytest_ghcr import Ghcr

Who = tuple[str, str]
READ = frozenset({"read:packages"})
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)


def workflow(repository: str = "acme/app", **more: object) -> Credential:
    """The `GITHUB_TOKEN` of a workflow in a repository of `acme`."""
    return Credential("acme", "ghs_workflow", kind="github_token", repository=repository, **more)


@pytest.fixture
def push(serve: Callable[..., Ghcr]) -> Callable[..., Reply]:
    """Start a push to `acme/app` with a credential, by POST, or by a manifest to a package that is there."""

    def start(credential: Credential, *, exists: bool = False, **accounts: object) -> Reply:
        ghcr = serve(accounts=Accounts((credential,), **accounts))
        raw, who = Raw(ghcr.host), bearer(credential.token)
        if not exists:
            return raw("POST", "/v2/acme/app/blobs/uploads/", who)
        ghcr.seed("acme/app:v1")
        return put_manifest(raw, "acme/app", "v2", image(), who)

    return start


@pytest.mark.row("7b.1")
def test_a_workflow_that_the_package_is_not_open_to(push: Callable[..., Reply]) -> None:
    """A workflow's token on a package that its repository was never granted: `write_package`."""
    reply = push(workflow(), exists=True)

    assert reply.status == 403
    assert reply.body == refused("DENIED", "permission_denied: write_package")


@pytest.mark.row("7b.2")
@pytest.mark.parametrize(
    "credential",
    [Credential("acme", "ghp_reader", scopes=READ), workflow(scopes=READ)],
    ids=["classic", "workflow"],
)
@pytest.mark.parametrize("exists", [False, True], ids=["new", "existing"])
def test_a_token_without_the_scope(
    push: Callable[..., Reply], credential: Credential, *, exists: bool
) -> None:
    """A PAT without `write:packages`, or a job without `packages: write`, is told about scopes."""
    reply = push(credential, exists=exists)

    assert reply.status == 403
    assert reply.body == refused(
        "DENIED", "permission_denied: The token provided does not match expected scopes."
    )


@pytest.mark.row("7b.3")
def test_an_owner_that_lets_no_workflow_create(push: Callable[..., Reply]) -> None:
    """Where workflows may not create packages, the first push says `not allowed to Create …`."""
    reply = push(workflow(), owners={"acme": Owner(actions_may_create=False)})

    assert reply.status == 403
    assert reply.body == refused("DENIED", "installation not allowed to Create organization package")


@pytest.mark.row("7b.4")
def test_an_owner_that_lets_no_workflow_write(push: Callable[..., Reply]) -> None:
    """Where workflows may not write packages, a push to one that exists says `not allowed to Write …`."""
    reply = push(workflow(), exists=True, owners={"acme": Owner(actions_may_write=False)})

    assert reply.status == 403
    assert reply.body == refused("DENIED", "installation not allowed to Write organization package")


@pytest.mark.row("7b.5")
@pytest.mark.parametrize("exists", [False, True], ids=["new", "existing"])
def test_somebody_else_s_namespace(push: Callable[..., Reply], *, exists: bool) -> None:
    """A good token of another account has no business here."""
    reply = push(Credential("stranger", "ghp_stranger"), exists=exists)

    assert reply.status == 403
    assert reply.body == refused("DENIED", "requested access to the resource is denied")


@pytest.mark.row("7b.6", "10.5")
def test_the_secondary_rate_limit(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """It comes as a 403 DENIED with another service's JSON inside the message, not as a 429."""
    ghcr.fail("manifest.put", "secondary-rate-limit")

    status, code, message = put_manifest(raw, "acme/app", "v1", image(), owner).error

    assert (status, code) == (403, "DENIED")
    assert message.startswith(
        'permission_denied: Error from intermediary with HTTP status code 403 "Forbidden" - with-body: '
        '{"message":"You have exceeded a secondary rate limit. '
        "Please wait a few minutes before you try again."
    )


@pytest.mark.row("7b.7")
@pytest.mark.parametrize(
    "credential",
    [
        Credential("acme", "ghp_expired", expires=EARLIER),
        Credential("acme", "github_pat_fine", kind="fine_grained"),
    ],
    ids=["expired", "fine-grained"],
)
@pytest.mark.parametrize("exists", [False, True], ids=["new", "existing"])
def test_a_token_that_authenticates_nobody(
    push: Callable[..., Reply], credential: Credential, *, exists: bool
) -> None:
    """An expired or fine-grained token is a 401 on a push, in the words of the service behind."""
    reply = push(credential, exists=exists)

    assert reply.status == 401
    assert reply.body == refused(
        "UNAUTHORIZED", "unauthenticated: User cannot be authenticated with the token provided."
    )


@pytest.mark.row("7b.7")
def test_a_good_token_may_be_unlucky(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """The same 401 hits a good token now and then, and the next request with it goes through."""
    ghcr.fail("upload.post", "random-unauthenticated")

    unlucky = raw("POST", "/v2/acme/app/blobs/uploads/", owner)

    assert unlucky.error == (
        401,
        "UNAUTHORIZED",
        "unauthenticated: User cannot be authenticated with the token provided.",
    )
    assert raw("POST", "/v2/acme/app/blobs/uploads/", owner).status == 202
