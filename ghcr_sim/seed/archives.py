"""Images out of directories and archives: decides which kind it is, and puts all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.errors import SeedError
from ghcr_sim.seed.dockersave import read_docker_save
from ghcr_sim.seed.draft import check_visibility
from ghcr_sim.seed.intake import Intake
from ghcr_sim.seed.layouts import Archived, read_layout
from ghcr_sim.seed.limits import DEFAULT_LIMITS, Limits
from ghcr_sim.seed.references import Placement, place
from ghcr_sim.seed.trees import Missing, Tree, open_tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from ghcr_sim.seed.draft import Seeded
    from ghcr_sim.store import Store
    from ghcr_sim.store.repository import Visibility

__all__ = ["seed_path"]


def seed_path(
    store: Store,
    path: str | PathLike[str],
    repository: str | None = None,
    *,
    visibility: Visibility | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Seeded]:
    """Put the images of an OCI layout, or of what `docker save` wrote, into a store.

    A layout keeps its manifests, and so their digests. Where an archive holds both, the layout counts; but
    if it lacks platforms that its index names, as Docker's containerd store saves them, `manifest.json` says
    which images are there.

    Args:
        store: Where to.
        path: A directory, a tar file, or a gzipped one.
        repository: `owner/name`, for names that say no repository or another one; `owner/name:tag` if there
            is one image. A single image without any name gets the tag `latest`.
        visibility: Who may read the packages; None leaves it as it is.
        limits: When to refuse.

    Returns:
        What was put: one entry for each image and repository.

    Raises:
        SeedError: The archive is damaged, incomplete, unclear or not safe. The store is as it was.
    """
    check_visibility(visibility)
    with Intake(store, limits) as intake, open_tree(Path(path), limits) as tree:
        images = _read(tree, intake, limits)
        placements = _placements(images, repository, tree.where)
    return [
        image.draft.put(store, name, tags, visibility)
        for image in images
        for name, tags in placements[image.digest].items()
    ]


def _placements(images: Sequence[Archived], repository: str | None, where: str) -> dict[str, Placement]:
    """Where each image goes, by its digest: where its name says, or without a name beside its subject."""
    following = _following(images)
    leading = [image for image in images if image.digest not in following]
    placed = place([image.names for image in leading], repository, where)
    placements = {image.digest: placement for image, placement in zip(leading, placed, strict=True)}
    homes = {digest: placements[image.digest] for image in leading for digest in image.draft.manifests}
    for subject, image in following.values():
        placements[image.digest] = {name: [] for name in homes[subject]}
        homes.update(dict.fromkeys(image.draft.manifests, placements[image.digest]))
    return placements


def _following(images: Sequence[Archived]) -> dict[str, tuple[str, Archived]]:
    """The referrers without a name whose subject is in the archive, each after its subject."""
    waiting: dict[str, list[Archived]] = {}
    reached: list[str] = []
    for image in images:
        subject = image.draft.top.subject
        if subject and not image.names:
            waiting.setdefault(subject, []).append(image)
        else:
            reached.extend(image.draft.manifests)
    found: dict[str, tuple[str, Archived]] = {}
    for subject in reached:
        for image in waiting.pop(subject, ()):
            found[image.digest] = (subject, image)
            reached.extend(image.draft.manifests)
    return found


def _read(tree: Tree, intake: Intake, limits: Limits) -> list[Archived]:
    saved = tree.size("manifest.json") is not None
    if tree.size("index.json") is None and not saved:
        raise SeedError(
            f"{tree.where} has no index.json and no manifest.json: give an OCI layout or a docker save"
        )
    images = _layout(tree, intake, limits, saved=saved) if tree.size("index.json") is not None else None
    if images is None:
        images = read_docker_save(tree, intake, limits)
    if not images:
        raise SeedError(f"{tree.where} holds no image: put one there first")
    return images


def _layout(tree: Tree, intake: Intake, limits: Limits, *, saved: bool) -> list[Archived] | None:
    """The images of the layout; None where it is incomplete and a `manifest.json` knows better."""
    try:
        return read_layout(tree, intake, limits)
    except Missing:
        if not saved:
            raise
        return None
