"""The async client for GHCR: not yet written, so the package is empty and says so.

It knows nothing of `ghcr_sim` (an import contract holds that).
"""

__all__: list[str] = []
