"""helm: charts in a registry."""

from __future__ import annotations

import pytest
from tools import require

pytestmark = pytest.mark.clients

CHART = "apiVersion: v2\nname: hello\nversion: 0.1.0\ndescription: A chart to carry about\n"


@pytest.fixture
def helm(door, home):
    """Run helm; the options that it needs for the door come last."""
    require("helm")
    how = f"--ca-file={door.ca}" if door.tls else "--plain-http"

    def run(*argv, refused=False):
        call = home.refused if refused else home.run
        done = call("helm", *argv, how)
        return done if refused else done.stdout + done.stderr

    return run


@pytest.fixture
def chart(home):
    """A packed chart without templates."""
    require("helm")
    home.path("hello").mkdir()
    home.path("hello/Chart.yaml").write_text(CHART)
    home.run("helm", "package", home.path("hello"), "-d", home.path("packed"))
    return home.path("packed/hello-0.1.0.tgz")


def test_what_helm_pushes_it_pulls_back_unchanged(door, home, chart, helm):
    """Login, push, show and pull: the chart's bytes are the same."""
    helm("registry", "login", "-u", door.user, "-p", door.token, door.host)
    said = helm("push", chart, f"oci://{door.ref('acme/charts')}")
    assert door.held("acme/charts/hello")["0.1.0"] in said

    name = f"oci://{door.ref('acme/charts/hello')}"
    assert "description: A chart to carry about" in helm("show", "chart", name, "--version=0.1.0")
    home.path("back").mkdir()  # helm does not
    helm("pull", name, "--version=0.1.0", "-d", home.path("back"))
    assert home.path("back/hello-0.1.0.tgz").read_bytes() == chart.read_bytes()
    assert 307 in door.statuses("blob.get")
    door.assert_no_leak()


def test_helm_pulls_a_public_chart_without_a_login(door, home, chart, helm):
    """Anonymous, after the owner made the package public."""
    helm("registry", "login", "-u", door.user, "-p", door.token, door.host)
    helm("push", chart, f"oci://{door.ref('acme/charts')}")
    home.run("helm", "registry", "logout", door.host)
    door.ghcr.simulator.set_visibility("acme/charts/hello", "public")
    home.path("back").mkdir()
    helm("pull", f"oci://{door.ref('acme/charts/hello')}", "--version=0.1.0", "-d", home.path("back"))
    assert home.path("back/hello-0.1.0.tgz").read_bytes() == chart.read_bytes()
    door.assert_no_leak()


def test_helm_is_refused_as_ghcr_refuses(door, chart, helm):
    """A wrong token at login; a private package without a login; a push without one."""
    said = helm("registry", "login", "-u", door.user, "-p", "ghp_wrong", door.host, refused=True)
    assert "denied: denied" in said
    door.ghcr.seed("acme/charts/hello:0.1.0")
    said = helm("pull", f"oci://{door.ref('acme/charts/hello')}", "--version=0.1.0", refused=True)
    assert "unauthorized: authentication required" in said
    said = helm("push", chart, f"oci://{door.ref('acme/others')}", refused=True)
    assert "denied: requested access to the resource is denied" in said
