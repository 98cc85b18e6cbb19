"""What a repository holds, as plain maps: the form that every store keeps, copies and gives back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ghcr_sim.store.blobs import Blob

__all__ = ["Manifest", "Repository", "Role", "Visibility"]

Visibility = Literal["public", "private", "internal"]
Role = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it was pushed.

    Attributes:
        digest: The digest under which it is stored.
        media_type: What it was pushed as, and is served as.
        content: Its bytes, never changed.
        subject: The digest that it refers to, or None.
        artifact_type: Its `artifactType`, or its config's media type, as the referrers list shows it.
        annotations: Its annotations, as the referrers list shows them.
    """

    digest: str
    media_type: str
    content: bytes = field(repr=False)
    subject: str | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.content)

    @classmethod
    def read(cls, digest: str, media_type: str, content: bytes) -> Manifest:
        """Read what the referrers list needs from a manifest that is known to be sound.

        Content that is no JSON object has no subject; nothing is raised.
        """
        try:
            document: Any = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            return cls(digest, media_type, content)
        subject = document.get("subject")
        referred = subject.get("digest") if isinstance(subject, dict) else None
        config = document.get("config")
        artifact_type = document.get("artifactType") or (
            config.get("mediaType") if isinstance(config, dict) else None
        )
        annotations = document.get("annotations")
        return cls(
            digest,
            media_type,
            content,
            subject=referred if isinstance(referred, str) else None,
            artifact_type=artifact_type if isinstance(artifact_type, str) else None,
            annotations=annotations if isinstance(annotations, dict) else None,
        )

    def descriptor(self) -> dict[str, Any]:
        """The descriptor of this manifest, as a referrers list shows it."""
        shown: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            shown["artifactType"] = self.artifact_type
        if self.annotations:
            shown["annotations"] = self.annotations
        return shown


@dataclass(slots=True)
class Repository:
    """A repository's state. Everything in it is immutable or a flat map, so a copy costs O(references).

    Attributes:
        name: Its name.
        blobs: Digest → blob.
        manifests: Digest → manifest.
        tags: Tag → digest, in the order in which the tags were created.
        referrers: Subject's digest → digest of the referrer → None, in the order of pushing.
        visibility: Who may read; None until the package exists.
        roles: Who else has which role: a login, or `repo:owner/name` for a workflow's token.
        owner: The store that may change this very object; any other copies it first.
    """

    name: str
    blobs: dict[str, Blob] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    referrers: dict[str, dict[str, None]] = field(default_factory=dict)
    visibility: Visibility | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    owner: object = field(default=None, repr=False, compare=False)

    def manifest(self, reference: str) -> Manifest | None:
        """A manifest by tag or digest, or None."""
        return self.manifests.get(reference if ":" in reference else self.tags.get(reference, ""))

    def copy(self, owner: object) -> Repository:
        """A copy that `owner` may change."""
        return Repository(
            self.name,
            dict(self.blobs),
            dict(self.manifests),
            dict(self.tags),
            {subject: dict(digests) for subject, digests in self.referrers.items()},
            self.visibility,
            dict(self.roles),
            owner,
        )
