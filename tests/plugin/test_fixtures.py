"""The fixtures beside `ghcr`: the session's fake, clock, client and cassette."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from ghcr_client import ConfigError
from ghcr_fixtures import path

from pytest_ghcr.clients import connected

SESSION = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def seeded(ghcr_session):
    for number in range(20):
        ghcr_session.seed(f"acme/app{number}:v1")
"""


def test_each_test_has_a_fork_of_the_session(user) -> None:
    """The same content and token, and what one test changes no other one sees."""
    done = user(
        """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(ghcr, ghcr_session, number):
            assert len(ghcr.simulator.store.names()) == 20
            ghcr.seed("acme/mine:v1")
            assert len(ghcr.simulator.store.names()) == 21
            assert len(ghcr_session.simulator.store.names()) == 20
            assert ghcr.token == ghcr_session.token
            assert ghcr.url != ghcr_session.url
            assert ghcr.requests() == []

        @pytest.mark.ghcr(seed="acme/more:v1", profile="oci")
        def test_a_marker_counts_for_the_fork(ghcr):
            assert len(ghcr.simulator.store.names()) == 21
            assert ghcr.simulator.profile.name == "oci"
        """,
        conftest=SESSION,
    )
    done.assert_outcomes(passed=4)


def test_a_fork_is_what_the_session_is(user) -> None:
    """The seed of `ghcr_config` is the session's: what became of it there is not planted over again; a marker's is."""
    done = user(
        """
        import pytest

        def digests(ghcr):
            found = [ghcr.simulator.store.manifest("acme/app", each) for each in ("v1", "v2")]
            return [each and each.digest for each in found]

        def test_it(ghcr, ghcr_session):
            assert digests(ghcr) == digests(ghcr_session)

        @pytest.mark.ghcr(seed="acme/app:v2")
        def test_a_marker(ghcr, ghcr_session):
            assert digests(ghcr)[0] == digests(ghcr_session)[0]
            assert digests(ghcr)[1]

        def test_alone(ghcr):
            assert digests(ghcr)[0]
        """,
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def ghcr_config():
            return {"seed": "acme/app:v1"}

        @pytest.fixture(scope="session", autouse=True)
        def catalogue(ghcr_session):
            ghcr_session.seed("acme/app:v1", layers=[{"a": "new"}])
        """,
    )
    done.assert_outcomes(passed=3)


def test_without_the_session_it_is_empty(user) -> None:
    """Who does not use it, by whatever fixture, gets an empty fake in every order of tests."""
    done = user(
        """
        def test_one(ghcr_session):
            ghcr_session.seed("acme/app:v1")

        def test_two(ghcr):
            assert ghcr.simulator.store.names() == []
        """
    )
    done.assert_outcomes(passed=2)


def test_a_fake_is_forgotten_after_its_test(user) -> None:
    """What it held does not stay in memory until the session ends; also where the test has failed."""
    done = user(
        """
        import gc, weakref
        import pytest

        held = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(ghcr, number):
            gc.collect()
            assert [each() for each in held] == [None] * number
            held.append(weakref.ref(ghcr.simulator.store))
        """
    )
    done.assert_outcomes(passed=3)


def test_the_clock_is_the_fakes(user) -> None:
    """What it is moved on by, the fake's time is later."""
    done = user(
        """
        def test_it(ghcr, ghcr_clock):
            before = ghcr.clock.now()
            ghcr_clock.advance(3600)
            assert 3600 <= ghcr.clock.now() - before < 3700
        """
    )
    done.assert_outcomes(passed=1)


CLIENT = """
import asyncio, pytest
from ghcr_client import GhcrClient, SyncGhcrClient

def test_without_a_loop(ghcr, ghcr_client):
    ghcr.seed("acme/app:v1")
    assert isinstance(ghcr_client, SyncGhcrClient)
    assert ghcr_client.list_tags("acme/app") == ["v1"]
    assert ghcr_client.tag_digest("ghcr.io/acme/app:v1") == ghcr_client.pull_manifest("acme/app:v1").digest

{mark}
async def test_in_a_loop({more}ghcr, ghcr_client):
    ghcr.seed("acme/app:v1")
    assert isinstance(ghcr_client, GhcrClient)
    assert await ghcr_client.list_tags("acme/app") == ["v1"]

class TestIt:
    {mark}
    async def test_a_method({more_self}ghcr, ghcr_client):
        ghcr.seed("acme/app:v1")
        assert await ghcr_client.list_tags("acme/app") == ["v1"]

@pytest.mark.ghcr(takeover=True)
{mark}
async def test_by_the_real_name({more}ghcr, ghcr_client):
    ghcr.seed("acme/app:v1")
    assert await ghcr_client.list_tags("ghcr.io/acme/app") == ["v1"]
    assert "ghcr.io" not in ghcr_client.config.endpoints
"""

ANYIO = """
@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_a_client_in_every_kind_of_test(user) -> None:
    """Sync, a coroutine, a method, and by a takeover; open while the test runs, and closed in the test's own loop.

    pytest-asyncio and pytest-aiohttp have their turn in `.ci/matrix`.
    """
    source = CLIENT.format(
        mark="@pytest.mark.anyio", more="anyio_backend, ", more_self="self, anyio_backend, "
    )
    user(source + ANYIO, apart=True).assert_outcomes(passed=4)


LOOPS = """
import unittest, pytest
from hypothesis import HealthCheck, given, settings, strategies as st

@pytest.fixture
async def tags(anyio_backend, ghcr, ghcr_client):
    ghcr.seed("acme/app:v1")
    yield await ghcr_client.list_tags("acme/app")
    assert await ghcr_client.list_tags("acme/app") == ["v1"]

@pytest.mark.anyio
async def test_a_fixture(anyio_backend, tags, ghcr_client):
    assert tags == await ghcr_client.list_tags("acme/app") == ["v1"]

@pytest.mark.anyio
async def test_opened_by_hand(anyio_backend, tags, ghcr_client):
    async with ghcr_client as client:
        assert await client.list_tags("acme/app") == ["v1"]

@pytest.mark.anyio
@pytest.mark.parametrize("number", range(2))
@given(_=st.booleans())
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
async def test_examples(anyio_backend, ghcr, ghcr_client, number, _):
    ghcr.seed("acme/app:v1")
    assert await ghcr_client.list_tags("acme/app") == ["v1"]

class TestIt(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def given(self, ghcr, ghcr_client):
        ghcr.seed("acme/app:v1")
        self.client = ghcr_client

    async def asyncSetUp(self):
        assert await self.client.list_tags("acme/app") == ["v1"]

    async def test_it(self):
        assert await self.client.list_tags("acme/app") == ["v1"]
"""


def test_a_client_opens_itself_where_it_is_used(user) -> None:
    """In a fixture that is a coroutine, in each example of hypothesis, in a test case; and no warning is left."""
    user(LOOPS + ANYIO, "-p", "no:randomly", apart=True).assert_outcomes(passed=5)


def test_a_client_in_a_loop_that_is_just_closed(user) -> None:
    """Whoever runs the test need not do more than to run it, and no warning is left."""
    done = user(
        """
        import gc

        async def test_it(ghcr, ghcr_client):
            ghcr.seed("acme/app:v1")
            assert await ghcr_client.list_tags("acme/app") == ["v1"]

        def test_nothing_is_left():
            gc.collect()
        """,
        conftest="""
        import asyncio, inspect

        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                loop = asyncio.new_event_loop()
                loop.run_until_complete(pyfuncitem.obj(*map(pyfuncitem.funcargs.get, ["ghcr", "ghcr_client"])))
                loop.close()
                return True
        """,
        apart=True,
    )
    done.assert_outcomes(passed=2)
    assert done.stderr.str() == ""


def test_a_client_in_another_kind_of_loop(user) -> None:
    """One line says that it needs asyncio, and what to write instead."""
    done = user(
        "async def test_it(ghcr, ghcr_client): await ghcr_client.list_tags('acme/app')",
        conftest="""
        def pytest_pyfunc_call(pyfuncitem):
            pyfuncitem.obj(*map(pyfuncitem.funcargs.get, ["ghcr", "ghcr_client"])).send(None)
            return True
        """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["E *ConfigError: ghcr_client runs in asyncio, *let anyio_backend be 'asyncio'*"]
    )


def test_a_client_in_two_loops(ghcr) -> None:
    """Of two that are open at once, the second one is refused in a line; one after another is fine."""
    ghcr.seed("acme/app:v1")

    async def test() -> None:
        pass

    with connected(SimpleNamespace(obj=test), ghcr.url, ghcr.token) as client:
        for _ in range(2):
            assert asyncio.run(client.list_tags("acme/app")) == ["v1"]
        with asyncio.Runner() as one, asyncio.Runner() as other:
            assert one.run(client.list_tags("acme/app")) == ["v1"]
            with pytest.raises(ConfigError, match="belongs to the loop of its first call"):
                other.run(client.list_tags("acme/app"))
            other.run(client.__aexit__(None, None, None))
            assert one.run(client.list_tags("acme/app")) == ["v1"]


def test_a_client_is_nobody_where_the_fake_has_no_token(user, monkeypatch) -> None:
    """What the environment of the person who runs the tests says is neither sent nor believed."""
    for name in ("GHCR_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "ghp_of_a_person")
    monkeypatch.setenv("GHCR_REGISTRY", "quay.io")
    monkeypatch.setenv("GHCR_SIMULATION_MODE", "replay")
    source = """
    import pytest

    @pytest.mark.ghcr(credentials=[{"login": "ada", "token": "ghp_ada"}])
    def test_it(ghcr, ghcr_client):
        ghcr.seed("acme/app:v1", visibility="public")
        assert ghcr_client.list_tags("acme/app") == ["v1"]
        assert [r.by for r in ghcr.requests("token.get")] == ["token for nobody"]
    """
    user(source).assert_outcomes(passed=1)


CASSETTE = """
import pytest

@pytest.mark.ghcr(cassette="list_tags")
def test_it(ghcr_cassette, ghcr_client):
    assert ghcr_cassette.mode == "replay"
    assert repr(ghcr_cassette).startswith("<GhcrCassette list_tags.jsonl, replay at http://127.0.0.1:")
    {body}
"""


def test_a_cassette_is_replayed(user) -> None:
    """A shipped one, by its name; what it does not have is a miss, in words, and fails the test."""
    done = user(
        CASSETTE.format(body="assert ghcr_client.list_tags(REPO)").replace("REPO", repr(_repository()))
    )
    done.assert_outcomes(passed=1)
    done = user(
        CASSETTE.format(body="\n    with pytest.raises(Exception): ghcr_client.list_tags('acme/other')")
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*no answer on cassette for *acme/other*"])
    done.stdout.no_fnmatch_line("*pytest_ghcr/*.py:*")


def _repository() -> str:
    import ghcr_fixtures  # noqa: PLC0415 - it is asked once

    from ghcr_sim.cassette import load  # noqa: PLC0415 - the same

    exchanges = load(ghcr_fixtures.path("cassettes/list_tags.jsonl")).exchanges
    return next(each.repository for each in exchanges if each.operation == "tags.list")


def test_a_cassette_by_the_real_name(user) -> None:
    """With a takeover https://ghcr.io is the cassette, and `ghcr` stays what it is."""
    done = user(
        """
        import pytest, requests

        @pytest.mark.ghcr(cassette="list_tags", takeover=True)
        def test_it(ghcr_cassette, ghcr):
            assert (ghcr_cassette.url, ghcr_cassette.host) == ("https://ghcr.io", "ghcr.io")
            token = requests.get("https://ghcr.io/token?scope=repository:REPO:pull", timeout=5)
            print([r.operation for r in ghcr_cassette.requests()], ghcr_cassette.report.summary())
            assert ghcr.requests() == []
        """.replace("REPO", _repository()),
        "-s",
    )
    done.stdout.fnmatch_lines(["*token.get*"])


@pytest.mark.parametrize("first", ["ghcr", "ghcr_cassette"])
def test_a_cassette_that_is_asked_for_late(user, first) -> None:
    """By `request.getfixturevalue`, in any order: https://ghcr.io is the cassette from then on."""
    done = user(
        f"""
        import pytest

        @pytest.fixture(scope="session")
        def ghcr_config():
            return {{"cassette": "list_tags", "takeover": True}}

        def test_it(request):
            request.getfixturevalue({first!r})
            ghcr, cassette = (request.getfixturevalue(each) for each in ("ghcr", "ghcr_cassette"))
            assert request.getfixturevalue("ghcr_client").list_tags({_repository()!r})
            assert cassette.requests()
            assert not ghcr.requests()
        """
    )
    done.assert_outcomes(passed=1)


def test_a_cassette_that_is_not_there(user) -> None:
    """One line that says how to record it."""
    done = user("def test_it(ghcr_cassette): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["*cassettes/test_user/test_it.jsonl*there is no such cassette*--ghcr-record=once*"]
    )
    done.stdout.no_fnmatch_line("*pytest_ghcr/*.py:*")


RECORD = """
import os, pytest

TAGS = os.environ["TAGS"].split()

def test_it(ghcr_cassette, ghcr_client):
    print("mode:", ghcr_cassette.mode)
    for each in TAGS:
        assert ghcr_client.tag_digest(f"ghcr.io/acme/app:{each}")
"""


@pytest.fixture
def real(ghcr, monkeypatch):
    """A registry in the place of the real one, by whose name it is recorded."""
    for tag in ("v1", "v2"):
        ghcr.seed(f"acme/app:{tag}", visibility="public")
    monkeypatch.setenv("GHCR_SIM_UPSTREAM", ghcr.url)
    monkeypatch.setenv("GHCR_TOKEN", ghcr.token)
    monkeypatch.setenv("TAGS", "v1")
    return ghcr


def test_modes_of_recording(user, real, monkeypatch, pytester) -> None:
    """`once`, then replays with the registry gone; `new` records what has become more; `all` records anew."""

    def mode(words, tags="v1", **outcomes):
        monkeypatch.setenv("TAGS", tags)
        before = len(real.requests())
        done = user(RECORD, "-s", *words)
        done.assert_outcomes(**outcomes)
        modes = [line.partition("mode: ")[2] for line in done.outlines if "mode: " in line]
        return modes, len(real.requests()) > before

    path = pytester.path / "cassettes/test_user/test_it.jsonl"
    assert mode(["--ghcr-record=once"], passed=1) == (["record"], True)
    assert path.exists()
    assert mode([], passed=1) == (["replay"], False)
    assert mode(["--ghcr-record=once"], passed=1) == (["replay"], False)
    assert mode(["--ghcr-record=new"], passed=1) == (["replay"], False)
    first = path.read_text()
    assert mode([], "v1 v2", failed=1, errors=1) == (["replay"], False)
    user(RECORD).stdout.fnmatch_lines(["*to record again: pytest --ghcr-record=new*"])
    assert mode(["--ghcr-record=new"], "v1 v2", passed=1) == (["replay", "record"], True)
    assert len(path.read_text()) > len(first)
    assert mode(["--ghcr-record=all"], passed=1) == (["record"], True)
    whole = path.read_text()
    assert mode(["--ghcr-live"], "v1 v2", passed=1) == (["live"], True)
    assert path.read_text() == whole
    assert real.token not in whole
    assert [each.name for each in path.parent.iterdir() if each.name.endswith((".part", ".alive"))] == []


def test_a_test_that_asks_nothing_of_its_cassette(user, real) -> None:
    """It records nothing, which is an error: a line says by what the registry is reached in a test."""
    done = user("def test_it(ghcr_cassette): pass", "--ghcr-record=once")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(
        ["*nothing was recorded; does the test reach the registry by ghcr_cassette.url*"]
    )


@pytest.mark.parametrize("how", ["--ghcr-record=once", "--ghcr-live"])
def test_another_registry_with_a_takeover(user, real, how) -> None:
    """It cannot have ghcr.io's name, which was answered with 403: one line says so, and nothing is sent."""
    done = user(f"import pytest\npytestmark = pytest.mark.ghcr(takeover=True)\n{RECORD}", how)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        [
            "*with a takeover, https://ghcr.io itself answers, and GHCR_SIM_UPSTREAM names another registry; leave out*"
        ]
    )
    assert real.requests() == []


def test_subtests_of_a_first_try(user, real, monkeypatch) -> None:
    """With `new`, a subtest that fails by a miss counts no more than its test does: the second try passes."""
    pytest.importorskip("_pytest.subtests", reason="pytest has no subtests yet")
    source = RECORD.replace("(ghcr_cassette", "(subtests, ghcr_cassette").replace(
        "        assert", "        with subtests.test(each): assert"
    )
    user(source, "--ghcr-record=once").assert_outcomes(passed=1)
    monkeypatch.setenv("TAGS", "v1 v2")
    for verbose in ("-q", "-v"):
        done = user(source, "--ghcr-record=new", verbose)
        done.assert_outcomes(passed=1)
        assert done.ret == 0
    user(source).assert_outcomes(passed=1)


def test_each_test_has_a_cassette_of_its_own(user, real, pytester) -> None:
    """Tests of the same name in several classes, and parameters that no file can be named after."""
    source = """
        import pytest

        class TestOne:
            def test_it(self, ghcr_cassette, ghcr_client):
                ghcr_client.tag_digest("ghcr.io/acme/app:v1")

        class TestTwo:
            class TestInner:
                def test_it(self, ghcr_cassette, ghcr_client):
                    ghcr_client.tag_digest("ghcr.io/acme/app:v2")

        @pytest.mark.parametrize("tag", ["v1", "v 1", "v/1", "v" * 300])
        def test_tags(ghcr_cassette, ghcr_client, tag):
            ghcr_client.tag_digest("ghcr.io/acme/app:v" + ("1" if tag == "v1" else "2"))
        """
    user(source, "--ghcr-record=all").assert_outcomes(passed=6)
    names = sorted(each.name for each in (pytester.path / "cassettes/test_user").glob("*.jsonl"))
    assert len(names) == 6
    assert {"TestOne.test_it.jsonl", "TestTwo.TestInner.test_it.jsonl", "test_tags-v1.jsonl"} < set(names)
    user(source).assert_outcomes(passed=6)


def test_what_is_shipped_stays(user, real, pytester) -> None:
    """A test that replays a shipped cassette has its own when it is recorded, and replays that one."""
    shipped = path("cassettes/list_tags.jsonl")
    before = shipped.read_bytes()
    source = """
        import pytest

        @pytest.mark.ghcr(cassette="list_tags")
        def test_it(ghcr_cassette, ghcr_client):
            print("path:", ghcr_cassette.path)
            ghcr_client.tag_digest("ghcr.io/acme/app:v1")
        """
    user(source, "--ghcr-record=all").assert_outcomes(passed=1)
    assert shipped.read_bytes() == before
    done = user(source, "-s")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines([f"*path: {pytester.path}/cassettes/list_tags.jsonl"])


def test_a_failing_test_records_nothing(user, real, pytester) -> None:
    """The old cassette stays as it was."""
    done = user(RECORD + "    assert False\n", "--ghcr-record=all")
    done.assert_outcomes(failed=1)
    assert not list((pytester.path / "cassettes").rglob("*.jsonl*"))


UNFINISHED = {
    "interrupted": "    raise KeyboardInterrupt",
    "exited": "    pytest.exit('enough')",
    "skipped": "    pytest.skip('not today')",
    "failed as expected": "    pytest.xfail('known')",
    "a subtest failed": "    with subtests.test(): assert False",
    "another fixture fails to end": "    request.getfixturevalue('broken')",
    "a fixture of the module fails to end": "    request.getfixturevalue('broken_module')",
}


@pytest.mark.parametrize("end", UNFINISHED.values(), ids=UNFINISHED)
def test_half_a_test_records_nothing(user, real, pytester, end) -> None:
    """A good cassette stays as it was unless all of a test has passed, to the end of its last fixture."""
    source = (
        RECORD.replace("(ghcr_cassette", "(request, subtests, ghcr_cassette")
        + """
@pytest.fixture
def broken():
    yield
    raise RuntimeError

@pytest.fixture(scope="module")
def broken_module():
    yield
    raise RuntimeError

if not hasattr(pytest, "Subtests"):
    @pytest.fixture
    def subtests():
        from types import SimpleNamespace
        from contextlib import nullcontext
        return SimpleNamespace(test=nullcontext)
"""
    )
    user(source, "--ghcr-record=once").assert_outcomes(passed=1)
    path = pytester.path / "cassettes/test_user/test_it.jsonl"
    before = path.read_bytes()
    real.seed("acme/app:v1", annotations={"a": "later"})
    last = source.index("\n@pytest.fixture\ndef broken")
    user(source[:last] + end + source[last:], "--ghcr-record=all", apart=True)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir() if each.name.endswith((".part", ".alive"))] == []
    user(source, "--ghcr-record=all").assert_outcomes(passed=1)
    assert path.read_bytes() != before


