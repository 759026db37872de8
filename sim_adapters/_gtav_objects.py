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

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera, SceneObject, Stencil
from parhelion.pipeline.layers import Box, box_area, clip_box
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._gtav_camera import MOST_METRES, corners_of, seen_from
from parhelion.sim_adapters._gtav_snapshot import Corners, Entity

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
        self.world_to_camera = None if camera is None else np.linalg.inv(camera.camera_to_world)

    def object_of(self, entity: Entity, dropped: Counter[str]) -> SceneObject | None:
        """The entity as an object; None, and counted, where it is none. Raises BadFrame."""
        category = category_of(entity, self.name)
        if category is None:
            dropped["entities of the background"] += 1
            return None
        if category is SceneClass.PERSON and entity.pos and entity.pos[2] < LOWEST_M:
            dropped["persons parked below the map"] += 1
            return None
        corners = self._corners(entity)
        placed = self._box(entity, corners)
        if isinstance(placed, str):
            dropped[placed] += 1
            return None
        box, truncation = placed
        centre = None if corners is None else corners.mean(axis=0)
        return self._object(category, box, truncation, centre)

    def _object(
        self,
        category: SceneClass,
        box: Box,
        truncation: float | None,
        centre: NDArray[np.float64] | None,
    ) -> SceneObject:
        far = self._distance(centre)
        try:
            return SceneObject(
                category=category,
                box_xyxy=box,
                truncation=truncation,
                distance_m=far,
                visibility=0.0 if self._is_hidden(category, box) else None,
                centre_m=None if centre is None else tuple(centre.tolist()),
            )
        except ValidationError as error:
            sentence = f"{self.name}: wanted an object with a box, got {box}"
            raise BadFrame(Reason.BAD_METADATA, sentence) from error

    def _corners(self, entity: Entity) -> NDArray[np.float64] | None:
        """The corners of its own box (8, 3), world, metres; all at one place without sizes."""
        if entity.pos is None:
            return None
        rot, sizes = entity.rot or (0.0, 0.0, 0.0), entity.model_sizes or (0.0,) * 6
        numbers = (*entity.pos, *rot, *sizes)
        if not all(abs(number) < MOST_METRES for number in numbers):
            sentence = f"{self.name}: wanted an entity on the map, got {entity.pos}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        return corners_of(entity.pos, rot, sizes)

    def _box(
        self, entity: Entity, corners: NDArray[np.float64] | None
    ) -> tuple[Box, float | None] | str:
        """Its box in the picture with its truncation, or why there is none."""
        stored = _stored(entity.bbox)
        tight = _stored(entity.best_bbox)
        truncation: float | None = 0.0 if stored else None  # all of it was on the screen
        if box := tight or stored:
            x0, y0, x1, y1 = box
            last = 1 if tight else 0
            made = (
                x0 * self.width,
                y0 * self.height,
                x1 * self.width + last,
                y1 * self.height + last,
            )
        elif self.camera is None or corners is None or entity.model_sizes is None:
            return "boxes off the screen without a box of their own"
        else:
            seen = seen_from(self.camera, corners)
            if seen is None:
                return "boxes behind the camera"
            made = seen.box
            if seen.whole:
                inside = box_area(clip_box(made, self.width, self.height))
                truncation = 1 - inside / max(box_area(made), inside, 1e-9)
        clipped = clip_box(made, self.width, self.height)
        if not box_area(clipped):
            return "boxes outside the picture"
        return clipped, truncation

    def _distance(self, centre: NDArray[np.float64] | None) -> float | None:
        """Metres along the optical axis to a place in the world; None behind the camera."""
        if centre is None or self.world_to_camera is None:
            return None
        far = float(self.world_to_camera[2, :3] @ centre + self.world_to_camera[2, 3])
        return far if far >= 0 else None

    def _is_hidden(self, category: SceneClass, box: Box) -> bool:
        """Whether no pixel in its box is of its kind: then nothing of it is to be seen."""
        if self.stencil is None:
            return False
        kind = SceneClass.PERSON if category is SceneClass.PERSON else SceneClass.VEHICLE
        columns = slice(int(box[0]), math.ceil(box[2]))
        rows = slice(int(box[1]), math.ceil(box[3]))
        return not (self.stencil[rows, columns] == kind).any()


def _stored(corners: Corners | None) -> Box | None:
    """(x0, y0, x1, y1) of stored corners; None where a number of them is infinite."""
    if corners is None or not all(math.isfinite(x) for corner in corners for x in corner):
        return None
    (xa, ya), (xb, yb) = corners
    return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)
