"""The built-in street simulator: random street scenes under any of fifteen weathers at any hour.

Nothing to install, no window, no graphics card: mitsuba traces the light, embree gives exact
layers. Twins (one view under several conditions) share every layer bit by bit. Two events can
befall a street: a flood, whose level and waves are set, and a plane crash. Thick smoke is IGNORE in
the stencil and unknown in depth; thin smoke is air, like fog.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions, Event, Weather
from parhelion.pipeline.contracts import FrameRef, PartConfig
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind, Numerics, Provenance, Source
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.version import __version__
from parhelion.sim_adapters import _street_preview, _street_weather
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._street_events import Happening
from parhelion.sim_adapters._street_gbuffer import GBuffer, Guides, gbuffer, guides
from parhelion.sim_adapters._street_geometry import Geometry
from parhelion.sim_adapters._street_light import Ambience, ambience
from parhelion.sim_adapters._street_looks import JUDGE_LOOKS, LOOKS
from parhelion.sim_adapters._street_scene import EVENT_LABEL_SPACE, LABEL_SPACE, build_street
from parhelion.sim_adapters._street_smoke import through_smoke

if TYPE_CHECKING:
    from parhelion.sim_adapters._street_render import Tracer

LICENCE = "Apache-2.0"

Quality = Literal["preview", "full", "judge"]
PREVIEW = "preview-2"  # counts on when previews change but traced frames do not


class StreetConditions(PartConfig):
    """One weather at one hour, and what happens in the street.

    A flood at several levels, one condition each, with `pairing: every` is a rising flood of one
    view. Levels stay below the lowest camera.
    """

    weather: Weather = Weather.CLEAR
    hour: Annotated[float, Field(ge=0, lt=24)] = 13.0
    event: Event = Event.NONE
    water_level_m: Annotated[float, Field(gt=0, le=1.2)] | None = None  # above the road; flood: 0.5
    wave_height_m: Annotated[float, Field(ge=0, le=0.15)] | None = None  # trough to crest; 0 = off

    @model_validator(mode="after")
    def _water_in_floods(self) -> Self:
        for name, usual in (("water_level_m", 0.5), ("wave_height_m", 0.05)):
            given = getattr(self, name)
            if self.event is Event.FLOOD and given is None:
                object.__setattr__(self, name, usual)
            if self.event is not Event.FLOOD and given is not None:
                raise ValueError(
                    f"{name}: wanted only with event flood, got {given} with {self.event.value}"
                )
        return self

    @property
    def happening(self) -> Happening:
        return Happening(self.event, self.water_level_m or 0.0, self.wave_height_m or 0.0)


class StreetConfig(PartConfig):
    """Which streets, from how many cameras, under which conditions, and how well drawn."""

    seed: int = 0
    scenes: Annotated[int, Field(ge=1)] = 4
    first_scene: Annotated[int, Field(ge=0)] = 0  # number of the first one
    views: Annotated[int, Field(ge=1, le=16)] = 1  # cameras in each scene
    width: Annotated[int, Field(ge=16, le=4096)] = 256  # pixels
    height: Annotated[int, Field(ge=16, le=4096)] = 144  # pixels
    samples: Annotated[int, Field(ge=1, le=4096)] = 16  # light paths per pixel; preview takes none
    quality: Quality = "full"
    conditions: Annotated[tuple[StreetConditions, ...], Field(min_length=1)] = (StreetConditions(),)
    pairing: Literal["cycle", "every"] = "cycle"  # one condition per view in turn, or all: twins

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(
                "conditions: wanted each weather and hour once (per event), got some twice"
            )
        return self


class Shot(NamedTuple):
    """One frame that the simulator can draw."""

    scene: int
    view: int
    conditions: StreetConditions

    @property
    def native_id(self) -> str:
        weather, hour = self.conditions.weather.value, self.conditions.hour
        happened = self.conditions.happening.words
        return "/".join((f"scene-{self.scene:05d}", self.place, *happened, f"{weather}-{hour}"))

    @property
    def place(self) -> str:
        """The camera."""
        return f"view-{self.view}"

    def twin_id(self, group: str) -> str:
        """Shared by the frames of a group that show the same things: one camera, one event."""
        return "/".join((group, self.place, *self.conditions.happening.words))


class Stage:
    """A scene and event at hand with what their frames share: geometry, ray caster, G-buffers."""

    def __init__(self, seed: int, views: int, happening: Happening, coarse: bool) -> None:
        self.seed = seed
        self.geometry = Geometry(build_street(seed, views, happening, coarse))
        self._gbuffers: dict[int, GBuffer] = {}
        self._guides: dict[int, Guides] = {}

    @cached_property
    def tracer(self) -> "Tracer":
        """The path tracer's meshes; mitsuba is loaded only where a frame is traced."""
        from parhelion.sim_adapters._street_render import Tracer

        return Tracer(self.geometry)

    def gbuffer(self, view: int, width: int, height: int) -> GBuffer:
        """The exact layers of a view, cast at first use."""
        if view not in self._gbuffers:
            street_view = self.geometry.street.views[view]
            self._gbuffers[view] = gbuffer(self.geometry, street_view, width, height)
        return self._gbuffers[view]

    def guides(self, view: int, g: GBuffer) -> Guides:
        """Sub-pixel averages of a view, cast at first use."""
        if view not in self._guides:
            self._guides[view] = guides(self.geometry, g)
        return self._guides[view]


