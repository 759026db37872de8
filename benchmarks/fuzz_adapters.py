"""Thousands of spoilt files through every adapter: reason codes, no crash, no hang, no way out.

Each adapter is fuzzed in a process of its own, whose peak memory is its figure. The mutations are
those of `tests/mutations.py`; the recordings are those that the tests write.
"""

import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from _figures import Figure, arguments, report

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import recordings  # noqa: E402
from mutations import read_everything, relocated, spoil  # noqa: E402
from outside_watch import WATCH  # noqa: E402

from parhelion.pipeline import parts  # noqa: E402

SPOILT = 2_400  # files in all
LONGEST_S = 20  # for one dataset of a few small frames; more is a hang


def fuzz(name: str, rounds: int, folder: Path) -> dict[str, Any]:
    """Spoils `rounds` files of one adapter, one at a time; what came of it, as plain data."""
    sound, spoilt = folder / "sound", folder / "spoilt"
    sound.mkdir()
    told = recordings.writer(name)(sound)
    adapter_class = parts.part("sim_adapters", name)
    reasons: Counter[str] = Counter()
    crashes: list[str] = []
    silent, slowest = 0, 0.0
    for seed in range(rounds):
        shutil.rmtree(spoilt, ignore_errors=True)
        shutil.copytree(sound, spoilt)
        how = spoil(spoilt, seed)
        adapter = adapter_class(adapter_class.Config(**relocated(told, sound, spoilt)))
        start = time.monotonic()
        signal.alarm(LONGEST_S)  # raises TimeoutError, see main
        WATCH.root = spoilt
        try:
            outcome = read_everything(adapter, how)
        except Exception as error:
            crashes.append(f"{name}, seed {seed}, {how}: {type(error).__name__}: {error}")
            continue
        finally:
            WATCH.root = None
            signal.alarm(0)
            slowest = max(slowest, time.monotonic() - start)
        reasons.update(bad.reason.value for bad in outcome.refused)
        silent += outcome.read + len(outcome.refused) == 0
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "spoilt": rounds,
        "reasons": reasons,
        "crashes": crashes,
        "silent": silent,
        "slowest_s": slowest,
        "peak_mb": peak_mb,
    }


def fuzzed(name: str, rounds: int) -> dict[str, Any]:
    """`fuzz` in a process of its own."""
    child = subprocess.run(
        [sys.executable, __file__, "--adapter", name, "--rounds", str(rounds)],
        capture_output=True,
        text=True,
    )
    if child.returncode:
        return {"spoilt": rounds, "crashes": [f"{name}: {child.stderr[-300:]}"]}
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return found


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"longer than {LONGEST_S} s")


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--adapter", help="fuzz this one alone, in this process")
    parser.add_argument("--rounds", type=int, default=100)
    told = parser.parse_args()
    if told.adapter:
        signal.signal(signal.SIGALRM, _too_long)
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(fuzz(told.adapter, told.rounds, Path(folder))))
        return 0
    names = [name for name in parts.names("sim_adapters") if name != "street"]
    rounds = -(-(SPOILT // 10 if told.quick else SPOILT) // len(names))
    results = {name: fuzzed(name, rounds) for name in names}
    crashes = [crash for r in results.values() for crash in r["crashes"]]
    print("\n".join(crashes))
    reasons: Counter[str] = Counter()
    for result in results.values():
        reasons.update(result.get("reasons", {}))
    print("refused by reason:", ", ".join(f"{r} {n}" for r, n in reasons.most_common()))
    worst = max(results.values(), key=lambda r: r.get("peak_mb", 0))
    figures = {
        "spoilt files": Figure(value=rounds * len(names), bar=240 if told.quick else 2_000),
        "crashes": Figure(value=len(crashes), bar=0, sense="at most"),
        "datasets that told nothing": Figure(
            value=sum(r.get("silent", 0) for r in results.values()), bar=0, sense="at most"
        ),
        "frames refused": Figure(value=reasons.total()),
        "reason codes met": Figure(value=len(reasons)),
        "slowest dataset": Figure(
            value=max(r.get("slowest_s", 0.0) for r in results.values()),
            unit="s",
            bar=LONGEST_S,
            sense="at most",
        ),
        "peak memory": Figure(value=worst.get("peak_mb", 0), unit="MB", bar=2_000, sense="at most"),
    }
    return report("fuzz_adapters", figures, told.quick, ("numpy", "pillow", "pydantic"))


if __name__ == "__main__":
    sys.exit(main())
