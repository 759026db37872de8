"""What to record from a running CARLA server."""

from typing import Annotated

from pydantic import ConfigDict, Field, field_validator

from parhelion.pipeline.contracts import PartConfig
from parhelion.sim_adapters._carla_manifest import FieldOfView, Pose, Vector
from parhelion.sim_adapters._carla_weather import PRESETS, WeatherParameters

BASE = "ClearNoon"  # whose values stand for those that a weather does not state


class WantedWeather(WeatherParameters):
    """A weather by its parameters; what is not stated is as in ClearNoon."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class CaptureConfig(PartConfig):
    """A drive through one map, its weathers in turn."""

    host: str = "localhost"
    port: Annotated[int, Field(gt=0, lt=1 << 16)] = 2000
    traffic_manager_port: Annotated[int, Field(gt=0, lt=1 << 16)] = 8000
    timeout_s: Annotated[float, Field(gt=0)] = 30.0  # for any answer, and for any picture
    map: str = ""  # such as "Town03"; empty = the one that is loaded
    seed: int = 0  # of places, kinds of cars and their ways
    views: Annotated[int, Field(gt=0)] = 100  # places along the drive
    weathers: Annotated[tuple[str | WantedWeather, ...], Field(min_length=1)] = (
        "ClearNoon",
        "ClearNight",
        "HardRainNoon",
    )
    twins: bool = True  # every view under every weather, cars held; else one weather per view
    fixed_delta_s: Annotated[float, Field(gt=0, le=0.1)] = 0.05  # simulated seconds per tick
    ticks_between: Annotated[int, Field(gt=0)] = 40  # views; the car drives
    settle_ticks: Annotated[int, Field(gt=0)] = 20  # after a weather, for the camera's exposure
    width: Annotated[int, Field(gt=0, le=8192)] = 800  # pixels
    height: Annotated[int, Field(gt=0, le=8192)] = 600  # pixels
    fov_deg: FieldOfView = 90.0  # horizontal
    mount: Pose = Pose(location=Vector(x=1.5, z=1.7))  # of the cameras, in the car's axes
    ego: str = "vehicle.lincoln.*"  # pattern of blueprints; the first one carries the cameras
    traffic: Annotated[int, Field(ge=0)] = 40  # other cars
    actors_within_m: Annotated[float, Field(gt=0)] = 100.0  # of the car; others are not recorded

    @field_validator("weathers")
    @classmethod
    def _known(cls, weathers: tuple[str | WantedWeather, ...]) -> tuple[str | WantedWeather, ...]:
        for weather in weathers:
            if isinstance(weather, str) and weather not in PRESETS:
                raise ValueError(f"wanted one of {', '.join(PRESETS)}, got {weather!r}")
        return weathers

    @property
    def skies(self) -> tuple[tuple[str, WeatherParameters], ...]:
        """The weathers in full: the preset's name, empty where parameters were stated."""
        return tuple(
            (weather, PRESETS[weather]) if isinstance(weather, str) else ("", _completed(weather))
            for weather in self.weathers
        )


def _completed(wanted: WantedWeather) -> WeatherParameters:
    return PRESETS[BASE].model_copy(update=wanted.model_dump(exclude_none=True))
