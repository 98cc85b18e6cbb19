"""What the fixture `ghcr_image` returns: a factory of images in the test's fake, signed and attested if wanted.

It decides what belongs together and where it lies; what the bytes are, `ghcr_sim.seed`, `signing` and `sboms` know.
No request is made: the journal stays the code under test's. `cryptography` is imported with the first signature.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghcr_sim.seed import Layer, Recipe, Seeded
    from ghcr_sim.store import Manifest
    from ghcr_sim.store.repository import Visibility
    from pytest_ghcr.sboms import SbomFormat
    from pytest_ghcr.signing import SigningKey
    from pytest_ghcr.simulator import Ghcr

__all__ = ["GhcrImage", "ImageFactory"]


@dataclass(frozen=True, slots=True)
class GhcrImage:
    """An image that is in the test's fake.

    Attributes:
        reference: `acme/app:v1`; without a host, for each way to reach the fake has its own.
        repository: `acme/app`.
        tag: `v1`.
        digest: Of what the tag points at: the index, where there are several platforms.
        size: The bytes of that manifest.
        media_type: Its media type.
        manifest: Its bytes.
        platforms: Platform (`linux/arm/v7`) → digest of the manifest for it; empty for artifacts.
        layers: The digests of all layers, each once, those of the first platform first.
        signature: The digest of the manifest that holds its signature, or None.
        sbom: The digest of the referrer that holds its bill of materials, or None.
        attestation: The digest of the referrer that holds its attestation, or None.
        ghcr: The fake that it is in.
    """

    reference: str
    repository: str
    tag: str
    digest: str
    size: int
    media_type: str
    manifest: bytes = field(repr=False)
    platforms: Mapping[str, str] = field(hash=False)
    layers: tuple[str, ...]
    signature: str | None = None
    sbom: str | None = None
    attestation: str | None = None
    ghcr: Ghcr | None = field(default=None, repr=False, compare=False)

    @property
    def pinned(self) -> str:
        """`acme/app@sha256:…`."""
        return f"{self.repository}@{self.digest}"

    def __str__(self) -> str:
        return self.reference


class ImageFactory:
    """Makes images in one fake: `ghcr_image("acme/app:v1", sign=True)`.

    Args:
        ghcr: Where they go.
    """

    def __init__(self, ghcr: Ghcr) -> None:
        self._ghcr = ghcr

    @cached_property
    def key(self) -> SigningKey:
        """What signs where a call names no key of its own; made when it is first wanted."""
        from pytest_ghcr.signing import SigningKey  # noqa: PLC0415 - cryptography costs 50 ms

        return SigningKey.create()

    def __call__(
        self,
        reference: str,
        *,
        platforms: Sequence[str] | None = None,
        sign: bool | SigningKey = False,
        sbom: bool | SbomFormat = False,
        attest: bool | Mapping[str, Any] = False,
        predicate_type: str | None = None,
        visibility: Visibility | None = None,
        **recipe: Unpack[Recipe],
    ) -> GhcrImage:
        """Make a valid image.

        Args:
            reference: `acme/app:v1`; without a tag, `latest`.
            platforms: `["linux/amd64", "linux/arm64"]`; several give an index. None is one, `linux/amd64`.
            sign: True adds cosign's signature by `key`, a `SigningKey` one by that key. What has one already gets one
                more.
            sbom: True or `spdx` adds an SPDX 2.3 document, `cyclonedx` a CycloneDX 1.5 one, as a referrer.
            attest: True adds a SLSA provenance, a dict that predicate, in a DSSE envelope that `sign`'s key has
                signed (`key`, where it names none): as a referrer, and at the tag where cosign looks for it.
            predicate_type: The predicate's type, a URI; SLSA provenance v1 if None.
            visibility: Who may read the package; None leaves it as a push would.
            recipe: `layers`, `annotations`, `labels`, `config` and the rest of `ghcr_sim.seed.seed`.

        Raises:
            SeedError: The image cannot be made.
            ValueError: `sbom` names no format that is known, or `predicate_type` comes without `attest`.
            TypeError: `sign` is no key, `attest` no predicate, or a predicate holds what JSON cannot.
        """
        _check_signing(sign, attest)
        if predicate_type is not None and attest is False:
            raise ValueError(
                "predicate_type is of no predicate: give attest=True, or a predicate as a dict, with it"
            )
        kind = self._kind(sbom)
        seeded = self._ghcr.seed(reference, visibility=visibility, platforms=platforms, **recipe)
        where = (seeded.repository, seeded.digest)
        key = None if isinstance(sign, bool) else sign
        parts: dict[str, str] = {}
        if sign:
            parts["signature"] = self._sign(*where, key)
        if kind is not None:
            parts["sbom"] = self._describe(*where, kind)
        if attest is not False:
            parts["attestation"] = self._attest(*where, key, attest, predicate_type)
        return self._image(seeded, parts)

    @staticmethod
    def _kind(sbom: bool | str) -> str | None:
        """The format of the bill of materials, checked before anything is put."""
        if sbom is False:
            return None
        from pytest_ghcr.sboms import check_format  # noqa: PLC0415 - few images have one

        return check_format("spdx" if sbom is True else str(sbom))

    def _image(self, seeded: Seeded, parts: Mapping[str, str]) -> GhcrImage:
        top = self._manifest(seeded.repository, seeded.digest)
        digests = list(seeded.manifests.values()) or [seeded.digest]
        tag = seeded.tags[0] if seeded.tags else ""
        return GhcrImage(
            reference=f"{seeded.repository}:{tag}" if tag else seeded.ref,
            repository=seeded.repository,
            tag=tag,
            digest=seeded.digest,
            size=top.size,
            media_type=top.media_type,
            manifest=top.content,
            platforms=dict(seeded.manifests),
            layers=tuple(
                dict.fromkeys(
                    layer["digest"]
                    for digest in digests
                    for layer in json.loads(self._manifest(seeded.repository, digest).content)["layers"]
                )
            ),
            ghcr=self._ghcr,
            **parts,
        )

    def _manifest(self, repository: str, reference: str) -> Manifest:
        manifest = self._ghcr.simulator.store.manifest(repository, reference)
        assert manifest is not None, f"{repository} lost {reference}, which was put there just now"
        return manifest

    def _sign(self, repository: str, digest: str, key: SigningKey | None) -> str:
        from pytest_ghcr import signing  # noqa: PLC0415 - as in `key`

        layer = signing.signature_layer(key or self.key, repository, digest)
        return self._join(repository, signing.companion_tag(digest, "sig"), layer)

    def _join(self, repository: str, tag: str, layer: Layer) -> str:
        """Put a layer at one of cosign's tags, after those that lie there already."""
        layers = [*self._held(repository, tag), layer]
        return self._ghcr.seed(f"{repository}:{tag}", layers=layers).digest

    def _held(self, repository: str, tag: str) -> list[Layer]:
        """The layers of what a tag points at."""
        from ghcr_sim.seed import Layer  # noqa: PLC0415 - few images are signed

        store = self._ghcr.simulator.store
        manifest = store.manifest(repository, tag)
        listed = json.loads(manifest.content)["layers"] if manifest else []
        found = [(each, store.blob(repository, each["digest"])) for each in listed]
        return [
            Layer(each["mediaType"], blob, each["digest"], each.get("annotations"))
            for each, blob in found
            if blob is not None
        ]

    def _describe(self, repository: str, digest: str, kind: str) -> str:
        from ghcr_sim.seed import Layer  # noqa: PLC0415 - few images have one
        from pytest_ghcr.sboms import MEDIA_TYPES, sbom_document  # noqa: PLC0415 - the same

        layer = Layer(MEDIA_TYPES[kind], sbom_document(kind, repository, digest))
        return self._refer(repository, digest, MEDIA_TYPES[kind], layer)

    def _attest(
        self,
        repository: str,
        digest: str,
        key: SigningKey | None,
        attest: bool | Mapping[str, Any],
        predicate_type: str | None,
    ) -> str:
        from pytest_ghcr import signing  # noqa: PLC0415 - as in `key`

        predicate = attest if isinstance(attest, Mapping) else signing.provenance(repository)
        stated = predicate_type or signing.SLSA
        layer = signing.attestation_layer(key or self.key, repository, digest, stated, predicate)
        self._join(repository, signing.companion_tag(digest, "att"), layer)
        return self._refer(repository, digest, signing.IN_TOTO, layer)

    def _refer(self, repository: str, digest: str, artifact_type: str, layer: Layer) -> str:
        """Put an artifact that refers to an image, and that the profile's way of finding referrers finds."""
        return self._ghcr.seed(repository, artifact_type=artifact_type, subject=digest, layers=[layer]).digest


def _check_signing(sign: object, attest: object) -> None:
    """Refuse what is no key and no predicate, before anything is put."""
    if not isinstance(sign, bool):
        from pytest_ghcr.signing import SigningKey  # noqa: PLC0415 - cryptography costs 50 ms

        if not isinstance(sign, SigningKey):
            raise TypeError(f"sign is {_kind_of(sign)}: give True, or a pytest_ghcr.signing.SigningKey")
    if not isinstance(attest, bool | Mapping):
        raise TypeError(f"attest is {_kind_of(attest)}: give True, or a predicate as a dict")


def _kind_of(value: object) -> str:
    return f"of the type {type(value).__name__}"  # a value may be a key
