"""Planned failures: rules are data, the engine is pure, and `serve` performs what happens on the wire."""

from ghcr_sim.faults.engine import Faults
from ghcr_sim.faults.rules import Rule, recorded_names

__all__ = ["Faults", "Rule", "recorded_names"]
