"""What was refused, with its reason: nothing that comes in bad, or comes out false, gets lost."""

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame


class QuarantineRow(BaseModel):
    """One frame that was refused, on its way in or after it was drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    reason: Reason
    sentence: str
    native_id: str = ""  # the source's own name, for frames that never became one
    frame_id: str = ""
    parent_id: str = ""
    group_id: str = ""
    cell: str = ""  # such as "fog/day"
    scores: tuple[tuple[str, float], ...] = ()
    # Where the refused picture still is: a Parquet file of the run (relative path) and its row.
    file: str = ""
    row: int | None = None

    @classmethod
    def of_bad_frame(cls, stage: str, native_id: str, error: BadFrame) -> "QuarantineRow":
        """An input that could not become a frame."""
        return cls(stage=stage, reason=error.reason, sentence=error.sentence, native_id=native_id)

    @classmethod
    def of_frame(
        cls,
        stage: str,
        frame: Frame,
        reason: Reason,
        sentence: str,
        *,
        file: str = "",
        row: int | None = None,
    ) -> "QuarantineRow":
        """A frame that was refused after it was made; its gate scores come with it."""
        gate = frame.provenance.gate
        return cls(
            stage=stage,
            reason=reason,
            sentence=sentence,
            native_id=frame.provenance.source.native_id,
            frame_id=frame.frame_id,
            parent_id=frame.provenance.parent_id,
            group_id=frame.group_id,
            cell=frame.conditions.cell,
            scores=gate.scores if gate is not None else (),
            file=file,
            row=row,
        )
