"""Who asks: challenges read, credentials found, tokens fetched once and kept.

Nothing here opens a connection: whoever wants a token brings the function that asks. A name is loaded when it is first
used, so that nobody pays for the reading of configuration files who has none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghcr_client.auth.challenge import Challenge, choose, parse_challenges
    from ghcr_client.auth.credentials import (
        Anonymous,
        ChainCredentials,
        CredentialProvider,
        Credentials,
        EnvironmentCredentials,
        StaticCredentials,
        basic_authorization,
    )
    from ghcr_client.auth.dockerconfig import DockerConfigCredentials
    from ghcr_client.auth.githubcli import GitHubCliCredentials
    from ghcr_client.auth.tokens import (
        Ask,
        Token,
        TokenCache,
        TokenKey,
        delete,
        direct_bearer,
        fetch_token,
        merge_scopes,
        pull,
        push,
        token_key,
        validate_realm,
    )

__all__ = [
    "Anonymous",
    "Ask",
    "ChainCredentials",
    "Challenge",
    "CredentialProvider",
    "Credentials",
    "DockerConfigCredentials",
    "EnvironmentCredentials",
    "GitHubCliCredentials",
    "StaticCredentials",
    "Token",
    "TokenCache",
    "TokenKey",
    "basic_authorization",
    "choose",
    "delete",
    "direct_bearer",
    "fetch_token",
    "merge_scopes",
    "parse_challenges",
    "pull",
    "push",
    "token_key",
    "validate_realm",
]

_HOMES = {
    "Anonymous": "credentials",
    "ChainCredentials": "credentials",
    "Challenge": "challenge",
    "CredentialProvider": "credentials",
    "Credentials": "credentials",
    "DockerConfigCredentials": "dockerconfig",
    "EnvironmentCredentials": "credentials",
    "GitHubCliCredentials": "githubcli",
    "StaticCredentials": "credentials",
    "basic_authorization": "credentials",
    "choose": "challenge",
    "parse_challenges": "challenge",
}
"""The module of each name; what is not here is about tokens."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'tokens')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
