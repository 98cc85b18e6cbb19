"""The fake beside a model of a few dictionaries: whatever is done to both, both show the same."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from asking import Fake, descriptor, image
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST

REPOSITORIES = st.sampled_from(("acme/app", "acme/app/deep", "other/app"))
WORDS = st.sampled_from(("one", "two", "three"))
TAGS = st.sampled_from(("v1", "v2", "latest"))
SUBJECT = descriptor(b"subject", OCI_MANIFEST)


@dataclass
class Repository:
    """What the specification lets a client see of a repository."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


Model = dict[str, Repository]


def manifest_of(word: str, kind: str) -> bytes:
    """An image, an image with a subject, or an index over the image."""
    if kind == "index":
        entry = descriptor(manifest_of(word, "image"), OCI_MANIFEST)
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    else:
        document = image(word, **({"subject": SUBJECT} if kind == "referrer" else {}))
    return json.dumps(document).encode()


def needed(document: dict[str, Any], held: Repository) -> bool:
    """Whether all that a manifest names is there."""
    if "manifests" in document:
        return all(each["digest"] in held.manifests for each in document["manifests"])
    return all(each["digest"] in held.blobs for each in (document["config"], *document["layers"]))


class Beside(RuleBasedStateMachine):
    """Does everything twice: to the fake, and to the model."""

    snapshots = Bundle("snapshots")

    def __init__(self) -> None:
        super().__init__()
        self.oci = Fake(Simulator("oci"))
        self.model: Model = {}
        self.forked: list[tuple[Fake, Model]] = []

    def held(self, repository: str) -> Repository:
        return self.model.get(repository, Repository())

    @initialize(repository=REPOSITORIES)
    def begin_with_something(self, repository: str) -> None:
        for data in (b"{}", b"one"):
            self.push_blob(repository, data)

    @rule(repository=REPOSITORIES, data=st.just(b"{}") | WORDS.map(str.encode))
    def push_blob(self, repository: str, data: bytes) -> None:
        digest = self.oci.push_blob(repository, data)
        self.model.setdefault(repository, Repository()).blobs[digest] = data

    @rule(repository=REPOSITORIES, source=REPOSITORIES, word=WORDS, named=st.booleans())
    def mount(self, repository: str, source: str, word: str, named: bool) -> None:
        digest = digest_of(word.encode())
        query = f"mount={digest}" + (f"&from={source}" if named else "")
        answer = self.oci("POST", f"/v2/{repository}/blobs/uploads/?{query}")
        sources = (source,) if named else tuple(self.model)
        there = any(digest in self.held(name).blobs for name in sources)
        assert answer.status == (201 if there else 202)
        if there:
            self.model.setdefault(repository, Repository()).blobs[digest] = word.encode()
        else:
            assert self.oci("DELETE", answer.headers["location"]).status == 204

    @rule(
        repository=REPOSITORIES,
        word=WORDS,
        kind=st.sampled_from(("image", "image", "referrer", "index")),
        tag=st.none() | TAGS,
    )
    def push_manifest(self, repository: str, word: str, kind: str, tag: str | None) -> None:
        content = manifest_of(word, kind)
        document, digest = json.loads(content), digest_of(content)
        answer = self.oci.push(repository, tag or digest, content, document["mediaType"])
        complete = needed(document, self.held(repository))
        assert answer.status == (201 if complete else 400), answer
        if complete:
            held = self.model.setdefault(repository, Repository())
            held.manifests[digest] = content
            if tag:
                held.tags[tag] = digest

    @rule(repository=REPOSITORIES, data=st.just(b"{}") | WORDS.map(str.encode))
    def delete_blob(self, repository: str, data: bytes) -> None:
        answer = self.oci("DELETE", f"/v2/{repository}/blobs/{digest_of(data)}")
        there = self.held(repository).blobs.pop(digest_of(data), None) is not None
        assert answer.status == (202 if there else 404)

    @rule(repository=REPOSITORIES, tag=TAGS)
    def delete_tag(self, repository: str, tag: str) -> None:
        answer = self.oci("DELETE", f"/v2/{repository}/manifests/{tag}")
        there = self.held(repository).tags.pop(tag, None) is not None
        assert answer.status == (202 if there else 404)

    @rule(repository=REPOSITORIES, word=WORDS, kind=st.sampled_from(("image", "referrer", "index")))
    def delete_manifest(self, repository: str, word: str, kind: str) -> None:
        digest = digest_of(manifest_of(word, kind))
        answer = self.oci("DELETE", f"/v2/{repository}/manifests/{digest}")
        held = self.held(repository)
        there = held.manifests.pop(digest, None) is not None
        assert answer.status == (202 if there else 404)
        for tag in [tag for tag, target in held.tags.items() if target == digest]:
            del held.tags[tag]

    # -- whole states

    @rule(target=snapshots)
    def snapshot(self) -> Any:
        return self.oci.simulator, self.oci.simulator.snapshot(), copy.deepcopy(self.model)

    @rule(taken=snapshots)
    def restore(self, taken: Any) -> None:
        simulator, snapshot, model = taken
        if simulator is self.oci.simulator:
            simulator.restore(snapshot)
            self.model = copy.deepcopy(model)

    @precondition(lambda self: len(self.forked) < 3)
    @rule(go_on_in_the_fork=st.booleans())
    def fork(self, go_on_in_the_fork: bool) -> None:
        twin = Fake(self.oci.simulator.fork()), copy.deepcopy(self.model)
        here = self.oci, self.model
        stay, go = (here, twin) if go_on_in_the_fork else (twin, here)
        self.forked.append(stay)
        self.oci, self.model = go

    # -- both show the same

    @invariant()
    def both_agree(self) -> None:
        agree(self.oci, self.model)

    def teardown(self) -> None:
        for oci, model in self.forked:
            agree(oci, model)


def agree(oci: Fake, model: Model) -> None:
    """Compare everything that a client can see."""
    packages = oci("GET", "/v2/_catalog").json()["repositories"]
    assert {name for name, held in model.items() if held.manifests} <= set(packages) <= set(model)
    for name, held in model.items():
        assert oci.tags(name) == sorted(held.tags)
        for tag, digest in held.tags.items():
            assert oci("HEAD", f"/v2/{name}/manifests/{tag}").headers["docker-content-digest"] == digest
        for digest, content in held.manifests.items():
            assert oci("GET", f"/v2/{name}/manifests/{digest}").body == content
        for word in (b"{}", b"one", b"two", b"three"):
            answer = oci("GET", f"/v2/{name}/blobs/{digest_of(word)}")
            assert (answer.body if answer.status == 200 else None) == held.blobs.get(digest_of(word))
        listed = oci("GET", f"/v2/{name}/referrers/{SUBJECT['digest']}").json()["manifests"]
        referring = {digest for digest, content in held.manifests.items() if b'"subject"' in content}
        assert {found["digest"] for found in listed} == referring
        assert len(listed) == len(referring)


class TestBeside(Beside.TestCase):
    """Any sequence of pushes, mounts, tags, deletes, forks and snapshots leaves both alike."""

    settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
