"""Settings: their names in the environment, their defaults, who comes first, and that no secret is in a refusal."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from ghcr_client.client import GhcrClient, default_credentials
from ghcr_client.errors import ConfigError
from ghcr_client.hosts import is_loopback
from ghcr_client.settings import GhcrConfig
from pydantic import SecretStr, ValidationError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse-battery"

# Field, variable, default, what is written into the variable, what the field is then.
NAMED = [
    ("username", "GHCR_USERNAME", None, "octocat", "octocat"),
    ("token", "GHCR_TOKEN", None, SECRET, SecretStr(SECRET)),
    ("registry", "GHCR_REGISTRY", "ghcr.io", "quay.io", "quay.io"),
    (
        "api_base",
        "GHCR_API_BASE",
        "https://api.github.com",
        "https://ghe.example/api/v3/",
        "https://ghe.example/api/v3",
    ),
    ("timeout_secs", "GHCR_TIMEOUT_SECS", 30.0, "1.5", 1.5),
    ("upload_timeout_secs", "GHCR_UPLOAD_TIMEOUT_SECS", 300.0, "600", 600.0),
    ("chunk_size", "GHCR_CHUNK_SIZE", 5_242_880, "1048576", 1_048_576),
    ("max_retries", "GHCR_MAX_RETRIES", 3, "0", 0),
    ("throttle_threshold", "GHCR_THROTTLE_THRESHOLD", 0.8, "0.5", 0.5),
    ("simulation", "GHCR_SIMULATION_MODE", "off", "replay", "replay"),
    ("max_concurrency", "GHCR_MAX_CONCURRENCY", 4, "8", 8),
    ("max_connections", "GHCR_MAX_CONNECTIONS", 10, "2", 2),
    ("plain_http", "GHCR_PLAIN_HTTP", False, "true", True),
    ("direct_bearer", "GHCR_DIRECT_BEARER", False, "1", True),
    (
        "endpoints",
        "GHCR_ENDPOINTS",
        {},
        '{"Quay.io": "http://localhost:1"}',
        {"quay.io": "http://localhost:1"},
    ),
]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from this machine."""
    for _, variable, *_ in NAMED:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("GHCR_SIMULATION_PATH", raising=False)
    monkeypatch.delenv("GHCR_CA_FILE", raising=False)


@pytest.mark.parametrize("row", NAMED, ids=[variable for _, variable, *_ in NAMED])
def test_variables(monkeypatch: pytest.MonkeyPatch, row: tuple[str, str, Any, str, Any]) -> None:
    """Each setting has its default and its variable; an empty variable says nothing."""
    name, variable, default, text, value = row
    assert getattr(GhcrConfig(), name) == default
    monkeypatch.setenv(variable, "")
    assert getattr(GhcrConfig(), name) == default
    monkeypatch.setenv(variable, text)
    assert getattr(GhcrConfig(), name) == value


@pytest.mark.parametrize("name", ["simulation_path", "ca_file"])
def test_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """The cassette and the authorities are paths, and none by default."""
    assert getattr(GhcrConfig(), name) is None
    monkeypatch.setenv(f"GHCR_{name.upper()}", str(tmp_path))
    assert getattr(GhcrConfig(), name) == tmp_path


