"""Buffers that were not drawn anew: byte for byte those of the frame before, in another view.

Equal bytes alone are no fault: twins share their layers, and a camera may stand still. It is one
where something else says that the view has moved on.
"""

from collections.abc import Iterator

import numpy as np

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.frame import Camera, Frame
from parhelion.pipeline.integrity_agreement import image_agreement, shared_edges
from parhelion.pipeline.integrity_edges import Look
from parhelion.pipeline.integrity_finding import Finding

LAYERS = ("depth", "stencil", "instances")
LEAST_EDGES = 100  # grid pixels; a layer that shows nothing may well stay the same
MOVED_M = 0.05
TURNED = 0.003  # radians
AGREEMENT_KEPT = 0.7  # of the frame before's; new layers of a new view keep more


def stale_buffers(look: Look, before: Look) -> Iterator[Finding]:
    """Layers, or the image, that are the frame before's although the view has changed."""
    now, then = look.frame, before.frame
    if now.provenance.twin_id and now.provenance.twin_id == then.provenance.twin_id:
        return
    both = [n for n in LAYERS if getattr(now, n) is not None and getattr(then, n) is not None]
    kept = [n for n in both if _same(getattr(now, n), getattr(then, n))]
    fresh = [n for n in both if n not in kept]
    moved = _moved(now.camera, then.camera)
    if _same(now.image, then.image) and (fresh or moved):
        yield _stale("image", f"new {', '.join(fresh) or 'camera pose'}")
    for name in kept:
        if look.layers[name].total < LEAST_EDGES:
            continue
        if moved:
            yield _stale(name, "another camera pose")
        elif witness := _fallen_out(name, fresh, look, before):
            yield _stale(name, witness)


def _fallen_out(name: str, fresh: list[str], look: Look, before: Look) -> str:
    """What no longer agrees with the kept layer as well as it did in the frame before."""
    if not look.large_enough or look.grid != before.grid:
        return ""
    for other in fresh:
        then = shared_edges(before.layers[other], before.layers[name], None).own
        if shared_edges(look.layers[other], look.layers[name], None).own < AGREEMENT_KEPT * then:
            return f"edges of {other} that have moved on"
    if _same(look.frame.image, before.frame.image) or not _same_sky(look.frame, before.frame):
        return ""
    then = image_agreement(before.image, before.layers[name], None).own
    now = image_agreement(look.image, look.layers[name], None).own
    return "image edges that have moved on" if now < AGREEMENT_KEPT * then else ""


def _moved(now: Camera | None, then: Camera | None) -> bool:
    if now is None or then is None:
        return False
    step = now.camera_to_world[:3, 3] - then.camera_to_world[:3, 3]
    turn = now.camera_to_world[:3, :3] - then.camera_to_world[:3, :3]
    return bool(np.linalg.norm(step) > MOVED_M or np.abs(turn).max() > TURNED)


def _same_sky(now: Frame, then: Frame) -> bool:
    one, other = now.conditions, then.conditions
    return one.cell == other.cell and one.native == other.native


def _same(now: np.ndarray, then: np.ndarray) -> bool:
    return np.array_equal(now.view(np.uint8), then.view(np.uint8))  # bytes: nan is no number


def _stale(name: str, witness: str) -> Finding:
    sentence = f"{name}: wanted a buffer of its own, got the frame before's with {witness}"
    return Finding(Reason.STALE_BUFFER, sentence, f"stale_{name}", 1.0)
