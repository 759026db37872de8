"""What a run says in the terminal after reading and after counting: small tables of plain text."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.bias import Census
from parhelion.pipeline.budget_curve import BudgetCurve, BudgetPoint
from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.ingest import CLASS, DROPPED, IMAGE_CLASS, UNTOLD
from parhelion.pipeline.plan import PlanConfig, make_plan
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import Timing, timings
from parhelion.pipeline.report_data import CellPlan
from parhelion.pipeline.representation import RepresentationRow, representation_table
from parhelion.pipeline.run_config import Role
from parhelion.pipeline.steps import Ingested

SHOWN_AXES = ("weather", "time of day", "weather x time of day", "class", "image class")


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
    keys = ingested.frames(*Role).keys
    counted: Counter[str] = Counter()
    for receipt in ingested.of(*Role):
        counted.update({name: int(n) for name, n in receipt.figures.items()})
    layers = Counter(layer for key in keys for layer in key.layers)
    return (
        read,
        _count_table("frames by layer", ("layer", "frames"), layers),
        _count_table("frames by class", ("class", "frames"), _under(CLASS, counted)),
        *_image_class_tables(counted),
        _count_table(
            "weather that no table knows", ("the source's words", "frames"), _unknown_words(keys)
        ),
        _count_table("integrity could not tell", ("layer", "frames"), _under(UNTOLD, counted)),
        _count_table("left out of frames", ("what", "times"), _under(DROPPED, counted)),
        refused_table([q for r in ingested.of(*Role) for q in r.quarantined]),
        _speed_table(len(keys), timings(ingested.folder)),
    )


def _image_class_tables(counted: Counter[str]) -> tuple[Table, ...]:
    """Classes of whole images, where there are any."""
    counts = _under(IMAGE_CLASS, counted)
    return (_count_table("frames by image class", ("class", "frames"), counts),) if counts else ()


def _under(prefix: str, counts: Counter[str]) -> Counter[str]:
    """The counts whose names begin like that, by the rest of their names."""
    found = {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}
    return Counter(found)


def _unknown_words(keys: Sequence[FrameKey]) -> Counter[str]:
    """The source's own words of frames whose weather stayed unknown."""
    told = (key.conditions for key in keys)
    return Counter(c.native for c in told if c.weather is Weather.UNKNOWN and c.native)


def _count_table(title: str, columns: tuple[str, str], counts: Counter[str]) -> Table:
    return Table(
        title=title,
        columns=columns,
        rows=tuple((name, str(n)) for name, n in counts.most_common()) or (("none", "0"),),
    )


def _speed_table(frames: int, costs: Mapping[str, Timing]) -> Table:
    """How fast the frames that are there were read; a chunk that was done before keeps its cost."""
    cpu_s = sum(cost.cpu_s for stage, cost in costs.items() if stage.startswith("ingest-"))
    speed = f"{frames / cpu_s:.1f}" if cpu_s else "unknown"
    return Table(
        title="speed of reading",
        columns=("frames", "CPU seconds", "frames per CPU second"),
        rows=((str(frames), f"{cpu_s:.1f}", speed),),
    )


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
    of_axis = {axis: [row for row in rows if row.axis == axis] for axis in SHOWN_AXES}
    if not of_axis["image class"]:
        del of_axis["image class"]
    held = [_axis_table(axis, found) for axis, found in of_axis.items()]
    missing = Table(
        title="missing by the plan",
        columns=("conditions", "frames", "wanted", "missing"),
        rows=tuple(
            (need.name, str(need.have), str(need.target), str(need.missing))
            for need in make_plan(census, config).needs
        ),
    )
    return *held, missing


def drawn_tables(cells: Sequence[CellPlan]) -> tuple[Table, ...]:
    """What came of every need, and why nothing came of the others."""
    told = Table(
        title="drawn by the plan",
        columns=("what", "class", "missing", "asked", "accepted"),
        rows=tuple(
            (c.cell, c.scene_class, str(c.deficit), str(c.requested), str(c.accepted))
            for c in cells
            if not c.refusal
        ),
    )
    undrawn = Table(
        title="not drawn",
        columns=("what", "because"),
        rows=tuple((cell.cell, cell.refusal) for cell in cells if cell.refusal),
    )
    return tuple(table for table in (told, undrawn) if table.rows)


def budget_tables(curve: BudgetCurve) -> tuple[Table, ...]:
    """The score of every number of simulated frames, and how far behind the largest it is."""
    points = Table(
        title=f"score by simulated frames, {curve.steps} steps each",
        columns=("frames", "groups", "mean IoU", "95 % interval", "the largest is better by", "q"),
        rows=tuple(
            (
                str(p.frames),
                str(p.groups),
                f"{p.iou:.1%}",
                _interval(p.interval),
                f"{p.behind:.1%}"
                + (f" ({_interval(p.behind_interval)})" if p.q is not None else ""),
                "" if p.q is None else f"{p.q:.3f}",
            )
            for p in curve.points
        ),
    )
    cells = Table(
        title="mean IoU by conditions of the judge frames",
        columns=("conditions", *(str(p.frames) for p in curve.points)),
        rows=tuple(
            (cell, *(f"{dict(p.by_cell)[cell]:.1%}" for p in curve.points))
            for cell, _ in curve.points[0].by_cell
        ),
    )
    return points, cells


def _behind(point: BudgetPoint) -> str:
    interval = "" if point.q is None else f" ({_interval(point.behind_interval)})"
    return f"{point.behind:.1%}{interval}"


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
