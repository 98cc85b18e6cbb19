"""What hypothesis may draw: valid names, documents and whole images, and a machine that tries a registry client.

Everything here is valid by the specifications, and the fake takes it in both of its profiles. Nonsense is another
matter, and not here. Needs `pip install 'pytest-ghcr[hypothesis]'`.
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis
except ImportError:
    raise ImportError(
        "pytest_ghcr.strategies needs hypothesis: pip install 'pytest-ghcr[hypothesis]'"
    ) from None

from pytest_ghcr.strategies.documents import descriptors, indexes, manifests, platforms
from pytest_ghcr.strategies.images import Image, images
from pytest_ghcr.strategies.machine import RegistryMachine
from pytest_ghcr.strategies.names import digests, references, repositories, tags

__all__ = [
    "Image",
    "RegistryMachine",
    "descriptors",
    "digests",
    "images",
    "indexes",
    "manifests",
    "platforms",
    "references",
    "repositories",
    "tags",
]

del _hypothesis
