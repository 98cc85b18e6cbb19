"""Referrers on every registry: by the API or by the fallback tag, kept right by one writer and by several."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from client.helping import client_for
from client.operations.making import Counted, image_of, signature, with_client
from client.scripted import scripted
from ghcr_client.auth import Anonymous
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest, ManifestUnknown, Unsupported
from ghcr_client.images import Image
from ghcr_client.manifests import Manifest
from ghcr_client.models import OCI_INDEX, ImageIndex, ImageManifest
from ghcr_client.operations import referrers
from ghcr_client.operations.fallback import described, fallback_tag
from ghcr_client.recent import remember

if TYPE_CHECKING:
    from client.peers import Peer
    from ghcr_client.models import Descriptor
    from ghcr_client.refs import ImageRef

SBOM = "application/spdx+json"
ROOT = Path(__file__).parents[3]


async def subject_in(client: GhcrClient, repository: str) -> Descriptor:
    """An image that something can be about; its tag is v1."""
    image = await image_of("subject")
    await client.push_image(f"{repository}:v1", image)
    return image.manifest.descriptor()


async def attach(client: GhcrClient, repository: str, subject: Descriptor, word: str) -> Digest:
    """Push a signature with a word in it; its digest."""
    made = await signature(subject, word)
    return await client.push_image(f"{repository}@{made.manifest.digest}", made)


def words(found: list[Descriptor]) -> list[str]:
    """The words of signatures, as their annotations have them."""
    return sorted(each.annotations["org.example.word"] for each in found)


# --- one writer


def test_list_referrers(registry: Peer, repository: str) -> None:
    """What is about an image is found by tag and digest, with its type and annotations; by type, too."""

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        assert await client.list_referrers(f"{repository}:v1") == []
        signed = await signature(subject, "one")
        sbom = await Image.artifact(SBOM, [b"{}"], subject=subject, annotations={"made": "by us"})
        for image in (signed, sbom):
            await client.push_image(f"{repository}@{image.manifest.digest}", image)
        for reference in (":v1", f"@{subject.digest}"):
            found = {each.digest: each for each in await client.list_referrers(f"{repository}{reference}")}
            assert set(found) == {signed.manifest.digest, sbom.manifest.digest}
            entry = found[sbom.manifest.digest]
            assert (entry.artifact_type, entry.annotations) == (SBOM, {"made": "by us"})
            assert (entry.size, entry.media_type) == (sbom.manifest.size, sbom.manifest.media_type)
        (only,) = await client.list_referrers(f"{repository}:v1", artifact_type=SBOM)
        assert only.digest == sbom.manifest.digest
        assert await client.list_referrers(f"{repository}:v1", artifact_type="x/none") == []

    with_client(registry, story)


def test_where_they_are_kept(registry: Peer, repository: str) -> None:
    """The fallback tag is written where there is no API, and only there."""

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        digest = await attach(client, repository, subject, "one")
        tag = fallback_tag(subject.digest)
        has_api = registry.name == "oci"
        assert (tag in await client.list_tags(repository)) is not has_api
        if not has_api:
            index = await client.pull_manifest(f"{repository}:{tag}")
            assert isinstance(index.document, ImageIndex)
            (entry,) = index.document.manifests
            assert entry.digest == digest
            assert json.loads(index.raw)["manifests"][0]["artifactType"] == "application/x.signature"

    with_client(registry, story)


def test_a_config_tells_the_type(registry: Peer, repository: str) -> None:
    """An artifact without an artifact type has that of its config, as before OCI 1.1."""

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        config = await client.upload_blob(repository, b"{}", media_type="application/x.old-config")
        layer = await client.upload_blob(repository, b"content", media_type="application/x.layer")
        old = Manifest.build(ImageManifest(config=config, layers=(layer,), subject=subject))
        await client.push_manifest(f"{repository}@{old.digest}", old)
        (found,) = await client.list_referrers(f"{repository}:v1")
        assert found.artifact_type == "application/x.old-config"

    with_client(registry, story)


def test_pushed_twice_is_listed_once(registry: Peer, repository: str) -> None:
    """To push a referrer again changes nothing, and its list is not written again."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        for word in ("one", "two"):
            await attach(client, repository, subject, word)
        counted.clear()
        await attach(client, repository, subject, "one")
        assert words(await client.list_referrers(f"{repository}:v1")) == ["one", "two"]

    with_client(registry, story, metrics=counted)
    assert counted.pushed == 1


