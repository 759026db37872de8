"""The weights of `hub`: what it says where they are missing, and which it says they were."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import tiny_pipelines
from conftest import make_frame
from pydantic import ValidationError

from parhelion.generators._hub_settings import HubConfig
from parhelion.generators.hub import Hub
from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.drawing import draw_specs
from parhelion.pipeline.engine import Spec
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.plan_requests import PlannedRequest
from parhelion.pipeline.run import inputs_digest
from parhelion.pipeline.run_config import DrawConfig, RunConfig

FOG = Conditions(weather=Weather.FOGGY, hour=12)
ASKED = Request(conditions=FOG, seed=1, parent=make_frame(9))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pipelines of two kinds; to be copied before it is changed."""
    root = tmp_path_factory.mktemp("hub")
    for kind in ("controlnet", "img2img"):
        tiny_pipelines.write(root / kind, kind)
    return root


@pytest.fixture
def model(folder: Path, tmp_path: Path) -> Path:
    """A copy of the pipeline of kind img2img."""
    return Path(shutil.copytree(folder / "img2img" / "model", tmp_path / "model"))


def of(model: Path | str, **settings: Any) -> Hub:
    return Hub(HubConfig(model=str(model), steps=3, **settings))


def drawn(part: Hub) -> Frame:
    return next(iter(part.generate([ASKED])))


def lacks(part: Hub) -> str:
    """What it says before a run, when asked what it draws, and when drawing."""
    told = part.unready()
    assert told is not None
    assert part.refusal(FOG) == told
    with pytest.raises(CannotHonour) as refused:
        drawn(part)
    assert str(refused.value) == told
    return told


@pytest.mark.parametrize(
    ("kind", "model", "controls", "said"),
    [
        ("img2img", "", {}, "set model to a folder"),
        ("img2img", "absent", {}, "no folder absent"),
        ("img2img", "{root}", {}, "model_index.json"),
        ("instruct", "{root}/img2img/model", {}, "8 channels, got 4"),
        ("controlnet", "{root}/controlnet/model", {}, "set controls.stencil"),
        ("controlnet", "{root}/controlnet/model", {"depth": "absent"}, "controls.depth"),
        (
            "controlnet",
            "{root}/controlnet/model",
            {"depth": "{root}/img2img/model/unet"},
            "ControlNetModel",
        ),
    ],
)
def test_without_its_weights_it_says_what_to_give(
    kind: str, model: str, controls: dict[str, str], said: str, folder: Path
) -> None:
    there = {name: path.format(root=folder) for name, path in controls.items()}
    assert said in lacks(of(model.format(root=folder), kind=kind, controls=there))


def test_without_its_package_it_says_what_to_install(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "transformers" else found(n)
    )
    assert "pip install transformers" in lacks(of(model))


def test_pickles_are_not_loaded(model: Path) -> None:
    unet = model / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model.bin")
    told = lacks(of(model))
    assert "wanted *.safetensors" in told
    assert "diffusion_pytorch_model.bin" in told


def test_weights_that_do_not_load_are_named(model: Path) -> None:
    (model / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"none")
    with pytest.raises(CannotHonour, match="could not load"):
        drawn(of(model))


def test_a_name_of_the_hub_is_read_from_its_cache_and_offline_never_fetched(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    part = of("hf://streets/tiny")
    assert "HF_HUB_OFFLINE is set" in lacks(part)
    home, commit = tmp_path / "models--streets--tiny", "0" * 40
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    shutil.copytree(model, home / "snapshots" / commit)
    assert part.unready() is None
    assert np.array_equal(drawn(part).image, drawn(of(model)).image)
    assert part.checkpoint_sha256 == of(model).checkpoint_sha256
    assert "not in the cache" in lacks(of(f"hf://streets/tiny@{'1' * 40}"))


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="steps x strength"):
        HubConfig(steps=3, strength=0.1)
    with pytest.raises(ValidationError, match="emissive"):
        HubConfig(kind="controlnet", controls={"emissive": "somewhere"})


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        ("controlnet", "strength", 0.5),
        ("controlnet", "image_guidance", 2.0),
        ("instruct", "strength", 0.5),
        ("instruct", "most_classes", 3),
        ("inpaint", "control_scale", 0.5),
        ("img2img", "controls", {"depth": "somewhere"}),
        ("img2img", "palette", "cityscapes"),
        ("one-step", "steps", 3),
        ("one-step", "guidance", 2.0),
        ("one-step", "negative_prompt", "people"),
    ],
)
def test_what_a_kind_does_not_heed_it_does_not_take(kind: Any, setting: str, value: Any) -> None:
    told = rf"kind {kind} takes .* every kind takes, got {setting}, which would change nothing"
    with pytest.raises(ValidationError, match=told):
        HubConfig(kind=kind, **{setting: value})
    whole = HubConfig(kind=kind).model_dump()  # with all defaults, as a saved one has them
    assert HubConfig(**whole) == HubConfig(kind=kind)


def test_the_record_names_the_weights(folder: Path, model: Path) -> None:
    part = of(model)
    step = drawn(part).provenance.steps[-1]
    assert step.checkpoint_sha256 == of(folder / "img2img" / "model").checkpoint_sha256
    change_a_weight(model / "vae" / "diffusion_pytorch_model.safetensors")
    assert part.checkpoint_sha256 == step.checkpoint_sha256  # not read again for each picture
    assert of(model).checkpoint_sha256 != step.checkpoint_sha256


def test_what_is_not_loaded_is_not_digested(folder: Path, model: Path) -> None:
    for name in ("v1-5.safetensors", "README.txt", "unet/model.fp16.safetensors", "unet/old.bin"):
        (model / name).write_bytes(b"other")
    assert of(model).checkpoint_sha256 == of(folder / "img2img" / "model").checkpoint_sha256


def test_a_sampler_of_other_settings_is_another_model(folder: Path, model: Path) -> None:
    path = model / "scheduler" / "scheduler_config.json"
    path.write_text(path.read_text().replace("scaled_linear", "linear"))
    assert of(model).checkpoint_sha256 != of(folder / "img2img" / "model").checkpoint_sha256


def test_weights_that_changed_are_not_taken_for_those_that_were_saved(
    model: Path, tmp_path: Path
) -> None:
    of(model).save(tmp_path / "saved")
    assert Hub.load(tmp_path / "saved").config == of(model).config
    change_a_weight(model / "unet" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(ValueError, match="put back the former ones"):
        Hub.load(tmp_path / "saved")


def test_other_weights_in_the_folder_are_other_frames_and_another_run(model: Path) -> None:
    """A run that was killed draws none of its chunks with both; one that ended has to begin."""
    draw = DrawConfig(generator="hub", settings=of(model).config.model_dump(mode="json"))
    street = {"adapter": "street"}
    run = RunConfig(name="a", sources=[street], generators=[draw], plan={"wanted": []})
    request = PlannedRequest(
        need="fog", parent_id="p", generator="hub", conditions=FOG, draw=0, seed=1
    )

    def told() -> tuple[str, list[Spec]]:
        return inputs_digest(run), draw_specs(draw, None, [request], {"p": "frames.parquet"})

    before = told()
    assert told() == before
    change_a_weight(model / "unet" / "diffusion_pytorch_model.safetensors")
    now = told()
    assert now[0] != before[0]
    assert now[1] != before[1]


def change_a_weight(path: Path) -> None:
    state = safetensors.torch.load_file(path)
    first = sorted(state)[0]
    state[first] = state[first] + 1
    safetensors.torch.save_file(state, path, metadata={"format": "pt"})
