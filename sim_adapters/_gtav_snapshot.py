"""What GTAVisionExport knows of a frame beside its pixels, as its JSON spells it."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason

MOST_ENTITIES = 20_000  # the game holds some hundreds

Point = tuple[float, float, float]
Sizes = tuple[float, float, float, float, float, float]  # x, x, y, y, z, z: from and to
Corners = tuple[tuple[float, float], tuple[float, float]]  # x first; of the picture's size
Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]

CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?", re.ASCII)


class Entity(BaseModel):
    """A person on foot, or a vehicle of any kind; seen or not, before the camera or behind it."""

    model_config = ConfigDict(frozen=True)

    type: str
    cls: str = Field("Unknown", alias="class")
    pos: Point | None = None  # world, metres
    rot: Point | None = None  # degrees about x, y, z
    model_sizes: Sizes | None = None  # of its box in its own axes, metres
    bbox: Corners | None = None  # infinite where a corner of its box was not on the screen
    best_bbox: Corners | None = None  # by its pixels; the last of them belongs to it


class Snapshot(BaseModel):
    """One frame; what a file leaves out is None."""

    model_config = ConfigDict(frozen=True)

    timeofday: str | None = None  # clock of the game
    currentweather: str | None = None
    camera_pos: Point | None = None  # world, metres
    view_matrix: Matrix | None = None  # world to camera; x right, y up, z backwards
    proj_matrix: Matrix | None = None
    cam_near_clip: float | None = None  # metres
    cam_far_clip: float | None = None
    # None where nothing lists them; an empty list says that there were none.
    entities: Annotated[tuple[Entity, ...] | None, Field(max_length=MOST_ENTITIES)] = None
    weathers: tuple[str, ...] = ()  # of its colour pages, where there are several


SNAPSHOT = TypeAdapter(Snapshot)


def hour_of(clock: str, name: str) -> float:
    """HH:MM:SS -> hours. Raises BadFrame."""
    found = CLOCK.fullmatch(clock.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (24, 0, 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        sentence = f"{name}: wanted a time of day such as 06:27:56, got {clock!r:.40}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    return hours + minutes / 60 + seconds / 3600
