"""What a test's fake is like, and who decides it: command line, marker, fixture, ini file, default, in this order.

It knows names and their order, and no fake: it is read when pytest starts. Wrong names are refused in one line that
says which one was meant.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["MARKER", "OPTIONS", "Option", "Record", "Settings", "check_marker", "marked", "settings_of"]

Record = Literal["none", "once", "new", "all"]
"""`none` replays; `once` records a cassette that is not there; `new` also one that lacks something; `all` each one."""

MARKER = (
    "ghcr(*, profile=None, seed=None, credentials=None, cassette=None, takeover=False): what this test's ghcr.io is "
    "like: the profile's name or file; references, recipes or archives to seed; a credentials file or Credential "
    "objects; the cassette to replay or record; and whether https://ghcr.io itself leads to it."
)
"""The marker as `pytest --markers` shows it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one test's ghcr.io is like.

    Attributes:
        profile: `ghcr`, `oci`, a file, or a `Profile`.
        seed: What is there from the start: a reference, an archive's path, several of them, or reference → recipe.
        credentials: Who exists: a credentials file, or `Credential` objects; None is one token, `ghcr.token`.
        cassette: The cassette's name or file; None is one named after the test.
        takeover: Whether `https://ghcr.io` leads to the fake, and every other name nowhere.
        record: What is recorded.
        live: Whether cassettes are left alone, and the real service answers.
    """

    profile: Any = "ghcr"
    seed: Any = None
    credentials: Any = None
    cassette: str | Path | None = None
    takeover: bool = False
    record: Record = "none"
    live: bool = False


ARGUMENTS = ("profile", "seed", "credentials", "cassette", "takeover")
"""What the marker takes."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line, with an ini value of the same name (`--ghcr-record`, `ghcr_record`).

    Attributes:
        name: Its name, without `ghcr`.
        help: What it does.
        kind: What it is: a `choice`, a `flag` or a `text`.
        metavar: What stands for its value in the help.
    """

    name: str
    help: str
    kind: Literal["choice", "flag", "text"] = "text"
    metavar: str = "TEXT"

    @property
    def ini(self) -> str:
        """Its ini name, and where argparse puts it."""
        return f"ghcr_{self.name}"

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--ghcr-{self.name}"


OPTIONS = (
    Option(
        "record",
        "what ghcr_cassette records from the real service: none (replay, the default), once (a cassette that is not "
        "there), new (also one that lacks something), all (each one)",
        "choice",
    ),
    Option("live", "let the real service answer in place of cassettes; nothing is recorded", "flag"),
    Option("profile", "the profile of every fake: ghcr (the default), oci, or a file", metavar="NAME"),
    Option("report", "write one HTML page of the run to this file", metavar="PATH"),
)
"""The options."""


def marked(node: pytest.Item) -> dict[str, Any]:
    """What a test's markers say; the nearest one has the last word, argument by argument."""
    said: dict[str, Any] = {}
    for mark in node.iter_markers("ghcr"):
        said = {**mark.kwargs, **said}
    return said


def check_marker(node: pytest.Item) -> str | None:
    """What is wrong with a test's marker, in one line; None where nothing is."""
    for mark in node.iter_markers("ghcr"):
        if mark.args:
            return f"@pytest.mark.ghcr takes its arguments by name, such as seed={mark.args[0]!r}"
        wrong = _unknown(mark.kwargs, ARGUMENTS)
        if wrong:
            return f"@pytest.mark.ghcr has no argument {wrong}"
        if not isinstance(mark.kwargs.get("takeover", False), bool):
            return "@pytest.mark.ghcr: takeover is True or False"
    return None


def settings_of(
    config: pytest.Config, marker: Mapping[str, Any], fixture: Mapping[str, Any] | None
) -> Settings:
    """What holds for a test.

    Args:
        config: Command line and ini file.
        marker: What its markers say.
        fixture: What `ghcr_config` gives.

    Raises:
        pytest.UsageError: A name or a value is unknown.
    """
    wrong = _unknown(fixture or {}, [each.name for each in fields(Settings)])
    if wrong:
        raise pytest.UsageError(f"ghcr_config has no setting {wrong}")
    said = asdict(_DEFAULTS)
    for source in (_ini(config), fixture or {}, marker, _command_line(config)):
        said.update({name: value for name, value in source.items() if value is not None})
    settings = Settings(**said)
    if settings.record not in get_args(Record):
        raise pytest.UsageError(
            f"ghcr_record is {settings.record!r}, but has to be one of {', '.join(get_args(Record))}"
        )
    return settings


_DEFAULTS = Settings()


def _command_line(config: pytest.Config) -> dict[str, Any]:
    return {each.name: config.getoption(each.ini) for each in OPTIONS if each.name != "report"}


def _ini(config: pytest.Config) -> dict[str, Any]:
    return {each.name: config.getini(each.ini) or None for each in OPTIONS if each.name != "report"}


def _unknown(said: Iterable[str], known: Iterable[str]) -> str | None:
    """The first name that is not known, and what may have been meant."""
    known = list(known)
    for name in said:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - names are right nearly always

            near = get_close_matches(name, known, 1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            return f"{name!r}{meant}: it takes {', '.join(known)}"
    return None
