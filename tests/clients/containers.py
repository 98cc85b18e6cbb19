"""What skopeo, podman and buildah have in common: options, and words for a refusal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clients.setting import Door

__all__ = ["creds", "forbidden", "trust", "unauthorized"]


def forbidden(said: str) -> bool:
    """Whether they were shown the realm's 403: old ones do not read its body, which says «denied»."""
    return bool(re.search(r"invalid status code from registry 403 \(Forbidden\)|denied", said))


def unauthorized(said: str) -> bool:
    """Whether they were shown the realm's 401."""
    return "unauthorized" in said


def trust(door: Door, side: str = "") -> list[str]:
    """Return how to speak to the door; `side` is `src-` or `dest-` where a command has two."""
    return [f"--{side}cert-dir={door.cert_dir}"] if door.tls else [f"--{side}tls-verify=false"]


def creds(door: Door, side: str = "", token: str | None = None) -> list[str]:
    """Return the credentials of the door, or others."""
    return [f"--{side}creds={door.user}:{token or door.token}"]
