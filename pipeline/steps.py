"""The story of a run, step by step: ordinary functions for the flow, for notebooks and for tests.

ingest -> audit -> fit -> plan -> generate and gate -> write -> score -> downstream -> report
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from parhelion.pipeline import audit as audits
from parhelion.pipeline import (
    budget,
    fitting,
    gate_fitting,
    ingest,
    parts,
    scoring,
    uplift_check,
)
from parhelion.pipeline.budget_curve import BudgetCurve
from parhelion.pipeline.contracts import FrameKey, Generator
from parhelion.pipeline.downstream import DownstreamConfig, DownstreamResult
from parhelion.pipeline.engine import Spec
from parhelion.pipeline.features import default_network
from parhelion.pipeline.plan import Plan, UnfillableCell, fillable, make_plan
from parhelion.pipeline.receipts import Chunk, Receipt, stage_output_digest
from parhelion.pipeline.run_config import DrawConfig, Role
from parhelion.pipeline.segmentation import stored_classes
from parhelion.pipeline.session import Session
from parhelion.pipeline.shards import StoredFrames

LOG = logging.getLogger("parhelion")


class Until(StrEnum):
    """The last step of a run that is cut short."""

    INGEST = "ingest"
    BUDGET = "budget"  # an experiment of its own, on what was read
    AUDIT = "audit"
    FIT = "fit"
    GENERATE = "generate"
    REPORT = "report"


@dataclass(frozen=True)
class Ingested:
    """What was read, by role."""

    folder: Path
    receipts: Mapping[Role, Sequence[Receipt]]

    def of(self, *roles: Role) -> list[Receipt]:
        """Receipts of these roles, in the order of the config."""
        return [receipt for role in roles for receipt in self.receipts.get(role, ())]

    def files(self, *roles: Role) -> list[str]:
        """Their files, relative to the run's folder."""
        return [receipt.file for receipt in self.of(*roles)]

    def frames(self, *roles: Role) -> StoredFrames:
        """Their frames."""
        return StoredFrames([self.folder / file for file in self.files(*roles)])

    def digests(self, *roles: Role) -> list[str]:
        """Digests of what was read, one per role: inputs of the stages that read it."""
        return [stage_output_digest(self.of(role)) for role in roles]

    @property
    def licences(self) -> dict[str, str]:
        """Licence by dataset, as the first frame of each source states it."""
        first = {receipt.stage: receipt for receipt in reversed(self.of(*Role)) if receipt.rows}
        frames = (StoredFrames([receipt.path(self.folder)])[0] for receipt in first.values())
        sources = [frame.provenance.source for frame in frames]
        return {source.dataset: source.licence for source in sources}

    @cached_property
    def test_groups(self) -> frozenset[str]:
        """Groups that nothing may be fitted on: those that test, and those that only tell when to
        stop or calibrate.
        """
        keys = self.frames(*Role).keys
        return frozenset(key.group_id for key in keys if key.split != "train")


def ingest_step(session: Session) -> Ingested:
    """Reads all sources; each keeps its role."""
    chunks: list[Chunk] = []
    role_of: dict[str, Role] = {}
    for position, source in enumerate(session.config.sources):
        stage = ingest.ingest_stage(source, position)
        role_of[stage.name] = source.role
        specs = ingest.ingest_specs(session.config, source)
        chunks += session.chunks(stage, specs, ingest.WORK)
    receipts: dict[Role, list[Receipt]] = {}
    for receipt in session.run("ingest", chunks):
        receipts.setdefault(role_of[receipt.stage], []).append(receipt)
    return Ingested(session.folder.path, receipts)


def budget_step(session: Session, ingested: Ingested) -> BudgetCurve:
    """Models of more and more source frames, judged on frames of other groups."""
    source, config = ingested.of(Role.SOURCE), session.config.budget
    keys = ingested.frames(Role.SOURCE).keys
    arms = budget.arm_specs(config, source, keys, session.config.seed)
    chunks = session.chunks(budget.arm_stage(), arms, budget.ARM_WORK, budget.ARM_FILE)
    models = session.run("train", chunks)
    spec = budget.curve_spec(arms, models, _judges(ingested))
    stage = budget.curve_stage()
    chunks = session.chunks(stage, [spec], budget.CURVE_WORK, budget.CURVE_FILE)
    (receipt,) = session.run("judge", chunks)
    return budget.read_curve(receipt, session.folder.path)


