"""The colours of the street as linear albedo, and the noise that keeps surfaces from being flat."""

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_detail import is_coarse

Colour = tuple[float, float, float]
Random = np.random.Generator


def linear(code: str) -> Colour:
    """An sRGB colour such as "#c8b8a0" as linear albedo (IEC 61966-2-1)."""
    c = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in c)
    return (r, g, b)


def shifted(colour: Colour, factor: float) -> Colour:
    """The colour darkened or lightened by `factor`, kept below an albedo of 0.85."""
    f, (r, g, b) = float(factor), colour
    return (min(r * f, 0.85), min(g * f, 0.85), min(b * f, 0.85))


def pick(random: Random, colours: tuple[Colour, ...], jitter: float = 0.12) -> Colour:
    """One of `colours`, a little lighter or darker."""
    colour = colours[int(random.integers(len(colours)))]
    return shifted(colour, float(random.uniform(1 - jitter, 1 + jitter)))


def _all(*codes: str) -> tuple[Colour, ...]:
    return tuple(linear(code) for code in codes)


PLASTER = _all(
    "#d9cfbb", "#cfc3a8", "#e0dacb", "#c9b89a", "#bfb5a2", "#d8c9a5", "#c4b7a6", "#b9ab93",
    "#d6d3cc", "#c2c0b8", "#b0a795", "#cdb48a", "#a9a69c", "#c7ad8d", "#dcd6c4", "#9ea29b",
)  # fmt: skip
BRICK = _all("#8a5240", "#7c4a3a", "#96614a", "#6e4438", "#a07a5c", "#8b6a55", "#77503f")
STONE = _all("#b5aa96", "#a39a8a", "#c2b8a3", "#8f8a80", "#ada595")
CONCRETE_WALL = _all("#a5a39d", "#8e8d89", "#b5b2aa", "#7f807e")
PANEL = _all("#5c6167", "#77797a", "#8a8378", "#494d52", "#a8a59c", "#6c6256")
ROOF_TILE = _all("#7a4334", "#6d3d31", "#875140", "#5d4038", "#4d4a49", "#45474a")
ROOF_FLAT = _all("#77746e", "#63615d", "#85817a")
TRIM = _all("#e6e2d8", "#d8d2c4", "#c9c2b2", "#b7ae9d", "#8a857b")
WINDOW_FRAME = _all("#ecebe6", "#e3dfd4", "#d0cdc4", "#4d4438", "#3d4043", "#5f4a38")
PANE = _all("#141a1f", "#1a2026", "#10151a", "#20262b", "#2a2d2e", "#161c1d", "#3c3a36", "#55524b")
SHOP_SIGN = _all(
    "#23405e", "#7a2a26", "#2c4a36", "#3a3a3c", "#8a6a2c", "#d8d4c8", "#5a2f2a", "#2f5b66"
)
AWNING = _all("#7c2f2a", "#2f4f3a", "#2d4560", "#a08a5a", "#5a5652", "#8c5230")
DOOR = _all("#4a3526", "#2f3f36", "#33414f", "#5b2d26", "#3a3a3c", "#6b5236")
# Shares as new cars are sold: mostly white, black, grey and silver (see e.g. BASF's yearly report).
CAR_PAINT = _all(
    "#e4e5e4", "#e4e5e4", "#d9dad8", "#dfe0de", "#101214", "#101214", "#17191c", "#1c1e21",
    "#54585c", "#54585c", "#6d7175", "#3a3d41", "#a5a9ac", "#b4b7b9", "#a5a9ac", "#8d9194",
    "#1f3a63", "#2a4f82", "#22344f", "#4a6f96", "#7c1418", "#98201d", "#5c1216", "#2e4636",
    "#6e6252", "#8a7c66", "#a8622a",
)  # fmt: skip
VAN_PAINT = _all(
    "#e6e6e3", "#e6e6e3", "#dddcd7", "#e6e6e3", "#4d5358", "#2b4666", "#a9adb0", "#b98a1e"
)
BUS_PAINT = _all("#a82420", "#d8d5cc", "#2d5f8c", "#c8a022", "#3f6e4a", "#b8bcc0")
LORRY_BOX = _all("#e2e1dc", "#d5d3cc", "#a9abab", "#375a80", "#7e2a26", "#46694f")
SKIN = _all("#e6bea0", "#d8a98a", "#c4906c", "#a06c48", "#74482e", "#4d2f20", "#eac8b0")
HAIR = _all("#17120f", "#2b1d14", "#4a3220", "#6d4d2e", "#a5834f", "#8c8984", "#0e0d0d", "#5a2f1c")
TOP = _all(
    "#1d2024", "#2b3442", "#44484c", "#6d7072", "#c9c6bf", "#e2dfd8", "#24344f", "#5a2623",
    "#3c4a38", "#6d5a42", "#a08864", "#8c2f28", "#35566e", "#b59a3c", "#55565a", "#16181b",
)  # fmt: skip
TROUSERS = _all(
    "#1b1e24", "#26303f", "#35455c", "#4b5a70", "#2b2b2c", "#57503f", "#8a7c64", "#131416"
)
SHOES = _all("#121212", "#2a211b", "#4a3626", "#cfcdc8", "#3a3b3d")
BAG = _all("#1a1a1c", "#5a3c26", "#7c2a26", "#2d3f55", "#4c5040")
LEAF = _all("#4a6a26", "#3d5f24", "#567a2e", "#47692f", "#5f7f38", "#33542a")
LEAF_AUTUMN = _all("#a8802c", "#94602a", "#7e7a30", "#b08e3c", "#8a4a26")
CONIFER = _all("#26442c", "#2e4c30", "#213c2a", "#375436")
HEDGE = _all("#35522a", "#3f5c2c", "#2e4a2a")
BARK = _all("#5d5044", "#4a3f35", "#75695c", "#6a6258", "#8c857a")
GRASS = _all("#5a7034", "#4e6630", "#6a7a3c", "#74743f")
METAL_POLE = _all("#6a6e70", "#4a4e50", "#2e3436", "#8a8e90", "#25332c")

