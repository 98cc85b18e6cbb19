"""Manifests, platforms and ranges: what is read, what is kept, what is chosen, what is refused."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from typing import Any

import ghcr_client
import pytest
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest, InvalidRange, InvalidReference
from ghcr_client.manifests import ACCEPT, PULL_LIMIT, PUSH_LIMIT, Manifest
from ghcr_client.models import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    EMPTY,
    OCI_ARTIFACT,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    ArtifactManifest,
    Descriptor,
    ImageIndex,
    ImageManifest,
)
from ghcr_client.platforms import Platform, best_platform
from ghcr_client.ranges import ChunkRange
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def blob(media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip", **more: Any) -> dict[str, Any]:
    """A descriptor as it stands in a document."""
    return {"mediaType": media_type, "digest": str(Digest.of(media_type.encode())), "size": 7, **more}


def image(**more: Any) -> dict[str, Any]:
    """An image manifest."""
    return {"schemaVersion": 2, "config": blob(OCI_CONFIG), "layers": [blob()], **more}


def index(*platforms: str | None, **more: Any) -> dict[str, Any]:
    """An index with a manifest for each platform."""
    entries = []
    for number, text in enumerate(platforms):
        words = (text or "").split("/")
        names = dict(zip(("os", "architecture", "variant"), words, strict=False))
        entries.append(
            blob(OCI_MANIFEST, digest=f"sha256:{number:064x}") | ({"platform": names} if text else {})
        )
    return {"schemaVersion": 2, "manifests": entries, **more}


def raw(document: Any) -> bytes:
    """A document's bytes."""
    return json.dumps(document).encode()


READ = [
    ("oci-image", image(mediaType=OCI_MANIFEST), OCI_MANIFEST, ImageManifest),
    ("oci-index", index("linux/amd64", mediaType=OCI_INDEX), OCI_INDEX, ImageIndex),
    (
        "docker-image",
        image(mediaType=DOCKER_MANIFEST, config=blob(DOCKER_CONFIG)),
        DOCKER_MANIFEST,
        ImageManifest,
    ),
    ("docker-index", index("linux/amd64", mediaType=DOCKER_INDEX), DOCKER_INDEX, ImageIndex),
    (
        "artifact",
        {"mediaType": OCI_ARTIFACT, "artifactType": "a/b", "blobs": [blob()]},
        OCI_ARTIFACT,
        ArtifactManifest,
    ),
]


@pytest.mark.parametrize("said", ["exact", "none", "vague", "parameters"])
@pytest.mark.parametrize(
    ("document", "kind", "model"), [each[1:] for each in READ], ids=[each[0] for each in READ]
)
def test_read(document: dict[str, Any], kind: str, model: type, said: str) -> None:
    """Each type of manifest is known by its Content-Type, or by what it says of itself; its bytes are kept."""
    content_type = {
        "exact": kind,
        "none": None,
        "vague": "application/json",
        "parameters": f"{kind}; charset=utf-8",
    }
    manifest = Manifest.parse(raw(document), content_type[said])
    assert (manifest.media_type, type(manifest.document)) == (kind, model)
    assert manifest.raw == raw(document)
    assert manifest.size == len(manifest.raw)
    assert manifest.digest == "sha256:" + hashlib.sha256(manifest.raw).hexdigest()
    assert manifest.is_multi_arch is (model is ImageIndex)
    assert kind in ACCEPT
    assert len(manifest.document.children) == (2 if model is ImageManifest else 1)
    manifest.validate()


def test_a_manifest_without_media_type() -> None:
    """OCI allows to leave the media type out: then Content-Type, or what the document holds, tells."""
    assert Manifest.parse(raw(image())).media_type == OCI_MANIFEST
    assert Manifest.parse(raw(index("a/b"))).media_type == OCI_INDEX
    assert Manifest.parse(raw(image()), DOCKER_MANIFEST).media_type == DOCKER_MANIFEST
    assert Manifest.parse(raw({"schemaVersion": 2, "manifests": None}), OCI_INDEX).document.children == ()


def test_unknown_fields_and_spaces_survive() -> None:
    """What nobody here knows is kept: the bytes word for word, and in the model, too."""
    content = json.dumps(image(future={"a": [1]}, layers=[blob(x_hint="y")]), indent=7).encode() + b"\n\n"
    manifest = Manifest.parse(content)
    assert manifest.raw is content
    built = Manifest.build(manifest.document)
    assert json.loads(built.raw)["future"] == {"a": [1]}
    assert json.loads(built.raw)["layers"][0]["x_hint"] == "y"


