"""oras, the Python library: run in a process of its own, in the environment that it is installed in."""

from __future__ import annotations

import json

import pytest
from tools import require

pytestmark = pytest.mark.clients

SCRIPT = """
import json, sys, time
from oras.client import OrasClient

time.sleep = lambda seconds: None  # it retries a refusal five times, and waits up to four minutes for it

step, host, plain, user, token, target, *more = sys.argv[1:]
client = OrasClient(hostname=host, insecure=plain == "plain", auth_backend="token")
if token:
    client.auth.set_basic_auth(user, token)
if step == "push":
    answer = client.push(target=target, files=more, disable_path_validation=True)
    print(json.dumps([answer.status_code, answer.headers["docker-content-digest"]]))
elif step == "pull":
    print(json.dumps(client.pull(target=target, outdir=more[0])))
elif step == "tags":
    print(json.dumps(client.get_tags(target)))
elif step == "delete":
    print(json.dumps(client.delete_tag(client.get_container(target), more[0])))
"""


@pytest.fixture
def oras(door, home):
    """Run one step of the library."""
    require("oras-python")
    script = home.path("step.py")
    script.write_text(SCRIPT)
    env = {"REQUESTS_CA_BUNDLE": str(door.ca)} if door.tls else {}

    def run(step, target, *more, token=door.token, refused=False):
        where = [door.host, "tls" if door.tls else "plain", door.user, token, door.ref(target)]
        call = home.refused if refused else home.run
        done = call("oras-python", script, step, *where, *more, env=env)
        return done if refused else json.loads(done.stdout.splitlines()[-1])

    return run


def test_what_oras_python_pushes_it_pulls_back_unchanged(door, home, oras):
    """A file goes out and comes back; tags are listed; the library keeps its token from the storage host."""
    home.path("note.txt").write_text("a note\n")
    assert oras("push", "acme/notes:v1", "note.txt") == [201, door.held("acme/notes")["v1"]]
    assert oras("tags", "acme/notes") == ["v1"]
    oras("pull", "acme/notes:v1", home.path("back"))
    assert home.path("back/note.txt").read_text() == "a note\n"
    assert door.statuses("blob.get") == {307}
    door.assert_no_leak()


def test_oras_python_pulls_a_public_package_without_a_login(door, home, oras):
    """Anonymous, after the owner made the package public."""
    home.path("note.txt").write_text("a note\n")
    oras("push", "acme/notes:v1", "note.txt")
    door.ghcr.simulator.set_visibility("acme/notes", "public")
    oras("pull", "acme/notes:v1", home.path("back"), token="")
    assert home.path("back/note.txt").read_text() == "a note\n"
    door.assert_no_leak()


def test_oras_python_is_refused_as_ghcr_refuses(door, home, oras):
    """A wrong token; a private package without one; a delete."""
    home.path("note.txt").write_text("a note\n")
    oras("push", "acme/notes:v1", "note.txt")
    oras("pull", "acme/notes:v1", home.path("back"), token="ghp_wrong", refused=True)
    assert 403 in door.statuses("token.get")
    oras("pull", "acme/notes:v1", home.path("back"), token="", refused=True)
    assert 401 in door.statuses("token.get")
    assert not home.path("back/note.txt").exists()
    oras("delete", "acme/notes", "v1", refused=True)
    assert 405 in door.statuses("manifest.delete")
    assert door.held("acme/notes").keys() == {"v1"}
