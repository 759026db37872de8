"""One step of the training of `instruct`: first of what reads wishes, then of what draws.

Neither needs the other: the reader learns sentences of a grammar, and the denoiser is told the
conditions that a sentence asks for, as its training frames have them.
"""

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.optim import AdamW

from parhelion.generators._annotated_crops import Crops
from parhelion.generators._ddpm_step import DdpmStep
from parhelion.generators._denoiser import Denoiser, Told
from parhelion.generators._edit_crops import PARENT_PLANES, EditCrops
from parhelion.generators._instruct_draw import Editor, encoder_of
from parhelion.generators._trained import Seen
from parhelion.generators._twins import twins_of
from parhelion.generators._understanding import measured, weathers_of
from parhelion.generators._wishes import Grammar
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.seeds import rng, seed_of
from parhelion.pipeline.training import Losses, TrainingState, on_device

if TYPE_CHECKING:
    from parhelion.generators.instruct import InstructConfig


class InstructStep(DdpmStep):
    """`reading_steps` steps of the text encoder, then the steps of a denoiser that is shown twins.

    Raises CannotLearn where no training frame has one.
    """

    config: "InstructConfig"
    shown: ClassVar[int] = PARENT_PLANES

    def __init__(
        self, config: "InstructConfig", data: TrainingData, seed: int, device: torch.device
    ) -> None:
        self.twins = twins_of(data, frozenset(config.layers or ()))
        super().__init__(config, TrainingData(source=self.twins), seed, device)
        self.grammar = Grammar(config.held_out)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("instruct.weights", seed))
            self.encoder = encoder_of(config)
        on_device(self.encoder, device)
        self.reading = AdamW(self.encoder.parameters(), config.reading_rate, weight_decay=0.01)
        self._state = TrainingState(
            {**self._state.networks, "encoder": self.encoder},
            {**self._state.optimizers, "encoder": self.reading},
        )

    def crops_of(self, data: TrainingData, read: frozenset[str]) -> EditCrops:
        """Twins, each to be made from another."""
        return EditCrops(self.config, self.twins, read)

    @property
    def before(self) -> int:
        """The steps of what reads."""
        return self.config.reading_steps

    def result(self) -> nn.Module:
        """The averaged denoiser, and the encoder."""
        average = super().result()
        assert isinstance(average, Denoiser)
        return Editor(average, self.encoder)

    def seen(self, seen: Seen) -> Seen:
        """Also which weathers the frames have, how much of them, and the words that were read; it
        draws only after a step of the denoiser.
        """
        known = {
            "weathers": weathers_of(self.twins.keys),
            "amounts": measured(self.twins.keys),
            "lexicon": self.grammar.lexicon,
            "draws": self._state.step > self.config.reading_steps,
        }
        return super().seen(seen).model_copy(update=known)

    def __call__(self, step: int) -> Losses:
        done = step - self.config.reading_steps
        return self._reading_step(step) if done < 0 else super().__call__(done)

    def told(self, crops: Crops) -> Told:
        """All but what the crops leave out: of which nothing is told, noughts are."""
        heard = crops.y.any(dim=1).float()
        return Told(crops.y, crops.planes, heard, crops.planes[:, -1, 0, 0])

    def _reading_step(self, step: int) -> Losses:
        c = self.config
        self.reading.param_groups[0]["lr"] = (1 - step / c.reading_steps) * c.reading_rate
        random = rng("instruct.wishes", self.seed, step)
        loss = self.encoder.loss(self.grammar.phrases(c.reading_batch, random), random)
        self.reading.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.reading.step()
        return {"reading": float(loss.detach())}
