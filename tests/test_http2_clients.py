"""HTTP/2 as real clients speak it: nghttp2 (curl), Go, Node."""

from __future__ import annotations

import asyncio
import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from h2peer import authority, go
from tools import require, run

from ghcr_sim.exchange import Body, Content, Request, Response, Wire
from ghcr_sim.http2 import AlpnSwitch, Http2Server, offered
from ghcr_sim.store import BytesBlob

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

pytestmark = pytest.mark.clients

BIG = bytes(range(256)) * 40_000  # 10 MB
DIGEST = hashlib.sha256(BIG).hexdigest()

GO = """
package main

import ("crypto/sha256"; "fmt"; "io"; "net/http"; "os")

func main() {
	method, url := os.Args[1], os.Args[2]
	var body io.Reader
	if method == "PUT" { body, _ = os.Open(os.Args[3]) }
	request, _ := http.NewRequest(method, url, body)
	answer, err := http.DefaultClient.Do(request)
	if err != nil { fmt.Println(err); return }
	hash := sha256.New()
	_, err = io.Copy(hash, answer.Body)
	fmt.Printf("%s %d %x %v\\n", answer.Proto, answer.StatusCode, hash.Sum(nil), err)
}
"""

NODE = """
const [, method, url, file] = process.argv, { origin, pathname } = new URL(url);
const client = require('http2').connect(origin, { ALPNProtocols: ['h2'] });
const hash = require('crypto').createHash('sha256');
const request = client.request({ ':method': method, ':path': pathname }, { endStream: method != 'PUT' });
let status;
const say = error => { console.log('HTTP/2.0', status, hash.digest('hex'), error); client.close(); };
request.on('response', headers => { status = headers[':status']; });
request.on('data', data => hash.update(data));
request.on('end', () => { request.rstCode || say('<nil>') });
request.on('error', error => say(error.message));
if (method == 'PUT') require('fs').createReadStream(file).pipe(request);
"""


async def handler(request: Request, body: Body) -> Response:
    """Content, an echo's digest, or one of the effects."""
    content = Content(BytesBlob("sha256:0", [BIG]), 0, len(BIG))
    headers = (("content-length", str(len(BIG))),)
    match request.target:
        case "/take":
            hashed = hashlib.sha256()
            async for piece in body.pieces():
                hashed.update(piece)
            return Response(201, (("x-digest", hashed.hexdigest()), ("content-length", "0")))
        case "/refuse":
            return Response(401, (("content-length", "3"),), b"no\n")
        case "/cut":
            return Response(200, headers, content, Wire(cut_after=5_000_000))
        case "/reset":
            return Response(200, wire=Wire(reset=True))
    return Response(200, headers, content)


async def old(request: web.BaseRequest) -> web.Response:
    """HTTP/1.1."""
    return web.Response(text="old")


def with_client(
    tmp_path: Path, path: str, *words: str, loop: str = "asyncio", **env: str
) -> CompletedProcess[str]:
    """Run a client against the server; `URL`, `FILE` and `CA` among its words are replaced."""
    (tmp_path / "big").write_bytes(BIG)
    authority().write(tmp_path)
    done: list[CompletedProcess[str]] = []

    async def test() -> None:
        server, aiohttp = Http2Server(handler), web.Server(old)
        factory = partial(AlpnSwitch, server, aiohttp)
        context = authority().server_context(alpn=offered())
        listener = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        ca = str(tmp_path / "ca.crt")
        places = {"URL": f"https://127.0.0.1:{port}{path}", "FILE": str(tmp_path / "big"), "CA": ca}
        surroundings = {**os.environ, "SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca, **env}
        argv = [places.get(word, word) for word in words]
        done.append(await asyncio.to_thread(run, *argv, env=surroundings, check=False, timeout=120))
        listener.close()
        await server.shutdown(1)
        await aiohttp.shutdown(1)

    go(test(), loop)
    return done[0]


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A client in Go."""
    require("go")
    directory = tmp_path_factory.mktemp("go")
    (directory / "main.go").write_text(GO)
    run("go", "build", "-o", directory / "client", directory / "main.go", timeout=300)
    return str(directory / "client")


CURL = (
    "curl",
    "-sS",
    "--cacert",
    "CA",
    "-w",
    "\n%{http_version} %{http_code} %{size_download} %header{x-digest}",
)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("path", "words", "says", "status"),
    [
        pytest.param("/", ["--http2"], f"2 200 {len(BIG)}", 0, id="download"),
        pytest.param("/", ["--http1.1"], "1.1 200 3 ", 0, id="http/1.1"),
        pytest.param("/", ["--http2", "--head"], "2 200 0 ", 0, id="head"),
        pytest.param("/take", ["--http2", "-T", "FILE"], f"2 201 0 {DIGEST}", 0, id="upload"),
        pytest.param("/refuse", ["--http2", "-T", "FILE"], "2 401 3 ", 0, id="refused upload"),
        pytest.param("/cut", ["--http2"], "2 200 ", 92, id="cut"),
        pytest.param("/reset", ["--http2"], "0 000 0", 92, id="reset"),
    ],
)
def test_curl(  # noqa: PLR0917 - a table's columns
    path: str, words: list[str], says: str, status: int, loop: str, tmp_path: Path
) -> None:
    """Curl downloads, uploads, is refused, and sees cuts as errors of the stream (its exit status 92)."""
    require("curl")
    done = with_client(tmp_path, path, *CURL, "-o", os.devnull, *words, "URL", loop=loop)
    assert done.stdout.splitlines()[-1].startswith(says), done.stderr
    assert done.returncode == status, done.stderr


EMPTY = hashlib.sha256(b"").hexdigest()
CASES = {
    "download": ("GET", "/", "HTTP/2.0 200", DIGEST, "<nil>"),
    "upload": ("PUT", "/take", "HTTP/2.0 201", EMPTY, "<nil>"),
    "refused upload": ("PUT", "/refuse", "HTTP/2.0 401", hashlib.sha256(b"no\n").hexdigest(), "<nil>"),
    "cut": ("GET", "/cut", "HTTP/2.0 200", hashlib.sha256(BIG[:5_000_000]).hexdigest(), "INTERNAL_ERROR"),
    "reset": ("GET", "/reset", "", "", "INTERNAL_ERROR"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.row("7.13")
def test_go(case: str, go_client: str, tmp_path: Path) -> None:
    """Go, in which most registry clients are written, sees cuts in the words that people report of GHCR."""
    method, path, *says = CASES[case]
    out = with_client(tmp_path, path, go_client, method, "URL", "FILE").stdout
    assert all(words in out for words in says), out
    assert ("received from peer" in out) == (says[-1] == "INTERNAL_ERROR")


@pytest.mark.parametrize("case", CASES)
def test_node(case: str, tmp_path: Path) -> None:
    """Node's own HTTP/2 client sees the same."""
    require("node")
    method, path, *says = CASES[case]
    if case == "refused upload":
        says.pop()  # it has the answer, and then complains that its pipe still writes
    out = with_client(tmp_path, path, "node", "-e", NODE, method, "URL", "FILE").stdout
    assert all(words in out for words in says), out
