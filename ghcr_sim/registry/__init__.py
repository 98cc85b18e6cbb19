"""The registry itself: the operations of the distribution specification over a store."""

from ghcr_sim.registry.registry import Call, Registry

__all__ = ["Call", "Registry"]
