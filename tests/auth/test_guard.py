"""The guard: who may do which operation on which package, as one table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghcr_sim.auth import Accounts, Credential, Guard
from ghcr_sim.auth.accounts import ALL_SCOPES
from ghcr_sim.auth.tokens import (
    secret_token,
)
from ghcr_sim.clock import Clock
from ghcr_sim.exchange import Request
from ghcr_sim.oci import Refusal
from ghcr_sim.profiles import load_profile
from ghcr_sim.route import READS, WRITES, Operation
from ghcr_sim.store import Store

KEY = bytes(32)
NOW = 1_700_000_000.0
SECRET = "ghp_do_not_show_me"
DIGEST = f"sha256:{'0' * 64}"


READ, WRITE = frozenset({"read:packages"}), frozenset({"write:packages"})
EARLIER = datetime.fromtimestamp(NOW, UTC) - timedelta(days=1)
CALLERS = {
    "owner": {"login": "acme"},
    "member": {"login": "hubot", "owners": frozenset({"acme"})},
    "stranger": {"login": "stranger"},
    "workflow": {"login": "acme", "kind": "github_token", "repository": "acme/app"},
    "elsewhere": {"login": "other", "kind": "github_token", "repository": "other/app"},
    "fine-grained": {"login": "acme", "kind": "fine_grained"},
    "app": {"login": "acme", "kind": "app"},
    "expired": {"login": "acme", "expires": EARLIER},
    "revoked": {"login": "acme", "revoked": True},
}
SCOPES = {
    "write": WRITE,
    "read": READ,
    "delete": frozenset({"delete:packages"}),
    "none": frozenset(),
    "all": ALL_SCOPES,
}
VISIBILITIES = ("absent", "public", "internal", "private")
OUTCOMES = {
    "ok": None,
    "read": "no_read",
    "scope": "no_scope",
    "write": "no_write",
    "owner": "not_owner",
    "dead": "dead_secret",
}
TABLE = """
# who          scopes  role   absent       public      internal     private      (pull/push)
anonymous      -       -      read/owner   ok/owner    read/owner   read/owner
owner          write   -      ok/ok        ok/ok       ok/ok        ok/ok
owner          all     -      ok/ok        ok/ok       ok/ok        ok/ok
owner          read    -      ok/scope     ok/scope    ok/scope     ok/scope
owner          delete  -      scope/scope  ok/scope    scope/scope  scope/scope
owner          none    -      scope/scope  ok/scope    scope/scope  scope/scope
owner          none    admin  -            ok/scope    scope/scope  scope/scope
member         write   -      ok/ok        ok/ok       ok/ok        ok/ok
member         read    -      ok/scope     ok/scope    ok/scope     ok/scope
stranger       write   -      read/owner   ok/owner    read/owner   read/owner
stranger       read    -      read/scope   ok/scope    read/scope   read/scope
stranger       none    -      scope/scope  ok/scope    scope/scope  scope/scope
stranger       write   read   -            ok/owner    ok/owner     ok/owner
stranger       write   write  -            ok/ok       ok/ok        ok/ok
stranger       write   admin  -            ok/ok       ok/ok        ok/ok
stranger       read    read   -            ok/scope    ok/scope     ok/scope
stranger       read    write  -            ok/scope    ok/scope     ok/scope
stranger       none    admin  -            ok/scope    scope/scope  scope/scope
workflow       write   -      ok/ok        ok/write    ok/write     read/write
workflow       read    -      ok/scope     ok/scope    ok/scope     read/scope
workflow       none    -      scope/scope  ok/scope    scope/scope  scope/scope
workflow       write   read   -            ok/write    ok/write     ok/write
workflow       write   write  -            ok/ok       ok/ok        ok/ok
workflow       write   admin  -            ok/ok       ok/ok        ok/ok
workflow       read    write  -            ok/scope    ok/scope     ok/scope
elsewhere      write   -      read/owner   ok/write    read/write   read/write
elsewhere      write   read   -            ok/write    ok/write     ok/write
elsewhere      write   write  -            ok/ok       ok/ok        ok/ok
fine-grained   all     -      dead/dead    dead/dead   dead/dead    dead/dead
fine-grained   all     admin  -            dead/dead   dead/dead    dead/dead
app            all     -      dead/dead    dead/dead   dead/dead    dead/dead
expired        all     -      dead/dead    dead/dead   dead/dead    dead/dead
revoked        all     admin  -            dead/dead   dead/dead    dead/dead
"""


def cases() -> list:
    """The table's cells: who, scopes, role, visibility, what pulling and what pushing gives."""
    found = []
    for line in TABLE.strip().splitlines()[1:]:
        who, scopes, role, *cells = line.split()
        for visibility, cell in zip(VISIBILITIES, cells, strict=True):
            if cell != "-":
                name = f"{who}, {scopes}, {role}: {visibility}"
                found.append(pytest.param(who, scopes, role, visibility, cell.split("/"), id=name))
    return found


