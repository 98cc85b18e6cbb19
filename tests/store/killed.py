"""A process to be killed: it writes to a store in every way, over and over, until somebody ends it."""

from __future__ import annotations

import random
import sys

from store.content import image, index, upload

from ghcr_sim.store import DirectoryStore, Store

NAMES = ("acme/app", "acme/app/deep", "acme/other")


def work(store: Store, dice: random.Random) -> None:
    """One round of writing."""
    name = dice.choice(NAMES)
    word = str(dice.getrandbits(40))
    made = [image(store, name, f"{word}.{number}", [f"v{dice.randrange(5)}"]) for number in range(2)]
    index(store, name, made, ["all"])
    blob = upload(store, dice.randbytes(dice.randrange(1_000_000)))
    store.put_blob(name, blob)
    store.put_blob(dice.choice(NAMES), store.blob(name, blob.digest) or blob)
    snapshot = store.snapshot() if dice.random() < 0.3 else None
    store.delete_tag(name, "v1")
    store.delete_manifest(name, dice.choice(list(store.repository(name).manifests)))
    for digest in list(store.repository(name).blobs)[:: dice.randrange(1, 4)]:
        store.delete_blob(name, digest)
    store.set_visibility(name, dice.choice(("public", "private")))
    if snapshot is not None:
        image(store, "acme/late", word, ["v1"])
        store.restore(snapshot)


def main(root: str, seed: str) -> None:
    """Write until the end."""
    dice = random.Random(int(seed))
    store = DirectoryStore(root)
    print("open", flush=True)
    while True:
        work(store, dice)


if __name__ == "__main__":
    main(*sys.argv[1:])
