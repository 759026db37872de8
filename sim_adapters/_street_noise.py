"""Smooth random fields that repeat: clouds, puddles, snow patches, worn asphalt."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.seeds import rng

Floats = NDArray[np.floating[Any]]
LATTICE = 64  # the field repeats after this many units


def noise(at: Floats, *seed: object, octaves: int = 4, roughness: float = 0.5) -> Floats:
    """Fractal value noise at points (..., 2), in 0..1 with mean near one half.

    Sum of octaves of lattice values, each with twice the frequency and `roughness` times the
    weight of the one before (Ebert et al. 2003, Texturing and Modeling, chapter 2).
    """
    table = _table(octaves, *seed)
    total = np.zeros(at.shape[:-1], dtype=np.float32)
    weights = roughness ** np.arange(octaves, dtype=np.float32)
    for values, octave, weight in zip(table, range(octaves), weights, strict=True):
        total += weight * _lattice(values, at * 2.0**octave)
    return np.asarray(total / weights.sum(), dtype=np.float32)


def tile(size: int, cells: int, *seed: object, octaves: int = 4) -> Floats:
    """A square picture (size, size) of `noise` that repeats without a seam; `cells` divides 64."""
    step = (np.arange(size, dtype=np.float32) + 0.5) * (cells / size)
    x, y = np.meshgrid(step, step)
    table = _table(octaves, *seed)
    total = np.zeros((size, size), dtype=np.float32)
    for octave, values in enumerate(table):
        period = min(cells * 2**octave, LATTICE)
        own = values[:period, :period]
        total += 0.5**octave * _lattice(own, np.stack([x, y], axis=-1) * 2.0**octave)
    return np.asarray(total / (2 - 0.5 ** (octaves - 1)), dtype=np.float32)


@lru_cache(maxsize=32, typed=True)
def _table(octaves: int, *seed: object) -> Floats:
    """Lattice values (octaves, 64, 64), drawn once for all that ask by the same seed."""
    return rng("street.noise", *seed).random((octaves, LATTICE, LATTICE), dtype=np.float32)


def _lattice(values: Floats, at: Floats) -> Floats:
    """Between lattice values (h, w) at points (..., 2); h and w are powers of two."""
    (x, fx), (y, fy) = (_cells(at[..., axis], values.shape[1 - axis]) for axis in (0, 1))
    height, width = values.shape
    x1, y1 = (x + 1) & (width - 1), ((y + 1) & (height - 1)) * width
    y *= width
    flat = values.ravel()
    left, right = flat.take(y + x), flat.take(y + x1)
    top = left + fx * (right - left)
    left, right = flat.take(y1 + x), flat.take(y1 + x1)
    bottom = left + fx * (right - left)
    return np.asarray(top + fy * (bottom - top), dtype=np.float32)


def _cells(at: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Lattice cells of coordinates (...), and how far on to the next, smoothed."""
    cell = np.floor(at)
    f = (at - cell).astype(np.float32)
    return cell.astype(np.int64) & (count - 1), f * f * (3 - 2 * f)


def smoothstep(low: float, high: float, x: Floats | float) -> Floats:
    """0 below `low`, 1 above `high`, a smooth ramp between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
