"""Credentials and the files that they come from. No text ever shows a secret."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Accounts, Credential, load_accounts
from ghcr_sim.auth.accounts import ALL_SCOPES
from ghcr_sim.auth.tokens import secret_token
from ghcr_sim.errors import CredentialsError
from ghcr_sim.exchange import BytesBody, Request

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


def credentials_file(tmp_path: Path, text: str | bytes) -> Path:
    """A file with some content."""
    path = tmp_path / "credentials.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_says_exactly_who_exists(tmp_path: Path) -> None:
    """Each key arrives; what is left out is GitHub's default."""
    path = credentials_file(
        tmp_path,
        f"""
        [[credential]]
        login = "Octocat"
        token = "{SECRET}"

        [[credential]]
        login = "acme"
        token = "ghs_workflow"
        kind = "github_token"
        scopes = ["read:packages"]
        owners = ["acme", "other"]
        repository = "acme/app"
        expires = 2030-01-01T00:00:00Z
        revoked = true

        [owner.acme]
        actions_may_create = false

        [package."acme/app"]
        visibility = "internal"
        roles = {{ "repo:acme/app" = "write" }}
        """,
    )

    accounts = load_accounts(path)

    assert accounts.find(SECRET) == Credential("Octocat", SECRET, "classic", ALL_SCOPES)
    assert accounts.find("ghs_workflow") == Credential(
        "acme",
        "ghs_workflow",
        "github_token",
        frozenset({"read:packages"}),
        frozenset({"acme", "other"}),
        "acme/app",
        datetime(2030, 1, 1, tzinfo=UTC),
        revoked=True,
    )
    assert accounts.find("ghp_anything_else") is None
    assert (accounts.owner("acme").actions_may_create, accounts.owner("acme").actions_may_write) == (
        False,
        True,
    )
    assert accounts.owner("other").actions_may_create
    assert accounts.packages["acme/app"].visibility == "internal"
    assert accounts.packages["acme/app"].roles == {"repo:acme/app": "write"}


def test_the_documented_file_works(tmp_path: Path) -> None:
    """What docs/credentials.md shows can be copied."""
    page = Path(__file__).parents[2] / "docs/credentials.md"
    if not page.exists():
        pytest.skip("docs/ is not here: this is not a source tree")
    (block,) = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)

    accounts = load_accounts(credentials_file(tmp_path, block))

    late = accounts.find("ghp_too_old")
    assert late is not None
    assert not late.live(NOW + 10 * 365 * 86_400)


ONE = f'[[credential]]\nlogin = "octocat"\ntoken = "{SECRET}"\n'
BAD_FILES = {
    "no TOML": (f'{ONE}token = "again', "is not TOML"),
    "not UTF-8": (ONE.encode() + b"\xff", "is not TOML"),
    "no credential": ("", "credential: "),
    "no list": (f'[credential]\ntoken = "{SECRET}"', "credential: "),
    "no login": (f'[[credential]]\ntoken = "{SECRET}"', "credential.0.login: "),
    "no token": ('[[credential]]\nlogin = "octocat"', "credential.0.token: "),
    "unknown key": (f'{ONE}scope = "{SECRET}"', "credential.0.scope: "),
    "unknown scope": (f'{ONE}scopes = ["{SECRET}"]', "credential.0.scopes"),
    "unknown kind": (f'{ONE}kind = "{SECRET}"', "credential.0.kind: "),
    "bad date": (f'{ONE}expires = "{SECRET}"', "credential.0.expires: "),
    "token of another type": (f'[[credential]]\nlogin = "{SECRET}"\ntoken = 5', "credential.0.token: "),
    "the second": (f"{ONE}[[credential]]\nlogin = 5\ntoken = '{SECRET}'", "credential.1.login: "),
    "unknown role": (f'{ONE}[package."a/b"]\nroles = {{ x = "{SECRET}" }}', "package.a/b.roles.x: "),
    "unknown visibility": (f'{ONE}[package."a/b"]\nvisibility = "{SECRET}"', "package.a/b.visibility: "),
    "unknown table": (f"{ONE}[owners.acme]\nx = 1", "owners: "),
    "workflow without a repository": (f'{ONE}kind = "github_token"', "add its repository"),
    "one token twice": (ONE + ONE, "octocat and octocat have the same token"),
    "unknown setting": (f"{ONE}[owner.acme]\nmay_create = 1", "owner.acme.may_create: "),
}


