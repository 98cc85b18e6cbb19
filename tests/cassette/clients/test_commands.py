"""`ghcr-sim record … -- COMMAND` and `ghcr-sim replay … -- COMMAND`, as a user types them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from clients.content import write_layout
from clients.setting import NAME, Home
from tools import require, require_name

from ghcr_sim.registry.storage import GHCR_STORAGE
from ghcr_sim.threads import ThreadServer

pytestmark = pytest.mark.clients
PAGE = Path(__file__).parents[3] / "docs" / "cassettes.md"

SCENARIO = """\
set -e
registry=${GHCR_SIM_REGISTRY:-$REAL}
crane auth login -u octocat -p "$PASSWORD" $registry
crane push "$LAYOUT" $registry/acme/app:v1 >pushed
crane digest $registry/acme/app:v1
crane ls $registry/acme/app
"""


@pytest.fixture
def home(tmp_path, authority):
    """A user's home, with a scenario to record."""
    require("crane")
    home = Home.make(tmp_path)
    (tmp_path / "scenario.sh").write_text(SCENARIO)
    (tmp_path / "real.crt").write_bytes(authority.pem)
    layout = write_layout(tmp_path / "layout")
    home.env.pop("NO_PROXY")
    home.env.update(LAYOUT=str(layout.path), PASSWORD="nobody-knows-me", DIGEST=layout.digest)
    return home


@pytest.fixture(params=["reverse", "forward"])
def upstream(request, ghcr, authority, home):
    """Each door, and the fake before it: an open one, and one behind TLS under a name."""
    home.env["PASSWORD"] = ghcr.token
    if request.param == "reverse":
        yield ["--upstream", ghcr.url]
        return
    require_name(NAME)
    with ThreadServer(ghcr.simulator, tls=authority.server_context(NAME, GHCR_STORAGE)) as server:
        home.env["REAL"] = f"{NAME}:{server.port}"
        yield ["--door", "forward", "--upstream", f"https://{NAME}:{server.port}", "--ca-file", "real.crt"]


def ghcr_sim(home, *words, **more):
    """Run the command; what came of it."""
    return home.run(sys.executable, "-m", "ghcr_sim", *words, check=False, **more)


