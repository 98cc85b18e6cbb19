"""The commands, as they are typed: what they say, and their exit status."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
from cassette.making import PAT, cassette, digest, exchange, fake, pooled, record, recording, text
from click.testing import CliRunner

from ghcr_sim import ThreadServer
from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.cli import cli, main
from ghcr_sim.commands import record as record_command
from ghcr_sim.commands import replay as replay_command
from ghcr_sim.commands.cassettes import collect


def typed(*words):
    """Run `ghcr-sim` with some words; status and all that it said."""
    done = CliRunner().invoke(cli, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def shown(capsys, monkeypatch, *words):
    """Run `ghcr-sim` as its entry does, errors and all."""
    monkeypatch.setattr(sys, "argv", ["ghcr-sim", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


@pytest.fixture
def some(tmp_path):
    """A cassette with a pool."""
    pool = Pool(tmp_path / "pool")
    return cassette(
        tmp_path / "a.jsonl",
        exchange(1, got=text("hello")),
        exchange(
            2,
            "blob.get",
            repository="a/b",
            reference=digest(b"data"),
            got=pooled(pool, b"data"),
            auth="bearer",
        ),
        exchange(
            3,
            "manifest.get",
            repository="a/b",
            reference="v1",
            got=pooled(pool, b"x").model_copy(update={"pooled": False, "withheld": "secret"}),
        ),
        exchange(
            4,
            "blob.get",
            repository="a/b",
            reference=digest(b"y"),
            got=text("y").model_copy(update={"text": None, "truncated": True}),
        ),
        exchange(5, status=204),
    )


def test_show(some) -> None:
    """A line for each exchange: number, status, what was asked, and what became of the body."""
    status, said = typed("cassette", "show", some.path)
    assert status == 0
    first, *lines = said.splitlines()
    assert (
        first
        == f"{some.path}: 5 exchanges with https://ghcr.io, recorded 2026-11-26T12:00:00Z by a test; sealed"
    )
    assert lines[0].split()[:3] == ["1", "200", "ping"]
    assert lines[0].endswith("5 bytes")
    assert lines[1].endswith("4 bytes in the pool")
    assert lines[2].endswith("withheld: secret")
    assert lines[3].endswith("1 bytes (cut off)")


def test_show_of_what_is_damaged_shows_the_rest(some) -> None:
    """Damaged lines and missing bodies are named, all others are shown, and the status is 1."""
    lines = some.path.read_bytes().splitlines(keepends=True)
    some.path.write_bytes(b"".join([b"{}\n", *lines[1:2], b"<<<<<<<\n", *lines[2:]]))
    some.pool.path(digest(b"data")).unlink()
    status, said = typed("cassette", "show", some.path)
    assert status == 1
    assert "5 exchanges with nobody knows whom" in said
    assert "its seal is broken" in said
    assert f"{some.path}, line 1: its first line is no header" in said
    assert f"{some.path}, line 3: the line is damaged" in said
    assert f"the pool misses {digest(b'data')}" in said


def test_show_says_who_wrote_it_by_hand(tmp_path) -> None:
    """A cassette by hand says where it comes from."""
    path = cassette(tmp_path / "a.jsonl", exchange(), by_hand="row 1.2").path
    assert "written by hand: row 1.2" in typed("cassette", "show", path)[1]


def test_fmt(some) -> None:
    """`--check` changes nothing and fails; without it the file is written anew; then there is nothing to do."""
    some.path.write_text(some.path.read_text().replace('"id":1', '"id": 1'))
    before = some.path.read_bytes()
    status, said = typed("cassette", "fmt", "--check", some.path)
    assert (
        status,
        "not in canonical form, or its seal is broken; ghcr-sim cassette fmt mends it" in said,
    ) == (1, True)
    assert some.path.read_bytes() == before
    assert typed("cassette", "fmt", some.path) == (0, f"{some.path}: written anew\n")
    assert typed("cassette", "fmt", some.path) == (0, "")
    assert typed("cassette", "fmt", "--check", some.path) == (0, "")
    some.pool.path(digest(b"data")).write_bytes(b"dita")
    status, said = typed("cassette", "fmt", "--check", some.path)
    assert (status, "is damaged: its bytes have another digest" in said) == (1, True)


def test_gc(some, tmp_path) -> None:
    """`--dry-run` says what would go; without it that goes, and what is needed stays."""
    name = some.pool.put(b"nobody's")
    unneeded = sorted([name, digest(b"x")])
    said = "".join(f"would delete {each}\n" for each in unneeded)
    assert typed("cassette", "gc", "--dry-run", tmp_path) == (0, f"{said}2 bodies, 9 bytes\n")
    assert some.pool.has(name)
    status, said = typed("cassette", "gc", tmp_path)
    assert (status, said.count("deleted ")) == (0, 2)
    assert list(some.pool.digests()) == [digest(b"data")]


def test_gc_deletes_what_a_killed_recorder_was_writing(some, tmp_path) -> None:
    """A body that nobody finishes is told and deleted; while a recorder lives, nothing is."""
    begun = recording(tmp_path / "b.jsonl")
    left = some.pool.writer()
    left.write(b"half of")
    left._file.close()
    with pytest.raises(CassetteError, match="a recorder is still at it"):
        collect(tmp_path, dry_run=False)
    begun.discard()
    status, said = typed("cassette", "gc", "--dry-run", tmp_path)
    assert (status, f"would delete {left.path}: a killed recorder was writing it" in said) == (0, True)
    assert left.path.exists()
    assert typed("cassette", "gc", tmp_path)[1].endswith("2 bodies, 8 bytes\n")
    assert not left.path.exists()


def test_merge(tmp_path) -> None:
    """What a killed recorder has left becomes a cassette; it is said that its secrets could not be looked for."""
    begun = recording(tmp_path / "a.jsonl")
    begun._part.append(exchange())
    begun._part.close()
    status, said = typed("cassette", "merge", tmp_path / "a.jsonl")
    merged = f"merged: {begun._part.path} (1 exchanges, from 2026-09-21T14:13:20Z)"
    first, rest = said.split("\n", 1)
    assert (status, first) == (0, f"{tmp_path / 'a.jsonl'}: 1 exchanges, replayed twice; {merged}")
    assert rest.startswith("The secrets that those recorders knew are forgotten")
    assert len(load(tmp_path / "a.jsonl").exchanges) == 1


def test_export(some, tmp_path, capsys, monkeypatch) -> None:
    """A HAR file; where it cannot be written, an error that names it."""
    har = tmp_path / "a.har"
    assert typed("cassette", "export", some.path, "--har", har) == (0, "")
    assert len(json.loads(har.read_text())["log"]["entries"]) == 5
    status, said = shown(
        capsys, monkeypatch, "cassette", "export", some.path, "--har", tmp_path / "none" / "a.har"
    )
    assert (status, said) == (
        1,
        f"ghcr-sim: {tmp_path / 'none' / 'a.har'}: it cannot be written: No such file or directory\n",
    )


def test_scan(some, tmp_path) -> None:
    """1 and the places where there is something, never the secret; 0 where there is nothing."""
    assert typed("scan", tmp_path) == (0, "nothing that looks like a secret\n")
    (tmp_path / "leak.txt").write_text(f"a\n{PAT}\n")
    assert typed("scan", some.path, tmp_path / "leak.txt") == (
        1,
        f"{tmp_path / 'leak.txt'}:2: a GitHub token\n",
    )


@pytest.mark.parametrize("words", [["show"], ["fmt"], ["fmt", "--check"], ["merge"]], ids=" ".join)
def test_what_is_not_there_is_an_error_of_one_line(tmp_path, capsys, monkeypatch, words) -> None:
    """A name that is none: one line that says what is wrong and what to do, and status 1."""
    status, said = shown(capsys, monkeypatch, "cassette", *words, tmp_path / "none.jsonl")
    assert status == 1
    assert said.startswith(f"ghcr-sim: {tmp_path / 'none.jsonl'}: ")
    assert len(said.splitlines()) == 1


# -- verify


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A recording of the fake."""
    return record(tmp_path_factory.mktemp("recorded") / "a.jsonl", fake()).path


