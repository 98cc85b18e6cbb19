"""Assertions about a fake, each of which says what was asked, what came, and what came nearest.

`assert_image_equal` compares contents, `assert_pulled` and `assert_pushed` read the journal. The matchers for `==` come
along. Nothing here makes a request.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.seed import Seeded
from pytest_ghcr.comparing import contents_of, differences
from pytest_ghcr.images import GhcrImage
from pytest_ghcr.matchers import a_digest_of, a_reference, any_digest, split_reference

if TYPE_CHECKING:
    from ghcr_sim.journal import Record
    from ghcr_sim.store import Manifest
    from pytest_ghcr.comparing import Contents
    from pytest_ghcr.simulator import Ghcr

__all__ = [
    "a_digest_of",
    "a_reference",
    "any_digest",
    "assert_image_equal",
    "assert_pulled",
    "assert_pushed",
]

_NEAREST = 5
"""Requests that a failure shows."""

_CREATED = 201


class _Wanted(NamedTuple):
    """An image by name."""

    repository: str
    reference: str
    text: str

    def held(self, ghcr: Ghcr) -> Manifest | None:
        return ghcr.simulator.store.manifest(self.repository, self.reference)


def _wanted(image: GhcrImage | Seeded | str) -> _Wanted:
    """Which image is meant. The registry in a reference does not matter: the fake is all of them."""
    if not isinstance(image, GhcrImage | Seeded | str):
        raise TypeError(
            f"an image is of the type {type(image).__name__}: give 'acme/app:v1', or an image of ghcr_image"
        )
    text = str(image)
    if isinstance(image, Seeded):
        text = f"{image.repository}:{image.tags[0]}" if image.tags else image.ref
    parts = split_reference(text)
    if parts is None:
        raise ValueError(f"{text!r} is no reference: give 'acme/app:v1', or an image of ghcr_image")
    _, repository, tag, digest = parts
    return _Wanted(repository, digest or tag or "latest", text)


def assert_image_equal(
    one: GhcrImage | Seeded | str, other: GhcrImage | Seeded | str, ghcr: Ghcr | None = None
) -> None:
    """Fail unless two images contain the same: platforms, configs and layers.

    How they are packed does not count: names, digests of manifests, media types, annotations, compression.

    Args:
        one: What `ghcr_image` or `ghcr.seed` returned, or a reference (`acme/app:v1`, `acme/app@sha256:…`).
        other: The same.
        ghcr: The fake in which references are looked up; that of the other image if None.

    Raises:
        AssertionError: They differ, or one is not there; with a diff of what differs.
        ValueError: It is a reference, and no fake is known; or it is none.
        TypeError: It is nothing that could be one.
    """
    __tracebackhide__ = True
    known = ghcr or next((each.ghcr for each in (one, other) if isinstance(each, GhcrImage)), None)
    found = differences(_read(one, known), _read(other, known))
    if found:
        head = f"{_name(one)} and {_name(other)} are not the same image."
        raise AssertionError("\n".join((head, *found)))


def _name(image: GhcrImage | Seeded | str) -> str:
    return _wanted(image).text


def _read(image: GhcrImage | Seeded | str, ghcr: Ghcr | None) -> Contents:
    __tracebackhide__ = True
    home = image.ghcr if isinstance(image, GhcrImage) and image.ghcr is not None else ghcr
    if home is None:
        raise ValueError(f"in which fake is {_name(image)}? Pass ghcr=ghcr")
    wanted = _wanted(image)
    if not isinstance(image, str):
        wanted = wanted._replace(reference=image.digest)
    manifest = wanted.held(home)
    if manifest is None:
        raise AssertionError(f"{wanted.text} is not there. {_there(home, wanted)}")
    return contents_of(wanted.text, home.simulator.store, wanted.repository, manifest)


def assert_pulled(ghcr: Ghcr, image: GhcrImage | Seeded | str, times: int | None = None) -> list[Record]:
    """Fail unless an image's manifest was downloaded. A HEAD is no pull, and neither is a GET that was refused.

    Args:
        ghcr: The fake.
        image: What `ghcr_image` or `ghcr.seed` returned: a GET, by tag or digest, that gave this very manifest. Or a
            reference: a GET of it, or of the digest that it has now.
        times: How often exactly; None is at least once.

    Returns:
        The requests that did it.

    Raises:
        AssertionError: It was not; with the nearest requests.
        ValueError: It is no reference.
        TypeError: It is nothing that could be one.
    """
    __tracebackhide__ = True
    wanted = _wanted(image)
    names = _names(ghcr, wanted) if isinstance(image, str) else [image.digest]
    found = [
        each
        for each in ghcr.requests("manifest.get")
        if each.repository == wanted.repository
        and each.status == 200  # noqa: PLR2004 - OK
        and (each.reference if isinstance(image, str) else each.digest) in names
    ]
    if len(found) == times or (times is None and found):
        return found
    told = "was not pulled" if not found else f"was pulled {_times(len(found))}"
    raise AssertionError(
        "\n".join(
            (
                f"{wanted.text} {told}, and {'once or more' if times is None else _times(times)} was asserted.",
                f"That is GET /v2/{wanted.repository}/manifests/{_asked(image, names)}.",
                _there(ghcr, wanted, None if isinstance(image, str) else image.digest),
                *_nearest(ghcr, "manifest.get", wanted),
            )
        )
    )


def assert_pushed(ghcr: Ghcr, image: GhcrImage | Seeded | str, digest: str | None = None) -> str:
    """Fail unless an image's manifest was pushed: a PUT of its tag or digest that the fake took.

    Args:
        ghcr: The fake.
        image: A reference, or what `ghcr_image` or `ghcr.seed` returned.
        digest: What the tag has to point at now; None is anything.

    Returns:
        The digest that it points at now.

    Raises:
        AssertionError: It was not, or it is another image by now; with the nearest requests.
        ValueError: It is no reference.
        TypeError: It is nothing that could be one.
    """
    __tracebackhide__ = True
    wanted = _wanted(image)
    asked = f"That is PUT /v2/{wanted.repository}/manifests/{wanted.reference}, answered with {_CREATED}."
    pushes = ghcr.requests("manifest.put")
    if not any(each[3:6] == (wanted.repository, wanted.reference, _CREATED) for each in pushes):
        lines = (
            f"{wanted.text} was not pushed.",
            asked,
            _there(ghcr, wanted),
            *_nearest(ghcr, "manifest.put", wanted),
        )
        raise AssertionError("\n".join(lines))
    held = wanted.held(ghcr)
    if held is None or (digest is not None and held.digest != digest):
        state = f"points at {held.digest}" if held else "is gone"
        lines = (f"{wanted.text} was pushed, and {state}.", f"Asserted was {digest or 'that it is there'}.")
        raise AssertionError("\n".join((*lines, *_nearest(ghcr, "manifest.put", wanted))))
    return held.digest


def _names(ghcr: Ghcr, wanted: _Wanted) -> list[str]:
    """The tag, and the digest that it has now."""
    held = wanted.held(ghcr)
    return list(dict.fromkeys([wanted.reference, *([held.digest] if held else [])]))


def _asked(image: GhcrImage | Seeded | str, names: list[str]) -> str:
    """Which answers count."""
    if isinstance(image, str):
        return f"{' or '.join(names)}, answered with 200"
    return f"TAG or DIGEST, answered with 200 and {image.digest}"


def _there(ghcr: Ghcr, wanted: _Wanted, digest: str | None = None) -> str:
    """What the fake has under that name, and whether that is another image by now."""
    state = ghcr.simulator.store.repository(wanted.repository)
    if state is None:
        near = difflib.get_close_matches(wanted.repository, ghcr.simulator.store.names(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"The fake has no repository {wanted.repository}{hint}"
    held = wanted.held(ghcr)
    if held is not None:
        moved = digest is not None and held.digest != digest
        return f"The fake has {wanted.text}{f', which is {held.digest} by now' if moved else ''}."
    return f"The fake has {wanted.repository} with the tags {', '.join(state.tags) or '(none)'}."


def _nearest(ghcr: Ghcr, operation: str, wanted: _Wanted) -> list[str]:
    """The requests that are most like the wanted one, oldest first."""
    records = ghcr.requests()
    if not records:
        return ["No request has come at all: does the code under test know the fake's address?"]
    text = f"{operation} {wanted.repository} {wanted.reference}"

    def likeness(number: int) -> float:
        each = records[number]
        return difflib.SequenceMatcher(
            None, text, f"{each.operation} {each.repository} {each.reference}", autojunk=False
        ).ratio()

    best = sorted(sorted(range(len(records)), key=likeness, reverse=True)[:_NEAREST])
    return [f"The nearest of {len(records)} requests:", *(f"  {records[number].line()}" for number in best)]


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
