"""The last touch: the header fields that a registry sends with every answer, and the form of its errors."""

from __future__ import annotations

from ghcr_sim.clock import Clock, Ids, http_date
from ghcr_sim.exchange import Response
from ghcr_sim.oci.refusals import Refusal, error_body
from ghcr_sim.profiles.model import Profile

__all__ = ["Dresser"]

_API = ("docker-distribution-api-version", "registry/2.0")
_UNAUTHORIZED = 401


class Dresser:
    """Dresses the answers of one fake."""

    def __init__(self, profile: Profile, clock: Clock, ids: Ids) -> None:
        self._request_id = profile.headers.request_id
        self._plain = (_API,) if profile.headers.api_version else ()
        self._challenged = self._plain if profile.headers.api_version_on_challenge else ()
        self._newline = profile.errors.newline
        self._clock = clock
        self._ids = ids
        self._second = 0
        self._date = ("date", "")

    def dress(self, answer: Response, *, by: str = "registry") -> Response:
        """Add what is the same on every answer (ghcr-wire section 0).

        Args:
            answer: What a room said.
            by: Who answers the operation: `registry`; `token`, the realm, whose 401 tells the version too
                (row 2.7); or `storage`, another host, which knows nothing of all this.
        """
        now = int(self._clock.now())
        if now != self._second:
            self._second = now
            self._date = ("date", http_date(now))
        status, headers, body, wire, room = answer
        if by == "storage":
            return Response(status, (*headers, self._date), body, wire, room)
        version = self._challenged if status == _UNAUTHORIZED and by == "registry" else self._plain
        if self._request_id:
            request_id = ("x-github-request-id", self._ids.request(now))
            headers = (*headers, self._date, *version, request_id)
        else:
            headers = (*headers, self._date, *version)
        return Response(status, headers, body, wire, room)

    def refusal(self, refusal: Refusal) -> Response:
        """The answer that a refusal becomes; its body is the specification's."""
        body = error_body(refusal.code, refusal.message, refusal.details, newline=self._newline)
        headers = (("content-length", str(len(body))), ("content-type", "application/json"), *refusal.headers)
        return Response(refusal.status, headers, body, by=refusal.by)
