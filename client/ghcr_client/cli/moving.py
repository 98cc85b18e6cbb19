"""Commands that move images: `pull`, `push`, `copy`. The pinned name goes to stdout, how it went to stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.cli.options import Command, platform_option
from ghcr_client.cli.progress import showing

if TYPE_CHECKING:
    from ghcr_client.cli.options import Options
    from ghcr_client.client import GhcrClient
    from ghcr_client.operations.images import Format
    from ghcr_client.platforms import Platform
    from ghcr_client.refs import ImageRef

__all__ = ["COMMANDS"]

_FORMATS = ("oci", "oci-archive", "docker-archive")


@click.command(cls=Command)
@click.argument("ref")
@click.argument("path", type=click.Path(path_type=Path))
@platform_option(text="Only the image for this platform: linux/arm64.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    default="oci",
    show_default=True,
    help="A layout's directory, its tar, or what `docker load` reads.",
)
@click.pass_obj
def pull(options: Options, ref: str, path: Path, platform: Platform | None, kind: Format) -> None:
    """Pull an image to PATH, verified.

    An archive appears when it is whole. A directory may be a layout already: what it has is not pulled again, and what
    an interrupted pull has left there, neither.
    """
    from ghcr_client.cli.running import run  # noqa: PLC0415 - `--help` should not import a client

    if kind != "oci":
        _check_file(path)

    async def work(client: GhcrClient) -> dict[str, Any]:
        wanted = client.ref(ref)
        if kind == "docker-archive" and platform is None:
            wanted = await _single(client, wanted)
        with showing(options, "pull", "pulled") as tally:
            manifest = await client.pull_image(wanted, path, platform=platform, format=kind, progress=tally)
        return {
            "reference": str(client.ref(ref)),
            "digest": manifest.digest,
            "pinned": _pinned(client.ref(ref), manifest.digest),
            "media_type": manifest.media_type,
            "path": str(path),
            "format": kind,
            "blobs": tally.document,
        }

    document = run(options, work)
    options.output.result(document, [document["pinned"]])


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.argument("ref")
@click.option("--name", help="Which one of several images at PATH: a tag, a full name or a digest.")
@click.pass_obj
def push(options: Options, path: Path, ref: str, name: str | None) -> None:
    """Push an image from PATH: an OCI layout's directory or tar, or what `docker save` wrote."""
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    async def work(client: GhcrClient) -> dict[str, Any]:
        target = client.ref(ref)
        with showing(options, "push", "pushed") as tally:
            digest = await client.push_image(target, path, name=name, progress=tally)
        return {
            "reference": str(target),
            "digest": digest,
            "pinned": _pinned(target, digest),
            "blobs": tally.document,
        }

    document = run(options, work)
    options.output.result(document, [document["pinned"]])


@click.command(cls=Command)
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@platform_option("platforms", multiple=True, text="Only this platform; may be repeated.")
@click.option(
    "--referrers", is_flag=True, help="Copy what is about it, too: signatures, SBOMs, attestations."
)
@click.option("--digest-tags", is_flag=True, help="Copy cosign's tags of it, too: sha256-….sig and the like.")
@click.pass_obj
def copy(
    options: Options,
    source: str,
    target: str,
    platforms: tuple[Platform, ...],
    *,
    referrers: bool,
    digest_tags: bool,
) -> None:
    """Copy an image to another tag, repository or registry.

    Nothing is stored here; within a registry, blobs are mounted.
    """
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    async def work(client: GhcrClient) -> dict[str, Any]:
        goal = client.ref(target)
        with showing(options, "copy", "copied") as tally:
            digest = await client.copy_image(
                source,
                goal,
                platforms=platforms or None,
                referrers=referrers,
                digest_tags=digest_tags,
                progress=tally,
            )
        return {
            "source": str(client.ref(source)),
            "reference": str(goal),
            "digest": digest,
            "pinned": _pinned(goal, digest),
            "blobs": tally.document,
        }

    document = run(options, work)
    options.output.result(document, [document["pinned"]])


def _pinned(ref: ImageRef, digest: str) -> str:
    """An image's name by its digest."""
    return str(ref.with_digest(digest, keep_tag=False))


def _check_file(path: Path) -> None:
    """Refuse what could only fail when everything is here."""
    if path.is_dir():
        raise click.UsageError(f"{path} is a directory, and an archive is a file: name another one")
    if path.exists() and not path.is_file():
        raise click.UsageError(f"{path} is no regular file, and an archive is one: name another one")
    if not path.parent.is_dir():
        raise click.UsageError(f"the directory {path.parent} is not there: make it first")


async def _single(client: GhcrClient, ref: ImageRef) -> ImageRef:
    """The image that goes into an archive for one platform, pinned; an index is refused, with what it has."""
    from ghcr_client.cli.inspecting import needs_platform  # noqa: PLC0415 - the same

    manifest = await client.pull_manifest(ref)
    if manifest.is_multi_arch:
        raise needs_platform(ref, manifest)
    return ref.with_digest(manifest.digest)


COMMANDS = (pull, push, copy)
