"""Stages `budget-arm` and `budget`: the same training on more and more simulated frames."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from parhelion.pipeline.budget_curve import BudgetCurve, budget_curve
from parhelion.pipeline.contracts import FrameKey, PartConfig
from parhelion.pipeline.downstream import run_arm
from parhelion.pipeline.downstream_scores import evaluate
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_folder, as_json
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.progress import told_in
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.seeds import rng
from parhelion.pipeline.segmentation import Segmenter, SegmenterSettings, labelled
from parhelion.pipeline.shards import StoredFrames

ARM_WORK, ARM_FILE = "parhelion.pipeline.budget:arm_chunk", "chunks/{stage}/{key}"
CURVE_WORK, CURVE_FILE = "parhelion.pipeline.budget:curve_chunk", "chunks/{stage}/{key}.json"
MODULES = ("parhelion.pipeline.budget",)

Positive = Annotated[int, Field(ge=1)]


class BudgetConfig(PartConfig):
    """Which numbers of simulated frames are compared, and how."""

    frames: Annotated[tuple[Positive, ...], Field(min_length=2)] = (25, 50, 100, 200, 400)
    seeds: Annotated[int, Field(ge=2)] = 3  # trainings of each; they also choose the frames
    network: SegmenterSettings = SegmenterSettings(steps=350)  # equal steps for every budget

    @model_validator(mode="after")
    def _rising(self) -> "BudgetConfig":
        if list(self.frames) != sorted(set(self.frames)):
            raise ValueError(f"frames: wanted rising numbers, got {list(self.frames)}")
        return self


class TooFewFrames(ValueError):
    """The sources hold fewer labelled training frames than the largest budget wants."""


def arm_stage() -> Stage:
    """The stage that trains one model."""
    return Stage(name="budget-arm", modules=MODULES, packages=BYTE_PACKAGES)


def curve_stage() -> Stage:
    """The stage that judges all models."""
    return Stage(name="budget", modules=MODULES, packages=BYTE_PACKAGES)


def nested_order(keys: Sequence[FrameKey], seed: int) -> list[str]:
    """Frame ids so that any first n of them spread evenly over groups; a budget holds all less.

    Groups take turns in an order of their own; within a group frames come in random order.
    """
    random = rng("budget", seed)
    of_group: dict[str, list[str]] = defaultdict(list)
    for i in random.permutation(len(keys)):
        of_group[keys[i].group_id].append(keys[i].frame_id)
    groups = [of_group[g] for g in np.array(sorted(of_group))[random.permutation(len(of_group))]]
    rounds = range(max(map(len, groups), default=0))
    return [group[turn] for turn in rounds for group in groups if turn < len(group)]


def arm_specs(
    config: BudgetConfig, source: Sequence[Receipt], keys: Sequence[FrameKey], seed: int
) -> list[Spec]:
    """One training per budget and seed. Raises TooFewFrames."""
    there = [key for key in keys if key.split == "train" and labelled(key)]
    most = config.frames[-1]
    if len(there) < most:
        raise TooFewFrames(
            f"budget.frames wants {most} labelled training frames, the sources hold {len(there)}"
        )
    files = [[receipt.file, receipt.sha256] for receipt in source]
    orders = [nested_order(there, seed + turn) for turn in range(config.seeds)]
    return [
        {
            "settings": config.network.model_dump(mode="json"),
            "budget": n,
            "seed": seed + turn,
            "frames": sorted(order[:n]),
            "files": files,
        }
        for n in config.frames
        for turn, order in enumerate(orders)
    ]


def curve_spec(arms: Sequence[Spec], models: Sequence[Receipt], judge: Sequence[Receipt]) -> Spec:
    """All models with their budgets, and the frames that judge them."""
    return {
        "arms": [
            {"spec": spec, "model": receipt.file, "sha256": receipt.sha256}
            for spec, receipt in zip(arms, models, strict=True)
        ],
        "judge": [[receipt.file, receipt.sha256] for receipt in judge],
    }


def arm_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: one model, trained on its frames alone."""
    frames = _chosen(spec, chunk.folder)
    settings = SegmenterSettings(**spec["settings"])
    sets, place = {"source": (frames, 1.0)}, chunk.workdir
    segmenter = run_arm(sets, settings, spec["seed"], place, told_in(place))
    return ChunkResult(write=as_folder(segmenter.save))


def curve_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of the chunk: every model's counts on the judge frames, and the curve through them."""
    judge = StoredFrames(
        [chunk.folder / file for file, _ in spec["judge"]],
        lambda key: key.split == "test" and labelled(key),
    )
    judged: dict[int, list[Any]] = defaultdict(list)
    groups: dict[int, int] = {}
    for arm in spec["arms"]:
        budget = arm["spec"]["budget"]
        segmenter = Segmenter.load(chunk.folder / arm["model"])
        judged[budget].append(evaluate(segmenter, judge))
        groups[budget] = len({key.group_id for key in _chosen(arm["spec"], chunk.folder).keys})
    steps = spec["arms"][0]["spec"]["settings"]["steps"]
    return ChunkResult(write=as_json(budget_curve(judged, groups, steps)))


def read_curve(receipt: Receipt, run_folder: Path) -> BudgetCurve:
    """The curve behind a receipt of the stage `budget`."""
    return BudgetCurve.model_validate_json(receipt.path(run_folder).read_bytes())


def _chosen(spec: Spec, run_folder: Path) -> StoredFrames:
    chosen = frozenset(spec["frames"])
    files = [run_folder / file for file, _ in spec["files"]]
    return StoredFrames(files, lambda key: key.frame_id in chosen)
