"""Signatures and attestations: what their bytes say, and that cosign itself takes them."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from clients.setting import Home
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tools import which

from pytest_ghcr.signing import SIMPLE_SIGNING, SLSA, SigningKey

SIGNATURE = "dev.cosignproject.cosign/signature"


def layers_at(ghcr, image, kind):
    """The layers at one of cosign's tags, each with its bytes."""
    store = ghcr.simulator.store
    manifest = store.manifest(image.repository, f"{image.digest.replace(':', '-')}.{kind}")
    listed = json.loads(manifest.content)["layers"]
    blobs = [store.blob(image.repository, each["digest"]) for each in listed]
    return [(each, b"".join(blob.pieces(0, blob.size))) for each, blob in zip(listed, blobs, strict=True)]


def test_a_signature_is_the_keys(ghcr, ghcr_image):
    """It stands in the annotation of a layer whose content names repository and digest; another key refuses it."""
    image = ghcr_image("acme/app:v1", sign=True)
    ((layer, payload),) = layers_at(ghcr, image, "sig")
    assert layer["mediaType"] == SIMPLE_SIGNING
    critical = json.loads(payload)["critical"]
    assert critical["identity"]["docker-reference"] == "ghcr.io/acme/app"
    assert critical["image"]["docker-manifest-digest"] == image.digest
    signature = b64decode(layer["annotations"][SIGNATURE])
    assert ghcr_image.key.verifies(payload, signature)
    assert not ghcr_image.key.verifies(payload + b" ", signature)
    assert not SigningKey.create().verifies(payload, signature)


def test_several_keys_sign_one_image(ghcr, ghcr_image):
    """A signature joins those that are there, as `cosign sign` does it."""
    keys = [SigningKey.create(), SigningKey.create()]
    for key in keys:
        image = ghcr_image("acme/app:v1", sign=key)
    found = layers_at(ghcr, image, "sig")
    assert len(found) == 2
    for key, (layer, payload) in zip(keys, found, strict=True):
        assert key.verifies(payload, b64decode(layer["annotations"][SIGNATURE]))


@pytest.mark.parametrize(
    ("attest", "predicate_type", "wanted"),
    [(True, None, SLSA), ({"passed": True}, "https://example.com/tests/v1", "https://example.com/tests/v1")],
)
def test_an_attestation_is_signed(ghcr, ghcr_image, attest, predicate_type, wanted):
    """A statement about the image's digest, in an envelope that the given key has signed."""
    key = SigningKey.create()
    image = ghcr_image("acme/app:v1", sign=key, attest=attest, predicate_type=predicate_type)
    ((layer, content),) = layers_at(ghcr, image, "att")
    assert layer["annotations"]["predicateType"] == wanted
    envelope = json.loads(content)
    payload = b64decode(envelope["payload"])
    statement = json.loads(payload)
    assert statement["predicateType"] == wanted
    assert statement["subject"] == [{"name": "ghcr.io/acme/app", "digest": {"sha256": image.digest[7:]}}]
    assert attest is True or statement["predicate"] == attest
    kind = envelope["payloadType"]
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    assert key.verifies(signed, b64decode(envelope["signatures"][0]["sig"]))


def test_the_private_key_is_never_shown(ghcr_image):
    """Not by repr, of the key or of what was signed; it is given only when asked for, closed if wanted."""
    key = ghcr_image.key
    image = ghcr_image("acme/app:v1", sign=key)
    number = load_pem_private_key(key.private_pem(), None).private_numbers().private_value
    closed = key.private_pem(b"secret")
    assert b"ENCRYPTED PRIVATE KEY" in closed
    assert load_pem_private_key(closed, b"secret").private_numbers().private_value == number
    for text in (repr(key), str(key), repr(image), repr(ghcr_image)):
        assert "PRIVATE" not in text
        assert str(number) not in text
        assert f"{number:x}" not in text


# -- cosign itself