SHARED = """
import os, pytest

pytestmark = pytest.mark.ghcr(cassette="shared")
TAGS = os.environ["TAGS"].split()

@pytest.mark.parametrize("number", range(3))
def test_it(ghcr_cassette, ghcr_client, number):
    if TAGS[number] == "-":
        return
    assert ghcr_client.tag_digest(f"ghcr.io/acme/app:{TAGS[number]}")
"""


@pytest.mark.parametrize("how", ["once", "new", "all", "once -n2", "all -n2"])
def test_tests_that_share_a_cassette(user, real, monkeypatch, pytester, how) -> None:
    """What each of them asks is in it, whoever came last; what a run before has recorded is replaced."""
    real.seed("acme/app:v3", visibility="public")
    monkeypatch.setenv("TAGS", "v3 v3 v1")
    user(SHARED, "--ghcr-record=all").assert_outcomes(passed=3)
    path = pytester.path / "cassettes/shared.jsonl"
    mode, *workers = how.split()
    if mode == "once":
        path.unlink()
    monkeypatch.setenv("TAGS", "v2 v1 v2")
    if workers:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
        done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *workers, f"--ghcr-record={mode}")
    else:
        done = user(SHARED, "-p", "no:randomly", f"--ghcr-record={mode}", apart=True)
    done.assert_outcomes(passed=3)
    monkeypatch.setenv("GHCR_SIM_UPSTREAM", "http://127.0.0.1:9")
    user(SHARED).assert_outcomes(passed=3)
    if mode != "new":
        assert "manifests/v3" not in path.read_text()
        assert '"v3"' not in path.read_text()


def test_a_shared_cassette_that_lacks_something(user, real, monkeypatch, pytester) -> None:
    """With `new`, it is not replaced where a test before has replayed it: a line says what to do."""
    monkeypatch.setenv("TAGS", "v1 v1 v1")
    user(SHARED, "--ghcr-record=all").assert_outcomes(passed=3)
    before = (pytester.path / "cassettes/shared.jsonl").read_bytes()
    monkeypatch.setenv("TAGS", "v1 v2 v1")
    done = user(SHARED, "-p", "no:randomly", "--ghcr-record=new")
    done.assert_outcomes(passed=2, errors=1)
    said = "*lacks something for *test_it*1* needs it as it is*--ghcr-record=all*"
    done.stdout.fnmatch_lines([said])
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n2", "--ghcr-record=new")
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines([said])
    assert (pytester.path / "cassettes/shared.jsonl").read_bytes() == before
