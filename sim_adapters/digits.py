"""Sets of digits: one small picture, one class, and nothing else. The setting `dataset` says which.

    scikit-learn    digits.csv.gz of scikit-learn itself: 1,797 of 8x8; found without a path
    mnist           train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz), t10k-...
    fashion-mnist   the same files with clothes; found where Debian's package puts them
    svhn            train_32x32.mat, test_32x32.mat (MATLAB 5): house numbers in colour
    usps            usps.bz2, usps.t.bz2 as LIBSVM writes them: 16x16
    fonts           digits drawn here from the fonts below `path`; `fonts` says how

Files may lie anywhere below `path`, such as `MNIST/raw` or `package/data`. Traps: SVHN writes 0 as
10, USPS writes 0 as 1, and scikit-learn has no second part: its pictures are both train and test.
Neighbours in scikit-learn's table are of one hand, and stay in one group.

With `size`, pictures of 28x28 keep their pixels where the size is larger, in the middle of black;
all others are scaled to size - 2 margin, by cubic splines up and by means of areas down.
"""

import importlib.util
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Image, ImageLabel
from parhelion.pipeline.provenance import Kind
from parhelion.sim_adapters import _digits_fonts as drawing
from parhelion.sim_adapters import _digits_readers as readers
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._digits_files import Labelled
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles

Dataset = Literal["scikit-learn", "mnist", "fashion-mnist", "svhn", "usps", "fonts"]
READERS = {
    "scikit-learn": readers.scikit_learn,
    "mnist": readers.idx,
    "fashion-mnist": readers.idx,
    "svhn": readers.svhn,
    "usps": readers.usps,
}
DIGITS = tuple("0123456789")
CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
LICENCES = {
    "scikit-learn": "CC BY 4.0 (UCI)",
    "mnist": "CC BY-SA 3.0",
    "fashion-mnist": "MIT",
    "svhn": "non-commercial use",
    "fonts": "of the fonts",
}
PLACES = {  # where a set lies when nobody says
    "fashion-mnist": Path("/usr/share/datasets/fashion-mnist"),
    "fonts": Path("/usr/share/fonts"),
}
KEPT_SIDE = 28  # pictures of this side are set into black, not scaled up
FONT_SIDE = 32  # of drawn digits, where no size is set


class DigitsConfig(RecordingsConfig):
    """Which set, which part of it, and at which size."""

    dataset: Dataset = "scikit-learn"
    part: Literal["train", "test"] = "train"
    size: Annotated[int, Field(ge=8, le=1024)] | None = None  # pixels of a side; None = as it is
    margin: Annotated[int, Field(ge=0)] = 0  # pixels of black kept around what is scaled
    fonts: drawing.FontDigits = drawing.FontDigits()  # for `dataset: fonts` alone

    @model_validator(mode="after")
    def _room_inside_the_margin(self) -> Self:
        if 2 * self.margin >= (self.size or FONT_SIDE):
            raise ValueError(f"wanted a margin below half of the size, got {self.margin}")
        return self


