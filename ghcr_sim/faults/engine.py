"""Applies the rules: a pure function of the operation and of what has happened so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.errors import FaultError
from ghcr_sim.faults.rules import Rule, make_rule
from ghcr_sim.route import Operation, escaped_path

if TYPE_CHECKING:
    from ghcr_sim.exchange import Response

__all__ = ["Faults"]


class Faults:
    """The failures that are planned for one fake, in the order in which they were planned."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def plan(
        self,
        operation: str,
        recorded: str | None = None,
        *,
        status: int | None = None,
        times: int | None = 1,
        repository: str | None = None,
    ) -> Rule:
        """Plan a failure; see `Simulator.fail`."""
        rule = make_rule(operation, recorded, status, times, repository)
        if any(earlier.covers(rule) for earlier in self.rules):
            raise FaultError(
                f"{operation} fails always already, by an earlier plan: this one could never happen; plan it first"
            )
        self.rules.append(rule)
        return rule

    def before(self, operation: Operation) -> Response | None:
        """The failure that happens instead of this operation, or None."""
        for rule in self.rules:
            if rule.matches(operation):
                rule.met += 1
                return _dressed(rule.answer, operation)
        return None

    def unmet(self) -> list[str]:
        """What was planned and did not happen, in words."""
        return [owed for rule in self.rules if (owed := rule.owed()) is not None]

    def clear(self) -> None:
        """Forget all plans."""
        self.rules.clear()


def _dressed(answer: Response, operation: Operation) -> Response:
    """Put what was asked for into a location (ghcr-wire row 3.11)."""
    if not any(name == "location" for name, _ in answer.headers):
        return answer
    path = escaped_path(operation)
    headers = tuple((k, v.format(path=path) if k == "location" else v) for k, v in answer.headers)
    return answer._replace(headers=headers)
