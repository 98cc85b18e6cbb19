"""From a configuration to a fake that answers: the only place that knows the order of the stages.

parse → faults → limits → guard → origin → dress → journal
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Unpack

from ghcr_sim.auth.accounts import Accounts, Credential
from ghcr_sim.auth.guard import Guard
from ghcr_sim.auth.realm import Realm
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.errors import StoreError
from ghcr_sim.exchange import Body, BodyError, Request, Response
from ghcr_sim.faults import Faults, Rule
from ghcr_sim.journal import Journal, Record
from ghcr_sim.limits import Limiter
from ghcr_sim.oci import Refusal
from ghcr_sim.profiles import Profile, load_profile
from ghcr_sim.profiles.dress import Dresser
from ghcr_sim.registry import Call, Registry
from ghcr_sim.registry.packages import PackagePage, Rights, describe
from ghcr_sim.registry.registry import read_capped
from ghcr_sim.registry.storage import StorageHost
from ghcr_sim.route import Operation, parse
from ghcr_sim.store import Snapshot, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from ghcr_sim.seed import Recipe, Seeded
    from ghcr_sim.store.repository import Role, Visibility

__all__ = ["Simulator"]

_log = logging.getLogger("ghcr_sim")
_FORM = 1 << 16
_SIDES = {
    "token.get": "token",
    "token.post": "token",
    "storage.get": "storage",
    "storage.head": "storage",
    "landing": "landing",
}
"""Operation → who answers it, where that is not the registry, and no guard stands before it."""

_LANDING = b"<!DOCTYPE html><title>GitHub Packages</title><h1>GitHub Packages</h1><p>This is a fake of ghcr.io.</p>\n"


class _Counted:
    """A body that counts what was read of it."""

    __slots__ = ("_body", "read")

    def __init__(self, body: Body) -> None:
        self._body = body
        self.read = 0

    @property
    def length(self) -> int | None:
        return self._body.length

    async def pieces(self) -> AsyncIterator[bytes]:
        async for piece in self._body.pieces():
            self.read += len(piece)
            yield piece


class Simulator:
    """A fake ghcr.io that is not on any port yet: `Server` and `ThreadServer` put it on one.

    Args:
        profile: `ghcr`, `oci`, a path, or a `Profile`.
        store: Where content lives; memory if None.
        accounts: Who exists; if None, one account `octocat` whose token is `token`, and no other.
        clock: The time; the system's if None.
        ids: Upload ids, request ids, secrets; drawn by chance if None.
        visibility: Who may read a package that somebody pushes: GHCR makes it private.
        listener: Called with each record of the journal.

    Attributes:
        token: A classic token with all scopes, valid for every owner; the empty string where `accounts` was given.
    """

    def __init__(
        self,
        profile: str | Path | Profile = "ghcr",
        *,
        store: Store | None = None,
        accounts: Accounts | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        visibility: Visibility = "private",
        listener: Callable[[Record], None] | None = None,
    ) -> None:
        self.profile = load_profile(profile)
        self.clock = clock or Clock()
        self.store = Store() if store is None else store
        self.faults = Faults()
        self.journal = Journal(listener=listener)
        self._ids = ids or Ids()
        self.token = ""
        if accounts is None:
            self.token = self._ids.token("ghp_")
            accounts = Accounts((Credential(login="octocat", token=self.token, owners=frozenset({"*"})),))
        self.accounts = accounts
        key = self._ids.key()
        self.storage = StorageHost(self.profile, self.store, self.clock, key)
        self.rights = Rights(self.store, accounts, visibility)
        self._realm = Realm(self.profile, accounts, self.store, self.clock, key)
        self._guard = Guard(self.profile, accounts, self.store, self.clock, key)
        self._limiter = Limiter(self.profile, self.clock)
        self._dresser = Dresser(self.profile, self.clock, self._ids)
        self.registry = Registry(
            self.profile, self.store, self.storage, self.rights, clock=self.clock, ids=self._ids
        )

    # -- the way of a request

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request. Nothing that a client sends makes this raise, but the end of its connection."""
        start = self.journal.now()
        counted = _Counted(body)
        operation: Operation | None = None
        answer: Response | None = None
        by = "registry"
        try:
            operation = parse(request.method, request.target)
            by = _SIDES.get(operation.name, by)
            answer = self.faults.before(operation)
            if answer is None:
                self._limiter.check(operation)
                if by == "registry":
                    admitted, caller, state = self._guard.admit(operation, request)
                    answer = await self.registry(Call(admitted, request, counted, caller, state))
                else:
                    answer = await self._aside(operation, request, counted)
        except Refusal as refusal:
            answer = self._dresser.refusal(refusal)
        except StoreError:
            _log.exception("the store failed on %s %s", request.method, request.target.partition("?")[0])
            answer = self._dresser.refusal(Refusal("UNKNOWN", "the store failed; the log says why"))
        except BodyError as error:
            answer = self._dresser.refusal(Refusal("SIZE_INVALID", f"the body broke off: {error}"))
        finally:
            if answer is not None:
                answer = self._dresser.dress(answer, by=by)
                if request.method == "HEAD" and answer.body:
                    answer = Response(answer.status, answer.headers, b"", answer.wire, answer.by)
            self.journal.write(start, request, operation, answer, counted.read)
        return answer

    async def _aside(self, operation: Operation, request: Request, body: Body) -> Response:
        """What the realm, the storage host or the landing page says."""
        match operation.name:
            case "storage.get" | "storage.head":
                return self.storage.answer(operation, request)
            case "token.get":
                return self._realm.answer(operation, request)
            case "token.post" if self.profile.token.post:
                return self._realm.answer(operation, request, await read_capped(body, _FORM, "a form"))
            case "token.post":
                raise Refusal("UNSUPPORTED")
            case "landing" if self.profile.ping.landing:
                length = ("content-length", str(len(_LANDING)))
                return Response(200, (length, ("content-type", "text/html; charset=utf-8")), _LANDING)
        raise Refusal("NAME_UNKNOWN", "no such path: '/'")

    # -- what tests and commands do with it

    def seed(
        self,
        reference: str,
        *,
        platforms: Sequence[str] | None = None,
        visibility: Visibility | None = None,
        **recipe: Unpack[Recipe],
    ) -> Seeded:
        """Make a real, valid, reproducible image and put it into the store; see `ghcr_sim.seed.seed`.

        Args:
            reference: `acme/app:v1`.
            platforms: `["linux/amd64", "linux/arm64"]`; several give an index. None is one, `linux/amd64`.
            visibility: Who may read the package; None: as a push would make it.
            recipe: `layers`, `annotations`, `labels`, `config` and the rest of `ghcr_sim.seed.seed`.

        Raises:
            SeedError: The content cannot be seeded.
        """
        from ghcr_sim.seed import seed  # noqa: PLC0415 - a test that seeds nothing pays nothing

        seeded = seed(self.store, reference, platforms=platforms, visibility=visibility, **recipe)
        self._settle(seeded)
        return seeded

    def seed_path(self, path: Path, repository: str | None = None) -> list[Seeded]:
        """Seed from an OCI layout (directory or tar) or from `docker save` output.

        Args:
            path: The directory or file.
            repository: `owner/name`, for content that does not name one.

        Raises:
            SeedError: It is damaged, incomplete or not safe to unpack. Nothing of it was seeded.
        """
        from ghcr_sim.seed import seed_path  # noqa: PLC0415 - the same

        found = seed_path(self.store, path, repository)
        for seeded in found:
            self._settle(seeded)
        return found

    def _settle(self, seeded: Seeded) -> None:
        """Make a package of what was seeded, and its referrers findable."""
        self.rights.settle(seeded.repository)
        manifest = self.store.manifest(seeded.repository, seeded.digest)
        if manifest is not None and manifest.subject and self.profile.referrers.answer != "api":
            from ghcr_sim.seed.fallback import put_fallback  # noqa: PLC0415 - few tests seed referrers

            put_fallback(self.store, seeded.repository, manifest.subject)

    def fail(
        self,
        operation: str,
        recorded: str | None = None,
        *,
        status: int | None = None,
        times: int | None = 1,
        repository: str | None = None,
    ) -> Rule:
        """Plan a failure.

        Args:
            operation: One of `ghcr_sim.route.OPERATIONS`, such as `blob.get`.
            recorded: The name of a failure that GHCR was seen to have, such as `secondary-rate-limit`.
            status: Or just a status, 400 to 599.
            times: How often; None is always.
            repository: Only there.

        Raises:
            FaultError: It could never happen.
        """
        return self.faults.plan(operation, recorded, status=status, times=times, repository=repository)

    def requests(self, operation: str | None = None) -> list[Record]:
        """What has happened, oldest first, or what has happened of one operation.

        Raises:
            ValueError: There is no such operation.
        """
        return self.journal.records(operation)

    @property
    def leaks(self) -> list[Record]:
        """Requests that brought a credential to the storage host."""
        return [record for record in self.journal.records() if record.leak]

    def package(self, repository: str) -> PackagePage | None:
        """What GitHub would show of a package; None where there is none."""
        return describe(self.store, repository)

    def set_visibility(self, repository: str, visibility: Visibility) -> None:
        """Make a package public, private or internal."""
        self.store.set_visibility(repository, visibility)

    def grant(self, repository: str, who: str, role: Role) -> None:
        """Give a login, or `repo:owner/name` for its workflows, a role on a package."""
        self.store.set_role(repository, who, role)

    def add_credential(self, credential: Credential) -> None:
        """Let one more credential exist, or replace the one with the same secret."""
        self.accounts.add(credential)
        self._guard.forget()

    # -- whole states

    def snapshot(self) -> Snapshot:
        """The content now. Costs O(repositories)."""
        return self.store.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot. Uploads that are under way are forgotten."""
        self.registry.uploads.close()
        self.store.restore(snapshot)

    def fork(
        self, *, profile: str | Path | Profile | None = None, accounts: Accounts | None = None
    ) -> Simulator:
        """A fake with the same content and accounts, independent from now on. Costs O(repositories).

        Args:
            profile: Another profile than this one's.
            accounts: Others than those that exist here.
        """
        twin = Simulator(
            self.profile if profile is None else profile,
            store=self.store.fork(),
            accounts=self.accounts.copy() if accounts is None else accounts,
            clock=copy.copy(self.clock),
            visibility=self.rights.visibility,
        )
        twin.token = self.token if accounts is None else ""
        return twin

    def close(self) -> None:
        """Let go of uploads and of the store."""
        self.registry.uploads.close()
        self.store.close()
