"""What the journal keeps, shows, and never writes down."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asking import Fake, basic
from hypothesis import given
from hypothesis import strategies as st
from strategies import some

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth.tokens import secret_token
from ghcr_sim.exchange import BytesBody, Content, Request, Response, Wire
from ghcr_sim.journal import LEAK, Journal, Record
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.route import Operation, parse
from ghcr_sim.store import BytesBlob

A = "acme/app"
MARK = "ghp_SECRET0marker"


def record(**fields: object) -> Record:
    """A record of a GET of a tag."""
    blank = Record("manifest.get", "GET", f"/v2/{A}/manifests/v1", A, "v1", 200, 0, 412, 0.00123, "registry")
    return blank._replace(**fields)  # type: ignore[arg-type]


def test_an_exchange_is_written_down() -> None:
    """A record says what was asked, what was answered, by whom, and how many bytes went each way."""
    oci = Fake()
    digest = oci.push_blob(A, b"0123456789")
    oci("GET", f"/v2/{A}/blobs/{digest}", headers={"range": "bytes=2-4"})
    oci("HEAD", f"/v2/{A}/blobs/{digest}")
    oci("GET", "/v2/A/tags/list?n=1")
    push, get, head, invalid = oci.simulator.requests()
    assert (push.operation, push.repository, push.status, push.received) == ("upload.post", A, 201, 10)
    assert push.target == f"/v2/{A}/blobs/uploads/?digest={digest}"
    assert (get.operation, get.reference, get.status, get.sent) == ("blob.get", digest, 206, 3)
    assert (head.operation, head.sent) == ("blob.head", 0)
    assert (invalid.operation, invalid.repository, invalid.status) == ("invalid", "", 400)
    assert invalid.target == "/v2/A/tags/list"
    assert all(each.seconds >= 0 and each.by and not each.leak for each in oci.simulator.requests())
    assert oci.simulator.requests("blob.head") == [head]
    assert oci.simulator.requests("blob.delete") == []


def test_a_request_without_an_answer_is_written_down() -> None:
    """A request that nobody answered has status 0."""
    journal = Journal()
    journal.write(journal.now(), Request("GET", "/v2/", {}), Operation("ping"), None, 3)
    (found,) = journal.records()
    assert (found.status, found.sent, found.received, found.by) == (0, 0, 3, "nobody")


@pytest.mark.parametrize("wire", [Wire(hang=True), Wire(reset=True)])
def test_an_answer_that_never_goes_out_has_no_status(wire: Wire) -> None:
    """A planned hang or reset is written down as what the client saw: no answer."""
    journal = Journal()
    answer = Response(504, (), b"late", wire, by="fault")
    journal.write(journal.now(), Request("GET", "/v2/", {}), Operation("ping"), answer, 0)
    (found,) = journal.records()
    assert (found.status, found.sent, found.by) == (0, 0, "fault")


@pytest.mark.parametrize("name", ["pings", "GET", "", "blob"])
def test_what_can_never_have_happened_is_refused(name: str) -> None:
    """An operation that there is not is an error, and no empty list; the names that there are stay fine."""
    journal = Journal()
    with pytest.raises(ValueError, match="did you mean "):
        journal.records(name)
    assert [journal.records(each) for each in ("ping", "invalid", "api.get")] == [[], [], []]


def test_the_newest_are_kept() -> None:
    """A journal forgets the oldest records when it is full, and all of them when told to."""
    heard: list[Record] = []
    journal = Journal(most=3, listener=heard.append)
    for number in range(5):
        request = Request("GET", f"/v2/{A}/tags/list?n={number}", {})
        journal.write(0, request, parse(*request[:2]), Response(200), 0)
    assert [each.target[-1] for each in journal.records()] == ["2", "3", "4"]
    assert len(heard) == 5
    journal.clear()
    assert journal.records() == []


def test_what_is_sent_of_a_part() -> None:
    """The bytes sent are those of the part that was asked for, and none for HEAD."""
    journal = Journal()
    blob = BytesBlob(digest_of(b"0123456789"), (b"0123456789",))
    for method in ("GET", "HEAD"):
        request = Request(method, "/v2/", {})
        journal.write(0, request, Operation("ping"), Response(206, (), Content(blob, 2, 7)), 0)
    assert [each.sent for each in journal.records()] == [5, 0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ["200", "manifest.get", f"GET /v2/{A}/manifests/v1", "412 B out", "1.2 ms"]),
        ({"received": 1536}, ["1.5 KiB in"]),
        ({"sent": 3 << 20}, ["3.0 MiB out"]),
        ({"sent": 5 << 30}, ["5.0 GiB out"]),
        ({"target": f"/v2/{A}/blobs/{digest_of(b'')}"}, [f"/blobs/{digest_of(b'')[:15]}…"]),
        (
            {"target": f"/v2/{A}/blobs/{digest_of(b'', 'sha512')}"},
            [f"/blobs/{digest_of(b'', 'sha512')[:15]}…"],
        ),
        ({"target": "/v2/a/blobs/upload/9d1f8a1e-58a1-4b8e-9d53-0d0f0a3a5f6c"}, ["/upload/9d1f8a1e…"]),
        ({"target": "/v2/a/tags/list?last=a%2Fb"}, ["last=a/b"]),
        ({"leak": True}, ["CREDENTIAL LEAK"]),
        ({"status": 0}, ["  0  manifest.get"]),
    ],
)
def test_a_line_for_people(fields: dict[str, object], words: list[str]) -> None:
    """A record's line has the status, the operation, what was asked, sizes, time; long digests are cut."""
    line = record(**fields).line()
    for word in words:
        assert word in line
    assert ("CREDENTIAL LEAK" in line) is ("leak" in fields)


