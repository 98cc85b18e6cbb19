"""The public names: each is loaded when it is first used, and importing a package loads next to nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = ["ghcr_client", "ghcr_client.auth", "ghcr_client.layout"]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_name(name: str) -> None:
    """Each public name is there, is listed, and is kept; another one is an error that names it."""
    package = importlib.import_module(name)
    for each in package.__all__:
        assert getattr(package, each) is getattr(package, each)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = package.nothing


ALONE = """
import importlib, pathlib, sys, ghcr_client
home = pathlib.Path(ghcr_client.__file__).parent
for file in [*sorted(home.glob("auth/[a-z]*.py")), home / "errors.py", home / "refusals.py", home / "transport.py"]:
    for loaded in [each for each in sys.modules if each.startswith("ghcr_client")]:
        del sys.modules[loaded]
    importlib.import_module(".".join(file.relative_to(home.parent).with_suffix("").parts))
"""


def test_modules_alone() -> None:
    """Each module about who asks and what went wrong can be the first that is imported: there is no circle."""
    subprocess.run([sys.executable, "-c", ALONE], check=True, timeout=120)


def test_an_import_costs_little() -> None:
    """The package alone loads neither aiohttp nor pydantic."""
    code = "import sys, ghcr_client; sys.exit(bool({'aiohttp', 'pydantic', 'click'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
