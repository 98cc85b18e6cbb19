"""Whether a registry answers, how fast, and how much of its limits is left.

It never raises: what went wrong is part of the answer. Source: distribution specification, section "Determining
Support".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_client.answers import has_registry_signs, is_page, read_error_body
from ghcr_client.auth.credentials import checked_registry
from ghcr_client.calls import Call
from ghcr_client.errors import Denied, GhcrError, ProtocolError, Unauthorized
from ghcr_client.masking import shown
from ghcr_client.operations.base import Base
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from ghcr_client.calls import Answer
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

        A registry that lets nobody in without credentials is well when it says so to somebody who has none. What
        answers by a page, or refuses without a registry's signs, is none: a sign-in page, a firewall, a router.

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
                _check(name, await self._transport.ask(_ping(name)))
            except asyncio.CancelledError:
                raise
            except (Unauthorized, Denied) as failure:
                # To say so to nobody is the answer of a registry that is well.
                error = str(failure)
                if await self._transport.is_anonymous(name):
                    # Only a registry names the endpoint that refused a token.
                    known = failure.from_registry or failure.operation.startswith("token")
                    error = None if known else f"{name} answered as no registry does: {failure}"
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


def _ping(registry: str) -> Call:
    """The call that asks whether this is a registry."""
    return Call(operation="ping", method="GET", registry=registry, target="/v2/", retry=False)


def _check(registry: str, answer: Answer) -> None:
    """Refuse a page that is no registry's: of one that lets in, the specification demands the status only."""
    if is_page(answer.headers, answer.body) and not has_registry_signs(answer.headers, answer.body):
        said = read_error_body(answer.body).message
        raise ProtocolError(f"{registry} answered as no registry does: {said or 'a page'}")
