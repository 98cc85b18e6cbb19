"""`python -m ghcr_sim` is the command `ghcr-sim`."""

from ghcr_sim.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
