"""Laws of the training of `instruct`: what crops show, and what is measured of them."""

from dataclasses import replace

import numpy as np
import torch
from tiny_instruct import DAY, NIGHT, TINY, step_of, twins
from torch import Tensor

from parhelion.generators._bands import spreads as band_spreads
from parhelion.generators._edit_crops import PARENT_PLANES, EditCrops
from parhelion.generators._twins import Twins
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.frame_list import FrameList
from parhelion.pipeline.seeds import rng


def test_crops_show_a_twin_at_the_same_place() -> None:
    flat = [replace(f, image=np.full_like(f.image, 60)) for f in twins((DAY,))]
    view = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48) % 251
    days = [replace(f, image=np.repeat(view[..., None], 3, 2).astype(np.uint8)) for f in flat]
    nights = [
        replace(f, frame_id=f"{f.frame_id}-n", image=f.image + 4, conditions=NIGHT) for f in days
    ]
    frames = Twins(TrainingData(source=FrameList(days), target=FrameList(nights)))
    config = TINY.model_copy(update={"crop": (16, 24), "words_dropout": 0.5, "picture_dropout": 0})
    crops = EditCrops(config, frames, frozenset()).batch(8, rng(1))
    assert crops.planes.shape == (8, PARENT_PLANES, 16, 24)
    levels = [((t + 1) * 127.5).round() for t in (crops.x, crops.planes[:, :1])]
    assert {float(d.unique()) for d in levels[0] - levels[1]} == {4.0, -4.0}  # both ways
    assert 0 < int((~crops.y.any(dim=1)).sum()) < 8


def test_what_crops_leave_out_is_not_told() -> None:
    step = step_of(words_dropout=1.0, picture_dropout=1.0)
    told = step.told(step.crops.batch(3, rng(1)))
    assert told.heard.tolist() == told.seen.tolist() == [0.0] * 3
    whole = step.told(step.crops.of_cells(1, 2, rng(1))[0])
    assert whole.heard.tolist() == whole.seen.tolist() == [1.0] * 2


def test_what_the_mean_leaves_is_measured_where_the_parent_is_shown() -> None:
    """Crops whose parent is withheld have no mean, and all of a picture is left of them."""

    def spreads(picture_dropout: float) -> tuple[Tensor, Tensor]:
        step = step_of(picture_dropout=picture_dropout, words_dropout=0)
        crops = step.crops.batch(24, rng(1))
        step.measure(crops)
        shown = crops.planes[:, -1, 0, 0] > 0
        left = step.target(crops) - step.D.mean_of(step.told(crops))
        return step.D.spreads[1], band_spreads(left[shown], step.D.spreads.shape[1])

    for share in (0.0, 0.5):
        torch.testing.assert_close(*spreads(share))


def test_what_ails_the_denoiser_is_told_with_the_step_of_the_fit() -> None:
    step = step_of(steps=600)
    assert step.steps == TINY.reading_steps + 600
    with torch.no_grad():
        for parameter in step.average.parameters():
            parameter.fill_(torch.nan)
    assert step.examine(TINY.reading_steps + 100) is None  # it has hardly begun
    ailment = step.examine(TINY.reading_steps + 500)
    assert ailment is not None
    assert ailment.step == TINY.reading_steps + 500
