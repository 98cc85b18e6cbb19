"""Credentials as GitHub knows them, and the owners of namespaces. Data only: who may what is `guard`'s.

Sources: ghcr-wire rows 2.16 and 7b; GitHub's documentation of package scopes and of `GITHUB_TOKEN`.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from ghcr_sim.errors import CredentialsError

__all__ = [
    "ALL_SCOPES",
    "Accounts",
    "Credential",
    "Kind",
    "Owner",
    "Package",
    "Scope",
    "accounts_of",
    "load_accounts",
]

Scope = Literal["read:packages", "write:packages", "delete:packages"]
Kind = Literal["classic", "github_token", "fine_grained", "app"]

ALL_SCOPES: frozenset[Scope] = frozenset({"read:packages", "write:packages", "delete:packages"})


class _Data:
    """What pydantic shall do when a file is read: unknown keys are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Credential(_Data):
    """One token of one account.

    Attributes:
        login: Whose it is.
        token: The secret. It is in no repr.
        kind: A classic PAT, a workflow's `GITHUB_TOKEN`, a fine-grained PAT or an App's own token. GHCR
            refuses the last two.
        scopes: What it was made for. `write:packages` includes `read:packages`; deleting is apart.
        owners: The namespaces in which it may create packages and whose packages it may write; `*` is
            every one. Left out, it is the login's own.
        repository: For a `github_token`: the repository whose workflow it belongs to.
        expires: When it dies, in UTC where no other zone is named; None is never.
        revoked: Whether it is dead already.
    """

    login: str
    token: str = field(repr=False)
    kind: Kind = "classic"
    scopes: frozenset[Scope] = ALL_SCOPES
    owners: frozenset[str] = frozenset()
    repository: str | None = None
    expires: datetime | None = None
    revoked: bool = False

    def __post_init__(self) -> None:
        if self.kind == "github_token" and not self.repository:
            raise ValueError('a github_token belongs to a workflow: add its repository = "owner/name"')

    def live(self, now: float) -> bool:
        """Whether GHCR takes it at this time (seconds since 1970)."""
        if self.revoked or self.kind in {"fine_grained", "app"}:
            return False
        if self.expires is None:
            return True
        return now < self.expires.replace(tzinfo=self.expires.tzinfo or UTC).timestamp()

    def has(self, scope: Scope) -> bool:
        """Whether it has a scope, by itself or through a wider one."""
        return scope in self.scopes or (scope == "read:packages" and "write:packages" in self.scopes)

    def belongs_to(self, owner: str) -> bool:
        """Whether its account owns a namespace or is a member of it."""
        return "*" in self.owners or owner in (self.owners or {self.login.lower()})


@dataclass(frozen=True, slots=True)
class Owner(_Data):
    """A namespace's settings.

    Attributes:
        actions_may_create: Whether workflows may create packages in it.
        actions_may_write: Whether workflows may write its packages.
    """

    actions_may_create: bool = True
    actions_may_write: bool = True


@dataclass(frozen=True, slots=True)
class Package(_Data):
    """A package that exists from the start, or will have these rights when it does.

    Attributes:
        visibility: Who may read it.
        roles: Login, or `repo:owner/name` for a workflow → role.
    """

    visibility: Literal["public", "private", "internal"] = "private"
    roles: dict[str, Literal["read", "write", "admin"]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File(_Data):
    credential: tuple[Credential, ...]
    owner: dict[str, Owner] = field(default_factory=dict)
    package: dict[str, Package] = field(default_factory=dict)

    def __post_init__(self) -> None:
        logins: dict[str, str] = {}
        for credential in self.credential:
            if credential.token in logins:
                raise ValueError(f"{logins[credential.token]} and {credential.login} have the same token")
            logins[credential.token] = credential.login


def fingerprint(secret: str) -> bytes:
    """What is kept of a secret to know it again."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Accounts:
    """All credentials that exist, found by their secret without keeping it.

    Args:
        credentials: Those that exist.
        owners: Settings of namespaces; others have the defaults.
        packages: Rights of packages.
        open_house: Take any login at the token realm as a token of the owner with all scopes: for a
            local registry on which nobody wants to invent tokens. Fine-grained PATs are refused all the same.
    """

    def __init__(
        self,
        credentials: tuple[Credential, ...] = (),
        *,
        owners: dict[str, Owner] | None = None,
        packages: dict[str, Package] | None = None,
        open_house: bool = False,
    ) -> None:
        self._by_secret = {fingerprint(c.token): c for c in credentials}
        self._owners = owners or {}
        self.packages = packages or {}
        self.open_house = open_house

    def copy(self) -> Accounts:
        """The same accounts, independent from now on."""
        known = tuple(self._by_secret.values())
        return Accounts(
            known, owners=dict(self._owners), packages=dict(self.packages), open_house=self.open_house
        )

    def add(self, credential: Credential) -> None:
        """Let one more credential exist, or replace the one with the same secret."""
        self._by_secret[fingerprint(credential.token)] = credential

    def find(self, secret: str, *, login: str | None = None) -> Credential | None:
        """The credential with this secret, dead or alive.

        Args:
            secret: What came as a password or bearer.
            login: Given when it came as a login at the token realm, where an open house takes anything.
        """
        if not secret:
            return None  # an empty login is nobody, whatever a file says (ghcr-wire row 2.6)
        found = self._by_secret.get(fingerprint(secret))
        if found is None and self.open_house and (login is not None or secret.startswith(_PREFIXES)):
            found = _guest_of_the_house(login or "token", secret)
            self.add(found)
        return found

    def by_fingerprint(self, digest: str) -> Credential | None:
        """The credential that a token of this realm stands for."""
        return self._by_secret.get(bytes.fromhex(digest))

    def secrets(self) -> list[str]:
        """What is not to be shown: each credential's token, and the fingerprint that stands for it in others."""
        return [word for digest, each in self._by_secret.items() for word in (each.token, digest.hex())]

    def owner(self, name: str) -> Owner:
        """A namespace's settings."""
        return self._owners.get(name, _DEFAULT_OWNER)

    def __repr__(self) -> str:
        return f"Accounts({len(self._by_secret)} credentials, open_house={self.open_house})"


_DEFAULT_OWNER = Owner()
_PREFIXES = ("ghp_", "gho_", "ghs_", "ghu_", "github_pat_")


def _guest_of_the_house(login: str, secret: str) -> Credential:
    kind: Kind = "fine_grained" if secret.startswith("github_pat_") else "classic"
    return Credential(login=login, token=secret, kind=kind, owners=frozenset({"*"}))


def load_accounts(path: Path) -> Accounts:
    """Read a credentials file: exactly those credentials exist then.

    Raises:
        CredentialsError: It cannot be read; the text names the key, never a secret.
    """
    try:
        data: Any = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CredentialsError(f"cannot read the credentials file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise CredentialsError(
            f"the credentials file {path} is not TOML; docs/credentials.md shows one"
        ) from None
    return accounts_of(data, f"credentials file {path}")


def accounts_of(data: Any, where: str) -> Accounts:
    """Check what a credentials file says: exactly those credentials exist then.

    Args:
        data: Its content: `{"credential": [{"login": "ada", "token": "ghp_…"}]}`; credentials may be made already.
        where: Where it stands, for the message.

    Raises:
        CredentialsError: A key or a value is not one; the text names the key, never a secret.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - it takes longer to import than to serve

    try:
        file = TypeAdapter(_File).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "credential"
        what = first["msg"].removeprefix("Value error, ")
        raise CredentialsError(f"{where}: {place}: {what}") from None
    return Accounts(file.credential, owners=file.owner, packages=file.package)
