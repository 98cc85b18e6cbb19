"""The error tree: from an answer to an exception and back, and what may never be shown."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from ghcr_client import errors
from ghcr_client.advice import ADVICE
from ghcr_client.answers import BODY_LIMIT, go_duration, read_error_body, retry_after
from ghcr_client.errors import DigestMismatch, GhcrError, ManifestUnknown, RegistryError, TransportError
from ghcr_client.masking import bare_url, masked, shown
from ghcr_client.refusals import codes_of, error_from_answer
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 10, 7, 12, 0, 0, tzinfo=UTC)
TREE = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, GhcrError)]

TOKENS = [
    "ghp_" + "A1b2" * 9,
    "gho_" + "A1b2" * 9,
    "ghs_" + "123456_" + "eyJhbGciOi" + "x" * 30 + "." + "y" * 400 + "." + "z" * 40,
    "github_pat_" + "A" * 22 + "_" + "b1" * 29 + "c",
    "Z2hw" + "X" + "Q1b2" * 12,
    "Z2l0aHViX3BhdF" + "9B" * 50,
    "eyJhbGciOi" + "JIUzI1NiJ9" + "." + "eyJzdWIi" + "OiIxIn0" + "." + "c2ln",
    "v1." + "0af3" * 10,
]


def body(code: str, message: str = "", **more: Any) -> bytes:
    """An error body as the specification draws it, with GHCR's newline."""
    return json.dumps({"errors": [{"code": code, "message": message, **more}]}).encode() + b"\n"


def as_errors(entries: Any) -> bytes:
    """A body whose `errors` are anything."""
    return json.dumps({"errors": entries}).encode()


def answer(status: int, content: bytes = b"", operation: str = "blob.get", **headers: str) -> RegistryError:
    """The exception for an answer, at noon."""
    fields = {key.replace("_", "-"): value for key, value in headers.items()}
    return error_from_answer(status, fields, content, operation=operation, now=NOW)


SECONDARY = (
    'permission_denied: Error from intermediary with HTTP status code 403 "Forbidden" - with-body: '
    '{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
)

ANSWERS = [
    (401, body("UNAUTHORIZED", "authentication required"), "blob.get", "Unauthorized"),
    (401, b"", "manifest.head", "Unauthorized"),
    (401, body("DENIED"), "blob.get", "Unauthorized"),
    (403, body("DENIED", "denied"), "token.get", "Denied"),
    (403, b"", "manifest.head", "Denied"),
    (403, body("DENIED", SECONDARY), "upload.post", "RateLimited"),
    (403, b'{"message":"API rate limit exceeded for user ID 1."}', "package.versions", "RateLimited"),
    (400, b'{"message":"Invalid argument."}', "package.versions", "Denied"),
    (400, b'{"message":"You cannot delete the last tagged version."}', "package.delete", "NotDeletable"),
    (404, b'{"message":"Package not found."}', "package.delete", "NotFound"),
    (404, body("MANIFEST_UNKNOWN", "manifest unknown"), "manifest.get", "ManifestUnknown"),
    (404, b"", "manifest.head", "ManifestUnknown"),
    (404, body("BLOB_UNKNOWN"), "blob.get", "BlobUnknown"),
    (404, b"", "blob.head", "BlobUnknown"),
    (404, body("NAME_UNKNOWN"), "manifest.get", "NameUnknown"),
    (404, b"", "tags.list", "NameUnknown"),
    (404, body("BLOB_UPLOAD_UNKNOWN"), "upload.put", "UploadUnknown"),
    (404, b"", "upload.get", "UploadUnknown"),
    (404, body("BLOB_UPLOAD_INVALID", "blob upload invalid"), "upload.put", "InvalidUpload"),
    (404, b"<html>", "referrers.list", "NotFound"),
    (404, body("MANIFEST_BLOB_UNKNOWN"), "manifest.put", "InvalidContent"),
    (400, body("BLOB_UPLOAD_INVALID"), "upload.patch", "InvalidUpload"),
    (400, b"", "upload.patch", "InvalidUpload"),
    (400, body("DIGEST_INVALID"), "upload.put", "InvalidContent"),
    (400, body("MANIFEST_INVALID"), "manifest.put", "InvalidContent"),
    (400, body("UNSUPPORTED"), "manifest.delete", "Unsupported"),
    (400, b"", "manifest.put", "InvalidContent"),
    (405, body("UNSUPPORTED", "The operation is unsupported."), "manifest.delete", "Unsupported"),
    (405, b"", "upload.delete", "Unsupported"),
    (416, body("REQUESTED_RANGE_NOT_SATISFIABLE"), "upload.patch", "InvalidUpload"),
    (416, b"", "upload.patch", "InvalidUpload"),
    (416, b"", "blob.get", "RegistryError"),
    (418, body("TEAPOT"), "blob.get", "RegistryError"),
    (429, b"", "blob.get", "RateLimited"),
    (503, body("TOOMANYREQUESTS"), "blob.get", "RateLimited"),
    (500, body("UNKNOWN"), "manifest.put", "ServerError"),
    (502, b"<html><title>Unicorn!</title></html>", "upload.put", "ServerError"),
    (599, b"", "blob.get", "ServerError"),
]


