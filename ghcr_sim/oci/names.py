"""Repository names and tags: the grammar of the distribution specification, section "Pulling manifests"."""

from __future__ import annotations

import re

from ghcr_sim.oci.refusals import Refusal

__all__ = ["check_repository", "check_tag", "is_repository", "is_tag"]

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z")
_LONGEST = 255


def is_repository(name: str) -> bool:
    """Whether `name` is a repository name of at most 255 characters."""
    return len(name) <= _LONGEST and _REPOSITORY.match(name) is not None


def is_tag(tag: str) -> bool:
    """Whether `tag` is a tag: 1 to 128 characters of letters, digits, `_`, `.` and `-`."""
    return _TAG.match(tag) is not None


def check_repository(name: str) -> None:
    """Refuse what is not a repository name, and say why."""
    if is_repository(name):
        return
    if len(name) > _LONGEST:
        why = f"it has {len(name)} characters, at most {_LONGEST} are allowed"
    elif name != name.lower():
        why = "repository name must be lowercase"
    else:
        why = "components are lower-case letters and digits, joined by one of . _ __ - and parted by /"
    raise Refusal("NAME_INVALID", f"invalid repository name {_shown(name)}: {why}")


def check_tag(tag: str) -> None:
    """Refuse what is neither a tag nor was meant as a digest."""
    if not is_tag(tag):
        raise Refusal(
            "MANIFEST_INVALID",
            f"invalid tag {_shown(tag)}: 1 to 128 letters, digits, '_', '.' or '-', not starting with '.' or '-'",
        )


def _shown(text: str) -> str:
    """At most 80 characters of what came, safe to print."""
    return repr(text if len(text) <= 80 else text[:77] + "...")  # noqa: PLR2004
