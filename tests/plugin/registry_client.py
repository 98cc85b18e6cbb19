"""A small registry client on urllib, as a user may have one: right, in parts that a test can make wrong."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request

__all__ = ["Missing", "SmallClient"]

ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


class Missing(Exception):  # noqa: N818 - it says what is the case
    """There is no such image."""


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follows a redirect without the credential: urllib itself takes it along."""

    def redirect_request(self, request, *words):
        following = super().redirect_request(request, *words)
        if following is not None:
            following.headers.pop("Authorization", None)
        return following


class SmallClient:
    """Pushes, pulls, lists, tags and deletes."""

    redirects = _Careful

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._opener = urllib.request.build_opener(self.redirects)
        self._bearers: dict[str, str] = {}

    def _bearer(self, repository: str) -> str:
        if repository not in self._bearers:
            scope = urllib.parse.urlencode({"scope": f"repository:{repository}:pull,push,delete"})
            manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
            manager.add_password(None, self._url, "octocat", self._token, is_authenticated=True)
            opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
            with opener.open(f"{self._url}/token?service=ghcr.io&{scope}", timeout=10) as answer:
                self._bearers[repository] = json.load(answer)["token"]
        return self._bearers[repository]

    def ask(self, method, repository, path, data=None, headers=None):
        """A request below `/v2/repository`; the answer, its body read."""
        url = path if path.startswith("http") else urllib.parse.urljoin(f"{self._url}/v2/{repository}/", path)
        said = {"Authorization": f"Bearer {self._bearer(repository)}", "Accept": ACCEPT} | (headers or {})
        try:
            with self._opener.open(
                urllib.request.Request(url, data, said, method=method), timeout=10
            ) as answer:
                return answer, answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                raise Missing(url) from None
            raise

    def push_blob(self, repository, digest, content):
        """Push a blob."""
        answer, _ = self.ask("POST", repository, "blobs/uploads/", b"")
        place = answer.headers["Location"]
        mark = "&" if "?" in place else "?"
        octets = {"Content-Type": "application/octet-stream"}
        self.ask("PUT", repository, f"{place}{mark}digest={digest}", content, octets)

    def push(self, repository, tag, image):
        """Push an image."""
        for digest, content in image.blobs.items():
            self.push_blob(repository, digest, content)
        for each in image.manifests():
            name = tag if each is image else each.digest
            self.put(repository, name, each.manifest, each.media_type)

    def put(self, repository, name, manifest, media_type):
        """Push a manifest."""
        self.ask("PUT", repository, f"manifests/{name}", manifest, {"Content-Type": media_type})

    def manifest(self, repository, reference):
        """A manifest and its media type."""
        answer, content = self.ask("GET", repository, f"manifests/{reference}")
        return content, answer.headers["Content-Type"]

    def pull(self, repository, reference):
        """Pull an image."""
        manifest, _ = self.manifest(repository, reference)
        document = json.loads(manifest)
        blobs = {}
        for child in document.get("manifests", ()):
            blobs |= self.pull(repository, child["digest"])[1]
        for each in filter(None, (document.get("config"), *document.get("layers", ()))):
            blobs[each["digest"]] = self.ask("GET", repository, f"blobs/{each['digest']}")[1]
        return manifest, blobs

    def tags(self, repository):
        """All tags."""
        path, found = "tags/list?n=2", []
        while path:
            answer, content = self.ask("GET", repository, path)
            found += json.loads(content)["tags"] or []
            following = re.match(r"<([^>]+)>", answer.headers.get("Link", ""))
            path = following[1] if following else ""
        return found

    def tag(self, repository, reference, tag):
        """Give an image one more tag."""
        self.put(repository, tag, *self.manifest(repository, reference))

    def delete(self, repository, digest):
        """Delete a manifest."""
        self.ask("DELETE", repository, f"manifests/{digest}")
