"""A whole recording: a part is opened, and at the end the cassette is merged, rehearsed and swapped in.

Whoever fails in between leaves the old cassette as it was. Source: `reference/record-replay.md` sections 5.1, 5.3 and
5.6.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.files import load
from ghcr_sim.cassette.merge import UNASKED, Left, join, left_by, nothing_recorded, told_of
from ghcr_sim.cassette.model import SCHEMA, Header
from ghcr_sim.cassette.parts import Part, merging, parts_of
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.cassette.record import Recorder
from ghcr_sim.cassette.rules import RULES
from ghcr_sim.cassette.taint import Taint, check

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ghcr_sim.cassette.addresses import Addresses
    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Body, Exchange
    from ghcr_sim.clock import Clock
    from ghcr_sim.upstream import Upstream

__all__ = ["Recording"]


class Recording:
    """A cassette that is being made.

    Args:
        target: The cassette's file.
        upstream: The real registry's origin, such as `https://ghcr.io`.
        clock: The time, for the header.
        secrets: More secrets to look for, by name: those of environment variables, say.
        unasked: What to look at where nothing came.

    Attributes:
        target: The cassette's file.
        joined: What other recorders had left and `finish` has merged, too.

    Raises:
        CassetteError: Nothing can be written there, or `upstream` is no origin.
    """

    def __init__(
        self,
        target: Path,
        upstream: str,
        *,
        clock: Clock,
        secrets: Iterable[tuple[str, str]] = (),
        unasked: str = UNASKED,
    ) -> None:
        self.target = target
        self._unasked = unasked
        _check_origin(upstream)
        now = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        header = Header(
            cassette=SCHEMA,
            tool=f"pytest-ghcr {version('pytest-ghcr')}",
            recorded_at=now,
            upstream=upstream.rstrip("/"),
            rules=RULES,
        )
        self._part = Part(target, header)
        self._pool = Pool.beside(target)
        self._taint = Taint()
        for name, secret in secrets:
            self._taint.add(name, secret)
        self._recorder: Recorder | None = None
        self.joined: tuple[Left, ...] = ()

    def recorder(self, upstream: Upstream, addresses: Addresses) -> Recorder:
        """The origin that records."""
        self._recorder = Recorder(upstream, addresses, self._part, self._pool, self._taint)
        return self._recorder

    @property
    def withheld(self) -> list[str]:
        """What was not kept because it holds a secret, or may hold one."""
        return [] if self._recorder is None else self._recorder.keeper.withheld

    def discard(self) -> None:
        """Forget what was recorded, and each body that holds a secret which is known by now; the old cassette stays.

        Raises:
            CassetteError: A body with a secret cannot be removed from the pool.
        """
        try:
            if self._recorder is not None:
                self._recorder.keeper.late()
        finally:
            self._part.discard()

    def leave(self) -> Left | None:
        """End early: what was completed stays on disk as a part, for a later merge. Harmless to repeat.

        Returns:
            The part; None where nothing was completed, or all of it is in the cassette already.

        Raises:
            SecretFound: It holds a secret; nothing was kept.
            CassetteError: Something could not be written; the same.
        """
        self._close()
        if not self._part.path.exists():
            return None
        (left,) = left_by([self._part.path])
        if left.exchanges:
            return left
        self._part.discard()
        return None

    def _close(self) -> None:
        """Look back at what was written, and say that nothing more comes; nothing is kept where that fails."""
        if self._part.closed:
            return
        try:
            self._look_back()
        except Exception:
            self.discard()
            raise
        self._part.close()

    async def finish(self, *, since: float = math.inf) -> Cassette | None:
        """Merge, rehearse and swap in. Who cancels it leaves a part, as `leave` does.

        Args:
            since: A time, in seconds since the epoch: a cassette that is there and was made after it is merged, too. An
                older one is replaced.

        Returns:
            The cassette; None where another recorder is still at it, and will merge this part, too.

        Raises:
            SecretFound: A secret would have been written; nothing was kept.
            CassetteError: Nothing was recorded, or it does not replay; the old cassette is as it was.
        """
        self._close()
        if (self._recorder is None or not self._recorder.count) and parts_of(self.target) == (
            [self._part.path],
            [],
        ):
            self._part.discard()
            raise nothing_recorded(self.target, remedy=self._unasked)
        with merging(self.target):
            done, alive = parts_of(self.target)
            if alive:
                return None
            if self._part.path not in done:
                # Who ended at the same time has merged this part, too.
                return load(self.target)
            others = left_by(each for each in done if each != self._part.path)
            try:
                cassette = await join(
                    self.target, [*self._made(since), *done], self._taint, remedy=_remedy(others)
                )
            except Exception:
                # Only what was recorded here is forgotten: what others have left may be good.
                self._part.path.unlink(missing_ok=True)
                raise
            self.joined = others
            for part in done:
                part.unlink(missing_ok=True)
            return cassette

    def _made(self, since: float) -> list[Path]:
        """The cassette, if it was made after a time."""
        made = self.target.exists() and self.target.stat().st_mtime >= since
        return [self.target] if made else []

    def _look_back(self) -> None:
        """Look through what was written once more: a secret may have been seen after a line or a body was.

        Raises:
            SecretFound: A line holds one.
            CassetteError: Something could not be written.
        """
        if self._recorder is None:
            return
        if self._recorder.failure is not None:
            raise self._recorder.failure
        late = self._recorder.keeper.late()
        written = load(self._part.path).exchanges
        for each in written:
            check(each, self.target, self._taint)
        if late:
            self._part.rewrite([_without(each, late) for each in written])


def _remedy(others: tuple[Left, ...]) -> str:
    """What to do where it does not replay."""
    left = f"; other recorders' parts are left: merge or delete them: {told_of(others)}" if others else ""
    return f"the old cassette is as it was{left}"


def _without(each: Exchange, digests: set[str]) -> Exchange:
    """An exchange whose bodies of these digests are withheld."""
    request, response = each.request, each.response
    changes = {
        "request": request.model_copy(update={"body": _withheld(request.body, digests)}),
        "response": response.model_copy(update={"body": _withheld(response.body, digests)}),
    }
    return each.model_copy(update=changes)


def _withheld(body: Body | None, digests: set[str]) -> Body | None:
    if body is None or body.digest not in digests:
        return body
    return body.model_copy(update={"pooled": False, "withheld": "secret"})


def _check_origin(upstream: str) -> None:
    """Refuse what is no origin; above all one with a password, which would be written down."""
    parts = urlsplit(upstream)
    if "@" in parts.netloc:
        raise CassetteError(
            "the registry's address has a login in it", remedy="leave it out: the client brings its own"
        )
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query:
        raise CassetteError(f"{upstream!r} is no registry's origin", remedy="write it as https://ghcr.io")
