"""Tokens: how they are made, and what one says when it comes back."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghcr_sim.auth.tokens import (
    Claim,
    anonymous_token,
    decode_base64,
    read_anonymous,
    read_opaque,
    secret_token,
    sign_opaque,
)

KEY = bytes(32)
NOW = 1_700_000_000.0


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_secret_s_token_is_the_secret_in_base64(secret: str) -> None:
    """Whatever the secret, its token is standard padded base64 that decodes to it."""
    token = secret_token(secret)

    assert decode_base64(token) == secret
    assert base64.b64encode(base64.b64decode(token, validate=True)).decode() == token


@pytest.mark.parametrize("text", ["QQ", "Q", "Q===", "QQ==\n", " QQ==", "Q_-=", "ghp_abc", "é", "QQ==QQ=="])
def test_what_is_not_padded_standard_base64_is_none(text: str) -> None:
    """GHCR divides bearers by this, so nothing is forgiven."""
    assert decode_base64(text) is None


@given(st.floats(0, 4e9), st.sampled_from(["acme/app", "a/b/c"]))
def test_an_anonymous_token_says_when_it_was_made(now: float, repository: str) -> None:
    """To the microsecond: more is not in a float of the time since 1970."""
    text = decode_base64(anonymous_token(repository, now))

    assert text is not None
    assert text.startswith(f"v1:{repository}:")
    assert read_anonymous(text) == pytest.approx(now, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "v1",
        "v1:a/b",
        "v2:a/b:1",
        "v1:a/b:x",
        "v1:a/b:-1",
        "v1:a/b:1:2",
        "v1:a/b:\u0661",
        f"v1:a:{'9' * 30}",
    ],
)
def test_anything_else_is_no_anonymous_token(text: str) -> None:
    """It has no time, and so no end."""
    assert read_anonymous(text) is None


@given(st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex), st.floats(0, 4e9))
def test_an_opaque_token_says_what_it_was_made_of(secret: str | None, issued: float) -> None:
    """To who has the key, and to nobody else."""
    token = sign_opaque(KEY, Claim(secret, issued))

    assert read_opaque(KEY, token) == Claim(secret, issued)
    assert read_opaque(b"another key", token) is None


@given(st.integers(0, 200), st.characters(codec="utf-8"))
def test_an_opaque_token_that_was_changed_says_nothing_else(place: int, letter: str) -> None:
    """With a letter changed it is worthless, or the same token in another spelling of base64."""
    claim = Claim("00" * 32, NOW)
    token = sign_opaque(KEY, claim)
    place %= len(token)

    assert read_opaque(KEY, token[:place] + letter + token[place + 1 :]) in {None, claim}


@given(st.text())
def test_any_text_is_no_opaque_token(text: str) -> None:
    """Nothing that a client sends raises."""
    assert read_opaque(KEY, text) is None
