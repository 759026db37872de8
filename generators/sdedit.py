"""sdedit: a parent's picture drawn anew from part of its noise, p(x | y, parent).

Meng et al. 2022, "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential
Equations", algorithm 1: noise of some level hides details of the parent, and a trained denoiser
puts others in their place. More noise, more of the wanted conditions and less of the parent. Any
trained `ddpm` serves; the simulated frame that becomes a real one needs no other model.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from parhelion.generators._over_ddpm import OverDdpm, OverDdpmConfig
from parhelion.generators._trained import TrainedConfig
from parhelion.generators.ddpm import DdpmConfig
from parhelion.pipeline.contracts import Request

if TYPE_CHECKING:
    from parhelion.generators._ddpm_draw import Walk
    from parhelion.generators._denoiser import Denoiser


class SdeditConfig(OverDdpmConfig, DdpmConfig):
    """How much of the parent is drawn anew; and the settings of the `ddpm` that draws."""

    strength: Annotated[float, Field(gt=0, le=1)] = 0.5  # 0 would be the parent, 1 the most noise

    drawing: ClassVar[frozenset[str]] = OverDdpmConfig.drawing | DdpmConfig.drawing | {"strength"}


class Sdedit(OverDdpm):
    """Draws the parent's layout under other conditions, after its picture."""

    NAME: ClassVar[str] = "sdedit"
    VERSION: ClassVar[str] = "7"
    Config: ClassVar[type[TrainedConfig]] = SdeditConfig

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    def unsupported(self, request: Request) -> str | None:
        """Also a request without a picture to start from, or with another layout than it has."""
        if request.parent is None:
            return f"{self.NAME} starts from a picture: give a parent, or use ddpm"
        if request.annotation is not None:
            return f"{self.NAME} keeps the parent's labels and got others: give none, or use ddpm"
        return super().unsupported(request)

    def walk(self, requests: Sequence[Request], network: "Denoiser") -> "Walk":
        """From the parents' pictures under noise of the level that `strength` says."""
        from parhelion.generators._ddpm_draw import parents
        from parhelion.generators._noise_levels import level_at, sampling_levels
        from parhelion.generators._sampling import WAYS, steps_of

        c, start, clean = self.config, level_at(self.config.strength), parents(requests, network)
        levels = sampling_levels(steps_of(c.sampler, c.calls), start, c.sigma_min)
        return lambda denoise, fresh: WAYS[c.sampler](
            denoise, clean + start * fresh(), levels, fresh
        )


PART = Sdedit
