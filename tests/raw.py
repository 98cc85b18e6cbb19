"""HTTP/1.1 by hand: what a fake puts on the wire, byte for byte and header for header.

An HTTP library would hide what is tested here: the order and the repetition of header fields, a body's exact
end, a relative `Location`. Nothing is followed, retried, decoded or sent that the test does not say.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DATE", "REQUEST_ID", "UUID", "Like", "Raw", "Reply", "basic", "bearer", "refused"]


class Like:
    """Equal to every string that a pattern matches whole: for header values that differ each time."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self._pattern, other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"Like({self._pattern!r})"


DATE = Like(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d:\d\d GMT"
)
REQUEST_ID = Like(r"[0-9A-F]{4}(:[0-9A-F]{4,8}){3}:[0-9A-F]{8}")
UUID = Like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came.

    Attributes:
        status: The status.
        headers: Names and values in the order and spelling in which they came.
        body: The body, whole.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Name → value. Names keep their spelling, and none may come twice."""
        fields = dict(self.headers)
        assert len(fields) == len(self.headers), f"a header field came twice: {self.headers}"
        return fields

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, code and message of an error body with one entry that has nothing else."""
        (entry,) = self.json()["errors"]
        assert list(entry) == ["code", "message"], self.body
        return self.status, entry["code"], entry["message"]


class Raw:
    """Sends one request a connection.

    Args:
        host: Name and port to connect to.
        timeout: Seconds after which a fake that says nothing has hung.
    """

    def __init__(self, host: str, *, timeout: float = 10) -> None:
        self.host = host
        self.timeout = timeout

    def __call__(
        self,
        method: str,
        target: str,
        *headers: tuple[str, str],
        body: bytes | Iterable[bytes] = b"",
        host: str | None = None,
        promise: int | None = None,
    ) -> Reply:
        """Send a request and read its answer.

        Args:
            method: The method.
            target: Path and query, as they shall go out.
            headers: More header fields. `host` and what describes the body are added.
            body: The body; anything but bytes goes out in chunks.
            host: What `Host` says; None is where the connection goes.
            promise: Announce so many bytes; `body` is what is sent of them.

        Raises:
            TimeoutError: The fake hangs.
            EOFError: It closed the connection before its answer was whole.
            ConnectionResetError: It reset the connection.
        """
        name, _, port = self.host.rpartition(":")
        with socket.create_connection((name.strip("[]"), int(port)), self.timeout) as sock:
            sock.sendall(_head(method, target, host or self.host, headers, body=body, promise=promise))
            for piece in _pieces(body):
                sock.sendall(piece)
            return _read(sock, method, leftover=promise is None)

    def fetch(self, url: str, *headers: tuple[str, str], method: str = "GET") -> Reply:
        """Ask for an absolute URL, on this connection's port, whatever name it has."""
        parts = urlsplit(url)
        assert parts.scheme, f"not absolute: {url}"
        return self(method, f"{parts.path}?{parts.query}", *headers, host=parts.netloc)


def _head(
    method: str,
    target: str,
    host: str,
    headers: tuple[tuple[str, str], ...],
    *,
    body: bytes | Iterable[bytes],
    promise: int | None,
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if not isinstance(body, bytes):
        lines.append("Transfer-Encoding: chunked")
    elif promise is not None or body or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body) if promise is None else promise}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _pieces(body: bytes | Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    for piece in body:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _read(sock: socket.socket, method: str, *, leftover: bool) -> Reply:
    """Read one answer; with `leftover`, read on to the end and see that nothing follows it."""
    with sock.makefile("rb") as file:
        status = int(_line(file).split(b" ")[1])
        headers = []
        while line := _line(file):
            name, _, value = line.decode("utf-8").partition(": ")
            headers.append((name, value))
        length = int(dict(headers).get("content-length", "0"))
        empty = method == "HEAD" or status == 204
        body = b"" if empty else file.read(length)
        if len(body) < (0 if empty else length):
            raise EOFError(f"{len(body)} of {length} bytes came")
        if leftover:
            sock.shutdown(socket.SHUT_WR)
            assert file.read() == b"", "the answer is longer than it says"
    return Reply(status, tuple(headers), body)


def _line(file: Any) -> bytes:
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError(f"the connection was closed in the head, after {line!r}")
    return bytes(line[:-2])


def bearer(secret: str) -> tuple[str, str]:
    """`Authorization` with a secret as GHCR wants it: in base64, as a bearer."""
    return ("Authorization", "Bearer " + base64.b64encode(secret.encode()).decode())


def basic(user: str, password: str) -> tuple[str, str]:
    """`Authorization: Basic`."""
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def refused(code: str, message: str) -> bytes:
    """GHCR's error body, spelled out here once more: compact, in this order, with one newline at the end."""
    return f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}\n'.encode()
