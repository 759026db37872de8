"""What the names of GTAVisionExport's files say: which frame, which layer, when it was taken.

2018-03-30--04-05-57--208-depth.png     moment (UTC, ms), layer
123456.tiff                             clock of the game in ms; elsewhere the number of a scene
info7.tiff                              shot by key
color.raw  depth.raw  stencil.raw       dump of the buffers
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

DATED = r"(?:info-)?\d{4}-\d\d-\d\d--\d\d-\d\d-\d\d(?:--\d{3})?"
STEM = rf"{DATED}|\d{{1,15}}|info\d{{1,9}}"
MOMENT = re.compile(
    r"(?:info-)?(\d{4})-(\d\d)-(\d\d)--(\d\d)-(\d\d)-(\d\d)(?:--(\d{3}))?",
    re.ASCII | re.IGNORECASE,
)
LOOSE = re.compile(
    rf"({STEM})(?:-(depth|stencil))?\.(tiff?|jpe?g|png|json)", re.ASCII | re.IGNORECASE
)
MEMBER = re.compile(rf"(?:.*/)?({STEM})\.tiff?", re.ASCII | re.IGNORECASE)
RAW = {"color.raw": "colour", "depth.raw": "depth", "stencil.raw": "stencil"}
# Where a layer is there twice: what stands first. Depth in floating point lost nothing.
WORTH = {suffix: i for i, suffix in enumerate(("jpg", "jpeg", "tiff", "tif", "png", "json"))}

Layers = dict[str, str]  # image, depth, stencil, record -> path relative to the root


def run_of(archive: str) -> str:
    """The run that an archive is named after."""
    return archive.rpartition("/")[2][: -len(".zip")]


def group_of(folder: str) -> str:
    """The run that undated frames of a folder belong to: cameras have folders 0, 1, ... in it."""
    above, _, last = folder.rpartition("/")
    return f"run/{above if last.isdecimal() else folder}"


def is_shot_by_key(stem: str) -> bool:
    """Whether it is of the dialect info<i>, which no database knows."""
    return stem.lower().startswith("info") and stem[4:].isdecimal()


def loose_files(names: Sequence[str]) -> dict[str, dict[str, Layers]]:
    """By folder and stem: the files of each frame that is not in an archive."""
    found: dict[str, dict[str, Layers]] = defaultdict(dict)
    for name in names:
        folder, _, file = name.rpartition("/")
        match = LOOSE.fullmatch(file)
        if match is None:
            continue
        stem, layer, suffix = match.groups()
        layer = (layer or ("record" if suffix.lower() == "json" else "image")).lower()
        layers = found[folder].setdefault(stem, {})
        other = layers.get(layer)
        if other is None or WORTH[suffix.lower()] < WORTH[other.rpartition(".")[2].lower()]:
            layers[layer] = name
    return found


def raw_dumps(names: Sequence[str]) -> dict[str, Layers]:
    """By folder: the files of each dump of the buffers."""
    found: dict[str, Layers] = defaultdict(dict)
    for name in names:
        folder, _, file = name.rpartition("/")
        if layer := RAW.get(file.lower()):
            found[folder][layer] = name
    return found


def texts_by_folder(names: Sequence[str]) -> dict[str, str]:
    """The text file of each folder that has some: info.txt, else the first."""
    found: dict[str, str] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        if file.lower().endswith(".txt") and (file.lower() == "info.txt" or folder not in found):
            found[folder] = name
    return found


def sessions_of(stems: Iterable[str], gap_s: float) -> dict[str, str]:
    """Dated stem -> the first stem of its session: between sessions lie more than `gap_s`."""
    moments = ((moment_of(stem), stem) for stem in set(stems))
    found: dict[str, str] = {}
    first, last = "", 0.0
    for moment, stem in sorted((at, stem) for at, stem in moments if at is not None):
        if not first or moment - last > gap_s:
            first = stem
        found[stem], last = first, moment
    return found


def moment_of(stem: str) -> float | None:
    """Seconds since 1970; None where the stem is no date."""
    match = MOMENT.fullmatch(stem)
    if match is None:
        return None
    year, month, day, hour, minute, second, ms = (int(part or 0) for part in match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, ms * 1000, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()
