"""Section 6: blobs, and the storage host that they are redirected to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from raw import DATE, REQUEST_ID, Like, Raw, bearer, refused
from wire.pushing import ABSENT, push_blob, push_image

from ghcr_sim.auth import Credential
from ghcr_sim.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_sim.exchange import Response
    from pytest_ghcr import Ghcr

Who = tuple[str, str]
DATA = bytes(range(256)) * 8
UNKNOWN = refused("BLOB_UNKNOWN", "blob unknown to registry")


def instant(text: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def query(url: str) -> dict[str, str]:
    """The query of a signed address, decoded."""
    return {key: value for key, (value,) in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def blob(raw: Raw, owner: Who) -> str:
    """The path of a blob with `DATA`."""
    return f"/v2/acme/app/blobs/{push_blob(raw, 'acme/app', DATA, owner)}"


@pytest.mark.row("6.1")
def test_get_redirects_to_another_host(raw: Raw, owner: Who, blob: str) -> None:
    """GET of a blob is a 307 without a body or a digest, of the blob's own type."""
    reply = raw("GET", blob, owner)

    assert reply.status == 307
    assert reply.fields == {
        "content-length": "0",
        "content-type": "application/octet-stream",
        "date": DATE,
        "docker-distribution-api-version": "registry/2.0",
        "location": reply["location"],
        "x-github-request-id": REQUEST_ID,
    }
    assert urlsplit(reply["location"]).netloc not in {"", raw.host}


@pytest.mark.row("6.2")
def test_head_is_answered_with_the_size(raw: Raw, owner: Who, blob: str) -> None:
    """HEAD of a blob is a 200 from the registry itself, and says how large the blob is."""
    reply = raw("HEAD", blob, owner)

    assert (reply.status, reply["content-length"]) == (200, str(len(DATA)))
    assert "location" not in reply


@pytest.mark.row("6.3")
def test_head_of_a_missing_blob_has_the_recorded_length(raw: Raw, owner: Who) -> None:
    """HEAD of a blob that is not there is a 404 that announces the 74 bytes of its error, and sends none."""
    reply = raw("HEAD", f"/v2/acme/app/blobs/{ABSENT}", owner)

    assert (reply.status, reply.body) == (404, b"")
    assert (reply["content-length"], reply["content-type"]) == ("74", "application/json")


@pytest.mark.row("6.4")
@pytest.mark.parametrize("what", ["nothing", "a manifest"])
def test_get_of_what_is_no_blob_is_unknown(raw: Raw, owner: Who, what: str) -> None:
    """A digest that no blob has is a 404 BLOB_UNKNOWN, and so is that of a manifest."""
    manifest = push_image(raw, "acme/app:v1", owner)
    digest = manifest if what == "a manifest" else ABSENT

    reply = raw("GET", f"/v2/acme/app/blobs/{digest}", owner)

    assert reply.status == 404
    assert reply.body == UNKNOWN


@pytest.mark.row("6.5")
def test_a_malformed_digest_is_invalid(raw: Raw, owner: Who) -> None:
    """65 hex digits are DIGEST_INVALID, in words that were meant for uploads."""
    reply = raw("GET", f"/v2/acme/app/blobs/sha256:{'a' * 65}", owner)

    assert reply.error[1:] == ("DIGEST_INVALID", "provided digest did not match uploaded content")


@pytest.mark.row("6.6")
def test_who_may_not_read_is_denied(ghcr: Ghcr, raw: Raw, blob: str) -> None:
    """HEAD of a blob in somebody else's private package is a 403, whether the blob is there or not."""
    ghcr.simulator.add_credential(Credential("stranger", "ghp_stranger"))

    assert raw("HEAD", blob, bearer("ghp_stranger")).status == 403
    assert raw("HEAD", f"/v2/acme/app/blobs/{ABSENT}", bearer("ghp_stranger")).status == 403


HEX = "[0-9a-f]{64}"
BASE64 = r"([A-Za-z0-9]|%2B|%2F)+(%3D)+"
TIME = r"\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\dZ"
GUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.mark.row("6.7")
def test_the_address_of_2019_s_form(serve: Callable[..., Ghcr]) -> None:
    """Switched to it, the query has the six parameters of 2021 to 2025 in order, on one shard."""
    ghcr = serve(
        storage__form="sas-2019", storage__shards=("ghcr1",), clock=Clock(instant("2024-05-02T17:19:31"))
    )
    raw, who = Raw(ghcr.host), bearer(ghcr.token)
    digest = push_blob(raw, "acme/app", DATA, who)

    reply = raw("GET", f"/v2/acme/app/blobs/{digest}", who, host="ghcr.io")

    assert reply["location"] == Like(
        rf"http://pkg-containers\.githubusercontent\.com/ghcr1/blobs/sha256:{HEX}"
        rf"\?se=2024-05-02T17%3A25%3A00Z&sig={BASE64}&sp=r&spr=https&sr=b&sv=2019-12-12"
    )


