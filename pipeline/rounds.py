"""Drawing in rounds: what the gate rejects is asked for again, until the plan is met or ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parhelion.pipeline import audit as audits
from parhelion.pipeline import drawing, judging
from parhelion.pipeline.plan_requests import Outcome, PlannedRequest, requests_for
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.run_config import Role
from parhelion.pipeline.session import Session
from parhelion.pipeline.shards import StoredFrames, read_keys
from parhelion.pipeline.steps import Fitted, Ingested, Planned


@dataclass(frozen=True)
class Drawn:
    """What was drawn in all rounds, and what the gate let through."""

    folder: Path
    generated: tuple[Receipt, ...]
    accepted: tuple[Receipt, ...]
    judged: tuple[Receipt, ...]  # receipts of the gate; empty where there is none
    outcome: Mapping[str, Outcome]  # by name of need

    def frames(self) -> StoredFrames:
        """The accepted frames."""
        return StoredFrames([receipt.path(self.folder) for receipt in self.accepted])


def generate_step(
    session: Session,
    planned: Planned,
    audit: audits.Audit,
    ingested: Ingested,
    fitted: Fitted,
) -> Drawn:
    """Draws what is missing in rounds: what the gate rejects is asked for again."""
    generated: list[Receipt] = []
    judged: list[Receipt] = []
    outcome: dict[str, Outcome] = {}
    for round_ in range(session.config.plan.max_rounds):
        requests = requests_for(
            planned.plan,
            planned.parents,
            round_,
            outcome,
            session.config.seed,
            generators=planned.generators,
            contents=audit.contents,
        )
        if not requests:
            break
        drawn = _draw(session, round_, requests, ingested, fitted)
        generated += drawn
        counted = drawn
        if fitted.gate is not None:
            counted = _judge(session, round_, drawn, requests, ingested, fitted.gate)
            judged += counted
        outcome = _added(outcome, requests, counted)
    return Drawn(
        folder=session.folder.path,
        generated=tuple(generated),
        accepted=tuple(judged if fitted.gate is not None else generated),
        judged=tuple(judged),
        outcome=outcome,
    )


def _draw(
    session: Session,
    round_: int,
    requests: Sequence[PlannedRequest],
    ingested: Ingested,
    fitted: Fitted,
) -> list[Receipt]:
    file_of = {
        key.frame_id: receipt.file
        for receipt in ingested.of(Role.SOURCE)
        for key in read_keys(receipt.path(session.folder.path))
    }
    chunks: list[Chunk] = []
    for draw in session.config.generators:
        stage = drawing.draw_stage(draw, round_, ingested.digests(Role.SOURCE))
        mine = [request for request in requests if request.generator == draw.generator]
        model = fitted.generators.get(draw.generator)
        specs = drawing.draw_specs(draw, model, mine, file_of)
        chunks += session.chunks(stage, specs, drawing.WORK)
    return session.run("generate", chunks)


def _judge(
    session: Session,
    round_: int,
    drawn: Sequence[Receipt],
    requests: Sequence[PlannedRequest],
    ingested: Ingested,
    gate: Receipt,
) -> list[Receipt]:
    stage = judging.judge_stage(round_)
    needs = {str(request.seed): request.need for request in requests}
    specs = judging.judge_specs(gate, drawn, ingested.files(Role.SOURCE), needs)
    return session.run("gate", session.chunks(stage, specs, judging.WORK))


def _added(
    before: Mapping[str, Outcome],
    requests: Sequence[PlannedRequest],
    receipts: Sequence[Receipt],
) -> dict[str, Outcome]:
    """The outcome so far with one more round; receipts count the accepted frames by need."""
    asked = Counter(request.need for request in requests)
    accepted: Counter[str] = Counter()
    for receipt in receipts:
        accepted.update({need: int(count) for need, count in receipt.figures.items()})
    return {
        need: Outcome(
            asked=before.get(need, Outcome()).asked + asked[need],
            accepted=before.get(need, Outcome()).accepted + accepted[need],
        )
        for need in sorted({*before, *asked})
    }
