"""The record that travels: one view of a street with every layer that its source knows.

A `Frame` is checked once, when it is made; whoever holds one need not ask again. A layer that a
source does not have is None, never zeros. Legend: H, W = image height and width in pixels; pixel
centres lie at +0.5; boxes are half-open; axes are OpenCV's (x right, y down, z forward).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parhelion.pipeline import checks
from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.layers import Box
from parhelion.pipeline.provenance import Provenance
from parhelion.pipeline.scene_class import LabelSpace, SceneClass

Image = NDArray[np.uint8]
Stencil = NDArray[np.uint8]
Depth = NDArray[np.float32]
Instances = NDArray[np.int32]

# Bits of the emissive layer.
GIVES_LIGHT = 1  # this surface is a lamp, a lit window, a headlight
IS_LIT = 2  # this surface is lit by artificial light

LAYERS = ("stencil", "stencil_native", "emissive", "depth", "instances")


class ImageLabel(BaseModel):
    """An image-level class, such as a digit or a sign."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: Annotated[int, Field(ge=0)]
    vocabulary: tuple[str, ...]
    mirror_safe: bool = False  # whether the mirrored picture keeps its class

    @property
    def name(self) -> str:
        """The word for its class."""
        return self.vocabulary[self.index]


class SceneObject(BaseModel):
    """One thing in the street, seen from this camera."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: SceneClass
    instance: Annotated[int, Field(gt=0)] | None = None  # id in the instances layer
    box_xyxy: Box  # pixels, half-open, tight around what is visible
    distance_m: Annotated[float, Field(ge=0)] | None = None  # along the optical axis, to the centre
    visibility: Annotated[float, Field(ge=0, le=1)] | None = None  # share of it not occluded
    truncation: Annotated[float, Field(ge=0, le=1)] | None = None  # share of it outside the image
    centre_m: tuple[float, float, float] | None = None  # of its 3D box, world coordinates


@dataclass(frozen=True, eq=False)
class Camera:
    """Pinhole camera: intrinsics (3, 3) in pixels, camera_to_world (4, 4), OpenCV axes."""

    intrinsics: NDArray[np.float64]
    camera_to_world: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, shape in (("intrinsics", (3, 3)), ("camera_to_world", (4, 4))):
            object.__setattr__(self, name, checks.matrix(name, getattr(self, name), shape))

    def project(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """World points (n, 3), metres -> (n, 3): pixel x, pixel y, depth along the optical axis."""
        world_to_camera = np.linalg.inv(self.camera_to_world)
        camera = points_m @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
        pixels = camera @ self.intrinsics.T
        return np.column_stack([pixels[:, :2] / pixels[:, 2:], camera[:, 2]])


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotation:
    """y: everything that a frame says about its image."""

    conditions: Conditions = Conditions()
    label: ImageLabel | None = None
    stencil: Stencil | None = None  # (H, W) SceneClass ids; 255 = IGNORE
    label_space: LabelSpace = frozenset()  # the classes that this source annotates at all
    stencil_native: NDArray[np.uint8] | None = None  # (H, W) the simulator's own byte, untouched
    emissive: NDArray[np.uint8] | None = None  # (H, W) bits GIVES_LIGHT, IS_LIT
    depth: Depth | None = None  # (H, W) metres along the optical axis; +inf = sky; nan = unknown
    instances: Instances | None = None  # (H, W) 0 = background
    objects: tuple[SceneObject, ...] = ()
    camera: Camera | None = None

    def __post_init__(self) -> None:
        checks.annotation(self)

    @property
    def layers(self) -> frozenset[str]:
        """Names of the layers that are there, "objects" and "camera" included."""
        names = (*LAYERS, "camera", "label")
        there = {name for name in names if getattr(self, name) is not None}
        return frozenset(there | ({"objects"} if self.objects else set()))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels. Raises ValueError where no layer tells it."""
        for name in LAYERS:
            layer = getattr(self, name)
            if layer is not None:
                return int(layer.shape[0]), int(layer.shape[1])
        raise ValueError("an annotation without a layer has no size: give it a stencil or a depth")


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame(Annotation):
    """x with its y and its story. Raises BadFrame, with what was wanted and what came."""

    frame_id: str  # stable over runs: a hash of what it was made from
    image: Image  # (H, W, 3) uint8, sRGB
    provenance: Provenance

    def __post_init__(self) -> None:
        checks.image(self)
        super().__post_init__()

    @property
    def size(self) -> tuple[int, int]:
        return int(self.image.shape[0]), int(self.image.shape[1])

    @property
    def group_id(self) -> str:
        return self.provenance.group_id

    @cached_property
    def content_sha256(self) -> str:
        """Digest of pixels, layers and labels, without id and provenance."""
        return checks.content_sha256(self)

    def with_provenance(self, **changes: object) -> Self:
        """The same frame with other provenance fields."""
        return replace(self, provenance=self.provenance.model_copy(update=changes))

    def resized(self, width: int, height: int) -> "Frame":
        """All layers at a new size: image filtered, the others nearest, camera and boxes moved."""
        from parhelion.pipeline import geometry

        return geometry.resized(self, width, height)

    def cropped(self, left: int, top: int, width: int, height: int) -> "Frame":
        """A window of all layers; boxes made anew, truncation grown by what was cut off."""
        from parhelion.pipeline import geometry

        return geometry.cropped(self, left, top, width, height)

    def flipped(self) -> "Frame":
        """The street seen in a mirror: left and right swapped in all layers, camera and world."""
        from parhelion.pipeline import geometry

        return geometry.flipped(self)


def with_ignored(stencil: Stencil, where: NDArray[np.bool_]) -> Stencil:
    """A copy of `stencil` (H, W) with IGNORE wherever `where` (H, W) is true."""
    return np.where(where, np.uint8(SceneClass.IGNORE), stencil)
