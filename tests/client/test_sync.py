"""`SyncGhcrClient`: the operations without a loop, one thread behind them, and nothing of it left afterwards."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client.helping import QuickClock
from client.showing import operations
from ghcr_client import (
    Anonymous,
    ConfigError,
    DigestMismatch,
    FileSource,
    GhcrClient,
    GhcrError,
    Image,
    ManifestUnknown,
    Progress,
    SimulationError,
    StaticCredentials,
    StreamSource,
    SyncGhcrClient,
    TransportError,
    UploadError,
)
from ghcr_client.background import Background
from ghcr_client.jobs import Job, asked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from client.peers import Peer

ROOT = Path(__file__).parents[2]
REF = "acme/app"


def opened(peer: Peer, **settings: Any) -> SyncGhcrClient:
    """A client for a registry, as its user."""
    credentials = StaticCredentials(peer.username or "", peer.token, peer.host) if peer.token else Anonymous()
    return SyncGhcrClient(
        **{"registry": peer.url, "ca_file": peer.ca_file, "credentials": credentials, "clock": QuickClock()}
        | settings
    )


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No test leaves a client's thread behind."""
    yield
    until(lambda: not any(each.name == "ghcr-client" for each in threading.enumerate()))


def until(true: Any) -> None:
    """Wait until something is true; a minute is too long."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- it is the client


def maker() -> ModuleType:
    """docs/make_sync.py."""
    path = ROOT / "docs" / "make_sync.py"
    if not path.exists():
        pytest.skip("this is not a source tree: docs/make_sync.py is not here")
    spec = importlib.util.spec_from_file_location("make_sync", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_made_of_the_client() -> None:
    """client/ghcr_client/sync.py is what docs/make_sync.py makes of `GhcrClient` as it is now."""
    make = maker()
    assert Path(inspect.getfile(SyncGhcrClient)).read_text("utf-8") == make.made(), "run docs/make_sync.py"


def test_every_replaced_word_is_in_a_docstring() -> None:
    """The maker replaces nothing that is not there any more."""
    make = maker()
    texts = "".join(inspect.getdoc(each) or "" for each in make.operations().values())
    assert not [word for word, _ in make.WORDS if not re.search(word, texts, re.MULTILINE)]


@pytest.mark.parametrize("name", operations(GhcrClient))
def test_an_operation_is_the_same(name: str) -> None:
    """Each operation has the same parameters with the same defaults, and nothing in it is to be awaited."""
    here, there = getattr(SyncGhcrClient, name), getattr(GhcrClient, name)
    ours, theirs = (inspect.signature(each).parameters.values() for each in (here, there))
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]
    assert not inspect.iscoroutinefunction(here)
    assert not inspect.isasyncgenfunction(here)
    assert "async" not in inspect.getdoc(here).lower()


TYPED = """\
from collections.abc import Iterator
from io import BytesIO
from ghcr_client import Descriptor, Digest, Health, Image, Manifest, SyncGhcrClient
with SyncGhcrClient() as client:
    a: bool = client.image_exists("acme/app")
    b: Manifest = client.pull_manifest("acme/app")
    c: list[str] = client.list_tags("acme/app")
    d: Iterator[str] = client.iter_tags("acme/app")
    e: Descriptor = client.upload_blob("acme/app", [b"x"])
    f: Descriptor = client.upload_blob("acme/app", BytesIO(b"x"))
    g: Health = client.health_check()
    h: Digest = client.push_image("acme/app", client.run(Image.build([b"x"])))
    client.delete_image("acme/app")
    reveal_type(client)
    reveal_type(client.blob_exists("acme/app", "sha256:"))
