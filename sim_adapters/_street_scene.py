"""Builds a street from a seed: plan, ground, houses, traffic, people, plants, cameras, events."""

import numpy as np

from parhelion.pipeline.conditions import Event
from parhelion.pipeline.scene_class import SceneClass as C
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._street_cameras import views_along
from parhelion.sim_adapters._street_crash import crash
from parhelion.sim_adapters._street_crowd import crowd
from parhelion.sim_adapters._street_detail import coarsely, is_coarse
from parhelion.sim_adapters._street_events import QUIET, Happening
from parhelion.sim_adapters._street_flood import flood
from parhelion.sim_adapters._street_gardens import gardens
from parhelion.sim_adapters._street_ground import ground
from parhelion.sim_adapters._street_kerbside import kerbside
from parhelion.sim_adapters._street_layout import random_layout
from parhelion.sim_adapters._street_mesh import Light, Street, View
from parhelion.sim_adapters._street_placing import (
    Site,
    mirrored_light,
    mirrored_part,
    mirrored_smoke,
    mirrored_thing,
)
from parhelion.sim_adapters._street_quarter import quarter
from parhelion.sim_adapters._street_traffic import traffic

LABEL_SPACE = frozenset(
    {
        C.ROAD, C.SIDEWALK, C.BUILDING, C.WALL, C.FENCE, C.POLE, C.TRAFFIC_LIGHT, C.TRAFFIC_SIGN,
        C.VEGETATION, C.TERRAIN, C.SKY, C.PERSON, C.RIDER, C.CAR, C.TRUCK, C.BUS, C.MOTORCYCLE,
        C.BICYCLE, C.STREET_LIGHT, C.OTHER,
    }
)  # fmt: skip
EVENT_LABEL_SPACE = LABEL_SPACE | {C.WATER, C.DEBRIS}
LEFT_SHARE = 0.15  # of streets that drive on the left
MOST_LIGHTS = 28
LIGHT_REACH_M = 60.0


def build_street(
    seed: int, views: int, happening: Happening = QUIET, coarse: bool = False
) -> Street:
    """The street of a seed with `views` cameras; a coarse one has a quarter of the triangles.

    Raises ValueError where there is no camera.
    """
    if views < 1:
        raise ValueError(f"a street needs at least 1 view, got {views}")
    with coarsely(coarse):
        return _built(seed, views, happening)


def _built(seed: int, views: int, happening: Happening) -> Street:
    layout = random_layout(rng("street.layout", seed), views)
    left = bool(rng("street.side", seed).random() < LEFT_SHARE)
    site = Site()
    site.scenery += ground(layout, rng("street.ground", seed))
    site.scenery += quarter(layout, rng("street.quarter", seed))
    traffic(site, layout, rng("street.traffic", seed))
    kerbside(site, layout, rng("street.kerbside", seed))
    gardens(site, layout, rng("street.gardens", seed))
    crowd(site, layout, rng("street.crowd", seed))
    if happening.event is Event.FLOOD:
        flood(site, layout, rng("street.flood", seed), happening)
    if happening.event is Event.PLANE_CRASH:
        crash(site, layout, rng("street.crash", seed))
    cameras = views_along(layout, rng("street.cameras", seed), mirror=left)
    parts, things, lights = site.finished_parts(), tuple(site.things), tuple(site.lights)
    fires, smoke = tuple(site.fires), site.smoke
    if left:
        parts = tuple(mirrored_part(p) for p in parts)
        things = tuple(mirrored_thing(t) for t in things)
        lights, fires = (tuple(mirrored_light(x) for x in some) for some in (lights, fires))
        smoke = None if smoke is None else mirrored_smoke(smoke)
    return Street(
        parts=parts,
        lights=(*nearest(lights, cameras), *fires),
        things=things,
        views=cameras,
        driving_side="left" if left else "right",
        smoke=smoke,
        coarse=is_coarse(),
    )


def nearest(lights: tuple[Light, ...], views: tuple[View, ...]) -> tuple[Light, ...]:
    """The lights within 60 m of a camera, at most 28, those nearest to cameras; order is kept."""
    at = np.array([light.position_m for light in lights]).reshape(-1, 3)
    eyes = np.array([view.camera_to_world[:3, 3] for view in views])
    distance = np.linalg.norm(at[:, None] - eyes[None], axis=2).min(axis=1)
    order = np.argsort(distance, kind="stable")[:MOST_LIGHTS]
    return tuple(lights[i] for i in sorted(order) if distance[i] < LIGHT_REACH_M)
