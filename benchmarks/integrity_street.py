"""Integrity at the door on rendered drives: good frames refused, planted faults caught.

Limits are fitted on 24 streets and judged on 54 others, in each of fifteen weathers, at seven hours
in turn. The drives are kept under runs/, so a stopped run goes on.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from _figures import Figure, Sense, arguments, report
from _integrity_faults import Case, Moment, cases
from _street_drives import Drive, drives
from scipy import stats

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.integrity import judge
from parhelion.pipeline.integrity_edges import Look
from parhelion.pipeline.integrity_finding import Verdict
from parhelion.pipeline.integrity_fitting import fitted_limits
from parhelion.pipeline.integrity_limits import IntegrityLimits
from parhelion.pipeline.planted_faults import Fault, mirrored, plant, swapped
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.threads import one_thread

FIRST_FITTED, FITTED = 0, 24
FIRST_JUDGED, JUDGED, QUICK = 1000, 54, 18
MOST_ALARMS, LEAST_CAUGHT = 0.02, 0.95
TIMED_SIZE, TIMED = (640, 360), 40
VEHICLES = (SceneClass.CAR, SceneClass.TRUCK, SceneClass.BUS, SceneClass.MOTORCYCLE)
PEOPLE = (SceneClass.PERSON, SceneClass.RIDER)
Tally = dict[str, list[tuple[int, bool]]]  # by name: (street, whether it was refused)


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--show", action="store_true", help="name each false alarm and each miss")
    options = parser.parse_args()
    one_thread()
    figures = fitted()
    judged = list(drives(FIRST_JUDGED, QUICK if options.quick else JUDGED))
    figures |= false_alarms(judged, options.show)
    figures |= catches(judged, options.show)
    figures |= fewer_layers(judged)
    figures |= cost(judged[0])
    return report("integrity_street", figures, options.quick, ("numpy", "opencv-python-headless"))


def fitted() -> dict[str, Figure]:
    """The limits that the fitted streets give; the module's constants must be these."""
    pairs = []
    for drive in drives(FIRST_FITTED, FITTED):
        for frame in drive.now:
            pairs.append((frame, drive.before))
            pairs.append((bare(frame), None))
        pairs.append((coarse(drive.now[0]), coarse(drive.before)))
    found, told = fitted_limits(pairs), IntegrityLimits()
    return {
        "limit met, fitted": _equal(found.met, told.met),
        "limit lead, fitted": _equal(found.lead, told.lead),
    }


def _equal(value: float, default: float) -> Figure:
    """A figure that is missed on either side of its bar."""
    sense: Sense = "at most" if value >= default else "at least"
    return Figure(value=value, bar=default, sense=sense, note="bar = default")


def false_alarms(judged: Iterable[Drive], show: bool) -> dict[str, Figure]:
    """Good frames refused, by weather and by time of day; and images of which nothing is said."""
    tally: Tally = defaultdict(list)
    untold: Counter[str] = Counter()
    for street, moment in moments(list(judged)):
        verdict = verdict_of(moment.good)
        alone = verdict_of((moment.now, None))
        wrong = bool(verdict.findings or alone.findings)
        untold.update(verdict.untold)
        conditions = moment.now.conditions
        for name in ("all", conditions.weather.value, conditions.time_of_day.value):
            tally[f"good frames refused, {name}"].append((street, wrong))
        if wrong and show:
            print("false alarm:", moment.now.provenance.source.native_id, conditions.cell)
            print("   ", verdict.sentence or alone.sentence)
    found = {name: alarm_figure(outcomes) for name, outcomes in tally.items()}
    n = len(tally["good frames refused, all"])
    found["good images of which nothing is said"] = Figure(value=untold["image"] / n)
    return found


def catches(judged: list[Drive], show: bool) -> dict[str, Figure]:
    """Planted faults refused, and the weather and the time of day where fewest were."""
    tally: Tally = defaultdict(list)
    parts: dict[str, Tally] = defaultdict(lambda: defaultdict(list))
    for street, moment in moments(judged):
        conditions = moment.now.conditions
        for name, case in cases(moment):
            verdict = verdict_of(case)
            outcome = (street, bool(verdict.findings))
            tally[name].append(outcome)
            for part in (conditions.weather.value, conditions.time_of_day.value):
                parts[name][part].append(outcome)
            if not verdict.findings and show:
                print("missed:", name, moment.now.provenance.source.native_id, conditions.cell)
    return {
        f"{name}: caught": catch_figure(outcomes, parts[name]) for name, outcomes in tally.items()
    }