def test_null_is_empty() -> None:
    """Go writes empty lists as null; they are read as empty."""
    document = image(
        layers=None, annotations=None, subject=None, config=blob(EMPTY, annotations=None, urls=None)
    )
    manifest = Manifest.parse(raw(document))
    assert isinstance(manifest.document, ImageManifest)
    assert (manifest.document.layers, manifest.document.annotations, manifest.subject) == ((), {}, None)


REFUSED = [
    ("empty", b"", None, "not a manifest: Invalid JSON"),
    ("html", b"<html>", None, "not a manifest: Invalid JSON"),
    ("list", b"[]", None, "should be an object"),
    ("cut", raw(image())[:-3], None, "Invalid JSON"),
    ("deep", b'{"a":' + b"[" * 100_000, None, "Invalid JSON"),
    ("nothing", b"{}", None, "config: Field required"),
    ("bad-config", raw(image(config=blob(digest="sha256:00"))), None, "config.digest: .*64 hex digits"),
    (
        "no-size",
        raw(image(layers=[{"mediaType": "a", "digest": "x"}])),
        None,
        "layers.0.digest: .*layers.0.size",
    ),
    ("many-faults", raw(image(layers=[{}, {}])), None, "and 3 more"),
    ("text-size", raw(image(layers=[blob(size="7")])), None, "valid integer"),
    ("negative-size", raw(image(layers=[blob(size=-1)])), None, "greater than or equal to 0"),
    ("huge-size", raw(image(layers=[blob(size=2**63)])), None, "less than or equal"),
    ("annotation", raw(image(annotations={"a": 1})), None, "annotations.a: .*valid string"),
    ("both", raw(image() | index("a/b")), OCI_MANIFEST, "not trusted"),
    ("image-as-index", raw(image()), OCI_INDEX, "claims to be .*index"),
    ("index-as-image", raw(index("a/b")), DOCKER_MANIFEST, "claims to be .*manifest"),
    (
        "other-type",
        raw(image(mediaType=OCI_MANIFEST)),
        DOCKER_MANIFEST,
        "was sent as .*docker.* says of itself .*oci",
    ),
    (
        "strange-type",
        raw(image(mediaType="text/html")),
        None,
        "text/html is not the media type of a manifest",
    ),
    ("html-type", raw(image()), "text/html", "text/html is not"),
    ("schema-1", raw({"schemaVersion": 1}), SCHEMA1, "schema 1 is not read"),
    ("too-long", b" " * (PULL_LIMIT + 1), None, "at most 8388608"),
]


@pytest.mark.parametrize(
    ("content", "kind", "says"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_refused(content: bytes, kind: str | None, says: str) -> None:
    """What is no manifest, or two at once, is refused with a short text that says where it is wrong."""
    with pytest.raises(InvalidManifest, match=says) as caught:
        Manifest.parse(content, kind)
    assert len(str(caught.value)) < 800


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda each: (
            st.lists(each)
            | st.dictionaries(
                st.sampled_from(
                    ["mediaType", "manifests", "config", "layers", "digest", "size", "schemaVersion"]
                ),
                each,
            )
        ),
        max_leaves=12,
    )
)
def test_no_document_is_too_strange(document: Any) -> None:
    """Any JSON is a manifest or is refused by our error."""
    try:
        manifest = Manifest.parse(raw(document))
    except InvalidManifest:
        return
    assert manifest.digest == Digest.of(raw(document))


INVALID = [
    ("schema-version", image(schemaVersion=1), "schema version is 2, and this one's is 1"),
    ("index-version", index("a/b", schemaVersion=3), "schema version is 2, and this one's is 3"),
    ("no-layer", image(layers=[]), "at least one layer"),
    ("no-layer-docker", image(layers=[], config=blob(DOCKER_CONFIG)), "at least one layer"),
    ("no-manifest", index(), "at least one manifest"),
    ("too-long", index("a/b", annotations={"a": "b" * PUSH_LIMIT}), "at most 4194304"),
]


@pytest.mark.parametrize(
    ("document", "says"), [each[1:] for each in INVALID], ids=[each[0] for each in INVALID]
)
def test_what_may_not_be_pushed(document: dict[str, Any], says: str) -> None:
    """A manifest that can be read and must not be pushed says why."""
    manifest = Manifest.parse(raw(document))
    with pytest.raises(InvalidManifest, match=says):
        manifest.validate()


def test_artifacts_need_no_layer() -> None:
    """An artifact has an artifact type, or a config that is not an image's; it may have no layer."""
    for document in (image(layers=[], artifactType="a/b"), image(layers=[], config=blob(EMPTY))):
        manifest = Manifest.parse(raw(document))
        manifest.validate()
        assert manifest.is_artifact
    assert not Manifest.parse(raw(image())).is_artifact
    assert not Manifest.parse(raw(index("a/b"))).is_artifact
    assert Manifest.parse(raw(READ[-1][1])).is_artifact


