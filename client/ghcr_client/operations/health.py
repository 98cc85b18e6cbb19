"""Whether a registry answers, how fast, and how much of its limits is left.

It never raises: what went wrong is part of the answer. Source: distribution specification, section "Determining
Support".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_client.auth.credentials import checked_registry
from ghcr_client.calls import Call
from ghcr_client.errors import Denied, GhcrError, Unauthorized
from ghcr_client.masking import shown
from ghcr_client.operations.base import Base
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from ghcr_client.limiter import LimitState

__all__ = ["Health", "HealthOperations"]


@dataclass(frozen=True, slots=True)
class Health:
    """How a registry is.

    Attributes:
        registry: Which registry.
        ok: Whether it answered as a registry does and took these credentials, if there are any.
        latency: Seconds until it answered, the token included; None where it did not.
        reads: What is known of its limit on reading.
        writes: What is known of its limit on writing.
        error: What went wrong, in words without secrets, or None.
    """

    registry: str
    ok: bool
    latency: float | None
    reads: LimitState
    writes: LimitState
    error: str | None = None


class HealthOperations(Base):
    """The operation that asks how a registry is."""

    async def health_check(self, registry: str | None = None) -> Health:
        """How a registry is; it never raises.

        A registry that lets nobody in without credentials is well when it says so to somebody who has none.

        Args:
            registry: Its name, which is no URL; the settings' one by default.

        Returns:
            How it is.

        Example:
            health = await client.health_check()
            health.ok  # True
        """
        clock, limiter = self._transport.clock, self._transport.limiter
        began, error = clock.monotonic(), None
        name = shown(str(registry or self.config.default_registry), 100)
        with span("health_check", registry=name):
            try:
                name = checked_registry(registry) if registry else self.config.default_registry
                await self._transport.ask(
                    Call(operation="ping", method="GET", registry=name, target="/v2/", retry=False)
                )
            except asyncio.CancelledError:
                raise
            except (Unauthorized, Denied) as failure:
                # To say so to nobody is the answer of a registry that is well.
                error = None if await self._transport.is_anonymous(name) else str(failure)
            except GhcrError as failure:
                error = str(failure)
            except Exception as failure:  # noqa: BLE001 - a check that fails is an answer, whatever failed
                error = f"{type(failure).__name__}: {shown(str(failure))}"
        return Health(
            registry=name,
            ok=error is None,
            latency=None if error else clock.monotonic() - began,
            reads=limiter.state(name, "read"),
            writes=limiter.state(name, "write"),
            error=error,
        )
