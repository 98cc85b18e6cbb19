"""How the command ends: each error has its code, its line, its document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest
from ghcr_client import errors
from ghcr_client.cli.exits import (
    Closed,
    Exit,
    Stopped,
    error_document,
    error_line,
    exit_code,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from client.cli.telling import Told
    from client.peers import Peer

TABLE = {
    "GhcrError": 1,
    "InvalidReference": 2,
    "InvalidManifest": 7,
    "LayoutError": 1,
    "InvalidRange": 2,
    "ConfigError": 2,
    "SimulationError": 2,
    "DigestMismatch": 7,
    "ProtocolError": 7,
    "UploadError": 1,
    "TransportError": 6,
    "RegistryError": 1,
    "Unauthorized": 4,
    "Denied": 4,
    "NotFound": 3,
    "ManifestUnknown": 3,
    "BlobUnknown": 3,
    "UploadUnknown": 3,
    "NameUnknown": 3,
    "Unsupported": 8,
    "InvalidUpload": 1,
    "RateLimited": 5,
    "InvalidContent": 1,
    "NotDeletable": 8,
    "ServerError": 6,
}


def made(name: str) -> errors.GhcrError:
    """An error of a class."""
    kind = getattr(errors, name)
    if kind is errors.DigestMismatch:
        return errors.DigestMismatch("sha256:aa", "sha256:bb")
    return kind("what happened")


@pytest.mark.parametrize(("name", "code"), TABLE.items())
def test_each_error_has_its_code(name: str, code: int) -> None:
    """Scripts branch on these."""
    error = made(name)
    assert exit_code(error) == code
    assert error_line(error).startswith("ghcr: ")
    document = json.loads(json.dumps(error_document(error)))["error"]
    assert (document["type"], document["exit_code"]) == (name, code)
    assert ("status" in document) is isinstance(error, errors.RegistryError)
    assert ("expected" in document) is (name == "DigestMismatch")


def test_no_class_is_forgotten() -> None:
    """Whoever adds an error says here how the command ends with it."""
    kinds = {
        name
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, errors.GhcrError)
    }
    assert set(TABLE) == kinds


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), 1),
        (click.UsageError("no"), 2),
        (click.ClickException("no"), 1),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
        (Stopped(2), 130),
        (Stopped(15), 143),
        (Closed(), 141),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_ends(error: BaseException, code: int) -> None:
    """What is no error of the client's has a code, too, and one line."""
    assert exit_code(error) == code
    assert len(error_line(error).splitlines()) == 1


def test_a_line_is_harmless() -> None:
    """What a server said reaches the terminal as text on one line."""
    line = error_line(errors.GhcrError("a\x1b[31m\r\nb\u202e"))
    assert line.isprintable()


STATUSES = {
    "401": (401, Exit.DENIED),
    "403": (403, Exit.DENIED),
    "404": (404, Exit.NOT_FOUND),
    "405": (405, Exit.UNSUPPORTED),
    "418": (418, Exit.ERROR),
}


@pytest.mark.parametrize(("status", "code"), STATUSES.values(), ids=STATUSES)
def test_a_refusal_ends_with_its_code(
    told: Callable[..., Told], fake_ghcr: Peer, status: int, code: int
) -> None:
    """What a registry answers decides how the command ends, in lines and in JSON alike."""
    fake_ghcr.simulator.seed("acme/app:v1")
    fake_ghcr.simulator.fail("tags.list", status=status, times=None)
    ended, out, err = told("tags", "acme/app", peer=fake_ghcr)
    assert (ended, out) == (code, "")
    assert err.startswith("ghcr: tags.list: ")
    ended, out, err = told("--json", "tags", "acme/app", peer=fake_ghcr)
    error = json.loads(out)["error"]
    assert (ended, err, error["status"]) == (code, "", status)


@pytest.mark.parametrize(("status", "code"), [(429, Exit.RATE_LIMITED), (503, Exit.NETWORK)])
def test_what_passes_is_tried_again_first(
    told: Callable[..., Told], fake_ghcr: Peer, status: int, code: int
) -> None:
    """A limit or a failure is raised when all tries are spent; here there is one."""
    fake_ghcr.simulator.seed("acme/app:v1")
    fake_ghcr.simulator.fail("tags.list", status=status)
    ended, _, err = told("tags", "acme/app", peer=fake_ghcr, GHCR_MAX_RETRIES="0")
    assert ended == code, err


def test_nobody_there(told: Callable[..., Told]) -> None:
    """No answer is 6."""
    status, _, err = told("tags", "a/b", "--registry", "http://127.0.0.1:1", GHCR_MAX_RETRIES="0")
    assert status == Exit.NETWORK
    assert len(err.splitlines()) == 1


def test_wrong_bytes(told: Callable[..., Told], fake_ghcr: Peer, tmp_path: object) -> None:
    """Content with another digest than was promised is 7, and both digests are in the document."""
    status, out, _ = told(
        "--json", "blob", "put", "acme/app", __file__, "--digest", "sha256:" + "0" * 64, peer=fake_ghcr
    )
    error = json.loads(out)["error"]
    assert (status, error["expected"]) == (Exit.MISMATCH, "sha256:" + "0" * 64)
    assert error["actual"].startswith("sha256:")
