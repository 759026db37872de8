"""What an average does to photographs: how much fine detail is left, and how much variety.

A network trained on squared error draws the mean of all pictures that fit: fine detail cancels,
and two draws of one y look alike. Both show without any network:

* the radial power spectrum of the luma, and its part above half the Nyquist frequency;
* the mean distance between two pictures of the same y.

Both are read beside real pictures of the same size, since either depends on what is pictured.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Image
from parhelion.pipeline.nearest import squared_distances

NYQUIST = 0.5  # cycles per pixel
HIGH = NYQUIST / 2  # cycles per pixel, from where on detail is called fine
MOST_RINGS = 24  # of equal width from 0 to Nyquist; none is narrower than a picture resolves
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of sRGB values

Power = NDArray[np.float64]


def power_spectrum(image: Image) -> Power:
    """Power |FFT|^2 (H, W) of the luma of an image (H, W, 3), in grey levels squared.

    Its sum is the variance under a Hann window, which hides the seam between opposite borders: a
    seam looks like fine detail that is not there.
    """
    luma = image.astype(np.float64) @ np.array(LUMA)
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in luma.shape))
    mean = (luma * window).sum() / window.sum()
    spectrum = np.fft.fft2((luma - mean) * window)
    return np.asarray(np.abs(spectrum) ** 2 / (luma.size * (window**2).sum()))


def radius(height: int, width: int) -> NDArray[np.float64]:
    """Frequency of each entry of a spectrum (H, W), cycles per pixel in 0..0.71."""
    return np.asarray(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)))


def fine_energy(spectrum: Power) -> float:
    """The power above half of Nyquist, grey levels squared."""
    return float(spectrum[radius(*spectrum.shape) > HIGH].sum())


def radial(spectrum: Power) -> Power:
    """Mean power in each ring up to Nyquist; nan where a ring holds no frequency but the mean."""
    ring, counts = _rings(*spectrum.shape)
    rings = len(counts)
    sums = np.bincount(ring, spectrum.reshape(-1), rings + 1)[:rings]
    means: Power = np.divide(sums, counts, out=np.full(rings, np.nan), where=counts > 0)
    return means


def ring_frequencies(rings: int) -> NDArray[np.float64]:
    """The middle of each of so many rings, cycles per pixel."""
    return (np.arange(rings) + 0.5) * NYQUIST / rings


@lru_cache(maxsize=4)
def _rings(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The ring of each frequency, and how many frequencies each ring has. Those beyond Nyquist, and
    the mean, which is no detail, are in one more ring.
    """
    rings = max(1, min(MOST_RINGS, min(height, width) // 2))
    ring = np.minimum((radius(height, width) * rings / NYQUIST).astype(np.intp), rings)
    ring[0, 0] = rings
    return ring.reshape(-1), np.bincount(ring.reshape(-1), minlength=rings + 1)[:rings]


def pair_distances(rows: NDArray[np.uint8], ys: Sequence[Hashable]) -> dict[Hashable, float]:
    """Mean distance of two pictures of the same y, by y; a y with one picture has none.

    `rows` (n, d) are pictures of one size; distances are root mean squares of grey levels.
    """
    found: dict[Hashable, float] = {}
    for y in dict.fromkeys(ys):
        mine = rows[[i for i, of in enumerate(ys) if of == y]]
        if (n := len(mine)) > 1:
            distances = np.sqrt(squared_distances(mine, mine) / rows.shape[1])
            np.fill_diagonal(distances, 0)  # what rounding left
            found[y] = float(distances.sum() / (n * (n - 1)))
    return found


def relative_diversity(
    real: dict[Hashable, float], generated: dict[Hashable, float]
) -> float | None:
    """Mean over the ys that both have of generated / real; None where they share none.

    1 = as varied as real pictures of the same y; 0 = one picture per y. A y whose real pictures are
    all the same tells nothing and is left out.
    """
    shared = [y for y in generated if real.get(y, 0) > 0]
    return float(np.mean([generated[y] / real[y] for y in shared])) if shared else None
