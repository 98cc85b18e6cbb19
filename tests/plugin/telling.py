"""Records and stories to tell, as the journal of a fake writes them down."""

from __future__ import annotations

from typing import Any

from ghcr_sim.journal import LEAK, Record
from pytest_ghcr.story import Story

DIGEST = "sha256:" + "4f53cda18c2baa0c" * 4
LONG = "acme/platform/services/payments/production"
TOKEN = "ghp_" + "a1B2" * 9
HOSTILE = "</script></svg></details><script>alert(1)</script>\x1b[31m\u202e\x00&\"'"


def record(operation: str = "manifest.get", **fields: Any) -> Record:
    """A request for the manifest of acme/app:v1, or another one."""
    plain = {
        "method": "GET",
        "target": "/v2/acme/app/manifests/v1",
        "repository": "acme/app",
        "reference": "v1",
        "status": 200,
        "received": 0,
        "sent": 608,
        "seconds": 0.0004,
        "by": "registry",
    }
    return Record(operation=operation, **{**plain, **fields})


def pull(times: int = 1) -> list[Record]:
    """A pull from GHCR: challenge, token, manifest, and a blob that the storage host has, asked for so many times."""
    blob = {"reference": DIGEST, "sent": 0, "status": 307, "target": f"/v2/acme/app/blobs/{DIGEST}"}
    kept = {"repository": "ghcr1", "reference": DIGEST, "by": "storage", "target": f"/ghcr1/blobs/{DIGEST}"}
    return [
        record("ping", target="/v2/", repository="", reference="", status=401, sent=75, by="auth"),
        record("token.get", target="/token", repository="", reference="", sent=92, by="token for octocat"),
        record(),
        *[record("blob.get", **blob)] * times,
        record("storage.get", **kept),
    ]


def leak() -> Record:
    """A credential at the storage host."""
    fields = {"repository": "ghcr1", "reference": DIGEST, "status": 403, "sent": 280}
    return record("storage.get", target=f"/ghcr1/blobs/{DIGEST}", by=LEAK, leak=True, **fields)


def story(**fields: Any) -> Story:
    """A test that failed after a pull."""
    plain = {
        "test": "tests/test_deploy.py::test_it",
        "outcome": "failed",
        "seconds": 1.2,
        "records": pull(),
        "error": "E   assert 2 == 3",
    }
    return Story(**{**plain, **fields})