def test_no_setting_is_forgotten() -> None:
    """The table above has all settings, but the two that are paths."""
    assert {name for name, *_ in NAMED} | {"simulation_path", "ca_file"} == set(GhcrConfig.model_fields)


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyword comes before the variable, which comes before the default; also for the one with two names."""
    monkeypatch.setenv("GHCR_MAX_RETRIES", "7")
    monkeypatch.setenv("GHCR_SIMULATION_MODE", "replay")
    config = GhcrConfig(max_retries=1, simulation="record")
    assert (config.max_retries, config.simulation) == (1, "record")
    assert (GhcrConfig().max_retries, GhcrConfig().simulation) == (7, "replay")


def test_other_peoples_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable without the prefix is somebody else's, also where a setting is called so."""
    monkeypatch.setenv("SIMULATION", "off-course")
    monkeypatch.setenv("TOKEN", SECRET)
    config = GhcrConfig()
    assert (config.simulation, config.token) == ("off", None)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"retries": 3}, "retries: there is no such setting"),
    "unknown, with a secret": ({"password": SECRET}, "password: there is no such setting"),
    "number": ({"max_retries": SECRET}, "max_retries: Input should be a valid integer"),
    "negative": ({"max_retries": -1}, "max_retries: .* greater than or equal to 0"),
    "too many": ({"max_retries": 21}, "max_retries: .* less than or equal to 20"),
    "no chunk": ({"chunk_size": 0}, "chunk_size: .* greater than 0"),
    "no time": ({"timeout_secs": 0}, "timeout_secs: .* greater than 0"),
    "for ever": ({"upload_timeout_secs": float("inf")}, "upload_timeout_secs: .* finite"),
    "threshold": ({"throttle_threshold": 1.5}, "throttle_threshold: .* less than or equal to 1"),
    "mode": ({"simulation": SECRET}, "'off', 'record' or 'replay'"),
    "token": ({"token": 5}, "token: Input should be a valid string"),
    "two": ({"max_retries": -1, "chunk_size": 0}, "chunk_size: .*; max_retries: "),
    "path": ({"registry": "ghcr.io/acme"}, "registry: ghcr.io/acme has a path"),
    "path with api": ({"registry": "https://ghcr.io/apiary"}, "has a path"),
    "user": ({"registry": f"https://me:{SECRET}@ghcr.io"}, r"registry: https://\*\*\*@ghcr.io is not host"),
    "query": ({"registry": f"https://ghcr.io?token={SECRET}"}, "is not host, host:port"),
    "fragment": ({"registry": "https://ghcr.io#x"}, "is not host, host:port"),
    "scheme": ({"registry": "ftp://ghcr.io"}, "is not host, host:port"),
    "no host": ({"registry": "https://"}, "is not host, host:port"),
    "port": ({"registry": "ghcr.io:99999"}, "is not host, host:port"),
    "plain": ({"registry": "http://ghcr.io"}, "plain HTTP is for loopback only: write https://ghcr.io"),
    "plain private": ({"registry": "http://10.0.0.1:5000"}, "plain HTTP is for loopback only"),
    "plain IPv6": ({"registry": "http://[2001:db8::1]:5000"}, r"write https://\[2001:db8::1\]:5000"),
    "plain API": ({"api_base": "http://api.github.com"}, "api_base: plain HTTP is for loopback only"),
    "endpoint": ({"endpoints": {"quay.io": f"https://me:{SECRET}@mirror"}}, "endpoints: "),
}


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG)
def test_wrong_settings(settings: dict[str, Any], said: str) -> None:
    """Each is one error that names the setting and shows no value that may be secret."""
    with pytest.raises(ConfigError, match=said) as caught:
        GhcrConfig(**settings)
    assert SECRET not in f"{caught.value}{caught.value!r}{caught.value.__cause__!r}"


