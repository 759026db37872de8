"""Stage `generate`: planned requests become frames; what cannot be honoured is quarantined."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.contracts import CannotHonour, DrawsTogether, Generator
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, chunked
from parhelion.pipeline.fitting import fitted, rests_on
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.plan_requests import PlannedRequest
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.run_config import DrawConfig
from parhelion.pipeline.seeds import canonical_json
from parhelion.pipeline.shards import StoredFrames, as_table

WORK = "parhelion.pipeline.drawing:draw_chunk"


def draw_stage(draw: DrawConfig, round_: int, inputs: Sequence[str]) -> Stage:
    """The stage in which one generator draws its requests of one round."""
    return Stage(
        name=f"generate-{round_}-{draw.generator}",
        inputs=tuple(inputs),
        versions=((draw.generator, parts.part("generators", draw.generator).VERSION),),
        modules=("parhelion.pipeline.drawing", f"parhelion.generators.{draw.generator}"),
        packages=BYTE_PACKAGES,
    )


def draw_specs(
    draw: DrawConfig,
    model: Receipt | None,
    requests: Sequence[PlannedRequest],
    file_of: Mapping[str, str],
) -> list[Spec]:
    """One spec per chunk; requests whose parents lie in one file are drawn together.

    Weights that nobody fitted here are told by their digest too: with others, frames are others.
    """
    taken_up = "".join(rests_on(draw.generator, draw.settings)) if model is None else ""
    ordered = sorted(requests, key=lambda r: (file_of[r.parent_id], r.parent_id))
    return [
        {
            "generator": draw.generator,
            "settings": draw.settings,
            "model": model.file if model is not None else "",
            "model_sha256": model.sha256 if model is not None else taken_up,
            "requests": [request.model_dump(mode="json") for request in of_chunk],
            "files": sorted({file_of[request.parent_id] for request in of_chunk}),
        }
        for of_chunk in chunked(ordered, draw.frames_per_chunk)
    ]


@lru_cache(maxsize=4)
def generator_of(name: str, settings: str, model: Path | None, model_sha256: str) -> Generator:
    """The generator, kept by its worker; the hash tells a model that was fitted anew."""
    return fitted(name, json.loads(settings), model)


def draw_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of a chunk: one frame per request, in order."""
    model = chunk.folder / spec["model"] if spec["model"] else None
    generator = generator_of(
        spec["generator"], canonical_json(spec["settings"]), model, spec["model_sha256"]
    )
    parents = StoredFrames([chunk.folder / file for file in spec["files"]])
    requests = [PlannedRequest(**request) for request in spec["requests"]]
    quarantined: list[QuarantineRow] = []
    drawn: Counter[str] = Counter()  # by need
    needs = {str(request.seed): request.need for request in requests}
    frames = counted(frames_of(generator, requests, parents, quarantined), needs, drawn)
    return ChunkResult(write=as_table(frames), quarantined=quarantined, figures=drawn)


def counted(
    frames: Iterable[tuple[Frame, str]], needs: Mapping[str, str], by_need: Counter[str]
) -> Iterator[tuple[Frame, str]]:
    """The frames as they come, counted by the need that their request served."""
    for frame, split in frames:
        by_need[needs[str(frame.provenance.seed)]] += 1
        yield frame, split


def frames_of(
    generator: Generator,
    requests: Sequence[PlannedRequest],
    parents: StoredFrames,
    quarantined: list[QuarantineRow],
) -> Iterator[tuple[Frame, str]]:
    """Frames with their split, in order; what is refused goes to `quarantined`."""
    at_once = generator.at_once if isinstance(generator, DrawsTogether) else 1
    for first in range(0, len(requests), at_once):
        some = requests[first : first + at_once]
        for frame in _together(generator, some, parents, quarantined):
            yield frame, "train"


def _together(
    generator: Generator,
    requests: Sequence[PlannedRequest],
    parents: StoredFrames,
    quarantined: list[QuarantineRow],
) -> list[Frame]:
    """The frames of these requests; where one is refused, each is asked for by itself."""
    asked = [(planned, parents.by_id(planned.parent_id)) for planned in requests]
    try:
        return list(generator.generate([planned.request(parent) for planned, parent in asked]))
    except CannotHonour as error:
        if len(asked) == 1:
            quarantined.append(_refused(*asked[0], error))
            return []
    return [f for one in requests for f in _together(generator, [one], parents, quarantined)]


def _refused(planned: PlannedRequest, parent: Frame, error: CannotHonour) -> QuarantineRow:
    return QuarantineRow(
        stage="generate",
        reason=Reason.CANNOT_HONOUR,
        sentence=str(error),
        native_id=parent.provenance.source.native_id,
        parent_id=parent.frame_id,
        group_id=parent.group_id,
        cell=planned.conditions.cell,
    )
