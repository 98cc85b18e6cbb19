"""The house: what each package may know, what it ships, and what must never be committed.

The rules are in `pyproject.toml` (`tool.importlinter`), in `.pre-commit-config.yaml` and `CONTRIBUTING.md`.
What only makes sense in a source tree is skipped, with a reason, where these tests run on an installed wheel.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = ("ghcr_client", "ghcr_fixtures", "ghcr_sim", "pytest_ghcr")

TOKEN = (
    r"(^|[^A-Za-z0-9_])(gh[oprsu]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"
    r"|Z2h[vwyz1]X[A-Za-z0-9+/_-]{45}|Z2l0aHViX3BhdF[A-Za-z0-9+/_-]{90})"
)
"""GitHub's tokens: classic, app and fine-grained, and in the base64 in which they travel to ghcr.io."""

FOREIGN = ("aiohttp", "click", "cryptography", "ghcr_client", "ghcr_sim", "pydantic")
"""What a plugin that is loaded at every start of pytest must not load."""


def home(package: str) -> Path:
    """The directory of a package, found without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed: pip install -e '.[test]'"
    assert spec.origin is not None, f"{package} has no __init__.py"
    return Path(spec.origin).parent


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module of a package as its path below the package's parent, and parsed."""
    base = home(package)
    for file in sorted(base.rglob("*.py")):
        yield file.relative_to(base.parent).as_posix(), ast.parse(file.read_text("utf-8"))


def tree_only() -> None:
    """Skip the test unless it runs in a source tree."""
    if not (ROOT / "ghcr_sim").is_dir():
        pytest.skip("this is not a source tree: the packages' sources are not here")