"""
WRONG = """\
from ghcr_client import SyncGhcrClient
with SyncGhcrClient() as client:
    client.list_tags(1)
    client.list_tags("acme/app", patern="v*")
    client.upload_blob("acme/app", 7)
    x: int = client.list_tags("acme/app")
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `mypy --strict` says of both."""
    pytest.importorskip("mypy", reason="mypy is not installed: pip install '.[dev]'")
    folder = tmp_path_factory.mktemp("typed")
    (folder / "typed.py").write_text(TYPED)
    (folder / "wrong.py").write_text(WRONG)
    env = os.environ | {"MYPYPATH": str(Path(inspect.getfile(GhcrClient)).parents[1])}
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--no-error-summary"]
    command += ["--follow-imports", "silent", "--cache-dir", str(folder / "cache"), "typed.py", "wrong.py"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False).stdout


def test_mypy_sees_its_types(judged: str) -> None:
    """Each operation has the type that it gives, and the client its own."""
    lines = [line for line in judged.splitlines() if line.startswith("typed.py")]
    assert [re.sub(r"^.*is |builtins\.", "", line) for line in lines] == [
        '"ghcr_client.sync.SyncGhcrClient"',
        '"bool"',
    ]


def test_mypy_sees_what_is_wrong(judged: str) -> None:
    """Wrong arguments and results are errors, each on its line."""
    assert re.findall(r"^wrong\.py:(\d+): error:", judged, re.MULTILINE) == ["3", "4", "5", "6"]


# --- it works


def test_an_image_goes_there_and_back(registry: Peer, repository: str, tmp_path: Path) -> None:
    """An image is built, pushed, listed, copied and pulled, at every registry."""
    with opened(registry) as client:
        image = client.run(Image.build([bytes(10240)]))
        digest = client.push_image(f"{repository}:v1", image)
        assert client.tag_digest(f"{repository}:v1") == digest
        assert list(client.iter_tags(repository)) == client.list_tags(repository) == ["v1"]
        assert client.copy_image(f"{repository}:v1", f"{repository}-copy:v1") == digest
        assert client.pull_image(f"{repository}-copy:v1", tmp_path / "layout").digest == digest
        assert client.health_check().ok
        assert client.config.default_registry == registry.host
        assert repr(client) == f"<SyncGhcrClient {registry.host}>"


def test_an_error_is_raised_as_it_is(fake_ghcr: Peer) -> None:
    """What the operation raises is raised, and no frame keeps it alive."""
    with opened(fake_ghcr) as client:
        with pytest.raises(ManifestUnknown) as caught:
            client.pull_manifest(f"{REF}:none")
        assert caught.value.status == 404
        with pytest.raises(TypeError, match="unexpected keyword"):
            client.pull_manifest(REF, nonsense=1)  # type: ignore[call-arg]


def test_tags_come_while_they_are_read(fake_oci: Peer) -> None:
    """`iter_tags` asks for a page when it is needed, and may be left in the middle."""
    assert fake_oci.simulator is not None
    for number in range(5):
        fake_oci.simulator.seed(f"{REF}:v{number}")
    with opened(fake_oci) as client:
        tags = client.iter_tags(REF, page_size=2)
        assert not fake_oci.simulator.requests("tags.list")
        assert [next(tags), next(tags)] == ["v0", "v1"]
        assert [each.status for each in fake_oci.simulator.requests("tags.list")] == [401, 200]
        del tags
        missing = client.iter_tags("acme/none")
        with pytest.raises(GhcrError):
            next(missing)


def test_threads_share_a_client(fake_ghcr: Peer) -> None:
    """Eight threads use one client at once, and each gets what it asked for."""

    def one(number: int) -> bytes:
        blob = client.upload_blob(REF, b"%d" % number * 1000)
        return client.get_blob(REF, blob.digest)

    with opened(fake_ghcr) as client, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [b"%d" % number * 1000 for number in range(40)]


def test_it_works_where_a_loop_runs(fake_ghcr: Peer) -> None:
    """In a running loop it blocks, and works."""

    async def main() -> list[str]:
        with opened(fake_ghcr) as client:
            client.push_image(f"{REF}:v1", client.run(Image.build([b"x"])))
            return list(client.iter_tags(REF))

    assert asyncio.run(main()) == ["v1"]


def test_it_runs_in_the_callers_context(fake_ghcr: Peer) -> None:
    """The operation sees the caller's context, and so its spans have the caller's for a parent."""
    here: ContextVar[str] = ContextVar("here", default="nowhere")

    async def look() -> str:
        return here.get()

    with opened(fake_ghcr) as client:
        here.set("caller")
        assert client.run(look()) == "caller"


def test_what_is_no_coroutine(fake_ghcr: Peer) -> None:
    """What cannot run is a TypeError that says so, open or closed, and the client goes on."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed(f"{REF}:v1")
    with opened(fake_ghcr) as client:
        for work in (5, None, client.run, client.list_tags(REF)):
            with pytest.raises(TypeError, match=r"run wants a coroutine, such as .*, and got"):
                client.run(work)  # type: ignore[arg-type]
        assert client.list_tags(REF) == ["v1"]
    with pytest.raises(TypeError, match="run wants a coroutine"):
        client.run(5)  # type: ignore[arg-type]


