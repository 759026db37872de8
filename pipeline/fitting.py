"""Stage `fit`: generators learn from training groups; their fitted state is one folder each."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parhelion.pipeline import parts
from parhelion.pipeline.contracts import (
    FitReport,
    Generator,
    RestsOnFiles,
    TrainingData,
    silent,
)
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_folder
from parhelion.pipeline.files import write_json
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.processes import launch, writes
from parhelion.pipeline.progress import told_in
from parhelion.pipeline.receipts import Chunk
from parhelion.pipeline.run_config import DrawConfig
from parhelion.pipeline.seeds import seed_of
from parhelion.pipeline.shards import StoredFrames

WORK = "parhelion.pipeline.fitting:fit_chunk"
FILE = "chunks/{stage}/{key}"
REPORT = "fit_report.json"


def fit_stage(draw: DrawConfig, inputs: Sequence[str]) -> Stage:
    """The stage that fits one generator on datasets with these digests."""
    return Stage(
        name=f"fit-{draw.generator}",
        inputs=tuple(inputs),
        versions=((draw.generator, parts.part("generators", draw.generator).VERSION),),
        modules=("parhelion.pipeline.fitting", f"parhelion.generators.{draw.generator}"),
        packages=BYTE_PACKAGES,
    )


def fit_spec(
    draw: DrawConfig,
    source: Sequence[str],
    target: Sequence[str],
    test_groups: frozenset[str],
    seed: int,
) -> Spec:
    """What the one chunk of a fit needs: files of the run, and the groups that it must not see;
    and which trained files it takes up, so that others of the same name are a fit of their own.
    """
    return {
        "generator": draw.generator,
        "settings": learnt_by(draw.generator, draw.settings),
        "source": list(source),
        "target": list(target),
        "rests_on": rests_on(draw.generator, draw.settings),
        "test_groups": sorted(test_groups),
        "seed": seed_of(seed, "fit", draw.generator),
    }


def learnt_by(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a training depends on, each with its value, whoever wrote it out."""
    config = parts.config("generators", name, settings)
    learnt: dict[str, Any] = config.model_dump(mode="json", exclude=set(config.drawing))
    return learnt


def rests_on(name: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Digests of the trained files that such a generator takes up."""
    made = parts.build("generators", name, **settings)
    return made.rests_on() if isinstance(made, RestsOnFiles) else ()


def fit_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of the chunk: fits, resuming what a killed run left in the chunk's workdir."""
    processes = int(spec["settings"].get("processes", 1))
    if processes > 1:
        return _fit_together(spec, chunk, processes)
    generator, report = fit_here(spec, chunk.folder, chunk.workdir)

    def save(folder: Path) -> None:
        save_fitted(generator, report, folder)

    return ChunkResult(write=as_folder(save), figures={"steps": report.steps, **report.losses})


def fit_here(spec: Spec, run_folder: Path, workdir: Path) -> tuple[Generator, FitReport]:
    """The generator of the spec, fitted in this process."""
    generator: Generator = parts.build("generators", spec["generator"], **spec["settings"])
    data = TrainingData(
        source=_training(spec["source"], run_folder),
        target=_training(spec["target"], run_folder) if spec["target"] else None,
        test_groups=frozenset(spec["test_groups"]),
    )
    progress = told_in(workdir) if writes() else silent
    return generator, generator.fit(data, workdir, spec["seed"], progress)


def save_fitted(generator: Generator, report: FitReport, folder: Path) -> None:
    """What was learnt, and the story of the fit."""
    generator.save(folder)
    write_json(folder / REPORT, report)


def _fit_together(spec: Spec, chunk: Chunk, processes: int) -> ChunkResult:
    """The same in several processes, one GPU each; the first of them saves."""
    told, out = chunk.workdir / "fit.json", chunk.workdir / "fitted"
    write_json(told, {"spec": spec, "run_folder": str(chunk.folder), "out": str(out)})
    launch("parhelion.pipeline.fit_together", str(told), processes=processes)
    report = FitReport.model_validate_json((out / REPORT).read_bytes())

    def save(folder: Path) -> None:
        shutil.copytree(out, folder, dirs_exist_ok=True)

    return ChunkResult(write=as_folder(save), figures={"steps": report.steps, **report.losses})


def ailing(name: str, model: Path) -> list[str]:
    """What went wrong in the training of generator `name`, whose fitted state is `model`."""
    report = FitReport.model_validate_json((model / REPORT).read_bytes())
    return [
        f"The training of {name} went wrong and ended at its last good checkpoint, step "
        f"{report.steps}: {ailment.sentence}."
        for ailment in report.ailments
    ]


def _training(files: Sequence[str], run_folder: Path) -> StoredFrames:
    paths = [run_folder / file for file in files]
    return StoredFrames(paths, where=lambda key: key.split == "train")


def fitted(name: str, settings: Mapping[str, Any], model: Path | None) -> Generator:
    """A generator ready to draw: loaded from `model`, or as its settings make it. What it is to
    draw with the settings say, and not those of the training.
    """
    if model is None:
        made: Generator = parts.build("generators", name, **settings)
        return made
    loaded: Any = parts.part("generators", name).load(model)
    asked = parts.config("generators", name, settings)
    if drawing := asked.model_dump(include=set(asked.drawing)):
        loaded.config = type(asked)(**{**loaded.config.model_dump(), **drawing})
    ready: Generator = loaded
    return ready
