"""`images`: copy and compare images of ghcr.io, by skopeo."""

from __future__ import annotations

import json
import subprocess

import click

__all__ = ["main"]

REGISTRY = "docker://ghcr.io"


def _skopeo(*words: str) -> str:
    """Run skopeo; what it said."""
    done = subprocess.run(["skopeo", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(done.stderr.strip())
    return done.stdout


@click.group()
def main() -> None:
    """Copy and compare images of ghcr.io."""


@main.command()
@click.argument("source")
@click.argument("target")
def copy(source: str, target: str) -> None:
    """Copy an image, as `acme/app:v1`, to another name."""
    _skopeo("copy", "--quiet", f"{REGISTRY}/{source}", f"{REGISTRY}/{target}")
    click.echo(f"copied {source} to {target}")


@main.command()
@click.argument("one")
@click.argument("other")
def same(one: str, other: str) -> None:
    """Say whether two names stand for the same image; exit with 1 if not."""
    digests = {json.loads(_skopeo("inspect", f"{REGISTRY}/{name}"))["Digest"] for name in (one, other)}
    click.echo("the same" if len(digests) == 1 else "not the same")
    raise SystemExit(len(digests) - 1)


if __name__ == "__main__":
    main()
