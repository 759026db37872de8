"""Stages `arm-base`, `arm-treated`, `downstream`: two trainings of equal length, judged alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from parhelion.pipeline.downstream import (
    DownstreamConfig,
    DownstreamResult,
    arm_result,
    arm_shares,
    downstream_result,
    run_arm,
    shares_of,
)
from parhelion.pipeline.downstream_scores import evaluate
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_folder, as_json
from parhelion.pipeline.packages import BYTE_PACKAGES
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
    there = [name for name in files if len(_frames(files[name], run_folder, "train"))]
    shares = shares_of(arm_shares(config, generated=generated), there)
    return {
        "settings": config.network.model_dump(mode="json"),
        "seed": seed_of(seed, "downstream"),
        "sets": {name: {"share": share, "files": files[name]} for name, share in shares.items()},
    }


def lacking(arm: Spec, judge: Sequence[Receipt], run_folder: Path) -> str:
    """Why the arm without generated frames cannot be trained or judged; else empty."""
    if not arm["sets"]:
        return "No downstream model was trained: no training frame has a stencil."
    files = [run_folder / file for each in arm["sets"].values() for file, _ in each["files"]]
    classes = stored_classes(files)
    if len(classes) < 2:
        return (
            "No downstream model was trained: it tells two classes or more apart, and the label "
            f"spaces of the training frames share {len(classes)}."
        )
    if not len(_frames(_files(judge), run_folder, "test")):
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
    settings = SegmenterSettings(**spec["settings"])
    segmenter = run_arm(sets, settings, spec["seed"], chunk.workdir)
    return ChunkResult(write=as_folder(segmenter.save))


def judge_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of the chunk: both arms' scores and their differences."""
    judge = _frames(spec["judge"], chunk.folder, "test")
    judged = []
    for name in ("base", "treated"):
        arm = spec["arms"][name]
        segmenter = Segmenter.load(chunk.folder / arm["model"])
        cells = evaluate(segmenter, judge)
        shares = {part: each["share"] for part, each in arm["spec"]["sets"].items()}
        judged.append((arm_result(name, segmenter, cells, shares, arm["spec"]["seed"]), cells))
    result = downstream_result(judged[0], judged[1])
    return ChunkResult(write=as_json(result))


def read_result(receipt: Receipt, run_folder: Path) -> DownstreamResult:
    """The result behind a receipt of the stage `downstream`."""
    return DownstreamResult.model_validate_json(receipt.path(run_folder).read_bytes())


def _files(receipts: Sequence[Receipt]) -> list[list[str]]:
    return [[receipt.file, receipt.sha256] for receipt in receipts]


def _frames(files: Files, run_folder: Path, split: str) -> StoredFrames:
    return StoredFrames(
        [run_folder / file for file, _ in files],
        lambda key: key.split == split and labelled(key),
    )
