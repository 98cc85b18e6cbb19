"""The OCI conformance suite: the strict profile fails nothing, at any version of the specification."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from tools import program_path, require, run

from ghcr_sim import Simulator
from ghcr_sim.threads import ThreadServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Report:
    """What the suite counted, and each failure with its reason."""

    passed: int
    failed: int
    skipped: int
    disabled: int
    failures: list[str]

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped, {self.disabled} disabled"


def read_junit(path: Path) -> Report:
    """Read the suite's own report: its counts, and the reason of each failure."""
    suite = ET.parse(path).getroot()[0]
    total, failed, errors, skipped, disabled = (
        int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped", "disabled")
    )
    failures = [
        f"{case.get('name')}: {(found.get('message') or found.text or '').strip()}"
        for case in suite.iter("testcase")
        for found in case
        if found.tag in {"failure", "error"}
    ]
    failed += errors
    return Report(total - failed - skipped - disabled, failed, skipped, disabled, failures)


@pytest.mark.parametrize("version", ["1.0", "1.1", "dev"])
def test_the_strict_profile_fails_nothing(version, tmp_path, capsys):
    """No failure, hundreds of passes, and the counts are shown."""
    require("conformance")
    simulator = Simulator("oci")
    with ThreadServer(simulator) as server:
        env = {
            "PATH": program_path(),
            "HOME": str(tmp_path),
            "OCI_REGISTRY": server.host,
            "OCI_TLS": "disabled",
            "OCI_VERSION": version,
            "OCI_REPO1": "acme/one",
            "OCI_REPO2": "acme/two",
            "OCI_USERNAME": "octocat",
            "OCI_PASSWORD": simulator.token,
            "OCI_RESULTS_DIR": str(tmp_path / "results"),
            "OCI_LOG": "error",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }
        done = run("conformance", env=env, cwd=tmp_path, check=False, timeout=120)
    simulator.close()
    report = read_junit(tmp_path / "results/junit.xml")
    with capsys.disabled():
        print(f"\nOCI conformance {version}: {report}")
    assert report.failed == 0, f"{report}\n" + "\n".join(report.failures)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert report.passed > 800
