"""Which tag of an image is its newest version, on the standard library alone."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

__all__ = ["newest"]

REGISTRY = "https://ghcr.io"


def _ask(path: str, token: str) -> tuple[dict[str, Any], str]:
    """What was answered, and the path of the next page if there is one."""
    asked = urllib.request.Request(f"{REGISTRY}{path}", headers={"Authorization": token, "Accept": "*/*"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        following = re.match(r'<(.+?)>; *rel="next"', answer.headers.get("Link", ""))
        return json.loads(answer.read()), following[1] if following else ""


def newest(repository: str, login: str) -> str | None:
    """The tag of the greatest version; None where no tag is one.

    Args:
        repository: `owner/name`.
        login: What stands after `Authorization: Basic`.
    """
    scope = f"repository:{repository}:pull"
    granted, _ = _ask(f"/token?scope={scope}&service=ghcr.io", f"Basic {login}")
    tags: list[str] = []
    page = f"/v2/{repository}/tags/list"
    while page:
        found, page = _ask(page, f"Bearer {granted['token']}")
        tags += found["tags"]
    versions = [tag for tag in tags if re.fullmatch(r"v\d+(\.\d+)*", tag)]
    return max(versions, key=lambda tag: [int(part) for part in tag[1:].split(".")], default=None)
