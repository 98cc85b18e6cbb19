"""What `ghcr_image` makes: valid, findable by clients, and told of by a value that says the truth."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ghcr_client import SyncGhcrClient

from ghcr_sim.assemble import Simulator
from ghcr_sim.errors import SeedError
from ghcr_sim.oci.digests import digest_of
from pytest_ghcr.images import GhcrImage, ImageFactory
from pytest_ghcr.simulator import Ghcr

BOTH = ["linux/amd64", "linux/arm64"]


@pytest.fixture(params=["ghcr", "oci"])
def profiled(request, _ghcr_background):
    """A fake of each profile, and a client of it."""
    ghcr = Ghcr(Simulator(request.param))
    with ghcr.running(), SyncGhcrClient(registry=ghcr.url, token=ghcr.token) as client:
        yield ghcr, client


def document(image: GhcrImage, reference: str | None) -> dict:
    """A manifest of the image's repository, parsed."""
    assert reference is not None
    manifest = image.ghcr.simulator.store.manifest(image.repository, reference)
    return json.loads(manifest.content)


def content(image: GhcrImage, layer: dict) -> bytes:
    """A layer's bytes."""
    blob = image.ghcr.simulator.store.blob(image.repository, layer["digest"])
    return b"".join(blob.pieces(0, blob.size))


def test_the_value_says_what_is_there(ghcr, ghcr_image):
    """Every field is what the fake serves; and no request was made for it."""
    image = ghcr_image("acme/app:v1", platforms=BOTH, layers=[b"one", b"two"], annotations={"a": "b"})
    assert (image.reference, image.repository, image.tag) == ("acme/app:v1", "acme/app", "v1")
    assert str(image) == "acme/app:v1"
    assert image.pinned == f"acme/app@{image.digest}"
    assert image.digest == digest_of(image.manifest)
    assert image.size == len(image.manifest)
    listed = json.loads(image.manifest)
    assert listed["annotations"] == {"a": "b"}
    assert listed["mediaType"] == image.media_type
    assert list(image.platforms) == BOTH
    assert list(image.platforms.values()) == [each["digest"] for each in listed["manifests"]]
    layers = [document(image, each)["layers"] for each in image.platforms.values()]
    assert image.layers == tuple(each["digest"] for each in layers[0])
    assert (image.signature, image.sbom, image.attestation) == (None, None, None)
    assert ghcr.requests() == []


def test_values_are_values(ghcr_image):
    """Equal images have equal values, which can be keys; none can be changed."""
    one, again, other = ghcr_image("acme/app:v1"), ghcr_image("acme/app:v1"), ghcr_image("acme/app:v2")
    assert one == again != other
    assert len({one, again, other}) == 2
    with pytest.raises(AttributeError):
        one.digest = "sha256:"  # type: ignore[misc]
    assert "manifest=" not in repr(one)


def test_a_name_without_a_tag_is_latest(ghcr_image):
    """As in every client."""
    assert ghcr_image("acme/app").reference == "acme/app:latest"


def test_clients_find_all_of_it(profiled):
    """A client pulls the image, and finds referrers and signature, with a referrers API and without."""
    ghcr, client = profiled
    image = ImageFactory(ghcr)("acme/app:v1", platforms=BOTH, sign=True, sbom=True, attest=True)
    assert client.pull_manifest("acme/app:v1").digest == image.digest
    found = {str(each.digest): each.artifact_type for each in client.list_referrers(image.pinned)}
    assert found == {image.sbom: "application/spdx+json", image.attestation: "application/vnd.in-toto+json"}
    signature = client.pull_manifest(f"acme/app:{image.digest.replace(':', '-')}.sig")
    assert signature.digest == image.signature
    assert ghcr.leaks == []


@pytest.mark.parametrize(
    ("asked", "media_type", "key", "value"),
    [
        (True, "application/spdx+json", "spdxVersion", "SPDX-2.3"),
        ("spdx", "application/spdx+json", "spdxVersion", "SPDX-2.3"),
        ("cyclonedx", "application/vnd.cyclonedx+json", "bomFormat", "CycloneDX"),
    ],
)
def test_a_bill_of_materials(ghcr_image, asked, media_type, key, value):
    """It is a referrer of the wanted type, and names the image by its digest; Docker's images have one, too."""
    image = ghcr_image("acme/app:v1", sbom=asked, docker=True)
    referrer = document(image, image.sbom)
    assert referrer["artifactType"] == referrer["layers"][0]["mediaType"] == media_type
    assert referrer["subject"]["digest"] == image.digest
    bill = json.loads(content(image, referrer["layers"][0]))
    assert bill[key] == value
    assert image.digest in json.dumps(bill)


def test_an_unknown_bill_of_materials_is_refused(ghcr, ghcr_image):
    """The error lists the formats, and nothing was put."""
    with pytest.raises(ValueError, match=r"sbom is 'syft': give True, or one of spdx, cyclonedx"):
        ghcr_image("acme/app:v1", sbom="syft")
    assert ghcr.simulator.store.names() == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"sign": "key.pem"}, "sign is of the type str: give True, or a pytest_ghcr.signing.SigningKey"),
        ({"sign": None}, "sign is of the type NoneType"),
        ({"attest": "slsa"}, "attest is of the type str: give True, or a predicate as a dict"),
        ({"attest": None}, "attest is of the type NoneType"),
    ],
)
def test_what_signs_nothing_is_refused(ghcr, ghcr_image, words, why):
    """One line says what to give, and nothing was put."""
    with pytest.raises(TypeError, match=f"^{why}"):
        ghcr_image("acme/app:v1", **words)
    assert ghcr.simulator.store.names() == []


def test_a_type_of_no_predicate_is_refused(ghcr, ghcr_image):
    """Without an attestation it would say nothing, unseen: the error says what to add, and nothing was put."""
    with pytest.raises(
        ValueError, match=r"^predicate_type is of no predicate: give attest=True, or a predicate"
    ):
        ghcr_image("acme/app:v1", predicate_type="https://example.com/tested/v1")
    assert ghcr.simulator.store.names() == []


def test_what_cannot_be_seeded_is_refused(ghcr_image):
    """The errors are those of `ghcr.seed`."""
    with pytest.raises(SeedError, match="give owner/name:tag"):
        ghcr_image("app:v1", sign=True)


def test_unsigned_images_do_not_import_cryptography():
    """A test that signs nothing does not pay for it."""
    code = (
        "import sys; from pytest_ghcr.simulator import Ghcr; from pytest_ghcr.images import ImageFactory;"
        "image = ImageFactory(Ghcr())('acme/app:v1', sbom=True); print('cryptography' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