def test_work_that_cannot_begin() -> None:
    """Whatever fails in the loop before the work is a task is raised in the thread that waits."""
    background = Background(Resource())
    with pytest.raises(TypeError, match="coroutine"):
        background.run(5)  # type: ignore[arg-type]
    assert not background._jobs
    background.close()


# --- content, and whose thread reads it


def pieces() -> Iterator[bytes]:
    """Pieces that must be asked for in the thread that began."""
    begun = threading.get_ident()
    for number in range(20):
        assert threading.get_ident() == begun
        yield b"%d" % number * 10_000


WHOLE = b"".join(pieces())


class Pipe(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(buffer)


CONTENT = {
    "generator": pieces,
    "list": lambda: list(pieces()),
    "list of other bytes": lambda: [bytearray(WHOLE[:7]), memoryview(WHOLE[7:])],
    "memory file": lambda: io.BytesIO(WHOLE),
    "pipe": lambda: Pipe(WHOLE),
    "bytes": lambda: WHOLE,
    "asynchronous iterator": lambda: StreamSource(slowly(WHOLE)),
}


async def slowly(data: bytes) -> Any:
    """Bytes in two pieces."""
    yield data[:5]
    yield data[5:]


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("operation", ["upload_blob", "upload_blob_streaming"])
def test_content_of_every_kind(fake_ghcr: Peer, kind: str, operation: str) -> None:
    """Bytes, iterables and open files are sent whole; iterables are read in the caller's thread."""
    with opened(fake_ghcr) as client:
        blob = getattr(client, operation)(REF, CONTENT[kind]())
        assert client.get_blob(REF, blob.digest) == WHOLE


def test_a_file_is_read_from_where_it_stands_and_again(fake_ghcr: Peer, tmp_path: Path) -> None:
    """What was read of an open file before is not sent; what follows is sent again where the registry failed."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.put", status=503)
    path = tmp_path / "file"
    path.write_bytes(b"head" + WHOLE)
    with opened(fake_ghcr) as client, path.open("rb") as file:
        file.read(4)
        blob = client.upload_blob(REF, file)
        assert client.get_blob(REF, blob.digest) == WHOLE


def test_an_iterable_cannot_be_sent_again(fake_ghcr: Peer) -> None:
    """An upload of an iterable that breaks off says that it cannot be repeated."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.patch", status=503)
    with opened(fake_ghcr) as client, pytest.raises(UploadError, match="cannot be read again"):
        client.upload_blob(REF, pieces())


