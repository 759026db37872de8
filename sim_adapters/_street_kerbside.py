"""What stands along the kerbs of a street: lamps, signals, signs, trees and furniture."""

from dataclasses import dataclass, field

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_cycles as cycles
from parhelion.sim_adapters import _street_furniture as furniture
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters import _street_plants as plants
from parhelion.sim_adapters import _street_signals as signals
from parhelion.sim_adapters._street_assembly import Piece, moved
from parhelion.sim_adapters._street_ground import crossing_bands
from parhelion.sim_adapters._street_layout import KERB_M, Layout
from parhelion.sim_adapters._street_mesh import Light
from parhelion.sim_adapters._street_palette import Random
from parhelion.sim_adapters._street_placing import Pose, Site

NEAR_M = 42.0  # trees nearer than this to a camera's path have all their leaves
NEAR_LEAVES, FAR_LEAVES = 2000, 600


@dataclass
class Kerb:
    """One kerb while it fills up: what is taken, from y to y."""

    layout: Layout
    side: int
    taken: list[tuple[float, float]] = field(default_factory=list)

    def take(self, y: float, half: float) -> bool:
        """Reserves y - half to y + half, unless somebody has it or a crossing lies there."""
        free = all(y + half < a or y - half > b for a, b in self.taken)
        if free:
            self.taken.append((y - half, y + half))
        return free

    def pose(self, y: float, inset: float = 0.55, turn: float = 0.0) -> Pose:
        """On the pavement, `inset` metres from the kerb, the road in the thing's direction -x."""
        x = self.layout.right + inset if self.side > 0 else self.layout.left - inset
        return Pose(x=x, y=y, z=KERB_M, turn=(0.0 if self.side > 0 else np.pi) + turn)


def kerbside(site: Site, layout: Layout, random: Random) -> None:
    """Places everything that stands on the pavements."""
    kerbs = tuple(Kerb(layout, side, _kept_free(layout)) for side in (-1, 1))
    colour = palette.pick(random, palette.METAL_POLE)
    if layout.junction is not None and layout.signals:
        _signals(site, layout, random, colour)
    _signs(site, kerbs, random, colour)
    _lamps(site, kerbs, random, colour)
    _trees(site, kerbs, random)
    _furniture(site, kerbs, random, colour)


def _kept_free(layout: Layout) -> list[tuple[float, float]]:
    bands = [(a - 0.6, b + 0.6) for a, b in crossing_bands(layout)]
    if layout.junction is not None:
        reach = layout.side_half + 4.6
        bands.append((layout.junction - reach, layout.junction + reach))
    return bands


def _signals(site: Site, layout: Layout, random: Random, colour: palette.Colour) -> None:
    """A mast at the near right corner for each arm of the main street, some with an arm over it."""
    state = str(random.choice(("red", "green", "amber"), p=(0.5, 0.42, 0.08)))
    junction, reach = layout.junction or 0.0, layout.side_half + 5.2
    arm = (
        layout.right - layout.own_lane + 0.4 if layout.lanes == 2 or random.random() < 0.4 else 0.0
    )
    for direction in (1, -1):
        x = layout.right + 0.5 if direction > 0 else layout.left - 0.5
        turn = 0.0 if direction > 0 else np.pi
        pose = Pose(x=x, y=junction - direction * reach, z=KERB_M, turn=turn)
        site.add(signals.signal_mast(arm, colour), pose)
        heads = [(0.0, -0.16, 2.75)] + ([(-arm + 0.35, -0.14, 5.45)] if arm else [])
        for head in heads:
            at = pose.at(head)
            there = Pose(x=at[0], y=at[1], z=at[2], turn=turn)
            site.add_thing(signals.signal_head(state), SceneClass.TRAFFIC_LIGHT, there)
        # The side street's own signal, seen from the side; it stops while the main street goes.
        other = "red" if state == "green" else "green"
        aside = Pose(
            x=-x, y=junction - direction * (layout.side_half + 0.8), z=KERB_M, turn=turn + np.pi / 2
        )
        site.add(signals.signal_mast(0.0, colour), aside)
        at = aside.at((0.0, -0.16, 2.75))
        there = Pose(x=at[0], y=at[1], z=at[2], turn=aside.turn)
        site.add_thing(signals.signal_head(other), SceneClass.TRAFFIC_LIGHT, there)


