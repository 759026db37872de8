"""Principal axes and Gaussians on their code, by sums over blocks of frames: one block a step.

A first part of the passes over the data finds the mean m, the axes V and the noise; a last pass the
Gaussians of the groups. Where the scatter matrix S (d, d) fits, one pass sums it whole. For larger
pictures S B is summed for a basis B of l = q + oversampling columns, which becomes the basis of the
next pass: randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4), whose
last pass gives B' S B (Rayleigh-Ritz). The noise is exact in both: the trace of S is.
"""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from parhelion.generators._health import Health, Probe
from parhelion.generators._pca_model import LinearGaussians
from parhelion.generators._trained import cells
from parhelion.generators._whole_images import WholeImages
from parhelion.pipeline.contracts import Ailment, TrainingData
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.training import Losses, TrainingState

if TYPE_CHECKING:
    from parhelion.generators.pca import PcaConfig, SeenPca

LEAST_NOISE = (2 / 255) ** 2 / 12  # variance of rounding to grey levels, in pictures of -1..1
LARGEST_SKETCH = 2**27  # entries of S B: a gibibyte
PROBED_GROUPS, PROBES = 10, 16  # of an examination


class Sums(nn.Module):
    """What one pass adds up, and the basis it works in; float64."""

    def __init__(self, d: int, q: int, sketch: int, groups: int) -> None:
        super().__init__()
        shapes = {
            "basis": (d, sketch if sketch < d else 0),  # B; the identity needs no room
            "product": (d, sketch),  # sum of x x' B
            "total": (d,),  # sum of x
            "code_total": (groups, q),  # sum of u = V' (x - m)
            "code_product": (groups, q, q),  # sum of u u'
            "rest": (groups,),  # sum of |x - m|^2 - |u|^2
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.basis: Tensor
        self.product: Tensor
        self.total: Tensor
        self.code_total: Tensor
        self.code_product: Tensor
        self.rest: Tensor

    def clear(self) -> None:
        """Zeroes all but the basis, before a pass."""
        for name, sums in self.named_buffers():
            if name != "basis":
                sums.zero_()

    def add(self, x: Tensor) -> None:
        """Pictures (N, d)."""
        self.total += x.sum(dim=0)
        self.product += x.T @ (x @ self.basis if self.basis.numel() else x)

    def add_codes(self, u: Tensor, rest: Tensor, groups: Tensor) -> None:
        """Codes (N, q), squared distances (N,) to the axes' space and group numbers (N,)."""
        for g in sorted(set(groups.tolist())):
            mine = groups == g
            self.code_total[g] += u[mine].sum(dim=0)
            self.code_product[g] += u[mine].T @ u[mine]
            self.rest[g] += rest[mine].sum()

    def scatter(self, n: int) -> tuple[Tensor, Tensor]:
        """The mean m (d,) of n pictures, and S B (d, l)."""
        m = self.total / n
        onto = self.basis.T @ m if self.basis.numel() else m
        return m, (self.product - n * torch.outer(m, onto)) / (n - 1)


class PcaFit:
    """One fit; call it with the number of the step."""

    def __init__(
        self, config: "PcaConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.images = WholeImages(data, size=config.size, cache_mb=config.cache_mb)
        n, d = len(self.images), self.images.channels * math.prod(self.images.size)
        if n < 2 or d < 2:
            raise ValueError(f"pca needs two frames of two pixels at least, got {n} of {d} entries")
        self.q = min(config.components, d - 1, n - 1)
        exact = d <= config.exact_up_to
        sketch = d if exact else min(self.q + config.oversampling, n, d)
        if d * sketch > LARGEST_SKETCH:
            raise ValueError(
                f"pca holds pictures of {LARGEST_SKETCH // sketch} entries at most with {sketch} "
                f"columns, got {d} (channels x height x width): set size, or fewer "
                "components"
            )
        self.scatter_passes = 1 if exact else config.passes
        self.blocks = -(-n // config.block)
        keys = [(k.label.index if k.label else -1, cell_of(k)) for k in self.images.frames.keys]
        self.groups = sorted(set(keys))
        number = {group: g for g, group in enumerate(self.groups, start=1)}
        self.group_of = torch.tensor([number[key] for key in keys])
        self.sums = Sums(d, self.q, sketch, 1 + len(self.groups)).to(device)
        self.model = LinearGaussians(d, self.q, 1 + len(self.groups)).to(device)
        if not exact:
            random = torch.Generator().manual_seed(seed_of("pca.basis", seed))
            start = torch.randn(d, sketch, generator=random, dtype=torch.float64)
            self.sums.basis.copy_(torch.linalg.qr(start).Q)

    @property
    def steps(self) -> int:
        return (self.scatter_passes + 1) * self.blocks

    def state(self) -> TrainingState:
        """Sums and model: all that a block changes."""
        return TrainingState({"sums": self.sums, "model": self.model}, {})

    @torch.no_grad()
    def __call__(self, step: int) -> Losses:
        done, block = divmod(step, self.blocks)
        if block == 0:
            self.sums.clear()
        start = block * self.config.block
        rows = list(range(start, min(start + self.config.block, len(self.images))))
        x = self.images.x(rows).flatten(1).to(self.device, torch.float64)
        last = block == self.blocks - 1
        if done < self.scatter_passes:
            self.sums.add(x)
            if last:
                self._turn(final=done == self.scatter_passes - 1)
            return {}
        u = self.model.encode(x)
        rest = ((x - self.model.mean).square().sum(dim=1) - u.square().sum(dim=1)).clamp(min=0)
        self.sums.add_codes(u, rest, self.group_of[rows].to(self.device))
        if last:
            self._set_codes()
        return {"l2_grey_levels": 127.5 * float((rest.mean() / x.shape[1]).sqrt())}

    def examine(self, step: int) -> Ailment | None:
        """Draws from groups with frames enough, once the fit is complete."""
        full = [g for g, n in enumerate(self._counts()) if g and n >= PROBES]
        if step < self.steps or not full:
            return None
        chosen = [full[i * len(full) // PROBED_GROUPS] for i in range(PROBED_GROUPS)]
        chosen = sorted(set(chosen))
        real = [(self.group_of == g).nonzero().flatten()[:PROBES].tolist() for g in chosen]
        probe = Probe(
            drawn=torch.stack([self._drawn(g) for g in chosen]),
            real=torch.stack([self.images.x(rows) for rows in real]),
        )
        return Health(steps=self.steps, learns=False).examine(step, probe)

    def result(self) -> nn.Module:
        """Axes and Gaussians."""
        return self.model

    def seen(self, seen: "SeenPca") -> "SeenPca":
        """With the groups; a fit that did not come to its end cannot draw."""
        counts = self._counts()[1:]
        known = self.images.known | {
            "groups": tuple((*g, n) for g, n in zip(self.groups, counts, strict=True)),
            "components": self.q,
            "draws": seen.draws and bool(self.model.noise[0] > 0),
        }
        return seen.model_copy(update=known)

    def _turn(self, *, final: bool) -> None:
        """Ends a pass: the next basis, or after the last one mean and axes."""
        m, product = self.sums.scatter(len(self.images))
        basis = self.sums.basis
        if not final:
            basis.copy_(torch.linalg.qr(product).Q)
            return
        within = basis.T @ product if basis.numel() else product  # B' S B
        _, directions = torch.linalg.eigh((within + within.T) / 2)
        chosen = directions[:, -self.q :].flip(1)  # the largest variance first
        axes = basis @ chosen if basis.numel() else chosen
        largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
        self.model.mean.copy_(m)
        self.model.axes.copy_(axes * largest.sign())  # an axis has two directions: take one

    def _set_codes(self) -> None:
        """The Gaussian of all frames, then the groups', drawn towards it.

        Sample covariances (divisor n - 1); a group's counts `prior_frames` frames of the whole
        set's beside its own: the mode under an inverse Wishart prior.
        """
        sums, counts = self.sums, self._counts()
        for held in (sums.code_total, sums.code_product, sums.rest):
            held[0] = held[1:].sum(dim=0)
        rest_of_all = sums.rest[0] / (counts[0] - 1)
        scatter_of_all = sums.code_product[0] / (counts[0] - 1)
        for g, n in enumerate(counts):
            prior = self.config.prior_frames if g else 0.0
            share = max(n - 1 + prior, 1e-9)
            mean = sums.code_total[g] / n
            scatter = sums.code_product[g] - n * torch.outer(mean, mean)
            rest = (sums.rest[g] + prior * rest_of_all) / share
            noise = float(rest / (len(self.model.mean) - self.q))
            covariance = (scatter + prior * scatter_of_all) / share
            self.model.set_code(g, mean, covariance, max(noise, LEAST_NOISE))

    def _counts(self) -> list[int]:
        """Frames of all groups together, then of each."""
        of_each = torch.bincount(self.group_of, minlength=1 + len(self.groups)).tolist()
        return [len(self.images), *of_each[1:]]

    def _drawn(self, group: int) -> Tensor:
        """Pictures (M, C, H, W) of one group, the same noises for every group."""
        random = torch.Generator().manual_seed(seed_of("pca.examine", self.seed))
        x = torch.stack([self.model.sample(group, random, 0.0) for _ in range(PROBES)])
        return x.float().reshape(PROBES, self.images.channels, *self.images.size)


def cell_of(key: Any) -> str:
    """The cell of something with conditions, its event beside it where there is one."""
    return " ".join(cells(key.conditions))
