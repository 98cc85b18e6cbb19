"""Manifests that are none: each is refused as MANIFEST_INVALID, with a text that names the place."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from asking import Fake, descriptor, image
from hypothesis import given
from strategies import documents, json_values, some

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence

A = "acme/app"

IMAGE = image(subject=descriptor(b"subject"), annotations={"a": "b"})
INDEX = {
    "schemaVersion": 2,
    "mediaType": OCI_INDEX,
    "manifests": [
        descriptor(json.dumps(image()).encode(), OCI_MANIFEST)
        | {"platform": {"architecture": "arm64", "os": "linux", "os.features": ["x"], "variant": "v8"}}
    ],
}


def bent(document: dict[str, Any], path: Sequence[str | int], value: Any) -> bytes:
    """A manifest in which one place has another value; `...` is no value at all."""
    document = copy.deepcopy(document)
    *way, last = path
    place: Any = document
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document).encode()


def spelled(path: Sequence[str | int]) -> str:
    """`layers[0].digest`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


DIGEST = digest_of(b"x")
DESCRIPTOR: dict[tuple[str, ...], tuple[Any, ...]] = {
    (): (None, "x", 1, [], ...),
    ("mediaType",): (None, 1, "", [], {}, ...),
    ("digest",): (None, 1, "", [], DIGEST[:-1], DIGEST.upper(), "md5:" + "a" * 32, "../../x", ...),
    ("size",): (None, "1", 1.5, 1.0, -1, True, [], 1 << 63, ...),
    ("annotations",): (1, "x", [], {"a": 1}, {"a": None}, {"a": {}}),
    ("urls",): (1, "x", {}, [1], [None]),
    ("data",): (1, [], {}, "not base64!"),
    ("artifactType",): (1, [], {}),
}
PLATFORM: dict[tuple[str, ...], tuple[Any, ...]] = {
    (): (1, "linux/amd64", []),
    ("architecture",): (1, []),
    ("os",): (1, []),
    ("variant",): (1, []),
    ("os.version",): (1, []),
    ("os.features",): (1, "x", [1]),
}
PLACES: dict[tuple[str, tuple[str | int, ...]], tuple[Any, ...]] = {
    ("image", ("schemaVersion",)): (1, 3, "2", 2.0, True, None, [], ...),
    ("index", ("schemaVersion",)): (1, "2", 2.0, ...),
    ("image", ("mediaType",)): (1, [], {}, True, OCI_INDEX),
    ("image", ("artifactType",)): (1, [], {}),
    ("image", ("annotations",)): (1, "x", [], {"a": 1}, {"a": []}),
    ("image", ("layers",)): (None, 1, "x", {}, ...),
    ("index", ("manifests",)): (None, 1, "x", {}, ...),
    **{("image", ("config", *rest)): wrong for rest, wrong in DESCRIPTOR.items()},
    **{("image", ("layers", 0, *rest)): wrong for rest, wrong in DESCRIPTOR.items() if rest},
    **{("image", ("subject", *rest)): wrong for rest, wrong in DESCRIPTOR.items() if rest},
    **{("index", ("manifests", 0, *rest)): wrong for rest, wrong in DESCRIPTOR.items() if rest},
    **{("index", ("manifests", 0, "platform", *rest)): wrong for rest, wrong in PLATFORM.items()},
    ("image", ("layers", 0)): (None, "x", 1, []),
    ("image", ("subject",)): ("x", 1, []),
    ("index", ("manifests", 0)): (None, "x", 1, []),
}
WRONG = [(kind, path, value) for (kind, path), values in PLACES.items() for value in values]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    WRONG,
    ids=[
        f"{kind}-{spelled(path)}={'absent' if value is ... else value!r:.12}" for kind, path, value in WRONG
    ],
)
def test_a_wrong_value_is_refused_by_name(kind: str, path: tuple[str | int, ...], value: Any) -> None:
    """Each place of a manifest that holds the wrong thing, or nothing, is refused, and the text names it."""
    oci = Fake()
    oci.push_image(A, "v1")
    document, media_type = (IMAGE, OCI_MANIFEST) if kind == "image" else (INDEX, OCI_INDEX)
    answer = oci.push(A, "v2", bent(document, path, value), media_type)
    assert answer.refusal == (400, "MANIFEST_INVALID")
    assert answer.message.startswith("manifest invalid: ")
    assert spelled(path) in answer.message
    assert oci.tags(A) == ["v1"]


