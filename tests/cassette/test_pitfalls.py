"""The pitfalls of recorders, as `record-replay.md` section 6 numbers them: each has a test."""

from __future__ import annotations

import ast
import asyncio
import gzip
import inspect
import re
from pathlib import Path

import pytest
from cassette.making import (
    UPSTREAM,
    WORDS,
    Answered,
    Client,
    FakeUpstream,
    answer,
    asked,
    bearer,
    cassette,
    digest,
    exchange,
    fake,
    pooled,
    record,
    recording,
    scenario,
    stage,
    text,
)
from multidict import CIMultiDict

import ghcr_sim
import pytest_ghcr
from ghcr_sim import cassette as room
from ghcr_sim.cassette import MISS, CassetteError, Replay, load
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.allowed import QUERY, REQUEST_HEADERS, RESPONSE_HEADERS
from ghcr_sim.cassette.care import unneeded
from ghcr_sim.cassette.files import save
from ghcr_sim.cassette.model import Exchange, Header
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.clock import Ids
from ghcr_sim.proxy import Proxy
from ghcr_sim.serve import Door
from ghcr_sim.tls import Authority

ROOM = Path(room.__file__).parent
SHA = digest(b"x")
LET_IN = {"authorization": bearer("x")}


def sources(folder: Path = ROOM) -> dict[str, str]:
    """The modules of a room, as text."""
    return {each.name: each.read_text("utf-8") for each in sorted(folder.glob("*.py"))}


def imported(text: str) -> set[str]:
    """What a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The scenario, recorded of the fake."""
    return record(tmp_path_factory.mktemp("recorded") / "a.jsonl", fake())


def test_01_bodies_are_stored_as_they_came(tmp_path) -> None:
    """1, JSON rewritten or decompressed: odd blanks and gzip are in the pool byte for byte, and go out so."""
    odd = b'{ "schemaVersion" :2,\r\n"a":"\\u00e9"}'
    zipped = gzip.compress(odd, mtime=0)
    made = stage(tmp_path / "a.jsonl", [answer(200, odd), answer(200, zipped, {"content-encoding": "gzip"})])
    for number, data in enumerate((odd, zipped)):
        assert asked(made.recorder, "GET", f"/v2/a/b/manifests/v{number}", b"", LET_IN).body == data
        assert made.pool.read(digest(data)) == data
    replay = Replay(cassette(tmp_path / "b.jsonl", *made.written()))
    for number, data in enumerate((odd, zipped)):
        assert asked(replay, "GET", f"/v2/a/b/manifests/v{number}", b"", LET_IN).body == data


def test_02_what_the_protocol_lives_on_is_kept() -> None:
    """2, filtering `WWW-Authenticate`, `Location`, `Link`, `Range`: they are on the list of what is kept."""
    assert {"www-authenticate", "location", "link", "range", "content-range"} <= RESPONSE_HEADERS
    assert {"range", "content-range", "accept"} <= REQUEST_HEADERS


def test_03_a_redirect_is_not_followed(tmp_path) -> None:
    """3, following redirects in the recorder: the 307 is an exchange, and one request went out."""
    made = stage(tmp_path / "a.jsonl", [answer(307, b"", {"location": "https://elsewhere.example/x"})])
    assert asked(made.recorder, "GET", f"/v2/a/b/blobs/{SHA}").status == 307
    assert len(made.upstream.asked) == 1
    assert made.written()[0].response.status == 307
    assert "allow_redirects=False" in Path(ghcr_sim.__file__).with_name("upstream.py").read_text()


def test_04_a_credential_goes_to_no_other_origin(tmp_path) -> None:
    """4, replaying `Authorization` to another origin: the recorder drops it there, the replay refuses it."""
    where = f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?sig=abcdef"
    made = stage(tmp_path / "a.jsonl", [answer(307, b"", {"location": where}), answer(200, b"x")])
    got = asked(made.recorder, "GET", f"/v2/a/b/blobs/{SHA}", b"", LET_IN)
    target = got.headers["location"].partition(":5000")[2]
    asked(made.recorder, "GET", target, b"", LET_IN, "localhost:5000")
    assert "authorization" in made.upstream.asked[0][2]
    assert "authorization" not in made.upstream.asked[1][2]
    replay = Replay(cassette(tmp_path / "b.jsonl", *made.written()))
    again = asked(replay, "GET", f"/v2/a/b/blobs/{SHA}", b"", LET_IN)
    assert asked(replay, "GET", again.headers["location"].partition(":5000")[2], b"", LET_IN).status == 400


