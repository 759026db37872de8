"""Settings of Deep Feature Interpolation, and what a fitted one knows; light to import."""

from typing import ClassVar, Literal

from pydantic import model_validator

from parhelion.generators._settings import AboveZero, Positive, Share, Weight
from parhelion.generators._trained import Seen, TrainedConfig, cells
from parhelion.pipeline.conditions import Conditions


class DfiConfig(TrainedConfig):
    """Settings. The defaults were chosen on street frames from day to dusk."""

    network: Literal["auto", "vgg19", "mobilenet"] = "auto"  # auto: VGG19 where its weights lie
    longest_px: Positive = 256  # longer side of the pictures that are compared and changed
    most_per_cell: Positive = 500  # training frames kept of each cell, chosen by the seed

    # Which way: w, the mean difference of features
    k: Positive = 12  # neighbours on either side
    neighbourhood: Positive = 16  # nearest frames that the seed draws them from
    layout_weight: Weight = 1.0  # of the stencils' overlap beside the features, in the search
    alignment: Literal["class", "place"] = "class"  # class: where all have a stencil, else place

    # How far
    alpha: Weight = 1.0  # of w that is added; 1 = the mean of the target
    beta: AboveZero | None = None  # the paper's rule instead: alpha = beta / mean of w squared
    alpha_spread: Share = 0.1  # either way, drawn by the seed

    # Back to a picture
    change: Literal["light", "pixels"] = "light"  # what of the parent is changed; see `changed`
    cell_px: Positive = 8  # between the points at which light is set, pixels
    iterations: Positive = 40  # of L-BFGS
    colour_weight: Weight = 1.0  # of the first convolution; 0 = the paper's layers alone
    deep_weight: Weight = 0.05  # of each deeper tap
    tv_weight: Weight = 10.0  # of total variation of the change
    tv_exponent: AboveZero = 1.0  # 2 = the paper's

    drawing: ClassVar[frozenset[str]] = TrainedConfig.drawing | {
        "k",
        "neighbourhood",
        "layout_weight",
        "alignment",
        "alpha",
        "beta",
        "alpha_spread",
        "change",
        "cell_px",
        "iterations",
        "colour_weight",
        "deep_weight",
        "tv_weight",
        "tv_exponent",
    }

    @model_validator(mode="after")
    def _enough(self) -> "DfiConfig":
        if self.neighbourhood < self.k:
            raise ValueError(
                f"neighbourhood must hold the k = {self.k} neighbours drawn from it, got "
                f"{self.neighbourhood}: raise neighbourhood or lower k"
            )
        if self.colour_weight + self.deep_weight == 0:
            raise ValueError(
                "colour_weight and deep_weight are both 0: nothing would move; raise one of them"
            )
        return self


class SeenDomains(Seen):
    """Where in the stored pictures each domain lies."""

    rows: dict[str, tuple[int, ...]] = {}
    size: tuple[int, int] = (1, 1)  # (H, W) pixels
    scene_size: int = 1

    @property
    def kept(self) -> int:
        """How many pictures are stored."""
        return sum(len(rows) for rows in self.rows.values())


def domain_of(conditions: Conditions) -> str:
    """The cell, and the event where there is one."""
    return " ".join(cells(conditions))


def tap_weights(config: DfiConfig, taps: int) -> list[float]:
    """What each tap of the network counts: the first convolution, then the deeper ones."""
    return [config.colour_weight] + [config.deep_weight] * (taps - 1)
