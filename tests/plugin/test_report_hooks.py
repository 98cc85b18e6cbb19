"""A story that is made where a test ran becomes a section and a page where pytest reports, with workers and without.

The hooks stand here as a user's conftest could have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HOOKS = """
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_ghcr.nearest import unmet_told
from pytest_ghcr.report import write_report
from pytest_ghcr.story import Story
from pytest_ghcr.table import section

STORIES, STARTED = {}, time.time()

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    ghcr = item.funcargs.get("ghcr")
    if ghcr is not None and (report.when == "call" or report.failed):
        report.ghcr_story = Story(
            test=item.nodeid,
            outcome=report.outcome if report.when == "call" else "error",
            seconds=report.duration,
            records=ghcr.requests(),
            unmet=unmet_told(ghcr.simulator.faults.rules, ghcr.requests()),
            error=report.longreprtext,
        ).short().to_json()
    return report

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Telling(), "telling")

class Telling:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if hasattr(report, "ghcr_story"):
            story = Story.from_json(report.ghcr_story)
            STORIES[story.test] = story
            if story.failed:
                report.sections.append(("ghcr", section(story, 80)))

    def pytest_sessionfinish(self, session):
        write_report(
            session.config.rootpath / "page.html", list(STORIES.values()), title="acme",
            started=datetime.fromtimestamp(STARTED, timezone.utc), seconds=time.time() - STARTED,
            versions={"pytest": pytest.__version__},
        )
"""

TESTS = """
import urllib.error
import urllib.request

import pytest

def ask(url):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    caught.value.close()
    return caught.value.code

@pytest.mark.parametrize("name", ["one", "two", "odd-\\udc80-name"])
def test_it_fails(ghcr, name):
    ask(ghcr.url + "/v2/acme/app/manifests/" + ascii(name).strip("'").replace("\\\\", ""))
    assert ghcr.token == "another"

def test_it_passes(ghcr):
    assert ask(ghcr.url + "/v2/") == 401

def test_it_is_owed(ghcr):
    ghcr.fail("manifest.get", status=503, repository="acme/app")
    assert ask(ghcr.url + "/v2/acme/apps/manifests/v1") == 401
"""


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["alone", "workers"])
def test_from_a_test_to_the_page(words: tuple[str, ...], pytester: pytest.Pytester) -> None:
    """The section has the table, the page has all tests of all workers, and neither has a token."""
    if words:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(test_user=TESTS)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *words)
    outcomes = done.parseoutcomes()
    assert (outcomes["failed"], outcomes["passed"], outcomes["errors"]) == (3, 2, 1)
    done.stdout.fnmatch_lines(
        [
            "*- ghcr -*",
            "1 request, * out",
            "GET  * manifest.get *acme/app:one * 401 * auth",
        ]
    )
    done.stdout.fnmatch_lines(["*nearest: manifest.get in acme/apps, answered once; differs in repository"])
    page: Path = pytester.path / "page.html"
    text = page.read_text("utf-8")
    assert text.count('class="sequence"') == 4
    for name in ("test_it_fails[one]", "test_it_fails[two]", "test_it_passes", "test_it_is_owed"):
        assert name in text
    assert "&lt;secret&gt;" in text
    assert "ghp_" not in text
