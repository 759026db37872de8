"""The built-in street: twins share labels, frames are independent, every weather looks its own."""

import numpy as np
import pytest
from pydantic import ValidationError

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.contracts import FrameRef
from parhelion.pipeline.frame import LAYERS, Frame
from parhelion.pipeline.layers import instance_boxes
from parhelion.sim_adapters.street import Street, StreetConditions, StreetConfig

WEATHERS = tuple(w for w in Weather if w is not Weather.UNKNOWN)
CLEAR, FOG_NIGHT, RAIN = (
    StreetConditions(weather=Weather.CLEAR, hour=13),
    StreetConditions(weather=Weather.FOGGY, hour=23),
    StreetConditions(weather=Weather.RAINING, hour=13),
)
TWINS = StreetConfig(
    seed=3,
    scenes=2,
    width=96,
    height=54,
    quality="preview",
    conditions=(CLEAR, FOG_NIGHT, RAIN),
    pairing="every",
)


def all_frames(config: StreetConfig) -> list[Frame]:
    street = Street(config)
    return [street.read(ref) for ref in street.index()]


def same_labels(a: Frame, b: Frame) -> bool:
    layers = all(np.array_equal(getattr(a, n), getattr(b, n)) for n in LAYERS if n[-6:] != "native")
    assert a.camera is not None
    assert b.camera is not None
    pose = np.array_equal(a.camera.camera_to_world, b.camera.camera_to_world)
    return layers and pose and a.objects == b.objects and a.label_space == b.label_space


@pytest.fixture(scope="module")
def twins() -> list[Frame]:
    return all_frames(TWINS)


def test_twins_share_every_label_but_no_picture(twins: list[Frame]) -> None:
    first, others = twins[0], twins[1:3]
    for twin in others:
        assert same_labels(first, twin)
        assert not np.array_equal(first.image, twin.image)
        assert twin.provenance.twin_id == first.provenance.twin_id
        assert twin.frame_id != first.frame_id


def test_scenes_differ(twins: list[Frame]) -> None:
    assert not np.array_equal(twins[0].depth, twins[3].depth)
    assert twins[0].group_id != twins[3].group_id


def test_a_frame_does_not_depend_on_what_was_drawn_before(twins: list[Frame]) -> None:
    index = Street(TWINS).index()
    alone = Street(TWINS).read(index[4])
    backwards = Street(TWINS)
    last_to_first = [backwards.read(ref) for ref in reversed(index)][::-1]
    assert alone.content_sha256 == twins[4].content_sha256
    assert [f.content_sha256 for f in last_to_first] == [f.content_sha256 for f in twins]
    assert [f.frame_id for f in last_to_first] == [f.frame_id for f in twins]


def test_a_later_scene_is_the_same_street(twins: list[Frame]) -> None:
    late = Street(TWINS.model_copy(update={"first_scene": 1, "scenes": 1}))
    frame = late.read(late.index()[0])
    assert frame.content_sha256 == twins[3].content_sha256
    assert frame.frame_id == twins[3].frame_id


def test_boxes_are_tight_around_their_instances(twins: list[Frame]) -> None:
    for frame in (twins[0], twins[3]):
        assert frame.instances is not None
        boxes = instance_boxes(np.array(frame.instances))
        assert frame.objects
        for o in frame.objects:
            assert o.instance is not None
            assert o.box_xyxy == boxes[o.instance]


def test_centres_of_whole_objects_project_into_their_boxes() -> None:
    config = TWINS.model_copy(update={"scenes": 3, "conditions": (CLEAR,), "width": 160})
    whole = 0
    for frame in all_frames(config):
        assert frame.camera is not None
        for o in frame.objects:
            if o.visibility == 1 and o.truncation == 0 and o.centre_m is not None:
                x, y, z = frame.camera.project(np.array([o.centre_m]))[0]
                x0, y0, x1, y1 = o.box_xyxy
                assert x0 <= x <= x1
                assert y0 <= y <= y1
                assert z == pytest.approx(o.distance_m)
                whole += 1
    assert whole >= 3


def test_all_weathers_look_their_own_way() -> None:
    config = TWINS.model_copy(
        update={
            "scenes": 1,
            "conditions": tuple(StreetConditions(weather=w, hour=13) for w in WEATHERS),
        }
    )
    frames = all_frames(config)
    assert [f.conditions.weather for f in frames] == list(WEATHERS)
    assert len({f.content_sha256 for f in frames}) == len(WEATHERS)
    by = {f.conditions.weather: f for f in frames}
    assert contrast(by[Weather.FOGGY]) < 0.6 * contrast(by[Weather.EXTRA_SUNNY])
    assert ground(by[Weather.CHRISTMAS]) > 1.3 * ground(by[Weather.CLEARING])
    assert by[Weather.THUNDER_STORM].image.mean() < by[Weather.OVERCAST].image.mean()
    for weather, frame in by.items():
        c = frame.conditions
        assert (c.rain_mm_h or 0) > 0 or weather not in (Weather.RAINING, Weather.THUNDER_STORM)
        assert c.visibility_m is not None
        assert c.native == weather.value


def contrast(frame: Frame) -> float:
    """How much is to be seen of what stands more than 40 m away."""
    assert frame.depth is not None
    far = np.isfinite(frame.depth) & (frame.depth > 40)
    return float(frame.image[far].astype(np.float64).std())


def ground(frame: Frame) -> float:
    return float(frame.image[-12:].astype(np.float64).mean())


def test_it_gets_dark() -> None:
    hours = (13, 19.5, 23)
    config = TWINS.model_copy(
        update={
            "scenes": 1,
            "conditions": tuple(StreetConditions(weather=Weather.CLEAR, hour=h) for h in hours),
        }
    )
    noon, dusk, night = (f.image.mean() for f in all_frames(config))
    assert noon > dusk > night > 8


def test_cycle_gives_each_view_one_condition_in_turn() -> None:
    config = TWINS.model_copy(update={"pairing": "cycle", "scenes": 3, "views": 2})
    index = Street(config).index()
    assert len(index) == 6
    assert [ref.native_id.split("/")[2] for ref in index[:4]] == [
        "Clear-13.0",
        "Foggy-23.0",
        "Raining-13.0",
        "Clear-13.0",
    ]
    assert len({ref.group_id for ref in index}) == 3


def test_full_and_judge_frames_are_twins_with_equal_bytes_each_time() -> None:
    small = TWINS.model_copy(
        update={"scenes": 1, "width": 48, "height": 27, "samples": 2, "conditions": (RAIN,)}
    )
    full, judge = (small.model_copy(update={"quality": q}) for q in ("full", "judge"))
    (a,), (again,), (b,) = all_frames(full), all_frames(full), all_frames(judge)
    assert a.content_sha256 == again.content_sha256
    assert same_labels(a, b)
    assert not np.array_equal(a.image, b.image)


def test_what_is_not_in_the_index_is_refused() -> None:
    with pytest.raises(BadFrame, match="wanted a frame of this street's index, got 'scene-9'"):
        Street(TWINS).read(FrameRef(native_id="scene-9", group_id="x"))


def test_conditions_are_given_once() -> None:
    with pytest.raises(ValidationError, match="each weather and hour once"):
        StreetConfig(conditions=(CLEAR, CLEAR))