def python(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run this Python in another process."""
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


# --- who knows whom


def test_import_contracts() -> None:
    """No module imports what its room may not know: the contracts of pyproject.toml hold."""
    pytest.importorskip("importlinter", reason="import-linter is not installed: pip install '.[test]'")
    code = (
        "import sys; from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True))"
    )
    done = python("-P", "-c", code)
    assert done.returncode == 0, done.stdout + done.stderr


def test_plugin_imports_pytest_and_the_standard_library_only() -> None:
    """A start of pytest pays nothing for a fake that no test asks for."""
    code = (
        "import sys, pytest; before = set(sys.modules); import pytest_ghcr.plugin;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = python("-P", "-c", code)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded.intersection(FOREIGN)
    assert loaded <= {"pytest_ghcr", "pytest", "_pytest", *sys.stdlib_module_names}


# --- what every module says of itself


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_typed(package: str) -> None:
    """A type checker of a user's project reads our types."""
    assert (home(package) / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_say_what_they_do_and_offer(package: str) -> None:
    """Every module has a docstring and `__all__`."""
    bare = []
    for name, tree in modules(package):
        if not ast.get_docstring(tree):
            bare.append(f"{name}: no docstring")
        targets = [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
        targets += [each for node in tree.body if isinstance(node, ast.Assign) for each in node.targets]
        if "__all__" not in {each.id for each in targets if isinstance(each, ast.Name)}:
            bare.append(f"{name}: no __all__")
    assert not bare


@pytest.mark.parametrize("package", PACKAGES)
def test_public_things_have_docstrings(package: str) -> None:
    """Every public class, function and method says what it promises."""
    assert not [f"{name}: {each}" for name, tree in modules(package) for each in undocumented(tree)]


def undocumented(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """Public classes, functions and methods below `node` that have no docstring, by name."""
    for each in node.body:
        if not isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if each.name.startswith("_") or is_variant(each):
            continue
        if not ast.get_docstring(each):
            yield prefix + each.name
        if isinstance(each, ast.ClassDef):
            yield from undocumented(each, f"{prefix}{each.name}.")


def is_variant(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether something documented elsewhere is restated here: an overload, a setter, an override."""
    decorators = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    return bool(decorators & {"overload", "override", "setter", "deleter"})


# --- what is shipped


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the source distribution and the wheel of this tree."""
    tree_only()
    target = str(tmp_path_factory.mktemp("dist"))
    if importlib.util.find_spec("hatchling"):
        command = ["-m", "hatchling", "build", "-d", target]
    elif importlib.util.find_spec("build") and importlib.util.find_spec("build.__main__"):
        command = ["-m", "build", "--outdir", target]  # fetches hatchling
    else:
        pytest.skip("nothing here builds the wheel: pip install hatchling")
    done = python(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(target)


def test_wheel_holds_the_packages_whole(built: Path) -> None:
    """The wheel has the four packages with their data, and nothing beside them: no tests, no caches."""
    (wheel,) = built.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    sources = {
        f"{package}/{file.relative_to(home(package)).as_posix()}"
        for package in PACKAGES
        for file in home(package).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    assert set(names) == sources
    assert {f"{package}/py.typed" for package in PACKAGES} <= sources


def test_wheel_declares_its_licence_commands_and_plugin(built: Path) -> None:
    """Installing it gives `ghcr-sim` and the pytest plugin, and brings the licence."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        about = {
            name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name
        }
        points = archive.read(about["entry_points.txt"]).decode()
    assert "licenses/LICENSE" in about
    assert "ghcr-sim = ghcr_sim.cli:main" in points
    assert re.search(r"\[pytest11\]\nghcr = pytest_ghcr\.plugin\n", points)


def test_source_distribution_can_be_tested(built: Path) -> None:
    """The source distribution brings tests, licence and documents, and no leavings of tools."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tests/test_house.py"} <= names
    leavings = ("__pycache__", ".hypothesis/", "_cache/", ".coverage", ".git/")
    assert not [name for name in names if any(each in f"{name}/" for each in leavings)]


# --- what is committed


def committed() -> list[str]:
    """Files that are or could be committed, as paths below the root."""
    tree_only()
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is not a checkout: nobody can tell what is committed")
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    return sorted({name for name in listed.stdout.splitlines() if (ROOT / name).is_file()})


def test_no_token_is_committed() -> None:
    """No file outside tests/ holds anything of the shape of a GitHub token."""
    shape = re.compile(TOKEN)
    found = [
        f"{name}:{number}"
        for name in committed()
        if not name.startswith("tests/")
        for number, line in enumerate((ROOT / name).read_text("utf-8", "replace").splitlines(), 1)
        if shape.search(line)
    ]
    assert not found, "looks like a token; if it was ever a real one, revoke it first"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("ghp_" + "a1" * 18, True),
        ("token=gho_" + "B" * 36, True),
        ("ghs_" + "c" * 40, True),
        ("ghu_" + "d" * 36, True),
        ('"ghr_' + "e" * 36 + '"', True),
        ("github_pat_" + "F" * 22 + "_" + "9" * 59, True),
        ("Bearer " + b64encode(b"ghp_" + b"a1" * 18).decode(), True),
        ("Bearer " + b64encode(b"github_pat_" + b"F" * 22 + b"_" + b"9" * 59).decode(), True),
        ("ghp_x", False),
        ("ghp_" + "a" * 20, False),
        ("github_pat_", False),
        ("high_" + "a" * 40, False),
    ],
)
def test_token_shapes(text: str, refused: bool) -> None:
    """Every shape of GitHub's tokens is refused, and a made-up short one in an example is not."""
    assert bool(re.search(TOKEN, text)) is refused


def test_commits_are_checked_for_the_same_tokens() -> None:
    """The hook that runs before a commit looks for what these tests look for."""
    tree_only()
    assert TOKEN in (ROOT / ".pre-commit-config.yaml").read_text("utf-8")


# --- what the documents say of it


def test_every_dependency_has_its_reason() -> None:
    """docs/dependencies.md gives a reason for each runtime dependency and each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    reasons = (ROOT / "docs/dependencies.md").read_text("utf-8")
    names = [re.match(r"[\w-]+", line) for line in project["dependencies"]]
    wanted = [name.group() for name in names if name] + list(project["optional-dependencies"])
    assert not [name for name in wanted if f"| `{name}`" not in reasons]


def test_changelog_knows_the_version() -> None:
    """CHANGELOG.md has an entry for the version that the tree would be released as."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[?{re.escape(version)}\b", changelog, re.MULTILINE)


def test_actions_are_pinned() -> None:
    """Every action is a full commit with its version beside it, and a job has only the rights it names."""
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    if not workflows:
        pytest.skip("this is not a checkout: the workflows are not here")
    for workflow in workflows:
        text = workflow.read_text("utf-8")
        used = re.findall(r"^\s*(?:- )?uses: (.+)$", text, re.MULTILINE)
        pinned = r"\./\.github/workflows/[\w-]+\.yml|[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+"
        assert not [each for each in used if not re.match(f"({pinned})( |$)", each)], workflow.name
        assert re.search(r"^permissions: \{\}$", text, re.MULTILINE), workflow.name
