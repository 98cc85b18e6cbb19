"""How the command ends: one table from what happened to an exit code, and an error as a line or as JSON.

It prints nothing. The codes are part of the interface: scripts branch on them.
"""

from __future__ import annotations

import signal
from enum import IntEnum
from typing import Any

import click

from ghcr_client.errors import (
    ConfigError,
    Denied,
    DigestMismatch,
    InvalidManifest,
    InvalidRange,
    InvalidReference,
    NotDeletable,
    NotFound,
    ProtocolError,
    RateLimited,
    RegistryError,
    ServerError,
    TransportError,
    Unauthorized,
    Unsupported,
)
from ghcr_client.masking import shown

__all__ = ["MEANINGS", "Closed", "Exit", "Stopped", "error_document", "error_line", "exit_code"]

_LONGEST = 2000


class Exit(IntEnum):
    """The exit codes."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    RATE_LIMITED = 5
    NETWORK = 6
    MISMATCH = 7
    UNSUPPORTED = 8
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done",
    Exit.ERROR: "another error",
    Exit.USAGE: "wrong usage or settings; nothing was sent",
    Exit.NOT_FOUND: "not found",
    Exit.DENIED: "denied, or not logged in",
    Exit.RATE_LIMITED: "rate limited",
    Exit.NETWORK: "no answer, or the registry failed (5xx)",
    Exit.MISMATCH: "wrong digest, or an answer that breaks the protocol",
    Exit.UNSUPPORTED: "the registry does not do this",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; 128 + n for signal n",
}
"""What each code says, for the help and the documentation."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """A signal said stop, and everything was put in order.

    Args:
        number: Which signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class Closed(Exception):  # noqa: N818 - it is no error
    """Nobody reads the output any more, as behind `| head`."""


_TABLE: tuple[tuple[type[BaseException], Exit], ...] = (
    (InvalidReference, Exit.USAGE),
    (InvalidRange, Exit.USAGE),
    (ConfigError, Exit.USAGE),
    (NotFound, Exit.NOT_FOUND),
    (Unauthorized, Exit.DENIED),
    (Denied, Exit.DENIED),
    (RateLimited, Exit.RATE_LIMITED),
    (TransportError, Exit.NETWORK),
    (ServerError, Exit.NETWORK),
    (DigestMismatch, Exit.MISMATCH),
    (ProtocolError, Exit.MISMATCH),
    (InvalidManifest, Exit.MISMATCH),
    (Unsupported, Exit.UNSUPPORTED),
    (NotDeletable, Exit.UNSUPPORTED),
    (click.Abort, Exit.INTERRUPTED),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)
"""The first line that fits holds; what is not in it is another error."""


def exit_code(error: BaseException) -> int:
    """The exit code for what happened.

    Args:
        error: What was raised.

    Returns:
        One of `Exit`, or 128 and the number of the signal that said stop.

    Example:
        >>> exit_code(NotFound(status=404)), exit_code(OSError("disk full")), exit_code(Stopped(15))
        (3, 1, 143)
    """
    if isinstance(error, Stopped):
        return 128 + error.number
    if isinstance(error, Closed):
        return 128 + getattr(signal, "SIGPIPE", 13)
    if isinstance(error, click.ClickException):
        return error.exit_code
    return next((int(code) for kind, code in _TABLE if isinstance(error, kind)), int(Exit.ERROR))


def error_line(error: BaseException) -> str:
    """What happened, on one readable line.

    Args:
        error: What was raised.

    Returns:
        `ghcr: …`, without secrets and control characters.

    Example:
        >>> error_line(FileNotFoundError(2, "No such file or directory", "app.tar"))
        'ghcr: app.tar: No such file or directory'
    """
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "ghcr"
        said = error.format_message().rstrip(".")
        return shown(f"{where}: {said}{'' if '?' in said[-2:] else '.'} See `{where} --help`.", _LONGEST)
    return f"ghcr: {_message(error)}"


def error_document(error: BaseException) -> dict[str, Any]:
    """What happened, as `--json` says it.

    Args:
        error: What was raised.

    Returns:
        `{"error": {"type", "message", "exit_code", …}}`; a registry's refusal has `status`, `code`, `operation`, `url`,
        `request_id` and `retry_after`, too, and wrong content the digests `expected` and `actual`.

    Example:
        >>> error_document(NotFound(status=404))["error"]["status"]
        404
    """
    fields: dict[str, Any] = {
        "type": type(error).__name__,
        "message": _message(error),
        "exit_code": exit_code(error),
    }
    if isinstance(error, RegistryError):
        fields |= {
            "status": error.status,
            "code": error.code or None,
            "operation": error.operation or None,
            "url": error.url,
            "request_id": error.request_id,
            "retry_after": error.retry_after,
        }
    if isinstance(error, DigestMismatch):
        fields |= {"expected": error.expected, "actual": error.actual}
    return {"error": fields}


def _message(error: BaseException) -> str:
    """What happened, without the command's name."""
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return "interrupted"
    if isinstance(error, click.ClickException):
        return shown(error.format_message(), _LONGEST)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return shown(f"{where}{error.strerror}", _LONGEST)
    return shown(str(error) or type(error).__name__, _LONGEST)