def test_a_file_that_shrinks_is_an_error(fake_ghcr: Peer) -> None:
    """An open file that is shorter than it was when the upload began is not sent as something else."""
    file = io.BytesIO(WHOLE)

    def shrink(event: Progress) -> None:
        if event.state == "started":
            file.truncate(10)

    with opened(fake_ghcr) as client, pytest.raises(GhcrError):
        client.upload_blob(REF, file, progress=shrink)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(io.StringIO("x"), "open for text", id="text file"),
        pytest.param(["x"], "gave str", id="texts"),
        pytest.param([b"x", None], "gave NoneType", id="none"),
        pytest.param(7, "not int", id="number"),
    ],
)
def test_content_that_is_none(fake_ghcr: Peer, content: Any, says: str) -> None:
    """Content of another type is a TypeError that names it."""
    with opened(fake_ghcr) as client, pytest.raises(TypeError, match=says):
        client.upload_blob(REF, content)


@pytest.mark.parametrize("kind", ["open file", "FileSource", "StreamSource", "path"])
def test_a_promised_digest_is_checked(fake_ghcr: Peer, tmp_path: Path, kind: str) -> None:
    """Content that has not the digest that was given with it never becomes a blob, whatever kind it is."""
    (tmp_path / "file").write_bytes(b"hello")
    content: Any = {
        "open file": io.BytesIO(b"hello"),
        "FileSource": FileSource(tmp_path / "file"),
        "StreamSource": StreamSource(slowly(b"hello")),
        "path": tmp_path / "file",
    }[kind]
    wrong = "sha256:" + "0" * 64
    with opened(fake_ghcr) as client:
        with pytest.raises(DigestMismatch):
            client.upload_blob(REF, content, digest=wrong)
        assert not client.blob_exists(REF, wrong)


def test_what_an_iterable_raises_is_raised(fake_ghcr: Peer) -> None:
    """An exception of the caller's iterable ends the upload, and is what the caller sees."""

    def broken() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise LookupError("no more")

    with opened(fake_ghcr) as client:
        with pytest.raises(LookupError, match="no more"):
            client.upload_blob(REF, broken())
        assert client.health_check().ok


def test_progress_is_told_in_the_callers_thread(fake_ghcr: Peer) -> None:
    """Progress arrives in order, whole, in the thread that waits, which may use the client meanwhile."""
    seen: list[Progress] = []

    def tell(event: Progress) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.append(event)
        assert client.list_tags(REF) == ["v1"]

    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed(f"{REF}:v1")
    with opened(fake_ghcr) as client:
        client.upload_blob(REF, b"x" * 1000, progress=tell)
    assert [each.state for each in seen][0 :: len(seen) - 1] == ["started", "done"]


def test_what_a_callback_raises_is_raised(fake_ghcr: Peer) -> None:
    """An exception of a progress callback ends the operation, and is what the caller sees."""

    def tell(event: Progress) -> None:
        raise LookupError(event.state)

    with opened(fake_ghcr) as client:
        with pytest.raises(LookupError):
            client.upload_blob(REF, b"x" * 1000, progress=tell)
        assert client.health_check().ok


# --- it is opened and closed


def test_a_client_is_used_while_it_is_open(fake_ghcr: Peer) -> None:
    """Before and after, each operation says that the client is closed; nothing is asked of the registry."""
    client = opened(fake_ghcr)
    with pytest.raises(ConfigError, match="use it inside `with`"):
        client.list_tags(REF)
    client.close()
    with client:
        tags = client.iter_tags(REF)
    for use in (lambda: client.list_tags(REF), lambda: next(tags)):
        with pytest.raises(ConfigError, match="use it inside `with`"):
            use()
    client.close()
    with pytest.raises(ConfigError, match="opened once"):
        client.open()
    assert fake_ghcr.simulator is not None
    assert not fake_ghcr.simulator.requests()