def test_every_page_is_read() -> None:
    """A page on which nothing is left, such as one that a registry filtered, is followed by the next one."""
    about = {"1": [], "3": [described((asyncio.run(image_of("about"))).manifest)]}

    async def answering(request: web.Request) -> web.Response:
        page = int(request.query.get("page", "1"))
        index = ImageIndex(media_type=OCI_INDEX, manifests=about.get(str(page), []))
        answer = web.Response(text=index.model_dump_json(by_alias=True), content_type=OCI_INDEX)
        if page < 3:
            answer.headers.add("Link", f"<{request.path}?page=1>; rel=first")
            answer.headers.add("Link", f"<{request.path}?page={page + 1}>; rel=next")
        return answer

    async def main() -> list[Descriptor]:
        async with (
            scripted(answering) as here,
            GhcrClient(registry=here.url, credentials=Anonymous()) as client,
        ):
            return await client.list_referrers(f"acme/app@{Digest.of(b'subject')}")

    assert asyncio.run(main()) == about["3"]


def test_of_what_is_not_there(registry: Peer, repository: str) -> None:
    """An unknown tag is an error; of an unknown digest there is nothing."""

    async def story(client: GhcrClient) -> None:
        await subject_in(client, repository)
        with pytest.raises(ManifestUnknown):
            await client.list_referrers(f"{repository}:v2")
        assert await client.list_referrers(f"{repository}@{Digest.of(b'nobody')}") == []

    with_client(registry, story)


def test_before_its_subject(registry: Peer, repository: str) -> None:
    """A referrer may come first; its subject finds it when it is there."""

    async def story(client: GhcrClient) -> None:
        image = await image_of("late")
        await attach(client, repository, image.manifest.descriptor(), "early")
        await client.push_image(f"{repository}:v1", image)
        assert words(await client.list_referrers(f"{repository}:v1")) == ["early"]

    with_client(registry, story)


def test_deleted(registry: Peer, repository: str) -> None:
    """A referrer that is deleted is listed no more, the others are; GHCR deletes none, and lists it still."""

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        one, _ = [await attach(client, repository, subject, word) for word in ("one", "two")]
        if registry.name == "ghcr":
            with pytest.raises(Unsupported):
                await client.delete_image(f"{repository}@{one}")
            assert words(await client.list_referrers(f"{repository}:v1")) == ["one", "two"]
            return
        await client.delete_image(f"{repository}@{one}")
        assert words(await client.list_referrers(f"{repository}:v1")) == ["two"]

    with_client(registry, story)


def test_something_else_under_the_tag(fake_ghcr: Peer, repository: str) -> None:
    """An image under the fallback tag is somebody's: it is an error, and is not overwritten."""

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        tag = fallback_tag(subject.digest)
        theirs = await client.push_image(f"{repository}:{tag}", await image_of("theirs"))
        with pytest.raises(InvalidManifest, match="is an image"):
            await client.list_referrers(f"{repository}:v1")
        with pytest.raises(InvalidManifest, match="is an image"):
            await attach(client, repository, subject, "one")
        assert await client.tag_digest(f"{repository}:{tag}") == theirs

    with_client(fake_ghcr, story)


# --- several writers


def test_twenty_at_once(registry: Peer, repository: str) -> None:
    """Two tasks of one client write ten each: none is lost."""

    async def story(client: GhcrClient) -> list[Descriptor]:
        subject = await subject_in(client, repository)

        async def write(name: str) -> None:
            await asyncio.gather(
                *(attach(client, repository, subject, f"{name}{number}") for number in range(10))
            )

        await asyncio.gather(write("a"), write("b"))
        return await client.list_referrers(f"{repository}:v1")

    expected = sorted(f"{name}{number}" for name in "ab" for number in range(10))
    assert words(with_client(registry, story)) == expected


