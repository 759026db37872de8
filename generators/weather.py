"""Weather by physics, p(x | y, parent): fog, rain, snow, clouds and night on dry day frames.

Nothing is trained. Depth says how much air lies between, normals where snow lies, the ground's
plane what a wet road mirrors, the emissive layer which lamps burn. All fifteen weathers at any
hour; the physics is drawn per request, unless the request states it, and recorded.
"""

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from parhelion.generators import _weather_refusals as refusals
from parhelion.generators._by_rule import ByRule
from parhelion.generators._linear_light import Linear, Mask, exposure_gain, to_linear, to_srgb
from parhelion.generators._surface import Surface, distance_m
from parhelion.generators._weather_fog import Fog, fogged, transmission
from parhelion.generators._weather_hours import DAY, HourLight, hour_light, hour_of, under_clouds
from parhelion.generators._weather_picture import Drawn, draw, picture
from parhelion.generators._weather_recipes import RECIPES, Recipe
from parhelion.pipeline.conditions import Conditions, TimeOfDay
from parhelion.pipeline.conditions import Weather as WeatherName
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    PartConfig,
    Request,
)
from parhelion.pipeline.descent import descend, generator_step, require_layers
from parhelion.pipeline.frame import Annotation, Frame, Image, with_ignored
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.seeds import rng

DARK = frozenset({TimeOfDay.DAWN, TimeOfDay.DUSK, TimeOfDay.NIGHT})  # lamps burn


class WeatherConfig(PartConfig):
    """How weather is drawn; the ranges of each weather stand in `_weather_recipes.RECIPES`."""

    recipes: dict[WeatherName, Recipe] = Field(
        default={}
    )  # in place of the ranges that come with us
    # "air": the plain fog formula and nothing else, for sources that know only depth.
    effects: Literal["all", "air"] = "all"
    auto_exposure: bool = True  # the camera answers to a brighter or darker picture
    exposure_range: tuple[float, float] = (0.55, 1.15)  # gains that it may use
    # A surface of which less light than this arrives is hidden: its label becomes IGNORE.
    hidden_below: Annotated[float, Field(ge=0, lt=1)] = 0.02
    unknown_depth_at_most: Annotated[float, Field(ge=0, le=1)] = 0.2  # share of nan pixels


