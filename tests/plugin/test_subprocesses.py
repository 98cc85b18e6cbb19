"""`ghcr_env`: in a subprocess https://ghcr.io is the test's fake, for the clients that people run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tools import program_path, require

CLIENTS = {
    "crane": ["crane", "digest", "ghcr.io/acme/app:v1"],
    "skopeo": ["skopeo", "inspect", "--no-tags", "--format={{.Digest}}", "docker://ghcr.io/acme/app:v1"],
    "oras": ["oras", "resolve", "ghcr.io/acme/app:v1"],
    "regctl": ["regctl", "image", "digest", "ghcr.io/acme/app:v1"],
}


@pytest.fixture
def run(ghcr_env):
    """Run a program in that environment; what it said."""

    def run(*words, fails=False):
        env = {**ghcr_env, "PATH": program_path()}
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return (done.stdout + done.stderr if fails else done.stdout).strip()

    return run


@pytest.mark.clients
@pytest.mark.parametrize("words", CLIENTS.values(), ids=CLIENTS)
def test_real_clients_are_logged_in(ghcr, run, words) -> None:
    """A private image, by its real name, with real TLS, and without a word of the fake."""
    require(words[0])
    seeded = ghcr.seed("acme/app:v1")
    assert run(*words) == str(seeded.digest)
    assert ghcr.requests("manifest.head") or ghcr.requests("manifest.get")


@pytest.mark.clients
def test_helm(ghcr, run, tmp_path) -> None:
    """A chart is pushed and pulled."""
    require("helm")
    run("helm", "create", str(tmp_path / "chart"))
    run("helm", "package", str(tmp_path / "chart"), "-d", str(tmp_path))
    run("helm", "push", str(tmp_path / "chart-0.1.0.tgz"), "oci://ghcr.io/acme/charts")
    assert "0.1.0" in run("helm", "show", "chart", "oci://ghcr.io/acme/charts/chart", "--version", "0.1.0")


CURL = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://ghcr.io/v2/"]
GIT = ["git", "ls-remote", "https://ghcr.io/acme/app.git"]
PYTHON = "import urllib.request as u; print(u.urlopen('https://ghcr.io/token?scope=repository:acme/app:pull').status)"
REQUESTS = "import requests; print(requests.get('https://ghcr.io/v2/').status_code)"
OURS = "import ghcr_client as g\nwith g.SyncGhcrClient() as c: print(c.list_tags('acme/app'))"


def test_curl(ghcr, run) -> None:
    """By its variables."""
    assert run(*CURL) == "401"


def test_git_finds_no_repository(ghcr, run) -> None:
    """It trusts the fake as well, which is no git server and says so."""
    assert "not found" in run(*GIT, fails=True).lower()
    assert len(ghcr.requests()) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [(PYTHON, "200"), (REQUESTS, "401"), (OURS, "['v1']")],
    ids=["urllib", "requests", "ours"],
)
def test_python(ghcr, run, code, said) -> None:
    """A Python program, by the standard library, requests, and our client."""
    ghcr.seed("acme/app:v1", visibility="public")
    assert run(sys.executable, "-W", "ignore", "-c", code) == said


def test_other_hosts_fail_the_test(user) -> None:
    """What a subprocess wants elsewhere is refused, and named at the end of the test."""
    done = user(
        """
        import subprocess

        def test_it(ghcr_env):
            subprocess.run(["curl", "-sS", "https://example.com/"], env=ghcr_env, capture_output=True)
        """,
        apart=True,
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*the test wanted example.com, which ghcr_env does not let out*"])


def test_plain_http_is_closed_as_well(user) -> None:
    """Another host is refused and fails the test; this machine's servers are reached; ghcr.io says how to ask."""
    done = user(
        """
        import subprocess

        def ask(env, url):
            return subprocess.run(["curl", "-sS", url], env=env, capture_output=True, text=True).stdout

        def test_it(ghcr, ghcr_env):
            assert ask(ghcr_env, "http://example.com:81/") == "http://example.com is not taken over by this proxy\\n"
            assert "UNAUTHORIZED" in ask(ghcr_env, ghcr.url + "/v2/")
            assert ask(ghcr_env, "http://ghcr.io/v2/").endswith(": say https://ghcr.io\\n")
        """,
        apart=True,
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*the test wanted example.com, which ghcr_env does not let out*"])


def test_other_ports_are_closed(ghcr, run) -> None:
    """As they are in the process."""
    said = run(*CURL[:2], "https://ghcr.io:8443/v2/", fails=True)
    assert "403" in said
    assert ghcr.requests() == []


@pytest.mark.parametrize("where", ["ghcr.io:8443", "http://ghcr.io"])
def test_a_closed_port_is_told(user, where) -> None:
    """A test that fails for it hears what was wanted, and not that nothing was."""
    url = where if "://" in where else f"https://{where}"
    done = user(
        f"""
        import subprocess

        def test_it(ghcr_env):
            subprocess.run(["curl", "-sSf", "{url}/v2/"], env=ghcr_env, check=True)
        """,
        apart=True,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([f"- {where} was wanted, and is closed: names are served with TLS on 443"])
    done.stdout.no_fnmatch_line("*nothing was asked*")


@pytest.fixture
def person(monkeypatch, tmp_path):
    """Somebody with settings of their own."""
    (tmp_path / ".gitconfig").write_text("[http]\nproxy = http://127.0.0.1:1\n")
    (tmp_path / ".curlrc").write_text("proxy = http://127.0.0.1:1\n")
    (tmp_path / ".netrc").write_text("machine ghcr.io login x password y\n")
    variables = {"HOME": str(tmp_path), "GITHUB_TOKEN": "x", "GH_TOKEN": "x", "GITHUB_ACTOR": "x"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.mark.usefixtures("person")
def test_settings_of_the_person_decide_nothing(ghcr, run) -> None:
    """Neither tokens in variables, nor what git, curl and requests find in the home folder."""
    ghcr.seed("acme/app:v1", visibility="public")
    assert run(sys.executable, "-W", "ignore", "-c", OURS) == "['v1']"
    assert run(*CURL) == "401"
    assert "not found" in run(*GIT, fails=True).lower()
    anonymous = REQUESTS.replace("/v2/", "/token?scope=repository:acme/app:pull")
    assert run(sys.executable, "-W", "ignore", "-c", anonymous) == "200"


def test_nothing_of_the_person_is_in_it(ghcr, ghcr_env) -> None:
    """Credentials are the fake's, in files of the test."""
    assert list(json.loads(Path(ghcr_env["REGISTRY_AUTH_FILE"]).read_text())["auths"]) == ["ghcr.io"]
    assert ghcr.token not in str(ghcr_env)
    assert not {"GHCR_TOKEN", "ALL_PROXY"} & ghcr_env.keys()


@pytest.mark.clients
def test_who_is_nobody(ghcr, ghcr_env) -> None:
    """Without Docker's folder a client is anonymous: a private image is not for it."""
    require("crane")
    ghcr.seed("acme/app:v1")
    env = {name: value for name, value in ghcr_env.items() if name != "DOCKER_CONFIG"}
    env |= {"PATH": program_path(), "HOME": ghcr_env["XDG_DATA_HOME"]}
    del env["REGISTRY_AUTH_FILE"]
    done = subprocess.run(
        ["crane", "digest", "ghcr.io/acme/app:v1"], env=env, capture_output=True, check=False
    )
    assert done.returncode
    assert b"DENIED" in done.stderr or b"UNAUTHORIZED" in done.stderr
