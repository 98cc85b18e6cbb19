"""Section 7: uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID, UUID, Raw, bearer, refused
from wire.pushing import digest_of, push_blob, push_image

from ghcr_sim.auth import Credential
from ghcr_sim.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ghcr import Ghcr

Who = tuple[str, str]
POST = "/v2/acme/app/blobs/uploads/"
MIB = 1 << 20
CHUNK = ("Content-Type", "application/octet-stream")
TOO_LARGE = refused(
    "REQUESTED_RANGE_NOT_SATISFIABLE",
    "the request body is too large and exceeds the maximum permissible limit of 4.00MiB",
)


def content_range(first: int, size: int) -> tuple[str, str]:
    """`Content-Range` of a chunk."""
    return ("Content-Range", f"{first}-{first + size - 1}")


@pytest.fixture
def session(raw: Raw, owner: Who) -> str:
    """The location of a new session."""
    return raw("POST", POST, owner)["location"]


@pytest.mark.row("7.1")
def test_a_session_has_a_relative_address_in_the_singular(raw: Raw, owner: Who) -> None:
    """POST is a 202 with an id, a relative location under `upload`, not `uploads`, and a first range."""
    reply = raw("POST", POST, owner)

    assert reply.status == 202
    assert reply.fields == {
        "content-length": "0",
        "content-type": "application/json",
        "date": DATE,
        "docker-distribution-api-version": "registry/2.0",
        "docker-upload-uuid": UUID,
        "location": f"/v2/acme/app/blobs/upload/{reply['docker-upload-uuid']}",
        "range": "0-0",
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("7.2")
def test_the_location_is_relative_to_the_host_and_not_to_the_request(raw: Raw, owner: Who) -> None:
    """It names no host: joined to the host it works, appended to the path it does not."""
    location = raw("POST", POST, owner)["location"]
    query = f"?digest={digest_of(b'x')}"

    assert location.startswith("/v2/")
    assert raw("PUT", f"{POST.rstrip('/')}{location}{query}", owner, body=b"x").status >= 400
    assert raw("PUT", location + query, owner, body=b"x").status == 201


@pytest.mark.row("7.3")
def test_a_whole_blob_in_one_put(raw: Raw, owner: Who, session: str) -> None:
    """PUT with all bytes and an escaped digest is a 201 that names digest and relative address."""
    digest = digest_of(b"content")

    reply = raw("PUT", f"{session}?digest={digest.replace(':', '%3A')}", owner, CHUNK, body=b"content")

    assert reply.status == 201
    assert reply.fields == {
        "content-length": "0",
        "content-type": "application/json",
        "date": DATE,
        "docker-content-digest": digest,
        "docker-distribution-api-version": "registry/2.0",
        "location": f"/v2/acme/app/blobs/{digest}",
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("7.4")
@pytest.mark.parametrize("size", [4 * MIB + 1, 8 * MIB], ids=["one too many", "8 MiB"])
def test_a_ranged_chunk_over_four_mebibytes_is_refused(raw: Raw, owner: Who, session: str, size: int) -> None:
    """PATCH with `Content-Range` and more than 4 MiB is a 416 in GHCR's own words."""
    reply = raw("PATCH", session, owner, CHUNK, content_range(0, size), body=bytes(size))

    assert reply.status == 416
    assert reply.body == TOO_LARGE


@pytest.mark.row("7.4")
def test_a_large_chunk_is_refused_before_it_is_sent(raw: Raw, owner: Who, session: str) -> None:
    """The refusal does not wait for the bytes: its head is enough."""
    size = 8 * MIB

    reply = raw("PATCH", session, owner, CHUNK, content_range(0, size), promise=size)

    assert reply.status == 416


