"""The three buffers of one frame, from whatever files they lie in: colour, depth, stencil."""

import math
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Image, Stencil
from parhelion.pipeline.layers import resize_nearest
from parhelion.sim_adapters import _gtav_archives as archives
from parhelion.sim_adapters import _gtav_pages as tiff
from parhelion.sim_adapters import _image_files as image_files
from parhelion.sim_adapters import _layer_files as layer_files
from parhelion.sim_adapters._gtav_listing import Shot
from parhelion.sim_adapters._source_files import SourceFiles

SAME_SHAPE = 0.01  # of width by height: the buffers show the same view at another size
COLOUR_BYTES, DEPTH_BYTES, STENCIL_BYTES = 4, 4, 1  # a pixel


class Buffers(NamedTuple):
    image: Image
    depth: NDArray[Any] | None  # (H, W) float32 from 0 to 1, or uint16
    stencil: Stencil | None  # (H, W) as the game has it

    def alike(self, name: str) -> "Buffers":
        """All at the size of the image. Raises BadFrame where one shows another view.

        The game draws depth and stencil at a size of their own where the screen has another; the
        nearest pixel is taken, because an id or a depth in between means nothing.
        """
        height, width = self.image.shape[:2]
        made: list[NDArray[Any] | None] = []
        for layer, what in ((self.depth, "depth"), (self.stencil, "stencil")):
            if layer is None or layer.shape == (height, width):
                made.append(layer)
                continue
            tall = layer.shape[0] * width / (layer.shape[1] * height)
            if abs(tall - 1) > SAME_SHAPE:
                wanted = f"{what} of the shape of {width}x{height}"
                sentence = f"{name}: wanted {wanted}, got {layer.shape[1]}x{layer.shape[0]}"
                raise BadFrame(Reason.SIZE_MISMATCH, sentence)
            made.append(resize_nearest(layer, width, height))
        return Buffers(self.image, made[0], made[1])


def buffers_of(shot: Shot, files: SourceFiles, raw_size: tuple[int, int] | None) -> Buffers:
    """Raises BadFrame."""
    if "archive" in files:
        name = f"{files.names['archive']}/{shot.member}"
        archive = archives.opened(files.root, files.names["archive"])
        data = archives.member_bytes(archive, shot.member, name, files.max_pixels)
        files.count_in(sha256(data).hexdigest())
        return _in_pages(data, name, shot, files.max_pixels)
    if "pages" in files:
        return _in_pages(files.data("pages"), files.names["pages"], shot, files.max_pixels)
    if shot.stem == "raw":
        return _dumped(files, raw_size)
    image = _image(files, shot)
    depth = _layer(files, "depth", ("uint16", "float32")) if "depth" in files else None
    stencil = _layer(files, "stencil", ("uint8",)) if "stencil" in files else None
    return Buffers(image, depth, stencil)


def _in_pages(data: bytes, name: str, shot: Shot, max_pixels: int) -> Buffers:
    pages = _directories(data, name, max_pixels)
    colour = tiff.chosen(pages, "colour", name, shot.pages, shot.page)
    layers = [
        tiff.decode_layer(data, pages, tiff.chosen(pages, kind, name), name)
        for kind in ("depth", "stencil")
    ]
    image = tiff.decode_colour(data, pages, colour, name, max_pixels)
    return Buffers(image, layers[0], layers[1])


def _image(files: SourceFiles, shot: Shot) -> Image:
    name = files.names["image"]
    data = files.data("image", Reason.UNREADABLE_IMAGE)
    if not name.lower().endswith((".tiff", ".tif")):
        return image_files.decode_image(data, name, files.max_pixels, upright=True)
    pages = _directories(data, name, files.max_pixels)
    page = tiff.chosen(pages, "colour", name, shot.pages, shot.page)
    return tiff.decode_colour(data, pages, page, name, files.max_pixels)


def _layer(files: SourceFiles, layer: str, wanted: tuple[str, ...]) -> NDArray[Any]:
    """Depth or stencil in a file of its own. Raises BadFrame."""
    name = files.names[layer]
    if name.lower().endswith((".tiff", ".tif")):
        data = files.data(layer)
        pages = _directories(data, name, files.max_pixels)
        plane = tiff.decode_layer(data, pages, tiff.chosen(pages, layer, name), name)
    else:
        plane = files.ids(layer)
    if plane.dtype.name not in wanted:
        sentence = f"{name}: wanted {layer} in {' or '.join(wanted)}, got {plane.dtype.name}"
        raise BadFrame(Reason.WRONG_TYPE, sentence)
    return plane


def _directories(data: bytes, name: str, max_pixels: int) -> list[tiff.Page]:
    pages = tiff.pages_of(tiff.reader_of(data), name)
    tiff.check_sizes(pages, name, max_pixels)
    return pages


def _dumped(files: SourceFiles, size: tuple[int, int] | None) -> Buffers:
    """Buffers without any header: RGBA, float32, uint8."""
    for layer in ("colour", "depth", "stencil"):
        if layer not in files:
            raise BadFrame(Reason.MISSING_FILE, f"wanted {layer} in a .raw of its own, not there")
    if size is None:
        sentence = f"{files.names['colour']}: wanted its size, which no file tells: state raw_size"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    width, height = size
    colour = _bytes(files, "colour", width * height * COLOUR_BYTES)
    image = layer_files.decode_raw(colour, files.names["colour"], np.uint8, (height, width, 4))
    depth = _dump(files, "depth", np.float32, DEPTH_BYTES, size)
    stencil = _dump(files, "stencil", np.uint8, STENCIL_BYTES, size)
    return Buffers(np.ascontiguousarray(image[..., :3]), depth, stencil)


def _dump(
    files: SourceFiles, layer: str, dtype: type[np.generic], size: int, screen: tuple[int, int]
) -> NDArray[Any]:
    """A buffer, which may be smaller or larger than the screen but has its shape."""
    width, height = screen
    data = _bytes(files, layer, width * height * size)
    scale = math.sqrt(len(data) / (width * height * size))
    shape = max(round(height * scale), 1), max(round(width * scale), 1)
    return layer_files.decode_raw(data, files.names[layer], dtype, shape)


def _bytes(files: SourceFiles, layer: str, wanted: int) -> bytes:
    """A dump's bytes. Windows wrote it as text, with a return before each line feed: undone."""
    data = files.data(layer)
    if len(data) == wanted or data.count(b"\n") != data.count(b"\r\n"):
        return data
    return data.replace(b"\r\n", b"\n")
