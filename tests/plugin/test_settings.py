"""Marker, options, ini values and `ghcr_config`: who decides, and what is said of a wrong name."""

from __future__ import annotations

import shutil
from importlib.resources import files

import pytest
from ghcr_fixtures import path

PROFILE = """
import pytest

{marker}
def test_it(ghcr):
    print("profile:", ghcr.simulator.profile.name)
"""

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def ghcr_config():
    return {"profile": %r}
"""

OCI = "@pytest.mark.ghcr(profile='oci')"
INI = {"ini": "ghcr_profile = oci"}

SOURCES = {
    "nothing": ((), "", {}, "ghcr"),
    "ini": ((), "", INI, "oci"),
    "the fixture, before ini": ((), "", {**INI, "conftest": CONFTEST % "ghcr"}, "ghcr"),
    "the marker, before the fixture": ((), OCI, {"conftest": CONFTEST % "ghcr"}, "oci"),
    "the command line, before the marker": (
        ("--ghcr-profile=ghcr",),
        OCI,
        {**INI, "conftest": CONFTEST % "oci"},
        "ghcr",
    ),
}


@pytest.mark.parametrize(("words", "marker", "files", "profile"), SOURCES.values(), ids=SOURCES)
def test_who_decides(user, words, marker, files, profile) -> None:
    """Command line, marker, fixture, ini file, default."""
    done = user(PROFILE.format(marker=marker), "-s", *words, **files)
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines([f"*profile: {profile}*"])


def test_markers_add_up(user) -> None:
    """The nearest marker has the last word, argument by argument."""
    done = user(
        """
        import pytest

        pytestmark = pytest.mark.ghcr(profile="oci", seed="acme/one:v1")

        @pytest.mark.ghcr(seed={"acme/two:v1": {"platforms": ["linux/amd64", "linux/arm64"]}, "acme/three:v1": None})
        class TestIt:
            def test_it(self, ghcr):
                assert ghcr.simulator.profile.name == "oci"
                found = [ghcr.simulator.package(f"acme/{each}") for each in ("one", "two", "three")]
                assert [each is not None for each in found] == [False, True, True]
        """
    )
    done.assert_outcomes(passed=1)


def test_what_can_be_seeded(user, pytester) -> None:
    """References, several of them, recipes, archives beside the test, and seeds that are shipped."""
    pytester.mkdir("data")
    done = user(
        """
        import pytest, shutil
        from pathlib import Path
        import ghcr_fixtures

        shutil.copy(ghcr_fixtures.path("seeds/hello.tar"), Path(__file__).parent / "data" / "mine.tar")

        @pytest.mark.parametrize("number", [1])
        @pytest.mark.ghcr(seed=["acme/app:v1", "acme/app:v2"])
        def test_references(ghcr, number):
            assert all(ghcr.simulator.store.manifest("acme/app", each) for each in ("v1", "v2"))

        @pytest.mark.ghcr(seed="hello.tar")
        def test_a_shipped_one(ghcr):
            assert ghcr.simulator.store.names() == ["acme/hello"]

        @pytest.mark.ghcr(seed=Path("data/mine.tar"))
        def test_a_path_beside_the_test(ghcr):
            assert ghcr.simulator.store.names() == ["acme/hello"]
        """
    )
    done.assert_outcomes(passed=3)


def test_who_exists(user, pytester) -> None:
    """A credentials file beside the test, or credentials: exactly those, then."""
    pytester.makefile(".toml", who='[[credential]]\nlogin = "ada"\ntoken = "ghp_ada"\n')
    done = user(
        """
        import base64, pytest, urllib.error, urllib.request
        from ghcr_sim.auth import Credential

        def status(ghcr, token):
            login = base64.b64encode(f"x:{token}".encode()).decode()
            url = ghcr.url + "/token?scope=repository:acme/app:pull"
            asked = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})
            try:
                with urllib.request.urlopen(asked) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                error.close()
                return error.code

        @pytest.mark.ghcr(credentials="who.toml")
        def test_a_file(ghcr):
            assert (status(ghcr, "ghp_ada"), status(ghcr, "ghp_bob"), ghcr.token) == (200, 403, "")

        @pytest.mark.ghcr(credentials=[Credential("ada", "ghp_ada"), {"login": "bob", "token": "ghp_bob"}])
        def test_several(ghcr):
            assert (status(ghcr, "ghp_ada"), status(ghcr, "ghp_bob"), status(ghcr, "ghp_eve")) == (200, 200, 403)
        """
    )
    done.assert_outcomes(passed=2)


WRONG = {
    "a positional argument": (
        "@pytest.mark.ghcr('acme/app:v1')",
        "*takes its arguments by name, such as seed='acme/app:v1'*",
    ),
    "an unknown argument": (
        "@pytest.mark.ghcr(profil='oci')",
        "*@pytest.mark.ghcr has no argument 'profil' (did you mean 'profile'?): it takes profile, seed, *",
    ),
    "an argument unlike any": ("@pytest.mark.ghcr(x=1)", "*has no argument 'x': it takes profile, seed, *"),
    "takeover that is no switch": ("@pytest.mark.ghcr(takeover='yes')", "*takeover is True or False*"),
    "an unknown profile": ("@pytest.mark.ghcr(profile='docker')", "*docker*"),
    "a seed that is none": ("@pytest.mark.ghcr(seed=[3])", "*seed=3 is no reference (acme/app:v1)*"),
    "a profile that is none": ("@pytest.mark.ghcr(profile=7)", "*a profile is a name, a path *and not 7*"),
    "a profile's file that is not there": (
        "@pytest.mark.ghcr(profile='no.toml')",
        "*cannot read the profile *no.toml: No such file*",
    ),
    "a cassette that is no name": (
        "@pytest.mark.ghcr(cassette=7)",
        "*cassette is a name or a path, and not 7*",
    ),
    "a cassette without a name": (
        "@pytest.mark.ghcr(cassette='')",
        "*cassette is a name or a path, and not ''*",
    ),
    "a recipe with an unknown ingredient": (
        "@pytest.mark.ghcr(seed={'a/b:v1': {'platformz': []}})",
        "*recipe of 'a/b:v1' has no 'platformz' (did you mean 'platforms'?)*",
    ),
    "a recipe that is none": (
        "@pytest.mark.ghcr(seed={'a/b:v1': ['linux/amd64']})",
        "*the recipe of 'a/b:v1' is a mapping, such as *",
    ),
    "a credential's unknown key": (
        "@pytest.mark.ghcr(credentials=[{'login': 'ada', 'tokn': 'ghp_ada'}])",
        "*credentials: credential.0.*",
    ),
    "a credential's unknown scope": (
        "@pytest.mark.ghcr(credentials={'login': 'ada', 'token': 'ghp_ada', 'scopes': ['reed:packages']})",
        "*credentials: credential.0.scopes.0: Input should be 'read:packages', *",
    ),
    "credentials that are none": ("@pytest.mark.ghcr(credentials=7)", "*credentials: credential.0: *"),
    "credentials that are not there": (
        "@pytest.mark.ghcr(credentials='no.toml')",
        "*cannot read the credentials file*",
    ),
}


@pytest.mark.parametrize(("marker", "line"), WRONG.values(), ids=WRONG)
def test_a_wrong_marker(user, marker, line) -> None:
    """An error of its test, and of no other one; in one line that says what to write."""
    done = user(
        f"""
        import pytest

        {marker}
        def test_it(ghcr):
            pass

        def test_other(ghcr):
            pass
        """,
        "--strict-markers",
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines([line])
    done.stdout.no_fnmatch_line("*pytest_ghcr/*.py:*")
    done.stdout.no_fnmatch_line("*During handling of*")
    done.stdout.no_fnmatch_line("*ghp_ada*")


def test_a_wrong_marker_beside_a_cassette(user) -> None:
    """An error of its test there, too."""
    done = user(
        """
        import pytest

        @pytest.mark.ghcr(seeed="x")
        def test_it(ghcr_cassette): pass

        def test_other(): pass
        """
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*has no argument 'seeed' (did you mean 'seed'?)*"])


PLACES = {
    "the marker: beside the test": ((), "", "sub/test_it.py", "@pytest.mark.ghcr(profile='../my.toml')"),
    "the command line: from where pytest was called": (("--ghcr-profile=my.toml",), "", "sub/test_it.py", ""),
    "the ini file: beside it": ((), "ghcr_profile = my.toml", "sub/test_it.py", ""),
}


@pytest.mark.parametrize(("words", "ini", "file", "marker"), PLACES.values(), ids=PLACES)
def test_a_profile_of_ones_own(pytester, words, ini, file, marker) -> None:
    """A file, relative to who names it."""
    profile = files("ghcr_sim.profiles").joinpath("oci.toml").read_text()
    (pytester.path / "my.toml").write_text(profile.replace('name = "oci"', 'name = "mine"'))
    pytester.makeini(f"[pytest]\n{ini}\n")
    test = pytester.path / file
    test.parent.mkdir()
    asserted = "def test_it(ghcr): assert ghcr.simulator.profile.name == 'mine'"
    test.write_text(f"import pytest\n\n{marker}\n{asserted}\n")
    pytester.runpytest("-p", "no:cacheprovider", *words).assert_outcomes(passed=1)


def test_files_of_a_fixture(pytester) -> None:
    """`ghcr_config` names files beside itself, whoever asks for them, and wherever that test is."""
    profile = files("ghcr_sim.profiles").joinpath("oci.toml").read_text()
    folder = pytester.mkdir("suite")
    (folder / "my.toml").write_text(profile.replace('name = "oci"', 'name = "mine"'))
    (folder / "who.toml").write_text('[[credential]]\nlogin = "ada"\ntoken = "ghp_ada"\n')
    shutil.copy(path("seeds/hello.tar"), folder / "mine.tar")
    (folder / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture(scope='session')\ndef ghcr_config():\n"
        "    return {'profile': 'my.toml', 'credentials': 'who.toml', 'seed': ['./mine.tar', 'acme/app:v1'], "
        "'cassette': 'kept/one.jsonl'}\n"
    )
    for name in ("test_one.py", "below/test_two.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(
            "from pathlib import Path\n"
            "def test_it(ghcr): check(ghcr)\n"
            "def test_a_fork(ghcr, ghcr_session): check(ghcr), check(ghcr_session)\n"
            "def test_a_cassette(ghcr_cassette):\n"
            f"    assert ghcr_cassette.path == Path({str(folder)!r}) / 'kept/one.jsonl'\n"
            "def check(ghcr):\n"
            "    assert (ghcr.simulator.profile.name, ghcr.token) == ('mine', '')\n"
            "    assert ghcr.simulator.store.names() == ['acme/app', 'acme/hello']\n"
        )
    (folder / "kept").mkdir()
    shutil.copytree(path("cassettes/list_tags.jsonl").parent / "pool", folder / "kept/pool")
    shutil.copy(path("cassettes/list_tags.jsonl"), folder / "kept/one.jsonl")
    words = ("-p", "no:cacheprovider", "-p", "no:randomly", "--import-mode=importlib")
    pytester.runpytest(*words).assert_outcomes(passed=6)


def test_a_wrong_setting(user) -> None:
    """A key of `ghcr_config`, or a value of the ini file."""
    done = user("def test_it(ghcr): pass", conftest=(CONFTEST % "oci").replace("profile", "profiles"))
    done.stdout.fnmatch_lines(["*ghcr_config has no setting 'profiles' (did you mean 'profile'?)*"])
    done.stdout.no_fnmatch_line("*pytest_ghcr/*.py:*")


def test_a_wrong_ini_value(user) -> None:
    """A mode of recording that is none, a switch that is none: pytest does not begin."""
    for ini, line in (
        (
            "ghcr_record = sometimes",
            "*ghcr_record is 'sometimes', but has to be one of none, once, new, all*",
        ),
        ("ghcr_live = maybe", "*ghcr_live has to be true or false*"),
    ):
        done = user("def test_it(ghcr): pass", ini=ini)
        done.stderr.fnmatch_lines([line])
        assert done.ret == pytest.ExitCode.USAGE_ERROR


def test_a_fixture_cannot_run_tests_again(user) -> None:
    """`record="new"` of `ghcr_config` comes too late, and is told where to go; so is what is no mode at all."""
    for said, line in (
        ("new", "*say --ghcr-record=new, or ghcr_record*"),
        ("x", "*record is 'x', but has to be*"),
    ):
        done = user("def test_it(ghcr): pass", conftest=(CONFTEST % said).replace("profile", "record"))
        done.assert_outcomes(errors=1)
        done.stdout.fnmatch_lines([line])


def test_a_wrong_scope(user) -> None:
    """Pytest's own error, and what to use in its place."""
    done = user(
        """
        import pytest

        @pytest.fixture(scope="session")
        def wide(ghcr): pass

        def test_it(wide): pass
        """
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["*a fixture of a wider scope takes ghcr_session, and each test's ghcr is then a fork*"]
    )


