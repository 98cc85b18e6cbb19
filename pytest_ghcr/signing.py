"""Signatures and attestations that cosign verifies, made by a key of the test's own.

It makes layers and tags, and puts nothing anywhere: `images` does. It knows no transparency log, no certificate and
no key management: a verifier is told so (`cosign verify --insecure-ignore-tlog`). Sources: cosign's `SIGNATURE_SPEC`
(simple signing, the tag `sha256-<hex>.sig`), its attestation specification (the tag `.att`), the DSSE protocol v1, the
in-toto statement v0.1.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ghcr_sim.seed import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DSSE",
    "IN_TOTO",
    "SIMPLE_SIGNING",
    "SLSA",
    "SigningKey",
    "attestation_layer",
    "companion_tag",
    "provenance",
    "signature_layer",
]

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
SLSA = "https://slsa.dev/provenance/v1"

_SIGNATURE = "dev.cosignproject.cosign/signature"
_STATEMENT = "https://in-toto.io/Statement/v0.1"
_HASH = ec.ECDSA(hashes.SHA256())


class SigningKey:
    """A private key on the curve P-256, which signs SHA-256 by ECDSA, as `cosign generate-key-pair` makes one.

    Args:
        private: The key; `SigningKey.create()` makes one.

    Attributes:
        public_pem: The public half as PEM: what `cosign verify --key` reads.
    """

    __slots__ = ("_private", "public_pem")

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self.public_pem: bytes = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @classmethod
    def create(cls) -> Self:
        """A new key, which nobody else has."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, payload: bytes) -> bytes:
        """The signature of some bytes, in DER; each call gives another one."""
        return self._private.sign(payload, _HASH)

    def verifies(self, payload: bytes, signature: bytes) -> bool:
        """Whether a signature in DER is this key's, of these bytes."""
        try:
            self._private.public_key().verify(signature, payload, _HASH)
        except InvalidSignature:
            return False
        return True

    def private_pem(self, password: bytes | None = None) -> bytes:
        """The private half as PKCS #8, for `cosign import-key-pair --key`: it writes cosign's own format.

        Args:
            password: Encrypts it; None leaves it open.
        """
        closed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed
        )

    def __repr__(self) -> str:
        return f"<SigningKey {hashlib.sha256(self.public_pem).hexdigest()[:12]}>"


def companion_tag(digest: str, kind: str) -> str:
    """The tag under which cosign looks for what belongs to an image: `sha256-<hex>.sig`.

    Args:
        digest: The image's.
        kind: `sig` or `att`.
    """
    return f"{digest.replace(':', '-', 1)}.{kind}"


def signature_layer(key: SigningKey, repository: str, digest: str) -> Layer:
    """The layer that is a signature: what is signed is its content, the signature is its annotation.

    Args:
        key: Who signs.
        repository: `acme/app`; the payload says `ghcr.io/acme/app`.
        digest: What is signed.
    """
    payload = _json(
        {
            "critical": {
                "identity": {"docker-reference": f"ghcr.io/{repository}"},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
    )
    return _layer(SIMPLE_SIGNING, payload, {_SIGNATURE: b64encode(key.sign(payload)).decode()})


def attestation_layer(
    key: SigningKey, repository: str, digest: str, predicate_type: str, predicate: Mapping[str, Any]
) -> Layer:
    """The layer that is an attestation: an in-toto statement about an image, in a signed DSSE envelope.

    Args:
        key: Who signs.
        repository: `acme/app`.
        digest: What it is about.
        predicate_type: A URI, such as `SLSA`.
        predicate: What is said.

    Raises:
        TypeError: The predicate holds what JSON cannot.
    """
    algorithm, _, digits = digest.partition(":")
    statement = _json(
        {
            "_type": _STATEMENT,
            "predicateType": predicate_type,
            "subject": [{"name": f"ghcr.io/{repository}", "digest": {algorithm: digits}}],
            "predicate": predicate,
        }
    )
    signed = b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(statement), statement)
    envelope = {
        "payloadType": IN_TOTO,
        "payload": b64encode(statement).decode(),
        "signatures": [{"keyid": "", "sig": b64encode(key.sign(signed)).decode()}],
    }
    return _layer(DSSE, _json(envelope), {_SIGNATURE: "", "predicateType": predicate_type})


def provenance(repository: str) -> dict[str, Any]:
    """A SLSA provenance, v1, as a build on GitHub would state it.

    Args:
        repository: `acme/app`, which is also the repository of its source.
    """
    source = f"https://github.com/{repository}"
    return {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {
                "workflow": {
                    "ref": "refs/heads/main",
                    "repository": source,
                    "path": ".github/workflows/release.yml",
                }
            },
        },
        "runDetails": {
            "builder": {"id": "https://github.com/actions/runner/github-hosted"},
            "metadata": {"invocationId": f"{source}/actions/runs/1/attempts/1"},
        },
    }


def _layer(media_type: str, content: bytes, annotations: Mapping[str, str]) -> Layer:
    return Layer(media_type, content, f"sha256:{hashlib.sha256(content).hexdigest()}", annotations)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
