"""Where people are: on the pavements, on the crossings, at the kerb."""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_people as people
from parhelion.sim_adapters._street_ground import crossing_bands
from parhelion.sim_adapters._street_layout import KERB_M, Layout
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_placing import Pose, Site

APART_M = 0.9
BUSY = {"city": (8, 18), "town": (6, 14), "suburb": (3, 8), "offices": (6, 14)}


def crowd(site: Site, layout: Layout, random: Random) -> None:
    """Places people on a site."""
    places: list[tuple[float, float]] = []
    low, high = BUSY[layout.character]
    for _ in range(int(random.integers(low, high + 1))):
        side = int(random.choice((-1, 1)))
        _on_pavement(site, layout, random, side, places)
    for band in crossing_bands(layout):
        for _ in range(int(random.choice((0, 1, 2, 3), p=(0.35, 0.35, 0.2, 0.1)))):
            _on_crossing(site, layout, random, band, places)


def _free(places: list[tuple[float, float]], x: float, y: float) -> bool:
    free = all(np.hypot(x - a, y - b) > APART_M for a, b in places)
    if free:
        places.append((x, y))
    return free


def _on_pavement(
    site: Site, layout: Layout, random: Random, side: int, places: list[tuple[float, float]]
) -> None:
    """Somebody who walks along the street, or stands; sometimes two side by side."""
    kerb = layout.right if side > 0 else -layout.left
    inner, outer = kerb + layout.verge + 1.5, layout.frontage(side) - layout.setback - 0.45
    x = side * float(random.uniform(min(inner, outer - 0.1), outer))
    y = float(
        layout.cameras[0] + 5 + random.gamma(2.0, 11.0) + random.random() * layout.cameras[-1]
    )
    if layout.junction is not None and abs(y - layout.junction) < layout.side_half + 1:
        return
    walks = random.random() < 0.8
    turn = float(random.choice((0.0, np.pi)) if walks else random.uniform(0, 2 * np.pi))
    mates = 2 if random.random() < 0.22 else 1
    for i in range(mates):
        at = (x + 0.62 * i * -side, y + 0.1 * i)
        if abs(at[0]) > kerb + layout.verge + 0.7 and _free(places, *at):
            _person(site, random, Pose(x=at[0], y=at[1], z=KERB_M, turn=turn), walks)


def _on_crossing(
    site: Site,
    layout: Layout,
    random: Random,
    band: tuple[float, float],
    places: list[tuple[float, float]],
) -> None:
    x = float(random.uniform(layout.left + 0.6, layout.right - 0.6))
    y = float(random.uniform(band[0] + 0.5, band[1] - 0.5))
    in_the_way = any(-1.0 < y - camera < 9.0 for camera in layout.cameras)
    if in_the_way and abs(x - layout.own_lane) < layout.lane / 2 + 1.0:
        return
    if _free(places, x, y):
        turn = float(random.choice((-1, 1))) * np.pi / 2 + float(random.normal(0, 0.1))
        _person(site, random, Pose(x=x, y=y, turn=turn), walks=True)


def _person(site: Site, random: Random, pose: Pose, walks: bool) -> None:
    joints = (
        people.walking(float(random.uniform(0, 2 * np.pi))) if walks else people.standing(random)
    )
    body = people.person(people.random_looks(random), joints)
    site.add_thing(body, SceneClass.PERSON, pose)
