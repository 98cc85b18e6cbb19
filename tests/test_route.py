"""From a request to an operation and back, and what becomes of requests that are none."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from strategies import methods, operations, repositories, some, tags, targets

from ghcr_sim.oci import Refusal
from ghcr_sim.oci.names import is_repository, is_tag
from ghcr_sim.route import OPERATIONS, READS, WRITES, Operation, escaped_path, format_target, parse

DIGEST = "sha256:" + "a" * 64
SHA512 = "sha512:" + "b" * 128
ID = "9d1f8a1e-58a1-4b8e-9d53-0d0f0a3a5f6c"

METHOD = {"head": "HEAD", "put": "PUT", "post": "POST", "patch": "PATCH", "delete": "DELETE"}


def method_of(name: str) -> str:
    """The method of an operation."""
    return METHOD.get(name.partition(".")[2], "GET")


@given(operations)
@some
def test_what_is_formatted_is_parsed_back(operation: Operation) -> None:
    """`parse` finds in `format_target`'s target the very operation, for every operation there is."""
    assert parse(method_of(operation.name), format_target(operation)) == operation


@given(methods, targets)
@some
def test_every_target_is_an_operation_or_a_refusal(method: str, target: str) -> None:
    """Whatever comes as a target is one of the operations, or is refused; nothing else is raised."""
    try:
        operation = parse(method, target)
    except Refusal as refusal:
        assert refusal.status in {400, 404, 405}  # noqa: PT017 - which of the two it is, nobody knows before
        return
    assert operation.name in OPERATIONS
    if operation.repository and not operation.name.startswith("storage"):
        assert is_repository(operation.repository)
    if operation.name.startswith("manifest") and ":" not in operation.reference:
        assert is_tag(operation.reference)


def test_reads_and_writes_are_operations() -> None:
    """What needs a right is an operation, and never both a read and a write."""
    assert READS | WRITES < OPERATIONS
    assert not READS & WRITES


