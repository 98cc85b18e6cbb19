"""Opens what there is: a layout's directory, a layout's tar, or what `docker save` wrote.

It knows by which files each is told from the others, and says what it found where it is none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_client.errors import LayoutError
from ghcr_client.layout.archive import LayoutArchive
from ghcr_client.layout.directory import LayoutDirectory
from ghcr_client.layout.dockerarchive import DockerArchive
from ghcr_client.layout.documents import MARK
from ghcr_client.layout.saved import LIST
from ghcr_client.layout.tarfiles import TarFiles
from ghcr_client.masking import shown

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ghcr_client.layout.reading import LocalImages

__all__ = ["open_local"]

_MOST_SHOWN = 5


def open_local(path: str | os.PathLike[str]) -> LocalImages:
    """Open a layout or an archive. It reads a tar's headers at once: call it in a thread where the tar is large.

    Args:
        path: A directory with an OCI image layout, a tar of one, or what `docker save` wrote.

    Returns:
        A `LayoutDirectory`, a `LayoutArchive` or a `DockerArchive`.

    Raises:
        LayoutError: It is nothing of that, and the message says what was found; or it is damaged or not safe to read.
        OSError: It may not be read.

    Example:
        >>> open_local("no/such/file")
        Traceback (most recent call last):
        ghcr_client.errors.LayoutError: no/such/file is not there: give a directory or a tar
    """
    place = Path(path)
    if not place.exists():
        raise LayoutError(f"{shown(str(place))} is not there: give a directory or a tar")
    return _open_directory(place) if place.is_dir() else _open_tar(TarFiles(place))


def _open_directory(place: Path) -> LocalImages:
    """A layout in a directory."""
    if (place / MARK).exists():
        return LayoutDirectory(place)
    names = sorted(each.name for each in place.iterdir())
    raise _refusal(f"the directory {place}", names, "make a layout, or a tar")


def _open_tar(files: TarFiles) -> LocalImages:
    """A layout in a tar, or what `docker save` wrote, which may hold a layout, too."""
    if files.place(LIST) is not None:
        return DockerArchive(files)
    if files.place(MARK) is not None:
        return LayoutArchive(files)
    raise _refusal(f"the tar {files.where}", files.names, "tar the layout itself, not a directory above it")


def _refusal(what: str, names: Iterable[str], advice: str) -> LayoutError:
    """The error that says what was found."""
    found = list(names)
    listed = ", ".join(shown(each, 60) for each in found[:_MOST_SHOWN]) + (
        ", …" if len(found) > _MOST_SHOWN else ""
    )
    return LayoutError(
        f"{shown(what)} is no OCI image layout (it has no {MARK}) and no docker-archive (no {LIST} in a tar): it holds "
        f"{listed or 'nothing'}; {advice}"
    )
