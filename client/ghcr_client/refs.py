"""References to images: `registry/owner/name:tag@digest`, read, checked, changed and written.

It knows the grammar, GHCR's rule that a name has an owner, and Docker Hub's `library/`. It does not know how a registry
is reached. Sources: distribution specification, section "Pulling manifests"; the grammar of `distribution/reference`,
whose domain rule decides whether the first component is a registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidReference
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["GHCR", "ImageRef", "Tag"]

GHCR = "ghcr.io"
"""The registry of names that say none."""

_LONGEST_NAME = 256
_LONGEST_TAG = 128
_LONGEST = 1024

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-f0-9:]+\])(?::([0-9]{{1,5}}))?")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")


class Tag(str):
    """A tag that is well-formed; it is a string, too.

    Args:
        text: 1 to 128 letters, digits, `_`, `.` and `-`; the first one is neither `.` nor `-`.

    Raises:
        InvalidReference: It is not a tag.

    Example:
        >>> Tag("v1.0") == "v1.0"
        True
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:  # noqa: D102 - the class says it
        if len(text) > _LONGEST_TAG:
            raise InvalidReference(
                f"invalid tag: it has {len(text)} characters, at most {_LONGEST_TAG} are allowed"
            )
        if not _TAG.fullmatch(text):
            raise InvalidReference(
                f"invalid tag {shown(repr(text))}: 1 to 128 letters, digits, '_', '.' or '-', not starting with "
                "'.' or '-'"
            )
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - references are used without pydantic, too

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


@dataclass(frozen=True, slots=True)
class ImageRef:
    """The name of an image: where it is, what it is called, and which one of that name.

    Attributes:
        registry: Host and, where there is one, port; in lower case, such as `ghcr.io` or `[::1]:5000`. A host of one
            word other than `localhost` has a port, or it would read as an owner.
        repository: The name below the registry, such as `acme/app`; 1 to 256 characters.
        tag: The tag, or None.
        digest: The digest, or None. Where both are given, the digest decides what is read, and what is pushed has to
            have it, and gets the tag. Where none is, the tag is `latest`.

    Raises:
        InvalidReference: A part is not well-formed, or a name on ghcr.io has no owner.

    Example:
        >>> ref = ImageRef.parse("acme/app:v1")
        >>> ref.registry, ref.repository, ref.tag, str(ref)
        ('ghcr.io', 'acme/app', 'v1', 'ghcr.io/acme/app:v1')
    """

    registry: str
    repository: str
    tag: Tag | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        _check_registry(self.registry.lower())
        _check_repository(self.repository)
        if self.registry.lower() == GHCR and "/" not in self.repository:
            raise InvalidReference(
                f"invalid reference {shown(repr(self.repository))}: it has no owner; names on ghcr.io are owner/name"
            )
        object.__setattr__(self, "registry", self.registry.lower())
        if self.digest is not None:
            object.__setattr__(self, "digest", Digest(self.digest))
        if self.tag is not None or self.digest is None:
            object.__setattr__(self, "tag", Tag("latest" if self.tag is None else self.tag))

    @classmethod
    def parse(cls, text: str, *, registry: str = GHCR) -> Self:
        """Read a reference as people write it.

        Args:
            text: `[registry/]name[:tag][@digest]`. What stands before the first `/` is a registry if it holds a `.` or
                a `:`, or is `localhost`.
            registry: The registry of a name that says none.

        Returns:
            The reference, with the tag `latest` where it says neither tag nor digest.

        Raises:
            InvalidReference: It is not a reference; the message says which part is wrong.
            TypeError: It is no text.

        Example:
            >>> str(ImageRef.parse("localhost:5000/app"))
            'localhost:5000/app:latest'
            >>> ImageRef.parse("https://ghcr.io/acme/app")
            Traceback (most recent call last):
            ghcr_client.errors.InvalidReference: invalid reference 'https://ghcr.io/acme/app': leave out 'https://'
        """
        _check_form(text)
        name, at, digest = text.partition("@")
        name, colon, tag = _cut_tag(name)
        first, slash, rest = name.partition("/")
        if slash and _is_registry(first):
            registry, name = first, rest
        if registry.lower() == "docker.io" and "/" not in name:
            name = f"library/{name}"
        return cls(registry, name, Tag(tag) if colon else None, Digest(digest) if at else None)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}@{self.digest}" if self.digest else f"{self.name}{tag}"

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def owner(self) -> str:
        """The first component of the repository: on ghcr.io, the user or organization."""
        return self.repository.partition("/")[0]

    @property
    def package(self) -> str:
        """What follows the owner: on ghcr.io, the package's name, which may hold `/`; "" where there is no owner."""
        return self.repository.partition("/")[2]

    @property
    def reference(self) -> Tag | Digest:
        """What a registry is asked for: the digest where there is one, else the tag."""
        chosen = self.digest or self.tag
        assert chosen is not None  # __post_init__ sees to that
        return chosen

    def with_tag(self, tag: str) -> Self:
        """The image of another tag: no digest is kept, since that was another image's.

        Args:
            tag: The tag.

        Returns:
            A new reference.

        Raises:
            InvalidReference: It is not a tag.

        Example:
            >>> str(ImageRef.parse("acme/app:v1").with_tag("v2"))
            'ghcr.io/acme/app:v2'
        """
        return type(self)(self.registry, self.repository, Tag(tag))

    def with_digest(self, digest: str, *, keep_tag: bool = True) -> Self:
        """The same image, pinned.

        Args:
            digest: The digest.
            keep_tag: Whether the tag stays, to be read by people. An index's child is not what the tag names.

        Returns:
            A new reference.

        Raises:
            InvalidReference: It is not a digest.

        Example:
            >>> str(ImageRef.parse("acme/app:v1").with_digest("sha256:" + "0" * 64))[:30]
            'ghcr.io/acme/app:v1@sha256:000'
        """
        return type(self)(self.registry, self.repository, self.tag if keep_tag else None, Digest(digest))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - references are used without pydantic, too

        read = core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())
        written = core_schema.to_string_ser_schema()
        return core_schema.union_schema([core_schema.is_instance_schema(cls), read], serialization=written)


