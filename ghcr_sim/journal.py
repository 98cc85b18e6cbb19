"""What happened, for assertions and for people. No secret is ever written down."""

from __future__ import annotations

import re
import time
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from ghcr_sim.exchange import Content, Relay, origin_form
from ghcr_sim.route import OPERATIONS, near_operations
from ghcr_sim.shapes import masked

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_sim.exchange import Request, Response
    from ghcr_sim.route import Operation

__all__ = ["LEAK", "Journal", "Record", "printable", "size_told"]

LEAK = "storage: credential leak"
"""Who answered, where a credential arrived that must not."""


_NAMES = OPERATIONS | {"invalid"}


class Record(NamedTuple):
    """One exchange.

    Attributes:
        operation: One of `route.OPERATIONS`; `invalid` where the request was none of them.
        method: The HTTP method.
        target: Path and query; signatures are left out.
        repository: The repository, or the empty string.
        reference: A tag, a digest or an upload id.
        status: The answer's status; 0 where none went out.
        received: Bytes of the request's body that were read.
        sent: Bytes of the answer's body that were to be sent.
        seconds: From the head's arrival to the answer's head.
        by: Which room answered.
        leak: A credential arrived where it must not.
        digest: Of a manifest that was downloaded: which one it was, whatever its tag points at now.
    """

    operation: str
    method: str
    target: str
    repository: str
    reference: str
    status: int
    received: int
    sent: int
    seconds: float
    by: str
    leak: bool = False
    digest: str = ""

    def line(self) -> str:
        """The record as a line for people: status, operation, what was asked, bytes in and out, time."""
        what = f"{self.method} {_shown(self.target)}".ljust(62)
        leak = "  CREDENTIAL LEAK" if self.leak else ""
        size = f"{size_told(self.received)} in" if self.received else f"{size_told(self.sent)} out"
        time_taken = f"{self.seconds * 1e3:6.1f} ms"
        return f"{self.status:3}  {self.operation.ljust(15)}  {what}  {size.rjust(12)}  {time_taken}{leak}"


_HIDDEN = re.compile(r"([?&](?!(?:n|last|mount|from|digest|artifactType|page|per_page)=)[^=&]*=)[^&]*")
"""A key of a query that the protocol does not know, and its value."""

_LONG = re.compile(
    r"(?P<keep>sha(?:256|512):[0-9a-f]{8})[0-9a-f]{56,}|(?P<id>/[0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22,}"
)


@lru_cache(maxsize=256)
def _shown(target: str) -> str:
    """A target as people read it. Clients ask for the same few again and again."""
    return _LONG.sub(_shorter, printable(masked(unquote(target))))


def printable(text: str) -> str:
    """A text on one line that does nothing to a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _shorter(match: re.Match[str]) -> str:
    """The start of a digest or of an upload's id: enough to know it by."""
    return (match["keep"] or match["id"]) + "…"


def size_told(size: int) -> str:
    """A size in bytes for people, with at most four digits: `4.2 KiB`."""
    if size < 1024:  # noqa: PLR2004 - the unit is full
        return f"{size} B"
    number = float(size)
    for unit in ("KiB", "MiB"):
        number /= 1024
        if number < 1024:  # noqa: PLR2004 - the same
            return f"{number:.1f} {unit}"
    return f"{number / 1024:.1f} GiB"


def _length(body: bytes | Content | Relay) -> int:
    """How many bytes a body has; of a stream whose size nobody knows, 0."""
    if isinstance(body, Content):
        return body.stop - body.start
    return body.size or 0 if isinstance(body, Relay) else len(body)


class Journal:
    """The records of a fake, oldest first.

    Args:
        most: How many are kept; older ones are forgotten.
        listener: Called with each record as it is made.
    """

    def __init__(self, most: int = 100_000, listener: Callable[[Record], None] | None = None) -> None:
        self._records: deque[Record] = deque(maxlen=most)
        self.listener = listener

    def now(self) -> float:
        """A time to measure from: seconds, from no particular start."""
        return time.perf_counter()

    def write(
        self,
        start: float,
        request: Request,
        operation: Operation | None,
        answer: Response | None,
        received: int,
    ) -> None:
        """Write one exchange down."""
        seconds = time.perf_counter() - start
        method, target, _, _, _ = request
        target = origin_form(target)
        if operation is None:
            name, repository, reference = "invalid", "", ""
            target = target.partition("?")[0]
        else:
            name, repository, reference = operation.name, operation.repository, operation.reference
            if "?" in target:
                # What the protocol does not know may be a secret: a signature, a state, a token.
                known = not name.startswith(("storage", "token"))
                target = _HIDDEN.sub(r"\1***", target) if known else target.partition("?")[0]
        status, sent, by, digest = 0, 0, "nobody", ""
        if answer is not None:
            status, headers, body, wire, by = answer
            if name == "manifest.get":
                digest = next((value for key, value in headers if key.lower() == "docker-content-digest"), "")
            if wire is not None and (wire.hang or wire.reset):
                status = 0  # it is what the other side would have said, and never goes out
            elif method != "HEAD":
                sent = _length(body)
        leak = by == LEAK
        record = Record(
            name, method, target, repository, reference, status, received, sent, seconds, by, leak, digest
        )
        self._records.append(record)
        if self.listener is not None:
            self.listener(record)

    def records(self, operation: str | None = None) -> list[Record]:
        """What happened, or what happened of one operation.

        Args:
            operation: One of `route.OPERATIONS`, `invalid`, or `api.get` and the like; None is all of them.

        Raises:
            ValueError: There is no such operation, so that nothing would ever be found.
        """
        if operation is not None and not (operation in _NAMES or operation.startswith("api.")):
            raise ValueError(
                f"there is no operation {operation!r}; did you mean {near_operations(operation)}?"
            )
        # A copy, made in one go: the server goes on writing in its own thread.
        return [r for r in self._records.copy() if operation is None or r.operation == operation]

    def clear(self) -> None:
        """Forget all records."""
        self._records.clear()
