"""The `ddpm` of street frames that several benchmarks draw with: trained once, kept on disk."""

from pathlib import Path

from _street_sets import Scenes, rendered, shrunk
from _training_clock import TrainingClock

from parhelion.generators.ddpm import Ddpm, DdpmConfig
from parhelion.pipeline.contracts import TrainingData
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.shards import StoredFrames
from parhelion.sim_adapters.street import StreetConfig

WORK = Path(__file__).parent.parent / "runs" / "street_ddpm"
CLOCK = "seconds.json"  # of the training, beside its state

STREET = StreetConfig(seed=8, width=192, height=108, samples=8)
WIDTH, HEIGHT = 128, 72  # that they are shrunk to: an hour of one core draws no larger ones
TRAIN = Scenes(first=0, count=60)
SETTINGS = DdpmConfig(
    layers=("stencil", "instances", "depth", "emissive"),
    crop=(80, 128),  # the whole frame, its height a multiple of the network's stride
    width=48,
    multiples=(1, 2, 3, 4),
    perceptual_weight=10.0,
    steps=1900,  # an hour of one core without bf16, a third of it with
    batch_size=6,
    log_sigma_mean=-0.4,  # wide frames drown later than small ones
    log_sigma_std=1.8,
    checkpoint_every=500,
    draw_precision="auto",
    min_frames_per_cell=20,
)


DRAWING = {  # `sigma_min`: on streets of the oracles nearer by a quarter than at 0.05
    "sampler": "dpmpp_sde",
    "calls": 25,
    "autoguidance": 2.0,
    "sigma_min": 0.3,
    "min_frames_per_cell": 2,
}


def streets(scenes: Scenes, *more: Scenes) -> StoredFrames:
    """Frames of these scenes, as small as they are learnt and drawn."""
    return shrunk(rendered(scenes, STREET, *more), WIDTH, HEIGHT)


def street_ddpm(train: StoredFrames, steps: int = SETTINGS.steps) -> Path:
    """The folder of the trained `ddpm`; taken up where a stopped training left it."""
    part = Ddpm(SETTINGS.model_copy(update={"steps": steps}))
    work = WORK / digest(part.VERSION, part.config, [key.frame_id for key in train.keys])[:12]
    if (work / "state" / "fitted.json").is_file():
        return work / "state"
    clock = TrainingClock("ddpm", work / CLOCK)
    found = part.fit(TrainingData(source=train), work / "fit", 1, clock)
    print()
    if found.ailments:
        raise RuntimeError(f"step {found.steps}: {found.ailments[0].sentence}")
    part.save(work / "state")
    return work / "state"


def drawer(folder: Path) -> Ddpm:
    """The trained part, as these benchmarks draw with it."""
    part = Ddpm.load(folder)
    part.config = part.config.model_copy(update=DRAWING)
    return part
