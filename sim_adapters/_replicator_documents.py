"""What Replicator's BasicWriter writes beside its pictures: labels by colour or id, and cameras."""

import re
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera
from parhelion.sim_adapters._colour_runs import Colour

Row16 = Annotated[list[FiniteFloat], Field(min_length=16, max_length=16)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

LABELS = TypeAdapter(dict[str, dict[str, str]])  # colour or id -> semantic type -> word
PATHS = TypeAdapter(dict[str, str])  # colour or id -> prim
PRIMS = TypeAdapter(list[str])  # prims of the boxes, row by row
COLOUR = re.compile(r"\((\d{1,3}), ?(\d{1,3}), ?(\d{1,3}), ?(\d{1,3})\)")
FROM_USD = np.diag([1.0, -1.0, -1.0, 1.0])  # x right, y up, looking along -z


class CameraParams(BaseModel):
    """Lengths of lens and sensor in one unit, whatever it is; matrices act on rows."""

    cameraAperture: tuple[Positive, Positive]  # noqa: N815 - as the file spells it
    cameraApertureOffset: tuple[FiniteFloat, FiniteFloat] = (0.0, 0.0)  # noqa: N815
    cameraFocalLength: Positive  # noqa: N815
    cameraModel: str = "pinhole"  # noqa: N815
    cameraViewTransform: Row16  # noqa: N815 - world to camera
    metersPerSceneUnit: Positive = 1.0  # noqa: N815


CAMERA = TypeAdapter(CameraParams)


def camera_of(params: CameraParams, size: tuple[int, ...], name: str) -> Camera | None:
    """The camera of a picture of `size` (height, width); None where it is no plain pinhole.

    Pixels are square: the vertical aperture is not what the renderer goes by. Raises BadFrame.
    """
    if "pinhole" not in params.cameraModel.lower() or any(params.cameraApertureOffset):
        return None
    view = np.reshape(params.cameraViewTransform, (4, 4)).T
    turn = view[:3, :3]
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:
        sentence = f"{name}: wanted a rotation in cameraViewTransform, got {turn.tolist()}"
        raise BadFrame(Reason.BAD_CAMERA, sentence)
    pose = np.eye(4)
    pose[:3, :3] = turn.T
    pose[:3, 3] = -turn.T @ view[:3, 3] * params.metersPerSceneUnit
    height, width = size
    focal = width * params.cameraFocalLength / params.cameraAperture[0]
    k = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera(intrinsics=k, camera_to_world=pose @ FROM_USD)


def keys_of(words: Mapping[str, object], name: str) -> dict[str, Colour | int]:
    """Keys such as "(255, 0, 0, 255)" or "7", taken apart. Raises BadFrame for any other."""
    found: dict[str, Colour | int] = {}
    for word in words:
        colour = COLOUR.fullmatch(word)
        if colour is not None and all(int(part) < 256 for part in colour.groups()):
            r, g, b, a = map(int, colour.groups())
            found[word] = r, g, b, a
        elif word.isascii() and word.isdecimal() and len(word) < 10:
            found[word] = int(word)
        else:
            wanted = "a colour (r, g, b, a) or an id"
            raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {word!r:.60}")
    return found
