"""The token realm: `GET /token` (ghcr-wire section 2). It gives out tokens, and proves no right."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ghcr_sim.auth.accounts import Accounts, Credential, fingerprint
from ghcr_sim.auth.callers import refuse
from ghcr_sim.auth.tokens import Claim, anonymous_token, decode_base64, secret_token, sign_opaque
from ghcr_sim.exchange import Request, Response
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.names import is_repository

if TYPE_CHECKING:
    from ghcr_sim.clock import Clock
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Store

__all__ = ["Realm", "challenge"]

_SCOPE = re.compile(r"(?P<type>[a-z]+)(?:\([a-z0-9]+\))?:(?P<name>[^ ]+):(?P<actions>[a-z*,]*)\Z")


def challenge(profile: Profile, request: Request, scope: str) -> tuple[str, str]:
    """The `www-authenticate` field that sends a client to this realm, under the name that it dialled."""
    service = profile.token.service or request.authority
    parts = f'Bearer realm="{request.scheme}://{request.authority}/token",service="{service}"'
    return ("www-authenticate", f'{parts},scope="{scope}"' if scope else parts)


class Realm:
    """Answers `GET /token`."""

    def __init__(self, profile: Profile, accounts: Accounts, store: Store, clock: Clock, key: bytes) -> None:
        self._profile = profile
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._key = key

    def answer(self, operation: Operation, request: Request, form: bytes | None = None) -> Response:
        """Give a token, or say why not.

        Args:
            operation: `token.get`, or `token.post` where the profile serves it.
            request: The head.
            form: The body of the OAuth2 form.

        Raises:
            Refusal: As the profile's refusals say.
        """
        if form is not None:
            return self._oauth(form)
        authorization = request.headers.get("authorization")
        if authorization is None:
            return self._anonymous(operation, request)
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "basic":
            where = challenge(self._profile, request, self._profile.ping.placeholder_scope)
            raise refuse(self._profile.refusals.token_bearer, headers=(where,))
        login, _, secret = (decode_base64(value.strip()) or "").partition(":")
        return self._authenticated(login, secret)

    def _authenticated(self, login: str, secret: str) -> Response:
        """A token for a live credential. The user's name is not looked at, and neither is the scope."""
        credential = self._accounts.find(secret, login=login)
        if credential is None or not credential.live(self._clock.now()):
            raise refuse(self._profile.refusals.token_dead)
        return self._token(secret, credential)

    def _token(self, secret: str, credential: Credential) -> Response:
        if self._profile.token.form == "ghcr":
            return self._reply(secret_token(secret), credential.login)
        return self._reply(
            sign_opaque(self._key, Claim(fingerprint(secret).hex(), self._clock.now())), credential.login
        )

    def _anonymous(self, operation: Operation, request: Request) -> Response:
        """A token for nobody: only to read what is public (rows 2.1, 2.8, 2.9, 2.11, 2.12)."""
        refusals = self._profile.refusals
        where = challenge(self._profile, request, self._profile.ping.placeholder_scope)
        names = []
        for scope in " ".join(operation.every("scope")).split():
            match = _SCOPE.match(scope)
            if match is None or match["type"] != "repository":
                raise refuse(refusals.token_catalog, headers=_with_401(refusals.token_catalog.status, where))
            names.append((match["name"], set(match["actions"].split(",")) - {""}))
        for name, actions in names:
            state = self._store.repository(name) if is_repository(name) else None
            visibility = state.visibility if state else None
            if visibility is None:
                raise refuse(refusals.token_absent, headers=_with_401(refusals.token_absent.status, where))
            if visibility != "public":
                raise refuse(refusals.token_private, headers=_with_401(refusals.token_private.status, where))
            if actions - {"pull"}:
                raise refuse(refusals.token_push, headers=_with_401(refusals.token_push.status, where))
        now = self._clock.now()
        if self._profile.token.form == "ghcr":
            return self._reply(anonymous_token(names[0][0] if names else "user/image", now), "")
        return self._reply(sign_opaque(self._key, Claim(None, now)), "")

    def _oauth(self, form: bytes) -> Response:
        """The OAuth2 form of the specification's token exchange, with a password."""
        from urllib.parse import parse_qs  # noqa: PLC0415 - only the strict profile serves it

        fields = parse_qs(form.decode("utf-8", "replace"))
        if fields.get("grant_type") != ["password"]:
            raise Refusal("UNSUPPORTED", "grant_type must be password", status=400, by="auth")
        return self._authenticated(fields.get("username", [""])[0], fields.get("password", [""])[0])

    def _reply(self, token: str, login: str) -> Response:
        fields: dict[str, object] = {"token": token}
        if self._profile.token.extra_fields:
            issued = datetime.fromtimestamp(int(self._clock.now()), UTC)
            fields |= {"access_token": token, "issued_at": issued.strftime("%Y-%m-%dT%H:%M:%SZ")}
            if self._profile.token.lifetime:
                fields["expires_in"] = self._profile.token.lifetime
        body = json.dumps(fields, separators=(",", ":")).encode()
        headers = (("content-type", "application/json"), ("content-length", str(len(body))))
        return Response(200, headers, body, by=f"token for {login}" if login else "token for nobody")


def _with_401(status: int, where: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """The challenge belongs to a 401 only."""
    return (where,) if status == 401 else ()  # noqa: PLR2004