def test_verify_of_a_recording_of_the_fake_finds_nothing(recorded) -> None:
    """The fake agrees with itself; what cannot be asked is counted."""
    status, said = typed("verify", recorded)
    assert status == 0, said
    assert said.startswith(f"{recorded} against the fake (profile ghcr)\n")
    assert ", 0 different, " in said


def test_verify_against_another_profile_differs(recorded) -> None:
    """The strict profile answers in another way: 1, and what differs in words."""
    status, said = typed("verify", recorded, "--profile", "oci")
    assert status == 1
    assert "different" in said
    assert "was recorded" in said


def test_verify_as_json_and_html(recorded, tmp_path, capsys, monkeypatch) -> None:
    """Both say the same as the text; a page is one file, and what it shows is escaped."""
    status, said = typed("verify", recorded, "--profile", "oci", "--format", "json")
    document = json.loads(said)
    assert (status, document["against"]) == (1, "the fake (profile oci)")
    assert {each["verdict"] for each in document["exchanges"]} >= {"different"}
    page = tmp_path / "page.html"
    assert typed("verify", recorded, "--profile", "oci", "--format", "html", "--output", page) == (1, "")
    shows = page.read_text()
    assert shows.count("<tr class=") == len(document["exchanges"])
    assert "<session:" not in shows
    assert "http" not in "".join(
        part.split(">")[0] for part in shows.split("<link")[1:] + shows.split("<script src")[1:]
    )
    status, said = shown(capsys, monkeypatch, "verify", recorded, "--output", tmp_path / "none" / "a")
    assert (status, said) == (
        1,
        f"ghcr-sim: {tmp_path / 'none' / 'a'}: it cannot be written: No such file or directory\n",
    )


