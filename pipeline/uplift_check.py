"""Stages `arm-base`, `arm-treated`, `downstream`: two trainings of equal length, judged alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from parhelion.pipeline.classification import STORY as LABEL_STORY
from parhelion.pipeline.classification import Reader, ReaderSettings, of_images, vocabularies
from parhelion.pipeline.classification import labelled as has_image_label
from parhelion.pipeline.downstream import (
    DownstreamConfig,
    DownstreamResult,
    arm_result,
    arm_shares,
    downstream_result,
    run_arm,
    shares_of,
)
from parhelion.pipeline.downstream_labels import (
    as_label_result,
    label_counts,
    lacking_of_images,
    run_label_arm,
)
from parhelion.pipeline.downstream_scores import CellCounts, evaluate
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_folder, as_json
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.progress import told_in
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.segmentation import (
    Segmenter,
    SegmenterSettings,
    labelled,
    stored_classes,
)
from parhelion.pipeline.shards import StoredFrames

ARM_WORK = "parhelion.pipeline.uplift_check:arm_chunk"
JUDGE_WORK = "parhelion.pipeline.uplift_check:judge_chunk"
ARM_FILE = "chunks/{stage}/{key}"
RESULT_FILE = "chunks/{stage}/{key}.json"
MODULES = ("parhelion.pipeline.uplift_check",)

Files = Sequence[Sequence[str]]  # (file of the run, sha256)


def arm_stage(name: str) -> Stage:
    """The stage that trains the arm of that name."""
    return Stage(name=f"arm-{name}", modules=MODULES, packages=BYTE_PACKAGES)


def judge_stage() -> Stage:
    """The stage that judges both arms on unseen frames."""
    return Stage(name="downstream", modules=MODULES, packages=BYTE_PACKAGES)


def arm_spec(
    config: DownstreamConfig,
    sets: Mapping[str, Sequence[Receipt]],
    seed: int,
    run_folder: Path,
    *,
    generated: bool,
) -> Spec:
    """What an arm is trained on: its sets ("source", "target", "generated") with their shares.

    A set without labelled training frames is left out; the others share its part of the batch.
    """
    files = {name: _files(receipts) for name, receipts in sets.items()}
    frames = {name: _frames(files[name], run_folder, "train") for name in files}
    whole = of_images(key for found in frames.values() for key in found.keys)
    told = has_image_label if whole else labelled
    there = [name for name, found in frames.items() if any(map(told, found.keys))]
    shares = shares_of(arm_shares(config, generated=generated), there)
    return {
        "settings": config.network.model_dump(mode="json"),
        "label_settings": config.label_network.model_dump(mode="json"),
        "seed": seed_of(seed, "downstream"),
        "sets": {name: {"share": share, "files": files[name]} for name, share in shares.items()},
    }


def lacking(arm: Spec, judge: Sequence[Receipt], run_folder: Path) -> str:
    """Why the arm without generated frames cannot be trained or judged; else empty."""
    if not arm["sets"]:
        return "No downstream model was trained: no training frame has a stencil or a label."
    sets = [_frames(each["files"], run_folder, "train") for each in arm["sets"].values()]
    keys = [key for frames in sets for key in frames.keys]
    if of_images(keys):
        judges = _frames(_files(judge), run_folder, "test")
        return lacking_of_images(vocabularies(keys), vocabularies(judges.keys))
    files = [run_folder / file for each in arm["sets"].values() for file, _ in each["files"]]
    classes = stored_classes(files)
    if len(classes) < 2:
        return (
            "No downstream model was trained: it tells two classes or more apart, and the label "
            f"spaces of the training frames share {len(classes)}."
        )
    if not len(_frames(_files(judge), run_folder, "test").where(labelled)):
        return "No downstream model was trained: no unseen frame has a stencil to judge it by."
    return ""


def judge_spec(
    arms: Mapping[str, tuple[Spec, Receipt]],
    judge: Sequence[Receipt],
) -> Spec:
    """Both arms by name, each with its spec, and the frames that judge them."""
    return {
        "arms": {
            name: {"spec": spec, "model": receipt.file, "sha256": receipt.sha256}
            for name, (spec, receipt) in arms.items()
        },
        "judge": _files(judge),
    }


def arm_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: one trained arm."""
    sets = {
        name: (_frames(each["files"], chunk.folder, "train"), each["share"])
        for name, each in spec["sets"].items()
    }
    if of_images(key for frames, _ in sets.values() for key in frames.keys):
        by_label = ReaderSettings(**spec["label_settings"])
        return ChunkResult(write=as_folder(run_label_arm(sets, by_label, spec["seed"]).save))
    settings = SegmenterSettings(**spec["settings"])
    told = {name: (frames.where(labelled), share) for name, (frames, share) in sets.items()}
    progress = told_in(chunk.workdir)
    segmenter = run_arm(told, settings, spec["seed"], chunk.workdir, progress)
    return ChunkResult(write=as_folder(segmenter.save))


def judge_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of the chunk: both arms' scores and their differences."""
    judge = _frames(spec["judge"], chunk.folder, "test")
    judged = []
    whole = (chunk.folder / spec["arms"]["base"]["model"] / LABEL_STORY).is_file()
    for name in ("base", "treated"):
        arm = spec["arms"][name]
        model, cells = _judged(chunk.folder / arm["model"], judge, whole=whole)
        shares = {part: each["share"] for part, each in arm["spec"]["sets"].items()}
        judged.append((arm_result(name, model, cells, shares, arm["spec"]["seed"]), cells))
    result = downstream_result(judged[0], judged[1])
    return ChunkResult(write=as_json(as_label_result(result) if whole else result))


def _judged(
    folder: Path, judge: StoredFrames, *, whole: bool
) -> tuple[Segmenter | Reader, dict[str, CellCounts]]:
    """The model of an arm, and what it reads right and wrong."""
    if whole:
        reader = Reader.load(folder)
        return reader, label_counts(reader, judge)
    segmenter = Segmenter.load(folder)
    return segmenter, evaluate(segmenter, judge.where(labelled))


def read_result(receipt: Receipt, run_folder: Path) -> DownstreamResult:
    """The result behind a receipt of the stage `downstream`."""
    return DownstreamResult.model_validate_json(receipt.path(run_folder).read_bytes())


def _files(receipts: Sequence[Receipt]) -> list[list[str]]:
    return [[receipt.file, receipt.sha256] for receipt in receipts]


def _frames(files: Files, run_folder: Path, split: str) -> StoredFrames:
    return StoredFrames(
        [run_folder / file for file, _ in files],
        lambda key: key.split == split and (labelled(key) or has_image_label(key)),
    )
