"""Who is asking, read from the `Authorization` header (ghcr-wire section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_sim.auth.tokens import decode_base64, read_anonymous, read_opaque
from ghcr_sim.oci import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_sim.auth.accounts import Accounts, Credential
    from ghcr_sim.clock import Clock
    from ghcr_sim.profiles.model import Answer, Profile

__all__ = ["ANONYMOUS", "Caller", "Callers", "refuse"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking.

    Attributes:
        credential: The credential behind the request, or None for an anonymous one.
        issued: When its token was made (seconds since 1970), or None where the token does not say.
    """

    credential: Credential | None = None
    issued: float | None = None


ANONYMOUS = Caller()


def refuse(answer: Answer, *, headers: tuple[tuple[str, str], ...] = ()) -> Refusal:
    """The refusal that a profile's answer describes."""
    return Refusal(answer.code, answer.message, status=answer.status, headers=headers, by="auth")


class Callers:
    """Reads the header. Who has a credential is remembered: each request brings it.

    Nobody is not: a bearer that is nobody's today is somebody's after a login with the same secret.
    """

    _MOST = 1024

    def __init__(self, profile: Profile, accounts: Accounts, clock: Clock, key: bytes) -> None:
        self._profile = profile
        self._accounts = accounts
        self._clock = clock
        self._key = key
        self._life = profile.token.lifetime
        self._known: dict[str, Caller] = {}

    def forget(self) -> None:
        """Forget what bearers meant: the accounts have changed."""
        self._known.clear()

    def identify(self, authorization: str | None, challenge: Callable[[], tuple[str, str]]) -> Caller:
        """Who sent this header.

        Args:
            authorization: The header's value, or None.
            challenge: Makes the `www-authenticate` field for a 401.

        Raises:
            Refusal: Nobody that the registry listens to.
        """
        if not authorization:
            raise refuse(self._profile.refusals.no_token, headers=(challenge(),))
        caller = self._known.get(authorization)
        if caller is None:
            caller = self._read(authorization, challenge())
            if caller.credential is not None:
                self._remember(authorization, caller)
        if caller.issued is not None and self._life and self._clock.now() >= caller.issued + self._life:
            raise refuse(self._profile.refusals.no_token, headers=(challenge(),))
        return caller

    def _remember(self, authorization: str, caller: Caller) -> None:
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[authorization] = caller

    def _read(self, authorization: str, challenge: tuple[str, str]) -> Caller:
        scheme, _, value = authorization.partition(" ")
        value = value.strip()
        match scheme.lower():
            case "basic":
                return self._basic(value, challenge)
            case "bearer" if not value:
                raise refuse(self._profile.refusals.empty_token, headers=(challenge,))
            case "bearer" if self._profile.token.form == "opaque":
                return self._opaque(value, challenge)
            case "bearer":
                return self._base64(value, challenge)
        raise refuse(self._profile.refusals.no_token, headers=(challenge,))

    def _basic(self, value: str, challenge: tuple[str, str]) -> Caller:
        if self._profile.auth.basic == "denied":
            raise refuse(self._profile.refusals.basic)
        login, _, secret = (decode_base64(value) or "").partition(":")
        credential = self._accounts.find(secret, login=login)
        if credential is None:
            raise refuse(self._profile.refusals.basic, headers=(challenge,))
        return Caller(credential)

    def _opaque(self, value: str, challenge: tuple[str, str]) -> Caller:
        claim = read_opaque(self._key, value)
        if claim is None:
            raise refuse(self._profile.refusals.undecodable, headers=(challenge,))
        credential = self._accounts.by_fingerprint(claim.secret) if claim.secret else None
        if claim.secret and credential is None:
            raise refuse(self._profile.refusals.dead_secret, headers=(challenge,))
        return Caller(credential, claim.issued)

    def _base64(self, value: str, challenge: tuple[str, str]) -> Caller:
        text = decode_base64(value)
        if text is None:
            headers = (challenge,) if self._profile.auth.undecodable_bearer == "challenge" else ()
            raise refuse(self._profile.refusals.undecodable, headers=headers)
        credential = self._accounts.find(text)
        if credential is None and ":" in text:
            credential = self._accounts.find(text.partition(":")[2])
        if credential is not None and self._profile.auth.secret_bearer:
            return Caller(credential)
        issued = read_anonymous(text)
        if issued is None and not self._profile.auth.guests:
            raise refuse(self._profile.refusals.undecodable, headers=(challenge,))
        return Caller(None, issued)
