"""Where things lie in the folder of a run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """A run's folder: chunks and receipts below it, the dataset and the report beside them."""

    path: Path

    @property
    def dataset(self) -> Path:
        return self.path / "dataset"

    @property
    def report(self) -> Path:
        return self.path / "report"

    @property
    def config(self) -> Path:
        """The run's whole config, written before any work starts."""
        return self.path / "config.json"

    @property
    def outcome(self) -> Path:
        """Written last: what the run came to, and the digest of all that it depends on."""
        return self.path / "outcome.json"
