"""Laws of `hub`, over tiny pipelines of the real classes with random weights."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_pipelines
from conftest import make_frame
from numpy.typing import NDArray

from parhelion.generators import _hub_draw
from parhelion.generators._hub_settings import HubConfig
from parhelion.generators._hub_words import prompt_of
from parhelion.generators.hub import Hub
from parhelion.pipeline import parts
from parhelion.pipeline.conditions import Conditions, Event, TimeOfDay, Weather
from parhelion.pipeline.contracts import CannotHonour, Request, TrainingData
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.frame_list import FrameList, key_of
from parhelion.pipeline.layers import instance_boxes
from parhelion.pipeline.mask_runs import mask_of
from parhelion.pipeline.plan import Need, Plan, PlanConfig, fillable
from parhelion.pipeline.plan_requests import requests_for
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import digest
from parhelion.pipeline.wanted import WantedEdit

KINDS = ("controlnet", "instruct", "inpaint", "img2img", "one-step")
SIZES = ((32, 48), (31, 45), (9, 8))
OF_A_PARENT = ("instruct", "img2img", "one-step")
DAY, FOG = Conditions(weather=Weather.CLEAR, hour=12), Conditions(weather=Weather.FOGGY, hour=12)
NIGHT = Conditions(weather=Weather.RAINING, time_of_day=TimeOfDay.NIGHT)
PARENT = make_frame(9, conditions=DAY)

Made = Callable[..., Hub]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of each kind; one-step draws with that of img2img."""
    root = tmp_path_factory.mktemp("hub")
    for kind in tiny_pipelines.KINDS:
        tiny_pipelines.write(root / kind, kind)
    return root


@pytest.fixture(scope="module")
def made(folder: Path) -> Made:
    """A `hub` of a kind, with other settings where they are named."""
    kept: dict[str, Hub] = {}

    def of(kind: str, **changes: Any) -> Hub:
        key = digest(kind, changes)
        if key not in kept:
            home = folder / ("img2img" if kind == "one-step" else kind)
            settings: dict[str, Any] = {"kind": kind, "model": str(home / "model")}
            if kind != "one-step":
                settings["steps"] = 3
            if kind == "controlnet":
                settings["controls"] = {n: str(home / n) for n in ("stencil", "depth")}
            kept[key] = Hub(HubConfig(**(settings | changes)))
        return kept[key]

    return of


def asked(kind: str, parent: Frame = PARENT, seed: int = 1, **changes: Any) -> Request:
    """What every kind can draw: fog, or by day what a mask covers."""
    if kind == "inpaint":
        changes = {"mask": right_half(parent)} | changes
    conditions = changes.pop("conditions", parent.conditions if kind == "inpaint" else FOG)
    return Request(conditions=conditions, seed=seed, parent=parent, **changes)


