"""Each operation has a span that says which image it is about; a failure is marked, and no secret is shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from client.helping import client_for
from ghcr_client import tracing
from ghcr_client.digests import Digest
from ghcr_client.errors import GhcrError
from ghcr_client.images import Image
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

if TYPE_CHECKING:
    from pathlib import Path

    from client.peers import Peer
    from ghcr_client.client import GhcrClient
    from opentelemetry.sdk.trace import ReadableSpan

LAYER = Digest.of(b"layer")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """An SDK for this test alone."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_api", lambda: tracing._Api(trace, provider.get_tracer("test")))
    return exporter


def roots(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """The spans that are in no other."""
    return [each for each in exporter.get_finished_spans() if each.parent is None]


async def pushed(client: GhcrClient) -> None:
    await client.push_image("acme/app:v1", await Image.build([b"layer"]))


async def push_manifest(client: GhcrClient) -> Any:
    return await client.push_manifest("acme/app:v2", (await Image.build([b"layer"])).manifest)


async def stream(client: GhcrClient) -> Any:
    async def pieces() -> Any:
        yield b"x"

    return await client.upload_blob_streaming("acme/app", pieces())


Story = "Callable[[GhcrClient, Path], Awaitable[Any]]"
# Name → what is done, the image that its span names, and the media type where one is known.
OPERATIONS: dict[str, tuple[Any, str, str | None]] = {
    "image_exists": (lambda client, _: client.image_exists("acme/app:v1"), "acme/app:v1", None),
    "tag_digest": (lambda client, _: client.tag_digest("acme/app:v1"), "acme/app:v1", None),
    "pull_manifest": (lambda client, _: client.pull_manifest("acme/app:v1"), "acme/app:v1", MANIFEST),
    "push_manifest": (lambda client, _: push_manifest(client), "acme/app:v2", MANIFEST),
    "get_platform_manifest": (
        lambda client, _: client.get_platform_manifest("acme/app:v1", "linux/amd64"), "acme/app:v1", MANIFEST,
    ),
    "image_size": (lambda client, _: client.image_size("acme/app:v1"), "acme/app:v1", None),
    "delete_image": (lambda client, _: client.delete_image("acme/app:v1"), "acme/app:v1", MANIFEST),
    "list_tags": (lambda client, _: client.list_tags("acme/app"), "acme/app", None),
    "tag_image": (lambda client, _: client.tag_image("acme/app:v1", "v3"), "acme/app:v1", None),
    "retag": (lambda client, _: client.retag("acme/app:v1", "v3"), "acme/app:v1", None),
    "delete_tag": (lambda client, _: client.delete_tag("acme/app:v1"), "acme/app:v1", None),
    "blob_exists": (lambda client, _: client.blob_exists("acme/app", LAYER), "acme/app", None),
    "get_blob": (lambda client, _: client.get_blob("acme/app", LAYER), "acme/app", None),
    "download_blob": (lambda client, path: client.download_blob("acme/app", LAYER, path / "f"), "acme/app", None),
    "upload_blob": (lambda client, _: client.upload_blob("acme/app", b"x"), "acme/app", "application/octet-stream"),
    "upload_blob_streaming": (lambda client, _: stream(client), "acme/app", "application/octet-stream"),
    "mount_blob": (lambda client, _: client.mount_blob("acme/new", LAYER, "acme/app"), "acme/new", None),
    "delete_blob": (lambda client, _: client.delete_blob("acme/app", LAYER), "acme/app", None),
    "list_referrers": (lambda client, _: client.list_referrers("acme/app:v1"), "acme/app:v1", None),
    "push_image": (lambda client, _: pushed(client), "acme/app:v1", MANIFEST),
    "pull_image": (lambda client, path: client.pull_image("acme/app:v1", path / "l"), "acme/app:v1", MANIFEST),
    "copy_image": (lambda client, _: client.copy_image("acme/app:v1", "acme/new:v1"), "acme/app:v1", MANIFEST),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation(fake_oci: Peer, tmp_path: Path, spans: InMemorySpanExporter, name: str) -> None:
    """An operation is one span with the image, and all else is within; no token is in any of them."""
    story, image, media_type = OPERATIONS[name]

    async def main() -> None:
        async with client_for(fake_oci) as client:
            await pushed(client)
            spans.clear()
            await story(client, tmp_path)

    asyncio.run(main())
    (root,) = roots(spans)
    assert root.name == name
    assert root.attributes is not None
    shown = str(root.attributes["ghcr.image"])
    assert shown == f"{fake_oci.host}/{image}"
    if media_type is not None:
        assert root.attributes["ghcr.media_type"] == media_type
    assert root.status.status_code is StatusCode.UNSET
    everything = "".join(each.to_json() for each in spans.get_finished_spans())
    assert str(fake_oci.token) not in everything


FAILING = [
    "pull_manifest",
    "tag_digest",
    "image_size",
    "get_blob",
    "list_tags",
    "tag_image",
    "pull_image",
    "copy_image",
]


@pytest.mark.parametrize("name", FAILING)
def test_failures_are_marked(fake_oci: Peer, tmp_path: Path, spans: InMemorySpanExporter, name: str) -> None:
    """An operation that fails is marked, with the class and the text of its error."""

    async def main() -> Exception:
        async with client_for(fake_oci) as client:
            with pytest.raises(GhcrError) as caught:
                await OPERATIONS[name][0](client, tmp_path)
            return caught.value

    error = asyncio.run(main())
    (root,) = roots(spans)
    assert root.name == name
    assert root.status.status_code is StatusCode.ERROR
    assert root.attributes is not None
    assert str(root.attributes["error.type"]).endswith(type(error).__name__)
