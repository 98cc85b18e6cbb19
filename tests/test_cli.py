"""The command `ghcr-sim`, as people start and stop it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asking import basic, descriptor, image
from raw import Raw, bearer
from raw import basic as basic_header

from ghcr_sim.cli import main
from ghcr_sim.commands.serve import Options, loop_factory, run
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_MANIFEST
from ghcr_sim.store import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

A = "acme/app"
SECRET = "ghp_SECRET0marker"
ANYBODY = bearer("ghp_anything")
"""A token as an open house takes it without a login."""


def command(*words: str | Path, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    argv = [sys.executable, "-W", "error", "-m", "ghcr_sim", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)


class Serving:
    """`ghcr-sim serve` in a process of its own."""

    def __init__(self, *words: str | Path) -> None:
        argv = [sys.executable, "-W", "error", "-m", "ghcr_sim", "serve", *map(str, words)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = self.line(r"ghcr-sim is ghcr\.io at (\S+) \(profile \w+\)")
        self.host = self.url.partition("://")[2]

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return "\n".join(self.lines)

    def line(self, pattern: str, seconds: float = 15) -> str:
        """Wait for a line; its first group."""
        late = time.monotonic() + seconds
        while not (found := re.search(pattern, self.output)):
            assert self.process.poll() is None or time.monotonic() < late - seconds + 1, self.output
            assert time.monotonic() < late, self.output
            time.sleep(0.01)
        return found[1] if found.groups() else found[0]

    def stop(self, name: signal.Signals = signal.SIGTERM, seconds: float = 10) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(name)
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def kill(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()


@contextlib.contextmanager
def serving(*words: str | Path) -> Iterator[Serving]:
    """Serve on a free port for as long as the block runs; then SIGTERM must end it well."""
    server = Serving("--port", "0", *words)
    try:
        yield server
        assert server.process.poll() is None, server.output
        assert server.stop() == 0, server.output
        assert "Traceback" not in server.output
        assert "Warning" not in server.output
    finally:
        server.kill()


def push(raw: Raw, who: tuple[str, str], tag: str, word: str = "word") -> str:
    """Push an image; its digest."""
    for data in (b"{}", word.encode()):
        where = raw("POST", f"/v2/{A}/blobs/uploads/", who)["location"]
        assert raw("PUT", f"{where}?digest={digest_of(data)}", who, body=data).status == 201
    kind = ("Content-Type", OCI_MANIFEST)
    answer = raw("PUT", f"/v2/{A}/manifests/{tag}", who, kind, body=json.dumps(image(word)).encode())
    assert answer.status == 201
    return answer["docker-content-digest"]


# -- words


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["serve", "--help"], ["serve", "-h"]], ids=" ".join)
def test_help(told: Callable[..., tuple[int, str, str]], words: list[str]) -> None:
    """`--help` says what there is, and ends well."""
    status, out, err = told(*words)
    assert (status, err) == (0, "")
    serve = "--port --profile --store --seed --tls --credentials --public"
    assert all(word in out for word in (serve if "serve" in words else "serve demo").split())


def test_version(told: Callable[..., tuple[int, str, str]]) -> None:
    """`--version` says which one it is."""
    status, out, _ = told("--version")
    assert status == 0
    assert re.fullmatch(r"ghcr-sim, version \d+\.\d+\.\d+\n", out)


def test_the_installed_command() -> None:
    """The command that is installed is the module."""
    program = Path(sys.executable).with_name("ghcr-sim")
    if not program.exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == command("--version").stdout


WRONG: dict[str, tuple[list[str], int, str]] = {
    "no command": ([], 2, "Usage"),
    "unknown command": (["sevre"], 2, "No such command 'sevre'"),
    "unknown option": (["serve", "--prot", "1"], 2, "--port"),
    "no value": (["serve", "--port"], 2, "requires an argument"),
    "port is a word": (["serve", "--port", "http"], 2, "not a valid int"),
    "port too large": (["serve", "--port", "70000"], 2, "65535"),
    "port below 0": (["serve", "--port", "-1"], 2, "65535"),
    "an argument": (["serve", "now"], 2, "unexpected extra argument (now). See"),
    "no such seed": (["serve", "--seed", "absent.tar"], 2, "absent.tar"),
    "store is a file": (["serve", "--store", __file__], 2, "is a file"),
    "no such profile": (["serve", "--profile", "ghrc"], 1, "no profile 'ghrc': take one of ghcr, oci"),
    "no such profile file": (["serve", "--profile", "absent.toml"], 1, "cannot read the profile absent.toml"),
    "no such credentials": (["serve", "--credentials", "absent.toml"], 1, "cannot read the credentials file"),
    "credentials are no TOML": (["serve", "--credentials", __file__], 1, "is not TOML"),
    "profile is no TOML": (["serve", "--profile", "{bad}"], 1, "is not TOML"),
    "seed is no image": (["serve", "--seed", __file__], 1, "test_cli.py"),
    "nothing to read only": (["serve", "--read-only"], 2, "--read-only means nothing without --store"),
    "no seed to name": (["serve", "--seed-as", "a/b"], 2, "--seed-as means nothing without --seed"),
    "a directory for no CA": (["serve", "--tls-dir", "."], 2, "--tls-dir means nothing without --tls"),
    "a name on no certificate": (["serve", "--tls-name", "x"], 2, "--tls-name means nothing without --tls"),
    "a registry that nobody asks": (
        ["verify", __file__, "--upstream", "https://x"],
        2,
        "--upstream means nothing without --live",
    ),
    "address of nobody": (["serve", "--host", "192.0.2.1"], 1, "cannot listen on 192.0.2.1 port 5000"),
    "no storage": (["serve", "--storage-url", "ftp://x"], 1, "a storage URL is http:// or https://"),
    "storage on a path": (["serve", "--storage-url", "http://x/y"], 1, "and no more: got 'http://x/y'"),
    "storage on no port": (["serve", "--storage-url", "http://x:y"], 1, "and no more: got 'http://x:y'"),
    "impossible name": (["serve", "--host", "a" * 70], 1, "cannot listen on"),
}


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command in this process: exit code and what it says. `{bad}` is a file that is no TOML."""
    bad = tmp_path / "bad.toml"
    bad.write_text("a = = b")

    def tell(*words: str) -> tuple[int, str, str]:
        argv = [str(bad) if word == "{bad}" else word for word in words]
        monkeypatch.setattr(sys, "argv", ["ghcr-sim", *argv])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return tell


