"""A whole run on little preview streets: what it leaves behind, and what a second one does."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from parhelion.generators.weather import Weather
from parhelion.pipeline.descent import generator_step
from parhelion.pipeline.manifest import read_manifest
from parhelion.pipeline.receipts import Receipt, read_receipts, timings
from parhelion.pipeline.replay import CannotReplay, replay_frame
from parhelion.pipeline.report import read_report
from parhelion.pipeline.run import Outcome, augment, finished_run
from parhelion.pipeline.run_config import DrawConfig, Role, RunConfig
from parhelion.pipeline.shards import StoredFrames
from parhelion.pipeline.workers import Inline, SpawnPool

DAY = [{"weather": "Clear", "hour": 13}]
WANTED = [{"weather": "Foggy", "hour": 9}, {"weather": "Clear", "hour": 23}]


def street(
    role: str, first: int, shots: list[dict[str, object]], scenes: int = 2
) -> dict[str, object]:
    settings = {
        "quality": "preview",
        "width": 64,
        "height": 36,
        "scenes": scenes,
        "first_scene": first,
        "views": 2,
        "conditions": shots,
        "pairing": "every",
    }
    return {"adapter": "street", "role": role, "settings": settings, "frames_per_chunk": 4}


NEVER = {  # a network that has hardly learnt anything
    "patch": 1,
    "width": 8,
    "multiples": [1, 1],
    "steps": 1,
    "mean_steps": 1,
    "batch_size": 1,
    "crop": [16, 24],
}
ONE_SCENE = street("source", 0, DAY, scenes=1)


def tiny_config(**changes: object) -> RunConfig:
    network = {"steps": 4, "width": 48, "height": 32, "batch": 2, "pretrained": False}
    settings: dict[str, object] = {
        "name": "tiny",
        "sources": [
            street("source", 0, DAY),
            street("target", 10, WANTED, scenes=1),
            street("reference", 20, WANTED),
            street("judge", 30, WANTED),
        ],
        "generators": [{"generator": "weather"}],
        "splits": {"train": 1, "validation": 0, "test": 0},
        "plan": {
            "wanted": [
                {"weathers": ["Foggy"], "hours": [9], "share": 0.4},
                {"weathers": ["Clear"], "hours": [23], "share": 0.4},
            ],
            "max_rounds": 2,
        },
        "gate": {"oracle": network, "fewest_reference": 2},
        "downstream": {"network": network},
    }
    return RunConfig(**{**settings, **changes})


def run(config: RunConfig, folder: Path, until: str = "report") -> Outcome:
    return augment(
        config, folder, executor=Inline(), progress=lambda stage, done, total: None, until=until
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    run(tiny_config(), path)
    return path


def dataset(folder: Path) -> StoredFrames:
    return StoredFrames(sorted((folder / "dataset" / "data").glob("*.parquet")))


def test_a_group_never_crosses_a_split(folder: Path) -> None:
    splits: dict[str, set[str]] = {}
    for key in dataset(folder).keys:
        splits.setdefault(key.group_id, set()).add(key.split)
    assert {len(found) for found in splits.values()} == {1}
    assert set().union(*splits.values()) == {"train", "validation", "test"}


def test_every_drawn_frame_is_in_the_dataset_or_in_quarantine(folder: Path) -> None:
    kept = [key for key in dataset(folder).keys if key.kind == "generated"]
    drawn = [r for round_ in (0, 1) for r in read_receipts(folder, f"generate-{round_}-weather")]
    judged = [r for round_ in (0, 1) for r in read_receipts(folder, f"gate-{round_}")]
    refused = [row for receipt in judged for row in receipt.quarantined]
    assert len(kept) + len(refused) == sum(receipt.rows for receipt in drawn) > 0
    assert all(row.reason.value == "gate" and row.scores for row in refused)


def test_drawn_frames_descend_from_training_groups(folder: Path) -> None:
    by_id = {key.frame_id: key for key in dataset(folder).keys}
    for i, key in enumerate(dataset(folder).keys):
        if key.kind == "generated":
            parent = by_id[dataset(folder)[i].provenance.parent_id]
            assert parent.group_id == key.group_id
            assert parent.split == key.split == "train"


def test_every_drawn_row_replays_to_the_same_bytes(folder: Path) -> None:
    drawn = [key.frame_id for key in dataset(folder).keys if key.kind == "generated"]
    assert drawn
    assert all(replay_frame(folder, frame_id).same for frame_id in drawn)


def test_replay_says_what_it_cannot_draw(folder: Path) -> None:
    simulated = next(key.frame_id for key in dataset(folder).keys if key.kind == "simulated")
    with pytest.raises(CannotReplay, match="is simulated"):
        replay_frame(folder, simulated)
    with pytest.raises(CannotReplay, match="no frame nobody"):
        replay_frame(folder, "nobody")


def test_a_row_of_another_version_is_not_drawn_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = next(key.frame_id for key in dataset(folder).keys if key.kind == "generated")
    monkeypatch.setattr(Weather, "VERSION", "0")
    with pytest.raises(CannotReplay, match=r"drawn by weather of version \d+, here .* version 0"):
        replay_frame(folder, drawn)


def test_a_row_of_other_weights_is_not_called_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = next(key.frame_id for key in dataset(folder).keys if key.kind == "generated")
    told = partial(generator_step, checkpoint_sha256="feed")
    monkeypatch.setattr("parhelion.generators.weather.generator_step", told)
    with pytest.raises(CannotReplay, match="weights none, here they are feed: put back the former"):
        replay_frame(folder, drawn)


def test_a_second_run_does_nothing_again(folder: Path) -> None:
    before = {stage: cost.chunks for stage, cost in timings(folder).items()}
    lines = (folder / "timings.jsonl").read_text()
    outcome = finished_run(tiny_config(), folder)
    assert outcome is not None
    assert run(tiny_config(), folder) == outcome
    assert (folder / "timings.jsonl").read_text() == lines
    assert {stage: cost.chunks for stage, cost in timings(folder).items()} == before


def damaged(receipt: Receipt, folder: Path) -> None:
    path = receipt.path(folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def deleted(receipt: Receipt, folder: Path) -> None:
    receipt.path(folder).unlink()


def test_a_run_in_worker_processes_writes_the_bytes_of_one(folder: Path, tmp_path: Path) -> None:
    with SpawnPool(2) as pool:
        augment(tiny_config(), tmp_path, executor=pool, progress=lambda stage, done, total: None)
    written = [file.relative_to(folder) for file in (folder / "dataset").rglob("*.*")]
    assert {file.suffix for file in written} >= {".parquet", ".json"}
    for file in [*written, Path("report", "report.json")]:
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()


@pytest.mark.parametrize("harm", [damaged, deleted])
def test_only_what_was_harmed_is_done_again(
    folder: Path, harm: Callable[[Receipt, Path], None]
) -> None:
    manifest = (folder / "dataset" / "manifest.json").read_bytes()
    lines = (folder / "timings.jsonl").read_text().splitlines()
    (receipt, *_) = read_receipts(folder, "ingest-0-source")
    harm(receipt, folder)
    run(tiny_config(), folder)
    added = (folder / "timings.jsonl").read_text().splitlines()[len(lines) :]
    assert ['"stage": "ingest-0-source"' in line for line in added] == [True]
    assert (folder / "dataset" / "manifest.json").read_bytes() == manifest


def test_a_harmed_dataset_is_not_called_finished(folder: Path) -> None:
    manifest = read_manifest(folder / "dataset")
    assert manifest is not None
    shard = folder / "dataset" / manifest.shards[0].file
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert finished_run(tiny_config(), folder) is None
    run(tiny_config(), folder)
    assert shard.read_bytes() == whole


@pytest.mark.parametrize("name", ["index.html", "report.json"])
def test_a_run_without_its_report_is_not_called_finished(folder: Path, name: str) -> None:
    page = folder / "report" / name
    whole = page.read_bytes()
    page.unlink()
    assert finished_run(tiny_config(), folder) is None
    page.write_bytes(whole)
    assert finished_run(tiny_config(), folder) is not None


def test_a_run_that_was_moved_tells_where_it_lies_now(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "moved")
    outcome = finished_run(tiny_config(), tmp_path / "moved")
    assert outcome is not None
    assert outcome.lines["report"] == str(tmp_path / "moved" / "report" / "index.html")
    assert outcome.lines["dataset"] == str(tmp_path / "moved" / "dataset")


def test_other_settings_are_another_run(folder: Path) -> None:
    assert finished_run(tiny_config(seed=1), folder) is None


def test_the_report_tells_the_run(folder: Path) -> None:
    data, _ = read_report(folder / "report")
    assert data.counts.source == 4
    assert data.counts.drawn == data.counts.accepted + data.counts.rejected
    assert {row.name for row in data.scenario.sets} == {role.value for role in Role}
    assert {row.cell for row in data.plan} == {"fog/day", "clear/night"}
    assert data.downstream is not None


def test_a_run_can_stop_after_the_audit(tmp_path: Path) -> None:
    outcome = run(tiny_config(sources=[ONE_SCENE]), tmp_path, until="audit")
    assert not outcome.report
    assert not (tmp_path / "dataset").exists()
    assert read_receipts(tmp_path, "audit")


def test_conditions_that_no_generator_draws_are_named_and_not_dropped(tmp_path: Path) -> None:
    wanted = {"weathers": ["Unknown"], "hours": [12], "share": 0.2}
    config = tiny_config(
        sources=[ONE_SCENE], plan={"wanted": [wanted]}, gate=None, downstream=None, scores=None
    )
    run(config, tmp_path)
    data, _ = read_report(tmp_path / "report")
    assert [(row.cell, bool(row.refusal)) for row in data.plan] == [("unknown/day", True)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"generators": [{"generator": "weather", "settings": {"fogg": 1}}]}, "fogg"),
        ({"generators": [{"generator": "wether"}]}, "wether"),
        ({"sources": [{"adapter": "street", "settings": {"scenes": 0}}]}, "scenes"),
        ({"plan": {"mix": {"pix2pix": 1}}}, "pix2pix"),
        ({"sead": 1}, "sead"),
        ({"name": ".."}, "name"),
        ({"name": "."}, "name"),
        ({"name": "-x"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"scores": {"network": "vgg"}}, "no feature network 'vgg'; there are: auto"),
        ({"storage": {"image_format": "jpeg"}}, "image_format"),
    ],
)
def test_a_wrong_setting_is_named_before_any_work(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        tiny_config(**changes)


def test_what_was_drawn_is_told_and_where_it_lies(tmp_path: Path) -> None:
    outcome = run(tiny_config(gate=None, downstream=None), tmp_path, until="generate")
    assert not outcome.empty_handed
    assert outcome.rows == sum(len(StoredFrames([Path(file)])) for file in outcome.frames) > 0
    (drawn,) = outcome.tables
    assert [row[0] for row in drawn.rows] == ["fog/day", "clear/night"]
    assert sum(int(row[-1]) for row in drawn.rows) == outcome.rows


def test_where_nothing_can_be_drawn_the_reason_is_told(tmp_path: Path) -> None:
    config = tiny_config(
        sources=[ONE_SCENE],
        gate=None,
        downstream=None,
        generators=[{"generator": "ddpm", "settings": NEVER}],
        plan={"wanted": [{"weathers": ["Foggy"], "hours": [9], "count": 2}]},
    )
    outcome = run(config, tmp_path, until="generate")
    assert outcome.empty_handed
    assert outcome.frames == ()
    (undrawn,) = outcome.tables
    assert undrawn.rows[0][0] == "fog/day"
    assert "saw 0 training frames of fog/day" in undrawn.rows[0][1]
    fitted = run(config, tmp_path, until="fit")
    assert (Path(fitted.models["ddpm"]) / "weights.safetensors").is_file()
    settings = {**NEVER, "calls": 3, "guidance": 1.5}
    otherwise = config.model_copy(
        update={"generators": (DrawConfig(generator="ddpm", settings=settings),)}
    )
    once = timings(tmp_path)["fit-ddpm"].chunks
    run(otherwise, tmp_path, until="fit")
    assert timings(tmp_path)["fit-ddpm"].chunks == once  # it was not trained again


def test_without_a_mix_all_generators_draw() -> None:
    sources = [ONE_SCENE]
    told = {"name": "a", "sources": sources, "plan": {}}
    with pytest.raises(ValidationError, match="generator"):
        RunConfig(**told, generators=[{"settings": {}}])
    both = [{"generator": "pix2pix"}, {"generator": "ddpm"}]
    assert RunConfig(**told, generators=both).plan.mix == {"pix2pix": 1.0, "ddpm": 1.0}
    assert RunConfig(**told, generators=[{"generator": "weather"}]).plan.mix == {"weather": 1.0}
