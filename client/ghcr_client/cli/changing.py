"""Commands that change what names what: `tag`, `delete`. Nothing is deleted that was not named by its digest first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.cli.options import Command

if TYPE_CHECKING:
    from ghcr_client.cli.options import Options
    from ghcr_client.client import GhcrClient
    from ghcr_client.refs import ImageRef

__all__ = ["COMMANDS"]


@click.command(cls=Command)
@click.argument("ref")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@click.pass_obj
def tag(options: Options, ref: str, tags: tuple[str, ...]) -> None:
    """Give an image more tags; one that exists is moved, and it is said from where."""
    from ghcr_client.cli.running import run  # noqa: PLC0415 - `--help` should not import a client

    async def work(client: GhcrClient) -> dict[str, Any]:
        image = client.ref(ref)
        targets = [image.with_tag(each) for each in tags]
        # Pinned: all of them name the same image, whatever happens to the first tag meanwhile.
        image = image.with_digest(await client.tag_digest(image), keep_tag=False)
        done = []
        for target in targets:
            moved = await client.retag(image, str(target.tag))
            done.append({"tag": moved.tag, "reference": str(target), "previous": moved.previous})
            _tell(options, target, str(moved.digest), moved.previous)
        return {"digest": image.digest, "tags": done}

    options.output.result(run(options, work), ())


@click.command(cls=Command)
@click.argument("ref")
@click.option("--tag-only", is_flag=True, help="Take the tag away, and leave the image.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(options: Options, ref: str, *, tag_only: bool, yes: bool) -> None:
    """Delete an image with all its tags, or only a tag.

    On GHCR that goes through GitHub's REST API, and needs a token with the scope delete:packages.
    """
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    async def find(client: GhcrClient) -> ImageRef:
        image = client.ref(ref)
        if tag_only and image.tag is None:
            raise click.UsageError(f"--tag-only: {image} names no tag")
        return image.with_digest(await client.tag_digest(image))

    async def work(client: GhcrClient) -> None:
        if tag_only:
            await client.delete_tag(image.with_tag(str(image.tag)))
        else:
            # What was found, and what was agreed to: not what the tag names a moment later.
            await client.delete_image(image.with_digest(str(image.digest), keep_tag=False))

    if not yes:
        _check_somebody(options)
    image = run(options, find)
    what = f"the tag {image.tag} of {image.name}" if tag_only else f"{image} and all its tags"
    if not yes and not click.confirm(f"Delete {what}?", err=True):
        raise click.ClickException("nothing was deleted")
    run(options, work)
    document = {"reference": _by_tag(image), "digest": image.digest, "tag_only": tag_only}
    options.output.result(document, [f"deleted {what}"])


def _by_tag(image: ImageRef) -> str:
    """An image's name, by its tag where it has one."""
    return str(image.with_tag(str(image.tag))) if image.tag else str(image)


def _check_somebody(options: Options) -> None:
    """Refuse to ask nobody."""
    if options.as_json or not sys.stdin.isatty():
        raise click.UsageError("delete asks first, and here is nobody to answer: add --yes")


def _tell(options: Options, target: ImageRef, digest: str, previous: str | None) -> None:
    """Say which tag names what, as soon as it does."""
    if options.as_json:
        return
    options.output.line(f"{target} {digest}")
    if previous is not None and previous != digest:
        options.output.note(f"{target} was {previous}")


COMMANDS = (tag, delete)
