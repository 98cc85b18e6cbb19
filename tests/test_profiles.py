"""Profiles: the files that come with the package, files of one's own, and changes; each mistake is one clear line."""

from __future__ import annotations

import ast
import asyncio
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.assemble import Simulator
from ghcr_sim.errors import ProfileError
from ghcr_sim.exchange import BytesBody, Request
from ghcr_sim.profiles import Answer, load_profile, profile_names
from ghcr_sim.profiles import load as loading

if TYPE_CHECKING:
    from pathlib import Path

OURS = ("ghcr", "oci")


def written(tmp_path: Path, *changes: tuple[str, str]) -> str:
    """A file of one's own: `ghcr.toml` with some text replaced, each exactly once."""
    text = (loading._HERE / "ghcr.toml").read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return str(path)


def refusal(name: str, **changes: object) -> str:
    """The one line with which a profile is refused."""
    with pytest.raises(ProfileError) as caught:
        load_profile(name, **changes)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_two_profiles_come_with_the_package() -> None:
    """`ghcr`, the default, and `oci`."""
    assert profile_names() == list(OURS)
    assert load_profile() == load_profile("ghcr")
    assert load_profile("ghcr") is load_profile("ghcr")
    assert [load_profile(name).name for name in OURS] == list(OURS)


@pytest.mark.parametrize("name", OURS)
def test_our_profiles_stand_up_to_validation(name: str) -> None:
    """They are loaded without it, for speed; with it they are the same."""
    assert load_profile(str(loading._HERE / f"{name}.toml")) == load_profile(name)


@pytest.mark.parametrize("name", OURS)
def test_our_profiles_set_every_switch_to_a_value_of_its_type(name: str) -> None:
    """Nothing is a mutable list, and each refusal is status, code and text."""
    profile = load_profile(name)

    assert isinstance(profile.storage.shards, tuple)
    for field in fields(profile.refusals):
        answer = getattr(profile.refusals, field.name)
        assert isinstance(answer, Answer)
        assert 400 <= answer.status < 500


def test_every_switch_is_read_somewhere() -> None:
    """A switch that nothing asks for would change nothing, and say that it does."""
    package = loading._HERE.parent
    modules = [file for file in package.rglob("*.py") if file.parent != loading._HERE or file.stem == "dress"]
    read = {
        node.attr
        for file in modules
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    profile = load_profile()
    switches = {
        switch.name
        for section in fields(profile)
        if is_dataclass(getattr(profile, section.name))
        for switch in fields(getattr(profile, section.name))
    }

    assert switches - read == set()


def test_a_profile_cannot_be_changed() -> None:
    """Two fakes share one, so nobody may write to it."""
    with pytest.raises(FrozenInstanceError):
        load_profile().tags.page = 5  # type: ignore[misc]


def test_a_file_of_one_s_own(tmp_path: Path) -> None:
    """A path ending in `.toml` is a whole profile."""
    path = written(tmp_path, ('name = "ghcr"', 'name = "mine"'), ("page = 100", "page = 7"))

    profile = load_profile(path)

    assert (profile.name, profile.tags.page) == ("mine", 7)
    assert profile.refusals == load_profile("ghcr").refusals


def test_a_profile_that_is_loaded_is_taken_as_it_is() -> None:
    """`load_profile` of a profile is that profile, changed or not."""
    profile = load_profile("oci")

    assert load_profile(profile) is profile
    assert load_profile(profile, tags__page=3).tags.page == 3
    assert profile.tags.page == 0


def test_single_switches_can_be_changed() -> None:
    """Two underscores are the dot, and everything else stays."""
    changed = load_profile("ghcr", limits__enforce=True, storage__shards=["ghcr1"])

    assert changed.limits.enforce
    assert changed.storage.shards == ("ghcr1",)
    assert changed.uploads == load_profile("ghcr").uploads
    assert not load_profile("ghcr").limits.enforce


@pytest.mark.parametrize("name", ["ghrc", "GHCR", "", "../oci", "oci/", "/etc/passwd"])
def test_an_unknown_name_is_answered_with_those_that_exist(name: str) -> None:
    """A name is no path, and a typing error is told what there is."""
    line = refusal(name)

    assert f"no profile {name!r}" in line
    assert "ghcr, oci" in line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    path = str(tmp_path / "none.toml")

    assert refusal(path) == f"cannot read the profile {path}: No such file or directory"


@pytest.mark.parametrize(
    "content", [b"name = ", b"\xff\xfe", b"[tags]\npage = 1\n[tags]\n"], ids=["cut", "not UTF-8", "twice"]
)
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes) -> None:
    """It is named, with what is wrong."""
    path = tmp_path / "broken.toml"
    path.write_bytes(content)

    assert refusal(str(path)).startswith(f"the profile {path} is not TOML: ")


