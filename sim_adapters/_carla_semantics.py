"""What a pixel is, of CARLA's semantic camera, or of the tags in its instance camera."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Stencil
from parhelion.sim_adapters import _carla_layers as layers
from parhelion.sim_adapters import _carla_tags as tags
from parhelion.sim_adapters._carla_manifest import Converter
from parhelion.sim_adapters._carla_tags import Generation
from parhelion.sim_adapters._class_tables import stencil_of, stencil_of_colours


class Semantics(NamedTuple):
    """A stencil with the table that it was read by."""

    stencil: Stencil  # (H, W) SceneClass ids
    native: Stencil | None  # (H, W) raw tags; None where colours were saved
    generation: Generation
    proven: bool  # by the pixels; nobody stated it


def semantics_of(
    pixels: NDArray[np.uint8], converter: Converter, stated: Generation | None, name: str
) -> Semantics:
    """Of raw tags, or of CityScapesPalette where G or B hold anything. Raises BadFrame."""
    if converter != "CityScapesPalette" and layers.is_raw(pixels):
        native = layers.red_of(pixels)
        generation = stated or tags.proven_by_tags(native) or _unknown(name)
        stencil = stencil_of(native, tags.classes_of_tags(generation), name)
        return Semantics(stencil, native, generation, stated is None)
    if converter == "Raw" or pixels.ndim == 2:
        wanted = "raw tags with G = B = 0" if converter == "Raw" else "three channels of colours"
        raise BadFrame(
            Reason.WRONG_TYPE,
            f"{name}: wanted {wanted}, got another picture: is semantic_converter right?",
        )
    colours = pixels[..., :3]
    generation = stated or tags.proven_by_colours(colours) or _unknown(name)
    stencil = stencil_of_colours(colours, tags.classes_of_colours(generation), name)
    return Semantics(stencil, None, generation, stated is None)


def _unknown(name: str) -> Generation:
    raise BadFrame(
        Reason.BAD_METADATA,
        f"{name}: wanted to know by which table these tags are numbered, got no carla_version in a "
        "manifest and pixels that leave a doubt: set `tags` to A (CARLA up to 0.9.9), "
        "B (0.9.10 to 0.9.13) or C (0.9.14 and later)",
    )
