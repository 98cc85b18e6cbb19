"""How far it is: the sum over blobs, and how it is drawn."""

from __future__ import annotations

import io
import re

import pytest
from ghcr_client.cli.options import Options
from ghcr_client.cli.progress import Bar, Tally, showing
from ghcr_client.progress import Progress


def told(*events: Progress) -> Tally:
    """A sum that was told this."""
    tally = Tally()
    for each in events:
        tally(each)
    return tally


def test_it_is_a_sum() -> None:
    """Bytes of all blobs that have begun count, each once."""
    tally = told(Progress("a", 0, 10, "started"), Progress("a", 4, 10), Progress("b", 5, 5, "done"))
    assert (tally.done, tally.total) == (9, 15)


def test_a_retry_is_taken_back() -> None:
    """What a try had brought does not count when it is given up."""
    tally = told(Progress("a", 8, 10), Progress("a", 0, 10))
    assert (tally.done, tally.total) == (0, 10)


def test_an_unknown_size_makes_the_sum_unknown() -> None:
    """A stream that does not say how long it is leaves the total open."""
    assert told(Progress("a", 1, 10), Progress("", 3, None)).total is None


def test_what_is_there_does_not_move() -> None:
    """Blobs that are there or mounted are counted apart; one that two images share counts once."""
    tally = told(
        Progress("a", 5, 5, "exists"),
        Progress("b", 5, 5, "mounted"),
        Progress("b", 5, 5, "exists"),
        Progress("c", 5, 5, "done"),
        Progress("c", 5, 5, "exists"),
    )
    assert tally.document == {"moved": 1, "bytes": 5, "existing": 1, "mounted": 1}
    assert tally.sentence(2) == "1 blob, 5 B in 2.0 s (2 B/s); 1 was there already; 1 was mounted"


def test_nothing_to_do_has_a_sentence() -> None:
    """Where a registry had all of it, that is said."""
    assert Tally().sentence(0.04) == "nothing in 0.0 s; everything was there already"


class Terminal(io.StringIO):
    """A stream at which somebody looks."""

    def isatty(self) -> bool:
        return True


def look_on(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal of 80 columns. pytest puts its own stderr in place after fixtures."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "80")
    return stream


def test_a_bar_is_drawn_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is told, it draws rarely, shows bytes, goes back, and leaves the terminal as it was."""
    terminal = look_on(monkeypatch)
    now = [0.0]
    tally = Tally()
    bar = Bar(tally, "pull", clock=lambda: now[0])
    bar.draw()
    assert terminal.getvalue() == ""
    for done in (1_000_000, 2_000_000, 3_000_000):
        tally(Progress("a", done, 4_000_000))
        bar.draw()
    now[0] = 1.0
    tally(Progress("a", 0, 4_000_000))
    bar.draw()
    now[0] = 2.0
    tally(Progress("a", 4_000_000, 4_000_000))
    tally(Progress("b", 0, 4_000_000))
    bar.draw()
    bar.close()
    err = terminal.getvalue()
    assert list(dict.fromkeys(re.findall(r"(\d+)%", err))) == ["25", "0", "50"]
    amounts = re.findall(r"\S+ \S?B of \S+ MB", err)
    assert list(dict.fromkeys(amounts)) == ["1.0 MB of 4.0 MB", "0 B of 4.0 MB", "4.0 MB of 8.0 MB"]
    assert err.count("\x1b[?25l") > 0
    assert err.endswith("\x1b[?25h\n") or err.rstrip("\n").endswith("\x1b[?25h")
    assert all(len(re.sub(r"\x1b\[\S+?[lh]", "", line)) <= 80 for line in re.split(r"[\r\n]", err))


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        (Options(), True),
        (Options(quiet=True), False),
        (Options(as_json=True), False),
        (Options(verbose=True), False),
    ],
    ids=["plain", "quiet", "json", "verbose"],
)
def test_who_gets_a_bar(monkeypatch: pytest.MonkeyPatch, options: Options, drawn: bool) -> None:
    """A bar is for who looks on, and for nobody else."""
    terminal = look_on(monkeypatch)
    with showing(options, "pull", "pulled") as tally:
        tally(Progress("a", 1, 2))
    assert ("%" in terminal.getvalue()) is drawn


def test_no_terminal_gets_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Elsewhere there is one plain line at the end, and none after a failure."""
    with showing(Options(), "pull", "pulled") as tally:
        tally(Progress("a", 2, 2, "done"))
    assert re.fullmatch(r"pulled 1 blob, 2 B in \S+ s \(\S+ \S?B/s\)\n", capsys.readouterr().err)
    with pytest.raises(OSError, match="full"), showing(Options(), "pull", "pulled"):
        raise OSError("full")
    assert capsys.readouterr().err == ""