@pytest.mark.parametrize(("text", "where"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_mistake_in_a_file_is_named_and_no_secret_is_shown(
    tmp_path: Path, text: str | bytes, where: str
) -> None:
    """One line names the file and the key; neither it nor a traceback shows what stands there."""
    path = credentials_file(tmp_path, text)

    with pytest.raises(CredentialsError) as caught:
        load_accounts(path)

    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    assert where in line
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    path = tmp_path / "none.toml"

    with pytest.raises(
        CredentialsError, match=r"cannot read the credentials file .*none\.toml: No such file"
    ):
        load_accounts(path)


def test_no_secret_is_in_any_text() -> None:
    """Neither `repr` nor `str` of anything that holds a secret shows it, and a journal's line does not."""
    credential = Credential("octocat", SECRET)
    accounts = Accounts((credential,))
    simulator = Simulator(accounts=accounts)
    encoded = base64.b64encode(SECRET.encode()).decode()
    request = Request("GET", "/v2/", {"authorization": f"Bearer {encoded}"})
    login = Request("GET", f"/token?account={SECRET}", {"authorization": basic("octocat", SECRET)})
    answers = [ask(simulator, request), ask(simulator, login)]
    lines = [record.line() + repr(record) for record in simulator.requests()]

    assert [answer.status for answer in answers] == [200, 200]
    for text in (credential, accounts, request, login, *lines):
        for shown in (repr(text), str(text)):
            assert SECRET not in shown
            assert encoded not in shown


@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "deletes"),
    [
        (set(), False, False, False),
        ({"read:packages"}, True, False, False),
        ({"write:packages"}, True, True, False),
        ({"delete:packages"}, False, False, True),
        (ALL_SCOPES, True, True, True),
    ],
)
def test_writing_includes_reading_and_deleting_is_apart(
    scopes: set, *, reads: bool, writes: bool, deletes: bool
) -> None:
    """As GitHub's scopes are."""
    credential = Credential("octocat", SECRET, scopes=frozenset(scopes))

    wanted = ("read:packages", "write:packages", "delete:packages")
    assert tuple(map(credential.has, wanted)) == (reads, writes, deletes)


@pytest.mark.parametrize(
    ("credential", "owners"),
    [
        (Credential("Octocat", SECRET), {"octocat"}),
        (Credential("octocat", SECRET, owners=frozenset({"acme"})), {"acme"}),
        (Credential("octocat", SECRET, owners=frozenset({"*"})), {"octocat", "acme", "other"}),
    ],
    ids=["its own", "named", "every one"],
)
def test_a_credential_belongs_to_its_owners(credential: Credential, owners: set[str]) -> None:
    """By default to its login's own namespace, which is in lower case; else to those that are named."""
    assert {name for name in ("octocat", "acme", "other") if credential.belongs_to(name)} == owners


def test_a_credential_lives_until_it_expires() -> None:
    """It is dead in the very second, and a revoked one always."""
    end = datetime.fromtimestamp(NOW, UTC)

    assert Credential("octocat", SECRET, expires=end).live(NOW - 1)
    assert not Credential("octocat", SECRET, expires=end).live(NOW)
    assert not Credential("octocat", SECRET, revoked=True).live(NOW - 1)


def test_a_time_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file means the same on every machine."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    naive = Credential("octocat", SECRET, expires=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the point

    assert naive.live(datetime(2029, 12, 31, 23, tzinfo=UTC).timestamp())
    assert not naive.live(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
    monkeypatch.undo()
    time.tzset()


def test_an_empty_secret_is_nobody_s() -> None:
    """Not even where a file has such a credential: an empty login is always refused."""
    assert Accounts((Credential("octocat", ""),)).find("", login="octocat") is None


def test_an_open_house_takes_any_login_but_no_fine_grained_one() -> None:
    """A login is a token of the owner with all scopes; as a bearer only what looks like a GitHub token is."""
    accounts = Accounts(open_house=True)

    guest = accounts.find("anything", login="hubot")
    fine = accounts.find("github_pat_anything", login="hubot")

    assert guest is not None
    assert fine is not None
    assert guest.live(NOW)
    assert guest.belongs_to("acme")
    assert guest.scopes == ALL_SCOPES
    assert not fine.live(NOW)
    assert accounts.find("A") is None
    assert accounts.find("", login="hubot") is None
    assert accounts.find("ghp_bearer") is not None
    assert accounts.find("anything") is guest


@pytest.mark.parametrize("profile", ["ghcr", "oci"])
def test_a_login_counts_also_for_who_asked_before_it(profile: str) -> None:
    """An open house that was asked with a bearer from before its start takes it once its owner has logged in."""
    simulator = Simulator(profile, accounts=Accounts(open_house=True))
    bearer = {"authorization": f"Bearer {secret_token('mine')}"}
    ask(simulator, Request("GET", "/v2/acme/app/tags/list", bearer))
    login = ask(simulator, Request("GET", "/token", {"authorization": basic("me", "mine")}))
    bearer = {"authorization": f"Bearer {json.loads(login.body)['token']}"}
    assert ask(simulator, Request("POST", "/v2/acme/app/blobs/uploads/", bearer)).status == 202