def test_eight_deleted_at_once(registry: Peer, repository: str) -> None:
    """Tasks of one client delete eight of twelve: the others are listed, and nothing else; GHCR deletes none."""
    if registry.name == "ghcr":
        return

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        made = [await attach(client, repository, subject, f"{number:02}") for number in range(12)]
        await asyncio.gather(*(client.delete_image(f"{repository}@{each}") for each in made[:8]))
        assert words(await client.list_referrers(f"{repository}:v1")) == ["08", "09", "10", "11"]

    with_client(registry, story)


@pytest.mark.clients
@pytest.mark.parametrize("what", ["push", "delete", "copy"])
def test_an_entry_of_what_is_gone(docker_registry: Peer, repository: str, what: str) -> None:
    """What a tool deleted without its entry stops nobody: it is left out of the next list, and of copies."""

    async def story(client: GhcrClient) -> None:
        subject = await subject_in(client, repository)
        gone, one, _ = [await attach(client, repository, subject, word) for word in ("gone", "one", "two")]
        await client._delete(client.ref(f"{repository}@{gone}"))
        if what == "push":
            await attach(client, repository, subject, "three")
            assert words(await client.list_referrers(f"{repository}:v1")) == ["one", "three", "two"]
        elif what == "delete":
            await client.delete_image(f"{repository}@{one}")
            assert words(await client.list_referrers(f"{repository}:v1")) == ["two"]
        else:
            await client.copy_image(f"{repository}:v1", f"{repository}-copy:v1", referrers=True)
            assert words(await client.list_referrers(f"{repository}-copy:v1")) == ["one", "two"]

    with_client(docker_registry, story)


async def put_naively(
    client: GhcrClient, repository: str, subject: Descriptor, word: str, read: Manifest | None
) -> None:
    """Write a referrer and its list as tools do that take no care: by what they have read, whatever is there now."""
    made = await signature(subject, word)
    for each in made.manifest.document.children:
        content = b"".join([piece async for piece in made.source(each).read()])
        await client.upload_blob(repository, content)
    await client._put(client.ref(f"{repository}@{made.manifest.digest}"), made.manifest)
    if read is not None:
        listed = (*read.document.children, described(made.manifest))
        index = read.document.model_copy(update={"manifests": listed})
        tag = fallback_tag(subject.digest)
        await client._put(client.ref(f"{repository}:{tag}"), Manifest.build(index))


@pytest.mark.parametrize("moment", ["read", "written", "looked at again"])
def test_a_careless_writer(registry: Peer, repository: str, moment: str) -> None:
    """Somebody overwrites the list by an older one, at any moment of our writing: ours is put back, theirs kept.

    What he writes between our reading and our writing, only he could see to be lost, and he does not look. Where there
    is an API, nobody writes a list.
    """

    async def story(ours: GhcrClient) -> None:
        async with client_for(registry) as theirs:
            subject = await subject_in(ours, repository)
            await attach(ours, repository, subject, "first")
            ref = theirs.ref(f"{repository}:{fallback_tag(subject.digest)}")
            read = None if registry.name == "oci" else await theirs.pull_manifest(ref)
            seen: list[str] = []
            pull, put = ours._pull, ours._put

            async def happen(now: str) -> None:
                seen.append(now)
                if seen.count(now) == 1 and now == moment:
                    await put_naively(theirs, repository, subject, "theirs", read)

            async def pulling(asked: ImageRef) -> Manifest:
                got = await pull(asked)
                if asked.tag == ref.tag:
                    await happen("looked at again" if "written" in seen else "read")
                return got

            async def putting(asked: ImageRef, manifest: Manifest) -> object:
                answer = await put(asked, manifest)
                if asked.tag == ref.tag:
                    await happen("written")
                return answer

            ours._pull, ours._put = pulling, putting  # type: ignore[assignment,method-assign]
            await attach(ours, repository, subject, "ours")
            found = words(await theirs.list_referrers(f"{repository}:v1"))
            if registry.name == "oci":
                assert (found, seen) == (["first", "ours"], [])
            else:
                assert found == (["first", "ours"] if moment == "read" else ["first", "ours", "theirs"])

    with_client(registry, story)


