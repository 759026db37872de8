"""Street events: a flood is an exact plane or waves, a crash lies clear of things, labels hold."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from parhelion.pipeline.bias import census_of
from parhelion.pipeline.conditions import Event, Weather
from parhelion.pipeline.frame import GIVES_LIGHT, LAYERS, Frame
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import seed_of
from parhelion.sim_adapters._street_events import Happening
from parhelion.sim_adapters._street_mesh import Part
from parhelion.sim_adapters._street_mesh import Street as Scene
from parhelion.sim_adapters._street_scene import EVENT_LABEL_SPACE, LABEL_SPACE, build_street
from parhelion.sim_adapters.street import Street, StreetConditions, StreetConfig

LEVELS = (0.15, 0.5, 1.2)
NIGHT = {"weather": Weather.FOGGY, "hour": 23.0}
DRY = StreetConditions()
CRASH = StreetConditions(event=Event.PLANE_CRASH)
SIZE = {"width": 128, "height": 72, "quality": "preview"}
SEEDS = (0, 8)  # one street of each driving side


def flood(level: float, height: float = 0.0, **sky: object) -> StreetConditions:
    return StreetConditions(
        event=Event.FLOOD,
        water_level_m=level,
        wave_height_m=height,
        **sky,  # type: ignore[arg-type]
    )


def config(*conditions: StreetConditions, seed: int = 0, **more: object) -> StreetConfig:
    settings = SIZE | {"scenes": 1, "seed": seed, "pairing": "every"} | more
    return StreetConfig.model_validate(settings | {"conditions": conditions})


@cache
def frame_of(conditions: StreetConditions, seed: int = 0) -> Frame:
    street = Street(config(conditions, seed=seed))
    return street.read(street.index()[0])


def frames(*conditions: StreetConditions) -> list[Frame]:
    return [frame_of(each) for each in conditions]


def heights(frame: Frame) -> NDArray[np.float64]:
    """World z (H, W) of the surface in each pixel, from depth and camera alone."""
    assert frame.depth is not None
    assert frame.camera is not None
    y, x = np.mgrid[: frame.size[0], : frame.size[1]] + 0.5
    ways = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(frame.camera.intrinsics).T
    up = ways @ frame.camera.camera_to_world[2, :3]
    return frame.camera.camera_to_world[2, 3] + up * frame.depth


def water(frame: Frame) -> NDArray[np.bool_]:
    return np.asarray(frame.stencil == SceneClass.WATER)


def debris(scene: Scene) -> list[Part]:
    return [p for p in scene.parts if p.scene_class is SceneClass.DEBRIS]


@cache
def crashed(seed: int) -> Scene:
    return build_street(seed_of("street", seed, 0), 1, Happening(Event.PLANE_CRASH))


@pytest.mark.parametrize(("level", "seed"), [(level, 0) for level in LEVELS] + [(0.5, 8)])
def test_still_water_has_the_depth_of_its_plane(level: float, seed: int) -> None:
    frame = frame_of(flood(level), seed)
    assert frame.camera is not None
    assert frame.depth is not None
    y, x = np.nonzero(water(frame))
    assert len(x) > 1000
    ways = np.column_stack([x + 0.5, y + 0.5, np.ones(len(x))])
    up = (ways @ np.linalg.inv(frame.camera.intrinsics).T) @ frame.camera.camera_to_world[2, :3]
    expected = (level - frame.camera.camera_to_world[2, 3]) / up
    near = expected < 60
    np.testing.assert_allclose(frame.depth[y, x][near], expected[near], atol=1e-3)


def test_the_water_rises_and_nothing_below_it_is_seen() -> None:
    rising = frames(*(flood(level) for level in LEVELS))
    seen = [float(np.median(heights(f)[water(f)])) for f in rising]
    np.testing.assert_allclose(seen, LEVELS, atol=1e-3)
    for level, frame in zip(LEVELS, rising, strict=True):
        solid = np.isfinite(frame.depth) & ~water(frame)
        assert heights(frame)[solid].min() > level - 2e-3
    assert len({f.provenance.twin_id for f in rising}) == len(LEVELS)


def test_boxes_hold_what_sticks_out_of_the_water() -> None:
    dry, *rising = frames(DRY, *(flood(level) for level in LEVELS))
    lowest = {o.instance: (o.box_xyxy[3], o.visibility) for o in dry.objects}
    for frame in rising:
        assert frame.instances is not None
        boxes = instance_boxes(np.array(frame.instances))
        assert {o.instance for o in frame.objects} <= set(lowest)
        shrunk = 0
        for o in frame.objects:
            assert o.instance is not None
            assert o.box_xyxy == boxes[o.instance]
            bottom, visibility = lowest[o.instance]
            assert o.box_xyxy[3] <= bottom
            assert o.visibility is not None
            assert visibility is not None
            assert o.visibility <= visibility
            shrunk += o.box_xyxy[3] < bottom
        assert shrunk > 0
        lowest = {o.instance: (o.box_xyxy[3], o.visibility) for o in frame.objects}


def test_waves_keep_within_their_height_and_move_no_label_by_weather() -> None:
    height = 0.12
    day, night, still = frames(flood(0.5, height), flood(0.5, height, **NIGHT), flood(0.5))
    z = heights(day)[water(day)]
    assert z.min() > 0.5 - height / 2 - 2e-3
    assert z.max() < 0.5 + height / 2 + 2e-3
    assert np.ptp(z) > 0.4 * height
    assert same_labels(day, night)
    assert not np.array_equal(day.depth, still.depth)
    assert day.provenance.twin_id == night.provenance.twin_id != still.provenance.twin_id


def same_labels(a: Frame, b: Frame) -> bool:
    layers = all(
        np.array_equal(getattr(a, n), getattr(b, n), equal_nan=n == "depth")
        for n in LAYERS
        if n != "stencil_native"
    )
    return layers and a.objects == b.objects and a.label_space == b.label_space


def test_water_mirrors_what_stands_in_it() -> None:
    scene = frames(flood(0.15), flood(0.15, weather=Weather.OVERCAST, hour=13.0))
    for frame in scene:
        rows = frame.image[water(frame)].astype(float).sum(axis=1)
        assert rows.std() > 15  # a sheet of mud alone would be even


@pytest.mark.parametrize("seed", SEEDS)
def test_wreck_and_debris_have_ids_boxes_and_class(seed: int) -> None:
    frame = frame_of(CRASH, seed)
    assert frame.conditions.driving_side == ("left" if seed == 8 else "right")
    assert frame.camera is not None
    assert frame.instances is not None
    assert frame.stencil is not None
    own = [o for o in frame.objects if o.category is SceneClass.DEBRIS]
    assert len(own) >= 8
    boxes = instance_boxes(np.array(frame.instances))
    for o in own:
        assert o.instance is not None
        assert o.box_xyxy == boxes[o.instance]
        assert (frame.stencil[frame.instances == o.instance] == SceneClass.DEBRIS).all()
        assert o.distance_m is not None
        assert 8 < o.distance_m < 60
    assert (frame.instances[frame.stencil == SceneClass.DEBRIS] > 0).all()
    whole = [o for o in frame.objects if o.visibility == 1 and o.truncation == 0]
    for o in whole:
        x, y, _ = frame.camera.project(np.array([o.centre_m]))[0]
        assert o.box_xyxy[0] <= x <= o.box_xyxy[2]
        assert o.box_xyxy[1] <= y <= o.box_xyxy[3]


@pytest.mark.parametrize("seed", [0, 1, 2, 8])
def test_the_wreck_lies_in_view_and_clear_of_what_remains(seed: int) -> None:
    scene = crashed(seed)
    wreck = np.concatenate([p.vertices for p in debris(scene) if np.ptp(p.vertices, 0).max() > 3])
    eye = scene.views[0].camera_to_world[:3, 3]
    assert wreck[:, 1].min() > eye[1] + 12
    assert wreck[:, 1].max() < eye[1] + 60
    assert wreck[:, 2].min() > 0
    low = wreck[wreck[:, 2] < 2][::5]
    numbers = [t.instance for t in scene.things]
    assert len(set(numbers)) == len(numbers)
    assert {p.instance for p in scene.parts} - {0} == set(numbers)
    for thing in scene.things:
        if thing.category is not SceneClass.DEBRIS:
            corners = np.concatenate([thing.corners_m, thing.corners_m.mean(0)[None]])
            gap = np.linalg.norm(corners[:, None, :2] - low[None, :, :2], axis=2).min()
            assert gap > 0.3, thing.category


def test_meshes_of_the_wreck_are_sound() -> None:
    scene = crashed(0)
    for part in debris(scene):
        assert part.faces.dtype == np.int32
        assert np.isfinite(part.vertices).all()
        assert 0 <= part.faces.min() <= part.faces.max() < len(part.vertices)
        assert all(0 < c < 0.95 for c in part.colour)
    assert len(scene.parts) < 600
    assert scene.smoke is not None


def test_fire_gives_light_at_any_hour_and_lights_the_street_by_night() -> None:
    day, night = frames(CRASH, StreetConditions(event=Event.PLANE_CRASH, **NIGHT))  # type: ignore[arg-type]
    assert same_labels(day, night)
    assert day.emissive is not None
    burning = ((day.emissive & GIVES_LIGHT) > 0) & (day.stencil == SceneClass.OTHER)
    assert burning.sum() > 5
    for frame in (day, night):
        red, _, blue = frame.image[burning].astype(float).mean(axis=0)
        assert red > 1.5 * blue


def test_behind_opaque_smoke_nothing_is_labelled() -> None:
    frame = frame_of(CRASH)
    hidden = frame.stencil == SceneClass.IGNORE
    assert 0.005 < hidden.mean() < 0.3
    assert np.array_equal(np.isnan(frame.depth), hidden)
    assert frame.instances is not None
    assert frame.emissive is not None
    assert not frame.instances[hidden].any()
    assert not frame.emissive[hidden].any()
    assert frame.image[hidden].mean() < frame.image[frame.stencil == SceneClass.SKY].mean()


def test_events_stay_apart_in_one_group_and_leave_the_dry_street_as_it_is() -> None:
    given = (DRY, CRASH, flood(0.5), flood(0.5, 0.05), flood(1.2))
    mixed = frames(*given)
    assert [f.conditions.event for f in mixed] == [c.event for c in given]
    assert len({f.frame_id for f in mixed}) == len({f.provenance.twin_id for f in mixed}) == 5
    assert len({f.group_id for f in mixed}) == 1
    assert mixed[2].conditions.native == "Clear flood-0.5m-waves-0.0m"
    assert mixed[0].provenance.source is not None
    assert mixed[0].provenance.source.native_id == "scene-00000/view-0/Clear-13.0"
    assert mixed[0].label_space == LABEL_SPACE
    assert {f.label_space for f in mixed[1:]} == {EVENT_LABEL_SPACE}
    census = census_of(mixed)
    assert census.frames == 5


def test_an_event_does_not_depend_on_what_was_drawn_before() -> None:
    given = (flood(0.5, 0.05), CRASH, DRY)
    street = Street(config(*given))
    backwards = [street.read(ref) for ref in reversed(street.index())][::-1]
    assert [f.content_sha256 for f in backwards] == [f.content_sha256 for f in frames(*given)]
    assert [f.frame_id for f in backwards] == [f.frame_id for f in frames(*given)]


def test_full_and_judge_quality_share_an_events_labels() -> None:
    given = (flood(0.5, 0.05), StreetConditions(event=Event.PLANE_CRASH, weather=Weather.RAINING))
    small = {"width": 48, "height": 27, "samples": 2}
    streets = [Street(config(*given, quality=q, **small)) for q in ("full", "judge")]
    fulls, judges = ([street.read(ref) for ref in street.index()] for street in streets)
    alone = Street(config(given[1], quality="full", **small))
    again = alone.read(alone.index()[0])
    assert again.content_sha256 == fulls[1].content_sha256
    for full, judge in zip(fulls, judges, strict=True):
        assert same_labels(full, judge)
        assert not np.array_equal(full.image, judge.image)


def test_water_is_for_floods_and_stays_below_the_camera() -> None:
    usual = StreetConditions(event=Event.FLOOD)
    assert (usual.water_level_m, usual.wave_height_m) == (0.5, 0.05)
    assert StreetConditions.model_validate(usual.model_dump()) == usual
    assert StreetConditions.model_validate(DRY.model_dump()) == DRY
    with pytest.raises(ValidationError, match="water_level_m: wanted only with event flood, got"):
        StreetConditions(event=Event.PLANE_CRASH, water_level_m=0.5)
    with pytest.raises(ValidationError, match=r"less than or equal to 1\.2"):
        flood(1.3)
    with pytest.raises(ValidationError, match="got some twice"):
        config(usual, flood(0.5, 0.05))
