"""Content for a store: images made from a few words, and images out of archives.

`seed` builds, `seed_path` reads an OCI layout or what `docker save` wrote. Both put all or nothing.
Nothing here knows HTTP, and nothing runs what it seeds.
"""

from ghcr_sim.seed.archives import seed_path
from ghcr_sim.seed.draft import Seeded
from ghcr_sim.seed.images import Recipe, seed
from ghcr_sim.seed.layers import Layer, LayerItem
from ghcr_sim.seed.limits import Limits
from ghcr_sim.seed.synthetic import SyntheticBlob

__all__ = ["Layer", "LayerItem", "Limits", "Recipe", "Seeded", "SyntheticBlob", "seed", "seed_path"]
