"""What generators are compared on: frames to learn from, and frames of other groups that judge."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.contracts import FrameRef, SimAdapter, TrainingData
from parhelion.pipeline.dataset import open_dataset
from parhelion.pipeline.files import discard, replacing, sha256_of, write_json
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.manifest import MANIFEST
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.seeds import digest, seed_of
from parhelion.pipeline.shards import StoredFrames, write_frames
from parhelion.pipeline.splits import splits_by_group

JUDGING = 0.2  # share of groups, by hash, that judge where the frames have no split test
SPLITS = ("train", "test")
FRAMES, STORY = "frames.parquet", "read.json"


@dataclass(frozen=True)
class ComparedData:
    """Frames of one dataset. Generated ones among them are left out on both sides."""

    name: str
    digest: str  # of all bytes, and of how they were divided
    source: StoredFrames  # what is learnt from; parents, where a generator wants one
    target: StoredFrames | None  # the wanted domain, where parents are of another
    test: StoredFrames  # frames like the wanted ones, of groups that nobody learns from
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> StoredFrames:
        """The training frames whose like is to be drawn."""
        return self.source if self.target is None else self.target

    def training_frame(self, place: int) -> Frame:
        """The training frame of that number, those of the source first."""
        if self.target is None or place < len(self.source):
            return self.source[place]
        return self.target[place - len(self.source)]

    def training(self) -> TrainingData:
        """What `fit` is given."""
        return TrainingData(
            source=self.source,
            target=self.target,
            test_groups=frozenset(key.group_id for key in self.test.keys),
        )


def divided(frames: StoredFrames, name: str, content: str, parents: str, seed: int) -> ComparedData:
    """Frames by their splits: train to learn from, test to judge.

    `parents`: a cell of conditions, such as "clear/day": its training frames are the parents and
    the source, those of other cells the target; "" = no such division. `content`: a digest of the
    frames' bytes. Raises ValueError where a side is empty, GroupInTwoSplits.
    """
    frames = frames.where(lambda key: key.kind != Kind.GENERATED.value)
    splits_by_group((key.group_id, key.split) for key in frames.keys)
    notes: tuple[str, ...] = ()
    split = {key.frame_id: key.split for key in frames.keys}
    if "test" not in split.values():
        groups = sorted({key.group_id for key in frames.keys}, key=lambda g: seed_of(seed, g))
        judging = set(groups[: max(1, round(JUDGING * len(groups)))])
        split = {key.frame_id: SPLITS[key.group_id in judging] for key in frames.keys}
        notes = (f"{name} has no split test: {JUDGING:.0%} of its groups were kept to judge.",)
    train = frames.where(lambda key: split[key.frame_id] == "train")
    test = frames.where(lambda key: split[key.frame_id] == "test")
    target = None
    if parents:
        cells = sorted({key.conditions.cell for key in train.keys})
        if parents not in cells or len(cells) == 1:
            raise ValueError(
                f"--parents wants one of several cells of the training frames of {name}, got "
                f"{parents}; there are: {', '.join(cells)}"
            )
        target = train.where(lambda key: key.conditions.cell != parents)
        train = train.where(lambda key: key.conditions.cell == parents)
        test = test.where(lambda key: key.conditions.cell != parents)
    for role, kept in (("to learn from", train), ("to judge with", test)):
        if not len(kept):
            raise ValueError(f"{name} has no frame {role}: give it more groups or other splits")
    return ComparedData(name, digest(content, parents, seed), train, target, test, notes)


def stored(dataset: Path, parents: str, seed: int) -> ComparedData:
    """A complete dataset of ours. Raises IncompleteDataset, ValueError."""
    content = sha256_of(dataset / MANIFEST) if (dataset / MANIFEST).is_file() else ""
    return divided(open_dataset(dataset), dataset.name, content, parents, seed)


def read_by_adapter(
    adapter: str,
    settings: Mapping[str, Any],
    folder: Path,
    *,
    most: int | None,
    parents: str,
    seed: int,
) -> ComparedData:
    """Reads frames by an adapter into `folder`, once; frames that cannot be read are counted.

    `most`: at most so many frames, whole groups chosen by hash. Raises KeyError for an unknown
    adapter, ValueError for wrong settings.
    """
    made: SimAdapter = parts.build("sim_adapters", adapter, **settings)
    refs = list(made.index())
    asked = digest(made.VERSION, adapter, dict(settings), [r.model_dump() for r in refs], most)
    story = _story(folder / STORY)
    if story.get("asked") != asked:
        chosen, bad = _chosen(refs, most, seed), [0]
        discard(folder / STORY)
        with replacing(folder / FRAMES) as draft:
            rows = write_frames(draft, _readable(made, chosen, bad))
        story = {"asked": asked, "rows": rows, "bad": bad[0]}
        write_json(folder / STORY, story)
    name = adapter if "path" not in settings else f"{adapter} {Path(settings['path']).name}"
    data = divided(StoredFrames([folder / FRAMES]), name, asked, parents, seed)
    notes = (f"{story['bad']} frames could not be read.",) if story["bad"] else ()
    return ComparedData(
        data.name, data.digest, data.source, data.target, data.test, (*data.notes, *notes)
    )


def _chosen(refs: list[FrameRef], most: int | None, seed: int) -> list[FrameRef]:
    """Whole groups in hash order while they fit, at least one group; frames in index order."""
    if most is None or len(refs) <= most:
        return refs
    sizes: dict[str, int] = {}
    for ref in refs:
        sizes[ref.group_id] = sizes.get(ref.group_id, 0) + 1
    kept: set[str] = set()
    room = most
    for group in sorted(sizes, key=lambda g: seed_of("compare", seed, g)):
        if sizes[group] > room and kept:
            break
        kept.add(group)
        room -= sizes[group]
    return [ref for ref in refs if ref.group_id in kept]


def _readable(
    adapter: SimAdapter, refs: list[FrameRef], bad: list[int]
) -> Iterator[tuple[Frame, str]]:
    """(frame, split) of all that can be read; `bad[0]` counts the others."""
    for ref in refs:
        try:
            frame = adapter.read(ref)
        except BadFrame:
            bad[0] += 1
            continue
        yield frame, "train"  # `divided` keeps some groups to judge


def _story(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found
