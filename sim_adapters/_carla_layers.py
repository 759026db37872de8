"""Pixels of CARLA's cameras to layers: depth in metres, tags, instance ids.

The sensors write BGRA in memory and RGB in PNG, so R is the first channel here. Whoever takes the
channels of the depth the other way round reads 900 m for 4 cm.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Depth, Instances, Stencil
from parhelion.pipeline.scene_class import CHILDREN, SceneClass
from parhelion.sim_adapters import _image_files as image_files
from parhelion.sim_adapters._carla_manifest import DepthConverter
from parhelion.sim_adapters._source_files import SourceFiles

FAR_M = 1000.0  # the far plane; the sky lies there
STEPS = (1 << 24) - 1  # of 24-bit depth
LOG_SCALE = 5.70378  # LogarithmicDepth stores 1 + ln(depth / far) / this, cut at 0

PEOPLE = frozenset({SceneClass.HUMAN, *CHILDREN[SceneClass.HUMAN]})
VEHICLES = frozenset({SceneClass.VEHICLE, *CHILDREN[SceneClass.VEHICLE]})
# Only these are counted one by one: every wall and tree has an id of the engine's too.
COUNTED = np.array([[c if c in PEOPLE | VEHICLES else 0 for c in range(256)]], dtype=np.uint8)


def pixels_of(files: SourceFiles, layer: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """8-bit PNG as numbers: (H, W) of one channel, else (H, W, 3 or 4), R first.

    Raises BadFrame, also where (H, W) is not `size`.
    """
    data, name = files.data(layer), files.names[layer]
    try:
        pixels = image_files.decode_channels(data, name, files.max_pixels)
    except BadFrame as error:
        if error.reason is not Reason.WRONG_TYPE:
            raise
        pixels = image_files.decode_ids(data, name, files.max_pixels)
    if pixels.dtype != np.uint8:
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted 8 bits a channel, got {pixels.dtype}")
    if pixels.shape[:2] != size:
        got = f"{size} like the picture, got {pixels.shape[:2]}"
        raise BadFrame(Reason.SIZE_MISMATCH, f"{name}: wanted {got}")
    return pixels


def metres(pixels: NDArray[np.uint8], converter: DepthConverter, name: str) -> Depth:
    """Depth (H, W) float32, metres along the optical axis, +inf = sky. Raises BadFrame.

    Greys hold 256 steps instead of 16 million and nothing in a file tells the two grey converters
    apart, so they are read only where they are stated.
    """
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    if converter in ("", "Raw"):
        if pixels.ndim == 2 or (converter == "" and _is_grey(pixels)):
            raise BadFrame(
                Reason.WRONG_TYPE,
                f"{name}: wanted depth in 24 bits, got greys: if a converter made them, set "
                "depth_converter to Depth or LogarithmicDepth, else to Raw",
            )
        return _of_24_bits(pixels)
    if not _is_grey(pixels):
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted greys of {converter}, got colours")
    return cv2.LUT(np.ascontiguousarray(grey), _greys(converter)).astype(np.float32, copy=False)


def tags_of(pixels: NDArray[np.uint8]) -> Stencil:
    """Raw tags (H, W): the only channel, or R."""
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 0])


def is_raw(pixels: NDArray[np.uint8]) -> bool:
    """Whether these can be raw tags, which leave G and B empty."""
    return pixels.ndim == 2 or not pixels[..., 1:3].any()


def instances_of(pixels: NDArray[np.uint8], classes: Stencil, name: str) -> Instances:
    """Ids (H, W) int32 of people and vehicles, 0 elsewhere: class * 65536 + B * 256 + G.

    The simulator's 16 bits may collide; with the class, only things of one class still can.
    """
    if pixels.ndim == 2:
        wanted = "three channels of instances"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted {wanted}, got one channel")
    counted = cv2.LUT(classes, COUNTED)
    rows, columns = np.nonzero(counted)
    _, g, b = pixels[rows, columns, :3].astype(np.int32).T
    ids = (b << 8) | g
    found = np.zeros(classes.shape, dtype=np.int32)
    # The engine's 0 is nobody's id.
    found[rows, columns] = np.where(ids, (counted[rows, columns].astype(np.int32) << 16) | ids, 0)
    return found


def engine_id(instance: int) -> int:
    """The simulator's own 16 bits of an id."""
    return instance & 0xFFFF


def category_of(instance: int) -> SceneClass:
    """The class that an id carries."""
    return SceneClass(instance >> 16)


def _of_24_bits(pixels: NDArray[np.uint8]) -> Depth:
    r, g, b = (pixels[..., i].astype(np.int32) for i in range(3))
    steps = r | (g << 8) | (b << 16)
    return np.where(steps == STEPS, np.inf, steps * (FAR_M / STEPS)).astype(np.float32)


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    if pixels.ndim == 2:
        return True
    r, g, b = (pixels[..., i] for i in range(3))
    return bool(np.array_equal(r, g) and np.array_equal(g, b))


def _greys(converter: DepthConverter) -> NDArray[np.float32]:
    """Metres by grey (1, 256). LogarithmicDepth says nothing of what is nearer than 3.3 m."""
    g = np.arange(256) / 255
    table = FAR_M * (g if converter == "Depth" else np.exp((g - 1) * LOG_SCALE))
    if converter == "LogarithmicDepth":
        table[0] = np.nan
    table[255] = np.inf
    return table.astype(np.float32)[None]
