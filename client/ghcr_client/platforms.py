"""Platforms: `os/architecture/variant`, read, compared, and the best of several chosen.

It knows which variants of a processor run which others' programs. It does not know manifests. Sources: OCI image
specification, section "Platform Variants" of the image index; the architecture names are Go's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field

from ghcr_client.errors import InvalidReference
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Platform", "best_platform"]

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NUMBER = re.compile(r"v?(\d{1,3})(?:\.(\d{1,3}))?")

_ALIASES = {
    "aarch64": ("arm64", None),
    "armel": ("arm", "v6"),
    "armhf": ("arm", "v7"),
    "i386": ("386", None),
    "macos": ("darwin", None),
    "x86-64": ("amd64", None),
    "x86_64": ("amd64", None),
}
"""Names that people write → Go's name, and the variant that goes with it."""

_PLAIN = {"amd64": "v1", "arm": "v7", "arm64": "v8"}
"""The variant that is meant where none is written."""


class Platform(BaseModel):
    """What an image runs on.

    Attributes:
        os: The operating system, by Go's name: `linux`, `windows`.
        architecture: The processor, by Go's name: `amd64`, `arm64`.
        variant: The processor's variant, such as `v7`, or None.
        os_version: The operating system's version, as Windows images have it, or None.
        os_features: What else the operating system must have. It is kept and not compared.

    Example:
        >>> Platform.parse("linux/arm/v7").variant
        'v7'
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="allow", populate_by_name=True, defer_build=True
    )

    os: str
    architecture: str
    variant: str | None = None
    os_version: str | None = Field(default=None, alias="os.version")
    os_features: tuple[str, ...] | None = Field(default=None, alias="os.features")

    def __hash__(self) -> int:
        return hash((self.os, self.architecture, self.variant, self.os_version))

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a platform as people write it.

        Args:
            text: `os/architecture` or `os/architecture/variant`; `aarch64`, `x86_64`, `armhf` and the like are
                understood.

        Returns:
            The platform, by Go's names.

        Raises:
            InvalidReference: It is not a platform.

        Example:
            >>> str(Platform.parse("Linux/aarch64")), str(Platform.parse("linux/armhf"))
            ('linux/arm64', 'linux/arm/v7')
        """
        words = text.lower().split("/")
        if len(words) not in (2, 3) or not all(_WORD.fullmatch(each) for each in words):
            raise InvalidReference(
                f"invalid platform {shown(repr(text))}: it is written os/architecture[/variant], such as linux/arm/v7"
            )
        system, architecture, variant = _named(*words)
        return cls(os=system, architecture=architecture, variant=variant or None)

    @classmethod
    def of(cls, platform: Self | str) -> Self:
        """A platform, read where it is a text.

        Args:
            platform: A platform, or a text as `parse` takes it.

        Returns:
            The platform.

        Raises:
            InvalidReference: The text is not a platform.
            TypeError: It is neither.

        Example:
            >>> Platform.of("linux/arm64") == Platform.of(Platform.parse("linux/arm64"))
            True
        """
        if isinstance(platform, str):
            return cls.parse(platform)
        if not isinstance(platform, cls):
            raise TypeError(
                f"a platform is a Platform or a text such as linux/amd64, not {type(platform).__name__}"
            )
        return platform

    @property
    def is_unknown(self) -> bool:
        """Whether this is `unknown/unknown`, by which builders mark what does not run, such as attestations."""
        return "unknown" in (self.os, self.architecture)

    def distance(self, offered: Platform) -> tuple[int, ...] | None:
        """How well an image for another platform runs on this one; smaller is better.

        A variant runs what was built for itself and for lower ones: `arm/v7` runs `v6`, `amd64/v3` runs `v2`. Where
        this platform names an operating system's version, the offered one must begin with it or have none. Names are
        compared as `parse` reads them: some builders write `Linux` or `x86_64`.

        Args:
            offered: What the image was built for.

        Returns:
            A rank to compare with others of the same platform, or None where it does not run.

        Example:
            >>> arm = Platform.parse("linux/arm/v7")
            >>> arm.distance(Platform.parse("linux/arm/v6")), arm.distance(Platform.parse("linux/arm/v8"))
            ((1, 0), None)
        """
        ours, theirs = (_named(each.os, each.architecture, each.variant or "") for each in (self, offered))
        if ours[:2] != theirs[:2] or "unknown" in theirs[:2]:
            return None
        if not _same_version(self.os_version, offered.os_version):
            return None
        own, other = (each[2] or _PLAIN.get(each[1], "") for each in (ours, theirs))
        if own == other:
            return (0, 0)
        have, want = _NUMBER.fullmatch(own), _NUMBER.fullmatch(other)
        if not have or not want:
            return None
        steps = tuple(int(have[each] or 0) - int(want[each] or 0) for each in (1, 2))
        return steps if steps >= (0, 0) else None


def _named(system: str, architecture: str, variant: str = "") -> tuple[str, str, str]:
    """A platform by Go's names, which are in lower case; without a variant, the one that a name implies, or ""."""
    system, architecture = system.lower(), architecture.lower()
    system, _ = _ALIASES.get(system, (system, None))
    architecture, implied = _ALIASES.get(architecture, (architecture, None))
    return system, architecture, variant.lower() or implied or ""


def _same_version(wanted: str | None, offered: str | None) -> bool:
    """Whether an offered version is the wanted one or a closer description of it, or one of them is not known."""
    words = (wanted or "").split(".")
    return not wanted or not offered or offered.split(".")[: len(words)] == words


def best_platform(wanted: Platform, offered: Iterable[Platform | None]) -> int | None:
    """Which of several platforms runs best on the wanted one.

    Args:
        wanted: What there is to run on.
        offered: What there are images for; None for an image that does not say.

    Returns:
        The position of the best, the first one of equals; None where nothing runs.

    Example:
        >>> best_platform(Platform.parse("linux/arm/v7"), map(Platform.parse, ["linux/arm/v5", "linux/arm/v6"]))
        1
    """
    ranks = [(each and wanted.distance(each), place) for place, each in enumerate(offered)]
    return min(((rank, place) for rank, place in ranks if rank is not None), default=(None, None))[1]
