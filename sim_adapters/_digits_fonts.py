"""Digits drawn from the fonts of a machine: face, height, turn, slant, stroke and place by seed."""

import io
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydantic import Field

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._digits_files import CLASSES
from parhelion.sim_adapters._files_inside import file_inside, read_limited
from parhelion.sim_adapters._listing import walk

SUFFIXES = (".ttf", ".otf")
FINER = 4  # drawn so many times larger, then made small: smooth edges at any turn
TRIAL_PX = 24  # height at which a face is tried
NOTHING = "\U0010ffff"  # a character that no font has
MOST_FONT_PIXELS = 2_000_000  # bounds a font's file to some 64 MB
REFUSED = (OSError, ValueError, SyntaxError, MemoryError, OverflowError, UserWarning)


class FontDigits(PartConfig):
    """What is drawn, and how far it strays."""

    frames: Annotated[int, Field(gt=0, le=10_000_000)] = 2000  # in each part
    faces: tuple[str, ...] = ()  # names of files without suffix; empty = all that have ten digits
    seed: Annotated[int, Field(ge=0)] = 0
    least_height: Annotated[float, Field(gt=0.1, le=1)] = 0.5  # of a digit, share of the picture
    most_height: Annotated[float, Field(gt=0.1, le=1)] = 0.75
    turn_deg: Annotated[float, Field(ge=0, le=90)] = 12  # at most, either way
    slant: Annotated[float, Field(ge=0, le=1)] = 0.25  # at most, either way: shear x by y
    stroke: Annotated[float, Field(ge=0, le=0.1)] = 0.03  # added at most, share of the picture
    shift: Annotated[float, Field(ge=0, le=0.3)] = 0.06  # from the middle at most, share of it


class Faces:
    """The fonts below a folder that have ten digits which differ."""

    def __init__(self, root: Path, wanted: tuple[str, ...], dropped: Counter[str]) -> None:
        self.root = root
        self._wanted, self._dropped = wanted, dropped

    @cached_property
    def names(self) -> list[str]:
        """Paths relative to the root, sorted. Raises BadFrame where there is none."""
        found = [path for path in walk(self.root) if path.lower().endswith(SUFFIXES)]
        if self._wanted:
            found = [path for path in found if Path(path).stem in self._wanted]
        able = sorted(path for path in found if self._able(path))
        missing = set(self._wanted) - {Path(path).stem for path in able}
        if missing or not able:
            wanted = ", ".join(sorted(missing)) or "one font at least"
            got = f"{len(found)} fonts, {len(able)} of them with ten digits"
            raise BadFrame(Reason.MISSING_FILE, f"wanted {wanted} with ten digits, got {got}")
        return able

    def _able(self, path: str) -> bool:
        """Symbol fonts draw boxes for digits, or the same thing for all."""
        try:
            font = self.font(path, TRIAL_PX)
            drawn = {_mask(font, text, 0).tobytes() for text in (*"0123456789", NOTHING)}
        except BadFrame:
            drawn = set()
        if len(drawn) <= CLASSES:
            self._dropped["fonts without ten digits"] += 1
        return len(drawn) > CLASSES

    @lru_cache(maxsize=512)  # noqa: B019  lives as long as its adapter
    def font(self, path: str, px: int) -> ImageFont.FreeTypeFont:
        """A face at a height of `px` pixels an em. Raises BadFrame."""
        try:
            basic = ImageFont.Layout.BASIC
            return ImageFont.truetype(io.BytesIO(self.data(path)), px, layout_engine=basic)
        except REFUSED as error:
            raise _bad(path, error) from error

    @lru_cache(maxsize=64)  # noqa: B019
    def data(self, path: str) -> bytes:
        """The bytes of a font's file. Raises BadFrame."""
        file = file_inside(self.root, self.root, path)
        return read_limited(file, MOST_FONT_PIXELS, Reason.UNREADABLE_IMAGE)


def _mask(font: ImageFont.FreeTypeFont, text: str, stroke: int) -> NDArray[np.uint8]:
    """Ink of a character (h, w), 0 to 255, cut to where it is. Raises BadFrame."""
    try:
        left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
        width, height = int(right - left), int(bottom - top)
        if not (0 < width < 20 * font.size and 0 < height < 20 * font.size):
            raise ValueError(f"a digit of {width}x{height} pixels at {font.size:g} an em")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a size that Pillow itself suspects
            page = Image.new("L", (width, height))
            pen = ImageDraw.Draw(page)
            pen.text((-left, -top), text, fill=255, font=font, stroke_width=stroke)
    except REFUSED as error:
        raise _bad(str(font.path), error) from error
    return np.asarray(page)


def drawn(faces: Faces, face: str, digit: int, size: int, config: FontDigits, key: Any) -> Any:
    """White digit on black (size, size) uint8; equal keys, equal pictures. Raises BadFrame."""
    random = rng("font digits", config.seed, key)
    tall = random.uniform(config.least_height, max(config.least_height, config.most_height))
    turn = random.uniform(-config.turn_deg, config.turn_deg)
    slant = random.uniform(-config.slant, config.slant)
    stroke = round(random.uniform(0, config.stroke) * size * FINER)
    shift = random.uniform(-config.shift, config.shift, 2) * size * FINER
    side = size * FINER
    ink = _mask(faces.font(face, side), str(digit), stroke)
    scale = min(tall * side / ink.shape[0], 0.9 * side / ink.shape[1])
    a = np.radians(turn)
    # First made as tall as it shall be, then slanted, then turned, about its middle.
    m = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ [[1, slant], [0, 1]] * scale
    middle = np.array([ink.shape[1], ink.shape[0]]) / 2 - 0.5
    offset = (side - 1) / 2 + shift - m @ middle
    page = cv2.warpAffine(ink, np.column_stack([m, offset]), (side, side), flags=cv2.INTER_AREA)
    return cv2.resize(page, (size, size), interpolation=cv2.INTER_AREA)


def _bad(path: str, error: Exception) -> BadFrame:
    sentence = f"{path:.200}: wanted a font that draws digits, got {error!s:.200}"
    return BadFrame(Reason.UNREADABLE_IMAGE, sentence)


def plan(faces: Faces, part: str, config: FontDigits) -> Iterator[tuple[int, str, int]]:
    """(number, face, digit) of every picture: digits in turn, faces at random."""
    random = rng("font digits", config.seed, part)
    chosen = random.integers(len(faces.names), size=config.frames).tolist()
    for number, face in enumerate(chosen):
        yield number, faces.names[face], number % CLASSES
