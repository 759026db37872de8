"""A request under other conditions than it says: those that it was understood to ask for."""

from dataclasses import dataclass, fields

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.provenance import RequestRecord


@dataclass(frozen=True, eq=False, kw_only=True)
class Understood(Request):
    """It is drawn as understood, and recorded as asked."""

    asked: Request

    def record(self) -> RequestRecord:
        """That of the request as it came."""
        return self.asked.record()


def understood(request: Request, conditions: Conditions, **changes: None) -> Understood:
    """The request under these conditions, without what `changes` takes away."""
    said = {field.name: getattr(request, field.name) for field in fields(Request)}
    return Understood(asked=request, **{**said, "conditions": conditions, **changes})