@pytest.mark.row("6.8", "6.9")
def test_the_address_of_today_s_form(
    ghcr: Ghcr, blob: str, owner: Who, as_ghcr: Callable[..., Response]
) -> None:
    """By default the query is that of 2026: the key's parameters, the recorded tenant, an hmac last."""
    location = dict(as_ghcr("GET", blob, authorization=owner[1]).headers)["location"]

    assert location == Like(
        rf"https://pkg-containers\.githubusercontent\.com/ghcr(1|blobs(0[1-9]|1[0-3]))/blobs/sha256:{HEX}"
        rf"\?se={TIME}&sig={BASE64}&ske={TIME}&skoid={GUID}&sks=b&skt={TIME}"
        r"&sktid=398a6654-997b-47e9-b12b-9515b896b4de&skv=2025-01-05"
        rf"&sp=r&spr=https&sr=b&sv=2025-01-05&hmac={HEX}"
    )


@pytest.mark.row("6.9")
def test_blobs_are_spread_over_all_shards(raw: Raw, owner: Who) -> None:
    """The path starts with `ghcr1` or one of `ghcrblobs01` to `13`: always the same one for a blob."""
    shards = set()
    for number in range(120):
        digest = push_blob(raw, "acme/app", b"%d" % number, owner)
        first, again = (
            urlsplit(raw("GET", f"/v2/acme/app/blobs/{digest}", owner)["location"]).path.split("/")[1]
            for _ in range(2)
        )
        assert first == again
        shards.add(first)

    assert shards == {"ghcr1", *(f"ghcrblobs{number:02}" for number in range(1, 14))}


@pytest.mark.row("6.10")
@pytest.mark.parametrize(
    ("now", "expiry"),
    [
        ("2024-05-02T17:19:31", "2024-05-02T17:25:00Z"),
        ("2026-10-02T09:40:56", "2026-10-02T09:50:00Z"),
        ("2026-10-02T09:45:00", "2026-10-02T09:55:00Z"),
        ("2026-10-02T09:44:59", "2026-10-02T09:50:00Z"),
    ],
)
def test_an_address_is_good_for_five_to_ten_minutes(
    serve: Callable[..., Ghcr], now: str, expiry: str
) -> None:
    """It expires on a five-minute mark, as in both recorded samples, and works until then and not longer."""
    ghcr = serve(clock=Clock(instant(now)))
    raw, who = Raw(ghcr.host), bearer(ghcr.token)
    digest = push_blob(raw, "acme/app", DATA, who)
    location = raw("GET", f"/v2/acme/app/blobs/{digest}", who)["location"]
    left = instant(expiry.removesuffix("Z")) - instant(now)

    assert query(location)["se"] == expiry
    ghcr.clock.advance(left - 1)
    assert raw.fetch(location).status == 200
    ghcr.clock.advance(1)
    assert raw.fetch(location).status == 403


@pytest.mark.row("6.11")
def test_the_storage_host_serves_the_bytes(raw: Raw, owner: Who, blob: str) -> None:
    """It answers 200 with the type, a date of change and an etag, and nothing of the registry's."""
    reply = raw.fetch(raw("GET", blob, owner)["location"])

    assert (reply.status, reply.body) == (200, DATA)
    assert reply["content-type"] == "application/octet-stream"
    assert reply["last-modified"] == DATE
    assert reply["etag"]
    assert not {"docker-distribution-api-version", "x-github-request-id"} & set(reply.fields)


@pytest.mark.row("6.11")
def test_the_storage_host_serves_ranges(raw: Raw, owner: Who, blob: str) -> None:
    """`Range` is a 206 with just those bytes."""
    reply = raw.fetch(raw("GET", blob, owner)["location"], ("Range", "bytes=100-299"))

    assert (reply.status, reply.body) == (206, DATA[100:300])
    assert reply["content-range"] == f"bytes 100-299/{len(DATA)}"


@pytest.mark.row("6.12")
def test_credentials_must_not_follow_the_redirect(ghcr: Ghcr, raw: Raw, owner: Who, blob: str) -> None:
    """`Authorization` at the storage host is refused, and noted as a leak; without it the address works."""
    location = raw("GET", blob, owner)["location"]

    assert raw.fetch(location, owner).status == 403
    assert [record.operation for record in ghcr.leaks] == ["storage.get"]
    assert raw.fetch(location).status == 200


@pytest.mark.row("6.13", "10.6")
def test_the_storage_host_may_be_over_its_limit(ghcr: Ghcr, raw: Raw, owner: Who, blob: str) -> None:
    """Over its egress limit it is a 503 with Azure's XML, and the registry goes on redirecting."""
    ghcr.fail("storage.get", "egress-limit")
    location = raw("GET", blob, owner)["location"]

    reply = raw.fetch(location)

    assert reply.status == 503
    assert reply.body.decode() == Like(
        r'<\?xml version="1\.0" encoding="utf-8"\?><Error><Code>ServerBusy</Code>'
        r"<Message>Egress is over the account limit\.\n"
        r"RequestId:[0-9a-f-]{36}\nTime:[0-9T:.-]+Z</Message></Error>"
    )
    assert raw.fetch(location).status == 200
