"""What the checks at the door say of one frame."""

from dataclasses import dataclass
from typing import NamedTuple

from parhelion.pipeline.bad_frame import Reason


class Finding(NamedTuple):
    """One contradiction: why the frame is refused."""

    reason: Reason
    sentence: str
    score: str  # what `value` is called in the quarantine
    value: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Contradictions of a frame, and what could not be told about it."""

    findings: tuple[Finding, ...] = ()
    untold: tuple[str, ...] = ()  # layers, or "image", with too few edges to say anything

    @property
    def reason(self) -> Reason:
        """Of the first finding; a ValueError where there is none."""
        if not self.findings:
            raise ValueError("a frame without a finding has no reason to be refused")
        return self.findings[0].reason

    @property
    def sentence(self) -> str:
        return "; ".join(finding.sentence for finding in self.findings)

    @property
    def scores(self) -> tuple[tuple[str, float], ...]:
        return tuple((f"integrity {f.score}", round(f.value, 4)) for f in self.findings)
