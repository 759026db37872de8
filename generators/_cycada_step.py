"""One step of CyCADA's pixel level: first of the task network, then, with it frozen, of CycleGAN
with the semantic term.

Legend, after Hoffman et al. 2018: f_S = task network of the source, G: S -> T, F: T -> S.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim import Adam

from parhelion.generators._cycada_jitter import jittered, relit
from parhelion.generators._cycada_losses import semantic_loss, task_loss
from parhelion.generators._cycada_task import kind_of_task, task_network
from parhelion.generators._cyclegan_step import CycleGanStep
from parhelion.generators._unpaired_crops import Answer, Crops
from parhelion.generators._unpaired_domains import domains
from parhelion.pipeline.contracts import Ailment, TrainingData
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import Losses, TrainingState, on_device

if TYPE_CHECKING:
    from parhelion.generators.cycada import CycadaConfig


class CycadaStep(CycleGanStep):
    """`task_steps` steps of f_S on labelled source crops, then the steps of CycleGAN."""

    config: "CycadaConfig"

    def __init__(
        self, config: "CycadaConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        X, _ = domains(data, config)
        self.kind = kind_of_task(config.task, X)
        self.f_S, self._answer = task_network(self.kind, X, config.crop_px, seed)
        on_device(self.f_S, device)
        self.f_S_optimizer = Adam(self.f_S.parameters(), config.task_learning_rate)
        super().__init__(config, data, seed, device)

    @property
    def answer(self) -> Answer | None:
        """The label or the stencil of source crops; the target is never asked."""
        return self._answer

    @property
    def steps(self) -> int:
        return self.config.task_steps + self.config.steps

    def state(self) -> TrainingState:
        """Both stages."""
        state = super().state()
        return TrainingState(
            {**state.networks, "f_S": self.f_S}, {**state.optimizers, "f_S": self.f_S_optimizer}
        )

    def examine(self, step: int) -> Ailment | None:
        """Only the translators are examined."""
        done = step - self.config.task_steps
        return super().examine(done) if done > 0 else None

    def __call__(self, step: int) -> Losses:
        done = step - self.config.task_steps
        self.f_S.train(done < 0).requires_grad_(done < 0)
        return self._task_step(step) if done < 0 else super().__call__(done)

    def further(self, x: Crops, y: Crops, fake_x: Tensor, fake_y: Tensor) -> dict[str, Tensor]:
        """Equation 4: f_S is to read the same before and after, either way."""
        if not self.config.semantic_weight:
            return {}
        loss = self._kept(x.x, fake_y) + self._kept(y.x, fake_x)
        return {"semantic": self.config.semantic_weight * loss}

    def _kept(self, before: Tensor, after: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            with torch.no_grad():
                wanted = self.f_S(before)
            return semantic_loss(wanted, self.f_S(after))

    def _task_step(self, step: int) -> Losses:
        c = self.config
        left = 1 - step / c.task_steps
        self.f_S_optimizer.param_groups[0]["lr"] = left * c.task_learning_rate
        x = self.X.batch(c.task_batch_size, rng("cycada.batch", self.seed, step)).to(self.device)
        assert x.answer is not None
        chance = torch.Generator().manual_seed(seed_of("cycada.jitter", self.seed, step))
        pictures = (jittered if self.kind == "label" else relit)(x.x, chance)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            loss = task_loss(self.f_S(pictures), x.answer)
        self.f_S_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.f_S_optimizer.step()
        return {"task": float(loss.detach())}