@pytest.mark.parametrize(
    ("method", "target", "wanted"),
    [
        ("GET", "/v2/", Operation("ping")),
        ("GET", "/v2", Operation("ping")),
        ("HEAD", "/v2/", Operation("ping")),
        ("GET", "/", Operation("landing")),
        ("GET", "/token?scope=a&scope=b", Operation("token.get", query=(("scope", "a"), ("scope", "b")))),
        ("POST", "/token", Operation("token.post")),
        ("GET", "/v2/_catalog?n=2", Operation("catalog.list", query=(("n", "2"),))),
        ("GET", "/v2/a/tags/list", Operation("tags.list", "a")),
        ("GET", f"/v2/a/b/c/manifests/{DIGEST}", Operation("manifest.get", "a/b/c", DIGEST)),
        ("HEAD", "/v2/a/manifests/v1", Operation("manifest.head", "a", "v1")),
        ("PUT", "/v2/a/manifests/uploads", Operation("manifest.put", "a", "uploads")),
        ("DELETE", f"/v2/a/manifests/{SHA512}", Operation("manifest.delete", "a", SHA512)),
        ("GET", f"/v2/a/blobs/{DIGEST}", Operation("blob.get", "a", DIGEST)),
        ("GET", f"/v2/a/referrers/{DIGEST}", Operation("referrers.list", "a", DIGEST)),
        ("POST", "/v2/a/blobs/uploads/", Operation("upload.post", "a")),
        ("POST", "/v2/a/blobs/uploads", Operation("upload.post", "a")),
        ("POST", "/v2/a/blobs/upload/", Operation("upload.post", "a")),
        ("PATCH", f"/v2/a/blobs/uploads/{ID}", Operation("upload.patch", "a", ID)),
        ("PATCH", f"/v2/a/blobs/upload/{ID}", Operation("upload.patch", "a", ID)),
        ("GET", f"/ghcr1/blobs/{DIGEST}?se=x", Operation("storage.get", "ghcr1", DIGEST, (("se", "x"),))),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)
def test_paths(method: str, target: str, wanted: Operation) -> None:
    """Each path of the specification, of the token realm and of the storage host is found."""
    assert parse(method, target) == wanted


@pytest.mark.parametrize(
    "repository",
    [
        "a/tags",
        "tags/list",
        "a/manifests",
        "blobs/uploads",
        "a/blobs/uploads",
        "blobs",
        "v2",
        "v2/manifests",
        "v2/v2",
        "token",
        "upload",
        "a/referrers",
        "uploads/blobs",
        "manifests/manifests/manifests",
        "a/blobs/upload",
    ],
)
@pytest.mark.parametrize(
    ("method", "rest", "name", "reference"),
    [
        ("GET", "tags/list", "tags.list", ""),
        ("GET", "manifests/list", "manifest.get", "list"),
        ("GET", "manifests/uploads", "manifest.get", "uploads"),
        ("GET", f"manifests/{DIGEST}", "manifest.get", DIGEST),
        ("GET", f"blobs/{DIGEST}", "blob.get", DIGEST),
        ("GET", f"referrers/{DIGEST}", "referrers.list", DIGEST),
        ("POST", "blobs/uploads/", "upload.post", ""),
        ("PUT", f"blobs/uploads/{ID}", "upload.put", ID),
        ("PUT", "blobs/uploads/list", "upload.put", "list"),
    ],
    ids=lambda value: value.replace("/", "·")[:20],
)
def test_a_repository_may_be_called_like_a_path(
    repository: str, method: str, rest: str, name: str, reference: str
) -> None:
    """The last words of a path decide: a repository's own name may hold every word of the API."""
    assert parse(method, f"/v2/{repository}/{rest}") == Operation(name, repository, reference)


@given(operations)
@some
def test_percent_encoding_changes_nothing(operation: Operation) -> None:
    """A path whose every byte is escaped means the same."""
    target = format_target(operation)
    path, question, query = target.partition("?")
    if "%" not in path:
        path = "".join(f"%{byte:02x}" if byte != ord("/") else "/" for byte in path.encode())
    assert parse(method_of(operation.name), path + question + query) == operation


@pytest.mark.parametrize(
    "origin",
    ["http://ghcr.io", "https://ghcr.io:443", "HTTP://user:word@127.0.0.1:5000", "http://[::1]:5000"],
)
def test_absolute_form(origin: str) -> None:
    """A target in absolute form, as for a proxy, is taken by its path and query alone."""
    assert parse("GET", f"{origin}/v2/a/tags/list?n=1") == Operation("tags.list", "a", "", (("n", "1"),))
    assert parse("GET", origin + "/v2/") == Operation("ping")
    assert parse("GET", origin) == Operation("landing")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/v3/", "NAME_UNKNOWN"),
        ("/v2/x", "NAME_UNKNOWN"),
        ("/v2//", "NAME_UNKNOWN"),
        ("/v2/tags/list", "NAME_UNKNOWN"),
        ("/v2/manifests/v1", "NAME_UNKNOWN"),
        ("/v2//manifests/v1", "NAME_UNKNOWN"),
        ("/v2/a/manifests/", "NAME_UNKNOWN"),
        ("/v2/a/manifests", "NAME_UNKNOWN"),
        ("/v2/a/tags/lists", "NAME_UNKNOWN"),
        ("/v2/a/uploads/x", "NAME_UNKNOWN"),
        ("/v2/blobs/uploads/x", "NAME_UNKNOWN"),
        (f"/ghcré/blobs/{DIGEST}", "NAME_UNKNOWN"),
        (f"/ghcr%C3%A9/blobs/{DIGEST}", "NAME_UNKNOWN"),
        (f"/GHCR1/blobs/{DIGEST}", "NAME_UNKNOWN"),
        (f"/other/blobs/{DIGEST}", "NAME_UNKNOWN"),
        ("*", "UNSUPPORTED"),
        ("/v2/A/manifests/v1", "NAME_INVALID"),
        ("/v2/a//b/manifests/v1", "NAME_INVALID"),
        ("/v2//a/manifests/v1", "NAME_INVALID"),
        ("/v2/a/../b/manifests/v1", "NAME_INVALID"),
        ("/v2/a%2F..%2Fb/manifests/v1", "NAME_INVALID"),
        ("/v2/a%00/manifests/v1", "NAME_INVALID"),
        ("/v2/a%0A/manifests/v1", "NAME_INVALID"),
        ("/v2/-a/manifests/v1", "NAME_INVALID"),
        ("/v2/a-/manifests/v1", "NAME_INVALID"),
        ("/v2/a..b/manifests/v1", "NAME_INVALID"),
        ("/v2/a___b/manifests/v1", "NAME_INVALID"),
        ("/v2/é/manifests/v1", "NAME_INVALID"),
        ("/v2/٣/manifests/v1", "NAME_INVALID"),
        (f"/v2/{'a' * 256}/manifests/v1", "NAME_INVALID"),
        ("/v2/a/manifests/.v1", "MANIFEST_INVALID"),
        ("/v2/a/manifests/-v1", "MANIFEST_INVALID"),
        ("/v2/a/manifests/v1%0A", "MANIFEST_INVALID"),
        ("/v2/a/manifests/v1%20", "MANIFEST_INVALID"),
        ("/v2/a/manifests/v٣", "MANIFEST_INVALID"),
        (f"/v2/a/manifests/{'v' * 129}", "MANIFEST_INVALID"),
        ("/v2/a/manifests/sha256:", "DIGEST_INVALID"),
        ("/v2/a/manifests/v1:v2", "DIGEST_INVALID"),
        (f"/v2/a/manifests/{DIGEST.upper()}", "DIGEST_INVALID"),
        (f"/v2/a/blobs/{DIGEST[:-1]}", "DIGEST_INVALID"),
        (f"/v2/a/blobs/{DIGEST}a", "DIGEST_INVALID"),
        (f"/v2/a/blobs/{DIGEST}%0A", "DIGEST_INVALID"),
        ("/v2/a/blobs/md5:" + "a" * 32, "DIGEST_INVALID"),
        ("/v2/a/blobs/v1", "DIGEST_INVALID"),
        (f"/v2/a/blobs/{DIGEST[7:]}", "DIGEST_INVALID"),
        ("/v2/a/referrers/v1", "DIGEST_INVALID"),
        ("/ghcr1/blobs/x", "DIGEST_INVALID"),
    ],
    ids=lambda value: value[:30].encode("unicode_escape").decode(),
)
def test_what_is_malformed_is_refused_with_its_own_code(target: str, code: str) -> None:
    """A path, name, tag or digest that the grammar does not know is refused before anything looks for it."""
    method = "OPTIONS" if target == "*" else "GET"
    with pytest.raises(Refusal) as caught:
        parse(method, target)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("A", "lowercase"),
        ("a" * 256, "256 characters, at most 255"),
        ("a..b", "components"),
        ("x" * 90 + "!", "'" + "x" * 77 + "..."),
    ],
    ids=["upper", "long", "dots", "shortened"],
)
def test_a_malformed_name_is_refused_with_its_reason(name: str, word: str) -> None:
    """Who sends a wrong name reads what is wrong with it, and not all of it if it is long."""
    with pytest.raises(Refusal) as caught:
        parse("GET", f"/v2/{name}/tags/list")
    assert word in caught.value.message


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/v2/", "GET, HEAD"),
        ("/v2/_catalog", "GET"),
        ("/v2/a/tags/list", "GET"),
        ("/v2/a/manifests/v1", "GET, HEAD, PUT, DELETE"),
        (f"/v2/a/blobs/{DIGEST}", "GET, HEAD, DELETE"),
        ("/v2/a/blobs/uploads/", "POST"),
        (f"/v2/a/blobs/uploads/{ID}", "GET, PATCH, PUT, DELETE"),
        (f"/v2/a/referrers/{DIGEST}", "GET"),
        ("/token", "GET, POST"),
    ],
)
def test_a_method_that_a_path_does_not_have(target: str, allow: str) -> None:
    """A path without the method is UNSUPPORTED, 405, and says in `Allow` what it has (RFC 9110, 15.5.6)."""
    with pytest.raises(Refusal) as caught:
        parse("BREW", target)
    assert (caught.value.status, caught.value.code) == (405, "UNSUPPORTED")
    assert dict(caught.value.headers)["allow"] == allow