def recorded(home, upstream):
    """Record the scenario into `app.jsonl`."""
    done = ghcr_sim(home, "record", "--to", "app.jsonl", *upstream, "--", "sh", "scenario.sh")
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(not PAGE.exists(), reason="this is not a source tree: the pages are not here")
def test_the_first_commands_of_the_page(home, ghcr):
    """Recorded, replayed with nothing behind it, and judged, word for word; of the fake, as ghcr.io is not there."""
    ghcr.seed("acme/app:v1", visibility="public")
    lines = re.findall(r"^\$ ghcr-sim (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)[:3]
    assert [line.split()[0] for line in lines] == ["record", "replay", "verify"]
    for line in lines:
        words = shlex.split(line)
        if words[0] == "record":
            words[1:1] = ["--upstream", ghcr.url]
        done = ghcr_sim(home, *words)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        home.path("app.tar").unlink(missing_ok=words[0] == "verify")


def left_over(home):
    """What a recorder has left beside the cassette, but for its lock."""
    return [path.name for path in home.root.glob(".app.jsonl.*") if not path.name.endswith(".lock")]


def door_of(upstream):
    return upstream[:2] if upstream[0] == "--door" else []


def test_what_a_command_said_is_recorded_and_replayed_to_it(home, upstream, ghcr):
    """The command's words are its own, ours go to the other output, and it ends with the command's status."""
    done = recorded(home, upstream)
    assert done.stdout.split() == [home.env["DIGEST"], "v1"]
    assert re.search(r"app\.jsonl: \d+ exchanges, replayed twice", done.stderr)
    assert left_over(home) == []
    secret = home.env["PASSWORD"].encode()
    assert not [path for path in home.root.rglob("*.jsonl") if secret in path.read_bytes()]
    seen = len(ghcr.requests())
    again = ghcr_sim(home, "replay", *door_of(upstream), "app.jsonl", "--", "sh", "scenario.sh")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr
    assert "0 missed, 0 unused writes, 0 unused reads" in again.stderr
    assert "manifest.put" in again.stderr
    assert (
        "manifest.put"
        not in ghcr_sim(
            home, "replay", *door_of(upstream), "app.jsonl", "--quiet", "--", "sh", "scenario.sh"
        ).stderr
    )
    assert len(ghcr.requests()) == seen, "the replay asked the registry"


def test_a_command_that_fails_gives_its_status_and_its_cassette(home, upstream):
    """A registry's refusals are recorded, too."""
    home.path("fails.sh").write_text(SCENARIO + "crane digest $registry/acme/app:nothing || exit 7\n")
    done = ghcr_sim(home, "record", "--to", "app.jsonl", *upstream, "--", "sh", "fails.sh")
    assert done.returncode == 7, done.stderr
    assert "replayed twice" in done.stderr
    again = ghcr_sim(home, "replay", *door_of(upstream), "app.jsonl", "--quiet", "--", "sh", "fails.sh")
    assert again.returncode == 7, again.stderr
    assert "0 missed" in again.stderr


def test_a_replay_fails_where_the_command_asks_for_more_or_does_less(home, upstream):
    """A miss and an unused write are failures, though the command went well."""
    recorded(home, upstream)
    home.path("more.sh").write_text(SCENARIO + "crane digest $registry/acme/more:v1 || true\n")
    done = ghcr_sim(home, "replay", *door_of(upstream), "app.jsonl", "--quiet", "--", "sh", "more.sh")
    assert done.returncode == 1
    assert "no answer on cassette for" in done.stderr
    done = ghcr_sim(home, "replay", *door_of(upstream), "app.jsonl", "--quiet", "--", "true")
    assert done.returncode == 1
    assert "recorded and not played: manifest.put acme/app:v1" in done.stderr


@pytest.mark.parametrize("verb", ["record", "replay"])
def test_a_command_that_is_not_there_is_named(home, ghcr, verb):
    """One line, status 1, nothing left over, and the old cassette as it was."""
    recorded_once(home, ghcr)
    before = home.path("app.jsonl").read_bytes()
    words = ["--to", "app.jsonl", "--upstream", ghcr.url] if verb == "record" else ["app.jsonl"]
    done = ghcr_sim(home, verb, *words, "--", "no-such-program")
    assert done.returncode == 1
    assert "ghcr-sim: cannot run no-such-program: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert home.path("app.jsonl").read_bytes() == before
    assert left_over(home) == []


def recorded_once(home, ghcr):
    """Record the scenario through the open door."""
    home.env["PASSWORD"] = ghcr.token
    return recorded(home, ["--upstream", ghcr.url])


def test_nothing_recorded_is_a_failure_that_says_what_to_look_at(home, ghcr):
    """The old cassette stays."""
    recorded_once(home, ghcr)
    before = home.path("app.jsonl").read_bytes()
    done = ghcr_sim(home, "record", "--to", "app.jsonl", "--upstream", ghcr.url, "--", "true")
    assert done.returncode == 1
    assert "nothing was recorded" in done.stderr
    assert "does the command reach the registry" in done.stderr
    assert home.path("app.jsonl").read_bytes() == before
    assert left_over(home) == []


def test_nothing_recorded_does_not_hide_that_the_command_failed(home, ghcr):
    """Its status is told."""
    done = ghcr_sim(home, "record", "--to", "app.jsonl", "--upstream", ghcr.url, "--", "sh", "-c", "exit 9")
    assert done.returncode == 9
    assert "nothing was recorded" in done.stderr
    assert not home.path("app.jsonl").exists()


def started(home, *words):
    """A command that runs on, in a group of its own as a terminal has it."""
    return subprocess.Popen(
        [sys.executable, "-m", "ghcr_sim", *words],
        env=home.env,
        cwd=home.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupted(process):
    """Press Ctrl-C: all of the group hear it."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)


@pytest.mark.parametrize("verb", ["record", "replay"])
def test_ctrl_c_in_the_middle_ends_the_command_and_leaves_the_old_cassette(home, ghcr, verb):
    """130, without a traceback; of a recording the part is left, and told, of a replay nothing."""
    recorded_once(home, ghcr)
    before = home.path("app.jsonl").read_bytes()
    home.path("long.sh").write_text(
        "crane digest $GHCR_SIM_REGISTRY/acme/app:v1\necho ready\nexec sleep 600\n"
    )
    words = ["--to", "app.jsonl", "--upstream", ghcr.url] if verb == "record" else ["app.jsonl", "--quiet"]
    process = started(home, verb, *words, "--", "sh", "long.sh")
    for line in process.stdout:
        if line == "ready\n":
            break
    _, err = interrupted(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert home.path("app.jsonl").read_bytes() == before
    assert [each in err for each in left_over(home)] == ([True] if verb == "record" else []), err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_without_a_command_the_door_is_open_until_ctrl_c(home, ghcr):
    """It says where it is; what passed until then is the cassette. A replay then says how it went."""
    home.env["PASSWORD"] = ghcr.token
    process = started(home, "record", "--to", "app.jsonl", "--upstream", ghcr.url)
    registry = address(process)
    home.run("sh", "scenario.sh", env={"GHCR_SIM_REGISTRY": registry})
    _, err = interrupted(process)
    assert process.returncode == 0, err
    assert "replayed twice" in err
    process = started(home, "replay", "app.jsonl", "--quiet")
    home.run("sh", "scenario.sh", env={"GHCR_SIM_REGISTRY": address(process)})
    _, err = interrupted(process)
    assert process.returncode == 0, err
    assert "0 missed, 0 unused writes" in err


def address(process):
    """Where a door says that it is."""
    return re.search(r"say (\S+)/owner/name", process.stderr.readline())[1]


def test_a_proxy_says_what_to_export_and_which_hosts_it_refused(home, ghcr, authority):
    """Without a command; a host that is not taken over is named with the option that takes it over."""
    require("curl")
    process = started(
        home, "record", "--to", "app.jsonl", "--door", "forward", "--upstream", f"https://{NAME}"
    )
    exported = {}
    for line in process.stderr:
        if found := re.match(r"  export (\w+)=(.*)\n", line):
            exported[found[1]] = found[2]
        if "GHCR_CA_FILE" in line:
            break
    assert {"HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"} <= exported.keys()
    said = home.run("curl", "-sS", "https://elsewhere.example/", env=exported, check=False)
    assert "403" in said.stderr
    _, err = interrupted(process)
    assert "--also-host elsewhere.example" in err
    assert process.returncode == 1
    assert "nothing was recorded" in err


def test_one_more_host_can_be_taken_over(home, ghcr):
    """With `--also-host` a realm's host is no stranger: what is said there goes on, and here it leads nowhere."""
    require("curl")
    words = ["--to", "app.jsonl", "--door", "forward", "--upstream", f"https://{NAME}"]
    asked = ["curl", "-sS", "-o", "said", "-w", "%{http_code}", "https://elsewhere.invalid/v2/"]
    done = ghcr_sim(home, "record", *words, "--also-host", "elsewhere.invalid", "--", *asked)
    assert done.stdout == "502", done.stderr
    assert "refused" not in done.stderr
