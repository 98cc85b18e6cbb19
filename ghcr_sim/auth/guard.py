"""The guard at the door: who may do which operation on which package (ghcr-wire sections 1, 3.9, 7b)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ghcr_sim.auth.callers import Caller, Callers, refuse
from ghcr_sim.auth.realm import challenge
from ghcr_sim.oci.names import is_repository
from ghcr_sim.route import READS, WRITES, Operation

if TYPE_CHECKING:
    from ghcr_sim.auth.accounts import Accounts, Credential
    from ghcr_sim.clock import Clock
    from ghcr_sim.exchange import Request
    from ghcr_sim.profiles.model import Answer, Profile
    from ghcr_sim.store import Repository, Store

__all__ = ["Guard"]

_RANK = {"read": 1, "write": 2, "admin": 3}


class Guard:
    """Admits operations. What it needs to know of a package it asks the store."""

    def __init__(self, profile: Profile, accounts: Accounts, store: Store, clock: Clock, key: bytes) -> None:
        self._profile = profile
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._callers = Callers(profile, accounts, clock, key)

    def forget(self) -> None:
        """Forget what bearers meant: the accounts have changed."""
        self._callers.forget()

    def admit(self, operation: Operation, request: Request) -> tuple[Operation, Caller, Repository | None]:
        """Let an operation pass.

        Returns:
            The operation, which loses its `mount` where the caller may not read the source; who asks; and, for a
            read, the repository as it is now, so that what is admitted and what is answered are of one moment.

        Raises:
            Refusal: The caller is nobody, or may not.
        """
        name = operation.name
        caller = self._callers.identify(
            request.headers.get("authorization"),
            lambda: challenge(self._profile, request, self._scope(operation)),
        )
        self._check_alive(caller, operation, request)
        state = None
        if name in READS:
            state = self._store.repository(operation.repository)
            self._check(self._why_not_read(caller, operation.repository, state))
        elif name in WRITES:
            self._check(self._why_not_write(caller, operation.repository))
            if name == "upload.post" and operation.query:
                operation = self._check_mount(operation, caller)
        elif name == "catalog.list" and caller.credential is None:
            raise refuse(self._profile.refusals.token_catalog)
        return operation, caller, state

    def _scope(self, operation: Operation) -> str:
        if not operation.repository:
            return self._profile.ping.placeholder_scope
        actions = self._profile.auth.challenge_push_scope if operation.name in WRITES else "pull"
        return f"repository:{operation.repository}:{actions}"

    def _check_alive(self, caller: Caller, operation: Operation, request: Request) -> None:
        """A dead secret is nobody: 401, or, where the profile says so, good enough for what is public."""
        if caller.credential is None or caller.credential.live(self._clock.now()):
            return
        if (
            self._profile.auth.dead_bearer_reads
            and operation.name in READS
            and self._is_public(operation.repository)
        ):
            return
        raise refuse(
            self._profile.refusals.dead_secret,
            headers=(challenge(self._profile, request, self._scope(operation)),),
        )

    @staticmethod
    def _check(why: Answer | None) -> None:
        if why is not None:
            raise refuse(why)

    def _is_public(self, repository: str) -> bool:
        state = self._store.repository(repository)
        return state is not None and state.visibility == "public"

    def may_read(self, caller: Caller, repository: str) -> bool:
        """Whether a caller may pull from a repository."""
        return self._why_not_read(caller, repository, self._store.repository(repository)) is None

    def _why_not_read(self, caller: Caller, repository: str, state: Repository | None) -> Answer | None:
        if state is not None and state.visibility == "public":
            return None
        credential = caller.credential
        refusals = self._profile.refusals
        if credential is None:
            return refusals.no_read
        if not credential.has("read:packages"):
            return refusals.no_scope
        owner = repository.partition("/")[0]
        if credential.belongs_to(owner) and self._owner_reads(credential, state):
            return None
        return None if _rank(credential, state) >= _RANK["read"] else refusals.no_read

    @staticmethod
    def _owner_reads(credential: Credential, state: Repository | None) -> bool:
        """The owner reads everything; a workflow what is not private, or what does not exist yet."""
        if credential.kind != "github_token":
            return True
        return state is None or state.visibility in {None, "internal"}

    def _why_not_write(self, caller: Caller, repository: str) -> Answer | None:
        """The refusals on push, in the order in which the reports show them (ghcr-wire section 7b)."""
        credential = caller.credential
        refusals = self._profile.refusals
        if credential is None:
            return refusals.not_owner
        if not credential.has("write:packages"):
            return refusals.no_scope
        state = self._store.repository(repository)
        owner = repository.partition("/")[0]
        exists = state is not None and state.visibility is not None
        if credential.kind == "github_token":
            return self._why_not_workflow(credential, owner, state if exists else None)
        if credential.belongs_to(owner) or _rank(credential, state) >= _RANK["write"]:
            return None
        return refusals.not_owner

    def _why_not_workflow(
        self, credential: Credential, owner: str, state: Repository | None
    ) -> Answer | None:
        """A workflow's token writes what its repository was granted, and creates where the owner lets it."""
        refusals = self._profile.refusals
        settings = self._accounts.owner(owner)
        if state is None:
            if not credential.belongs_to(owner):
                return refusals.not_owner
            return None if settings.actions_may_create else refusals.no_create
        if not settings.actions_may_write:
            return refusals.no_workflow_write
        return None if _rank(credential, state) >= _RANK["write"] else refusals.no_write

    def _check_mount(self, operation: Operation, caller: Caller) -> Operation:
        """Drop a mount from where the caller may not read; name the source of an anonymous one."""
        digest, source = operation.one("mount"), operation.one("from")
        if digest is None:
            return operation
        if source is None and self._profile.uploads.anonymous_mount:
            source = next(
                (
                    name
                    for name in self._store.names()
                    if self._store.blob(name, digest) and self.may_read(caller, name)
                ),
                None,
            )
        if source is not None and is_repository(source) and self.may_read(caller, source):
            return replace(operation, query=(("mount", digest), ("from", source)))
        return replace(
            operation, query=tuple(pair for pair in operation.query if pair[0] not in {"mount", "from"})
        )


def _rank(credential: Credential, state: Repository | None) -> int:
    """The rank of the credential's role on a package."""
    if state is None:
        return 0
    who = f"repo:{credential.repository}" if credential.kind == "github_token" else credential.login
    return _RANK.get(state.roles.get(who, ""), 0)