def test_build() -> None:
    """What is built is valid, compact, has a media type and no empty fields, and reads the same."""
    subject = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=1)
    config = Descriptor(media_type=EMPTY, digest=Digest.of(b"{}"), size=2)
    manifest = Manifest.build(ImageManifest(config=config, artifact_type="a/b", subject=subject))
    entry = {"mediaType": EMPTY, "digest": str(config.digest), "size": 2}
    assert json.loads(manifest.raw) == {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "a/b",
        "config": entry,
        "layers": [],
        "subject": {"mediaType": OCI_MANIFEST, "digest": str(subject.digest), "size": 1},
    }
    assert manifest.subject == subject
    assert manifest.platforms == ()
    listed = manifest.descriptor()
    assert (listed.digest, listed.size, listed.artifact_type) == (manifest.digest, len(manifest.raw), "a/b")
    built = Manifest.build(ImageIndex(manifests=(listed,), media_type=DOCKER_INDEX))
    assert built.media_type == DOCKER_INDEX
    assert Manifest.build(ImageIndex(manifests=(listed,))).media_type == OCI_INDEX
    with pytest.raises(InvalidManifest):
        Manifest.build(ImageIndex())


def test_sha512() -> None:
    """A manifest that was asked for by sha512 has a sha512 digest."""
    assert Manifest.parse(raw(image()), algorithm="sha512").digest == Digest.of(raw(image()), "sha512")


def test_values() -> None:
    """Manifests and descriptors cannot change, can be set members, travel, and print short."""
    manifest = Manifest.parse(raw(index("linux/amd64", annotations={"a": "b" * 9999})))
    assert len(repr(manifest)) < 300
    assert pickle.loads(pickle.dumps(manifest)) == manifest
    assert len({manifest, Manifest.parse(manifest.raw), manifest.descriptor()}) == 2
    with pytest.raises(ValidationError):
        manifest.document.media_type = "x"


# --- platforms


def test_platforms_of_an_index() -> None:
    """An index names its platforms once each, in order, without attestations and what says none."""
    manifest = Manifest.parse(
        raw(index("linux/amd64", "linux/arm/v7", "unknown/unknown", None, "linux/amd64"))
    )
    assert [str(each) for each in manifest.platforms] == ["linux/amd64", "linux/arm/v7"]


SELECT = [
    ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
    ("linux/amd64", ["linux/amd64", "linux/amd64"], 0),
    ("linux/amd64", ["linux/amd64/v2", "linux/amd64"], 1),
    ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], 1),
    ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], 1),
    ("linux/arm64/v8", ["linux/arm64"], 0),
    ("linux/arm64/v9", ["linux/arm64/v8", "linux/arm64/v8.5", "linux/arm64/v9.1"], 1),
    ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64"], 1),
    ("linux/arm", ["linux/arm/v6", "linux/arm/v7"], 1),
    ("linux/arm/v6", ["linux/arm/v7"], None),
    ("linux/arm64", ["linux/arm/v7"], None),
    ("windows/amd64", ["linux/amd64"], None),
    ("linux/ppc64le/power9", ["linux/ppc64le/power9"], 0),
    ("linux/ppc64le/power9", ["linux/ppc64le/power8"], None),
    ("unknown/unknown", ["unknown/unknown"], None),
    ("linux/amd64", [None], None),
    ("linux/amd64", [], None),
]


@pytest.mark.parametrize(
    ("wanted", "offered", "place"), SELECT, ids=[f"{each[0]}-{n}" for n, each in enumerate(SELECT)]
)
def test_select(wanted: str, offered: list[str | None], place: int | None) -> None:
    """The best match is chosen: the same variant, else the nearest lower one, else none."""
    document = Manifest.parse(raw(index(*offered))).document
    assert isinstance(document, ImageIndex)
    chosen = document.select(wanted)
    assert chosen == (None if place is None else document.manifests[place])
    assert document.select(Platform.parse(wanted)) == chosen


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("linux/amd64", ("Linux", "AMD64", None)),
        ("linux/amd64", ("linux", "x86_64", None)),
        ("linux/arm64", ("linux", "aarch64", "V8")),
        ("linux/arm/v7", ("linux", "armhf", None)),
        ("linux/arm/v6", ("linux", "armhf", "v6")),
    ],
)
def test_names_that_builders_write(wanted: str, offered: tuple[str, str, str | None]) -> None:
    """Upper case and other names of a processor are the same platform, whoever wrote them."""
    theirs = Platform(os=offered[0], architecture=offered[1], variant=offered[2])
    assert Platform.parse(wanted).distance(theirs) == (0, 0)
    assert theirs.distance(Platform.parse(wanted)) == (0, 0)


