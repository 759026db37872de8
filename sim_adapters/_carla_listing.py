"""The frames of a CARLA recording: whatever has a picture in any folder or a manifest's record.

Nothing that is out of step goes missing here: a layer without its picture, a picture without its
layer or its record are entries, and reading them says what is not there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._carla_manifest import MANIFEST, FrameHead, Layer, Recording
from parhelion.sim_adapters._listing import files_under
from parhelion.sim_adapters._recordings import Entry

PICTURES = (".png", ".jpg", ".jpeg")
LONGEST_NUMBER = 18  # digits

Listed = Mapping[Layer, Mapping[str, str]]  # {stem: path} of each layer


def entries_of(root: Path, recording: Recording) -> Iterator[Entry]:
    """All of them, bad ones included."""
    listed: Listed = {k: files_under(root, v, *PICTURES) for k, v in recording.folders.items()}
    heads = recording.manifest.frames if recording.manifest else ()
    records = {head.frame: head for head in heads}
    counts = Counter(head.frame for head in heads)
    stems = dict.fromkeys(stem for found in listed.values() for stem in found)
    seen = {number_of(stem) for stem in stems}
    for stem in (*stems, *(f"{n:06d}" for n in records if n not in seen)):
        number = number_of(stem)
        head = records.get(number) if number is not None else None
        problem = _problem(recording, stem, counts[head.frame] if head else 0) if heads else None
        yield _entry(recording, listed, stem, head, problem)


def number_of(stem: str) -> int | None:
    """The number of the simulator's frame in a file's name."""
    return int(stem) if stem.isdecimal() and len(stem) <= LONGEST_NUMBER else None


def name_of(recording: Recording, file: str) -> str:
    """A path inside the recording, from the root."""
    return f"{recording.name}/{file}" if recording.name else file


def _entry(
    recording: Recording,
    listed: Listed,
    stem: str,
    head: FrameHead | None,
    problem: BadFrame | None,
) -> Entry:
    # Named whether they are there or not: a layer that one frame lacks is a bad frame.
    files: dict[str, str] = {
        layer: listed[layer].get(stem, f"{folder}/{stem}.png")
        for layer, folder in recording.folders.items()
    }
    if recording.manifest is not None:
        files["manifest"] = name_of(recording, MANIFEST)
    return Entry(
        native_id=name_of(recording, stem),
        group=recording.group,
        files=files,
        twin=f"{recording.group}/{head.twin}" if head and head.twin else "",
        problem=problem,
    )


def _problem(recording: Recording, stem: str, records: int) -> BadFrame | None:
    if records == 1:
        return None
    reason = Reason.DUPLICATE_ID if records else Reason.BAD_METADATA
    wanted = f"{name_of(recording, MANIFEST)}: wanted one record of frame {stem}"
    return BadFrame(reason, f"{wanted}, got {records or 'none'}")
