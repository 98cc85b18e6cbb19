"""What may be written, and what stands for the rest."""

from __future__ import annotations

import json

import pytest
from cassette.making import PAT, basic
from multidict import CIMultiDict

from ghcr_sim.cassette.allowed import QUERY, REQUEST_HEADERS, RESPONSE_HEADERS
from ghcr_sim.cassette.redact import Redactor, kept_query
from ghcr_sim.cassette.rules import RULES
from ghcr_sim.cassette.taint import Taint

SESSION = "0a1b2c3d-0000-4000-8000-0123456789ab"
OTHER = "ffffffff-0000-4000-8000-0123456789ab"
SHA = "sha256:" + "a1" * 32


@pytest.fixture
def taint():
    """What is remembered."""
    return Taint()


@pytest.fixture
def redactor(taint):
    """A redactor."""
    return Redactor(taint)


def test_only_what_is_listed_is_kept_of_a_request(redactor, taint) -> None:
    """Names in lower case, sorted; what nobody has listed is dropped, and what is secret in it is remembered."""
    headers = CIMultiDict(
        {
            "User-Agent": "curl",
            "Range": "bytes=0-1",
            "ACCEPT": "a/b",
            "Authorization": basic("hunter2hunter2"),
            "Proxy-Authorization": basic("proxyproxy"),
            "Cookie": "a=cookie-one; b=cookie-two; lonely-one",
            "X-New-Secret": "whatever",
        }
    )
    assert redactor.request_headers(headers) == (("accept", "a/b"), ("range", "bytes=0-1"))
    for secret in ("hunter2hunter2", "proxyproxy", "cookie-one", "cookie-two", "lonely-one"):
        assert taint.find(secret.encode()), secret


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("Private-Token", "planted-42", "the Private-Token header"),
        ("X-Auth-Token", "planted-42", "the X-Auth-Token header"),
        ("X-Api-Key", "planted-42", "the X-Api-Key header"),
        ("X-Registry-Auth", "Bearer planted-42", "the Authorization header"),
        ("X-My-Password", "planted-42", "the X-My-Password header"),
        ("X-Amz-Signature", "planted-42", "the X-Amz-Signature header"),
        ("X-Request-Id", "planted-42", None),
        ("X-Auth-Type", "planted-", None),
    ],
)
def test_a_field_that_speaks_of_a_credential_is_remembered(redactor, taint, name, value, found) -> None:
    """Whatever it is called: its value is a secret, unless it is a plain word."""
    assert redactor.request_headers({name: value}) == ()
    assert taint.find(b'{"errors":"planted-42 is wrong"}') == found


GIVEN = {
    "a token of storage": ("X-Amz-Security-Token", "planted-42", "the X-Amz-Security-Token header"),
    "a login": ("Authorization", "Bearer planted-42", "the Authorization header"),
    "the scopes of a token": ("X-OAuth-Scopes", "planted-42", None),
    "the end of a token": ("GitHub-Authentication-Token-Expiration", "planted-42", None),
    "a key of a cache": ("Surrogate-Key", "planted-42", None),
}


@pytest.mark.parametrize(("name", "value", "found"), GIVEN.values(), ids=GIVEN)
def test_a_credential_that_an_answer_gives_is_remembered(redactor, taint, name, value, found) -> None:
    """What is one by its name, and not what only speaks of one."""
    assert redactor.response_headers([(name, value)]) == ()
    assert taint.find(b"planted-42") == found


REALMS = {
    "GHCR's": ('Bearer realm="https://ghcr.io/token",service="ghcr.io"',) * 2,
    "with a key": (
        'Bearer realm="http://h/token?service=x&api_key=planted-42",service="x"',
        'Bearer realm="http://h/token?service=x&api_key=<state:1>",service="x"',
    ),
    "with a login": ('Bearer realm="http://me:planted-42@h/token"', 'Bearer realm="http://h/token"'),
    "a name": ('Basic realm="Who are you? me@here"',) * 2,
}


@pytest.mark.parametrize(("said", "kept"), REALMS.values(), ids=REALMS)
def test_a_realm_is_an_address_as_others_are(redactor, taint, said, kept) -> None:
    """Its query's unknown keys have placeholders, its login is dropped, and both are remembered."""
    assert redactor.response_headers([("Www-Authenticate", said)]) == (("Www-Authenticate", kept),)
    assert (taint.find(b"planted-42") is not None) == (said != kept)