def guard(credential: Credential | None, role: str, visibility: str, profile: str = "ghcr") -> Guard:
    """A guard of a store with `acme/app`, where there is one."""
    store = Store()
    if visibility != "absent":
        store.set_visibility("acme/app", visibility)
        if role != "-" and credential is not None:
            workflow = credential.kind == "github_token"
            store.set_role(
                "acme/app", f"repo:{credential.repository}" if workflow else credential.login, role
            )
    accounts = Accounts((credential,) if credential else ())
    return Guard(load_profile(profile), accounts, store, Clock(NOW), KEY)


def outcome(guarded: Guard, name: str, authorization: str) -> Refusal | None:
    """What an operation on `acme/app` meets."""
    request = Request("GET", "/v2/", {"authorization": authorization})
    try:
        guarded.admit(Operation(name, "acme/app", DIGEST), request)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize(("who", "scopes", "role", "visibility", "wanted"), cases())
def test_who_may_do_what(*, who: str, scopes: str, role: str, visibility: str, wanted: list[str]) -> None:
    """Each kind of caller, with each scope and role, on each kind of package, gets the refusal of the table."""
    credential = None
    if who != "anonymous":
        credential = Credential(token=SECRET, scopes=SCOPES[scopes], **CALLERS[who])
    guarded = guard(credential, role, visibility)
    bearer = f"Bearer {secret_token(SECRET)}" if credential else "Bearer QQ=="

    for operations, short in zip((READS, WRITES), wanted, strict=True):
        field = OUTCOMES[short]
        for name in sorted(operations):
            refusal = outcome(guarded, name, bearer)
            if field is None:
                assert refusal is None, (name, refusal)
                continue
            assert refusal is not None, name
            answer = getattr(load_profile("ghcr").refusals, field)
            assert (refusal.status, refusal.code, refusal.message) == answer, name
            challenged = [header for header, _ in refusal.headers] == ["www-authenticate"]
            assert challenged is (answer.status == 401), name


@pytest.mark.parametrize("name", ["ping", "catalog.list"])
def test_anybody_alive_may_knock(name: str) -> None:
    """What belongs to no repository asks only whether there is somebody, and the catalogue who."""
    owner = Credential("acme", SECRET, scopes=frozenset())
    guarded = guard(owner, "-", "private")

    assert outcome(guarded, name, f"Bearer {secret_token(SECRET)}") is None
    guest = outcome(guarded, name, "Bearer QQ==")
    assert (guest is None) is (name == "ping")


def mounted(guarded: Guard, query: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """What is left of a mount's query behind the guard."""
    operation = Operation("upload.post", "acme/new", "", query)
    request = Request("POST", "/v2/", {"authorization": f"Bearer {secret_token(SECRET)}"})
    return guarded.admit(operation, request)[0].query


@pytest.mark.parametrize(
    ("login", "visibility", "stays"),
    [("acme", "private", True), ("stranger", "public", True), ("stranger", "private", False)],
    ids=["one's own", "public", "private"],
)
def test_a_mount_needs_the_right_to_read_its_source(login: str, visibility: str, *, stays: bool) -> None:
    """Who may not read it starts an ordinary upload, and learns nothing of the source."""
    guarded = guard(
        Credential(login, SECRET, owners=frozenset({login, "acme"} if login == "acme" else {login})),
        "-",
        visibility,
    )
    query = (("mount", DIGEST), ("from", "acme/app"))
    operation = Operation("upload.post", f"{login}/new", "", query)
    request = Request("POST", "/v2/", {"authorization": f"Bearer {secret_token(SECRET)}"})

    assert guarded.admit(operation, request)[0].query == (query if stays else ())


def test_a_mount_from_what_is_no_name_is_an_ordinary_upload() -> None:
    """Other parameters stay."""
    guarded = guard(Credential("acme", SECRET), "-", "private")

    assert mounted(guarded, (("mount", DIGEST), ("from", "../x"), ("a", "b"))) == (("a", "b"),)
    assert mounted(guarded, (("mount", DIGEST),)) == ()
    assert mounted(guarded, (("digest", DIGEST),)) == (("digest", DIGEST),)
