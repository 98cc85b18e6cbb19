"""The command, stopped: by signals, by readers that have seen enough, and by whoever shuts the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from client.cli import stalling
from client.cli.telling import ARGV, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from client.peers import Peer


@pytest.fixture
def server() -> Iterator[stalling.Stalling]:
    """A registry that stops in the middle."""
    with stalling.served() as server:
        yield server


@contextlib.contextmanager
def started(*words: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The command, running; whatever happens, it does not outlive the test."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*ARGV, *words], stdin=pipe, stdout=pipe, stderr=pipe, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def heeding() -> None:
    """A shell that runs tests in the background may ignore SIGINT, and whoever it starts then does, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def under_nohup() -> None:
    """What `nohup` does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


MOVES = {
    "a layout": ["pull", "a/b:1", "out"],
    "a layout's tar": ["pull", "a/b:1", "out", "--format", "oci-archive"],
    "a docker-archive": ["pull", "a/b:1", "out", "--format", "docker-archive"],
    "a blob": ["blob", "get", "a/b", "{layer}", "out"],
    "stdout": ["blob", "get", "a/b", "{layer}"],
    "stdin": ["blob", "put", "a/b", "-"],
}
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


@pytest.mark.parametrize("what", MOVES)
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_leaves_no_partial_file(
    server: stalling.Stalling, home: Path, tmp_path: Path, what: str, name: str
) -> None:
    """In the middle of a blob, a signal ends it soon: its code, one line, and no file that is not complete."""
    place = tmp_path / "work"
    place.mkdir()
    words = [word.format(layer=server.layer["digest"]) for word in MOVES[what]]
    env = surroundings(home)
    with started("--registry", server.url, *words, cwd=place, env=env, preexec_fn=heeding) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # A request goes out with the first bytes of its body. What does not read stdin may be gone by then.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"some bytes")
            process.stdin.flush()
        assert server.reached.wait(30)
        process.send_signal(signal.Signals[name])
        # Nobody reads stdout meanwhile, and stdin stays open.
        assert process.wait(30) == SIGNALS[name]
        said = process.stderr.read().decode()
    # Behind a reader that does not read, there may be no time for a word.
    assert said in (
        {f"ghcr: stopped by {name}\n", ""} if what == "stdout" else {f"ghcr: stopped by {name}\n"}
    )
    left = {each.name for each in place.rglob("*") if each.is_file()}
    whole = {"oci-layout", "index.json", ".index.json.lock", server.config["digest"].partition(":")[2]}
    assert left <= (whole if what == "a layout" else set())


def test_what_the_shell_ignores_is_ignored(server: stalling.Stalling, home: Path, tmp_path: Path) -> None:
    """Under `nohup`, SIGHUP does nothing; SIGTERM still does."""
    words = ["blob", "get", "a/b", server.layer["digest"], str(tmp_path / "out")]
    env = surroundings(home)
    with started("--registry", server.url, *words, env=env, preexec_fn=under_nohup) as process:
        assert server.reached.wait(30)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert list(tmp_path.iterdir()) == [home]


@pytest.mark.parametrize("words", [["tags", "a/b"], ["--json", "tags", "a/b"]], ids=["lines", "json"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_has_seen_enough(
    server: stalling.Stalling, home: Path, words: list[str], unbuffered: str
) -> None:
    """`| head` ends it without a word, with the code of SIGPIPE."""
    server.tags = [f"tag-{number}" for number in range(20_000)]
    env = surroundings(home) | {"PYTHONUNBUFFERED": unbuffered}
    with started("--registry", server.url, *words, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""


def test_a_reader_of_a_blob_that_has_seen_enough(fake_ghcr: Peer, home: Path) -> None:
    """So does a reader of a blob."""
    assert fake_ghcr.simulator is not None
    seeded = fake_ghcr.simulator.seed("acme/app:v1", layers=[{"a": os.urandom(4_000_000)}])
    manifest = fake_ghcr.simulator.store.manifest("acme/app", seeded.digest)
    assert manifest is not None
    digest = json.loads(manifest.content)["layers"][0]["digest"]
    with started("blob", "get", "acme/app", digest, env=surroundings(home, fake_ghcr)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(("words", "code"), [(["tags", "a/b"], 7), (["inspect", "a/b:1"], 0)])
def test_hostile_words_reach_no_terminal(
    server: stalling.Stalling, home: Path, words: list[str], code: int
) -> None:
    """What a registry calls its tags and annotations is refused, or shown without what could do something."""
    server.tags = ["v1\x1b]0;owned\x07", "v2\nv3"]
    with started("--registry", server.url, *words, env=surroundings(home)) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert all(each.isprintable() for each in (out + err).decode().split("\n"))
    assert code or "note�[2J: a�b�\n" in out.decode()
