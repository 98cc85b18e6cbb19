"""Whatever a client sends, the exchange answers it, and stores nothing of what it refuses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from asking import Answer, BrokenBody, ChunkedBody, Fake, basic, body_of, descriptor, image
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import documents, headers, methods, some, targets

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth.tokens import secret_token
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.exchange import BytesBody, Content, Request
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.profiles import load_profile

if TYPE_CHECKING:
    from ghcr_sim.exchange import Body

A, B = "acme/app", "acme/other"
WORD = digest_of(b"word")

PROFILES = {
    "ghcr": load_profile("ghcr"),
    "oci": load_profile("oci"),
    "guests": load_profile("oci", auth__guests=True, token__form="ghcr"),
    "paged": load_profile("oci", tags__page=1, referrers__page=1, blobs__redirect=True),
}


def make(profile: str) -> tuple[Simulator, str]:
    """A fake with an image, its referrer, a package that anybody may read and a started upload; its id."""
    simulator = Simulator(PROFILES[profile], clock=Clock(1_700_000_000), ids=Ids(7))
    credential = basic(simulator.token) if profile != "ghcr" else "Bearer " + secret_token(simulator.token)
    fake = Fake(simulator)
    fake.authorization = credential
    for repository in (A, B):
        simulator.store.set_visibility(repository, "public" if repository == B else "private")
        for data in (b"{}", b"word", b""):
            where = fake.start(repository)
            assert fake("PUT", f"{where}?digest={digest_of(data)}", data).status == 201
        assert fake.push(repository, "v1", image()).status == 201
    for name in ("one", "two"):
        document = image(subject=descriptor(b"subject"), artifactType=f"test/{name}")
        assert fake.push(A, name, document).status == 201
    where = fake.start(A)
    assert fake("PATCH", where, b"12345").status == 202
    return simulator, where.rpartition("/")[2]


def state(simulator: Simulator) -> dict[str, Any]:
    """What the store holds, as values that can be compared."""
    repositories = {name: simulator.store.repository(name) for name in simulator.store.names()}
    return {
        name: (
            list(held.blobs),
            list(held.manifests),
            list(held.tags.items()),
            {subject: list(found) for subject, found in held.referrers.items()},
            held.visibility,
            dict(held.roles),
        )
        for name, held in repositories.items()
        if held is not None
    }


_MADE: dict[str, Simulator] = {}


def made(profile: str) -> Simulator:
    """Such a fake, until somebody changes it."""
    if profile not in _MADE:
        _MADE[profile] = make(profile)[0]
    return _MADE[profile]


ID = make("oci")[1]
"""The upload's id: the ids are seeded, so that it is always the same."""

_queries = st.sampled_from(
    (
        *(
            "",
            f"digest={WORD}",
            "digest=x",
            "digest=",
            f"mount={WORD}&from={B}",
            f"mount={WORD}",
            "mount=x&from=a",
        ),
        *(
            f"mount=x&from={B}",
            "mount=\ud800&from=\ud800",
            "mount=..%2f..&from=..%2f..",
            "n=1",
            "n=0",
            "n=-1",
        ),
        *("n=1&last=two", "n=1&last=\udcff", "last=v1", "n=" + "9" * 400, "n=²", "artifactType=test/one"),
        *(
            "artifactType=\ud800",
            "tag=a&tag=.b",
            "scope=repository:acme/app:pull",
            "scope=\ud800",
            "se=x&sig=y",
        ),
        *("se=\ud800&sig=\ud800", "service=x&scope=registry:catalog:*", f"digest={digest_of(b'', 'sha512')}"),
    )
)
_near = st.builds(
    "{}?{}".format,
    st.sampled_from(
        (
            *(
                f"/v2/{A}/manifests/v1",
                f"/v2/{A}/manifests/new",
                f"/v2/{A}/manifests/{WORD}",
                f"/v2/{A}/tags/list",
            ),
            *(f"/v2/{A}/blobs/{WORD}", f"/v2/{A}/blobs/uploads/", f"/v2/{A}/blobs/uploads/{ID}"),
            *(
                f"/v2/{B}/blobs/uploads/{ID}",
                f"/v2/{A}/blobs/upload/%00",
                f"/v2/{A}/referrers/{digest_of(b'subject')}",
            ),
            *("/v2/_catalog", "/v2/", "/token", "/", f"/ghcr1/blobs/{WORD}", "/v2/new/package/manifests/v1"),
        )
    ),
    _queries,
)
_bodies: st.SearchStrategy[Body] = (
    documents.map(BytesBody)
    | st.just(BytesBody())
    | st.lists(st.binary(min_size=1, max_size=9), max_size=3).map(lambda pieces: ChunkedBody(*pieces))
    | st.lists(st.binary(min_size=1, max_size=9), max_size=2).map(
        lambda pieces: BrokenBody(*pieces, length=99)
    )
    | st.just(ChunkedBody(*[bytes(1 << 20)] * 5))
    | st.just(BytesBody(b"grant_type=password&username=a&password=%ff"))
)


@pytest.mark.parametrize("profile", PROFILES)
@given(
    asked=st.tuples(methods, _near | _near | targets),
    fields=headers,
    who=st.sampled_from(("owner", "owner", "guest", "nobody")),
    body=_bodies,
)
@example(asked=("GET", f"/ghcr1/blobs/{WORD}?se=\ud800"), fields={}, who="nobody", body=BytesBody())
@some
def test_every_request_is_answered(
    profile: str, asked: tuple[str, str], fields: dict[str, str], who: str, body: Body
) -> None:
    """No request raises, none is answered with 5xx, and a refusal is an error body and leaves all as it was."""
    simulator = made(profile)
    owner = basic(simulator.token) if profile != "ghcr" else "Bearer " + secret_token(simulator.token)
    said = {"owner": {"authorization": owner}, "guest": {"authorization": "Bearer QQ=="}}.get(
        who, {}
    ) | fields
    before, uploads = state(simulator), len(simulator.registry.uploads)
    answer = asyncio.run(simulator(Request(*asked, said), body))
    assert 200 <= answer.status < 500
    names = [name for name, _ in answer.headers]
    assert len(set(names)) == len(names) or names.count("oci-tag") > 1
    assert all(value.isprintable() for _, value in answer.headers if value.isascii())
    length = dict(answer.headers).get("content-length")
    whole = answer.body.stop - answer.body.start if isinstance(answer.body, Content) else len(answer.body)
    assert length is None or int(length) == whole or asked[0] == "HEAD"
    record = simulator.requests()[-1]
    assert (record.status, record.by) == (answer.status, answer.by)
    assert simulator.token not in repr(record) + record.line()
    if answer.status < 400:
        if asked[0] not in {"GET", "HEAD"}:
            del _MADE[profile]
        return
    assert state(simulator) == before
    assert len(simulator.registry.uploads) == uploads
    if answer.by.startswith("storage") or not answer.body:
        return
    assert Answer(answer.status, dict(answer.headers), body_of(answer)).codes
