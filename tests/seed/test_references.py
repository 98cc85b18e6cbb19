"""Names: what a person may write, and what archives say."""

from __future__ import annotations

import pytest

from ghcr_sim.errors import SeedError
from ghcr_sim.seed.references import parse_reference, place


@pytest.mark.parametrize(
    ("text", "repository", "tag"),
    [
        ("acme/app", "acme/app", None),
        ("acme/app:v1", "acme/app", "v1"),
        ("ghcr.io/acme/app:v1", "acme/app", "v1"),
        ("ghcr.io/acme/team/app", "acme/team/app", None),
        ("acme/app.io:1.0_x", "acme/app.io", "1.0_x"),
    ],
)
def test_a_reference_is_read(text: str, repository: str, tag: str | None):
    """A reference is `owner/name[:tag]`, and GHCR's own name before it is dropped."""
    assert parse_reference(text) == (repository, tag)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("acme/app@sha256:" + "0" * 64, "the content decides the digest"),
        ("acme/app:v1@sha256:" + "0" * 64, "the content decides the digest"),
        ("app:v1", "has no owner: give owner/name:tag, such as 'acme/app:v1'"),
        ("", "has no owner: give owner/name:tag, such as 'acme/app'"),
        ("Acme/app", "must be lowercase"),
        ("acme/app:", "invalid tag ''"),
        ("acme/app:.v1", "invalid tag"),
        ("acme//app", "invalid repository name"),
        ("quay.io/acme/app:v1", "names the registry quay.io"),
        ("localhost:5000/acme/app:v1", "names the registry localhost:5000"),
    ],
)
def test_a_bad_reference_says_why(text: str, why: str):
    """What is no reference is refused with the reason."""
    with pytest.raises(SeedError, match=why):
        parse_reference(text)


@pytest.mark.parametrize(
    ("names", "repository", "wanted"),
    [
        pytest.param([["ghcr.io/acme/app:v1"]], None, [{"acme/app": ["v1"]}], id="full name"),
        pytest.param([["docker.io/acme/app:v1"]], None, [{"acme/app": ["v1"]}], id="as docker writes it"),
        pytest.param([["localhost/acme/app:v1"]], None, [{"acme/app": ["v1"]}], id="as podman writes it"),
        pytest.param([["acme/app"]], None, [{"acme/app": ["latest"]}], id="no tag is latest"),
        pytest.param([["acme/app@sha256:0"]], None, [{"acme/app": []}], id="a digest is no tag"),
        pytest.param([["acme/app:v1", "acme/app:v1"]], None, [{"acme/app": ["v1"]}], id="once is enough"),
        pytest.param(
            [["acme/a:v1", "acme/b:v2"]], None, [{"acme/a": ["v1"], "acme/b": ["v2"]}], id="two names"
        ),
        pytest.param([["acme/a:v1"], []], None, [{"acme/a": ["v1"]}, {"acme/a": []}], id="nameless beside"),
        pytest.param(
            [["v1"], ["v2"], []], "acme/a", [{"acme/a": t} for t in (["v1"], ["v2"], [])], id="tags only"
        ),
        pytest.param([["app:v1"]], "acme/a", [{"acme/a": ["v1"]}], id="no owner"),
        pytest.param([["docker.io/library/app:v1"]], "acme/a", [{"acme/a": ["v1"]}], id="docker's library"),
        pytest.param([["quay.io/x/y:v1"]], "acme/a", [{"acme/a": ["v1"]}], id="elsewhere"),
        pytest.param([["quay.io/x/y"]], "acme/a", [{"acme/a": ["latest"]}], id="elsewhere without a tag"),
        pytest.param([["x/y@sha256:0"]], "acme/a", [{"acme/a": []}], id="elsewhere by digest"),
        pytest.param([[]], "acme/a", [{"acme/a": ["latest"]}], id="one nameless"),
        pytest.param([[]], "acme/a:v9", [{"acme/a": ["v9"]}], id="one nameless with a tag"),
        pytest.param([["acme/b:v1"]], "acme/a:v9", [{"acme/a": ["v9"]}], id="renamed"),
        pytest.param([[], []], "acme/a", [{"acme/a": []}, {"acme/a": []}], id="two nameless"),
    ],
)
def test_images_go_where_names_and_caller_say(names: list[list[str]], repository: str | None, wanted: object):
    """The caller's word comes first, then the archive's."""
    assert place(names, repository, "x.tar") == wanted


@pytest.mark.parametrize(
    ("names", "repository", "why"),
    [
        pytest.param(
            [["v1"]], None, "an image 'v1', which is not owner/name:tag: pass repository=", id="tag only"
        ),
        pytest.param([["alpine:3"]], None, "pass repository=", id="no owner"),
        pytest.param([["docker.io/library/alpine:3"]], None, "pass repository=", id="docker's library"),
        pytest.param([["quay.io/x/y:v1"]], None, "pass repository=", id="elsewhere"),
        pytest.param([["acme/app:-"]], None, "invalid tag", id="bad tag"),
        pytest.param([[]], None, "an image without a name: pass repository=", id="nameless"),
        pytest.param([["a/b:1"], ["a/c:1"], []], None, "an image without a name", id="nameless among two"),
        pytest.param(
            [["v1"], ["v2"]], "acme/a:v9", "2 images: pass repository='acme/a' without", id="tag for two"
        ),
        pytest.param(
            [["a/x:1"], ["a/y:1"]], "acme/a", "two images that would both be acme/a:1", id="collision"
        ),
        pytest.param([["a b"]], "acme/a", "invalid tag", id="name that is no tag"),
        pytest.param([["v1"]], "app", "has no owner", id="bad repository"),
    ],
)
def test_unclear_names_say_what_to_pass(names: list[list[str]], repository: str | None, why: str):
    """Nothing is guessed: an unclear name is refused with the remedy."""
    with pytest.raises(SeedError, match=why):
        place(names, repository, "x.tar")
