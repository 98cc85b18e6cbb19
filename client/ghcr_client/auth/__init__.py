"""Who asks: challenges read, credentials found, tokens fetched once and kept.

Nothing here opens a connection: whoever wants a token brings the function that asks. A name is loaded when it is first
used, so that nobody pays for the reading of configuration files who has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.lazy import loading

if TYPE_CHECKING:
    from ghcr_client.auth.authorizer import Authorizer, Host
    from ghcr_client.auth.challenge import Challenge, choose, parse_challenges
    from ghcr_client.auth.credentials import Credentials, basic_authorization, direct_bearer
    from ghcr_client.auth.dockerconfig import DockerConfigCredentials
    from ghcr_client.auth.fetching import Ask, fetch_token, validate_realm
    from ghcr_client.auth.githubcli import GitHubCliCredentials
    from ghcr_client.auth.providers import (
        Anonymous,
        ChainCredentials,
        CredentialProvider,
        EnvironmentCredentials,
        RepositoryCredentials,
        StaticCredentials,
    )
    from ghcr_client.auth.scopes import delete, merge_scopes, pull, push
    from ghcr_client.auth.tokens import Token, TokenCache, TokenKey, token_key

__all__ = [
    "Anonymous",
    "Ask",
    "Authorizer",
    "ChainCredentials",
    "Challenge",
    "CredentialProvider",
    "Credentials",
    "DockerConfigCredentials",
    "EnvironmentCredentials",
    "GitHubCliCredentials",
    "Host",
    "RepositoryCredentials",
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
    "Anonymous": "providers",
    "Ask": "fetching",
    "Authorizer": "authorizer",
    "ChainCredentials": "providers",
    "Challenge": "challenge",
    "CredentialProvider": "providers",
    "Credentials": "credentials",
    "DockerConfigCredentials": "dockerconfig",
    "EnvironmentCredentials": "providers",
    "GitHubCliCredentials": "githubcli",
    "Host": "authorizer",
    "RepositoryCredentials": "providers",
    "StaticCredentials": "providers",
    "Token": "tokens",
    "TokenCache": "tokens",
    "TokenKey": "tokens",
    "basic_authorization": "credentials",
    "choose": "challenge",
    "delete": "scopes",
    "direct_bearer": "credentials",
    "fetch_token": "fetching",
    "merge_scopes": "scopes",
    "parse_challenges": "challenge",
    "pull": "scopes",
    "push": "scopes",
    "token_key": "tokens",
    "validate_realm": "fetching",
}
"""The module of each name."""

__getattr__, __dir__ = loading(__name__, _HOMES)
