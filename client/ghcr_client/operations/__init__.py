"""What can be done with a registry, one room a kind: the client inherits them all."""

__all__: list[str] = []
