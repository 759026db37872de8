"""What a run says in the terminal after reading and after counting: small tables of plain text."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.bias import Census
from parhelion.pipeline.plan import PlanConfig, make_plan
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.representation import RepresentationRow, representation_table
from parhelion.pipeline.run_config import Role
from parhelion.pipeline.steps import Ingested

SHOWN_AXES = ("weather", "time of day", "weather x time of day", "class")


class Table(BaseModel):
    """A table as it is printed; every row has a cell for every column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def ingest_tables(ingested: Ingested) -> tuple[Table, ...]:
    """Frames by role and conditions, and what was refused by reason."""
    counts = {
        role: Counter(key.conditions.cell for key in ingested.frames(role).keys)
        for role in ingested.receipts
    }
    read = Table(
        title="frames read",
        columns=("role", "conditions", "frames"),
        rows=tuple(
            (role.value, cell, str(frames))
            for role, cells in counts.items()
            for cell, frames in sorted(cells.items())
        ),
    )
    return read, refused_table([q for r in ingested.of(*Role) for q in r.quarantined])


def refused_table(refused: Sequence[QuarantineRow]) -> Table:
    """Refused frames by reason, each reason with its first sentence."""
    counts = Counter(row.reason.value for row in refused)
    first = {row.reason.value: row.sentence for row in reversed(refused)}
    return Table(
        title="quarantined",
        columns=("reason", "frames", "for example"),
        rows=tuple((reason, str(n), first[reason]) for reason, n in counts.most_common())
        or (("none", "0", ""),),
    )


def audit_tables(census: Census, config: PlanConfig) -> tuple[Table, ...]:
    """What the training frames hold, axis by axis, and what the plan finds missing."""
    rows = [row for row in representation_table(census) if row.measure == "frames"]
    held = [_axis_table(axis, [r for r in rows if r.axis == axis]) for axis in SHOWN_AXES]
    missing = Table(
        title="missing by the plan",
        columns=("conditions", "frames", "wanted", "missing"),
        rows=tuple(
            (need.name, str(need.have), str(need.target), str(need.missing))
            for need in make_plan(census, config).needs
        ),
    )
    return *held, missing


def _axis_table(axis: str, rows: Sequence[RepresentationRow]) -> Table:
    return Table(
        title=f"training frames by {axis}",
        columns=(axis, "frames", "of", "share", "95 % interval"),
        rows=tuple(
            (r.name, str(r.count), str(r.total), _percent(r.share), _interval(r.interval))
            for r in rows
        ),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.1%} to {interval[1]:.1%}"
