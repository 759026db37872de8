"""What `hub` says in words and shows its ControlNets; no pipeline is needed for it."""

from itertools import product
from typing import Any

import numpy as np
from conftest import make_frame

from parhelion.generators._hub_controls import ADE20K, KEPT, coloured, control_picture, nearness
from parhelion.generators._hub_settings import HubConfig
from parhelion.generators._hub_words import prompt_of
from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import Request
from parhelion.pipeline.frame import Annotation
from parhelion.pipeline.scene_class import COARSE, FINE, SceneClass

PARENT = make_frame(9)
FOG = Conditions(weather=Weather.FOGGY, hour=12)
NIGHT = Conditions(weather=Weather.RAINING, time_of_day=TimeOfDay.NIGHT)


def prompt(kind: str, conditions: Conditions = FOG, most: int = 6, **asked: Any) -> str:
    request = Request(conditions=conditions, seed=1, parent=PARENT, **asked)
    return prompt_of(request, conditions, HubConfig(kind=kind, most_classes=most))


def test_a_prompt_says_the_conditions_and_the_classes() -> None:
    words = prompt("img2img", NIGHT)
    for said in ("at night", "in the rain", "on wet ground", "overcast", "road", "buildings"):
        assert said in words
    assert words.index("buildings") < words.index("cars")  # the largest first
    assert "in thick fog" in prompt("controlnet")
    assert "snow on the ground" in prompt("img2img", Conditions(weather=Weather.CHRISTMAS))
    assert "with" not in prompt("img2img", most=0)


def test_prompts_that_are_the_same_are_of_one_cell() -> None:
    said: dict[str, set[str]] = {}
    for weather, time in product(Weather, TimeOfDay):
        c = Conditions(weather=weather, time_of_day=time)
        said.setdefault(prompt("controlnet", c), set()).add(c.cell)
    assert all(len(cells) == 1 for cells in said.values())


def test_an_instruction_says_what_changes_and_a_text_comes_first() -> None:
    words = prompt("instruct", NIGHT, text="turn on the lamps")
    assert words.startswith("turn on the lamps, make it")
    assert "at night" in words
    assert "cars" not in words


def test_in_a_mask_only_what_stands_there_is_named() -> None:
    assert PARENT.stencil is not None
    car = PARENT.stencil == SceneClass.CAR
    assert prompt("inpaint", mask=car).endswith("with cars")
    assert prompt("inpaint", mask=car, becomes=SceneClass.SIDEWALK).endswith("with sidewalk")


def test_a_text_for_a_mask_says_alone_what_comes() -> None:
    """The parent's labels say what is to go."""
    hole: dict[str, Any] = {"mask": np.ones(PARENT.size, dtype=np.bool_)}
    text = {"text": "an empty road"}
    assert "buildings" in prompt("inpaint", **hole)
    assert "buildings" not in prompt("inpaint", **hole, **text)
    assert "buildings" in prompt("inpaint", **hole, **text, annotation=PARENT)


def test_colours_that_are_kept_are_told_apart() -> None:
    fine = [ADE20K[c] for c in KEPT["ade20k"] & FINE]
    assert len(set(fine)) == len(fine)
    assert {ADE20K[c] for c in COARSE} <= set(fine)
    assert ADE20K[SceneClass.SKY] == (6, 230, 230)  # as the palette of ADE20K is published
    picture = coloured(np.array([[SceneClass.ROAD, SceneClass.IGNORE]], dtype=np.uint8), "ade20k")
    assert picture.tolist() == [[[140, 140, 140], [0, 0, 0]]]


def test_near_is_white_and_sky_is_black() -> None:
    depth = np.array([[2, 4, 8, np.inf, np.nan]], dtype=np.float32)
    assert nearness(depth).tolist() == [[255, 128, 64, 0, 0]]
    assert not nearness(np.full((2, 2), np.inf, dtype=np.float32)).any()
    picture = control_picture("depth", Annotation(depth=depth), "ade20k")
    assert picture.shape == (1, 5, 3)