@pytest.mark.row("7.5")
@pytest.mark.parametrize("size", [3_000_000, 64 << 10], ids=["3 MB", "64 KiB"])
def test_chunks_that_clients_call_safe_are_taken(raw: Raw, owner: Who, session: str, size: int) -> None:
    """Chunks of 3 MB, as tart sends them, or of 64 KiB, as the .NET SDK does, add up to a blob."""
    data = bytes(range(250)) * (size * 2 // 250)
    for first in range(0, len(data), size):
        chunk = data[first : first + size]
        reply = raw("PATCH", session, owner, CHUNK, content_range(first, len(chunk)), body=chunk)
        assert reply.status == 202
        session = reply["location"]

    assert raw("PUT", f"{session}?digest={digest_of(data)}", owner).status == 201


@pytest.mark.row("7.6")
@pytest.mark.parametrize("how", ["streamed", "monolithic"])
def test_other_bodies_have_no_such_limit(raw: Raw, owner: Who, session: str, how: str) -> None:
    """A streamed PATCH without `Content-Range`, or a PUT with all bytes, may be larger than 4 MiB."""
    data = bytes(5 * MIB)
    if how == "streamed":
        reply = raw("PATCH", session, owner, CHUNK, body=[data[:MIB]] * 5)
        assert reply.status == 202
        done = raw("PUT", f"{reply['location']}?digest={digest_of(data)}", owner)
    else:
        done = raw("PUT", f"{session}?digest={digest_of(data)}", owner, CHUNK, body=data)

    assert done.status == 201


@pytest.mark.row("7.7")
@pytest.mark.parametrize("which", ["closed", "unknown"])
def test_a_session_that_is_not_there_cannot_be_finished(
    raw: Raw, owner: Who, session: str, which: str
) -> None:
    """PUT to a session that was closed, as after a lost 201, or never was, is a 404 BLOB_UPLOAD_UNKNOWN."""
    target = f"{session}?digest={digest_of(b'x')}"
    if which == "closed":
        assert raw("PUT", target, owner, body=b"x").status == 201
    else:
        target = f"/v2/acme/app/blobs/upload/00000000-0000-4000-8000-000000000000?digest={digest_of(b'x')}"

    reply = raw("PUT", target, owner, body=b"x")

    assert reply.status == 404
    assert reply.body == refused("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")


@pytest.mark.row("7.8")
@pytest.mark.parametrize("wrong", ["order", "size"])
def test_a_session_whose_chunks_went_wrong_cannot_be_finished(
    raw: Raw, owner: Who, session: str, wrong: str
) -> None:
    """After a chunk was refused, PUT is a 404 BLOB_UPLOAD_INVALID, even with the right bytes."""
    first, size = (7, 4) if wrong == "order" else (0, 4 * MIB + 1)
    refusal = raw("PATCH", session, owner, CHUNK, content_range(first, size), body=bytes(size))
    assert refusal.status == 416

    reply = raw("PUT", f"{session}?digest={digest_of(b'x')}", owner, body=b"x")

    assert reply.status == 404
    assert reply.body == refused("BLOB_UPLOAD_INVALID", "blob upload invalid")


@pytest.mark.row("7.10")
def test_post_alone_probes_the_right_to_push(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """A 202 proves the right and makes no package, a 403 denies it: nothing has to be pushed to find out."""
    ghcr.simulator.add_credential(Credential("stranger", "ghp_stranger"))

    assert raw("POST", POST, owner).status == 202
    assert raw("POST", POST, bearer("ghp_stranger")).status == 403
    assert ghcr.simulator.package("acme/app") is None
    assert raw("GET", "/v2/_catalog", owner).json() == {"repositories": []}
    assert raw("GET", "/token?scope=repository:acme/app:pull").status == 403


@pytest.mark.row("7.11")
def test_a_blob_is_mounted_from_a_public_package_of_anybody(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """POST with `mount` and `from` makes the blob at once where the source is public, whoever owns it."""
    digest = push_blob(raw, "library/base", b"layer", owner)
    push_image(raw, "library/base:v1", owner)
    ghcr.simulator.set_visibility("library/base", "public")
    ghcr.simulator.add_credential(Credential("acme", "ghp_acme"))

    reply = raw("POST", f"{POST}?mount={digest}&from=library/base", bearer("ghp_acme"))

    assert reply.status == 201
    assert raw("HEAD", f"/v2/acme/app/blobs/{digest}", bearer("ghp_acme"))["content-length"] == "5"


@pytest.mark.row("7.12")
def test_the_published_limits_are_the_default() -> None:
    """10 GB a layer, ten minutes an upload."""
    uploads = load_profile("ghcr").uploads

    assert (uploads.max_blob_bytes, uploads.max_seconds) == (10_000_000_000, 600)


@pytest.mark.row("7.12")
@pytest.mark.parametrize("how", ["one PUT", "two requests"])
def test_a_layer_may_not_be_larger_than_the_limit(serve: Callable[..., Ghcr], how: str) -> None:
    """Bytes beyond the limit are refused, at once or bit by bit, and no blob comes of them."""
    ghcr = serve(uploads__max_blob_bytes=1000)
    raw, who = Raw(ghcr.host), bearer(ghcr.token)
    location = raw("POST", POST, who)["location"]
    data = bytes(1001)
    if how == "one PUT":
        reply = raw("PUT", f"{location}?digest={digest_of(data)}", who, body=data)
    else:
        assert raw("PATCH", location, who, body=data[:600]).status == 202
        reply = raw("PATCH", location, who, body=data[600:])

    assert reply.status == 413
    assert raw("HEAD", f"/v2/acme/app/blobs/{digest_of(data)}", who).status == 404
    assert push_blob(raw, "acme/app", data[:1000], who)


@pytest.mark.row("7.12")
def test_an_upload_may_not_take_longer_than_the_limit(ghcr: Ghcr, raw: Raw, owner: Who, session: str) -> None:
    """After ten minutes a session is no longer known."""
    ghcr.clock.advance(590)
    assert raw("PATCH", session, owner, body=b"x").status == 202
    ghcr.clock.advance(10)

    reply = raw("PUT", f"{session}?digest={digest_of(b'x')}", owner)

    assert reply.error[:2] == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.row("7.13")
def test_a_slow_body_is_cut(serve: Callable[..., Ghcr]) -> None:
    """A body that is not there in time ends the connection without an answer; a quick one does not."""
    ghcr = serve(uploads__slow_body_seconds=0.2)
    raw, who = Raw(ghcr.host), bearer(ghcr.token)
    location = raw("POST", POST, who)["location"]

    with pytest.raises(EOFError):
        raw("PATCH", location, who, body=b"the beginning of", promise=1000)

    location = raw("POST", POST, who)["location"]
    assert raw("PUT", f"{location}?digest={digest_of(b'x')}", who, body=b"x").status == 201


@pytest.mark.row("7.13")
def test_a_slow_body_has_a_minute_by_default() -> None:
    """The recorded cuts came after 60 to 65 seconds."""
    assert 60 <= load_profile("ghcr").uploads.slow_body_seconds <= 65


@pytest.mark.row("7.14")
@pytest.mark.parametrize("operation", ["upload.post", "upload.patch", "upload.put"])
def test_a_push_may_be_reset(ghcr: Ghcr, raw: Raw, owner: Who, session: str, operation: str) -> None:
    """The connection of a push is reset; the same request, sent again, is answered."""
    ghcr.fail(operation, "connection-reset")
    method = operation.partition(".")[2].upper()
    target = POST if method == "POST" else session
    query = f"?digest={digest_of(b'')}" if method == "PUT" else ""

    with pytest.raises(ConnectionResetError):
        raw(method, target + query, owner)
    assert raw(method, target + query, owner).status in {201, 202}


@pytest.mark.row("7.14")
def test_a_push_may_hang(ghcr: Ghcr, owner: Who, session: str) -> None:
    """A PUT may get no answer for as long as its client waits."""
    ghcr.fail("upload.put", "push-hangs")

    with pytest.raises(TimeoutError):
        Raw(ghcr.host, timeout=0.3)("PUT", f"{session}?digest={digest_of(b'x')}", owner, body=b"x")


@pytest.mark.row("7.14")
def test_a_push_may_end_in_499(ghcr: Ghcr, raw: Raw, owner: Who, session: str) -> None:
    """A bare 499 may come instead of a 201."""
    ghcr.fail("upload.put", status=499)

    reply = raw("PUT", f"{session}?digest={digest_of(b'x')}", owner, body=b"x")

    assert (reply.status, reply.body) == (499, b"")


@pytest.mark.row("7.14")
def test_a_push_may_be_reset_while_its_body_is_sent(ghcr: Ghcr, raw: Raw, owner: Who, session: str) -> None:
    """A reset does not wait for the body: who is still sending finds the pipe broken."""
    ghcr.fail("upload.patch", "connection-reset")
    body = (bytes(1 << 16) for _ in range(500))

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        raw("PATCH", session, owner, body=body)
