"""The assertions and matchers: what passes, what fails, and that a failure says why."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import urllib.error
import urllib.request
from base64 import b64encode

import pytest
from ghcr_client import Digest, ImageRef

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_INDEX, OCI_LAYER, OCI_LAYER_GZIP
from ghcr_sim.seed import Layer
from ghcr_sim.seed.intake import bytes_blob
from ghcr_sim.store import Manifest
from pytest_ghcr.checks import (
    a_digest_of,
    a_reference,
    any_digest,
    assert_image_equal,
    assert_pulled,
    assert_pushed,
)
from pytest_ghcr.images import ImageFactory
from pytest_ghcr.simulator import Ghcr

BOTH = ["linux/amd64", "linux/arm64"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SHA = digest_of(b"x")


def ask(ghcr, path, method="GET", data=None):
    """A request with the fake's token; its status."""
    token = b64encode(ghcr.token.encode()).decode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": MANIFEST, "Accept": MANIFEST}
    request = urllib.request.Request(f"{ghcr.url}/v2/{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def why(check, *words, **options):
    """What a check says that fails."""
    with pytest.raises(AssertionError) as failed:
        check(*words, **options)
    return str(failed.value)


def tar(**files: bytes) -> bytes:
    """A tar with some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


# -- images


def test_equal_by_content(ghcr, ghcr_image):
    """Names, annotations, Docker's media types and compression do not count."""
    one = ghcr_image("acme/app:v1", platforms=BOTH, layers=[b"one"])
    other = ghcr_image("octo/tool:v9", platforms=BOTH[::-1], layers=[b"one"], annotations={"a": "b"})
    assert one.digest != other.digest
    assert_image_equal(one, other)
    assert_image_equal(one, "octo/tool:v9")
    assert_image_equal(f"acme/app@{one.digest}", f"ghcr.io/{other.pinned}", ghcr)
    assert_image_equal(
        "acme/app:v1", ghcr.seed("acme/docker", platforms=BOTH, layers=[b"one"], docker=True), ghcr
    )
    plain = tar(a=b"1")
    packed = [Layer(OCI_LAYER_GZIP, gzip.compress(plain, level)) for level in (1, 9)]
    loose = ghcr_image("acme/a", layers=[Layer(OCI_LAYER, plain)])
    for number, layer in enumerate(packed):
        assert_image_equal(loose, ghcr_image(f"acme/a:{number}", layers=[layer]))


def test_an_image_has_the_platform_of_its_config(ghcr_image):
    """The image for one platform, by its digest, equals one that is no part of an index."""
    index = ghcr_image("acme/app:v1", platforms=BOTH, layers=[b"one"])
    alone = ghcr_image("acme/alone", platforms=["linux/arm64"], layers=[b"one"])
    assert_image_equal(f"acme/app@{index.platforms['linux/arm64']}", alone)
    assert "platforms that only acme/alone:latest has: linux/arm64" in why(
        assert_image_equal, f"acme/app@{index.platforms['linux/amd64']}", alone
    )


def test_two_fakes_are_compared(ghcr_image):
    """Each image is read in the fake that made it."""
    other = ImageFactory(Ghcr())
    assert_image_equal(ghcr_image("acme/app:v1"), other("acme/app:v1"))
    said = why(assert_image_equal, ghcr_image("acme/app:v1"), other("acme/app:v1", labels={"a": "b"}))
    assert '+    "Labels": {' in said


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"labels": {"team": "b"}}, ["config for linux/amd64:", '-      "team": "a"', '+      "team": "b"']),
        ({"layers": [b"two"]}, ["layers[0] for linux/amd64:", OCI_LAYER_GZIP, "manifest:"]),
        ({"layers": [b"one", b"two"]}, ["layers for linux/amd64: acme/app:v1 has 1, acme/app:v2 has 2"]),
        ({"platforms": BOTH}, ["platforms that only acme/app:v2 has: linux/arm64"]),
        ({"platforms": BOTH[1:]}, ["platforms that only acme/app:v1 has: linux/amd64"]),
    ],
)
def test_a_difference_is_shown(ghcr_image, recipe, words):
    """A failure names both images, and shows what differs as a diff."""
    same = {"layers": [b"one"], "labels": {"team": "a"}}
    said = why(
        assert_image_equal, ghcr_image("acme/app:v1", **same), ghcr_image("acme/app:v2", **same | recipe)
    )
    assert said.startswith("acme/app:v1 and acme/app:v2 are not the same image.\n")
    for word in words:
        assert word in said


