"""`python -m ghcr_client.cli` is the command `ghcr`."""

from ghcr_client.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
