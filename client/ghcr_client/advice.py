"""What GHCR means when it refuses, and what to do: one table from its words to a sentence for people.

It knows the texts of GHCR's refusals and nothing of exceptions. A registry that says something else gets the sentence
of its status, or none. Source: `reference/ghcr-wire.md` sections 2, 7b and 10b; GitHub's documentation,
"Working with the Container registry".
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ADVICE", "STORAGE_ADVICE", "Advice", "advice"]

STORAGE_ADVICE = (
    "the storage host refused an address that the registry had signed: such addresses expire after minutes, and the "
    "registry gives new ones"
)
"""What a refusal of the storage host means; the registry's own table does not fit it."""

_GRANT = (
    "the token's repository has no {} access to this package: on the package's settings page, under "
    '"Manage Actions access", add the repository{}'
)


class Advice(NamedTuple):
    """One line of the table.

    Attributes:
        status: The HTTP status it is about.
        words: Text of the message, in lower case; "" fits each message.
        text: What it means and what to do.
        about: How the name of the operation begins; "" fits each.
    """

    status: int
    words: str
    text: str
    about: str = ""


ADVICE = (
    Advice(
        403,
        "api rate limit",
        "this account has used up its requests to GitHub's REST API for this hour",
    ),
    Advice(
        403,
        "secondary rate limit",
        "GitHub limits bursts of requests by this account: wait a minute or more, and send fewer at once",
    ),
    Advice(
        403,
        "need at least",
        "to delete, a personal access token (classic) needs read:packages and delete:packages; write:packages does not "
        "include the latter",
        "package",
    ),
    Advice(
        403,
        "by integration",
        "a workflow's token needs `permissions: packages: write`, and its repository the role Admin on this package: "
        'on the package\'s settings page, under "Manage Actions access"',
        "package",
    ),
    Advice(403, "write_package", _GRANT.format("write", " with the role Write")),
    Advice(403, "read_package", _GRANT.format("read", "")),
    Advice(
        403,
        "expected scopes",
        "the token lacks a scope: a personal access token (classic) needs read:packages, write:packages or "
        "delete:packages; a workflow needs `permissions: packages: write`",
    ),
    Advice(
        403,
        "installation not allowed to",
        "the workflow's token may not do this in the organization: give the job `permissions: packages: write`, and "
        "look at the organization's settings for package creation",
    ),
    Advice(
        403,
        "saml",
        "the organization demands single sign-on: authorize the token for it under Settings, Tokens, Configure SSO",
    ),
    Advice(
        403,
        "invalid token",
        "the token reached the registry itself, which wants one from its token endpoint",
    ),
    Advice(
        403,
        "requested access",
        "there is no such package, or this account has no right to it: packages on GHCR are private until their "
        "visibility is changed, and names are ghcr.io/owner/name",
    ),
    Advice(
        403,
        "denied",
        "the token is expired, revoked or unknown, or has no right here; a bad token is refused for public "
        "packages, too",
    ),
    Advice(
        401,
        "",
        "GitHub's REST API wants a token for everything, of public packages, too: a personal access token (classic) "
        "that is not expired, or a workflow's GITHUB_TOKEN",
        "package",
    ),
    Advice(
        400,
        "invalid argument",
        "GitHub's REST API does not take this kind of token, a workflow's GITHUB_TOKEN or a fine-grained one: use a "
        "personal access token (classic) with read:packages and delete:packages",
        "package",
    ),
    Advice(
        400,
        "last",
        "delete the package instead, on its settings page or by GitHub's REST API",
        "package.delete",
    ),
    Advice(
        400,
        "5000 downloads",
        "a public version that was downloaded so often stays; make the package private first, or ask GitHub's support",
        "package.delete",
    ),
    Advice(
        404,
        "",
        "there is no such package, or this token may not administer it, which GitHub hides: a personal access token "
        "(classic) needs delete:packages, and its owner the role Admin; of a workflow, the repository needs the role "
        'Admin, under "Manage Actions access" on the package\'s settings page',
        "package",
    ),
    Advice(
        401,
        "user cannot be authenticated",
        "the token is expired, or it is fine-grained, which GHCR does not take: use a personal access token "
        "(classic) or a workflow's GITHUB_TOKEN",
    ),
    Advice(
        401,
        "",
        "credentials are missing or were not taken; a new package on GHCR is private, so that pulling it needs a token "
        "with read:packages",
    ),
    Advice(
        303,
        "",
        "the registry sent to a web page instead of answering, as GHCR does now and then: ask by digest, or later",
    ),
    Advice(
        404,
        "blob_upload",
        "the upload is gone: it expired, or it was committed and the answer got lost; ask whether the blob exists",
        "upload",
    ),
    Advice(
        405,
        "",
        "the registry does not do this; on GHCR, deletion goes through the Packages operations of GitHub's REST API",
    ),
    Advice(
        416,
        "body is too large",
        "GHCR takes at most 4 MiB a ranged chunk: send smaller ones, or one streamed PUT",
    ),
    Advice(500, "", "GHCR answers so, too, when an index is larger than 4 MiB", "manifest.put"),
)
"""The first line that fits holds, so the special stands before the general."""


def advice(status: int, said: str, operation: str) -> str:
    """The sentence for a refusal, or "" where the table has none.

    Args:
        status: The HTTP status.
        said: The error's code and message, in any case.
        operation: What was asked for, such as `manifest.put`.

    Returns:
        One sentence without a full stop.

    Example:
        >>> advice(403, "DENIED permission_denied: write_package", "upload.post")[:45]
        "the token's repository has no write access to"
    """
    said = said.lower()
    fits = (
        each.text
        for each in ADVICE
        if each.status == status and each.words in said and operation.startswith(each.about)
    )
    return next(fits, "")
