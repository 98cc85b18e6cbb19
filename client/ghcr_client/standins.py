"""Who stands in for registries, and that nobody else is asked where that would break a promise: a replay sends nothing.

It knows names and places, and not what stands in. A stand-in is at a port of this machine, under any of its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.errors import SimulationError
from ghcr_client.hosts import authority, is_loopback

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["StandIns"]


class StandIns(dict[str, "URL"]):
    """Registries' names → the base URLs of who stands in for them.

    Attributes:
        alone: Whether nobody else may be asked.

    Example:
        >>> from yarl import URL
        >>> here = StandIns({"ghcr.io": URL("http://127.0.0.1:4711")})
        >>> here.place("ghcr.io", URL("https://ghcr.io")), here.place("quay.io", URL("https://quay.io"))
        (URL('http://127.0.0.1:4711'), URL('https://quay.io'))
    """

    alone = False

    def place(self, registry: str, url: URL) -> URL:
        """Where a registry is asked.

        Args:
            registry: Its name, as references have it.
            url: Where it really is; who stands in for that host stands in for it, too.

        Returns:
            Its stand-in, else the place itself.

        Raises:
            SimulationError: Nobody stands in for it, and nobody else may be asked.
        """
        found = self.get(registry) or self.get(authority(url))
        if found is None and self.alone:
            raise self._refusal(url)
        return found or url

    def check(self, url: URL) -> None:
        """Nothing, if a URL may be asked.

        Args:
            url: Where a request would go.

        Raises:
            SimulationError: It is not at a stand-in, and nobody else may be asked.
        """
        here = is_loopback(url.host or "") and url.port in {each.port for each in self.values()}
        if self.alone and not here:
            raise self._refusal(url)

    def check_has(self, registry: str, url: URL) -> None:
        """Nothing, if somebody stands in for a registry.

        Args:
            registry: Its name.
            url: Where it really is.

        Raises:
            SimulationError: Nobody does.
        """
        if registry not in self and authority(url) not in self:
            raise SimulationError(
                f"the settings' registry is {registry}, and the cassette is of {self._names()}: set registry to that"
            )

    def _refusal(self, url: URL) -> SimulationError:
        return SimulationError(
            f"nothing is sent in a replay: {authority(url)} was to be asked, and the cassette is of {self._names()}"
        )

    def _names(self) -> str:
        return ", ".join(self) or "no registry"
