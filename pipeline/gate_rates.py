"""What a gate was seen to do: shares of true frames refused and of planted faults caught."""

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.planted_faults import Fault


class Rate(BaseModel):
    """Some of so many, with its exact 95 % interval (Clopper and Pearson 1934)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hits: int
    trials: int

    @property
    def value(self) -> float | None:
        return self.hits / self.trials if self.trials else None

    @property
    def interval(self) -> tuple[float, float] | None:
        from scipy import stats

        if not self.trials:
            return None
        found = stats.binomtest(self.hits, self.trials).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)


class GateRates(BaseModel):
    """What the gate does in one cell of conditions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: str
    calibrated: bool
    level: float | None  # false-reject rate that its threshold promises
    false_reject: Rate  # of true frames
    caught: tuple[tuple[Fault, Rate], ...]  # of planted faults
