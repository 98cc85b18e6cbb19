"""What is printed: sizes, tables, and what registries must not do to a terminal."""

from __future__ import annotations

import pytest
from ghcr_client.cli.output import Output, human, table


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**15, "1.0 PB"),
        (10**19, "10000.0 PB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    """Sizes are in powers of 1000, and never `1000.0 kB`."""
    assert human(size) == text


def test_a_table_without_rows_is_its_head() -> None:
    """Columns are as wide as what is in them, numbers to the right."""
    assert table(["A", "size"], []) == ["A  SIZE"]
    assert table(["A", "size"], [["long one", "5"]]) == ["A         SIZE", "long one     5"]


def test_lines_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """No control character reaches the terminal, and no line is broken."""
    output = Output()
    output.line("a\x1b[2Jb\nc\u202e\x9b")
    output.note("d\x07")
    out, err = capsys.readouterr()
    assert out == "a�[2Jb�c��\n"
    assert err == "d�\n"


@pytest.mark.parametrize("how", [{"quiet": True}, {"as_json": True}])
def test_notes_are_for_who_looks_on(capsys: pytest.CaptureFixture[str], how: dict[str, bool]) -> None:
    """Quiet and JSON have none."""
    Output(**how).note("well")
    assert capsys.readouterr() == ("", "")


def test_raw_is_raw(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Bytes go out as they are, without a line's end."""
    Output().raw(b"\x00\xff\r\n{}")
    assert capfdbinary.readouterr().out == b"\x00\xff\r\n{}"


def test_raw_on_a_terminal_is_harmless(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal, bytes are shown as text that can do nothing to it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    Output().raw(b'{"a":\n"\x1b[2J\xff"}')
    assert capsys.readouterr().out == '{"a":\n"�[2J�"}\n'