@pytest.mark.parametrize(
    ("wanted", "offered", "runs"),
    [
        (None, "10.0.1", True),
        ("10.0.1", None, True),
        ("10.0.1", "10.0.1.5", True),
        ("10.0.1", "10.0.17", False),
    ],
)
def test_windows_versions(wanted: str | None, offered: str | None, runs: bool) -> None:
    """A version that is asked for is that version or a closer description of it."""
    ours, theirs = (
        Platform(os="windows", architecture="amd64", os_version=each) for each in (wanted, offered)
    )
    assert (ours.distance(theirs) is not None) is runs


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Platform,
            os=st.just("linux"),
            architecture=st.sampled_from(["arm", "arm64"]),
            variant=st.sampled_from([None, "v5", "v6", "v7", "v8", "8", "odd"]),
        ),
        max_size=6,
    )
)
def test_the_exact_platform_wins(offered: list[Platform]) -> None:
    """Each platform that is offered is chosen by who wants just that one, or an equal one before it."""
    for wanted in offered:
        place = best_platform(wanted, offered)
        assert place is not None
        assert place <= offered.index(wanted)
        assert wanted.distance(offered[place]) == (0, 0)


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/am d64", "linux/" + "a" * 65]
)
def test_bad_platforms(text: str) -> None:
    """What is no platform is refused with the form that is wanted."""
    with pytest.raises(InvalidReference, match=r"os/architecture\[/variant\]"):
        Platform.parse(text)


def test_platform_fields_of_windows() -> None:
    """The fields with a dot in their name are read and written."""
    platform = {"os": "windows", "architecture": "amd64", "os.version": "10.0.1", "os.features": ["win32k"]}
    manifest = Manifest.parse(raw({"schemaVersion": 2, "manifests": [blob(OCI_MANIFEST, platform=platform)]}))
    assert manifest.platforms[0].os_features == ("win32k",)
    assert json.loads(Manifest.build(manifest.document).raw)["manifests"][0]["platform"] == platform


# --- ranges


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 10**6), st.none() | st.integers(1, 10**6))
def test_ranges_are_written_and_read(start: int, more: int, beyond: int | None) -> None:
    """Each form of a range reads as the same range."""
    end = start + more
    chunk = ChunkRange(start, end, None if beyond is None else end + beyond)
    assert chunk.size == more + 1
    for text in (chunk.upload_header, chunk.download_header, f"bytes {start}-{end}/*"):
        assert ChunkRange.parse(text) == ChunkRange(start, end)
    if chunk.total is not None:
        assert ChunkRange.parse(f"bytes {start}-{end}/{chunk.total}") == chunk


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 60), st.data())
def test_split(total: int, size: int, data: st.DataObject) -> None:
    """The parts touch, do not overlap, and are the whole from where it starts."""
    start = data.draw(st.integers(0, total))
    parts = list(ChunkRange.split(total, size, start=start))
    assert [at for each in parts for at in range(each.start, each.end + 1)] == list(range(start, total))
    assert all(each.size == size for each in parts[:-1])


@pytest.mark.parametrize(
    ("start", "end", "total", "says"),
    [
        (-1, 5, None, "from 0"),
        (5, 4, None, "before the first"),
        (0, 5, 5, "only 5 bytes"),
        (0, 2**63, None, "from 0"),
    ],
)
def test_bad_ranges(start: int, end: int, total: int | None, says: str) -> None:
    """Offsets that make no sense are refused."""
    with pytest.raises(InvalidRange, match=says):
        ChunkRange(start, end, total)


@pytest.mark.parametrize(
    "text", ["", "5", "bytes */5", "bytes=5-", "-5", "0-1,3-4", "0x1-2", "9" * 30 + "-" + "9" * 30]
)
def test_bad_range_texts(text: str) -> None:
    """A header that is no range is refused."""
    with pytest.raises(InvalidRange):
        ChunkRange.parse(text)


def test_bad_splits() -> None:
    """A chunk has at least a byte, and the start is within the whole: refused at once, not when the first is taken."""
    with pytest.raises(InvalidRange, match="at least 1 byte"):
        ChunkRange.split(10, 0)
    with pytest.raises(InvalidRange, match="invalid start"):
        ChunkRange.split(10, 4, start=11)


# --- the package


def test_every_export_is_there() -> None:
    """Each name of `__all__` is found, once looked up it stays, and no other name is."""
    for name in ghcr_client.__all__:
        assert getattr(ghcr_client, name) is getattr(ghcr_client, name)
    assert set(ghcr_client.__all__) <= set(dir(ghcr_client))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ghcr_client.nothing


def test_import_is_cheap() -> None:
    """Importing the package loads neither aiohttp nor pydantic: it costs less than aiohttp alone."""
    code = (
        "import sys, ghcr_client; print({'aiohttp', 'pydantic'} & set(sys.modules));"
        "ghcr_client.ImageRef; print('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["set()", "False"]
