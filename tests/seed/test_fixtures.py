"""The data that comes with the package."""

from __future__ import annotations

import ghcr_fixtures
import pytest
from seed.hello import DIGEST, hello_tar

from ghcr_sim.seed import seed_path
from ghcr_sim.store import Store


def test_hello_is_what_the_code_makes():
    """`seeds/hello.tar` can be made again, byte for byte, on any machine."""
    assert ghcr_fixtures.path("seeds/hello.tar").read_bytes() == hello_tar()


def test_hello_can_be_seeded():
    """`seeds/hello.tar` needs no explanation: it names its image."""
    (hello,) = seed_path(Store(), ghcr_fixtures.path("seeds/hello.tar"))
    assert hello.ref == f"acme/hello@{DIGEST}"
    assert hello.tags == ("v1",)
    assert list(hello.manifests) == ["linux/amd64", "linux/arm64"]


def test_every_name_has_a_path():
    """What `names` lists, `path` finds; code is not listed."""
    assert "seeds/hello.tar" in ghcr_fixtures.names()
    assert all(ghcr_fixtures.path(name).is_file() for name in ghcr_fixtures.names())
    assert not any(name.endswith((".py", ".typed", ".pyc")) for name in ghcr_fixtures.names())


@pytest.mark.parametrize(
    "name", ["seeds/nothing.tar", "__init__.py", "seeds/../__init__.py", "/etc/hostname", "seeds"]
)
def test_an_unknown_name_is_told_what_exists(name: str):
    """No name leads out of the data, and the error lists what there is."""
    with pytest.raises(KeyError, match=r"^no fixture .*seeds/hello\.tar") as caught:
        ghcr_fixtures.path(name)
    assert isinstance(caught.value, ghcr_fixtures.UnknownFixture)
