"""How far a transfer is: one sum over all blobs, drawn on a terminal, and one line at the end.

Counters are absolute, so that what a retry repeats is taken back by itself. It does not know what is moved, and draws
only where somebody looks on.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.cli.output import human

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghcr_client.cli.options import Options
    from ghcr_client.progress import Progress

__all__ = ["Bar", "Tally", "showing"]

_EVERY = 0.1
_NARROW = 60


@dataclass(slots=True)
class Tally:
    """The sum over all blobs. It is a progress callback.

    Attributes:
        moved: Name → bytes that arrived, and bytes in all, of blobs that move.
        existing: Blobs that were there already.
        mounted: Blobs that were taken over from another repository.
        heard: Is called after each event.
    """

    moved: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    existing: set[str] = field(default_factory=set)
    mounted: set[str] = field(default_factory=set)
    heard: Callable[[], None] | None = None

    def __call__(self, event: Progress) -> None:
        """Take note of how far one blob is."""
        if event.state in ("exists", "mounted"):
            # What two images share is there for the second one because it moved for the first.
            if event.name not in (self.moved.keys() | self.existing | self.mounted):
                (self.existing if event.state == "exists" else self.mounted).add(event.name)
        else:
            self.moved[event.name] = (event.done, event.total)
        if self.heard is not None:
            self.heard()

    @property
    def done(self) -> int:
        """Bytes that arrived; it falls when a try is given up."""
        return sum(done for done, _ in self.moved.values())

    @property
    def total(self) -> int | None:
        """Bytes of all that has begun; None where one does not say."""
        sizes = [total for _, total in self.moved.values()]
        return None if None in sizes else sum(each for each in sizes if each is not None)

    @property
    def document(self) -> dict[str, int]:
        """The sum as `--json` says it."""
        return {
            "moved": len(self.moved),
            "bytes": self.done,
            "existing": len(self.existing),
            "mounted": len(self.mounted),
        }

    def sentence(self, seconds: float) -> str:
        """The sum for people.

        Args:
            seconds: How long it took.

        Returns:
            Such as `3 blobs, 12.3 MB in 1.5 s (8.2 MB/s); 2 were there already`.
        """
        count = len(self.moved)
        if not (self.moved or self.existing or self.mounted):
            return f"nothing in {seconds:.1f} s; everything was there already"
        text = f"{count} {'blob' if count == 1 else 'blobs'}, {human(self.done)} in {seconds:.1f} s"
        if self.done and seconds > 0:
            text += f" ({human(int(self.done / seconds))}/s)"
        for blobs, what in ((self.existing, "there already"), (self.mounted, "mounted")):
            if blobs:
                text += f"; {len(blobs)} {'was' if len(blobs) == 1 else 'were'} {what}"
        return text


class Bar:
    """A bar on a terminal.

    Args:
        tally: What it shows.
        label: What is going on.
        clock: Seconds that only grow.
    """

    def __init__(self, tally: Tally, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._clock = clock
        self._drawn_at = float("-inf")
        narrow = shutil.get_terminal_size().columns < _NARROW
        self._bar: Any = click.progressbar(
            length=0,
            label=label,
            file=sys.stderr,
            width=0,
            show_eta=not narrow,
            show_percent=True,
            item_show_func=self._amount,
            bar_template="%(label)s  %(info)s" if narrow else "%(label)s  [%(bar)s]  %(info)s",
        )

    def _amount(self, _: object) -> str:
        """Bytes, for people."""
        total = self._tally.total
        return human(self._tally.done) if total is None else f"{human(self._tally.done)} of {human(total)}"

    def draw(self, *, now: bool = False) -> None:
        """Show how far it is, ten times a second at most.

        Args:
            now: Whether to draw in any case.
        """
        at = self._clock()
        if not self._tally.moved or (not now and at - self._drawn_at < _EVERY):
            return
        self._drawn_at = at
        bar, tally = self._bar, self._tally
        step = tally.done - bar.pos
        bar.length = tally.total
        bar.make_step(step)
        # It may have been finished with what had begun until now.
        bar.finished = False
        bar.render_progress()

    def close(self) -> None:
        """Leave the terminal as it was, on a new line; nothing if nothing was drawn."""
        if self._drawn_at > float("-inf"):
            self.draw(now=True)
            self._bar.render_finish()


@contextlib.contextmanager
def showing(options: Options, label: str, done: str) -> Iterator[Tally]:
    """Show how far it is while the block runs, and what it came to at its end.

    Args:
        options: Who looks on, and how.
        label: What is going on.
        done: The same, when it is done.

    Yields:
        What is to be told.
    """
    tally, began = Tally(), time.monotonic()
    if not options.shows_progress:
        yield tally
    else:
        bar = Bar(tally, label)
        tally.heard = bar.draw
        try:
            yield tally
        finally:
            bar.close()
    options.output.note(f"{done} {tally.sentence(time.monotonic() - began)}")