MISTAKES = {
    "unknown field": (("etag = true", "etag = true\netags = true"), "headers.etags"),
    "unknown section": (("[headers]", "[header]\na = 1\n[headers]"), "header"),
    "missing field": (("etag = true", ""), "headers.etag"),
    "missing section": (("[errors]\nnewline = true", ""), "errors"),
    "wrong type": (("page = 100", 'page = "many"'), "tags.page"),
    "wrong choice": (('order = "created"', 'order = "random"'), "tags.order"),
    "too small": (("round_to = 300", "round_to = 0"), "storage.round_to"),
    "half a refusal": (('basic = [403, "DENIED", "invalid token"]', "basic = [403]"), "refusals.basic"),
}


@pytest.mark.parametrize(("change", "field"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_file_names_file_and_field(
    tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    """Nothing is ignored and nothing has a default: each mistake says where it is."""
    path = written(tmp_path, change)

    line = refusal(path)

    assert line.startswith(f"profile {path}: {field}"), line


@pytest.mark.parametrize(
    "changes",
    [
        {"tags__pages": 1},
        {"tag__page": 1},
        {"tags__page__size": 1},
        {"pages": 1},
        {"tags__": 1},
        {"__page": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_what_does_not_exist(changes: dict[str, object]) -> None:
    """It is refused by its name, with where to look."""
    line = refusal("ghcr", **changes)

    assert line.startswith("a profile has no field ")
    assert "docs/profiles.md" in line


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"tags__page": -1}, "tags.page"), ({"tags__order": "?"}, "tags.order"), ({"tags": 5}, "tags")],
)
def test_a_change_to_what_does_not_fit(changes: dict[str, object], field: str) -> None:
    """It is refused by the field's name."""
    assert refusal("ghcr", **changes).startswith(f"profile ghcr: {field}: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uploads.location", "/v2/{repo}/blobs/upload/{id}"),
        ("uploads.location", "/v2/{repository}/up/{id}"),
        ("uploads.location", "/v2/{repository}/blobs/uploads/{id"),
        ("manifests.accept_message", "no {type}"),
        ("limits.message", "{oops}"),
        ("storage.shards", ()),
        ("storage.shards", ("ghcr1", "foo")),
        ("storage.bearer_status", 99),
        ("uploads.broken_status", 700),
        ("refusals.no_token", (200, "X", "y")),
        ("ping.placeholder_scope", 'a"b\r\nx: y'),
    ],
)
def test_a_value_that_no_request_could_use_is_named(field: str, value: object) -> None:
    """It is told when the profile is loaded, not by a 500 when a request comes."""
    assert f"profile ghcr: {field}: " in refusal("ghcr", **{field.replace(".", "__"): value})


def test_a_refusal_may_have_a_code_of_its_own() -> None:
    """Registries have made up codes; status and text are the profile's."""
    profile = load_profile("ghcr", refusals__no_token=(418, "TEAPOT", "no coffee"))
    answer = asyncio.run(Simulator(profile)(Request("GET", "/v2/", {}), BytesBody()))
    assert (answer.status, b"TEAPOT" in answer.body) == (418, True)


def test_a_file_is_what_it_says_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was written again, and the same relative path elsewhere, are other profiles."""
    path = written(tmp_path, ("page = 100", "page = 7"))
    monkeypatch.chdir(tmp_path)
    assert [load_profile(name).tags.page for name in (path, "mine.toml")] == [7, 7]
    assert load_profile(path) is load_profile(path)
    written(tmp_path, ("page = 100", "page = 9"))
    assert [load_profile(name).tags.page for name in (path, "mine.toml")] == [9, 9]
    (tmp_path / "b").mkdir()
    written(tmp_path / "b", ("page = 100", "page = 3"))
    monkeypatch.chdir(tmp_path / "b")
    assert load_profile("mine.toml").tags.page == 3
