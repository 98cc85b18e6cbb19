"""Names that are loaded when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["ghcr_client", "ghcr_client.auth", "ghcr_client.layout"])
def test_all_names_are_found(package: str) -> None:
    """Each name that a package promises is there and listed, and is kept once it was found; any other is an error."""
    code = (
        f"import {package} as it\n"
        "assert set(it.__all__) <= set(dir(it))\n"
        "for name in it.__all__:\n"
        "    assert getattr(it, name) is vars(it)[name]\n"
        "try:\n"
        "    it.nothing\n"
        "except AttributeError as error:\n"
        f"    assert str(error) == \"module {package!r} has no attribute 'nothing'\"\n"
        "else:\n"
        "    raise SystemExit('a name was found that is none')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
