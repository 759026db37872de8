"""What `instruct` is made of once it is fitted, and how words and picture are weighed.

Brooks, Holynski, Efros 2023, "InstructPix2Pix: Learning to Follow Image Editing Instructions".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from parhelion.generators._ddpm_draw import drawing_denoiser_of
from parhelion.generators._denoiser import Denoiser, Told
from parhelion.generators._edit_crops import PARENT_PLANES, parent_planes
from parhelion.generators._guidance import Mix, Term, everywhere
from parhelion.generators._text_encoder import TextEncoder
from parhelion.generators._wishes import Grammar
from parhelion.pipeline.frame import Image

if TYPE_CHECKING:
    from parhelion.generators.instruct import InstructConfig, SeenEdits


class Editor(nn.Module):
    """What draws, and what reads wishes, in one file of weights."""

    def __init__(self, denoiser: Denoiser, encoder: TextEncoder) -> None:
        super().__init__()
        self.denoiser, self.encoder = denoiser, encoder


def editor_of(config: "InstructConfig", seen: "SeenEdits") -> Editor:
    """The networks that were fitted, with torch's current random state."""
    denoiser = drawing_denoiser_of(config, seen, PARENT_PLANES)
    return Editor(denoiser, TextEncoder(seen.lexicon))


def encoder_of(config: "InstructConfig") -> TextEncoder:
    """The reader of wishes, of the words that it may learn."""
    return TextEncoder(Grammar(config.held_out).lexicon)


def shown_beside(told: Told, images: Sequence[Image]) -> Told:
    """What is told, and the parents' pictures, each (H, W, 3)."""
    levels = np.stack([image.transpose(2, 0, 1) for image in images])
    return told._replace(beside=torch.cat([told.beside, parent_planes(levels)], dim=1))


def weighed(text: float, image: float) -> Mix:
    """Equation 3: D() + s_I (D(picture) - D()) + s_T (D(picture, words) - D(picture)).

    With both at 1 this is the plain network; what weighs nothing is not asked.
    """

    def mix(told: Told) -> Sequence[Term]:
        nowhere = everywhere(told)
        terms = (
            Term(1 - image, told.silenced(nowhere)),
            Term(image - text, told.unheard(nowhere)),
            Term(text, told),
        )
        return [term for term in terms if term.weight]

    return mix
