"""A takeover closes the network: what goes elsewhere fails its test with the name that it wanted."""

from __future__ import annotations

import pytest

STRAYS = {
    "a name": ("socket.create_connection(('example.com', 443), timeout=1)", "example.com:443"),
    "an address": ("socket.create_connection(('192.0.2.7', 443), timeout=1)", "192.0.2.7:443"),
    "IPv6": ("with socket.socket(socket.AF_INET6) as s: s.connect(('2001:db8::1', 443))", "2001:db8::1:443"),
    "a look-up": ("socket.gethostbyname('example.com')", "example.com"),
    "a datagram": (
        "with socket.socket(type=socket.SOCK_DGRAM) as s: s.sendto(b'x', ('192.0.2.7', 53))",
        "192.0.2.7:53",
    ),
    "a message": (
        "with socket.socket(type=socket.SOCK_DGRAM) as s: s.sendmsg([b'x'], (), 0, ('192.0.2.7', 53))",
        "192.0.2.7:53",
    ),
    "a look-up of an address": ("socket.gethostbyaddr('192.0.2.7')", "192.0.2.7"),
    "another one": ("socket.getnameinfo(('192.0.2.7', 443), 0)", "192.0.2.7"),
    "a thread that is named like ours": (
        "t = threading.Thread(target=lambda: socket.getfqdn('192.0.2.7'), name='ghcr-simulator'); t.start(); t.join()",
        "192.0.2.7",
    ),
    "requests": ("requests.get('https://example.com/', timeout=1)", "example.com:443"),
    "a datagram of asyncio": ("asyncio.run(send(remote_addr=('192.0.2.7', 53)))", "192.0.2.7:53"),
    "a later datagram of asyncio": ("asyncio.run(send(to=('192.0.2.7', 53), **NEAR))", "192.0.2.7:53"),
    "a datagram of uvloop": ("by_uvloop(send(remote_addr=('192.0.2.7', 53)))", "192.0.2.7:53"),
    "a later datagram of uvloop": ("by_uvloop(send(to=('192.0.2.7', 53), **NEAR))", "192.0.2.7:53"),
    "a name for a datagram": ("by_uvloop(send(remote_addr=('example.com', 53)))", "example.com:53"),
    "a look-up of an address by uvloop": ("by_uvloop(name_of('192.0.2.7'))", "192.0.2.7"),
}


