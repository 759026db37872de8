"""Cityscapes' stereo pair: camera files, and depth from disparity."""

from functools import lru_cache
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera, Depth

DISPARITIES = 1 << 16  # values of a uint16
UNIT = 256  # of a pixel

Positive = Annotated[float, Field(gt=0, lt=1e6)]
Pixels = Annotated[float, Field(gt=-1e6, lt=1e6)]


class CityscapesIntrinsic(BaseModel):
    """Focal lengths and principal point, pixels."""

    fx: Positive
    fy: Positive
    u0: Pixels
    v0: Pixels


class CityscapesExtrinsic(BaseModel):
    """Of the two cameras to each other; their place on the car is not read."""

    baseline: Positive  # metres


class CityscapesCamera(BaseModel):
    """A camera file."""

    intrinsic: CityscapesIntrinsic
    extrinsic: CityscapesExtrinsic

    @property
    def camera(self) -> Camera:
        """The left camera; the world's axes are its own."""
        lens = self.intrinsic
        matrix = [[lens.fx, 0, lens.u0], [0, lens.fy, lens.v0], [0, 0, 1]]
        return Camera(intrinsics=np.array(matrix, dtype=np.float64), camera_to_world=np.eye(4))

    def depth(self, disparity: NDArray[np.integer], name: str) -> Depth:
        """Depth (H, W) float32, metres, of disparities (H, W) uint16. Raises BadFrame.

        p = 0: nothing was measured, nan. Else (p - 1) / 256 pixels; none of them is infinitely far.
        """
        if disparity.dtype != np.uint16:
            sentence = f"{name}: wanted disparities of 16 bits, got {disparity.dtype}"
            raise BadFrame(Reason.WRONG_TYPE, sentence)
        return np.take(_depths(self.extrinsic.baseline * self.intrinsic.fx), disparity)


CAMERA = TypeAdapter(CityscapesCamera)


@lru_cache(maxsize=16)  # a quarter of a megabyte each; a city has one camera or a few
def _depths(baseline_times_fx: float) -> NDArray[np.float32]:
    """Depth by disparity value, (65536,)."""
    pixels = (np.arange(DISPARITIES) - 1) / UNIT
    table = np.full(DISPARITIES, np.nan, dtype=np.float32)
    table[1] = np.inf
    table[2:] = baseline_times_fx / pixels[2:]
    return table