def _signs(site: Site, kerbs: tuple[Kerb, ...], random: Random, colour: palette.Colour) -> None:
    """Signs for both directions, each on its own post."""
    layout = kerbs[0].layout
    for kerb in kerbs:
        wanted = []
        if layout.junction is not None:
            before = layout.junction - kerb.side * (layout.side_half + 5.6)
            if not layout.signals:
                wanted.append((before, str(random.choice(("priority", "yield", "stop")))))
        bands = crossing_bands(layout)
        if bands and (layout.junction is None or random.random() < 0.5):
            near = bands[0][0] - 1.0 if kerb.side > 0 else bands[-1][1] + 1.0
            wanted.append((near, "crossing"))
        for _ in range(int(random.integers(1, 4))):
            y = float(random.uniform(6, layout.cameras[-1] + 60))
            wanted.append((y, str(random.choice(signals.SIGN_KINDS[1:]))))
        for y, kind in wanted:
            if kerb.take(y, 0.35) or kind in ("crossing", "stop", "yield", "priority"):
                _sign(site, kerb.pose(y, 0.5), kind, colour)


def _sign(site: Site, pose: Pose, kind: str, colour: palette.Colour) -> None:
    site.add(signals.sign_post(colour), pose)
    at = pose.at((0.0, -0.05, 2.45))
    there = Pose(x=at[0], y=at[1], z=at[2], turn=pose.turn)
    site.add_thing(signals.sign(kind), SceneClass.TRAFFIC_SIGN, there)


def _lamps(site: Site, kerbs: tuple[Kerb, ...], random: Random, colour: palette.Colour) -> None:
    layout = kerbs[0].layout
    old = layout.character == "town" and random.random() < 0.6
    spacing = float(random.uniform(17, 22)) if old else float(random.uniform(22, 30))
    height, reach = float(random.uniform(6.5, 9.0)), float(random.uniform(1.2, 2.4))
    warm = (1.0, 0.78, 0.5) if random.random() < 0.5 else (1.0, 0.93, 0.82)
    power = 90.0 if old else 3.2 * height**2
    made, lamp = furniture.lantern(colour) if old else furniture.lamp_post(height, reach, colour)
    for kerb, phase in zip(kerbs, (0.0, spacing / 2), strict=True):
        for y in np.arange(layout.start + 6 + phase, layout.end - 3, spacing):
            if not kerb.take(float(y), 0.5):
                continue
            pose = kerb.pose(float(y))
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


def _trees(site: Site, kerbs: tuple[Kerb, ...], random: Random) -> None:
    """Rows of trees of one or two species, with gaps."""
    layout = kerbs[0].layout
    small = min(layout.pavements) + layout.verge < 3.2
    tall = ("linden", "plane", "maple", "birch", "poplar")
    kinds = random.choice(("cherry", "maple", "linden") if small else tall, 2, replace=False)
    autumn, winter = bool(random.random() < 0.12), bool(random.random() < 0.06)
    names = ("bare", "bare") if winter else tuple(str(kind) for kind in kinds)
    near, far = (
        [plants.tree(random, name, leaves, autumn) for name in names for _ in range(2)]
        for leaves in (NEAR_LEAVES, FAR_LEAVES)
    )
    for kerb in kerbs:
        density = float(random.choice((0.0, 0.5, 0.85), p=(0.22, 0.3, 0.48)))
        spacing = float(random.uniform(8, 14))
        mixed = random.random() < 0.3
        for y in np.arange(layout.start + 2, layout.end - 6, spacing):
            y = float(y) + float(random.uniform(-0.8, 0.8))
            if random.random() > density or not kerb.take(y, 0.7):
                continue
            close = y < layout.cameras[-1] + NEAR_M
            i = int(random.integers(4)) if mixed else int(random.integers(2))
            scale = float(random.uniform(0.75, 1.1)) * (0.85 if small else 1.0)
            inset = layout.verge / 2 + 0.2 if layout.verge else 0.9
            pose = kerb.pose(y, inset)
            if not layout.crowds_a_camera(pose.x, y, 1.2, 1.2):
                set_tree(site, (near if close else far)[i], pose, scale, random)