def test_05_what_nobody_listed_is_dropped(tmp_path) -> None:
    """5, denylist redaction: a field and a key that nobody has ever heard of are not written."""
    made = stage(tmp_path / "a.jsonl", answer(200, b"", {"x-brand-new": "secret-of-next-year"}))
    asked(made.recorder, "GET", "/v2/?brand_new=key-of-next-year", b"", {"x-new-too": "another-secret"})
    written = made.part.path.read_text()
    assert not [word for word in ("next-year", "another-secret", "new") if word in written.splitlines()[1]]
    assert "x-brand-new" not in RESPONSE_HEADERS | REQUEST_HEADERS | QUERY


def test_06_there_is_one_way_into_a_file() -> None:
    """6, one filter per code path: exchanges are made in one place, and each that is appended or saved is checked."""
    makers = {name for name, said in sources().items() if re.search(r"\bExchange\(\s*\n?\s*id=", said)}
    assert makers == {"record.py"}
    assert "check(written" in sources()["record.py"]
    appenders = {name for name, said in sources().items() if ".append(written)" in said}
    assert appenders == {"record.py"}
    assert "check(each, self.target, self._taint)" in sources()["recording.py"]
    assert "check(each, target, taint)" in sources()["merge.py"]


@pytest.mark.parametrize("seed", range(3))
def test_07_identical_posts_are_not_paired_by_turn(recorded, seed) -> None:
    """7, FIFO pairing of identical POSTs: six parallel pushes in any order each find their own end."""
    dice = Ids(seed)
    replay = Replay(recorded)
    client = Client(replay, "x")

    async def push():
        await client.login("acme/app")
        await asyncio.gather(
            *(client.push_blob("acme/app", each) for each in sorted(WORDS, key=lambda _: dice.key()))
        )

    asyncio.run(push())
    report = replay.close()
    assert report.answers["derived"] == 0
    assert not [
        each
        for each in report.unused_writes
        if each.operation == "upload.put" and dict(each.query)["digest"] != digest(b"{}")
    ]


def test_08_repeats_end_where_a_write_is_made(recorded) -> None:
    """8, "repeats allowed" as a boolean: what was absent is absent again and again, until this run has pushed it."""
    replay = Replay(recorded, "repeat")
    client = Client(replay, "x")

    async def work():
        await client.login("acme/app")
        before = [(await client.ask("HEAD", "/v2/acme/app/manifests/v1")).status for _ in range(3)]
        await client.push("acme/app", "v1", *WORDS)
        return before, (await client.pull("acme/app", "v1"))[0]

    before, manifest = asyncio.run(work())
    assert before == [404] * 3
    assert manifest
    assert replay.close().ok


def test_09_a_miss_goes_nowhere(recorded) -> None:
    """9, falling through to the network, or after the last entry: no module of a replay knows a client."""
    for strictness in ("literal", "repeat", "registry"):
        replay = Replay(recorded, strictness)
        assert asked(replay, "GET", "/v2/not/recorded/tags/list").status == MISS
        assert len(replay.close().misses) == 1
    seen, left = set(), {"replay"}
    while left:
        name = left.pop()
        seen.add(name)
        said = imported(sources().get(f"{name}.py", ""))
        assert not {
            each
            for each in said
            if re.match(r"aiohttp|socket|http\.client|urllib\.request|ghcr_sim\.upstream", each)
        }, name
        left |= {each.rpartition(".")[2] for each in said if each.startswith("ghcr_sim.cassette.")} - seen


def test_10_content_is_served_where_it_was_seen_and_to_whom(recorded) -> None:
    """10, a blob under another repository or without credentials: neither is answered with the blob."""
    replay = Replay(recorded)
    client = Client(replay, "x")
    asyncio.run(scenario(client))
    for repository, headers in (("acme/other", LET_IN), ("acme/app", {})):
        got = asked(replay, "GET", f"/v2/{repository}/blobs/{digest(WORDS[0])}", b"", headers)
        assert got.status not in {200, 307}
    replay.close()


def test_11_without_an_example_there_is_no_answer(tmp_path) -> None:
    """11, inventing answers: content that is known is not served in a manner that nobody has seen."""
    path = tmp_path / "a.jsonl"
    common = {"repository": "a/b", "auth": "bearer", "reference": SHA}
    made = cassette(path, exchange(1, "blob.get", got=pooled(Pool.beside(path), b"x"), **common))
    replay = Replay(made)
    assert asked(replay, "GET", f"/v2/a/b/blobs/{SHA}", b"", LET_IN).body == b"x"
    for method, target in (
        ("HEAD", f"/v2/a/b/blobs/{SHA}"),
        ("POST", "/v2/a/b/blobs/uploads/"),
        ("GET", "/v2/a/b/tags/list"),
    ):
        assert asked(replay, method, target, b"", LET_IN).status == MISS