@pytest.mark.parametrize(
    ("status", "content", "operation", "name"),
    ANSWERS,
    ids=[f"{each[0]}-{each[2]}-{each[3]}-{number}" for number, each in enumerate(ANSWERS)],
)
def test_each_answer_has_its_exception(status: int, content: bytes, operation: str, name: str) -> None:
    """Status, code and what was asked for decide the exception, also where a HEAD has no body."""
    assert type(answer(status, content, operation)).__name__ == name


def test_every_refusing_class_is_reached() -> None:
    """No class of the tree below RegistryError is one that no answer gives."""
    classes = {each.__name__ for each in TREE if issubclass(each, RegistryError)}
    assert {each[3] for each in ANSWERS} == classes


def test_the_drawing_is_the_tree() -> None:
    """The tree in the module's docstring names each class once, below its base."""
    drawn, path = {}, []
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("├", " ").replace("└", " ").replace("─", " ").replace("│", " ")
        name = (words.split() or [""])[0]
        if not isinstance(kind := getattr(errors, name, None), type):
            continue
        depth = (len(words) - len(words.lstrip())) // 4
        path = [*path[:depth], name]
        drawn[name] = path[-2] if depth else None
        assert depth == 0 or kind.__base__ is getattr(errors, path[-2])
    assert set(drawn) == {each.__name__ for each in TREE}


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_codes_lead_back(kind: type[GhcrError]) -> None:
    """Each code that stands for an exception gives that exception."""
    if not issubclass(kind, RegistryError):
        return
    for code in codes_of(kind):
        asked = "upload.put" if kind is errors.InvalidUpload else "manifest.get"
        given_back = {type(answer(status, body(code), asked)) for status in (400, 404, 405, 416, 429)}
        assert kind in given_back


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_errors_travel_between_processes(kind: type[GhcrError]) -> None:
    """An error that was pickled or copied says the same and has the same attributes."""
    error = kind("sha256:a", "sha256:b") if issubclass(kind, DigestMismatch) else kind("no")
    error.add_note("a note")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(other), str(other), repr(other)) == (kind, str(error), repr(error))
        assert vars(other) == vars(error)


def test_everything_is_said() -> None:
    """The text has operation, status, code, the registry's words, advice, place and request."""
    error = error_from_answer(
        403,
        {"X-GitHub-Request-Id": "C0DE:1"},
        body("DENIED", "permission_denied: write_package", detail={"a": 1}),
        operation="upload.post",
        url="https://me:pw@ghcr.io/v2/acme/app/blobs/uploads/?_state=secret",
    )
    assert str(error) == (
        "upload.post: 403 DENIED: permission_denied: write_package. The token's repository has no write access to this "
        'package: on the package\'s settings page, under "Manage Actions access", add the repository with the role '
        "Write (https://ghcr.io/v2/acme/app/blobs/uploads/, request C0DE:1)"
    )
    assert repr(error).startswith("Denied('upload.post: 403")
    assert (error.status, error.code, error.detail, error.request_id) == (403, "DENIED", {"a": 1}, "C0DE:1")
    assert not error.is_temporary


