"""A whole run, from the sources to the dataset and its report; one path for all who start one."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline import rounds, steps
from parhelion.pipeline.audit import Audit
from parhelion.pipeline.code_digest import code_digest
from parhelion.pipeline.dataset import QUARANTINE, write_dataset
from parhelion.pipeline.dataset_card import About
from parhelion.pipeline.downstream import DownstreamResult
from parhelion.pipeline.engine import Executor
from parhelion.pipeline.files import discard, model_from, replacing, sha256_of, write_json
from parhelion.pipeline.fitting import rests_on
from parhelion.pipeline.judging import gate_of
from parhelion.pipeline.manifest import MANIFEST, Manifest, verify
from parhelion.pipeline.overview import (
    Table,
    audit_tables,
    budget_tables,
    drawn_tables,
    ingest_tables,
)
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.progress import StageProgress
from parhelion.pipeline.provenance import version_of
from parhelion.pipeline.quarantine_table import write_quarantine
from parhelion.pipeline.readiness import NotReady as NotReady
from parhelion.pipeline.readiness import check_parents, check_ready, indexes_of
from parhelion.pipeline.receipts import Receipt, missing_files
from parhelion.pipeline.run_config import Role, RunConfig
from parhelion.pipeline.run_folder import RunFolder
from parhelion.pipeline.run_lock import run_lock
from parhelion.pipeline.scoring import Distances
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.session import Session
from parhelion.pipeline.steps import Until

MODULES = ("parhelion.pipeline.run",)
PAGE = "index.html"
REPORT_FILES = (PAGE, "report.json")


class Outcome(BaseModel):
    """What a run came to; written last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_from: str  # digest of all that the run depends on
    manifest_sha256: str = ""
    dataset: str = ""
    report: str = ""
    quarantine: str = ""  # of a run that is cut short; a whole one has it in its dataset
    rows: int = 0
    found: str = ""  # what an experiment says, in a sentence
    tables: tuple[Table, ...] = ()  # what a run that is cut short found
    models: dict[str, str] = {}  # folders of the trained generators of a run that ends with them
    frames: tuple[str, ...] = ()  # files of those that were accepted, where that is the end
    empty_handed: bool = False  # frames were missing, and none came of it

    @property
    def lines(self) -> dict[str, str]:
        """What to tell whoever started the run."""
        told = {
            **{f"model {name}": folder for name, folder in self.models.items()},
            "frames": "\n".join(self.frames),
            "report": self.report,
            "dataset": self.dataset,
            "manifest": self.manifest_sha256,
            "quarantine": self.quarantine,
            "found": self.found,
        }
        return {name: value for name, value in told.items() if value}


def inputs_digest(config: RunConfig) -> str:
    """Digest of settings, code, packages, and what sources and trained files hold now."""
    modules = [f"parhelion.sim_adapters.{source.adapter}" for source in config.sources]
    modules += [f"parhelion.generators.{draw.generator}" for draw in config.generators]
    return digest(
        config,
        [rests_on(draw.generator, draw.settings) for draw in config.generators],
        code_digest(*sorted({*MODULES, *modules})),
        [[name, version_of(name)] for name in BYTE_PACKAGES],
        [[ref.model_dump() for ref in refs] for refs in indexes_of(config)],
    )


def finished_run(config: RunConfig, folder: Path) -> Outcome | None:
    """The outcome of exactly this run, if it is complete: dataset, report, and no chunk gone.

    Its paths are those of `folder`, which may have been moved since.
    """
    run = RunFolder(folder)
    outcome = model_from(run.outcome, Outcome)
    if not isinstance(outcome, Outcome) or outcome.made_from != inputs_digest(config):
        return None
    manifest = run.dataset / MANIFEST
    whole = manifest.is_file() and sha256_of(manifest) == outcome.manifest_sha256
    told = all((run.report / name).is_file() for name in REPORT_FILES)
    if not whole or not told or verify(run.dataset) or missing_files(folder):
        return None
    return outcome.model_copy(
        update={"dataset": str(run.dataset), "report": str(run.report / PAGE)}
    )


def augment(
    config: RunConfig,
    folder: Path,
    *,
    executor: Executor,
    progress: StageProgress,
    until: str = Until.REPORT,
) -> Outcome:
    """Runs `config` in `folder` up to stage `until`; what is done already is not done again."""
    check_ready(config)
    run = RunFolder(folder)
    with run_lock(folder):
        made_from = inputs_digest(config)
        write_json(run.config, config)
        session = Session(config, run, executor, progress)
        outcome = _augment(session, Until(until), made_from)
        if outcome.report:
            write_json(run.outcome, outcome)
    return outcome


