"""Downstream score against the number of simulated frames, as in Driving in the Matrix.

The recipe `simulated-budget` through the run engine, so a stopped run goes on: 25 to 400 frames of
our own street in five conditions, three seeds, equal steps, judged on unseen streets in the path
tracer's highest fidelity. No bar: it is told where more frames stop helping, with intervals.
"""

import sys
from pathlib import Path

from _figures import Figure, arguments, report

from parhelion.flows.recipes import simulated_budget
from parhelion.pipeline.budget_curve import BudgetCurve
from parhelion.pipeline.run import augment
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.workers import SpawnPool

FOLDER = Path(__file__).parent.parent / "runs" / "simulated-budget"
QUICK = {"frames": (25, 50, 100), "seeds": 2}


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    config = simulated_budget()
    if options.quick:
        shorter = config.budget.model_copy(update=QUICK)
        config = config.model_copy(update={"budget": shorter})
    curve = measured(config, options.workers)
    print(curve.sentence)
    return report("simulated_budget", figures_of(curve), options.quick, ("torch", "mitsuba"))


def measured(config: RunConfig, workers: int) -> BudgetCurve:
    """The curve of the recipe; chunks that are done are not done again."""
    with SpawnPool(workers) as pool:
        outcome = augment(config, FOLDER, executor=pool, progress=_show, until="budget")
    (file,) = (FOLDER / "chunks" / "budget").glob("*.json")
    print(outcome.found)
    return BudgetCurve.model_validate_json(file.read_bytes())


def figures_of(curve: BudgetCurve) -> dict[str, Figure]:
    """Score of every budget, how far it is behind the largest, and where the curve goes flat."""
    found: dict[str, Figure] = {}
    for p in curve.points:
        note = f"{p.groups} streets; seeds {', '.join(f'{s:.3f}' for s in p.by_seed)}"
        found[f"{p.frames} frames: mean IoU"] = Figure(value=p.iou, interval=p.interval, note=note)
    for p in curve.points[:-1]:
        note = "" if p.q is None else f"q = {p.q:.3f}, Holm"
        found[f"{curve.points[-1].frames} better than {p.frames} by"] = Figure(
            value=p.behind, interval=p.behind_interval, note=note
        )
    flat = curve.saturated_at
    name = "still rising at" if flat is None else "saturated at"
    found[name] = Figure(value=flat or curve.points[-1].frames, unit="frames", note=curve.sentence)
    return found


def _show(stage: str, done: int, total: int) -> None:
    print(f"{stage}: {done} of {total}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
