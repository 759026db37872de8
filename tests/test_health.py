"""Laws of the examination in training: it finds what is ill, and lets the healthy pass."""

import numpy as np
import pytest
import torch
from torch import Tensor

from parhelion.generators._health import (
    FIRST,
    Health,
    Probe,
    coverage,
    obedience,
    spread,
    too_early,
)
from parhelion.generators._pix2pix_health import idle_noise

STEPS = 2 * FIRST
CLASSES, EACH = 4, 12


def pictures(seed: int, each: int = EACH, spread_out: float = 0.3) -> Tensor:
    """(K, each, 1, 16, 16): a bar at a place of its class, a little shifted and shaded."""
    random = torch.Generator().manual_seed(seed)
    x = -torch.ones(CLASSES, each, 1, 16, 16)
    for k in range(CLASSES):
        x[k, :, :, :, 4 * k : 4 * k + 4] = 0.5
    return x + spread_out * torch.randn(CLASSES, each, 1, 1, 16, generator=random)


def examine(drawn: Tensor, step: int = STEPS, **settings: bool) -> str | None:
    found = Health(steps=STEPS, **settings).examine(step, Probe(drawn, pictures(0)))
    return found.cause if found else None


def test_pictures_like_the_true_ones_are_healthy() -> None:
    assert examine(pictures(1)) is None


def test_pictures_that_are_not_numbers_are_found_at_once() -> None:
    lost = pictures(1)
    lost[0, 0, 0, 0, 0] = float("nan")
    assert examine(lost, step=1) == "diverged"


def test_one_picture_over_and_over_is_a_collapse() -> None:
    same = pictures(1)[:, :1].expand(-1, EACH, -1, -1, -1)
    assert examine(same) == "collapsed"
    assert examine(same, varies=False) is None


def test_coverage_that_falls_is_a_collapse() -> None:
    health, real = Health(steps=STEPS), pictures(0)
    assert health.examine(STEPS - 1, Probe(pictures(1), real)) is None
    # Still spread, but all of it far from what is true.
    found = health.examine(STEPS, Probe(pictures(1) * 0.5 + 3 * torch.randn(1, 1, 1, 16, 1), real))
    assert found is not None
    assert found.cause == "collapsed"
    assert "best" in found.sentence


def test_pictures_of_other_layouts_are_not_asked_to_cover_the_true_ones() -> None:
    real, far = pictures(0), pictures(1) + 3 * torch.randn(1, 1, 1, 16, 1)
    for covers, cause in ((True, "collapsed"), (False, None)):
        health = Health(steps=STEPS, obeys=False, covers=covers)
        assert health.examine(STEPS - 1, Probe(pictures(1), real)) is None
        found = health.examine(STEPS, Probe(far, real))
        assert (found and found.cause) == cause
    one = pictures(1)[:, :1].expand(-1, EACH, -1, -1, -1)
    assert examine(one, covers=False) == "collapsed"


def test_pictures_of_the_wrong_class_ignore_their_conditions() -> None:
    assert examine(pictures(1).roll(1, dims=0)) == "ignores conditions"
    anything = pictures(1)[torch.randperm(CLASSES, generator=torch.Generator().manual_seed(2))[:1]]
    assert examine(anything.expand(CLASSES, -1, -1, -1, -1)) == "ignores conditions"
    assert examine(pictures(1).roll(1, dims=0), obeys=False) is None


def test_conditions_that_true_pictures_do_not_show_are_not_asked_for() -> None:
    alike = torch.rand(CLASSES, EACH, 1, 16, 16, generator=torch.Generator().manual_seed(4))
    drawn = torch.rand(CLASSES, EACH, 1, 16, 16, generator=torch.Generator().manual_seed(5))
    assert Health(steps=STEPS).examine(STEPS, Probe(drawn, alike)) is None


def test_classes_that_their_own_pictures_do_not_show_are_shuffled() -> None:
    shuffled = pictures(0).flatten(0, 1)
    order = torch.randperm(len(shuffled), generator=torch.Generator().manual_seed(6))
    mixed = shuffled[order].unflatten(0, (CLASSES, EACH))
    found = Health(steps=STEPS, labelled=True).examine(STEPS, Probe(mixed, mixed.clone()))
    assert found is not None
    assert found.cause == "ignores conditions"
    assert "see that labels belong to their pictures" in found.sentence
    assert Health(steps=STEPS).examine(STEPS, Probe(mixed, mixed.clone())) is None
    assert examine(pictures(1), labelled=True) is None


def test_the_sentence_says_what_to_change() -> None:
    found = Health(steps=STEPS).examine(STEPS, Probe(pictures(1).roll(1, dims=0), pictures(0)))
    assert found is not None
    assert "chance 25%" in found.sentence
    assert "see that labels and conditions belong to their pictures" in found.sentence


def test_a_young_training_is_asked_for_numbers_only() -> None:
    assert examine(pictures(1).roll(1, dims=0), step=FIRST - 1) is None
    assert too_early(FIRST - 1, 10)
    assert too_early(FIRST, 4 * FIRST)
    assert not too_early(2 * FIRST, 4 * FIRST)


def test_coverage_counts_true_pictures_with_a_drawn_one_near() -> None:
    random = np.random.default_rng(3)
    drawn, real = random.normal(size=(2, 7, 5)), random.normal(size=(2, 9, 5))
    near = 0
    for k in range(2):
        for i in range(9):
            apart = sorted(np.linalg.norm(real[k, i] - other) for other in real[k])
            near += min(np.linalg.norm(real[k, i] - x) for x in drawn[k]) <= apart[3]
    found = coverage(torch.from_numpy(drawn), torch.from_numpy(real))
    assert found == pytest.approx(near / 18)


def test_spread_is_the_mean_distance_of_two_pictures_of_one_y() -> None:
    x = torch.tensor([[[0.0], [1.0], [3.0]], [[0.0], [0.0], [0.0]]])
    assert spread(x) == pytest.approx((1 + 3 + 2) / 6)


def test_true_pictures_are_left_out_of_their_own_mean() -> None:
    # Two pictures a class: with itself in the mean each would be nearest to its own.
    x = torch.tensor([[[0.0], [10.0]], [[1.0], [9.0]]])
    assert obedience(x, x) < 1


def test_seeds_that_draw_one_picture_are_found() -> None:
    x = torch.zeros(3, 3, 8, 8)
    found = idle_noise(x, x + 0.1 * 2 / 255, 8.0, 400)
    assert found is not None
    assert (found.cause, found.step) == ("collapsed", 400)
    assert idle_noise(x, x + 4 * 2 / 255, 8.0, 400) is None
