"""Planned failures: plans that could never happen are refused, and what was planned and not met is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ghcr_sim.errors import FaultError
from ghcr_sim.faults import Faults, recorded_names
from ghcr_sim.faults.rules import _recorded
from ghcr_sim.route import OPERATIONS, Operation

if TYPE_CHECKING:
    from ghcr_sim.exchange import Response

APP = "acme/app"


def met(faults: Faults, name: str, repository: str = APP) -> int:
    """The status of the failure that an operation meets, or 0."""
    answer = faults.before(Operation(name, repository, "v1"))
    return answer.status if answer is not None else 0


def answer_of(operation: str, **plan: object) -> Response:
    """What goes out instead of an operation."""
    faults = Faults()
    faults.plan(operation, **plan)
    answer = faults.before(Operation(operation, APP, "v1"))
    assert answer is not None
    return answer


# What could never happen.

NEVER = {
    "a typing error": (("blob.gte",), {"status": 503}, "did you mean blob.get"),
    "no operation": (("",), {"status": 503}, "there is no operation ''"),
    "a method": (("GET",), {"status": 503}, "there is no operation 'GET'"),
    "never": (("blob.get",), {"status": 503, "times": 0}, "times must be at least 1"),
    "less than never": (("blob.get",), {"status": 503, "times": -1}, "times must be at least 1"),
    "with nothing": (("blob.get",), {}, "say what goes out"),
    "with two things": (("blob.get", "unavailable"), {"status": 503}, "say what goes out"),
    "with a success": (("blob.get",), {"status": 200}, "is 400 to 599, got 200"),
    "with no status": (("blob.get",), {"status": 600}, "is 400 to 599, got 600"),
    "not recorded": (("blob.get", "unavailible"), {}, "there are rate-limited-read, "),
    "recorded elsewhere": (
        ("blob.get", "token-hangs"),
        {},
        "never happens to blob.get; it happens to token.get",
    ),
    "in no repository": (("token.get",), {"status": 503, "repository": APP}, "belongs to no repository"),
    "on a shard": (("storage.get",), {"status": 503, "repository": APP}, "belongs to no repository"),
    "in no name": (("blob.get",), {"status": 503, "repository": "Acme/App"}, "is not a repository's name"),
    "in a registry": (
        ("blob.get",),
        {"status": 503, "repository": f"ghcr.io/{APP}"},
        f"names the registry ghcr.io, and a repository has none: give {APP!r}",
    ),
    "in a registry on a port": (
        ("blob.get",),
        {"status": 503, "repository": f"127.0.0.1:5000/{APP}"},
        f"names the registry 127.0.0.1:5000, and a repository has none: give {APP!r}",
    ),
    "in a number": (("blob.get",), {"status": 503, "repository": 5}, "5 is not a repository's name"),
}


@pytest.mark.parametrize(("words", "plan", "why"), NEVER.values(), ids=NEVER)
def test_a_plan_that_could_never_happen_is_refused(words: tuple, plan: dict, why: str) -> None:
    """At once, in one line that says what is wrong or what there is; nothing of it is planned."""
    faults = Faults()

    with pytest.raises(FaultError) as caught:
        faults.plan(*words, **plan)

    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert faults.rules == []


@pytest.mark.parametrize("repository", [None, APP])
def test_a_plan_behind_one_that_never_ends_is_refused(repository: str | None) -> None:
    """Its turn would never come; before it, or elsewhere, it is fine."""
    faults = Faults()
    faults.plan("blob.get", status=500, times=None, repository=repository)

    with pytest.raises(FaultError, match="fails always already"):
        faults.plan("blob.get", status=503, repository=APP)
    faults.plan("blob.head", status=503, repository=APP)
    if repository:
        faults.plan("blob.get", status=503, repository="acme/other")


# What happens.


def test_a_failure_happens_as_often_as_it_was_planned() -> None:
    """Once, if nothing is said; then the operation works again."""
    faults = Faults()
    faults.plan("blob.get", status=503)
    faults.plan("tags.list", status=500, times=2)

    assert [met(faults, "blob.get") for _ in range(3)] == [503, 0, 0]
    assert [met(faults, "tags.list") for _ in range(3)] == [500, 500, 0]
    assert met(faults, "blob.head") == 0


def test_a_failure_without_end_never_ends() -> None:
    """`times=None` is always."""
    faults = Faults()
    faults.plan("blob.get", status=503, times=None)

    assert {met(faults, "blob.get") for _ in range(100)} == {503}


def test_failures_happen_in_the_order_of_their_planning() -> None:
    """The first that fits, until it is used up."""
    faults = Faults()
    faults.plan("blob.get", status=503)
    faults.plan("blob.get", status=500, repository=APP)
    faults.plan("blob.get", status=502)

    assert [met(faults, "blob.get", "acme/other"), met(faults, "blob.get")] == [503, 500]
    assert [met(faults, "blob.get"), met(faults, "blob.get")] == [502, 0]


@pytest.mark.parametrize(
    ("name", "how"),
    [("token-hangs", "by hanging"), ("connection-reset", "by a reset"), ("unavailable", "with 503")],
)
def test_what_is_owed_is_told_as_it_would_be_seen(name: str, how: str) -> None:
    """A failure without an answer has no status."""
    faults = Faults()
    faults.plan("token.get", name)
    assert faults.unmet() == [f"token.get was to fail once {how}, and did 0 times"]


def test_failures_are_forgotten_when_they_are_cleared() -> None:
    """None happens, and none is owed."""
    faults = Faults()
    faults.plan("blob.get", status=503)
    faults.clear()

    assert met(faults, "blob.get") == 0
    assert faults.unmet() == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}\n'),
        (429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}\n'),
        (408, b""),
        (500, b""),
        (503, b""),
    ],
)
def test_a_bare_status_has_the_error_body_that_belongs_to_it(status: int, body: bytes) -> None:
    """Where the specification has a code for it; what 5xx answers contained was never recorded."""
    answer = answer_of("blob.get", status=status)

    assert (answer.status, answer.body, answer.by) == (status, body, "fault")
    assert dict(answer.headers)["content-length"] == str(len(body))
    assert ("content-type" in dict(answer.headers)) is bool(body)


@pytest.mark.parametrize("name", recorded_names())
def test_each_recorded_failure_can_be_planned_where_it_was_seen(name: str) -> None:
    """And only there; each is an answer, or an effect on the wire."""
    seen = _recorded()[name]["operations"]
    where = OPERATIONS if seen == ["*"] else set(seen)
    assert where <= OPERATIONS

    for operation in sorted(OPERATIONS):
        if operation not in where:
            with pytest.raises(FaultError, match="never happens to"):
                answer_of(operation, recorded=name)
            continue
        answer = answer_of(operation, recorded=name)
        assert answer.status >= 300
        assert dict(answer.headers)["content-length"] == str(len(answer.body))
        assert "{" not in dict(answer.headers).get("location", "")


# What is owed.


@pytest.mark.parametrize(
    ("plan", "times_met", "words"),
    [
        ({}, 0, "blob.get was to fail once with 503, and did 0 times"),
        ({}, 1, None),
        ({"times": 3}, 2, "blob.get was to fail 3 times with 503, and did 2 times"),
        ({"times": 3}, 3, None),
        ({"times": None}, 0, "blob.get was to fail at all with 503, and did 0 times"),
        ({"times": None}, 1, None),
        ({"repository": APP}, 0, "blob.get in acme/app was to fail once with 503, and did 0 times"),
    ],
)
def test_what_did_not_happen_is_told(plan: dict, times_met: int, words: str | None) -> None:
    """Each plan that was not met, or not often enough, is named with what was wanted and what came."""
    faults = Faults()
    faults.plan("blob.get", status=503, **plan)
    for _ in range(times_met):
        met(faults, "blob.get")

    assert faults.unmet() == ([words] if words else [])


PLANNED = """
    import urllib.request, urllib.error

    def test_met(ghcr):
        ghcr.fail("ping", status=503)
        try:
            urllib.request.urlopen(f"{ghcr.url}/v2/")
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == 503

    def test_unmet(ghcr):
        ghcr.fail("blob.get", status=503, times=2)

    def test_impossible(ghcr):
        ghcr.fail("blob.gett", status=503)
"""


def test_a_failure_that_was_never_met_fails_the_test(pytester: pytest.Pytester) -> None:
    """The body of the test passes, and its end says what it did not test; a plan that is met is fine."""
    pytester.makepyfile(PLANNED)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_unmet*",
            "a planned failure was never met: blob.get was to fail 2 times with 503, and did 0 times",
        ]
    )
    result.stdout.fnmatch_lines(["*FaultError: there is no operation 'blob.gett'*did you mean blob.get*"])
