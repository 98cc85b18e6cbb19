"""`pytest_ghcr.report`: one page for a run, that needs nothing else."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
import time
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin.telling import HOSTILE, leak, record, story
from plugin.test_story import STORIES

from pytest_ghcr import report
from pytest_ghcr.page import page
from pytest_ghcr.report import ReportError, check_path, write_report

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VOID = {"meta", "input", "br", "link", "img", "hr"}


def made(*stories, **fields) -> str:
    """The page of some tests."""
    plain = {"title": "acme", "started": STARTED, "seconds": 73.2, "versions": {"pytest": "9.0.1"}}
    return page(stories, **{**plain, **fields})


class Reader(HTMLParser):
    """Reads a page; what was opened has to be closed, and what is loaded or linked is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text += data


def read(text: str) -> Reader:
    """The page, read to its end and found whole."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@settings(max_examples=50, deadline=None)
@given(st.lists(STORIES, max_size=4))
def test_it_is_well_formed_and_inert(stories) -> None:
    """Whatever tests were called and asked for: tags are balanced, one script is in it, and it can be written down."""
    reader = read(made(*stories, title="x"))
    assert [tag for tag, _ in reader.seen].count("script") == 1
    made(*stories).encode()


def test_nothing_comes_from_elsewhere() -> None:
    """The page refers to nothing outside, and tells the browser to load nothing and to run its one script only."""
    text = made(story(error="see https://example.com/x"), story(records=[leak()]))
    for tag, attributes in read(text).seen:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "use", "image"}
        assert not {"src", "href", "xlink:href", "srcset", "action", "data"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"@import|url\(", text)
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    policy = next(
        a["content"] for _, a in read(text).seen if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy


def test_hostile_names_are_text() -> None:
    """Names that look like HTML, and control characters, are shown and do nothing."""
    asked = record(repository=HOSTILE, reference=HOSTILE, target=HOSTILE, method=HOSTILE, by=HOSTILE)
    words = {each: [HOSTILE] for each in ("unmet", "misses", "strays", "notes")}
    told = story(test=f"tests/x.py::{HOSTILE}", outcome=HOSTILE, error=HOSTILE, records=[asked], **words)
    text = made(told, title=HOSTILE, versions={HOSTILE: HOSTILE})
    reader = read(text)
    assert [tag for tag, _ in reader.seen].count("script") == 1
    assert reader.text.count("<script>alert(1)</script>") >= 8
    assert not {"\x1b", "\x00", "\u202e"} & set(text)


def test_what_it_tells() -> None:
    """A failed test has its failure, what did not happen, its diagram and its requests as text; others have a line."""
    failed = story(unmet=["u-nmet"], misses=["m-iss"], strays=["pypi.org:443"], notes=["n-ote"])
    reader = read(made(story(test="a.py::test_fine", outcome="passed"), failed, title="acme-deploy"))
    for words in ("acme-deploy", "2026-01-02 03:04:05 UTC", "1 min 13 s", "pytest 9.0.1", "assert 2 == 3", "u-nmet",
                  "m-iss", "pypi.org:443", "n-ote", "manifest.get acme/app:v1", "answered by"):  # fmt: skip
        assert words in reader.text
    assert [tag for tag, _ in reader.seen].count("svg") == 1
    tests = [
        attributes["class"] for tag, attributes in reader.seen if "test " in (attributes.get("class") or "")
    ]
    assert tests == ["test o0", "test o1"]
    assert reader.text.index("test_it") < reader.text.index("test_fine")


def test_it_can_be_filtered_without_a_script() -> None:
    """Each outcome of the run has a choice with its number, which hides the others by style alone."""
    text = made(story(), *[story(outcome="passed")] * 3, story(outcome="skipped", records=[]))
    choices = re.findall(r'<label for="(\w+)"[^>]*>(\w+) <b>(\d+)</b>', text)
    assert choices == [
        ("all", "all", "5"),
        ("o0", "failed", "1"),
        ("o1", "passed", "3"),
        ("o2", "skipped", "1"),
    ]
    for slug, _, number in choices[1:]:
        assert f"#{slug}:checked~main .test:not(.{slug}){{display:none}}" in text
        assert len(re.findall(rf'<(?:div|details) class="test {slug}"', text)) == int(number)
        assert f'id="{slug}"' in text


def test_a_leak_in_a_test_that_passed() -> None:
    """What deserves a look in a test that passed is counted and told, too."""
    reader = read(made(story(outcome="passed", records=[leak(), leak()], error=""), story(outcome="passed")))
    assert "requests7credential leaks2" in reader.text
    assert "CREDENTIAL LEAK" in reader.text


def test_no_test() -> None:
    """A run in which no test used a fake has a page that says so."""
    assert "No test used a fake." in read(made()).text


def test_a_long_failure_keeps_its_end() -> None:
    """Of a failure that is too long, the end is shown, and how much is left out."""
    text = made(story(error="x" * 50_000 + "\nE   the end"))
    assert "E   the end" in text
    assert "letters left out" in text
    assert len(text) < 60_000


def test_a_large_run_stays_small(tmp_path: Path) -> None:
    """2,000 tests of which 100 failed after 300 requests each, none like the one before: a few MB, in a second."""
    requests = [record(reference=f"v{number}") for number in range(300)]
    stories = [
        story(test=f"tests/test_x.py::test_{n}", records=requests, error="E   boom\n" * 2000)
        if n % 20 == 0
        else story(test=f"tests/test_x.py::test_{n}", outcome="passed", records=[], earlier=300)
        for n in range(2000)
    ]
    start = time.process_time()
    write_report(tmp_path / "r.html", stories, title="x", started=STARTED, seconds=1, versions={})
    assert time.process_time() - start < 3
    size = (tmp_path / "r.html").stat().st_size
    print(f"{size / 1e6:.1f} MB in {time.process_time() - start:.2f} s")
    assert size < 5e6


# --- the file


def write(path: Path, *stories) -> None:
    """Write a page."""
    write_report(path, stories, title="acme", started=STARTED, seconds=1, versions={})


def test_it_is_written_whole(tmp_path: Path) -> None:
    """Directories are made, a file that was there is replaced, rights are as usual, and nothing is left beside it."""
    path = tmp_path / "a" / "b" / "r.html"
    check_path(path)
    write(path, story())
    write(path, story(test="other.py::test_other"))
    assert "test_other" in path.read_text("utf-8")
    assert list(path.parent.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_what_was_there_stays_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full, the page of the last run is still whole, and no half one lies beside it."""
    path = tmp_path / "r.html"
    path.write_text("the last run")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.Path, "replace", full)
    with pytest.raises(ReportError, match="No space left on device"):
        write(path, story())
    assert path.read_text() == "the last run"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The page goes where a link leads."""
    (tmp_path / "there").mkdir()
    (tmp_path / "r.html").symlink_to(tmp_path / "there" / "real.html")
    write(tmp_path / "r.html", story())
    assert (tmp_path / "r.html").is_symlink()
    assert (tmp_path / "there" / "real.html").is_file()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    """What is no file, as /dev/stdout, is written to and never replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_path(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, story())
    reader.join(10)
    assert got[0].endswith(b"</html>\n")
    assert pipe.is_fifo()


def unwritable(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """Paths that cannot be written, and why."""
    (tmp_path / "file").write_text("")
    return {
        "a directory": (tmp_path, "it is a directory"),
        "below a file": (tmp_path / "file" / "r.html", "Not a directory|File exists"),
        "far too long": (tmp_path / ("x" * 300), "File name too long"),
        "in /proc": (Path("/proc/r.html"), "No such file|Permission denied"),
        "null": (tmp_path / "a\0b", "null"),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="the words are Linux's")
@pytest.mark.parametrize("kind", ["a directory", "below a file", "far too long", "in /proc", "null"])
@pytest.mark.parametrize("do", [check_path, write], ids=["before", "after"])
def test_a_path_that_cannot_be_written(kind: str, do, tmp_path: Path) -> None:
    """One line says which path, why, and what to give instead, before the run as after it."""
    path, why = unwritable(tmp_path)[kind]
    with pytest.raises(ReportError, match=why) as caught:
        do(path)
    text = str(caught.value)
    assert text.startswith("--ghcr-report: ")
    assert text.endswith("; give a file in a directory of yours")
    assert text.isprintable()
