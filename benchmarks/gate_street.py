"""The gate on rendered streets: true frames that it refuses, planted faults that it catches.

Source (clear day), reference and judged frames come from groups of their own. A true frame is one
as rendered; a fault is the same frame with its stencil shifted by 8 pixels, mirrored, or exchanged
for another frame's. Frames and oracles are kept under runs/, so a stopped run goes on.
"""

import shutil
import sys
from pathlib import Path

from _figures import Figure, arguments, report
from _street_sets import Scenes, rendered
from scipy import stats

from parhelion.pipeline.folded_gate import GateConfig
from parhelion.pipeline.gate import fit_gate
from parhelion.pipeline.gate_measure import gate_rates
from parhelion.pipeline.gate_rates import GateRates
from parhelion.pipeline.threads import one_thread
from parhelion.sim_adapters.street import StreetConfig

WORK = Path(__file__).parent.parent / "runs" / "gate_street"
STREET = StreetConfig(seed=21, width=256, height=144, samples=8)
SOURCE = Scenes(first=0, count=16, named=("day",))
REFERENCE = Scenes(first=1000, count=25)
JUDGED = Scenes(first=2000, count=25)
SEEDS, QUICK = (0, 1), (0,)
LEAST_CAUGHT = 0.95
PACKAGES = ("numpy", "torch", "segmentation-models-pytorch", "mitsuba")


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--afresh", action="store_true", help="fit the oracles again")
    options = parser.parse_args()
    one_thread()
    if options.afresh:
        shutil.rmtree(WORK, ignore_errors=True)
    figures: dict[str, Figure] = {}
    for seed in QUICK if options.quick else SEEDS:
        for rates in measured(GateConfig(), seed):
            figures |= figures_of(f"{rates.cell}, seed {seed}", rates, GateConfig().false_reject)
    return report("gate_street", figures, options.quick, PACKAGES)


def measured(config: GateConfig, seed: int) -> tuple[GateRates, ...]:
    """The rates of a gate fitted with this seed, cell by cell of conditions."""
    source, reference, judged = (rendered(s, STREET) for s in (SOURCE, REFERENCE, JUDGED))
    gate = fit_gate(source, reference, config, WORK / f"seed-{seed}", seed, _show)
    return gate_rates(gate, list(judged), seed)


def figures_of(name: str, rates: GateRates, promised: float) -> dict[str, Figure]:
    """False rejects against the binomial interval of what is promised; catch per fault."""
    n = rates.false_reject.trials
    _, most = stats.binom.interval(0.95, n, promised)
    found = {
        f"{name}: true frames refused": Figure(
            value=rates.false_reject.value or 0.0,
            interval=rates.false_reject.interval,
            bar=float(most) / n,
            sense="at most",
            note=f"n = {n}; bar = 95 % of Binomial(n, {promised:g}); level {rates.level or 1:.3f}",
        )
    }
    for fault, rate in rates.caught:
        found[f"{name}: {fault.value} caught"] = Figure(
            value=rate.value or 0.0,
            interval=rate.interval,
            bar=LEAST_CAUGHT,
            note=f"n = {rate.trials}",
        )
    return found


def _show(done: int, total: int) -> None:
    if done % 25 == 0:
        print(f"oracles: step {done} of {total}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