ASPHALT = linear("#605f5d")
MARKING = linear("#e2e1da")
KERB = linear("#a8a59d")
PAVING = _all("#a29d93", "#918e88", "#aca49a", "#86837e", "#9c9184")
BLACK = linear("#141516")
RUBBER = linear("#1b1b1c")
RIM = linear("#9a9da0")
CHROME = linear("#c8cacc")
GLASS_CAR = linear("#10161a")
GLASS_CLEAR = linear("#5a6a70")
PLATE = linear("#d8d6cc")
LENS_HEAD = linear("#9aa2a6")
LENS_TAIL = linear("#8c1512")
LENS_AMBER = linear("#c87a1a")
SIGN_RED = linear("#b3201c")
SIGN_BLUE = linear("#1f4f9c")
SIGN_WHITE = linear("#e4e4e0")
SIGN_YELLOW = linear("#d8ae1e")
SIGN_GREEN = linear("#1f6a46")
WOOD = linear("#7a5c3e")

GLOW_LAMP = (14.0, 11.0, 7.0)
GLOW_HEAD = (16.0, 15.0, 13.0)
GLOW_TAIL = (3.2, 0.16, 0.08)
GLOW_ROOMS = ((1.5, 1.0, 0.48), (1.1, 0.86, 0.52), (0.75, 0.75, 0.72))
GLOW_SHOP = (1.25, 1.05, 0.75)
GLOW_SIGNAL = {"red": (7.0, 0.5, 0.2), "amber": (7.0, 3.2, 0.3), "green": (0.5, 6.0, 3.0)}


OCTAVES_SEEN = 1  # of noise, in coarse streets


def noise(random: Random, size: int, cells: int, octaves: int = 4) -> NDArray[np.float32]:
    """Tiling value noise (size, size), mean 0, standard deviation 1; `cells` a side at first."""
    total = np.zeros((size, size), dtype=np.float32)
    for octave in range(octaves):
        k = cells * 2**octave
        if k > size:
            break
        lattice = random.standard_normal((k, k), dtype=np.float32)
        if octave < OCTAVES_SEEN or not is_coarse():
            total += _tiled(lattice, size) / 2**octave
    total -= total.mean()
    return np.asarray(total / max(float(total.std()), 1e-6), dtype=np.float32)


def _tiled(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    k = len(values)
    at = np.arange(size, dtype=np.float32) * k / size
    low = at.astype(np.intp)
    t = at - low
    t = t * t * (3 - 2 * t)
    high = (low + 1) % k
    rows = values[low] * (1 - t)[:, None] + values[high] * t[:, None]
    return np.asarray(rows.take(low, 1) * (1 - t) + rows.take(high, 1) * t, dtype=np.float32)
