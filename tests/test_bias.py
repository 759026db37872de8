"""The census: counts within the label space, merged from parts, through JSON and back."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import LABEL_SPACE, make_frame
from statsmodels.stats.proportion import proportion_confint

from parhelion.pipeline.bias import Census, census_of, effective_groups, tally_of
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.representation import (
    RepresentationRow,
    compare,
    representation_table,
    wilson,
)
from parhelion.pipeline.scene_class import SceneClass

CLEAR = Conditions(weather=Weather.CLEAR, hour=12)
FOG = Conditions(weather=Weather.FOGGY, hour=12)


def street(seed: int, group: str = "", conditions: Conditions = CLEAR) -> Frame:
    return make_frame(seed, group=group, conditions=conditions)


def coarse_only(seed: int) -> Frame:
    """A frame whose source says "vehicle" and nothing else, as GTA's stencil does."""
    frame = street(seed, "gta")
    vehicle = frame.stencil == SceneClass.CAR
    stencil = np.where(vehicle, np.uint8(SceneClass.VEHICLE), np.uint8(SceneClass.IGNORE))
    car = frame.objects[0].model_copy(update={"category": SceneClass.VEHICLE})
    space = frozenset({SceneClass.VEHICLE})
    return replace(frame, stencil=stencil, label_space=space, objects=(car,))


def row(census: Census, axis: str, name: str, measure: str = "frames") -> RepresentationRow:
    rows = [
        r
        for r in representation_table(census)
        if (r.axis, r.name, r.measure) == (axis, name, measure)
    ]
    assert len(rows) == 1, f"{axis} {name} {measure}: {len(rows)} rows"
    return rows[0]


def test_parts_merge_to_the_whole_and_survive_json() -> None:
    frames = [street(i, f"g{i % 3}", FOG if i % 2 else CLEAR) for i in range(9)]
    whole = census_of(frames)
    parts = census_of(frames[5:]).merged(census_of(frames[:5]))
    assert parts == whole
    assert Census.model_validate_json(whole.model_dump_json()) == whole
    assert census_of([]).merged(whole) == whole


def test_pixels_frames_and_objects_equal_counting_by_hand() -> None:
    frames = [street(i) for i in range(4)]
    car = sum(int((f.stencil == SceneClass.CAR).sum()) for f in frames)
    census = census_of(frames)
    pixels = row(census, "class", "car", "pixels")
    assert (pixels.count, pixels.total) == (car, 4 * 32 * 48)
    assert row(census, "class", "car").count == 4
    objects = row(census, "class", "car", "objects")
    assert (objects.count, objects.total, objects.share) == (4, 4, 1.0)
    assert row(census, "class", "sky", "objects").count == 0


def test_ignored_pixels_are_in_no_total() -> None:
    frame = street(0)
    stencil = np.where(frame.stencil == SceneClass.SKY, np.uint8(255), frame.stencil)
    tally = tally_of(replace(frame, stencil=stencil))
    assert SceneClass.SKY not in tally.pixels
    assert SceneClass.IGNORE not in tally.pixels
    assert tally.labelled_pixels == int((stencil != 255).sum())


def test_a_class_counts_only_where_the_source_annotates_it() -> None:
    census = census_of([street(0), street(1), coarse_only(2)])
    assert row(census, "class", "car").total == 2
    assert row(census, "class", "building").total == 2
    vehicle = row(census, "class", "vehicle")
    assert (vehicle.count, vehicle.total) == (3, 3)  # a car is a vehicle, in either vocabulary
    assert row(census, "class", "vehicle", "objects").count == 3
    assert row(census, "class", "vehicle", "objects").total == 3
    names = {r.name for r in representation_table(census_of([street(0)])) if r.axis == "class"}
    assert names == {c.label for c in LABEL_SPACE}


def test_a_stencil_that_stops_at_a_coarse_class_has_no_pixels_of_its_fine_ones() -> None:
    frame = coarse_only(1)
    objects = street(1).objects
    both = frozenset({SceneClass.VEHICLE, SceneClass.CAR})
    census = census_of([replace(frame, label_space=both, objects=objects)])
    measures = {(r.name, r.measure) for r in representation_table(census) if r.axis == "class"}
    assert ("vehicle", "pixels") in measures
    assert ("car", "pixels") not in measures
    assert row(census, "class", "car", "objects").count == 1
    assert row(census, "class", "car").count == 1


def test_objects_outside_the_label_space_do_not_count() -> None:
    frame = street(0)
    bus = frame.objects[0].model_copy(update={"category": SceneClass.BUS})
    tally = tally_of(replace(frame, objects=(bus,)))
    assert SceneClass.BUS not in tally.objects


def test_conditions_and_crossings_have_shares_of_what_could_have_them() -> None:
    fog = replace(street(3, conditions=FOG), stencil=np.full((32, 48), 0, np.uint8), objects=())
    census = census_of([street(0), street(1), street(2), fog])
    assert row(census, "weather", "Foggy").share == 0.25
    assert row(census, "time of day", "day").share == 1.0
    assert row(census, "weather x time of day", "fog/day").share == 0.25
    assert row(census, "class", "car").share == 0.75
    crossed = row(census, "weather x time of day x class", "fog/day x car")
    assert (crossed.count, crossed.total, crossed.share) == (0, 1, 0.0)
    assert row(census, "weather x class", "Clear x car").share == 1.0


def test_interval_is_wilson_and_by_group_not_by_row() -> None:
    singles = census_of([street(i, f"g{i}", FOG if i < 3 else CLEAR) for i in range(12)])
    low, high = proportion_confint(3, 12, method="wilson")
    fog = row(singles, "weather", "Foggy")
    assert fog.interval == pytest.approx((low, high))
    assert fog.design_effect == pytest.approx(1)
    twice = census_of([street(i, f"g{i % 12}", FOG if i % 12 < 3 else CLEAR) for i in range(24)])
    again = row(twice, "weather", "Foggy")
    assert again.interval == pytest.approx((low, high))
    assert again.design_effect == pytest.approx(2)


def test_effective_groups() -> None:
    assert effective_groups([5, 5, 5, 5]) == pytest.approx(4)
    assert effective_groups([1e6, 1, 1]) == pytest.approx(1, abs=1e-4)
    assert effective_groups([3, 1]) == pytest.approx(16 / 10)
    assert effective_groups([]) == 0


def test_wilson_stays_inside_zero_and_one() -> None:
    assert 0 <= wilson(0.0, 3.5)[0] < 1e-12
    assert 1 - 1e-12 < wilson(1.0, 3.5)[1] <= 1
    assert wilson(0.5, 1e9) == pytest.approx((0.5, 0.5), abs=1e-4)


def test_before_and_after_stand_side_by_side() -> None:
    source = census_of([street(i) for i in range(3)])
    after = source.merged(census_of([street(9, "g-new", FOG)]))
    changes = {(c.axis, c.name, c.measure): c for c in compare(source, after)}
    fog = changes["weather", "Foggy", "frames"]
    assert fog.before is not None
    assert (fog.before.count, fog.before.total) == (0, 3)
    assert fog.change == 0.25
    assert changes["weather", "Clear", "frames"].change == -0.25
    # No foggy frame was there in which a car could have been missing.
    assert changes["weather x class", "Foggy x car", "frames"].before is None
    assert changes["weather x class", "Foggy x car", "frames"].change is None
