"""A CARLA server in synchronous mode: a car with cameras that give one picture each per tick.

Whatever is changed on the server is changed back, in whatever way the capture ends: cameras stop,
actors go, weather and settings return. Written after the documentation of the client library and
checked against the names in its release 0.9.16; no server was at hand.
"""

import importlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._carla_capture_config import CaptureConfig
from parhelion.sim_adapters._carla_manifest import (
    LAYER_OF_TYPE,
    Layer,
    Pose,
    Rotation,
    Sensor,
    Vector,
)
from parhelion.sim_adapters._carla_weather import WeatherParameters, weather_of


class CaptureFailed(RuntimeError):
    """The server, or what was asked of it, cannot give a recording; the sentence says why."""


def client_library() -> Any:
    """The module `carla`. Raises CaptureFailed where it is not installed."""
    try:
        return importlib.import_module("carla")
    except ImportError as error:
        raise CaptureFailed(
            "capture needs CARLA's client library, which is not installed: "
            "pip install carla, of the release that the server has"
        ) from error


def connect(config: CaptureConfig) -> Any:
    """A client of the server. Raises CaptureFailed where nobody answers."""
    client = client_library().Client(config.host, config.port)
    client.set_timeout(config.timeout_s)
    return client


@dataclass(frozen=True, eq=False)
class Session:
    """A car on its way; every tick gives the pictures of exactly that tick."""

    config: CaptureConfig
    world: Any
    autopilot_port: int
    vehicles: list[Any]  # the first carries the cameras
    queues: dict[Layer, Queue[Any]]

    @property
    def ego(self) -> Any:
        return self.vehicles[0]

    def advance(self, ticks: int) -> dict[Layer, Any]:
        """The pictures of the last of so many ticks, by layer. Raises CaptureFailed."""
        images: dict[Layer, Any] = {}
        for _ in range(ticks):
            frame = self.world.tick()
            images = {k: _taken(q, frame, k, self.config) for k, q in self.queues.items()}
        return images

    def set_weather(self, wanted: WeatherParameters) -> None:
        """Sets what the server knows. Raises CaptureFailed where that makes another weather."""
        sky, told = self.world.get_weather(), wanted.model_dump(exclude_none=True)
        lacking = dict.fromkeys(name for name in told if not hasattr(sky, name))
        if weather_of(wanted.model_copy(update=lacking)) is not weather_of(wanted):
            got = f"a server without {', '.join(lacking)}"
            raise CaptureFailed(f"weather: wanted {weather_of(wanted).value}, got {got}")
        for name in told.keys() - lacking.keys():
            setattr(sky, name, told[name])
        self.world.set_weather(sky)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Holds the capture's vehicles where they are; afterwards they drive on at their speed."""
        speeds = [vehicle.get_velocity() for vehicle in self.vehicles]
        for vehicle in self.vehicles:
            vehicle.set_autopilot(False, self.autopilot_port)
            vehicle.set_simulate_physics(False)
        yield
        for vehicle, speed in zip(self.vehicles, speeds, strict=True):
            vehicle.set_simulate_physics(True)
            vehicle.set_target_velocity(speed)
            vehicle.set_autopilot(True, self.autopilot_port)


@contextmanager
def session(config: CaptureConfig, client: Any, world: Any) -> Iterator[Session]:
    """A session that leaves the server as it was. Raises CaptureFailed."""
    carla = client_library()
    with ExitStack() as restore:  # runs backwards, each step even where another one fails
        manager = _synchronous(config, client, world, restore)
        actors: list[Any] = []
        restore.callback(_destroy, carla, client, actors)
        vehicles = _vehicles(config, world, actors)
        port = manager.get_port()
        for vehicle in vehicles:
            vehicle.set_autopilot(True, port)
        queues = _listening(config, carla, world, vehicles[0], actors, restore)
        yield Session(config, world, port, vehicles, queues)


def sensors_of(config: CaptureConfig, layers: Sequence[Layer]) -> dict[str, Sensor]:
    """What the manifest says of the cameras."""
    types = {layer: name for name, layer in LAYER_OF_TYPE.items()}
    return {
        layer: Sensor(
            type=types[layer],
            width=config.width,
            height=config.height,
            fov=config.fov_deg,
            transform=config.mount,
            converter="Raw",
        )
        for layer in layers
    }


