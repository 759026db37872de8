"""What a run lacks is said before any work, and what it cannot draw from before any fit."""

from pathlib import Path

import pytest

from parhelion.pipeline.bias import Census
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import FrameKey
from parhelion.pipeline.plan_requests import NoParent
from parhelion.pipeline.readiness import NotReady, check_parents, check_ready
from parhelion.pipeline.run import augment, finished_run
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.workers import Inline


def street(role: str = "source", first: int = 0, hour: float = 13) -> dict[str, object]:
    settings = {
        "quality": "preview",
        "width": 64,
        "height": 36,
        "scenes": 2,
        "first_scene": first,
        "views": 1,
        "conditions": [{"weather": "Clear", "hour": hour}],
    }
    return {"adapter": "street", "role": role, "settings": settings}


def config(*sources: dict[str, object], **changes: object) -> RunConfig:
    settings: dict[str, object] = {
        "name": "asked",
        "sources": sources or (street(),),
        "generators": [{"generator": "weather"}],
        "splits": {"train": 1, "validation": 0, "test": 0},
        "plan": {"wanted": [{"weathers": ["Foggy"], "hours": [9], "share": 0.4}]},
    }
    return RunConfig(**{**settings, **changes})


def test_a_folder_that_is_not_there_is_said_before_any_work(tmp_path: Path) -> None:
    nowhere = {"adapter": "folder", "settings": {"path": str(tmp_path / "nowhere")}}
    wrong = config(street(), nowhere)
    with pytest.raises(NotReady, match=r"sources\.1 \(folder\): .*nowhere"):
        augment(wrong, tmp_path / "run", executor=Inline(), progress=lambda s, d, t: None)
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    assert finished_run(wrong, tmp_path / "run") is None


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    generator = {
        "generator": "pix2pix",
        "settings": {"device": "cuda", "perceptual_weight": 0},
    }
    asking = config(
        generators=[generator],
        plan={"mix": {"pix2pix": 1}},
        gate={"oracle": {"device": "cuda"}},
        downstream={"network": {"device": "cuda"}},
    )
    with pytest.raises(NotReady) as caught:
        check_ready(asking)
    assert [part.split(":")[0] for part in str(caught.value).split("; ")[::2]] == [
        "generators.0.settings.device",
        "gate.oracle.device",
        "downstream.network.device",
    ]


def test_weights_that_the_scores_want_and_are_not_there_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("parhelion.pipeline.readiness.inception_path", lambda: tmp_path / "none")
    asking = config(scores={"network": "inception-v3-compat"})
    with pytest.raises(NotReady, match=r"scores\.network: inception-v3-compat wants weights at"):
        check_ready(asking)
    check_ready(asking.model_copy(update={"scores": None}))


def test_scores_by_default_need_no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weights").touch()
    lacking = "parhelion.pipeline.readiness.mobilenet_lacks"
    monkeypatch.setattr(lacking, lambda: "mobilenet needs a file")
    monkeypatch.setattr("parhelion.pipeline.readiness.inception_path", lambda: tmp_path / "weights")
    check_ready(config())
    (tmp_path / "weights").unlink()
    check_ready(config())  # then nothing is compared, and the report says why
    with pytest.raises(NotReady, match=r"scores\.network: mobilenet needs a file"):
        check_ready(config(scores={"network": "mobilenet-v2-imagenet1k-v1"}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("source", "judge"),
        ("target", "judge"),
        ("reference", "judge"),
        ("source", "reference"),
        ("target", "reference"),
    ],
)
def test_a_group_with_two_roles_is_refused(one: str, other: str) -> None:
    with pytest.raises(NotReady, match=f"a group has one role, got .* with both {one} and {other}"):
        check_ready(config(street(one), street(other, first=1)))
    check_ready(config(street(one), street(other, first=2)))


def test_targets_may_be_twins_of_sources_that_are_trained_on() -> None:
    twins = street(), street("target")
    check_ready(config(*twins))
    with pytest.raises(NotReady, match=r"splits put the source frames of .* elsewhere"):
        check_ready(config(*twins, splits={"train": 0, "validation": 1, "test": 0}))


def test_frames_of_which_none_may_be_a_parent_are_refused_before_the_fit(tmp_path: Path) -> None:
    stages: list[str] = []
    with pytest.raises(NoParent, match=r"2 frames are missing.*got clear/night \(simulated, train"):
        augment(
            config(street(hour=23)),
            tmp_path,
            executor=Inline(),
            progress=lambda stage, done, total: stages.append(stage),
        )
    assert set(stages) == {"ingest", "audit"}


def test_no_parent_is_needed_where_nothing_is_missing() -> None:
    night = FrameKey(
        frame_id="a", group_id="g", conditions=Conditions(weather=Weather.CLEAR, hour=23)
    )
    nothing = config(plan={"wanted": [{"weathers": ["Foggy"], "hours": [9], "share": 0}]})
    check_parents(nothing, Census(), [night])
