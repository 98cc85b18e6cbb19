"""The service, unchanged, against a ghcr.io of each test's own."""

import aiohttp
import pytest

pytestmark = pytest.mark.ghcr(takeover=True)


async def test_tags(ghcr, mirror):
    """All tags of an image are found."""
    for tag in ("v1", "v2"):
        ghcr.seed(f"acme/app:{tag}")
    assert await mirror.tags("acme/app") == ["v1", "v2"]


async def test_an_image_is_mirrored(ghcr, mirror):
    """Manifest, config and layer are kept, and the storage host sees no credential."""
    image = ghcr.seed("acme/app:v1")
    assert await mirror.mirror("acme/app", "v1") == image.digest
    assert len(mirror.kept) == 1 + len({each.target for each in ghcr.requests("blob.get")})
    assert {each.status for each in ghcr.requests("storage.get")} == {200}
    assert ghcr.leaks == []


async def test_a_blob_that_is_not_there_now(ghcr, mirror):
    """A failure is passed on, and the manifest is not kept."""
    image = ghcr.seed("acme/app:v1")
    ghcr.fail("blob.get", status=500)
    with pytest.raises(aiohttp.ClientResponseError, match="500"):
        await mirror.mirror("acme/app", "v1")
    assert image.digest not in mirror.kept
