"""The rules by which cassettes are made, as their first line says them: gathered from where each is kept.

It decides nothing. Source: `reference/record-replay.md` sections 5.1 to 5.3.
"""

from __future__ import annotations

from ghcr_sim.cassette.allowed import API_QUERY, QUERY, REQUEST_HEADERS, RESPONSE_HEADERS
from ghcr_sim.cassette.key import BY_ACCEPT, BY_RANGE, UNMATCHED, Key
from ghcr_sim.cassette.model import Rules
from ghcr_sim.cassette.redact import PLACEHOLDERS
from ghcr_sim.shapes import SHAPES

__all__ = ["RULES"]

RULES = Rules(
    request_headers=tuple(sorted(REQUEST_HEADERS)),
    response_headers=tuple(sorted(RESPONSE_HEADERS)),
    query=tuple(sorted(QUERY)),
    api_query=tuple(sorted(API_QUERY)),
    matched=Key._fields,
    matched_accept=tuple(sorted(BY_ACCEPT)),
    matched_range=tuple(sorted(BY_RANGE)),
    unmatched_query=tuple(sorted(UNMATCHED)),
    placeholders=PLACEHOLDERS,
    secrets=tuple(sorted(SHAPES)),
)
