"""Deep Feature Interpolation: a parent moved into another domain, p(x | y, parent); no training.

Upchurch et al. 2017, Deep Feature Interpolation for Image Content Changes. Of the parent x, the k
nearest pictures of its own domain and the k nearest of the wanted one; w = the difference of their
mean features (equation 2); z with phi(z) = phi(x) + alpha w, by optimisation (equation 3). Domains
are cells of conditions. What stands in for the paper's aligned faces: `_dfi_shift`; what keeps the
labels true: `_dfi_reconstruct`; which network: `_deep_features`.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.random import Generator

from parhelion.generators._dfi_settings import DfiConfig, SeenDomains, domain_of
from parhelion.generators._trained import Drawn, Fitted, Learner, Seen, Trained, TrainedConfig
from parhelion.pipeline.conditions import PHYSICS, Conditions
from parhelion.pipeline.contracts import (
    CannotHonour,
    FitReport,
    FrameKey,
    Progress,
    Request,
    TrainingData,
    silent,
)
from parhelion.pipeline.frame import Frame, Image, Stencil
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.seeds import rng

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from parhelion.generators._deep_features import DeepFeatures
    from parhelion.generators._dfi_domains import Domains

TINY = 1e-12  # mean square of w, below which there is no way to go


class Dfi(Trained):
    """Moves a parent from its own cell of conditions to another; its labels stay.

    Source and target frames together are the pictures at hand. `fit` only reads and keeps them.
    """

    NAME: ClassVar[str] = "dfi"
    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[TrainedConfig]] = DfiConfig
    seen_as: ClassVar[type[Seen]] = SeenDomains

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    @cached_property
    def phi(self) -> "DeepFeatures":
        """The network. Raises WeightsMissing."""
        from parhelion.generators._deep_features import deep_features
        from parhelion.pipeline.training import device_of, on_device

        made = deep_features(self.config.network)
        on_device(made, device_of(self.config.device))
        return made

    def fit(
        self, data: TrainingData, workdir: "Path", seed: int, progress: Progress = silent
    ) -> FitReport:
        """Keeps pictures of every domain, a frame at a time; resumes from `workdir`.

        "auto" becomes the network that is used, in the settings of every frame drawn from here on.
        """
        from parhelion.generators._deep_features import network_at_hand

        if self.config.network == "auto":
            self.config = self.config.model_copy(update={"network": network_at_hand()})
        return super().fit(data, workdir, seed, progress)

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._dfi_domains import DomainsStep

        return DomainsStep(self.config, data, seed, self.phi)

    def network(self, seen: Any) -> "Domains":
        from parhelion.generators._dfi_domains import Domains

        return Domains(seen.kept, seen.size, seen.scene_size)

    def rests_on(self) -> tuple[str, ...]:
        from parhelion.generators._deep_features import NAMES

        return NAMES[self.config.network]

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """Both sets: every cell among them can be left and entered."""
        return [key for s in (data.source, data.target) if s is not None for key in s.keys]

    def unready(self) -> str | None:
        """Names the network's weights where they are missing."""
        from parhelion.generators._deep_features import network_at_hand, weights_path

        network = self.config.network
        try:
            weights_path(network_at_hand() if network == "auto" else network)
        except WeightsMissing as error:
            return f"dfi: the features of {error}"
        return None

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why not: a cell, the wanted one or the parent's, of which too few frames were seen."""
        if refused := super().refusal(conditions):
            return refused
        stated = [name for name in PHYSICS if getattr(conditions, name) is not None]
        if stated:
            return f"dfi moves to the mean of a cell and cannot honour {stated}: ask for none"
        wanted = [conditions] if parent is None else [conditions, parent.conditions]
        return next((s for c in wanted if (s := self._too_few(c))), None)

    def unsupported(self, request: Request) -> str | None:
        """It needs a parent, whose labels stay."""
        if request.annotation is not None:
            return "dfi keeps the labels of its parent and got another annotation: give none"
        return self._too_few(_parent_of(request).conditions) or super().unsupported(request)

    def drawn(self, request: Request, fitted: Fitted) -> Drawn:
        """The parent under the new light, at its own size. Raises CannotHonour."""
        from parhelion.generators._dfi_domains import at_size, to_tensor
        from parhelion.generators._dfi_reconstruct import aimed, changed, reconstruct
        from parhelion.generators._dfi_shift import way_between

        parent = _parent_of(request)
        device = self.phi.mean.device
        image, stencil = at_size(parent, parent.image, fitted.seen.size)
        x = to_tensor(image, device)
        random = rng(request.seed, "dfi")
        neighbours = self._neighbours(request, fitted, image, stencil, random)
        way = way_between(self.phi, fitted.network, neighbours, stencil, self.config)
        alpha = self._alpha(way.mean_square, random)
        found = reconstruct(self.phi, x, aimed(self.phi, x, way, alpha, self.config), self.config)
        z = changed(to_tensor(parent.image, device), found.change)
        return Drawn(
            image=_to_image(z),
            y=parent,
            conditions=_arrived(request.conditions, parent.conditions),
            parameters={
                "alpha": alpha,
                "w_rms": way.mean_square**0.5,
                "by_class": float(way.by_class),
                "loss_before": found.before,
                "loss_after": found.after,
            },
        )

    def _alpha(self, mean_square: float, random: Generator) -> float:
        """How much of w is added: as set or by the paper's rule, spread by the seed."""
        c = self.config
        alpha = c.alpha if c.beta is None else c.beta / max(mean_square, TINY)
        return float(alpha * (1 + c.alpha_spread * random.uniform(-1, 1)))

    def _neighbours(
        self, request: Request, fitted: Fitted, image: Image, stencil: Stencil, random: Generator
    ) -> tuple[list[int], list[int]]:
        """Rows of k neighbours in the parent's domain and in the wanted one.

        The seed draws which of the nearest are taken, on either side for itself; with
        `neighbourhood` = k, as in the paper, it draws nothing.
        """
        from parhelion.generators._dfi_domains import describe

        c, seen, kept = self.config, fitted.seen, fitted.network
        told = describe(self.phi, image, stencil)
        home = seen.rows[domain_of(_parent_of(request).conditions)]
        away = seen.rows[domain_of(request.conditions)]

        def some(rows: Sequence[int]) -> list[int]:
            near = kept.nearest(told, home, rows, c.layout_weight)[: c.neighbourhood]
            return sorted(random.permutation(near)[: c.k].tolist())

        of_source = some(home)
        return of_source, of_source if away == home else some(away)

    def _too_few(self, conditions: Conditions) -> str | None:
        if self._fitted is None:
            return None
        domain, needed = domain_of(conditions), self.config.min_frames_per_cell
        if (frames := len(self._fitted.seen.rows.get(domain, ()))) < needed:
            return (
                f"dfi keeps {frames} training frames of {domain} and moves from or to it from "
                f"{needed} on (min_frames_per_cell): add frames of {domain}"
            )
        return None


def _parent_of(request: Request) -> Frame:
    if request.parent is None:
        raise CannotHonour("dfi moves a parent frame to other conditions: give a parent")
    return request.parent


def _arrived(asked: Conditions, left: Conditions) -> Conditions:
    """The conditions drawn. The hour within the cell is the neighbours' mean, so none is told."""
    return Conditions(
        weather=asked.weather,
        time_of_day=asked.time_of_day,
        event=asked.event,
        driving_side=left.driving_side,
    )


def _to_image(z: "torch.Tensor") -> Image:
    """(1, 3, H, W) in 0..1 -> (H, W, 3) uint8."""
    import torch

    levels = (z.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(levels[0].permute(1, 2, 0).cpu().numpy())


PART = Dfi
