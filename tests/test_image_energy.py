"""Fine detail and variety: noise and waves have known spectra, averages have none of either."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from parhelion.pipeline.frame import Image
from parhelion.pipeline.image_energy import (
    HIGH,
    LUMA,
    MOST_RINGS,
    fine_energy,
    pair_distances,
    power_spectrum,
    radial,
    relative_diversity,
    ring_frequencies,
)
from parhelion.pipeline.seeds import rng


def grey(values: NDArray[np.float64]) -> Image:
    levels = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def noise(seed: int, height: int = 96, width: int = 128, spread: float = 20) -> Image:
    return grey(rng("tests.noise", seed).normal(128, spread, (height, width)))


def wave(frequency: float, amplitude: float, side: int = 128) -> Image:
    along = np.arange(side)
    return grey(128 + amplitude * np.sin(2 * np.pi * frequency * along) * np.ones((side, 1)))


def test_the_power_sums_to_the_windowed_variance() -> None:
    image = noise(1)
    luma = image.astype(float) @ np.array(LUMA)
    y, x = (np.sin(np.pi * np.arange(1, n + 1) / (n + 1)) ** 2 for n in luma.shape)
    weights = np.outer(y, x)
    mean = (weights * luma).sum() / weights.sum()
    expected = (weights**2 * (luma - mean) ** 2).sum() / (weights**2).sum()
    assert power_spectrum(image).sum() == pytest.approx(expected)


def test_white_noise_has_the_share_of_its_area_above_half_of_nyquist() -> None:
    spectra = [power_spectrum(noise(seed)) for seed in range(20)]
    share = np.mean([fine_energy(s) / s.sum() for s in spectra])
    assert share == pytest.approx(1 - np.pi * HIGH**2, abs=0.01)  # of a unit square of frequencies
    flat = np.mean([radial(s) for s in spectra], axis=0)
    assert np.ptp(flat[2:]) < 0.35 * flat[2:].mean()


@pytest.mark.parametrize("frequency", [0.1, 0.2, 0.3, 0.45])
def test_a_wave_has_its_power_in_its_own_ring(frequency: float) -> None:
    spectrum = power_spectrum(wave(frequency, 60))
    assert spectrum.sum() == pytest.approx(60**2 / 2, rel=0.02)
    assert fine_energy(spectrum) == pytest.approx(60**2 / 2 * (frequency > HIGH), rel=0.02, abs=1)
    rings = radial(spectrum)
    loudest = ring_frequencies(len(rings))[np.nanargmax(rings)]
    assert len(rings) == MOST_RINGS
    assert abs(loudest - frequency) <= 0.5 / MOST_RINGS


def test_blur_takes_fine_detail_and_a_flat_picture_has_none() -> None:
    sharp = noise(2)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    assert fine_energy(power_spectrum(blurred)) < 0.01 * fine_energy(power_spectrum(sharp))
    assert fine_energy(power_spectrum(grey(np.full((20, 30), 90.0)))) == pytest.approx(0, abs=1e-9)


def test_a_slope_across_the_picture_is_no_fine_detail() -> None:
    """Opposite borders do not meet; without a window their seam would count."""
    slope = grey(np.linspace(0, 255, 128) * np.ones((128, 1)))
    spectrum = power_spectrum(slope)
    assert fine_energy(spectrum) < 1e-3 * spectrum.sum()


@pytest.mark.parametrize("side", [8, 9])
def test_pictures_of_a_few_pixels_have_a_spectrum_too(side: int) -> None:
    rings = radial(power_spectrum(noise(3, side, side)))
    assert rings.shape == (4,)
    assert np.isfinite(rings[1:]).all()


def test_pair_distances_are_means_over_the_pairs_of_one_y() -> None:
    rows = rng("tests.pairs", 1).integers(0, 256, (7, 12), dtype=np.uint8)
    ys = ["a", "b", "a", "a", "b", "c", "a"]
    found = pair_distances(rows, ys)
    assert set(found) == {"a", "b"}
    for y in ("a", "b"):
        mine = [row.astype(float) for row, of in zip(rows, ys, strict=True) if of == y]
        pairs = [
            np.sqrt(np.mean((one - two) ** 2)) for i, one in enumerate(mine) for two in mine[:i]
        ]
        assert found[y] == pytest.approx(np.mean(pairs))


def test_diversity_is_one_of_the_same_and_nothing_of_one_picture() -> None:
    rows = rng("tests.pairs", 2).integers(0, 256, (6, 12), dtype=np.uint8)
    ys = ["a", "a", "a", "b", "b", "b"]
    real = pair_distances(rows, ys)
    assert relative_diversity(real, real) == pytest.approx(1)
    assert relative_diversity(real, pair_distances(rows[[0, 0, 0, 3, 3, 3]], ys)) == 0
    half = pair_distances((rows.astype(int) // 2 + 60).astype(np.uint8), ys)
    assert relative_diversity(real, half) == pytest.approx(0.5, abs=0.02)
    assert relative_diversity(real, {"c": 3.0}) is None
    assert relative_diversity({"a": 0.0}, {"a": 3.0}) is None