def test_a_layer_that_is_lost_is_a_difference(ghcr, ghcr_image):
    """A child or a layer that is not in the fake does not equal one that is."""
    one = ghcr_image("acme/app:v1", platforms=BOTH, layers=[b"one"])
    other = ghcr_image("acme/copy:v1", platforms=BOTH, layers=[b"one"])
    ghcr.simulator.store.delete_manifest("acme/copy", other.platforms["linux/arm64"])
    assert "layers for linux/arm64: acme/app:v1 has 1, acme/copy:v1 has 0" in why(
        assert_image_equal, one, other
    )


def test_parts_that_have_no_platform_of_their_own(ghcr, ghcr_image):
    """Several parts of one platform, an index within an index and a lost config are each compared, none overlooked."""
    store = ghcr.simulator.store
    amd, arm = (ghcr_image(f"acme/app:{each[-5:]}", platforms=[each], layers=[b"one"]) for each in BOTH)

    def index(tag, *children):
        listed = [
            {"mediaType": each.media_type, "digest": each.digest, "size": each.size, "platform": platform}
            for each, platform in children
        ]
        text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
        made = Manifest.read(digest_of(text), OCI_INDEX, text)
        store.put_manifest("acme/app", made, [tag])
        return made

    unknown = {"os": "unknown", "architecture": "unknown"}
    index("a", (amd, unknown), (arm, unknown))
    index("b", (arm, unknown), (arm, unknown))
    assert "config for unknown/unknown:" in why(assert_image_equal, "acme/app:a", "acme/app:b", ghcr)
    index("c", (index("inner", (amd, None)), None))
    index("d", (index("inner", (arm, None)), None))
    assert "config for manifests[0]:" in why(assert_image_equal, "acme/app:c", "acme/app:d", ghcr)
    assert_image_equal("acme/app:c", "acme/app:c", ghcr)
    store.delete_blob("acme/app", json.loads(amd.manifest)["config"]["digest"])
    said = why(assert_image_equal, amd, ghcr_image("acme/b", layers=[b"one"]))
    assert "platforms that only acme/app:amd64 has: none (its config is not in the fake)" in said


def test_content_that_is_damaged(ghcr):
    """A layer that only begins as gzip, one that is lost and a config that is no JSON count as the bytes they are."""
    store = ghcr.simulator.store

    def put(tag, config, *layers, lost=()):
        for content in (config, *layers):
            store.put_blob("acme/app", bytes_blob([content]))
        named = [
            {"mediaType": OCI_LAYER_GZIP, "digest": digest_of(each), "size": 1} for each in (*layers, *lost)
        ]
        described = {"mediaType": OCI_LAYER, "digest": digest_of(config), "size": len(config)}
        text = json.dumps({"schemaVersion": 2, "config": described, "layers": named, "x": tag}).encode()
        store.put_manifest("acme/app", Manifest.read(digest_of(text), MANIFEST, text), [tag])

    put("a", b"\xff", b"\x1f\x8bone")
    put("b", b"\xff", b"\x1f\x8bone")
    put("c", b"\xfe", b"\x1f\x8btwo")
    put("d", b"\xff", lost=(b"one",))
    put("e", b"\xff", lost=(b"two",))
    assert_image_equal("acme/app:a", "acme/app:b", ghcr)
    said = why(assert_image_equal, "acme/app:a", "acme/app:c", ghcr)
    assert "config for none:" in said
    assert "layers[0] for none:" in said
    assert f"{digest_of(b'two')} ({OCI_LAYER_GZIP}, not in the fake)" in why(
        assert_image_equal, "acme/app:d", "acme/app:e", ghcr
    )