@pytest.mark.parametrize("kind", ["image", "index"])
def test_the_table_is_about_sound_manifests(kind: str) -> None:
    """What the table bends is itself taken, and `null` where a value is optional."""
    oci = Fake()
    oci.push_image(A, "v1")
    document, media_type = (IMAGE, OCI_MANIFEST) if kind == "image" else (INDEX, OCI_INDEX)
    assert oci.push(A, "v2", document, media_type).status == 201
    assert oci.push(A, "v2", bent(document, ["annotations"], None), media_type).status == 201
    assert oci.push(A, "v2", bent(document, ["subject"], None), media_type).status == 201


TEXTS = {
    "nothing": (b"", "the body is empty"),
    "blanks": (b"  ", "not JSON"),
    "no JSON": (b"manifest", "not JSON"),
    "cut": (json.dumps(image()).encode()[:-1], "not JSON"),
    "twice": (json.dumps(image()).encode() * 2, "Extra data"),
    "a list": (b"[]", "a JSON object is wanted, got a list"),
    "a string": (b'"x"', "got a string"),
    "a number": (b"1", "got a number"),
    "null": (b"null", "got nothing"),
    "true": (b"true", "got a boolean"),
    "NaN": (b'{"size":NaN}', "NaN is not JSON"),
    "Infinity": (b'{"size":Infinity}', "Infinity is not JSON"),
    "-Infinity": (b'{"size":-Infinity}', "-Infinity is not JSON"),
    "single quotes": (b"{'a':1}", "not JSON"),
    "a comma too many": (b'{"a":1,}', "not JSON"),
    "a comment": (b'{"a":1 /* b */}', "not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "BOM"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not JSON"),
    "no UTF-8": (b'{"a":"\xff"}', "position 6"),
    "a control character": (b'{"a":"\n"}', "not JSON"),
    "nested objects": (b'{"a":' * 100_000, "nested too deeply"),
    "nested lists": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "a huge number": (b'{"size":' + b"9" * 5000 + b"}", "not JSON"),
    "a number beyond all": (bent(IMAGE, ["config", "size"], 0).replace(b": 0", b": 1e400"), "config.size must be"),
    "a key twice": (b'{"schemaVersion":2,"layers":[],"layers":[]}', "'layers' is there twice"),
    "a deep key twice": (b'{"config":{"size":1,"size":2}}', "'size' is there twice"),
    "an image with manifests": (json.dumps(IMAGE | {"manifests": []}).encode(), "an image manifest has no manifests"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "word"), TEXTS.values(), ids=TEXTS)
def test_what_is_no_json_object_is_refused(content: bytes, word: str) -> None:
    """What is not exactly one JSON object, as RFC 8259 writes it, is refused, and the text says why."""
    oci = Fake()
    oci.push_image(A, "v1")
    answer = oci.push(A, "v2", content)
    assert answer.refusal == (400, "MANIFEST_INVALID")
    assert word in answer.message
    assert len(answer.message) < 300
    assert oci.tags(A) == ["v1"]


@pytest.mark.parametrize("extra", [{"layers": []}, {"config": descriptor(b"{}")}], ids=["layers", "config"])
def test_an_index_is_no_image(extra: dict[str, Any]) -> None:
    """A document that could be read as either is refused: clients would differ in what they see in it."""
    oci = Fake()
    answer = oci.push(A, "v1", {"schemaVersion": 2, "manifests": [], **extra}, OCI_INDEX)
    assert answer.refusal == (400, "MANIFEST_INVALID")
    assert "image manifest" in answer.message


@given(documents)
@some
def test_every_body_is_stored_or_refused(content: bytes) -> None:
    """Whatever comes as a manifest is stored as it is, or refused with a reason and not stored."""
    oci = Fake()
    answer = oci.push(A, "v1", content)
    if answer.status == 201:
        assert oci("GET", f"/v2/{A}/manifests/v1").body == content
        return
    assert set(answer.codes) <= {"MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN"}
    assert answer.status == 400
    assert oci.simulator.store.names() == []


@given(json_values)
@some
def test_whatever_else_a_manifest_holds_is_kept(value: Any) -> None:
    """Keys that the specification does not know are kept, whatever their values are."""
    oci = Fake()
    oci.push_image(A, "v0")
    document = image(**{"x-else": value})
    assert oci.push(A, "v1", document).status == 201
    assert oci("GET", f"/v2/{A}/manifests/v1").json() == document
