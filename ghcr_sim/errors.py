"""What can go wrong for the person who uses the fake (what goes wrong for a client is a `Refusal`).

GhcrSimError
├── ProfileError       a profile that cannot be read
├── CredentialsError   a credentials file that cannot be read
├── SeedError          content that cannot be seeded, or is not safe to
├── FaultError         a planned fault that can never happen, or never did
├── StoreError         a directory that cannot be used as a store
│   └── StoreLocked    another process writes there
└── ServeError         the server cannot start
"""

from __future__ import annotations

__all__ = [
    "CredentialsError",
    "FaultError",
    "GhcrSimError",
    "ProfileError",
    "SeedError",
    "ServeError",
    "StoreError",
    "StoreLocked",
]


class GhcrSimError(Exception):
    """The root: catch this to catch all of them. The text says what to do next."""


class ProfileError(GhcrSimError):
    """A profile is missing, is not TOML, or has a key that does not exist."""


class CredentialsError(GhcrSimError):
    """A credentials file is missing, is not TOML, or has a key that does not exist."""


class SeedError(GhcrSimError):
    """Content that cannot be seeded: damaged, incomplete, or not safe to unpack."""


class FaultError(GhcrSimError):
    """A planned fault that could never happen, or one that a test never met."""


class StoreError(GhcrSimError):
    """A directory that cannot be used as a store."""


class StoreLocked(StoreError):  # noqa: N818 - it says what is the case
    """Another process has the directory open for writing."""


class ServeError(GhcrSimError):
    """The server cannot start: the port is taken, a certificate is missing."""