class Cosign:
    """The program, in a home of its own, with the public key of a factory."""

    def __init__(self, home, ghcr, key):
        self.home, self.host = home, ghcr.host
        home.path("cosign.pub").write_bytes(key.public_pem)

    def verify(self, image, *words, command="verify", key="cosign.pub", refused=False):
        call = self.home.refused if refused else self.home.run
        ignored = ("--insecure-ignore-tlog", "--allow-http-registry")
        return call("cosign", command, "--key", key, *ignored, *words, f"{self.host}/{image}")


@pytest.fixture
def cosign(ghcr, ghcr_image, tmp_path):
    """cosign, which `.ci/install-clients` leaves out: it takes five minutes to build."""
    if which("cosign") is None:
        pytest.skip("not installed: cosign (go install github.com/sigstore/cosign/v2/cmd/cosign@v2.4.1)")
    return Cosign(Home.make(tmp_path / "home"), ghcr, ghcr_image.key)


@pytest.mark.clients
@pytest.mark.parametrize("platforms", [None, ["linux/amd64", "linux/arm64"]], ids=["image", "index"])
def test_cosign_verifies_a_signature(ghcr, ghcr_image, cosign, platforms):
    """`cosign verify` takes it with the right key, and refuses another key and an unsigned image."""
    image = ghcr_image("acme/app:v1", platforms=platforms, sign=True, visibility="public")
    claims = json.loads(cosign.verify(image).stdout)
    assert [each["critical"]["image"]["docker-manifest-digest"] for each in claims] == [image.digest]
    cosign.home.path("other.pub").write_bytes(SigningKey.create().public_pem)
    assert "no matching signatures" in cosign.verify(image, key="other.pub", refused=True)
    unsigned = ghcr_image("acme/app:v2")
    assert "no signatures found" in cosign.verify(unsigned, refused=True)
    assert ghcr.leaks == []


@pytest.mark.clients
def test_cosign_verifies_an_attestation(ghcr_image, cosign):
    """`cosign verify-attestation` takes it with the right key and type, and refuses another key and another type."""
    image = ghcr_image("acme/app:v1", attest=True, visibility="public")
    words = ("--type", "slsaprovenance1")
    envelope = json.loads(cosign.verify(image, *words, command="verify-attestation").stdout)
    statement = json.loads(b64decode(envelope["payload"]))
    assert statement["subject"][0]["digest"]["sha256"] == image.digest[7:]
    cosign.home.path("other.pub").write_bytes(SigningKey.create().public_pem)
    cosign.verify(image, *words, command="verify-attestation", key="other.pub", refused=True)
    said = cosign.verify(image, "--type", "vuln", command="verify-attestation", refused=True)
    assert "none of the attestations matched the predicate type" in said


@pytest.mark.clients
def test_cosign_signs_with_the_same_key(ghcr, ghcr_image, cosign):
    """It imports the private key, and its signature joins ours."""
    image = ghcr_image("acme/app:v1", sign=True, visibility="public")
    cosign.home.path("key.pem").write_bytes(ghcr_image.key.private_pem())
    env = {"COSIGN_PASSWORD": "", "DOCKER_CONFIG": str(cosign.home.root / "docker")}
    cosign.home.run("cosign", "import-key-pair", "--key", "key.pem", env=env)
    cosign.home.run("cosign", "login", ghcr.host, "-u", "octocat", "-p", ghcr.token, env=env)
    words = ("--tlog-upload=false", "--allow-http-registry", "--yes")
    if "v3." in cosign.home.run("cosign", "version", env=env).stdout:
        words += ("--use-signing-config=false", "--new-bundle-format=false")
    key = ("--key", "import-cosign.key")
    cosign.home.run("cosign", "sign", *key, *words, f"{ghcr.host}/{image.pinned}", env=env)
    assert len(json.loads(cosign.verify(image).stdout)) == 2
    assert len(layers_at(ghcr, image, "sig")) == 2
