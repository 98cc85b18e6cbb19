"""How `seeds/hello.tar` is made. `PYTHONPATH=tests python tests/seed/hello.py FILE` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from seed.layout_files import layout_files

from ghcr_sim.seed import seed
from ghcr_sim.seed.tars import content_entries, tar
from ghcr_sim.store import Store

__all__ = ["DIGEST", "hello_tar"]

DIGEST = "sha256:e4a4d869583f196d65ab77fd96a8838905c79b6e93f2d24885083bcb3a8b9836"
"""The digest of `acme/hello:v1`: other tests may rest on it."""


def hello_tar() -> bytes:
    """An OCI layout with the image `ghcr.io/acme/hello:v1` for two platforms, as a tar."""
    store = Store()
    hello = seed(
        store,
        "acme/hello:v1",
        platforms=["linux/amd64", "linux/arm64"],
        annotations={"org.opencontainers.image.description": "A small image to pull in tests"},
        labels={"org.opencontainers.image.source": "https://github.com/acme/hello"},
        config={"Cmd": ["/hello"]},
    )
    assert hello.digest == DIGEST
    files = layout_files(store, "acme/hello", full_names=True)
    return b"".join(tar(content_entries(files.items())))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(hello_tar())
