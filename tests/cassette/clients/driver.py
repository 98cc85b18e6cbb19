"""What real clients have in common here: a way to a door, a home, and how they are run."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from typing import TYPE_CHECKING, ClassVar

from clients.content import tree
from clients.setting import USER

if TYPE_CHECKING:
    from cassette.clients.stage import Way

__all__ = ["Driver"]


class Driver:
    """A client with a home of its own.

    Args:
        way: How it reaches the door.
        jobs: How much it does at a time, where it can be told.
    """

    program: ClassVar[str]
    needs_root: ClassVar[bool] = False

    def __init__(self, way: Way, jobs: int = 4) -> None:
        self.way = way
        self.jobs = jobs
        self._count = 0
        self.prepare()

    def prepare(self) -> None:
        """Make what the client needs in its home."""

    @property
    def plain(self) -> bool:
        """Whether the door speaks plain HTTP."""
        return self.way.kind == "reverse"

    def fresh(self) -> str:
        """A directory's name that nobody has."""
        self._count += 1
        return str(self.way.home.path(f"{self.program}-{self._count}"))

    def trust(self) -> None:
        """Put a login into the files that clients read, and ask nobody whether it is one."""
        login = b64encode(f"{USER}:{self.way.token}".encode()).decode()
        document = json.dumps({"auths": {self.way.host: {"auth": login}}})
        for name in ("auth.json", "docker/config.json"):
            self.way.home.path(name).write_text(document)

    def run(self, *argv: str) -> str:
        """Run the client; what it said."""
        return self.way.home.run(self.program, *argv).stdout.strip()

    def refused(self, *argv: str) -> str:
        """Run the client, which must fail; what it said."""
        return self.way.home.refused(self.program, *argv)

    def tree(self, path: str) -> dict[str, bytes]:
        """What a pull left behind, checked, and removed."""
        found = tree(self.way.home.path(path))
        shutil.rmtree(path)
        return found
