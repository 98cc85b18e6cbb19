"""The options that every command has, before its name or behind it, and the settings that they make.

A token is never an argument: those are in the shell's history and in every list of processes. What is not said here,
`GhcrConfig` takes from the environment.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ghcr_client.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_client.settings import GhcrConfig

__all__ = ["Command", "Group", "Options", "options_of", "platform_option"]

FC = TypeVar("FC", bound="Callable[..., Any] | click.Command")


@dataclass(slots=True)
class Options:
    """What was said, by the options' names.

    Attributes:
        registry: The registry of names that say none, or None.
        username: Whose token it is, or None.
        token_stdin: Whether the token is read from stdin.
        ca_file: Authorities to trust, too, or None.
        as_json: Whether the result is JSON.
        verbose: Whether requests are logged.
        quiet: Whether only results and errors are shown.
    """

    registry: str | None = None
    username: str | None = None
    token_stdin: bool = False
    ca_file: Path | None = None
    as_json: bool = False
    verbose: bool = False
    quiet: bool = False
    _token: str | None = field(default=None, repr=False)

    @property
    def output(self) -> Output:
        """Where words go."""
        return Output(as_json=self.as_json, quiet=self.quiet)

    @property
    def shows_progress(self) -> bool:
        """Whether somebody looks on who wants to see how far it is."""
        return sys.stderr.isatty() and not (self.as_json or self.quiet or self.verbose)

    def config(self) -> GhcrConfig:
        """The settings.

        Returns:
            They; where the registry is plain HTTP on loopback, other registries there are, too.

        Raises:
            ConfigError: They make no sense.
            click.UsageError: The token that was to come from stdin did not.
        """
        from ghcr_client.settings import GhcrConfig  # noqa: PLC0415 - `--help` needs no settings

        given: dict[str, Any] = {
            "registry": self.registry,
            "username": self.username,
            "ca_file": self.ca_file,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if self.token_stdin:
            given["token"] = self._read_token()
        config = GhcrConfig(**given)
        if self.username is not None and config.token is None:
            raise click.UsageError(
                "--username means nothing without a token: set GHCR_TOKEN, or --token-stdin"
            )
        if config.url_of(config.default_registry).scheme == "http":
            config = GhcrConfig(**given, plain_http=True)
        return config

    def _read_token(self) -> str:
        """The token from stdin, read once; from a terminal, without showing it."""
        if self._token is None:
            if sys.stdin.isatty():
                text = click.prompt("Token", hide_input=True, err=True, default="", show_default=False)
            else:
                text = sys.stdin.readline(_LONGEST_TOKEN)
            self._token = text.strip()
        if not self._token:
            raise click.UsageError("--token-stdin: no token came from stdin")
        return self._token


_LONGEST_TOKEN = 65_536


def options_of(context: click.Context) -> Options:
    """The options of this run.

    Args:
        context: Of whichever command.

    Returns:
        They.
    """
    return context.find_root().ensure_object(Options)


def platform_option(*names: str, text: str, multiple: bool = False) -> Callable[[FC], FC]:
    """The option that names a platform, or several; what is none is refused before anything is sent.

    Args:
        names: The parameter's name, if it is another one.
        text: Its help.
        multiple: Whether it may be repeated.

    Returns:
        A decorator.
    """
    return click.option(
        "--platform", *names, metavar="OS/ARCH", multiple=multiple, callback=_platforms, help=text
    )


def _platforms(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Platforms, read."""
    if not value:
        return value
    from ghcr_client.platforms import Platform  # noqa: PLC0415 - `--help` needs no models

    return Platform.parse(value) if isinstance(value, str) else tuple(map(Platform.parse, value))


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep what was said; what stands last holds."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        setattr(options_of(context), name, value)


_PATH = click.Path(path_type=Path, exists=True, dir_okay=False)
_GLOBAL: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--registry",),
        {
            "metavar": "HOST|URL",
            "help": "Registry of names that say none; also http://127.0.0.1:5000.  [GHCR_REGISTRY, ghcr.io]",
        },
    ),
    (("--username",), {"metavar": "NAME", "help": "Whose token it is; GHCR ignores it.  [GHCR_USERNAME]"}),
    (
        ("--token-stdin",),
        {"is_flag": True, "help": "Read the token from stdin.  [GHCR_TOKEN, GITHUB_TOKEN, docker's login]"},
    ),
    (("--ca-file",), {"type": _PATH, "help": "Certificates of authorities to trust, too.  [GHCR_CA_FILE]"}),
    (("--json", "as_json"), {"is_flag": True, "help": "Print one JSON document; errors, too."}),
    (
        ("-v", "--verbose"),
        {"is_flag": True, "help": "Log each request and its answer to stderr, without secrets."},
    ),
    (("-q", "--quiet"), {"is_flag": True, "help": "Show nothing but results and errors."}),
)


def _global_options(*, hidden: bool) -> list[click.Parameter]:
    """The options, once more."""
    return [
        click.Option(names, expose_value=False, callback=_keep, hidden=hidden, **more)
        for names, more in _GLOBAL
    ]


class Command(click.Command):
    """A command that takes the global options behind its name, too; its help does not repeat them."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.params.extend(_global_options(hidden=True))
        self.epilog = self.epilog or "Options of `ghcr` itself may stand here, too: see `ghcr --help`."


class Group(click.Group):
    """A group of such commands; the outermost one shows the global options."""

    command_class = Command
    group_class = type

    def __init__(self, *words: Any, top: bool = False, **more: Any) -> None:
        super().__init__(*words, **more)
        self.params.extend(_global_options(hidden=not top))
