"""A failed test says what its fake was asked; a run has a page."""

from __future__ import annotations

import pytest

FAILS = """
import pytest, requests

@pytest.mark.ghcr(takeover=True)
def test_it_fails(ghcr):
    ghcr.seed("acme/app:v1")
    requests.get("https://ghcr.io/v2/acme/app/manifests/v1", headers={"Authorization": "Bearer x"}, timeout=5)
    assert ghcr.token == "another"

def test_it_passes(ghcr):
    requests.get(ghcr.url + "/v2/", timeout=5)
"""


def test_a_failed_test_has_a_table(user) -> None:
    """The last requests: method, operation, repository, status, bytes, time and who answered."""
    done = user(FAILS)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*- ghcr -*", "*GET*manifest.get*acme/app:v1*403*"])
    done.stdout.no_fnmatch_line("*ping*")


def test_a_pinned_certificate_is_guessed(user) -> None:
    """TLS that was begun, and no request: the section says what may be the matter."""
    done = user(
        """
        import aiohttp, asyncio, pytest

        async def ask():
            pin = aiohttp.Fingerprint(b"x" * 32)
            async with aiohttp.ClientSession() as session, session.get("https://ghcr.io/v2/", ssl=pin):
                pass

        @pytest.mark.ghcr(takeover=True)
        @pytest.mark.filterwarnings("ignore::ResourceWarning")
        def test_it():
            asyncio.run(ask())
        """
    )
    done.stdout.fnmatch_lines(
        ["*1 TLS connection to ghcr.io ended without a request: its certificate may be*"]
    )


def test_connections_without_a_request_are_counted_one_by_one(user) -> None:
    """One that was pinned is told beside those that were answered, by whomever, and these are not."""
    done = user(
        """
        import pytest, requests, urllib3

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            requests.get("https://ghcr.io/token", timeout=5)
            requests.get("https://api.github.com/user", timeout=5)
            with urllib3.HTTPSConnectionPool("ghcr.io", assert_fingerprint="aa" * 20) as pool:
                pool.request("GET", "/v2/", retries=False)
        """
    )
    done.stdout.fnmatch_lines(["*1 TLS connection to ghcr.io ended without a request: *", "*ghcr_env*"])
    done.stdout.no_fnmatch_line("*TLS connection* to api.github.com*")


def test_a_miss_is_told(user) -> None:
    """A cassette's miss is in the section of the test that fails by it."""
    done = user(
        """
        import pytest, requests

        @pytest.mark.ghcr(cassette="list_tags")
        def test_it(ghcr_cassette):
            assert requests.get(ghcr_cassette.url + "/v2/acme/none/tags/list", timeout=5).ok
        """
    )
    done.assert_outcomes(failed=1, errors=1)
    done.stdout.fnmatch_lines(["*- ghcr -*", "*no answer on cassette for tags.list acme/none*"])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", ["option", "ini"])
def test_a_page_of_the_run(pytester, user, workers, how) -> None:
    """With workers and without; the path by the option or the ini file."""
    words = [f"--ghcr-report={pytester.path}/page.html"] if how == "option" else []
    ini = "" if words else "ghcr_report = page.html"
    if workers:
        pytester.makeini(f"[pytest]\n{ini}\n")
        pytester.makepyfile(test_user=FAILS)
        done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", str(workers), *words)
    else:
        done = user(FAILS, *words, ini=ini)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*- ghcr -*", "*ghcr report: *page.html*"])
    page = (pytester.path / "page.html").read_text()
    assert "test_it_fails" in page
    assert "test_it_passes" in page
    assert page.count("<svg") == 1


def test_a_page_that_cannot_be_written(user, pytester) -> None:
    """It is said before the first test, in a line."""
    (pytester.path / "file").touch()
    done = user(FAILS, f"--ghcr-report={pytester.path}/file/page.html")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: *page.html*"])