def test_12_no_bytes_stand_in_a_line_in_base64(tmp_path) -> None:
    """12, base64 in a text file: bytes are in the pool at their own size, and a line is short."""
    data = bytes(range(256)) * 4096
    made = stage(tmp_path / "a.jsonl", answer(200, data))
    asked(made.recorder, "GET", f"/v2/a/b/blobs/{digest(data)}")
    (written,) = made.written()
    assert len(written.line()) < 500
    assert made.pool.path(digest(data)).stat().st_size == len(data)
    assert (
        "b64encode"
        not in sources()["record.py"] + sources()["bodies.py"] + sources()["files.py"] + sources()["model.py"]
    )


def test_13_a_cassette_is_swapped_in_whole_and_shared_by_parts(tmp_path, monkeypatch) -> None:
    """13, rewriting without rename, sharing without lock: the old file stays; two writers have two parts."""
    path = cassette(tmp_path / "a.jsonl", exchange(got=text("old"))).path
    before = path.read_bytes()

    def broken(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", broken)
        with pytest.raises(CassetteError, match="No space left on device"):
            save(path, load(path).header, [exchange(got=text("new"))])
    assert path.read_bytes() == before
    parts = [recording(path)._part.path for _ in range(2)]
    assert len(set(parts)) == 2


def test_14_no_line_has_a_time(recorded) -> None:
    """14, wall-clock stamps per line: the model has no such field, and what was recorded has no date of its own."""
    assert not {name for name in Exchange.model_fields if re.search("time|date|at$|when", name)}
    assert {name for name in Header.model_fields if name.endswith("_at")} == {"recorded_at"}
    for line in recorded.path.read_text().splitlines()[1:]:
        assert not re.search(r"20\d\d-\d\d-\d\dT|\b20\d\d \d\d:\d\d", line)


def test_15_no_client_library_is_patched() -> None:
    """15, patching `_request` or building `ClientResponse`: clients speak to a real port, nothing is imported."""
    for name, said in sources().items():
        assert not {
            each
            for each in imported(said)
            if each.split(".")[0] in {"aiohttp", "requests", "httpx", "urllib3"}
        }, name
        assert "monkeypatch" not in said
        assert "setattr(" not in said


@pytest.mark.parametrize("status", [401, 403, 404, 416, 429, 500, 503])
def test_16_refusals_are_recorded(tmp_path, status) -> None:
    """16, recording only successes: a registry lives on 401 and 404."""
    made = stage(tmp_path / "a.jsonl", answer(status, b"{}"))
    asked(made.recorder, "GET", "/v2/")
    replay = Replay(cassette(tmp_path / "b.jsonl", *made.written()))
    assert asked(replay, "GET", "/v2/").status == status


def test_17_nothing_is_slow_because_it_was() -> None:
    """17, latency replay by default: no time is recorded, and no module of the room sleeps."""
    for name, said in sources().items():
        assert "sleep(" not in said, name


def test_18_replays_share_no_state(recorded) -> None:
    """18, global state across tests: what one replay was pushed or has used up, another one does not know."""
    first, second = Replay(recorded, "literal"), Replay(recorded, "literal")
    asyncio.run(scenario(Client(first, "x")))
    third = Replay(recorded, "literal")
    for each in (second, third):
        asyncio.run(scenario(Client(each, "x")))
        assert each.close().ok
    assert first.close().ok


def test_19_a_cassette_is_where_one_says(tmp_path) -> None:
    """19, names derived from parameters: a cassette has the path it was given; no digest is a path."""
    target = tmp_path / "test[ä-1].jsonl"
    begun = recording(target)
    recorder = begun.recorder(FakeUpstream(fake()), ReverseDoor(UPSTREAM))
    asked(recorder, "GET", "/v2/")
    assert asyncio.run(begun.finish()).path == target
    with pytest.raises(ValueError, match="is no digest"):
        exchange(got=text("x").model_validate_json('{"digest":"sha256:../../../x"}'))


def test_20_nothing_is_deleted_by_use(recorded) -> None:
    """20, deleting "unused" data after a partial run: a replay deletes nothing; `gc` keeps what any cassette needs."""
    before = sorted(each for each in recorded.path.parent.rglob("*"))
    replay = Replay(recorded)
    asked(replay, "GET", "/v2/")
    replay.close()
    assert sorted(each for each in recorded.path.parent.rglob("*")) == before
    assert unneeded(recorded.path.parent)[1] == []
    removers = {name for name, said in sources().items() if ".remove(" in said and "pool" in said.lower()}
    assert removers <= {"bodies.py", "pool.py"}


def test_21_doors_are_on_loopback_and_the_authority_is_of_this_run(tmp_path) -> None:
    """21, a shipped CA key, a listener on all interfaces: doors listen on 127.0.0.1, and no key is in the packages."""
    assert inspect.signature(Door).parameters["host"].default == "127.0.0.1"
    assert "host" not in inspect.signature(Proxy).parameters
    assert Proxy(None, Authority.create(), frozenset()).url.startswith("http://127.0.0.1:")
    shipped = [
        each
        for each in Path(ghcr_sim.__file__).parent.rglob("*")
        if each.suffix in {".pem", ".key", ".crt", ".p12"}
    ]
    assert shipped == []
    for name in ("one", "two"):
        Authority.create().write(tmp_path / name)
    kept = sorted(each.name for each in (tmp_path / "one").iterdir())
    assert kept == ["ca.crt", "server.crt", "server.key"]  # a server's key, and not the authority's
    assert (tmp_path / "one" / "ca.crt").read_bytes() != (tmp_path / "two" / "ca.crt").read_bytes()


def test_22_a_head_says_the_length_of_what_it_does_not_send(tmp_path) -> None:
    """22, HEAD with the length of an empty body: recorded, replayed and derived, it says that of the content."""
    said = (("content-length", "1234"), ("docker-content-digest", SHA))
    made = stage(tmp_path / "a.jsonl", Answered(200, said, [], 1234))
    assert (
        asked(made.recorder, "HEAD", "/v2/a/b/manifests/v1", b"", LET_IN).headers["content-length"] == "1234"
    )
    replay = Replay(cassette(tmp_path / "b.jsonl", *made.written()))
    got = asked(replay, "HEAD", "/v2/a/b/manifests/v1", b"", LET_IN)
    assert (got.headers["content-length"], got.body) == ("1234", b"")


def test_23_accept_is_a_set(tmp_path) -> None:
    """23, `Accept` as a string, or ignored: order and weights do not matter, other types do."""
    path = tmp_path / "a.jsonl"
    one = exchange(
        1,
        "manifest.get",
        repository="a/b",
        reference="v1",
        auth="bearer",
        sent_headers=(("accept", "a/x, a/y"),),
        got_headers=(("content-type", "a/x"),),
        got=pooled(Pool.beside(path), b"{}"),
    )
    replay = Replay(cassette(path, one))
    for accept, status in (("a/y;q=0.1,a/x", 200), ("A/X , a/y", 200), ("a/y", MISS)):
        assert (
            asked(replay, "GET", "/v2/a/b/manifests/v1", b"", {**LET_IN, "accept": accept}).status == status
        )
    fields = CIMultiDict([*LET_IN.items(), ("accept", "a/y"), ("accept", "a/x")])
    assert asked(replay, "GET", "/v2/a/b/manifests/v1", b"", fields).status == 200


def test_24_no_option_has_another_plugins_name() -> None:
    """24, two plugins with one option: ours adds none that pytest-recording, cassetter or vcr have."""
    said = "".join(each.read_text("utf-8") for each in Path(pytest_ghcr.__file__).parent.glob("*.py"))
    options = set(re.findall(r'addoption\(\s*"(--[a-z-]+)"', said))
    assert not options & {
        "--record-mode",
        "--block-network",
        "--allowed-hosts",
        "--vcr-record",
        "--disable-recording",
        "--disable-vcr",
    }


def test_25_the_nearest_is_named_and_never_given(recorded) -> None:
    """25, fuzzy matching: a tag that is nearly right is a miss that names the nearest, and no content."""
    replay = Replay(recorded)
    asyncio.run(scenario(Client(replay, "x")))
    got = asked(replay, "GET", "/v2/acme/app/manifests/v1.0", b"", LET_IN)
    assert got.status == MISS
    assert b"nearest: exchange" in got.body
    assert b"schemaVersion" not in got.body
    replay.close()


def test_each_pitfall_has_its_test() -> None:
    """There are 25 of them, and each has a test with its number."""
    numbers = {int(name[5:7]) for name in globals() if re.match(r"test_\d\d_", name)}
    assert numbers == set(range(1, 26))