def audit_step(session: Session, name: str, receipts: Sequence[Receipt]) -> audits.Audit:
    """Counts the training frames behind `receipts`."""
    stage = audits.audit_stage(name)
    chunks = session.chunks(stage, audits.audit_specs(receipts), audits.WORK, audits.FILE)
    return audits.read_audit(session.folder.path, session.run(name, chunks))


@dataclass(frozen=True)
class Planned:
    """What is missing, and which cells no generator can draw."""

    plan: Plan
    unfillable: tuple[UnfillableCell, ...]
    parents: tuple[FrameKey, ...]
    generators: Mapping[str, Generator]  # by name, ready to say what they draw


@dataclass(frozen=True)
class Fitted:
    """Receipts of what was fitted: generators by name, and why something was not."""

    generators: Mapping[str, Receipt]
    gate: Receipt | None = None
    base_arm: tuple[Spec, Receipt] | None = None  # of the downstream check
    notes: tuple[str, ...] = ()  # a sentence for each check left out and each training gone wrong

    def ready(self, session: Session) -> dict[str, Generator]:
        """The run's generators by name, ready to draw."""
        return {
            draw.generator: fitting.fitted(
                draw.generator, draw.settings, self._model(session.folder.path, draw)
            )
            for draw in session.config.generators
        }

    def _model(self, folder: Path, draw: DrawConfig) -> Path | None:
        receipt = self.generators.get(draw.generator)
        return receipt.path(folder) if receipt is not None else None


def plan_step(session: Session, audit: audits.Audit, ingested: Ingested, fitted: Fitted) -> Planned:
    """Cells below their share; those that no generator can draw are named, not dropped."""
    generators, parents = fitted.ready(session), tuple(ingested.frames(Role.SOURCE).keys)
    plan, unfillable = fillable(make_plan(audit.census, session.config.plan), generators, parents)
    return Planned(plan, unfillable, parents, generators)


def fit_chunks(session: Session, ingested: Ingested) -> dict[str, list[Chunk]]:
    """The chunk of every generator that learns, by name."""
    source, target = ingested.of(Role.SOURCE), ingested.of(Role.TARGET)
    inputs = ingested.digests(Role.SOURCE, Role.TARGET)
    chunks: dict[str, list[Chunk]] = {}
    for draw in session.config.generators:
        if parts.part("generators", draw.generator).needs_fit:
            stage = fitting.fit_stage(draw, inputs)
            spec = fitting.fit_spec(
                draw,
                [receipt.file for receipt in source],
                [receipt.file for receipt in target],
                ingested.test_groups,
                session.config.seed,
            )
            chunks[draw.generator] = session.chunks(stage, [spec], fitting.WORK, fitting.FILE)
    return chunks


def fit_step(session: Session, ingested: Ingested) -> Fitted:
    """Fits generators, the gate and the first downstream arm, side by side."""
    of_generators = fit_chunks(session, ingested)
    no_gate, no_check = _no_gate(session, ingested), _no_check(session, ingested)
    folds = [] if no_gate else _fold_chunks(session, ingested)
    base = [] if no_check else _arm_chunks(session, ingested, "base", ())
    chunks = [chunk for each in of_generators.values() for chunk in each]
    receipts = session.run("fit", [*chunks, *folds, *base])
    models = dict(zip(of_generators, receipts, strict=False))
    sick = [note for n, r in models.items() for note in fitting.ailing(n, r.path(ingested.folder))]
    notes = tuple(filter(None, (no_gate, no_check, *sick)))
    for note in notes:
        LOG.warning(note)
    oracles = receipts[len(chunks) : len(chunks) + len(folds)]
    gate = _calibrated(session, ingested, folds, oracles) if folds else None
    base_arm = (json.loads(base[0].spec), receipts[-1]) if base else None
    return Fitted(models, gate, base_arm, notes)


def _no_gate(session: Session, ingested: Ingested) -> str:
    if session.config.gate is None:
        return ""
    files = [ingested.folder / file for file in ingested.files(Role.SOURCE, Role.REFERENCE)]
    keys = ingested.frames(Role.SOURCE, Role.REFERENCE).keys
    return gate_fitting.lacking(keys, stored_classes(files))


