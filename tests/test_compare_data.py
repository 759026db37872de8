"""Who learns from what and who judges: groups never cross, tests are never asked about."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_shapes import DAY, NIGHT, shapes_dataset, toy_shape, write_dataset

from parhelion.pipeline.compare_data import ComparedData, read_by_adapter, stored
from parhelion.pipeline.compare_requests import annotation_of, asks, request_of, shown, y_of
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import TestGroupInFit, TrainingData
from parhelion.pipeline.dataset import IncompleteDataset
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.provenance import Kind


@pytest.fixture
def data(tmp_path: Path) -> ComparedData:
    return stored(shapes_dataset(tmp_path / "shapes", train=12, test=6), "", 0)


@pytest.fixture
def two_domains(tmp_path: Path) -> ComparedData:
    train = [toy_shape(s, DAY) for s in range(9)] + [toy_shape(s, NIGHT) for s in range(20, 26)]
    test = [toy_shape(s, DAY) for s in range(50, 56)] + [toy_shape(s, NIGHT) for s in range(60, 64)]
    folder = write_dataset(tmp_path / "both", {"train": train, "test": test})
    return stored(folder, "clear/day", 0)


def groups(frames: object) -> set[str]:
    return {key.group_id for key in frames.keys}  # type: ignore[attr-defined]


def test_train_teaches_and_test_judges(data: ComparedData) -> None:
    assert (len(data.source), data.target, len(data.test)) == (12, None, 6)
    assert not groups(data.source) & groups(data.test)
    assert data.training().test_groups == groups(data.test)
    with pytest.raises(TestGroupInFit):
        TrainingData(source=data.test, test_groups=data.training().test_groups)


def test_generated_frames_teach_nobody_and_judge_nobody(tmp_path: Path) -> None:
    frames = [toy_shape(seed) for seed in range(4)]
    drawn = [toy_shape(seed).with_provenance(kind=Kind.GENERATED) for seed in range(10, 14)]
    splits = {"train": [*frames[:2], *drawn[:2]], "test": [*frames[2:], *drawn[2:]]}
    data = stored(write_dataset(tmp_path / "mixed", splits), "", 0)
    assert groups(data.source) == {"shape-0", "shape-1"}
    assert groups(data.test) == {"shape-2", "shape-3"}


def test_without_a_split_test_a_fifth_of_the_groups_judges(tmp_path: Path) -> None:
    frames = [toy_shape(seed, group=f"g{seed // 2}") for seed in range(80)]
    data = stored(write_dataset(tmp_path / "whole", {"train": frames}), "", 0)
    assert len(data.source) + len(data.test) == 80
    assert len(groups(data.test)) == 8
    assert not groups(data.source) & groups(data.test)
    assert "whole has no split test" in data.notes[0]


def test_what_cannot_be_compared_on_is_told(tmp_path: Path) -> None:
    with pytest.raises(IncompleteDataset, match=r"has no manifest\.json"):
        stored(tmp_path, "", 0)
    folder = shapes_dataset(tmp_path / "shapes", train=4, test=2)
    with pytest.raises(ValueError, match=r"--parents wants one of several cells .* fog/day; there"):
        stored(folder, "fog/day", 0)
    only = write_dataset(tmp_path / "only", {"test": [toy_shape(1)]})
    with pytest.raises(ValueError, match="only has no frame to learn from"):
        stored(only, "", 0)


def test_parents_are_of_their_domain_and_of_the_class_that_is_wanted(
    two_domains: ComparedData,
) -> None:
    assert two_domains.target is not None
    assert {key.conditions.cell for key in two_domains.source.keys} == {"clear/day"}
    assert {key.conditions.cell for key in two_domains.target.keys} == {"clear/night"}
    assert {key.conditions.cell for key in two_domains.test.keys} == {"clear/night"}
    for ask in asks(two_domains, 20, 3):
        request = request_of(ask, two_domains, "p(x | y, parent)")
        assert request.conditions.cell == "clear/night"
        assert request.parent is not None
        assert request.parent.conditions.cell == "clear/day"
        assert request.annotation is None
        assert request.parent.label == two_domains.wanted[ask.like].label
    assert two_domains.training_frame(0).conditions.cell == "clear/day"
    assert two_domains.training_frame(9).conditions.cell == "clear/night"


def test_every_generator_is_asked_for_the_same(data: ComparedData) -> None:
    made = asks(data, 30, 7)
    assert made == asks(data, 30, 7) != asks(data, 30, 8)
    assert sorted(ask.like for ask in made[:12]) == list(range(12))
    assert [ask.draw for ask in made] == [0] * 12 + [1] * 12 + [2] * 6
    assert len({ask.seed for ask in made}) == 30
    assert [ask.like for ask in asks(data, 5, 7)] == [ask.like for ask in made[:5]]


def test_a_request_has_what_its_generator_models_and_no_more(data: ComparedData) -> None:
    (ask,) = asks(data, 1, 0)
    like = data.wanted[ask.like]
    for models in ("p(x)", "p(x, y)"):
        assert request_of(ask, data, models).y is None
    told = request_of(ask, data, "p(x | y)").y
    assert type(told) is Annotation
    assert told.label == like.label
    parent = request_of(ask, data, "p(x | y, parent)").parent
    assert parent is not None
    assert parent.frame_id == like.frame_id
    assert not hasattr(annotation_of(like), "image")


def test_what_is_shown_is_dealt_out_over_the_classes(data: ComparedData) -> None:
    made = asks(data, 12, 0)
    keys = [data.wanted.keys[made[i].like] for i in shown(made, data, 6)]
    assert sorted(y_of(key)[0] for key in keys) == [0, 0, 1, 1, 2, 2]


def test_frames_of_an_adapter_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"scenes": 5, "width": 48, "height": 32, "quality": "preview", "views": 1}
    told = {"most": 4, "parents": "", "seed": 1}
    first = read_by_adapter("street", settings, tmp_path / "frames", **told)  # type: ignore[arg-type]
    assert len(first.source) + len(first.test) == 4
    assert not groups(first.source) & groups(first.test)
    from parhelion.pipeline import compare_data

    monkeypatch.setattr(compare_data, "write_frames", None)  # would fail if it were called
    again = read_by_adapter("street", settings, tmp_path / "frames", **told)  # type: ignore[arg-type]
    assert again.digest == first.digest
    pairs = zip(again.source, first.source, strict=True)
    assert all(np.array_equal(one.image, other.image) for one, other in pairs)


def test_a_frame_keeps_its_labels_without_its_image() -> None:
    rain = Conditions(weather=Weather.RAINING, hour=9, rain_mm_h=4.0, wetness=0.5)
    frame: Frame = replace(toy_shape(1), conditions=rain)
    # How much it rains is for the generator to draw.
    assert annotation_of(frame).conditions == Conditions(weather=Weather.RAINING, hour=9)
    assert annotation_of(frame).layers == frame.layers
