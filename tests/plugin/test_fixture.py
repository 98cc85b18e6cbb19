"""The fixture `ghcr`, as a user's own tests see it."""

from __future__ import annotations

import inspect
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.assemble import Simulator
from ghcr_sim.exchange import Request
from ghcr_sim.faults import Faults
from ghcr_sim.seed import Recipe, seed
from pytest_ghcr import Ghcr
from pytest_ghcr.images import ImageFactory

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT = """
import base64, json, urllib.error, urllib.request

def ask(ghcr, path, token=None, method="GET", follow=True):
    headers = {"Authorization": "Bearer " + base64.b64encode(token.encode()).decode()} if token else {}
    headers["Accept"] = "application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(ghcr.url + path, headers=headers, method=method)
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args):
            return None
    opener = urllib.request.build_opener(*([] if follow else [Stay]))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run tests of a user, who has a small client and takes warnings for errors."""
    pytester.makeini("[pytest]\nfilterwarnings = error\n")

    def run(source: str, *words: str, apart: bool = False) -> pytest.RunResult:
        pytester.makepyfile(asking_it=CLIENT, test_user="from asking_it import ask\n" + dedent(source))
        start = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return start("-p", "no:cacheprovider", "-p", "no:xdist", *words)

    return run


def test_what_a_test_can_do_with_it(run: Callable[..., pytest.RunResult]) -> None:
    """An empty fake a test, one token, what happened, what leaked, planned failures, and a clock to move."""
    done = run(
        """
        import asyncio, pytest
        from ghcr_sim.errors import FaultError

        PATH = "/v2/acme/app/manifests/v1"
        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_each_test_has_its_own(ghcr, number):
            assert ask(ghcr, PATH, ghcr.token) == 404
            ghcr.seed("acme/app:v1")
            assert ask(ghcr, PATH, ghcr.token) == 200
            assert ghcr.token not in seen
            seen.add(ghcr.token)
            assert ghcr.url == "http://" + ghcr.host

        def test_one_token_is_taken(ghcr):
            ghcr.seed("acme/app:v1")
            assert ask(ghcr, PATH) == 401
            assert ask(ghcr, PATH, "ghp_somebodyelse") == 403
            assert ask(ghcr, PATH, ghcr.token) == 200

        def test_what_happened(ghcr):
            digest = ghcr.seed("acme/app:v1", visibility="public").digest
            assert ask(ghcr, "/v2/") == 401
            assert ask(ghcr, PATH, ghcr.token) == 200
            assert [r.operation for r in ghcr.requests()] == ["ping", "manifest.get"]
            assert [r.status for r in ghcr.requests("manifest.get")] == [200]
            assert ghcr.leaks == []
            assert ask(ghcr, f"/ghcr1/blobs/{digest}", ghcr.token) == 403
            assert [r.operation for r in ghcr.leaks] == ["storage.get"]
            assert "3 requests" in repr(ghcr)
            assert ghcr.token not in repr(ghcr)

        def test_a_planned_failure(ghcr):
            ghcr.seed("acme/app:v1")
            ghcr.fail("manifest.get", status=503, times=2)
            assert [ask(ghcr, PATH, ghcr.token) for _ in range(3)] == [503, 503, 200]
            assert [r.status for r in ghcr.requests("manifest.get")] == [503, 503, 200]
            assert ghcr.unmet() == []

        @pytest.mark.parametrize("words, plan", [
            (("blob.gett",), {"status": 503}), (("blob.get",), {"status": 200}), (("blob.get",), {}),
            (("blob.get", "unavailable"), {"status": 503}), (("blob.get", "unavailabel"), {}),
            (("blob.get", "token-hangs"), {}), (("blob.get",), {"status": 503, "times": 0}),
            (("blob.get",), {"status": 503, "repository": "Not A Name"}),
            (("ping",), {"status": 503, "repository": "acme/app"}),
        ])
        def test_a_failure_that_can_never_happen(ghcr, words, plan):
            with pytest.raises(FaultError):
                ghcr.fail(*words, **plan)
            assert ghcr.unmet() == []

        def test_the_clock(ghcr):
            before = ghcr.clock.now()
            ghcr.clock.advance(3600)
            assert 3600 <= ghcr.clock.now() - before < 3700

        async def status(ghcr):
            host, _, port = ghcr.host.partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /v2/ HTTP/1.0\\r\\n\\r\\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return int(answer.split()[1])

        async def many(ghcr):
            return await asyncio.gather(*(status(ghcr) for _ in range(20)))

        def test_code_with_a_loop_of_its_own(ghcr):
            assert asyncio.run(many(ghcr)) == [401] * 20
        """
    )
    done.assert_outcomes(passed=17)


def test_a_planned_failure_that_never_happened_fails_the_test(run: Callable[..., pytest.RunResult]) -> None:
    """A test whose planned failure was never met does not pass, and the line says what is owed."""
    done = run(
        """
        def test_nothing(ghcr):
            ghcr.fail("blob.get", status=503, times=2)
            ghcr.fail("manifest.get", "unavailable", repository="acme/app")

        def test_another(ghcr):
            assert ghcr.unmet() == []
        """
    )
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    said = (
        "a planned failure was never met: blob.get was to fail 2 times with 503, and did 0 times; "
        "manifest.get in acme/app was to fail once with 503, and did 0 times"
    )
    assert said in done.outlines
    assert "Traceback" not in done.stdout.str()
    assert "simulator.py" not in done.stdout.str()
    outcomes = done.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 1


