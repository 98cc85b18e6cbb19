"""What hypothesis may throw at the fake: the words of the specification, and everything that is nearly one.

`repositories`, `tags`, `digests` and so on are valid. `targets` are valid, nearly valid or hostile.
"""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import DOCKER_INDEX, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from ghcr_sim.route import OPERATIONS, Operation, format_target

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "blob_targets",
    "digests",
    "documents",
    "few",
    "header_values",
    "headers",
    "images",
    "indexes",
    "json_values",
    "media_types",
    "methods",
    "operations",
    "references",
    "repositories",
    "some",
    "tags",
    "targets",
    "upload_ids",
]

few = settings(max_examples=30, deadline=None)
"""For what is slow: a socket, a machine of many steps."""

some = settings(max_examples=100, deadline=None)
"""For what is quick. No deadline: the machine may be busy with something else."""

LOWER = string.ascii_lowercase + string.digits
ROUTE_WORDS = (
    "blobs",
    "catalog",
    "list",
    "manifests",
    "referrers",
    "tags",
    "token",
    "upload",
    "uploads",
    "v2",
)
"""Words that a path is made of, and that a repository may be called by."""

# -- the grammar of the specification

_parts = st.text(LOWER, min_size=1, max_size=6)
_joins = st.sampled_from((".", "_", "__", "-", "--", "---"))


@st.composite
def _components(draw: st.DrawFn) -> str:
    """One component of a repository's name."""
    parts = draw(st.lists(_parts, min_size=1, max_size=3))
    return "".join(part + draw(_joins) for part in parts[:-1]) + parts[-1]


repositories: SearchStrategy[str] = st.lists(
    st.sampled_from(ROUTE_WORDS) | _components(), min_size=1, max_size=5
).map("/".join)

tags: SearchStrategy[str] = st.builds(
    str.__add__,
    st.sampled_from(string.ascii_letters + string.digits + "_"),
    st.text(string.ascii_letters + string.digits + "._-", max_size=20),
) | st.sampled_from((*ROUTE_WORDS, "latest", "v1.0.0", "A" * 128))

digests: SearchStrategy[str] = st.builds(
    digest_of, st.binary(max_size=8), st.sampled_from(("sha256", "sha256", "sha512"))
)

references = tags | digests

_tokens = st.text(string.ascii_letters + string.digits + "!#$&-^_.+", min_size=1, max_size=20)

media_types: SearchStrategy[str] = st.sampled_from(
    (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX, OCI_CONFIG, OCI_LAYER, "text/plain")
) | st.builds("{}/{}".format, _tokens, _tokens)

upload_ids: SearchStrategy[str] = (
    st.uuids(version=4).map(str)
    | st.text("a%41?#&=+;: {}é\n", min_size=1, max_size=8)
    | st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1, max_size=20)
)
"""Ids as the fake makes them, and as a client may make them up."""

_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_queries = st.lists(st.tuples(_words, _words), max_size=3).map(tuple)
_shards = st.from_regex(r"ghcr[a-z0-9]{0,8}", fullmatch=True)


def _operation(name: str) -> SearchStrategy[Operation]:
    noun = name.partition(".")[0]
    reference: SearchStrategy[str] = {
        "manifest": references,
        "blob": digests,
        "referrers": digests,
        "upload": st.just("") if name == "upload.post" else upload_ids,
        "storage": digests,
    }.get(noun, st.just(""))
    repository: SearchStrategy[str] = {
        **dict.fromkeys(("ping", "landing", "token", "catalog"), st.just("")),
        "storage": _shards,
    }.get(noun, repositories)
    return st.builds(Operation, st.just(name), repository, reference, _queries)


operations: SearchStrategy[Operation] = st.sampled_from(sorted(OPERATIONS)).flatmap(_operation)
"""Every operation, with whatever names it takes and any query."""

# -- requests, sound and otherwise

methods: SearchStrategy[str] = st.sampled_from(
    ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BREW")
)

_hostile_words = st.sampled_from(
    (
        *(
            "",
            ".",
            "..",
            "...",
            "//",
            "\\",
            "*",
            "?",
            "#",
            ":",
            "@",
            "-",
            "_",
            "~",
            "{0}",
            "{repository}",
            "%(x)s",
        ),
        *("%2e%2e", "%2F", "%00", "%0d%0a", "%", "%zz", "%ff", "%C3%A9", "../" * 9 + "etc/passwd"),
        *("\x00", "\n", " ", "é", "\ud800", "\udcff", "\u202e", "A", "x" * 300, "v2", "uploads", "_catalog"),
        *(
            "a:b",
            "sha256:",
            "sha256:" + "g" * 64,
            "sha256:" + "a" * 63,
            "SHA256:" + "a" * 64,
            "md5:" + "a" * 32,
        ),
        *("ghcr1", "ghcré", "http:"),
    )
)
_path_words = (
    st.sampled_from(ROUTE_WORDS) | _hostile_words | _components() | tags | digests | st.text(max_size=5)
)
_query_words = st.sampled_from(
    (
        *("digest", "mount", "from", "n", "last", "tag", "artifactType", "scope", "service", "se", "sig"),
        *("&", "=", ";", "", "%00", "%ff", "\ud800", "-1", "0", "1", "9" * 400),
        *("sha256:" + "0" * 64, "repository:a/b:pull", "a/b"),
    )
)
_hostile_queries = st.lists(
    st.tuples(_query_words | st.text(max_size=5), _query_words | st.text(max_size=5)), max_size=4
).map(lambda pairs: "&".join(f"{key}={value}" for key, value in pairs))


