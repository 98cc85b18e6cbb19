"""`--ghcr-report=PATH`: one file for a run, whole or not there at all.

What stands in it is `pytest_ghcr.page`; what pytest is told of an error is the plugin's.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.journal import printable
from pytest_ghcr.page import page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pytest_ghcr.story import Story

__all__ = ["ReportError", "check_path", "write_report"]


class ReportError(Exception):
    """The page cannot be written. The text is one line that says why and what to do."""


def check_path(path: Path) -> None:
    """See before the run that its page can be written after it.

    Raises:
        ReportError: It cannot.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        if path.exists() and not path.is_file():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.lstat()  # a name that is too long is told here
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None


def write_report(
    path: Path,
    stories: Sequence[Story],
    *,
    title: str,
    started: datetime,
    seconds: float,
    versions: Mapping[str, str],
) -> None:
    """Write the page of a run, whole or not at all.

    Args:
        path: Where to; directories that are missing are made. A file that is there is replaced.
        stories: The tests, in the order in which they ran.
        title: What ran: the project's name.
        started: When the run began.
        seconds: How long it took.
        versions: What ran it: `{"pytest": "9.0.1"}`.

    Raises:
        ReportError: It cannot be written there.
    """
    text = page(stories, title=title, started=started, seconds=seconds, versions=versions)
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)  # a pipe or a device: nobody can put a file in its place
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path.resolve(), data)
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None


def _replace(path: Path, data: bytes) -> None:
    if path.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:32]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _refusal(path: Path, error: OSError | ValueError) -> ReportError:
    why = printable(getattr(error, "strerror", None) or str(error))
    return ReportError(
        f"--ghcr-report: {printable(str(path))} cannot be written: {why}; give a file in a directory of yours"
    )