def test_verify_live_wants_a_token(recorded, capsys, monkeypatch) -> None:
    """Without one the real registry is not asked."""
    monkeypatch.delenv("GHCR_LIVE_TOKEN", raising=False)
    status, said = shown(capsys, monkeypatch, "verify", recorded, "--live")
    assert (status, "set GHCR_LIVE_TOKEN" in said) == (1, True)


# -- record and replay

CLIENT = """
import base64, json, os, sys, urllib.request
url = os.environ["GHCR_REGISTRY"]
def get(path, **headers):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url + path, headers=headers))
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.read()
assert get("/v2/")[0] == 401
login = "Basic " + base64.b64encode(("me:" + os.environ["SECRET"]).encode()).decode()
token = json.loads(get("/token?service=ghcr.io&scope=repository:acme/app:pull", Authorization=login)[1])["token"]
index = "application/vnd.oci.image.index.v1+json"
status, manifest = get("/v2/acme/app/manifests/v1", Authorization="Bearer " + token, Accept=index)
print(status, len(manifest))
sys.exit(0 if status == 200 else 3)
"""


def run(*words, **more):
    """`ghcr-sim` in a process of its own."""
    environment = {**os.environ, **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "ghcr_sim", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
        **more,
    )


def test_record_and_replay_a_command(tmp_path) -> None:
    """A command goes through the door, a cassette is made, and it replays with the server gone and another secret."""
    simulator = fake()
    simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    target = tmp_path / "a.jsonl"
    command = ["--", sys.executable, "-c", CLIENT]
    with ThreadServer(simulator) as server:
        done = run(
            "record",
            "--to",
            target,
            "--upstream",
            server.url,
            *command,
            env={"SECRET": simulator.token, "GHCR_TOKEN": simulator.token},
        )
    assert done.returncode == 0, done.stderr
    assert f"{target}: 3 exchanges, replayed twice" in done.stderr
    for each in tmp_path.rglob("*"):
        assert each.is_dir() or simulator.token.encode() not in each.read_bytes()
    assert simulator.token not in done.stderr
    again = run("replay", target, *command, env={"SECRET": "anything"})
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert "3 recorded, 0 repeated, 0 derived, 0 missed" in again.stderr
    assert "manifest.get" in again.stderr
    quiet = run("replay", "--quiet", target, *command, env={"SECRET": "anything"})
    assert "manifest.get" not in quiet.stderr


