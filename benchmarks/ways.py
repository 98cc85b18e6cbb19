"""The ways in which a big image or blob goes between a registry and the disk: the client's, and other people's.

Each is a line of a table: a name, and the commands. Nothing is run here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from requesting import REPOSITORY, upload_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PULLS", "PULLS_TLS", "PUSHES", "Case", "Way", "worker"]

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """What a transfer has to do with.

    Attributes:
        url: The registry.
        folder: A folder of its own, swept away afterwards.
        blob: The file.
        digest: Its digest.
        layout: An OCI layout that has it as its one layer.
        authority: The folder with the registry's `ca.crt`; empty without TLS.
    """

    url: str
    folder: Path
    blob: Path
    digest: str
    layout: Path
    authority: str = ""

    @property
    def host(self) -> str:
        """The registry as references name it."""
        return self.url.partition("//")[2]

    @property
    def target(self) -> Path:
        """Where a pull goes."""
        return self.folder / "target"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to move it.

    Attributes:
        name: Its name in the tables.
        program: The program to find.
        commands: Case → the commands, run one after another.
        output: Whether its output is the blob.
    """

    name: str
    program: str
    commands: Callable[[Case], Sequence[Sequence[str]]]
    output: bool = False

    @property
    def tells(self) -> bool:
        """Whether it says how long the work alone took, as our scripts do."""
        return self.program.endswith("python") or self.program == "python3"


def worker(work: str, *fields: str) -> Callable[[Case], list[list[str]]]:
    """A command of `worker.py`: the work, the registry, and fields of the case."""

    def commands(case: Case) -> list[list[str]]:
        arguments = [str(getattr(case, name)) for name in fields]
        return [["python3", str(HERE / "worker.py"), work, case.url, *arguments]]

    return commands


def _oras(case: Case, *more: str) -> list[list[str]]:
    arguments = [case.host, REPOSITORY, case.digest, str(case.target), *more]
    return [["oras-python", str(HERE / "orasworker.py"), *arguments]]


def _crane(*words: str) -> Callable[[Case], list[list[str]]]:
    """A command of crane's; `{name}` is filled in from the case."""
    return lambda case: [["crane", *(_filled(word, case) for word in words)]]


def _filled(word: str, case: Case) -> str:
    fields = ("host", "digest", "layout", "target")
    return word.format(repository=REPOSITORY, **{name: getattr(case, name) for name in fields})


def _skopeo(case: Case) -> list[list[str]]:
    source = f"docker://{case.host}/{REPOSITORY}:v1"
    return [["skopeo", "copy", "-q", "--src-tls-verify=false", source, f"oci:{case.target}:v1"]]


def _curl_up(case: Case) -> list[list[str]]:
    """POST, then PUT: the harness asks for the session, and curl is given its URL."""
    target = upload_url(case.url, {}, case.digest)
    headers = ["-H", "Content-Type: application/octet-stream", "-H", "Expect:"]
    return [["curl", "-sSf", "--noproxy", "*", "-o", os.devnull, *headers, "-T", str(case.blob), target]]


def _hashed_curl_up(case: Case) -> list[list[str]]:
    return [["sha256sum", str(case.blob)], *_curl_up(case)]


def _curl_down(case: Case) -> list[list[str]]:
    trust = ["--cacert", f"{case.authority}/ca.crt"]
    url = f"{case.url}/v2/{REPOSITORY}/blobs/{case.digest}"
    return [["curl", "-sSf", "--noproxy", "*", *trust, "-o", str(case.target), url]]


BLOB = "{host}/{repository}@{digest}"
IMAGE = "{host}/{repository}:v1"

PULLS = (
    Way("ghcr_client pull_image", "python3", worker("pull-image", "target")),
    Way("ghcr_client download_blob", "python3", worker("download-blob", "target", "digest")),
    Way("crane pull", "crane", _crane("pull", "--insecure", "--format=oci", IMAGE, "{target}")),
    Way("crane blob", "crane", _crane("blob", "--insecure", BLOB), output=True),
    Way("oras-py, then hashed", "oras-python", lambda case: _oras(case, "verified")),
    Way("oras-py, unverified", "oras-python", _oras),
    Way("skopeo copy", "skopeo", _skopeo),
    Way("raw aiohttp, hashed", "python3", worker("raw-download", "target", "digest")),
)
PULLS_TLS = (
    Way("ghcr_client download_blob", "python3", worker("download-blob", "target", "digest", "authority")),
    Way("crane blob", "crane", _crane("blob", BLOB), output=True),
    Way("raw aiohttp, hashed", "python3", worker("raw-download", "target", "digest", "authority")),
    Way("curl, unverified", "curl", _curl_down),
)
PUSHES = (
    Way("ghcr_client push_image", "python3", worker("push-image", "layout")),
    Way("ghcr_client upload_blob, digest known", "python3", worker("upload-blob", "blob", "digest")),
    Way("ghcr_client upload_blob", "python3", worker("upload-blob", "blob")),
    Way("curl", "curl", _curl_up),
    Way("sha256sum, then curl", "curl", _hashed_curl_up),
    Way("crane push", "crane", _crane("push", "--insecure", "{layout}", IMAGE)),
)
