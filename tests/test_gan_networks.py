"""Laws of the parts of `gan`: losses as in the papers, networks that grow out of smaller ones."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parhelion.generators._gan_growth import Grid, Stage, doubled, stage_at
from parhelion.generators._gan_losses import false_loss, generator_loss, r1, real_loss
from parhelion.generators._gan_networks import (
    EqualConv,
    EqualLinear,
    GanCritic,
    GanGenerator,
    Widths,
    minibatch_deviation,
    pixel_norm,
)
from parhelion.generators._gan_step import withheld
from parhelion.generators._read_y import ReadY

GRID, Y_SIZE, NOISE = Grid.of((16, 16)), 5, 3
SIZES = [(32, 32), (8, 8), (28, 28), (108, 192), (27, 48), (3, 5), (4, 9)]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def networks(grid: Grid = GRID) -> tuple[GanGenerator, GanCritic]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        drawing = GanGenerator(
            grid=grid,
            channels=2,
            y_size=Y_SIZE,
            noise_size=NOISE,
            style_size=8,
            widths=Widths(4, 8),
        )
        critic = GanCritic(grid=grid, channels=2, y_size=Y_SIZE, widths=Widths(4, 8))
    return drawing, critic


def noise_and_y(n: int = 3) -> tuple[Tensor, Tensor]:
    return torch.randn(n, NOISE, generator=seeded(2)), torch.randn(n, Y_SIZE, generator=seeded(3))


def test_losses_are_those_of_the_papers() -> None:
    scores = np.array([-7.0, -1.0, -0.3, 0.0, 0.5, 1.0, 6.0])
    d = 1 / (1 + np.exp(-scores))  # Goodfellow's D(x), a probability
    papers: dict[tuple[str, Callable[..., Tensor]], np.ndarray] = {
        ("non_saturating", real_loss): -np.log(d),
        ("non_saturating", false_loss): -np.log(1 - d),
        ("non_saturating", generator_loss): -np.log(d),
        ("hinge", real_loss): -np.minimum(0, -1 + scores),
        ("hinge", false_loss): -np.minimum(0, -1 - scores),
        ("hinge", generator_loss): -scores,
    }
    for (objective, loss), wanted in papers.items():
        np.testing.assert_allclose(loss(objective, torch.from_numpy(scores)), wanted, rtol=1e-9)


def penalty_by_differences(score: Callable[[Tensor], Tensor], x: Tensor, h: float = 1e-5) -> float:
    """Mean over pictures of the squared gradient norm, one central difference a pixel."""
    total, flat = 0.0, x.flatten()
    for i in range(len(flat)):
        step = torch.zeros_like(flat)
        step[i] = h
        up, down = ((flat + s).reshape(x.shape) for s in (step, -step))
        total += float((score(up) - score(down)).detach().sum() / (2 * h)) ** 2
    return total / len(x)


def test_r1_is_the_squared_gradient_norm_by_finite_differences() -> None:
    _, critic = networks(Grid.of((8, 8)))
    critic.double()
    x = torch.randn(2, 2, 8, 8, dtype=torch.float64, generator=seeded(4))
    y = torch.randn(2, Y_SIZE, dtype=torch.float64, generator=seeded(5))

    def score(pictures: Tensor) -> Tensor:
        return critic.judged(critic(pictures, y, Stage(1, 1.0)), y)

    penalty = r1(score, x)
    assert float(penalty.detach()) == pytest.approx(penalty_by_differences(score, x), rel=1e-6)
    penalty.backward()
    weight, h = critic.layers[0].weight, 1e-6
    assert weight.grad is not None
    slope, penalties = float(weight.grad[1, 0, 1, 1]), []
    for step in (h, -2 * h):
        with torch.no_grad():
            weight[1, 0, 1, 1] += step
        penalties.append(float(r1(score, x).detach()))
    above, below = penalties
    assert slope == pytest.approx((above - below) / (2 * h), rel=1e-4)
    assert slope != 0


def test_r1_of_a_linear_critic_is_its_squared_weight() -> None:
    w = torch.randn(1, 4, 4, generator=seeded(1))
    x = torch.randn(5, 1, 4, 4, generator=seeded(2))
    assert float(r1(lambda p: (p * w).sum(dim=(1, 2, 3)), x)) == pytest.approx(float((w**2).sum()))


def test_a_grown_network_at_alpha_0_is_the_doubled_one_before() -> None:
    drawing, critic = networks()
    z, y = noise_and_y()
    assert GRID.levels == 2
    for level in (1, 2):
        before = drawing(z, y, Stage(level - 1, 1.0))
        grown = drawing(z, y, Stage(level, 0.0))
        assert torch.equal(grown, doubled(before))
        assert not torch.equal(drawing(z, y, Stage(level, 0.5)), grown)
        x = torch.randn(3, 2, *GRID.full(level), generator=seeded(6))
        small = functional.avg_pool2d(x, 2)
        faded_in, smaller = (x, y, Stage(level, 0.0)), (small, y, Stage(level - 1, 1.0))
        assert torch.equal(critic(*faded_in), critic(*smaller))
        full = torch.randn(3, 2, 16, 16, generator=seeded(7))
        real = GRID.shrunk(full, Stage(level, 0.0))
        torch.testing.assert_close(real, doubled(GRID.shrunk(full, Stage(level - 1, 1.0))))


def test_fading_is_even_between_its_ends() -> None:
    drawing, critic = networks()
    z, y = noise_and_y()
    x = torch.randn(3, 2, 8, 8, generator=seeded(6))
    old, half, new = (drawing(z, y, Stage(1, a)) for a in (0.0, 0.5, 1.0))
    torch.testing.assert_close(half, (old + new) / 2)
    for a in (0.0, 1.0):
        near = 0.001 if a == 0 else 0.999
        torch.testing.assert_close(
            critic(x, y, Stage(1, near)), critic(x, y, Stage(1, a)), atol=0.02, rtol=0.02
        )


def test_resolution_grows_along_the_steps() -> None:
    drawing, _ = networks()
    z, y = noise_and_y(1)
    stages = [stage_at(step, 100, GRID.levels, 0.8) for step in range(100)]
    with torch.no_grad():
        sides = [drawing(z, y, stage).shape[-1] for stage in stages[::5]]
    assert sides == sorted(sides)
    assert set(sides) == {4, 8, 16}
    assert sides[0] == 4
    assert stages[-1] == (2, 1.0)
    # Four equal parts of twenty steps, then full pictures for the last twenty.
    assert [stages[k].level for k in (19, 20, 59, 60, 99)] == [0, 1, 1, 2, 2]
    assert stages[20].alpha == stages[60].alpha == 0.0
    fading = [stage.alpha for stage in stages[20:40]]
    np.testing.assert_allclose(fading, np.arange(20) / 20, atol=1e-9)
    assert all(stage.alpha == 1 for stage in (*stages[:20], *stages[40:60], *stages[80:]))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("levels", [0, 1, 5])
def test_a_schedule_never_goes_back_and_never_jumps(share: float, levels: int) -> None:
    stages = [stage_at(step, 997, levels, share) for step in range(997)]
    grown = [stage.level - 1 + stage.alpha for stage in stages]
    assert grown == sorted(grown)
    assert all(0 <= stage.alpha <= 1 for stage in stages)
    assert stages[0].level == (0 if share else levels)
    if share:
        assert max(np.diff(grown), default=0) < 0.05


@pytest.mark.parametrize("size", SIZES)
def test_a_grid_covers_any_size_by_less_than_its_factor(size: tuple[int, int]) -> None:
    grid = Grid.of(size)
    full, factor = grid.full(grid.levels), 1 << grid.levels
    assert all(0 <= f - s < factor for f, s in zip(full, size, strict=True))
    assert min(size) < 4 or 4 <= min(grid.smallest) <= 8
    assert grid.kept(grid.levels) == size


def test_a_square_of_a_power_of_two_starts_at_4x4() -> None:
    for side in (4, 8, 32, 1024):
        assert Grid.of((side, side)).smallest == (4, 4)
    street = Grid.of((108, 192))
    assert (street.smallest, street.levels, street.full(4)) == ((7, 12), 4, (112, 192))


def test_critics_see_nothing_beyond_the_edge() -> None:
    grid = Grid.of((27, 48))
    for level in range(grid.levels + 1):
        (height, width), (full_height, full_width) = grid.kept(level), grid.full(level)
        x = torch.randn(2, 1, full_height, full_width, generator=seeded(level))
        framed = grid.framed(x, level)
        assert framed.shape == x.shape
        assert torch.equal(framed[..., :height, :width], x[..., :height, :width])
        last = x[..., height - 1 : height, :width]
        assert torch.equal(framed[..., height:, :width], last.expand_as(framed[..., height:, :]))
        beyond = x.clone()
        beyond[..., height:, :] += 1
        assert torch.equal(grid.framed(beyond, level), framed)
    assert grid.kept(2) != grid.full(2)  # or nothing was tested
    square = torch.randn(1, 1, 16, 16, generator=seeded(9))
    assert torch.equal(GRID.framed(square, 2), square)


def test_real_pictures_shrink_by_their_mean_and_keep_a_flat_grey() -> None:
    grid = Grid.of((27, 48))
    flat = torch.full((1, 1, 27, 48), 0.3)
    for stage in (Stage(0, 1.0), Stage(1, 0.4), Stage(2, 0.0), Stage(2, 1.0)):
        shrunk = grid.shrunk(flat, stage)
        assert shrunk.shape[2:] == grid.full(stage.level)
        torch.testing.assert_close(shrunk, torch.full_like(shrunk, 0.3))
    x = torch.randn(1, 1, 16, 16, generator=seeded(8))
    blocks = x.reshape(4, 4, 4, 4).mean(dim=(1, 3))
    torch.testing.assert_close(GRID.shrunk(x, Stage(0, 1.0))[0, 0], blocks)


@pytest.mark.parametrize("layer", [EqualLinear(400, 300), EqualConv(64, 300, 3, gain=1.0)])
def test_equalised_layers_keep_variance_with_weights_of_variance_1(layer: nn.Module) -> None:
    weight: Tensor = layer.weight  # type: ignore[assignment]
    assert float(weight.detach().std()) == pytest.approx(1, abs=0.05)
    shape = (50, 400) if weight.ndim == 2 else (2, 64, 12, 12)
    out = layer(torch.randn(shape, generator=seeded(1)))
    inner = out if weight.ndim == 2 else out[..., 1:-1, 1:-1]
    assert float(inner.detach().std()) == pytest.approx(1, abs=0.1)


def test_pixel_norm_leaves_vectors_of_mean_square_1() -> None:
    x = torch.randn(2, 6, 3, 3, generator=seeded(1)) * 40
    normed = pixel_norm(x)
    torch.testing.assert_close((normed**2).mean(dim=1), torch.ones(2, 3, 3))
    torch.testing.assert_close(functional.cosine_similarity(x, normed, dim=1), torch.ones(2, 3, 3))


def test_minibatch_deviation_tells_copies_from_varied_pictures_of_the_same_words() -> None:
    h = torch.randn(7, 3, 4, 4, generator=seeded(1))
    words = torch.eye(3)[[0, 1, 0, 2, 1, 0, 1]]
    said = minibatch_deviation(h, words)
    assert said.shape == (7, 1, 4, 4)
    for row, same in enumerate(([0, 2, 5], [1, 4, 6], [0, 2, 5], [3], [1, 4, 6])):
        wanted = float(h[same].numpy().std(axis=0).mean())
        torch.testing.assert_close(said[row], torch.full((1, 4, 4), wanted), atol=2e-4, rtol=1e-4)
    one_a_class = h[[0, 1, 0, 3, 1, 0, 1]]  # varied as a batch, but each class drawn in one way
    assert float(minibatch_deviation(one_a_class, words).max()) < 1e-3
    alike = torch.zeros(7, 3)
    whole = float(h.numpy().std(axis=0).mean())
    torch.testing.assert_close(minibatch_deviation(h, alike), torch.full_like(said, whole))


def test_the_critic_scores_y_by_projection() -> None:
    _, critic = networks()
    features = torch.randn(3, 8, generator=seeded(1))
    y, other = torch.randn(2, 3, Y_SIZE, generator=seeded(2))
    psi = critic.judged(features, torch.zeros(3, Y_SIZE))  # read as it stands: nothing measured
    told, both = critic.judged(features, y) - psi, critic.judged(features, y + other) - psi
    torch.testing.assert_close(both, told + critic.judged(features, other) - psi)
    assert bool((told != 0).all())


def test_y_is_read_in_units_of_its_spread_and_constants_say_nothing() -> None:
    y = torch.cat([torch.eye(10), torch.ones(10, 20)], dim=1)
    read = ReadY(30)
    read.measure(y)
    said = read(y)
    torch.testing.assert_close((said**2).mean(dim=1), torch.ones(10))
    torch.testing.assert_close(said.mean(dim=0), torch.zeros(30), atol=1e-6, rtol=0)
    assert not said[:, 10:].any()
    angles = functional.cosine_similarity(said[None], said[:, None], dim=2)
    torch.testing.assert_close(angles[~torch.eye(10, dtype=torch.bool)], torch.full((90,), -1 / 9))


def test_what_is_withheld_is_never_a_word() -> None:
    y = torch.rand(400, 9, generator=seeded(1)) + 1
    some = withheld(y, 4, 0.25, seeded(2))
    assert torch.equal(some[:, :4], y[:, :4])
    gone = (some[:, 4:] == 0).all(dim=1)
    assert torch.equal(some[~gone], y[~gone])
    assert float(gone.float().mean()) == pytest.approx(0.25, abs=0.07)
    assert torch.equal(withheld(y, 4, 0.0, seeded(2)), y)
    assert not withheld(y, 4, 1.0, seeded(2))[:, 4:].any()