@pytest.mark.parametrize(("words", "code", "wanted"), WRONG.values(), ids=WRONG)
def test_wrong_words(
    told: Callable[..., tuple[int, str, str]], words: list[str], code: int, wanted: str
) -> None:
    """A wrong option is one line that says what to type; 2 is a wrong word, 1 what it leads to."""
    status, out, err = told(*words)
    assert status == code
    assert wanted in out + err
    if words:
        assert out == ""
        assert len(err.splitlines()) == 1
        assert err.startswith("ghcr-sim")
        assert code == 1 or err.endswith("--help`.\n")


@pytest.mark.parametrize(("words", "code"), [(["serve", "--prot"], 2), (["serve", "--profile", "ghrc"], 1)])
def test_wrong_words_in_a_shell(words: list[str], code: int) -> None:
    """The same, as a shell sees it: the exit code, one line, and no traceback."""
    done = command(*words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert "Traceback" not in done.stderr


def test_interrupted_before_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it starts ends it as a shell expects, without a traceback."""

    def interrupt(_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ghcr_sim.commands.serve.run", interrupt)
    monkeypatch.setattr(sys, "argv", ["ghcr-sim", "serve"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130


# -- serving


def test_it_says_where_it_is_and_what_to_type() -> None:
    """`serve` prints its URL, and a line to copy for each client, with its own address."""
    with serving() as server:
        server.line("helm registry login")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        for client in (
            "docker login",
            "podman login",
            "skopeo copy",
            "crane",
            "oras push",
            "helm registry login",
        ):
            (line,) = [line for line in server.lines if line.strip().startswith(client)]
            assert server.host in line
        assert "any login works" in server.output
        assert Raw(server.host)("GET", "/v2/").status == 401


def test_it_logs_one_line_a_request() -> None:
    """Each request is one readable line: status, operation, what was asked."""
    with serving() as server:
        raw = Raw(server.host)
        assert raw("GET", "/v2/").status == 401
        push(raw, bearer(SECRET), "v1")
        assert raw("GET", "/v2/a%0Ab%1B%5B31m/tags/list", ANYBODY).status == 400
        server.line("400  invalid")
        logged = [line for line in server.lines if re.match(r"[ 0-9]{3}  \S", line)]
        assert [line.split()[:2] for line in logged] == [
            ["401", "ping"],
            *[["202", "upload.post"], ["201", "upload.put"]] * 2,
            ["201", "manifest.put"],
            ["400", "invalid"],
        ]
        assert f"PUT /v2/{A}/manifests/v1" in logged[-2]
        assert "\x1b" not in server.output


def test_no_secret_is_logged(tmp_path: Path) -> None:
    """Tokens that come with requests, right, wrong or misplaced, are nowhere in the output."""
    file = tmp_path / "credentials.toml"
    file.write_text(f'[[credential]]\nlogin = "octocat"\ntoken = "{SECRET}"\nowners = ["*"]\n')
    with serving("--credentials", file) as server:
        raw = Raw(server.host)
        right, wrong = basic_header("octocat", SECRET), basic_header("octocat", SECRET + "x")
        assert raw("GET", "/token?scope=repository:acme/app:pull", right).status == 200
        assert raw("GET", f"/token?scope=x&account={SECRET}", wrong).status == 403
        for who in (
            bearer(SECRET),
            bearer("octocat:" + SECRET),
            ("Authorization", f"Bearer {SECRET}"),
            right,
        ):
            assert raw("GET", "/v2/", who).status in {200, 403}
        assert raw("GET", f"/ghcr1/blobs/{digest_of(b'')}?sig={SECRET}", bearer(SECRET)).status == 403
        assert raw("POST", "/token", body=f"password={SECRET}".encode()).status == 405
        assert raw("GET", f"http://octocat:{SECRET}@ghcr.io/v2/").status == 401
        with socket.create_connection(("127.0.0.1", int(server.host.rpartition(":")[2])), 5) as sock:
            sock.sendall(f"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {SECRET}\r\n\r\n".encode())
            assert b" 400 " in sock.recv(4096)
        server.line("405  token.post")
        server.line("refused what 127.0.0.1 sent: Invalid header token")
    for secret in (SECRET, base64.b64encode(SECRET.encode()).decode(), basic(SECRET).partition(" ")[2]):
        assert secret[:-4] not in server.output


def test_exactly_the_credentials_in_the_file_exist(tmp_path: Path) -> None:
    """With `--credentials` nobody else gets in, and the hints do not say that any login works."""
    file = tmp_path / "credentials.toml"
    file.write_text(
        '[[credential]]\nlogin = "acme"\ntoken = "writer"\n'
        '[[credential]]\nlogin = "guest"\ntoken = "reader"\nscopes = ["read:packages"]\n'
    )
    with serving("--credentials", file) as server:
        raw = Raw(server.host)
        push(raw, bearer("writer"), "v1")
        assert raw("GET", f"/v2/{A}/tags/list", bearer("reader")).status == 403
        assert raw("GET", "/token", basic_header("acme", "unknown")).status == 403
        assert raw("GET", "/token", basic_header("acme", "writer")).status == 200
        assert server.line(r"docker login (.*) 127") == "-u LOGIN -p TOKEN"
        assert "any" not in server.output


def test_a_credentials_file_holds_for_what_the_store_has(tmp_path: Path) -> None:
    """Its visibility and roles count at each start, without and with `--read-only`, which writes nothing."""
    file, store = tmp_path / "credentials.toml", tmp_path / "store"
    people = {"acme": "writer", "guest": "reader"}.items()
    credentials = "".join(f'[[credential]]\nlogin = "{who}"\ntoken = "{token}"\n' for who, token in people)
    file.write_text(credentials)
    with serving("--credentials", file, "--store", store) as server:
        push(Raw(server.host), bearer("writer"), "v1")
    kept = (store / "_packages.json").read_bytes()
    for options, package, status in (
        (["--read-only"], 'visibility = "public"', {"anybody": 200, "guest": 200}),
        ([], 'roles = { guest = "read" }', {"anybody": 401, "guest": 200}),
    ):
        file.write_text(f'{credentials}[package."{A}"]\n{package}\n')
        with serving("--credentials", file, "--store", store, *options) as server:
            raw = Raw(server.host)
            assert raw("GET", f"/token?scope=repository:{A}:pull").status == status["anybody"]
            assert raw("GET", f"/v2/{A}/tags/list", bearer("reader")).status == status["guest"]
        assert ((store / "_packages.json").read_bytes() == kept) == bool(options)
    assert json.loads((store / "_packages.json").read_bytes())[A]["roles"] == {
        "acme": "admin",
        "guest": "read",
    }


def test_nobody_reads_what_it_says() -> None:
    """Where the reader of stderr is gone clients are served on, and SIGTERM is no failure."""
    command = [sys.executable, "-m", "ghcr_sim", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        found = re.search(r"at http://(\S+) ", process.stderr.readline())
        process.stderr.close()
        assert [Raw(found[1])("GET", "/v2/").status for _ in range(2)] == [401, 401]
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("public", [True, False])
def test_public(public: bool) -> None:
    """`--public` lets anybody read what is pushed; without it nobody can."""
    with serving(*(["--public"] if public else [])) as server:
        raw = Raw(server.host)
        push(raw, ANYBODY, "v1")
        scope = f"/token?scope=repository:{A}:pull"
        assert raw("GET", scope).status == (200 if public else 401)
        accept = ("Accept", OCI_MANIFEST)
        assert raw("GET", f"/v2/{A}/manifests/v1", bearer("v1:x/y:1"), accept).status == (
            200 if public else 403
        )


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT], ids=lambda name: name.name)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "with connections"])
def test_it_stops_when_told(name: signal.Signals, busy: bool) -> None:
    """SIGTERM and SIGINT end it with 0, and quickly, also with idle connections and half a request."""
    server = Serving("--port", "0")
    try:
        port = int(server.host.rpartition(":")[2])
        with contextlib.ExitStack() as stack:
            if busy:
                for sent in (b"", b"GET /v2/ HT", b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"):
                    sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                    sock.sendall(sent)
                assert b" 401 " in sock.recv(100)
            start = time.monotonic()
            assert server.stop(name) == 0
            assert time.monotonic() - start < 3
        assert server.lines[-1] == "stopping" or "401" in server.lines[-1]
        assert "Traceback" not in server.output
    finally:
        server.kill()


def test_it_lets_an_upload_end(tmp_path: Path) -> None:
    """An upload that is under way when the signal comes is finished, and kept."""
    data = bytes(100_000)
    server = Serving("--port", "0", "--store", tmp_path, "--profile", "oci")
    try:
        with socket.create_connection(("127.0.0.1", int(server.host.rpartition(":")[2])), 5) as sock:
            head = (
                f"POST /v2/{A}/blobs/uploads/?digest={digest_of(data)} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {basic('any')}\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            sock.sendall(head.encode() + data[:50_000])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            server.line("stopping")
            sock.sendall(data[50_000:])
            assert sock.recv(100).startswith(b"HTTP/1.1 201 ")
        assert server.process.wait(10) == 0
    finally:
        server.kill()
    assert (tmp_path / A / "blobs/sha256" / digest_of(data).partition(":")[2]).read_bytes() == data


def test_the_fastest_loop_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is installed, uvloop's loop serves; where it is not, asyncio's own."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is None
    uvloop = type(sys)("uvloop")
    monkeypatch.setattr(uvloop, "new_event_loop", asyncio.new_event_loop, raising=False)
    monkeypatch.setitem(sys.modules, "uvloop", uvloop)
    assert loop_factory() is asyncio.new_event_loop


def test_a_port_that_is_taken() -> None:
    """A port that is taken is one line, and exit code 1."""
    with serving() as server:
        port = server.host.rpartition(":")[2]
        done = command("serve", "--port", port)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert f"cannot listen on 127.0.0.1 port {port}: " in done.stderr
        assert "--port 0" in done.stderr


# -- what it keeps


def test_a_store_persists(tmp_path: Path) -> None:
    """What was pushed with `--store DIR` is there after a restart, with its tags and its visibility."""
    store = tmp_path / "store"
    with serving("--store", store, "--public") as server:
        digest = push(Raw(server.host), ANYBODY, "v1")
    assert (store / A / "index.json").is_file()
    with serving("--store", store) as server:
        raw = Raw(server.host)
        accept = ("Accept", OCI_MANIFEST)
        answer = raw("GET", f"/v2/{A}/manifests/v1", bearer("v1:x/y:1"), accept)
        assert (answer.status, answer["docker-content-digest"]) == (200, digest)
        push(raw, ANYBODY, "v2", "other")
    with serving("--store", store, "--read-only") as server:
        raw = Raw(server.host)
        assert raw("GET", f"/v2/{A}/tags/list", ANYBODY).json()["tags"] == ["v1", "v2"]
        push(raw, ANYBODY, "v3", "third")
    with serving("--store", store) as server:
        assert Raw(server.host)("GET", f"/v2/{A}/tags/list", ANYBODY).json()["tags"] == ["v1", "v2"]


def test_a_store_has_one_writer(tmp_path: Path) -> None:
    """A second server on one `--store` is one clear line, and exit code 1; one that only reads is welcome."""
    with serving("--store", tmp_path):
        done = command("serve", "--port", "0", "--store", tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert str(tmp_path) in done.stderr
        with serving("--store", tmp_path, "--read-only") as reader:
            assert Raw(reader.host)("GET", "/v2/").status == 401


def test_a_store_that_is_killed_is_there_again(tmp_path: Path) -> None:
    """After `kill -9` the store opens at once, with what was confirmed, and without the upload that was not."""
    server = Serving("--port", "0", "--store", tmp_path)
    try:
        raw = Raw(server.host)
        digest = push(raw, ANYBODY, "v1")
        where = raw("POST", f"/v2/{A}/blobs/uploads/", ANYBODY)["location"]
        assert raw("PATCH", where, ANYBODY, body=b"half").status == 202
    finally:
        server.kill()
    with serving("--store", tmp_path) as server:
        answer = Raw(server.host)("HEAD", f"/v2/{A}/manifests/v1", ANYBODY, ("Accept", OCI_MANIFEST))
        assert answer["docker-content-digest"] == digest
        assert list((tmp_path / "_uploads").iterdir()) == []


def test_tls(tmp_path: Path) -> None:
    """`--tls` serves HTTPS with a CA made on the spot, tells where its certificate is, and removes it at the end."""
    with serving("--tls", "--tls-dir", tmp_path, "--tls-name", "registry.test") as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert server.line(r"SSL_CERT_FILE=(\S+)") == str(tmp_path / "ca.crt")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.url}/v2/", context=context, timeout=5)
        with caught.value as error:
            assert error.code == 401
            assert 'realm="https://127.0.0.1:' in error.headers["www-authenticate"]
    with serving("--tls") as server:
        ca = Path(server.line(r"SSL_CERT_FILE=(\S+)"))
        assert ca.is_file()
    assert not ca.parent.exists()


@pytest.fixture
def signals() -> Iterator[None]:
    """What signals did before, they do again."""
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


OPTIONS = Options(
    host="127.0.0.1",
    port=0,
    profile="oci",
    store=None,
    read_only=False,
    seeds=(),
    seed_as=None,
    tls=False,
    tls_dir=None,
    tls_names=(),
    credentials=None,
    storage_url=None,
    public=True,
)


@pytest.mark.usefixtures("signals")
def test_in_this_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same without a process of its own: `run` serves until a signal, and lets go of everything."""
    store, archive = tmp_path / "store", tmp_path / "image.tar"
    said: list[str] = []

    def stop() -> None:
        while not (found := re.search(r"at (https?)://(\S+) ", "".join(said))):
            said.append(capsys.readouterr().err)
            time.sleep(0.01)
        if found[1] == "http":
            assert Raw(found[2])("GET", "/v2/").status == 401
        os.kill(os.getpid(), signal.SIGTERM)

    archive.write_bytes(layout_tar())
    keeps = replace(OPTIONS, store=store)
    for options in (
        replace(keeps, seeds=(archive,), seed_as=A),
        replace(keeps, tls=True),
        replace(keeps, read_only=True),
    ):
        said.clear()
        thread = threading.Thread(target=stop)
        thread.start()
        run(options)
        thread.join()
        output = "".join(said) + capsys.readouterr().err
        assert output.endswith("stopping\n")
        assert (f"seeded {A}: v1" in output) is bool(options.seeds)
        assert ("401  ping" in output) is not options.tls
    DirectoryStore(store).close()


def layout_tar() -> bytes:
    """An OCI layout in a tar, with an image whose tag is `v1`."""
    manifest = json.dumps(image()).encode()
    entry = descriptor(manifest, OCI_MANIFEST) | {"annotations": {"org.opencontainers.image.ref.name": "v1"}}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    files |= {
        f"blobs/sha256/{digest_of(data).partition(':')[2]}": data for data in (b"{}", b"word", manifest)
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_seeds(tmp_path: Path, told: Callable[..., tuple[int, str, str]]) -> None:
    """`--seed` starts with an OCI layout, under the name that `--seed-as` gives it, and says what it took."""
    layout = tmp_path / "layout"
    with tarfile.open(fileobj=io.BytesIO(layout_tar())) as tar:
        tar.extractall(layout, filter="data")
    with serving("--seed", layout, "--seed-as", A) as server:
        assert server.line(r"seeded (\S+): v1") == A
        answer = Raw(server.host)("GET", f"/v2/{A}/tags/list", ANYBODY)
        assert answer.json()["tags"] == ["v1"]
    status, out, err = told("serve", "--port", "0", "--seed", str(layout))
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "--seed-as" in err


def test_demo(told: Callable[..., tuple[int, str, str]]) -> None:
    """`demo` shows the main job in one go, and ends well."""
    status, out, err = told("demo")
    assert (status, err) == (0, "")
    assert "every digest verified" in out
    for line in ("201  manifest.put", "307  blob.get", "405  manifest.delete", "416  upload.patch"):
        assert line in out


def test_the_module_is_the_command() -> None:
    """`python -m ghcr_sim` is `ghcr-sim`."""
    argv = [sys.executable, "-W", "error", "-m", "ghcr_sim", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("ghcr-sim, version ")


def test_a_reader_that_goes_away() -> None:
    """Output into a pipe that closes does not end in a traceback."""
    argv = f"{sys.executable} -m ghcr_sim serve --help | head -1"
    done = subprocess.run(
        argv, shell=True, capture_output=True, text=True, timeout=20, check=True, env=dict(os.environ)
    )
    assert done.stdout.startswith("Usage")
    assert "Traceback" not in done.stderr
