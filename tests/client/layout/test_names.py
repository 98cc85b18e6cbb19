"""Which image a name means, among those that a layout or an archive lists."""

from __future__ import annotations

import pytest
from ghcr_client.errors import InvalidReference, LayoutError
from ghcr_client.layout.names import chosen, digest_in, names_of
from ghcr_client.models import Descriptor

BARE = [(("v1",), "one"), (("v2",), "two")]
FULL = [(("ghcr.io/acme/app:v1",), "one"), (("ghcr.io/acme/app:v2",), "two"), (("quay.io/x/y:v1",), "other")]
DOCKER = [(("alpine:3",), "one"), (("acme/app:v1", "acme/app:v2"), "two")]


@pytest.mark.parametrize(
    ("named", "wanted", "expected"),
    [
        pytest.param(BARE, "v1", "one", id="bare-bare"),
        pytest.param(BARE, "ghcr.io/acme/app:v2", "two", id="full-finds-bare"),
        pytest.param(BARE, "localhost:5000/app:v2", "two", id="port-is-no-tag"),
        pytest.param(FULL, "v2", "two", id="bare-finds-full"),
        pytest.param(FULL, "ghcr.io/acme/app:v1", "one", id="full-full"),
        pytest.param(FULL, "acme/app:v1", "one", id="registry-left-out"),
        pytest.param(DOCKER, "docker.io/library/alpine:3", "one", id="docker-hub"),
        pytest.param(DOCKER, "ghcr.io/acme/app:v2", "two", id="docker-wrote-no-registry"),
        pytest.param([(("latest",), "one"), (("v1",), "two")], "ghcr.io/acme/app", "one", id="latest"),
        pytest.param([(("v1",), "one")], None, "one", id="only-one"),
        pytest.param([((), "one")], None, "one", id="only-one-nameless"),
        pytest.param([(("a",), "one"), (("b",), "one")], None, "one", id="only-one-twice"),
        pytest.param([((), "two"), (("v1",), "one")], None, "one", id="only-one-with-a-name"),
        pytest.param([(("app:v1",), "one"), (("v1",), "two")], "v1", "two", id="same-text-first"),
        pytest.param([(("1.0+b/x",), "one"), (("v1",), "two")], "1.0+b/x", "one", id="no-reference-at-all"),
    ],
)
def test_one_is_meant(named, wanted, expected) -> None:
    """A bare tag finds a full name and the other way round; the best kind of fit decides."""
    assert chosen(named, wanted, "app.tar") == expected


@pytest.mark.parametrize(
    ("named", "wanted", "words"),
    [
        pytest.param([], None, "holds no image: put one there first", id="empty"),
        pytest.param(BARE, None, "holds 2 images: say which one of v1, v2", id="several"),
        pytest.param([((), "sha256:aa"), ((), "sha256:bb")], None, "sha256:aa, sha256:bb", id="nameless"),
        pytest.param(BARE, "v3", "holds no image 'v3': it has v1, v2", id="none"),
        pytest.param(FULL, "v1", "one of ghcr.io/acme/app:v1, quay.io/x/y:v1", id="two-of-that-tag"),
        pytest.param(FULL, "ghcr.io/acme/other:v1", "holds no image", id="other-repository"),
        pytest.param([((f"v{i}",), str(i)) for i in range(30)], None, "v19, and 10 more", id="many"),
        pytest.param([(("a\x1b[31m\nb",), "one")], "v1", "it has a [31m b", id="hostile-name"),
    ],
)
def test_refusals_list_the_names(named, wanted, words) -> None:
    """Where none or several are meant, the error says what there is, on one line."""
    with pytest.raises(LayoutError) as caught:
        chosen(named, wanted, "app.tar")
    assert words in str(caught.value)
    assert str(caught.value).startswith("app.tar holds ")
    assert str(caught.value).isprintable()


def test_digest_in_a_reference() -> None:
    """A digest decides, alone or behind a name; half a digest is an error, not a name."""
    digest = "sha256:" + "a" * 64
    assert digest_in(digest) == digest_in(f"ghcr.io/acme/app:v1@{digest}") == digest
    assert digest_in("v1") is None
    for broken in ("sha256:abc", "app@v1", "sha256:" + "A" * 64):
        with pytest.raises(InvalidReference):
            digest_in(broken)


def test_full_names_of_containerd() -> None:
    """Docker and containerd write two names: both are known, the full one is the first."""
    annotations = {
        "org.opencontainers.image.ref.name": "3",
        "io.containerd.image.name": "docker.io/library/alpine:3",
    }
    named = Descriptor(media_type="x", digest="sha256:" + "a" * 64, size=0, annotations=annotations)
    assert names_of(named) == ("docker.io/library/alpine:3", "3")
