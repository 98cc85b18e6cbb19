"""The examples in the operations' docstrings run as they are printed, with either client, and show what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from client.showing import example_of, operations, run_example
from ghcr_client import GhcrClient, SyncGhcrClient

if TYPE_CHECKING:
    from pathlib import Path

DELETING = {"delete_blob", "delete_image", "delete_tag"}
"""Operations for which a fake ghcr.io without GitHub's REST API has only a refusal."""

pytestmark = pytest.mark.usefixtures("_ghcr_background")


@pytest.mark.parametrize("name", operations(GhcrClient))
def test_an_operation_has_an_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation's docstring has an example, which runs and shows what its comments say."""
    code = example_of(getattr(GhcrClient, name))
    assert f"client.{name}(" in code
    run_example(code, "oci" if name in DELETING else "ghcr", tmp_path, monkeypatch)


@pytest.mark.parametrize("name", operations(GhcrClient))
def test_the_same_without_a_loop(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same example, with nothing awaited, runs with `SyncGhcrClient`."""
    code = example_of(getattr(SyncGhcrClient, name))
    assert f"client.{name}(" in code
    assert "await" not in code
    run_example(code, "oci" if name in DELETING else "ghcr", tmp_path, monkeypatch, sync=True)


@pytest.mark.parametrize(
    ("code", "shows"),
    [
        pytest.param("1 + 1  # 3", "line 1 shows 2", id="expression"),
        pytest.param("for n in range(2):\n    print(n)  # 0, 2", "line 2 shows 0, 1", id="printed"),
        pytest.param("if False:\n    print(1)  # 1", "line 2 shows ,", id="never reached"),
        pytest.param("await client.list_tags('acme/app')  # ['v1']", r"shows \['v1', 'v2'\]", id="awaited"),
    ],
)
def test_a_comment_that_is_wrong_fails(
    code: str, shows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison finds what an example does not show."""
    with pytest.raises(AssertionError, match=shows):
        run_example(code, "ghcr", tmp_path, monkeypatch)
