"""The dataset on disk: shards, quarantine, settings, card, and a manifest that is written last."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from parhelion.pipeline.compaction import (
    SplitPlan,
    plan_splits,
    shard_chunks,
    split_of_key,
    write_stage,
)
from parhelion.pipeline.contracts import FrameKey, Progress, silent
from parhelion.pipeline.croissant import croissant
from parhelion.pipeline.dataset_card import About, card
from parhelion.pipeline.engine import Executor, run_chunks
from parhelion.pipeline.files import discard, replacing, write_json, write_text
from parhelion.pipeline.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    ShardEntry,
    SplitEntry,
    read_manifest,
)
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.quarantine_table import write_quarantine
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.schema import SCHEMA_VERSION
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.shards import StoredFrames

DATA = "data"
QUARANTINE, RUN, CARD, CROISSANT = "quarantine.parquet", "run.json", "README.md", "croissant.json"


def write_dataset(
    run_folder: Path,
    accepted: Sequence[Receipt],
    executor: Executor,
    progress: Progress = silent,
    *,
    about: About,
    quarantined: Sequence[QuarantineRow] = (),
    rows_per_shard: int = 1000,
    into: str = "dataset",
) -> Manifest:
    """Packs the rows behind `accepted` into `run_folder / into`; what is done is not done again.

    A group never crosses a split: raises GroupInTwoSplits. Raises ValueError where there is no row.
    """
    folder = run_folder / into
    plans = plan_splits(run_folder, accepted)
    if not plans:
        raise ValueError("a dataset has at least one frame, got none; see the quarantine for why")
    stage = write_stage(accepted, rows_per_shard)
    chunks = shard_chunks(stage, plans, run_folder, f"{into}/{DATA}", rows_per_shard)
    made_of = digest([chunk.digest for chunk in chunks], about, about.versions, list(quarantined))
    before = read_manifest(folder)
    if before is not None and before.made_of != made_of:
        discard(folder / MANIFEST)  # the old dataset ends here; the new one is not complete yet
    receipts = run_chunks(chunks, executor, progress)
    _remove_others(folder / DATA, chunks)

    splits = _split_entries(plans, receipts, into)
    with replacing(folder / QUARANTINE) as draft:
        write_quarantine(draft, run_folder, quarantined)
    write_json(folder / RUN, {"config": about.config, "versions": about.versions})
    write_text(folder / CARD, card(about, plans, quarantined))
    write_json(folder / CROISSANT, croissant(about, splits))
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=about.name,
        config_digest=about.config_digest,
        versions=about.versions,
        splits=splits,
        files=tuple(FileEntry.of(folder, file) for file in (QUARANTINE, RUN, CARD, CROISSANT)),
        made_of=made_of,
    )
    write_json(folder / MANIFEST, manifest)
    return manifest


def _split_entries(
    plans: Mapping[str, SplitPlan], receipts: Sequence[Receipt], into: str
) -> dict[str, SplitEntry]:
    shards: dict[str, list[ShardEntry]] = {split: [] for split in plans}
    for receipt in receipts:
        entry = ShardEntry(
            file=receipt.file.removeprefix(f"{into}/"),
            sha256=receipt.sha256,
            bytes=receipt.bytes,
            rows=receipt.rows,
        )
        shards[split_of_key(receipt.key)].append(entry)
    return {
        split: SplitEntry(rows=plan.rows, groups=len(plan.groups), shards=tuple(shards[split]))
        for split, plan in plans.items()
    }


def _remove_others(data: Path, chunks: Sequence[Chunk]) -> None:
    """Shards of an earlier plan, which had other names."""
    kept = {chunk.path for chunk in chunks}
    for path in sorted(data.glob("*")):
        if path not in kept:
            discard(path)


class IncompleteDataset(ValueError):
    """A folder without a manifest: its run has not ended, or it is no dataset."""


def open_dataset(dataset: Path, where: Callable[[FrameKey], bool] | None = None) -> StoredFrames:
    """The frames of a complete dataset, split by split. Raises IncompleteDataset.

    `where` chooses by key, for example `lambda key: key.split == "train"`.
    """
    manifest = read_manifest(dataset)
    if manifest is None:
        raise IncompleteDataset(
            f"{dataset} has no {MANIFEST}: run it to its end, or open the folder of a dataset"
        )
    return StoredFrames([dataset / shard.file for shard in manifest.shards], where)