def _augment(session: Session, until: Until, made_from: str) -> Outcome:
    ingested = steps.ingest_step(session)
    refused = quarantine_step(session, ingested.of(*Role)) if until is not Until.REPORT else ""
    unfinished = Outcome(made_from=made_from, quarantine=refused)
    if until is Until.INGEST:
        return unfinished.model_copy(update={"tables": ingest_tables(ingested)})
    if until is Until.BUDGET:
        curve = steps.budget_step(session, ingested)
        told = {"tables": budget_tables(curve), "found": curve.sentence}
        return unfinished.model_copy(update=told)
    before = steps.audit_step(session, "audit", ingested.of(Role.SOURCE, Role.TARGET))
    if until is Until.AUDIT:
        tables = audit_tables(before.census, session.config.plan)
        return unfinished.model_copy(update={"tables": tables})
    check_parents(session.config, before.census, ingested.frames(Role.SOURCE).keys)
    fitted = steps.fit_step(session, ingested)
    if until is Until.FIT:
        models = {n: str(r.path(ingested.folder)) for n, r in fitted.generators.items()}
        return unfinished.model_copy(update={"models": models})
    planned = steps.plan_step(session, before, ingested, fitted)
    drawn = rounds.generate_step(session, planned, before, ingested, fitted)
    if until is Until.GENERATE:
        refusing = [*ingested.of(*Role), *drawn.generated, *drawn.judged]
        found = drawn_outcome(session, planned, drawn)
        refused = quarantine_step(session, refusing)
        return unfinished.model_copy(update={**found, "quarantine": refused})
    manifest = write_step(session, ingested, drawn, made_from)
    distances = steps.score_step(session, ingested, drawn.accepted)
    downstream = steps.downstream_step(session, ingested, fitted, drawn.accepted)
    added = steps.audit_step(session, "audit-after", drawn.accepted)
    after = before.merged(added)
    report = report_step(
        session, ingested, before, after, planned, drawn, fitted, manifest, distances, downstream
    )
    return Outcome(
        made_from=made_from,
        manifest_sha256=sha256_of(session.folder.dataset / MANIFEST),
        dataset=str(session.folder.dataset),
        report=str(report),
        rows=manifest.rows,
    )


def drawn_outcome(
    session: Session, planned: steps.Planned, drawn: rounds.Drawn
) -> dict[str, object]:
    """What came of the plan, for a run that ends with it."""
    from parhelion.pipeline.reporting import plan_of

    cells = list(plan_of(planned, drawn))
    rows = sum(cell.accepted for cell in cells)
    files = [str(receipt.path(session.folder.path)) for receipt in drawn.accepted]
    return {
        "tables": drawn_tables(cells),
        "rows": rows,
        "frames": tuple(files) if rows else (),
        "empty_handed": not rows and any(cell.deficit or cell.refusal for cell in cells),
    }


def quarantine_step(session: Session, receipts: Sequence[Receipt]) -> str:
    """What was refused so far, beside the chunks; returns the file, or nothing for nothing."""
    path = session.folder.path / QUARANTINE
    refused = [row for receipt in receipts for row in receipt.quarantined]
    if not refused:
        discard(path)
        return ""
    with replacing(path) as draft:
        write_quarantine(draft, session.folder.path, refused)
    return str(path)


def write_step(
    session: Session, ingested: steps.Ingested, drawn: rounds.Drawn, made_from: str
) -> Manifest:
    """The dataset: everything that was read, and what the gate let through."""
    read = ingested.of(*Role)
    about = About(
        name=session.config.name,
        title=session.config.title,
        config=session.config.model_dump(mode="json"),
        config_digest=made_from,
        licences=ingested.licences,
    )
    refusing: list[Receipt] = [*read, *drawn.generated, *drawn.judged]
    return write_dataset(
        session.folder.path,
        [*read, *drawn.accepted],
        session.executor,
        lambda done, total: session.progress("write", done, total),
        about=about,
        quarantined=[row for receipt in refusing for row in receipt.quarantined],
        rows_per_shard=session.config.storage.rows_per_shard,
    )


def report_step(
    session: Session,
    ingested: steps.Ingested,
    before: Audit,
    after: Audit,
    planned: steps.Planned,
    drawn: rounds.Drawn,
    fitted: steps.Fitted,
    manifest: Manifest,
    distances: Distances | None,
    downstream: DownstreamResult | None,
) -> Path:
    """The report's folder; returns its page."""
    from parhelion.pipeline.report import write_report
    from parhelion.pipeline.reporting import report_data, timings_of

    session.progress("report", 0, 1)
    folder = session.folder
    gate = None
    if fitted.gate is not None:
        gate = gate_of(fitted.gate.path(folder.path), fitted.gate.sha256)
    pictures = folder.path / "work" / "gallery"
    data = report_data(
        session.config,
        ingested,
        before,
        after,
        planned,
        drawn,
        gate,
        manifest,
        distances,
        downstream,
        fitted.notes,
        pictures,
    )
    page = write_report(data, pictures, folder.report, timings_of(folder.path))
    discard(pictures)
    session.progress("report", 1, 1)
    return page
