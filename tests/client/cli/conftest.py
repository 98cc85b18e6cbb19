"""The command in this process, for tests that are about what it says."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from client.cli.telling import Told, surroundings
from ghcr_client.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from client.peers import Peer

__all__ = ["home", "told"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's home, where no login is."""
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    """Call `ghcr` in this process, as a registry's user: exit code, stdout, stderr."""

    def tell(*words: object, peer: Peer | None = None, stdin: str = "", **env: str | None) -> Told:
        with monkeypatch.context() as patch:
            wanted: dict[str, Any] = surroundings(home, peer) | env
            for name in set(os.environ) - set(wanted):
                patch.delenv(name)
            for name, value in wanted.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            patch.setattr(sys, "argv", ["ghcr", *map(str, words)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            with pytest.raises(SystemExit) as caught:
                main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return tell
