"""What a model of `hub` is told in words: conditions and classes, from small tables.

"a photo of a street at night, in the rain, on wet ground, under an overcast sky, with road, cars".
A text of the request's own stands before it, and alone names what fills a mask.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parhelion.generators._hub_settings import HubConfig, Kind
from parhelion.pipeline.conditions import (
    Conditions,
    Ground,
    Precipitation,
    Sky,
    TimeOfDay,
    Visibility,
)
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.frame import Annotation
from parhelion.pipeline.scene_class import SceneClass

TIMES: dict[Any, str] = {
    TimeOfDay.DAWN: "at dawn",
    TimeOfDay.DAY: "by day",
    TimeOfDay.DUSK: "at dusk",
    TimeOfDay.NIGHT: "at night",
}
# One table per trait, in the order of reading: what falls, the air, the ground, the sky.
FALLS: dict[Any, str] = {Precipitation.RAIN: "in the rain", Precipitation.SNOW: "in falling snow"}
AIR: dict[Any, str] = {Visibility.HAZE: "in haze", Visibility.FOG: "in thick fog"}
GROUND: dict[Any, str] = {Ground.WET: "on wet ground", Ground.SNOW: "with snow on the ground"}
SKY: dict[Any, str] = {
    Sky.CLEAR: "under a clear sky",
    Sky.CLOUDY: "under a cloudy sky",
    Sky.OVERCAST: "under an overcast sky",
}

# Classes that have another word in a picture's caption than in a table; "": none.
CAPTIONS: dict[SceneClass, str] = {
    SceneClass.SKY: "",  # the conditions tell of it
    SceneClass.OTHER: "",
    SceneClass.IGNORE: "",
    SceneClass.BUILDING: "buildings",
    SceneClass.VEGETATION: "trees",
    SceneClass.TERRAIN: "grass",
    SceneClass.PERSON: "people",
    SceneClass.HUMAN: "people",
    SceneClass.RIDER: "riders",
    SceneClass.CAR: "cars",
    SceneClass.VEHICLE: "cars",
    SceneClass.TRUCK: "trucks",
    SceneClass.MOTORCYCLE: "motorcycles",
    SceneClass.BICYCLE: "bicycles",
    SceneClass.TRAFFIC_LIGHT: "traffic lights",
    SceneClass.TRAFFIC_SIGN: "traffic signs",
    SceneClass.STREET_LIGHT: "street lights",
    SceneClass.FLAT: "road",
    SceneClass.CONSTRUCTION: "buildings",
    SceneClass.NATURE: "trees",
}
LEAST_SHARE = 0.005  # of the pixels; smaller things are lost among the latents

OPENINGS: dict[Kind, str] = {"instruct": "make it a photo of the same street"}
OPENING = "a photo of a street"


def prompt_of(request: Request, conditions: Conditions, config: HubConfig) -> str:
    """The words for one picture under `conditions`; an instruction names no classes: they stay."""
    scene = OPENINGS.get(config.kind, OPENING)
    time = TIMES.get(conditions.time_of_day)
    opening = f"{scene} {time}" if time else scene
    seen = [] if config.kind == "instruct" else list(captions(request, config.most_classes))
    classes = f"with {', '.join(seen)}" if seen else ""
    words = (request.text, opening, *_sky_words(conditions), classes)
    return ", ".join(word for word in words if word)


def captions(request: Request, most: int) -> Iterator[str]:
    """Words for what shall be seen, in the mask where there is one; the largest first."""
    if request.becomes is not None:
        yield CAPTIONS.get(request.becomes, request.becomes.label) or request.becomes.label
        return
    y: Annotation | None = request.y
    if request.mask is not None and request.text and request.annotation is None:
        y = None  # the text says what comes; the parent's labels, what is to go
    if y is None or y.stencil is None:
        return
    where = y.stencil if request.mask is None else y.stencil[request.mask]
    told = dict.fromkeys(CAPTIONS.get(c, c.label) for c in _by_size(where))
    yield from [word for word in told if word][:most]


def _by_size(stencil: NDArray[np.uint8]) -> list[SceneClass]:
    """Classes that are there, the largest first; of two equal ones that of the smaller id."""
    found, counts = np.unique(stencil, return_counts=True)
    large = counts >= LEAST_SHARE * stencil.size
    order = np.argsort(-counts[large], kind="stable")
    return [SceneClass(int(c)) for c in found[large][order]]


def _sky_words(conditions: Conditions) -> Iterator[str]:
    sky, falls, air, ground = conditions.traits
    for trait, table in ((falls, FALLS), (air, AIR), (ground, GROUND), (sky, SKY)):
        if trait in table:
            yield table[trait]