class Street:
    """Adapter of the built-in simulator."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = StreetConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "emissive", "depth", "instances", "objects", "camera"}
    )

    about: ClassVar[About] = About(
        title="The built-in street simulator",
        kind=Kind.SIMULATED,
        licence=LICENCE,
        units={
            "stencil": "scene classes of the surface at the centre of each pixel",
            "depth": "metres, exact; sky is infinite, behind thick smoke unknown",
            "emissive": "bits: 1 gives light, 2 is lit by a lamp",
            "instances": "one id per thing; 0 = background",
            "objects": "tight boxes of what is visible of each thing",
            "camera": "pinhole; metres, z up in the world",
        },
        label_space=EVENT_LABEL_SPACE,
    )

    def __init__(self, config: StreetConfig) -> None:
        self.config = config
        self.dropped: Counter[str] = Counter()
        self._scene: int | None = None
        self._stages: dict[Happening, Stage] = {}  # of that scene

    @cached_property
    def _shots(self) -> dict[str, Shot]:
        return {shot.native_id: shot for shot in self._all_shots()}

    def _all_shots(self) -> Iterator[Shot]:
        c = self.config
        for scene in range(c.first_scene, c.first_scene + c.scenes):
            for view in range(c.views):
                if c.pairing == "cycle":
                    turn = (scene * c.views + view) % len(c.conditions)
                    yield Shot(scene, view, c.conditions[turn])
                else:
                    yield from (Shot(scene, view, each) for each in c.conditions)

    def _group(self, scene: int) -> str:
        return f"street-{self.config.seed}-{scene:05d}"

    def index(self) -> Sequence[FrameRef]:
        """All frames, scene after scene, so that what a scene shares is made once."""
        return [
            FrameRef(
                native_id=name,
                group_id=self._group(shot.scene),
                stamp=PREVIEW if self.config.quality == "preview" else "",
            )
            for name, shot in self._shots.items()
        ]

    def read(self, ref: FrameRef) -> Frame:
        """Draws one frame. Raises BadFrame for a frame that is not in the index."""
        if ref.native_id not in self._shots:
            raise BadFrame(
                Reason.MISSING_FILE,
                f"wanted a frame of this street's index, got {ref.native_id!r}",
            )
        shot, c = self._shots[ref.native_id], self.config
        happening = shot.conditions.happening
        stage = self._stage_of(shot.scene, happening)
        g = stage.gbuffer(shot.view, c.width, c.height)
        looks = JUDGE_LOOKS if c.quality == "judge" else LOOKS
        air = ambience(shot.conditions.weather, shot.conditions.hour, stage.seed, looks)
        way = PREVIEW if c.quality == "preview" else c.quality
        made_from = (self.VERSION, c.seed, shot.native_id, c.width, c.height, c.samples, way)
        return Frame(
            frame_id=digest("street", *made_from)[:32],
            image=self._image(stage, shot, g, air),
            conditions=_conditions(air, stage.geometry.street.driving_side, happening),
            stencil=g.stencil,
            label_space=EVENT_LABEL_SPACE if happening.words else LABEL_SPACE,
            emissive=g.emissive,
            depth=g.depth_seen,
            instances=g.instances,
            objects=g.objects,
            camera=g.camera,
            provenance=self._provenance(shot, stage.seed),
        )

    def _stage_of(self, scene: int, happening: Happening) -> Stage:
        if self._scene != scene:
            self._scene, self._stages = scene, {}
        if happening not in self._stages:
            seed = seed_of("street", self.config.seed, scene)
            coarse = self.config.quality == "preview"
            self._stages[happening] = Stage(seed, self.config.views, happening, coarse)
        return self._stages[happening]

    def _image(self, stage: Stage, shot: Shot, g: GBuffer, air: Ambience) -> NDArray[np.uint8]:
        lights, smoke = stage.geometry.street.lights, stage.geometry.street.smoke
        samples = self.config.samples
        if self.config.quality == "preview":
            linear = _street_preview.shade(stage.geometry, g, air)
            hazy = _street_weather.between(
                linear, g, g.depth[None], lights, air, smoke, every=_street_preview.AIR_STEP_PX
            )
            return _street_weather.camera(hazy, air)
        guides, seed = stage.guides(shot.view, g), seed_of(stage.seed, shot.native_id)
        if self.config.quality == "judge":
            from parhelion.sim_adapters import _street_judge

            inside = _street_judge.radiance(stage.tracer, g, guides, air, samples, seed)
            if smoke is not None:
                inside = through_smoke(inside, smoke, g.camera, g.rays, guides.depth, air)
            return _street_weather.camera(inside, air)
        linear = stage.tracer.radiance(g, guides, air, samples, seed)
        hazy = _street_weather.between(linear, g, guides.depth, lights, air, smoke)
        return _street_weather.camera(hazy, air)

    def _provenance(self, shot: Shot, seed: int) -> Provenance:
        group = self._group(shot.scene)
        return Provenance(
            kind=Kind.SIMULATED,
            source=Source(
                adapter="street",
                dataset=f"street-{self.config.seed}",
                native_id=shot.native_id,
                licence=LICENCE,
            ),
            group_id=group,
            twin_id=shot.twin_id(group),
            seed=seed,
            numerics=Numerics.of("mitsuba", "embreex", "pyoidn", "numpy", "opencv-python-headless"),
            code_version=__version__,
        )


def _conditions(air: Ambience, driving_side: str, happening: Happening) -> Conditions:
    drawn = air.conditions(driving_side)
    if not happening.words:
        return drawn
    words = " ".join((drawn.native, *happening.words))
    return drawn.model_copy(update={"event": happening.event, "native": words})


PART = Street
