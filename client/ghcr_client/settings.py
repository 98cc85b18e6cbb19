"""Settings: from keyword arguments, else from the environment (`GHCR_…`), else as GHCR needs them.

It checks them and knows nothing of how they are used. A registry is asked in plain HTTP only where somebody says so,
and only on loopback. Wrong settings are one `ConfigError` that names them and never shows a value that may be secret.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError
from yarl import URL

from ghcr_client.errors import ConfigError
from ghcr_client.hosts import REST, authority, is_loopback
from ghcr_client.masking import shown
from ghcr_client.refs import GHCR

__all__ = ["GhcrConfig"]

_HUB = "https://registry-1.docker.io"


class GhcrConfig(BaseSettings):
    """How a client works.

    A keyword argument comes before the environment's variable, which comes before the default.

    Attributes:
        username: Whose token it is; GHCR ignores it. `GHCR_USERNAME`.
        token: A personal access token (classic) or a workflow's token, sent to `registry` alone. `GHCR_TOKEN`.
        registry: The registry of names that say none: a host, or `http://127.0.0.1:5000`. `GHCR_REGISTRY`.
        api_base: GitHub's REST API. `GHCR_API_BASE`.
        timeout_secs: Seconds for a request; of a download, the longest silence. `GHCR_TIMEOUT_SECS`.
        upload_timeout_secs: Seconds for a request that sends a blob. `GHCR_UPLOAD_TIMEOUT_SECS`.
        chunk_size: Bytes of a ranged chunk, cut to what the registry takes. `GHCR_CHUNK_SIZE`.
        max_retries: How often a request is repeated, at most. `GHCR_MAX_RETRIES`.
        throttle_threshold: The part of a known limit from which requests are slowed down, 0 to 1.
            `GHCR_THROTTLE_THRESHOLD`.
        max_concurrency: Blobs that move at once. `GHCR_MAX_CONCURRENCY`.
        max_connections: Connections to one host. `GHCR_MAX_CONNECTIONS`.
        plain_http: Whether registries on loopback are asked in plain HTTP. `GHCR_PLAIN_HTTP`.
        endpoints: Where a registry really is: its name → `https://host`. `GHCR_ENDPOINTS`, as JSON.
        ca_file: Certificates of authorities that are trusted, too. `GHCR_CA_FILE`.
        direct_bearer: Whether the token goes to GHCR at once, in base64, without a call of the token endpoint.
            `GHCR_DIRECT_BEARER`.
        simulation: Whether traffic is recorded, or replayed instead of sent. `GHCR_SIMULATION_MODE`.
        simulation_path: The cassette. `GHCR_SIMULATION_PATH`.

    Raises:
        ConfigError: A setting is unknown, or has a value that makes no sense.

    Example:
        >>> GhcrConfig(registry="http://127.0.0.1:5000").url_of("127.0.0.1:5000")
        URL('http://127.0.0.1:5000')
        >>> GhcrConfig(registry="http://registry.example")
        Traceback (most recent call last):
        ghcr_client.errors.ConfigError: registry: plain HTTP is for loopback only: write https://registry.example
    """

    model_config = SettingsConfigDict(
        env_prefix="GHCR_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        secrets_dir=None,
    )

    username: str | None = None
    token: SecretStr | None = None
    registry: str = "ghcr.io"
    api_base: str = "https://api.github.com"
    timeout_secs: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    upload_timeout_secs: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    chunk_size: int = Field(default=5 * 1024 * 1024, gt=0)
    max_retries: int = Field(default=3, ge=0, le=20)
    throttle_threshold: float = Field(default=0.8, gt=0, le=1)
    max_concurrency: int = Field(default=4, gt=0, le=64)
    max_connections: int = Field(default=10, gt=0)
    plain_http: bool = False
    endpoints: dict[str, str] = {}
    ca_file: Path | None = None
    direct_bearer: bool = False
    simulation: Literal["off", "record", "replay"] = Field(
        default="off", validation_alias="GHCR_SIMULATION_MODE"
    )
    simulation_path: Path | None = None

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_sentence(error)) from None
        except SettingsError as error:
            # What the variable holds is in the error's cause, and stays there.
            raise ConfigError(f"{error}: is it JSON?") from None

    @field_validator("token")
    @classmethod
    def _is_trimmed(cls, token: SecretStr | None) -> SecretStr | None:
        """Without the line break that a file or a shell leaves at the end."""
        return None if token is None else SecretStr(token.get_secret_value().strip())

    @field_validator("registry")
    @classmethod
    def _is_a_place(cls, text: str) -> str:
        _place(text)
        return text.rstrip("/")

    @field_validator("api_base")
    @classmethod
    def _is_a_base(cls, text: str) -> str:
        _place(text, path=True)
        return text.rstrip("/")

    @field_validator("endpoints")
    @classmethod
    def _are_places(cls, endpoints: dict[str, str]) -> dict[str, str]:
        return {name.lower(): str(_place(url)) for name, url in endpoints.items()}

    @cached_property
    def default_registry(self) -> str:
        """The host of `registry`, as references name it."""
        return authority(_place(self.registry))

    @property
    def packages_registry(self) -> str:
        """The registry whose packages `api_base` keeps: ghcr.io, or the default one where both are on loopback."""
        default = _place(self.registry)
        return authority(default) if _loops(default) and _loops(_place(self.api_base)) else GHCR

    def url_of(self, registry: str) -> URL:
        """Where a registry is.

        Args:
            registry: Its name, as references have it.

        Returns:
            Scheme, host and port.

        Example:
            >>> GhcrConfig().url_of("docker.io")
            URL('https://registry-1.docker.io')
        """
        if registry == REST:
            return _place(self.api_base)
        if registry in self.endpoints:
            return URL(self.endpoints[registry])
        if registry == "docker.io":
            return URL(_HUB)
        default = _place(self.registry)
        if registry == authority(default):
            plain = self.plain_http and "://" not in self.registry
            return default.with_scheme("http") if plain and _loops(default) else default
        url = URL(f"https://{registry}")
        return url.with_scheme("http") if self.plain_http and _loops(url) else url


def _loops(url: URL) -> bool:
    """Whether a URL leads to this machine."""
    return is_loopback(url.host or "")


def _place(text: str, *, path: bool = False) -> URL:
    """A registry's URL: https where it says no scheme, and plain HTTP on loopback only; a path where one may be."""
    try:
        url = URL(text if "://" in text else f"https://{text}")
        known = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        known = False
    if not known or url.query_string or url.fragment or url.user or url.password:
        raise ValueError(f"{shown(text, 100)} is not host, host:port or https://host:port")
    if url.path.strip("/") and not path:
        raise ValueError(f"{shown(text, 100)} has a path; it is a host alone")
    if url.scheme == "http" and not _loops(url):
        raise ValueError(f"plain HTTP is for loopback only: write https://{authority(url)}")
    return url.with_path(url.path.rstrip("/"))


def _sentence(error: ValidationError) -> str:
    """What is wrong, setting by setting, without the values."""
    words = []
    for each in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in each["loc"])
        what = each["msg"].removeprefix("Value error, ")
        unknown = each["type"] == "extra_forbidden"
        words.append(f"{place}: {'there is no such setting' if unknown else what}")
    return shown("; ".join(words), 600)
