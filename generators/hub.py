"""hub: pictures by pipelines of diffusers, for those who have the weights; no training.

`kind` says how: `controlnet` (Zhang, Rao, Agrawala 2023) draws after a stencil, a depth or both,
p(x | y); `instruct` (Brooks, Holynski, Efros 2023) edits the parent by an instruction, `inpaint`
(Rombach et al. 2022) draws what a mask covers, `img2img` (Meng et al. 2022) and `one-step` (Sauer
et al. 2023) redraw the parent from part of its noise, all p(x | y, parent). Which weights:
`_hub_weights`; what they are told in words: `_hub_words`. Whether a picture obeys, the gate judges.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from parhelion.generators._by_rule import Untrained
from parhelion.generators._hub_controls import shown
from parhelion.generators._hub_settings import HubConfig
from parhelion.generators._hub_weights import Weights, lacking, weights_of
from parhelion.generators._hub_words import prompt_of
from parhelion.generators._parents_sky import another_sky
from parhelion.generators._repaint_layout import merged
from parhelion.pipeline.conditions import PHYSICS, Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    PartConfig,
    Request,
)
from parhelion.pipeline.descent import descend, generator_step, require_layers
from parhelion.pipeline.files import write_json
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.provenance import Numerics

STORY = "hub.json"
PACKAGES = ("diffusers", "pillow", "tokenizers", "torch", "transformers")  # that touch bytes


class Hub(Untrained):
    """Draws with pretrained pipelines of diffusers: ControlNet, instructions, inpainting, img2img.

    Weather and time of day are told in words; where the request leaves them unknown, those of y
    are meant. A text of the request is put before them, and may change what nobody asked for: with
    a text, what the request leaves unknown stays so. It is not told either.
    """

    NAME: ClassVar[str] = "hub"
    VERSION: ClassVar[str] = "3"
    Config: ClassVar[type[PartConfig]] = HubConfig

    def __init__(self, config: HubConfig) -> None:
        self.config = config
        self._found = False  # what has been found once is not looked for again

    @property
    def models(self) -> str:
        return "p(x | y)" if self.config.kind == "controlnet" else "p(x | y, parent)"

    @property
    def needs(self) -> frozenset[str]:
        """Layers that its ControlNets are shown."""
        return frozenset(self.config.controls)

    @cached_property
    def weights(self) -> Weights:
        """Where they lie. Raises WeightsMissing."""
        return weights_of(self.config)

    @cached_property
    def checkpoint_sha256(self) -> str:
        """Which weights they are. Raises WeightsMissing."""
        return self.weights.sha256

    @cached_property
    def pipe(self) -> Any:
        """The pipeline, loaded. Raises WeightsMissing."""
        from parhelion.generators._hub_pipeline import pipeline_of

        return pipeline_of(self.config, self.weights)

    def rests_on(self) -> tuple[str, ...]:
        """The weights, once they are there."""
        return () if self.unready() else (self.checkpoint_sha256,)

    def unready(self) -> str | None:
        """Names the package or the weights that are missing."""
        lacks = None if self._found else lacking(self.config)
        self._found = lacks is None
        return lacks

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why not: weights that are missing, numbers, another event; inpaint keeps the sky."""
        return self.unready() or self._refusal(conditions, parent.conditions if parent else None)

    def understood(self, text: str, conditions: Conditions) -> Conditions:
        """Of unknown weather and time: a model does not say what it took a text for. Such frames
        count for no cell. What a mask covers is drawn under the parent's sky, whatever the text.
        """
        if self.config.kind == "inpaint":
            return conditions
        return Conditions(event=conditions.event, driving_side=conditions.driving_side)

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request, each drawn alone. Raises CannotHonour."""
        for request in requests:
            try:
                yield self._frame(request)
            except WeightsMissing as error:
                raise CannotHonour(str(error)) from error

    def save(self, folder: Path) -> None:
        """Settings and the digest of the weights, which stay where they are."""
        story = {
            "version": self.VERSION,
            "config": self.config.model_dump(mode="json"),
            "checkpoint_sha256": self.checkpoint_sha256,
        }
        write_json(folder / STORY, story)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The generator that was saved there. Raises ValueError for another version's, and
        where its weights have changed.
        """
        story = json.loads((folder / STORY).read_text())
        if story["version"] != cls.VERSION:
            raise ValueError(
                f"{folder}: wanted hub of version {cls.VERSION}, got {story['version']}: save it "
                "anew"
            )
        made = cls(HubConfig(**story["config"]))
        if (got := made.checkpoint_sha256) != story["checkpoint_sha256"]:
            raise ValueError(
                f"{folder}: wanted weights {story['checkpoint_sha256'][:16]}, got {got[:16]} in "
                f"{made.weights.model}: put back the former ones"
            )
        return made

    def _frame(self, request: Request) -> Frame:
        from parhelion.generators._hub_draw import drawn
        from parhelion.pipeline.training import torch_threads

        if refused := self.unready() or self._unsupported(request):
            raise CannotHonour(refused)
        after = request.y if self.config.kind == "controlnet" else request.parent
        after = require_layers(self.NAME, after, self.needs)
        if refused := self._refusal(request.conditions, after.conditions):
            raise CannotHonour(refused)
        conditions = self._meant(request, after.conditions)
        prompt = prompt_of(request, conditions, self.config)
        with torch_threads(self.config.threads):
            image = drawn(self.pipe, self.config, request, after, prompt)
        step = generator_step(
            self.NAME,
            self.VERSION,
            self.config,
            checkpoint_sha256=self.checkpoint_sha256,
            drawn={"bits": 8.0 * self.pipe.unet.dtype.itemsize},  # of a number, as was chosen
        )
        y = self._labels(request, after)
        return descend(request, image, step, self._numerics(), conditions=conditions, y=y)

    def _labels(self, request: Request, after: Annotation) -> Annotation:
        """What is known of the picture; words bind no pixel, so that inpainted ones are unknown."""
        if self.config.kind == "controlnet":
            return shown(after, self.config.controls, self.config.palette)
        parent, mask = request.parent, request.mask
        if parent is None or mask is None:
            return after
        return merged(parent, request.annotation or parent, mask, frozenset())

    def _meant(self, request: Request, has: Conditions) -> Conditions:
        """The conditions that are drawn: words tell no hour and no numbers."""
        if request.text:
            has = self.understood(request.text, has)
        if self.config.kind == "inpaint":
            return has
        weather, time = request.conditions.weather, request.conditions.time_of_day
        return Conditions(
            weather=has.weather if weather is Weather.UNKNOWN else weather,
            time_of_day=has.time_of_day if time is TimeOfDay.UNKNOWN else time,
            event=has.event,
            driving_side=has.driving_side,
        )

    def _refusal(self, asked: Conditions, has: Conditions | None) -> str | None:
        if has is not None and asked.event is not has.event:
            return (
                f"hub keeps the event, which labels must tell of: asked for {asked.event.value}, "
                f"got frames with {has.event.value}"
            )
        if self.config.kind == "inpaint":
            if has is None or not asked.stated_otherwise(has):
                return None
            return another_sky("hub of kind inpaint", asked, has, "kind img2img or instruct")
        stated = [name for name in PHYSICS if getattr(asked, name) is not None]
        if stated:
            return f"hub tells its model words and cannot honour {stated}: ask for none"
        return None

    def _unsupported(self, request: Request) -> str | None:
        """Why this request cannot be drawn, whatever its conditions, in a sentence."""
        kind, parent, mask = self.config.kind, request.parent, request.mask
        if kind == "inpaint":
            return _not_inpainted(request)
        if mask is not None or request.becomes is not None:
            return f"hub of kind {kind} draws whole pictures and got a mask: use kind inpaint"
        if kind == "controlnet":
            return None
        if parent is None:
            return f"hub of kind {kind} starts from a picture: give a parent, or use controlnet"
        if request.annotation is not None:
            return f"hub of kind {kind} keeps the parent's labels and got others: give none"
        return None

    def _numerics(self) -> Numerics:
        from parhelion.pipeline.training import device_of, numerics_of

        known = numerics_of(device_of(self.config.device), self.config.threads)
        return known.model_copy(update={"packages": Numerics.of(*PACKAGES).packages})


def _not_inpainted(request: Request) -> str | None:
    """Why a mask cannot be filled in, in a sentence."""
    parent, mask, edited = request.parent, request.mask, request.annotation
    if parent is None or mask is None:
        lacks = "parent" if parent is None else "mask"
        return f"hub of kind inpaint draws what a mask covers of a picture: give a {lacks}"
    if mask.shape != parent.size or mask.dtype != np.bool_:
        return (
            f"hub wanted a mask of booleans of the parent's size {parent.size}, got {mask.dtype} "
            f"of {mask.shape}: resize it without blending"
        )
    if edited is not None and request.becomes is not None:
        return "hub wanted an annotation or what the mask becomes, got both: give one"
    if edited is not None and edited.layers and edited.size != parent.size:
        return (
            f"hub wanted an annotation of the size {parent.size}, got {edited.size}: edit the "
            "parent's own"
        )
    return None


PART = Hub
