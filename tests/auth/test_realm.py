"""The realm of the strict profile, and what bearers mean as accounts change. GHCR's own realm: `tests/wire`."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Credential
from ghcr_sim.auth.tokens import (
    secret_token,
)
from ghcr_sim.clock import Clock
from ghcr_sim.exchange import BytesBody, Request
from ghcr_sim.profiles import load_profile

if TYPE_CHECKING:
    from ghcr_sim.exchange import Response


NOW = 1_700_000_000.0
SECRET = "ghp_do_not_show_me"


def basic(login: str, secret: str) -> str:
    """The header of a login."""
    return "Basic " + base64.b64encode(f"{login}:{secret}".encode()).decode()


def ask(simulator: Simulator, request: Request, body: bytes = b"") -> Response:
    """One exchange, without a socket."""
    return asyncio.run(simulator(request, BytesBody(body)))


@pytest.fixture
def strict() -> Simulator:
    """A fake of the strict profile with a private package."""
    simulator = Simulator("oci", clock=Clock(NOW))
    simulator.seed("acme/app:v1")
    return simulator


def tags(simulator: Simulator, authorization: str, repository: str = "acme/app") -> int:
    """The status of a read."""
    request = Request("GET", f"/v2/{repository}/tags/list", {"authorization": authorization})
    return ask(simulator, request).status


def token_of(answer: Response) -> str:
    """The token in a realm's answer."""
    assert isinstance(answer.body, bytes)
    return str(json.loads(answer.body)["token"])


def test_an_opaque_token_stands_for_its_login(strict: Simulator) -> None:
    """It says nothing of the secret, has an end, and dies with it."""
    request = Request("GET", "/token", {"authorization": basic("octocat", strict.token)})
    answer = ask(strict, request)
    token = token_of(answer)

    assert isinstance(answer.body, bytes)
    fields = json.loads(answer.body)
    assert fields == {
        "token": token,
        "access_token": token,
        "issued_at": "2023-11-14T22:13:20Z",
        "expires_in": 300,
    }
    assert strict.token not in token
    assert tags(strict, f"Bearer {token}") == 200
    strict.clock.advance(300)
    assert tags(strict, f"Bearer {token}") == 401


def test_a_token_of_another_fake_is_worth_nothing(strict: Simulator) -> None:
    """Each fake signs with a key of its own."""
    other = Simulator("oci", accounts=strict.accounts, clock=Clock(NOW))
    login = Request("GET", "/token", {"authorization": basic("octocat", strict.token)})

    assert tags(strict, f"Bearer {token_of(ask(other, login))}") == 401


def test_a_token_dies_with_its_credential(strict: Simulator) -> None:
    """Whoever is revoked is refused at once, token or not."""
    login = Request("GET", "/token", {"authorization": basic("octocat", strict.token)})
    token = token_of(ask(strict, login))

    strict.add_credential(Credential("octocat", strict.token, revoked=True))

    assert tags(strict, f"Bearer {token}") == 401
    assert ask(strict, login).status == 401


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("grant_type=password&username=octocat&password={token}", 200),
        ("grant_type=password&username=octocat&password=wrong", 401),
        ("grant_type=refresh_token&refresh_token=x", 400),
        ("", 400),
    ],
    ids=["password", "wrong", "other grant", "empty"],
)
def test_the_oauth2_form_is_served(strict: Simulator, form: str, status: int) -> None:
    """A password is a login; other grants are refused."""
    answer = ask(strict, Request("POST", "/token", {}), form.format(token=strict.token).encode())

    assert answer.status == status
    if status == 200:
        assert tags(strict, f"Bearer {token_of(answer)}") == 200


def test_basic_and_guests_in_the_strict_profile(strict: Simulator) -> None:
    """Basic is taken on a repository's path, and a bearer that nobody made is not."""
    assert tags(strict, basic("octocat", strict.token)) == 200
    assert tags(strict, basic("octocat", "wrong")) == 401
    assert tags(strict, "Basic !") == 401
    assert tags(strict, "Bearer QQ==") == 401
    assert tags(strict, "Digest x") == 401
    strict.set_visibility("acme/app", "public")
    anonymous = token_of(ask(strict, Request("GET", "/token?scope=repository:acme/app:pull", {})))
    assert tags(strict, f"Bearer {anonymous}") == 200


def test_a_changed_credential_is_known_at_once() -> None:
    """What a bearer meant is remembered, and forgotten when the accounts change."""
    simulator = Simulator()
    simulator.seed("acme/app:v1")
    who = f"Bearer {secret_token(simulator.token)}"

    assert tags(simulator, who) == 200
    simulator.add_credential(Credential("octocat", simulator.token, revoked=True))
    assert tags(simulator, who) == 401


def test_many_bearers_are_not_remembered_for_ever() -> None:
    """The memory for bearers is bounded."""
    simulator = Simulator()
    simulator.seed("acme/app:v1", visibility="public")

    for number in range(1100):
        assert tags(simulator, f"Bearer {secret_token(str(number))}") == 200
    assert len(simulator._guard._callers._known) <= 1024


@pytest.mark.parametrize(("reads", "status"), [(True, 200), (False, 401)], ids=["switched on", "by default"])
def test_a_dead_bearer_may_read_what_is_public(*, reads: bool, status: int) -> None:
    """Nobody knows what GHCR does: a switch says, and it opens nothing else."""
    simulator = Simulator(load_profile("ghcr", auth__dead_bearer_reads=reads))
    simulator.seed("acme/app:v1", visibility="public")
    simulator.seed("acme/secret:v1")
    simulator.add_credential(Credential("acme", SECRET, revoked=True))
    who = f"Bearer {secret_token(SECRET)}"

    assert tags(simulator, who) == status
    assert tags(simulator, who, "acme/secret") == 401
