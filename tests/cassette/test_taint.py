"""A secret is found in whatever form it is written, and the shapes of secrets are known."""

from __future__ import annotations

import base64
import json
import random
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from cassette.making import PAT, basic, bearer, exchange, text
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import some

from ghcr_sim.cassette.errors import SecretFound
from ghcr_sim.cassette.search import Search
from ghcr_sim.cassette.taint import Taint, check, secret_in
from ghcr_sim.shapes import SHAPES, has_text, masked, shapes_in

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=6, max_size=40)
around = st.binary(max_size=9)


def of(secret):
    """The taint of one secret."""
    taint = Taint()
    taint.add("it", secret)
    return taint


@some
@given(secrets, around, around)
def test_every_encoding_is_found_in_every_alignment(secret, before, after) -> None:
    """Raw, quoted for URLs in both cases, in JSON as Python and as Go write it, in both base64s: all are found."""
    raw = secret.encode()
    assume(len(raw) >= 6)
    taint = of(secret)
    whole = before + raw + after
    forms = {
        "raw": whole,
        "url": quote(whole, safe="").encode(),
        "lower url": quote(secret, safe="").lower().encode() if secret == secret.lower() else raw,
        "path": quote(whole, safe="/:").encode(),
        "json": json.dumps("a" + secret + "b").encode(),
        "json utf-8": json.dumps("a" + secret + "b", ensure_ascii=False).encode(),
        "json in json": json.dumps(json.dumps(secret)).encode()
        if secret.isalnum() and secret.isascii()
        else raw,
        "php": json.dumps(secret).replace("/", "\\/").encode(),
        "go": json.dumps(secret)
        .replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .encode(),
        "base64": base64.b64encode(whole),
        "base64url": base64.urlsafe_b64encode(whole),
        "base64 in a url": quote(base64.b64encode(whole).decode(), safe="").encode(),
    }
    assert {name for name, form in forms.items() if taint.find(b"... " + form + b" ...") is None} == set()


@some
@given(secrets, st.binary(max_size=200))
def test_what_is_not_there_is_not_found(secret, data) -> None:
    """Bytes that have neither the secret nor an encoding of it give no alarm."""
    raw = secret.encode()
    assume(len(raw) >= 12)
    assume(raw[:6] not in data)
    assert of(secret).find(data.replace(raw, b"")) is None


@some
@given(secrets, st.lists(st.integers(0, 60), max_size=4))
def test_a_secret_across_pieces_is_found(secret, cuts) -> None:
    """However a body is cut into pieces, a secret in it is found, as it is and in base64."""
    assume(len(secret.encode()) >= 6)
    for written in (secret.encode(), base64.b64encode(b"me:" + secret.encode())):
        data = b"." * 10 + written + b"." * 10
        search = Search(of(secret))
        for start, stop in pairwise(sorted({0, *cuts, len(data)})):
            search.add([data[start:stop]])
        assert search.found == "it"