def test_what_cannot_be_compared(ghcr, ghcr_image):
    """An image that is not there, a reference without a fake, and what is no reference."""
    image = ghcr_image("acme/app:v1")
    said = why(assert_image_equal, image, "acme/app:v2")
    assert said == "acme/app:v2 is not there. The fake has acme/app with the tags v1."
    assert "The fake has no repository acme/appp; did you mean acme/app?" in why(
        assert_image_equal, image, "acme/appp:v1"
    )
    with pytest.raises(ValueError, match="in which fake is acme/app:v1"):
        assert_image_equal("acme/app:v1", "acme/app:v1")
    with pytest.raises(ValueError, match="'Acme/App' is no reference"):
        assert_image_equal(image, "Acme/App")


@pytest.mark.parametrize("check", [assert_pulled, assert_pushed], ids=lambda check: check.__name__)
def test_what_is_no_image(ghcr, check):
    """A number is no repository of that name: the error says what to give."""
    with pytest.raises(
        TypeError, match=r"^an image is of the type int: give 'acme/app:v1', or an image of ghcr_image"
    ):
        check(ghcr, 5)


# -- pulled, pushed


def test_pulled(ghcr, ghcr_image):
    """A GET of the tag or of its digest counts; a HEAD, another image and a refusal do not."""
    image = ghcr_image("acme/app:v1")
    ghcr_image("acme/app:v2")
    ask(ghcr, "acme/app/manifests/v1", "HEAD")
    ask(ghcr, "acme/app/manifests/v2")
    ghcr.fail("manifest.get", status=503)
    ask(ghcr, "acme/app/manifests/v1")
    assert_pulled(ghcr, image, times=0)
    said = why(assert_pulled, ghcr, "acme/app:v1")
    assert said.startswith("acme/app:v1 was not pulled, and once or more was asserted.\n")
    assert f"GET /v2/acme/app/manifests/v1 or {image.digest}, answered with 200" in said
    assert "The nearest of 3 requests:" in said
    assert "  503  manifest.get     GET /v2/acme/app/manifests/v1" in said
    ask(ghcr, "acme/app/manifests/v1")
    ask(ghcr, f"acme/app/manifests/{image.digest}")
    for reference in ("acme/app:v1", "ghcr.io/acme/app:v1", f"{ghcr.host}/acme/app:v1", image):
        assert [each.status for each in assert_pulled(ghcr, reference)] == [200, 200]
    assert_pulled(ghcr, image, times=2)
    assert_pulled(ghcr, ghcr.seed("acme/app:v1"), times=2)
    assert_pulled(ghcr, image.pinned, times=1)
    assert "acme/app:v1 was pulled twice, and once was asserted." in why(assert_pulled, ghcr, image, times=1)


def test_an_image_is_pulled_by_what_came(ghcr, ghcr_image):
    """An image is its manifest, whatever its tag points at by now: it counts when its bytes came, and else not."""
    old = ghcr_image("acme/app:v1", tags=["stable"])
    ask(ghcr, "acme/app/manifests/v1")
    new = ghcr_image("acme/app:v1", layers=[{"x": "y"}])
    assert_pulled(ghcr, old, times=1)
    assert_pulled(ghcr, new, times=0)
    ask(ghcr, f"acme/app/manifests/{old.digest}")
    ask(ghcr, "acme/app/manifests/stable")
    assert [each.reference for each in assert_pulled(ghcr, old, times=3)] == ["v1", old.digest, "stable"]
    said = why(assert_pulled, ghcr, new)
    assert f"GET /v2/acme/app/manifests/TAG or DIGEST, answered with 200 and {new.digest}." in said
    ask(ghcr, "acme/app/manifests/v1")
    assert_pulled(ghcr, new, times=1)
    assert f"acme/app:v1, which is {new.digest} by now." in why(assert_pulled, ghcr, old, times=1)
    assert_pulled(ghcr, "acme/app:v1", times=2)


def test_not_pulled_at_all(ghcr):
    """Where nothing came, the failure asks whether the address is known."""
    said = why(assert_pulled, ghcr, "acme/app:v1")
    assert "The fake has no repository acme/app" in said
    assert "No request has come at all" in said


