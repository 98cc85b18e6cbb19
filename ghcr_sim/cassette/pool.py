"""The pool: every body that has a digest, once for all cassettes of a directory, as a valid OCI image layout.

skopeo, crane and oras read it. A blob appears when all of it is there and its digest is right; two recorders may
write the same one. It does not know exchanges. Source: OCI image specification, "OCI Image Layout Specification".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.clock import Ids
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.store import FileBlob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ghcr_sim.store import Blob

__all__ = ["NAME", "Pool", "PoolWriter"]

NAME = "pool"
"""The directory's name, beside the cassettes."""

_MARK = b'{"imageLayoutVersion":"1.0.0"}'
_WRITTEN = ("index.json", "oci-layout", "part")
"""What is written under a hidden name until all of it is there."""

_REF = "org.opencontainers.image.ref.name"
_LOCK_SECONDS = 30.0
_IDS = Ids()


class Pool:
    """A pool; the directory is made when something is written.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def beside(cls, cassette: Path) -> Pool:
        """The pool of a cassette."""
        return cls(cassette.parent / NAME)

    def path(self, digest: str) -> Path:
        """The file of a digest; it need not be there."""
        parsed = parse_digest(digest)
        return self.root / "blobs" / parsed.algorithm / parsed.hex

    def has(self, digest: str) -> bool:
        """Whether the bytes are there."""
        return self.path(digest).is_file()

    def blob(self, digest: str, size: int | None = None) -> Blob:
        """The bytes of a digest, to be read when they are wanted.

        Args:
            digest: Their digest.
            size: How many there should be, if that is known.

        Raises:
            CassetteError: They are not there, or there are more or fewer.
        """
        path = self.path(digest)
        try:
            there = path.stat().st_size
        except OSError:
            raise CassetteError(
                f"the pool misses {digest}", path=path, remedy="record the cassette again, or fetch its pool"
            ) from None
        if size is not None and there != size:
            raise self._damaged(digest, f"it has {there} bytes instead of {size}")
        return FileBlob(digest, str(path), there)

    def _damaged(self, digest: str, why: str) -> CassetteError:
        return CassetteError(
            f"the pool's {digest} is damaged: {why}",
            path=self.path(digest),
            remedy="delete that file and record again",
        )

    def read(self, digest: str, size: int | None = None) -> bytes:
        """The bytes of a digest, verified; for manifests and other small things.

        Args:
            digest: Their digest.
            size: How many there should be, if that is known.

        Raises:
            CassetteError: They are not there, or are others.
        """
        self.blob(digest, size)
        data = self.path(digest).read_bytes()
        self._check(digest, [data])
        return data

    def verify(self, digest: str, size: int | None = None) -> None:
        """Read the bytes of a digest, however many there are, and see that they are those.

        Args:
            digest: Their digest.
            size: How many there should be, if that is known.

        Raises:
            CassetteError: They are not there, or are others.
        """
        blob = self.blob(digest, size)
        self._check(digest, blob.pieces(0, blob.size))

    def _check(self, digest: str, pieces: Iterable[bytes | memoryview]) -> None:
        """Refuse bytes that have another digest."""
        algorithm = parse_digest(digest).algorithm
        hashed = hashlib.new(algorithm)
        for piece in pieces:
            hashed.update(piece)
        if f"{algorithm}:{hashed.hexdigest()}" != digest:
            raise self._damaged(digest, "its bytes have another digest")

    def writer(self) -> PoolWriter:
        """Something to write a body to.

        Raises:
            OSError: The directory cannot be written.
        """
        self._prepare()
        return PoolWriter(self)

    def put(self, data: bytes) -> str:
        """Keep some bytes; their digest."""
        writer = self.writer()
        try:
            writer.write(data)
            return writer.commit()
        finally:
            writer.discard()

    def list_manifest(self, descriptor: dict[str, Any], name: str) -> None:
        """List a manifest in `index.json`, so that other tools find it by `name`."""
        self._prepare()
        with self._lock():
            index = self._index()
            noted = {**descriptor, "annotations": {_REF: name}}
            kept = [each for each in index["manifests"] if (each.get("annotations") or {}).get(_REF) != name]
            index["manifests"] = sorted(
                [*kept, noted],
                key=lambda each: (str((each.get("annotations") or {}).get(_REF)), each["digest"]),
            )
            self._write("index.json", _canonical(index))

    def digests(self) -> Iterator[str]:
        """What the pool has."""
        for file in sorted((self.root / "blobs").glob("*/*")):
            digest = f"{file.parent.name}:{file.name}"
            with contextlib.suppress(Refusal):  # a file that somebody has put there is no body
                parse_digest(digest)
                yield digest

    def unfinished(self) -> list[Path]:
        """What writers have left that were killed, and what those that are at it have open."""
        return sorted(each for name in _WRITTEN for each in self.root.glob(f".{name}.*"))

    def remove(self, digest: str) -> None:
        """Forget some bytes, and the manifest that they are in `index.json`.

        Raises:
            CassetteError: The pool cannot be changed.
        """
        try:
            with self._lock():
                self.path(digest).unlink(missing_ok=True)
                self._unlist(digest)
        except OSError as error:
            raise CassetteError(
                f"{digest} cannot be removed from the pool: {error.strerror or error}",
                path=self.path(digest),
                remedy="let yourself write in its directory and in the pool's",
            ) from None

    def _unlist(self, digest: str) -> None:
        """Take a manifest out of `index.json`."""
        index = self._index()
        kept = [each for each in index["manifests"] if each.get("digest") != digest]
        if len(kept) != len(index["manifests"]):
            index["manifests"] = kept
            self._write("index.json", _canonical(index))

    def _lock(self) -> FileLock:
        return FileLock(str(self.root / ".lock"), timeout=_LOCK_SECONDS)

    def _index(self) -> dict[str, Any]:
        try:
            index = json.loads((self.root / "index.json").read_bytes())
        except FileNotFoundError:
            index = None
        except ValueError:
            raise CassetteError(
                "it is not JSON", path=self.root / "index.json", remedy="delete it: it is made anew"
            ) from None
        empty = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
        return index if isinstance(index, dict) and isinstance(index.get("manifests"), list) else empty

    def _prepare(self) -> None:
        """Make the directory a layout."""
        if (self.root / "index.json").exists():
            return
        (self.root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        self._write("oci-layout", _MARK)
        with self._lock():
            if not (self.root / "index.json").exists():
                self._write("index.json", _canonical(self._index()))

    def _write(self, name: str, data: bytes) -> None:
        hidden = self.root / f".{name}.{_IDS.uuid()}"
        hidden.write_bytes(data)
        hidden.replace(self.root / name)


class PoolWriter:
    """A body on its way into a pool: hashed as it comes, seen when it is committed.

    Args:
        pool: The pool.

    Attributes:
        size: How many bytes came.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._hidden = pool.root / f".part.{_IDS.uuid()}"
        self._file = self._hidden.open("xb", buffering=0)
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take some bytes; it blocks."""
        self._hash.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.size += len(data)

    @property
    def digest(self) -> str:
        """The digest of what came."""
        return f"sha256:{self._hash.hexdigest()}"

    def commit(self, digest: str | None = None) -> str:
        """Let it be seen.

        Args:
            digest: What it should have, if that is known.

        Returns:
            Its digest.

        Raises:
            CassetteError: It has another one.
        """
        self._file.close()
        if digest is not None and digest.startswith("sha256:") and digest != self.digest:
            self.discard()
            raise CassetteError(f"the bytes that came for {digest} have {self.digest}")
        target = self._pool.path(digest or self.digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._hidden.replace(target)
        return digest or self.digest

    @property
    def path(self) -> Path:
        """Where the bytes are until they are committed."""
        return self._hidden

    def discard(self) -> None:
        """Forget it, unless it was committed; harmless to repeat."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._hidden.unlink(missing_ok=True)


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode() + b"\n"
