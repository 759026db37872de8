"""A new annotation from two: an object cut out of one is put into another.

It is put where the ground is of the same class and at the same distance, so that its size and the
line it stands on are right; what is nearer hides it, and it hides what is farther. Boxes and
visibility are made anew. Legend: H, W = height and width of a layout, pixels; row, column = the
pixel of ground just below an object's lowest one, its foot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._joint_layouts import Layout, Origin
from parhelion.pipeline.frame import Annotation, Camera, SceneObject
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.scene_class import CHILDREN, SceneClass

GROUND = frozenset(
    {SceneClass.ROAD, SceneClass.SIDEWALK, SceneClass.TERRAIN, SceneClass.FLAT}
)  # what an object may stand on
MOVABLE = frozenset(
    {
        SceneClass.VEHICLE,
        SceneClass.HUMAN,
        SceneClass.ANIMAL,
        *CHILDREN[SceneClass.VEHICLE],
        *CHILDREN[SceneClass.HUMAN],
    }
)
WHOLE = 0.95  # visibility from which on an object is cut out
SAME_DISTANCE = 0.04  # relative difference of the ground's depth that still counts as the same
SAME_FOCAL = 0.05  # and of two cameras' focal lengths
PLACES = 40  # places tried for one object
LEAST_PX = 12  # that are seen of an object which was put somewhere

Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Piece:
    """An object cut out of a layout."""

    of: Layout
    what: SceneObject
    window: tuple[slice, slice]  # its box in the layout
    mask: Mask  # (h, w) within the window
    foot: tuple[int, int]  # (row, column)

    @property
    def ground(self) -> tuple[int, float]:
        """Class and depth (metres) of what it stands on."""
        stencil, depth, _ = layers_of(self.of.y)
        return int(stencil[self.foot]), float(depth[self.foot])


@dataclass(frozen=True, eq=False)
class Placed:
    """One object that was put somewhere, and where it came from."""

    y: Annotation
    instance: int  # its id now
    origin: Origin  # of the layout it was cut from
    was: SceneObject
    moved_px: tuple[int, int]  # (right, down)
    moved_m: float  # away from the camera

    def told(self) -> dict[str, object]:
        """As plain data, for the provenance."""
        return {
            "from": self.origin.model_dump(mode="json"),
            "was": self.was.model_dump(mode="json"),
            "instance": self.instance,
            "moved_px": list(self.moved_px),
            "moved_m": self.moved_m,
        }


def layers_of(
    y: Annotation,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
    """Stencil, depth and instances. Raises ValueError where one is missing."""
    if y.stencil is None or y.depth is None or y.instances is None:
        raise ValueError("wanted an annotation with stencil, depth and instances")
    return y.stencil, y.depth, y.instances


def pieces(layout: Layout) -> Iterator[Piece]:
    """Objects of a layout that can be cut out: whole, inside the picture, and on the ground."""
    stencil, depth, instances = layers_of(layout.y)
    height, width = stencil.shape
    boxes = instance_boxes(instances)
    for what in layout.y.objects:
        if what.category not in MOVABLE or what.instance not in boxes or not _whole(what):
            continue
        x0, y0, x1, y1 = (int(edge) for edge in boxes[what.instance])
        if x0 == 0 or y0 == 0 or x1 == width or y1 == height:
            continue
        window = (slice(y0, y1), slice(x0, x1))
        mask = instances[window] == what.instance
        lowest = np.flatnonzero(mask[-1])
        foot = (y1, x0 + int(lowest[len(lowest) // 2]))
        seen = np.isfinite(depth[window][mask]).all() and np.isfinite(depth[foot])
        if seen and stencil[foot] in GROUND:
            yield Piece(layout, what, window, mask, foot)


def placed(
    y: Annotation, piece: Piece, random: np.random.Generator, least_seen: float
) -> Placed | None:
    """`y` with the piece somewhere in it, of which at least that share is seen; None: no room."""
    if not _fits(y, piece):
        return None
    stencil, depth, instances = layers_of(y)
    ground, distance = piece.ground
    near = np.abs(depth - distance) <= SAME_DISTANCE * distance  # false where depth is unknown
    rows, columns = np.nonzero(near & (stencil == ground) & (instances == 0))
    for i in random.permutation(len(rows))[:PLACES].tolist():
        found = _put(y, piece, (int(rows[i]), int(columns[i])), least_seen)
        if found is not None:
            return found
    return None


def _whole(what: SceneObject) -> bool:
    seen = what.visibility is None or what.visibility >= WHOLE
    return seen and not what.truncation


def _fits(y: Annotation, piece: Piece) -> bool:
    """Whether layers, classes and cameras of both agree."""
    theirs = piece.of.y
    if y.size != theirs.size:
        return False
    stencil, _, _ = layers_of(theirs)
    classes = {SceneClass(c) for c in np.unique(stencil[piece.window][piece.mask]).tolist()}
    if not classes | {piece.what.category} <= y.label_space | {SceneClass.IGNORE}:
        return False
    if y.camera is None or theirs.camera is None:
        return True
    f, g = (camera.intrinsics[1, 1] for camera in (y.camera, theirs.camera))
    return bool(abs(f - g) <= SAME_FOCAL * f)


def _put(y: Annotation, piece: Piece, foot: tuple[int, int], least_seen: float) -> Placed | None:
    """The piece with its foot there; None where too little of it would be seen."""
    stencil, depth, instances = layers_of(y)
    down, right = foot[0] - piece.foot[0], foot[1] - piece.foot[1]
    farther = float(depth[foot]) - piece.ground[1]
    mask, at_m = _moved(piece, down, right, farther, stencil.shape)
    with np.errstate(invalid="ignore"):
        seen = mask & ~(depth <= at_m)  # unknown depth is taken for farther
    inside, whole = int(mask.sum()), int(piece.mask.sum())
    if seen.sum() < max(LEAST_PX, least_seen * whole):
        return None
    new = int(instances.max()) + 1
    after = np.where(seen, np.int32(new), instances)
    their_stencil, _, _ = layers_of(piece.of.y)
    layers = {
        "stencil": np.where(seen, shifted(their_stencil, down, right), stencil),
        "depth": np.where(seen, at_m, depth),
        "instances": after,
        "emissive": _emissive(y, piece, seen, down, right),
    }
    boxes = instance_boxes(after)
    what = piece.what.model_copy(
        update={
            "instance": new,
            "box_xyxy": boxes[new],
            "distance_m": _farther(piece.what.distance_m, farther),
            "visibility": _scaled(piece.what.visibility, int(seen.sum()) / inside),
            "truncation": None if piece.what.truncation is None else 1 - inside / whole,
            "centre_m": _centre(y.camera, piece, down, right, farther),
        }
    )
    kept = [o for old in y.objects if (o := _left(old, instances, after, boxes)) is not None]
    made = replace(y, stencil_native=None, objects=(*kept, what), **layers)  # type: ignore[arg-type]
    return Placed(made, new, piece.of.origin, piece.what, (right, down), farther)


def _moved(
    piece: Piece, down: int, right: int, farther: float, shape: tuple[int, ...]
) -> tuple[Mask, NDArray[np.float32]]:
    """Mask and depth of the piece, (H, W), where it is now; what leaves the picture is lost."""
    _, depth, _ = layers_of(piece.of.y)
    whole = np.zeros(shape, dtype=np.bool_)
    whole[piece.window] = piece.mask
    mask = shifted(whole, down, right)
    at_m = np.maximum(shifted(depth, down, right) + np.float32(farther), np.float32(0))
    return mask, np.where(mask, at_m, np.float32(np.inf))


def shifted(layer: NDArray[Scalar], down: int, right: int) -> NDArray[Scalar]:
    """A layer (H, W) moved by whole pixels; zero where nothing came."""
    height, width = layer.shape
    out = np.zeros_like(layer)
    out[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = layer[
        max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ]
    return out


def _emissive(
    y: Annotation, piece: Piece, seen: Mask, down: int, right: int
) -> NDArray[np.uint8] | None:
    """Bits of both; nothing where either knows none."""
    if y.emissive is None or piece.of.y.emissive is None:
        return None
    return np.where(seen, shifted(piece.of.y.emissive, down, right), y.emissive)


def _left(
    old: SceneObject,
    before: NDArray[np.int32],
    after: NDArray[np.int32],
    boxes: dict[int, tuple[float, float, float, float]],
) -> SceneObject | None:
    """What is left of an object of the layout; None where nothing is seen any more."""
    if old.instance is None:  # no pixels are known to be its own
        return old
    if old.instance not in boxes:
        return None
    had, has = (int((i == old.instance).sum()) for i in (before, after))
    seen = _scaled(old.visibility, has / had)
    return old.model_copy(update={"box_xyxy": boxes[old.instance], "visibility": seen})


def _centre(
    camera: Camera | None, piece: Piece, down: int, right: int, farther: float
) -> tuple[float, float, float] | None:
    """The centre of the 3D box in world coordinates, moved with the picture of the object."""
    theirs = piece.of.y.camera
    if camera is None or theirs is None or piece.what.centre_m is None:
        return None
    x, y, z = theirs.project(np.array([piece.what.centre_m]))[0].tolist()
    ray = np.linalg.solve(camera.intrinsics, np.array([x + right, y + down, 1.0]))
    point = camera.camera_to_world @ np.array([*(ray * (z + farther)), 1.0])
    return float(point[0]), float(point[1]), float(point[2])


def _farther(distance_m: float | None, by: float) -> float | None:
    return None if distance_m is None else max(distance_m + by, 0.0)


def _scaled(visibility: float | None, by: float) -> float | None:
    return None if visibility is None else visibility * by


def recombined(
    y: Annotation,
    stock: Sequence[Piece],
    group: str,
    wanted: int,
    random: np.random.Generator,
    least_seen: float,
) -> list[Placed]:
    """At most `wanted` pieces of groups but `group` put into `y` one after another; maybe none.

    The last one's `y` has them all. Of equal generators and stocks the same comes.
    """
    found: list[Placed] = []
    for i in random.permutation(len(stock)).tolist():
        if stock[i].of.origin.group_id == group:
            continue
        done = placed(found[-1].y if found else y, stock[i], random, least_seen)
        found += [done] if done is not None else []
        if len(found) == wanted:
            break
    return found
