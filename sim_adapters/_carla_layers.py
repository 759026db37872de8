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
from parhelion.sim_adapters import _layer_files as layer_files
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
        pixels = layer_files.decode_channels(data, name, files.max_pixels)
    except BadFrame as error:
        if error.reason is not Reason.WRONG_TYPE:
            raise
        pixels = layer_files.decode_ids(data, name, files.max_pixels)
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
    return cv2.LUT(red_of(pixels), _greys(converter)).astype(np.float32, copy=False)


def red_of(pixels: NDArray[np.uint8]) -> Stencil:
    """(H, W): the only channel, or R, where raw tags are."""
    red = pixels if pixels.ndim == 2 else cv2.extractChannel(pixels, 0)
    return red.astype(np.uint8, copy=False)


def is_raw(pixels: NDArray[np.uint8]) -> bool:
    """Whether these can be raw tags, which leave G and B empty."""
    return pixels.ndim == 2 or not any(plane.any() for plane in _planes(pixels)[1:])


def instances_of(pixels: NDArray[np.uint8], classes: Stencil, name: str) -> Instances:
    """Ids (H, W) int32 of people and vehicles, 0 elsewhere: class * 65536 + B * 256 + G.

    The simulator's 16 bits may collide; with the class, only things of one class still can.
    """
    if pixels.ndim == 2:
        wanted = "three channels of instances"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted {wanted}, got one channel")
    _, g, b = _planes(pixels)
    counted = cv2.LUT(classes, COUNTED)
    nobody = (counted == 0) | ((g | b) == 0)  # the engine's 0 is nobody's id
    kept = nobody.view(np.uint8) - np.uint8(1)  # every bit of what is kept, none of the rest
    # In memory G B class 0 is the number itself.
    planes = [g & kept, b & kept, counted & kept, np.zeros_like(g)]
    found: Instances = cv2.merge(planes).view("<i4")[..., 0]
    return found


def engine_id(instance: int) -> int:
    """The simulator's own 16 bits of an id."""
    return instance & 0xFFFF


def category_of(instance: int) -> SceneClass:
    """The class that an id carries."""
    return SceneClass(instance >> 16)


def _of_24_bits(pixels: NDArray[np.uint8]) -> Depth:
    rgba = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA) if pixels.shape[2] == 3 else pixels
    steps = rgba.view("<i4")[..., 0] & STEPS  # in memory R G B A is the number itself, but for A
    depth = steps.astype(np.float32)  # which holds 24 bits exactly
    depth *= FAR_M / STEPS
    depth[steps == STEPS] = np.inf
    return depth


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    if pixels.ndim == 2:
        return True
    for step in (8, 1):  # of colours a grid of pixels is proof enough
        r, g, b = _planes(np.ascontiguousarray(pixels[::step, ::step]))
        if not (np.array_equal(r, g) and np.array_equal(g, b)):
            return False
    return True


def _planes(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """R, G and B (H, W), each in one piece: arithmetic on every third byte takes thrice as long."""
    return [plane.astype(np.uint8, copy=False) for plane in cv2.split(pixels)[:3]]


def _greys(converter: DepthConverter) -> NDArray[np.float32]:
    """Metres by grey (1, 256). LogarithmicDepth says nothing of what is nearer than 3.3 m."""
    g = np.arange(256) / 255
    table = FAR_M * (g if converter == "Depth" else np.exp((g - 1) * LOG_SCALE))
    if converter == "LogarithmicDepth":
        table[0] = np.nan
    table[255] = np.inf
    return table.astype(np.float32)[None]