def _bent(target: str, at: int, word: str) -> str:
    """A target with something in it that does not belong there."""
    at %= len(target) + 1
    return target[:at] + word + target[at:]


targets: SearchStrategy[str] = (
    operations.map(format_target)
    | st.builds(
        _bent,
        operations.map(format_target),
        st.integers(0, 200),
        _hostile_words | st.characters(),
    )
    | st.builds("/v2/{}?{}".format, st.lists(_path_words, max_size=6).map("/".join), _hostile_queries)
    | st.builds("/{}?{}".format, st.lists(_path_words, max_size=4).map("/".join), _hostile_queries)
    | st.builds("{}://{}{}".format, st.text(max_size=4), st.text(max_size=8), operations.map(format_target))
    | st.text(max_size=30)
)
"""Request targets: sound, one step beside, and from another world."""

blob_targets: SearchStrategy[str] = st.builds("/v2/{}/blobs/{}".format, repositories, digests)

header_values: SearchStrategy[str] = st.text(
    st.characters(max_codepoint=0x17F, exclude_characters="\r\n\x00"), max_size=40
) | st.sampled_from(
    (
        *(
            "bytes=0-0",
            "bytes=-1",
            "bytes=1-",
            "bytes=9-1",
            "bytes=",
            "bytes=a-b",
            "bytes=0-0,2-3",
            "items=0-1",
        ),
        *(
            "0-9",
            "5-1",
            "bytes 0-9/10",
            OCI_MANIFEST,
            OCI_INDEX,
            "*/*",
            "text/plain; charset=utf-8",
            "",
            "é/b",
        ),
        *("Bearer", "Bearer QQ==", "Bearer !", "Basic Og==", "Basic !", "Negotiate x", "Bearer " + "A" * 400),
        "\udcff",
    )
)

headers: SearchStrategy[dict[str, str]] = st.dictionaries(
    st.sampled_from(
        ("authorization", "range", "content-range", "content-type", "accept", "expect", "if-range", "x-else")
    ),
    header_values,
    max_size=4,
)

# -- manifests

json_values: SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

_annotations = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)


def descriptors(
    kinds: SearchStrategy[str] = media_types, named: SearchStrategy[str] = digests
) -> SearchStrategy[dict[str, Any]]:
    """Descriptors of things of some kinds, under some digests."""
    return st.fixed_dictionaries(
        {"mediaType": kinds, "digest": named, "size": st.integers(0, 1 << 40)},
        optional={"annotations": _annotations, "artifactType": media_types},
    )


_extras: dict[str, SearchStrategy[Any]] = {
    "annotations": _annotations,
    "artifactType": media_types,
    "subject": descriptors(),
}


def images(named: SearchStrategy[str] = digests) -> SearchStrategy[dict[str, Any]]:
    """Image manifests whose config and layers have some digests."""
    return st.fixed_dictionaries(
        {
            "schemaVersion": st.just(2),
            "mediaType": st.sampled_from((OCI_MANIFEST, DOCKER_MANIFEST)),
            "config": descriptors(named=named),
            "layers": st.lists(descriptors(named=named), max_size=3),
        },
        optional=_extras,
    )


def indexes(named: SearchStrategy[str] = digests) -> SearchStrategy[dict[str, Any]]:
    """Indexes over manifests with some digests."""
    return st.fixed_dictionaries(
        {
            "schemaVersion": st.just(2),
            "mediaType": st.sampled_from((OCI_INDEX, DOCKER_INDEX)),
            "manifests": st.lists(descriptors(named=named), max_size=3),
        },
        optional=_extras,
    )


@st.composite
def _damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A manifest in which one thing, somewhere, is another."""
    document: dict[str, Any] = draw(images() | indexes())
    place: Any = document
    for _ in range(draw(st.integers(0, 3))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        deeper = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not deeper:
            break
        place = place[draw(st.sampled_from(deeper))]
    key = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    place[key] = draw(json_values)
    return document


documents: SearchStrategy[bytes] = (
    (images() | indexes() | _damaged()).map(json.dumps).map(str.encode)
    | json_values.map(json.dumps).map(str.encode)
    | st.binary(max_size=30)
)
"""Bodies of manifests: sound, damaged, and no manifests at all."""
