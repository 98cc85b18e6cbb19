"""`index.json` of an OCI image layout (image-spec, image-layout.md): parsed, and written again.

What another tool wrote into an entry, or beside the entries, is kept as it stood for as long as the entry
is meant; an entry that is not understood is kept behind the others.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ghcr_sim.oci.digests import is_digest
from ghcr_sim.oci.media import KINDS, OCI_INDEX
from ghcr_sim.oci.names import is_tag

if TYPE_CHECKING:
    from ghcr_sim.store.repository import Manifest, Repository

__all__ = ["REF_NAME", "Entry", "Index", "children"]

REF_NAME = "org.opencontainers.image.ref.name"
# It is served as a header field.
_MEDIA_TYPE = re.compile(r"[!-~]{1,255}\Z")

Entry = tuple[str, str, str | None]
"""Digest, media type, and tag or None."""


@dataclass(slots=True)
class Index:
    """The document.

    Attributes:
        head: Everything but the entries.
        entries: Each entry that is understood → the text that it stands as, in order.
        strange: Digest or None, and text, of the others: not understood, or said twice.
    """

    head: dict[str, Any] = field(default_factory=lambda: {"schemaVersion": 2, "mediaType": OCI_INDEX})
    entries: dict[Entry, str] = field(default_factory=dict)
    strange: list[tuple[str | None, str]] = field(default_factory=list)

    @classmethod
    def parse(cls, data: bytes) -> Index:
        """Read the document.

        Raises:
            ValueError: It is no JSON object with a list of manifests.
        """
        head, listed = _parts(data)
        index = cls(head)
        for item in listed:
            entry = _entry(item)
            if entry is None or entry in index.entries:
                index.strange.append((entry and entry[0], json.dumps(item)))
            else:
                index.entries[entry] = json.dumps(item)
        return index

    def describe(self, state: Repository) -> bytes:
        """The document for a repository as it is now. `entries` follows."""
        self.entries = {entry: self.entries.get(entry) or _text(entry, state) for entry in _entries(state)}
        self.strange = [
            (digest, text) for digest, text in self.strange if digest is None or digest in state.manifests
        ]
        texts = [*self.entries.values(), *(text for _, text in self.strange)]
        head = json.dumps(self.head | {"manifests": []}).removesuffix("]}")
        return (head + "\n" + ",\n".join(texts) + "\n]}\n").encode()


def children(index: Manifest) -> list[Entry]:
    """The manifests that an index lists; none where it is damaged."""
    try:
        document = json.loads(index.content)
    except (ValueError, RecursionError):
        return []
    listed = document.get("manifests") if isinstance(document, dict) else None
    found = [_entry(item) for item in listed] if isinstance(listed, list) else []
    return [(entry[0], entry[1], None) for entry in found if entry and entry[1] in KINDS]


def _parts(data: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The document without its entries, and the entries."""
    try:
        head = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    # A tool written in Go may say null for an empty list.
    listed = (head.pop("manifests", None) or []) if isinstance(head, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list of manifests")  # noqa: TRY004 - the document's fault, not a caller's
    return head, listed


def _entry(item: Any) -> Entry | None:
    """What an entry says, or None where it says nothing that can be served."""
    if not isinstance(item, dict):
        return None
    digest, media_type, annotations = item.get("digest"), item.get("mediaType"), item.get("annotations")
    if not (isinstance(digest, str) and is_digest(digest)):
        return None
    if not (isinstance(media_type, str) and _MEDIA_TYPE.match(media_type)):
        return None
    tag = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return digest, media_type, tag if isinstance(tag, str) and is_tag(tag) else None


def _entries(state: Repository) -> list[Entry]:
    """Tags in their order; untagged manifests between them where they were pushed, as far as that goes."""
    tagged = set(state.tags.values())
    untagged = deque(digest for digest in state.manifests if digest not in tagged)
    if not untagged:
        # Each push writes all of it again: where every manifest has a tag, as is usual, the tags are all.
        return [(digest, state.manifests[digest].media_type, tag) for tag, digest in state.tags.items()]
    rank = {digest: at for at, digest in enumerate(state.manifests)}
    order: list[tuple[str, str | None]] = []
    for tag, digest in state.tags.items():
        while untagged and rank[untagged[0]] < rank[digest]:
            order.append((untagged.popleft(), None))
        order.append((digest, tag))
    order.extend((digest, None) for digest in untagged)
    return [(digest, state.manifests[digest].media_type, tag) for digest, tag in order]


def _text(entry: Entry, state: Repository) -> str:
    digest, media_type, tag = entry
    shown: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": state.manifests[digest].size}
    if tag is not None:
        shown["annotations"] = {REF_NAME: tag}
    return json.dumps(shown)