def sockets() -> int:
    """How many sockets, pipes and selectors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc")
def test_nothing_is_left(registry: Peer, repository: str) -> None:
    """A client that was closed has no thread and no socket, over TLS neither."""
    gc.collect()
    before, threads = sockets(), set(threading.enumerate())
    with opened(registry) as client:
        client.upload_blob(repository, pieces())
        client.upload_blob(repository, io.BytesIO(WHOLE))
        assert set(threading.enumerate()) > threads
    # The fake in this process lets go of its own ends a moment later.
    until(lambda: sockets() <= before)
    until(lambda: set(threading.enumerate()) <= threads)


def test_what_cannot_be_opened_leaves_nothing(fake_ghcr: Peer, tmp_path: Path) -> None:
    """A client that cannot be opened says why, and has no thread."""
    with pytest.raises(ConfigError, match="ca_file"):
        opened(fake_ghcr, ca_file=tmp_path / "none").open()
    with pytest.raises(ConfigError):
        opened(fake_ghcr, nonsense=1)


class Resource:
    """Something to hold open, which remembers how it was closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.told: list[Any] = []
        self._failure = failure

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self.told.append(error)
        if self._failure is not None:
            raise self._failure


def test_the_client_is_told_why_it_is_closed() -> None:
    """A simulation learns whether the block failed; what it raises at the end is raised."""
    resource, failure = Resource(SimulationError("disk full")), LookupError("x")
    background = Background(resource)
    with pytest.raises(SimulationError, match="disk full"):
        background.close(failure)
    assert resource.told == [failure]


