"""The script, unchanged, against a ghcr.io of each test's own."""

import pytest
import requests
from deploy import Registry, promote

pytestmark = pytest.mark.ghcr(takeover=True)


def test_a_version_is_promoted(ghcr):
    """The new tag stands for what the version does, and nothing but the manifest was moved."""
    image = ghcr.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    assert promote("acme/app", "v1") == image.digest
    assert Registry().digest("acme/app", "production") == image.digest
    assert sorted(Registry().tags("acme/app")) == ["production", "v1"]
    assert [each.status for each in ghcr.requests("manifest.put")] == [201]
    assert ghcr.requests("blob.get") == []


def test_a_version_that_is_not_there(ghcr):
    """Nothing is promoted."""
    ghcr.seed("acme/app:v1")
    with pytest.raises(LookupError, match="acme/app has no tag v2"):
        promote("acme/app", "v2")
    assert ghcr.requests("manifest.put") == []


def test_a_registry_that_falters(ghcr):
    """A registry that is not available twice is asked a third time."""
    ghcr.seed("acme/app:v1")
    ghcr.fail("manifest.put", status=503, times=2)
    promote("acme/app", "v1")
    assert [each.status for each in ghcr.requests("manifest.put")] == [503, 503, 201]


def test_somebody_else(ghcr, monkeypatch):
    """A wrong token is refused, as GHCR does."""
    ghcr.seed("acme/app:v1")
    monkeypatch.setenv("GHCR_TOKEN", "not-the-token")
    with pytest.raises(requests.HTTPError, match="403"):
        promote("acme/app", "v1")
