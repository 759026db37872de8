"""KITTI's text files, which other makers write too: calibrations, and objects line by line.

    P2: 7.2e+02 0 6.1e+02 4.5e+01 0 7.2e+02 1.7e+02 -3.5e-01 0 0 1 5.0e-03
    Car 0.00 0 -1.58 587.0 173.3 614.1 200.1 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59

P2 is 3x4, row after row: the projection of the left colour camera, K [1 | t]. An object is type,
truncated, occluded, alpha, box (4), height width length, place (3), yaw. Metres; y points down.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.layers import Box
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._poses import numbers

COLUMNS = 15  # results have a sixteenth, the score
REGION = "DontCare"  # holds objects too far off to label


class LabelRow(NamedTuple):
    """One object with its box inside the picture."""

    category: SceneClass
    box_xyxy: Box
    truncation: float | None  # share outside the picture; None where the file's number is none
    occluded: float  # KITTI: steps from 0 to 3; others write shares
    tall_m: float
    bottom_m: tuple[float, float, float]  # middle of the bottom of its 3D box

    @property
    def centre_m(self) -> tuple[float, float, float]:
        x, y, z = self.bottom_m
        return x, y - self.tall_m / 2, z


def label_rows(
    text: str,
    classes: Mapping[str, SceneClass],
    size: tuple[int, int],
    name: str,
    dropped: Counter[str],
) -> Iterator[LabelRow]:
    """The objects of a picture of `size` (height, width).

    Regions of DontCare and boxes outside the picture are counted in `dropped`. Raises BadFrame.
    """
    for line in filter(str.strip, text.splitlines()):
        word, *cells = line.split()
        if word == REGION:
            dropped["DontCare regions"] += 1
            continue
        category = classes.get(word)
        if category is None:
            wanted = f"one of {', '.join((*classes, REGION))}"
            raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted {wanted}, got {word!r:.40}")
        if len(cells) + 1 not in (COLUMNS, COLUMNS + 1):
            sentence = f"{name}: wanted {COLUMNS} columns, got {len(cells) + 1}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        found: list[float] = numbers(cells[: COLUMNS - 1], name).tolist()
        truncated, occluded, _, x0, y0, x1, y1, tall, _, _, x, y, z, _ = found
        box = kept_box((x0, y0, x1, y1), category, size, name, dropped)
        if box is not None:
            truncation = truncated if 0 <= truncated <= 1 else None
            yield LabelRow(category, box, truncation, occluded, tall, (x, y, z))


def projection(text: str, name: str) -> NDArray[np.float64]:
    """P2 (3, 4) of a calibration. Raises BadFrame."""
    lines = (line.split() for line in text.splitlines())
    cells = next((cells[1:] for cells in lines if cells and cells[0] == "P2:"), [])
    found = numbers(cells, name, Reason.BAD_CAMERA)
    if len(found) != 12:
        sentence = f"{name}: wanted P2: and 12 numbers, got {len(found)}"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    return found.reshape(3, 4)


def lens_of(p2: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """K (3, 3) of P2. Raises BadFrame for what is no pinhole's."""
    k = p2[:, :3]
    if not (k[0, 0] > 0 and k[1, 1] > 0 and np.array_equal(k[2], [0, 0, 1]) and k[1, 0] == 0):
        sentence = f"{name}: wanted focal lengths above 0 in P2, got {k.tolist()}"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    return k
