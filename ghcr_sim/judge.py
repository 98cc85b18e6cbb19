"""Judging: recorded requests are played at the fake, and what it says is compared with what the real registry said.

Compared are the status, which header fields there are, the values that are promised, and the shape of JSON bodies;
never dates, ids, tokens, and lengths that follow from them. What cannot be asked, since its bytes were not kept, is
said to be so. Source: `reference/record-replay.md` section 5.6, "verify".
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth.accounts import Accounts, Credential
from ghcr_sim.cassette.cause import referenced
from ghcr_sim.cassette.content import Unseen
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.order import session_of
from ghcr_sim.cassette.player import DigestBody, Login, Player
from ghcr_sim.cassette.shelf import is_write
from ghcr_sim.oci import Refusal
from ghcr_sim.route import WRITES
from ghcr_sim.store.repository import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.exchange import Handler, Response

__all__ = ["Difference", "Verdict", "compare", "judge", "judge_fake"]

Verdict = Literal["same", "different", "not asked"]

_LOGIN = Login("player:recorded", "player:refused")
_REFUSED = 400
_ILL = frozenset({429, 499, *range(500, 600)})
"""Statuses that say how a registry was that day, and not how it is."""

_SOME_TYPE = "application/vnd.oci.image.index.v1+json"
_SOME = json.dumps({"schemaVersion": 2, "mediaType": _SOME_TYPE, "manifests": []}).encode()
_SOME_DIGEST = f"sha256:{hashlib.sha256(_SOME).hexdigest()}"
"""What a tag names of which only the name was recorded."""

_EQUAL = frozenset(
    {
        "accept-ranges",
        "content-range",
        "content-type",
        "docker-content-digest",
        "docker-distribution-api-version",
    }
    | {"oci-filters-applied", "oci-subject", "allow"}
)
"""Fields whose values have to be equal, beside being there."""

_ALIKE = frozenset({"location", "link", "www-authenticate"})
"""Fields whose values have to be of one shape: ids, digests' signatures and hosts differ."""

_UNJUDGED = frozenset(
    {"cache-control", "connection", "keep-alive", "server", "transfer-encoding", "vary", "via"}
)
"""Fields of the way, and not of the registry."""

