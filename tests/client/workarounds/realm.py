"""What the fake's token endpoint is asked: the journal leaves out its query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from client.peers import Peer

__all__ = ["asked_scopes"]


def asked_scopes(peer: Peer) -> list[tuple[str, ...]]:
    """A list to which each question to the token endpoint adds its scopes from now on."""
    assert peer.simulator is not None
    realm: Any = peer.simulator._realm
    answer, asked = realm.answer, []

    def watching(operation: Any, request: Any, *more: Any) -> Any:
        query = parse_qs(urlsplit(request.target).query)
        assert query["service"] == ["ghcr.io"]
        asked.append(tuple(query.get("scope", ())))
        return answer(operation, request, *more)

    realm.answer = watching
    return asked
