"""repaint: a part of a picture drawn anew by a trained `ddpm`, p(x | y, parent).

Lugmayr et al. 2022; the walk is in `_repaint_walk.py`. The request's mask says where to draw, its
annotation what shall be there: an edited stencil removes, replaces or inserts things. Without an
annotation the parent's own labels are drawn again, otherwise. Outside the mask the picture is the
parent's to the last bit; labels are made to agree in `_repaint_layout.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from parhelion.generators._over_ddpm import OverDdpm, OverDdpmConfig
from parhelion.generators._parents_sky import another_sky
from parhelion.generators._repaint_layout import become, merged, strangers
from parhelion.generators._settings import Positive
from parhelion.generators._trained import Drawn, Fitted, TrainedConfig
from parhelion.generators._understood import understood
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import LAYERS, Annotation, Frame

if TYPE_CHECKING:
    from parhelion.generators._ddpm_draw import Walk
    from parhelion.generators._denoiser import Denoiser


class RepaintConfig(OverDdpmConfig):
    """How long the unknown part is made to fit the known one."""

    levels: Positive = 20  # of noise, from all to none
    jump: Positive = 5  # levels that are gone up again at once
    resamples: Positive = 3  # times that a stretch is gone down; 1 = no jumps

    drawing: ClassVar[frozenset[str]] = OverDdpmConfig.drawing | {"levels", "jump", "resamples"}

    @model_validator(mode="after")
    def _jumps(self) -> "RepaintConfig":
        if self.resamples > 1 and self.jump >= self.levels:
            raise ValueError(
                f"wanted a jump of fewer than the {self.levels} levels, got {self.jump}: nothing "
                f"would be resampled {self.resamples} times"
            )
        return self


class Repaint(OverDdpm):
    """Draws what a mask covers, as the annotation says, and keeps the rest of the parent."""

    NAME: ClassVar[str] = "repaint"
    VERSION: ClassVar[str] = "8"
    Config: ClassVar[type[TrainedConfig]] = RepaintConfig

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    def unsupported(self, request: Request) -> str | None:
        """Without a parent or with a mask of another size; without a mask all is drawn."""
        parent, mask = request.parent, request.mask
        if parent is None:
            return f"{self.NAME} keeps what a mask leaves of a picture: give a parent"
        if mask is not None and mask.shape != parent.size:
            return (
                f"{self.NAME} wanted a mask of the parent's size {parent.size}, got {mask.shape}: "
                "resize it without blending"
            )
        y = request.annotation
        if y is not None and y.layers & set(LAYERS) and y.size != parent.size:
            return (
                f"{self.NAME} wanted an annotation of the parent's size {parent.size}, got "
                f"{y.size}: edit the parent's own"
            )
        if request.annotation is not None and request.becomes is not None:
            return f"{self.NAME} wanted an annotation or what the mask becomes, got both: give one"
        if request.becomes is not None and "stencil" not in self.needs:
            return f"{self.NAME} cannot be told classes: its network has learnt without a stencil"
        if not _mask(request).all() and (gainsaid := self._gainsaid(request, parent)):
            return gainsaid
        return super().unsupported(replace(request, mask=None, becomes=None))  # what it is for

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request; where a part of the parent stays, under its conditions. Raises
        CannotHonour.
        """
        yield from super().generate([self._under_one_sky(request) for request in requests])

    def layout(self, request: Request) -> Annotation:
        """The parent's labels with the edited ones inside the mask; of another class only where
        all is drawn. Raises CannotHonour.
        """
        parent, mask = request.parent, _mask(request)
        require_layers(self.NAME, parent, self.needs)
        assert parent is not None
        edited = request.annotation or parent
        if request.becomes is not None:
            edited = become(parent, request.becomes, mask)
        if "stencil" in self.needs and (strange := strangers(parent, edited, mask)):
            raise CannotHonour(
                f"{self.NAME} keeps what the parent's labels tell apart where a part of it stays, "
                f"{', '.join(c.label for c in sorted(parent.label_space))}: got "
                f"{', '.join(strange)} inside the mask: name one of these, or give no mask"
            )
        y = merged(parent, edited, mask, self.needs)
        if request.annotation is not None and edited.label is not None:
            y = replace(y, label=edited.label)
        return self.require_learnt(require_layers(self.NAME, y, self.needs))

    def drawn_together(self, requests: Sequence[Request], fitted: Fitted) -> Sequence[Drawn]:
        """Pictures whose known part is the parent's bytes. Raises CannotHonour."""
        pictures = super().drawn_together(requests, fitted)
        for request, drawn in zip(requests, pictures, strict=True):
            assert request.parent is not None
            known = ~_mask(request)
            drawn.image[known] = request.parent.image[known]
        return pictures

    def walk(self, requests: Sequence[Request], network: "Denoiser") -> "Walk":
        """Down and up the levels, the known part put in its place at each."""
        import torch

        from parhelion.generators._ddpm_draw import padded, parents
        from parhelion.generators._noise_levels import sampling_levels
        from parhelion.generators._repaint_walk import places, repainted

        c, known = self.config, parents(requests, network)
        masks = np.stack([_mask(request) for request in requests])[:, None].astype(np.float32)
        mask = padded(torch.from_numpy(masks), network).to(known)
        levels, walk = (
            sampling_levels(c.levels, smallest=c.sigma_min),
            places(c.levels, c.jump, c.resamples),
        )
        return lambda denoise, fresh: repainted(denoise, known, mask, levels, walk, fresh)

    def _gainsaid(self, request: Request, parent: Frame) -> str | None:
        """What is asked for that the part of the parent which stays is not, in a sentence."""
        label = request.annotation.label if request.annotation is not None else None
        if label is not None and label != parent.label:
            has = parent.label.name if parent.label is not None else "none"
            return (
                f"{self.NAME} keeps the parent's class where a part of it stays: asked for "
                f"{label.name}, got a parent of {has}: give no mask"
            )
        instead = "no mask, or sdedit for the whole picture"
        return another_sky(self.NAME, request.conditions, parent.conditions, instead)

    def _under_one_sky(self, request: Request) -> Request:
        """The request with all that is known of the parent's conditions, where a part stays.
        Raises CannotHonour.
        """
        if refused := self.unsupported(request):
            raise CannotHonour(refused)
        if request.parent is None or _mask(request).all():
            return request
        return understood(request, request.parent.conditions)


def _mask(request: Request) -> NDArray[np.bool_]:
    """(H, W) where to draw; everywhere if the request does not say."""
    assert request.parent is not None
    if request.mask is None:
        return np.ones(request.parent.size, dtype=np.bool_)
    return request.mask.astype(np.bool_, copy=False)


PART = Repaint
