"""Values that equal whatever fits them, for `==` with texts that nobody can know beforehand.

Each says in its repr what it would equal, so that a failed comparison explains itself. They know the grammar of
references and digests, and no registry. Source: distribution specification, "Pulling manifests"; image specification,
"Digests".
"""

from __future__ import annotations

from ghcr_sim.oci.digests import digest_of, is_digest
from ghcr_sim.oci.names import is_repository, is_tag

__all__ = ["a_digest_of", "a_reference", "any_digest", "split_reference"]


class _Matcher:
    """Equals every text that `_fits`."""

    __slots__ = ("_words",)

    def __init__(self, words: str) -> None:
        self._words = words

    def _fits(self, text: str) -> bool:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Matcher):
            return self is other
        text = other if isinstance(other, str) else _text_of(other)
        return text is not None and self._fits(text)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self._words}>"


def _text_of(value: object) -> str | None:
    """The text of a reference of `ghcr_client` or of an image of the factory; of anything else None."""
    known = type(value).__module__.partition(".")[0] in ("ghcr_client", "pytest_ghcr")
    return str(value) if known else None


class _AnyDigest(_Matcher):
    __slots__ = ()

    def _fits(self, text: str) -> bool:
        return is_digest(text)


class _DigestOf(_Matcher):
    __slots__ = ("_digests",)

    def __init__(self, content: bytes) -> None:
        self._digests = (digest_of(content), digest_of(content, "sha512"))
        super().__init__(f"the digest of these {len(content)} bytes, {self._digests[0]}")

    def _fits(self, text: str) -> bool:
        return text in self._digests


class _Reference(_Matcher):
    __slots__ = ("_parts",)

    def __init__(self, **parts: str | None) -> None:
        self._parts = parts
        shown = " ".join(f"{name}={value!r}" for name, value in parts.items() if value is not None)
        super().__init__(f"a reference with {shown}" if shown else "any reference")

    def _fits(self, text: str) -> bool:
        found = split_reference(text)
        return found is not None and all(
            wanted is None or wanted == part for wanted, part in zip(self._parts.values(), found, strict=True)
        )


def split_reference(text: str) -> tuple[str, str, str, str] | None:
    """Registry, repository, tag and digest of a reference, empty where it has none; None if it is no reference.

    The first part is a registry where it holds a dot or a colon, or is `localhost`, as every client decides it.

    Args:
        text: `ghcr.io/acme/app:v1@sha256:…`, or less.
    """
    name, at, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    registry = first if slash and (set(".:") & set(first) or first == "localhost") else ""
    repository, colon, tag = (rest if registry else name).partition(":")
    sound = is_repository(repository) and (not colon or is_tag(tag)) and (not at or is_digest(digest))
    return (registry, repository, tag, digest) if sound else None


any_digest: _Matcher = _AnyDigest("any digest")
"""Equals every sha256 or sha512 digest: `assert image == {"digest": any_digest, "size": 2}`."""


def a_digest_of(content: bytes) -> _Matcher:
    """Equals the digest of some bytes, whether by sha256 or by sha512.

    Args:
        content: The bytes, all of them.
    """
    return _DigestOf(content)


def a_reference(
    repository: str | None = None,
    *,
    tag: str | None = None,
    digest: str | None = None,
    registry: str | None = None,
) -> _Matcher:
    """Equals every well-formed reference that has these parts; the others may be anything.

    Args:
        repository: `acme/app`.
        tag: `v1`; the empty string is no tag.
        digest: `sha256:…`; the empty string is no digest.
        registry: `ghcr.io`; the empty string is no registry.
    """
    return _Reference(registry=registry, repository=repository, tag=tag, digest=digest)
