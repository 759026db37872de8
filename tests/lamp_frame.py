"""A small frame with a street lamp, for tests of the night."""

from dataclasses import replace

import numpy as np

from parhelion.pipeline.frame import GIVES_LIGHT, Frame
from parhelion.pipeline.scene_class import FINE, SceneClass


def with_lamp(parent: Frame) -> Frame:
    """The frame with a burning street lamp 10 m ahead, above the road."""
    assert parent.stencil is not None
    assert parent.depth is not None
    stencil, depth, emissive = (
        parent.stencil.copy(),
        parent.depth.copy(),
        np.zeros_like(parent.stencil),
    )
    at = (slice(8, 10), slice(30, 33))
    stencil[at], depth[at], emissive[at] = SceneClass.STREET_LIGHT, 10.0, GIVES_LIGHT
    return replace(parent, stencil=stencil, depth=depth, emissive=emissive, label_space=FINE)
