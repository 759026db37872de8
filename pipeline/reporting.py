"""From what a run came to, to what its report says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from parhelion.pipeline.audit import Audit
from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.downstream import DownstreamResult
from parhelion.pipeline.downstream_scores import ALL_CLASSES
from parhelion.pipeline.gallery import choose_evenly, write_gallery_item
from parhelion.pipeline.gate import Gate
from parhelion.pipeline.label_gate import LabelGate
from parhelion.pipeline.manifest import Manifest
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import Receipt, timings
from parhelion.pipeline.report_data import (
    CellPlan,
    Counts,
    Downstream,
    DownstreamRow,
    Estimate,
    FrameSetRow,
    GalleryItem,
    QuarantineCount,
    ReportData,
    RepresentationBar,
    Scenario,
    StageSeconds,
    Timings,
)
from parhelion.pipeline.report_gate import gate_table
from parhelion.pipeline.report_verdict import verdict_of
from parhelion.pipeline.representation import compare
from parhelion.pipeline.rounds import Drawn
from parhelion.pipeline.run_config import Role, RunConfig
from parhelion.pipeline.scoring import Distances
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.steps import Ingested, Planned

GALLERY_ACCEPTED, GALLERY_REJECTED = 48, 24  # frames shown
ROLES = {
    Role.SOURCE: "What there was: training data, and parents of the drawn frames.",
    Role.TARGET: "The few labelled frames of the wanted conditions: training data of both arms.",
    Role.REFERENCE: "Labelled frames of groups used nowhere else: they calibrate the gate.",
    Role.JUDGE: "Unseen frames that judge the downstream models; nothing is fitted on them.",
}


def report_data(
    config: RunConfig,
    ingested: Ingested,
    before: Audit,
    after: Audit,
    planned: Planned,
    drawn: Drawn,
    gate: Gate | LabelGate | None,
    manifest: Manifest,
    distances: Distances | None,
    downstream: DownstreamResult | None,
    notes: Sequence[str],
    gallery: Path,
) -> ReportData:
    """Everything that the report says; pictures are written into `gallery`.

    `notes`: a sentence for each check that was asked for and left out.
    """
    table = None if downstream is None else downstream_table(config, downstream)
    counts = counts_of(ingested, planned, drawn)
    return ReportData(
        title=config.title or config.name,
        verdict=verdict_of(counts, table),
        counts=counts,
        scenario=scenario_of(config, ingested, distances, notes),
        representation=tuple(representation_of(before, after)),
        plan=tuple(plan_of(planned, drawn)),
        gallery=tuple(gallery_of(drawn, ingested, gallery)),
        distances=distances.rows if distances is not None else (),
        downstream=table,
        gate=None if gate is None else gate_table(gate, drawn),
        quarantine=tuple(quarantine_of((*ingested.of(*Role), *drawn.generated, *drawn.judged))),
        dataset="../dataset",
        config=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        versions=tuple(sorted(manifest.versions.items())),
        digests=tuple((shard.file, shard.sha256) for shard in manifest.shards),
    )


def counts_of(ingested: Ingested, planned: Planned, drawn: Drawn) -> Counts:
    """What became of the frames."""
    generated = sum(receipt.rows for receipt in drawn.generated)
    accepted = sum(receipt.rows for receipt in drawn.accepted)
    refused = _quarantined(drawn.generated)
    return Counts(
        source=sum(receipt.rows for receipt in ingested.of(Role.SOURCE)),
        requested=sum(outcome.asked for outcome in drawn.outcome.values()),
        drawn=generated,
        accepted=accepted,
        uncalibrated=sum(
            frame.provenance.gate is not None and frame.provenance.gate.verdict == "uncalibrated"
            for frame in drawn.frames()
        ),
        rejected=generated - accepted,
        refused=sum(row.reason is Reason.CANNOT_HONOUR for row in refused),
        quarantined=len(_quarantined(ingested.of(*Role))),
    )


def scenario_of(
    config: RunConfig, ingested: Ingested, distances: Distances | None, notes: Sequence[str]
) -> Scenario:
    """Which frames the run worked with, and what it had to leave out."""
    sets = []
    for role, sentence in ROLES.items():
        keys = ingested.frames(role).keys
        if keys:
            cells = Counter(key.conditions.cell for key in keys)
            sets.append(
                FrameSetRow(
                    name=role.value,
                    role=sentence,
                    frames=len(keys),
                    groups=len({key.group_id for key in keys}),
                    detail=", ".join(f"{n} {cell}" for cell, n in sorted(cells.items())),
                )
            )
    note = (distances.note,) if distances is not None and distances.note else ()
    return Scenario(
        title=config.title or config.name,
        paragraphs=(*notes, *note),
        sets=tuple(sets),
        seeds=(("run", config.seed),),
    )


def representation_of(before: Audit, after: Audit) -> Iterable[RepresentationBar]:
    """Shares of frames before and after, for weather, time of day, class and their crossings."""
    for change in compare(before.census, after.census):
        if change.measure != "frames":
            continue
        was, now = change.before, change.after
        yield RepresentationBar(
            axis=change.axis,
            name=change.name,
            before=was.share if was else None,
            before_interval=was.interval if was else None,
            before_frames=was.count if was else 0,
            before_groups=was.effective_groups if was else None,
            after=now.share if now else None,
            after_interval=now.interval if now else None,
            after_frames=now.count if now else 0,
            after_groups=now.effective_groups if now else None,
        )


def plan_of(planned: Planned, drawn: Drawn) -> Iterable[CellPlan]:
    """Every need with what came of it, then the cells that no generator draws."""
    for need in planned.plan.needs:
        outcome = drawn.outcome.get(need.name)
        asked, accepted = (outcome.asked, outcome.accepted) if outcome else (0, 0)
        yield CellPlan(
            cell=need.cell,
            scene_class=need.class_name,
            have=need.have,
            target=need.target,
            requested=asked,
            accepted=accepted,
            rejected=asked - accepted,
        )
    for cell in planned.unfillable:
        said = "; ".join(f"{name}: {sentence}" for name, sentence in cell.refusals)
        yield CellPlan(cell=cell.cell, have=0, target=0, refusal=said)


def gallery_of(drawn: Drawn, ingested: Ingested, folder: Path) -> Iterable[GalleryItem]:
    """Accepted frames, then rejected ones with the reason, dealt out over cells and generators."""
    parents = ingested.frames(Role.SOURCE)
    accepted = drawn.frames()
    chosen = choose_evenly(
        range(len(accepted)), lambda i: _stratum(accepted.keys[i]), GALLERY_ACCEPTED
    )
    for i in chosen:
        frame = accepted[i]
        record = frame.provenance.gate
        verdict = record.verdict if record is not None else "accepted"
        parent = parents.by_id(frame.provenance.parent_id)
        yield write_gallery_item(frame, parent, folder, verdict=verdict)
    refused = [row for row in _quarantined(drawn.judged) if row.row is not None]
    for row in choose_evenly(refused, lambda row: row.cell, GALLERY_REJECTED):
        frame = StoredFrames([drawn.folder / row.file])[row.row or 0]
        parent = parents.by_id(row.parent_id)
        yield write_gallery_item(frame, parent, folder, verdict="rejected", reason=row.sentence)


def _stratum(key: FrameKey) -> str:
    """What the gallery is dealt out over: conditions, and the class of the whole image."""
    return key.conditions.cell if key.label is None else f"{key.conditions.cell} {key.label.name}"


def downstream_table(config: RunConfig, result: DownstreamResult) -> Downstream:
    """The downstream check as the report prints it."""
    assert config.downstream is not None
    rows = [
        DownstreamRow(
            cell=change.cell,
            scene_class="" if change.scene_class == ALL_CLASSES else change.scene_class,
            base=Estimate(value=change.base),
            treated=Estimate(value=change.treated),
            difference=Estimate(value=change.difference, interval=change.interval),
            q=change.q,
            frames=change.frames,
            groups=change.groups,
        )
        for change in result.changes
    ]
    shares = ", ".join(f"{share:.0%} {name}" for name, share in result.treated.shares)
    return Downstream(
        treated_arm=f"with generated frames ({shares} of every batch)",
        metric=result.measure,
        model=result.model,
        steps=result.base.steps,
        note=result.note,
        rows=tuple(rows),
    )


def quarantine_of(receipts: Sequence[Receipt]) -> Iterable[QuarantineCount]:
    """Refused rows by stage and reason, with one sentence each."""
    rows: dict[tuple[str, Reason], list[QuarantineRow]] = defaultdict(list)
    for row in _quarantined(receipts):
        rows[row.stage, row.reason].append(row)
    for (stage, reason), found in sorted(rows.items()):
        yield QuarantineCount(
            reason=reason.value, stage=stage, rows=len(found), example=found[0].sentence
        )


def timings_of(run_folder: Path) -> Timings:
    """Seconds per stage of the engine, as they were measured when the work was done."""
    return Timings(
        stages=tuple(
            StageSeconds(stage=stage, wall_s=cost.wall_s, cpu_s=cost.cpu_s)
            for stage, cost in timings(run_folder).items()
        )
    )


def _quarantined(receipts: Sequence[Receipt]) -> list[QuarantineRow]:
    return [row for receipt in receipts for row in receipt.quarantined]
