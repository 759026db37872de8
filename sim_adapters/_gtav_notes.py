"""The text file beside info<i>.tiff: sections by picture, labels and numbers below one another.

    ==============info0.tiff 's metadata=======================
    view matrix
    -0.97 -0.22 0.01 3699.4
    ...
    weathers: Clear Clouds Overcast Raining Christmas

How much of it a capture wrote depends on its version. What is understood: 16 numbers after a label
with "view" or "proj", words after one with "weather", a clock after one with "time"; all else is
passed over, as its meaning is not told.
"""

import re

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._gtav_snapshot import Matrix, Snapshot

SECTION = re.compile(r"(info\d{1,9})\.tiff", re.ASCII)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
LABEL = re.compile(r"[^\W\d][\w ]*", re.ASCII)
TIME = re.compile(r"\d{1,2}:\d{2}:\d{2}", re.ASCII)
WORDS = ("view", "proj", "weather", "time")


def sections_of(text: str) -> dict[str, str]:
    """The lines of each picture, by the picture's stem."""
    found: dict[str, list[str]] = {}
    stem = ""
    for line in text.splitlines():
        if head := SECTION.search(line):
            stem = head[1]
        elif stem:
            found.setdefault(stem, []).append(line)
    return {stem: "\n".join(lines) for stem, lines in found.items()}


def snapshot_of(section: str, name: str) -> Snapshot:
    """What a section says. Raises BadFrame where a matrix has not 16 numbers."""
    said: dict[str, list[str]] = {}
    word = ""
    for line in section.splitlines():
        label = LABEL.match(line.strip())
        known = next((w for w in WORDS if label and w in label[0].lower()), "")
        if known or (label and word != "weather"):
            word = known
            line = line.partition(":")[2]
        if word:
            said.setdefault(word, []).append(line)
    return Snapshot(
        view_matrix=_matrix(said.get("view"), f"{name}, view matrix"),
        proj_matrix=_matrix(said.get("proj"), f"{name}, projection matrix"),
        weathers=tuple(re.findall(r"[A-Za-z]+", " ".join(said.get("weather", ())))),
        timeofday=next(iter(TIME.findall(" ".join(said.get("time", ())))), None),
    )


def _matrix(lines: list[str] | None, name: str) -> Matrix | None:
    if lines is None:
        return None
    n = [float(number) for number in NUMBER.findall(" ".join(lines))]
    if len(n) != 16:
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted 16 numbers, got {len(n)}")
    rows = [(n[i], n[i + 1], n[i + 2], n[i + 3]) for i in (0, 4, 8, 12)]
    return rows[0], rows[1], rows[2], rows[3]