def test_pushed(ghcr, ghcr_image):
    """A PUT that was taken counts; a digest is what the tag has to point at now."""
    image = ghcr_image("acme/app:v1")
    said = why(assert_pushed, ghcr, "acme/app:v1")
    assert said.startswith("acme/app:v1 was not pushed.\n")
    assert "The fake has acme/app:v1." in said
    assert ask(ghcr, "acme/app/manifests/v2", "PUT", b"{}") == 400
    assert "  400  manifest.put " in why(assert_pushed, ghcr, "acme/app:v2")
    assert ask(ghcr, "acme/app/manifests/v2", "PUT", image.manifest) == 201
    assert assert_pushed(ghcr, "acme/app:v2") == image.digest
    assert_pushed(ghcr, "acme/app:v2", digest=image.digest)
    said = why(assert_pushed, ghcr, "acme/app:v2", digest=SHA)
    assert said.startswith(f"acme/app:v2 was pushed, and points at {image.digest}.\nAsserted was {SHA}.\n")
    ghcr.simulator.store.delete_tag("acme/app", "v2")
    assert "acme/app:v2 was pushed, and is gone." in why(assert_pushed, ghcr, "acme/app:v2")


# -- matchers


@pytest.mark.parametrize(
    ("matcher", "equal", "unequal"),
    [
        (any_digest, [SHA, digest_of(b"", "sha512"), Digest(SHA)], ["sha256:abc", "v1", 1, None, b""]),
        (a_digest_of(b"x"), [SHA, digest_of(b"x", "sha512")], [digest_of(b"y"), "x", None]),
        (
            a_reference("acme/app"),
            [
                "acme/app",
                "ghcr.io/acme/app:v1",
                f"localhost:5000/acme/app@{SHA}",
                ImageRef.parse("acme/app:v1"),
            ],
            ["acme/ap", "acme/app:", "Acme/app", "ghcr.io/x/acme/app", 5, f"acme/app@{SHA}0"],
        ),
        (a_reference(tag="v1"), ["a/b:v1", f"ghcr.io/a/b:v1@{SHA}"], ["a/b", "a/b:v2", "v1:"]),
        (a_reference(tag="", digest=SHA), [f"a/b@{SHA}"], [f"a/b:v1@{SHA}", "a/b"]),
        (a_reference(registry="ghcr.io"), ["ghcr.io/a/b"], ["a/b", "ghcr.io", "quay.io/a/b"]),
    ],
)
def test_matchers(matcher, equal, unequal):
    """Each equals what fits, from either side and inside of collections, and nothing else."""
    for value in equal:
        assert value == matcher
        assert matcher == value
        assert {"a": [value]} == {"a": [matcher]}
    for value in unequal:
        assert value != matcher
        assert matcher != value


def test_matchers_explain_themselves(ghcr_image):
    """A repr says what would be equal; an image of the factory is a reference, too."""
    assert repr(any_digest) == "<any digest>"
    assert repr(a_digest_of(b"x")) == f"<the digest of these 1 bytes, {SHA}>"
    assert repr(a_reference("acme/app", tag="v1")) == "<a reference with repository='acme/app' tag='v1'>"
    assert repr(a_reference()) == "<any reference>"
    assert ghcr_image("acme/app:v1") == a_reference("acme/app", tag="v1")
    assert any_digest != a_digest_of(b"")


def test_failures_point_at_the_test(pytester):
    """The traceback ends in the test's own line, and shows the account."""
    pytester.makeconftest("import pytest\npytest.register_assert_rewrite('pytest_ghcr.checks')\n")
    pytester.makepyfile(
        """
        from pytest_ghcr.checks import assert_pulled, a_reference

        def test_pull(ghcr):
            assert_pulled(ghcr, "acme/app:v1")

        def test_match():
            assert {"image": "acme/app:v2"} == {"image": a_reference("acme/app", tag="v1")}
        """
    )
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(
        [
            '>       assert_pulled(ghcr, "acme/app:v1")',
            "E       AssertionError: acme/app:v1 was not pulled*",
            "test_failures_point_at_the_test.py:4: AssertionError",
            "E *<a reference with repository='acme/app' tag='v1'>*",
        ]
    )
    assert "checks.py" not in done.stdout.str()
