"""The vocabulary: Cityscapes ids, coarse parents and the finest common level of two sources."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parhelion.pipeline.scene_class import (
    CHILDREN,
    COARSE,
    COLOURS,
    FINE,
    PARENT,
    SceneClass,
    colourise,
    common_level,
    ids,
)

SPACES = st.frozensets(st.sampled_from(sorted(FINE | COARSE)))
CITYSCAPES = [  # train ids 0-18, in order (Cordts et al. 2016)
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"),
    *("motorcycle", "bicycle"),
]


def test_ids_are_cityscapes_train_ids() -> None:
    assert [SceneClass(i).label for i in range(19)] == CITYSCAPES
    assert SceneClass.IGNORE == 255


def test_parents_and_children_agree() -> None:
    assert {(c, p) for p, children in CHILDREN.items() for c in children} == set(PARENT.items())
    assert not COARSE & set(PARENT)
    assert COARSE | FINE | {SceneClass.IGNORE} == set(SceneClass)
    assert PARENT[SceneClass.BUS] is SceneClass.VEHICLE


def test_every_class_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(SceneClass)
    assert len(set(COLOURS.values())) == len(COLOURS)


@given(SPACES, SPACES)
def test_common_level_is_the_same_from_either_side(a: frozenset, b: frozenset) -> None:
    np.testing.assert_array_equal(common_level(a, b), common_level(b, a))


@given(SPACES)
def test_a_source_and_itself_meet_where_it_stands_unless_it_mixes_levels(a: frozenset) -> None:
    table = common_level(a, a)
    for c in a:
        mixed = PARENT.get(c) in a
        assert table[c] == (PARENT[c] if mixed else c)
    outside = sorted(set(range(256)) - set(ids(a).tolist()))
    assert (table[outside] == SceneClass.IGNORE).all()


@given(SPACES, SPACES)
def test_nothing_outside_either_label_space_is_counted(a: frozenset, b: frozenset) -> None:
    table = common_level(a, b)
    for c in SceneClass:
        if c not in a | b:
            assert table[c] == SceneClass.IGNORE
        elif table[c] != SceneClass.IGNORE:
            families = [{PARENT.get(k, k) for k in space} for space in (a, b)]
            assert PARENT.get(c, c) in families[0] & families[1]


@given(SPACES, SPACES)
def test_taking_a_stencil_to_the_common_level_twice_changes_nothing(
    a: frozenset, b: frozenset
) -> None:
    table = common_level(a, b)
    reached = frozenset(SceneClass(i) for i in table if i != SceneClass.IGNORE)
    again = common_level(reached, reached)
    np.testing.assert_array_equal(again[table], table)


def test_gta_and_cityscapes_meet_at_vehicle() -> None:
    gta = frozenset({SceneClass.VEHICLE, SceneClass.SKY})
    city = frozenset({SceneClass.CAR, SceneClass.BUS, SceneClass.ROAD, SceneClass.SKY})
    table = common_level(gta, city)
    assert table[SceneClass.CAR] == table[SceneClass.BUS] == SceneClass.VEHICLE
    assert table[SceneClass.SKY] == SceneClass.SKY
    assert table[SceneClass.ROAD] == SceneClass.IGNORE


def test_colourised_pixels_have_their_classes_colour() -> None:
    stencil = np.array([[0, 13], [255, 36]], np.uint8)
    picture = colourise(stencil)
    assert picture.shape == (2, 2, 3)
    assert tuple(picture[0, 1]) == COLOURS[SceneClass.CAR]
    assert tuple(picture[1, 0]) == (0, 0, 0)


def test_ids_are_sorted_bytes() -> None:
    assert ids([SceneClass.CAR, SceneClass.ROAD]).tolist() == [0, 13]
    with pytest.raises(ValueError, match="99"):
        SceneClass(99)
