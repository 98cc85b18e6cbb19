"""Variables that name a proxy are away for a while, and `NO_PROXY` says that none is wanted.

A test may set them meanwhile, by `monkeypatch`, which may put back what it has found, ours, after we have put back what
was there before us: so they are looked at once more when all fixtures have ended. It knows nothing of takeovers.
"""

from __future__ import annotations

import os

__all__ = ["Proxies"]

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_NONE = ("NO_PROXY", "*")


class Proxies:
    """The variables of this process."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._set_meanwhile: set[str] = set()

    def leave(self) -> None:
        """Take them away."""
        for name in list(os.environ):
            if name.lower() in _PROXIES:
                self._before[name] = os.environ.pop(name)
        os.environ.update([_NONE])

    def put_back(self) -> None:
        """Make them what they were; what a test has set beside them is the test's."""
        self._remove_ours()
        self._set_meanwhile = self._before.keys() & os.environ.keys()
        os.environ.update(self._before)

    def settle(self) -> None:
        """Do it again for those that somebody has put back to what they were meanwhile: to `*`, or to nothing."""
        self._remove_ours()
        for name in self._set_meanwhile - os.environ.keys():
            os.environ[name] = self._before[name]

    def _remove_ours(self) -> None:
        name, value = _NONE
        if os.environ.get(name) == value:
            del os.environ[name]
            if name in self._before:
                os.environ[name] = self._before[name]

    def left(self) -> list[str]:
        """What is not as it was, in words."""
        wanted = {_NONE[0]: None, **self._before}
        return [
            f"os.environ[{name!r}]"
            for name, value in wanted.items()
            if os.environ.get(name) != value and (value is not None or os.environ.get(name) == _NONE[1])
        ]
