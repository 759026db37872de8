"""CyCADA: CycleGAN that keeps what a task network reads in the picture, p(x | y, parent).

Hoffman et al. 2018, "CyCADA: Cycle-Consistent Adversarial Domain Adaptation", ICML. A task network
is trained on the labelled source first: classes of whole pictures where frames have a label,
classes of pixels where they have a stencil. Frozen, it holds both translators to their input's
meaning. Labels of the target are never read.

Feature-level alignment, which adapts the task network itself, is `adapted_task` in `_cycada_align`.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from parhelion.generators._settings import AboveZero, Positive, Weight
from parhelion.generators._trained import Learner, TrainedConfig
from parhelion.generators.cyclegan import CycleGan, CycleGanConfig
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.pretrained import MOBILENET_SHA256, WeightsMissing, mobilenet_path

if TYPE_CHECKING:
    import torch


class CycadaConfig(CycleGanConfig):
    """Settings of CycleGAN, and of the task network."""

    task: Literal["auto", "label", "stencil"] = "auto"  # auto: a label where frames have one
    task_steps: Positive = 600  # updates of the task network, before all others
    task_batch_size: Positive = 16  # source crops
    task_learning_rate: AboveZero = 2e-3  # Adam, evenly down to nothing
    semantic_weight: Weight = 1.0  # of each direction, beside the adversarial loss


class Cycada(CycleGan):
    """Draws the parent's scene in the target domain, held to the parent's labels in training."""

    NAME: ClassVar[str] = "cycada"
    VERSION: ClassVar[str] = "2"
    Config: ClassVar[type[TrainedConfig]] = CycadaConfig

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._cycada_step import CycadaStep

        return CycadaStep(self.config, data, seed, device)

    def rests_on(self) -> tuple[str, ...]:
        """The packaged weights that segmentation starts from, where they are at hand."""
        try:
            mobilenet_path()
        except WeightsMissing:
            return ()
        return (MOBILENET_SHA256,)


PART = Cycada