def set_tree(site: Site, tree: list[Piece], pose: Pose, scale: float, random: Random) -> None:
    """A scaled copy of a tree, turned anyhow."""
    turn = float(random.uniform(0, 2 * np.pi))
    stretch = np.diag([scale, scale, scale * float(random.uniform(0.92, 1.08))])
    copies = [Piece(p.mesh.through(stretch), p.surface) for p in moved(tree, turn=turn)]
    site.add(copies, pose)


def _furniture(site: Site, kerbs: tuple[Kerb, ...], random: Random, colour: palette.Colour) -> None:
    """Benches, bins, bollards, cabinets, shelters and bicycles, where there is room."""
    layout = kerbs[0].layout
    for kerb in kerbs:
        if layout.character != "suburb" and random.random() < 0.35:
            _shelter(site, kerb, random)
        if random.random() < 0.3:
            _bollards(site, kerb, random, colour)
        for _ in range(int(random.integers(3, 9))):
            y = float(random.uniform(4, layout.cameras[-1] + 60))
            if kerb.take(y, 1.1):
                site.add(*_one(random, kerb, y, colour))
        for _ in range(int(random.integers(0, 3))):
            y = float(random.uniform(6, layout.cameras[-1] + 45))
            if layout.character != "suburb" and kerb.take(y, 1.6):
                _bicycles(site, kerb, y, random)


def _one(random: Random, kerb: Kerb, y: float, colour: palette.Colour) -> tuple[list[Piece], Pose]:
    kind = int(random.integers(7))
    if kind == 0:
        return furniture.bench(), kerb.pose(y, 0.9)
    if kind == 1:
        return furniture.wheelie_bins(random), kerb.pose(y, 0.7)
    if kind == 2:
        return furniture.cabinet(random), kerb.pose(y, 0.6)
    if kind == 3:
        red = (palette.SIGN_RED, palette.SIGN_YELLOW, palette.SIGN_BLUE)
        return furniture.post_box(red[int(random.integers(3))]), kerb.pose(y, 0.7)
    if kind == 4:
        bush = plants.shrub(random, 0.5, plants.foliage(random, autumn=False, conifer=False))
        return [*furniture.planter(random), *moved(bush, z=0.4)], kerb.pose(y, 0.9)
    if kind == 5 and min(kerb.layout.pavements) > 3.0:
        return furniture.advert_pillar(random), kerb.pose(y, 1.1)
    return furniture.litter_bin(colour), kerb.pose(y, 0.6)


def _shelter(site: Site, kerb: Kerb, random: Random) -> None:
    y = float(random.uniform(14, kerb.layout.cameras[-1] + 40))
    wide = kerb.layout.pavements[0 if kerb.side < 0 else 1] > 2.6
    pose = kerb.pose(y, 1.3)
    near = kerb.layout.crowds_a_camera(pose.x, y, 1.0, 2.2)
    if wide and not near and kerb.take(y, 3.0):
        site.add(furniture.bus_shelter(), pose)


def _bollards(site: Site, kerb: Kerb, random: Random, colour: palette.Colour) -> None:
    start = float(random.uniform(2, 30))
    for y in start + 1.6 * np.arange(int(random.integers(4, 10))):
        if kerb.take(float(y), 0.2):
            site.add(furniture.bollard(colour), kerb.pose(float(y), 0.4))


def _bicycles(site: Site, kerb: Kerb, y: float, random: Random) -> None:
    """Two stands with bicycles leant on them."""
    for dy in (-0.7, 0.7):
        site.add(furniture.bicycle_stand(), kerb.pose(y + dy, 1.0))
        if random.random() < 0.8:
            pose = kerb.pose(y + dy + 0.22, 1.0, turn=np.pi / 2 + float(random.normal(0, 0.06)))
            site.add_thing(cycles.bicycle(random), SceneClass.BICYCLE, pose)
