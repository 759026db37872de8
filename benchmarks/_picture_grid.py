"""Pictures in rows with a word above each column, as one small PNG for the docs."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from parhelion.pipeline.files import write_bytes
from parhelion.pipeline.frame import Image

GAP, HEADER = 4, 16  # pixels
INK, PAPER = (40, 40, 40), 255


def write_grid(path: Path, header: Sequence[str], rows: Sequence[Sequence[Image]]) -> None:
    """Writes rows of pictures (H, W, 3) uint8 of one size, one word per column above them."""
    height, width = rows[0][0].shape[:2]
    columns = len(header)
    page = np.full(
        (HEADER + len(rows) * (height + GAP), columns * (width + GAP) - GAP, 3), PAPER, np.uint8
    )
    for c, word in enumerate(header):
        place = (c * (width + GAP) + 2, HEADER - 4)
        cv2.putText(page, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
        for r, row in enumerate(rows):
            top, left = HEADER + r * (height + GAP), c * (width + GAP)
            page[top : top + height, left : left + width] = row[c]
    encoded, content = cv2.imencode(".png", page[..., ::-1])
    assert encoded
    write_bytes(path, content.tobytes())


def doubled(image: Image) -> Image:
    """Twice as large either way, pixel by pixel."""
    return np.asarray(np.kron(image, np.ones((2, 2, 1), np.uint8)), dtype=np.uint8)
