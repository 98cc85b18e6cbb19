"""What the commands do, a module each."""

__all__: list[str] = []