def pose_of(transform: Any) -> Pose:
    """`carla.Transform` as plain numbers."""
    place, turn = transform.location, transform.rotation
    return Pose(
        location=Vector(x=place.x, y=place.y, z=place.z),
        rotation=Rotation(pitch=turn.pitch, yaw=turn.yaw, roll=turn.roll),
    )


def _synchronous(config: CaptureConfig, client: Any, world: Any, restore: ExitStack) -> Any:
    """The traffic manager; from here on nothing moves without a tick."""
    restore.callback(world.apply_settings, world.get_settings())
    restore.callback(world.set_weather, world.get_weather())
    manager = client.get_trafficmanager(config.traffic_manager_port)
    restore.callback(manager.set_synchronous_mode, False)
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = config.fixed_delta_s
    world.apply_settings(settings)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(config.seed & 0x7FFFFFFF)
    return manager


def _vehicles(config: CaptureConfig, world: Any, actors: list[Any]) -> list[Any]:
    """The car that carries the cameras and, as far as there is room, the traffic."""
    library, random = world.get_blueprint_library(), rng("carla.capture", config.seed)
    kinds = sorted(library.filter(config.ego), key=lambda kind: str(kind.id))
    others = sorted(library.filter("vehicle.*"), key=lambda kind: str(kind.id)) or kinds
    if not kinds:
        raise CaptureFailed(f"ego: wanted a blueprint {config.ego}, the server has none")
    points = world.get_map().get_spawn_points()
    vehicles: list[Any] = []
    for i in random.permutation(len(points)):
        if len(vehicles) > config.traffic:
            break
        kind = kinds[0] if not vehicles else others[int(random.integers(len(others)))]
        if not vehicles and kind.has_attribute("role_name"):
            kind.set_attribute("role_name", "hero")
        actor = world.try_spawn_actor(kind, points[int(i)])
        if actor is not None:
            actors.append(actor)
            vehicles.append(actor)
    if not vehicles:
        raise CaptureFailed(f"map: wanted room for a car, got none at {len(points)} spawn points")
    return vehicles


def _listening(
    config: CaptureConfig,
    carla: Any,
    world: Any,
    ego: Any,
    actors: list[Any],
    restore: ExitStack,
) -> dict[Layer, Queue[Any]]:
    """Cameras in one place with one lens, each with the queue that its pictures go to."""
    place, turn = config.mount.location, config.mount.rotation
    mount = carla.Transform(
        carla.Location(x=place.x, y=place.y, z=place.z),
        carla.Rotation(pitch=turn.pitch, yaw=turn.yaw, roll=turn.roll),
    )
    lens = {"image_size_x": config.width, "image_size_y": config.height, "fov": config.fov_deg}
    queues: dict[Layer, Queue[Any]] = {}
    for name, layer in LAYER_OF_TYPE.items():
        kinds = list(world.get_blueprint_library().filter(name))
        if not kinds and layer == "instance":
            continue  # servers before 0.9.13 have none
        if not kinds:
            raise CaptureFailed(f"sensors: wanted a blueprint {name}, the server has none")
        for attribute, value in lens.items():
            kinds[0].set_attribute(attribute, str(value))
        sensor = world.spawn_actor(kinds[0], mount, attach_to=ego)
        actors.append(sensor)
        queues[layer] = Queue()
        restore.callback(sensor.stop)
        sensor.listen(queues[layer].put)
    return queues


def _destroy(carla: Any, client: Any, actors: list[Any]) -> None:
    """In one call, so that a server that is gone is waited for once; cameras before their car."""
    client.apply_batch([carla.command.DestroyActor(actor) for actor in reversed(actors)])


def _taken(queue: Queue[Any], frame: int, layer: Layer, config: CaptureConfig) -> Any:
    """The picture of that very frame; earlier ones are dropped. Raises CaptureFailed."""
    end = time.monotonic() + config.timeout_s
    while True:
        try:
            image = queue.get(timeout=max(end - time.monotonic(), 0))
        except Empty:
            waited = f"within {config.timeout_s:g} s (timeout_s)"
            raise CaptureFailed(
                f"{layer}: wanted frame {frame} {waited}, it did not come"
            ) from None
        if image.frame == frame:
            return image
        if image.frame > frame:
            raise CaptureFailed(
                f"{layer}: wanted frame {frame}, got {image.frame}: does another client tick?"
            )
