"""A machine that tries a registry client: hypothesis pushes, pulls, tags and deletes with it, and knows what must come.

A subclass brings the client, as a few methods; the machine brings a fake for each run, a model of what is in it, and
the rules. It knows nothing of how the client works: it compares what went in with what is there and what comes out.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ghcr_sim.assemble import Simulator
from pytest_ghcr.simulator import Ghcr
from pytest_ghcr.strategies.images import Image, images
from pytest_ghcr.strategies.model import Model
from pytest_ghcr.strategies.names import tags as any_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hypothesis.strategies import SearchStrategy

__all__ = ["RegistryMachine"]


def _has(method: str) -> Callable[[Any], bool]:
    """Whether the subclass brings a method."""
    return lambda machine: getattr(type(machine), method) is not getattr(RegistryMachine, method)


def _drawn(choice: Callable[[Any], SearchStrategy[Any]]) -> SearchStrategy[Any]:
    """A strategy that depends on the machine."""
    return st.runner().flatmap(choice)


_repositories = _drawn(lambda machine: machine.repository_strategy)
_tags = _drawn(lambda machine: machine.tag_strategy)
_images = _drawn(lambda machine: machine.image_strategy)
_known_images = _drawn(lambda machine: st.sampled_from(machine.model.all_images()))
_known_tags = _drawn(lambda machine: st.sampled_from(machine.model.tagged()))
_known_digests = _drawn(lambda machine: st.sampled_from(machine.model.stored()))
_deletable = _drawn(lambda machine: st.sampled_from(machine.model.deletable()))


class RegistryMachine(RuleBasedStateMachine):
    """The base: subclass it, bring `push` and `pull` and as many of the others as your client has, and let it run.

    `TestMyClient = MyMachine.TestCase` is a test; `run_state_machine_as_test(MyMachine)` runs it anywhere. Each run has
    a fake of its own, `self.ghcr`.

    Attributes:
        profile: The fake's profile. GHCR deletes nothing by the registry's API: `oci` tries `delete`, too.
        missing: What `pull` raises where there is no such image.
        image_strategy: What is pushed; `images(multi_platform=False)` for a client that knows no index.
        repository_strategy: Where to; few, so that pushes meet.
        tag_strategy: Under which tags; the same.
        ghcr: The fake of this run.
        model: What has to be in it.
    """

    profile: ClassVar[str] = "ghcr"
    missing: ClassVar[type[Exception] | tuple[type[Exception], ...]] = Exception
    image_strategy: ClassVar[SearchStrategy[Image]] = images()
    repository_strategy: ClassVar[SearchStrategy[str]] = st.sampled_from(
        ("acme/app", "acme/app/sub", "octo/x")
    )
    tag_strategy: ClassVar[SearchStrategy[str]] = st.sampled_from(("latest", "v1", "v2")) | any_tags()

    def __init__(self) -> None:
        super().__init__()
        self.ghcr = Ghcr(Simulator(self.profile))
        self.model = Model()
        with ExitStack() as opened:
            opened.enter_context(self.ghcr.running())
            self.connect()
            self._opened = opened.pop_all()

    def teardown(self) -> None:
        """Close the client, then the fake."""
        with self._opened:
            self.close()

    # -- what a subclass brings

    def connect(self) -> None:
        """Make the client, for the fake at `self.ghcr.url` and with `self.ghcr.token`. Here, nothing."""

    def close(self) -> None:
        """Close the client. Here, nothing."""

    def push(self, repository: str, tag: str, image: Image) -> None:
        """Push an image: the blobs and manifests that are missing, the tagged manifest last."""
        raise NotImplementedError(f"{type(self).__name__} has no push(repository, tag, image): write one")

    def pull(self, repository: str, reference: str) -> tuple[bytes, Mapping[str, bytes]]:
        """Pull an image by tag or digest: the manifest's bytes, and digest → bytes of every config and layer."""
        raise NotImplementedError(f"{type(self).__name__} has no pull(repository, reference): write one")

    def tags(self, repository: str) -> Iterable[str]:
        """List all tags, in any order. Without it, no rule lists any."""
        raise NotImplementedError

    def tag(self, repository: str, reference: str, tag: str) -> None:
        """Give what a tag or digest names one more tag. Without it, no rule does."""
        raise NotImplementedError

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest, and its tags with it. Without it, or where the profile forbids it, no rule does."""
        raise NotImplementedError

    # -- the rules

    @rule(repository=_repositories, tag=_tags, image=_images)
    def push_image(self, repository: str, tag: str, image: Image) -> None:
        """What is pushed is in the fake, whole, under its tag."""
        self.push(repository, tag, image)
        self.model.keep(repository, tag, image)
        self._check_held(repository, tag, image)

    @precondition(lambda self: self.model.all_images())
    @rule(repository=_repositories, tag=_tags, image=_known_images)
    def push_again(self, repository: str, tag: str, image: Image) -> None:
        """So is what is pushed once more, to the same place or to another."""
        self.push_image(repository, tag, image)

    @precondition(lambda self: self.model.tagged())
    @rule(where=_known_tags)
    def pull_tag(self, where: tuple[str, str]) -> None:
        """A tag gives what it was given last."""
        repository, tag = where
        self._check_pulled(repository, tag, self.model.named(repository, tag))

    @precondition(lambda self: self.model.stored())
    @rule(where=_known_digests)
    def pull_digest(self, where: tuple[str, str]) -> None:
        """A digest gives what has it, tagged or not."""
        repository, digest = where
        self._check_pulled(repository, digest, self.model.images[repository][digest])

    @rule(repository=_repositories, tag=_tags)
    def pull_missing(self, repository: str, tag: str) -> None:
        """What is not there is missed aloud."""
        assume(tag not in self.model.tags[repository])
        try:
            self._pull(repository, tag)
        except self.missing:
            return
        raise AssertionError(f"pull({repository!r}, {tag!r}) raised nothing, and there is no such image")

    @precondition(lambda self: _has("tags")(self) and self.model.tagged())
    @rule(where=_known_tags)
    def list_tags(self, where: tuple[str, str]) -> None:
        """All tags are listed, each once, and no other."""
        repository, _ = where
        listed, wanted = sorted(self.tags(repository)), sorted(self.model.tags[repository])
        assert listed == wanted, f"tags({repository!r}) gave {listed}, and there are {wanted}"

    @precondition(lambda self: _has("tag")(self) and self.model.tagged())
    @rule(where=_known_tags, tag=_tags)
    def give_tag(self, where: tuple[str, str], tag: str) -> None:
        """Another tag names the same image; the first one still does."""
        repository, old = where
        image = self.model.named(repository, old)
        self.tag(repository, old, tag)
        self.model.keep(repository, tag, image)
        self._check_held(repository, tag, image)
        self._check_held(repository, old, image)

    @precondition(lambda self: _has("delete")(self) and self._deletes() and self.model.deletable())
    @rule(where=_deletable)
    def delete_image(self, where: tuple[str, str]) -> None:
        """What is deleted is gone, with its tags, and nothing else is."""
        repository, digest = where
        self.delete(repository, digest)
        self.model.forget(repository, digest)
        held = self.ghcr.simulator.store.repository(repository)
        assert held is not None
        assert held.tags == self.model.tags[repository], (
            f"delete({repository!r}, {digest!r}) left {held.tags}"
        )
        assert digest not in held.manifests, f"delete({repository!r}, {digest!r}) deleted nothing"

    @invariant()
    def no_credential_leaks(self) -> None:
        """No token goes to the storage host, to which downloads are redirected."""
        leaks = [each.line() for each in self.ghcr.leaks]
        assert not leaks, (
            "a credential went to the storage host: drop Authorization on a redirect\n" + "\n".join(leaks)
        )

    # -- the checks

    def _deletes(self) -> bool:
        return self.ghcr.simulator.profile.manifests.delete

    def _check_held(self, repository: str, tag: str, image: Image) -> None:
        """The fake has the image under the tag."""
        store = self.ghcr.simulator.store
        found = store.manifest(repository, tag)
        named = found.digest if found else "nothing"
        assert named == image.digest, f"{repository}:{tag} has to be {image.digest}, and is {named}"
        lost = [each.digest for each in image.manifests() if store.manifest(repository, each.digest) is None]
        lost += [digest for digest in image.blobs if store.blob(repository, digest) is None]
        assert not lost, f"{repository}:{tag} was pushed without {', '.join(lost)}"

    def _pull(self, repository: str, reference: str) -> tuple[bytes, Mapping[str, bytes]]:
        """Pull; a leak, which GHCR's storage host refuses, comes before the error that the client makes of it."""
        try:
            return self.pull(repository, reference)
        except Exception:
            self.no_credential_leaks()
            raise

    def _check_pulled(self, repository: str, reference: str, image: Image) -> None:
        """The client gives the image's bytes."""
        call = f"pull({repository!r}, {reference!r})"
        manifest, blobs = self._pull(repository, reference)
        assert manifest == image.manifest, f"{call} gave {manifest!r}, and the manifest is {image.manifest!r}"
        for digest, content in image.blobs.items():
            assert digest in blobs, f"{call} gave no {digest}"
            assert blobs[digest] == content, f"{call} gave other bytes for {digest}"
        more = sorted(set(blobs) - set(image.blobs))
        assert not more, f"{call} gave {', '.join(more)}, which the image has not"