def _no_check(session: Session, ingested: Ingested) -> str:
    if session.config.downstream is None:
        return ""
    arm = _arm_spec(session, ingested, session.config.downstream, ())
    return uplift_check.lacking(arm, _judges(ingested), session.folder.path)


def _judges(ingested: Ingested) -> list[Receipt]:
    return ingested.of(Role.JUDGE) or ingested.of(Role.SOURCE)


def _arm_chunks(
    session: Session, ingested: Ingested, name: str, accepted: Sequence[Receipt]
) -> list[Chunk]:
    """The chunk of one downstream arm; none for an arm that lacks the frames which make it one."""
    config = session.config.downstream
    if config is None:
        return []
    spec = _arm_spec(session, ingested, config, accepted)
    if accepted and "generated" not in spec["sets"]:
        return []
    return session.chunks(
        uplift_check.arm_stage(name), [spec], uplift_check.ARM_WORK, uplift_check.ARM_FILE
    )


def _arm_spec(
    session: Session, ingested: Ingested, config: DownstreamConfig, accepted: Sequence[Receipt]
) -> Spec:
    sets = {
        "source": ingested.of(Role.SOURCE),
        "target": ingested.of(Role.TARGET),
        "generated": accepted,
    }
    return uplift_check.arm_spec(
        config, sets, session.config.seed, session.folder.path, generated=bool(accepted)
    )


def _fold_chunks(session: Session, ingested: Ingested) -> list[Chunk]:
    config = session.config.gate
    if config is None:
        return []
    source, reference = ingested.files(Role.SOURCE), ingested.files(Role.REFERENCE)
    stage = gate_fitting.fold_stage(ingested.digests(Role.SOURCE, Role.REFERENCE))
    specs = gate_fitting.fold_specs(config, source, reference, session.config.seed)
    return session.chunks(stage, specs, gate_fitting.FOLD_WORK, gate_fitting.FILE)


def _calibrated(
    session: Session, ingested: Ingested, folds: Sequence[Chunk], oracles: Sequence[Receipt]
) -> Receipt:
    inputs = ingested.digests(Role.SOURCE, Role.REFERENCE)
    stage = gate_fitting.calibrate_stage(inputs, oracles)
    spec = gate_fitting.calibrate_spec(json.loads(folds[0].spec), oracles)
    chunks = session.chunks(stage, [spec], gate_fitting.CALIBRATE_WORK, gate_fitting.FILE)
    (gate,) = session.run("calibrate", chunks)
    return gate


def score_step(
    session: Session, ingested: Ingested, accepted: Sequence[Receipt]
) -> scoring.Distances | None:
    """scoring.Distances to the judge frames, which nothing was fitted on."""
    config = session.config.scores
    if config is None or not _rows(accepted):
        return None
    spec = scoring.score_spec(
        default_network() if config.network == "auto" else config.network,
        session.config.seed,
        ingested.of(Role.SOURCE),
        _judges(ingested),
        accepted,
    )
    chunks = session.chunks(scoring.score_stage(), [spec], scoring.WORK, scoring.FILE)
    (receipt,) = session.run("score", chunks)
    return scoring.Distances.model_validate_json(receipt.path(session.folder.path).read_bytes())


def downstream_step(
    session: Session, ingested: Ingested, fitted: Fitted, accepted: Sequence[Receipt]
) -> DownstreamResult | None:
    """The same training with generated frames, and both arms judged on unseen ones.

    None where no generated frame was accepted: then there is no second arm.
    """
    if fitted.base_arm is None or not _rows(accepted):
        return None
    chunks = _arm_chunks(session, ingested, "treated", accepted)
    if not chunks:
        return None
    (receipt,) = session.run("train", chunks)
    arms = {"base": fitted.base_arm, "treated": (json.loads(chunks[0].spec), receipt)}
    spec = uplift_check.judge_spec(arms, _judges(ingested))
    stage, work, file = (
        uplift_check.judge_stage(),
        uplift_check.JUDGE_WORK,
        uplift_check.RESULT_FILE,
    )
    (judged,) = session.run("downstream", session.chunks(stage, [spec], work, file))
    return uplift_check.read_result(judged, session.folder.path)


def _rows(receipts: Sequence[Receipt]) -> int:
    return sum(receipt.rows for receipt in receipts)