@pytest.mark.parametrize(("line", "name"), STRAYS.values(), ids=STRAYS)
def test_a_stray_request_fails_its_test(user, line, name) -> None:
    """Also where the code under test swallows the error."""
    if "by_uvloop" in line:
        pytest.importorskip("uvloop")
    done = user(
        f"""
        import asyncio, contextlib, pytest, requests, socket, threading

        NEAR = {{"local_addr": ("127.0.0.1", 0)}}

        async def send(to=None, **how):
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, **how)
            transport.sendto(b"x", to)
            transport.close()
            await asyncio.sleep(0)

        async def name_of(address):
            return await asyncio.get_running_loop().getnameinfo((address, 443))

        def by_uvloop(work):
            import uvloop
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(work)

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            with contextlib.suppress(OSError):
                {line}
        """,
        apart=True,
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines([f"*the test wanted {name}, which a takeover does not let out*"])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_the_error_says_why(user) -> None:
    """Where nobody swallows it, it names what is let out."""
    done = user(
        """
        import pytest, urllib.request

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            urllib.request.urlopen("https://registry.example/v2/")
        """
    )
    done.assert_outcomes(failed=1, errors=1)
    done.stdout.fnmatch_lines(["*registry.example:443 is not let out: takeover=True leads ghcr.io, *"])


def test_a_closed_port_is_told(user) -> None:
    """A test that fails for plain HTTP to a name hears what was wanted, and not that nothing was."""
    done = user(
        """
        import pytest, urllib.request

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            urllib.request.urlopen("http://ghcr.io/v2/")
        """
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["- ghcr.io:80 was wanted, and is closed: names are served with TLS on 443"])


def test_everything_is_put_back(user) -> None:
    """After the test nothing is patched, the environment is what it was, and no thread or file is left."""
    done = user(
        """
        import os, socket, ssl, tempfile, threading
        import pytest

        def state():
            return (
                socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex, dict(vars(socket.socket)),
                ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio, ssl.SSLContext.set_alpn_protocols,
                {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
                [each for each in os.listdir(tempfile.gettempdir()) if each.startswith("ghcr-")],
                sorted(each.name for each in threading.enumerate()),
            )

        @pytest.fixture(scope="module")
        def before(_ghcr_background):
            return state()

        def test_first(before):
            pass

        @pytest.mark.ghcr(takeover=True)
        @pytest.mark.parametrize("wrong", [False, True])
        def test_it(before, ghcr_env, wrong):
            assert state() != before
            assert not wrong

        def test_after(before):
            assert state() == before
        """,
        "-p",
        "no:randomly",
        apart=True,
    )
    done.assert_outcomes(passed=3, failed=1)


GUARD = """
import socket
import pytest

TRUE = socket.socket.connect

def guarded(sock, address):
    assert address[0] == "127.0.0.1", f"{address} is not allowed"
    return TRUE(sock, address)

def pytest_runtest_setup(item):
    if item.get_closest_marker("guarded"):
        socket.socket.connect = guarded

def pytest_runtest_teardown():
    socket.socket.connect = TRUE
"""
"""What pytest-socket does: it sees to `connect` before fixtures begin, and puts it back before they end."""


@pytest.mark.parametrize("mark", ["", "@pytest.mark.guarded"], ids=["idle", "guards"])
def test_another_plugin_sees_to_connections_too(user, mark: str) -> None:
    """The takeover holds until the fixtures have ended, and then what the other one has put back is there."""
    done = user(
        f"""
        import pytest, requests, socket

        def status():
            return requests.get("https://ghcr.io/v2/", timeout=5).status_code

        @pytest.fixture
        def late(ghcr):
            yield
            assert status() == 401
            with pytest.raises(OSError, match="is not let out"):
                socket.create_connection(("192.0.2.7", 443), timeout=1)

        {mark}
        @pytest.mark.ghcr(takeover=True)
        def test_it(late):
            assert status() == 401

        def test_after(pytestconfig):
            guard = next(each for each in pytestconfig.pluginmanager.get_plugins() if hasattr(each, "guarded"))
            assert socket.socket.connect is guard.TRUE
        """,
        "-p",
        "no:randomly",
        conftest=GUARD,
        ini="markers = guarded",
        apart=True,
    )
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*the test wanted 192.0.2.7:443, which a takeover does not let out*"])


def test_what_a_test_replaces_is_its_own(user) -> None:
    """A mock of a test's stays until it ends, and a function of ours that it puts back late goes then."""
    done = user(
        """
        import pytest, socket

        REAL = socket.getaddrinfo

        @pytest.fixture
        def mocked(monkeypatch, ghcr):
            mock = lambda *args: ["mocked"]
            monkeypatch.setattr(socket, "getaddrinfo", mock)
            yield
            assert socket.getaddrinfo is mock

        @pytest.mark.ghcr(takeover=True)
        def test_it(mocked):
            assert socket.getaddrinfo("ghcr.io", 443) == ["mocked"]

        def test_after():
            assert socket.getaddrinfo is REAL
        """,
        "-p",
        "no:randomly",
        apart=True,
    )
    done.assert_outcomes(passed=2)


def test_what_is_left_is_told(user) -> None:
    """The plugin looks itself, and says what it has left behind."""
    done = user(
        """
        import pytest
        from pytest_ghcr.patches import Patches

        Patches.undo = lambda self: None

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            pass
        """,
        apart=True,
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*pytest-ghcr has left socket.getaddrinfo behind: please report it*"])


def test_api_is_answered_in_words(user) -> None:
    """GitHub's API leads to the fake as well, which says that it has none yet."""
    done = user(
        """
        import pytest, requests

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            got = requests.get("https://api.github.com/user/packages", timeout=5)
            assert (got.status_code, "no GitHub API yet" in got.json()["message"]) == (501, True)
        """
    )
    done.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("", "ghcr.url", "read ghcr.url there, before the fork"),
        ("ghcr.url", "ghcr._server.stop()", "start and stop it there"),
        ("ghcr.url", "assert requests.get(f'{ghcr.url}/v2/').status_code == 401", ""),
    ],
    ids=["begins to use it", "stops it", "uses it"],
)
def test_a_fork_says_so(user, before: str, after: str, why: str) -> None:
    """A child of a fork uses a fake that listened before, and is told that it cannot start or stop it."""
    done = user(
        f"""
        import os, requests

        def test_it(ghcr):
            reader, writer = os.pipe()
            {before}
            child = os.fork()
            if not child:
                try:
                    {after}
                    os.write(writer, b"nothing was said")
                except RuntimeError as error:
                    os.write(writer, str(error).encode())
                os._exit(0)
            os.waitpid(child, 0)
            os.close(writer)
            said = os.read(reader, 500).decode()
            assert {why or "nothing was said"!r} in said
            os.close(reader)
        """
    )
    done.assert_outcomes(passed=1)


def test_a_fork_is_held_as_well(user) -> None:
    """What a child of a fork wants elsewhere is refused in words, which it alone hears."""
    done = user(
        """
        import os, pytest, socket

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                try:
                    socket.create_connection(("example.com", 443), timeout=1)
                except OSError as error:
                    os.write(writer, str(error).encode())
                os._exit(0)
            os.waitpid(child, 0)
            os.close(writer)
            assert "example.com:443 is not let out" in os.read(reader, 500).decode()
            os.close(reader)
        """
    )
    done.assert_outcomes(passed=1)
