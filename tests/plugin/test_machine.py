"""`RegistryMachine` finds nothing in a client that is right, and finds each bug that is planted in one."""

from __future__ import annotations

import json
import urllib.request

import pytest
from ghcr_client import Manifest, NotFound, SyncGhcrClient
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from plugin.registry_client import Missing, SmallClient

from pytest_ghcr.strategies import RegistryMachine, images

pytestmark = pytest.mark.usefixtures("_ghcr_background")

QUIET = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
HUNT = settings(
    QUIET,
    max_examples=300,
    stateful_step_count=20,
    derandomize=True,
    phases=[Phase.generate],
    print_blob=False,
)


class OurMachine(RegistryMachine):
    """Tries `SyncGhcrClient`."""

    missing = NotFound

    def connect(self):
        self.client = SyncGhcrClient(registry=self.ghcr.url, token=self.ghcr.token).open()

    def close(self):
        self.client.close()

    def push(self, repository, tag, image):
        for content in image.blobs.values():
            self.client.upload_blob(repository, content)
        for each in image.manifests():
            name = f"{repository}:{tag}" if each is image else f"{repository}@{each.digest}"
            self.client.push_manifest(name, Manifest.parse(each.manifest, each.media_type))

    def pull(self, repository, reference):
        mark = "@" if ":" in reference else ":"
        manifest = self.client.pull_manifest(f"{repository}{mark}{reference}")
        blobs = {}
        for child in manifest.document.children:
            if manifest.is_multi_arch:
                blobs |= self.pull(repository, child.digest)[1]
            else:
                blobs[child.digest] = self.client.get_blob(repository, child.digest)
        return manifest.raw, blobs

    def tags(self, repository):
        return self.client.list_tags(repository)

    def tag(self, repository, reference, tag):
        self.client.tag_image(f"{repository}:{reference}", tag)

    def delete(self, repository, digest):
        self.client.delete_image(f"{repository}@{digest}")


class SmallMachine(RegistryMachine):
    """Tries the small client on urllib."""

    missing = Missing
    client_type = SmallClient

    def connect(self):
        self.client = self.client_type(self.ghcr.url, self.ghcr.token)

    def push(self, repository, tag, image):
        self.client.push(repository, tag, image)

    def pull(self, repository, reference):
        return self.client.pull(repository, reference)

    def tags(self, repository):
        return self.client.tags(repository)

    def tag(self, repository, reference, tag):
        self.client.tag(repository, reference, tag)

    def delete(self, repository, digest):
        self.client.delete(repository, digest)


@pytest.mark.parametrize("profile", ["ghcr", "oci"])
@pytest.mark.parametrize("machine", [OurMachine, SmallMachine])
def test_a_right_client_passes(machine, profile):
    """Ours and a small one, with GHCR's quirks and without; what GHCR forbids is not tried."""
    run_state_machine_as_test(type("Machine", (machine,), {"profile": profile}), settings=QUIET)


class CachesTags(SmallClient):
    """Remembers what a tag named, and does not ask again."""

    def __init__(self, *words):
        super().__init__(*words)
        self._known = {}

    def manifest(self, repository, reference):
        if (repository, reference) not in self._known:
            self._known[repository, reference] = super().manifest(repository, reference)
        return self._known[repository, reference]


class Leaks(SmallClient):
    """Follows a redirect as urllib does: with the credential."""

    redirects = urllib.request.HTTPRedirectHandler


class FirstPageOnly(SmallClient):
    """Takes the first page of tags for all of them."""

    def tags(self, repository):
        return json.loads(self.ask("GET", repository, "tags/list?n=2")[1])["tags"]


class RewritesManifests(SmallClient):
    """Writes a manifest anew when it gives it a tag."""

    def put(self, repository, name, manifest, media_type):
        super().put(repository, name, json.dumps(json.loads(manifest)).encode(), media_type)


class SkipsChildren(SmallClient):
    """Pulls what an index lists only if it runs here."""

    def pull(self, repository, reference):
        manifest, blobs = super().pull(repository, reference)
        return manifest, dict(list(blobs.items())[:2])


class Silent(SmallClient):
    """Gives nothing for what is not there."""

    def pull(self, repository, reference):
        try:
            return super().pull(repository, reference)
        except Missing:
            return b"", {}


class DeletesNothing(SmallClient):
    """Believes that deleting worked."""

    def delete(self, repository, digest):
        pass


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (CachesTags, r"pull\('acme/app', 'v\d'\) gave b'.*, and the manifest is |has to be sha256:"),
        (Leaks, "a credential went to the storage host: drop Authorization on a redirect"),
        (FirstPageOnly, r"tags\('.*'\) gave \["),
        (RewritesManifests, "has to be sha256:.*, and is "),
        (SkipsChildren, r"pull\(.*\) gave no sha256:"),
        (Silent, r"pull\(.*\) raised nothing, and there is no such image"),
        (DeletesNothing, r"delete\(.*\) (left|deleted nothing)"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "found",
)
def test_a_planted_bug_is_found(client, words):
    """The failure says which call gave what, and what it should have been."""
    fields = {
        "client_type": client,
        "profile": "oci" if client is DeletesNothing else "ghcr",
        "image_strategy": images(max_layers=1),
        "repository_strategy": st.just("acme/app"),
        "tag_strategy": st.sampled_from(("v1", "v2", "v3", "v4")),
    }
    machine = type("Machine", (SmallMachine,), fields)
    with pytest.raises(AssertionError, match=words):
        run_state_machine_as_test(machine, settings=HUNT)


def test_only_what_is_there_is_tried():
    """A client that pushes and pulls is enough; one without is told what to write."""

    class Least(RegistryMachine):
        image_strategy = images(multi_platform=False)

        def connect(self):
            self.client = SmallClient(self.ghcr.url, self.ghcr.token)

        def push(self, repository, tag, image):
            self.client.push(repository, tag, image)

        def pull(self, repository, reference):
            return self.client.pull(repository, reference)

    run_state_machine_as_test(Least, settings=QUIET)
    with pytest.raises(
        NotImplementedError, match=r"RegistryMachine has no p\w+\(repository, .*\): write one"
    ):
        run_state_machine_as_test(RegistryMachine, settings=HUNT)


def test_each_run_has_its_own_fake(monkeypatch):
    """What one run pushed no other sees, and every fake is closed, also where the client cannot be made."""
    seen = []

    class Counted(SmallMachine):
        def connect(self):
            super().connect()
            assert self.ghcr.simulator.store.names() == []
            seen.append(self.ghcr)

    run_state_machine_as_test(Counted, settings=settings(QUIET, max_examples=3))
    assert len(seen) > 1
    for each in seen:
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(each.url, timeout=5)

    class Broken(SmallMachine):
        def connect(self):
            seen.append(self.ghcr)
            raise LookupError("no such client")

    with pytest.raises(LookupError, match="no such client"):
        Broken()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(seen[-1].url, timeout=5)