class Digits(Recordings):
    """Small pictures with one class each."""

    Config: ClassVar[type[PartConfig]] = DigitsConfig
    gives: ClassVar[frozenset[str]] = frozenset({"label"})
    about: ClassVar[About] = About(
        title="Digits: scikit-learn, MNIST, Fashion-MNIST, SVHN, USPS, fonts",
        kind=Kind.REAL,
        units={"label": "0 to 9, or ten kinds of clothes; a digit in a mirror is none"},
        unverified=(
            "Scikit-learn's pictures were written on 14 forms, told by the digits printed on them; "
            "its makers speak of 13 writers.",
            "The licences are CC BY 4.0 of scikit-learn's digits, CC BY-SA 3.0 of MNIST, MIT of "
            "Fashion-MNIST, and SVHN's is for non-commercial use.",
            "Fashion-MNIST's classes are believed to be the same in a mirror.",
        ),
    )

    def __init__(self, config: DigitsConfig) -> None:
        if not config.licence:
            told = LICENCES.get(config.dataset, "")
            config = config.model_copy(update={"licence": told})
        super().__init__(config)
        if config.path == Path():
            self.root = _place(config.dataset)
        words, safe = (CLOTHES, True) if config.dataset == "fashion-mnist" else (DIGITS, False)
        self._labels = [
            ImageLabel(index=i, vocabulary=words, mirror_safe=safe) for i in range(len(words))
        ]

    def entries(self) -> Iterable[Entry]:
        part = self.config.part
        if self.config.dataset == "fonts":
            for number, face, _ in self._drawings:
                yield Entry(
                    native_id=f"{part}/{number:06d}",
                    group=face,
                    files={"images": face},
                    kind=Kind.SIMULATED,
                )
            return
        groups = self._held.groups
        for number in range(len(self._held.labels)):
            name = f"{part}/{number:06d}"
            group = groups[number] if groups else name
            yield Entry(native_id=name, group=group, files=self._held.files)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        number = int(entry.native_id.rpartition("/")[2])
        if self.config.dataset == "fonts":
            pixels, label = self._drawing(number, files)
        else:
            pixels, label = self._held.pixels[number], int(self._held.labels[number])
        if not 0 <= label < len(self._labels):
            sentence = f"{entry.native_id}: wanted a class of 0 to {len(self._labels) - 1}, got "
            raise BadFrame(Reason.UNKNOWN_CLASS, f"{sentence}another ({label})")
        files.count_in((sha256(pixels.tobytes()).hexdigest(), label))
        return Content(image=self._sized(pixels), label=self._labels[label])

    @cached_property
    def _held(self) -> Labelled:
        return READERS[self.config.dataset](self.root, self.config.part)

    @cached_property
    def _faces(self) -> drawing.Faces:
        return drawing.Faces(self.root, self.config.fonts.faces, self.dropped)

    @cached_property
    def _drawings(self) -> Sequence[tuple[int, str, int]]:
        return list(drawing.plan(self._faces, self.config.part, self.config.fonts))

    def _drawing(self, number: int, files: SourceFiles) -> tuple[NDArray[np.uint8], int]:
        _, face, digit = self._drawings[number]
        files.count_in(sha256(self._faces.data(face)).hexdigest())
        side = self.config.size or FONT_SIDE
        key = (self.config.part, number)
        return drawing.drawn(self._faces, face, digit, side, self.config.fonts, key), digit

    def _sized(self, pixels: NDArray[np.uint8]) -> Image:
        """(H, W) or (H, W, 3) -> (H, W, 3), square where a size is set."""
        size, height, width = self.config.size, *pixels.shape[:2]
        if size is not None and (height, width) != (size, size):
            if not (height == width == KEPT_SIDE and size > KEPT_SIDE):
                side = size - 2 * self.config.margin
                how = cv2.INTER_CUBIC if side > max(height, width) else cv2.INTER_AREA
                pixels = cv2.resize(pixels, (side, side), interpolation=how).astype(
                    np.uint8, copy=False
                )
            pixels = _in_black(pixels, size)
        return _as_image(pixels)


def _as_image(pixels: NDArray[np.uint8]) -> Image:
    """(H, W) or (H, W, 3) -> (H, W, 3)."""
    return np.stack([pixels] * 3, axis=2) if pixels.ndim == 2 else np.ascontiguousarray(pixels)


def _in_black(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """In the middle of a black square of `size` pixels."""
    side = pixels.shape[0]
    before = (size - side) // 2
    page = np.zeros((size, size, *pixels.shape[2:]), np.uint8)
    page[before : before + side, before : before + side] = pixels
    return page


def _place(dataset: str) -> Path:
    """Where a set lies when nobody says: with its package, or here."""
    if dataset == "scikit-learn":
        found = importlib.util.find_spec("sklearn")
        places = list(found.submodule_search_locations or []) if found else []
        return Path(places[0]) / "datasets/data" if places else Path()
    return PLACES.get(dataset, Path())


PART = Digits
