"""A small stand-in for the versions of GitHub's Packages API, on the content of a fake registry.

It answers as `reference/github-packages.md` says: the newest first, a `Link` by number, errors of three fields, checks
in the order token, package, scope, version, rule. What GitHub does now and then is switched on by attributes.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ghcr_sim import Simulator

__all__ = ["Asked", "GithubApi"]

_PATH = re.compile(
    r"/(?P<family>orgs|users|organizations)/(?P<owner>[^/]+)/packages/container/(?P<name>[^/]+)/versions"
    r"(?:/(?P<id>\d+))?"
)
_ORGANIZATION = "54834211"
_FIRST_ID = 1_259_700_000
_LAST = "You cannot delete the last tagged version of a package. You must delete the package instead."
_POPULAR = (
    "Publicly visible package versions with more than 5000 downloads cannot be deleted. Contact GitHub support for "
    "further assistance."
)


class Asked(NamedTuple):
    """A request that came.

    Attributes:
        method: Its method.
        path: Its path and query, as they were on the wire.
        headers: Its header fields.
        status: What was answered.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    status: int


class GithubApi:
    """GitHub, as far as versions of container packages go.

    Args:
        simulator: The registry whose manifests are the versions.
        token: What is let in; the simulator's own by default.

    Attributes:
        url: Where it is, while it runs.
        users: Owners that are no organizations.
        page: How many versions a page has at most.
        may_delete: Whether the token has `delete:packages`.
        is_admin: Whether its owner administers the packages.
        popular: Digests that too many have downloaded.
        ghosts: Versions that are gone and still listed: digest → number.
        late: How many lists the newest version is missing from.
        planned: Answers that come first: status, message and further header fields.
        asked: What came.
    """

    def __init__(self, simulator: Simulator, token: str | None = None) -> None:
        self._simulator = simulator
        self._token = simulator.token if token is None else token
        self._ids: dict[str, int] = {}
        self._settled: set[str] = set()
        self._named = ""  # whom the number in links means
        self.url = ""
        self.users: set[str] = set()
        self.page = 100
        self.may_delete = True
        self.is_admin = True
        self.popular: set[str] = set()
        self.ghosts: dict[str, int] = {}
        self.late = 0
        self.planned: list[tuple[int, str, dict[str, str]]] = []
        self.asked: list[Asked] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[GithubApi]:
        """Listen for as long as the block runs."""
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @property
    def lines(self) -> list[str]:
        """What came, without header fields: `GET /orgs/… 200`."""
        return [f"{each.method} {each.path} {each.status}" for each in self.asked]

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        response = self.decide(request)
        response.headers["X-GitHub-Request-Id"] = "C484:49F3:317517:31F05B:6459ED9B"
        self.asked.append(Asked(request.method, request.raw_path, dict(request.headers), response.status))
        return response

    def decide(self, request: web.BaseRequest) -> web.Response:
        """The answer to a request; a test may put another one in its place."""
        if self.planned:
            status, message, headers = self.planned.pop(0)
            return _refusal(status, message, headers)
        said = request.headers.get("Authorization", "")
        if said != f"Bearer {self._token}":
            return _refusal(401, "Bad credentials" if said else "Requires authentication")
        found = _PATH.fullmatch(request.raw_path.partition("?")[0])
        if found is None or request.method != ("DELETE" if found["id"] else "GET"):
            return _refusal(404, "Not Found")
        repository = self._repository(found["family"], found["owner"], found["name"])
        if repository is None or self._simulator.store.repository(repository) is None:
            return _refusal(404, "Package not found.")
        if found["id"] is None:
            return self._list(request, repository, found["name"])
        return self.delete(repository, int(found["id"]))

    def _repository(self, family: str, owner: str, name: str) -> str | None:
        """The repository of a path; None where this family has none of that owner."""
        if family == "organizations":
            return f"{self._named}/{unquote(name)}" if owner == _ORGANIZATION else None
        if family == "orgs" and owner in self.users:
            return None
        self._named = owner
        return f"{owner}/{unquote(name)}"

    def versions(self, repository: str) -> list[dict[str, Any]]:
        """The versions, the newest first, with what lags behind."""
        state = self._simulator.store.repository(repository)
        assert state is not None
        for digest in state.manifests:
            self._ids.setdefault(digest, _FIRST_ID + 100 * len(self._ids))
        live = {digest: self._ids[digest] for digest in state.manifests}
        tags = {digest: [tag for tag, to in state.tags.items() if to == digest] for digest in live}
        numbered = sorted((live | self.ghosts).items(), key=lambda each: each[1], reverse=True)
        return [_version(digest, number, tags.get(digest, [])) for digest, number in numbered]

    def _list(self, request: web.BaseRequest, repository: str, name: str) -> web.Response:
        size = min(int(request.query.get("per_page", "30")), self.page)
        page = int(request.query.get("page", "1"))
        listed = self.versions(repository)
        if self.late and listed and listed[0]["name"] not in self._settled:
            self.late -= 1
            listed = listed[1:]
        else:
            self._settled.update(each["name"] for each in listed)
        rows = listed[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(listed):
            there = f"{self.url}/organizations/{_ORGANIZATION}/packages/container/{name}/versions"
            last = -(-len(listed) // size)
            headers["Link"] = (
                f'<{there}?per_page={size}&page={page + 1}>; rel="next", '
                f'<{there}?per_page={size}&page={last}>; rel="last"'
            )
        return web.json_response(rows, headers=headers)

    def delete(self, repository: str, number: int) -> web.Response:
        """Delete a version, if it may be."""
        if not self.is_admin:
            return _refusal(404, "Package not found.")
        if not self.may_delete:
            return _refusal(
                403,
                "You need at least delete:packages and read:packages scopes to delete a package version.",
            )
        rows = self.versions(repository)
        row = next((each for each in rows if each["id"] == number), None)
        if row is None or row["name"] in self.ghosts:
            return _refusal(404, "Package version not found.")
        if row["name"] in self.popular:
            return _refusal(400, _POPULAR)
        tagged = [each["id"] for each in rows if each["metadata"]["container"]["tags"]]
        if tagged == [number]:
            return _refusal(400, _LAST)
        self._simulator.store.delete_manifest(repository, row["name"])
        return web.Response(status=204)


def _version(digest: str, number: int, tags: list[str]) -> dict[str, Any]:
    """A version as GitHub writes it."""
    stamp = datetime(2026, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": number,
        "name": digest,
        "url": f"https://api.github.com/orgs/acme/packages/container/app/versions/{number}",
        "package_html_url": "https://github.com/orgs/acme/packages/container/package/app",
        "created_at": stamp,
        "updated_at": stamp,
        "html_url": f"https://github.com/orgs/acme/packages/container/app/{number}",
        "metadata": {"package_type": "container", "container": {"tags": tags}},
    }


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as GitHub writes it."""
    document = {
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": str(status),
    }
    return web.json_response(document, status=status, headers=headers)
