"""Laws of training batches: twins are pairs, cells count alike, crops keep all layers together."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_frame

from parhelion.generators._conditioning import CLASS_IDS, CONDITION_SIZE, PLANES, UNKNOWN_CLASS
from parhelion.generators._twin_crops import TwinCrops
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotLearn, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.seeds import rng

NIGHT, FOG = Conditions(weather=Weather.CLEAR, hour=1), Conditions(weather=Weather.FOGGY, hour=12)
READ = frozenset({"stencil", "instances", "depth"})


def crops(data: TrainingData, **changes: object) -> TwinCrops:
    settings = {
        "crop_px": 16,
        "read": READ,
        "uses_parent": True,
        "strangers": True,
        "parent_dropout": 0.0,
        "condition_dropout": 0.0,
        "cache_mb": 1,
    }
    return TwinCrops(data, **{**settings, **changes})  # type: ignore[arg-type]


def seen_under(frame: Frame, conditions: Conditions, shift: int) -> Frame:
    """The same view with every grey level moved by `shift` (modulo 256)."""
    image = (frame.image.astype(int) + shift) % 256
    return replace(
        frame,
        frame_id=f"{frame.frame_id}-{shift}",
        image=image.astype(np.uint8),
        conditions=conditions,
    )


def test_a_twin_is_cropped_where_its_answer_is() -> None:
    day = [make_frame(i) for i in range(3)]
    night = [seen_under(frame, NIGHT, 1) for frame in day]
    batch = crops(TrainingData(source=FrameList(day), target=FrameList(night))).batch(8, rng(1))
    assert batch.answered.tolist() == batch.has_parent.tolist() == [1.0] * 8
    levels = [((t + 1) * 127.5).round().int() for t in (batch.real, batch.parent)]
    assert torch.equal(levels[0], (levels[1] + 1) % 256)
    assert torch.equal(batch.real_planes, batch.planes)


def test_a_stranger_is_a_parent_but_its_crop_no_answer() -> None:
    target = FrameList([make_frame(i, conditions=NIGHT) for i in range(3)])
    source = FrameList([make_frame(i) for i in range(10, 13)])
    batch = crops(TrainingData(source=source, target=target)).batch(8, rng(1))
    assert batch.has_parent.tolist() == [1.0] * 8
    assert batch.answered.tolist() == [0.0] * 8
    alone = crops(TrainingData(source=source, target=target), strangers=False).batch(8, rng(1))
    assert alone.has_parent.tolist() == [0.0] * 8
    assert alone.answered.tolist() == [1.0] * 8
    assert not alone.parent.any()
    assert torch.equal(alone.planes, alone.real_planes)


def test_without_a_target_twins_are_found_within_the_source_and_never_itself() -> None:
    day = make_frame(1)
    batch = crops(TrainingData(source=FrameList([day, seen_under(day, NIGHT, 9)]))).batch(6, rng(2))
    assert batch.answered.all()
    assert (batch.real != batch.parent).flatten(1).any(dim=1).all()


def test_a_rare_cell_is_drawn_as_often_as_a_full_one() -> None:
    many = [make_frame(i, conditions=NIGHT) for i in range(9)]
    data = TrainingData(source=FrameList([*many, make_frame(20, conditions=FOG)]))
    for n in (2, 4, 8):  # in every batch, not only in the long run
        conditions = crops(data, uses_parent=False).batch(n, rng(3, n)).conditions
        counts = Counter(tuple(row.tolist()) for row in conditions)
        assert list(counts.values()) == [n // 2, n // 2]


def test_parents_are_dropped_as_often_as_asked() -> None:
    day = [make_frame(i) for i in range(3)]
    data = TrainingData(
        source=FrameList(day), target=FrameList([seen_under(f, NIGHT, 1) for f in day])
    )
    kept = crops(data, parent_dropout=0.3).batch(400, rng(4)).has_parent.mean()
    assert 0.6 < float(kept) < 0.8


def test_picture_and_planes_show_the_same_window() -> None:
    frame = make_frame(5)
    grey = np.repeat(frame.stencil[..., None] * 20, 3, axis=2)
    data = TrainingData(source=FrameList([replace(frame, image=grey)]))
    batch = crops(data, uses_parent=False).batch(6, rng(5))
    stencil = CLASS_IDS[batch.real_planes[:, :UNKNOWN_CLASS].argmax(dim=1).numpy()]
    assert np.array_equal(((batch.real[:, 0].numpy() + 1) * 127.5).round(), stencil * 20)


def test_frames_smaller_than_a_crop_are_continued_by_their_edge() -> None:
    data = TrainingData(source=FrameList([make_frame(0, 12, 10)]))
    batch = crops(data, uses_parent=False).batch(2, rng(6))
    assert batch.real.shape == (2, 3, 16, 16)
    assert batch.real_planes.shape == (2, PLANES, 16, 16)
    assert batch.conditions.shape == (2, CONDITION_SIZE)
    assert torch.equal(batch.real[:, :, :, 11], batch.real[:, :, :, 15])


def test_batches_do_not_notice_how_much_is_kept_in_memory() -> None:
    data = TrainingData(source=FrameList([make_frame(i, 256, 192) for i in range(8)]))
    small, large = (crops(data, uses_parent=False, cache_mb=mb) for mb in (1, 64))
    a, b = small.batch(12, rng(7)), large.batch(12, rng(7))
    assert torch.equal(a.real, b.real)


def test_frames_that_lack_a_layer_are_skipped() -> None:
    night = [seen_under(make_frame(i), NIGHT, 1) for i in range(3)]
    day = [make_frame(i) for i in range(10, 14)]
    bare = [replace(make_frame(i), depth=None) for i in range(20, 24)]
    whole = crops(TrainingData(source=FrameList(day), target=FrameList(night)))
    mixed = crops(
        TrainingData(source=FrameList([*bare, *day]), target=FrameList([*night, *bare[:1]]))
    )
    a, b = whole.batch(8, rng(8)), mixed.batch(8, rng(8))
    assert torch.equal(a.real, b.real)
    assert torch.equal(a.parent, b.parent)
    parentless = crops(TrainingData(source=FrameList(bare), target=FrameList(night)))
    assert not parentless.batch(8, rng(8)).has_parent.any()


def test_only_frames_that_lack_layers_are_nothing_to_learn_from() -> None:
    bare = [replace(make_frame(i), depth=None) for i in range(3)]
    said = "3 of 3 training frames were skipped, each lacks depth: .* `layers` .now depth, inst"
    with pytest.raises(CannotLearn, match=said):
        crops(TrainingData(source=FrameList(bare)))
