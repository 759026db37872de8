"""Puts things in their places: numbers them, boxes them, and mirrors a whole street."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._street_assembly import Piece, moved, parts_of
from parhelion.sim_adapters._street_mesh import Light, Part, Smoke, Thing

BOX_MARGIN_M = 2e-3  # boxes enclose their vertices in float32 too


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where something stands: `turn` radians about z, counter-clockwise from above."""

    x: float
    y: float
    z: float = 0.0
    turn: float = 0.0

    def at(self, point: Sequence[float]) -> tuple[float, float, float]:
        """A point (3,) of the thing's own axes, in the world."""
        dx, dy = self.towards(point)[:2]
        return (self.x + dx, self.y + dy, self.z + float(point[2]))

    def towards(self, direction: Sequence[float]) -> tuple[float, float, float]:
        """A direction (3,) of the thing's own axes, in the world."""
        c, s = float(np.cos(self.turn)), float(np.sin(self.turn))
        x, y = float(direction[0]), float(direction[1])
        return (c * x - s * y, s * x + c * y, float(direction[2]))


@dataclass
class Site:
    """A street while it is being built."""

    scenery: list[Piece] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    fires: list[Light] = field(default_factory=list)  # never left out, however far
    smoke: Smoke | None = None

    def add(self, pieces: Sequence[Piece], pose: Pose) -> None:
        """Scenery: nothing that gets a box."""
        self.scenery += moved(pieces, pose.x, pose.y, pose.z, pose.turn)

    def add_thing(self, pieces: Sequence[Piece], category: SceneClass, pose: Pose) -> None:
        """A thing with an instance id of its own and a box along its own axes."""
        instance = 1 + max((thing.instance for thing in self.things), default=0)
        own = np.concatenate([p.mesh.vertices for p in pieces]).astype(np.float64)
        low, high = own.min(axis=0) - BOX_MARGIN_M, own.max(axis=0) + BOX_MARGIN_M
        corners = [
            pose.at((x, y, z))
            for z in (low[2], high[2])
            for y in (low[1], high[1])
            for x in (low[0], high[0])
        ]
        self.parts += parts_of(moved(pieces, pose.x, pose.y, pose.z, pose.turn), instance)
        self.things.append(Thing(instance=instance, category=category, corners_m=np.array(corners)))

    def finished_parts(self) -> tuple[Part, ...]:
        """All parts, the scenery's first."""
        return (*parts_of(self.scenery), *self.parts)


_MIRROR: NDArray[np.float32] = np.array([-1, 1, 1], dtype=np.float32)


def mirrored_part(part: Part) -> Part:
    """The part in a street that drives on the left (x -> -x)."""
    faces = np.ascontiguousarray(part.faces[:, ::-1])
    return replace(part, vertices=part.vertices * _MIRROR, faces=faces)


def mirrored_thing(thing: Thing) -> Thing:
    """The thing in a street that drives on the left."""
    return replace(thing, corners_m=thing.corners_m * _MIRROR)


def mirrored_light(light: Light) -> Light:
    """The light in a street that drives on the left."""
    (x, y, z), (dx, dy, dz) = light.position_m, light.direction
    return replace(light, position_m=(-x, y, z), direction=(-dx, dy, dz))


def mirrored_smoke(smoke: Smoke) -> Smoke:
    """The smoke in a street that drives on the left."""
    return replace(smoke, centres_m=smoke.centres_m * _MIRROR)