@pytest.mark.parametrize("line", ADVICE, ids=[f"{each.status}-{each.words or 'any'}" for each in ADVICE])
def test_each_advice_is_given(line: Any) -> None:
    """No line of the advice is hidden behind another one."""
    operation = line.about if "." in line.about else f"{line.about or 'blob'}.put"
    assert answer(line.status, body("", line.words), operation).advice == line.text


@pytest.mark.parametrize(
    ("status", "code", "operation", "words"),
    [
        (404, "MANIFEST_UNKNOWN", "manifest.get", "list its tags"),
        (404, "NAME_UNKNOWN", "tags.list", "no such repository"),
        (404, "BLOB_UNKNOWN", "blob.get", "no such blob"),
        (404, "MANIFEST_BLOB_UNKNOWN", "manifest.put", "push its blobs"),
        (400, "MANIFEST_BLOB_UNKNOWN", "manifest.put", "push its blobs"),
        (400, "MANIFEST_INVALID", "manifest.put", "media type"),
        (429, "TOOMANYREQUESTS", "blob.get", "max_concurrency"),
        (502, "", "upload.put", "githubstatus"),
        (503, "UNAVAILABLE", "blob.get", "githubstatus"),
        (504, "", "manifest.get", "githubstatus"),
        (413, "", "manifest.put", "4 MiB"),
        (413, "", "upload.patch", "chunk_size"),
        (403, "", "blob.get", "no reason is given"),
        (405, "UNSUPPORTED", "blob.delete", "blobs go with the last version that has them"),
        (405, "UNSUPPORTED", "manifest.delete", "set api_base"),
        (405, "UNSUPPORTED", "upload.delete", "does not do this"),
    ],
)
def test_common_refusals_say_what_to_do(status: int, code: str, operation: str, words: str) -> None:
    """What people meet often has its own advice, about what they asked for."""
    assert words in answer(status, body(code) if code else b"", operation).advice


def test_no_status_without_an_answer() -> None:
    """What the client finds out by itself is told without a status."""
    assert str(ManifestUnknown("nothing runs", operation="manifest.get")) == "manifest.get: nothing runs"


def test_wrong_content_says_what_to_do() -> None:
    """Where there is something to do about a wrong digest, the error says it."""
    error = DigestMismatch("sha256:a", "sha256:b", what="blob", advice=errors.DOWNLOAD_AGAIN)
    assert str(error).startswith(
        "blob: sha256:a was expected, but the content is sha256:b. Download it again"
    )
    assert "proxy" in str(error)


@pytest.mark.parametrize(
    ("status", "temporary"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (429, True),
        (499, True),
        (500, True),
        (504, True),
    ],
)
def test_temporary(status: int, temporary: bool) -> None:
    """Only what may pass by itself is called temporary."""
    assert answer(status).is_temporary is temporary


def test_secondary_limit() -> None:
    """GHCR's 403 of the secondary limit is a rate limit of a minute, unless a header says how long."""
    error = answer(403, body("DENIED", SECONDARY), "upload.post")
    assert isinstance(error, errors.RateLimited)
    assert error.is_temporary
    assert (error.retry_after, error.reset_at) == (60.0, NOW.replace(minute=1))
    assert answer(403, body("DENIED", SECONDARY), "upload.post", retry_after="5").retry_after == 5.0


