"""Lines to copy and paste, for the clients that people use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghcr_sim.serve import Server

__all__ = ["hints"]


def hints(server: Server, ca: Path | None, *, open_house: bool) -> Iterator[str]:
    """Lines for docker, podman, skopeo, crane, oras and helm.

    Args:
        server: The server that they are for.
        ca: Its authority's certificate, with TLS.
        open_house: Whether it takes any login; else a login is to be put in.
    """
    host = server.host
    plain = server.scheme == "http"
    me, word = ("me", "any") if open_house else ("LOGIN", "TOKEN")
    if open_house:
        yield "any login works here, as a token of the owner with all scopes; --credentials FILE takes only those in it"
    if ca is not None:
        yield f"trust its CA: export SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}"
    yield f"  docker login -u {me} -p {word} {host}"
    yield f"  podman login --tls-verify={_no(plain)} -u {me} -p {word} {host}"
    yield f"  skopeo copy --dest-tls-verify={_no(plain)} --dest-creds {me}:{word} oci:DIR:TAG docker://{host}/acme/app:v1"
    yield f"  crane auth login -u {me} -p {word} {host} && crane push app.tar {host}/acme/app:v1"
    yield f"  oras push{' --plain-http' if plain else ''} -u {me} -p {word} {host}/acme/app:v1 ./file.txt"
    yield f"  helm registry login{' --plain-http' if plain else ''} -u {me} -p {word} {host}"


def _no(plain: bool) -> str:
    return "false" if plain else "true"