@pytest.mark.parametrize("name", ["n", "last"])
def test_a_line_shows_nothing_that_looks_like_a_secret(name: str) -> None:
    """Not in a key of a query that the protocol knows, and not where it is quoted."""
    token = "ghp" + "_" + "a1" * 18
    for said in (token, token.replace("_", "%5f")):
        line = record(target=f"/v2/{A}/tags/list?{name}={said}").line()
        assert f"{name}=<secret>" in line
        assert token not in line


@given(st.text() | st.text(st.characters(max_codepoint=0x3F)) | st.just("/a%0a%1b[31m%e2%80%ae%ff\udcff"))
@some
def test_a_line_is_one_line(target: str) -> None:
    """Whatever was asked, its line is one, and holds nothing that moves a terminal's cursor."""
    line = record(target=target).line()
    assert line.isprintable()
    line.encode()


@pytest.mark.parametrize("profile", ["ghcr", "oci"])
@pytest.mark.parametrize(
    ("method", "target", "authorization", "body"),
    [
        ("GET", "/v2/", f"Bearer {MARK}", b""),
        ("GET", "/v2/", "Bearer " + secret_token(MARK), b""),
        ("GET", f"/v2/{A}/tags/list", basic(MARK), b""),
        ("GET", f"/token?scope={MARK}", basic("wrong", MARK), b""),
        ("GET", f"/token?account={MARK}", basic(MARK), b""),
        ("POST", "/token", "", f"grant_type=password&username=u&password={MARK}".encode()),
        ("POST", "/token", "", f"grant_type={MARK}".encode()),
        ("GET", f"http://octocat:{MARK}@ghcr.io/v2/", "", b""),
        ("GET", f"http://octocat:{MARK}@ghcr.io/v2/A/?x", "", b""),
        ("GET", f"/ghcr1/blobs/{digest_of(b'')}?sig={MARK}", f"Bearer {MARK}", b""),
        ("GET", f"/nowhere?token={MARK}", "", b""),
        ("BREW", f"/token?token={MARK}", "", b""),
    ],
)
def test_no_secret_is_written_down(
    profile: str, method: str, target: str, authorization: str, body: bytes
) -> None:
    """Whatever way a secret comes, right or wrong, neither the record nor its line nor the answer holds it."""
    simulator = Simulator(profile)
    request = Request(method, target, {"authorization": authorization} if authorization else {})
    answer = asyncio.run(simulator(request, BytesBody(body)))
    (found,) = simulator.requests()
    shown = repr(found) + found.line() + repr(request) + repr(simulator.accounts) + repr(simulator)
    for secret in (MARK, secret_token(MARK), basic(MARK).partition(" ")[2]):
        assert secret not in shown
        assert answer.status < 400 or secret not in repr(answer)


def test_a_leak_is_known_by_who_answered() -> None:
    """Only the storage host's refusal of a credential counts as a leak."""
    simulator = Simulator()
    target = f"/ghcr1/blobs/{digest_of(b'')}"
    asyncio.run(simulator(Request("GET", target, {}), BytesBody()))
    assert simulator.leaks == []
    asyncio.run(simulator(Request("GET", target, {"authorization": "Bearer QQ=="}), BytesBody()))
    assert [(each.by, each.operation) for each in simulator.leaks] == [(LEAK, "storage.get")]


def test_records_are_read_while_others_are_written() -> None:
    """A test may look at the records while the server's thread goes on writing them."""
    journal, stop = Journal(most=5000), threading.Event()
    request = Request("GET", "/v2/", {})

    def write() -> None:
        while not stop.is_set():
            journal.write(0, request, Operation("ping"), Response(200), 0)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(200):
            assert all(each.operation == "ping" for each in journal.records("ping"))
    finally:
        stop.set()
        thread.join()
