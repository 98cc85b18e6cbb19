"""What a test's fake is like, and who decides it: command line, marker, fixture, ini file, default, in this order.

It knows names and their order, and no fake: it is read when pytest starts. Wrong names are refused in one line that
says which one was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

__all__ = [
    "BEGAN",
    "MARKER",
    "OPTIONS",
    "Option",
    "Record",
    "Settings",
    "check_ini",
    "check_marker",
    "marked",
    "page_wanted",
    "placed",
    "record_of",
    "settings_of",
    "unknown",
]

BEGAN: pytest.StashKey[float] = pytest.StashKey()
"""When this process has begun, before any test: a cassette that is younger was made by this run."""

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
        wrong = unknown(mark.kwargs, ARGUMENTS)
        if wrong:
            return f"@pytest.mark.ghcr has no argument {wrong}"
        wrong = _ill(mark.kwargs)
        if wrong:
            return f"@pytest.mark.ghcr: {wrong}"
    return None


def _ill(said: Mapping[str, Any]) -> str | None:
    """What is wrong with values that would be taken for something else."""
    if not isinstance(said.get("takeover", False), bool):
        return "takeover is True or False"
    cassette = said.get("cassette")
    if not isinstance(cassette, str | Path | None) or cassette == "":
        return f"cassette is a name or a path, and not {cassette!r}"
    return None


def check_ini(config: pytest.Config) -> None:
    """Refuse a wrong value of the ini file for the whole run: it is nobody's in particular.

    Raises:
        pytest.UsageError: A value is none of those that are possible.
    """
    record = config.getini("ghcr_record")
    if record and record not in get_args(Record):
        raise pytest.UsageError(
            f"ghcr_record is {record!r}, but has to be one of {', '.join(get_args(Record))}"
        )
    try:
        config.getini("ghcr_live")
    except (ValueError, pytest.UsageError):
        raise pytest.UsageError("ghcr_live has to be true or false") from None


def record_of(config: pytest.Config) -> Record:
    """What the run records: what the command line says, else the ini file."""
    said: Record | None = config.getoption("ghcr_record") or config.getini("ghcr_record")
    return said or "none"


def page_wanted(config: pytest.Config) -> Path | None:
    """The file of the page of the run, if one is wanted."""
    said: str | None = config.getoption("ghcr_report")
    if said:
        return config.invocation_params.dir / said
    said = config.getini("ghcr_report")
    return _beside_ini(config) / said if said else None


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
    wrong = unknown(fixture or {}, [each.name for each in fields(Settings)])
    if wrong:
        raise pytest.UsageError(f"ghcr_config has no setting {wrong}")
    wrong = _ill(fixture or {}) or _ill_record((fixture or {}).get("record"))
    if wrong:
        raise pytest.UsageError(f"ghcr_config: {wrong}")
    said = asdict(_DEFAULTS)
    for source in (_ini(config), fixture or {}, marker, _command_line(config)):
        said.update({name: value for name, value in source.items() if value is not None})
    return Settings(**said)


_DEFAULTS = Settings()


def _ill_record(said: object) -> str | None:
    """What is wrong with a `record` that does not come from pytest's own options."""
    if said == "new":
        return "record='new' runs tests again, which a fixture is too late for: say --ghcr-record=new, or ghcr_record"
    if said is not None and said not in get_args(Record):
        return f"record is {said!r}, but has to be one of {', '.join(get_args(Record))}"
    return None


def _command_line(config: pytest.Config) -> dict[str, Any]:
    said = {each.name: config.getoption(each.ini) for each in OPTIONS if each.name != "report"}
    return placed(said, config.invocation_params.dir)


def _ini(config: pytest.Config) -> dict[str, Any]:
    said = {each.name: config.getini(each.ini) or None for each in OPTIONS if each.name != "report"}
    return placed(said, _beside_ini(config))


def _beside_ini(config: pytest.Config) -> Path:
    return config.rootpath if config.inipath is None else config.inipath.parent


def placed(said: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings in which files are whole paths, and nothing else is one.

    Args:
        said: Settings.
        folder: Where the one who says them is: beside the test for a marker, beside its own file for a fixture.
    """
    return {name: _PLACED[name](value, folder) if name in _PLACED else value for name, value in said.items()}


def _placed_profile(said: Any, folder: Path) -> Any:
    named = isinstance(said, str) and said.endswith(".toml")
    return folder / said if named or isinstance(said, Path) else said


def _placed_file(said: Any, folder: Path) -> Any:
    return folder / said if isinstance(said, str | Path) else said


def _placed_cassette(said: Any, folder: Path) -> Any:
    named = isinstance(said, str) and (said.endswith(".jsonl") or "/" in said)
    return folder / said if named or isinstance(said, Path) else said


def _placed_seed(said: Any, folder: Path) -> Any:
    if isinstance(said, Mapping):
        return {_placed_archive(each, folder): recipe for each, recipe in said.items()}
    if isinstance(said, Iterable) and not isinstance(said, str):
        return [_placed_archive(each, folder) for each in said]
    return _placed_archive(said, folder)


def _placed_archive(said: Any, folder: Path) -> Any:
    """A layout or an archive: a path, or the name of a shipped seed; what is neither stays a reference."""
    if isinstance(said, Path):
        return folder / said
    if not isinstance(said, str) or not (
        said.endswith((".tar", ".tar.gz", ".tgz")) or said[:1] in {".", "/"}
    ):
        return said
    if not (folder / said).exists():
        from ghcr_fixtures import names, path  # noqa: PLC0415 - few tests seed archives

        if f"seeds/{said}" in names():
            return path(f"seeds/{said}")
    return folder / said


_PLACED = {
    "profile": _placed_profile,
    "credentials": _placed_file,
    "cassette": _placed_cassette,
    "seed": _placed_seed,
}
"""Setting → how a file that it names is found."""


def unknown(said: Iterable[str], known: Iterable[str]) -> str | None:
    """The first name that is not known, and what may have been meant."""
    known = list(known)
    for name in said:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - names are right nearly always

            near = get_close_matches(name, known, 1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            return f"{name!r}{meant}: it takes {', '.join(known)}"
    return None
