"""A CARLA server and its client library, as far as a capture asks: it plays a script, keeps a log.

The names and the order of arguments are those of the client library 0.9.16. Nothing is simulated:
one car stands ahead of the camera, and pictures come from `recordings.carla`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recordings import carla as drive

MAP = "Carla/Maps/Town03"
CAMERA = drive.CAMERA["location"]


def vector(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> SimpleNamespace:
    return SimpleNamespace(x=x, y=y, z=z)


def rotation(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> SimpleNamespace:
    return SimpleNamespace(pitch=pitch, yaw=yaw, roll=roll)


def transform(location: Any = None, rotation_: Any = None) -> SimpleNamespace:
    return SimpleNamespace(location=location or vector(), rotation=rotation_ or rotation())


def library() -> SimpleNamespace:
    """What `import carla` gives."""
    destroy = SimpleNamespace(DestroyActor=lambda actor: actor)
    return SimpleNamespace(Location=vector, Rotation=rotation, Transform=transform, command=destroy)


@dataclass
class Script:
    """What goes wrong, and when; ticks are counted from 1."""

    dies_at: int = 0  # this tick and everything after it raise
    interrupted_at: int = 0  # Ctrl-C during this tick
    silent_at: int = 0  # the depth camera gives nothing from here on
    stutters: bool = False  # every picture comes after one of the tick before
    ahead: bool = False  # pictures are of the next tick
    stop_fails: bool = False
    walkers_move: bool = False  # from tick to tick, as nobody holds them
    version: str = "0.9.16"
    parameters: tuple[str, ...] = tuple(drive.NOON)
    blueprints: tuple[str, ...] = (*drive.TYPES.values(), "vehicle.lincoln.mkz", "vehicle.audi.a2")
    spawn_points: int = 3


@dataclass
class Server:
    """The client, its world and its traffic manager in one."""

    script: Script = field(default_factory=Script)
    log: list[str] = field(default_factory=list)
    frame: int = 1000
    ticks: int = 0
    actors: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = SimpleNamespace(synchronous_mode=False, fixed_delta_seconds=None)
        self.sky = SimpleNamespace(**dict.fromkeys(self.script.parameters, 7.0))

    def called(self, name: str) -> list[str]:
        return [line for line in self.log if line.startswith(name)]

    # The client.

    def get_server_version(self) -> str:
        return self.script.version

    def get_world(self) -> "Server":
        return self

    def get_trafficmanager(self, port: int) -> "Server":
        return self

    def apply_batch(self, commands: list[Any]) -> None:
        self.log.append(f"destroy {' '.join(actor.type_id for actor in commands)}")

    # The traffic manager.

    def get_port(self) -> int:
        return 8000

    def set_synchronous_mode(self, on: bool) -> None:
        self.log.append(f"traffic synchronous {on}")

    def set_random_device_seed(self, seed: int) -> None:
        assert isinstance(seed, int)

    # The world.

    def get_map(self) -> SimpleNamespace:
        points = [transform(vector(x=10.0 * i)) for i in range(self.script.spawn_points)]
        return SimpleNamespace(name=MAP, get_spawn_points=lambda: points)

    def get_settings(self) -> SimpleNamespace:
        return SimpleNamespace(**vars(self.settings))

    def apply_settings(self, settings: SimpleNamespace) -> None:
        self.settings = settings
        self.log.append(f"settings {settings.synchronous_mode} {settings.fixed_delta_seconds}")

    def get_weather(self) -> SimpleNamespace:
        return SimpleNamespace(**vars(self.sky))

    def set_weather(self, sky: SimpleNamespace) -> None:
        self.sky = sky
        self.log.append(f"weather {sky.sun_altitude_angle:g} {sky.precipitation:g}")

    def get_blueprint_library(self) -> SimpleNamespace:
        def matching(pattern: str) -> list[Blueprint]:
            stem = pattern.rstrip("*")
            return [Blueprint(name) for name in self.script.blueprints if name.startswith(stem)]

        return SimpleNamespace(filter=matching)

    def try_spawn_actor(self, blueprint: "Blueprint", place: Any) -> Any:
        if place.location.x == 0:
            return None  # somebody stands there
        return self._spawned(blueprint, place)

    def spawn_actor(self, blueprint: "Blueprint", place: Any, attach_to: Any) -> Any:
        return self._spawned(blueprint, place)

    def get_actors(self) -> SimpleNamespace:
        car = SimpleNamespace(
            id=drive.CAR_ID,
            type_id="vehicle.audi.a2",
            get_transform=lambda: transform(vector(**drive.CAR_POSE["location"]), rotation(yaw=90)),
            bounding_box=SimpleNamespace(location=vector(), extent=vector(1.8, 0.9, 0.8)),
        )
        return SimpleNamespace(filter=lambda pattern: [car] if pattern == "vehicle.*" else [])

    def tick(self) -> int:
        self.frame, self.ticks = self.frame + 1, self.ticks + 1
        if self.ticks == self.script.interrupted_at:
            raise KeyboardInterrupt
        if 0 < self.script.dies_at <= self.ticks:
            raise RuntimeError("time-out of 30000ms while waiting for the simulator")
        for actor in self.actors:
            if actor.callback is not None:
                self._show(actor)
        return self.frame

    def _spawned(self, blueprint: "Blueprint", place: Any) -> "ScriptedActor":
        actor = ScriptedActor(self, blueprint, place, 40 + len(self.actors))
        self.actors.append(actor)
        told = " ".join(f"{k}={v}" for k, v in sorted(blueprint.attributes.items()))
        self.log.append(f"spawn {blueprint.id} {told}".strip())
        return actor

    def _show(self, sensor: "ScriptedActor") -> None:
        if 0 < self.script.silent_at <= self.ticks and "depth" in sensor.type_id:
            return
        if self.script.stutters:
            sensor.callback(self._image(sensor, self.frame - 1))
        sensor.callback(self._image(sensor, self.frame + self.script.ahead))

    def _image(self, sensor: "ScriptedActor", frame: int) -> SimpleNamespace:
        rgb = picture(sensor.type_id, frame, self.sky)
        height, width = rgb.shape[:2]
        if self.script.walkers_move and "semantic" in sensor.type_id:
            rgb[20, frame % width, 0] = 12  # a pedestrian
        bgra = np.concatenate([rgb[..., ::-1], np.full((height, width, 1), 255, np.uint8)], axis=2)
        return SimpleNamespace(
            frame=frame,
            timestamp=frame / 20,
            transform=transform(vector(**CAMERA), rotation(yaw=90)),
            width=width,
            height=height,
            raw_data=bgra.tobytes(),
        )


@dataclass
class Blueprint:
    """A kind of actor with what it was told."""

    id: str
    attributes: dict[str, str] = field(default_factory=dict)

    def has_attribute(self, name: str) -> bool:
        return name == "role_name"

    def set_attribute(self, name: str, value: str) -> None:
        assert isinstance(value, str)  # the library takes nothing else
        self.attributes[name] = value


class ScriptedActor:
    """A vehicle or a camera."""

    def __init__(self, server: Server, blueprint: Blueprint, place: Any, number: int) -> None:
        self.server, self.type_id, self.id, self.place = server, blueprint.id, number, place
        self.callback: Callable[[Any], None] | None = None

    def listen(self, callback: Callable[[Any], None]) -> None:
        self.callback = callback
        self.server.log.append(f"listen {self.type_id}")

    def stop(self) -> None:
        self.server.log.append(f"stop {self.type_id}")
        if self.server.script.stop_fails:
            raise RuntimeError("the camera does not stop")

    def get_transform(self) -> Any:
        return self.place

    def get_velocity(self) -> SimpleNamespace:
        return vector(x=float(self.id))

    def set_target_velocity(self, speed: Any) -> None:
        self.server.log.append(f"velocity {self.id} {speed.x:g}")

    def set_simulate_physics(self, on: bool) -> None:
        self.server.log.append(f"physics {self.id} {on}")

    def set_autopilot(self, on: bool, port: int) -> None:
        self.server.log.append(f"autopilot {self.id} {on}")


def picture(kind: str, frame: int, sky: Any) -> NDArray[np.uint8]:
    """What a camera of this kind writes, R first; weather changes colours alone."""
    if kind.endswith("depth"):
        return drive.depth_pixels(drive.metres())
    if kind.endswith("semantic_segmentation"):
        return drive.tag_pixels(drive.tags())
    if kind.endswith("instance_segmentation"):
        return drive.instance_pixels(drive.tags())
    return drive.street_pixels(frame) // np.uint8(3 if sky.sun_altitude_angle < 0 else 1)
