"""Tags as they are now: in whole lists only, page by page, with a `Link` that leads to an end."""

from __future__ import annotations

import json

import pytest
from cassette.making import asked, bearer, cassette, digest, exchange, image, text

from ghcr_sim.cassette import MISS, Replay
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.tags import link_to, tags_now
from ghcr_sim.oci.media import OCI_MANIFEST

COMMON = {"repository": "a/b", "auth": "bearer"}
FIELDS = {"authorization": bearer("x"), "content-type": OCI_MANIFEST}
DATA = image()


def link(last, n):
    """The way on."""
    return f'<https://ghcr.io/v2/a/b/tags/list?last={last}&n={n}>; rel="next"'


def page(number, *tags, n=None, last=None, to=None, after=()):
    """A page."""
    query = tuple((key, value) for key, value in (("last", last), ("n", n)) if value)
    said = (("link", link(to, n or 0)),) if to else ()
    body = text(json.dumps({"name": "a/b", "tags": tags}))
    return exchange(number, "tags.list", query=query, got=body, got_headers=said, after=after, **COMMON)


PAGES = (page(1, "a1", "a2", n="2", to="a2"), page(2, "a3", n="2", last="a2"))
WHOLE = (page(1, "a1", "a2", "a3"),)
BY_DEFAULT = (page(1, "a1", "a2", to="a2"), page(2, "a3", n="0", last="a2"))


@pytest.fixture
def ask(tmp_path):
    """Makes a replay in which a tag more than recorded was pushed, and asks it for lists."""
    made = []

    def begin(*exchanges, tag="a4"):
        size = {"digest": digest(DATA), "size": len(DATA)}
        put = exchange(8, "manifest.put", 201, reference="a0", sent=Body(**size), **COMMON)
        mount = exchange(7, "upload.post", 201, query=(("from", "c/d"), ("mount", digest(b"{}"))), **COMMON)
        replay = Replay(cassette(tmp_path / f"{len(made)}.jsonl", *exchanges, mount, put))
        made.append(replay)
        asked(replay, "POST", f"/v2/a/b/blobs/uploads/?mount={digest(b'{}')}&from=c/d", b"", FIELDS)
        assert asked(replay, "PUT", f"/v2/a/b/manifests/{tag}", DATA, FIELDS).status == 201
        return lambda target: asked(replay, "GET", target, b"", FIELDS)

    yield begin
    for each in made:
        each.close()


def all_pages(say, target):
    """The pages from a target on."""
    pages = []
    while target:
        got = say(target)
        assert got.status == 200, got
        pages.append(json.loads(got.body)["tags"])
        where = got.headers.get("link", "")
        assert where.startswith("<http://127.0.0.1:5000/") or not where
        target = where[where.find("/v2/") : where.find(">")] if where else ""
        assert len(pages) < 9
    return pages


@pytest.mark.parametrize(
    ("recorded", "query", "pages"),
    [
        pytest.param(PAGES, "?n=2", [["a1", "a2"], ["a3", "a4"]], id="by the recorded size"),
        pytest.param(PAGES, "?n=3", [["a1", "a2", "a3"], ["a4"]], id="by another size"),
        pytest.param(PAGES, "?n=9", [["a1", "a2", "a3", "a4"]], id="in one page"),
        pytest.param(PAGES, "", [["a1", "a2", "a3", "a4"]], id="without a size"),
        pytest.param(PAGES, "?n=2&last=a3", [["a4"]], id="from a tag on"),
        pytest.param(WHOLE, "", [["a1", "a2", "a3", "a4"]], id="a whole list"),
        pytest.param(WHOLE, "?n=4", [["a1", "a2", "a3", "a4"]], id="a whole list that is cut by nothing"),
        pytest.param(BY_DEFAULT, "", [["a1", "a2"], ["a3", "a4"]], id="by the registry's own size"),
        pytest.param(BY_DEFAULT, "?n=9", [["a1", "a2"], ["a3", "a4"]], id="by no more than its own size"),
    ],
)
def test_pages_lead_to_an_end(ask, recorded, query, pages) -> None:
    """Each tag stands once, also the new one; a page that is the last has no `Link`."""
    assert all_pages(ask(*recorded), f"/v2/a/b/tags/list{query}") == pages


@pytest.mark.parametrize(
    ("recorded", "query"),
    [
        pytest.param(PAGES[:1], "?n=2", id="a page is missing"),
        pytest.param(PAGES[1:], "?n=2", id="the first page is missing"),
        pytest.param(WHOLE, "?n=2", id="nobody has seen a link"),
        pytest.param(PAGES, "?n=0", id="nobody has seen what zero means"),
        pytest.param(PAGES, "?n=x", id="no number"),
        pytest.param(PAGES, "?n=2&last=b", id="no such tag"),
        pytest.param(PAGES, "?n=2&last=a4", id="nothing follows"),
    ],
)
def test_what_nobody_has_seen_is_a_miss(ask, recorded, query) -> None:
    """A page is not made up."""
    assert ask(*recorded)(f"/v2/a/b/tags/list{query}").status == MISS


def test_the_newest_whole_list_counts() -> None:
    """With what this run has pushed at its end, and without what it has deleted."""
    lists = [page(1, "a1"), page(2, "a1", "a2", after=(1,)), page(3, "a1", n="1", to="a1", after=(1, 2))]
    assert tags_now(lists, {}) == ["a1", "a2"]
    assert tags_now(lists, {"a1": False, "a2": True, "a3": True, "a4": False}) == ["a2", "a3"]
    assert tags_now([page(1, "a1", "a2", n="2", to="a1")], {}) is None


def test_a_link_is_quoted_and_keeps_what_it_says_besides() -> None:
    """The tag and the size change, and nothing else."""
    assert link_to(link("a", 5), "b", "7") == link("b", 7)
    assert link_to(link("a", 0), "b", None) == link("b", 0)