def test_a_failing_test_leaves_nothing(run: Callable[..., pytest.RunResult]) -> None:
    """A test that fails, or leaves its connections open, disturbs neither the next one nor the end of the run."""
    done = run(
        """
        import socket
        kept = []

        def test_left(ghcr):
            host, _, port = ghcr.host.partition(":")
            sock = socket.create_connection((host, int(port)))
            sock.sendall(b"GET /v2/ HT")
            kept.append(sock)
            assert False, "on purpose"

        def test_next(ghcr):
            assert ask(ghcr, "/v2/") == 401
            kept.pop().close()
        """,
        apart=True,
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.no_fnmatch_line("*Warning*")
    assert done.stderr.str() == ""


def test_no_thread_and_no_socket_is_left(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    """After the run no thread of ours is left, no socket, and nothing was said on standard error."""
    pytester.makeconftest(
        """
        import threading
        from pathlib import Path

        def sockets():
            links = []
            for link in Path("/proc/self/fd").glob("*"):
                try:
                    links.append(str(link.readlink()))
                except OSError:
                    pass
            return sum(link.startswith("socket:") for link in links)

        before = sockets()

        def pytest_unconfigure():
            print("threads:", [thread.name for thread in threading.enumerate()], "sockets:", sockets() - before)
        """
    )
    done = run(
        """
        import pytest
        @pytest.mark.parametrize("number", range(5))
        def test_one(ghcr, number):
            assert ask(ghcr, "/v2/") == 401
        """,
        "-s",
        apart=True,
    )
    done.assert_outcomes(passed=5)
    done.stdout.fnmatch_lines(["*threads: [[]'MainThread'[]] sockets: 0"])
    assert done.stderr.str() == ""


def test_many_workers(pytester: pytest.Pytester) -> None:
    """The fixture works the same in the workers of xdist."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    source = """
        import pytest
        @pytest.mark.parametrize("number", range(8))
        def test_one(ghcr, number):
            ghcr.seed("acme/app:v1")
            assert ask(ghcr, "/v2/acme/app/manifests/v1", ghcr.token) == 200
            assert len(ghcr.requests()) == 1
        """
    pytester.makepyfile(asking_it=CLIENT, test_user="from asking_it import ask\n" + dedent(source))
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", "-n", "2")
    done.assert_outcomes(passed=8)
    assert done.stderr.str() == ""


def test_it_is_documented(run: Callable[..., pytest.RunResult]) -> None:
    """`pytest --fixtures` shows `ghcr` and says what it is."""
    done = run("", "--fixtures")
    done.stdout.fnmatch_lines(["ghcr -- *plugin.py:*", "    A private, empty ghcr.io for this test alone*"])
    assert "_ghcr_background" not in done.stdout.str()


def test_nothing_is_imported_until_it_is_asked_for(pytester: pytest.Pytester) -> None:
    """A run in which no test asks for the fixture imports neither aiohttp nor pydantic nor the fake."""
    pytester.makepyfile(
        """
        import sys

        def test_plain(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("ghcr")
            names = {name.partition(".")[0] for name in sys.modules}
            assert names & {"aiohttp", "pydantic", "cryptography", "click", "ghcr_sim", "ghcr_client"} == set()
        """
    )
    done = pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    done.assert_outcomes(passed=1)


def test_the_handle_shows_no_secret() -> None:
    """No repr of the handle, nor of what it holds, has the token in it."""
    ghcr = Ghcr(Simulator())
    simulator = ghcr.simulator
    request = Request("GET", "/v2/", {"authorization": f"Bearer {ghcr.token}"})
    for shown in (ghcr, simulator, simulator.accounts, request, simulator.registry, simulator._guard):
        assert ghcr.token not in repr(shown)
        assert ghcr.token not in str(shown)
    assert ghcr.token


def test_the_package_has_what_it_says() -> None:
    """`pytest_ghcr.Ghcr` is there when it is asked for, and nothing else is."""
    import pytest_ghcr  # noqa: PLC0415 - what an import of it does is the question

    assert pytest_ghcr.__all__ == ["Ghcr"]
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = pytest_ghcr.Nothing


def _parameters(function: Callable[..., object]) -> dict[str, tuple[object, object]]:
    """Name → default and type, as they are written."""
    found = inspect.signature(function).parameters
    return {name: (each.default, each.annotation) for name, each in found.items() if name != "self"}


def test_what_is_passed_on_is_typed_as_it_is_taken() -> None:
    """A recipe and a plan have the same words at every door, so that a type checker finds a wrong one."""
    taken = {name: each for name, (_, each) in _parameters(seed).items()}
    passed = {name: each.__forward_arg__ for name, each in Recipe.__annotations__.items()}
    for door in (Ghcr.seed, Simulator.seed):
        own = {name: each for name, (_, each) in _parameters(door).items()}
        assert own.pop("recipe") == "Unpack[Recipe]"
        assert {"store": "Store", **own, **passed} == taken
    assert _parameters(ImageFactory.__call__)["recipe"][1] == "Unpack[Recipe]"
    assert _parameters(Ghcr.fail) == _parameters(Simulator.fail) == _parameters(Faults.plan)


def test_a_fake_says_where_it_is(run: Callable[..., pytest.RunResult]) -> None:
    """Its repr names the address that it has, or says that it has none yet; and does not make it listen."""
    done = run(
        """
        def test_it(ghcr):
            assert repr(ghcr) == "<Ghcr not listening yet, 0 requests>"
            assert not ghcr.listening
            assert ghcr.url in repr(ghcr)
        """
    )
    done.assert_outcomes(passed=1)
