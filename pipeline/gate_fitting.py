"""Stages `fit-gate` and `calibrate`: the gate's oracles, its thresholds, its trial on faults.

Frames that have labels of whole images and no stencil get a gate of their own kind.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from parhelion.pipeline.classification import labelled as has_image_label
from parhelion.pipeline.classification import of_images, vocabularies
from parhelion.pipeline.contracts import FrameKey, FrameSet
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_folder
from parhelion.pipeline.folded_gate import GateConfig, fold_folder
from parhelion.pipeline.gate import Gate, assemble, fit_fold
from parhelion.pipeline.gate_measure import gate_rates
from parhelion.pipeline.label_gate import assemble_labels, fit_label_fold
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.progress import told_in
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.segmentation import labelled
from parhelion.pipeline.shards import StoredFrames

FOLD_WORK = "parhelion.pipeline.gate_fitting:fold_chunk"
CALIBRATE_WORK = "parhelion.pipeline.gate_fitting:calibrate_chunk"
FILE = "chunks/{stage}/{key}"
MODULES = ("parhelion.pipeline.gate_fitting",)


def fold_stage(inputs: Sequence[str]) -> Stage:
    """The stage that trains one oracle per fold."""
    return Stage(name="fit-gate", inputs=tuple(inputs), modules=MODULES, packages=BYTE_PACKAGES)


def calibrate_stage(inputs: Sequence[str], folds: Sequence[Receipt]) -> Stage:
    """The stage that reads true frames with the oracles and sets the thresholds."""
    read = (*inputs, *(receipt.sha256 for receipt in folds))
    return Stage(name="calibrate", inputs=read, modules=MODULES, packages=BYTE_PACKAGES)


def lacking(keys: Sequence[FrameKey], classes: Sequence[SceneClass]) -> str:
    """Why no oracle can be cross-fitted on these frames, source and reference; else empty.

    `classes` are those that all their label spaces tell.
    """
    if of_images(keys):
        return _lacking_of_images(keys)
    usable = [key for key in keys if _usable(key)]
    groups = {key.group_id for key in usable}
    if len(groups) >= 2 and len(classes) >= 2:
        return ""
    if len(groups) >= 2:
        return (
            "No gate was fitted: its oracles tell two classes or more apart, and the label spaces "
            f"of the frames share {len(classes)}."
        )
    return (
        "No gate was fitted: its oracles are trained on one group and judge another, and "
        f"{len(usable):,} of {len(keys):,} frames have a stencil, in {_groups(len(groups))}."
    )


def _lacking_of_images(keys: Sequence[FrameKey]) -> str:
    usable = [key for key in keys if key.split != "test" and has_image_label(key)]
    words, groups = vocabularies(usable), {key.group_id for key in usable}
    if len(words) != 1 or len(words[0]) < 2:
        return (
            "No gate was fitted: its oracles tell the classes of one vocabulary apart, and the "
            f"labels of the frames are of {len(words)}, the first of "
            f"{len(words[0]) if words else 0} classes."
        )
    if len(groups) >= 2:
        return ""
    return (
        "No gate was fitted: its oracles are trained on one group and judge another, and "
        f"{len(usable):,} of {len(keys):,} frames have a label, in {_groups(len(groups))}."
    )


def _groups(count: int) -> str:
    return f"{count} group" if count == 1 else f"{count} groups"


def fold_specs(
    config: GateConfig, source: Sequence[str], reference: Sequence[str], seed: int
) -> list[Spec]:
    """One spec per fold."""
    shared = {
        "config": config.model_dump(mode="json"),
        "source": list(source),
        "reference": list(reference),
        "seed": seed_of(seed, "gate"),
    }
    return [{**shared, "fold": fold} for fold in range(config.folds)]


def calibrate_spec(fold_spec: Spec, folds: Sequence[Receipt]) -> Spec:
    """The spec of the one chunk that assembles the gate."""
    shared = {name: value for name, value in fold_spec.items() if name != "fold"}
    return {**shared, "oracles": [receipt.file for receipt in folds]}


def _frames(files: Sequence[str], run_folder: Path) -> StoredFrames:
    return StoredFrames([run_folder / file for file in files], where=_fittable)


def _fittable(key: FrameKey) -> bool:
    return key.split != "test" and (labelled(key) or has_image_label(key))


def _usable(key: FrameKey) -> bool:
    return key.split != "test" and labelled(key)


def _inputs(spec: Spec, chunk: Chunk) -> tuple[StoredFrames, StoredFrames, GateConfig, bool]:
    """Source and reference frames, settings, and whether labels of whole images tell them."""
    source, reference = (_frames(spec[name], chunk.folder) for name in ("source", "reference"))
    whole = of_images([*source.keys, *reference.keys])
    if not whole:
        source, reference = source.where(labelled), reference.where(labelled)
    return source, reference, GateConfig(**spec["config"]), whole


def fold_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: the oracle that never sees one fold of the groups."""
    source, reference, config, whole = _inputs(spec, chunk)
    fold, place, seed = spec["fold"], chunk.workdir, spec["seed"]
    if whole:
        reader = fit_label_fold(fold, source, reference, config, place, seed)
        return ChunkResult(write=as_folder(reader.save))
    oracle = fit_fold(fold, source, reference, config, place, seed, told_in(place))
    return ChunkResult(write=as_folder(oracle.save))


def calibrate_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of the chunk: the whole gate."""
    source, reference, config, whole = _inputs(spec, chunk)
    for fold, file in enumerate(spec["oracles"]):
        place = fold_folder(chunk.workdir, fold)
        shutil.copytree(chunk.folder / file, place, dirs_exist_ok=True)
    if whole:
        by_label = assemble_labels(source, reference, config, chunk.workdir, spec["seed"])
        return ChunkResult(write=as_folder(by_label.save))
    gate = assemble(source, reference, config, chunk.workdir, spec["seed"])
    return ChunkResult(write=as_folder(tried(gate, reference, spec["seed"]).save))


def tried(gate: Gate, reference: FrameSet, seed: int) -> Gate:
    """The gate with what it does to faults planted in true frames.

    No oracle judges a group that it saw. The thresholds were set on these very frames: the catch is
    honest, but for false rejects the thresholds' levels stand, not the count in the trial.
    """
    frames = (reference[i] for i in range(len(reference)))
    trial = gate_rates(gate, list(frames), seed)
    return replace(gate, state=gate.state.model_copy(update={"trial": trial}))
