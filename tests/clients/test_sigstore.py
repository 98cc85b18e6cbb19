"""@sigstore/oci, the library with which GitHub's attest action pushes attestations to ghcr.io."""

from __future__ import annotations

import json

import pytest
from tools import require

pytestmark = pytest.mark.clients

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SCRIPT = """
const { attachArtifactToImage, getImageDigest } = require('@sigstore/oci');
const [image, tag, username, password, mediaType] = process.argv.slice(2);
const credentials = { username, password };
const chain = (error) => (error ? [String(error.message), ...chain(error.cause)] : []);
(async () => {
  const fetchOpts = { retry: false };
  const imageDigest = await getImageDigest({ imageName: image, imageTag: tag, credentials, fetchOpts });
  const attached = await attachArtifactToImage({
    imageName: image, imageDigest, credentials, mediaType, fetchOpts,
    artifact: Buffer.from('{"mediaType":"a bundle"}'),
    annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope' },
  });
  console.log(JSON.stringify({ imageDigest, attached }));
})().catch((error) => { console.error(chain(error).join(': ')); process.exit(1); });
"""


@pytest.fixture
def attest(door, home):
    """Attach an attestation to an image."""
    require("node", "sigstore-oci-node")
    script = home.path("attest.cjs")
    script.write_text(SCRIPT)
    env = {"NODE_EXTRA_CA_CERTS": str(door.ca)} if door.tls else {}

    def run(name, tag, *, token=door.token, refused=False):
        call = home.refused if refused else home.run
        done = call("sigstore-oci-node", script, door.ref(name), tag, door.user, token, BUNDLE, env=env)
        return done if refused else json.loads(done.stdout)

    return run


def test_an_attestation_is_attached_through_the_fallback_tag(door, public, attest):
    """The subject is accepted without OCI-Subject and without a referrers API: the library writes the tag."""
    told = attest("acme/public", "v1")
    assert told["imageDigest"] == public
    assert "subjectDigest" not in told["attached"]

    artifact = door.manifest("acme/public", told["attached"]["digest"])
    assert artifact["artifactType"] == BUNDLE
    assert artifact["subject"]["digest"] == public
    index = door.manifest("acme/public", door.held("acme/public")[public.replace(":", "-")])
    assert [one["digest"] for one in index["manifests"]] == [told["attached"]["digest"]]
    assert door.statuses("referrers.list") == {404}
    door.assert_no_leak()


def test_a_second_attestation_joins_the_first(door, public, attest):
    """The fallback index is read, extended and written back."""
    first = attest("acme/public", "v1")["attached"]["digest"]
    second = attest("acme/public", "v1")["attached"]["digest"]
    index = door.manifest("acme/public", door.held("acme/public")[public.replace(":", "-")])
    assert [one["digest"] for one in index["manifests"]] == [first, second]


def test_an_attestation_with_a_wrong_token_is_denied(door, public, attest):
    """The realm says 403 «denied»; of that the library tells its user the status."""
    assert "/token?" in (said := attest("acme/public", "v1", token="ghp_wrong", refused=True))
    assert "expected 200, received 403" in said
    assert door.statuses("token.get") == {403}
    assert door.held("acme/public") == {"v1": public}