def right_half(frame: Frame) -> NDArray[np.bool_]:
    mask = np.zeros(frame.size, dtype=np.bool_)
    mask[:, frame.size[1] // 2 :] = True
    return mask


def drawn(part: Hub, request: Request) -> Frame:
    return next(iter(part.generate([request])))


def refused(part: Hub, request: Request) -> str:
    with pytest.raises(CannotHonour) as told:
        drawn(part, request)
    return str(told.value)


def prompt(kind: str, request: Request, **changes: Any) -> str:
    return prompt_of(request, request.conditions, HubConfig(kind=kind, **changes))


# Pictures


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_request_is_the_same_frame_whoever_stands_beside_it(kind: str, made: Made) -> None:
    wanted = [asked(kind, make_frame(i), seed=i) for i in range(3)]
    together = [f.content_sha256 for f in made(kind).generate(wanted)]
    backwards = [f.content_sha256 for f in made(kind).generate(wanted[::-1])]
    alone = drawn(Hub(made(kind).config), wanted[1])
    assert backwards[::-1] == together
    assert alone.content_sha256 == together[1]
    assert alone.frame_id == drawn(made(kind), wanted[1]).frame_id


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_is_another_picture(kind: str, made: Made) -> None:
    one, other = (drawn(made(kind), asked(kind, seed=s)) for s in (1, 2))
    assert not np.array_equal(one.image, other.image)
    assert one.frame_id != other.frame_id


@pytest.mark.parametrize(("kind", "size"), list(product(KINDS, SIZES)))
def test_a_picture_has_the_size_that_is_asked(kind: str, size: tuple[int, int], made: Made) -> None:
    height, width = size
    if width < 16:  # too narrow for a car
        parent = make_frame(2, conditions=DAY).cropped(0, 8, width, height)
    else:
        parent = make_frame(2, width=width, height=height, conditions=DAY)
    assert drawn(made(kind), asked(kind, parent)).size == size


def test_a_picture_is_padded_with_its_own_edge() -> None:
    image = make_frame(0, width=45, height=31).image
    wide = _hub_draw.padded(image, 8)
    assert wide.shape == (32, 48, 3)
    assert np.array_equal(wide[:31, :45], image)
    assert np.array_equal(wide[31, :45], image[30])
    assert _hub_draw.padded(image[:24, :40], 8).shape == (24, 40, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_words_and_guidance_change_the_picture(kind: str, made: Made) -> None:
    plain = drawn(made(kind), asked(kind))
    told = drawn(made(kind), asked(kind, text="a zebra"))
    assert not np.array_equal(plain.image, told.image)
    if kind != "one-step":  # which has none
        unguided = drawn(made(kind, guidance=1.0), asked(kind))
        assert not np.array_equal(plain.image, unguided.image)


def test_the_less_strength_the_more_of_the_parent(made: Made) -> None:
    far = [
        drawn(made("img2img", strength=s, steps=10), asked("img2img")).image.astype(float)
        for s in (0.1, 0.5, 0.9)
    ]
    moved = [np.abs(image - far[0]).mean() for image in far]
    assert moved[0] < moved[1] < moved[2]


@pytest.mark.parametrize("strength", [0.07, 0.1, 0.3, 1 / 3, 0.5, 0.6, 0.9])
def test_one_step_walks_one_step_without_guidance(strength: float) -> None:
    config = HubConfig(kind="one-step", strength=strength)
    assert int(config.schedule * strength) == 1
    assert config.guided == 0


def test_labels_are_not_promised_of_a_parent_that_is_gone() -> None:
    for kind in ("img2img", "one-step"):
        with pytest.raises(ValueError, match="at strength 1 nothing of the parent"):
            HubConfig(kind=kind, strength=1.0)
    assert HubConfig(kind="inpaint", strength=1.0).redrawn == 1


def test_a_control_that_is_changed_changes_the_picture(made: Made) -> None:
    assert PARENT.stencil is not None
    assert PARENT.depth is not None
    plain = drawn(made("controlnet"), asked("controlnet"))
    road = np.full_like(PARENT.stencil, SceneClass.ROAD)
    near = np.where(PARENT.depth > 20, np.float32(2), PARENT.depth)
    for edited in (replace(PARENT, stencil=road), replace(PARENT, depth=near)):
        assert not np.array_equal(
            drawn(made("controlnet"), asked("controlnet", edited)).image, plain.image
        )
    other = replace(PARENT, image=255 - PARENT.image)  # p(x | y): no parent's picture is read
    assert np.array_equal(drawn(made("controlnet"), asked("controlnet", other)).image, plain.image)


def test_bfloat16_is_another_picture_and_the_record_says_so(made: Made) -> None:
    single, half = (drawn(made("img2img", precision=p), asked("img2img")) for p in ("fp32", "bf16"))
    assert dict(single.provenance.steps[-1].drawn)["bits"] == 32
    assert dict(half.provenance.steps[-1].drawn)["bits"] == 16
    apart = np.abs(single.image.astype(float) - half.image)
    assert 0 < apart.mean() < 16


# Masks


def test_outside_of_the_mask_nothing_changes_and_inside_nothing_is_known(made: Made) -> None:
    mask = right_half(PARENT)
    frame = drawn(made("inpaint"), asked("inpaint"))
    assert np.array_equal(frame.image[~mask], PARENT.image[~mask])
    assert not np.array_equal(frame.image[mask], PARENT.image[mask])
    assert frame.stencil is not None
    assert frame.depth is not None
    assert frame.instances is not None
    assert PARENT.stencil is not None
    assert (frame.stencil[mask] == SceneClass.IGNORE).all()
    assert np.array_equal(frame.stencil[~mask], PARENT.stencil[~mask])
    assert np.isnan(frame.depth[mask]).all()
    assert not frame.instances[mask].any()
    boxes = instance_boxes(frame.instances)
    assert {o.instance: o.box_xyxy for o in frame.objects} == boxes
    assert frame.conditions == PARENT.conditions


def test_what_a_mask_becomes_is_said_and_drawn(made: Made) -> None:
    request = asked("inpaint", becomes=SceneClass.SIDEWALK)
    assert "with sidewalk" in prompt("inpaint", request)
    assert not np.array_equal(
        drawn(made("inpaint"), request).image, drawn(made("inpaint"), asked("inpaint")).image
    )


def test_a_mask_of_nothing_gives_the_parent(made: Made) -> None:
    frame = drawn(made("inpaint"), asked("inpaint", mask=np.zeros(PARENT.size, dtype=np.bool_)))
    assert np.array_equal(frame.image, PARENT.image)
    assert frame.content_sha256 == PARENT.content_sha256


# Labels


@pytest.mark.parametrize("kind", OF_A_PARENT)
def test_a_redrawn_parent_keeps_its_labels(kind: str, made: Made) -> None:
    frame = drawn(made(kind), asked(kind))
    for layer in ("stencil", "depth", "instances", "emissive"):
        assert np.array_equal(getattr(frame, layer), getattr(PARENT, layer), equal_nan=True)
    assert frame.objects == PARENT.objects
    assert frame.provenance.parent_id == PARENT.frame_id


@pytest.mark.parametrize("controls", [("stencil",), ("depth",), ("stencil", "depth")])
def test_a_controlled_picture_keeps_what_it_was_shown(
    controls: tuple[str, ...], folder: Path, made: Made
) -> None:
    paths = {name: str(folder / "controlnet" / name) for name in controls}
    part = made("controlnet", controls=paths)
    assert part.needs == frozenset(controls)
    y = replace(PARENT, image=PARENT.image)
    request = Request(conditions=FOG, seed=1, annotation=y)
    frame = drawn(part, request)
    assert frame.layers == {*controls, "camera"}
    for layer in controls:
        assert np.array_equal(getattr(frame, layer), getattr(y, layer))
    assert frame.size == PARENT.size


def test_a_class_that_the_palette_does_not_tell_is_ignored(made: Made) -> None:
    assert PARENT.stencil is not None
    stencil = np.where(PARENT.stencil == SceneClass.CAR, np.uint8(SceneClass.RIDER), PARENT.stencil)
    space = PARENT.label_space | {SceneClass.RIDER}
    parent = replace(PARENT, stencil=stencil, label_space=space, objects=())
    rider = stencil == SceneClass.RIDER
    frame = drawn(made("controlnet"), asked("controlnet", parent))
    assert frame.stencil is not None
    assert (frame.stencil[rider] == SceneClass.IGNORE).all()
    assert SceneClass.RIDER not in frame.label_space
    told = drawn(made("controlnet", palette="cityscapes"), asked("controlnet", parent))
    assert told.stencil is not None
    assert np.array_equal(told.stencil, stencil)


def test_a_prompt_that_would_be_cut_off_is_refused(made: Made) -> None:
    told = refused(made("img2img"), asked("img2img", text="zebra " * 60))
    assert f"{tiny_pipelines.LONGEST} tokens at most" in told
    assert "shorten the text" in told
    told = refused(made("img2img", negative_prompt="zebra " * 60), asked("img2img"))
    assert "shorten negative_prompt" in told


def test_a_picture_that_is_withheld_or_no_picture_is_refused() -> None:
    black = np.zeros((1, 8, 8, 3), dtype=np.float32)
    for output, said in (
        (SimpleNamespace(images=black, nsfw_content_detected=[True]), "another seed"),
        (SimpleNamespace(images=black + np.nan), "set precision to fp32"),
    ):
        with pytest.raises(CannotHonour, match=said):
            _hub_draw.levels(output)


# Conditions


def test_what_is_left_unsaid_is_the_parents(made: Made) -> None:
    frame = drawn(made("img2img"), asked("img2img", conditions=Conditions()))
    assert frame.conditions.cell == PARENT.conditions.cell
    dark = Conditions(time_of_day=TimeOfDay.NIGHT)
    frame = drawn(made("img2img"), asked("img2img", conditions=dark))
    assert frame.conditions == Conditions(weather=Weather.CLEAR, time_of_day=TimeOfDay.NIGHT)


@pytest.mark.parametrize("kind", ["controlnet", *OF_A_PARENT])
def test_of_a_sky_that_a_text_may_have_changed_nothing_is_claimed(kind: str, made: Made) -> None:
    thick = Conditions(weather=Weather.FOGGY, hour=6, visibility_m=80, driving_side="left")
    parent = replace(PARENT, conditions=thick)
    told = asked(kind, parent, conditions=Conditions(), text="lift the fog")
    assert drawn(made(kind), told).conditions == Conditions(driving_side="left")
    night = replace(told, conditions=Conditions(time_of_day=TimeOfDay.NIGHT))
    frame = drawn(made(kind), night)
    assert frame.conditions == Conditions(time_of_day=TimeOfDay.NIGHT, driving_side="left")
    assert drawn(made(kind), replace(told, conditions=NIGHT)).conditions.cell == NIGHT.cell


def test_a_text_for_a_mask_leaves_the_sky(made: Made) -> None:
    frame = drawn(made("inpaint"), asked("inpaint", text="snow on the road"))
    assert frame.conditions == PARENT.conditions


def test_a_planned_text_is_drawn_under_no_sky_that_it_may_have_changed(made: Made) -> None:
    edit = WantedEdit(name="lamps", generator="hub", count=2, text="turn on the lamps")
    need = Need(cell=edit.need, edit=edit, have=0, target=2, missing=2, options=())
    config = PlanConfig(wanted=(), mix={}, edits=(edit,))
    generators = {"hub": made("instruct")}
    plan, unfillable = fillable(
        Plan(config=config, frames=1, needs=(need,)), generators, [key_of(PARENT)]
    )
    assert not unfillable
    planned = requests_for(plan, [key_of(PARENT)], 0, {}, 1, generators=generators)
    frames = list(generators["hub"].generate([one.request(PARENT) for one in planned]))
    assert [frame.conditions.cell for frame in frames] == ["unknown/unknown"] * 2


def test_numbers_events_and_another_sky_in_a_mask_are_refused_by_name(made: Made) -> None:
    misty = FOG.model_copy(update={"visibility_m": 80.0})
    assert "visibility_m" in refused(made("img2img"), asked("img2img", conditions=misty))
    flood = FOG.model_copy(update={"event": Event.FLOOD})
    assert "flood" in refused(made("img2img"), asked("img2img", conditions=flood))
    assert "keeps the parent's conditions" in refused(
        made("inpaint"), asked("inpaint", conditions=FOG)
    )


# Refusals


@pytest.mark.parametrize("kind", OF_A_PARENT)
def test_kinds_of_a_parent_say_what_they_lack(kind: str, made: Made) -> None:
    part = made(kind)
    assert "give a parent" in refused(part, Request(conditions=FOG, seed=1, annotation=PARENT))
    assert "use kind inpaint" in refused(part, asked(kind, mask=right_half(PARENT)))
    assert "keeps the parent's labels" in refused(part, asked(kind, annotation=PARENT))


def test_inpaint_says_what_it_lacks(made: Made) -> None:
    part = made("inpaint")
    assert "give a parent" in refused(part, Request(conditions=DAY, seed=1))
    assert "give a mask" in refused(part, asked("inpaint", mask=None))
    small = np.ones((4, 4), dtype=np.bool_)
    assert "(4, 4)" in refused(part, asked("inpaint", mask=small))
    both = asked("inpaint", annotation=PARENT, becomes=SceneClass.ROAD)
    assert "give one" in refused(part, both)


def test_a_layer_that_a_control_needs_is_named(made: Made) -> None:
    for layer in ("stencil", "depth"):
        without: dict[str, Any] = {layer: None}
        poor = replace(PARENT, **without)
        assert layer in refused(made("controlnet"), asked("controlnet", poor))


# Provenance


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_drawn_again_from_its_record(kind: str, made: Made) -> None:
    request = asked(kind, text="a quiet street")
    frame = drawn(made(kind), request)
    story, step = frame.provenance, frame.provenance.steps[-1]
    assert story.request is not None
    part = Hub(HubConfig.model_validate_json(step.settings))
    again = Request(
        conditions=story.request.conditions,
        seed=story.request.seed,
        draw=story.request.draw,
        text=story.request.text,
        parent=PARENT,
        mask=mask_of(story.request.mask) if story.request.mask else None,
    )
    found = drawn(part, again)
    assert (found.frame_id, found.content_sha256) == (frame.frame_id, frame.content_sha256)
    assert found.provenance == story


def test_it_learns_nothing(made: Made, tmp_path: Path) -> None:
    part = parts.build("generators", "hub")
    report = part.fit(TrainingData(source=FrameList([PARENT])), tmp_path, seed=1)
    assert report.steps == 0
    assert not any(tmp_path.iterdir())
    assert made("controlnet").models == "p(x | y)"
    assert made("instruct").models == "p(x | y, parent)"
