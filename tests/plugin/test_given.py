"""What a test is given by its marker and by `ghcr_config`, without naming a fixture: who, when, and in which order."""

from __future__ import annotations

CATALOGUE = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def catalogue(ghcr_session):
    ghcr_session.seed("acme/app:v1")
"""

ASKED = """
import pytest, requests

@pytest.fixture
def asked():
    return requests.get("https://ghcr.io/v2/", timeout=5).status_code
"""

TAKEOVER = """
import pytest

@pytest.fixture(scope="session")
def ghcr_config():
    return {"takeover": True}
"""


def test_after_wider_scopes_and_before_its_own(user) -> None:
    """The session's content is there in the first test, too; a fixture of the test reaches the fake."""
    done = user(
        ASKED
        + """
pytestmark = pytest.mark.ghcr(takeover=True)

@pytest.mark.parametrize("number", range(2))
def test_it(asked, request, number):
    assert asked == 401
    assert request.getfixturevalue("ghcr").simulator.store.names() == ["acme/app"]
""",
        conftest=CATALOGUE,
    )
    done.assert_outcomes(passed=2)


def test_a_marker_of_one_parameter(user) -> None:
    """It is that parameter's, and no other one's."""
    done = user(
        """
        import pytest

        @pytest.mark.parametrize("over", [pytest.param(True, marks=pytest.mark.ghcr(takeover=True)), False])
        def test_it(over, request):
            assert ("ghcr" in request.fixturenames) == over
        """
    )
    done.assert_outcomes(passed=2)


def test_a_marker_that_is_added_late(user) -> None:
    """When all tests are collected: the fake is there."""
    done = user(
        ASKED + "def test_it(asked): assert asked == 401",
        conftest="""
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            for each in items:
                each.add_marker(pytest.mark.ghcr(takeover=True))
        """,
    )
    done.assert_outcomes(passed=1)


def test_a_takeover_of_the_fixture(user) -> None:
    """`ghcr_config` says it for tests that name no fixture, for those that do, and for those with a cassette."""
    done = user(
        ASKED
        + """
def test_unnamed(asked): assert asked == 401

def test_named(asked, ghcr): assert asked == 401 and len(ghcr.requests()) == 1

@pytest.mark.ghcr(cassette="list_tags")
def test_a_cassette(ghcr_cassette): assert ghcr_cassette.url == "https://ghcr.io"

@pytest.mark.ghcr(takeover=False)
def test_not(request): assert "ghcr" not in request.fixturenames
""",
        conftest=TAKEOVER,
    )
    done.assert_outcomes(passed=4)


def test_a_takeover_that_comes_too_late(user) -> None:
    """A marker that a fixture adds, and a test without fixtures: an error of the test, in a line."""
    done = user(
        """
        import pytest

        @pytest.fixture
        def late(request):
            request.applymarker(pytest.mark.ghcr(takeover=True))

        def test_it(late): pass
        """,
        conftest="""
        import pytest

        class Item(pytest.Item):
            def runtest(self): pass

        def pytest_pycollect_makeitem(collector, name):
            if name == "test_it":
                item = Item.from_parent(collector, name="bare")
                item.add_marker(pytest.mark.ghcr(takeover=True))
                return [item, pytest.Function.from_parent(collector, name=name)]
        """,
    )
    done.assert_outcomes(errors=2)
    assert done.stdout.str().count("takeover=True was said, and https://ghcr.io does not lead to a fake") >= 2
