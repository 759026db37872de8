"""What `joint` remembers of its training frames: their annotations, and how often each class came.

Kept as arrays and plain data, so that they are saved as safetensors and JSON.
Legend: H, W = height and width of a layout, pixels.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import FrameKey, FrameSet, TrainingData
from parhelion.pipeline.frame import Annotation, Camera, Frame, ImageLabel, SceneObject
from parhelion.pipeline.provenance import Source
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng

LAYERS = ("stencil", "emissive", "depth", "instances")  # kept; a simulator's own byte is not
NEEDED = frozenset({"stencil", "depth", "instances"})  # of a layout that takes in an object

Arrays = dict[str, NDArray[Any]]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Origin(_Record):
    """Where an annotation comes from."""

    frame_id: str
    group_id: str
    source: Source


class LayoutStory(_Record):
    """The plain part of a stored layout."""

    origin: Origin
    conditions: Conditions
    label_space: tuple[SceneClass, ...]
    objects: tuple[SceneObject, ...]


class Stated(_Record):
    """How many training frames had this class, if any, under these conditions."""

    label: ImageLabel | None
    conditions: Conditions
    frames: int


@dataclass(frozen=True, eq=False)
class Layout:
    """One training annotation."""

    y: Annotation
    origin: Origin

    @classmethod
    def of(cls, frame: Frame) -> "Layout":
        """The layers of LAYERS, objects and camera of a frame; its picture is left behind."""
        layers = {name: getattr(frame, name) for name in LAYERS}
        y = Annotation(
            conditions=frame.conditions,
            label_space=frame.label_space,
            objects=frame.objects,
            camera=frame.camera,
            **layers,
        )
        origin = Origin(
            frame_id=frame.frame_id, group_id=frame.group_id, source=frame.provenance.source
        )
        return cls(y, origin)

    def arrays(self) -> Arrays:
        """Its layers and matrices by name."""
        found: Arrays = {n: a for n in LAYERS if (a := getattr(self.y, n)) is not None}
        if self.y.camera is not None:
            found["intrinsics"] = self.y.camera.intrinsics
            found["camera_to_world"] = self.y.camera.camera_to_world
        return {name: np.ascontiguousarray(array) for name, array in found.items()}

    def story(self) -> LayoutStory:
        """The rest, as plain data."""
        return LayoutStory(
            origin=self.origin,
            conditions=self.y.conditions,
            label_space=tuple(sorted(self.y.label_space)),
            objects=self.y.objects,
        )

    @classmethod
    def from_parts(cls, story: LayoutStory, arrays: Mapping[str, NDArray[Any]]) -> "Layout":
        """The layout that `arrays` and `story` were taken of."""
        camera = None
        if "intrinsics" in arrays:
            camera = Camera(arrays["intrinsics"], arrays["camera_to_world"])
        y = Annotation(
            conditions=story.conditions,
            label_space=frozenset(story.label_space),
            objects=story.objects,
            camera=camera,
            stencil=arrays.get("stencil"),
            emissive=arrays.get("emissive"),
            depth=arrays.get("depth"),
            instances=arrays.get("instances"),
        )
        return cls(y, story.origin)


def read_layouts(data: TrainingData, most: int, seed: int) -> Iterator[Layout]:
    """At most so many layouts of different scenes, chosen by the seed; only those are read."""
    places: dict[str, tuple[FrameSet, int]] = {}
    for frames in _sets(data):
        for i, key in enumerate(frames.keys):
            if key.layers >= NEEDED:
                places.setdefault(key.twin_id or key.frame_id, (frames, i))  # twins share layers
    scenes = sorted(places)
    chosen = rng("joint.layouts", seed).permutation(len(scenes))[:most]
    for number in sorted(chosen.tolist()):
        frames, i = places[scenes[number]]
        yield Layout.of(frames[i])


def count_stated(data: TrainingData) -> list[Stated]:
    """The empirical p(class, conditions) of what is imitated, by what the keys say."""
    imitated = data.target if data.target is not None else data.source
    counts = Counter((key.label, _cell_alone(key)) for key in imitated.keys)
    found = [Stated(label=la, conditions=c, frames=n) for (la, c), n in counts.items()]
    return sorted(found, key=lambda stated: stated.model_dump_json())


def _cell_alone(key: FrameKey) -> Conditions:
    """Weather, hour's name and event of a frame: what its cell rests on."""
    c = key.conditions
    return Conditions(weather=c.weather, time_of_day=c.time_of_day, event=c.event)


def _sets(data: TrainingData) -> Sequence[FrameSet]:
    return [data.source] if data.target is None else [data.source, data.target]
