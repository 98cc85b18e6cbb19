"""The command `ghcr`: what the client does, for people and for scripts.

It turns words into calls of `GhcrClient`, and answers into lines or one JSON document. What takes time to import is
imported by the command that needs it, so that `ghcr --help` is there at once.
"""

from __future__ import annotations

from ghcr_client.cli.app import cli, main

__all__ = ["cli", "main"]
