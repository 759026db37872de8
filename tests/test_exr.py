"""OpenEXR of depth: what was written comes back, and mitsuba, which has a reader, sees the same."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings.solo import exr

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._exr import decode_exr

SHAPE = (37, 19)  # three blocks of ZIP, the last of five lines


def noise(channel: str, dtype: str = "<f4") -> NDArray[np.generic]:
    return rng("tests.exr", channel).normal(0, 50, SHAPE).astype(dtype)


@pytest.mark.parametrize("lines", [0, 1, 16])
@pytest.mark.parametrize("smooth", [False, True])
def test_what_was_written_comes_back(lines: int, smooth: bool) -> None:
    """Noise is stored as it is where ZIP would not make it smaller."""
    channels = {c: np.round(noise(c)) if smooth else noise(c) for c in "ABGR"}
    data = exr(channels, lines)
    for c, values in channels.items():
        assert np.array_equal(decode_exr(data, "a.exr", 1000, (c,)), values), c


def test_channels_of_other_widths_lie_beside_it() -> None:
    channels = {"R": noise("R"), "A": noise("A", "<f2"), "id": noise("id").astype("<u4")}
    data = exr(channels)
    for c, values in channels.items():
        assert np.array_equal(decode_exr(data, "a.exr", 1000, (c,)), values.astype(np.float32)), c
    assert np.array_equal(decode_exr(data, "a.exr", 1000, ("Z", "R")), channels["R"])


@pytest.mark.parametrize("lines", [0, 1, 16])
def test_mitsuba_reads_the_same(lines: int, tmp_path: Path) -> None:
    import mitsuba as mi

    channels = {c: noise(c) for c in "ABGR"}
    (tmp_path / "a.exr").write_bytes(exr(channels, lines))
    theirs = np.array(mi.Bitmap(str(tmp_path / "a.exr")))  # R, G, B, A
    ours = decode_exr(exr(channels, lines), "a.exr", 1000, ("R",))
    assert np.array_equal(theirs[..., 0], ours)


def changed(data: bytes, attribute: bytes, offset: int, value: bytes) -> bytes:
    place = data.index(attribute) + len(attribute) + offset
    return data[:place] + value + data[place + len(value) :]


@pytest.mark.parametrize(
    ("attribute", "offset", "value", "reason", "words"),
    [
        (b"dataWindow\0box2i\0", 12, b"\xff\xff\xff\x0f", Reason.OVERSIZED_IMAGE, "268435456"),
        (b"dataWindow\0box2i\0", 12, b"\xff\xff\xff\xff", Reason.UNREADABLE_LAYER, "0x37"),
        (b"compression\0compression\0", 4, b"\x04", Reason.UNREADABLE_LAYER, "compression 4"),
        (b"\x76\x2f\x31\x01", 1, b"\x02", Reason.UNREADABLE_LAYER, "tiles"),
        (b"chlist\0", 0, b"\xff\xff\xff\x7f", Reason.UNREADABLE_LAYER, "attribute"),
    ],
)
def test_a_hostile_header_is_refused_before_memory_is_taken(
    attribute: bytes, offset: int, value: bytes, reason: Reason, words: str
) -> None:
    data = changed(exr({"R": noise("R")}), attribute, offset, value)
    with pytest.raises(BadFrame, match=rf"a\.exr.*{words}") as caught:
        decode_exr(data, "a.exr", 1000, ("R",))
    assert caught.value.reason is reason


def test_a_cut_file_and_another_channel_are_refused() -> None:
    data = exr({"R": noise("R")})
    for length in (0, 3, 60, len(data) // 2, len(data) - 1):
        with pytest.raises(BadFrame) as caught:
            decode_exr(data[:length], "a.exr", 1000, ("R",))
        assert caught.value.reason is Reason.UNREADABLE_LAYER
    with pytest.raises(BadFrame, match="no channel Z among R"):
        decode_exr(data, "a.exr", 1000, ("Z",))