class Weather(ByRule):
    """Fog, rain, snow, clouds and night by physics, on dry day frames."""

    VERSION: ClassVar[str] = "2"
    Config: ClassVar[type[PartConfig]] = WeatherConfig
    config: WeatherConfig
    models: str = "p(x | y, parent)"

    @property
    def needs(self) -> frozenset[str]:
        """Depth at least; lamps need the emissive layer too, and objects where vehicles are."""
        alone = self.config.effects == "air"
        return frozenset({"depth"} if alone else {"depth", "stencil", "camera"})

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        if parent is None:
            return self._refusal(conditions, None)
        time = conditions.time_of_day
        changes = time is not parent.conditions.time_of_day
        if time in DARK and changes and "emissive" not in parent.layers:
            return f"weather at {time.value} needs the layer emissive, which tells what gives light"
        return self._refusal(conditions, parent.conditions)

    def _refusal(self, conditions: Conditions, has: Conditions | None) -> str | None:
        reason = refusals.asked(conditions)
        if reason is None and self.config.effects == "air":
            reason = self._beyond_air(conditions)
        if reason is None and has is not None:
            reason = refusals.undoing(conditions, has)
        return reason

    def draw(self, request: Request) -> Frame:
        """Raises CannotHonour."""
        parent, y = self._honourable(request)
        c = request.conditions
        hour, time = hour_of(c, parent.conditions, rng(request.seed, "weather", "hour"))
        recipe = self._recipe(c.weather)
        drawn = draw(c, recipe, hour, request.seed)
        self._check_layers(y, time)
        if self.config.effects == "air":
            image, exposed = self._air(parent, y, recipe, drawn)
        else:
            image, exposed = self._picture(parent, y, recipe, drawn, time, request.seed)
        if request.mask is not None:
            image = np.where(request.mask[..., None], image, parent.image)
        hidden = self._hidden(y, drawn, request.mask)
        numbers = drawn.numbers() | {"exposure": exposed}
        return descend(
            request,
            image,
            generator_step("weather", self.VERSION, self.config, drawn=numbers),
            Numerics.of("numpy", "opencv-python-headless", "scipy"),
            conditions=_conditions(c, parent.conditions, drawn, time),
            y=_kept(y, hidden),
        )

    def _honourable(self, request: Request) -> tuple[Frame, Annotation]:
        """Parent and labels of a request that can be drawn. Raises CannotHonour."""
        if request.text is not None:
            raise CannotHonour("weather effects take no text")
        if request.parent is None:
            raise CannotHonour("weather effects are drawn on a parent frame; the request has none")
        if reason := self._refusal(request.conditions, request.parent.conditions):
            raise CannotHonour(reason)
        return request.parent, require_layers("weather", request.y, self.needs)

    def _check_layers(self, y: Annotation, time: TimeOfDay) -> None:
        lacks = refusals.lacking(y, self.needs, lamps_on=time in DARK)
        if lacks:
            raise CannotHonour(
                f"weather at {time.value} needs to know what gives light; "
                f"the request lacks {', '.join(sorted(lacks))}"
            )
        assert y.depth is not None
        unknown = float(np.isnan(y.depth).mean())
        if unknown > self.config.unknown_depth_at_most:
            raise CannotHonour(f"weather needs depth; it is unknown in {unknown:.0%} of the pixels")

    def _beyond_air(self, conditions: Conditions) -> str | None:
        recipe = self._recipe(conditions.weather)
        if conditions.visibility_m is None and recipe.visibility_m is None:
            return f"effects 'air' draws fog only, not {conditions.weather.value}"
        if recipe.rain_mm_h[1] or recipe.snow_cover[1]:
            return f"effects 'air' draws fog only, not {conditions.weather.value}"
        if conditions.time_of_day not in (TimeOfDay.DAY, TimeOfDay.UNKNOWN):
            return f"effects 'air' draws by day only, not at {conditions.time_of_day.value}"
        return None

    def _recipe(self, weather: WeatherName) -> Recipe:
        return self.config.recipes.get(weather) or RECIPES[weather]

    def _air(
        self, parent: Frame, y: Annotation, recipe: Recipe, drawn: Drawn
    ) -> tuple[Image, float]:
        fog = Fog(visibility_m=drawn.visibility_m, airlight=recipe.airlight)
        return self._exposed(fogged(to_linear(parent.image), distance_m(y), fog), recipe, DAY)

    def _picture(
        self,
        parent: Frame,
        y: Annotation,
        recipe: Recipe,
        drawn: Drawn,
        time: TimeOfDay,
        seed: int,
    ) -> tuple[Image, float]:
        same = time in (parent.conditions.time_of_day, TimeOfDay.UNKNOWN, TimeOfDay.DAY)
        hour = DAY if same else under_clouds(hour_light(drawn.hour), drawn.cloud)
        linear = picture(to_linear(parent.image), Surface(y), recipe, drawn, hour, seed)
        return self._exposed(linear, recipe, hour)

    def _exposed(self, linear: Linear, recipe: Recipe, hour: HourLight) -> tuple[Image, float]:
        """The camera's answer, as a step of its own: (image, gain)."""
        c = self.config
        if not c.auto_exposure:
            return to_srgb(linear), 1.0
        if hour == DAY:
            gain = exposure_gain(linear, recipe.exposure_key, *c.exposure_range)
        else:  # in the dark the camera only defends itself against too much light
            gain = exposure_gain(linear, hour.brightest, 0.25, 1.0)
        return to_srgb(linear * np.float32(gain)), gain

    def _hidden(self, y: Annotation, drawn: Drawn, mask: Mask | None) -> Mask:
        distance = distance_m(y)
        hidden = transmission(distance, drawn.visibility_m) < self.config.hidden_below
        hidden &= np.isfinite(distance)  # fog before the sky is what the sky looks like
        return hidden if mask is None else hidden & mask


def _conditions(asked: Conditions, parent: Conditions, drawn: Drawn, time: TimeOfDay) -> Conditions:
    """What was drawn, in the words of the record."""
    return Conditions(
        weather=asked.weather,
        hour=None if math.isnan(drawn.hour) else drawn.hour,
        time_of_day=time,
        event=parent.event,
        visibility_m=drawn.visibility_m if math.isfinite(drawn.visibility_m) else None,
        rain_mm_h=drawn.rain_mm_h,
        snow_cover=drawn.snow_cover,
        wetness=drawn.wetness,
        cloud=drawn.cloud,
        driving_side=parent.driving_side,
    )


def _kept(y: Annotation, hidden: Mask) -> Annotation:
    """The labels of what can still be seen: the rest is IGNORE, its objects are gone."""
    if not hidden.any():
        return y
    stencil = None if y.stencil is None else with_ignored(y.stencil, hidden)
    if y.instances is None:
        return replace(y, stencil=stencil)
    instances = np.where(hidden, np.int32(0), y.instances)
    boxes = instance_boxes(instances)
    objects = []
    for o in y.objects:
        if o.instance is None or o.instance in boxes:
            box = boxes.get(o.instance or 0, o.box_xyxy)
            objects.append(o.model_copy(update={"box_xyxy": box}))
    return replace(y, stencil=stencil, instances=instances, objects=tuple(objects))


PART = Weather