def test_order_and_spelling_of_an_answer_are_kept(redactor, taint) -> None:
    """What is listed stays as it was, ids and dates as placeholders; cookies are remembered and dropped."""
    kept = redactor.response_headers(
        (
            ("Content-Type", "a/b"),
            ("Set-Cookie", "sid=cookie-value; Path=/"),
            ("DATE", "Thu, 26 Nov 2026 12:00:00 GMT"),
            ("x-github-request-id", "C001:1"),
            ("Docker-Upload-UUID", SESSION),
            ("X-Powered-By", "nobody"),
            ("WWW-Authenticate", 'Bearer realm="https://ghcr.io/token"'),
        )
    )
    assert kept == (
        ("Content-Type", "a/b"),
        ("DATE", "<date>"),
        ("x-github-request-id", "<request-id>"),
        ("Docker-Upload-UUID", "<session:1>"),
        ("WWW-Authenticate", 'Bearer realm="https://ghcr.io/token"'),
    )
    assert taint.find(b"cookie-value") == "a cookie"


@pytest.mark.parametrize(
    "name", ["www-authenticate", "location", "link", "range", "content-range", "retry-after"]
)
def test_what_a_replay_cannot_do_without_is_kept(name) -> None:
    """The fields whose loss has broken other recorders are on the list."""
    assert name in RESPONSE_HEADERS


def test_the_header_of_a_cassette_says_the_rules() -> None:
    """What was kept stands in the first line, sorted."""
    assert RULES.request_headers == tuple(sorted(REQUEST_HEADERS))
    assert RULES.response_headers == tuple(sorted(RESPONSE_HEADERS))
    assert RULES.query == tuple(sorted(QUERY))
    assert not {"authorization", "cookie", "proxy-authorization"} & REQUEST_HEADERS
    assert not {"set-cookie", "authorization"} & RESPONSE_HEADERS


URLS = {
    "another session": (f"/v2/a/b/blobs/upload/{OTHER}", "/v2/a/b/blobs/upload/<session:2>"),
    "the same session": (f"/v2/a/b/blobs/uploads/{SESSION}", "/v2/a/b/blobs/uploads/<session:1>"),
    "a session with its host": (
        f"https://ghcr.io/v2/a/b/blobs/upload/{SESSION}",
        "https://ghcr.io/v2/a/b/blobs/upload/<session:1>",
    ),
    "a state": (
        f"/v2/a/b/blobs/uploads/{SESSION}?_state=c3RhdGUtb2Y%3D&digest=sha256:a",
        "/v2/a/b/blobs/uploads/<session:1>?_state=<state:1>&digest=sha256:a",
    ),
    "a signature": (
        f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?se=2026-11-26T12%3A00%3A00Z&sig=c2lnbmF0dXJl%2B&sp=r",
        f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?<signature>",
    ),
    "another signature": (
        "https://s3.example/docker/data?X-Amz-Signature=abcdef0123456789&X-Amz-Date=20261126T120000Z",
        "https://s3.example/docker/data?X-Amz-Signature=<state:1>&X-Amz-Date=<state:2>",
    ),
    "a login": ("https://me:hunter%32hunter2@ghcr.io/v2/", "https://ghcr.io/v2/"),
    "a bad port": ("https://ghcr.io:port/v2/", "https://ghcr.io:port/v2/"),
    "a next page": ("/v2/a/b/tags/list?n=2&last=v1", "/v2/a/b/tags/list?n=2&last=v1"),
    "a next page of the API": (
        "https://api.github.com/user/packages?package_type=container&state=deleted&page=2",
        "https://api.github.com/user/packages?package_type=container&state=deleted&page=2",
    ),
    "a state of somebody else": ("https://x/login?state=opaque", "https://x/login?state=<state:1>"),
    "a page of storage without a query": (f"https://x/ghcr1/blobs/{SHA}", f"https://x/ghcr1/blobs/{SHA}"),
}


@pytest.mark.parametrize(("said", "kept"), URLS.values(), ids=URLS)
def test_addresses(redactor, said, kept) -> None:
    """Sessions, states, signatures and logins have placeholders, or are dropped; everything else is as it was."""
    redactor.number("session", SESSION)
    assert redactor.url(said) == kept
    link = redactor.response_headers((("Link", f'<{said}>; rel="next"'), ("Location", said)))
    assert link == (("Link", f'<{kept}>; rel="next"'), ("Location", kept))


REMEMBERED = {
    "a state": ("/v2/a/b/blobs/uploads/1?_state=c3RhdGUtb2Y%3D", [b"c3RhdGUtb2Y=", b"c3RhdGUtb2Y%3D"]),
    "a plus": (f"https://x/ghcr1/blobs/{SHA}?sig=ab+cd/efgh==", [b"ab+cd/efgh=="]),
    "a login": ("https://me:hunter%32hunter2@ghcr.io/v2/", [b"hunter2hunter2", b"hunter%32hunter2"]),
    "a user": ("https://onlyuser@ghcr.io/v2/", [b"onlyuser"]),
    "an unknown key": ("/v2/?foo=0123456789abcdef", [b"0123456789abcdef"]),
    "a token": ("/v2/?access_token=abcdef", [b"abcdef"]),
}


