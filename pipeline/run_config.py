"""A run's settings: one frozen model for the command line, the schedule and the library alike.

Every part's settings are checked when the model is made: a wrong key fails before any work starts.
"""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from parhelion.pipeline import parts
from parhelion.pipeline.budget import BudgetConfig
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.downstream import DownstreamConfig
from parhelion.pipeline.features import INCEPTION
from parhelion.pipeline.folded_gate import GateConfig
from parhelion.pipeline.integrity_limits import IntegrityLimits
from parhelion.pipeline.plan import PlanConfig
from parhelion.pipeline.pretrained import MOBILENET
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.splits import SplitFractions
from parhelion.pipeline.wrong_settings import sentences

Settings = dict[str, JsonValue]
Size = tuple[Annotated[int, Field(ge=8)], Annotated[int, Field(ge=8)]]


class Role(StrEnum):
    """What a source's frames are for. A group has one role; judge groups are never fitted on."""

    SOURCE = "source"  # what the user has: parents of generated frames, training data
    TARGET = "target"  # the few labelled frames of the wanted conditions, training data too
    REFERENCE = "reference"  # labelled frames of the wanted conditions that calibrate the gate
    JUDGE = "judge"  # unseen frames on which the downstream model is measured


class SourceConfig(PartConfig):
    """Frames to read: an adapter with its settings, and what they are for."""

    adapter: str
    settings: Settings = {}
    role: Role = Role.SOURCE
    size: Size | None = None  # (width, height) to resize to, pixels; None keeps the source's
    frames_per_chunk: Annotated[int, Field(ge=1)] = 12  # a unit of work: 10-60 s of reading
    integrity: IntegrityLimits | None = IntegrityLimits()  # None takes all frames as they come

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        _check_part("sim_adapters", self.adapter, self.settings)
        return self


class DrawConfig(PartConfig):
    """A generator with its settings; the plan's mix says how much of the frames it draws."""

    generator: str
    settings: Settings = {}
    frames_per_chunk: Annotated[int, Field(ge=1)] = 24

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        _check_part("generators", self.generator, self.settings)
        return self


class ScoresConfig(PartConfig):
    """How generated frames are compared with real ones."""

    network: str = "auto"  # a feature network by name; auto = the best whose weights are at hand

    @model_validator(mode="after")
    def _network_is_known(self) -> Self:
        known = ("auto", INCEPTION, MOBILENET)
        if self.network not in known:
            raise ValueError(f"no feature network {self.network!r}; there are: {', '.join(known)}")
        return self


class StorageConfig(PartConfig):
    """How datasets are written."""

    rows_per_shard: Annotated[int, Field(ge=100)] = 1000


class RunConfig(PartConfig):
    """One run, from sources to report."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # a folder's name too
    title: str = ""  # the scenario in a sentence, printed in the report
    seed: int = 0
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    generators: Annotated[tuple[DrawConfig, ...], Field(min_length=1)]
    splits: SplitFractions = SplitFractions()  # of the groups with role source
    plan: PlanConfig = PlanConfig()
    gate: GateConfig | None = GateConfig()
    scores: ScoresConfig | None = ScoresConfig()
    downstream: DownstreamConfig | None = DownstreamConfig()
    budget: BudgetConfig = BudgetConfig()  # of `parhelion budget`
    storage: StorageConfig = StorageConfig()

    @model_validator(mode="before")
    @classmethod
    def _mix_of_all(cls, told: Any) -> Any:
        """Where no mix is told and `weather`, which it would be, is not there: all, equally."""
        if not isinstance(told, dict):
            return told
        plan, draws = told.get("plan", {}), told.get("generators", ())
        if not isinstance(plan, dict) or "mix" in plan or not isinstance(draws, list):
            return told
        names = [draw.get("generator") for draw in draws if isinstance(draw, dict)]
        if not names or None in names or "weather" in names:
            return told  # what is wrong with it the fields' own checks say
        return {**told, "plan": {**plan, "mix": dict.fromkeys(names, 1.0)}}

    @model_validator(mode="after")
    def _mix_is_there(self) -> Self:
        names = [draw.generator for draw in self.generators]
        if len(set(names)) < len(names):
            raise ValueError(f"generators: wanted each once, got {', '.join(names)}")
        absent = sorted(self.plan.generators - set(names))
        if absent:
            raise ValueError(
                f"plan names {', '.join(absent)}, which is not among the run's generators: "
                f"{', '.join(names)}"
            )
        return self

    @property
    def digest(self) -> str:
        """Digest of all settings."""
        return digest(self)


def _check_part(folder: parts.Folder, name: str, settings: dict[str, Any]) -> None:
    try:
        parts.config(folder, name, settings)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    except ValidationError as error:
        told = sentences(error, parts.part(folder, name).Config)
        raise ValueError(f"{name}: {'; '.join(told)}") from None
