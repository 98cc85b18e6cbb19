"""`https://ghcr.io` leads to the fake, in this process, and every other name leads nowhere.

Names are looked up, connections opened and TLS begun by a few functions of `socket` and `ssl` that everything in Python
uses; while a takeover is on, those are ours. A name that is taken over gets an address that nobody else has, a
connection to that address is one to the fake's port, and TLS to that name trusts the test's authority. Everything is
put back at the end. It serves nothing and knows no registry. What has sockets of its own, outside of Python, is not
reached: subprocesses (see `environment`), curl's and gRPC's libraries.
"""

from __future__ import annotations

import errno
import ipaddress
import itertools
import os
import socket
import ssl
import threading
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from ghcr_sim.threads import BACKGROUND
from ghcr_sim.tls.contexts import PLAIN
from pytest_ghcr.patches import Patches, patch_libraries
from pytest_ghcr.proxies import Proxies
from pytest_ghcr.trust import trust_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

__all__ = ["HOSTS", "HTTPS", "Takeover", "TakeoverError"]

HOSTS = ("ghcr.io", "pkg-containers.githubusercontent.com", "api.github.com")
"""The names that are taken over."""

HTTPS = 443
"""The port on which they are."""

_LOOPBACK_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_HELPERS = f"{BACKGROUND.name}-helper_"
"""What the names of the threads begin with that help the fake's."""


class TakeoverError(RuntimeError):
    """A takeover cannot begin."""


@cache
def _address(host: str) -> str:  # noqa: ARG001 - it is kept by that
    """The address that stands for a name as long as the process lives, since clients keep what they have looked up.

    It is one on loopback that nobody has: who gets past us finds nothing there.
    """
    number = next(_NUMBERS)
    return f"127.71.{number >> 8}.{number & 0xFF}"


_NUMBERS = itertools.count(1)