@pytest.mark.parametrize(
    ("message", "headers", "seconds"),
    [
        ("retry-after: 85.383µs, allowed: 44000/minute", {}, 85.383e-6),
        ("retry-after: 85.383μs, allowed: 44000/minute", {}, 85.383e-6),
        ("retry-after: 10.487765ms, allowed: 2000/minute", {}, 0.010487765),
        ("retry-after: 1m2.5s", {}, 62.5),
        ("Retry-After: 2h", {}, 7200.0),
        ("retry-after: soon", {}, None),
        ("", {}, None),
        ("", {"Retry-After": "7"}, 7.0),
        ("", {"retry-after": "0.5"}, 0.5),
        ("retry-after: 250ms", {"RETRY-AFTER": "3"}, 3.0),
        ("", {"Retry-After": "Wed, 07 Oct 2026 12:00:30 GMT"}, 30.0),
        ("", {"Retry-After": "Wed, 07 Oct 2026 12:00:30 -0000"}, 30.0),
        ("", {"Retry-After": "Wed, 07 Oct 2026 11:00:00 GMT"}, 0.0),
        ("", {"Retry-After": "Wed, 07 Oct 2026 12:00:30 GMT", "Date": "Wed, 07 Oct 2026 12:00:20 GMT"}, 10.0),
        ("", {"Retry-After": "-3"}, None),
        ("", {"Retry-After": "nan"}, None),
        ("", {"Retry-After": "Wed, 99 Oct 99999 12:00:30 GMT"}, None),
    ],
)
def test_waits(message: str, headers: dict[str, str], seconds: float | None) -> None:
    """The wait is read from the header and from GHCR's message; the longer one holds."""
    wait = retry_after(headers, message, NOW)
    assert wait == (None if seconds is None else pytest.approx(seconds))


def test_a_wait_beyond_the_calendar() -> None:
    """A wait of many years is a wait without an end, and not a crash."""
    error = answer(429, retry_after="9" * 10)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 9999999999
    assert answer(429, body("", "retry-after: " + "9" * 12 + "h")).retry_after == pytest.approx(3.6e15)
    assert vars(answer(429, body("", "retry-after: " + "9" * 12 + "h")))["reset_at"] is None
    for digits in (11, 100, 4000):
        assert (answer(429, retry_after="9" * digits).retry_after or 0) >= 9999999999
    assert (answer(429, body("", "retry-after: " + "9" * 90 + "s")).retry_after or 0) >= 9999999999


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e6), st.sampled_from(["ns", "us", "µs", "ms", "s", "m", "h"]))
def test_go_durations(number: float, unit: str) -> None:
    """A number and a unit are so many of that unit."""
    each = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[unit]
    assert go_duration(f"{number:.3f}{unit}") == pytest.approx(float(f"{number:.3f}") * each)


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "", ""),
        (b" \n", "", ""),
        (b"plain words", "", "plain words"),
        (b'{"errors":[{"code":"A","message":"x"},{"code":"B","message":"y"}]}', "A", "x; y"),
        (b'{"errors":[{"code":"A","message":"x"},{"code":"A","message":"x"}]}', "A", "x"),
        (b'{"errors":[{"code":7,"message":null}]}', "", ""),
        (b'{"errors":[7]}', "", '{"errors":[7]}'),
        (b'{"errors":null}', "", '{"errors":null}'),
        (b'{"message":"Bad credentials"}', "", "Bad credentials"),
        (b'{"error":"invalid_scope"}', "", "invalid_scope"),
        (b"[1]", "", "[1]"),
        (b'{"errors":[', "", '{"errors":['),
        (
            b"<!DOCTYPE html><html><title>Unicorn! &middot; GitHub</title>",
            "",
            "an HTML page: Unicorn! · GitHub",
        ),
        (b"<html><body><h1>504</h1> Time-out</body>", "", "a page: 504 Time-out"),
        (
            b"<Error><Code>ServerBusy</Code><Message>Egress is over.</Message></Error>",
            "ServerBusy",
            "Egress is over.",
        ),
        (b"<Error><Code>AuthenticationFailed</Code>", "AuthenticationFailed", "AuthenticationFailed"),
        (b"a\x1b[2Jb\x00\xff", "", "a [2Jb �"),
    ],
)
def test_bodies(content: bytes, code: str, message: str) -> None:
    """JSON, HTML, XML, nothing and nonsense all give one readable line."""
    said = read_error_body(content)
    assert (said.code, said.message) == (code, message)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * BODY_LIMIT,
        b"<" * BODY_LIMIT,
        b"<title>" * 9000,
        b"x" * (10 * BODY_LIMIT),
        b'{"errors":[{"message":"' + b"y" * (10 * BODY_LIMIT) + b'"}]}',
        b'{"errors":[{"message":"' + b"y" * 50000 + b'"}]}',
        b'{"a":' + b"9" * 60000 + b"}",
        b"https://" * 8000,
        b"eyJ" * 20000,
    ],
    ids=["nested", "brackets", "titles", "huge", "huge-json", "long-message", "long-number", "urls", "jwts"],
)
def test_hostile_bodies(content: bytes) -> None:
    """However long a body is, the text is short."""
    error = answer(502, content, "upload.put")
    assert len(str(error)) < 1200


