"""Kill a run anywhere, resume it with any number of workers: the same bytes, and nobody left.

(a) a small run dies at every single write, flush, rename and removal; (b) `parhelion augment` is
killed from outside 20 times, in every stage, its main process alone, one worker, or the whole
group; then one byte of a shard is flipped, and one chunk deleted. `--quick` takes every tenth step
and five kills. `--folder` keeps what was found, so that a broken-off benchmark goes on.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from _figures import Figure, arguments, report
from _kill_signals import STAGES, TARGETS, Kill, Killer, kill_and_keep
from _kill_steps import EveryStep, kill_at_every_step

from parhelion.pipeline.files import write_json

PACKAGES = ("numpy", "prefect", "pyarrow", "torch")
KILLS_PER_STAGE = 4
SHARES = (0.3, 0.75, 0.1, 0.5)  # of a stage's time


def kills(per_stage: int) -> list[Kill]:
    """`per_stage` kills in each stage; the targets come in turn."""
    order = [(stage, round_) for round_ in range(per_stage) for stage in STAGES]
    return [
        Kill(stage, TARGETS[i % len(TARGETS)], SHARES[round_])
        for i, (stage, round_) in enumerate(order)
    ]


def steps_and_keep(kept: Path, work: Path, every: int) -> EveryStep:
    """Part (a), or what a benchmark that was broken off has kept of it."""
    if kept.exists():
        return EveryStep(**json.loads(kept.read_text()))
    found = kill_at_every_step(work, every)
    write_json(kept, asdict(found))
    return found


def step_figures(found: EveryStep) -> dict[str, Figure]:
    """Part (a) as figures."""
    for name, files in found.different.items():
        print(f"step {name}: {', '.join(files)}")
    return {
        "steps of the small run": Figure(value=found.steps, note="writes, flushes, renames"),
        "killed at a step": Figure(value=found.killed, bar=1, note="each resumed by 1 and 2"),
        "of them with other bytes": Figure(value=len(found.different), bar=0, sense="at most"),
    }


def kill_figures(results: list[dict[str, object]], per_stage: int) -> dict[str, Figure]:
    """Part (b) as figures."""
    for result in results:
        print(result)
    landed = Counter(str(r["stage"]) for r in results if r["landed"])
    wanted = min(per_stage, 3)
    figures = {f"kills in {s}": Figure(value=landed[s], bar=wanted) for s in STAGES}
    different = sum(bool(r["different"]) for r in results)
    left = sum(bool(r["left"]) for r in results)
    return {
        "timed kills": Figure(value=sum(landed.values()), bar=per_stage * len(STAGES)),
        **figures,
        "resumed to other bytes": Figure(value=different, bar=0, sense="at most"),
        "left something running": Figure(value=left, bar=0, sense="at most", note="10 s later"),
    }


def damage_figures(killer: Killer) -> dict[str, Figure]:
    """One flipped byte and one deleted chunk as figures."""
    figures = {}
    for damage in ("flipped byte", "deleted chunk"):
        wanted, redone = killer.redone(damage)
        print(f"{damage}: wanted {wanted} to be redone, got {redone}")
        others = len(set(redone) ^ set(wanted))
        figures[f"{damage}: wrongly redone or not"] = Figure(value=others, bar=0, sense="at most")
    return figures


def main() -> int:
    """Both parts; 1 where a bar was missed."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="where to work and keep results of kills")
    chosen = parser.parse_args()
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    per_stage = 1 if chosen.quick else KILLS_PER_STAGE
    with tempfile.TemporaryDirectory(prefix="kill-resume-") as folder:
        work = chosen.folder or Path(folder) / "timed"
        work.mkdir(parents=True, exist_ok=True)
        steps = steps_and_keep(work / "steps.json", Path(folder), 10 if chosen.quick else 1)
        killer = Killer(work)
        results = [
            kill_and_keep(killer, kill, number) for number, kill in enumerate(kills(per_stage))
        ]
        figures = {
            **step_figures(steps),
            **kill_figures(results, per_stage),
            **damage_figures(killer),
        }
    return report("kill_resume", figures, chosen.quick, PACKAGES)


if __name__ == "__main__":
    sys.exit(main())
