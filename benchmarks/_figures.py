"""How every benchmark ends: a table to read, one JSON line, and an exit code: passed or missed."""

import argparse
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from parhelion.pipeline.provenance import version_of

Sense = Literal["at least", "at most"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number; a figure without a bar is for information and cannot be missed."""

    value: float
    unit: str = ""
    interval: tuple[float, float] | None = None  # 95 %, or as `note` says
    bar: float | None = None
    sense: Sense = "at least"
    note: str = ""

    @property
    def ok(self) -> bool:
        if self.bar is None:
            return True
        return self.value >= self.bar if self.sense == "at least" else self.value <= self.bar


def arguments(description: str) -> argparse.ArgumentParser:
    """The command line that all benchmarks share: `--quick` = fewer seeds, same bars."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, same bars")
    return parser


def report(
    name: str, figures: Mapping[str, Figure], quick: bool, packages: tuple[str, ...] = ("numpy",)
) -> int:
    """Prints table and JSON line; returns 1 where a bar was missed, else 0, for `sys.exit`."""
    _print_table(name, figures)
    line = {
        "name": name,
        "quick": quick,
        "figures": {
            key: {"value": f.value, "interval": f.interval, "bar": f.bar, "ok": f.ok}
            for key, f in figures.items()
        },
        "command": " ".join(["python", *sys.argv]),
        "versions": {
            "python": platform.python_version(),
            **{package: version_of(package) for package in packages},
        },
    }
    print(json.dumps(line), flush=True)
    return 0 if all(f.ok for f in figures.values()) else 1


def _print_table(name: str, figures: Mapping[str, Figure]) -> None:
    rows = [("figure", "value", "interval", "bar", "", "note")]
    for key, f in figures.items():
        interval = f"{f.interval[0]:.4g} .. {f.interval[1]:.4g}" if f.interval else ""
        bar = "" if f.bar is None else f"{f.sense} {f.bar:g}"
        verdict = "" if f.bar is None else ("ok" if f.ok else "MISSED")
        rows.append((key, f"{f.value:.4g} {f.unit}".strip(), interval, bar, verdict, f.note))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(f"\n{name}")
    for row in rows:
        print(" | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    print(flush=True)
