"""Scalabel's JSON, in which BDD100K keeps its boxes: frames by name, their words and their boxes.

A file is a list of frames, or an object that has them under "frames". Largest coordinates of a box
are pixels that still belong to it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import SceneObject
from parhelion.pipeline.layers import Box
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._documents import parse_json
from parhelion.sim_adapters._json_records import Span, record_spans, records_at

Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=255)]


class ScalabelBox(BaseModel):
    """Pixels, 0-based; x2 and y2 are inside."""

    x1: Number
    y1: Number
    x2: Number
    y2: Number

    @property
    def half_open(self) -> Box:
        """(x0, y0, x1, y1), pixels: the last pixel ends one further on."""
        return self.x1, self.y1, self.x2 + 1, self.y2 + 1


class LabelFlags(BaseModel):
    """What is ticked of a label; None where nobody was asked."""

    occluded: bool | None = None
    truncated: bool | None = None
    crowd: bool | None = None
    ignored: bool | None = None


class ScalabelLabel(BaseModel):
    """One label; without a box it is an area or a lane."""

    category: str | None = None
    box2d: ScalabelBox | None = None
    attributes: LabelFlags | None = None


class FrameWords(BaseModel):
    """What is said of the whole picture."""

    weather: str | None = None
    scene: str | None = None
    timeofday: str | None = None


class PictureSize(BaseModel):
    """In pixels."""

    width: int
    height: int


class FrameHead(BaseModel):
    """What an index needs of a frame."""

    name: Name
    videoName: Name | None = None  # noqa: N815 (their spelling)

    @property
    def stem(self) -> str:
        """The name without folders and suffix."""
        return self.name.rpartition("/")[2].rpartition(".")[0] or self.name


class ScalabelFrame(FrameHead):
    """One frame whole."""

    attributes: FrameWords | None = None
    size: PictureSize | None = None
    labels: list[ScalabelLabel] | None = None


_HEAD, _FRAME = TypeAdapter(FrameHead), TypeAdapter(ScalabelFrame)


@dataclass(frozen=True)
class ScalabelList:
    """Where each frame lies in a file."""

    name: str  # of the file, relative to the root
    spans: dict[str, Span] = field(default_factory=dict)  # by stem
    videos: dict[str, str] = field(default_factory=dict)  # by stem, where they are told
    repeated: set[str] = field(default_factory=set)  # stems that stand there twice
    broken: dict[int, BadFrame] = field(default_factory=dict)  # by place in the list


def scalabel_list(root: Path, name: str) -> ScalabelList:
    """The frames of a file. Raises BadFrame where it is no such file."""
    found = ScalabelList(name)
    spans = record_spans(root, name, "frames")
    for place, (span, data) in enumerate(zip(spans, records_at(root, name, spans), strict=True)):
        try:
            head = parse_json(data, _HEAD, f"{name}, frame {place}")
        except BadFrame as error:
            found.broken[place] = error
            continue
        if head.stem in found.spans:
            found.repeated.add(head.stem)
        found.spans[head.stem] = span
        if head.videoName:
            found.videos[head.stem] = head.videoName
    return found


def scalabel_frame(root: Path, frames: ScalabelList, stem: str) -> tuple[ScalabelFrame, str]:
    """One frame, and the text that it was read from. Raises BadFrame."""
    data = next(records_at(root, frames.name, [frames.spans[stem]]))
    frame = parse_json(data, _FRAME, f"{frames.name}, frame {stem}")
    if frame.stem != stem:
        sentence = f"{frames.name}: wanted frame {stem} where it was, got {frame.name!r}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    return frame, data.decode()


def scalabel_objects(
    frame: ScalabelFrame,
    classes: Mapping[str, SceneClass],
    size: tuple[int, int],
    name: str,
    dropped: Counter[str],
) -> tuple[SceneObject, ...]:
    """Single things that are boxed in a picture of `size` (H, W); `dropped` counts the others.

    Raises BadFrame for a box whose category the table lacks.
    """
    made = []
    for label in frame.labels or ():
        if label.box2d is None:
            continue
        flags = label.attributes or LabelFlags()
        category = classes.get(label.category or "")
        if category is None:
            wanted = "a category of its table"
            raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted {wanted}, got {label.category!r}")
        if flags.crowd or flags.ignored:
            category = SceneClass.IGNORE
        box = kept_box(label.box2d.half_open, category, size, name, dropped)
        if box is not None:
            # "Occluded" and "truncated" tell no share; only their absence does.
            made.append(
                SceneObject(
                    category=category,
                    box_xyxy=box,
                    visibility=1.0 if flags.occluded is False else None,
                    truncation=0.0 if flags.truncated is False else None,
                )
            )
    return tuple(made)
