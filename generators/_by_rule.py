"""What generators share that learn nothing, and those of them that draw by fixed rules."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from parhelion.pipeline.contracts import (
    FitReport,
    PartConfig,
    Progress,
    Request,
    TrainingData,
    silent,
)
from parhelion.pipeline.frame import Frame

SETTINGS = "config.json"


class Untrained:
    """A generator that is ready without frames."""

    needs_fit: ClassVar[bool] = False

    def fit(
        self, data: TrainingData, workdir: Path, seed: int, progress: Progress = silent
    ) -> FitReport:
        """Learns nothing."""
        return FitReport(steps=0, groups_digest=data.groups_digest)


class ByRule(Untrained, ABC):
    """A generator that its settings make whole: a folder keeps them and nothing else."""

    Config: ClassVar[type[PartConfig]]

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def draw(self, request: Request) -> Frame:
        """The frame that a request asks for. Raises CannotHonour."""

    def unready(self) -> str | None:
        """Needs nothing but its packages."""
        return None

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """One frame per request, in order. Raises CannotHonour."""
        for request in requests:
            yield self.draw(request)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SETTINGS).write_text(self.config.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(cls.Config.model_validate_json((folder / SETTINGS).read_text()))
