"""The plugin: imports pytest and the standard library only, until a test asks for a fake."""

from __future__ import annotations

import contextlib
import inspect
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from pytest_ghcr.settings import (
    BEGAN,
    MARKER,
    OPTIONS,
    Record,
    check_ini,
    check_marker,
    marked,
    page_wanted,
    placed,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from ghcr_client import GhcrClient, SyncGhcrClient

    from ghcr_sim.clock import Clock
    from ghcr_sim.journal import Record as Asked
    from pytest_ghcr.cassettes import GhcrCassette
    from pytest_ghcr.images import ImageFactory
    from pytest_ghcr.per_test import PerTest
    from pytest_ghcr.simulator import Ghcr
    from pytest_ghcr.telling import Page

__all__ = [
    "ghcr",
    "ghcr_cassette",
    "ghcr_client",
    "ghcr_clock",
    "ghcr_config",
    "ghcr_env",
    "ghcr_image",
    "ghcr_session",
]

_TEST: pytest.StashKey[PerTest] = pytest.StashKey()
_SESSION: pytest.StashKey[Ghcr] = pytest.StashKey()
_BEFORE: pytest.StashKey[Asked | None] = pytest.StashKey()


pytest.register_assert_rewrite("pytest_ghcr.checks")


# -- what pytest is told


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the ini values of the same names."""
    group = parser.getgroup("ghcr", "a private ghcr.io for every test")
    for each in OPTIONS:
        how: dict[str, Any] = {"dest": each.ini, "default": None, "help": each.help}
        if each.kind == "flag":
            how["action"] = "store_true"
        elif each.kind == "choice":
            how["choices"] = get_args(Record)
        else:
            how["metavar"] = each.metavar
        group.addoption(each.flag, **how)
        if each.kind == "flag":
            parser.addini(each.ini, each.help, type="bool", default=False)
        else:
            parser.addini(each.ini, each.help, default="")


def pytest_configure(config: pytest.Config) -> None:
    """The marker, and who tells what failed tests have to say: the process that reports."""
    config.addinivalue_line("markers", MARKER)
    check_ini(config)
    config.stash[BEGAN] = time.time()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Teller(config), "ghcr-teller")


class _Teller:
    """Tells the stories of tests, which may have run in other processes.

    Args:
        config: Command line and ini file.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._page: Page | None = None
        wanted = page_wanted(config)
        if wanted is not None:
            from pytest_ghcr.telling import Page  # noqa: PLC0415 - few runs want one

            self._page = Page(wanted)
            config.pluginmanager.register(self._page, "ghcr-page")

    @property
    def _width(self) -> int:
        """The terminal's columns, or those that reports have where there is none (`-p no:terminal`)."""
        if self._config.pluginmanager.has_plugin("terminalreporter"):
            return self._config.get_terminal_writer().fullwidth
        return 80

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a section to the report of a failed test, before anybody prints it."""
        if self._page is not None and report.when == "setup":
            self._page.begin(report.nodeid)
        text = getattr(report, "ghcr_story", None)
        if text is None:
            return
        from pytest_ghcr.telling import told  # noqa: PLC0415 - plugin import must cost pytest nothing

        if self._page is not None:
            self._page.add(text)
        said = told(text, self._width)
        if said is not None:
            report.sections.append(said)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """A test gets what its marker or `ghcr_config` says, whether it names the fixture or not; a wrong one is told."""
    wrong = check_marker(item)
    if wrong:
        pytest.fail(wrong, pytrace=False)
    _give(item)
    shared = _shared(item)
    if shared is not None:
        item.stash[_BEFORE] = next(reversed(shared.requests()), None)
    done = yield
    if (
        marked(item).get("takeover")
        and not _is_taken_over(item)
        and not getattr(item.config.option, "setupplan", False)
    ):
        pytest.fail(_NO_TAKEOVER, pytrace=False)
    return done


_NO_TAKEOVER = (
    "takeover=True was said, and https://ghcr.io does not lead to a fake: the test has no fixtures, the marker was "
    "added when they had begun, or another fixture has the name of ghcr"
)


def _is_taken_over(item: pytest.Item) -> bool:
    test = item.stash.get(_TEST, None)
    return test is not None and test.takeover is not None


def _give(item: pytest.Item) -> None:
    """Have a test use the fixture that its settings need: after those of wider scopes, before all others."""
    names: list[str] | None = getattr(item, "fixturenames", None)
    wanted = _wanted(item) if names is not None else None
    if names is None or wanted is None or wanted in names:
        return
    info = getattr(item, "_fixtureinfo", None)  # pytest tells it nowhere else
    known = info.name2fixturedefs if info else {}
    wider = [at for at, name in enumerate(names) if name in known and known[name][-1].scope != "function"]
    first = wider[-1] + 1 if wider else 0
    # All tests of a function have one list.
    item.fixturenames = [*names[:first], wanted, *names[first:]]  # type: ignore[attr-defined]


def _wanted(item: pytest.Item) -> str | None:
    """The fixture that a test's settings need."""
    said = marked(item)
    if said.get("cassette"):
        return "ghcr_cassette"
    if said.get("takeover"):
        return "ghcr"
    configs = item.session._fixturemanager.getfixturedefs("ghcr_config", item)  # noqa: SLF001 - as above
    return "_ghcr_configured" if configs and len(configs) > 1 and "takeover" not in said else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """What was recorded becomes a cassette where the test has passed, and no fixture has failed to end."""
    try:
        done = yield
        _keep(item)
    except BaseException:
        test = item.stash.get(_TEST, None)
        if test is not None:
            test.forget()
        raise
    return done


def _keep(item: pytest.Item) -> None:
    test = item.stash.get(_TEST, None)
    if test is None or test.recording is None:
        return
    from ghcr_sim.cassette import CassetteError  # noqa: PLC0415 - few tests record
    from pytest_ghcr.cassettes import keep  # noqa: PLC0415 - the same

    try:
        keep(test)
    except CassetteError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test tells what its fake was asked, and keeps nothing of what it has recorded."""
    report = yield
    test = item.stash.get(_TEST, None)
    shared = _shared(item)
    if test is not None:
        test.failed = test.failed or report.failed
        test.passed = report.passed if call.when == "call" else test.passed
    if test is None and call.excinfo is not None and _is_of_scope(call.excinfo):
        said = str(report.longrepr)
        report.sections += [("ghcr", advice) for words, advice in _SCOPES.items() if words in said][:1]
    elif (test or shared) and (report.failed or (call.when == "call" and page_wanted(item.config))):
        from pytest_ghcr.telling import story_of  # noqa: PLC0415 - plugin import must cost pytest nothing

        story = story_of(item, report, test, shared, item.stash.get(_BEFORE, None))
        report.ghcr_story = story  # type: ignore[attr-defined]
    if test is not None and report.failed and test.will_be_run_again:
        report.outcome = "rerun"  # type: ignore[assignment] # as rerun plugins say it: a subtest is reported at once
    if test is not None and call.when != "teardown":
        item.addfinalizer(test.hold)  # the last one to be added is the first one to be called
    elif test is not None:
        test.settle()
        del item.stash[_TEST]  # pytest keeps its items: their content would stay to the end
    return report


def _shared(item: pytest.Item) -> Ghcr | None:
    """The session's fake, where a test uses it."""
    if "ghcr_session" not in getattr(item, "fixturenames", ()):
        return None
    return item.session.stash.get(_SESSION, None)


def _is_of_scope(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether a fixture was used at a wider scope than its own."""
    return "ScopeMismatch" in f"{excinfo.typename} {excinfo.value}"


_SCOPES = {
    "scoped fixture ghcr_config": "ghcr_config stands for all tests: write @pytest.fixture(scope='session') above it",
    "scoped fixture ghcr": (
        "ghcr and what stands on it are for one test: a fixture of a wider scope takes ghcr_session, and each test's "
        "ghcr is then a fork of that"
    ),
}
"""What to do where a fixture of ours has a narrower scope than who asks for it."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """With `new`, a test whose cassette lacks something is run once more, and its cassette recorded anew."""
    if "ghcr_cassette" not in getattr(item, "fixturenames", ()) and not marked(item).get("cassette"):
        return None
    from pytest_ghcr.again import run_again  # noqa: PLC0415 - few tests have cassettes

    return run_again(item, nextitem)


# -- fixtures


@contextlib.contextmanager
def _in_a_line() -> Iterator[None]:
    """What is wrong with a setting is said in a line, and not by a traceback of ours."""
    from ghcr_sim.errors import GhcrSimError  # noqa: PLC0415 - plugin import must cost pytest nothing

    try:
        yield
    except (GhcrSimError, pytest.UsageError, TypeError, ValueError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def _ghcr_background() -> Iterator[None]:
    """One background loop for all tests: to start a thread for each would cost more than the fake does."""
    from ghcr_sim.threads import BACKGROUND  # noqa: PLC0415 - plugin import must cost pytest nothing

    BACKGROUND.acquire()
    yield
    BACKGROUND.release()


@pytest.fixture(scope="session")
def ghcr_config() -> Mapping[str, Any]:
    """Settings of all fakes of a conftest's tests; override it to return some.

    `{"profile": "oci"}`, and `seed`, `credentials`, `cassette`, `takeover`, `record`, `live`. A test's marker and the
    command line come before it; the ini file and the defaults after it. Files are relative to the file that defines
    this fixture. `seed` is in `ghcr_session`, too.
    """
    return {}


def _test_of(request: pytest.FixtureRequest, fixture: Mapping[str, Any]) -> PerTest:
    """What stands behind a test: made for the first of its fixtures, closed after the last one.

    It is no fixture: pytest takes its time for each, and every test would pay.
    """
    test: PerTest | None = request.node.stash.get(_TEST, None)
    if test is None:
        from pytest_ghcr.per_test import PerTest  # noqa: PLC0415 - plugin import must cost pytest nothing

        with _in_a_line():
            test = request.node.stash[_TEST] = PerTest(request.node, _found(request, fixture))
        request.node.addfinalizer(partial(_end, test))
    return test


def _found(request: pytest.FixtureRequest, fixture: Mapping[str, Any]) -> dict[str, Any]:
    """What `ghcr_config` gives, with the paths that it means: relative to the file that defines it, for all tests."""
    defined: Any = request._get_active_fixturedef("ghcr_config")  # noqa: SLF001 - pytest tells it nowhere else
    code = getattr(inspect.unwrap(defined.func), "__code__", None)
    folder = Path(code.co_filename).parent if code else request.config.rootpath
    return placed(fixture or {}, folder)


def _end(test: PerTest) -> None:
    problems = test.close()
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def _ghcr_configured(request: pytest.FixtureRequest, ghcr_config: Mapping[str, Any]) -> None:
    """The takeover that `ghcr_config` says, before the test's other fixtures reach for ghcr.io."""
    said = ghcr_config or {}
    if said.get("takeover"):
        names = request.fixturenames
        replays = "ghcr_cassette" in names or ("ghcr" not in names and said.get("cassette"))
        request.getfixturevalue("ghcr_cassette" if replays else "ghcr")


@pytest.fixture(scope="session")
def ghcr_session(
    request: pytest.FixtureRequest, _ghcr_background: None, ghcr_config: Mapping[str, Any]
) -> Iterator[Ghcr]:
    """One fake ghcr.io for the whole session, of which each test's `ghcr` is a fork.

    Seed it in a fixture of session scope. A test that uses it, by whatever fixture, gets a `ghcr` with the same
    content, which costs the same for one image and for thousands; what a test changes is its own. A failure that is
    planned here and never happens fails the end of the session.
    """
    from pytest_ghcr.fakes import make_simulator  # noqa: PLC0415 - plugin import must cost pytest nothing
    from pytest_ghcr.settings import settings_of  # noqa: PLC0415 - the same
    from pytest_ghcr.simulator import Ghcr  # noqa: PLC0415 - the same

    with _in_a_line():
        settings = settings_of(request.config, {}, _found(request, ghcr_config))
        handle = Ghcr(make_simulator(settings))
    request.session.stash[_SESSION] = handle
    with handle.running():
        yield handle
    _fail_unmet(handle, "of ghcr_session ")


def _fail_unmet(handle: Ghcr, whose: str = "") -> None:
    unmet = handle.unmet()
    if unmet:
        pytest.fail(f"a planned failure {whose}was never met: " + "; ".join(unmet), pytrace=False)


@pytest.fixture
def ghcr(
    request: pytest.FixtureRequest, _ghcr_background: None, ghcr_config: Mapping[str, Any]
) -> Iterator[Ghcr]:
    """A private, empty ghcr.io for this test alone, listening on loopback.

    `.url` and `.host` say where; `.token` is the one token that it takes; `.seed("acme/app:v1")` puts images
    in; `.requests("blob.get")` says what happened; `.fail("blob.get", status=503, times=2)` plans a failure,
    and a failure that never happened fails the test. With `@pytest.mark.ghcr(takeover=True)`, https://ghcr.io
    itself leads to it.
    """
    test = _test_of(request, ghcr_config)
    shared = "ghcr_session" in request.fixturenames
    base = request.getfixturevalue("ghcr_session").simulator if shared else None
    with _in_a_line():
        test.make_fake(base)
    with test.fake() as handle:
        yield handle
    if test.passed:  # who failed or skipped before says so already
        _fail_unmet(handle)


@pytest.fixture
def ghcr_clock(ghcr: Ghcr) -> Clock:
    """The time of this test's fake: `ghcr_clock.advance(301)` ages tokens, signed addresses and uploads."""
    return ghcr.clock


@pytest.fixture
def ghcr_image(ghcr: Ghcr) -> ImageFactory:
    """Makes images in this test's fake: valid ones, of several platforms, signed as cosign signs, with referrers.

    `ghcr_image("acme/app:v1", platforms=["linux/amd64", "linux/arm64"], sign=True, sbom=True, attest=True)` gives what
    it made: digests of everything, and the manifest.
    """
    from pytest_ghcr.images import ImageFactory  # noqa: PLC0415 - plugin import must cost pytest nothing

    return ImageFactory(ghcr)


@pytest.fixture
def ghcr_cassette(
    request: pytest.FixtureRequest, _ghcr_background: None, ghcr_config: Mapping[str, Any]
) -> Iterator[GhcrCassette]:
    """This test's cassette in the place of ghcr.io: replayed, or recorded with `--ghcr-record`.

    `.url` and `.host` say where; with `@pytest.mark.ghcr(takeover=True)`, https://ghcr.io itself leads to it. The
    marker's `cassette="name"` names it; else it is named after the test. A request that it cannot answer fails the
    test, and so does a recorded write that never came.
    """
    from ghcr_sim.cassette import CassetteError  # noqa: PLC0415 - plugin import must cost pytest nothing
    from pytest_ghcr.cassettes import played  # noqa: PLC0415 - the same

    test = _test_of(request, ghcr_config)
    try:
        with played(test) as cassette:
            test.cassette = cassette
            yield cassette
    except CassetteError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    report = cassette.report
    if report is not None and not report.ok:
        pytest.fail("\n".join(report.problems()), pytrace=False)


@pytest.fixture
def ghcr_env(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """An environment for subprocesses in which https://ghcr.io is this test's fake, or its cassette.

    `subprocess.run(["crane", "digest", "ghcr.io/acme/app:v1"], env=ghcr_env)`. Clients are logged in with the
    fake's token; every other host is refused, and fails the test.
    """
    if "ghcr_cassette" in request.fixturenames:
        cassette = request.getfixturevalue("ghcr_cassette")
        handler, token = cassette.handler, cassette.token
    else:
        token = request.getfixturevalue("ghcr").token
        handler = request.node.stash[_TEST].front
    with request.node.stash[_TEST].environment(handler, token) as variables:
        yield variables


@pytest.fixture
def ghcr_client(request: pytest.FixtureRequest) -> Iterator[GhcrClient | SyncGhcrClient]:
    """`ghcr_client`'s client, connected to this test's fake, or to its cassette, as `ghcr.io`.

    A test that is a coroutine gets a `GhcrClient`, which opens itself in the loop of its first call, also in a fixture
    that is a coroutine; any other test gets a `SyncGhcrClient`. Both have the fake's token, and are nobody where it has
    none.
    """
    from pytest_ghcr.clients import connected  # noqa: PLC0415 - plugin import must cost pytest nothing

    where = "ghcr_cassette" if "ghcr_cassette" in request.fixturenames else "ghcr"
    place = request.getfixturevalue(where)
    over = request.node.stash[_TEST].settings.takeover
    url = "https://ghcr.io" if over else place.url
    with connected(request.node, url, place.token) as client:
        yield client
