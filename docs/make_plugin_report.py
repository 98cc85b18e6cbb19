"""Makes the example of docs/plugin-report.md: `python docs/make_plugin_report.py`.

A real fake is asked by urllib, which takes a credential along wherever it is redirected. Times are made up, since no
two runs have the same. tests/plugin/test_report_docs.py fails when the page does not show what comes out.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pytest_ghcr import Ghcr
from pytest_ghcr.nearest import silence_told, unmet_told
from pytest_ghcr.story import Story
from pytest_ghcr.table import section

FILE = Path(__file__).parent / "plugin-report.md"
BLOCK = re.compile(r"(?<=```text\n).*?(?=```)", re.DOTALL)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def ask(url: str, credential: str | None = None) -> bytes:
    """What is answered, after all redirects; nothing where it is a failure."""
    headers = {"Accept": MANIFEST, **({"Authorization": credential} if credential else {})}
    with suppress(HTTPError), urlopen(Request(url, headers=headers), timeout=10) as answer:  # noqa: S310 - it is http
        return bytes(answer.read())
    return b""


def story() -> Story:
    """What a test did that planned a failure where nobody went."""
    ghcr = Ghcr()
    with ghcr.running():
        ghcr.seed("acme/other:v1")
        ghcr.fail("blob.get", status=503, repository="acme/app")
        base = f"{ghcr.url}/v2/acme/other"
        ask(f"{base}/manifests/v1")
        login = b64encode(f"octocat:{ghcr.token}".encode()).decode()
        token = json.loads(ask(f"{ghcr.url}/token?scope=repository:acme/other:pull", f"Basic {login}"))[
            "token"
        ]
        manifest = json.loads(ask(f"{base}/manifests/v1", f"Bearer {token}"))
        ask(f"{base}/blobs/{manifest['config']['digest']}", f"Bearer {token}")
        records = [each._replace(seconds=(index + 2) / 1e4) for index, each in enumerate(ghcr.requests())]
    return Story(
        test="tests/test_deploy.py::test_it_pulls_again",
        outcome="failed",
        seconds=0.02,
        records=records,
        unmet=unmet_told(ghcr.simulator.faults.rules, records),
        notes=silence_told(["ghcr.io"]),
    )


def document() -> str:
    """The page with the example as it comes out now."""
    shown = section(story(), 100)
    return BLOCK.sub(lambda _: f"{shown}\n", FILE.read_text("utf-8"), count=1)


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
