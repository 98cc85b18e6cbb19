"""Recording and replaying: found by an entry point, so that the client imports no simulator.

It knows how to find a simulator, how one is begun and ended, and that its addresses have to be this machine's own. It
does not know what a cassette is. Source of the lookup: Python packaging user guide, "Entry points specification".
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable
from urllib.parse import SplitResult, urlsplit

from ghcr_client.errors import ConfigError, GhcrError, SimulationError
from ghcr_client.masking import bare_url, shown

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "Mode", "Simulation", "open_simulation"]

GROUP = "ghcr_client.simulation"
"""The group of entry points. Each names a callable that takes `mode`, `path`, and `upstream`: the URL of the registry
to record. It returns a `Simulation`."""

Mode = Literal["off", "record", "replay"]
"""`record` talks to the real registry and keeps what was said; `replay` needs no network."""

_LONGEST = 2000
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]{2,39}\](:[0-9]{1,5})?")


@runtime_checkable
class Simulation(Protocol):
    """Something that stands in for registries."""

    async def start(self) -> Mapping[str, str]:
        """Begin, and say which base URL stands in for each registry: `{"ghcr.io": "http://127.0.0.1:4711"}`."""
        ...

    async def stop(self, failed: bool) -> None:
        """End. Where something `failed`, what was recorded may be incomplete, and must not replace a good cassette."""


def open_simulation(
    mode: Mode, path: str | os.PathLike[str] | None = None, upstream: str = "https://ghcr.io"
) -> Simulation | None:
    """Find who simulates registries; nothing is started yet.

    Args:
        mode: `off`, `record` or `replay`.
        path: The cassette; needed unless `mode` is `off`.
        upstream: The registry that is recorded; a cassette says itself which one it is of.

    Returns:
        What to start and to stop, or None for `off`. Its `start` gives loopback addresses only, without a slash at the
        end; whatever goes wrong in it is a `SimulationError`.

    Raises:
        ConfigError: There is no such mode, or no path.
        SimulationError: Nobody simulates, several do, or the one that does cannot be loaded.

    Example:
        >>> open_simulation("off") is None
        True
    """
    if mode not in get_args(Mode):
        raise ConfigError(f"simulation is {shown(str(mode), 50)!r}, but has to be one of off, record, replay")
    if mode == "off":
        return None
    if path is None or not str(path):
        raise ConfigError(f"simulation={mode!r} needs the path of a cassette (GHCR_SIMULATION_PATH)")
    found = _provider()
    with _told(found, f"cannot {mode}"):
        simulation = found.load()(mode=mode, path=Path(path), upstream=upstream)
    if not isinstance(simulation, Simulation):
        raise SimulationError(
            f"{_name(found)} gives no simulation: {type(simulation).__name__} has no start and stop"
        )
    return _Checked(simulation, found)


def _provider() -> EntryPoint:
    """The one entry point."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - few simulate, and it costs 5 ms

    found = sorted(entry_points(group=GROUP), key=_name)
    if not found:
        raise SimulationError(
            f"no installed package can record or replay (entry point group {GROUP}): "
            "pip install --upgrade pytest-ghcr, or set simulation to off"
        )
    if len(found) > 1:
        names = ", ".join(map(_name, found))
        raise SimulationError(f"several installed packages can record and replay, keep one of them: {names}")
    return found[0]


def _name(found: EntryPoint) -> str:
    """An entry point as a reader can find it."""
    owner = f" of {found.dist.name}" if found.dist is not None else ""
    return f"{found.name} ({found.value}){owner}"


@contextmanager
def _told(found: EntryPoint, what: str) -> Iterator[None]:
    """Make each error of a simulator a `SimulationError`; of one that is not its own only the class is told."""
    try:
        yield
    except GhcrError:
        raise
    except Exception as error:  # noqa: BLE001 - somebody else's code
        # The words of its own errors are made to be shown; those of others may hold what was recorded.
        home = type(error).__module__.partition(".")[0] == found.module.partition(".")[0]
        said = f": {shown(str(error), _LONGEST)}" if home else ""
        raise SimulationError(f"{_name(found)} {what}: {type(error).__name__}{said}") from None


class _Checked:
    """A simulation whose addresses are looked at, and whose errors are the client's."""

    def __init__(self, inner: Simulation, found: EntryPoint) -> None:
        self._inner = inner
        self._found = found

    async def start(self) -> Mapping[str, str]:
        """Begin, and give addresses that are this machine's own; stopped again where one is not."""
        with _told(self._found, "does not start"):
            given = await self._inner.start()
        try:
            with _told(self._found, "gives no addresses"):
                return {_registry(name): _loopback(url) for name, url in dict(given).items()}
        except GhcrError:
            with suppress(GhcrError):
                await self.stop(failed=True)
            raise

    async def stop(self, failed: bool) -> None:
        """End."""
        with _told(self._found, "does not stop well"):
            await self._inner.stop(failed)


def _registry(name: str) -> str:
    """The name of a registry as references have it."""
    lower = name.lower()
    if not _HOST.fullmatch(lower):
        raise SimulationError(f"a simulator stands in for {shown(name, 100)!r}, which is no registry's name")
    return lower


def _loopback(url: str) -> str:
    """A base URL of this machine, without a slash at the end."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if _is_base(parts) and _is_loopback(parts.hostname or ""):
            return f"{parts.scheme}://{parts.netloc}"
    raise SimulationError(
        f"a simulator gives {bare_url(url)}, but only http(s)://127.0.0.1:PORT and the like are taken"
    )


def _is_base(parts: SplitResult) -> bool:
    """Whether a URL is scheme, host and port, and nothing else; an impossible port is a ValueError."""
    more = (parts.path.strip("/"), parts.query, parts.fragment, "@" in parts.netloc)
    return parts.scheme in {"http", "https"} and parts.port != 0 and not any(more)


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    return host == "localhost" or ip_address(host).is_loopback