@given(repositories)
@some
def test_the_longest_name_has_255_characters(name: str) -> None:
    """A name of 255 characters is taken, and one of 256 is not."""
    exact = name + "/" + "x" * (254 - len(name))
    assert parse("GET", f"/v2/{exact}/tags/list").repository == exact
    with pytest.raises(Refusal):
        parse("GET", f"/v2/{exact}x/tags/list")


def test_queries() -> None:
    """A query is decoded, keeps its order and its blanks, and is asked for by key."""
    operation = parse("GET", "/v2/a/tags/list?n=1&last=a%2Fb&n=2&blank=&bare&x=a+b&%ff=1")
    assert operation.query == (
        ("n", "1"), ("last", "a/b"), ("n", "2"), ("blank", ""), ("bare", ""), ("x", "a b"), ("�", "1"),
    )  # fmt: skip
    assert operation.one("n") == "1"
    assert operation.every("n") == ["1", "2"]
    assert operation.one("none") is None


@given(repositories, tags)
@some
def test_the_path_that_github_is_given(repository: str, tag: str) -> None:
    """The path behind `/v2/` becomes one word, a digest cut at its colon."""
    assert escaped_path(Operation("manifest.get", repository, tag)) == quote(
        f"{repository}/manifests/{tag}", safe=""
    )
    assert escaped_path(Operation("manifest.get", repository, DIGEST)).endswith("manifests%2Fsha256")
