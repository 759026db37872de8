"""What Unity Perception writes in the JSON of SOLO, as far as it is read."""

from typing import Annotated, Any, Union

from pydantic import BaseModel, Discriminator, Field, FiniteFloat, Tag, TypeAdapter

Byte = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Byte, Byte, Byte, Byte]  # R, G, B, A
Id = Annotated[int, Field(ge=0, lt=2**31)]
Pair = tuple[FiniteFloat, FiniteFloat]
Numbers9 = Annotated[list[FiniteFloat], Field(min_length=9, max_length=9)]


class ColouredClass(BaseModel):
    labelName: str  # noqa: N815 - as the file spells it
    pixelValue: Colour  # noqa: N815


class SemanticSegmentation(BaseModel):
    filename: str
    instances: list[ColouredClass] = []


class ColouredInstance(BaseModel):
    instanceId: Id  # noqa: N815
    color: Colour


class InstanceSegmentation(BaseModel):
    filename: str
    instances: list[ColouredInstance] = []


class BoxValue(BaseModel):
    instanceId: Id = 0  # noqa: N815
    labelName: str  # noqa: N815
    origin: Pair  # pixels, 0-based, top left
    dimension: Pair  # pixels


class Boxes(BaseModel):
    values: list[BoxValue] = []


class DepthPicture(BaseModel):
    filename: str
    measurementStrategy: str = "Depth"  # noqa: N815 - "Depth": planar, "Range": along the ray


class Other(BaseModel):
    """An annotation that is not read."""


PREFIX = "type.unity.com/unity.solo."
KINDS = (
    *("SemanticSegmentationAnnotation", "InstanceSegmentationAnnotation"),
    *("BoundingBox2DAnnotation", "DepthAnnotation"),
)


def _kind(value: Any) -> str:
    word = str(value.get("@type", "")) if isinstance(value, dict) else ""
    return word.removeprefix(PREFIX) if word.removeprefix(PREFIX) in KINDS else "other"


AnyAnnotation = Annotated[
    Union[  # noqa: UP007 - tags need it
        Annotated[SemanticSegmentation, Tag(KINDS[0])],
        Annotated[InstanceSegmentation, Tag(KINDS[1])],
        Annotated[Boxes, Tag(KINDS[2])],
        Annotated[DepthPicture, Tag(KINDS[3])],
        Annotated[Other, Tag("other")],
    ],
    Discriminator(_kind),
]


class Capture(BaseModel):
    """What one sensor saw."""

    id: str
    position: tuple[FiniteFloat, FiniteFloat, FiniteFloat]  # metres, Unity's world
    rotation: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]  # x, y, z, w
    filename: str | None = None
    projection: str = "Perspective"
    matrix: Numbers9  # upper left 3x3 of the projection, row after row
    annotations: list[AnyAnnotation] = []


class FrameData(BaseModel):
    captures: list[Capture]


class Label(BaseModel):
    label_name: str


class Definition(BaseModel):
    spec: list[Label] = []  # of keypoints there is another, under another name


class AnnotationDefinitions(BaseModel):
    annotationDefinitions: list[Definition]  # noqa: N815


class Sensor(BaseModel):
    id: str
    modality: str = ""


class SensorDefinitions(BaseModel):
    sensorDefinitions: list[Sensor]  # noqa: N815


FRAME = TypeAdapter(FrameData)
ANNOTATION_DEFINITIONS = TypeAdapter(AnnotationDefinitions)
SENSOR_DEFINITIONS = TypeAdapter(SensorDefinitions)
