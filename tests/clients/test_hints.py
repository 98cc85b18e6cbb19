"""What `ghcr-sim serve` prints to copy and paste: each line is pasted, and works."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from clients.content import write_layout
from clients.setting import Home
from tools import program_path, require, run

pytestmark = pytest.mark.clients

PROGRAMS = ("crane", "helm", "oras", "podman", "skopeo")
"""The programs whose lines are pasted here. docker's wants a dockerd: `test_docker` logs in as it says."""


@pytest.fixture(params=["http", "tls"])
def served(request, tmp_path):
    """The lines that a server prints at its start, by program. It ends by SIGTERM, cleanly."""
    require("skopeo")
    command = [str(Path(sys.executable).with_name("ghcr-sim")), "serve", "--port", "0"]
    if request.param == "tls":
        command += ["--tls", "--tls-dir", str(tmp_path / "tls")]
    lines: list[str] = []
    complete = threading.Event()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:

        def read() -> None:
            for line in server.stderr:
                lines.append(line)
                if line.startswith("  helm "):
                    complete.set()
            complete.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert complete.wait(20)
        said = [shlex.split(line) for line in lines if line.startswith("  ")]
        yield {words[0]: shlex.join(words).replace("'&&'", "&&") for words in said}
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0, "".join(lines)
        reader.join()


def test_every_line_that_serve_prints_works(served, tmp_path):
    """With the files that they name, and the authority trusted as it says."""
    require(*PROGRAMS)
    assert served.keys() >= {"docker", *PROGRAMS}
    home = Home.make(tmp_path / "home")
    if (certificate := tmp_path / "tls/ca.crt").exists():
        home.env["SSL_CERT_FILE"] = str(certificate)
    layout = write_layout(home.path("layout"))
    home.run("skopeo", "copy", f"oci:{layout.named}", "docker-archive:app.tar:acme/app:v1")
    home.path("file.txt").write_text("hello\n")
    for program in PROGRAMS:
        line = served[program].replace("oci:DIR:TAG", f"oci:{layout.named}")
        run("bash", "-c", line, env=home.env | {"PATH": program_path()}, cwd=home.root)
