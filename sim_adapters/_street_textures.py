"""Tiling pictures of surfaces, drawn anew for each scene: linear albedo, float32 (h, w, 3).

The ground's have half as many texels a side in coarse streets: nothing else is drawn after them.

Row 0 lies at v = 0, column 0 at u = 0; pictures repeat. Sizes in metres stand beside each.
"""

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Texture
from parhelion.sim_adapters._street_detail import few
from parhelion.sim_adapters._street_palette import Colour, Random, noise

Grey = NDArray[np.float32]

PAVING_M = 3.2
BRICK_M = 1.92
STONE_M = 3.6
PLASTER_M = 6.0
ROOF_M = 2.4


def _texture(colour: Colour, shade: Grey, tint: Grey | None = None) -> Texture:
    """The colour times a grey picture (h, w); `tint` (h, w) drifts it from blue to brown."""
    planes = np.asarray(colour, dtype=np.float32)[:, None, None] * shade
    if tint is not None:
        planes *= 1 + tint * np.array([0.5, 0.1, -0.5], np.float32)[:, None, None]
    np.clip(planes, 0.005, 0.9, out=planes)
    return Texture(np.ascontiguousarray(planes.transpose(1, 2, 0), dtype=np.float32))


def asphalt(random: Random, lanes: NDArray[np.float64], size_m: tuple[float, float]) -> Texture:
    """A carriageway (512, 256), `size_m` wide and long; `lanes` = middles of lanes, 0 to 1 in u."""
    px = few(256)
    grain = random.standard_normal((2 * px, px), dtype=np.float32)
    cloud = np.concatenate([noise(random, px, 4), noise(random, px, 4)])
    wear = np.ones((2 * px, px), dtype=np.float32)
    u = np.linspace(0, 1, px, dtype=np.float32)
    for middle in lanes.astype(np.float32):
        for track in (-0.8, 0.8):  # tyres polish, oil drips between them
            wear *= 1 - 0.1 * np.exp(-((((u - middle) * size_m[0] - track) / 0.32) ** 2))
        wear *= 1 - 0.16 * np.exp(-((((u - middle) * size_m[0]) / 0.28) ** 2)) * (1 + 0.4 * cloud)
    shade: Grey = np.asarray(wear * (1 + 0.05 * grain + 0.05 * cloud), dtype=np.float32)
    _mend(random, shade)
    _crack(random, shade)
    colour = palette.shifted(palette.ASPHALT, float(random.uniform(0.75, 1.2)))
    return _texture(colour, shade, np.asarray(0.03 * cloud, dtype=np.float32))


def _mend(random: Random, shade: Grey) -> None:
    """Dark rectangles where the road was opened."""
    px = shade.shape[1] / 256
    for _ in range(int(random.integers(1, 4))):
        y, x = int(px * random.integers(0, 400)), int(px * random.integers(0, 200))
        h, w = int(px * random.integers(30, 110)), int(px * random.integers(20, 70))
        shade[y : y + h, x : x + w] *= random.uniform(0.72, 0.9)


def _crack(random: Random, shade: Grey) -> None:
    """Thin dark lines that wander along the road."""
    for _ in range(int(random.integers(2, 6))):
        k = int(random.integers(60, 260))
        y = (int(random.integers(512)) + np.arange(k)) % len(shade)
        x = (int(random.integers(256)) + np.cumsum(random.integers(-1, 2, k))) % shade.shape[1]
        shade[y, x] *= 0.6


def paving(random: Random, colour: Colour) -> Texture:
    """Slabs of 40 x 40 cm (256, 256) over 3.2 m."""
    n, px = 8, few(32)
    slabs = 1 + 0.07 * random.standard_normal((n, n), dtype=np.float32)
    shade = np.kron(slabs, np.ones((px, px), np.float32))
    shade *= 1 + 0.04 * random.standard_normal(shade.shape, dtype=np.float32)
    shade *= 1 + 0.06 * noise(random, n * px, 4)
    at = np.arange(n * px) % px
    joint = np.where((at == 0), np.float32(0.66), np.float32(1.0))
    return _texture(colour, shade * joint[:, None] * joint[None, :])


def grass(random: Random) -> Texture:
    """A mown strip (256, 256) over 4 m."""
    px = few(256)
    cloud = noise(random, px, 5)
    shade = 1 + 0.22 * random.standard_normal((px, px), dtype=np.float32) + 0.14 * cloud
    return _texture(palette.pick(random, palette.GRASS), shade, 0.25 * noise(random, px, 9))


def plaster(random: Random, colour: Colour) -> Texture:
    """Rendered wall (128, 128) over 6 m: faint clouds and streaks that run down."""
    streaks = noise(random, 128, 16, 3)[:1]
    shade = 1 + 0.045 * noise(random, 128, 4) + 0.02 * streaks
    shade = shade + 0.02 * random.standard_normal((128, 128), dtype=np.float32)
    return _texture(colour, shade.astype(np.float32), 0.02 * noise(random, 128, 3))


def brick(random: Random, colour: Colour) -> Texture:
    """Running bond (256, 256) over 1.92 m: bricks of 24 x 8 cm."""
    rows, columns = 24, 8
    stones = 1 + 0.16 * random.standard_normal((rows, columns * 2), dtype=np.float32)
    y = np.arange(256) * rows / 256
    x = np.arange(256) * columns / 256
    row = y.astype(int)
    along = x[None, :] + 0.5 * (row % 2)[:, None]
    shade = stones[row[:, None], (along.astype(int) % columns) * 2]
    mortar = ((y % 1) < 0.16)[:, None] | ((along % 1) < 0.07)
    planes = np.asarray(colour, np.float32)[:, None, None] * shade
    grout = np.array([0.34, 0.31, 0.27], np.float32)[:, None, None]
    planes = np.where(mortar, grout, planes) * (1 + 0.06 * noise(random, 256, 3))
    np.clip(planes, 0.01, 0.9, out=planes)
    return Texture(np.ascontiguousarray(planes.transpose(1, 2, 0), dtype=np.float32))


def stone(random: Random, colour: Colour) -> Texture:
    """Ashlar (256, 256) over 3.6 m: blocks of 90 x 45 cm."""
    blocks = 1 + 0.07 * random.standard_normal((8, 4), dtype=np.float32)
    y, x = np.arange(256) / 32, np.arange(256) / 64
    row = y.astype(int)
    along = x[None, :] + 0.5 * (row % 2)[:, None]
    shade = blocks[row[:, None], along.astype(int) % 4]
    joint = ((y % 1) < 0.05)[:, None] | ((along % 1) < 0.03)
    shade = np.where(joint, shade * 0.72, shade) * (1 + 0.05 * noise(random, 256, 5))
    return _texture(colour, shade.astype(np.float32), 0.03 * noise(random, 256, 4))


def roof_tiles(random: Random, colour: Colour) -> Texture:
    """Rows of tiles (128, 128) over 2.4 m; v runs up the slope."""
    tiles = 1 + 0.12 * random.standard_normal((8, 12), dtype=np.float32)
    y, x = np.arange(128) / 16, np.arange(128) * 12 / 128
    shade = tiles[y.astype(int)[:, None], x.astype(int)[None, :]]
    shade = shade * (0.74 + 0.36 * (y % 1))[:, None] * (0.9 + 0.14 * np.sin(np.pi * (x % 1)))
    return _texture(colour, shade.astype(np.float32), 0.06 * noise(random, 128, 4))
