"""Classical augmentation, p(x | y, parent): albumentations, with all layers moved together.

A baseline, and a part of every mix. Nothing is trained. It keeps the parent's conditions, because a
jittered sunny frame is still a sunny frame; only the presets with weather may claim fog, rain or
snow, as albumentations paints them: without depth, and with no physics to record.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from parhelion.generators import _classical_geometry as geometry
from parhelion.generators._by_rule import ByRule
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    PartConfig,
    Request,
)
from parhelion.pipeline.descent import descend, generator_step
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.seeds import rng, seed_of

# What albumentations can paint on a dry frame; the twins of our effects.
PAINTED = (Weather.FOGGY, Weather.RAINING, Weather.SNOWING)

Preset = Literal["photometric", "geometric", "weather", "strong"]


class ClassicalConfig(PartConfig):
    """What is changed: colours, geometry, painted weather, or (strong) all of them."""

    preset: Preset = "strong"
    zoom: Annotated[float, Field(ge=1, le=8)] = 2.0  # the smallest window is 1/zoom of the picture
    roll_deg: Annotated[float, Field(ge=0, le=45)] = 4.0
    mirror: bool = True  # half of the frames, where labels survive it


class Classical(ByRule):
    """Colours, geometry and painted weather by albumentations, all layers moved together."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = ClassicalConfig
    config: ClassicalConfig
    models: str = "p(x | y, parent)"
    needs: frozenset[str] = frozenset()

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Light and event are the parent's; so is the weather, but for what the preset paints."""
        return None if parent is None else self._refusal(conditions, parent.conditions)

    def _refusal(self, asked: Conditions, has: Conditions) -> str | None:
        if asked.time_of_day not in (TimeOfDay.UNKNOWN, has.time_of_day):
            return (
                f"classical keeps the parent's light; asked for {asked.time_of_day.value}, "
                f"the parent has {has.time_of_day.value}"
            )
        if asked.event is not has.event:
            return (
                f"classical keeps the parent's event; asked for {asked.event.value}, "
                f"the parent has {has.event.value}"
            )
        keeps = asked.weather in (Weather.UNKNOWN, has.weather)
        return None if keeps else self._unpaintable(asked, has)

    def draw(self, request: Request) -> Frame:
        """Raises CannotHonour."""
        parent, paints = self._honourable(request)
        move = self._move(request, parent)
        moved = geometry.moved(parent, move)
        conditions = moved.conditions
        if paints is not None:
            conditions = Conditions(
                weather=paints,
                hour=conditions.hour,
                time_of_day=conditions.time_of_day,
                event=conditions.event,
                driving_side=conditions.driving_side,
            )
        return descend(
            request,
            self._image(moved, paints, request.seed),
            generator_step("classical", self.VERSION, self.config, drawn=move.numbers()),
            Numerics.of("albumentations", "numpy", "opencv-python-headless"),
            conditions=conditions,
            y=moved,
        )

    def _honourable(self, request: Request) -> tuple[Frame, Weather | None]:
        """The parent, and the weather to paint if another is asked. Raises CannotHonour."""
        parent = request.parent
        if parent is None or request.annotation is not None:
            raise CannotHonour(
                "classical changes a parent frame and its labels; give it no other y"
            )
        if request.mask is not None or request.text is not None:
            raise CannotHonour("classical takes neither mask nor text")
        asked, has = request.conditions, parent.conditions
        if reason := self._refusal(asked, has):
            raise CannotHonour(reason)
        keeps = asked.weather in (Weather.UNKNOWN, has.weather)
        return parent, None if keeps else asked.weather

    def _unpaintable(self, asked: Conditions, has: Conditions) -> str | None:
        """Why the preset cannot paint the weather that is asked on a parent under another."""
        if self.config.preset not in ("weather", "strong") or asked.weather not in PAINTED:
            return (
                f"classical ({self.config.preset}) keeps the parent's weather, "
                f"{has.weather.value}; asked for {asked.weather.value}"
            )
        if has.sky_kind not in ("clear", "cloudy", "overcast", "unknown"):
            return f"the parent has {has.sky_kind} already; weather is painted on dry"
        stated = {"visibility_m", "rain_mm_h", "snow_cover", "wetness"} & asked.model_fields_set
        if stated:
            return f"painted weather has no physics: cannot honour {sorted(stated)}"
        return None

    def _move(self, request: Request, parent: Frame) -> geometry.Move:
        c = self.config
        if c.preset not in ("geometric", "strong"):
            return geometry.Move()
        survives = parent.label is None or parent.label.mirror_safe
        random = rng(request.seed, "classical", "geometry")
        return geometry.draw(random, c.zoom, c.roll_deg, c.mirror and survives)

    def _image(self, moved: Frame, paints: Weather | None, seed: int) -> Image:
        # Late, because albumentations takes a second to import and the command line has no use.
        from parhelion.generators import _classical_policy as policy

        image = moved.image
        if paints is not None:
            chain = policy.painted(paints)
            image = policy.applied(chain, image, seed_of(seed, "classical", "weather"))
        if self.config.preset in ("photometric", "strong"):
            chain = policy.photometric()
            image = policy.applied(chain, image, seed_of(seed, "classical", "photometric"))
        return image


PART = Classical
