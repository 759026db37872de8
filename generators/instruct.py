"""instruct: a frame edited by a wish in words, p(x | y, parent).

Brooks, Holynski, Efros 2023, "InstructPix2Pix: Learning to Follow Image Editing Instructions": a
denoiser is shown the parent's picture and told what to make of it, and picture and words are
weighed apart (equation 3). It is trained on the simulator's twins, which are true edits, where the
authors had to draw theirs. What it is told are the conditions that a small network reads out of the
wish (`_text_encoder`): words and conditions are one request, and the record says what was drawn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from parhelion.generators._denoiser_config import SeenFrames
from parhelion.generators._settings import AboveZero, Positive, Share
from parhelion.generators._trained import Drawn, Fitted, Learner, Seen, TrainedConfig
from parhelion.generators._twins import Twins
from parhelion.generators._understanding import asked, could_be, kept, settled, unshown
from parhelion.generators._understood import understood
from parhelion.generators._wish_clock import LONGEST, sentence
from parhelion.generators._wishes import Grammar, Lexicon
from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import (
    CannotHonour,
    FrameKey,
    Likelihood,
    Request,
    TrainingData,
)
from parhelion.pipeline.descent import require_layers
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.frame_list import key_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from parhelion.generators._ddpm_draw import Size
    from parhelion.generators._denoiser import Told
    from parhelion.generators._guidance import Mix

Guidance = Annotated[float, Field(ge=0)]


class InstructConfig(DdpmConfig):
    """How wishes are read and weighed; and the settings of the `ddpm` that draws."""

    # Reading
    reading_steps: Positive = 1500  # of the text encoder, before all others; seconds
    reading_batch: Positive = 64  # sentences
    reading_rate: AboveZero = 3e-3  # AdamW, evenly down to nothing
    held_out: tuple[str, ...] = ()  # verbs and sentence forms (`_wish_forms`) that it never reads
    sure: Share = 0.6  # a wish that is read with less certainty is refused

    # Training
    unconditional_share: Share = 0.05  # of crops of which nothing is told or shown
    words_dropout: Share = 0.05  # of crops whose conditions are not told
    picture_dropout: Share = 0.05  # of crops whose parent and layers are not shown
    log_sigma_mean: float = 0.4  # high: where noise drowns the picture the edit is decided

    # Drawing
    calls: Positive = 15  # in which it was measured
    sigma_min: AboveZero = 0.5  # from lower noise streets came out hatched
    text_guidance: Guidance = 1.0  # s_T of equation 3
    image_guidance: Guidance = 1.0  # s_I; both 1 = none, and each further term one more call
    guidance_interval: tuple[float, float] = (0.3, 80.0)  # below, they draw grain
    composes: bool = False  # also draws a weather at a time of day if it saw both, but apart

    drawing: ClassVar[frozenset[str]] = DdpmConfig.drawing | {
        "sure",
        "text_guidance",
        "image_guidance",
        "composes",
    }

    @model_validator(mode="after")
    def _fits_wishes(self) -> "InstructConfig":
        Grammar(self.held_out)  # says which of them is none of its verbs and forms
        if self.guidance != 1:
            raise ValueError(
                f"guidance must stay 1 here, got {self.guidance:g}: set text_guidance and "
                "image_guidance"
            )
        if self.text_guidance != self.image_guidance and self.words_dropout == 0:
            raise ValueError(
                f"text_guidance {self.text_guidance:g} wants crops without words, got words_dropout"
                " 0: raise it, or give both guidances one value"
            )
        if self.image_guidance != 1 and self.unconditional_share == 0:
            raise ValueError(
                f"image_guidance {self.image_guidance:g} wants crops of which nothing is told, got "
                "unconditional_share 0: raise it, or leave image_guidance at 1"
            )
        return self


class SeenEdits(SeenFrames):
    """What is known about the training frames."""

    weathers: dict[str, int] = {}  # frames of each
    amounts: dict[str, tuple[float, float]] = {}  # of each weather that is light, and heavy
    lexicon: Lexicon = Lexicon()  # that the reader was taught


class Instruct(Ddpm):
    """Draws the parent under the conditions that a wish, or the request, asks for.

    What neither says stays as the parent has it. It learns frames of `source` and `target` that
    have twins there, each from every other; all layers of the parent are kept, as twins share them.
    """

    NAME: ClassVar[str] = "instruct"
    VERSION: ClassVar[str] = "9"
    Config: ClassVar[type[TrainedConfig]] = InstructConfig
    seen_as: ClassVar[type[Seen]] = SeenEdits

    @property
    def models(self) -> str:
        return "p(x | y, parent)"

    def learner(self, data: TrainingData, seed: int, device: "torch.device") -> Learner:
        from parhelion.generators._instruct_step import InstructStep

        return InstructStep(self.config, data, seed, device)

    def network(self, seen: Any) -> "nn.Module":
        from parhelion.generators._instruct_draw import editor_of

        return editor_of(self.config, seen)

    def learnt(self, data: TrainingData) -> Sequence[FrameKey]:
        """Frames that have a twin; the others taught it nothing."""
        return Twins(data, frozenset(self.config.layers or ())).keys

    def understood(self, text: str, conditions: Conditions) -> Conditions:
        """What the wish makes of a frame under `conditions`; of those that are unknown, whatever
        the parent has. Raises CannotHonour for what it does not understand or cannot draw.
        """
        from parhelion.pipeline.training import torch_threads

        if self._fitted is None:
            raise CannotHonour(super().refusal(conditions))
        seen: SeenEdits = self._fitted.seen
        if (words := len(sentence(text).words)) > LONGEST:
            raise CannotHonour(
                f"{self.NAME} reads wishes of {LONGEST} words at most, got {words}: shorten it"
            )
        with torch_threads(self.config.threads):
            wish, sure = self._fitted.network.encoder.read(text)
        if sure < self.config.sure:
            raise CannotHonour(
                f"{self.NAME} changes weather and time of day, and does not read {text!r} as a "
                f"wish for these: {self._offer()}"
            )
        needed = self.config.min_frames_per_cell
        enough = {weather: n for weather, n in seen.weathers.items() if n >= needed}
        wish = settled(wish, conditions.weather)
        if lacking := unshown(wish, enough, seen.amounts):
            raise CannotHonour(f"{self.NAME} {lacking}: {self._offer()}")
        wanted = kept(asked(wish, enough, seen.amounts), conditions)
        if refused := self.refusal(wanted):
            raise CannotHonour(refused)
        return wanted

    def refusal(self, conditions: Conditions, parent: FrameKey | None = None) -> str | None:
        """Why these conditions cannot be drawn; of what they leave unknown, those of the parent."""
        if parent is not None:
            conditions = kept(conditions, parent.conditions)
            if conditions.event is not parent.conditions.event:
                return (
                    f"{self.NAME} keeps what happens in a street, as twins share it: wanted the "
                    f"event {conditions.event.value}, got a parent with "
                    f"{parent.conditions.event.value}"
                )
        refused = super().refusal(conditions)
        if refused is None or self._fitted is None or not self._fitted.seen.draws:
            return refused
        anew, open_ = self.config.composes, parent is None
        if could_be(conditions, self._cells(), anew=anew, open_=open_):
            return None
        return f"{refused}. {self._offer()}"

    def unsupported(self, request: Request) -> str | None:
        """A mask, or nothing to edit; a text is no hindrance, and a class is kept, not drawn."""
        if request.parent is None:
            return f"{self.NAME} edits a picture: give a parent, or use ddpm"
        if request.annotation is not None:
            return f"{self.NAME} keeps the parent's labels and got others: give none"
        if request.mask is not None or request.becomes is not None:
            return f"{self.NAME} edits whole pictures and got a mask: use one that fills in"
        return None

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request. Raises CannotHonour."""
        yield from super().generate([self._understood(request) for request in requests])

    def drawn_together(self, requests: Sequence[Request], fitted: Fitted) -> Sequence[Drawn]:
        """Pictures of the sizes of their parents. Raises CannotHonour."""
        return super().drawn_together(requests, replace(fitted, network=fitted.network.denoiser))

    def layout(self, request: Request) -> Annotation:
        """All of the parent's labels. Raises CannotHonour where a layer is missing that is read, or
        shows classes that were not learnt.
        """
        return self.require_learnt(require_layers(self.NAME, request.parent, self.needs))

    def size(self, request: Request, y: Annotation) -> "Size":
        """That of the parent."""
        assert request.parent is not None
        return request.parent.size

    def told(
        self, requests: Sequence[Request], layouts: Sequence[Annotation], size: "Size"
    ) -> "Told":
        """Conditions and layout of each, and its parent's picture."""
        from parhelion.generators._instruct_draw import shown_beside

        known = super().told(requests, [replace(y, label=None) for y in layouts], size)
        return shown_beside(known, [r.parent.image for r in requests if r.parent is not None])

    def guided(self) -> "Mix":
        """By the settings `text_guidance` and `image_guidance`."""
        from parhelion.generators._instruct_draw import weighed

        return weighed(self.config.text_guidance, self.config.image_guidance)

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, Likelihood]:
        """Raises CannotHonour: it has a density of pictures given a parent, and these have none."""
        raise CannotHonour(
            f"{self.NAME} knows how likely edits of a parent are, and no frame alone"
        )

    def _understood(self, request: Request) -> Request:
        """The request under all the conditions that it asks for. Raises CannotHonour."""
        parent, refused = request.parent, self.unsupported(request)
        if refused or parent is None:
            raise CannotHonour(refused)
        wanted = kept(request.conditions, parent.conditions)
        if request.text is not None:
            wanted = self.understood(request.text, wanted)
        if refused := self.refusal(wanted, key_of(parent)):
            raise CannotHonour(refused)
        return understood(request, wanted, text=None)

    def _cells(self) -> list[str]:
        """The cells of which it saw enough, in alphabetical order."""
        needed = self.config.min_frames_per_cell
        seen: SeenEdits = self.whole_fit.seen
        return sorted(cell for cell, frames in seen.frames_per_cell.items() if frames >= needed)

    def _offer(self) -> str:
        """What it can draw, in words."""
        seen: SeenEdits = self.whole_fit.seen
        cells = [cell for cell in self._cells() if not cell.startswith("event/")]
        amounts = [
            f"light or heavy {Conditions(weather=Weather(name)).sky_kind}"
            for name in sorted(seen.amounts)
        ]
        apart = ", and these skies and times combined anew" if self.config.composes else ""
        return f"it can draw {', '.join([*cells, *amounts])}{apart}"


PART = Instruct
