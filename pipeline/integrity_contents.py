"""What a frame contradicts by itself: layers that say nothing, finite skies, boxes in thin air."""

from collections.abc import Iterator

import numpy as np

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.frame import Frame, SceneObject
from parhelion.pipeline.integrity_edges import Mask
from parhelion.pipeline.integrity_finding import Finding
from parhelion.pipeline.scene_class import SceneClass

FLAT_IMAGE = 2  # grey levels between darkest and brightest
RICH_SPACE = 8  # classes; a source with fewer may well see one alone
LEAST_SKY = 50  # pixels
FINITE_SKY = 0.1  # share of the sky that may be finite: leaves, wires, ragged edges
LEAST_BOX_PX = 8.0  # shorter side of a box that is judged
LEAST_INSIDE = 0.05  # share of a thing's pixels that must lie near its distance
LONG = frozenset({SceneClass.BUS, SceneClass.TRUCK, SceneClass.TRAIN, SceneClass.VEHICLE})
HALF_LENGTH_M = 4.0  # from the centre, which the distance tells, to the surface, which is seen
HALF_LENGTH_LONG_M = 9.0
DISTANCE_SLACK = 0.2  # of the distance


def empty_layers(frame: Frame) -> Iterator[Finding]:
    """Layers that are there and hold one value alone."""
    spread = int(frame.image.max()) - int(frame.image.min())
    if spread <= FLAT_IMAGE:
        yield _empty("image: wanted a picture", f"{spread} grey levels between dark and bright")
    if frame.depth is not None and _one_depth(frame):
        yield _empty("depth: wanted distances", f"one value alone, {frame.depth.flat[0]:g}")
    if frame.stencil is not None and len(frame.label_space) >= RICH_SPACE:
        first = frame.stencil.flat[0]
        if (frame.stencil == first).all():
            got = f"{SceneClass(int(first)).label} alone"
            yield _empty(f"stencil: wanted some of {len(frame.label_space)} classes", got)
    named = [o.instance for o in frame.objects if o.instance is not None]
    if frame.instances is not None and named and not frame.instances.any():
        yield _empty(f"instances: wanted pixels of {len(named)} objects", "background alone")


def finite_sky(frame: Frame) -> Iterator[Finding]:
    """Sky in the stencil that has a finite depth; unknown depths are no contradiction."""
    if frame.depth is None or frame.stencil is None:
        return
    of_sky = frame.depth[frame.stencil == SceneClass.SKY]
    if len(of_sky) < LEAST_SKY:
        return
    finite = float(np.isfinite(of_sky).mean())
    if finite > FINITE_SKY:
        nearest = float(np.nanmin(of_sky))
        yield Finding(
            Reason.FINITE_SKY,
            f"depth: wanted infinity in the sky, got {finite:.0%} of it finite, from "
            f"{nearest:.1f} m on",
            "finite_sky",
            finite,
        )


def boxes_against_depth(frame: Frame) -> Iterator[Finding]:
    """Things whose distance is found nowhere in their pixels."""
    if frame.depth is None:
        return
    for i, thing in enumerate(frame.objects):
        metres = _depths_of(frame, thing)
        if thing.distance_m is None or not len(metres):
            continue
        half = HALF_LENGTH_LONG_M if thing.category in LONG else HALF_LENGTH_M
        slack = half + DISTANCE_SLACK * thing.distance_m
        inside = float((np.abs(metres - thing.distance_m) <= slack).mean())
        if inside < LEAST_INSIDE:
            yield Finding(
                Reason.BOX_AGAINST_DEPTH,
                f"object {i} ({thing.category.label}): wanted depths near its distance "
                f"{thing.distance_m:.1f} m in its box, got {metres.min():.1f} to "
                f"{metres.max():.1f} m",
                "box_met",
                inside,
            )


def _one_depth(frame: Frame) -> bool:
    depth = frame.depth
    if depth is None:
        return False
    first = depth.flat[0]
    same = np.isnan(depth) if np.isnan(first) else depth == first
    if not same.all():
        return False
    all_sky = frame.stencil is not None and bool((frame.stencil == SceneClass.SKY).all())
    return not (np.isposinf(first) and all_sky)


def _depths_of(frame: Frame, thing: SceneObject) -> np.ndarray:
    """Known depths (n,) of its instance, or of its box; none where it is too small to tell."""
    x0, y0, x1, y1 = thing.box_xyxy
    if frame.depth is None or min(x1 - x0, y1 - y0) < LEAST_BOX_PX:
        return np.empty(0)
    window = (slice(int(y0), int(np.ceil(y1))), slice(int(x0), int(np.ceil(x1))))
    inside = frame.depth[window]
    known: Mask = ~np.isnan(inside)
    if frame.instances is not None and thing.instance is not None:
        known &= frame.instances[window] == thing.instance
    return inside[known]


def _empty(wanted: str, got: str) -> Finding:
    return Finding(Reason.EMPTY_LAYER, f"{wanted}, got {got}", "empty_layer", 1.0)
