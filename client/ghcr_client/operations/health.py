"""Whether a registry answers, how fast, and how much of its limits is left.

It never raises: what went wrong is part of the answer. Source: distribution specification, section "Determining
Support".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_client.errors import Denied, GhcrError, Unauthorized
from ghcr_client.masking import shown
from ghcr_client.operations.base import Base
from ghcr_client.tracing import span
from ghcr_client.transport import Call

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
            registry: Its name; the settings' one by default.

        Returns:
            How it is.

        Example:
            health = await client.health_check()
            health.ok  # True
        """
        registry = (registry or self.config.default_registry).lower()
        clock, limiter = self._transport.clock, self._transport.limiter
        began, error = clock.monotonic(), None
        with span("health_check", registry=registry):
            try:
                await self._transport.ask(
                    Call(operation="ping", method="GET", registry=registry, target="/v2/", retry=False)
                )
            except asyncio.CancelledError:
                raise
            except (Unauthorized, Denied) as failure:
                # To say so to nobody is the answer of a registry that is well.
                error = None if await self._transport.is_anonymous(registry) else str(failure)
            except GhcrError as failure:
                error = str(failure)
            except Exception as failure:  # noqa: BLE001 - a check that fails is an answer, whatever failed
                error = f"{type(failure).__name__}: {shown(str(failure))}"
        return Health(
            registry=registry,
            ok=error is None,
            latency=None if error else clock.monotonic() - began,
            reads=limiter.state(registry, "read"),
            writes=limiter.state(registry, "write"),
            error=error,
        )
