"""Lists that page: tags, the catalogue, referrers. Ghcr-wire sections 8, 9 and 10a."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ghcr_sim.oci import Refusal
from ghcr_sim.oci.media import OCI_INDEX
from ghcr_sim.registry.answers import json_answer, redirect
from ghcr_sim.route import Operation, escaped_path

if TYPE_CHECKING:
    from ghcr_sim.exchange import Response
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.store import Store

__all__ = ["catalog", "referrers", "tags"]

_DIGITS = 18
"""The longest `n` that is a number: any of 32 bits is, and any of 64 bits that somebody means."""


def tags(profile: Profile, store: Store, operation: Operation) -> Response:
    """The tags of a repository, page by page."""
    state = store.repository(operation.repository)
    if state is None:
        raise Refusal("NAME_UNKNOWN", details=({"name": operation.repository},))
    names = sorted(state.tags) if profile.tags.order == "lexical" else list(state.tags)
    page, link = _page(profile, operation, names, f"/v2/{operation.repository}/tags/list")
    shown = page or (None if profile.tags.empty == "null" and not names else page)
    return json_answer({"name": operation.repository, "tags": shown}, *link)


def catalog(profile: Profile, store: Store, operation: Operation) -> Response:
    """All packages of the whole service, in lexical order (section 10a)."""
    names = [
        name for name in store.names() if (state := store.repository(name)) and state.visibility is not None
    ]
    page, link = _page(profile, operation, names, "/v2/_catalog")
    return json_answer({"repositories": page}, *link)


def _page(
    profile: Profile, operation: Operation, names: list[str], path: str
) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The page that `n` and `last` ask for, and the `Link` to the next one."""
    asked = operation.one("n")
    if asked is not None and not (asked.isascii() and asked.isdigit() and len(asked) <= _DIGITS):
        raise Refusal("UNSUPPORTED", f"n must be a number of entries, got {asked[:40]!r}", status=400)
    last = operation.one("last")
    start = _start(profile, names, last) if last else 0
    # n=0 is what GHCR's own Link says where the request had no n (row 8.2): the default page, not an empty one.
    zero_is_default = profile.tags.link_default_n == "0"
    size = int(asked) if asked is not None else profile.tags.page
    if asked is not None and size == 0:
        if not zero_is_default:
            return [], ()
        size = profile.tags.page
    page = names[start : start + size] if size else names[start:]
    if start + len(page) >= len(names) or not page:
        return page, ()
    n = asked if asked and int(asked) else profile.tags.link_default_n or str(size)
    # Commas and angle brackets cannot occur in names, so quoting `last` alone is enough.
    return page, (("link", f'<{path}?last={quote(page[-1], safe="")}&n={n}>; rel="next"'),)


def _start(profile: Profile, names: list[str], last: str) -> int:
    """Where the page after `last` begins."""
    if last in names:
        return names.index(last) + 1
    if profile.tags.last_unknown == "start":
        return 0
    return sum(name < last for name in names)


def referrers(profile: Profile, store: Store, operation: Operation) -> Response:
    """The manifests that have this digest as their subject.

    GHCR has no referrers API: it answered 404, for a while 303 to github.com, and 404 again (section 9).
    """
    if profile.referrers.answer == "not_found":
        raise Refusal("MANIFEST_UNKNOWN")
    if profile.referrers.answer == "see_other":
        return redirect(303, f"https://github.com/-/v2/packages/container/package/{escaped_path(operation)}")
    wanted = operation.one("artifactType")
    # A plus sign that a client forgot to escape comes as a blank, which no media type has.
    kind = wanted.replace(" ", "+") if wanted else None
    found = [m.descriptor() for m in store.referrers(operation.repository, operation.reference)]
    if kind:
        found = [descriptor for descriptor in found if descriptor.get("artifactType") == kind]
    page, headers = _referrers_page(profile, operation, found)
    if kind:
        headers += (("oci-filters-applied", "artifactType"),)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
    return json_answer(index, *headers, media_type=OCI_INDEX)


def _referrers_page(
    profile: Profile, operation: Operation, found: list[dict[str, object]]
) -> tuple[list[dict[str, object]], tuple[tuple[str, str], ...]]:
    """One page of descriptors. The specification leaves the query of `Link` to the registry: here `last`."""
    digests = [str(descriptor["digest"]) for descriptor in found]
    last = operation.one("last")
    start = digests.index(last) + 1 if last in digests else 0
    size = profile.referrers.page or len(found)
    page = found[start : start + size]
    if start + len(page) >= len(found):
        return page, ()
    query = f"last={page[-1]['digest']}"
    if (kind := operation.one("artifactType")) is not None:
        query += f"&artifactType={quote(kind.replace(' ', '+'), safe='')}"
    path = f"/v2/{operation.repository}/referrers/{operation.reference}"
    return page, (("link", f'<{path}?{query}>; rel="next"'),)
