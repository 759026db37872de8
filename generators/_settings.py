"""The words and ranges that trained generators share in their settings; light to import."""

from typing import Annotated, Literal

from pydantic import Field

Augmentation = Literal["colour", "translation", "cutout"]  # of what a critic sees
Objective = Literal["non_saturating", "hinge"]  # of a critic and its generator
Layer = Literal["stencil", "instances", "depth", "emissive"]  # of y, that a network can read

Positive = Annotated[int, Field(gt=0)]
AboveZero = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
