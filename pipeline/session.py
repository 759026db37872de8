"""A run in progress: its settings, its folder, who does the work and who watches."""

from collections.abc import Sequence
from dataclasses import dataclass

from parhelion.pipeline.engine import CHUNK_FILE, Executor, Spec, Stage, chunks_of, run_chunks
from parhelion.pipeline.progress import StageProgress
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.run_folder import RunFolder


@dataclass(frozen=True)
class Session:
    """What every step of a run shares. The holder of a session holds the folder's lock."""

    config: RunConfig
    folder: RunFolder
    executor: Executor
    progress: StageProgress

    def chunks(
        self, stage: Stage, specs: Sequence[Spec], work: str, file: str = CHUNK_FILE
    ) -> list[Chunk]:
        """The chunks of a stage in this run's folder."""
        return chunks_of(stage, specs, work, self.folder.path, file)

    def run(self, name: str, chunks: Sequence[Chunk]) -> list[Receipt]:
        """Does what is not done of `chunks`, under one progress bar; none for no chunks."""
        if not chunks:
            return []
        return run_chunks(
            chunks, self.executor, lambda done, total: self.progress(name, done, total)
        )
