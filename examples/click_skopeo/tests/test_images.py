"""The tool and the skopeo that it starts, both unchanged, against a ghcr.io of each test's own."""

import shutil

import pytest

pytestmark = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


def test_an_image_is_copied(ghcr, images):
    """What was copied is the same image, and it was pushed by skopeo."""
    ghcr.seed("acme/app:v1")
    copied = images("copy", "acme/app:v1", "acme/backup:v1")
    assert copied.returncode == 0, copied.stderr
    assert copied.stdout == "copied acme/app:v1 to acme/backup:v1\n"
    compared = images("same", "acme/app:v1", "acme/backup:v1")
    assert (compared.returncode, compared.stdout) == (0, "the same\n")
    assert [each.status for each in ghcr.requests("manifest.put")] == [201]


def test_other_images(ghcr, images):
    """Two images are told apart."""
    ghcr.seed("acme/app:v1", annotations={"number": "1"})
    ghcr.seed("acme/app:v2", annotations={"number": "2"})
    compared = images("same", "acme/app:v1", "acme/app:v2")
    assert (compared.returncode, compared.stdout) == (1, "not the same\n")


def test_an_image_that_is_not_there(ghcr, images):
    """The tool passes on what skopeo says."""
    copied = images("copy", "acme/app:v1", "acme/backup:v1")
    assert copied.returncode == 1
    assert "manifest unknown" in copied.stderr
    assert ghcr.requests("manifest.put") == []
