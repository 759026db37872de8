"""Vehicles: what drives in both directions and what stands parked at the kerbs."""

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_cycles as cycles
from parhelion.sim_adapters import _street_vehicles as vehicles
from parhelion.sim_adapters._street_ground import bay_rows
from parhelion.sim_adapters._street_layout import BAY_M, Layout
from parhelion.sim_adapters._street_mesh import Light
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_placing import Pose, Site
from parhelion.sim_adapters._street_vehicles import Vehicle

CLEAR_AHEAD_M = 9.0  # nobody drives this close before the last camera in its lane
SPAN_M = 75.0  # traffic reaches this far beyond the last camera


def traffic(site: Site, layout: Layout, random: Random) -> None:
    """Places all vehicles on a site."""
    _parked(site, layout, random)
    if layout.junction is not None:
        _side_street(site, layout, random, layout.junction)
    for direction in (1, -1):
        for lane in range(layout.lanes):
            _driving(site, layout, random, direction, lane)


def _vehicle(random: Random, driving: bool) -> Vehicle:
    kind = random.random()
    if driving and kind < 0.07:
        return vehicles.bus(random, driving)
    if kind < 0.13:
        return vehicles.truck(random, driving)
    return vehicles.random_car(random, driving)


def _driving(site: Site, layout: Layout, random: Random, direction: int, lane: int) -> None:
    own = direction > 0 and lane == 0
    start = layout.cameras[-1] + CLEAR_AHEAD_M if own else layout.cameras[0] + 4.0
    end = layout.cameras[-1] + SPAN_M
    y = start + float(random.exponential(8.0))
    x = direction * (lane + 0.5) * layout.lane
    while y < end:
        if random.random() < (0.12 if layout.lanes == 1 else 0.06):
            _two_wheels(site, layout, random, direction, y + 1)
            y += 6.0 + float(random.exponential(8.0))
            continue
        vehicle = _vehicle(random, driving=True)
        middle = y + vehicle.length / 2
        near = layout.crowds_a_camera(x, middle, vehicle.width / 2 + 0.15, vehicle.length / 2)
        if not near and not _on_junction(layout, middle, vehicle.length):
            pose = Pose(
                x=x + float(random.uniform(-0.15, 0.15)),
                y=middle,
                turn=0.0 if direction > 0 else np.pi,
            )
            _place(site, vehicle, pose, driving=True)
        y += vehicle.length + 3.5 + float(random.exponential(13.0))


def _two_wheels(site: Site, layout: Layout, random: Random, direction: int, y: float) -> None:
    """A cyclist near the kerb, or a motorcyclist in the middle of the outer lane."""
    if _on_junction(layout, y, 1.0) or layout.crowds_a_camera(direction * layout.lane, y, 1.0, 1.0):
        return
    turn = 0.0 if direction > 0 else np.pi
    if random.random() < 0.7:
        pose = Pose(x=direction * (layout.lanes * layout.lane - 0.55), y=y, turn=turn)
        site.add_thing(cycles.bicycle(random), SceneClass.BICYCLE, pose)
        site.add_thing(cycles.cyclist(random), SceneClass.RIDER, pose)
    else:
        pose = Pose(x=direction * (layout.lanes - 0.5) * layout.lane, y=y, turn=turn)
        site.add_thing(cycles.motorcycle(random, driving=True), SceneClass.MOTORCYCLE, pose)
        site.add_thing(cycles.motorcyclist(random), SceneClass.RIDER, pose)


def _on_junction(layout: Layout, y: float, length: float) -> bool:
    if layout.junction is None:
        crossing = layout.crossing
        return crossing is not None and abs(y - crossing) < length / 2 + 2.4
    return abs(y - layout.junction) < layout.side_half + 5.0 + length / 2


def _side_street(site: Site, layout: Layout, random: Random, junction: float) -> None:
    """Who waits in the side street to come out."""
    for side, kerb in ((-1, -layout.left), (1, layout.right)):
        if random.random() < 0.45:
            continue
        vehicle = vehicles.random_car(random, driving=True)
        pose = Pose(
            x=side * (kerb + 5.4 + vehicle.length / 2),
            y=junction + side * layout.side_half / 2,
            turn=side * np.pi / 2,
        )
        _place(site, vehicle, pose, driving=True)


def _parked(site: Site, layout: Layout, random: Random) -> None:
    for side, kerb in ((-1, layout.left), (1, layout.right)):
        full = float(random.uniform(0.45, 0.9))
        for a, b in bay_rows(layout, side):
            for bay in np.arange(max(a, -12.0), min(b, layout.cameras[-1] + 80) - 5.9, 6.0):
                if random.random() > full:
                    continue
                vehicle = vehicles.random_car(random, driving=False)
                x = kerb - side * (BAY_M / 2 + float(random.uniform(-0.08, 0.1)))
                backwards = random.random() < 0.06
                if layout.crowds_a_camera(x, float(bay) + 3, 1.0, vehicle.length / 2 + 0.35):
                    continue
                pose = Pose(
                    x=x,
                    y=float(bay) + 3 + float(random.uniform(-0.35, 0.35)) * (vehicle.length < 5),
                    turn=float(random.normal(0, 0.012)) + np.pi * ((side < 0) != backwards),
                )
                _place(site, vehicle, pose, driving=False)


def _place(site: Site, vehicle: Vehicle, pose: Pose, driving: bool) -> None:
    site.add_thing(vehicle.pieces, vehicle.category, pose)
    if not driving:
        return
    for side in (-1, 1):
        lamp = (side * vehicle.width * 0.36, vehicle.length / 2 + 0.12, vehicle.lamp_height)
        site.lights.append(
            Light(
                position_m=pose.at(lamp),
                direction=pose.towards((0.0, 1.0, -0.07)),
                intensity=(34.0, 32.0, 28.0),
                cutoff_deg=26.0,
                beam_deg=10.0,
            )
        )