class Takeover:
    """A takeover of this process, for as long as the block runs; one at a time.

    Args:
        port: Gives the port on which the fake speaks TLS, on 127.0.0.1; asked when somebody connects.
        authority: The PEM of who has signed the fake's certificate.
        hosts: The names that lead there.

    Attributes:
        strays: What else was wanted: `example.com:443`, in order.
        closed: What of the names was wanted, and is not served: `ghcr.io:80`.

    Raises:
        TakeoverError: Another one is on in this process.
    """

    _active: Takeover | None = None
    _guard = threading.Lock()

    def __init__(self, port: Callable[[], int], authority: bytes, hosts: Sequence[str] = HOSTS) -> None:
        self.strays: list[str] = []
        self.closed: list[str] = []
        self._port = port
        self._addresses = {host: _address(host) for host in hosts}
        self._hosts = {address: host for host, address in self._addresses.items()}
        self._trust = trust_in(authority.decode())
        self._patches = Patches()
        self._peers: weakref.WeakKeyDictionary[socket.socket, Any] = weakref.WeakKeyDictionary()
        self._proxies = Proxies()
        self._is_over = False
        self._own: set[str] = set()
        self._begun: list[str | None] = []
        self._unasked: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    # -- on and off

    def __enter__(self) -> Self:
        with Takeover._guard:
            if Takeover._active is not None:
                raise TakeoverError(
                    "https://ghcr.io is taken over by another test of this process already: tests in threads share one "
                    "network, so run them in processes (pytest -n auto), or give them ghcr.url"
                )
            Takeover._active = self
        self._proxies.leave()
        socket_class = _plain_socket()
        patch = self._patches.set
        patch(socket, "getaddrinfo", self._getaddrinfo)
        patch(socket, "gethostbyname", self._gethostbyname)
        patch(socket, "gethostbyname_ex", lambda name: (name, [], [self._gethostbyname(name)]))
        patch(socket, "gethostbyaddr", self._gethostbyaddr)
        patch(socket, "getnameinfo", self._getnameinfo)
        patch(socket_class, "connect", self._connecting(socket_class.connect))
        patch(socket_class, "connect_ex", self._connecting_ex(socket_class.connect_ex))
        patch(socket_class, "getpeername", self._peer(socket_class.getpeername))
        patch(socket_class, "sendto", self._sending(socket_class.sendto))
        if hasattr(socket_class, "sendmsg"):  # Windows has none
            patch(socket_class, "sendmsg", self._sending_message(socket_class.sendmsg))
        patch(PLAIN, "wrap_socket", self._wrapping(PLAIN.wrap_socket))
        patch(PLAIN, "wrap_bio", self._wrapping_bio(PLAIN.wrap_bio))
        patch(ssl.SSLSocket, "send", self._asking(ssl.SSLSocket.send))
        patch(ssl.SSLSocket, "write", self._asking(ssl.SSLSocket.write))
        patch(ssl.SSLObject, "write", self._asking(ssl.SSLObject.write))
        patch(PLAIN, "set_alpn_protocols", self._trust.noting(PLAIN.set_alpn_protocols))
        patch_libraries(self._patches)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._patches.undo()
        self._proxies.put_back()
        Takeover._active = None

    def residue(self) -> list[str]:
        """What was not put back, in words; empty where all was."""
        return self._patches.left() + self._proxies.left()

    @property
    def silent(self) -> list[str]:
        """The names to which TLS was begun and nothing was said, once for each connection."""
        return [each for each in self._begun if each is not None]

    def hold(self) -> None:
        """Be called when the fixtures of the test begin to end: another plugin may have put things back already."""
        if not self._is_over:
            self._patches.hold()

    def settle(self) -> None:
        """Be called when all fixtures of the test have ended: one of them may have put something of ours back."""
        self._patches.undo()
        self._proxies.settle()

    def listen(self) -> None:
        """Let the fake listen now."""
        self._port()

    @classmethod
    def before_fork(cls) -> None:
        """Let the fake listen before this process is forked: the child has its port then, and none of its threads."""
        if cls._active is not None and not _is_ours():
            cls._active.listen()

    # -- names

    def _getaddrinfo(  # noqa: PLR0917 - the signature of what it stands for
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the same
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        real = self._patches.real(socket, "getaddrinfo")
        if self._lets_pass():
            return real(host, port, family, type, proto, flags)
        name = _name(host)
        if name in self._addresses:
            if family not in {socket.AF_UNSPEC, socket.AF_INET}:
                raise socket.gaierror(socket.EAI_NONAME, f"{name} has IPv4 addresses only here")
            return real(self._addresses[name], port, socket.AF_INET, type, proto, 0)
        if _is_address(name) or name in _LOOPBACK_NAMES:
            return real(host, port, family, type, proto, flags)
        if name == _name(socket.gethostname()):
            found = real(host, port, family, type, proto, flags)
            self._own.update(_name(each[4][0]) for each in found)
            return found
        raise socket.gaierror(socket.EAI_NONAME, self._stray(name, port))

    def _gethostbyname(self, hostname: str) -> str:
        found: list[Any] = self._getaddrinfo(hostname, None, socket.AF_INET, socket.SOCK_STREAM)
        return str(found[0][4][0])

    def _gethostbyaddr(self, address: str) -> Any:
        name = _name(address)
        host = self._hosts.get(name, name)
        if host in self._addresses and not self._lets_pass():
            return (host, [], [self._addresses[host]])
        if self._lets_pass() or self._is_near(name):
            return self._patches.real(socket, "gethostbyaddr")(address)
        raise socket.herror(socket.EAI_NONAME, self._stray(name, None))

    def _getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        name = _name(sockaddr[0])
        numeric = flags & socket.NI_NUMERICHOST
        if name in self._hosts and not numeric and not self._lets_pass():
            return (self._hosts[name], str(sockaddr[1]))
        if self._lets_pass() or numeric or self._is_near(name):
            return self._patches.real(socket, "getnameinfo")(sockaddr, flags)
        raise socket.gaierror(socket.EAI_NONAME, self._stray(name, None))

    def _lets_pass(self) -> bool:
        """Whether this is none of the test's doing: the fake's, or who has kept a function of ours for too long."""
        return self._is_over or _is_ours()

    def _is_near(self, name: str) -> bool:
        """Whether a name or an address is this machine's."""
        own = name in self._own or name == _name(socket.gethostname())
        return own or name in _LOOPBACK_NAMES or _is_loopback(name)

    def _stray(self, host: str, port: object) -> str:
        """Take note of a name that is not let out; what to say of it."""
        what = host if port in {None, 0, ""} else f"{host}:{port}"
        self.strays.append(what)
        mine = ", ".join(self._addresses)
        return f"{what} is not let out: takeover=True leads {mine} to the fake, and every other name nowhere"

    # -- connections

    def _place(self, sock: socket.socket, address: Any) -> Any:
        """Where a connection really goes.

        Raises:
            OSError: Nowhere.
        """
        if (
            sock.family not in {socket.AF_INET, socket.AF_INET6}
            or not isinstance(address, tuple)
            or self._lets_pass()
        ):
            return address
        name = _name(address[0])
        host = self._hosts.get(name, name if name in self._addresses else None)
        if host is not None:
            if address[1] == HTTPS:
                return ("127.0.0.1", self._port())
            what = f"{host}:{address[1]}"
            self.closed.append(what)
            raise OSError(errno.ECONNREFUSED, f"{what} is not served: the fake has {host}:{HTTPS}")
        if self._is_near(name):
            return address
        raise OSError(errno.ENETUNREACH, self._stray(name, address[1]))

    def _connecting(self, real: Any) -> Any:
        def connect(sock: socket.socket, address: Any) -> Any:
            place = self._place(sock, address)
            if place is not address:
                self._peers[sock] = address
            return real(sock, place)

        return connect

    def _connecting_ex(self, real: Any) -> Any:
        def connect_ex(sock: socket.socket, address: Any) -> Any:
            try:
                place = self._place(sock, address)
                if place is not address:
                    self._peers[sock] = address
                return real(sock, place)
            except OSError as error:
                if error.errno in {errno.ENETUNREACH, errno.ECONNREFUSED}:
                    return error.errno
                raise

        return connect_ex

    def _peer(self, real: Any) -> Any:
        """Whom a socket is connected to, as it has wanted it: aiohttp looks whether that is so."""

        def getpeername(sock: socket.socket) -> Any:
            return self._peers.get(sock) or real(sock)

        return getpeername

    def _sending(self, real: Any) -> Any:
        def sendto(sock: socket.socket, data: Any, *rest: Any) -> Any:
            return real(sock, data, *rest[:-1], self._place(sock, rest[-1])) if rest else real(sock, data)

        return sendto

    def _sending_message(self, real: Any) -> Any:
        def sendmsg(sock: socket.socket, buffers: Any, *rest: Any) -> Any:
            if len(rest) > 2 and rest[2] is not None:  # noqa: PLR2004 - the address's place
                rest = (*rest[:2], self._place(sock, rest[2]))
            return real(sock, buffers, *rest)

        return sendmsg

    # -- TLS

    def _wrapping(self, real: Any) -> Any:
        def wrap_socket(context: ssl.SSLContext, sock: socket.socket, *args: Any, **more: Any) -> Any:
            name = more.get("server_hostname") or (args[3] if len(args) > 3 else None)  # noqa: PLR2004 - its place
            if more.get("server_side") or not self._leads_here(name, sock):
                return real(context, sock, *args, **more)
            return self._begin(real, context, sock, *args, name=name, more=more)

        return wrap_socket

    def _wrapping_bio(self, real: Any) -> Any:
        def wrap_bio(context: ssl.SSLContext, *args: Any, **more: Any) -> Any:
            name = more.get("server_hostname") or (args[3] if len(args) > 3 else None)  # noqa: PLR2004 - its place
            if more.get("server_side") or _name(name) not in self._addresses or self._lets_pass():
                return real(context, *args, **more)
            return self._begin(real, context, *args, name=name, more=more)

        return wrap_bio

    def _begin(self, real: Any, context: ssl.SSLContext, *args: Any, name: Any, more: dict[str, Any]) -> Any:
        """Begin TLS with the fake."""
        more.pop("session", None)
        self._begun.append(_name(name))
        begun = len(self._begun) - 1
        made = real(self._trust.context(context), *args, **more)
        self._unasked[made] = begun
        return made

    def _asking(self, real: Any) -> Any:
        """A way to say something inside TLS, which takes note of the first time."""

        def write(made: Any, *args: Any, **more: Any) -> Any:
            begun = self._unasked.pop(made, None)
            if begun is not None:
                self._begun[begun] = None
            return real(made, *args, **more)

        return write

    def _leads_here(self, name: Any, sock: socket.socket) -> bool:
        """Whether TLS is begun with the fake; who checks no name says none."""
        if self._lets_pass():
            return False
        if name:
            return _name(name) in self._addresses
        return sock in self._peers


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(before=Takeover.before_fork)


def _plain_socket() -> Any:
    """The class of all Python sockets, also where another plugin has put one of its own in its place."""
    return next(each for each in socket.socket.__mro__ if each.__module__ == "socket")


def _is_ours() -> bool:
    """Whether this is a thread of the fake: those reach the real world, to record it."""
    name = threading.current_thread().name
    return name == BACKGROUND.name or name.startswith(_HELPERS)


def _name(host: Any) -> str:
    """A host's name as it is compared."""
    if host is None:
        return ""
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    return text.rstrip(".").partition("%")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified
