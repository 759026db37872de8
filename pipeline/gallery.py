"""Gallery pictures: a frame beside its parent, its stencil in colours and its depth, as PNG."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Depth, Frame, Image
from parhelion.pipeline.report_data import GalleryItem
from parhelion.pipeline.scene_class import SceneClass, colourise
from parhelion.pipeline.seeds import digest

Row = TypeVar("Row")

NEAR_M, FAR_M = 2.0, 150.0  # one scale for all pictures, so that depths compare by eye
SKY_RGB = (226, 230, 236)
UNKNOWN_RGB = (128, 128, 128)


def choose_evenly(rows: Sequence[Row], stratum: Callable[[Row], str], limit: int) -> list[Row]:
    """At most `limit` rows, dealt out over the strata in turn; order kept within a stratum."""
    strata: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        strata[stratum(row)].append(row)
    queues = [strata[name] for name in sorted(strata)]
    longest = max(map(len, queues), default=0)
    dealt = [queue[i] for i in range(longest) for queue in queues if i < len(queue)]
    return dealt[:limit]


def colourise_depth(depth: Depth) -> Image:
    """Depth (H, W), metres -> picture (H, W, 3) uint8: log scale, near bright, far dark.

    Sky (+inf) is pale, unknown (nan) is grey; both lie outside the colour map.
    """
    metres = np.clip(np.nan_to_num(depth, nan=FAR_M, posinf=FAR_M), NEAR_M, FAR_M)
    nearness = 1 - np.log(metres / NEAR_M) / math.log(FAR_M / NEAR_M)
    levels = np.round(nearness * 255).astype(np.uint8)
    picture: Image = cv2.applyColorMap(levels, cv2.COLORMAP_MAGMA)[..., ::-1].copy()
    picture[np.isposinf(depth)] = SKY_RGB
    picture[np.isnan(depth)] = UNKNOWN_RGB
    return picture


def write_gallery_item(
    frame: Frame,
    parent: Frame | None,
    folder: Path,
    *,
    verdict: str,
    generator: str = "",
    reason: str = "",
) -> GalleryItem:
    """Writes the pictures of one drawn frame into `folder` and says which they are.

    `generator` is by default the last step of the frame that drew anything.
    """
    stem = _stem(frame.frame_id)
    stencil = None if frame.stencil is None else colourise(frame.stencil)
    depth = None if frame.depth is None else colourise_depth(frame.depth)
    steps = [step for step in frame.provenance.steps if step.config_digest]
    gate = frame.provenance.gate
    classes = () if frame.stencil is None else np.unique(frame.stencil).tolist()
    return GalleryItem(
        frame_id=frame.frame_id,
        parent_id=frame.provenance.parent_id,
        weather=frame.conditions.weather.value,
        cell=frame.conditions.cell,
        generator=generator or (steps[-1].part if steps else frame.provenance.source.adapter),
        verdict=verdict,
        reason=reason,
        classes=tuple(SceneClass(c).label for c in classes),
        image_class="" if frame.label is None else frame.label.name,
        scores=_finite(gate.scores if gate else ()),
        drawn=_finite(steps[-1].drawn if steps else ()),
        width=frame.size[1],
        height=frame.size[0],
        image=_write_image(frame, folder),
        parent=None if parent is None else _write_image(parent, folder),
        stencil=None if stencil is None else _write(stencil, folder / f"{stem}-stencil.png"),
        depth=None if depth is None else _write(depth, folder / f"{stem}-depth.png"),
    )


def _stem(frame_id: str) -> str:
    """A file name for an id that may come from anywhere."""
    return frame_id if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", frame_id) else digest(frame_id)[:32]


def _finite(numbers: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple((name, value) for name, value in numbers if math.isfinite(value))


def _write_image(frame: Frame, folder: Path) -> str:
    return _write(frame.image, folder / f"{_stem(frame.frame_id)}-image.png")


def _write(picture: NDArray[np.uint8], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, png = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    path.write_bytes(png.tobytes())
    return path.name