@pytest.mark.parametrize(("said", "secrets"), REMEMBERED.values(), ids=REMEMBERED)
@pytest.mark.parametrize("side", ["request", "answer"])
def test_what_an_address_hides_is_remembered(redactor, taint, said, secrets, side) -> None:
    """What is dropped of a target or a `Location` is looked for everywhere else, as it stood and decoded."""
    redactor.learn(said) if side == "request" else redactor.url(said)
    for secret in secrets:
        assert taint.find(secret), secret


@pytest.mark.parametrize(
    "said",
    [
        f"https://x/ghcr1/blobs/{SHA}?se=2026-11-26T12%3A00%3A00Z&sp=read-only-by-everybody&sig=c2lnbmF0dXJl",
        "https://x/y?rsct=application/octet-stream&kind=container",
        "/v2/a/b/tags/list?n=1000000&last=version-one-hundred",
    ],
    ids=["dates of a signature", "a media type", "keys of the protocol"],
)
def test_plain_words_of_an_address_are_no_secrets(redactor, taint, said) -> None:
    """Dates, media types and the protocol's own keys may stand in any line: they give no alarm."""
    redactor.learn(said)
    redactor.url(said)
    words = (
        b"2026-11-26T12:00:00Z read-only-by-everybody application/octet-stream container version-one-hundred"
    )
    assert taint.find(words) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"token"', b"\xff", b"[" * 100_000],
    ids=["nothing", "HTML", "a list", "text", "no text", "nested"],
)
def test_what_is_no_token_answer_stays_as_it_is(redactor, body) -> None:
    """A realm that answers something else gives no tokens, and its text is not touched."""
    assert redactor.tokens_in(body) == ()
    assert redactor.token_body(body) == body.decode("utf-8", "replace")


def test_tokens_have_placeholders(redactor, taint) -> None:
    """The same token has one number; spaces and order are as they were; times go, numbers of seconds stay."""
    body = b'{ "token":"aaaaaaaa", "access_token":"aaaaaaaa", "expires_in":300, "issued_at":"2026-11-26T12:00:00Z" }'
    assert redactor.token_body(body) == (
        '{ "token":"<token:1>", "access_token":"<token:1>", "expires_in":300, "issued_at":"<date>" }'
    )
    assert redactor.tokens_in(body) == ("aaaaaaaa",)
    assert taint.find(b"aaaaaaaa") == "a token"
    assert redactor.token_body(b'{"token":"bbbbbbbb"}') == '{"token":"<token:2>"}'


SPELLED = {
    "slashes": b'{"token":"abc\\/def\\/ghi=="}',
    "Go": b'{"token":"abc\\u003ddef"}',
    "umlauts": '{"token":"gehe\u00edm-geheim"}'.encode(),
    "an unknown key": b'{"id_secret":"abcdefgh","token":"ijklmnop"}',
    "a key of that name": b'{"token":"token"}',
}


@pytest.mark.parametrize("body", SPELLED.values(), ids=SPELLED)
def test_tokens_are_found_however_they_are_spelled(redactor, taint, body) -> None:
    """A server may escape what it likes: what stands in the cassette is a placeholder, also of keys nobody knows."""
    said = redactor.token_body(body)
    document = json.loads(said)
    assert all(value.startswith("<token:") for value in document.values())
    assert document.keys() == json.loads(body).keys()
    assert taint.find(said.encode()) is None


def test_errors_of_a_realm_are_text(redactor) -> None:
    """What says why there is no token is no token."""
    body = (
        b'{"errors":[{"code":"DENIED","message":"no"}],"details":"requested access","error":"invalid_grant"}'
    )
    assert redactor.token_body(body) == body.decode()


def test_a_form_for_a_token_is_remembered(redactor, taint) -> None:
    """Its password and tokens are secrets; its scopes are told."""
    form = (
        b"grant_type=password&username=me&password=hunter%32hunter2&refresh_token="
        + PAT.encode()
        + b"&scope=b:x:pull+a:x:pull"
    )
    assert redactor.learn_form(form) == ("a:x:pull", "b:x:pull")
    assert taint.find(b"hunter2hunter2")
    assert taint.find(PAT.encode())
    assert redactor.learn_form(b"\xff") == ()


def test_a_query_keeps_what_the_protocol_knows() -> None:
    """Keys of the protocol, sorted; everything else goes."""
    query = [("n", "2"), ("sig", "x"), ("last", "a"), ("_state", "y"), ("state", "deleted"), ("page", "1")]
    assert kept_query("tags.list", query) == (("last", "a"), ("n", "2"), ("page", "1"))
    assert kept_query("api.get", query) == (("page", "1"), ("state", "deleted"))