def _cut_tag(name: str) -> tuple[str, str, str]:
    """Name, colon and tag: a colon before the last `/` belongs to a port or an address."""
    last = name.rpartition("/")[2]
    before, colon, tag = last.partition(":")
    return (name[: len(name) - len(last)] + before, colon, tag)


def _check_form(text: str) -> None:
    """Refuse what is no reference at all, and say how it is written."""
    if not isinstance(text, str):
        raise TypeError(
            f"a reference is an ImageRef or a text such as owner/name:tag, not {type(text).__name__}"
        )
    if not text:
        raise InvalidReference(
            "an empty text is no reference: it is written [registry/]owner/name[:tag][@digest]"
        )
    if len(text) > _LONGEST:
        raise InvalidReference(
            f"a text of {len(text)} characters is no reference: at most {_LONGEST} are allowed"
        )
    if scheme := _SCHEME.match(text):
        raise InvalidReference(f"invalid reference {shown(repr(text))}: leave out '{scheme[0]}'")
    if any(each.isspace() for each in text):
        raise InvalidReference(f"invalid reference {shown(repr(text))}: it holds a blank")


def _check_registry(registry: str) -> None:
    """Refuse what is not `host`, `host:port` or `[address]:port`, or would be read as an owner."""
    form = _REGISTRY.fullmatch(registry)
    if not form or not 0 < int(form[1] or 443) < 65536:  # noqa: PLR2004 - ports have 16 bits
        why = "it is host, host:port or [address]:port"
    elif not _is_registry(registry):
        why = "a host of one word is written with its port"
    else:
        return
    raise InvalidReference(f"invalid registry {shown(repr(registry))}: {why}")


def _is_registry(word: str) -> bool:
    """Whether a first component is a registry: it holds `.` or `:`, or is `localhost`."""
    return word.lower() == "localhost" or "." in word or ":" in word


def _check_repository(name: str) -> None:
    """Refuse what is not a repository name, and say why."""
    if len(name) <= _LONGEST_NAME and _REPOSITORY.fullmatch(name):
        return
    if len(name) > _LONGEST_NAME:
        why = f"it has {len(name)} characters, at most {_LONGEST_NAME} are allowed"
    elif name != name.lower():
        why = f"it must be lower case; {shown(repr(name.lower()))} may be meant"
    else:
        why = "its components are lower-case letters and digits, joined by one of . _ __ - and parted by /"
    raise InvalidReference(f"invalid repository name {shown(repr(name))}: {why}")
