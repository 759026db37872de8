"""Depth and stencil of GTA V: the closed forms of its buffers, and what they mean together."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._gtav_depth import GAME, Planes, space_of
from parhelion.sim_adapters._gtav_stencil import LABEL_SPACE, surfaces_of

SAMPLE = Planes(1.49945045e-05, 0.150002249)  # of a capture whose planes are 0.15 and 10003.815 m
SKY, VEHICLE, ROAD = 7, 2, 0


def depth_of(
    buffer: NDArray[Any], raw: NDArray[np.uint8] | None, planes: Planes = SAMPLE
) -> NDArray[np.float32]:
    depth = space_of(buffer, raw, planes, "z").depth
    assert depth is not None
    return depth


def classes_of(raw: NDArray[np.uint8], farthest: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    return surfaces_of(raw, farthest, "x").classes


def metres(d: float, planes: Planes = SAMPLE) -> float:
    return float(depth_of(np.full((1, 1), d, np.float32), None, planes)[0, 0])


def steps(q: int, raw: int = ROAD, planes: Planes = SAMPLE) -> float:
    buffer, stencil = np.full((1, 1), q, np.uint16), np.full((1, 1), raw, np.uint8)
    return float(depth_of(buffer, stencil, planes)[0, 0])


def test_the_planes_of_the_game_are_those_of_the_sample() -> None:
    assert pytest.approx(SAMPLE, rel=1e-6) == GAME
    p22, p23 = SAMPLE
    assert p23 / (1 + p22) == pytest.approx(0.15, rel=1e-6)
    assert p23 / p22 == pytest.approx(10003.815, rel=1e-6)


@given(d=st.floats(2**-23, 1, width=32), near=st.sampled_from([0.15, 1.5]))
def test_depth_is_the_formula_to_one_step_of_float32(d: float, near: float) -> None:
    planes = Planes.of(near, 10003.815)
    wanted = planes.p23 / (float(np.float32(d)) + planes.p22)
    assert metres(d, planes) == float(np.float32(wanted))


def test_the_nearest_surface_of_the_sample_is_where_it_was_measured() -> None:
    assert steps(4118) == pytest.approx(2.3863, abs=5e-5)
    assert metres((4118 + 0.5) / 65535) == pytest.approx(2.3863, abs=5e-5)


@pytest.mark.parametrize(
    ("far", "step"), [(10, 0.01), (20, 0.04), (50, 0.25), (100, 1.0), (200, 4.1), (500, 25)]
)
def test_sixteen_bits_are_read_at_the_middle_of_their_steps(far: float, step: float) -> None:
    d = SAMPLE.p23 / far - SAMPLE.p22
    read = steps(int(d * 65535))  # cut off, as the maker does
    assert abs(read - far) <= step * 0.6
    neighbours = steps(int(d * 65535) - 1) - read
    assert neighbours == pytest.approx(step, rel=0.2)


def test_the_last_step_of_sixteen_bits_ends_where_nothing_is_told_any_more() -> None:
    assert SAMPLE.p23 / (1 / 65535 + SAMPLE.p22) == pytest.approx(4958, abs=1)
    assert np.isnan(steps(0))  # a far hill
    assert np.isposinf(steps(0, SKY))
    assert steps(1) < 4958


def test_a_png_of_metres_is_known_by_its_sky() -> None:
    buffer = np.array([[65535, 65535, 0, 32768]], np.uint16)
    raw = np.array([[SKY, ROAD, ROAD, VEHICLE]], np.uint8)
    found = depth_of(buffer, raw)
    assert np.isposinf(found[0, 0])
    assert np.isnan(found[0, 1])  # beyond the 1,000 m where it is cut off
    assert found[0, 3] == pytest.approx(500, abs=0.02)
    reversed_z = depth_of(np.where(raw == SKY, 0, buffer).astype(np.uint16), raw)
    assert reversed_z[0, 3] == pytest.approx(0.3, abs=1e-3)


def test_sky_is_infinite_and_a_far_hill_is_at_the_far_plane() -> None:
    buffer, raw = np.zeros((1, 2), np.float32), np.array([[SKY, ROAD]], np.uint8)
    found = depth_of(buffer, raw)
    assert np.isposinf(found[0, 0])
    assert found[0, 1] == pytest.approx(10003.815, rel=1e-6)
    assert np.isposinf(depth_of(buffer, None)).all()


@pytest.mark.parametrize("wrong", [-0.1, 1.5, np.nan, np.inf])
def test_a_buffer_outside_its_range_is_refused(wrong: float) -> None:
    buffer = np.array([[0.5, wrong]], np.float32)
    with pytest.raises(BadFrame, match=r"z: wanted depth from 0 \(far\) to 1 \(near\)"):
        depth_of(buffer, None)


def test_depth_of_another_type_is_refused() -> None:
    with pytest.raises(BadFrame, match="float32 or in 16 bits, got uint8"):
        depth_of(np.zeros((2, 2), np.uint8), None)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (0, SceneClass.OTHER),
        (1, SceneClass.PERSON),
        (2, SceneClass.VEHICLE),
        (3, SceneClass.VEGETATION),
        (4, SceneClass.TERRAIN),
        (7, SceneClass.SKY),
        (8, SceneClass.OTHER),
        (0x81, SceneClass.PERSON),
        (0x82, SceneClass.VEHICLE),
        (0x89, SceneClass.PERSON),
        (0x40 | 2, SceneClass.VEHICLE),
        (0x17, SceneClass.SKY),
    ],
)
def test_the_low_bits_tell_the_class(raw: int, wanted: SceneClass) -> None:
    made = classes_of(np.full((2, 2), raw, np.uint8), np.ones((2, 2), bool))
    assert (made == wanted).all()
    assert wanted in LABEL_SPACE


@pytest.mark.parametrize("raw", [5, 6, 13, 0x85])
def test_an_id_that_nobody_documents_is_refused(raw: int) -> None:
    with pytest.raises(BadFrame, match=rf"x: wanted stencils of .*, got unknown \[{raw}\]"):
        classes_of(np.full((2, 2), raw, np.uint8), None)


def test_a_wire_before_the_sky_is_not_sky() -> None:
    raw, farthest = np.full((1, 2), SKY, np.uint8), np.array([[True, False]])
    assert classes_of(raw, farthest).tolist() == [[SceneClass.SKY, SceneClass.IGNORE]]
    depth = depth_of(np.array([[0, 0.0065]], np.float32), raw)
    assert np.isposinf(depth[0, 0])
    assert depth[0, 1] == pytest.approx(23, abs=0.1)


def test_an_unknown_class_has_its_reason() -> None:
    with pytest.raises(BadFrame) as caught:
        classes_of(np.full((1, 1), 6, np.uint8), None)
    assert caught.value.reason is Reason.UNKNOWN_CLASS
