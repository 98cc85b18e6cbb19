"""Everything that can go wrong, as one tree; `refusals` says which of it a registry's answer is.

GhcrError
├── InvalidReference      a name, tag or digest that no registry takes
├── InvalidManifest       a manifest that is not one
├── LayoutError           a layout or archive on this machine that is missing, damaged or hostile
├── InvalidRange          chunk sizes or offsets that make no sense
├── ConfigError           settings or credential files that cannot be used
│   └── SimulationError   recording or replaying was asked for, and cannot be
├── DigestMismatch        bytes that do not have the digest that was promised
├── ProtocolError         an answer that no registry may give: missing fields, hostile links, wrong lengths
├── UploadError           content that changed while it was sent, or cannot be read a second time
├── TransportError        no answer: connection, TLS, time-out, a redirect that is not followed
└── RegistryError         an answer that refuses; it has status, code, message and request id
    ├── Unauthorized      401
    ├── Denied            403
    ├── NotFound          404
    │   ├── ManifestUnknown
    │   ├── BlobUnknown
    │   ├── UploadUnknown
    │   └── NameUnknown
    ├── Unsupported       405
    ├── InvalidUpload     400, 404 or 416 about an upload
    ├── RateLimited       429, and GHCR's 403 of the secondary limit; it has the wait in seconds
    ├── InvalidContent    400 about content that was sent
    ├── NotDeletable      400 about a package's version that GitHub keeps
    └── ServerError       5xx

No text of any of them holds a token that looks like GitHub's, or the query of a URL. They can be pickled. Sources:
distribution specification, section "Error Codes"; `reference/ghcr-wire.md` sections 7, 7b and 10b.
"""

# ruff: noqa: N818 - the names say what happened; the base is GhcrError

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ghcr_client.masking import bare_url, masked, shown

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "BlobUnknown",
    "ConfigError",
    "Denied",
    "DigestMismatch",
    "GhcrError",
    "InvalidContent",
    "InvalidManifest",
    "InvalidRange",
    "InvalidReference",
    "InvalidUpload",
    "LayoutError",
    "ManifestUnknown",
    "NameUnknown",
    "NotDeletable",
    "NotFound",
    "ProtocolError",
    "RateLimited",
    "RegistryError",
    "ServerError",
    "SimulationError",
    "TransportError",
    "Unauthorized",
    "Unsupported",
    "UploadError",
    "UploadUnknown",
]

_EXPIRED = 403
"""What a storage host says to an address whose signature is too old: the registry gives a new one."""

_ASTRAY = 303
"""GHCR sends to github.com, now and then, instead of answering: `reference/ghcr-wire.md` row 3.11."""

DOWNLOAD_AGAIN = (
    "Download it again; if that does not help, the registry or a proxy on the way gives wrong content"
)
"""What to do about content from a registry that is not what its digest says."""

OTHER_CONTENT = (
    "It changed, or never was what the digest says. If it comes from a registry, try again; else look where it is "
    "made, and give the right digest or none"
)
"""What to do about content that was to be sent or packed and is not what its digest says."""

_TEMPORARY = frozenset({408, 429, 499, *range(500, 600)})


class GhcrError(Exception):
    """Whatever this client raises on purpose is one of these.

    Args:
        message: What was wanted, what came, and what to do next; secrets are masked.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[GhcrError], args: tuple[Any, ...], state: dict[str, Any]) -> GhcrError:
    """A copy of an error, whatever its constructor asks for."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidReference(GhcrError, ValueError):
    """A name, tag or digest is written as no registry takes it; nothing was sent."""


class InvalidManifest(GhcrError, ValueError):
    """Some bytes are not the manifest that they claim to be."""


class LayoutError(GhcrError):
    """A local layout or archive cannot be used: missing, damaged, hostile, or it is unclear which image is meant.

    Example:
        >>> print(LayoutError("app.tar has no index.json"))
        app.tar has no index.json
    """


class InvalidRange(GhcrError, ValueError):
    """A chunk's size or offsets make no sense; nothing was sent."""


class ConfigError(GhcrError):
    """Settings, or a file with credentials, cannot be used."""


class SimulationError(ConfigError):
    """Recording or replaying was asked for, and cannot be: nobody provides it, or its cassette is of no use."""


class ProtocolError(GhcrError):
    """An answer breaks the protocol; what it said is not used, and asking again helps little."""


class UploadError(GhcrError):
    """An upload cannot go on by itself: its content changed, ended early, or cannot be read a second time."""


class DigestMismatch(GhcrError):
    """Some bytes do not have the digest that was promised; they must not be used.

    Args:
        expected: The digest that was promised.
        actual: The digest that the bytes have.
        what: What was read or sent, for the message.
        advice: What to do, for the message, or "".

    Example:
        >>> print(DigestMismatch("sha256:aa", "sha256:bb", what="layer"))
        layer: sha256:aa was expected, but the content is sha256:bb
    """

    def __init__(self, expected: str, actual: str, *, what: str = "content", advice: str = "") -> None:
        text = f"{what}: {expected} was expected, but the content is {actual}"
        super().__init__(f"{text}. {advice}" if advice else text)
        self.expected = str(expected)
        self.actual = str(actual)