def test_a_config_of_a_narrow_scope(user) -> None:
    """`ghcr_config` that somebody overrides for each test: the scope that it needs."""
    conftest = (CONFTEST % "oci").replace('(scope="session")', "")
    done = user("def test_it(ghcr, ghcr_session): pass", conftest=conftest)
    done.stdout.fnmatch_lines(["*ghcr_config stands for all tests: write @pytest.fixture(scope='session')*"])


def test_it_is_all_shown(user) -> None:
    """`--markers`, `--help` and `--fixtures` say what there is."""
    done = user("", "--markers")
    done.stdout.fnmatch_lines(
        ["@pytest.mark.ghcr(*profile=None, seed=None, *): what this test's ghcr.io is like: *"]
    )
    done = user("", "--help")
    done.stdout.fnmatch_lines(
        [
            "*--ghcr-record={none,once,new,all}",
            "*--ghcr-live*",
            "*--ghcr-profile=NAME*",
            "*--ghcr-report=PATH*",
        ]
    )
    done.stdout.fnmatch_lines(["*ghcr_record (string):*"])
    done = user("", "--fixtures")
    names = [
        "ghcr_config",
        "ghcr_session",
        "ghcr",
        "ghcr_clock",
        "ghcr_image",
        "ghcr_cassette",
        "ghcr_env",
        "ghcr_client",
    ]
    done.stdout.fnmatch_lines([f"{each} *-- *plugin.py:*" for each in names])
