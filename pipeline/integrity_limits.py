"""From where on a frame's image and layers count as out of step; what a source may set."""

from typing import Annotated

from pydantic import Field

from parhelion.pipeline.contracts import PartConfig


class IntegrityLimits(PartConfig):
    """Bounds of the checks at the door, fitted on streets of the built-in simulator.

    The defaults fit layers that one renderer made pixel by pixel. `fitted_limits` fits them anew
    on one's own good frames.
    """

    met: Annotated[float, Field(ge=0, le=1)] = 0.49  # least share of edges that layers share
    lead: float = 1.32  # sigmas by which image edges must prefer their own place to any other
    neighbours: bool = True  # whether the frame before is read too: one more read a chunk
