"""The seam: requests, answers and bodies as plain values."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import some, targets

from ghcr_sim.exchange import PIECE, BytesBody, Request, Response, Wire, origin_form


async def read(body: BytesBody) -> list[bytes]:
    """All pieces of a body."""
    return [piece async for piece in body.pieces()]


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_body_of_bytes_comes_in_pieces(size: int) -> None:
    """A body's pieces are its bytes, in order, none empty and none above `PIECE`."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    body = BytesBody(data)
    pieces = asyncio.run(read(body))
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= PIECE for piece in pieces)
    assert body.length == size


def test_a_body_can_be_read_again() -> None:
    """Bytes that are there are there each time."""
    body = BytesBody(b"again")
    assert asyncio.run(read(body)) == asyncio.run(read(body)) == [b"again"]


@pytest.mark.parametrize("secret", ["Bearer SECRET", "Basic SECRET"], ids=["bearer", "basic"])
@pytest.mark.parametrize(
    "target",
    ["/v2/?sig=SECRET", "/v2/", "http://user:SECRET@ghcr.io/v2/", "SECRET", "http:SECRET"],
)
def test_a_request_shows_no_secret(target: str, secret: str) -> None:
    """A request's repr has the method and the path: no header, no query, no origin."""
    shown = repr(Request("GET", target, {"authorization": secret, "cookie": "SECRET"}))
    assert shown.startswith("Request(GET /")
    assert "SECRET" not in shown


@given(targets)
@some
def test_origin_form(target: str) -> None:
    """A target in origin form stays as it is; any other becomes one, and stays one."""
    form = origin_form(target)
    assert form.startswith("/")
    assert origin_form(form) == form
    if target.startswith("/"):
        assert form == target


@given(st.integers(100, 599), st.binary(max_size=9))
@some
def test_values_are_values(status: int, body: bytes) -> None:
    """Two answers that say the same are equal, and none can be changed."""
    assert Response(status, (("a", "b"),), body) == Response(status, (("a", "b"),), body)
    for value, name in ((Response(status), "status"), (Wire(), "hang"), (BytesBody(), "data")):
        with pytest.raises(AttributeError):
            setattr(value, name, None)
