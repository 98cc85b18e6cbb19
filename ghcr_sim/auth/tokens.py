"""Bearer tokens: how they are made, and what one says when it comes back.

GHCR's are no JWTs: an authenticated one is the password in base64, an anonymous one is base64 of
`v1:owner/name:nanoseconds` (ghcr-wire rows 2.2 and 2.4). The strict profile signs opaque ones.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Claim",
    "anonymous_token",
    "decode_base64",
    "read_anonymous",
    "read_opaque",
    "secret_token",
    "sign_opaque",
]


_NANOSECONDS = re.compile(r"[0-9]{1,20}\Z")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token that this realm made says.

    Attributes:
        secret: The fingerprint of the credential it stands for, as hex; None for an anonymous one.
        issued: When, in seconds since 1970.
    """

    secret: str | None
    issued: float


def decode_base64(text: str) -> str | None:
    """What a bearer says in standard, padded base64, or None. GHCR divides bearers by this (section 1)."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None


def secret_token(secret: str) -> str:
    """GHCR's token for a password: the password (ghcr-wire row 2.4)."""
    return base64.b64encode(secret.encode("utf-8", "surrogateescape")).decode()


def anonymous_token(repository: str, now: float) -> str:
    """GHCR's token for nobody (ghcr-wire row 2.2)."""
    return base64.b64encode(f"v1:{repository}:{int(now * 1e9)}".encode()).decode()


def read_anonymous(text: str) -> float | None:
    """When an anonymous token, already decoded, was made, in seconds since 1970; None for anything else."""
    match text.split(":"):
        case ["v1", _, nanoseconds] if _NANOSECONDS.match(nanoseconds):
            return int(nanoseconds) / 1e9
    return None


def sign_opaque(key: bytes, claim: Claim) -> str:
    """An opaque token that says `claim`."""
    payload = json.dumps([claim.secret, claim.issued]).encode()
    return _encode(payload) + "." + _encode(hmac.digest(key, payload, hashlib.sha256))


def read_opaque(key: bytes, token: str) -> Claim | None:
    """What an opaque token says; None where this realm did not make it."""
    payload, _, signature = token.partition(".")
    try:
        data, mac = _decode(payload), _decode(signature)
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(mac, hmac.digest(key, data, hashlib.sha256)):
        return None
    secret, issued = _loads(data)
    return Claim(secret, issued)


def _loads(data: bytes) -> Any:
    return json.loads(data)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
