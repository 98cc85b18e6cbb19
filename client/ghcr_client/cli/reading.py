"""Commands that look and change nothing: `tags`, `inspect`, `digest`, `referrers`.

What a reference means, and what an answer may say, the client knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ghcr_client.cli.options import Command, platform_option
from ghcr_client.cli.output import human, table
from ghcr_client.closing import closing

if TYPE_CHECKING:
    from ghcr_client.cli.options import Options
    from ghcr_client.client import GhcrClient
    from ghcr_client.digests import Digest
    from ghcr_client.platforms import Platform

__all__ = ["COMMANDS"]


@click.command(cls=Command)
@click.argument("repo")
@click.option("--pattern", metavar="GLOB", help="Only tags that fit, as file names do: 'v1.*'.")
@click.pass_obj
def tags(options: Options, repo: str, pattern: str | None) -> None:
    """List the tags of a repository, in the registry's order.

    They are printed while the pages come: on GHCR, the oldest first.
    """
    from ghcr_client.cli.running import run  # noqa: PLC0415 - `--help` should not import a client

    output = options.output

    async def work(client: GhcrClient) -> None:
        found = []
        async with closing(client.iter_tags(repo, pattern=pattern)) as tags:
            async for tag in tags:
                if output.as_json:
                    found.append(tag)
                else:
                    output.line(tag)
        output.result({"repository": client.ref(repo).name, "tags": found}, ())

    run(options, work)


@click.command(cls=Command)
@click.argument("ref")
@click.pass_obj
def digest(options: Options, ref: str) -> None:
    """Print the digest that a tag names now."""
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    async def work(client: GhcrClient) -> tuple[str, Digest]:
        return str(client.ref(ref)), await client.tag_digest(ref)

    name, found = run(options, work)
    options.output.result({"reference": name, "digest": found}, [found])


@click.command(cls=Command)
@click.argument("ref")
@platform_option(text="Only the image for this platform: linux/arm64.")
@click.option("--raw", is_flag=True, help="Print the manifest, byte by byte as it is stored.")
@click.option("--config", is_flag=True, help="Print the image's configuration, the same way.")
@click.pass_obj
def inspect(options: Options, ref: str, platform: Platform | None, *, raw: bool, config: bool) -> None:
    """Show what an image is: its platforms, digests, sizes and layers."""
    from ghcr_client.cli import inspecting  # noqa: PLC0415 - the same
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    if raw and config:
        raise click.UsageError("--raw and --config are two things: choose one.")
    if raw or config:
        part = inspecting.raw_manifest if raw else inspecting.raw_config
        options.output.raw(run(options, lambda client: part(client, ref, platform)))
        return
    image = run(options, lambda client: inspecting.look(client, ref, platform))
    options.output.result(image.document(), image.lines())


@click.command(cls=Command)
@click.argument("ref")
@click.option(
    "--artifact-type", metavar="TYPE", help="Only those of this type, such as application/spdx+json."
)
@click.pass_obj
def referrers(options: Options, ref: str, artifact_type: str | None) -> None:
    """List what is about an image: signatures, SBOMs, attestations."""
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    async def work(client: GhcrClient) -> dict[str, Any]:
        found = await client.list_referrers(ref, artifact_type=artifact_type)
        listed = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in found]
        return {"reference": str(client.ref(ref)), "referrers": listed}

    document = run(options, work)
    rows = [
        [each.get("artifactType") or each["mediaType"], human(each["size"]), each["digest"]]
        for each in document["referrers"]
    ]
    options.output.result(document, table(["TYPE", "size", "DIGEST"], rows) if rows else ())
    if not rows:
        options.output.note("nothing is about it")


COMMANDS = (tags, inspect, digest, referrers)