_SHAPES = (
    (re.compile(r"https?://[^/\s\">]+"), "<origin>"),
    (re.compile(r"<session:\d+>|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}"), "<session>"),
    (re.compile(r"/ghcr(?:1|blobs\d\d)/"), "/<shard>/"),
    (re.compile(r"\?(?:<signature>|(?:se|sig)=[^\s\"]*)"), "?<signature>"),
    (re.compile(r"_state=[^&\s]+"), "_state=<state>"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """How one exchange came out.

    Attributes:
        exchange: The recorded one.
        verdict: `same`, `different`, or `not asked`.
        notes: What differs, or why it was not asked.
    """

    exchange: Exchange
    verdict: Verdict
    notes: tuple[str, ...] = ()


async def judge_fake(cassette: Cassette, profile: str = "ghcr") -> list[Difference]:
    """Judge the fake by a cassette: it starts with the content that the cassette shows from the start.

    Args:
        cassette: The cassette.
        profile: The fake's profile.

    Returns:
        For each exchange, how it came out.
    """
    accounts = Accounts((Credential(login="player", token="recorded", owners=frozenset({"*"})),))  # noqa: S106 - nobody's
    fake = Simulator(profile, accounts=accounts)
    _seed(fake, cassette)
    try:
        return await judge(cassette, fake, seeded=fake)
    finally:
        fake.close()


async def judge(
    cassette: Cassette,
    handler: Handler,
    *,
    seeded: Simulator | None = None,
    login: Login = _LOGIN,
    reads_only: bool = False,
) -> list[Difference]:
    """Play a cassette's requests, and compare.

    Args:
        cassette: The cassette.
        handler: Who answers.
        seeded: The fake, if it is one: what was pushed and not kept is put into its store.
        login: Who plays.
        reads_only: Whether nothing may be changed there.

    Returns:
        For each exchange, how it came out.

    Raises:
        CassetteError: There is no exchange: nothing can be judged.
    """
    if not cassette.exchanges:
        raise CassetteError(
            "it has no exchanges, and so nothing to verify", path=cassette.path, remedy="record it again"
        )
    player = Player(handler, cassette.pool, login)
    unsent: set[str] = set()
    out = []
    for each in cassette.exchanges:
        if reads_only and (each.operation in WRITES or is_write(each.operation)):
            out.append(Difference(each, "not asked", ("nothing is written there",)))
            continue
        if each.host == "api" and seeded is not None:
            out.append(Difference(each, "not asked", ("the fake has no such API",)))
            continue
        if each.response.status in _ILL:
            out.append(Difference(each, "not asked", ("a limit or a failure of that day",)))
            continue
        if seeded is not None and _is_unseeded(seeded, each):
            out.append(Difference(each, "not asked", ("the bytes of the manifest were not kept",)))
            continue
        try:
            if seeded is not None:
                _check_kept(cassette, each)
            out.append(await _played(player, each, seeded, unsent))
        except CassetteError as error:
            out.append(Difference(each, "different", (str(error),)))
    return out


def _is_unseeded(fake: Simulator, each: Exchange) -> bool:
    """Whether a look found a manifest, before any write, that nobody has fetched: the fake cannot have it."""
    if each.operation != "manifest.head" or each.response.status >= _REFUSED or each.after:
        return False
    manifest = fake.store.manifest(each.repository, each.reference)
    return manifest is None or manifest.digest == _SOME_DIGEST


def _check_kept(cassette: Cassette, each: Exchange) -> None:
    """See that the fake could start with what an answer shows: else it would be blamed for what the pool lacks.

    Raises:
        CassetteError: The body is gone, or is another one.
    """
    body = each.response.body
    if body is not None and body.pooled and body.digest is not None:
        look = cassette.pool.read if each.operation == "manifest.get" else cassette.pool.blob
        look(body.digest, body.size)


async def _played(player: Player, each: Exchange, seeded: Simulator | None, unsent: set[str]) -> Difference:
    """Ask once, and compare.

    Raises:
        CassetteError: What the request or its answer had is gone from the pool.
    """
    session = session_of(each)
    unknown = isinstance(player.body(each), DigestBody) or (
        session in unsent and each.operation != "upload.delete"
    )
    if unknown:
        if seeded is not None and each.operation == "upload.put":
            _put_unseen(seeded, each)
        unsent.update(filter(None, (session,)))
        return Difference(each, "not asked", ("the bytes that were sent were not kept",))
    played = await player.play(each)
    if played.response is None:
        return Difference(each, "not asked", (played.why,))
    notes = tuple(compare(each, played.response))
    return Difference(each, "different" if notes else "same", notes)


# -- what is compared


def compare(exchange: Exchange, response: Response) -> Iterator[str]:
    """What differs between a recorded answer and another one.

    Args:
        exchange: The recorded one.
        response: The other one.

    Yields:
        Each difference, in words: what was recorded, and what came.
    """
    recorded = exchange.response
    if recorded.status != response.status:
        yield f"status: {recorded.status} was recorded, {response.status} came"
    theirs, ours = _fields(recorded.headers), _fields(response.headers)
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"header {name}: recorded ({theirs[name][:80]}), and does not come"
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"header {name}: comes ({ours[name][:80]}), and was not recorded"
    for name in sorted(theirs.keys() & ours.keys()):
        if not _agree(name, theirs[name], ours[name]):
            yield f"header {name}: {theirs[name][:120]} was recorded, {ours[name][:120]} came"
    yield from _bodies(exchange, response)


def _fields(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Header fields by their names in lower case."""
    return {name.lower(): value for name, value in headers if name.lower() not in _UNJUDGED}


def _agree(name: str, one: str, other: str) -> bool:
    if name in _EQUAL:
        return one == other
    return name not in _ALIKE or _shape(one) == _shape(other)


def _shape(value: str) -> str:
    for pattern, word in _SHAPES:
        value = pattern.sub(word, value)
    return value


def _bodies(exchange: Exchange, response: Response) -> Iterator[str]:
    """What differs in bodies: of JSON, keys and kinds; of errors, code and message, too; of manifests, each byte."""
    kept = exchange.response.body
    if not isinstance(response.body, bytes):
        return
    if kept is None or kept.text is None:
        if kept is None and response.body and _fields(exchange.response.headers).get("content-length") == "0":
            yield f"body: none was recorded, and {len(response.body)} bytes came"
        elif kept is not None and kept.pooled and exchange.operation == "manifest.get":
            came = f"sha256:{hashlib.sha256(response.body).hexdigest()}"
            if kept.digest is not None and kept.digest.startswith("sha256:") and came != kept.digest:
                yield f"body: {kept.digest} was recorded, {came} came"
        return
    one, other = _document(kept.text.encode()), _document(response.body)
    if one is None or other is None:
        if (one is None) != (other is None):
            yield f"body: {'JSON' if one is not None else 'no JSON'} was recorded, and the other came"
        return
    yield from _unlike("body", one, other, exact=isinstance(one, dict) and "errors" in one)
    if kept.text.endswith("\n") != response.body.endswith(b"\n"):
        yield f"body: a newline at its end {'was' if kept.text.endswith(chr(10)) else 'was not'} recorded"


def _document(data: bytes) -> dict[str, Any] | list[Any] | None:
    """A JSON object or list, or None."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, (dict, list)) else None


def _unlike(place: str, one: Any, other: Any, *, exact: bool) -> Iterator[str]:
    """Where two documents are of another shape."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if key not in one or key not in other:
                was, comes = ("recorded", "does not come") if key in one else ("not recorded", "comes")
                yield f"{place}.{key}: {was}, and {comes}"
            else:
                yield from _unlike(f"{place}.{key}", one[key], other[key], exact=exact)
    elif isinstance(one, list) and isinstance(other, list):
        if (exact and len(one) != len(other)) or bool(one) != bool(other):
            yield f"{place}: {len(one)} entries were recorded, {len(other)} came"
        for number, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from _unlike(f"{place}[{number}]", left, right, exact=exact)
    elif type(one) is not type(other):
        yield f"{place}: {type(one).__name__} was recorded, {type(other).__name__} came"
    elif exact and one != other:
        yield f"{place}: {str(one)[:160]!r} was recorded, {str(other)[:160]!r} came"


# -- what the fake starts with


def _seed(fake: Simulator, cassette: Cassette) -> None:
    """Put in what the cassette shows before its first write."""
    for each in cassette.exchanges:
        if each.after:
            continue
        body, status = each.response.body, each.response.status
        if each.operation == "manifest.get" and status == 200 and body and body.pooled and body.digest:  # noqa: PLR2004 - OK
            _seed_manifest(fake, cassette, each, body.digest)
        elif each.operation == "manifest.head" and status == 200:  # noqa: PLR2004 - OK
            _seed_manifest(fake, cassette, each, _field(each, "docker-content-digest"))
        elif each.operation in {"blob.get", "blob.head"} and status < _REFUSED:
            _seed_blob(fake, cassette, each.repository, each.reference, _length(each))
    _seed_tags(fake, cassette)
    for each in cassette.exchanges:
        if each.operation == "token.get" and each.auth.kind == "none" and each.response.status == 200:  # noqa: PLR2004 - OK
            for key, value in each.query:
                if key == "scope" and value.count(":") > 1 and fake.store.repository(value.split(":")[1]):
                    fake.set_visibility(value.split(":")[1], "public")


def _seed_manifest(fake: Simulator, cassette: Cassette, each: Exchange, digest: str) -> None:
    try:
        data = cassette.pool.read(digest)
    except (CassetteError, Refusal):
        return  # what is asked of it says so
    for blob in referenced(data)[0]:
        _seed_blob(fake, cassette, each.repository, blob, 0)
    tags = () if ":" in each.reference else (each.reference,)
    manifest = Manifest.read(digest, _field(each, "content-type"), data)
    fake.store.put_manifest(each.repository, manifest, tags)
    fake.rights.settle(each.repository)


def _seed_blob(fake: Simulator, cassette: Cassette, repository: str, digest: str, size: int) -> None:
    if fake.store.blob(repository, digest) is None:
        known = cassette.pool.has(digest)
        fake.store.put_blob(repository, cassette.pool.blob(digest) if known else Unseen(digest, size))


def _seed_tags(fake: Simulator, cassette: Cassette) -> None:
    """Let the tags be there that were listed, in the order in which they were; what they name does not matter."""
    for each in cassette.exchanges:
        body = each.response.body
        if each.operation != "tags.list" or each.after or each.response.status != 200:  # noqa: PLR2004 - OK
            continue
        document = _document(body.text.encode()) if body and body.text else None
        listed = document.get("tags") if isinstance(document, dict) else None
        for tag in listed or ():
            if isinstance(tag, str) and fake.store.manifest(each.repository, tag) is None:
                some = Manifest.read(_SOME_DIGEST, _SOME_TYPE, _SOME)
                fake.store.put_manifest(each.repository, some, (tag,))
                fake.rights.settle(each.repository)


def _put_unseen(fake: Simulator, each: Exchange) -> None:
    """What was pushed, and not kept, is there from now on."""
    digest = dict(each.query).get("digest", "")
    size = each.request.body.size if each.request.body else 0
    fake.store.put_blob(each.repository, Unseen(digest, size))


def _length(each: Exchange) -> int:
    said = _field(each, "content-length")
    return int(said) if said.isdigit() else 0


def _field(each: Exchange, name: str) -> str:
    """A header field of an answer, or ""."""
    return next((value for key, value in each.response.headers if key.lower() == name), "")
