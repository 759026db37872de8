"""The verdict in plain words: did it help, where, how sure is that, what became of the frames."""

from collections.abc import Sequence

from parhelion.pipeline.report_data import Counts, Downstream, DownstreamRow, Tone, Verdict

SEEDS_FOR_A_CLAIM = 5


def verdict_of(counts: Counts, downstream: Downstream | None) -> Verdict:
    """The verdict over the whole-cell rows of `downstream`; rows of single classes do not vote."""
    rows = [row for row in downstream.rows if not row.scene_class] if downstream else []
    sentences = [_frames(counts)]
    if downstream is None or not rows:
        headline = "Whether a model gains from these frames was not measured."
        return Verdict(tone="unmeasured", headline=headline, sentences=tuple(sentences))
    gained, harmed, unclear = (_cells(rows, tone) for tone in ("gain", "harm", "unclear"))
    if unclear and (gained or harmed):
        sentences.insert(0, f"No change beyond chance in {listed(unclear)}.")
    untested = [spoken(row.cell) for row in rows if row.q is None]
    if untested:
        sentences.insert(0, f"Too few groups of unseen frames for a test in {listed(untested)}.")
    return Verdict(
        tone="gain" if gained and not harmed else "harm" if harmed else "unclear",
        headline=_headline(gained, harmed, len(rows)),
        sentences=tuple(sentences),
        caveat=_caveat(downstream.seeds),
    )


def listed(names: Sequence[str]) -> str:
    """`names` as a sentence lists them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def spoken(cell: str) -> str:
    """A cell as one says it: "fog/day" -> "fog by day", "clear/dusk" -> "clear weather at dusk"."""
    sky, _, time = cell.partition("/")
    weather = sky if sky in ("fog", "haze", "rain", "snow") else f"{sky} weather"
    when = {"day": " by day", "": "", "unknown": ""}.get(time, f" at {time}")
    return weather + when


def _cells(rows: Sequence[DownstreamRow], tone: Tone) -> list[str]:
    return [spoken(row.cell) for row in rows if row.tone == tone]


def _headline(gained: list[str], harmed: list[str], cells: int) -> str:
    if gained:
        everywhere = len(gained) == cells and cells > 1
        where = f"all {cells} conditions" if everywhere else listed(gained)
        worse = f", and worse in {listed(harmed)}" if harmed else ""
        return f"The downstream model got better in {where}{worse}."
    if harmed:
        return f"The downstream model got worse in {listed(harmed)}, and better nowhere."
    judged = f"any of the {cells} conditions" if cells > 1 else "the one condition"
    return f"No gain beyond chance in {judged} judged."


def _frames(counts: Counts) -> str:
    drawn = f"{counts.drawn:,} frames were drawn: {counts.accepted:,} accepted"
    if counts.uncalibrated:
        drawn += f" ({counts.uncalibrated:,} of them by an uncalibrated gate)"
    drawn += f" and {counts.rejected:,} rejected"
    if counts.refused:
        drawn += f"; {counts.refused:,} requests were refused because no generator can honour them"
    return drawn + "."


def _caveat(seeds: int) -> str:
    if seeds >= SEEDS_FOR_A_CLAIM:
        return ""
    return "Indicative, one seed" if seeds == 1 else f"Indicative, {seeds} seeds"
