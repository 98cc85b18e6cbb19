"""Names as GHCR takes them: repositories with an owner, tags, digests, and references made of them.

It knows the grammar and no content. Sources: distribution specification, "Pulling manifests"; image specification,
"Digests".
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ghcr_sim.oci.digests import digest_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["digests", "references", "repositories", "tags"]

_LOWER = string.ascii_lowercase + string.digits
_WORDS = ("blobs", "list", "manifests", "referrers", "tags", "token", "uploads", "v2")
"""Words of the protocol's own paths, which a careless parser of URLs stumbles over."""

_parts = st.text(_LOWER, min_size=1, max_size=6)
_joins = st.sampled_from((".", "_", "__", "-", "--"))


@st.composite
def _components(draw: st.DrawFn) -> str:
    parts = draw(st.lists(_parts, min_size=1, max_size=3))
    return "".join(part + draw(_joins) for part in parts[:-1]) + parts[-1]


def repositories() -> SearchStrategy[str]:
    """Repositories with an owner, such as `acme/app` or `a-b/c.d/tags`, of two to four components."""
    component = _components() | st.sampled_from(_WORDS)
    owner = st.lists(_parts, min_size=1, max_size=2).map("-".join)
    return st.builds("{}/{}".format, owner, st.lists(component, min_size=1, max_size=3).map("/".join))


def tags() -> SearchStrategy[str]:
    """Tags of 1 to 128 characters, the ordinary ones more often."""
    first = st.sampled_from(string.ascii_letters + string.digits + "_")
    rest = st.text(string.ascii_letters + string.digits + "._-", max_size=20)
    return st.sampled_from(("latest", "v1", "1.0.0", *_WORDS, "A" * 128)) | st.builds(
        str.__add__, first, rest
    )


def digests(algorithm: str | None = None) -> SearchStrategy[str]:
    """Digests, of nothing in particular.

    Args:
        algorithm: `sha256` or `sha512`; None is either, sha256 more often.
    """
    named = st.just(algorithm) if algorithm else st.sampled_from(("sha256", "sha256", "sha512"))
    return st.builds(digest_of, st.binary(max_size=8), named)


def references(registry: str | None = None) -> SearchStrategy[str]:
    """References: `acme/app`, with a tag, with a digest, or with both.

    Args:
        registry: Stands before each, as in `ghcr.io/acme/app:v1`; None is none.
    """
    tail = (
        st.just("")
        | tags().map(":{}".format)
        | digests().map("@{}".format)
        | st.builds(":{}@{}".format, tags(), digests())
    )
    head = f"{registry}/" if registry else ""
    return st.builds("{}{}{}".format, st.just(head), repositories(), tail)
