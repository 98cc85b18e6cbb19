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


def test_a_test_that_is_run_again(user, pytester) -> None:
    """Its last try stands on the page, as rerun plugins report it."""
    done = user(
        """
        tries = []

        def test_flaky(ghcr):
            tries.append(ghcr.url)
            assert len(tries) == 2
        """,
        "--ghcr-report=page.html",
        conftest="""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for outcome in ("rerun", None):
                for report in runtestprotocol(item, nextitem=nextitem, log=False):
                    if report.failed:
                        report.outcome = outcome or report.outcome
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """,
    )
    assert done.ret == 0
    page = (pytester.path / "page.html").read_text()
    assert "1 passed" in page
    assert "failed" not in page.partition("<body")[2]


def test_a_page_that_cannot_be_written(user, pytester) -> None:
    """It is said before the first test, in a line."""
    (pytester.path / "file").touch()
    done = user(FAILS, f"--ghcr-report={pytester.path}/file/page.html")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: *page.html*"])


def test_a_run_without_a_terminal(user) -> None:
    """`-p no:terminal`: failures are failures still, and no error of ours."""
    done = user(FAILS, "-p", "no:terminal")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in done.stdout.str() + done.stderr.str()


def test_a_hang_and_a_reset_have_no_status(user) -> None:
    """The table says `none` where the test planned that nothing comes back."""
    done = user(
        """
        import pytest, requests

        @pytest.mark.parametrize("name", ["token-hangs", "connection-reset"])
        def test_it(ghcr, name):
            ghcr.fail("token.get", name)
            requests.get(ghcr.url + "/token", timeout=0.2)
        """
    )
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["GET*token.get*/token*none*fault"] * 2)


SECRETS = """
import base64, pytest, requests

def bearer_of(ghcr, token):
    scope = {"scope": "repository:acme/app:pull"}
    return requests.get(ghcr.url + "/token", scope, auth=("me", token), timeout=5).json()["token"]

@pytest.mark.parametrize("profile", [
    pytest.param("ghcr", marks=pytest.mark.ghcr(profile="ghcr")),
    pytest.param("oci", marks=pytest.mark.ghcr(profile="oci")),
])
def test_its_own(ghcr, profile):
    login = base64.b64encode(f"me:{ghcr.token}".encode()).decode()
    pytest.fail(f"<<{ghcr.token}|{login}|{bearer_of(ghcr, ghcr.token)}>> Authorization: Basic bWU6bWU=")

@pytest.mark.ghcr(credentials=[{"login": "ada", "token": "open sesame"}])
def test_those_that_exist(ghcr):
    pytest.fail(f"<<open sesame|{bearer_of(ghcr, 'open sesame')}|open%20sesame>> password=hunter2")
"""


def test_a_page_has_no_secret(user, pytester) -> None:
    """The fake's own tokens, its bearers and logins are gone, whole; so is what is called a password."""
    user(SECRETS, "--ghcr-report=page.html").assert_outcomes(failed=3)
    page = (pytester.path / "page.html").read_text()
    hidden = "&lt;secret&gt;"
    assert page.count(f"&lt;&lt;{'|'.join([hidden] * 3)}&gt;&gt;") == 3
    assert not any(word in page for word in ("bWU6bWU", "hunter2", "ghp_", "Z2hw", "WyI"))


def test_what_was_not_asked(user, monkeypatch, ghcr) -> None:
    """A fake that was asked nothing says so in a line; a recording, which keeps no list, has no section."""
    monkeypatch.setenv("GHCR_SIM_UPSTREAM", ghcr.url)
    done = user(
        """
        def test_a_fake(ghcr):
            assert ghcr.requests()

        def test_a_recording(ghcr_cassette):
            assert ghcr_cassette.mode == "replay"
        """,
        "--ghcr-record=once",
    )
    done.assert_outcomes(failed=2)
    said = done.stdout.str()
    assert said.count("- ghcr -") == 1
    done.stdout.fnmatch_lines(["*- ghcr -*", "nothing was asked of the fake: *"])


def test_the_sessions_fake_is_told_of(user) -> None:
    """A test that asked only `ghcr_session` has a section, with its own requests alone."""
    done = user(
        """
        import requests

        def test_one(ghcr_session):
            requests.get(ghcr_session.url + "/v2/", timeout=5)

        def test_two(ghcr_session):
            assert not requests.get(ghcr_session.url + "/v2/acme/app/tags/list", timeout=5).text
        """
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*- ghcr -*", "1 request, *", "method*", "GET*tags.list*acme/app*401*auth"])


UNMET = """
import pytest

@pytest.fixture
def planned(ghcr):
    ghcr.fail("blob.get", status=503)

@pytest.fixture
def broken(planned):
    assert False

def test_it_fails(planned):
    assert False

def test_it_skips(planned):
    pytest.skip("not here")

@pytest.mark.xfail(strict=True)
def test_it_is_to_fail(planned):
    assert False

def test_it_does_not_begin(broken): pass

def test_it_would_have_passed(planned): pass
"""


def test_unmet_failures_are_reported_once(user) -> None:
    """Only a test that would have passed fails by them; in one that failed they stand in the section."""
    done = user(UNMET)
    done.assert_outcomes(failed=1, skipped=1, xfailed=1, passed=1, errors=2)
    assert done.stdout.str().count("\na planned failure was never met: blob.get") == 1
    assert done.stdout.str().count("planned failures that were never met:") == 3


def test_an_unmet_failure_of_the_session(user) -> None:
    """It is reported when the session ends, by whose it is."""
    done = user("def test_it(ghcr_session): ghcr_session.fail('blob.get', status=503)")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["a planned failure of ghcr_session was never met: blob.get was to fail once*"])