def test_replay_fails_where_something_was_missed(some) -> None:
    """A miss is status 1 and its explanation; the command's own failure is its own status."""
    code = (
        "import os, urllib.request as r\n"
        "try: r.urlopen(os.environ['GHCR_REGISTRY'] + '/v2/x/y/tags/list')\n"
        "except Exception: pass"
    )
    done = run("replay", some.path, "--", sys.executable, "-c", code)
    assert done.returncode == 1
    assert "no answer on cassette for tags.list x/y" in done.stderr
    failed = run("replay", some.path, "--", sys.executable, "-c", "raise SystemExit(7)")
    assert failed.returncode == 7
    missing = run("replay", some.path, "--", "no-such-program")
    assert (missing.returncode, "cannot run no-such-program" in missing.stderr) == (1, True)


def test_replay_shows_no_secret_of_its_command(some) -> None:
    """Neither what looks like one nor the command's own credential stands in a line or a miss."""
    secret = "body" + "SecretRST5678"
    code = (
        "import os, urllib.request as r\n"
        "for key in ('n', 'last'):\n"
        f"    url = os.environ['GHCR_REGISTRY'] + '/v2/x/y/tags/list?' + key + '={PAT}.{secret}'\n"
        f"    try: r.urlopen(r.Request(url, headers={{'Authorization': 'Bearer {secret}'}}))\n"
        "    except Exception as error: print(error.read())"
    )
    done = run("replay", some.path, "--", sys.executable, "-c", code)
    assert "n=<secret>.<secret>" in done.stderr
    assert "last=<secret>.<secret>" in done.stdout
    for each in (PAT, secret):
        assert each not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("replay", "--", "true"), ("verify",)], ids=lambda words: words[0])
def test_a_broken_seal_is_an_error_with_a_remedy(some, words) -> None:
    """What somebody has edited is shown, but not replayed or judged until it is sealed anew."""
    some.path.write_text(some.path.read_text().replace("hello", "hullo"))
    done = run(words[0], some.path, *words[1:])
    assert done.returncode != 0
    for said in (f"{some.path}, line 1", "its seal is broken", "ghcr-sim cassette fmt"):
        assert said in done.stderr
    assert run("cassette", "show", some.path).returncode == 0
    assert run("cassette", "fmt", some.path).returncode == 0
    assert "its seal is broken" not in run(words[0], some.path, *words[1:]).stderr


def test_record_leaves_nothing_where_nothing_came(tmp_path) -> None:
    """The directories that were made for the cassette go again, and there is no lock."""
    done = run("record", "--to", tmp_path / "new" / "deep" / "a.jsonl", "--", "true")
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_record_keeps_the_old_one_where_nothing_came(some) -> None:
    """A command that never reaches the door: status 1, what to do, and the old cassette."""
    before = some.path.read_bytes()
    done = run("record", "--to", some.path, "--upstream", "http://127.0.0.1:1", "--", "true")
    assert done.returncode == 1
    assert "nothing was recorded; does the command reach the registry" in done.stderr
    assert some.path.read_bytes() == before


@pytest.mark.parametrize(
    "upstream", ["http://127.0.0.1:1", "https://me:" + "hunter2@ghcr.io"], ids=["plain HTTP", "a login"]
)
def test_record_refuses_what_cannot_be_recorded(tmp_path, upstream) -> None:
    """The proxy takes over HTTPS only; a login has no place in an address, and is not repeated."""
    done = run(
        "record", "--to", tmp_path / "a.jsonl", "--upstream", upstream, "--door", "forward", "--", "true"
    )
    assert done.returncode == 1
    assert "hunter2" not in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == []


