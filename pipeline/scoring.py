"""Stage `score`: how far source and drawn frames lie from real target frames, cell by cell."""

from collections.abc import Iterator, Sequence

from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.engine import ChunkResult, Spec, Stage, as_json
from parhelion.pipeline.feature_sample import FeatureSample
from parhelion.pipeline.features import Network, feature_network
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.packages import BYTE_PACKAGES
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.receipts import Chunk, Receipt
from parhelion.pipeline.report_data import DistanceRow
from parhelion.pipeline.scores import samples_by_cell, score_pair
from parhelion.pipeline.shards import StoredFrames

WORK = "parhelion.pipeline.scoring:score_chunk"
FILE = "chunks/{stage}/{key}.json"
TRAINING, TESTING = "train", "test"


class Distances(PartConfig):
    """All distances of a run; without rows, `note` says why."""

    rows: tuple[DistanceRow, ...] = ()
    note: str = ""


def score_stage() -> Stage:
    """The stage that compares features."""
    return Stage(name="score", modules=("parhelion.pipeline.scoring",), packages=BYTE_PACKAGES)


def score_spec(
    network: str,
    seed: int,
    source: Sequence[Receipt],
    target: Sequence[Receipt],
    accepted: Sequence[Receipt],
) -> Spec:
    """The spec of the one chunk: files with their hashes."""
    sets = {"source": source, "target": target, "generated": accepted}
    files = {name: [[r.file, r.sha256] for r in receipts] for name, receipts in sets.items()}
    return {"network": network, "seed": seed, **files}


def score_chunk(spec: Spec, chunk: Chunk) -> ChunkResult:
    """Work of the chunk: a row per cell, compared set and distance."""
    try:
        network = feature_network(spec["network"])
    except WeightsMissing as error:
        return ChunkResult(write=as_json(Distances(note=str(error))))

    def frames(name: str, split: str) -> Iterator[Frame]:
        paths = [chunk.folder / file for file, _ in spec[name]]
        return iter(StoredFrames(paths, where=lambda key: key.split == split))

    target = samples_by_cell(frames("target", TESTING), network, seed=spec["seed"])
    drawn = samples_by_cell(frames("generated", TRAINING), network, seed=spec["seed"])
    source = FeatureSample(network.dims, spec["seed"])
    source.update(frames("source", TRAINING), network)
    rows = tuple(_rows(target, source, drawn, network))
    return ChunkResult(write=as_json(Distances(rows=rows), rows=len(rows)))


def _rows(
    target: dict[str, FeatureSample],
    source: FeatureSample,
    drawn: dict[str, FeatureSample],
    network: Network,
) -> Iterator[DistanceRow]:
    """Source frames stand beside the drawn ones: what nothing at all would have come to."""
    for cell in sorted(target.keys() & drawn.keys()):
        for name, sample in (("source", source), ("generated", drawn[cell])):
            for score in score_pair(target[cell], sample, network):
                yield DistanceRow(cell=cell, compared=name, score=score)
