"""Entities of a GTA V capture as objects of a frame.

Its list is no list of what one sees: it holds all within some hundred metres, behind the camera and
behind walls too, and persons who are parked far below the map. Traps:
* Boxes are ((x max, y max), (x min, y min)), of the picture's size, x first.
* A box is infinite where any corner of its thing was off the screen: it is computed anew from the
  thing's own box, as is done for nothing else.
* `type` is "car" for whatever has an engine or pedals; `class` tells boats and planes from cars.
* The tightened box, where there is one, ends with its last pixel: one is added to be half-open.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera, SceneObject, Stencil
from parhelion.pipeline.layers import Box, box_area, clip_box
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._gtav_camera import MOST_METRES, box_around, rotations
from parhelion.sim_adapters._gtav_snapshot import Corners, Entity
from parhelion.sim_adapters._projected_boxes import corners_of, rectangles

Corners8 = NDArray[np.float64]  # (8, 3)
BothCorners = tuple[Corners8, Corners8]  # in the world's axes, in the camera's

LOWEST_M = -50.0  # nobody walks so deep; persons out of use wait at -100

VEHICLES: dict[str, SceneClass] = {
    **dict.fromkeys(
        ("Compacts", "Sedans", "SUVs", "Coupes", "Muscle", "SportsClassics", "Sports", "Super"),
        SceneClass.CAR,
    ),
    **dict.fromkeys(("OffRoad", "Vans"), SceneClass.CAR),
    **dict.fromkeys(("Industrial", "Commercial"), SceneClass.TRUCK),
    # Carts, tractors and trailers; buses, taxis and refuse lorries; police cars and fire engines.
    **dict.fromkeys(("Utility", "Service", "Emergency", "Military", "Unknown"), SceneClass.VEHICLE),
    "Motorcycles": SceneClass.MOTORCYCLE,
    "Cycles": SceneClass.BICYCLE,
    "Trains": SceneClass.TRAIN,
    # No vehicles of the street; their pixels say vehicle all the same.
    **dict.fromkeys(("Boats", "Helicopters", "Planes"), SceneClass.OTHER),
}
TYPES = {"person": SceneClass.PERSON, "bicycle": SceneClass.BICYCLE}
OBJECT_CLASSES: LabelSpace = frozenset(VEHICLES.values()) | frozenset(TYPES.values())


def category_of(entity: Entity, name: str) -> SceneClass | None:
    """Its class; None for background. Raises BadFrame for a word that the game lacks."""
    if entity.type == "background":
        return None
    found = VEHICLES.get(entity.cls) if entity.type == "car" else TYPES.get(entity.type)
    if found is None:
        wanted = "an entity of a type and class that the game has"
        sentence = f"{name}: wanted {wanted}, got {entity.type!r:.40} of {entity.cls!r:.40}"
        raise BadFrame(Reason.UNKNOWN_CLASS, sentence)
    return found


class Scene:
    """One picture with its camera, in which entities are looked for; None is what is unknown."""

    def __init__(
        self, camera: Camera | None, stencil: Stencil | None, width: int, height: int, name: str
    ) -> None:
        self.camera = camera
        self.stencil = stencil
        self.width = width
        self.height = height
        self.name = name

    def objects_of(
        self, entities: Sequence[Entity], dropped: Counter[str]
    ) -> tuple[SceneObject, ...]:
        """Those of the entities that are in the picture; the rest is counted. Raises BadFrame."""
        world = _corners(entities, self.name)
        ours = _in_axes_of(self.camera, world)
        centres, far = world.mean(axis=1).tolist(), ours[..., 2].mean(axis=1).tolist()
        found = []
        for entity, own, corners, centre, ahead in zip(
            entities, world, ours, centres, far, strict=True
        ):
            made = self._object(entity, (own, corners), centre, ahead)
            if isinstance(made, str):
                dropped[made] += 1
            else:
                found.append(made)
        return tuple(found)

    def _object(
        self, entity: Entity, corners: BothCorners, centre: list[float], ahead: float
    ) -> SceneObject | str:
        """An entity by its corners and its centre in the world's axes.

        A word says why it is none.
        """
        category = category_of(entity, self.name)
        if category is None:
            return "entities of the background"
        if category is SceneClass.PERSON and entity.pos and entity.pos[2] < LOWEST_M:
            return "persons parked below the map"
        placed = self._box(entity, corners)
        if isinstance(placed, str):
            return placed
        box, truncation = placed
        return SceneObject(
            category=category,
            box_xyxy=box,
            truncation=truncation,
            distance_m=ahead if ahead >= 0 else None,  # nan is never more
            visibility=0.0 if self._is_hidden(category, box) else None,
            centre_m=None if entity.pos is None else (centre[0], centre[1], centre[2]),
        )

    def _box(self, entity: Entity, corners: BothCorners) -> tuple[Box, float | None] | str:
        """Its box in the picture with its truncation, or why there is none."""
        stored = _stored(entity.bbox)
        tight = _stored(entity.best_bbox)
        truncation: float | None = 0.0 if stored else None  # all of it was on the screen
        if box := tight or stored:
            x0, y0, x1, y1 = box
            last = 1 if tight else 0
            x0, x1 = x0 * self.width, x1 * self.width + last
            made = x0, y0 * self.height, x1, y1 * self.height + last
        elif self.camera is None or entity.pos is None or entity.model_sizes is None:
            return "boxes off the screen without a box of their own"
        else:
            return self._computed(self.camera, *corners)
        clipped = clip_box(made, self.width, self.height)
        return (clipped, truncation) if box_area(clipped) else "boxes outside the picture"

    def _computed(
        self, camera: Camera, world: Corners8, ours: Corners8
    ) -> tuple[Box, float | None] | str:
        """The same from corners, the world's and the camera's; truncation if all lie ahead."""
        (seen,) = rectangles(world[None], camera, self.width, self.height)
        if seen is None:
            ahead = bool((ours[:, 2] > 0).any())
            return "boxes outside the picture" if ahead else "boxes behind the camera"
        whole = box_around(camera, ours)
        if whole is None:
            return seen, None
        inside = box_area(clip_box(whole, self.width, self.height))
        return seen, 1 - inside / max(box_area(whole), inside, 1e-9)

    def _is_hidden(self, category: SceneClass, box: Box) -> bool:
        """Whether no pixel in its box is of its kind: then nothing of it is to be seen."""
        if self.stencil is None:
            return False
        kind = SceneClass.PERSON if category is SceneClass.PERSON else SceneClass.VEHICLE
        columns = slice(int(box[0]), math.ceil(box[2]))
        inside = self.stencil[int(box[1]) : math.ceil(box[3]), columns]
        # One pixel is proof enough, and of most things a grid finds one.
        return not any((inside[::step, ::step] == kind).any() for step in (8, 1))


def _corners(entities: Sequence[Entity], name: str) -> NDArray[np.float64]:
    """Corners (n, 8, 3) of the entities' own boxes, world, metres.

    All at one place where sizes are not told; nan without a place. Raises BadFrame.
    """
    nowhere = (math.nan,) * 3
    numbers = np.array(
        [
            (*(e.pos or nowhere), *(e.rot or (0,) * 3), *(e.model_sizes or (0,) * 6))
            for e in entities
        ]
    ).reshape(-1, 12)
    told = np.array([e.pos is not None for e in entities], dtype=bool)
    absurd = told & ~(np.abs(numbers) < MOST_METRES).all(axis=1)
    if absurd.any():
        got = entities[int(absurd.argmax())].pos
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted an entity on the map, got {got}")
    numbers[~told] = math.nan
    turns, sizes = rotations(numbers[:, 3:6]), numbers[:, 6:]
    return corners_of(numbers[:, :3], sizes[:, ::2], sizes[:, 1::2], turns)


def _in_axes_of(camera: Camera | None, world: NDArray[np.float64]) -> NDArray[np.float64]:
    """World points (n, 8, 3) as the camera has them; nan without a camera."""
    if camera is None:
        return np.full_like(world, math.nan)
    world_to_camera = np.linalg.inv(camera.camera_to_world)
    ours: NDArray[np.float64] = world @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    return ours


def _stored(corners: Corners | None) -> Box | None:
    """(x0, y0, x1, y1) of stored corners; None where a number of them is infinite."""
    if corners is None or not all(math.isfinite(x) for corner in corners for x in corner):
        return None
    (xa, ya), (xb, yb) = corners
    return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)