HARD = 'hunter+2/cörr&ct "horse"'
WRITTEN = {
    "a form": "hunter%2B2%2Fc%C3%B6rr%26ct+%22horse%22",
    "a form within a URL": "hunter%252B2%252Fc%25C3%25B6rr%2526ct%2B%2522horse%2522",
    "a URL within a URL": "hunter%252B2%252Fc%25C3%25B6rr%2526ct%2520%2522horse%2522",
    "a browser's path": "hunter+2/c%C3%B6rr&ct%20%22horse%22",
    "JSON of Go": r"hunter+2/cörr\u0026ct \"horse\"",
    "JSON of .NET": r"hunter\u002B2/c\u00F6rr\u0026ct \u0022horse\u0022",
    "JSON of PHP": r"hunter+2\/c\u00f6rr&ct \"horse\"",
    "JSON of the strictest": r"hunter\u002b2\u002fc\u00f6rr\u0026ct\u0020\u0022horse\u0022",
    "JSON in JSON": json.dumps(json.dumps({"p": HARD})),
    "JSON of Go in JSON of Go": r"hunter+2/cörr\\u0026ct \\\"horse\\\"",
    "HTML": "hunter+2/cörr&amp;ct &quot;horse&quot;",
    "HTML of Go": "hunter&#43;2/cörr&amp;ct &#34;horse&#34;",
    "HTML with names": "hunter+2/c&ouml;rr&amp;ct &quot;horse&quot;",
    "HTML with numbers": "hunter+2/c&#246;rr&amp;ct &quot;horse&quot;",
    "base64 in JSON of .NET": base64.b64encode(f"me:{HARD}??>".encode()).decode().replace("+", r"\u002B"),
    "base64 in JSON of PHP": base64.b64encode(f"me:{HARD}".encode()).decode().replace("/", r"\/"),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_what_other_languages_write_is_found(written) -> None:
    """A secret with a letter of each kind that somebody quotes, as they quote it; and it is masked for people."""
    assert of(HARD).find(f"<{written}>".encode()) == "it"
    assert "rr" not in of(HARD).masked(f"<{written}>")


@pytest.mark.parametrize("secret", ["", "abc", "admin"])
def test_words_are_no_secrets(secret) -> None:
    """What is so short that it is a part of everything is not looked for."""
    taint = of(secret)
    assert taint.count == 0
    assert taint.find(b"abc admin") is None


def test_the_first_name_stays() -> None:
    """A secret that is seen twice counts once."""
    taint = of("hunter2hunter2")
    taint.add("another", "hunter2hunter2")
    assert taint.count == 1
    assert taint.find(b"hunter2hunter2") == "it"


AUTHORIZATIONS = {
    "basic": (basic("hunter2!"), {"hunter2!": "the password", "octocat:hunter2!": "the login"}),
    "a user alone": ("Basic " + base64.b64encode(b"hunter2!").decode(), {"hunter2!": "the login"}),
    "a bearer": (bearer("hunter2!"), {"hunter2!": "the token"}),
    "an opaque bearer": ("Bearer ~opaque~", {"~opaque~": "the Authorization header"}),
    "another scheme": ("Digest hunter2!", {"hunter2!": "the Authorization header"}),
}


@pytest.mark.parametrize(("value", "found"), AUTHORIZATIONS.values(), ids=AUTHORIZATIONS)
def test_a_credential_is_known_as_it_came_and_decoded(value, found) -> None:
    """The header's value, and what it stands for in base64, are secrets from then on."""
    taint = Taint()
    taint.add_authorization(value)
    assert taint.find(value.encode()) is not None
    for secret, name in found.items():
        assert taint.find(secret.encode()) in {name, "the login", "the password"}


@pytest.mark.parametrize("value", ["Bearer", "", "Basic", bearer("v1:public:1700000000")], ids=str)
def test_what_is_no_credential_gives_no_secret_word(value) -> None:
    """Empty ones hold nothing; GHCR's anonymous bearer is a public name and a time, which may stand anywhere."""
    taint = Taint()
    taint.add_authorization(value)
    assert taint.find(b"v1:public:1700000000") is None


def test_no_secret_is_shown() -> None:
    """What is remembered stands in no repr."""
    taint = of("hunter2hunter2")
    assert repr(taint) == "<Taint of 1 secrets>"


def test_a_secret_is_masked_in_what_people_read() -> None:
    """Whole, in whatever form, beside what looks like one."""
    taint = of("hunter2/hunter2")
    said = (
        f"a hunter2/hunter2, b hunter2%2Fhunter2, c {base64.b64encode(b'hunter2/hunter2').decode()}, d {PAT}"
    )
    assert re.sub("<secret>.?.?,", "<secret>,", taint.masked(said)) == (
        "a <secret>, b <secret>, c <secret>, d <secret>"
    )


SHAPED = {
    "a GitHub token": PAT,
    "a fine-grained GitHub token": "github" + "_pat_" + "A1" * 30,
    "a GitHub token in base64": base64.b64encode(PAT.encode()).decode(),
    "a JSON web token": ".".join(("eyJhbGciOi" + "JIUzI1NiJ9", "eyJzdWIiOi" + "IxMjM0NSJ9", "c2lnbmF0dXJl")),
    "a private key": "-----BEGIN OPENSSH PRIV" + "ATE KEY-----",
    "an AWS key": "AKI" + "A" + "ABCD" * 4,
    "a signature of a storage address": "https://a/b?se=1&sig=" + "aB%2F" * 8,
    "credentials in a header": "authorization: Basic " + "a1b2" * 8,
    "a password in a URL": "https://me:" + "hunter2@ghcr.io/",
}


@pytest.mark.parametrize(("name", "said"), SHAPED.items(), ids=SHAPED)
def test_shapes(name, said) -> None:
    """Each shape is found where it is, also without a recording, and masked in what people read."""
    assert set(SHAPED) == set(SHAPES)
    found = dict(shapes_in(f"line\n{said} more".encode()))
    assert name in found
    assert secret_in(said.encode(), Taint()) is not None
    assert said not in masked(f"line {said} more")
    assert "<secret>" in masked(said)


SAID = {
    "basic": ("Authorization: Basic bWU6Z2hwXzEyMw==", "Authorization: <secret>"),
    "in a dict": ("{'authorization': 'Bearer abc'}", "{'authorization': '<secret>'}"),
    "password": ("password=hunter2 and passwd='hunter2'", "password=<secret> and passwd='<secret>'"),
    "in JSON": ('{"password": "hunter2"}', '{"password": "<secret>"}'),
    "in a query": ("/token?n=1&access_token=hunter2&x=1", "/token?n=1&access_token=<secret>&x=1"),
    "longer base64": (base64.b64encode(f"{PAT}12".encode()).decode() + " x", "<secret> x"),
    "longer": (PAT + "abc x", "<secret> x"),
    "a whole key": (
        f"{SHAPED['a private key']}\nMHcCAQ\n-----END OPENSSH PRIV" + "ATE KEY-----\nx",
        "<secret>\nx",
    ),
    "code": ("token = ask(password) if password == x else None", None),
    "prose": ("Authorization: see the password in docs", None),
}


@pytest.mark.parametrize(("said", "shown"), SAID.values(), ids=SAID)
def test_people_are_shown_no_part_of_a_secret(said, shown) -> None:
    """What is called a secret is masked, whole, with its padding and what follows; words of code and prose are not."""
    assert masked(said).replace("Basic ", "").replace("Bearer ", "") == (shown or said)


@pytest.mark.parametrize("secret", [PAT, "ghp_ada", "hünter2/hunter"])
def test_known_secrets_are_masked_in_every_form(secret) -> None:
    """Raw, quoted, as a bearer and within a login: the whole word is gone, and what stands around it stays."""
    raw = secret.encode()
    words = [
        secret,
        quote(secret, safe=""),
        *(base64.b64encode(each + raw).decode() for each in (b"", b"a:", b"me:")),
    ]
    for word in words:
        assert of(secret).masked(f"a {word}, b") == "a <secret>, b"
    assert of(secret).masked("nothing of it") == "nothing of it"


HARMLESS = {
    "a digest": "sha256:" + "a1" * 32,
    "a challenge": 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull"',
    "a placeholder": "Bearer <token:1>",
    "a prefix": "ghp_ and github_pat_ are prefixes",
    "a URL": "https://ghcr.io:443/v2/a/b/manifests/latest?n=1",
    "a word": "a basic internationalization library",
}


@pytest.mark.parametrize("said", HARMLESS.values(), ids=HARMLESS)
def test_what_every_cassette_has_is_no_shape(said) -> None:
    """Digests, challenges and placeholders give no alarm."""
    assert list(shapes_in(said.encode())) == []
    assert masked(said) == said


def test_a_line_with_a_secret_is_refused_by_name() -> None:
    """The error says what was found and where it would have stood, never the secret."""
    taint = of("hunter2hunter2")
    check(exchange(got=text("all is well")), Path("a.jsonl"), taint)
    with pytest.raises(
        SecretFound, match=r"a.jsonl: it stands in what ping would have written; nothing was saved"
    ) as caught:
        check(exchange(got=text("say hunter2hunter2")), Path("a.jsonl"), taint)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("place", [0, 1, 77_777, 1 << 20, -1])
@pytest.mark.parametrize("around", [b"\0", b"x", b"\xff."])
def test_many_secrets_are_all_found_in_a_large_body(place, around) -> None:
    """Long ones, short ones and ones that are no ASCII, anywhere in compressed bytes or text, and across two pieces."""
    dice = random.Random(1)
    secrets = [base64.b64encode(dice.randbytes(18 + number)).decode() for number in range(20)]
    secrets += ["hunter2hunter2", "pässwörter" * 4, "!" * 30]
    taint = Taint()
    for number, secret in enumerate(secrets):
        taint.add(f"secret {number}", secret)
    noise = dice.randbytes(1_200_000) if around == b"\0" else around * 600_000
    assert secret_in(noise, taint) is None
    at = len(noise) if place < 0 else place
    for number, secret in enumerate(secrets):
        raw = secret.encode()
        for cut in (0, 3):
            search = Search(taint)
            search.add([noise[:at], raw[:cut]])
            search.add([raw[cut:] + noise[at : at + 99]])
            assert search.found == f"secret {number}"


def test_many_secrets_cost_little_in_bytes_that_are_no_text() -> None:
    """In compressed bytes nothing that is long is looked for, and no shape matched."""
    noise = random.Random(1).randbytes(1 << 20)
    assert not has_text(noise)
    assert has_text(noise + b"a" * 20)


@pytest.mark.parametrize("said", [*SHAPED.values(), "http://a:b@c"], ids=[*SHAPED, "the shortest URL"])
def test_a_shape_is_found_in_bytes_that_are_no_text(said) -> None:
    """Each one, between compressed bytes, and where two pieces meet."""
    noise = random.Random(1).randbytes(1 << 16)
    for cut in (0, 5):
        search = Search(Taint())
        search.add([noise + b"\0" + said[:cut].encode()])
        search.add([said[cut:].encode() + b"\0" + noise])
        assert search.found is not None
