"""A registry whose blobs stop in the middle, and one that says hostile things."""

from __future__ import annotations

import contextlib
import json
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from ghcr_client.models import OCI_CONFIG, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stalling", "served"]

SIZE = 8_000_000
CONFIG = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:%b"]}}' % (
    b"0" * 64
)


def _descriptor(kind: str, content: bytes, size: int | None = None) -> dict[str, Any]:
    digest = f"sha256:{sha256(content).hexdigest()}"
    return {"mediaType": kind, "digest": digest, "size": len(content) if size is None else size}


class Stalling(ThreadingHTTPServer):
    """Sends a config whole, and half of each other blob; then it waits.

    Attributes:
        reached: Is set when half a blob was sent.
        end: Lets all go.
        tags: What it says its tags are.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reached = threading.Event()
        self.end = threading.Event()
        self.tags: list[str] = []
        self.layer = _descriptor("application/vnd.oci.image.layer.v1.tar", b"layer", SIZE)
        self.config = _descriptor(OCI_CONFIG, CONFIG)
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.config,
            "layers": [self.layer],
            "annotations": {"note\x1b[2J": "a\nb\x9b"},
        }
        self.manifest = json.dumps(manifest).encode()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Stalling
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if "/manifests/" in self.path:
            self._answer(self.server.manifest, OCI_MANIFEST)
        elif "/tags/list" in self.path:
            self._answer(json.dumps({"name": "a/b", "tags": self.server.tags}).encode(), "application/json")
        elif self.server.config["digest"] in self.path:
            self._answer(CONFIG, OCI_CONFIG)
        elif "/blobs/" in self.path:
            self._stall()
        else:
            self._answer(b"{}", "application/json")

    def _answer(self, body: bytes, kind: str, size: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        self.end_headers()
        self.wfile.write(body)

    def _stall(self) -> None:
        with contextlib.suppress(OSError):
            self._answer(bytes(SIZE // 2), "application/octet-stream", SIZE)
        self.server.reached.set()
        self.server.end.wait()
        self.close_connection = True

    def do_POST(self) -> None:
        self.send_response(202)
        self.send_header("Location", f"{self.server.url}/v2/a/b/blobs/uploads/1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_PATCH(self) -> None:
        self.server.reached.set()
        self.server.end.wait()
        self.close_connection = True

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002 - the base class's word
        pass


@contextlib.contextmanager
def served() -> Iterator[Stalling]:
    """One that runs for as long as the block does."""
    with Stalling() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.end.set()
            server.shutdown()
            thread.join()
