"""The stock that `joint` draws from: layouts, the pieces cut out of them, counts of p(y)."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors.numpy

from parhelion.generators._joint_layouts import (
    Layout,
    LayoutStory,
    Stated,
    count_stated,
    read_layouts,
)
from parhelion.generators._joint_recombine import Piece, pieces
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.files import write_bytes, write_json
from parhelion.pipeline.frame import ImageLabel
from parhelion.pipeline.seeds import canonical_json, digest

ARRAYS, PLAIN = "layouts.safetensors", "stock.json"


@dataclass(frozen=True, eq=False)
class Stock:
    """Training annotations, and how often each class came under which conditions."""

    layouts: tuple[Layout, ...]
    stated: tuple[Stated, ...]

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every object that can be cut out."""
        return tuple(piece for layout in self.layouts for piece in pieces(layout))

    @cached_property
    def sha256(self) -> str:
        """Of all that is saved."""
        return digest(hashlib.sha256(self._arrays()).hexdigest(), self._plain())

    def conditions(self, drawable: Sequence[Conditions], random: np.random.Generator) -> Conditions:
        """Some of `drawable`, as often as they were seen."""
        seen = [sum(s.frames for s in self.stated if s.conditions == c) for c in drawable]
        return drawable[_drawn(seen, random)]

    def label(
        self, cell: str, least: int, uniform: bool, random: np.random.Generator
    ) -> ImageLabel | None:
        """A class seen in that cell, among those of `least` frames in all; None: no such class."""
        here: dict[ImageLabel, int] = defaultdict(int)
        everywhere: dict[ImageLabel, int] = defaultdict(int)
        for s in self.stated:
            if s.label is not None:
                everywhere[s.label] += s.frames
                here[s.label] += s.frames if s.conditions.cell == cell else 0
        labels = sorted(
            (la for la, n in here.items() if n and everywhere[la] >= least), key=lambda la: la.index
        )
        if not labels:
            return None
        return labels[_drawn([1 if uniform else here[la] for la in labels], random)]

    def save(self, folder: Path) -> None:
        """Arrays as safetensors, the rest as JSON."""
        write_bytes(folder / ARRAYS, self._arrays())
        write_json(folder / PLAIN, json.loads(self._plain()))

    @classmethod
    def load(cls, folder: Path) -> "Stock":
        """The stock that was saved there."""
        plain = json.loads((folder / PLAIN).read_text())
        arrays = safetensors.numpy.load((folder / ARRAYS).read_bytes())
        of_layout: dict[int, dict[str, np.ndarray]] = defaultdict(dict)
        for key, array in arrays.items():
            number, name = key.split(".")
            of_layout[int(number)][name] = array
        layouts = [
            Layout.from_parts(LayoutStory(**story), of_layout[i])
            for i, story in enumerate(plain["layouts"])
        ]
        return cls(tuple(layouts), tuple(Stated(**s) for s in plain["stated"]))

    def _arrays(self) -> bytes:
        named = {
            f"{i}.{name}": array
            for i, layout in enumerate(self.layouts)
            for name, array in layout.arrays().items()
        }
        return safetensors.numpy.save(named)

    def _plain(self) -> str:
        stories = [layout.story() for layout in self.layouts]
        return canonical_json({"layouts": stories, "stated": list(self.stated)})


def stock_of(data: TrainingData, most_layouts: int, seed: int) -> Stock:
    """The stock of these training frames; reads the layouts that it keeps and no other frame."""
    return Stock(tuple(read_layouts(data, most_layouts, seed)), tuple(count_stated(data)))


def _drawn(weights: Sequence[int], random: np.random.Generator) -> int:
    shares = np.array(weights, dtype=np.float64)
    return int(random.choice(len(shares), p=shares / shares.sum()))
