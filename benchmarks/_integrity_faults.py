"""Frames of street drives that fell out of step on purpose, as captures do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from _street_drives import Drive

from parhelion.pipeline.frame import Frame, SceneObject
from parhelion.pipeline.planted_faults import Fault, mirrored, plant, swapped

Case = tuple[Frame, Frame | None]  # a frame and the one before it
LAYERS = ("stencil", "depth", "instances", "emissive", "objects", "camera")
OFF_M = 30.0
FAR_PLANE_M = 1000.0
LEAST_BOX_PX = 10.0


@dataclass(frozen=True)
class Moment:
    """A good frame with what a fault borrows from."""

    drive: Drive
    stranger: Drive  # another street
    weather: int  # which of WEATHERS

    @property
    def now(self) -> Frame:
        return self.drive.now[self.weather]

    @property
    def good(self) -> Case:
        return self.now, self.drive.before

    def with_(self, **layers: object) -> Case:
        """The frame with other layers, after a good one."""
        return replace(self.now, **layers), self.drive.before


def cases(moment: Moment) -> Iterator[tuple[str, Case]]:
    """Every fault by name; one that a frame has nothing for is left out."""
    for name, fault in FAULTS.items():
        case = fault(moment)
        if case is not None:
            yield name, case


def _exchanged(m: Moment) -> Case:
    """The pictures of this frame and the next are exchanged; judged where the earlier one lands."""
    after = m.drive.after
    return _with_layers_of(m.now, after), _with_layers_of(after, m.now)


def _with_layers_of(frame: Frame, other: Frame) -> Frame:
    return replace(frame, **{name: getattr(other, name) for name in LAYERS})


def _all_stale(m: Moment) -> Case:
    told = {name: getattr(m.drive.before, name) for name in LAYERS if name != "camera"}
    return m.with_(**told)


def _all_mirrored(m: Moment) -> Case:
    flipped = m.now.flipped()
    return m.with_(**{name: getattr(flipped, name) for name in LAYERS})


def _off_by(m: Moment) -> Case | None:
    things = list(m.now.objects)
    large = [i for i, thing in enumerate(things) if _side(thing) >= LEAST_BOX_PX]
    if not large:
        return None
    i = large[m.weather % len(large)]
    metres = (things[i].distance_m or 0.0) + OFF_M
    things[i] = things[i].model_copy(update={"distance_m": metres})
    return m.with_(objects=tuple(things))


def _side(thing: SceneObject) -> float:
    x0, y0, x1, y1 = thing.box_xyxy
    return min(x1 - x0, y1 - y0)


def _plane(m: Moment) -> Case | None:
    depth = m.now.depth
    if depth is None or np.isinf(depth).sum() < 100:
        return None
    return m.with_(depth=np.minimum(depth, np.float32(FAR_PLANE_M)))


def _flat(m: Moment) -> Case:
    depth = m.now.depth
    return m.with_(depth=np.zeros_like(depth))


FAULTS: dict[str, Callable[[Moment], Case | None]] = {
    "depth one frame late": lambda m: m.with_(depth=m.drive.before.depth.copy()),
    "depth one frame late, no frame before": lambda m: (
        replace(m.now, depth=m.drive.before.depth.copy()),
        None,
    ),
    "stencil shifted by 8 px": lambda m: (
        plant(m.now, Fault.SHIFTED, m.now, seed=m.weather),
        m.drive.before,
    ),
    "mirrored stencil": lambda m: (mirrored(m.now), m.drive.before),
    "mirrored depth": lambda m: m.with_(depth=m.now.depth[:, ::-1].copy()),
    "mirrored image": lambda m: m.with_(image=m.now.image[:, ::-1].copy()),
    "all layers mirrored": _all_mirrored,
    "stencil of another street": lambda m: (swapped(m.now, m.stranger.before), m.drive.before),
    "image of another street, same weather": lambda m: m.with_(
        image=m.stranger.now[m.weather].image
    ),
    "pictures of neighbours exchanged": _exchanged,
    "stale stencil": lambda m: m.with_(stencil=m.drive.before.stencil),
    "stale image": lambda m: m.with_(image=m.drive.before.image),
    "all layers stale": _all_stale,
    "sky at 1,000 m": _plane,
    "one object 30 m off": _off_by,
    "depth all zero": _flat,
}
