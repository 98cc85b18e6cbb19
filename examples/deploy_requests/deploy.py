"""Promote an image that ghcr.io has: what was tested as a version becomes what production pulls."""

from __future__ import annotations

import base64
import os
import sys
import time

import requests

__all__ = ["Registry", "promote"]

REGISTRY = "https://ghcr.io"
MANIFESTS = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
RETRIES = 3


class Registry:
    """ghcr.io, asked with the token in `GHCR_TOKEN`."""

    def __init__(self) -> None:
        secret = base64.b64encode(os.environ["GHCR_TOKEN"].encode()).decode()
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def _ask(self, method: str, path: str, data: bytes | None = None, **headers: str) -> requests.Response:
        """Ask, and again where the registry is not available."""
        for attempt in range(RETRIES):
            answer = self._session.request(
                method, f"{REGISTRY}/v2/{path}", data=data, headers=headers, timeout=30
            )
            if answer.status_code != 503:  # noqa: PLR2004 - the one status that is worth another try
                break
            time.sleep(0.01 * attempt)
        answer.raise_for_status()
        return answer

    def tags(self, repository: str) -> list[str]:
        """All tags of an image."""
        found: list[str] = self._ask("GET", f"{repository}/tags/list").json()["tags"]
        return found

    def digest(self, repository: str, tag: str) -> str:
        """What a tag stands for."""
        answer = self._ask("HEAD", f"{repository}/manifests/{tag}", Accept=MANIFESTS)
        return answer.headers["Docker-Content-Digest"]

    def tag(self, repository: str, digest: str, tag: str) -> None:
        """Let a tag stand for a digest."""
        found = self._ask("GET", f"{repository}/manifests/{digest}", Accept=MANIFESTS)
        kind = {"Content-Type": found.headers["Content-Type"]}
        self._ask("PUT", f"{repository}/manifests/{tag}", data=found.content, **kind)


def promote(repository: str, version: str, target: str = "production") -> str:
    """Let `target` stand for a version; its digest.

    Raises:
        LookupError: There is no such version.
    """
    registry = Registry()
    if version not in registry.tags(repository):
        raise LookupError(f"{repository} has no tag {version}")
    digest = registry.digest(repository, version)
    registry.tag(repository, digest, target)
    return digest


if __name__ == "__main__":
    print(promote(*sys.argv[1:]))