def test_the_block_s_failure_is_passed_on(fake_ghcr: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaves the `with` block is what the client is closed with."""
    told = []
    leave = GhcrClient.__aexit__

    async def leaving(client: GhcrClient, kind: Any, error: Any, trace: Any) -> None:
        told.append(error)
        await leave(client, kind, error, trace)

    monkeypatch.setattr(GhcrClient, "__aexit__", leaving)
    with pytest.raises(LookupError), opened(fake_ghcr):
        raise LookupError
    with opened(fake_ghcr):
        pass
    assert [type(each) for each in told] == [LookupError, type(None)]


def test_closing_ends_what_other_threads_wait_for(fake_ghcr: Peer) -> None:
    """A thread whose operation runs while the client is closed gets an error at once, and no hang."""
    started = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            started.set()
            yield b"x"

    client = opened(fake_ghcr).open()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.upload_blob, REF, endless())
        started.wait()
        client.close()
        with pytest.raises(TransportError, match="closed before the operation had ended"):
            waiting.result()


def test_work_that_never_began_is_told(fake_ghcr: Peer) -> None:
    """Whoever comes while the client is being closed gets an error; no coroutine is left without an await."""
    for _ in range(50):
        client = opened(fake_ghcr).open()
        with ThreadPoolExecutor(2) as pool:
            pool.submit(client.close)
            try:
                client.health_check()
            except (ConfigError, TransportError) as error:
                assert "closed" in str(error)  # noqa: PT017 - it may also have been in time


def test_work_that_is_cancelled_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that the loop never came to begin is told so, whether the loop lives on or not."""
    background = Background(Resource())
    monkeypatch.setattr(Job, "begin", lambda job: job.cancel())
    with pytest.raises(TransportError, match="closed before"):
        background.run(asyncio.sleep(0))
    background.close()

    def interrupted(job: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(background, "_take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        background.run(asyncio.sleep(0))


def test_use_in_its_own_thread_is_refused(fake_ghcr: Peer) -> None:
    """Metrics and providers are called in the client's thread: there it refuses to wait for itself."""

    async def use(what: Any) -> None:
        what()

    with opened(fake_ghcr) as client:
        for what in (lambda: client.list_tags(REF), client.close):
            with pytest.raises(ConfigError, match="wait for itself"):
                client.run(use(what))


def test_garbage_is_told_of_and_closed(fake_ghcr: Peer) -> None:
    """A client that nobody closed warns when it is collected, and closes itself without anybody waiting."""
    client = opened(fake_ghcr).open()
    client.upload_blob(REF, pieces())
    with pytest.warns(ResourceWarning, match="was never closed: use `with`"):
        del client  # CPython collects it here, others later
    until(lambda: not any(each.name == "ghcr-client" for each in threading.enumerate()))


def test_garbage_that_its_own_thread_collects(fake_ghcr: Peer) -> None:
    """The client's own thread may be the one that collects it."""
    kept = [opened(fake_ghcr).open()]
    background = kept[0]._background
    assert background is not None

    async def collect() -> None:
        kept.clear()
        gc.collect()

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        background.run(collect())
    assert "was never closed" in str(said[0].message)


# --- interrupts


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_cancels(fake_ghcr: Peer, tmp_path: Path) -> None:
    """Ctrl-C ends the operation: its temporary files are gone when it is raised, and the client goes on."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed(f"{REF}:v1")
    held = asyncio.Event()

    async def wait() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            held.set()

    with opened(fake_ghcr) as client:
        with pytest.raises(KeyboardInterrupt):
            client.run(wait())
        assert held.is_set()
        assert client.list_tags(REF) == ["v1"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_may_come_at_any_moment() -> None:
    """However early or late an interrupt comes, it is raised as such, the work has ended, and the next one runs."""

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return 1

    background = Background(Resource())
    for _ in range(100):
        try:
            assert background.run(work()) == 1
            time.sleep(1)
        except KeyboardInterrupt:
            pass
    assert background.run(slowly(b"x" * 9).__anext__()) == b"x" * 5
    assert not background._jobs
    background.close()


def test_an_interrupted_download_leaves_no_file(fake_ghcr: Peer, tmp_path: Path) -> None:
    """An interrupt in the middle of a download leaves neither the file nor a part of it."""

    def tell(event: Progress) -> None:
        raise KeyboardInterrupt

    with opened(fake_ghcr) as client:
        blob = client.upload_blob(REF, b"x" * 5_000_000)
        with pytest.raises(KeyboardInterrupt):
            client.download_blob(REF, blob.digest, tmp_path / "blob", progress=tell)
        assert not list(tmp_path.iterdir())
        assert client.blob_exists(REF, blob.digest)


def test_work_that_was_given_up_gets_no_more_answers() -> None:
    """Work that asks its caller for something after it was cancelled is cancelled again, and nobody hangs."""
    came = []

    async def work() -> None:
        try:
            await asked(interrupt)
        finally:
            came.append(1)
            await asked(lambda: came.append(2))

    def interrupt() -> None:
        raise KeyboardInterrupt

    background = Background(Resource())
    with pytest.raises(KeyboardInterrupt):
        background.run(work())
    assert came == [1]
    background.close()


# --- forks


FORKED = """\
import os, sys, warnings
from ghcr_client import GhcrError, SyncGhcrClient
client = SyncGhcrClient(registry="http://127.0.0.1:1").open()
tags = client.iter_tags("acme/app")
child = os.fork()
if child == 0:
    for use in (client.health_check, lambda: next(tags)):
        try:
            use()
        except GhcrError as error:
            print(error, flush=True)
    client.close()
    del client
    with SyncGhcrClient(registry="http://127.0.0.1:1") as other:
        print(other.health_check().ok, flush=True)
    sys.exit(0)
print(os.waitpid(child, 0)[1], flush=True)
print(client.health_check().ok)
client.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_told() -> None:
    """In a forked child the parent's client says so and is closed without a hang; a client of its own works there."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", FORKED],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said = "the client was opened before a fork, and its thread stayed behind: open another one"
    assert done.stdout.splitlines() == [said, said, "False", "0", "False"]
    assert not done.stderr


def test_an_exit_without_close_does_not_hang() -> None:
    """A program that ends with an open client ends."""
    code = 'from ghcr_client import SyncGhcrClient\nclient = SyncGhcrClient(registry="http://127.0.0.1:1").open()'
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not done.stderr
