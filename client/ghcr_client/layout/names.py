"""What images are called in a layout or an archive, and which of them somebody means.

It knows that most tools write bare tags, and some full names. It does not know where the names come from. Sources: OCI
image specification, "Pre-Defined Annotation Keys" (`org.opencontainers.image.ref.name`); containerd and Docker write
the full name beside it as `io.containerd.image.name`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ghcr_client.digests import ALGORITHMS, Digest
from ghcr_client.errors import InvalidReference, LayoutError
from ghcr_client.masking import shown
from ghcr_client.refs import GHCR, ImageRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghcr_client.models import Descriptor

__all__ = ["FULL_NAME", "REF_NAME", "Entry", "check_name", "chosen", "digest_in", "names_of"]

REF_NAME = "org.opencontainers.image.ref.name"
"""The annotation with the name: a bare tag, or a full name."""

FULL_NAME = "io.containerd.image.name"
"""The annotation with the full name, where containerd or Docker wrote the layout."""

_REGISTRIES = (GHCR, "docker.io")
"""The registries that a name without one may mean: this client's, and Docker's."""

_LONGEST = 1024
_MOST_SHOWN = 20

Target = TypeVar("Target", bound=str)


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest that a layout or an archive lists.

    Attributes:
        descriptor: What names it; its annotations are those of the list.
        names: What it is called: nothing, bare tags, full names.

    Example:
        >>> from ghcr_client.models import OCI_MANIFEST, Descriptor
        >>> descriptor = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"{}"), size=2)
        >>> Entry(descriptor, ("v1",)).name
        'v1'
    """

    descriptor: Descriptor
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """The first of its names, or None."""
        return self.names[0] if self.names else None


def names_of(descriptor: Descriptor) -> tuple[str, ...]:
    """What a descriptor in an index is called: the full name first."""
    found = (descriptor.annotations.get(key) for key in (FULL_NAME, REF_NAME))
    return tuple(dict.fromkeys(filter(None, found)))


def check_name(name: str) -> None:
    """Nothing, if an image may be called so.

    Args:
        name: A tag or a full name.

    Raises:
        InvalidReference: It is empty, longer than 1024 characters, or holds blanks or control characters.
    """
    if not 0 < len(name) <= _LONGEST or not name.isprintable() or " " in name:
        raise InvalidReference(
            f"invalid name {shown(repr(name), 160)}: 1 to {_LONGEST} characters without blanks, such as v1 or "
            "ghcr.io/acme/app:v1"
        )


def digest_in(reference: str) -> Digest | None:
    """The digest that a reference asks for, or None where it asks by name.

    Args:
        reference: `sha256:…`, `name@sha256:…`, or a name.

    Raises:
        InvalidReference: It is meant as a digest, and is none.

    Example:
        >>> digest_in("ghcr.io/acme/app:v1") is None
        True
    """
    _, at, after = reference.rpartition("@")
    if at or reference.partition(":")[0] in ALGORITHMS:
        return Digest(after)
    return None


def chosen(named: Sequence[tuple[tuple[str, ...], Target]], wanted: str | None, where: str) -> Target:
    """The one that is meant.

    Args:
        named: What there is: names, and what they stand for.
        wanted: A tag, which also finds the full name that ends with it; a full name, which also finds its bare tag; or
            None for the only one, or the only one that has a name.
        where: What they are in, for messages.

    Returns:
        What the name stands for.

    Raises:
        LayoutError: There is none, or there are several; the message lists them.

    Example:
        >>> chosen([(("v1",), "sha256:aa"), (("v2",), "sha256:bb")], "ghcr.io/acme/app:v2", "app.tar")
        'sha256:bb'
        >>> chosen([(("v1",), "sha256:aa"), (("v2",), "sha256:bb")], None, "app.tar")
        Traceback (most recent call last):
        ghcr_client.errors.LayoutError: app.tar holds 2 images: say which one of v1, v2
    """
    found = list(dict.fromkeys(_fitting(named, wanted)))
    if len(found) == 1:
        return found[0]
    if not named:
        raise LayoutError(f"{where} holds no image: put one there first")
    if not found:
        raise LayoutError(f"{where} holds no image {shown(repr(wanted))}: it has {_offer(named)}")
    several = [pair for pair in named if pair[1] in found]
    asked = "" if wanted is None else f" that {shown(repr(wanted))} may mean"
    raise LayoutError(f"{where} holds {len(found)} images{asked}: say which one of {_offer(several)}")


def _fitting(named: Sequence[tuple[tuple[str, ...], Target]], wanted: str | None) -> Iterable[Target]:
    """All that may be meant: those of the best kind of fit."""
    if wanted is None:
        everything = [target for _, target in named]
        titled = [target for names, target in named if names]
        return titled if len(set(everything)) > 1 and titled else everything
    for fits in (_same_text, _same_image, _same_tag):
        found = [target for names, target in named if any(fits(name, wanted) for name in names)]
        if found:
            return found
    return ()


def _same_text(name: str, wanted: str) -> bool:
    """Whether they are written the same."""
    return name == wanted


def _same_image(name: str, wanted: str) -> bool:
    """Whether both are full names, and may mean the same image."""
    return not _full_names(name).isdisjoint(_full_names(wanted))


def _same_tag(name: str, wanted: str) -> bool:
    """Whether one of them is the bare tag of the other."""
    if _is_bare(wanted):
        return any(full.endswith(f":{wanted}") for full in _full_names(name))
    return _is_bare(name) and any(full.endswith(f":{name}") for full in _full_names(wanted))


def _is_bare(text: str) -> bool:
    """Whether a name is only a tag."""
    return "/" not in text and ":" not in text


def _full_names(text: str) -> frozenset[str]:
    """`registry/repository:tag` for each registry that may be meant; empty for a bare tag."""
    found: set[str] = set()
    for registry in () if _is_bare(text) else _REGISTRIES:
        try:
            ref = ImageRef.parse(text, registry=registry)
        except InvalidReference:
            continue
        found.add(f"{ref.name}:{ref.tag}")
    return frozenset(found)


def _offer(named: Sequence[tuple[tuple[str, ...], Target]]) -> str:
    """The names there are; what has none is shown by what it is."""
    words = list(dict.fromkeys(word for names, target in named for word in (names[:1] or (str(target),))))
    more = len(words) - _MOST_SHOWN
    words = [shown(word, 160) for word in words[:_MOST_SHOWN]]
    return ", ".join([*words, f"and {more} more"] if more > 0 else words)