def test_a_variable_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot even be read is the same kind of error, without what it held."""
    monkeypatch.setenv("GHCR_ENDPOINTS", f'{{"{SECRET}')
    with pytest.raises(ConfigError, match=r'"endpoints".*is it JSON') as caught:
        GhcrConfig()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_token_is_not_shown() -> None:
    """Neither repr nor str nor a dump shows the token, and a line break around it is cut off."""
    config = GhcrConfig(token=f" {SECRET}\n")
    assert SECRET not in f"{config}{config!r}{config.model_dump()}{config.model_dump_json()}"
    assert config.token is not None
    assert config.token.get_secret_value() == SECRET
    assert repr(GhcrClient(config)) == "<GhcrClient ghcr.io>"


def test_copies() -> None:
    """Settings can be copied and pickled, and cannot be changed."""
    config = GhcrConfig(token=SECRET, registry="http://127.0.0.1:5000", simulation="record")
    for other in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
    with pytest.raises(ValidationError, match="frozen"):
        config.max_retries = 5  # type: ignore[misc]


PLACES: dict[str, tuple[dict[str, Any], str, str]] = {
    "default": ({}, "ghcr.io", "https://ghcr.io"),
    "another": ({}, "quay.io", "https://quay.io"),
    "port": ({}, "registry.example:5000", "https://registry.example:5000"),
    "Docker Hub": ({}, "docker.io", "https://registry-1.docker.io"),
    "Docker Hub as default": ({"registry": "docker.io"}, "docker.io", "https://registry-1.docker.io"),
    "a mirror": (
        {"endpoints": {"docker.io": "https://mirror.example"}},
        "docker.io",
        "https://mirror.example/",
    ),
    "a mirror of the default": ({"endpoints": {"ghcr.io": "http://[::1]:1"}}, "ghcr.io", "http://[::1]:1/"),
    "said": ({"registry": "http://127.0.0.1:5000"}, "127.0.0.1:5000", "http://127.0.0.1:5000"),
    "slash": ({"registry": "http://127.0.0.1:5000/"}, "127.0.0.1:5000", "http://127.0.0.1:5000"),
    "localhost": ({"registry": "http://localhost:5000"}, "localhost:5000", "http://localhost:5000"),
    "below localhost": (
        {"registry": "http://a.localhost:5000"},
        "a.localhost:5000",
        "http://a.localhost:5000",
    ),
    "IPv6": ({"registry": "http://[::1]:5000"}, "[::1]:5000", "http://[::1]:5000"),
    "port 80": ({"registry": "http://localhost"}, "localhost", "http://localhost"),
    "capitals": ({"registry": "HTTPS://GHCR.io:443"}, "ghcr.io", "https://ghcr.io"),
    "plain": ({"plain_http": True}, "localhost:5000", "http://localhost:5000"),
    "plain IPv6": ({"plain_http": True}, "[::1]:5000", "http://[::1]:5000"),
    "plain default": ({"plain_http": True, "registry": "localhost:1"}, "localhost:1", "http://localhost:1"),
    "plain elsewhere": ({"plain_http": True}, "ghcr.io", "https://ghcr.io"),
    "plain, but said": (
        {"plain_http": True, "registry": "https://localhost:1"},
        "localhost:1",
        "https://localhost:1",
    ),
    "not said": ({}, "localhost:5000", "https://localhost:5000"),
}


@pytest.mark.parametrize(("settings", "registry", "url"), PLACES.values(), ids=PLACES)
def test_where_a_registry_is(settings: dict[str, Any], registry: str, url: str) -> None:
    """By https, but for what somebody said of loopback; Docker Hub is not where its name is."""
    assert str(GhcrConfig(**settings).url_of(registry)).rstrip("/") == url.rstrip("/")


@pytest.mark.parametrize(
    ("registry", "host"),
    [
        pytest.param("ghcr.io", "ghcr.io", id="host"),
        pytest.param("https://GHCR.io", "ghcr.io", id="URL"),
        pytest.param("http://[::1]:5000/", "[::1]:5000", id="IPv6"),
        pytest.param("https://registry.example:8443", "registry.example:8443", id="port"),
    ],
)
def test_the_default_registry(registry: str, host: str) -> None:
    """The host is told as references have it."""
    assert GhcrConfig(registry=registry).default_registry == host


@pytest.mark.parametrize(
    ("host", "loops"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.example", False),
        ("10.0.0.1", False),
        ("127.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, loops: bool) -> None:
    """Loopback is what its name or address says alone; nothing is looked up."""
    assert is_loopback(host) is loops


def test_who_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings' token comes before the environment's, which comes before docker's file, each for one registry."""
    for name in (
        "GITHUB_TOKEN",
        "DOCKER_AUTH_CONFIG",
        "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(
        '{"auths": {"ghcr.io": {"auth": "ZmlsZTpw"}, "quay.io": {"auth": "cXVheTpw"}}}'
    )

    def user(registry: str = "ghcr.io", **settings: Any) -> str | None:
        found = asyncio.run(default_credentials(GhcrConfig(**settings)).get_credentials(registry))
        return found.username if found else None

    assert user() == "file"
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    assert user() == "x-access-token"
    assert user(token=SECRET) == "x-access-token"
    assert user(token=SECRET, username="octocat") == "octocat"
    assert user("quay.io", token=SECRET) == "quay"
    assert user("docker.io", token=SECRET) is None


def test_settings_and_config() -> None:
    """Settings come in one way, not in two."""
    with pytest.raises(ConfigError, match="not both"):
        GhcrClient(GhcrConfig(), max_retries=1)
