"""Images and artifacts from a few words: real, valid, and the same bytes on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from ghcr_sim.errors import SeedError
from ghcr_sim.seed.builder import Options, build_artifact, build_image
from ghcr_sim.seed.documents import EPOCH, Platform, parse_platform
from ghcr_sim.seed.draft import check_visibility
from ghcr_sim.seed.intake import Intake
from ghcr_sim.seed.references import LATEST, Reference, check, parse_reference

if TYPE_CHECKING:
    from ghcr_sim.seed.draft import Seeded
    from ghcr_sim.seed.layers import LayerItem
    from ghcr_sim.store import Manifest, Store
    from ghcr_sim.store.repository import Visibility

__all__ = ["Recipe", "seed"]

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")


class Recipe(TypedDict, total=False):
    """What `seed` takes beside reference, platforms and visibility, for those who pass it on."""

    layers: Sequence[LayerItem] | None
    annotations: Mapping[str, str] | None
    labels: Mapping[str, str] | None
    config: Mapping[str, Any] | None
    created: str
    docker: bool
    artifact_type: str | None
    subject: str | None
    tags: Sequence[str]


def seed(
    store: Store,
    reference: str,
    *,
    platforms: Sequence[str] | None = None,
    layers: Sequence[LayerItem] | None = None,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    created: str = EPOCH,
    docker: bool = False,
    artifact_type: str | None = None,
    subject: str | None = None,
    tags: Sequence[str] = (),
    visibility: Visibility | None = None,
) -> Seeded:
    """Build an image, or an artifact, and put it into a store.

    Args:
        store: Where to.
        reference: `owner/name:tag`; `ghcr.io/` may stand before it. No tag means `latest`, or with
            `subject` no tag at all: a referrer is found by its subject.
        platforms: `os/architecture[/variant]` each; `["linux/amd64"]` where None. Several give an index.
        layers: One item a layer, shared by all platforms: `bytes` (a file `/layer-N` with them, N counts
            from 0), a dict of path → content, a `pathlib.Path` to a file or directory, an `int` (a
            synthetic layer with a file of that many bytes), or a `Layer`. None gives one small layer
            with a text that names image and platform. For an artifact, bytes and files are kept as they are.
        annotations: Annotations of what the tag points at: the index, where there is one.
        labels: `Labels` of the image's config; they come on top of those in `config`.
        config: More of the config's execution parameters: `{"Cmd": ["/app"], "Env": ["A=1"]}`.
        created: When, in RFC 3339.
        docker: Docker's media types (schema 2, manifest list) instead of OCI's.
        artifact_type: Makes an artifact: a manifest of this `artifactType` with the empty config.
        subject: A tag or digest in the same repository that this manifest refers to.
        tags: More tags for the same content.
        visibility: Who may read the package; None leaves it as it is.

    Raises:
        SeedError: Something is not well formed, missing, or does not go together.
    """
    given = parse_reference(reference)
    _refuse_misfits(
        platforms=platforms,
        layers=layers,
        annotations=annotations,
        labels=labels,
        config=config,
        docker=docker,
        artifact_type=artifact_type,
        subject=subject,
        tags=tags,
    )
    check_visibility(visibility)
    options = Options(
        name=f"{given.repository}:{given.tag or LATEST}",
        platforms=_platforms(platforms),
        layers=layers,
        annotations=_texts("annotations", annotations),
        execution=_execution(config or {}, _texts("labels", labels)),
        created=_instant(created),
        docker=docker,
        subject=_subject(store, given.repository, subject),
    )
    wanted = _tags(given, tags, untagged=subject is not None)
    with Intake(store) as intake:
        draft = (
            build_artifact(options, artifact_type, intake) if artifact_type else build_image(options, intake)
        )
    return draft.put(store, given.repository, wanted, visibility)


_ALONE = {
    "artifact_type": (
        ("platforms", "labels", "config", "docker"),
        "an artifact has the empty config and no platform",
    ),
    "docker": (("annotations", "subject"), "Docker's manifests have no such field"),
}
"""What excludes what, and why."""


def _refuse_misfits(**given: Any) -> None:
    """Refuse options that exclude each other, and one thing where a list is meant."""
    for option, (others, why) in _ALONE.items():
        clash = [other for other in others if given[option] and given[other]]
        if clash:
            raise SeedError(f"{option} and {clash[0]} do not go together ({why}): leave one out")
    for name in ("platforms", "layers", "tags"):
        value = given[name]
        if value is not None and (
            isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable)
        ):
            raise SeedError(f"{name} is one {type(value).__name__}: give a list, as {name}=[{value!r}]")
    artifact_type = given["artifact_type"]
    if artifact_type is not None and "/" not in artifact_type:
        raise SeedError(
            f"artifact_type is {artifact_type!r}: give a media type, such as 'application/spdx+json'"
        )


def _platforms(given: Sequence[str] | None) -> list[Platform]:
    platforms = [parse_platform(text) for text in (given if given is not None else ["linux/amd64"])]
    if not platforms or len(set(platforms)) != len(platforms):
        raise SeedError(f"platforms is {given!r}: give at least one, and each once")
    return platforms


def _texts(name: str, given: Mapping[str, str] | None) -> dict[str, str] | None:
    for key, value in (given or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise SeedError(f"{name} holds {key!r}: {value!r}: give texts only")
    return dict(given) if given else None


def _execution(config: Mapping[str, Any], labels: Mapping[str, str] | None) -> dict[str, Any]:
    """The config's execution parameters, labels included."""
    if not isinstance(config, Mapping):
        raise SeedError(f"config is {config!r}: give a dict, such as {{'Cmd': ['/app']}}")
    return {**config, "Labels": {**(config.get("Labels") or {}), **labels}} if labels else dict(config)


def _instant(text: str) -> str:
    if text == EPOCH:
        return text
    from datetime import datetime  # noqa: PLC0415 - most seeds keep the epoch

    try:
        datetime.fromisoformat(text)
        sound = _RFC_3339.match(text)
    except (TypeError, ValueError):
        sound = None
    if not sound:
        raise SeedError(f"created is {text!r}: give RFC 3339 with a zone, such as {EPOCH!r}")
    return text


def _subject(store: Store, repository: str, reference: str | None) -> Manifest | None:
    if reference is None:
        return None
    manifest = store.manifest(repository, reference)
    if manifest is None:
        raise SeedError(f"subject {reference!r} is not in {repository}: seed it first")
    return manifest


def _tags(given: Reference, more: Sequence[str], *, untagged: bool) -> list[str]:
    first = given.tag or (None if untagged else LATEST)
    tags = [first, *more] if first else list(more)
    for tag in tags:
        check(given.repository, tag)
    return tags