def test_a_later_writing_repairs(fake_ghcr: Peer, repository: str) -> None:
    """What was lost after a writing was over is put back by the next one of the same client."""

    async def story(ours: GhcrClient) -> None:
        async with client_for(fake_ghcr) as theirs:
            subject = await subject_in(ours, repository)
            await attach(ours, repository, subject, "first")
            read = await theirs.pull_manifest(f"{repository}:{fallback_tag(subject.digest)}")
            await attach(ours, repository, subject, "lost")
            await put_naively(theirs, repository, subject, "theirs", read)
            assert words(await theirs.list_referrers(f"{repository}:v1")) == ["first", "theirs"]
            await attach(ours, repository, subject, "next")
            expected = ["first", "lost", "next", "theirs"]
            assert words(await theirs.list_referrers(f"{repository}:v1")) == expected

    with_client(fake_ghcr, story)


@pytest.mark.clients
def test_what_others_delete_stays_away(docker_registry: Peer, repository: str) -> None:
    """What another client deleted is not put back by one that has seen it, or has written it."""

    async def story(ours: GhcrClient) -> None:
        async with client_for(docker_registry) as theirs:
            subject = await subject_in(ours, repository)
            gone = [await attach(client, repository, subject, "gone") for client in (ours, theirs)]
            await theirs.delete_image(f"{repository}@{gone[0]}")
            await attach(ours, repository, subject, "new")
            assert words(await theirs.list_referrers(f"{repository}:v1")) == ["new"]

    with_client(docker_registry, story)


WRITER = """
import asyncio, json, sys
from client.helping import client_for
from client.operations.test_referrers import attach
from client.peers import Peer
from ghcr_client.clock import Clock
from ghcr_client.models import Descriptor
from pathlib import Path

told = json.loads(sys.stdin.read())
ca_file = told["peer"].pop("ca_file")
peer = Peer(**told["peer"], ca_file=Path(ca_file) if ca_file else None)

async def main():
    async with client_for(peer, clock=Clock()) as client:
        subject = Descriptor.model_validate(told["subject"])
        for number in range(10):
            await attach(client, told["repository"], subject, f"{told['name']}{number}")

asyncio.run(main())
"""


def test_two_processes(registry: Peer, repository: str) -> None:
    """Two processes write ten each, one after another, to one list: all twenty are in it at the end."""

    async def begin(client: GhcrClient) -> Descriptor:
        return await subject_in(client, repository)

    subject = with_client(registry, begin)
    peer = {name: getattr(registry, name) for name in ("name", "url", "host", "username", "token")}
    told = {
        "peer": {**peer, "ca_file": registry.ca_file and str(registry.ca_file)},
        "subject": json.loads(subject.model_dump_json(by_alias=True)),
        "repository": repository,
    }
    path = os.pathsep.join(str(ROOT / each) for each in ("tests", "client", "fixtures", "."))
    writers = []
    for name in "ab":
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert writer.stdin is not None
        writer.stdin.write(json.dumps(told | {"name": name}))
        writer.stdin.close()
        writer.stdin = None
        writers.append(writer)
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    found = with_client(registry, lambda client: client.list_referrers(f"{repository}:v1"))
    assert words(found) == sorted(f"{name}{number}" for name in "ab" for number in range(10))


def test_what_is_remembered_is_bounded(
    fake_ghcr: Peer, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of very many subjects and repositories the oldest are forgotten, but none that is being written to."""
    monkeypatch.setattr(referrers, "remember", partial(remember, most=2))

    async def story(client: GhcrClient) -> None:
        places = [f"{repository}-{number}" for number in range(4)]
        subjects = [await subject_in(client, each) for each in places]
        for place, subject in zip(places, subjects, strict=True):
            await attach(client, place, subject, "one")
        assert (len(client._referrer_locks), len(client._referrers_api)) == (2, 0)
        both = [
            attach(client, place, subject, "two") for place, subject in zip(places, subjects, strict=True)
        ]
        await asyncio.gather(*both)
        for place, subject in zip(places, subjects, strict=True):
            assert len(await client.list_referrers(f"{place}@{subject.digest}")) == 2
        assert len(client._referrers_api) == 2

    with_client(fake_ghcr, story)
