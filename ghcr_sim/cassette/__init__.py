"""Cassettes: real registry traffic, recorded once, replayed for ever, and used to judge the fake.

`Recorder` and `Replay` are origins like the fake itself: what answers a request. `load` reads a cassette.
"""

from __future__ import annotations

from ghcr_sim.cassette.errors import CassetteError, SecretFound
from ghcr_sim.cassette.files import Cassette, load
from ghcr_sim.cassette.model import Exchange, Header
from ghcr_sim.cassette.replay import MISS, Replay, Strictness
from ghcr_sim.cassette.report import Report

__all__ = [
    "MISS",
    "Cassette",
    "CassetteError",
    "Exchange",
    "Header",
    "Replay",
    "Report",
    "SecretFound",
    "Strictness",
    "load",
]