class TransportError(GhcrError):
    """There is no answer: connection, TLS, time-out, or a redirect that is not followed.

    Args:
        message: What happened.
        url: Where it happened; its query, user and password are left out.
        temporary: Whether the same request may succeed later.

    Attributes:
        url: The same.
        is_temporary: The same.
    """

    def __init__(self, message: str = "", *, url: str | None = None, temporary: bool = True) -> None:
        self.url = None if url is None else bare_url(url)
        self.is_temporary = temporary
        super().__init__(message if self.url is None else f"{message} ({self.url})")


class RegistryError(GhcrError):
    """A registry answered, and its answer refuses.

    Attributes:
        status: The HTTP status; 0 where the client found out without an answer.
        code: The registry's error code such as `MANIFEST_UNKNOWN`, or "".
        message: The registry's own words on one line, at most 1000 characters, or "".
        detail: The first error's `detail`, decoded and not masked, or None. No text of the error shows it.
        request_id: GitHub's name for the request, to quote to its support, or None.
        operation: What was asked for, such as `manifest.get`.
        url: Where it was asked, without the query, or None.
        retry_after: Seconds to wait before the next try, or None where nobody says.
        advice: What it means and what to do, or "".
        from_storage: Whether another host answered, to which the registry had sent.
        from_registry: Whether the answer tells that it is a registry's: by its version field, a challenge for a token,
            or an error as the specification writes it. A firewall's does not, and not each registry's does.

    Example:
        >>> error = RegistryError("not today", status=418, code="TEAPOT")
        >>> print(error)
        418 TEAPOT: not today
    """

    from_registry: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: str = "",
        detail: Any = None,
        request_id: str | None = None,
        operation: str = "",
        url: str | None = None,
        retry_after: float | None = None,
        advice: str = "",
        from_storage: bool = False,
    ) -> None:
        self.status = status
        self.code = code
        self.message = shown(message, 1000)
        self.detail = detail
        self.request_id = request_id
        self.operation = operation
        self.url = None if url is None else bare_url(url)
        self.retry_after = retry_after
        self.advice = advice
        self.from_storage = from_storage
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        """What was wanted, what came, what to do, and which request it was."""
        came = " ".join(filter(None, [str(self.status or ""), self.code]))
        text = ": ".join(filter(None, [self.operation, came, self.message.rstrip(". ")]))
        text += f". {self.advice[0].upper()}{self.advice[1:]}" if self.advice else ""
        where = [self.url, self.request_id and f"request {self.request_id}"]
        notes = ", ".join(filter(None, where))
        return f"{text} ({notes})" if notes else text

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later.

        So are 408, 429, 499 and 5xx, a storage address that expired, and GHCR's 303 instead of a manifest.
        """
        return (
            self.status in _TEMPORARY
            or (self.from_storage and self.status == _EXPIRED)
            or (self.status == _ASTRAY and self.operation.startswith("manifest"))
        )


class Unauthorized(RegistryError):
    """401: credentials are missing, expired or of the wrong kind."""


class Denied(RegistryError):
    """403: who asked is known, or nobody, and has no right to this."""


class NotFound(RegistryError):
    """404: there is no such thing, or it is hidden from who asked."""


class ManifestUnknown(NotFound):
    """404: the repository has no manifest of this tag or digest."""


class BlobUnknown(NotFound):
    """404: the repository has no blob of this digest."""


class UploadUnknown(NotFound):
    """404: the upload expired, was cancelled, or was committed before."""


class NameUnknown(NotFound):
    """404: there is no such repository."""


class Unsupported(RegistryError):
    """405: the registry does not do this."""


class InvalidUpload(RegistryError):
    """400, 404 or 416: the upload cannot go on; begin it again."""


class InvalidContent(RegistryError):
    """400: the registry does not take what was sent: a name, a digest, a size or a manifest."""


class NotDeletable(RegistryError):
    """400: GitHub keeps this version of a package: the last one with a tag, or one that too many have downloaded."""


class RateLimited(RegistryError):
    """429, or GHCR's 403 of the secondary limit: too much was asked in too short a time.

    Attributes:
        retry_after: Seconds to wait, or None where nobody says. GHCR's waits are often below a millisecond.
        allowed: The rate that the registry names, such as `44000/minute`, or None.
        reset_at: When the wait is over, in UTC, or None.
    """

    allowed: str | None = None
    reset_at: datetime | None = None

    @property
    def is_temporary(self) -> bool:
        """True: a limit passes."""
        return True


class ServerError(RegistryError):
    """5xx: the registry failed; the same request may succeed later."""
