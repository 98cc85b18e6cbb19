"""The client: all operations on one transport, opened and closed with it.

It joins the rooms and knows none from within.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Self

from yarl import URL

from ghcr_client.auth.providers import ChainCredentials, EnvironmentCredentials, StaticCredentials
from ghcr_client.errors import ConfigError, GhcrError, SimulationError
from ghcr_client.metrics import NO_METRICS
from ghcr_client.operations.copying import CopyOperations
from ghcr_client.operations.health import HealthOperations
from ghcr_client.packages import PackageVersions
from ghcr_client.simulation import open_simulation
from ghcr_client.transport import Transport

if TYPE_CHECKING:
    from types import TracebackType

    from ghcr_client.auth.providers import CredentialProvider
    from ghcr_client.clock import Clock
    from ghcr_client.metrics import Metrics
    from ghcr_client.settings import GhcrConfig
    from ghcr_client.simulation import Simulation

__all__ = ["GhcrClient", "default_credentials"]


class GhcrClient(CopyOperations, HealthOperations):
    """A client for GHCR and every other OCI registry.

    It belongs to one loop, and any number of tasks may use it at once.

    Args:
        config: The settings; from the environment if None.
        credentials: Who this client is, registry by registry; `default_credentials` if None.
        metrics: What is counted, such as a `PrometheusMetrics`; nothing by default.
        clock: The time, for tests.
        settings: Settings in place of `config`, by name: `registry="ghcr.io"`, `token="…"`.

    Raises:
        ConfigError: Settings make no sense, or both `config` and settings were given.

    Example:
        >>> import asyncio
        >>> async def main() -> None:
        ...     async with GhcrClient(registry="http://127.0.0.1:5000") as client:
        ...         print(await client.list_tags("acme/app"))
    """

    _transport_type: ClassVar[type[Transport]] = Transport

    def __init__(
        self,
        config: GhcrConfig | None = None,
        *,
        credentials: CredentialProvider | None = None,
        metrics: Metrics = NO_METRICS,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        if config is not None and settings:
            raise ConfigError("give either a GhcrConfig or settings by name, not both")
        self.config = config or _configured(settings)
        self._transport = self._transport_type(
            self.config, credentials or default_credentials(self.config), metrics=metrics, clock=clock
        )
        self._packages = PackageVersions(self._transport)
        self._home = self.config.default_registry, self.config.url_of(self.config.default_registry)
        self._simulation = open_simulation(
            self.config.simulation, self.config.simulation_path, str(self._home[1])
        )
        self._referrers_api = {}
        self._referrer_locks = {}
        self._chunk_limits = {}
        self._lasting_sessions = set()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        if self._simulation is not None:
            try:
                await self._simulate(self._simulation)
            except BaseException:
                await self._transport.__aexit__()
                raise
        return self

    async def _simulate(self, simulation: Simulation) -> None:
        """Have registries stood in for; the settings' one has to be among them."""
        doors = await simulation.start()
        stand_ins = self._transport.stand_ins
        stand_ins.clear()
        stand_ins.update({name: URL(url) for name, url in doors.items()})
        stand_ins.alone = self.config.simulation == "replay"
        try:
            stand_ins.check_has(*self._home)
        except SimulationError:
            with suppress(GhcrError):
                await simulation.stop(failed=True)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__()
        if self._simulation is not None:
            await self._simulation.stop(failed=error is not None)

    def __repr__(self) -> str:
        return f"<GhcrClient {self.config.default_registry}>"


def default_credentials(config: GhcrConfig) -> CredentialProvider:
    """Where credentials come from when nobody says: settings, then the environment, then docker's and podman's files.

    What the settings and the environment say is for the settings' registry alone.

    Args:
        config: The settings.

    Returns:
        A provider.
    """
    # Whoever brings other credentials does without what reads these files.
    from ghcr_client.auth.dockerconfig import DockerConfigCredentials  # noqa: PLC0415

    registry = config.default_registry
    providers: list[CredentialProvider] = [EnvironmentCredentials(registry), DockerConfigCredentials()]
    if config.token is not None:
        providers.insert(0, StaticCredentials(config.username or "x-access-token", config.token, registry))
    return ChainCredentials(*providers)


def _configured(settings: dict[str, Any]) -> GhcrConfig:
    """Settings by name. What reads the environment is loaded now: it is a tenth of what importing a client costs."""
    from ghcr_client.settings import GhcrConfig  # noqa: PLC0415

    return GhcrConfig(**settings)
