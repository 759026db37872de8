"""People and vehicles of a frame: of the instances where there are any, else of actors' boxes.

The instances say what is seen; the actors of the manifest say where it stands. Their ids agree in
some releases only, so an actor is believed when its box lies where the instance is seen.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.frame import Camera, Depth, Instances, SceneObject, Stencil
from parhelion.pipeline.layers import Box, box_area, clip_box, instance_boxes
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._carla_camera import box_centre, seen_from
from parhelion.sim_adapters._carla_layers import PEOPLE, VEHICLES, category_of, engine_id
from parhelion.sim_adapters._carla_manifest import Actor

SLACK = 0.5  # an actor's centre may lie this share of the seen box outside it: others may hide half


def family_of(actor: Actor) -> LabelSpace:
    """The classes that an actor can show."""
    if actor.type_id.startswith("walker."):
        return PEOPLE
    if actor.type_id.startswith("vehicle."):
        return VEHICLES | {SceneClass.RIDER}
    return frozenset()


def seen_objects(
    instances: Instances, actors: Iterable[Actor], camera: Camera | None
) -> tuple[SceneObject, ...]:
    """One object per id, its box around what is seen; `camera` only where its pose is known."""
    actors = tuple(actors)
    return tuple(
        _object(instance, box, actors, camera)
        for instance, box in sorted(instance_boxes(instances).items())
    )


def boxed_objects(
    actors: Iterable[Actor], camera: Camera, depth: Depth, stencil: Stencil | None
) -> Iterator[SceneObject]:
    """Actors that the depth shows inside their boxes, drawn around hidden parts too.

    The class is the one most seen there; without a stencil it is VEHICLE or HUMAN.
    """
    height, width = depth.shape
    for actor in actors:
        family = family_of(actor)
        if actor.bbox2d is None or actor.extent is None or not family:
            continue
        box = clip_box(actor.bbox2d, width, height)
        centre = box_centre(actor.transform, actor.centre)
        distance = seen_from(camera, centre)[2]
        if not (np.isfinite(box).all() and box_area(box) > 0 and distance > 0):
            continue
        (x0, y0), (x1, y1) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
        inside = (slice(y0, y1), slice(x0, x1))
        e = actor.extent
        there = np.abs(depth[inside] - distance) <= np.linalg.norm([e.x, e.y, e.z])
        category = _most_seen(there, None if stencil is None else stencil[inside], family)
        if category is not None:
            yield SceneObject(
                category=category, box_xyxy=box, distance_m=distance, centre_m=_three(centre)
            )


def _object(
    instance: int, box: Box, actors: tuple[Actor, ...], camera: Camera | None
) -> SceneObject:
    category = category_of(instance)
    for actor in actors:
        if camera is None:
            break
        if actor.id & 0xFFFF == engine_id(instance) and category in family_of(actor):
            centre = box_centre(actor.transform, actor.centre)
            x, y, distance = seen_from(camera, centre)
            if distance > 0 and _near(box, x, y):
                return SceneObject(
                    category=category,
                    instance=instance,
                    box_xyxy=box,
                    distance_m=distance,
                    centre_m=_three(centre),
                )
    return SceneObject(category=category, instance=instance, box_xyxy=box)


def _near(box: Box, x: float, y: float) -> bool:
    x0, y0, x1, y1 = box
    dx, dy = SLACK * (x1 - x0) + 1, SLACK * (y1 - y0) + 1
    return x0 - dx <= x <= x1 + dx and y0 - dy <= y <= y1 + dy


def _most_seen(
    there: NDArray[np.bool_], stencil: Stencil | None, family: LabelSpace
) -> SceneClass | None:
    """The class of `family` with most pixels; None where nothing of it is seen."""
    if stencil is None:
        coarse = SceneClass.HUMAN if SceneClass.HUMAN in family else SceneClass.VEHICLE
        return coarse if there.any() else None
    counts = np.bincount(stencil[there], minlength=256)
    best = max(sorted(family), key=lambda c: counts[c])
    return best if counts[best] else None


def _three(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = map(float, point)
    return x, y, z
