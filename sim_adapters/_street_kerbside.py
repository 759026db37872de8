"""What stands along the kerbs of a street: lamps, signals, signs, furniture and plants."""

import numpy as np

from parhelion.sim_adapters import _street_furniture as furniture
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_layout import KERB_M, Layout
from parhelion.sim_adapters._street_mesh import Light
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_placing import Pose, Site


def kerbside(site: Site, layout: Layout, random: Random) -> None:
    """Places everything that stands on the pavements."""
    _lamps(site, layout, random)


def kerb_pose(layout: Layout, side: int, y: float, inset: float = 0.55) -> Pose:
    """At the kerb on the left (-1) or right (1), the road in the thing's direction -x."""
    x = layout.right + inset if side > 0 else layout.left - inset
    return Pose(x=x, y=y, z=KERB_M, turn=0.0 if side > 0 else np.pi)


def _lamps(site: Site, layout: Layout, random: Random) -> None:
    colour = palette.pick(random, palette.METAL_POLE)
    old = layout.character == "town" and random.random() < 0.6
    spacing = float(random.uniform(17, 22)) if old else float(random.uniform(22, 30))
    height, reach = float(random.uniform(6.5, 9.0)), float(random.uniform(1.2, 2.4))
    warm = (1.0, 0.78, 0.5) if random.random() < 0.5 else (1.0, 0.93, 0.82)
    power = 90.0 if old else 3.2 * height**2
    for side, phase in ((-1, 0.0), (1, spacing / 2)):
        for y in np.arange(layout.start + 6 + phase, layout.end - 3, spacing):
            if on_junction(layout, float(y), 2.0):
                continue
            made, lamp = (
                furniture.lantern(colour) if old else furniture.lamp_post(height, reach, colour)
            )
            pose = kerb_pose(layout, side, float(y))
            site.add(made, pose)
            site.lights.append(
                Light(
                    position_m=pose.at(lamp),
                    direction=(0.0, 0.0, -1.0),
                    intensity=(power * warm[0], power * warm[1], power * warm[2]),
                    cutoff_deg=80.0,
                    beam_deg=45.0,
                )
            )


def on_junction(layout: Layout, y: float, margin: float) -> bool:
    """Whether y lies on the side street or within `margin` of it."""
    return layout.junction is not None and abs(y - layout.junction) < layout.side_half + margin
