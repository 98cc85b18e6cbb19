"""The splitter: whatever the portions, the same parts come out."""

from __future__ import annotations

import itertools

import pytest
from hyperframe.frame import DataFrame, Frame, HeadersFrame, PingFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from ghcr_sim.http2.frames import Splitter, data_head

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Parts:
    """A sink that keeps what it gets, the content of a stream joined."""

    def __init__(self) -> None:
        self.control_frames: list[tuple[int, bytes]] = []
        self.content: list[tuple[int, bytes, int, bool]] = []

    def control(self, kind: int, frame: bytes) -> None:
        self.control_frames.append((kind, frame))
        self.content.append((0, b"", 0, True))  # content before a control frame is content before it

    def data(self, stream_id: int, piece: bytes, flow: int, *, ended: bool) -> None:
        if self.content and self.content[-1][0] == stream_id and not self.content[-1][3]:
            _, before, size, _ = self.content.pop()
            piece, flow = before + piece, size + flow
        self.content.append((stream_id, piece, flow, ended))


def data_frame(stream: int, data: bytes, padding: int | None, *, ended: bool) -> DataFrame:
    flags = (["END_STREAM"] if ended else []) + ([] if padding is None else ["PADDED"])
    return DataFrame(stream, data=data, pad_length=padding or 0, flags=flags)


FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        data_frame,
        st.sampled_from([1, 3]),
        st.binary(max_size=40),
        st.none() | st.integers(0, 5),
        ended=st.booleans(),
    ),
    st.builds(lambda data: PingFrame(0, opaque_data=data), st.binary(min_size=8, max_size=8)),
    st.builds(lambda data: HeadersFrame(5, data=data, flags=["END_HEADERS"]), st.binary(max_size=20)),
    st.just(SettingsFrame(0)),
)


def split(wire: bytes, cuts: list[int]) -> Parts:
    parts = Parts()
    splitter = Splitter(parts)
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    for start, stop in itertools.pairwise(places):
        splitter.feed(memoryview(wire)[start:stop])
    return parts


def expected(frames: list[Frame]) -> Parts:
    parts = Parts()
    parts.control(-1, PREFACE)
    for frame in frames:
        if isinstance(frame, DataFrame):
            flow, ended = frame.flow_controlled_length, "END_STREAM" in frame.flags
            if flow or ended:
                parts.data(frame.stream_id, frame.data, flow, ended=ended)
        else:
            parts.control(frame.type or 0, frame.serialize())
    return parts


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 10_000), max_size=8))
def test_portions_do_not_matter(frames: list[Frame], cuts: list[int]) -> None:
    """The same frames and the same content come out, in the same order, wherever the bytes are cut."""
    wire = PREFACE + b"".join(frame.serialize() for frame in frames)
    got, wanted = split(wire, cuts), expected(frames)
    assert got.control_frames == wanted.control_frames
    assert got.content == wanted.content


def test_byte_by_byte() -> None:
    """Even single bytes make frames."""
    frames: list[Frame] = [
        data_frame(1, b"abc", None, ended=False),
        data_frame(1, b"de", 3, ended=False),
        data_frame(1, b"", 0, ended=True),
    ]
    wire = PREFACE + b"".join(frame.serialize() for frame in frames)
    assert split(wire, list(range(len(wire)))).content == expected(frames).content


def test_one_piece_for_many_small_frames() -> None:
    """What one reading brought of a stream is handed on at once: handlers pay for each piece."""
    pieces = []

    class Counting(Parts):
        def data(self, stream_id: int, piece: bytes, flow: int, *, ended: bool) -> None:
            pieces.append(piece)

    splitter = Splitter(Counting())
    splitter.feed(memoryview(PREFACE + data_frame(1, b"abc", None, ended=False).serialize() * 100))
    assert pieces == [b"abc" * 100]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_536, (1 << 24) - 1])
def test_the_head_of_a_data_frame(size: int) -> None:
    """The head that goes out is the one that hyperframe reads."""
    frame, length = Frame.parse_frame_header(memoryview(data_head(7, size)))
    assert (type(frame), frame.stream_id, length, set(frame.flags)) == (DataFrame, 7, size, set())