@pytest.mark.parametrize("door", ["reverse", "forward"])
@pytest.mark.parametrize("what", ["record", "replay"])
def test_without_a_command_a_door_stays_open_until_it_is_stopped(some, tmp_path, what, door) -> None:
    """It says where it is, and what to set; SIGTERM ends it in good order."""
    words = (
        ["replay", some.path]
        if what == "replay"
        else ["record", "--to", tmp_path / "b.jsonl", "--upstream", "https://127.0.0.1:1"]
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "ghcr_sim", *map(str, words), "--door", door],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = process.stderr.readline()
        assert "127.0.0.1:" in said
        if door == "forward":
            assert [process.stderr.readline().split("=")[0].split()[-1] for _ in range(2)] == [
                "HTTPS_PROXY",
                "https_proxy",
            ]
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        skipped = "clients go to 127.0.0.1 without a proxy: for it, use --door reverse" in rest
        assert skipped == (what == "record" and door == "forward")
        assert process.wait(30) == (0 if what == "replay" else 1), rest


def test_a_command_through_both_doors_in_this_process(some, tmp_path, monkeypatch) -> None:
    """What a command needs stands in its environment: the door's address, or the proxy and its authority."""
    code = "import os, sys; sys.exit(0 if all(os.environ.get(each) for each in sys.argv[1:]) else 9)"
    reverse = ["GHCR_REGISTRY", "GHCR_SIM_REGISTRY"]
    forward = [
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "GHCR_CA_FILE",
    ]
    for door, names in (("reverse", reverse), ("forward", forward)):
        words = ["--door", door, "--", sys.executable, "-c", code, *names]
        status, said = typed("replay", some.path, "--quiet", *words)
        assert status == 0, said
        assert "5 unused reads" in said
        begun = ["record", "--to", tmp_path / "b.jsonl", "--upstream", "https://127.0.0.1:1", *words]
        with pytest.raises(CassetteError, match="nothing was recorded"):
            typed(*begun)
        failing = [*begun[:-1], "NO_SUCH_VARIABLE_AT_ALL"]
        status, said = typed(*failing)
        assert (status, "nothing was recorded" in said) == (9, True)


def test_record_in_this_process(tmp_path, monkeypatch) -> None:
    """A recording and its replay; what is withheld is told."""
    simulator = fake()
    simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    monkeypatch.setenv("SECRET", simulator.token)
    command = ["--", sys.executable, "-c", CLIENT]
    with ThreadServer(simulator) as server:
        status, said = typed("record", "--to", tmp_path / "a.jsonl", "--upstream", server.url, *command)
        assert (status, "3 exchanges, replayed twice" in said) == (0, True), said
        other = recording(tmp_path / "a.jsonl")
        with monkeypatch.context() as patched:
            patched.setattr(Recording, "withheld", property(lambda _: ["a manifest"]))
            status, said = typed("record", "--to", tmp_path / "a.jsonl", "--upstream", server.url, *command)
        assert "withheld, because it holds a secret, or may hold one: a manifest" in said
        assert "another recorder is still at it; it will merge this part, too" in said
        other.discard()
    status, said = typed("replay", tmp_path / "a.jsonl", *command)
    assert (status, "3 recorded" in said) == (0, True), said


@pytest.mark.parametrize("door", ["reverse", "forward"])
def test_a_door_without_a_command_in_this_process(some, monkeypatch, tmp_path, door) -> None:
    """The lines to type are shown, and the door stays until it is stopped."""

    def stopped():
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, event.set)
        return event

    for module in (record_command, replay_command):
        monkeypatch.setattr(module, "stop_signal", stopped)
    status, said = typed("replay", some.path, "--door", door)
    assert status == 0
    assert ("export HTTPS_PROXY=http://127.0.0.1:" in said) == (door == "forward")
    with pytest.raises(CassetteError, match="nothing was recorded"):
        typed("record", "--to", tmp_path / "b.jsonl", "--upstream", "https://127.0.0.1:1", "--door", door)


def test_stopping_is_heard_from_the_start() -> None:
    """From the moment that somebody may be told of a door, a signal ends it in good order."""

    async def play():
        event = record_command.stop_signal()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(event.wait(), 10)

    asyncio.run(play())