@settings(max_examples=100, deadline=None)
@given(
    st.integers(100, 999),
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(max_size=9), st.lists, max_leaves=9).map(as_errors),
    st.dictionaries(st.sampled_from(["Retry-After", "Date", "X-GitHub-Request-Id"]), st.text(max_size=40)),
)
def test_no_answer_is_too_strange(status: int, content: bytes, headers: dict[str, str]) -> None:
    """Any answer at all gives an exception of the tree, on one printable line."""
    error = error_from_answer(status, headers, content, operation="blob.get", now=NOW)
    assert str(error).isprintable()
    assert error.status == status


@pytest.mark.parametrize("token", TOKENS, ids=[each[:6] for each in TOKENS])
def test_no_token_is_shown(token: str) -> None:
    """Whoever echoes a token, no text of an error shows it."""
    content = body("DENIED", f"bad token {token} for you", detail=token)
    error = error_from_answer(
        403,
        {"x-github-request-id": token},
        content,
        operation="blob.get",
        url=f"https://{token}:{token}@ghcr.io/v2/?t={token}",
    )
    for other in (error, TransportError(f"no: {token}", url=f"https://x/?a={token}"), GhcrError(token)):
        for text in (str(other), repr(other), "".join(map(str, other.args)), getattr(other, "message", "")):
            assert token not in text
            assert token[10:30] not in text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("basic authentication is needed", "basic authentication is needed"),
        ("Bearer realm", "Bearer realm"),
        ("Authorization: Basic " + "dXNlcjpw" * 4 + "==", "Authorization: Basic ***"),
        ("https://a.example/x?se=1&sig=2, then", "https://a.example/x?*** then"),
        ("https://u:p@a.example/x", "https://***@a.example/x"),
        ("sha256:" + "ab" * 32, "sha256:" + "ab" * 32),
    ],
)
def test_masked(text: str, clean: str) -> None:
    """Credentials and queries go; digests and plain words stay."""
    assert masked(text) == clean


def test_a_cut_token_is_no_token() -> None:
    """A token that stands where the text is cut is masked before the cut."""
    assert "ghp_" not in shown("x " * 20 + TOKENS[0], limit=60)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_urls_lose_their_secrets(text: str) -> None:
    """No URL keeps a query or a fragment, whatever it looks like."""
    assert "?" not in bare_url(text)
    assert "#" not in bare_url(text)


def test_invalid_things_are_value_errors() -> None:
    """Who catches ValueError catches an invalid reference, manifest or range."""
    for kind in (errors.InvalidReference, errors.InvalidManifest, errors.InvalidRange):
        assert issubclass(kind, ValueError)
    mismatch = DigestMismatch("sha256:aa", "sha256:bb")
    assert (mismatch.expected, mismatch.actual) == ("sha256:aa", "sha256:bb")