def fewer_layers(judged: list[Drive]) -> dict[str, Figure]:
    """For information: sources without depth, and without all classes but vehicles and people."""
    figures = {}
    for what, less in (("stencil alone", bare), ("vehicles and people alone", coarse_bare)):
        tally: Tally = defaultdict(list)
        for street, m in moments(judged):
            now, before, other = less(m.now), less(m.drive.before), less(m.stranger.before)
            for name, frame in (
                ("good frames refused", now),
                ("stencil shifted by 8 px, caught", plant(now, Fault.SHIFTED, now, m.weather)),
                ("mirrored stencil, caught", mirrored(now)),
                ("stencil of another street, caught", swapped(now, other)),
            ):
                tally[name].append((street, bool(verdict_of((frame, before)).findings)))
        for name, outcomes in tally.items():
            figures[f"{what}: {name}"] = replace(alarm_figure(outcomes), bar=None)
    return figures


def cost(drive: Drive) -> dict[str, Figure]:
    """CPU milliseconds a frame, the frame before it already looked at."""
    before = Look(drive.before.resized(*TIMED_SIZE))
    frames = [frame.resized(*TIMED_SIZE) for frame in drive.now]
    judge(before)
    judge(Look(frames[0]), before)
    times = []
    for i in range(TIMED):
        start = time.process_time()
        judge(Look(frames[i % len(frames)]), before)
        times.append(1e3 * (time.process_time() - start))
    value = float(np.median(times))
    return {"cost of a frame of 640x360": Figure(value=value, unit="ms", note="CPU, median")}


def moments(judged: list[Drive]) -> Iterator[tuple[int, Moment]]:
    for street, drive in enumerate(judged):
        for weather in range(len(drive.now)):
            other = judged[(street + 1 + weather) % len(judged)]
            stranger = other if other is not drive else judged[street - 1]
            yield street, Moment(drive, stranger, weather)


def verdict_of(case: Case) -> Verdict:
    frame, before = case
    return judge(Look(frame), Look(before) if before is not None else None)


def bare(frame: Frame) -> Frame:
    """With a stencil and no other layer."""
    return replace(frame, depth=None, instances=None, objects=(), camera=None)


def coarse(frame: Frame) -> Frame:
    """With a stencil that tells vehicles and people from the rest, as game engines' do."""
    table = np.full(256, SceneClass.OTHER, dtype=np.uint8)
    table[list(VEHICLES)], table[list(PEOPLE)] = SceneClass.VEHICLE, SceneClass.HUMAN
    space = frozenset({SceneClass.OTHER, SceneClass.VEHICLE, SceneClass.HUMAN})
    return replace(frame, stencil=table[frame.stencil], label_space=space)


def coarse_bare(frame: Frame) -> Frame:
    return coarse(bare(frame))


def alarm_figure(outcomes: list[tuple[int, bool]]) -> Figure:
    rate, interval, note = share(outcomes, refused_is_event=True)
    return Figure(value=rate, interval=interval, bar=MOST_ALARMS, sense="at most", note=note)


def catch_figure(outcomes: list[tuple[int, bool]], parts: Tally) -> Figure:
    rate, interval, note = share(outcomes, refused_is_event=False)
    part, least = min(
        ((name, share(part, refused_is_event=False)[0]) for name, part in parts.items()),
        key=lambda each: each[1],
    )
    worst = f"; least in {part}: {least:.3f}" if least < rate else ""
    return Figure(value=rate, interval=interval, bar=LEAST_CAUGHT, note=note + worst)


def share(
    outcomes: list[tuple[int, bool]], *, refused_is_event: bool
) -> tuple[float, tuple[float, float], str]:
    """Share of frames refused, with an interval that takes all frames of a street for one.

    A street counts as an alarm where any of its good frames is refused, and as a miss where any of
    its faults is not: wider than the truth, and honest about twins.
    """
    rate = float(np.mean([refused for _, refused in outcomes]))
    streets: dict[int, list[bool]] = defaultdict(list)
    for street, refused in outcomes:
        streets[street].append(refused)
    merge: Callable[[Iterable[bool]], bool] = any if refused_is_event else all
    hits = sum(merge(each) for each in streets.values())
    bounds = stats.binomtest(hits, len(streets)).proportion_ci(method="exact")
    interval = (min(float(bounds.low), rate), max(float(bounds.high), rate))
    return rate, interval, f"{len(outcomes)} frames of {len(streets)} streets"


if __name__ == "__main__":
    sys.exit(main())
