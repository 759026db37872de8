"""Settings of the generator `hub`; light to import."""

from itertools import count
from math import ceil
from typing import Annotated, Literal

from pydantic import Field, model_validator

from parhelion.generators._settings import AboveZero, Positive, Weight
from parhelion.pipeline.contracts import Device, PartConfig, Precision

Kind = Literal["controlnet", "instruct", "inpaint", "img2img", "one-step"]
Control = Literal["stencil", "depth"]  # a layer that a ControlNet is shown
Palette = Literal["ade20k", "cityscapes"]

STRENGTHS: dict[Kind, float] = {"inpaint": 1.0, "img2img": 0.5, "one-step": 0.5}
WALKING: tuple[Kind, ...] = ("controlnet", "instruct", "inpaint", "img2img")  # step by step

# Settings that only some kinds heed. A model distilled to one step is not guided, not even away
# from what shall not be seen; an instruction names no classes.
HEEDED: dict[str, tuple[Kind, ...]] = {
    "controls": ("controlnet",),
    "palette": ("controlnet",),
    "control_scale": ("controlnet",),
    "image_guidance": ("instruct",),
    "strength": tuple(STRENGTHS),
    "most_classes": ("controlnet", "inpaint", "img2img", "one-step"),
    "negative_prompt": WALKING,
    "steps": WALKING,
    "guidance": WALKING,
}


class HubConfig(PartConfig):
    """Which weights draw, and how. A model is a folder, or hf://owner/name, or with @revision."""

    kind: Kind = "img2img"
    model: str = ""  # a Stable Diffusion pipeline as diffusers saves it
    controls: dict[Control, str] = {}  # ControlNets by the layer that they are shown
    palette: Palette = "ade20k"  # colours of the classes that the stencil's ControlNet has learnt

    negative_prompt: str = ""  # what shall not be seen, in words
    most_classes: Annotated[int, Field(ge=0)] = 6  # named in a prompt, the largest first

    steps: Positive = 30  # of the sampler from noise to picture; one-step takes one
    guidance: Weight = 7.5  # towards the prompt (Ho and Salimans 2022); up to 1 = none
    image_guidance: Annotated[float, Field(ge=1)] = 1.5  # towards the parent; instruct
    control_scale: AboveZero = 1.0  # how much the ControlNets count
    # Of the parent that is drawn anew, 1 = all of it; None: 1 for inpaint, else a half.
    strength: Annotated[float, Field(gt=0, le=1)] | None = None

    device: Device = "auto"  # a GPU where there is one
    precision: Precision = "auto"  # bf16 where the hardware multiplies in it
    threads: Positive = 1  # of torch; another number gives other bytes

    @model_validator(mode="after")
    def _fits(self) -> "HubConfig":
        if unheeded := self._unheeded():
            takes = ", ".join(name for name, kinds in HEEDED.items() if self.kind in kinds)
            raise ValueError(
                f"kind {self.kind} takes {takes} and what every kind takes, got "
                f"{', '.join(unheeded)}, which would change nothing: drop that or change kind"
            )
        if self.strength == 1 and self.kind != "inpaint":
            raise ValueError(
                f"{self.kind} keeps the parent's labels, and at strength 1 nothing of the parent: "
                "wanted less than 1"
            )
        if int(self.schedule * self.redrawn) < 1:
            raise ValueError(
                f"wanted steps x strength of 1 or more, got {self.steps} x {self.redrawn}: raise "
                "one of them"
            )
        return self

    def _unheeded(self) -> list[str]:
        """What was set, to another value than its default, and is nothing to this kind."""
        fields = type(self).model_fields
        return [
            name
            for name, kinds in HEEDED.items()
            if self.kind not in kinds and getattr(self, name) != fields[name].default
        ]

    @property
    def redrawn(self) -> float:
        """The strength that is meant."""
        return self.strength if self.strength is not None else STRENGTHS.get(self.kind, 1.0)

    @property
    def schedule(self) -> int:
        """How many steps the sampler is divided into; strength says how many of them are walked.

        One-step takes the fewest of which one is walked.
        """
        if self.kind != "one-step":
            return self.steps
        return next(n for n in count(ceil(1 / self.redrawn)) if int(n * self.redrawn) >= 1)

    @property
    def guided(self) -> float:
        """The guidance that is meant: a model distilled to one step has none."""
        return 0.0 if self.kind == "one-step" else self.guidance
