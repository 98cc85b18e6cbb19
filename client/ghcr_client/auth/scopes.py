"""What a token is for: scopes, and the one form in which equal sets of them are equal.

Scopes are strings of the token specification, `repository:acme/app:pull,push`. Source: docker's "Token Authentication
Specification"; `reference/registry-clients.md` section 2, rows 9 to 11.
"""

from __future__ import annotations

__all__ = ["delete", "merge_scopes", "pull", "push"]

_ACTIONS = {"pull": 0, "push": 1, "delete": 2}


def pull(repository: str) -> str:
    """The scope to read from a repository.

    Example:
        >>> pull("acme/app")
        'repository:acme/app:pull'
    """
    return f"repository:{repository}:pull"


def push(repository: str) -> str:
    """The scope to write to a repository. A mount needs it of the target, and `pull` of the source.

    Example:
        >>> merge_scopes(push("acme/new"), pull("acme/app"))
        ('repository:acme/app:pull', 'repository:acme/new:pull,push')
    """
    return f"repository:{repository}:pull,push"


def delete(repository: str) -> str:
    """The scope to delete from a repository.

    Example:
        >>> delete("acme/app")
        'repository:acme/app:delete'
    """
    return f"repository:{repository}:delete"


def merge_scopes(*scopes: str) -> tuple[str, ...]:
    """The same scopes in the one form in which equal sets are equal.

    Args:
        *scopes: Any scopes; what is not written as one stays as it is.

    Returns:
        Sorted scopes, one for each resource, with all its actions: pull, push, delete, then others by name.

    Example:
        >>> merge_scopes("repository:a/b:push", "repository:a/b:pull")
        ('repository:a/b:pull,push',)
    """
    merged: dict[tuple[str, str], set[str]] = {}
    for scope in scopes:
        resource, actions = scope, ""
        if scope.count(":") > 1:  # a resource's name may have colons of its own
            resource, _, actions = scope.rpartition(":")
            merged.setdefault((resource, ":"), set()).update(filter(None, actions.split(",")))
        else:
            merged.setdefault((resource, ""), set())
    return tuple(
        sorted(
            resource + colon + ",".join(sorted(actions, key=_rank))
            for (resource, colon), actions in merged.items()
        )
    )


def _rank(action: str) -> tuple[int, str]:
    return _ACTIONS.get(action, len(_ACTIONS)), action
